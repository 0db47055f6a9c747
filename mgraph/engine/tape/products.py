"""Rewrite the runs of a batch, so that sums of products need less memory and fewer loops.

- A `mul` that only one sum uses is not stored: the sum multiplies while it adds. Each product is
  rounded, and added in the same order, so the bits are the same. Backward, such a `mul` reads the
  adjoint of its sum, which is its own.
- A chain of `add`s, each of which only the next one uses, is such a sum, too.
- A leaf with one value for all rows is one number where a `mul` takes it, and not a vector for each
  eight rows.
- An `add` or `mul` passes nothing on to an argument whose adjoint is not used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mgraph.engine.tape.schedule import Backward, Forward
from mgraph.engine.tape.source import (
    ALONE,
    BROADCAST,
    FOLDS,
    FRESH,
    PAIRS,
    PLAIN,
    PRODUCTS,
    SKIPPED,
    SUMMED,
)
from mgraph.ops import OPCODES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mgraph.engine.tape.jit import Kernels
    from mgraph.engine.tape.schedule import Job

    Codes = NDArray[np.uint8]
    Flags = NDArray[np.bool_]
    Indices = NDArray[np.uint32]

_ADD: Final = OPCODES["add"]
_MUL: Final = OPCODES["mul"]
_SUM: Final = OPCODES["sum"]

_LONG: Final = 4
"""The least number of terms of a chain of `add`s that is computed as a sum."""


class ForwardRuns(NamedTuple):
    """The forward order of a batch.

    Attributes:
        runs: As in `Forward`; opcodes may have `BROADCAST` or `PRODUCTS` added, or be `SKIPPED`.
            Chains of `add`s are sums.
        factor: uint32[A], what each argument in `runs.more` is multiplied by before a sum adds it:
            the position of a leaf with one value for all rows, or L plus the position of another
            node, or `PLAIN`.
        order: The graph. If one argument of a `mul` has one value for all rows, it is `b`.
        code: uint8[N], the opcodes of the graph, by position.
        sum_of: uint32[N], the sum that computes a node; for all other nodes, the node itself.
        constant: bool[N], the leaves with one value for all rows.
        copied: bool[N], those among them that are needed as vectors.
    """

    runs: Forward
    factor: Indices
    order: Forward
    code: Codes
    sum_of: Indices
    constant: Flags
    copied: Flags

    @property
    def is_absent(self) -> Flags:
        """bool[N], the nodes that sums compute, which have no memory."""
        result: Flags = self.sum_of != np.arange(self.code.size)
        return result

    @property
    def stored(self) -> int:
        """The number of nodes that have primals in memory."""
        return int(np.count_nonzero(~(self.constant & ~self.copied | self.is_absent)))


class BackwardRuns(NamedTuple):
    """The backward order of a batch.

    Attributes:
        runs: As in `Backward`; opcodes may have `BROADCAST`, `ALONE` or `FRESH` added. With one of
            the first two, a node adds only to the adjoint of `a`; a `mul`, its product with `b`.
            With `SUMMED`, it adds to the sum in column `a`, and `a` needs no adjoint in each row.
        more: uint32[A], the arguments of folds that they add to.
        clear: int64[C], the nodes whose adjoints must be cleared.
        added: int64[S], the other columns of sums.
        stored: The number of nodes that have adjoints in memory.
    """

    runs: Backward
    more: Indices
    clear: NDArray[np.int64]
    added: NDArray[np.int64]
    stored: int


class _Sums(NamedTuple):
    """The sums of a graph, and what they add up.

    Attributes:
        order: As in `Forward`, but the arguments of chains are in `more`, like those of sums.
        is_sum: bool[N], the sums, and the last node of each chain.
        sum_of: uint32[N], the last node of the chain that a node is part of; otherwise, the node.
    """

    order: Forward
    is_sum: Flags
    sum_of: Indices


def forward_runs(
    order: Forward, given: NDArray[np.int64], wanted: NDArray[np.int64], kernels: Kernels
) -> ForwardRuns:
    """Rewrite a forward order.

    Args:
        order: The graph.
        given: The positions of the leaves that have a value per row.
        wanted: The positions of the nodes whose primals are returned.
        kernels: Those of batches.
    """
    count, sizes = order.order.size, np.diff(order.start)
    code, constant, kept = np.zeros(count, np.uint8), np.zeros(count, bool), np.zeros(count, bool)
    code[order.leaves :] = np.repeat(order.op, sizes)
    constant[: order.leaves], kept[wanted] = True, True
    constant[given] = False
    order = _with_constants_last(order, code, constant)
    can_move = (_uses(order, code) == 1) & ~kept
    sums = _sums(order, code, can_move, kernels)
    sum_of, factor = _fused(sums, code, constant, can_move)
    is_broadcast, is_product = _is_broadcast(order, code, constant), factor != PLAIN
    more = sums.order.more.copy()
    more[is_product] = order.a[more[is_product]]
    new = code.copy()
    new[is_broadcast] += BROADCAST
    new[np.unique(sum_of[sum_of != np.arange(count)])] = _SUM + PRODUCTS
    new[sum_of != np.arange(count)] = SKIPPED
    op, start = _cut(new[order.leaves :], np.repeat(np.arange(sizes.size), sizes))
    runs = sums.order._replace(op=op, start=start + np.uint32(order.leaves), more=more)
    copied = constant & (_is_operand(runs, new) | kept)
    return ForwardRuns(runs, factor, order, code, sum_of, constant, copied)


def _with_constants_last(order: Forward, code: Codes, constant: Flags) -> Forward:
    """Swap the arguments of each `mul` of which only the first has one value for all rows."""
    a, b = order.a.copy(), order.b.copy()
    muls = np.flatnonzero(code == _MUL)
    muls = muls[constant[a[muls]] & ~constant[b[muls]]]
    a[muls], b[muls] = b[muls], a[muls]
    return order._replace(a=a, b=b)


def _is_broadcast(order: Forward, code: Codes, constant: Flags) -> Flags:
    """Return bool[N], each `mul` whose second argument is another node with one value."""
    muls = np.flatnonzero(code == _MUL)
    a, b = order.a[muls], order.b[muls]
    result = np.zeros(code.size, bool)
    result[muls[constant[b] & (a != b)]] = True
    return result


def _uses(order: Forward, code: Codes) -> NDArray[np.intp]:
    """Return int64[N], how often each node is an argument."""
    folds, pairs = (np.flatnonzero(np.isin(code, codes)) for codes in (FOLDS, PAIRS))
    (others,) = np.nonzero(~np.isin(code, FOLDS))
    others = others[others >= order.leaves]
    arguments = order.a[others], order.b[pairs], order.more[_ranges(order.a[folds], order.b[folds])]
    return np.bincount(np.concatenate(arguments), minlength=code.size)


def _sums(order: Forward, code: Codes, can_move: Flags, kernels: Kernels) -> _Sums:
    """Find sums, and chains of `add`s that are computed as sums.

    Args:
        order: The graph.
        code: uint8[N], its opcodes by position.
        can_move: bool[N], the nodes that only one other node needs.
        kernels: Those of batches.
    """
    count, is_sum = code.size, code == _SUM
    inner, size, last = (np.zeros(count, np.uint32) for _ in range(3))
    moves = (can_move & (is_sum | (code == _ADD))).astype(np.uint8)
    kernels.chains(code, order.a, order.b, moves, order.leaves, inner, size, last)
    is_last = (code == _ADD) & (last == np.arange(count)) & (size >= _LONG)
    is_part = is_last[last] & (is_sum | (code == _ADD))
    order = _with_terms(order, code, is_part, _Chains(inner, size, last))
    sum_of = np.where(is_part, last, np.arange(count, dtype=np.uint32))
    return _Sums(order, is_sum & ~is_part | is_last, sum_of)


class _Chains(NamedTuple):
    """Chains of `add`s, from the kernel `chains`.

    Attributes:
        inner: uint32[N], the argument that is part of the same chain as a node; N if there is none.
        size: uint32[N], the number of terms up to a node.
        last: uint32[N], the last node of its chain.
    """

    inner: Indices
    size: Indices
    last: Indices


def _with_terms(order: Forward, code: Codes, is_part: Flags, chains: _Chains) -> Forward:
    """Give the last node of each chain its terms in `more`, first those that are added first."""
    inner, size, last = chains
    (lasts,) = np.nonzero(is_part & (last == np.arange(code.size)))
    a, b, start = order.a.copy(), order.b.copy(), np.zeros(code.size, np.uint32)
    b[lasts] = order.more.size + np.cumsum(size[lasts])
    start[lasts] = a[lasts] = b[lasts] - size[lasts]
    total = int(size[lasts].sum())
    more = np.concatenate([order.more, np.zeros(total, np.uint32)])
    adds, sums = (np.flatnonzero(is_part & (code == op)) for op in (_ADD, _SUM))
    is_inner_last = inner[adds] == order.b[adds]
    more[start[last[adds]] + size[adds] - 1] = np.where(is_inner_last, order.a[adds], order.b[adds])
    firsts = adds[inner[adds] == code.size]
    more[start[last[firsts]]] = order.a[firsts]
    to = start[last[sums]]
    more[_ranges(to, to + size[sums])] = order.more[_ranges(order.a[sums], order.b[sums])]
    return order._replace(a=a, b=b, more=more)


def _fused(sums: _Sums, code: Codes, constant: Flags, can_move: Flags) -> tuple[Indices, Indices]:
    """Return the sum that computes each node, and the factors; both as in `ForwardRuns`."""
    order, sum_of = sums.order, sums.sum_of.copy()
    factor = np.full(order.more.size, PLAIN, np.uint32)
    (owners,) = np.nonzero(sums.is_sum)
    at = _ranges(order.a[owners], order.b[owners])
    node, owner = order.more[at], np.repeat(owners, order.b[owners] - order.a[owners])
    moves = (code[node] == _MUL) & can_move[node]
    moves[moves] = ~constant[order.a[node[moves]]]
    node, at = node[moves], at[moves]
    sum_of[node] = owner[moves]
    factors = order.b[node]
    factor[at] = factors + np.where(constant[factors], 0, order.leaves).astype(np.uint32)
    return sum_of, factor


def _is_operand(runs: Forward, new: Codes) -> Flags:
    """Return bool[N], the nodes whose primals are read as vectors, given the new opcodes."""
    is_fold = np.isin(new, [*FOLDS, _SUM + PRODUCTS])
    is_plain = ~is_fold & (new != SKIPPED)
    is_plain[: runs.leaves] = False
    (folds,) = np.nonzero(is_fold)
    result = np.zeros(new.size, bool)
    result[runs.a[: new.size][is_plain]] = True
    result[runs.b[: new.size][is_plain & (new != _MUL + BROADCAST)]] = True
    result[runs.more[_ranges(runs.a[folds], runs.b[folds])]] = True
    return result


def _ranges(start: Indices, stop: Indices) -> NDArray[np.int64]:
    """Return the indices of several ranges, one range after the other."""
    sizes = stop.astype(np.int64) - start
    skipped = start.astype(np.int64) + sizes - np.cumsum(sizes)
    indices: NDArray[np.int64] = np.arange(int(sizes.sum())) + np.repeat(skipped, sizes)
    return indices


def _cut(
    code: NDArray[np.uint8], run: NDArray[np.intp]
) -> tuple[NDArray[np.uint8], NDArray[np.uint32]]:
    """Cut nodes where their run or their opcode changes; return the opcodes, and the starts."""
    start = np.flatnonzero(np.diff(run * 256 + code, prepend=-1, append=-1))
    return code[start[:-1]], start.astype(np.uint32)


class _Entries(NamedTuple):
    """What the nodes of a backward order add, each entry to the arguments of one node.

    Attributes:
        run: int64[E], the run that it belongs to.
        code: uint8[E], as in `BackwardRuns`, but without `FRESH`.
        node: uint32[E], the node whose adjoint is read.
        a: uint32[E], as in `BackwardRuns`.
        b: uint32[E], likewise.
    """

    run: NDArray[np.int64]
    code: NDArray[np.uint8]
    node: Indices
    a: Indices
    b: Indices

    def at(self, which: NDArray[Any]) -> _Entries:
        """Return some entries, given their indices or a flag for each."""
        return _Entries(*(column[which] for column in self))


def backward_runs(job: Job, forward: ForwardRuns, touches: Callable[..., int]) -> BackwardRuns:
    """Rewrite a backward order.

    Args:
        job: What the batch computes.
        forward: From `forward_runs`.
        touches: The kernel.
    """
    count = forward.code.size
    seen, clear = np.zeros(count, np.uint8), np.zeros(count, np.uint8)
    seen[job.seeded] = 1
    seen[job.unused] = 2
    entries, more = _entries(job.backward, forward, seen != 2)  # noqa: PLR2004 - as above
    column = _columns(job, entries, more, count)
    summed = column < len(job.asked)
    fresh = np.zeros(entries.run.size, np.uint8)
    touches(entries.code, entries.a, entries.b, more, seen, fresh, clear)
    code = np.where(summed, np.uint8(_MUL + SUMMED), entries.code + FRESH * fresh)
    sort = np.argsort(entries.run * 256 + code, kind="stable")
    op, start = _cut(code[sort], entries.run[sort])
    a = np.where(summed, column, entries.a)
    columns = (column[sort] for column in (entries.node, a, entries.b))
    stored = int(np.count_nonzero(seen == 1)) - int(np.count_nonzero(summed))
    added = np.setdiff1d(np.arange(len(job.asked) if job.adds else 0), column)
    return BackwardRuns(Backward(op, start, *columns), more, np.flatnonzero(clear), added, stored)


def _columns(job: Job, entries: _Entries, more: Indices, count: int) -> Indices:
    """Return the column of sums that is all of what an entry adds to; K if there is none."""
    folds = np.isin(entries.code, FOLDS)
    touched = [entries.a[~folds], entries.b[~folds & (entries.code < BROADCAST)]]
    touched.append(more[_ranges(entries.a[folds], entries.b[folds])])
    touches = np.bincount(np.concatenate([*touched, job.seeded]), minlength=count)
    column = np.full(count, len(job.asked), np.uint32)
    if job.adds:
        column[job.asked] = np.arange(len(job.asked))
    column[touches != 1] = len(job.asked)
    is_alone = entries.code == _MUL + ALONE
    return np.where(is_alone, column[np.where(is_alone, entries.a, 0)], np.uint32(len(job.asked)))


def _entries(order: Backward, forward: ForwardRuns, needed: Flags) -> tuple[_Entries, Indices]:
    """Return what the nodes add in backward order, and the arguments of folds."""
    node, code = order.node, forward.code[order.node]
    needed = needed & ~forward.is_absent
    a, b, more = _arguments(node, code, forward, needed)
    both = ((code == _MUL) | (code == _ADD)) & (a != b)
    to_a, to_b, broadcast = both.copy(), both.copy(), both & (code == _MUL)
    to_a[both], to_b[both] = needed[a[both]], needed[b[both]]
    broadcast[broadcast] = forward.constant[b[broadcast]]
    alone = broadcast | both & ~(to_a & to_b)
    other = ~alone & ~(np.isin(code, FOLDS) & (a == b))
    run = np.repeat(np.arange(order.op.size), np.diff(order.start))
    by_b = code + np.where(broadcast, BROADCAST, ALONE).astype(np.uint8)
    up = forward.sum_of[node]
    parts = [
        _Entries(run, code, up, a, b).at(other),
        _Entries(run, by_b, up, a, b).at(alone & to_a),
        _Entries(run, code + np.uint8(ALONE), up, b, a).at(alone & to_b),
    ]
    joined = _Entries(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
    return joined.at(np.argsort(joined.run, kind="stable")), more


def _arguments(
    node: Indices, code: Codes, forward: ForwardRuns, needed: Flags
) -> tuple[Indices, Indices, Indices]:
    """Return the arguments of nodes, and of folds only those whose adjoints are needed."""
    order = forward.order
    a, b, keep = order.a[node], order.b[node], needed[order.more]
    index = np.concatenate([[0], np.cumsum(keep)]).astype(np.uint32)
    folds = np.isin(code, FOLDS)
    a[folds], b[folds] = index[a[folds]], index[b[folds]]
    return a, b, order.more[keep]
