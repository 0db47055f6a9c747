"""One graph over 100,000 rows on one core: the output and the gradients of all leaves in every row.

The first two leaves are columns, the others are the same in every row; all numbers are float64.
NumPy and PyTorch run hand-written code, one operation per node and block of rows; CasADi maps its
function over the rows; JAX compiles the mapped gradient. The limits are in C, with glibc's vector
tanh: *C, blocks* is a loop over the opcodes of any graph, *C, this graph* a program written and
compiled for this graph alone: that is what straight-line kernels would give, and what compiling
them would take, for each graph again. NumPy, PyTorch and *C, blocks* use the block width that is
fastest here. mgraph (`reuse=`), NumPy, CasADi and C write into memory that they have used before,
the others into new memory. All sides agree on all numbers, and take turns.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np

import mgraph
from benchmarks import c_rows
from benchmarks.flat import flat, flat_of, relative_error
from benchmarks.graphs import random_graph
from benchmarks.measure import ROOT, ratio, take_turns, timed
from benchmarks.report import is_installed, progress, seconds, table, verdict, versions
from benchmarks.rows import Casadi, Jax, Mgraph, Numpy, Table, Torch

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from benchmarks.flat import Flat
    from benchmarks.measure import Ratio
    from benchmarks.report import Figures
    from benchmarks.rows import Side

PEER_TARGET: Final = 0.5
C_TARGET: Final = 1.25
JAX_TARGET: Final = 1.0
_CLOSE: Final = 1e-9
_BURST: Final = 0.05
_TRIED: Final = 10_000
"""The number of rows with which block widths are tried."""

_WIDTHS: Final = (256, 512, 1024, 2048, 4096, 8192)
_OURS: Final = "mgraph"
_BLOCKS: Final = "C, blocks"
_PEERS: Final = ("NumPy", "PyTorch", "JAX", "CasADi")


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rows = 1000 if quick else 100_000
    nodes = 50 if quick else 1000
    graphs = {
        "random": flat(random_graph(nodes, ("add", "mul", "tanh"))),
        "neuron": flat_of(mgraph.load(ROOT / "fixtures" / "neuron.json").columns),
    }
    figures: Figures = []
    for name, graph in graphs.items():
        yield f"**{name}, {len(graph.opcode):,} nodes, {rows:,} rows**\n"
        times, compiled = _measured(name, _table(graph, rows), rounds=2 if quick else 9)
        yield from _report(times, compiled, rows)
        yield from _verdicts(name, times)
        yield ""
        figures += [
            {
                "graph": name,
                "beside": side,
                "rows": rows,
                "seconds": min(side_times),
                "ratio": ratio(times[_OURS], side_times).median,
                "is_best_peer": side == _best_peer(times),
            }
            for side, side_times in times.items()
        ]
    yield f"{versions(('llvmlite', 'numpy', 'torch', 'jax', 'casadi'))}."
    return figures


def _table(graph: Flat, rows: int) -> Table:
    """Make columns of the first two leaves, spread around their primals."""
    first_two = graph.leaves[:2]
    spread = np.random.default_rng(1).uniform(-1.0, 1.0, (2, rows))
    return Table(graph, tuple(first_two.tolist()), graph.data[first_two, None] + spread)


def _measured(
    name: str, work: Table, rounds: int
) -> tuple[dict[str, list[float]], dict[str, float | None]]:
    """Return the times of each side, and its compile time."""
    with tempfile.TemporaryDirectory() as folder:
        sides = _sides(name, work, Path(folder))
        _check_same(sides)
        progress(f"batch: {name}, {len(sides)} sides in turn")
        measures = {label: timed(side.run, _BURST) for label, side in sides.items()}
        times = take_turns(measures, rounds)
    return times, {label: side.compiled for label, side in sides.items()}


def _sides(name: str, work: Table, folder: Path) -> dict[str, Side]:
    """Prepare the sides that are installed."""
    makers: dict[str, tuple[Callable[[], Side], bool]] = {
        _OURS: (partial(Mgraph, work), is_installed("llvmlite")),
        "NumPy": (partial(_best, work, Numpy, _WIDTHS), True),
        "PyTorch": (partial(_best, work, Torch, _WIDTHS), is_installed("torch")),
        "JAX": (partial(Jax, work), is_installed("jax")),
        "CasADi": (partial(Casadi, work), is_installed("casadi")),
    }
    if shutil.which("gcc"):
        blocks = partial(c_rows.Blocks, folder=folder)
        makers[_BLOCKS] = partial(_best, work, blocks, c_rows.WIDTHS), True
        makers["C, this graph"] = partial(c_rows.Straight, work, folder), True
    sides = {}
    for side, (make, is_available) in makers.items():
        if is_available:
            progress(f"batch: {name}, preparing {side}")
            sides[side] = make()
            sides[side].run()
    return sides


def _best(work: Table, make: Callable[..., Side], widths: Sequence[int]) -> Side:
    """Return a side with the block width that is fastest on some of the rows."""
    some = work._replace(given=np.ascontiguousarray(work.given[:, :_TRIED]))
    tried = {str(width): timed(make(some, width=width).run, _BURST) for width in widths}
    times = take_turns(tried, 3)
    return make(work, width=int(min(times, key=lambda width: min(times[width]))))


def _check_same(sides: Mapping[str, Side]) -> None:
    ours = sides[_OURS]
    assert np.isfinite(ours.out).all()
    for name, side in sides.items():
        assert relative_error(side.out, ours.out) < _CLOSE, name
        for grad, wanted in zip(side.grads, ours.grads, strict=True):
            assert relative_error(grad, wanted) < _CLOSE, name


def _report(
    times: Mapping[str, list[float]], compiled: Mapping[str, float | None], rows: int
) -> Iterator[str]:
    """Yield the table."""
    cells = []
    for name in (_OURS, *_PEERS, _BLOCKS, "C, this graph"):
        if name not in times:
            cells.append((name, "", "", "", "", ""))
            continue
        best, compiling = min(times[name]), compiled[name]
        compared = ratio(times[_OURS], times[name])
        cells.append((
            name, seconds(best), f"{rows / best:,.0f}",
            "" if compiling is None else seconds(compiling), f"{compared.median:.2f}",
            str(compared.pairs),
        ))  # fmt: skip
    header = ("", "best", "rows/s", "compiling", "mgraph's time / its time: median ratio", "pairs")
    yield from table(header, cells)


def _best_peer(times: Mapping[str, list[float]]) -> str:
    return min((peer for peer in _PEERS if peer in times), key=lambda peer: median(times[peer]))


def _verdicts(name: str, times: Mapping[str, list[float]]) -> Iterator[str]:
    def compared(side: str) -> Ratio | None:
        return ratio(times[_OURS], times[side]) if side in times else None

    if name == "neuron":
        yield verdict("JAX's time", JAX_TARGET, compared("JAX"))
    else:
        best = _best_peer(times)
        yield verdict(f"the best peer's time, {best}", PEER_TARGET, compared(best))
    yield verdict("the time of C, blocks", C_TARGET, compared(_BLOCKS))
