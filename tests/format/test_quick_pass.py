"""Two checkers, one opinion: the quick pass says "clean" exactly where the other has no fault.

So is the reading of bytes: where the fast decoders refuse, the slow scanners know why.
"""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any, Final

import jiter
import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mgraph.codec import Limits, Reading, binary, decode, text, text_scan
from mgraph.errors import CODES, GraphError
from mgraph.format.faults import faults_of
from mgraph.format.file import clean
from mgraph.format.reading import inspect, read
from mgraph.format.writing import to_msgpack
from tests.fuzz.documents import Maker
from tests.fuzz.mutations import damage, damaged, damaged_text
from tests.fuzz.oracle import consume
from tests.hostile.pack import f64, u32
from tests.loops import shared

if TYPE_CHECKING:
    from collections.abc import Callable

TIGHT: Final = Limits(text=64, doc=64, args=3, nodes=8, runs=2, depth=9)
"""Limits that random documents exceed."""

OF_BYTES: Final = {
    "io", "size", "compressed", "encoding", "syntax", "trailing", "duplicate-key", "format",
    "version",
}  # fmt: skip
"""What is found before a document is checked."""


def chances(count: float) -> Callable[[Callable[[int], None]], Callable[[], None]]:
    """Run a test for so many seeds, always the same ones."""

    def decorate(test: Callable[[int], None]) -> Callable[[], None]:
        given_seeds = given(st.integers(0, 2**32))(test)
        return settings(max_examples=round(count), derandomize=True, deadline=None)(given_seeds)

    return decorate


def packed(document: dict[str, Any]) -> dict[str, Any]:
    """Return a valid document with its nodes as columns."""
    graph = read(json.dumps(document).encode())
    columns: dict[str, Any] = msgpack.unpackb(b"".join(to_msgpack(graph)))
    return columns


def case(seed: int) -> tuple[dict[str, Any], Reading]:
    """Return a document with up to three damages, and how it is read."""
    source = Random(seed)  # noqa: S311 - scattered, not secret
    kind = source.choice(("json", "rows", "packed", "packed"))
    document = Maker(source, bare=kind == "rows").document()
    if kind == "packed":
        document = packed(document)
    for _ in range(source.choice((0, 1, 1, 1, 2, 3))):
        damage(document, source)
    limits = source.choice((Limits(), TIGHT))
    return document, Reading(limits, is_binary=kind != "json")


@shared
def test_the_quick_pass_and_the_checker_agree(share: float) -> None:
    """A document is clean if and only if no fault is found; and nothing raises."""
    opinions: Counter[str] = Counter()

    @chances(2500 * share)
    def check(seed: int) -> None:
        document, reading = case(seed)
        graph = clean(document, reading)
        faults, count = faults_of(document, reading)
        assert (graph is None) == (count > 0), faults
        assert len(faults) == count
        opinions["clean"] += graph is not None
        opinions.update({each.code for each in faults})

    check()
    assert opinions["clean"] > 400 * share
    elsewhere = OF_BYTES | {"hash", "cycle", "column", "link"}
    assert share < 1 or {*opinions} >= {*CODES} - elsewhere, opinions


COLUMNS: Final[dict[str, Any]] = {
    "count": 4, "ops": ["input", "sum"], "op": b"\0\0\1\1", "arity": u32(2, 2),
    "args": u32(0, 1, 2, 2), "data": f64(0.0, 0.0), "has_data": b"\0\0",
}  # fmt: skip

FOUND_BEFORE: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "no leaf has data": ({}, ""),
    "one leaf has data": ({"has_data": b"\0\1"}, ""),
    "every leaf has data": ({"has_data": b"\1\1"}, "packed"),
    "an id that is None": ({"id": {"at": u32(0), "value": [None]}}, "type"),
    "an id that is true": ({"id": {"at": u32(0), "value": [True]}}, "type"),
    "arguments beyond 32 bits": ({"arity": b"\xff" * 8}, "packed"),
    "too many arguments": ({"arity": u32(4, 1), "args": u32(0, 0, 1, 1, 2)}, "limit"),
    "one column too few": ({"label": {"at": u32(0)}}, "packed"),
    "ops that are a number": ({"op": 4}, "type"),
    "an op that is an array": ({"ops": ["input", ["sum"]]}, "type"),
    "ops that are bytes": ({"ops": [b"input", b"sum"]}, "type"),
    "a label that is bytes": ({"label": {"at": u32(0), "value": [b"x"]}}, "type"),
}


