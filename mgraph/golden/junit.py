"""Outcomes of tests as JUnit XML, for continuous integration."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

from mgraph.errors import printable, render
from mgraph.golden.rerun import SKIPPED, UNTESTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph.golden.rerun import FileOutcome


class ReportLine(NamedTuple):
    """A test case.

    Attributes:
        file: What it is of.
        name: What it is called there.
        reason: Why it failed, or was skipped.
        text: More of that, on several lines.
        failed: Whether it failed.
        skipped: Whether it says nothing.
    """

    file: str
    name: str
    reason: str = ""
    text: str = ""
    failed: bool = False
    skipped: bool = False


def xml(suite: str, lines: Sequence[ReportLine]) -> bytes:
    """Return a report of a suite of test cases."""
    root = ET.Element(
        "testsuite",
        name=suite,
        tests=str(len(lines)),
        failures=str(sum(each.failed for each in lines)),
        errors="0",
        skipped=str(sum(each.skipped for each in lines)),
    )
    for each in lines:
        case = ET.SubElement(root, "testcase", classname=printable(each.file), name=each.name)
        if each.failed or each.skipped:
            tag = "failure" if each.failed else "skipped"
            result = ET.SubElement(case, tag, message=printable(each.reason))
            result.text = each.text or None
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def report(outcomes: Sequence[FileOutcome]) -> bytes:
    """Return a report with a test case a run; files that were not tested count as skipped."""
    return xml("mgraph", [_line(each) for each in outcomes])


def _line(outcome: FileOutcome) -> ReportLine:
    return ReportLine(
        outcome.file,
        "file" if outcome.run is None else f"run {outcome.run}",
        str(outcome.first) if outcome.first else outcome.note or outcome.status,
        render(outcome.diagnostics) if outcome.diagnostics else "",
        failed=outcome.failed,
        skipped=not outcome.failed and outcome.status in (UNTESTED, SKIPPED),
    )
