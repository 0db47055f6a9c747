"""Parquet and Arrow IPC files as record batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pyarrow as pa
from pyarrow import ipc
from pyarrow import parquet as pq

from mgraph.errors import GraphError, printable
from mgraph.rows.encodings import decoded
from mgraph.rows.files import first_line, reading
from mgraph.rows.records import BLOCK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.rows.files import RowFile

BATCH_ROWS: Final = 2**16
"""The most rows of a batch."""


_END: Final = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""What a stream ends with: the mark of a message, and that it has no bytes."""


class RowRange(NamedTuple):
    """Some rows of a file, from `start` up to `stop`, counted from 0."""

    start: int
    stop: int


def parquet_schema(file: RowFile) -> tuple[pa.Schema, int]:
    """Return the schema of a Parquet file, and the number of its rows."""
    with reading(file.shown), file.open() as opened:
        parquet = pq.ParquetFile(opened)
        return parquet.schema_arrow, parquet.metadata.num_rows


def parquet_groups(file: RowFile) -> list[int]:
    """Return the number of rows of each row group of a Parquet file."""
    with reading(file.shown), file.open() as opened:
        metadata = pq.ParquetFile(opened).metadata
        return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]


def parquet_batches(
    file: RowFile,
    rows: RowRange,
    columns: Sequence[str],
    digest: Any = None,  # noqa: ANN401 - of hashlib
) -> Iterator[pa.RecordBatch]:
    """Yield some rows of a Parquet file.

    Args:
        file: The file.
        rows: Which rows.
        columns: The names of the columns.
        digest: Is updated as by `hash_parquet`.
    """
    if digest is not None:
        hash_parquet(file, rows, digest)
    with reading(file.shown), file.open() as opened:
        parquet = pq.ParquetFile(opened, buffer_size=BLOCK, pre_buffer=False)
        groups, first = _groups(parquet.metadata, rows)
        batches = parquet.iter_batches(
            BATCH_ROWS, row_groups=groups, columns=[*columns], use_threads=False
        )
        yield from sliced(batches, first, rows)


def hash_parquet(file: RowFile, rows: RowRange, digest: Any) -> None:  # noqa: ANN401
    """Update a digest with the bytes of the row groups that hold some rows, and of the footer."""
    with reading(file.shown), file.open() as opened:
        metadata, size = pq.ParquetFile(opened).metadata, opened.size()
        groups, _ = _groups(metadata, rows)
        ranges = [_bytes_of(metadata.row_group(group)) for group in groups]
        for start, stop in (*ranges, (size - metadata.serialized_size - 8, size)):
            for at in range(start, stop, BLOCK):
                digest.update(opened.read_at(min(BLOCK, stop - at), at))


def _groups(metadata: pq.FileMetaData, rows: RowRange) -> tuple[list[int], int]:
    """Return the row groups that hold some rows, and the number of their first row."""
    groups, starts, at = [], [], 0
    for group in range(metadata.num_row_groups):
        size = metadata.row_group(group).num_rows
        if at < rows.stop and at + size > rows.start:
            groups.append(group)
            starts.append(at)
        at += size
    return groups, starts[0] if starts else 0


def _bytes_of(group: pq.RowGroupMetaData) -> tuple[int, int]:
    """Return where the pages of a row group start and stop."""
    columns = [group.column(i) for i in range(group.num_columns)]
    starts = [
        column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset
        for column in columns
    ]
    stops = (
        start + column.total_compressed_size for start, column in zip(starts, columns, strict=True)
    )
    return min(starts), max(stops)


def sliced(
    batches: Iterator[pa.RecordBatch], first: int, rows: RowRange
) -> Iterator[pa.RecordBatch]:
    """Yield only some rows of batches whose first row has the number `first`, in small batches."""
    for batch in batches:
        start, stop = max(rows.start - first, 0), min(rows.stop - first, batch.num_rows)
        for at in range(start, stop, BATCH_ROWS):
            yield batch.slice(at, min(BATCH_ROWS, stop - at))
        first += batch.num_rows
        if first >= rows.stop:
            return


def arrow_schema(file: RowFile) -> tuple[pa.Schema, int]:
    """Return the schema of an Arrow IPC file, and the number of its rows."""
    with reading(file.shown), file.open(mapped=True) as opened:
        schema, batches = _opened_arrow(opened, file.shown)
        return schema, sum(batch.num_rows for batch in batches)


