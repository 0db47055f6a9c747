"""Large packed files: with NumPy and without it, all is the same."""

from __future__ import annotations

import struct
import sys
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any, Final

import msgpack
import numpy as np
import pytest

from mgraph.codec import Limits, binary
from mgraph.format.packed.ids_numpy import PackedIds
from mgraph.format.reading import inspect, read
from mgraph.format.writing import to_json, to_msgpack
from mgraph.graph import passes
from mgraph.graph.ids import Ids
from tests.format.test_quick_pass import TIGHT, case, chances, packed
from tests.fuzz.documents import Maker
from tests.fuzz.mutations import damaged
from tests.graph.test_passes import Patch, bits, file_of
from tests.hostile.pack import Wide, pack
from tests.loops import shared
from tests.test_layout import modules_after

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mgraph.format.file import GraphFile
    from mgraph.format.reading import Inspection


# --- whole files -----------------------------------------------------------------------------


def answer(found: Inspection) -> tuple[object, ...]:
    """Return all that reading gave."""
    return (found.diagnostics, found.more, None if found.graph is None else content(found.graph))


def content(graph: GraphFile) -> tuple[object, ...]:
    """Return a graph as plain data, its ids and both its files."""
    columns = graph.columns
    return (
        graph.hash, [*columns.ids], columns.outputs, columns.has_data, columns.unreached(),
        bits(columns.first), bits(columns.args), bits(columns.leaves), bits(columns.data),
        b"".join(to_msgpack(graph)), b"".join(to_json(graph)),
    )  # fmt: skip


def both_ways(data: bytes, limits: Limits) -> Inspection:
    """Read bytes with the plain passes and with the others, and check that they agree."""
    plain = inspect(data, "it", limits)
    expected = answer(plain)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "MANY", 1)
        assert answer(inspect(data, "it", limits)) == expected
    return plain


@shared
def test_damaged_documents_are_told_the_same(share: float) -> None:
    """Whatever is wrong with a packed document, NumPy changes no word about it, and no bit."""
    seen: Counter[str] = Counter()

    @chances(600 * share)
    def check(seed: int) -> None:
        document, reading = case(seed)
        if isinstance(document.get("nodes"), dict) and reading.is_binary:
            try:
                data = msgpack.packb(document)
            except OverflowError:  # an integer that msgpack can't say
                return
            found = both_ways(data, reading.limits)
            seen["clean"] += found.graph is not None
            seen.update({each.code for each in found.diagnostics})

    check()
    assert seen["clean"] > 30 * share
    assert seen["packed"] > 50 * share


def elements(name: str, column: bytes) -> list[int]:
    """Return the numbers of a column, those of doubles as integers."""
    kind = {1: "B", 4: "I", 8: "Q"}[binary.COLUMN_WIDTHS[name]]
    count = len(column) // struct.calcsize(kind)
    return [*struct.unpack_from(f"<{count}{kind}", column)]


def column_of(name: str, numbers: list[int]) -> bytes:
    """Return numbers as a column, as large as they can be."""
    width = binary.COLUMN_WIDTHS[name]
    return b"".join((number % 2 ** (8 * width)).to_bytes(width, "little") for number in numbers)


