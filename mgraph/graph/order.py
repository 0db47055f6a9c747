"""The order in which a graph is evaluated."""

from __future__ import annotations

import heapq
from array import array
from typing import TYPE_CHECKING

from mgraph.graph.columns import Columns, leaves_of, starts

if TYPE_CHECKING:
    from collections.abc import Sequence


def evaluation_order(arguments: Sequence[Sequence[int]]) -> list[int]:
    """Sort nodes stably: of all whose arguments are done, the earliest in the file comes next.

    Args:
        arguments: The arguments of each node; nodes are indices into the file.

    Returns:
        The nodes in order; nodes on cycles, and all that depend on them, are missing.
    """
    waits = [len(args) for args in arguments]
    users: list[list[int]] = [[] for _ in arguments]
    for node, args in enumerate(arguments):
        for arg in args:
            users[arg].append(node)
    ready = [node for node, left in enumerate(waits) if not left]  # ascending, so a heap
    order = []
    while ready:
        node = heapq.heappop(ready)
        order.append(node)
        for user in users[node]:
            waits[user] -= 1
            if not waits[user]:
                heapq.heappush(ready, user)
    return order


def reordered(graph: Columns, order: Sequence[int]) -> Columns:
    """Return the same graph with its nodes in another order, remembering that of the file."""
    new_node = array("I", bytes(4 * len(order)))
    for new, old in enumerate(order):
        new_node[old] = new
    lists = [graph.arguments(old) for old in order]
    opcode = bytes(graph.opcode[old] for old in order)
    leaves = leaves_of(opcode)
    old_leaves = [graph.leaf_index[order[i]] for i in leaves]
    has = graph.has_data
    return Columns(
        opcode=opcode,
        first=starts(map(len, lists)),
        args=array("I", (new_node[arg] for args in lists for arg in args)),
        leaves=leaves,
        data=array("d", (graph.data[i] for i in old_leaves)),
        has_data=None if has is None else bytes(has[i] for i in old_leaves),
        ids=[graph.ids[old] for old in order],
        outputs=tuple(new_node[i] for i in graph.outputs),
        order=new_node,
        labels={new_node[i]: text for i, text in graph.labels.items()},
        docs={new_node[i]: text for i, text in graph.docs.items()},
        metas={new_node[i]: meta for i, meta in graph.metas.items()},
    )
