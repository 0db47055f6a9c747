"""The API does what its table says: documents, runs, names, checks; problems say why not."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import msgpack
import pytest

import mgraph as library
from mgraph.graph.run import bits
from mgraph.service.store.files import FileStore
from tests.command_line import FIXTURES, NEURON
from tests.service.serving import JSON, OPEN, Serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.command_line import Shell

DATA = NEURON.read_bytes()
ID = f"sha256:{hashlib.sha256(DATA).hexdigest()}"
MSGPACK = "application/vnd.msgpack"
GOLDEN = sorted(
    path
    for path in (FIXTURES / "run").rglob("*")
    if path.suffix in (".json", ".msgpack") and path.stat().st_size < OPEN.inline
)


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Return a service with nothing stored."""
    with Serving() as service:
        yield service


# --- graphs ---


def test_a_graph_comes_back_byte_for_byte(serving: Serving) -> None:
    """Its id is the SHA-256 of its bytes; an upload of the same bytes is answered with 200."""
    first = serving("POST", "/api/graphs", DATA, **JSON)
    again = serving("POST", "/api/graphs", DATA, **JSON)
    assert (first.status, again.status) == (201, 200)
    assert first.json["id"] == ID
    assert first.json["nodes"] == 10
    assert first.headers["location"] == f"/api/graphs/{ID}"
    got = serving("GET", first.headers["location"])
    assert (got.status, got.body) == (200, DATA)
    assert got.headers["etag"] == f'"{ID}"'
    assert "immutable" in got.headers["cache-control"]


def test_what_a_client_has_is_not_sent_again(serving: Serving) -> None:
    """With If-None-Match the reply is 304, without a body; HEAD has the headers of GET."""
    serving.put(DATA)
    known = serving("GET", f"/api/graphs/{ID}", if_none_match=f'W/"x", "{ID}"')
    assert (known.status, known.body) == (304, b"")
    head = serving("HEAD", f"/api/graphs/{ID}")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(DATA))


def test_a_graph_is_found_by_name_hash_and_start(serving: Serving) -> None:
    """A name and the graph's hash will do; the start of an id only for the holder of a token."""
    serving.put(DATA, "class-7a/anna")
    graph = library.load(NEURON).hash
    for reference in ("class-7a/anna", graph, ID):
        found = serving("GET", f"/api/graphs/{reference}")
        assert found.body == DATA
        assert found.headers["content-location"] == f"/api/graphs/{ID}"
    assert "immutable" not in serving("GET", f"/api/graphs/{graph}").headers["cache-control"]
    assert serving("GET", f"/api/graphs/{ID[:20]}").status == 400
    assert serving("GET", f"/api/graphs/sha256:{'0' * 64}").status == 404


def test_the_encoding_is_what_the_client_accepts(serving: Serving) -> None:
    """JSON and msgpack are made of each other; anything else is 406."""
    serving.put(DATA)
    packed = serving("GET", f"/api/graphs/{ID}", accept=MSGPACK)
    assert packed.headers["content-type"] == MSGPACK
    assert packed.headers["etag"] != f'"{ID}"'
    assert library.loads(packed.body).hash == library.load(NEURON).hash
    stored = serving("POST", "/api/graphs", packed.body, content_type=MSGPACK, accept=MSGPACK)
    assert msgpack.unpackb(stored.body)["nodes"] == 10
    text = serving("GET", stored.headers["location"], accept="application/json;q=0.5, */*;q=0.1")
    assert library.loads(text.body).hash == library.load(NEURON).hash
    assert text.body[:1] == b"{"
    assert serving("GET", f"/api/graphs/{ID}", accept="image/png").status == 406
    assert serving("GET", f"/api/graphs/{ID}", accept="application/json;q=0").status == 406


def test_a_page_is_not_sent_again(serving: Serving) -> None:
    """The page of a graph has a tag, too: a class that loads it again gets 304."""
    serving.put(DATA, "neuron")
    page = serving("GET", "/g/neuron")
    assert (page.status, b"x1w1" in page.body) == (200, True)
    again = serving("GET", "/g/neuron", if_none_match=page.headers["etag"])
    assert (again.status, again.body) == (304, b"")


REJECTED = sorted((FIXTURES / "reject").rglob("*.diagnostic.json"))


def _file_of(expectation: Path) -> Path:
    stem = expectation.name.removesuffix(".diagnostic.json")
    return next(
        path
        for path in (expectation.with_name(stem + end) for end in (".json", ".msgpack"))
        if path.exists()
    )


