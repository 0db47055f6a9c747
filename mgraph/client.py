"""A client of `mgraph serve`: store graphs, get them back, run them, name them. Extra: `serve`.

```python
import mgraph
from mgraph.client import Client

with Client("http://127.0.0.1:8765", token="mgraph_...") as client:
    stored = client.put(mgraph.load("neuron.json"), name="class-7a/anna")
    run = client.run(stored.id, {"x1": 0.5})
```
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import contextmanager
from hashlib import sha256
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self, TypeVar
from urllib.parse import quote

from mgraph.codec import SPECIAL, spelled
from mgraph.document import Graph, loads
from mgraph.errors import Diagnostic, GraphError, MissingExtraError, printable, quoted, without_user
from mgraph.extras import install
from mgraph.graph.run import Run

if find_spec("httpx") is None:
    _message = f"mgraph.client needs httpx, which is not installed: {install('serve')}"
    raise MissingExtraError(_message)

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator, Mapping, Sequence

    import pyarrow as pa

    Steps = Generator["_Call", "_Answer", "T"]

T = TypeVar("T")

LARGEST: Final = 2**28
"""The most bytes of an answer that are read."""

_JSON: Final = "application/json"
_MSGPACK: Final = "application/vnd.msgpack"
_ARROW: Final = "application/vnd.apache.arrow.stream"
_ARROW_END: Final = b"\xff\xff\xff\xff\0\0\0\0"
_FIRST_ROWS: Final = 1_000
_MOST_ROWS: Final = 2**20
_ROWS_BYTES: Final = 2**23
"""Bytes of rows and their results that one request is about, if that is known."""

_DOCUMENT: Final = "sha256:"
_UNAVAILABLE: Final = 503
_NOT_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
"""What versions of OpenSSL call bytes that are not those of TLS."""

_ERRNO: Final = re.compile(r"\A\[Errno -?[0-9]+\] ")
_PAGE: Final = 1000
_SHORTEST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 10.0


class ServedGraph(NamedTuple):
    """A graph file that a server has.

    Attributes:
        id: The id of the file: `sha256:` and the SHA-256 of its bytes.
        hash: The canonical hash of its graph.
        nodes: The number of nodes.
        url: The address of its page, without user and password; with its name, if it was given one.
    """

    id: str
    hash: str
    nodes: int
    url: str


class ServedName(NamedTuple):
    """A name, and what it points to.

    Attributes:
        name: The name.
        id: The id of the file.
        revision: Changes whenever the name is set.
        updated: When it was set, in UTC.
    """

    name: str
    id: str
    revision: str
    updated: str


class ServerError(GraphError):
    """A server refused a request, or could not be reached.

    Attributes:
        status: The status code of HTTP; 0 if there was no answer.
    """

    status: int = 0

    def __str__(self) -> str:
        """Render every diagnostic; one without a position doesn't begin with `graph:`."""
        return re.sub(r"^graph: ", "", super().__str__(), flags=re.MULTILINE)


class _Call(NamedTuple):
    """One request to the server.

    Attributes:
        method: The method.
        url: The path, quoted.
        headers: Headers besides those of every request.
        content: The body.
        params: The query.
    """

    method: str
    url: str
    headers: Mapping[str, str] = {}
    content: bytes = b""
    params: Mapping[str, Any] = {}


