"""Fixtures of the tests of recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.command_line import Shell
from tests.trace.test_trace import Scripts

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    """Return a folder for scripts."""
    return Scripts(tmp_path)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return a folder, and `mgraph` to call there."""
    return Shell(tmp_path, monkeypatch)
