"""The first pass over the rows of a table: checks, counts, classes, a digest."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mgraph.errors import GraphError, printable
from mgraph.rows.columns import BAD_NAMED, naming, naming_params
from mgraph.rows.sources import FileSource
from mgraph.training.bound_rows import fixing_bad_rows
from mgraph.training.classes import Classes, ClassNames, classes_of, numbered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from mgraph.rows.columns import BadRow
    from mgraph.rows.sources import Piece, Source
    from mgraph.training.bound_rows import BoundRows

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_FULL_FIX: Final = "use --batch-size full: each step then reads the files again"
_FILE_FIX: Final = "save the rows as a file: with --batch-size full, each step reads it again"


class RowOrigin(NamedTuple):
    """Where some rows come from.

    Attributes:
        start: The number of the first of them, among all rows that were read.
        shown: The file, in messages.
        row: The row of the first of them in the file, from 0; None if some rows were left out.
    """

    start: int
    shown: str
    row: int | None

    def names(self, row: int) -> str:
        """Name a row in a message."""
        if self.row is None:
            return f"a row of {printable(self.shown)}"
        return f"row {self.row + row - self.start:,} of {printable(self.shown)}, counted from 0"


class Survey:
    """What is found out about all rows when they are read for the first time.

    Attributes:
        count: How many rows there are.
        good: How many of them are good.
        starts: The number of the first row of each group of pieces, and of the end.
        origins: Where the rows of each group come from.
        bad: The first of the bad rows.
    """

    def __init__(self, bound: BoundRows, room: int | None) -> None:
        """Start without any.

        Args:
            bound: The table.
            room: The bytes that rows may take in memory; None to keep none there.
        """
        self._bound, self._room = bound, room
        self._hashes = [hashlib.sha256() for _ in range(len(bound.names) + 1)]
        self._labels = ClassNames(bound.how.target or "", bound.how.graph)
        self._kept: list[tuple[Floats, Ints]] = []
        self.count = self.good = 0
        self.starts = [0]
        self.origins: list[RowOrigin] = []
        self.bad: list[BadRow] = []

    def read(self, groups: Iterable[Iterable[Piece]]) -> None:
        """Read all rows.

        Raises:
            GraphError: A row is bad; or none is good; or they don't fit in memory.
        """
        with naming_params(self._bound.how.graph, self._bound.names), fixing_bad_rows():
            for group in groups:
                self._read_group(group)
        if not self.good:
            message = f"all {self.count:,} rows are bad, so that none is left"
            raise GraphError.of(
                "column", message, expected="at least one good row", file=self._bound.source.shown
            )

    def _read_group(self, group: Iterable[Piece]) -> None:
        good, count, first = self.good, self.count, None
        for piece in group:
            first = first or piece
            self._take(piece)
        if first is not None:
            is_whole = self.good - good == self.count - count
            self.origins.append(RowOrigin(good, first.shown, first.row if is_whole else None))
        self.starts.append(self.good)

    def _take(self, piece: Piece) -> None:
        """Count and hash a piece, and keep it if rows are held."""
        values, labels = self._bound.good(piece)
        for row, digest in zip(values, self._hashes, strict=False):
            digest.update(np.ascontiguousarray(row, "<f8").data)
        codes = np.zeros(0, np.int64)
        if labels is not None:
            with naming(piece.shown):
                codes = self._labels.codes(labels)
        self._hashes[-1].update(codes.astype("<i8").data)
        self.count += piece.batch.num_rows
        self.good += values.shape[1]
        if values.shape[1] < piece.batch.num_rows and len(self.bad) < BAD_NAMED:
            self.bad = [*self.bad, *self._bound.bad(piece)][:BAD_NAMED]
        if self._room is not None:
            self._kept.append((values, codes))
            self._check_room(self._room)

    def _check_room(self, room: int) -> None:
        """Check that the rows of a stream, whose number nobody knew, still fit in memory.

        Raises:
            GraphError: `size`.
        """
        size, source = self.good * self._bound.row_bytes, self._bound.source
        if size > room and not isinstance(source, FileSource):
            raise too_large(f"the first {self.good:,} rows take", size, room, source)

    def classes(self, classes: Classes | None) -> Classes | None:
        """Return the classes: those that are given, or those of all rows.

        Raises:
            GraphError: `column` if there are too many or too few, or one is not among those that
                are given.
        """
        how, shown = self._bound.how, self._bound.source.shown
        if how.target is None:
            return None
        if classes is None:
            with naming(shown):
                classes = classes_of(self._labels.names, how.target, how.graph)
        numbered(self._labels.names, classes, how.target, shown)
        return classes

    def values(self, classes: Classes | None) -> Floats:
        """Return the values of all rows, float64[C, N]; the pieces are not kept any longer."""
        columns = len(self._bound.names)
        values = np.empty((columns + len(classes.targets if classes else ()), self.good))
        numbers, at = self._numbers(classes), 0
        self._kept.reverse()
        while self._kept:
            block, codes = self._kept.pop()
            rows = slice(at, at + block.shape[1])
            values[:columns, rows] = block
            if classes:
                values[columns:, rows] = classes.rows(numbers[codes])
            at = rows.stop
        return values

    def _numbers(self, classes: Classes | None) -> Ints:
        """Return the numbers of the classes, in the order in which they first occur."""
        if classes is None:
            return np.zeros(0, np.int64)
        shown = self._bound.source.shown
        return numbered(self._labels.names, classes, self._bound.how.target or "", shown)

    def digest(self) -> str:
        """Return what `Data.digest` describes."""
        names = "\n".join((*self._bound.names, "", *map(str, self._labels.names)))
        digest = hashlib.sha256(names.encode(errors="surrogatepass"))
        for column in self._hashes:
            digest.update(column.digest())
        return digest.hexdigest()


def too_large(what: str, size: int, room: int, source: Source) -> GraphError:
    """Build the error for rows that don't fit in memory.

    Args:
        what: Which rows, with a verb.
        size: The bytes that they take.
        room: The bytes that they may take.
        source: Where they come from.
    """
    message = f"{what} {_shown(size)} of memory, and {_shown(2 * room)} are available"
    expected = f"at most half of it, {_shown(room)}"
    fix = _FULL_FIX if isinstance(source, FileSource) else _FILE_FIX
    return GraphError.of("size", message, expected=expected, fix=fix, file=source.shown)


def _shown(size: int) -> str:
    return f"{size / 1e9:,.3g} GB" if size >= 1e9 else f"{size / 1e6:.3g} MB"  # noqa: PLR2004
