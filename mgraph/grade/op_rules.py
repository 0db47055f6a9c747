"""Finds the rules of an engine's single ops from observations of them."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.grade.compositions import Composition, Known, compositions, expanded, run_composition
from mgraph.grade.hypotheses.numbers import clamp
from mgraph.grade.observations import Observation, shows_partial
from mgraph.grade.op_mistakes import (
    Mistake,
    float32,
    guarded,
    partial_mistakes,
    value_mistakes,
)
from mgraph.grade.outcomes import Precision, at_kink
from mgraph.grade.program import LEAF, NUMBER, Instruction, Program
from mgraph.grade.simulation import CHOOSING, CORRECT, simulate
from mgraph.ops import OPS, ieee

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from mgraph.grade.simulation import Passed, Rules, Value


_LARGE: Final = 30.0  # exp of less than this is far from overflow
_SINGLE: Final = 1e-5  # relative error of a few operations in single precision
_FLAT: Final = 1e-6  # a partial that is nearly 0
_MANY: Final = 3
"""Number of points that a factor must fit to be more than a coincidence."""
_FORMULAS: Final = ("place", "exponent", "conversion", "value", "precision")
"""Causes of which so many formulas are tried that some give one or two numbers by chance."""


class Fault(NamedTuple):
    """A wrong rule.

    Attributes:
        op: The op.
        kinds: Which operands are Values (V), and which are plain numbers (N).
        operand: Index of the operand whose local derivative is wrong; None if the value is.
        mistake: What the engine does instead; None if that is not known.
        is_composed: Whether it lies in how the op is composed of others.
    """

    op: str
    kinds: str
    operand: int | None
    mistake: Mistake | None
    is_composed: bool = False


class Learned(NamedTuple):
    """An engine's rules.

    Attributes:
        rules: The rules of all ops, right and wrong.
        faults: The rules that are wrong in themselves.
        followers: By op and kinds of operands, the ops that are wrong only because they are
            composed of wrong ones, each with the ops it is composed of.
        composed: The ops that the engine composes of others.
        right: The partials that were seen to be right several times, and never wrong.
        unclear: Ops with kinds of operands that may be wrong although nothing shows it: they are
            only in failures without numbers, or not tried with numbers that are wrong elsewhere.
    """

    rules: Rules
    faults: list[Fault]
    followers: dict[tuple[str, str], dict[str, None]]
    composed: dict[tuple[str, str], Composition]
    right: dict[tuple[str, str, int], None]
    unclear: Mapping[tuple[str, str], None] = {}


def learn(
    observations: Sequence[Observation],
    rules: Rules,
    precision: Precision,
    known: Known | None = None,
) -> Learned:
    """Find out which rules are wrong; ops of which others are composed come first.

    Args:
        observations: Of all ops in all cases.
        rules: What is already known about the engine.
        precision: How near numbers must be.
        known: The ops that the engine composes of others; None if that isn't known.
    """
    learner = _Learner(rules._replace(values={}, slopes={}), precision, known)
    by_form: dict[tuple[str, str], list[Observation]] = {}
    for seen in observations:
        by_form.setdefault((seen.op, seen.kinds[:2]), []).append(seen)
    for form in _in_order(sorted(by_form, key=_rank), known or {}):
        learner.look(*form, by_form[form])
    return Learned(
        learner.rules, learner.faults, learner.followers, learner.composed, learner.right
    )


def _in_order(forms: Iterable[tuple[str, str]], known: Known) -> list[tuple[str, str]]:
    """Order ops so that those of which others are composed come first."""
    left = [*forms]
    ordered: list[tuple[str, str]] = []
    while left:
        ready = [form for form in left if not _waits(form, known, left)]
        ordered += ready or left
        left = [form for form in left if form not in ordered]
    return ordered


def _waits(
    form: tuple[str, str], known: Known, left: Sequence[tuple[str, str]],
) -> bool:  # fmt: skip
    composition = known.get(form)
    parts = composition.ops if composition is not None else {}
    return any(op in parts and (op, kinds) != form for op, kinds in left)


def _rank(form: tuple[str, str]) -> tuple[int, str]:
    """Order ops of which others may be composed before the others, and Values before numbers."""
    op, kinds = form
    first = ("add", "mul", "exp", "log", "neg", "pow", "sub", "div", "sum")
    rank = first.index(op) if op in first else len(first)
    return rank * 10 + kinds.count("N") + (kinds[:1] == "N"), op


class _Learner:
    """The rules found so far."""

    def __init__(
        self, rules: Rules, precision: Precision,
        known: Known | None,
    ) -> None:  # fmt: skip
        self.values: dict[tuple[str, str], Value | None] = {}
        self.slopes: dict[tuple[str, str, int], Passed | None] = {}
        self.rules = rules._replace(values=self.values, slopes=self.slopes)
        self.near = precision.near
        self.faults: list[Fault] = []
        self.followers: dict[tuple[str, str], dict[str, None]] = {}
        self.known = known
        self.is_watched = known is not None
        self.composed: dict[tuple[str, str], Composition] = {}
        self.right: dict[tuple[str, str, int], None] = {}
        self.doubled: dict[str, str] = {}

    def look(self, op: str, kinds: str, observations: Sequence[Observation]) -> None:
        """Find the rules of one op with operands of certain kinds."""
        if self._is_composed(op, kinds, observations):
            return
        self._find_value(op, kinds, observations)
        for operand in range(max(len(seen.xs) for seen in observations)):
            usable = [
                seen
                for seen in observations
                if operand < len(seen.xs) and shows_partial(seen, operand)
            ]
            self._find_partial(op, kinds, operand, usable)
        self._look_at_both(op, kinds, observations)

    def _look_at_both(self, op: str, kinds: str, observations: Sequence[Observation]) -> None:
        """Look for an operand that gets what both must get, if the other one gets nothing.

        Beside a plain number, that is looked for if it is so between Values. Of an op that chooses
        an operand, it would be the one that is chosen each time.
        """
        own = [fault for fault in self.faults if (fault.op, fault.kinds) == (op, kinds)]
        own = [fault for fault in own if fault.operand is not None]
        lost = [f for f in own if f.mistake is not None and f.mistake.cause == "no-gradient"]
        is_shown = len(lost) == 1 and len(own) == 2 if kinds == "VV" else op in self.doubled  # noqa: PLR2004 - operands
        if OPS[op].inputs != 2 or op in CHOOSING or not own or not is_shown:  # noqa: PLR2004 - operands
            return
        k = 1 - (lost[0].operand or 0) if kinds == "VV" else own[0].operand or 0
        which, name = ("first", "self") if k == 0 else ("second", "other")
        says = f"gives its {which} operand what both must get, as if it had {name}.grad += twice"
        both = Mistake("slope", self.doubled.get(op, says), guarded(partial(_sum_of_partials, op)))
        if all(self._has_passed(k, both, seen) for seen in observations if shows_partial(seen, k)):
            self.doubled.setdefault(op, says)
            self.slopes[op, kinds, k] = both.gives
            for fault in own:
                self.faults.remove(fault)
                mistake = lost[0].mistake if fault in lost else None
                gives = mistake.gives if mistake else both.gives
                self.faults.append(fault._replace(mistake=both._replace(gives=gives)))

    def _is_composed(self, op: str, kinds: str, observations: Sequence[Observation]) -> bool:
        """Whether an op's values are those of the parts that it was seen to be composed of."""
        composition = (self.known or {}).get((op, kinds))
        if composition is None or (op == "sum" and not composition.is_sum):
            return False
        only = {(op, kinds): composition}
        rules = self._frozen_rules()
        bare: list[Observation] = []
        for seen in observations:
            value, is_known = _value_of_parts(seen, only, rules)
            if is_known and not self.near(seen.y, value):
                return False
            if not is_known and op == "pow" and seen.y == seen.xs[0] != OPS[op].value(seen.xs):
                bare.append(seen)
        self.composed[op, kinds] = composition
        if bare:
            self.faults.append(Fault(op, kinds, None, _as_it_is(bare), is_composed=True))
        of_parts = [
            fault
            for fault in self.faults
            if fault.op in composition.calls
            and (fault.kinds != "NV" or composition.uses_numbers_first(fault.op, kinds))
        ]
        if not any(fault.operand is None for fault in of_parts):
            self._look_at_composition(op, kinds, observations, only, only_value=bool(of_parts))
        return True

    def _look_at_composition(
        self, op: str, kinds: str, observations: Sequence[Observation],
        only: Mapping[tuple[str, str], Composition], *, only_value: bool,
    ) -> None:  # fmt: skip
        """Find faults in how an op is composed, if its parts did what they should."""
        made = [seen for x in observations if (seen := _made_of_right_parts(x, only)) is not None]
        if not all(self.near(seen.y, OPS[op].value(seen.xs)) for seen in made):
            mistake = _first(value_mistakes(op, kinds), made, self._has_value)
            self.faults.append(Fault(op, kinds, None, mistake, is_composed=True))
            return
        for k, kind in enumerate("" if only_value or op == "sum" else kinds):
            smooth = [seen for seen in made if not at_kink(op, seen.xs) and not _is_far_out(seen)]
            if kind == "V" and not all(self._is_right(k, seen) for seen in smooth):
                fits = partial(self._has_passed, k)
                mistake = _first(partial_mistakes(op, k, kinds), smooth, fits)
                self.faults.append(Fault(op, kinds, k, mistake, is_composed=True))

    def _frozen_rules(self) -> Rules:
        """Return a copy of the rules, so that a composed op isn't composed of itself later."""
        return self.rules._replace(values=dict(self.values), slopes=dict(self.slopes))

    def _find_value(self, op: str, kinds: str, observations: Sequence[Observation]) -> None:
        wrong = [seen for seen in observations if not self.near(seen.y, OPS[op].value(seen.xs))]
        if not wrong:
            self._take_over(op, kinds, observations)
            return
        index = self._composition(op, kinds, observations, None)
        if index is not None:
            rules, guess = self._frozen_rules(), _Guess(op, kinds, index, self.is_watched)
            self.values[op, kinds] = partial(_composed_value, guess, rules)
            return
        mistake = _first(value_mistakes(op, kinds), observations, self._has_value)
        mistake = mistake or self._overflows(observations, wrong, None)
        mistake = mistake or _clipped(observations, wrong)
        self.values[op, kinds] = mistake.gives if mistake else None
        mistake = mistake or _single(observations)  # how it rounds inside isn't known
        self.faults.append(Fault(op, kinds, None, mistake))

    def _take_over(self, op: str, kinds: str, observations: Sequence[Observation]) -> None:
        """Assume a mistake of the op's other forms in this one, too, if no value speaks against it.

        Ops that are composed of this form may show it where its own values don't.
        """
        for fault in self.faults:
            if (fault.op, fault.operand) == (op, None) and fault.mistake is not None:
                mistake = fault.mistake
                if all(self._has_value(mistake, seen) for seen in observations):
                    self.values[op, kinds] = mistake.gives

    def _has_value(self, mistake: Mistake, seen: Observation) -> bool:
        return self.near(seen.y, mistake.gives(seen.xs))

    def _find_partial(
        self, op: str, kinds: str, operand: int, observations: Sequence[Observation]
    ) -> None:
        wrong = [seen for seen in observations if not self._is_right(operand, seen)]
        key = op, kinds, operand
        for follows in self._of_wrong_value(op, kinds, operand):
            if all(self._has_passed(operand, follows, seen) for seen in observations):
                self.slopes[key] = follows.gives  # right for the function that it is instead
                return
        if not wrong:
            if len(observations) >= _MANY and any(seen.upstream != 1.0 for seen in observations):
                self.right[key] = None  # if it were forgotten, an upstream adjoint of 1 hides that
            return
        anew = guarded(partial(_from_inputs, op, operand))
        if all(
            self.near(seen.passed[operand], anew(seen.xs, 0.0, seen.upstream))
            for seen in observations
        ):
            self.slopes[key] = anew  # right, but for a value that is wrong
            return
        index = self._composition(op, kinds, observations, operand)
        if index is not None:
            rules, guess = self._frozen_rules(), _Guess(op, kinds, index, self.is_watched)
            self.slopes[key] = partial(_composed_passed, guess, rules, operand)
            return
        slopes = dict.fromkeys(map(partial(_slope, operand), wrong))
        is_formula_shown = len(slopes) >= _MANY
        mistake = (
            _first(
                (
                    each
                    for each in partial_mistakes(op, operand, kinds)
                    if is_formula_shown or each.cause not in _FORMULAS
                ),
                observations,
                partial(self._has_passed, operand),
            )
            or self._overflows(observations, wrong, operand)
            or self._multiple(operand, observations)
            or self._bounded(operand, observations, wrong)
        )
        telling = [seen for seen in observations if not _is_flat(seen, operand)]
        if mistake is None and not _is_separable(telling, wrong):
            return  # right at some points, wrong at others: the rule is not the reason
        self.slopes[key] = mistake.gives if mistake else None
        self.faults.append(Fault(op, kinds, operand, mistake))

    def _of_wrong_value(self, op: str, kinds: str, operand: int) -> Iterator[Mistake]:
        """Yield partials that follow from a wrong value: of another op, or at another point."""
        own = [f for f in self.faults if (f.op, f.kinds, f.operand) == (op, kinds, None)]
        mistake = own[0].mistake if own else None
        if mistake is None:
            return
        if mistake.instead:
            gives = guarded(partial(_from_inputs, mistake.instead, operand))
            yield Mistake("value", "", gives)
        if mistake.cause == "conversion":
            mistakes = partial_mistakes(op, operand, kinds)
            yield from (each for each in mistakes if each.cause == "conversion")

    def _is_right(self, operand: int, seen: Observation) -> bool:
        partials = OPS[seen.op].partials(seen.xs, seen.y)
        upstream: float = seen.upstream  # type: ignore[assignment]
        return self.near(seen.passed[operand], partials[operand] * upstream)

    def _has_passed(self, operand: int, mistake: Mistake, seen: Observation) -> bool:
        passed = mistake.gives(seen.xs, seen.y, seen.upstream)
        return self.near(seen.passed[operand], passed)

    def _overflows(
        self, observations: Sequence[Observation], wrong: Sequence[Observation], operand: int | None
    ) -> Mistake | None:
        """Look for NaN or an infinity wherever an operand is large, and nowhere else."""
        gots = [seen.y if operand is None else seen.passed[operand] for seen in wrong]
        if len(wrong[0].xs) > 1 or any(got is None for got in gots):
            return None
        right = [seen.xs[0] for seen in _others(observations, wrong)]
        from_, to = _outside([seen.xs[0] for seen in wrong], right)
        is_finite = all(got is not None and math.isfinite(got) for got in gots)
        is_far = min(from_, -to) >= _LARGE and min(from_, -to) < ieee.INF
        if is_finite or not is_far:
            return None
        op, number = observations[0].op, f"{gots[0]:g}"
        what = "gives" if operand is None else "passes on"
        ends = [f"{x:g}" for x in (from_, to) if math.isfinite(x)]
        where = f"from about x = {' and '.join(ends)} on"
        says = f"{what} {number} {where}: an intermediate result overflows"

        def gives(xs: Sequence[float], y: float = 0.0, up: float = 1.0) -> float:
            if xs[0] >= from_ or xs[0] <= to:
                return math.nan
            return OPS[op].value(xs) if operand is None else OPS[op].partials(xs, y)[operand] * up

        return Mistake("overflow", says, gives)

    def _multiple(self, operand: int, observations: Sequence[Observation]) -> Mistake | None:
        """Look for one factor by which all partials are wrong."""
        first = observations[0]
        op = OPS[first.op]
        right = op.partials(first.xs, first.y)[operand] * (first.upstream or 0.0)
        got = first.passed[operand]
        if not right or not got or len(observations) < _MANY or not math.isfinite(got / right):
            return None
        factor = got / right
        mistake = Mistake(
            "factor",
            f"passes on {factor:g} times its local derivative, which is {op.partial_text(operand)}",
            lambda xs, y, up: factor * op.partials(xs, y)[operand] * up,
        )
        fits = all(self._has_passed(operand, mistake, seen) for seen in observations)
        return mistake if fits else None

    def _bounded(
        self, operand: int, observations: Sequence[Observation], wrong: Sequence[Observation]
    ) -> Mistake | None:
        """Look for a bound on the local derivative, beyond which that has several values."""
        op = OPS[observations[0].op]
        beyond = dict.fromkeys(op.partials(seen.xs, seen.y)[operand] for seen in wrong)
        if len(beyond) < 2:  # noqa: PLR2004 - a factor looks the same
            return None
        bound = abs((wrong[0].passed[operand] or 0.0) / (wrong[0].upstream or 1.0))
        mistake = Mistake(
            "clipped",
            f"clips its local derivative, {op.partial_text(operand)}, at {bound:g}",
            lambda xs, y, up: clamp(bound, op.partials(xs, y)[operand]) * up,
        )
        fits = all(self._has_passed(operand, mistake, seen) for seen in observations)
        return mistake if bound and bound == bound and fits else None

    def _composition(
        self, op: str, kinds: str, observations: Sequence[Observation], operand: int | None
    ) -> int | None:
        """Return the index of the composition that explains all observations, or None."""
        left: list[int] | None = None
        for seen in observations:
            got = seen.y if operand is None else seen.passed[operand]
            numbers = _composed_numbers(seen, self.rules, operand, is_watched=self.is_watched)
            indices = range(len(numbers)) if left is None else left
            left = [i for i in indices if i < len(numbers) and self._is_near(got, numbers[i])]
            if not left:
                return None
        if not left:
            return None
        first = observations[0]
        made = compositions(op, first.kinds, first.xs, is_watched=self.is_watched)
        program = list(made)[left[0]]
        parts = dict.fromkeys(step.op for step in program.steps if step.args)
        self.followers.setdefault((op, kinds), {}).update(parts)
        return left[0]

    def _is_near(self, got: float | None, x: float | None) -> bool:
        return x is not None and self.near(got, x)


