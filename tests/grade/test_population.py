"""Engines as different people write them: none is blamed wrongly, and every mistake is caught.

`python -m tests.engines.population --all` takes all of them; here is time for some.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from mgraph.grade.diagnosis import CAUSES
from mgraph.ops import OPS
from tests.engines.population import (
    FURTHER,
    HELD_OUT,
    NO_NUMBERS,
    OTHERS,
    STRANGERS,
    UNUSUAL,
    graded,
    pairs,
    people,
    singles,
    written_later,
)
from tests.loops import thinned

if TYPE_CHECKING:
    from tests.engines.population import Trial

pytestmark = pytest.mark.soak

PEOPLE = people()
SINGLES = [t for t in singles(PEOPLE) if t.mistakes]
UNNAMED: Final = 2
"""Mistakes of the larger sample that may stay unnamed."""

BY_NAME = {trial.mistakes[0].name: trial for trial in written_later(UNUSUAL)}
SAYS: Final[dict[str, dict[tuple[str, str], str]]] = {
    "grad-int": {("conversion", ""): "gradients are turned into whole numbers"},
    "log-clipped": {
        ("clipped", "log"): "it never goes beyond -0.693147 or 0.693147; pow uses it",
        ("reflected", "pow"): "2 ** x raises TypeError",
    },
    "max-mutates-and-adds": {("mutated", "max"): "max changes the data of an operand"},
    "sets-of-values": {
        ("no-gradient", ""): "only one of several nodes with equal numbers passes its gradient on",
    },
    "visited-by-data": {
        ("depth", ""): "it crashes on a chain of 1,000 ops",
        ("no-gradient", ""): "only one of several nodes with equal numbers passes its gradient on",
    },
}
"""What is said of some unusual mistakes: no more than their authors would say."""

FALSE: Final = {"last-parent-swapped", "skip-constants-that-equal"}
"""Mistakes of which something is said that isn't true: it looks as if it were."""


def pair(*names: str) -> Trial:
    """Return the engine that has two mistakes of these names."""
    (trial,) = [
        trial
        for trial in pairs(PEOPLE, 10_000)
        if tuple(mistake.name for mistake in trial.mistakes) == names
    ]
    return trial


def test_there_are_many_people_and_mistakes() -> None:
    """At least 24 engines, with about twenty mistakes each."""
    assert len(people()) >= 24
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


@pytest.mark.parametrize("person", thinned(people()[::12], 3), ids=lambda person: person.name)
def test_right_engines_are_not_blamed(person: object) -> None:
    """Of a right engine nothing is said but what is known of it, twice in the same words."""
    (trial,) = [t for t in singles(people()) if t.person is person and not t.mistakes]
    score = graded(trial)
    assert score.is_same
    assert [cause for cause in score.named if cause[0] not in trial.person.known] == []


def test_mistakes_are_caught_and_named() -> None:
    """Two mistakes are caught, the right causes are named, and no false one."""
    scores = [graded(trial, twice=False) for trial in (SINGLES[40], SINGLES[300])]
    assert [score.trial.name for score in scores if not score.is_caught] == []
    assert [(score.trial.name, score.false) for score in scores if score.false] == []
    assert [score.trial.name for score in scores if not score.is_right] == []


@pytest.mark.thorough
def test_a_larger_sample_is_named() -> None:
    """Of every 28th mistake the same is true."""
    scores = [graded(trial, twice=False) for trial in SINGLES[::28]]
    assert len(scores) > 14
    assert [score.trial.name for score in scores if not score.is_caught] == []
    assert [(score.trial.name, score.false) for score in scores if score.false] == []
    unnamed = [score.trial.name for score in scores if not score.is_right]
    assert len(unnamed) <= UNNAMED, unnamed


