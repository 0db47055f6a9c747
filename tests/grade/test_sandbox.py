"""The sandbox of `mgraph grade --engines`: what engines see in it, and what is said without it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from mgraph.grade.sandbox import Sandbox, SandboxError
from tests.command_line import SCRIPT, environment
from tests.engines.mutants import SOURCE
from tests.grade.test_class import doing, graded, hand_in, outcomes
from tests.grade.test_hostile import LINUX
from tests.grade.test_left_behind import is_running, numbers, within

if TYPE_CHECKING:
    from tests.command_line import Shell


def why_not() -> str:
    """Return why there is no sandbox here; empty if there is one."""
    try:
        Sandbox("")
    except SandboxError as error:
        return str(error)
    return ""


REASON: Final = why_not() if LINUX else "bubblewrap is for Linux"
sandboxed: Final = pytest.mark.skipif(bool(REASON), reason=REASON)
linux: Final = pytest.mark.skipif(not LINUX, reason="bubblewrap is for Linux")

INSIDE: Final = """
import os, socket

def is_refused(what, *args):
    try:
        what(*args)
    except OSError:
        return True
    return False

assert not os.path.exists({folder!r}), "it sees the folder of the class"
assert not os.path.exists({home!r}) or not {names!r} & {{*os.listdir({home!r})}}, "it sees the home"
assert not os.path.exists("/etc/shadow"), "it sees passwords"
assert "SECRET" not in os.environ, "it sees the environment"
assert [*filter(str.isdigit, os.listdir("/proc"))] == ["1", "2"], "it sees other processes"
assert is_refused(socket.create_connection, ("127.0.0.1", {port}), 5), "it has a network"
assert is_refused(open, __file__, "a"), "it can change itself"
assert is_refused(open, os.__file__, "a"), "it can change its Python"
assert is_refused(os.mkdir, "/usr/new"), "it can change the system"
assert is_refused(os.mkdir, "/new"), "it can fill the top folder"
assert is_refused(os.mkdir, "/dev/new"), "it can fill the folder of devices"
for file in ("beside.txt", "/tmp/new.txt"):
    with open(file, "w") as out:
        out.write("x")
from helper import HELP
assert open("data.txt").read() == "data"
assert not os.path.exists("link"), "a link leads out"
"""


@sandboxed
def test_what_is_seen_inside(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine sees its own files and its Python, and can change neither; it may write others."""
    import socket  # noqa: PLC0415 - only here

    monkeypatch.setenv("SECRET", "1")
    with socket.create_server(("127.0.0.1", 0)) as server:
        home = Path.home()
        names = {path.name for path in home.iterdir()} - {".pyenv", ".local", ".cache"}
        inside = INSIDE.format(
            folder=str(shell.path("class").absolute()), home=str(home), names=names or {""},
            port=server.getsockname()[1],
        )  # fmt: skip
        files = {"engine.py": inside + SOURCE, "helper.py": "HELP = 1\n", "data.txt": "data"}
        hand_in(shell, files, "class/anna")
        os.symlink(shell.path("once.json"), shell.path("class/anna/link"))
        hand_in(shell, {"ben.py": SOURCE})
        assert outcomes(graded(shell, sandbox="require")) == {"anna": "ok", "ben": "ok"}
    assert {*os.listdir("class/anna")} == {*files, "link"}


ENDS: Final = {
    "exits": ("import os; os._exit(3)", "its process ended with status 3"),
    "aborts": ("import os; os.abort()", "its process was ended by SIGABRT"),
    "eats": ("x = bytearray(2**40)", "MemoryError"),
    "fills": (
        "import os; os.posix_fallocate(os.open('/tmp/x', os.O_RDWR | os.O_CREAT), 0, 2**40)",
        "OSError: [Errno 28] No space left on device",
    ),
    "hangs": ("import time; time.sleep(1e6)", "took more than 1 s"),
}  # fmt: skip


@sandboxed
def test_what_ends_an_engine_inside(shell: Shell) -> None:
    """The limits hold in the sandbox, and what ended an engine is told as without one."""
    hand_in(shell, {f"{name}.py": doing(code) for name, (code, _) in ENDS.items()})
    args = ("--timeout", "1", "--memory", "256", "--workers", "2")
    reports = graded(shell, *args, sandbox="require")
    notes = {name: each["cases"][0]["note"] for name, each in reports.items()}
    assert notes == {name: told for name, (_, told) in ENDS.items()}


