"""log and log1p.

The argument is 2^e·(1 + f) with 1 + f from √½ to √2, both rounded. ln(1 + f) = 2s·Y with s = f/(2 +
f) and Y = 1 + z/3 + z²/5 + … ≥ 1, z = s² ≤ Z = 0.02944: |s| ≤ (√2 - 1)/(√2 + 1) = 0.17158.

f is exact: for log it is 1 + f less 1, both from ½ to 2 (Sterbenz). For log1p, 1 + x is exactly
u + u_low, and f exactly the sum of two doubles; scaling by 2^-e is exact, as u_low is a multiple of
2^-107, and a whole number if u ≥ 2^54.

The series is off by E, computed as in `pairs.series`.

- If e = 0, the result is 2s·Y: E, relatively, and 2^-84 for operations with pairs. It is f·(1 - …),
  and so as exact for small f; for log1p, f is x then.
- Otherwise |ln(1 + f)| ≤ 0.3466, and the result is at least ln 2 - 0.3466 > 0.3465, so 1.001·E. e·A
  is exact: A has 42 bits of ln 2, e has 11. The rest of ln 2, below 2^-43, is off by 2^-97, and
  adding it rounds by 2^-53·2^-42·|e|; the result is at least |e|·0.3465. So 2^-92 more.

The low part of the result is at most 2^-41 of it.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Final

from mgraph.engine.tape.fast.exponential import LN_2, LN_2_A
from mgraph.engine.tape.fast.pairs import (
    INF,
    NAN,
    SHIFT,
    SMALLEST_NORMAL,
    TINY,
    Pair,
    Pairs,
    Result,
    Table,
    doubles_of,
    exponent,
    fast_two_sum,
    fma,
    pairs_of,
    product,
    quotient,
    rounds,
    series,
    significand,
    two_sum,
    two_to,
)

LN_2_REST: Final = float(LN_2 - Fraction(LN_2_A))
ROOT_2: Final = math.sqrt(2.0)
LOG_LARGEST: Final = 2.0**1000
"""Beyond this, log1p would scale by a subnormal number."""

LOG_COEFFICIENTS: Final = [Fraction(1, 2 * k + 1) for k in range(14)]
LOG_PAIRS: Final = pairs_of(LOG_COEFFICIENTS[:4])
LOG_LAST: Final = float(LOG_COEFFICIENTS[4])
LOG_EVEN: Final = doubles_of(LOG_COEFFICIENTS[5::2])
LOG_ODD: Final = doubles_of(LOG_COEFFICIENTS[6::2])

LOG_BOUND: Final = 2.0**-74
"""Derived: 2^-74.5."""

LOG_ERROR: Final = 16.0 * LOG_BOUND


def log_of_product(
    f: float, f_low: float, e: float, even: Table, odd: Table, c: float, pairs: Pairs
) -> Pair:
    """Return ln(1 + f) + e·ln 2."""
    d, d_low = fast_two_sum(2.0, f)
    s, s_low = quotient(f, f_low, d, d_low + f_low)
    z, z_low = product(s, s_low, s, s_low)
    y, y_low = series(z, z_low, even, odd, c, pairs)
    m, m_low = product(s + s, s_low + s_low, y, y_low)
    h, h_low = two_sum(e * LN_2_A, m)
    return h, h_low + fma(e, LN_2_REST, m_low)


def log_pair(x: float, even: Table, odd: Table, c: float, pairs: Pairs) -> Pair:
    """Return the natural logarithm of a normal x > 0."""
    m, e = significand(x), exponent(x)
    is_large = m > ROOT_2
    f = (0.5 * m if is_large else m) - 1.0
    return log_of_product(f, 0.0, e + 1.0 if is_large else e, even, odd, c, pairs)


def log1p_pair(x: float) -> Pair:
    """Return the natural logarithm of 1 + x for x from -1 to 2^1000, not -1 itself."""
    u, u_low = two_sum(1.0, x)
    m, e = significand(u), exponent(u)
    m_low = u_low * two_to(SHIFT - e)
    is_large = m > ROOT_2
    f, f_low = two_sum((0.5 * m if is_large else m) - 1.0, 0.5 * m_low if is_large else m_low)
    return log_of_product(
        f, f_low, e + 1.0 if is_large else e, LOG_EVEN, LOG_ODD, LOG_LAST, LOG_PAIRS
    )


def fast_log(x: float) -> Result:
    """Return the natural logarithm of x."""
    is_inside = x >= SMALLEST_NORMAL and x < INF
    h, h_low = log_pair(x if is_inside else 1.0, LOG_EVEN, LOG_ODD, LOG_LAST, LOG_PAIRS)
    y, is_certain = rounds(h, h_low, LOG_ERROR)
    beyond = -INF if x == 0.0 else NAN if x < 0.0 else x
    is_beyond = x <= 0.0 or x == INF or x != x
    return y if is_inside else beyond, (is_inside and is_certain) or is_beyond


def fast_log1p(x: float) -> Result:
    """Return the natural logarithm of 1 + x."""
    is_inside = x > -1.0 and x < LOG_LARGEST and abs(x) > TINY
    h, h_low = log1p_pair(x if is_inside else 1.0)
    y, is_certain = rounds(h, h_low, LOG_ERROR)
    beyond = -INF if x == -1.0 else NAN if x < -1.0 else x
    is_beyond = x <= -1.0 or x == INF or abs(x) <= TINY or x != x
    return y if is_inside else beyond, (is_inside and is_certain) or is_beyond
