"""Simplified graphs: the same bits, and what is left out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import mgraph
from mgraph import Graph
from mgraph.analysis.derive.rules import NEUTRAL_LEFT, NEUTRAL_RIGHT
from mgraph.analysis.derive.simplify import simplified
from mgraph.graph.run import EXACT
from mgraph.ops import CONST, NAMES, OPS
from tests.analysis.random_graphs import random_graph
from tests.ops.test_table import SPECIAL, same
from tests.test_fixtures import golden_files

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.command_line import Shell


def simple(graph: Graph) -> Graph:
    """Return a graph simplified, without runs."""
    return Graph(simplified(graph.columns).columns)


def check_same_bits(graph: Graph, inputs: Mapping[str, float], what: object) -> None:
    """Run a graph and its simplification, once for each output, and compare all bits."""
    less = simple(graph)
    assert less.outputs == graph.outputs
    for output in graph.outputs:
        want, got = (each.run(inputs, seed={output: 1.0}) for each in (graph, less))
        assert want.data is not None
        assert want.grad is not None
        assert got.data is not None
        assert got.grad is not None
        for name, x in got.data.items():
            assert EXACT.allows(x, want.data[name]), (what, name)
        for name, x in got.grad.items():
            assert EXACT.allows(x, want.grad[name]), (what, output, name)
        consts = [
            name for name in less.columns.ids if less.columns.op(less.columns.index[name]) == CONST
        ]
        kept = [name for name in want.grad if name in less.columns.index and name not in consts]
        assert kept == [*got.grad], what


def spoiled(number: int) -> Graph:
    """Return a random graph with many nodes that can go: x*1, -(-x), consts, unreached ones."""
    graph = random_graph(
        number, ("add", "mul", "sub", "div", "neg", "sum", "tanh", "exp"), nodes=60
    )
    document: dict[str, Any] = json.loads(b"".join(graph.to_bytes()))
    for i, node in enumerate(document["nodes"]):
        if node["op"] == "const":
            node["data"] = (1.0, -1.0, 0.0, -0.0, 3.0)[i % 5]
    return mgraph.loads(json.dumps(document))


def test_no_bit_changes() -> None:
    """In goldens and random graphs, all that remains has the same bits, with the sign of zero."""
    for path in golden_files():
        graph = mgraph.load(path)
        for run in graph.runs:
            check_same_bits(graph, run.inputs, path)
    removed = 0
    for number in range(200):
        graph = spoiled(number)
        check_same_bits(graph, {}, number)
        removed += len(graph) - len(simple(graph))
    assert removed > 200


def test_neutral_arguments_are_neutral() -> None:
    """x·1, x/1, x - 0 and x + -0 are x, for every special value; x + 0 would not be."""
    for x in SPECIAL:
        for code, value in NEUTRAL_RIGHT.items():
            assert same(OPS[NAMES[code]].step(x, value), x), (NAMES[code], x)
        for code, value in NEUTRAL_LEFT.items():
            assert same(OPS[NAMES[code]].step(value, x), x), (NAMES[code], x)
    assert not all(same(OPS["add"].step(x, 0.0), x) for x in SPECIAL)


NODES = [
    {"id": "x", "op": "input", "data": 2.0},
    {"id": "idle", "op": "param", "data": 5.0},
    {"id": "lost", "op": "exp", "args": ["idle"]},
    {"id": "one", "op": "const", "data": 1.0},
    {"id": "uno", "op": "const", "data": 1.0},
    {"id": "two", "op": "add", "args": ["one", "uno"], "label": "2"},
    {"id": "e", "op": "exp", "args": ["uno"]},
    {"id": "same", "op": "mul", "args": ["x", "one"], "label": "x"},
    {"id": "y", "op": "mul", "args": ["same", "two"]},
    {"id": "a", "op": "mul", "args": ["y", "e"]},
    {"id": "b", "op": "mul", "args": ["y", "e"]},
    {"id": "L", "op": "add", "args": ["a", "b"]},
]


def test_what_is_left_out_and_what_stays() -> None:
    """By rule; libm ops are not computed, equal ops are not merged, inputs and params stay."""
    graph = mgraph.loads(json.dumps({"mgraph": "1.0", "nodes": NODES, "outputs": ["L"]}))
    result = simplified(graph.columns)
    assert (result.unreached, result.computed) == (["lost"], ["two"])
    assert (result.equal, result.neutral) == (["uno"], ["same"])
    ids = [*result.columns.ids]
    assert ids == ["x", "idle", "one", "two", "e", "y", "a", "b", "L"]
    assert result.columns.labels == {ids.index("two"): "2"}
    assert simplified(result.columns).columns.hash == result.columns.hash


def test_a_node_with_another_user_stays() -> None:
    """x·1 can't go if x is used elsewhere, too: its gradient would be added in another order."""
    nodes = [*NODES[:-1], {"id": "L", "op": "sum", "args": ["a", "b", "x"]}]
    graph = mgraph.loads(json.dumps({"mgraph": "1.0", "nodes": nodes, "outputs": ["L"]}))
    assert simplified(graph.columns).neutral == []
    graph = mgraph.loads(json.dumps({"mgraph": "1.0", "nodes": NODES, "outputs": ["L", "same"]}))
    assert simplified(graph.columns).neutral == []


def test_gradient_graphs_are_simple_already() -> None:
    """`derive` leaves nothing for these rules to do, but for other names of a node."""
    for number in range(50):
        graph = simple(random_graph(number))
        result = simplified(graph.derive().columns)
        assert (result.unreached, result.computed, result.equal) == ([], [], []), number


def test_the_command_says_what_it_removed(mgraph: Shell) -> None:
    """As text and as JSON; recorded runs stay valid, and are still complete."""
    mgraph.write("in.json", {"mgraph": "1.0", "nodes": NODES, "outputs": ["L"]})
    mgraph("run", "in.json", "-o", "in.json")
    said = mgraph("convert", "in.json", "out.json", "--simplify")
    assert said.out.splitlines()[1:] == [
        "removed 3 nodes",
        "  1 on which no output depends: lost",
        "  1 computed, since they have consts as arguments only: two",
        "  1 equal to another const: uno",
        "  1 that return an argument as it is: same",
    ]
    assert mgraph("test", "out.json", "--exact").status == 0
    before, after = (mgraph.document(name)["runs"][0] for name in ("in.json", "out.json"))
    assert {*after["data"]} < {*before["data"]}
    assert {*after["grad"]} == {"x", "e", "y", "a", "b", "L"}
    said = mgraph("convert", "in.json", "out.msgpack", "--simplify", "--json")
    assert said.json["simplified"]["neutral"] == ["same"]
    assert (said.json["nodes"], said.json["nodes_before"]) == (9, 12)
    assert mgraph("convert", "in.json", "same.json", "--json").json == {
        "wrote": "same.json", "nodes": 12,
    }  # fmt: skip
