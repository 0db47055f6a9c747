"""The command line as a process: terminals, pipes, signals, full disks, completion."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import click
import pytest

import mgraph
from mgraph.appearance import number
from mgraph.cli.terminal import Progress, aligned, clipped, folded, width
from tests.command_line import NEURON, SCRIPT, environment, in_shell, process

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ON_POSIX = pytest.mark.skipif(os.name != "posix", reason="ptys and signals as POSIX has them")
ESCAPE = "\x1b["


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the neuron in it, and another that differs."""
    (tmp_path / "neuron.json").write_bytes(NEURON.read_bytes())
    graph = mgraph.load(NEURON)
    graph.to_file(tmp_path / "half.json", runs=[graph.run(x1=0.5)])
    return tmp_path


def on_terminal(*args: str, cwd: Path, columns: int = 100, **env: str) -> tuple[int, str]:
    """Run `mgraph` on a pseudo-terminal; return its status and what it shows."""
    import pty  # noqa: PLC0415 - POSIX only

    ours, theirs = pty.openpty()
    _resize(theirs, columns)
    variables = environment(TERM="xterm-256color", **env)
    variables.pop("COLUMNS", None)
    child = subprocess.Popen(
        [SCRIPT, *args], cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, env=variables
    )
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
    except OSError:  # the other side is closed
        pass
    finally:
        os.close(ours)
    shown = re.sub(r"\r\x1b\[K[^\r]*(?=\r\x1b\[K)", "", seen.decode())  # a bar, on a slow machine
    return child.wait(timeout=60), shown.replace("\r\x1b[K", "").replace("\r\n", "\n")


def _resize(terminal: int, columns: int) -> None:
    """Set the width of a pseudo-terminal."""
    import fcntl  # noqa: PLC0415 - POSIX only
    import struct  # noqa: PLC0415
    import termios  # noqa: PLC0415

    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))


# --- terminals -------------------------------------------------------------------------------

SHOWING = (
    ("run", "neuron.json"), ("check", "neuron.json"), ("ops",),
    ("test", "neuron.json"), ("diff", "neuron.json", "half.json"), ("check", "bad.json"),
    ("explain", "neuron.json", "w2"), ("step", "neuron.json", "--all"),
    ("gradcheck", "neuron.json"), ("gradcheck", "neuron.json", "--leaf", "w1"),
)  # fmt: skip


@ON_POSIX
@pytest.mark.parametrize("args", SHOWING, ids=" ".join)
def test_colour_is_all_that_a_terminal_adds(folder: Path, args: Sequence[str]) -> None:
    """In a pipe there are no escape sequences; a terminal shows the same text in colour."""
    (folder / "bad.json").write_text('{"mgraph": "1.0", "nodez": []}', encoding="utf-8")
    piped = process(*args, cwd=folder)
    status, seen = on_terminal(*args, cwd=folder)
    assert ESCAPE not in piped.out + piped.err
    assert (status, click.unstyle(seen)) == (piped.status, piped.out + piped.err)
    assert ESCAPE in seen


@ON_POSIX
def test_help_uses_the_width_there_is(folder: Path) -> None:
    """Help is wrapped to the terminal's width, up to 100 columns."""
    for columns, most in ((60, 60), (90, 90), (200, 100)):
        _, seen = on_terminal("run", "--help", cwd=folder, columns=columns)
        assert most - 20 < max(map(len, seen.splitlines())) <= most


@ON_POSIX
def test_colours_of_a_run(folder: Path) -> None:
    """Inputs are cyan, params magenta, the output bold, remarks yellow; no empty sequence."""
    _, seen = on_terminal("run", "neuron.json", cwd=folder)
    assert "\x1b[36mx1\x1b[0m " in seen
    assert "\x1b[35mw1\x1b[0m " in seen
    assert "\x1b[1mo\x1b[0m " in seen
    assert "\x1b[33mzero gradient\x1b[0m\n" in seen
    assert seen.count(ESCAPE) == 2 * len(re.findall(r"\x1b\[[1-9]\d*m", seen))


@ON_POSIX
def test_a_narrow_terminal(folder: Path) -> None:
    """Prose is wrapped, and the table fits if it can."""
    _, seen = on_terminal("run", "neuron.json", cwd=folder, columns=60)
    lines = click.unstyle(seen).splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[0] == "neuron: One tanh neuron, from Andrej Karpathy's micrograd"


