"""log and log1p, which are computed from the logarithm of an integer times a power of two.

The logarithm of a rational number other than 1 is transcendental (Lindemann), so it is neither a
double nor halfway between two, and `settle` ends.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Final

from mgraph.ops.exact.constants import ln2, logarithms
from mgraph.ops.exact.rounding import parts, precision, settle

if TYPE_CHECKING:
    from mgraph.ops.exact.rounding import Bounded

BOUND: Final = 5.6
"""What `log_of` can be off."""

ERROR: Final = 128


@cache
def _coefficients(q: int) -> tuple[int, ...]:
    """Return 1/k for odd k, beginning with the last.

    The first one left out has z^(k - 1) < 2^-q.
    """
    return tuple((1 << q) // k for k in range(1, 2 * (-(-q // 17)), 2))[::-1]


@cache
def _tables(q: int) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """Return ln 2 in units of 2^-(q + 12), the logarithms of 1 + i/128, and coefficients."""
    return ln2(q + 12), logarithms(q), _coefficients(q)


def log_of(p: int, n: int, e: int) -> Bounded:
    """Return the logarithm of n·2^e, not 1, with p bits of it; |e + bits of n| < 2000.

    f = n/2^b is in [1, 2), and 1 + i/128 the nearest point of the table, which is within 1/256.
    The logarithm of their quotient is 2·atanh z, |z| ≤ 1/511. Close to 1, this is all there is, and
    costs as many bits as z is small.

    Errors, in units of 2^-q: z: 1. w = z·z: 2/511 + 1. Each step of Horner's rule, where sums are
    below 0.34 before the last: 0.34·1.01 + 1, and 1 for the coefficient; 2^-17 of the error before;
    with what is left out, below 1: 3.4. 2·z·sum: 2·(3.4/511 + 1.01) + 1 < 3.04. The table: 1.01.
    ln 2, at most 2000 times: 2000·1.01/4096 + 1 < 1.5. In all: 5.6.
    """
    b = n.bit_length() - 1
    i = ((n << 8 >> b) - 255) >> 1
    e += b + (i >> 7)  # 1 + 128/128 is 2
    above, below = (n << 7) - ((128 + i) << b), (n << 7) + ((128 + i) << b)
    i &= 127
    if e or i:
        q = precision(p + 10)
        log, table, coefficients = _tables(q)
        whole = table[i] + (e * log >> 12)
    else:
        q = precision(p + below.bit_length() - above.bit_length())
        coefficients, whole = _coefficients(q), 0
    z = (above << q) // below
    w = z * z >> q
    s = 0
    for c in coefficients:
        s = (s * w >> q) + c
    return whole + (z * s >> (q - 1)), -q, ERROR


def _log(p: int, x: float) -> Bounded:
    return log_of(p, *parts(x))


def log(x: float) -> float:
    """Natural logarithm; -inf at 0, NaN below."""
    if not 0.0 < x < math.inf:
        return -math.inf if x == 0.0 else x if x > 0.0 else math.nan
    return 0.0 if x == 1.0 else settle(_log, x)


def _log1p(p: int, x: float) -> Bounded:
    m, e = parts(x)
    return log_of(p, (m << e) + 1, 0) if e >= 0 else log_of(p, m + (1 << -e), e)


def log1p(x: float) -> float:
    """Natural logarithm of 1 + x; -inf at -1, NaN below.

    Where |x| ≤ 2^-54, it differs from x by less than x²/2·(1 + |x|) < |x|·2^-54.
    """
    if not -1.0 < x < math.inf:
        return -math.inf if x == -1.0 else x if x > 0.0 else math.nan
    return x if -(2**-54) <= x <= 2**-54 else settle(_log1p, x)
