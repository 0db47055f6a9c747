"""`mgraph step` on a terminal: what is seen on the screen, and how the terminal is given back."""

from __future__ import annotations

import os
import re
import signal
from select import select
from typing import TYPE_CHECKING

import pytest

from tests.analysis.test_steps import Terminal
from tests.command_line import NEURON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="ptys and signals as POSIX has them")

PART = re.compile(r"\x1b\[[?\d;]*[A-Za-z]|[^\x1b]")


def seen(output: str, columns: int, rows: int) -> list[str]:
    """Return what a terminal shows after some output, as ECMA-48 and xterm have it.

    Lines don't wrap: after a character in the last column, the cursor stays on it. Erasing starts
    with the character under the cursor.
    """
    cells = [[" "] * columns for _ in range(rows)]
    row = column = 0
    for part in PART.findall(output):
        if part == "\x1b[H":
            row = column = 0
        elif part in {"\x1b[K", "\x1b[J"}:
            cells[row][column:] = [" "] * (columns - column)
            for below in range(row + 1, rows if part == "\x1b[J" else 0):
                cells[below] = [" "] * columns
        elif part == "\r":
            column = 0
        elif part == "\n":
            row = min(row + 1, rows - 1)
        elif len(part) == 1:
            cells[row][column] = part
            column = min(column + 1, columns - 1)
    return ["".join(line).rstrip() for line in cells]


def shown(terminal: Terminal, columns: int, rows: int) -> list[str]:
    """Wait for a whole screen, and return it."""
    while "q quit" not in terminal.seen:
        terminal.seen += os.read(terminal.ours, 65536).decode()
    return seen(terminal.seen, columns, rows)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the neuron, under its own name and under one in wide characters."""
    text = NEURON.read_text(encoding="utf-8")
    (tmp_path / "neuron.json").write_text(text, encoding="utf-8")
    name = re.search(r'"name": "(.*?)"', text)
    assert name
    wide = text.replace(name[0], f'"name": "{"神経" * 40}"')
    (tmp_path / "wide.json").write_text(wide, encoding="utf-8")
    return tmp_path


@pytest.fixture
def terminal(folder: Path) -> Iterator[Terminal]:
    """Return the neuron being stepped through on a terminal of sixty columns."""
    terminal = Terminal("step", "neuron.json", cwd=folder)
    yield terminal
    terminal.child.kill()
    terminal.child.wait()


@pytest.mark.parametrize("columns", [60, 61, 80])
def test_no_line_loses_its_last_character(folder: Path, columns: int) -> None:
    """The header fills the line: its last digit is seen, too, and nothing of an older screen."""
    terminal = Terminal("step", "neuron.json", cwd=folder, columns=columns)
    lines = shown(terminal, columns, 24)
    assert lines[0].endswith("forward 1 of 10")
    assert len(lines[0]) == columns
    assert lines[-1] == "space next  ← back  < start  > end  g go to a node  q quit"
    terminal.press("q")
    assert terminal.end() == 0


def test_a_bottom_line_that_fills_the_screen(folder: Path) -> None:
    """On a terminal as wide as the list of keys, all of it is seen."""
    keys = "space next  ← back  < start  > end  g go to a node  q quit"
    terminal = Terminal("step", "neuron.json", cwd=folder, columns=len(keys))
    assert shown(terminal, len(keys), 24)[-1] == keys
    terminal.press("q")
    assert terminal.end() == 0


def test_a_name_in_wide_characters_leaves_room_for_the_position(folder: Path) -> None:
    """A wide character takes two columns: the header of sixty has forty-three for the name."""
    terminal = Terminal("step", "wide.json", cwd=folder)
    head = terminal.until("forward 1 of 10").split("\r")[0]
    assert head == "神経" * 10 + "神…" + "  forward 1 of 10"  # 40 + 3 columns, and 17
    terminal.press("q")
    assert terminal.end() == 0


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGQUIT"])
def test_a_signal_that_ends_it_gives_the_terminal_back(terminal: Terminal, name: str) -> None:
    """Echo, lines and the cursor are as before; the status is the one that shells give."""
    terminal.until("q quit")
    assert terminal.modes(terminal.ours) != terminal.settings
    number = getattr(signal, name)
    os.kill(terminal.child.pid, number)
    terminal.until("\x1b[?1049l")
    assert terminal.child.wait(timeout=30) == 128 + number
    assert terminal.modes(terminal.ours) == terminal.settings


def test_a_pause_gives_the_terminal_back_for_its_time(terminal: Terminal) -> None:
    """After Ctrl-Z the shell has its terminal; after `fg` the step is shown again."""
    terminal.until("q quit")
    terminal.press(" ")
    assert "x2 = 0.0  input" in terminal.until("q quit")
    os.kill(terminal.child.pid, signal.SIGTSTP)
    terminal.until("\x1b[?1049l")
    _, status = os.waitpid(terminal.child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert terminal.modes(terminal.ours) == terminal.settings
    os.kill(terminal.child.pid, signal.SIGCONT)
    assert "x2 = 0.0  input" in terminal.until("q quit")
    assert terminal.modes(terminal.ours) != terminal.settings
    terminal.press("q")
    assert terminal.end() == 0


def test_a_terminal_that_is_resized_all_the_time(terminal: Terminal) -> None:
    """A resize in the middle of drawing is no error: the screen is drawn again."""
    terminal.until("q quit")
    for _ in range(20):
        terminal.press("> < ")
        for _ in range(10):
            os.kill(terminal.child.pid, signal.SIGWINCH)
            if select([terminal.ours], [], [], 0.1)[0]:  # two resizes may be drawn as one
                terminal.seen += os.read(terminal.ours, 65536).decode(errors="replace")
    terminal.press("q")
    terminal.until("\x1b[?1049l")
    assert terminal.end() == 0
