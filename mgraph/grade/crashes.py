"""Causes that crashes show: recursion without end, refused numbers, exceptions that ops share."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Final

from mgraph.errors import some
from mgraph.grade.causes import SYMBOLS, Cause, reflected_method
from mgraph.grade.driver_spellings import SLOTS, SPELLINGS
from mgraph.grade.observations import SIMULATED, forms_of
from mgraph.grade.outcomes import Verdict
from mgraph.grade.program import NUMBER
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mgraph.grade.compositions import Known
    from mgraph.grade.outcomes import Failure, Outcome

_SIGNALS: Final = ("SIGSEGV", "SIGABRT", "SIGBUS")
_NAMES: Final = ("NameError", "AttributeError", "ImportError", "ModuleNotFoundError")
"""Exceptions about a name, which may be wrong in several lines."""
_OF_TYPES: Final = ("TypeError", "AttributeError")
"""Exceptions that an operand of another type raises."""
_SHORT: Final = 50  # a graph of this depth exceeds no recursion limit
_FEW: Final = 3  # ops
_LARGE: Final = 30.0  # exp of this is still far from overflow


def find_crashes(crashed: Sequence[Outcome], numeric: Sequence[Outcome]) -> Iterator[Cause]:
    """Name what crashes have in common.

    Args:
        crashed: The outcomes of cases in which the engine crashed.
        numeric: The outcomes with numbers, which show what works.
    """
    works = dict.fromkeys(op for outcome in numeric for op in _ops_of(outcome))
    deep = [outcome for outcome in crashed if _is_too_deep(outcome, works)]
    endless = [outcome for outcome in crashed if _is_endless(outcome)]
    loops = {names for outcome in endless if (names := _loop(outcome))}
    endless += [outcome for outcome in deep if _loop(outcome) in loops]  # of a small graph, too
    deep = [outcome for outcome in deep if _loop(outcome) not in loops]
    if endless and not any(outcome.answer.program.depth() > _SHORT for outcome in numeric):
        endless, deep = endless + deep, []  # short chains fail, too, and no long one passes
    yield from _depth(deep, numeric)
    others = [x for x in crashed if not any(x is y for y in deep)]
    others = [x for x in others if not any(x is y for y in endless)]
    yield from _without_value([outcome for outcome in others if _culprit(outcome)], numeric)
    others = [outcome for outcome in others if not _culprit(outcome)]
    refused: list[Cause] = []
    for cause in _refused(others, numeric):
        done = {id(outcome) for earlier in refused for outcome in earlier.cases}
        cause.cases = [outcome for outcome in cause.cases if id(outcome) not in done]
        if cause.cases:
            refused.append(_with_same_place(cause, others))
    yield from _endless(_without_refused(endless, refused, numeric))
    yield from refused
    done = {id(outcome) for cause in refused for outcome in cause.cases}
    left = [outcome for outcome in others if id(outcome) not in done]
    yield from _exceptions(left, numeric)
    yield from _ends(left, numeric)


def _without_refused(
    endless: Sequence[Outcome], refused: Sequence[Cause], numeric: Sequence[Outcome]
) -> list[Outcome]:
    """Count operators that call each other over a number that none takes to its refusal.

    If only floats are refused, that is so only for operators that work with whole numbers.
    """
    conversion = next((cause for cause in refused if cause.id == "conversion"), None)
    if conversion is None:
        return [*endless]
    ops = _ops(conversion.cases)
    same = [x for x in endless if _has_number(x) and (len(ops) > 1 or _ops([x]) == ops)]
    if all(map(_is_of_floats, conversion.cases)):
        ran = (*numeric, *endless)
        works = dict.fromkeys(form for outcome in ran for form in _of_whole_numbers(outcome))
        same = [x for x in same if all((op, _kinds(x)) in works for op in _ops([x]))]
    conversion.cases += same
    return [outcome for outcome in endless if not any(outcome is other for other in same)]


def _of_whole_numbers(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Yield the ops that worked with a whole plain number, with the kinds of operands."""
    program = outcome.answer.program
    for i, step in enumerate(program.steps[: outcome.answer.step]):
        operands = [program.steps[arg] for arg in step.args]
        if any(each.op == NUMBER and each.x.is_integer() for each in operands):
            yield step.op, program.kinds(i)