@pytest.mark.parametrize("name", thinned(SAYS, 3))
def test_unusual_mistakes(name: str) -> None:
    """What explains few of the failures, and what others speak against, is not named."""
    named = {(cause, op): says for cause, op, says in graded(BY_NAME[name], twice=False).named}
    assert {*named} == {*SAYS[name]}
    assert {key: words for key, words in SAYS[name].items() if words not in named[key]} == {}


def test_mistakes_beside_an_op_that_changes_its_operand() -> None:
    """The graphs without that op, here `2 - x`, show what else is wrong."""
    trial = pair("power-rule-not-lowered", "rsub-in-place")
    named = [(cause, op) for cause, op, _ in graded(trial, twice=False).named]
    assert sorted(named) == [("exponent", "pow"), ("mutated", "sub")]


TOGETHER: Final[dict[tuple[str, str], set[tuple[str, str]]]] = {
    ("slope-forgotten", "relu-parent-missing"): {("inner", ""), ("no-gradient", "relu")},
    ("tape-forwards", "minimum-of-max"): {("order", ""), ("value", "min")},
    ("leaves-first", "starts-at-one"): set(),
    ("pow-rule-one-operand", "rdiv-order"): {("no-gradient", "pow"), ("reflected", "div")},
}
"""What is said of pairs of which more was once said: an op for each that hands its gradient on, the
local derivative of another op, a rule that explains as much as the order, and a sign seen nowhere
but beside a wrong value."""


@pytest.mark.parametrize("names", thinned(TOGETHER, 4))
def test_no_more_is_said_than_is_shown(names: tuple[str, str]) -> None:
    """What two mistakes look like together is not taken for a third."""
    named = {(cause, op) for cause, op, _ in graded(pair(*names), twice=False).named}
    assert named == TOGETHER[names]


@pytest.mark.thorough
def test_mistakes_beside_leftovers() -> None:
    """What earlier graphs leave behind is named, and so is what is wrong with a graph alone.

    The leftovers are kept by the nodes themselves: what an engine keeps by `id` depends on which
    addresses the system uses again.
    """
    trial = pair("log-backward-not-stored", "seen-as-default-argument")
    named = {(cause, op) for cause, op, _ in graded(trial, twice=False).named}
    assert named == {("stale", ""), ("no-gradient", "log")}


@pytest.mark.thorough
def test_a_sample_of_further_mistakes_is_named() -> None:
    """Of every twelfth further mistake nothing false is said, and nine in ten are named."""
    scores = [graded(trial, twice=False) for trial in written_later(FURTHER)[::12]]
    assert [score.trial.name for score in scores if not score.is_caught] == []
    assert [(score.trial.name, score.false) for score in scores if score.false] == []
    assert 10 * sum(score.is_right for score in scores) >= 9 * len(scores) > 170


@pytest.mark.thorough
def test_a_sample_of_pairs_is_named() -> None:
    """Of two mistakes both are named, and nothing else, in three engines of four; none is missed.

    Of all pairs it is four of five.
    """
    scores = [graded(trial, twice=False) for trial in pairs(PEOPLE, 16)]
    assert [score.trial.name for score in scores if not score.is_caught] == []
    assert [(score.trial.name, score.false) for score in scores if score.false] == []
    assert sum(score.is_right for score in scores) >= 12


@pytest.mark.thorough
@pytest.mark.parametrize("trial", written_later(UNUSUAL)[::4], ids=lambda trial: trial.name)
def test_unusual_mistakes_have_no_false_cause(trial: Trial) -> None:
    """Nothing false is said of an engine that does what no hypothesis says."""
    score = graded(trial, twice=False)
    assert score.is_caught
    assert bool(score.false) == (trial.mistakes[0].name in FALSE)


