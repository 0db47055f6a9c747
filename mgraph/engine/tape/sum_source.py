"""The text of the kernels that add up doubles exactly.

The exact sum of a column is kept in two forms at once:

- *Lanes*: vectors of partial sums, for a window of exponents that is given by a power of two, P.
  For |x| < P/2^12, q = (P + x) - P is x rounded to a multiple of 2^-53·P, and x - q is exact. 2^12
  of these q add up without rounding. So do the x - q, which are at most 2^-53·P, if each x is zero
  or |x| ≥ P/2^42: then they are multiples of 2^-94·P. A block with smaller values is split with
  2^-41·P and 2^-82·P, too.
- *Digits*: the sum as an integer, in units of 2^-1074, the smallest double, with digits of 32 bits.
  What lanes can't hold goes there: what remains of tiny values, huge values, and the lanes
  themselves after 2^12 values. NaN and the infinities are counted.

Values that are too large or too small for a window move it. For most columns, only two vectors are
used, and the digits seldom.

Sources: Rump, Ogita & Oishi, Accurate floating-point summation I, SIAM J. Sci. Comput. 31, 2008
(`ExtractVector`); Neal, Fast exact summation using small and large superaccumulators, 2015.
"""

from __future__ import annotations

from typing import Final

FLUSH: Final = 512
"""Vectors that lanes can hold: 2^12 values, so that their sum is exact, too."""

DIGITS: Final = 67
"""Digits of an integer; all except the last are from 0 to 2^32 - 1 once they are carried."""

WIDTH: Final = DIGITS + 3
"""Integers per column: the digits, then the number of NaNs and of each infinity."""

SMALLEST: Final = 2.0**-1000
"""The window of a new column. It holds all doubles below 2^-1012 without a remainder."""

_INF: Final = "1e999"

_ROOM: Final = 16
"""The binary orders of magnitude from the largest value to the window: 12, 1, and 3 for growth."""

_LARGEST: Final = 2046 - _ROOM
"""The largest exponent in the bits of a double for which there is a window, of at most 2^1023."""


def _into_lanes(x: str) -> str:
    """Add `count` vectors to the lanes of column k, and find out whether a value is odd."""
    return f"""
    power = window[k]
    coarse = lanes[k * 2]
    fine = lanes[k * 2 + 1]
    odd = spread(0.0)
    for i in range(count):
        x = {x}
        q = (power + x) - power
        coarse += q
        fine += x - q
        size = abs(x)
        odd = odd if size < power * {2.0**-12} and size >= power * {2.0**-42} or x == 0.0 else 1.0
"""


def adding_products() -> str:
    """Add products of adjoints and primals to the sum of column k, as `add_vectors` does.

    Only if one of them is outside of the window are they stored, in `rows` from `start` on.
    """
    product = "rows[of + i] * partials_mul(0.0, primals[by + i], 0.0)[0]"
    return f"""
@inline
def add_products(
    primals: Rows, by: int, of: int, rows: Rows, start: int, count: int, k: int, lanes: Rows,
    window: F64, digits: I64, used: U8
) -> None:
{_into_lanes(product)}
    if some(odd != 0.0):
        for i in range(count):
            rows[start + i] = {product}
        add_odd_vectors(rows, start, count, k, lanes, window, digits, used)
    else:
        lanes[k * 2] = coarse
        lanes[k * 2 + 1] = fine
"""


def adding() -> str:
    """Add doubles to the sum of column k.

    `add_double` adds to the digits, and `flush` adds the lanes to them. `add_vectors` adds to the
    first two lanes, as if all values were in the window. If one was not, it leaves the lanes as
    they were, and `add_odd_vectors` adds the same values in the slow way.
    """
    return f"""
def add_double(x: float, k: int, digits: I64, used: U8) -> None:
    used[k] = 1
    first = k * {WIDTH}
    word = bits(x)
    exponent = word >> 52 & 2047
    fraction = word & {2**52 - 1}
    if exponent == 2047:
        kind = {DIGITS}
        if fraction == 0:
            kind = {DIGITS + 1} - (word >> 63)
        digits[first + kind] += 1
    else:
        normal = min(exponent, 1)
        whole = fraction + (normal << 52)
        place = exponent - normal
        low = place & 31
        high = whole >> 32 - low
        to = first + (place >> 5)
        sign = (word >> 63) * 2 + 1
        digits[to] += sign * (whole << low & {2**32 - 1})
        digits[to + 1] += sign * (high & {2**32 - 1})
        digits[to + 2] += sign * (high >> 32)


def flush(k: int, lanes: Rows, digits: I64, used: U8) -> None:
    for part in range(3):
        i = k * 2 + part
        if part == 2:
            i = len(used) * 2 + k
        total = lane_sum(lanes[i])
        lanes[i] = 0.0
        if total != 0.0:
            add_double(total, k, digits, used)


@inline
def add_vectors(
    rows: Rows, start: int, count: int, k: int, lanes: Rows, window: F64, digits: I64, used: U8
) -> None:
{_into_lanes("rows[start + i]")}
    if some(odd != 0.0):
        add_odd_vectors(rows, start, count, k, lanes, window, digits, used)
    else:
        lanes[k * 2] = coarse
        lanes[k * 2 + 1] = fine


def add_odd_vectors(
    rows: Rows, start: int, count: int, k: int, lanes: Rows, window: F64, digits: I64, used: U8
) -> None:
    spare = len(lanes) - 1
    most = abs(rows[start])
    for i in range(start + 1, start + count):
        x = abs(rows[i])
        most = x if x > most or x != x else most
    lanes[spare] = most
    largest = row(lanes, spare * 8)
    for j in range(1, 8):
        y = row(lanes, spare * 8 + j)
        largest = y if y > largest or y != y else largest
    exponent = bits(largest) >> 52 & 2047
    if exponent > {_LARGEST}:
        for j in range(start * 8, (start + count) * 8):
            add_double(row(rows, j), k, digits, used)
    else:
        power = window[k]
        if largest >= power * {2.0**-12} or largest < power * {2.0**-24}:
            flush(k, lanes, digits, used)
            power = double_of(exponent + {_ROOM} << 52)
            power = power if power > {SMALLEST} else {SMALLEST}
            window[k] = power
        second = power * {2.0**-41}
        third = second * {2.0**-41}
        coarse = lanes[k * 2]
        fine = lanes[k * 2 + 1]
        finest = lanes[len(used) * 2 + k]
        for i in range(start, start + count):
            rest = rows[i]
            q = (power + rest) - power
            coarse += q
            rest -= q
            q = (second + rest) - second
            fine += q
            rest -= q
            q = (third + rest) - third
            finest += q
            rest -= q
            if some(rest != 0.0):
                lanes[spare] = rest
                for j in range(8):
                    y = row(lanes, spare * 8 + j)
                    if y != 0.0:
                        add_double(y, k, digits, used)
        lanes[k * 2] = coarse
        lanes[k * 2 + 1] = fine
        lanes[len(used) * 2 + k] = finest
"""


