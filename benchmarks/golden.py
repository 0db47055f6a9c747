"""`mgraph test` and `mgraph diff` on packed files of a million nodes, beside `mgraph run`.

Tested and compared is what `mgraph run` wrote: with itself, with the same numbers moved by an ulp,
and with a graph in which one id is another. All sides take turns; the compiled sweeps are on disk.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks.graphs import random_graph, write_graph
from benchmarks.measure import ratio, take_turns, workspace
from benchmarks.report import RATIO_COLUMNS, ratio_cells, size, table, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from benchmarks.measure import Cost, Workspace
    from benchmarks.report import Figures

TARGET: Final = 3.0
_OPS: Final = ("add", "mul", "tanh")
_RUN: Final = ("run", "big.msgpack", "-o", "annotated.msgpack")
_SIDES: Final = {  # with their exit statuses
    "test annotated.msgpack": 0,
    "test moved.msgpack": 0,
    "diff annotated.msgpack annotated.msgpack": 0,
    "diff annotated.msgpack big.msgpack": 1,
    "diff annotated.msgpack moved.msgpack": 1,
    "diff annotated.msgpack renamed.msgpack": 1,
}
_VARIANTS: Final = """import copy, msgpack, numpy
with open("annotated.msgpack", "rb") as file:
    document = msgpack.unpackb(file.read())
def write(name):
    with open(name, "wb") as file:
        file.write(msgpack.packb(document))
document["runs"][0].pop("graph")
document["nodes"]["id"]["value"][0] = "renamed"
write("renamed.msgpack")
document["nodes"]["id"]["value"][0] = "layer1.node_number_0000000"
for field in ("data", "grad"):
    column = document["runs"][0][field]
    column["value"] = (numpy.frombuffer(column["value"], "<u8") + 1).tobytes()
write("moved.msgpack")
"""


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    with workspace() as place:
        path = place.folder / "big.json"
        count = write_graph(path, random_graph(20_000 if quick else 1_000_000, _OPS))
        place.mgraph("convert", "big.json", "big.msgpack")
        place.mgraph(*_RUN)
        place.python("-c", _VARIANTS)
        yield f"{count:,} nodes.\n"
        costs = take_turns(_sides(place), 2 if quick else 7)
    runs = [each.seconds for each in costs["run"]]
    found = {name: ratio([each.seconds for each in costs[name]], runs) for name in _SIDES}
    rows = [
        (f"`mgraph {name}`", *ratio_cells(found[name]), size(min(x.peak for x in costs[name])))
        for name in _SIDES
    ]
    yield from table(("peer `mgraph run`", *RATIO_COLUMNS, "peak"), rows)
    slowest = max(found.values(), key=lambda each: each.median)
    yield verdict("mgraph run, the slowest of them", TARGET, slowest)
    return [{"command": name, "ratio": each.median} for name, each in found.items()]


def _sides(place: Workspace) -> dict[str, Callable[[], Cost]]:
    sides = {
        command: partial(place.mgraph, *command.split(), status=status)
        for command, status in _SIDES.items()
    }
    return {"run": partial(place.mgraph, *_RUN), **sides}
