"""The backward pass as nodes, in plain Python; `columns` adds the same nodes with NumPy."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from mgraph.analysis.derive.growth import Growth
from mgraph.analysis.derive.rules import (
    ADD,
    COMMUTATIVE,
    CONST,
    MUL,
    NEG,
    folded,
    neutral,
    pattern,
)
from mgraph.analysis.derive.templates import template
from mgraph.ops import is_leaf, op_of
from mgraph.ops.partials import FIRST, SECOND, VALUE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.analysis.derive.request import Derivation
    from mgraph.analysis.derive.templates import Operand
    from mgraph.graph.columns import Columns


class SharedNodes:
    """The nodes of a graph and new ones; equal ones and foldable ones are not added.

    SharedNodes are numbered: those of the graph as there, then the new ones.
    """

    def __init__(self, graph: Columns, kept: bytearray) -> None:
        """Begin with the marked nodes of a graph."""
        self._graph, self.count = graph, len(graph)
        self.new: list[tuple[int, tuple[int, ...]]] = []
        self.values: dict[int, float] = {}
        self._known: dict[tuple[int, tuple[int, ...]], int] = {}
        self._consts: dict[int, int] = {}
        self._same: dict[int, int] = {}  # nodes that equal an earlier one
        for node in range(len(graph)):
            if kept[node]:
                self._learn(node)

    def _learn(self, node: int) -> None:
        graph = self._graph
        code = graph.opcode[node]
        if code == CONST:
            value = self.values[node] = graph.data[graph.leaf_index[node]]
            first = self._consts.setdefault(pattern(value), node)
        elif is_leaf(code) or op_of(code).fold:
            return
        else:
            args = tuple(self._same.get(arg, arg) for arg in graph.arguments(node))
            first = self._known.setdefault(_key(code, args), node)
        if first != node:
            self._same[node] = first

    def const(self, value: float) -> int:
        """Return the const with this value."""
        node = self._consts.get(pattern(value))
        if node is None:
            node = self._add(CONST, ())
            self._consts[pattern(value)], self.values[node] = node, value
        return node

    def op(self, code: int, *args: int) -> int:
        """Return the node that is an op of other nodes, or one with the same bits."""
        args = tuple(self._same.get(arg, arg) for arg in args)
        values = [self.values.get(arg) for arg in args]
        if (value := folded(code, values)) is not None:
            return self.const(value)
        if (index := neutral(code, values)) is not None:
            return args[index]
        if code == MUL and -1.0 in values:
            return self.op(NEG, args[1 - values.index(-1.0)])
        if code == NEG and (inner := self._negated(args[0])) is not None:
            return inner
        key = _key(code, args)
        if key not in self._known:
            self._known[key] = self._add(code, args)
        return self._known[key]

    def _negated(self, node: int) -> int | None:
        """Return the argument of a `neg`; None for other nodes."""
        if node >= self.count:
            code, args = self.new[node - self.count]
            return args[0] if code == NEG else None
        if self._graph.opcode[node] != NEG:
            return None
        inner = self._graph.arguments(node)[0]
        return self._same.get(inner, inner)

    def _add(self, code: int, args: tuple[int, ...]) -> int:
        self.new.append((code, args))
        return self.count + len(self.new) - 1


def _key(code: int, args: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
    """Return what equal ops have in common."""
    return code, tuple(sorted(args)) if code in COMMUTATIVE else args


def grow(graph: Columns, derivation: Derivation) -> Growth:
    """Add the nodes of the backward pass to those on which an output depends."""
    leads = _dependents(graph, derivation.wrt)
    nodes = SharedNodes(graph, derivation.kept)
    adjoints = {derivation.output: nodes.const(1.0)}
    for user in range(derivation.output, -1, -1):
        if user in adjoints and leads[user]:
            for position, arg in _active(graph, user, leads):
                passed = _passed(nodes, graph, user, position, adjoints[user])
                before = adjoints.get(arg)
                adjoints[arg] = passed if before is None else nodes.op(ADD, before, passed)
    return _growth(graph, derivation, nodes, adjoints)


def _dependents(graph: Columns, wrt: Sequence[int]) -> bytearray:
    """Mark the nodes that depend on one of some nodes, and these."""
    marks = bytearray(len(graph))
    for node in wrt:
        marks[node] = 1
    args, first = graph.args, graph.first
    for node in range(len(graph)):
        if any(marks[arg] for arg in args[first[node] : first[node + 1]]):
            marks[node] = 1
    return marks


def _active(graph: Columns, user: int, leads: bytearray) -> Iterator[tuple[int, int]]:
    """Yield the arguments whose adjoints are needed, with their positions."""
    return ((i, arg) for i, arg in enumerate(graph.arguments(user)) if leads[arg])


def _passed(nodes: SharedNodes, graph: Columns, user: int, position: int, adjoint: int) -> int:
    """Return the node for what a node passes on: its adjoint times a partial."""
    code, args = graph.opcode[user], graph.arguments(user)
    how = template(code, position)
    names = {FIRST: args[0], SECOND: args[min(1, len(args) - 1)], VALUE: user}
    done: list[int] = []

    def operand(x: Operand) -> int:
        if isinstance(x, float):
            return nodes.const(x)
        return names[x] if isinstance(x, str) else done[x.number]

    for op, operands in how.steps:
        done.append(nodes.op(op, *map(operand, operands)))
    return nodes.op(MUL, adjoint, operand(how.result))


def _growth(
    graph: Columns, derivation: Derivation, nodes: SharedNodes, adjoints: dict[int, int]
) -> Growth:
    """Return the new nodes as columns."""
    return Growth(
        graph=graph,
        derivation=derivation,
        opcode=bytes(code for code, _ in nodes.new),
        first=array("I", [args[0] if args else 0 for _, args in nodes.new]),
        second=array("I", [args[-1] if args else 0 for _, args in nodes.new]),
        value=array("d", [nodes.values.get(nodes.count + i, 0.0) for i in range(len(nodes.new))]),
        gradients=array("I", [adjoints[node] for node in derivation.wrt]),
    )
