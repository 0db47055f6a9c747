"""Rows as the bytes of files: CSV, JSON lines, Arrow and Parquet."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import ipc
from pyarrow import parquet as pq

from mgraph.errors import GraphError, quoted
from mgraph.rows.encodings import decoded, plain_dictionaries, plain_dictionary_type
from mgraph.rows.files import RowFormat, first_line
from mgraph.rows.json_rows import CONSTANTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

ROW_GROUP: Final = 2**17
"""The most rows of a row group of Parquet, and of a batch of Arrow."""

_FIX: Final = "leave such columns out with --keep, or write another format"

_GROUP_BYTES: Final = 2**27
"""Bytes of the numbers of a row group, about; for graphs with many gradients."""


class _Sink:
    """A file in memory, whose bytes are taken away while it is written."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        """Keep some bytes."""
        self._chunks.append(bytes(data))
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._size

    def writable(self) -> bool:
        """Say yes."""
        return True

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing more than to be closed."""
        self.closed = True

    def take(self) -> list[bytes]:
        """Return the bytes since the last call."""
        chunks, self._chunks = self._chunks, []
        return chunks


def encoded(
    kind: RowFormat,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    shown: str,
    footer: Callable[[], Mapping[str, str]] = dict,
) -> Iterator[bytes]:
    """Yield the bytes of a file of rows, while the rows arrive.

    They depend on the rows only, not on how these are cut into batches.

    Args:
        kind: How rows are stored.
        schema: The columns.
        batches: The rows.
        shown: What errors call the file.
        footer: Is called when all rows have arrived, for what a Parquet or Arrow file says about
            them in its metadata.

    Raises:
        GraphError: `column` if the format can't hold a column; `encoding` if a text is not UTF-8.
    """
    if kind == RowFormat.CSV:
        chunks = _csv(schema, batches)
    elif kind == RowFormat.JSON_LINES:
        chunks = _json_lines(batches)
    elif kind == RowFormat.PARQUET:
        chunks = _parquet(schema, batches, footer)
    else:
        chunks = _arrow(kind, schema, batches, footer)
    return _naming(shown, kind, chunks)


def streamed(
    kind: RowFormat, schema: pa.Schema, batches: Iterable[pa.RecordBatch], shown: str
) -> Iterator[bytes]:
    """Yield the same rows for somebody who waits for them: each batch as soon as it arrives.

    Raises:
        GraphError: As `encoded`.
    """
    if kind != RowFormat.ARROW_STREAM:  # that is text, which has no groups of rows to wait for
        return encoded(kind, schema, batches, shown)
    return _naming(shown, kind, _arrow_batches(schema, batches))


