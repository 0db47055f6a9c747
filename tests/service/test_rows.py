"""Rows as Arrow streams: results with the bits of the mapper, bounded, and never a 500."""

from __future__ import annotations

import json
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mgraph import rows
from mgraph.client import AsyncClient, Client, ServerError
from mgraph.engine import tape
from tests.command_line import NEURON
from tests.service.serving import OPEN, Answered, Serving

if TYPE_CHECKING:
    from collections.abc import Iterator

KIND = "application/vnd.apache.arrow.stream"
URL = "http://localhost:8765"
END = b"\xff\xff\xff\xff\0\0\0\0"
COUNT = 3_000
TABLE = pa.table(
    {
        "day": pa.array(["Mon", "Tue", None] * (COUNT // 3)).dictionary_encode(),
        "x1": np.linspace(-2.0, 2.0, COUNT),
        "x2": pa.array([1, 2, 3] * (COUNT // 3), pa.int32()),
    }
)


def streamed(table: pa.Table, rows_: int = 700, **options: Any) -> bytes:  # noqa: ANN401
    """Return a table as an Arrow stream, with so many rows in a batch."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, **options) as writer:
        writer.write_table(table, max_chunksize=rows_)
    data: bytes = sink.getvalue().to_pybytes()
    return data


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    """Return a service with the neuron, and a graph of two outputs."""
    with Serving() as service:
        service.put(NEURON.read_bytes(), "neuron")
        nodes = [
            {"id": "x", "op": "input"},
            {"id": "w", "op": "param", "data": 2.0},
            {"id": "p", "op": "mul", "args": ["x", "w"]},
            {"id": "q", "op": "neg", "args": ["p"]},
        ]
        two = {"mgraph": "1.0", "nodes": nodes, "outputs": ["p", "q"]}
        service.put(json.dumps(two).encode(), "two")
        yield service


def send(serving: Serving, data: bytes, query: str = "", model: str = "neuron") -> Answered:
    """Send a stream."""
    return serving("POST", f"/api/graphs/{model}/rows?{query}", data, content_type=KIND)


def table_of(answered: Answered) -> pa.Table:
    """Return the rows of a reply that is complete."""
    assert (answered.status, answered.is_whole) == (200, True), answered
    assert answered.headers["content-type"] == KIND
    assert answered.body.endswith(END)
    return pa.ipc.open_stream(answered.body).read_all()


# --- results ---


@pytest.mark.parametrize(
    ("query", "options", "kept"),
    [
        ("", {"grad": "rows"}, ["day", "x1", "x2"]),
        ("grad=none", {}, ["day", "x1", "x2"]),
        ("wrt=w2,x1&keep=day", {"grad": "rows", "wrt": ["w2", "x1"]}, ["day"]),
        ("wrt=w2&wrt=x1&keep=none", {"grad": "rows", "wrt": ["w2", "x1"]}, []),
        ("column=w1=x1&column=x1=x2&grad=none", {"columns": {"w1": "x1", "x1": "x2"}},
         ["day", "x1", "x2"]),
        ("seed=o=-0.5&wrt=b&keep=x2&keep=x1", {"grad": "rows", "wrt": ["b"], "seed": {"o": -0.5}},
         ["x1", "x2"]),
        ("math=auto&grad=none&keep=all", {"math": "auto"}, ["day", "x1", "x2"]),
        ("math=exact", {"math": "exact", "grad": "rows"}, ["day", "x1", "x2"]),
    ],
)  # fmt: skip
def test_results_are_those_of_the_mapper(
    serving: Serving, query: str, options: dict[str, Any], kept: list[str]
) -> None:
    """Bit for bit, for each option of `mgraph replay`; the other columns come back unchanged."""
    mapper = rows.mapper(NEURON, **options)
    expected = mapper.apply(TABLE).select([*kept, *mapper.results])
    got = table_of(send(serving, streamed(TABLE), query))
    assert got.schema.equals(expected.schema)
    for name in got.schema.names:
        if name in mapper.results:
            assert got[name].to_numpy().tobytes() == expected[name].to_numpy().tobytes()
    assert got.select(kept).equals(expected.select(kept))


def test_numbers_of_a_golden_file(serving: Serving) -> None:
    """The neuron's value and gradients, from 50-digit arithmetic."""
    golden = json.loads(NEURON.read_bytes())["runs"][0]
    got = table_of(send(serving, streamed(pa.table({"x1": [2.0]})))).to_pylist()[0]
    assert got["o"] == pytest.approx(golden["data"]["o"], rel=1e-15)
    for name in ("x1", "w1", "x2", "w2", "b"):
        assert got[f"grad:{name}"] == pytest.approx(golden["grad"][name], rel=1e-14, abs=1e-15)


@pytest.mark.parametrize("bad_rows", ["skip", "null"])
def test_bad_rows(serving: Serving, bad_rows: str) -> None:
    """They are left out, or have null results."""
    table = pa.table({"x1": [1.0, None, 3.0], "n": [1, 2, 3]})
    got = table_of(send(serving, streamed(table), f"bad_rows={bad_rows}&wrt=w1"))
    numbers = [1, 3] if bad_rows == "skip" else [1, 2, 3]
    assert got["n"].to_pylist() == numbers
    assert got["o"].null_count == (bad_rows == "null")


def test_a_stream_without_rows(serving: Serving) -> None:
    """The reply has the columns of the results, and no rows; with empty batches, too."""
    table = TABLE.slice(0, 0)
    empty = pa.RecordBatch.from_pydict({"x1": pa.array([], pa.float64())})
    for data in (streamed(table), streamed(pa.Table.from_batches([empty, empty]))):
        got = table_of(send(serving, data))
        assert got.num_rows == 0
        assert got.schema.names[-1] == "grad:b"


def test_bytes_come_in_any_parts(serving: Serving) -> None:
    """One by one, or all at once."""
    data = streamed(TABLE.slice(0, 5))
    expected = send(serving, data).body
    parts = [data[i : i + 1] for i in range(len(data))]
    headers = {"content-type": KIND}
    (answered,) = serving.together(("POST", "/api/graphs/neuron/rows", parts, headers))
    assert answered.body == expected


def test_dictionaries_change_and_grow(serving: Serving) -> None:
    """Replaced dictionaries and additions to them are understood."""
    kind = pa.dictionary(pa.int8(), pa.string())
    days = [["a", "b"], ["a", "b", "c"], ["z"]]
    batches = [
        pa.RecordBatch.from_arrays(
            [pa.array(names).dictionary_encode().cast(kind), pa.array([1.0] * len(names))],
            ["day", "x1"],
        )
        for names in days
    ]
    for deltas in (False, True):
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=deltas)
        with pa.ipc.new_stream(sink, batches[0].schema, options=options) as writer:
            for batch in batches:
                writer.write_batch(batch)
        got = table_of(send(serving, sink.getvalue().to_pybytes(), "grad=none"))
        assert got["day"].to_pylist() == [name for names in days for name in names]


def test_each_batch_has_the_time_of_a_request() -> None:
    """A stream takes longer than the deadline, but none of its parts may."""
    headers, data = {"content-type": KIND}, streamed(TABLE, 1_000)
    third = len(data) // 3
    body: list[Any] = [data[:third], 1.7, data[third : 2 * third], 1.7, data[2 * third :]]
    with Serving(replace(OPEN, deadline=3.0)) as service:
        service.put(NEURON.read_bytes(), "neuron")
        send(service, data)  # compiles
        (answered,) = service.together(("POST", "/api/graphs/neuron/rows", body, headers))
        assert table_of(answered).num_rows == COUNT


def test_a_stream_that_stalls_is_ended() -> None:
    """The rest of a batch that does not come: 408, after the deadline."""
    data = streamed(TABLE)
    with Serving(replace(OPEN, deadline=0.5)) as service:
        stalled = (
            "POST",
            "/api/graphs/neuron/rows",
            [data[:20], 30.0, data[20:]],
            {"content-type": KIND},
        )
        service.put(NEURON.read_bytes(), "neuron")
        (answered,) = service.together(stalled)
        assert answered.status in (408, 504)  # 504 if compiling takes that long


# --- refusals ---


def _message(size: int) -> bytes:
    """Return what precedes the body of a batch, with another size in it, as Message.fbs has it."""
    batch = pa.RecordBatch.from_pydict({"x1": [1.0] * 1_001})
    data = batch.serialize().to_pybytes()
    metadata = data[: 8 + int.from_bytes(data[4:8], "little")]
    own = struct.pack("<q", len(data) - len(metadata))
    assert own in metadata
    changed: bytes = metadata.replace(own, struct.pack("<q", size))
    return changed


def _damaged() -> dict[str, bytes]:
    whole = streamed(TABLE.select(["x1", "x2"]), 5_000)
    file = pa.BufferOutputStream()
    with pa.ipc.new_file(file, TABLE.schema) as writer:
        writer.write_table(TABLE)
    lz4 = pa.ipc.IpcWriteOptions(compression="lz4")
    schema = TABLE.schema.serialize().to_pybytes()
    return {
        "nothing": b"",
        "text": b"x1,x2\n1,2\n",
        "a file": file.getvalue().to_pybytes(),
        "an end": END,
        "cut in its schema": whole[:100],
        "cut in a batch": whole[:-2_000],
        "without its end": whole[:-8],
        "two schemas": schema + schema + END,
        "bytes after its end": whole + b"x",
        "compressed": streamed(TABLE, options=lz4),
        "zeros": bytes(1_000),
        "no metadata": struct.pack("<II", 0xFFFFFFFF, 64) + bytes(64),
    }


@pytest.mark.parametrize("what", _damaged())
def test_damaged_streams(serving: Serving, what: str) -> None:
    """Each is 400 before anything is sent, or is cut off after what was right."""
    answered = send(serving, _damaged()[what])
    assert answered.status == 400 or (answered.status == 200 and not answered.is_whole), answered
    if answered.status == 400:
        assert answered.headers["content-type"] == "application/problem+json"
        assert "Arrow" in answered.json["detail"] or "compress" in answered.json["detail"]


@pytest.mark.parametrize(
    ("status", "text", "query", "table"),
    [
        (400, "grad is rows or none", "grad=sum", TABLE),
        (400, "column is LEAF=COLUMN", "column=x1", TABLE),
        (400, "column is LEAF=COLUMN", "column==x1", TABLE),
        (400, "seed is ID=X", "seed=o", TABLE),
        (400, "a seed is a number", "seed=o=one", TABLE),
        (400, "twice", "grad=rows&grad=none", TABLE),
        (400, 'can\'t have "grads" here; expected grad, wrt', "grads=rows", TABLE),
        (400, "no math library", "math=libx", TABLE),
        (400, 'fail, skip, null, not "no"', "bad_rows=no", TABLE),
        (400, "row is the number", "row=-1", TABLE),
        (422, "wrt", "grad=none&wrt=w1", TABLE),
        (422, "no column of the table", "column=x1=&column=x2=", TABLE),
        (422, "is not a node", "wrt=w9", TABLE),
        (422, "can't start at", "seed=n=1", TABLE),
        (422, 'has no column "y" to keep', "keep=y", TABLE),
        (422, "no column of the table", "", TABLE.select(["day"])),
        (422, 'has a column "o"', "", TABLE.append_column("o", TABLE["x1"])),
        (422, '"x1" is null in row 1, the first of 2', "", pa.table({"x1": [1.0, None, None]})),
        (422, "in row 8", "row=7", pa.table({"x1": [1.0, None]})),
        (422, '"x1" is string', "", pa.table({"x1": ["1"]})),
    ],
)
def test_refusals(serving: Serving, status: int, text: str, query: str, table: pa.Table) -> None:
    """Before the first byte of results, refusals are problems with diagnostics."""
    refused = send(serving, streamed(table), query)
    assert (refused.status, refused.headers["content-type"]) == (
        400 if text == "wrt" else status, "application/problem+json",
    )  # fmt: skip
    assert text in refused.json["detail"]


def test_where_the_body_is_no_stream(serving: Serving) -> None:
    """Another type, another encoding, another format of the reply; a graph that is not there."""
    data, path = streamed(TABLE), "/api/graphs/neuron/rows"
    assert serving("POST", path, data).status == 415
    assert serving("POST", path, data, content_type="text/plain").status == 415
    assert serving("POST", path, data, content_type=KIND, content_encoding="gzip").status == 415
    assert serving("POST", path, data, content_type=KIND, accept="text/csv").status == 406
    assert send(serving, data, model="nobody").status == 404
    assert serving("GET", path).status in (404, 405)


def test_a_bad_batch_cuts_the_reply_off(serving: Serving) -> None:
    """What was right has been sent; the end is missing twice, and the log says why."""
    good = TABLE.select(["x1"]).slice(0, 1_000)
    bad = pa.table({"x1": pa.array([1.0, None, 2.0])})
    data = streamed(pa.concat_tables([good, bad]), 1_000)
    answered = send(serving, data)
    assert (answered.status, answered.is_whole) == (200, False)
    assert not answered.body.endswith(END)
    reader = pa.ipc.open_stream(answered.body)
    assert reader.read_next_batch().num_rows == 1_000
    assert any("cut off: table: " in line and "row 1001" in line for line in serving.log()), (
        serving.log()[-3:]
    )


def test_one_batch_is_refused_as_a_whole(serving: Serving) -> None:
    """However many rows come before the bad one: nothing of the batch was sent."""
    values = np.ones(200_000)
    is_null = np.zeros(values.size, bool)
    is_null[-1] = True
    table = pa.table({"x1": pa.array(values, mask=is_null)})
    refused = send(serving, streamed(table, 200_000))
    assert refused.status == 422
    assert "row 199999" in refused.json["detail"]


def test_sizes_are_checked_before_memory_is_taken() -> None:
    """A batch that is too large, or says so, or has more rows than its bytes could hold."""
    with Serving(replace(OPEN, tensors=2**20)) as service:
        service.put(NEURON.read_bytes(), "neuron")
        large = pa.table({"x1": np.zeros(2**17 + 1)})
        assert send(service, streamed(large, large.num_rows)).status == 413
        assert table_of(send(service, streamed(large, 2**15))).num_rows == large.num_rows
        schema = pa.schema({"x1": pa.float64()}).serialize().to_pybytes()
        assert send(service, schema + _message(2**40)).status == 413
        assert send(service, schema + _message(-8)).status == 400
        assert send(service, struct.pack("<II", 0xFFFFFFFF, 2**31)).status == 413
        ends = pa.RunEndEncodedArray.from_arrays(pa.array([2**30], pa.int32()), pa.array([1.0]))
        repeated = pa.table({"x1": ends})
        assert send(service, streamed(repeated, 2**30)).status == 413
        nothing = pa.Array.from_buffers(pa.null(), 2**31 - 1, [None])
        batch = pa.RecordBatch.from_arrays([nothing], ["x1"])
        data = batch.schema.serialize().to_pybytes() + batch.serialize().to_pybytes() + END
        assert len(data) < 500
        assert send(service, data).status == 413


def test_without_the_extra(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without it says what it lacks."""
    monkeypatch.setattr(tape, "missing", lambda: "numpy")
    refused = send(serving, streamed(TABLE))
    assert (refused.status, "lacks numpy" in refused.json["detail"]) == (501, True)


WHOLE = streamed(TABLE.slice(0, 6), 3)


@given(
    st.lists(
        st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 9), st.binary(max_size=9)),
        max_size=4,
    )
)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_bytes_are_answered(serving: Serving, edits: list[tuple[int, int, bytes]]) -> None:
    """Streams with bytes cut out and put in: rows, a refusal, or a reply that is cut off."""
    data = WHOLE
    for at, count, put_in in edits:
        data = data[:at] + put_in + data[at + count :]
    before = len(serving.log())
    answered = send(serving, data, "grad=none")
    assert answered.status in (200, 400, 413, 422), answered
    assert not any("Traceback" in line for line in serving.log()[before:])


# --- the client ---


class Into(httpx.BaseTransport):
    """A way into a service in this process, which notes how large each request is."""

    def __init__(self, serving: Serving) -> None:
        """Take the service."""
        self.serving = serving
        self.sizes: list[int] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Make a request."""
        body, path = request.read(), request.url.raw_path.decode()
        self.sizes.append(len(body))
        parts = (request.method, path, [body], dict(request.headers))
        (answered,) = self.serving.together(parts)
        return httpx.Response(answered.status, headers=answered.headers, content=answered.body)


def test_the_client_takes_and_gives_tables(serving: Serving) -> None:
    """All options arrive; many rows are sent in several requests of a few megabytes."""
    way = Into(serving)
    with Client(URL, transport=way) as client:
        count = 600_000
        x = np.linspace(-1.0, 1.0, count)
        table = pa.table({"price": x, "other": x})
        got = client.rows(
            "neuron", table, wrt=["w1", "x2"], columns={"x1": "price"}, seed={"o": 2.0},
            keep=["other"],
        )  # fmt: skip
        mapper = rows.mapper(
            NEURON, grad="rows", wrt=["w1", "x2"], columns={"x1": "price"}, seed={"o": 2.0}
        )
        expected = mapper.apply(table).select(["other", *mapper.results])
        assert got.combine_chunks().equals(expected.combine_chunks())
        assert 3 <= len(way.sizes) < 12
        assert max(way.sizes) < 2**23
        assert client.rows("two", pa.table({"x": [1.0]}), grad="none").to_pydict() == {
            "x": [1.0], "p": [2.0], "q": [-2.0],
        }  # fmt: skip
        batches = table.select(["other"]).to_reader(max_chunksize=100)
        reader = pa.RecordBatchReader.from_batches(batches.schema, list(batches)[:7])
        assert client.rows("neuron", reader, columns={"x1": "other"}, keep="none").num_rows == 700
        empty = client.rows("neuron", pa.table({"x1": pa.array([], pa.float64())}), grad="none")
        assert (empty.num_rows, empty.schema.names) == (0, ["x1", "o"])


def test_the_client_says_what_the_server_said(serving: Serving) -> None:
    """Rows are counted over all requests; what is no table is refused here."""
    values: list[float | None] = [1.0] * 2_500
    values[2_400] = None
    with Client(URL, transport=Into(serving)) as client:
        with pytest.raises(ServerError, match='"x1" is null in row 2400') as caught:
            client.rows("neuron", pa.table({"x1": values}))
        assert caught.value.status == 422
        with pytest.raises(ServerError, match="no name") as caught:
            client.rows("nobody", TABLE)
        assert caught.value.status == 404
        for wrong in ([1.0], "rows.csv"):  # files are for replay, on the machine that has them
            with pytest.raises(TypeError, match=r"expected a table .* or Polars, not (list|str)$"):
                client.rows("neuron", wrong)
        with pytest.raises(TypeError, match="wrt takes several ids"):
            client.rows("neuron", TABLE, wrt="w1")


def test_the_client_notices_an_answer_that_was_cut_off() -> None:
    """Whatever stands between it and the server: the mark of the end is missing."""
    cut = streamed(TABLE)[:-8]
    headers = {"content-type": KIND}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, content=cut))
    with Client(URL, transport=transport) as client, pytest.raises(ServerError, match="cut"):
        client.rows("neuron", TABLE)


def test_the_asynchronous_client(serving: Serving) -> None:
    """It returns the same."""
    with Client(URL, transport=Into(serving)) as client:
        expected = client.rows("neuron", TABLE)

    async def ask() -> pa.Table:
        async with AsyncClient(URL, transport=httpx.ASGITransport(serving.app)) as client:
            return await client.rows("neuron", TABLE)

    assert serving.runner.run(ask()).equals(expected)