# --- recursion -----------------------------------------------------------------------------------


def _is_too_deep(outcome: Outcome, works: Mapping[str, None]) -> bool:
    """Whether a long chain crashed, and not an operator that calls itself.

    A signal says nothing of its reason. The chain is too long only if its ops work elsewhere.
    """
    text, depth = outcome.answer.error, outcome.answer.program.depth()
    if any(signal in text for signal in _SIGNALS):
        return depth > SIMULATED and all(op in works for op in _ops_of(outcome))
    return "recursion" in text.lower() and depth > _SHORT and not _is_endless(outcome)


def _is_endless(outcome: Outcome) -> bool:
    """Whether an operator calls itself, or backward of a small graph doesn't end.

    An operator that has worked before in the same graph only follows a chain that grew too long.
    """
    if "recursion" not in outcome.answer.error.lower():
        return False
    failure, program, step = outcome.answer.failure, outcome.answer.program, outcome.answer.step
    if failure is None or failure.phase != "build":
        return program.depth() <= _SHORT
    if step is None or step <= _SHORT:
        return True
    forms = [(each.op, program.kinds(i)) for i, each in enumerate(program.steps[: step + 1])]
    return forms[-1] not in forms[:-1]


def _loop(outcome: Outcome) -> tuple[str, ...]:
    """Return the names of the functions that call each other until an exception is raised."""
    failure = outcome.answer.failure
    return tuple(sorted(failure.repeating)) if failure is not None else ()


def _depth(deep: Sequence[Outcome], numeric: Sequence[Outcome]) -> Iterator[Cause]:
    if not deep:
        return
    least = min(outcome.answer.program.depth() for outcome in deep)
    passed = [outcome.answer.program.depth() for outcome in numeric]
    most = max((depth for depth in passed if depth < least), default=0)
    but = f", but not on one of {most:,}" if most else ""
    says = (
        f"it crashes on a chain of {least:,} ops{but}: walk the graph with a list of nodes still "
        "to visit instead of a function that calls itself"
    )
    yield Cause("depth", "", says, [*deep])


def _endless(endless: Sequence[Outcome]) -> Iterator[Cause]:
    """Name functions that call themselves without end.

    In backward, what is left of earlier graphs may be what they go through.
    """
    groups: dict[tuple[str, ...], list[Outcome]] = {}
    for outcome in endless:
        groups.setdefault(_loop(outcome), []).append(outcome)
    for names, cases in _of_one_backward(groups).items():
        ops = [op for op in dict.fromkeys(map(_op_of_function, names)) if op]
        whose = " and ".join(f"{name}" for name in names[:3]) or "a function of the engine"
        verb = "call each other" if len(names) > 1 else "calls itself"
        where = _where(cases[0].answer.failure)
        failures = [outcome.answer.failure for outcome in cases]
        is_built = all(each is None or each.phase == "build" for each in failures)
        how = "without end" if is_built else "until Python gives up"
        says = f"{whose} {verb} {how}{where}: RecursionError"
        reflected = [outcome for outcome in cases if _kinds(outcome) == "NV"]
        cause = "reflected" if len(reflected) == len(cases) else "error"
        victims = [op for op in _ops(cases) if op not in ops] if ops else []
        yield Cause(cause, ops[0] if len(ops) == 1 else "", says, cases, victims)


def _of_one_backward(
    groups: Mapping[tuple[str, ...], list[Outcome]],
) -> dict[tuple[str, ...], list[Outcome]]:
    """Put backward passes that end in parts of one loop together, under its most frequent part.

    Where such a loop reaches the limit differs from graph to graph.
    """
    merged: dict[tuple[str, ...], list[Outcome]] = {}
    for names, cases in sorted(groups.items(), key=lambda group: -len(group[1])):
        whole = [
            others
            for others, known in merged.items()
            if not {*names}.isdisjoint(others) and all(map(is_in_backward, (*cases, *known)))
        ]
        merged.setdefault(whole[0] if whole else names, []).extend(cases)
    return merged


def is_in_backward(outcome: Outcome) -> bool:
    """Whether a backward pass raised an exception."""
    failure = outcome.answer.failure
    return failure is not None and failure.phase == "backward"


# --- ops that give no Value ----------------------------------------------------------------------


