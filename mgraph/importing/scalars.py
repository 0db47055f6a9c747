"""Tensors as arrays of node numbers, and the graph that operations on them make.

An operation adds a block of nodes with one op; rearranging a tensor adds none. Blocks are arrays,
so no Python object is made for a node until it gets its id.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mgraph.codec import LIMITS
from mgraph.codec.limits import limit_error
from mgraph.document import Graph
from mgraph.errors import GraphError, printable
from mgraph.graph.columns import Columns
from mgraph.importing.names import TensorIds, without_row
from mgraph.importing.problems import refuse
from mgraph.ops import CONST, INPUT, LEAVES, OPCODES, OPS, PARAM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from mgraph.codec import Limits

Array: TypeAlias = NDArray[Any]

_WHOLE: Final[dict[str, Callable[..., Any]]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "neg": np.negative, "abs": np.abs,
    "max": np.maximum, "min": np.minimum,
}  # fmt: skip
"""Ops on whole numbers, which say shapes and indices."""

_TITLE: Final = 200

_PATIENCE: Final = 16
"""How many numbers tensors may have in all, for each node that a graph may have."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """A tensor of scalars.

    Attributes:
        array: The numbers of nodes, int64; or the values of a tensor that is known.
        is_known: Whether `array` holds values: constants, shapes and indices.
    """

    array: Array
    is_known: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each dimension."""
        return self.array.shape

    @property
    def value(self) -> Array:
        """The values.

        Raises:
            NoCounterpartError: They are only known when the graph runs.
        """
        if not self.is_known:
            refuse("it depends on numbers that are only known when the graph runs", "type")
        return self.array

    def arranged(self, how: Callable[[Array], Array]) -> Tensor:
        """Return the same scalars in another arrangement."""
        return Tensor(how(self.array), self.is_known)


@dataclass
class _Block:
    """Nodes of one op with consecutive numbers.

    Attributes:
        op: The op.
        start: The first number.
        args: The arguments of all nodes, one after the other.
        arity: How many arguments each node has.
        data: The values of leaves.
        name: What their ids begin with.
        shape: The indices in their ids.
    """

    op: str
    start: int
    args: Array
    arity: Array
    data: Array | None
    name: str
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        return len(self.arity)


