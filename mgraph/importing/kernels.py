"""What frameworks compute, on tensors of scalars: products, reductions, choices, convolutions."""

from __future__ import annotations

from functools import reduce
from math import prod
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import numpy as np

from mgraph.importing.problems import refuse
from mgraph.importing.scalars import Scalars, Tensor, is_whole, known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph.importing.scalars import Array

SMALLEST: Final = 5e-324
"""The smallest double: the difference of two doubles is at least that, or they are equal."""


LARGEST: Final = 1.7976931348623157e308
"""The largest double; what is above it is infinite."""


Pair: TypeAlias = "Sequence[Sequence[int]]"
"""The axes of two tensors."""


# --- one number after the other -------------------------------------------------------------------


def square(g: Scalars, x: Tensor) -> Tensor:
    """Return x·x."""
    return g.apply("mul", x, x)


def reciprocal(g: Scalars, x: Tensor) -> Tensor:
    """Return 1/x."""
    return g.apply("div", known(1.0), x)


def times(g: Scalars, x: Tensor, factor: float) -> Tensor:
    """Return a multiple of x; x itself for 1."""
    return x if factor == 1.0 else g.apply("mul", x, known(factor))


def leaky_relu(g: Scalars, x: Tensor, slope: Tensor) -> Tensor:
    """Return x above zero, and a multiple of it below."""
    below = g.apply("relu", g.apply("neg", x))
    return g.apply("sub", g.apply("relu", x), g.apply("mul", slope, below))


def elu(
    g: Scalars, x: Tensor, alpha: float = 1.0, scale: float = 1.0, steep: float = 1.0
) -> Tensor:
    """Return scale·x above zero, and scale·alpha·(e^(steep·x) - 1) below."""
    below = times(g, g.apply("min", x, known(0.0)), steep)
    curve = times(g, g.apply("expm1", below), alpha)
    return times(g, g.apply("add", g.apply("relu", x), curve), scale)


def gelu(g: Scalars, x: Tensor, *, by_tanh: bool = False) -> Tensor:
    """Return x times the chance that a normal number is below it, or its likeness by tanh."""
    half = g.apply("mul", known(0.5), x)
    if not by_tanh:
        part = g.apply("erf", g.apply("mul", x, known(0.7071067811865476)))
    else:
        cube = g.apply("mul", square(g, x), x)
        inner = g.apply("add", x, g.apply("mul", known(0.044715), cube))
        part = g.apply("tanh", g.apply("mul", known(0.7978845608028654), inner))
    return g.apply("mul", half, g.apply("add", known(1.0), part))


def silu(g: Scalars, x: Tensor) -> Tensor:
    """Return x·sigmoid(x)."""
    return g.apply("mul", x, g.apply("sigmoid", x))


def sign(g: Scalars, x: Tensor) -> Tensor:
    """Return 1 above zero, -1 below, 0 at zero."""
    below = g.apply("gate", g.apply("neg", x), known(1.0))
    return g.apply("sub", g.apply("gate", x, known(1.0)), below)


def clip(g: Scalars, x: Tensor, low: Tensor | None, high: Tensor | None) -> Tensor:
    """Return x, but not less than `low` nor more than `high`."""
    x = x if low is None else g.apply("max", x, low)
    return x if high is None else g.apply("min", x, high)


# --- truths, which are 1 and 0 --------------------------------------------------------------------


