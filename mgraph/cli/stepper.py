"""The interactive part of `mgraph step`: a screen that shows one step at a time, run by keys."""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
from array import array
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final
from unicodedata import combining, east_asian_width

import click

from mgraph.analysis.steps import StepKind
from mgraph.appearance import number
from mgraph.cli.equations import formula_of
from mgraph.cli.step_lines import step_lines
from mgraph.cli.terminal import aligned, clipped
from mgraph.errors import printable
from mgraph.ops import CONST
from mgraph.suggestions import closest, did_you_mean

try:
    import termios
    import tty
except ImportError:  # Windows
    termios = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

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
_ENDS: Final = ("SIGTERM", "SIGHUP", "SIGQUIT")
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
        return f"{_fitted(printable(self.title), left)}  {position}"

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


def _fitted(text: str, room: int) -> str:
    """Cut or pad a text to `room` columns; East Asian wide characters take two."""
    text = clipped(text, room)
    while len(text) > 1 and _columns(text) > room:
        text = text[:-2] + "…"
    return text + " " * (room - _columns(text))


def _columns(text: str) -> int:
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def walk(steps: Steps, title: str) -> None:
    """Show the steps on the terminal, and handle keys until one of them quits."""
    stepper = Stepper(steps, title)
    is_plain = click.get_current_context().color is False

    def draw() -> None:
        lines = stepper.screen(*shutil.get_terminal_size())
        if is_plain:
            lines = [click.unstyle(line) for line in lines]
        # Cleared before it is written: after a full line, the cursor is on its last character.
        _write("\x1b[H" + "\n".join(f"\x1b[K{line}" for line in lines))

    with _screen(draw):
        draw()
        for keys in _keys():
            if not all(map(stepper.press, keys)):
                return
            draw()


@contextmanager
def _screen(draw: Callable[[], None]) -> Iterator[None]:
    """Switch to the terminal's alternate screen and to single keys, and back however it ends."""
    modes = termios.tcgetattr(sys.stdin) if termios else None

    def pause(*_: object) -> None:
        _leave(modes)
        os.kill(os.getpid(), signal.SIGSTOP)
        _enter()
        draw()

    with _handlers({"SIGWINCH": lambda *_: draw(), "SIGTSTP": pause, **dict.fromkeys(_ENDS, _end)}):
        try:
            _enter()
            yield
        finally:
            _leave(modes)


def _enter() -> None:
    _write(_IN)
    if termios:
        # Once, not for each key as click.getchar does: that loses keys typed in between.
        tty.setcbreak(sys.stdin, termios.TCSADRAIN)


def _leave(modes: list[Any] | None) -> None:
    if termios and modes:
        with suppress(termios.error):  # the terminal was closed
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, modes)
    _write(_OUT)


def _write(text: str) -> None:
    """Write to the terminal; a signal's handler may do so while another write is under way."""
    if not termios:
        click.echo(text, nl=False, color=True)
        return
    data = text.encode(sys.stdout.encoding, "replace")
    while data:  # sys.stdout itself can't be called by a handler that has interrupted it
        data = data[os.write(sys.stdout.fileno(), data) :]


def _end(which: int, _frame: object) -> None:
    """End with the status that shells give to a process that a signal ended."""
    signal.signal(which, signal.SIG_IGN)  # the way out must not be interrupted
    raise SystemExit(128 + which)


@contextmanager
def _handlers(handlers: Mapping[str, Callable[[int, Any], None]]) -> Iterator[None]:
    """Handle signals, except those that this system lacks and those that are ignored."""
    before: dict[int, Any] = {}
    for name, handler in handlers.items():
        which = getattr(signal, name, None)
        if which is not None and signal.getsignal(which) is not signal.SIG_IGN:
            before[which] = signal.signal(which, handler)
    try:
        yield
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)


def _keys() -> Iterator[Sequence[str]]:
    """Yield the keys pressed since the last time, until the terminal is closed."""
    while not termios:
        yield [click.getchar()]
    while data := os.read(sys.stdin.fileno(), 1024):
        yield _KEY.findall(data.decode(errors="replace"))
