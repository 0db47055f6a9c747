"""Chains in which each operation takes the result of the one before: time per node by depth.

First as a file through `mgraph run`, then with `Value` in one process. Nothing recurses, so there
is no recursion limit to raise. The time per node must not grow with the depth. With Python's cyclic
garbage collector on, as it is by default, it does grow, as for any program that makes many objects:
the collector goes through all long-lived objects again and again. Reference counts alone free a
chain: after `del` the collector finds nothing, which is asserted.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from functools import partial
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Final

from benchmarks.graphs import chain, write_graph
from benchmarks.measure import Cost, ratio, take_turns, workspace
from benchmarks.report import seconds, size, table, verdict
from mgraph import Value

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from benchmarks.report import Figures

TARGET: Final = 2.0
_PHASES: Final = ("build", "backward", "free")
_NODES: Final = 100_000
"""Short chains are repeated until there are this many nodes."""

_FEWEST: Final = 10_000
"""With fewer nodes, the time of a process varies more by its start-up than by its nodes."""

_TICK: Final = 1e-6


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    depths = [10**3, 10**4, 10**5] if quick else [10**3, 10**4, 10**5, 10**6]
    rounds = 2 if quick else 5
    yield from _files(depths, rounds)  # first: the peak of a process is at least its parent's
    yield from _values(depths, rounds, collector=False)
    yield from _values(depths, rounds, collector=True)
    return []


def _values(depths: Sequence[int], rounds: int, *, collector: bool) -> Iterator[str]:
    with _collector(on=collector):
        times = take_turns({str(depth): partial(_times, depth) for depth in depths}, rounds)
    by_depth = [[*zip(*times[str(depth)], strict=True)] for depth in depths]
    rows = []
    for depth, phases in zip(depths, by_depth, strict=True):
        best = [min(phase) for phase in phases]
        growth = ratio(_sums(phases), _sums(by_depth[0]))
        cells = [seconds(time) for time in best]
        total = seconds(depth * sum(best))
        rows.append((f"{depth:,}", *cells, total, f"{growth.median:.2f}", str(rounds)))
    header = (
        f"operations (`Value`, collector {'on' if collector else 'off'})",
        *(f"{name}, per node" for name in _PHASES), "all",
        f"per node, relative to {depths[0]:,}: median ratio", "pairs",
    )  # fmt: skip
    yield from table(header, rows)
    what = f"the time per node of a chain of {depths[0]:,}, for a chain of {depths[-1]:,}"
    yield verdict(what, TARGET, ratio(_sums(by_depth[-1]), _sums(by_depth[0])))
    yield ""


@contextmanager
def _collector(*, on: bool) -> Iterator[None]:
    (gc.enable if on else gc.disable)()
    try:
        yield
    finally:
        gc.enable()


def _sums(phases: Sequence[Sequence[float]]) -> list[float]:
    """Return the sum of the phases, by round."""
    return [sum(times) for times in zip(*phases, strict=True)]


def _times(depth: int) -> tuple[float, ...]:
    """Measure build, backward and free, in seconds per node."""
    repeats = max(1, _NODES // depth)
    phases = [_one_chain(depth) for _ in range(repeats)]
    return tuple(sum(times) / repeats / depth for times in zip(*phases, strict=True))


def _one_chain(depth: int) -> tuple[float, float, float]:
    gc.collect()
    start = perf_counter()
    x, w, b = Value(1.0), Value.param(0.5), Value.param(0.25)
    for _ in range(depth // 2):
        x = x * w + b
    built = perf_counter()
    x.backward()
    swept = perf_counter()
    del x, w, b
    freed = perf_counter()
    assert gc.collect() == 0
    return built - start, swept - built, freed - swept


def _files(depths: Sequence[int], rounds: int) -> Iterator[str]:
    with workspace() as space:
        sides: dict[str, Callable[[], Cost]] = {}
        for depth in (1, *depths):
            name = f"chain{depth}.json"
            write_graph(space.folder / name, chain(depth))
            sides[str(depth)] = partial(space.mgraph, "run", name, "-o", "out.json")
        sides["1"]()  # fills the cache of bytecode
        costs = take_turns(sides, rounds)
    start = median(cost.seconds for cost in costs["1"])
    own = {
        depth: [max(cost.seconds - start, _TICK) / depth for cost in costs[str(depth)]]
        for depth in depths
    }
    base = depths[-2]
    rows = []
    for depth in depths:
        cost = min(costs[str(depth)], key=lambda cost: cost.seconds)
        growth = ratio(own[depth], own[base]).median
        node = (seconds(median(own[depth])), f"{growth:.2f}") if depth >= _FEWEST else ("", "")
        rows.append((f"{depth:,}", seconds(cost.seconds), *node, size(cost.peak), str(rounds)))
    header = (
        "operations (`mgraph run`)", "process, best", "per node, without start-up: median",
        f"relative to {base:,}: median ratio", "peak", "pairs",
    )  # fmt: skip
    yield from table(header, rows)
    what = f"the time per node of a chain of {base:,}, for a chain of {depths[-1]:,}"
    yield verdict(what, TARGET, ratio(own[depths[-1]], own[base]))
    yield ""
