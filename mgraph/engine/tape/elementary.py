"""exp and tanh for vectors, in the row language: no table, no branch, so all lanes go together.

x is split into n·ln 2 + r with a whole n and |r| ≤ ln 2 / 2; then e^x = 2^n·(1 + p), where p is
e^r - 1 by a polynomial. Adding and taking away 3·2^51 rounds to a whole number, which the sum
shows in its last bits.

Source: Muller, Elementary Functions, 3rd ed., ch. 11; the coefficients are those of the best
polynomial for (e^r - 1 - r)/r², fitted with 300 bits; p is within 5e-19 of e^r - 1, relatively.
"""

from __future__ import annotations

import math
import struct

from mgraph.ops import ieee


def fused(a: float, b: float, c: float) -> float:
    """Return a·b + c; compiled, it is rounded once where the processor can do that."""
    return a * b + c


def two_to(shown: float) -> float:
    """Return 2^n for 3·2^51 + n, of which the last bits are n; n from -1022 to 1023."""
    bits = (struct.unpack("<q", struct.pack("<d", shown))[0] + 1023 << 52) & 0x7FF << 52
    return float(struct.unpack("<d", struct.pack("<q", bits))[0])


def with_sign(a: float, b: float) -> float:
    """Return |a| with the sign of b."""
    return math.copysign(a, b)


PRIMITIVES = ("fused", "two_to", "with_sign")
"""What compiled code has as instructions."""


def vector_exp(x: float) -> float:
    """E to the power x."""
    return exp_within(-746.0 if x < -746.0 else 710.0 if x > 710.0 else x)  # noqa: FURB136, PLR2004 - NaN stays, too


def vector_tanh(x: float) -> float:
    """Hyperbolic tangent: m/(m + 2) for m = e^2|x| - 1, with the sign of x."""
    return with_sign(ratio(minus_1_within(40.0 if abs(x) > 20.0 else abs(x) + abs(x))), x)  # noqa: PLR2004


def ratio(m: float) -> float:
    """M/(m + 2)."""
    return corrected(m, m + 2.0, ieee.div(1.0, m + 2.0))


def corrected(m: float, below: float, inverse: float) -> float:
    """M/(m + 2) from 1/(m + 2), where `below` is m + 2, rounded."""
    return fused(left_over(m, below, m * inverse), inverse, m * inverse)


def left_over(m: float, below: float, q: float) -> float:
    """M - q·(m + 2), exact but for the last rounding; `below` minus 2 is exact, too."""
    return fused(-q, below, m) - q * (m - (below - 2.0))


def exp_within(x: float) -> float:
    """E^x where 2^n may be beyond what a double holds: in two factors that are not."""
    return exp_shown(x, x * 1.4426950408889634 + 6755399441055744.0)


def exp_shown(x: float, shown: float) -> float:
    """E^x, n being shown."""
    return in_halves(power_minus_1(rest(x, shown - 6755399441055744.0)), shown - 6755399441055744.0)


def in_halves(p: float, n: float) -> float:
    """2^n·(1 + p)."""
    return scaled(1.0 + p, n, 0.5 * n + 6755399441055744.0)


def scaled(y: float, n: float, shown: float) -> float:
    """Y·2^n, half of n being shown."""
    return y * two_to(shown) * two_to(n - (shown - 6755399441055744.0) + 6755399441055744.0)


def minus_1_within(x: float) -> float:
    """E^x - 1 for x from 0 to 40."""
    return minus_1_shown(x, x * 1.4426950408889634 + 6755399441055744.0)


def minus_1_shown(x: float, shown: float) -> float:
    """E^x - 1, n being shown: 2^n·p + (2^n - 1)."""
    return minus_1_scaled(power_minus_1(rest(x, shown - 6755399441055744.0)), two_to(shown))


def minus_1_scaled(p: float, power: float) -> float:
    """2^n·p + (2^n - 1)."""
    return fused(power, p, power - 1.0)


def rest(x: float, n: float) -> float:
    """X - n·ln 2, with ln 2 in two parts; n times the first is exact."""
    return fused(-n, 1.90821492927058770002e-10, fused(-n, 6.93147180369123816490e-01, x))


def power_minus_1(r: float) -> float:
    """E^r - 1: r + r²·(½ + r/6 + …)."""
    return fused(r * r, series(r), r)


def series(r: float) -> float:
    """(e^r - 1 - r)/r²."""
    return fused(fused(fused(fused(fused(fused(fused(fused(fused(fused(
        2.0914717341716378e-09, r, 2.5105259538448494e-08), r, 2.755727357010214e-07),
        r, 2.7557255297969643e-06), r, 2.4801587325605324e-05), r, 0.0001984126987490126),
        r, 0.001388888888888373), r, 0.008333333333326112), r, 0.04166666666666667),
        r, 0.1666666666666667), r, 0.5)  # fmt: skip
