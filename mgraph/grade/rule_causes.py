"""Causes in the rules of single ops: wrong values, which show directly, and wrong partials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.grade.causes import SYMBOLS, Cause, reflected_method
from mgraph.grade.hypotheses import Hypothesis
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mgraph.grade.observations import Observation
    from mgraph.grade.op_rules import Fault, Learned
    from mgraph.grade.outcomes import Outcome, Precision
    from mgraph.grade.simulation import Passed, Rules

_STEP: Final = 1e-6  # of central differences
_KINK: Final = 1e-2  # relative difference of the slopes on both sides of a kink
_ROUGHLY: Final = 1e-4  # relative error of central differences


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
    return _conversions([*_sentences(values, forms), *_sentences(composed, forms)])


def _conversions(sentences: Sequence[Sentence]) -> list[Sentence]:
    """Put conversions of plain numbers together, if several ops convert them in one way."""
    same: dict[str, list[Sentence]] = {}
    for sentence in sentences:
        if sentence.cause == "conversion":
            same.setdefault(sentence.says.removeprefix(f"{sentence.op} "), []).append(sentence)
    several = {says: own for says, own in same.items() if len(own) > 1}
    merged = [
        Sentence(
            "conversion", "", f"an op with a plain number, such as {own[0].op}, {says}",
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
    slopes = [f for f in learned.faults if f.operand is not None and not f.is_composed]
    found: list[Hypothesis] = []
    for sentence in _sentences(slopes, forms):
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
        found.append(Hypothesis(named.cause, named.op, named.says, change, forms=concerned))
    return _with_upstream(found, learned, forms)


def _of_unseen_forms(
    sentence: Sentence, learned: Learned, forms: Mapping[tuple[str, str], object]
) -> dict[tuple[str, str, int], Passed | None]:
    """Return the wrong partials for other kinds of operands, where none was seen."""
    rules: dict[tuple[str, str, int], Passed | None] = {}
    for fault in sentence.faults:
        k = fault.operand or 0
        for op, kinds in forms:
            key = op, kinds, k
            is_free = key not in learned.right and key not in learned.rules.slopes
            is_own = op == fault.op and kinds[k : k + 1] == "V" and fault.mistake is not None
            if is_own and is_free and (op, kinds) not in learned.composed:
                rules[key] = fault.mistake.gives if fault.mistake else None
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


def _with_upstream(
    found: list[Hypothesis], learned: Learned, forms: Mapping[tuple[str, str], object]
) -> list[Hypothesis]:
    """Put a mistake first that many ops have in common: they forget the upstream gradient."""
    forget = [hypothesis for hypothesis in found if hypothesis.cause == "upstream"]
    ops = dict.fromkeys(op for op, kinds in forms if (op, kinds) not in learned.composed)
    if len(forget) < 2 or 2 * len(forget) < len(ops):  # noqa: PLR2004
        return found
    says = "no op multiplies its local derivative by out.grad, as the chain rule says"

    def change(rules: Rules) -> Rules:
        for hypothesis in forget:
            rules = hypothesis.change(rules)
        return rules

    concerned = frozenset(form for hypothesis in forget for form in hypothesis.forms)
    others = [hypothesis for hypothesis in found if hypothesis.cause != "upstream"]
    return [Hypothesis("upstream", "", says, change, forms=concerned), *others]


def value_causes(
    sentences: Sequence[Sentence], learned: Learned, observations: Iterable[Observation],
    wrong: Sequence[Outcome], precision: Precision,
) -> list[Cause]:  # fmt: skip
    """Return the causes for wrong values, with the failures in which they were seen."""
    failed = {id(outcome) for outcome in wrong}
    seen_in: dict[tuple[str, str], dict[int, Outcome]] = {}
    for seen in observations:
        if id(seen.outcome) in failed and not precision.near(seen.y, OPS[seen.op].value(seen.xs)):
            form = seen.op, seen.kinds[:2]
            seen_in.setdefault(form, {})[id(seen.outcome)] = seen.outcome
    causes = []
    for sentence in sentences:
        own = [(fault.op, fault.kinds) for fault in sentence.faults]
        ops = dict.fromkeys(op for op, _ in own)
        followers = [form for form in seen_in if any(op in _parts(form, learned) for op in ops)]
        victims = dict.fromkeys(form[0] for form in followers if form[0] not in ops)
        cases = {key: x for form in (*own, *followers) for key, x in seen_in.get(form, {}).items()}
        own_cases = [*cases.values()]
        causes.append(Cause(sentence.cause, sentence.op, sentence.says, own_cases, [*victims]))
    return causes


def _parts(form: tuple[str, str], learned: Learned) -> dict[str, None]:
    """Return the ops of which an op is composed."""
    known = learned.composed.get(form)
    return learned.followers.get(form, {}) | (known.ops if known is not None else {})


# --- sentences -----------------------------------------------------------------------------------


def _sentences(faults: Sequence[Fault], forms: Mapping[tuple[str, str], object]) -> list[Sentence]:
    """Group faults by op, and those with a number on the left apart if they have another cause."""
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
            sentences.append(_sentence(op, direct if is_apart else of_op, is_reflected=False))
        if reflected and (is_apart or not direct):
            has_other_forms = any(o == op and kinds != "NV" for o, kinds in forms)
            sentences.append(_sentence(op, reflected, is_reflected=has_other_forms))
    return sentences


def _sentence(op: str, faults: Sequence[Fault], *, is_reflected: bool) -> Sentence:
    """Return the cause and the sentence for the faults of one op."""
    mistake = next((fault.mistake for fault in faults if fault.mistake), None)
    is_value = any(fault.operand is None for fault in faults)
    if is_reflected and not (mistake and mistake.cause == "conversion"):
        what = f"it {mistake.says}" if mistake else "it computes another function"
        says = f"2 {SYMBOLS.get(op, op)} x ({reflected_method(op)}): {what}"
        return Sentence("reflected", op, says, faults)
    if mistake:
        return Sentence(mistake.cause, op, f"{op} {mistake.says}{_to_one(op, faults)}", faults)
    if is_value:
        return Sentence("value", op, f"{op} gives a wrong value", faults)
    derivative = OPS[op].partial_text(faults[0].operand or 0)
    says = f"{op} has a wrong local derivative; it is {derivative}"
    return Sentence("slope", op, says, faults)


def _to_one(op: str, faults: Sequence[Fault]) -> str:
    """Name the operand that gets nothing, if the other one gets its gradient."""
    operands = {fault.operand for fault in faults if fault.kinds == "VV"}
    causes = {fault.mistake and fault.mistake.cause for fault in faults}
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
    """Whether the values are wrong at all points at which the partials could be seen to be."""
    own = [seen for seen in observations if seen.op == slope.op and seen.upstream]
    return all(seen.y != OPS[seen.op].value(seen.xs) for seen in own)


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
