"""Step: every step of a run, listed, as data, and on a terminal that answers keys."""

from __future__ import annotations

import os
import random
import re
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import click
import pytest

import mgraph as library
from mgraph import Graph, Value
from mgraph.analysis.detailed_run import run_in_detail
from mgraph.analysis.steps import StepKind, Steps
from mgraph.cli.stepper import Stepper
from tests.command_line import FIXTURES, NEURON, SCRIPT, Shell, environment
from tests.loops import looped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOLDEN = sorted([NEURON, *(FIXTURES / "run").rglob("*.json")])
ON_POSIX = pytest.mark.skipif(os.name != "posix", reason="ptys as POSIX has them")


def neuron_steps() -> Steps:
    """Return the steps of the neuron."""
    return Steps(run_in_detail(library.load(NEURON).columns, {}, {}))


def bits(x: float) -> str:
    """Return the bits of a double; all NaNs are alike."""
    return "nan" if x != x else x.hex()


@looped("path", GOLDEN)
def test_walking_the_steps_gives_the_gradients(path: Path) -> None:
    """What the steps pass on, added up, gives the expected gradients."""
    graph = library.load(path)
    ids = graph.columns.ids
    for want in graph.runs[:5]:
        steps = Steps(run_in_detail(graph.columns, want.inputs, want.seed))
        grads: dict[str, float] = {}
        kinds = [steps[i].kind for i in range(len(steps))]
        size = len(graph)
        assert kinds == [StepKind.FORWARD] * size + [StepKind.SEED] + [StepKind.BACKWARD] * (
            len(steps) - size - 1
        )
        passing = []
        for i in range(size, len(steps)):
            step = steps[i]
            if step.kind == StepKind.SEED:
                asked = want.seed or {graph.outputs[0]: 1.0}
                grads |= {name: 0.0 + seed for name, seed in asked.items()}
                continue
            passing.append(step.node)
            for share in step.passed:
                name = ids[graph.columns.arguments(step.node)[share.argument]]
                assert bits(share.upstream) == bits(grads[ids[step.node]])
                assert bits(share.before) == bits(grads.get(name, 0.0))
                grads[name] = share.before + share.upstream * share.partial
                assert bits(share.after) == bits(grads[name])
        assert passing == sorted(passing, reverse=True)
        consts = [node for node in ids if graph.columns.op(graph.columns.index[node]) == "const"]
        for name in consts:
            grads.pop(name, None)
        if want.grad is not None and want.tolerance is None:
            named = {name: grads.get(name) for name in want.grad}
            assert named == pytest.approx(dict(want.grad), rel=1e-9, abs=1e-12, nan_ok=True)


