"""msgpack: strict reading, offsets of values in the bytes, and writing."""

from __future__ import annotations

import re
import struct
from array import array
from dataclasses import dataclass
from enum import Enum
from io import BytesIO
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgpack

from mgraph.codec.limits import depth_error
from mgraph.errors import GraphError, Path, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

COLUMN_WIDTHS: Final = {
    "op": 1, "has_data": 1, "arity": 4, "args": 4, "at": 4, "data": 8, "value": 8,
}  # fmt: skip
"""Bytes of one element of each packed column."""

_LARGE: Final = 2**16
"""Pieces of at least this many bytes are read and written separately."""

_BLOCK: Final = 2**20
"""Bytes of a large piece that are copied at a time; new memory for all of them takes longer."""

_SEARCHED: Final = 1000
"""Items that `array_at` looks at: in a packed file, the ids come early."""

_LEVELS: Final = 4
"""How deep columns are nested in a document, at most."""


class _Refused(Exception):  # noqa: N818 - control flow inside this file
    pass


@dataclass(frozen=True, eq=False)
class Texts:
    """An array of texts in a msgpack file, not yet decoded.

    Attributes:
        data: The bytes of the file.
        start: Offset of the array's header.
        body: Offset of the first text.
        end: Offset after the last text.
        count: The number of texts, as the header says.
    """

    data: bytes
    start: int
    body: int
    end: int
    count: int

    def __len__(self) -> int:
        """Return the number of texts."""
        return self.count

    def read(self) -> list[Any]:
        """Decode the texts.

        Raises:
            ValueError: The bytes are malformed.
        """
        try:
            values: list[Any] = _unpacked(memoryview(self.data)[self.start : self.end])
        except _MALFORMED:
            raise ValueError from None
        return values


def decode(data: bytes, deepest: int) -> Any:  # noqa: ANN401 - any msgpack
    """Decode one msgpack object with string keys and without extension types.

    Raises:
        GraphError: The first fault in the bytes: `syntax`, `trailing`, `encoding`,
            `duplicate-key`, `depth` or `type`.
    """
    try:
        if _end(data, 0) == len(data):
            return _unpacked(data)
    except _MALFORMED:
        pass
    raise _first_fault(data, deepest)


def _end(data: bytes, start: int) -> int:
    """Return the offset after the item at `start`; raises one of `_MALFORMED`.

    Skipping takes no memory, whatever the headers claim, and it verifies them.
    """
    stream = BytesIO(data)
    stream.seek(start)
    most = max(len(data), _LARGE)
    unpacker = msgpack.Unpacker(stream, read_size=_LARGE, max_buffer_size=most)
    unpacker.skip()
    return start + int(unpacker.tell())


_MALFORMED: Final = (ValueError, TypeError, _Refused, msgpack.UnpackException)


def _unpacked(data: bytes | memoryview) -> Any:  # noqa: ANN401 - any msgpack
    """Decode bytes whose headers `_end` has verified; raises one of `_MALFORMED`."""
    return msgpack.unpackb(
        data, object_pairs_hook=_strict_map, ext_hook=_no_extension, max_ext_len=0
    )


def _no_extension(code: int, _: bytes) -> None:
    raise _Refused(code)


def _strict_map(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs) or any(type(key) is not str for key in members):
        raise _Refused
    return members


def _first_fault(data: bytes, deepest: int) -> GraphError:
    scanner = Scanner(data, deepest)
    try:
        for _ in scanner.walk():
            pass
    except GraphError as error:
        return error
    message = "these bytes are not one msgpack object"
    return GraphError.of("syntax", message, offset=0)


def array_at(data: bytes, path: Path, deepest: int) -> Token | None:
    """Return the header of the array at a path, if it is there and not too far into the bytes."""
    try:
        for token_path, _, token in islice(Scanner(data, deepest).walk(), _SEARCHED):
            if token_path == path:
                return token if token.kind is ItemType.ARRAY else None
    except GraphError:
        pass
    return None


