"""Formulas of the op table in other languages: one printer, and what each language calls things."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mgraph.ops import formulas

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgraph.ops.formulas import Formulas

DIVIDE: Final = "/"
"""As the spelling of a primitive: divide with the operator."""

_CHOICE, _OR, _AND, _COMPARISON, _SUM, _PRODUCT, _MINUS, _ATOM = range(8)
"""How tightly the parts of an expression bind; C, JavaScript and Python agree on all of them."""

_ARITHMETIC: Final = {ast.Add: (" + ", _SUM), ast.Sub: (" - ", _SUM), ast.Mult: (" * ", _PRODUCT)}
_COMPARISONS: Final = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Language:
    """What a language calls the things that formulas are made of.

    Attributes:
        primitives: The function for each of `mgraph.ops.ieee`, or `DIVIDE`.
        choice: How to choose between two numbers, given a condition: `{test}`, `{yes}`, `{no}`.
        logic: "or" and "and".
        is_lazy: Whether `choice` computes only what it chooses, and is an expression that needs
            parentheses; otherwise it is a function of arrays, and `logic` works on arrays.
        absolute: The function for absolute values.
        equality: "equal" and "not equal".
        infinity: The number, and `nan` likewise.
        const: How to make a const of a number.
        variable: The variable that holds the value of a node, given the node's name.
        adjoint: The variable that holds the adjoint of a node.
    """

    primitives: Mapping[str, str]
    choice: str
    logic: tuple[str, str]
    is_lazy: bool = True
    absolute: str = "abs"
    equality: tuple[str, str] = ("==", "!=")
    infinity: str = "inf"
    nan: str = "nan"
    const: str = "{}"
    variable: str = "{}"
    adjoint: str = "d_{}"

    def number(self, x: float) -> str:
        """Spell a number so that it reads back to the same double."""
        if isfinite(x):
            return repr(x)
        return self.nan if x != x else self.infinity if x > 0.0 else f"-{self.infinity}"

    def expression(self, node: ast.expr, names: Mapping[str, str]) -> str:
        """Spell an expression of the table.

        Args:
            node: The expression.
            names: What its variables are called here.

        Raises:
            ValueError: The language has no spelling for something in it.
        """
        return _Printer(self, names).at_least(node, _CHOICE)

    def factor(self, node: ast.expr, names: Mapping[str, str]) -> str:
        """Spell an expression as the right factor of a product."""
        return _Printer(self, names).at_least(node, _MINUS)


@dataclass(frozen=True, slots=True)
class _Printer:
    language: Language
    names: Mapping[str, str]

    def at_least(self, node: ast.expr, tight: int) -> str:
        """Spell a part, in parentheses if it binds less tightly than its place demands."""
        text, bound = self.spelled(node)
        return text if bound >= tight else f"({text})"

    def spelled(self, node: ast.expr) -> tuple[str, int]:  # noqa: PLR0911 - one case per construct
        """Spell a part, and say how tightly it binds."""
        match node:
            case ast.Constant(value=float(number)) if isfinite(number):
                return self.language.number(number), _ATOM
            case ast.Name(id=name) if name in self.names:
                return self.names[name], _ATOM
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return f"-{self.at_least(operand, _ATOM)}", _MINUS
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return self._operation(left, *_ARITHMETIC[type(op)], right)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
                return self._operation(left, f" {self._comparison(op)} ", _COMPARISON, right)
            case ast.BoolOp(op=op, values=values):
                return self._logic(values, _OR if isinstance(op, ast.Or) else _AND)
            case ast.IfExp(test=test, body=yes, orelse=no):
                return self._choice(test, yes, no)
            case ast.Tuple(elts=elements):
                return f"[{', '.join(self.at_least(x, _CHOICE) for x in elements)}]", _ATOM
            case ast.Call(func=function, args=args, keywords=[]):
                return self._call(function, args)
        raise ValueError(_refusal(node))

    def _operation(
        self, left: ast.expr, operator: str, bound: int, right: ast.expr
    ) -> tuple[str, int]:
        text = f"{self.at_least(left, bound)}{operator}{self.at_least(right, bound + 1)}"
        return text, bound

    def _comparison(self, op: ast.cmpop) -> str:
        equal, unequal = self.language.equality
        own = {ast.Eq: equal, ast.NotEq: unequal}
        return own.get(type(op), _COMPARISONS[type(op)])

    def _logic(self, values: list[ast.expr], bound: int) -> tuple[str, int]:
        tight = bound + 1 if self.language.is_lazy else _ATOM  # | and & bind tighter than <
        word = self.language.logic[bound == _AND]
        return f" {word} ".join(self.at_least(value, tight) for value in values), bound

    def _choice(self, test: ast.expr, yes: ast.expr, no: ast.expr) -> tuple[str, int]:
        is_lazy = self.language.is_lazy
        parts = {
            "test": self.at_least(test, _OR if is_lazy else _CHOICE),
            "yes": self.at_least(yes, _OR if is_lazy else _CHOICE),
            "no": self.at_least(no, _CHOICE),
        }
        return self.language.choice.format(**parts), _CHOICE if is_lazy else _ATOM

    def _call(self, function: ast.expr, args: list[ast.expr]) -> tuple[str, int]:
        name = self._function(function)
        if name == DIVIDE:
            return self._operation(args[0], " / ", _PRODUCT, args[1])
        return f"{name}({', '.join(self.at_least(arg, _CHOICE) for arg in args)})", _ATOM

    def _function(self, node: ast.expr) -> str:
        match node:
            case ast.Name(id="abs"):
                return self.language.absolute
            case ast.Name(id=name) if name in helpers():
                return name
            case ast.Attribute(value=ast.Name(id="ieee"), attr=name):
                if name in self.language.primitives:
                    return self.language.primitives[name]
        raise ValueError(_refusal(node))


def _refusal(node: ast.AST) -> str:
    return f"no spelling for {ast.unparse(node)!r}"


@cache
def table() -> Mapping[str, Formulas]:
    """Return the formulas of all ops, by name."""
    return MappingProxyType(
        {op_formulas.op.name: op_formulas for op_formulas in formulas.parse_table()}
    )


@cache
def helpers() -> Mapping[str, ast.FunctionDef]:
    """Return the helpers that formulas may call, by name, in the order of their definition."""
    return MappingProxyType({helper.name: helper for helper in formulas.helpers()})


def parameters(function: ast.FunctionDef | ast.Lambda) -> list[str]:
    """Return the names of a function's parameters."""
    return [arg.arg for arg in function.args.args]


