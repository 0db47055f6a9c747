"""What is read is written again: no field, no number and no order is lost on the way.

The comparing is done here, on plain data, by what the format says; the package only reads and
writes. `tests/fuzz/documents.py` makes the documents.
"""

from __future__ import annotations

import json
import struct
from copy import deepcopy
from math import isnan
from typing import TYPE_CHECKING, Any

import msgpack
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mgraph.format.reading import inspect
from mgraph.format.writing import to_json, to_msgpack
from tests.fuzz.documents import (
    BINARY,
    LEAVES,
    UNARY,
    Document,
    documents,
    rows_of,
    run_of,
    spelled,
)
from tests.reference.canonical import canonical_hash
from tests.reference.evaluate import in_evaluation_order
from tests.reference.reading import nodes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgraph.format.file import GraphFile

often = settings(max_examples=40, derandomize=True, deadline=None)
seldom = settings(max_examples=20, derandomize=True, deadline=None)

FIELDS = ("$schema", "name", "doc", "meta", "nodes", "outputs", "runs")
EMPTY_IS_NONE = ("inputs", "seed", "origin")
WITHOUT_NUMBERS = ("math", "origin", "graph")


def as_written(document: Document, *, sort: bool) -> Document:
    """Return what a document must come back as: all it says, in the writer's spelling.

    Args:
        document: Valid plain data, nodes as rows.
        sort: Bring the nodes into evaluation order.
    """
    rows = {row["id"]: row for row in document["nodes"]}
    order = [node.id for node in in_evaluation_order(nodes_of(document))] if sort else list(rows)
    written = dict(document) | {"nodes": [row_as_written(rows[name]) for name in order]}
    if document.get("runs"):
        written["runs"] = [run_as_written(run) for run in document["runs"]]
    else:
        written.pop("runs", None)
    return written


def row_as_written(row: Document) -> Document:
    """Return a node: a leaf without arguments, a number as a double."""
    written = dict(row)
    if row["op"] in LEAVES:
        written.pop("args", None)
    if "data" in row:
        written["data"] = spelled(float(row["data"]))
    return written


def run_as_written(run: Document) -> Document:
    """Return a run: its numbers as doubles; what is empty says the same as what is absent."""
    written: Document = {}
    for key, value in run.items():
        if key in EMPTY_IS_NONE and not value:
            continue
        if key in WITHOUT_NUMBERS:
            written[key] = value
        else:
            written[key] = {name: spelled(float(number)) for name, number in value.items()}
    return written


def text_of(document: Document) -> str:
    """Spell a document so that equal texts are equal documents, types and bits included.

    Objects have no order, but for those in a meta, which is kept as it is.
    """

    def plain(value: Any) -> Any:  # noqa: ANN401 - any plain data
        if isinstance(value, dict):
            return {k: json.dumps(x) if k == "meta" else plain(x) for k, x in value.items()}
        return [plain(each) for each in value] if isinstance(value, list) else value

    return json.dumps(plain(document), sort_keys=True, allow_nan=False)


def in_json(document: Document, *, style: int = 0) -> bytes:
    """Write a document as JSON, in one of several styles."""
    ascii_only, indent = bool(style & 1), (None, 2, 0, None)[style // 2]
    separators = (",", ":") if style >= 6 else None
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent, separators=separators)
    return text.encode()


def read(data: bytes) -> GraphFile:
    """Read a file that must be accepted."""
    found = inspect(data, "random")
    assert found.graph is not None, found.diagnostics
    return found.graph


def written_json(graph: GraphFile) -> bytes:
    """Return a graph as a JSON file."""
    return b"".join(to_json(graph))


def written_msgpack(graph: GraphFile) -> bytes:
    """Return a graph as a msgpack file."""
    return b"".join(to_msgpack(graph))


@often
@given(documents(), st.integers(0, 7))
def test_json_to_json_keeps_everything(document: Document, style: int) -> None:
    """Every field and value, and the order of nodes in the file, come back."""
    once = written_json(read(in_json(document, style=style)))
    assert text_of(json.loads(once)) == text_of(as_written(document, sort=False))
    assert written_json(read(once)) == once


