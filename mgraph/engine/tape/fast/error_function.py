"""erf, from a table of its values.

|x| = c + h with c = i/16 the nearest such number, |h| ≤ Z = 1/32; h is exact (Sterbenz, if i is
not 0). erf |x| = erf c + w·h·Y with w = 2/√π·e^(-c²). Y = a_0 + a_1·h + a_2·h² + …, above 0.8, is
1/h times the integral of e^(-2ct - t²) for t from 0 to h: a_k = b_k/(k + 1) with b_0 = 1, b_1 = -2c
and k·b_k = -2c·b_(k - 1) - 2·b_(k - 2). For each c the table has a row: erf c, w, a_2 and a_3 as
pairs, then a_4 to a_12 as doubles. a_1 = -c.

**The series.** a_k can be 0, so Horner's rule uses `two_sum`, which is exact whatever the sizes
are. Its doubles are off as in `pairs.series`, with z_low = 0. Pairs: as parts of Y, all |a_k|·Z^k
together are below 2, and so is all that is added up; low parts are within 4u of these sizes. Each
of 4 steps rounds three times, low parts only: in all less than 12·u·8u < 2^-98. What is left out
is, by |b_k| ≤ 1.09·√(2^k/k!)·e^(c²/2) (Cramér's inequality for Hermite polynomials; Abramowitz &
Stegun, Handbook of Mathematical Functions, 22.14.17), below the sum of
1.09·√(2^k/k!)/(k + 1)·e^(c²/2)·Z^k for k ≥ 13.

With E for all of that, the result is off by w·|h|·E. For i = 0 that is E/0.99, relatively. For
i > 0 the result is at least erf(c - Z), which is above 0.035 and half of erf c. erf c and w are off
by 2^-106 of them. Operations with pairs add 2^-84 of the result.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from mgraph.engine.tape.fast.pairs import (
    SHIFT,
    Pair,
    Result,
    fast_two_sum,
    fma,
    looked_up,
    parts_of,
    product,
    rounds,
    two_sum,
    with_sign,
)
from mgraph.ops.exact.constants import two_over_root_pi

_BITS: Final = 320
"""Of the numbers that the table is made of; e^36, the largest of them, has 52 before the point."""

STEPS: Final = 96
"""The table ends at 96/16 = 6, from where on erf rounds to 1: it is within 2^-55."""

TERMS: Final = 13
"""The number of terms of Y."""


def point(i: int) -> tuple[Fraction, Fraction]:
    """Return erf c and w for c = i/16, to within 2^-200.

    e^z and Σ(2z)^j/(1·3·5…(2j + 1)), z = c², have only positive terms, each rounded down; there are
    fewer than 2^9 of each, and erf c = w·c·Σ (DLMF 7.6.2).
    """
    z = i * i << (_BITS - 8)
    term = exponential = 1 << _BITS
    k = 0
    while term:
        k += 1
        term = (term * z >> _BITS) // k
        exponential += term
    term = total = 1 << _BITS
    j = 0
    while term:
        j += 1
        term = (term * z >> (_BITS - 1)) // (2 * j + 1)
        total += term
    w = Fraction(two_over_root_pi(_BITS), exponential)
    return w * Fraction(i, 16) * Fraction(total, 1 << _BITS), w


def taylor(c: Fraction, count: int) -> list[Fraction]:
    """Return a_0, a_1, …."""
    b = [Fraction(1), -2 * c]
    for k in range(2, count):
        b.append((-2 * c * b[-1] - 2 * b[-2]) / k)
    return [b_k / (k + 1) for k, b_k in enumerate(b)]


def row(i: int) -> list[float]:
    """Return the row of c = i/16."""
    a = taylor(Fraction(i, 16), TERMS)
    both = [part for exact in (*point(i), a[2], a[3]) for part in pair_of(exact)]
    return [*both, *map(float, a[4:])]


def pair_of(exact: Fraction) -> tuple[float, ...]:
    """Return a number as a pair."""
    return parts_of(exact, 53, 53) if exact else (0.0, 0.0)


WIDTH: Final = 8.0 + (TERMS - 4)
"""The length of a row."""

ERF_TABLE: Final = tuple(number for i in range(STEPS + 1) for number in row(i))
ERF_TAIL: Final = tuple(float(k) for k in range(7 + TERMS - 4, 7, -1))
"""The places of a_12 to a_4 in a row."""

ERF_BOUND: Final = 2.0**-74
"""Derived: 2^-75.5."""

ERF_ERROR: Final = 16.0 * ERF_BOUND

ERF_SMALLEST: Final = 2.0**-500


def plus_multiple(c: float, c_low: float, h: float, y: float, y_low: float) -> Pair:
    """Return c + h·y."""
    p = h * y
    s, s_low = two_sum(c, p)
    return s, s_low + (fma(h, y_low, fma(h, y, -p)) + c_low)


def erf_pair(x: float) -> Pair:
    """Return the error function of x from 0 to 6."""
    i = (16.0 * x + SHIFT) - SHIFT
    c = 0.0625 * i
    h = x - c
    at = WIDTH * i
    t = 0.0
    for column in ERF_TAIL:
        t = fma(t, h, looked_up(ERF_TABLE, at, column))
    y, y_low = plus_multiple(
        looked_up(ERF_TABLE, at, 6.0), looked_up(ERF_TABLE, at, 7.0), h, t, 0.0
    )
    y, y_low = plus_multiple(
        looked_up(ERF_TABLE, at, 4.0), looked_up(ERF_TABLE, at, 5.0), h, y, y_low
    )
    y, y_low = plus_multiple(-c, 0.0, h, y, y_low)
    y, y_low = plus_multiple(1.0, 0.0, h, y, y_low)
    v, v_low = product(looked_up(ERF_TABLE, at, 2.0), looked_up(ERF_TABLE, at, 3.0), h, 0.0)
    u, u_low = product(v, v_low, y, y_low)
    s, s_low = fast_two_sum(looked_up(ERF_TABLE, at, 0.0), u)
    return s, s_low + (u_low + looked_up(ERF_TABLE, at, 1.0))


def fast_erf(x: float) -> Result:
    """Return the error function of x."""
    size = abs(x)
    is_inside = size > ERF_SMALLEST and size < 6.0
    s, s_low = erf_pair(size if is_inside else 1.0)
    y, is_certain = rounds(s, s_low, ERF_ERROR)
    beyond = 1.0 if size >= 6.0 else size
    is_beyond = size >= 6.0 or x == 0.0 or x != x
    return with_sign(y if is_inside else beyond, x), (is_inside and is_certain) or is_beyond
