"""Describes what an engine raised, for `driver.py`: in one line, and where in its files it began.

Like the driver, this file needs nothing of mgraph, and runs on any Python from 3.8.
"""

from __future__ import annotations

import linecache
import os
import re
import sys
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes time to import
    from collections.abc import Callable, Iterator
    from types import ModuleType
    from typing import Any

LONGEST = 300
START, END = slice(LONGEST), slice(-65536, None)  # parts of a text that may be very long
NAME, SOURCE = slice(100), slice(120)
OUTER = INNER = 5
"""How many callers are named at most, from both ends."""
TRACEBACK = "Traceback "
IDENTITY = r"\b[0-9]{12,}\b"
"""Numbers as large as what `id` returns: they differ from run to run."""
TAIL = 60
"""Number of frames at the end of a traceback in which repeated functions are looked for."""
OFTEN = 3
"""How often a function must be among them to repeat."""

HEAP_TYPE = 1 << 9
"""The flag of classes that are not written in C, with few exceptions."""

INSTALLED = ("site-packages", "dist-packages")
HERE = os.path.dirname(os.path.abspath(__file__))
STANDARD = os.path.dirname(os.path.abspath(os.__file__))


def shown(thing: object, spell: Callable[[object], str], part: slice) -> str:
    """Return a part of the str or repr of an object of the engine's, even if those fail.

    Addresses, as in `<Value object at 0x7f12>`, are left out: they differ from run to run.
    """
    try:
        text = str.__getitem__(spell(thing), part)
        if " at 0x" in text:
            text = re.sub(" at 0x[0-9a-fA-F]+", " at 0x...", text)
        return text.encode("utf-8", "backslashreplace").decode("utf-8")
    except BaseException:  # noqa: BLE001 - the engine's __str__ may raise anything
        return "(can't be shown)"


def last_line(error: BaseException) -> str:
    """Describe an exception in one line, as Python's last line does.

    Of several lines of text, the first says what is wrong, as those of NumPy do: the rest explains.
    Only of a traceback it is the last.
    """
    name = shown(type(error).__name__, str, START)
    if isinstance(error, SystemExit):
        return f"SystemExit: the engine called sys.exit({shown(error.code, repr, START)})"
    lines = re.sub(IDENTITY, "...", shown(error, str, END)).strip().splitlines() or [""]
    if (name, lines) == ("ValueError", ["source code string cannot contain null bytes"]):
        name = "SyntaxError"  # as since Python 3.11.4
    line = lines[-1 if any(each.startswith(TRACEBACK) for each in lines) else 0].rstrip()
    return (f"{name}: {line}" if line else name)[:LONGEST]


def described(thing: object) -> str:
    """Describe an object that is not a number."""
    text = shown(thing, repr, START)
    text = text if len(text) < 60 else text[:57] + "..."  # noqa: PLR2004
    return f"{shown(type(thing).__name__, str, START)}: {text}"


def instead_of_value(thing: object) -> str:
    """Describe what an op gave, which is not a Value."""
    if thing is None:
        return "None instead of a Value, as if a return were missing"
    name = shown(type(thing).__name__, str, NAME)
    article = "an" if name[:1].lower() in "aeiou" else "a"
    return f"{article} {name} instead of a Value"


class UnsupportedError(Exception):
    """The engine lacks an op, or doesn't take these kinds of operands."""

    step: int | None = None

    def __init__(self, text: str, where: dict[str, Any] | None = None) -> None:
        """Keep what is missing, and where the engine said so."""
        super().__init__(text)
        self.evidence = where or {}


class EngineError(Exception):
    """The engine raised an error, or gave something that is not a number."""

    def __init__(self, text: str, step: int | None = None, kind: str = "crashed") -> None:
        """Keep the engine's error in one line, the step at which it failed, and how it failed."""
        super().__init__(text)
        self.step = step
        self.kind = kind
        self.what = ""
        self.evidence: dict[str, Any] = {}


