"""The ids of a gradient graph: those of the graph, those of the gradients, and default ids."""

from __future__ import annotations

from array import array
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from mgraph.format.ids import ID_BYTES
from mgraph.graph.ids import Ids, default_id, default_node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph.analysis.derive.request import Derivation
    from mgraph.graph.columns import Columns


class Named(NamedTuple):
    """The ids of a graph, and labels of gradients that could not have theirs as an id.

    Attributes:
        ids: The ids.
        labels: Labels by node.
    """

    ids: Ids
    labels: dict[int, str]


def gradient_name(output: str, node: str) -> str:
    """Return what the gradient of an output by a node is called."""
    return f"d_{output}/d_{node}"


def name_nodes(
    graph: Columns,
    derivation: Derivation,
    kept: Sequence[int],
    gradients: Sequence[int],
    total: int,
) -> Named:
    """Return the ids of a gradient graph.

    Args:
        graph: The graph that was derived.
        derivation: What was derived.
        kept: Its nodes that are the first ones of the gradient graph.
        gradients: The nodes of the gradients there, in the order of `derivation.wrt`.
        total: How many nodes the gradient graph has.
    """
    at, own = _kept_ids(graph, kept)
    text = "\n".join(["", *own])
    taken = dict.fromkeys(_beginning_with("d_", own, text))
    new: dict[int, str] = {}
    labels: dict[int, str] = {}
    output = graph.ids[derivation.output]
    ids = own if len(own) == len(graph) else graph.ids
    for node, by in zip(gradients, derivation.wrt, strict=True):
        name = gradient_name(output, ids[by])
        if len(name) > ID_BYTES or name in taken:
            labels[node] = name
        else:
            new[node] = name
    _avoid(own, _beginning_with("n", own, text), new, range(len(kept), total))
    nodes = sorted(new)
    all_own = [*own, *(new[node] for node in nodes)]
    return Named(Ids(total, at + array("I", nodes), all_own), labels)


def _beginning_with(start: str, names: Sequence[str], text: str) -> list[str]:
    """Return the names that begin in a certain way; quickly if `text`, all of them, has none."""
    if f"\n{start}" not in text:
        return []
    return [name for name in names if name.startswith(start)]


def _kept_ids(graph: Columns, kept: Sequence[int]) -> tuple[array[int], Sequence[str]]:
    """Return which of the first nodes have another id than the default, and these ids."""
    if len(kept) == len(graph):
        at, own = graph.own_ids
        return at, [*own]
    names = ((new, graph.ids[old]) for new, old in enumerate(kept))
    pairs = [(new, name) for new, name in names if name != default_id(new)]
    return array("I", [new for new, _ in pairs]), [name for _, name in pairs]


def _avoid(own: Sequence[str], like: Sequence[str], new: dict[int, str], nodes: range) -> None:
    """Give an id to each new node whose default id is that of a node of the graph.

    Args:
        own: The ids of the graph that are not the default.
        like: Those of them that begin as default ids do.
        new: The ids of new nodes, to which others are added.
        nodes: The new nodes.
    """
    clashes = [i for i in map(default_node, like) if i is not None and i in nodes and i not in new]
    if clashes:
        taken = dict.fromkeys(own)
        for node in clashes:
            names = (f"{default_id(node)}_{i}" for i in count(2))
            new[node] = next(name for name in names if name not in taken)
