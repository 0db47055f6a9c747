"""Whole commands on a JSON file of a million nodes, compared with the standard library's json.

The peer loads the same file with `json.load` and writes mgraph's result with `json.dump`; the time
to load that result is not counted. Memory is compared with a process that only does `json.load`.
"""

from __future__ import annotations

import json
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Final

from benchmarks.graphs import random_graph, write_graph
from benchmarks.measure import Cost, Workspace, ratio, take_turns, workspace
from benchmarks.report import RATIO_COLUMNS, ratio_cells, seconds, size, table, verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from benchmarks.report import Figures

TIME_TARGET: Final = 4.0
MEMORY_TARGET: Final = 3.0
_OPS: Final = ("add", "mul", "tanh")
_RUN: Final = ("run", "big.json", "-o", "out.json", "--engine", "value")
_LOAD: Final = "import json; json.load(open('big.json', encoding='utf-8'))"
_PEER: Final = """import json
from time import perf_counter as now
def timed(work, *arguments):
    start = now()
    result = work(*arguments)
    return now() - start, result
def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)
def dump(document):
    with open("dumped.json", "w", encoding="utf-8") as file:
        json.dump(document, file)
def dumps(document):
    with open("dumped.json", "w", encoding="utf-8") as file:
        file.write(json.dumps(document))
times = {"load": timed(load, "big.json")[0]}
times["apart"], document = timed(load, "out.json")
times["dump"], _ = timed(dump, document)
times["dumps"], _ = timed(dumps, document)
print(json.dumps(times))
"""
_MORE: Final = {
    "`mgraph check big.json`": ("check", "big.json"),
    "`mgraph convert big.json big.msgpack`": ("convert", "big.json", "big.msgpack"),
    "`mgraph run big.msgpack -o out.msgpack`": ("run", "big.msgpack", "-o", "out.msgpack"),
}


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    with workspace() as space:
        path = space.folder / "big.json"
        count = write_graph(path, random_graph(20_000 if quick else 1_000_000, _OPS))
        length = path.stat().st_size
        yield f"{count:,} nodes, {size(length)}, {length / count:.0f} bytes per node.\n"
        figures = yield from _compare(space, rounds=2 if quick else 5)
        yield from _for_information(space, rounds=1 if quick else 3)
    return figures


def _compare(space: Workspace, rounds: int) -> Generator[str, None, Figures]:
    sides: dict[str, Callable[[], Cost]] = {
        "run": partial(space.mgraph, *_RUN),
        "peer": partial(space.python, "-c", _PEER),
        "load": partial(space.python, "-c", _LOAD),
    }
    sides["run"]()  # fills the cache of bytecode; and the peer needs what it writes
    costs = take_turns(sides, rounds)
    times = [json.loads(cost.printed) for cost in costs["peer"]]
    ours = [cost.seconds for cost in costs["run"]]
    by_dump = ratio(ours, [parts["load"] + parts["dump"] for parts in times])
    by_dumps = ratio(ours, [parts["load"] + parts["dumps"] for parts in times])
    peaks = {name: [float(cost.peak) for cost in costs[name]] for name in ("run", "load")}
    memory = ratio(peaks["run"], peaks["load"])
    written = size((space.folder / "out.json").stat().st_size)
    rows = [
        ("time, peer `json.load` + `json.dump`", *ratio_cells(by_dump)),
        ("time, peer `json.load` + `write(json.dumps(…))`", *ratio_cells(by_dumps)),
        ("peak memory, limit `json.load`", size(memory.first), size(memory.second),
         *ratio_cells(memory)[2:]),
    ]  # fmt: skip
    yield from table((f"`mgraph {' '.join(_RUN)}`", *RATIO_COLUMNS), rows)
    yield verdict("json.load + json.dump", TIME_TARGET, by_dump)
    yield verdict("the peak memory of json.load", MEMORY_TARGET, memory)
    yield _parts(times, written)
    compared = {"json.dump": by_dump, "json.dumps": by_dumps, "memory": memory}
    return [{"beside": name, "ratio": result.median} for name, result in compared.items()]


def _parts(times: Sequence[dict[str, float]], written: str) -> str:
    """Return a sentence on the parts of the peer's time."""
    middle = {name: seconds(median(parts[name] for parts in times)) for name in times[0]}
    return (
        f"\nThe peer's medians: load {middle['load']}, dump {middle['dump']}, dumps and write "
        f"{middle['dumps']}. Not counted: loading what is dumped ({written}), "
        f"{middle['apart']}. `json.dump` encodes in Python, `json.dumps` in C.\n"
    )


def _for_information(space: Workspace, rounds: int) -> Iterator[str]:
    """Yield a table of other commands, compared with `json.load` alone."""
    sides: dict[str, Callable[[], Cost]] = {
        name: partial(space.mgraph, *arguments) for name, arguments in _MORE.items()
    }
    sides["load"] = partial(space.python, "-c", _LOAD)
    costs = take_turns(sides, rounds)
    loads = [cost.seconds for cost in costs["load"]]
    peak = min(cost.peak for cost in costs["load"])
    rows = []
    for name in _MORE:
        compared = ratio([cost.seconds for cost in costs[name]], loads)
        own_peak = min(cost.peak for cost in costs[name])
        rows.append((name, *ratio_cells(compared), size(own_peak), f"{own_peak / peak:.2f}"))
    header = ("for information, peer `json.load`", *RATIO_COLUMNS, "peak", "peak/peak")
    yield from table(header, rows)
