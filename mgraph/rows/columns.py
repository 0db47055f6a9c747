"""The columns of a table: which leaf each one is for, and its values as doubles."""

from __future__ import annotations

import re
import shlex
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from mgraph.errors import REPORTED, Diagnostic, GraphError, printable, quoted, some
from mgraph.format.runs import SETTABLE
from mgraph.ops import PARAM
from mgraph.rows.encodings import decoded, filtered
from mgraph.suggestions import Suggestions, closest, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mgraph.graph.columns import Columns

BadRows = Literal["fail", "skip", "null"]

BAD_ROWS: Final = ("fail", "skip", "null")

LARGEST: Final = 2**53
"""Doubles hold every integer up to this magnitude."""

_LOOKED_AT: Final = 100
"""How many columns of a table are compared with the ids of leaves, for a suggestion."""

_NAMED: Final = 3
"""How many inputs without a column a fix names."""


class Binding(NamedTuple):
    """How a table fits a graph.

    Attributes:
        leaves: The index of the column of each leaf that has one, by id.
        schema: The schema of the table with the results.
    """

    leaves: Mapping[str, int]
    schema: pa.Schema


class Doubles(NamedTuple):
    """The values of a column of N rows.

    Attributes:
        values: float64[N]; without meaning in bad rows.
        is_null: bool[N], or None if no row is null.
        is_large: bool[N], the integers beyond 2^53; None if there are none.
    """

    values: NDArray[np.float64]
    is_null: NDArray[np.bool_] | None
    is_large: NDArray[np.bool_] | None


class ReadRows(NamedTuple):
    """Rows of a table, ready to be computed.

    Attributes:
        batch: The rows of the table that have results.
        columns: The values of leaves in these rows, float64[N], by id.
        is_valid: The validity bitmap of the results; None if none is null.
    """

    batch: pa.RecordBatch
    columns: Mapping[str, NDArray[np.float64]]
    is_valid: pa.Buffer | None


class BadRow(NamedTuple):
    """A row that was left out, or has null results.

    Attributes:
        file: Its file; empty for a table in memory.
        row: Its number in that file, from 0.
        column: The first of its columns that is bad.
        reason: What is wrong there, as messages say it after "is".
    """

    file: str
    row: int
    column: str
    reason: str

    def __str__(self) -> str:
        """Return it as messages name it."""
        where = f" of {printable(self.file)}" if self.file else ""
        return f"row {self.row:,}{where} ({quoted(self.column)} is {self.reason})"


BadMask = tuple[str, str, "NDArray[np.bool_] | None"]
"""The name of a column, what is wrong with its values, and bool[N], where; None for nowhere."""

BAD_NAMED: Final = 5
"""How many bad rows are named, at most."""

BAD_ROWS_FIX: Final = (
    'correct such rows, leave them out with --bad-rows skip (in Python bad_rows="skip"), or give '
    "them null results with null"
)

_COMMAS: Final = "put commas between columns, instead of semicolons or tabs"

# --- schemas ---


def bind(
    schema: pa.Schema,
    graph: Columns,
    given: Mapping[str, str],
    results: Sequence[str],
    *,
    nullable: bool,
) -> Binding:
    """Find the column of each leaf that has one, and make the schema of what comes out.

    Args:
        schema: The schema of the table.
        graph: The graph.
        given: The names of the columns of some inputs and params, by id; an empty one is for a leaf
            that keeps its declared value. All others have the column of their own name, if there is
            one.
        results: The names of the columns of results.
        nullable: Whether results can be null.

    Raises:
        GraphError: `column` if a column is not there, is there twice, or doesn't hold numbers, if
            there is none, or if one has the name of a result; `unbound-input` if an input has
            neither a column nor a declared value.
    """
    by_leaf = {name: name for name in schema.names if _is_settable(graph, name)} | {**given}
    by_leaf = {leaf: name for leaf, name in by_leaf.items() if name}
    missing = [graph.ids[node] for node in graph.unbound() if graph.ids[node] not in by_leaf]
    faults = [unbound_fault(missing, schema.names)] if missing else []
    if not by_leaf and not faults:
        faults.append(_no_columns(graph, schema.names))
    for leaf, name in by_leaf.items():
        faults.extend(_column_faults(schema, graph, leaf, name))
    faults.extend(_collisions(schema.names, results))
    raise_all(faults)
    indices = {leaf: schema.get_field_index(name) for leaf, name in by_leaf.items()}
    fields = [pa.field(name, pa.float64(), nullable=nullable) for name in results]
    return Binding(indices, pa.schema([*schema, *fields], schema.metadata))