class _Answer(NamedTuple):
    """The reply to a request.

    Attributes:
        status: The status code.
        headers: Its headers.
        content: Its body.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes


class _Connection:
    """What both clients have: where the server is, and what every request says."""

    def __init__(self, url: str, token: str, retries: int) -> None:
        self.url = url.rstrip("/")
        self._retries = retries
        self._headers = {"accept": _JSON, "user-agent": "mgraph"}
        if token:
            self._headers["authorization"] = f"Bearer {_for_header(token, 'token')}"

    def _options(self, timeout: float, transport: Any) -> dict[str, Any]:  # noqa: ANN401
        return {
            "base_url": self.url, "headers": self._headers, "timeout": timeout,
            "transport": transport, "follow_redirects": False,
        }  # fmt: skip


class Client(_Connection):
    """A client of a server, for ordinary functions. It may be used by several threads.

    It is a context manager; without `with`, call `close`.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        timeout: float = 30.0,
        retries: int = 3,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Take the address of the server. Nothing is sent yet.

        Args:
            url: The address, such as `http://127.0.0.1:8765`.
            token: A token of `mgraph token new`, without which a server may refuse to store.
            timeout: For how many seconds to wait for an answer.
            retries: How often a request is made again if the server is too busy (503). It is made
                when the server says, but in at most 10 seconds.
            transport: Another way to the server, as httpx has them.

        Raises:
            ServerError: The address is none of HTTP, or the token can't be one.
        """
        super().__init__(url, token, retries)
        with _reaching(self.url):
            self._http = httpx.Client(**self._options(timeout, transport))

    def put(
        self,
        graph: Graph | bytes,
        name: str = "",
        *,
        revision: str | None = None,
        unlisted: bool = False,
    ) -> ServedGraph:
        """Store a graph, and give it a name.

        Args:
            graph: The graph, or the bytes of its file, which are stored as they are.
            name: A name such as `class-7a/anna`; empty for none.
            revision: The revision that the name has now; None if it must not exist yet.
            unlisted: Whether the file is found by its id, or its name, only, and not by the hash
                of its graph.

        Raises:
            ServerError: The server refuses the graph (it lists every fault) or the name.
        """
        return self._finish(_put(self.url, graph, name, revision, unlisted=unlisted))

    def get(self, reference: str) -> Graph:
        """Return a graph.

        Args:
            reference: The id of a file, the canonical hash of a graph, or a name.

        Raises:
            ServerError: There is none.
            GraphError: What the server sent is not a valid graph file.
        """
        return loads(self.get_bytes(reference), reference)

    def get_bytes(self, reference: str) -> bytes:
        """Return a graph's file, byte for byte as it was stored; its hash is checked.

        Args:
            reference: The id of a file, the canonical hash of a graph, or a name.

        Raises:
            ServerError: There is none, or the server sent another one.
        """
        return self._finish(_get(reference))

    def run(
        self,
        reference: str,
        inputs: Mapping[str, float] | None = None,
        *,
        seed: Mapping[str, float] | None = None,
        grad: bool = True,
        math: str = "libm",
    ) -> Run:
        """Run a graph on the server, as `Graph.run` does here, with the same bits.

        Args:
            reference: The id of a file, the canonical hash of a graph, or a name.
            inputs: Values of inputs and params that replace the declared ones, by id.
            seed: Gradients that outputs start with, by id; may be left out with one output.
            grad: Whether to run backward.
            math: `"exact"` gives the same bits on every machine; `"libm"` takes `exp`, `tanh` and
                so on from the server's math library.

        Raises:
            ServerError: There is no such graph, or it can't be run like this.
        """
        return self._finish(_run(reference, inputs, seed, grad=grad, math=math))

    def rows(  # noqa: PLR0913 - one keyword per choice
        self,
        reference: str,
        table: Any,  # noqa: ANN401 - whatever exports Arrow streams
        *,
        grad: Literal["rows", "none"] = "rows",
        wrt: Sequence[str] | None = None,
        columns: Mapping[str, str] | None = None,
        seed: Mapping[str, float] | None = None,
        keep: Literal["all", "none"] | Sequence[str] = "all",
        bad_rows: Literal["fail", "skip", "null"] = "fail",
        math: str = "libm",
    ) -> pa.Table:
        """Run a graph on the server over the rows of a table, as `mgraph.rows.replay` does here.

        The rows are sent some at a time, each time in a request of its own, so that the server
        needs little memory, and what it is too busy for is asked for again. It needs pyarrow.

        Args:
            reference: The id of a file, the canonical hash of a graph, or a name.
            table: The rows: a table, record batch, reader or dataset of Arrow, or a table of
                pandas, Polars or anything else that exports Arrow streams.
            grad: `"rows"` adds the gradients of each row, `"none"` runs forward only.
            wrt: The ids whose gradients are wanted, in this order; None for all.
            columns: The names of the columns of some inputs and params, by id. All others have the
                column of their own name, if there is one, else their declared value.
            seed: Gradients that outputs start with, by id; may be left out with one output.
            keep: Which columns of the table to return before the results: `"all"`, `"none"`, or
                names, which have no commas.
            bad_rows: What to do about rows with a null, or an integer beyond 2^53: `"fail"`,
                `"skip"` or `"null"`.
            math: The library for `exp`, `tanh` and so on. `"libm"` gives the bits of single runs,
                `"auto"` is the fastest on the server, `"exact"` gives the same bits on every
                machine.

        Returns:
            The columns that were kept, then the outputs, then the gradients, named `grad:ID`.

        Raises:
            MissingExtraError: pyarrow is not installed.
            ServerError: There is no such graph, the table doesn't fit it, or a row is bad.
            TypeError: `table` is none of these, or `wrt` is one string.
        """
        options = _row_options(grad, wrt, columns, seed, keep, bad_rows, math)
        return self._finish(_rows(reference, table, options))

    def names(self, prefix: str = "") -> Iterator[ServedName]:
        """Yield the names below a prefix, or all of them, in order.

        Args:
            prefix: Such as `class-7a`, which has `class-7a/anna`; empty for all.

        Raises:
            ServerError: The prefix can't be one.
        """
        after: str | None = ""
        while after is not None:
            page, after = self._finish(_names(prefix, after))
            yield from page

    def get_name(self, name: str) -> ServedName:
        """Return what a name points to.

        Args:
            name: The name.

        Raises:
            ServerError: There is no such name.
        """
        return self._finish(_get_name(name))

    def set_name(self, name: str, document: str, revision: str | None = None) -> ServedName:
        """Point a name to a file, if it is as expected.

        Args:
            name: The name.
            document: The id of the file.
            revision: The revision that the name has now; None if it must not exist yet.

        Raises:
            ServerError: The name is not as expected (its status is 412), or is refused.
        """
        return self._finish(_set_name(name, document, revision))

    def remove_name(self, name: str, revision: str) -> None:
        """Remove a name, if it is as expected; the file stays.

        Args:
            name: The name.
            revision: The revision that it has now.

        Raises:
            ServerError: The name is not as expected (its status is 412), or is refused.
        """
        self._finish(_remove_name(name, revision))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def _finish(self, steps: Steps[T]) -> T:
        """Make the requests of an operation, and return its result."""
        call = next(steps)
        try:
            while True:
                answer = self._answer(call)
                with _understanding():
                    call = steps.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result

    def _answer(self, call: _Call) -> _Answer:
        for left in range(self._retries, -1, -1):
            answer = self._once(call)
            if answer.status != _UNAVAILABLE or not left:
                break
            time.sleep(_wait(answer))
        return _accepted(answer)

    def _once(self, call: _Call) -> _Answer:
        with _reaching(self.url), self._http.stream(**call._asdict()) as response:
            return _whole(response, response.iter_bytes())


class AsyncClient(_Connection):
    """A client of a server, for coroutines; its methods are those of `Client`.

    It is an asynchronous context manager; without `async with`, await `close`.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        timeout: float = 30.0,
        retries: int = 3,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Take `url`, `token`, `timeout`, `retries` and `transport`, as `Client` does."""
        super().__init__(url, token, retries)
        with _reaching(self.url):
            self._http = httpx.AsyncClient(**self._options(timeout, transport))

    async def put(
        self,
        graph: Graph | bytes,
        name: str = "",
        *,
        revision: str | None = None,
        unlisted: bool = False,
    ) -> ServedGraph:
        """Store a `graph` with `name`, `revision` and `unlisted`, as `Client.put` does."""
        return await self._finish(_put(self.url, graph, name, revision, unlisted=unlisted))

    async def get(self, reference: str) -> Graph:
        """Return the graph of a `reference`, as `Client.get` does."""
        return loads(await self.get_bytes(reference), reference)

    async def get_bytes(self, reference: str) -> bytes:
        """Return the file of a `reference`, as `Client.get_bytes` does."""
        return await self._finish(_get(reference))

    async def run(
        self,
        reference: str,
        inputs: Mapping[str, float] | None = None,
        *,
        seed: Mapping[str, float] | None = None,
        grad: bool = True,
        math: str = "libm",
    ) -> Run:
        """Run the graph of a `reference`, as `Client.run` does.

        The others are `inputs`, `seed`, `grad` and `math`.
        """
        return await self._finish(_run(reference, inputs, seed, grad=grad, math=math))

    async def rows(  # noqa: PLR0913 - one keyword per choice
        self,
        reference: str,
        table: Any,  # noqa: ANN401 - whatever exports Arrow streams
        *,
        grad: Literal["rows", "none"] = "rows",
        wrt: Sequence[str] | None = None,
        columns: Mapping[str, str] | None = None,
        seed: Mapping[str, float] | None = None,
        keep: Literal["all", "none"] | Sequence[str] = "all",
        bad_rows: Literal["fail", "skip", "null"] = "fail",
        math: str = "libm",
    ) -> pa.Table:
        """Run the graph of a `reference` over the rows of a `table`, as `Client.rows` does.

        The others are `grad`, `wrt`, `columns`, `seed`, `keep`, `bad_rows` and `math`.
        """
        options = _row_options(grad, wrt, columns, seed, keep, bad_rows, math)
        return await self._finish(_rows(reference, table, options))

    async def names(self, prefix: str = "") -> AsyncIterator[ServedName]:
        """Yield the names below a `prefix`, as `Client.names` does."""
        after: str | None = ""
        while after is not None:
            page, after = await self._finish(_names(prefix, after))
            for name in page:
                yield name

    async def get_name(self, name: str) -> ServedName:
        """Return what a `name` points to, as `Client.get_name` does."""
        return await self._finish(_get_name(name))

    async def set_name(self, name: str, document: str, revision: str | None = None) -> ServedName:
        """Point a `name` with the `revision` to a `document`, as `Client.set_name` does."""
        return await self._finish(_set_name(name, document, revision))

    async def remove_name(self, name: str, revision: str) -> None:
        """Remove a `name` with the `revision`, as `Client.remove_name` does."""
        await self._finish(_remove_name(name, revision))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        """Return the client."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.close()

    async def _finish(self, steps: Steps[T]) -> T:
        """Make the requests of an operation, and return its result."""
        call = next(steps)
        try:
            while True:
                answer = await self._answer(call)
                with _understanding():
                    call = steps.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result

    async def _answer(self, call: _Call) -> _Answer:
        for left in range(self._retries, -1, -1):
            answer = await self._once(call)
            if answer.status != _UNAVAILABLE or not left:
                break
            await asyncio.sleep(_wait(answer))
        return _accepted(answer)

    async def _once(self, call: _Call) -> _Answer:
        with _reaching(self.url):
            async with self._http.stream(**call._asdict()) as response:
                blocks = [block async for block in _at_most(response)]
        return _whole(response, blocks)


