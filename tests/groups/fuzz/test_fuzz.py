"""The command that fuzzes."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.fuzz.seeds import READERS
from tests.test_fuzz import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def test_the_command_closes_with_a_count(tmp_path: Path) -> None:
    """`python -m tests.fuzz` says how long, how often and with which seed, and then the outcome."""
    line = [sys.executable, "-m", "tests.fuzz", "--seconds", "2", "--seed", "7"]
    done = subprocess.run(
        [*line, "--corpus", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    *counts, last = done.stdout.splitlines()
    assert last == "2 passed, 0 failed"
    for reader, result in zip(READERS, counts, strict=True):
        assert re.fullmatch(rf"{reader}: \d+ s, [\d,]+ executions, seed 7: nothing found", result)
