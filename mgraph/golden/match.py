"""The nodes of two graphs matched by id, and which of the pairs may differ."""

from __future__ import annotations

from array import array
from itertools import compress, islice
from operator import ne
from typing import TYPE_CHECKING, Final, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mgraph.graph.columns import Columns

ABSENT: Final = 2**32 - 1


class Match(NamedTuple):
    """The nodes of two graphs, matched by id.

    Attributes:
        a: The first graph, of N nodes.
        b: The second graph, of M nodes.
        in_b: u32[N], for each node of `a` the node of `b` with the same id; `ABSENT` if none has.
        only_b: The nodes of `b` whose id no node of `a` has, ascending.
        is_identity: Whether the ids of both graphs are the same, in the same order.
    """

    a: Columns
    b: Columns
    in_b: array[int]
    only_b: Sequence[int]
    is_identity: bool

    @classmethod
    def of(cls, a: Columns, b: Columns) -> Self:
        """Match the nodes of two graphs."""
        common = min(len(a), len(b))
        in_b = array("I", range(common)) + array("I", [ABSENT]) * (len(a) - common)
        moved = [*compress(range(common), map(ne, a.ids, b.ids)), *range(common, len(a))]
        free = [*moved[: len(moved) - len(a) + common], *range(common, len(b))]
        index = {b.ids[node]: node for node in free}  # ids are unique, so the others are taken
        for node in moved:
            in_b[node] = index.pop(a.ids[node], ABSENT)
        return cls(a, b, in_b, [*index.values()], is_identity=not moved and not free)

    def first_out_of_order(self) -> tuple[int, int] | None:
        """Return the first common nodes, one of each graph, at which their order differs."""
        common = array("I", [node for node in self.in_b if node != ABSENT])
        if self.is_identity or self.b.passes.ascends(common, len(self.b)):
            return None
        pairs = zip(common, sorted(common), strict=True)
        node, other = next((node, other) for node, other in pairs if node != other)
        return self.in_b.index(node), other

    def suspects(self) -> Iterator[int]:
        """Yield the nodes of `a`, ascending, that may differ in `b` or are absent; others don't."""
        marks = bytearray(len(self.a))
        if not (self.is_identity and _ops_are_equal(self.a, self.b)):
            self._mark_ops(marks)
        if not (self.is_identity and _leaves_are_equal(self.a, self.b)):
            self._mark_leaves(marks)
        self._mark_texts(marks)
        return compress(range(len(marks)), marks)

    def _mark_ops(self, marks: bytearray) -> None:
        """Mark nodes that are absent, or have another op or other arguments."""
        a, b = self.a, self.b
        args = array("I", map(self.in_b.__getitem__, a.args))
        rows = zip(self.in_b, a.opcode, a.first, islice(a.first, 1, None), strict=False)
        for node, (other, code, start, end) in enumerate(rows):
            marks[node] = (
                other == ABSENT
                or b.opcode[other] != code
                or b.args[b.first[other] : b.first[other + 1]] != args[start:end]
            )

    def _mark_leaves(self, marks: bytearray) -> None:
        """Mark leaves whose declared primal has other bits, or is declared in one graph only."""
        declared = dict(_declared(self.b))
        for node, value in _declared(self.a):
            if declared.get(self.in_b[node]) != value:
                marks[node] = 1

    def _mark_texts(self, marks: bytearray) -> None:
        """Mark nodes with another label or doc, and all that have meta, where 1 equals true."""
        a, b = self.a, self.b
        others = [*self._other_texts(a.labels, b.labels), *self._other_texts(a.docs, b.docs)]
        others += (*map(self.in_b.__getitem__, a.metas), *b.metas)
        in_a = dict(zip(self.in_b, range(len(a)), strict=True)) if others else {}
        for other in others:
            if other in in_a:
                marks[in_a[other]] = 1

    def _other_texts(self, a: Mapping[int, str], b: Mapping[int, str]) -> list[int]:
        """Return the nodes of `b` whose text is another one in `a`."""
        ours = {self.in_b[node]: text for node, text in a.items()}
        return [other for other in {**ours, **b} if ours.get(other) != b.get(other)]


def _ops_are_equal(a: Columns, b: Columns) -> bool:
    return (a.opcode, a.first, a.args) == (b.opcode, b.first, b.args)


def _leaves_are_equal(a: Columns, b: Columns) -> bool:
    """Whether the leaves are the same and declare the same primals, bit for bit."""
    return (a.leaves, a.has_data) == (b.leaves, b.has_data) and a.data.tobytes() == b.data.tobytes()


def _declared(graph: Columns) -> Iterator[tuple[int, int]]:
    """Yield each leaf that declares a primal, and the bits of that."""
    bits = memoryview(graph.data).cast("B").cast("Q")
    pairs = zip(graph.leaves, bits, strict=True)
    return pairs if graph.has_data is None else compress(pairs, graph.has_data)
