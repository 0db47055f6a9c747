"""Programs: a graph as the steps that another engine is asked to take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.build.expression import ExpressionError, graph_of
from mgraph.engine.evaluate import input_nodes, seeded_nodes
from mgraph.ops import CONST, is_leaf

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgraph.graph.columns import Columns

LEAF: Final = "leaf"
NUMBER: Final = "number"
BY_OPERATOR: Final = ("add", "sub", "mul", "div", "pow")
"""Ops that people write between a Value and a plain number."""

_WHOLE: Final = 2.0**53


class Instruction(NamedTuple):
    """One thing to do.

    Attributes:
        op: `LEAF`: make a Value of `x`; `NUMBER`: take `x` as it is; else an op.
        args: Steps, the operands.
        x: The number of a leaf.
    """

    op: str
    args: tuple[int, ...] = ()
    x: float = 0.0

    def as_json(self) -> list[object]:
        """Return what the driver reads: whole numbers beside operators as integers."""
        if self.op == NUMBER and self.x.is_integer() and abs(self.x) <= _WHOLE:
            return [self.op, int(self.x)]
        return [self.op, self.x] if self.op in (LEAF, NUMBER) else [self.op, *self.args]


class Program(NamedTuple):
    """A graph of N nodes as S steps, arguments before their users.

    Attributes:
        steps: What to do.
        places: The step of each node; -1 for a const that is only a number.
        root: The step that backward begins at.
        backward: How often it is called.
    """

    steps: tuple[Instruction, ...]
    places: tuple[int, ...]
    root: int
    backward: int = 1

    def kinds(self, step: int) -> str:
        """Return which operands of a step are Values (V), and which are numbers (N)."""
        args = self.steps[step].args
        return "".join("N" if self.steps[arg].op == NUMBER else "V" for arg in args)

    def values(self) -> list[int]:
        """Return the steps that are Values."""
        return [i for i, step in enumerate(self.steps) if step.op != NUMBER]

    def as_json(self) -> dict[str, object]:
        """Return what the driver reads."""
        steps = [step.as_json() for step in self.steps]
        return {"steps": steps, "root": self.root, "backward": self.backward}

    def depth(self) -> int:
        """Return the number of ops on the longest way."""
        depths: list[int] = []
        for step in self.steps:
            depths.append(1 + max(depths[arg] for arg in step.args) if step.args else 0)
        return max(depths)


def program_of(
    graph: Columns,
    inputs: Mapping[str, float],
    seed: Mapping[str, float],
    compose: Mapping[str, str],
    backward: int = 1,
) -> Program:
    """Write a graph as steps.

    Consts beside an operator become plain numbers. Where the seed isn't 1.0 to one output, the
    program goes on to the sum of the seeded outputs, each times its seed.

    Args:
        graph: The graph.
        inputs: Values of leaves, by id.
        seed: Seeds of outputs, by id.
        compose: Formulas for ops that are to be composed of others.
        backward: How often backward is called.

    Raises:
        GraphError: As for a run with these inputs and this seed.
        ExpressionError: A formula can't be read.
    """
    writer = _Writer(graph.with_data(input_nodes(graph, inputs)))
    for node in range(len(graph)):
        writer.write(node, compose)
    root = writer.seeded(seeded_nodes(graph, seed))
    places = tuple(writer.value.get(node, -1) for node in range(len(graph)))
    return Program(tuple(writer.steps), places, root, backward)


def operand_names(count: int) -> tuple[str, ...]:
    """Return what so many operands are called in a formula."""
    few = {1: ("x",), 2: ("a", "b")}
    return few.get(count, tuple(f"x{i}" for i in range(count)))


def composition(formula: str, operands: int) -> tuple[tuple[Instruction, ...], int]:
    """Write a formula as steps that follow those of its operands.

    Args:
        formula: Of x for one operand, of a and b for two, of x0, x1 … for more.
        operands: How many there are.

    Returns:
        The steps, and the one that is the result.

    Raises:
        ExpressionError: It can't be read, or is about something else than the operands.
    """
    names = operand_names(operands)
    body = graph_of(formula, {}).columns
    if len(body.outputs) > 1:
        message = "a formula has one result"
        raise ExpressionError(message)
    for node in body.leaves:
        if body.op(node) != CONST and body.ids[node] not in names:
            message = f"{body.ids[node]} is none of the operands {', '.join(names)}"
            raise ExpressionError(message)
    writer = _Writer(body)
    writer.steps = [Instruction(LEAF)] * operands
    for node in range(len(body)):
        if body.op(node) != CONST and body.ids[node] in names:
            writer.value[node] = names.index(body.ids[node])
        else:
            writer.write(node, {})
    root = writer.as_value(body.outputs[0])  # a formula may be just a number
    return tuple(writer.steps[operands:]), root


class _Writer:
    """Writes steps, node by node."""

    def __init__(self, graph: Columns) -> None:
        self.graph = graph
        self.steps: list[Instruction] = []
        self.value: dict[int, int] = {}
        self.number: dict[int, int] = {}

    def add(self, op: str, args: tuple[int, ...] = (), x: float = 0.0) -> int:
        self.steps.append(Instruction(op, args, x))
        return len(self.steps) - 1

    def primal(self, node: int) -> float:
        return self.graph.data[self.graph.leaf_index[node]]

    def is_const(self, node: int) -> bool:
        return self.graph.op(node) == CONST

    def as_value(self, node: int) -> int:
        """Return the step of a node; a const becomes a Value here."""
        if node not in self.value:
            self.value[node] = self.add(LEAF, x=self.primal(node))
        return self.value[node]

    def as_number(self, node: int) -> int:
        if node not in self.number:
            self.number[node] = self.add(NUMBER, x=self.primal(node))
        return self.number[node]

    def write(self, node: int, compose: Mapping[str, str]) -> None:
        graph = self.graph
        if is_leaf(graph.opcode[node]):
            if not self.is_const(node):
                self.as_value(node)
            return
        op, args = graph.op(node), [*graph.arguments(node)]
        mixed = op in BY_OPERATOR and not all(map(self.is_const, args))
        places = tuple(
            self.as_number(arg) if mixed and self.is_const(arg) else self.as_value(arg)
            for arg in args
        )
        if op in compose:
            self.value[node] = self.composed(compose[op], places)
        elif op == "sum" and len(places) == 1:  # as Python's sum: from 0
            self.value[node] = self.add("add", (self.add(NUMBER), *places))
        else:
            self.value[node] = self.add(op, places)

    def composed(self, formula: str, places: Sequence[int]) -> int:
        """Write a formula in the place of an op."""
        steps, root = composition(formula, len(places))
        moved = len(self.steps) - len(places)

        def at(place: int) -> int:
            return places[place] if place < len(places) else place + moved

        self.steps += [step._replace(args=tuple(map(at, step.args))) for step in steps]
        return at(root)

    def seeded(self, seeds: Mapping[int, float]) -> int:
        """Write what backward begins at."""
        parts: list[int] = []
        for node, seed in seeds.items():
            place = self.as_value(node)
            number = None if seed == 1.0 else self.add(NUMBER, x=seed)
            parts.append(place if number is None else self.add("mul", (place, number)))
        total = parts[0]
        for part in parts[1:]:
            total = self.add("add", (total, part))
        return total
