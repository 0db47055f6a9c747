"""sin, cos and tan of numbers up to 100,000; larger ones take the slow path.

x = n·π/2 + r with a whole n and |r| ≤ 0.7855. sin r = r·S, S = 1 - z/3! + z²/5! - …, which is at
least 0.9, and cos r = 1 - z/2! + z²/4! - …, at least 0.707; z = r² ≤ Z = 0.6171.

**The reduction.** n is x·2/π, rounded; |n| < 2^16, and 2/π is off by u, so |x·2/π - n| ≤ ½ + 2^-37,
and |r| < π/4 + 2^-36. π/2 = A + B + C + D + 2^-165: A, B and C have 37 bits, so n·A, n·B and n·C
are exact. So is x - n·A: for n ≠ 0, x is a multiple of 2^-53 (|x| > 0.78), n·A is one of 2^-36, and
their difference below 1. B, C and D are below 2^-37, 2^-74 and 2^-111. Two sums are exact, with low
parts below 2^-53; adding these, and n·D, rounds by less than 2^-105 in all. So r is off by 2^-104,
which is 2^-79 of r, at most, because fast paths take it only if |r| > 2^-25. For n = 0 it is x
itself, exactly. `fast_two_sum` makes its pair tight; if its condition fails, |r| is below 2^-50.

- sin r: E/0.9, relatively, with the error E of the series, and 2^-79 as r·cot r ≤ 1.
- cos r: E/0.707, and |r|·tan r·2^-79 < 2^-79.
- tan r: the sum of both.

Operations with pairs add 2^-84. So do all of those of `plus_product`: 0.3 is enough for cos, whose
first step subtracts at most 1 - cos 0.7855 < 0.293 from 1.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

from mgraph.engine.tape.fast.pairs import (
    INF,
    NAN,
    SHIFT,
    SMALL,
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
)
from mgraph.ops.exact.constants import pi

HALF_PI: Final = Fraction(pi(256), 2**257)
INVERSE_HALF_PI: Final = float(1 / HALF_PI)
HALF_PI_A, HALF_PI_B, HALF_PI_C, HALF_PI_D = parts_of(HALF_PI, 37, 37, 37, 53)

SIN_COEFFICIENTS: Final = [Fraction((-1) ** k, math.factorial(2 * k + 1)) for k in range(11)]
SIN_PAIRS: Final = pairs_of(SIN_COEFFICIENTS[:5])
SIN_LAST: Final = float(SIN_COEFFICIENTS[5])
SIN_EVEN: Final = doubles_of(SIN_COEFFICIENTS[6::2])
SIN_ODD: Final = doubles_of(SIN_COEFFICIENTS[7::2])

COS_COEFFICIENTS: Final = [Fraction((-1) ** k, math.factorial(2 * k)) for k in range(11)]
COS_PAIRS: Final = pairs_of(COS_COEFFICIENTS[:5])
COS_LAST: Final = float(COS_COEFFICIENTS[5])
COS_EVEN: Final = doubles_of(COS_COEFFICIENTS[6::2])
COS_ODD: Final = doubles_of(COS_COEFFICIENTS[7::2])

SIN_BOUND: Final = 2.0**-74
"""Also that of cos and tan. Derived: 2^-78.2, 2^-75.0 and 2^-74.9."""

SIN_ERROR: Final = 16.0 * SIN_BOUND

SIN_LARGEST: Final = 100000.0
NEAR_A_ZERO: Final = 2.0**-25


def split_by_half_pi(x: float) -> tuple[float, float, float]:
    """Return n, and r as a pair."""
    n = fma(x, INVERSE_HALF_PI, SHIFT) - SHIFT
    a, a_low = two_sum(fma(-n, HALF_PI_A, x), -n * HALF_PI_B)
    b, b_low = two_sum(a, -n * HALF_PI_C)
    r, r_low = fast_two_sum(b, fma(-n, HALF_PI_D, b_low + a_low))
    return n, r, r_low


def is_odd(n: float) -> bool:
    """Whether a whole number below 2^51 is odd."""
    return n * 0.5 != (n * 0.5 + SHIFT) - SHIFT


def sin_cos(r: float, r_low: float) -> tuple[float, float, float, float]:
    """Return the sine and the cosine of r, as pairs."""
    z, z_low = product(r, r_low, r, r_low)
    s, s_low = series(z, z_low, SIN_EVEN, SIN_ODD, SIN_LAST, SIN_PAIRS)
    s, s_low = product(r, r_low, s, s_low)
    c, c_low = series(z, z_low, COS_EVEN, COS_ODD, COS_LAST, COS_PAIRS)
    return s, s_low, c, c_low


def sin_after(x: float, quarters: float) -> Result:
    """Return the sine of x + quarters·π/2."""
    n, r, r_low = split_by_half_pi(x)
    s, s_low, c, c_low = sin_cos(r, r_low)
    m = n + quarters
    odd = is_odd(m)
    is_negative = is_odd((m - (1.0 if odd else 0.0)) * 0.5)
    h, h_low = c if odd else s, c_low if odd else s_low
    y, is_certain = rounds(h, h_low, SIN_ERROR)
    return -y if is_negative else y, is_certain and (abs(r) > NEAR_A_ZERO or n == 0.0)


def tan_pair(x: float) -> tuple[float, float, float, float]:
    """Return the tangent of x as a pair, n and r."""
    n, r, r_low = split_by_half_pi(x)
    s, s_low, c, c_low = sin_cos(r, r_low)
    odd = is_odd(n)
    a, a_low = -c if odd else s, -c_low if odd else s_low
    b, b_low = s if odd else c, s_low if odd else c_low
    q, q_low = quotient(a, a_low, b, b_low)
    return q, q_low, n, r


def fast_sin(x: float) -> Result:
    """Return the sine of x."""
    size = abs(x)
    is_inside = size > SMALL and size < SIN_LARGEST
    y, is_certain = sin_after(x if is_inside else 1.0, 0.0)
    is_beyond = size <= SMALL or size == INF or x != x
    beyond = x if size <= SMALL else NAN
    return y if is_inside else beyond, (is_inside and is_certain) or is_beyond


def fast_cos(x: float) -> Result:
    """Return the cosine of x."""
    size = abs(x)
    is_inside = size < SIN_LARGEST
    y, is_certain = sin_after(x if is_inside else 1.0, 1.0)
    return y if is_inside else NAN, (is_inside and is_certain) or size == INF or x != x


def fast_tan(x: float) -> Result:
    """Return the tangent of x."""
    size = abs(x)
    is_inside = size > SMALL and size < SIN_LARGEST
    q, q_low, n, r = tan_pair(x if is_inside else 1.0)
    y, is_certain = rounds(q, q_low, SIN_ERROR)
    is_certain = is_inside and is_certain and (abs(r) > NEAR_A_ZERO or n == 0.0)
    is_beyond = size <= SMALL or size == INF or x != x
    beyond = x if size <= SMALL else NAN
    return y if is_inside else beyond, is_certain or is_beyond
