"""Two mistakes in one engine: each is named beside the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from mgraph.grade.hypotheses.passes import passes_of_op, whole_passes
from mgraph.grade.simulation import CORRECT
from tests.engines.population import people
from tests.grade.test_ambiguous import ENGINE, causes

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_REVERSED: Final = {"in reversed(topo)": "in topo"}
ODD_QUOTIENT: Final = {"-self.data / other.data**2 * out": "-self.data / other.data*2 * out"}
"""A local derivative that is wrong in a way that nobody knows."""
NAN: Final = {"(1 if self.data > 0 else -1)": "(self.data / abs(self.data) if self.data else NAN)",
              "import math": "import math\nNAN = math.nan"}  # fmt: skip
HALF: Final = {"self.grad += -out.grad": "self.grad += -out.grad / 2"}
BASE: Final = {"self.data ** (other.data - 1)": "self.data ** other.data"}
EXPONENT: Final = {"out.data * math.log(self.data)": "out.data"}


def wrong(*edits: Mapping[str, str]) -> str:
    """Return the source of an engine with some mistakes."""
    source = ENGINE
    for old, new in (pair for each in edits for pair in each.items()):
        assert old in source, old
        source = source.replace(old, new)
    return source


def named(source: str, kind: str = "Value") -> set[tuple[str, str]]:
    """Return the causes that are named, with their ops."""
    return {(cause.id, cause.op) for cause in causes(source, kind)}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ((NOT_REVERSED, ODD_QUOTIENT), {("order", ""), ("slope", "div")}),
        ((NAN, HALF), {("slope", "abs"), ("factor", "neg")}),
        ((BASE, EXPONENT), {("exponent", "pow"), ("slope", "pow")}),
    ],
    ids=["beside-unknown-partial", "beside-nan-of-one-graph", "base-and-exponent"],
)
def test_both_are_named(
    edits: tuple[Mapping[str, str], ...], expected: set[tuple[str, str]]
) -> None:
    """An unknown partial, NaN in one graph, and the two rules of a power hide no other mistake."""
    assert named(wrong(*edits)) == expected


def test_what_is_said_beside_an_unknown_partial() -> None:
    """Nothing is said of how often an operand counts in an op whose graphs can't be simulated."""
    told = whole_passes(
        [], [], [], repeatable=["add"], repeating=["sub", "mul"], untold=["div"], varies=False
    )
    says = dict.fromkeys(each.says for each in told if each.cause == "repeated")
    assert [each for each in says if "/" in each or "div" in each] == []
    assert len(says) > 1


@pytest.mark.thorough
def test_nodes_that_are_visited_again_but_not_through_a_lost_operand() -> None:
    """An op that doesn't yield an operand isn't a path to it, either."""
    (person,) = [each for each in people() if each.name == "creation_heap"]
    pair = [each for each in person.mistakes if each.name in {"queued-again", "mul-one-yield"}]
    assert named(person.with_(pair), person.kind) == {("twice", ""), ("no-gradient", "mul")}


def test_what_is_not_known_stays_so() -> None:
    """A mistake that an op makes at some points says nothing of what it does at others."""
    for op, kinds in (("abs", "V"), ("div", "VV"), ("sub", "VV")):
        key = op, kinds, 0
        unknown = CORRECT._replace(slopes={key: None})
        told = [each for each in passes_of_op(op, varies=False) if "equal" in each.says]
        told += [each for each in passes_of_op(op, varies=False) if "NaN" in each.says]
        rules = [each.change(unknown) for each in told]
        changed = [each.slopes for each in rules if each.slopes is not unknown.slopes]
        assert changed, op
        assert all(slopes[key] is None for slopes in changed), op
