"""Loads an engine's functions, and wraps them so that operands come first, for `driver.py`.

Like the driver, this file needs nothing of mgraph, and runs on any Python from 3.8.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes time to import
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any


def fits(call: Callable[..., Any], *operands: object) -> bool:
    """Whether a function can be called with these operands, as far as its signature tells."""
    try:
        inspect.signature(call).bind(*operands)
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def takes_any(call: Any) -> bool:
    """Whether a function can be called with any number of operands."""
    try:
        parameters = inspect.signature(call).parameters.values()
    except (TypeError, ValueError):
        return False
    return any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)


def methodcaller(name: str) -> Callable[..., Any]:
    """Return a function that calls a method of its first operand with the others."""
    return lambda first, *rest: getattr(first, name)(*rest)


def followed_by(function: Callable[..., Any], argument: object) -> Callable[..., Any]:
    """Return a function that passes one more argument, always the same."""
    return lambda *operands: function(*operands, argument)


def converting(
    function: Callable[..., Any], kinds: str, make: Callable[..., Any]
) -> Callable[..., Any]:
    """Return a function that first turns plain numbers (N) into Values."""
    return lambda *operands: function(
        *(make(x) if kind == "N" else x for x, kind in zip(operands, kinds))  # noqa: B905
    )


def added_up(first: Any, *rest: Any) -> Any:
    """Return a sum, added from left to right."""
    for term in rest:
        first = first + term
    return first


def neighbour(name: str) -> ModuleType | None:
    """Import a module beside the engine's; return None if there is none, or it can't be."""
    try:
        if name not in sys.modules and importlib.util.find_spec(name) is None:
            return None
        return importlib.import_module(name)
    except BaseException:  # noqa: BLE001 - it may import what is not installed
        return None


def load(name: str) -> ModuleType:
    """Import a module by its name, or by the path of its file.

    Raises:
        ImportError: If there is no such module.
    """
    if not name.endswith(".py"):
        if os.sep in name or name.startswith("."):
            raise ImportError(f"{name!r} is not a module; for a file write {name}.py")
        return importlib.import_module(name)
    path = os.path.abspath(name)
    folder, file = os.path.split(path)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    name = os.path.splitext(file)[0]
    while name in sys.modules and getattr(sys.modules[name], "__file__", None) != path:
        name += "_"  # if the file is called math.py, say, or json.py
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module
