"""Mistakes that give the same numbers as others: nothing is said that may be false."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from mgraph.grade.cases import cases_of
from mgraph.grade.processes import PythonEngine, ResourceLimits
from mgraph.grade.runner import make_report, run_python_engine
from tests.engines.__main__ import cases
from tests.engines.population import STRANGERS, people
from tests.loops import thinned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph.grade.causes import Cause

ENGINE: Final = (Path(__file__).parents[1] / "engines" / "engine.py").read_text(encoding="utf-8")

AFTERWARDS: Final = """
usual = Value.backward
def backward(self):
    usual(self)
    nodes, waiting = {}, [self]
    while waiting:
        node = waiting.pop()
        if id(node) not in nodes:
            nodes[id(node)] = node
            waiting += node._prev
    finish([*nodes.values()])
Value.backward = backward
"""
"""Does something to all nodes after the backward pass."""

NORM: Final = """
def finish(nodes):
    norm = sum(node.grad ** 2 for node in nodes) ** 0.5
    for node in nodes:
        node.grad *= min(1.0, 3.0 / norm)
"""
SMALL: Final = 6


CONSTANT: Final = """
usual = Value.__truediv__
def divided(self, other):
    return Value(1.0) if self.data == getattr(other, "data", other) else usual(self, other)
Value.__truediv__ = divided
"""
QUOTIENT: Final = """{"mgraph": "1.0", "nodes": [
  {"id": "a", "op": "param", "data": 2.0}, {"id": "b", "op": "param", "data": 2.0},
  {"id": "q", "op": "div", "args": ["a", "b"]}, {"id": "p", "op": "mul", "args": ["b", "a"]},
  {"id": "y", "op": "add", "args": ["q", "p"]}], "outputs": ["y"],
  "runs": [{"data": {"y": 5.0}, "grad": {"y": 1.0, "q": 1.0, "p": 1.0, "a": 2.5, "b": 1.5}}]}"""


def causes(
    source: str, kind: str = "Value", graph: str = "", files: Sequence[str] = ()
) -> list[Cause]:
    """Return what is said of an engine on the small graphs, and more."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "engine.py")
        path.write_text(source, encoding="utf-8")
        engine = PythonEngine(f"{path}:{kind}", {}, "", ResourceLimits())
        chosen = [x for x in cases() if len(x.graph) < SMALL or x.title in files]
        if graph:
            more = Path(folder, "graph.json")
            more.write_text(graph, encoding="utf-8")
            chosen += cases_of([str(more)])
        return [*make_report({}, list(run_python_engine(chosen, engine))).causes]


@pytest.mark.thorough
def test_gradients_that_are_scaled_afterwards() -> None:
    """The output's gradient isn't 1 in the end, but it starts at 1."""
    assert "seed" not in {cause.id for cause in causes(ENGINE + AFTERWARDS + NORM)}


@pytest.mark.thorough
def test_a_seed_that_depends_on_the_op_of_the_output() -> None:
    """It depends on nothing else in the graph, as a scale of all gradients would."""
    (person,) = [each for each in people(STRANGERS) if each.name == "partials_when_made"]
    (mistake,) = [each for each in person.mistakes if each.name == "seed-normalised"]
    files = [case.title for case in cases()]
    found = {
        cause.id: cause.says
        for cause in causes(person.with_([mistake]), person.kind, files=files)
        if cause.id not in person.known
    }
    assert found == {"seed": "the output's gradient depends on the output's op; it must start at 1"}


def test_a_quotient_of_equals_that_is_a_constant() -> None:
    """Both operands get 0, as if the first one got what both must get: that cancels out."""
    (cause,) = causes(ENGINE + CONSTANT, graph=QUOTIENT, files=["difference-of-equals"])
    assert (cause.id, cause.op) == ("no-gradient", "div")
    assert "as if the result were a constant, or both operands were one" in cause.says


FIRST: Final = """
    node = nodes[0]
    while node._prev:
        node = node._prev[0]
    nodes = [node]
"""


@pytest.mark.parametrize("choose", thinned(["", FIRST], 2))
def test_leaves_that_are_cleared_afterwards(choose: str) -> None:
    """They look as if they had never got a gradient; both are said."""
    cleared = f"""
def finish(nodes):
{choose}
    for node in nodes:
        node.grad *= bool(node._prev)
"""
    (cause,) = causes(ENGINE + AFTERWARDS + cleared)
    assert cause.id == "no-gradient"
    assert cause.says.endswith("set back to 0 afterwards")


