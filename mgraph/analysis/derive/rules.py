"""The rules by which nodes are replaced by simpler ones; none of them changes a bit of a value.

| rule | why no bit changes |
|---|---|
| an exact op of consts is a const | it has one right answer, whatever the engine and math library |
| x·1, 1·x, x/1, x - 0, x + (-0), -0 + x, sum(x) are x | IEEE 754 gives x, even for -0, inf, NaN |
| -(-x) is x | negation only turns the sign over |
| x·(-1) and (-1)·x are -x | the product is exact |
| equal consts are one node | the same bits; a const has no gradient |
| equal ops of equal arguments are one node | an op gives the same bits each time |
| a + b is b + a, and a·b is b·a | IEEE 754; NaN is one NaN |

The last two change no value, but gradients: the adjoints of two equal nodes become one sum, which
rounds differently. So they hold for the nodes that `derive` adds, not for those of somebody else.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Final

from mgraph.graph.run import bits
from mgraph.ops import OPCODES, is_leaf, op_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ADD: Final = OPCODES["add"]
SUB: Final = OPCODES["sub"]
MUL: Final = OPCODES["mul"]
DIV: Final = OPCODES["div"]
NEG: Final = OPCODES["neg"]
SUM: Final = OPCODES["sum"]
CONST: Final = OPCODES["const"]
INPUT: Final = OPCODES["input"]

EXACT: Final = bytes(code for code in OPCODES.values() if not is_leaf(code) and op_of(code).exact)
"""The opcodes whose values can be computed in advance."""

COMMUTATIVE: Final = (ADD, MUL)

NEUTRAL_RIGHT: Final[Mapping[int, float]] = {MUL: 1.0, DIV: 1.0, SUB: 0.0, ADD: -0.0}
"""By opcode, the second argument that leaves the first as it is."""

NEUTRAL_LEFT: Final[Mapping[int, float]] = {MUL: 1.0, ADD: -0.0}
"""By opcode, the first argument that leaves the second as it is."""


def folded(code: int, values: Sequence[float | None]) -> float | None:
    """Return the value of an op whose arguments are consts; None if it can't be known.

    Args:
        code: The opcode.
        values: The values of the arguments; None for those that are not consts.
    """
    known = [x for x in values if x is not None]
    return op_of(code).value(known) if len(known) == len(values) and code in EXACT else None


def neutral(code: int, values: Sequence[float | None]) -> int | None:
    """Return which argument an op returns as it is; None if it computes something.

    Args:
        code: The opcode.
        values: The values of the arguments; None for those that are not consts.
    """
    if code == SUM:
        return 0 if len(values) == 1 else None
    if code in NEUTRAL_RIGHT:
        first, second = values
        if _is(second, NEUTRAL_RIGHT[code]):
            return 0
        if code in NEUTRAL_LEFT and _is(first, NEUTRAL_LEFT[code]):
            return 1
    return None


def pattern(value: float) -> int:
    """Return the bits of a double; all NaNs are one."""
    return bits(value) if value == value else bits(nan)


def _is(value: float | None, wanted: float) -> bool:
    return value is not None and bits(value) == bits(wanted)
