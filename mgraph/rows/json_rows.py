"""JSON lines as record batches: one object per row."""

from __future__ import annotations

import io
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import json as arrow_json

from mgraph.codec import SPECIAL
from mgraph.errors import Diagnostic, GraphError, printable, quoted
from mgraph.rows.columns import LARGEST, naming, raise_all
from mgraph.rows.csv_rows import BOM, check_text, has_large, not_a_number

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from mgraph.rows.records import Block

_LOOKED_AT: Final = 1000
"""How many rows the columns and their types are taken from."""

CONSTANTS: Final = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}
"""How the literals that some write are spelled here, by the literal; JSON has none of them."""

_NUMBERS: Final = {literal: float(word) for literal, word in CONSTANTS.items()}
"""What these literals are, by the literal: they are accepted on reading."""

(_BRACE,) = b"{"

_UNFIT: Final = (pa.ArrowException, OverflowError, UnicodeEncodeError)
"""What Arrow raises for values that don't fit a type, or no type."""


class _TooLarge(float):
    """A number that is too large for a double, with its text."""

    text: str

    @classmethod
    def or_float(cls, text: str) -> float:
        """Return a number of JSON, as one of these if it is too large."""
        number = cls(text)
        number.text = text
        return number if math.isinf(number) else float(number)


def _shown(value: object) -> str:
    return value.text if isinstance(value, _TooLarge) else quoted(value)


class _DuplicateKeyError(ValueError):
    """An object has a key twice."""


def json_fields(block: Block, numbers: Collection[str], shown: str) -> pa.Schema:
    """Return the columns of a file, from its first rows.

    Args:
        block: The first rows.
        numbers: The names of columns that are read as doubles if they exist.
        shown: What messages call the file.

    Raises:
        GraphError: `syntax` if a line is not an object; `column` if a column has several types.
    """
    check_text(block, shown, 0)
    rows = [row for row, _ in zip(_objects(block, shown, 0), range(_LOOKED_AT), strict=False)]
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.schema(
        (name, pa.float64() if name in numbers else _type_of(name, rows, shown)) for name in names
    )


def _type_of(name: str, rows: Sequence[dict[str, Any]], shown: str) -> pa.DataType:
    try:
        kind = pa.array([row.get(name) for row in rows]).type
    except _UNFIT as error:
        what = "values of several types, or of none that Arrow has"
        what = "an integer beyond 64 bits" if isinstance(error, OverflowError) else what
        what = "a text that is not Unicode" if isinstance(error, UnicodeEncodeError) else what
        message = f"the column {quoted(name)} of {printable(shown)} has {what}"
        fix = "leave it out with --keep"
        raise GraphError.of("column", message, (name,), fix=fix, file=shown) from None
    return pa.string() if pa.types.is_null(kind) else kind


@dataclass(frozen=True)
class JsonColumns:
    """How JSON lines become record batches.

    Attributes:
        schema: The columns that are read.
        numbers: The names of those that the graph reads.
        ignores: Whether a row may have other columns, too.
        tolerates: Whether a value that is not a number becomes null instead of an error.
    """

    schema: pa.Schema
    numbers: Collection[str]
    ignores: bool
    tolerates: bool

    def parse(self, block: Block, shown: str, row: int) -> pa.RecordBatch:
        """Return the rows of a block.

        Raises:
            GraphError: `syntax` if a line is not an object; `encoding` if it is not UTF-8; `number`
                if a value is not a number; `column` if another value doesn't fit its column.
        """
        check_text(block, shown, row)
        if not _may_be_objects(block):
            return self._parse_slowly(block, shown, row)
        read = arrow_json.ReadOptions(use_threads=False, block_size=len(block.data) + 1)
        parse = arrow_json.ParseOptions(
            explicit_schema=self.schema,
            newlines_in_values=False,
            unexpected_field_behavior=self._unexpected,
        )
        try:
            table = arrow_json.read_json(io.BytesIO(block.data), read, parse)
        except pa.ArrowInvalid:
            return self._parse_slowly(block, shown, row)
        table = table.select(self.schema.names)
        if table.num_rows != block.ends.size or table.schema != self.schema or _has_large(table):
            return self._parse_slowly(block, shown, row)
        return table.combine_chunks().to_batches()[0]

    @property
    def _unexpected(self) -> str:
        """What Arrow does about unknown keys; those of nested objects must not be dropped."""
        is_nested = any(pa.types.is_nested(field.type) for field in self.schema)
        return ("infer" if is_nested else "ignore") if self.ignores else "error"

    def _parse_slowly(self, block: Block, shown: str, row: int) -> pa.RecordBatch:
        """Parse line by line: some value is spelled in another way, or is wrong."""
        rows = [*_objects(block, shown, row)]
        if not self.ignores:
            _check_fields(rows, self.schema.names, shown, row)
        faults: list[Diagnostic] = []
        columns = [self._column(field, rows, shown, row, faults) for field in self.schema]
        with naming(shown):
            raise_all(faults)
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _column(
        self,
        field: pa.Field,
        rows: Sequence[dict[str, Any]],
        shown: str,
        row: int,
        faults: list[Diagnostic],
    ) -> pa.Array:
        values = [object_.get(field.name) for object_ in rows]
        if field.name in self.numbers:
            return pa.array(self._numbers(field.name, values, row, faults), pa.float64())
        try:
            array = pa.array(values, field.type)
        except _UNFIT:
            raise _unfit(field, values, shown, row) from None
        if not _is_same(values, array.to_pylist()):
            raise _unfit(field, values, shown, row)
        return array

    def _numbers(
        self, name: str, values: Sequence[Any], row: int, faults: list[Diagnostic]
    ) -> Sequence[float | None]:
        numbers = [*map(_double, values)]
        pairs = enumerate(zip(values, numbers, strict=True))
        wrong = [i for i, (value, number) in pairs if number is None and value is not None]
        if wrong and not self.tolerates:
            faults.append(not_a_number(name, _shown(values[wrong[0]]), row + wrong[0], len(wrong)))
        return numbers


