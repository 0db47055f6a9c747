"""Multi-layer perceptrons as graphs, with micrograd's structure and initial values."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from mgraph.build.expression import without_data
from mgraph.build.losses import LOSSES, target_ids
from mgraph.codec import LIMITS
from mgraph.document import Graph
from mgraph.nn import LINEAR, Neuron
from mgraph.value import Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST: Final = LIMITS.nodes
WIDEST: Final = LIMITS.args - 1  # a neuron's sum has its bias as an argument, too


def mlp(
    sizes: Sequence[int],
    activation: str = "tanh",
    seed: int = 0,
    inputs: Mapping[str, float | None] | None = None,
    loss: str | None = None,
) -> Graph:
    """Build a fully connected network: weights uniform in -1 … 1, biases 0, last layer linear.

    Ids are `x1`, `layer1.neuron3.w2`, `.b`, `.x2w2`, `.sum` and `.out`; the last layer's sums
    are the outputs, the scores. With a loss, the only output is `loss`, there are inputs `y` (or
    `y1`, `y2` … for several scores), and the scores are labelled.

    Args:
        sizes: Inputs, then neurons of each layer.
        activation: One of `nn.ACTIVATIONS`, for all layers but the last.
        seed: Seed of the random weights.
        inputs: Declared primals of inputs, by id; inputs with None, or not listed, have none.
        loss: One of `LOSSES`; None for a network without a loss.

    Raises:
        ValueError: The sizes are not valid or too large, or an input does not exist.
    """
    _check_sizes(sizes, activation)
    if loss and sizes[-1] > LIMITS.args:
        message = f"a loss of {sizes[-1]:,} scores; at most {LIMITS.args:,}"
        raise ValueError(message)
    targets = target_ids(sizes[-1]) if loss else []
    given = _given([f"x{i}" for i in range(1, sizes[0] + 1)], targets, inputs or {})
    leaves = [Value(0.0 if x is None else x, name=name) for name, x in given.items()]
    scores = _scores(leaves[: sizes[0]], sizes, activation, seed)
    outputs = [LOSSES[loss].build(scores, leaves[sizes[0] :])] if loss else scores
    shape = "-".join(map(str, sizes))
    graph = Graph.of(*outputs, name=f"mlp {shape}", doc=_doc(activation, seed, loss, sizes[-1]))
    _check_count(len(graph))
    graph = without_data(graph, (name for name, x in given.items() if x is None))
    return _with_labelled(graph, scores) if loss else graph


def _check_sizes(sizes: Sequence[int], activation: str) -> None:
    if len(sizes) < 2 or min(sizes) < 1:  # noqa: PLR2004 - inputs and a layer
        message = "a network needs inputs and at least one layer, for example 2,16,16,1"
        raise ValueError(message)
    nodes = sizes[0] + sum(b * (2 * a + 2) for a, b in pairwise(sizes))
    _check_count(nodes + (0 if activation == LINEAR else sum(sizes[1:-1])))
    if max(sizes[:-1]) > WIDEST:
        message = f"a neuron of {max(sizes[:-1]):,} inputs; at most {WIDEST:,}"
        raise ValueError(message)


def _check_count(nodes: int) -> None:
    if nodes > MOST:
        message = f"that would be {nodes:,} nodes; at most {MOST:,}"
        raise ValueError(message)


def _given(
    names: Sequence[str], targets: Sequence[str], inputs: Mapping[str, float | None]
) -> dict[str, float | None]:
    """Return the declared primal of every input."""
    given: dict[str, float | None] = dict.fromkeys([*names, *targets])
    for name in inputs:
        if name not in given:
            ranges = [" … ".join(dict.fromkeys((x[0], x[-1]))) for x in (names, targets) if x]
            message = f"the network has no input {name}; its inputs are {' and '.join(ranges)}"
            raise ValueError(message)
    return given | dict(inputs)


def _scores(
    inputs: Sequence[Value], sizes: Sequence[int], activation: str, seed: int
) -> list[Value]:
    """Return the sums of the last layer."""
    generator = random.Random(seed)  # noqa: S311 - weights are not secret
    layer = [*inputs]
    for k, size in enumerate(sizes[1:], start=1):
        nonlin = k < len(sizes) - 1
        labels = (f"layer{k}.neuron{i}" for i in range(1, size + 1))
        layer = [
            Neuron(len(layer), nonlin, activation=activation, label=label, rng=generator)(layer)
            for label in labels
        ]
    return layer


def _doc(activation: str, seed: int, loss: str | None, scores: int) -> str:
    text = f"A multi-layer perceptron, {activation}; weights uniform in -1 to 1, seed {seed}."
    if loss is None:
        return text
    formula = LOSSES[loss].of_one if scores == 1 else LOSSES[loss].of_several
    return f"{text} Its loss is {loss}: {formula}."


def _with_labelled(graph: Graph, scores: Sequence[Value]) -> Graph:
    """Return the graph with labels for its scores: score, or score 1 and so on."""
    columns = graph.columns
    numbers = [f" {i}" for i in range(1, len(scores) + 1)] if len(scores) > 1 else [""]
    nodes = (columns.index[score.name or ""] for score in scores)
    labels = {node: f"score{number}" for node, number in zip(nodes, numbers, strict=True)}
    return replace(graph, columns=replace(columns, labels=labels))
