"""Batches: a graph over many rows, a block of them at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from mgraph.engine.tape.cache import kernels
from mgraph.engine.tape.lower import LANES
from mgraph.engine.tape.machine import flat
from mgraph.engine.tape.schedule import Backward
from mgraph.engine.tape.source import BATCH, FRESH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mgraph.engine.tape.schedule import Forward

_NEAR: Final = 2**15
"""Bytes of primals and adjoints that stay in a core's first cache, where a graph is that small."""

_FAR: Final = 2**20
"""Bytes that stay in a core's second cache; a block of a larger graph should have no more."""

_WIDE: Final = 16
"""Vectors in a block of such a graph; more would not make its branches any cheaper."""

_SLAB: Final = 2**24
"""Nodes times rows that one worker does before Python looks whether somebody wants to stop."""


class Job(NamedTuple):
    """What to work out. Nodes are given by their places.

    Attributes:
        way: The way back; without nodes: forward only.
        leaf_primals: float64[L], of the leaves that have no column.
        given: int64[C], the leaves that the columns are the primals of.
        wanted: int64[W], the nodes whose primals are wanted.
        seeded: int64[S], the nodes whose adjoint does not start with zero.
        seeds: float64[S], what it starts with in every row.
        asked: int64[K], the leaves whose adjoints are wanted.
        consts: int64[C], the places of the constants, whose adjoints nobody wants.
        adds: Whether adjoints are added up over the rows, in row order.
    """

    way: Backward
    leaf_primals: NDArray[np.float64]
    given: NDArray[np.int64]
    wanted: NDArray[np.int64]
    seeded: NDArray[np.int64]
    seeds: NDArray[np.float64]
    asked: NDArray[np.int64]
    consts: NDArray[np.int64]
    adds: bool


class _Results(NamedTuple):
    """Where results go.

    Attributes:
        outputs: float64[W, N].
        grads: float64[K, N]; or as many rows as a share has, until they are added up; or empty.
        sums: float64[K, rounded up to whole vectors]; or empty.
    """

    outputs: NDArray[np.float64]
    grads: NDArray[np.float64]
    sums: NDArray[np.float64]


