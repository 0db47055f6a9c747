"""Replay: a graph that is prepared once and run many times."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from mgraph.engine.evaluate import Engine, evaluate, input_nodes, seeded_nodes, unbound_inputs
from mgraph.engine.tape import schedule, sweeps
from mgraph.engine.tape.blocks import Job, RowBlocks
from mgraph.engine.tape.cache import kernels
from mgraph.engine.tape.jit import flat
from mgraph.engine.tape.libraries import AUTO, LIBM, library
from mgraph.engine.tape.lowering import LANES
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

_FORWARD_ONLY: Final = schedule.Backward(
    np.zeros(0, np.uint8), *(np.zeros(size, np.uint32) for size in (1, 0, 0, 0))
)
"""The empty backward order of forward-only batches."""


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
class _BackwardPass:
    """The backward pass from some seeded outputs, prepared.

    Attributes:
        order: The nodes that get an adjoint, in backward order.
        sweep: The kernel, to be called with primals and adjoints.
        nodes: The same nodes without consts, ascending in evaluation order.
        asked: The positions of the inputs and params among them.
    """

    order: schedule.Backward
    sweep: Callable[..., int]
    nodes: NDArray[np.intp]
    asked: NDArray[np.int64]


@dataclass(frozen=True)
class _PreparedBatch:
    """A batch with some columns and options, ready to be run.

    Attributes:
        blocks: Runs it.
        nodes: The leaves that have a column.
        ids: The ids of the leaves whose adjoints it returns.
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
        self.tape = sweeps.tape_of(graph)
        self._order = schedule.forward_of(self.tape)
        self._primals = self._with_leaves(self.tape.primals)
        self._adjoints = np.zeros(self._primals.size)
        self._forward = self._bound_forward(self._primals)
        self._consts = self._order.position[self.tape.opcode == OPCODES[CONST]]
        self._unbound = graph.unbound()
        self._passes: dict[tuple[int, ...], _BackwardPass] = {}
        self._batches: dict[tuple[Any, ...], _PreparedBatch] = {}
        leaves = self._order.leaves
        self.leaf_primals = self._primals[:leaves]
        self.leaf_adjoints = self._adjoints[:leaves]

    def _with_leaves(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return primals by position: those of the leaves, then zeros, with one vector to spare."""
        primals, leaves = np.zeros(values.size + LANES), self._order.leaves
        primals[:leaves] = values[self._order.order[:leaves]]
        return primals

    @cached_property
    def leaf_ids(self) -> list[str]:
        """The ids of the leaves, in evaluation order."""
        return [self.graph.ids[i] for i in self.graph.leaves]

    @property
    def primals(self) -> NDArray[np.float64]:
        """The values of all nodes after the last `step`, float64[N]: a copy in evaluation order."""
        primals: NDArray[np.float64] = self._primals[self._order.position]
        return primals

    @property
    def adjoints(self) -> NDArray[np.float64]:
        """The gradients of all nodes after the last `step`, float64[N]: a copy, 0.0 if none."""
        adjoints: NDArray[np.float64] = self._adjoints[self._order.position]
        return adjoints

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
        inputs = {**(inputs or {}), **more}
        return evaluate(self.graph, inputs, seed, self._engine, grad=grad)

    def _sweeps(
        self, graph: Columns, seeds: Mapping[int, float], *, grad: bool
    ) -> tuple[array[float], array[int] | None, array[float] | None]:
        """Run the graph with the leaves of `graph`, without changing those of the steps."""
        position = self._order.position
        primals = self._with_leaves(sweeps.tape_of(graph).primals)
        self._bound_forward(primals)()
        data = sweeps.take(primals, position)
        if not grad:
            return data, None, None
        backward, adjoints = self._backward_pass(seeds), np.empty_like(primals)
        self._backward(backward, seeds, primals, adjoints)
        nodes = backward.nodes
        return data, sweeps.node_column(nodes), sweeps.take(adjoints, position[nodes])

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
        values = {name: as_number(name, value) for name, value in (leaves or {}).items()}
        by_node = input_nodes(self.graph, values)
        seeds = seeded_nodes(self.graph, seed or {})
        self._check_bound(by_node)
        self._unbound = ()
        for node, value in by_node.items():
            self._primals[self._order.position[node]] = value
        self._forward()
        self._backward(self._backward_pass(seeds), seeds, self._primals, self._adjoints)

    def _check_bound(self, inputs: Mapping[int, float]) -> None:
        """Check that every input has a primal: declared, in `inputs`, or set by an earlier step.

        Raises:
            GraphError: `unbound-input`.
        """
        missing = [
            self.graph.ids[i] for i in self._unbound
            if i not in inputs and np.isnan(self._primals[self._order.position[i]])
        ]  # fmt: skip
        if missing:
            raise unbound_inputs(missing)

    def _bound_forward(self, primals: NDArray[np.float64]) -> Any:  # noqa: ANN401 - a C function
        order = self._order
        arrays = (order.op, order.start, order.a, order.b, order.more, primals)
        return self._kernels.bound("step_forward", *arrays)

    def _backward(
        self,
        backward: _BackwardPass,
        seeds: Mapping[int, float],
        primals: NDArray[np.float64],
        adjoints: NDArray[np.float64],
    ) -> None:
        adjoints[:] = 0.0
        for node, seed in seeds.items():
            adjoints[self._order.position[node]] += seed
        backward.sweep(*flat((primals, adjoints)))
        if self._consts.size:
            adjoints[self._consts] = 0.0  # what the sweep added to a const

    def _backward_pass(self, seeds: Mapping[int, float]) -> _BackwardPass:
        """Return the backward pass from seeded nodes; the last one is kept."""
        key = tuple(seeds)
        if key not in self._passes:
            marks = sweeps.reached(self.tape, seeds)
            nodes = sweeps.has_adjoint(self.tape, marks)
            positions = self._order.position[nodes].astype(np.int64)
            is_leaf = positions < self._order.leaves
            order = schedule.backward_of(self.tape, marks, self._order)
            sweep = self._kernels.bound("step_backward", *order, self._order.more)
            self._passes = {key: _BackwardPass(order, sweep, nodes, positions[is_leaf])}
        return self._passes[key]

    def batch(  # noqa: PLR0913 - one keyword per choice
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
        batch = self._prepared((*columns,), grad, seed or {}, name)
        memory = batch.blocks.memory(arrays[0].size)
        if (
            reuse is not None
            and reuse.memory.shape == memory.shape
            and not any(np.may_share_memory(array, reuse.memory) for array in arrays)
        ):
            memory = reuse.memory
        outputs, adjoints = batch.blocks.run(arrays, memory, workers)
        ids = [self.graph.ids[i] for i in self.graph.outputs]
        gradients = adjoints.tolist() if grad == "sum" else adjoints
        by_leaf = dict(zip(batch.ids, gradients, strict=True))
        return Batch(dict(zip(ids, outputs, strict=True)), by_leaf, f"tape, {name}", memory)

    def _prepared(
        self, names: tuple[str, ...], grad: Grad | None, seed: Mapping[str, float], math: str
    ) -> _PreparedBatch:
        """Prepare a batch with columns of such names; the last one is kept.

        Raises:
            GraphError: `run-node`, `seed` or `unbound-input`.
        """
        key = (names, grad, (*seed.items(),), math)
        if key not in self._batches:
            nodes = input_nodes(self.graph, dict.fromkeys(names, 0.0))
            seeds = seeded_nodes(self.graph, seed)
            backward = self._backward_pass(seeds)
            job = Job(
                backward.order if grad else _FORWARD_ONLY, self.leaf_primals,
                self._positions(nodes), self._positions(self.graph.outputs),
                self._positions(seeds), np.array([*seeds.values()], np.float64),
                backward.asked if grad else backward.asked[:0],
                self._consts.astype(np.int64), grad == "sum",
            )  # fmt: skip
            ids = [self.leaf_ids[i] for i in job.asked]  # a leaf's position is its index here
            self._batches = {key: _PreparedBatch(RowBlocks(self._order, job, math), nodes, ids)}
        self._check_bound(self._batches[key].nodes)
        return self._batches[key]

    def _positions(self, nodes: Iterable[int]) -> NDArray[np.int64]:
        return self._order.position[[*nodes]].astype(np.int64)


def _arrays(columns: Mapping[str, ArrayLike]) -> list[NDArray[np.float64]]:
    """Return columns as arrays, all of the same length."""
    arrays = [_column(name, values) for name, values in columns.items()]
    if len({array.size for array in arrays}) > 1:
        sizes = ", ".join(f"{name} {a.size:,}" for name, a in zip(columns, arrays, strict=True))
        message = f"the columns differ in length: {sizes}"
        raise GraphError.of("number", message, expected="one value per row in each")
    if not arrays:
        message = "there are no columns"
        raise GraphError.of("number", message, expected="at least one column")
    return arrays


def _column(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "fiu":
        shape = "x".join(map(str, array.shape)) or "one value"
        message = f"the column {quoted(name)} is {array.dtype}, {shape}"
        raise GraphError.of("number", message, expected="float64[N]")
    return np.require(array, np.float64, ["C", "A"])
