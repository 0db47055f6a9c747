"""`mgraph run fixtures/neuron.json`, a whole process with ten nodes: what starting up costs.

Its floor is a process that imports click, jiter and msgpack and builds the pydantic model of a
file. Bytecode is cached for all sides.
"""

from __future__ import annotations

import sys
from functools import partial
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING, Final

from benchmarks.measure import ROOT, Workspace, ratio, script, take_turns, workspace
from benchmarks.report import RATIO_COLUMNS, ratio_cells, table, verdict

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from benchmarks.measure import Cost, Ratio
    from benchmarks.report import Figures

TARGET: Final = 1.4
_GRAPH: Final = str(ROOT / "fixtures" / "neuron.json")
_LIBRARIES: Final = "import click, jiter, msgpack"
_FLOOR: Final = f"""{_LIBRARIES}
from mgraph.format.models import Document, adapter
adapter(Document)
"""
_PEERS: Final = {
    "the floor: the libraries and the pydantic model": _FLOOR,
    f"`{_LIBRARIES}`": _LIBRARIES,
    "`pass`": "pass",
}
_LISTED: Final = 10
_HEAVY: Final = ("pydantic", "numpy", "msgpack")
_NAMES: Final = "import sys; print(*sys.modules)"


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    with workspace() as place:
        found = _measure(place, rounds=3 if quick else 25)
        rows = [(peer, *ratio_cells(each)) for peer, each in found.items()]
        yield from table(("peer", *RATIO_COLUMNS), rows)
        yield verdict("the floor", TARGET, next(iter(found.values())))
        yield ""
        yield _floor_imports(place)
        yield ""
        yield from _imports(place, rounds=2 if quick else 9)
    return [{"beside": peer, "ratio": each.median} for peer, each in found.items()]


def _measure(place: Workspace, rounds: int) -> dict[str, Ratio]:
    sides = {"": partial(place.mgraph, "run", _GRAPH)}
    sides.update((peer, partial(place.python, "-c", code)) for peer, code in _PEERS.items())
    take_turns(sides, 1)  # fills the cache of bytecode
    costs = take_turns(sides, rounds)
    return {peer: ratio(_seconds(costs[""]), _seconds(costs[peer])) for peer in _PEERS}


def _seconds(costs: Sequence[Cost]) -> list[float]:
    return [each.seconds for each in costs]


def _floor_imports(place: Workspace) -> str:
    """Say what of mgraph the floor imports."""
    loaded = place.python("-c", _FLOOR + _NAMES).printed.decode().split()
    ours = [name for name in loaded if name.partition(".")[0] == "mgraph"]
    return (
        f"The floor imports {len(loaded)} modules; of mgraph, because `format.models` does: "
        f"{_listed(name for name in ours if name != 'mgraph.format.models')}."
    )


def _imports(place: Workspace, rounds: int) -> Iterator[str]:
    """Yield what `mgraph run` imports, the most expensive first."""
    arguments = ("-X", "importtime", script(), "run", _GRAPH)
    logs = [place.python(*arguments, keep_errors=True).printed.decode() for _ in range(rounds)]
    times = _import_times(logs)
    names = [*times]
    tops = {name.partition(".")[0] for name in names}
    has = ", ".join(f"{name} {'was' if name in tops else 'was not'} imported" for name in _HEAVY)
    yield f"`mgraph run` imports {len(names)} modules; {has}."
    foreign = sorted(top for top in tops & packages_distributions().keys() if top[0] != "_")
    yield f"Packages outside the standard library: {_listed(foreign)}. Of mgraph:"
    yield f"{_listed(name for name in names if name.startswith('mgraph.'))}.\n"
    yield f"The {_LISTED} most expensive imports, the least of {rounds} runs of `-X importtime`:\n"
    by_own = sorted(times.items(), key=lambda pair: -pair[1][0])[:_LISTED]
    rows = [(f"`{name}`", f"{own} µs", f"{total} µs") for name, (own, total) in by_own]
    yield from table(("module", "itself", "with what it imports"), rows)


def _import_times(logs: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Read what -X importtime printed: module to own time and time with its imports; in µs."""
    times: dict[str, tuple[int, int]] = {}
    for line in "\n".join(logs).splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        total, _, name = rest.partition("|")
        if line.startswith("import time:") and own.strip().isdigit():
            before = times.get(name.strip(), (sys.maxsize, sys.maxsize))
            times[name.strip()] = min(before[0], int(own)), min(before[1], int(total))
    return times


def _listed(names: Iterator[str] | Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
