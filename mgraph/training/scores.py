"""The scores of a graph: which nodes they are, and where one of two classes ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mgraph.errors import GraphError
from mgraph.ops import INPUT
from mgraph.training.classes import known_targets, targets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mgraph.graph.columns import Columns


class Judge(NamedTuple):
    """How it is judged which class a row is predicted to be in.

    Attributes:
        scores: The ids of the scores.
        targets: The ids of their targets.
        threshold: The number above which a single score predicts the second class.
    """

    scores: Sequence[str]
    targets: Sequence[str]
    threshold: float


def named_scores(graph: Columns) -> list[int]:
    """Return the nodes that are named as scores; none if one of them is missing.

    For a single target, that is the node whose label or id is `score`; for several, those with the
    labels `score 1`, `score 2` … or the ids `score1`, `score2` … A target of another name counts as
    a single one.
    """
    labelled = {label: node for node, label in graph.labels.items()}
    count = len(known_targets(graph)) or 1
    numbers = range(1, count + 1)
    pairs = [("score", "score")] if count == 1 else [(f"score {k}", f"score{k}") for k in numbers]
    nodes = [labelled.get(label, graph.index.get(name)) for label, name in pairs]
    candidates = [node for node in nodes if node is not None and graph.op(node) != INPUT]
    return candidates if len(candidates) == len(nodes) else []


def scores_of(graph: Columns) -> list[str]:
    """Return the ids of the nodes that are named as scores.

    Raises:
        GraphError: `run-node` if there are no targets, `output` if there are no scores.
    """
    targets = targets_of(graph)
    if nodes := named_scores(graph):
        return [graph.ids[node] for node in nodes]
    is_one = len(targets) == 1
    wanted = "score" if is_one else f"score1 … score{len(targets)}"
    message = f"no node is named {'score' if is_one else 'score1'}, which accuracy needs"
    expected = f"{'the id or label' if is_one else 'ids or labels'} {wanted}"
    fix = (
        f"name what predicts so, as in mgraph new '{'score' if is_one else 'score1'} = w*x + b; …'"
    )
    raise GraphError.of("output", message, expected=expected, fix=fix)


def score_nodes(graph: Columns, loss: str) -> list[int]:
    """Return the nodes that a loss compares with the targets y, or y1, y2 and so on.

    These are the nodes that are named as scores. Without those, they are the nodes that depend
    on other inputs, but not on targets, and are arguments of one that depends on targets; without
    those that depend on another of them.
    """
    if named := named_scores(graph):
        return named
    targets = known_targets(graph)
    of_targets = _depending(graph, [graph.index[name] for name in targets].__contains__)
    varying = _depending(
        graph, lambda node: graph.op(node) == INPUT and graph.ids[node] not in targets
    )
    marks = graph.reached([graph.index[loss]])
    compared = bytearray(len(graph))
    for node in range(len(graph)):
        if marks[node] and of_targets[node]:
            for arg in graph.arguments(node):
                compared[arg] = varying[arg] and not of_targets[arg]
    later = _depending(graph, lambda node: any(compared[arg] for arg in graph.arguments(node)))
    return [node for node in range(len(graph)) if compared[node] and not later[node]]


def _depending(graph: Columns, is_start: Callable[[int], bool]) -> bytearray:
    """Mark with 1 some nodes and all that depend on them."""
    marks = bytearray(len(graph))
    for node in range(len(graph)):
        marks[node] = is_start(node) or any(marks[arg] for arg in graph.arguments(node))
    return marks


def threshold_of(graph: Columns, score: int, off: float) -> float:
    """Return the number above which a single score predicts the second of two classes.

    A loss that subtracts the target from the score, such as a squared error, draws the score to the
    target itself: the threshold is halfway between the targets of both classes. In other losses, as
    in hinge and cross-entropy, the sign of the score tells.

    Args:
        graph: The graph.
        score: The node of the score.
        off: The value of the target in the first class; it is 1.0 in the second one.
    """
    target = graph.index[known_targets(graph)[0]]
    pairs = ((score, target), (target, score))
    is_difference = any(
        graph.op(node) == "sub" and tuple(graph.arguments(node)) in pairs
        for node in range(len(graph))
    )
    return (1.0 + off) / 2.0 if is_difference else 0.0
