"""What is said of small engines, each of which has a mistake that was met in published ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from mgraph.grade.processes import PythonEngine, ResourceLimits
from mgraph.grade.runner import make_report, run_python_engine
from tests.engines.__main__ import cases
from tests.loops import thinned

if TYPE_CHECKING:
    from mgraph.grade.runner import Report

FOLDER: Final = Path(__file__).parents[1] / "engines" / "faulty"
SAID: Final[dict[str, tuple[str, dict[tuple[str, str], str]]]] = {
    "nomath": ("Value", {("error", ""): "exp, tanh raise NameError: name 'math' is not defined"}),
    "alias": ("Value", {("aliased", ""): "several nodes share one array"}),
    "composed": ("Value", {("reflected", "mul"): "; sub, neg use it, and fail, too"}),
    "dfs96": ("Value", {("order", ""): "the topological order isn't reversed"}),
    "dictslopes": (
        "Value",
        {("repeated", ""): "only the last one counts", ("reflected", "div"): "__rtruediv__"},
    ),
    "nanclip": ("Value", {("overflow", "tanh"): "gives nan from about x = 50 and -50 on"}),
    "vdata": ("Var", {("conversion", ""): "turn a plain number into a Value first"}),
    "ways": (
        "Cell",
        {
            ("precision", ""): "in single precision",
            ("twice", ""): "visited once for each path to them",
        },
    ),
}


def report(name: str) -> Report:
    """Grade one of the engines."""
    path = FOLDER / f"{name}.py"
    engine = PythonEngine(f"{path}:{SAID[name][0]}", {}, "", ResourceLimits(30.0))
    return make_report(engine.start(), list(run_python_engine(cases(), engine)))


@pytest.mark.parametrize("name", thinned(SAID, 8))
def test_the_true_causes_are_named_and_no_others(name: str) -> None:
    """Each cause is one that the engine's author would agree to; nothing is left unexplained.

    Most of these engines have a recursion limit, too. The graph shown for a cause is one that fails
    for it, and has the op that is wrong.
    """
    graded = report(name)
    said = {(cause.id, cause.op): cause.sentence for cause in graded.causes if cause.id != "depth"}
    expected = SAID[name][1]
    assert {*said} == {*expected}
    assert {key: words for key, words in expected.items() if words not in said[key]} == {}
    assert [x.case.title for x in graded.outcomes if x.failed and not x.cause] == []
    for cause in graded.causes:
        assert any(outcome.case is cause.lesson for outcome in cause.cases)
        assert not cause.op or cause.op in [step.op for step in cause.lesson.program.steps]


def test_without_backward_nothing_is_graded() -> None:
    """That there is no backward is said once, before any case, and what to do."""
    engine = PythonEngine(f"{FOLDER / 'norev.py'}:Value", {}, "", ResourceLimits(30.0))
    about = engine.start()
    assert "--op backward=reverse" in engine.problem
    outcomes = list(run_python_engine(cases()[:5], engine))
    graded = make_report(about, outcomes, problem=engine.problem)
    assert graded.failed
    assert [*{x.outcome for x in outcomes}] == ["unsupported"]
    assert graded.causes == []
