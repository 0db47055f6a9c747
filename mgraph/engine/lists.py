"""A small graph that is prepared to be run many times, op by op, on a list of floats."""

from __future__ import annotations

from array import array
from functools import reduce
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.engine.evaluate import Engine, evaluate
from mgraph.engine.values import VALUE
from mgraph.ops import CONST, NAMES, OPCODES, OPS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mgraph.graph.columns import Columns
    from mgraph.graph.run import Run

_OPS: Final = tuple(OPS.get(name) for name in NAMES)
_PAIR: Final = 2


class _Step(NamedTuple):
    """A node that is computed from others.

    Attributes:
        node: The node.
        args: Its arguments, in order.
        step: Computes its primal, from one primal or from two.
        partials: Computes its partials, from these and its own primal.
        share: The partial of each argument, if the op is applied from left to right to any number
            of them; else 0.
    """

    node: int
    args: tuple[int, ...]
    step: Callable[..., float]
    partials: Callable[..., tuple[float, ...]]
    share: float


class ListReplay:
    """A graph that Python runs again and again, with the bits of Values, but without making any.

    What it records is equal to a run by Values in everything, and is called so.
    With fewer than a hundred nodes, it is quicker than machine code, which is called by way of
    NumPy.
    """

    def __init__(self, graph: Columns) -> None:
        """Take the graph."""
        self._graph = graph
        self._engine = Engine(VALUE.name, self._sweeps)
        self._steps = [*_steps(graph)]
        self._passes: dict[tuple[int, ...], tuple[Sequence[_Step], array[int]]] = {}

    def __call__(
        self,
        inputs: Mapping[str, float] | None = None,
        /,
        *,
        seed: Mapping[str, float] | None = None,
        grad: bool = True,
    ) -> Run:
        """Run the graph, as `Graph.run` does.

        Raises:
            GraphError: As `Graph.run` raises it.
        """
        return evaluate(self._graph, inputs, seed, self._engine, grad=grad)

    def _sweeps(
        self, graph: Columns, seeds: Mapping[int, float], *, grad: bool
    ) -> tuple[array[float], array[int] | None, array[float] | None]:
        """Run the graph with the primals that another one of the same nodes has."""
        primals = _forward(self._steps, graph)
        if not grad:
            return array("d", primals), None, None
        steps, nodes = self._backward_pass((*seeds,))
        adjoints = [0.0] * len(primals)
        for node, adjoint in seeds.items():
            adjoints[node] += adjoint
        _backward(steps, primals, adjoints)
        return array("d", primals), nodes, array("d", [adjoints[node] for node in nodes])

    def _backward_pass(self, seeded: tuple[int, ...]) -> tuple[Sequence[_Step], array[int]]:
        """Return the steps back from some outputs, and the nodes that get an adjoint."""
        known = self._passes.get(seeded)
        if known is None:
            marks, codes = self._graph.reached(seeded), self._graph.opcode
            steps = [step for step in reversed(self._steps) if marks[step.node]]
            is_const = OPCODES[CONST]
            nodes = (i for i, mark in enumerate(marks) if mark and codes[i] != is_const)
            known = steps, array("I", nodes)
            if len(self._passes) < len(self._steps):  # outputs have many subsets
                self._passes[seeded] = known
        return known


def _steps(graph: Columns) -> list[_Step]:
    steps = []
    for node, code in enumerate(graph.opcode):
        op = _OPS[code]
        if op is not None:
            share = op.step_partials(0.0, 0.0, 0.0)[1] if op.fold else 0.0
            args = (*graph.arguments(node),)
            steps.append(_Step(node, args, op.step, op.step_partials, share))
    return steps


def _forward(steps: Sequence[_Step], graph: Columns) -> list[float]:
    """Return all primals of a graph."""
    primals = [0.0] * len(graph)
    for leaf, primal in zip(graph.leaves, graph.data, strict=True):
        primals[leaf] = primal
    for node, args, step, _, share in steps:
        if len(args) == _PAIR:
            primals[node] = step(primals[args[0]], primals[args[1]])
        elif not share:
            primals[node] = step(primals[args[0]])
        else:
            primals[node] = reduce(step, [primals[arg] for arg in args])
    return primals


def _backward(steps: Sequence[_Step], primals: Sequence[float], adjoints: list[float]) -> None:
    """Propagate adjoints, each of which is complete when it is passed on.

    Source:
        Griewank & Walther, Evaluating Derivatives, 2nd ed., ch. 3.
    """
    for node, args, _, partials, share in steps:
        adjoint = adjoints[node]
        if share:
            adjoint *= share
            for arg in args:
                adjoints[arg] += adjoint
        elif len(args) == _PAIR:
            a, b = args
            partial_a, partial_b = partials(primals[a], primals[b], primals[node])
            adjoints[a] += adjoint * partial_a
            adjoints[b] += adjoint * partial_b
        else:
            (a,) = args
            adjoints[a] += adjoint * partials(primals[a], primals[node])[0]
