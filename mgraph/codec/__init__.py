"""Bytes to plain data and back: JSON, msgpack, NaN and infinities, positions, atomic writes.

Plain data is what JSON can say (and, in msgpack, byte strings): dict, list, str, int, float,
bool, None, bytes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from mgraph.codec import binary, text
from mgraph.codec.files import read_file, read_stream, write_file
from mgraph.codec.limits import (
    LIMIT_NAMES,
    LIMITS,
    Limits,
    Reading,
    depth_error,
    how_to_raise,
    limit_error,
    parse_limit,
)
from mgraph.codec.numbers import SPECIAL, literals, spelled
from mgraph.codec.text import Blocks, Entries, Rows, compact
from mgraph.codec.updates import Stamp, updating
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
    "Stamp",
    "binary",
    "compact",
    "decode",
    "descend",
    "encoding_of",
    "how_to_raise",
    "limit_error",
    "literals",
    "located",
    "parse_limit",
    "read_file",
    "read_stream",
    "single_precision",
    "spelled",
    "too_deep",
    "updating",
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
_ZEROS: Final = bytes(4)
"""What no text begins with: UTF-32 has three zeros before a character of ASCII."""

_FOREIGN: Final = tuple(magic for magic, _ in (*COMPRESSED, *OTHER_TEXT))


def encoding_of(data: bytes) -> str:
    """Tell JSON from msgpack by the first byte.

    Raises:
        GraphError: `compressed` or `encoding`: the bytes are neither.
    """
    if data.startswith(_FOREIGN):
        raise _foreign(data)
    return MSGPACK if data[:1] >= b"\x80" else JSON


def _foreign(data: bytes) -> GraphError:
    """Say what bytes are that are neither JSON nor msgpack."""
    for magic, name in COMPRESSED:
        if data.startswith(magic):
            message = f"the file is compressed ({name})"
            fix = "decompress it first"
            return GraphError.of("compressed", message, line=1, column=1, fix=fix)
    if data.startswith(_ZEROS):
        message = "the file begins with zero bytes, as after a crash or on a full disk"
        fix = "write it again, or take it from a backup"
        return GraphError.of(
            "encoding", message, line=1, column=1, expected="JSON or msgpack", fix=fix
        )
    name = next(name for magic, name in OTHER_TEXT if data.startswith(magic))
    message = f"the file starts with {name}" if "mark" in name else f"the text is {name}"
    expected, fix = "UTF-8 without a byte-order mark", "save the file as plain UTF-8"
    return GraphError.of("encoding", message, line=1, column=1, expected=expected, fix=fix)


def decode(data: bytes, limits: Limits = LIMITS) -> Any:  # noqa: ANN401 - any plain data
    """Decode one document; `too_deep` checks how deep its values are nested.

    Raises:
        GraphError: The first fault in the bytes.
    """
    if encoding_of(data) == JSON:
        return text.decode(data, limits.depth)
    return binary.decode(data, limits.depth)


def too_deep(value: object, limits: Limits, path: Path = ()) -> GraphError | None:
    """Find the first value, in document order, that is nested deeper than the limit.

    Args:
        value: Plain data.
        limits: Has the number of levels allowed.
        path: The value's path in its document; its length is the value's own depth.
    """
    if len(path) + _levels(value, limits.depth - len(path) + 1) <= limits.depth:
        return None
    for item_path, item in descend(value, path):
        if len(item_path) >= limits.depth and isinstance(item, (dict, list)):
            return depth_error(limits.depth, item_path)
    return None


def _levels(value: object, most: int) -> int:
    """Return how deep containers are nested in plain data, at most `most`."""
    walks: list[Iterator[object]] = [iter([value])]
    levels = 0
    while walks and levels < most:
        for item in walks[-1]:
            if isinstance(item, (dict, list)):
                levels = max(levels, len(walks))
                walks.append(iter(item.values() if isinstance(item, dict) else item))
                break
        else:
            walks.pop()
    return levels


def descend(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Yield a value and everything in it, with their paths, in document order.

    The memory it takes grows with the depth only, not with the number of values.
    """
    walks = [iter([(path, value)])]
    while walks:
        for item_path, item in walks[-1]:
            yield item_path, item
            if isinstance(item, (dict, list)):
                walks.append(_members(item, item_path))
                break
        else:
            walks.pop()


def _members(value: dict[str, object] | list[object], path: Path) -> Iterator[tuple[Path, object]]:
    members = value.items() if isinstance(value, dict) else enumerate(value)
    return (((*path, key), member) for key, member in members)


def single_precision(data: bytes, document: object, limits: Limits = LIMITS) -> Iterator[Path]:
    """Yield the path of every number that a msgpack document stores with single precision."""
    if encoding_of(data) == MSGPACK:
        for path, _ in binary.single_precision(data, document, limits.levels):
            yield path


def located(
    diagnostics: Iterable[Diagnostic], data: bytes, limits: Limits = LIMITS, most: int = REPORTED
) -> tuple[Diagnostic, ...]:
    """Add line and column (byte offset in msgpack), sort by them, and return the first ones.

    A path that isn't in the bytes, because the document was upgraded, gets the position of the
    closest value around it.
    """
    unsorted = tuple(diagnostics)
    paths = [fault.path for fault in unsorted if fault.line is None and fault.offset is None]
    if not paths:
        return unsorted[:most]
    if encoding_of(data) == JSON:
        from mgraph.codec import text_scan  # noqa: PLC0415 - only for diagnostics

        string = data.decode()
        offsets = text_scan.places(string, paths)
    else:
        string, offsets = "", binary.places(data, paths, limits.levels)
    pairs = []
    for fault in unsorted:
        path = fault.path
        while (path, fault.at_key) not in offsets and path:
            path = path[:-1]
        offset = offsets.get((path, fault.at_key), offsets.get((path, False), 0))
        pairs.append((offset, fault))
    pairs.sort(key=lambda pair: pair[0])
    return tuple(_at(fault, string, offset) for offset, fault in pairs[:most])


def _at(fault: Diagnostic, string: str, offset: int) -> Diagnostic:
    if fault.code == "depth":  # found in the bytes or later, it has a position and no pointer
        fault = replace(fault, path=())
    if not string:
        return replace(fault, offset=offset)
    from mgraph.codec import text_scan  # noqa: PLC0415 - only for diagnostics

    line, column = text_scan.line_and_column(string, offset)
    return replace(fault, line=line, column=column)