STYLES: Final = people(OTHERS)
OF_STYLES: Final = {t.name: t for t in singles(STYLES) if t.mistakes}
OF_STRANGERS: Final = [t for t in singles(people(STRANGERS)) if t.mistakes]
SAID: Final[dict[str, set[tuple[str, str]]]] = {
    "op_objects log-2": {("value", "log")},
    "five_primitives_in_sets mul-self-grad": {("upstream", "mul"), ("depth", ""), ("overflow", "")},
    "op_objects not-reversed": {("no-gradient", "")},
    "op_objects vjp-mul-own": {("swapped", "mul")},
    "edges_by_depth edge-of-value": {("repeated", "")},
    "functions_with_context grad-kept-max": {("clipped", ""), ("depth", "")},
}
"""What is said of engines in which more was said before: of the few graphs that an op explains by
chance, of ops that are made as objects of another's class, of an output whose gradient isn't kept,
and of what a bound in another order leaves over."""


@pytest.mark.parametrize("name", thinned(SAID, 6))
def test_engines_in_other_styles(name: str) -> None:
    """An op isn't blamed for what another does in it, even if that can't be watched."""
    named = {(cause, op) for cause, op, _ in graded(OF_STYLES[name], twice=False).named}
    assert named == SAID[name]


FOUND: Final = {
    "edges_by_depth depth-of-first": ("order", ""),
    "edges_by_depth divided": ("upstream", ""),
    "five_primitives_in_sets grad-reset-in-loop": ("seed", ""),
    "functions_with_context relu-sign": ("slope", "relu"),
    "op_objects leaf-assign": ("overwritten", ""),
    "op_objects pull-clip": ("clipped", ""),
    "op_objects pull-int": ("conversion", ""),
}
"""Mistakes of other engines that once had no cause: levels that one operand decides, a gradient
that is divided, or 1 wherever it is 0, a condition on the gradient, and what only leaves do."""


@pytest.mark.thorough
def test_mistakes_that_had_no_cause() -> None:
    """Each has a hypothesis of its own."""
    for name, cause in FOUND.items():
        assert cause in [each[:2] for each in graded(OF_STYLES[name], twice=False).named], name


@pytest.mark.thorough
def test_nodes_that_come_again_where_something_is_passed_on() -> None:
    """An engine whose max and relu only look at what gets a gradient visits nodes twice."""
    (trial,) = [trial for trial in SINGLES if trial.name == "creation_heap queued-again"]
    assert [each[:2] for each in graded(trial, twice=False).named] == [("twice", "")]


@pytest.mark.thorough
def test_a_part_of_an_unknown_mistake_is_not_named() -> None:
    """Gradients that are kept in a way of their own show no second mistake that explains a rest."""
    of_people = {trial.name: trial for trial in written_later(FURTHER)}
    for name in ("slots_functional grad-last", "numpy_by_serial accumulate-max"):
        score = graded(of_people[name], twice=False)
        assert score.is_right, (name, score.named)


@pytest.mark.thorough
def test_infinities_explain_nothing() -> None:
    """Beside crashes, gradients that start at 1 are not taken for huge factors that overflow."""
    trial = pair("lowest-level-first-keyerror", "shares-start-at-one")
    named = {(cause, op) for cause, op, _ in graded(trial, twice=False).named}
    assert named == {("error", ""), ("seed", "")}


@pytest.mark.thorough
def test_mistakes_in_what_is_kept() -> None:
    """The first gradient that is kept, and a 1 at the wrong end, are found among all failures."""
    by_name = {trial.mistakes[0].name: trial for trial in SINGLES}
    for name, cause in (("share-set-once", "overwritten"), ("seed-at-the-wrong-end", "seed")):
        score = graded(by_name[name], twice=False)
        assert [each[:2] for each in score.named] == [(cause, "")], name


def test_other_engines_have_labels_that_exist() -> None:
    """What may be said of a mistake can be said, and its edits change the engine."""
    assert len(OF_STYLES) > 300
    assert len(OF_STRANGERS) > 400
    assert sorted(HELD_OUT) == [each.name for each in people(STRANGERS) if each.is_held_out]
    for trial in (*OF_STYLES.values(), *OF_STRANGERS):
        (mistake,) = trial.mistakes
        assert mistake.causes or trial in OF_STRANGERS, trial.name  # some fit none
        assert all(cause in CAUSES for cause in mistake.causes), trial.name
        assert all(op in OPS for op in mistake.ops), trial.name
        assert trial.person.with_(trial.mistakes) != trial.person.source, trial.name


