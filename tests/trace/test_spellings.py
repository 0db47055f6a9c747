"""Spellings: `trace` knows what `grade` knows, and takes the same `--op`."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

import mgraph
from mgraph.grade.driver_spellings import SPELLINGS
from mgraph.ops import OPS
from mgraph.trace.spellings import Spellings, meaning_of
from tests.trace.test_trace import Scripts, said

if TYPE_CHECKING:
    from tests.command_line import Shell

ENGINE = """
class Var:
    def __init__(self, DATA, parents=()):
        self.DATA, self.parents, self.GRAD = DATA, parents, 0.0
    def BACKWARD(self, d=1.0):
        self.GRAD += d
        for parent, slope in self.parents:
            parent.BACKWARD(d * slope)
    def ADD(self, other):
        return Var(self.DATA + other.DATA, [(self, 1.0), (other, 1.0)])
    def MUL(self, other):
        return Var(self.DATA * other.DATA, [(self, other.DATA), (other, self.DATA)])
a, b = Var(2.0), Var(-3.0)
L = a.MUL(b).ADD(a)
L.BACKWARD()
"""
"""An engine whose every name is a place for a spelling; L = ab + a, so dL/da = b + 1."""

USUAL = {"DATA": "data", "GRAD": "grad", "BACKWARD": "backward", "ADD": "__add__", "MUL": "__mul__"}


def spelled(**names: str) -> str:
    """Return the engine with other names."""
    engine = ENGINE
    for place, name in {**USUAL, **names}.items():
        engine = engine.replace(place, name)
    return engine


def test_every_spelling_of_the_grader() -> None:
    """The grader's driver has the table, and the recorder reads each name in it as the same op."""
    for op, names in SPELLINGS.items():
        for name in names:
            if op in OPS:
                meaning = meaning_of(name)
                assert meaning is not None
                assert meaning.op == op, name
            else:
                read = Spellings()
                known = {"data": read.data, "grad": read.grad}.get(op, ())
                assert name in known or read.is_backward(name), name


def test_every_spelling_of_an_engine(scripts: Scripts) -> None:
    """An engine is recorded without options whatever it calls its number, gradient and methods."""
    places = {"data": "DATA", "grad": "GRAD", "backward": "BACKWARD", "add": "ADD", "mul": "MUL"}
    for op, place in places.items():
        for name in SPELLINGS[op]:
            written = {"v": "v_", "item": "ITEM"}.get(name, name)  # as some engines write it
            graph = scripts.graph(spelled(**{place: written}))
            assert said(graph) == ["a param 2.0", "b param -3.0", "n2 mul a b", "L add n2 a"], name
            grad = {"a": -2.0, "b": 2.0, "n2": 1.0, "L": 1.0}
            assert dict(graph.runs[0].grad or {}) == grad, name


def test_numbers_that_are_methods(scripts: Scripts) -> None:
    """A method without arguments may return the number, as for the grader."""
    engine = spelled(DATA="_number").replace(
        "def backward", "def item(self):\n        return self._number\n    def backward"
    )
    assert said(scripts.graph(engine))[0] == "a param 2.0"


UNUSUAL = """
class Cell:
    def __init__(self, number, sources=()):
        self.number, self.sources, self.slope = number, sources, 0.0
    def join(self, other):
        return Cell(self.number + other.number, ((self, 1.0), (other, 1.0)))
    def scale(self, other):
        return Cell(self.number * other.number, ((self, other.number), (other, self.number)))
    def activation(self, name):
        if name == "square":
            return self.scale(self)
        slope = 1.0 if name == "abs" or self.number > 0 else 0.0
        return Cell(slope * self.number, ((self, slope),))
def constant(x):
    return Cell(float(x))
def go_back(cell, more=1.0):
    cell.slope += more
    for source, slope in cell.sources:
        go_back(source, slope * more)
a, b = Cell(2.0), Cell(0.25)
c = a.scale(b).join(a).activation("abs").join(b.activation("relu")).join(constant(3))
d = c.activation("square")
go_back(d)
"""
OPTIONS = (
    "add=join", "mul=scale", "abs=activation('abs')", "relu=activation('relu')", "data=number",
    "grad=slope", "backward=engine:go_back", "number=constant",
)  # fmt: skip


