"""Running a batch: a graph over many rows, one block of rows at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mgraph.engine.tape.cache import kernels
from mgraph.engine.tape.jit import flat
from mgraph.engine.tape.lowering import LANES
from mgraph.engine.tape.schedule import Backward
from mgraph.engine.tape.source import BATCH, FRESH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mgraph.engine.tape.schedule import Forward

_NEAR: Final = 2**15
"""Bytes of primals and adjoints in a block that stay in a core's L1 cache; for small graphs."""

_FAR: Final = 2**20
"""Bytes that stay in a core's L2 cache: the limit for a block of a larger graph."""

_WIDE: Final = 16
"""The most vectors in a block of a larger graph; with more, its branches get no cheaper."""

_SLAB: Final = 2**24
"""Nodes times rows that a worker does before Python can handle a Ctrl-C."""


class Job(NamedTuple):
    """What a batch computes. Nodes are given by their positions in the forward order.

    Attributes:
        backward: The backward order; empty for forward-only batches.
        leaf_primals: float64[L], the primals of the leaves that have no column.
        given: int64[C], the leaves whose primals are in the columns.
        wanted: int64[W], the nodes whose primals are returned.
        seeded: int64[S], the nodes whose adjoint does not start at zero.
        seeds: float64[S], their start values, the same in every row.
        asked: int64[K], the leaves whose adjoints are returned.
        consts: int64[C], the consts, whose adjoints are not used.
        adds: Whether adjoints are added up over the rows, in row order.
    """

    backward: Backward
    leaf_primals: NDArray[np.float64]
    given: NDArray[np.int64]
    wanted: NDArray[np.int64]
    seeded: NDArray[np.int64]
    seeds: NDArray[np.float64]
    asked: NDArray[np.int64]
    consts: NDArray[np.int64]
    adds: bool


