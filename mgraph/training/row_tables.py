"""The rows that training runs over: held in memory, or read from their files again and again."""

from __future__ import annotations

from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain, takewhile
from threading import Event
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

T = TypeVar("T")


class RowBlock(NamedTuple):
    """Some rows.

    Attributes:
        numbers: int64[R], the number of each among all rows that were read, ascending.
        values: float64[C, R].
    """

    numbers: NDArray[np.int64]
    values: Floats

    def where(self, mask: NDArray[np.bool_]) -> RowBlock:
        """Return the rows for which bool[R] is true."""
        return RowBlock(self.numbers[mask], self.values.compress(mask, axis=1))


class RowTable(ABC):
    """Rows that can be visited again and again, in order.

    Attributes:
        count: How many rows.
    """

    count: int

    @abstractmethod
    def map(self, work: Callable[[Iterator[RowBlock]], T]) -> Iterator[T]:
        """Call `work` for a few blocks after the other, and yield what it returns, in order.

        Raises:
            GraphError: The rows can't be read again, or have changed.
        """

    @abstractmethod
    def then(self, change: Callable[[RowBlock], RowBlock], count: int) -> RowTable:
        """Return the same rows after a change, and how many they are then."""

    @abstractmethod
    def blocks(self) -> Iterator[RowBlock]:
        """Yield all rows in order."""


@dataclass(frozen=True)
class HeldTable(RowTable):
    """Rows in memory.

    Attributes:
        block: All of them.
    """

    block: RowBlock
    _memory: dict[int, Floats] = field(default_factory=dict, repr=False, compare=False)

    @property
    def count(self) -> int:  # type: ignore[override]
        """How many rows."""
        return self.block.numbers.size

    def map(self, work: Callable[[Iterator[RowBlock]], T]) -> Iterator[T]:
        """Call `work` once, for all rows."""
        yield work(self.blocks())

    def then(self, change: Callable[[RowBlock], RowBlock], count: int) -> HeldTable:  # noqa: ARG002
        """Change the rows."""
        return HeldTable(change(self.block))

    def blocks(self) -> Iterator[RowBlock]:
        """Yield one block."""
        yield self.block

    def take(self, at: NDArray[np.intp]) -> HeldTable:
        """Return the rows at some places, in this order, until the same number is taken again."""
        block = self.block
        memory = self._memory.get(at.size)
        if memory is None:
            memory = self._memory[at.size] = np.empty((len(block.values), at.size))
        block.values.take(at, axis=1, out=memory, mode="clip")  # "clip" writes without a buffer
        return HeldTable(RowBlock(block.numbers[at], memory))


class BlockReader(Protocol):
    """What reads rows in parts, the same ones each time."""

    def check(self) -> None:
        """Refuse files that have changed."""

    def __len__(self) -> int:
        """Return the number of parts."""

    def read(self, part: int) -> Iterator[RowBlock]:
        """Yield the rows of a part in order; several threads may do so at once."""


@dataclass(frozen=True)
class StreamedTable(RowTable):
    """Rows that are read from files whenever they are needed.

    Attributes:
        reader: Reads them.
        count: How many rows.
        workers: The number of threads that read and work.
        changes: What happens to each block after it was read.
    """

    reader: BlockReader
    count: int
    workers: int
    changes: tuple[Callable[[RowBlock], RowBlock], ...] = field(default=())

    def map(self, work: Callable[[Iterator[RowBlock]], T]) -> Iterator[T]:
        """Call `work` once for the blocks of each part, of several parts at the same time."""
        self.reader.check()
        is_over, parts = Event(), range(len(self.reader))

        def worked(index: int) -> T:
            return work(takewhile(lambda _: not is_over.is_set(), self.part(index)))

        try:
            yield from map(worked, parts) if self.workers == 1 else self._pool.map(worked, parts)
        finally:  # after an error or Ctrl-C, threads don't finish their parts
            is_over.set()

    def then(self, change: Callable[[RowBlock], RowBlock], count: int) -> StreamedTable:
        """Change the rows when they are read."""
        return replace(self, changes=(*self.changes, change), count=count)

    def blocks(self) -> Iterator[RowBlock]:
        """Read all rows in order."""
        self.reader.check()
        return chain.from_iterable(map(self.part, range(len(self.reader))))

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        """The threads; they stay, because each keeps its kernels."""
        return ThreadPoolExecutor(self.workers)

    def part(self, part: int) -> Iterator[RowBlock]:
        """Read the rows of a part."""
        for block in self.reader.read(part):
            for change in self.changes:
                block = change(block)  # noqa: PLW2901
            if block.numbers.size:
                yield block
