"""Writes ops.js: the op table, its formulas translated from Python to JavaScript."""

from __future__ import annotations

import ast
import json
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from mgraph.ops import LEAVES, formulas, ieee

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from mgraph.ops.formulas import Formulas

PRIMITIVES: Final = tuple(
    name
    for name, value in vars(ieee).items()
    if callable(value) and value.__module__ == ieee.__name__ and name[0] != "_"
)
"""The functions of `ieee` that formulas may call; the page's ieee.js has the same names."""

_ARITHMETIC: Final = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
_COMPARISONS: Final = {
    ast.Eq: "===", ast.NotEq: "!==", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_LOGIC: Final = {ast.And: "&&", ast.Or: "||"}


@cache
def javascript() -> str:
    """Return the module `ops.js`: the helpers, and `OPS` with one object per op."""
    helpers = list(formulas.helpers())
    known = [helper.name for helper in helpers]
    return "\n".join([
        "/** The table of ops; generated from mgraph/ops/table.py. */",
        'import { ieee } from "./ieee.js";',
        "",
        *(_helper(helper, known) for helper in helpers),
        f"export const LEAVES = {json.dumps(LEAVES)};",
        "",
        "export const OPS = new Map([",
        *_ops(known),
        "]);",
        "",
    ])  # fmt: skip


def _helper(node: ast.FunctionDef, known: Collection[str]) -> str:
    (result,) = (line for line in node.body if isinstance(line, ast.Return))
    assert result.value is not None  # noqa: S101 - our own table
    names = [arg.arg for arg in node.args.args]
    text = expression(result.value, names, known)
    return f"const {node.name} = ({', '.join(names)}) => {text};\n"


def _ops(known: Collection[str]) -> Iterator[str]:
    for formula in formulas.parse_table():
        yield f"  [{json.dumps(formula.op.name)}, {{"
        for key, function in (("value", formula.forward), ("partials", formula.partials)):
            names = [arg.arg for arg in function.args.args]
            text = expression(function.body, names, known)
            yield f"    {key}: ({', '.join(names)}) => {text},"
        for key, value in _texts(formula).items():
            yield f"    {key}: {json.dumps(value, ensure_ascii=False)},"
        yield "  }],"


def _texts(formula: Formulas) -> dict[str, Any]:
    op = formula.op
    return {
        "inputs": op.inputs,
        "fold": op.fold,
        "formula": op.formula,
        "partialsText": op.partials_text,
    }


def expression(  # noqa: C901, PLR0911 - one case per construct of the language
    node: ast.expr, names: Collection[str], helpers: Collection[str] = ()
) -> str:
    """Translate an expression of the small language that formulas use.

    Args:
        node: The expression.
        names: The arguments that it may use.
        helpers: The functions of the table that it may call.

    Raises:
        ValueError: It uses something that this language does not have.
    """

    def text(part: ast.expr) -> str:
        return expression(part, names, helpers)

    match node:
        case ast.Constant(value=float(number)) if isfinite(number):
            return repr(number)
        case ast.Name(id=name) if name in names:
            return name
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"(-{text(operand)})"
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            return f"({text(left)} {_ARITHMETIC[type(op)]} {text(right)})"
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
            return f"({text(left)} {_COMPARISONS[type(op)]} {text(right)})"
        case ast.BoolOp(op=op, values=values):
            return f"({f' {_LOGIC[type(op)]} '.join(map(text, values))})"
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return f"({text(test)} ? {text(body)} : {text(orelse)})"
        case ast.Tuple(elts=elements):
            return f"[{', '.join(map(text, elements))}]"
        case ast.Call(func=function, args=args, keywords=[]):
            return f"{_function(function, helpers)}({', '.join(map(text, args))})"
    raise _refused(node)


def _function(node: ast.expr, helpers: Collection[str]) -> str:
    match node:
        case ast.Name(id="abs"):
            return "Math.abs"
        case ast.Name(id=name) if name in helpers:
            return name
        case ast.Attribute(value=ast.Name(id="ieee"), attr=name) if name in PRIMITIVES:
            return f"ieee.{name}"
    raise _refused(node)


def _refused(node: ast.AST) -> ValueError:
    return ValueError(f"formulas can't contain {ast.unparse(node)!r}")