def without_texts(data: bytes, header: Token) -> tuple[bytes, Texts] | None:
    """Cut an array of texts out of a document, so that decoding makes no object for each text.

    Args:
        data: msgpack.
        header: The header of the array.

    Returns:
        The document with an empty array instead, and the array; None if it is malformed.
    """
    try:
        end = _end(data, header.start)
    except _MALFORMED:
        return None
    texts = Texts(data, header.start, header.payload, end, header.count)
    return b"".join((data[: header.start], b"\x90", memoryview(data)[end:])), texts


def encode(document: Mapping[str, Any]) -> Iterator[bytes]:
    """Encode an object as msgpack, in chunks, with the shortest header for every item.

    Besides plain data, nodes and runs may have columns, as arrays, and `Texts`.
    """
    small = bytearray()
    for piece in _pieces(document, msgpack.Packer(), 0):
        if len(piece) < _LARGE:
            small += piece
        else:
            yield bytes(small)
            yield piece
            small.clear()
    yield bytes(small)


def _pieces(value: object, packer: Any, level: int) -> Iterator[bytes]:  # noqa: ANN401 - untyped
    """Yield the bytes of one item, which is `level` levels below the document."""
    if isinstance(value, Texts):
        yield from _blocks(memoryview(value.data)[value.start : value.end])
    elif isinstance(value, array):
        yield from _column(memoryview(_swapped(value)).cast("B"), packer)
    elif isinstance(value, bytes):
        yield from _column(memoryview(value), packer)
    elif not _may_hold_columns(value, level):
        yield packer.pack(value)
    elif isinstance(value, dict):
        yield packer.pack_map_header(len(value))
        for key, member in value.items():
            yield packer.pack(key)
            yield from _pieces(member, packer, level + 1)
    elif isinstance(value, list):
        yield packer.pack_array_header(len(value))
        for item in value:
            yield from _pieces(item, packer, level + 1)


def _column(column: memoryview, packer: Any) -> Iterator[bytes]:  # noqa: ANN401 - untyped
    if len(column) < _LARGE:
        yield packer.pack(bytes(column))
    else:
        yield b"\xc6" + len(column).to_bytes(4, "big")
        yield from _blocks(column)


def _blocks(data: memoryview) -> Iterator[bytes]:
    return (bytes(data[at : at + _BLOCK]) for at in range(0, len(data), _BLOCK))


def _may_hold_columns(value: object, level: int) -> bool:
    """Whether an item is the document, its nodes or runs, or a member of these."""
    if isinstance(value, dict):
        return level < _LEVELS
    return level == 1 and isinstance(value, list) and isinstance(next(iter(value), None), dict)


def from_little(typecode: str, data: bytes) -> array[Any]:
    """Return the array whose elements are these little-endian bytes."""
    column = array(typecode)
    column.frombytes(data)
    return _swapped(column)


def _swapped(column: array[Any]) -> array[Any]:
    if struct.pack("=H", 1) == b"\x01\x00":
        return column
    copy = column[:]
    copy.byteswap()
    return copy


# --- one pass over the tokens ----------------------------------------------------------------

# First byte -> bytes of the length (str, bin, ext) or of the count (array, map) that follow.
_LENGTHS: Final = {
    0xD9: 1, 0xDA: 2, 0xDB: 4, 0xC4: 1, 0xC5: 2, 0xC6: 4, 0xC7: 1, 0xC8: 2, 0xC9: 4,
    0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4,
}  # fmt: skip
# First byte -> bytes of the payload.
_SIZES: Final = {
    0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8,
    0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17,
}  # fmt: skip
FLOAT32: Final = 0xCA


class ItemType(Enum):
    """What a msgpack item is, named as in messages."""

    ARRAY = "an array"
    MAP = "a map"
    STR = "a string"
    BIN = "a byte string"
    EXT = "an ext value"
    SCALAR = "a number, nil or bool"
    UNUSED = "an unused byte"


