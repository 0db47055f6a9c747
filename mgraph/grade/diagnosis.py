"""Finds the causes of an engine's failures by testing hypotheses against its numbers in all cases.

First come causes that show directly: crashes, leaves that lost precision, operands that changed.
Then the rules, op by op: the values show directly whether they are right; where only one path leads
from a node to the output, its gradient shows the local derivative of a single op. Then the backward
pass: an engine with the mistakes found so far, and with those that engines usually have, is
simulated on the graph that the engine really built, and must give every number. If nothing explains
a failure, its cause is unknown.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.grade.causes import CAUSES, Cause
from mgraph.grade.compositions import guessed
from mgraph.grade.crashes import find_crashes
from mgraph.grade.evidence import Evidence, Sample, Simulator, gather, samples_of
from mgraph.grade.hypotheses import Hypothesis, passes_of_op, whole_passes
from mgraph.grade.leaves import look_at_leaves
from mgraph.grade.leftovers import find_leftovers
from mgraph.grade.observations import observed, root_pair, uses
from mgraph.grade.op_mistakes import partial_mistakes
from mgraph.grade.op_rules import Learned, learn
from mgraph.grade.outcomes import Verdict, wrong_numbers
from mgraph.grade.rule_causes import (
    known_rules,
    slope_hypotheses,
    value_causes,
    value_sentences,
    with_slopes,
)
from mgraph.grade.search import Model, ProvenMistakes, Search
from mgraph.grade.simulation import CORRECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mgraph.grade.compositions import Known
    from mgraph.grade.leaves import Leaves
    from mgraph.grade.outcomes import Outcome

_OF_ALL_NUMBERS: Final = ("conversion", "clipped", "precision", "mutated")
_SEVERAL: Final = 3  # ops with the same mistake have it in common
_LOOKUPS: Final = ("KeyError", "IndexError")
_SAMPLES: Final = 20  # failures whose ops are looked at for more wrong partials
_SMALL: Final = 15  # steps of a case that shows the partials of a single op
_SHOWN_BY_VALUES: Final = ("value", "conversion", "precision")

__all__ = ["CAUSES", "Cause", "Diagnosis", "diagnose"]


class Diagnosis(NamedTuple):
    """The causes of an engine's failures.

    Attributes:
        causes: Those that explain the most failures come first.
        is_complete: Whether the search ended before its budget was spent.
    """

    causes: list[Cause]
    is_complete: bool = True


def diagnose(outcomes: Sequence[Outcome]) -> Diagnosis:
    """Find likely causes, and note in each failed outcome which cause explains it.

    Args:
        outcomes: The outcomes of all cases of one engine.
    """
    evidence = gather(outcomes)
    leaves = look_at_leaves(evidence)
    causes = [*find_crashes(evidence), *find_leftovers(evidence), *leaves.causes]
    left = _unexplained(evidence.wrong, causes)
    simulator = Simulator(leaves.precision, leaves.unit)
    is_steady = not leaves.is_mutated and not any(cause.id == "stale" for cause in causes)
    if left and is_steady:  # nothing else can be told from numbers that change
        causes += _rules_and_passes(evidence, leaves, left, simulator)
    causes = _without_consequences([cause for cause in causes if cause.cases])
    for cause in causes:
        for outcome in cause.cases:
            outcome.cause = outcome.cause or cause.id
    is_complete = not (simulator.is_spent and _unexplained(evidence.wrong, causes))
    return Diagnosis(sorted(causes, key=lambda cause: -len(cause.cases)), is_complete)


def _without_consequences(causes: Sequence[Cause]) -> list[Cause]:
    """Count crashes by arithmetic to the wrong rule of an op, if one was found."""
    kept: list[Cause] = []
    stale = [cause for cause in causes if cause.id == "stale"]
    for cause in causes:
        rules = [each for each in causes if each.op and each.id not in ("error", "overflow")]
        whose = [each for each in rules if all(uses(outcome, each.op) for outcome in cause.cases)]
        whose = [each for each in whose if each is not cause]
        whose += [each for each in causes if each.id in _OF_ALL_NUMBERS and not each.op]
        lost = [each for each in whose if each.id == "no-gradient"]
        if whose and all(map(_is_arithmetic, cause.cases)):
            whose[0].cases += cause.cases
        elif lost and all(map(_is_in_backward, cause.cases)):
            lost[0].cases += cause.cases
        elif stale and cause.id == "error" and all(map(_is_lookup, cause.cases)):
            stale[0].cases += cause.cases
        else:
            kept.append(cause)
    return kept


def _is_lookup(outcome: Outcome) -> bool:
    """Whether backward didn't find what it looked for."""
    failure = outcome.answer.failure
    return _is_in_backward(outcome) and failure is not None and failure.exception in _LOOKUPS


