"""`mgraph run` on packed files of a million nodes, compared with a floor.

The floor is a process that imports msgpack and NumPy, reads the same file, decodes and encodes it
(`msgpack.unpackb`, `packb`) and writes it; it checks and computes nothing. For JSON it uses
`json.load` and `json.dump`. mgraph's compiled code is on disk already.
"""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.graphs import random_graph, write_graph
from benchmarks.measure import Cost, Workspace, ratio, take_turns, workspace
from benchmarks.report import RATIO_COLUMNS, ratio_cells, seconds, size, table

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from benchmarks.report import Figures

TIME_TARGET: Final = 0.7
"""Seconds for a million nodes on an idle machine."""

MEMORY_TARGET: Final = 400e6
_OPS: Final = ("add", "mul", "tanh")
_FLOOR: Final = """import sys
import msgpack, numpy
with open(sys.argv[1], "rb") as file:
    document = msgpack.unpackb(file.read())
with open("floor.out", "wb") as file:
    file.write(msgpack.packb(document))
"""
_JSON_FLOOR: Final = """import json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    document = json.load(file)
with open("floor.out", "w", encoding="utf-8") as file:
    json.dump(document, file)
"""
_NAMELESS: Final = """import msgpack
with open("big.msgpack", "rb") as file:
    document = msgpack.unpackb(file.read())
del document["nodes"]["id"]
document["outputs"] = [f"n{document['nodes']['count'] - 1}"]
with open("nameless.msgpack", "wb") as file:
    file.write(msgpack.packb(document))
"""
_FILES: Final = {
    "big.msgpack": "with ids",
    "nameless.msgpack": "without ids",
    "annotated.msgpack": "with a run",
    "big.json": "JSON",
}


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    with workspace() as space:
        count = write_graph(
            space.folder / "big.json", random_graph(20_000 if quick else 1_000_000, _OPS)
        )
        space.mgraph("convert", "big.json", "big.msgpack")
        space.python("-c", _NAMELESS)
        space.mgraph("run", "big.msgpack", "-o", "annotated.msgpack")
        yield f"{count:,} nodes.\n"
        costs = _costs(space, rounds=2 if quick else 7)
        yield from _compared(costs)
        if not quick:
            yield _verdict(costs["big.msgpack"])
    return [{"file": name, "seconds": min(cost.seconds for cost in costs[name])} for name in _FILES]


def _costs(space: Workspace, rounds: int) -> Mapping[str, list[Cost]]:
    """Measure mgraph and the floor on every file, in turns."""
    sides: dict[str, Callable[[], Cost]] = {}
    for name in _FILES:
        out = "out.json" if name.endswith(".json") else "out.msgpack"
        floor = _JSON_FLOOR if name.endswith(".json") else _FLOOR
        sides[name] = partial(space.mgraph, "run", name, "-o", out)
        sides[f"floor of {name}"] = partial(space.python, "-c", floor, name)
    for side in sides.values():
        side()  # fills the caches
    return take_turns(sides, rounds)


def _compared(costs: Mapping[str, list[Cost]]) -> Iterator[str]:
    rows = []
    for name, what in _FILES.items():
        ours, floor_costs = costs[name], costs[f"floor of {name}"]
        compared = ratio([cost.seconds for cost in ours], [cost.seconds for cost in floor_costs])
        peak, least = (min(cost.peak for cost in side) for side in (ours, floor_costs))
        memory = size(peak), size(least), f"{peak / least:.2f}"
        rows.append((f"`mgraph run {name}`, {what}", *ratio_cells(compared), *memory))
    header = ("whole process, peer the floor", *RATIO_COLUMNS, "peak", "peer's", "peak/peak")
    yield from table(header, rows)


def _verdict(costs: Sequence[Cost]) -> str:
    """Return a sentence on whether the targets for a million nodes are reached."""
    times, peak = [cost.seconds for cost in costs], min(cost.peak for cost in costs)
    reached = min(times) <= TIME_TARGET and peak <= MEMORY_TARGET
    return (
        f"Targets for a million nodes with ids: {seconds(TIME_TARGET)}, {size(MEMORY_TARGET)}: "
        f"{'reached' if reached else 'missed'}, {seconds(min(times))} at best, "
        f"{seconds(median(times))} in the median, {size(peak)}."
    )
