"""Causes in the rules of single ops: wrong values, which show directly, and wrong partials."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.grade.causes import SYMBOLS, Cause, reflected_method
from mgraph.grade.hypotheses.hypothesis import Hypothesis
from mgraph.grade.hypotheses.passes import (
    EXCHANGES_PLACES,
    FORGETS_PARTIAL,
    FORGETS_UPSTREAM,
    SWAPS_GRADIENTS,
    TAKES_FIRST_TWICE,
    USES_FIRST_FOR_SECOND,
    USES_OPERAND_FOR_RESULT,
)
from mgraph.grade.observations import shows_partial
from mgraph.grade.op_mistakes import guarded
from mgraph.grade.outcomes import Precision
from mgraph.grade.simulation import CHOOSING
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mgraph.grade.observations import Observation
    from mgraph.grade.op_rules import Fault, Learned
    from mgraph.grade.outcomes import Outcome
    from mgraph.grade.simulation import Passed, Rules

    Gives = Callable[[Observation, int], float]
    """From an observation and the index of an operand to what that one gets by a mistake."""

_STEP: Final = 1e-6  # of central differences
_KINK: Final = 1e-2  # relative difference of the slopes on both sides of a kink
_ROUGHLY: Final = 1e-4  # relative error of central differences
_SEVERAL: Final = 2  # ops
_MANY: Final = 4  # ops whose local derivatives are wrong: it is hardly the ops that are wrong
OPERANDS: Final = 100  # of a sum, at most
_ALIKE: Final = ("add", "sum")  # their operands get the same


class Sentence(NamedTuple):
    """What is wrong with an op.

    Attributes:
        cause: The id of the cause.
        op: The op.
        says: The sentence.
        faults: The faults that it is about.
    """

    cause: str
    op: str
    says: str
    faults: Sequence[Fault]


def value_sentences(learned: Learned, forms: Mapping[tuple[str, str], object]) -> list[Sentence]:
    """Return what is wrong with the values of ops, and with how they are composed."""
    values = [fault for fault in learned.faults if fault.operand is None]
    composed = [
        fault for fault in learned.faults if fault.operand is not None and fault.is_composed
    ]
    return _conversions(
        [*_sentences(values, learned, forms), *_sentences(composed, learned, forms)]
    )


def _conversions(sentences: Sequence[Sentence]) -> list[Sentence]:
    """Put conversions of plain numbers together, if several ops convert them in one way."""
    same: dict[str, list[Sentence]] = {}
    for sentence in sentences:
        if sentence.cause == "conversion":
            same.setdefault(sentence.says.removeprefix(f"{sentence.op} "), []).append(sentence)
    several = {says: own for says, own in same.items() if len(own) > 1}
    merged = [
        Sentence(
            "conversion", "", f"an op such as {own[0].op} {says}",
            [fault for sentence in own for fault in sentence.faults],
        )
        for says, own in several.items()
    ]  # fmt: skip
    alone = [each for each in sentences if not any(each in own for own in several.values())]
    return [*merged, *alone]


def slope_hypotheses(
    learned: Learned, forms: Mapping[tuple[str, str], object], values: Sequence[Sentence],
    observations: Sequence[Observation],
) -> list[Hypothesis]:  # fmt: skip
    """Return what is wrong with the partials of ops, as hypotheses to simulate.

    Partials that are right for a wrong value are part of that mistake, and called the same.
    """
    following: list[Fault] = []
    others: list[Fault] = []
    for fault in learned.faults:
        if fault.operand is not None and not fault.is_composed:
            alone = Sentence("", fault.op, "", [fault])
            follows = any(_belongs(alone, value, observations) for value in values)
            (following if follows else others).append(fault)
    found: list[Hypothesis] = []
    for sentence in (*_sentences(following, learned, forms), *_sentences(others, learned, forms)):
        own = [value for value in values if _belongs(sentence, value, observations)]
        named = own[0] if own else sentence
        keys = [(fault.op, fault.kinds, fault.operand or 0) for fault in sentence.faults]
        keys += [
            key for key in learned.rules.slopes
            if sentence.op in learned.followers.get(key[:2], ())
        ]  # fmt: skip
        rules = _of_unseen_forms(sentence, learned, forms)
        rules |= {key: learned.rules.slopes[key] for key in keys}
        change = with_slopes(rules)
        concerned = frozenset(key[:2] for key in rules)
        found.append(
            Hypothesis(
                named.cause, named.op, named.says, change, forms=concerned, is_seen=True
            )
        )  # fmt: skip
    return _in_common(found, learned, forms, observations)


def _of_unseen_forms(
    sentence: Sentence, learned: Learned, forms: Mapping[tuple[str, str], object]
) -> dict[tuple[str, str, int], Passed | None]:
    """Return the wrong partials for other kinds of operands, where none was seen.

    If it isn't known how they are wrong, those aren't known, either.
    """
    rules: dict[tuple[str, str, int], Passed | None] = {}
    for fault in sentence.faults:
        k = fault.operand or 0
        for op, kinds in forms:
            key = op, kinds, k
            is_free = key not in learned.right and key not in learned.rules.slopes
            is_own = op == fault.op and kinds[k : k + 1] == "V"
            if is_own and is_free and (op, kinds) not in learned.composed:
                rules[key] = fault.mistake.gives if fault.mistake else None
    return rules | _of_further_operands(sentence.faults, learned)


def _of_further_operands(
    faults: Sequence[Fault], learned: Learned
) -> dict[tuple[str, str, int], Passed | None]:
    """Return the wrong partial by the last operand of a sum that was seen for those after it."""
    rules: dict[tuple[str, str, int], Passed | None] = {}
    seen = [*learned.right, *learned.rules.slopes]
    for fault in faults:
        last = max((k for *form, k in seen if form == [fault.op, fault.kinds]), default=0)
        if OPS[fault.op].fold and fault.mistake is not None and fault.operand == last:
            further = range(last + 1, OPERANDS)
            rules |= {(fault.op, fault.kinds, k): fault.mistake.gives for k in further}
    return rules


def known_rules(learned: Learned) -> Rules:
    """Return the rules without the wrong partials."""
    wrong = dict.fromkeys((f.op, f.kinds, f.operand) for f in learned.faults if not f.is_composed)
    slopes = {
        key: rule
        for key, rule in learned.rules.slopes.items()
        if key not in wrong and key[:2] not in learned.followers
    }
    return learned.rules._replace(slopes=slopes)


def with_slopes(
    slopes: Mapping[tuple[str, str, int], Passed | None],
) -> Callable[[Rules], Rules]:
    """Return the change that replaces some partials."""
    return lambda rules: rules._replace(slopes={**rules.slopes, **slopes})


def _in_common(
    found: list[Hypothesis], learned: Learned, forms: Mapping[tuple[str, str], object],
    observations: Sequence[Observation],
) -> list[Hypothesis]:  # fmt: skip
    """Put a mistake first that many ops have in common, instead of the same one for each op."""
    ops = dict.fromkeys(op for op, kinds in forms if (op, kinds) not in learned.composed)
    unary = [op for op in ops if OPS[op].inputs == 1]
    binary = [op for op in ops if OPS[op].inputs > 1 and op not in _ALIKE]
    by_result = [op for op in unary if "y" in OPS[op].partial_text(0)]
    is_by_operand = any(each.op in unary and each.op not in by_result for each in found)
    exchanged = unary if is_by_operand else []  # the others don't show what becomes of the operand
    for cause, says, gives, of in (
        ("upstream", FORGETS_UPSTREAM, _partial_alone, [*ops]),
        ("inner", FORGETS_PARTIAL, _upstream_alone, [*ops]),
        ("swapped", SWAPS_GRADIENTS, _partial_of_the_other, binary),
        ("slope", USES_FIRST_FOR_SECOND, _partial_of_first, binary),
        ("slope", TAKES_FIRST_TWICE, _partial_of_first_twice, binary),
        ("place", EXCHANGES_PLACES, _partial_of_exchanged, exchanged),
        ("place", USES_OPERAND_FOR_RESULT, _partial_of_operand, by_result),
    ):
        is_exact = cause in ("upstream", "inner")  # the others may mean many things
        same = [
            each
            for each in found
            if each.op in of
            and ((is_exact and each.cause == cause) or _is_seen(each, gives, observations))
        ]
        others = [op for op in of if not any(each.op == op for each in found)]
        is_common = len(same) >= _SEVERAL and 2 * len(same) >= len(of)
        if not is_exact:  # what else is wrong must be so in a similar way
            wrong = [each for each in found if each.op in of and each not in same]
            is_common = is_common and all(each.cause == cause for each in wrong)
        if is_common and not _is_refuted(others, gives, observations):
            concerned = frozenset(form for each in same for form in each.forms)
            changes = [each.change for each in same]
            change = partial(_all_changes, changes)
            whole = Hypothesis(
                cause, "", says, change, forms=concerned, is_seen=True, is_odd=not is_exact
            )
            return [whole, *(each for each in found if not any(each is one for one in same))]
    return _of_several_ops(found, learned) if len(found) >= _MANY else found


def _of_several_ops(found: list[Hypothesis], learned: Learned) -> list[Hypothesis]:
    """Put a mistake of several ops together; return nothing if it isn't known how they are wrong.

    It may not be the ops that are wrong, unless many of them have exactly the same mistake.
    """
    unknown = [each for each in found if each.is_unknown(learned.rules)]
    known = [each for each in found if not any(each is one for one in unknown)]
    causes = dict.fromkeys(each.cause for each in known)
    if unknown and (len(known) < _MANY or [*causes] not in (["upstream"], ["inner"])):
        return []
    if len(causes) > 1:
        return found
    ops = dict.fromkeys(each.op for each in known)
    words = dict.fromkeys(each.says.removeprefix(f"{each.op} ") for each in known)
    says = f"{', '.join(ops)} have the same mistake: {known[0].says}"
    if len(words) == 1 and len(ops) > 1:
        says = f"each of {', '.join(ops)} {next(iter(words))}"
    concerned = frozenset(form for each in known for form in each.forms)
    change = partial(_all_changes, [each.change for each in known])
    whole = Hypothesis(known[0].cause, "", says, change, forms=concerned, is_seen=True)
    return [whole, *unknown]


def _all_changes(changes: Sequence[Callable[[Rules], Rules]], rules: Rules) -> Rules:
    for change in changes:
        rules = change(rules)
    return rules


def _is_seen(
    hypothesis: Hypothesis, gives: Gives, observations: Sequence[Observation],
) -> bool:  # fmt: skip
    """Whether most of what an op was seen to pass on is what a mistake gives, right or wrong.

    An engine that keeps the gradients of leaves only may have had another upstream gradient.
    """
    own = [seen for seen in observations if seen.op == hypothesis.op]
    pairs = [(seen, k) for seen in own for k in range(len(seen.xs)) if shows_partial(seen, k)]
    shown = [_is_near(seen, k, gives(seen, k)) for seen, k in pairs]
    wrong = [
        is_ for is_, pair in zip(shown, pairs, strict=True) if not _is_near(*pair, _right(*pair))
    ]
    return all(3 * sum(each) >= 2 * len(each) and each for each in (shown, wrong))


def _is_refuted(ops: Sequence[str], gives: Gives, observations: Sequence[Observation]) -> bool:
    """Whether some of these ops were seen to be right where they couldn't be with a mistake.

    An operand that must get nothing may not be touched at all.
    """
    return any(
        _is_near(seen, k, right) and not Precision().near(wrong, right)
        for seen in observations
        if seen.op in ops
        for k in range(len(seen.xs))
        if shows_partial(seen, k)
        and (right := _right(seen, k)) == right != 0.0
        and (wrong := gives(seen, k)) == wrong
    )


def _is_near(seen: Observation, operand: int, x: float) -> bool:
    return Precision().near(seen.passed[operand], x)


def _right(seen: Observation, operand: int) -> float:
    """Return what an operand must get."""
    return OPS[seen.op].partials(seen.xs, seen.y)[operand] * (seen.upstream or 0.0)


def _partial_alone(seen: Observation, operand: int) -> float:
    """Return what an operand gets without the upstream gradient."""
    return OPS[seen.op].partials(seen.xs, seen.y)[operand]


def _upstream_alone(seen: Observation, _: int) -> float:
    """Return what an operand gets without a local derivative."""
    return seen.upstream or 0.0


def _partial_of_the_other(seen: Observation, operand: int) -> float:
    """Return what an operand gets if it is what the other one must get."""
    return _right(seen, len(seen.xs) - 1 - operand)


def _partial_of_first(seen: Observation, _: int) -> float:
    """Return what an operand gets if it is what the first one must get."""
    return _right(seen, 0)


def _partial_of_operand(seen: Observation, _: int) -> float:
    """Return what an operand gets if the op takes it for its result."""
    slope = guarded(lambda: OPS[seen.op].partials(seen.xs, seen.xs[0])[0])()
    return slope * (seen.upstream or 0.0)


def _partial_of_first_twice(seen: Observation, operand: int) -> float:
    """Return what an operand gets if the first one is taken for the second one, too."""
    if seen.op in CHOOSING:
        return 0.0 if operand else seen.upstream or 0.0
    xs = [seen.xs[0]] * len(seen.xs)
    y = seen.y if seen.op == "pow" else OPS[seen.op].value(xs)
    slope = guarded(lambda: OPS[seen.op].partials(xs, y)[operand])()
    return slope * (seen.upstream or 0.0)


def _partial_of_exchanged(seen: Observation, _: int) -> float:
    """Return what an operand gets if it is taken for the result, and the result for it."""
    slope = guarded(lambda: OPS[seen.op].partials([seen.y], seen.xs[0])[0])()
    return slope * (seen.upstream or 0.0)


def value_causes(
    sentences: Sequence[Sentence], learned: Learned, observations: Iterable[Observation],
    wrong: Sequence[Outcome], precision: Precision,
) -> list[Cause]:  # fmt: skip
    """Return the causes for wrong values, with the failures in which they were seen.

    No wrong value follows from what an op passes on.
    """
    failed = {id(outcome) for outcome in wrong}
    seen_in: dict[tuple[str, str], dict[int, Outcome]] = {}
    for seen in observations:
        if id(seen.outcome) in failed and not precision.near(seen.y, OPS[seen.op].value(seen.xs)):
            form = seen.op, seen.kinds[:2]
            seen_in.setdefault(form, {})[id(seen.outcome)] = seen.outcome
    causes = []
    for sentence in sentences:
        is_value = any(fault.operand is None for fault in sentence.faults)
        own = [(fault.op, fault.kinds) for fault in sentence.faults if is_value]
        ops = dict.fromkeys(op for op, _ in own)
        followers = [form for form in seen_in if any(_follows(form, each, learned) for each in own)]
        victims = dict.fromkeys(form[0] for form in followers if form[0] not in ops)
        cases = {key: x for form in (*own, *followers) for key, x in seen_in.get(form, {}).items()}
        own_cases = [*cases.values()]
        causes.append(Cause(sentence.cause, sentence.op, sentence.says, own_cases, [*victims]))
    return causes


def _follows(form: tuple[str, str], wrong: tuple[str, str], learned: Learned) -> bool:
    """Whether an op may be wrong because another one is, with a certain kind of operands."""
    (op, kinds), known = wrong, learned.composed.get(form)
    is_free = kinds == "NV" and known is not None and not known.uses_numbers_first(op, form[1])
    return op in _parts(form, learned) and not is_free


def _parts(form: tuple[str, str], learned: Learned) -> dict[str, None]:
    """Return the ops of which an op is composed."""
    known = learned.composed.get(form)
    return learned.followers.get(form, {}) | (known.ops if known is not None else {})


# --- sentences -----------------------------------------------------------------------------------


def _sentences(
    faults: Sequence[Fault], learned: Learned, forms: Mapping[tuple[str, str], object]
) -> list[Sentence]:
    """Group faults by op, and those with a number on the left apart if they have another cause.

    The side is no cause if it isn't known what is wrong, nor whether it is so on the right, or
    between Values.
    """
    by_op: dict[str, list[Fault]] = {}
    for fault in faults:
        by_op.setdefault(fault.op, []).append(fault)
    sentences = []
    for op, of_op in by_op.items():
        direct = [fault for fault in of_op if fault.kinds != "NV"]
        causes = {fault.mistake and fault.mistake.cause for fault in direct}
        reflected = [fault for fault in of_op if fault.kinds == "NV"]
        is_apart = any(fault.mistake and fault.mistake.cause not in causes for fault in reflected)
        if direct:
            own = _by_operand(op, direct if is_apart else of_op)
            sentences += [_sentence(op, each, is_reflected=False) for each in own]
        if reflected and (is_apart or not direct):
            has_other_forms = any(o == op and kinds != "NV" for o, kinds in forms)
            is_unclear = (op, "VN") in learned.unclear or any(
                fault.operand is not None and (op, "VV", fault.operand) not in learned.right
                for fault in reflected
            )
            is_unclear = is_unclear and not any(fault.mistake for fault in reflected)
            has_other_forms = has_other_forms and not is_unclear
            sentences.append(_sentence(op, reflected, is_reflected=has_other_forms))
    return sentences


def _by_operand(op: str, faults: Sequence[Fault]) -> Iterable[Sequence[Fault]]:
    """Separate the rules of a power by base and exponent, if they are wrong in different ways."""
    groups = [[fault for fault in faults if fault.operand == k] for k in (0, 1)]
    of_base, of_exponent = ({f.mistake.cause if f.mistake else "" for f in own} for own in groups)
    is_unclear = {"", "no-gradient"} & (of_base | of_exponent)
    if op != "pow" or not all(groups) or is_unclear or of_base & of_exponent:
        return [faults]
    return groups if sum(map(len, groups)) == len(faults) else [faults]


def _sentence(op: str, faults: Sequence[Fault], *, is_reflected: bool) -> Sentence:
    """Return the cause and the sentence for the faults of one op."""
    is_value = any(fault.operand is None for fault in faults)
    general = [fault for fault in faults if "N" not in fault.kinds] if is_value else []
    mistake = next((fault.mistake for fault in general or faults if fault.mistake), None)
    if is_reflected and not (mistake and mistake.cause == "conversion"):
        what = "its local derivative is wrong"
        if mistake:
            what = f"it {mistake.says}"
        elif is_value:
            what = "it is wrong, at least for some numbers"
        says = f"2 {SYMBOLS.get(op, op)} x ({reflected_method(op)}): {what}"
        return Sentence("reflected", op, says, faults)
    if mistake and not _is_part(mistake.cause, faults):
        cause = "slope" if mistake.cause == "value" and not is_value else mistake.cause
        return Sentence(cause, op, f"{op} {mistake.says}{_to_one(op, faults)}", faults)
    if is_value:
        return Sentence("value", op, f"{op} gives a wrong value", faults)
    derivative = OPS[op].partial_text(faults[0].operand or 0)
    says = f"{op} has a wrong local derivative; the right one is {derivative}"
    return Sentence("slope", op, says, faults)


def _is_part(cause: str, faults: Sequence[Fault]) -> bool:
    """Whether a cause is only a part of what is wrong with the operands of an op.

    One operand gets nothing, but others get something that is wrong; or it isn't known how what
    another operand gets is wrong.
    """
    causes = {fault.mistake and fault.mistake.cause for fault in faults}
    known = {fault.kinds for fault in faults if fault.mistake}
    is_unknown = any(fault.mistake is None and fault.kinds in known for fault in faults)
    return is_unknown or (cause == "no-gradient" and len(causes) > 1)


def _to_one(op: str, faults: Sequence[Fault]) -> str:
    """Name the operand that gets nothing, if the other one gets its gradient."""
    operands = {fault.operand for fault in faults if fault.kinds == "VV"}
    causes = {fault.mistake and fault.mistake.cause for fault in faults}
    if OPS[op].fold and causes == {"no-gradient"} and 0 not in operands:
        return " to some of its operands"
    if OPS[op].fold or len(operands) != 1 or causes != {"no-gradient"}:
        return ""
    names = ("base", "exponent") if op == "pow" else ("first operand", "second operand")
    return f" to its {names[operands.pop() or 0]}"


# --- partials that belong to a wrong value -------------------------------------------------------


def _belongs(slope: Sentence, value: Sentence, observations: Sequence[Observation]) -> bool:
    """Whether partials are those of the wrong function that the op computes."""
    if slope.op not in [fault.op for fault in value.faults]:
        return False
    gives = {
        fault.kinds: fault.mistake and fault.mistake.gives
        for fault in value.faults
        if fault.op == slope.op
    }
    faults = [fault for fault in slope.faults if fault.kinds in gives]
    if not faults:
        return False
    for fault in faults:
        function = gives[fault.kinds]
        if function is None:
            return _is_wrong_together(slope, observations)
        own = [
            seen for seen in observations if (seen.op, seen.kinds[:2]) == (fault.op, fault.kinds)
        ]
        pairs = [pair for seen in own if (pair := _slopes(function, fault, seen)) is not None]
        near = sum(abs(a - b) <= _ROUGHLY * max(1.0, abs(a)) for a, b in pairs)
        if 10 * near < 9 * len(pairs):  # a few points may lie at a kink
            return False
    return True


def _is_wrong_together(slope: Sentence, observations: Sequence[Observation]) -> bool:
    """Whether the values are wrong at all points at which the partials are."""
    faults = [(fault.op, fault.kinds, fault.operand or 0) for fault in slope.faults]
    near = Precision().near
    return all(
        not near(seen.y, OPS[seen.op].value(seen.xs))
        for seen in observations
        for op, kinds, k in faults
        if (seen.op, seen.kinds[:2]) == (op, kinds)
        and k < len(seen.xs)
        and shows_partial(seen, k)
        and not near(seen.passed[k], OPS[op].partials(seen.xs, seen.y)[k] * (seen.upstream or 0.0))
    )


def _slopes(
    function: Callable[..., float], fault: Fault, seen: Observation
) -> tuple[float, float] | None:
    """Return the derivative of a function, and the partial that the engine passed on."""
    k = fault.operand or 0
    if not seen.upstream or k >= len(seen.passed) or seen.passed[k] is None:
        return None
    step = _STEP * max(1.0, abs(seen.xs[k]))
    low, high = ([x + d * (i == k) for i, x in enumerate(seen.xs)] for d in (-step, step))
    middle = function(seen.xs)
    before, after = (middle - function(low)) / step, (function(high) - middle) / step
    if abs(after - before) > _KINK * max(1.0, abs(before)):
        return None
    slope = (after + before) / 2.0
    passed: float = seen.passed[k]  # type: ignore[assignment]
    return (slope, passed / seen.upstream) if slope == slope else None
