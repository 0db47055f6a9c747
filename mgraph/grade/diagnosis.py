"""Finds the causes of an engine's failures by testing hypotheses against its numbers in all cases.

First come causes that show directly: crashes, leaves that lost precision, operands that changed.
Then the rules, op by op: the values show directly whether they are right; where only one path leads
from a node to the output, its gradient shows the local derivative of a single op. Then the backward
pass: an engine with the mistakes found so far, and with those that engines usually have, is
simulated on the graph that the engine really built, and must give every number. If nothing explains
a failure, its cause is unknown.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.grade.causes import CAUSES, Cause, with_number
from mgraph.grade.compositions import guessed, usual_parts
from mgraph.grade.crashes import find_crashes, find_no_numbers, is_in_backward
from mgraph.grade.driver_engine import SAMPLE
from mgraph.grade.evidence import Evidence, Sample, Simulator, gather, samples_of
from mgraph.grade.hidden import find_hidden
from mgraph.grade.hypotheses.hypothesis import (
    Hypothesis,
    is_op,
    odd,
    without_edges,
    without_touching,
)
from mgraph.grade.hypotheses.orders import right_orders
from mgraph.grade.hypotheses.passes import passes_of_op, where_equal, whole_passes
from mgraph.grade.hypotheses.seeds import NO_SEED
from mgraph.grade.leaves import look_at_leaves
from mgraph.grade.leftovers import (
    afresh,
    are_random,
    find_in_leaves,
    find_in_lone_leaf,
    find_leftovers,
    is_of_leaf,
)
from mgraph.grade.observations import forms_of, observed, root_pair, uses
from mgraph.grade.op_mistakes import partial_mistakes
from mgraph.grade.op_rules import Learned, learn
from mgraph.grade.outcomes import Verdict, wrong_numbers
from mgraph.grade.rule_causes import (
    OPERANDS,
    known_rules,
    slope_hypotheses,
    value_causes,
    value_sentences,
    with_slopes,
)
from mgraph.grade.search import MANY, Model, ProvenMistakes, Search, files_of
from mgraph.grade.simulation import CHOOSING, CORRECT
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mgraph.grade.compositions import Known
    from mgraph.grade.leaves import Leaves
    from mgraph.grade.observations import Observation
    from mgraph.grade.outcomes import Outcome, Precision
    from mgraph.grade.rule_causes import Sentence
    from mgraph.grade.simulation import Passed

_OF_ALL_NUMBERS: Final = ("conversion", "clipped", "precision", "mutated")
_SEVERAL: Final = 3  # ops with the same mistake have it in common
_OF_VISITS: Final = ("order", "twice")
_OF_OPS: Final = ("upstream", "inner", "swapped", "sign", "factor", "slope", "place")
"""Causes that, if they concern all ops, are in the ops themselves rather than in the pass."""
_LOOKUPS: Final = ("KeyError", "IndexError")
_SAMPLES: Final = 20  # failures whose ops are looked at for more wrong partials
_SMALL: Final = 15  # steps of a case that shows the partials of a single op
_OR_BY_GRADIENTS: Final = (
    ", or multiplies out.grad by its operands' gradients, which are still 0, instead of by their "
    "values"
)
_TO_SECOND: Final = (" to its second operand", " to its exponent")
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
    leftovers, ran = [*find_leftovers(evidence)], evidence.numeric
    evidence = afresh(evidence)
    leaves = look_at_leaves(evidence)
    hidden, concerned = find_hidden(evidence)
    causes = [*find_crashes(evidence.crashed, ran), *leaves.causes, *hidden]
    causes += find_no_numbers(evidence.outcomes, evidence.compositions or {})
    if evidence.outcomes is outcomes:
        causes += leftovers
    steady = _steady(evidence, leaves, causes)
    if hidden:
        known = dict.fromkeys(map(id, concerned))
        steady = replace(steady, outcomes=[x for x in steady.outcomes if id(x) not in known])
    if not leftovers and not any(cause.id == "stale" for cause in causes):
        causes += [*find_in_leaves(evidence, causes)]
    left = _unexplained(steady.wrong, causes)
    simulator = Simulator(leaves.precision, leaves.unit)
    if left:
        causes += _rules_and_passes(steady, leaves, left, simulator)
    causes += find_in_lone_leaf(evidence, causes)
    if evidence.outcomes is not outcomes:
        causes = [*_as_reported(causes, outcomes), *leftovers]
    causes = _without_consequences([cause for cause in causes if cause.cases])
    starters = dict.fromkeys(name for outcome in outcomes for name in outcome.answer.starters)
    for cause in causes:
        if cause.says == NO_SEED and starters:
            name = next(iter(starters))
            cause.says = f"{NO_SEED}; if the pass is started with {name}, add --op backward={name}"
        for outcome in cause.cases:
            outcome.cause = outcome.cause or cause.id
    is_complete = not (simulator.is_spent and _unexplained(evidence.wrong, causes))
    return Diagnosis(sorted(causes, key=lambda cause: -len(cause.cases)), is_complete)


def _as_reported(causes: Sequence[Cause], outcomes: Sequence[Outcome]) -> Sequence[Cause]:
    """Return causes with the outcomes after other graphs, which are reported."""
    reported = {id(outcome.afresh): outcome for outcome in outcomes if outcome.afresh is not None}
    for cause in causes:
        cause.cases = [reported.get(id(outcome), outcome) for outcome in cause.cases]
    return causes


def _steady(evidence: Evidence, leaves: Leaves, causes: Iterable[Cause]) -> Evidence:
    """Return the evidence without numbers that change: nothing else can be told from those."""
    stale = [cause for cause in causes if cause.id == "stale"]
    changing = [cause for cause in stale if not are_random(cause.cases)]
    if changing or (leaves.is_mutated and not leaves.mutating):
        return Evidence(())
    evidence = evidence.without(leaves.mutating) if leaves.is_mutated else evidence
    computed = [outcome for outcome in evidence.outcomes if not is_of_leaf(outcome)]
    computed = [x for x in computed if not (stale and x.answer.is_random)]
    return replace(evidence, outcomes=computed)


def _without_consequences(causes: Sequence[Cause]) -> list[Cause]:
    """Count crashes by arithmetic to the wrong rule of an op, if one was found.

    What is wrong with a plain number on the left is to blame only where there is one.
    """
    kept: list[Cause] = []
    stale = [cause for cause in causes if cause.id == "stale"]
    for cause in causes:
        rules = [each for each in causes if each.op and each.id not in ("error", "overflow")]
        if not all(map(is_in_backward, cause.cases)):  # before it, only wrong values are to blame
            rules = [each for each in rules if any(map(_has_wrong_value, each.cases))]
        whose = [
            each
            for each in rules
            if all(uses(x, each.op, ["NV"] if each.id == "reflected" else ()) for x in cause.cases)
        ]
        whose += [each for each in causes if each.id in _OF_ALL_NUMBERS and not each.op]
        whose = [each for each in whose if each is not cause]
        lost = [each for each in whose if each.id == "no-gradient"]
        lossy = [each for each in causes if each.id == cause.id == "precision" and not each.op]
        if whose and all(map(_is_arithmetic, cause.cases)):
            whose[0].cases += cause.cases
        elif lossy and cause.op:
            lossy[0].cases += cause.cases
        elif lost and cause.id == "error" and all(map(is_in_backward, cause.cases)):
            lost[0].cases += cause.cases
        elif stale and cause.id == "error" and all(map(_is_lookup, cause.cases)):
            stale[0].cases += cause.cases
        else:
            kept.append(cause)
    return kept


def _is_lookup(outcome: Outcome) -> bool:
    """Whether backward didn't find what it looked for."""
    failure = outcome.answer.failure
    return is_in_backward(outcome) and failure is not None and failure.exception in _LOOKUPS


