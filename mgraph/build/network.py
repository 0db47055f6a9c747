"""Multi-layer perceptrons as graphs, with micrograd's structure and initial values."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from mgraph.build.expression import without_data
from mgraph.codec import LIMITS
from mgraph.document import Graph
from mgraph.ops import OPS
from mgraph.value import Value, apply, total

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LINEAR: Final = "linear"
ACTIVATIONS: Final = (LINEAR, *(name for name, op in OPS.items() if op.inputs == 1))
MOST: Final = LIMITS.nodes
WIDEST: Final = LIMITS.args - 1  # a neuron's sum has its bias as an argument, too


def mlp(
    sizes: Sequence[int],
    activation: str = "tanh",
    seed: int = 0,
    inputs: Mapping[str, float | None] | None = None,
) -> Graph:
    """Build a fully connected network: weights uniform in -1 … 1, biases 0, last layer linear.

    Ids are `x1`, `layer1.neuron3.w2`, `.b`, `.x2w2`, `.sum` and `.out`; the last layer's sums
    are the outputs.

    Args:
        sizes: Inputs, then neurons of each layer.
        activation: One of `ACTIVATIONS`, for all layers but the last.
        seed: Seed of the random weights.
        inputs: Declared primals of inputs, by id; inputs with None, or not listed, have none.

    Raises:
        ValueError: The sizes are not valid or too large, or an input does not exist.
    """
    if len(sizes) < 2 or min(sizes) < 1:  # noqa: PLR2004 - inputs and a layer
        message = "a network needs inputs and at least one layer, for example 2,16,16,1"
        raise ValueError(message)
    nodes = sizes[0] + sum(b * (2 * a + 2) for a, b in pairwise(sizes))
    nodes += 0 if activation == LINEAR else sum(sizes[1:-1])
    if nodes > MOST:
        message = f"that would be {nodes:,} nodes; at most {MOST:,}"
        raise ValueError(message)
    if max(sizes[:-1]) > WIDEST:
        message = f"a neuron of {max(sizes[:-1]):,} inputs; at most {WIDEST:,}"
        raise ValueError(message)
    generator = random.Random(seed)  # noqa: S311 - weights are not secret
    names = [f"x{i}" for i in range(1, sizes[0] + 1)]
    given = {name: x for name, x in (inputs or {}).items() if x is not None}
    for name in inputs or {}:
        if name not in names:
            message = f"the network has no input {name}; its inputs are {names[0]} … {names[-1]}"
            raise ValueError(message)
    layer = [Value(given.get(name, 0.0), name=name) for name in names]
    for k, size in enumerate(sizes[1:], start=1):
        act = activation if k < len(sizes) - 1 else LINEAR
        layer = [_neuron(layer, f"layer{k}.neuron{i}", act, generator) for i in range(1, size + 1)]
    shape = "-".join(map(str, sizes))
    graph = Graph.of(*layer, name=f"mlp {shape}", doc=_doc(activation, seed))
    return without_data(graph, (name for name in names if name not in given))


def _doc(activation: str, seed: int) -> str:
    return f"A multi-layer perceptron, {activation}; weights uniform in -1 to 1, seed {seed}."


def _neuron(inputs: Sequence[Value], name: str, activation: str, generator: random.Random) -> Value:
    weights = [
        Value.param(generator.uniform(-1.0, 1.0), name=f"{name}.w{i}")
        for i in range(1, len(inputs) + 1)
    ]
    bias = Value.param(0.0, name=f"{name}.b")
    products = []
    for i, (x, weight) in enumerate(zip(inputs, weights, strict=True), start=1):
        product = x * weight
        product.name = f"{name}.x{i}w{i}"
        products.append(product)
    value = total([bias, *products])
    value.name = f"{name}.sum"
    if activation != LINEAR:
        value = apply(OPS[activation], (value,))
        value.name = f"{name}.out"
    return value
