"""What a diagnosis starts from: the outcomes of all cases, sorted by what they can show."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final

from mgraph.grade.compositions import Composition, Known, expanded
from mgraph.grade.observations import is_long, root_pair, uses
from mgraph.grade.outcomes import (
    Precision,
    Verdict,
    choices,
    is_right_again,
    kinked,
    matches,
    wrong_numbers,
)
from mgraph.grade.simulation import CHOOSING, CORRECT, early_rules, forward, simulate
from mgraph.grade.traversals import STOPPING
from mgraph.ops import is_leaf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mgraph.grade.outcomes import Outcome
    from mgraph.grade.program import Program
    from mgraph.grade.simulation import Primals, Rules

BUDGET: Final = 1_100_000
"""Simulated steps, some seconds, after which no more hypotheses are tried."""

_COMPARED: Final = (
    Verdict.OK,
    Verdict.CONVENTION,
    Verdict.WRONG_VALUE,
    Verdict.WRONG_GRADIENT,
)
_WRONG: Final = (Verdict.WRONG_VALUE, Verdict.WRONG_GRADIENT)


@dataclass(eq=False)
class Sample:
    """A case with numbers, and the program that the engine really ran.

    Attributes:
        outcome: The outcome of the case.
        program: Its steps; ops that the engine composes of others are replaced by their parts.
        opaque: Ops, with the kinds of their operands, of which it isn't known what they are
            composed of.
    """

    outcome: Outcome
    program: Program
    opaque: Sequence[tuple[str, str]] = ()
    _primals: tuple[Rules, Primals] | None = field(default=None, init=False, repr=False)

    @cached_property
    def seen(self) -> list[float | None]:
        """The primals that the engine computed, by step; None where they aren't known."""
        numbers: list[float | None] = [None] * len(self.program.steps)
        for node, step in enumerate(self.program.step_of_node):
            if step >= 0:
                numbers[step] = self.outcome.answer.data[node]
        return numbers

    def primals(self, rules: Rules) -> Primals:
        """Return the primals by some rules: kept from one call to the next."""
        last = self._primals
        if last is None or (last[0].values, last[0].leaf) != (rules.values, rules.leaf):
            last = self._primals = rules, forward(self.program, rules, self.seen)
        return last[1]

    @cached_property
    def grads(self) -> list[float | None]:
        """The adjoints that the engine computed, by step; None where they aren't known."""
        numbers: list[float | None] = [None] * len(self.program.steps)
        for node, step in enumerate(self.program.step_of_node):
            if step >= 0 and not is_leaf(self.outcome.case.graph.columns.opcode[node]):
                numbers[step] = self.outcome.answer.grad[node]
        return numbers

    @cached_property
    def choosing(self) -> list[str]:
        """The ops of two operands that are at a kink in some step."""
        primals = simulate(self.program, CORRECT).data
        return [op for op in kinked(self.program, primals) if op in CHOOSING]

    @cached_property
    def variants(self) -> list[tuple[dict[str, Sequence[float]], bool]]:
        """What engines may do: partials at the kinks, and whether they don't pass 0 on."""
        return _with_idle(choices(self.program))

    @cached_property
    def wrong_variants(self) -> list[tuple[dict[str, Sequence[float]], bool]]:
        """What engines may do whose partials are wrong elsewhere, too."""
        return _with_idle(choices(self.program, self.choosing))

    @cached_property
    def may_stop(self) -> bool:
        """Whether an op may pass on nothing, or 0."""
        return any(map(self.has, STOPPING)) or 0.0 in self.outcome.answer.data

    @cached_property
    def results(self) -> list[int]:
        """The steps of ops."""
        return [i for i, step in enumerate(self.program.steps) if step.args]

    @cached_property
    def root(self) -> tuple[float, float] | None:
        """Data and gradient of the root, or None if the root is not a node."""
        return root_pair(self.outcome)

    @cached_property
    def forms(self) -> frozenset[tuple[str, str]]:
        """The ops of the program, with the kinds of their first two operands."""
        steps = enumerate(self.program.steps)
        return frozenset((step.op, self.program.kinds(i)[:2]) for i, step in steps if step.args)

    @cached_property
    def most(self) -> float:
        """The largest finite magnitude among the engine's numbers."""
        answer = self.outcome.answer
        known = [abs(x) for x in (*answer.data, *answer.grad) if x is not None]
        return max((x for x in known if math.isfinite(x)), default=0.0)

    @property
    def is_long(self) -> bool:
        """Whether the case is too long to be simulated with every hypothesis."""
        return is_long(self.outcome)

    @cached_property
    def is_opaque(self) -> bool:
        """Whether it isn't known of which ops some step is composed."""
        unknown = [part for part in self.outcome.answer.parts.values() if part is None]
        return bool(unknown) or not self.forms.isdisjoint(self.opaque)

    def has(self, op: str) -> bool:
        """Whether the program has an op."""
        return any(step.op == op for step in self.program.steps)


