"""Exact sums of columns of doubles: the arrays that kernels add to, and their results."""

from __future__ import annotations

import math
from contextlib import suppress
from functools import cached_property, partial
from threading import local
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mgraph.engine.tape.cache import kernels
from mgraph.engine.tape.jit import flat
from mgraph.engine.tape.lowering import LANES
from mgraph.engine.tape.source import SUMS
from mgraph.engine.tape.sum_source import DIGITS, FLUSH, SMALLEST, WIDTH
from mgraph.ops.exact_sum import ExactSum

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_SLAB: Final = 2**24
"""Doubles that are added up before Python can handle a Ctrl-C."""

_FEW: Final = 200
"""Doubles that Python adds up in less time than a kernel."""

_COPIED: Final = 512
"""Vectors that are copied into kept memory, for which kernels are bound once."""


class Accumulators:
    """The sums of K columns, as `sum_source` describes them.

    A kernel can add 2^30 doubles to each between two calls of `settle`, before digits overflow.

    Attributes:
        lanes: float64[3K + 1, 8], the first two vectors of each column, then the third of each, and
            one to spare.
        window: float64[K], the powers of two with which columns are split. They are kept for the
            next columns, which are often like the last ones; they do not change sums.
        digits: int64[70K], the digits and counts of all columns.
        used: uint8[K], 1 for the columns whose digits and counts are not all zero.
        room: int64[1], how many vectors a batch can add until all lanes must be flushed.
        arguments: The arrays except `room`, as kernels take them.
        batch_arguments: All of them, likewise.
    """

    def __init__(self, count: int) -> None:
        """Start with empty columns.

        Args:
            count: The number of columns, K.
        """
        self.lanes = aligned(3 * count + 1)
        self.window = np.full(count, SMALLEST)
        self.digits = np.zeros(WIDTH * count, np.int64)
        self.used = np.zeros(count, np.uint8)
        self.room = np.full(1, FLUSH)
        self._sums, self._parts = np.zeros(count), np.zeros((count, 2))
        self.arguments = (*flat((self.lanes, self.window, self.digits, self.used)),)
        self.batch_arguments = (*self.arguments, *flat((self.room,)))

    def clear(self) -> None:
        """Start again with empty columns."""
        self.room[0] = FLUSH
        if self.used.size:  # else, no kernel is needed
            self._clear()

    def settle(self) -> None:
        """Make room: empty the lanes, and carry digits."""
        self._settle()
        self.room[0] = FLUSH

    def totals(self, others: Sequence[Accumulators] = ()) -> Totals:
        """Return the sums of all values that these and other accumulators hold."""
        for other in others:
            other.settle()
            kernels(SUMS).merge(self.digits, self.used, other.digits, other.used)
        self._round()
        is_used = self.used == 1
        digits = self.digits.reshape(-1, WIDTH)[is_used] if is_used.any() else self.digits[:0]
        return Totals(self._sums.copy(), self._parts.copy(), is_used, digits)

    def rounded(self) -> NDArray[np.float64]:
        """Return the sums of all values that these accumulators hold, rounded, until the next."""
        self._round()
        return self._sums

    @cached_property
    def _clear(self) -> Callable[[], int]:
        """The kernel that empties columns; bound once, as `_round`."""
        return kernels(SUMS).bound("clear", self.lanes, self.digits, self.used)

    @cached_property
    def _settle(self) -> Callable[[], int]:
        """The kernel that settles; bound once, as `_round`."""
        return kernels(SUMS).bound("settle", self.lanes, self.digits, self.used)

    @cached_property
    def _round(self) -> Callable[[], int]:
        """The kernel that rounds sums; bound once, because small batches take microseconds."""
        arrays = (self.lanes, self.digits, self.used, self._parts.reshape(-1), self._sums)
        return kernels(SUMS).bound("round_sums", *arrays)


