"""Scripts that move, close what they print to, or end early: their recording is kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.command_line import SCRIPT, Said, environment, in_shell, process
from tests.trace.test_trace import ENGINE, Scripts

if TYPE_CHECKING:
    from pathlib import Path

START: Final = """
import atexit, os, shutil, signal, sys, tempfile, threading, time
x = Value(3.0)
(x * x).backward()
"""
"""d(x²)/dx = 2x = 6."""

posix: Final = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")


def traced(scripts: Scripts, end: str, *options: str) -> Said:
    """Trace a script that computes a gradient, and then ends like this."""
    scripts.write(ENGINE, START, end)
    out = () if "-o" in options else ("-o", "f.json")
    return process("trace", "script.py", *out, *options, cwd=scripts.folder)


def gradient(document: Any) -> float:  # noqa: ANN401 - plain data
    """Return the gradient of x in a recorded graph."""
    grad: float = document["runs"][0]["grad"]["x"]
    return grad


def recorded(folder: Path) -> float:
    """Return the gradient of x in the file."""
    return gradient(json.loads((folder / "f.json").read_bytes()))


RUDE: Final = {
    "changes folder": "os.chdir('/')",
    "deletes its folder": "os.chdir(tempfile.mkdtemp()); os.rmdir(os.getcwd())",
    "closes stdout": "sys.stdout.close()",
    "closes stderr": "sys.stderr.close()",
    "closes both below Python": "os.close(1); os.close(2)",
    "opens another file there": "os.close(1); open('other', 'w')",
    "has no stdout": "sys.stdout = sys.stderr = None",
    "replaces stdout": "import io; sys.stdout = sys.stderr = io.StringIO()",
    "replaces stdout by anything": "sys.stdout = sys.stderr = 7",
    "redirects stdout": "open('log', 'w').close(); os.dup2(os.open('log', os.O_WRONLY), 1)",
    "ends": "sys.exit()",
    "ends at once": "os._exit(0)",
    "ends at once in a block": "try:\n    os._exit(0)\nfinally:\n    print('not reached')",
    "ends at once in a thread": "threading.Timer(0.1, os._exit, [0]).start(); time.sleep(60)",
    "ends at once within backward": "x._backward = lambda: os._exit(0)\nx.backward()",
    "ends at once at exit": "atexit.register(os._exit, 0)",
    "exits at exit": "atexit.register(sys.exit, 0)",
    "forks": "os.fork() or os._exit(5)",
    "forks, and both reach the end": "os.fork() and os.wait()",
    "forks, and the child fails": "os.fork() and os.wait() or 1 / 0",
    "has little depth": "sys.setrecursionlimit(60)",
    "is strict about warnings": "import warnings; warnings.simplefilter('error')",
    "is strict about floats": "import numpy; numpy.seterr(all='raise')",
}


@posix
@pytest.mark.parametrize("end", RUDE.values(), ids=RUDE)
def test_the_recording_is_kept(scripts: Scripts, end: str) -> None:
    """The graph is where it was asked for, and the report is printed once."""
    said = traced(scripts, end)
    assert said.status == 0, said.err
    assert [line.split()[0] for line in said.out.splitlines()] == [
        "wrote", "engine", "backward", "agrees",
    ]  # fmt: skip
    assert recorded(scripts.folder) == 6.0


@posix
def test_what_a_script_prints_past_python(scripts: Scripts) -> None:
    """With `-o -` and `--json`, nothing else comes on standard output, even at exit."""
    end = """
        os.write(1, b"below\\n")
        os.system("echo child")
        print("above")
        atexit.register(print, "at exit")
        atexit.register(os.system, "echo child at exit")
        threading.Timer(0.2, print, ["later"]).start()
    """
    said = traced(scripts, end, "-o", "-")
    assert gradient(said.json) == 6.0
    words = ["above", "at exit", "below", "child", "child at exit", "later"]
    assert [word for word in words if f"{word}\n" in said.err] == words
    assert traced(scripts, end, "--json").json["calls"] == 1
    said = traced(scripts, f"{dedent(end)}\nos._exit(0)", "-o", "-")
    assert gradient(said.json) == 6.0


@posix
@pytest.mark.parametrize("end", ["", "os._exit(0)"])
@pytest.mark.parametrize("options", [("-o", "-"), ("--json",)])
def test_what_threads_print_meanwhile(scripts: Scripts, end: str, options: tuple[str, ...]) -> None:
    """A thread that prints while the report is written doesn't get into it."""
    chatter = "def chatter():\n    while True:\n        print('chatter')"
    start = "threading.Thread(target=chatter, daemon=True).start()"
    said = traced(scripts, f"{chatter}\n{start}\n{end}", *options)
    assert said.json["runs" if "-" in options else "calls"]
    assert "chatter\n" in said.err