class OwnFiles:
    """The files of an engine: those of its package, or in the folder of its module."""

    def __init__(self, module: ModuleType, kind: type) -> None:
        """Note the files of a module, and those of a class and its bases."""
        self.folders: list[str] = []
        self.known: dict[str, bool] = {}
        self.add(module)
        for base in kind.__mro__:
            if base.__flags__ & HEAP_TYPE:
                self.add(sys.modules.get(base.__module__))

    def add(self, module: ModuleType | None, *, is_home: bool = True) -> None:
        """Note the files of a module and its package as the engine's own.

        Args:
            module: The module.
            is_home: Whether the engine's class comes from it; other modules are the engine's own
                unless they are installed.
        """
        try:
            top = sys.modules[module.__name__.partition(".")[0]]  # type: ignore[union-attr]
            folders = [os.path.abspath(path) for path in getattr(top, "__path__", ())]
            file = os.path.abspath(module.__file__)  # type: ignore[union-attr, arg-type]
        except BaseException:  # noqa: BLE001 - it is built in, or not a module
            return
        folder = os.path.dirname(file)
        is_installed = file.startswith(STANDARD) or any(name in file for name in INSTALLED)
        if is_installed and not folders:
            self.known[file] = is_home  # its neighbours are other people's
        elif is_home or not is_installed:
            folders = folders or [folder]
            self.folders += [folder for folder in folders if folder not in self.folders]

    def __contains__(self, file: str) -> bool:
        """Whether a file belongs to the engine."""
        if file not in self.known:
            self.known[file] = not file.startswith("<") and self.is_below(os.path.abspath(file))
        return self.known[file]

    def is_below(self, file: str) -> bool:
        """Whether a file is in one of the folders, and not installed or Python's own there."""
        folder = os.path.dirname(file)
        if folder == HERE:
            return False
        for own in self.folders:
            prefix = own.rstrip(os.sep) + os.sep
            if file.startswith(prefix):
                inner = file[len(prefix) :]
                is_standard = file.startswith(STANDARD + os.sep) and not own.startswith(STANDARD)
                if not is_standard and not any(name in inner for name in INSTALLED):
                    return True
        return False


def evidence(error: BaseException, phase: str, own: OwnFiles) -> dict[str, Any]:
    """Describe where an engine failed.

    Args:
        error: What it raised.
        phase: What it was doing: "build", "backward" or "read".
        own: Its files.

    Returns:
        The name of the exception, and of the innermost call in the engine's own files the file,
        line, function and source; `caller` names its functions from the outermost to the innermost,
        `repeating` those that call each other until Python gives up.
    """
    raised = {"exception": shown(type(error).__name__, str, NAME), "phase": phase}
    try:
        return {**raised, **origin(error, own)}
    except BaseException:  # noqa: BLE001 - there may be no memory left, or no such attribute
        return raised


def origin(error: BaseException, own: OwnFiles) -> dict[str, Any]:
    """Return where in the engine's own files an exception began, and by which calls."""
    outer: list[str] = []
    inner: deque[str] = deque(maxlen=INNER)
    tail: deque[str] = deque(maxlen=TAIL)
    last = None
    for file, line, name in frames(error, own):
        if not tail or name != tail[-1]:
            (outer if len(outer) < OUTER else inner).append(name)
        tail.append(name)
        last = file, line, name
    if last is None:
        return {}
    file, line, name = last
    names = [*tail]
    repeating = [name for name in dict.fromkeys(names) if names.count(name) >= OFTEN]
    return {
        "file": shown(os.path.basename(file), str, NAME),
        "line": line,
        "function": name,
        "source": shown(linecache.getline(file, line).strip(), str, SOURCE),
        "caller": [*outer, *inner],
        "repeating": repeating[: OUTER + INNER] if isinstance(error, RecursionError) else [],
    }


def frames(error: BaseException, own: OwnFiles) -> Iterator[tuple[str, int, str]]:
    """Yield file, line and function of the calls in the engine's own files, the outermost first."""
    entry = error.__traceback__
    while entry is not None:
        code = entry.tb_frame.f_code
        if code.co_filename in own:
            yield code.co_filename, entry.tb_lineno or 0, shown(code.co_name, str, NAME)
        entry = entry.tb_next
