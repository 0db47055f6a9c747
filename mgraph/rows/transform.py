"""What happens to the rows of a job between source and target."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pyarrow as pa

from mgraph.errors import GraphError, quoted
from mgraph.ops.exact_sum import ExactSum
from mgraph.rows.arrow_rows import BATCH_ROWS
from mgraph.rows.columns import bad_masks, first_bad_rows, listed
from mgraph.rows.compiled import GRADIENT
from mgraph.rows.tally import Tally
from mgraph.suggestions import closest, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from mgraph.rows.mapper import RowMapper
    from mgraph.rows.sources import Piece

Keep = Literal["all", "none"] | Sequence[str]

_ROW: Final = "mgraph:row"
"""The column that follows rows through the mapper; no id contains a colon."""

_BATCH_BYTES: Final = 2**26
"""Bytes of the numbers of a batch, about; for graphs with many gradients."""

_FEWEST: Final = 256
"""Rows of a batch, whatever they take: with fewer, blocks of rows are not full."""


@dataclass(frozen=True)
class Transform:
    """Rows with some of their columns, and the graph's results, out of rows.

    Attributes:
        mapper: Adds the results.
        leaves: The name of the column of each input and param that has one, by id.
        unused: The names of the table's other columns.
        columns: The names of the columns to read.
        schema: The columns to write.
        sums_only: Whether gradients are only added up.
    """

    mapper: RowMapper
    leaves: Mapping[str, str]
    unused: tuple[str, ...]
    columns: tuple[str, ...]
    schema: pa.Schema
    sums_only: bool

    def run(
        self, pieces: Iterable[Piece], tally: Tally, threads: int = 1
    ) -> Iterator[pa.RecordBatch]:
        """Yield the batches to write, in order, and add them up in a tally.

        Raises:
            GraphError: `number` if a row is bad, and bad rows are to fail.
        """
        most = batch_rows(len(self.schema.names))
        for batch, part in _in_order(self, cut(pieces, most), threads):
            tally.add(part)
            yield batch

    def one(self, piece: Piece) -> tuple[pa.RecordBatch, Tally]:
        """Return the batch to write for some rows, and its tally."""
        batch, rows, sums = self._results(piece)
        tally = Tally(batch.num_rows, piece.batch.num_rows - batch.num_rows)
        outputs = [name for name in self.mapper.results if not name.startswith(GRADIENT)]
        for name in self.schema.names:
            if name in self.mapper.results:
                column, is_output = batch.column(name), name in outputs
                tally.add_column(name, column, piece.shown, rows, sums=is_output)
        tally.add_sums(sums)
        tally.nulls = batch.column(outputs[0]).null_count
        if tally.skipped or tally.nulls:
            masks = bad_masks(piece.batch, self.leaves.values())
            tally.bad = first_bad_rows(masks, piece.shown, piece.row)
        return batch.select(self.schema.names), tally

    def _results(
        self, piece: Piece
    ) -> tuple[pa.RecordBatch, NDArray[np.int64], Mapping[str, ExactSum]]:
        """Return the rows with results, their numbers in their file, and sums of gradients."""
        batch, rows = piece.batch, np.arange(piece.row, piece.row + piece.batch.num_rows)
        if self.mapper.bad_rows == "skip":
            batch = batch.append_column(_ROW, pa.array(rows))
        file, sums = piece.shown or "table", dict[str, ExactSum]()
        if self.sums_only:
            batch, sums = self.mapper.sums(batch, file=file, row=piece.row)
        else:
            batch = self.mapper.apply(batch, file=file, row=piece.row)
        if self.mapper.bad_rows == "skip":
            rows = batch.column(_ROW).to_numpy()
        return batch, rows, sums


def transform_of(
    mapper: RowMapper, schema: pa.Schema, keep: Keep, *, sums_only: bool = False
) -> Transform:
    """Choose the columns to read and to write.

    Args:
        mapper: Adds the results.
        schema: The schema of the table.
        keep: Which columns of the table to write before the results.
        sums_only: Whether gradients are only added up.

    Raises:
        GraphError: `column` or `unbound-input` if the table doesn't fit the graph, or lacks a
            column that is to be kept.
        ValueError: `keep` is a text that is neither "all" nor "none".
    """
    names, results = schema.names, mapper.results
    kept = {*_kept(names, keep)}
    fields = [field for field in schema if field.name in kept or field.name not in results]
    leaves = mapper.leaves(pa.schema(fields))
    needed = {*leaves.values()}
    read = [name for name in names if name in needed or name in kept]
    full = mapper.schema(pa.schema([schema.field(name) for name in read]))
    added = [name for name in results if not (sums_only and name.startswith(GRADIENT))]
    written = pa.schema([full.field(name) for name in read if name in kept] + [
        full.field(name) for name in added
    ])  # fmt: skip
    unused = tuple(name for name in names if name not in needed)
    return Transform(mapper, leaves, unused, tuple(read), written, sums_only)


def _kept(names: Sequence[str], keep: Keep) -> Sequence[str]:
    """Return the names of the columns to keep.

    Raises:
        GraphError: `column` if there is no such column.
        ValueError: It is a text that is neither "all" nor "none".
    """
    if isinstance(keep, str):
        if keep not in ("all", "none"):
            message = 'keep is "all", "none" or a sequence of names'
            raise ValueError(message)
        return names if keep == "all" else ()
    unknown = next((name for name in keep if name not in names), None)
    if unknown is not None:
        message = f"the table has no column {quoted(unknown)} to keep"
        fix = did_you_mean(closest(unknown, names))
        raise GraphError.of("column", message, expected=f"some of {listed(names)}", fix=fix)
    return keep


def batch_rows(columns: int) -> int:
    """Return how many rows a batch may have, so that it takes little memory."""
    return max(_FEWEST, min(BATCH_ROWS, _BATCH_BYTES // (8 * columns)))


def cut(pieces: Iterable[Piece], most: int) -> Iterator[Piece]:
    """Yield the same rows in pieces of at most so many."""
    for piece in pieces:
        for at in range(0, piece.batch.num_rows, most):
            batch = piece.batch.slice(at, most)
            yield piece._replace(batch=batch, row=piece.row + at)


def _in_order(
    transform: Transform, pieces: Iterable[Piece], threads: int
) -> Iterator[tuple[pa.RecordBatch, Tally]]:
    """Yield the results of pieces in their order, some of them computed at the same time."""
    if threads == 1:
        yield from map(transform.one, pieces)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[tuple[pa.RecordBatch, Tally]]] = deque()
        for piece in pieces:
            waiting.append(pool.submit(transform.one, piece))
            while waiting and (len(waiting) > 2 * threads or waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
