"""The partials of each op as short lists of nodes to add."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from mgraph.ops import OPCODES, op_of
from mgraph.ops.partials import Applied, partials

if TYPE_CHECKING:
    from mgraph.ops.partials import Formula


class Earlier(NamedTuple):
    """An earlier step, by its number; unlike a number, it equals no constant."""

    number: int


Operand: TypeAlias = Earlier | str | float
"""An earlier step, a name of `ops.partials`, or a constant."""


class Template(NamedTuple):
    """How a partial is computed.

    Attributes:
        steps: Opcodes with their operands, in order.
        result: The partial.
        binary: 1 if the op has a second argument, else 0.
    """

    steps: tuple[tuple[int, tuple[Operand, ...]], ...]
    result: Operand
    binary: int

    @property
    def constants(self) -> list[float]:
        """The constants that it uses besides 1 and -1 as the result."""
        operands = [*(x for _, args in self.steps for x in args), self.result]
        return [x for x in operands if isinstance(x, float)]


@cache
def template(code: int, position: int) -> Template:
    """Return how to compute the partial of an op by one of its arguments.

    Args:
        code: The opcode.
        position: Which argument, from 0.
    """
    op = op_of(code)
    formulas = partials(op.name)
    steps: list[tuple[int, tuple[Operand, ...]]] = []
    result = _add(formulas[min(position, len(formulas) - 1)], steps)
    return Template(tuple(steps), result, int(op.inputs > 1 and not op.fold))


def _add(formula: Formula, steps: list[tuple[int, tuple[Operand, ...]]]) -> Operand:
    """Add the steps of a formula of the op table, which is a few levels deep, to those before."""
    if not isinstance(formula, Applied):
        return formula
    step = OPCODES[formula.op], tuple(_add(arg, steps) for arg in formula.args)
    if step not in steps:
        steps.append(step)
    return Earlier(steps.index(step))
