"""What a stranger sends does no harm: each promise of SECURITY.md about the server is a test."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
import os
import re
import signal
import time
import tracemalloc
import zlib
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from mgraph.codec import LIMITS
from mgraph.errors import GraphError
from mgraph.service import work
from mgraph.service.guard import HEALTH
from mgraph.service.problems import Problem
from mgraph.service.rates import Rates
from mgraph.service.settings import Settings
from mgraph.service.store.access import new_token
from mgraph.service.store.memory import MemoryStore
from mgraph.service.store.tokens import Quota, Scope
from mgraph.service.worker_process import Turns, WorkerProcess
from mgraph.suggestions import Suggestions
from tests.command_line import NEURON
from tests.service.serving import JSON, KIND, OPEN, Serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.service.work import Checked

DATA = NEURON.read_bytes()
RUN = "/api/graphs/neuron/run"


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Return a service with the neuron."""
    with Serving() as service:
        service.put(DATA, "neuron")
        yield service


def chain(nodes: int) -> bytes:
    """Return a graph file of so many nodes, each the negative of the one before."""
    lines = [{"id": "n0", "op": "param", "data": 1}]
    lines += [{"id": f"n{i}", "op": "neg", "args": [f"n{i - 1}"]} for i in range(1, nodes)]
    return json.dumps({"mgraph": "1.0", "nodes": lines, "outputs": [f"n{nodes - 1}"]}).encode()


# --- sizes ---


def test_a_body_that_is_too_large_is_not_read(serving: Serving) -> None:
    """413 for more than 8 MiB: by its announced length at once, else as soon as it is exceeded."""
    huge = {"content-length": str(9 * 2**20), **JSON}
    assert serving.together(("POST", "/api/check", [b"{}"], huge))[0].status == 413
    before = serving.received
    streamed = serving.together(("POST", "/api/check", [b" " * 2**20] * 100, JSON))[0]
    assert streamed.status == 413
    assert serving.received - before == 9
    assert streamed.json["diagnostics"][0]["code"] == "size"


