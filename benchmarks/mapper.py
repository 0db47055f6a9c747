"""Arrow record batches of 65,536 rows through a graph: the output and the gradients of all leaves.

`mgraph.rows.mapper` takes and returns record batches in memory. *kernel* is the `Replay.batch` that
it calls, on NumPy columns, into memory that it has used before (`reuse=`). The first two leaves are
columns, the others are the same in every row. Both sides use one core, give the same bits, and take
turns.
"""

from __future__ import annotations

import os
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

import mgraph
from benchmarks.flat import flat, graph_of
from benchmarks.graphs import random_graph
from benchmarks.measure import ROOT, ratio, take_turns, timed
from benchmarks.report import progress, seconds, table, verdict, versions

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from benchmarks.report import Figures
    from mgraph.engine.tape.replay import Batch

TARGET: Final = 1 / 0.7
"""At least 0.7 times the kernel's rows per second."""

_BURST: Final = 0.05
_BATCHES: Final = 4
_MATHS: Final = ("libm", "auto")


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rows, nodes = (1000, 50) if quick else (65_536, 1000)
    graphs = {
        "neuron": mgraph.load(ROOT / "fixtures" / "neuron.json"),
        "random": graph_of(flat(random_graph(nodes, ("add", "mul", "tanh")))),
    }
    cells, verdicts, figures = [], [], []
    for name, graph in graphs.items():
        for math in _MATHS:
            progress(f"mapper: {name}, {math}")
            times = take_turns(_sides(graph, math, rows), 2 if quick else 15)
            compared = ratio(times["mapper"], times["kernel"])
            speeds = [f"{rows / min(times[side]):,.0f}" for side in ("mapper", "kernel")]
            cells.append((
                f"{name}, {len(graph):,} nodes", math, seconds(min(times["mapper"])), *speeds,
                f"{compared.median:.2f}", str(compared.pairs),
            ))  # fmt: skip
            verdicts.append(verdict(f"the kernel's time ({name}, {math})", TARGET, compared))
            figures.append({"graph": name, "math": math, "rows": rows, "ratio": compared.median})
    header = ("", "math", "mapper", "rows/s", "kernel, rows/s", "median time ratio", "pairs")
    yield from table(header, cells)
    yield from verdicts
    yield ""
    yield f"{versions(('llvmlite', 'numpy', 'pyarrow'))}."
    return figures


def _sides(graph: mgraph.Graph, math: str, rows: int) -> dict[str, Callable[[], float]]:
    """Return functions that measure a batch of each side, in seconds."""
    replay, mapper = graph.compile(), mgraph.rows.mapper(graph, grad="rows", math=math)
    spread = np.random.default_rng(1).uniform(-1.0, 1.0, (2, rows))
    first_two = (graph.columns.ids[leaf] for leaf in graph.columns.leaves[:2])
    columns = dict(zip(first_two, spread, strict=True))
    batch = pa.record_batch({name: pa.array(x) for name, x in columns.items()})
    last: dict[str, Any] = {"kernel": None}

    def kernel() -> None:
        for _ in repeat(None, _BATCHES):
            last["kernel"] = replay.batch(columns, grad="rows", math=math, reuse=last["kernel"])

    def mapped() -> None:
        for last["mapper"] in mapper(repeat(batch, _BATCHES)):
            pass

    kernel()
    mapped()
    _check_same(last["mapper"], last["kernel"])
    return {"mapper": _per_batch(mapped), "kernel": _per_batch(kernel)}


def _per_batch(work: Callable[[], None]) -> Callable[[], float]:
    measure = timed(work, _BURST)
    return lambda: measure() / _BATCHES


def _check_same(ours: pa.RecordBatch, theirs: Batch) -> None:
    wanted = {**theirs.outputs, **{f"grad:{leaf}": x for leaf, x in theirs.grad.items()}}
    for name, column in wanted.items():
        assert np.array_equal(ours[name].to_numpy(), column), name
