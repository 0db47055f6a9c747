"""The ids of large packed files, checked by NumPy where they stand; imported for these only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, overload

import numpy as np

from mgraph.codec.binary import Texts
from mgraph.format.ids import ID_BYTES, are_ids

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Nodes = NDArray[np.uint32]
    Places = NDArray[np.intp]

_FIXSTR: Final = 0xA0  # the header of a text of less than 32 bytes, to which its length is added

_STR8: Final = 0xD9  # the header of a longer one; its length follows

_SHORTEST: Final = 32  # of the longer ones

_ODD: Final = np.uint64(0x9E3779B97F4A7C15)

_BITS: Final = 21  # of the places for hashes

_ABOVE: Final = 0x80

_BYTES: Final = 2**18  # at a time, and

_BLOCK: Final = 2**15  # names: what is made for so many stays in a core's own cache

_START: Final = np.array([are_ids([chr(code)]) for code in range(256)])

_LATER: Final = bytes(code for code in range(128) if are_ids(["_" + chr(code)]))

_DIGIT: Final = np.array([chr(code) in "0123456789" for code in range(256)])


@dataclass(frozen=True, eq=False)
class PackedIds(Texts, Sequence[str]):
    """Ids, each another one, as they stand in a file; each is made when it is asked for.

    Attributes:
        starts: uint32[count], where in `data` the bytes of each begin.
        sizes: uint8[count], how many they are.
    """

    starts: Nodes
    sizes: Bytes

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        """Return one of them, or several."""
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(self.count))]
        start = int(self.starts[place])
        return self.data[start : start + int(self.sizes[place])].decode()

    def __iter__(self) -> Iterator[str]:
        """Iterate over all, made at once."""
        return iter(self.read())

    def index(self, name: str, *_: Any) -> int:  # noqa: ANN401 - all are searched
        """Return the place of one.

        Raises:
            ValueError: It isn't there.
        """
        if not are_ids([name]):
            raise ValueError
        text = name.encode()
        short = len(text) < _SHORTEST
        header = bytes([_FIXSTR + len(text)] if short else [_STR8, len(text)])
        at = self.data.index(header + text, self.body, self.end)  # no name holds a header
        return int(np.searchsorted(self.starts, at + len(header)))

    def numbered(self) -> list[int]:
        """Return the places of the ids that may look like default ones: n and a digit."""
        raw = _bytes(self.data)
        starts = self.starts[raw[self.starts] == ord("n")]
        second = np.minimum(starts + 1, raw.size - 1)  # after a name that is only n: a header
        places = np.searchsorted(self.starts, starts[_DIGIT[raw[second]]])
        return [int(k) for k in places]


def packed_ids(texts: Texts) -> PackedIds | None:
    """Find ids in the bytes of an array, each another one; None: look again."""
    raw, heads = _bytes(texts.data), _heads(texts)
    if heads.size != texts.count or heads[0] != texts.body:
        return None
    ends = np.append(heads[1:], np.uint32(texts.end))
    starts, sizes = np.empty_like(heads), np.empty(heads.size, np.uint8)
    hashes = np.empty(heads.size, np.uint64)
    apart = 0
    for at in range(0, heads.size, _BLOCK):
        here = slice(at, at + _BLOCK)
        found = _checked(raw, heads[here], ends[here])
        if found is None:
            return None
        starts[here], sizes[here], lengths = found
        hashes[here] = _hashes(texts.data, *found[:2])
        apart += len(lengths.tobytes().translate(None, _LATER))
    strange = sum(
        len(texts.data[at : min(at + _BYTES, texts.end)].translate(None, _LATER))
        for at in range(texts.body, texts.end, _BYTES)
    )
    if strange != heads.size + apart or not _differ(hashes):
        return None  # a byte that can't stand in an id and is no header, or no length
    return PackedIds(texts.data, texts.start, texts.body, texts.end, texts.count, starts, sizes)


def _heads(texts: Texts) -> Nodes:
    """Find the headers in an array of ids: bytes from 0x80, which an id has none of.

    What is found are the headers only if all lengths fit; there may be any number of them.
    """
    raw = _bytes(texts.data)
    if raw.size >= 2**32:
        return np.zeros(0, np.uint32)
    blocks = [raw[at : min(at + _BYTES, texts.end)] for at in range(texts.body, texts.end, _BYTES)]
    found = [
        (np.flatnonzero(block >= _ABOVE) + (texts.body + k * _BYTES)).astype(np.uint32)
        for k, block in enumerate(blocks)
    ]
    heads = np.concatenate(found)
    if heads.size > texts.count:  # the length of the longest, of 128 bytes, is above, too
        after = raw[heads - 1] == _STR8
        after[0] = False
        heads = heads[~after]
    return heads


def _checked(raw: Bytes, heads: Nodes, ends: Nodes) -> tuple[Nodes, Nodes, Bytes] | None:
    """Return where names start, their sizes, and the lengths stated behind headers.

    None: the bytes between a header and the next one are not what it says, with the shortest
    header that can say it; or no id has this size or first byte.
    """
    header = raw[heads]
    long = header == _STR8
    starts = heads + 1 + long
    sizes = ends - starts  # of what ends before it starts: too large
    behind = raw[np.minimum(heads + 1, raw.size - 1)]
    clean = (
        (sizes == np.where(long, behind, header - _FIXSTR)).all()
        and ((sizes >= _SHORTEST) == long).all()
        and sizes.min() > 0
        and sizes.max() <= ID_BYTES
        and _START[raw[starts]].all()
    )
    return (starts, sizes, behind[long]) if clean else None


def _hashes(data: bytes, starts: Nodes, sizes: Nodes) -> NDArray[np.uint64]:
    """Return 64 bits of each name, which follow from its bytes: eight at a time, then the last.

    No name ends among the first eight bytes of `data`.
    """
    words = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))  # the bytes from any place on
    hashes = sizes.astype(np.uint64)
    for at in range(0, int(sizes.max()) - 7, 8):
        longer = slice(None) if sizes.min() >= at + 8 else np.flatnonzero(sizes >= at + 8)
        hashes[longer] = _mixed(hashes[longer], words[starts[longer] + at])
    last = words[starts + sizes - 8]
    short = np.flatnonzero(sizes < 8)  # noqa: PLR2004
    last[short] >>= 64 - 8 * sizes[short].astype(np.uint64)  # without what stands before them
    return _mixed(hashes, last)


def _mixed(hashes: NDArray[np.uint64], words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Take eight more bytes into hashes."""
    mixed = (hashes ^ words) * _ODD
    return mixed ^ (mixed >> np.uint64(29))


def _differ(hashes: NDArray[np.uint64]) -> bool:
    """Whether no two are the same.

    They compete for the places of a table, and those that lose try again with other bits: the
    same ones always meet.
    """
    table = np.empty(1 << _BITS, np.uint32)
    while hashes.size:
        blocks = [(at, hashes[at : at + _BLOCK]) for at in range(0, hashes.size, _BLOCK)]
        for at, block in blocks:
            table[_places(block)] = np.arange(at, at + block.size, dtype=np.uint32)
        lost = []
        for at, block in blocks:
            winners = table[_places(block)]
            others = np.flatnonzero(winners != np.arange(at, at + block.size, dtype=np.uint32))
            if (block[others] == hashes[winners[others]]).any():
                return False
            lost.append(block[others])
        hashes = np.concatenate(lost) * _ODD
    return True


def _places(hashes: NDArray[np.uint64]) -> Places:
    return (hashes >> np.uint64(64 - _BITS)).view(np.intp)


def _bytes(column: bytes) -> Bytes:
    return np.frombuffer(column, np.uint8)
