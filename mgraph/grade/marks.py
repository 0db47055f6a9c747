"""The results of a class, for other programs: CSV for a spreadsheet, JSON, and JUnit XML."""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from mgraph.errors import printable
from mgraph.golden.junit import ReportLine
from mgraph.grade.outcomes import Verdict
from mgraph.grade.points import (
    Standing,
    all_ops,
    points_of,
    standing_of_cases,
    standing_of_ops,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mgraph.grade.cases import Case
    from mgraph.grade.classroom import Graded
    from mgraph.grade.outcomes import Outcome
    from mgraph.grade.runner import Report

_FORMULA: Final = ("=", "+", "-", "@")  # a spreadsheet would compute what begins so
_BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"  # without it, Excel takes UTF-8 for something else


def as_json(
    graded: Graded, cases: Sequence[Case], table: Mapping[str, float] | None, *, hide: bool
) -> dict[str, Any]:
    """Return one engine's report as plain data, with its name and its points."""
    points = points_of(graded.report, cases, table)
    report = graded.report.as_json(hide=hide)
    report["summary"]["failed"] = graded.failed
    return {
        "name": graded.hand_in.name,
        "points": points.got,
        "points_of": points.of,
        **report,
    }


def as_csv(
    results: Sequence[Graded], cases: Sequence[Case], table: Mapping[str, float] | None
) -> bytes:
    """Return a table with a line for each engine.

    The columns are the name, points, counts of cases, the problem if nothing could be graded, the
    causes, then one column for each op (`op NAME`) and for each file (`case NAME`). In those,
    `ok`, `wrong` and `missing` are said; they are empty if nothing could be graded.
    """
    ops = all_ops(cases)
    titles = [*dict.fromkeys(case.title for case in cases)]
    head = ["name", "points", "points of", "passed", "failed", "missing", "problem", "causes"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([*head, *(f"op {op}" for op in ops), *(f"case {x}" for x in titles)])
    for graded in results:
        report = graded.report
        by_op, by_case = standing_of_ops(report), standing_of_cases(report)
        points = points_of(report, cases, table)
        cells = [graded.hand_in.name, f"{points.got:.10g}", f"{points.of:.10g}"]
        cells += [*map(str, counts(report)), graded.problem, "; ".join(causes(report))]
        cells += [by_op.get(op, "") for op in ops]
        cells += [by_case.get(title, "") for title in titles]
        writer.writerow(map(_cell, cells))
    return (_BOM + text.getvalue()).encode("utf-8", "backslashreplace")


def _cell(text: str) -> str:
    """Escape control characters, and what a spreadsheet would take for a formula."""
    return f"'{printable(text)}" if text.startswith(_FORMULA) else printable(text)


def counts(report: Report) -> tuple[int, int, int]:
    """Return how many cases are passed, failed, and need an op that is missing."""
    failed = sum(map(report.fails, report.outcomes))
    missing = report.counts[Verdict.UNSUPPORTED]
    return len(report.outcomes) - failed - missing, failed, missing


def causes(report: Report) -> list[str]:
    """List the causes, each with the ops in which it was found, and failures without a cause.

    First comes a remark if the class isn't the learner's own.
    """
    ops: dict[str, list[str]] = {}
    for cause in report.causes:
        ops.setdefault(cause.id, []).extend([cause.op] if cause.op else [])
    named = [f"{cause} in {', '.join(names)}" if names else cause for cause, names in ops.items()]
    unknown: dict[Verdict, list[Outcome]] = {}
    for outcome in report.outcomes:
        if report.fails(outcome) and not outcome.cause:
            unknown.setdefault(outcome.outcome, []).append(outcome)
    remark = report.borrowed
    return [
        *([remark] if remark else []),
        *named,
        *(_unknown(verdict, outcomes) for verdict, outcomes in unknown.items()),
    ]


def _unknown(verdict: Verdict, outcomes: Sequence[Outcome]) -> str:
    """Describe failures without a cause: crashes by their most frequent error."""
    count = f"{len(outcomes)} {verdict}"
    if verdict == Verdict.TIMED_OUT:
        return count
    if verdict == Verdict.CRASHED:
        return f"{count}: {Counter(x.note for x in outcomes).most_common(1)[0][0]}"
    return f"{count}, cause unknown"


def missing_ops(report: Report) -> list[str]:
    """List the ops that an engine doesn't have."""
    standing = standing_of_ops(report)
    return [op for op, state in sorted(standing.items()) if state == Standing.MISSING]


def junit_lines(results: Sequence[Graded], *, hide: bool) -> Iterator[ReportLine]:
    """Yield a line for each case of each engine; one if an engine can't be graded."""
    for graded in results:
        name, report = graded.hand_in.name, graded.report
        if graded.problem:
            yield ReportLine(name, "can't be graded", printable(graded.problem), failed=True)
        for outcome in report.outcomes:
            yield ReportLine(
                name,
                printable(f"{outcome.case.title}, run {outcome.case.run}"),
                f"{outcome.outcome}: {outcome.line(hide=hide)}",
                failed=report.fails(outcome),
                skipped=outcome.outcome == Verdict.UNSUPPORTED,
            )
