"""Sort the nodes of a graph into runs of one op, which are fast to compute.

Nodes that do not depend on each other can be computed in any order. Sorted by op, a run of nodes
needs one branch instead of one per node, lies together in memory, and can use vectors. Adjoints are
still added up in the order of a single run, so the bits are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mgraph.engine.tape.cache import kernels
from mgraph.engine.tape.lowering import LANES
from mgraph.engine.tape.source import FOLDS, REPLAY
from mgraph.ops import CONST, INPUT, LEAVES, OPCODES, PARAM

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mgraph.engine.tape.sweeps import Tape

_SHORT: Final = 8
"""Nodes are not sorted if runs would have fewer nodes than this on average."""


class Forward(NamedTuple):
    """The forward order of the nodes, leaves first. A node's position is its index in this order.

    Attributes:
        order: uint32[N], the node at each position; params first, then inputs, consts and ops.
        position: uint32[N], the position of each node.
        leaves: The number of leaves.
        op: uint8[R], the opcode of each run.
        start: uint32[R + 1], the position at which each run starts.
        a: uint32[N + 8], for each position the position of the node's first argument; for a fold,
            the index in `more` at which its arguments start.
        b: uint32[N + 8], the same for the last argument; for a fold, the index at which they end.
        more: uint32[A], the positions of all arguments of all nodes; empty without folds.
    """

    order: NDArray[np.uint32]
    position: NDArray[np.uint32]
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
        start: uint32[R + 1], the index in `node` at which each run starts.
        node: uint32[M], the positions of the nodes.
        a: uint32[M], as in `Forward`.
        b: uint32[M], likewise.
    """

    op: NDArray[np.uint8]
    start: NDArray[np.uint32]
    node: NDArray[np.uint32]
    a: NDArray[np.uint32]
    b: NDArray[np.uint32]


class Job(NamedTuple):
    """What a batch computes. Nodes are given by their positions in the forward order.

    Attributes:
        backward: The backward order; empty for forward-only batches.
        leaf_primals: float64[L], the primals of the leaves that have no column.
        given: int64[C], the leaves whose primals are in the columns.
        wanted: int64[W], the nodes whose primals are returned.
        seeded: int64[S], the nodes whose adjoint does not start at zero.
        seeds: float64[S], their start values, the same in every row.
        asked: int64[K], the leaves whose adjoints are returned.
        unused: int64[U], the nodes whose adjoints are not used, such as consts.
        adds: Whether adjoints are added up over the rows, exactly.
    """

    backward: Backward
    leaf_primals: NDArray[np.float64]
    given: NDArray[np.int64]
    wanted: NDArray[np.int64]
    seeded: NDArray[np.int64]
    seeds: NDArray[np.float64]
    asked: NDArray[np.int64]
    unused: NDArray[np.int64]
    adds: bool


def forward_of(tape: Tape) -> Forward:
    """Sort the nodes of a graph for forward sweeps: params, inputs, consts, then the ops."""
    count = tape.opcode.size
    level, deepest = np.zeros(count, np.uint32), np.zeros(1, np.int64)
    kernels(REPLAY).forward_levels(tape.opcode, tape.first, tape.args, level, deepest)
    is_op = tape.opcode >= len(LEAVES)
    kinds = [tape.opcode == OPCODES[kind] for kind in (PARAM, INPUT, CONST)]
    order = np.concatenate([*map(np.flatnonzero, (*kinds, is_op))]).astype(np.uint32)
    leaves = count - int(np.count_nonzero(is_op))
    order[leaves:], op, start = _sorted(tape, level, int(deepest[0]), order[leaves:])
    position, a, b = (np.zeros(count + spare, np.uint32) for spare in (0, LANES, LANES))
    kernels(REPLAY).arguments(tape.opcode, tape.first, tape.args, order, position, a, b)
    more = position[tape.args] if np.isin(op, FOLDS).any() else np.zeros(0, np.uint32)
    return Forward(order, position, leaves, op, start + np.uint32(leaves), a, b, more)


def backward_of(tape: Tape, marks: NDArray[np.uint8], forward: Forward) -> Backward:
    """Sort the nodes of a graph for backward sweeps.

    Args:
        tape: The graph.
        marks: uint8[N], 1 for the nodes that have an adjoint.
        forward: The forward order.
    """
    count = tape.opcode.size
    level, deepest = np.zeros(count, np.uint32), np.zeros(1, np.int64)
    done = np.zeros(count, np.uint32)
    kernels(REPLAY).backward_levels(tape.opcode, tape.first, tape.args, marks, done, level, deepest)
    if int(deepest[0]) * _SHORT > count:
        order = np.flatnonzero(level)[::-1].astype(np.uint32)
    else:  # in each run, in the order in which nodes lie in memory
        order = forward.order[level[forward.order] > 0]
    nodes, op, start = _sorted(tape, level, int(deepest[0]), order)
    node = forward.position[nodes]
    return Backward(op, start, node, forward.a[node], forward.b[node])


def leading_to(tape: Tape, leaves: Sequence[int]) -> NDArray[np.uint8]:
    """Return uint8[N], 1 for some leaves and all nodes that depend on them."""
    marks = np.zeros(tape.opcode.size, np.uint8)
    marks[leaves] = 1
    kernels(REPLAY).lead(tape.first, tape.args, marks)
    return marks


class _Runs(NamedTuple):
    """Nodes cut into runs of one op and one level; those of a run can go in any order."""

    nodes: NDArray[np.uint32]
    op: NDArray[np.uint8]
    start: NDArray[np.uint32]


def _sorted(
    tape: Tape, level: NDArray[np.uint32], deepest: int, order: NDArray[np.uint32]
) -> _Runs:
    """Sort nodes by level and op; keep their order if runs would be too short."""
    if deepest * _SHORT > tape.opcode.size:
        return _in_given_order(tape, level, order)
    used = np.flatnonzero(np.bincount(tape.opcode, minlength=256))
    table = np.zeros(256, np.uint8)
    table[used] = np.arange(used.size)
    key, counts = np.empty(order.size, np.uint32), np.zeros((deepest + 1) * used.size, np.uint32)
    kernels(REPLAY).keys(tape.opcode, level, order, table, used.size, key, counts)
    full = np.flatnonzero(counts)
    start = np.concatenate([[0], np.cumsum(counts[full])]).astype(np.uint32)
    nodes = np.empty(order.size, np.uint32)
    kernels(REPLAY).sort(key, counts, order, nodes)
    return _Runs(nodes, used[full % used.size].astype(np.uint8), start)


def _in_given_order(tape: Tape, level: NDArray[np.uint32], order: NDArray[np.uint32]) -> _Runs:
    """Cut nodes into runs without changing their order."""
    code, depth = tape.opcode[order], level[order]
    ends = np.flatnonzero((code[1:] != code[:-1]) | (depth[1:] != depth[:-1])) + 1
    start = np.concatenate([[0], ends, [order.size]]).astype(np.uint32)
    return _Runs(order, code[start[:-1]], start) if order.size else _Runs(order, code, start[:1])
