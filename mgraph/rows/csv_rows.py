"""CSV as record batches: numbers as doubles, all other columns as the text that they are."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from mgraph.errors import Diagnostic, GraphError, counted, printable, quoted
from mgraph.rows.columns import BAD_ROWS_FIX, LARGEST, naming, raise_all
from mgraph.rows.files import first_line

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from mgraph.rows.records import Block

BOM: Final = b"\xef\xbb\xbf"
"""The byte-order mark of UTF-8, which some programs write before the first row."""

_NUMBER: Final = r"(?i)^[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|nan|inf|infinity)$"
"""How numbers are written; also NaN and infinities."""

_SPELLED: Final = r"(?i)inf"

_INTEGER: Final = r"^[+-]?[0-9]{16,}$"
"""How integers are written that may be beyond 2^53."""


def header_of(block: Block, shown: str) -> list[str]:
    """Return the names of the columns, from a block that begins with the header.

    Raises:
        GraphError: `encoding` if it is not UTF-8; `syntax` if its lines end in CR only; `column` if
            a name is missing, or there twice.
    """
    end = int(block.ends[0])
    try:
        text = block.data[:end].removeprefix(BOM).decode()
    except UnicodeDecodeError:
        message = f"the header of {printable(shown)} is not UTF-8"
        raise GraphError.of("encoding", message, expected="UTF-8", file=shown) from None
    if re.search(r"\r(?!\n)", re.sub(r'"[^"]*"', "", text).rstrip("\r\n")):
        message = f"the lines of {printable(shown)} end in CR only"
        fix = "save it with the line ends of Unix or Windows"
        raise GraphError.of("syntax", message, expected="LF, or CR and LF", fix=fix, file=shown)
    try:
        names = next((row for row in csv.reader(text.splitlines(keepends=True)) if row), [])
    except csv.Error as error:
        message = f"can't read the header of {printable(shown)}: {first_line(error)}"
        raise GraphError.of("syntax", message, file=shown) from None
    check_names(names, shown)
    return names


def check_names(names: Sequence[str], shown: str) -> None:
    """Refuse a table in which a column has no name, or two have the same.

    Raises:
        GraphError: `column`.
    """
    first: dict[str, int] = {}
    twice = next((name for i, name in enumerate(names) if first.setdefault(name, i) != i), None)
    if twice is not None or "" in names:
        what = f"two columns named {quoted(twice)}" if twice else "a column without a name"
        message = f"{printable(shown)} has {what}"
        is_index = names[:1] == [""]
        fix = "write tables of pandas with index=False" if is_index else "rename it"
        expected = "columns with different names"
        raise GraphError.of("column", message, expected=expected, fix=fix, file=shown)


@dataclass(frozen=True)
class CsvColumns:
    """How the records of a CSV file become record batches.

    Attributes:
        header: The names of all columns.
        columns: The names of those that are read.
        numbers: The names of those that the graph reads.
        tolerates: Whether a cell that is not a number becomes null instead of an error.
    """

    header: tuple[str, ...]
    columns: tuple[str, ...]
    numbers: Collection[str]
    tolerates: bool

    @property
    def schema(self) -> pa.Schema:
        """The schema of the batches."""
        return pa.schema(
            [(name, pa.float64() if name in self.numbers else pa.string()) for name in self.columns]
        )

    def parse(self, block: Block, shown: str, row: int) -> pa.RecordBatch:
        """Return the rows of a block.

        Raises:
            GraphError: `syntax` if a row has too many or too few values; `encoding` if a text is
                not UTF-8; `number` if a cell is not a number.
        """
        texts, faults = self._texts(block, shown, row), list[Diagnostic]()
        columns = [
            self._numbers(name, texts.column(i), row, faults) if name in self.numbers
            else texts.column(i)
            for i, name in enumerate(self.columns)
        ]  # fmt: skip
        with naming(shown):
            raise_all(faults)
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _texts(self, block: Block, shown: str, row: int) -> pa.RecordBatch:
        check_text(block, shown, row)
        ragged: list[Any] = []
        read = arrow_csv.ReadOptions(
            use_threads=False, block_size=len(block.data) + 1, column_names=self.header
        )
        parse = arrow_csv.ParseOptions(
            newlines_in_values=True,
            invalid_row_handler=_collecting(ragged),
            ignore_empty_lines=len(self.header) > 1,
        )
        convert = arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(self.columns, pa.string()),
            include_columns=self.columns,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        try:
            table = arrow_csv.read_csv(pa.py_buffer(block.data), read, parse, convert)
        except pa.ArrowInvalid as error:
            message = f"can't read {printable(shown)}: {first_line(error)}"
            raise GraphError.of("syntax", message, file=shown) from None
        if ragged:
            raise _ragged(ragged[0], shown, row)
        return table.combine_chunks().to_batches()[0]

    def _numbers(self, name: str, texts: pa.Array, row: int, faults: list[Diagnostic]) -> pa.Array:
        values = doubles_of_texts(texts)
        if values.null_count and not self.tolerates:
            first = pc.index(values.is_null(), value=True).as_py()
            cell = texts[first].as_py()
            shown = quoted(cell) if cell else "empty"
            faults.append(not_a_number(name, shown, row + first, values.null_count))
        return values


def not_a_number(name: str, value: str, row: int, count: int) -> Diagnostic:
    """Return the fault of the first of some values, as messages show it, that are not numbers."""
    message = f"{quoted(name)} is {value} in row {row:,}, counted from 0"
    message += f", the first of {count:,} such rows" if count > 1 else ""
    expected = 'a number that a double holds (integers up to 2^53), "nan", "inf" or "-inf"'
    return Diagnostic("number", message, (row, name), expected, BAD_ROWS_FIX)


def _collecting(ragged: list[Any]) -> Callable[[Any], str]:
    """Return a handler of rows of the wrong length that collects them."""

    def collect(invalid: Any) -> str:  # noqa: ANN401 - pyarrow's InvalidRow
        ragged.append(invalid)
        return "skip"

    return collect


def _ragged(invalid: Any, shown: str, row: int) -> GraphError:  # noqa: ANN401 - pyarrow's InvalidRow
    at = row + invalid.number - 1
    values = counted(invalid.actual_columns, "value")
    message = f"row {at:,}, counted from 0, has {values}: {quoted(invalid.text)}"
    expected = f"{invalid.expected_columns}, as in the header"
    fix = "put quotes around fields with commas"
    if invalid.actual_columns < invalid.expected_columns:
        fix = "write all values of the row: a missing one is an empty cell, as in 1,,3"
    return GraphError.of("syntax", message, (at,), expected=expected, fix=fix, file=shown)


def check_text(block: Block, shown: str, row: int) -> None:
    """Refuse what is not UTF-8: Arrow looks at some texts only.

    Raises:
        GraphError: `encoding`.
    """
    try:
        block.data.decode()
    except UnicodeDecodeError as error:
        at = row + int(block.ends.searchsorted(error.start, side="right"))
        message = f"row {at:,}, counted from 0, is not UTF-8"
        fix = "save it as UTF-8"
        raise GraphError.of(
            "encoding", message, (at,), expected="UTF-8", fix=fix, file=shown
        ) from None


def doubles_of_texts(texts: pa.Array) -> pa.Array:
    """Return texts as the nearest doubles.

    They are null for what is not a number, is too large for a double, or is an integer beyond 2^53.
    """
    try:
        values = texts.cast(pa.float64())
        if not has_large(values):
            return values
    except pa.ArrowInvalid:
        pass
    texts = pc.utf8_trim_whitespace(texts)
    texts = pc.if_else(pc.match_substring_regex(texts, _NUMBER), texts, None)
    values = texts.cast(pa.float64())
    is_spelled = pc.match_substring_regex(texts, _SPELLED)
    values = pc.if_else(pc.and_not(pc.is_inf(values), is_spelled), None, values)
    return pc.if_else(_is_large_integer(texts, values), None, values)


def has_large(values: pa.Array) -> bool:
    """Whether doubles may have been integers beyond 2^53, or are infinite."""
    return bool(pc.any(pc.greater_equal(pc.abs(values), float(LARGEST))).as_py())


def _is_large_integer(texts: pa.Array, values: pa.Array) -> pa.Array:
    """Return which texts are integers beyond 2^53, given the doubles that are nearest to them."""
    is_near = pc.greater_equal(pc.abs(values), float(LARGEST))
    indices = pc.indices_nonzero(pc.and_(pc.match_substring_regex(texts, _INTEGER), is_near))
    is_large = np.zeros(len(texts), bool)
    for i in indices.to_pylist():
        is_large[i] = int(texts[i].as_py().lstrip("+-0")) > LARGEST
    return pa.array(is_large)
