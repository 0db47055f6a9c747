"""Completion scripts: what the shells show is what mgraph offers, commas included."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.command_line import environment, process

if TYPE_CHECKING:
    from pathlib import Path


def fish_script(folder: Path) -> str:
    """Return the script that a user of fish sources."""
    return process(cwd=folder, _MGRAPH_COMPLETE="fish_source").out


def test_fish_splits_only_at_the_first_comma(tmp_path: Path) -> None:
    """The first comma ends the type; descriptions and file names may hold more."""
    lines = [line.strip() for line in fish_script(tmp_path).splitlines() if "split" in line]
    assert lines == ['set -l metadata (string split --max 1 "," $completion);']


def test_descriptions_have_commas(tmp_path: Path) -> None:
    """There is something to cut: descriptions of commands hold commas."""
    said = process(
        cwd=tmp_path, _MGRAPH_COMPLETE="fish_complete", COMP_WORDS="mgraph ", COMP_CWORD=""
    )
    described = dict(line.removeprefix("plain,").split("\t") for line in said.out.splitlines())
    assert described["run"] == "Run a graph forward and backward, and write the annotated file."


@pytest.mark.skipif(not shutil.which("fish"), reason="needs the shell fish")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("mgraph ru", "run\tRun a graph forward and backward, and write the annotated file."),
        ("mgraph check a,b", "a,b.json"),
    ],
)
def test_fish_itself(tmp_path: Path, words: str, offered: str) -> None:
    """The shell shows whole descriptions, and completes a file whose name has a comma."""
    (tmp_path / "a,b.json").touch()
    (tmp_path / "a.json").touch()
    (tmp_path / "mgraph.fish").write_text(fish_script(tmp_path), encoding="utf-8")
    done = subprocess.run(
        ["fish", "--no-config", "-c", f"source mgraph.fish; complete -C '{words}'"], cwd=tmp_path,
        env=environment(HOME=os.fspath(tmp_path)), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == f"{offered}\n"
