"""The primitives of JAX, in terms of operations on tensors of scalars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from mgraph.importing import kernels
from mgraph.importing.problems import refuse
from mgraph.importing.scalars import Scalars, Tensor, is_whole, known

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Primitive: TypeAlias = "Callable[..., Tensor | Sequence[Tensor]]"
"""Takes the graph, tensors, and the parameters by name."""


def _elementwise(op: str) -> Primitive:
    return lambda g, *x, **_: g.apply(op, *x)


def _divide(g: Scalars, a: Tensor, b: Tensor) -> Tensor:
    if is_known_whole(a) and is_known_whole(b):
        return known(np.trunc(a.array / b.array).astype(np.int64))
    return g.apply("div", a, b)


def is_known_whole(x: Tensor) -> bool:
    """Whether values are known, and whole numbers."""
    return x.is_known and is_whole(x.array)


def _maximum(g: Scalars, a: Tensor, b: Tensor) -> Tensor:
    """Return the larger one; JAX writes max(-inf, x) for x."""
    if a.is_known and (a.array == -np.inf).all() and a.shape in {(), b.shape}:
        return b
    return g.apply("max", a, b)


def _compare(how: str) -> Primitive:
    return lambda g, a, b, **_: kernels.compare(g, how, a, b)


def _reduction(op: str) -> Primitive:
    return lambda g, x, axes, **_: kernels.folded(g, op, x, axes)


def _dot(
    g: Scalars,
    a: Tensor,
    b: Tensor,
    dimension_numbers: Sequence[Sequence[Sequence[int]]],
    **_: Any,
) -> Tensor:
    contracted, batch = dimension_numbers
    return kernels.contract(g, a, b, contracted, batch)


def _broadcast(
    g: Scalars,
    x: Tensor,
    shape: Sequence[int],
    broadcast_dimensions: Sequence[int],
    **_: Any,
) -> Tensor:
    sizes = [1] * len(shape)
    for dimension, size in zip(broadcast_dimensions, x.shape, strict=True):
        sizes[dimension] = size
    return kernels.broadcast(g, x.arranged(lambda y: y.reshape(sizes)), shape)


def _slice(
    _g: Scalars, x: Tensor, start_indices: Sequence[int], limit_indices: Sequence[int],
    strides: Sequence[int] | None, **_: Any,
) -> Tensor:  # fmt: skip
    steps = strides or [1] * len(start_indices)
    cuts = tuple(map(slice, start_indices, limit_indices, steps))
    return x.arranged(lambda y: y[cuts])


def _dynamic_slice(
    _g: Scalars, x: Tensor, *starts: Tensor, slice_sizes: Sequence[int], **_: Any
) -> Tensor:
    places = [
        min(max(int(start.value), 0), size - length)
        for start, size, length in zip(starts, x.shape, slice_sizes, strict=True)
    ]
    cuts = tuple(slice(i, i + n) for i, n in zip(places, slice_sizes, strict=True))
    return x.arranged(lambda y: y[cuts])


def _convert(_g: Scalars, x: Tensor, new_dtype: Any, **_: Any) -> Tensor:
    kind = np.dtype(new_dtype).kind
    if x.is_known:
        return x.arranged(lambda y: y.astype(np.float64 if kind == "f" else np.dtype(new_dtype)))
    if kind != "f":
        refuse(f"a cast to {new_dtype} of numbers that are only known when the graph runs")
    return x


def _select(g: Scalars, which: Tensor, *cases: Tensor, **_: Any) -> Tensor:
    if len(cases) != 2:  # noqa: PLR2004 - false and true
        refuse(f"a choice of {len(cases)} cases")
    return kernels.choose(g, which, cases[1], cases[0])


def _pad(
    g: Scalars, x: Tensor, value: Tensor, padding_config: Sequence[Sequence[int]], **_: Any
) -> Tensor:
    if any(inner for _, _, inner in padding_config):
        refuse("pads between numbers")
    pads = [(low, high) for low, high, _ in padding_config]
    return kernels.padded(g, x, pads, "constant", value)


def _iota(g: Scalars, dtype: Any, shape: Sequence[int], dimension: int, **_: Any) -> Tensor:
    g.room(shape)
    sizes = [1] * len(shape)
    sizes[dimension] = shape[dimension]
    line = np.arange(shape[dimension]).reshape(sizes)
    kind = np.float64 if np.dtype(dtype).kind == "f" else np.int64
    return known(np.broadcast_to(line, tuple(shape)).astype(kind))


def _whole_power(g: Scalars, x: Tensor, y: int, **_: Any) -> Tensor:
    return kernels.square(g, x) if y == 2 else g.apply("pow", x, known(float(y)))  # noqa: PLR2004


def _split(_g: Scalars, x: Tensor, sizes: Sequence[int], axis: int, **_: Any) -> list[Tensor]:
    parts = np.split(x.array, np.cumsum(sizes)[:-1], axis)
    return [Tensor(part, x.is_known) for part in parts]


def _gather(
    _g: Scalars,
    x: Tensor,
    index: Tensor,
    dimension_numbers: Any,
    slice_sizes: Sequence[int],
    **_: Any,
) -> Tensor:
    """Take slices at known places, as `x[3]`, `x[[1, 2]]` and `x[:, i]` do."""
    if getattr(dimension_numbers, "operand_batching_dims", ()):
        refuse("indexing with indices for each row")
    places = np.asarray(index.value, np.int64)
    batch = places.shape[:-1]
    grid = [np.zeros((*batch, *[1] * len(slice_sizes)), np.int64) for _ in slice_sizes]
    for k, axis in enumerate(dimension_numbers.start_index_map):
        start = np.clip(places[..., k], 0, x.shape[axis] - slice_sizes[axis])
        grid[axis] = start.reshape(*batch, *[1] * len(slice_sizes))
    for axis, size in enumerate(slice_sizes):
        line = [1] * len(slice_sizes)
        line[axis] = size
        grid[axis] = grid[axis] + np.arange(size).reshape(line)
    gone = tuple(len(batch) + axis for axis in dimension_numbers.collapsed_slice_dims)
    rank = len(batch) + len(slice_sizes) - len(gone)
    offsets = dimension_numbers.offset_dims
    order = [axis for axis in range(rank) if axis not in offsets] + [*offsets]

    def taken(y: Any) -> Any:
        return np.squeeze(y[tuple(grid)], gone).transpose(np.argsort(order))

    return x.arranged(taken)


def _convolution(g: Scalars, x: Tensor, weights: Tensor, **how: Any) -> Tensor:
    names = how["dimension_numbers"]
    if any(n != 1 for n in how["lhs_dilation"]) or how["batch_group_count"] != 1:
        refuse("a transposed convolution")
    left = x.arranged(lambda y: y.transpose(names.lhs_spec))
    right = weights.arranged(lambda y: y.transpose(names.rhs_spec))
    window = kernels.Window(
        right.shape[2:], how["window_strides"], how["padding"], how["rhs_dilation"],
        how["feature_group_count"],
    )  # fmt: skip
    result = kernels.convolution(g, left, right, None, window)
    return result.arranged(lambda y: y.transpose(np.argsort(names.out_spec)))


_SAME: Final = {
    "add": "add", "add_any": "add", "sub": "sub", "mul": "mul", "neg": "neg", "abs": "abs",
    "min": "min", "pow": "pow", "sqrt": "sqrt", "exp": "exp", "log": "log",
    "sin": "sin", "cos": "cos", "tan": "tan", "atan": "atan", "sinh": "sinh", "cosh": "cosh",
    "tanh": "tanh", "logistic": "sigmoid", "erf": "erf", "log1p": "log1p", "expm1": "expm1",
    "asin": "asin", "acos": "acos", "atan2": "atan2", "and": "min", "or": "max",
}  # fmt: skip

PRIMITIVES: Final[Mapping[str, Primitive]] = {
    **{name: _elementwise(op) for name, op in _SAME.items()},
    "div": _divide,
    "not": kernels.negation,
    "max": _maximum,
    "square": lambda g, x, **_: kernels.square(g, x),
    "integer_pow": _whole_power,
    "rsqrt": lambda g, x, **_: kernels.reciprocal(g, g.apply("sqrt", x)),
    "erfc": lambda g, x, **_: g.apply("sub", known(1.0), g.apply("erf", x)),
    "exp2": lambda g, x, **_: g.apply("pow", known(2.0), x),
    "sign": lambda g, x, **_: kernels.sign(g, x),
    "is_finite": lambda g, x, **_: kernels.compare(g, "eq", g.apply("sub", x, x), known(0.0)),
    "clamp": lambda g, low, x, high, **_: kernels.clip(g, x, low, high),
    **{how: _compare(how) for how in ("gt", "ge", "lt", "le", "eq", "ne")},
    "select_n": _select,
    "reduce_sum": lambda g, x, axes, **_: g.total(x, axes),
    "reduce_max": _reduction("max"),
    "reduce_min": _reduction("min"),
    "reduce_prod": _reduction("mul"),
    "reduce_and": _reduction("min"),
    "reduce_or": _reduction("max"),
    "cumsum": lambda g, x, axis, reverse, **_: (
        refuse("a sum from the end") if reverse else kernels.running_total(g, x, axis)
    ),
    "dot_general": _dot,
    "conv_general_dilated": _convolution,
    "broadcast_in_dim": _broadcast,
    "reshape": lambda g, x, new_sizes, **_: x.arranged(lambda y: y.reshape(new_sizes)),
    "transpose": lambda g, x, permutation, **_: x.arranged(lambda y: y.transpose(permutation)),
    "squeeze": lambda g, x, dimensions, **_: x.arranged(lambda y: np.squeeze(y, dimensions)),
    "expand_dims": lambda g, x, dimensions, **_: x.arranged(
        lambda y: np.expand_dims(y, dimensions)
    ),
    "concatenate": lambda g, *x, dimension, **_: kernels.joined(g, x, dimension),
    "slice": _slice,
    "dynamic_slice": _dynamic_slice,
    "split": _split,
    "rev": lambda g, x, dimensions, **_: x.arranged(lambda y: np.flip(y, dimensions)),
    "pad": _pad,
    "iota": _iota,
    "gather": _gather,
    "convert_element_type": _convert,
    "copy": lambda g, x, **_: x,
    "stop_gradient": lambda g, x, **_: x,
    "copy_p": lambda g, x, **_: x,
    "optimization_barrier": lambda g, *x, **_: x,
    "device_put": lambda g, *x, **_: x,
}
"""The primitives, by name."""

CALLS: Final = ("call_jaxpr", "fun_jaxpr", "jaxpr")
"""The parameters that hold the function that a primitive calls."""

CALLING: Final = (
    "jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call",
    "custom_vjp_call_jaxpr", "remat", "checkpoint", "remat2", "custom_lin",
)  # fmt: skip
"""The primitives that call a function once."""

PASSING: Final = (
    "broadcast_in_dim", "convert_element_type", "expand_dims", "max", "reshape", "select_n",
    "squeeze",
)  # fmt: skip
"""The primitives that may stand between a maximum and where its gradient is stopped."""
