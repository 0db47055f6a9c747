"""Engines as different people write them: none is blamed wrongly, and every mistake is caught.

`python -m tests.engines.population --all` takes all of them; here is time for some.
"""

from __future__ import annotations

import pytest

from mgraph.grade.diagnosis import CAUSES
from mgraph.ops import OPS
from tests.engines.population import HELD_OUT, NO_NUMBERS, graded, pairs, people, singles

SINGLES = [t for t in singles(people()) if t.mistakes and not t.person.is_held_out]
EVERY = 96


def test_there_are_many_people_and_mistakes() -> None:
    """At least 24 engines, a third of them held out, with about twenty mistakes each."""
    assert len(people()) >= 24
    assert sorted(HELD_OUT) == [person.name for person in people() if person.is_held_out]
    assert 3 * len(HELD_OUT) == len(people())
    assert all(len(person.mistakes) >= 20 for person in people())


def test_labels_are_causes_and_ops_that_exist() -> None:
    """A mistake can be named as its author said, and its edits change the engine."""
    for person in people():
        assert all(cause in CAUSES for cause in person.known), person.name
        for mistake in person.mistakes:
            assert mistake.causes, mistake.name
            assert all(cause in (*CAUSES, *NO_NUMBERS) for cause in mistake.causes), mistake.name
            assert all(op in OPS for op in mistake.ops), mistake.name
            assert person.with_([mistake]) != person.source, mistake.name


@pytest.mark.parametrize("person", people()[::12], ids=lambda person: person.name)
def test_right_engines_are_not_blamed(person: object) -> None:
    """Of a right engine nothing is said but what is known of it, twice in the same words."""
    (trial,) = [t for t in singles(people()) if t.person is person and not t.mistakes]
    score = graded(trial)
    assert score.is_same
    assert [cause for cause in score.named if cause[0] not in trial.person.known] == []


def test_mistakes_are_caught_and_named() -> None:
    """Every mistake is caught, no false cause is named, and the right one is in most cases."""
    scores = [graded(trial, twice=False) for trial in SINGLES[::EVERY]]
    assert [score.trial.name for score in scores if not score.is_caught] == []
    assert [(score.trial.name, score.false) for score in scores if score.false] == []
    unnamed = [score.trial.name for score in scores if not score.is_right]
    assert len(unnamed) <= 1, unnamed


def test_pairs_are_seeded() -> None:
    """The same pairs come each time, each of two mistakes that can be made together."""
    chosen = pairs(people(), 400)
    assert len(chosen) == 400
    assert [trial.name for trial in chosen] == [trial.name for trial in pairs(people(), 400)]
    assert all(len(trial.mistakes) == 2 for trial in chosen)
