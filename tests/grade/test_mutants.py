"""The golden set on engines with one mistake each: it catches them, and the causes are right."""

from __future__ import annotations

import pytest

from mgraph.grade.cases import Case, cases_of, golden_set
from mgraph.grade.diagnosis import CAUSES
from mgraph.grade.quick_set import QUICK
from tests.engines.__main__ import cases, graded, graded_quickly, key
from tests.engines.mutants import MUTANTS, Mutant
from tests.engines.population import NO_NUMBERS, people
from tests.loops import thinned

PARTS = 32


@pytest.mark.parametrize("part", thinned(range(PARTS), 16))
def test_the_quick_set_catches_every_mutant(part: int) -> None:
    """Not one engine with a mistake gets through the quick set."""
    assert [each.name for each in MUTANTS[part::PARTS] if not graded_quickly(each).caught] == []


def test_the_quick_set_is_part_of_the_golden_set() -> None:
    """Each of its runs is there, and each once; it is much smaller than the whole."""
    assert [name for name in QUICK if name not in map(key, cases())] == []
    assert len(dict.fromkeys(QUICK)) == len(QUICK) < len(cases()) / 4


def right(mutants: tuple[Mutant, ...]) -> list[str]:
    """Return the mutants of which something was named, and nothing wrong."""
    return [each.name for each in mutants if graded(each).is_right]


@pytest.mark.parametrize("every", [96, pytest.param(16, marks=pytest.mark.thorough)])
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