def _slope(operand: int, seen: Observation) -> str:
    """Return the local derivative an engine had, to as many digits as numbers must agree in."""
    return f"{(seen.passed[operand] or 0.0) / (seen.upstream or 1.0):.9g}"


def _sum_of_partials(op: str, xs: Sequence[float], y: float, upstream: float) -> float:
    """Return what all operands together must get."""
    return sum(OPS[op].partials(xs, y)) * upstream


def _from_inputs(op: str, operand: int, xs: Sequence[float], _: float, upstream: float) -> float:
    """Return the adjoint that an engine passes on if it computes the op's value once more."""
    return OPS[op].partials(xs, OPS[op].value(xs))[operand] * upstream


def _value_of_parts(
    seen: Observation, known: Mapping[tuple[str, str], Composition], rules: Rules
) -> tuple[float, bool]:
    """Return the value of an op as its parts give it, and whether they are all known."""
    own = seen.outcome.answer.parts
    if seen.step in own and own[seen.step] is None:
        return 0.0, False
    parts = _parts(seen, known)
    ran = simulate(parts, rules._replace(leaf=None, order=lambda _: ()))
    return ran.data[parts.root], not ran.is_unknown


def _as_it_is(bare: Sequence[Observation]) -> Mistake:
    """Return the mistake of a power that gives its base for some exponents, as loops may do."""
    exponents = ", ".join(f"{n:g}" for n in dict.fromkeys(seen.xs[1] for seen in bare))
    return Mistake("value", f"gives its base as it is for x ** {exponents}", lambda xs, *_: xs[0])


