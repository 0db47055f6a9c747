"""Passes over whole columns, in plain Python."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from heapq import nsmallest
from itertools import accumulate, chain, islice, repeat
from math import isfinite, nan
from operator import lt
from typing import TYPE_CHECKING, Final

from mgraph.ops import INPUT, NAMES, OPCODES, OPS, is_leaf

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


FOLDS: Final = bytes(
    code for code, name in enumerate(NAMES) if not is_leaf(code) and OPS[name].fold
)
"""Opcodes of folds; a file states how many arguments each of their nodes has."""

_FIXED: Final = bytes(code for code in range(len(NAMES)) if code not in FOLDS)

ARITY: Final = array("I", (0 if is_leaf(i) else OPS[name].inputs for i, name in enumerate(NAMES)))
"""How many arguments the nodes of other ops have, by opcode."""

LEAF_OPCODES: Final = bytes(code for code in range(len(NAMES)) if is_leaf(code))

UNSTATED: Final = "the stated numbers of arguments are more or fewer than the sums"


def index_in(at: Sequence[int], node: int) -> int | None:
    """Return the index of a node among ascending ones; None if it isn't there."""
    i = bisect_left(at, node)
    return i if i < len(at) and at[i] == node else None


def _patterns(column: array[float]) -> memoryview[int]:
    """Return the bits of doubles as integers."""
    return memoryview(column).cast("B").cast("Q")


class Passes:
    """Passes over whole columns; those of `Vectorised` give the same results, bit for bit."""

    def ascends(self, at: array[int], count: int) -> bool:
        """Whether indices ascend strictly and stay below `count`."""
        return all(map(lt, at, islice(at, 1, None))) and (not at or at[-1] < count)

    def canonical(self, values: array[float]) -> array[float]:
        """Return the values with every NaN replaced by the one NaN, 7ff8000000000000."""
        total = sum(values)
        if total == total or all(x == x for x in values):
            return values
        return array("d", (x if x == x else nan for x in values))

    def first_not_finite(self, values: array[float]) -> int | None:
        """Return the index of the first value that is infinite or NaN."""
        if isfinite(sum(values)):
            return None
        return next((i for i, x in enumerate(values) if not isfinite(x)), None)

    def largest(self, values: array[float], most: int) -> list[int]:
        """Return the indices of the largest magnitudes; NaN counts as infinite, ties keep order."""

        def rank(i: int) -> float:
            x = values[i]
            return -abs(x) if x == x else -float("inf")

        return nsmallest(most, range(len(values)), key=rank)

    def among(
        self, nodes: array[int], at: array[int], values: array[float]
    ) -> tuple[array[int], array[float]]:
        """Return those of the nodes that are in `at`, and their values; all nodes ascend."""
        pairs = [(node, index_in(at, node)) for node in nodes]
        kept = [(node, values[i]) for node, i in pairs if i is not None]
        return array("I", [node for node, _ in kept]), array("d", [x for _, x in kept])

    def unlike(self, a: array[float], b: array[float]) -> Sequence[int]:
        """Return the indices at which two columns differ; only the same bits or two NaNs don't."""
        pairs = enumerate(zip(_patterns(a), _patterns(b), strict=True))
        return [i for i, (x, y) in pairs if x != y and not (a[i] != a[i] and b[i] != b[i])]

    def beyond(
        self, got: array[float], want: array[float], rel: float, least: float
    ) -> Sequence[int]:
        """Return the indices at which columns differ by more than max(least, rel·|want|).

        Where the numbers are not both finite, any difference is too much.
        """

        def is_near(x: float, y: float) -> bool:
            return isfinite(x) and isfinite(y) and abs(x - y) <= max(least, rel * abs(y))

        return [i for i in self.unlike(got, want) if not is_near(got[i], want[i])]

    # --- passes over graphs ------------------------------------------------------------------

    def leaves(self, opcode: bytes) -> array[int]:
        """Return the leaves among the nodes."""
        return array("I", (i for i, code in enumerate(opcode) if code in LEAF_OPCODES))

    def starts(self, opcode: bytes, stated: array[int]) -> array[int]:
        """Return where each node's arguments begin in `args`, and where the last ones end.

        Args:
            opcode: u8[N].
            stated: How many arguments each node of `FOLDS` has.

        Raises:
            ValueError: `stated` is too long or too short.
            OverflowError: There are too many arguments.
        """
        if len(opcode) - len(opcode.translate(None, FOLDS)) != len(stated):
            raise ValueError(UNSTATED)
        counts: Iterable[int] = map(ARITY.__getitem__, opcode)
        if stated:
            rest = iter(stated)
            counts = (next(rest) if code in FOLDS else ARITY[code] for code in opcode)
        return array("I", accumulate(counts, initial=0))

    def stated_arity(self, opcode: bytes, first: array[int]) -> array[int]:
        """Return how many arguments each node of `FOLDS` has."""
        if not opcode.translate(None, _FIXED):
            return array("I")
        ends = islice(first, 1, None)
        triples = zip(opcode, first, ends, strict=False)
        return array("I", (end - start for code, start, end in triples if code in FOLDS))

    def precede(self, args: array[int], first: array[int]) -> bool:
        """Whether every argument comes before its user."""
        counts = (b - a for a, b in zip(first, islice(first, 1, None), strict=False))
        return all(map(lt, args, chain.from_iterable(map(repeat, range(len(first)), counts))))

    def unused(self, args: array[int], count: int) -> Sequence[int]:
        """Return the nodes that are not an argument of any node."""
        used = bytearray(count)
        for arg in args:
            used[arg] = 1
        return [i for i, is_used in enumerate(used) if not is_used] if 0 in used else []

    def uses(self, args: array[int], count: int) -> list[int]:
        """Return how often each node is an argument."""
        times = [0] * count
        for arg in args:
            times[arg] += 1
        return times

    def blanks_are_clean(
        self, opcode: bytes, leaves: array[int], data: array[float], has: bytes
    ) -> bool:
        """Whether only inputs lack data, with +0.0 in its place."""
        raw, zero = memoryview(data).cast("B"), bytes(8)
        return all(
            has_data or (opcode[leaves[i]] == OPCODES[INPUT] and raw[8 * i : 8 * i + 8] == zero)
            for i, has_data in enumerate(has)
        )


PLAIN: Final = Passes()
