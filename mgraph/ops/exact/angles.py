"""asin, acos, atan and atan2, which are computed from the angle of a point with whole coordinates.

The tangent, the sine and the cosine of a rational angle other than 0 are transcendental
(Lindemann), so an angle whose tangent, sine or cosine is rational is neither a double nor halfway
between two, unless it is 0, and `settle` ends.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Final

from mgraph.ops.exact.constants import arc_tangents, pi
from mgraph.ops.exact.rounding import parts, precision, settle

if TYPE_CHECKING:
    from mgraph.ops.exact.rounding import Bounded

BOUND: Final = 5.1
"""What `angle` can be off: 4.1, and 1 for points that are wrong by as much, see `_leg`."""

ERROR: Final = 128


@cache
def _tables(q: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return arc tangents of i/128, and ±1/k for odd k, beginning with the last.

    The first one left out has z^(k - 1) < 2^-q.
    """
    odd = range(1, 2 * (-(-q // 16)), 2)
    return arc_tangents(q), tuple((1 << q) // (-k if k & 2 else k) for k in odd)[::-1]


def angle(p: int, y: int, x: int) -> Bounded:
    """Return the angle of the point (x, y), y ≥ 0, with p bits of it; it is not 0.

    a/b ≤ 1 is its tangent or cotangent, and i/128 the nearest point of the table: atan(a/b) is
    atan(i/128) + atan z with z = (128a - ib)/(128b + ia), |z| ≤ 1/256. A small angle costs as many
    bits as it is small.

    Errors, in units of 2^-q: z: 1. w = z·z: 2/256 + 1. Each step of Horner's rule, where sums are
    below 0.34 before the last: 0.34·1.01 + 1, and 1 for the coefficient; with what is left out,
    below 1, and 2^-16 of the error before: 3.4. Times z: 3.4/256 + 1 + 1 < 2.02. The table: 1.01.
    π or π/2: 1.01. In all 4.1.
    """
    a, b = sorted((y, abs(x)))
    q = precision(p + 2 + (b.bit_length() - a.bit_length() if 0 < y < x else 0))
    i = ((a << 8) + b) // (2 * b)
    z = (((a << 7) - i * b) << q) // ((b << 7) + i * a)
    w = z * z >> q
    table, coefficients = _tables(q)
    s = 0
    for c in coefficients:
        s = (s * w >> q) + c
    turn = table[i] + (z * s >> q)
    if y > abs(x):
        turn = pi(q - 1) - turn
    return turn if x >= 0 else pi(q) - turn, -q, ERROR


def _point(y: float, x: float) -> tuple[int, int]:
    """Return whole coordinates in the direction of (x, y); neither is zero."""
    (m, e), (n, f) = parts(y), parts(x)
    return (m << (e - f), n) if e >= f else (m, n << (f - e))


def _atan(p: int, y: float, x: float) -> Bounded:
    return angle(p, *_point(y, x))


def atan(x: float) -> float:
    """Arc tangent, in radians.

    Where |x| ≤ 2^-27, it differs from x by less than |x|³/3 < |x|·2^-55.
    """
    if x != x or -(2**-27) <= x <= 2**-27:
        return x
    if abs(x) == math.inf:
        return math.copysign(math.pi / 2, x)
    return math.copysign(settle(_atan, abs(x), 1.0), x)


def atan2(y: float, x: float) -> float:
    """Angle of the point (x, y), in radians, as C's atan2 (C17, annex F.10.1.4)."""
    if x != x or y != y:
        return math.nan
    return math.copysign(_angle(abs(y), x), y)


def _angle(y: float, x: float) -> float:
    """Return the angle of the point (x, y), y ≥ 0."""
    if y == math.inf or abs(x) == math.inf:
        y, x = float(y == math.inf), math.copysign(float(abs(x) == math.inf), x)
    if y == 0.0:
        return settle(angle, 0, -1) if math.copysign(1.0, x) < 0.0 else 0.0
    if x == 0.0:
        return settle(angle, 1, 0)
    a, b = _point(y, x)
    return _tiny_angle(a, b) if a << 54 < b else settle(angle, a, b)


def _tiny_angle(a: int, b: int) -> float:
    """Return the angle whose tangent is a/b < 2^-54, where a and b are doubles.

    It is between t·(1 - t²/3) and t = a/b, so less than t by a part of it below 2^-109. A double,
    or a middle between two, is c·2^j with c ≤ 2^54. If t is not equal to it, the two differ by at
    least a part of 2^-107: written as integers over one power of two, c·b' and a' (where b' < 2^53
    and a' are the odd parts) differ by 1 at least, and the smaller is below 2^107. So none lies
    between t·(1 - 2^-109) and t, and the angle rounds as t·(1 - 2^-110) does.
    """
    return ((a << 110) - a) / (b << 110)


def _asin(p: int, x: float) -> Bounded:
    """Compute the angle of (√(1 - x²), x)."""
    m, e = parts(x)
    return angle(p, m << p + 64, _leg(p, m, e))


def _acos(p: int, x: float) -> Bounded:
    """Compute the angle of (x, √(1 - x²))."""
    m, e = parts(x)
    return angle(p, _leg(p, m, e), m << p + 64)


def _leg(p: int, m: int, e: int) -> int:
    """Return √(1 - x²), where x = m·2^e, in the unit in which x is m·2^(p + 64).

    It is rounded down, which turns the point by at most 1 over its distance from the origin,
    2^(p + 64 - e): less than one unit, since q < p + 64: angles are 2^-27 at least.
    """
    return math.isqrt(((1 << -2 * e) - m * m) << 2 * (p + 64))


def asin(x: float) -> float:
    """Arc sine, in radians; NaN outside of -1 to 1.

    Where |x| ≤ 2^-26, it differs from x by less than |x|³/5.9 < |x|·2^-54.5.
    """
    if -(2**-26) <= x <= 2**-26:
        return x
    return math.copysign(settle(_asin, abs(x)), x) if abs(x) <= 1.0 else math.nan


def acos(x: float) -> float:
    """Arc cosine, in radians; NaN outside of -1 to 1."""
    return 0.0 if x == 1.0 else settle(_acos, x) if abs(x) <= 1.0 else math.nan
