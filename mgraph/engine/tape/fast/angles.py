"""atan, asin, acos and atan2, as angles of points.

For w from 0 to 1, atan w = atan c + atan v with c the nearest of 0, 1/8, …, 1 and
v = (w - c)/(1 + c·w), |v| ≤ 1/16. atan v = v·Y, Y = 1 - z/3 + z²/5 - …, which is at least 0.99;
z = v² ≤ Z = 0.00391.

w is the smaller coordinate of the point by the larger one, as a pair; it can be above 1 by its
error. w - c is exact (Sterbenz, if c is not 0). The series is off by E, computed as in
`pairs.series`.

- If c = 0, the angle is v·Y: E/0.99, relatively.
- Otherwise |atan v| < 0.0625 and atan c > 0.124, so atan w is at least 0.0618, and 1.03·E. The
  error of w, below 2^-91, is 2^-87 of that.
- π/2 - atan w is at least π/4, π - atan w at least 3π/4, π/2 + atan w at least π/2; atan w is at
  most 0.786, so that errors don't grow. The constants, as pairs, are off by 2^-106.

**asin and acos** are angles of (√(1 - x²), x), where 1 - x² is the product of 1 - x and 1 + x, both
exact as pairs. Relatively, an angle changes by sin·cos/angle ≤ 1 times the change of its tangent.

Operations with pairs add 2^-84 in all; tables are as exact as pairs of doubles, 2^-106.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from mgraph.engine.tape.fast.pairs import (
    NAN,
    SHIFT,
    SMALL,
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
    square_root,
    two_sum,
    with_sign,
)
from mgraph.engine.tape.fast.trigonometry import HALF_PI
from mgraph.ops.exact.constants import arc_tangents

HALF_PI_HIGH, HALF_PI_LOW = parts_of(HALF_PI, 53, 53)
PI_HIGH, PI_LOW = 2.0 * HALF_PI_HIGH, 2.0 * HALF_PI_LOW

ATAN_COEFFICIENTS: Final = [Fraction((-1) ** k, 2 * k + 1) for k in range(9)]
ATAN_PAIRS: Final = pairs_of(ATAN_COEFFICIENTS[:3])
ATAN_LAST: Final = float(ATAN_COEFFICIENTS[3])
ATAN_EVEN: Final = doubles_of(ATAN_COEFFICIENTS[4::2])
ATAN_ODD: Final = doubles_of(ATAN_COEFFICIENTS[5::2])
ATAN_TABLE: Final = tuple(
    (i / 8.0, *parts_of(Fraction(arc_tangents(256)[16 * i], 2**256), 53, 53)) for i in range(1, 9)
)

ATAN_BOUND: Final = 2.0**-75
"""Also that of the others. Derived: 2^-75.9."""

ATAN_ERROR: Final = 16.0 * ATAN_BOUND

ATAN_LARGEST: Final = 2.0**1000
"""From here on, the arc tangent is π/2 to within 2^-1000."""

FARTHEST, NEAREST = 2.0**400, 2.0**-400
"""Between these, quotients of coordinates are far from over- and underflow."""


def arc_tangent(w: float, w_low: float) -> Pair:
    """Return the arc tangent of w from 0 to 1."""
    near = (8.0 * w + SHIFT) - SHIFT
    c, t, t_low = 0.0, 0.0, 0.0
    for corner, angle, angle_low in ATAN_TABLE:
        is_beyond = near >= 8.0 * corner
        c, t, t_low = (
            corner if is_beyond else c, angle if is_beyond else t, angle_low if is_beyond else t_low
        )  # fmt: skip
    a, a_low = two_sum(w - c, w_low)
    p, p_low = product(c, 0.0, w, w_low)
    b, b_low = fast_two_sum(1.0, p)
    v, v_low = quotient(a, a_low, b, b_low + p_low)
    z, z_low = product(v, v_low, v, v_low)
    y, y_low = series(z, z_low, ATAN_EVEN, ATAN_ODD, ATAN_LAST, ATAN_PAIRS)
    u, u_low = product(v, v_low, y, y_low)
    s, s_low = fast_two_sum(t, u)
    return fast_two_sum(s, s_low + (u_low + t_low))


def angle_of(y: float, y_low: float, x: float, x_low: float, sign: float) -> Pair:
    """Return the angle of (x, y), neither negative; or of (-x, y) if `sign` is below 0."""
    is_steep, is_left = y > x, sign < 0.0
    a, a_low = x if is_steep else y, x_low if is_steep else y_low
    b, b_low = y if is_steep else x, y_low if is_steep else x_low
    w, w_low = quotient(a, a_low, b, b_low)
    w, w_low = fast_two_sum(w, w_low)
    t, t_low = arc_tangent(w, w_low)
    base = HALF_PI_HIGH if is_steep else PI_HIGH if is_left else 0.0
    base_low = HALF_PI_LOW if is_steep else PI_LOW if is_left else 0.0
    is_minus = (is_steep and not is_left) or (is_left and not is_steep)
    s, s_low = fast_two_sum(base, -t if is_minus else t)
    return s, s_low + (base_low + (-t_low if is_minus else t_low))


def fast_atan(x: float) -> Result:
    """Return the arc tangent of x."""
    size = abs(x)
    is_inside = size > SMALL
    inner = ATAN_LARGEST if size > ATAN_LARGEST else size
    t, t_low = angle_of(inner if is_inside else 1.0, 0.0, 1.0, 0.0, 1.0)
    y, is_certain = rounds(t, t_low, ATAN_ERROR)
    return with_sign(y if is_inside else size, x), is_certain or not is_inside


def fast_atan2(a: float, b: float) -> Result:
    """Return the angle of the point (b, a); on an axis, a multiple of π/2 with the sign of a."""
    y, x = abs(a), abs(b)
    is_inside = y > NEAREST and y < FARTHEST and x > NEAREST and x < FARTHEST
    t, t_low = angle_of(y if is_inside else 1.0, 0.0, x if is_inside else 1.0, 0.0, b)
    t, is_certain = rounds(t, t_low, ATAN_ERROR)
    is_nan = a != a or b != b
    is_beyond = a == 0.0 or b == 0.0 or is_nan
    flat = PI_HIGH if with_sign(1.0, b) < 0.0 else 0.0
    beyond = NAN if is_nan else flat if a == 0.0 else HALF_PI_HIGH
    return with_sign(t if is_inside else beyond, a), (is_inside and is_certain) or is_beyond


def other_side(x: float) -> Pair:
    """Return √(1 - x²) for x from 0 to 1, not 1 itself.

    s is √p, rounded: 1 - x² is s²·(1 + d) with |d| < 2^-45, and √(1 + d) = 1 + d/2 to within d²/8.
    That is 2^-93; computing d/2, with 4 roundings, is off by 2^-96.
    """
    a, a_low = two_sum(1.0, -x)
    b, b_low = two_sum(1.0, x)
    p, p_low = product(a, a_low, b, b_low)
    s = square_root(p)
    return s, (fma(-s, s, p) + p_low) * (0.5 / s)


def asin_pair(x: float) -> Pair:
    """Return the arc sine of x from 0 to 1, not 1 itself."""
    s, s_low = other_side(x)
    return angle_of(x, 0.0, s, s_low, 1.0)


def acos_pair(x: float) -> Pair:
    """Return the arc cosine of x from -1 to 1, neither end itself."""
    size = abs(x)
    s, s_low = other_side(size)
    return angle_of(s, s_low, size, 0.0, x)


def fast_asin(x: float) -> Result:
    """Return the arc sine of x."""
    size = abs(x)
    is_inside = size > SMALL and size < 1.0
    t, t_low = asin_pair(size if is_inside else 0.5)
    y, is_certain = rounds(t, t_low, ATAN_ERROR)
    beyond = NAN if size > 1.0 else HALF_PI_HIGH if size == 1.0 else size
    return with_sign(y if is_inside else beyond, x), is_certain or not is_inside


def fast_acos(x: float) -> Result:
    """Return the arc cosine of x."""
    is_inside = abs(x) < 1.0
    t, t_low = acos_pair(x if is_inside else 0.5)
    y, is_certain = rounds(t, t_low, ATAN_ERROR)
    beyond = 0.0 if x == 1.0 else PI_HIGH if x == -1.0 else NAN
    return y if is_inside else beyond, is_certain or not is_inside
