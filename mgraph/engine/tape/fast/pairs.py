"""Arithmetic with pairs of doubles, as the fast paths need it.

A pair (a, a_low) stands for the number a + a_low. It is *tight* if |a_low| ≤ 2^-47·|a|. u is 2^-53:
rounding changes a result by at most u times its size.

**Lemma 1.** `fast_two_sum` and `two_sum` are exact. (Dekker 1971; Knuth, TAOCP 2, 4.2.2.) The low
part is at most u times the high one.

**Lemma 2.** For tight pairs, `product` and `quotient`, and `plus_product` under its condition, have
relative errors below 2^-92. Their derivations are in their docstrings. They are far from tight
bounds (Joldes, Muller & Popescu, Tight and rigorous error bounds for basic building blocks of
double-word arithmetic, ACM TOMS 44, 2017, have u²-sized ones for their variants), because that is
all that is needed: bounds of results are about 2^-74, and come from series, whose upper terms are
added up as doubles.

So all operations with pairs in one fast path together are within **2^-84** of its result. There are
fewer than 32 of them; each is off by 2^-92 of its own result, and no result of theirs has more than
4 times the effect on the final one, relatively: 32·4·2^-92 = 2^-85. Adding up low parts on their
way into a final pair, `a_low + b_low`, is off by u·2^-46 = 2^-99 of the high parts. `power` needs a
closer look, and has it.

No operation overflows. Numbers below 2^-960 could make `fma(a, b, -p)` inexact; fast paths keep
away from them, or they are added to numbers 2^800 times as large.
"""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Pair: TypeAlias = tuple[float, float]
Table: TypeAlias = tuple[float, ...]
Pairs: TypeAlias = tuple[Pair, ...]
Result: TypeAlias = tuple[float, bool]
"""The result of a fast path, and whether it is certain."""

SHIFT: Final = 6755399441055744.0
"""3·2^51; adding it rounds a number below 2^51 to a whole one, which is then in the last bits."""

INF: Final = math.inf
NAN: Final = math.nan

TINY: Final = 2.0**-54
"""Up to here, expm1(x) and log1p(x) round to x: x ± x²/2 is within 2^-54·x, half the distance to
the next double, at least."""

SMALL: Final = 2.0**-28
"""Up to here, every odd function here rounds to x: they are within x³/2 of it, 2^-57·x."""

SMALLEST_NORMAL: Final = 2.0**-1022


# --- instructions ---


def fma(a: float, b: float, c: float) -> float:
    """Return a·b + c, rounded once."""
    if not (math.isfinite(a) and math.isfinite(b) and math.isfinite(c)):
        return a * b + c
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    return float(exact) if exact else a * b + c


def two_to(shifted: float) -> float:
    """Return 2^n for n from -1022 to 1023, given n + 3·2^51."""
    return math.ldexp(1.0, int(shifted - SHIFT))


def with_sign(a: float, b: float) -> float:
    """Return |a| with the sign of b."""
    return math.copysign(a, b)


def exponent(x: float) -> float:
    """Return the whole number e with 2^e ≤ x < 2^(e + 1), for a normal x > 0."""
    return float((struct.unpack("<q", struct.pack("<d", x))[0] >> 52) - 1023)


def significand(x: float) -> float:
    """Return x/2^e, from 1 to 2."""
    return math.ldexp(x, -int(exponent(x)))


def square_root(x: float) -> float:
    """Return √x."""
    return math.sqrt(x)


def looked_up(table: Table, at: float, column: float) -> float:
    """Return a number of a table, `column` after the one at a whole number."""
    return table[int(at + column)]


# --- constants ---


def parts_of(exact: Fraction, *sizes: int) -> tuple[float, ...]:
    """Return doubles whose sum is a number: the nearest with so many bits, then the rest so."""
    parts: list[float] = []
    for size in sizes:
        unit = Fraction(2) ** (math.frexp(float(exact))[1] - size)
        parts.append(float(round(exact / unit) * unit))
        exact -= Fraction(parts[-1])
    return tuple(parts)


def pairs_of(coefficients: Sequence[Fraction]) -> Pairs:
    """Return coefficients as pairs, the last one first."""
    return tuple((float(c), float(c - Fraction(float(c)))) for c in reversed(coefficients))


def doubles_of(coefficients: Sequence[Fraction]) -> Table:
    """Return coefficients as doubles, the last one first."""
    return tuple(map(float, reversed(coefficients)))


NOT_HELPERS: Final = (
    "fma", "two_to", "with_sign", "exponent", "significand", "square_root", "looked_up",
    "parts_of", "pairs_of", "doubles_of", "point", "taylor", "row", "pair_of",
)  # fmt: skip
"""The functions that compiled code replaces by instructions, and those that make constants."""


# --- arithmetic ---


def fast_two_sum(a: float, b: float) -> Pair:
    """Return a + b; |a| ≥ |b|, or a is 0."""
    s = a + b
    return s, b - (s - a)