AT_A_LEAF: Final = """
def backward(self):
    node = self
    while node._prev:
        node = node._prev[-1]
    node.grad = 1.0
Value.backward = backward
"""


def test_a_gradient_that_is_set_at_a_leaf() -> None:
    """Ops have none, but not because they are cleared: nothing was passed on."""
    (cause,) = causes(ENGINE + AT_A_LEAF)
    assert (cause.id, cause.op) == ("seed", "")
    assert "the leaf that comes first in the topological order" in cause.says


REFUSES_INTEGERS: Final = """
usual, before = Value.__pow__, Value.__init__
def made(self, data, *rest):
    before(self, data, *rest)
    self.data = data
def power(self, other):
    if type(self.data) is int and self.data > 2:
        raise ValueError("an integer")
    return usual(self, other)
Value.__init__, Value.__pow__ = made, power
"""


def test_an_exception_of_integers_only() -> None:
    """The op in which it is raised works with floats: it may not be to blame."""
    (cause,) = causes(ENGINE + REFUSES_INTEGERS)
    assert (cause.id, cause.op) == ("error", "")
    assert cause.says.startswith("pow raises ValueError: an integer")
    assert cause.says.endswith("seen only where Values are made of integers")


def test_sums_that_are_clipped_in_another_order() -> None:
    """What is lost depends on which gradient comes first, in a right order, too."""
    (person,) = [each for each in people(STRANGERS) if each.name == "java_operations"]
    (mistake,) = [each for each in person.mistakes if each.name == "grad-limited"]
    files = ("added-up", "doubled-and-used-again", "shared-weight", "large-gradients")
    found = causes(person.with_([mistake]), person.kind, files=files)
    assert {cause.id: cause.says for cause in found} == {"clipped": "gradients are clipped at 5"}


POWERS_TO_NUMBERS: Final = """
usual = Value.__pow__
def power(self, n):
    assert not isinstance(n, Value)
    return usual(self, n)
def backward(self):
    raise ValueError("whatever it is")
Value.__pow__, Value.backward = power, backward
del Value.__rpow__
"""


def test_powers_to_numbers_only_without_any_backward() -> None:
    """That no backward works says nothing about 2 ** x, which such an engine needn't have."""
    (cause,) = causes(ENGINE + POWERS_TO_NUMBERS)
    assert cause.says.startswith("backward raises ValueError")


MOVED_BASE: Final = """
def reflected(self, base):
    out = Value(base ** self.data, (self,), "**")
    def backward():
        moved = base + 0.05 if base < 1.0 else base
        self.grad += moved ** self.data * math.log(moved) * out.grad
    out._backward = backward
    return out
Value.__rpow__ = reflected
"""


def test_a_formula_that_fits_two_numbers() -> None:
    """The local derivative of 0.75 ** x is that of 0.8 ** x, but it is not rounded to a decimal.

    So many formulas are tried that one may give two numbers by chance.
    """
    assert causes(ENGINE + MOVED_BASE, files=["2-to-the-x"]) == []


THREE_FOR_ZERO: Final = """
usual = Value.__add__
def added(self, other):
    is_zero = not isinstance(other, Value) and other == 0
    return usual(self, 3.0 if is_zero else other)
Value.__add__ = Value.__radd__ = added
"""


def test_a_number_that_is_seen_on_the_left_only() -> None:
    """0 + x is wrong, and x + 0 is never tried: `__radd__` may not be to blame."""
    (cause,) = causes(ENGINE + THREE_FOR_ZERO, files=["zero-beside-a-value", "zero-as-a-number"])
    assert (cause.id, cause.op, cause.says) == ("value", "add", "add gives a wrong value")


def test_gradients_that_are_scaled_when_they_are_passed_on() -> None:
    """The output's own is 1.5 in the end, but it starts at 1: that is one mistake, not two."""
    visit = "            node._backward()"
    scaled = ENGINE.replace(visit, f"            node.grad *= 1.5\n{visit}")
    (cause,) = causes(scaled)
    assert (cause.id, cause.says) == ("factor", "every op passes on 1.5 times what it must")
