"""Exact sums: rounded once, the same for any order and grouping, and stored without loss."""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgraph.ops.exact_sum import ExactSum

if TYPE_CHECKING:
    from collections.abc import Iterable

DOUBLES: Final = st.floats(width=64)
MAX: Final = (2.0 - 2.0**-52) * 2.0**1023


def sum_by_hand(values: Iterable[float]) -> float:
    """Add rational numbers, with 2^1074 as denominator, and round the sum."""
    values = [*values]
    infinities = [x for x in values if math.isinf(x)]
    if any(math.isnan(x) for x in values) or len({*infinities}) > 1:
        return math.nan
    if infinities:
        return infinities[0]
    ratios = [x.as_integer_ratio() for x in values]
    return nearest(Fraction(sum(n * (2**1074 // d) for n, d in ratios), 2**1074))


def nearest(exact: Fraction) -> float:
    """Round to the nearest double, ties to even, as IEEE 754 defines it."""
    if abs(exact) >= 2**1024 - 2**970:
        return math.inf if exact > 0 else -math.inf
    size = abs(exact)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    exponent -= size < Fraction(2) ** exponent
    unit = max(exponent - 52, -1074)
    return math.ldexp(round(exact / Fraction(2) ** unit), unit)


def same(a: float, b: float) -> bool:
    """Whether two doubles have the same bits, or are both NaN."""
    return struct.pack("<d", a) == struct.pack("<d", b) or (math.isnan(a) and math.isnan(b))


@given(st.lists(DOUBLES))
def test_a_sum_is_rounded_once(values: list[float]) -> None:
    """Any doubles: what rational arithmetic gives."""
    assert same(ExactSum.of(values).value, sum_by_hand(values))


@given(st.lists(DOUBLES), st.integers(0), st.randoms(use_true_random=False))
def test_grouping_and_order_change_nothing(values: list[float], cut: int, random: object) -> None:
    """Parts in any order have the same state as the whole."""
    whole = ExactSum.of(values)
    random.shuffle(values)  # type: ignore[attr-defined]
    cut %= len(values) + 1
    assert ExactSum.of(values[cut:]) + ExactSum.of(values[:cut]) == whole


BY_HAND: Final[list[tuple[list[float], float]]] = [
    ([], 0.0),
    ([-0.0, -0.0], 0.0),
    ([1e100, 1.0, -1e100], 1.0),
    ([MAX, 2.0**969], MAX),  # a quarter of a unit in the last place
    ([MAX, 2.0**970], math.inf),  # half a unit: 2^1024 - 2^970 exactly, a tie
    ([MAX, 2.0**970, -5e-324], MAX),
    ([-MAX, -(2.0**970)], -math.inf),
    ([-MAX, -(2.0**970), 5e-324], -MAX),
    ([MAX, MAX, -MAX], MAX),
    ([1.0, 2.0**-53], 1.0),
    ([1.0, 2.0**-53, 5e-324], 1.0 + 2.0**-52),
    ([1.0 + 2.0**-52, 2.0**-53], 1.0 + 2.0**-51),
    ([5e-324, 5e-324, 5e-324], 1.5e-323),
    ([2.0**-1022, -5e-324], 2.0**-1022 - 5e-324),
    ([math.inf, -1e308], math.inf),
    ([-math.inf, 1e308], -math.inf),
    ([-math.inf, math.inf], math.nan),
    ([math.nan, math.inf], math.nan),
]


@pytest.mark.parametrize(("values", "total"), BY_HAND)
def test_sums_by_hand(values: list[float], total: float) -> None:
    """Zero is positive, overflow starts at 2^1024 - 2^970, ties go to even."""
    assert same(ExactSum.of(values).value, total)
    assert same(sum_by_hand(values), total)


@given(st.lists(DOUBLES))
def test_states_are_stored_without_loss(values: list[float]) -> None:
    """The same state comes back, and its bytes are the same again."""
    state = ExactSum.of(values)
    assert ExactSum.from_bytes(state.to_bytes()) == state


def test_other_numbers_count_as_doubles() -> None:
    """Integers, and NumPy's numbers: the state is the same, down to its types."""
    assert ExactSum.of([2**53 + 1]) == ExactSum.of([2.0**53])
    infinite = ExactSum.of(np.array([np.inf, -np.inf, np.nan]))
    assert [type(x) for x in (infinite.has_nan, infinite.has_plus_inf)] == [bool, bool]


def test_stored_states_by_hand() -> None:
    """Flags, then two's complement in as few bytes as possible: 1 is 2^1074 units."""
    assert ExactSum().to_bytes() == b"\0"
    assert ExactSum.of([5e-324]).to_bytes() == b"\0\1"
    assert ExactSum.of([-5e-324]).to_bytes() == b"\0\xff"
    assert ExactSum(-128).to_bytes() == b"\0\x80"
    assert ExactSum(128).to_bytes() == b"\0\0\x80"
    assert ExactSum.of([1.0]).to_bytes() == b"\0\4" + bytes(134)
    assert ExactSum.of([math.nan]).to_bytes() == b"\1"
    assert ExactSum.of([math.inf, -math.inf]).to_bytes() == b"\6"
    huge = ExactSum((2**53 - 1 << 2045) * 2**77)
    assert ExactSum.from_bytes(huge.to_bytes()) == huge


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "1 to 273 bytes, not 0"),
        (bytes(274), "not 274"),
        (b"\x08", "flags from 0 to 7, not 8"),
        (b"\0\0", "as few bytes as possible: here 1"),
        (b"\0\0\1", "as few bytes as possible: here 2"),
        (b"\0\xff\xff", "as few bytes as possible: here 2"),
    ],
)
def test_other_bytes_are_refused(data: bytes, message: str) -> None:
    """Each state has one form; what is not in this form is not guessed at."""
    with pytest.raises(ValueError, match=message):
        ExactSum.from_bytes(data)


@given(st.binary(max_size=280))
def test_all_bytes_are_refused_or_come_back(data: bytes) -> None:
    """No bytes are read as a state that is stored in another way."""
    try:
        state = ExactSum.from_bytes(data)
    except ValueError:
        return
    assert state.to_bytes() == data
