"""The client does what the service does, from Python, and says what the service said."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import mgraph as library
from mgraph import client as client_module
from mgraph.client import AsyncClient, Client, ServerError
from mgraph.service.store.access import new_token
from mgraph.service.store.tokens import Scope
from tests.command_line import FIXTURES, NEURON
from tests.service.serving import OPEN, Serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATA = NEURON.read_bytes()
URL = "http://localhost:8765"


class Into(httpx.BaseTransport):
    """A way into a service in this process."""

    def __init__(self, serving: Serving) -> None:
        """Take the service."""
        self.serving = serving

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Make a request."""
        headers = dict(request.headers)
        path = request.url.raw_path.decode()
        parts = (request.method, path, [request.read()], headers)
        (answered,) = self.serving.together(parts)
        return httpx.Response(answered.status, headers=answered.headers, content=answered.body)


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Return a service with nothing stored."""
    with Serving() as service:
        yield service


@pytest.fixture
def client(serving: Serving) -> Client:
    """Return a client of it."""
    return Client(URL, transport=Into(serving))


def answering(*answers: httpx.Response) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    """Return a way to a server that gives these answers, and a list that gets the requests."""
    requests: list[httpx.Request] = []
    left = iter(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return next(left)

    return httpx.MockTransport(answer), requests


def test_a_graph_goes_there_and_back(client: Client) -> None:
    """By id, hash and name; the bytes are those of the file, the graph has its hash and runs."""
    stored = client.put(DATA, name="class-7a/anna")
    assert stored.url == f"{URL}/g/class-7a/anna"
    assert client.put(DATA).url == f"{URL}/g/{stored.id}"
    for reference in (stored.id, stored.hash, "class-7a/anna"):
        assert client.get_bytes(reference) == DATA
    graph = client.get("class-7a/anna")
    assert (graph.hash, len(graph)) == (stored.hash, stored.nodes)
    again = client.put(graph.with_runs([graph.run()]))
    assert (again.hash, again.id == stored.id) == (stored.hash, False)
    packed = b"".join(graph.to_bytes(".msgpack"))
    assert client.get_bytes(client.put(packed).id) == packed


def test_a_run_is_a_run(client: Client) -> None:
    """It equals the one that is computed here, special values included."""
    graph = library.load(NEURON)
    document = client.put(graph).id
    for inputs in ({}, {"x1": 0.5}, {"x1": float("nan"), "w2": float("inf")}):
        got, mine = client.run(document, inputs, seed={"o": 2.0}), graph.run(inputs, seed={"o": 2})
        assert repr(got.data) == repr(dict(mine.data or {}))
        assert repr(got.grad) == repr(dict(mine.grad or {}))
        assert repr(got.inputs) == repr(mine.inputs)
        assert (got.seed, got.graph) == (mine.seed, mine.graph)
        graph.with_runs([got])  # fits the graph
    assert client.run(document, grad=False).grad is None
    got, mine = client.run(document, math="exact"), graph.run(math="exact")
    assert (got.math, got.data, got.grad) == ("exact", dict(mine.data or {}), dict(mine.grad or {}))
    with pytest.raises(ServerError, match="math is the string"):
        client.run(document, math="fast")


def test_names_are_listed_set_and_removed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, over several pages; a name that has changed meanwhile is refused with 412."""
    monkeypatch.setattr(client_module, "_PAGE", 2)
    document = client.put(DATA).id
    names = [client.set_name(f"class-7a/{name}", document) for name in ("a", "b", "c", "d", "e")]
    assert [*client.names("class-7a")] == names
    assert [*client.names("class-7b")] == []
    other = client.put(DATA + b"\n").id
    changed = client.set_name("class-7a/a", other, revision=names[0].revision)
    assert client.get_name("class-7a/a") == changed != names[0]
    for attempt in (
        lambda: client.set_name("class-7a/a", document),
        lambda: client.set_name("class-7a/a", document, revision=names[0].revision),
        lambda: client.remove_name("class-7a/a", names[0].revision),
    ):
        with pytest.raises(ServerError) as refused:
            attempt()
        assert refused.value.status == 412
    client.remove_name("class-7a/a", changed.revision)
    assert len([*client.names()]) == 4


def test_a_refusal_has_the_diagnostics(client: Client) -> None:
    """Code, line and column of a bad file; the status of everything else."""
    bad = (FIXTURES / "reject/unknown-op").glob("*.json")
    data = next(path for path in sorted(bad) if ".diagnostic" not in path.name).read_bytes()
    with pytest.raises(library.GraphError) as local:
        library.loads(data)
    with pytest.raises(ServerError) as refused:
        client.put(data)
    assert str(refused.value) == str(local.value)
    assert refused.value.status == 422
    with pytest.raises(ServerError) as missing:
        client.get("nobody")
    assert (missing.value.status, missing.value.diagnostics[0].code) == (404, "not-found")


