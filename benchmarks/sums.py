"""Exact sums on one core: gradients over the rows of a batch, and single columns.

*Gradients* are `Replay.batch` with `grad="sum"`, beside `grad="rows"` into reused memory, whose
rows NumPy then adds up with rounding. *Columns* are the sums of outputs and losses, beside NumPy's
`sum`, which rounds, and `math.fsum`, which does not; all are in the cache. In a *spread* column,
numbers differ by up to 2^60. All sides take turns.
"""

from __future__ import annotations

import math
import os
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

import mgraph
from benchmarks import demo
from benchmarks.flat import flat, graph_of
from benchmarks.graphs import random_graph
from benchmarks.measure import ROOT, ratio, take_turns, timed
from benchmarks.report import seconds, table, verdict, versions
from mgraph.engine.tape.sums import exact_sum

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from numpy.typing import NDArray

    from benchmarks.report import Figures
    from mgraph.engine.tape.replay import Replay

TARGET: Final = 1.15
_BURST: Final = 0.05
_COLUMN: Final = 2**17


class _Work(NamedTuple):
    """A graph and its columns."""

    replay: Replay
    columns: dict[str, NDArray[np.float64]]


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rounds = 2 if quick else 15
    cells, verdicts, figures = [], [], []
    for name, work in _works(100 if quick else 1).items():
        times = take_turns(_gradients(work), rounds)
        measured = ratio(times["exact"], times["rounded"])
        rows = len(next(iter(work.columns.values())))
        best = (seconds(min(each)) for each in times.values())
        cells.append((name, f"{rows:,}", *best, f"{measured.median:.2f}", str(measured.pairs)))
        verdicts.append(verdict(f"the time of rounded sums, {name}", TARGET, measured))
        figures.append({"graph": name, "rows": rows, "ratio": measured.median})
    header = ("gradients", "rows", "exact", "rounded", "exact / rounded: median ratio", "pairs")
    yield from table(header, cells)
    yield from verdicts
    yield ""
    yield from table(("columns, ns per number", "mgraph", "NumPy", "math.fsum"), _columns(rounds))
    yield f"{versions(('llvmlite', 'numpy'))}."
    return figures


def _works(divisor: int) -> dict[str, _Work]:
    """Make the graphs, with columns for two leaves, or for points and their labels."""
    generator = np.random.default_rng(1)
    random = graph_of(flat(random_graph(1000, ("add", "mul", "tanh"))))
    neuron = mgraph.load(ROOT / "fixtures" / "neuron.json")
    works = {}
    for name, graph, ids, rows in (
        ("neuron", neuron, ("x1", "x2"), 100_000),
        ("random, 1,000 nodes", random, ("n0", "n1"), 20_000),
    ):
        columns = {leaf: generator.uniform(-1.0, 1.0, rows // divisor) for leaf in ids}
        works[name] = _Work(graph.compile(), columns)
    task = demo.task(4096 // divisor)
    points = dict(zip(("x1", "x2", "y"), (*task.points.T, task.labels), strict=True))
    works["moons, 2-16-16-1"] = _Work(demo.row_graph(task).compile(), points)
    return works


def _gradients(work: _Work) -> dict[str, Callable[[], float]]:
    """Return functions that measure both sides, after checking that mgraph's sums are exact."""
    batch = partial(work.replay.batch, work.columns)
    before = batch(grad="rows")
    sums = batch(grad="sum").grad
    assert sums == {name: math.fsum(column) for name, column in before.grad.items()}

    def rounded() -> list[float]:
        return [column.sum() for column in batch(grad="rows", reuse=before).grad.values()]

    return {
        "exact": timed(partial(batch, grad="sum", reuse=batch(grad="sum")), _BURST),
        "rounded": timed(rounded, _BURST),
    }


def _columns(rounds: int) -> list[tuple[str, ...]]:
    """Return the cells of the table of columns."""
    generator = np.random.default_rng(1)
    normal = generator.normal(size=_COLUMN)
    spread = np.ldexp(normal, generator.integers(-60, 1, _COLUMN))
    cells = []
    for name, column in (("normal", normal), ("spread", spread)):
        assert exact_sum(column).value == math.fsum(column)
        sums: tuple[Callable[[], object], ...] = (
            partial(exact_sum, column), column.sum, partial(math.fsum, column.tolist())
        )  # fmt: skip
        times = take_turns({str(i): timed(add, _BURST) for i, add in enumerate(sums)}, rounds)
        cells.append((name, *(f"{min(each) / _COLUMN * 1e9:.2f}" for each in times.values())))
    return cells
