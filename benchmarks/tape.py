"""Graphs of a million nodes on the tape, forward and backward, compared with a tape written in C.

The C program is a loop over opcodes, compiled with `gcc -O3 -march=native` for the three ops of
this graph (add, mul, tanh) alone; it runs over the same arrays. *Single run* is what `mgraph run`
does, in evaluation order; *step* is the step of `Graph.compile()`, with the nodes sorted and the
adjoints added up in the same order; *vectors* is the same with `math="auto"`. Building is not
counted; sorting, which is done once, is measured separately.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks import c
from benchmarks.flat import flat, graph_of, relative_error
from benchmarks.graphs import Node, random_graph
from benchmarks.measure import ratio, take_turns, timed
from benchmarks.report import RATIO_COLUMNS, ratio_cells, seconds, table, verdict
from mgraph.engine.tape import sweeps

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from benchmarks.measure import Ratio
    from benchmarks.report import Figures
    from mgraph import Graph
    from mgraph.engine.tape.replay import Replay

TARGETS: Final = {
    "random": {"single run": 1.1, "step": 0.8, "step, vectors": 0.5},
    "chain": {"single run": 1.2, "step": 1.2, "step, vectors": 1.2},
}
PREPARATION: Final = 0.25
_OPS: Final = ("add", "mul", "tanh")
_CLOSE: Final = 1e-9


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report: random graphs, and chains, which leave a processor nothing to overlap."""
    count = 20_000 if quick else 1_000_000
    rows, verdicts, figures = [], [], []
    for name, nodes in (("random", random_graph(count, _OPS)), ("chain", _chain(count))):
        graph = graph_of(flat(nodes))
        verdicts.append(f"Sorting a {name} graph, once: {seconds(_preparation(graph))}.")
        for which, measured in _compared(graph, rounds=3 if quick else 25).items():
            rows.append((f"{name}, {which}", *ratio_cells(measured)))
            verdicts.append(
                verdict(f"the C tape's time, {name}, {which}", TARGETS[name][which], measured)
            )
            figures.append({"graph": f"{name}, {which}", "ratio": measured.median})
    yield f"{count:,} nodes.\n"
    yield from table(("forward + backward", *RATIO_COLUMNS), rows)
    yield from verdicts
    yield f"Target for sorting: {seconds(PREPARATION)}."
    return figures


def _chain(count: int) -> Iterator[Node]:
    """Yield tanh, add and mul in turn, each applied to the node before (and a leaf)."""
    yield Node("param", (), 0.7)
    for i in range(1, count):
        op = _OPS[i % len(_OPS)]
        yield Node(op, (i - 1,) if op == "tanh" else (i - 1, 0))


def _preparation(graph: Graph) -> float:
    """Return the shortest time from a graph to the end of the first step, without that step."""
    times = []
    for _ in range(5):
        start = perf_counter()
        replay = graph.compile()
        replay.step()
        middle = perf_counter()
        replay.step()
        times.append(2 * middle - start - perf_counter())
    return min(times)


def _compared(graph: Graph, rounds: int) -> dict[str, Ratio]:
    """Check that all sides agree, then measure them in turn; return {} without gcc."""
    with tempfile.TemporaryDirectory() as folder:
        library = c.tape_library(Path(folder), graph.columns)
        if library is None:
            return {}
        peer = c.Tape(graph.columns, library)
        peer.step()
        steps = {"step": graph.compile(), "step, vectors": graph.compile(math="auto")}
        sides: dict[str, Callable[[], object]] = {"single run": _single(steps["step"])}
        sides |= {name: partial(replay.step) for name, replay in steps.items()}
        for side in sides.values():
            side()
        _check(steps["step"], peer, 0.0)
        _check(steps["step, vectors"], peer, _CLOSE)
        times = take_turns(
            {name: timed(side) for name, side in {**sides, "C": peer.step}.items()}, rounds
        )
    return {name: ratio(times[name], times["C"]) for name in sides}


def _single(replay: Replay) -> Callable[[], None]:
    """Return a function that runs in evaluation order, over prepared arrays."""
    tape, seeds = replay.tape, {len(replay.graph) - 1: 1.0}
    marks, adjoints = sweeps.reached(tape, seeds), np.zeros(len(replay.graph))

    def run() -> None:
        sweeps.forward(tape, tape.primals)
        sweeps.backward(tape, marks, tape.primals, adjoints, seeds)

    return run


def _check(replay: Replay, peer: c.Tape, most: float) -> None:
    for ours, theirs in ((replay.primals, peer.primals), (replay.adjoints, peer.adjoints)):
        assert np.isfinite(ours).all()
        assert relative_error(ours, theirs) <= most