def two_sum(a: float, b: float) -> Pair:
    """Return a + b."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def product(a: float, a_low: float, b: float, b_low: float) -> Pair:
    """Return a·b.

    For tight pairs, in units of |a·b|: a_low·b_low, at most 2^-94, is left out. The inner `fma` is
    exact, at most u. The one around it is at most 2^-47 + u, and rounded: u·2^-46.9. The outer one
    is at most 2^-45.9, and rounded: u·2^-45.9. In all 2^-94 + 2^-99.9 + 2^-98.9 < 2^-93.

    The low part is at most the sum of those of a and b, relatively, and 2u.
    """
    p = a * b
    return p, fma(a, b_low, fma(a_low, b, fma(a, b, -p)))


def plus_product(c: float, c_low: float, a: float, a_low: float, b: float, b_low: float) -> Pair:
    """Return c + a·b, if |a·b| ≤ 0.3·|c| and |c_low| ≤ u·|c|.

    Then |c + a·b| ≥ 0.7·|c|, and a·b is at most 3/7 of it. As in `product`, a_low·b_low is left
    out: 3/7·2^-94. Four operations round: s_low + c_low, at most 2.5u, by u·2.5u; the `fma` with
    a_low, at most 2^-46.9, by u·2^-46.9; their sum by u·2^-46.7; the outer `fma`, at most 2^-45.9,
    by u·2^-45.9. In units of the result, that is below 2^-93 in all.

    If a_low is at most 2^-48·|a| and b_low at most 2^-48·|b|, the low part of the result is at most
    u + 3/7·(2^-48 + 2^-48 + 2u) + 10/7·u < 0.97·2^-48: Horner's rule with pairs keeps them tight.

    The order of operations is the one with the shortest way from b_low to the result.
    """
    p = a * b
    s, s_low = fast_two_sum(c, p)
    return s, fma(a, b_low, (s_low + c_low) + fma(a_low, b, fma(a, b, -p)))


def quotient(a: float, a_low: float, b: float, b_low: float) -> Pair:
    """Return a/b; 1/b is a normal number.

    For tight pairs, in units of |a/b|: q is within 2.1u. The inner `fma`, at most 2.1u, is rounded:
    2.1u². Adding a_low, at most 2^-47, rounds by u·2^-46.9; the outer `fma` is at most 2^-45.9, and
    rounds by u·2^-45.9. What remains, at most 2^-45.9, is divided by b instead of b + b_low, which
    is 2^-47 of it: 2^-92.9; and with two roundings: 2u·2^-45.9. In all below 2^-92.

    The low part is at most the sum of those of a and b, relatively, and 3u.
    """
    inverse = 1.0 / b
    q = a * inverse
    return q, fma(-q, b_low, fma(-q, b, a) + a_low) * inverse


def series(z: float, z_low: float, even: Table, odd: Table, c: float, pairs: Pairs) -> Pair:
    """Return a polynomial of z by Horner's rule: `pairs` as pairs, what is above them as doubles.

    Above the pairs there is c, and above that two polynomials of w = z², for every second power:
    half as many steps that wait for each other.

    With c_k for the coefficient of z^k and K pairs, |z| ≤ Z, and u for roundings, the error is at
    most the sum of

    - Z^K times the error of the doubles. That of t·w + c, rounded, is Z² times the error of t, plus
      |t| times that of w, plus that of c as a double, plus u times the result, at most
      |c| + Z²·|t|. That of w is u·Z², rounding, and 2·|z_low|·Z. The last two steps have z instead
      of w, and |z_low| for its error. z_low is at most 2^-48·|z| (2^-50 for exp);
    - Z^k times the error of c_k as a pair, at most u²·|c_k|;
    - all terms that are left out.

    z is the square of a pair whose low part is at most 8u of it: that of r from `fast_two_sum` is
    at most u, that of a quotient 3u and those of its arguments, u and 4u at most. So z_low is at
    most 18u < 2^-48. (`exponential` has its own reason.) The result is tight, and so are its
    products. Operations with pairs are counted by Lemma 2. The conditions of `plus_product` hold
    for all series here: |z·c_(k + 1)| is below 0.3·|c_k|, also with all terms after it.
    """
    w = z * z
    t, y, y_low = 0.0, 0.0, 0.0
    for coefficient in even:
        y = fma(y, w, coefficient)
    for coefficient in odd:
        t = fma(t, w, coefficient)
    y = fma(fma(t, z, y), z, c)
    for high, low in pairs:
        y, y_low = plus_product(high, low, z, z_low, y, y_low)
    return y, y_low


def rounds(y: float, y_low: float, error: float) -> Result:
    """Return the double nearest to a number near y + y_low, and whether it is certain.

    The exact number is within error/16·|y| of y + y_low, and |y_low| ≤ 2^-40·|y|. The ends are off
    by the rounding of `fma`, at most u·(2^-40 + error)·|y| < 2^-92·|y|, and error is above 2^-90.
    So the exact number is between them; where both ends round to one double, so does it. A result
    that is 0 is exact: its bound is relative.
    """
    up = y + fma(y, error, y_low)
    return up, up == y + fma(y, -error, y_low)
