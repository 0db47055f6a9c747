"""Checks of the targets y, or y1 … yk, of rows: whether they say which class a row is in."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from mgraph.errors import GraphError, quoted, some
from mgraph.training.classes import known_targets, off_value, targets_of
from mgraph.training.scores import Judge, score_nodes, scores_of, threshold_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from mgraph.document import Graph
    from mgraph.graph.columns import Columns
    from mgraph.training.row_tables import RowBlock
    from mgraph.training.split import Split

    Floats = NDArray[np.float64]

_LARGE: Final = 100.0
"""How much larger than scores, and than 1, numbers to predict are if they are said to be large."""

_TRIED: Final = 3
"""The rows for which it is computed what the graph predicts."""

_ENTROPY_NODES: Final = (("softplus", "chosen"), ("log_total", "surprise1"))
"""Nodes by which the cross-entropy of `mgraph new` is recognised, for one score and several."""


def judge_of(graph: Columns, loss: str, split: Split, *, is_needed: bool) -> Judge | None:
    """Return how the class of a row is predicted.

    Args:
        graph: The graph.
        loss: The output that is the loss.
        split: The rows.
        is_needed: Whether it is an error if there is no way; otherwise, None is returned for rows
            without a column of classes, and for scores that don't fit them.

    Raises:
        GraphError: `run-node` or `output` if the graph has no targets or scores; `column` if the
            targets have no columns, or those of a row don't say which class it is in.
    """
    if is_needed:
        return _judge(graph, scores_of(graph), split)
    scores = [graph.ids[node] for node in score_nodes(graph, loss)]
    fits = split.data.classes is not None and len(scores) == len(known_targets(graph))
    return _judge(graph, scores, split) if fits else None


def _judge(graph: Columns, scores: Sequence[str], split: Split) -> Judge:
    targets = targets_of(graph)
    missing = [name for name in targets if name not in split.data.ids]
    if missing:
        message = f"the target {quoted(missing[0])} has no column, which accuracy needs"
        fix = "name the column of classes with --target"
        raise GraphError.of("column", message, fix=fix)
    off = _off_of(targets, split)
    threshold = threshold_of(graph, graph.index[scores[0]], off) if len(scores) == 1 else 0.0
    return Judge(scores, targets, threshold)


def _off_of(targets: Sequence[str], split: Split) -> float:
    """Return the target of a class that a row is not in: 0.0, or -1.0 if some row has that.

    Raises:
        GraphError: `column` if the targets of a row don't say which class it is in.
    """
    if split.data.classes:
        return split.data.classes.off
    if not _first_other(targets, split, (0.0,)):
        return 0.0
    if shown := _first_other(targets, split, (0.0, -1.0)):
        message = f"accuracy needs classes, but {shown}"
        expected = "y = 1, or else 0 or -1"
        if len(targets) > 1:
            expected = f"1 for one of {', '.join(targets)}, and 0 or -1 for the others"
        fix = "leave out --accuracy; or if a column says which class a row is in, use --target"
        raise GraphError.of("column", message, expected=expected, fix=fix)
    return -1.0


def without_scores(graph: Columns, loss: str, split: Split) -> Iterator[str]:
    """Yield why there is no model.json, for a graph whose scores nobody can tell.

    Args:
        graph: The graph.
        loss: The output that is minimized.
        split: The rows.
    """
    unused = split.data.unused
    if score_nodes(graph, loss):
        return
    targets = known_targets(graph)
    if targets or not unused:
        inputs = len(graph.inputs())
        if inputs <= max(len(targets), 1):
            return  # there is nothing to predict from
        yield (
            f"there is no model.json, which predicts: {quoted(loss)} compares no node with an "
            'input y, and no node is named score; give what predicts the id "score"'
        )
        return
    columns = f"the column{'s' if len(unused) > 1 else ''} {some(map(quoted, unused))}"
    yield (
        f"no input takes {columns}: training makes {quoted(loss)} itself as small as possible, as "
        "the graph has no loss with a target y; mgraph new --mlp … --loss mse adds one; without, "
        "there is no model.json"
    )


def large_targets(graph: Graph, loss: str, split: Split) -> Iterator[str]:
    """Yield that numbers to predict are much larger than what the graph gives for the first rows.

    Args:
        graph: The graph, before the first step.
        loss: The output that is minimized.
        split: The rows.
    """
    data, nodes = split.data, graph.columns
    at = [data.ids.index(name) for name in known_targets(nodes) if name in data.ids]
    scores = score_nodes(nodes, loss)
    if data.classes or not at or not scores:
        return
    values = next(data.table.blocks()).values
    size = float(np.abs(values[at]).mean())
    if not _LARGE <= size < math.inf:
        return
    rows = (dict(zip(data.ids, row, strict=True)) for row in values[:, :_TRIED].T.tolist())
    runs = [graph.run(row, grad=False).data or {} for row in rows]
    given = float(np.mean([abs(run[nodes.ids[node]]) for run in runs for node in scores]))
    if size >= _LARGE * max(1.0, given):
        names = some(data.ids[i] for i in at)
        unit = 10.0 ** math.floor(math.log10(size))
        yield (
            f"{names} is about {size:.2g}, but what the graph predicts is about {given:.2g} before "
            "the first step: training may take very many steps to get there; divide the column by "
            f"{unit:,.0f}, for example, and multiply what model.json predicts by it"
        )


def doubtful_targets(graph: Columns, split: Split) -> Iterator[str]:
    """Yield what is odd about targets of a hinge loss, or of the cross-entropy of `mgraph new`."""
    targets, off = known_targets(graph), off_value(graph)
    is_entropy = any(all(x in graph.index for x in names) for names in _ENTROPY_NODES)
    loss = "hinge" if off else "cross-entropy" if is_entropy else ""
    if not loss or any(name not in split.data.ids for name in targets):
        return
    if shown := _first_other(targets, split, (off,)):
        expected = f"y is 1 or {off:g}"
        if len(targets) > 1:
            expected = f"one of {', '.join(targets)} is 1 and the others are {off:g}"
        yield f"the {loss} loss expects that {expected}, but {shown}"


def _first_other(targets: Sequence[str], split: Split, offs: Sequence[float]) -> str:
    """Show the first row whose targets are not 1 for one class, and `off` for the others.

    Returns:
        Its targets, and where it comes from; empty if there is no such row.
    """
    data = split.data
    if data.classes:  # the targets were made from them
        return ""
    at = [data.ids.index(name) for name in targets]
    tables = [data.table] if split.held is None else [data.table, split.held]
    for table in tables:
        for wrong in table.map(partial(_first_wrong, at, offs)):
            if wrong:
                number, values = wrong
                pairs = (f"{name} = {values[i]:g}" for name, i in zip(targets, at, strict=True))
                return f"{some(pairs)} in {data.row_name(number, values)}"
    return ""


def _first_wrong(
    at: Sequence[int], offs: Sequence[float], blocks: Iterator[RowBlock]
) -> tuple[int, Floats] | None:
    """Return the number and the values of the first such row, if there is one."""
    for block in blocks:
        values = block.values[at]
        is_on = values == 1.0
        is_right = np.zeros(values.shape[1], bool)
        for off in offs:
            is_right |= (is_on | (values == off)).all(axis=0)
        if len(at) > 1:
            is_right &= is_on.sum(axis=0) == 1
        if not is_right.all():
            row = int(is_right.argmin())
            return int(block.numbers[row]), block.values[:, row].copy()
    return None
