"""exp and tanh of vectors, without tables or branches, so that all lanes are computed together.

The functions are helpers of kernels: each only returns an expression. Where other code would assign
a variable, they pass an argument on to another function.

x is split into n·ln 2 + r with a whole n and |r| ≤ ln 2 / 2. Then e^x = 2^n·(1 + p), where p is
e^r - 1, from a polynomial. Adding 3·2^51 rounds x/ln 2 to the whole number n: the last bits of the
sum are n, and subtracting 3·2^51 again leaves n as a double. `shifted` is n + 3·2^51.

Source: Muller, Elementary Functions, 3rd ed., ch. 11. The coefficients are those of the best
polynomial for (e^r - 1 - r)/r², fitted with 300 bits; the relative error of p is below 5e-19.
"""

from __future__ import annotations

import math
import struct

from mgraph.ops import ieee


def fused(a: float, b: float, c: float) -> float:
    """Return a·b + c; compiled code rounds once where the processor can do that."""
    return a * b + c


def two_to(shifted: float) -> float:
    """Return 2^n for n from -1022 to 1023, given n + 3·2^51."""
    bits = (struct.unpack("<q", struct.pack("<d", shifted))[0] + 1023 << 52) & 0x7FF << 52
    return float(struct.unpack("<d", struct.pack("<q", bits))[0])


def with_sign(a: float, b: float) -> float:
    """Return |a| with the sign of b."""
    return math.copysign(a, b)


PRIMITIVES = ("fused", "two_to", "with_sign")
"""The functions that compiled code replaces by instructions."""


def vector_exp(x: float) -> float:
    """Return e^x."""
    return exp_within(-746.0 if x < -746.0 else 710.0 if x > 710.0 else x)  # noqa: FURB136, PLR2004 - NaN stays NaN


def vector_tanh(x: float) -> float:
    """Return the hyperbolic tangent: m/(m + 2) for m = e^2|x| - 1, with the sign of x."""
    return with_sign(ratio(expm1_within(40.0 if abs(x) > 20.0 else abs(x) + abs(x))), x)  # noqa: PLR2004


def ratio(m: float) -> float:
    """Return m/(m + 2)."""
    return corrected(m, m + 2.0, ieee.div(1.0, m + 2.0))


def corrected(m: float, divisor: float, inverse: float) -> float:
    """Return m/(m + 2), given m + 2 and 1/(m + 2), both rounded."""
    return fused(remainder(m, divisor, m * inverse), inverse, m * inverse)


def remainder(m: float, divisor: float, q: float) -> float:
    """Return m - q·(m + 2), exact except for the last rounding: `divisor` - 2 is exact, too."""
    return fused(-q, divisor, m) - q * (m - (divisor - 2.0))


def exp_within(x: float) -> float:
    """Return e^x for x from -746 to 710."""
    return exp_shifted(x, x * 1.4426950408889634 + 6755399441055744.0)


def exp_shifted(x: float, shifted: float) -> float:
    """Return e^x, given n + 3·2^51."""
    return scaled(
        expm1_reduced(reduced(x, shifted - 6755399441055744.0)), shifted - 6755399441055744.0
    )


def scaled(p: float, n: float) -> float:
    """Return 2^n·(1 + p)."""
    return scaled_twice(1.0 + p, n, 0.5 * n + 6755399441055744.0)


def scaled_twice(y: float, n: float, shifted: float) -> float:
    """Return y·2^n as two factors, because 2^n may be too large for a double.

    `shifted` is here n/2, rounded, + 3·2^51.
    """
    return y * two_to(shifted) * two_to(n - (shifted - 6755399441055744.0) + 6755399441055744.0)


def expm1_within(x: float) -> float:
    """Return e^x - 1 for x from 0 to 40."""
    return expm1_shifted(x, x * 1.4426950408889634 + 6755399441055744.0)


def expm1_shifted(x: float, shifted: float) -> float:
    """Return e^x - 1, given n + 3·2^51: 2^n·p + (2^n - 1)."""
    return expm1_scaled(expm1_reduced(reduced(x, shifted - 6755399441055744.0)), two_to(shifted))


def expm1_scaled(p: float, power: float) -> float:
    """Return 2^n·p + (2^n - 1), given p and 2^n."""
    return fused(power, p, power - 1.0)


def reduced(x: float, n: float) -> float:
    """Return r = x - n·ln 2, with ln 2 in two parts; n times the first is exact."""
    return fused(-n, 1.90821492927058770002e-10, fused(-n, 6.93147180369123816490e-01, x))


def expm1_reduced(r: float) -> float:
    """Return p = e^r - 1 as r + r²·(½ + r/6 + …)."""
    return fused(r * r, series(r), r)


def series(r: float) -> float:
    """Return (e^r - 1 - r)/r²."""
    return fused(fused(fused(fused(fused(fused(fused(fused(fused(fused(
        2.0914717341716378e-09, r, 2.5105259538448494e-08), r, 2.755727357010214e-07),
        r, 2.7557255297969643e-06), r, 2.4801587325605324e-05), r, 0.0001984126987490126),
        r, 0.001388888888888373), r, 0.008333333333326112), r, 0.04166666666666667),
        r, 0.1666666666666667), r, 0.5)  # fmt: skip
