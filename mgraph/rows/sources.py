"""Where rows come from: files, a stream, or a table in memory."""

from __future__ import annotations

import hashlib
import io
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

import pyarrow as pa
from pyarrow import ipc

from mgraph.errors import GraphError, printable, quoted, some
from mgraph.rows.arrow_rows import (
    RowRange,
    arrow_batches,
    arrow_schema,
    check_end,
    hash_arrow,
    hash_parquet,
    parquet_batches,
    parquet_groups,
    parquet_schema,
    sliced,
)
from mgraph.rows.columns import is_number
from mgraph.rows.csv_rows import CsvColumns, check_names, header_of
from mgraph.rows.files import RowFormat, reading, sniffed
from mgraph.rows.json_rows import JsonColumns, json_fields
from mgraph.rows.records import BLOCK, Block, blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from mgraph.rows.files import RowFile

_EVERYTHING: Final = RowRange(0, 2**63 - 1)

_NAME: Final = "standard input"


class Piece(NamedTuple):
    """Some rows that follow each other in a file.

    Attributes:
        batch: The rows.
        shown: What messages call the file; empty for a table in memory.
        row: The number of the first one in the file, from 0.
        share: How much of all rows they and those before are, from 0 to 1; None if unknown.
    """

    batch: pa.RecordBatch
    shown: str
    row: int
    share: float | None = None


class Part(NamedTuple):
    """The rows of one part: a range of rows of one file.

    Attributes:
        file: The index of the file.
        row: The number of the first row in the file, from 0.
        rows: How many rows.
        start: Where they start in a text file, in bytes; else 0.
        stop: Where they stop.
    """

    file: int
    row: int
    rows: int
    start: int = 0
    stop: int = 0


class TextRules(NamedTuple):
    """How text is read.

    Attributes:
        numbers: The names of the columns that the graph would read: only these hold numbers.
        tolerates: Whether a cell that is not a number becomes null instead of an error.
        ignores: Whether a row of JSON lines may have columns that the first rows lack.
        only_read: The names of those of `numbers` that are not written: in each file, they may have
            another type of numbers.
    """

    numbers: Collection[str]
    tolerates: bool
    ignores: bool
    only_read: Collection[str] = ()


class Source(ABC):
    """Rows that can be read in order.

    Attributes:
        schema: The columns; numbers that the graph reads from text are float64.
        shown: What messages about the columns call it.
    """

    schema: pa.Schema
    shown: str

    @abstractmethod
    def pieces(self, columns: Sequence[str]) -> Iterator[Piece]:
        """Yield all rows in order, with some of the columns."""


# --- files ---


