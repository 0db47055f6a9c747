"""Simplifying a graph without changing a bit of any value or gradient that remains.

The rules are those of `rules`, as far as gradients allow:

- a node that nothing leads from to an output is left out, unless it is an input or a param: it
  changes nothing, but runs may set those;
- an exact op of consts becomes a const: nothing behind it gets a gradient;
- equal consts become one: consts have no gradient;
- x·1, x/1, x - 0, x + (-0), sum(x) and -(-x) become x if that has no other user: then its gradient
  is the one that was passed on. With another user, sums would be added in another order.

Equal ops stay: with one node for two, u·b + v·b would become (u + v)·b, which rounds differently.
"""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from mgraph.analysis.derive.rules import CONST, NEG, folded, neutral, pattern
from mgraph.format.runs import SETTABLE
from mgraph.graph.columns import Columns, leaves_of, starts
from mgraph.ops import NAMES, is_leaf

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgraph.graph.run import Run


class Simplified(NamedTuple):
    """A simplified graph, and what became of the nodes of the one before, by id.

    Attributes:
        columns: The graph, in evaluation order.
        unreached: Left out, because no output depends on them, or does any more.
        computed: Exact ops of consts, which are consts now, or equal to one.
        equal: Consts that are equal to an earlier one.
        neutral: Ops that returned an argument as it is; their users have that now.
    """

    columns: Columns
    unreached: list[str]
    computed: list[str]
    equal: list[str]
    neutral: list[str]


def simplified(graph: Columns) -> Simplified:
    """Simplify a graph; every value and gradient that remains keeps its bits."""
    work = _Work(graph)
    for node in range(len(graph)):
        if work.is_reached[node]:
            work.simplify(node)
    return work.result()


def simplified_run(run: Run, columns: Columns) -> Run:
    """Return a run over a simplified graph: the numbers of the nodes that remain."""
    data, grad = ({} if x is None else dict(x) for x in (run.data, run.grad))
    kept = {name: x for name, x in data.items() if name in columns.index}
    slopes = {
        name: x
        for name, x in grad.items()
        if name in columns.index and columns.opcode[columns.index[name]] != CONST
    }
    return replace(
        run,
        data=None if run.data is None else kept,
        grad=None if run.grad is None else slopes,
        graph=columns.hash if run.graph else "",
    )


class _Work:
    """The nodes of a graph while they are simplified, in evaluation order."""

    def __init__(self, graph: Columns) -> None:
        self.graph = graph
        self.is_reached = graph.reached(graph.outputs)
        self.codes = bytearray(graph.opcode)
        self.args: list[Sequence[int]] = [graph.arguments(i) for i in range(len(graph))]
        self.values = {i: graph.data[k] for k, i in enumerate(graph.leaves)}
        self.target = [*range(len(graph))]  # the node that a node is replaced by, or itself
        self.outputs = dict.fromkeys(graph.outputs)
        self.uses = [0] * len(graph)
        for user in range(len(graph)):
            for arg in self.args[user] if self.is_reached[user] else ():
                self.uses[arg] += 1
        self.consts: dict[int, int] = {}
        self.computed: list[int] = []
        self.equal: list[int] = []
        self.neutral: list[int] = []

    def simplify(self, node: int) -> None:
        """Simplify a node whose arguments are."""
        args = self.args[node] = [self.target[arg] for arg in self.args[node]]
        if self.codes[node] == CONST:
            self._share(node, self.equal)
        elif not is_leaf(self.codes[node]) and node not in self.outputs:
            values = [self.values[i] if self.codes[i] == CONST else None for i in args]
            value = folded(self.codes[node], values)
            if value is not None:
                self._compute(node, value)
            elif (kept := self._returned(node, args, values)) is not None:
                self.target[node] = kept
                self.uses[kept] = self.uses[node]
                self.neutral.append(node)

    def _compute(self, node: int, value: float) -> None:
        self.codes[node], self.values[node], self.args[node] = CONST, value, ()
        self.computed.append(node)
        self._share(node, None)

    def _share(self, node: int, into: list[int] | None) -> None:
        """Replace a const by an earlier one that is equal; outputs stay."""
        first = self.consts.setdefault(pattern(self.values[node]), node)
        if first != node and node not in self.outputs:
            self.target[node] = first
            if into is not None:
                into.append(node)

    def _returned(
        self, node: int, args: Sequence[int], values: Sequence[float | None]
    ) -> int | None:
        """Return the node whose value and gradient are those of a node; None if there is none."""
        index = neutral(self.codes[node], values)
        if index is not None:
            return args[index] if self._has_one_use(args[index]) else None
        inner = args[0]
        if self.codes[node] == self.codes[inner] == NEG and self._has_one_use(inner):
            first = self.args[inner][0]
            return first if self._has_one_use(first) else None
        return None

    def _has_one_use(self, node: int) -> bool:
        return self.uses[node] == 1 and node not in self.outputs and self.codes[node] != CONST

    def result(self) -> Simplified:
        """Return the nodes that remain as a graph."""
        kept = self._kept()
        columns = self._columns([i for i, is_kept in enumerate(kept) if is_kept])
        known = dict.fromkeys((*self.computed, *self.equal, *self.neutral))
        unreached = [i for i, is_kept in enumerate(kept) if not is_kept and i not in known]
        lists = (unreached, self.computed, self.equal, self.neutral)
        return Simplified(columns, *([self.graph.ids[i] for i in nodes] for nodes in lists))

    def _kept(self) -> bytearray:
        """Mark the outputs, what they depend on, and all inputs and params."""
        marks = bytearray(NAMES[code] in SETTABLE for code in self.graph.opcode)
        for node in self.outputs:
            marks[node] = 1
        for node in range(len(marks) - 1, -1, -1):
            for arg in self.args[node] if marks[node] else ():
                marks[self.target[arg]] = 1
        return marks

    def _columns(self, kept: Sequence[int]) -> Columns:
        graph, new = self.graph, {old: i for i, old in enumerate(kept)}
        opcode = bytes(self.codes[i] for i in kept)
        leaves = leaves_of(opcode)
        index = graph.leaf_index
        has = graph.has_data
        is_bound = bytes(
            1 if has is None or kept[i] not in index else has[index[kept[i]]] for i in leaves
        )
        return Columns(
            opcode=opcode,
            first=starts(len(self.args[i]) for i in kept),
            args=array("I", [new[self.target[arg]] for i in kept for arg in self.args[i]]),
            leaves=leaves,
            data=array("d", [self.values[kept[i]] for i in leaves]),
            has_data=None if all(is_bound) else is_bound,
            ids=[graph.ids[i] for i in kept],
            outputs=tuple(new[i] for i in graph.outputs),
            labels=_moved(graph.labels, new),
            docs=_moved(graph.docs, new),
            metas=_moved(graph.metas, new),
        )


def _moved(texts: Mapping[int, str], new: Mapping[int, int]) -> dict[int, str]:
    return {new[i]: text for i, text in texts.items() if i in new}
