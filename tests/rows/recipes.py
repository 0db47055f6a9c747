"""The recipes of docs/recipes.md, by their headings, and how to run them as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.command_line import HERE, environment

if TYPE_CHECKING:
    from pathlib import Path

PAGE: Final = (HERE.parent / "docs" / "recipes.md").read_text(encoding="utf-8")

FILES: Final = "A graph and some rows"
"""The heading of the program that writes the files which the others use."""


class Recipe(NamedTuple):
    """A program of the page, and what it prints."""

    code: str
    output: str


RECIPES: Final = {
    title: Recipe(code, output)
    for title, code, output in re.findall(
        r"^## ([^\n]+)\n(?:(?!^## ).)*?^```python\n(.*?)^```\n+^```text\n(.*?)^```",
        PAGE,
        re.MULTILINE | re.DOTALL,
    )
}


def printed(title: str, folder: Path) -> str:
    """Run the program under a heading in a folder, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-c", RECIPES[title].code],
        cwd=folder, env=environment(), check=False, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_prints_what_is_shown(title: str, folder: Path) -> None:
    """The program under a heading prints what is shown below it, given the files of the first."""
    printed(FILES, folder)
    assert printed(title, folder) == RECIPES[title].output
