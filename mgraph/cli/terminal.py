"""How things look in a terminal: tables, numbers, diagnostics, progress."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, TextIO, TypeVar

import click

from mgraph.appearance import KINDS, OUTPUT, Kind
from mgraph.errors import counted as counted  # noqa: PLC0414 - commands take it from here
from mgraph.errors import render

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mgraph.errors import Diagnostic, GraphError

PIPED_WIDTH: Final = 100
_SEVERITY: Final = r"\b(error|warning)(\[[a-z0-9-]+\])"
_FIELD: Final = r"(?m)^  (at|expected|fix) "
_PATIENCE: Final = 2.0
_BAR: Final = 20
_USUAL: Final = 80
"""The width of a terminal that doesn't know its own."""


def print_error(error: GraphError) -> None:
    """Print every diagnostic of a refusal to standard error."""
    print_diagnostics(error.diagnostics, error.more)


def print_diagnostics(diagnostics: Sequence[Diagnostic], more: int = 0) -> None:
    """Print diagnostics to standard error, in colour if it is a terminal."""
    if not diagnostics:
        return
    text = render(diagnostics, more)
    colours = {"error": "red", "warning": "yellow"}
    text = re.sub(_SEVERITY, lambda m: click.style(m[0], fg=colours[m[1]], bold=True), text)
    click.echo(re.sub(_FIELD, lambda m: click.style(m[0], dim=True), text), err=True)


def width(*, err: bool = False) -> int:
    """Return the width to fill, in columns."""
    stream = sys.stderr if err else sys.stdout
    return max(60, _columns(stream)) if stream.isatty() else PIPED_WIDTH


def _columns(stream: TextIO) -> int:
    """Return how wide the terminal of a stream is, unless COLUMNS says another width."""
    if not os.environ.get("COLUMNS"):
        with suppress(OSError):  # it isn't one
            return os.get_terminal_size(stream.fileno()).columns or _USUAL
    import shutil  # noqa: PLC0415 - rarely needed, and it imports three compressors

    return shutil.get_terminal_size().columns


def aligned(numbers: Iterable[str]) -> list[str]:
    """Pad numbers so that their decimal points are aligned."""
    halves = [_halves(text) for text in numbers]
    left = max((len(a) for a, _ in halves), default=0)
    right = max((len(b) for _, b in halves), default=0)
    return [a.rjust(left) + b.ljust(right) for a, b in halves]


def _halves(text: str) -> tuple[str, str]:
    for mark in (".", "e"):
        if mark in text[1:] and text[-1].isdigit():
            at = text.index(mark)
            return text[:at], text[at:]
    return text, ""


def clipped(text: str, most: int) -> str:
    """Shorten a text that is too long for its column."""
    return text if len(text) <= most else text[: max(most - 1, 1)] + "…"


def wrapped(parts: Iterable[str], indent: str, room: int) -> str:
    """Join parts with spaces; if the next one doesn't fit, begin an indented line."""
    lines, left = [""], room - len(indent)
    for part in parts:
        if lines[-1] and len(click.unstyle(f"{lines[-1]} {part}")) > left:
            lines.append("")
        lines[-1] += f" {part}" if lines[-1] else part
    return f"\n{indent}".join(lines)


def prose(text: str, indent: str, room: int) -> str:
    """Wrap a text at spaces; all lines but the first are indented."""
    return wrapped(text.split(" "), indent, room)


def styled(text: str, colour: str | None) -> str:
    """Colour a text; without a colour it stays as it is."""
    return click.style(text, fg=colour) if colour else text


def styled_node(name: str, op: str, *, is_output: bool) -> str:
    """Colour the id of a node as its kind is coloured in pictures."""
    style = {**KINDS.get(op, KINDS[Kind.OP]).terminal, **(OUTPUT.terminal if is_output else {})}
    return click.style(name, **style) if style else name


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, err: bool = False) -> None:
    """Print rows of cells in padded columns; a row with a single cell is printed as it is.

    The last column is not padded. Cells may be styled: only visible characters count.
    """
    rows = [header, *rows]
    full = [row for row in rows if len(row) == len(header)]
    widths = [max(len(click.unstyle(row[i])) for row in full) for i in range(len(header))]
    lines = []
    for row in rows:
        if len(row) < len(header):
            lines.append(row[0])
            continue
        cells = [
            cell + " " * (size - len(click.unstyle(cell)))
            for cell, size in zip(row, widths, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    lines[0] = click.style(lines[0], dim=True)
    click.echo("\n".join(lines), err=err)


def folded(count: int, most: int) -> tuple[range, range]:
    """Return which of `count` items to show, at the start and at the end, if `most` fit."""
    if count <= most:
        return range(count), range(0)
    return range(most // 2), range(count - most // 2, count)


def bar_of(share: float) -> str:
    """Draw a bar that is filled to a share from 0 to 1."""
    filled = min(_BAR, int(share * _BAR))
    return "█" * filled + "·" * (_BAR - filled)


def _room() -> int:
    """Return how long a line may be that is written over again: one that wraps would stay."""
    return _columns(sys.stderr) - 1


class Progress:
    """A progress bar on standard error that appears after two seconds, on a terminal only."""

    def __init__(self, total: int, label: str = "") -> None:
        """Take the number of steps, and a label for all of them."""
        self.total = total
        self.label = label
        self.done = 0
        self.start = time.monotonic()
        self.finished = threading.Event()

    def step(self, label: str = "") -> None:
        """With a label, begin the step of that name; without, count a step as done."""
        self.done += bool(self.label) if label else 1
        self.label = label or self.label

    def line(self) -> str:
        """Return the bar as text."""
        bar = bar_of(self.done / max(self.total, 1))
        seconds = time.monotonic() - self.start
        return f"{bar} {self.label} ({self.done:,} of {self.total:,}), {seconds:.0f} s"

    def watch(self) -> None:
        """Draw the bar until the work is finished; runs in its own thread."""
        wait = _PATIENCE
        while not self.finished.wait(wait):
            sys.stderr.write(f"\r\033[K{clipped(self.line(), _room())}")
            sys.stderr.flush()
            wait = 0.2
        if wait < _PATIENCE:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


@contextmanager
def progress(total: int, label: str = "") -> Iterator[Progress]:
    """Show a progress bar for work that may take long."""
    with watched(Progress(total, label)) as bar:
        yield bar


Bar = TypeVar("Bar", bound=Progress)


@contextmanager
def watched(bar: Bar) -> Iterator[Bar]:
    """Show a progress bar while a `with` block lasts."""
    if not sys.stderr.isatty():
        yield bar
        return
    watcher = threading.Thread(target=bar.watch, daemon=True)
    watcher.start()
    try:
        yield bar
    finally:
        bar.finished.set()
        watcher.join()
