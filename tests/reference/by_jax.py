"""A third opinion: the same graphs, evaluated and differentiated by JAX.

JAX shares nothing with the op table here: it has its own functions and its own derivatives.
All runs of a file are evaluated at once, one lane each.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .evaluate import Nodes

settings: Any = jax.config
settings.update("jax_platforms", "cpu")  # no search for a GPU, and no warning that there is none
settings.update("jax_enable_x64", True)  # noqa: FBT003 - JAX takes it by position

Lanes: TypeAlias = jax.Array  # float64[runs]

FUNCTIONS: Mapping[str, Callable[..., Lanes]] = {
    "add": jnp.add,
    "sub": jnp.subtract,
    "mul": jnp.multiply,
    "div": jnp.divide,
    "pow": jnp.power,
    "max": jnp.maximum,
    "min": jnp.minimum,
    "sum": lambda *terms: reduce(jnp.add, terms),  # jnp.sum would choose its own order
    "neg": jnp.negative,
    "abs": jnp.abs,
    "relu": jax.nn.relu,
    "sqrt": jnp.sqrt,
    "exp": jnp.exp,
    "log": jnp.log,
    "sin": jnp.sin,
    "cos": jnp.cos,
    "tan": jnp.tan,
    "atan": jnp.arctan,
    "sinh": jnp.sinh,
    "cosh": jnp.cosh,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "erf": jax.scipy.special.erf,
    "log1p": jnp.log1p,
    "expm1": jnp.expm1,
    "asin": jnp.arcsin,
    "acos": jnp.arccos,
    "atan2": jnp.arctan2,
    "gate": lambda a, b: jnp.where(a > 0, b, 0.0),
}


def evaluate(
    order: Nodes,
    leaves: Mapping[str, Sequence[float]],
    seeds: Mapping[str, Sequence[float]],
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the value and the gradient of every node, in every run.

    Args:
        order: The nodes, in evaluation order.
        leaves: float64[runs] for each leaf.
        seeds: float64[runs] for each seeded output.

    Returns:
        float64[runs] for each node, twice: values, and gradients, which are 0 without a path.
    """

    def forward(nudges: dict[str, Lanes]) -> tuple[tuple[Lanes, ...], dict[str, Lanes]]:
        """Return the seeded outputs, and every value: each is open to a nudge of its own."""
        primals: dict[str, Lanes] = {}
        for node in order:
            if node.is_leaf:
                value = jnp.asarray(leaves[node.id], dtype=jnp.float64)
            else:
                value = FUNCTIONS[node.op](*(primals[arg] for arg in node.args))
            primals[node.id] = value + nudges[node.id]
        return tuple(primals[output] for output in seeds), primals

    runs = len(next(iter(leaves.values())))
    no_nudge = dict.fromkeys((node.id for node in order), jnp.full(runs, -0.0))  # x + -0.0 is x
    _, pull_back, primals = jax.vjp(forward, no_nudge, has_aux=True)
    cotangents = tuple(jnp.asarray(seed, dtype=jnp.float64) for seed in seeds.values())
    (adjoints,) = pull_back(cotangents)
    return _to_numpy(primals), _to_numpy(adjoints)


def _to_numpy(columns: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {id_: np.asarray(column) for id_, column in columns.items()}