def _made_of_right_parts(
    seen: Observation, known: Mapping[tuple[str, str], Composition]
) -> Observation | None:
    """Return what an op would show if its parts did what they should; None if that overflows.

    None, too, if an operand is used twice: then it can't be told what each of them receives.
    """
    answer = seen.outcome.answer
    args = answer.program.steps[seen.step].args
    is_unknown = seen.step in answer.parts and answer.parts[seen.step] is None
    if is_unknown or len(dict.fromkeys(args)) < len(args):
        return None
    parts = _parts(seen, known)
    ran = simulate(parts, CORRECT)
    passed = tuple(ran.grad[k] for k in range(len(seen.xs)))
    if not all(map(math.isfinite, (ran.data[parts.root], *passed))):
        return None
    return seen._replace(y=ran.data[parts.root], upstream=1.0, passed=passed)


def _parts(seen: Observation, known: Mapping[tuple[str, str], Composition]) -> Program:
    """Return the parts of an observed op as a program; its first steps are the operands."""
    operands = tuple(
        Instruction(NUMBER if kind == "N" else LEAF, (), x)
        for kind, x in zip(seen.kinds, seen.xs, strict=True)
    )
    count = len(operands)
    whole = Program(
        (*operands, Instruction(seen.op, tuple(range(count)))), tuple(range(count)), count
    )
    own = seen.outcome.answer.parts
    return expanded(whole, known, {count: own[seen.step]} if seen.step in own else None)