def test_a_refused_graph_is_answered_with_its_diagnostics(serving: Serving) -> None:
    """Every bad fixture: the status is one of a client's fault, codes and places are as expected.

    The expectations are those of the fixtures, which mgraph did not write.
    """
    for expectation in REJECTED[::3]:
        wanted = json.loads(expectation.read_bytes())
        if wanted.get("limits"):
            continue
        data = _file_of(expectation).read_bytes()
        answered = serving("POST", "/api/graphs", data, **JSON)
        assert answered.status in (400, 413, 415, 422), (expectation, answered)
        assert answered.headers["content-type"] == "application/problem+json"
        got = answered.json["diagnostics"]
        keys = ("code", "severity", "pointer", "line", "column", "offset")
        told = [{key: each[key] for key in keys if key in each} for each in got]
        expected = [{k: v for k, v in each.items() if k in keys} for each in wanted["diagnostics"]]
        assert told == expected, expectation
        checked = serving("POST", "/api/check", data, **JSON)
        assert (checked.status, checked.json["ok"]) in ((200, False), (413, None)) or (
            checked.status == 413
        )


def test_check_says_what_the_command_says(serving: Serving, mgraph: Shell) -> None:
    """`/api/check` and `mgraph check --json` have the same fields and the same values."""
    bad = b'{"mgraph": "1.0",\n "nodes": [{"id": "a", "op": "tahn", "args": []}]}'
    for data in (DATA, bad):
        (said,) = mgraph("check", mgraph.write("x.json", data), "--json").json["files"]
        answered = serving("POST", "/api/check", data, **JSON)
        assert answered.status == 200
        del said["file"]
        for each in said["diagnostics"]:
            del each["file"]
        assert answered.json == said


# --- runs ---


def test_a_run_has_the_bits_of_the_file(serving: Serving) -> None:
    """For a sample of the golden fixtures, whose numbers come from high-precision arithmetic."""
    ran = 0
    for path in GOLDEN[::7]:
        graph = library.load(path)
        document = serving.put(path.read_bytes())
        for run in graph.runs:
            wanted = {"inputs": _spelled(run.inputs), "seed": _spelled(run.seed)}
            answered = serving.send("POST", f"/api/graphs/{document}/run", wanted)
            assert answered.status == 200, (path, answered)
            mine = graph.run(run.inputs, seed=run.seed)
            _assert_same_bits(answered.json, mine, path)
            ran += 1
    assert ran > 20


def test_a_run_is_that_of_the_command(serving: Serving, mgraph: Shell) -> None:
    """The run in the file that `mgraph run` writes, and the service's run, are equal as JSON."""
    serving.put(DATA, "neuron")
    mgraph("run", "neuron.json", "--set", "x1=0.5", "--seed", "o=2", "-o", "out.json")
    written = mgraph.document("out.json")["runs"][-1]
    wanted = {"inputs": {"x1": 0.5}, "seed": {"o": 2}}
    assert serving.send("POST", "/api/graphs/neuron/run", wanted).json == written
    packed = serving.send("POST", "/api/graphs/neuron/run", wanted, accept=MSGPACK)
    assert msgpack.unpackb(packed.body) == written


@pytest.mark.thorough
def test_every_run_has_the_bits_of_the_command(serving: Serving) -> None:
    """The same for all golden fixtures."""
    for path in GOLDEN:
        graph = library.load(path)
        document = serving.put(path.read_bytes())
        for run in graph.runs:
            wanted = {"inputs": _spelled(run.inputs), "seed": _spelled(run.seed)}
            answered = serving.send("POST", f"/api/graphs/{document}/run", wanted)
            _assert_same_bits(answered.json, graph.run(run.inputs, seed=run.seed), path)


def _spelled(numbers: Mapping[str, float]) -> dict[str, float | str]:
    return {name: x if x - x == 0 else str(x) for name, x in numbers.items()}


def _assert_same_bits(got: dict[str, Any], run: library.Run, path: Path) -> None:
    for key, numbers in (("data", run.data), ("grad", run.grad)):
        assert numbers is not None
        told = {name: float(x) for name, x in got[key].items()}
        assert told.keys() == numbers.keys(), path
        wrong = [
            name
            for name, x in numbers.items()
            if bits(x) != bits(told[name]) and not (x != x and told[name] != told[name])
        ]
        assert wrong == [], (path, key)


