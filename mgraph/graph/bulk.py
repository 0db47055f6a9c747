"""The passes over whole columns, over NumPy; imported for large graphs only, if it is there."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import nan
from typing import TYPE_CHECKING, Any, Final, overload

import numpy as np

from mgraph.codec.binary import Texts
from mgraph.graph.passes import ARITY, FOLDS, LEAF_OPCODES, UNSTATED, Passes
from mgraph.ops import INPUT, OPCODES
from mgraph.schema.fields import ID_BYTES, are_ids

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float64]
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


def _marks(codes: Iterable[int]) -> NDArray[np.bool_]:
    """Return bool[256], true for some bytes."""
    marks = np.zeros(256, np.bool_)
    marks[[*codes]] = True
    return marks


_LEAF: Final = _marks(LEAF_OPCODES)
_FOLD: Final = _marks(FOLDS)
_START: Final = _marks(code for code in range(128) if are_ids([chr(code)]))
_LATER: Final = bytes(code for code in range(128) if are_ids(["_" + chr(code)]))
_DIGIT: Final = _marks(b"0123456789")


class Bulk(Passes):
    """What `Passes` does, in few steps over all elements at a time."""

    def ascends(self, at: array[int], count: int) -> bool:
        """Whether indices ascend strictly and stay below `count`."""
        nodes = _nodes(at)
        return bool((nodes[1:] > nodes[:-1]).all()) and (not at or at[-1] < count)

    def canonical(self, values: array[float]) -> array[float]:
        """Return the values with every NaN replaced by the one NaN, 7ff8000000000000."""
        strange = np.isnan(_floats(values))
        if not strange.any():
            return values
        copy = values[:]
        _floats(copy)[strange] = nan
        return copy

    def first_not_finite(self, values: array[float]) -> int | None:
        """Return the place of the first value that is infinite or NaN."""
        strange = ~np.isfinite(_floats(values))
        return int(strange.argmax()) if strange.any() else None

    def largest(self, values: array[float], most: int) -> list[int]:
        """Return the places of the largest magnitudes, in their order; NaN and ties by place."""
        ranks = -np.abs(_floats(values))
        ranks[np.isnan(ranks)] = -np.inf
        places = np.arange(ranks.size)
        if most < ranks.size:
            places = np.flatnonzero(ranks <= np.partition(ranks, most)[most])
        order = np.argsort(ranks[places], kind="stable")
        return [int(i) for i in places[order][:most]]

    def among(
        self, nodes: array[int], at: array[int], values: array[float]
    ) -> tuple[array[int], array[float]]:
        """Return those nodes that are among `at`, all ascending, and their values."""
        if not at:
            return array("I"), array("d")
        asked, known = _nodes(nodes), _nodes(at)
        places = np.minimum(np.searchsorted(known, asked), known.size - 1)
        there = known[places] == asked
        return _array("I", asked[there]), _array("d", _floats(values)[places[there]])

    def leaves(self, opcode: bytes) -> array[int]:
        """Return the leaves among the nodes."""
        return _array("I", np.flatnonzero(_LEAF[_bytes(opcode)]).astype(np.uint32))

    def starts(self, opcode: bytes, stated: array[int]) -> array[int]:
        """Return where each node's arguments begin, and the last ones end."""
        codes = _bytes(opcode)
        counts = _nodes(ARITY).astype(np.int64)[codes]
        folds = np.flatnonzero(_FOLD[codes])
        if folds.size != len(stated):
            raise ValueError(UNSTATED)
        counts[folds] = _nodes(stated)
        ends = np.cumsum(counts)
        if ends[-1] >= 2**32:
            raise OverflowError
        first = array("I", [0])
        first.frombytes(ends.astype(np.uint32).tobytes())
        return first

    def stated_arity(self, opcode: bytes, first: array[int]) -> array[int]:
        """Return how many arguments each node of `FOLDS` has."""
        folds = np.flatnonzero(_FOLD[_bytes(opcode)])
        starts = _nodes(first)
        return _array("I", starts[folds + 1] - starts[folds])

    def precede(self, args: array[int], first: array[int]) -> bool:
        """Whether every argument stands before its user."""
        users = np.repeat(np.arange(len(first) - 1, dtype=np.uint32), np.diff(_nodes(first)))
        return bool((_nodes(args) < users).all())

    def unused(self, args: array[int], count: int) -> Sequence[int]:
        """Return the nodes that are no argument."""
        used = np.zeros(count, np.bool_)
        used[_nodes(args)] = True
        return [int(i) for i in np.flatnonzero(~used)]

    def uses(self, args: array[int], count: int) -> list[int]:
        """Return how often each node is an argument."""
        times: list[int] = np.bincount(_nodes(args), minlength=count).tolist()
        return times

    def blanks_are_clean(
        self, opcode: bytes, leaves: array[int], data: array[float], has: bytes
    ) -> bool:
        """Whether only inputs have no data, and all that is in its place is +0.0."""
        blank = _bytes(has) == 0
        codes = _bytes(opcode)[_nodes(leaves)[blank]]
        raw = np.frombuffer(data, np.uint64)
        return bool((codes == OPCODES[INPUT]).all()) and not raw[blank].any()

    def names(self, values: object) -> Sequence[str]:
        """Return texts of a file that are ids, each another one."""
        found = _names_in(values) if isinstance(values, Texts) else None
        return super().names(values) if found is None else found

    def numbered(self, names: Sequence[str]) -> Iterable[int]:
        """Return the places of the ids that may look like default ones: n and a digit."""
        if not isinstance(names, Names):
            return super().numbered(names)
        raw = _bytes(names.data)
        starts = names.starts[raw[names.starts] == ord("n")]
        second = np.minimum(starts + 1, raw.size - 1)  # after a name that is only n: a header
        places = np.searchsorted(names.starts, starts[_DIGIT[raw[second]]])
        return [int(k) for k in places]


BULK: Final = Bulk()


@dataclass(frozen=True, eq=False)
class Names(Texts, Sequence[str]):
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


def _names_in(texts: Texts) -> Names | None:
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
    return Names(texts.data, texts.start, texts.body, texts.end, texts.count, starts, sizes)


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


# --- arrays, and the same memory as NumPy's ----------------------------------------------------


def _nodes(column: array[int]) -> Nodes:
    return np.frombuffer(column, np.uint32) if column else np.zeros(0, np.uint32)


def _floats(column: array[float]) -> Floats:
    return np.frombuffer(column, np.float64) if column else np.zeros(0)


def _bytes(column: bytes) -> Bytes:
    return np.frombuffer(column, np.uint8)


def _array(typecode: str, values: NDArray[Any]) -> array[Any]:
    column = array(typecode)
    column.frombytes(values.tobytes())
    return column