@looped("seed", range(5))
def test_steps_can_be_undone(seed: int) -> None:
    """A step shows the same, whichever steps were visited before."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    x = Value(3.0, name="x")
    y = x * x
    z = library.sum([y, x, y, x]) * y
    steps = Steps(run_in_detail(Graph.of(z).columns, {}, {}))
    wandering = Stepper(steps, "")
    for _ in range(100):
        wandering.go(draw.randint(-1, len(steps) + 1))
        straight = Stepper(steps, "")
        straight.go(wandering.at)
        assert wandering.adjoints == straight.adjoints
    wandering.go(len(steps))
    assert wandering.adjoints[0] == 4 * 27.0 * 2 + 3 * 2 * 9.0  # d(2x⁴ + 2x³)/dx at 3


# --- listed, and as data ---------------------------------------------------------------------


def test_piped_all_steps_are_listed(mgraph: Shell) -> None:
    """Forward steps have numbers; backward steps, what an op passes on and what that adds up to."""
    mgraph("new", "y = a*b + a", "--input", "a=2", "--param", "b=-3", "-o", "ab.json")
    result = mgraph("step", "ab.json")
    assert (result.status, result.err) == (0, "")
    assert result.out == (
        "forward, 4 nodes\n"
        "a = 2.0  input\n"
        "b = -3.0  param\n"
        "n2 = a·b = 2.0·(-3.0) = -6.0\n"
        "y = n2 + a = -6.0 + 2.0 = -4.0\n"
        "\n"
        "backward\n"
        "y is an output: its gradient starts at 1.0\n"
        "y = n2 + a, y.grad is 1.0, passed on\n"
        "  to n2: 1.0·1.0 = 1.0, n2.grad 0.0 → 1.0 ∂y/∂n2 = 1.0\n"
        "  to a: 1.0·1.0 = 1.0, a.grad 0.0 → 1.0 ∂y/∂a = 1.0\n"
        "n2 = a·b, n2.grad is 1.0, passed on\n"
        "  to a: 1.0·(-3.0) = -3.0, a.grad 1.0 → -2.0 ∂n2/∂a = b = -3.0\n"
        "  to b: 1.0·2.0 = 2.0, b.grad 0.0 → 2.0 ∂n2/∂b = a = 2.0\n"
    )
    assert mgraph("step", "ab.json", "--all").out == result.out


def test_a_step_to_one_argument_twice(mgraph: Shell) -> None:
    """Each line about a·a says which operand it is about; d(a·a)/da is their sum."""
    mgraph("new", "y = a*a", "--input", "a=3", "-o", "aa.json")
    assert mgraph("step", "aa.json").out.endswith(
        "  to a as 1st operand: 1.0·3.0 = 3.0, a.grad 0.0 → 3.0 ∂y/∂(1st operand) = a = 3.0\n"
        "  to a as 2nd operand: 1.0·3.0 = 3.0, a.grad 3.0 → 6.0 ∂y/∂(2nd operand) = a = 3.0\n"
    )


def test_steps_as_data(mgraph: Shell) -> None:
    """`--json` has every step, and its numbers to the last digit."""
    mgraph("new", "y = 2*a*a", "--input", "a=3", "-o", "aa.json")
    steps = mgraph("step", "aa.json", "--set", "a=5", "--seed", "y=10", "--json").json["steps"]
    assert [step["step"] for step in steps] == ["forward"] * 4 + ["seed"] + ["backward"] * 2
    assert steps[3] == {
        "step": "forward", "node": "y", "op": "mul", "label": None, "formula": "n2·a", "data": 50.0,
    }  # fmt: skip
    assert steps[4] == {"step": "seed", "grad": {"y": 10.0}}
    assert steps[5]["passed"] == [
        {"arg": "n2", "slope": 5.0, "product": 50.0, "before": 0.0, "after": 50.0},
        {"arg": "a", "slope": 10.0, "product": 100.0, "before": 0.0, "after": 100.0},
    ]
    assert [each["after"] for each in steps[6]["passed"]] == [None, 200.0]


def test_what_a_const_is_passed_is_lost(mgraph: Shell) -> None:
    """The output says that it is lost, and shows no gradient for the const."""
    mgraph("new", "y = 2*a", "--input", "a=3", "-o", "const.json")
    result = mgraph("step", "const.json").out
    assert "  to n1: 1.0·3.0 = 3.0, lost: a const has no gradient" in result
    assert "n1.grad" not in result


# --- keys and screens ------------------------------------------------------------------------


def shown(stepper: Stepper, columns: int = 60, rows: int = 24) -> list[str]:
    """Return the screen as plain text."""
    return [click.unstyle(line) for line in stepper.screen(columns, rows)]


def test_keys() -> None:
    """Keys go to the next or previous step, the start, the end, or a node in the current pass."""
    stepper = Stepper(neuron_steps(), "neuron")
    for key, at in (
        (" ", 1), ("\x1b[C", 2), ("\r", 3), ("\x1b[D", 2), ("\x7f", 1), ("\x1b[F", 15), (" ", 15),
        ("\x1b[A", 14), ("\x1b[H", 0), ("\x1b[D", 0), (">", 15), ("<", 0), ("\x1b[5~", 0),
        ("x", 0), ("\x1b", 0),
    ):  # fmt: skip
        assert stepper.press(key)
        assert stepper.at == at, key
    assert all(map(stepper.press, "gx1w2\x7f1\r"))
    assert "x1w1 = x1·w1 = 2.0·(-3.0) = -6.0" in shown(stepper)
    assert all(map(stepper.press, ">/n\r"))
    assert "n = x1w1x2w2 + b, n.grad is 0.5, passed on" in shown(stepper)
    assert all(map(stepper.press, "gb\r"))  # passes nothing on: where it got its primal
    assert "b = 6.881373587  param" in shown(stepper)
    assert all(map(stepper.press, "gquit\r"))  # typed into the field, q is a letter
    assert shown(stepper)[-1] == "there is no node quit"
    assert all(map(stepper.press, "go1\x1b"))
    assert stepper.typed is None
    assert not stepper.press("q")


def test_the_screen_fits(mgraph: Shell) -> None:
    """The screen fits a terminal of any size, and shows the current step."""
    steps = neuron_steps()
    for columns in (20, 60, 80, 200):
        for rows in (1, 2, 3, 5, 10, 24, 100):
            stepper = Stepper(steps, "n" * 300)
            for _ in range(len(steps)):
                lines = shown(stepper, columns, rows)
                assert len(lines) <= rows
                if columns >= 60:
                    assert max(map(len, lines)) <= columns
                stepper.press(" ")
    wide = Steps(run_in_detail(library.load(FIXTURES / "run/shapes/wide_500.json").columns, {}, {}))
    stepper = Stepper(wide, "wide")
    stepper.go(len(wide))
    assert len(shown(stepper)) <= 24
    assert mgraph.files() == ["neuron.json"]


def test_the_screen_tells_what_is_known_by_now() -> None:
    """Forward it shows the values so far and no gradients; backward, the gradients so far."""
    stepper = Stepper(neuron_steps(), "neuron")
    stepper.go(4)
    lines = shown(stepper)
    assert lines[0].split() == ["neuron", "forward", "5", "of", "10"]
    rows = {line.split()[0]: line.split() for line in lines if re.match(r"  [a-z]", line)}
    assert rows["x1"] == ["x1", "input", "2.0"]
    assert rows["n"] == ["n", "x1w1x2w2", "+", "b"]
    assert "▶ x1w1      x1·w1         -6.0" in [line.rstrip() for line in lines]
    stepper.go(12)
    rows = {line.split()[0]: line.split() for line in shown(stepper) if re.match(r"  [a-z]", line)}
    assert rows["b"] == ["b", "param", "6.881373587", "0.5"]
    assert rows["x1"] == ["x1", "input", "2.0", "0.0"]


class Terminal:
    """`mgraph` on a pseudo-terminal, with a user who types."""

    def __init__(self, *args: str, cwd: Path, columns: int = 60, rows: int = 24) -> None:
        """Start a command."""
        import pty  # noqa: PLC0415 - POSIX only

        self.ours, theirs = pty.openpty()
        self.resize(columns, rows)
        variables = environment(TERM="xterm-256color")
        for name in ("COLUMNS", "LINES"):
            variables.pop(name, None)
        self.child = subprocess.Popen(
            [SCRIPT, *args], cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, env=variables,
            start_new_session=True,
        )  # fmt: skip
        self.settings = self.modes(theirs)
        os.close(theirs)
        self.seen = ""

    @staticmethod
    def modes(terminal: int) -> list[object]:
        """Return the terminal's modes."""
        import termios  # noqa: PLC0415 - POSIX only

        return termios.tcgetattr(terminal)[:4]

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        import fcntl  # noqa: PLC0415 - POSIX only
        import struct  # noqa: PLC0415
        import termios  # noqa: PLC0415

        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, words: str) -> str:
        """Read until some words are shown; return the new output as plain text."""
        deadline = time.monotonic() + 30
        while words not in self.seen:
            assert time.monotonic() < deadline, self.seen
            if select.select([self.ours], [], [], 0.1)[0]:
                self.seen += os.read(self.ours, 65536).decode(errors="replace")
        seen, self.seen = self.seen, ""
        return re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", seen)

    def press(self, keys: str) -> None:
        """Type some keys."""
        os.write(self.ours, keys.encode())

    def end(self) -> int:
        """Wait for the end; return the exit status."""
        try:
            return self.child.wait(timeout=30)
        finally:
            os.close(self.ours)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """Return the neuron being stepped through on a terminal of sixty columns."""
    (tmp_path / "neuron.json").write_bytes(NEURON.read_bytes())
    terminal = Terminal("step", "neuron.json", cwd=tmp_path)
    yield terminal
    terminal.child.kill()
    terminal.child.wait()


