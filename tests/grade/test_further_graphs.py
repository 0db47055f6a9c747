"""Golden graphs for what engines get wrong that are right everywhere else, and what is said then.

They are run in further ways, which `meta.grade` asks for: with integers, twice over the same
leaves, and first of all in a process.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from mgraph.grade.cases import cases_of
from mgraph.grade.outcomes import judge
from mgraph.grade.processes import PythonEngine, ResourceLimits
from mgraph.grade.runner import make_report, run_python_engine
from mgraph.ops import is_leaf
from tests.engines import population
from tests.engines.__main__ import cases
from tests.engines.population import STRANGERS, UNUSUAL, people, singles, written_later
from tests.loops import thinned
from tests.reference.graphs_pack_further import FURTHER

if TYPE_CHECKING:
    from mgraph.grade.outcomes import Outcome
    from tests.engines.population import Mistake

OTHERS: Final = ("diamond", "op-sum", "seven-over-two", "sum-with-repeats")
TITLES: Final = (*(golden.name for golden in FURTHER), *OTHERS)
STEPS: Final = (
    "another-loss-of-the-same-leaves",
    "next-step-of-training",
    "values-not-read-yet",
)
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


IN_AN_ATTRIBUTE: Final = ENGINE.replace(".grad", ".total")
REFUSES_GRADIENTS: Final = """
def refuse(self, grad):
    raise TypeError("only backward sets gradients")
Value.grad = property(lambda self: self.total, refuse)
"""
GIVES_GRADIENTS: Final = """
def given(self, name):
    if name != "grad":
        raise AttributeError(name)
    return self.total
Value.__getattr__ = given
"""
IN_ARRAYS: Final = "import numpy\n" + (
    ENGINE.replace("self.grad = 0.0", "self.grad = numpy.zeros(())")
    .replace("node.grad = 0.0", "node.grad = numpy.zeros(())")
    .replace("self.grad = 1.0", "self.grad = numpy.ones(())")
    .replace("self.grad += ", "self.grad[...] += ")
    .replace("other.grad += ", "other.grad[...] += ")
)


def said(source: str, kind: str = "Value") -> tuple[list[Outcome], list[Any]]:
    """Return the outcomes and causes of an engine on the graphs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "engine.py")
        path.write_text(source, encoding="utf-8")
        engine = PythonEngine(f"{path}:{kind}", {}, "", ResourceLimits())
        chosen = [case for case in cases() if case.title in TITLES]
        report = make_report({}, list(run_python_engine(chosen, engine)))
    return [*report.outcomes], [*report.causes]


def mistake_of(who: str, what: str) -> Mistake:
    """Return a stranger's mistake by its name."""
    person = next(person for person in people(STRANGERS) if person.name == who)
    return next(mistake for mistake in person.mistakes if mistake.name == what)


def of_stranger(who: str, what: str) -> tuple[list[Outcome], list[Any]]:
    """Return the outcomes and causes of a stranger's engine with a mistake."""
    person = next(person for person in people(STRANGERS) if person.name == who)
    return said(person.with_([mistake_of(who, what)]), person.kind)


def failed(source: str) -> set[str]:
    """Return the graphs that an engine fails."""
    return {outcome.case.title for outcome in said(source)[0] if outcome.failed}


@pytest.mark.parametrize(
    "name",
    [
        "counted_users users-not-edges", "counted_users zero-edges-skipped", "golfed pow-divides",
        "lesson seed-unless-leaf", "levels all-records-ever", "parallel_lists handle-zero-is-null",
        "parallel_lists int-by-int", "parallel_lists root-is-the-last",
        "pulled_lazily thunks-for-ever",
    ],
)  # fmt: skip
def test_mistakes_that_only_these_graphs_show(name: str) -> None:
    """Mistakes that strangers made, and no other golden graph shows, are found and named."""
    who, _, what = name.partition(" ")
    outcomes, causes = of_stranger(who, what)
    mistake = mistake_of(who, what)
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
    assert {outcome.case.title for outcome in wrong} == {*STEPS}
    assert {outcome.outcome for outcome in wrong} == {"not reproducible"}
    assert all("as in the next step of training" in outcome.note for outcome in wrong)
    assert [(cause.id, cause.op) for cause in causes] == [("stale", "")]


