"""The README: what it shows is what is printed."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from mgraph.cli import COMMANDS
from tests.command_line import HERE, environment, in_shell, on_any_python, typed
from tests.readme import BLOCKS, README, TORCH, TRITON
from tests.service.server import serving

if TYPE_CHECKING:
    from pathlib import Path

ROOT = HERE.parent
RUN = (
    "python3 -m venv .venv && .venv/bin/pip install --quiet . "
    "&& .venv/bin/mgraph run fixtures/neuron.json"
)
TEST = (
    "python3 -m venv .venv && .venv/bin/pip install --quiet --editable '.[dev]' "
    "&& .venv/bin/python -m pytest -n auto"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that has what the commands of the README need from the checkout."""
    folder = tmp_path_factory.mktemp("readme")
    for name in ("examples", "fixtures"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def test_there_are_two_set_up_commands() -> None:
    """The first block sets up and runs, the second tests; .ci/run takes the second from here."""
    assert [(block.language, block.text) for block in BLOCKS[:2]] == [
        ("sh", f"{RUN}\n"),
        ("sh", f"{TEST}\n"),
    ]
    assert [block for block in BLOCKS[2:] if block.language in ("", "sh", "bash")] == []


def test_every_block_is_tested() -> None:
    """A language that no test below knows would be shown without having been run."""
    assert {block.language for block in BLOCKS} == {"sh", "text", "console", "python"}
    for before, block in pairwise(BLOCKS):
        assert block.language != "text" or before.language in ("sh", "python")


def test_the_first_command_prints_what_is_shown(folder: Path) -> None:
    """What follows the set-up commands is the output of the first."""
    command = RUN.rpartition("&& .venv/bin/")[2]
    shown = next(block for block in BLOCKS if block.language == "text")
    assert in_shell(command, folder).out == shown.text


def test_consoles_show_what_is_printed(folder: Path) -> None:
    """Each `$` line, typed into a shell one after the other, prints what is shown below it."""
    lines = [*typed(README)]
    assert len(lines) >= 10
    for command, shown in lines:
        result = in_shell(f"{{ {command}\n}} 2>&1", folder)
        assert on_any_python(result.out) == on_any_python(shown), command


def test_python_prints_what_is_shown(folder: Path) -> None:
    """Each Python block runs, and prints the text that follows it; what it asks for is served."""
    python = [pair for pair in pairwise(BLOCKS) if pair[0].language == "python"]
    pairs = [pair for pair in python if pair not in (TRITON, TORCH)]
    assert pairs
    with serving(folder) as server:
        for block, shown in pairs:
            code = block.text.replace("http://127.0.0.1:8765", server.url)
            done = subprocess.run(
                [sys.executable, "-c", code], cwd=folder, env=environment(), check=False,
                capture_output=True, encoding="utf-8",
            )  # fmt: skip
            assert (done.stdout, done.stderr) == (shown.text, "")


def test_every_command_is_in_the_table() -> None:
    """The table has each command, in the order of the help."""
    rows = re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)
    assert rows == [name for names in COMMANDS.values() for name in names]


def test_links_lead_somewhere() -> None:
    """Every file that the README links to exists."""
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert {"docs/format.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"} <= {*targets}
    assert [target for target in targets if not (ROOT / target).is_file()] == []
