"""Processes of an engine end with the grading, however it ends, and wherever they hide."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Final

import pytest

from tests.command_line import SCRIPT, Shell, environment
from tests.grade.test_hostile import ENGINES, LINUX, MARK

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HIDDEN: Final = """
import os, subprocess, sys

def hidden(name):
    '''Start a process that nothing connects with this one: no parent, session or environment.'''
    code = "import os, sys, time; print(os.getpid(), flush=True); time.sleep(1e6)"
    line = [sys.executable, "-I", "-S", "-c", code]
    file = open(name, "a")
    before = os.path.getsize(name)
    if os.fork() == 0:
        subprocess.Popen(line, env={}, start_new_session=True, stdout=file)
        os._exit(0)
    while os.path.getsize(name) == before:
        time.sleep(0.01)
"""

WAITS: Final = """
import sys, time
sys.path.insert(0, {folder!r})
from engine import Value
{hidden}
right = Value.__add__
def plus(self, other):
    hidden("hidden.pid")
    {then}
    return right(self, other)
Value.__add__ = plus
"""

COMMAND: Final = """
import sys, time
{hidden}
for line in sys.stdin:
    hidden("hidden.pid")
    {then}
"""

KILLS_ITS_GUARD: Final = """
import os, time
with open(f"/proc/{os.getppid()}/cmdline") as file:
    assert "guard.py" in file.read()  # it must not be the process of the tests
os.kill(os.getppid(), 9)
time.sleep(1e6)
"""

SLOW: Final = """
import os, sys, time
seen = len(os.listdir("seen"))
open(f"seen/{os.getpid()}", "w").close()
if seen >= 3:  # the first three show that it doesn't answer line by line
    time.sleep(1e6)
sys.stdin.read()
"""

posix: Final = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
linux: Final = pytest.mark.skipif(not LINUX, reason="orphans are adopted on Linux only")


def written(shell: Shell, then: str) -> dict[str, tuple[str, ...]]:
    """Write an engine of each kind, and return how each is graded."""
    parts = {"folder": str(ENGINES), "hidden": HIDDEN, "then": then}
    shell.write("waits.py", WAITS.format(**parts))
    shell.write("command.py", COMMAND.format(**parts))
    return {
        "class": ("waits.py:Value", "once.json"),
        "command": ("--cmd", f"{sys.executable} command.py", "once.json"),
    }


def is_running(process: int) -> bool:
    """Whether a process exists, and is more than an entry that waits for its parent."""
    try:
        with open(f"/proc/{process}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Wait until something holds; return whether it does."""
    until = time.monotonic() + seconds
    while not holds() and time.monotonic() < until:
        time.sleep(0.02)
    return holds()


def hidden(folder: Path) -> list[int]:
    """Return the numbers of the hidden processes, once there are any."""
    path = folder / "hidden.pid"
    assert within(30, lambda: path.exists() and path.read_text().endswith("\n"))
    return [int(line) for line in path.read_text().splitlines()]


@linux
@pytest.mark.parametrize("kind", ["class", "command"])
@pytest.mark.parametrize("how", ["SIGTERM", "SIGHUP", "SIGKILL", "SIGINT"])
def test_a_signal_ends_a_hanging_engine(how: str, kind: str, shell: Shell, tmp_path: Path) -> None:
    """When a signal ends mgraph, nothing goes on: not the engine, nor what it has hidden."""
    args = written(shell, "time.sleep(1e6)")[kind]
    with subprocess.Popen(
        [SCRIPT, "grade", *args, "--timeout", "60"], cwd=tmp_path, env=environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    ) as grading:  # fmt: skip
        processes = hidden(tmp_path)
        grading.send_signal(signal.Signals[how])
        grading.wait(30)  # a case has 60
    assert within(5, lambda: not any(map(is_running, processes)))
    mark = f"{MARK}={tmp_path}".encode()
    assert within(5, lambda: not any(map(has(mark), numbers()))), [*filter(has(mark), numbers())]


