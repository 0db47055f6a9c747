"""The diagnosis: whatever numbers an engine gives, causes are looked for, and the search ends."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mgraph.grade import evidence
from mgraph.grade.cases import Case, cases_of, golden_set
from mgraph.grade.diagnosis import CAUSES, diagnose
from mgraph.grade.observations import Observation
from mgraph.grade.op_rules import learn
from mgraph.grade.outcomes import Answer, Precision, Verdict, judge
from mgraph.grade.processes import PythonEngine, ResourceLimits
from mgraph.grade.runner import make_report, run_python_engine
from mgraph.grade.simulation import CORRECT, simulate
from tests.command_line import FIXTURES, strict_json
from tests.engines.mutants import MUTANTS, SOURCE, mutated
from tests.loops import crossed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mgraph.grade.outcomes import Outcome

ODD: Final = (
    math.nan, math.inf, -math.inf, 0.0, -0.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1e-300,
    1.7976931348623157e308, -1.7976931348623157e308, 1e16, 1.0, -1.0, 0.5, 2.0, 1e-9, 3.4028236e38,
    65520.0, 1e15 + 0.5,
)  # fmt: skip
NUMBERS: Final = st.none() | st.sampled_from(ODD) | st.floats(width=64)
SPOILING: Final[dict[str, Callable[[float], float | None]]] = {
    "none": lambda x: None,
    "nan": lambda x: math.nan,
    "infinity": lambda x: math.inf,
    "minus-infinity": lambda x: -math.inf,
    "zero": lambda x: 0.0,
    "minus-zero": lambda x: -0.0,
    "one": lambda x: 1.0,
    "largest": lambda x: math.copysign(1.7976931348623157e308, x),
    "smallest": lambda x: math.copysign(5e-324, x),
    "negated": lambda x: -x,
    "huge": lambda x: x * 1e300,
    "tiny": lambda x: x * 1e-300,
    "whole": lambda x: float(round(x)) if math.isfinite(x) else x,
    "moved": lambda x: x + 1.0,
    "shaken": lambda x: x * (1.0 + 1e-7),
    "inverse": lambda x: 1.0 / x if x else math.inf,
}


@pytest.fixture(autouse=True)
def small_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let searches that find nothing end soon."""
    monkeypatch.setattr(evidence, "BUDGET", 20_000)


@cache
def small_cases() -> tuple[Case, ...]:
    """Return the golden set without its long chains."""
    return tuple(case for case in cases_of([str(golden_set())]) if len(case.graph) <= 60)


@cache
def few_cases() -> tuple[Case, ...]:
    """Return every eighth of them."""
    return small_cases()[::8]


@cache
def edge_cases() -> tuple[Case, ...]:
    """Return the fixtures for the edges of IEEE 754."""
    return tuple(case for case in cases_of([str(FIXTURES / "run")]) if len(case.graph) <= 60)


@cache
def few_edge_cases() -> tuple[Case, ...]:
    """Return every fourth of them, among which is every op."""
    return edge_cases()[::4]


def right(case: Case) -> Answer:
    """Return what a correct engine gives."""
    ran = simulate(case.program, CORRECT)
    steps = case.program.step_of_node
    data = [None if step < 0 else ran.data[step] for step in steps]
    grad = [None if step < 0 else ran.grad[step] for step in steps]
    return Answer(case.program, data, grad)


def test_nothing_is_near_an_infinity_but_itself() -> None:
    """A prediction that overflows explains no other number; what isn't a number explains itself."""
    near = Precision().near
    assert near(math.inf, math.inf)
    assert near(math.nan, math.nan)
    for predicted in (math.inf, -math.inf, math.nan):
        for got in (
            1.0,
            0.0,
            1.7976931348623157e308,
            -predicted if predicted == predicted else 1.0,
        ):
            assert not near(got, predicted), (got, predicted)
            assert not near(predicted, got), (predicted, got)


def test_sums_of_any_number_of_operands() -> None:
    """An operand of sums of several lengths that gets its gradient in some of them is observed."""
    (outcome, *_) = [judge(case, right(case)) for case in small_cases()]
    observations = []
    for i, count in enumerate((3, 2, 2, 3, 2, 4, 2, 3)):
        xs = tuple(float(i + k) for k in range(count))
        passed = (1.0 if i % 2 else 1.0 + i * i, *(1.0 for _ in xs[1:]))
        observations.append(
            Observation("sum", "V" * count, xs, math.fsum(xs), 1.0, passed, outcome, 0)
        )
    learned = learn(observations, CORRECT, Precision(), {})
    assert [(fault.op, fault.operand) for fault in learned.faults] == []


