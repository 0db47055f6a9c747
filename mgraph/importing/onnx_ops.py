"""The operators of ONNX, in terms of operations on tensors of scalars."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from mgraph.importing import kernels
from mgraph.importing.problems import refuse
from mgraph.importing.scalars import Scalars, Tensor, is_whole, known

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mgraph.importing.scalars import Array

_FLOATS: Final = ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16")
_TO_EDGE: Final = 2**62
_WRAPPED_SOFTMAX: Final = 13


@dataclass(frozen=True)
class Call:
    """One operator of a model, and the tensors that it is given.

    Attributes:
        op: Its name.
        inputs: The tensors; None for optional ones that are left out.
        attributes: The attributes that are stated.
        version: The version of the operator set.
        outputs: How many results there are.
    """

    op: str
    inputs: Sequence[Tensor | None]
    attributes: Mapping[str, Any]
    version: int
    outputs: int = 1

    def __getitem__(self, index: int) -> Tensor:
        """Return an input that is required."""
        given = self.optional(index)
        return refuse(f"it has no input {index}", "type") if given is None else given

    def optional(self, index: int) -> Tensor | None:
        """Return an input, or None if it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def get(self, name: str, default: Any = None) -> Any:
        """Return an attribute."""
        return self.attributes.get(name, default)

    def text(self, name: str, default: str) -> str:
        """Return an attribute that is a text."""
        value = self.get(name, default)
        return value.decode() if isinstance(value, bytes) else str(value)

    def floats(self, name: str) -> Array:
        """Return an attribute that has several numbers."""
        return np.asarray(self.get(name, ()), np.float64)

    def whole(self, name: str, index: int) -> list[int] | None:
        """Return whole numbers from an attribute (old versions) or an input (new ones)."""
        stated, given = self.get(name), self.optional(index)
        if stated is not None:
            return [int(x) for x in np.ravel(stated)]
        return None if given is None else kernels.whole(given)

    def refuse_attributes(self, **usual: Any) -> None:
        """Refuse attributes with other values than the usual ones."""
        for name, value in usual.items():
            if self.get(name, value) != value:
                refuse(f"{self.op} with {name} {self.get(name)!r}")


Results: TypeAlias = "Tensor | Sequence[Tensor]"
Operator: TypeAlias = "Callable[[Scalars, Call], Results]"


# --- one number after the other -------------------------------------------------------------------


def _elementwise(op: str) -> Operator:
    return lambda g, c: g.apply(op, *(c[i] for i in range(len(c.inputs))))


def _fold(op: str) -> Operator:
    def made(g: Scalars, c: Call) -> Tensor:
        result = c[0]
        for i in range(1, len(c.inputs)):
            result = g.apply(op, result, c[i])
        return result

    return made


def _divide(g: Scalars, c: Call) -> Tensor:
    a, b = c[0], c[1]
    if a.is_known and b.is_known and is_whole(a.array) and is_whole(b.array):
        if (b.array == 0).any():
            refuse("a whole number is divided by zero", "type")
        quotient = np.abs(a.array.astype(np.int64)) // np.abs(b.array.astype(np.int64))
        return known(quotient * np.sign(a.array) * np.sign(b.array))
    return g.apply("div", a, b)


def _mean_of(g: Scalars, c: Call) -> Tensor:
    return g.apply("div", _fold("add")(g, c), known(float(len(c.inputs))))  # type: ignore[arg-type]


def _clip(g: Scalars, c: Call) -> Tensor:
    bounds = [c.optional(1), c.optional(2)]
    stated = [c.get("min"), c.get("max")]
    pairs = zip(stated, bounds, strict=True)
    low, high = (known(float(x)) if x is not None else y for x, y in pairs)
    return kernels.clip(g, c[0], low, high)


def _hard_sigmoid(g: Scalars, x: Tensor, slope: float, offset: float) -> Tensor:
    line = g.apply("add", kernels.times(g, x, slope), known(offset))
    return kernels.clip(g, line, known(0.0), known(1.0))


def _prelu(g: Scalars, c: Call) -> Tensor:
    slope = c[1]
    return kernels.leaky_relu(g, c[0], slope)


def _gelu(g: Scalars, c: Call) -> Tensor:
    return kernels.gelu(g, c[0], by_tanh=c.text("approximate", "none") == "tanh")


