"""The gradient graph with NumPy: the same as `layout` gives, for large graphs."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mgraph.analysis.derive.layout import Extra, extra_for
from mgraph.analysis.derive.names import name_nodes
from mgraph.analysis.derive.rules import CONST, SUM
from mgraph.graph.columns import Columns, leaves_of
from mgraph.graph.passes.plain import ARITY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from mgraph.analysis.derive.edges import Bools, Codes, Indices
    from mgraph.analysis.derive.growth import Growth

_ARITY: Final = np.frombuffer(ARITY, np.uint32).astype(np.intp)


def assembled(growth: Growth) -> Columns:
    """Return the gradient graph."""
    graph, count = growth.graph, len(growth.graph)
    codes = np.frombuffer(growth.opcode, np.uint8)
    holding, extras = _holders(growth, codes)
    kept = np.flatnonzero(np.frombuffer(growth.derivation.kept, np.bool_))
    new = _sorted(growth, codes, _needed(growth, codes, holding, extras))
    known, total = count + codes.size, kept.size + new.size + len(extras)
    new_node = np.zeros(known + len(extras), np.uint32)
    new_node[kept] = np.arange(kept.size)
    new_node[count + new] = np.arange(kept.size, kept.size + new.size)
    new_node[known:] = np.arange(kept.size + new.size, total)
    opcode = _opcode(growth, kept, codes[new], extras)
    first, args = _arguments(growth, new, extras, new_node)
    gradients = new_node[holding].tolist()
    old = range(count) if kept.size == count else kept.tolist()
    named = name_nodes(graph, growth.derivation, old, gradients, total)
    leaves = leaves_of(opcode)
    return Columns(
        opcode=opcode,
        first=first,
        args=args,
        leaves=leaves,
        data=_data(growth, codes, new, extras),
        has_data=_has_data(growth, len(leaves)),
        ids=named.ids,
        outputs=(int(new_node[growth.derivation.output]), *gradients),
        labels={**_moved(growth, graph.labels, new_node), **named.labels},
        docs=_moved(growth, graph.docs, new_node),
        metas=_moved(growth, graph.metas, new_node),
    )


def _holders(growth: Growth, codes: Codes) -> tuple[Indices, list[Extra]]:
    """Find a node of its own for each gradient, as `layout.holders` does."""
    count = len(growth.graph)
    nodes = np.frombuffer(growth.gradients, np.uint32).astype(np.intp)
    is_own = np.zeros(nodes.size, np.bool_)
    is_own[np.unique(nodes, return_index=True)[1]] = True
    is_own[is_own] = nodes[is_own] >= count
    is_own[is_own] = codes[nodes[is_own] - count] != CONST
    others = np.flatnonzero(~is_own)
    extras = [extra_for(growth, node) for node in nodes[others].tolist()]
    nodes[others] = count + codes.size + np.arange(others.size)
    return nodes, extras


def _needed(growth: Growth, codes: Codes, holding: Indices, extras: Sequence[Extra]) -> Bools:
    """Mark the new nodes that some gradient depends on; there are few others."""
    count, known = len(growth.graph), len(growth.graph) + codes.size
    ops = codes != CONST
    first, second = (np.frombuffer(x, np.uint32) for x in (growth.first, growth.second))
    roots = [*holding[holding < known].tolist(), *(x.arg for x in extras if x.opcode == SUM)]
    uses = np.zeros(known, np.intp)
    for nodes in (first[ops], second[ops], np.array(roots, np.intp)):
        uses += np.bincount(nodes, minlength=known)
    needed = np.ones(codes.size, np.bool_)
    lost = np.flatnonzero(uses[count:] == 0).tolist()
    for node in lost:  # grows: a node whose users are all lost is lost, too
        needed[node] = False
        for arg in (growth.first[node], growth.second[node]) if ops[node] else ():
            uses[arg] -= 1
            if arg >= count and not uses[arg]:
                lost.append(arg - count)
    return needed


def _sorted(growth: Growth, codes: Codes, needed: Bools) -> Indices:
    """Return the new nodes that are needed: consts by their bits, then ops as they were added."""
    consts = np.flatnonzero(needed & (codes == CONST))
    values = np.frombuffer(growth.value, np.float64)[consts]
    values[np.isnan(values)] = np.nan
    consts = consts[np.argsort(values.view(np.uint64), kind="stable")]
    return np.concatenate((consts, np.flatnonzero(needed & (codes != CONST))))


def _opcode(growth: Growth, kept: Indices, new: Codes, extras: Sequence[Extra]) -> bytes:
    old = np.frombuffer(growth.graph.opcode, np.uint8)[kept]
    return old.tobytes() + new.tobytes() + bytes(extra.opcode for extra in extras)


def _arguments(
    growth: Growth, new: Indices, extras: Sequence[Extra], new_node: NDArray[np.uint32]
) -> tuple[array[int], array[int]]:
    """Return the columns `first` and `args`."""
    graph = growth.graph
    ends = np.frombuffer(graph.first, np.uint32).astype(np.intp)
    sizes: Indices = ends[1:] - ends[:-1]
    is_kept = np.frombuffer(growth.derivation.kept, np.bool_)
    args = np.frombuffer(graph.args, np.uint32)[np.repeat(is_kept, sizes)]
    first, second = (np.frombuffer(x, np.uint32)[new] for x in (growth.first, growth.second))
    arity = _ARITY[np.frombuffer(growth.opcode, np.uint8)[new]]
    pairs = np.stack((first, second), axis=1)[np.stack((arity > 0, arity > 1), axis=1)]
    more = np.array([extra.arg for extra in extras if extra.opcode == SUM], np.uint32)
    own = np.array([int(extra.opcode == SUM) for extra in extras], np.intp)
    ends = np.cumsum(np.concatenate((np.zeros(1, np.intp), sizes[is_kept], arity, own)))
    every = new_node[np.concatenate((args, pairs, more))]
    return _column("I", ends.astype(np.uint32)), _column("I", every)


def _data(growth: Growth, codes: Codes, new: Indices, extras: Sequence[Extra]) -> array[float]:
    """Return the data of the leaves: kept ones, consts, gradients that are consts."""
    graph = growth.graph
    is_kept = np.frombuffer(growth.derivation.kept, np.bool_)
    old = np.frombuffer(graph.data, np.float64)[is_kept[np.frombuffer(graph.leaves, np.uint32)]]
    values = np.frombuffer(growth.value, np.float64)[new[codes[new] == CONST]]
    more = np.array([extra.value for extra in extras if extra.opcode == CONST], np.float64)
    return _column("d", np.concatenate((old, values, more)))


def _has_data(growth: Growth, leaves: int) -> bytes | None:
    graph = growth.graph
    if graph.has_data is None:
        return None
    is_kept = np.frombuffer(growth.derivation.kept, np.bool_)
    kept = is_kept[np.frombuffer(graph.leaves, np.uint32)]
    has = np.frombuffer(graph.has_data, np.uint8)[kept].tobytes()
    has += b"\x01" * (leaves - len(has))
    return None if all(has) else has


def _moved(
    growth: Growth, texts: Mapping[int, Any], new_node: NDArray[np.uint32]
) -> dict[int, Any]:
    kept = growth.derivation.kept
    return {int(new_node[i]): text for i, text in texts.items() if kept[i]}


def _column(typecode: str, values: NDArray[Any]) -> array[Any]:
    column = array(typecode)
    column.frombytes(values.data.cast("B"))
    return column