class Token:
    """One item: its kind, and the offsets of its header and payload."""

    __slots__ = ("count", "end", "first", "kind", "payload", "start")

    def __init__(self, data: bytes, start: int) -> None:
        """Read the header at `start`; `end` may lie beyond the data."""
        first = data[start]
        self.start, self.first = start, first
        self.payload = start + 1
        self.count = 0
        size = _SIZES.get(first, 0)
        if width := _LENGTHS.get(first, 0):
            self.payload += width
            size = int.from_bytes(data[start + 1 : self.payload], "big")
        elif 0x80 <= first <= 0x9F:  # noqa: PLR2004 - fixmap, fixarray
            size = first & 0x0F
        elif 0xA0 <= first <= 0xBF:  # noqa: PLR2004 - fixstr
            size = first & 0x1F
        self.kind = _kind(first)
        if self.kind in (ItemType.ARRAY, ItemType.MAP):
            self.count, size = size, 0
        self.end = self.payload + size + (first in (0xC7, 0xC8, 0xC9))


def _kind(first: int) -> ItemType:
    if first == 0xC1:  # noqa: PLR2004 - never used by msgpack
        return ItemType.UNUSED
    if first in (0xDE, 0xDF) or first & 0xF0 == 0x80:  # noqa: PLR2004
        return ItemType.MAP
    if first in (0xDC, 0xDD) or first & 0xF0 == 0x90:  # noqa: PLR2004
        return ItemType.ARRAY
    if first in (0xD9, 0xDA, 0xDB) or first & 0xE0 == 0xA0:  # noqa: PLR2004
        return ItemType.STR
    if first in (0xC4, 0xC5, 0xC6):
        return ItemType.BIN
    is_ext = 0xC7 <= first <= 0xC9 or 0xD4 <= first <= 0xD8  # noqa: PLR2004
    return ItemType.EXT if is_ext else ItemType.SCALAR


class _Open:
    """A container whose items are being read."""

    __slots__ = ("key", "keys", "left", "start")

    def __init__(self, token: Token) -> None:
        self.start = token.start
        self.left = token.count
        self.keys: dict[str, None] | None = {} if token.kind is ItemType.MAP else None
        self.key: str | int = -1


class Scanner:
    """One pass over the items of msgpack data without recursion, in Python: slow and exact."""

    def __init__(self, data: bytes, deepest: int) -> None:
        """Prepare to read `data`, refusing more than `deepest` levels."""
        self.data = data
        self.deepest = deepest
        self.open: list[_Open] = []

    def walk(self) -> Iterator[tuple[Path, int, Token]]:
        """Yield (path, the key's offset or -1, token) for every value.

        Raises:
            GraphError: At the first fault.
        """
        at = 0
        while True:
            while self.open and self.open[-1].left == 0:
                self.open.pop()
            if at and not self.open:
                break
            key_at = -1
            if self.open:
                key_at, at = self._member(self.open[-1], at)
            token = self._token(at)
            if token.kind is ItemType.EXT:
                raise self._fault("type", at, "an extension type", expected="plain data")
            yield self._path(), key_at, token
            at = token.end
            if token.kind in (ItemType.ARRAY, ItemType.MAP):
                if len(self.open) >= self.deepest:
                    raise depth_error(self.deepest, offset=token.start)
                self.open.append(_Open(token))
        if at != len(self.data):
            count = len(self.data) - at
            message = f"{count:,} byte{'s follow' if count > 1 else ' follows'} the document"
            fix = "one file holds one document"
            raise GraphError.of("trailing", message, offset=at, fix=fix)

    def _path(self) -> Path:
        return tuple(container.key for container in self.open)

    def _fault(self, code: str, at: int, message: str, **rest: Any) -> GraphError:  # noqa: ANN401
        return GraphError.of(code, message, self._path(), offset=at, **rest)

    def _member(self, container: _Open, at: int) -> tuple[int, int]:
        """Step to the next member; return its key's offset, or -1, and its value's."""
        container.left -= 1
        if container.keys is None:
            container.key = int(container.key) + 1
            return -1, at
        token = self._token(at)
        if token.kind is not ItemType.STR:
            path = self._path()[:-1]
            message = f"a key that is {token.kind.value}, not a string"
            raise GraphError.of("type", message, path, offset=at, expected="a string")
        key = self.data[token.payload : token.end].decode()
        container.key = key
        if key in container.keys:
            message = f"the key {quoted(key)} occurs twice in one object"
            raise self._fault("duplicate-key", at, message, fix="keep one of them", at_key=True)
        container.keys[key] = None
        return at, token.end

    def _token(self, at: int) -> Token:
        if at >= len(self.data):
            raise GraphError.of("syntax", "the file ends too early", offset=len(self.data))
        token = Token(self.data, at)
        if token.kind is ItemType.UNUSED:
            raise GraphError.of("syntax", "byte 0xc1 has no meaning in msgpack", offset=at)
        if token.end > len(self.data):
            message = f"{token.kind.value} that is longer than the rest of the file"
            raise GraphError.of("syntax", message, offset=at)
        if token.kind is ItemType.STR:
            try:
                self.data[token.payload : token.end].decode()
            except UnicodeDecodeError:
                message = "a string that is not UTF-8"
                raise GraphError.of("encoding", message, offset=at) from None
        return token


