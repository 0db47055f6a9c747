"""Two kinds of passes over columns, one opinion: with NumPy and without it, all is the same."""

from __future__ import annotations

import struct
from array import array
from math import inf, isnan, nan
from typing import TYPE_CHECKING, Any, Final

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mgraph.codec import binary
from mgraph.format.packed.ids import numbered, unique_ids
from mgraph.format.packed.ids_numpy import PackedIds, packed_ids
from mgraph.format.reading import read
from mgraph.graph import passes
from mgraph.graph.ids import Ids
from mgraph.graph.passes.plain import ARITY, FOLDS, PLAIN, Passes
from mgraph.graph.passes.vectorised import VECTORISED
from mgraph.graph.run import Tolerance
from mgraph.ops import NAMES
from tests.hostile.pack import Bin, Raw, Wide, pack

if TYPE_CHECKING:
    from random import Random


Patch = pytest.MonkeyPatch

NODES: Final = 40


# --- pass by pass ----------------------------------------------------------------------------


def bits(column: array[int] | array[float]) -> bytes:
    """Return what is in a column, bit for bit."""
    return column.tobytes()


doubles = st.lists(st.floats() | st.sampled_from([0.0, -0.0, nan, -nan, inf, -inf, 1.0, -1.0]))
nodes = st.lists(st.integers(0, NODES), max_size=NODES)


def test_every_pass_is_compared() -> None:
    """What `Vectorised` does in its own way is one of the passes below."""
    compared = {name.removeprefix("test_pass_") for name in globals() if "test_pass_" in name}
    assert {name for name in vars(type(VECTORISED)) if not name.startswith("_")} == compared
    assert compared == {name for name in vars(Passes) if not name.startswith("_")}


@given(nodes, st.integers(0, NODES))
@example([], 0)
@example([3], 3)
@example([2, 2], 9)
@settings(deadline=None)
def test_pass_ascends(at: list[int], count: int) -> None:
    """Strictly ascending, and below the end."""
    for each in (at, sorted({*at})):
        expected = each == sorted({*each}) and all(node < count for node in each)
        assert PLAIN.ascends(array("I", each), count) is expected
        assert VECTORISED.ascends(array("I", each), count) is expected


@given(doubles)
@settings(deadline=None)
def test_pass_canonical(values: list[float]) -> None:
    """Every NaN becomes the one with the bits 7ff8000000000000; nothing else changes."""
    strange = struct.unpack("<d", bytes.fromhex("010000000000f0ff"))[0]
    given_column = array("d", [strange if isnan(x) else x for x in values])
    expected = b"".join(struct.pack("<Q", 0x7FF8 << 48) if isnan(x) else struct.pack("<d", x)
                        for x in values)  # fmt: skip
    before = bits(given_column)
    for each in (PLAIN, VECTORISED):
        assert bits(each.canonical(given_column)) == expected
    assert bits(given_column) == before


@given(doubles)
@example([1e308, 1e308])
@settings(deadline=None)
def test_pass_first_not_finite(values: list[float]) -> None:
    """The first infinity or NaN, whatever the values add up to."""
    expected = next((i for i, x in enumerate(values) if x - x != 0.0), None)
    for each in (PLAIN, VECTORISED):
        assert each.first_not_finite(array("d", values)) == expected


@given(st.lists(st.tuples(st.floats(), st.floats()) | st.floats().map(lambda x: (x, x))))
@example([(0.0, -0.0), (nan, -nan), (nan, 1.0), (inf, inf), (1.0, 1.0000000000000002)])
@settings(deadline=None)
def test_pass_unlike(pairs: list[tuple[float, float]]) -> None:
    """Where the bits differ, and not both are NaN."""
    a, b = array("d", [x for x, _ in pairs]), array("d", [y for _, y in pairs])
    expected = [
        i for i, (x, y) in enumerate(pairs)
        if struct.pack("d", x) != struct.pack("d", y) and not (isnan(x) and isnan(y))
    ]  # fmt: skip
    for each in (PLAIN, VECTORISED):
        assert [*each.unlike(a, b)] == expected


@given(st.lists(st.tuples(st.floats(), st.floats())), st.floats(0.0, 2.0), st.floats(0.0, 2.0))
@example([(0.5, 1.0), (1.5, 1.0), (1.6, 1.0), (-inf, inf), (nan, nan), (1.0, inf)], 0.5, 0.0)
@settings(deadline=None)
def test_pass_beyond(pairs: list[tuple[float, float]], rel: float, least: float) -> None:
    """As a tolerance allows each number by itself."""
    got, want = array("d", [x for x, _ in pairs]), array("d", [y for _, y in pairs])
    tolerance = Tolerance(rel, least)
    expected = [i for i, (x, y) in enumerate(pairs) if not tolerance.allows(x, y)]
    for each in (PLAIN, VECTORISED):
        assert [*each.beyond(got, want, rel, least)] == expected