def _is_in_backward(outcome: Outcome) -> bool:
    failure = outcome.answer.failure
    return failure is not None and failure.phase == "backward"


def _is_arithmetic(outcome: Outcome) -> bool:
    """Whether an engine crashed because a number was too large, or not in a function's domain."""
    failure = outcome.answer.failure
    arithmetic = ("OverflowError", "ZeroDivisionError", "ValueError", "FloatingPointError")
    return failure is not None and failure.exception in arithmetic


def _unexplained(outcomes: Iterable[Outcome], causes: Iterable[Cause]) -> list[Outcome]:
    done = {id(outcome) for cause in causes for outcome in cause.cases}
    return [outcome for outcome in outcomes if id(outcome) not in done]


def _rules_and_passes(
    evidence: Evidence, leaves: Leaves, left: Sequence[Outcome], simulator: Simulator
) -> list[Cause]:
    """Find the causes in the rules of ops and in the backward pass."""
    observations = [seen for outcome in evidence.numeric for seen in observed(outcome)]
    base = CORRECT._replace(leaf=leaves.keeps)
    learned = learn(observations, base, leaves.precision, evidence.compositions)
    forms = dict.fromkeys((seen.op, seen.kinds[:2]) for seen in observations)
    sentences = value_sentences(learned, forms)
    causes = value_causes(sentences, learned, observations, left, leaves.precision)
    if len(dict.fromkeys(f.op for f in learned.faults if f.operand is None)) > _SEVERAL:
        plain = Model(known_rules(learned))  # too much is wrong to tell anything from gradients
        _add_consequences(causes, left, learned, plain, simulator, is_certain=False)
        return _merged(causes)
    slopes = slope_hypotheses(learned, forms, sentences, observations)
    styles = [learned.composed] if evidence.compositions is not None else [{}, guessed()]
    opaque = [form for form, known in (evidence.compositions or {}).items() if known is None]
    found = [
        _explained(evidence, learned, slopes, left, style, opaque, simulator) for style in styles
    ]
    explanation, search, failed = min(found, key=lambda each: len(each[0].left))
    if opaque and not any(not each.op for each in explanation.hypotheses):
        # no mistake of the pass as a whole: then what such an op does as one can be told
        again = _explained(evidence, learned, slopes, left, styles[0], (), simulator)
        explanation, search, failed = again if again[0].hypotheses else found[0]
    _add_consequences(causes, left, learned, Model(search.base), search.simulator)
    causes += _causes_of(explanation, search, failed)
    for cause in causes:
        if cause.id == "overwritten":  # which gradient comes last may depend on chance
            cause.cases += [
                outcome
                for outcome in evidence.outcomes
                if outcome.outcome == Verdict.NOT_REPRODUCIBLE
                and (not cause.op or cause.op in _concerned(outcome, learned))
            ]
    whole = [cause for cause in causes if not cause.op]
    if opaque and whole and not explanation.left:
        whole[0].cases += [
            sample.outcome
            for sample in samples_of(_unexplained(left, causes), styles[0], opaque)
            if sample.is_opaque
        ]
    return _merged(causes)


def _add_consequences(  # noqa: PLR0913 - what is known of an engine
    causes: Sequence[Cause], left: Sequence[Outcome], learned: Learned, plain: Model,
    simulator: Simulator, *, is_certain: bool = True,
) -> None:  # fmt: skip
    """Add the failures that follow from wrong values, and from how ops are composed."""
    for sample in samples_of(_unexplained(left, causes), learned.composed):
        ops = _concerned(sample.outcome, learned)
        own = [cause for cause in causes if cause.op in ops]
        if own and not (is_certain and plain.fits(sample, simulator) is False):
            own[0].cases.append(sample.outcome)


def _concerned(outcome: Outcome, learned: Learned) -> dict[str, None]:
    """Return the ops of a case, with those of which they are composed."""
    ops: dict[str, None] = {}
    program = outcome.answer.program
    for i, step in enumerate(program.steps):
        if step.args:
            ops[step.op] = None
            form = step.op, program.kinds(i)[:2]
            ops |= learned.composed[form].ops if form in learned.composed else {}
            ops |= learned.followers.get(form, {})
    return ops


def _explained(  # noqa: PLR0913, PLR0917
    evidence: Evidence, learned: Learned, slopes: Sequence[Hypothesis], left: Sequence[Outcome],
    style: Known, opaque: Sequence[tuple[str, str]], simulator: Simulator,
) -> tuple[ProvenMistakes, Search, list[Sample]]:  # fmt: skip
    """Explain the failures of an engine that composes some ops of others."""
    base = known_rules(learned)
    plain = Model(base)
    failed = [
        sample
        for sample in samples_of(left, style, opaque)
        if plain.fits(sample, simulator) is False
    ]
    right = [x for x in evidence.numeric if x.outcome in (Verdict.OK, Verdict.CONVENTION)]
    search = Search(base, failed, samples_of(right, style, opaque), simulator)
    if not search.failed:
        return ProvenMistakes((), (), ()), search, failed
    return _explanation(search, slopes, learned.right, evidence), search, failed


