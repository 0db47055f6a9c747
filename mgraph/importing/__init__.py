"""Programs of other systems as graphs of scalars: ONNX models, PyTorch modules, JAX functions.

All of them are tensors of node numbers to one scalariser, `scalars`; what frameworks compute of
tensors is in `kernels`, and what they call it in one module for each. NumPy is imported only by
these modules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgraph.codec import LIMITS, read_file
from mgraph.importing.packages import require

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from mgraph.codec import Limits
    from mgraph.document import Graph


def from_onnx(
    model: str | os.PathLike[str] | bytes,
    outputs: Sequence[str] = (),
    *,
    limits: Limits = LIMITS,
) -> Graph:
    """Return what an ONNX model computes as a graph of scalars. Needs the extra `interop`.

    Tensors with one row, the batch, become scalars: the input `x` of shape [1, 64] is `x[0]` to
    `x[63]`. A batch of any size is taken as 1. Weights become params, and everything is computed in
    double precision.

    Args:
        model: The name of a file, or its bytes. No other file is opened.
        outputs: The names of the outputs to import; by default all that are real numbers.
        limits: The largest size of the file, and the most nodes of the graph.

    Raises:
        GraphError: The file can't be read, or something in it can't be imported; all is listed.
        MissingExtraError: The package onnx is not installed.
    """
    require("numpy")
    from mgraph.importing.onnx import read_onnx  # noqa: PLC0415 - needs NumPy

    data = model if isinstance(model, bytes) else read_file(model, limits)
    return read_onnx(data, [outputs] if isinstance(outputs, str) else outputs, limits)


def from_torch(module: Any, *example: Any, limits: Limits = LIMITS) -> Graph:
    """Return what a PyTorch module computes as a graph of scalars.

    Parameters become params with their values, such as `fc1.weight[3][5]`; buffers become consts.
    The arguments become inputs, whose declared values are those of the example. Give it one row:
    the input `x` of shape [1, 64] is `x[0]` to `x[63]`. Everything is computed in double precision,
    and as in `module.eval()` if the module is in that mode.

    Args:
        module: A module, or a program that `torch.export.export` made, or `torch.export.load` read.
        example: Arguments of its `forward`; a program may have brought its own.
        limits: The most nodes of the graph.

    Raises:
        GraphError: Something in the module can't be imported; it lists all of it.
        MissingExtraError: PyTorch or NumPy is not installed.
        TypeError: It is neither a module nor such a program.
    """
    require("torch")
    require("numpy")
    from mgraph.importing.torch import read_torch  # noqa: PLC0415 - needs NumPy

    return read_torch(module, example, limits)


def from_jax(
    function: Callable[..., Any],
    *example: Any,
    params: Sequence[int] = (),
    limits: Limits = LIMITS,
) -> Graph:
    """Return what a JAX function computes as a graph of scalars.

    Arguments become inputs, named by the parameters of the function, with the values of the
    example: an argument `x` of shape [64] is `x[0]` to `x[63]`; an array `w` in a dict `net` is
    `net.w`. Arrays that the function takes from elsewhere become params. Everything is computed in
    double precision.

    Args:
        function: A function of arrays, or of trees of arrays.
        example: Its arguments.
        params: Which arguments are params instead of inputs, by number, from 0.
        limits: The most nodes of the graph.

    Raises:
        GraphError: Something in the function can't be imported; it lists all of it.
        MissingExtraError: JAX is not installed.
        TypeError: `params` are not numbers.
        ValueError: There is no argument of such a number.
    """
    require("jax")
    from mgraph.importing.jax import read_jax  # noqa: PLC0415 - needs NumPy

    return read_jax(function, example, params, limits)
