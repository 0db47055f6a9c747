"""ONNX: a model of double-precision operators on numbers or columns; values only.

Gradients are the values of another graph, which is exported like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgraph.errors import MissingExtraError
from mgraph.exporting.onnx_model import OnnxModel
from mgraph.exporting.program import StraightProgram, title_of
from mgraph.exporting.python import LANGUAGE
from mgraph.extras import install

if TYPE_CHECKING:
    from mgraph.document import Graph


def emit(graph: Graph, name: str) -> dict[str, bytes]:
    """Return the model.

    Raises:
        MissingExtraError: The package onnx is not installed.
    """
    try:
        import onnx  # noqa: PLC0415 - an extra
    except ImportError:
        message = f"exporting to ONNX needs the package onnx: {install('interop')}"
        raise MissingExtraError(message) from None
    program = StraightProgram(graph, LANGUAGE, (), title_of(graph, name))
    model: bytes = OnnxModel(program, onnx).made().SerializeToString()
    return {f"{program.title}.onnx": model}
