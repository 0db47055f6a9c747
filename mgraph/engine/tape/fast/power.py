"""pow.

a^b = e^t with t = b·ln a, |t| < 709. An error of t is one of the result, relatively, so ln a needs
2^10 times as much precision as elsewhere: a longer series, more of it in pairs. With E for the
error of that series, as in `logarithm`, which is relative to ln a, and 2^-88 for operations with
pairs on the way to t (a quotient, a square, the last steps of the series, whose earlier ones are
scaled down by Z, two products; fewer than 12, 2^-92 each, and 2^-92 for e·ln 2), t is off by 709·(E
+ 2^-88).

Splitting t rounds by less than 2^-53·2^-42 more, as the low part of t is below 2^-42. The rest is
as for exp: `exponential`'s bound is for that error, too.

The sign is that of a, if b is odd. b = 0, 1, 2 and -1 are one operation or none; numbers beyond
2^51 are left to the slow path.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from mgraph.engine.tape.fast.exponential import expm1_near_0, split_by_ln_2
from mgraph.engine.tape.fast.logarithm import log_pair
from mgraph.engine.tape.fast.pairs import (
    INF,
    NAN,
    SHIFT,
    SMALLEST_NORMAL,
    Pair,
    Result,
    doubles_of,
    fast_two_sum,
    pairs_of,
    product,
    rounds,
    two_sum,
    two_to,
)
from mgraph.engine.tape.fast.trigonometry import is_odd

LONG_COEFFICIENTS: Final = [Fraction(1, 2 * k + 1) for k in range(18)]
LONG_PAIRS: Final = pairs_of(LONG_COEFFICIENTS[:7])
LONG_LAST: Final = float(LONG_COEFFICIENTS[7])
LONG_EVEN: Final = doubles_of(LONG_COEFFICIENTS[8::2])
LONG_ODD: Final = doubles_of(LONG_COEFFICIENTS[9::2])

POW_BOUND: Final = 2.0**-74
"""Derived: 2^-74.7."""

POW_ERROR: Final = 16.0 * POW_BOUND

WHOLE: Final = 2.0**51


def log_times(a: float, b: float) -> Pair:
    """Return b·ln a for a normal a > 0."""
    h, h_low = log_pair(a, LONG_EVEN, LONG_ODD, LONG_LAST, LONG_PAIRS)
    h, h_low = fast_two_sum(h, h_low)
    return product(h, h_low, b, 0.0)


def exp_of_pair(t: float, t_low: float) -> tuple[float, float, float]:
    """Return n + 3·2^51, and e^(t + t_low)/2^n as a pair, for t from -708 to 709."""
    shifted, r, r_low = split_by_ln_2(t)
    r, r_low = two_sum(r, r_low + t_low)
    p, p_low = expm1_near_0(r, r_low)
    s, s_low = fast_two_sum(1.0, p)
    return shifted, s, s_low + p_low


def fast_pow(a: float, b: float) -> Result:
    """Return a^b."""
    size = abs(a)
    is_normal = size >= SMALLEST_NORMAL and size < INF and abs(b) < WHOLE
    t, t_low = log_times(size if is_normal else 1.0, b if is_normal else 1.0)
    is_inside = is_normal and t > -708.0 and t < 709.0
    shifted, s, s_low = exp_of_pair(t if is_inside else 1.0, t_low if is_inside else 0.0)
    y, is_certain = rounds(s, s_low, POW_ERROR)
    y = y * two_to(shifted) if is_inside else INF if t > 0.0 else 0.0
    is_certain = (is_inside and is_certain) or (is_normal and (t > 710.0 or t < -746.0))
    is_whole = b == (b + SHIFT) - SHIFT
    odd = is_whole and is_odd(b)
    y = NAN if a < 0.0 and not is_whole else -y if a < 0.0 and odd else y
    is_zero = a == 0.0 and b > 0.0 and b < WHOLE
    zero = a if odd else 0.0
    is_simple = b == 0.0 or b == 1.0 or b == 2.0 or b == -1.0
    simple = 1.0 if b == 0.0 else a if b == 1.0 else a * a if b == 2.0 else 1.0 / a
    y = simple if is_simple else zero if is_zero else y
    return y, is_simple or is_zero or is_certain
