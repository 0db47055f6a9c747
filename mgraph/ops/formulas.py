"""The formulas of the table of ops as syntax trees, for those who translate them."""

from __future__ import annotations

import ast
import inspect
from typing import TYPE_CHECKING, NamedTuple

from mgraph.ops import Op, named, table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType


class Formulas(NamedTuple):
    """What one row computes, as it is written."""

    op: Op
    forward: ast.Lambda
    partials: ast.Lambda


def helpers(module: ModuleType = table) -> Iterator[ast.FunctionDef]:
    """Yield the functions of a file, the table's, that rows may call: a float, from floats."""
    for node in _tree(module).body:
        if isinstance(node, ast.FunctionDef) and _returns_only(node):
            yield node


def rows() -> Iterator[Formulas]:
    """Yield the rows, in the order of the table."""
    for node in _tree(table).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "ROWS":
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