class RowBlocks:
    """Does one job, over any rows."""

    def __init__(self, order: Forward, job: Job, math: str) -> None:
        """Load or compile the kernels.

        Args:
            order: The graph, sorted.
            job: What to work out.
            math: The name of a math library.
        """
        self.job, self._order = job, order
        self._slots = order.order.size + 1  # one that always holds zero
        self._kernels = kernels(BATCH, math)
        spare = np.full(-len(job.asked) % LANES, self._slots - 1)
        way, clear = self._way()
        self._arrays = (
            (order.op, order.start, order.a, order.b, order.more, *way, job.leaf_primals),
            (job.given,),
            (job.wanted, clear, job.seeded, job.seeds, np.concatenate([job.asked, spare])),
        )
        self._run = self._kernels.bound("batch", *self._arrays[0], *self._arrays[1])
        self._nodes = (*flat(self._arrays[2]),)
        self._memory: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []

    def _way(self) -> tuple[Backward, NDArray[np.int64]]:
        """Return the way back with runs of nodes that touch first, and the places to clear."""
        order, way = self._order, self.job.way
        sizes = np.diff(way.start)
        code = np.repeat(way.op, sizes)
        seen, clear = (np.zeros(self._slots, np.uint8) for _ in range(2))
        seen[self.job.seeded] = 1
        seen[self.job.consts] = 2
        fresh = np.zeros(code.size, np.uint8)
        self._kernels.touches(code, way.a, way.b, order.more, seen, fresh, clear)
        run = np.repeat(np.arange(sizes.size), sizes) * 2 + fresh
        nodes = np.argsort(run, kind="stable")
        starts = np.flatnonzero(np.diff(run[nodes], prepend=-1, append=-1))
        code = (code + FRESH * fresh)[nodes]
        found = (each[nodes] for each in (way.node, way.a, way.b))
        return Backward(code[starts[:-1]], starts.astype(np.uint32), *found), np.flatnonzero(clear)

    def memory(self, rows: int) -> NDArray[np.float64]:
        """Return room for what a batch of so many rows gives: float64[W + K, N]."""
        kept = 0 if self.job.adds else len(self.job.asked)
        return np.empty((len(self.job.wanted) + kept, rows))

    def run(
        self, columns: Sequence[NDArray[np.float64]], found: NDArray[np.float64], workers: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Run over all rows.

        Args:
            columns: float64[N] each.
            found: From `memory`; what is returned lies there.
            workers: Threads.

        Returns:
            Primals, float64[W, N]; adjoints, float64[K, N], or float64[K] added up.
        """
        rows, asked, wanted = columns[0].size, len(self.job.asked), len(self.job.wanted)
        sums = np.zeros(-(-asked // LANES) * LANES if self.job.adds else 0)
        results = _Results(found[:wanted], found[wanted:], sums)
        width = LANES * self._chunks(rows, workers)
        slab = max(1, _SLAB // (self._slots * width)) * width * workers
        for start in range(0, rows, slab):
            stop = min(start + slab, rows)
            if workers == 1:
                self._work(columns, (start, stop), results, 0, width)
            else:
                self._together(columns, (start, stop), results, workers, width)
        return results.outputs, sums[:asked] if self.job.adds else results.grads

    def _chunks(self, rows: int, workers: int) -> int:
        """Return how many vectors make a block: a whole number of blocks, about full."""
        size = 16 * LANES * self._slots
        most = max(1, _NEAR // size, min(_WIDE, _FAR // size))
        vectors = max(1, -(-rows // (LANES * workers)))
        return -(-vectors // -(-vectors // most))

    def _together(
        self,
        columns: Sequence[NDArray[np.float64]],
        rows: tuple[int, int],
        results: _Results,
        workers: int,
        width: int,
    ) -> None:
        """Share out rows; sums are made in their order, when all are done."""
        shares = _cut(*rows, width, workers)
        places = [results] * len(shares)
        if self.job.adds:
            asked = len(self.job.asked)
            grads = (np.empty((asked, stop - start)) for start, stop in shares)
            places = [_Results(results.outputs, each, results.sums[:0]) for each in grads]
        self._scratch(len(shares) - 1, width)  # before there are threads

        def work(i: int) -> None:
            self._work(columns, shares[i], places[i], i, width)

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(len(shares))))
        for place in places if self.job.adds else ():
            size = place.grads.shape[1]
            self._kernels.add_rows(place.grads.reshape(-1), size, size, results.sums[:asked])

    def _work(
        self,
        columns: Sequence[NDArray[np.float64]],
        rows: tuple[int, int],
        results: _Results,
        worker: int,
        width: int,
    ) -> None:
        """Do some rows."""
        outputs, grads, sums = results
        stride = grads.shape[1]
        first = 0 if stride == columns[0].size else rows[0]
        pointers = np.array([each.__array_interface__["data"][0] for each in columns])
        arrays = (outputs.reshape(-1), grads.reshape(-1), sums, *self._scratch(worker, width))
        self._run(
            *flat((pointers,)), *self._nodes, len(self.job.asked), *rows, columns[0].size, first,
            stride, width // LANES, *flat(arrays),
        )  # fmt: skip

    def _scratch(self, worker: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return a worker's primals and adjoints, float64[vectors, 8]; what nobody sets is zero."""
        count = self._slots * width // LANES
        if self._memory and len(self._memory[0][0]) != count:
            self._memory.clear()
        while len(self._memory) <= worker:
            self._memory.append((_aligned(count), _aligned(count)))
        return self._memory[worker]


def _aligned(vectors: int) -> NDArray[np.float64]:
    """Return zeros, float64[vectors, 8], that begin where a line of the cache does."""
    spare = np.zeros((vectors + 1) * LANES)
    skip = -spare.__array_interface__["data"][0] % (8 * LANES) // 8
    return spare[skip : skip + vectors * LANES].reshape(vectors, LANES)


def _cut(start: int, stop: int, width: int, workers: int) -> list[tuple[int, int]]:
    """Cut rows into a stretch for each worker, of whole blocks."""
    blocks = -(-(stop - start) // width)
    each = -(-blocks // workers) * width
    return [(at, min(at + each, stop)) for at in range(start, stop, each)]