# --- operations: they yield requests, are sent the answers, and return the result ---


def _put(
    url: str, graph: Graph | bytes, name: str, revision: str | None, *, unlisted: bool
) -> Steps[ServedGraph]:
    data = graph if isinstance(graph, bytes) else b"".join(graph.to_bytes(".json"))
    kind = _MSGPACK if data[:1] >= b"\x80" else _JSON
    params = {"unlisted": "true"} if unlisted else {}
    if name:
        _path(name)  # before anything is stored
    answer = yield _Call("POST", "/api/graphs", {"content-type": kind}, data, params)
    stored = _members(answer, "id", "hash", "nodes")
    if name:
        yield from _set_name(name, stored["id"], revision)
    page = page_of(url, name or stored["id"])
    return ServedGraph(stored["id"], stored["hash"], int(stored["nodes"]), page)


def _get(reference: str) -> Steps[bytes]:
    accept = {"accept": f"{_JSON}, {_MSGPACK}"}
    answer = yield _Call("GET", f"/api/graphs/{_path(reference)}", accept)
    found = f"{_DOCUMENT}{sha256(answer.content).hexdigest()}"
    stated = answer.headers.get("etag", "").strip('"')
    expected = reference if reference.startswith(_DOCUMENT) else stated
    if not found.startswith(expected or _DOCUMENT) or found != stated:
        message = f"what the server sent as {printable(reference)} has another hash"
        raise ServerError.of("hash", message, expected=printable(expected))
    return answer.content


