"""A million-node graph on the tape, forward and backward, beside a tape written in C.

The C program is the usual loop over opcodes, made with `gcc -O3 -march=native` for the three ops
of this graph (add, mul, tanh) alone; it runs over the same arrays. Neither side counts building.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from array import array
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.graphs import Node, random_graph
from benchmarks.measure import ratio, take_turns
from benchmarks.report import RATIO_COLUMNS, ratio_cells, seconds, table, verdict
from mgraph.graph.columns import Columns, leaves_of, starts
from mgraph.ops import OPCODES
from mgraph.tape.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.measure import Ratio

TARGET: Final = 1.1
_OPS: Final = ("add", "mul", "tanh")

_C: Final = """
#include <math.h>
#include <stdint.h>
#include <string.h>
void step(int64_t n, const uint8_t *op, const uint32_t *first, const uint32_t *args,
          const uint8_t *has, double *p, double *g) {
  for (int64_t i = 0; i < n; i++) {
    const uint32_t *a = args + first[i];
    switch (op[i]) {
      case ADD: p[i] = p[a[0]] + p[a[1]]; break;
      case MUL: p[i] = p[a[0]] * p[a[1]]; break;
      case TANH: p[i] = tanh(p[a[0]]); break;
    }
  }
  memset(g, 0, n * sizeof(double));
  g[n - 1] = 1.0;
  for (int64_t i = n - 1; i >= 0; i--) {
    if (!has[i]) continue;
    const uint32_t *a = args + first[i];
    double up = g[i];
    switch (op[i]) {
      case ADD: g[a[0]] += up; g[a[1]] += up; break;
      case MUL: g[a[0]] += up * p[a[1]]; g[a[1]] += up * p[a[0]]; break;
      case TANH: g[a[0]] += up * (1.0 - p[i] * p[i]); break;
    }
  }
}
"""


def lines(*, quick: bool) -> Iterator[str]:
    """Yield the report: random graphs, and chains, which leave a processor nothing to overlap."""
    count = 20_000 if quick else 1_000_000
    rows, found = [], {}
    for name, nodes in (("random", random_graph(count, _OPS)), ("chain", _chain(count))):
        compared, ours = _compared(_columns([*nodes]), rounds=3 if quick else 25)
        cells = ratio_cells(compared) if compared else (seconds(ours), "", "", "", "")
        rows.append((f"{name}, {count:,} nodes", *cells))
        found[name] = compared
    yield from table(("forward + backward", *RATIO_COLUMNS), rows)
    for name, compared in found.items():
        yield verdict(f"the C tape's time, {name}", TARGET, compared)


def _chain(count: int) -> Iterator[Node]:
    """Yield tanh, add and mul in turn, each of the node before (and a leaf)."""
    yield Node("param", (), 0.7)
    for i in range(1, count):
        op = _OPS[i % len(_OPS)]
        yield Node(op, (i - 1,) if op == "tanh" else (i - 1, 0))


def _columns(nodes: Sequence[Node]) -> Columns:
    opcode = bytes(OPCODES[node.op] for node in nodes)
    return Columns(
        opcode=opcode,
        first=starts(len(node.args) for node in nodes),
        args=array("I", [arg for node in nodes for arg in node.args]),
        leaves=leaves_of(opcode),
        data=array("d", [node.data for node in nodes if not node.args]),
        has_data=None,
        ids=[f"n{i}" for i in range(len(nodes))],
        outputs=(len(nodes) - 1,),
    )


def _compared(graph: Columns, rounds: int) -> tuple[Ratio | None, float]:
    """Measure both sides in turn, after seeing that they agree."""
    replay = Replay(graph)
    replay.step()
    assert np.isfinite(replay.primals).all()
    assert np.isfinite(replay.adjoints).all()
    with tempfile.TemporaryDirectory() as folder:
        peer = _c_step(Path(folder), replay)
        if peer is None:
            return None, min(take_turns({"ours": _timed(replay.step)}, rounds)["ours"])
        primals, adjoints = peer()
        assert np.array_equal(primals, replay.primals)
        assert np.array_equal(adjoints, replay.adjoints)
        found = take_turns({"ours": _timed(replay.step), "peer": _timed(peer)}, rounds)
    return ratio(found["ours"], found["peer"]), min(found["ours"])


def _timed(work: Callable[[], object]) -> Callable[[], float]:
    def measure() -> float:
        start = perf_counter()
        work()
        return perf_counter() - start

    return measure


def _c_step(folder: Path, replay: Replay) -> Callable[[], tuple[Any, Any]] | None:
    """Compile the C tape over a replay's arrays; None if there is no gcc."""
    compiler = shutil.which("gcc")
    if compiler is None:
        return None
    source, library = folder / "tape.c", folder / "tape.so"
    source.write_text(_C, encoding="utf-8")
    names = [f"-D{name.upper()}={OPCODES[name]}" for name in _OPS]
    options = ["-O3", "-march=native", "-ffp-contract=off", "-shared", "-fPIC", *names]
    subprocess.run([compiler, *options, str(source), "-o", str(library), "-lm"], check=True)
    step = ctypes.CDLL(str(library)).step
    tape, count = replay.tape, len(replay.graph)
    primals, adjoints = tape.primals.copy(), np.zeros(count)
    marks = np.frombuffer(replay.graph.reached(replay.graph.outputs), np.uint8)
    arrays = (tape.opcode, tape.first, tape.args, marks, primals, adjoints)
    pointers = [ctypes.c_void_p(each.ctypes.data) for each in arrays]

    def run() -> tuple[Any, Any]:
        step(ctypes.c_int64(count), *pointers)
        return arrays[-2:]  # keeps the memory behind the pointers

    return run
