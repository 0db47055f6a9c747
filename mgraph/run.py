"""Inputs and seed in, data and grad out, by either engine; results back into the document."""

from __future__ import annotations

from array import array
from dataclasses import replace
from itertools import compress, count
from math import isfinite
from typing import TYPE_CHECKING, Final

from mgraph import __version__
from mgraph.codec import paused_collector
from mgraph.errors import GraphError, quoted
from mgraph.graph.pack import hash_of
from mgraph.loader import values_of
from mgraph.ops import CONST, OPCODES
from mgraph.record import SELF_RECORDED, Numbers, Run, bits
from mgraph.record.read import SETTABLE
from mgraph.schema.fields import closest, did_you_mean
from mgraph.value import sweep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgraph.graph.columns import Columns
    from mgraph.value import Value

ENGINES: Final = ("auto", "value")
"""What can be asked for; "auto" chooses."""


def evaluate(
    graph: Columns,
    inputs: Mapping[str, float] | None = None,
    seed: Mapping[str, float] | None = None,
    *,
    grad: bool = True,
    engine: str = "auto",
) -> Run:
    """Run a graph forward and, unless told otherwise, backward.

    Args:
        graph: The graph.
        inputs: Primals that replace the declared ones, by id of an input or param.
        seed: Adjoints given to outputs, by id; none: 1.0 to the only one.
        grad: Whether to run backward.
        engine: One of `ENGINES`.

    Returns:
        A complete run: a primal for every node and, with `grad`, an adjoint for every node
        that has one.

    Raises:
        GraphError: `run-node`, `seed`, `number` or `unbound-input`.
        ValueError: There is no such engine.
    """
    if engine not in ENGINES:
        message = f"there is no engine {engine!r}: choose one of {', '.join(ENGINES)}"
        raise ValueError(message)
    inputs, seed = dict(inputs or {}), dict(seed or {})
    bound = _bound(graph, inputs)
    seeds = _seeds(graph, seed)
    with paused_collector():
        values = values_of(bound)
        primals = array("d", [value._data for value in values])
        adjoints = _adjoints(graph, values, seeds) if grad else None
    return Run(
        data=Numbers(graph, None, primals),
        grad=adjoints,
        inputs=inputs,
        seed=seed,
        origin=f"{SELF_RECORDED}{__version__} value",
        graph=hash_of(graph),
    )


def _bound(graph: Columns, inputs: dict[str, float]) -> Columns:
    """Return the graph with the inputs of a run as its leaves' primals."""
    by_node = {}
    for name, value in inputs.items():
        node = graph.index.get(name)
        if node is None:
            fix = did_you_mean(closest(name, graph.index))
            message = f"{quoted(name)} is no node of this graph"
            raise GraphError.of("run-node", message, expected="an input or a param", fix=fix)
        if graph.op(node) not in SETTABLE:
            message = f"a run can't set {quoted(name)}: it is a {graph.op(node)}"
            raise GraphError.of("run-node", message, expected="an input or a param")
        by_node[node] = inputs[name] = float(value)
    if missing := [graph.ids[i] for i in graph.unbound() if i not in by_node]:
        raise without_value(missing)
    return graph.with_data(by_node)


def without_value(names: Sequence[str]) -> GraphError:
    """Build the error for inputs that have no value."""
    from mgraph.record.check import no_value  # noqa: PLC0415 - only to complain

    return GraphError([no_value(name) for name in names])


def _seeds(graph: Columns, seed: dict[str, float]) -> dict[int, float]:
    """Return the adjoint of each seeded output."""
    names = [graph.ids[i] for i in graph.outputs]
    if not seed and len(names) == 1:
        return {graph.outputs[0]: 1.0}
    if not seed or any(name not in names for name in seed):
        raise _bad_seed(names, seed)
    for name, value in seed.items():
        seed[name] = float(value)
        if not isfinite(seed[name]):
            message = f"the seed of {quoted(name)} is {value}"
            raise GraphError.of("seed", message, expected="a finite number")
    return {graph.index[name]: value for name, value in seed.items()}


def _bad_seed(outputs: list[str], seed: Mapping[str, float]) -> GraphError:
    from mgraph.record.check import no_seed, not_an_output  # noqa: PLC0415 - only to complain

    if not seed:
        return GraphError([no_seed(outputs)])
    return GraphError([not_an_output(name, outputs) for name in seed if name not in outputs])


def _adjoints(graph: Columns, values: Sequence[Value], seeds: Mapping[int, float]) -> Numbers:
    """Run backward over Values in evaluation order, which is the order of their creation."""
    marks = graph.reached(seeds)
    sweep([(values[node], seed) for node, seed in seeds.items()], [*compress(values, marks)])
    is_const = OPCODES[CONST]
    pairs = zip(count(), graph.opcode, marks, strict=False)
    at = array("I", [i for i, code, mark in pairs if mark and code != is_const])
    return Numbers(graph, at, array("d", [values[i]._grad for i in at]))


def annotated(runs: Sequence[Run], run: Run, outputs: Sequence[str]) -> tuple[Run, ...]:
    """Return the runs with a new one: in the place of its like, if mgraph recorded that, else last.

    A run whose numbers come from elsewhere is an expectation and is never replaced.
    """
    asked = question(run, outputs)
    kept = list(runs)
    for i, old in enumerate(runs):
        if old.is_self_recorded and question(old, outputs) == asked:
            kept[i] = replace(run, tolerance=old.tolerance)
            return tuple(kept)
    return (*kept, run)


def question(run: Run, outputs: Sequence[str]) -> tuple[tuple[tuple[str, int], ...], ...]:
    """Return what a run asks, so that equal questions are equal: inputs and seed, bit by bit."""
    seed = run.seed or {outputs[0]: 1.0}
    return tuple(
        tuple(sorted((name, bits(value)) for name, value in numbers.items()))
        for numbers in (run.inputs, seed)
    )