@often
@given(documents())
def test_json_to_msgpack_to_json_keeps_everything(document: Document) -> None:
    """Every field and value come back, the nodes in evaluation order."""
    packed = written_msgpack(read(in_json(document)))
    once = written_json(read(packed))
    assert text_of(json.loads(once)) == text_of(as_written(document, sort=True))
    assert written_msgpack(read(packed)) == packed
    assert written_msgpack(read(once)) == packed


@often
@given(documents(bare=True))
def test_msgpack_rows_are_read_as_json_is(document: Document) -> None:
    """Packing the plain document gives the same graph; bare NaN and infinities are numbers."""
    graph = read(msgpack.packb(document))
    assert text_of(json.loads(written_json(graph))) == text_of(as_written(document, sort=False))


@often
@given(documents())
def test_packed_columns_say_what_the_rows_say(document: Document) -> None:
    """The columns of a msgpack file, taken apart by their description, are the rows."""
    packed = msgpack.unpackb(written_msgpack(read(in_json(document))))
    unpacked = packed | {"nodes": rows_of(packed["nodes"])}
    if "runs" in packed:
        ids = [row["id"] for row in unpacked["nodes"]]
        unpacked["runs"] = [run_of(run, ids) for run in packed["runs"]]
    assert text_of(unpacked) == text_of(as_written(document, sort=True))


@seldom
@given(documents())
def test_fields_are_written_in_their_order(document: Document) -> None:
    """The version comes first, then what the file is about, the graph, and its runs."""
    graph = read(in_json(document))
    result = as_written(document, sort=False)
    wanted = ["mgraph", *(key for key in FIELDS if key in result)]
    for written in (json.loads(written_json(graph)), msgpack.unpackb(written_msgpack(graph))):
        assert list(written) == wanted


@seldom
@given(documents())
def test_written_json_is_plain_and_readable(document: Document) -> None:
    """Any strict reader can read it; a node is a line; a number is its shortest literal."""
    text = written_json(read(in_json(document))).decode()

    def shortest(literal: str) -> float:
        assert repr(float(literal)) == literal
        return float(literal)

    def refuse(word: str) -> None:
        raise AssertionError(word)

    written = json.loads(text, parse_float=shortest, parse_constant=refuse)
    lines = text.split("\n")
    start = lines.index('  "nodes": [') + 1
    end = lines.index("  ],", start)
    assert [json.loads(line.rstrip(",")) for line in lines[start:end]] == written["nodes"]
    assert text.endswith("\n}\n")


@seldom
@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=40))
def test_every_double_survives(patterns: list[int]) -> None:
    """All 64 bits come back through both encodings; all NaNs are the one NaN."""
    numbers = [struct.unpack("<d", struct.pack("<Q", pattern))[0] for pattern in patterns]
    rows = [{"id": f"x{i}", "op": "param", "data": x} for i, x in enumerate(numbers)]
    data = {f"x{i}": x for i, x in enumerate(numbers)}
    run = {"inputs": data, "data": data, "grad": data}
    document = {"mgraph": "1.0", "nodes": rows, "outputs": ["x0"], "runs": [run]}
    graph = read(written_json(read(written_msgpack(read(msgpack.packb(document))))))
    one_nan = 0x7FF8_0000_0000_0000
    wanted = [one_nan if isnan(x) else i for i, x in zip(patterns, numbers, strict=True)]
    found = graph.runs[0]
    for table in (found.inputs, found.data, found.grad):
        assert table is not None
        assert bits(list(table.values())) == wanted
    assert bits(list(graph.columns.data)) == wanted
    packed = msgpack.unpackb(written_msgpack(graph))
    assert packed["nodes"]["data"] == struct.pack(f"<{len(wanted)}Q", *wanted)


def bits(numbers: list[float]) -> list[int]:
    """Return the 64 bits of each double."""
    return list(struct.unpack(f"<{len(numbers)}Q", struct.pack(f"<{len(numbers)}d", *numbers)))


@often
@given(documents())
def test_the_hash_is_the_references(document: Document) -> None:
    """Read as JSON, as rows in msgpack or packed, the hash is what another program computes."""
    wanted = canonical_hash(nodes_of(document), document["outputs"])
    graph = read(in_json(document))
    assert graph.hash == wanted
    assert read(written_msgpack(graph)).hash == wanted
    assert read(written_json(graph)).hash == wanted


