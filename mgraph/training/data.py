"""The rows of a table, to be visited again and again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mgraph.codec.numbers import spelled
from mgraph.errors import GraphError, printable, quoted, some
from mgraph.rows.sources import FileSource
from mgraph.training.bound_rows import BoundRows, bound_rows, fixing_bad_rows
from mgraph.training.classes import Classes, ClassNames, numbered
from mgraph.training.memory import available_memory
from mgraph.training.row_tables import HeldTable, RowBlock, StreamedTable
from mgraph.training.survey import Survey, too_large

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mgraph.rows.columns import BadRow
    from mgraph.rows.files import Stamp
    from mgraph.rows.sources import Part, Piece
    from mgraph.training.binding import RowReading
    from mgraph.training.row_tables import RowTable
    from mgraph.training.survey import RowOrigin

    Floats = NDArray[np.float64]

_PART_ROWS: Final = 2**17
"""The rows of the parts in which tables are read again, about."""


@dataclass(frozen=True)
class Data:
    """N rows of C columns.

    Attributes:
        ids: The leaves that have a column.
        table: Their values, in this order.
        classes: The classes of the target column; None without one.
        skipped: How many bad rows were left out.
        names: The name of the column of each leaf, by id.
        unused: The names of the other columns of the table.
        origins: Where the rows come from, ascending.
        digest: A SHA-256 of the ids, of all values as little-endian doubles, and of the class of
            each row. It is the same whether rows are held in memory or not.
        bad: The first of the bad rows that were left out.
    """

    ids: tuple[str, ...]
    table: RowTable
    classes: Classes | None
    skipped: int
    names: Mapping[str, str]
    unused: Sequence[str]
    origins: Sequence[RowOrigin]
    digest: str
    bad: Sequence[BadRow] = ()

    def then(self, change: Callable[[RowBlock], RowBlock]) -> Data:
        """Return the same rows after a change of each."""
        return replace(self, table=self.table.then(change, self.table.count))

    def row_name(self, number: int, values: Floats) -> str:
        """Name a row in a message, with its columns that are not finite.

        Args:
            number: The number of the row.
            values: float64[C], its values.
        """
        origin = next(origin for origin in reversed(self.origins) if origin.start <= number)
        by_id = dict(zip(self.ids, values.tolist(), strict=True))
        wrong = [f"{quoted(self.names[name])} is {spelled(value)}"
                 for name, value in by_id.items() if not isfinite(value)]  # fmt: skip
        return origin.names(number) + (f", where {some(wrong)}" if wrong else "")


def read_data(  # noqa: PLR0913 - one argument per choice
    rows: Any,  # noqa: ANN401 - names, a stream, or any table
    how: RowReading,
    classes: Classes | None = None,
    *,
    streams: bool = True,
    workers: int = 1,
    spread: bool = False,
) -> Data:
    """Read all rows of a table, once.

    Args:
        rows: What `mgraph.rows.replay` takes.
        how: How they become numbers.
        classes: The classes, if other rows have told them already.
        streams: Whether files that don't fit in memory are read again whenever their rows are
            needed; otherwise they are refused.
        workers: The number of threads that read them then.
        spread: Whether the workers of a cluster read them, so that none are held here.

    Raises:
        GraphError: Something is wrong with the rows, they do not fit the graph; or `size` if they
            do not fit in memory.
    """
    bound = bound_rows(rows, how)
    if spread and not isinstance(bound.source, FileSource):
        message = "the workers of a cluster can't read rows of a stream or a table"
        raise GraphError.of("io", message, fix="read the rows from files", file=bound.source.shown)
    room = 0 if spread else available_memory() // 2
    parts = _parts_to_stream(bound, room, streams=streams)
    stamps = _stamps(bound) if parts else []  # before the rows are read
    survey = Survey(bound, None if parts else room)
    survey.read(map(bound.part, parts) if parts else bound.pieces())
    classes = survey.classes(classes)
    names: Mapping[str, str] = bound.names
    if classes:
        names = {**names, **dict.fromkeys(classes.targets, how.target or "")}
    table: RowTable
    if parts:
        reader = _PartReader(bound, parts, survey.starts, classes, stamps)
        table = StreamedTable(reader, survey.good, workers)
    else:
        table = HeldTable(RowBlock(np.arange(survey.good), survey.values(classes)))
    skipped = survey.count - survey.good
    taken = {*names.values()}
    return Data(
        (*names,), table, classes, skipped, names,
        [name for name in bound.source.schema.names if name not in taken],
        survey.origins, survey.digest(), survey.bad,
    )  # fmt: skip


def _parts_to_stream(bound: BoundRows, room: int, *, streams: bool) -> Sequence[Part]:
    """Return the parts in which files are read again; none for rows that are held in memory.

    Args:
        bound: The rows.
        room: The bytes that they may take in memory.
        streams: Whether they may be read again.

    Raises:
        GraphError: `size` if they don't fit in memory, and may not be read again.
    """
    source = bound.source
    if not isinstance(source, FileSource):
        return ()
    if source.most_rows(len(bound.columns)) * bound.row_bytes <= room:
        return ()
    parts = source.parts(_PART_ROWS, whole_groups=True)
    rows = sum(part.rows for part in parts)
    if rows * bound.row_bytes <= room:
        return ()
    if not streams:
        raise too_large(f"the {rows:,} rows take", rows * bound.row_bytes, room, source)
    return parts


# --- reading again ---


@dataclass(frozen=True)
class _PartReader:
    """Reads parts of files again.

    Attributes:
        bound: The table.
        parts: Its parts.
        starts: The number of the first row of each part, and of the end.
        classes: The classes, if there are any.
        stamps: Size and time of change of each file.
    """

    bound: BoundRows
    parts: Sequence[Part]
    starts: Sequence[int]
    classes: Classes | None
    stamps: Sequence[Stamp]

    def __len__(self) -> int:
        return len(self.parts)

    def check(self) -> None:
        """Refuse files that have changed since they were first read.

        Raises:
            GraphError: `io`.
        """
        stamps = zip(_stamps(self.bound), self.stamps, strict=True)
        for index, (now, then) in enumerate(stamps):
            if now != then:
                raise self._changed(index)

    def read(self, part: int) -> Iterator[RowBlock]:
        """Yield the rows of a part.

        Raises:
            GraphError: `io` if they can't be read, or are not those of the first time.
        """
        at = self.starts[part]
        with fixing_bad_rows():
            for piece in self.bound.part(self.parts[part]):
                values = self._values(piece)
                stop = at + values.shape[1]
                yield RowBlock(np.arange(at, stop), values)
                at = stop
        if at != self.starts[part + 1]:
            raise self._changed(self.parts[part].file)

    def _values(self, piece: Piece) -> Floats:
        values, labels = self.bound.good(piece)
        if self.classes is None:
            return values
        names = ClassNames(self.bound.how.target or "", self.bound.how.graph)
        codes = names.codes(labels)
        numbers = numbered(names.names, self.classes, self.bound.how.target or "", piece.shown)
        return np.concatenate((values, self.classes.rows(numbers[codes])))

    def _changed(self, index: int) -> GraphError:
        file = self.bound.files[index].shown
        message = f"{printable(file)} has changed since the training began"
        fix = "start again, in another folder"
        return GraphError.of("io", message, fix=fix, file=file)


def _stamps(bound: BoundRows) -> list[Stamp]:
    """Return the size and the time of change of each file."""
    return [file.stamp() for file in bound.files]
