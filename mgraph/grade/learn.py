"""Rules of single ops, learned from what an engine did with them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.grade.catalogue import Guess, float32, slope_guesses, value_guesses
from mgraph.grade.judge import near
from mgraph.grade.made import made_of, through
from mgraph.grade.observe import Seen, says_slope
from mgraph.grade.passes import clamp
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mgraph.grade.simulate import Passed, Rules, Value


_SINGLE: Final = 1e-5  # relative error of a few operations in single precision
_MANY: Final = 3
"""Points at which one factor must fit to be more than a coincidence."""


class Fault(NamedTuple):
    """A rule that is wrong.

    Attributes:
        op: The op.
        kinds: Which operands are Values (V), and which are plain numbers (N).
        place: The operand whose slope is wrong; None: the value is.
        guess: What the engine does instead; None: nobody knows.
    """

    op: str
    kinds: str
    place: int | None
    guess: Guess | None


class Learned(NamedTuple):
    """An engine's rules.

    Attributes:
        rules: All of them, as they are.
        faults: Those that are wrong by themselves.
        followers: Ops that are wrong because others are, by op and kinds of operands; and these.
    """

    rules: Rules
    faults: list[Fault]
    followers: dict[tuple[str, str], dict[str, None]]


def learn(seen: Sequence[Seen], rules: Rules, rel: float) -> Learned:
    """Find out which rules are wrong, ops that others are made of first.

    Args:
        seen: All ops at work.
        rules: What is known already.
        rel: How near numbers must be.
    """
    found = _Learner(rules._replace(values={}, slopes={}), rel)
    forms = dict.fromkeys((each.op, each.kinds[:2]) for each in seen)
    for op, kinds in sorted(forms, key=_rank):
        at = [each for each in seen if each.op == op and each.kinds[:2] == kinds]
        found.look(op, kinds, at)
    return Learned(found.rules, found.faults, found.followers)


def _rank(form: tuple[str, str]) -> tuple[int, str]:
    """Order ops so that those which others are made of come first, Values before numbers."""
    op, kinds = form
    first = ("add", "mul", "exp", "log", "neg", "pow", "sub", "div", "sum")
    place = first.index(op) if op in first else len(first)
    return place * 10 + kinds.count("N") + (kinds[:1] == "N"), op


class _Learner:
    """What is known so far."""

    def __init__(self, rules: Rules, rel: float) -> None:
        self.values: dict[tuple[str, str], Value | None] = {}
        self.slopes: dict[tuple[str, str, int], Passed | None] = {}
        self.rules = rules._replace(values=self.values, slopes=self.slopes)
        self.rel = rel
        self.faults: list[Fault] = []
        self.followers: dict[tuple[str, str], dict[str, None]] = {}

    def look(self, op: str, kinds: str, at: Sequence[Seen]) -> None:
        """Look at one op with operands of certain kinds."""
        self._value(op, kinds, at)
        for place in range(max(len(each.xs) for each in at)):
            usable = [each for each in at if place < len(each.xs) and says_slope(each, place)]
            self._slope(op, kinds, place, usable)

    def _now(self) -> Rules:
        """Return what is known now: what is made of others must not be made of itself."""
        return self.rules._replace(values=dict(self.values), slopes=dict(self.slopes))

    def _value(self, op: str, kinds: str, at: Sequence[Seen]) -> None:
        wrong = [each for each in at if not near(each.y, OPS[op].value(each.xs), self.rel)]
        if not wrong:
            return
        way = self._way(op, kinds, at, None)
        if way is not None:
            self.values[op, kinds] = partial(_made_value, op, kinds, way, self._now())
            return
        guess = _one(value_guesses(op, kinds), at, self._gives_value) or _cut_off(at, wrong)
        self.values[op, kinds] = guess.gives if guess else None
        guess = guess or _single(at)  # how it rounds inside can't be known
        self.faults.append(Fault(op, kinds, None, guess))

    def _gives_value(self, guess: Guess, each: Seen) -> bool:
        return near(each.y, guess.gives(each.xs), self.rel)

    def _slope(self, op: str, kinds: str, place: int, at: Sequence[Seen]) -> None:
        wrong = [each for each in at if not self._is_right(place, each)]
        if not wrong:
            return
        way = self._way(op, kinds, at, place)
        if way is not None:
            self.slopes[op, kinds, place] = partial(_made_slope, op, kinds, way, self._now(), place)
            return
        guess = _one(slope_guesses(op, place, kinds), at, partial(self._gives_slope, place))
        guess = guess or self._multiple(place, at) or self._bounded(place, at, wrong)
        if guess is None and not _is_told_apart(at, wrong):
            return  # right here and wrong there: something else is at work
        self.slopes[op, kinds, place] = guess.gives if guess else None
        self.faults.append(Fault(op, kinds, place, guess))

    def _is_right(self, place: int, each: Seen) -> bool:
        partials = OPS[each.op].partials(each.xs, each.y)
        upstream: float = each.upstream  # type: ignore[assignment]
        return near(each.passed[place], partials[place] * upstream, self.rel)

    def _gives_slope(self, place: int, guess: Guess, each: Seen) -> bool:
        given = guess.gives(each.xs, each.y, each.upstream)
        return near(each.passed[place], given, self.rel)

    def _multiple(self, place: int, at: Sequence[Seen]) -> Guess | None:
        """Look for one factor by which all slopes are wrong."""
        op = at[0].op
        slope = OPS[op].partials(at[0].xs, at[0].y)[place]
        right = slope * (at[0].upstream or 0.0)
        got = at[0].passed[place]
        if not right or not got or len(at) < _MANY:
            return None
        factor = got / right
        guess = Guess(
            "factor",
            f"passes on {factor:g} times its slope, which is {OPS[op].partial_text(place)}",
            lambda xs, y, up: factor * OPS[op].partials(xs, y)[place] * up,
        )
        return guess if all(self._gives_slope(place, guess, each) for each in at) else None

    def _bounded(self, place: int, at: Sequence[Seen], wrong: Sequence[Seen]) -> Guess | None:
        """Look for a bound of the local slope."""
        op, text = at[0].op, OPS[at[0].op].partial_text(place)
        bound = abs((wrong[0].passed[place] or 0.0) / (wrong[0].upstream or 1.0))
        guess = Guess(
            "clipped",
            f"cuts its slope off at {bound:g}; it is {text}",
            lambda xs, y, up: clamp(bound, OPS[op].partials(xs, y)[place]) * up,
        )
        return (
            guess if bound and all(self._gives_slope(place, guess, each) for each in at) else None
        )

    def _way(self, op: str, kinds: str, at: Sequence[Seen], place: int | None) -> int | None:
        """Return how an op is made of others, if that alone explains all that was seen."""
        left: list[int] | None = None
        for each in at:
            got = each.y if place is None else each.passed[place]
            ways = ways_of(each, self.rules, place)
            some = range(len(ways)) if left is None else left
            left = [i for i in some if i < len(ways) and self._is_near(got, ways[i])]
            if not left:
                return None
        if not left:
            return None
        program = list(made_of(op, at[0].kinds, at[0].xs))[left[0]]
        via = dict.fromkeys(step.op for step in program.steps if step.args)
        self.followers.setdefault((op, kinds), {}).update(via)
        return left[0]

    def _is_near(self, got: float | None, x: float | None) -> bool:
        return x is not None and near(got, x, self.rel)


def _one(
    guesses: Iterator[Guess], at: Sequence[Seen], holds: Callable[[Guess, Seen], bool]
) -> Guess | None:
    """Return the guess that explains every observation: the most usual where several do."""
    return next((guess for guess in guesses if all(holds(guess, each) for each in at)), None)


def _single(at: Sequence[Seen]) -> Guess | None:
    """Look for values that single precision can hold, and that are nearly right."""
    op = at[0].op
    if not all(float32(each.y) == each.y for each in at):
        return None
    if not all(near(each.y, OPS[op].value(each.xs), _SINGLE) for each in at):
        return None
    return Guess("precision", "works in single precision", OPS[op].value)


def _cut_off(at: Sequence[Seen], wrong: Sequence[Seen]) -> Guess | None:
    """Look for operands beyond which a value stays the same, on either side."""
    op = at[0].op
    if len(at[0].xs) > 1:
        return None
    right = [each.xs[0] for each in at if not any(each is other for other in wrong)]
    low, high = min(right, default=0.0), max(right, default=0.0)
    below = {each.y for each in wrong if each.xs[0] < low}
    above = {each.y for each in wrong if each.xs[0] > high}
    outside = sum(not low <= each.xs[0] <= high for each in wrong)
    if not right or outside < len(wrong) or len(below) > 1 or len(above) > 1:
        return None
    levels = [*below, *above]
    return Guess(
        "clipped",
        f"is cut off: it never goes beyond {' or '.join(f'{level:g}' for level in levels)}",
        lambda xs: levels[0] if xs[0] < low else levels[-1] if xs[0] > high else OPS[op].value(xs),
    )


def _is_told_apart(at: Sequence[Seen], wrong: Sequence[Seen]) -> bool:
    """Whether an operand tells where a rule is wrong: everywhere, or on one side of a number."""
    right = [each for each in at if not any(each is other for other in wrong)]
    if 3 * len(right) <= len(wrong):
        return True
    if min(len(right), len(wrong)) < _MANY:
        return False
    for k in range(len(at[0].xs)):
        fine, bad = (sorted(each.xs[k] for each in some) for some in (right, wrong))
        if fine[-1] < bad[0] or bad[-1] < fine[0]:
            return True
    return False


def ways_of(each: Seen, rules: Rules, place: int | None) -> list[float | None]:
    """Return what an op gives, or passes on, if it is made of others in one way or another."""
    found: list[float | None] = []
    upstream = 1.0 if each.upstream is None else each.upstream
    for program in made_of(each.op, each.kinds, each.xs):
        value, slopes, known = through(program, rules, upstream)
        found.append((value if place is None else slopes[place]) if known else None)
    return found


def _made_value(op: str, kinds: str, way: int, rules: Rules, xs: Sequence[float]) -> float:
    if op == "sum":
        kinds = "V" * len(xs)
    program = list(made_of(op, kinds, xs))[way]
    return through(program, rules)[0]


def _made_slope(  # noqa: PLR0913, PLR0917 - all but the last three are bound beforehand
    op: str, kinds: str, way: int, rules: Rules, place: int,
    xs: Sequence[float], _: float, upstream: float,
) -> float:  # fmt: skip
    if op == "sum":
        kinds = "V" * len(xs)
    program = list(made_of(op, kinds, xs))[way]
    _, slopes, known = through(program, rules, upstream)
    return (slopes[place] if known else None) or 0.0
