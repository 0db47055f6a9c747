"""Mistakes that no hypothesis describes: nothing false is said of them instead."""

from __future__ import annotations

import pytest

from mgraph.grade import runner
from tests.engines.__main__ import cases
from tests.engines.ablation import holds, named, without
from tests.engines.population import STRANGERS, Trial, engine_of, people


@pytest.mark.parametrize(
    ("name", "titles"),
    [
        ("levels abs-one", "op-abs inside-abs only-through-abs"),
        ("coloured max-first", "op-max inside-max only-through-max"),
        (
            "tape_machine pow-no-g-for-exponent",
            "2-to-the-x inside-pow op-pow x-to-the-x only-through-pow",
        ),
    ],
)
def test_what_is_said_without_the_true_hypotheses(name: str, titles: str) -> None:
    """Nothing, or only that the op is wrong that really is."""
    who, _, what = name.partition(" ")
    person = next(person for person in people(STRANGERS) if person.name == who)
    mistake = next(mistake for mistake in person.mistakes if mistake.name == what)
    trial = Trial(person, (mistake,))
    with engine_of(trial) as engine:
        chosen = [case for case in cases() if case.title in titles.split()]
        outcomes = [*runner.run_python_engine(chosen, engine)]
    assert any(outcome.failed for outcome in outcomes)
    with without(mistake):
        score, _ = named(trial, outcomes)
    assert all(holds(mistake, *each) for each in score.false)