def _cast(_g: Scalars, c: Call) -> Tensor:
    from onnx import TensorProto  # noqa: PLC0415 - an extra

    to = TensorProto.DataType.Name(int(c.get("to")))
    x = c[0]
    if to in _FLOATS:  # everything is computed with doubles
        return x.arranged(lambda y: y.astype(np.float64)) if x.is_known else x
    if not x.is_known:
        refuse(f"a cast to {to.lower()} of numbers that are only known when the graph runs")
    if to == "BOOL":
        return x.arranged(lambda y: y.astype(np.bool_))
    return x.arranged(lambda y: y.astype(np.int64)) if "INT" in to else refuse(f"a cast to {to}")


def _dropout(_g: Scalars, c: Call) -> Tensor:
    is_training = c.optional(2)
    if c.outputs > 1 or (is_training is not None and is_training.value.any()):
        refuse("a random mask")
    return c[0]


def _compare(how: str) -> Operator:
    return lambda g, c: kernels.compare(g, how, c[0], c[1])


# --- reductions -----------------------------------------------------------------------------------


def _reduction(make: Callable[[Scalars, Tensor, Sequence[int], bool], Tensor]) -> Operator:
    def made(g: Scalars, c: Call) -> Tensor:
        axes = c.whole("axes", 1)
        if not axes:
            if c.get("noop_with_empty_axes", 0):
                return make(g, c[0], (), False)  # noqa: FBT003 - keepdims, of no axes
            axes = [*range(c[0].array.ndim)]
        return make(g, c[0], axes, bool(c.get("keepdims", 1)))

    return made


def _softmax(g: Scalars, c: Call) -> Tensor:
    x, log = c[0], c.op == "LogSoftmax"
    if c.version >= _WRAPPED_SOFTMAX:
        return kernels.softmax(g, x, [int(c.get("axis", -1))], log=log)
    axis = int(c.get("axis", 1)) % max(x.array.ndim, 1)
    return kernels.softmax(g, x, range(axis, x.array.ndim), log=log)


def _norm(g: Scalars, x: Tensor, axes: Sequence[int], keep: bool) -> Tensor:  # noqa: FBT001
    return g.apply("sqrt", g.total(kernels.square(g, x), axes, keep=keep))


def _cumsum(g: Scalars, c: Call) -> Tensor:
    c.refuse_attributes(exclusive=0, reverse=0)
    return kernels.running_total(g, c[0], kernels.whole(c[1])[0])


# --- products -------------------------------------------------------------------------------------


def _gemm(g: Scalars, c: Call) -> Tensor:
    a = c[0].arranged(np.transpose) if c.get("transA", 0) else c[0]
    b = c[1].arranged(np.transpose) if c.get("transB", 0) else c[1]
    bias = c.optional(2)
    scale = float(c.get("alpha", 1.0))
    bias = None if bias is None else kernels.times(g, bias, float(c.get("beta", 1.0)))
    if scale == 1.0:
        return kernels.matmul(g, a, b, bias)
    product = kernels.times(g, kernels.matmul(g, a, b), scale)
    return product if bias is None else g.apply("add", product, bias)


def _einsum(g: Scalars, c: Call) -> Tensor:
    text = c.text("equation", "")
    left, arrow, result = text.replace(" ", "").partition("->")
    terms = left.split(",")
    if not arrow or len(terms) != 2 or "." in text or any(len({*x}) < len(x) for x in terms):  # noqa: PLR2004
        refuse(f"the equation {text}")
    a, b = terms
    batch = [x for x in a if x in b and x in result]
    summed = [x for x in a if x in b and x not in result]
    order = [*batch, *(x for x in a if x not in b), *(x for x in b if x not in a)]
    if sorted(order) != sorted(result):
        refuse(f"the equation {text}")
    axes = [[term.index(x) for x in summed] for term in terms]
    batches = [[term.index(x) for x in batch] for term in terms]
    product = kernels.contract(g, c[0], c[1], axes, batches)
    return product.arranged(lambda x: x.transpose([order.index(x) for x in result]))


# --- windows --------------------------------------------------------------------------------------


