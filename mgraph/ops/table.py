"""The table of ops; the only module that contains derivatives.

Its formulas are read by machines: Python calls them with floats, others compile them. So they use
only `+ - *`, comparisons, `and`, `or`, `x if c else y`, `abs`, float literals, the small helpers
below and `ieee.*`. An op's value or derivative never changes once released: a different choice
is a new op.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.ops import ieee

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

INF: Final = ieee.INF


class Interval(NamedTuple):
    """The real numbers from `low` to `high`; `open_low` leaves `low` itself out."""

    low: float
    high: float = INF
    open_low: bool = False

    def __str__(self) -> str:
        """Format it as in mathematics, for example `(0, ∞)`."""
        low = "-∞" if self.low == -INF else f"{self.low:g}"
        high = "∞" if self.high == INF else f"{self.high:g}"
        left = "(" if self.open_low or self.low == -INF else "["
        return f"{left}{low}, {high}{')' if self.high == INF else ']'}"


REAL: Final = Interval(-INF)
POSITIVE: Final = Interval(0.0, open_low=True)
NOT_NEGATIVE: Final = Interval(0.0)
ABOVE_MINUS_ONE: Final = Interval(-1.0, open_low=True)
WITHIN_ONE: Final = Interval(-1.0, 1.0)


def no_kink(*_: float) -> float:
    """Distance to the nearest kink of an op that has none."""
    return INF


@dataclass(frozen=True, slots=True)
class Op:
    """Everything mgraph knows about one operation.

    Attributes:
        name: As spelled in graph files.
        step: Computes the output from `inputs` inputs; `value` takes any valid number of them.
        step_partials: Computes one partial per input from (*inputs, output); likewise `partials`.
        formula: The value, for people; a, b (or x) are the inputs.
        partials_text: The partials, for people; y is the output.
        domain: Where it is smooth in all inputs, one interval per input; None means everywhere.
        outside: What there is outside of the domain, for people.
        exact: Whether there is one right answer, bit for bit, whatever the math library.
        fold: Whether `step` has two inputs and is applied left to right to any number of them;
            each of its partials is 1, and so are those of the whole.
        kink_distance: Distance of the inputs from the nearest point where a partial jumps.
        at_kink: The partials chosen there, for people.
        in_ops: The partials as formulas of ops, with the same bits; empty if `step_partials` can be
            read as such, because it doesn't choose between cases. `ops.partials` reads both.
        since: The first format version that has it.
    """

    name: str
    step: Callable[..., float]
    step_partials: Callable[..., tuple[float, ...]]
    formula: str
    partials_text: str
    domain: tuple[Interval, ...] | None = None
    outside: str = ""
    exact: bool = False
    fold: bool = False
    kink_distance: Callable[..., float] = no_kink
    at_kink: str = ""
    in_ops: str = ""
    since: str = "1.0"

    def __reduce__(self) -> tuple[Callable[[str], Op], tuple[str]]:
        """Pickle an op as its name: the table is the same everywhere."""
        return named, (self.name,)

    @property
    def inputs(self) -> int:
        """How many inputs `step` takes; 2 for a fold, which takes any number from 1."""
        return self.step.__code__.co_argcount

    def value(self, inputs: Sequence[float]) -> float:
        """Return the output for any valid number of inputs.

        Args:
            inputs: Primals of the arguments, in order; a fold is applied left to right.
        """
        if not self.fold:
            return self.step(*inputs)
        output = inputs[0]
        for x in inputs[1:]:
            output = self.step(output, x)
        return output

    def partials(self, inputs: Sequence[float], output: float) -> tuple[float, ...]:
        """Return one partial per input, in order.

        Args:
            inputs: Primals of the arguments, in order.
            output: The `value` of these inputs.
        """
        if self.fold:  # each partial of a fold is that of its step, which is the same everywhere
            return (self.step_partials(0.0, 0.0, 0.0)[1],) * len(inputs)
        return self.step_partials(*inputs, output)

    def partial_text(self, index: int) -> str:
        """Return the partial by one input, for people; all partials if the text has one for all."""
        parts = self.partials_text.split(", ") if self.inputs > 1 else [self.partials_text]
        return parts[index] if len(parts) == self.inputs else self.partials_text

    def takes(self, count: int) -> bool:
        """Whether a node of this op may have `count` arguments."""
        return count >= 1 if self.fold else count == self.inputs


def logistic(x: float) -> float:
    """1/(1 + e^-x), computed so that neither tail overflows."""
    return (
        ieee.div(1.0, 1.0 + ieee.exp(-x)) if x >= 0.0 else ieee.div(ieee.exp(x), 1.0 + ieee.exp(x))
    )


def ramp(x: float) -> float:
    """Return x if it is above zero, else +0; NaN stays NaN."""
    return x if x > 0.0 or x != x else 0.0


def sign(x: float) -> float:
    """Return 1 above zero, -1 below, else 0 (for NaN, too)."""
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else 0.0


# fmt: off
TABLE: Final = (
    Op("add",  lambda a, b: a + b,          lambda a, b, y: (1.0, 1.0),           "a + b", "1, 1", exact=True),
    Op("sub",  lambda a, b: a - b,          lambda a, b, y: (1.0, -1.0),          "a - b", "1, -1", exact=True),
    Op("mul",  lambda a, b: a * b,          lambda a, b, y: (b, a),               "a·b", "b, a", exact=True),
    Op("div",  lambda a, b: ieee.div(a, b), lambda a, b, y: (ieee.div(1.0, b), ieee.div(-y, b)),
               "a/b", "1/b, -y/b", exact=True,
               kink_distance=lambda a, b: abs(b), at_kink="a pole at b = 0: ±inf or NaN, as IEEE"),
    Op("pow",  lambda a, b: ieee.power(a, b),
               lambda a, b, y: (0.0 if b == 0.0 else b * ieee.power(a, b - 1.0),
                                0.0 if a == 0.0 and b >= 0.0 else y * ieee.log(a)),
               "a^b", "b·a^(b-1), y·ln a", domain=(POSITIVE, REAL),
               outside="a < 0: NaN, except for the value and the derivative by a where b is whole",
               at_kink="0 for a where b = 0; 0 for b where a = 0 and b ≥ 0",
               in_ops="gate(1 - gate(5e-324 - abs(b), 1), b*pow(a, b - 1)), gate(1 - gate(5e-324 - max(abs(a), -b), 1), y*log(a))"),
    Op("max",  lambda a, b: a if a > b or a != a else b,
               lambda a, b, y: (0.5, 0.5) if a == b else (1.0, 0.0) if a > b or a != a else (0.0, 1.0),
               "max(a, b)", "1 to the larger; 0 to the other", exact=True,
               kink_distance=lambda a, b: abs(a - b), at_kink="½, ½; NaN: 1 to the NaN, to a if both",
               in_ops="1 - gate(max(a, inf), 1) + gate(max(y, inf), 0.5) + (gate(a - b, 0.5) - gate(b - a, 0.5)), "
                      "gate(max(a, inf), 1) - gate(max(y, inf), 0.5) - (gate(a - b, 0.5) - gate(b - a, 0.5))"),
    Op("min",  lambda a, b: a if a < b or a != a else b,
               lambda a, b, y: (0.5, 0.5) if a == b else (1.0, 0.0) if a < b or a != a else (0.0, 1.0),
               "min(a, b)", "1 to the smaller; 0 to the other", exact=True,
               kink_distance=lambda a, b: abs(a - b), at_kink="½, ½; NaN: 1 to the NaN, to a if both",
               in_ops="1 - gate(max(a, inf), 1) + gate(max(y, inf), 0.5) + (gate(b - a, 0.5) - gate(a - b, 0.5)), "
                      "gate(max(a, inf), 1) - gate(max(y, inf), 0.5) - (gate(b - a, 0.5) - gate(a - b, 0.5))"),
    Op("sum",  lambda a, b: a + b,          lambda a, b, y: (1.0, 1.0),           "a + b + …", "1 each", exact=True, fold=True),
    Op("neg",  lambda x: -x,                lambda x, y: (-1.0,),                 "-x", "-1", exact=True),
    Op("abs",  lambda x: abs(x),            lambda x, y: (sign(x),),              "|x|", "sign of x", exact=True,
               kink_distance=lambda x: abs(x), at_kink="0", in_ops="gate(x, 1) - gate(-x, 1)"),
    Op("sqrt", lambda x: ieee.sqrt(x),      lambda x, y: (ieee.div(0.5, y),),     "√x", "0.5/y", domain=(NOT_NEGATIVE,), outside="NaN", exact=True,
               kink_distance=lambda x: abs(x), at_kink="inf"),
    Op("exp",  lambda x: ieee.exp(x),       lambda x, y: (y,),                    "exp x", "y"),
    Op("log",  lambda x: ieee.log(x),       lambda x, y: (ieee.div(1.0, x),),     "ln x", "1/x", domain=(POSITIVE,), outside="x < 0: NaN, with the derivative 1/x",
               kink_distance=lambda x: abs(x), at_kink="a pole at x = 0: ±inf"),
    Op("sin",  lambda x: ieee.sin(x),       lambda x, y: (ieee.cos(x),),          "sin x", "cos x"),
    Op("cos",  lambda x: ieee.cos(x),       lambda x, y: (-ieee.sin(x),),         "cos x", "-sin x"),
    Op("tan",  lambda x: ieee.tan(x),       lambda x, y: (1.0 + y * y,),          "tan x", "1 + y·y",
               kink_distance=lambda x: abs(ieee.cos(x)), at_kink="no double is a pole"),
    Op("atan", lambda x: ieee.atan(x),      lambda x, y: (ieee.div(1.0, 1.0 + x * x),), "atan x", "1/(1 + x·x)"),
    Op("sinh", lambda x: ieee.sinh(x),      lambda x, y: (ieee.cosh(x),),         "sinh x", "cosh x"),
    Op("cosh", lambda x: ieee.cosh(x),      lambda x, y: (ieee.sinh(x),),         "cosh x", "sinh x"),
    Op("tanh", lambda x: ieee.tanh(x),      lambda x, y: (1.0 - y * y,),          "tanh x", "1 - y·y"),
    Op("sigmoid",  lambda x: logistic(x),   lambda x, y: (y * (1.0 - y),),        "sigmoid x", "y·(1 - y)"),
    Op("softplus", lambda x: ramp(x) + ieee.log1p(ieee.exp(-abs(x))),
                   lambda x, y: (logistic(x),),                                   "softplus x", "sigmoid x"),
    Op("relu", lambda x: ramp(x),           lambda x, y: (1.0 if x > 0.0 else 0.0,), "relu x", "1 if x > 0, else 0", exact=True,
               kink_distance=lambda x: abs(x), at_kink="0", in_ops="gate(x, 1)"),
    Op("erf",   lambda x: ieee.erf(x),      lambda x, y: (1.1283791670955126 * ieee.exp(-(x * x)),), "erf x", "1.1283791670955126·exp(-(x·x))", since="1.1"),
    Op("log1p", lambda x: ieee.log1p(x),    lambda x, y: (ieee.div(1.0, 1.0 + x),), "ln(1 + x)", "1/(1 + x)", domain=(ABOVE_MINUS_ONE,), outside="x < -1: NaN, with the derivative 1/(1 + x)",
               kink_distance=lambda x: abs(1.0 + x), at_kink="a pole at x = -1: inf", since="1.1"),
    Op("expm1", lambda x: ieee.expm1(x),    lambda x, y: (ieee.exp(x),),          "exp x - 1", "exp x", since="1.1"),
    Op("asin",  lambda x: ieee.asin(x),     lambda x, y: (ieee.div(1.0, ieee.sqrt((1.0 - x) * (1.0 + x))),),
               "asin x", "1/√((1 - x)·(1 + x))", domain=(WITHIN_ONE,), outside="NaN",
               kink_distance=lambda x: abs(1.0 - abs(x)), at_kink="inf", since="1.1"),
    Op("acos",  lambda x: ieee.acos(x),     lambda x, y: (-ieee.div(1.0, ieee.sqrt((1.0 - x) * (1.0 + x))),),
               "acos x", "-1/√((1 - x)·(1 + x))", domain=(WITHIN_ONE,), outside="NaN",
               kink_distance=lambda x: abs(1.0 - abs(x)), at_kink="-inf", since="1.1"),
    Op("atan2", lambda a, b: ieee.atan2(a, b),
               lambda a, b, y: (ieee.div(b, a * a + b * b), ieee.div(-a, a * a + b * b)),
               "atan2(a, b)", "b/(a·a + b·b), -a/(a·a + b·b)",
               kink_distance=lambda a, b: abs(a) if b < 0.0 else ieee.sqrt(a * a + b * b),
               at_kink="NaN at (0, 0); the value jumps by 2π where a = 0 and b < 0", since="1.1"),
    Op("gate",  lambda a, b: b if a > 0.0 else 0.0, lambda a, b, y: (0.0, 1.0 if a > 0.0 else 0.0),
               "b if a > 0 else 0", "0, 1 if a > 0 else 0", exact=True,
               kink_distance=lambda a, b: abs(a), at_kink="0, 0", in_ops="0, gate(a, 1)", since="1.1"),
)
# fmt: on
"""The ops, in the order of the format reference."""

OPS: Final[Mapping[str, Op]] = MappingProxyType({op.name: op for op in TABLE})


def named(name: str) -> Op:
    """Return the op of this name."""
    return OPS[name]


INPUT: Final = "input"
PARAM: Final = "param"
CONST: Final = "const"
LEAVES: Final = (INPUT, PARAM, CONST)
"""The kinds of nodes without arguments."""

NAMES: Final = (*LEAVES, *OPS)
"""Every valid `op` of a node; an opcode is an index into this."""

OPCODES: Final[Mapping[str, int]] = MappingProxyType({name: i for i, name in enumerate(NAMES)})


def op_of(opcode: int) -> Op:
    """Return the op of an opcode that is not a leaf's."""
    return TABLE[opcode - len(LEAVES)]


def is_leaf(opcode: int) -> bool:
    """Whether an opcode is a leaf's."""
    return opcode < len(LEAVES)


def can_take(opcode: int, count: int) -> bool:
    """Whether a node with this opcode may have `count` arguments."""
    return count == 0 if is_leaf(opcode) else op_of(opcode).takes(count)
