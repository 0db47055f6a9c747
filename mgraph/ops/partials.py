"""The partials of every op as formulas of ops, so that a gradient can be a graph like any other.

They come from the op table: its partials are read as they are if they don't choose between cases.
A choice is a `gate`, and is written in the table as such (`Op.in_ops`). Both give the same bits for
all arguments.
"""

from __future__ import annotations

import ast
import math
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from mgraph.ops.formulas import Formulas, parse_table
from mgraph.ops.table import OPS

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST: Final = "a"
SECOND: Final = "b"
VALUE: Final = "y"
"""The names in formulas: the arguments of an op, and its value. The only argument is `FIRST`."""


class Applied(NamedTuple):
    """An op applied to formulas.

    Attributes:
        op: The name of the op.
        args: Its arguments. Formulas are equal if they have the same structure and constants.
    """

    op: str
    args: tuple[Formula, ...]


Formula: TypeAlias = Applied | str | float
"""An op applied to formulas, one of the names above, or a constant."""

_OPERATORS: Final = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul"}


@cache
def partials(op: str) -> tuple[Formula, ...]:
    """Return the partials of an op as formulas of ops.

    Args:
        op: The name of the op.

    Returns:
        One formula for each argument of `Op.step`; each argument of a fold has the last of them.
    """
    formulas = _parsed()[op]
    names = [arg.arg for arg in formulas.partials.args.args]
    known: dict[str, Formula] = dict(zip(names, (FIRST, SECOND), strict=False))
    known[names[-1]] = VALUE
    text = OPS[op].in_ops
    tree = ast.parse(f"({text},)", mode="eval").body if text else formulas.partials.body
    assert isinstance(tree, ast.Tuple)  # noqa: S101 - our own table
    return tuple(_read(element, known | {"inf": math.inf}) for element in tree.elts)


@cache
def _parsed() -> dict[str, Formulas]:
    return {formulas.op.name: formulas for formulas in parse_table()}


@cache
def _called() -> dict[str, str]:
    """Return the op for each function that formulas call: itself, or the op that is that function.

    An op is a function such as `ieee.exp` if that is all that it computes.
    """
    called = {name: name for name in OPS}
    for name, formulas in _parsed().items():
        body = formulas.forward.body
        if isinstance(body, ast.Call) and all(isinstance(arg, ast.Name) for arg in body.args):
            called[ast.unparse(body.func)] = name
    return called


def _read(node: ast.expr, known: Mapping[str, Formula]) -> Formula:
    """Read an expression of the table as a formula of ops."""
    match node:
        case ast.Constant(value=float() | int() as number):
            return float(number)
        case ast.Name(id=name):
            return known[name]
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=float() | int() as number)):
            return -float(number)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Applied("neg", (_read(operand, known),))
        case ast.BinOp(left=left, op=op, right=right):
            return Applied(_OPERATORS[type(op)], (_read(left, known), _read(right, known)))
        case ast.Call(func=function, args=args):
            return Applied(
                _called()[ast.unparse(function)], tuple(_read(arg, known) for arg in args)
            )
    message = f"no formula of ops: {ast.unparse(node)!r}"
    raise ValueError(message)
