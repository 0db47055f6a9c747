"""ln 2, π, and tables of functions at regular points, as integers of any precision.

Everything here is in units of 2^-q, and every number is within 1 + 2^-20 units of the exact one,
which derivations elsewhere round up to 1.01. It is computed with `_guard(q)` more bits, in smaller
units ("grains"), and rounded down at the end, which costs the 1. A grain is at most 2^-40/q units.
So an error of c·q grains is at most c·2^-40 units, whatever q is; each docstring gives its c.
"""

from __future__ import annotations

import math
from functools import cache


def _guard(q: int) -> int:
    return 40 + q.bit_length()


def arc_series(a: int, b: int, q: int, sign: int) -> int:
    """Return atan(a/b) for sign -1, or atanh(a/b) for sign 1; 0 < a/b ≤ 1/5.

    The powers (a/b)^k, k odd, are rounded down one after the other: each is wrong by less than
    1 + 1/25 + 1/25² + … < 1.05 units, and each term by less than 1.05/k + 1 ≤ 2.05. There are J
    terms until a power is 0; then the exact power is below 1.05, and the sum of what is left out
    below 1.05·25/24/k < 1.1. As (a/b)² ≤ 2^-4.6, J ≤ q/4.6 + 2. In all: less than
    2.05·(q/4.6 + 2) + 1.1 < 0.45·q + 6 units.
    """
    power, k, total = (a << q) // b, 1, 0
    while power:
        total += power // k if sign > 0 or k & 2 == 0 else -(power // k)
        power = power * (a * a) // (b * b)
        k += 2
    return total


@cache
def ln2(q: int) -> int:
    """Return ln 2 = 18·atanh(1/26) - 2·atanh(1/4801) + 8·atanh(1/8749).

    28 series: less than 28·(0.45·q + 6) < 30·q grains for q ≥ 10.
    """
    g = q + _guard(q)
    return (
        18 * arc_series(1, 26, g, 1) - 2 * arc_series(1, 4801, g, 1) + 8 * arc_series(1, 8749, g, 1)
    ) >> (g - q)


@cache
def pi(q: int) -> int:
    """Return π = 16·atan(1/5) - 4·atan(1/239) (Machin).

    20 series: less than 20·(0.45·g + 6) grains, where g < 2·q + 41.
    """
    g = q + _guard(q)
    return (16 * arc_series(1, 5, g, -1) - 4 * arc_series(1, 239, g, -1)) >> (g - q)


@cache
def powers_of_two(q: int) -> tuple[int, ...]:
    """Return 2^(i/256) for i = 0 … 255.

    A square root is wrong by 1 for rounding down, and by half of what its argument is: in all by
    less than 2 grains after eight. A product of the running power, below 2, and this root adds
    2·2 + 1 grains, and 256 products multiply errors by 2 at most: 2·256·5 = 2560 grains.
    """
    g = q + _guard(q)
    root = 2 << g
    for _ in range(8):
        root = math.isqrt(root << g)
    table, power = [], 1 << g
    for _ in range(256):
        table.append(power >> (g - q))
        power = power * root >> g
    return tuple(table)


@cache
def logarithms(q: int) -> tuple[int, ...]:
    """Return ln(1 + i/128) for i = 0 … 127.

    They are sums of ln((128 + i)/(127 + i)) = 2·atanh(1/(255 + 2i)): up to 254 series, so less
    than 254·(0.45·g + 6) grains, where g < 2·q + 41.
    """
    g = q + _guard(q)
    table = [0]
    for i in range(1, 128):
        table.append(table[-1] + 2 * arc_series(1, 255 + 2 * i, g, 1))
    return tuple(x >> (g - q) for x in table)


@cache
def arc_tangents(q: int) -> tuple[int, ...]:
    """Return atan(i/128) for i = 0 … 128.

    They are sums of atan(i/128) - atan((i - 1)/128) = atan(128/(128² + i·(i - 1))): 128 series.
    """
    g = q + _guard(q)
    table = [0]
    for i in range(1, 129):
        table.append(table[-1] + arc_series(128, 128 * 128 + i * (i - 1), g, -1))
    return tuple(x >> (g - q) for x in table)


@cache
def sines(q: int) -> tuple[int, ...]:
    """Return sin(i·π/1024) for i = 0 … 2559: a turn, and a quarter for cosines.

    By 512 rotations through π/1024, whose sine and cosine (`_first_sines`) are within 2 grains.
    A rotation adds at most 2·√2 grains for them, and √2 for rounding down, to the length of the
    error of the vector, which it lengthens by less than 2^-20 of itself: 512·4.3 < 2300 grains.
    """
    g = q + _guard(q)
    step = _first_sines(g)
    quarter, vector = [], (0, 1 << g)
    for _ in range(513):
        quarter.append(vector[0] >> (g - q))
        vector = (
            (vector[0] * step[1] + vector[1] * step[0]) >> g,
            (vector[1] * step[1] - vector[0] * step[0]) >> g,
        )
    half = quarter + quarter[511:0:-1]
    return tuple(half + [-x for x in half] + half[:512])


def _first_sines(q: int) -> tuple[int, int]:
    """Return the sine and the cosine of π/1024, by their series, within 2 units.

    They are computed in grains of 2^-g. x is wrong by 2.01 of them: π by 1.01, and 1 for rounding
    down. The term x^k/k! is the one before, times x, over k. The first is wrong by 3.01; each of
    the others by less than (3.01 + 2.01)/2^8/2 + 1 < 1.02. There are at most g/8 + 1 until one is
    0, and what is left out is below 1.1. In all less than 6 + 0.13·g grains, which is less than a
    unit, and rounding down at the end costs at most another.
    """
    g = q + q.bit_length()
    x, term, k = pi(g) >> 10, 1 << g, 0
    sums = [0, 0]
    while term:
        sums[(k + 1) & 1] += -term if k & 2 else term
        k += 1
        term = (term * x >> g) // k
    return sums[0] >> (g - q), sums[1] >> (g - q)


@cache
def two_over_root_pi(q: int) -> int:
    """Return 2/√π, as the root of 4/π.

    π is wrong by 1.01 grains, 4/π by less than 2.01, its root by less than 2.
    """
    g = q + _guard(q)
    return math.isqrt((4 << 3 * g) // pi(g)) >> (g - q)