def _culprit(outcome: Outcome) -> str:
    """Return the op that gave something other than a Value, with the kinds of its operands."""
    failure = outcome.answer.failure
    culprit = failure.culprit if failure is not None else ""
    return culprit if culprit.partition(":")[0] in OPS else ""


def _without_value(crashed: Sequence[Outcome], numeric: Sequence[Outcome]) -> Iterator[Cause]:
    """Name ops that give something other than a Value, and those that fail because of it."""
    works = dict.fromkeys(form for outcome in numeric for form in forms_of(outcome))
    groups: dict[tuple[str, bool], list[Outcome]] = {}
    for outcome in crashed:
        failure = outcome.answer.failure
        op, _, form = _culprit(outcome).partition(":")
        key = failure.gave if failure is not None else "", (op, form) in works
        groups.setdefault(key, []).append(outcome)
    for (gave, is_sometimes), cases in groups.items():
        kinds: dict[str, list[str]] = {}
        for outcome in cases:
            op, _, form = _culprit(outcome).partition(":")
            kinds.setdefault(op, []).append(form)
        what = [formula for op, forms in kinds.items() for formula in _formulas(op, forms)]
        give = "give" if len(what) > 1 else "gives"
        says = f"{', '.join(what)} {'sometimes ' if is_sometimes else ''}{give} {gave}"
        victims = [op for op in _ops(cases) if op not in kinds]
        yield Cause("error", next(iter(kinds)) if len(kinds) == 1 else "", says, cases, victims)


def find_no_numbers(outcomes: Iterable[Outcome], composed: Known) -> Iterator[Cause]:
    """Name ops whose results hold something else than a number.

    Args:
        outcomes: The outcomes of all cases.
        composed: The ops that the engine composes of others, which may be to blame.
    """
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        answer, text = outcome.answer, outcome.answer.error.partition(":")[0]
        if answer.kind != "no-number" or answer.what != "data" or answer.step is None:
            continue
        op, kinds = answer.program.steps[answer.step].op, _kinds(outcome)
        if op in OPS and (op, kinds[:2]) not in composed and text.startswith("not a number"):
            groups.setdefault((op, text), []).append(outcome)
    for (op, text), cases in groups.items():
        yield Cause("value", op, f"the data of what {op} gives is {text}", cases)


def _formulas(op: str, forms: Iterable[str]) -> list[str]:
    """Return how to write an op with these kinds of operands: its name if it isn't a number's."""
    symbol = SYMBOLS.get(op, op)
    formulas = {"VN": f"x {symbol} 2", "NV": f"2 {symbol} x"}
    kinds = dict.fromkeys(forms)
    return [op] if kinds.keys() - formulas else [formulas[form] for form in kinds]


# --- plain numbers that are refused --------------------------------------------------------------


def _refused(crashed: Sequence[Outcome], numeric: Sequence[Outcome]) -> Iterator[Cause]:
    """Name operators that refuse a plain number, and the ops that fail because they use them."""
    works = dict.fromkeys(form for outcome in numeric for form in forms_of(outcome))
    built = [outcome for outcome in crashed if _is_built(outcome)]
    more = dict.fromkeys(form for x in built for form in forms_of(x) if form not in works)
    right = [outcome for outcome in numeric if outcome.outcome != Verdict.WRONG_VALUE]
    fine = dict.fromkeys(form for outcome in right for form in forms_of(outcome)) | more
    works |= more
    broken = _in_broken(crashed, dict.fromkeys(op for op, _ in works))
    # What an op computes late, and can't between two Values, isn't refused because of a number.
    late = [x for x in crashed if x.answer.failure and x.answer.failure.phase == "read"]
    lines = dict.fromkeys((op, _line(x)) for x in late if not _has_number(x) for op in _ops([x]))
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in crashed:
        failure = outcome.answer.failure
        is_refused = failure is None or failure.phase != "backward"
        if outcome.answer.step is not None and is_refused and id(outcome) not in broken:
            program, step = outcome.answer.program, outcome.answer.step
            op = program.steps[step].op
            if (op, _line(outcome)) not in lines:
                groups.setdefault((op, program.kinds(step)), []).append(outcome)
    of_floats: dict[str, list[Outcome]] = {}
    for kinds in ("VN", "NV"):
        refused = {
            op: cases
            for (op, refused_kinds), cases in groups.items()
            if refused_kinds == kinds and (op, kinds) not in works
            if _works(op, kinds, works) or (kinds == "NV" and _is_missing(op, cases))
        }
        refused |= _refused_alike(refused, kinds, groups)
        floats = _floats(refused, works)
        refused = {op: cases for op, cases in refused.items() if op not in floats}
        of_floats |= floats
        if floats:
            yield _refusal(kinds, floats, _victims(floats, kinds, groups))
        if kinds == "NV":  # an op that takes no number on either side is not asked twice
            both = [op for op in refused if (op, "VN") in groups and (op, "VN") not in works]
            both = [op for op in both if (op, "VV") in works]
            both = [op for op in both if op not in of_floats]
            wrong = [op for op in refused if (op, "VN") in works and (op, "VN") not in fine]
            both += [op for op in wrong if not _is_missing(op, refused[op])]
            refused = {op: cases for op, cases in refused.items() if op not in both}
            refused = _by_themselves(refused)
        else:
            refused = {op: [*cases, *groups.get((op, "NV"), ())] for op, cases in refused.items()}
        if refused:
            yield _refusal(kinds, refused, _victims(refused, kinds, groups))