def _run(
    reference: str,
    inputs: Mapping[str, float] | None,
    seed: Mapping[str, float] | None,
    *,
    grad: bool,
    math: str,
) -> Steps[Run]:
    given = {"inputs": _spelled(inputs), "seed": _spelled(seed), "grad": grad}
    if math != "libm":  # an older server knows no other
        given["math"] = math
    path = f"/api/graphs/{_path(reference)}/run"
    body = json.dumps(given, allow_nan=False).encode()
    answer = yield _Call("POST", path, {"content-type": _JSON}, body)
    members = _members(answer, "origin", "graph")
    numbers = {key: _numbers(members.get(key)) for key in ("data", "grad", "inputs", "seed")}
    return Run(
        data=numbers["data"], grad=numbers["grad"], inputs=numbers["inputs"] or {},
        seed=numbers["seed"] or {}, origin=members["origin"], graph=members["graph"],
        math=members.get("math", ""),
    )  # fmt: skip


def _row_options(  # noqa: PLR0913, PLR0917 - those of `rows`
    grad: str,
    wrt: Sequence[str] | None,
    columns: Mapping[str, str] | None,
    seed: Mapping[str, float] | None,
    keep: str | Sequence[str],
    bad_rows: str,
    math: str,
) -> dict[str, str | list[str]]:
    """Return options as a query, without those that are left out."""
    if isinstance(wrt, str):
        message = 'wrt takes several ids, such as ["w1"]'
        raise TypeError(message)
    given: dict[str, str | list[str]] = {
        "grad": grad,
        "wrt": [*(wrt or ())],
        "column": [f"{leaf}={name}" for leaf, name in (columns or {}).items()],
        "seed": [f"{name}={float(x)!r}" for name, x in (seed or {}).items()],
        "keep": keep if isinstance(keep, str) else ",".join(keep),
        "bad_rows": bad_rows,
        "math": math,
    }
    return {name: value for name, value in given.items() if value != []}


