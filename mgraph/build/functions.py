"""The functions that formulas may call: the ops, and functions that are composed of ops."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mgraph.ops import OPS, Op
from mgraph.value import compute, maximum, minimum, total

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mgraph.value import Value


@dataclass(frozen=True)
class Function:
    """A function that formulas may call.

    Attributes:
        build: Makes its value from those of its arguments.
        fewest: The least number of arguments.
        most: The largest number of arguments; None for any.
        usage: How it is called, if it is not an op.
    """

    build: Callable[..., Value]
    fewest: int = 1
    most: int | None = 1
    usage: str = ""

    def takes(self, count: int) -> bool:
        """Whether it may have `count` arguments."""
        return self.fewest <= count and (self.most is None or count <= self.most)

    @property
    def expected(self) -> str:
        """How many arguments it takes, for people."""
        return str(self.fewest) if self.most == self.fewest else f"at least {self.fewest}"


def _of_op(op: Op) -> Function:
    def build(*args: Value) -> Value:
        return compute(op, args)

    return Function(build, 1, None) if op.fold else Function(build, op.inputs, op.inputs)


def _leaky_relu(x: Value, a: Value) -> Value:
    """Return x above 0 and a·x below, both exactly; the slope at 0 is 0, like that of relu."""
    return x.relu() - a * (-x).relu()


def _gelu(x: Value) -> Value:
    """Return x times the chance that a normal number is below it: exact, not by tanh."""
    return x * (0.5 * (1.0 + (x * math.sqrt(0.5)).erf()))


def _silu(x: Value) -> Value:
    return x * x.sigmoid()


def _square(x: Value) -> Value:
    """Return x·x; unlike pow, mul is defined and smooth for negative x, too."""
    return x * x


def _mean(*values: Value) -> Value:
    return total(values) / len(values)


COMPOSED: Final[Mapping[str, Function]] = {
    "gelu": Function(_gelu, usage="gelu(x)"),
    "leaky_relu": Function(_leaky_relu, 2, 2, "leaky_relu(x, a)"),
    "max": Function(maximum, 2, None, "max(a, b, …)"),
    "mean": Function(_mean, 1, None, "mean(a, b, …)"),
    "min": Function(minimum, 2, None, "min(a, b, …)"),
    "silu": Function(_silu, usage="silu(x)"),
    "square": Function(_square, usage="square(x)"),
}
"""Functions that are composed of ops; max and min of two are ops themselves."""

FUNCTIONS: Final[Mapping[str, Function]] = {
    **{name: _of_op(op) for name, op in OPS.items()},
    "ln": _of_op(OPS["log"]),
    "arcsin": _of_op(OPS["asin"]),
    "arccos": _of_op(OPS["acos"]),
    "arctan": _of_op(OPS["atan"]),
    "arctan2": _of_op(OPS["atan2"]),
    **COMPOSED,
}
"""All functions, by the names that formulas use."""
