"""pow, as e^(b·ln a).

Results that are doubles, or halfway between two, are found beforehand (`_rational`), so that
`settle` ends.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from mgraph.ops.exact.exponential import scaled
from mgraph.ops.exact.logarithm import log_of
from mgraph.ops.exact.rounding import nearest, parts, precision, settle, shift

if TYPE_CHECKING:
    from mgraph.ops.exact.rounding import Bounded

BOUND: Final = 23.8
"""What `_pow` can be off."""

ERROR: Final = 512

_SIMPLE: Final = (2.0, 1.0, -1.0)


def power(a: float, b: float) -> float:
    """Raise a to the power b as C's pow does (C17, annex F.10.4.4)."""
    if b == 0.0 or a == 1.0:
        return 1.0
    if a != a or b != b:
        return math.nan
    if abs(b) == math.inf or a == 0.0 or abs(a) == math.inf:
        return _limit(a, b)
    if a > 0.0:
        return _positive(a, b)
    if b != math.floor(b):
        return math.nan
    return math.copysign(_positive(-a, b), -1.0 if _odd(b) else 1.0)


def _limit(a: float, b: float) -> float:
    """Return a^b where a is 0 or infinite, or b infinite."""
    if abs(a) == 1.0:
        return 1.0
    size = math.inf if (abs(a) > 1.0) == (b > 0.0) else 0.0
    return -size if math.copysign(1.0, a) < 0.0 and _odd(b) else size


def _odd(b: float) -> bool:
    return math.isfinite(b) and math.fmod(b, 2.0) in (1.0, -1.0)


def _positive(a: float, b: float) -> float:
    """Return a^b for finite a > 0 and b ≠ 0.

    |ln a| is at least 2^-54 and below 745. So if |b| ≥ 2^64, the result is above e^1024 or below
    e^-1024; if |b| ≤ 2^-64, |b·ln a| < 2^-54, and it is nearer to 1 than to a middle, as in `exp`.
    Small whole powers, which derivatives need often, are operations that IEEE 754 rounds correctly.
    """
    if b in _SIMPLE:
        return a if b == 1.0 else a * a if b == 2.0 else 1.0 / a
    if a == 1.0 or abs(b) <= 2**-64:
        return 1.0
    if abs(b) >= 2.0**64:
        return math.inf if (a > 1.0) == (b > 0.0) else 0.0
    known = _rational(*parts(a), *parts(b))
    return settle(_pow, a, b) if known is None else nearest(*known)


def _rational(m: int, e: int, n: int, f: int) -> tuple[int, int] | None:
    """Return (m·2^e)^(n·2^f), not of 1, as (v, g) = v·2^g if it may be a double or a middle.

    Both of these are v·2^g with odd v < 2^54. Take m and n as odd. Where f < 0, raise both sides of
    (m·2^e)^(n·2^f) = v·2^g to the power 2^-f: since n is odd, each prime's exponent in m·2^e is a
    multiple of 2^-f, so m·2^e has whole square roots, -f of them one after the other. After that
    the exponent is whole. If it is negative, m has to be 1. If it is positive, v is m to this
    power, and so below 2^54 if it is to be a double or a middle.
    """
    m, e = _odd_part(m, e)
    n, f = _odd_part(n, f)
    while f < 0:
        root = math.isqrt(m)
        if e & 1 or root * root != m:
            return None
        m, e, f = root, e >> 1, f + 1
    if m == 1:
        return 1, max(-1200, min(1200, e * (n << f)))
    if n < 0 or n << f > 34:  # 3^35 > 2^54
        return None
    v = m ** (n << f)
    return (v, e * (n << f)) if v < 1 << 54 else None


def _odd_part(m: int, e: int) -> tuple[int, int]:
    zeros = (m & -m).bit_length() - 1
    return m >> zeros, e + zeros


def _pow(p: int, a: float, b: float) -> Bounded:
    """Compute e^(b·ln a), for |b| < 2^64.

    ln a has as many more bits as b has before the point: b·ln a is wrong by the 5.6 units of
    `log_of`, and 1 for rounding down, so e^(b·ln a) by 2.04·6.6 + 10.3 < 23.8 (`scaled`). Beyond
    ±1050, the result overflows or is 0.
    """
    q = precision(p)
    m, e = parts(b)
    n, f, _ = log_of(q + max(0, e + 53), *parts(a))
    t = shift(n * m, f + e + q)
    if abs(t) >> q >= 1050:
        return 1, 1100 if t > 0 else -1200, 0
    n, k = scaled(t, q)
    return n, k - q, ERROR