def _may_be_objects(block: Block) -> bool:
    """Whether all lines begin as objects do: Arrow takes the line `null` for a row of nulls."""
    starts = np.concatenate([[0], block.ends[:-1]])
    return bool((np.frombuffer(block.data, np.uint8)[starts] == _BRACE).all())


def _double(value: object) -> float | None:
    """Return a JSON value as a double; None if it is none, too large, or an integer beyond 2^53."""
    if isinstance(value, str):
        return SPECIAL.get(value)
    if isinstance(value, int):
        return float(value) if abs(value) <= LARGEST and not isinstance(value, bool) else None
    return value if isinstance(value, float) and not isinstance(value, _TooLarge) else None


def _has_large(table: pa.Table) -> bool:
    """Whether a double, nested or not, may be an integer beyond 2^53, which Arrow rounds."""
    columns = table.columns
    while columns:
        column = columns.pop()
        if pa.types.is_struct(column.type):
            columns += column.flatten()
        elif pa.types.is_list(column.type):
            columns.append(pc.list_flatten(column))
        elif pa.types.is_floating(column.type) and has_large(column):
            return True
    return False


def _is_same(values: object, stored: object) -> bool:
    """Whether values of JSON are what Arrow made of them: it converts some without an error."""
    pairs = [(values, stored)]
    while pairs:
        value, kept = pairs.pop()
        if isinstance(value, dict) and isinstance(kept, dict):
            if not all(name in kept for name in value):
                return False
            pairs += [(value.get(name), member) for name, member in kept.items()]
        elif isinstance(value, list) and isinstance(kept, list):
            pairs += zip(value, kept, strict=True)
        elif type(value) is not type(kept) and (type(value), type(kept)) != (int, float):
            return False
    return True


def _objects(block: Block, shown: str, row: int) -> Iterator[dict[str, Any]]:
    start = 0
    for i, end in enumerate(block.ends.tolist()):
        line = block.data[start:end]
        start = end
        if row + i == 0:
            line = line.removeprefix(BOM)
        try:
            value = json.loads(
                line.decode(), parse_constant=_NUMBERS.get, parse_float=_TooLarge.or_float,
                object_pairs_hook=_unique,
            )  # fmt: skip
        except _DuplicateKeyError as error:
            raise _not_an_object(f"has the key {error} twice", shown, row + i) from None
        except RecursionError:
            raise _not_an_object("is nested too deeply", shown, row + i) from None
        except ValueError:
            raise _not_an_object(f"is not JSON: {quoted(_text(line))}", shown, row + i) from None
        if not isinstance(value, dict):
            raise _not_an_object(f"is {quoted(value)}", shown, row + i)
        _check_keys(value, shown, row + i)
        yield value


def _check_keys(value: dict[str, Any], shown: str, row: int) -> None:
    r"""Refuse keys that no text can be: with half of a pair of surrogates, such as `\ud800`."""
    try:
        "".join(value).encode()
    except UnicodeEncodeError:
        raise _not_an_object("has a key that is not Unicode", shown, row) from None


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _DuplicateKeyError(quoted(next(key for key in keys if keys.count(key) > 1)))
    return members


def _text(line: bytes) -> str:
    return line.decode(errors="replace").strip()


def _not_an_object(what: str, shown: str, row: int) -> GraphError:
    message = f"row {row:,}, counted from 0, {what}"
    expected = 'an object on one line, for example {"x1": 0.5}'
    return GraphError.of("syntax", message, (row,), expected=expected, file=shown)


def _check_fields(
    rows: Sequence[dict[str, Any]], names: Sequence[str], shown: str, row: int
) -> None:
    for i, members in enumerate(rows):
        for name in members:
            if name not in names:
                message = f"row {row + i:,}, counted from 0, has a column {quoted(name)}, which "
                message += f"the first {_LOOKED_AT:,} rows lack"
                fix = "name the columns to keep with --keep"
                raise GraphError.of("column", message, (row + i, name), fix=fix, file=shown)


def _unfit(field: pa.Field, values: Sequence[Any], shown: str, row: int) -> GraphError:
    """Return the error for the first value that doesn't fit its column."""
    at, value = next((i, value) for i, value in enumerate(values) if not _fits(value, field.type))
    message = f"{quoted(field.name)} is {_shown(value)} in row {row + at:,}, counted from 0"
    expected = f"{field.type}, as in the first {_LOOKED_AT:,} rows"
    fix = "leave the column out with --keep"
    return GraphError.of(
        "column", message, (row + at, field.name), expected=expected, fix=fix, file=shown
    )


def _fits(value: object, kind: pa.DataType) -> bool:
    try:
        return _is_same([value], pa.array([value], kind).to_pylist())
    except _UNFIT:
        return False
