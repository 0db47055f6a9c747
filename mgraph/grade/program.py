"""Programs: a graph as a list of steps for another engine to run."""

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
    """One step of a program.

    Attributes:
        op: `LEAF` to make a Value of `x`, `NUMBER` to use `x` as it is, or the name of an op.
        args: The steps that are its operands.
        x: The number of a `LEAF` or `NUMBER`.
    """

    op: str
    args: tuple[int, ...] = ()
    x: float = 0.0

    def as_json(self) -> list[object]:
        """Return the step for the driver; whole numbers beside operators become integers."""
        return self.as_integer() if self.op == NUMBER else self.as_float()

    def as_integer(self) -> list[object]:
        """Return a leaf or number for the driver, as an integer if it is a whole one."""
        is_whole = self.x.is_integer() and abs(self.x) <= _WHOLE
        return [self.op, int(self.x)] if is_whole else self.as_float()

    def as_float(self) -> list[object]:
        """Return the step for the driver, with its number as it is."""
        return [self.op, self.x] if self.op in (LEAF, NUMBER) else [self.op, *self.args]


class Program(NamedTuple):
    """A graph of N nodes as S steps, arguments before their users.

    Attributes:
        steps: The steps.
        step_of_node: The step of each node; -1 for a const that is only a number.
        root: The step from which backward starts.
        backward: How often backward is called.
        following: The step from which backward starts in further graphs of the same leaves; None
            if there are none.
        has_integers: Whether whole numbers in leaves are passed as integers.
        is_first: Whether it is the first thing that the engine does in its process.
    """

    steps: tuple[Instruction, ...]
    step_of_node: tuple[int, ...]
    root: int
    backward: int = 1
    following: int | None = None
    has_integers: bool = False
    is_first: bool = False

    def kinds(self, step: int) -> str:
        """Return which operands of a step are Values (V), and which are plain numbers (N)."""
        args = self.steps[step].args
        return "".join(["N" if self.steps[arg].op == NUMBER else "V" for arg in args])

    def values(self) -> list[int]:
        """Return the steps that are Values."""
        return [i for i, step in enumerate(self.steps) if step.op != NUMBER]

    def as_json(self) -> dict[str, object]:
        """Return the program for the driver."""
        is_integer = [self.has_integers and step.op == LEAF for step in self.steps]
        steps = [
            step.as_integer() if whole else step.as_json()
            for step, whole in zip(self.steps, is_integer, strict=True)
        ]
        asked = {"steps": steps, "root": self.root, "backward": self.backward}
        flags = {"following": self.following, "first": self.is_first, "integers": self.has_integers}
        return asked | flags

    def depth(self) -> int:
        """Return the number of ops on the longest path."""
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
    """Turn a graph into a program.

    Consts beside an operator become plain numbers. Unless the seed is 1.0 for a single output, the
    program ends with the sum of the seeded outputs, each times its seed.

    Args:
        graph: The graph.
        inputs: Values of leaves, by id.
        seed: Seeds of outputs, by id.
        compose: Formulas for ops that are composed of others instead.
        backward: How often backward is called.

    Raises:
        GraphError: If a run can't have these inputs or this seed.
        ExpressionError: If a formula can't be read.
    """
    writer = _Writer(graph.with_data(input_nodes(graph, inputs)))
    for node in range(len(graph)):
        writer.write(node, compose)
    root = writer.seeded(seeded_nodes(graph, seed))
    step_of_node = tuple(writer.value.get(node, -1) for node in range(len(graph)))
    return Program(tuple(writer.steps), step_of_node, root, backward)


def operand_names(count: int) -> tuple[str, ...]:
    """Return the names of an op's operands in a formula, given their number."""
    usual = {1: ("x",), 2: ("a", "b")}
    return usual.get(count, tuple(f"x{i}" for i in range(count)))


def composition(formula: str, operands: int) -> tuple[tuple[Instruction, ...], int]:
    """Turn a formula into steps that follow those of its operands.

    Args:
        formula: In x for one operand, in a and b for two, in x0, x1 … for more.
        operands: The number of operands.

    Returns:
        The steps, and the index of the result.

    Raises:
        ExpressionError: If the formula can't be read, or has other variables.
    """
    names = operand_names(operands)
    body = graph_of(formula, {}).columns
    if len(body.outputs) > 1:
        message = "a formula must have exactly one result"
        raise ExpressionError(message)
    for node in body.leaves:
        if body.op(node) != CONST and body.ids[node] not in names:
            message = f"{body.ids[node]} is not one of the operands {', '.join(names)}"
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
    """Collects the steps of a program, node by node."""

    def __init__(self, graph: Columns) -> None:
        self.graph = graph
        self.steps: list[Instruction] = []
        self.value: dict[int, int] = {}

    def add(self, op: str, args: tuple[int, ...] = (), x: float = 0.0) -> int:
        self.steps.append(Instruction(op, args, x))
        return len(self.steps) - 1

    def primal(self, node: int) -> float:
        return self.graph.data[self.graph.leaf_index[node]]

    def is_const(self, node: int) -> bool:
        return self.graph.op(node) == CONST

    def as_value(self, node: int) -> int:
        """Return the step of a node, making a Value of a const."""
        if node not in self.value:
            self.value[node] = self.add(LEAF, x=self.primal(node))
        return self.value[node]

    def as_number(self, node: int) -> int:
        """Return a step of a const's number; each use has its own, of which engines make Values."""
        return self.add(NUMBER, x=self.primal(node))

    def write(self, node: int, compose: Mapping[str, str]) -> None:
        graph = self.graph
        if is_leaf(graph.opcode[node]):
            if not self.is_const(node):
                self.as_value(node)
            return
        op, args = graph.op(node), [*graph.arguments(node)]
        is_mixed = op in BY_OPERATOR and not all(map(self.is_const, args))
        operands = tuple(
            self.as_number(arg) if is_mixed and self.is_const(arg) else self.as_value(arg)
            for arg in args
        )
        if op in compose:
            self.value[node] = self.composed(compose[op], operands)
        elif op == "sum" and len(operands) == 1:  # Python's sum starts from 0
            self.value[node] = self.add("add", (self.add(NUMBER), *operands))
        else:
            self.value[node] = self.add(op, operands)

    def composed(self, formula: str, operands: Sequence[int]) -> int:
        """Write a formula instead of an op."""
        steps, root = composition(formula, len(operands))
        offset = len(self.steps) - len(operands)

        def moved(step: int) -> int:
            return operands[step] if step < len(operands) else step + offset

        self.steps += [step._replace(args=tuple(map(moved, step.args))) for step in steps]
        return moved(root)

    def seeded(self, seeds: Mapping[int, float]) -> int:
        """Write the sum of the seeded outputs, each times its seed; return its step."""
        parts: list[int] = []
        for node, seed in seeds.items():
            output = self.as_value(node)
            number = None if seed == 1.0 else self.add(NUMBER, x=seed)
            parts.append(output if number is None else self.add("mul", (output, number)))
        total = parts[0]
        for part in parts[1:]:
            total = self.add("add", (total, part))
        return total
