"""Whole graphs in exact math: every value and gradient has the bits of an independent evaluation.

That evaluation is MPFR's, op by op, in the order and with the partials that docs/format.md states.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest

import mgraph
from mgraph import Graph
from tests.command_line import FIXTURES
from tests.engine.test_tape import random_graph
from tests.groups.exact.graphs import calm_graph, document_of, first_difference, right_run
from tests.loops import looped
from tests.reference.reading import numbers, seed_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

GOLDEN: Final = sorted(
    path for folder in ("exact", "pack", "run") for path in (FIXTURES / folder).rglob("*.json")
)
BY_OP: Final = ("exact rationals, rounded", "IEEE 754 special cases by hand", "MPFR")
"""How the origin of a golden run begins whose numbers are rounded at each operation."""


def runs_of(path: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield a golden file with each of its runs."""
    document = json.loads(path.read_text(encoding="utf-8"))
    for run in document.get("runs", ()):
        yield document, run


def assert_right(graph: Graph, inputs: Mapping[str, float], seed: Mapping[str, float]) -> None:
    """Values, single runs of the tape, steps and batches: all have the right bits."""
    data, grad = right_run(document_of(graph), inputs, seed)
    replay = graph.compile(math="exact")
    runs = {engine: graph.run(inputs, seed=seed, engine=engine, math="exact")
            for engine in ("value", "tape")} | {"replay": replay(inputs, seed=seed)}  # fmt: skip
    for engine, run in runs.items():
        assert not first_difference(run.data or {}, data), engine
        assert not first_difference(run.grad or {}, grad), engine
    ids = graph.columns.ids
    replay.step(inputs, seed=seed)
    assert not first_difference(dict(zip(ids, replay.primals.tolist(), strict=True)), data)
    adjoints = dict(zip(ids, replay.adjoints.tolist(), strict=True))
    assert not first_difference(adjoints, dict.fromkeys(ids, 0.0) | grad)


@looped("path", GOLDEN)
def test_the_evaluator_agrees_with_the_fixtures(path: Path) -> None:
    """Golden runs that were rounded at each operation, by rationals or 50 digits: the same bits."""
    for document, run in runs_of(path):
        if run.get("origin", "").startswith(BY_OP):
            inputs, seed = numbers(run.get("inputs", {})), seed_of(document, run)
            for got, name in zip(right_run(document, inputs, seed), ("data", "grad"), strict=True):
                want = numbers(run.get(name, {}))
                assert not first_difference({id_: got[id_] for id_ in want}, want)


@looped("path", GOLDEN)
def test_golden_graphs_are_right(path: Path) -> None:
    """All golden graphs, with the inputs of all their runs, whatever math the runs were in."""
    graph = mgraph.load(path)
    for document, run in runs_of(path):
        assert_right(graph, numbers(run.get("inputs", {})), seed_of(document, run))


@looped("seed", range(100))
def test_random_graphs_are_right(seed: int) -> None:
    """All ops, with infinities and NaN among the leaves, and several seeded outputs."""
    graph = random_graph(seed, 10 + seed)
    assert_right(graph, {}, dict(zip(graph.outputs, (1.0, -0.5, 0.0), strict=False)))


def test_ordinary_numbers_are_ordinary() -> None:
    """Most values and gradients of these graphs are finite, and most gradients aren't 0."""
    values: list[float] = []
    gradients: list[float] = []
    for seed in range(100):
        document = calm_graph(seed, 40 + 2 * seed)
        data, grad = right_run(document, {}, {document["outputs"][0]: 1.0})
        values.extend(data.values())
        gradients.extend(grad.values())
    assert sum(map(math.isfinite, values)) > 0.95 * len(values)
    assert sum(x != 0.0 and math.isfinite(x) for x in gradients) > 0.8 * len(gradients)


@looped("seed", range(100))
def test_random_graphs_of_ordinary_numbers_are_right(seed: int) -> None:
    """Chains of functions at arguments of common sizes: one wrong bit shows in what follows."""
    graph = mgraph.loads(json.dumps(calm_graph(seed, 40 + 2 * seed)))
    assert_right(graph, {}, {graph.outputs[0]: 1.0})


@looped("seed", range(12))
@pytest.mark.parametrize("workers", [1, 2])
def test_each_row_of_a_batch_is_right(seed: int, workers: int) -> None:
    """Outputs and gradients of every row, and exact sums of these, with one thread and with two."""
    graph = mgraph.loads(json.dumps(calm_graph(seed, 60)))
    columns = graph.columns
    names = [columns.ids[i] for i in columns.leaves if columns.op(i) != "const"]
    rows = (1, 7, 65, 523)[seed % 4]
    given = np.random.default_rng(seed).normal(size=(len(names), rows))
    seeds, document = {graph.outputs[0]: 1.0, graph.outputs[1]: 2.0}, document_of(graph)
    replay, table = graph.compile(math="exact"), dict(zip(names, given, strict=True))
    batch = replay.batch(table, seed=seeds, workers=workers, math="exact")
    rows_of_gradients = []
    for i in range(rows):
        inputs = dict(zip(names, given[:, i].tolist(), strict=True))
        data, grad = right_run(document, inputs, seeds)
        got = {name: float(column[i]) for name, column in batch.outputs.items()}
        assert not first_difference(got, {name: data[name] for name in got}), i
        got = {name: float(column[i]) for name, column in batch.grad.items()}
        assert not first_difference(got, {name: grad[name] for name in got}), i
        rows_of_gradients.append(grad)
    total = replay.batch(table, grad="sum", seed=seeds, workers=workers, math="exact")
    for name, got_sum in total.grad.items():
        column = [grad[name] for grad in rows_of_gradients]
        if all(map(math.isfinite, column)):  # fsum rounds once, too
            assert got_sum == math.fsum(column), name