@dataclass(frozen=True)
class FileSource(Source):
    """Rows in files of one format, with the same columns.

    Attributes:
        files: The files, in order.
        format: How their rows are stored.
        rules: How text is read.
    """

    files: tuple[RowFile, ...]
    format: RowFormat
    schema: pa.Schema
    rules: TextRules

    @property
    def shown(self) -> str:  # type: ignore[override]
        """The name of the first file."""
        return self.files[0].shown

    def pieces(self, columns: Sequence[str]) -> Iterator[Piece]:
        """Yield all rows in order, with some of the columns.

        Raises:
            GraphError: A file can't be read, or has other columns than the first; or there are no
                rows.
        """
        count = 0
        for i, file in enumerate(self.files):
            self._check(file)
            for piece in self._pieces(i, columns, None, None):
                count += piece.batch.num_rows
                yield piece._replace(share=self._share(i, piece.share or 0.0))
        if not count:
            raise no_rows(self.shown)

    def _share(self, index: int, share: float) -> float:
        """Return the share of all bytes that a share of a file and the files before it have."""
        sizes = [file.size for file in self.files]
        return (sum(sizes[:index]) + share * sizes[index]) / max(1, sum(sizes))

    def part(
        self,
        part: Part,
        columns: Sequence[str],
        digest: Any = None,  # noqa: ANN401 - of hashlib
    ) -> Iterator[Piece]:
        """Yield the rows of a part.

        Args:
            part: Which rows.
            columns: The names of the columns.
            digest: Is updated with the names of the file's columns, and the bytes that are read.
        """
        if digest is not None:
            digest.update(self._names)
        return self._pieces(part.file, columns, part, digest)

    def digest(self, part: Part) -> str:
        """Return the SHA-256 of what `part` reads."""
        digest = hashlib.sha256(self._names)
        file, rows = self.files[part.file], RowRange(part.row, part.row + part.rows)
        if not _is_text(self.format):
            _HASHES[self.format](file, rows, digest)
            return digest.hexdigest()
        with reading(file.shown), file.open() as opened:
            opened.seek(part.start)
            while _read_range(opened, part.stop, digest, BLOCK):
                pass
        return digest.hexdigest()

    @property
    def _names(self) -> bytes:
        return "\n".join(self.schema.names).encode()

    def most_rows(self, columns: int) -> int:
        """Return how many rows there can be at most, without reading text.

        Args:
            columns: How many columns of a row of text are not empty.
        """
        if _is_text(self.format):  # each value takes a character, and so does what follows it
            return sum(file.size // (2 * max(1, columns)) + 1 for file in self.files)
        return sum(_SCHEMAS[self.format](file)[1] for file in self.files)

    def parts(self, most: int, *, whole_groups: bool = False) -> list[Part]:
        """Cut each file into parts of so many rows; its last part may have fewer.

        Args:
            most: How many rows.
            whole_groups: Whether the row groups of Parquet files are not cut, which must be decoded
                from their start: parts can then have fewer or more rows.

        Raises:
            GraphError: As for `pieces`.
        """
        parts: list[Part] = []
        for i, file in enumerate(self.files):
            self._check(file)
            if _is_text(self.format):
                parts += self._text_parts(i, most)
            elif whole_groups and self.format == RowFormat.PARQUET:
                parts += self._group_parts(i, most)
            else:
                parts += self._parts(i, most)
        if not parts:
            raise no_rows(self.shown)
        return parts

    def _parts(self, index: int, most: int) -> Iterator[Part]:
        _, rows = _SCHEMAS[self.format](self.files[index])
        for row in range(0, rows, most):
            yield Part(index, row, min(most, rows - row))

    def _group_parts(self, index: int, most: int) -> Iterator[Part]:
        start = stop = 0
        for rows in parquet_groups(self.files[index]):
            if start < stop and stop + rows - start > most:
                yield Part(index, start, stop - start)
                start = stop
            stop += rows
        if start < stop:
            yield Part(index, start, stop - start)

    def _text_parts(self, index: int, most: int) -> Iterator[Part]:
        file = self.files[index]
        with reading(file.shown), file.open() as opened:
            _, row_blocks = _text_blocks(self.format, opened.read, file.shown)
            row, count, start, stop = 0, 0, None, 0
            for block in row_blocks:
                start = block.start if start is None else start
                while row + most - count <= block.ends.size:
                    stop = block.start + int(block.ends[row + most - count - 1])
                    yield Part(index, row, most, start, stop)
                    row, start = row + most, stop
                count += block.ends.size
                stop = block.start + len(block.data)
            if count > row and start is not None:
                yield Part(index, row, count - row, start, stop)

    def _pieces(
        self,
        index: int,
        columns: Sequence[str],
        part: Part | None,
        digest: Any,  # noqa: ANN401
    ) -> Iterator[Piece]:
        file = self.files[index]
        if _is_text(self.format):
            yield from self._text_pieces(file, columns, part, digest)
            return
        rows = RowRange(part.row, part.row + part.rows) if part else _EVERYTHING
        row, count = rows.start, None if part else _SCHEMAS[self.format](file)[1]
        for batch in _BATCHES[self.format](file, rows, columns, digest):
            share = (row + batch.num_rows) / count if count else None
            yield Piece(batch, file.shown, row, share)
            row += batch.num_rows

    def _text_pieces(
        self,
        file: RowFile,
        columns: Sequence[str],
        part: Part | None,
        digest: Any,  # noqa: ANN401
    ) -> Iterator[Piece]:
        parse = parser(self.format, self.schema, columns, self.rules)
        with reading(file.shown), file.open() as opened:
            if part is None:
                _, row_blocks = _text_blocks(self.format, opened.read, file.shown)
                at_lines = _with_lines(file, parse, 0)
                yield from _parsed(row_blocks, at_lines, file.shown, 0, file.size)
                return
            opened.seek(part.start)
            read = partial(_read_range, opened, part.stop, digest)
            is_csv = self.format == RowFormat.CSV
            blank_rows = is_csv and len(self.schema.names) == 1
            row_blocks = blocks(
                read, file.shown, quotes=is_csv, row=part.row, blank_rows=blank_rows
            )
            at_lines = _with_lines(file, parse, part.start or 0)
            yield from _parsed(row_blocks, at_lines, file.shown, part.row)

    def _check(self, file: RowFile) -> None:
        """Check that a file has the columns of the first one.

        Raises:
            GraphError: `column` if it has not.
        """
        if file is self.files[0] or self.format == RowFormat.JSON_LINES:
            return
        schema = schema_of(file, self.format, self.rules)
        if schema is not None and self._fields(schema) != self._fields(self.schema):
            what = "other columns"
            if schema.names == self.schema.names:
                what = "columns of other types"
            elif {*schema.names} == {*self.schema.names}:
                what = "the same columns in another order"
            expected, other = self._difference(schema)
            message = f"{printable(file.shown)} has {what} than {printable(self.shown)}: {other}"
            raise GraphError.of("column", message, expected=expected, file=file.shown)

    def _fields(self, schema: pa.Schema) -> list[tuple[str, object]]:
        """Return names and types, by which files are compared."""
        return [(field.name, self._kind(field)) for field in schema]

    def _kind(self, field: pa.Field) -> object:
        """Return the type of a column; "number" for any, if that makes no difference."""
        is_any = field.name in self.rules.only_read and is_number(field.type)
        return "number" if is_any else field.type

    def _difference(self, other: pa.Schema) -> tuple[str, str]:
        """Return how another schema differs: names, or types of the first column that differs."""
        first = self.schema
        if first.names != other.names:
            return some(map(quoted, first.names)), some(map(quoted, other.names))
        pairs = zip(first, other, strict=True)
        here, there = next(pair for pair in pairs if self._kind(pair[0]) != self._kind(pair[1]))
        return f"{quoted(here.name)} as {here.type}", f"{quoted(there.name)} is {there.type}"


def no_rows(shown: str) -> GraphError:
    """Return the error for an input without rows."""
    message = f"there are no rows in {printable(shown)}"
    return GraphError.of("column", message, expected="at least one row", file=shown)


def _is_text(kind: RowFormat) -> bool:
    return kind in (RowFormat.CSV, RowFormat.JSON_LINES)


def _read_range(opened: pa.NativeFile, stop: int, digest: Any, most: int) -> bytes:  # noqa: ANN401
    data: bytes = opened.read(max(0, min(most, stop - opened.tell())))
    if digest is not None:
        digest.update(data)
    return data


def file_source(files: Sequence[RowFile], kind: RowFormat, rules: TextRules) -> FileSource:
    """Return the rows of files.

    Raises:
        GraphError: The first file with rows can't be read, or its columns are not right.
    """
    for file in files:
        schema = schema_of(file, kind, rules)
        if schema is not None:
            break
    else:
        raise no_rows(files[0].shown)
    return FileSource(tuple(files), kind, schema, rules)


def schema_of(file: RowFile, kind: RowFormat, rules: TextRules) -> pa.Schema | None:
    """Return the columns of a file; None if it has no rows to tell them by."""
    if not _is_text(kind):
        schema, _ = _SCHEMAS[kind](file)
        check_names(schema.names, file.shown)
        return schema
    with reading(file.shown), file.open() as opened:
        schema, _ = text_schema(kind, opened.read, file.shown, rules)
        return schema


_SCHEMAS: Final[dict[RowFormat, Callable[[RowFile], tuple[pa.Schema, int]]]] = {
    RowFormat.PARQUET: parquet_schema,
    RowFormat.ARROW: arrow_schema,
    RowFormat.ARROW_STREAM: arrow_schema,
}

_BATCHES: Final[dict[RowFormat, Callable[..., Iterator[pa.RecordBatch]]]] = {
    RowFormat.PARQUET: parquet_batches,
    RowFormat.ARROW: arrow_batches,
    RowFormat.ARROW_STREAM: arrow_batches,
}

_HASHES: Final[dict[RowFormat, Callable[[RowFile, RowRange, Any], None]]] = {
    RowFormat.PARQUET: hash_parquet,
    RowFormat.ARROW: hash_arrow,
    RowFormat.ARROW_STREAM: hash_arrow,
}

# --- text ---

_FROM_0: Final = "counted from 0"


def _text_blocks(
    kind: RowFormat, read: Callable[[int], bytes], shown: str
) -> tuple[list[str], Iterator[Block]]:
    """Return the header of a text, which JSON lines don't have, and its blocks of rows.

    Raises:
        GraphError: `column` if there is no header.
    """
    if kind == RowFormat.JSON_LINES:
        return [], blocks(read, shown, quotes=False)
    row_blocks = blocks(read, shown, quotes=True, row=-1, blank_rows=None)
    first = next(row_blocks, None)
    if first is None:
        message = f"{printable(shown)} is empty"
        raise GraphError.of("column", message, expected="a header and rows", file=shown)
    rest = first.after(0)
    return header_of(first, shown), chain([rest] if rest.ends.size else [], row_blocks)


def text_schema(
    kind: RowFormat, read: Callable[[int], bytes], shown: str, rules: TextRules
) -> tuple[pa.Schema | None, Iterator[Block]]:
    """Return the columns of a text, if it has any rows to tell them by, and its blocks of rows."""
    names, row_blocks = _text_blocks(kind, read, shown)
    if kind == RowFormat.CSV:
        columns = CsvColumns(tuple(names), tuple(names), rules.numbers, rules.tolerates)
        return columns.schema, row_blocks
    first = next(row_blocks, None)
    if first is None:
        return None, row_blocks
    return json_fields(first, rules.numbers, shown), chain([first], row_blocks)


def parser(
    kind: RowFormat, schema: pa.Schema, columns: Sequence[str], rules: TextRules
) -> Callable[[Block, str, int], pa.RecordBatch]:
    """Return what makes record batches of blocks, with some of the columns."""
    if kind == RowFormat.CSV:
        csv = CsvColumns(tuple(schema.names), tuple(columns), rules.numbers, rules.tolerates)
        return csv.parse
    some_fields = pa.schema([schema.field(name) for name in columns])
    return JsonColumns(some_fields, rules.numbers, rules.ignores, rules.tolerates).parse


def _with_lines(
    file: RowFile, parse: Callable[[Block, str, int], pa.RecordBatch], start: int
) -> Callable[[Block, str, int], pa.RecordBatch]:
    """Return what parses a block of a file and, if a row is wrong, adds its line to the message.

    Args:
        file: The file.
        parse: What parses a block.
        start: Where in the file the first block can start.
    """

    def parsed(block: Block, shown: str, row: int) -> pa.RecordBatch:
        try:
            return parse(block, shown, row)
        except GraphError as error:
            firsts = (next(iter(diagnostic.path), None) for diagnostic in error.diagnostics)
            ats = [at for at in firsts if isinstance(at, int) and 0 <= at - row < block.ends.size]
            if len(ats) < len(error.diagnostics):
                raise
            before = _lines_before(file, start + block.start)
            texts = [f"{_FROM_0} (line {before + block.lines_to(at - row):,})" for at in ats]
            pairs = zip(error.diagnostics, texts, strict=True)
            lined = [replace(x, message=x.message.replace(_FROM_0, text)) for x, text in pairs]
            raise GraphError(lined, error.more) from None

    return parsed


def _lines_before(file: RowFile, stop: int) -> int:
    """Return how many lines end before an offset in a file."""
    with reading(file.shown), file.open() as opened:
        count = 0
        while stop and (data := opened.read(min(stop, BLOCK))):
            count += data.count(b"\n")
            stop -= len(data)
        return count


def _parsed(
    row_blocks: Iterator[Block],
    parse: Callable[[Block, str, int], pa.RecordBatch],
    shown: str,
    row: int,
    size: int = 0,
) -> Iterator[Piece]:
    """Yield blocks as pieces; if the text's size is known, with their share of it."""
    for block in row_blocks:
        share = (block.start + len(block.data)) / size if size else None
        yield Piece(parse(block, shown, row), shown, row, share)
        row += block.ends.size


# --- streams and tables ---


class StreamSource(Source):
    """Rows that arrive on a stream, for example on standard input; they can be read once.

    Attributes:
        format: How they are stored.
    """

    shown = _NAME

    def __init__(self, stream: BinaryIO, kind: RowFormat | None, rules: TextRules) -> None:
        """Read the columns from the start of a stream, whose format may be sniffed.

        Raises:
            GraphError: The stream is empty, or not in a format that can be read as it arrives.
        """
        raw: Any = getattr(stream, "raw", stream)
        buffered = io.BufferedReader(raw, BLOCK)
        self._head, self._rules = buffered.peek(1), rules
        self.format = _stream_format(kind, self._head)
        if self.format == RowFormat.ARROW_STREAM:
            with reading(_NAME):
                self._tail = _Tail(buffered)
                self._reader = ipc.open_stream(self._tail)
            self.schema = self._reader.schema
            check_names(self.schema.names, _NAME)
            return
        schema, self._blocks = text_schema(self.format, buffered.read1, _NAME, rules)
        if schema is None:
            raise no_rows(_NAME)
        self.schema = schema

    def pieces(self, columns: Sequence[str]) -> Iterator[Piece]:
        """Yield the rows as they arrive, with some of the columns."""
        if self.format == RowFormat.ARROW_STREAM:
            pieces = _reader_pieces(self._reader, columns, _NAME)
        else:
            parse = parser(self.format, self.schema, columns, self._rules)
            pieces = _parsed(self._blocks, parse, _NAME, 0)
        count = 0
        for piece in pieces:
            count += piece.batch.num_rows
            yield piece
        if self.format == RowFormat.ARROW_STREAM:
            check_end(self._head, self._tail.bytes, _NAME)
        if not count:
            raise no_rows(_NAME)


class _Tail:
    """A stream that remembers the last eight bytes that were read from it."""

    closed = False

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.bytes = b""

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes."""
        data = self._stream.read(size)
        self.bytes = (self.bytes + data[-8:])[-8:]
        return data


def _stream_format(kind: RowFormat | None, head: bytes) -> RowFormat:
    if kind == RowFormat.PARQUET or head.startswith((b"PAR1", b"ARROW1")):
        message = "files of Parquet and Arrow can't be read from a stream"
        expected = "CSV, JSON lines or an Arrow stream"
        fix = "save it as a file, and name that"
        raise GraphError.of("io", message, expected=expected, fix=fix, file=_NAME)
    return RowFormat.ARROW_STREAM if kind == RowFormat.ARROW else kind or sniffed(head)


class TableSource(Source):
    """Rows of a table in memory, or of a reader."""

    shown = ""

    def __init__(self, reader: pa.RecordBatchReader) -> None:
        """Take a reader of the table."""
        self._reader, self.schema = reader, reader.schema
        check_names(self.schema.names, "the table")

    def pieces(self, columns: Sequence[str]) -> Iterator[Piece]:
        """Yield all rows in order, with some of the columns."""
        return _reader_pieces(self._reader, columns, "")


def _reader_pieces(
    reader: pa.RecordBatchReader, columns: Sequence[str], shown: str
) -> Iterator[Piece]:
    row = 0
    with reading(shown):
        for batch in reader:
            for piece in sliced(iter([batch.select(columns)]), 0, _EVERYTHING):
                yield Piece(piece, shown, row)
                row += piece.num_rows
