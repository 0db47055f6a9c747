"""Chains of operations, each one's result the next one's argument: depth must cost its length.

First as a file through `mgraph run`, then with `Value` in one process. Nothing recurses, so there
is no limit to raise. The time of a node must not grow with the depth; with Python's collector of
cycles on it does, as for any program that makes many objects: it looks at those that live long
again and again. Reference counts alone free a chain: after `del` the collector finds nothing,
which is asserted.
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

_TELLING: Final = 10_000
"""Fewer nodes than this take no longer in a process than its start-up varies."""

_TICK: Final = 1e-6


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    depths = [10**3, 10**4, 10**5] if quick else [10**3, 10**4, 10**5, 10**6]
    rounds = 2 if quick else 5
    yield from _files(depths, rounds)  # first: a process starts with its starter's peak
    yield from _values(depths, rounds, collector=False)
    yield from _values(depths, rounds, collector=True)
    return []


def _values(depths: Sequence[int], rounds: int, *, collector: bool) -> Iterator[str]:
    with _collector(on=collector):
        found = take_turns({str(each): partial(_times, each) for each in depths}, rounds)
    by_depth = [[*zip(*found[str(depth)], strict=True)] for depth in depths]
    rows = []
    for depth, phases in zip(depths, by_depth, strict=True):
        best = [min(times) for times in phases]
        growth = ratio(_sums(phases), _sums(by_depth[0]))
        each = [seconds(time) for time in best]
        total = seconds(depth * sum(best))
        rows.append((f"{depth:,}", *each, total, f"{growth.median:.2f}", str(rounds)))
    header = (
        f"operations (`Value`, collector {'on' if collector else 'off'})",
        *(f"{name}, a node" for name in _PHASES), "all",
        f"a node, to {depths[0]:,}: median ratio", "pairs",
    )  # fmt: skip
    yield from table(header, rows)
    what = f"the time of a node in a chain of {depths[0]:,}, for one of {depths[-1]:,}"
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
    """Add the phases of each round up."""
    return [sum(times) for times in zip(*phases, strict=True)]


def _times(depth: int) -> tuple[float, ...]:
    """Measure build, backward and free: seconds a node."""
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
    with workspace() as place:
        sides: dict[str, Callable[[], Cost]] = {}
        for depth in (1, *depths):
            name = f"chain{depth}.json"
            write_graph(place.folder / name, chain(depth))
            sides[str(depth)] = partial(place.mgraph, "run", name, "-o", "out.json")
        sides["1"]()  # fills the cache of bytecode
        costs = take_turns(sides, rounds)
    start = median(each.seconds for each in costs["1"])
    own = {
        depth: [max(each.seconds - start, _TICK) / depth for each in costs[str(depth)]]
        for depth in depths
    }
    base = depths[-2]
    rows = []
    for depth in depths:
        cost = min(costs[str(depth)], key=lambda each: each.seconds)
        growth = ratio(own[depth], own[base]).median
        node = (seconds(median(own[depth])), f"{growth:.2f}") if depth >= _TELLING else ("", "")
        rows.append((f"{depth:,}", seconds(cost.seconds), *node, size(cost.peak), str(rounds)))
    header = (
        "operations (`mgraph run`)", "process, best", "a node, start-up taken off: median",
        f"to {base:,}: median ratio", "peak", "pairs",
    )  # fmt: skip
    yield from table(header, rows)
    what = f"the time of a node in a chain of {base:,}, for one of {depths[-1]:,}"
    yield verdict(what, TARGET, ratio(own[depths[-1]], own[base]))
    yield ""