def _explanation(
    search: Search, slopes: Sequence[Hypothesis], right: Mapping[tuple[str, str, int], None],
    evidence: Evidence,
) -> ProvenMistakes:  # fmt: skip
    """Return the fewest mistakes that explain the failures: one, wrong partials, or several."""
    varies = bool(evidence.unsteady) or any(x.answer.varies for x in evidence.outcomes)
    whole = [*whole_passes(*_hints(evidence, search.failed), varies=varies)]
    ops = dict.fromkeys(
        step.op for sample in search.failed for step in sample.program.steps if step.args
    )
    of_ops = [each for op in ops for each in passes_of_op(op, varies=varies)]
    return (
        search.single((*whole, *slopes, *of_ops))
        or (search.together(slopes) if slopes else None)
        or search.stepwise((*whole, *slopes, *of_ops), partial(_slopes_to_try, search, right))
    )


def _hints(
    evidence: Evidence, failed: Iterable[Sample]
) -> tuple[list[tuple[float, float]], list[float]]:
    """Return data and gradient of the outputs, and the wrong gradients that are most frequent."""
    roots = [pair for outcome in evidence.numeric if (pair := root_pair(outcome)) is not None]
    gots = Counter(
        abs(wrong.got)
        for sample in failed
        for wrong in wrong_numbers(sample.outcome.case, sample.outcome.answer)
        if wrong.got and wrong.got == wrong.got and wrong.outcome == Verdict.WRONG_GRADIENT
    )
    return roots, [got for got, _ in gots.most_common(5)]


def _slopes_to_try(
    search: Search, right: Mapping[tuple[str, str, int], None], model: Model, left: Sequence[Sample]
) -> Iterator[Hypothesis]:
    """Yield usual mistakes in partials that explain the smallest failure left with their op."""
    tried: dict[tuple[str, str], None] = {}
    if not model.hypotheses:
        return
    for sample in left[:_SAMPLES]:
        for form in sorted(sample.forms):
            if form in tried or len(sample.program.steps) > _SMALL:
                continue
            tried[form] = None
            for hypothesis in _of_form(*form, right):
                if model.with_(hypothesis).fits(sample, search.simulator):
                    yield hypothesis


def _of_form(
    op: str, kinds: str, right: Mapping[tuple[str, str, int], None]
) -> Iterator[Hypothesis]:
    """Yield the usual mistakes in the partials of an op that weren't seen to be right."""
    for operand, kind in enumerate(kinds):
        is_tried = kind == "V" and (op, kinds, operand) not in right
        for mistake in partial_mistakes(op, operand, kinds) if is_tried else ():
            if mistake.cause in _SHOWN_BY_VALUES:
                continue
            change = with_slopes({(op, kinds, operand): mistake.gives})
            yield Hypothesis(mistake.cause, op, f"{op} {mistake.says}", change)


def _causes_of(
    explanation: ProvenMistakes, search: Search, failed: Sequence[Sample]
) -> list[Cause]:
    """Return the causes of an explanation, each with the failures that only it explains."""
    model = Model(search.base, explanation.hypotheses)
    causes = []
    for hypothesis in explanation.hypotheses:
        only = search.only(model, hypothesis, explanation.explained)
        cases = [sample.outcome for sample in only]
        causes.append(Cause(hypothesis.cause, hypothesis.op, hypothesis.says, cases))
    if causes and not explanation.left:
        long = [sample for sample in failed if sample.is_long]
        causes[0].cases += [s.outcome for s in long if model.fits(s, search.simulator) is not False]
    return causes


def _merged(causes: Sequence[Cause]) -> list[Cause]:
    """Put causes of the same words together, and overwriting in several ops."""
    merged: dict[tuple[str, str, str], Cause] = {}
    overwriting = [cause.op for cause in causes if cause.id == "overwritten" and cause.op]
    sets = next((cause for cause in causes if cause.id == "overwritten"), None)
    for cause in causes:
        if sets is not None and cause.id == "repeated" and cause.op in ("", *overwriting):
            sets.cases += cause.cases  # x + x shows it, too
            cause.cases = []
        if cause.op in overwriting and len(overwriting) > 1 and cause.id == "overwritten":
            cause.op = ""
            cause.says = (
                "gradients are set with `=` where they must be added to with `+=`, as in "
                f"{', '.join(overwriting)}"
            )
        known = merged.setdefault((cause.id, cause.op, cause.says), cause)
        if known is not cause:
            known.victims = [*dict.fromkeys((*known.victims, *cause.victims))]
            known.cases += [x for x in cause.cases if not any(x is y for y in known.cases)]
    return [*merged.values()]