def totals() -> str:
    """Start again; add up whole columns; merge sums, and round them.

    To round digits, `high` gets the 32 bits of the first digit that is not zero, and 21 of the next
    one, `low` the 43 bits that follow, and a bit that stands for all others. As doubles both are
    exact, so that their sum is rounded once. Its scale is a square, because the power of two may be
    too small for a double; neither product is rounded.
    """
    return f"""
def add_column(rows: Rows, lanes: Rows, window: F64, digits: I64, used: U8) -> None:
    for start in range(0, len(rows), {FLUSH}):
        stop = min(start + {FLUSH}, len(rows))
        for i in range(start, stop, 64):
            add_vectors(rows, i, min(64, stop - i), 0, lanes, window, digits, used)
        flush(0, lanes, digits, used)


def clear(lanes: Rows, digits: I64, used: U8) -> None:
    for i in range(len(lanes)):
        lanes[i] = 0.0
    for k in range(len(used)):
        if used[k] == 1:
            used[k] = 0
            for i in range(k * {WIDTH}, k * {WIDTH} + {WIDTH}):
                digits[i] = 0


def carry(k: int, digits: I64) -> None:
    up = 0
    for i in range(k * {WIDTH}, k * {WIDTH} + {DIGITS - 1}):
        total = digits[i] + up
        digits[i] = total & {2**32 - 1}
        up = total >> 32
    digits[k * {WIDTH} + {DIGITS - 1}] += up


def settle(lanes: Rows, digits: I64, used: U8) -> None:
    for k in range(len(used)):
        flush(k, lanes, digits, used)
        if used[k] == 1:
            carry(k, digits)


def merge(digits: I64, used: U8, others: I64, others_used: U8) -> None:
    for k in range(len(used)):
        if others_used[k] == 1:
            used[k] = 1
            for i in range(k * {WIDTH}, k * {WIDTH} + {WIDTH}):
                digits[i] += others[i]
            carry(k, digits)


def round_digits(k: int, digits: I64, sums: F64) -> None:
    first = k * {WIDTH}
    sign = 1
    if digits[first + {DIGITS - 1}] < 0:
        sign = -1
    up = 0
    below = 0
    before = 0
    last = 0
    high = 0
    low = 0
    place = 0
    for i in range({DIGITS}):
        total = sign * digits[first + i] + up
        digit = total & {2**32 - 1}
        up = total >> 32
        if digit != 0:
            high = (digit << 21) + (last >> 11)
            low = ((last & 2047) << 33) + (before << 1) + min(below, 1)
            place = i
        below += before
        before = last
        last = digit
    scale = two_to({3.0 * 2.0**51} + float(place * 16 - 537))
    size = (float(high) * {2.0**-21} + float(low) * {2.0**-65}) * scale * scale
    sums[k] = float(sign) * size
    plus = digits[first + {DIGITS + 1}]
    minus = digits[first + {DIGITS + 2}]
    if digits[first + {DIGITS}] > 0 or plus > 0 and minus > 0:
        sums[k] = double_of({0x7FF8 << 48})
    elif plus > 0:
        sums[k] = {_INF}
    elif minus > 0:
        sums[k] = -{_INF}


def round_sums(lanes: Rows, digits: I64, used: U8, parts: F64, sums: F64) -> None:
    for k in range(len(used)):
        if used[k] == 1 or lane_sum(lanes[len(used) * 2 + k]) != 0.0:
            flush(k, lanes, digits, used)
            carry(k, digits)
            round_digits(k, digits, sums)
        else:
            parts[k * 2] = lane_sum(lanes[k * 2])
            parts[k * 2 + 1] = lane_sum(lanes[k * 2 + 1])
            sums[k] = parts[k * 2] + parts[k * 2 + 1]
"""