def places(data: bytes, wanted: Iterable[Path], deepest: int) -> dict[tuple[Path, bool], int]:
    """Find the offsets of values in valid msgpack data.

    An index into a byte string counts elements of the packed column that its key names.

    Args:
        data: What `decode` has accepted.
        wanted: Paths.
        deepest: Levels to follow.

    Returns:
        (path, True) -> offset of the key, (path, False) -> offset of the value; for the wanted
        paths and the values around them. Paths that are not in the data are left out.
    """
    offsets: dict[tuple[Path, bool], int] = {}
    columns: dict[Path, list[int]] = {}
    followed: dict[Path, None] = {}
    for path in wanted:
        followed.update(dict.fromkeys(path[:i] for i in range(len(path) + 1)))
        if path and isinstance(path[-1], int):
            columns.setdefault(path[:-1], []).append(path[-1])
    try:
        for path, key_at, token in Scanner(data, deepest).walk():
            if path not in followed:
                continue
            offsets[path, False] = token.start
            if key_at >= 0:
                offsets[path, True] = key_at
            if token.kind is ItemType.BIN and path in columns:
                width = COLUMN_WIDTHS.get(str(path[-1]), 1)
                for index in columns[path]:
                    offsets[(*path, index), False] = token.payload + index * width
    except GraphError:  # nested too deeply, which is reported as such
        pass
    return offsets


# A run of items that are neither numbers of single precision nor have a length after the first
# byte. Headers of arrays and maps count as items: the structure is known to be sound. The length
# of a run is limited, because a match remembers every item.
_RUN: Final = (
    rb"(?s:[\x00-\xa0\xc0\xc2\xc3\xe0-\xff]|[\xcb\xcf\xd3].{8}|"
    + b"|".join(bytes((0xA0 + size,)) + b".{%d}" % size for size in range(1, 32))
    + rb"|[\xcc\xd0].|[\xcd\xd1\xdc\xde]..|[\xce\xd2\xdd\xdf].{4}){0,1000}"
)


def single_precision(data: bytes, document: object, deepest: int) -> Iterator[tuple[Path, int]]:
    """Yield path and offset of every number of single precision in valid data.

    Args:
        data: msgpack.
        document: The decoded data.
        deepest: Levels to follow.
    """
    if _has_single(data, document):
        for path, _, token in Scanner(data, deepest).walk():
            if token.first == FLOAT32:
                yield path, token.start


def _has_single(data: bytes, document: object) -> bool:
    """Whether sound data has a number of single precision."""
    columns = [*_columns(document, 0)]
    if 2 * sum(map(len, columns)) < len(data) and (  # most of it would have to be scanned
        data.count(FLOAT32) == sum(column.count(FLOAT32) for column in columns)
    ):
        return False  # that byte occurs in columns only
    at, run = 0, re.compile(_RUN)
    while at < len(data):
        at = run.match(data, at).end()  # type: ignore[union-attr]
        if at < len(data):
            token = Token(data, at)
            if token.first == FLOAT32:
                return True
            at = token.end
    return False


def _columns(value: object, level: int) -> Iterator[bytes]:
    """Yield the columns in an item, which is `level` levels below the document."""
    if isinstance(value, bytes):
        yield value
    elif _may_hold_columns(value, level):
        for item in value.values() if isinstance(value, dict) else value:  # type: ignore[attr-defined]
            yield from _columns(item, level + 1)