def _has_wrong_value(outcome: Outcome) -> bool:
    return outcome.outcome == Verdict.WRONG_VALUE


def _is_arithmetic(outcome: Outcome) -> bool:
    """Whether an engine crashed because a number was too large, or not in a function's domain."""
    failure = outcome.answer.failure
    arithmetic = ("OverflowError", "ZeroDivisionError", "ValueError", "FloatingPointError")
    is_complex = "'complex'" in outcome.answer.error  # a root of a negative number
    return failure is not None and (failure.exception in arithmetic or is_complex)


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
    blank = (*evidence.dropped, *evidence.crashed)
    unclear = dict.fromkeys(form for outcome in blank for form in forms_of(outcome))
    learned = learned._replace(unclear=unclear | _untried(observations, leaves.precision))
    sentences = value_sentences(learned, forms)
    opaque = [form for form, known in (evidence.compositions or {}).items() if known is None]
    certain = _certain(sentences, opaque, leaves)
    if evidence.is_afresh:
        certain = _without_occasional(certain, observations, leaves.precision)
    doubtful = {(f.op, f.kinds) for each in sentences if each not in certain for f in each.faults}
    left = [x for x in left if not any(uses(x, op, [kinds]) for op, kinds in sorted(doubtful))]
    sentences = certain
    causes = value_causes(sentences, learned, observations, left, leaves.precision)
    if len(dict.fromkeys(sentence.op for sentence in sentences)) > _SEVERAL:
        plain = Model(known_rules(learned))  # too much is wrong to tell anything from gradients
        _add_consequences(causes, left, learned, plain, simulator, is_certain=False)
        return _merged(causes)
    slopes = slope_hypotheses(learned, forms, sentences, observations)
    slopes = [each for each in slopes if each.forms.isdisjoint(doubtful)]
    styles = [learned.composed] if evidence.compositions is not None else [{}, guessed()]
    found = [
        _explained(evidence, learned, slopes, left, style, opaque, simulator) for style in styles
    ]
    best = min(range(len(found)), key=lambda i: len(found[i][0].left))
    explanation, search, failed = found[best]
    unsure = [each.op for each in slopes if each.op and not each.forms.isdisjoint(opaque)]
    parts = [part for op in unsure for part in usual_parts(op)]
    if opaque and not any(each.op in ("", *parts) for each in explanation.hypotheses):
        # neither a mistake of the pass as a whole, nor one of an op that such an op may call
        again = _explained(evidence, learned, slopes, left, styles[0], (), simulator)
        explanation, search, failed = again if again[0].hypotheses else found[0]
    _add_consequences(causes, left, learned, Model(search.base), search.simulator)
    found_causes = _causes_of(explanation, search, failed)
    proven = [*zip(found_causes, explanation.hypotheses, strict=True)]
    found_causes = _with_evidence(
        found_causes, explanation.hypotheses, causes, is_afresh=evidence.is_afresh
    )
    causes += _of_most(found_causes, causes, left)
    if proven and (turned := _turned(evidence.outcomes, styles[best], opaque)):
        passes = [*chain(*_passes(search, learned, evidence))]
        _add_turned(proven, turned, passes, search)
    for cause in causes:
        if cause.id == "overwritten":  # which gradient comes last may depend on chance
            cause.cases += [
                outcome
                for outcome in evidence.outcomes
                if outcome.outcome == Verdict.NOT_REPRODUCIBLE
                and not any(outcome is other for other in cause.cases)
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


def _untried(
    observations: Iterable[Observation], precision: Precision
) -> dict[tuple[str, str], None]:
    """Return ops of which the numbers that are wrong on the left weren't seen on the right.

    They may be wrong on both sides, as where 0 is taken for no number.
    """
    wrong: dict[str, dict[float, None]] = {}
    right: dict[str, dict[float, None]] = {}
    for seen in observations:
        is_right = precision.near(seen.y, OPS[seen.op].value(seen.xs))
        if seen.kinds[:2] == "NV" and not is_right:
            wrong.setdefault(seen.op, {})[seen.xs[0]] = None
        elif seen.kinds[:2] == "VN" and is_right:
            right.setdefault(seen.op, {})[seen.xs[1]] = None
    return {
        (op, "VN"): None for op, xs in wrong.items() if not xs.keys() & right.get(op, {}).keys()
    }


def _certain(
    sentences: Sequence[Sentence], opaque: Sequence[tuple[str, str]], leaves: Leaves
) -> list[Sentence]:
    """Leave out wrong values that may follow from digits that are lost, or from another op."""
    if any(cause.id == "precision" for cause in leaves.causes):
        sentences = [each for each in sentences if any(fault.mistake for fault in each.faults)]
    own = [
        each
        for each in sentences
        if any((fault.op, fault.kinds) not in opaque for fault in each.faults)
    ]
    return own or [*sentences]


def _without_occasional(
    sentences: Sequence[Sentence], observations: Iterable[Observation], precision: Precision
) -> list[Sentence]:
    """Leave out ops whose values are wrong in an unknown way, and right in some cases.

    If something is left over from other graphs, an op may also get it from within its graph.
    """
    right = dict.fromkeys(
        (seen.op, seen.kinds[:2])
        for seen in observations
        if precision.near(seen.y, OPS[seen.op].value(seen.xs))
    )
    return [
        each
        for each in sentences
        if any(fault.mistake or (fault.op, fault.kinds) not in right for fault in each.faults)
    ]


def _with_evidence(
    found: Sequence[Cause], hypotheses: Sequence[Hypothesis], values: Sequence[Cause], *,
    is_afresh: bool,
) -> list[Cause]:  # fmt: skip
    """Leave out what was not seen directly, and only explains cases with values known to be wrong.

    What such an op passes on may be that of the function that it computes. If graphs share
    something, the nodes of one graph may share it as well, as those with equal numbers: then what
    explains few graphs is left out, too, and so is what is odd, as failures are left that weren't
    tried on their own.

    Args:
        found: The causes.
        hypotheses: The mistakes of which they are the causes.
        values: Causes of wrong values.
        is_afresh: Whether graphs share something.
    """
    spoilt = {id(outcome) for cause in values for outcome in cause.cases}
    least = MANY if is_afresh else 1
    return [
        cause
        for cause, hypothesis in zip(found, hypotheses, strict=True)
        if hypothesis.is_seen
        or not (
            all(id(outcome) in spoilt for outcome in cause.cases)
            or len(dict.fromkeys(outcome.case.file for outcome in cause.cases)) < least
            or (is_afresh and hypothesis.is_odd)
        )
    ]


def _of_most(
    found: Sequence[Cause], others: Sequence[Cause], left: Sequence[Outcome]
) -> Sequence[Cause]:
    """Leave out several mistakes of the whole pass if most failures stay unexplained beside them.

    They were fitted to a few, as where it isn't known of what ops are composed.
    """
    whole = [cause for cause in found if not cause.op]
    explained = sum(len(cause.cases) for cause in whole)
    if len(whole) < 2 or explained >= len(_unexplained(left, [*found, *others])):  # noqa: PLR2004
        return found
    return [cause for cause in found if cause.op]


def _add_consequences(  # noqa: PLR0913 - what is known of an engine
    causes: Sequence[Cause], left: Sequence[Outcome], learned: Learned, plain: Model,
    simulator: Simulator, *, is_certain: bool = True,
) -> None:  # fmt: skip
    """Add the failures that follow from wrong values, and from how ops are composed."""
    of_values = dict.fromkeys(fault.op for fault in learned.faults if fault.operand is None)
    for sample in samples_of(_unexplained(left, causes), learned.composed):
        ops = _concerned(sample.outcome, learned)
        if _has_wrong_value(sample.outcome):
            ops = {op: None for op in ops if op in of_values}
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
    samples = samples_of(left, style, opaque)
    failed = [sample for sample in samples if plain.fits(sample, simulator) is False]
    # Cases that fail only by what is known, such as a few lost digits, must stay explained, too.
    wrong = {id(sample.outcome) for sample in failed}
    right = [outcome for outcome in evidence.numeric if id(outcome) not in wrong]
    fine = [
        sample
        for sample in samples_of(right, style, opaque)
        if not sample.outcome.failed or plain.fits(sample, simulator)
    ]
    search = Search(base, failed, fine, simulator)
    if not search.failed:
        return ProvenMistakes((), (), ()), search, failed
    return _explanation(search, slopes, learned, evidence), search, failed


def _explanation(
    search: Search, slopes: Sequence[Hypothesis], learned: Learned, evidence: Evidence
) -> ProvenMistakes:
    """Return the fewest mistakes that explain the failures: one, wrong partials, or several."""
    whole, of_ops = _passes(search, learned, evidence)
    wrong = [(f.op, f.kinds, f.operand) for f in learned.faults if f.operand is not None]
    known = learned.right | dict.fromkeys(wrong)
    if not slopes and any(f.operand is not None and not f.is_composed for f in learned.faults):
        return search.unambiguous(
            search.single(whole)
            or _with_op(search, whole, learned.right)
            or search.stepwise(whole, lambda *_: ()),
            [*right_orders(), *whole],
        )
    proven = (
        _narrowest(search, search.single(whole), slopes)
        or search.single(chain(slopes, of_ops, _of_every_failure(search, known)))
        or (search.together(slopes) if slopes else None)
        or (search.possible(slopes) if _are_seen(slopes, learned, evidence) else None)
        or _beside_unknown(search, slopes, learned, evidence, (*whole, *of_ops))
        or _beside_known(search, slopes, (*whole, *of_ops))
        or search.stepwise((*whole, *slopes, *of_ops), partial(_slopes_to_try, search, known))
    )
    proven = _with_gradients(search, proven, of_ops)
    if _is_patchwork(proven.hypotheses):
        return ProvenMistakes((), (), tuple(search.failed))
    proven = search.unambiguous(proven, [*right_orders(), *whole], of_ops)
    has_roots = any(root_pair(outcome) is not None for outcome in evidence.numeric)
    return proven if has_roots else _without_unseen_orders(search, proven)


def _passes(
    search: Search, learned: Learned, evidence: Evidence
) -> tuple[list[Hypothesis], list[Hypothesis]]:
    """Return mistakes of the pass that concern all ops, and those that concern one."""
    varies = bool(evidence.unsteady) or any(x.answer.varies for x in evidence.outcomes)
    repeatable = _repeatable(search)
    repeating = [op for op in _repeating(search.failed) if op not in repeatable]
    whole = whole_passes(
        *_hints(evidence, search.failed), _alone(evidence), repeatable=repeatable,
        repeating=repeating, untold=search.untold, varies=varies,
        is_seed_by_op=_is_seed_by_op(evidence), unary=_unary(evidence, learned),
    )  # fmt: skip
    ops = dict.fromkeys(
        step.op for sample in search.failed for step in sample.program.steps if step.args
    )
    choosing = [op for op in CHOOSING if op in ops]
    of_both = odd(where_equal(*choosing)) if len(choosing) > 1 else ()
    return [*whole, *of_both], [each for op in ops for each in passes_of_op(op, varies=varies)]


def _with_gradients(
    search: Search, proven: ProvenMistakes, of_ops: Sequence[Hypothesis]
) -> ProvenMistakes:
    """Replace an op that passes nothing on by one that uses gradients for values, if they fit more.

    Most operands have none yet, so that nothing is what they mostly get. If it is all they get, it
    can't be told which of them it is.
    """
    lost = [each for each in proven.hypotheses if each.cause == "no-gradient" and each.op]
    for each in lost:
        changed = [
            search.enough([rival if one is each else one for one in proven.hypotheses])
            for rival in of_ops
            if rival.op == each.op and rival.change(CORRECT).by_grads
        ]
        best = min(changed, key=lambda other: len(other.left), default=proven)
        if len(best.left) < len(proven.left):
            return best
        if changed and len(best.left) == len(proven.left):
            either = replace(each, says=f"{each.says}{_OR_BY_GRADIENTS}")
            hypotheses = tuple(either if one is each else one for one in proven.hypotheses)
            return proven._replace(hypotheses=hypotheses)
    return proven


def _without_unseen_orders(search: Search, proven: ProvenMistakes) -> ProvenMistakes:
    """Leave out a wrong order beside other mistakes, for an engine with gradients of leaves only.

    What its nodes pass on isn't seen, nor whether they do at all: it may carry derivatives forward.
    """
    others = [each for each in proven.hypotheses if each.cause not in _OF_VISITS]
    if len(others) in (0, len(proven.hypotheses)):
        return proven
    return search.enough(others)


def _beside_unknown(
    search: Search, slopes: Sequence[Hypothesis], learned: Learned, evidence: Evidence,
    passes: Sequence[Hypothesis],
) -> ProvenMistakes | None:  # fmt: skip
    """Explain what is wrong beside partials of few ops that are wrong in an unknown way.

    Those were seen directly, and the graphs with such an op can't be simulated. All others must be
    explained, by mistakes with which no mistake of the pass explains the graphs with it. What is
    wrong with all ops may be what is wrong with these, if they are made of parts.
    """
    unknown = [each for each in slopes if each.op and each.is_unknown(search.base)]
    if not unknown or not _are_seen(unknown, learned, evidence):
        return None
    of_wrong_values = [fault.op for fault in learned.faults if fault.operand is None]
    if any(each.op in of_wrong_values for each in unknown):  # partials of what it does compute
        return None
    rest = search.without([form for each in unknown for form in each.forms])
    if len(files_of(rest.failed)) < MANY:
        return None
    others = [each for each in slopes if not any(each is one for one in unknown)]
    proven = _explanation(rest, others, learned, evidence)
    whole = [each for each in passes if not each.op]
    if not proven.hypotheses or proven.left or rest.has_rivals(proven, whole):
        return None
    if any(not each.op and each.cause in _OF_OPS for each in proven.hypotheses):
        return None  # what is wrong in an unknown way may be just that, within its parts
    return search.with_unknown(proven, unknown, passes)


def _beside_known(
    search: Search, slopes: Sequence[Hypothesis], passes: Sequence[Hypothesis]
) -> ProvenMistakes | None:
    """Return one mistake of the pass that explains all failures beside the wrong partials.

    An op that passes nothing on to an operand may not even know it, so that the pass doesn't go
    from there to it; or it has no backward that could overwrite what the operand has.
    """
    if not slopes:
        return None
    lost = [each for each in slopes if each.op and each.cause == "no-gradient"]
    ways = (without_edges, without_touching) if lost else ()
    changed = [[way(each) if each in lost else each for each in slopes] for way in ways]
    for seen in [slopes, *changed]:
        if proven := search.beside(seen, passes):
            return proven
    return None


def _with_op(
    search: Search, whole: Sequence[Hypothesis], right: Mapping[tuple[str, str, int], None]
) -> ProvenMistakes | None:
    """Return a mistake of the pass that explains most failures, and one of an op for all others.

    A mistake such as gradients that start at 1 changes all that is seen of ops.
    """
    for model in search.explaining_most(whole):
        tried = _slopes_to_try(search, right, model, search.left_by(model))
        if proven := search.beside(model.hypotheses, tried):
            return proven
    return None


def _narrowest(
    search: Search, proven: ProvenMistakes | None, slopes: Sequence[Hypothesis]
) -> ProvenMistakes | None:
    """Return a mistake of one op if it explains as much as the same mistake of all ops.

    Where no other op works, it can't be told which of them it is.
    """
    if proven is None:
        return None
    cause = proven.hypotheses[0].cause
    ops = {op for sample in (*search.failed, *search.fine) for op, _ in sample.forms}
    same = [each for each in slopes if each.op and each.cause == cause and ops != {each.op}]
    return search.single(same) or proven


def _is_patchwork(hypotheses: Sequence[Hypothesis]) -> bool:
    """Whether operands seem to be lost in several ways by several ops: it is something else."""
    lost = [each for each in hypotheses if each.cause == "no-gradient" and not each.is_seen]
    ways = dict.fromkeys(each.says.removeprefix(f"{each.op} ") for each in lost)
    return len(lost) >= _SEVERAL and len(ways) > 1


def _are_seen(slopes: Sequence[Hypothesis], learned: Learned, evidence: Evidence) -> bool:
    """Whether partials that are wrong in an unknown way are so by themselves, and only of few ops.

    If an op calls others, or if that isn't known, these may be to blame.
    """
    unknown = [fault for fault in learned.faults if fault.mistake is None]
    known = evidence.compositions
    may_follow = known is None or any(known.get((f.op, f.kinds), "") is None for f in unknown)
    is_few = len(dict.fromkeys(fault.op for fault in unknown)) < _SEVERAL
    return bool(slopes) and is_few and not (may_follow and len(slopes) > 1)


def _unary(evidence: Evidence, learned: Learned) -> int:
    """Return how many ops with a single operand have a backward of their own."""
    forms = dict.fromkeys(form for outcome in evidence.numeric for form in forms_of(outcome))
    return sum(kinds == "V" and (op, kinds) not in learned.composed for op, kinds in forms)


def _hints(
    evidence: Evidence, failed: Iterable[Sample]
) -> tuple[list[tuple[float, float]], list[float], list[float]]:
    """Return data and gradient of the outputs, and the most frequent wrong gradients and ratios.

    A wrong gradient that is met only once is no bound: it would always explain itself.
    """
    roots = [pair for outcome in evidence.numeric if (pair := root_pair(outcome)) is not None]
    wrong = [
        (each.got, each.expected)
        for sample in failed
        for each in wrong_numbers(sample.outcome.case, sample.outcome.answer)
        if each.got and math.isfinite(each.got) and each.outcome == Verdict.WRONG_GRADIENT
    ]
    gots = Counter(abs(got) for got, _ in wrong)
    ratios = Counter(float(f"{got / want:.9g}") for got, want in wrong if want)
    often = [x for x, count in gots.most_common(5) if count > 1]
    return roots, often, [x for x, _ in ratios.most_common(5)]


def _is_seed_by_op(evidence: Evidence) -> bool:
    """Whether outputs of one op always have the same gradient, and those of others another one.

    Both must be seen in several graphs. If gradients are scaled after the backward pass, all nodes
    of a graph count, and not only the output's op.
    """
    seeds: dict[tuple[str, str], dict[float, None]] = {}
    files: dict[tuple[str, str], dict[str, None]] = {}
    for outcome in evidence.numeric:
        program, pair = outcome.answer.program, root_pair(outcome)
        if pair is not None:
            form = program.steps[program.root].op, program.kinds(program.root)
            seeds.setdefault(form, {})[pair[1]] = None
            files.setdefault(form, {})[outcome.case.file] = None
    often = [own for form, own in seeds.items() if len(files[form]) >= MANY]
    is_one_by_op = all(len(own) == 1 for own in seeds.values())
    return is_one_by_op and len(dict.fromkeys(x for own in often for x in own)) > 1


def _alone(evidence: Evidence) -> tuple[float, float] | None:
    """Return data and gradient of a leaf after its own backward, if they are known."""
    grads = [x.answer.alone for x in evidence.outcomes if x.answer.alone is not None]
    return (SAMPLE, grads[0]) if grads else None


def _repeating(samples: Iterable[Sample]) -> list[str]:
    """Return the ops that cases have with an operand that is used twice."""
    steps = [step for sample in samples for step in sample.program.steps]
    return [*dict.fromkeys(x.op for x in steps if len(dict.fromkeys(x.args)) < len(x.args))]


def _repeatable(search: Search) -> list[str]:
    """Return the ops of which right cases show that both uses of an operand count."""
    ops: dict[str, None] = {}
    for sample in search.fine:
        for op in _repeating([sample]):
            once = search.base._replace(once=partial(is_op, op))
            if op not in ops and search.simulator.differ(sample, search.base, once):
                ops[op] = None
    return [*ops]


def _slopes_to_try(
    search: Search, known: Mapping[tuple[str, str, int], None], model: Model, left: Sequence[Sample]
) -> Iterator[Hypothesis]:
    """Yield usual mistakes in partials that explain the smallest failure left with their op."""
    tried: dict[str, None] = {}
    if not model.hypotheses:
        return
    for sample in left[:_SAMPLES]:
        for op in dict.fromkeys(op for op, _ in sorted(sample.forms)):
            if op in tried or len(sample.program.steps) > _SMALL:
                continue
            tried[op] = None
            for hypothesis in _of_op(op, search, known):
                if model.with_(hypothesis).fits(sample, search.simulator):
                    yield hypothesis


def _of_every_failure(
    search: Search, known: Mapping[tuple[str, str, int], None]
) -> Iterator[Hypothesis]:
    """Yield usual mistakes in the partials of ops that all failures have.

    One of so many may fit a few numbers by chance, so of few graphs it must be the only one.
    """
    ops = dict.fromkeys(op for op, _ in sorted(search.failed[0].forms))
    common = [op for op in ops if all(sample.has(op) for sample in search.failed)]
    hypotheses = chain.from_iterable(_of_op(op, search, known) for op in common)
    if len(files_of(search.failed)) >= MANY:
        yield from hypotheses
        return
    fitting = [each for each in hypotheses if search.explains(each)]
    if len(dict.fromkeys((each.cause, each.op) for each in fitting)) == 1:
        yield fitting[0]


def _of_op(
    op: str, search: Search, known: Mapping[tuple[str, str, int], None]
) -> Iterator[Hypothesis]:
    """Yield the usual mistakes in the partials of an op that weren't seen directly.

    Those of a single form come first, then those that several have in common: of one operand, then
    of all.
    """
    samples = (*search.failed, *search.fine)
    forms = dict.fromkeys(form for x in samples for form in sorted(x.forms) if form[0] == op)
    shared: dict[
        tuple[str, str, int | None], tuple[str, dict[tuple[str, str, int], Passed | None]]
    ] = {}
    keys = [(*form, k) for form in forms for k, kind in enumerate(form[1]) if kind == "V"]
    for key in keys:
        for mistake in partial_mistakes(op, key[2], key[1]) if key not in known else ():
            if mistake.cause in _SHOWN_BY_VALUES:
                continue
            says = f"{op} {mistake.says}"
            own = f"{with_number(op, key[1])} {mistake.says}" if "N" in key[1] else says
            slopes: dict[tuple[str, str, int], Passed | None] = {key: mistake.gives}
            yield Hypothesis(mistake.cause, op, own, with_slopes(slopes))
            derivative = OPS[op].partial_text(key[2])
            words = mistake.says.replace(f"is {derivative}", "").replace(f", {derivative}", "")
            for of in (key[2], None):
                shared.setdefault((mistake.cause, words, of), (says, {}))[1].update(slopes)
            if OPS[op].fold:  # it may have any number of operands, which all get the same
                further = {(*key[:2], k): mistake.gives for k in range(len(key[1]), OPERANDS)}
                shared[mistake.cause, words, None][1].update(further)
    for (cause, _, _), (says, several) in sorted(shared.items(), key=lambda x: x[0][2] is None):
        if len(several) > 1:
            yield Hypothesis(cause, op, says, with_slopes(several))


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
    done = {id(outcome) for cause in causes for outcome in cause.cases}
    either = [sample for sample in explanation.explained if id(sample.outcome) not in done]
    for sample in either:  # one of several mistakes is enough, and none is needed
        alone = [Model(search.base, [each]) for each in explanation.hypotheses]
        fits = [each.fits(sample, search.simulator) for each in alone]
        if any(fits):
            causes[fits.index(True)].cases.append(sample.outcome)
    if causes and not explanation.left:
        long = [sample for sample in failed if sample.is_long]
        causes[0].cases += [s.outcome for s in long if model.fits(s, search.simulator) is not False]
    return causes


def _turned(
    outcomes: Iterable[Outcome], style: Known, opaque: Sequence[tuple[str, str]]
) -> list[tuple[Outcome, Sample]]:
    """Return the cases that are wrong only if sets iterate the other way, with those numbers."""
    pairs = []
    for outcome in outcomes:
        answer = outcome.answer
        if outcome.outcome == Verdict.NOT_REPRODUCIBLE and not answer.again and answer.turned:
            data, grad = answer.turned
            turned = replace(outcome, answer=replace(answer, data=data, grad=grad))
            pairs += [(outcome, sample) for sample in samples_of([turned], style, opaque)]
    return pairs


def _add_turned(
    proven: Sequence[tuple[Cause, Hypothesis]], turned: Sequence[tuple[Outcome, Sample]],
    passes: Sequence[Hypothesis], search: Search,
) -> None:  # fmt: skip
    """Count cases to the cause that explains their numbers in the other order of sets.

    Args:
        proven: The causes, with the mistakes in one of the orders that a set may have.
        turned: The cases, with their numbers in the other order.
        passes: The mistakes of the pass, among which are the same ones in other orders.
        search: The search that found them.
    """
    for cause, hypothesis in proven:
        others = Model(search.base, [each for _, each in proven if each is not hypothesis])
        same = [x for x in passes if (x.cause, x.op, x.says) == (cause.id, cause.op, cause.says)]
        for outcome, sample in turned:
            if others.fits(sample, search.simulator) is False and any(
                others.with_(each).fits(sample, search.simulator) for each in same
            ):
                cause.cases.append(outcome)


def _merged(causes: Sequence[Cause]) -> list[Cause]:
    """Put causes of the same words together, and overwriting in several ops.

    What an op does to two Values, too, isn't due to a number on the left.
    """
    merged: dict[tuple[str, str, str], Cause] = {}
    overwriting = [cause.op for cause in causes if cause.id == "overwritten" and cause.op]
    setting = [cause for cause in causes if cause.id == "overwritten"]
    for cause in causes:
        what = cause.says.partition("): it ")[2] if cause.id == "reflected" else ""
        of_x = [f"{cause.op} {what}{where}" for where in ("", *_TO_SECOND)]  # x is the second one
        same = [each for each in causes if what and each.says in of_x]
        if same:
            same[0].cases += cause.cases
            cause.cases = []
        sets = [each for each in setting if cause.op == each.op or (cause.op and not each.op)]
        if sets and cause.id == "repeated":
            sets[0].cases += cause.cases  # x + x shows it, too
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