def _window(c: Call, x: Tensor, size: Sequence[int]) -> kernels.Window:
    """Return how windows move, by the rules that operators with windows share."""
    rank = len(size)
    strides = [int(n) for n in c.get("strides", [1] * rank)]
    dilations = [int(n) for n in c.get("dilations", [1] * rank)]
    if not len(strides) == len(dilations) == rank or min([*strides, *dilations, *size]) < 1:
        refuse(f"windows of size {size}, strides {strides}, dilations {dilations}", "type")
    window = kernels.Window(size, strides, [(0, 0)] * rank, dilations, int(c.get("group", 1)))
    auto = c.text("auto_pad", "NOTSET")
    if auto in {"SAME_UPPER", "SAME_LOWER"}:
        sides = zip(x.shape[2:], size, strides, dilations, strict=True)
        return window._replace(pads=[_same(*side, low=auto == "SAME_LOWER") for side in sides])
    flat = [int(n) for n in c.get("pads", [0] * (2 * rank))] if auto != "VALID" else [0] * 2 * rank
    if min([0, *flat]) < 0:
        refuse("pads below zero", "type")
    return window._replace(pads=[*zip(flat[:rank], flat[rank:], strict=True)])


def _same(length: int, size: int, stride: int, dilation: int, *, low: bool) -> tuple[int, int]:
    places = -(-length // stride)
    both = max(0, (places - 1) * stride + (size - 1) * dilation + 1 - length)
    half = both // 2
    return (both - half, half) if low else (half, both - half)


def _conv(g: Scalars, c: Call) -> Tensor:
    window = _window(c, c[0], c[1].shape[2:])
    return kernels.convolution(g, c[0], c[1], c.optional(2), window)


def _pool(g: Scalars, c: Call) -> Tensor:
    c.refuse_attributes(ceil_mode=0, storage_order=0)
    if c.outputs > 1:
        refuse(f"the indices of {c.op}")
    window = _window(c, c[0], [int(n) for n in c.get("kernel_shape")])
    how = "max" if c.op == "MaxPool" else "mean"
    return kernels.pooling(g, c[0], how, window, counts_pads=bool(c.get("count_include_pad", 0)))


def _global_pool(g: Scalars, c: Call) -> Tensor:
    axes = range(2, c[0].array.ndim)
    if c.op == "GlobalMaxPool":
        return kernels.folded(g, "max", c[0], axes, keep=True)
    return kernels.mean(g, c[0], axes, keep=True)


# --- normalisation --------------------------------------------------------------------------------


def _batch_norm(g: Scalars, c: Call) -> Tensor:
    c.refuse_attributes(training_mode=0)
    apart = kernels.batch_normalised(g, c[0], c[3], c[4], float(c.get("epsilon", 1e-5)))
    scale, bias = (kernels.by_channel(c[0], c[i]) for i in (1, 2))
    return kernels.scaled(g, apart, scale, bias)


def _layer_norm(g: Scalars, c: Call) -> Sequence[Tensor]:
    axis = int(c.get("axis", -1)) % max(c[0].array.ndim, 1)
    axes = range(axis, c[0].array.ndim)
    apart, middle, root = kernels.normalised(g, c[0], axes, float(c.get("epsilon", 1e-5)))
    result = kernels.scaled(g, apart, c[1], c.optional(2))
    return (result, middle, kernels.reciprocal(g, root)) if c.outputs > 1 else (result,)


# --- rearranging ----------------------------------------------------------------------------------


def _reshape(_g: Scalars, c: Call) -> Tensor:
    x, wanted = c[0], c.whole("shape", 1) or []
    if not c.get("allowzero", 0):
        wanted = [x.shape[i] if n == 0 else n for i, n in enumerate(wanted)]
    return x.arranged(lambda y: y.reshape(wanted))


def _flatten(_g: Scalars, c: Call) -> Tensor:
    x, axis = c[0], int(c.get("axis", 1))
    axis = axis + x.array.ndim if axis < 0 else axis
    shape = (prod(x.shape[:axis]), prod(x.shape[axis:]))
    return x.arranged(lambda y: y.reshape(shape))


def _transpose(_g: Scalars, c: Call) -> Tensor:
    return c[0].arranged(lambda y: y.transpose(c.get("perm")))


def _squeeze(_g: Scalars, c: Call) -> Tensor:
    axes = c.whole("axes", 1)
    return c[0].arranged(lambda y: np.squeeze(y, None if axes is None else tuple(axes)))


def _unsqueeze(_g: Scalars, c: Call) -> Tensor:
    axes = c.whole("axes", 1) or []
    return c[0].arranged(lambda y: np.expand_dims(y, tuple(axes)))


def _slice(_g: Scalars, c: Call) -> Tensor:
    starts, ends = c.whole("starts", 1) or [], c.whole("ends", 2) or []
    axes = c.whole("axes", 3)
    axes = [*range(len(starts))] if axes is None else axes
    steps = c.whole("steps", 4) or [1] * len(starts)
    cuts = [slice(None)] * c[0].array.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        size = c[0].shape[axis]
        past = step < 0 and end < -size
        cuts[axis] = slice(start, None if past or end > _TO_EDGE else end, step)
    return c[0].arranged(lambda y: y[tuple(cuts)])


def _split(_g: Scalars, c: Call) -> Sequence[Tensor]:
    axis, sizes = int(c.get("axis", 0)), c.whole("split", 1)
    if sizes is None:
        length = c[0].shape[axis]
        size = -(-length // c.outputs)
        sizes = [min(size, length - i * size) for i in range(c.outputs)]
    if len(sizes) != c.outputs or min(sizes) < 0 or sum(sizes) != c[0].shape[axis]:
        refuse(f"a split of {c[0].shape[axis]} into {sizes}", "type")
    places = np.cumsum(sizes)[:-1].tolist()
    parts = np.split(c[0].array, places, axis)
    return [Tensor(x, c[0].is_known) for x in parts]


def _gather(g: Scalars, c: Call) -> Tensor:
    x, index, axis = c[0], c[1].value, int(c.get("axis", 0))
    g.room((*x.shape[:axis], *index.shape, *x.shape[axis:]))
    return x.arranged(lambda y: np.take(y, index.astype(np.int64), axis))


def _gather_elements(g: Scalars, c: Call) -> Tensor:
    x, index, axis = c[0], c[1].value.astype(np.int64), int(c.get("axis", 0))
    g.room(index.shape)
    index = np.where(index < 0, index + x.shape[axis], index)
    return x.arranged(lambda y: np.take_along_axis(y, index, axis))


def _pad(g: Scalars, c: Call) -> Tensor:
    rank = c[0].array.ndim
    flat = c.whole("pads", 1) or []
    value = c.optional(2) or known(float(c.get("value", 0.0)))
    mode = c.text("mode", "constant")
    if mode not in {"constant", "reflect", "edge", "wrap"}:
        refuse(f"pads of the kind {mode}")
    axes = c.whole("", 3)
    pads = [(0, 0)] * rank
    chosen = range(rank) if axes is None else axes
    for axis, low, high in zip(chosen, flat[: len(flat) // 2], flat[len(flat) // 2 :], strict=True):
        pads[axis] = (low, high)
    return kernels.padded(g, c[0], pads, mode, value)


def _expand(g: Scalars, c: Call) -> Tensor:
    shape = np.broadcast_shapes(c[0].shape, tuple(kernels.whole(c[1])))
    return kernels.broadcast(g, c[0], shape)


def _tile(g: Scalars, c: Call) -> Tensor:
    repeats = kernels.whole(c[1])
    g.room(n * k for n, k in zip(c[0].shape, repeats, strict=True))
    return c[0].arranged(lambda y: np.tile(y, repeats))


def _constant_of_shape(g: Scalars, c: Call) -> Tensor:
    shape, value = kernels.whole(c[0]), c.get("value", np.zeros(1))
    g.room(shape)
    return known(np.full(shape, value.item()))


def _range(g: Scalars, c: Call) -> Tensor:
    start, stop, step = (c[i].value.item() for i in range(3))
    if not step:
        refuse("steps of zero", "type")
    g.room([max(0, int((stop - start) // step) + 1)])
    return known(np.arange(start, stop, step))


def _one_hot(g: Scalars, c: Call) -> Tensor:
    depth, axis = int(c[1].value.item()), int(c.get("axis", -1))
    index = np.asarray(c[0].value).astype(np.int64)[..., None]
    g.room((*index.shape, depth))
    hot = np.where(index < 0, index + depth, index) == np.arange(depth)
    off, on = (c[2].arranged(lambda x, i=i: x[i]) for i in range(2))  # type: ignore[misc]
    return kernels.choose(g, known(np.moveaxis(hot, -1, axis)), on, off)


def _constant(_g: Scalars, c: Call) -> Tensor:
    for name in ("value", "value_float", "value_floats", "value_int", "value_ints"):
        if c.get(name) is not None:
            return known(c.get(name))
    return refuse("a constant that is a text, or sparse")


def _trilu(g: Scalars, c: Call) -> Tensor:
    diagonal = c.optional(1)
    offset = 0 if diagonal is None else int(diagonal.value.item())
    make = np.triu if c.get("upper", 1) else np.tril
    return kernels.choose(g, known(make(np.ones(c[0].shape, np.bool_), offset)), c[0], known(0.0))


# --- models of scikit-learn -----------------------------------------------------------------------


def _linear_scores(g: Scalars, c: Call, classes: int) -> Tensor:
    weights = c.floats("coefficients").reshape(classes, -1)
    bias = c.floats("intercepts")
    own = g.param(f"{g.scope}.coefficients", weights)
    shift = g.param(f"{g.scope}.intercepts", bias) if bias.size else None
    return kernels.matmul(g, c[0], own.arranged(np.transpose), shift)


def _after(g: Scalars, scores: Tensor, name: str) -> Tensor:
    if name == "SOFTMAX":
        return kernels.softmax(g, scores, [-1])
    if name == "LOGISTIC":
        return g.apply("sigmoid", scores)
    return scores if name == "NONE" else refuse(f"scores that are transformed by {name}")


def _linear_classifier(g: Scalars, c: Call) -> Sequence[Tensor | None]:
    count = len(c.floats("intercepts")) or len(c.get("classlabels_ints", ()))
    scores = _linear_scores(g, c, count)
    if scores.shape[-1] == 1:
        refuse("LinearClassifier with one score for two classes")
    return None, _after(g, scores, c.text("post_transform", "NONE"))


def _linear_regressor(g: Scalars, c: Call) -> Tensor:
    scores = _linear_scores(g, c, int(c.get("targets", 1)))
    return _after(g, scores, c.text("post_transform", "NONE"))


def _scaler(g: Scalars, c: Call) -> Tensor:
    apart = g.apply("sub", c[0], known(c.floats("offset")))
    return g.apply("mul", apart, known(c.floats("scale")))


def _normalizer(g: Scalars, c: Call) -> Tensor:
    norm = c.text("norm", "MAX")
    if norm == "L2":
        return g.apply("div", c[0], _norm(g, c[0], [-1], keep=True))
    size = g.apply("abs", c[0])
    whole = g.total(size, [-1], keep=True) if norm == "L1" else None
    return g.apply("div", c[0], whole or kernels.folded(g, "max", size, [-1], keep=True))


# --- tables ---------------------------------------------------------------------------------------

_SAME_NAME: Final = {
    "Add": "add", "Sub": "sub", "Mul": "mul", "Pow": "pow", "Neg": "neg", "Abs": "abs",
    "Sqrt": "sqrt", "Exp": "exp", "Log": "log", "Sin": "sin", "Cos": "cos", "Tan": "tan",
    "Atan": "atan", "Sinh": "sinh", "Cosh": "cosh", "Tanh": "tanh", "Sigmoid": "sigmoid",
    "Softplus": "softplus", "Relu": "relu", "Erf": "erf", "Asin": "asin", "Acos": "acos",
}  # fmt: skip

OPERATORS: Final[Mapping[str, Operator]] = {
    **{name: _elementwise(op) for name, op in _SAME_NAME.items()},
    "Div": _divide,
    "Max": _fold("max"),
    "Min": _fold("min"),
    "Sum": _fold("add"),
    "Mean": _mean_of,
    "Reciprocal": lambda g, c: kernels.reciprocal(g, c[0]),
    "LeakyRelu": lambda g, c: kernels.leaky_relu(g, c[0], known(float(c.get("alpha", 0.01)))),
    "PRelu": _prelu,
    "Elu": lambda g, c: kernels.elu(g, c[0], float(c.get("alpha", 1.0))),
    "Selu": lambda g, c: kernels.elu(
        g, c[0], float(c.get("alpha", 1.67326319217681884765625)),
        float(c.get("gamma", 1.05070102214813232421875)),
    ),
    "Celu": lambda g, c: kernels.elu(
        g, c[0], float(c.get("alpha", 1.0)), steep=1.0 / float(c.get("alpha", 1.0))
    ),
    "ThresholdedRelu": lambda g, c: g.apply(
        "gate", g.apply("sub", c[0], known(float(c.get("alpha", 1.0)))), c[0]
    ),
    "HardSigmoid": lambda g, c: _hard_sigmoid(
        g, c[0], float(c.get("alpha", 0.2)), float(c.get("beta", 0.5))
    ),
    "HardSwish": lambda g, c: g.apply("mul", c[0], _hard_sigmoid(g, c[0], 1.0 / 6.0, 0.5)),
    "Softsign": lambda g, c: g.apply(
        "div", c[0], g.apply("add", known(1.0), g.apply("abs", c[0]))
    ),
    "Mish": lambda g, c: g.apply("mul", c[0], g.apply("tanh", g.apply("softplus", c[0]))),
    "Gelu": _gelu,
    "Sign": lambda g, c: kernels.sign(g, c[0]),
    "Clip": _clip,
    "Cast": _cast,
    "CastLike": lambda g, c: c[0],
    "Identity": lambda g, c: c[0],
    "Dropout": _dropout,
    "Greater": _compare("gt"),
    "GreaterOrEqual": _compare("ge"),
    "Less": _compare("lt"),
    "LessOrEqual": _compare("le"),
    "Equal": _compare("eq"),
    "Not": lambda g, c: kernels.negation(g, c[0]),
    "And": lambda g, c: g.apply("min", c[0], c[1]),
    "Or": lambda g, c: g.apply("max", c[0], c[1]),
    "Where": lambda g, c: kernels.choose(g, c[0], c[1], c[2]),
    "ReduceSum": _reduction(lambda g, x, axes, keep: g.total(x, axes, keep=keep)),
    "ReduceMean": _reduction(lambda g, x, axes, keep: kernels.mean(g, x, axes, keep=keep)),
    "ReduceMax": _reduction(lambda g, x, axes, keep: kernels.folded(g, "max", x, axes, keep=keep)),
    "ReduceMin": _reduction(lambda g, x, axes, keep: kernels.folded(g, "min", x, axes, keep=keep)),
    "ReduceProd": _reduction(lambda g, x, axes, keep: kernels.folded(g, "mul", x, axes, keep=keep)),
    "ReduceSumSquare": _reduction(
        lambda g, x, axes, keep: g.total(kernels.square(g, x), axes, keep=keep)
    ),
    "ReduceL1": _reduction(lambda g, x, axes, keep: g.total(g.apply("abs", x), axes, keep=keep)),
    "ReduceL2": _reduction(_norm),
    "ReduceLogSum": _reduction(
        lambda g, x, axes, keep: g.apply("log", g.total(x, axes, keep=keep))
    ),
    "ReduceLogSumExp": _reduction(
        lambda g, x, axes, keep: kernels.log_sum_exp(g, x, axes, keep=keep)
    ),
    "CumSum": _cumsum,
    "Softmax": _softmax,
    "LogSoftmax": _softmax,
    "MatMul": lambda g, c: kernels.matmul(g, c[0], c[1]),
    "Gemm": _gemm,
    "Einsum": _einsum,
    "Conv": _conv,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "GlobalAveragePool": _global_pool,
    "GlobalMaxPool": _global_pool,
    "BatchNormalization": _batch_norm,
    "LayerNormalization": _layer_norm,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Transpose": _transpose,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Slice": _slice,
    "Split": _split,
    "Concat": lambda g, c: kernels.joined(
        g, [c[i] for i in range(len(c.inputs))], int(c.get("axis", 0))
    ),
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "Pad": _pad,
    "Expand": _expand,
    "Tile": _tile,
    "Shape": lambda g, c: known(
        np.array(c[0].shape[c.get("start", 0) : c.get("end", None)], np.int64)
    ),
    "Size": lambda g, c: known(np.array(c[0].array.size, np.int64)),
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Range": _range,
    "OneHot": _one_hot,
    "Trilu": _trilu,
}  # fmt: skip
"""The operators of ONNX itself."""

LEARNING: Final[Mapping[str, Operator]] = {
    "LinearClassifier": _linear_classifier,  # type: ignore[dict-item]
    "LinearRegressor": _linear_regressor,
    "Scaler": _scaler,
    "Normalizer": _normalizer,
    "ZipMap": lambda g, c: c[0],
}
"""The operators of the domain `ai.onnx.ml`."""
