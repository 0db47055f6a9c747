"""Who does the parts of a job: this process, others on this machine, or a cluster."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

T = TypeVar("T")


class PartWork(Protocol):
    """What a worker needs to know to do the parts of a job. It can be pickled."""

    @property
    def math(self) -> str:
        """The name of the math library, as `Replay.batch` takes it."""

    def check(self) -> None:
        """Refuse a machine from which files that the work needs can't be reached.

        Raises:
            GraphError: `io`.
        """


class WorkSession(Protocol):
    """Calls a function for each part of a job."""

    @property
    def workers(self) -> int:
        """How many workers there are, or have done parts until now."""

    def __call__(
        self, function: Callable[..., T], arguments: Sequence[tuple[Any, ...]]
    ) -> Iterator[tuple[int, T]]:
        """Call a function of the work and of each of some arguments.

        Args:
            function: A function of a module, such as a method of the class of the work.
            arguments: What it takes after the work, once for each part.

        Yields:
            The index of the arguments, and what the function has returned for them, in whatever
            order the parts are finished.

        Raises:
            GraphError: A part can't be done.
        """


class Workers(Protocol):
    """Who does the parts of a job. Nothing but the time depends on them."""

    def ready(self, work: PartWork) -> AbstractContextManager[WorkSession]:
        """Make workers ready for some work, for a `with` block.

        Raises:
            GraphError: There are none, or they can't do it.
        """


class Alone:
    """This process, which does part by part."""

    @contextmanager
    def ready(self, work: PartWork) -> Iterator[WorkSession]:
        """Call functions here."""
        yield _HereSession(work)


@dataclass(frozen=True)
class _HereSession:
    """Some work in this process, as a `WorkSession`."""

    work: PartWork
    workers: int = 1

    def __call__(
        self, function: Callable[..., T], arguments: Sequence[tuple[Any, ...]]
    ) -> Iterator[tuple[int, T]]:
        """Call the function when the next result is asked for."""
        for index, given in enumerate(arguments):
            yield index, function(self.work, *given)
