"""`mgraph derive` of a packed file of a million nodes, compared with `mgraph run` of the same file.

Both read the file and write another one; the gradient graph is larger. The last column is how many
nodes it has for each node of the graph.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Final

from benchmarks.graphs import random_graph, write_graph
from benchmarks.measure import Cost, Workspace, ratio, take_turns, workspace
from benchmarks.report import RATIO_COLUMNS, ratio_cells, size, table, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from benchmarks.report import Figures

TIME_LIMIT: Final = 3.0
"""How many times as long as `mgraph run` it may take."""

NODES_LIMIT: Final = 4.0
"""How many nodes the gradient graph may have for each node of the graph."""

_OPS: Final = ("add", "mul", "tanh")


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    count, rounds = (20_000, 2) if quick else (1_000_000, 5)
    with workspace() as space:
        write_graph(space.folder / "big.json", random_graph(count, _OPS))
        space.mgraph("convert", "big.json", "big.msgpack")
        costs = _costs(space, rounds)
        nodes = _nodes(space) / count
    compared = ratio(*([cost.seconds for cost in costs[side]] for side in ("derive", "run")))
    peak = size(min(cost.peak for cost in costs["derive"]))
    yield f"{count:,} nodes.\n"
    header = ("whole process, peer mgraph run", *RATIO_COLUMNS, "peak", "nodes")
    yield from table(header, [("`mgraph derive`", *ratio_cells(compared), peak, f"{nodes:.2f}")])
    if not quick:
        yield verdict("mgraph run's time", TIME_LIMIT, compared)
        reached = "reached" if nodes <= NODES_LIMIT else "missed"
        yield f"Target: at most {NODES_LIMIT:g} times the nodes: {reached}, {nodes:.2f} times."
    return [{"ratio": compared.least, "nodes": nodes}]


def _costs(space: Workspace, rounds: int) -> Mapping[str, list[Cost]]:
    """Measure both commands in turns; the first run of each fills the caches."""
    sides: dict[str, Callable[[], Cost]] = {
        "derive": partial(space.mgraph, "derive", "big.msgpack", "-o", "gradient.msgpack"),
        "run": partial(space.mgraph, "run", "big.msgpack", "-o", "out.msgpack"),
    }
    for side in sides.values():
        side()
    return take_turns(sides, rounds)


def _nodes(space: Workspace) -> int:
    """Return how many nodes the gradient graph has."""
    code = "from mgraph.cli import main; main()"
    arguments = ("derive", "big.msgpack", "-o", "gradient.msgpack", "--json")
    return int(json.loads(space.python("-c", code, *arguments).printed)["nodes"])
