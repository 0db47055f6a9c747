"""Versions: reading, refusing, migrating, and stamping the lowest that will do."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import msgpack
import pytest

import mgraph
from mgraph import GraphError, ops
from mgraph.format import VERSIONS, models
from mgraph.format import versions as migrate
from mgraph.format.versions import downgraded, lowest, upgraded, version_of

# A made-up past: in 0.8 nodes were called "vertices", in 0.9 ops were called "kind".
MADE_UP = ((0, 8), (0, 9), (1, 0))


def from_0_8(data: dict[str, Any]) -> dict[str, Any]:
    """Rename the vertices."""
    rest = {key: value for key, value in data.items() if key != "vertices"}
    return {**rest, "mgraph": "0.9", "nodes": data["vertices"]}


def from_0_9(data: dict[str, Any]) -> dict[str, Any]:
    """Rename the kinds."""
    nodes = [
        {("op" if key == "kind" else key): value for key, value in node.items()}
        for node in data["nodes"]
    ]
    return {**data, "mgraph": "1.0", "nodes": nodes}


def to_0_9(data: dict[str, Any]) -> dict[str, Any]:
    """Rename the ops; 0.9 had no tanh."""
    bad = [node["id"] for node in data["nodes"] if node["op"] == "tanh"]
    if bad:
        raise GraphError([
            mgraph.Diagnostic("version", f"format 0.9 can't say node {name}") for name in bad
        ])  # fmt: skip
    nodes = [
        {("kind" if key == "op" else key): value for key, value in node.items()}
        for node in data["nodes"]
    ]
    return {**data, "mgraph": "0.9", "nodes": nodes}


UP = {(0, 8): from_0_8, (0, 9): from_0_9}
DOWN = {(1, 0): to_0_9}
OLD = {
    "mgraph": "0.8",
    "vertices": [
        {"id": "x", "kind": "input", "data": 2.0},
        {"id": "y", "kind": "neg", "args": ["x"]},
    ],
    "outputs": ["y"],
}


def test_old_documents_are_brought_up_step_by_step() -> None:
    """A file of an older version reads as if it were new, and is itself not changed."""
    before = repr(OLD)
    new = upgraded(OLD, MADE_UP, UP)
    assert new["mgraph"] == "1.0"
    assert repr(OLD) == before
    assert mgraph.loads(json.dumps(new)).run().data == {"x": 2.0, "y": -2.0}


def test_new_documents_go_back_down_where_they_can() -> None:
    """Down and up again is the same; what stops a step is named, all of it."""
    new = upgraded(OLD, MADE_UP, UP)
    old = downgraded(new, (0, 9), MADE_UP, DOWN)
    assert old["nodes"][1] == {"id": "y", "kind": "neg", "args": ["x"]}
    assert upgraded(old, MADE_UP, UP) == new
    new["nodes"] += [{"id": f"t{i}", "op": "tanh", "args": ["x"]} for i in range(2)]
    with pytest.raises(GraphError) as caught:
        downgraded(new, (0, 9), MADE_UP, DOWN)
    assert [each.message[-2:] for each in caught.value.diagnostics] == ["t0", "t1"]


def test_versions_that_do_not_exist() -> None:
    """Neither up from, nor down to, a version that never was."""
    for version, words in (
        ("1.2", "needs format 1.2, this mgraph reads up to 1.1"),
        ("2.0", "2.0"),
        ("0.7", "0.7"),
    ):
        with pytest.raises(GraphError, match=words) as caught:
            upgraded({"mgraph": version})
        assert caught.value.diagnostics[0].code == "version"
    with pytest.raises(GraphError, match=r"there is no format 0\.1"):
        downgraded({"mgraph": "1.0"}, (0, 1))


@pytest.mark.parametrize(
    "stated",
    ["1", "v1.0", "01.0", "1.00", " 1.0", "1.0\n", "1.0.0", "\u0967.\u0966", 1.0, None, ""],
)
def test_other_spellings_are_refused(stated: object) -> None:
    """A version has one spelling."""
    with pytest.raises(GraphError) as caught:
        version_of({"mgraph": stated})
    assert [each.code for each in caught.value.diagnostics] == ["version"]


@pytest.mark.parametrize("document", [[], 1, None, {}, {"nodes": []}, "1.0"])
def test_what_does_not_say_that_it_is_a_graph_file(document: object) -> None:
    """No field, no format."""
    with pytest.raises(GraphError) as caught:
        version_of(document)
    assert [each.code for each in caught.value.diagnostics] == ["format"]


def test_a_refusal_names_the_mgraph_that_reads_the_file() -> None:
    """Format 1.N comes with mgraph 0.N.0, so that a reader can name a version yet to come."""
    for version, fix in (
        ("1.2", "upgrade: mgraph 0.2.0 or newer reads it"),
        ("1.17", "upgrade: mgraph 0.17.0 or newer reads it"),
        ("2.0", "upgrade: a newer mgraph reads it"),
        ("0.9", ""),
    ):
        with pytest.raises(GraphError) as caught:
            upgraded({"mgraph": version})
        assert caught.value.diagnostics[0].fix == fix


def test_format_versions_are_named_after_those_of_mgraph() -> None:
    """What older readers say of this version of the format is true of this mgraph."""
    found = re.match(r"(\d+)\.(\d+)\.", mgraph.__version__)
    assert found is not None
    assert (int(found[1]), int(found[2])) >= (0, VERSIONS[-1][1])


def document(op: str, stated: str) -> dict[str, Any]:
    """Return a graph of an op and a tanh, which states a version."""
    nodes = [
        {"id": "y", "op": op, "args": ["x"]},
        {"id": "x", "op": "input", "data": 0.5},
        {"id": "z", "op": "tanh", "args": ["y"]},
    ]
    return {"mgraph": stated, "nodes": nodes, "outputs": ["z"]}


def test_a_file_asks_for_the_version_that_it_needs() -> None:
    """The ops decide, not what the file stated: hash and bytes of 1.0 files stay the same."""
    for op, stated, written in (
        ("sin", "1.0", "1.0"), ("sin", "1.1", "1.0"), ("asin", "1.1", "1.1"),
    ):  # fmt: skip
        graph = mgraph.loads(json.dumps(document(op, stated)))
        assert graph.version == written
        assert json.loads(b"".join(graph.to_bytes(".json")))["mgraph"] == written
        assert msgpack.unpackb(b"".join(graph.to_bytes(".msgpack")))["mgraph"] == written
    old, new = (mgraph.loads(json.dumps(document("sin", each))) for each in ("1.0", "1.1"))
    assert old.hash == new.hash


def test_ops_of_a_newer_version_are_refused() -> None:
    """A file that states 1.0 uses ops of 1.0, as readers of 1.0 will say; all others are named."""
    bad = document("asin", "1.0")
    bad["nodes"][2]["op"] = "expm1"
    with pytest.raises(GraphError) as caught:
        mgraph.loads(json.dumps(bad))
    assert [(each.code, each.pointer) for each in caught.value.diagnostics] == [
        ("unknown-op", "/nodes/0/op"), ("unknown-op", "/nodes/2/op"),
    ]  # fmt: skip
    assert caught.value.diagnostics[0].fix == 'state "mgraph": "1.1"'


def test_down_to_1_0_and_up_again() -> None:
    """A graph of old ops changes its version only; every newer op is in the way, with its node."""
    new = document("sin", "1.1")
    assert downgraded(new, (1, 0)) == document("sin", "1.0")
    assert upgraded(document("sin", "1.0")) == new
    packed = {"ops": ["acos", "gate", "input"]}
    for nodes, pointers in (
        (document("log1p", "1.1")["nodes"], ["/nodes/0/op"]),
        ([{"id": "a", "op": "erf"}, 1, {"op": "gate"}, {"op": []}], ["/nodes/0/op", "/nodes/2/op"]),
        (packed, ["/nodes/ops/0", "/nodes/ops/1"]),
    ):
        with pytest.raises(GraphError) as caught:
            downgraded({"mgraph": "1.1", "nodes": nodes}, (1, 0))
        assert {each.code for each in caught.value.diagnostics} == {"version"}
        assert [each.pointer for each in caught.value.diagnostics] == pointers


def test_a_run_in_exact_math_needs_1_1() -> None:
    """The field of a run asks for the version that brought it, and is in the way of going back."""
    plain = {"data": {"x": 0.5}}
    runs = [plain, {"math": "exact", **plain}, {"math": "exact"}]
    new = {**document("sin", "1.1"), "runs": runs}
    graph = mgraph.loads(json.dumps(new))
    assert graph.version == "1.1"
    assert [run.math for run in graph.runs] == ["", "exact", "exact"]
    for extension, decode in ((".json", json.loads), (".msgpack", msgpack.unpackb)):
        written = decode(b"".join(graph.to_bytes(extension)))
        assert written["mgraph"] == "1.1"
        assert [run.get("math") for run in written["runs"]] == [None, "exact", "exact"]
        rest = decode(b"".join(graph.with_runs(graph.runs[:1]).to_bytes(extension)))
        assert rest["mgraph"] == "1.0"
    assert graph.hash == mgraph.loads(json.dumps(document("sin", "1.0"))).hash
    for refused, code, fix in (
        (lambda: downgraded(new, (1, 0)), "version", "--strip leaves out the runs"),
        (lambda: mgraph.loads(json.dumps({**new, "mgraph": "1.0"})), "unknown-field",
         'state "mgraph": "1.1"'),
    ):  # fmt: skip
        with pytest.raises(GraphError) as caught:
            refused()
        assert [(each.code, each.pointer, each.fix) for each in caught.value.diagnostics] == [
            (code, "/runs/1/math", fix), (code, "/runs/2/math", fix),
        ]  # fmt: skip


def test_runs_made_by_hand_say_a_math_that_there_is() -> None:
    """The fault is that of a file; nothing at all is the machine's math."""
    graph = mgraph.loads(json.dumps(document("sin", "1.0")))
    assert graph.with_runs([mgraph.Run(math="exact"), mgraph.Run()]).version == "1.1"
    with pytest.raises(GraphError) as caught:
        graph.with_runs([mgraph.Run(math="libm")])
    assert [(each.code, each.pointer) for each in caught.value.diagnostics] == [
        ("type", "/runs/0/math")
    ]
    for math in ("", "fast"):
        with pytest.raises(ValueError, match="choose one of libm, exact"):
            graph.run(math=math)


def test_the_lowest_sufficient_version_is_stamped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that uses nothing new does not ask for a new reader."""
    newer = {**ops.OPS, "neg": dataclasses.replace(ops.OPS["neg"], since="1.3")}
    monkeypatch.setattr(migrate, "OPS", newer)
    assert lowest(["input", "mul"]) == (1, 0)
    assert lowest(["input", "mul", "neg"]) == (1, 3)
    assert lowest([]) == VERSIONS[0]


def test_the_newest_version_is_one() -> None:
    """Steps, package and models agree on what the newest version is."""
    newest = migrate.spelled(VERSIONS[-1])
    assert newest == mgraph.FORMAT_VERSION
    assert models.json_schema()["properties"]["mgraph"]["enum"][-1] == newest


def test_steps_connect_the_released_versions() -> None:
    """From every version but the newest there is a step up, and back."""
    assert [*migrate.UP] == [*VERSIONS[:-1]]
    assert [*migrate.DOWN] == [*VERSIONS[1:]]
