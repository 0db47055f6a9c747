"""tools/make_engines.py, where an engine can't be installed or graded; each gets an environment."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from tests.grade.test_engines_page import MADE

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_what_cannot_be_installed_is_a_row(tmp_path: Path) -> None:
    """The error that pip told stands where the numbers would."""
    engine = {
        "name": "none",
        "pip": ["none==1.0", str(tmp_path / "nothing")],
        "class": "none:Value",
    }
    done = MADE["graded"](engine, tmp_path)
    assert done["error"].startswith("can't be installed: ERROR: Invalid requirement")
    assert MADE["row"](engine, done).startswith(
        "| none&nbsp;1.0 | | | | | | | | can't be installed"
    )


def test_an_engine_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the class the grader's own sentence stands there; nothing is installed twice."""
    engine = {"name": "none", "pip": ["--help"], "class": "none_at_all:Value"}
    done = MADE["graded"](engine, tmp_path)
    assert done["error"].startswith("can't be graded: Error: none_at_all:Value")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(subprocess, "run", refuse)
    assert MADE["environment"](engine, tmp_path).exists()
