"""Measure one engine on one graph, in this process; `benchmarks.peers` starts it for every cell.

`python -m benchmarks.peer graph KIND NODES FOLDER` makes a graph;
`python -m benchmarks.peer engine NAME FOLDER` measures an engine on it.
"""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.cells import peak, send
from benchmarks.flat import flat, graph_of, read, relative_error, write
from benchmarks.graphs import chain, random_graph

if TYPE_CHECKING:
    from benchmarks.engines import Engine

_OPS: Final = ("add", "mul", "tanh")
_ENOUGH: Final = 1.0
"""Seconds of evaluating after which no further evaluation is started."""

_SLOW: Final = 5.0
_MOST: Final = 200
_ARRAYS: Final = "graph.npy"
_FILE: Final = "graph.msgpack"
_WANTED: Final = "gradients.npy"


def make(kind: str, count: int, folder: Path) -> None:
    """Write a graph of `count` nodes, as arrays and as a file for mgraph."""
    nodes = flat(random_graph(count, _OPS) if kind == "random" else chain(count - 2))
    write(folder / _ARRAYS, nodes)
    graph_of(nodes).to_file(folder / _FILE)


def measure(name: str, folder: Path) -> None:
    """Send the times to build and to evaluate, the peak memory and the gradients' error."""
    from benchmarks.engines import ENGINES  # noqa: PLC0415 - not needed to make graphs

    graph = read(folder / _ARRAYS)
    make_engine = ENGINES[name]
    make_engine(flat(chain(10)), _small_file(folder))  # imports and initialises it
    gc.collect()
    start = perf_counter()
    engine = make_engine(graph, folder / _FILE)
    send(build=perf_counter() - start)
    _evaluate(engine)
    send(peak=peak())
    gradients = np.asarray(engine.gradients())
    if (folder / _WANTED).exists():
        send(error=relative_error(gradients, np.load(folder / _WANTED)))
    else:
        np.save(folder / _WANTED, gradients)


def _small_file(folder: Path) -> Path:
    path = folder / "small.msgpack"
    graph_of(flat(chain(10))).to_file(path)
    return path


def _evaluate(engine: Engine) -> None:
    """Evaluate at least twice, unless it is slow, and long enough to be undisturbed once."""
    end = perf_counter() + _ENOUGH
    for i in range(_MOST):
        engine.forget()
        start = perf_counter()
        engine.evaluate()
        seconds = perf_counter() - start
        send(evaluate=seconds)
        if perf_counter() > end and (i or seconds > _SLOW):
            return


if __name__ == "__main__":
    if sys.argv[1] == "graph":
        make(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
    else:
        measure(sys.argv[2], Path(sys.argv[3]))
    os._exit(0)  # so that a million objects need not be freed
