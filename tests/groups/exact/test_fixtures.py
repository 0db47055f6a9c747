"""The golden files of exact math are what MPFR gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.command_line import FIXTURES
from tests.reference.by_mpfr import write_exact

if TYPE_CHECKING:
    from pathlib import Path


def test_the_files_are_what_the_generator_writes(tmp_path: Path) -> None:
    """Written again, every file has the same bytes, and there is no other file."""
    write_exact(tmp_path)
    written = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.json"))
    there = sorted(path.relative_to(FIXTURES) for path in (FIXTURES / "exact").rglob("*.json"))
    assert written == there
    for name in written:
        assert (tmp_path / name).read_bytes() == (FIXTURES / name).read_bytes(), name
