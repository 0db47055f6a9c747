"""Comparing graphs and runs as columns: every difference is found, and few are made."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

import mgraph
from mgraph.golden import compare as comparing
from mgraph.golden import rerun
from mgraph.graph import passes

if TYPE_CHECKING:
    from pathlib import Path

MANY = 500


def chain(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """Return a graph that adds a again and again; its values are 1, 2, 3 and so on."""
    nodes: list[dict[str, Any]] = [{"id": "a", "op": "param", "data": 1.0}]
    ids = ["a", *(f"s{i}" for i in range(2, MANY + 1))]
    nodes += ({"id": y, "op": "add", "args": [x, "a"]} for x, y in pairwise(ids))
    run = {"data": {name: float(i) for i, name in enumerate(ids, start=1)}, **more}
    return {"mgraph": "1.0", "nodes": nodes, "outputs": ["s10"], "runs": [run]}


def loaded(document: dict[str, Any], *, packed: bool) -> mgraph.Graph:
    """Return the graph of a document, from JSON or from the packed encoding."""
    graph = mgraph.loads(json.dumps(document))
    return mgraph.loads(b"".join(graph.to_bytes(".msgpack"))) if packed else graph


def listed(a: mgraph.Graph, b: mgraph.Graph) -> list[tuple[Any, ...]]:
    """Return what differs."""
    return [(x.what, x.field, x.a, x.b) for x in comparing.differences(a, b)]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("least", [1, 10**6])
def test_every_kind_of_difference(
    least: int, monkeypatch: pytest.MonkeyPatch, *, packed: bool
) -> None:
    """Ops, arguments, data, texts, absent and new nodes, order, numbers: in the order of nodes."""
    monkeypatch.setattr(passes, "MANY", least)
    document, other = chain(grad={"s2": 1.0}), chain(grad={"s2": 1.0, "s3": 1.0})
    nodes = other["nodes"]
    nodes[0] |= {"data": -0.0, "label": "first"}
    nodes[1] |= {"op": "sub"}
    nodes[2] |= {"args": ["a", "s2"], "doc": "third"}
    nodes[3] |= {"label": "fourth"}
    nodes[4] |= {"meta": {"k": 5}}
    del nodes[-1]
    nodes.append({"id": "new", "op": "neg", "args": [f"s{MANY - 1}"]})
    data = other["runs"][0]["data"]
    data |= {"s2": 2.5, "new": 0.0}
    del data[f"s{MANY}"], data["s9"]
    a, b = loaded(document, packed=packed), loaded(other, packed=packed)
    assert listed(a, b) == [
        ("node a", "data", 1.0, -0.0),
        ("node a", "label", None, "first"),
        ("node s2", "op", "add", "sub"),
        ("node s3", "args", ["s2", "a"], ["a", "s2"]),
        ("node s3", "doc", None, "third"),
        ("node s4", "label", None, "fourth"),
        ("node s5", "meta", None, {"k": 5}),
        (f"node s{MANY}", "", f"add(s{MANY - 1}, a)", None),
        ("node new", "", None, f"neg(s{MANY - 1})"),
        ("run 0, data of s2", "", 2.0, 2.5),
        ("run 0, data of s9", "", 9.0, None),
        (f"run 0, data of s{MANY}", "", float(MANY), None),
        ("run 0, data of new", "", None, 0.0),
        ("run 0, grad of s3", "", None, 1.0),
    ]


def test_another_order() -> None:
    """The first node that is evaluated elsewhere is named, from both graphs."""
    document, other = chain(), chain()
    other["nodes"].insert(1, {"id": "b", "op": "param", "data": 2.0})
    document["nodes"].append({"id": "b", "op": "param", "data": 2.0})
    a, b = (loaded(each, packed=False) for each in (document, other))
    assert listed(a, b) == [("evaluation order", "first other node", "s2", "b")]


def test_a_million_differences_are_counted_and_few_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of files that differ everywhere, only what is shown becomes an object."""
    made: list[tuple[Any, ...]] = []

    def make(*fields: Any) -> tuple[Any, ...]:  # noqa: ANN401 - the fields of either class
        made.append(fields)
        return fields

    monkeypatch.setattr(comparing, "Difference", make)
    monkeypatch.setattr(rerun, "Mismatch", make)
    document = chain()
    data = document["runs"][0]["data"]
    other = chain(data={name: x + 0.5 for name, x in data.items()})
    a, b = (loaded(each, packed=True) for each in (document, other))
    shown, more = comparing.compare(a, b, 10)
    assert (len(shown), more, len(made)) == (10, MANY - 10, 10)
    made.clear()
    outcome = rerun.run_again(b, "", 0, b.runs[0], rerun.Options())
    assert (outcome.wrong, len(made)) == (MANY, rerun.SHOWN)
    assert made[0] == ("a", "data", 1.0, 1.5)


@pytest.mark.parametrize(("runs", "engine"), [(1, "value"), (400, "tape")])
def test_many_runs_choose_the_tape(
    runs: int, engine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """500 nodes, 400 times, are 200,000 nodes to compute: the tape's share, as of one graph."""
    chosen = []

    def run_again(
        _graph: object, name: str, i: int, _want: object, options: rerun.Options, _places: object
    ) -> rerun.FileOutcome:
        chosen.append(options.engine)
        return rerun.FileOutcome(name, i, rerun.Status.OK)

    monkeypatch.setattr(rerun, "run_again", run_again)
    path = tmp_path / "many.json"
    document = chain()
    path.write_text(json.dumps(document | {"runs": document["runs"] * runs}), encoding="utf-8")
    for each in rerun.read_tests(path, rerun.Options()):
        each.test()
    assert chosen == [engine] * runs