def test_too_many_nodes_are_refused_before_they_are_parsed(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """413 for more than 100,000 nodes, without any reader being called; 100,000 are accepted."""
    called = []

    def reader(*_: Any) -> Checked:  # noqa: ANN401
        called.append(1)
        return work.Checked((), 0, None)

    monkeypatch.setattr(work, "check", reader)
    body = b'{"nodes": [' + b",".join([b'{"id":"a","op":"neg"}'] * 100_001) + b"]}"
    answered = serving("POST", "/api/check", body, **JSON)
    assert (answered.status, answered.json["diagnostics"][0]["code"]) == (413, "limit")
    assert "--limit" not in json.dumps(answered.json)  # that is no option of a client
    assert called == []


def test_nodes_are_counted_whatever_they_are_called() -> None:
    """A node may have the id `op`, be an argument and have numbers in runs under it."""
    nodes: list[dict[str, Any]] = [{"id": "op", "op": "param", "data": 1}]
    nodes += [{"id": f"n{i}", "op": "mul", "args": ["op", "op"]} for i in range(40)]
    runs = [{"origin": "x", "data": {"op": "nan"}}] * 40
    graph: dict[str, Any] = {"mgraph": "1.0", "nodes": nodes, "outputs": ["op"], "runs": runs}
    data = json.dumps(graph).encode()
    work.check_count(data, LIMITS.raised({"nodes": 41}))
    with pytest.raises(GraphError):
        work.check_count(data, LIMITS.raised({"nodes": 40}))


def test_compressed_bodies_are_capped(serving: Serving) -> None:
    """A bomb is 413 without being unpacked; other encodings are 415; damage is 400."""
    packed = {"content_encoding": "gzip", **JSON}
    stored = serving("POST", "/api/graphs", gzip.compress(DATA), **packed)
    assert stored.json["id"] == f"sha256:{hashlib.sha256(DATA).hexdigest()}"
    bomb = zlib.compressobj(9, wbits=31)
    data = b"".join(bomb.compress(bytes(2**20)) for _ in range(64)) + bomb.flush()
    assert len(data) < 2**17
    tracemalloc.start()
    try:
        assert serving("POST", "/api/check", data, **packed).status == 413
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()
    for broken in (b"x", gzip.compress(DATA)[:-3], gzip.compress(DATA) * 2):
        assert serving("POST", "/api/check", broken, **packed).status == 400
    refused = serving("POST", "/api/check", DATA, content_encoding="br", **JSON)
    assert (refused.status, refused.headers["accept-encoding"]) == (415, "gzip, deflate")


def test_bodies_have_a_type(serving: Serving) -> None:
    """A form of another site can send text/plain without asking: that is 415."""
    for kind in (
        "text/plain",
        "",
        "multipart/form-data; boundary=x",
        "application/json; charset=x",
    ):
        for path in ("/api/graphs", "/api/check", RUN):
            assert serving("POST", path, DATA, content_type=kind).status == 415, (path, kind)
    assert serving("POST", "/api/graphs", DATA).status == 415
    utf8 = "Application/JSON; charset=UTF-8"
    assert serving("POST", "/api/graphs", DATA, content_type=utf8).status == 200


# --- another process ---


def test_large_files_are_read_in_another_process() -> None:
    """A file over the size is checked, stored, run and shown, with the same numbers as here."""
    with Serving(replace(OPEN, inline=1000)) as serving:
        data = chain(2000)
        document = serving.put(data, "chain")
        run = serving.send("POST", "/api/graphs/chain/run", {"inputs": {"n0": 3}})
        assert (run.json["data"]["n1999"], run.json["grad"]["n0"]) == (-3.0, -1.0)
        assert serving("GET", run.headers["location"]).body == run.body
        bad = serving("POST", "/api/graphs", data.replace(b'"neg"', b'"nge"', 1), **JSON)
        assert (bad.status, bad.json["diagnostics"][0]["code"]) == (422, "unknown-op")
        assert serving("GET", f"/api/graphs/{document}").body == data
        assert b"n1999" in serving("GET", "/g/chain").body


def test_a_crash_of_the_other_process_harms_nothing() -> None:
    """The request is answered with 503, small ones go on, and the next large one works again."""
    with Serving(replace(OPEN, inline=1000)) as serving:
        documents = _documents(serving)
        serving.put(chain(1000), "chain")
        (child,) = documents.worker._pool._processes  # noqa: SLF001
        os.kill(child, signal.SIGKILL)
        statuses = [serving("POST", "/api/check", chain(1000), **JSON).status for _ in range(2)]
        assert statuses == [503, 200]
        assert serving("GET", "/healthz").status == 200


def _documents(serving: Serving) -> Any:  # noqa: ANN401
    """Return the documents of a service: they are behind each of its routes."""
    handler: Any = serving.app.routes.find("/api/check", "POST")[0]
    return handler.__self__._documents  # noqa: SLF001


# --- time ---


def test_a_body_must_arrive_in_time() -> None:
    """408 if it stalls, also before its first byte; nothing keeps the request waiting for ever."""
    with Serving(replace(OPEN, deadline=0.05)) as serving:
        for body in ([b"{", 60.0, b"}"], [60.0, b"{}"]):
            answered = serving.together(("POST", "/api/check", body, JSON))[0]
            assert answered.status == 408


def test_work_must_end_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """504 if an answer takes longer than a request may."""
    with Serving(replace(OPEN, deadline=0.05)) as serving:

        async def slow(_: bytes) -> None:
            import asyncio  # noqa: PLC0415

            await asyncio.sleep(60)

        monkeypatch.setattr(_documents(serving), "check", slow)
        assert serving("POST", "/api/check", DATA, **JSON).status == 504


def test_a_body_that_breaks_off_is_no_body(serving: Serving) -> None:
    """A connection that closes before the end of the body stores nothing."""
    answered = serving.together(("POST", "/api/graphs", [], JSON))[0]
    assert answered.status == 400


# --- how many ---


def test_rates_let_a_burst_through_and_then_a_steady_flow() -> None:
    """With 2 a second and 3 at once: three at time 0, then one each half second."""
    now = [0.0]
    rates = Rates(2.0, 3.0, lambda: now[0])
    assert [rates.wait("a") for _ in range(5)] == [0, 0, 0, 1, 1]
    assert rates.wait("b") == 0
    passed = []
    for tick in range(1, 41):
        now[0] = tick / 8
        passed.append(rates.wait("a") == 0)
    assert sum(passed) == 10


def test_a_caller_who_asks_too_often_must_wait() -> None:
    """429 with Retry-After by address, and by token wherever that comes from."""
    store = MemoryStore()
    secret, _ = new_token(store, Scope.READ)
    with Serving(Settings(rate=0.1, burst=3), store) as serving:
        statuses = [serving("GET", "/healthz").status for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        assert int(serving("GET", "/healthz").headers["retry-after"]) > 0
        token = {"authorization": f"Bearer {secret}"}
        assert [serving("GET", "/healthz", **token).status for _ in range(4)] == statuses
        guesses = [serving("GET", "/healthz", authorization="Bearer x").status for _ in range(2)]
        assert guesses == [429, 429]


def test_too_many_requests_at_once_are_sent_away() -> None:
    """503 with Retry-After for those beyond the limit; the others are answered."""
    with Serving(replace(OPEN, concurrent=2)) as serving:
        request = ("POST", "/api/check", [chain(1000)], JSON)  # another process works on it
        answers = serving.together(*[request] * 5)
        assert sorted(each.status for each in answers) == [200, 200, 503, 503, 503]
        assert {each.headers.get("retry-after") for each in answers} == {None, "1"}
        assert serving("GET", "/healthz").status == 200


def test_bodies_that_are_on_their_way_keep_nobody_out() -> None:
    """Requests whose bodies stall don't count as worked on: others are answered meanwhile."""
    with Serving(replace(OPEN, concurrent=2)) as serving:
        stalled = ("POST", "/api/check", [b"{", 0.3, b"}"], JSON)
        others: list[Any] = [("GET", "/healthz", [], {}), ("POST", "/api/check", [b"{}"], JSON)]
        answers = serving.together(*[stalled] * 5, *others)
        assert [each.status for each in answers[5:]] == [200, 200]


def test_large_bodies_that_are_on_their_way_are_limited() -> None:
    """One caller can't make the service hold more than 64 MiB of them; small ones still pass."""
    size = str(8 * 2**20)
    with Serving() as serving:
        large = ("POST", "/api/check", [b"{", 0.3, b"}"], {**JSON, "content-length": size})
        small = ("POST", "/api/check", [b"{}"], {**JSON, "content-length": "2"})
        answers = serving.together(*[large] * 9, small)
        assert [each.status for each in answers] == [200] * 8 + [503, 200]


def test_callers_take_turns() -> None:
    """Whoever has much to do waits for others between its own tasks; who gives up is left out."""
    order: list[str] = []

    async def some_time(turns: Turns, caller: str) -> None:
        async with turns.turn(caller):
            order.append(caller)
            await asyncio.sleep(0)

    async def all_of_them() -> None:
        turns = Turns()
        tasks = [asyncio.create_task(some_time(turns, caller)) for caller in "aaaabbc"]
        await asyncio.sleep(0)
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await some_time(turns, "d")

    asyncio.run(all_of_them())
    assert order == ["a", "b", "c", "a", "b", "a", "d"]


def test_work_that_takes_too_long_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """504; the process that was at it ends, too, and the next work gets a new one."""

    async def both() -> None:
        process = WorkerProcess(5.0)  # enough to start a process on a busy machine
        first = await process(os.getpid)
        with monkeypatch.context() as patch:
            patch.setattr(process, "_deadline", 0.2)
            with pytest.raises(Problem) as late:
                await process(time.sleep, 600)
        assert late.value.status == 504
        assert await process(os.getpid) != first
        process.close()

    asyncio.run(both())


def test_requests_for_runs_are_small(serving: Serving) -> None:
    """413 for bodies over 1 MiB of a run, and 4 KiB of a name, compressed or not."""
    packed = {"content_encoding": "gzip", **JSON}
    huge = gzip.compress(b'{"inputs": {' + b" " * 2**20 + b"}}")
    assert serving("POST", RUN, huge, **packed).status == 413
    huge = gzip.compress(b'{"id": "' + b" " * 2**12 + b'"}')
    assert serving("PUT", "/api/names/x", huge, if_none_match="*", **packed).status == 413


def test_only_faults_that_are_reported_are_explained(serving: Serving) -> None:
    """100 diagnostics, and the number of others: of fields, of numbers, of missing inputs."""
    fields = serving.send("POST", RUN, {f"u{i}": 1 for i in range(3000)})
    numbers = serving.send("POST", RUN, {"inputs": {f"u{i}": "x" for i in range(3000)}})
    nodes: list[dict[str, Any]] = [{"id": f"n{i}", "op": "input"} for i in range(500)]
    nodes.append({"id": "y", "op": "sum", "args": [f"n{i}" for i in range(500)]})
    graph = json.dumps({"mgraph": "1.0", "nodes": nodes, "outputs": ["y"]}).encode()
    serving.put(graph, "wide")
    missing = serving.send("POST", "/api/graphs/wide/run", {})
    seeds = {f"n{i}": 1 for i in range(400)}
    seeded = serving.send("POST", "/api/graphs/wide/run", {
        "inputs": {f"n{i}": 1 for i in range(500)}, "seed": seeds,
    })  # fmt: skip
    for answered, more in ((fields, 2900), (numbers, 2900), (missing, 400), (seeded, 300)):
        assert answered.status == 422
        assert (len(answered.json["diagnostics"]), answered.json["more"]) == (100, more)
    too_many = serving.send("POST", RUN, {"inputs": {f"u{i}": 1 for i in range(3000)}})
    assert too_many.json["diagnostics"][0]["pointer"] == "/inputs"


def test_large_requests_for_runs_are_read_in_another_process(serving: Serving) -> None:
    """With the same answer: the numbers, and the place of what is wrong."""
    nodes: list[dict[str, Any]] = [{"id": f"n{i}", "op": "param", "data": 1} for i in range(5000)]
    nodes.append({"id": "y", "op": "sum", "args": [f"n{i}" for i in range(5000)]})
    graph = json.dumps({"mgraph": "1.0", "nodes": nodes, "outputs": ["y"]}).encode()
    serving.put(graph, "wide")
    inputs = {f"n{i}": 2.0 for i in range(5000)}
    run = serving.send("POST", "/api/graphs/wide/run", {"inputs": inputs})
    assert run.json["data"]["y"] == 10_000.0
    del inputs["n7"]
    wrong = serving.send("POST", "/api/graphs/wide/run", {"inputs": {**inputs, "nobody": 1}})
    (fault,) = wrong.json["diagnostics"]
    assert (fault["code"], fault["pointer"], fault["line"]) == ("run-node", "/inputs/nobody", 1)


def test_explaining_a_file_takes_little_time() -> None:
    """The number of names that are looked at for "did you mean" is limited, for all of a file."""
    looked_at = []

    class Known(list[str]):
        def __iter__(self) -> Iterator[str]:
            looked_at.append(len(self))
            return super().__iter__()

    hints = Suggestions()
    known = Known(f"n{i}" for i in range(10_000))
    for i in range(1000):
        hints.closest(f"m{i}", known)
    assert 0 < sum(looked_at) <= 300_000


# --- who ---


def test_hosts_are_known(serving: Serving) -> None:
    """A name that was pointed to this address by someone else (DNS rebinding) is refused."""
    for host in ("localhost", "LOCALHOST:8765", "127.0.0.1:1", "[::1]:8765"):
        assert serving("GET", "/api/names", host=host).status == 200, host
    for host in (
        "evil.example", "localhost.evil.example", "", "127.0.0.1.evil.example", "[::2]",
        "127.0.0.1:abc", "localhost:8765@evil.example", "localhost:1:2", "[::1]x", "[localhost]",
    ):  # fmt: skip
        refused = serving("GET", "/api/names", host=host)
        assert refused.status == 400, host
        assert "--allow-host" in refused.json["detail"]
        for path in HEALTH:  # monitors ask by any address, and are told nothing else
            assert serving("GET", path, host=host).status in (200, 503), (path, host)
    assert serving("GET", "/healthz", host="10.0.0.7").json == {"ok": True}
    assert serving("GET", "/healthz", Host="evil.example").status == 400  # two of them


def test_encodings_that_the_server_does_not_decode(serving: Serving) -> None:
    """A body that is gzip and then chunked would be taken for what is in its chunks."""
    for coding in ("gzip, chunked", "identity", "chunked, chunked"):
        answered = serving("POST", "/api/check", DATA, transfer_encoding=coding, **JSON)
        assert (answered.status, answered.headers["connection"]) == (400, "close"), coding
    assert serving("POST", "/api/check", DATA, transfer_encoding="chunked", **JSON).status == 200


def test_pages_of_other_sites_change_nothing(serving: Serving) -> None:
    """Whatever a browser says about where a request comes from, only our own pages may write."""
    own = {"origin": "http://localhost:8765", "sec_fetch_site": "same-origin"}
    assert serving("POST", "/api/check", DATA, **JSON, **own).status == 200
    for foreign in (
        {"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "http://localhost:1"},
        {"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site"},
        {"origin": "http://localhost:8765", "sec_fetch_site": "cross-site"},
    ):  # fmt: skip
        for method, path in (("POST", "/api/graphs"), ("PUT", "/api/names/x"), ("POST", RUN)):
            assert serving(method, path, DATA, **JSON, **foreign).status == 403, foreign


def test_replies_grant_nothing_to_other_sites(serving: Serving) -> None:
    """No cookies, no CORS; every reply has the headers that keep browsers from guessing."""
    for path in ("/", "/healthz", "/g/neuron", "/c/x", "/api/graphs/neuron", "/nothing", "/open"):
        headers = serving("GET", path, origin="http://evil.example").headers
        assert "set-cookie" not in headers
        assert not any(name.startswith("access-control") for name in headers)
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_storing_takes_a_token_where_strangers_are() -> None:
    """401 without, or with one that is not known or revoked; each scope may do what it is for."""
    store = MemoryStore()
    tokens = {
        "read": new_token(store, Scope.READ)[0],
        "class": new_token(store, Scope.CLASS, prefix="class-7a")[0],
        "write": new_token(store, Scope.WRITE)[0],
    }
    with Serving(replace(OPEN, needs_token=True), store) as serving:

        def post(secret: str, scheme: str = "Bearer") -> int:
            return serving(
                "POST", "/api/graphs", DATA, **JSON, authorization=f"{scheme} {secret}"
            ).status

        refused = serving("POST", "/api/graphs", DATA, **JSON)
        assert (refused.status, refused.headers["www-authenticate"][:6]) == (401, "Bearer")
        assert (
            post("x") == post(tokens["write"][:-1] + "g") == post(tokens["write"], "Basic") == 401
        )
        assert [post(tokens[name]) for name in ("read", "class", "write")] == [403, 201, 200]
        assert serving("GET", "/api/names").status == 200


def test_a_class_token_only_adds_names_below_its_prefix() -> None:
    """It can't write elsewhere, and neither replace nor remove what others have saved."""
    store = MemoryStore()
    pupil = {"authorization": f"Bearer {new_token(store, Scope.CLASS, prefix='class-7a')[0]}"}
    teacher = {"authorization": f"Bearer {new_token(store, Scope.WRITE)[0]}"}
    with Serving(replace(OPEN, needs_token=True), store) as serving:
        document = serving("POST", "/api/graphs", DATA, **JSON, **pupil).json["id"]

        def put(name: str, who: dict[str, str], **condition: str) -> int:
            path = f"/api/names/{name}"
            return serving.send("PUT", path, {"id": document}, **who, **condition).status

        assert put("class-7a/anna", pupil, if_none_match="*") == 201
        assert put("class-7a/anna", pupil, if_none_match="*") == 412
        assert put("class-7a/anna", pupil, if_match="*") == 403
        for name in ("class-7b/anna", "class-7a", "anna", "class-7ab/anna"):
            assert put(name, pupil, if_none_match="*") == 403, name
        assert serving("DELETE", "/api/names/class-7a/anna", if_match="*", **pupil).status == 403
        assert put("class-7a/anna", teacher, if_match="*") == 200
        assert serving("DELETE", "/api/names/class-7a/anna", if_match="*", **teacher).status == 204


def test_a_quota_is_a_quota() -> None:
    """403 with the code `quota` for more than a token may store."""
    store = MemoryStore()
    secret, _ = new_token(store, Scope.WRITE, quota=Quota(documents=1))
    with Serving(OPEN, store) as serving:
        token = {"authorization": f"Bearer {secret}", **JSON}
        assert serving("POST", "/api/graphs", DATA, **token).status == 201
        second = serving("POST", "/api/graphs", DATA + b"\n", **token)
        assert (second.status, second.json["diagnostics"][0]["code"]) == (403, "quota")


def test_a_read_only_service_stores_nothing(serving: Serving) -> None:
    """403 for whatever would change something, with any token; runs and checks work."""
    secret, _ = new_token(serving.store, Scope.WRITE)
    with Serving(replace(OPEN, read_only=True), serving.store) as reading:
        token = {"authorization": f"Bearer {secret}"}
        for method, path in (
            ("POST", "/api/graphs"), ("PUT", "/api/names/x"), ("DELETE", "/api/names/neuron"),
        ):  # fmt: skip
            assert reading(method, path, DATA, **JSON, **token).status == 403
        assert reading("POST", RUN, **JSON).status == 200
        assert reading("POST", "/api/check", DATA, **JSON).status == 200


# --- texts from strangers ---

HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202e\x07"


def test_hostile_texts_are_harmless_on_every_page() -> None:
    """Names, labels and descriptions are text wherever they are shown; nothing of them is markup.

    A script that the page's policy does not name by its hash would not run, either.
    """
    graph = json.loads(DATA)
    graph |= {"name": HOSTILE, "doc": HOSTILE}
    graph["nodes"][0]["label"] = HOSTILE
    with Serving() as serving:
        document = serving.put(json.dumps(graph).encode(), "class/x")
        for path in ("/", "/c/class", "/g/class/x", f"/g/{document}", f"/t/{document}/light.svg"):
            answered = serving("GET", path)
            assert answered.status == 200, (path, answered.body[:300])
            assert b"<script>alert" not in answered.body
            assert b"<img src=x" not in answered.body
            _assert_scripts_are_named(answered.headers["content-security-policy"], answered.body)


def _assert_scripts_are_named(policy: str, body: bytes) -> None:
    for tag, text in re.findall(rb"<(script|style)>(.*?)</", body, re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
        assert f"{tag.decode()}-src 'sha256-{digest}'" in policy


def test_the_log_has_one_harmless_line_a_request(serving: Serving) -> None:
    """Whatever the path holds, it stays on its line, which has the id that the reply has."""
    serving.log()
    before = len(serving.log())
    paths = (
        "/healthz",
        "/g/a%0Ab%1B[31m",
        "/" + "x" * 5000,
        "/a b\u202e",
        "/%E2%80%AE",
        "/\x1b[31m\n\x7f",
    )
    ids = [serving("GET", path).headers["x-request-id"] for path in paths]
    lines = serving.log()[before:]
    assert len(lines) == len(paths)
    for name, line in zip(ids, lines, strict=True):
        assert re.fullmatch(
            rf"\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ {name} 192\.0\.2\.9 - GET \S{{1,210}} \d{{3}} \d+ "
            r"\d+\.\dms",
            line,
        ), line
        assert line.isascii()
        assert line.isprintable()


def test_another_kind_of_authorization(serving: Serving) -> None:
    """It is said what is expected; a bearer of a wrong token hears that there is none."""
    refused = serving("GET", "/api/names", authorization="Basic YTpi")
    assert (refused.status, "Bearer" in refused.json["detail"]) == (401, True)
    refused = serving("GET", "/api/names", authorization="Bearer nobody")
    assert (refused.status, "no such token" in refused.json["detail"]) == (401, True)


def test_secrets_are_not_in_the_log(serving: Serving) -> None:
    """A token is named by its id, which is no secret."""
    secret, token = new_token(serving.store, Scope.READ)
    serving("GET", "/healthz", authorization=f"Bearer {secret}")
    serving("GET", "/healthz", authorization="Bearer mgraph_12345678_secret")
    log = "\n".join(serving.log())
    assert token.id in log
    assert "secret" not in log
    assert secret.rpartition("_")[2] not in log


def test_a_fault_of_the_service_is_a_problem_with_a_line_in_the_log(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should there be a mistake, the client learns a number, and only the log has the reason."""

    async def broken(_: bytes) -> None:
        message = "secret reason"
        raise RuntimeError(message)

    monkeypatch.setattr(_documents(serving), "check", broken)
    answered = serving("POST", "/api/check", DATA, **JSON)
    assert answered.status == 500
    assert b"secret reason" not in answered.body
    assert any("secret reason" in line for line in serving.log())
    assert serving("GET", "/healthz").status == 200


def test_odd_requests_are_refused_and_nothing_else() -> None:
    """Strange headers and paths: always an answer below 500."""
    numbers = count()
    odd = ("\xff\xfe", "", "*", ",,,;;;", "a" * 9000, '"', "application/json;q=x", "\x00", "Bearer")
    with Serving() as serving:
        serving.put(DATA, "neuron")
        for name in (
            "accept", "authorization", "content-type", "if-none-match", "if-match",
            "content-length", "origin", "host", "content-encoding", "sec-fetch-site",
        ):  # fmt: skip
            for text in odd:
                headers = {"content-type": KIND, name: text}
                requests = [
                    (method, path, [DATA], headers)
                    for method, path in (
                        ("POST", "/api/graphs"), ("GET", "/api/graphs/neuron"), ("POST", RUN),
                        ("PUT", "/api/names/y"), ("GET", "/api/names?prefix=%FF"), ("GET", "/"),
                        ("DELETE", "/api/names/y"), ("HEAD", "/g/%ff"), ("GET", "/t/x/y"),
                    )
                ]  # fmt: skip
                for answered in serving.together(*requests):
                    next(numbers)
                    assert answered.status < 500, (name, text, answered)
    assert next(numbers) == 10 * 9 * 9
