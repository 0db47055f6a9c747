"""Exact math: primitives with one right answer, the double nearest to the exact result.

The names are those of `mgraph.ops.ieee`, which this module can stand in for in the op table.
Everything is computed in Python integers, with proven bounds, and without the math library:
`rounding` is the core; the modules of the functions say what their bounds are derived from.
`exact_op` gives the ops of the table in exact math.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import TYPE_CHECKING, Any

from mgraph.ops import table as _table
from mgraph.ops.exact.angles import acos, asin, atan, atan2
from mgraph.ops.exact.error_function import erf
from mgraph.ops.exact.exponential import cosh, exp, expm1, sinh, tanh
from mgraph.ops.exact.logarithm import log, log1p
from mgraph.ops.exact.powers import power
from mgraph.ops.exact.trigonometry import cos, sin, tan
from mgraph.ops.ieee import INF, NAN, div, sqrt
from mgraph.ops.table import Op

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "INF", "NAN", "ExactOp", "acos", "asin", "atan", "atan2", "cos", "cosh", "div", "erf",
    "exact_named", "exact_op", "exp", "expm1", "log", "log1p", "power", "sin", "sinh", "sqrt",
    "tan", "tanh",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExactOp(Op):
    """An op in exact math: its formulas are those of the table, its primitives those here."""

    def __reduce__(self) -> tuple[Callable[[str], Op], tuple[str]]:
        """Pickle it as the exact op of its name."""
        return exact_named, (self.name,)


def exact_op(op: Op) -> Op:
    """Return an op in exact math: the same formulas, with the primitives of this module."""
    return exact_named(op.name)


@cache
def exact_named(name: str) -> Op:
    """Return the op of this name in exact math."""
    op = _table.named(name)
    fields: dict[str, Any] = {field: getattr(op, field) for field in Op.__dataclass_fields__}
    functions = ("step", "step_partials", "kink_distance")
    fields |= {field: _rebound(fields[field]) for field in functions}
    return ExactOp(**fields | {"exact": True})


@cache
def _names() -> dict[str, Any]:
    """Return what formulas of the table see: its own names, but exact primitives and helpers."""
    names = {**vars(_table), "ieee": sys.modules[__name__]}
    helpers = {
        name: FunctionType(x.__code__, names, name)
        for name, x in vars(_table).items()
        if isinstance(x, FunctionType) and x.__module__ == _table.__name__
    }
    names.update(helpers)
    return names


def _rebound(function: Callable[..., Any]) -> Callable[..., Any]:
    return FunctionType(function.__code__, _names(), function.__name__)