def arrow_batches(
    file: RowFile,
    rows: RowRange,
    columns: Sequence[str],
    digest: Any = None,  # noqa: ANN401
) -> Iterator[pa.RecordBatch]:
    """Yield some rows of an Arrow IPC file, with some columns.

    Args:
        file: The file, with random access or as a stream.
        rows: Which rows.
        columns: The names of the columns.
        digest: Is updated with the record batches that hold these rows, as IPC messages.
    """
    is_mapped = digest is not None or rows.start > 0  # so that it is not read from its start
    with reading(file.shown), file.open(mapped=is_mapped) as opened:
        _, batches = _opened_arrow(opened, file.shown)
        first = 0
        for batch in batches:
            if first >= rows.stop:
                return
            if first + batch.num_rows > rows.start:
                if digest is not None:
                    digest.update(_decoded(batch).serialize())
                yield from sliced(iter([batch.select(columns)]), first, rows)
            first += batch.num_rows


def hash_arrow(file: RowFile, rows: RowRange, digest: Any) -> None:  # noqa: ANN401
    """Update a digest with the record batches that hold some rows, as IPC messages."""
    for _ in arrow_batches(file, rows, (), digest):
        pass


def _opened_arrow(opened: pa.NativeFile, shown: str) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    if opened.read_at(6, 0) == b"ARROW1":
        file = ipc.open_file(opened)
        return file.schema, (file.get_batch(i) for i in range(file.num_record_batches))
    opened.seek(0)
    stream = ipc.open_stream(opened)
    return stream.schema, _whole(stream, opened, shown)


def _whole(
    stream: pa.RecordBatchReader, opened: pa.NativeFile, shown: str
) -> Iterator[pa.RecordBatch]:
    yield from stream
    check_end(opened.read_at(4, 0), opened.read_at(8, max(0, opened.tell() - 8)), shown)


def check_end(head: bytes, tail: bytes, shown: str) -> None:
    """Refuse a stream that was cut between two batches, which Arrow reads without an error.

    Args:
        head: Its first bytes. Streams of Arrow before 0.15 don't tell whether they are whole.
        tail: The last eight bytes that were read.
        shown: What messages call it.

    Raises:
        GraphError: `syntax`.
    """
    if head.startswith(_END[:4]) and tail != _END:
        message = f"{printable(shown)} ends too early: the mark of its end is missing"
        fix = "write it again: whatever made it may have stopped before it was done"
        raise GraphError.of("syntax", message, fix=fix, file=shown)


def _decoded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch without dictionaries, which messages of batches lack."""
    columns = {
        name: decoded(column) if pa.types.is_dictionary(column.type) else column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
    return pa.RecordBatch.from_pydict(columns)


def reader_of(table: object, instead: str = "") -> pa.RecordBatchReader:
    """Return a reader of a table: of Arrow, pandas, Polars, or whatever exports Arrow streams.

    Args:
        table: The table.
        instead: What else is accepted in its place, for the message.

    Raises:
        GraphError: `column` if Arrow can't hold its columns.
        TypeError: It is none of these.
    """
    if isinstance(table, pa.RecordBatch):
        return pa.RecordBatchReader.from_batches(table.schema, [table])
    if hasattr(table, "to_reader"):
        table = table.to_reader()
    elif hasattr(table, "scanner"):
        table = table.scanner().to_reader()
    if isinstance(table, pa.RecordBatchReader):
        return table
    if hasattr(table, "__arrow_c_stream__"):
        return _imported(table)
    expected = "a table of Arrow, pandas or Polars" + (f", or {instead}" if instead else "")
    message = f"expected {expected}, not {type(table).__name__}"
    raise TypeError(message)


def _imported(table: object) -> pa.RecordBatchReader:
    """Return a reader of what another library exports.

    Raises:
        GraphError: `column` if Arrow can't hold its columns.
    """
    try:
        return pa.RecordBatchReader.from_stream(table)
    except (pa.ArrowException, TypeError, ValueError) as error:  # pandas raises any of these
        message = f"can't read the {type(table).__name__} as a table of Arrow: {first_line(error)}"
        expected = "a table whose columns Arrow can hold, each with values of one type"
        fix = "leave out such columns, or cast them"
        raise GraphError.of("column", message, expected=expected, fix=fix) from None