def _is_far_out(seen: Observation) -> bool:
    """Whether intermediate results may overflow or vanish, which is no mistake in a derivative."""
    return any(abs(x) >= _LARGE for x in seen.xs)


def _first(
    mistakes: Iterator[Mistake],
    observations: Sequence[Observation],
    fits: Callable[[Mistake, Observation], bool],
) -> Mistake | None:
    """Return the first mistake that explains every observation: the most usual one comes first."""
    return next(
        (mistake for mistake in mistakes if all(fits(mistake, seen) for seen in observations)),
        None,
    )


def _single(observations: Sequence[Observation]) -> Mistake | None:
    """Look for values that are nearly right, and fit into single precision."""
    op = observations[0].op
    if not all(float32(seen.y) == seen.y for seen in observations):
        return None
    near = Precision().at_least(_SINGLE).near
    if not all(near(seen.y, OPS[op].value(seen.xs)) for seen in observations):
        return None
    return Mistake("precision", "computes in single precision", OPS[op].value)


def _clipped(observations: Sequence[Observation], wrong: Sequence[Observation]) -> Mistake | None:
    """Look for an operand beyond which the value stays the same, on either side."""
    op = observations[0].op
    if len(observations[0].xs) > 1:
        return None
    right = [seen.xs[0] for seen in _others(observations, wrong)]
    low, high = min(right, default=0.0), max(right, default=0.0)
    below = {seen.y for seen in wrong if seen.xs[0] < low}
    above = {seen.y for seen in wrong if seen.xs[0] > high}
    outside = sum(not low <= seen.xs[0] <= high for seen in wrong)
    if not right or outside < len(wrong) or len(below) > 1 or len(above) > 1:
        return None
    if any(level != level for level in (*below, *above)):
        return None  # NaN is no bound
    levels = [*below, *above]

    def gives(xs: Sequence[float]) -> float:
        y = OPS[op].value(xs)
        if below and xs[0] < low:
            return _up_to(levels[0], OPS[op].value([low]), y)
        if above and xs[0] > high:
            return _up_to(levels[-1], OPS[op].value([high]), y)
        return y

    if any(gives(seen.xs) != seen.y for seen in wrong):
        return None
    says = f"is clipped: it never goes beyond {' or '.join(f'{level:g}' for level in levels)}"
    return Mistake("clipped", says, gives)


