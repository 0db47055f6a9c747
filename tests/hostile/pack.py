"""msgpack written byte by byte, with marks where a diagnostic is due."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final


class Mark(Enum):
    """Stands between two pieces of bytes: the next byte is an expected place."""

    HERE = "here"


HERE: Final = Mark.HERE

Piece = bytes | Mark


@dataclass(frozen=True, slots=True, eq=False)
class At:
    """A value or key that a diagnostic points at.

    Compares by identity, so that one dict can hold the same key twice.
    """

    value: Any


@dataclass(frozen=True, slots=True)
class Wide:
    """A value whose every header takes the longest form there is."""

    value: Any


class Raw:
    """Bytes that stand in the file as they are."""

    def __init__(self, *pieces: Piece) -> None:
        """Keep the pieces and marks."""
        self.pieces = pieces


class Bin(Raw):
    """The payload of a bin: a packed column, usually."""


@dataclass(slots=True)
class Packer:
    """Bytes so far, and the offsets of marks and of headers."""

    data: bytearray = field(default_factory=bytearray)
    places: list[int] = field(default_factory=list)
    atoms: list[int] = field(default_factory=list)  # where each header starts
    wide: bool = False

    def put(self, value: Any) -> None:  # noqa: ANN401, C901, PLR0912 - msgpack has this many types
        """Append one value."""
        if not isinstance(value, At | Wide):
            self.atoms.append(len(self.data))
        match value:
            case At():
                self.places.append(len(self.data))
                self.put(value.value)
            case Wide():
                self.wide = True
                self.put(value.value)
            case Bin():
                size = sum(len(piece) for piece in value.pieces if isinstance(piece, bytes))
                self.data += self.header(size, (0xC4, 0xC5, 0xC6))
                self.pieces(value)
            case Raw():
                self.pieces(value)
            case None:
                self.data += b"\xc0"
            case bool():
                self.data += b"\xc3" if value else b"\xc2"
            case int():
                self.data += self.integer(value)
            case float():
                self.data += b"\xcb" + struct.pack(">d", value)
            case str():
                text = value.encode()
                self.data += self.header(len(text), (0xD9, 0xDA, 0xDB), (0xA0, 32)) + text
            case bytes():
                self.data += self.header(len(value), (0xC4, 0xC5, 0xC6)) + value
            case Mapping():
                self.data += self.header(len(value), (None, 0xDE, 0xDF), (0x80, 16))
                for key, member in value.items():
                    self.put(key)
                    self.put(member)
            case Sequence():
                self.data += self.header(len(value), (None, 0xDC, 0xDD), (0x90, 16))
                for item in value:
                    self.put(item)
            case _:
                message = f"no msgpack for {value!r}"
                raise TypeError(message)

    def pieces(self, raw: Raw) -> None:
        """Append bytes as they are, and note the marks between them."""
        for piece in raw.pieces:
            if isinstance(piece, Mark):
                self.places.append(len(self.data))
            else:
                self.data += piece

    def header(
        self, size: int, codes: tuple[int | None, int, int], fix: tuple[int, int] = (0, 0)
    ) -> bytes:
        """Return the header of `size` things: in the first byte, then in 1, 2 or 4 bytes."""
        if self.wide:
            return struct.pack(">BI", codes[2], size)
        base, below = fix
        if size < below:
            return bytes([base | size])
        for code, form in zip(codes, (">BB", ">BH", ">BI"), strict=True):
            if code is not None and size < 1 << 8 * (struct.calcsize(form) - 1):
                return struct.pack(form, code, size)
        message = f"{size} is too long for msgpack"
        raise ValueError(message)

    def integer(self, value: int) -> bytes:
        """Return the shortest form of an integer, or the longest."""
        if self.wide:
            return struct.pack(">Bq", 0xD3, value)
        if -(1 << 5) <= value < 0:
            return struct.pack(">b", value)
        if 0 <= value < 1 << 7:
            return bytes([value])
        if value < 0:
            forms = ((0xD0, ">Bb", 7), (0xD1, ">Bh", 15), (0xD2, ">Bi", 31), (0xD3, ">Bq", 63))
            code, form, _ = next(row for row in forms if value >= -(1 << row[2]))
        else:
            forms = ((0xCC, ">BB", 8), (0xCD, ">BH", 16), (0xCE, ">BI", 32), (0xCF, ">BQ", 64))
            code, form, _ = next(row for row in forms if value < 1 << row[2])
        return struct.pack(form, code, value)


def pack(value: object) -> Packer:
    """Return the value as msgpack, with its marks."""
    packer = Packer()
    packer.put(value)
    return packer


def u32(*values: int) -> bytes:
    """Return a u32 column."""
    return struct.pack(f"<{len(values)}I", *values)


def f64(*values: float) -> bytes:
    """Return an f64 column."""
    return struct.pack(f"<{len(values)}d", *values)
