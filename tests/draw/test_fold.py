"""Folding: which nodes share a box, which edges are merged, and what a neighbourhood leaves out."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from mgraph.build.network import mlp
from mgraph.document import Graph
from mgraph.draw import FULL, NEAR, around, everything, finest, folded, overview
from mgraph.draw.fold import REPEATS, BoxKind, Folding, group_of, members
from mgraph.draw.fold import finest as finest_folding
from mgraph.errors import GraphError
from mgraph.value import Value, total

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgraph.draw.fold import Picture
    from mgraph.graph.columns import Columns


def names(picture: Picture) -> list[str]:
    """Return the names of the boxes."""
    return [box.name for box in picture.boxes]


def arcs(picture: Picture) -> list[tuple[str, str, int | None, int]]:
    """Return the edges by the names of their ends, with place and count."""
    boxes = picture.boxes
    return [(boxes[e.tail].name, boxes[e.head].name, e.position, e.count) for e in picture.edges]


def chain(length: int) -> Columns:
    """Return x -> neg -> neg …, of so many nodes."""
    value = Value(1.0)
    for _ in range(length - 1):
        value = -value
    return Graph.of(value).columns


NET = mlp([2, 3, 1]).columns


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("x1", ["", "", ""]),
        ("layer1.b", ["layer1", "", ""]),
        ("layer1.neuron3.w2", ["layer1", "layer1.neuron3", ""]),
        ("a/b.c/d", ["a", "a/b", "a/b.c"]),
        ("a..b", ["a", "", ""]),
        ("a.", ["", "", ""]),
        ("w[1].x-y", ["w[1]", "", ""]),
    ],
)
def test_groups_are_what_stands_before_a_dot_or_slash(name: str, groups: list[str]) -> None:
    """An id belongs to a group of a depth if there is more of it behind that many marks."""
    assert [group_of(name, depth) for depth in (1, 2, 3)] == groups


def test_nothing_is_folded_unless_asked() -> None:
    """A box a node, in evaluation order, an edge an argument, in the order of arguments."""
    x = Value(2.0, name="x")
    y = x * x
    y.name = "y"
    z = y - x
    z.name = "z"
    picture = everything(Graph.of(z).columns).picture
    assert names(picture) == ["x", "y", "z"]
    assert arcs(picture) == [
        ("x", "y", 0, 1), ("x", "y", 1, 1), ("y", "z", 0, 1), ("x", "z", 1, 1)
    ]  # fmt: skip


def test_an_operand_repeated_too_often_is_counted() -> None:
    """Up to eight edges between two nodes are drawn; of more there is one with their number."""
    x = Value(2.0, name="x")
    for count in (REPEATS, REPEATS + 1):
        picture = everything(Graph.of(total([x] * count)).columns).picture
        assert len(picture.edges) == (count if count == REPEATS else 1)
        assert sum(edge.count for edge in picture.edges) == count


def test_neurons_and_layers() -> None:
    """A 2-3-1 network has four neurons in two layers; arrows are merged and counted."""
    neurons = folded(NET, 2).picture
    expected = ["x1", "x2", *(f"layer1.neuron{i}" for i in (1, 2, 3)), "layer2.neuron1"]
    assert names(neurons) == expected
    assert [box.kind for box in neurons.boxes] == [BoxKind.NODE] * 2 + [BoxKind.GROUP] * 4
    assert [len(box.nodes) for box in neurons.boxes] == [1, 1, 7, 7, 7, 8]
    assert {(tail, head) for tail, head, _, _ in arcs(neurons)} == {
        *((x, f"layer1.neuron{i}") for x in ("x1", "x2") for i in (1, 2, 3)),
        *((f"layer1.neuron{i}", "layer2.neuron1") for i in (1, 2, 3)),
    }
    assert {edge.count for edge in neurons.edges} == {1}
    layers = folded(NET, 1).picture
    assert names(layers) == ["x1", "x2", "layer1", "layer2"]
    assert arcs(layers) == [
        ("x1", "layer1", None, 3), ("x2", "layer1", None, 3), ("layer1", "layer2", None, 3)
    ]  # fmt: skip
    assert folded(NET, 9).picture == everything(NET).picture


@pytest.mark.parametrize("depth", [None, 1, 2, 3])
def test_every_node_and_argument_is_somewhere(depth: int | None) -> None:
    """Boxes share out the nodes; edges and what is inside boxes add up to all arguments."""
    picture = Folding(NET, depth).picture()
    nodes = [node for box in picture.boxes for node in box.nodes]
    assert sorted(nodes) == [*range(len(NET))]
    box_of = {node: i for i, box in enumerate(picture.boxes) for node in box.nodes}
    across = sum(
        box_of[arg] != box_of[user] for arg, user in zip(NET.args, NET.users(), strict=True)
    )
    assert sum(edge.count for edge in picture.edges) == across


def test_a_node_may_be_called_as_a_group_is() -> None:
    """The node `a` and the group of `a.b` are two boxes."""
    a = Value(1.0, name="a")
    b = -a
    b.name = "a.b"
    picture = folded(Graph.of(b).columns, 1).picture
    assert [(box.kind, box.name) for box in picture.boxes] == [
        (BoxKind.NODE, "a"),
        (BoxKind.GROUP, "a"),
    ]


def test_groups_may_need_each_other() -> None:
    """Folding can close a circle, which no graph of nodes has; it is drawn as it is."""
    a = Value(1.0, name="a.x")
    b = -a
    b.name = "b"
    c = -b
    c.name = "a.y"
    assert arcs(folded(Graph.of(c).columns, 1).picture) == [
        ("b", "a", None, 1),
        ("a", "b", None, 1),
    ]


# --- neighbourhoods ---------------------------------------------------------------------------


def test_hops_go_both_ways() -> None:
    """K hops in a chain are K nodes before and K after, and what goes on is told."""
    picture = around(chain(9), "n4", 2).picture
    assert names(picture) == ["n2", "n3", "n4", "n5", "n6", "1 more", "1 more"]
    assert arcs(picture)[-2:] == [("1 more", "n2", None, 1), ("n6", "1 more", None, 1)]
    assert [box.kind for box in picture.boxes[-2:]] == [BoxKind.REST] * 2
    assert names(around(chain(9), "n4", 0).picture) == ["n4", "1 more", "1 more"]
    assert names(around(chain(9), "n4", 99).picture) == [f"n{i}" for i in range(9)]


def test_a_group_has_a_neighbourhood() -> None:
    """Around a neuron: its nodes, and at one hop its inputs and users."""
    inside = [name for name in NET.ids if name.startswith("layer1.neuron1.")]
    picture = around(NET, "layer1.neuron1", 0).picture
    assert [box.name for box in picture.boxes if box.kind == BoxKind.NODE] == inside
    picture = around(NET, "layer1.neuron1", 1).picture
    nodes = [box.name for box in picture.boxes if box.kind == BoxKind.NODE]
    assert nodes == ["x1", "x2", *inside, "layer2.neuron1.x1w1"]
    folds = around(NET, "layer1.neuron1", 1, depth=2).picture
    assert names(folds)[:4] == ["x1", "x2", "layer1.neuron1", "layer2.neuron1"]


def test_what_is_left_out_is_counted() -> None:
    """Edges that lead out of the picture are as many as its last boxes say."""
    picture = around(NET, "x1", 1).picture
    assert names(picture)[:4] == ["x1", *(f"layer1.neuron{i}.x1w1" for i in (1, 2, 3))]
    rest = [edge for edge in picture.edges if edge.position is None]
    assert sorted(edge.count for edge in rest) == [1] * 6  # a weight into, a sum behind each
    assert len(picture.boxes) == 4 + 6


def test_members_are_a_node_or_a_group() -> None:
    """An id names one node, the beginning of ids all of its group; half a name is neither."""
    assert members(NET, "x1") == (0,)
    assert len(members(NET, "layer1")) == 21
    assert len(members(NET, "layer1.neuron2")) == 7
    for name in ("layer", "layer1.", "nothing", ""):
        with pytest.raises(KeyError):
            members(NET, name)


def test_who_asks_for_nothing_there_is_told() -> None:
    """An unknown name is a fault of its own, with a guess."""
    with pytest.raises(GraphError) as refused:
        around(NET, "layer1.neuron4", 1)
    (found,) = refused.value.diagnostics
    assert found.code == "run-node"


# --- what is drawn of large graphs ------------------------------------------------------------


def test_up_to_three_hundred_nodes_all_are_drawn() -> None:
    """A small graph is drawn as it is; one node more, and something is left out, and said."""
    assert overview(chain(FULL)).note == ""
    assert len(overview(chain(FULL)).picture.boxes) == FULL
    assert overview(chain(FULL + 1)).note != ""


def test_networks_are_folded_to_what_fits() -> None:
    """The finest folding of at most 300 boxes: neurons, or layers if those are too many."""
    neurons = overview(mlp([2, 16, 16, 1]).columns)
    assert len(neurons.picture.boxes) == 2 + 33
    assert "folded to 35 boxes by 2 levels of their ids" in neurons.note
    layers = overview(mlp([2, 400, 1]).columns)
    assert names(layers.picture) == ["x1", "x2", "layer1", "layer2"]
    assert "folded to 4 boxes by the first level of their ids" in layers.note


def test_without_groups_the_neighbourhood_of_the_output_is_drawn() -> None:
    """As many hops as fit into sixty boxes, and what goes on behind them."""
    found = overview(chain(1000))
    assert "the neighbourhood of n999, 59 hops" in found.note
    assert len(found.picture.boxes) == NEAR + 1


def test_a_crowd_around_the_output_is_left_out() -> None:
    """If even one hop is too much, the output stands alone with the number of the others."""
    outputs = total([Value(float(i)) for i in range(500)])
    outputs.name = "s"
    picture = overview(Graph.of(outputs).columns).picture
    assert names(picture) == ["s", "500 more"]


def test_finest_folds_at_least_something() -> None:
    """A bare --fold folds the last level of the ids, however small the graph."""
    assert len(finest(NET).picture.boxes) == 6
    unfolded = finest(chain(3))
    assert (len(unfolded.picture.boxes), unfolded.note) == (
        3, "no id has a dot or slash: nothing is folded"
    )  # fmt: skip
    assert "the neighbourhood of n999" in finest(chain(1000)).note
    assert finest_folding(NET, 3) is None


def test_too_much_is_refused_with_what_to_do() -> None:
    """A picture that no one could look at is refused before it is laid out."""
    attempts: tuple[Callable[[], object], ...] = (
        lambda: everything(chain(11), most=10),
        lambda: folded(NET, 9, most=10),
        lambda: around(chain(50), "n20", 20, most=10),
    )
    for draw in attempts:
        with pytest.raises(GraphError) as refused:
            draw()
        (found,) = refused.value.diagnostics
        assert found.code == "limit"
        assert "--" in found.fix


def test_a_long_chain_is_folded_in_loops() -> None:
    """A hundred thousand nodes need no recursion, whichever way they are drawn."""
    graph = chain(100_000)
    assert len(overview(graph).picture.boxes) == NEAR + 1
    assert len(around(graph, "n50000", 30).picture.boxes) == 63
    nested = ".".join(f"p{i}" for i in range(30))
    deep = [Value(1.0, name="x")]
    for i in range(400):
        deep.append(-deep[-1])
        deep[-1].name = f"{nested}.n{i}"
    assert names(overview(Graph.of(deep[-1]).columns).picture) == ["x", nested]


def test_edges_are_in_the_order_of_their_heads() -> None:
    """The same graph gives the same picture, edges sorted by what they lead to."""
    heads = [edge.head for edge in folded(NET, 2).picture.edges]
    assert all(a <= b for a, b in pairwise(heads))
    assert folded(NET, 2) == folded(NET, 2)
