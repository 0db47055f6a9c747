"""Running a batch: a graph over many rows, one block of rows at a time."""

from __future__ import annotations

import sys
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mgraph.engine.tape.cache import kernels
from mgraph.engine.tape.jit import flat
from mgraph.engine.tape.lowering import LANES
from mgraph.engine.tape.products import backward_runs, forward_runs
from mgraph.engine.tape.source import BATCH, TOGETHER
from mgraph.engine.tape.sums import Accumulators, aligned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from mgraph.engine.tape.schedule import Forward, Job
    from mgraph.engine.tape.sums import Totals
    from mgraph.engine.tape.tables import Table

_NEAR: Final = 2**15
"""Bytes of primals and adjoints in a block that stay in a core's L1 cache; for small graphs."""

_FAR: Final = 2**20
"""Bytes that stay in a core's L2 cache: the limit for a block of a larger graph."""

_WIDE: Final = 16
"""The most vectors in a block of a larger graph; with more, its branches get no cheaper."""

_WIDE_OF_PRODUCTS: Final = 20
"""The same, if sums compute products; with 16, all arguments would be on the same cache lines."""

_SLAB: Final = 2**26
"""Nodes times rows that a worker does before Python can handle a Ctrl-C."""

_SETTLED: Final = 2**29
"""Rows that are added up before sums are settled; twice as many have room."""


class Results(NamedTuple):
    """What a batch has computed.

    Attributes:
        outputs: float64[W, N], the primals of the wanted nodes.
        grads: float64[K, N], the adjoints of the leaves asked for; or empty.
        totals: The sums of these adjoints; or None.
    """

    outputs: NDArray[np.float64]
    grads: NDArray[np.float64]
    totals: Totals | None


class _Scratch(NamedTuple):
    """The memory of a worker.

    Attributes:
        primals: float64[vectors, 8], those of each node in turn.
        adjoints: float64[vectors, 8], likewise.
        arguments: These arrays, as kernels take them.
    """

    primals: NDArray[np.float64]
    adjoints: NDArray[np.float64]
    arguments: tuple[int, ...]


