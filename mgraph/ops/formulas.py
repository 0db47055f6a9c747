"""The formulas of the table of ops as syntax trees, for translating them."""

from __future__ import annotations

import ast
import inspect
from typing import TYPE_CHECKING, NamedTuple

from mgraph.ops import Op, named, table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType


class Formulas(NamedTuple):
    """An op and the syntax trees of its two formulas."""

    op: Op
    forward: ast.Lambda
    partials: ast.Lambda


def helpers(module: ModuleType = table) -> Iterator[ast.FunctionDef]:
    """Yield the helpers in a module that formulas may call: floats in, a float out."""
    for node in _tree(module).body:
        if isinstance(node, ast.FunctionDef) and _returns_only(node):
            yield node


def parse_table() -> Iterator[Formulas]:
    """Yield the formulas of every op, in the order of the table."""
    for node in _tree(table).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "TABLE":
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "Op":
                    yield _formulas(call)


def _tree(module: ModuleType) -> ast.Module:
    return ast.parse(inspect.getsource(module))


def _returns_only(node: ast.FunctionDef) -> bool:
    return node.args.vararg is None and ast.unparse(node.returns or node) == "float"


def _formulas(call: ast.Call) -> Formulas:
    name, forward, partials = call.args[:3]
    assert isinstance(forward, ast.Lambda)  # noqa: S101 - our own table
    assert isinstance(partials, ast.Lambda)  # noqa: S101
    return Formulas(named(ast.literal_eval(name)), forward, partials)
