"""What the diagnostics of a graph file say about how to fix it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import pytest

import mgraph
from mgraph.format.reading import inspect

if TYPE_CHECKING:
    from mgraph.errors import Diagnostic

SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def text_with(data: str = "1.0", op: str = "tanh", args: str = '["x"]', rest: str = "") -> str:
    """Return a file with one leaf, whose data is this, and one node with this op and arguments."""
    nodes = f'{{"id":"x","op":"input","data":{data}}},{{"id":"y","op":"{op}","args":{args}}}'
    return f'{{"mgraph":"1.0","nodes":[{nodes}],"outputs":["y"]{rest}}}'


def fault(text: str) -> Diagnostic:
    """Return the only fault of a file."""
    (found,) = inspect(text.encode()).diagnostics
    return found


def value_of(text: str, name: str, **inputs: float) -> float:
    """Run a file, and return the value of one of its nodes."""
    data = mgraph.loads(text.encode()).run(inputs).data
    assert data is not None
    return data[name]


def test_files_of_other_kinds() -> None:
    """Pictures and the like are said to be no graph file; damaged graph files are not."""
    for data in (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\x00\x10JFIF", b"\xcf\xfa\xed\xfe"):
        assert inspect(data).diagnostics[0].fix.startswith("name a graph file: "), data
    for data in (b"\x81\xa6mgraph", b"{"):
        assert "graph file" not in inspect(data).diagnostics[0].fix, data


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        *[("NaN", "nan"), ("Infinity", "inf"), ("-Infinity", "-inf"), ("1e999", "inf")],
        *[("-1e999", "-inf"), ('"NaN"', "nan"), ('"Infinity"', "inf"), ('"+inf"', "inf")],
        *[('"-Infinity"', "-inf"), ('"\\u221e"', "inf"), ("nan", "nan"), ("inf", "inf")],
        *[("-inf", "-inf"), ("-nan", "nan")],
    ],
)
def test_special_numbers(written: str, meant: str) -> None:
    """The fix says how the format writes NaN and the infinities; what it says can be read."""
    result = fault(text_with(data=written))
    assert result.code in ("number", "syntax")
    assert f'"{meant}"' in result.fix
    read = value_of(text_with(data=f'"{meant}"'), "x")
    assert repr(read) == repr(SPECIAL[meant])


def test_a_number_too_large_for_a_double() -> None:
    """It is not called an infinity, which is only one thing that may be meant."""
    found = fault(text_with(data="1e400"))
    assert "too large for a double" in found.message
    assert found.fix == 'write "inf", with quotes, if infinity is meant'


def test_a_file_of_zero_bytes() -> None:
    """It is what a crash leaves, and no text."""
    (found,) = inspect(bytes(100)).diagnostics
    assert found.code == "encoding"
    assert "zero bytes" in found.message


def test_one_byte_too_many() -> None:
    """One byte follows, two bytes follow."""
    for rest, words in ((b"\1", "1 byte follows the"), (b"\1\1", "2 bytes follow the")):
        (found,) = inspect(b"\x81\xa1a\1" + rest).diagnostics
        assert words in found.message


@pytest.mark.parametrize(
    "rest",
    [
        ',"runs":[{"tolerance":{"rel":"inf"}}]',
        ',"runs":[{"tolerance":{"abs":"1e-9"}}]',
        ',"runs":[{"seed":{"y":"1"}}]',
    ],
)
def test_finite_numbers(rest: str) -> None:
    """Where a number must be finite, no fix offers an infinity."""
    assert fault(text_with(rest=rest)).fix == "write a finite number, without quotes"


def test_signs_and_quotes_that_word_processors_write() -> None:
    """A minus sign, dashes and curly quotes look right, so they are named."""
    for sign in "\u2212\u2013\u2014":
        assert "minus sign as -" in fault(text_with(data=f"{sign}4")).fix
    for quotes in ("\u201c\u201d", "\u201e\u201c", "\u2018\u2019"):
        assert "straight double quotes" in fault(text_with(args=f"[{quotes[0]}x{quotes[1]}]")).fix


def test_a_blank_that_was_left_as_null() -> None:
    """A number of a run may be left out; that of a node may be due."""
    for rest in ('"data":{"y":null}', '"grad":{"x":null}'):
        assert (
            fault(text_with(rest=f',"runs":[{{{rest}}}]')).fix == "leave it out if it is not known"
        )
    assert fault(text_with(data="null")).fix == ""


@pytest.mark.parametrize("written", ["1.", "0x10", "1/3", "1_000", "5%", "2e", ".5", "+1"])
def test_numbers_that_json_does_not_have(written: str) -> None:
    """A number that other languages have gets an example of those that JSON has."""
    assert fault(text_with(data=written)).fix == "write numbers as 1, 0.5 or 2e10"


def test_other_faults_after_a_number() -> None:
    """A missing comma, or a quote, says nothing about the number before it."""
    assert fault('{"mgraph":"1.0","a":1 "b":2}').fix == ""
    assert fault('{"mgraph":"1.0","a":1"b":2}').fix == ""


def test_a_run_without_a_seed() -> None:
    """With several outputs, a run of a file needs a seed; with what the fix says, it has one."""
    document = json.loads(text_with())
    document["outputs"] = ["y", "x"]
    document["runs"] = [{}]
    result = fault(json.dumps(document))
    assert (result.code, result.path) == ("seed", ("runs", 0))
    document["runs"] = [json.loads(f"{{{result.fix.removeprefix('seed one, for example ')}}}")]
    assert document["runs"] == [{"seed": {"y": 1}}]
    assert mgraph.loads(json.dumps(document)).runs[0].seed == {"y": 1.0}


def test_a_number_as_an_argument() -> None:
    """Constants are nodes; the node in the fix makes the file right."""
    result = fault(text_with(op="mul", args='["x", 3]'))
    assert (result.code, result.path) == ("type", ("nodes", 1, "args", 1))
    fix = result.fix.removeprefix("arguments are ids: add the node ")
    written = fix.partition(", and write")[0]
    node = json.loads(written)
    assert node == {"id": "c", "op": "const", "data": 3}
    document = json.loads(text_with(op="mul", args='["x", "c"]'))
    document["nodes"].insert(0, node)
    assert value_of(json.dumps(document), "y", x=7.0) == 7 * 3


def test_several_numbers_as_arguments() -> None:
    """Each fix has an id of its own, which no node of the file has; all together they are right."""
    nodes = [
        {"id": "c", "op": "input", "data": 5.0}, {"id": "c2", "op": "neg", "args": ["c"]},
        {"id": "y", "op": "sum", "args": [3, "c2", 4]}, {"id": ["c3"], "op": "neg"},
    ]  # fmt: skip
    document = {"mgraph": "1.0", "nodes": nodes, "outputs": ["y"]}
    faults = inspect(json.dumps(document).encode()).diagnostics
    fixes = [x.fix for x in faults if "add the node" in x.fix]
    added = [json.loads(fix.partition("node ")[2].partition(", and")[0]) for fix in fixes]
    assert [(node["id"], node["data"]) for node in added] == [("c3", 3), ("c4", 4)]


def test_other_arguments_that_are_not_ids() -> None:
    """A node written where its id belongs, and an id without the brackets of a list."""
    node = '{"id":"c","op":"const","data":3}'
    assert "write its id here" in fault(text_with(op="mul", args=f'["x", {node}]')).fix
    assert fault(text_with(args='"x"')).fix == 'write ["x"]'
    assert fault(text_with(args="[true]")).fix == ""


@pytest.mark.parametrize(
    ("op", "args", "fix"),
    [
        ("add", '["x"]', "add a second argument; sum takes any number"),
        ("sub", '["x"]', "add a second argument; neg changes the sign of one"),
        ("pow", '["x"]', "add a second argument"),
        ("mul", "[]", 'list the ids of its arguments in "args"'),
        ("add", '["x","x","x"]', "use sum to add several"),
        ("max", '["x","x","x"]', "nest several max nodes"),
        ("tanh", '["x","x"]', "give each argument a tanh node of its own"),
    ],
)
def test_numbers_of_arguments(op: str, args: str, fix: str) -> None:
    """Too few arguments and too many are fixed in different ways."""
    result = fault(text_with(op=op, args=args))
    assert (result.code, result.fix) == ("arity", fix)