def _by_themselves(refused: Mapping[str, list[Outcome]]) -> dict[str, list[Outcome]]:
    """Leave out ops whose own method runs, and only uses an operator that Python refuses."""
    outside: dict[str, str] = {}
    for op, cases in refused.items():
        outside |= {_words(x.answer.error): op for x in cases if not _is_in_engine(x)}
    return {
        op: cases
        for op, cases in refused.items()
        if not all(
            _is_in_engine(x) and outside.get(_words(x.answer.error), op) != op for x in cases
        )
    }


def _refused_alike(
    refused: Mapping[str, Sequence[Outcome]], kinds: str,
    groups: Mapping[tuple[str, str], list[Outcome]],
) -> dict[str, list[Outcome]]:  # fmt: skip
    """Return ops that refuse a number by themselves, and in the words of ops that work without."""
    texts = {_words(outcome.answer.error) for cases in refused.values() for outcome in cases}
    return {
        op: cases
        for (op, other), cases in groups.items()
        if (other, op in refused, _root_ops(cases)) == (kinds, False, [op])
        and all(_words(outcome.answer.error) in texts for outcome in cases)
    }


def _floats(
    refused: Mapping[str, list[Outcome]], works: Mapping[tuple[str, str], None]
) -> dict[str, list[Outcome]]:
    """Return the ops that refuse floats only, by themselves or in an op that they use."""
    floats = {op: cases for op, cases in refused.items() if all(map(_is_of_floats, cases))}
    own = [op for op, cases in floats.items() if _root_ops(cases) == [op]]
    own += [op for op, kinds in works if kinds == "VN"]
    return {op: cases for op, cases in floats.items() if all(x in own for x in _root_ops(cases))}


def _is_of_floats(outcome: Outcome) -> bool:
    """Whether an op refuses a float, although it was first called with a whole number."""
    return "'float' object has no attribute" in outcome.answer.error


def _is_built(outcome: Outcome) -> bool:
    """Whether all ops of a graph could be called, and only its backward pass fails."""
    failure = outcome.answer.failure
    return failure is not None and failure.phase == "backward" and outcome.answer.step is None


def _with_same_place(cause: Cause, crashed: Sequence[Outcome]) -> Cause:
    """Return a cause with the cases in which a plain number was refused at the same line."""
    lines = {line for outcome in cause.cases if (line := _line(outcome))}
    known = {id(outcome) for outcome in cause.cases}
    more = [x for x in crashed if _line(x) in lines and id(x) not in known and _has_number(x)]
    if not more:
        return cause
    error = cause.cases[0].answer.error
    where = _where(cause.cases[0].answer.failure)
    ops = _ops([*cause.cases, *more])
    cases = [*cause.cases, *more]
    is_of_floats = all(map(_is_of_floats, cases))
    says = cause.says if is_of_floats else f"a plain number beside a Value raises {error}{where}"
    return Cause(cause.id, ops[0] if len(ops) == 1 else "", says, cases, cause.victims)


def _line(outcome: Outcome) -> str:
    failure = outcome.answer.failure
    return f"{failure.file}:{failure.line}" if failure is not None and failure.line else ""


