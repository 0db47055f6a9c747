"""The messages of an Arrow stream: each is received as a whole, and its size is checked first."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mgraph.service.problems import Problem

if TYPE_CHECKING:
    from mgraph.service.exchange import HttpRequest

SCHEMA: Final = 1
DICTIONARY: Final = 2
BATCH: Final = 3
"""The kinds of messages that streams have."""

_CONTINUED: Final = 0xFFFFFFFF
_LITTLE: Final = 0
_LARGEST_METADATA: Final = 2**23
"""Bytes of what describes a message: enough for a hundred thousand columns."""

_KIND: Final = 1
_HEADER: Final = 2
_BODY: Final = 3
"""Fields of the table Message."""

_ENDIANNESS: Final = 0
"""A field of the table Schema."""

_DATA: Final = 1
"""A field of the table DictionaryBatch."""

_ROWS: Final = 0
_COMPRESSION: Final = 3
"""Fields of the table RecordBatch."""


class ArrowMessage(NamedTuple):
    """A message of a stream.

    Attributes:
        kind: `SCHEMA`, `DICTIONARY` or `BATCH`.
        rows: The number of rows of a batch, else 0.
        data: All bytes of it.
    """

    kind: int
    rows: int
    data: bytearray


class _Described(NamedTuple):
    """What the metadata of a message says.

    Attributes:
        kind: The kind of message.
        rows: The number of rows of a batch.
        size: How many bytes follow the metadata.
    """

    kind: int
    rows: int
    size: int


class MessageReader:
    """Reads messages from the body of a request, one after the other."""

    def __init__(self, request: HttpRequest, most: int) -> None:
        """Take the request, and the most bytes of one message."""
        self._request = request
        self._most = most
        self._left = b""

    async def next(self) -> ArrowMessage | None:
        """Return the next message; None at the mark of the end.

        Raises:
            Problem: 400 if the bytes are no Arrow stream, or end before its end; 413 if a message
                is too large; 408 if it does not arrive in time.
        """
        data = await self._read(8)
        size = _metadata_size(data)
        if not size:
            await self._check_end()
            return None
        await self._read(size, data)
        described = _described(memoryview(data)[8:])
        if described.size > self._most:
            detail = f"a record batch has {described.size:,} bytes, more than {self._most:,}"
            raise Problem(413, f"{detail}: send smaller batches")
        with self._request.receiving(described.size):
            await self._read(described.size, data)
        return ArrowMessage(described.kind, described.rows, data)

    async def _read(self, size: int, data: bytearray | None = None) -> bytearray:
        """Return the next bytes, after those in `data`."""
        data = bytearray() if data is None else data
        end = len(data) + size
        while len(data) < end:
            if not self._left:
                self._left = await self._request.next_part()
                if not self._left:
                    raise Problem(400, "the Arrow stream ends too early: its end is not marked")
            count = end - len(data)
            data += self._left[:count]
            self._left = self._left[count:]
        return data

    async def _check_end(self) -> None:
        """Refuse what follows the end.

        Raises:
            Problem: 400.
        """
        if self._left or await self._request.next_part():
            raise Problem(400, "there are bytes after the end of the Arrow stream")


def _metadata_size(data: bytes | bytearray) -> int:
    """Return the size in the first eight bytes of a message; 0 marks the end of the stream."""
    marker, size = struct.unpack("<II", data)
    if marker != _CONTINUED or size % 8:
        what = "an Arrow file" if data[:6] == b"ARROW1" else "not an Arrow stream"
        raise Problem(400, f"the body is {what}: send the IPC streaming format, since Arrow 0.15")
    if size > _LARGEST_METADATA:
        raise Problem(413, f"what describes a record batch has {size:,} bytes: use fewer columns")
    return int(size)


def _described(metadata: memoryview) -> _Described:
    """Return what the metadata of a message says.

    Raises:
        Problem: 400 if it is none, or what it says is not supported.
    """
    try:
        message = _at(metadata, 0)
        kind = _number(metadata, message, _KIND, "<B")
        size = _number(metadata, message, _BODY, "<q")
        header = _table(metadata, message, _HEADER)
        if kind == SCHEMA and _number(metadata, header, _ENDIANNESS, "<h") != _LITTLE:
            raise Problem(400, "the Arrow stream has numbers with the most significant byte first")
        batch = _table(metadata, header, _DATA) if kind == DICTIONARY else header
        is_batch = kind in (DICTIONARY, BATCH)
        if is_batch and _field(metadata, batch, _COMPRESSION) is not None:
            raise Problem(400, "the record batches are compressed: send them without compression")
        rows = _number(metadata, batch, _ROWS, "<q") if kind == BATCH else 0
    except (struct.error, IndexError):
        raise Problem(400, "the body is not an Arrow stream: a message is damaged") from None
    if kind not in (SCHEMA, DICTIONARY, BATCH) or size < 0 or size % 8 or rows < 0:
        raise Problem(400, "the Arrow stream has something else than record batches")
    return _Described(kind, rows, size)


# --- FlatBuffers: tables, whose fields are found by a list of offsets before them ---


def _at(data: memoryview, position: int) -> int:
    """Return the position to which the offset at a position leads."""
    if position < 0:
        raise IndexError
    return position + int(struct.unpack_from("<I", data, position)[0])


def _field(data: memoryview, table: int, number: int) -> int | None:
    """Return the position of a field of a table; None if it is not there."""
    offsets = table - int(struct.unpack_from("<i", data, table)[0])
    if offsets < 0:
        raise IndexError
    entry = 4 + 2 * number
    if entry >= struct.unpack_from("<H", data, offsets)[0]:
        return None
    offset = int(struct.unpack_from("<H", data, offsets + entry)[0])
    return table + offset if offset else None


def _number(data: memoryview, table: int, number: int, form: str) -> int:
    """Return the number in a field of a table; 0 if it is not there."""
    position = _field(data, table, number)
    return 0 if position is None else int(struct.unpack_from(form, data, position)[0])


def _table(data: memoryview, table: int, number: int) -> int:
    """Return the position of a table that is a field of a table."""
    position: Any = _field(data, table, number)
    if position is None:
        raise IndexError
    return _at(data, position)
