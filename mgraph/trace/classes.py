"""Inspect a class of another engine: whether it is like Value, and where it comes from."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Final

from mgraph import __version__
from mgraph.engine.values import VALUE
from mgraph.graph.run import SELF_RECORDED
from mgraph.trace.spellings import DATA, GRAD, is_backward
from mgraph.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCRIPT: Final = "__main__"


def is_value_like(cls: type) -> bool:
    """Whether a class is like Value: written in Python, with operators, data, grad, backward."""
    methods = dict(_functions(cls))
    if not ("__add__" in methods and "__mul__" in methods):
        return False
    if not any(map(is_backward, methods)):
        return False
    names = dict.fromkeys(_attributes(cls, methods))
    return any(name in names for name in DATA) and any(name in names for name in GRAD)


def _functions(cls: type) -> Iterator[tuple[str, FunctionType]]:
    for base in reversed(cls.__mro__):
        for name, member in vars(base).items():
            if isinstance(member, FunctionType):
                yield name, member


def _attributes(cls: type, methods: dict[str, FunctionType]) -> Iterator[str]:
    """Yield the names of attributes that a class declares, or that its methods use."""
    for base in cls.__mro__:
        yield from vars(base)
        yield from vars(base).get("__annotations__", ())
        slots = vars(base).get("__slots__", ())
        yield from (slots,) if isinstance(slots, str) else slots
    for method in methods.values():
        yield from method.__code__.co_names


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
        files = [function.__code__.co_filename for _, function in _functions(cls)]
        file = files[-1] if files else None
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
