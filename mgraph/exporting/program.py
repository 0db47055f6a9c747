"""A graph as a straight program: one statement per node, forward and backward, in any language."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph import __version__
from mgraph.exporting.names import Identifiers, identifier, remark
from mgraph.ops import CONST, OPS
from mgraph.ops import language as lang

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Iterable, Iterator

    from mgraph.document import Graph
    from mgraph.ops import Op
    from mgraph.ops.language import Language

TERMS: Final = 16
"""The most terms of a sum in one expression; parsers limit how deeply expressions are nested."""

SEEDED: Final = "has_"
"""Put before the name of an output, this is whether it is seeded."""


class Statement(NamedTuple):
    """An assignment.

    Attributes:
        target: The variable.
        expression: Its value, or for an adjoint what is added to it.
        is_new: Whether the variable is assigned for the first time.
        remark: The text of a comment; may be empty.
    """

    target: str
    expression: str
    is_new: bool = True
    remark: str = ""


class Guarded(NamedTuple):
    """Statements that are left out unless a flag is set; an empty flag is always set."""

    flag: str
    statements: list[Statement]


class Leaf(NamedTuple):
    """An input or a param: its id, its name, and its declared value, None if there is none."""

    id: str
    name: str
    data: float | None
    op: str


@dataclass(frozen=True)
class StraightProgram:
    """A graph, and the names of its nodes in a language.

    Attributes:
        graph: The graph.
        language: The language.
        reserved: Identifiers that no node may have.
        title: What the program is called.
    """

    graph: Graph
    language: Language
    reserved: tuple[str, ...]
    title: str

    @cached_property
    def _claimed(self) -> tuple[Identifiers, list[str]]:
        names = Identifiers((*self.reserved, *lang.helpers()))
        return names, names.claim_all(self.graph.columns.ids, ("d_", SEEDED))

    @property
    def names(self) -> list[str]:
        """The name of each node."""
        return self._claimed[1]

    @cached_property
    def nodes(self) -> list[int]:
        """The nodes that an output depends on, in evaluation order."""
        marks = self.graph.columns.reached(self.graph.columns.outputs)
        return [node for node, mark in enumerate(marks) if mark]

    @cached_property
    def leaves(self) -> list[Leaf]:
        """The inputs and params, also those that no output depends on."""
        columns = self.graph.columns
        unbound = dict.fromkeys(columns.unbound())
        return [
            Leaf(columns.ids[node], self.names[node], None if node in unbound else x, op)
            for node, x in zip(columns.leaves, columns.data, strict=True)
            if (op := columns.op(node)) != CONST
        ]

    @cached_property
    def needed(self) -> list[Leaf]:
        """The inputs and params that an output depends on."""
        index = self.graph.columns.index
        return [leaf for leaf in self.leaves if self.differentiable[index[leaf.id]]]

    @cached_property
    def outputs(self) -> list[tuple[str, str]]:
        """The id and the name of each output."""
        return [(self.graph.columns.ids[i], self.names[i]) for i in self.graph.columns.outputs]

    def ops(self) -> list[Op]:
        """Return the ops that the program needs, in the order of the table."""
        used = dict.fromkeys(self.graph.columns.op(node) for node in self.nodes)
        return [op for name, op in OPS.items() if name in used]

    def formulas(self, *, whole: bool = False) -> list[ast.expr]:
        """Return the formulas that the program needs.

        Args:
            whole: Whether all partials of an op are needed, and not only those by arguments that
                have an adjoint.
        """
        columns = self.graph.columns
        trees: dict[tuple[str, int], ast.expr] = {}
        for node in self.nodes:
            args, formula = columns.arguments(node), lang.table().get(columns.op(node))
            if formula is not None:
                trees[formula.op.name, -1] = formula.forward.body
                wanted = (k for k, arg in enumerate(args) if whole or self.differentiable[arg])
                trees |= {(formula.op.name, k): lang.partial(formula, k) for k in wanted}
        return [*trees.values()]

    def about(self) -> list[str]:
        """Return what a comment at the start says of the graph."""
        title = self.graph.name or self.title
        return [f"graph: {remark(title)}", self.graph.columns.hash, f"by mgraph {__version__}"]

    def remark_of(self, node: int) -> str:
        """Return the label of a node as the text of a comment; empty if it has none."""
        return remark(self.graph.columns.labels.get(node, ""))

    def variable(self, node: int) -> str:
        """Return the variable of a node's value."""
        return self.language.variable.format(self.names[node])

    def adjoint(self, node: int) -> str:
        """Return the variable of a node's adjoint."""
        return self.language.adjoint.format(self.names[node])

    # --- forward ---

    def forward(self, is_function: Callable[[Op], bool] = lambda _: False) -> Iterator[Statement]:
        """Yield what computes the values of consts and ops.

        Args:
            is_function: Whether an op is called as a function of its name, instead of its formula.
        """
        columns = self.graph.columns
        for node in self.nodes:
            text = self.remark_of(node)
            if columns.op(node) == CONST:
                number = self.language.number(columns.data[columns.leaf_index[node]])
                yield Statement(
                    self.variable(node), self.language.const.format(number), remark=text
                )
            elif args := [self.variable(arg) for arg in columns.arguments(node)]:
                yield from self._value(node, args, text, is_function)

    def _value(
        self, node: int, args: list[str], text: str, is_function: Callable[[Op], bool]
    ) -> Iterator[Statement]:
        op = OPS[self.graph.columns.op(node)]
        name = self.variable(node)
        if op.fold:
            yield Statement(name, " + ".join(args[:TERMS]), remark=text)
            for start in range(TERMS, len(args), TERMS):
                yield Statement(
                    name, " + ".join([name, *args[start : start + TERMS]]), is_new=False
                )
        elif is_function(op):
            yield Statement(name, f"{op.name}({', '.join(args)})", remark=text)
        else:
            tree = lang.table()[op.name].forward
            variables = dict(zip(lang.parameters(tree), args, strict=True))
            yield Statement(name, self.language.expression(tree.body, variables), remark=text)

    # --- backward ---

    @cached_property
    def differentiable(self) -> bytearray:
        """Mark with 1 the nodes that depend on an input or a param, and that an output needs."""
        columns, marks = self.graph.columns, bytearray(len(self.graph))
        for node in self.nodes:
            args = columns.arguments(node)
            marks[node] = any(marks[arg] for arg in args) if args else columns.op(node) != CONST
        return marks

    def adjoints(self) -> list[str]:
        """Return the names of all adjoints."""
        return [self.adjoint(node) for node in self.nodes if self.differentiable[node]]

    def seeds(self) -> list[tuple[str, str, str]]:
        """Return the id, the adjoint and the flag of each output that has an adjoint."""
        return [
            (self.graph.columns.ids[node], self.adjoint(node), SEEDED + self.names[node])
            for node in self.graph.columns.outputs
            if self.differentiable[node]
        ]

    def gradients(self) -> list[tuple[Leaf, str, str]]:
        """Return each leaf that a path may lead to, its adjoint, and the flag that one does."""
        index = self.graph.columns.index
        return [
            (leaf, self.adjoint(index[leaf.id]), self._flags[0][index[leaf.id]])
            for leaf in self.needed
        ]

    @cached_property
    def _flags(self) -> tuple[list[str], dict[str, list[str]]]:
        """The flag of each node that says whether it has an adjoint, and which flags set others.

        With one output, all nodes have one. With several, that depends on which of them are seeded.
        """
        columns = self.graph.columns
        flags = [""] * len(columns)
        if len(columns.outputs) == 1:
            return flags, {}
        causes: dict[int, dict[str, None]] = {
            node: {SEEDED + self.names[node]: None}
            for node in columns.outputs
            if self.differentiable[node]
        }
        known: dict[tuple[str, ...], str] = {}
        for node in filter(self.differentiable.__getitem__, reversed(self.nodes)):
            key = tuple(causes.pop(node))
            if key not in known:
                known[key] = key[0] if len(key) == 1 else self._claimed[0].claim("path")
            flags[node] = known[key]
            for arg in filter(self.differentiable.__getitem__, columns.arguments(node)):
                causes.setdefault(arg, {})[flags[node]] = None
        return flags, {flag: [*key] for key, flag in known.items() if len(key) > 1}

    def paths(self) -> dict[str, list[str]]:
        """Return the flags that are set if any of some others is, in the order to set them."""
        return self._flags[1]

    def backward(self) -> Iterator[Guarded]:
        """Yield what is added to adjoints, in the order of the format."""
        group = Guarded("", [])
        for node in reversed(self.nodes):
            added = [*self._contributions(node)] if self.differentiable[node] else []
            if added and self._flags[0][node] != group.flag:
                yield group
                group = Guarded(self._flags[0][node], [])
            group.statements.extend(added)
        yield group

    def _contributions(self, node: int) -> Iterator[Statement]:
        args = self.graph.columns.arguments(node)
        for k, arg in enumerate(args):
            if self.differentiable[arg]:
                tree = lang.partial(lang.table()[self.graph.columns.op(node)], k)
                factor = self.language.factor(tree, self._variables(node, args))
                product = "" if factor == "1.0" else f" * {factor}"
                yield Statement(self.adjoint(arg), self.adjoint(node) + product, is_new=False)

    def _variables(self, node: int, args: Iterable[int]) -> dict[str, str]:
        """Return what the variables of an op's partials are called."""
        formula = lang.table()[self.graph.columns.op(node)]
        if formula.op.fold:
            return {}
        values = [self.variable(index) for index in (*args, node)]
        return dict(zip(lang.parameters(formula.partials), values, strict=True))

    # --- what the program needs besides ---

    def helpers(self, *, whole: bool = False) -> Iterator[tuple[str, list[str], str]]:
        """Yield name, parameters and value of the helpers that the program's formulas call."""
        for name in lang.called(*self.formulas(whole=whole))[0]:
            function = lang.helpers()[name]
            names = lang.parameters(function)
            body = self.language.expression(
                lang.body_of(function), dict(zip(names, names, strict=True))
            )
            yield name, names, body


def title_of(graph: Graph, name: str) -> str:
    """Return what an export is called: the name given, or that of the graph."""
    return identifier(name or graph.name, "graph")
