"""The ids of a gradient graph: those of the graph, those of the gradients, and default ids."""

from __future__ import annotations

from array import array
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from mgraph.format.ids import ID_BYTES
from mgraph.format.packed.ids import numbered
from mgraph.graph.ids import Ids, StoredIds, default_id, default_node, ids_of, own_ids

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
    at, own = graph.own_ids
    if len(kept) < len(graph):
        at, own = own_ids(ids_of(kept, graph.ids))
    new, labels = _named_gradients(graph, derivation, gradients, own)
    _avoid(own, new, range(len(kept), total))
    nodes = sorted(new)
    more = [new[node] for node in nodes]
    every = own.followed_by(more) if isinstance(own, StoredIds) else [*own, *more]
    return Named(Ids(total, at + array("I", nodes), every), labels)


def _named_gradients(
    graph: Columns, derivation: Derivation, gradients: Sequence[int], own: Sequence[str]
) -> tuple[dict[int, str], dict[int, str]]:
    """Return the ids of gradients, and labels of those that can't have their name as an id."""
    taken = dict.fromkeys(_beginning_with("d_", own))
    start = gradient_name(graph.ids[derivation.output], "")
    names = [start + name for name in ids_of(derivation.wrt, graph.ids)]
    new = dict(zip(gradients, names, strict=True))
    if not taken and max(map(len, names)) <= ID_BYTES:
        return new, {}
    labels = {i: name for i, name in new.items() if len(name) > ID_BYTES or name in taken}
    return {i: name for i, name in new.items() if i not in labels}, labels


def _beginning_with(start: str, names: Sequence[str]) -> list[str]:
    """Return the names that begin in a certain way."""
    if isinstance(names, StoredIds):
        return names.beginning_with(start)
    if f"\n{start}" not in "\n".join(["", *names]):  # often so, and quickly known
        return []
    return [name for name in names if name.startswith(start)]


def _avoid(own: Sequence[str], new: dict[int, str], nodes: range) -> None:
    """Give an id to each new node whose default id is that of a node of the graph.

    Args:
        own: The ids of the graph that are not the default.
        new: The ids of new nodes, to which others are added.
        nodes: The new nodes.
    """
    like = ids_of(numbered(own), own)
    clashes = [i for i in map(default_node, like) if i is not None and i in nodes and i not in new]
    if clashes:
        taken = dict.fromkeys(own)
        for node in clashes:
            names = (f"{default_id(node)}_{i}" for i in count(2))
            new[node] = next(name for name in names if name not in taken)
