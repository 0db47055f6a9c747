"""Whole commands that a person waits for: `mgraph draw` and `mgraph grade`.

`draw` gets a random graph of 1,000 nodes, unfolded; `grade` gets a correct engine, with the whole
golden set and with its quick part. All sides take turns; bytecode and the layout engine's files are
cached.
"""

from __future__ import annotations

import sys
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.graphs import random_graph, write_graph
from benchmarks.measure import ROOT, take_turns, workspace
from benchmarks.report import table

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from benchmarks.measure import Cost, Workspace
    from benchmarks.report import Figures

_OPS: Final = ("add", "mul", "relu", "tanh")
_LIMITS: Final = {"draw": 2.0, "grade": 5.0}  # seconds


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    with workspace() as space:
        sides = _sides(space)
        take_turns(sides, 1)  # fills the caches
        costs = take_turns(sides, 2 if quick else 9)
    rows = []
    for command, measured in costs.items():
        seconds = [cost.seconds for cost in measured]
        limit = _LIMITS[command.split()[1]]
        rows.append((command, f"{min(seconds):.2f} s", f"{median(seconds):.2f} s", f"{limit:g} s"))
    yield from table(("command", "best", "median", "target"), rows)
    return []


def _sides(space: Workspace) -> dict[str, Callable[[], Cost]]:
    graph = space.folder / "random.json"
    write_graph(graph, random_graph(1_000, _OPS))
    engine = f"{ROOT / 'tests' / 'engines' / 'engine.py'}:Value"
    drawn = str(space.folder / "random.svg")
    python = ("--python", sys.executable)
    return {
        "mgraph draw random.json --fold 0 -o random.svg": partial(
            space.mgraph, "draw", str(graph), "--fold", "0", "-o", drawn
        ),
        "mgraph grade engine.py:Value": partial(space.mgraph, "grade", engine, *python),
        "mgraph grade engine.py:Value, the quick part": partial(
            space.mgraph, "grade", engine, "--quick", *python
        ),
    }
