"""One op made of others, as engines make them: what is wrong with the others is wrong with it."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from mgraph.grade.program import LEAF, NUMBER, Instruction, Program, composition, operand_names
from mgraph.grade.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.grade.simulate import Rules

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
"""How an op may be made, of x, or of a and b."""


def made_of(op: str, kinds: str, xs: Sequence[float]) -> Iterator[Program]:
    """Yield programs for an op whose first steps are its operands."""
    operands = tuple(
        Instruction(NUMBER if kind == "N" else LEAF, (), x)
        for kind, x in zip(kinds, xs, strict=True)
    )
    for steps, root in _ways(op, kinds):
        yield Program((*operands, *steps), tuple(range(len(xs))), root)
    if "N" in kinds:
        yield from _with_numbers(op, kinds, operands)


@cache
def _ways(op: str, kinds: str) -> tuple[tuple[tuple[Instruction, ...], int], ...]:
    n = len(kinds)
    found = [composition(formula, n) for formula in FORMULAS.get(op, ())]
    if op == "sum":
        found.append(composition(" + ".join(operand_names(n)), n))
    return tuple(found)


def _with_numbers(op: str, kinds: str, operands: Sequence[Instruction]) -> Iterator[Program]:
    """Yield what becomes of a plain number beside a Value."""
    at = kinds.index("N")
    x = operands[at].x
    places = (0, 1)
    value = tuple(2 if place == at else place for place in places)
    yield Program((*operands, Instruction(LEAF, (), x), Instruction(op, value)), places, 3)
    if op in ("add", "mul"):
        yield Program((*operands, Instruction(op, (1, 0))), places, 2)
    if op == "sub" and at == 1:
        yield Program(
            (*operands, Instruction(NUMBER, (), -x), Instruction("add", (0, 2))), places, 3
        )
    if op == "div" and at == 1 and x:
        yield Program(
            (*operands, Instruction(NUMBER, (), 1.0 / x), Instruction("mul", (0, 2))), places, 3
        )


def through(
    program: Program, rules: Rules, upstream: float = 1.0
) -> tuple[float, Sequence[float], bool]:
    """Return what an op made of others gives and passes on by an engine's rules; if known."""
    ran = simulate(program, rules._replace(seed=lambda _: upstream))
    known = not ran.unknown
    return ran.data[program.root], [ran.grad[place] for place in program.places], known
