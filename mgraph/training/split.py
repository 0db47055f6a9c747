"""The rows to train on and those for validation."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import partial
from math import isfinite, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from mgraph.engine.tape.sums import exact_sum
from mgraph.errors import GraphError, quoted, some
from mgraph.ops import INPUT
from mgraph.ops.exact_sum import ExactSum
from mgraph.training.classes import known_targets
from mgraph.training.data import Data, read_data
from mgraph.training.row_order import keys_of, last_key
from mgraph.training.row_tables import RowBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from mgraph.graph.columns import Columns
    from mgraph.training.binding import RowReading
    from mgraph.training.row_tables import RowTable

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """All rows, and what they are for.

    Attributes:
        data: The rows to train on.
        first: float64[C], the first row of the table, which may be one for validation.
        held: The rows of the table that are held back for validation; None without any.
        other: Other rows for validation; None without any.
        standardized: Mean and standard deviation of the inputs that were standardized, by id.
    """

    data: Data
    first: Floats
    held: RowTable | None
    other: Data | None
    standardized: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def validation(self) -> RowTable | None:
        """The rows for validation, if there are any."""
        return self.other.table if self.other else self.held

    def then(self, change: Callable[[RowBlock], RowBlock]) -> Split:
        """Return the same rows after a change of each."""
        held = self.held and self.held.then(change, self.held.count)
        other = self.other and self.other.then(change)
        return replace(self, data=self.data.then(change), held=held, other=other)

    @property
    def digest(self) -> str:
        """The SHA-256 of all of it."""
        held = self.held.count if self.held else 0
        other = self.other.digest if self.other else ""
        spreads = [f"{name} {mean.hex()} {deviation.hex()}"
                   for name, (mean, deviation) in self.standardized.items()]  # fmt: skip
        text = "\n".join((self.data.digest, str(held), other, *spreads))
        return hashlib.sha256(text.encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """Return counts, classes, and what was standardized, as plain data."""
        held, rows = self.validation.count if self.validation else 0, self.data.table.count
        counts = {"rows": rows, "validation_rows": held, "skipped": self.data.skipped}
        classes, standardized = self.data.classes, self.standardized
        told = {"classes": [*classes.names], "targets": [*classes.targets]} if classes else {}
        pairs = {name: [*pair] for name, pair in standardized.items()}
        return {**counts, **told, **({"standardized": pairs} if pairs else {})}


def split_of(  # noqa: PLR0913 - one argument per choice
    rows: Any,  # noqa: ANN401 - whatever rows can be
    how: RowReading,
    validation: Any,  # noqa: ANN401 - a share, or whatever rows can be
    seed: int,
    *,
    standardize: bool,
    streams: bool = True,
    workers: int = 1,
    spread: bool = False,
) -> Split:
    """Read the rows to train on and those for validation.

    Args:
        rows: The rows.
        how: How they become numbers.
        validation: A share of the rows, which is taken from the start of the order of epoch 0; or
            other rows; or None.
        seed: The random seed of that order.
        standardize: Whether inputs are standardized, by mean and deviation of the rows to train on.
        streams: Whether the rows to train on may be read again, if they don't fit in memory.
        workers: The number of threads that read them then.
        spread: Whether the workers of a cluster read them.

    Raises:
        GraphError: Something is wrong with the rows, or none are left to train on.
    """
    data = read_data(rows, how, streams=streams, workers=workers, spread=spread)
    first = next(data.table.blocks()).values[:, :1].copy()
    split = Split(data, first[:, 0], None, None)
    if isinstance(validation, float):
        split = _held_back(split, validation, seed)
    elif validation is not None:
        other = read_data(validation, how, data.classes, workers=workers)
        split = replace(split, other=_aligned(other, data))
    return _standardized(split, how) if standardize else split


def _held_back(split: Split, share: float, seed: int) -> Split:
    """Hold back a share of the rows.

    Raises:
        GraphError: `column` if none are left to train on.
    """
    table = split.data.table
    count = max(1, int(share * table.count))
    if count == table.count:
        message = f"{count} row is too few: none is left to train on"
        raise GraphError.of("column", message, expected="at least two rows")
    last = last_key(seed, 0, table.count, count)
    others, held = (partial(_up_to, seed, last, is_wanted) for is_wanted in (False, True))
    train = replace(split.data, table=table.then(others, table.count - count))
    return replace(split, data=train, held=table.then(held, count))


def _up_to(seed: int, last: np.uint64, is_wanted: bool, block: RowBlock) -> RowBlock:  # noqa: FBT001 - for `partial`
    """Return the rows up to one in the order of epoch 0, or the others."""
    return block.where((keys_of(seed, 0, block.numbers) <= last) == is_wanted)


def _aligned(other: Data, data: Data) -> Data:
    """Return other rows with their columns in the order of these.

    Raises:
        GraphError: `column` if they have others.
    """
    if {*other.ids} != {*data.ids}:
        message = "the rows for validation have other columns than those to train on"
        expected = f"columns for {some(data.ids)}"
        raise GraphError.of("column", message, expected=expected)
    if other.ids == data.ids:
        return other
    order = [other.ids.index(name) for name in data.ids]
    return replace(other.then(partial(_in_order, order)), ids=data.ids)


def _in_order(order: Sequence[int], block: RowBlock) -> RowBlock:
    """Return rows with their columns in another order."""
    return block._replace(values=block.values[[*order]])


# --- standardized inputs ---


def _standardized(split: Split, how: RowReading) -> Split:
    """Subtract from each input its mean, and divide it by its standard deviation.

    Raises:
        GraphError: `number` if a column has no mean or deviation.
    """
    data, graph, targets = split.data, how.graph, known_targets(how.graph)
    at = [
        at for at, name in enumerate(data.ids)
        if graph.op(graph.index[name]) == INPUT and name not in targets
    ]  # fmt: skip
    means, deviations = _spreads(data.table, at)
    for column, mean, deviation in zip(at, means, deviations, strict=True):
        if not (isfinite(mean) and isfinite(deviation)):
            raise _no_spread(data, column)

    changed = partial(_scaled, [*zip(at, means, deviations, strict=True)])
    pairs = zip(means, deviations, strict=True)
    return replace(
        split.then(changed),
        first=changed(RowBlock(np.zeros(1, np.int64), split.first[:, None])).values[:, 0],
        standardized=dict(zip((data.ids[column] for column in at), pairs, strict=True)),
    )


def _scaled(spreads: Sequence[tuple[int, float, float]], block: RowBlock) -> RowBlock:
    """Standardize columns of rows, by the mean and the deviation of each."""
    for column, mean, deviation in spreads:
        block.values[column] = (block.values[column] - mean) / deviation
    return block


def _spreads(table: RowTable, at: Sequence[int]) -> tuple[list[float], list[float]]:
    """Return the mean and the standard deviation of some columns; 1.0 for those of one value."""
    with np.errstate(all="ignore"):
        means = [total.value / table.count for total in _totals(table, at, lambda x, _: x)]
        squares = _totals(table, at, lambda x, i: (x - means[i]) ** 2)
        return means, [sqrt(total.value / table.count) or 1.0 for total in squares]


def _totals(
    table: RowTable, at: Sequence[int], change: Callable[[Floats, int], Floats]
) -> list[ExactSum]:
    """Return the exact sum of each of some columns, after a change of its values."""

    def added(blocks: Iterator[RowBlock]) -> list[ExactSum]:
        totals = [ExactSum()] * len(at)
        with np.errstate(all="ignore"):
            for block in blocks:
                for i, column in enumerate(at):
                    totals[i] += exact_sum(change(block.values[column], i))
        return totals

    parts = table.map(added)
    totals = next(parts)
    for part in parts:
        totals = [one + other for one, other in zip(totals, part, strict=True)]
    return totals


def _no_spread(data: Data, column: int) -> GraphError:
    """Build the error for a column that has no mean or deviation."""
    message = f"the column {quoted(data.names[data.ids[column]])} can't be standardized"
    wrong = "its numbers are too large"
    for block in data.table.blocks():
        is_wrong = ~np.isfinite(block.values[column])
        if is_wrong.any():
            at = int(is_wrong.argmax())
            wrong = data.row_name(int(block.numbers[at]), block.values[:, at])
            break
    message += f": {wrong}"
    return GraphError.of("number", message, expected="finite numbers", fix="correct the rows")


def standardized_before(graph: Columns, names: Iterable[str]) -> list[str]:
    """Return those of some inputs that an earlier training of the graph has standardized."""
    metas = ((name, graph.metas.get(graph.index[name])) for name in names)
    return [name for name, meta in metas if isinstance(meta, dict) and "standardized" in meta]


def unstandardized(graph: Columns, split: Split) -> Iterator[str]:
    """Yield what is odd about inputs that an earlier training has standardized, and this does not.

    Args:
        graph: The graph, with the notes of the earlier training.
        split: The rows.
    """
    others = [name for name in split.data.ids if name not in split.standardized]
    if names := standardized_before(graph, others):
        yield f"the graph was trained on standardized {some(names)}: add --standardize"