def compare(g: Scalars, how: str, a: Tensor, b: Tensor) -> Tensor:
    """Return where a is `gt`, `ge`, `lt`, `le`, `eq` or `ne` to b.

    For NaN only `ne` is true. Between tensors, two equal infinities count as
    NaN for `ge`, `le`, `eq` and `ne`.
    """
    if a.is_known and b.is_known:
        names = {"gt": np.greater, "ge": np.greater_equal, "lt": np.less, "le": np.less_equal}
        return known({**names, "eq": np.equal, "ne": np.not_equal}[how](a.array, b.array))
    if how in {"lt", "le"}:
        return compare(g, {"lt": "gt", "le": "ge"}[how], b, a)
    if b.is_known and b.array.size and np.isinf(b.array).all() and how in {"eq", "ne"}:
        sides = (known(np.sign(b.array)), known(LARGEST))
        equal = compare(g, "gt", g.apply("mul", a, sides[0]), sides[1])
        return equal if how == "eq" else negation(g, equal)
    difference = g.apply("sub", a, b)
    if how == "gt":
        return g.apply("gate", difference, known(1.0))
    if how == "ge":
        return g.apply("gate", g.apply("add", difference, known(SMALLEST)), known(1.0))
    near = g.apply("sub", known(SMALLEST), g.apply("abs", difference))
    equal = g.apply("gate", near, known(1.0))
    return equal if how == "eq" else negation(g, equal)


def negation(g: Scalars, truth: Tensor) -> Tensor:
    """Return where something is not true."""
    if truth.is_known:
        return truth.arranged(np.logical_not)
    return g.apply("sub", known(1.0), truth)