@given(doubles, st.integers(1, 5))
@settings(deadline=None)
def test_pass_largest(values: list[float], most: int) -> None:
    """As the standard library sorts them: NaN is as large as infinity, ties keep their order."""
    ranks = [inf if isnan(x) else abs(x) for x in values]
    expected = sorted(range(len(values)), key=lambda i: -ranks[i])[:most]
    for each in (PLAIN, VECTORISED):
        assert each.largest(array("d", values), most) == expected


@given(st.sets(st.integers(0, NODES)), st.sets(st.integers(0, NODES)))
@settings(deadline=None)
def test_pass_among(asked: set[int], at: set[int]) -> None:
    """Those that both have, with the values of the one."""
    columns = array("I", sorted(asked)), array("I", sorted(at)), array("d", sorted(at))
    both = sorted(asked & at)
    for each in (PLAIN, VECTORISED):
        kept, values = each.among(*columns)
        assert ([*kept], [*values]) == (both, both)


opcodes = st.binary(min_size=1, max_size=NODES).map(
    lambda raw: bytes(code % len(NAMES) for code in raw)
)


@given(opcodes)
@settings(deadline=None)
def test_pass_leaves(opcode: bytes) -> None:
    """Inputs, params and consts."""
    expected = [i for i, code in enumerate(opcode) if NAMES[code] in ("input", "param", "const")]
    for each in (PLAIN, VECTORISED):
        assert [*each.leaves(opcode)] == expected


