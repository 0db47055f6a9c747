"""The golden set on engines with one mistake each: it catches them, and the causes are right."""

from __future__ import annotations

import pytest

from mgraph.grade.cases import Case, cases_of, golden_set
from mgraph.grade.diagnosis import CAUSES
from mgraph.grade.quick_set import QUICK
from mgraph.ops import TABLE
from tests.engines.__main__ import cases, graded, graded_quickly, key
from tests.engines.mutants import MUTANTS, Mutant
from tests.engines.population import NO_NUMBERS, people
from tests.loops import thinned

pytestmark = pytest.mark.soak

PARTS = 64
SMALL = 12


@pytest.mark.parametrize("part", thinned(range(0, PARTS, 8), 8))
def test_the_quick_set_catches_every_mutant(part: int) -> None:
    """Not one engine with a mistake gets through the quick set.

    `python -m tests.engines` takes all; here is time for an eighth.
    """
    assert [each.name for each in MUTANTS[part::PARTS] if not graded_quickly(each).caught] == []


def test_the_quick_set_is_part_of_the_golden_set() -> None:
    """Each of its runs is there, and each once; it is much smaller than the whole."""
    assert [name for name in QUICK if name not in map(key, cases())] == []
    assert len(dict.fromkeys(QUICK)) == len(QUICK) < len(cases()) / 4


def right(mutants: tuple[Mutant, ...]) -> list[str]:
    """Return the mutants of which something was named, and nothing wrong."""
    return [each.name for each in mutants if graded(each).is_right]


@pytest.mark.parametrize("every", [320, pytest.param(48, marks=pytest.mark.thorough)])
def test_causes_are_named_rightly(every: int) -> None:
    """Of nine mutants in ten, held-out ones among them, what is named is what is wrong.

    `python -m tests.engines` takes all; here is time for some.
    """
    sample = MUTANTS[::every]
    named = right(sample)
    assert len(named) >= 0.9 * len(sample), [m.name for m in sample if m.name not in named]


def test_mutants_speak_of_known_causes() -> None:
    """What a mutant may rightly be called is what the diagnosis can say, and all of it."""
    of_mutants = {cause for each in MUTANTS for cause in each.causes}
    of_people = {cause for each in people() for m in each.mistakes for cause in m.causes}
    assert of_mutants | of_people == {*CAUSES, *NO_NUMBERS}


def test_the_golden_set_is_all_of_its_folder() -> None:
    """Every file of the folder is graded, and has runs."""
    found: list[Case] = list(cases_of([str(golden_set())]))
    assert {case.file for case in found} == {str(path) for path in golden_set().glob("*.json")}


def test_every_op_is_the_only_way_to_an_inner_node() -> None:
    """If an op doesn't know what it was made of, some gradient is missing: of every op, by itself.

    The graph is small, so that nothing else is wrong with it, and its op has no other use. The
    golden set is of format 1.0, so that no engine is told that it lacks ops of later versions.
    """
    small = [case for case in cases() if len(case.graph) <= SMALL]
    for op in (op for op in TABLE if op.since == "1.0"):
        for operand in range(op.inputs):
            assert any(is_lost(case, op.name, operand) for case in small), (op, operand)


def is_lost(case: Case, op: str, operand: int) -> bool:
    """Whether an inner node with a gradient can't be reached without one operand of an op."""
    steps, root = case.program.steps, case.program.root
    reached = {root}
    for i in range(root, -1, -1):
        kept = [arg for k, arg in enumerate(steps[i].args) if (steps[i].op, k) != (op, operand)]
        reached |= {*kept} if i in reached else set()
    gradients = case.want.grad or {}
    return any(
        step >= 0 and step not in reached and steps[step].args and gradients.get(node)
        for node, step in zip(case.graph.columns.ids, case.program.step_of_node, strict=True)
    )
