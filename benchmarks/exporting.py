"""The C that `mgraph export` writes, beside `Replay.step`: a gradient of a random graph.

Both are called from Python, the C by ctypes; then a loop in C calls the exported function, as a
program in C would. The leaves keep their values. The compiler is gcc, with the flags that the
header states; its time is that of its own work, and is needed once. The time of `Graph.compile` is
there for comparison; its kernels are the same for every graph, and come from a cache.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import mgraph
from benchmarks.c import compiled
from benchmarks.graphs import random_graph, write_graph
from benchmarks.measure import ratio, take_turns, timed
from benchmarks.report import RATIO_COLUMNS, ratio_cells, seconds, table
from mgraph.exporting.c_header import FLAGS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from benchmarks.report import Figures

_GRAPHS: Final = {"exact ops": ("add", "mul", "relu"), "with tanh": ("add", "mul", "relu", "tanh")}
_CALLS: Final = 100  # of a loop in C

_LOOP: Final = """
void repeat(int calls, const struct graph_leaves *leaves, struct graph_outputs *outputs,
    struct graph_leaves *grad) {
  for (int i = 0; i < calls; i++) graph_gradient(leaves, 0, outputs, grad);
}
"""


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    count, rounds = (100, 3) if quick else (1_000, 41)
    rows, figures = [], []
    with tempfile.TemporaryDirectory() as folder:
        for name, ops in _GRAPHS.items():
            graph = _graph(Path(folder), count, ops)
            replay, preparing = _clocked(graph.compile)
            library, compiling = _library(graph, Path(folder), name.replace(" ", "_"))
            if library is None:
                continue
            sides = {"mgraph": timed(replay.step, 0.01), **_calls(library, len(graph))}
            take_turns(sides, 1)
            times = take_turns(sides, rounds)
            for how in ("called from Python", "called from C"):
                share = _CALLS if how == "called from C" else 1
                compared = ratio(times["mgraph"], [time / share for time in times[how]])
                title = f"{name}, {count:,} nodes, {how}"
                rows.append((title, *ratio_cells(compared), seconds(preparing), seconds(compiling)))
                figures.append({"graph": name, "how": how, "ratio": compared.least})
    yield from table(("graph", *RATIO_COLUMNS, "compile", "gcc"), rows)
    return figures


def _graph(folder: Path, count: int, ops: tuple[str, ...]) -> mgraph.Graph:
    write_graph(folder / "graph.json", random_graph(count, ops))
    return mgraph.load(folder / "graph.json")


def _clocked(work: Callable[[], Any]) -> tuple[Any, float]:
    start = perf_counter()
    result = work()
    return result, perf_counter() - start


def _library(graph: mgraph.Graph, folder: Path, name: str) -> tuple[Any, float]:
    """Return the exported program as a library, None without gcc, and gcc's time."""
    before = os.times()
    source = mgraph.export(graph, "c", name="graph").text + _LOOP
    library = compiled(folder, name, source, FLAGS.split())
    after = os.times()
    return library, after.children_user - before.children_user


def _calls(library: Any, count: int) -> dict[str, Callable[[], float]]:  # noqa: ANN401 - a library
    """Return what measures a call from Python, and a loop of calls in C."""
    leaves = (ctypes.c_double * 1).in_dll(library, "graph_defaults")
    outputs, grad = ((ctypes.c_double * count)() for _ in range(2))
    call, given = library.graph_gradient, (ctypes.byref(leaves), None, outputs, grad)
    loop, times = library.repeat, (ctypes.c_int(_CALLS), ctypes.byref(leaves), outputs, grad)
    return {
        "called from Python": timed(lambda: call(*given), 0.01),
        "called from C": timed(lambda: loop(*times), 0.01),
    }