def _up_to(level: float, inside: float, y: float) -> float:
    """Return a value, or the level if that lies between the value and one inside the bounds."""
    return level if (level - inside) * (y - level) >= 0.0 else y


def _outside(wrong: Sequence[float], right: Sequence[float]) -> tuple[float, float]:
    """Return the bounds above and below which all points are wrong; infinite if there are none."""
    high = min((x for x in wrong if x > max(right, default=0.0)), default=ieee.INF)
    low = max((x for x in wrong if x < min(right, default=0.0)), default=-ieee.INF)
    is_all = all(x >= high or x <= low for x in wrong)
    return (high, low) if is_all and right else (ieee.INF, -ieee.INF)


def _others(observations: Sequence[Observation], wrong: Sequence[Observation]) -> list[Observation]:
    return [seen for seen in observations if not any(seen is other for other in wrong)]


def _is_flat(seen: Observation, operand: int) -> bool:
    """Whether an op is so flat at a point that wrong partials are often right there, too."""
    return abs(OPS[seen.op].partials(seen.xs, seen.y)[operand]) < _FLAT


def _is_separable(observations: Sequence[Observation], wrong: Sequence[Observation]) -> bool:
    """Whether a rule is wrong nearly everywhere, or on just one side of some operand's value."""
    right = _others(observations, wrong)
    if 3 * len(right) <= len(wrong):
        return True
    if min(len(right), len(wrong)) < _MANY:
        return False
    for k in range(min(len(seen.xs) for seen in observations)):  # a sum may have any number
        fine, bad = (sorted(seen.xs[k] for seen in group) for group in (right, wrong))
        if fine[-1] < bad[0] or bad[-1] < fine[0]:
            return True
    return False


