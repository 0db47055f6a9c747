"""Places in a program: the line that made a Value, and the variable that it was assigned to."""

from __future__ import annotations

import ast
import dis
import linecache
import sys
from bisect import bisect_right
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import CodeType, FrameType

MODULE: Final = "<module>"
_HERE: Final = __file__.removesuffix("sites.py")
_COPIES: Final = ("COPY", "DUP_TOP")  # for `a = b = …` and `(a := …)`


class Site(NamedTuple):
    """A place in a program.

    Attributes:
        code: The function, or the module.
        offset: The instruction in its bytecode.
    """

    code: CodeType
    offset: int

    @property
    def line(self) -> int | None:
        """The line in the file; None if Python does not know it."""
        lines = (line for start, end, line in self.code.co_lines() if start <= self.offset < end)
        return next(lines, None)

    @property
    def is_in_function(self) -> bool:
        """Whether this is the code of a function, not of a module."""
        return self.code.co_name != MODULE

    @property
    def variable(self) -> str | None:
        """The variable to which the result is assigned at once; None if it is used otherwise."""
        offsets, names = _stores(self.code)
        i = bisect_right(offsets, self.offset)
        if i < len(names) and names[i]:
            return names[i]
        position = next(islice(self.code.co_positions(), self.offset // 2, None), None)
        return _pairs(self.code.co_filename).get(position)

    def __str__(self) -> str:
        """Name the function, the file and the line."""
        return f"{self.code.co_name}, {self.code.co_filename}:{self.line}"


class Sites:
    """The places that were seen, each once: there are few, however many Values were made there."""

    def __init__(self) -> None:
        """Start without places."""
        self._known: dict[tuple[int, int], Site] = {}
        self._pairs: dict[tuple[int, int, int, int], tuple[Site, Site]] = {}

    def of(self, frame: FrameType) -> Site:
        """Return the place at which a frame is."""
        key = id(frame.f_code), frame.f_lasti  # hashing code takes long; the Site keeps it
        site = self._known.get(key)
        if site is None:
            site = self._known[key] = Site(frame.f_code, frame.f_lasti)
        return site

    def pair(self, frame: FrameType, outer: FrameType) -> tuple[Site, Site]:
        """Return the places at which two frames are."""
        key = id(frame.f_code), frame.f_lasti, id(outer.f_code), outer.f_lasti
        pair = self._pairs.get(key)
        if pair is None:
            pair = self._pairs[key] = self.of(frame), self.of(outer)
        return pair


@lru_cache(maxsize=512)
def _stores(code: CodeType) -> tuple[Sequence[int], Sequence[str | None]]:
    """Return the offset of each instruction, and the variable to which it stores, if it does.

    An instruction that copies what will be stored counts as the one that stores it.
    """
    offsets: list[int] = []
    names: list[str | None] = []
    for instruction in dis.get_instructions(code):
        offsets.append(instruction.offset)
        names.append(_stored(instruction))
    for i in reversed(range(len(names) - 1)):
        if names[i] == "" and names[i + 1]:
            names[i] = names[i + 1]
    return offsets, [name or None for name in names]


@lru_cache(maxsize=64)
def _pairs(file: str) -> Mapping[object, str]:
    """Return the variables of assignments such as `a, b = …, …`, by the position of the value."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError):
        return {}
    names: dict[object, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
            for target in node.targets:
                names.update(_paired(target, node.value))
    return names


def _paired(target: ast.expr, value: ast.Tuple) -> Iterator[tuple[object, str]]:
    """Yield the position of each value that is assigned to a name, and the name."""
    targets = target.elts if isinstance(target, (ast.Tuple, ast.List)) else []
    if len(targets) == len(value.elts) and not any(isinstance(x, ast.Starred) for x in targets):
        for name, x in zip(targets, value.elts, strict=True):
            if isinstance(name, ast.Name):
                yield (x.lineno, x.end_lineno, x.col_offset, x.end_col_offset), name.id


def _stored(instruction: dis.Instruction) -> str | None:
    """Return the variable to which an instruction stores; empty if it only copies."""
    if instruction.opname in _COPIES:
        return ""
    if not instruction.opname.startswith("STORE_") or "ATTR" in instruction.opname:
        return None
    x = instruction.argval
    x = x[0] if isinstance(x, tuple) else x  # instructions for two variables, since Python 3.13
    return x if isinstance(x, str) else None


@lru_cache(maxsize=512)
def loop_variables(code: CodeType) -> frozenset[str]:
    """Return the names that a function or module binds only as variables of `for` loops."""
    bound: set[str] = set()
    others: set[str] = set()
    awaited = 0  # targets of a loop that are still to come
    for instruction in dis.get_instructions(code):
        if instruction.opname == "FOR_ITER":
            awaited = 1
        elif awaited and instruction.opname.startswith("UNPACK_"):
            awaited += _unpacked(instruction) - 1
        elif instruction.opname.startswith("STORE_"):
            if name := _stored(instruction):
                (bound if awaited else others).add(name)
            awaited = max(0, awaited - 1)
    return frozenset(bound - others)


def _unpacked(instruction: dis.Instruction) -> int:
    """Return the number of targets of `a, b = …`, or of `a, *b = …`."""
    count: int = instruction.arg or 0
    if instruction.opname == "UNPACK_EX":
        count = (count & 0xFF) + (count >> 8) + 1
    return count


def program_frame() -> FrameType:
    """Return the running frame of the program, outside of the recorder."""
    frame = sys._getframe(1)  # noqa: SLF001
    while frame.f_code.co_filename.startswith(_HERE) and frame.f_back:
        frame = frame.f_back
    return frame


def variable_with(value: object, frame: FrameType) -> str | None:
    """Return the variable of a running function or module that holds a Value; None if none does.

    `self` is what a method of the engine calls it, and names nothing.
    """
    held = (name for name, x in [*frame.f_locals.items()] if x is value)
    return next((name for name in held if name != "self" and not name.startswith("_")), None)


def callers(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield a frame, and those that called it, from the inside out."""
    while frame is not None:
        yield frame
        frame = frame.f_back
