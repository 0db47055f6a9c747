"""Golden graphs for what engines get wrong that are right everywhere else, and what is said then.

They are run in further ways, which `meta.grade` asks for: with integers, twice over the same
leaves, and first of all in a process.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from mgraph.grade.processes import PythonEngine, ResourceLimits
from mgraph.grade.runner import make_report, run_python_engine
from tests.engines.__main__ import cases
from tests.engines.population import STRANGERS, people
from tests.reference.graphs_pack_further import FURTHER

if TYPE_CHECKING:
    from mgraph.grade.outcomes import Outcome

OTHERS: Final = ("diamond", "op-sum", "seven-over-two", "sum-with-repeats")
TITLES: Final = (*(golden.name for golden in FURTHER), *OTHERS)
ENGINE: Final = (Path(__file__).parents[1] / "engines" / "engine.py").read_text(encoding="utf-8")

NEVER_EMPTIED: Final = """
TAPE = []
before = Value.__init__
def made(self, data, prev=(), op=""):
    before(self, data, prev, op)
    if prev:
        TAPE.append(self)
def backward(self):
    self.grad = 1.0
    for value in reversed(TAPE):
        value._backward()
Value.__init__, Value.backward = made, backward
"""
ADDED_IN_PLACE: Final = """
def iadd(self, other):
    self.data += other.data
    return self
Value.__iadd__ = iadd
del Value.sum
"""
SAVED_IN_THE_OPERAND: Final = """
def power(self, n):
    self.n = n
    out = Value(self.data**n, (self,))
    def _backward():
        self.grad += self.n * self.data ** (self.n - 1) * out.grad
    out._backward = _backward
    return out
usual = Value.__pow__
Value.__pow__ = lambda a, b: usual(a, b) if isinstance(b, Value) else power(a, b)
"""
WARMS_UP: Final = """
calls = []
usual_backward = Value.backward
def backward(self):
    calls.append(1)
    if len(calls) > 1:
        usual_backward(self)
Value.backward = backward
"""
DROPS_ZERO: Final = "Value.__radd__ = lambda a, b: Value(b) + a if b else Value(a.data)"
TAKES_FLOATS_ONLY: Final = """
before = Value.__init__
def made(self, data, *rest):
    if rest == () and type(data) is int and data != 2 and data not in (0, 1, -1, 3):
        raise TypeError("a float, please")
    before(self, data, *rest)
Value.__init__ = made
"""


def said(source: str, kind: str = "Value") -> tuple[list[Outcome], list[Any]]:
    """Return the outcomes and causes of an engine on the graphs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "engine.py")
        path.write_text(source, encoding="utf-8")
        engine = PythonEngine(f"{path}:{kind}", {}, "", ResourceLimits())
        chosen = [case for case in cases() if case.title in TITLES]
        report = make_report({}, list(run_python_engine(chosen, engine)))
    return [*report.outcomes], [*report.causes]


def failed(source: str) -> set[str]:
    """Return the graphs that an engine fails."""
    return {outcome.case.title for outcome in said(source)[0] if outcome.failed}


@pytest.mark.parametrize(
    "name",
    [
        "counted_users users-not-edges", "counted_users zero-edges-skipped", "golfed pow-divides",
        "lesson seed-unless-leaf", "parallel_lists handle-zero-is-null",
        "parallel_lists int-by-int", "parallel_lists root-is-the-last",
    ],
)  # fmt: skip
def test_mistakes_that_only_these_graphs_show(name: str) -> None:
    """Mistakes that strangers made, and no other golden graph shows, are found and named."""
    who, _, what = name.partition(" ")
    person = next(person for person in people(STRANGERS) if person.name == who)
    mistake = next(mistake for mistake in person.mistakes if mistake.name == what)
    outcomes, causes = said(person.with_([mistake]), person.kind)
    assert {o.case.title for o in outcomes if o.failed} <= {golden.name for golden in FURTHER}
    assert [cause.id for cause in causes] == [mistake.causes[0]]
    assert {cause.op for cause in causes} <= {"", *mistake.ops}
    assert all(outcome.cause for outcome in outcomes if outcome.failed)


def test_a_right_engine_passes() -> None:
    """Nothing is said of an engine without a mistake."""
    assert said(ENGINE)[1] == []
    assert failed(ENGINE) == set()


def test_a_tape_that_is_never_emptied() -> None:
    """It shows in the second graph of the same leaves; what is said is what was seen."""
    outcomes, causes = said(ENGINE + NEVER_EMPTIED)
    wrong = [outcome for outcome in outcomes if outcome.failed]
    assert [outcome.case.title for outcome in wrong] == ["next-step-of-training"]
    assert wrong[0].outcome == "not reproducible"
    assert "as in the next step of training" in wrong[0].note
    assert [(cause.id, cause.op) for cause in causes] == [("stale", "")]


@pytest.mark.parametrize(
    ("mistake", "where"),
    [
        (ADDED_IN_PLACE, {"op-sum", "sum-with-repeats"}),
        (SAVED_IN_THE_OPERAND, {"one-node-through-several-ops"}),
        (DROPS_ZERO, {"zero-beside-a-value"}),
    ],
)
def test_what_each_graph_catches(mistake: str, where: set[str]) -> None:
    """Each of these mistakes shows in a graph made for it, and nothing false is said of it."""
    outcomes, causes = said(ENGINE + mistake)
    found = {outcome.case.title for outcome in outcomes if outcome.failed}
    assert found == where
    kept = ["pow computes its local derivative from the result or an operand of another pow"]
    assert [cause.says.split(", made")[0] for cause in causes] == (
        kept if mistake == SAVED_IN_THE_OPERAND else []
    )


def test_a_first_backward_that_differs() -> None:
    """If other gradients than that of the first Value differ, too, it isn't due to its number."""
    outcomes, causes = said(ENGINE + WARMS_UP)
    assert [each.case.title for each in outcomes if each.failed] == ["first-of-all"]
    assert causes == []


def test_integers_that_are_refused() -> None:
    """An engine may take floats only: then the graphs of whole numbers are unsupported."""
    outcomes, _ = said(ENGINE + TAKES_FLOATS_ONLY)
    of_integers = [outcome for outcome in outcomes if outcome.case.has_integers]
    assert len(of_integers) == 3
    assert {outcome.outcome for outcome in of_integers} == {"unsupported"}
    assert "no Values of integers: TypeError: a float, please" in of_integers[0].note


def test_small_gradients_that_are_dropped() -> None:
    """The bound that is named is the smallest one that explains what was seen."""
    kept = "            self.grad += other.data * out.grad\n            other.grad += self.data"
    assert ENGINE.count(kept) == 1
    dropping = ENGINE.replace(
        kept, f"            if abs(out.grad) < 1e-8:\n                return\n{kept}"
    )
    causes = said(dropping)[1]
    assert [cause.says for cause in causes] == ["gradients smaller than about 1e-08 are dropped"]
