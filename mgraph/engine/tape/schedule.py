"""What can be done together: a graph's nodes sorted into runs of one op.

Nodes that wait for nothing in common may go in any order. Done op by op, they need no branch a
node, lie side by side, and several can be worked out at once. Adjoints are still added up in the
order of a single run, so that the bits are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mgraph.engine.tape.cache import kernels
from mgraph.engine.tape.lower import LANES
from mgraph.engine.tape.source import REPLAY
from mgraph.ops import LEAVES, OPCODES, TABLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mgraph.engine.tape.engine import Tape

_FOLDS: Final = [OPCODES[op.name] for op in TABLE if op.fold]

_SHORT: Final = 8
"""Runs of fewer nodes than this, on average, are not worth a sort."""


class Forward(NamedTuple):
    """The forward order: a node's place is where it stands there; the leaves come first.

    Attributes:
        order: uint32[N], the node at each place.
        place: uint32[N], the place of each node.
        leaves: How many there are.
        op: uint8[R], the opcode of each run.
        start: uint32[R + 1], where each run begins.
        a: uint32[N + 8], the place of the first argument of the node at each place; of a fold,
            where its arguments begin in `more`.
        b: uint32[N + 8], the same of the last; of a fold, where its arguments end.
        more: uint32, the places of all arguments of all nodes; empty without folds.
    """

    order: NDArray[np.uint32]
    place: NDArray[np.uint32]
    leaves: int
    op: NDArray[np.uint8]
    start: NDArray[np.uint32]
    a: NDArray[np.uint32]
    b: NDArray[np.uint32]
    more: NDArray[np.uint32]


class Backward(NamedTuple):
    """The backward order of the nodes that have an adjoint.

    Attributes:
        op: uint8[R], the opcode of each run.
        start: uint32[R + 1], where each run begins in `node`.
        node: uint32[M], their places.
        a: uint32[M], as in `Forward`.
        b: uint32[M], likewise.
    """

    op: NDArray[np.uint8]
    start: NDArray[np.uint32]
    node: NDArray[np.uint32]
    a: NDArray[np.uint32]
    b: NDArray[np.uint32]


def forward_of(tape: Tape) -> Forward:
    """Sort a graph's nodes for running forward."""
    count = tape.opcode.size
    level, deepest = np.zeros(count, np.uint32), np.zeros(1, np.int64)
    kernels(REPLAY).forward_levels(tape.opcode, tape.first, tape.args, level, deepest)
    is_op = tape.opcode >= len(LEAVES)
    order = np.concatenate([np.flatnonzero(~is_op), np.flatnonzero(is_op)]).astype(np.uint32)
    leaves = count - int(np.count_nonzero(is_op))
    order[leaves:], op, start = _sorted(tape, level, int(deepest[0]), order[leaves:])
    place, a, b = (np.zeros(count + spare, np.uint32) for spare in (0, LANES, LANES))
    kernels(REPLAY).arguments(tape.opcode, tape.first, tape.args, order, place, a, b)
    more = place[tape.args] if np.isin(op, _FOLDS).any() else np.zeros(0, np.uint32)
    return Forward(order, place, leaves, op, start + np.uint32(leaves), a, b, more)


def backward_of(tape: Tape, marks: NDArray[np.uint8], forward: Forward) -> Backward:
    """Sort a graph's nodes for running backward.

    Args:
        tape: The graph.
        marks: uint8[N], the nodes that have an adjoint.
        forward: Where the nodes stand.
    """
    count = tape.opcode.size
    level, deepest = np.zeros(count, np.uint32), np.zeros(1, np.int64)
    done = np.zeros(count, np.uint32)
    kernels(REPLAY).backward_levels(tape.opcode, tape.first, tape.args, marks, done, level, deepest)
    if int(deepest[0]) * _SHORT > count:
        order = np.flatnonzero(level)[::-1].astype(np.uint32)
    else:  # the nodes of a run as they lie in memory
        order = forward.order[level[forward.order] > 0]
    nodes, op, start = _sorted(tape, level, int(deepest[0]), order)
    node = forward.place[nodes]
    return Backward(op, start, node, forward.a[node], forward.b[node])


class _Runs(NamedTuple):
    """Nodes in runs: of one op and one level each, so that they may go in any order."""

    nodes: NDArray[np.uint32]
    op: NDArray[np.uint8]
    start: NDArray[np.uint32]


def _sorted(
    tape: Tape, level: NDArray[np.uint32], deepest: int, order: NDArray[np.uint32]
) -> _Runs:
    """Sort ops by level and op; as they stand, if that would make too short runs."""
    if deepest * _SHORT > tape.opcode.size:
        return _as_they_stand(tape, level, order)
    used = np.flatnonzero(np.bincount(tape.opcode, minlength=256))
    table = np.zeros(256, np.uint8)
    table[used] = np.arange(used.size)
    key, counts = np.empty(order.size, np.uint32), np.zeros((deepest + 1) * used.size, np.uint32)
    kernels(REPLAY).keys(tape.opcode, level, order, table, used.size, key, counts)
    full = np.flatnonzero(counts)
    start = np.concatenate([[0], np.cumsum(counts[full])]).astype(np.uint32)
    nodes = np.empty(order.size, np.uint32)
    kernels(REPLAY).places(key, counts, order, nodes)
    return _Runs(nodes, used[full % used.size].astype(np.uint8), start)


def _as_they_stand(tape: Tape, level: NDArray[np.uint32], order: NDArray[np.uint32]) -> _Runs:
    """Cut nodes into runs; the last one ends behind all."""
    code, depth = tape.opcode[order], level[order]
    ends = np.flatnonzero((code[1:] != code[:-1]) | (depth[1:] != depth[:-1])) + 1
    start = np.concatenate([[0], ends, [order.size]]).astype(np.uint32)
    return _Runs(order, code[start[:-1]], start) if order.size else _Runs(order, code, start[:1])
