"""JAX's opinion of gradients as graphs, first and second derivatives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mgraph.ops import NAMES
from tests.analysis.random_graphs import random_graph
from tests.analysis.test_derive import CASES, graph_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mgraph import Graph

SMOOTH = (
    "add", "sub", "mul", "sum", "neg", "sin", "cos", "atan", "tanh", "sigmoid", "softplus", "erf",
)  # fmt: skip
"""Ops whose gradients are nowhere large, so that 1e-9 is enough for a few dozen of them."""


@pytest.fixture(scope="module")
def jax() -> Any:  # noqa: ANN401
    """Return JAX, with doubles."""
    module = pytest.importorskip("jax")
    module.config.update("jax_enable_x64", True)  # noqa: FBT003
    return module


def functions(jax: Any) -> dict[str, Callable[..., Any]]:  # noqa: ANN401
    """Return JAX's functions for ops."""
    jnp, nn = jax.numpy, jax.nn
    return {
        "add": jnp.add, "sub": jnp.subtract, "mul": jnp.multiply, "neg": jnp.negative,
        "sin": jnp.sin, "cos": jnp.cos, "atan": jnp.arctan, "tanh": jnp.tanh,
        "sigmoid": nn.sigmoid, "softplus": nn.softplus, "erf": jax.scipy.special.erf,
        "sum": lambda *x: sum(x[1:], x[0]),
    }  # fmt: skip


def program(graph: Graph, leaves: Sequence[int], jax: Any) -> Callable[[Any], Any]:  # noqa: ANN401
    """Return the output of a graph as a function of some leaves, in JAX."""
    columns, known = graph.columns, functions(jax)

    def output(x: Any) -> Any:  # noqa: ANN401
        values: list[Any] = []
        for node in range(len(columns)):
            args = [values[arg] for arg in columns.arguments(node)]
            if args:
                values.append(known[NAMES[columns.opcode[node]]](*args))
            elif node in leaves:
                values.append(x[leaves.index(node)])
            else:
                values.append(columns.data[columns.leaf_index[node]])
        return values[columns.outputs[0]]

    return output


def compare(graph: Graph, jax: Any, *, hessian: bool) -> None:  # noqa: ANN401
    """Compare all first, and perhaps second, derivatives."""
    gradient = graph.derive()
    output, *names = gradient.outputs
    ids = [name.removeprefix(f"d_{output}/d_") for name in names]
    leaves = [graph.columns.index[name] for name in ids]
    at = jax.numpy.array([graph.columns.data[graph.columns.leaf_index[i]] for i in leaves])
    function = program(graph, leaves, jax)
    with jax.disable_jit():
        want = jax.grad(function)(at)
    data = gradient.run(seed={output: 1.0}, grad=False).data
    assert data is not None
    for name, x in zip(names, want.tolist(), strict=True):
        assert data[name] == pytest.approx(x, rel=1e-9, abs=1e-9)
    if hessian:
        want = jax.hessian(function)(at).tolist()
        for i, name in enumerate(names):
            grad = gradient.run(seed={name: 1.0}).grad
            assert grad is not None
            for j, other in enumerate(ids):
                assert grad.get(other, 0.0) == pytest.approx(want[i][j], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_jax_has_the_same_gradients_and_hessians(case: str, jax: Any) -> None:  # noqa: ANN401
    """Of Rosenbrock's function, the neuron, and a network of 2, 3 and 1."""
    compare(graph_of(case), jax, hessian=True)


def test_jax_has_the_same_gradients_of_random_graphs(jax: Any) -> None:  # noqa: ANN401
    """Forty graphs of smooth ops; one with its Hessian."""
    for number in range(40):
        graph = random_graph(number, SMOOTH, nodes=16, specials=0.0)
        compare(graph, jax, hessian=number == 0)


@pytest.mark.thorough
def test_jax_has_the_same_gradients_of_many_random_graphs(jax: Any) -> None:  # noqa: ANN401
    """160 more; one in fifty with its Hessian."""
    for number in range(40, 200):
        graph = random_graph(number, SMOOTH, nodes=16, specials=0.0)
        compare(graph, jax, hessian=number % 50 == 0)