@sandboxed
def test_an_interrupt_ends_the_sandboxes(shell: Shell, tmp_path: Path) -> None:
    """Ctrl-C ends the engines in their sandboxes."""
    hand_in(shell, {f"{name}.py": "import time\ntime.sleep(1e6)\n" + SOURCE for name in "ab"})

    def sandboxes() -> list[int]:
        ours = str(tmp_path).encode()  # other tests may have sandboxes at the same time
        return [x for x in numbers() if b"bwrap" in (line := _command(x)) and ours in line]

    with subprocess.Popen(
        [SCRIPT, "grade", "--engines", "class", "once.json", "--sandbox", "require"], cwd=tmp_path,
        env=environment(), start_new_session=True, stdout=subprocess.DEVNULL,
    ) as grading:  # fmt: skip
        assert within(20, lambda: len(sandboxes()) > 0)
        grading.send_signal(signal.SIGINT)
        assert grading.wait(20) == 130
    assert within(5, lambda: not any(map(is_running, sandboxes())))


def _command(number: int) -> bytes:
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return b""


# --- other programs in its place ------------------------------------------------------------------

REFUSES: Final = "echo 'bwrap: No permissions to create new namespace' >&2; exit 1"
RECORDS: Final = """
printf '%s\\n' "$@" > "words-$$.txt"
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""
DIES: Final = """
case "$*" in *driver_start.py) exit {status};; esac
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""


def pretend(shell: Shell, monkeypatch: pytest.MonkeyPatch, body: str | None) -> None:
    """Let another program stand in for bubblewrap, or none."""
    shell.path("bin").mkdir(exist_ok=True)
    if body is not None:
        script = f"#!/bin/sh\ncd {str(shell.folder)!r}\n{body}\n"
        shell.write("bin/bwrap", script)
        shell.path("bin/bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(shell.path("bin")), prepend=os.pathsep if body else None)


@linux
@pytest.mark.parametrize("body", [None, REFUSES])
def test_without_a_sandbox(body: str | None, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines then run without, which is said once; unless the sandbox is required, or is off."""
    pretend(shell, monkeypatch, body)
    hand_in(shell, {"anna.py": SOURCE, "ben.py": SOURCE})
    reason = "bwrap is not installed" if body is None else "bwrap: No permissions to create new n"
    for args in ((), ("--sandbox", "auto")):
        said = shell("grade", "--engines", "class", "once.json", *args)
        assert said.status == 0
        (line,) = said.err.splitlines()
        assert line.startswith(f"note: engines run without a sandbox, as you: {reason}")
    said = shell("grade", "--engines", "class", "once.json", "--sandbox", "require")
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith(f"Error: --sandbox require: {reason}")
    assert shell("grade", "--engines", "class", "once.json", "--sandbox", "off").err == ""


@linux
def test_what_is_asked_of_the_sandbox(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each engine is shown its own file, read-only, and nobody else's."""
    pretend(shell, monkeypatch, RECORDS)
    hand_in(shell, {"anna.py": SOURCE, "ben.py": SOURCE})
    imported_from = ("/usr", str(Path.home()), str(shell.path("class").resolve()))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(imported_from), prepend=os.pathsep)
    shell("grade", "--engines", "class", "once.json", "--sandbox", "require")
    files = shell.folder.glob("words-*.txt")  # one a process: two engines run at a time
    runs = [file.read_text(encoding="utf-8").splitlines() for file in files]
    words = [word for run in runs for word in run]
    assert {"--unshare-all", "--die-with-parent", "--clearenv", "--remount-ro"} <= {*words}
    assert "--bind" not in words
    folder = str(shell.path("class").resolve())
    shown = [word for word in words if word.startswith(folder)]
    assert {*shown} == {f"{folder}/anna.py", f"{folder}/ben.py"}
    assert str(Path.home()) not in words
    assert not any({f"{folder}/anna.py", f"{folder}/ben.py"} <= {*run} for run in runs)


@linux
def test_signals_in_the_sandbox(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The status 128 + N of the sandbox is signal N; another status stays one."""
    hand_in(shell, {"anna.py": SOURCE})
    expected = {
        139: "was ended by SIGSEGV", 137: "was ended by SIGKILL", 128: "ended with status 128",
        255: "ended with status 255", 3: "ended with status 3",
    }  # fmt: skip
    for status, told in expected.items():
        pretend(shell, monkeypatch, DIES.format(status=status))
        reports = graded(shell, sandbox="require")
        assert outcomes(reports)["anna"] == f"its process {told}"


def test_an_interpreter_that_says_nothing() -> None:
    """A program that isn't Python is no interpreter."""
    program = shutil.which("true") or "true"
    with pytest.raises(SandboxError, match=r"doesn't say where|not installed"):
        Sandbox(program)
