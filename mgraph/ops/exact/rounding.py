"""From integers to the nearest double, and from doubles to integers.

Each function has a core, which computes in integers of a given precision, and says how far it may
be off. The docstrings of the cores derive that bound, and it is stated as `BOUND`; the cores claim
at least 16 times as much, as `ERROR`. Bounds are in units of the last place of the core's result,
and hold for every precision from `FIRST` on. They are absolute: where a result is small because
of cancellation, the core works with more bits from the start, but if these were too few, `settle`
would only need another turn.

For small x, many functions are so close to x that they round to x. It is enough that they differ
from it by less than |x|·2^-54: this is half of the distance from a power of two to the double
below it, and every other distance between neighbours is a larger part of x.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

Bounded: TypeAlias = tuple[int, int, int]
"""(n, e, error): a real number within error·2^e of n·2^e. It is not zero, and |n| > error or
error·2^e is at least 2^-1000: so an interval around zero never rounds to one double."""

FIRST: Final = 80
"""The precision, in bits, with which `settle` begins. Few arguments need a second one."""

GRAIN: Final = 32
"""Working precisions are multiples of this, so that few tables are made."""


def nearest(n: int, e: int) -> float:
    """Return the double nearest to n·2^e; ties to even, subnormals and infinities as in IEEE 754.

    Python rounds a quotient of integers, and an integer, correctly.
    """
    try:
        return n / (1 << -e) if e < 0 else float(n << e)
    except OverflowError:
        return math.inf if n > 0 else -math.inf


def settle(core: Callable[..., Bounded], *args: float) -> float:
    """Return the double nearest to what a core computes, by Ziv's strategy.

    Both ends of an interval that holds the exact number round to one double, or the precision is
    doubled. There is no ceiling: this ends for every number that is neither a double nor halfway
    between two, which each caller has to see to.

    Args:
        core: Computes (precision in bits, *args); a higher precision gives a smaller interval.
        args: The arguments of the core.

    Source:
        Ziv, Fast evaluation of elementary mathematical functions with correctly rounded last bit,
        ACM Trans. Math. Softw. 17 (1991).
    """
    p = FIRST
    while True:
        n, e, error = core(p, *args)
        low = nearest(n - error, e)
        if low == nearest(n + error, e):
            return low
        p += p


def precision(bits: int) -> int:
    """Return the working precision for at least this many bits."""
    return (bits + GRAIN - 1) & -GRAIN


def parts(x: float) -> tuple[int, int]:
    """Return (m, e) with x = m·2^e and 2^52 ≤ |m| < 2^53, also for subnormal x; x is not zero."""
    fraction, e = math.frexp(x)
    return int(fraction * 2.0**53), e - 53


def shift(n: int, by: int) -> int:
    """Return n·2^by; rounded down if `by` is negative."""
    return n << by if by >= 0 else n >> -by