class Scalars:
    """A graph that grows by operations on tensors."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        """Start without nodes."""
        self._limits = limits
        self._count = self._spent = 0
        self._blocks: list[_Block] = []
        self._names = TensorIds()
        self._scope = ""
        self._consts: dict[int, int] = {}

    @property
    def scope(self) -> str:
        """What the names of nodes begin with."""
        return self._scope

    # --- leaves -------------------------------------------------------------------------------

    def leaf(self, op: str, name: str, shape: Sequence[int], data: Array | None = None) -> Tensor:
        """Add a tensor of inputs, params or consts; inputs without data have no declared value."""
        count = self.room(shape)
        values = np.full(count, np.nan) if data is None else _doubles(data).ravel()
        own = tuple(shape) if op != INPUT else without_row(shape)
        block = self._add(op, np.empty(0, np.int64), np.zeros(count, np.int64), name, own)
        block.data = values if data is not None or op != INPUT else None
        return Tensor(np.arange(block.start, block.start + count).reshape(tuple(shape)))

    def param(self, name: str, data: Array) -> Tensor:
        """Add a tensor of params."""
        return self.leaf(PARAM, name, data.shape, data)

    def nodes(self, tensor: Tensor) -> Array:
        """Return the nodes of a tensor; values that are known become consts, each value once."""
        if not tensor.is_known:
            return tensor.array
        bits, where = np.unique(_doubles(tensor.array).view(np.int64), return_inverse=True)
        new = [i for i, key in enumerate(bits.tolist()) if key not in self._consts]
        if new:
            data = bits[new].view(np.float64)
            name = f"{self._scope}.const" if self._scope else "const"
            numbers = self.leaf(CONST, name, () if len(new) == 1 else (len(new),), data).array
            self._consts |= zip(bits[new].tolist(), numbers.ravel().tolist(), strict=True)
        table = np.array([self._consts[key] for key in bits.tolist()], np.int64)
        return table[where].reshape(tensor.shape)

    # --- operations ---------------------------------------------------------------------------

    def apply(self, op: str, *tensors: Tensor) -> Tensor:
        """Add a node of this op for each element of tensors that are broadcast together."""
        shape = np.broadcast_shapes(*(x.shape for x in tensors))
        count = self.room(shape)
        if all(x.is_known for x in tensors):
            return known(_folded(op, [x.array for x in tensors]))
        columns = [np.broadcast_to(self.nodes(x), shape).ravel() for x in tensors]
        args = np.stack(columns, axis=1).ravel()
        block = self._add(op, args, np.full(count, len(tensors)), "", without_row(shape))
        return Tensor(np.arange(block.start, block.start + count).reshape(shape))

    def total(self, tensor: Tensor, axes: Sequence[int], *, keep: bool = False) -> Tensor:
        """Add up along axes, in their order; sums of one number are that number."""
        rows, shape = _last(tensor, axes, keep=keep)
        if tensor.is_known:
            return known(_summed(rows.array).reshape(shape))
        if not rows.shape[-1]:
            return known(np.zeros(shape))
        if rows.shape[-1] == 1:
            return rows.arranged(lambda x: x.reshape(shape))
        return self.ragged(rows, np.ones(rows.shape, np.bool_)).arranged(lambda x: x.reshape(shape))

    def ragged(self, rows: Tensor, used: Array) -> Tensor:
        """Add up the last axis, without what is not used; something is, in each row."""
        widest = self._limits.args
        while rows.shape[-1] > widest:  # a sum of sums
            cut = rows.shape[-1] // widest * widest
            parts = rows.array[..., :cut].reshape(*rows.shape[:-1], -1, widest)
            if not used.all():
                refuse(f"a sum of {rows.shape[-1]:,} numbers", "limit")
            sums = self.ragged(Tensor(parts), np.ones(parts.shape, np.bool_)).array
            rows = Tensor(np.concatenate([sums, rows.array[..., cut:]], axis=-1))
            used = np.ones(rows.shape, np.bool_)
        shape = rows.shape[:-1]
        count = self.room(shape)
        arity = used.reshape(count, rows.shape[-1]).sum(axis=1)
        block = self._add("sum", self.nodes(rows)[used], arity, "", without_row(shape))
        return Tensor(np.arange(block.start, block.start + count).reshape(shape))

    def room(self, shape: Iterable[int]) -> int:
        """Return the size of a tensor, before memory is taken for it.

        Raises:
            GraphError: `limit` if the graph would have more nodes than it may.
            ValueError: A size is negative.
        """
        count = 1
        for size in shape:
            if size < 0:
                message = f"a dimension of size {size}"
                raise ValueError(message)
            count *= int(size)
        most = self._limits.nodes
        if self._count + count > most:
            raise limit_error("nodes", f"this would be {self._count + count:,} nodes or more", most)
        self._spent += count
        if self._spent > most * _PATIENCE:
            raise limit_error("nodes", "tensors are rearranged and repeated too often", most)
        return count

    def named(self, name: str, make: Callable[[], Any]) -> Any:
        """Call a function; name its result, and the other nodes that it adds below that name."""
        self._scope, self._consts = name, {}
        result = make()
        last = self._blocks[-1] if self._blocks else None
        if isinstance(result, Tensor) and last and last.args.size and not result.is_known:
            numbers = result.array.ravel()
            own = np.arange(last.start, last.start + last.count)
            if last.name.startswith(f"{name}.") and np.array_equal(numbers, own):
                last.name, last.shape = name, without_row(result.shape)
        return result

    def _add(self, op: str, args: Array, arity: Array, name: str, shape: tuple[int, ...]) -> _Block:
        name = name or (f"{self._scope}.{op}" if self._scope else op)
        block = _Block(op, self._count, args, arity, None, name, shape)
        self._blocks.append(block)
        self._count += block.count
        return block

    # --- the result ---------------------------------------------------------------------------

    def graph(self, outputs: Sequence[tuple[str, Tensor]], title: str = "", doc: str = "") -> Graph:
        """Return the graph of what outputs depend on, and of all inputs.

        Each number of an output is a node of its own: leaves, and what is an output already, are
        repeated by a sum of one.

        Raises:
            GraphError: `output` if no output has a number.
        """
        self._scope, self._consts = "output", {}
        ends = self._ends(outputs)
        if not any(len(end.nodes) for end in ends):
            raise GraphError.of("output", "no output has a number")
        ids = np.array(self._ids(ends), object)
        kept = self._kept(np.concatenate([end.nodes for end in ends]))
        header = {"name": printable(title)[:_TITLE], "doc": printable(doc)[:_TITLE]}
        return Graph(self._columns(kept, ids, ends), {k: x for k, x in header.items() if x})

    def _ends(self, outputs: Sequence[tuple[str, Tensor]]) -> list[_End]:
        ends, seen = [], np.zeros(0, np.int64)
        for name, tensor in outputs:
            nodes = self.nodes(tensor).ravel()
            every = np.concatenate([seen, nodes])
            if len(np.unique(every)) < len(every) or self._leaves()[nodes].any():
                repeated = Tensor(nodes[:, None])
                nodes = self.ragged(repeated, np.ones(repeated.shape, np.bool_)).array
            seen = np.concatenate([seen, nodes])
            ends.append(_End(name, without_row(tensor.shape), nodes))
        return ends

    def _leaves(self) -> Array:
        """Return which nodes are leaves."""
        return np.repeat([x.op in LEAVES for x in self._blocks], [x.count for x in self._blocks])

    def _ids(self, ends: Sequence[_End]) -> list[str]:
        """Return the ids of all nodes; the names of inputs, params and outputs come first."""
        ids: list[str] = [""] * self._count
        first = [x for x in self._blocks if x.op in {INPUT, PARAM}]
        for block in first:
            ids[block.start : block.start + block.count] = self._names.ids(block.name, block.shape)
        named = [end for end in ends if not any(end.is_named_by(x) for x in self._blocks)]
        texts = [self._names.ids(end.name, end.shape) for end in named]
        for block in (x for x in self._blocks if x.op not in {INPUT, PARAM}):
            ids[block.start : block.start + block.count] = self._names.ids(block.name, block.shape)
        for end, own in zip(named, texts, strict=True):
            for node, text in zip(end.nodes.tolist(), own, strict=True):
                ids[node] = text
        return ids

    def _kept(self, ends: Array) -> Array:
        """Return which nodes are inputs, or lead to an output."""
        kept = np.zeros(self._count, np.bool_)
        kept[ends] = True
        for block in reversed(self._blocks):  # arguments are in blocks before their users
            own = kept[block.start : block.start + block.count]
            if block.op == INPUT:
                own[:] = True
            kept[block.args[np.repeat(own, block.arity)]] = True
        return kept

    def _columns(self, kept: Array, ids: Array, ends: Sequence[_End]) -> Columns:
        blocks = self._blocks
        opcode = np.repeat([OPCODES[x.op] for x in blocks], [x.count for x in blocks])
        arity = np.concatenate([x.arity for x in blocks])
        args = np.concatenate([x.args for x in blocks])[np.repeat(kept, arity)]
        number = np.cumsum(kept) - 1
        is_leaf = self._leaves()
        data = np.zeros(self._count)
        has = np.ones(self._count, np.bool_)
        for block in (x for x in blocks if x.op in LEAVES):
            rows = slice(block.start, block.start + block.count)
            data[rows], has[rows] = (0.0, False) if block.data is None else (block.data, True)
        leaves = kept & is_leaf
        return Columns(
            opcode=opcode[kept].astype(np.uint8).tobytes(),
            first=_column("I", np.concatenate([[0], np.cumsum(arity[kept])])),
            args=_column("I", number[args]),
            leaves=_column("I", number[leaves]),
            data=_column("d", data[leaves]),
            has_data=None if has[leaves].all() else has[leaves].astype(np.uint8).tobytes(),
            ids=ids[kept].tolist(),
            outputs=tuple(number[np.concatenate([end.nodes for end in ends])].tolist()),
        )


@dataclass(frozen=True, eq=False)
class _End:
    """An output: its name, the indices in the ids of its numbers, and their nodes."""

    name: str
    shape: tuple[int, ...]
    nodes: Array

    def is_named_by(self, block: _Block) -> bool:
        """Whether the ids of a block are those of this output."""
        if (block.name, block.shape, block.count) != (self.name, self.shape, len(self.nodes)):
            return False
        return bool((self.nodes == np.arange(block.start, block.start + block.count)).all())


def known(values: Any) -> Tensor:
    """Return a tensor of values."""
    return Tensor(np.asarray(values), is_known=True)


def is_whole(values: Array) -> bool:
    """Whether values are whole numbers or truths by their type, not real numbers."""
    return values.dtype.kind in "iub"


def _doubles(values: Array) -> Array:
    """Return values as doubles.

    Raises:
        NoCounterpartError: They are no real numbers.
    """
    if values.dtype.kind not in "fiub":
        refuse(f"numbers of the type {values.dtype}", "type")
    return np.ascontiguousarray(values, np.float64)


def _folded(op: str, arrays: Sequence[Array]) -> Array:
    """Return what an op computes of values."""
    if op in _WHOLE and all(map(is_whole, arrays)):
        return np.asarray(_WHOLE[op](*(x.astype(np.int64) for x in arrays)))
    formula = np.frompyfunc(lambda *x: OPS[op].value(x), len(arrays), 1)
    return np.asarray(formula(*map(_doubles, arrays)), np.float64)


def _summed(rows: Array) -> Array:
    """Add up the last axis from left to right."""
    sums = np.zeros(rows.shape[:-1], rows.dtype)
    for i in range(rows.shape[-1]):
        sums = sums + rows[..., i] if i else rows[..., 0]
    return sums


def _last(tensor: Tensor, axes: Sequence[int], *, keep: bool) -> tuple[Tensor, tuple[int, ...]]:
    """Return a tensor with some axes as one, the last; and the shape without them."""
    rank = tensor.array.ndim
    gone = sorted({_axis(axis, rank) for axis in axes})
    rest = [axis for axis in range(rank) if axis not in gone]
    sizes = [tensor.shape[axis] for axis in rest]
    count = int(np.prod([tensor.shape[axis] for axis in gone], dtype=np.int64))
    rows = tensor.arranged(lambda x: x.transpose(*rest, *gone).reshape(*sizes, count))
    shape = [1 if i in gone else n for i, n in enumerate(tensor.shape) if keep or i not in gone]
    return rows, tuple(shape)


def _column(code: str, values: Array) -> array[Any]:
    column = array(code)
    column.frombytes(np.ascontiguousarray(values, np.dtype(code)).tobytes())
    return column


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        message = f"there is no axis {axis} of {rank}"
        raise IndexError(message)
    return int(axis) % rank
