"""Bytes to plain data and back: JSON, msgpack, NaN and infinities, places, atomic writes.

Plain data is what JSON can say (and, in msgpack, byte strings): dict, list, str, int, float,
bool, None, bytes.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from mgraph.codec import binary, text
from mgraph.codec.files import read_file, read_stream, write_file
from mgraph.codec.limits import (
    LIMIT_NAMES,
    LIMITS,
    Limits,
    Reading,
    how_to_raise,
    over,
    parse_limit,
)
from mgraph.codec.numbers import SPECIAL, literal, spelled
from mgraph.codec.text import Blocks, Entries, Rows, compact
from mgraph.errors import REPORTED, Diagnostic, GraphError, Path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "COMPRESSED",
    "LIMITS",
    "LIMIT_NAMES",
    "OTHER_TEXT",
    "SPECIAL",
    "Blocks",
    "Entries",
    "Limits",
    "Reading",
    "Rows",
    "binary",
    "compact",
    "decode",
    "descend",
    "encoding_of",
    "how_to_raise",
    "literal",
    "located",
    "over",
    "parse_limit",
    "paused_collector",
    "read_file",
    "read_stream",
    "single_precision",
    "spelled",
    "too_deep",
    "write_file",
]

JSON: Final = "json"
MSGPACK: Final = "msgpack"

COMPRESSED: Final = (
    (b"\x1f\x8b", "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"BZh", "bzip2"),
    (b"\x04\x22\x4d\x18", "lz4"),
)
OTHER_TEXT: Final = (
    (b"\xef\xbb\xbf", "a UTF-8 byte-order mark"),
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"\x00\x00\x00", "UTF-32"),
    (b"{\x00\x00\x00", "UTF-32"),
    (b"\x00{", "UTF-16"),
    (b"{\x00", "UTF-16"),
)


@contextmanager
def paused_collector() -> Iterator[None]:
    """Keep the cyclic garbage collector from walking millions of new objects in vain.

    Plain data and graphs have no cycles; a collection in the middle of reading finds nothing,
    and they triple the time that decoding takes.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def encoding_of(data: bytes) -> str:
    """Tell JSON from msgpack by the first byte.

    Raises:
        GraphError: `compressed` or `encoding`: the bytes are neither.
    """
    for magic, name in COMPRESSED:
        if data.startswith(magic):
            message = f"the file is compressed ({name})"
            fix = "decompress it first"
            raise GraphError.of("compressed", message, line=1, column=1, fix=fix)
    for magic, name in OTHER_TEXT:
        if data.startswith(magic):
            message = f"the file starts with {name}" if "mark" in name else f"the text is {name}"
            expected, fix = "UTF-8 without a byte-order mark", "save the file as plain UTF-8"
            raise GraphError.of("encoding", message, line=1, column=1, expected=expected, fix=fix)
    return MSGPACK if data[:1] >= b"\x80" else JSON


def decode(data: bytes, limits: Limits = LIMITS) -> Any:  # noqa: ANN401 - any plain data
    """Decode one document; values nested too deeply are left to `too_deep`.

    Raises:
        GraphError: The first fault of the bytes.
    """
    if encoding_of(data) == JSON:
        return text.decode(data, limits.depth)
    return binary.decode(data, limits.depth)


def too_deep(value: object, limits: Limits, path: Path = ()) -> GraphError | None:
    """Find the first value, in document order, that is nested deeper than the limit.

    Args:
        value: Plain data.
        limits: Says how many levels there may be.
        path: Where the value stands; its length is how deep it is already.
    """
    if len(path) + _levels(value, limits.depth - len(path) + 1) <= limits.depth:
        return None
    for where, each in descend(value, path):
        if len(where) >= limits.depth and isinstance(each, (dict, list)):
            message = f"values are nested more than {limits.depth} levels deep"
            return GraphError.of("depth", message, where, fix=how_to_raise("depth"))
    return None


def _levels(value: object, most: int) -> int:
    """Return how deep containers are nested in plain data; no more than `most`."""
    walks: list[Iterator[object]] = [iter([value])]
    levels = 0
    while walks and levels < most:
        for each in walks[-1]:
            if isinstance(each, (dict, list)):
                levels = max(levels, len(walks))
                walks.append(iter(each.values() if isinstance(each, dict) else each))
                break
        else:
            walks.pop()
    return levels


def descend(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Yield a value and all in it, with their paths, in document order.

    Holds no more than one place a level, however many values there are.
    """
    walks = [iter([(path, value)])]
    while walks:
        for where, each in walks[-1]:
            yield where, each
            if isinstance(each, (dict, list)):
                walks.append(_members(each, where))
                break
        else:
            walks.pop()


def _members(value: dict[str, object] | list[object], path: Path) -> Iterator[tuple[Path, object]]:
    members = value.items() if isinstance(value, dict) else enumerate(value)
    return (((*path, key), each) for key, each in members)


def single_precision(data: bytes, document: object, limits: Limits = LIMITS) -> Iterator[Path]:
    """Yield the place of every number that a msgpack document stores with single precision."""
    if encoding_of(data) == MSGPACK:
        for path, _ in binary.single_precision(data, document, limits.levels):
            yield path


def located(
    diagnostics: Iterable[Diagnostic], data: bytes, limits: Limits = LIMITS, most: int = REPORTED
) -> tuple[Diagnostic, ...]:
    """Add line and column (byte offset in msgpack), sort by them, and return the first ones.

    A place that isn't in the bytes (a document that was migrated) is that of what surrounds it.
    """
    found = tuple(diagnostics)
    asked = [each.path for each in found if each.line is None and each.offset is None]
    if not asked:
        return found[:most]
    if encoding_of(data) == JSON:
        string = data.decode()
        where = text.places(string, asked)
    else:
        string, where = "", binary.places(data, asked, limits.levels)
    placed = []
    for each in found:
        path = each.path
        while (path, each.at_key) not in where and path:
            path = path[:-1]
        at = where.get((path, each.at_key), where.get((path, False), 0))
        placed.append((at, each))
    placed.sort(key=lambda pair: pair[0])
    return tuple(_at(each, string, at) for at, each in placed[:most])


def _at(found: Diagnostic, string: str, at: int) -> Diagnostic:
    if found.code == "depth":  # a fault of the bytes, whoever finds it: a place, no pointer
        found = replace(found, path=())
    if not string:
        return replace(found, offset=at)
    line, column = text.line_and_column(string, at)
    return replace(found, line=line, column=column)