def test_what_is_left_when_gradients_were_set_to_zero() -> None:
    """The sum of both graphs is right in the second one, but not after gradients were set to 0."""
    outcomes, causes = of_stranger("levels", "all-records-ever")
    wrong = [outcome for outcome in outcomes if outcome.failed]
    assert {outcome.case.title for outcome in wrong} == {*STEPS}
    assert all(outcome.note.endswith("after their gradients were set to 0") for outcome in wrong)
    penalty = "grad of x: 0.0 with new leaves, -1.4 in a third graph"  # it has no x
    assert wrong[0].note.startswith(penalty)  # the loss before it has: 2xw + b
    step = next(outcome for outcome in wrong if outcome.case.title == STEPS[1])
    first = 2 * 1.5 * 0.36 - 0.6 * 0.4  # the loss is x²w² + bxw
    assert step.node == "x"
    assert step.answer.following[0] == pytest.approx(2 * first)
    assert step.answer.cleared[0] == pytest.approx(3 * first)
    assert [cause.id for cause in causes] == ["stale"]
    assert causes[0].says.startswith("if the gradients of leaves are set to 0")


def test_a_gradient_that_is_kept_from_the_first_graph() -> None:
    """It shows if the second graph is another one: the same one would give the same gradients."""
    outcomes, _ = of_stranger("pulled_lazily", "thunks-for-ever")
    wrong = [outcome for outcome in outcomes if outcome.failed]
    assert [outcome.case.title for outcome in wrong] == [STEPS[0]] * 2
    numbers = "grad of w: -0.48 with new leaves, 2.25 in a second graph of the same leaves"
    assert wrong[0].note.startswith(numbers)  # 2bw, and x²


@pytest.mark.parametrize(
    "source",
    [
        IN_AN_ATTRIBUTE + "Value.grad = lambda self: self.total",
        IN_AN_ATTRIBUTE + "Value.grad = property(lambda self: self.total)",
        IN_AN_ATTRIBUTE + REFUSES_GRADIENTS,
        IN_AN_ATTRIBUTE + GIVES_GRADIENTS,
    ],
    ids=["method", "property", "refused", "given"],
)
def test_gradients_that_cannot_be_set(source: str) -> None:
    """It isn't a failure; the graph after they were set is left out."""
    outcomes, causes = said(source)
    steps = [outcome for outcome in outcomes if outcome.case.title in STEPS]
    assert [outcome.outcome for outcome in steps] == ["ok"] * 4
    assert all(outcome.answer.following and not outcome.answer.cleared for outcome in steps)
    assert causes == []


@pytest.mark.parametrize("source", [ENGINE, IN_ARRAYS], ids=["floats", "arrays"])
def test_gradients_that_are_set(source: str) -> None:
    """They get what a new Value has there, so that an engine which adds to an array has one."""
    outcomes, causes = said(source)
    steps = [outcome for outcome in outcomes if outcome.case.title in STEPS]
    assert [outcome.outcome for outcome in steps] == ["ok"] * 4
    assert all(outcome.answer.cleared for outcome in steps)
    assert causes == []


def test_the_next_graph_is_judged_by_itself() -> None:
    """If it is wrong with new leaves, too, nothing is left over."""
    outcomes, causes = of_stranger("parallel_lists", "left-assigned")
    steps = [outcome.outcome for outcome in outcomes if outcome.case.title == STEPS[0]]
    assert steps == ["wrong gradient", "ok"]
    assert "stale" not in [cause.id for cause in causes]


def test_a_graph_that_is_wrong_from_the_start() -> None:
    """What a further graph of its leaves has may follow from what is wrong with it."""
    outcomes, causes = of_stranger("grad_fn_chain", "dependencies-once")
    steps = [outcome.outcome for outcome in outcomes if outcome.case.title == STEPS[0]]
    assert steps == ["wrong gradient", "not reproducible"]
    assert "stale" not in [cause.id for cause in causes]


def test_a_graph_after_two_backward_passes() -> None:
    """Leaves may add to what they have from both."""
    (step,) = [outcome for outcome in said(ENGINE)[0] if outcome.case.title == STEPS[1]]
    own, leaves = step.answer.own, [is_leaf(x) for x in step.case.graph.columns.opcode]
    two, three = (
        [x and (times * x if leaf else x) for x, leaf in zip(own, leaves, strict=True)]
        for times in (2.0, 3.0)
    )
    twice = replace(step.case, backward=2)
    answer = replace(step.answer, second=two, following=three, cleared=())
    assert judge(twice, answer).outcome == "ok"
    assert judge(twice, replace(answer, second=())).outcome == "not reproducible"