class RowBlocks:
    """A job that is ready to be run over any number of rows."""

    def __init__(self, order: Forward, job: Job, math: str) -> None:
        """Load or compile the kernels.

        Args:
            order: The graph in forward order.
            job: What to compute.
            math: The name of a math library.
        """
        self.job, self._order = job, order
        self._slots = order.order.size + 1  # one to spare
        self._kernels = kernels(BATCH, math)
        forward = forward_runs(order, job.given, job.wanted, self._kernels)
        backward = backward_runs(job, forward, self._kernels.touches)
        self._stored = forward.stored + backward.stored
        self._step = TOGETHER if forward.is_absent.any() else 1
        self._columns = np.zeros(len(job.given), np.int64)  # where they are
        runs = forward.runs
        self._arrays = (
            runs.op, runs.start, runs.a, runs.b, runs.more, forward.factor,
            *backward.runs, backward.more, backward.clear, job.seeded, job.seeds,
            job.leaf_primals, np.flatnonzero(forward.copied), job.given, self._columns,
            job.wanted, job.asked, backward.added, self._slots - 1,
        )  # fmt: skip
        self._run = self._kernels.bound("batch", *self._arrays)
        self._memory: list[_Scratch] = []
        self._sums: list[Accumulators] = []

    def shape(self, rows: int) -> tuple[int, int]:
        """Return the shape of the results of a batch of so many rows: W + K, N."""
        kept = 0 if self.job.adds else len(self.job.asked)
        return len(self.job.wanted) + kept, rows

    def run(self, table: Table, memory: NDArray[np.float64], workers: int) -> Results:
        """Run over all rows.

        Args:
            table: The primals of each given leaf.
            memory: float64[W + K, N], overwritten; the results are parts of it.
            workers: The number of threads.
        """
        rows, wanted = table.rows, len(self.job.wanted)
        results = Results(memory[:wanted], memory[wanted:], None)
        to = (*flat((memory.reshape(-1),)),)
        sums = [self._accumulators(i) for i in range(workers)]
        for accumulator in sums:
            accumulator.clear()
        width = LANES * self._chunks(rows, workers)
        most = min(_SLAB // self._slots, table.part // workers)
        slab = max(1, most // width) * width * workers
        for start in range(0, rows, slab):
            stop = min(start + slab, rows)
            for accumulator in sums if start and start % _SETTLED < slab else ():
                accumulator.settle()
            parts = table.as_doubles(start, stop, self._columns)
            if workers == 1:
                self._work((start, stop, rows), width, to, 0)
            else:
                self._work_in_threads((start, stop, rows), width, to, workers)
            del parts  # they had to be kept until now
        if not self.job.adds:
            return results
        return results._replace(totals=sums[0].totals(sums[1:]))

    def sums_of(
        self, table: Table, memory: NDArray[np.float64]
    ) -> Callable[[], NDArray[np.float64]] | None:
        """Return what computes the sums of some rows again and again, in this thread.

        Nothing is checked or looked up any more, so that few rows take less time. In between, any
        numbers may change, but not where they are: neither those of the columns nor the leaves.

        Args:
            table: The primals of each given leaf.
            memory: float64[W, N], overwritten by each run, like the sums.

        Returns:
            A function that runs over all rows, and returns the rounded sums of the adjoints asked
            for, float64[K]; None for rows that have to be converted, or are too many at once.
        """
        rows, width = table.rows, LANES * self._chunks(table.rows, 1)
        if table.part < sys.maxsize or rows > max(width, _SLAB // self._slots):
            return None
        parts = table.as_doubles(0, rows, self._columns)
        addresses = self._columns.copy()
        scratch, sums = self._scratch(0, width), self._accumulators(0)
        run = self._kernels.bound(
            "batch", *self._arrays, 0, rows, rows, width // LANES, memory.reshape(-1),
            *scratch.arguments, *sums.batch_arguments,
        )  # fmt: skip

        def again(_kept: object = (parts, memory, scratch)) -> NDArray[np.float64]:
            self._columns[:] = addresses
            sums.clear()
            run()
            return sums.rounded()

        return again

    def _chunks(self, rows: int, workers: int) -> int:
        """Return how many vectors make a block, so that all blocks are about full."""
        size = 8 * LANES * self._stored
        widest = _WIDE if self._step == 1 else _WIDE_OF_PRODUCTS
        most = max(1, _NEAR // size, min(widest, _FAR // size))
        step = min(self._step, most)
        vectors = max(1, -(-rows // (LANES * workers)))
        return -(-vectors // -(-vectors // (most // step * step)) // step) * step

    def _work_in_threads(
        self, rows: tuple[int, int, int], width: int, to: tuple[int, ...], workers: int
    ) -> None:
        """Share rows among threads; the arguments are those of `_work`."""
        start, stop, count = rows
        shares = _cut(start, stop, width, workers)
        self._scratch(len(shares) - 1, width)  # before the threads start

        def work(i: int) -> None:
            self._work((*shares[i], count), width, to, i)

        pool, parts = ThreadPoolExecutor(workers), list[Future[None]]()
        try:
            parts.extend(pool.submit(work, i) for i in range(len(shares)))
            for part in parts:
                part.result()
        finally:
            pool.shutdown(wait=False)
            _end(parts)

    def _work(
        self, rows: tuple[int, int, int], width: int, to: tuple[int, ...], worker: int
    ) -> None:
        """Run over some rows in this thread.

        Args:
            rows: The first row, the row after the last, and the number of rows of the batch.
            width: The number of rows in a block.
            to: The memory of the results, as kernels take it.
            worker: The index of the worker.
        """
        scratch, sums = self._scratch(worker, width), self._accumulators(worker)
        self._run(*rows, width // LANES, *to, *scratch.arguments, *sums.batch_arguments)

    def _scratch(self, worker: int, width: int) -> _Scratch:
        """Return a worker's scratch memory, zero where not set."""
        count = self._slots * width // LANES
        if self._memory and len(self._memory[0].primals) != count:
            self._memory.clear()
        while len(self._memory) <= worker:
            arrays = aligned(count), aligned(count)
            self._memory.append(_Scratch(*arrays, (*flat(arrays),)))
        return self._memory[worker]

    def _accumulators(self, worker: int) -> Accumulators:
        """Return a worker's sums of adjoints; of no columns if they are not added up."""
        while len(self._sums) <= worker:
            self._sums.append(Accumulators(len(self.job.asked) if self.job.adds else 0))
        return self._sums[worker]


def _end(parts: Sequence[Future[None]]) -> None:
    """Wait for all threads, however often Ctrl-C is pressed: the next batch uses their memory.

    Raises:
        BaseException: What a signal handler has raised meanwhile.
    """
    raised: BaseException | None = None
    while True:
        try:
            wait(parts)
        except BaseException as error:  # noqa: BLE001 - it is raised below
            raised = error
        else:
            break
    if raised:
        raise raised


def _cut(start: int, stop: int, width: int, workers: int) -> list[tuple[int, int]]:
    """Cut rows into one range per worker, of whole blocks."""
    blocks = -(-(stop - start) // width)
    size = -(-blocks // workers) * width
    return [(first, min(first + size, stop)) for first in range(start, stop, size)]
