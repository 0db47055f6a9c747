"""The tutorial, run anew."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tests.command_line import HERE, environment
from tests.draw.test_notebook import TUTORIAL, cells, result


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Return the tutorial's cells as a fresh kernel leaves them."""
    out = tmp_path_factory.mktemp("tutorial") / "out.ipynb"
    subprocess.run(
        [sys.executable, HERE.parent / "tools" / "run_tutorial.py", out],
        check=True, env=environment(), capture_output=True, timeout=300,
    )  # fmt: skip
    return cells(out)


def test_the_tutorial_shows_what_it_gives(executed: list[dict[str, Any]]) -> None:
    """Run anew, each cell prints and draws what the notebook in the repository shows."""
    kept = cells(TUTORIAL)
    assert [cell["source"] for cell in executed] == [cell["source"] for cell in kept]
    for new, old in zip(executed, kept, strict=True):
        assert result(new) == result(old), "".join(old["source"])
