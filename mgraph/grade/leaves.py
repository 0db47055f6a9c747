"""Causes that the numbers of leaves show, and losses of digits that all numbers share."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.grade.causes import Cause
from mgraph.grade.compositions import expanded
from mgraph.grade.hypotheses.numbers import clamp
from mgraph.grade.observations import computed, leaf_pairs, leaf_uses
from mgraph.grade.op_mistakes import LOSSES, float32, guarded
from mgraph.grade.outcomes import choices, explains, wrong_numbers
from mgraph.grade.simulation import CORRECT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mgraph.grade.evidence import Evidence
    from mgraph.grade.outcomes import Outcome, Precision

_SINGLE: Final = 2.0**-22  # relative error of an op in single precision, doubled
_ABOUT: Final = 1e-4  # relative error of a result in single precision
_COARSE: Final = 2e-2  # the same of numbers with few digits


class Leaves(NamedTuple):
    """What a Value makes of its number, and of all numbers.

    Attributes:
        causes: The causes found.
        keeps: The number that a leaf keeps, from the number it is given; None for the same.
        precision: How near numbers are to predicted ones.
        is_mutated: Whether the numbers of leaves change in other ways.
        mutating: The op that changes them, with the kinds of its operands; empty if it isn't known.
        unit: The error of a step, relative to the largest number of a case; 0 for that of a double.
    """

    causes: list[Cause]
    keeps: Callable[[float], float] | None
    precision: Precision
    is_mutated: bool = False
    mutating: Sequence[tuple[str, str]] = ()
    unit: float = 0.0


def look_at_leaves(evidence: Evidence) -> Leaves:
    """Find out what a Value does to the number that it is given, or to all numbers."""
    seen = [pair for outcome in evidence.numeric for pair in leaf_pairs(outcome)]
    changed = [(x, got) for x, got in seen if got != x and (got == got or x == x)]
    if not changed:
        return _lost_digits(evidence)
    if all(guarded(_whole)(x) == got for x, got in seen):
        says = "a Value turns its number into a whole number"
        causes = [Cause("conversion", "", says, evidence.wrong)]
        return Leaves(causes, guarded(_whole), evidence.precision)
    for says, loss in LOSSES:
        if all(loss(x) == got for x, got in seen):
            return _rounded_leaves(evidence, f"a Value keeps its number {says}", loss)
    bound = max(abs(got) for _, got in changed)
    if len(changed) > 1 and all(clamp(bound, x) == got for x, got in seen):
        says = f"a Value clips its number at {bound:g}"
        causes = [Cause("clipped", "", says, evidence.wrong)]
        return Leaves(causes, partial(clamp, bound), evidence.precision)
    is_changed_later = _is_kept_elsewhere(seen) or any(x.answer.before for x in evidence.numeric)
    return _mutated(evidence) if is_changed_later else _changed_when_made(evidence, seen)


def _rounded_leaves(evidence: Evidence, says: str, loss: Callable[[float], float]) -> Leaves:
    rel = _ABOUT if loss is float32 else _COARSE
    precision = evidence.precision.at_least(rel)
    cases = [outcome for outcome in evidence.wrong if _is_rounding(outcome, loss, rel, precision)]
    unit = _SINGLE if loss is float32 else 0.0
    return Leaves([Cause("precision", "", says, cases)], loss, precision, unit=unit)


def _is_rounding(
    outcome: Outcome, leaf: Callable[[float], float], rel: float, precision: Precision
) -> bool:
    """Whether the errors are small beside the largest number, as where numbers cancel out."""
    steps, want = outcome.answer.program.steps, outcome.case.want
    known = [step.x for step in steps]
    known += [x for numbers in (want.data, want.grad) for x in (numbers or {}).values()]
    unit = min(rel, _SINGLE * len(steps)) if leaf is float32 else rel
    if all(
        wrong.got is not None
        and abs(wrong.got - (wrong.expected or 0.0)) <= unit * max(map(abs, known))
        for wrong in wrong_numbers(outcome.case, outcome.answer)
    ):
        return True
    has_choice = next(choices(outcome.answer.program), None) is not None  # at a kink
    if not has_choice and leaf is float32:
        return False
    rules = CORRECT._replace(leaf=leaf)
    return any(
        explains(outcome.case, outcome.answer, rules._replace(kinks=kinks), precision)
        for kinks in ({}, *choices(outcome.answer.program))
    )


def _changed_when_made(evidence: Evidence, seen: Sequence[tuple[float, float]]) -> Leaves:
    """Name a number that every Value of it changes, however it is used.

    Nothing is said if one op uses all of these Values: that may change them, and then it isn't
    known what else is wrong.
    """
    causes: list[Cause] = []
    if not _mutating(evidence):
        x, got = next((x, got) for x, got in seen if x != got)
        says = f"a Value doesn't keep the number that it is given: of {x!r} it makes {got!r}"
        causes = [Cause("conversion", "", says, _spoilt(evidence))]
    return Leaves(causes, None, evidence.precision, is_mutated=True)


def _is_kept_elsewhere(seen: Sequence[tuple[float, float]]) -> bool:
    """Whether a number that changes stays as it is in another leaf, or becomes another one."""
    kept: dict[float, dict[float, None]] = {}
    for x, got in seen:
        kept.setdefault(x, {})[got] = None
    return any(len(gots) > 1 for gots in kept.values())


def _spoilt(evidence: Evidence) -> list[Outcome]:
    """Return the failures in which the numbers of leaves have changed."""
    return [x for x in evidence.wrong if any(got != given for given, got in leaf_pairs(x))]


def _mutated(evidence: Evidence) -> Leaves:
    """Find the op that changes its operand."""
    spoilt = _spoilt(evidence)
    forms = _mutating(evidence)
    op = forms[0][0] if forms else ""
    says = f"{op or 'an op or backward'} changes the data of an operand: it must make a new Value"
    others = evidence.without(forms).wrong
    affected = [x for x in evidence.wrong if op and not any(x is other for other in others)]
    cause = Cause("mutated", op, says, affected or spoilt)
    return Leaves([cause], None, evidence.precision, is_mutated=True, mutating=forms)


def _mutating(evidence: Evidence) -> Sequence[tuple[str, str]]:
    """Return the op that all changed leaves have, with kinds of operands; nothing if not one has.

    If several are in all of them, it is the one in uses that only changed leaves have. An op that
    changes only negative numbers, say, has unchanged leaves, too.
    """
    known = evidence.compositions or {}
    leaves = [
        pair
        for outcome in evidence.numeric
        for pair in leaf_uses(
            outcome, expanded(outcome.answer.program, known, outcome.answer.parts)
        )
    ]
    unchanged = dict.fromkeys(use for changed, own in leaves if not changed for use in own)
    spoilt = [own for changed, own in leaves if changed]
    exact = [[use for use in own if use not in unchanged] for own in spoilt]
    for uses in (exact, spoilt):
        direct = dict.fromkeys((use.op, use.kinds) for own in uses for use in own if not use.caller)
        ops = [op for op, _ in direct if all(any(use.op == op for use in own) for own in uses)]
        if len(dict.fromkeys(ops)) == 1:
            return tuple(form for form in direct if form[0] == ops[0])
    return ()


def _lost_digits(evidence: Evidence) -> Leaves:
    """Find a loss of digits that all computed numbers share."""
    slightly = [*filter(_is_slightly_wrong, evidence.wrong)]
    if evidence.wrong and 2 * len(slightly) >= len(evidence.wrong):
        for field, word in (("data", "values"), ("grad", "gradients")):
            numbers = [x for outcome in evidence.numeric for x in computed(outcome, field)]
            for says, loss in LOSSES:
                if len(numbers) > 1 and all(loss(x) == x for x in numbers):
                    rel = _ABOUT if loss is float32 else _COARSE
                    cause = Cause("precision", "", f"its {word} are {says}", slightly)
                    return Leaves([cause], None, evidence.precision.at_least(rel))
    return Leaves([], None, evidence.precision)


def _is_slightly_wrong(outcome: Outcome) -> bool:
    got, expected = outcome.got, outcome.expected
    if got is None or expected is None:
        return False
    return abs(got - expected) <= max(0.1, 0.1 * abs(expected))


def _whole(x: float) -> float:
    return float(int(x))