@pytest.mark.parametrize("name", FOUND_BEFORE)
def test_columns_that_were_misread(name: str) -> None:
    """What the two checkers once disagreed on, or stumbled over."""
    change, code = FOUND_BEFORE[name]
    document = {"mgraph": "1.0", "nodes": COLUMNS | change, "outputs": ["n3"]}
    found = consume(msgpack.packb(document), Limits(args=3))
    assert [each.code for each in found.diagnostics][:1] == [code] * bool(code)


@pytest.mark.parametrize(
    ("table", "code"),
    [
        ({}, ""),
        ({"value": b""}, "packed"),
        ({"at": b"", "value": b""}, "packed"),
        ({"at": b""}, "packed"),
        ({"value": f64(1.0)}, "packed"),
        ({"value": f64(1.0, 2.0, 3.0, 4.0)}, ""),
        ({"at": u32(1), "value": f64(1.0)}, ""),
        ({"at": u32(1)}, "packed"),
        ({"value": 1.0}, "type"),
        ({"vale": f64(1.0)}, "unknown-field"),
    ],
)
def test_results_that_were_misread(table: dict[str, Any], code: str) -> None:
    """Nothing at all is no result; a column without numbers is a mistake."""
    runs = [{"inputs": {"n0": 1.0, "n1": 2.0}, "data": table}]
    document = {"mgraph": "1.0", "nodes": COLUMNS, "outputs": ["n3"], "runs": runs}
    found = consume(msgpack.packb(document))
    assert [each.code for each in found.diagnostics] == [code] * bool(code)


def test_a_run_of_nothing_is_written() -> None:
    """The shortest run there is, an empty object, survives both encodings."""
    node = {"id": "x", "op": "const", "data": 1.0}
    document = {"mgraph": "1.0", "nodes": [node], "outputs": ["x"], "runs": [{}]}
    assert consume(json.dumps(document).encode()).diagnostics == ()


@shared
def test_damaged_files_are_told_what_is_wrong(share: float) -> None:
    """The same as bytes: read, or refused with diagnostics that have a place; nothing raises."""
    refused = 0

    @chances(700 * share)
    def check(seed: int) -> None:
        nonlocal refused
        document, reading = case(seed)
        source = Random(seed)  # noqa: S311
        try:
            data = msgpack.packb(document) if reading.is_binary else in_json(document)
        except OverflowError:  # an integer that msgpack can't say
            return
        for _ in range(source.randint(0, 2)):
            data = damaged(data, source)
        refused += consume(data, reading.limits).graph is None

    check()
    assert refused > 300 * share


def in_json(document: object) -> bytes:
    """Write damaged plain data as text, with what JSON can't say spelled somehow."""
    return json.dumps(document, default=lambda value: value.hex()).encode()


def test_every_bit_of_a_packed_file_counts() -> None:
    """Each single bit flipped, the file is another graph, or refused with a reason."""
    nodes = [
        {"id": "x", "op": "input"},
        {"id": "w", "op": "param", "data": -3.0, "label": "w₁", "meta": [1, None]},
        {"id": "s", "op": "sum", "args": ["x", "w", "x"], "doc": "twice x"},
        {"id": "n3", "op": "mul", "args": ["s", "w"]},
    ]
    run = {"inputs": {"x": 1.0}, "seed": {"n3": 1.0}, "tolerance": {"rel": 0.0}}
    run |= {"data": {"n3": 3.0}, "grad": {"x": -6.0, "w": 1.0, "s": -3.0, "n3": 1.0}}
    document = {"mgraph": "1.0", "nodes": nodes, "outputs": ["s", "n3"], "runs": [run]}
    data = msgpack.packb(packed(document))
    assert inspect(data).diagnostics == ()
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        found = inspect(bytes(changed))
        assert found.graph is not None or found.diagnostics, bit


# --- JSON, read three times ------------------------------------------------------------------