@dataclass
class Evidence:
    """The outcomes of all cases of one engine.

    Attributes:
        outcomes: All of them.
        precision: How near a number must be to a predicted one.
        compositions: The ops that the engine composes of others; None if that isn't known, as for
            a program in another language.
        dropped: Failures that show nothing, because of what earlier graphs left.
        is_afresh: Whether earlier graphs matter, so that some outcomes are those in new processes.
    """

    outcomes: Sequence[Outcome]
    precision: Precision = field(default_factory=Precision)
    dropped: Sequence[Outcome] = ()
    is_afresh: bool = False

    @cached_property
    def numeric(self) -> list[Outcome]:
        """The outcomes with numbers to compare."""
        return [
            outcome
            for outcome in self.outcomes
            if outcome.answer.has_numbers
            and outcome.outcome in _COMPARED
            and not outcome.is_of_integers
        ]

    @cached_property
    def wrong(self) -> list[Outcome]:
        """The outcomes with wrong numbers."""
        return [outcome for outcome in self.numeric if outcome.outcome in _WRONG]

    @cached_property
    def crashed(self) -> list[Outcome]:
        """The outcomes of cases in which the engine crashed."""
        return [outcome for outcome in self.outcomes if outcome.outcome == Verdict.CRASHED]

    @cached_property
    def unsteady(self) -> list[Outcome]:
        """The outcomes of graphs that gave other numbers when they were built again."""
        return [
            outcome
            for outcome in self.outcomes
            if outcome.outcome == Verdict.NOT_REPRODUCIBLE
            and outcome.answer.again is not None
            and not outcome.case.is_first
        ]

    @cached_property
    def of_integers(self) -> list[Outcome]:
        """The outcomes of graphs that are right with floats, and wrong with integers."""
        return [outcome for outcome in self.outcomes if outcome.is_of_integers]

    @cached_property
    def first(self) -> list[Outcome]:
        """The outcomes of first graphs of a process that are right when they are built again.

        Only the gradient of their first Value is wrong, and no other graph gives other numbers when
        it is built again, as with random numbers.
        """
        if self.unsteady:
            return []
        return [
            outcome
            for outcome in self.outcomes
            if outcome.case.is_first
            and outcome.outcome == Verdict.NOT_REPRODUCIBLE
            and is_right_again(outcome)
            and _is_wrong_in_first_value(outcome)
        ]

    @cached_property
    def following(self) -> list[Outcome]:
        """The outcomes of graphs whose leaves got wrong gradients from a further graph of them."""
        return [
            outcome
            for outcome in self.outcomes
            if outcome.outcome == Verdict.NOT_REPRODUCIBLE
            and outcome.answer.following
            and not (outcome.answer.again or outcome.answer.varies)
        ]

    @cached_property
    def compositions(self) -> Known | None:
        """The ops that the engine composes of others, by op and kinds of operands."""
        known = [outcome.answer.compositions for outcome in self.outcomes]
        if all(compositions is None for compositions in known):
            return None
        merged: dict[tuple[str, str], Composition | None] = {}
        for compositions in known:
            merged |= compositions or {}
        return merged

    def without(self, forms: Sequence[tuple[str, str]]) -> Evidence:
        """Return the evidence of the cases that have none of some ops, and none composed of them.

        Args:
            forms: The ops, with the kinds of their first two operands.
        """
        known = (self.compositions or {}).items()
        ops = dict.fromkeys(op for op, _ in forms)
        users = [form for form, parts in known if parts and any(op in ops for op in parts.ops)]
        kept = [
            outcome
            for outcome in self.outcomes
            if not any(uses(outcome, op, [kinds]) for op, kinds in (*forms, *users))
        ]
        return replace(self, outcomes=kept)


def _with_idle(
    choices: Iterable[dict[str, Sequence[float]]],
) -> list[tuple[dict[str, Sequence[float]], bool]]:
    """Return partials at the kinks, first the usual, each with whether 0 is not passed on."""
    return [(kinks, idle) for kinks in ({}, *choices) for idle in (False, True)]


def _just(steps: Iterable[int], *_: object) -> Iterable[int]:
    return steps