def _kinds(outcome: Outcome) -> str:
    """Return the kinds of operands of the step that failed."""
    step = outcome.answer.step
    return "" if step is None else outcome.answer.program.kinds(step)


def _has_number(outcome: Outcome) -> bool:
    """Whether the step that failed has a plain number."""
    return "N" in _kinds(outcome)


def _works(op: str, kinds: str, works: Mapping[tuple[str, str], None]) -> bool:
    """Whether an op works with other kinds of operands."""
    return (op, "VV") in works or (kinds == "NV" and (op, "VN") in works)


def _victims(
    refused: Mapping[str, Sequence[Outcome]], kinds: str,
    groups: Mapping[tuple[str, str], Sequence[Outcome]],
) -> dict[str, list[Outcome]]:  # fmt: skip
    """Return the ops that fail with the same words in other forms: they use a refused one.

    An error within a function of the engine is that function's; without one, Python refuses an
    operator, wherever it is used.
    """
    first = [outcome for cases in refused.values() for outcome in cases]
    texts = {_words(outcome.answer.error) for outcome in first}
    outside = {_words(each.answer.error) for each in first if not _is_in_engine(each)}
    victims: dict[str, list[Outcome]] = {}
    for (op, other), cases in groups.items():
        same = [outcome for outcome in cases if _words(outcome.answer.error) in texts]
        is_own = op in refused and other in (kinds, "NV")
        if (
            same
            and not is_own
            and any(
                _is_inside(outcome, op) or _words(outcome.answer.error) in outside
                for outcome in same
            )
        ):
            victims.setdefault(op, []).extend(same)
    return victims


def _is_missing(op: str, cases: Sequence[Outcome]) -> bool:
    """Whether Python itself refuses an operator: no method of the engine takes it.

    Many engines have no power of a plain number, so that isn't missed.
    """
    texts = [outcome.answer.error for outcome in cases if not _is_in_engine(outcome)]
    return (
        op != "pow"
        and len(texts) == len(cases)
        and all("unsupported operand type" in text for text in texts)
    )


def _is_in_engine(outcome: Outcome) -> bool:
    """Whether an exception was raised in a function of the engine."""
    return outcome.answer.failure is not None and bool(outcome.answer.failure.caller)


def _is_inside(outcome: Outcome, op: str) -> bool:
    """Whether an exception was raised in a function of another op that one calls."""
    failure = outcome.answer.failure
    ops = [each for each in map(_op_of_function, failure.caller) if each] if failure else []
    return op in ops and ops[-1] != op


def _in_broken(crashed: Sequence[Outcome], working: Mapping[str, None]) -> dict[int, None]:
    """Return the cases, by `id`, in which an op fails only because it calls one that never works.

    If ops that work refuse numbers in the same words, so does the one that it calls.
    """
    inside: list[Outcome] = []
    words: dict[str, None] = {}
    for outcome in crashed:
        own = _root_ops([outcome])
        if [op for op in own if op not in working] and own != _ops([outcome]):
            inside.append(outcome)
        elif own and own[0] in working:
            words[_words(outcome.answer.error)] = None
    return {id(each): None for each in inside if _words(each.answer.error) not in words}


def _words(error: str) -> str:
    """Return the text of an error without what differs between kinds of plain numbers."""
    return re.sub(r"'(int|float)'", "number", error)


def _refusal(
    kinds: str, refused: Mapping[str, Sequence[Outcome]], victims: Mapping[str, Sequence[Outcome]]
) -> Cause:
    cases = [outcome for group in (*refused.values(), *victims.values()) for outcome in group]
    error = cases[0].answer.error.partition(":")[0]
    single = next(iter(refused)) if len(refused) == 1 else ""
    raise_ = "raises" if single else "raise"
    symbols = [SYMBOLS.get(op, op) for op in refused]
    if all(_is_of_floats(outcome) for group in refused.values() for outcome in group):
        formulas = ", ".join(
            f"0.5 {symbol} x" if kinds == "NV" else f"x {symbol} 0.5" for symbol in symbols
        )
        says = f"{formulas} {raise_} {error}: turn floats into Values, too, not only whole numbers"
        return Cause("conversion", single, says, cases, [*victims])
    if kinds == "NV":
        formulas = ", ".join(f"2 {symbol} x" for symbol in symbols)
        methods = ", ".join(map(reflected_method, refused))
        is_or_are = "is" if single else "are"
        says = f"{formulas} {raise_} {error}: {methods} {is_or_are} missing or wrong"
        return Cause("reflected", single, says, cases, [*victims])
    formulas = ", ".join(f"x {symbol} 2" for symbol in symbols)
    if error not in _OF_TYPES:
        says = f"{formulas} {raise_} {cases[0].answer.error}{_where(cases[0].answer.failure)}"
        return Cause("error", single, says, cases, [*victims])
    says = f"{formulas} {raise_} {error}: turn a plain number into a Value first"
    return Cause("conversion", single, says, cases, [*victims])


