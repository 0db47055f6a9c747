"""An objective that the workers of a cluster compute, each for some parts of the rows."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import TYPE_CHECKING

from mgraph.training.row_tables import StreamedTable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from mgraph.rows.cluster.dask import DaskSession, DaskWorkers
    from mgraph.training.objective import Assessment, LossSums, Objective
    from mgraph.training.row_tables import RowBlock, RowTable

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PartSums:
    """Sums over parts of some tables, as `PartWork`.

    Attributes:
        objective: What is added up.
        tables: The tables.
    """

    objective: Objective
    tables: Sequence[StreamedTable]

    @property
    def math(self) -> str:
        """The name of the math library."""
        return self.objective.math

    def check(self) -> None:
        """Refuse a machine that has not the same files.

        Raises:
            GraphError: `io`.
        """
        for table in self.tables:
            table.reader.check()

    def read(self, table: int, part: int) -> list[RowBlock]:
        """Return the rows of a part of a table."""
        return [*self.tables[table].part(part)]

    def added(self, blocks: Sequence[RowBlock], params: Floats, grad: bool) -> LossSums:  # noqa: FBT001
        """Add up what the rows of a part give."""
        return self.objective.added(params, grad, blocks)


class SpreadObjective:
    """An objective on a cluster, as `Measures`; the sums are exact, so that nothing else changes.

    Workers keep the rows. If one is lost, others read its rows again.
    """

    def __init__(
        self, objective: Objective, tables: Sequence[StreamedTable], session: DaskSession
    ) -> None:
        """Let workers read the rows of some tables."""
        self._objective, self._tables, self._session = objective, tables, session
        self._rows = [
            session.kept(PartSums.read, [(index, part) for part in range(len(table.reader))])
            for index, table in enumerate(tables)
        ]

    @property
    def workers(self) -> int:
        """How many workers have added up something."""
        return self._session.workers

    def measure(self, params: Floats, table: RowTable, *, grad: bool = True) -> Assessment:
        """Run the graph over some rows, as `Measures` says."""
        at = [index for index, known in enumerate(self._tables) if known is table]
        if not at:  # other rows, for validation
            return self._objective.measure(params, table, grad=grad)
        self._tables[at[0]].reader.check()
        arguments = [(rows, params, grad) for rows in self._rows[at[0]]]
        parts = self._session(PartSums.added, arguments)
        return self._objective.assessment(reduce(add, (sums for _, sums in parts)))


@contextmanager
def spread(
    objective: Objective, tables: Sequence[RowTable | None], workers: DaskWorkers
) -> Iterator[SpreadObjective]:
    """Let a cluster compute an objective, in a `with` block.

    Args:
        objective: The objective.
        tables: The rows; those that are not read from files are left to this process.
        workers: Those of the cluster.

    Raises:
        GraphError: `io` if there are no workers, or one can't do it.
    """
    streamed = [table for table in tables if isinstance(table, StreamedTable)]
    work = PartSums(objective, [replace(table, workers=1) for table in streamed])
    with workers.ready(work) as session:
        yield SpreadObjective(objective, streamed, session)