def _is_wrong_in_first_value(outcome: Outcome) -> bool:
    """Whether only the gradient of the first Value is wrong."""
    program = outcome.answer.program
    steps = dict(zip(outcome.case.graph.columns.ids, program.step_of_node, strict=True))
    first = program.values()[0]
    wrong = wrong_numbers(outcome.case, outcome.answer)
    return all((steps[number.node], number.field) == (first, "grad") for number in wrong)


def gather(outcomes: Sequence[Outcome]) -> Evidence:
    """Return the evidence in the outcomes of all cases, with the smallest tolerance of them."""
    tolerances = [outcome.case.tolerance for outcome in outcomes]
    rel = min((tolerance.rel or 0.0 for tolerance in tolerances), default=0.0)
    abs_ = min((tolerance.abs or 0.0 for tolerance in tolerances), default=0.0)
    return Evidence(outcomes, Precision().at_least(rel, abs_))


def samples_of(
    outcomes: Sequence[Outcome], compositions: Known, opaque: Sequence[tuple[str, str]] = ()
) -> list[Sample]:
    """Return outcomes with the programs that the engine really ran, the smallest first.

    Args:
        outcomes: The outcomes.
        compositions: The ops that the engine composes of others.
        opaque: Those of which it isn't known what they are composed of.
    """
    samples = [
        Sample(
            outcome, expanded(outcome.answer.program, compositions, outcome.answer.parts), opaque
        )
        for outcome in outcomes
    ]
    return sorted(samples, key=lambda sample: len(sample.program.steps))


class Simulator:
    """Compares rules with samples, until its budget is spent."""

    def __init__(self, precision: Precision, unit: float = 0.0) -> None:
        """Start with the whole budget.

        Args:
            precision: How near a number must be to a predicted one.
            unit: The error of each step, relative to the largest number of a case; where numbers
                cancel out, it is what is left.
        """
        self.precision = precision
        self.unit = unit
        self.left = BUDGET

    @property
    def is_spent(self) -> bool:
        """Whether the budget is spent."""
        return self.left <= 0

    def fits(self, sample: Sample, rules: Rules) -> bool | None:
        """Whether rules give a sample's numbers; None if that isn't known."""
        if sample.is_opaque:
            return None
        precision = self.precision
        if self.unit:
            precision = precision.at_least(0.0, self.unit * len(sample.program.steps) * sample.most)
        has_idle = sample.may_stop
        # If outputs start at 0, and 0 isn't passed on, then it isn't in any graph.
        is_all_0 = rules.seed is not None and rules.seed(1.0) == 0.0
        is_wrong = any(op in sample.choosing for op, _, _ in rules.slopes)
        for kinks, idle in sample.wrong_variants if is_wrong else sample.variants:
            if idle and (is_all_0 or not has_idle):
                continue
            self.left -= len(sample.program.steps)
            variant = rules
            if idle != rules.idle or kinks:  # a copy takes a while
                variant = rules._replace(kinks={**kinks, **rules.kinks}, idle=idle)
            for ran in self._ordered(sample, variant, precision):
                predicted = simulate(sample.program, ran, sample.primals(ran))
                if predicted.is_unknown:
                    return None
                case, answer = sample.outcome.case, sample.outcome.answer
                if matches(case, answer, sample.program, predicted.data, predicted.grad, precision):
                    return True
                has_idle = has_idle or any(predicted.grad[i] == 0.0 for i in sample.results)
        return False

    def _ordered(self, sample: Sample, rules: Rules, precision: Precision) -> Iterator[Rules]:
        """Yield rules with the orders that an engine may have, if it isn't known which it has."""
        if rules.is_early:
            early = self._early(sample, rules, precision)
            yield from () if early is None else (early,)
        elif rules.by_chance:
            for steps in rules.by_chance(sample.program, sample.primals(rules).data):
                self.left -= len(sample.program.steps)
                yield rules._replace(by_number=partial(_just, steps))
        else:
            yield rules

    def _early(self, sample: Sample, rules: Rules, precision: Precision) -> Rules | None:
        """Return rules with a wrong order that gives a sample's numbers, if there is one."""
        primals, near = sample.primals(rules), precision.near
        early, tries = early_rules(sample.program, rules, primals, sample.grads, near)
        self.left -= tries
        return early

    def differ(self, sample: Sample, some: Rules, others: Rules) -> bool:
        """Whether two sets of rules give a sample other adjoints, as far as both are known."""
        self.left -= 2 * len(sample.program.steps)
        first, second = (
            simulate(sample.program, rules, sample.primals(rules)) for rules in (some, others)
        )
        if first.is_unknown or second.is_unknown:
            return False
        return not all(map(self.precision.near, first.grad, second.grad))
