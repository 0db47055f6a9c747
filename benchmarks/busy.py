"""The server while it is busy: how long `/healthz` takes meanwhile, and how much memory.

`mgraph serve`, with its store in files, does the work of the first column, which two processes ask
for again and again. Meanwhile, this process asks it for `/healthz`, and in turn a server of
*uvicorn alone*, which does nothing else and shares the machine: what that needs is not mgraph's.
Times are of the client, from the request to the whole reply. *Memory* is the largest during one
request for 200,000 rows of a graph with 529 leaves, with the gradient of one of them, beyond what
the server has before it: as tensors of one column, and as a stream of Arrow record batches with a
column for each leaf, 846 MB altogether.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import socket
import struct
import sys
from contextlib import contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.measure import workspace
from benchmarks.report import progress, seconds, size, table
from benchmarks.serve import PEER, get, memory_of, server, wait_until_warm

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from multiprocessing.synchronize import Event

    from benchmarks.report import Figures

    Request = Callable[[], tuple[str, str, bytes | Iterator[bytes], dict[str, str]]]

TARGET: Final = 20e-3
"""For the 99th percentile."""

MEMORY: Final = 100 * 2**20

_SERVER: Final = (
    sys.executable, "-c", "from mgraph.__main__ import main; main()", "serve", "shared",
    "--port", "0", "--rate", "1e6",
)  # fmt: skip
_PAUSE: Final = 0.004
_LEAVES: Final = 529
_ROWS: Final = 200_000
_BATCH: Final = 4_000
_FILE: Final = 8 * 2**20 - 2**10
_JSON: Final = {"Content-Type": "application/json"}


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    duration = 0.5 if quick else 20.0
    rows, figures = [], []
    with (
        workspace() as space,
        server(space.folder, *_SERVER, is_pinned=False) as (_, port, _),
        server(space.folder, *PEER, "uvicorn", is_pinned=False) as (_, bare, _),
    ):
        wait_until_warm(port)
        for what, kind in _KINDS.items():
            progress(what)
            with _load(kind, port):
                ours, theirs = _probe(port, bare, duration)
            times = [_quantile(ours, q) for q in (0.5, 0.99, 1.0)]
            beside = [_quantile(theirs, q) for q in (0.5, 0.99)]
            verdict = "reached" if times[1] < TARGET else "missed"
            rows.append((what, *map(seconds, (*times, *beside)), verdict))
            figures.append({"what": what, "seconds": times[1], "beside": beside[1]})
    grown = {what: _memory(large) for what, large in _LARGE.items()}
    columns = ("meanwhile", "median", "99th percentile", "longest", "uvicorn alone: median", "99th")
    yield from table((*columns, f"target: {seconds(TARGET)}"), rows)
    yield ""
    sizes = [(what, size(x), "reached" if x <= MEMORY else "missed") for what, x in grown.items()]
    yield from table(("200,000 rows × 529 leaves", "memory", f"target: {size(MEMORY)}"), sizes)
    return [*figures, *({"what": what, "bytes": x} for what, x in grown.items())]


def _quantile(times: list[float], q: float) -> float:
    ordered = sorted(times)
    return ordered[min(int(q * len(ordered)), len(ordered) - 1)]


def _probe(port: int, bare: int, duration: float) -> tuple[list[float], list[float]]:
    """Ask two servers in turn; return how long each of their replies took, in seconds."""
    requests = {port: get("/healthz", ""), bare: get("/", "")}
    times: dict[int, list[float]] = {port: [], bare: []}
    connections = {at: socket.create_connection(("127.0.0.1", at)) for at in requests}
    end = perf_counter() + duration
    for at, connection in connections.items():  # the first request takes longer
        _seconds(connection, requests[at])
    while perf_counter() < end:
        for at, connection in connections.items():
            times[at].append(_seconds(connection, requests[at]))
            sleep(_PAUSE)
    for connection in connections.values():
        connection.close()
    return times[port], times[bare]


def _seconds(connection: socket.socket, request: bytes) -> float:
    """Return how long the reply to a request takes."""
    start = perf_counter()
    connection.sendall(request)
    data = b""
    while b'{"ok":true}' not in data:
        data += connection.recv(4096)
    return perf_counter() - start


@contextmanager
def _load(kind: Callable[[int], Request], port: int) -> Iterator[None]:
    """Have two processes send requests for the length of a block."""
    stopped = multiprocessing.Event()
    begun = [multiprocessing.Event() for _ in range(2)]
    senders = [
        multiprocessing.Process(target=_send, args=(kind, port, event, stopped)) for event in begun
    ]
    for sender in senders:
        sender.start()
    for event in begun:
        assert event.wait(120)
    try:
        yield
    finally:
        stopped.set()
        for sender in senders:
            sender.join()
            assert sender.exitcode == 0


def _send(kind: Callable[[int], Request], port: int, begun: Event, stopped: Event) -> None:
    """Send requests of a kind until somebody says to stop."""
    request = kind(port)
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    while not stopped.is_set():
        status = _status(connection, request)
        assert status in (200, 201, 503), status
        begun.set()
        sleep(1.0 if status == HTTPStatus.SERVICE_UNAVAILABLE else 0.0)  # as Retry-After says


def _status(connection: HTTPConnection, request: Request) -> int:
    method, path, body, headers = request()
    connection.request(method, path, body, headers)
    reply = connection.getresponse()
    reply.read()
    return reply.status


# --- the work ---


def _file(nodes: int, bytes_: int = 0) -> bytes:
    """Return a graph file: a chain of so many nodes, padded to so many bytes."""
    lines = [{"id": "n0", "op": "param", "data": 1}]
    lines += [{"id": f"n{i}", "op": "neg", "args": [f"n{i - 1}"]} for i in range(1, nodes)]
    graph = {"mgraph": "1.0", "nodes": lines, "outputs": [f"n{nodes - 1}"]}
    return json.dumps(graph).encode().ljust(bytes_)


def _wide() -> bytes:
    """Return a graph file with 529 leaves: a dot product of weights and tanh of the others."""
    leaves = [f"x{i}" for i in range(_LEAVES)]
    nodes = [{"id": x, "op": "param", "data": i / _LEAVES} for i, x in enumerate(leaves)]
    nodes += [{"id": f"t{i}", "op": "tanh", "args": [x]} for i, x in enumerate(leaves)]
    nodes += [{"id": "o", "op": "sum", "args": [f"t{i}" for i in range(_LEAVES)]}]
    return json.dumps({"mgraph": "1.0", "nodes": nodes, "outputs": ["o"]}).encode()


def _stored(port: int, data: bytes) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("POST", "/api/graphs", data, _JSON)
    reply = connection.getresponse()
    document: str = json.loads(reply.read())["id"]
    connection.close()
    return document


def _uploads(_port: int) -> Request:
    data, draw = _file(100_000, _FILE), random.Random()  # noqa: S311 - no secret
    return lambda: ("POST", "/api/graphs", data[: -draw.randrange(1, 10_000)], _JSON)


def _runs(nodes: int) -> Callable[[int], Request]:
    def kind(port: int) -> Request:
        path = f"/api/graphs/{_stored(port, _file(nodes))}/run"
        draw = random.Random()  # noqa: S311 - no secret

        def request() -> tuple[str, str, bytes, dict[str, str]]:
            return "POST", path, json.dumps({"inputs": {"n0": draw.random()}}).encode(), _JSON

        return request

    return kind


def _files(port: int) -> Request:
    path = f"/api/graphs/{_stored(port, _file(100_000, _FILE))}"
    return lambda: ("GET", path, b"", {})


def _inference(rows: int) -> Callable[[int], Request]:
    def kind(port: int) -> Request:
        path = f"/v2/models/{_stored(port, _wide())}/infer"
        x = np.linspace(-1.0, 1.0, rows).tobytes()
        binary, tensor = {"binary_data": True}, {"datatype": "FP64", "shape": [rows]}
        asked = {
            "inputs": [{"name": "x0", **tensor, "parameters": {"binary_data_size": len(x)}}],
            "outputs": [{"name": name, "parameters": binary} for name in ("o", "grad:x0")],
        }
        header = json.dumps(asked).encode()
        headers = {"Inference-Header-Content-Length": str(len(header))}
        return lambda: ("POST", path, header + x, headers)

    return kind


def _stream(port: int) -> Request:
    """Return a request for the gradient of one leaf, with a column for each, in batches."""
    import pyarrow as pa  # noqa: PLC0415 - not in the processes that need none

    path = f"/api/graphs/{_stored(port, _wide())}/rows?wrt=x0&keep=none"
    names = [f"x{i}" for i in range(_LEAVES)]
    batch = pa.RecordBatch.from_arrays([pa.array(np.full(_BATCH, 0.5)) for _ in names], names)

    def blocks() -> Iterator[bytes]:
        yield batch.schema.serialize().to_pybytes()
        message = batch.serialize().to_pybytes()
        for _ in range(_ROWS // _BATCH):
            yield message
        yield struct.pack("<II", 0xFFFFFFFF, 0)

    headers = {"Content-Type": "application/vnd.apache.arrow.stream"}
    return lambda: ("POST", path, blocks(), headers)


def _memory(large: Callable[[int], Request]) -> int:
    """Return how many bytes a server needs, at most, for one large request."""
    progress("memory")
    with workspace() as space, server(space.folder, *_SERVER) as (pid, port, _):
        wait_until_warm(port)
        connection = HTTPConnection("127.0.0.1", port, timeout=600)
        assert _status(connection, _inference(1_000)(port)) == HTTPStatus.OK  # compiles kernels
        before = memory_of(pid)
        assert _status(connection, large(port)) == HTTPStatus.OK
        return memory_of(pid, "VmHWM") - before


_LARGE: Final = {"tensors": _inference(_ROWS), "record batches": _stream}

_KINDS: Final[dict[str, Callable[[int], Request]]] = {
    "uploads of 8 MiB, 100,000 nodes": _uploads,
    "replies of 8 MiB": _files,
    "runs of 100,000 nodes": _runs(100_000),
    "runs of 3,000 nodes": _runs(3_000),
    "inference, 1,000 rows × 529 leaves": _inference(1_000),
    "inference, 200,000 rows × 529 leaves": _inference(_ROWS),
}
