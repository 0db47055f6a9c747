"""Exact math beside the C library: what one right answer for every op costs.

*Values* are a 4-8-8-1 tanh network that is trained for 200 steps on eight rows, written as in
micrograd: forward, backward, and a step of all params. *Step* is a step of `Graph.compile` on a
random graph of add, mul and tanh. *Per element* is one op on one row of a batch, forward only, in a
graph that has it a hundred times, over rows that stay in the cache; the arguments are normally
distributed over several magnitudes. The slow path is where a compiled function asks Python. Both
sides take turns. A second thread only helps on a core that nothing else uses: best/best says most.
"""

from __future__ import annotations

import gc
import random
import shutil
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from benchmarks.accuracy import COPIES, FEW, asks_python, copies_of, points_of
from benchmarks.flat import flat, graph_of
from benchmarks.graphs import random_graph, write_graph
from benchmarks.measure import Ratio, ratio, take_turns, timed, workspace
from benchmarks.report import RATIO_COLUMNS, is_installed, ratio_cells, table, verdict
from mgraph import Value
from mgraph.engine.tape.functions import slow_calls
from mgraph.nn import MLP
from mgraph.ops import OPS, TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from benchmarks.report import Figures
    from mgraph.ops import Op

VALUES_TARGET: Final = 2.0
STEP_TARGET: Final = 1.3
ELEMENT_TARGET: Final = 1.2
SLOW_TARGET: Final = 1e-4
FRAMES_TARGET: Final = 30
FAST: Final = ("exp", "tanh")
"""The ops that have a target for each element."""

_SIDES: Final = ("exact", "libm")
_OPS: Final = ("add", "mul", "tanh")
_COLUMNS: Final = tuple(name.replace("mgraph", "exact").replace("peer", "libm")
                        for name in RATIO_COLUMNS)  # fmt: skip


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    figures: Figures = []
    yield from _of_graphs(figures, quick=quick)
    yield from _of_elements(figures, quick=quick)
    yield from _of_threads(figures, quick=quick)
    yield from _of_the_page(figures, quick=quick)
    return figures


# --- whole graphs --------------------------------------------------------------------------------


def _of_graphs(figures: Figures, *, quick: bool) -> Iterator[str]:
    steps, count = (5, 10_000) if quick else (200, 1_000_000)
    works = {
        f"Values, {steps} steps": (_trainings(steps), 3 if quick else 7, VALUES_TARGET),
        f"step, {count:,} nodes": (_replays(count), 3 if quick else 15, STEP_TARGET),
    }
    rows, verdicts = [], []
    for name, (sides, rounds, target) in works.items():
        measured = _paired(sides, rounds)
        rows.append((name, *ratio_cells(measured)))
        verdicts.append(verdict(f"libm's time, {name}", target, measured))
        figures.append({"work": name, "ratio": measured.median})
    yield from table(("forward + backward", *_COLUMNS), rows)
    yield from verdicts
    yield ""


def _paired(sides: dict[str, Callable[[], object]], rounds: int) -> Ratio:
    """Compare the first side with the second; both have run once before."""
    for work in sides.values():
        work()
    gc.collect()
    times = take_turns({name: timed(work) for name, work in sides.items()}, rounds)
    first, second = times.values()
    return ratio(first, second)


def _trainings(steps: int) -> dict[str, Callable[[], object]]:
    return {math: partial(_train, math, steps) for math in _SIDES}


def _train(math: str, steps: int) -> None:
    """Train a network as micrograd's users do."""
    generator = random.Random(1)  # noqa: S311 - nothing secret
    network = MLP(4, [8, 8, 1], activation="tanh", math=math, rng=generator)
    rows = [[generator.uniform(-1.0, 1.0) for _ in range(4)] for _ in range(8)]
    for _ in range(steps):
        loss: Any = Value(0.0)
        for row in rows:
            output: Any = network(row)
            loss = loss + (output - row[0] * row[1]) ** 2
        loss.backward()
        for param in network.parameters():
            param.data -= 0.01 * param.grad
            param.grad = 0.0


def _replays(count: int) -> dict[str, Callable[[], object]]:
    graph = graph_of(flat([*random_graph(count, _OPS)]))
    return {math: graph.compile(math=math).step for math in _SIDES}


# --- single ops ----------------------------------------------------------------------------------


