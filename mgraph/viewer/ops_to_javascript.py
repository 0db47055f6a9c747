"""The table of ops as JavaScript, translated word by word from its rows."""

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
"""The functions of `ieee` that rows may call; the page's ieee.js has the same names."""

_ARITHMETIC: Final = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
_COMPARISONS: Final = {
    ast.Eq: "===", ast.NotEq: "!==", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
_LOGIC: Final = {ast.And: "&&", ast.Or: "||"}


@cache
def javascript() -> str:
    """Return the module `ops.js`: the helpers, and `OPS` with one object per row."""
    helpers = list(formulas.helpers())
    known = [helper.name for helper in helpers]
    return "\n".join([
        "/** The table of ops; made by mgraph from mgraph/ops/table.py. */",
        'import { ieee } from "./ieee.js";',
        "",
        *(_helper(helper, known) for helper in helpers),
        f"export const LEAVES = {json.dumps(LEAVES)};",
        "",
        "export const OPS = new Map([",
        *_rows(known),
        "]);",
        "",
    ])  # fmt: skip


def _helper(node: ast.FunctionDef, known: Collection[str]) -> str:
    (result,) = (line for line in node.body if isinstance(line, ast.Return))
    assert result.value is not None  # noqa: S101 - our own table
    names = [arg.arg for arg in node.args.args]
    text = expression(result.value, names, known)
    return f"const {node.name} = ({', '.join(names)}) => {text};\n"


def _rows(known: Collection[str]) -> Iterator[str]:
    for row in formulas.parse_table():
        yield f"  [{json.dumps(row.op.name)}, {{"
        for key, function in (("value", row.forward), ("partials", row.partials)):
            names = [arg.arg for arg in function.args.args]
            text = expression(function.body, names, known)
            yield f"    {key}: ({', '.join(names)}) => {text},"
        for key, value in _texts(row).items():
            yield f"    {key}: {json.dumps(value, ensure_ascii=False)},"
        yield "  }],"


def _texts(row: Formulas) -> dict[str, Any]:
    op = row.op
    return {"inputs": op.inputs, "fold": op.fold, "formula": op.formula, "slopes": op.partials_text}


def expression(  # noqa: C901, PLR0911 - one case per construct of the row language
    node: ast.expr, names: Collection[str], helpers: Collection[str] = ()
) -> str:
    """Translate an expression of the row language.

    Args:
        node: The expression.
        names: The arguments that it may use.
        helpers: The functions beside it that it may call.

    Raises:
        ValueError: It uses something that the row language does not have.
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
    return ValueError(f"the row language has no {ast.unparse(node)!r}")