def test_a_run_is_kept_under_its_key(serving: Serving) -> None:
    """The key is the tag of the run; equal inputs have one, a run without gradients none."""
    serving.put(DATA, "neuron")
    run = serving.send("POST", "/api/graphs/neuron/run", {"inputs": {"x1": 0.5}})
    again = serving.send("POST", "/api/graphs/neuron/run", {"inputs": {"x1": 0.50}})
    other = serving.send("POST", "/api/graphs/neuron/run", {"inputs": {"x1": 0.25}})
    assert run.headers["location"] == again.headers["location"] != other.headers["location"]
    kept = serving("GET", run.headers["location"])
    assert (kept.status, kept.body) == (200, run.body)
    known = serving("GET", run.headers["location"], if_none_match=run.headers["etag"])
    assert known.status == 304
    forward = serving.send("POST", "/api/graphs/neuron/run", {"grad": False})
    assert "grad" not in forward.json
    assert "location" not in forward.headers
    assert serving("GET", f"/api/runs/{'0' * 64}").status == 404
    assert serving("GET", "/api/runs/x").status == 400


def test_a_run_can_be_exact(serving: Serving) -> None:
    """Then it says so, has the bits of the fixture by MPFR, and is kept under a key of its own."""
    path = FIXTURES / "exact" / "neuron.json"
    serving.put(path.read_bytes(), "exact")
    for want in json.loads(path.read_text(encoding="utf-8"))["runs"]:
        wanted = {"inputs": want.get("inputs", {}), "seed": want.get("seed", {})}
        plain = serving.send("POST", "/api/graphs/exact/run", wanted)
        exact = serving.send("POST", "/api/graphs/exact/run", {**wanted, "math": "exact"})
        assert "math" not in plain.json
        assert {**exact.json, "origin": ""} == {**want, "origin": ""}
        assert exact.headers["location"] != plain.headers["location"]
        assert serving("GET", exact.headers["location"]).body == exact.body
        libm = serving.send("POST", "/api/graphs/exact/run", {**wanted, "math": "libm"})
        assert libm.body == plain.body


def test_large_graphs_run_exactly(serving: Serving) -> None:
    """A graph that is compiled has other kernels for each math."""
    path = FIXTURES / "exact" / "chain.json"
    document = json.loads(path.read_text(encoding="utf-8"))
    want = document["runs"][0]
    nodes = [{"id": f"c{i}", "op": "const", "data": 1.0} for i in range(500)] + document["nodes"]
    serving.put(json.dumps({**document, "nodes": nodes, "runs": []}).encode(), "chain")
    for math in ("libm", "exact", "libm", "exact"):
        run = serving.send("POST", "/api/graphs/chain/run", {"math": math}).json
        same = {name: run["data"][name] for name in want["data"]} == want["data"]
        assert (same, run["grad"] == want["grad"]) == (math == "exact",) * 2


def test_what_is_wrong_with_a_request_for_a_run_is_told_with_its_place(serving: Serving) -> None:
    """Bodies are answered in the words of the file format: codes, pointers, lines and columns."""
    serving.put(DATA, "neuron")
    cases = (
        (b'{"inputs": {"x1": "much"}}', 422, "number", "/inputs/x1"),
        (b'{"inputs": {"x1": [1]}}', 422, "number", "/inputs/x1"),
        (b'{"input": {}}', 422, "unknown-field", "/input"),
        (b'{"inputs": []}', 422, "type", "/inputs"),
        (b'{"grad": 1}', 422, "type", "/grad"),
        (b'{"math": true}', 422, "type", "/math"),
        (b'{"math": "libmvec"}', 422, "type", "/math"),
        (b"[]", 422, "type", ""),
        (b'{"inputs": {"x1": 1}', 400, "syntax", ""),
        (b'{"inputs": {"nobody": 1}}', 422, "run-node", "/inputs/nobody"),
        (b'{"inputs": {"o": 1}}', 422, "run-node", "/inputs/o"),
        (b'{"seed": {"x1": 1}}', 422, "seed", "/seed/x1"),
        (b'{"seed": {"o": "inf"}}', 422, "seed", "/seed/o"),
        (b'{"inputs": {"x1": 1e999}}', 422, "number", "/inputs/x1"),
    )
    for body, fix in (
        (b'{"inputs": {"x1": NaN}}', 'write "nan", with quotes'),
        (b'{"inputs": {"x1": 1e999}}', 'write "inf", with quotes, if infinity is meant'),
        (b'{"inputs": {"x1": null}}', "leave it out if it is not known"),
    ):
        answered = serving("POST", "/api/graphs/neuron/run", body, **JSON)
        assert answered.json["diagnostics"][0]["fix"] == fix, body
    for body, status, code, pointer in cases:
        answered = serving("POST", "/api/graphs/neuron/run", body, **JSON)
        first = answered.json["diagnostics"][0]
        assert (answered.status, first["code"], first["pointer"]) == (status, code, pointer), body
        column = {
            "/inputs/x1": 19,
            "/input": 2,
            "/inputs": 12,
            "/grad": 10,
            "/math": 10,
            "/seed/o": 16,
        }.get(pointer)
        assert column is None or (first["line"], first["column"]) == (1, column), body


