"""Columns: a checked graph, as a few flat arrays."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final, Self

from mgraph.codec import binary
from mgraph.graph.ids import ids_of, index_of, own_ids
from mgraph.graph.passes import passes_for
from mgraph.ops import INPUT, NAMES, OPCODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mgraph.graph.passes.plain import Passes


HASH_NAME: Final = "mgraph1-sha256:"
"""The prefix of every canonical hash."""


@dataclass(frozen=True, eq=False)
class Columns:
    """A checked graph of N nodes with M leaves, in evaluation order.

    Attributes:
        opcode: u8[N], index into `ops.NAMES`.
        first: u32[N + 1]; the arguments of node i are `args[first[i]:first[i + 1]]`.
        args: u32[sum of all arguments], nodes, each before its user.
        leaves: u32[M], the leaves among the nodes.
        data: f64[M], the declared primals of the leaves; 0 where there is none.
        has_data: u8[M], 0 where an input has no declared primal; None if all have one.
        ids: N strings, each created when it is used if they come from a packed file.
        outputs: Nodes, in the file's order, each once.
        order: u32[N], the nodes in the order of their file; None if that is evaluation order.
        labels: Node to its label, for the nodes that have one; `docs` and `metas` likewise.
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

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.opcode)

    @cached_property
    def index(self) -> Mapping[str, int]:
        """The node of each id."""
        return index_of(self.ids)

    @cached_property
    def own_ids(self) -> tuple[array[int], Sequence[str]]:
        """The nodes whose id is not the default, ascending, and these ids."""
        return own_ids(self.ids)

    @cached_property
    def output_ids(self) -> list[str]:
        """The ids of the outputs."""
        return ids_of(self.outputs, self.ids)

    @cached_property
    def hash(self) -> str:
        """The canonical hash of the declared graph.

        It covers ops, arguments, leaf data, ids, evaluation order and outputs, not texts or runs.
        """
        from hashlib import sha256  # noqa: PLC0415 - loads OpenSSL; few commands need a hash

        digest = sha256(usedforsecurity=False)
        for chunk in binary.encode({"nodes": self.declared(), "outputs": self.output_ids}):
            digest.update(chunk)
        return HASH_NAME + digest.hexdigest()

    def declared(self) -> dict[str, Any]:
        """Return the columns that the hash covers, as in a packed file, without empty ones."""
        used = sorted((name for code, name in enumerate(NAMES) if code in self.opcode))
        table = bytearray(256)
        for index, name in enumerate(used):
            table[OPCODES[name]] = index
        columns: dict[str, Any] = {
            "op": self.opcode.translate(bytes(table)),
            "arity": self.passes.stated_arity(self.opcode, self.first),
            "args": self.args,
            "data": self.passes.canonical(self.data),
            "has_data": self.has_data or b"",
            "id": sparse(*self.own_ids),
        }
        full = {name: column for name, column in columns.items() if column}
        return {"count": len(self), "ops": used, **full}

    @property
    def passes(self) -> Passes:
        """The passes for columns of this size."""
        return passes_for(len(self))

    @cached_property
    def leaf_index(self) -> dict[int, int]:
        """Node to its index among the leaves."""
        return {node: i for i, node in enumerate(self.leaves)}

    def arguments(self, node: int) -> Sequence[int]:
        """Return the arguments of a node, in order, with repeats."""
        return self.args[self.first[node] : self.first[node + 1]]

    def op(self, node: int) -> str:
        """Return the op of a node, as files spell it."""
        return NAMES[self.opcode[node]]

    def inputs(self) -> list[int]:
        """Return the inputs, in order."""
        return [node for node in self.leaves if self.op(node) == INPUT]

    def unbound(self) -> tuple[int, ...]:
        """Return the inputs that have no declared primal."""
        if self.has_data is None:
            return ()
        return tuple(i for i, has in zip(self.leaves, self.has_data, strict=True) if not has)

    def with_data(self, values: Mapping[int, float]) -> Self:
        """Return the graph with other primals on some leaves, given by node."""
        if not values:
            return self
        data, has = self.data[:], bytearray(self.has_data or b"\x01" * len(self.data))
        for node, value in values.items():
            i = bisect_left(self.leaves, node)
            data[i], has[i] = value, 1
        has_data = None if all(has) else bytes(has)
        return type(self)(  # `replace` takes twice as long
            self.opcode, self.first, self.args, self.leaves, data, has_data, self.ids,
            self.outputs, self.order, self.labels, self.docs, self.metas,
        )  # fmt: skip

    def unreached(self) -> list[int]:
        """Return the nodes that have no path to an output, in order."""
        return self.without_path_to(self.outputs)

    def without_path_to(self, nodes: Iterable[int]) -> list[int]:
        """Return the nodes on which none of the given ones depends, in order."""
        outputs = dict.fromkeys(nodes)
        lost = [i for i in self.passes.unused(self.args, len(self)) if i not in outputs]
        left = self.passes.uses(self.args, len(self)) if lost else []
        for node in lost:  # grows: a node whose users are all lost is lost, too
            for arg in self.arguments(node):
                left[arg] -= 1
                if not left[arg] and arg not in outputs:
                    lost.append(arg)
        return sorted(lost)

    def reached(self, starts: Iterable[int]) -> bytearray:
        """Mark with 1 the nodes in `starts` and all nodes that they depend on."""
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
        """Yield, for each entry of `args`, the node that it is an argument of."""
        first = self.first
        for node in range(len(self)):
            for _ in range(first[node], first[node + 1]):
                yield node


def starts(counts: Iterable[int]) -> array[int]:
    """Return the column `first` from the number of arguments of each node."""
    return array("I", accumulate(counts, initial=0))


def leaves_of(opcode: bytes) -> array[int]:
    """Return the leaves among the nodes."""
    return passes_for(len(opcode)).leaves(opcode)


def sparse(at: array[int], values: Sequence[Any]) -> dict[str, Any]:
    """Return the values of some nodes, ascending, as a packed column; empty if there are none."""
    return {"at": at, "value": values} if at else {}
