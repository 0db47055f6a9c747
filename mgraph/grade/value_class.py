"""Finds the Value class in the source of an engine, without running it."""

from __future__ import annotations

import ast
import warnings
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.grade.driver_spellings import is_backward, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

USUAL_NAMES: Final = ("Value", "Node", "Var", "Variable", "Scalar", "Tensor", "Number", "Dual")
"""What people call the class; the first ones are the most usual."""

_LONGEST: Final = 2**18  # bytes of source that are parsed, which takes much more memory
_BLOCKS: Final = (ast.If, ast.Try, ast.With)


class Names(NamedTuple):
    """The names of a module that matter here.

    Attributes:
        with_backward: Classes that have a method `backward`, of their own or inherited.
        others: All other names that may be classes: defined, imported or assigned.
        is_complete: Whether these are all names.
    """

    with_backward: Sequence[str] = ()
    others: Sequence[str] = ()
    is_complete: bool = False


def names_of(source: bytes) -> Names:
    """Read the names from the source of a module; none if this Python can't parse it."""
    if len(source) > _LONGEST:
        return Names()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Names()
    return _names(tree)


def _names(tree: ast.Module) -> Names:
    classes: dict[str, ast.ClassDef] = {}
    others: dict[str, None] = {}
    patched: dict[str, None] = {}
    is_complete = True
    for statement in _statements(tree):
        if isinstance(statement, ast.ClassDef):
            classes[statement.name] = statement
        elif isinstance(statement, ast.ImportFrom):
            is_complete = is_complete and statement.names[0].name != "*"
            others |= dict.fromkeys(alias.asname or alias.name for alias in statement.names)
        elif isinstance(statement, ast.Assign):
            others |= dict.fromkeys(x.id for x in statement.targets if isinstance(x, ast.Name))
            patched |= dict.fromkeys(_patched(statement))
    strong = [name for name in classes if name in patched or _has_backward(name, classes)]
    weak = [name for name in (*classes, *others) if name not in strong]
    return Names(strong, weak, is_complete)


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield the statements of a module, also those in its conditions."""
    todo: list[ast.AST] = [*reversed(tree.body)]
    while todo:
        node = todo.pop()
        if isinstance(node, (*_BLOCKS, ast.ExceptHandler)):
            todo.extend(reversed([*ast.iter_child_nodes(node)]))
        elif isinstance(node, ast.stmt):
            yield node


def _patched(statement: ast.Assign) -> Iterator[str]:
    """Yield the classes that get a `backward` from outside, as in `Value.backward = …`."""
    for target in statement.targets:
        if (
            isinstance(target, ast.Attribute)
            and isinstance(target.value, ast.Name)
            and is_backward(target.attr)
        ):
            yield target.value.id


def _has_backward(name: str, classes: dict[str, ast.ClassDef]) -> bool:
    """Whether a class, or one that it inherits from, has a method `backward`."""
    seen: dict[str, None] = {}
    todo = [name]
    while todo:
        name = todo.pop()
        if name in seen or name not in classes:
            continue
        seen[name] = None
        if any(map(is_backward, _members(classes[name]))):
            return True
        todo.extend(base.id for base in classes[name].bases if isinstance(base, ast.Name))
    return False


def _members(class_: ast.ClassDef) -> Iterator[str]:
    for statement in class_.body:
        if isinstance(statement, ast.FunctionDef):
            yield statement.name
        elif isinstance(statement, ast.Assign):
            yield from (x.id for x in statement.targets if isinstance(x, ast.Name))


def choose(names: Sequence[str]) -> str:
    """Return the only name, or the most usual one; empty if that doesn't decide."""
    return names[0] if len(names) == 1 else usual(names)


def usual(names: Sequence[str]) -> str:
    """Return the most usual of some names; empty if none of them is usual."""
    known = {plain(name): name for name in reversed(names)}
    return next((known[plain(name)] for name in USUAL_NAMES if plain(name) in known), "")
