"""Columns of a table as doubles: every type of number, exactly; everything else is refused."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgraph.rows.columns import LARGEST, doubles_of, is_number

if TYPE_CHECKING:
    from mgraph.rows.columns import Doubles

INTEGERS = (pa.int8, pa.int16, pa.int32, pa.int64, pa.uint8, pa.uint16, pa.uint32, pa.uint64)
NUMBERS: dict[str, pa.Array] = {
    **{str(kind()): pa.array([0, 1, 100, None], kind()) for kind in INTEGERS},
    "half": pa.array(np.array([0, 1, 100, 0], np.float16), mask=np.array([0, 0, 0, 1], bool)),
    "float": pa.array([0, 1, 100, None], pa.float32()),
    "double": pa.array([0, 1, 100, None], pa.float64()),
    "decimal": pa.array([Decimal(0), Decimal(1), Decimal(100), None], pa.decimal128(10, 3)),
    "wide decimal": pa.array([Decimal(0), Decimal(1), Decimal(100), None], pa.decimal256(60, 3)),
    "dictionary": pa.array([0.0, 1.0, 100.0, None]).dictionary_encode(),
    "run lengths": pa.RunEndEncodedArray.from_arrays(
        [1, 2, 3, 4], pa.array([0.0, 1.0, 100.0, None])
    ),
    "decimal dictionary": pa.array(
        [Decimal(0), Decimal(1), Decimal(100), None]
    ).dictionary_encode(),
}
"""0, 1, 100 and a null in each type."""


def listed(doubles: Doubles) -> list[float | None]:
    """Return the values, None where a row is null."""
    values: list[float | None] = doubles.values.tolist()
    if doubles.is_null is not None:
        values = [None if null else x for x, null in zip(values, doubles.is_null, strict=True)]
    return values


@pytest.mark.parametrize("name", NUMBERS)
def test_every_type_of_number(name: str) -> None:
    """Values are doubles, nulls are marked, also in slices, and in one of no rows."""
    column = NUMBERS[name]
    assert is_number(column.type)
    assert doubles_of(column).values.dtype == np.float64
    assert listed(doubles_of(column)) == [0.0, 1.0, 100.0, None]
    assert listed(doubles_of(column.slice(1, 2))) == [1.0, 100.0]
    assert listed(doubles_of(column.slice(2))) == [100.0, None]
    assert listed(doubles_of(column.slice(4))) == []
    assert doubles_of(column.slice(0, 3)).is_null is None


class Metres(pa.ExtensionType):  # type: ignore[misc] # pyarrow has no types
    """Numbers with a unit."""

    def __init__(self) -> None:
        """Store doubles."""
        super().__init__(pa.float32(), "tests.metres")

    def __arrow_ext_serialize__(self) -> bytes:
        """There are no parameters."""
        return b""


def test_numbers_with_a_meaning_of_their_own() -> None:
    """What counts in an extension type is how it is stored."""
    column = pa.ExtensionArray.from_storage(Metres(), pa.array([0.5, None], pa.float32()))
    assert is_number(column.type)
    assert listed(doubles_of(column)) == [0.5, None]


OTHERS: dict[str, list[Any]] = {
    "string": ["1.0"], "binary": [b"1"], "bool": [True], "date32[day]": [], "timestamp[us]": [],
    "duration[us]": [], "list<item: double>": [[1.0]], "struct<a: double>": [{"a": 1.0}],
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_other_types_are_refused(name: str) -> None:
    """Texts, truth values, times and nested values are not numbers."""
    kinds = {
        "date32[day]": pa.date32(), "timestamp[us]": pa.timestamp("us"),
        "duration[us]": pa.duration("us"),
    }  # fmt: skip
    column = pa.array(OTHERS[name], kinds.get(name))
    assert str(column.type) == name
    assert not is_number(column.type)
    assert not is_number(pa.dictionary(pa.int8(), column.type))


def test_a_column_of_nulls() -> None:
    """A column without any value has no type; all of its rows are null."""
    assert is_number(pa.null())
    assert listed(doubles_of(pa.nulls(3))) == [None] * 3


def test_doubles_are_not_copied() -> None:
    """A float64 column is the same memory, with nulls, too, and in a slice."""
    for column in (pa.array([1.0, 2.0, 3.0]), pa.array([1.0, None, 3.0]).slice(1)):
        values = doubles_of(column).values
        start = column.buffers()[1].address + 8 * column.offset
        assert values.__array_interface__["data"] == (start, True)  # True: it can't be written to


def test_special_values_are_kept() -> None:
    """NaN, the infinities and -0.0 are numbers, in single precision and half of it, too."""
    for kind in (pa.float64(), pa.float32()):
        doubles = doubles_of(pa.array([np.nan, np.inf, -np.inf, -0.0], kind))
        assert doubles.is_null is None
        assert doubles.values.tobytes() == np.array([np.nan, np.inf, -np.inf, -0.0]).tobytes()


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64()])
def test_integers_that_a_double_may_not_hold(kind: pa.DataType) -> None:
    """Up to 2^53 they are exact; those beyond are marked, nulls are not; it has no other limit."""
    values = [LARGEST, LARGEST + 1, None, 2**63 - 1, 0]
    if pa.types.is_signed_integer(kind):
        values += [-LARGEST, -LARGEST - 1, -(2**63)]
    doubles = doubles_of(pa.array(values, kind))
    assert doubles.is_large is not None
    assert doubles.is_large.tolist() == [x is not None and abs(x) > LARGEST for x in values]
    exact = [x for x in values if x is not None and abs(x) <= LARGEST]
    rows = [i for i, x in enumerate(values) if x in exact]
    assert [int(x) for x in doubles.values[rows].tolist()] == exact
    assert doubles_of(pa.array(exact, kind)).is_large is None


def test_what_is_behind_a_null_does_not_count() -> None:
    """The memory of a null may hold any number, also one beyond 2^53."""
    memory = pa.py_buffer(np.array([2**60, 7]))
    column = pa.Array.from_buffers(pa.int64(), 2, [pa.py_buffer(b"\2"), memory])
    assert column.to_pylist() == [None, 7]
    doubles = doubles_of(column)
    assert listed(doubles) == [None, 7.0]
    assert doubles.is_large is None


@given(
    st.lists(
        st.decimals(allow_nan=False, allow_infinity=False, places=20, max_value=10**17), min_size=1
    )
)
def test_decimals_are_rounded_to_nearest(values: list[Decimal]) -> None:
    """No double is nearer: Fraction rounds once. Arrow's own cast makes 0.57 0.5700000000000001."""
    kept = [value for value in values if abs(value) < 10**18]
    column = pa.array([*kept, Decimal("0.57")], pa.decimal128(38, 20))
    want = [float(Fraction(value)) for value in [*kept, Decimal("0.57")]]
    assert doubles_of(column).values.tolist() == want
