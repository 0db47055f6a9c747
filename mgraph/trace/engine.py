"""What can be told of somebody else's engine from its class: whether it is one, and its name."""

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
    """Whether a class looks like a Value: operators, data, grad, and a backward, in Python."""
    methods = dict(_functions(cls))
    if not ("__add__" in methods and "__mul__" in methods):
        return False
    if not any(map(is_backward, methods)):
        return False
    names = dict.fromkeys(_attributes(cls, methods))
    return any(name in names for name in DATA) and any(name in names for name in GRAD)


def _functions(cls: type) -> Iterator[tuple[str, FunctionType]]:
    for base in reversed(cls.__mro__):
        for name, each in vars(base).items():
            if isinstance(each, FunctionType):
                yield name, each


def _attributes(cls: type, methods: dict[str, FunctionType]) -> Iterator[str]:
    """Yield the names of attributes that a class declares, and those that its methods speak of."""
    for base in cls.__mro__:
        yield from vars(base)
        yield from vars(base).get("__annotations__", ())
        slots = vars(base).get("__slots__", ())
        yield from (slots,) if isinstance(slots, str) else slots
    for method in methods.values():
        yield from method.__code__.co_names


def spelled(cls: type) -> str:
    """Return how `--class` names a class: `micrograd.engine:Value`."""
    return f"{cls.__module__}:{cls.__qualname__}"


def origin_of(cls: type) -> str:
    """Return where the numbers of a class come from: `micrograd 0.1.0`, or else its module."""
    if cls is Value:
        return f"{SELF_RECORDED}{__version__} {VALUE.name}"
    file = _file(cls)
    if cls.__module__ == _SCRIPT:
        return file.name if file else "a script"
    return (file and _distribution(cls.__module__, file)) or cls.__module__


def _file(cls: type) -> Path | None:
    """Return the file of a class: of its module, or of a script that has ended, of a method."""
    if cls.__module__ != _SCRIPT:
        found = getattr(sys.modules.get(cls.__module__), "__file__", None)
    else:
        code = [each.__code__.co_filename for _, each in _functions(cls)]
        found = code[-1] if code else None
    return Path(found) if found else None


def _distribution(module: str, file: Path) -> str:
    """Return name and version of the distribution that a file was installed with, or nothing.

    The file is looked for in it: beside a script may be a folder of the same name.
    """
    top = module.partition(".")[0]
    for name in metadata.packages_distributions().get(top, ()):
        found = metadata.distribution(name)
        if any(Path(str(found.locate_file(each))) == file for each in found.files or ()):
            return f"{found.name} {found.version}"
    return ""
