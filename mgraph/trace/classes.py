"""Inspect a class of another engine: whether it is like Value, and where it comes from."""

from __future__ import annotations

import sys
from importlib import metadata
from inspect import unwrap
from itertools import chain
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Final

from mgraph import __version__
from mgraph.engine.values import VALUE
from mgraph.grade.driver_spellings import plain
from mgraph.graph.run import SELF_RECORDED
from mgraph.trace.spellings import USUAL
from mgraph.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mgraph.trace.spellings import Spellings

_SCRIPT: Final = "__main__"


def is_value_like(cls: type, spellings: Spellings = USUAL) -> bool:
    """Whether a class is like Value: written in Python, with operators, data, grad, backward."""
    methods = dict(_functions(cls))
    if not ("__add__" in methods and "__mul__" in methods):
        return False
    return any(map(spellings.is_backward, methods)) and has_numbers(cls, spellings)


def has_numbers(cls: type, spellings: Spellings) -> bool:
    """Whether a class has data and grad: it declares them, or its methods use them."""
    names = {plain(name) for name in _attributes(cls, dict(_functions(cls)))}
    return any(x in names for x in spellings.data) and any(x in names for x in spellings.grad)


def has_attribute(cls: type, name: str) -> bool:
    """Whether a class declares an attribute, or its methods or functions beside it use it."""
    names = chain(_attributes(cls, dict(_functions(cls))), _used_beside(cls))
    return any(plain(name) == plain(other) for other in names)


def has_function(cls: type, name: str) -> bool:
    """Whether a class has a method of this name, or its module a function."""
    return hasattr(cls, name) or name in _beside(cls)


def may_be_value(cls: type, spellings: Spellings) -> bool:
    """Whether a class may become like Value when the program has defined all that it uses.

    Operators and backward may be assigned to the class later, or be functions beside it.
    """
    methods = dict(_functions(cls))
    names = {plain(name) for name in _attributes(cls, methods)}
    if not any(x in names for x in spellings.data):
        return False
    has_backward = any(map(spellings.is_backward, methods))
    return has_backward or _does_arithmetic(methods, spellings) or has_numbers(cls, spellings)


def is_engine(cls: type, spellings: Spellings) -> bool:
    """Whether a class is like Value, together with the functions beside it.

    A backward pass is not needed: a script may run it by hand.
    """
    methods = dict(_functions(cls))
    beside = _beside(cls)
    functions = {name: x for name, x in beside.items() if isinstance(x, FunctionType)}
    if not _does_arithmetic({**functions, **methods}, spellings):
        return False
    if has_numbers(cls, spellings):
        return True
    used = {plain(name) for name in _used_beside(cls)}
    return may_be_value(cls, spellings) and any(x in used for x in spellings.grad)


def _beside(cls: type) -> dict[str, object]:
    """Return what the module of a class has, by name."""
    return dict(getattr(sys.modules.get(cls.__module__), "__dict__", {}))


def _used_beside(cls: type) -> Iterator[str]:
    """Yield the names that functions, and methods of classes, beside a class use."""
    things = _beside(cls).values()
    codes = [x.__code__ for x in things if isinstance(x, FunctionType)]
    codes += [f.__code__ for x in things if isinstance(x, type) for _, f in _functions(x)]
    for code in codes:
        yield from _names_in(code)


def _does_arithmetic(names: Iterable[str], spellings: Spellings) -> bool:
    """Whether there are functions or methods for both sums and products."""
    ops = {meaning.op for name in names for meaning in spellings.meanings_of(name)}
    return {"add", "mul"} <= ops


def _functions(cls: type) -> Iterator[tuple[str, FunctionType]]:
    """Yield the methods of a class by name, without what wraps them."""
    for base in reversed(cls.__mro__):
        for name, member in [*vars(base).items()]:
            function = unwrap(member) if isinstance(member, FunctionType) else None
            if isinstance(function, FunctionType):
                yield name, function


def _attributes(cls: type, methods: dict[str, FunctionType]) -> Iterator[str]:
    """Yield the names of attributes that a class declares, or that its methods use."""
    for base in cls.__mro__:
        yield from vars(base)
        for declared in ("__annotations__", "__slots__"):
            names = vars(base).get(declared, ())
            names = (names,) if isinstance(names, str) else names
            yield from names if isinstance(names, (tuple, list, dict)) else ()
    for method in methods.values():
        yield from _names_in(method.__code__)


def _names_in(code: CodeType) -> Iterator[str]:
    """Yield the names that a function uses, and the functions inside it."""
    codes = [code]
    for inner in codes:  # grows while it is walked
        yield from inner.co_names
        codes.extend(x for x in inner.co_consts if isinstance(x, CodeType))


def spelled(cls: type) -> str:
    """Return the name of a class for `--class`, such as `micrograd.engine:Value`."""
    return f"{cls.__module__}:{cls.__qualname__}"


def origin_of(cls: type) -> str:
    """Return the origin of numbers of a class: `micrograd 0.1.0`, or else its module or script."""
    if cls is Value:
        return f"{SELF_RECORDED}{__version__} {VALUE.name}"
    file = _file(cls)
    if cls.__module__ == _SCRIPT:
        return file.name if file else "a script"
    return (file and _distribution(cls.__module__, file)) or cls.__module__


def _file(cls: type) -> Path | None:
    """Return the file of a class; in a script, which may have ended, that of a method."""
    if cls.__module__ != _SCRIPT:
        file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    else:
        spaces = [function.__globals__ for _, function in _functions(cls)]
        spaces.sort(key=lambda space: space.get("__name__") == _SCRIPT)  # a base may be elsewhere
        file = spaces[-1].get("__file__") if spaces else None
    return Path(file) if file else None


def _distribution(module: str, file: Path) -> str:
    """Return name and version of the distribution that installed a file; empty if there is none.

    The distribution must have the file, because there may be a folder of the same name beside a
    script.
    """
    top = module.partition(".")[0]
    for name in metadata.packages_distributions().get(top, ()):
        distribution = metadata.distribution(name)
        paths = (distribution.locate_file(path) for path in distribution.files or ())
        if any(Path(str(path)) == file for path in paths):
            return f"{distribution.name} {distribution.version}"
    return ""
