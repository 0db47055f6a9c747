"""Building a random graph with `mgraph.Value` and going backward, compared with micrograd.

Both build the same nodes: add, mul and relu (micrograd 0.1.0 has no tanh). micrograd's backward
recurses, so both run in a thread with a large stack and a very high recursion limit.
"""

from __future__ import annotations

import gc
import math
import sys
import threading
from functools import partial
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from benchmarks.graphs import Node, random_graph
from benchmarks.measure import ratio, take_turns
from benchmarks.report import RATIO_COLUMNS, ratio_cells, seconds, table, verdict
from mgraph import Value

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from benchmarks.measure import Ratio
    from benchmarks.report import Figures

TARGET: Final = 1.0
_OPS: Final = ("add", "mul", "relu")
_STACK: Final = 512 * 2**20
_DEEPEST: Final = 10**7
_PHASES: Final = ("build", "backward")


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    nodes = [*random_graph(5_000 if quick else 100_000, _OPS)]
    peer = _peer()
    if peer is not None:
        _check_same(nodes, peer)
    ratios, ours = _in_large_stack(nodes, peer, rounds=3 if quick else 15)
    rows = [
        (phase, *(ratio_cells(ratios[phase]) if ratios else (seconds(ours[i]), "", "", "", "")))
        for i, phase in enumerate(_PHASES)
    ]
    yield from table((f"{len(nodes):,} nodes", *RATIO_COLUMNS), rows)
    for phase in _PHASES:
        yield verdict(f"micrograd's time to {_ACTIONS[phase]}", TARGET, ratios.get(phase))
    yield ""
    yield from _notes(peer)
    return [{"phase": phase, "ratio": measured.median} for phase, measured in ratios.items()]


_ACTIONS: Final = {"build": "build", "backward": "go backward"}


def _notes(peer: type[Any] | None) -> Iterator[str]:
    if peer is not None:
        yield "Both give the same output, bit for bit, and the same gradients of the params."
    else:
        yield "micrograd is not installed: pip install -e '.[bench]'"


def _peer() -> type[Any] | None:
    """Return micrograd's Value; None if it is not installed."""
    try:
        peer: type[Any] = import_module("micrograd.engine").Value
    except ImportError:
        return None
    return peer


def build(cls: type[Any], nodes: Sequence[Node]) -> list[Any]:
    """Build a graph with either library; constructor and operators are the same."""
    values: list[Any] = []
    for op, args, data in nodes:
        if op == "add":
            value = values[args[0]] + values[args[1]]
        elif op == "mul":
            value = values[args[0]] * values[args[1]]
        else:
            value = values[args[0]].relu() if op == "relu" else cls(data)
        values.append(value)
    return values


def _times(cls: type[Any], nodes: Sequence[Node]) -> tuple[float, float]:
    """Measure once; return the seconds to build and to go backward."""
    gc.collect()
    start = perf_counter()
    values = build(cls, nodes)
    built = perf_counter()
    values[-1].backward()
    return built - start, perf_counter() - built


def _in_large_stack(
    nodes: Sequence[Node], peer: type[Any] | None, rounds: int
) -> tuple[dict[str, Ratio], tuple[float, ...]]:
    """Return the ratios by phase, empty without a peer, and our own best times."""
    sides = {"ours": partial(_times, Value, nodes)}
    if peer is not None:
        sides["theirs"] = partial(_times, peer, nodes)
    times: dict[str, list[tuple[float, float]]] = {}

    def measure() -> None:
        sys.setrecursionlimit(_DEEPEST)
        take_turns(sides, 1)
        times.update(take_turns(sides, rounds))

    _run_in_thread(measure)
    ours = [*zip(*times["ours"], strict=True)]
    best = tuple(min(phase) for phase in ours)
    if peer is None:
        return {}, best
    theirs = [*zip(*times["theirs"], strict=True)]
    return {name: ratio(ours[i], theirs[i]) for i, name in enumerate(_PHASES)}, best


def _run_in_thread(work: Any) -> None:  # noqa: ANN401 - a callable without arguments
    before = threading.stack_size(_STACK)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)


def _check_same(nodes: Sequence[Node], peer: type[Any]) -> None:
    """Make sure that both libraries compute the same."""
    ours, theirs = build(Value, nodes), build(peer, nodes)
    ours[-1].backward()
    _run_in_thread(theirs[-1].backward)
    assert ours[-1].data == theirs[-1].data
    for node, a, b in zip(nodes, ours, theirs, strict=True):
        # 1e-6: the adjoints are the same sums in another order.
        assert node.op != "param" or math.isclose(a.grad, b.grad, rel_tol=1e-6, abs_tol=1e-6)
