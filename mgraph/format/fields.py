"""The fields of a graph file, and how messages name them and their values."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mgraph.codec import how_to_raise
from mgraph.errors import Diagnostic, Path, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

INTEGERS: Final = 2**53
"""Integers in meta lie between minus and plus this."""

FIELDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "document": ("mgraph", "$schema", "name", "doc", "meta", "nodes", "outputs", "runs"),
        "node": ("id", "op", "args", "data", "label", "doc", "meta"),
        "run": ("inputs", "seed", "math", "tolerance", "origin", "graph", "data", "grad"),
        "tolerance": ("rel", "abs"),
        "nodes": (
            "count", "ops", "op", "arity", "args", "data", "has_data", "id", "label", "doc", "meta",
        ),
        "sparse": ("at", "value"),
    }
)  # fmt: skip
"""The fields of each kind of object, in the order in which they are written."""

NEWER_RUN_FIELDS: Final[Mapping[str, str]] = MappingProxyType({"math": "1.1"})
"""Fields of a run that 1.0 does not have, and the version that brought them."""


def over_limit(path: Path, name: str, message: str, limit: int) -> Diagnostic:
    """Say that a limit is exceeded, and which option raises it."""
    return Diagnostic("limit", message, path, expected=f"at most {limit:,}", fix=how_to_raise(name))


def subject(path: Path) -> str:
    """Name the value at a path, for a message."""
    last = path[-1] if path else "document"
    if isinstance(last, int):
        return f"item {last} of {quoted(str(path[-2]))}" if len(path) > 1 else f"item {last}"
    return quoted(last)


def shown(value: object) -> str:
    """Describe a value of the wrong type or size, for a message."""
    if isinstance(value, (dict, list, bytes)):
        names = {dict: "an object", list: "an array", bytes: "a byte string"}
        return names[type(value)] + (" (empty)" if not value else "")
    if isinstance(value, int) and abs(value) > INTEGERS**4:
        return "an integer too large for a double"
    if isinstance(value, float) and math.isinf(value):  # the literal may have been 1e400
        return "infinite, or too large for a double"
    if isinstance(value, float) and math.isnan(value):
        return f"{value}, not finite"
    return f"{'the string ' if isinstance(value, str) else ''}{quoted(value)}"


def known_fields(path: Path) -> tuple[str, ...]:
    """Return the names of the fields of the object at a path."""
    shape = ["*" if isinstance(part, int) else part for part in path]
    name = {
        "": "document",
        "nodes": "nodes",
        "nodes *": "node",
        "runs *": "run",
        "runs * tolerance": "tolerance",
    }.get(" ".join(shape), "sparse")
    return FIELDS[name]
