"""Limits on the size of a file and of its parts."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import Any, Final, NamedTuple, Self

from mgraph.errors import GraphError, Path, quoted

DEEPEST: Final = 200
"""The highest nesting limit: more levels than these are too much for the JSON decoder."""

RAISING: Final = "if you trust the file, raise it with --limit"
"""What the command line says to do about a limit."""

_DIGITS: Final = "[0-9]{1,18}"
_UNITS: Final = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a graph file may ask for at most, checked before memory is allocated.

    Attributes:
        size: Size of the file, in bytes.
        nodes: Number of nodes.
        depth: Levels of nesting, where the document is level 1; at most 200.
        text: Length of a label or any other text but `doc`, in bytes of UTF-8.
        doc: Length of a `doc`, in bytes of UTF-8.
        args: Number of arguments of one node.
        runs: Number of runs.

    Raises:
        ValueError: `depth` is more than 200.
    """

    size: int = 2**30
    nodes: int = 10_000_000
    depth: int = 32
    text: int = 1024
    doc: int = 65_536
    args: int = 65_535
    runs: int = 65_535

    @property
    def levels(self) -> int:
        """Levels of a packed document, in which a node's meta is one level deeper than in JSON."""
        return self.depth + 1

    def __post_init__(self) -> None:
        """Refuse more levels than the decoders can handle.

        Raises:
            ValueError: `depth` is beyond `DEEPEST`.
        """
        if self.depth > DEEPEST:
            message = f"depth can be raised to {DEEPEST} at most"
            raise ValueError(message)

    def raised(self, settings: dict[str, int]) -> Self:
        """Return limits with some of them changed."""
        return replace(self, **settings)


LIMITS: Final = Limits()


class Reading(NamedTuple):
    """How a document is read.

    Attributes:
        limits: How large it and its parts may be.
        is_binary: Whether it is msgpack: nodes may be packed, and floats may be NaN or infinite,
            for which JSON has no literal.
        version: The format version that it states, whose ops it may use; None for the newest.
    """

    limits: Limits = LIMITS
    is_binary: bool = False
    version: tuple[int, int] | None = None


LIMIT_NAMES: Final = tuple(limit.name for limit in fields(Limits))


def parse_limit(text: str) -> tuple[str, int]:
    """Parse one `NAME=NUMBER`; the number may end in K, M or G (powers of 1024).

    Raises:
        ValueError: The text has another form; the message says what is expected.
    """
    name, equals, text = text.partition("=")
    number = parse_count(text)
    names = f"names: {', '.join(LIMIT_NAMES)}"
    if not (name and equals):
        message = f"expected NAME=NUMBER, for example nodes=20000000 or size=2G; {names}"
        raise ValueError(message)
    if name not in LIMIT_NAMES:
        message = f"there is no limit {quoted(name)}; {names}"
        raise ValueError(message)
    if number is None:
        message = f"{quoted(text)} is not a whole number, for example 20000000 or 2G"
        raise ValueError(message)
    return name, number


def parse_count(text: str) -> int | None:
    """Parse a whole number that may end in K, M or G (powers of 1024); None if it isn't one."""
    number = text.strip().upper().replace("_", "").removesuffix("IB").removesuffix("B")
    unit = number[-1:] if number[-1:] in _UNITS and not number[-1:].isdigit() else ""
    digits = number.removesuffix(unit) if unit else number
    return int(digits) * _UNITS[unit] if re.fullmatch(_DIGITS, digits) else None


def how_to_raise(name: str) -> str:
    """Say which option raises a limit."""
    return f"{RAISING} {name}=N"


def limit_error(name: str, message: str, limit: int, **position: Any) -> GraphError:  # noqa: ANN401
    """Build the error for a file that is too large as a whole."""
    code = "size" if name == "size" else "limit"
    expected, fix = f"at most {limit:,}", how_to_raise(name)
    return GraphError.of(code, message, expected=expected, fix=fix, **position)


def depth_error(deepest: int, path: Path = (), **position: Any) -> GraphError:  # noqa: ANN401
    """Build the error for values that are nested too deeply."""
    message = f"values are nested more than {deepest} levels deep"
    return GraphError.of("depth", message, path, fix=how_to_raise("depth"), **position)
