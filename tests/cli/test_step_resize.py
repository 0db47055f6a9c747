"""`mgraph step` on a terminal whose size changes while the screen is being drawn."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from tests.analysis.test_steps import ON_POSIX, Terminal
from tests.command_line import NEURON

if TYPE_CHECKING:
    from pathlib import Path


@ON_POSIX
def test_a_resize_while_the_screen_is_drawn_redraws_it_afterwards(tmp_path: Path) -> None:
    """A resize that comes while the terminal takes no output doesn't end the command.

    A screen of 5,000 lines is more than a terminal holds that nobody reads, so drawing waits, and
    the second resize arrives meanwhile.
    """
    terminal = Terminal("step", str(NEURON), cwd=tmp_path)
    try:
        terminal.until("q quit")
        for rows in (5000, 9):
            terminal.resize(80, rows)
            os.kill(terminal.child.pid, signal.SIGWINCH)
            time.sleep(0.3)
        terminal.press(" ")
        seen = terminal.until("forward 2 of")
        if "q quit" not in seen.partition("forward 2 of")[2]:
            seen += terminal.until("q quit")
        assert len(seen.partition("forward 2 of")[2].split("\n")) == 9
        terminal.press("q")
        terminal.until("\x1b[?1049l")
        assert terminal.end() == 0
    finally:
        terminal.child.kill()
        terminal.child.wait()
