"""Replay: one graph, prepared once, run again and again."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from mgraph.engine.evaluate import Engine, evaluate, seeded_nodes, set_nodes, without_value
from mgraph.engine.tape import engine, schedule
from mgraph.engine.tape.blocks import Job, RowBlocks
from mgraph.engine.tape.cache import kernels
from mgraph.engine.tape.libraries import AUTO, LIBM, library
from mgraph.engine.tape.lower import LANES
from mgraph.engine.tape.machine import flat
from mgraph.engine.tape.source import REPLAY
from mgraph.errors import GraphError, quoted
from mgraph.graph.run import as_number
from mgraph.ops import CONST, OPCODES

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from mgraph.graph.columns import Columns
    from mgraph.graph.run import Run

Grad = Literal["rows", "sum"]

GRADS: Final = ("rows", "sum", None)

_NO_WAY: Final = schedule.Backward(
    np.zeros(0, np.uint8), *(np.zeros(size, np.uint32) for size in (1, 0, 0, 0))
)
"""Of a batch that runs forward only."""


@dataclass(frozen=True)
class Batch:
    """The results of running a graph over N rows.

    Attributes:
        outputs: The values of each output, float64[N], by id.
        grad: The gradients of each input and param, by id: float64[N] with `grad="rows"`, their sum
            over the rows as a float with `grad="sum"`, and empty without `grad`. Leaves without a
            path to a seeded output are left out.
        engine: The engine and its math library, for example `"tape, libm"`.
        memory: The memory that the arrays are parts of.
    """

    outputs: dict[str, NDArray[np.float64]]
    grad: dict[str, Any]
    engine: str
    memory: NDArray[np.float64] = field(repr=False)


@dataclass(frozen=True)
class _Way:
    """The way back from some seeded outputs.

    Attributes:
        order: The nodes that have an adjoint, in backward order.
        sweep: Goes this way, over primals and adjoints.
        nodes: Those of them that are no const, ascending in evaluation order.
        asked: The places of the inputs and params among them.
    """

    order: schedule.Backward
    sweep: Callable[..., int]
    nodes: NDArray[np.intp]
    asked: NDArray[np.int64]


@dataclass(frozen=True)
class _Job:
    """A kind of batch, prepared.

    Attributes:
        blocks: What works it out.
        nodes: The leaves that have a column.
        ids: The leaves whose adjoints it gives.
    """

    blocks: RowBlocks
    nodes: Mapping[int, float]
    ids: Sequence[str]


class Replay:
    """A graph that is prepared to be run many times, over flat arrays that are reused.

    `Graph.compile` makes one. With N nodes and L leaves it takes about 60 bytes for each node. A
    replay must not be used by two threads at once.

    ```python
    replay = mgraph.load("neuron.json").compile()
    replay.step({"w1": -2.9})
    replay.leaf_primals[:] -= 0.1 * replay.leaf_adjoints
    ```

    Attributes:
        graph: The checked graph. `graph.ids` lists the ids in evaluation order, and
            `graph.index[id]` is the position of a node in `primals` and `adjoints`.
        tape: The same graph as arrays, in evaluation order, for internal use.
        leaf_primals: float64[L], the values of the leaves in the order of `leaf_ids`. What is
            written here holds for all later steps and batches. Consts must keep their values.
        leaf_adjoints: float64[L], the gradients of the leaves after the last `step`; 0.0 where a
            leaf has none.
    """

    def __init__(self, graph: Columns, math: str = LIBM) -> None:
        """Prepare a graph, and load or compile the kernels.

        Args:
            graph: The checked graph.
            math: The library for `exp`, `tanh` and so on, as in `Graph.compile`.

        Raises:
            MissingExtraError: That library is not on this machine.
        """
        self.graph = graph
        self._engine = Engine(f"tape, {library(math).name}", self._sweeps)
        self._kernels = kernels(REPLAY, library(math).name)
        self.tape = engine.tape_of(graph)
        self._order = schedule.forward_of(self.tape)
        self._primals = self._with_leaves(self.tape.primals)
        self._adjoints = np.zeros(self._primals.size)
        self._forward = self._bound_forward(self._primals)
        self._consts = self._order.place[self.tape.opcode == OPCODES[CONST]]
        self._unbound = graph.unbound()
        self._ways: dict[tuple[int, ...], _Way] = {}
        self._jobs: dict[tuple[Any, ...], _Job] = {}
        leaves = self._order.leaves
        self.leaf_primals = self._primals[:leaves]
        self.leaf_adjoints = self._adjoints[:leaves]

    def _with_leaves(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return primals by place, those of the leaves set, with room for a vector at the end."""
        found, leaves = np.zeros(values.size + LANES), self._order.leaves
        found[:leaves] = values[self._order.order[:leaves]]
        return found

    @cached_property
    def leaf_ids(self) -> list[str]:
        """The ids of the leaves, in evaluation order."""
        return [self.graph.ids[i] for i in self.graph.leaves]

    @property
    def primals(self) -> NDArray[np.float64]:
        """The values of all nodes after the last `step`, float64[N]: a copy in evaluation order."""
        found: NDArray[np.float64] = self._primals[self._order.place]
        return found

    @property
    def adjoints(self) -> NDArray[np.float64]:
        """The gradients of all nodes after the last `step`, float64[N]: a copy, 0.0 if none."""
        found: NDArray[np.float64] = self._adjoints[self._order.place]
        return found

    def __call__(
        self,
        inputs: Mapping[str, float] | None = None,
        /,
        *,
        seed: Mapping[str, float] | None = None,
        grad: bool = True,
        **more: float,
    ) -> Run:
        """Run forward and backward with the declared values, as `Graph.run` does.

        Steps before have no effect on it, and it has none on later steps.

        Args:
            inputs: Values of inputs and params that replace the declared ones, by id.
            seed: Gradients that outputs start with, by id; may be left out with one output.
            grad: Whether to run backward.
            more: More inputs, as keywords, for ids that are Python names.

        Returns:
            A complete run.

        Raises:
            GraphError: `run-node`, `number`, `unbound-input` or `seed`, as for `Graph.run`.
        """
        given = {**(inputs or {}), **more}
        return evaluate(self.graph, given, seed, self._engine, grad=grad)

    def _sweeps(
        self, graph: Columns, seeds: Mapping[int, float], *, grad: bool
    ) -> tuple[array[float], array[int] | None, array[float] | None]:
        """Run the graph with other leaves, and leave those of the steps alone."""
        place = self._order.place
        primals = self._with_leaves(engine.tape_of(graph).primals)
        self._bound_forward(primals)()
        if not grad:
            return engine.taken(primals, place), None, None
        way, adjoints = self._way(seeds), np.empty_like(primals)
        self._backward(way, seeds, primals, adjoints)
        slopes = engine.taken(adjoints, place[way.nodes])
        return engine.taken(primals, place), engine.indices(way.nodes), slopes

    def step(
        self,
        leaves: Mapping[str, float] | None = None,
        *,
        seed: Mapping[str, float] | None = None,
    ) -> None:
        """Set some leaves, for this step and all later ones, and run forward and backward.

        The results are in `primals` and `adjoints`, and those of the leaves also in `leaf_primals`
        and `leaf_adjoints`, which are not copied. A step that raises sets nothing.

        Args:
            leaves: Values of inputs and params, by id.
            seed: Gradients that outputs start with, by id; may be left out with one output.

        Raises:
            GraphError: `run-node`, `number`, `unbound-input` or `seed`, as for `Graph.run`.
        """
        given = {name: as_number(name, value) for name, value in (leaves or {}).items()}
        by_node = set_nodes(self.graph, given)
        seeds = seeded_nodes(self.graph, seed or {})
        self._check_bound(by_node)
        self._unbound = ()
        for node, value in by_node.items():
            self._primals[self._order.place[node]] = value
        self._forward()
        self._backward(self._way(seeds), seeds, self._primals, self._adjoints)

    def _check_bound(self, given: Mapping[int, float]) -> None:
        """Check that every input has a primal: declared, given now, or written before.

        Raises:
            GraphError: `unbound-input`.
        """
        missing = [
            self.graph.ids[i] for i in self._unbound
            if i not in given and np.isnan(self._primals[self._order.place[i]])
        ]  # fmt: skip
        if missing:
            raise without_value(missing)

    def _bound_forward(self, primals: NDArray[np.float64]) -> Any:  # noqa: ANN401 - a C function
        order = self._order
        arrays = (order.op, order.start, order.a, order.b, order.more, primals)
        return self._kernels.bound("step_forward", *arrays)

    def _backward(
        self,
        way: _Way,
        seeds: Mapping[int, float],
        primals: NDArray[np.float64],
        adjoints: NDArray[np.float64],
    ) -> None:
        adjoints[:] = 0.0
        for node, seed in seeds.items():
            adjoints[self._order.place[node]] += seed
        way.sweep(*flat((primals, adjoints)))
        if self._consts.size:
            adjoints[self._consts] = 0.0  # what a const catches is no adjoint

    def _way(self, seeds: Mapping[int, float]) -> _Way:
        """Return the way back from seeded nodes; the last one is kept."""
        key = tuple(seeds)
        if key not in self._ways:
            marks = engine.reached(self.tape, seeds)
            nodes = engine.has_adjoint(self.tape, marks)
            places = self._order.place[nodes].astype(np.int64)
            is_leaf = places < self._order.leaves
            back = schedule.backward_of(self.tape, marks, self._order)
            sweep = self._kernels.bound("step_backward", *back, self._order.more)
            self._ways = {key: _Way(back, sweep, nodes, places[is_leaf])}
        return self._ways[key]

    def batch(  # noqa: PLR0913 - one keyword a choice
        self,
        columns: Mapping[str, ArrayLike],
        *,
        grad: Grad | None = "rows",
        seed: Mapping[str, float] | None = None,
        workers: int = 1,
        math: str = AUTO,
        reuse: Batch | None = None,
    ) -> Batch:
        """Run the graph forward and backward over N rows.

        Args:
            columns: The values of inputs and params in each row, float64[N], by id. All other
                leaves have the same value in every row: what the last `step` or `leaf_primals` set,
                else the declared one.
            grad: `"rows"` gives the gradients of each row. `"sum"` adds them up over the rows, in
                row order, so that the bits depend on nothing else. None runs forward only.
            seed: Gradients that outputs start with, by id, the same in every row; may be left out
                with one output.
            workers: The number of threads.
            math: The library for `exp`, `tanh` and so on. `"libm"` gives the same bits as single
                runs; `"libmvec"`, `"svml"` and `"mgraph"` compute several rows at once, each op
                within 2 ulp; `"auto"` is the fastest that this machine has.
            reuse: A batch that is no longer needed, whose arrays are overwritten if they have the
                right size and are not among the columns. Allocating new memory can take as long as
                the computation.

        Returns:
            The values of the outputs, and the gradients of the inputs and params.

        Raises:
            GraphError: `number` if the columns are not float64[N] of one length, or there are none;
                `run-node`, `unbound-input` or `seed`, as for `Graph.run`.
            MissingExtraError: The library is not on this machine.
            ValueError: `grad` is none of these, `workers` is less than 1, or there is no such
                library.
        """
        if grad not in GRADS or workers < 1:
            message = 'grad is "rows", "sum" or None, and workers at least 1'
            raise ValueError(message)
        name, arrays = library(math).name, _arrays(columns)
        job = self._job((*columns,), grad, seed or {}, name)
        memory = job.blocks.memory(arrays[0].size)
        if (
            reuse is not None
            and reuse.memory.shape == memory.shape
            and not any(np.may_share_memory(each, reuse.memory) for each in arrays)
        ):
            memory = reuse.memory
        outputs, found = job.blocks.run(arrays, memory, workers)
        ids = [self.graph.ids[i] for i in self.graph.outputs]
        slopes = found.tolist() if grad == "sum" else found
        by_leaf = dict(zip(job.ids, slopes, strict=True))
        return Batch(dict(zip(ids, outputs, strict=True)), by_leaf, f"tape, {name}", memory)

    def _job(
        self, names: tuple[str, ...], grad: Grad | None, seed: Mapping[str, float], math: str
    ) -> _Job:
        """Return what a batch with such columns has to do; the last one is kept.

        Raises:
            GraphError: `run-node`, `seed` or `unbound-input`.
        """
        key = (names, grad, (*seed.items(),), math)
        if key not in self._jobs:
            nodes = set_nodes(self.graph, dict.fromkeys(names, 0.0))
            seeds = seeded_nodes(self.graph, seed)
            way, place = self._way(seeds), self._order.place
            job = Job(
                way.order if grad else _NO_WAY, self.leaf_primals, _places(place, nodes),
                _places(place, self.graph.outputs), _places(place, seeds),
                np.array([*seeds.values()], np.float64), way.asked if grad else way.asked[:0],
                self._consts.astype(np.int64), grad == "sum",
            )  # fmt: skip
            ids = [self.leaf_ids[i] for i in job.asked]  # leaves stand first, in their order
            self._jobs = {key: _Job(RowBlocks(self._order, job, math), nodes, ids)}
        self._check_bound(self._jobs[key].nodes)
        return self._jobs[key]


def _places(place: NDArray[np.uint32], nodes: Iterable[int]) -> NDArray[np.int64]:
    return place[[*nodes]].astype(np.int64)


def _arrays(columns: Mapping[str, ArrayLike]) -> list[NDArray[np.float64]]:
    """Return columns as arrays of one length."""
    arrays = [_column(name, values) for name, values in columns.items()]
    if len({array.size for array in arrays}) > 1:
        sizes = ", ".join(f"{name} {a.size:,}" for name, a in zip(columns, arrays, strict=True))
        message = f"the columns differ in length: {sizes}"
        raise GraphError.of("number", message, expected="one value a row in each")
    if not arrays:
        message = "no columns, so no rows"
        raise GraphError.of("number", message, expected="at least one column")
    return arrays


def _column(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "fiu":
        shape = "x".join(map(str, array.shape)) or "one value"
        message = f"the column {quoted(name)} is {array.dtype}, {shape}"
        raise GraphError.of("number", message, expected="float64[N]")
    return np.require(array, np.float64, ["C", "A"])
