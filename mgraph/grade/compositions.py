"""Ops that an engine composes of others: if one of the others is wrong, so is the composed op."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from mgraph.grade.program import LEAF, NUMBER, Instruction, Program, composition, operand_names
from mgraph.grade.simulation import simulate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.grade.simulation import Rules

FORMULAS: Final = {
    "neg": ("x * -1", "-1 * x", "0 - x"),
    "sub": ("a + -b", "-b + a", "a + b * -1", "b * -1 + a", "-(b - a)"),
    "div": ("a * b**-1", "b**-1 * a"),
    "sqrt": ("x**0.5",),
    "sigmoid": ("1 / (1 + exp(-x))", "(1 + exp(-x))**-1", "exp(x) / (1 + exp(x))"),
    "tanh": (
        "(exp(2 * x) - 1) / (exp(2 * x) + 1)",
        "(exp(x) - exp(-x)) / (exp(x) + exp(-x))",
        "2 * sigmoid(2 * x) - 1",
    ),
    "softplus": ("log(1 + exp(x))",),
    "relu": ("max(x, 0)",),
    "tan": ("sin(x) / cos(x)",),
    "abs": ("max(x, -x)",),
}
"""Formulas by which an engine may compose an op, in x, or in a and b."""


def compositions(op: str, kinds: str, xs: Sequence[float]) -> Iterator[Program]:
    """Yield the programs that compose an op; their first steps are its operands.

    Args:
        op: The op.
        kinds: Which operands are Values (V), and which are plain numbers (N).
        xs: The operands' numbers.
    """
    operands = tuple(
        Instruction(NUMBER if kind == "N" else LEAF, (), x)
        for kind, x in zip(kinds, xs, strict=True)
    )
    for steps, root in _composed(op, len(kinds)):
        yield Program((*operands, *steps), tuple(range(len(xs))), root)
    if "N" in kinds:
        yield from _with_numbers(op, kinds, operands)


@cache
def _composed(op: str, operands: int) -> tuple[tuple[tuple[Instruction, ...], int], ...]:
    formulas = [*FORMULAS.get(op, ())]
    if op == "sum":
        formulas.append(" + ".join(operand_names(operands)))
    return tuple(composition(formula, operands) for formula in formulas)


def _with_numbers(op: str, kinds: str, operands: Sequence[Instruction]) -> Iterator[Program]:
    """Yield what an engine may do with a plain number beside a Value."""
    number = kinds.index("N")
    x = operands[number].x
    both = (0, 1)
    as_values = tuple(2 if operand == number else operand for operand in both)
    yield Program((*operands, Instruction(LEAF, (), x), Instruction(op, as_values)), both, 3)
    if op in ("add", "mul"):
        yield Program((*operands, Instruction(op, (1, 0))), both, 2)
    if op == "sub" and number == 1:
        yield Program((*operands, Instruction(NUMBER, (), -x), Instruction("add", (0, 2))), both, 3)
    if op == "div" and number == 1 and x:
        inverse = Instruction(NUMBER, (), 1.0 / x)
        yield Program((*operands, inverse, Instruction("mul", (0, 2))), both, 3)


def run_composition(
    program: Program, rules: Rules, upstream: float = 1.0
) -> tuple[float, Sequence[float], bool]:
    """Run a composed op by an engine's rules.

    Returns:
        Its value, the adjoint that each operand receives, and whether both can be known.
    """
    numbers = simulate(program, rules._replace(seed=lambda _: upstream))
    received = [numbers.grad[step] for step in program.step_of_node]
    return numbers.data[program.root], received, not numbers.is_unknown