@pytest.mark.thorough
def test_an_order_must_show_without_what_is_lost() -> None:
    """Where only the first operand gets its gradient, nodes are not said to come too early."""
    score = graded(OF_STYLES["functions_with_context flow-only-first"], twice=False)
    assert {each[:2] for each in score.named} == {("no-gradient", ""), ("depth", "")}


@pytest.mark.thorough
def test_a_sample_of_other_engines_is_named() -> None:
    """Nothing false is said of every twentieth of them, and most mistakes are named."""
    scores = [graded(trial, twice=False) for trial in [*OF_STYLES.values()][::20]]
    assert [score.trial.name for score in scores if not score.is_caught] == []
    assert [(score.trial.name, score.false) for score in scores if score.false] == []
    assert 10 * sum(score.is_right for score in scores) >= 9 * len(scores) > 140


OF_ALL: Final = {
    "by_path cancelled": {("no-gradient", ""), ("depth", "")},
    "by_path plus": {("upstream", ""), ("depth", "")},
    "by_path upstream-changed-in-the-loop": {("slope", ""), ("depth", "")},
    "by_path upstream-only": {("inner", ""), ("depth", "")},
    "counted_users counted-when-made": {("no-gradient", "")},
    "counted_users edges-as-dict": {("repeated", "")},
    "counted_users square-of-equals": {("no-gradient", "mul")},
    "frozen_pullbacks first-node-left-out": {("no-gradient", "")},
    "frozen_pullbacks keyed-by-data": {("aliased", "")},
    "golfed equal-values-are-equal": {("no-gradient", "")},
    "golfed frontier-is-a-queue": {("twice", "")},
    "golfed largest-first": {("twice", "")},
    "golfed leaves-left-out": {("no-gradient", "")},
    "parallel_lists data-for-grad": {("upstream", "")},
    "parallel_lists left-assigned": {("overwritten", "")},
    "partials_when_made append-indented": {("twice", ""), ("depth", "")},
    "partials_when_made parents-in-a-set": {("repeated", ""), ("depth", "")},
    "partials_when_made seed-normalised": {("seed", ""), ("depth", "")},
    "partials_when_made sign-by-division": {("slope", "abs"), ("depth", "")},
}
"""What is said of strangers' mistakes of which something else was said, or nothing: partials that
are 0 or equal, what is kept by operand or by number, paths that are walked one by one, nodes that
are added again, and those that wait for others."""


@pytest.mark.thorough
def test_neither_side_is_blamed_for_plain_numbers() -> None:
    """Where x + 2 crashes or isn't seen, 2 + x is wrong, but not because 2 is on the left."""
    (trial,) = [t for t in OF_STRANGERS if t.name == "parallel_lists ints-are-handles"]
    causes = {cause for cause, *_ in graded(trial, twice=False).named}
    assert causes == {"error", "stale", "value"}


@pytest.mark.thorough
@pytest.mark.parametrize("name", [*OF_ALL][::3])
def test_mistakes_of_strangers(name: str) -> None:
    """What concerns all ops but some is said of all, and no op is blamed for it."""
    (trial,) = [trial for trial in OF_STRANGERS if trial.name == name]
    assert {each[:2] for each in graded(trial, twice=False).named} == OF_ALL[name]


def test_pairs_are_seeded() -> None:
    """The same pairs come each time, each of two mistakes that can be made together."""
    chosen = pairs(people(), 400)
    assert len(chosen) == 400
    assert [trial.name for trial in chosen] == [trial.name for trial in pairs(people(), 400)]
    assert all(len(trial.mistakes) == 2 for trial in chosen)
