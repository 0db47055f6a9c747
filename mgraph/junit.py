"""Outcomes of golden tests as JUnit XML, for continuous integration."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from mgraph.errors import printable, render
from mgraph.golden import OK, SKIPPED, UNTESTED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph.golden import Outcome


def report(outcomes: Sequence[Outcome]) -> bytes:
    """Return a report with a test case a run; files that were not tested count as skipped."""
    suite = ET.Element(
        "testsuite",
        name="mgraph",
        tests=str(len(outcomes)),
        failures=str(sum(each.failed for each in outcomes)),
        errors="0",
        skipped=str(sum(each.status in (UNTESTED, SKIPPED) for each in outcomes)),
    )
    for each in outcomes:
        name = "file" if each.run is None else f"run {each.run}"
        case = ET.SubElement(suite, "testcase", classname=printable(each.file), name=name)
        if each.status == OK:
            continue
        tag = "failure" if each.failed else "skipped"
        reason = str(each.first) if each.first else each.note or each.status
        result = ET.SubElement(case, tag, message=printable(reason))
        if each.diagnostics:
            result.text = render(each.diagnostics)
    ET.indent(suite)
    text: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return text + b"\n"
