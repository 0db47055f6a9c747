"""Whole commands of which somebody waits for the end: `mgraph draw` and `mgraph grade`.

Drawn is a random graph of 1,000 nodes, unfolded; graded are engines that are right, on the whole
pack and on its quick part. All sides take turns; bytecode and the layout engine's files are cached.
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
    with workspace() as place:
        sides = _sides(place)
        take_turns(sides, 1)  # fills the caches
        costs = take_turns(sides, 2 if quick else 9)
    rows = []
    for command, found in costs.items():
        seconds = [each.seconds for each in found]
        limit = _LIMITS[command.split()[1]]
        rows.append((command, f"{min(seconds):.2f} s", f"{median(seconds):.2f} s", f"{limit:g} s"))
    yield from table(("command", "best", "median", "asked for"), rows)
    return []


def _sides(place: Workspace) -> dict[str, Callable[[], Cost]]:
    graph = place.folder / "random.json"
    write_graph(graph, random_graph(1_000, _OPS))
    engine = f"{ROOT / 'tests' / 'engines' / 'engine.py'}:Value"
    drawn = str(place.folder / "random.svg")
    python = ("--python", sys.executable)
    return {
        "mgraph draw random.json --fold 0 -o random.svg": partial(
            place.mgraph, "draw", str(graph), "--fold", "0", "-o", drawn
        ),
        "mgraph grade engine.py:Value": partial(place.mgraph, "grade", engine, *python),
        "mgraph grade engine.py:Value, the quick part": partial(
            place.mgraph, "grade", engine, "--quick", *python
        ),
    }