def _of_elements(figures: Figures, *, quick: bool) -> Iterator[str]:
    rows, verdicts = [], []
    for op in TABLE:
        if not op.exact:
            measured, share = _element(op, 500 if quick else 2**12, 3 if quick else 150)
            rows.append((op.name, *ratio_cells(measured), _rarity(share)))
            figures.append({"op": op.name, "ratio": measured.median, "slow": share})
            if op.name in FAST:
                verdicts.append(verdict(f"libm's time, {op.name}", ELEMENT_TARGET, measured))
                verdicts.append(_slow_verdict(op.name, share))
    yield from table(("per element", *_COLUMNS, "slow path"), rows)
    yield from verdicts
    yield ""


def _element(op: Op, count: int, rounds: int) -> tuple[Ratio, float]:
    """Measure an op: exact by libm, in seconds for each element, and the share of slow answers."""
    if asks_python(op, "exact"):
        count, rounds = FEW, 3
    batches = {math: _batch(op, count, math) for math in _SIDES}
    measured = _paired(batches, rounds)
    size = count * COPIES
    single, many = copies_of(op, 1).compile(), points_of(op, 80 * count)
    before = sum(slow_calls().values())
    single.batch(many, math="exact", grad=None)
    share = (sum(slow_calls().values()) - before) / (80 * count)
    return Ratio(measured.first / size, measured.second / size, measured.median, rounds), share


def _batch(op: Op, count: int, math: str, workers: int = 1) -> Callable[[], object]:
    """Return a function that runs a graph which has an op many times, forward only."""
    columns, replay = points_of(op, count), copies_of(op).compile()
    return partial(replay.batch, columns, math=math, grad=None, workers=workers)


def _of_threads(figures: Figures, *, quick: bool) -> Iterator[str]:
    """Yield what a second thread is worth, in exact math and with libm."""
    count, rounds = (500, 3) if quick else (2**14, 400)
    rows = []
    for math in _SIDES:
        sides = {str(n): _batch(OPS["tanh"], count, math, n) for n in (2, 1)}
        measured = _paired(sides, rounds)
        rows.append((f"tanh, {math}", *ratio_cells(measured)))
        figures.append({"work": f"threads, {math}", "ratio": measured.median})
    columns = ("two threads, best", "one, best", *RATIO_COLUMNS[2:])
    yield from table(("batch", *columns), rows)


def _rarity(share: float) -> str:
    return "never" if not share else f"1 in {1 / share:,.0f}"


def _slow_verdict(name: str, share: float) -> str:
    reached = "reached" if share <= SLOW_TARGET else "missed"
    return f"Target: {name} takes the slow path at most once in {1 / SLOW_TARGET:,.0f}: {reached}."


# --- the page ------------------------------------------------------------------------------------


def _of_the_page(figures: Figures, *, quick: bool) -> Iterator[str]:
    """Yield the frames of a page while a slider moves."""
    if not is_installed("playwright") or not any(map(shutil.which, ("chromium", "google-chrome"))):
        yield "The page was not measured: there is no browser.\n"
        return
    count = 500 if quick else 10_000
    with workspace() as space:
        path = space.folder / "random.json"
        write_graph(path, random_graph(count, _OPS))
        frames = {math: _frames(space, path, math) for math in _SIDES}
    rows = [(f"{count:,} nodes, a slider moves", *(f"{frames[math]:.0f}" for math in _SIDES))]
    yield from table(("frames per second", *_SIDES), rows)
    reached = "reached" if frames["exact"] >= FRAMES_TARGET else "missed"
    yield f"Target: at least {FRAMES_TARGET} frames per second: {reached}.\n"
    figures.append({"work": "page", "frames": frames["exact"]})


def _frames(space: Any, path: Path, math: str) -> float:  # noqa: ANN401 - a workspace
    """Return how many frames per second the page of a graph draws while its slider moves."""
    from benchmarks.view import FRAMES  # noqa: PLC0415 - needs Playwright
    from tests.groups.browser.chromium import Visit, started  # noqa: PLC0415

    run, page = space.folder / f"{math}.json", space.folder / f"{math}.html"
    space.mgraph("run", str(path), "-o", str(run), *(["--math", math] if math == "exact" else []))
    space.mgraph("view", str(run), "-o", str(page), "--no-open")
    with started() as browser:
        visit = Visit(browser, space.folder)
        tab = visit(page)
        rates: list[float] = [tab.evaluate(FRAMES, 60) for _ in range(3)]
        visit.close()
    return median(rates)