def test_a_token_is_sent() -> None:
    """A service that needs one accepts it."""
    with Serving(OPEN) as serving:
        secret, token = new_token(serving.store, Scope.WRITE)
        Client(URL, secret, transport=Into(serving)).put(DATA)
        assert token.id in "".join(serving.log())


def test_a_busy_server_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After 503, when it says, at most 10 seconds later, and not for ever; both clients."""
    waits: list[float] = []

    async def pause(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("time.sleep", waits.append)
    monkeypatch.setattr("asyncio.sleep", pause)
    name = {"name": "x", "id": "y", "revision": "z", "updated": ""}

    def busy(after: str) -> httpx.Response:
        return httpx.Response(503, headers={"retry-after": after}, json={"detail": "busy"})

    for ask in (_asked, _asked_async):
        transport, requests = answering(
            busy("2"), busy("3600"), busy("soon"), httpx.Response(200, json=name)
        )
        assert ask(transport).revision == "z"
        assert len(requests) == 4
        transport, requests = answering(*[busy("0")] * 4)
        with pytest.raises(ServerError) as refused:
            ask(transport)
        assert (refused.value.status, len(requests)) == (503, 4)
    assert waits == [2.0, 10.0, 1.0, 0.1, 0.1, 0.1] * 2


def _asked(transport: Any) -> client_module.ServedName:  # noqa: ANN401
    return Client(URL, transport=transport).get_name("x")


def _asked_async(transport: Any) -> client_module.ServedName:  # noqa: ANN401
    async def ask() -> client_module.ServedName:
        async with AsyncClient(URL, transport=transport) as client:
            return await client.get_name("x")

    return asyncio.run(ask())


def test_the_asynchronous_client_does_the_same(serving: Serving) -> None:
    """Each method of the one is a method of the other, with the same results."""
    transport = httpx.ASGITransport(serving.app)

    async def all_of_it() -> None:
        async with AsyncClient(URL, transport=transport) as client:
            stored = await client.put(DATA, name="x")
            assert await client.get_bytes(stored.id) == DATA
            assert (await client.get("x")).hash == stored.hash
            assert (await client.run("x")).data == dict(library.load(NEURON).run().data or {})
            (name,) = [each async for each in client.names()]
            assert await client.get_name("x") == name
            changed = await client.set_name("x", stored.id, revision=name.revision)
            await client.remove_name("x", changed.revision)
            with pytest.raises(ServerError):
                await client.get("x")

    serving.runner.run(all_of_it())
    public = [{name for name in vars(each) if name[0] != "_"} for each in (Client, AsyncClient)]
    assert public[0] == public[1]


def _document(data: bytes, etag: str) -> httpx.Response:
    return httpx.Response(200, content=data, headers={"etag": etag})


def test_a_server_that_lies_is_caught() -> None:
    """Other bytes than the hash says, endless bytes, no JSON, odd members: each is one error."""
    good = f'"sha256:{sha256(DATA).hexdigest()}"'
    cases: tuple[tuple[httpx.Response, Callable[[Client], Any]], ...] = (
        (_document(DATA + b" ", good), lambda c: c.get("x")),
        (_document(DATA, good), lambda c: c.get(f"sha256:{'0' * 64}")),
        (_document(DATA, ""), lambda c: c.get("x")),
        (httpx.Response(200, content=b"<html>"), lambda c: c.get_name("x")),
        (httpx.Response(200, json=[1]), lambda c: c.run("x")),
        (httpx.Response(200, json={"origin": "x", "graph": "y", "data": {"a": []}}),
         lambda c: c.run("x")),
        (httpx.Response(200, json={"names": [1]}), lambda c: [*c.names()]),
        (httpx.Response(200, json={"id": "x", "hash": 1}), lambda c: c.put(DATA)),
        (httpx.Response(302, headers={"location": "http://evil.example"}), lambda c: c.get("x")),
        (httpx.Response(422, json={"diagnostics": [1], "more": {}}), lambda c: c.get("x")),
        (httpx.Response(422, json={"diagnostics": 7}), lambda c: c.get("x")),
        (httpx.Response(500, content=b"\xff"), lambda c: c.get("x")),
    )  # fmt: skip
    for answer, ask in cases:
        transport, _ = answering(answer)
        with pytest.raises(ServerError) as refused:
            ask(Client(URL, transport=transport))
        assert refused.value.diagnostics, answer


def test_what_a_server_says_is_harmless_in_a_terminal() -> None:
    """Control characters in its messages are escaped."""
    told = {"code": "type", "message": "\x1b[2J\u202e", "fix": "\x07", "pointer": "/a"}
    transport, _ = answering(httpx.Response(422, content=json.dumps({"diagnostics": [told]})))
    with pytest.raises(ServerError) as refused:
        Client(URL, transport=transport).get("x")
    assert str(refused.value).replace("\n", "").isprintable()


def test_names_lead_nowhere_else(client: Client) -> None:
    """What can't be an id, a hash or a name is refused here, with a code, before it is sent.

    `..` would be resolved on the way: the request would reach another path.
    """
    stored = client.put(DATA, name="x")
    for text in ("../names/x", "Class 7/../y", "a//b", ".", "/x", "\ud800"):
        for ask in (client.get, client.run, client.get_name, lambda x: client.put(DATA + b" ", x)):
            with pytest.raises(ServerError) as refused:
                ask(text)
            assert refused.value.diagnostics[0].code == "name", text
    assert [name.name for name in client.names()] == ["x"]
    with pytest.raises(ServerError) as missing:
        client.get_bytes(stored.id[:-1] + "g")
    assert missing.value.status == 400  # the server says that
    with pytest.raises(ServerError) as odd:
        client.get("Class 7?x=1#y")
    assert "class-7" in odd.value.diagnostics[0].fix


def test_secrets_that_no_header_can_hold(client: Client) -> None:
    """A token or a revision with other characters is one error, and is not shown."""
    for attempt in (
        lambda: Client(URL, "tök"),
        lambda: Client(URL, "a\r\nb: c"),
        lambda: client.set_name("x", "sha256:0", "é"),
        lambda: client.remove_name("x", '"'),
    ):
        with pytest.raises(ServerError) as refused:
            attempt()
        assert refused.value.diagnostics[0].code == "name"
        assert "tök" not in str(refused.value)


def test_an_unlisted_file_is_found_by_its_id_only(client: Client) -> None:
    """Neither the hash of its graph nor a list leads to it, until it is stored as listed."""
    stored = client.put(DATA, unlisted=True)
    assert client.get_bytes(stored.id) == DATA
    with pytest.raises(ServerError) as hidden:
        client.get(stored.hash)
    assert hidden.value.status == 404
    client.put(DATA)
    assert client.get_bytes(stored.hash) == DATA


def test_an_address_where_nobody_is() -> None:
    """One error that names the address, for both clients, and for what is no address at all."""
    for url in ("http://127.0.0.1:9", "ftp://x", "http://", "\x07", "http://[::1"):
        with pytest.raises(ServerError) as refused:
            Client(url, timeout=2).get("x")
        assert refused.value.status == 0
        assert refused.value.diagnostics[0].code == "io"
        assert str(refused.value).startswith("error[io]: can't reach "), url  # not `graph: error`
        assert "[Errno" not in str(refused.value)


def test_a_password_in_an_address_is_not_shown() -> None:
    """Neither in errors nor in the address of a page, which is passed on."""
    with pytest.raises(ServerError, match=r"can't reach http://127\.0\.0\.1:9: ") as refused:
        Client("http://ada:s3cret@127.0.0.1:9", timeout=2).get("x")
    assert "s3cret" not in str(refused.value)
    stored = {"id": "sha256:1", "hash": "mgraph1-sha256:1", "nodes": 10}
    transport, _ = answering(httpx.Response(201, json=stored))
    with Client("http://ada:s3cret@localhost:8765", transport=transport) as client:
        assert client.put(DATA).url == f"{URL}/g/sha256:1"


def test_a_server_without_tls() -> None:
    """An address of https leads to a server of HTTP: the error says which one to use, and why."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)  # the first bytes of TLS, which are no request
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")

        for kind in (Client, AsyncClient):
            thread = threading.Thread(target=answer)
            thread.start()
            url = f"https://127.0.0.1:{listener.getsockname()[1]}"
            with pytest.raises(ServerError) as refused:
                _name_from(kind(url, timeout=20))
            thread.join()
            fault = refused.value.diagnostics[0]
            assert fault.message == f"can't reach {url}: what listens there does not speak TLS"
            assert "http://" in fault.fix


def _name_from(client: Client | AsyncClient) -> object:
    asked = client.get_name("x")
    return asked if isinstance(client, Client) else asyncio.run(_result(asked))


async def _result(asked: Any) -> object:  # noqa: ANN401
    return await asked


def test_the_client_imports_no_server() -> None:
    """Who only asks needs neither Starlette nor uvicorn."""
    script = "import sys, mgraph.client; print([m for m in sys.modules if m in NAMES])"
    names = "('starlette', 'uvicorn', 'msgspec', 'mgraph.service.app', 'mgraph.service.guard')"
    command = [sys.executable, "-c", script.replace("NAMES", names)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