class _Results(NamedTuple):
    """The arrays that a worker writes its results to.

    Attributes:
        outputs: float64[W, N].
        grads: float64[K, N]; or float64[K, rows of this worker], to be added up; or empty.
        sums: float64[K, rounded up to whole vectors]; or empty.
    """

    outputs: NDArray[np.float64]
    grads: NDArray[np.float64]
    sums: NDArray[np.float64]


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
        self._slots = order.order.size + 1  # one that always holds zero
        self._kernels = kernels(BATCH, math)
        spare = np.full(-len(job.asked) % LANES, self._slots - 1)
        backward, clear = self._backward_runs()
        self._arrays = (
            (order.op, order.start, order.a, order.b, order.more, *backward, job.leaf_primals),
            (job.given,),
            (job.wanted, clear, job.seeded, job.seeds, np.concatenate([job.asked, spare])),
        )
        self._run = self._kernels.bound("batch", *self._arrays[0], *self._arrays[1])
        self._nodes = (*flat(self._arrays[2]),)
        self._memory: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []

    def _backward_runs(self) -> tuple[Backward, NDArray[np.int64]]:
        """Return the backward order with `FRESH` runs split off, and the adjoints to clear."""
        order, backward = self._order, self.job.backward
        sizes = np.diff(backward.start)
        code = np.repeat(backward.op, sizes)
        seen, clear = (np.zeros(self._slots, np.uint8) for _ in range(2))
        seen[self.job.seeded] = 1
        seen[self.job.consts] = 2
        fresh = np.zeros(code.size, np.uint8)
        self._kernels.touches(code, backward.a, backward.b, order.more, seen, fresh, clear)
        run = np.repeat(np.arange(sizes.size), sizes) * 2 + fresh
        nodes = np.argsort(run, kind="stable")
        starts = np.flatnonzero(np.diff(run[nodes], prepend=-1, append=-1))
        code = (code + FRESH * fresh)[nodes]
        columns = (column[nodes] for column in (backward.node, backward.a, backward.b))
        runs = Backward(code[starts[:-1]], starts.astype(np.uint32), *columns)
        return runs, np.flatnonzero(clear)

    def memory(self, rows: int) -> NDArray[np.float64]:
        """Allocate the results of a batch of so many rows: float64[W + K, N]."""
        kept = 0 if self.job.adds else len(self.job.asked)
        return np.empty((len(self.job.wanted) + kept, rows))

    def run(
        self, columns: Sequence[NDArray[np.float64]], memory: NDArray[np.float64], workers: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Run over all rows.

        Args:
            columns: The primals of each given leaf, float64[N].
            memory: From `memory`; the results are parts of it.
            workers: The number of threads.

        Returns:
            Primals, float64[W, N]; adjoints, float64[K, N], or their sums, float64[K].
        """
        rows, asked, wanted = columns[0].size, len(self.job.asked), len(self.job.wanted)
        sums = np.zeros(-(-asked // LANES) * LANES if self.job.adds else 0)
        results = _Results(memory[:wanted], memory[wanted:], sums)
        width = LANES * self._chunks(rows, workers)
        slab = max(1, _SLAB // (self._slots * width)) * width * workers
        for start in range(0, rows, slab):
            stop = min(start + slab, rows)
            if workers == 1:
                self._work(columns, (start, stop), results, 0, width)
            else:
                self._work_in_threads(columns, (start, stop), results, workers, width)
        return results.outputs, sums[:asked] if self.job.adds else results.grads

    def _chunks(self, rows: int, workers: int) -> int:
        """Return how many vectors make a block, so that all blocks are about full."""
        size = 16 * LANES * self._slots
        most = max(1, _NEAR // size, min(_WIDE, _FAR // size))
        vectors = max(1, -(-rows // (LANES * workers)))
        return -(-vectors // -(-vectors // most))

    def _work_in_threads(
        self,
        columns: Sequence[NDArray[np.float64]],
        rows: tuple[int, int],
        results: _Results,
        workers: int,
        width: int,
    ) -> None:
        """Share rows among threads; sums are made when all are done, in row order."""
        shares = _cut(*rows, width, workers)
        parts = [results] * len(shares)
        if self.job.adds:
            asked = len(self.job.asked)
            grads = (np.empty((asked, stop - start)) for start, stop in shares)
            parts = [_Results(results.outputs, part, results.sums[:0]) for part in grads]
        self._scratch(len(shares) - 1, width)  # before the threads start

        def work(i: int) -> None:
            self._work(columns, shares[i], parts[i], i, width)

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(len(shares))))
        for part in parts if self.job.adds else ():
            size = part.grads.shape[1]
            self._kernels.add_rows(part.grads.reshape(-1), size, size, results.sums[:asked])

    def _work(
        self,
        columns: Sequence[NDArray[np.float64]],
        rows: tuple[int, int],
        results: _Results,
        worker: int,
        width: int,
    ) -> None:
        """Run over some rows in this thread."""
        outputs, grads, sums = results
        stride = grads.shape[1]
        first = 0 if stride == columns[0].size else rows[0]
        pointers = np.array([column.__array_interface__["data"][0] for column in columns])
        arrays = (outputs.reshape(-1), grads.reshape(-1), sums, *self._scratch(worker, width))
        self._run(
            *flat((pointers,)), *self._nodes, len(self.job.asked), *rows, columns[0].size, first,
            stride, width // LANES, *flat(arrays),
        )  # fmt: skip

    def _scratch(self, worker: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return a worker's primals and adjoints, float64[vectors, 8], zero where not set."""
        count = self._slots * width // LANES
        if self._memory and len(self._memory[0][0]) != count:
            self._memory.clear()
        while len(self._memory) <= worker:
            self._memory.append((_aligned(count), _aligned(count)))
        return self._memory[worker]


def _aligned(vectors: int) -> NDArray[np.float64]:
    """Return zeros, float64[vectors, 8], aligned to a cache line."""
    spare = np.zeros((vectors + 1) * LANES)
    skip = -spare.__array_interface__["data"][0] % (8 * LANES) // 8
    return spare[skip : skip + vectors * LANES].reshape(vectors, LANES)


def _cut(start: int, stop: int, width: int, workers: int) -> list[tuple[int, int]]:
    """Cut rows into one range per worker, of whole blocks."""
    blocks = -(-(stop - start) // width)
    size = -(-blocks // workers) * width
    return [(first, min(first + size, stop)) for first in range(start, stop, size)]
