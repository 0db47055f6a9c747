"""Write test results as JUnit XML, for continuous integration."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree as ET

from mgraph.errors import printable, render
from mgraph.golden.rerun import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph.golden.rerun import FileOutcome


class ReportLine(NamedTuple):
    """A test case of a report.

    Attributes:
        file: The file that was tested.
        name: The name of the test case.
        reason: Why it failed or was skipped, in one line.
        text: The full reason, in several lines.
        failed: Whether it failed.
        skipped: Whether it was skipped.
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
        failures=str(sum(line.failed for line in lines)),
        errors="0",
        skipped=str(sum(line.skipped for line in lines)),
    )
    for line in lines:
        case = ET.SubElement(root, "testcase", classname=printable(line.file), name=line.name)
        if line.failed or line.skipped:
            tag = "failure" if line.failed else "skipped"
            result = ET.SubElement(case, tag, message=printable(line.reason))
            result.text = line.text or None
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def report(outcomes: Sequence[FileOutcome]) -> bytes:
    """Return a report with one test case per run; files that were not tested count as skipped."""
    return xml("mgraph", [_line(outcome) for outcome in outcomes])


def _line(outcome: FileOutcome) -> ReportLine:
    why = outcome.why(None)
    return ReportLine(
        outcome.file,
        "file" if outcome.run is None else f"run {outcome.run}",
        why[0] if why else outcome.status,
        render(outcome.diagnostics) or ("\n".join(why) if outcome.failed else ""),
        failed=outcome.failed,
        skipped=not outcome.failed and outcome.status in (Status.UNTESTED, Status.SKIPPED),
    )
