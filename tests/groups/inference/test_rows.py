"""Arrow streams over real connections: little memory both ways, and a reply that is cut off."""

from __future__ import annotations

import http.client
import re
import subprocess
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from mgraph import rows
from mgraph.client import Client, ServerError
from tests.command_line import NEURON
from tests.service.server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.service.server import Server

KIND = "application/vnd.apache.arrow.stream"
PATH = "/api/graphs/neuron/rows"
BATCH = 2**16
BATCHES = 100


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Start a server that has the neuron."""
    with serving(tmp_path_factory.mktemp("server"), "--rate", "100000") as started:
        with Client(started.url) as client:
            client.put(NEURON.read_bytes(), "neuron")
            client.rows("neuron", pa.table({"x1": np.zeros(BATCH), "x2": np.zeros(BATCH)}))
        yield started


def _batch(i: int) -> pa.RecordBatch:
    x = np.linspace(i, i + 1.0, BATCH)
    return pa.RecordBatch.from_pydict({"x1": x, "x2": -x})


def _memory(server: Server, what: str) -> int:
    """Return the resident memory of a server in bytes, now (VmRSS) or at its largest (VmHWM)."""
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    found = re.search(rf"{what}:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def _send(connection: http.client.HTTPConnection, batches: Iterator[pa.RecordBatch]) -> None:
    """Send a stream in chunks, one batch in each."""
    schema = _batch(0).schema
    connection.putrequest("POST", f"{PATH}?keep=none")
    connection.putheader("Content-Type", KIND)
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    end = b"\xff\xff\xff\xff\0\0\0\0"
    for data in (schema.serialize(), *(batch.serialize() for batch in batches), end):
        block = bytes(data)
        connection.send(b"%x\r\n%s\r\n" % (len(block), block))
    connection.send(b"0\r\n\r\n")


def _exchange(server: Server, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Send a stream in one thread, and yield what comes back meanwhile."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.connect()
    sender = threading.Thread(target=_send, args=(connection, batches), daemon=True)
    sender.start()
    with closing(connection), closing(http.client.HTTPResponse(connection.sock)) as response:
        response.begin()
        assert response.status == 200
        with pa.ipc.open_stream(pa.PythonFile(response, mode="r")) as reader:
            yield from reader
        sender.join(60)


def test_a_long_stream_takes_little_memory(server: Server) -> None:
    """6.5 million rows in, and their results and gradients out: some megabytes on the server.

    Together that is 420 MB; what the server may take is a batch, its results, and buffers.
    """
    before = _memory(server, "VmRSS")
    mapper = rows.mapper(NEURON, grad="rows")
    at, count, expected = 0, 0, mapper.apply(_batch(0))
    for results in _exchange(server, (_batch(i) for i in range(BATCHES))):
        assert results.schema.names == [*mapper.results]
        if at == 0:
            count += 1
            expected = mapper.apply(_batch(count - 1)).select([*mapper.results])
        part = expected.slice(at, results.num_rows)
        assert all(
            a.to_numpy().tobytes() == b.to_numpy().tobytes()
            for a, b in zip(results.columns, part.columns, strict=True)
        )
        at = (at + results.num_rows) % BATCH
    assert (count, at) == (BATCHES, 0)
    if Path("/proc/self/status").exists():
        assert _memory(server, "VmHWM") - before < 64 * 2**20


def test_a_reply_that_is_cut_off(server: Server) -> None:
    """Results of the batches before the wrong one arrive; then HTTP itself says that it broke."""
    bad = pa.RecordBatch.from_pydict({"x1": pa.array([1.0, None]), "x2": pa.array([1.0, 2.0])})
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    with closing(connection):
        _send(connection, iter([_batch(0), bad]))
        response = connection.getresponse()
        assert response.status == 200
        with pytest.raises(http.client.IncompleteRead) as caught:
            response.read()
        response.close()
    partial = pa.ipc.open_stream(caught.value.partial)
    received = 0
    while received < BATCH:
        received += partial.read_next_batch().num_rows
    assert received == BATCH


def test_one_wrong_batch_is_a_problem_over_http(server: Server) -> None:
    """The client has the diagnostics, with the number of the row."""
    table = pa.table({"x1": pa.array([1.0, None]), "x2": [1.0, 2.0]})
    with Client(server.url) as client, pytest.raises(ServerError, match="null in row 1"):
        client.rows("neuron", table)


def test_a_client_that_goes_away(server: Server) -> None:
    """The server stops computing, and serves others."""
    for _ in range(3):
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        schema = bytes(_batch(0).schema.serialize())
        connection.putrequest("POST", PATH)
        connection.putheader("Content-Type", KIND)
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        connection.send(b"%x\r\n%s\r\n" % (len(schema), schema))
        connection.close()
    with Client(server.url) as client:
        assert client.rows("neuron", pa.table({"x1": [2.0]}), grad="none").num_rows == 1


def test_curl_as_documented(server: Server, tmp_path: Path) -> None:
    """The lines of the documentation: a file of megabytes goes there and back."""
    table = pa.table({"day": ["Mon", "Tue"] * 200_000, "x1": np.linspace(0.0, 1.0, 400_000)})
    with pa.ipc.new_stream(str(tmp_path / "rows.arrows"), table.schema) as writer:
        writer.write_table(table)
    page = Path(__file__).parents[3] / "docs" / "inference.md"
    found = re.search(r"^curl (?:.*\\\n)*.*$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    command = found[0].replace("http://127.0.0.1:8765", server.url).replace("lessons/", "")
    subprocess.run(command, shell=True, check=True, cwd=tmp_path, capture_output=True)  # noqa: S602 - a line of ours
    with pa.ipc.open_stream(str(tmp_path / "results.arrows")) as reader:
        got: Any = reader.read_all()
    mapper = rows.mapper(NEURON, grad="rows", wrt=["w1"])
    expected = mapper.apply(table).select(["day", *mapper.results])
    assert got.combine_chunks().equals(expected.combine_chunks())
