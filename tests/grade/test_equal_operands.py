"""What is said of max and min whose operands are equal.

As max(x, x) is x, its derivative is 1: what both operands get must add up to that.
"""

from __future__ import annotations

from typing import Final

import pytest

from mgraph.grade.outcomes import Verdict
from tests.grade.test_learners import reported, said, with_methods

TITLES: Final = (
    "convention-max-of-equals convention-min-of-equals op-max op-min inside-max inside-min op-mul "
    "op-add diamond x-plus-x equal-values"
)
FURTHER: Final = "diamond-turned x-times-x directly-and-through added-up ladder shared-weight"
ABOUT: Final = {"max": ">", "min": "<"}


def choosing(first: str, second: str, ops: str = "max min") -> str:
    """Return an engine with these ops: who gets the gradient is said with > for the chosen one."""
    return with_methods(*(_method(op, first, second) for op in ops.split()))


def _method(op: str, first: str, second: str) -> str:
    own, other = (which.replace(">", ABOUT[op]) for which in (first, second))
    return f"""
def {op}(self, other):
    other = other if isinstance(other, Value) else Value(other)
    a, b = self.data, other.data
    out = Value({op}(a, b), (self, other))
    def _backward():
        self.grad += ({own}) * out.grad
        other.grad += ({other}) * out.grad
    out._backward = _backward
    return out
"""


@pytest.mark.parametrize(
    ("first", "second"),
    [("a > b", "a == b or not a > b"), ("not b > a", "b > a"), ("(a > b) + (a == b) / 2",) * 2],
)
def test_one_of_them_or_each_half(first: str, second: str) -> None:
    """Each of the three choices is right."""
    second = second if first != second else second.replace("a > b", "b > a")
    report = reported(choosing(first, second), TITLES)
    assert not report.failed, report.causes


@pytest.mark.parametrize(("op", "other"), [("max", "min"), ("min", "max")])
@pytest.mark.parametrize("has_other", [True, False])
def test_nothing_is_passed_on(op: str, other: str, has_other: bool) -> None:  # noqa: FBT001 - pytest
    """Both comparisons of an op are strict; the other op is right, or missing."""
    right = [_method(other, "not b > a", "b > a")] if has_other else []
    says = said(with_methods(_method(op, "a > b", "b > a"), *right), TITLES)
    assert [*says] == [("no-gradient", op)]
    assert "nothing on where both operands are equal" in says["no-gradient", op]


@pytest.mark.parametrize(
    ("first", "second", "cause"),
    [("a > b", "b > a", "no-gradient"), ("not b > a", "not a > b", "slope")],
)
def test_both_ops_have_it(first: str, second: str, cause: str) -> None:
    """Who writes max in such a way writes min so, too."""
    says = said(choosing(first, second), TITLES)
    assert [*says] == [(cause, "")]
    assert says[cause, ""].startswith("max and min pass ")


def test_nothing_at_all_is_not_about_equal_operands() -> None:
    """An op that never passes anything on to its operands does so here, too."""
    says = said(choosing("0", "0", "max"), TITLES)
    assert [*says] == [("no-gradient", "max")]
    assert "equal" not in says["no-gradient", "max"]


@pytest.mark.thorough
def test_equal_operands_get_nothing_beside_another_mistake() -> None:
    """Where gradients are overwritten, too, the graph isn't taken for right."""
    source = choosing("a > b", "b > a").replace(".grad += ", ".grad = ")
    report = reported(source, f"{TITLES} {FURTHER}")
    verdicts = {case.case.title: case.outcome for case in report.outcomes}
    assert verdicts["convention-max-of-equals"] == Verdict.WRONG_GRADIENT
    assert [(cause.id, cause.op) for cause in report.causes] == [("overwritten", "")]


def test_the_smaller_operand_is_set_to_0() -> None:
    """An op of two numbers that passes 0 on to one of them overwrites what that one had, too."""
    source = choosing("a > b", "not a > b").replace(".grad += ", ".grad = ")
    report = reported(source, f"{TITLES} {FURTHER}")
    assert [(cause.id, cause.op) for cause in report.causes] == [("overwritten", "")]
    assert all(case.cause == "overwritten" for case in report.outcomes if case.failed)


@pytest.mark.thorough
def test_a_wrong_local_derivative_holds_for_equal_operands_too() -> None:
    """An op that gives the second operand what the first must get passes (1, 1), or (0, 0)."""
    for condition in ("a > b", "not b > a"):
        says = said(choosing(condition, condition), TITLES)
        assert {*says} == {("swapped", "max"), ("swapped", "min")}
        assert "equal" not in " ".join(says.values())
