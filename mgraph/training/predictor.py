"""The trained network without its loss, which computes scores for rows without targets."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mgraph.build.expression import without_data
from mgraph.document import Graph
from mgraph.ops import OPS
from mgraph.training.scores import named_scores, score_nodes
from mgraph.value import Value, apply, leaf

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mgraph.graph.columns import Columns


def predictor(
    graph: Graph, loss: str, standardized: Mapping[str, tuple[float, float]]
) -> Graph | None:
    """Return the part of a graph that computes its scores, with the scores as outputs.

    Nodes that are named as scores have the ids `score`, or `score1`, `score2` and so on.

    Args:
        graph: The trained graph.
        loss: The output that is the loss.
        standardized: Mean and standard deviation of some inputs, by id. These inputs take numbers
            as they are in the rows; the part begins with (x - mean)/deviation.

    Returns:
        The part; None if the graph has no scores.
    """
    columns = graph.columns
    scores = score_nodes(columns, loss)
    if not scores:
        return None
    values = _values(columns, columns.reached(scores), standardized)
    renamed = {node: name for node, name in _score_ids(columns) if name not in columns.index}
    for node, name in renamed.items():
        values[node].name = name
    part = Graph.of(*(values[node] for node in scores), name=graph.name, doc=_doc(standardized))
    part = without_data(part, (columns.ids[node] for node in columns.unbound()))
    index = part.columns.index
    texts = {renamed.get(node, columns.ids[node]): label for node, label in columns.labels.items()}
    labels = {index[name]: label for name, label in texts.items() if name in index}
    return replace(part, columns=replace(part.columns, labels=labels))


def _score_ids(graph: Columns) -> Iterator[tuple[int, str]]:
    """Yield the nodes that are named as scores, and the ids that they have in a predictor."""
    nodes = named_scores(graph)
    for k, node in enumerate(nodes, start=1):
        yield node, f"score{k}" if len(nodes) > 1 else "score"


def _doc(standardized: Mapping[str, Any]) -> str:
    text = "A trained network without its loss."
    return f"{text} Its inputs take numbers that are not standardized." if standardized else text


def _values(
    graph: Columns, marks: Sequence[int], standardized: Mapping[str, tuple[float, float]]
) -> dict[int, Value]:
    """Build the Values of the marked nodes, by node."""
    values: dict[int, Value] = {}
    for node, name in enumerate(graph.ids):
        if not marks[node]:
            continue
        op, args = graph.op(node), graph.arguments(node)
        if args:
            values[node] = apply(OPS[op], tuple([values[arg] for arg in args]))
            values[node].name = name
            continue
        value = leaf(op, graph.data[graph.leaf_index[node]], name)
        if name in standardized:
            value = _standardized(value, name, standardized[name], graph.index)
        values[node] = value
    return values


def _standardized(
    x: Value, name: str, spread: tuple[float, float], taken: Mapping[str, int]
) -> Value:
    """Return (x - mean)/deviation, with names for the four new nodes."""

    def free(word: str) -> str:
        new = f"{name}.{word}"
        while new in taken:
            new += "_"
        return new

    mean, deviation = (
        Value.const(number, name=free(word))
        for number, word in zip(spread, ("mean", "deviation"), strict=True)
    )
    centred = x - mean
    centred.name = free("centred")
    result = centred / deviation
    result.name = free("standardized")
    return result