def numbers() -> list[int]:
    """List the processes."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def has(mark: bytes) -> Callable[[int], bool]:
    """Return whether a process has a mark in its environment."""

    def found(process: int) -> bool:
        try:
            with open(f"/proc/{process}/environ", "rb") as file:
                return mark in file.read().split(b"\0")
        except OSError:
            return False

    return found


@linux
@pytest.mark.parametrize("then", ["pass", "os._exit(0)", "time.sleep(1e6)"])
@pytest.mark.parametrize("kind", ["class", "command"])
def test_a_hidden_daemon_ends(kind: str, then: str, shell: Shell) -> None:
    """A daemon ends with its engine, with no parent, session or environment to find it by."""
    args = written(shell, then)[kind]
    shell("grade", *args, "--timeout", "1")
    assert not any(map(is_running, hidden(shell.folder)))


SWARM: Final = """
for _ in range(400):
    if os.fork() == 0:
        os.setsid()
        time.sleep(1e6)
time.sleep(5)
"""


@linux
@pytest.mark.parametrize("kind", ["class", "command"])
def test_a_swarm_of_processes_is_ended(kind: str, shell: Shell) -> None:
    """An engine that starts processes without end is stopped long before its time is up."""
    args = written(shell, textwrap.indent(SWARM, " " * 4).strip())[kind]
    (case,) = shell("grade", *args, "--timeout", "60", "--json").json["cases"]
    assert case["outcome"] == "crashed"
    assert "ended by SIGKILL: it had started more than 256 processes" in case["note"]
    assert not any(map(is_running, hidden(shell.folder)))


@posix
def test_a_program_that_can_not_be_started(shell: Shell) -> None:
    """The reason of the system is given, as without a guard."""
    shell.write("engine.txt", "neither a program nor a script")
    shell.path("engine.txt").chmod(0o755)
    cases = shell("grade", "--cmd", "./engine.txt", "once.json", "--json").json["cases"]
    assert [case["note"] for case in cases] == ["./engine.txt can't be started: Exec format error"]


@linux
def test_an_engine_that_kills_its_guard(shell: Shell) -> None:
    """Without its guard the engine ends, too."""
    shell.write("command.py", KILLS_ITS_GUARD)
    line = f"{sys.executable} command.py"
    cases = shell("grade", "--cmd", line, "once.json", "--timeout", "5", "--json").json["cases"]
    assert [case["note"] for case in cases] == ["its process was ended by SIGKILL"]


@posix
@pytest.mark.parametrize("ignored", [signal.SIGPIPE, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_have_their_usual_effect_on_engines(ignored: int, shell: Shell) -> None:
    """What the guard ignores isn't ignored by the engine."""
    shell.write("command.sh", f"kill -{int(ignored)} $$\nsleep 60\n")
    cases = shell("grade", "--cmd", "sh command.sh", "once.json", "--json").json["cases"]
    name = signal.Signals(ignored).name
    assert [case["note"] for case in cases] == [f"its process was ended by {name}"]


@linux
def test_an_interrupt_does_not_wait_for_cases_that_hang(shell: Shell, tmp_path: Path) -> None:
    """Ctrl-C ends the cases that run side by side, each in a process of its own."""
    (tmp_path / "seen").mkdir()
    shell.write("slow.py", SLOW)
    files = [shell.write(f"{name}.json", shell.document("graph.json")) for name in "abcd"]
    line = ("--cmd", f"{sys.executable} slow.py", "--timeout", "50", *files)
    with subprocess.Popen(
        [SCRIPT, "grade", *line], cwd=tmp_path, env=environment(), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as grading:  # fmt: skip
        assert within(30, lambda: len(os.listdir(tmp_path / "seen")) > 3)
        grading.send_signal(signal.SIGINT)
        assert grading.wait(30) == 130  # a case has 50