def assert_diagnosed(outcomes: Sequence[Outcome]) -> None:
    """Causes have names and sentences, explain failures only, and can be printed."""
    failed = [id(each) for each in outcomes if each.failed]
    causes = diagnose(outcomes).causes
    for cause in causes:
        assert cause.id in CAUSES
        assert cause.says
        assert all(id(each) in failed for each in cause.cases)
    for hide in (False, True):
        found = make_report({}, outcomes).as_json(hide=hide)
        assert strict_json(json.dumps(found)) == found
    assert all(each.outcome in Verdict for each in outcomes)
    assert all(each.line() for each in outcomes if each.failed)


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_numbers_at_all(data: st.DataObject) -> None:
    """An engine that gives anything anywhere is diagnosed like any other."""
    some = data.draw(st.lists(st.sampled_from(small_cases()), min_size=1, max_size=25))
    outcomes = []
    for case in some:
        n = len(case.graph)
        numbers = st.lists(NUMBERS, min_size=n, max_size=n)
        answer = right(case)
        if data.draw(st.booleans()):
            answer = replace(answer, data=data.draw(numbers))
        if data.draw(st.booleans()):
            answer = replace(answer, grad=data.draw(numbers))
        if data.draw(st.integers(0, 9)) == 0:
            answer = replace(answer, again=(data.draw(numbers), data.draw(numbers)))
        if data.draw(st.integers(0, 9)) == 0:
            answer = replace(answer, second=data.draw(numbers), before=data.draw(numbers))
        outcome = judge(case, answer)
        if outcome.failed:
            afresh = right(case) if data.draw(st.booleans()) else answer
            outcome.afresh = data.draw(st.none() | st.just(judge(case, afresh)))
        outcomes.append(outcome)
    assert_diagnosed(outcomes)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_failures_at_all(data: st.DataObject) -> None:
    """Crashes, hangs and refusals at any step, in any mixture, are diagnosed, too."""
    outcomes = []
    for case in data.draw(st.lists(st.sampled_from(small_cases()), min_size=1, max_size=40)):
        steps = st.none() | st.integers(0, len(case.program.steps) - 1)
        kind = data.draw(st.sampled_from(["", "crashed", "unsupported", "timed out", "no-number"]))
        error = data.draw(st.sampled_from(["TypeError: x", "RecursionError: deep", "x", "SIGSEGV"]))
        what = data.draw(st.sampled_from(["data", "grad"])) if kind == "no-number" else ""
        failed = Answer(case.program, error=error, kind=kind, step=data.draw(steps), what=what)
        outcomes.append(judge(case, failed if kind else right(case)))
    assert_diagnosed(outcomes)


@pytest.mark.parametrize(
    "cases",
    [
        few_cases,
        pytest.param(small_cases, marks=pytest.mark.thorough),
        pytest.param(few_edge_cases, marks=pytest.mark.thorough),
        pytest.param(edge_cases, marks=[pytest.mark.thorough, pytest.mark.soak]),
    ],
    ids=lambda cases: cases.__name__,
)
@pytest.mark.parametrize(("field", "what"), crossed(("data", "grad"), SPOILING))
def test_numbers_that_are_spoilt_everywhere(
    what: str, field: str, cases: Callable[[], Sequence[Case]]
) -> None:
    """All numbers of all cases being wrong in one way, IEEE's special ones included."""
    outcomes = []
    for case in cases():
        answer = right(case)
        numbers: Sequence[float | None] = getattr(answer, field)
        spoilt = [None if x is None else SPOILING[what](x) for x in numbers]
        spoiling: Any = {field: spoilt}
        outcomes.append(judge(case, replace(answer, **spoiling)))
    assert_diagnosed(outcomes)


def test_no_numbers_are_no_mistake_of_a_rule() -> None:
    """An engine without any data, or without any gradients, is not said to cut numbers off."""
    for field in ("data", "grad"):
        outcomes = []
        for case in small_cases():
            nothing: Any = {field: [None] * len(case.graph)}
            outcomes.append(judge(case, replace(right(case), **nothing)))
        assert {cause.id for cause in diagnose(outcomes).causes} <= {"seed", "no-gradient"}


