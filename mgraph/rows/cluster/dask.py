"""A Dask cluster as workers: futures of functions of some work, until all of them are done."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from mgraph.errors import GraphError
from mgraph.rows.cluster.checks import check_workers
from mgraph.rows.cluster.connection import Connection, connected
from mgraph.rows.cluster.tasks import do, packed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from distributed import Future

    from mgraph.rows.cluster.address import ClusterAddress
    from mgraph.rows.workers import PartWork

T = TypeVar("T")


@dataclass(frozen=True)
class DaskWorkers:
    """The workers of a Dask cluster, as `Workers`.

    Attributes:
        address: That of the scheduler.
    """

    address: ClusterAddress

    def reach(self) -> None:
        """Refuse an address where there are no workers, before anything else is done.

        Raises:
            GraphError: `io`.
        """
        with connected(self.address):
            pass

    @contextmanager
    def ready(self, work: PartWork) -> Iterator[DaskSession]:
        """Connect to the scheduler, and check all of its workers.

        Raises:
            GraphError: `io` if there are none, or one can't do the work.
        """
        with connected(self.address) as connection, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            task = connection.client.submit(bytes, packed(work), pure=False)
            check_workers(connection, task)
            yield DaskSession(connection, task)


@dataclass(frozen=True)
class DaskSession:
    """Some work on a cluster, as a `WorkSession`.

    Attributes:
        connection: The connection to the scheduler.
        work: The work as bytes: a task of its own, so that it is sent once to each worker.
        names: The workers that have done parts.
    """

    connection: Connection
    work: Future
    names: dict[str, None] = field(default_factory=dict)

    @property
    def workers(self) -> int:
        """How many workers have done parts."""
        return len(self.names)

    def __call__(
        self, function: Callable[..., T], arguments: Sequence[tuple[Any, ...]]
    ) -> Iterator[tuple[int, T]]:
        """Let workers do parts, and yield the index and the result of each."""
        for index, answer in self.connection.finished(self.kept(function, arguments)):
            if answer.faults:
                raise GraphError(answer.faults)
            self.names[answer.worker] = None
            yield index, answer.value

    def kept(
        self, function: Callable[..., Any], arguments: Sequence[tuple[Any, ...]]
    ) -> list[Future]:
        """Let workers do parts and keep the results, which can be arguments of others.

        If a worker is lost, others make again what it has kept.
        """
        count, columns = len(arguments), map(list, zip(*arguments, strict=True))
        tasks: list[Future] = self.connection.client.map(
            do, [self.work] * count, [function] * count, *columns, pure=False
        )
        return tasks
