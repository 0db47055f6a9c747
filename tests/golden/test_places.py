"""RunPlaces: the position of every number of every run, in both encodings."""

from __future__ import annotations

import json
import struct

import msgpack
import pytest

from mgraph.codec import LIMITS
from mgraph.golden.places import Position, RunPlaces

RUNS = [
    {"data": {"a": 1.5, "y\u00e9": 2.5}, "grad": {"a": 3.5}},
    {},
    {"origin": "\U0001f600", "grad": {"value": 4.5}},
]
NUMBERS = {
    ("runs", 0, "data", "a"): 1.5, ("runs", 0, "data", "y\u00e9"): 2.5,
    ("runs", 0, "grad", "a"): 3.5, ("runs", 2, "grad", "value"): 4.5,
}  # fmt: skip


@pytest.mark.parametrize("indent", [None, 1, 2])
def test_json(indent: int | None) -> None:
    """Line and column count as an editor does, whether runs share a line or not."""
    text = json.dumps({"name": "n", "runs": RUNS, "meta": []}, indent=indent, ensure_ascii=False)
    lines = text.split("\n")
    places = RunPlaces(text.encode(), len(RUNS), LIMITS)
    for path, number in NUMBERS.items():
        position = places.within(path[1], [path])[path]
        assert position.line is not None
        assert position.column is not None
        rest = lines[position.line - 1][position.column - 1 :]
        assert rest.startswith(repr(number)), path
        assert position.offset is None


def test_msgpack() -> None:
    """The offset is that of the number, of a packed column that of the element."""
    data = msgpack.packb({"runs": RUNS, "meta": 1})
    places = RunPlaces(data, len(RUNS), LIMITS)
    for path, number in NUMBERS.items():
        position = places.within(path[1], [path])[path]
        assert data[position.offset :].startswith(b"\xcb" + struct.pack(">d", number)), path
    column = struct.pack("<3d", 1.5, 2.5, 3.5)
    data = msgpack.packb({"runs": [{}, {"data": {"value": column}}]})
    third = ("runs", 1, "data", "value", 2)
    found = RunPlaces(data, 2, LIMITS).within(1, [third])
    assert found[third] == Position(offset=data.index(column) + 16)


def test_what_is_not_there() -> None:
    """A path that the file does not have has no position, nor has a run."""
    places = RunPlaces(b'{"runs": [{"data": {"a": 1}}]}', 2, LIMITS)
    assert places.within(0, [("runs", 0, "data", "b"), ("runs", 0, "grad", "a")]).keys() == {
        ("runs", 0), ("runs", 0, "data"),
    }  # fmt: skip
    assert places.within(1, [("runs", 1, "data")]) == {}
    assert str(Position()) == ""
    assert str(Position(2, 3)) == "line 2, column 3"
    assert str(Position(offset=4)) == "byte 4"
