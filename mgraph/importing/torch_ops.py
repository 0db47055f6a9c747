"""The operators of PyTorch's ATen, in terms of operations on tensors of scalars."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from mgraph.importing import kernels
from mgraph.importing.problems import refuse
from mgraph.importing.scalars import Scalars, Tensor, known

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Arguments: TypeAlias = SimpleNamespace
"""The arguments of an operator by the names of its schema."""

Operator: TypeAlias = "Callable[[Scalars, Arguments], Any]"

_END: Final = 2**62


def tensor(value: Any) -> Tensor:
    """Return a tensor, also of a Python number."""
    return value if isinstance(value, Tensor) else known(value)


def _elementwise(op: str, *names: str) -> Operator:
    return lambda g, a: g.apply(op, *(tensor(getattr(a, name)) for name in names))


def _scaled(op: str) -> Operator:
    """Return `add` or `sub`, whose second argument may be multiplied."""

    def made(g: Scalars, a: Arguments) -> Tensor:
        other = tensor(a.other)
        alpha = getattr(a, "alpha", 1)
        other = other if alpha == 1 else g.apply("mul", other, known(alpha))
        return g.apply(op, tensor(a.self), other)

    return made


def _divide(g: Scalars, a: Arguments) -> Tensor:
    if getattr(a, "rounding_mode", None):
        refuse(f"a division that is rounded ({a.rounding_mode})")
    return g.apply("div", tensor(a.self), tensor(a.other))


def _compare(how: str) -> Operator:
    return lambda g, a: kernels.compare(g, how, tensor(a.self), tensor(a.other))


def _clamp(g: Scalars, a: Arguments) -> Tensor:
    low, high = (None if x is None else tensor(x) for x in (a.min, a.max))
    return kernels.clip(g, a.self, low, high)


def _axes(a: Arguments, x: Tensor) -> tuple[int, ...]:
    """Return the axes of a reduction; all of them if none is given."""
    dim = getattr(a, "dim", None)
    if dim is None or dim == []:
        return tuple(range(x.array.ndim))
    return (dim,) if isinstance(dim, int) else tuple(dim)


def _kept(a: Arguments) -> bool:
    return bool(getattr(a, "keepdim", False))


def _sum(g: Scalars, a: Arguments) -> Tensor:
    return g.total(a.self, _axes(a, a.self), keep=_kept(a))


def _mean(g: Scalars, a: Arguments) -> Tensor:
    return kernels.mean(g, a.self, _axes(a, a.self), keep=_kept(a))


def _extreme(op: str) -> Operator:
    def made(g: Scalars, a: Arguments) -> Any:
        result = kernels.folded(g, op, a.self, _axes(a, a.self), keep=_kept(a))
        return (result, None) if hasattr(a, "dim") and isinstance(a.dim, int) else result

    return made


def _variance(g: Scalars, a: Arguments) -> tuple[Tensor, Tensor]:
    less = getattr(a, "correction", None)
    less = int(getattr(a, "unbiased", True)) if less is None else less
    return kernels.variance(g, a.self, _axes(a, a.self), keep=_kept(a), less=less)


def _norm(g: Scalars, a: Arguments) -> Tensor:
    axes = _axes(a, a.self)
    size = g.apply("abs", a.self)
    if a.ord == 1:
        return g.total(size, axes, keep=_kept(a))
    if a.ord == float("inf"):
        return kernels.folded(g, "max", size, axes, keep=_kept(a))
    if a.ord != 2:  # noqa: PLR2004 - the Euclidean norm
        refuse(f"the norm of order {a.ord}")
    return g.apply("sqrt", g.total(kernels.square(g, a.self), axes, keep=_kept(a)))


def _softmax(*, log: bool = False) -> Operator:
    return lambda g, a: kernels.softmax(g, a.self, [a.dim], log=log)


def _softplus(g: Scalars, a: Arguments) -> Tensor:
    """Return the exact function; PyTorch takes x itself for it above `threshold`."""
    curve = g.apply("softplus", kernels.times(g, a.self, float(a.beta)))
    return curve if a.beta == 1 else g.apply("div", curve, known(float(a.beta)))


def _addmm(g: Scalars, a: Arguments) -> Tensor:
    left, right = getattr(a, "mat1", None), getattr(a, "mat2", None)
    left, right = left or getattr(a, "batch1", None), right or getattr(a, "batch2", None)
    left, right = left or getattr(a, "mat", None), right or getattr(a, "vec", None)
    bias = kernels.times(g, a.self, float(a.beta))
    if a.alpha == 1:
        return kernels.matmul(g, tensor(left), tensor(right), bias)
    product = kernels.times(g, kernels.matmul(g, tensor(left), tensor(right)), float(a.alpha))
    return g.apply("add", product, bias)


def _linear(g: Scalars, a: Arguments) -> Tensor:
    return kernels.matmul(g, a.input, a.weight.arranged(np.transpose), a.bias)


def _spread(values: Sequence[int] | int, rank: int) -> list[int]:
    """Return one number for each dimension of a window."""
    many = [values] if isinstance(values, int) else [*values]
    return many * rank if len(many) == 1 else many


def _convolution(g: Scalars, a: Arguments) -> Tensor:
    if a.transposed:
        refuse("a transposed convolution")
    rank = a.input.array.ndim - 2
    pads = [(n, n) for n in _spread(a.padding, rank)]
    strides, dilations = _spread(a.stride, rank), _spread(a.dilation, rank)
    window = kernels.Window(a.weight.shape[2:], strides, pads, dilations, a.groups)
    return kernels.convolution(g, a.input, a.weight, a.bias, window)


def _max_pool(rank: int) -> Operator:
    return lambda g, a: (_pool(g, a, "max", rank), None)


def _average_pool(rank: int) -> Operator:
    return lambda g, a: _pool(g, a, "mean", rank)


def _pool(g: Scalars, a: Arguments, how: str, rank: int) -> Tensor:
    if a.ceil_mode or getattr(a, "divisor_override", None):
        refuse("windows that reach beyond the border (ceil_mode), or another divisor")
    size = _spread(a.kernel_size, rank)
    pads = [(n, n) for n in _spread(a.padding, rank)]
    strides, dilations = _spread(a.stride or size, rank), _spread(getattr(a, "dilation", 1), rank)
    window = kernels.Window(size, strides, pads, dilations)
    is_single = a.self.array.ndim == rank + 1
    x = a.self.arranged(lambda y: y[None]) if is_single else a.self
    counts = bool(getattr(a, "count_include_pad", False))
    made = kernels.pooling(g, x, how, window, counts_pads=counts)
    return made.arranged(lambda y: y[0]) if is_single else made


def _adaptive_pool(g: Scalars, a: Arguments) -> Tensor:
    axes = range(-len(a.output_size), 0)
    if any(n != 1 for n in a.output_size):
        refuse(f"adaptive pooling to {a.output_size}")
    return kernels.mean(g, a.self, [*axes], keep=True)


def _layer_norm(g: Scalars, a: Arguments) -> tuple[Tensor, None, None]:
    axes = range(-len(a.normalized_shape), 0)
    apart = kernels.normalised(g, a.input, [*axes], a.eps)[0]
    return kernels.scaled(g, apart, a.weight, a.bias), None, None


def _batch_norm(g: Scalars, a: Arguments) -> tuple[Tensor, None, None]:
    apart = kernels.batch_normalised(g, a.input, a.running_mean, a.running_var, a.eps)
    scale, bias = (kernels.by_channel(apart, x) for x in (a.weight, a.bias))
    return kernels.scaled(g, apart, scale, bias), None, None


def _group_norm(g: Scalars, a: Arguments) -> tuple[Tensor, None, None]:
    shape = a.input.shape
    rows = a.input.arranged(lambda y: y.reshape(a.N * a.group, -1))
    apart = kernels.normalised(g, rows, [-1], a.eps)[0].arranged(lambda y: y.reshape(shape))
    scale, bias = (kernels.by_channel(apart, x) for x in (a.weight, a.bias))
    return kernels.scaled(g, apart, scale, bias), None, None


def _slice(_g: Scalars, a: Arguments) -> Tensor:
    stop = None if a.end is None or a.end > _END else a.end
    cut = (slice(None),) * (a.dim % a.self.array.ndim) + (slice(a.start, stop, a.step),)
    result: Tensor = a.self.arranged(lambda y: y[cut])
    return result


def _select(_g: Scalars, a: Arguments) -> Tensor:
    result: Tensor = a.self.arranged(lambda y: np.take(y, a.index, a.dim))
    return result


def _squeeze(_g: Scalars, a: Arguments) -> Tensor:
    x = a.self
    axes = [n % max(x.array.ndim, 1) for n in _axes(a, x)]
    flat = tuple(axis for axis in axes if x.shape[axis] == 1)
    result: Tensor = x.arranged(lambda y: np.squeeze(y, flat))
    return result


def _expand(g: Scalars, a: Arguments) -> Tensor:
    extra = len(a.size) - a.self.array.ndim
    shape = [a.self.shape[i - extra] if n == -1 else n for i, n in enumerate(a.size)]
    return kernels.broadcast(g, a.self, shape)


def _split(_g: Scalars, a: Arguments) -> list[Tensor]:
    length = a.self.shape[a.dim]
    sizes = getattr(a, "split_sizes", None)
    places = np.cumsum(sizes)[:-1] if sizes else np.arange(a.split_size, length, a.split_size)
    return [Tensor(x, a.self.is_known) for x in np.split(a.self.array, places, a.dim)]


def _index(_g: Scalars, a: Arguments) -> Tensor:
    places = tuple(slice(None) if x is None else x.value for x in a.indices)
    result: Tensor = a.self.arranged(lambda y: y[places])
    return result


def _gather(_g: Scalars, a: Arguments) -> Tensor:
    result: Tensor = a.self.arranged(lambda y: np.take_along_axis(y, a.index.value, a.dim))
    return result


def _index_select(_g: Scalars, a: Arguments) -> Tensor:
    result: Tensor = a.self.arranged(lambda y: np.take(y, a.index.value, a.dim))
    return result


def _pad(g: Scalars, a: Arguments) -> Tensor:
    rank = a.self.array.ndim
    pairs = [(a.pad[i], a.pad[i + 1]) for i in range(0, len(a.pad), 2)]
    pads = [(0, 0)] * (rank - len(pairs)) + pairs[::-1]
    return kernels.padded(g, a.self, pads, "constant", known(float(a.value)))


def _full(g: Scalars, a: Arguments) -> Tensor:
    size = getattr(a, "size", None)
    shape = a.self.shape if size is None else tuple(size)
    g.room(shape)
    return known(np.full(shape, a.fill_value))


def _arange(_g: Scalars, a: Arguments) -> Tensor:
    return known(np.arange(getattr(a, "start", 0), a.end, getattr(a, "step", 1)))


def _filled(value: float) -> Operator:
    def made(g: Scalars, a: Arguments) -> Tensor:
        a.fill_value = value
        return _full(g, a)

    return made


def _triangle(make: Callable[..., Any]) -> Operator:
    def made(g: Scalars, a: Arguments) -> Tensor:
        inside = known(make(np.ones(a.self.shape, np.bool_), a.diagonal))
        return kernels.choose(g, inside, a.self, known(0.0))

    return made


def _masked_fill(g: Scalars, a: Arguments) -> Tensor:
    return kernels.choose(g, a.mask, tensor(a.value), a.self)


def _copy(_g: Scalars, a: Arguments) -> Tensor:
    """Return the same numbers; a cast to another real type is none, as all are doubles."""
    x: Tensor = a.self
    kind = str(getattr(a, "dtype", None) or "")
    if kind and "float" not in kind and not x.is_known:
        refuse(f"a cast to {kind} of numbers that are only known when the graph runs")
    return x.arranged(lambda y: y.astype(np.float64)) if x.is_known and "float" in kind else x


_ONE: Final = {
    "neg": "neg", "abs": "abs", "sqrt": "sqrt", "exp": "exp", "log": "log", "sin": "sin",
    "cos": "cos", "tan": "tan", "atan": "atan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
    "sigmoid": "sigmoid", "relu": "relu", "erf": "erf", "log1p": "log1p", "expm1": "expm1",
    "asin": "asin", "acos": "acos",
}  # fmt: skip

_SAME: Final = ("alias", "clone", "detach", "lift_fresh_copy", "_to_copy", "contiguous", "to")

OPERATORS: Final[Mapping[str, Operator]] = {
    **{name: _elementwise(op, "self") for name, op in _ONE.items()},
    **dict.fromkeys(_SAME, _copy),
    "add": _scaled("add"),
    "sub": _scaled("sub"),
    "rsub": lambda g, a: g.apply("sub", tensor(a.other), a.self),
    "mul": _elementwise("mul", "self", "other"),
    "div": _divide,
    "pow": _elementwise("pow", "self", "exponent"),
    "atan2": _elementwise("atan2", "self", "other"),
    "maximum": _elementwise("max", "self", "other"),
    "minimum": _elementwise("min", "self", "other"),
    "reciprocal": lambda g, a: kernels.reciprocal(g, a.self),
    "rsqrt": lambda g, a: kernels.reciprocal(g, g.apply("sqrt", a.self)),
    "square": lambda g, a: kernels.square(g, a.self),
    "log2": lambda g, a: g.apply("div", g.apply("log", a.self), known(0.6931471805599453)),
    "log10": lambda g, a: g.apply("div", g.apply("log", a.self), known(2.302585092994046)),
    "exp2": lambda g, a: g.apply("pow", known(2.0), a.self),
    "sign": lambda g, a: kernels.sign(g, a.self),
    "gelu": lambda g, a: kernels.gelu(g, a.self, by_tanh=a.approximate == "tanh"),
    "silu": lambda g, a: kernels.silu(g, a.self),
    "mish": lambda g, a: g.apply("mul", a.self, g.apply("tanh", g.apply("softplus", a.self))),
    "softplus": _softplus,
    "elu": lambda g, a: kernels.elu(
        g, a.self, float(a.alpha), float(a.scale), float(a.input_scale)
    ),
    "leaky_relu": lambda g, a: kernels.leaky_relu(g, a.self, known(float(a.negative_slope))),
    "prelu": lambda g, a: kernels.leaky_relu(
        g, a.self, a.weight.arranged(lambda y: y.reshape(-1, *[1] * (a.self.array.ndim - 2)))
    ),
    "hardtanh": lambda g, a: kernels.clip(g, a.self, known(a.min_val), known(a.max_val)),
    "clamp": _clamp,
    "clamp_min": lambda g, a: kernels.clip(g, a.self, tensor(a.min), None),
    "clamp_max": lambda g, a: kernels.clip(g, a.self, None, tensor(a.max)),
    **{how: _compare(how) for how in ("gt", "ge", "lt", "le", "eq", "ne")},
    "where": lambda g, a: kernels.choose(g, a.condition, tensor(a.self), tensor(a.other)),
    "masked_fill": _masked_fill,
    "logical_not": lambda g, a: kernels.negation(g, a.self),
    "logical_and": _elementwise("min", "self", "other"),
    "logical_or": _elementwise("max", "self", "other"),
    "sum": _sum,
    "mean": _mean,
    "amax": _extreme("max"),
    "amin": _extreme("min"),
    "max": _extreme("max"),
    "min": _extreme("min"),
    "prod": lambda g, a: kernels.folded(g, "mul", a.self, _axes(a, a.self), keep=_kept(a)),
    "cumsum": lambda g, a: kernels.running_total(g, a.self, a.dim),
    "var": lambda g, a: _variance(g, a)[0],
    "std": lambda g, a: g.apply("sqrt", _variance(g, a)[0]),
    "var_mean": _variance,
    "linalg_vector_norm": _norm,
    "logsumexp": lambda g, a: kernels.log_sum_exp(g, a.self, _axes(a, a.self), keep=_kept(a)),
    "softmax": _softmax(),
    "log_softmax": _softmax(log=True),
    "_softmax": _softmax(),
    "_safe_softmax": _softmax(),
    "_log_softmax": _softmax(log=True),
    "mm": lambda g, a: kernels.matmul(g, a.self, a.mat2),
    "bmm": lambda g, a: kernels.matmul(g, a.self, a.mat2),
    "mv": lambda g, a: kernels.matmul(g, a.self, a.vec),
    "dot": lambda g, a: kernels.matmul(g, a.self, a.tensor),
    "matmul": lambda g, a: kernels.matmul(g, a.self, a.other),
    "addmm": _addmm,
    "baddbmm": _addmm,
    "addmv": _addmm,
    "linear": _linear,
    "convolution": _convolution,
    "max_pool1d": lambda g, a: _pool(g, a, "max", 1),
    "max_pool2d_with_indices": _max_pool(2),
    "max_pool3d_with_indices": _max_pool(3),
    "avg_pool1d": _average_pool(1),
    "avg_pool2d": _average_pool(2),
    "avg_pool3d": _average_pool(3),
    "_adaptive_avg_pool2d": _adaptive_pool,
    "_adaptive_avg_pool3d": _adaptive_pool,
    "adaptive_avg_pool1d": _adaptive_pool,
    "native_layer_norm": _layer_norm,
    "layer_norm": lambda g, a: _layer_norm(g, a)[0],
    "native_group_norm": _group_norm,
    "_native_batch_norm_legit_no_training": _batch_norm,
    "view": lambda g, a: a.self.arranged(lambda y: y.reshape(a.size)),
    "_unsafe_view": lambda g, a: a.self.arranged(lambda y: y.reshape(a.size)),
    "reshape": lambda g, a: a.self.arranged(lambda y: y.reshape(a.shape)),
    "permute": lambda g, a: a.self.arranged(lambda y: y.transpose(a.dims)),
    "t": lambda g, a: a.self.arranged(np.transpose),
    "transpose": lambda g, a: a.self.arranged(lambda y: np.swapaxes(y, a.dim0, a.dim1)),
    "unsqueeze": lambda g, a: a.self.arranged(lambda y: np.expand_dims(y, a.dim)),
    "squeeze": _squeeze,
    "expand": _expand,
    "repeat": lambda g, a: a.self.arranged(lambda y: np.tile(y, a.repeats)),
    "cat": lambda g, a: kernels.joined(g, [x for x in a.tensors if x.shape != (0,)], a.dim),
    "stack": lambda g, a: kernels.joined(
        g, [x.arranged(lambda y: np.expand_dims(y, a.dim)) for x in a.tensors], a.dim
    ),
    "slice": _slice,
    "select": _select,
    "split": _split,
    "split_with_sizes": _split,
    "unbind": lambda g, a: [
        a.self.arranged(lambda y, i=i: np.take(y, i, a.dim)) for i in range(a.self.shape[a.dim])
    ],
    "flip": lambda g, a: a.self.arranged(lambda y: np.flip(y, tuple(a.dims))),
    "index": _index,
    "index_select": _index_select,
    "gather": _gather,
    "embedding": lambda g, a: a.weight.arranged(lambda y: y[a.indices.value]),
    "constant_pad_nd": _pad,
    "tril": _triangle(np.tril),
    "triu": _triangle(np.triu),
    "full": _full,
    "full_like": _full,
    "zeros": _filled(0.0),
    "ones": _filled(1.0),
    "zeros_like": _filled(0.0),
    "ones_like": _filled(1.0),
    "scalar_tensor": lambda g, a: known(a.s),
    "arange": _arange,
}
"""The operators of ATen, by name; overloads differ in their arguments only."""

WHOLE: Final = (
    "elu", "gelu", "hardtanh", "leaky_relu", "mish", "native_group_norm", "native_layer_norm",
    "prelu", "silu", "softplus", "std", "var", "var_mean", "_safe_softmax", "_softmax",
    "_log_softmax", "linalg_vector_norm", "logsumexp",
)  # fmt: skip
"""What PyTorch would decompose, and graphs say in fewer nodes, or more accurately."""