def _naming(shown: str, kind: RowFormat, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the same chunks; name the file in errors about what it can't hold."""
    try:
        yield from chunks
    except _UnstorableError as error:
        raise GraphError(error.named(shown).diagnostics) from None
    except pa.ArrowException as error:
        message = f"{kind} can't hold the columns: {first_line(error)}"
        raise GraphError.of("column", message, fix=_FIX, file=shown) from None


class _UnstorableError(GraphError):
    """A text format can't hold a value."""


# --- Parquet and Arrow ---


def regrouped(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Yield the same rows in tables of as many rows as a row group has; the last has the rest."""
    rows = max(1, min(ROW_GROUP, _GROUP_BYTES // (8 * len(schema.names))))
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += batch.num_rows
        while count >= rows:
            table = pa.Table.from_batches(waiting, schema)
            yield table.slice(0, rows)
            waiting = table.slice(rows).to_batches()
            count -= rows
    if count:
        yield pa.Table.from_batches(waiting, schema)


def _parquet(
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    footer: Callable[[], Mapping[str, str]],
) -> Iterator[bytes]:
    sink = _Sink()
    # numbers that differ in every row gain nothing by dictionaries
    floats = [field.name for field in schema if pa.types.is_floating(field.type)]
    others = [field.name for field in schema if field.name not in floats]
    plain = (field.with_type(plain_dictionary_type(field.type)) for field in schema)
    schema_there = pa.schema(plain, schema.metadata)
    writer = pq.ParquetWriter(sink, schema_there, use_dictionary=others or False)
    for table in regrouped(schema, batches):
        writer.write_table(plain_dictionaries(table), row_group_size=table.num_rows)
        yield from sink.take()
    if metadata := footer():
        writer.add_key_value_metadata(metadata)
    writer.close()
    yield from sink.take()


def _arrow(
    kind: RowFormat,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    footer: Callable[[], Mapping[str, str]],
) -> Iterator[bytes]:
    sink = _Sink()
    new = ipc.new_stream if kind == RowFormat.ARROW_STREAM else ipc.new_file
    options = ipc.IpcWriteOptions(unify_dictionaries=kind == RowFormat.ARROW)
    writer = new(sink, schema, options=options)
    last: pa.RecordBatch | None = None
    for table in regrouped(schema, batches):
        if last is not None:
            writer.write_batch(last)
        yield from sink.take()
        last = table.combine_chunks().to_batches()[0]
    if last is not None:
        writer.write_batch(last, custom_metadata=footer() or None)
    writer.close()
    yield from sink.take()


def _arrow_batches(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    columns = schema.serialize().to_pybytes()
    yield columns  # Arrow's writer would write them with the first batch
    chunks = _written(schema, batches)
    yield next(chunks).removeprefix(columns)
    yield from chunks


def _written(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    sink = _Sink()
    with ipc.new_stream(sink, schema) as writer:
        for batch in batches:
            if batch.num_rows:
                writer.write_batch(batch)
                yield b"".join(sink.take())
    yield b"".join(sink.take())


# --- text ---


def _csv(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    names = pa.array(schema.names, pa.string())
    yield ",".join(_quoted_fields(names).to_pylist()).encode() + b"\n"
    for batch in batches:
        if batch.num_rows:
            columns = [_csv_column(batch, i) for i in range(batch.num_columns)]
            yield _joined([*columns[:1], *chain(*((",", column) for column in columns[1:])), "\n"])


def _csv_column(batch: pa.RecordBatch, index: int) -> pa.Array:
    texts = _texts(batch, index, RowFormat.CSV)
    kind = batch.schema.field(index).type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        texts = _quoted_fields(texts)
    if not texts.null_count:
        return texts
    return texts.fill_null('""' if batch.num_columns == 1 else "")  # a blank line is not a row


def _quoted_fields(texts: pa.Array) -> pa.Array:
    """Put quotes around texts that need them, and double those in them."""
    needs = pc.match_substring_regex(texts, '[",\r\n]|^$')
    if not pc.any(needs).as_py():
        return texts
    doubled = pc.replace_substring(texts, '"', '""')
    return pc.if_else(needs, pc.binary_join_element_wise('"', doubled, '"', ""), texts)


def _texts(batch: pa.RecordBatch, index: int, kind: RowFormat) -> pa.Array:
    """Return a column as texts.

    Raises:
        GraphError: `column` if it has nested values; `encoding` if its texts are not UTF-8.
    """
    field = batch.schema.field(index)
    try:
        texts = decoded(batch.column(index)).cast(pa.string())
    except pa.ArrowException:
        raise _not_held(field, kind) from None
    try:
        texts.validate(full=True)
    except pa.ArrowException:
        raise _not_utf8(field.name) from None
    return texts


def _not_held(field: pa.Field, kind: RowFormat) -> GraphError:
    message = f"the column {quoted(field.name)} is {field.type}, which {kind} can't hold"
    return _UnstorableError.of("column", message, (field.name,), fix=_FIX)


def _not_utf8(name: str) -> GraphError:
    message = f"the column {quoted(name)} has texts that are not UTF-8"
    return _UnstorableError.of("encoding", message, (name,), expected="UTF-8", fix=_FIX)


def _joined(parts: list[pa.Array | str]) -> bytes:
    """Join columns of texts, and texts that are the same in every row, row by row."""
    rows = pc.binary_join_element_wise(*parts, "")
    _, offsets, data = rows.buffers()
    ends = np.frombuffer(offsets, np.int32)[rows.offset :]
    joined: bytes = data[int(ends[0]) : int(ends[len(rows)])].to_pybytes()
    return joined


def _json_lines(batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    for batch in batches:
        if batch.num_rows:
            parts: list[pa.Array | str] = []
            for i, name in enumerate(batch.schema.names):
                key = json.dumps(name, ensure_ascii=False)
                parts += [f"{', ' if i else '{'}{key}: ", _json_column(batch, i)]
            yield _joined([*parts, "}\n"])


def _json_column(batch: pa.RecordBatch, index: int) -> pa.Array:
    column, kind = batch.column(index), batch.schema.field(index).type
    if pa.types.is_floating(kind):
        finite = pc.is_finite(column)
        texts = column.cast(pa.string())
        texts = pc.if_else(pc.equal(texts, "-0"), "-0.0", texts)  # else it is read as an integer
        if not pc.all(finite).as_py():
            texts = pc.if_else(finite, texts, pc.binary_join_element_wise('"', texts, '"', ""))
        return texts.fill_null("null")
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return column.cast(pa.string()).fill_null("null")
    return pa.array([_json(value) for value in _plain_values(batch, index)], pa.string())


def _plain_values(batch: pa.RecordBatch, index: int) -> list[Any]:
    """Return values that JSON can hold: nested ones as they are, others as texts."""
    kind = batch.schema.field(index).type
    if pa.types.is_nested(kind) or pa.types.is_null(kind):
        try:
            return batch.column(index).to_pylist()  # type: ignore[no-any-return]
        except UnicodeDecodeError:
            raise _not_utf8(batch.schema.field(index).name) from None
        except ValueError:  # two fields of one name, or nanoseconds
            raise _not_held(batch.schema.field(index), RowFormat.JSON_LINES) from None
    return _texts(batch, index, RowFormat.JSON_LINES).to_pylist()  # type: ignore[no-any-return]


def _json(value: object) -> str:
    """Return a value as JSON; NaN and infinities in it are texts."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    if "NaN" in text or "Infinity" in text:
        value = json.loads(text, parse_constant=CONSTANTS.__getitem__)
        text = json.dumps(value, ensure_ascii=False)
    return text
