"""What can be done together: a graph's nodes sorted into runs of one op.

Nodes that wait for nothing in common may go in any order. Done op by op, they need no branch a
node, lie side by side, and several can be worked out at once. Adjoints are still added up in the
order of a single run, so that the bits are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mgraph.ops import LEAVES
from mgraph.tape.cache import kernels
from mgraph.tape.lower import LANES
from mgraph.tape.source import REPLAY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mgraph.tape.engine import Tape

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
        more: uint32, the places of all arguments of all nodes.
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
    order = _sorted(tape, level, int(deepest[0]), order)
    place = np.empty(count, np.uint32)
    place[order] = np.arange(count, dtype=np.uint32)
    a, b = (np.zeros(count + LANES, np.uint32) for _ in range(2))
    kernels(REPLAY).arguments(tape.opcode, tape.first, tape.args, order, place, a, b)
    code, depth = tape.opcode[order[leaves:]], level[order[leaves:]]
    op, start = _runs(code, depth)
    return Forward(order, place, leaves, op, start + np.uint32(leaves), a, b, place[tape.args])


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
    order = forward.order[level[forward.order] > 0]  # nodes of a run as they lie in memory
    by_level = _sorted(tape, level, int(deepest[0]), order)
    if by_level is order:
        by_level = np.flatnonzero(level)[::-1].astype(np.uint32)
    node, code, depth = forward.place[by_level], tape.opcode[by_level], level[by_level]
    op, start = _runs(code, depth)
    return Backward(op, start, node, forward.a[node], forward.b[node])


def _sorted(
    tape: Tape, level: NDArray[np.uint32], deepest: int, order: NDArray[np.uint32]
) -> NDArray[np.uint32]:
    """Return nodes by level and op; the very same array if that would make too short runs."""
    if deepest * _SHORT > order.size:
        return order
    table, kinds = _kinds(tape)
    key, following = np.empty(order.size, np.uint32), np.zeros((deepest + 1) * kinds, np.uint32)
    kernels(REPLAY).keys(tape.opcode, level, order, table, kinds, key, following)
    found = np.empty(order.size, np.uint32)
    kernels(REPLAY).places(key, following, order, found)
    return found


def _kinds(tape: Tape) -> tuple[NDArray[np.uint8], int]:
    """Number the ops that are used; leaves are all of kind 0."""
    used = np.flatnonzero(np.bincount(tape.opcode, minlength=256)[len(LEAVES) :]) + len(LEAVES)
    table = np.zeros(256, np.uint8)
    table[used] = np.arange(1, used.size + 1)
    return table, used.size + 1


def _runs(
    code: NDArray[np.uint8], level: NDArray[np.uint32]
) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Return the opcode of each run and where it begins; the last begins behind all.

    The nodes of a run are of one level, and so may go in any order.
    """
    if not code.size:
        return np.zeros(0, np.uint8), np.zeros(1, np.uint32)
    ends = (code[1:] != code[:-1]) | (level[1:] != level[:-1])
    starts = np.concatenate([[0], np.flatnonzero(ends) + 1, [code.size]]).astype(np.uint32)
    return code[starts[:-1]], starts
