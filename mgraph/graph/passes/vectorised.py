"""Passes over whole columns in NumPy; imported for large graphs only."""

from __future__ import annotations

from array import array
from math import nan
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mgraph.graph.passes.plain import ARITY, FOLDS, LEAF_OPCODES, UNSTATED, Passes
from mgraph.ops import INPUT, OPCODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Floats = NDArray[np.float64]
    Nodes = NDArray[np.uint32]
    Indices = NDArray[np.intp]


def _marks(codes: Iterable[int]) -> NDArray[np.bool_]:
    """Return bool[256], true for some bytes."""
    marks = np.zeros(256, np.bool_)
    marks[[*codes]] = True
    return marks


_LEAF: Final = _marks(LEAF_OPCODES)
_FOLD: Final = _marks(FOLDS)


class Vectorised(Passes):
    """The passes of `Passes`, over all elements at a time."""

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
        """Return the index of the first value that is infinite or NaN."""
        strange = ~np.isfinite(_floats(values))
        return int(strange.argmax()) if strange.any() else None

    def largest(self, values: array[float], most: int) -> list[int]:
        """Return the indices of the largest magnitudes; NaN counts as infinite, ties keep order."""
        ranks = -np.abs(_floats(values))
        ranks[np.isnan(ranks)] = -np.inf
        indices = np.arange(ranks.size)
        if most < ranks.size:
            indices = np.flatnonzero(ranks <= np.partition(ranks, most)[most])
        order = np.argsort(ranks[indices], kind="stable")
        return [int(i) for i in indices[order][:most]]

    def among(
        self, nodes: array[int], at: array[int], values: array[float]
    ) -> tuple[array[int], array[float]]:
        """Return those of the nodes that are in `at`, and their values; all nodes ascend."""
        if not at:
            return array("I"), array("d")
        wanted, known = _nodes(nodes), _nodes(at)
        indices = np.minimum(np.searchsorted(known, wanted), known.size - 1)
        is_known = known[indices] == wanted
        return _array("I", wanted[is_known]), _array("d", _floats(values)[indices[is_known]])

    def unlike(self, a: array[float], b: array[float]) -> array[int]:
        """Return the indices at which two columns differ; only the same bits or two NaNs don't."""
        x, y = _floats(a), _floats(b)
        differ = x.view(np.uint64) != y.view(np.uint64)
        return _array("I", np.flatnonzero(differ & ~(np.isnan(x) & np.isnan(y))).astype(np.uint32))

    def beyond(self, got: array[float], want: array[float], rel: float, least: float) -> array[int]:
        """Return the indices at which columns differ by more than max(least, rel·|want|)."""
        unlike = _nodes(self.unlike(got, want))
        x, y = _floats(got)[unlike], _floats(want)[unlike]
        with np.errstate(all="ignore"):
            allowed = rel * np.abs(y)
            allowed = np.where(allowed > least, allowed, least)
            near = np.isfinite(x) & np.isfinite(y) & (np.abs(x - y) <= allowed)
        return _array("I", unlike[~near])

    def leaves(self, opcode: bytes) -> array[int]:
        """Return the leaves among the nodes."""
        return _array("I", np.flatnonzero(_LEAF[_bytes(opcode)]).astype(np.uint32))

    def starts(self, opcode: bytes, stated: array[int]) -> array[int]:
        """Return where each node's arguments begin in `args`, and where the last ones end."""
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
        """Whether every argument comes before its user."""
        users = np.repeat(np.arange(len(first) - 1, dtype=np.uint32), np.diff(_nodes(first)))
        return bool((_nodes(args) < users).all())

    def unused(self, args: array[int], count: int) -> Sequence[int]:
        """Return the nodes that are not an argument of any node."""
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
        """Whether only inputs lack data, with +0.0 in its place."""
        blank = _bytes(has) == 0
        codes = _bytes(opcode)[_nodes(leaves)[blank]]
        raw = np.frombuffer(data, np.uint64)
        return bool((codes == OPCODES[INPUT]).all()) and not raw[blank].any()


VECTORISED: Final = Vectorised()


# --- arrays as NumPy arrays of the same memory, and back ---------------------------------------


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
