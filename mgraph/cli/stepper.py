"""The interactive part of `mgraph step`: a screen that shows one step at a time, run by keys."""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import sys
from array import array
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

import click

from mgraph.analysis.steps import StepKind
from mgraph.appearance import number
from mgraph.cli.equations import formula_of
from mgraph.cli.step_lines import step_lines
from mgraph.cli.terminal import aligned, clipped
from mgraph.errors import printable
from mgraph.ops import CONST
from mgraph.suggestions import closest, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.analysis.steps import Steps

_KEY: Final = re.compile(r"\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Za-z])|.", re.DOTALL)
_NEXT: Final = (" ", "\r", "\n", "\x1b[C", "\x1b[B", "\x1bOC", "\x1bOB", "n")
_BACK: Final = ("\x1b[D", "\x1b[A", "\x1bOD", "\x1bOA", "\x7f", "\b", "b")
_START: Final = ("\x1b[H", "\x1bOH", "\x1b[1~", "<")
_END: Final = ("\x1b[F", "\x1bOF", "\x1b[4~", ">")
_JUMP: Final = ("g", "/")
_QUIT: Final = ("q", "Q", "\x04")  # ^D
_HELP: Final = "space next  ← back  < start  > end  g go to a node  q quit"
_ENTER, _RUB_OUT, _ESCAPE = ("\r", "\n"), ("\x7f", "\b"), "\x1b"
_IN: Final = "\x1b[?1049h\x1b[?7l\x1b[?25l"  # the alternate screen; no wrapping, no cursor
_OUT: Final = "\x1b[?7h\x1b[?25h\x1b[?1049l"
_LONGEST: Final = 128  # characters of an id


