"""Points: what the ops, causes and cases of a report are worth, and which of them an engine gets.

An op is right if no cause names it, no case that has only this op fails without a cause, and some
case that uses it is right, or has numbers that are wrong only because of a mistake that is not the
op's. So one mistake in the backward pass doesn't cost the points of all ops. A crash shows nothing.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.codec import LIMITS, Limits, decode, located
from mgraph.errors import REPORTED, Diagnostic, GraphError, quoted, some
from mgraph.grade.diagnosis import CAUSES
from mgraph.grade.outcomes import Verdict
from mgraph.grade.program import LEAF, NUMBER
from mgraph.suggestions import Suggestions, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mgraph.grade.cases import Case
    from mgraph.grade.outcomes import Outcome
    from mgraph.grade.program import Program
    from mgraph.grade.runner import Report

_EXAMPLE: Final = '{"mul": 2, "overwritten": 1, "chain-2000": 0}'


class Standing(StrEnum):
    """How an engine stands with an op or a case, as people read it."""

    RIGHT = "ok"
    WRONG = "wrong"
    MISSING = "missing"


class Points(NamedTuple):
    """Points that an engine got, of those that it could get."""

    got: float
    of: float


def ops_of(program: Program) -> list[str]:
    """List the ops of a program, each once."""
    return [*dict.fromkeys(step.op for step in program.steps if step.op not in (LEAF, NUMBER))]


def all_ops(cases: Iterable[Case]) -> list[str]:
    """List the ops that some cases use, in order of names."""
    return sorted({op for case in cases for op in ops_of(case.program)})


# --- a file of points ----------------------------------------------------------------------------


def read_points(data: bytes, cases: Sequence[Case], limits: Limits = LIMITS) -> dict[str, float]:
    """Read points by op, cause or case.

    Args:
        data: A JSON object such as `{"mul": 2, "chain-2000": 0}`.
        cases: All cases, also those that are skipped.
        limits: Limits on what is read.

    Raises:
        GraphError: If it is not such an object; every fault is reported.
    """
    members = decode(data, limits)
    if not isinstance(members, dict):
        message = "expected an object of points by op, cause or case"
        raise GraphError.of("type", message, fix=f"for example {_EXAMPLE}")
    faults = [*islice(_faults(members, cases), REPORTED)]
    if faults:
        raise GraphError(located(faults, data, limits))
    return {name: float(points) for name, points in members.items()}


def _faults(members: Mapping[str, object], cases: Sequence[Case]) -> Iterator[Diagnostic]:
    ops = all_ops(cases)
    known = _names(ops, cases)
    suggestions = Suggestions()
    for name, points in members.items():
        if name not in known:
            fix = did_you_mean(suggestions.closest(name, known))
            expected = f"an op ({some(ops, 3)}), a cause ({some(CAUSES, 3)}) or a case"
            message = f"there is no op, cause or case {quoted(name)}"
            yield Diagnostic("unknown-field", message, (name,), expected, fix, at_key=True)
        if type(points) not in (int, float) or not (isfinite(points) and points >= 0):  # type: ignore[arg-type,operator]
            message = f"the points of {quoted(name)} are {quoted(points)}"
            yield Diagnostic("number", message, (name,), "a number, 0 or more")


def _names(ops: Iterable[str], cases: Iterable[Case]) -> dict[str, None]:
    """Return all names that points may be given for."""
    return dict.fromkeys((*ops, *CAUSES, *(name for case in cases for name in case.names)))


# --- what an engine gets -------------------------------------------------------------------------


def points_of(
    report: Report, cases: Sequence[Case], table: Mapping[str, float] | None = None
) -> Points:
    """Return the points of an engine; without a table of points, one for each case.

    What the table says about skipped cases, and ops that no other case uses, doesn't count.
    """
    if table is None:
        return Points(float(sum(map(is_right, report.outcomes))), float(len(cases)))
    graded = _names(all_ops(cases), cases)
    counted = {name: points for name, points in table.items() if name in graded}
    standing = standing_of_cases(report) | standing_of_ops(report)
    got = (
        points
        for name, points in counted.items()
        if (standing.get(name) or _standing_of_cause(report, name)) == Standing.RIGHT
    )
    return Points(sum(got, 0.0), sum(counted.values(), 0.0))


def is_right(outcome: Outcome) -> bool:
    """Whether an engine has what a case needs, and has it right."""
    return not outcome.failed and outcome.outcome != Verdict.UNSUPPORTED


def standing_of_cases(report: Report) -> dict[str, Standing]:
    """Return by each of its names whether all runs of a file are right."""
    runs: dict[str, list[Outcome]] = {}
    for outcome in report.outcomes:
        for name in dict.fromkeys(outcome.case.names):
            runs.setdefault(name, []).append(outcome)
    return {name: _standing(report, outcomes) for name, outcomes in runs.items()}


def _standing(report: Report, outcomes: Sequence[Outcome]) -> Standing:
    if any(map(report.fails, outcomes)):
        return Standing.WRONG
    return Standing.RIGHT if all(map(is_right, outcomes)) else Standing.MISSING


def standing_of_ops(report: Report) -> dict[str, Standing]:
    """Return for each op of the cases whether the engine has it, and has it right."""
    explained = {id(outcome) for cause in report.causes for outcome in cause.cases}
    named = {cause.op for cause in report.causes}
    others = [x for cause in report.causes if not cause.op for x in cause.cases]
    excused = {id(outcome) for outcome in others if outcome.answer.has_numbers}
    uses: dict[str, list[Outcome]] = {}
    standing: dict[str, Standing] = {}
    for outcome in report.outcomes:
        ops = ops_of(outcome.answer.program)  # ops that it lacks may have been composed of others
        for op in ops:
            uses.setdefault(op, []).append(outcome)
        if len(ops) == 1 and report.fails(outcome) and id(outcome) not in explained:
            standing[ops[0]] = Standing.WRONG
    for op, outcomes in uses.items():
        if op in named:
            standing[op] = Standing.WRONG
        elif any(is_right(x) or id(x) in excused for x in outcomes):
            standing.setdefault(op, Standing.RIGHT)
        elif any(map(report.fails, outcomes)):
            standing[op] = Standing.WRONG
        else:
            standing.setdefault(op, Standing.MISSING)
    return standing


def _standing_of_cause(report: Report, name: str) -> Standing:
    """Return whether a mistake was not made; an engine with nothing right has made it.

    So has one whose numbers are wrong for no known reason, and one that gives none.
    """
    is_known = any(is_right(x) or (x.cause and x.answer.has_numbers) for x in report.outcomes)
    is_made = any(cause.id == name for cause in report.causes)
    return Standing.RIGHT if is_known and not is_made else Standing.WRONG
