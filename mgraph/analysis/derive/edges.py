"""The backward pass as nodes, edge by edge, with NumPy: before equal nodes are shared.

Every edge (an argument of a node) adds a few nodes of its own: its partial, the product, the sum.
How many follows from the op, so their numbers are known before they are made.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mgraph.analysis.derive.rules import ADD, CONST, INPUT, MUL, NEG, pattern
from mgraph.analysis.derive.templates import template
from mgraph.graph.passes.plain import LEAF_OPCODES
from mgraph.ops.partials import FIRST, SECOND, VALUE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from mgraph.analysis.derive.request import Derivation
    from mgraph.analysis.derive.templates import Operand, Template
    from mgraph.graph.columns import Columns

    Bools = NDArray[np.bool_]
    Codes = NDArray[np.uint8]
    Indices = NDArray[np.intp]
    Floats = NDArray[np.float64]

_ROUNDS: Final = 16
_LEAF: Final = np.isin(np.arange(256), [*LEAF_OPCODES])


class Raw(NamedTuple):
    """The N nodes of a graph and new ones behind them, M in all.

    Attributes:
        opcode: uint8[M]; that of an input for nodes that don't take part.
        a: intp[M], the first argument; 0 for leaves.
        b: intp[M], the last argument, which is the first if there is only one.
        value: float64[M], the values of consts.
        gradients: intp, the adjoints of the nodes by which is derived.
    """

    opcode: Codes
    a: Indices
    b: Indices
    value: Floats
    gradients: Indices


class Edges(NamedTuple):
    """The E arguments whose adjoints are needed, in the order in which a run visits them.

    Attributes:
        user: intp[E], the node that has the argument.
        arg: intp[E], the argument.
        position: uint8[E], which argument it is; 1 for all behind the second.
        before: intp[E], the edge before it that adds to the same adjoint; -1 for the first one.
    """

    user: Indices
    arg: Indices
    position: Codes
    before: Indices


def expanded(graph: Columns, derivation: Derivation) -> Raw:
    """Return the graph with the nodes of its backward pass."""
    codes = np.frombuffer(graph.opcode, np.uint8)
    edges = _edges(graph, derivation)
    kinds = codes[edges.user] * np.uint16(2) + edges.position
    present = np.flatnonzero(np.bincount(kinds, minlength=512))
    templates = {int(kind): template(int(kind) // 2, int(kind) % 2) for kind in present}
    consts, fresh = _constants(graph, derivation, templates.values())
    return _Expansion(graph, derivation, edges, kinds, templates, consts, fresh).raw()


def _edges(graph: Columns, derivation: Derivation) -> Edges:
    first = np.frombuffer(graph.first, np.uint32).astype(np.intp)
    args = np.frombuffer(graph.args, np.uint32).astype(np.intp)
    sizes = np.diff(first)
    leads = _leading(graph, derivation.wrt, sizes, first, args)
    kept = np.frombuffer(derivation.kept, np.bool_)
    descending = slice(None, None, -1)
    user = np.repeat(np.arange(len(graph))[descending], sizes[descending])
    shifts = (first[:-1] + first[1:] - args.size)[descending]
    entry = np.repeat(shifts, sizes[descending])
    entry += np.arange(args.size)
    arg = args[entry]
    position = np.ones(args.size, np.uint8)
    position[args.size - first[1:][sizes > 0]] = 0
    needed = kept[user] & leads[arg]
    if not needed.all():
        user, arg, position = user[needed], arg[needed], position[needed]
    return Edges(user, arg, position, _before(arg))


def _leading(
    graph: Columns, wrt: Sequence[int], sizes: Indices, first: Indices, args: Indices
) -> Bools:
    """Mark the nodes that depend on one of some nodes, and these."""
    asked = np.zeros(len(graph), np.bool_)
    asked[[*wrt]] = True
    ops = np.flatnonzero(sizes)
    leads = ~_LEAF[np.frombuffer(graph.opcode, np.uint8)] | asked
    for _ in range(_ROUNDS if ops.size else 0):
        some = asked.copy()
        some[ops] |= np.logical_or.reduceat(leads[args], first[ops])
        if (some == leads).all():
            return leads
        leads = some
    return np.frombuffer(_leading_in_order(graph, asked), np.bool_)


def _leading_in_order(graph: Columns, asked: Bools) -> bytearray:
    marks = bytearray(asked.tobytes())
    args, first = graph.args, graph.first
    for node in range(len(graph)):
        for arg in args[first[node] : first[node + 1]]:
            if marks[arg]:
                marks[node] = 1
    return marks


def _before(arg: Indices) -> Indices:
    """Return for each element the one before it that is equal; -1 if there is none."""
    pairs = arg << 32
    pairs |= np.arange(arg.size)
    pairs.sort()
    again = np.flatnonzero((pairs[1:] ^ pairs[:-1]) < 2**32)
    before = np.full(arg.size, -1)
    before[pairs[again + 1] & 0xFFFFFFFF] = pairs[again] & 0xFFFFFFFF
    return before


def _constants(
    graph: Columns, derivation: Derivation, templates: Iterable[Template]
) -> tuple[dict[int, int], list[float]]:
    """Return the node of each constant by its bits, and the constants that need a new node."""
    codes = graph.opcode
    consts: dict[int, int] = {}
    for leaf, value in zip(graph.leaves, graph.data, strict=True):
        if codes[leaf] == CONST and derivation.kept[leaf]:
            consts.setdefault(pattern(value), leaf)
    fresh: list[float] = []
    for value in [1.0, *(x for partial in templates for x in partial.constants)]:
        if pattern(value) not in consts:
            consts[pattern(value)] = len(graph) + len(fresh)
            fresh.append(value)
    return consts, fresh


@dataclass(eq=False)
class _Expansion:
    """Where the nodes of each edge are, and what they are."""

    graph: Columns
    derivation: Derivation
    edges: Edges
    kinds: NDArray[np.uint16]
    templates: dict[int, Template]
    consts: dict[int, int]
    fresh: Sequence[float]

    @cached_property
    def known(self) -> int:
        """How many nodes there are before those of the first edge."""
        return len(self.graph) + len(self.fresh)

    @cached_property
    def has_sum(self) -> Bools:
        """Whether an edge adds to an adjoint that others have added to before."""
        result: Bools = self.edges.before >= 0
        return result

    @cached_property
    def own(self) -> Codes:
        """How many nodes each edge has, without the sum."""
        sizes = np.zeros(512, np.uint8)
        for kind, partial in self.templates.items():
            sizes[kind] = len(partial.steps) + (partial.result != 1.0)
        return sizes[self.kinds]

    @cached_property
    def ends(self) -> Indices:
        """Behind the last node of each edge."""
        ends = np.cumsum(self.own + self.has_sum, dtype=np.intp)
        ends += self.known
        return ends

    @cached_property
    def begins(self) -> Indices:
        """The first node of each edge."""
        begins: Indices = self.ends - (self.own + self.has_sum)
        return begins

    def raw(self) -> Raw:
        """Make all nodes."""
        raw = self._started()
        passed, adjoint = self._adjoints()
        for kind, partial in self.templates.items():
            some = np.flatnonzero(self.kinds == kind)
            self._fill(raw, partial, self.edges.user[some], self.begins[some], adjoint)
        more = np.flatnonzero(self.has_sum)
        before = self.edges.before[more]
        at = self.ends[more] - 1
        raw.opcode[at] = ADD
        raw.a[at] = np.where(self.has_sum[before], self.ends[before] - 1, passed[before])
        raw.b[at] = passed[more]
        raw.gradients[:] = adjoint[[*self.derivation.wrt]]
        return raw

    def _started(self) -> Raw:
        """Return columns with the nodes of the graph and the constants."""
        graph, count = self.graph, len(self.graph)
        total = int(self.ends[-1]) if self.ends.size else self.known
        raw = Raw(
            np.full(total, CONST, np.uint8), np.zeros(total, np.intp), np.zeros(total, np.intp),
            np.zeros(total), np.zeros(len(self.derivation.wrt), np.intp),
        )  # fmt: skip
        kept = np.frombuffer(self.derivation.kept, np.bool_)
        raw.opcode[:count] = np.where(kept, np.frombuffer(graph.opcode, np.uint8), INPUT)
        first = np.frombuffer(graph.first, np.uint32).astype(np.intp)
        ops = np.flatnonzero(np.diff(first))
        args = np.frombuffer(graph.args, np.uint32)
        raw.a[ops], raw.b[ops] = args[first[ops]], args[first[ops + 1] - 1]
        raw.value[np.frombuffer(graph.leaves, np.uint32)] = np.frombuffer(graph.data, np.float64)
        raw.value[count : self.known] = self.fresh
        return raw

    def _adjoints(self) -> tuple[Indices, Indices]:
        """Return the node that each edge passes on, and the node that is each node's adjoint."""
        edges, count = self.edges, len(self.graph)
        last = np.full(count, -1)
        last[edges.arg] = np.arange(edges.arg.size)  # of equal ones, the last is kept
        is_alias = np.zeros(512, np.bool_)
        is_alias[[kind for kind, partial in self.templates.items() if partial.result == 1.0]] = True
        alias = is_alias[self.kinds]
        has = np.flatnonzero(last >= 0)
        edge = last[has]
        shared = alias[edge] & ~self.has_sum[edge]  # these adjoints are those of their users
        source = np.arange(count)
        some = has[shared]
        source[some] = edges.user[edge[shared]]
        source[some] = followed(source, some)
        adjoint = np.zeros(count, np.intp)
        adjoint[has] = self.ends[edge] - 1
        adjoint[self.derivation.output] = self.consts[pattern(1.0)]
        adjoint = adjoint[source]
        passed = self.ends - self.has_sum
        passed -= 1
        passed[alias] = adjoint[edges.user[alias]]
        return passed, adjoint

    def _fill(
        self, raw: Raw, how: Template, user: Indices, begins: Indices, adjoint: Indices
    ) -> None:
        """Make the nodes of all edges of one kind."""
        first = np.frombuffer(self.graph.first, np.uint32)[user]
        args = np.frombuffer(self.graph.args, np.uint32)
        names: dict[str, Any] = {FIRST: args[first], SECOND: args[first + how.binary], VALUE: user}

        def operand(x: Operand) -> Any:  # noqa: ANN401 - a node for each edge, or one for all
            if isinstance(x, float):
                return self.consts[pattern(x)]
            return names[x] if isinstance(x, str) else begins + x.number

        for i, (code, operands) in enumerate(how.steps):
            raw.opcode[begins + i] = code
            raw.a[begins + i], raw.b[begins + i] = operand(operands[0]), operand(operands[-1])
        if how.result == 1.0:
            return
        at, is_minus = begins + len(how.steps), how.result == -1.0
        raw.opcode[at] = NEG if is_minus else MUL
        raw.a[at] = adjoint[user]
        raw.b[at] = adjoint[user] if is_minus else operand(how.result)


def followed(same: Indices, nodes: Indices) -> Indices:
    """Follow a column that says for each node which other it is, itself in the end.

    Args:
        same: The column.
        nodes: The nodes from which it is followed.
    """
    target: Indices = same[nodes]
    while ((further := same[target]) != target).any():
        target = further
    return target