class Stepper:
    """The current position among the steps, and the screen that shows it.

    Attributes:
        at: Index of the current step, which has been done.
        adjoints: f64[N], after the current step.
        typed: The id that is being typed to go to it; None if nothing is being typed.
        note: A message for the bottom line, until the next key.
    """

    def __init__(self, steps: Steps, title: str) -> None:
        """Start at the first step."""
        self.steps, self.title = steps, title
        self.at = 0
        self.adjoints = array("d", bytes(8 * len(steps.ran.graph)))
        self.typed: str | None = None
        self.note = ""

    def go(self, target: int) -> None:
        """Do or undo steps until the target is the current one."""
        target = max(0, min(target, len(self.steps) - 1))
        while self.at < target:
            self.at += 1
            self._do()
        while self.at > target:
            self._undo()
            self.at -= 1

    def _do(self) -> None:
        ran, step = self.steps.ran, self.steps[self.at]
        if step.kind == StepKind.SEED:
            for node in ran.seeds:
                self.adjoints[node] = ran.start(node)
        for part in step.passed:
            self.adjoints[ran.graph.arguments(part.user)[part.argument]] = part.after

    def _undo(self) -> None:
        ran, step = self.steps.ran, self.steps[self.at]
        if step.kind == StepKind.SEED:
            for node in ran.seeds:
                self.adjoints[node] = 0.0
        for part in reversed(step.passed):
            self.adjoints[ran.graph.arguments(part.user)[part.argument]] = part.before

    def press(self, key: str) -> bool:
        """Handle a key; return False if it quits."""
        self.note = ""
        if self.typed is not None:
            self._type(key)
        elif key in _NEXT:
            self.go(self.at + 1)
        elif key in _BACK:
            self.go(self.at - 1)
        elif key in _START:
            self.go(0)
        elif key in _END:
            self.go(len(self.steps) - 1)
        elif key in _JUMP:
            self.typed = ""
        return key not in _QUIT or self.typed is not None

    def _type(self, key: str) -> None:
        typed = self.typed or ""
        if key in _ENTER:
            self.typed = None
            self._jump(typed)
        elif key == _ESCAPE:
            self.typed = None
        elif key in _RUB_OUT:
            self.typed = typed[:-1]
        elif key.isprintable():
            self.typed = (typed + key)[:_LONGEST]

    def _jump(self, name: str) -> None:
        index = self.steps.ran.graph.index
        if name in index:
            backward = self.steps[self.at].kind != StepKind.FORWARD
            self.go(self.steps.index_of(index[name], backward=backward))
        elif name:
            hint = did_you_mean(closest(name, index))
            self.note = f"there is no node {printable(name)}" + (f"; {hint}" if hint else "")

    # --- the screen ---

    def screen(self, columns: int, rows: int) -> list[str]:
        """Return the lines that fill a screen of this size."""
        step = self.steps[self.at]
        lines = [self._head(columns), ""]
        for text in step_lines(self.steps, step, columns):
            lines.extend(text.split("\n"))
        bottom = self.note or _HELP
        if self.typed is not None:
            bottom = f"go to: {self.typed}█"
        lines = lines[: max(rows - 2, 1)]
        lines.extend(self._table(columns, rows - 4 - len(lines)))
        lines += [""] * (rows - 1 - len(lines))
        return [*lines, click.style(clipped(bottom, columns), dim=self.typed is None)][-rows:]

    def _head(self, columns: int) -> str:
        steps, size = self.steps, len(self.steps.ran.graph)
        kind = steps[self.at].kind
        position = f"forward {self.at + 1:,} of {size:,}"
        if kind != StepKind.FORWARD:
            position = f"backward {self.at - size + 1:,} of {len(steps) - size:,}"
        left = columns - len(position) - 2
        return f"{clipped(printable(self.title), left).ljust(left)}  {position}"

    def _table(self, columns: int, rows: int) -> Iterator[str]:
        """Yield the nodes around the current one, with the values and gradients known so far."""
        if rows < 2:  # noqa: PLR2004 - a header and a node
            return
        ran, step = self.steps.ran, self.steps[self.at]
        graph = ran.graph
        first = max(0, min(step.node - rows // 2, len(graph) - rows + 1))
        nodes = range(first, min(len(graph), first + rows - 1))
        is_forward = step.kind == StepKind.FORWARD
        data = aligned(
            number(ran.primals[i]) if not is_forward or i <= step.node else "" for i in nodes
        )
        grads = aligned(
            "" if is_forward or graph.op(i) == CONST else number(self.adjoints[i]) for i in nodes
        )
        names = [clipped(graph.ids[i], columns // 3) for i in nodes]
        formulas = [formula_of(graph, i) for i in nodes]
        widths = [max(4, *map(len, cells)) for cells in (names, data, grads)]
        left = min(max(7, *map(len, formulas)), max(columns - sum(widths) - 8, 7))
        header = ("id".ljust(widths[0]), "formula".ljust(left), "data".ljust(widths[1]), "grad")
        yield ""
        yield click.style(clipped("  " + "  ".join(header), columns), dim=True)
        for i, *cells in zip(nodes, names, formulas, data, grads, strict=True):
            mark = (
                "▶ "
                if i == step.node and step.kind in (StepKind.FORWARD, StepKind.BACKWARD)
                else "  "
            )
            sizes = (widths[0], left, widths[1], widths[2])
            padded = (clipped(x, size).ljust(size) for x, size in zip(cells, sizes, strict=True))
            text = mark + "  ".join(padded)
            yield click.style(clipped(text, columns), bold=True) if mark != "  " else text


def walk(steps: Steps, title: str) -> None:
    """Show the steps on the terminal, and handle keys until one of them quits."""
    stepper = Stepper(steps, title)
    is_plain = click.get_current_context().color is False

    def draw() -> None:
        columns, rows = shutil.get_terminal_size()
        lines = [line + "\x1b[K" for line in stepper.screen(columns, rows)]
        if is_plain:
            lines = [click.unstyle(line) + "\x1b[K" for line in lines]
        sys.stdout.write("\x1b[H" + "\n".join(lines) + "\x1b[J")
        sys.stdout.flush()

    with _screen(), _resizes() as resizes:
        draw()
        for keys in _keys(resizes):
            if not all(map(stepper.press, keys)):
                return
            draw()


@contextmanager
def _screen() -> Iterator[None]:
    """Switch to the terminal's alternate screen, and back at the end."""
    sys.stdout.write(_IN)
    try:
        yield
    finally:
        sys.stdout.write(_OUT)
        sys.stdout.flush()


@contextmanager
def _resizes() -> Iterator[int | None]:
    """Give a file to read from that receives a byte whenever the terminal's size changes.

    The signal can come while the screen is being written, so its handler draws nothing itself.
    """
    if not hasattr(signal, "SIGWINCH"):
        yield None
        return
    ours, theirs = os.pipe()
    os.set_blocking(theirs, False)

    def note_resize(*_: object) -> None:
        with suppress(BlockingIOError):  # the pipe is full of resizes that nobody has read yet
            os.write(theirs, b"r")

    before = signal.signal(signal.SIGWINCH, note_resize)
    try:
        yield ours
    finally:
        signal.signal(signal.SIGWINCH, before)
        os.close(ours)
        os.close(theirs)


def _keys(resizes: int | None) -> Iterator[Sequence[str]]:
    """Yield the keys pressed since the last time, until the terminal is closed.

    After the terminal's size has changed, no keys are yielded.
    """
    try:
        import termios  # noqa: PLC0415 - not on Windows
        import tty  # noqa: PLC0415
    except ImportError:
        while True:
            yield [click.getchar()]
    file = sys.stdin.fileno()
    files = [file] if resizes is None else [file, resizes]
    before = termios.tcgetattr(file)
    try:
        # Once, not for each key as click.getchar does: that loses keys typed in between.
        tty.setcbreak(file, termios.TCSADRAIN)
        while True:
            ready, _, _ = select.select(files, [], [])
            if resizes is not None and resizes in ready:
                os.read(resizes, 1024)
                yield ()
            if file in ready:
                data = os.read(file, 1024)
                if not data:
                    return
                yield _KEY.findall(data.decode(errors="replace"))
    finally:
        termios.tcsetattr(file, termios.TCSADRAIN, before)