@ON_POSIX
def test_no_color_and_force_color(folder: Path) -> None:
    """NO_COLOR switches colour off on a terminal, FORCE_COLOR on in a pipe; neither if empty."""
    for args in (("run", "neuron.json"), ("check", "nope.json")):
        _, seen = on_terminal(*args, cwd=folder, NO_COLOR="1")
        assert ESCAPE not in seen
        _, seen = on_terminal(*args, cwd=folder, NO_COLOR="")
        assert ESCAPE in seen
        said = process(*args, cwd=folder, FORCE_COLOR="1")
        assert ESCAPE in said.out + said.err
    assert ESCAPE not in process("ops", cwd=folder, FORCE_COLOR="").out


def test_numbers_stand_under_each_other() -> None:
    """Decimal points are aligned, whatever the size; no number looks like an integer."""
    shown = aligned(map(number, (1.0, -12.5, 1e22, float("nan"), float("-inf"), None, -0.0, 1e-7)))
    assert shown == [
        "   1.0  ", " -12.5  ", "   1e+22", " nan    ", "-inf    ", "   -    ", "  -0.0  ",
        "   1e-07",
    ]  # fmt: skip
    assert number(0.1 + 0.2) == "0.3"
    assert number(123456789012.0) == "1.23456789e+11"


def test_clipping_and_folding() -> None:
    """An ellipsis marks what is left out; the ends are kept."""
    assert (clipped("abcdef", 4), clipped("abcd", 4)) == ("abc…", "abcd")
    assert folded(10, 10) == (range(10), range(0))
    assert folded(100, 10) == (range(5), range(95, 100))


def test_a_bar_tells_what_is_done() -> None:
    """A step with a label has begun; a step without is done."""
    bar = Progress(4)
    bar.step("reading")
    assert bar.line() == "···················· reading (0 of 4), 0 s"
    bar.step("running")
    assert bar.line().startswith("█████··············· running (1 of 4)")
    bar = Progress(2, "testing")
    bar.step()
    bar.step()
    assert bar.line().startswith("████████████████████ testing (2 of 2)")


def test_a_bar_fits_into_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that wrapped could not be written over: each new one would go below the last."""
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setattr(sys, "stderr", written := io.StringIO())
    bar = Progress(2, "a label that is longer than the terminal is wide")
    waits = iter((False, True))
    monkeypatch.setattr(bar.finished, "wait", lambda _seconds: next(waits))
    bar.watch()
    line = "···················· a label that is longer than…"
    assert written.getvalue() == f"\r\033[K{line}\r\033[K"


@ON_POSIX
def test_the_width_is_that_of_the_terminal_of_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output may go to a file while standard error shows the bar."""
    import pty  # noqa: PLC0415 - POSIX only

    ours, theirs = pty.openpty()
    monkeypatch.delenv("COLUMNS", raising=False)
    with open(theirs, "w", encoding="utf-8") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        for columns in (30, 120, 0):
            _resize(theirs, columns)
            bar = Progress(2, "x" * 200)
            waits = iter((False, True))
            monkeypatch.setattr(bar.finished, "wait", lambda _seconds, waits=waits: next(waits))
            bar.watch()
            assert width(err=True) == max(60, columns or 80)
        monkeypatch.setenv("COLUMNS", "70")
        assert width(err=True) == 70
    seen = b""
    while seen.count(b"\r\033[K") < 6:  # a bar, and nothing in its place, three times
        seen += os.read(ours, 65536)
    os.close(ours)
    assert [len(line) for line in seen.decode().split("\r\033[K") if line] == [29, 119, 79]


# --- pipes, signals, full disks --------------------------------------------------------------