def test_bodies_are_read_as_files_are(serving: Serving) -> None:
    """A literal -0 is minus zero, a key that is there twice is refused, as in graph files."""
    graph = {"mgraph": "1.0", "nodes": [{"id": "x", "op": "input"}], "outputs": ["x"]}
    serving.put(json.dumps(graph).encode(), "x")
    path = "/api/graphs/x/run"
    zero = serving("POST", path, b'{"inputs": {"x": -0}}', **JSON)
    assert b'"x":-0.0' in zero.body.split(b'"data":')[1]
    for body in (b'{"inputs": {"x": 1, "x": 2}}', b'{"inputs": {}, "inputs": {"x": 1}}'):
        twice = serving("POST", path, body, **JSON)
        assert (twice.status, twice.json["diagnostics"][0]["code"]) == (400, "duplicate-key")
    empty = serving("PUT", "/api/names/y", b"", if_none_match="*", **JSON)
    assert (empty.status, empty.json["detail"]) == (400, "the body is empty")


def test_each_encoding_has_its_own_tag(serving: Serving) -> None:
    """JSON and msgpack of a run, or of a name, have two tags; each is 304 for its own only."""
    serving.put(DATA, "neuron")
    packed = {"accept": MSGPACK}
    run = serving.send("POST", "/api/graphs/neuron/run", {})
    other = serving.send("POST", "/api/graphs/neuron/run", {}, **packed)
    named = [serving("GET", "/api/names/neuron", **accept) for accept in (JSON, packed)]
    for path, both in ((run.headers["location"], [run, other]), ("/api/names/neuron", named)):
        tags = [each.headers["etag"] for each in both]
        assert tags[0] != tags[1]
        assert [each.headers["vary"] for each in both] == ["accept"] * 2
        accepts: list[dict[str, str]] = [{}, packed]
        for accept, own in zip(accepts, tags, strict=True):
            for tag in tags:
                got = serving("GET", path, if_none_match=tag, **accept)
                assert got.status == (304 if tag == own else 200)
                assert (got.headers["etag"], got.headers["vary"]) == (own, "accept")


# --- names ---


def test_conditions_are_lists_of_tags(serving: Serving) -> None:
    """Either encoding's tag of a name will do, weak or in a list; without quotes it is none."""
    document, path = serving.put(DATA, "x"), "/api/names/x"

    def replaced(condition: str) -> int:
        return serving.send("PUT", path, {"id": document}, if_match=condition).status

    for form in ('"a", {}', "W/{}", '{} , "b,c"', ",{},"):
        for accept in ("application/json", MSGPACK):
            tag = serving("GET", path, accept=accept).headers["etag"]
            assert replaced(form.format(tag)) == 200, form
    for wrong in (serving("GET", path).json["revision"], '"a" "b"', "*, *", '"'):
        assert replaced(wrong) == 400, wrong
    assert replaced('"a", "b"') == 412


def test_names_are_compared_and_swapped(serving: Serving) -> None:
    """428 without a condition, 412 with one that doesn't hold; the tag is the revision."""
    first, second = serving.put(DATA), serving.put(DATA + b"\n")
    path = "/api/names/class-7a/anna"
    assert serving.send("PUT", path, {"id": first}).status == 428
    assert serving.send("PUT", path, {"id": first}, if_match='"x"').status == 412
    made = serving.send("PUT", path, {"id": first}, if_none_match="*")
    assert (made.status, made.json["id"]) == (201, first)
    assert serving.send("PUT", path, {"id": second}, if_none_match="*").status == 412
    changed = serving.send("PUT", path, {"id": second}, if_match=made.headers["etag"])
    assert changed.status == 200
    assert changed.headers["etag"] != made.headers["etag"]
    assert serving.send("PUT", path, {"id": first}, if_match=made.headers["etag"]).status == 412
    got = serving("GET", path)
    assert (got.json["id"], got.headers["etag"]) == (second, changed.headers["etag"])
    assert serving("GET", path, if_none_match=got.headers["etag"]).status == 304
    assert serving("GET", "/api/graphs/class-7a/anna").body == DATA + b"\n"
    refused = serving("DELETE", path)
    assert (refused.status, "If-None-Match" in refused.json["detail"]) == (428, False)
    assert serving("DELETE", path, if_match='"x"').status == 412
    assert serving("DELETE", path, if_match=got.headers["etag"]).status == 204
    assert serving("GET", path).status == 404
    assert serving("DELETE", path, if_match="*").status == 412


