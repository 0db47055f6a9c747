"""exp, expm1, sinh, cosh and tanh, which are computed from e^x.

None of them has a result that is a double or halfway between two, except at 0: e^x is
transcendental for every rational x other than 0 (Lindemann), and the others would make e^x or e^2x
algebraic if they were rational. So `settle` ends.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Final

from mgraph.ops.exact.constants import ln2, powers_of_two
from mgraph.ops.exact.rounding import parts, precision, settle, shift

if TYPE_CHECKING:
    from mgraph.ops.exact.rounding import Bounded

BOUND: Final = 13.4
"""What `_expm1` can be off, and `scaled`, if its argument is wrong by a unit."""

ERROR: Final = 256

HYPERBOLIC_BOUND: Final = 28.1
"""What `_sum` and `_tanh` can be off."""

HYPERBOLIC_ERROR: Final = 512


@cache
def _tables(q: int) -> tuple[int, int, tuple[int, ...], tuple[int, ...]]:
    """Return ln 2 in units of 2^-(q + 20), its half, coefficients 1/k! and powers of two.

    The coefficients begin with the last; the first one left out has |r|^k/k! < 2^-q.
    """
    k, factorial, coefficients = 0, 1, []
    while 9 * k + factorial.bit_length() <= q + 1:
        coefficients.append((1 << q) // factorial)
        k += 1
        factorial *= k
    log = ln2(q + 20)
    return log, log >> 1, tuple(reversed(coefficients)), powers_of_two(q)


def scaled(t: int, q: int) -> tuple[int, int]:
    """Return (n, k) with e^x = n·2^(k - q), where x = t·2^-q and |x| < 1100.

    x = r + j·ln 2/256, e^x = e^r · 2^(i/256) · 2^k, where j = 256·k + i.

    Errors, in units of 2^-q, if x is wrong by up to d units itself:

    - j is below 2^19, so j·ln 2/256 is wrong by 2^19·1.01/2^28 < 0.01; r also by d, and by 1 for
      rounding down: in all d + 1.01. |r| ≤ ln 2/512 + 2 units < 1/700.
    - Each step of Horner's rule: s·r with |s| < 1.01, so 1.01·(d + 1.01); 1 for rounding down, 1
      for the coefficient; 1/700 of the error before. So (1.01·d + 3.03)·700/699 < 1.02·d + 3.05.
    - What is left out of the series is below 1.01. In all 1.02·d + 4.1.
    - The power of two is below 2, and wrong by 1.01: 2·(1.02·d + 4.1) + 1.01·1.01 + 1, so less
      than 2.04·d + 10.3. For d = 1: 12.4.
    """
    log, half, coefficients, powers = _tables(q)
    j, rest = divmod((t << 28) + half, log)
    r = (rest - half) >> 28
    s = 0
    for c in coefficients:
        s = (s * r >> q) + c
    return s * powers[j & 255] >> q, j >> 8


def _exp(p: int, x: float) -> Bounded:
    q = precision(p)
    m, e = parts(x)
    n, k = scaled(shift(m, q + e), q)
    return n, k - q, ERROR


def exp(x: float) -> float:
    """Raise e to the power x.

    Above 709.79, it is above 2^1024; below -745.14, below 2^-1075. Where |x| ≤ 2^-54, it is between
    1 - 2^-54 and 1 + 2^-53, the middles between 1 and its neighbours.
    """
    if x != x or x > 709.79:
        return x if x != x else math.inf
    if x < -745.14:
        return 0.0
    return 1.0 if -(2**-54) <= x <= 2**-54 else settle(_exp, x)


def _expm1(p: int, x: float) -> Bounded:
    """Subtract 1 from e^x: |e^x - 1| > |x|/2 says how many bits that costs.

    1 is exact in units of 2^(k - q) unless k > q, when it is left out: 12.4 + 1 units.
    """
    m, e = parts(x)
    q = precision(p + max(0, -52 - e))
    n, k = scaled(shift(m, q + e), q)
    return n - shift(1, q - k), k - q, ERROR


def expm1(x: float) -> float:
    """Raise e to the power x, and subtract 1.

    Below -37.5, it is between -1 and -1 + 2^-54. Where |x| ≤ 2^-54, it differs from x by less
    than x²/2·(1 + |x|) < |x|·2^-54, so it rounds to x.
    """
    if x != x or x > 709.79:
        return x if x != x else math.inf
    if x < -37.5:
        return -1.0
    return x if -(2**-54) <= x <= 2**-54 else settle(_expm1, x)


def _sum(p: int, x: float, sign: int) -> Bounded:
    """Compute (e^x + sign·e^-x)/2, for x > 0.

    n is wrong by 12.4 units of 2^(k - q), and at least 0.99·2^q, so 1/n is wrong by less than
    12.4/0.98 + 1 < 13.7 units of 2^(-k - q), and k ≥ 0: with 1 for rounding down, 27.1 units.
    """
    m, e = parts(x)
    q = precision(p + max(0, -52 - e))
    n, k = scaled(shift(m, q + e), q)
    return n + sign * ((1 << 2 * q) // n >> 2 * k), k - q - 1, HYPERBOLIC_ERROR


def sinh(x: float) -> float:
    """Hyperbolic sine.

    Where |x| ≤ 2^-26, it differs from x by less than |x|³/5.9 < |x|·2^-54.5.
    """
    if x != x or -(2**-26) <= x <= 2**-26:
        return x
    return math.copysign(math.inf if abs(x) > 711.0 else settle(_sum, abs(x), -1), x)


def cosh(x: float) -> float:
    """Hyperbolic cosine.

    Where |x| ≤ 2^-27, it is between 1 and 1 + 2^-54.
    """
    if x != x or abs(x) > 711.0:
        return x if x != x else math.inf
    return 1.0 if -(2**-27) <= x <= 2**-27 else settle(_sum, abs(x), 1)


def _tanh(p: int, x: float) -> Bounded:
    """Compute (1 - u)/(1 + u) with u = e^-2x, for x > 0; it is at least x/2 if x < 1.

    u is wrong by 12.4 units, and 1 for rounding down: 13.4. The quotient changes by at most
    2/(1 + u)² times that, so by 2·13.4·1.01, and 1 for rounding down: 28.1 units.
    """
    m, e = parts(x)
    q = precision(p + max(0, -52 - e))
    n, k = scaled(-shift(m, q + e + 1), q)
    u, one = n >> -k, 1 << q
    return ((one - u) << q) // (one + u), -q, HYPERBOLIC_ERROR


def tanh(x: float) -> float:
    """Hyperbolic tangent.

    Where |x| ≤ 2^-27, it differs from x by less than |x|³/3 < |x|·2^-55; above 19.1, from 1 by
    less than 2^-54.
    """
    if x != x or -(2**-27) <= x <= 2**-27:
        return x
    return math.copysign(1.0 if abs(x) > 19.1 else settle(_tanh, abs(x)), x)