# --- exceptions ----------------------------------------------------------------------------------


def _exceptions(crashed: Sequence[Outcome], numeric: Sequence[Outcome]) -> Iterator[Cause]:
    """Name the exceptions in which cases end, each once, with its line and the ops."""
    works = dict.fromkeys(form for outcome in numeric for form in forms_of(outcome))
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in crashed:
        failure = outcome.answer.failure
        if failure is not None and failure.exception:
            key = outcome.answer.error.partition(":")[0], _place(failure, outcome)
            groups.setdefault(key, []).append(outcome)
    for cases in _by_words(groups.values()):
        yield _exception(cases, works)


def _place(failure: Failure, outcome: Outcome) -> str:
    """Return where an exception was raised; outside of the engine's files, by which op."""
    if failure.line:
        return f"{failure.file}:{failure.line}"
    step = outcome.answer.step
    return "" if step is None else outcome.answer.program.steps[step].op


def _by_words(groups: Iterable[list[Outcome]]) -> list[list[Outcome]]:
    """Put groups of the same words together: what was forgotten once fails in several lines."""
    merged: dict[str, list[Outcome]] = {}
    for cases in groups:
        words = Counter(_words(outcome.answer.error) for outcome in cases).most_common(1)[0][0]
        is_name = words.startswith(_NAMES)
        failure = cases[0].answer.failure
        key = words if is_name else f"{words} {_where(failure)}"
        if "'NoneType'" in words and failure is not None and failure.phase == "backward":
            key = "a gradient that isn't there yet"
        merged.setdefault(key, []).extend(cases)
    return [*merged.values()]


def _exception(cases: list[Outcome], works: Mapping[tuple[str, str], None]) -> Cause:
    """Return the cause for an exception in which cases end.

    If it is seen with integers only, an op that works with floats may not be to blame for it.
    """
    first = min(cases, key=lambda outcome: len(outcome.case.graph))
    failure, error = first.answer.failure, first.answer.error
    ops = _root_ops(cases)
    if not ops and (only := _ops_of_all(cases, dict.fromkeys(op for op, _ in works))):
        says = f"in graphs with {' or '.join(only)}, backward raises {error}{_where_all(cases)}"
        return Cause("error", only[0] if len(only) == 1 else "", says, cases)
    alone = [outcome for outcome in cases if _is_in_backward_alone(outcome, ops)]
    users = [outcome for outcome in cases if not any(outcome is other for other in alone)]
    victims = [op for op in _ops(users) if op not in ops] if ops else []
    whose = [*ops, "backward"] if alone else ops
    who = ", ".join(whose) or "it"
    verb = "raise" if len(whose) > 1 else "raises"
    single = ops[0] if len(ops) == len(whose) == 1 else ""
    is_overflow = failure is not None and failure.exception == "OverflowError"
    if is_overflow and (x := _large_operand(cases)):
        own = _ops(cases)  # not exp, which they call with a large number
        says = f"{', '.join(own)} {'raise' if len(own) > 1 else 'raises'} {error}{_where(failure)}"
        says += f" from about x = {x:g} on: an intermediate result overflows"
        return Cause("overflow", own[0] if len(own) == 1 else "", says, cases)
    says = f"{who} {verb} {error}{_where_all(cases)}"
    if all(x.case.has_integers and forms_of(x).keys() <= works.keys() for x in cases):
        says += ", seen only where Values are made of integers"
        return Cause("error", "", says, cases, victims)
    return Cause("error", single, says, cases, victims)


def _is_in_backward_alone(outcome: Outcome, ops: Sequence[str]) -> bool:
    """Whether an exception is that of the backward pass itself, and of none of the ops it calls."""
    failure = outcome.answer.failure
    if failure is None or failure.phase != "backward":
        return False
    return not any(_op_of_function(name) in ops for name in failure.caller)


