"""Columns: a checked graph, as a few flat arrays."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any, Self

from mgraph.ops import NAMES, is_leaf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

LEAF_OPCODES = bytes(code for code in range(len(NAMES)) if is_leaf(code))


@dataclass(frozen=True, eq=False)
class Columns:
    """A checked graph of N nodes with M leaves, in evaluation order.

    Attributes:
        opcode: u8[N], index into `ops.NAMES`.
        first: u32[N + 1]; the arguments of node i are `args[first[i]:first[i + 1]]`.
        args: u32[sum of all arguments], nodes, each before its user.
        leaves: u32[M], nodes.
        data: f64[M], the declared primals of the leaves; 0 where there is none.
        has_data: u8[M], 0 where an input has no declared primal; None if all have one.
        ids: N strings.
        outputs: Nodes, in the file's order, each once.
        order: u32[N], the nodes in the order in which a file of rows lists them; None if that
            is evaluation order.
        labels: Node to its label, for the nodes that have one; `docs` and `metas` likewise.
        known_hash: The canonical hash, once it has been worked out.
    """

    opcode: bytes
    first: array[int]
    args: array[int]
    leaves: array[int]
    data: array[float]
    has_data: bytes | None
    ids: Sequence[str]
    outputs: tuple[int, ...]
    order: array[int] | None = None
    labels: Mapping[int, str] = field(default_factory=dict)
    docs: Mapping[int, str] = field(default_factory=dict)
    metas: Mapping[int, Any] = field(default_factory=dict)
    known_hash: list[str] = field(default_factory=list, init=False)

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.opcode)

    @cached_property
    def index(self) -> dict[str, int]:
        """The node of each id."""
        return {name: i for i, name in enumerate(self.ids)}

    @cached_property
    def leaf_place(self) -> dict[int, int]:
        """Node to its place among the leaves."""
        return {node: place for place, node in enumerate(self.leaves)}

    def arguments(self, node: int) -> Sequence[int]:
        """Return the arguments of a node, order and repeats kept."""
        return self.args[self.first[node] : self.first[node + 1]]

    def op(self, node: int) -> str:
        """Return the op of a node, as files spell it."""
        return NAMES[self.opcode[node]]

    def unbound(self) -> tuple[int, ...]:
        """Return the inputs that have no declared primal."""
        if self.has_data is None:
            return ()
        return tuple(i for i, has in zip(self.leaves, self.has_data, strict=True) if not has)

    def with_data(self, values: Mapping[int, float]) -> Self:
        """Return the graph with other primals on some leaves, given by node."""
        data, has = self.data[:], bytearray(self.has_data or b"\x01" * len(self.data))
        for node, value in values.items():
            place = self.leaf_place[node]
            data[place], has[place] = value, 1
        return replace(self, data=data, has_data=None if all(has) else bytes(has))

    def unreached(self) -> tuple[int, ...]:
        """Return the nodes that have no path to an output, in order."""
        used = bytearray(len(self))
        for arg in self.args:
            used[arg] = 1
        if used.count(0) == sum(not used[i] for i in self.outputs):
            return ()  # every node is an output, or has a user that leads on to one
        return tuple(i for i, has in enumerate(self.reached(self.outputs)) if not has)

    def reached(self, starts: Iterable[int]) -> bytearray:
        """Mark with 1 all nodes that some nodes depend on, and these."""
        marks = bytearray(len(self))
        for node in starts:
            marks[node] = 1
        args, first = self.args, self.first
        for node in range(len(self) - 1, -1, -1):
            if marks[node]:
                for arg in args[first[node] : first[node + 1]]:
                    marks[arg] = 1
        return marks

    def users(self) -> Iterator[int]:
        """Yield the node that each entry of `args` is an argument of."""
        first = self.first
        for node in range(len(self)):
            for _ in range(first[node], first[node + 1]):
                yield node


def starts(counts: Iterable[int]) -> array[int]:
    """Return where each node's arguments begin, from how many each has."""
    return array("I", accumulate(counts, initial=0))


def leaves_of(opcode: bytes) -> array[int]:
    """Return the leaves among the nodes."""
    return array("I", (i for i, code in enumerate(opcode) if code in LEAF_OPCODES))


def default_id(node: int) -> str:
    """Return the id of a node that got none: n0, n1 and so on."""
    return f"n{node}"


def named(own: Mapping[int, str], count: int) -> list[str]:
    """Return all ids from those that are not the default."""
    names = [f"n{i}" for i in range(count)]
    for node, name in own.items():
        names[node] = name
    return names


def own_ids(ids: Sequence[str]) -> dict[int, str]:
    """Return the ids that are not the default, by node."""
    return {i: name for i, name in enumerate(ids) if name != f"n{i}"}


def some(names: Iterable[str], most: int = 5) -> str:
    """List a few names for a message."""
    shown = list(islice(names, most + 1))
    return ", ".join(shown[:most]) + (", …" if len(shown) > most else "")
