"""A file of a million nodes through whole processes, beside the standard library's json.

The peer loads the same file with `json.load` and writes what mgraph wrote with `json.dump`; the
time to load that is not counted. The limit of memory is a process that only does `json.load`.
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
    with workspace() as place:
        path = place.folder / "big.json"
        count = write_graph(path, random_graph(20_000 if quick else 1_000_000, _OPS))
        length = path.stat().st_size
        yield f"{count:,} nodes, {size(length)}, {length / count:.0f} bytes a node.\n"
        figures = yield from _compare(place, rounds=2 if quick else 5)
        yield from _for_information(place, rounds=1 if quick else 3)
    return figures


def _compare(place: Workspace, rounds: int) -> Generator[str, None, Figures]:
    sides: dict[str, Callable[[], Cost]] = {
        "run": partial(place.mgraph, *_RUN),
        "peer": partial(place.python, "-c", _PEER),
        "load": partial(place.python, "-c", _LOAD),
    }
    sides["run"]()  # fills the cache of bytecode; and the peer needs what it writes
    costs = take_turns(sides, rounds)
    times = [json.loads(each.printed) for each in costs["peer"]]
    ours = [each.seconds for each in costs["run"]]
    by_dump = ratio(ours, [each["load"] + each["dump"] for each in times])
    by_dumps = ratio(ours, [each["load"] + each["dumps"] for each in times])
    peaks = {name: [float(each.peak) for each in costs[name]] for name in ("run", "load")}
    memory = ratio(peaks["run"], peaks["load"])
    written = size((place.folder / "out.json").stat().st_size)
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
    return [{"beside": name, "ratio": each.median} for name, each in compared.items()]


def _parts(times: Sequence[dict[str, float]], written: str) -> str:
    """Say what the peer's time is made of."""
    middle = {name: seconds(median(each[name] for each in times)) for name in times[0]}
    return (
        f"\nThe peer's medians: load {middle['load']}, dump {middle['dump']}, dumps and write "
        f"{middle['dumps']}; apart, not counted: loading what is dumped ({written}) "
        f"{middle['apart']}. `json.dump` encodes in Python, `json.dumps` in C.\n"
    )


def _for_information(place: Workspace, rounds: int) -> Iterator[str]:
    """Yield what the other commands take, beside `json.load` alone."""
    sides: dict[str, Callable[[], Cost]] = {
        name: partial(place.mgraph, *arguments) for name, arguments in _MORE.items()
    }
    sides["load"] = partial(place.python, "-c", _LOAD)
    costs = take_turns(sides, rounds)
    loads = [each.seconds for each in costs["load"]]
    peak = min(each.peak for each in costs["load"])
    rows = []
    for name in _MORE:
        found = ratio([each.seconds for each in costs[name]], loads)
        most = min(each.peak for each in costs[name])
        rows.append((name, *ratio_cells(found), size(most), f"{most / peak:.2f}"))
    header = ("for information, peer `json.load`", *RATIO_COLUMNS, "peak", "peak/peak")
    yield from table(header, rows)