class Totals(NamedTuple):
    """The exact sums of K columns.

    Attributes:
        sums: float64[K], rounded.
        parts: float64[K, 2], the addends of each exact sum, if it has no digits.
        has_digits: bool[K].
        digits: int64[U, 70], the digits and counts of the U sums that have some.
    """

    sums: NDArray[np.float64]
    parts: NDArray[np.float64]
    has_digits: NDArray[np.bool_]
    digits: NDArray[np.int64]

    def states(self) -> list[ExactSum]:
        """Return the exact sums."""
        digits = iter(self.digits)
        return [
            _state_of(next(digits)) if has_digits else ExactSum.of(parts)
            for parts, has_digits in zip(self.parts.tolist(), self.has_digits, strict=True)
        ]


def _state_of(digits: NDArray[np.int64]) -> ExactSum:
    """Return the sum that carried digits stand for."""
    low, last = digits[: DIGITS - 1], digits[DIGITS - 1 : DIGITS]
    data = low.astype("<u4").tobytes() + last.astype("<i8").tobytes()
    flags = map(bool, digits[DIGITS:].tolist())
    return ExactSum(int.from_bytes(data, "little", signed=True), *flags)


def exact_sum(column: NDArray[np.float64]) -> ExactSum:
    """Return the exact sum of a column.

    Args:
        column: float64[N].

    Returns:
        The state of the sum, which can be added to those of other columns.
    """
    return _COLUMN.totals(column).states()[0]


def rounded_sum(column: NDArray[np.float64]) -> float:
    """Return the exact sum of a column, rounded: `exact_sum(column).value`, in less time for few.

    Args:
        column: float64[N].
    """
    if column.size <= _FEW:
        with suppress(OverflowError, ValueError):  # sums of infinities, and those that overflow
            return math.fsum(column.tolist()) + 0.0  # which is exact, and here never -0.0
    return _COLUMN.rounded(column)


def aligned(vectors: int) -> NDArray[np.float64]:
    """Return zeros, float64[vectors, 8], aligned to a cache line."""
    spare = np.zeros((vectors + 1) * LANES)
    skip = -spare.__array_interface__["data"][0] % (8 * LANES) // 8
    return spare[skip : skip + vectors * LANES].reshape(vectors, LANES)


class _ColumnSum(local):
    """The sum of one column, in arrays that each thread keeps for the next one."""

    def totals(self, column: NDArray[np.float64]) -> Totals:
        """Add up a column.

        Args:
            column: float64[N].
        """
        self._add(column)
        return self._sum.totals()

    def rounded(self, column: NDArray[np.float64]) -> float:
        """Return the rounded sum of a column, float64[N]."""
        self._add(column)
        return self._sum.rounded().item()

    def _add(self, column: NDArray[np.float64]) -> None:
        whole = column.size - column.size % (_COPIED * LANES)
        rows = np.require(column, np.float64, ["C", "A"]) if whole else column
        self._sum.clear()
        for start in range(0, whole, _SLAB):
            slab = rows[start : min(start + _SLAB, whole)].reshape(-1, LANES)
            kernels(SUMS).bound("add_column", slab)(*self._sum.arguments)
            self._sum.settle()
        rest = rows.size - whole
        vectors, copy = -(-rest // LANES), self._copy.reshape(-1)
        copy[:rest] = rows[whole:]
        copy[rest : vectors * LANES] = 0.0  # zeros change no sum
        self._adder(vectors)()

    def _adder(self, vectors: int) -> Callable[[], int]:
        """Return the kernel that adds up vectors of the copy; training has few different counts."""
        adder = self._adders.get(vectors)
        if adder is None:
            add = kernels(SUMS).bound("add_column", self._copy[:vectors])
            adder = self._adders[vectors] = partial(add, *self._sum.arguments)
        return adder

    @cached_property
    def _adders(self) -> dict[int, Callable[[], int]]:
        return {}

    @cached_property
    def _sum(self) -> Accumulators:
        return Accumulators(1)

    @cached_property
    def _copy(self) -> NDArray[np.float64]:
        return aligned(_COPIED)


_COLUMN: Final = _ColumnSum()