@posix
@pytest.mark.parametrize(
    ("end", "status"),
    [("os._exit(0)", 0), ("os._exit(3)", 1), ("sys.exit(3)", 1), ("raise KeyboardInterrupt", 130)],
)
def test_the_exit_status(scripts: Scripts, end: str, status: int) -> None:
    """It tells how the script ended; the recording is written in any case."""
    said = traced(scripts, end)
    assert said.status == status
    assert recorded(scripts.folder) == 6.0
    if status == 1:
        assert said.err == "the script exits with 3\n"


@posix
def test_the_reason_why_nothing_was_recorded(scripts: Scripts) -> None:
    """It is told also if the script ends the process."""
    scripts.write(ENGINE, "import os\nValue(1.0)\nos._exit(0)")
    said = process("trace", "script.py", "-o", "f.json", cwd=scripts.folder)
    assert said.status == 1
    assert "backward was not called on __main__:Value" in said.err
    said = traced(scripts, "os._exit(0)", "--call", "7")
    assert said.status == 2
    assert "the script calls backward 1 time" in said.err


@posix
def test_a_folder_that_the_script_deletes(scripts: Scripts) -> None:
    """Where there is no folder any more, that is the error."""
    (scripts.folder / "out").mkdir()
    said = traced(scripts, "os.rmdir('out')", "-o", "out/f.json")
    assert said.status == 1
    assert "error[io]: can't write" in said.err
    assert "Traceback" not in said.err


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interrupted_script(scripts: Scripts, name: str) -> None:
    """What was recorded before is written; then mgraph ends as the signal says."""
    scripts.write(ENGINE, START, "open('ready', 'w').close()\ntime.sleep(60)")
    with subprocess.Popen(
        [SCRIPT, "trace", "script.py", "-o", "f.json"], cwd=scripts.folder, env=environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        until = time.monotonic() + 30
        while not (scripts.folder / "ready").exists() and time.monotonic() < until:
            time.sleep(0.02)
        number = signal.Signals[name]
        child.send_signal(number)
        out, err = child.communicate(timeout=30)
    assert err == "the script was interrupted\n"
    assert out.startswith("wrote     f.json: 2 nodes")
    assert child.returncode == (130 if name == "SIGINT" else -number)
    assert recorded(scripts.folder) == 6.0


@posix
def test_a_script_that_handles_signals_itself(scripts: Scripts) -> None:
    """Its own handler is called, and the script goes on."""
    end = "signal.signal(signal.SIGTERM, lambda *_: print('caught'))\nos.kill(os.getpid(), 15)"
    said = traced(scripts, end)
    assert said.status == 0
    assert said.out.startswith("caught\nwrote     f.json")


@posix
def test_a_pipe_that_is_closed(scripts: Scripts) -> None:
    """A reader that has left is no reason for a traceback."""
    scripts.write(ENGINE, START, "print('x' * 10**6)")
    said = in_shell(f"{SCRIPT} trace script.py -o f.json | head -c 5", scripts.folder)
    assert said.out == "xxxxx"
    assert "in main" not in said.err
    assert "Exception ignored" not in said.err