def test_names_come_in_pages(serving: Serving) -> None:
    """Each page says where the next one begins; a prefix has only what is below it."""
    document = serving.put(DATA)
    names = sorted(f"class-7a/{name}" for name in ("anna", "ben", "cleo", "dan", "eva"))
    for name in (*names, "class-7ab/eve", "alone"):
        serving.send("PUT", f"/api/names/{name}", {"id": document}, if_none_match="*")
    got, after = [], ""
    for _ in range(3):
        page = serving("GET", f"/api/names?prefix=class-7a&limit=2&after={after}").json
        got += [entry["name"] for entry in page["names"]]
        after = page["next"]
    assert got == names
    assert after is None
    assert len(serving("GET", "/api/names").json["names"]) == 7
    assert page["prefix"] is None
    owned = serving.send("PUT", "/api/names/class-7a", {"id": document}, if_none_match="*").json
    whole = serving("GET", "/api/names?prefix=class-7a")
    assert whole.json["prefix"] == owned
    same = {"if_none_match": whole.headers["etag"]}
    assert serving("GET", "/api/names?prefix=class-7a", **same).status == 304
    serving("DELETE", "/api/names/class-7a/ben", if_match="*")
    assert serving("GET", "/api/names?prefix=class-7a", **same).status == 200
    for query in ("limit=0", "limit=1001", "limit=x", "page=2", "limit=1&limit=2"):
        assert serving("GET", f"/api/names?{query}").status == 400, query


def test_a_name_needs_a_document_and_a_form(serving: Serving) -> None:
    """An unknown document is 422, a malformed name 400 with a similar one that would do."""
    missing = {"id": f"sha256:{'0' * 64}"}
    assert serving.send("PUT", "/api/names/x", missing, if_none_match="*").status == 422
    document = serving.put(DATA)
    for name in ("Anna", "../x", "a//b", "a%0ab", "%00", "con", "x" * 300, "a%20b", "%E2%80%AE"):
        answered = serving.send("PUT", f"/api/names/{name}", {"id": document}, if_none_match="*")
        assert answered.status == 400, (name, answered)
    bodies: tuple[object, ...] = ({}, {"id": 1}, {"id": document, "x": 1}, [], {"id": "x"})
    for body in bodies:
        answered = serving.send("PUT", "/api/names/x", body, if_none_match="*")
        assert answered.status in (400, 422), body


def test_runs_of_what_was_taken_down_are_gone(serving: Serving) -> None:
    """404 for the key of a run that the server had in its memory; other runs stay."""
    taken, kept = serving.put(DATA, "neuron"), serving.put(DATA + b"\n", "same")
    runs = [
        serving.send("POST", f"/api/graphs/{document}/run", {"inputs": {"x1": x}})
        for document, x in ((taken, 0.5), (kept, 0.25))
    ]
    keys = [run.headers["location"] for run in runs]
    assert [serving("GET", key).status for key in keys] == [200, 200]
    serving.store.remove(taken)
    assert [serving("GET", key).status for key in keys] == [404, 200]


def test_what_was_taken_down_is_gone(serving: Serving) -> None:
    """410, with the reason, for a document that was removed; its bytes can't be stored again."""
    document = serving.put(DATA, "neuron")
    serving.store.remove(document, "not ours")
    gone = serving("GET", f"/api/graphs/{document}")
    assert (gone.status, "not ours" in gone.json["detail"]) == (410, True)
    assert serving("POST", "/api/graphs", DATA, **JSON).status == 410
    assert serving("GET", "/api/graphs/neuron").status == 404
    assert serving("POST", f"/api/graphs/{document}/run").status == 410


def test_a_picture_that_was_drawn_is_gone_with_its_document(serving: Serving) -> None:
    """410 for a picture that is still in memory."""
    document = serving.put(DATA)
    path = f"/t/{document}/light.svg"
    assert serving("GET", path).status == 200
    serving.store.remove(document)
    assert serving("GET", path).status == 410