def choose(g: Scalars, truth: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Return a where something is true, else b, whatever the other one is."""
    if truth.is_known:
        g.room(np.broadcast_shapes(truth.shape, a.shape, b.shape))
        if a.is_known and b.is_known:
            return known(np.where(truth.array, a.array, b.array))
        return Tensor(np.where(truth.array, g.nodes(a), g.nodes(b)))
    other = g.apply("gate", negation(g, truth), b)
    return g.apply("add", g.apply("gate", truth, a), other)


# --- reductions -----------------------------------------------------------------------------------


def axes_of(x: Tensor, axes: Sequence[int] | None) -> tuple[int, ...]:
    """Return axes, or all of them for None."""
    return tuple(range(x.array.ndim)) if axes is None else tuple(int(axis) for axis in axes)


def folded(
    g: Scalars, op: str, x: Tensor, axes: Sequence[int] | None = None, *, keep: bool = False
) -> Tensor:
    """Apply an op of two arguments along axes, from left to right."""
    gone = {axis % max(x.array.ndim, 1) for axis in axes_of(x, axes)}
    rest = [axis for axis in range(x.array.ndim) if axis not in gone]
    shape = [1 if i in gone else n for i, n in enumerate(x.shape) if keep or i not in gone]
    order = [*rest, *sorted(gone)] if x.array.ndim else []
    rows = x.arranged(lambda y: y.transpose(order).reshape(*[x.shape[i] for i in rest], -1))
    if not rows.shape[-1]:
        refuse(f"the {op} of no numbers", "type")
    parts = [rows.arranged(lambda y, i=i: y[..., i]) for i in range(rows.shape[-1])]  # type: ignore[misc]
    return reduce(lambda a, b: g.apply(op, a, b), parts).arranged(lambda y: y.reshape(shape))


def mean(
    g: Scalars, x: Tensor, axes: Sequence[int] | None = None, *, keep: bool = False, less: float = 0
) -> Tensor:
    """Return the mean along axes, or the sum divided by `less` less than the number."""
    own = axes_of(x, axes)
    count = prod(x.shape[axis] for axis in own)
    return g.apply("div", g.total(x, own, keep=keep), known(float(count - less)))


def variance(
    g: Scalars, x: Tensor, axes: Sequence[int] | None, *, keep: bool = False, less: float = 1
) -> tuple[Tensor, Tensor]:
    """Return variance and mean along axes."""
    middle = mean(g, x, axes, keep=True)
    apart = square(g, g.apply("sub", x, middle))
    flat = middle if keep else mean_shape(middle, axes_of(x, axes))
    return mean(g, apart, axes, keep=keep, less=less), flat


def mean_shape(x: Tensor, axes: Sequence[int]) -> Tensor:
    """Return a tensor without axes of size 1."""
    return x.arranged(lambda y: np.squeeze(y, tuple(axes)))


def softmax(g: Scalars, x: Tensor, axes: Sequence[int], *, log: bool = False) -> Tensor:
    """Return e^x divided by its sum, or the logarithm of that; x may be large."""
    apart = g.apply("sub", x, folded(g, "max", x, axes, keep=True))
    powers = g.apply("exp", apart)
    total = g.total(powers, axes, keep=True)
    return g.apply("sub", apart, g.apply("log", total)) if log else g.apply("div", powers, total)


def log_sum_exp(g: Scalars, x: Tensor, axes: Sequence[int], *, keep: bool = False) -> Tensor:
    """Return the logarithm of the sum of e^x; x may be large."""
    highest = folded(g, "max", x, axes, keep=True)
    powers = g.apply("exp", g.apply("sub", x, highest))
    result = g.apply("add", highest, g.apply("log", g.total(powers, axes, keep=True)))
    return result if keep else mean_shape(result, axes_of(x, axes))


def running_total(g: Scalars, x: Tensor, axis: int) -> Tensor:
    """Return the sums of all numbers up to each, along an axis."""
    rows = x.arranged(lambda y: np.moveaxis(y, axis, 0))
    parts: list[Tensor] = []
    for i in range(rows.shape[0]):
        part = rows.arranged(lambda y, i=i: y[i])  # type: ignore[misc]
        parts.append(g.apply("add", parts[-1], part) if parts else part)
    return joined(g, [x.arranged(lambda y: np.expand_dims(y, axis)) for x in parts], axis)


# --- products -------------------------------------------------------------------------------------


def matmul(g: Scalars, a: Tensor, b: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return a matrix product as NumPy's; a bias is one more argument of each sum."""
    if not a.array.ndim or not b.array.ndim:
        refuse("a product of matrices with a number", "type")
    left = a.arranged(lambda x: x[..., None, :] if x.ndim == 1 else x[..., :, None, :])
    right = b.arranged(lambda x: x if x.ndim == 1 else np.swapaxes(x, -1, -2))
    if b.array.ndim > 1 and a.array.ndim > 1:
        right = right.arranged(lambda x: x[..., None, :, :])
    elif b.array.ndim == 1 and a.array.ndim > 1:
        left = a
    if a.array.ndim == b.array.ndim == 1:
        left = a
    if left.shape[-1] != right.shape[-1]:
        refuse(f"shapes {a.shape} and {b.shape} can't be multiplied", "type")
    return biased(g, g.apply("mul", left, right), bias)


def contract(g: Scalars, a: Tensor, b: Tensor, contracted: Pair, batch: Pair) -> Tensor:
    """Return the products of two tensors, added up along axes; batch axes come first."""
    left, rows = _sides(a, contracted[0], batch[0])
    right, columns = _sides(b, contracted[1], batch[1])
    sizes = [a.shape[axis] for axis in batch[0]]
    products = g.apply(
        "mul",
        left.arranged(lambda x: x[..., :, None, :]),
        right.arranged(lambda x: x[..., None, :, :]),
    )
    return biased(g, products, None).arranged(lambda x: x.reshape(*sizes, *rows, *columns))


def _sides(x: Tensor, contracted: Sequence[int], batch: Sequence[int]) -> tuple[Tensor, list[int]]:
    free = [i for i in range(x.array.ndim) if i not in {*contracted, *batch}]
    sizes = [x.shape[i] for i in free]
    shape = (*(x.shape[i] for i in batch), prod(sizes), prod(x.shape[i] for i in contracted))
    return x.arranged(lambda y: y.transpose(*batch, *free, *contracted).reshape(shape)), sizes


def biased(g: Scalars, products: Tensor, bias: Tensor | None) -> Tensor:
    """Add up the last axis, and a bias."""
    if bias is None or products.is_known:
        total = g.total(products, [-1])
        return total if bias is None else g.apply("add", total, bias)
    shape = products.shape[:-1]
    if np.broadcast_shapes(bias.shape, shape) != shape or not products.shape[-1]:
        return g.apply("add", g.total(products, [-1]), bias)
    last = np.broadcast_to(g.nodes(bias), shape)[..., None]
    return g.total(Tensor(np.concatenate([products.array, last], axis=-1)), [-1])


# --- windows --------------------------------------------------------------------------------------


class Window(NamedTuple):
    """How windows move over the last dimensions of a tensor.

    Attributes:
        size: How many numbers a window takes in each dimension.
        strides: How far one is from the next.
        pads: How far they reach beyond the border, before and after.
        dilations: How far the numbers in a window are from each other.
        groups: Into how many groups the channels of a convolution fall.
    """

    size: Sequence[int]
    strides: Sequence[int]
    pads: Sequence[tuple[int, int]]
    dilations: Sequence[int]
    groups: int = 1

    def over(self, g: Scalars, x: Tensor) -> Array:
        """Return the nodes in each window, (rows, channels, places…, numbers); -1 for padding."""
        if x.array.ndim != len(self.size) + 2:
            refuse(f"windows of {len(self.size)} dimensions over the shape {x.shape}", "type")
        sides = [n + sum(pad) for n, pad in zip(x.shape[2:], self.pads, strict=True)]
        g.room((*x.shape[:2], *sides))
        spread = [(n - 1) * d + 1 for n, d in zip(self.size, self.dilations, strict=True)]
        padded = np.pad(g.nodes(x), [(0, 0), (0, 0), *self.pads], constant_values=-1)
        axes = tuple(range(2, padded.ndim))
        views = np.lib.stride_tricks.sliding_window_view(padded, tuple(spread), axis=axes)
        steps = [slice(None, None, n) for n in (*self.strides, *self.dilations)]
        chosen = views[(slice(None), slice(None), *steps)]
        g.room(chosen.shape)
        return chosen.reshape(*chosen.shape[: padded.ndim], prod(self.size))


def convolution(
    g: Scalars, x: Tensor, weights: Tensor, bias: Tensor | None, window: Window
) -> Tensor:
    """Return a convolution; what lies beyond the border is left out of the sums."""
    filters, depth, groups = *weights.shape[:2], window.groups
    if groups < 1 or depth * groups != x.shape[1] or filters % groups:
        refuse(f"weights of shape {weights.shape} for an input of shape {x.shape}", "type")
    seen = window.over(g, x)
    rows, _, *places, count = seen.shape
    g.room((rows, filters, *places, depth, count))
    seen = np.moveaxis(seen.reshape(rows, groups, depth, *places, count), 2, -2)
    seen = seen.reshape(rows, groups, 1, *places, depth * count)
    by_filter = (1, groups, filters // groups, *[1] * len(places), -1)
    own = g.nodes(weights).reshape(by_filter)
    products = _products(g, seen, own)
    if bias is not None:
        last = np.broadcast_to(g.nodes(bias).reshape(by_filter), (*products.shape[:-1], 1))
        products = np.concatenate([products, last], axis=-1)
    if not (products >= 0).any(axis=-1).all():
        refuse("windows that lie in the padding as a whole")
    sums = g.ragged(Tensor(products), products >= 0)
    return sums.arranged(lambda y: y.reshape(rows, filters, *places))


def _products(g: Scalars, seen: Array, own: Array) -> Array:
    """Return the nodes of products, -1 where there is padding."""
    shape = np.broadcast_shapes(seen.shape, own.shape)
    seen, own = np.broadcast_to(seen, shape), np.broadcast_to(own, shape)
    used = seen >= 0
    products = np.full(shape, -1)
    products[used] = g.apply("mul", Tensor(seen[used]), Tensor(own[used])).array
    return products


def pooling(
    g: Scalars, x: Tensor, how: str, window: Window, *, counts_pads: bool = False
) -> Tensor:
    """Return the largest number in each window, or their mean."""
    seen = window.over(g, x)
    used = seen >= 0
    if not used.any(axis=-1).all():
        refuse("windows that lie in the padding as a whole")
    if how == "max":  # the largest of a number and itself is that number, and so is its gradient
        inside = np.take_along_axis(seen, used.argmax(axis=-1)[..., None], axis=-1)
        return folded(g, "max", Tensor(np.where(used, seen, inside)), [-1])
    counts = np.full(used.shape[:-1], prod(window.size)) if counts_pads else used.sum(axis=-1)
    return g.apply("div", g.ragged(Tensor(seen), used), known(counts.astype(np.float64)))


# --- normalisation --------------------------------------------------------------------------------


def normalised(
    g: Scalars, x: Tensor, axes: Sequence[int], epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return x with the mean 0 and the variance 1 along axes; its mean, and its deviation."""
    spread, middle = variance(g, x, axes, keep=True, less=0)
    root = g.apply("sqrt", g.apply("add", spread, known(epsilon)))
    return g.apply("div", g.apply("sub", x, middle), root), middle, root


def scaled(g: Scalars, x: Tensor, scale: Tensor | None, bias: Tensor | None) -> Tensor:
    """Return x·scale + bias, of which either may be missing."""
    x = x if scale is None else g.apply("mul", x, scale)
    return x if bias is None else g.apply("add", x, bias)


def by_channel(x: Tensor, values: Tensor | None) -> Tensor | None:
    """Return one value per channel, the second axis, as a tensor that fits x."""
    if values is None:
        return None
    return values.arranged(lambda y: y.reshape(-1, *[1] * (x.array.ndim - 2)))


def batch_normalised(g: Scalars, x: Tensor, mean: Tensor, spread: Tensor, epsilon: float) -> Tensor:
    """Return x less a mean, divided by the root of a variance; both have one value per channel."""
    middle, around = by_channel(x, mean), by_channel(x, spread)
    if middle is None or around is None:
        return refuse("normalisation by the numbers of the batch itself")
    root = g.apply("sqrt", g.apply("add", around, known(epsilon)))
    return g.apply("div", g.apply("sub", x, middle), root)


# --- rearranging ----------------------------------------------------------------------------------


def joined(g: Scalars, parts: Sequence[Tensor], axis: int) -> Tensor:
    """Return tensors one after the other along an axis."""
    g.room([sum(x.array.size for x in parts)])
    if all(x.is_known for x in parts):
        return known(np.concatenate([x.array for x in parts], axis))
    return Tensor(np.concatenate([g.nodes(x) for x in parts], axis))


def padded(
    g: Scalars, x: Tensor, pads: Sequence[tuple[int, int]], mode: str, value: Tensor
) -> Tensor:
    """Return a tensor with more numbers around it; pads below zero cut some off."""
    g.room(n + max(0, a) + max(0, b) for n, (a, b) in zip(x.shape, pads, strict=True))
    cut = tuple(slice(max(0, -a), n - max(0, -b)) for n, (a, b) in zip(x.shape, pads, strict=True))
    added = [(max(0, a), max(0, b)) for a, b in pads]
    x = x.arranged(lambda y: y[cut])
    if mode != "constant":
        return x.arranged(lambda y: np.pad(y, added, mode=mode))  # type: ignore[call-overload]
    if x.is_known and value.is_known:
        return x.arranged(lambda y: np.pad(y, added, constant_values=value.array.item()))
    filler = g.nodes(value).item()
    return Tensor(np.pad(g.nodes(x), added, constant_values=filler))


def broadcast(g: Scalars, x: Tensor, shape: Sequence[int]) -> Tensor:
    """Return a tensor repeated to a shape."""
    g.room(shape)
    return x.arranged(lambda y: np.broadcast_to(y, tuple(shape)))


def whole(values: Tensor) -> list[int]:
    """Return known whole numbers, such as a shape or axes."""
    if not is_whole(values.value):
        refuse(f"whole numbers are needed, not {values.value.dtype}", "type")
    return [int(x) for x in values.value.ravel()]
