"""JAX's opinion of the golden files."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import pytest

from tests.reference.confirm import CONSEQUENCE, EXCUSES, FLUSHED, Report, confirm
from tests.test_fixtures import CONVENTIONS, NEURON, document, golden_files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def reports() -> dict[Path, Report]:
    """Return JAX's opinion of every file."""
    return {path: confirm(document(path)) for path in golden_files()}


def test_jax_refutes_no_number(reports: dict[Path, Report]) -> None:
    """Where JAX sees another number, a row of the table of excuses says why."""
    assert [number for report in reports.values() for number in report.refuted] == []


def test_jax_confirms_nearly_all(reports: dict[Path, Report]) -> None:
    """Away from kinks and edges JAX confirms every number; there, nine in ten and more."""
    for path, report in reports.items():
        if path.parent.name not in CONVENTIONS and not path.name.startswith("convention-"):
            assert report.excused == [], path
    confirmed = sum(report.confirmed for report in reports.values())
    excused = sum(len(report.excused) for report in reports.values())
    print(f"JAX confirms {confirmed} of {confirmed + excused} numbers")  # noqa: T201 - with -s
    assert confirmed > 15_000
    assert confirmed / (confirmed + excused) > 0.95


def test_no_excuse_is_idle(reports: dict[Path, Report]) -> None:
    """Every row of the table of excuses is needed by some number."""
    used = {reason for report in reports.values() for reason in report.excused}
    assert used == {CONSEQUENCE, FLUSHED, *(excuse.label for excuse in EXCUSES)}


@pytest.mark.parametrize("table", ["data", "grad"])
def test_jax_notices_a_wrong_number(table: str) -> None:
    """One digit changed in the golden neuron, and JAX refutes it."""
    wrong = deepcopy(document(NEURON))
    wrong["runs"][0][table]["o"] += 1e-8
    assert any("o is" in number for number in confirm(wrong).refuted)