def test_one_damaged_record_hides_nothing_else(tmp_path: Path) -> None:
    """It is listed as damaged; the other names are there."""
    store = FileStore(str(tmp_path / "store"), create=True)
    with Serving(OPEN, store) as serving:
        serving.put(DATA, "a/x")
        serving.put(DATA, "a/z")
        (tmp_path / "store/names/a/y.json").write_bytes(b"{")
        listed = serving("GET", "/api/names?prefix=a").json
        assert [entry["name"] for entry in listed["names"]] == ["a/x", "a/z"]
        assert listed["damaged"] == ["a/y"]
        assert serving("GET", "/api/names/a/y").status == 503


def test_a_folder_that_vanished_is_not_empty(tmp_path: Path) -> None:
    """503 with the code `io`, not 404: what was stored is not gone, only its disk."""
    store = FileStore(str(tmp_path / "store"), create=True)
    with Serving(OPEN, store) as serving:
        document = serving.put(DATA, "neuron")
        serving.send("POST", "/api/graphs/neuron/run", {})
        (tmp_path / "store").rename(tmp_path / "elsewhere")
        for path in (
            "/api/names", "/api/names/neuron", f"/api/graphs/{document}", "/readyz",
            f"/api/runs/{'0' * 64}",
        ):  # fmt: skip
            answered = serving("GET", path)
            assert (answered.status, b'"io"' in answered.body) == (503, True), path
        (tmp_path / "elsewhere").rename(tmp_path / "store")
        assert serving("GET", "/readyz").status == 200


def test_people_get_pages(serving: Serving) -> None:
    """A browser that shows a page gets its problems as pages, and programs as JSON."""
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    shown = serving("GET", "/g/nope", accept=browser)
    assert (shown.status, shown.headers["content-type"][:9]) == (404, "text/html")
    assert b"There is no name &quot;nope&quot;" in shown.body
    assert serving("GET", "/g/nope").headers["content-type"] == "application/problem+json"


def test_uploads_can_be_unlisted(serving: Serving) -> None:
    """Found by id; not by hash; other parameters are refused."""
    stored = serving("POST", "/api/graphs?unlisted=true", DATA, **JSON)
    assert (stored.status, serving("GET", f"/api/graphs/{ID}").status) == (201, 200)
    assert serving("GET", f"/api/graphs/{stored.json['hash']}").status == 404
    for query in ("unlisted=maybe", "hidden=true"):
        assert serving("POST", f"/api/graphs?{query}", DATA, **JSON).status == 400


# --- the server itself ---


def test_paths_and_methods_that_do_not_exist(serving: Serving) -> None:
    """404 and 405 are problems, too; 405 says which methods there are."""
    for path in ("/nothing", "/api", "/api/graph", "//", "/healthz/", "/api/names/"):
        answered = serving("GET", path)
        assert answered.status in (400, 404), path
        assert answered.headers["content-type"] == "application/problem+json"
    wrong = serving("PATCH", "/api/names/x")
    assert wrong.status == 405
    assert sorted(wrong.headers["allow"].split(", ")) == ["DELETE", "GET", "HEAD", "PUT"]
    serving.put(DATA, "a/run")
    for path in ("/api/graphs/a/rows", "/api/graphs/nobody/run"):
        wrong = serving("GET", path)
        assert (wrong.status, wrong.headers["allow"]) == (405, "POST"), path
    assert serving("GET", "/api/graphs/a/run").body == DATA, "a name may end so, too"


def test_it_is_ready_when_its_kernels_are(serving: Serving) -> None:
    """`/healthz` answers at once, `/readyz` with 503 until the kernels are compiled."""
    assert serving("GET", "/healthz").json == {"ok": True}
    early = serving("GET", "/readyz")
    assert (early.status, early.headers["retry-after"]) == (503, "1")
    serving.put(DATA, "neuron")
    serving.send("POST", "/api/graphs/neuron/run", {})  # waits for the kernels
    assert serving("GET", "/readyz").status == 200


def test_the_description_has_every_path(serving: Serving) -> None:
    """What `/openapi.json` lists is what the routes answer, with the same methods."""
    described = serving("GET", "/openapi.json").json
    served = {
        route.path.replace(":path", ""): {x.lower() for x in route.handlers}
        for route in serving.app.routes.table
    }
    listed = {
        path: {x for x in item if x != "parameters"} for path, item in described["paths"].items()
    }
    assert listed == served