def _ends(crashed: Sequence[Outcome], numeric: Sequence[Outcome]) -> Iterator[Cause]:
    """Name the errors with which a process ended in several cases, each once.

    All that is known of a program in another language is what it said last.
    """
    groups: dict[str, list[Outcome]] = {}
    for outcome in crashed:
        if outcome.answer.failure is None and outcome.answer.step is None:
            groups.setdefault(outcome.answer.error, []).append(outcome)
    works = dict.fromkeys(op for outcome in numeric for op in _ops_of(outcome))
    for error, cases in groups.items():
        if len(cases) > 1:
            ops = _ops_of_all(cases, works)
            says = f"in graphs with {' or '.join(ops)}, {error}" if ops else error
            yield Cause("error", ops[0] if len(ops) == 1 else "", says, cases)


def _ops_of_all(cases: Sequence[Outcome], works: Mapping[str, None]) -> list[str]:
    """Return the few ops of which each case has one, and that work nowhere, while others work.

    Each of them must be the only such op of some case.
    """
    broken = [[op for op in _ops_of(outcome) if op not in works] for outcome in cases]
    alone = dict.fromkeys(ops[0] for ops in broken if len(ops) == 1)
    is_in_all = all(any(op in alone for op in ops) for ops in broken)
    return [*alone] if works and is_in_all and len(alone) <= _FEW else []


def _ops_of(outcome: Outcome) -> dict[str, None]:
    """Return the ops of the program of a case, without those that only state its seed."""
    program = outcome.answer.program
    nodes = program.steps[: max(program.step_of_node, default=-1) + 1]
    return dict.fromkeys(step.op for step in nodes if step.args)


def _ops(cases: Sequence[Outcome]) -> list[str]:
    """Return the ops at which cases failed, in the order in which they are first met."""
    steps = [(x.answer.program.steps, x.answer.step) for x in cases]
    return [*dict.fromkeys(program[step].op for program, step in steps if step is not None)]


def _root_ops(cases: Sequence[Outcome]) -> list[str]:
    """Return the ops whose own functions raised an exception, not those that only call them."""
    ops: dict[str, None] = {}
    for outcome in cases:
        failure, step = outcome.answer.failure, outcome.answer.step
        if step is None or failure is None or failure.phase == "backward":
            continue
        inner = [op for op in map(_op_of_function, failure.caller) if op]
        ops[inner[-1] if inner else outcome.answer.program.steps[step].op] = None
    return [*ops]


def _large_operand(cases: Sequence[Outcome]) -> float:
    """Return the operand nearest to 0 at which an op failed, if all are large; else 0."""
    largest = []
    for outcome in cases:
        steps, step = outcome.answer.program.steps, outcome.answer.step
        xs = [steps[arg].x for arg in steps[step].args] if step is not None else []
        largest.append(max(xs, key=abs, default=0.0))
    least = min(largest, key=abs, default=0.0)
    return least if abs(least) > _LARGE else 0.0


def _where(failure: Failure | None) -> str:
    if failure is None or not failure.line:
        return ""
    source = f": `{failure.source}`" if failure.source else ""
    return f" ({failure.file}, line {failure.line}{source})"


def _where_all(cases: Sequence[Outcome]) -> str:
    """Say where an exception was raised: one line with its text, or the numbers of several."""
    failures = [x.answer.failure for x in cases]
    lines = sorted({(x.file, x.line) for x in failures if x is not None and x.line})
    if len(lines) < 2 or len(dict(lines)) > 1:  # noqa: PLR2004 - one line, or more than one file
        return _where(min(cases, key=lambda outcome: len(outcome.case.graph)).answer.failure)
    numbers = [f"{line}" for _, line in lines]
    return f" ({lines[0][0]}, lines {some(numbers)})"


@cache
def _op_of_function(name: str) -> str:
    """Return the op that a function of an engine does by its name, or an empty string."""
    for op, slot in SLOTS.items():
        if name in (slot, f"__r{slot[2:]}"):
            return op
    plain = name.replace("_", "").lower()
    for op, names in SPELLINGS.items():
        if plain in names and op not in ("backward", "data", "grad"):
            return op
    return ""
