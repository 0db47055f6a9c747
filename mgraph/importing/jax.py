"""JAX functions as graphs, through their jaxprs."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from numbers import Integral
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from mgraph.codec import LIMITS
from mgraph.errors import quoted
from mgraph.importing.jax_ops import CALLING, CALLS, PASSING, PRIMITIVES
from mgraph.importing.packages import require
from mgraph.importing.problems import Problems, refuse
from mgraph.importing.scalars import Scalars, Tensor, known
from mgraph.ops import INPUT, PARAM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mgraph.codec import Limits
    from mgraph.document import Graph


def read_jax(
    function: Callable[..., Any],
    example: tuple[Any, ...],
    params: Sequence[int] = (),
    limits: Limits = LIMITS,
) -> Graph:
    """Return the graph that a function computes for arguments of the shapes of the example.

    Args:
        function: A function of arrays, or of trees of arrays.
        example: Arguments, whose values the inputs and params declare.
        params: Which arguments are params, from 0.
        limits: The most nodes.

    Raises:
        GraphError: Everything that can't be imported.
        MissingExtraError: JAX is not installed.
        TypeError: `params` are not numbers.
        ValueError: There is no argument of such a number.
    """
    jax = require("jax")
    names = _names(function, len(example))
    check_params(params, names)
    with jax.enable_x64(True):  # noqa: FBT003 - JAX's
        doubles = jax.tree_util.tree_map(_doubled, example)
        traced, shape = jax.make_jaxpr(function, return_shape=True)(*doubles)
        reader = _JaxprReader(limits)
        leaves = [*_named_leaves(doubles, names, params)]
        outputs = jax.tree_util.tree_flatten_with_path(shape)[0]
        results = [f"output{jax.tree_util.keystr(path)}" for path, _ in outputs]
        return reader.graph(traced, leaves, results, getattr(function, "__name__", ""))


def _doubled(value: Any) -> Any:
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind == "f" else value


class _Argument(NamedTuple):
    """An argument, or an array in one."""

    op: str
    name: str
    value: Any


def _names(function: Callable[..., Any], count: int) -> list[str]:
    """Return the names of the first arguments of a function."""
    try:
        names = [*inspect.signature(function).parameters]
    except (TypeError, ValueError):
        names = []
    return [*names[:count], *(f"x{i}" for i in range(len(names), count))]


def check_params(params: Sequence[int], names: Sequence[str]) -> None:
    """Check that params are numbers of arguments.

    Raises:
        TypeError: They are not numbers.
        ValueError: There is no argument of such a number.
    """
    positions = ", ".join(f"{i} ({name})" for i, name in enumerate(names))
    expected = f"params are numbers of arguments, such as (0,); there are {positions or 'none'}"
    if not isinstance(params, Iterable) or not all(isinstance(i, Integral) for i in params):
        message = f"{expected}; not {params!r}"
        raise TypeError(message)
    if wrong := [i for i in params if not 0 <= i < len(names)]:
        message = f"{expected}; not {wrong[0]}"
        raise ValueError(message)


def _named_leaves(
    example: tuple[Any, ...], names: Sequence[str], params: Sequence[int]
) -> Iterator[_Argument]:
    """Yield the arrays of all arguments, named by the parameters of the function."""
    jax = require("jax")
    for i, (name, argument) in enumerate(zip(names, example, strict=True)):
        for path, value in jax.tree_util.tree_flatten_with_path(argument)[0]:
            yield _Argument(PARAM if i in params else INPUT, name + _dotted(path), value)


def _dotted(path: Sequence[Any]) -> str:
    """Return the keys to an array in a tree, such as `.layers.0.w`."""
    keys = (next((getattr(x, y) for y in ("key", "idx", "name") if hasattr(x, y)), x) for x in path)
    return "".join(f".{key}" for key in keys)


class _JaxprReader:
    """Evaluates a jaxpr, with node numbers for numbers."""

    def __init__(self, limits: Limits) -> None:
        self._problems = Problems()
        self._scalars = Scalars(limits)

    def graph(
        self, traced: Any, leaves: Sequence[_Argument], names: Sequence[str], title: str
    ) -> Graph:
        """Return the graph."""
        given = [self._leaf(leaf) for leaf in leaves]
        constants = [self._constant(i, x) for i, x in enumerate(traced.consts)]
        results = self._run(traced.jaxpr, [*constants, *given], "")
        self._problems.check()
        ends = [(_output(name), x) for name, x in zip(names, results, strict=True) if x is not None]
        return self._scalars.graph(ends, title)

    def _leaf(self, leaf: _Argument) -> Tensor | None:
        with self._problems.noted(f"argument {quoted(leaf.name)}"):
            values = np.asarray(leaf.value)
            if values.dtype.kind != "f":
                refuse(f"it has the type {values.dtype}; arguments are real numbers", "type")
            return self._scalars.leaf(leaf.op, leaf.name, values.shape, values)
        return None

    def _constant(self, index: int, value: Any) -> Tensor:
        """Return an array that the function has from elsewhere: weights are params."""
        values = np.asarray(value)
        if values.dtype.kind == "f" and values.ndim:
            return self._scalars.param(f"param{index}", values.astype(np.float64))
        return known(values)

    def _run(self, jaxpr: Any, given: Sequence[Tensor | None], scope: str) -> list[Tensor | None]:
        """Return the results of a jaxpr; None for what can't be imported."""
        tensors: dict[Any, Tensor | None] = dict(
            zip([*jaxpr.constvars, *jaxpr.invars], given, strict=True)
        )
        makers = {variable: x for x in jaxpr.eqns for variable in x.outvars}
        for i, equation in enumerate(jaxpr.eqns):
            inputs = [self._read(x, tensors) for x in equation.invars]
            name = f"{scope}{equation.primitive.name}{i}"
            results: Sequence[Tensor | None] = [None] * len(equation.outvars)
            if None not in inputs:
                shapes = ", ".join(str(list(x.shape)) for x in inputs if x is not None)
                where = f"equation {name}" + (f" of {shapes}" if shapes else "")
                with self._problems.noted(where):
                    _check_stop(equation, makers)
                    made = self._equation(equation, inputs, name)
                    results = [made] if isinstance(made, Tensor) else made
            tensors |= zip(equation.outvars, results, strict=True)
        return [self._read(x, tensors) for x in jaxpr.outvars]

    def _read(self, variable: Any, tensors: dict[Any, Tensor | None]) -> Tensor | None:
        if hasattr(variable, "val"):
            return known(np.asarray(variable.val))
        return tensors[variable]

    def _equation(self, equation: Any, inputs: Sequence[Any], name: str) -> Any:
        primitive, params = equation.primitive.name, equation.params
        if primitive in CALLING:
            inner = next(params[key] for key in CALLS if key in params)
            closed = getattr(inner, "jaxpr", inner)
            constants = [known(np.asarray(x)) for x in getattr(inner, "consts", ())]
            called = str(params.get("name", primitive))
            return self._run(closed, [*constants, *inputs], f"{name}.{called}.")
        make = PRIMITIVES.get(primitive)
        if make is None:
            return refuse(f"the primitive {primitive} can't be imported")
        if primitive in {"div", "max", "not"}:
            params = {}
        return self._scalars.named(name, lambda: make(self._scalars, *inputs, **params))


def _check_stop(equation: Any, makers: Mapping[Any, Any]) -> None:
    """Refuse to stop a gradient, unless it comes from a maximum.

    A stable softmax subtracts the maximum without its gradient, which would cancel anyway. A graph
    has no op that passes on a value without its gradient.
    """
    if equation.primitive.name != "stop_gradient":
        return
    variable = equation.invars[0]
    while (maker := makers.get(variable)) is not None and maker.primitive.name in PASSING:
        if maker.primitive.name == "max" and not hasattr(maker.invars[0], "val"):
            break  # not JAX's own max(-inf, x)
        variable = next(x for x in reversed(maker.invars) if not hasattr(x, "val"))
    if maker is None or maker.primitive.name != "reduce_max":
        refuse("a gradient that is stopped: graphs pass on the gradient of every value")


def _output(name: str) -> str:
    """Return the name of an output without quotes and brackets: `output.loss`."""
    return name.replace("['", ".").replace("']", "").replace("[", ".").replace("]", "")