def test_spellings_of_what_is_no_op() -> None:
    """They are refused before anything is recorded, with the op that was probably meant."""
    with pytest.raises(ValueError, match=r"'tnah' is not the name of an op: did you mean \"tanh\""):
        mgraph.record(Spellings, ops={"add": "plus", "tnah": "my_tanh"})
    with pytest.raises(ValueError, match=r"choose from add, .*, number"):
        mgraph.record(Spellings, ops={"convolve": "conv"})
    mgraph.record(Spellings, ops=dict.fromkeys((*OPS, "backward", "data", "grad", "number"), "f"))


def test_unusual_spellings(shell: Shell) -> None:
    """`--op` names methods, functions, an argument that tells ops apart, and what makes consts."""
    shell.write("s.py", dedent(UNUSUAL))
    options = [word for option in OPTIONS for word in ("--op", option)]
    told = shell("trace", "s.py", "-o", "f.json", *options)
    assert (told.status, told.err) == (0, "")
    nodes = [
        " ".join([node["id"], node["op"], *node.get("args", [])])
        for node in shell.document("f.json")["nodes"]
    ]
    assert nodes == [
        "a param", "b param", "n2 mul a b", "n3 add n2 a", "n4 abs n3", "n5 relu b",
        "n6 add n4 n5", "n7 const", "c add n6 n7", "d mul c c",
    ]  # fmt: skip
    # c = ab + a + b + 3 = 5.75, and d(c²)/da = 2c(b + 1)
    assert shell.document("f.json")["runs"][0]["grad"]["a"] == 2 * 5.75 * 1.25
    assert shell("trace", "s.py", "-o", "f.json").status == 1


KNOWN = ("add=__add__", "add=engine:__add__", "tanh=unused", "exp=helper:bare", "log=module_has")
UNKNOWN = ("tanh=squash", "sin=nowhere:squash", "number=squash")


def test_spellings_that_nothing_has(shell: Shell) -> None:
    """A note says so beside what was recorded; a method or function that isn't called is no fault.

    `tanh` may have been left out by one of many engines that are recorded with the same options.
    """
    shell.write("helper.py", "def bare(x): return x\ndef module_has(x): return x\n")
    shell.write("s.py", f"import helper\n{spelled()}\ndef unused(x): return x\n")
    for option in (*KNOWN, *UNKNOWN):
        told = shell("trace", "s.py", "-o", "f.json", "--op", option)
        assert told.status == 0, option
        note = f"note      --op {option}: __main__:Var has no squash, and no function is called "
        assert (note in told.out) == (option in UNKNOWN), option
    told = shell("trace", "s.py", "-o", "f.json", "--op", UNKNOWN[0], "--json")
    assert [note.partition(": ")[0] for note in told.json["notes"]] == ["--op tanh=squash"]


@pytest.mark.parametrize("option", ["data=slope", "grad=slope", "backward=slope"])
def test_spellings_without_which_nothing_is_recorded(shell: Shell, option: str) -> None:
    """The wrong spelling is named, not the class that would have been right without it."""
    shell.write("s.py", spelled().replace("slope", "d"))
    told = shell("trace", "s.py", "-o", "f.json", "--op", option)
    assert told.status == 1
    assert f"nothing recorded: --op {option}: __main__:Var has no slope" in told.err
    assert "fix" not in told.err


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("tanh", "write NAME=SPELLING"), ("gelu=x", "'gelu' is not one of"),
        ("tanh=f(name)", "write the argument as in Python"), ("tanh=f(", "f("),
    ],
)  # fmt: skip
def test_wrong_spellings(shell: Shell, option: str, words: str) -> None:
    """What is no spelling is refused before the script runs."""
    shell.write("s.py", f"{spelled()}\nprint('ran')")
    told = shell("trace", "s.py", "-o", "f.json", "--op", option)
    if option == "tanh=f(":  # a name like any other, which no engine has
        assert told.status == 0
    else:
        assert (told.status, told.raw) == (2, b"")
        assert words in told.err
