"""The ids of large packed files, checked by NumPy in the bytes of the file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, overload

import msgpack
import numpy as np

from mgraph.codec.binary import Texts
from mgraph.format.ids import ID_BYTES, are_ids
from mgraph.graph.ids import StoredIds

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Nodes = NDArray[np.uint32]
    Indices = NDArray[np.intp]

_FIXSTR: Final = 0xA0  # header of a text shorter than `_LONG`; the length is added to it
_STR8: Final = 0xD9  # header of a longer text; the length follows in a byte
_LONG: Final = 32
_ABOVE: Final = 0x80  # all headers are at least this, all bytes of ids are less

_ODD: Final = np.uint64(0x9E3779B97F4A7C15)
_BITS: Final = 21  # of an index into the table of `_differ`

# Bytes, and ids, that are handled at a time: their arrays fit into a core's own cache.
_BYTES: Final = 2**18
_BLOCK: Final = 2**15

# The bytes that an id may start with, and those that may follow.
_START: Final = np.array([are_ids([chr(code)]) for code in range(256)])
_LATER: Final = bytes(code for code in range(128) if are_ids(["_" + chr(code)]))
_DIGIT: Final = np.array([chr(code) in "0123456789" for code in range(256)])


@dataclass(frozen=True, eq=False)
class PackedIds(Texts, StoredIds):
    """Unique ids in the bytes of a file; each is decoded when it is used.

    Attributes:
        starts: uint32[count], offset of each id in `data`.
        sizes: uint8[count], length of each id in bytes.
    """

    starts: Nodes
    sizes: Bytes

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        """Return one id, or several."""
        if isinstance(index, slice):
            return self.several(range(*index.indices(self.count)))
        start = int(self.starts[index])
        return self.data[start : start + int(self.sizes[index])].decode()

    def __iter__(self) -> Iterator[str]:
        """Iterate over all ids, which are decoded at once."""
        return iter(self.read())

    def index(self, name: str, *_: Any) -> int:  # noqa: ANN401 - always searches all ids
        """Return the index of an id.

        Raises:
            ValueError: It isn't there.
        """
        if not are_ids([name]):
            raise ValueError
        text = name.encode()
        header = bytes([_FIXSTR + len(text)] if len(text) < _LONG else [_STR8, len(text)])
        at = self.data.index(header + text, self.body, self.end)  # no id contains a header
        return int(np.searchsorted(self.starts, at + len(header)))

    def several(self, indices: Sequence[int]) -> list[str]:
        """Return some of the ids."""
        some = np.array(indices, np.intp)
        starts = self.starts[some].astype(np.intp)
        ends = starts + self.sizes[some]
        pairs = zip(starts.tolist(), ends.tolist(), strict=True)
        return [self.data[start:end].decode() for start, end in pairs]

    def beginning_with(self, start: str) -> list[str]:
        """Return the ids that begin in a certain way."""
        raw, wanted = _bytes(self.data), start.encode()
        some = np.flatnonzero(self.sizes >= len(wanted))
        for i, code in enumerate(wanted):
            some = some[raw[self.starts[some] + i] == code]
        return self.several(some.tolist())

    def followed_by(self, names: Sequence[str]) -> Sequence[str]:
        """Return these ids and more of them, which differ from these."""
        count, packer = self.count + len(names), msgpack.Packer()
        head = packer.pack_array_header(count)
        more = packer.pack(names)[len(packer.pack_array_header(len(names))) :]
        body = memoryview(self.data)[self.body : self.end]
        data = b"".join((head, body, more))
        if len(data) >= 2**32:
            return [*self, *names]
        sizes = np.array([*map(len, names)], np.uint8)
        ends = np.cumsum(sizes + np.where(sizes < _LONG, 1, 2)) + (len(data) - len(more))
        moved = self.starts.astype(np.intp) + (len(head) - self.body)
        starts = np.concatenate((moved, ends - sizes)).astype(np.uint32)
        all_sizes = np.concatenate((self.sizes, sizes))
        return PackedIds(data, 0, len(head), len(data), count, starts, all_sizes)

    def numbered(self) -> list[int]:
        """Return the indices of the ids that may be default ones: they start with n and a digit."""
        raw = _bytes(self.data)
        starts = self.starts[raw[self.starts] == ord("n")]
        second = np.minimum(starts + 1, raw.size - 1)  # a header, if the id is only n
        indices = np.searchsorted(self.starts, starts[_DIGIT[raw[second]]])
        return [int(k) for k in indices]


def packed_ids(texts: Texts) -> PackedIds | None:
    """Find unique ids in the bytes of an array; None if they may not be unique ids."""
    raw, heads = _bytes(texts.data), _heads(texts)
    if heads.size != texts.count or heads[0] != texts.body:
        return None
    ends = np.append(heads[1:], np.uint32(texts.end))
    starts, sizes = np.empty_like(heads), np.empty(heads.size, np.uint8)
    hashes = np.empty(heads.size, np.uint64)
    odd_lengths = 0
    for at in range(0, heads.size, _BLOCK):
        block = slice(at, at + _BLOCK)
        checked = _checked(raw, heads[block], ends[block])
        if checked is None:
            return None
        starts[block], sizes[block], lengths = checked
        hashes[block] = _hashes(texts.data, *checked[:2])
        odd_lengths += len(lengths.tobytes().translate(None, _LATER))
    odd = sum(  # bytes that can't be part of an id
        len(texts.data[at : min(at + _BYTES, texts.end)].translate(None, _LATER))
        for at in range(texts.body, texts.end, _BYTES)
    )
    if odd != heads.size + odd_lengths or not _differ(hashes):
        return None  # some of these bytes are neither headers nor lengths, or ids repeat
    return PackedIds(texts.data, texts.start, texts.body, texts.end, texts.count, starts, sizes)


def _heads(texts: Texts) -> Nodes:
    """Find the offsets of the headers in an array of ids: bytes from 0x80 on, not used in ids.

    They are those of headers only if all lengths fit, and may be more or fewer than the ids.
    """
    raw = _bytes(texts.data)
    if raw.size >= 2**32:
        return np.zeros(0, np.uint32)
    blocks = [raw[at : min(at + _BYTES, texts.end)] for at in range(texts.body, texts.end, _BYTES)]
    offsets = [
        (np.flatnonzero(block >= _ABOVE) + (texts.body + k * _BYTES)).astype(np.uint32)
        for k, block in enumerate(blocks)
    ]
    heads = np.concatenate(offsets)
    if heads.size > texts.count:  # the length of the longest ids, 128, is such a byte, too
        after = raw[heads - 1] == _STR8
        after[0] = False
        heads = heads[~after]
    return heads


def _checked(raw: Bytes, heads: Nodes, ends: Nodes) -> tuple[Nodes, Nodes, Bytes] | None:
    """Return the offsets of ids, their sizes, and the lengths that follow long headers.

    Returns None if a header is not the shortest one for the bytes up to the next header, or if no
    id has this size or first byte.
    """
    header = raw[heads]
    long = header == _STR8
    starts = heads + 1 + long
    sizes = ends - starts  # wraps to a huge size if the end comes before the start
    lengths = raw[np.minimum(heads + 1, raw.size - 1)]
    clean = (
        (sizes == np.where(long, lengths, header - _FIXSTR)).all()
        and ((sizes >= _LONG) == long).all()
        and sizes.min() > 0
        and sizes.max() <= ID_BYTES
        and _START[raw[starts]].all()
    )
    return (starts, sizes, lengths[long]) if clean else None


def _hashes(data: bytes, starts: Nodes, sizes: Nodes) -> NDArray[np.uint64]:
    """Hash the bytes of each id to 64 bits: eight bytes at a time, then the last eight.

    No id ends within the first eight bytes of `data`.
    """
    words = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))  # eight bytes at any offset
    hashes = sizes.astype(np.uint64)
    for at in range(0, int(sizes.max()) - 7, 8):
        longer = slice(None) if sizes.min() >= at + 8 else np.flatnonzero(sizes >= at + 8)
        hashes[longer] = _mixed(hashes[longer], words[starts[longer] + at])
    last = words[starts + sizes - 8]
    short = np.flatnonzero(sizes < 8)  # noqa: PLR2004
    last[short] >>= 64 - 8 * sizes[short].astype(np.uint64)  # without the bytes before the id
    return _mixed(hashes, last)


def _mixed(hashes: NDArray[np.uint64], words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix eight more bytes into hashes."""
    mixed = (hashes ^ words) * _ODD
    return mixed ^ (mixed >> np.uint64(29))


def _differ(hashes: NDArray[np.uint64]) -> bool:
    """Whether no two hashes are equal.

    They compete for the entries of a table, and the losers try again with other bits; equal ones
    always compete for the same entry.
    """
    table = np.empty(1 << _BITS, np.uint32)
    while hashes.size:
        blocks = [(at, hashes[at : at + _BLOCK]) for at in range(0, hashes.size, _BLOCK)]
        for at, block in blocks:
            table[_table_indices(block)] = np.arange(at, at + block.size, dtype=np.uint32)
        lost = []
        for at, block in blocks:
            winners = table[_table_indices(block)]
            others = np.flatnonzero(winners != np.arange(at, at + block.size, dtype=np.uint32))
            if (block[others] == hashes[winners[others]]).any():
                return False
            lost.append(block[others])
        hashes = np.concatenate(lost) * _ODD
    return True


def _table_indices(hashes: NDArray[np.uint64]) -> Indices:
    return (hashes >> np.uint64(64 - _BITS)).view(np.intp)


def _bytes(column: bytes) -> Bytes:
    return np.frombuffer(column, np.uint8)
