"""Versions: reading, refusing, migrating, and stamping the lowest that will do."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

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
        ("1.1", "needs format 1.1, this mgraph reads up to 1.0"),
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
    assert models.json_schema()["properties"]["mgraph"]["const"] == newest


def test_steps_connect_the_released_versions() -> None:
    """From every version but the newest there is a step up, and back."""
    assert [*migrate.UP] == [*VERSIONS[:-1]]
    assert [*migrate.DOWN] == [*VERSIONS[1:]]
