"""The gradient graph: the graph's nodes, then consts by value, then the backward pass.

SharedNodes that nothing needs are left out. Each gradient is a node of its own.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

from mgraph.analysis.derive.names import name_nodes
from mgraph.analysis.derive.rules import CONST, SUM, pattern
from mgraph.graph.columns import Columns, leaves_of, starts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgraph.analysis.derive.growth import Growth


class Extra(NamedTuple):
    """A node for a gradient that is another node's value, too.

    Attributes:
        opcode: That of a const, or of `sum`, which gives its only argument.
        arg: The argument of the `sum`.
        value: The value of the const.
    """

    opcode: int
    arg: int
    value: float


def holders(growth: Growth) -> tuple[list[int], list[Extra]]:
    """Find a node of its own for each gradient.

    Returns:
        The nodes of the gradients, behind all others if they are extra ones; the extra nodes.
    """
    count, known = len(growth.graph), len(growth.graph) + len(growth.opcode)
    taken: dict[int, None] = {}
    nodes: list[int] = []
    extras: list[Extra] = []
    for node in growth.gradients:
        if node >= count and _of(growth, node)[0] != CONST and node not in taken:
            taken[node] = None
            nodes.append(node)
        else:
            nodes.append(known + len(extras))
            extras.append(extra_for(growth, node))
    return nodes, extras


def extra_for(growth: Growth, node: int) -> Extra:
    """Return another node with the value of a node."""
    code, value = _of(growth, node)
    return Extra(CONST, 0, value) if code == CONST else Extra(SUM, node, 0.0)


def _of(growth: Growth, node: int) -> tuple[int, float]:
    """Return the opcode of a node, and its value if it is a const."""
    graph, count = growth.graph, len(growth.graph)
    if node >= count:
        return growth.opcode[node - count], growth.value[node - count]
    code = graph.opcode[node]
    return code, graph.data[graph.leaf_index[node]] if code == CONST else 0.0


def assembled(growth: Growth) -> Columns:
    """Return the gradient graph."""
    graph, count = growth.graph, len(growth.graph)
    gradients, extras = holders(growth)
    needed = _needed(growth, gradients, extras)
    kept = [i for i in range(count) if growth.derivation.kept[i]]
    order = [*kept, *_sorted(growth, needed)]
    new_node = {old: new for new, old in enumerate(order)}
    known = count + len(growth.opcode)
    new_node |= {known + i: len(order) + i for i in range(len(extras))}
    arguments, data = _parts(growth, order, extras)
    opcode = bytes([*(_of(growth, i)[0] for i in order), *(extra.opcode for extra in extras)])
    gradients = [new_node[i] for i in gradients]
    named = name_nodes(graph, growth.derivation, kept, gradients, len(opcode))
    leaves = leaves_of(opcode)
    return Columns(
        opcode=opcode,
        first=starts(map(len, arguments)),
        args=array("I", [new_node[arg] for args in arguments for arg in args]),
        leaves=leaves,
        data=array("d", (data[i] for i in leaves)),
        has_data=has_data(graph, kept, len(leaves)),
        ids=named.ids,
        outputs=(new_node[growth.derivation.output], *gradients),
        labels={**moved(graph.labels, new_node), **named.labels},
        docs=moved(graph.docs, new_node),
        metas=moved(graph.metas, new_node),
    )


def moved(texts: Mapping[int, str], new_node: Mapping[int, int]) -> dict[int, str]:
    """Return what some nodes have by their new numbers, for those that are still there."""
    return {new_node[i]: text for i, text in texts.items() if i in new_node}


def has_data(graph: Columns, kept: Sequence[int], leaves: int) -> bytes | None:
    """Return the column of which leaves have data; those behind the kept ones have."""
    if graph.has_data is None:
        return None
    index = graph.leaf_index
    has = bytes(graph.has_data[index[i]] for i in kept if i in index)
    has += b"\x01" * (leaves - len(has))
    return None if all(has) else has


def _needed(growth: Growth, gradients: Sequence[int], extras: Sequence[Extra]) -> bytearray:
    """Mark the new nodes that some gradient depends on."""
    count, total = len(growth.graph), len(growth.opcode)
    marks = bytearray(total)
    for node in (*gradients, *(extra.arg for extra in extras)):
        if count <= node < count + total:
            marks[node - count] = 1
    for node in range(total - 1, -1, -1):
        if marks[node]:
            for arg in (growth.first[node], growth.second[node]):
                if arg >= count:
                    marks[arg - count] = 1
    return marks


def _sorted(growth: Growth, needed: bytearray) -> list[int]:
    """Return the new nodes that are needed: consts by their bits, then ops as they were added."""
    count = len(growth.graph)
    nodes = [i for i, is_needed in enumerate(needed) if is_needed]
    consts = [i for i in nodes if growth.opcode[i] == CONST]
    consts.sort(key=lambda i: pattern(growth.value[i]))
    ops = [i for i in nodes if growth.opcode[i] != CONST]
    return [count + i for i in (*consts, *ops)]


def _parts(
    growth: Growth, order: Sequence[int], extras: Sequence[Extra]
) -> tuple[list[Sequence[int]], dict[int, float]]:
    """Return the arguments of all nodes, as they were numbered, and the data of the leaves."""
    graph, count = growth.graph, len(growth.graph)
    arguments: list[Sequence[int]] = []
    data: dict[int, float] = {}
    for new, old in enumerate(order):
        if old < count:
            arguments.append(graph.arguments(old))
            if old in graph.leaf_index:
                data[new] = graph.data[graph.leaf_index[old]]
        elif growth.opcode[old - count] == CONST:
            arguments.append(())
            data[new] = growth.value[old - count]
        else:
            arguments.append(growth.arguments(old - count))
    for i, extra in enumerate(extras, len(order)):
        arguments.append(() if extra.opcode == CONST else (extra.arg,))
        data[i] = extra.value
    return arguments, data
