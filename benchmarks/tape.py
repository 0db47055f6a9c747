"""A million-node graph on the tape, forward and backward, beside a tape written in C.

The C program is the usual loop over opcodes, made with `gcc -O3 -march=native` for the three ops
of this graph (add, mul, tanh) alone; it runs over the same arrays. Neither side counts building.
"""

from __future__ import annotations

import tempfile
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks import c
from benchmarks.flat import flat, graph_of, relative_error
from benchmarks.graphs import Node, random_graph
from benchmarks.measure import ratio, take_turns, timed
from benchmarks.report import RATIO_COLUMNS, ratio_cells, seconds, table, verdict
from mgraph import Graph

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from benchmarks.measure import Ratio
    from benchmarks.report import Figures

TARGET: Final = 1.1
_OPS: Final = ("add", "mul", "tanh")
_CLOSE: Final = 1e-9


def maths() -> tuple[str, ...]:
    """Return what `Graph.compile` can be asked to take tanh from; "" if it can't be asked."""
    return ("libm", "svml") if "math" in signature(Graph.compile).parameters else ("",)


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report: random graphs, and chains, which leave a processor nothing to overlap."""
    count = 20_000 if quick else 1_000_000
    rows, found = [], {}
    for name, nodes in (("random", random_graph(count, _OPS)), ("chain", _chain(count))):
        graph = graph_of(flat(nodes))
        for math in maths():
            which = f"{name}, {math}" if math else name
            compared, ours = _compared(graph, math, rounds=3 if quick else 25)
            cells = ratio_cells(compared) if compared else (seconds(ours), "", "", "", "")
            rows.append((f"{which}, {count:,} nodes", *cells))
            found[which] = compared
    yield from table(("forward + backward", *RATIO_COLUMNS), rows)
    for which, compared in found.items():
        yield verdict(f"the C tape's time, {which}", TARGET, compared)
    return [{"graph": which, "ratio": each.median} for which, each in found.items() if each]


def _chain(count: int) -> Iterator[Node]:
    """Yield tanh, add and mul in turn, each of the node before (and a leaf)."""
    yield Node("param", (), 0.7)
    for i in range(1, count):
        op = _OPS[i % len(_OPS)]
        yield Node(op, (i - 1,) if op == "tanh" else (i - 1, 0))


def _compared(graph: Graph, math: str, rounds: int) -> tuple[Ratio | None, float]:
    """Measure both sides in turn, after seeing that they agree."""
    compile_it: Any = graph.compile  # with or without `math`
    replay = compile_it(math=math) if math else compile_it()
    replay.step()
    assert np.isfinite(replay.primals).all()
    assert np.isfinite(replay.adjoints).all()
    with tempfile.TemporaryDirectory() as folder:
        library = c.tape_library(Path(folder), graph.columns)
        if library is None:
            return None, min(take_turns({"ours": timed(replay.step)}, rounds)["ours"])
        peer = c.Tape(graph.columns, library)
        peer.step()
        for ours, theirs in ((replay.primals, peer.primals), (replay.adjoints, peer.adjoints)):
            if math == "svml":
                assert relative_error(ours, theirs) < _CLOSE
            else:
                assert np.array_equal(ours, theirs)
        found = take_turns({"ours": timed(replay.step), "peer": timed(peer.step)}, rounds)
    return ratio(found["ours"], found["peer"]), min(found["ours"])