def _is_settable(graph: Columns, name: str) -> bool:
    node = graph.index.get(name)
    return node is not None and graph.op(node) in SETTABLE


def unbound_fault(missing: Sequence[str], names: Sequence[str], fix: str = "") -> Diagnostic:
    """Return the fault of inputs that have neither a column nor a declared value.

    Args:
        missing: Their ids.
        names: The columns of the table.
        fix: What can be done about it; empty to name their columns.
    """
    shown = some(map(quoted, missing))
    message = f"the inputs {shown} have neither columns nor declared values"
    if len(missing) == 1:
        message = f"the input {shown} has neither a column nor a declared value"
    expected = f"a column {'for each' if len(missing) > 1 else printable(missing[0])}"
    expected += f"; the table has {some(map(quoted, names), 10)}"
    blanks = [name for name in names if name != name.strip() and name.strip() in missing]
    if _is_joined(names):
        fix = _COMMAS
    elif blanks:
        fix = f"leave out the blanks around names in the header: {some(map(quoted, blanks))}"
    elif not fix:
        fix = f"name their columns, {columns_fix(missing, names)}"
        fix = fix if len(missing) > 1 else fix.replace("their columns", "its column")
    return Diagnostic("unbound-input", message, expected=expected, fix=fix)


def columns_fix(leaves: Sequence[str], names: Sequence[str]) -> str:
    """Return the options that name the columns of some leaves, with columns that have like names.

    Args:
        leaves: The ids of the leaves.
        names: The columns of the table.
    """
    suggestions = Suggestions()
    meant = [suggestions.closest(leaf, names) for leaf in leaves[:_NAMED]]
    columns = [name if meant.count(name) == 1 else "" for name in meant]
    pairs = (
        f"--column {shlex.quote(f'{leaf}={column}') if column else f'{leaf}=…'}"
        for leaf, column in zip(leaves, columns, strict=False)
    )
    return f"{printable(' '.join(pairs))} (columns= in Python)"


def names_in_blanks(graph: Columns, taken: Collection[str], unused: Iterable[str]) -> Iterator[str]:
    """Yield what is odd about columns that are not used because of blanks around their names.

    Args:
        graph: The graph.
        taken: The leaves that have a column, or are to have none.
        unused: The columns of the table that no leaf has.
    """
    for name in unused:
        leaf = name.strip()
        if leaf != name and _is_settable(graph, leaf) and leaf not in taken:
            option = printable(f"--column {shlex.quote(f'{leaf}={name}')}")
            yield (
                f"is the column {quoted(name)} meant for {leaf}? Then leave out the blanks, or use "
                f"{option}"
            )


def _is_joined(names: Sequence[str]) -> bool:
    """Whether a table has a single column whose name looks like several ones."""
    return len(names) == 1 and any(mark in names[0] for mark in ";\t|")


def _no_columns(graph: Columns, names: Sequence[str]) -> Diagnostic:
    leaves = [graph.ids[node] for node in graph.leaves if graph.op(node) in SETTABLE]
    expected = f"one of {some(leaves)}" if leaves else "a graph with inputs or params"
    suggestions = Suggestions()
    pairs = ((suggestions.closest(name, leaves), name) for name in names[:_LOOKED_AT])
    leaf, name = next((pair for pair in pairs if pair[0]), ("", ""))
    message = "no column of the table has the name of an input or param"
    fix = _COMMAS if _is_joined(names) else _column_fix(leaf, name)
    return Diagnostic("column", message, expected=expected, fix=fix)


def _column_fix(leaf: str, column: str) -> str:
    """Say how a leaf takes the values of a column of another name; nothing without a column."""
    how = f"use --column {shlex.quote(f'{leaf}={column}')} (columns= in Python)"
    return f"if {quoted(column)} is the column of {quoted(leaf)}, {how}" if column else ""


def listed(names: Iterable[str]) -> str:
    """List a few names of columns for a message; in quotes if they are more than a word."""
    return some(name if re.fullmatch(r"[\w.:/-]+", name) else quoted(name) for name in names)


def _collisions(names: Sequence[str], results: Sequence[str]) -> Iterator[Diagnostic]:
    taken = dict.fromkeys(names)
    for name in results:
        if name in taken:
            message = f"the table has a column {quoted(name)}, and so have the results"
            fix = "rename the table's column, or leave it out (--keep)"
            yield Diagnostic("column", message, expected="another name", fix=fix)