def body_of(helper: ast.FunctionDef) -> ast.expr:
    """Return the expression that a helper returns."""
    result = helper.body[-1]
    assert isinstance(result, ast.Return)  # noqa: S101 - our own table
    assert result.value is not None  # noqa: S101
    return result.value


def partial(op: Formulas, index: int) -> ast.expr:
    """Return the partial of an op by one of its arguments; those of a fold are all alike."""
    return _element(op.partials.body, 1 if op.op.fold else index)


def _element(node: ast.expr, index: int) -> ast.expr:
    """Return one element of an expression that is a tuple, in each of its cases."""
    if isinstance(node, ast.IfExp):
        yes, no = _element(node.body, index), _element(node.orelse, index)
        return yes if ast.dump(yes) == ast.dump(no) else ast.IfExp(node.test, yes, no)
    assert isinstance(node, ast.Tuple)  # noqa: S101 - our own table
    return node.elts[index]


def called(*nodes: ast.AST) -> tuple[list[str], list[str]]:
    """Return the helpers and the primitives that some formulas need, also through helpers.

    Returns:
        Helpers in the order of their definition, and primitives.
    """
    used: dict[str, None] = {}
    primitives: dict[str, None] = {}
    waiting = list(nodes)
    for node in waiting:  # grows
        for part in ast.walk(node):
            if isinstance(part, ast.Attribute):
                primitives[part.attr] = None
            elif isinstance(part, ast.Name) and part.id in helpers() and part.id not in used:
                used[part.id] = None
                waiting.append(body_of(helpers()[part.id]))
    return [name for name in helpers() if name in used], [*primitives]


def branches(node: ast.AST) -> bool:
    """Whether an expression, or a helper that it calls, chooses between cases."""
    return any(
        isinstance(part, ast.IfExp) or (isinstance(part, ast.Name) and part.id == "abs")
        for tree in (node, *(body_of(helpers()[name]) for name in called(node)[0]))
        for part in ast.walk(tree)
    )
