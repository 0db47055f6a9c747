"""Causes that crashes show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mgraph.grade.causes import SYMBOLS, Cause, reflected_method
from mgraph.grade.observations import SIMULATED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mgraph.grade.evidence import Evidence
    from mgraph.grade.outcomes import Outcome

_SIGNALS: Final = ("SIGSEGV", "SIGABRT", "SIGBUS")


def find_crashes(evidence: Evidence) -> Iterator[Cause]:
    """Name recursion limits, and operators that refuse a plain number."""
    deep = [outcome for outcome in evidence.crashed if _too_deep(outcome)]
    yield from _depth(deep, evidence.numeric)
    works = dict.fromkeys(
        (step.op, outcome.answer.program.kinds(i))
        for outcome in evidence.numeric
        for i, step in enumerate(outcome.answer.program.steps)
    )
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in evidence.crashed:
        if not _too_deep(outcome) and outcome.answer.step is not None:
            program, step = outcome.answer.program, outcome.answer.step
            groups.setdefault((program.steps[step].op, program.kinds(step)), []).append(outcome)
    for kinds in ("NV", "VN"):
        refused = {
            op: cases
            for (op, refused_kinds), cases in groups.items()
            if refused_kinds == kinds and (op, kinds) not in works and _works(op, kinds, works)
        }
        if refused:
            yield _refused(kinds, refused)


def _works(op: str, kinds: str, works: Mapping[tuple[str, str], None]) -> bool:
    """Whether an op works with other kinds of operands."""
    return (op, "VV") in works or (kinds == "NV" and (op, "VN") in works)


def _refused(kinds: str, refused: Mapping[str, Sequence[Outcome]]) -> Cause:
    """Name operators that refuse a plain number."""
    cases = [outcome for group in refused.values() for outcome in group]
    error = cases[0].answer.error.partition(":")[0]
    single = next(iter(refused)) if len(refused) == 1 else ""
    raise_ = "raises" if single else "raise"
    symbols = [SYMBOLS.get(op, op) for op in refused]
    if kinds == "NV":
        formulas = ", ".join(f"2 {symbol} x" for symbol in symbols)
        methods = ", ".join(map(reflected_method, refused))
        is_or_are = "is" if single else "are"
        says = f"{formulas} {raise_} {error}: {methods} {is_or_are} missing or wrong"
        return Cause("reflected", single, says, cases)
    formulas = ", ".join(f"x {symbol} 2" for symbol in symbols)
    says = f"{formulas} {raise_} {error}: turn a plain number into a Value first"
    return Cause("conversion", single, says, cases)


def _depth(deep: Sequence[Outcome], numeric: Sequence[Outcome]) -> Iterator[Cause]:
    if not deep:
        return
    least = min(outcome.answer.program.depth() for outcome in deep)
    most = max((outcome.answer.program.depth() for outcome in numeric), default=0)
    says = (
        f"it crashes on a chain of {least:,} ops, but not on one of {most:,}: walk the graph "
        "with a list of nodes still to visit instead of a function that calls itself"
    )
    yield Cause("depth", "", says, [*deep])


def _too_deep(outcome: Outcome) -> bool:
    text = outcome.answer.error
    by_signal = any(signal in text for signal in _SIGNALS)
    return "recursion" in text.lower() or (by_signal and outcome.answer.program.depth() > SIMULATED)