def _column_faults(schema: pa.Schema, graph: Columns, leaf: str, name: str) -> Iterator[Diagnostic]:
    indices = schema.get_all_field_indices(name)
    if not indices:
        message = f"the table has no column {quoted(name)} for {quoted(leaf)}"
        expected = f"one of {listed(schema.names)}" if schema.names else "a table with columns"
        fix = did_you_mean(closest(name, schema.names))
        yield Diagnostic("column", message, expected=expected, fix=fix)
    elif len(indices) > 1:
        message = f"the table has {len(indices)} columns {quoted(name)}"
        yield Diagnostic("column", message, expected="one", fix="rename the others")
    elif not is_number(kind := schema.field(indices[0]).type):
        message = f"the column {quoted(name)} is {kind}"
        expected = "floating-point numbers, integers or decimals"
        fix = "cast it to float64, for example, where the table is made"
        fix += _param_fix(graph, leaf)
        yield Diagnostic("column", message, expected=expected, fix=fix)


def _param_fix(graph: Columns, leaf: str) -> str:
    """Return what else can be done about a column that a param reads; empty for an input.

    Whoever has trained a graph may not expect that its params read columns.
    """
    if graph.op(graph.index[leaf]) != PARAM:
        return ""
    shown = printable(leaf)
    python = f"columns={{{quoted(leaf)}: {quoted('')}}} in Python"
    keeping = f"--column {shlex.quote(f'{shown}=')} ({python}) keeps its declared value"
    return f"; the param {shown} takes its values from this column: {keeping}"


def raise_all(faults: Sequence[Diagnostic]) -> None:
    """Raise an error if there are faults.

    Raises:
        GraphError: There are.
    """
    if faults:
        raise GraphError(faults[:REPORTED], max(0, len(faults) - REPORTED))


# --- values ---


def is_number(kind: pa.DataType) -> bool:
    """Whether columns of an Arrow type hold numbers, or are all null."""
    while isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if pa.types.is_dictionary(kind) or pa.types.is_run_end_encoded(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_floating(kind) or pa.types.is_integer(kind)
        or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    )  # fmt: skip


def doubles_of(column: pa.Array) -> Doubles:
    """Return the values of a column of numbers as doubles.

    Floats and integers up to 2^53 are exact; decimals are rounded to nearest. A float64 column is
    not copied.
    """
    column = _plain(column)
    is_null = column.is_null().to_numpy(zero_copy_only=False) if column.null_count else None
    values = _without_nulls(column).to_numpy(zero_copy_only=True)
    is_large = _is_large(values) if values.dtype.itemsize == 8 else None  # noqa: PLR2004 - bytes
    if is_large is not None and is_null is not None:
        is_large &= ~is_null
    if is_large is not None and not is_large.any():
        is_large = None
    return Doubles(values.astype(np.float64, copy=False), is_null, is_large)


def _plain(column: pa.Array) -> pa.Array:
    """Return a column as floats or integers, without any encoding.

    Raises:
        ArrowException: Something in the column refers to what is not there.
    """
    while isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    is_dictionary = pa.types.is_dictionary(column.type)
    is_run_ends = pa.types.is_run_end_encoded(column.type)
    column.validate(full=is_dictionary or is_run_ends)  # decoding trusts it
    if is_dictionary:
        column = decoded(column)
    elif is_run_ends:
        from pyarrow.compute import run_end_decode  # noqa: PLC0415 - slow to import

        column = run_end_decode(column)
    if pa.types.is_decimal(column.type):  # by way of text, because Arrow's own cast misrounds
        return column.cast(pa.string()).cast(pa.float64())
    return column.cast(pa.float64()) if pa.types.is_null(column.type) else column


def _without_nulls(column: pa.Array) -> pa.Array:
    """Return the same memory as a column in which no row is null."""
    if not column.null_count:
        return column
    _, values = column.buffers()
    return pa.Array.from_buffers(column.type, len(column), [None, values], 0, column.offset)