def test_a_leaf_without_a_gradient() -> None:
    """If it has none in a graph of new leaves, it must have none, or 0, in a further one."""
    step = next(outcome for outcome in said(ENGINE)[0] if outcome.case.title == STEPS[0])
    x = step.case.graph.columns.ids.index("x")  # which the penalty doesn't use
    own = [None if node == x else grad for node, grad in enumerate(step.answer.own)]
    left = [-1.4 if node == x else grad for node, grad in enumerate(step.answer.cleared)]
    answer = replace(step.answer, own=own)
    assert judge(step.case, answer).outcome == "ok"
    assert judge(step.case, replace(answer, cleared=left)).node == "x"


@pytest.mark.parametrize(
    "name", thinned(["dispatch_by_name sgd-inside", "edges_by_depth mul-inplace"], 2)
)
def test_leaves_that_are_changed(name: str) -> None:
    """After a step of descent within backward, or * in place, it is another graph: no leftover."""
    trials = (*written_later(UNUSUAL), *singles(people(population.OTHERS)))
    trial = next(trial for trial in trials if trial.name == name)
    outcomes, causes = said(trial.person.with_(trial.mistakes), trial.person.kind)
    assert {*STEPS} <= {outcome.case.title for outcome in outcomes if outcome.failed}
    assert [cause.id for cause in causes] == ["mutated"]


def test_which_graph_is_next(tmp_path: Path) -> None:
    """It is that of the next run if only the output is another one; else it is the same one."""
    of_losses = [case for case in cases() if case.title == STEPS[0]]
    steps = [of_losses[0].program.step_of_node[node] for node in of_losses[0].graph.columns.outputs]
    assert [case.program.root for case in of_losses] == steps
    assert [case.program.following for case in of_losses] == steps[::-1]
    path = tmp_path / "seeds.json"
    nodes = [{"id": "x", "op": "input", "data": 2.0}, {"id": "y", "op": "mul", "args": ["x", "x"]}]
    runs = [{"inputs": {"x": 2.0}}, {"inputs": {"x": 3.0}}, {"seed": {"y": 2.5}}]
    graph = {"mgraph": "1.0", "nodes": nodes, "outputs": ["y"], "runs": runs}
    path.write_text(json.dumps(graph | {"meta": {"grade": {"graphs": 2}}}), encoding="utf-8")
    assert [case.program.following for case in cases_of([str(path)])] == [1, 1, 3]
    path.write_text(json.dumps(graph), encoding="utf-8")
    assert [case.program.following for case in cases_of([str(path)])] == [None] * 3


@pytest.mark.parametrize("name", thinned(["nothing-kept", "push-bound-late"], 2))
def test_an_engine_that_computes_values_when_they_are_read(name: str) -> None:
    """If backward is wrong before that, nothing is left over from another graph."""
    outcomes, causes = of_stranger("promises", name)
    (wrong,) = [outcome for outcome in outcomes if outcome.case.title == STEPS[2]]
    assert wrong.outcome == "not reproducible"
    assert wrong.note.startswith("grad of a: 0.096")  # the loss is ab(b + c)(1 + ab)
    assert wrong.note.endswith("no value was read before backward")
    assert causes == []


def test_values_of_the_second_operand_that_nobody_has_read() -> None:
    """The error is an error of backward."""
    outcomes, causes = of_stranger("promises", "only-first-missing")
    assert [outcome.case.title for outcome in outcomes if outcome.failed] == [STEPS[2]]
    assert [(cause.id, cause.cases[0].outcome) for cause in causes] == [("error", "crashed")]


def test_the_graphs_of_many_runs(tmp_path: Path) -> None:
    """After the last run that differs only in its output comes the first, past other inputs."""
    nodes = [{"id": "x", "op": "input", "data": 2.0}]
    nodes += [{"id": each, "op": "neg", "args": ["x"]} for each in "abc"]
    runs = [{"seed": {each: 1.0}} for each in "abc"]
    runs.insert(1, {"inputs": {"x": 3.0}, "seed": {"a": 1.0}})
    graph = {"mgraph": "1.0", "nodes": nodes, "outputs": [*"abc"], "runs": runs}
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps(graph | {"meta": {"grade": {"graphs": 2}}}), encoding="utf-8")
    assert [case.program.following for case in cases_of([str(path)])] == [2, 1, 3, 1]


@pytest.mark.thorough
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
