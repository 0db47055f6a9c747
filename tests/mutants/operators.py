"""Mutation operators: the small changes that are made to a syntax tree.

Each yields pairs: a node at or below the one it is given, and what takes that node's place.
"""

from __future__ import annotations

import ast
import copy
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Change: TypeAlias = tuple[ast.AST, ast.AST]

COMPARISONS: Final[Mapping[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
ARITHMETIC: Final[Mapping[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
REMOVABLE: Final = (ast.Expr, ast.AugAssign, ast.Raise, ast.Break, ast.Continue)


def comparison(node: ast.AST) -> Iterator[Change]:
    """Exchange one comparison of a chain: `<` becomes `<=`, `==` becomes `!=`."""
    if isinstance(node, ast.Compare):
        for i, op in enumerate(node.ops):
            mutated = copy.copy(node)
            mutated.ops = [*node.ops[:i], COMPARISONS[type(op)](), *node.ops[i + 1 :]]
            yield node, mutated


def arithmetic(node: ast.AST) -> Iterator[Change]:
    """Exchange `+` and `-`, `*` and `/`, and the like."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in ARITHMETIC:
        mutated = copy.copy(node)
        mutated.op = ARITHMETIC[type(node.op)]()
        yield node, mutated


def number(node: ast.AST) -> Iterator[Change]:
    """Make a number larger by one, and smaller by one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        for other in (node.value + 1, node.value - 1):
            if type(node.value) is not bool and other != node.value:
                yield node, ast.Constant(other)


def boolean(node: ast.AST) -> Iterator[Change]:
    """Exchange `and` and `or`, True and False."""
    if isinstance(node, ast.BoolOp):
        mutated = copy.copy(node)
        mutated.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield node, mutated
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield node, ast.Constant(not node.value)


def condition(node: ast.AST) -> Iterator[Change]:
    """Negate the condition of an `if` or `while` statement or expression."""
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        yield node.test, ast.UnaryOp(ast.Not(), node.test)


def filtering(node: ast.AST) -> Iterator[Change]:
    """Negate a condition of a comprehension."""
    if isinstance(node, ast.comprehension):
        for test in node.ifs:
            yield test, ast.UnaryOp(ast.Not(), test)


def sign(node: ast.AST) -> Iterator[Change]:
    """Drop a `not`, `-` or `~`."""
    if isinstance(node, ast.UnaryOp):
        yield node, node.operand


def removal(node: ast.AST) -> Iterator[Change]:
    """Replace a statement without which the rest still runs with `pass`."""
    if isinstance(node, REMOVABLE) or (
        isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name | ast.Tuple)
    ):
        yield node, ast.Pass()


def answer(node: ast.AST) -> Iterator[Change]:
    """Return None."""
    if isinstance(node, ast.Return) and node.value is not None:
        yield node, ast.Return(ast.Constant(None))


def default(node: ast.AST) -> Iterator[Change]:
    """Change a default: None becomes 0, a text gets longer; numbers and flags as above."""
    if isinstance(node, ast.arguments):
        for value in (*node.defaults, *node.kw_defaults):
            if isinstance(value, ast.Constant) and value.value is None:
                yield value, ast.Constant(0)
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value, ast.Constant(value.value + "x")


def order(node: ast.AST) -> Iterator[Change]:
    """Exchange the first two arguments of a call."""
    if isinstance(node, ast.Call) and len(node.args) > 1:
        first, second, *rest = node.args
        if ast.dump(first) != ast.dump(second) and not any(
            isinstance(arg, ast.Starred) for arg in (first, second)
        ):
            mutated = copy.copy(node)
            mutated.args = [second, first, *rest]
            yield node, mutated


OPERATORS: Final[Mapping[str, Callable[[ast.AST], Iterator[Change]]]] = {
    "comparison": comparison,
    "arithmetic": arithmetic,
    "number": number,
    "boolean": boolean,
    "condition": condition,
    "filter": filtering,
    "sign": sign,
    "removal": removal,
    "answer": answer,
    "default": default,
    "order": order,
}
"""By name; drawn from in this order."""