def _is_large(values: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Return which integers are beyond 2^53; None for floats."""
    if values.dtype.kind == "f":
        return None
    is_large: NDArray[np.bool_] = values > LARGEST
    return is_large if values.dtype.kind == "u" else is_large | (values < -LARGEST)


# --- rows ---


def read_rows(
    batch: pa.RecordBatch, leaves: Mapping[str, int], bad_rows: BadRows, row: int = 0
) -> ReadRows:
    """Read the values of leaves from a batch.

    Args:
        batch: The rows.
        leaves: The index of the column of each leaf that has one, by id.
        bad_rows: What to do about rows in which a column is null, or an integer beyond 2^53:
            `"fail"`, `"skip"` or `"null"`.
        row: The number of the first row.

    Raises:
        GraphError: `number` if a row is bad and `bad_rows` is `"fail"`; `column` if the memory of a
            column is damaged.
    """
    numbers = {index: _read(batch, index) for index in leaves.values()}
    columns = {leaf: numbers[index].values for leaf, index in leaves.items()}
    is_bad = _bad_rows(numbers.values())
    if is_bad is None:
        return ReadRows(batch, columns, None)
    if bad_rows == "fail":
        faults = (_faults(batch, index, doubles, row) for index, doubles in numbers.items())
        raise_all([*chain.from_iterable(faults)])
    is_good = pa.array(~is_bad)
    if bad_rows == "null":
        return ReadRows(batch, columns, is_good.buffers()[1])
    kept = {leaf: values[~is_bad] for leaf, values in columns.items()}
    return ReadRows(filtered(batch, is_good), kept, None)


def bad_masks(batch: pa.RecordBatch, names: Iterable[str]) -> Iterator[BadMask]:
    """Yield where the values of some columns are bad."""
    for name in dict.fromkeys(names):
        doubles = _read(batch, batch.schema.get_field_index(name))
        yield name, "missing, not a number, or too large", doubles.is_null
        yield name, "an integer beyond 2^53", doubles.is_large


def first_bad_rows(masks: Iterable[BadMask], file: str, row: int) -> list[BadRow]:
    """Return the first bad rows of a batch.

    Args:
        masks: What is bad.
        file: The file of the rows.
        row: The number of the first row of the batch.
    """
    rows: dict[int, BadRow] = {}
    for name, reason, mask in masks:
        places = [] if mask is None else np.flatnonzero(mask)[:BAD_NAMED].tolist()
        for at in places:
            rows.setdefault(at, BadRow(file, row + at, name, reason))
    return [rows[at] for at in sorted(rows)][:BAD_NAMED]


def bad_rows_named(rows: Sequence[BadRow], count: int) -> str:
    """Return a note that names the first of some bad rows."""
    others = f", and {count - len(rows):,} more" if count > len(rows) else ""
    return f"bad rows, counted from 0: {', '.join(map(str, rows))}{others}"


def _read(batch: pa.RecordBatch, index: int) -> Doubles:
    try:
        return doubles_of(batch.column(index))
    except pa.ArrowException as error:
        name = quoted(batch.schema.names[index])
        message = f"the column {name} is damaged: {printable(str(error))}"
        raise GraphError.of("column", message, expected="a column that Arrow finds valid") from None


def _bad_rows(columns: Iterable[Doubles]) -> NDArray[np.bool_] | None:
    """Return bool[N], the rows in which some column is bad; None if there are none."""
    masks = [mask for doubles in columns for mask in doubles[1:] if mask is not None]
    return np.logical_or.reduce(masks) if masks else None


def _faults(batch: pa.RecordBatch, index: int, doubles: Doubles, row: int) -> Iterator[Diagnostic]:
    """Yield the faults of a column's values: the first null, the first integer too large."""
    name = batch.schema.names[index]
    kinds = (
        (doubles.is_null, "a number in every row; rows are counted from 0"),
        (
            doubles.is_large,
            "an integer from -2^53 to 2^53, which a double can hold; rows are counted from 0",
        ),
    )
    for mask, expected in kinds:
        if mask is not None:
            first, count = int(mask.argmax()), int(np.count_nonzero(mask))
            value = batch.column(index)[first].as_py()
            message = f"{quoted(name)} is {'null' if value is None else value} in row {row + first}"
            message += f", the first of {count:,} such rows" if count > 1 else ""
            yield Diagnostic("number", message, (row + first, name), expected, BAD_ROWS_FIX)


@contextmanager
def naming_params(graph: Columns, leaves: Mapping[str, str]) -> Iterator[None]:
    """Say in errors about the values of a column that a param reads it.

    Args:
        graph: The graph.
        leaves: The name of the column of each leaf that has one, by id.

    Raises:
        GraphError: The block raised it.
    """
    try:
        yield
    except GraphError as error:
        fixes = {name: _param_fix(graph, leaf) for leaf, name in leaves.items()}
        told = [
            replace(diagnostic, fix=diagnostic.fix + fixes.get(str(diagnostic.path[-1]), ""))
            if diagnostic.code == "number" and diagnostic.path else diagnostic
            for diagnostic in error.diagnostics
        ]  # fmt: skip
        raise GraphError(told, error.more) from None


@contextmanager
def naming(file: str) -> Iterator[None]:
    """Put the name of a file into the errors of a block.

    Raises:
        GraphError: The block raised it.
    """
    try:
        yield
    except GraphError as error:
        raise error.named(file) from None
