"""What an engine composes an op of: it is watched and simulated, and the wrong op is blamed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from mgraph.grade.compositions import expanded, read_compositions
from mgraph.grade.driver_compositions import built_of_others
from mgraph.grade.driver_engine import ForeignEngine
from mgraph.grade.program import LEAF, Instruction, Program
from tests.grade.test_habits import changed, graded, method
from tests.grade.test_learners import reported, with_methods

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.command_line import Shell

COMPOSED: Final = """
class Value:
    def __init__(self, data, children=(), push=lambda: None):
        self.data, self.grad, self.children, self.push = data, 0.0, children, push

    def __add__(self, other):
        return Value(self.data + other.data, (self, other))

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other))

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    def tanh(self):
        t = Value(0.5)
        return Value(t.data, (self,))

    def relu(self):
        return halved(self) * 2

    def backward(self):
        pass


def halved(x):
    return Value(x.data / 2, (x,))
"""

CLASSES: Final = """
class Value:
    def __new__(cls, *_):
        return object.__new__(Leaf if cls is Value else cls)

    def __init__(self, data, *operands):
        self.data, self.grad, self.operands = data, 0.0, operands

    def __add__(self, other):
        return Sum(self.data + other.data, self, other)

    def __neg__(self):
        return Negative(-self.data, self)

    def __sub__(self, other):
        return self + (-other)

    def backward(self):
        pass


class Leaf(Value): pass
class Sum(Value): pass
class Negative(Value): pass
"""
"""Leaves and results are of classes of their own."""


@pytest.fixture
def engine(tmp_path: Path) -> Callable[[str], ForeignEngine]:
    """Return a function that drives an engine, given its source."""

    def driven(source: str) -> ForeignEngine:
        path = tmp_path / "composed.py"
        path.write_text(source, encoding="utf-8")
        return ForeignEngine(f"{path}:Value", {})

    return driven


def test_ops_are_watched(engine: Callable[[str], ForeignEngine]) -> None:
    """The parts of an op are those that its method calls; an op without parts has none.

    A Value that a function makes which does no op may be anything, so that the op isn't known.
    """
    driven = engine(COMPOSED)
    for op, kinds in (("add", "VV"), ("neg", "V"), ("sub", "VV"), ("tanh", "V"), ("relu", "V")):
        driven.form(op, kinds)
    number = ["number", -1.0]
    assert {key: made and made["steps"] for key, made in driven.compositions.items()} == {
        "neg:V": [number, ["mul", 0, 1]],
        "sub:VV": [number, ["mul", 1, 2], ["add", 0, 3]],
        "relu:V": None,
    }


def test_ops_with_a_class_each_are_watched(engine: Callable[[str], ForeignEngine]) -> None:
    """The parts of an op needn't be of the class of leaves."""
    driven = engine(CLASSES)
    for op, kinds in (("add", "VV"), ("neg", "V"), ("sub", "VV")):
        driven.form(op, kinds)
    assert {key: made and made["steps"] for key, made in driven.compositions.items()} == {
        "sub:VV": [["neg", 1], ["add", 0, 2]],
    }


def test_programs_are_expanded() -> None:
    """As a - b becomes a + b·(-1), its node keeps its place."""
    steps = [["number", -1.0], ["mul", 1, 2], ["add", 0, 3]]
    known = read_compositions({"sub:VV": {"steps": steps, "calls": ["mul", "add"]}})
    leaves = (Instruction(LEAF, (), 5.0), Instruction(LEAF, (), 3.0))
    program = Program((*leaves, Instruction("sub", (0, 1))), (0, 1, 2), 2)
    parts = expanded(program, known)
    assert [step.op for step in parts.steps] == [LEAF, LEAF, "number", "mul", "add"]
    assert (parts.step_of_node, parts.root) == ((0, 1, 4), 4)


@pytest.mark.parametrize(
    "steps", [[], [["mul", 0, 7]], [["number", "x"]], [["rm", 0]], [["add", 0]], "add", None]
)
def test_nonsense_is_no_composition(steps: object) -> None:
    """What an engine writes into the driver's channel is not trusted."""
    assert read_compositions({"sub:VV": {"steps": steps, "calls": []}}) == {("sub", "VV"): None}
    assert read_compositions({"rm:VV": {"steps": steps, "calls": []}}) == {}
    assert read_compositions(steps) == {}


def test_the_op_that_is_wrong_is_blamed(mgraph: Shell) -> None:
    """Where sub is made of neg, and neg passes on the wrong sign, only neg is named."""
    negative = method("__neg__")
    source = changed({
        method("__sub__"): "    def __sub__(self, other):\n        return self + (-other)\n",
        negative: negative.replace("self.grad += -out.grad", "self.grad += out.grad"),
    })  # fmt: skip
    _, says = graded(mgraph, source)
    assert [*says] == [("sign", "neg")]


def test_ops_that_are_built_of_others_without_calling_them() -> None:
    """The rule of neg is that of mul, and pow has those of exp, log and mul; add has its own.

    What all ops run says nothing, and an op with code of its own is built of nothing else.
    """
    everywhere = {"backward": None}
    runs: dict[str, dict[Any, None]] = {
        "add:VV": {"Plus.vjp": None},
        "add:VN": {"Plus.vjp": None, "Const.pull": None},
        "mul:VV": {"Times.vjp": None},
        "neg:V": {"Times.vjp": None, "Const.pull": None},
        "exp:V": {"Exp.vjp": None},
        "log:V": {"Log.vjp": None},
        "tanh:V": {"Tanh.vjp": None, "Exp.vjp": None},
        "pow:VN": {"Power.vjp": None},
        "sqrt:V": {"Power.vjp": None},
        "pow:VV": {"Exp.vjp": None, "Times.vjp": None, "Log.vjp": None},
    }
    runs = {form: codes | everywhere for form, codes in runs.items()}
    assert built_of_others(runs) == ["neg:V", "sqrt:V", "pow:VV"]


def test_a_power_by_a_loop_that_gives_its_base() -> None:
    """For x ** -1 the loop doesn't run at all; div, which uses that, isn't said to compute mul."""
    source = with_methods("""
def __pow__(self, power):
    out = self
    for _ in range(power - 1):
        out = out * self
    return out

def __truediv__(self, other):
    return self * other ** -1
""")
    titles = "op-div inside-div x-over-x x-squared x-cubed x-to-the-minus-1 one-over-a-whole-number"
    report = reported(source, titles)
    assert [(cause.id, cause.op, [*cause.victims]) for cause in report.causes] == [
        ("value", "pow", ["div"])
    ]
    assert report.causes[0].says == "pow gives its base as it is for x ** -1"
    assert all(case.cause == "value" for case in report.outcomes if case.failed)