def columns_in(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401
    """Yield the object and key of every column of a document."""
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in members:
        if isinstance(each, bytes):
            yield value, key
        elif isinstance(each, (dict, list)):
            yield from columns_in(each)


def mutate(document: dict[str, Any], source: Random) -> None:
    """Make one column lie: about its length, its order, or in one element."""
    members, key = source.choice([*columns_in(document)])
    numbers = elements(key, members[key])
    place = source.randrange(len(numbers)) if numbers else 0
    count = document["nodes"]["count"]
    match source.randint(0, 7):
        case 0:
            members[key] = members[key][: source.randint(0, len(members[key]))]
            return
        case 1:
            members[key] += bytes(source.randint(1, 9))
            return
        case 2:
            members[key] = damaged(members[key], source)
            return
        case 3:
            numbers[place:place] = [source.choice((0, 1, count))]
        case 4 if numbers:
            del numbers[place]
        case 5 if numbers:
            other = source.randrange(len(numbers))
            numbers[place], numbers[other] = numbers[other], numbers[place]
        case _ if numbers:
            step = source.choice((-1, 1, 2**31, 2**63, count))
            numbers[place] = source.choice((0, 1, count - 1, count, numbers[place] + step))
    members[key] = column_of(key, numbers)


def mutate_ids(document: dict[str, Any], source: Random) -> None:
    """Change one id: into another's, a default one, or one that can't be."""
    names = document["nodes"].get("id", {}).get("value")
    if names:
        count = document["nodes"]["count"]
        numbered = f"n{source.randint(0, count)}"
        choices = (source.choice(names), numbered, numbered, "n01", "a b", "x" * 129, "", "é", 3)
        names[source.randrange(len(names))] = source.choice(choices)


@shared
def test_columns_that_lie_are_told_the_same(share: float) -> None:
    """Lengths, opcodes, arguments, indices and ids of real graphs, changed one by one."""
    seen: Counter[str] = Counter()

    @chances(1500 * share)
    def check(seed: int) -> None:
        source = Random(seed)  # noqa: S311 - scattered, not secret
        document = packed(Maker(source).document())
        (mutate_ids if source.random() < 0.3 else mutate)(document, source)
        if source.random() < 0.2:
            mutate(document, source)
        found = both_ways(msgpack.packb(document), source.choice((Limits(), Limits(), TIGHT)))
        seen["clean"] += found.graph is not None
        seen.update({each.code for each in found.diagnostics})

    check()
    refused = {"packed", "unknown-node", "cycle", "arity", "leaf-data", "duplicate-id", "id"}
    assert seen["clean"] > 100 * share
    assert share < 1 or {*seen} >= refused, seen


@shared
def test_damaged_bytes_are_told_the_same(share: float) -> None:
    """A packed file with broken bytes is refused in the same words."""
    seen: Counter[bool] = Counter()

    @chances(500 * share)
    def check(seed: int) -> None:
        source = Random(seed)  # noqa: S311 - scattered, not secret
        data = msgpack.packb(packed(Maker(source).document()))
        for _ in range(source.choice((1, 1, 2))):
            data = damaged(data, source)
        seen[both_ways(data, Limits()).graph is not None] += 1

    check()
    assert seen[False] > 100 * share


@pytest.mark.parametrize("wide", [False, True])
def test_a_file_of_many_ids_is_read_and_written(wide: bool, monkeypatch: Patch) -> None:  # noqa: FBT001
    """Ids that were never made are written as they were; longer headers become short ones."""
    data = file_of([*map("w{}.x".format, range(2000))])
    if wide:
        document = msgpack.unpackb(data)
        document["nodes"]["id"]["value"] = Wide(document["nodes"]["id"]["value"])
        data, short = bytes(pack(document).data), data
    plain = read(data)
    monkeypatch.setattr(passes, "MANY", 1000)
    graph = read(data)
    assert isinstance(graph.columns.ids, Ids)
    assert isinstance(graph.columns.ids.own, list if wide else PackedIds)
    assert b"".join(to_msgpack(graph)) == b"".join(to_msgpack(plain))
    assert b"".join(to_msgpack(graph)) == (short if wide else data)
    assert content(graph) == content(plain)


def test_hashes_that_meet_are_looked_at_again(monkeypatch: Patch) -> None:
    """That two hashes are the same refuses nothing: then the names themselves are compared."""
    bulk = sys.modules["mgraph.format.packed.ids_numpy"]
    monkeypatch.setattr(
        bulk, "_hashes", lambda _data, starts, _sizes: np.zeros(starts.size, np.uint64)
    )
    monkeypatch.setattr(passes, "MANY", 1)
    data = file_of(["x", "y", "z"])
    assert [*read(data).columns.ids] == ["x", "y", "z", "n3"]
    twice = inspect(file_of(["x", "y", "x"]))
    assert [each.code for each in twice.diagnostics] == ["duplicate-id"]


# --- whole processes -------------------------------------------------------------------------

HIDDEN: Final = "import sys\nsys.modules['numpy'] = None\n"
RUN: Final = """import contextlib, io
from mgraph.cli import cli
printed = io.StringIO()
with contextlib.redirect_stdout(printed):
    cli(["run", "big.msgpack", "-o", {out!r}, "--engine", "value"], standalone_mode=False)
open({out!r} + ".txt", "w").write(printed.getvalue().replace({out!r}, "OUT"))
"""


def big_file(path: Path, count: int) -> None:
    """Write a packed file of params and differences, some with ids; four nodes are not reached."""
    names = {0: "first", 5: "layer1.w5", count - 5: "last"}
    ops = bytes(int(i % 3 > 0) for i in range(count))
    args = [arg for i, op in enumerate(ops) if op for arg in (i - 1, max(i - 2, 0))]
    data = [i / 7 - 3 for i in range(ops.count(0))]
    nodes = {
        "count": count,
        "ops": ["param", "sub"],
        "op": ops,
        "args": struct.pack(f"<{len(args)}I", *args),
        "data": struct.pack(f"<{len(data)}d", *data),
        "id": {"at": struct.pack("<3I", *names), "value": [*names.values()]},
    }
    path.write_bytes(msgpack.packb({"mgraph": "1.0", "nodes": nodes, "outputs": ["last"]}))


def test_without_numpy_all_is_the_same(tmp_path: Path) -> None:
    """A large packed file gives the same file, and the same words, where NumPy is missing."""
    big_file(tmp_path / "big.msgpack", passes.MANY)
    for out, start in (("with.msgpack", ""), ("without.msgpack", HIDDEN)):
        loaded = modules_after(start + RUN.format(out=out), tmp_path)
        assert ("mgraph.graph.passes.vectorised" in loaded) == (not start)
    written = [(tmp_path / f"{out}.msgpack").read_bytes() for out in ("with", "without")]
    assert written[0] == written[1]
    assert msgpack.unpackb(written[0])["nodes"]["count"] == passes.MANY
    result = [(tmp_path / f"{out}.msgpack.txt").read_text() for out in ("with", "without")]
    assert result[0] == result[1]
    assert "last" in result[0]


def test_small_files_need_no_numpy(tmp_path: Path) -> None:
    """Below the threshold nothing is imported, however the file is written."""
    big_file(tmp_path / "big.msgpack", passes.MANY - 1)
    loaded = modules_after(RUN.format(out="out.msgpack"), tmp_path)
    assert [name for name in ("numpy", "mgraph.graph.passes.vectorised") if name in loaded] == []