@pytest.mark.thorough
def test_a_correct_engine_has_no_cause_at_the_edges(tmp_path: Path) -> None:
    """NaN, infinities, ties and the smallest numbers are no reason to name a cause."""
    engine = tmp_path / "wrapped.py"
    engine.write_text("from mgraph import Value, max, min, sum\n", encoding="utf-8")
    driven = PythonEngine(f"{engine}:Value", {}, "", ResourceLimits(60.0))
    found = make_report({}, list(run_python_engine(edge_cases(), driven)))
    assert [each for each in found.outcomes if each.failed] == []
    assert found.causes == []


@pytest.mark.thorough
@pytest.mark.parametrize("mutant", ["", "set-everywhere", "upstream-nowhere"])
def test_engines_at_the_edges(mutant: str, tmp_path: Path) -> None:
    """An engine that knows nothing of IEEE 754, right or wrong, is diagnosed at its edges, too."""
    sources = {each.name: mutated(each) for each in MUTANTS if each.name == mutant}
    engine = tmp_path / "engine.py"
    engine.write_text(sources.get(mutant, SOURCE), encoding="utf-8")
    driven = PythonEngine(f"{engine}:Value", {}, "", ResourceLimits(60.0))
    cases = edge_cases()
    outcomes = list(run_python_engine(cases, driven))
    assert len(outcomes) == len(cases) > 1000
    assert_diagnosed(outcomes)


def test_a_wrong_value_beside_what_is_left_over() -> None:
    """If graphs depend on earlier ones, an op that is mostly right isn't blamed for a value."""
    outcomes = []
    for case in small_cases():
        answer = right(case)
        is_kept, is_left_over = (case.file.endswith(f"x-{how}-2.json") for how in ("times", "plus"))
        if case.run == 0 and (is_kept or is_left_over):
            answer = replace(answer, data=[*right(case).data[:-1], 7.0])
        outcomes.append(judge(case, answer))
        if outcomes[-1].failed:
            outcomes[-1].afresh = judge(case, right(case) if is_left_over else answer)
    assert sum(outcome.failed for outcome in outcomes) == 2
    assert {cause.id for cause in diagnose(outcomes).causes} == {"stale"}


UNUSED: Final = """{"mgraph": "1.0", "nodes": [
  {"id": "x", "op": "param", "data": 2.0}, {"id": "w", "op": "param", "data": 3.0}],
  "outputs": ["w"], "runs": [{"data": {"w": 3.0}, "grad": {"x": 0.0, "w": 1.0}}]}"""


def test_a_leaf_that_is_the_output_but_not_the_first_node(tmp_path: Path) -> None:
    """What is said of the output's gradient isn't the gradient of another leaf."""
    file = tmp_path / "unused.json"
    file.write_text(UNUSED, encoding="utf-8")
    (case,) = cases_of([str(file)])
    outcomes = [judge(each, right(each)) for each in few_cases()]
    outcomes.append(judge(case, replace(right(case), grad=[0.0, 2.0])))
    (cause,) = diagnose(outcomes).causes
    assert cause.says.startswith("the gradient of a leaf on which backward is called is 2; ")
    outcomes[-1] = judge(case, replace(right(case), grad=[2.0, 1.0]))
    assert diagnose(outcomes).causes == []


def test_a_leaf_that_is_cleared_as_other_outputs_are(tmp_path: Path) -> None:
    """If no output keeps its gradient, a leaf alone is not said to be the only one."""
    file = tmp_path / "unused.json"
    file.write_text(UNUSED, encoding="utf-8")
    (leaf,) = cases_of([str(file)])
    outcomes = []
    for case in few_cases():
        answer = right(case)
        cleared = judge(case, replace(answer, grad=[*answer.grad[:-1], 0.0]))
        outcomes.append(replace(cleared, outcome=Verdict.CONVENTION))
    outcomes.append(judge(leaf, replace(right(leaf), grad=[0.0, 0.0])))
    assert diagnose(outcomes).causes == []


def test_evidence_without_an_op_is_still_that_of_new_processes() -> None:
    """What was dropped stays known, too."""
    dropped = [judge(case, right(case)) for case in few_cases()[:1]]
    fewer = evidence.Evidence((), dropped=dropped, is_afresh=True).without([("mul", "VV")])
    assert fewer.dropped == dropped
    assert fewer.is_afresh