@given(opcodes, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_pass_starts(opcode: bytes, source: Random) -> None:
    """Where arguments begin; too few or too many stated ones, or 2³² arguments, are refused."""
    stated = [source.choice((1, 2, 3, 2**31)) for code in opcode if code in FOLDS]
    rest = iter(stated)
    counts = [next(rest) if code in FOLDS else ARITY[code] for code in opcode]
    expected = [sum(counts[:i]) for i in range(len(counts) + 1)]
    for each in (PLAIN, VECTORISED):
        if expected[-1] < 2**32:
            assert [*each.starts(opcode, array("I", stated))] == expected
        else:
            with pytest.raises(OverflowError):
                each.starts(opcode, array("I", stated))
        with pytest.raises(ValueError, match="stated"):
            each.starts(opcode, array("I", [*stated, 1]))


@given(opcodes)
@settings(deadline=None)
def test_pass_stated_arity(opcode: bytes) -> None:
    """How many arguments sums have is what `starts` was told."""
    stated = array("I", (1 + i % 3 for i in range(sum(code in FOLDS for code in opcode))))
    for each in (PLAIN, VECTORISED):
        assert each.stated_arity(opcode, each.starts(opcode, stated)) == stated


@given(st.lists(st.lists(st.integers(0, 9), max_size=3), min_size=1, max_size=9))
@settings(deadline=None)
def test_pass_precede(lists: list[list[int]]) -> None:
    """Every argument is a node before its user."""
    args = array("I", (arg for each in lists for arg in each))
    first = array("I", (sum(map(len, lists[:i])) for i in range(len(lists) + 1)))
    expected = all(arg < user for user, each in enumerate(lists) for arg in each)
    for each in (PLAIN, VECTORISED):
        assert each.precede(args, first) is expected


@given(nodes)
@settings(deadline=None)
def test_pass_unused(args: list[int]) -> None:
    """The nodes that are no argument, in order."""
    expected = [i for i in range(NODES + 1) if i not in args]
    for each in (PLAIN, VECTORISED):
        assert [*each.unused(array("I", args), NODES + 1)] == expected


@given(nodes)
@settings(deadline=None)
def test_pass_uses(args: list[int]) -> None:
    """How often each node is an argument."""
    expected = [args.count(i) for i in range(NODES + 1)]
    for each in (PLAIN, VECTORISED):
        assert each.uses(array("I", args), NODES + 1) == expected


@given(opcodes, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_pass_blanks_are_clean(opcode: bytes, source: Random) -> None:
    """Only inputs are without data, and what stands there is +0.0, not -0.0."""
    leaves = PLAIN.leaves(opcode)
    has = bytes(source.choice((0, 1, 1)) for _ in leaves)
    data = array("d", (1.0 if here else source.choice((0.0,) * 9 + (-0.0, 5e-324)) for here in has))
    blank = [i for i, here in enumerate(has) if not here]
    expected = all(
        NAMES[opcode[leaves[i]]] == "input" and struct.pack("d", data[i]) == bytes(8) for i in blank
    )
    for each in (PLAIN, VECTORISED):
        assert each.blanks_are_clean(opcode, leaves, data, has) is expected


# --- ids -------------------------------------------------------------------------------------


def as_texts(value: object) -> binary.Texts:
    """Return an array of a document as it stands there."""
    data = bytes(pack({"mgraph": "1.0", "nodes": {"id": {"value": value}}}).data)
    header = binary.array_at(data, ("nodes", "id", "value"), 9)
    assert header is not None
    found = binary.without_texts(data, header)
    assert found is not None
    assert msgpack.unpackb(found[0]) == {"mgraph": "1.0", "nodes": {"id": {"value": []}}}
    return found[1]


FEW, MANY = 1, passes.MANY
"""How many nodes a file has whose ids are read in plain Python, and by NumPy."""


def opinion(count: int, value: Any) -> list[str] | None:  # noqa: ANN401 - any plain data
    """Return the ids that are found in a file of so many nodes, or None if they are refused."""
    try:
        return [*unique_ids(value, count)]
    except ValueError:
        return None


LONGEST: Final = "a" * 128
TEXTS: Final[dict[str, tuple[Any, bool]]] = {
    "some": (["x", "layer1.neuron3.w2", "_", "Z[0]/a-b"], True),
    "of every length": (["x" * size for size in range(1, 129)], True),
    "of the longest": ([LONGEST, "b" * 128, "c" * 128, "x", "d" * 128], True),
    "numbered": (["n", "n0", "n1x", "n00", "nn1"], True),
    "too long": (["x", "a" * 129], False),
    "much too long": (["x", "a" * 300], False),
    "empty": (["x", ""], False),
    "twice": (["x", "y", "x"], False),
    "twice, long": ([LONGEST, "y", LONGEST], False),
    "twice, of eight bytes": (["abcdefgh", "b", "abcdefgh"], False),
    "the same start": (["abcdefghi", "abcdefghj", "abcdefgh"], True),
    "a digit first": (["x", "1x"], False),
    "a point first": (["x", ".x"], False),
    "a space": (["x", "a b"], False),
    "a newline": (["x", "a\n"], False),
    "a NUL": (["x", "a\0"], False),
    "DEL": (["x", "a\x7f"], False),
    "not ASCII": (["x", "é"], False),
    "a number": (["x", 1], False),
    "a large number": (["x", 2**40], False),
    "nil": (["x", None], False),
    "an array": (["x", ["y"]], False),
    "an object": (["x", {"y": "z"}], False),
    "bytes": (["x", b"y"], False),
    "a number in single precision": (["x", Bin(b"\xca")], False),
    "longer headers than needed": (Wide(["x", "y", "z" * 40]), True),
    "longer headers, twice": (Wide(["x", "y", "x"]), False),
}


@pytest.mark.parametrize("name", TEXTS)
def test_ids_in_bytes(name: str) -> None:
    """Ids are found in the bytes of a file, or refused, as they are in a list."""
    value, is_clean = TEXTS[name]
    plain = msgpack.unpackb(pack(value).data)
    expected = plain if is_clean else None
    for count in (FEW, MANY):
        assert opinion(count, as_texts(value)) == expected
        assert opinion(count, plain) == expected


RAW: Final[dict[str, tuple[list[Any], list[str] | None]]] = {
    "a longer header than needed": ([Raw(b"\xd9\x05hello"), "x"], ["hello", "x"]),
    "a byte that begins nothing in a text": ([Raw(b"\xa3a\xffb"), ord("a")], None),
    "the same, as often as there are items": ([Raw(b"\xa2\x80a"), ord("a"), "x"], None),
}


@pytest.mark.parametrize("name", RAW)
def test_ids_in_bytes_of_somebody_else(name: str) -> None:
    """Bytes that could be taken for others, or that would be written in another way."""
    value, expected = RAW[name]
    for count in (FEW, MANY):
        assert opinion(count, as_texts(value)) == expected
    assert packed_ids(as_texts(value)) is None


CHARACTERS: Final = "nab019_.-/[] \n\x7fé"
some_names = st.lists(
    st.text(CHARACTERS, max_size=3) | st.text("n019a", min_size=1, max_size=40), min_size=1
)


@given(some_names)
@settings(deadline=None)
def test_ids_of_files(values: list[str]) -> None:
    """Ids, each another one: whether they are read from a list or from bytes."""
    texts = as_texts(values)
    expected = opinion(FEW, values)
    assert expected in (None, values)
    assert opinion(FEW, texts) == opinion(MANY, values) == opinion(MANY, texts) == expected


@given(some_names)
@settings(deadline=None)
def test_numbered_ids(values: list[str]) -> None:
    """N and a digit, at the start."""
    if opinion(FEW, values) is None:
        return
    expected = [
        k for k, name in enumerate(values) if name[:1] == "n" and name[1:2] in [*"0123456789"]
    ]
    for count in (FEW, MANY):
        assert [*numbered(unique_ids(as_texts(values), count))] == expected


@given(some_names, st.text(CHARACTERS, max_size=4), st.booleans())
@settings(deadline=None)
def test_ids_are_made_when_they_are_asked_for(
    values: list[str],
    other: str,
    has_all: bool,  # noqa: FBT001
) -> None:
    """Names, as a sequence, are the list: by place, by slice, searched for, and iterated."""
    if opinion(FEW, values) is None:
        return
    names = unique_ids(as_texts(values), MANY)
    assert isinstance(names, PackedIds)
    assert (len(names), [*names], names[:2], names[-1]) == (
        len(values), values, values[:2], values[-1],
    )  # fmt: skip
    for each in [*values, other, "n0", "é"]:
        assert (each in names) == (each in values)
        if each in values:
            assert names.index(each) == values.index(each)
    assert names.several(range(len(values))[::-2]) == values[::-2]
    for start in ("n", "na", other):
        assert names.beginning_with(start) == [name for name in values if name.startswith(start)]
    at = array("I", range(0, len(values) * (1 if has_all else 2), 1 if has_all else 2))
    ids = Ids(at[-1] + (1 if has_all else 2), at, names)
    whole = dict(zip(at, values, strict=True))
    expected = [whole.get(i, f"n{i}") for i in range(len(ids))]
    assert [ids[i] for i in range(len(ids))] == [*ids] == ids[:] == expected
    assert ids.several(range(len(ids))[::-2]) == expected[::-2]
    with pytest.raises(IndexError):
        _ = ids[len(ids)]


@given(some_names, st.lists(st.integers(1, 128), max_size=5))
@settings(deadline=None)
def test_more_ids_behind_those_of_a_file(values: list[str], sizes: list[int]) -> None:
    """They can be read and written like ids that were in the file."""
    if opinion(FEW, values) is None:
        return
    more = [f"_{i}".ljust(size, "_")[:size] for i, size in enumerate(sizes)]
    names = unique_ids(as_texts(values), MANY)
    assert isinstance(names, PackedIds)
    both = names.followed_by(more)
    assert isinstance(both, PackedIds)
    assert [*both] == both[:] == [*values, *more]
    chunks = b"".join(binary.encode({"nodes": {"id": {"value": both}}}))
    assert msgpack.unpackb(chunks) == {"nodes": {"id": {"value": [*values, *more]}}}


def test_an_index_of_ids_searches_and_then_makes_a_table(monkeypatch: Patch) -> None:
    """The same answers for few questions and for many."""
    monkeypatch.setattr(passes, "MANY", 1)
    values = [f"w{i}" for i in range(30)]
    graph = read(file_of(values)).columns
    for _ in range(2):
        for i in (0, 7, 29):
            assert graph.index[f"w{i}"] == i
        assert graph.index["n30"] == 30
        for name in ("n3", "n31", "n030", "w", "w30", "é", "", 3, None):
            assert name not in graph.index
    assert dict(graph.index) == {name: i for i, name in enumerate([*values, "n30"])}
    assert len(graph.index) == 31


def file_of(names: list[str]) -> bytes:
    """Return a packed file: params with these names, and their sum, n30 or so."""
    count = len(names)
    nodes = {
        "count": count + 1,
        "ops": ["param", "sum"],
        "op": bytes(count) + b"\1",
        "arity": struct.pack("<I", count),
        "args": struct.pack(f"<{count}I", *range(count)),
        "data": struct.pack(f"<{count}d", *range(count)),
        "id": {"at": struct.pack(f"<{count}I", *range(count)), "value": names},
    }
    data: bytes = msgpack.packb({"mgraph": "1.0", "nodes": nodes, "outputs": [f"n{count}"]})
    return data
