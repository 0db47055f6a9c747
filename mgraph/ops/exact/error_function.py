"""erf.

Nobody has proven that erf x is never rational at a rational x other than 0, as it would be if it
were a double or halfway between two (∫e^(-t²)dt is transcendental there, by Siegel and Shidlovskii,
but it is divided by √π). If it were, `settle` would not end there. No such x is known, and a
number that is not special agrees with a middle in 2000 bits by a chance of 2^-2000.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mgraph.ops.exact.constants import two_over_root_pi
from mgraph.ops.exact.exponential import scaled
from mgraph.ops.exact.rounding import parts, precision, settle, shift

if TYPE_CHECKING:
    from mgraph.ops.exact.rounding import Bounded


def bound(terms: int) -> int:
    """Return what erf can be off after so many terms of the series, as a part of it, in 2^-q."""
    return 54 + (terms + 1) ** 2


def _series(z: int, q: int) -> tuple[int, int]:
    """Return the sum of T_j = (2z)^j/(1·3·5…(2j + 1)), and the number of terms; 0 ≤ z < 36.

    T_j is T_(j-1)·2z/(2j + 1), rounded down once; z is wrong by up to 1 unit. So, in units of 2^-q,
    the error of T_j is that of T_(j-1) times 2z/(2j + 1), plus 2·T_(j-1)/(2j + 1) + 1. Unrolled, it
    is at most the sum over i ≤ j of T_j/z + T_j/T_i. T_j first rise, then fall, so T_i is at least
    the smaller of 1 and T_j, and T_j/T_i ≤ 1 + T_j. And j·T_j/z < T_(j-1). So the errors of all
    terms add up to at most S + Σj·T_j + Σj < S + z·S + J² ≤ 37·S + J², with S the sum, J the
    number of terms. The last is computed as 0, so T_J is below J + 2 units, and later ratios are
    below 1/2 (otherwise J < 2z < 72, and T_J > 2^-72): what is left out is below J + 2 units. In
    all 37·S + (J + 1)² units.
    """
    term = total = 1 << q
    j = 0
    while term:
        j += 1
        term = (term * z >> (q - 1)) // (2 * j + 1)
        total += term
    return total, j


def _erf(p: int, x: float) -> Bounded:
    """Compute x · 2/√π · e^(-x²) · Σ(2x²)^j/(1·3·5…(2j + 1)), for 0 < x < 6 (DLMF 7.6.2).

    x² is wrong by less than 1 unit. e^(-x²) is n·2^(k - q) with n wrong by 12.4 units (`scaled`)
    and at least 0.99, the sum S ≥ 1 by a part of 37 + (J + 1)² units, as above; 2/√π by 1.01. As
    parts of the product: 12.4/0.99 + 37 + (J + 1)² + 1.01/1.12, and rounding down twice, by 1 of
    at least 0.99 each: in all less than 54 + (J + 1)² units.
    """
    q = precision(p + 24)
    m, e = parts(x)
    z = shift(m * m, q + 2 * e)
    n, k = scaled(-z, q)
    total, terms = _series(z, q)
    factor = (n * total >> q) * two_over_root_pi(q) >> q
    error = (factor * 32 * bound(terms) >> q) + 1
    return factor * m, k - q + e, error * m


def erf(x: float) -> float:
    """Error function: 2/√π times the integral of e^(-t²) from 0 to x.

    From 6 on, it differs from 1 by less than e^(-36)/(6·√π) < 2^-55.
    """
    if x != x or x == 0.0:
        return x
    return math.copysign(1.0 if abs(x) >= 6.0 else settle(_erf, abs(x)), x)