@ON_POSIX
def test_on_a_terminal_keys_are_obeyed(terminal: Terminal) -> None:
    """Keys work on a real terminal, which is as before when the command has quit."""
    assert "x1 = 2.0  input" in terminal.until("q quit")
    terminal.press(" ")
    assert "x2 = 0.0  input" in terminal.until("q quit")
    terminal.press("   \x1b[D ")  # typed ahead: nothing of it is lost
    assert "x1w1 = x1·w1 = 2.0·(-3.0) = -6.0" in terminal.until("q quit")
    terminal.press(">")
    assert "to w1: 0.5·2.0 = 1.0, w1.grad 0.0 → 1.0" in terminal.until("q quit")
    terminal.press("gn\r")
    assert "n.grad is 0.5, passed on" in terminal.until("q quit")
    terminal.press("q")
    terminal.until("\x1b[?1049l")
    assert terminal.modes(terminal.ours) == terminal.settings
    assert terminal.end() == 0


@ON_POSIX
def test_a_resized_terminal_is_redrawn(terminal: Terminal) -> None:
    """After a resize the screen is redrawn at once in the new size."""
    terminal.until("q quit")
    terminal.resize(100, 12)
    os.kill(terminal.child.pid, signal.SIGWINCH)
    lines = terminal.until("q quit").replace("\r", "").split("\n")
    assert len(lines[0]) == 100
    assert len(lines) == 12
    terminal.press("q")
    assert terminal.end() == 0


@ON_POSIX
def test_ctrl_c_gives_the_terminal_back(terminal: Terminal) -> None:
    """After Ctrl-C the terminal is as it was before."""
    terminal.until("q quit")
    os.kill(terminal.child.pid, signal.SIGINT)
    terminal.until("\x1b[?1049l")
    assert terminal.modes(terminal.ours) == terminal.settings
    assert terminal.end() == 130


@ON_POSIX
def test_a_terminal_that_goes_away_ends_it(terminal: Terminal) -> None:
    """When the terminal is closed, the command ends, and does not spin."""
    terminal.until("q quit")
    os.close(terminal.ours)
    terminal.child.wait(timeout=30)
