"""JSON: strict reading, and writing that people can read."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import jiter

from mgraph.codec.limits import DEEPEST
from mgraph.codec.numbers import literals
from mgraph.errors import GraphError

try:
    import resource
except ImportError:  # Windows, where memory is not limited like this
    resource = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_MOST_DIGITS: Final = 640
"""Python can't be set to refuse so few digits, and no double has so many."""

_LARGEST_VALUE: Final = 40
"""Bytes of memory that a byte of JSON takes at most while it is decoded: a list of empty dicts."""

_FEW_BYTES: Final = 2**10
"""So few bytes fit into any memory, and asking takes as long as decoding them."""

_MINUS_ZERO: Final = re.compile(rb"-0(?=[ \t\r\n,\]}]|\Z)")


def decode(data: bytes, deepest: int) -> Any:  # noqa: ANN401 - any JSON
    """Decode strict JSON; NaN, infinities and overflow come out as such, to be refused later.

    Raises:
        GraphError: The first fault of the bytes: `encoding`, `syntax`, `trailing`,
            `duplicate-key`, `depth` or `number`.
    """
    if _memory_is_short(data):  # jiter would abort or hang; this is slow, and raises MemoryError
        if fault := _first_fault(data, DEEPEST):
            raise _first_fault(data, deepest) or fault
        return json.loads(data, parse_int=_integer)
    try:
        value = jiter.from_json(data, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        raise _first_fault(data, deepest) or GraphError.of("syntax", str(error)) from None
    if _MINUS_ZERO.search(data):  # jiter reads the literal -0 as the integer 0
        return json.loads(data, parse_int=_integer)
    return value


def _first_fault(data: bytes, deepest: int) -> GraphError | None:
    from mgraph.codec.text_scan import first_fault  # noqa: PLC0415 - only for what is refused

    return first_fault(data, deepest)


def _integer(text: str) -> float:
    """Return an integer literal; of one too large for a double, only the first digits."""
    return -0.0 if text == "-0" else int(text[:_MOST_DIGITS])


def _memory_is_short(data: bytes) -> bool:
    """Whether this process may not take as much memory as the largest values of such a size."""
    if len(data) <= _FEW_BYTES or resource is None:
        return False
    if not any(map(_is_limited, (resource.RLIMIT_AS, resource.RLIMIT_DATA))):
        return False
    try:
        bytes(_LARGEST_VALUE * len(data))  # zeros, which take address space but no memory
    except MemoryError:
        return True
    return False


def _is_limited(kind: int) -> bool:
    return resource.getrlimit(kind)[0] != resource.RLIM_INFINITY


# --- writing ---------------------------------------------------------------------------------

_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_CHUNK: Final = 4096


class Rows:
    """Members of an array, to be written one a line; made when they are asked for."""

    def __init__(self, rows: Iterable[str]) -> None:
        """Take the members, as JSON text."""
        self.rows = rows


class Entries:
    """Members of an object, id to number, to be written one a line."""

    def __init__(self, ids: Iterable[str], values: Sequence[float]) -> None:
        """Take ids (which need no escape) and their numbers, in order."""
        pairs = zip(ids, literals(values), strict=True)
        self.rows = (f'"{name}": {number}' for name, number in pairs)


class Blocks:
    """Members of an array that are written as objects over several lines each; at least one."""

    def __init__(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Take the objects, as plain data."""
        self.objects = objects


def compact(value: object) -> str:
    """Encode plain data on one line."""
    return _ENCODE(value)


def encode(document: Mapping[str, Any]) -> Iterator[bytes]:
    """Write a document as JSON text for people, in chunks: one node a line.

    `Rows`, `Entries` and `Blocks` spread over lines, everything else stays on one.
    """
    for piece in _object_lines(document, ""):
        yield piece.encode()
    yield b"\n"


def _object_lines(members: Mapping[str, Any], indent: str) -> Iterator[str]:
    """Yield an object, one member a line; nests as deep as runs do, whatever the data."""
    before = "{\n"
    for key, value in members.items():
        yield f'{before}{indent}  "{key}": '
        before = ",\n"
        if isinstance(value, Rows):
            yield from _spread("[]", value.rows, indent + "  ")
        elif isinstance(value, Entries):
            yield from _spread("{}", value.rows, indent + "  ")
        elif isinstance(value, Blocks):
            yield from _objects(value.objects, indent + "  ")
        else:
            yield compact(value)
    yield f"\n{indent}}}" if members else "{}"


def _spread(brackets: str, rows: Iterable[str], indent: str) -> Iterator[str]:
    between = f",\n{indent}  "
    before = f"{brackets[0]}\n{indent}  "
    after = brackets
    rest = iter(rows)
    while chunk := list(islice(rest, _CHUNK)):
        yield before + between.join(chunk)
        before, after = between, f"\n{indent}{brackets[1]}"
    yield after


def _objects(values: Iterable[Mapping[str, Any]], indent: str) -> Iterator[str]:
    before = f"[\n{indent}  "
    for value in values:
        yield before
        yield from _object_lines(value, indent + "  ")
        before = f",\n{indent}  "
    yield f"\n{indent}]"