@ON_POSIX
def test_ctrl_c_while_modules_are_read(tmp_path: Path) -> None:
    """Interrupted while it is being imported, it is ended by the signal, without a message."""
    code = (
        "import os, signal, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'mgraph.cli': os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "from mgraph.__main__ import main\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


# Sends itself Ctrl-C at a call of mgraph of which it is told the number; without one, it says how
# many come before the new file gets its name. In others, such as callbacks of Python's own imports,
# Python itself drops the interrupt, and says so.
COUNTING: Final = """
import os, signal, sys
import mgraph
from mgraph.cli import main
wanted, calls = int(sys.argv.pop()), 0
def count(frame, event, argument):
    global calls
    if event == "call" and os.path.dirname(mgraph.__file__) in frame.f_code.co_filename:
        calls += 1
        if calls == wanted:
            os.kill(os.getpid(), signal.SIGINT)
def hook(event, args):
    if event == "os.rename" and not wanted:
        sys.setprofile(None)
        print(calls, flush=True)
        os._exit(0)
sys.addaudithook(hook)
sys.setprofile(count)
main()
"""


def counting(folder: Path, wanted: int) -> subprocess.CompletedProcess[bytes]:
    """Run a graph on the engine `value`; interrupt it at a call."""
    line = ["run", "neuron.json", "--engine", "value", "-o", "out.json"]
    return subprocess.run(
        [sys.executable, "-c", COUNTING, *line, str(wanted)], cwd=folder, env=environment(),
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip


@ON_POSIX
def test_ctrl_c_is_quiet(folder: Path) -> None:
    """Interrupted at any call of its own, it ends without a message, and leaves no partial file."""
    calls = int(counting(folder, 0).stdout)
    for path in folder.iterdir():
        if path.name != "neuron.json":
            path.unlink()
    for call in range(3, calls, calls // 5):  # the first two only lead to what is guarded
        done = counting(folder, call)
        assert (done.returncode, done.stdout, done.stderr) == (130, b"", b""), call
        assert os.listdir(folder) == ["neuron.json"]


@ON_POSIX
@pytest.mark.parametrize(
    ("event", "what"),
    [("import", "mgraph.cli.report"), ("open", "neuron.json"), ("os.rename", "out.json")],
)
def test_ctrl_c_at_a_moment(folder: Path, event: str, what: str) -> None:
    """The same holds while it starts, while it reads, and just before its file is complete."""
    code = (
        "import os, signal, sys\n"
        "def hook(event, args):\n"
        f"    if event == {event!r} and {what!r} in str(args):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.addaudithook(hook)\n"
        "from mgraph.__main__ import main\n"
        "sys.argv = ['mgraph', 'run', 'neuron.json', '-o', 'out.json']\n"
        "main()"
    )
    before = sorted(path.name for path in folder.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment(), capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
    assert sorted(path.name for path in folder.iterdir()) == before


@ON_POSIX
@pytest.mark.parametrize(
    "command",
    [
        "mgraph run neuron.json", "mgraph run neuron.json --json", "mgraph run neuron.json -o -",
        "mgraph schema", "mgraph ops", "mgraph --help", "mgraph check neuron.json",
        "mgraph diff neuron.json half.json", "mgraph test neuron.json",
        "mgraph convert neuron.json -", "mgraph new 'L = x*y'", "mgraph explain neuron.json x1",
        "mgraph step neuron.json", "mgraph gradcheck neuron.json",
    ],
)  # fmt: skip
def test_a_closed_pipe_is_quiet(folder: Path, command: str) -> None:
    """If the reader of a pipe is gone, there is neither a traceback nor a message."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment(), stdout=writer,
        stderr=subprocess.PIPE, check=False, timeout=60,
    )  # fmt: skip
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode == (1 if "--help" in command else 141)  # help is click's


@ON_POSIX
def test_head_gets_its_line(folder: Path) -> None:
    """`| head -1` works as with other tools."""
    said = in_shell("mgraph schema | head -1; mgraph --help | head -1", folder)
    assert (said.out, said.err) == ("{\nUsage: mgraph [OPTIONS] COMMAND [ARGS]...\n", "")


@ON_POSIX
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize(
    "command", ["run neuron.json", "run neuron.json -o -", "ops", "schema", "--help", "new 'L=x*y'"]
)
def test_a_full_disk_is_told(folder: Path, command: str) -> None:
    """A full disk gives one clear line and status 1."""
    said = in_shell(f"mgraph {command} > /dev/full", folder)
    assert said.status == 1
    assert said.err == "error[io]: can't write to standard output: No space left on device\n"
    assert in_shell(f"mgraph {command} > /dev/full 2>&1", folder).status == 1


@ON_POSIX
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("command", ["run nowhere.json", "check nowhere.json", "run neuron.json"])
def test_a_full_disk_under_standard_error(folder: Path, command: str) -> None:
    """If messages can't be written, the status is still 1 for a bad file, 0 if there are none."""
    expected = 0 if command == "run neuron.json" else 1
    assert in_shell(f"mgraph {command} 2> /dev/full", folder).status == expected


@ON_POSIX
def test_a_document_is_not_lost_in_a_closed_stream(folder: Path) -> None:
    """With standard output closed, `-o -` can't write, which is an error."""
    said = in_shell("mgraph run neuron.json -o - >&-", folder)
    assert said.status == 1
    assert "error[io]: standard output is closed" in said.err


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(folder: Path, closed: str) -> None:
    """It does its work even if some standard streams are closed."""
    said = in_shell(f"mgraph run neuron.json {closed}", folder)
    assert (said.status, said.err) == (0, "")
    assert (folder / "neuron.annotated.json").stat().st_size
    said = in_shell("mgraph check - <&-", folder)
    assert (said.status, said.err.split(":")[0]) == (1, "standard input")


def test_as_a_module(folder: Path) -> None:
    """`python -m mgraph` is the same command line."""
    done = subprocess.run(
        [sys.executable, "-m", "mgraph", "check", "neuron.json"], cwd=folder, check=False,
        capture_output=True, text=True, env=environment(), timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == process("check", "neuron.json", cwd=folder).out


def test_a_poor_encoding(folder: Path) -> None:
    """A character that the output encoding lacks is replaced, without an error."""
    said = process("ops", cwd=folder, PYTHONIOENCODING="latin-1")
    assert (said.status, said.err) == (0, "")
    text = said.raw.decode("latin-1")
    assert "sqrt      ?x" in text
    assert "mul       a·b" in text


# --- completion ------------------------------------------------------------------------------


def completed(words: str, cwd: Path) -> list[str]:
    """Return what bash would be offered for the last word."""
    said = process(
        cwd=cwd,
        _MGRAPH_COMPLETE="bash_complete",
        COMP_WORDS=words,
        COMP_CWORD=str(len(words.split(" ")) - 1),
    )
    assert (said.status, said.err) == (0, "")
    return said.out.split()


def test_commands_are_completed(folder: Path) -> None:
    """Commands are completed from their first letters."""
    assert completed("mgraph r", folder) == ["plain,run", "plain,replay"]
    assert completed("mgraph c", folder) == ["plain,check", "plain,convert"]
    assert completed("mgraph run --no", folder) == ["plain,--no-grad"]
    assert completed("mgraph new --activation re", folder) == ["plain,relu"]


@pytest.mark.parametrize(
    "words",
    ["run neu", "check a neu", "test neu", "diff a neu", "convert neu", "convert a neu",
     "run -o neu", "run --inputs neu", "new -o neu", "test --junit neu", "explain neu",
     "train neu", "train a neu", "replay neu", "replay a neu", "replay a b -o neu", "step neu",
     "gradcheck neu", "gradcheck -o neu", "explain --inputs neu"],
)  # fmt: skip
def test_files_are_completed(folder: Path, words: str) -> None:
    """Wherever a file is expected, the shell is asked to complete one."""
    assert completed(f"mgraph {words}", folder) == ["file,neu"]


def test_ids_are_completed(folder: Path) -> None:
    """Where a node is expected, its ids are offered; nothing if the graph can't be read."""
    assert completed("mgraph explain neuron.json x2", folder) == ["plain,x2", "plain,x2w2"]
    (folder / "bad.json").write_text('{"mgraph": "1.0"', encoding="utf-8")
    for name in ("bad.json", "nope.json", "-"):
        assert completed(f"mgraph explain {name} x", folder) == []


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("draw neuron.json --around x2", ["x2", "x2w2"]),
        ("gradcheck neuron.json --leaf x", ["x1", "x2"]),
        ("gradcheck neuron.json --leaf w1 --set x", ["x1=", "x2="]),
        ("run neuron.json --set w2", ["w2="]),
        ("run neuron.json --set o", []),
        ("step neuron.json --seed o", ["o="]),
        ("train neuron.json rows.csv --train w", ["w1", "w2"]),
        ("train neuron.json rows.csv --loss ", ["o"]),
        ("replay neuron.json rows.csv --wrt w", ["w1", "w2"]),
        ("replay neuron.json rows.csv --column x", ["x1=", "x2="]),
        ("replay neuron.json rows.csv --seed o", ["o="]),
        ("step neuron.json --output ", ["o"]),
        ("new x --param x", []),
    ],
)
def test_options_offer_the_ids_that_they_take(folder: Path, words: str, offered: list[str]) -> None:
    """Options for values offer inputs and params, those for seeds offer outputs, others all ids."""
    assert completed(f"mgraph {words}", folder) == [f"plain,{each}" for each in offered]


@ON_POSIX
@pytest.mark.parametrize(
    ("shell", "word"),
    [("bash", "complete -o nosort -F"), ("zsh", "#compdef mgraph"), ("fish", "complete")],
)
def test_completion_can_be_installed(folder: Path, shell: str, word: str) -> None:
    """Each shell gets a script that it can read."""
    said = process(cwd=folder, _MGRAPH_COMPLETE=f"{shell}_source")
    assert (said.status, said.err) == (0, "")
    assert word in said.out
    assert "_MGRAPH_COMPLETE" in said.out
