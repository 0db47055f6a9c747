"""A table whose columns fit a graph, and its good rows as numbers."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mgraph.errors import GraphError, quoted
from mgraph.rows.columns import BAD_ROWS_FIX, BadRow, bad_masks, first_bad_rows, naming, read_rows
from mgraph.rows.driver import source_of
from mgraph.rows.encodings import decoded, filtered
from mgraph.rows.sources import FileSource
from mgraph.rows.transform import batch_rows, cut
from mgraph.training.binding import columns_of, text_rules
from mgraph.training.classes import has_class, targets_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mgraph.rows.files import RowFile
    from mgraph.rows.sources import Part, Piece, Source
    from mgraph.training.binding import RowReading

    Floats = NDArray[np.float64]

_BAD_ROWS_FIX: Final = "correct such rows, or leave them out with --bad-rows skip"


class GoodRows(NamedTuple):
    """The good rows of a piece.

    Attributes:
        values: float64[C, R], those of the leaves that have a column of their own.
        labels: The column of classes; None without one.
    """

    values: Floats
    labels: Any


@dataclass(frozen=True)
class BoundRows:
    """A table whose columns fit a graph.

    Attributes:
        source: Reads it.
        how: How it becomes numbers.
        names: The name of the column of each leaf that has one of its own, by id.
        targets: The inputs that the column of classes stands for; none without such a column.
    """

    source: Source
    how: RowReading
    names: Mapping[str, str]
    targets: Sequence[str]

    @property
    def columns(self) -> list[str]:
        """The names of the columns to read."""
        label = [] if self.how.target is None else [self.how.target]
        return [*dict.fromkeys((*self.names.values(), *label))]

    @property
    def row_bytes(self) -> int:
        """The memory that a row takes: its values, and its number, class and loss."""
        return 8 * (len(self.names) + len(self.targets) + 3)

    @property
    def files(self) -> Sequence[RowFile]:
        """The files that the rows are in; none for a stream or a table."""
        return self.source.files if isinstance(self.source, FileSource) else ()

    def pieces(self) -> Iterator[Iterable[Piece]]:
        """Yield all rows, each piece on its own."""
        for piece in self.source.pieces(self.columns):
            yield (piece,)

    def part(self, part: Part) -> Iterator[Piece]:
        """Yield the rows of a part of files."""
        assert isinstance(self.source, FileSource)  # noqa: S101 - only files have parts
        return cut(self.source.part(part, self.columns), batch_rows(self.row_bytes // 8))

    def good(self, piece: Piece) -> GoodRows:
        """Return the good rows of a piece.

        Raises:
            GraphError: `number` or `column` if a row is bad, and bad rows are not left out.
        """
        batch = piece.batch if self.how.target is None else _with_classes(piece, self.how)
        indices = {leaf: batch.schema.get_field_index(name) for leaf, name in self.names.items()}
        with naming(piece.shown):
            read = read_rows(batch, indices, "skip" if self.how.skips else "fail", piece.row)
        values = [read.columns[leaf] for leaf in self.names]
        labels = None if self.how.target is None else read.batch.column(self.how.target)
        return GoodRows(np.stack(values) if values else np.zeros((0, read.batch.num_rows)), labels)

    def bad(self, piece: Piece) -> list[BadRow]:
        """Return the first bad rows of a piece."""
        masks = [*bad_masks(piece.batch, self.names.values())]
        if self.how.target is not None:
            is_good = has_class(decoded(piece.batch.column(self.how.target)))
            masks.append((self.how.target, "no class", ~is_good.to_numpy(zero_copy_only=False)))
        return first_bad_rows(masks, piece.shown, piece.row)


def bound_rows(rows: Any, how: RowReading) -> BoundRows:  # noqa: ANN401
    """Find the columns of a table.

    Raises:
        GraphError: They do not fit the graph.
    """
    targets = targets_of(how.graph) if how.target is not None else []
    source = source_of(rows, how.kind, text_rules(how))
    with naming(source.shown):
        names = columns_of(source.schema, how, targets)
    return BoundRows(source, how, names, targets)


def _with_classes(piece: Piece, how: RowReading) -> Any:  # noqa: ANN401 - a record batch
    """Return the rows of a piece that have a class.

    Raises:
        GraphError: `number` if a row has none, and bad rows are not left out.
    """
    at = piece.batch.schema.get_field_index(how.target)
    classes = decoded(piece.batch.column(at))
    batch = piece.batch.set_column(at, how.target, classes)
    is_good = has_class(classes)
    if is_good.true_count == len(classes):
        return batch
    if not how.skips:
        first = is_good.to_pylist().index(False)
        row, value = piece.row + first, classes[first].as_py()
        what = "empty" if value is None else quoted(str(value))
        message = f"{quoted(how.target)} is {what} in row {row:,}, counted from 0"
        expected = "a class" if value is None else "a class, and not a mark of a missing value"
        path, shown = (row, how.target or ""), piece.shown
        raise GraphError.of(
            "number", message, path, expected=expected, fix=BAD_ROWS_FIX, file=shown
        )
    return filtered(batch, is_good)


@contextmanager
def fixing_bad_rows() -> Iterator[None]:
    """Say in errors about bad rows what training can do about them."""
    try:
        yield
    except GraphError as error:
        fixed = [
            replace(diagnostic, fix=_BAD_ROWS_FIX) if diagnostic.fix == BAD_ROWS_FIX else diagnostic
            for diagnostic in error.diagnostics
        ]
        raise GraphError(fixed, error.more) from None