def _composed_numbers(
    seen: Observation, rules: Rules, operand: int | None, *, is_watched: bool
) -> list[float | None]:
    """Return an op's value, or what an operand receives, for each composition of the op."""
    numbers: list[float | None] = []
    upstream = 1.0 if seen.upstream is None else seen.upstream
    for program in compositions(seen.op, seen.kinds, seen.xs, is_watched=is_watched):
        value, passed, is_known = run_composition(program, rules, upstream)
        numbers.append((value if operand is None else passed[operand]) if is_known else None)
    return numbers


class _Guess(NamedTuple):
    """A formula by which an engine may compose an op.

    Attributes:
        op: The op.
        kinds: Which of its first two operands are Values (V), and which are plain numbers (N).
        choice: The index of the formula among those that `compositions` yields.
        is_watched: Whether the engine was seen not to call other ops.
    """

    op: str
    kinds: str
    choice: int
    is_watched: bool

    def program(self, xs: Sequence[float]) -> Program:
        """Return the formula with operands."""
        kinds = "V" * len(xs) if self.op == "sum" else self.kinds
        made = compositions(self.op, kinds, xs, is_watched=self.is_watched)
        return list(made)[self.choice]


def _composed_value(guess: _Guess, rules: Rules, xs: Sequence[float]) -> float:
    return run_composition(guess.program(xs), rules)[0]


def _composed_passed(
    guess: _Guess, rules: Rules, operand: int, xs: Sequence[float], _: float, upstream: float
) -> float:
    _, passed, is_known = run_composition(guess.program(xs), rules, upstream)
    return (passed[operand] if is_known else None) or 0.0
