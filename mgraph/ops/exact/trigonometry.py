"""sin, cos and tan.

At a rational argument other than 0 they are transcendental (Lindemann), so neither a double nor
halfway between two, and `settle` ends.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Final

from mgraph.ops.exact.constants import pi, sines
from mgraph.ops.exact.rounding import parts, precision, settle

if TYPE_CHECKING:
    from mgraph.ops.exact.rounding import Bounded

BOUND: Final = 6.4
"""What `_turned` can be off."""

ERROR: Final = 128

TANGENT_BOUND: Final = 10.2
"""What `_tan` can be off, times the square of the cosine."""

TANGENT_ERROR: Final = 192


@cache
def _tables(q: int) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]]:
    """Return sines of the table, and pairs of ±1/(2j + 1)! and ±1/(2j)!, beginning with the last.

    The first pair left out has |r|^2j/(2j)! < 2^-q.
    """
    j, factorial, pairs = 0, 1, []
    while 18 * j + factorial.bit_length() <= q + 1:
        one = -(1 << q) if j & 1 else 1 << q
        pairs.append((one // (factorial * (2 * j + 1)), one // factorial))
        j += 1
        factorial *= (2 * j) * (2 * j - 1)
    return sines(q), tuple(reversed(pairs))


def _reduced(p: int, x: float) -> tuple[int, int, int, int]:
    """Return (j, sin r, cos r, q) with x = r + j·π/1024 and q a working precision.

    π is taken with as many more bits as x has before the point, so that j·π/1024, where |j| is
    below 2^(bits + 9), is wrong by 2^(bits + 9)·1.01/2^(10 + bits + 2) < 0.13 units of 2^-q. x is
    an integer here without rounding, since q ≥ 80 - its exponent. With rounding down, r is wrong
    by 1.13. |r| ≤ π/2048 + 2 units < 1/651.

    w = r·r: 2·1.13/651 + 1 < 1.01. Each step of Horner's rule for the sine, where sums are below
    0.17 before the last: 0.17·1.01 + 1, and 1 for the coefficient; with what is left out, below 1,
    and 2^-18 of the error before: 3.2. Times r: 3.2/651 + 1.13 + 1 < 2.2. For the cosine, with
    sums below 0.51: 0.51·1.01 + 3 < 3.6.
    """
    m, e = parts(x)
    bits = e + 53
    q = precision(p + max(0, 1 - bits))
    wide = precision(q + max(0, bits) + 2)
    period = pi(wide)
    half = period >> 1
    j, rest = divmod((m << (wide + e + 10)) + half, period)
    r = (rest - half) >> (wide - q + 10)
    w = r * r >> q
    s = c = 0
    for a, b in _tables(q)[1]:
        s = (s * w >> q) + a
        c = (c * w >> q) + b
    return j, r * s >> q, c, q


def _turned(j: int, s: int, c: int, q: int) -> int:
    """Return sin(r + j·π/1024) in units of 2^-q.

    sin r is wrong by 2.2 and cos r by 3.6: together by at most √(2.2² + 3.6²) < 4.3. The table:
    1.01·(|sin r| + cos r) < 1.02. Rounding down: 1. In all 6.4.
    """
    table, j = _tables(q)[0], j & 2047
    return (table[j] * c + table[j + 512] * s) >> q


def _sin(p: int, x: float, quarters: int) -> Bounded:
    j, s, c, q = _reduced(p, x)
    return _turned(j + 512 * quarters, s, c, q), -q, ERROR


def sin(x: float) -> float:
    """Sine of x radians; NaN at infinities.

    Where |x| ≤ 2^-26, it differs from x by less than |x|³/6 < |x|·2^-54.5.
    """
    if -(2**-26) <= x <= 2**-26:
        return x
    return settle(_sin, x, 0) if math.isfinite(x) else math.nan


def cos(x: float) -> float:
    """Cosine of x radians; NaN at infinities.

    Where |x| ≤ 2^-27, it differs from 1 by less than 2^-54.
    """
    if -(2**-27) <= x <= 2**-27:
        return 1.0
    return settle(_sin, x, 1) if math.isfinite(x) else math.nan


def _tan(p: int, x: float) -> Bounded:
    """Divide sine by cosine.

    Both are wrong by 6.4 units. The quotient changes by at most 6.4·(|sin| + |cos|)/|cos·cos'|,
    where cos' is the computed one, and |sin| + |cos| ≤ √2: with 1.01 for cos'/cos and 1 for
    rounding down, by less than 9.2/cos'² + 1 units. If cos' is below 1024 units, all that is known
    is that a higher precision is needed.
    """
    j, s, c, q = _reduced(p, x)
    sine, cosine = _turned(j, s, c, q), _turned(j + 512, s, c, q)
    if abs(cosine) < 1024:
        return 0, 0, 1 << 1100
    return (sine << q) // cosine, -q, TANGENT_ERROR * ((1 << 2 * q) // (cosine * cosine) + 1)


def tan(x: float) -> float:
    """Tangent of x radians; NaN at infinities.

    Where |x| ≤ 2^-27, it differs from x by less than |x|³/2.9 < |x|·2^-55.
    """
    if -(2**-27) <= x <= 2**-27:
        return x
    return settle(_tan, x) if math.isfinite(x) else math.nan