def strictly(data: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Read JSON with the standard library, and refuse what it lets pass.

    Raises:
        ValueError: It is not strict JSON.
    """

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError
        return found

    def integer(digits: str) -> float:
        return -0.0 if digits == "-0" else int(digits)

    value = json.loads(data.decode(), object_pairs_hook=members, parse_int=integer)
    json.dumps(value, ensure_ascii=False).encode()  # fails on half of a surrogate pair
    return value


def accepts(read: Callable[[bytes], object], data: bytes) -> bool:
    """Whether a reader takes the bytes."""
    try:
        read(data)
    except ValueError:
        return False
    return True


def quickly(data: bytes) -> object:
    """Read JSON with the decoder that the package uses."""
    return jiter.from_json(data, catch_duplicate_keys=True)


def agree(data: bytes) -> bool:
    """Check that three readers agree on some bytes, and return whether they accept them."""
    fault = text_scan.first_fault(data, 1000)
    accepted = fault is None
    assert accepts(strictly, data) == accepted, fault
    assert accepts(quickly, data) == accepted, fault
    if accepted:
        assert json.dumps(decode(data)) == json.dumps(strictly(data))
    else:
        with pytest.raises(GraphError):
            text.decode(data, 1000)
    return accepted


@shared
def test_three_readers_of_json_agree(share: float) -> None:
    """The standard library, jiter and our scanner accept the same texts, as the same values."""
    seen: Counter[bool] = Counter()

    @chances(1200 * share)
    def check(seed: int) -> None:
        source = Random(seed)  # noqa: S311
        words = in_json(Maker(source).document()).decode()
        if source.random() < 0.5:
            words = json.dumps(json.loads(words), ensure_ascii=False, indent=1)
        for _ in range(source.choice((1, 1, 2, 3))):
            words = damaged_text(words, source)
        data = words.encode()
        if source.random() < 0.2:
            data = damaged(data, source)
        seen[agree(data)] += 1

    check()
    assert seen[True] > 100 * share
    assert seen[False] > 400 * share


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(alphabet='{}[]",:\\u0dD8c1-+.eEnNaItrue \n\x00é', max_size=12))
@example('"\\uD83E\\uDD86"')
@example('"\\uDD86\\uD83E"')
@example("-Infinity")
@example("-NaN")
@example('{"a":1,"\\u0061":2}')
def test_three_readers_of_small_texts_agree(words: str) -> None:
    """So they do on texts made of nothing but what matters to JSON."""
    agree(words.encode())


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.binary(max_size=8))
def test_three_readers_of_bytes_in_a_string_agree(raw: bytes) -> None:
    """UTF-8 is what Python says it is."""
    agree(b'["' + raw + b'"]')


@settings(max_examples=250, derandomize=True, deadline=None)
@given(
    st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
)
@example("9007199254740993.0")
@example("9007199254740992.99999999999999999999999999999999999999")
@example("2.2250738585072011e-308")
@example("2.4703282292062327208e-324")
@example("2.4703282292062328e-324")
@example("1.7976931348623158e308")
@example("0.1e-999")
def test_every_literal_is_rounded_once(literal: str) -> None:
    """A number is read as the nearest double, ties to even, as Python reads it."""
    found = decode(f"[{literal}]".encode())[0]
    assert repr(float(found)) == repr(float(literal))


# --- msgpack, read twice ---------------------------------------------------------------------


@shared
def test_two_readers_of_msgpack_agree(share: float) -> None:
    """What the msgpack library reads, the scanner finds sound; of the rest it knows the fault."""
    seen: Counter[str] = Counter()

    @chances(1500 * share)
    def check(seed: int) -> None:
        source = Random(seed)  # noqa: S311
        document = Maker(source, bare=True).document()
        data = msgpack.packb(document)
        for _ in range(source.choice((1, 1, 2, 3))):
            data = damaged(data, source)
        fault = ""
        try:
            for _ in binary.Scanner(data, 5000).walk():
                pass
        except GraphError as error:
            fault = error.diagnostics[0].code
        try:
            binary.decode(data, 5000)
        except GraphError as error:
            (found,) = error.diagnostics
            assert found.code == fault
            assert found.message != "these bytes are not one msgpack object"
        else:
            assert fault == ""
            msgpack.unpackb(data)
        seen[fault] += 1

    check()
    assert {*seen} >= {"", "syntax", "trailing", "type", "encoding"}
    assert seen[""] > 100 * share
