"""Where a tree of sources can be mutated: units of code, and the sites in them."""

from __future__ import annotations

import ast
import copy
import difflib
import io
import keyword
import tokenize
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.mutants.operators import OPERATORS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HIDDEN: Final = ("annotation", "returns", "decorator_list")
"""Fields of nodes that are not mutated; nor are f-strings, whose parts have no exact positions."""

_BLOCKS: Final = ("body", "orelse", "handlers", "finalbody", "cases")
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)


class Unit(NamedTuple):
    """A function, an assignment outside of functions, or one entry of a table.

    Attributes:
        path: The file, from the root of the checkout.
        name: Qualified by its classes: `Op.takes`, `ROWS[add]`.
        node: Its syntax tree.
    """

    path: str
    name: str
    node: ast.AST

    @property
    def is_function(self) -> bool:
        """Whether it is a function or method."""
        return isinstance(self.node, _FUNCTIONS)

    @property
    def last_name(self) -> str:
        """The name without classes and without leading underscores."""
        return self.name.rpartition(".")[2].lstrip("_")


class Site:
    """One mutant: a node, and what would take its place."""

    def __init__(
        self, unit: Unit, operator: str, statement: ast.AST, old: ast.AST, new: ast.AST
    ) -> None:
        """Describe the mutant of a unit in which `new` takes the place of `old`."""
        self.unit, self.operator = unit, operator
        self.statement, self.old, self.new = statement, old, new
        self.ordinal = 0
        """How many sites of the same unit with the same texts come before it."""

    @cached_property
    def texts(self) -> tuple[str, str, str]:
        """The statement, the node and what takes its place, without the words of messages."""
        texts = _header(self.statement), ast.unparse(self.old), ast.unparse(self.new)
        return tuple(_normal(text, names=True) for text in texts)  # type: ignore[return-value]

    @cached_property
    def shapes(self) -> tuple[str, str, str]:
        """The same without names."""
        return tuple(_normal(text, names=False) for text in self.texts)  # type: ignore[return-value]

    @property
    def line(self) -> int:
        """The line of the file that the node starts on."""
        return self.old.lineno  # type: ignore[attr-defined,no-any-return]

    @property
    def is_change(self) -> bool:
        """Whether the new text differs from the old: a function may return None already."""
        return ast.unparse(self.old) != ast.unparse(self.new)

    def diff(self, source: bytes) -> list[str]:
        """Return the lines that are taken away and added."""
        texts = source.decode().splitlines(), self.applied(source).decode().splitlines()
        lines = difflib.unified_diff(*texts, n=0, lineterm="")
        return [line for line in lines if not line.startswith(("---", "+++", "@@"))]

    def applied(self, source: bytes) -> bytes:
        """Return the file's source with this change in it."""
        lines = source.splitlines(keepends=True)
        start = _offset(lines, self.old.lineno, self.old.col_offset)  # type: ignore[attr-defined]
        end = _offset(lines, self.old.end_lineno, self.old.end_col_offset)  # type: ignore[attr-defined]
        text = ast.unparse(ast.fix_missing_locations(self.new))
        if isinstance(self.new, ast.expr) and not _is_plain(self.new):
            text = f"({text})"
        return source[:start] + text.encode() + source[end:]


def sites(path: Path, name: str) -> Iterator[Site]:
    """Yield all mutants of a file, in the order of its text.

    Args:
        path: The file.
        name: Its path from the root of the checkout.
    """
    for unit in units(ast.parse(path.read_bytes()), name):
        seen = Counter[tuple[str, ...]]()
        for site in _sites(unit):
            same = (site.operator, *site.texts)
            site.ordinal = seen[same]
            seen[same] += 1
            yield site


def _sites(unit: Unit) -> Iterator[Site]:
    for node, statement in _visible(unit):
        for operator, change in OPERATORS.items():
            for old, new in change(node):
                yield Site(unit, operator, statement, old, new)


def units(tree: ast.Module, path: str) -> Iterator[Unit]:
    """Yield the units of a file; what serves type checkers only is left out."""
    waiting: list[tuple[str, ast.AST]] = [("", node) for node in reversed(tree.body)]
    while waiting:
        prefix, node = waiting.pop()
        if isinstance(node, _FUNCTIONS):
            yield Unit(path, prefix + node.name, node)
        elif isinstance(node, ast.ClassDef):
            waiting.extend((f"{prefix}{node.name}.", part) for part in reversed(node.body))
        elif isinstance(node, ast.If | ast.Try | ast.With) and not _is_for_typing(node):
            waiting.extend((prefix, part) for part in reversed(node.body))
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            yield from _entries(node, prefix, path)


def _entries(node: ast.Assign | ast.AnnAssign, prefix: str, path: str) -> Iterator[Unit]:
    """Yield each call of a table whose first argument is a name; else the assignment."""
    name = prefix + ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)
    rows = node.value.elts if isinstance(node.value, ast.Tuple | ast.List) else []
    named = [row for row in rows if isinstance(row, ast.Call) and _first_text(row)]
    if named and len(named) == len(rows):
        yield from (Unit(path, f"{name}[{_first_text(row)}]", row) for row in named)
    else:
        yield Unit(path, name, node)


def _first_text(call: ast.Call) -> str:
    first = call.args[0] if call.args else None
    return str(first.value) if isinstance(first, ast.Constant) else ""


def _visible(unit: Unit) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Yield nodes of a unit in the order of its text, each with the statement around it."""
    waiting = [(unit.node, unit.node)]
    while waiting:
        node, statement = waiting.pop()
        if isinstance(node, ast.JoinedStr) or _is_docstring(node) or _is_for_typing(node):
            continue
        if isinstance(node, ast.stmt) or (isinstance(node, ast.Lambda) and not unit.is_function):
            statement = node
        yield node, statement
        below = [
            child
            for field, value in ast.iter_fields(node)
            if field not in _HIDDEN
            for child in (value if isinstance(value, list) else [value])
            if isinstance(child, ast.AST)
        ]
        waiting.extend((child, statement) for child in reversed(below))


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_for_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def _header(node: ast.AST) -> str:
    """Return a statement's text without the statements in it; a function's name."""
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        return node.name
    if isinstance(node, ast.stmt):
        node = copy.copy(node)
        for field in _BLOCKS:
            if hasattr(node, field):
                setattr(node, field, [])
    return ast.unparse(node)


def _normal(text: str, *, names: bool) -> str:
    """Return a text without the content of its strings, and, if not wanted, without names."""
    words = []
    for token in tokenize.generate_tokens(io.StringIO(text.strip()).readline):
        if token.type == tokenize.STRING:
            words.append("''")
        elif token.type == tokenize.NAME and not names and not keyword.iskeyword(token.string):
            words.append("_")
        elif token.string.strip():
            words.append(token.string)
    return " ".join(words)


def _is_plain(node: ast.AST) -> bool:
    """Whether a node can stand in any expression without parentheses."""
    return isinstance(node, ast.Name | ast.Call) or (
        isinstance(node, ast.Constant) and not ast.unparse(node).startswith("-")
    )


def _offset(lines: list[bytes], line: int, column: int) -> int:
    return sum(map(len, lines[: line - 1])) + column
