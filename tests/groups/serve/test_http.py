"""Everything that the description of the API allows is answered below 500 and as described."""

from __future__ import annotations

import io
import json
import random
import socket
import time
from threading import Thread
from typing import TYPE_CHECKING, Any

import httpx
import msgpack
import pyarrow as pa
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS, load_all_checks

from mgraph.service.app import application
from mgraph.service.journal import Journal
from mgraph.service.settings import Settings
from mgraph.service.store.memory import MemoryStore
from mgraph.service.work import check
from tests.command_line import FIXTURES, NEURON
from tests.service.server import get, serving

if TYPE_CHECKING:
    from pathlib import Path

    from schemathesis import Case

ALLOWED = Settings(rate=1e9, burst=1e9, hosts=())
MADE = ("not_a_server_error", "status_code_conformance", "content_type_conformance",
        "response_headers_conformance", "response_schema_conformance")  # fmt: skip
STALLED = 1_000


def _store() -> MemoryStore:
    store = MemoryStore()
    for path in (NEURON, *sorted((FIXTURES / "run/ops").glob("*.json"))[:3]):
        data = path.read_bytes()
        about = check(data, ALLOWED.limits).about
        assert about is not None
        store.set_name(path.stem.lower()[:20], store.put(data, about.hash).id)
    return store


@schemathesis.serializer("application/vnd.msgpack")
def _packed(_: Any, value: Any) -> bytes:  # noqa: ANN401 - any plain data
    """Return a body as msgpack; what msgpack can't hold becomes a byte that it doesn't have."""
    try:
        packed: bytes = msgpack.packb(value)
    except (OverflowError, TypeError, ValueError):
        return b"\xc1"
    return packed


@schemathesis.serializer("application/vnd.apache.arrow.stream")
def _streamed(_: Any, value: Any) -> bytes:  # noqa: ANN401 - any plain data
    """Return a body as an Arrow stream of as many rows as a list has; else bytes that are none."""
    if not isinstance(value, list):
        return repr(value).encode()
    batch = pa.RecordBatch.from_pydict({"x1": [float(i) for i in range(len(value))]})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    data: bytes = sink.getvalue().to_pybytes()
    return data


load_all_checks()
schema = schemathesis.openapi.from_asgi(
    "/openapi.json", application(_store(), ALLOWED, Journal(io.StringIO()))
)


@schema.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_description_is_true(case: Case[Any]) -> None:
    """No 5xx; every status, media type and body is one that is described."""
    if case.path == "/readyz":
        return  # 503 is what it says until the kernels are compiled
    checks: Any = [CHECKS.get_one(name) for name in MADE]
    case.call_and_validate(checks=checks, headers={"host": "localhost"})


def test_bytes_that_are_no_http(tmp_path: Path) -> None:
    """Random bytes and cut requests end their own connection only."""
    rng = random.Random(16)  # noqa: S311 - no secret
    whole = b"POST /api/check HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
    with serving(tmp_path, "--rate", "100000") as server:
        for _ in range(300):
            data = bytearray(whole)
            for _ in range(rng.randrange(1, 6)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            with server.connection() as connection:
                connection.sendall(data[: rng.randrange(1, len(data) + 1)])
                connection.shutdown(socket.SHUT_WR)
        assert get(server.url, "/healthz").status_code == 200
        status, log = server.end()
        assert (status, b"Traceback" in log) == (0, False)


def test_a_thousand_stalled_connections(tmp_path: Path) -> None:
    """All are closed within 30 seconds, and meanwhile others are served."""
    half = b"POST /api/graphs HTTP/1.1\r\nHost: localhost\r\nContent-Le"
    with serving(tmp_path, "--rate", "100000") as server:
        start = time.monotonic()
        connections = [server.connection() for _ in range(STALLED)]
        for i, connection in enumerate(connections):
            connection.sendall(half[: i % len(half)])
        for _ in range(20):
            assert get(server.url, "/healthz").status_code == 200
        for connection in connections:
            connection.settimeout(60)
            while connection.recv(4096):
                pass
            connection.close()
        assert time.monotonic() - start < 30


def test_a_thousand_stalled_bodies(tmp_path: Path) -> None:
    """The same for requests whose bodies don't arrive: small, large and of unknown size."""
    head = b"POST /api/check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    sizes = (b"Content-Length: 500", b"Content-Length: 8000000", b"Transfer-Encoding: chunked")
    with serving(tmp_path, "--rate", "100000") as server:
        log = server.process.stderr
        assert log is not None
        Thread(target=log.read, daemon=True).start()  # 1,000 lines are more than a pipe holds
        start = time.monotonic()
        connections = [server.connection() for _ in range(STALLED)]
        for i, connection in enumerate(connections):
            connection.sendall(head + sizes[i % 3] + b"\r\n\r\n" + (b"1\r\n{\r\n", b"{")[i % 3 < 2])
        with httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
            for _ in range(20):
                assert client.post("/api/check", json={}).status_code == 200
        for connection in connections:
            connection.settimeout(60)
            while connection.recv(4096):
                pass
            connection.close()
        assert time.monotonic() - start < 30


def test_the_largest_files(tmp_path: Path) -> None:
    """A file of 100,000 nodes is stored and run; its page is shown, or said to be too large."""
    size = 100_000
    nodes = [{"id": "n0", "op": "param", "data": 1}]
    nodes += [{"id": f"n{i}", "op": "neg", "args": [f"n{i - 1}"]} for i in range(1, size)]
    text = json.dumps({"mgraph": "1.0", "nodes": nodes, "outputs": [f"n{size - 1}"]})
    with (
        serving(tmp_path, "--rate", "100000") as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=120) as client,
    ):
        kind = {"content-type": "application/json"}
        stored = client.post("/api/graphs", content=text, headers=kind)
        assert stored.status_code == 201
        run = client.post(f"/api/graphs/{stored.json()['id']}/run", json={})
        assert run.json()["data"][f"n{size - 1}"] == -1.0
        assert client.get(f"/g/{stored.json()['id']}").status_code in (200, 413)
