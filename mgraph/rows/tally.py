"""What is counted and summed up while rows go by."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mgraph.engine.tape.sums import exact_sum
from mgraph.ops.exact_sum import ExactSum
from mgraph.rows.columns import BAD_NAMED

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa
    from numpy.typing import NDArray

    from mgraph.rows.columns import BadRow


class NonFinite(NamedTuple):
    """The values of a column that are NaN or infinite.

    Attributes:
        values: How many there are.
        file: The file of the first one; empty for a table in memory.
        row: Its row in that file, counted from 0.
    """

    values: int
    file: str
    row: int


@dataclass
class Tally:
    """Counts and sums of some rows.

    Attributes:
        rows: How many rows were written.
        skipped: How many were left out, because they were bad.
        nulls: How many have null results, because they were bad.
        sums: The exact sums of columns of results, by name.
        non_finite: The columns of results with values that are not finite, by name.
        bad: The first of the bad rows; these are not stored with parts.
    """

    rows: int = 0
    skipped: int = 0
    nulls: int = 0
    sums: dict[str, ExactSum] = field(default_factory=dict)
    non_finite: dict[str, NonFinite] = field(default_factory=dict)
    bad: list[BadRow] = field(default_factory=list)

    def add_sums(self, sums: Mapping[str, ExactSum]) -> None:
        """Add sums of columns, by name."""
        for name, total in sums.items():
            self.sums[name] = self.sums.get(name, ExactSum()) + total

    def add_column(
        self, name: str, column: pa.Array, file: str, rows: NDArray[np.int64], *, sums: bool
    ) -> None:
        """Add a column of results.

        Args:
            name: Its name.
            column: float64[N].
            file: The file that the rows are from.
            rows: int64[N], their numbers in that file.
            sums: Whether its values are added up.
        """
        if column.null_count:
            is_valid = column.is_valid().to_numpy(zero_copy_only=False)
            column, rows = column.drop_null(), rows[is_valid]
        values = column.to_numpy(zero_copy_only=True)
        if sums:
            self.add_sums({name: exact_sum(values)})
        is_finite = np.isfinite(values)
        if not is_finite.all():
            wrong = np.flatnonzero(~is_finite)
            self._add_non_finite(name, NonFinite(wrong.size, file, int(rows[wrong[0]])))

    def _add_non_finite(self, name: str, more: NonFinite) -> None:
        first = self.non_finite.get(name)
        self.non_finite[name] = first._replace(values=first.values + more.values) if first else more

    def add(self, other: Tally) -> None:
        """Add the tally of the rows that follow."""
        self.rows += other.rows
        self.skipped += other.skipped
        self.nulls += other.nulls
        self.add_sums(other.sums)
        for name, more in other.non_finite.items():
            self._add_non_finite(name, more)
        self.bad = [*self.bad, *other.bad][:BAD_NAMED]

    def as_json(self) -> dict[str, Any]:
        """Return the tally as plain data."""
        return {
            "rows": self.rows,
            "skipped": self.skipped,
            "nulls": self.nulls,
            "sums": {name: total.to_bytes().hex() for name, total in self.sums.items()},
            "non_finite": {name: [*where] for name, where in self.non_finite.items()},
        }

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Tally:
        """Return what `as_json` has written.

        Raises:
            AttributeError, KeyError, TypeError, ValueError: It writes nothing like that.
        """
        rows, skipped, nulls = (operator.index(data[name]) for name in ("rows", "skipped", "nulls"))
        sums = {name: ExactSum.from_bytes(bytes.fromhex(x)) for name, x in data["sums"].items()}
        places = {
            name: NonFinite(operator.index(values), str(file), operator.index(row))
            for name, (values, file, row) in data["non_finite"].items()
        }
        return cls(rows, skipped, nulls, sums, places)
