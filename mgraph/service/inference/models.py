"""Graphs as models: what they take and return, and runs of them over rows, ready to be repeated."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mgraph.engine.evaluate import input_nodes, leaf_nodes, node_named, seeded_nodes
from mgraph.engine.tape.replay import Replay
from mgraph.errors import GraphError, quoted, some
from mgraph.service.inference.messages import OUTPUT_TYPE
from mgraph.service.inference.seeds import SEED, SEEDED, with_seeds
from mgraph.service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from mgraph.document import Graph
    from mgraph.engine.tape.replay import Batch
    from mgraph.graph.columns import Columns
    from mgraph.service.inference.messages import Inference

GRADIENT: Final = "grad:"
"""What the names of gradients begin with; no id contains a colon."""

_KEPT_NODES: Final = 300_000
"""How many nodes the computations have that are kept, together."""

_KEPT_BYTES: Final = 2**22
"""Results that take more are not kept to be overwritten."""


class Computation(NamedTuple):
    """What is computed for each row, whatever the numbers are.

    Attributes:
        graph: The hash of the graph.
        leaves: The ids of the inputs and params that have numbers, in evaluation order.
        seeds: The ids of the outputs that have seeds, in the graph's order.
        wrt: The ids of the gradients that are wanted, in evaluation order.
        math: The math library.
    """

    graph: str
    leaves: tuple[str, ...]
    seeds: tuple[str, ...]
    wrt: tuple[str, ...]
    math: str


class InferencePlan(NamedTuple):
    """What a request asks for, of a graph that has all of it.

    Attributes:
        request: The request.
        computation: What is computed.
        outputs: What is sent, and whether as bytes: what was asked for, or all outputs.
        results: How many numbers are computed for each row.
    """

    request: Inference
    computation: Computation
    outputs: Mapping[str, bool]
    results: int


class ServedModel:
    """A graph, and what the protocol says about it.

    Attributes:
        graph: The graph.
    """

    def __init__(self, graph: Graph) -> None:
        """Take the graph."""
        self.graph = graph.columns
        self._outputs = graph.outputs

    def metadata(self, name: str, version: str) -> dict[str, Any]:
        """Return what `GET /v2/models/NAME` says."""
        graph = self.graph
        inputs = (graph.ids[node] for node in graph.inputs())
        return {
            "name": name,
            "versions": [version],
            "platform": "mgraph",
            "inputs": [*map(_described, inputs)],
            "outputs": [*map(_described, self._outputs)],
        }

    def plan(self, request: Inference) -> InferencePlan:
        """Return what a request asks for.

        Raises:
            GraphError: `run-node` or `seed` if a tensor is none of this graph.
        """
        outputs = request.outputs
        if outputs is None:
            outputs = dict.fromkeys(self._outputs, request.is_binary)
        computation = self._computation(request, self._gradients(outputs))
        results = len(self._outputs) + len(computation.wrt)
        return InferencePlan(request, computation, outputs, results)

    def _computation(self, request: Inference, gradients: Iterable[str]) -> Computation:
        graph, names = self.graph, request.inputs
        leaves = input_nodes(graph, {name: 0.0 for name in names if not name.startswith(SEED)})
        given = {name.removeprefix(SEED): 1.0 for name in names if name.startswith(SEED)}
        seeds = seeded_nodes(graph, given) if given else {}
        wrt = leaf_nodes(graph, gradients)
        return Computation(
            graph.hash,
            tuple(graph.ids[node] for node in sorted(leaves)),
            tuple(name for name in self._outputs if graph.index[name] in seeds),
            tuple(graph.ids[node] for node in sorted(wrt)),
            request.math,
        )

    def _gradients(self, wanted: Iterable[str]) -> list[str]:
        """Return the ids whose gradients are wanted.

        Raises:
            GraphError: `run-node` if something is wanted that is no output and no gradient.
        """
        gradients = []
        for name in wanted:
            if name.startswith(GRADIENT):
                gradients.append(name.removeprefix(GRADIENT))
            elif name not in self._outputs:
                node_named(self.graph, name)
                outputs = some(self._outputs)
                message = f"{quoted(name)} is not an output of this graph"
                raise GraphError.of("run-node", message, expected=f"one of {outputs}, or grad:ID")
        return gradients


def _described(name: str) -> dict[str, Any]:
    return {"name": name, "datatype": OUTPUT_TYPE, "shape": [-1]}


class PreparedComputation:
    """A computation that is ready to be run over any number of rows, in one thread at a time.

    Attributes:
        computation: What is computed.
        size: The number of nodes.
    """

    def __init__(self, graph: Columns, computation: Computation) -> None:
        """Compile the graph, and run it over one row, which prepares the rest.

        Raises:
            GraphError: `seed`, `unbound-input` or `number` if the graph can't be run like this, or
                `run-node` if there is no path from a seeded output to a leaf.
        """
        self.computation = computation
        wrt, seeds = computation.wrt, computation.seeds
        self._seed: dict[str, float] = {}
        if not wrt:  # nothing starts with it, but with several outputs, one has to
            self._seed = {graph.ids[graph.outputs[0]]: 1.0}
        elif not seeds and len(graph.outputs) > 1:
            name = graph.ids[graph.outputs[0]]
            message = f"the graph has {len(graph.outputs)} outputs, and no seed says which counts"
            fix = f"send {SEED}ID for at least one of them, for example {quoted(SEED + name)}"
            raise GraphError.of("seed", message, fix=fix)
        elif seeds:
            graph = with_seeds(graph, [graph.index[name] for name in seeds])
            self._seed = {SEEDED: 1.0}
        self._seeds = seeds if wrt else ()
        self.size = len(graph)
        self._replay = Replay(graph)
        self._last: Batch | None = None
        names = (*computation.leaves, *(SEED + name for name in self._seeds))
        row = {name: np.ones(1) for name in names}
        lost = [name for name in wrt if name not in self(row, 1).grad_ids]
        if lost:
            message = f"{some(map(quoted, lost))} has no gradient: no seeded output depends on it"
            raise GraphError.of("run-node", message)

    def __call__(self, tensors: Mapping[str, NDArray[Any]], rows: int) -> Batch:
        """Run over rows.

        Args:
            tensors: The numbers of each leaf, [rows], and of each seed, [rows] or [1], by name.
            rows: How many there are.

        Returns:
            The results, in memory that the next call may use again.

        Raises:
            GraphError: `seed` if a seed is not finite.
        """
        wanted = self.computation
        columns = {name: tensors[name] for name in wanted.leaves}
        for output in self._seeds:
            name = SEED + output
            columns[name] = _seed(tensors[name], rows, name)
        batch = self._replay.batch(
            columns,
            grad="rows" if wanted.wrt else None,
            wrt=wanted.wrt or None,
            seed=self._seed,
            math=wanted.math,
            reuse=self._last,
        )
        self._last = batch if batch.memory.nbytes <= _KEPT_BYTES else None
        return batch


def _seed(values: NDArray[Any], rows: int, name: str) -> NDArray[Any]:
    """Return a seed for each row.

    Raises:
        GraphError: `seed` if one is not finite.
    """
    if not np.isfinite(values).all():
        message = f"{quoted(name)} has numbers that are not finite"
        raise GraphError.of("seed", message, expected="finite numbers")
    return values if len(values) == rows else np.full(rows, values[0])


def rows_of(tensors: Mapping[str, NDArray[Any]]) -> int:
    """Return how many rows there are.

    Raises:
        Problem: 400 if there are no tensors, or they differ.
    """
    sizes = {name: len(array) for name, array in tensors.items()}
    leaves = {name: rows for name, rows in sizes.items() if not name.startswith(SEED)}
    rows = max(sizes.values(), default=0)
    for name, size in sizes.items():
        if size != rows and (name in leaves or size != 1):
            longest = next(other for other, size in sizes.items() if size == rows)
            message = f"{quoted(name)} has {size:,} rows, and {quoted(longest)} has {rows:,}"
            raise Problem(
                400, f"{message}: all inputs must have the same number; a seed may have one"
            )
    if not rows:
        raise Problem(400, "there are no inputs: send at least one")
    return rows


class ReadyComputations:
    """Computations that are ready to be run again; the least recently used are forgotten."""

    def __init__(self) -> None:
        """Keep none yet."""
        self._ready: OrderedDict[Computation, list[PreparedComputation]] = OrderedDict()
        self._nodes = 0

    def take(self, computation: Computation) -> PreparedComputation | None:
        """Return a computation that is ready, for one user until it is given back."""
        ready = self._ready.get(computation)
        if not ready:
            return None
        prepared = ready.pop()
        if not ready:
            del self._ready[computation]
        self._nodes -= prepared.size
        return prepared

    def give(self, prepared: PreparedComputation) -> None:
        """Keep a computation for the next one who asks for it."""
        self._ready.setdefault(prepared.computation, []).append(prepared)
        self._ready.move_to_end(prepared.computation)
        self._nodes += prepared.size
        while self._nodes > _KEPT_NODES and len(self._ready) > 1:
            oldest = next(iter(self._ready))
            self.take(oldest)