def _rows(reference: str, table: Any, options: Mapping[str, Any]) -> Steps[pa.Table]:  # noqa: ANN401
    if find_spec("pyarrow") is None:
        message = f"sending rows needs pyarrow, which is not installed: {install('rows')}"
        raise MissingExtraError(message)
    import pyarrow as pa  # noqa: PLC0415 - an extra

    from mgraph.rows.arrow_rows import reader_of  # noqa: PLC0415

    path, reader = f"/api/graphs/{_path(reference)}/rows", reader_of(table)
    headers = {"content-type": _ARROW, "accept": f"{_ARROW}, application/problem+json"}
    tables: list[pa.Table] = []
    row, most = 0, _FIRST_ROWS
    for batch in _batches(reader):
        at = 0
        while at < batch.num_rows or not tables:
            part = batch.slice(at, most)
            body = _streamed(part)
            answer = yield _Call("POST", path, headers, body, {**options, "row": str(row)})
            tables.append(_table(answer.content))
            at, row = at + part.num_rows, row + part.num_rows
            most = _next_rows(part.num_rows, len(body) + len(answer.content))
    return pa.concat_tables(tables)


def _batches(reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
    """Yield all batches that have rows, and an empty one at the end, for a table without any."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    yield from (batch for batch in reader if batch.num_rows)
    columns = [pa.nulls(0, field.type) for field in reader.schema]
    yield pa.RecordBatch.from_arrays(columns, schema=reader.schema)


def _streamed(batch: pa.RecordBatch) -> bytes:
    """Return a record batch as an Arrow stream."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _table(data: bytes) -> pa.Table:
    """Return the rows of an Arrow stream, all of them.

    Raises:
        ServerError: The stream was cut off.
    """
    import pyarrow as pa  # noqa: PLC0415 - an extra

    if not data.endswith(_ARROW_END):
        message = "the server cut its answer off; its log says why"
        raise ServerError.of("io", message)
    return pa.ipc.open_stream(data).read_all()


def _next_rows(count: int, size: int) -> int:
    """Return how many rows to send next, so that they and their results are a few megabytes."""
    return min(max(_FIRST_ROWS, count * _ROWS_BYTES // max(size, 1)), _MOST_ROWS)


def _names(prefix: str, after: str) -> Steps[tuple[Sequence[ServedName], str | None]]:
    given = {"prefix": prefix, "after": after, "limit": str(_PAGE)}
    params = {key: value for key, value in given.items() if value}
    members = _members((yield _Call("GET", "/api/names", params=params)), "names")
    following: str | None = members.get("next")
    return [_name(entry) for entry in members["names"]], following


def _get_name(name: str) -> Steps[ServedName]:
    return _name(_members((yield _Call("GET", _name_path(name)))))


def _set_name(name: str, document: str, revision: str | None) -> Steps[ServedName]:
    condition = {"if-none-match": "*"} if revision is None else _if_match(revision)
    body = json.dumps({"id": document}).encode()
    headers = {"content-type": _JSON, **condition}
    return _name(_members((yield _Call("PUT", _name_path(name), headers, body))))


def _remove_name(name: str, revision: str) -> Steps[None]:
    yield _Call("DELETE", _name_path(name), _if_match(revision))


def _if_match(revision: str) -> Mapping[str, str]:
    return {"if-match": f'"{_for_header(revision, "revision")}"'}


def _name_path(name: str) -> str:
    return f"/api/names/{_path(name)}"


def page_of(url: str, reference: str) -> str:
    """Return the address of a graph's page, without the user and password of the server's.

    Args:
        url: The address of the server, without a slash at its end.
        reference: The id of a file, the canonical hash of a graph, or a name.

    Raises:
        ServerError: `name` if `reference` can't be one.
    """
    return f"{without_user(url)}/g/{_path(reference)}"


def _path(reference: str) -> str:
    """Return an id, a hash or a name as a part of a path, which leads nowhere else.

    Raises:
        ServerError: `name` if it can't be one.
    """
    parts = reference.split("/")
    try:
        quoted_parts = [quote(part, safe=":") for part in parts]
    except UnicodeEncodeError:  # half of a surrogate pair
        quoted_parts = [""]
    if any(part in ("", ".", "..") for part in quoted_parts):
        message = f"{quoted(reference)} can't be an id, a hash or a name"
        raise ServerError.of("name", message)
    return "/".join(quoted_parts)


def _for_header(text: str, what: str) -> str:
    """Return a token or a revision, which goes into a header.

    Raises:
        ServerError: `name` if it has characters that neither has.
    """
    if not (text.isascii() and text.isprintable()) or '"' in text:
        message = f"the {what} has characters that no {what} has"
        fix = "use it as mgraph token new printed it" if what == "token" else ""
        raise ServerError.of("name", message, fix=fix)
    return text


# --- answers ---


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    """Turn what goes wrong on the way into an error that names the server.

    Raises:
        ServerError: The server can't be reached, or ends the connection.
    """
    try:
        yield
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        why = printable(_ERRNO.sub("", str(error))) or type(error).__name__
        is_whole = url.startswith(("http://", "https://"))
        fix = "is mgraph serve running there?" if is_whole else "an address begins with http://"
        if _has_no_tls(error):
            why = "what listens there does not speak TLS"
            fix = "mgraph serve speaks HTTP: begin with http://, or name the proxy in front of it"
        message = f"can't reach {printable(without_user(url))}: {why}"
        raise ServerError.of("io", message, fix=fix) from None


def _has_no_tls(error: BaseException) -> bool:
    """Whether a connection failed because the answer to its first bytes was not TLS."""
    cause: BaseException | None = error
    while cause is not None:
        if getattr(cause, "reason", "") in _NOT_TLS:  # of ssl.SSLError
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _whole(response: httpx.Response, blocks: Iterator[bytes] | Sequence[bytes]) -> _Answer:
    """Return an answer with its body, which is not larger than `LARGEST`.

    Raises:
        ServerError: It is.
    """
    parts, left = [], LARGEST
    for block in blocks:
        left -= len(block)
        if left < 0:
            message = "the server sent more than a graph file may have"
            raise ServerError.of("size", message, expected=f"at most {LARGEST:,} bytes")
        parts.append(block)
    return _Answer(response.status_code, response.headers, b"".join(parts))


async def _at_most(response: httpx.Response) -> AsyncIterator[bytes]:
    """Yield a body's blocks, not many more than `LARGEST` bytes."""
    left = LARGEST
    async for block in response.aiter_bytes():
        yield block
        left -= len(block)
        if left < 0:
            return


def _wait(answer: _Answer) -> float:
    """Return for how many seconds a server wants to be left alone."""
    stated = answer.headers.get("retry-after", "1")
    seconds = float(stated) if stated.isascii() and stated.isdigit() else 1.0
    return min(max(seconds, _SHORTEST_WAIT), _LONGEST_WAIT)


def _accepted(answer: _Answer) -> _Answer:
    """Return an answer that is not a refusal.

    Raises:
        ServerError: It is one; it has the diagnostics that the server sent.
    """
    if 200 <= answer.status < 300:  # noqa: PLR2004 - the statuses of success
        return answer
    problem = _problem(answer)
    try:
        diagnostics = [*map(_diagnostic, problem.get("diagnostics") or ())]
        more = int(problem.get("more") or 0)
    except (AttributeError, TypeError, ValueError):  # not mgraph serve
        diagnostics, more = [], 0
    if not diagnostics:
        detail = printable(str(problem.get("detail") or "it does not say why"))
        message = f"the server refused the request ({answer.status}): {detail}"
        diagnostics = [Diagnostic("io", message)]
    error = ServerError(diagnostics, more)
    error.status = answer.status
    raise error


def _problem(answer: _Answer) -> dict[str, Any]:
    try:
        problem = json.loads(answer.content)
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def _diagnostic(members: Any) -> Diagnostic:  # noqa: ANN401 - JSON
    """Return a diagnostic that a server sent; its texts are harmless in a terminal."""
    texts = {
        key: printable(str(members[key])) for key in ("expected", "fix", "file") if key in members
    }
    numbers = {key: int(members[key]) for key in ("line", "column", "offset") if key in members}
    parts = str(members.get("pointer", "")).split("/")[1:]
    path = tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)
    code, message = (printable(str(members.get(key, ""))) for key in ("code", "message"))
    return Diagnostic(code, message, path, **texts, **numbers)  # type: ignore[arg-type]


@contextmanager
def _understanding() -> Iterator[None]:
    """Turn what goes wrong with an answer of another form into an error.

    Raises:
        ServerError: The server is not mgraph serve.
    """
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError):
        message = "what the server sent is not an answer of mgraph serve"
        raise ServerError.of("type", message, fix="check its address") from None


def _members(answer: _Answer, *needed: str) -> dict[str, Any]:
    """Return the members of an answer.

    Raises:
        KeyError: It is not an object with those that are needed.
    """
    members = _problem(answer)
    if missing := [name for name in needed if name not in members]:
        raise KeyError(*missing)
    return members


def _name(members: Mapping[str, Any]) -> ServedName:
    return ServedName(*(str(members[field]) for field in ServedName._fields))


def _spelled(numbers: Mapping[str, float] | None) -> dict[str, float | str]:
    return {name: spelled(float(x)) for name, x in (numbers or {}).items()}


def _numbers(given: Any) -> dict[str, float] | None:  # noqa: ANN401 - JSON
    """Return numbers by id as the server sent them; None if it sent none."""
    if given is None:
        return None
    return {name: SPECIAL[x] if isinstance(x, str) else float(x) for name, x in given.items()}
