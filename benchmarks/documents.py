"""The store of the service: how long it takes to read from a folder of 100,000 documents.

Each document is the neuron with another text; a tenth has a name. Documents, names and graphs are
chosen at random; their files are in the system's cache. *The floor* reads the file of the same
document and computes its SHA-256, in turns with `get`. Storing waits for the disk three times.
"""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING, Final, NamedTuple

import mgraph
from benchmarks.measure import ROOT, workspace
from benchmarks.report import progress, seconds, table
from mgraph.service.store.files import FileStore
from mgraph.service.store.ids import digits_of, graph_digits, id_of
from mgraph.service.store.layout import document_file, index_file, name_file
from mgraph.service.store.protocol import NameEntry
from mgraph.service.store.records import name_record

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from benchmarks.report import Figures
    from mgraph.service.store.protocol import GraphStore

TARGET: Final = 1e-3
_NEURON: Final = json.loads((ROOT / "fixtures" / "neuron.json").read_bytes())
_PUTS: Final = 50
TIME: Final = "2027-03-01T09:30:00Z"
"""When all names were set."""


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    count = 1_000 if quick else 100_000
    with workspace() as space:
        store = FileStore(str(space.folder / "store"), create=True)
        progress(f"making {count:,} documents")
        entries = [*entries_of(count)]
        fill(store, entries)
        floor = partial(_floor, store)
        times = measure(store, entries, rounds=200 if quick else 10_000, floor=floor)
    yield from table(
        ("what", "median", "99 of 100 within"),
        [(what, seconds(at(each, 0.5)), seconds(at(each, 0.99))) for what, each in times.items()],
    )
    within = at(times["`get`"], 0.99)
    reached = "reached" if within <= TARGET else "missed"
    yield f"Target: a document in {seconds(TARGET)}: {reached}.\n"
    return [{"what": what, "seconds": at(each, 0.5)} for what, each in times.items()]


class Entry(NamedTuple):
    """A document, and what leads to it.

    Attributes:
        id: Its id.
        data: Its bytes.
        graph: The hash of its graph, which is made up.
        name: Its name; empty if it has none.
        revision: The revision of the name.
    """

    id: str
    data: bytes
    graph: str
    name: str
    revision: str


def entries_of(count: int) -> Iterator[Entry]:
    """Yield documents: the neuron with another text each time; a tenth has a name."""
    for i in range(count):
        data = json.dumps(_NEURON | {"doc": f"document {i}"}).encode()
        graph = f"mgraph1-sha256:{hashlib.sha256(data).hexdigest()}"
        name = "" if i % 10 else f"class-{i // 400}/{i}"
        yield Entry(id_of(data), data, graph, name, f"{i:016x}")


def fill(store: FileStore, entries: Iterable[Entry]) -> None:
    """Write the files that a store would have written, without waiting for the disk each time."""
    for entry in entries:
        digits = digits_of(entry.id)
        _write(store, document_file(digits, "json"), entry.data)
        _write(store, index_file(graph_digits(entry.graph), digits), b"")
        if entry.name:
            named = NameEntry(entry.name, entry.id, entry.revision, TIME)
            _write(store, name_file(entry.name), name_record(named))


def _write(store: FileStore, file: str, data: bytes) -> None:
    path = Path(store.disk.path(file))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def measure(
    store: GraphStore,
    entries: Sequence[Entry],
    rounds: int,
    floor: Callable[[str], object] | None = None,
) -> dict[str, list[float]]:
    """Return the times of each thing that is done with a store, sorted.

    Args:
        store: The store, which has the entries.
        entries: What it has.
        rounds: How often the quickest are done.
        floor: What is done with an id for comparison; None for nothing.
    """
    choose = Random(1).choice  # noqa: S311 - no secret
    new = (json.dumps(_NEURON | {"doc": f"new {i}"}).encode() for i in range(_PUTS))
    graph = mgraph.loads(json.dumps(_NEURON)).hash
    ids, graphs = [entry.id for entry in entries], [entry.graph for entry in entries]
    names = [entry.name for entry in entries if entry.name]
    sides: dict[str, tuple[Callable[[], object], int]] = {}

    def side(what: str, do: Callable[[str], object], some: Sequence[str], most: int) -> None:
        sides[what] = (lambda: do(choose(some)), most)

    if floor:
        side("the floor", floor, ids, rounds)
    side("`get`", store.get, ids, rounds)
    side("`get_name`", store.get_name, names, rounds)
    side("`with_graph`", store.with_graph, graphs, rounds)
    side("`list`, a page of 100", lambda x: store.list(after=x), ids, rounds // 100)
    side("`names`, a page of 100", lambda x: store.names(after=x), names, rounds // 100)
    sides["`put`"] = (lambda: store.put(next(new), graph), min(rounds, _PUTS))
    times: dict[str, list[float]] = {what: [] for what in sides}
    for i in range(rounds):
        for what, (do, most) in sides.items():
            if i < most:
                start = perf_counter()
                do()
                times[what].append(perf_counter() - start)
    return {what: sorted(each) for what, each in times.items()}


def _floor(store: FileStore, document: str) -> str:
    data = Path(store.disk.path(document_file(digits_of(document), "json"))).read_bytes()
    return hashlib.sha256(data).hexdigest()


def at(times: Sequence[float], share: float) -> float:
    """Return the time within which a share of sorted times is."""
    return times[int(share * (len(times) - 1))]
