"""ONNX: a model of double-precision operators on numbers or columns; values only.

Gradients are the values of another graph, which is exported like any other.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from mgraph.errors import GraphError, MissingExtraError
from mgraph.exporting.onnx_model import OPERATORS, OnnxModel, compositions
from mgraph.exporting.program import StraightProgram, title_of
from mgraph.exporting.python import LANGUAGE
from mgraph.extras import install
from mgraph.ops.language import body_of, helpers, table

if TYPE_CHECKING:
    from mgraph.document import Graph
    from mgraph.ops import Op


def emit(graph: Graph, name: str) -> dict[str, bytes]:
    """Return the model.

    Raises:
        GraphError: `unknown-op` if the graph has ops that can't be said; it names each.
        MissingExtraError: The package onnx is not installed.
    """
    try:
        import onnx  # noqa: PLC0415 - an extra
    except ImportError:
        message = f"exporting to ONNX needs the package onnx: {install('interop')}"
        raise MissingExtraError(message) from None
    program = StraightProgram(graph, LANGUAGE, (), title_of(graph, name))
    if refused := [op.name for op in program.ops() if lacking(op)]:
        message = f"ONNX Runtime has no double-precision operators for {', '.join(refused)}"
        raise GraphError.of("unknown-op", message)
    model: bytes = OnnxModel(program, onnx).made().SerializeToString()
    return {f"{program.title}.onnx": model}


def lacking(op: Op) -> list[str]:
    """Return the primitives of an op that are neither operators nor composed of them."""
    waiting: list[ast.AST] = [table()[op.name].forward.body]
    names: dict[str, None] = {}
    for tree in waiting:  # grows
        for part in ast.walk(tree):
            name = part.attr if isinstance(part, ast.Attribute) else ""
            if isinstance(part, ast.Name) and part.id in helpers():
                waiting.append(body_of(helpers()[part.id]))
            if name and name not in OPERATORS and name not in compositions():
                names[name] = None
    return [*names]