@seldom
@given(documents(), documents())
def test_the_hash_is_of_the_graph_alone(document: Document, other: Document) -> None:
    """Texts, metas and runs don't count."""
    changed = deepcopy(document)
    changed |= {key: other[key] for key in ("name", "doc", "$schema", "meta") if key in other}
    changed["runs"] = []
    for row, more in zip(changed["nodes"], other["nodes"], strict=False):
        row |= {key: more[key] for key in ("label", "doc", "meta") if key in more}
    assert read(in_json(changed)).hash == read(in_json(document)).hash


def other_op(op: str) -> str:
    """Return an op that takes as many arguments; or the same."""
    kinds = next((kinds for kinds in (UNARY, BINARY, ("param", "const")) if op in kinds), (op,))
    return kinds[kinds.index(op) - 1]


def swapped_op(document: Document, i: int) -> None:
    """Change the op of a node."""
    row = document["nodes"][i]
    op = other_op(row["op"])
    if op != row["op"]:
        row["op"] = op
        document["mgraph"] = "1.1"  # the op may be newer; the hash is that of the graph only


def swapped_arguments(document: Document, i: int) -> None:
    """Change the order of a node's arguments."""
    document["nodes"][i].get("args", []).reverse()


def repeated_argument(document: Document, i: int) -> None:
    """Let a sum count an argument twice."""
    row = document["nodes"][i]
    if row["op"] == "sum":
        row["args"].append(row["args"][0])


def flipped_bit(document: Document, i: int) -> None:
    """Change the last bit of a leaf; a NaN has none that counts."""
    row = document["nodes"][i]
    if row.get("data", "nan") != "nan":
        (pattern,) = bits([float(row["data"])])
        row["data"] = spelled(struct.unpack("<d", struct.pack("<Q", pattern ^ 1))[0])


def no_data(document: Document, i: int) -> None:
    """Take away the declared value of an input: none is not zero."""
    row = document["nodes"][i]
    if row["op"] == "input":
        row.pop("data", None)


def renamed(document: Document, i: int) -> None:
    """Give a node another id, everywhere."""
    old, new = document["nodes"][i]["id"], "renamed"
    for row in document["nodes"]:
        row["id"] = new if row["id"] == old else row["id"]
        row["args"] = [new if arg == old else arg for arg in row.get("args", [])]
    document["outputs"] = [new if name == old else name for name in document["outputs"]]


def moved(document: Document, i: int) -> None:
    """Bring the nodes into another evaluation order, if that is one."""
    before = [node.id for node in in_evaluation_order(nodes_of(document))]
    document["nodes"].append(document["nodes"].pop(i))
    if [node.id for node in in_evaluation_order(nodes_of(document))] == before:
        document["nodes"].insert(i, document["nodes"].pop())


def another_output(document: Document, i: int) -> None:
    """Name one output more, or one less."""
    name, outputs = document["nodes"][i]["id"], document["outputs"]
    if name not in outputs:
        outputs.append(name)
    elif len(outputs) > 1:
        outputs.remove(name)


def turned_outputs(document: Document, _: int) -> None:
    """Name the outputs in another order."""
    document["outputs"].reverse()


CHANGES = (
    swapped_op, swapped_arguments, repeated_argument, flipped_bit, no_data, renamed, moved,
    another_output, turned_outputs,
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_the_hash_tells_graphs_apart(change: Callable[[Document, int], None]) -> None:
    """Each change of the graph, however small, changes the hash."""
    changed = 0

    @seldom
    @given(documents())
    def check(document: Document) -> None:
        nonlocal changed
        plain = {**document, "runs": []}
        others = [deepcopy(plain) for _ in document["nodes"]]
        for i, other in enumerate(others):
            change(other, i)
        others = [other for other in others if other != plain]
        assume(others)  # else how many graphs can be changed depends on the modules loaded so far
        changed += len(others)
        for other in others:
            assert read(in_json(other)).hash != read(in_json(plain)).hash

    check()
    assert changed > 10
