"""exp, expm1, tanh, sinh and cosh.

x = n·ln 2 + r with a whole n and |r| ≤ R = 0.3466. e^r - 1 = r·Y, Y = 1 + r/2! + r²/3! + …, which
is from 0.845 to 1.2 (at -R and R).

**The reduction.** n is x/ln 2, rounded: |x/ln 2 - n| ≤ ½ + 2^-42 for |x| ≤ 1100, as 1/ln 2 is off
by u. So |r| ≤ ln 2/2 + 2^-42 < R. ln 2 = A + B + C + 2^-138: A and B have 42 bits and n has 11, so
n·A and n·B are exact. So is x - n·A: for n ≠ 0, x is a multiple of 2^-54 (|x| > 0.34), n·A is a
multiple of 2^-42, and their difference is below ½. C is below 2^-86, n·C below 2^-75. Adding it
rounds by less than 2^-106. So r is off by less than 2^-105; for n = 0 it is x itself, exactly.

The pair of r is tight, and its low part at most 2^-50 of it, if |r| ≥ 2^-24. If it is smaller, n is
not 0, the low part is below 2^-74, and what Lemma 2 bounds relative to r is below 2^-92
absolutely. That is enough, for then all results here, e^x and e^x - 1, are at least 0.29.

**The series.** Its error bound, E, is computed as in `pairs.series` with Z = R; it is relative to
1.

- e^x = 2^n·(1 + r·Y): |r|·E/e^r ≤ R·E/0.707, and 2^-84 for the operations with pairs.
- e^r - 1: E/0.845, relatively.
- e^x - 1 = (2^n - 1) + 2^n·(e^r - 1): 2^n·|e^r - 1| is at most 1.42 times the result; that is the
  value for n = 1 and r = -ln 2/2, and n = 0 has 1, n < 0 less than 0.71. So 1.42·E/0.845 and 2^-84.
- tanh x = a/(a + 2), with a = e^2|x| - 1: relatively, it changes by 2/(a + 2) ≤ 1 of the change of
  a. sinh |x| = (a + a/(1 + a))/2 with a = e^|x| - 1: both terms change by at most the change of a.
  cosh x = (e + 1/e)/2 with e = 1 + a: likewise.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

from mgraph.engine.tape.fast.pairs import (
    INF,
    SHIFT,
    SMALL,
    TINY,
    Pair,
    Result,
    doubles_of,
    fast_two_sum,
    fma,
    pairs_of,
    parts_of,
    product,
    quotient,
    rounds,
    series,
    two_sum,
    two_to,
    with_sign,
)
from mgraph.ops.exact.constants import ln2

LN_2: Final = Fraction(ln2(256), 2**256)
INVERSE_LN_2: Final = float(1 / LN_2)
LN_2_A, LN_2_B, LN_2_C = parts_of(LN_2, 42, 42, 53)

EXP_COEFFICIENTS: Final = [Fraction(1, math.factorial(k + 1)) for k in range(18)]
EXP_PAIRS: Final = pairs_of(EXP_COEFFICIENTS[:6])
EXP_LAST: Final = float(EXP_COEFFICIENTS[6])
EXP_EVEN: Final = doubles_of(EXP_COEFFICIENTS[7::2])
EXP_ODD: Final = doubles_of(EXP_COEFFICIENTS[8::2])

EXP_BOUND: Final = 2.0**-74
"""Derived: 2^-74.8."""

EXPM1_BOUND: Final = 2.0**-73
"""Also that of tanh, sinh and cosh. Derived: 2^-73.1."""

EXP_ERROR: Final = 16.0 * EXP_BOUND
EXPM1_ERROR: Final = 16.0 * EXPM1_BOUND


def split_by_ln_2(x: float) -> tuple[float, float, float]:
    """Return n + 3·2^51, and r as a pair; |x| ≤ 745."""
    shifted = fma(x, INVERSE_LN_2, SHIFT)
    n = shifted - SHIFT
    r, r_low = two_sum(fma(-n, LN_2_A, x), -n * LN_2_B)
    return shifted, r, fma(-n, LN_2_C, r_low)


def expm1_near_0(r: float, r_low: float) -> Pair:
    """Return e^r - 1 for |r| ≤ R."""
    y, y_low = series(r, r_low, EXP_EVEN, EXP_ODD, EXP_LAST, EXP_PAIRS)
    return product(r, r_low, y, y_low)


def expm1_pair(x: float) -> Pair:
    """Return e^x - 1 for x from -40 to 709.

    2^n - 1 takes more than 53 bits if |n| > 53, and is a pair.
    """
    shifted, r, r_low = split_by_ln_2(x)
    p, p_low = expm1_near_0(r, r_low)
    power = two_to(shifted)
    whole, whole_low = two_sum(power, -1.0)
    s, s_low = two_sum(whole, power * p)
    return fast_two_sum(s, fma(power, p_low, s_low + whole_low))


def exp_pair(x: float) -> tuple[float, float, float]:
    """Return n + 3·2^51, and e^x/2^n as a pair, for x from -708 to 709."""
    shifted, r, r_low = split_by_ln_2(x)
    p, p_low = expm1_near_0(r, r_low)
    s, s_low = fast_two_sum(1.0, p)
    return shifted, s, s_low + p_low


def tanh_pair(x: float) -> Pair:
    """Return the hyperbolic tangent of x from 0 to 20."""
    a, a_low = expm1_pair(x + x)
    d, d_low = two_sum(2.0, a)
    return quotient(a, a_low, d, d_low + a_low)


def sinh_pair(x: float) -> Pair:
    """Return the hyperbolic sine of x from 0 to 708."""
    a, a_low = expm1_pair(x)
    d, d_low = two_sum(1.0, a)
    q, q_low = quotient(a, a_low, d, d_low + a_low)
    h, h_low = fast_two_sum(a, q)
    return 0.5 * h, 0.5 * (h_low + (a_low + q_low))


def cosh_pair(x: float) -> Pair:
    """Return the hyperbolic cosine of x from 0 to 708."""
    a, a_low = expm1_pair(x)
    d, d_low = two_sum(1.0, a)
    e, e_low = fast_two_sum(d, d_low + a_low)
    q, q_low = quotient(1.0, 0.0, e, e_low)
    h, h_low = fast_two_sum(e, q)
    return 0.5 * h, 0.5 * (h_low + (e_low + q_low))


def fast_exp(x: float) -> Result:
    """Return e^x.

    From -708 to 709 the result is normal, and multiplying by 2^n exact. From 709.79 on it is above
    2^1024, and below -745.14 it is less than 2^-1075, half the smallest double.
    """
    is_inside = x > -708.0 and x < 709.0
    shifted, s, s_low = exp_pair(x if is_inside else 1.0)
    y, is_certain = rounds(s, s_low, EXP_ERROR)
    beyond = INF if x > 709.79 else 0.0 if x < -745.14 else x
    is_beyond = x > 709.79 or x < -745.14 or x != x
    return y * two_to(shifted) if is_inside else beyond, (is_inside and is_certain) or is_beyond


def fast_expm1(x: float) -> Result:
    """Return e^x - 1; below -40, e^x is less than 2^-57, and the result rounds to -1."""
    is_inside = abs(x) > TINY and x > -40.0 and x < 709.0
    s, s_low = expm1_pair(x if is_inside else 1.0)
    y, is_certain = rounds(s, s_low, EXPM1_ERROR)
    beyond = INF if x > 709.79 else -1.0 if x <= -40.0 else x
    is_beyond = x > 709.79 or x <= -40.0 or abs(x) <= TINY or x != x
    return y if is_inside else beyond, (is_inside and is_certain) or is_beyond


def fast_tanh(x: float) -> Result:
    """Return the hyperbolic tangent of x; from 20 on it is within 2^-56 of 1."""
    size = abs(x)
    is_inside = size > SMALL and size < 20.0
    s, s_low = tanh_pair(size if is_inside else 1.0)
    y, is_certain = rounds(s, s_low, EXPM1_ERROR)
    beyond = 1.0 if size >= 20.0 else size
    return with_sign(y if is_inside else beyond, x), is_certain or not is_inside


def fast_sinh(x: float) -> Result:
    """Return the hyperbolic sine of x; from 711 on it is above 2^1024."""
    size = abs(x)
    is_inside = size > SMALL and size < 708.0
    s, s_low = sinh_pair(size if is_inside else 1.0)
    y, is_certain = rounds(s, s_low, EXPM1_ERROR)
    beyond = INF if size > 711.0 else size
    is_beyond = size <= SMALL or size > 711.0 or x != x
    return with_sign(y if is_inside else beyond, x), (is_inside and is_certain) or is_beyond


def fast_cosh(x: float) -> Result:
    """Return the hyperbolic cosine of x; from 711 on it is above 2^1024."""
    size = abs(x)
    is_inside = size < 708.0
    s, s_low = cosh_pair(size if is_inside else 1.0)
    y, is_certain = rounds(s, s_low, EXPM1_ERROR)
    is_beyond = size > 711.0 or x != x
    beyond = INF if size > 711.0 else x
    return y if is_inside else beyond, (is_inside and is_certain) or is_beyond
