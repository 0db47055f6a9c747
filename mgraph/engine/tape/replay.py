"""Replay: a graph that is prepared once and run many times."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from threading import current_thread
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np

from mgraph.engine.evaluate import (
    Engine,
    evaluate,
    given_inputs,
    input_nodes,
    leaf_nodes,
    numbers_of,
    seeded_nodes,
    unbound_inputs,
)
from mgraph.engine.tape import schedule, sweeps
from mgraph.engine.tape.blocks import RowBlocks
from mgraph.engine.tape.cache import kernels
from mgraph.engine.tape.jit import flat
from mgraph.engine.tape.libraries import AUTO, EXACT, LIBM, library
from mgraph.engine.tape.lowering import LANES
from mgraph.engine.tape.source import REPLAY
from mgraph.engine.tape.tables import Table, numbers
from mgraph.errors import GraphError
from mgraph.locks import ThreadLock
from mgraph.ops import CONST, OPCODES, PARAM

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from threading import Thread

    from numpy.typing import ArrayLike, NDArray

    from mgraph.engine.tape.sums import Totals
    from mgraph.engine.tape.tables import Given
    from mgraph.graph.columns import Columns
    from mgraph.graph.run import Run
    from mgraph.ops.exact_sum import ExactSum

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
        grad_ids: The ids of the inputs and params that have a gradient, without those from which no
            path leads to a seeded output; in the order of `wrt`, if that was given.
        grad_array: Their gradients in this order: float64[K, N] with `grad="rows"`, and their sums
            over the rows, float64[K], with `grad="sum"`; float64[0, N] without `grad`.
        engine: The engine and its math library, for example `"tape, libm"`.
        memory: The memory that the arrays are parts of.
    """

    outputs: dict[str, NDArray[np.float64]]
    grad_ids: Sequence[str]
    grad_array: NDArray[np.float64]
    engine: str
    memory: NDArray[np.float64] = field(repr=False)
    _totals: Totals | None = field(default=None, repr=False, compare=False)
    _is_result: bool = field(default=False, init=False, repr=False, compare=False)

    @cached_property
    def grad(self) -> dict[str, Any]:
        """The gradients by id: float64[N] with `grad="rows"`, floats with `grad="sum"`."""
        is_sum = self.grad_array.ndim == 1
        values = self.grad_array.tolist() if is_sum else self.grad_array
        return dict(zip(self.grad_ids, values, strict=True))

    @cached_property
    def sums(self) -> dict[str, ExactSum]:
        """The exact sums behind `grad`, by id, to be stored or added to those of other batches.

        Empty unless `grad="sum"`.
        """
        states = self._totals.states() if self._totals else ()
        return dict(zip(self.grad_ids, states, strict=bool(states)))


class BoundSums(NamedTuple):
    """A batch with `grad="sum"` over columns that stay where they are.

    Attributes:
        outputs: The values of each output, float64[N], by id; overwritten by each run.
        run: Runs it for the numbers that columns and leaves have now, and returns the sums in the
            order of `wrt`, float64[K], which the next run overwrites.
    """

    outputs: dict[str, NDArray[np.float64]]
    run: Callable[[], NDArray[np.float64]]


@dataclass(frozen=True)
class _BackwardPass:
    """The backward pass from some seeded outputs, prepared.

    Attributes:
        order: The nodes that get an adjoint, in backward order.
        sweep: The kernel, to be called with primals and adjoints.
        nodes: The same nodes without consts, ascending in evaluation order.
    """

    order: schedule.Backward
    sweep: Callable[..., int]
    nodes: NDArray[np.intp]


@dataclass(frozen=True)
class _PreparedBatch:
    """A batch with some columns and options, ready to be run.

    Attributes:
        request: The columns and options.
        blocks: Runs it.
        nodes: The leaves that have a column.
        ids: The ids of the leaves whose adjoints it returns.
    """

    request: tuple[Any, ...]
    blocks: RowBlocks
    nodes: Mapping[int, float]
    ids: Sequence[str]


class Replay:
    """A graph that is prepared to be run many times, over flat arrays that are reused.

    `Graph.compile` makes one. With N nodes, L leaves and P params it takes about 60 bytes for each
    node. `copy.copy` makes an independent replay with the same numbers.

    ```python
    replay = mgraph.load("neuron.json").compile()
    replay.step({"x1": 0.5})
    replay.param_primals -= 0.1 * replay.param_adjoints
    ```

    Calls of a replay can be made in several threads at once, and so can batches, which wait for
    each other, as long as nothing else was used. Steps, and the arrays of values and gradients,
    belong to the first thread that uses one of them, while it is alive: in any other thread they
    raise RuntimeError, and so do batches and copies, because they depend on the same values.
    """

    def __init__(self, graph: Columns, math: str = LIBM) -> None:
        """Prepare a graph, and load or compile the kernels.

        Args:
            graph: The checked graph.
            math: The library for `exp`, `tanh` and so on, as in `Graph.compile`.

        Raises:
            MissingExtraError: That library is not on this machine.
        """
        self._graph, self._math = graph, library(math).name
        says = EXACT if self._math == EXACT else ""
        self._engine = Engine(f"tape, {self._math}", self._sweeps, says)
        self._kernels = kernels(REPLAY, self._math)
        self._tape = sweeps.tape_of(graph)
        self._order = schedule.forward_of(self._tape)
        self._primals = self._with_leaves(self._tape.primals)
        self._adjoints = np.zeros(self._primals.size)
        self._forward = self._bound_forward(self._primals)
        kinds = self._tape.opcode[self._order.order[: self._order.leaves]]
        self._params = int(np.count_nonzero(kinds == OPCODES[PARAM]))
        consts = int(np.count_nonzero(kinds == OPCODES[CONST]))
        self._consts = slice(self._order.leaves - consts, self._order.leaves)
        self._const_primals = self._primals[self._consts].copy()
        self._unbound = graph.unbound()
        self._passes: dict[tuple[int, ...], _BackwardPass] = {}
        self._batch: _PreparedBatch | None = None
        self._lock = ThreadLock()  # of batches, copies, and changes of owner
        self._owner: Thread | None = None

    def __reduce__(self) -> tuple[type[Replay], tuple[Columns, str], tuple[Any, ...]]:
        """Pickle or copy the graph and the numbers; arrays and machine code are made again."""
        with self._lock.lock:
            self._check_thread()
            state = self._primals.copy(), self._adjoints.copy(), self._unbound
        return type(self), (self._graph, self._math), state

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Restore the numbers of a replay that was pickled or copied."""
        self._primals[:], self._adjoints[:], self._unbound = state

    def _with_leaves(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return primals by position: those of the leaves, then zeros, with one vector to spare."""
        primals, leaves = np.zeros(values.size + LANES), self._order.leaves
        primals[:leaves] = values[self._order.order[:leaves]]
        return primals

    # --- threads ---

    def _own(self) -> None:
        """Let this thread own the values and gradients.

        Raises:
            RuntimeError: They belong to another thread.
        """
        if self._owner is not current_thread():
            with self._lock.lock:
                self._check_thread()
                self._owner = current_thread()

    def _check_thread(self) -> None:
        """Check that no other thread owns the values and gradients.

        Raises:
            RuntimeError: Another one does, and is alive.
        """
        owner = self._owner
        if owner is None or owner is current_thread() or not owner.is_alive():
            return
        message = (
            f"this replay belongs to the thread {owner.name}, which has used its steps or "
            "values: give each thread its own, from graph.compile(), or from copy.copy(replay) in "
            "that thread"
        )
        raise RuntimeError(message)

    # --- values and gradients ---

    @property
    def graph(self) -> Columns:
        """The checked graph.

        `graph.ids` lists the ids in evaluation order, and `graph.index[id]` is the position of a
        node in `primals` and `adjoints`.
        """
        return self._graph

    @property
    def tape(self) -> sweeps.Tape:
        """The same graph as arrays, in evaluation order, for internal use."""
        return self._tape

    @cached_property
    def leaf_ids(self) -> list[str]:
        """The ids of the leaves: params, then inputs, then consts, each in evaluation order."""
        return self._ids(range(self._order.leaves))

    @cached_property
    def param_ids(self) -> list[str]:
        """The ids of the params, in evaluation order."""
        return self._ids(range(self._params))

    def _ids(self, positions: Iterable[int]) -> list[str]:
        """Return the ids of the nodes at some positions."""
        return [self._graph.ids[i] for i in self._order.order[[*positions]].tolist()]

    @property
    def param_primals(self) -> NDArray[np.float64]:
        """The values of the params, float64[P], in the order of `param_ids`.

        They are not copied: what is written to the array, or assigned, holds for all later steps
        and batches.
        """
        self._own()
        return self._primals[: self._params]

    @param_primals.setter
    def param_primals(self, values: ArrayLike) -> None:
        _write(self.param_primals, "param_primals", values)

    @property
    def param_adjoints(self) -> NDArray[np.float64]:
        """The gradients of the params after the last `step`, float64[P]; 0.0 if it has none."""
        self._own()
        return self._adjoints[: self._params]

    @param_adjoints.setter
    def param_adjoints(self, values: ArrayLike) -> None:
        _write(self.param_adjoints, "param_adjoints", values)

    @property
    def leaf_primals(self) -> NDArray[np.float64]:
        """The values of all leaves, float64[L], in the order of `leaf_ids`; also data and labels.

        They are not copied: what is written to the array, or assigned, holds for all later steps
        and batches, except for consts, which get their declared values back.
        """
        self._own()
        return self._primals[: self._order.leaves]

    @leaf_primals.setter
    def leaf_primals(self, values: ArrayLike) -> None:
        _write(self.leaf_primals, "leaf_primals", values)

    @property
    def leaf_adjoints(self) -> NDArray[np.float64]:
        """The gradients of all leaves after the last `step`, float64[L]; 0.0 if it has none."""
        self._own()
        return self._adjoints[: self._order.leaves]

    @leaf_adjoints.setter
    def leaf_adjoints(self, values: ArrayLike) -> None:
        _write(self.leaf_adjoints, "leaf_adjoints", values)

    @property
    def primals(self) -> NDArray[np.float64]:
        """The values of all nodes after the last `step`, float64[N]: a copy in evaluation order."""
        self._own()
        primals: NDArray[np.float64] = self._primals[self._order.position]
        return primals

    @property
    def adjoints(self) -> NDArray[np.float64]:
        """The gradients of all nodes after the last `step`, float64[N]: a copy, 0.0 if none."""
        self._own()
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
        given = given_inputs(inputs, more)
        return evaluate(self._graph, given, seed, self._engine, grad=grad)

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

        The results are in `primals` and `adjoints`; those of the params also in `param_primals`
        and `param_adjoints`, and those of all leaves in `leaf_primals` and `leaf_adjoints`, which
        are not copied. A step that raises sets nothing.

        Args:
            leaves: Values of inputs and params, by id.
            seed: Gradients that outputs start with, by id; may be left out with one output.

        Raises:
            GraphError: `run-node`, `number`, `unbound-input` or `seed`, as for `Graph.run`.
            RuntimeError: The values belong to another thread.
        """
        self._own()
        by_node = input_nodes(self._graph, numbers_of(leaves))
        seeds = seeded_nodes(self._graph, numbers_of(seed))
        self._check_bound(by_node)
        backward = self._backward_pass(seeds)
        self._unbound = ()
        for node, value in by_node.items():
            self._primals[self._order.position[node]] = value
        if self._const_primals.size:
            self._primals[self._consts] = self._const_primals
        self._forward()
        self._backward(backward, seeds, self._primals, self._adjoints)

    def _check_bound(self, inputs: Mapping[int, float]) -> None:
        """Check that every input has a primal: declared, in `inputs`, or set by an earlier step.

        Raises:
            GraphError: `unbound-input`.
        """
        missing = [
            self._graph.ids[i] for i in self._unbound
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
        adjoints.fill(0.0)
        for node, seed in seeds.items():
            adjoints[self._order.position[node]] += seed
        backward.sweep(*flat((primals, adjoints)))
        if self._const_primals.size:
            adjoints[self._consts] = 0.0  # what the sweep added to a const

    def _backward_pass(self, seeds: Mapping[int, float]) -> _BackwardPass:
        """Return the backward pass from seeded nodes; the last one is kept."""
        key = tuple(seeds)
        backward = self._passes.get(key)
        if backward is None:
            marks = sweeps.reached(self._tape, seeds)
            nodes = sweeps.has_adjoint(self._tape, marks)
            order = schedule.backward_of(self._tape, marks, self._order)
            sweep = self._kernels.bound("step_backward", *order, self._order.more)
            backward = _BackwardPass(order, sweep, nodes)
            self._passes = {key: backward}  # replaced as a whole: threads may call at once
        return backward

    def batch(  # noqa: PLR0913 - one keyword per choice
        self,
        columns: Given,
        *,
        grad: Grad | None = "rows",
        wrt: Iterable[str] | None = None,
        seed: Mapping[str, float] | None = None,
        workers: int = 1,
        math: str | None = None,
        reuse: Batch | None = None,
    ) -> Batch:
        """Run the graph forward and backward over N rows.

        Args:
            columns: The values of inputs and params in each row, float64[N] by id; or of C of them
                at once, float64[C, N] by a tuple of their ids. All other leaves have the same value
                in every row: what the last `step` or `leaf_primals` set, else the declared one.
                Other numbers, and arrays that are not contiguous, are converted part by part.
            grad: `"rows"` gives the gradients of each row. `"sum"` gives their exact sums over the
                rows, rounded once (`ExactSum` has the rule), so that the bits depend neither on the
                order of the rows nor on `workers`. None runs forward only.
            wrt: The ids of the inputs and params whose gradients are wanted, in this order; all of
                them without it. The fewer, the less there is to compute.
            seed: Gradients that outputs start with, by id, the same in every row; may be left out
                with one output.
            workers: The number of threads.
            math: The library for `exp`, `tanh` and so on. `"libm"` gives the same bits as single
                runs; `"libmvec"`, `"svml"` and `"mgraph"` compute several rows at once, each op
                within 2 ulp; `"auto"` is the fastest of these that this machine has. `"exact"`
                rounds each operation correctly, so that all machines give the same bits. Without
                it, `"exact"` if the graph was compiled for exact math, otherwise `"auto"`.
            reuse: A batch that `batch` returned and that is no longer needed, whose arrays are
                overwritten if they have the right size and are not among the columns. Allocating
                new memory can take as long as the computation.

        Returns:
            The values of the outputs, and the gradients that were asked for.

        Raises:
            GraphError: `number` if the columns are not float64[N] of one length, or there are none;
                `run-node`, `unbound-input` or `seed`, as for `Graph.run`.
            MissingExtraError: The library is not on this machine.
            RuntimeError: The values belong to another thread.
            TypeError: `wrt` is one string.
            ValueError: `grad` is none of these, `workers` is less than 1, `reuse` is not from a
                replay, or there is no such library.
        """
        if isinstance(wrt, str):
            message = 'wrt takes several ids, such as ["w1"]'
            raise TypeError(message)
        if grad not in GRADS or workers < 1:
            message = 'grad is "rows", "sum" or None, and workers at least 1'
            raise ValueError(message)
        if reuse is not None and not getattr(reuse, "_is_result", False):
            message = "reuse takes a Batch that `batch` returned"
            raise ValueError(message)
        default = EXACT if self._math == EXACT else AUTO
        name = library(default if math is None else math).name
        table, seeds = Table.of(columns), numbers_of(seed)
        asked = None if wrt is None else tuple(wrt)
        with self._lock.lock:
            self._check_thread()
            self._primals[self._consts] = self._const_primals
            prepared = self._prepared(table.ids, grad, asked, seeds, name)
            shape = prepared.blocks.shape(table.rows)
            memory = np.empty(shape) if reuse is None else _reused(reuse, shape, table.arrays)
            self._batch = None  # what a signal handler runs meanwhile needs memory of its own
            outputs, grads, totals = prepared.blocks.run(table, memory, workers)
            self._batch = prepared
        ids = (self._graph.ids[i] for i in self._graph.outputs)
        by_id = dict(zip(ids, outputs, strict=True))
        gradients = totals.sums if totals else grads
        batch = Batch(by_id, prepared.ids, gradients, f"tape, {name}", memory, totals)
        object.__setattr__(batch, "_is_result", True)  # other memory must not be written to
        return batch

    def sums_of(
        self,
        columns: Given,
        wrt: Iterable[str],
        seed: Mapping[str, float],
        math: str,
    ) -> BoundSums | None:
        """Prepare a batch with `grad="sum"` that is run again and again, for internal use.

        Only the thread that prepares it may use this replay then, because it takes no locks.

        Args:
            columns: As for `batch`: doubles that stay where they are, and may change in between.
            wrt: As for `batch`; all of them must have gradients.
            seed: As for `batch`.
            math: As for `batch`.

        Returns:
            The batch; None if it needs what only `batch` does.
        """
        table = Table.of(columns)
        prepared = self._prepared(table.ids, "sum", (*wrt,), seed, library(math).name)
        memory = np.empty(prepared.blocks.shape(table.rows))
        run = prepared.blocks.sums_of(table, memory)
        ids = (self._graph.ids[i] for i in self._graph.outputs)
        return None if run is None else BoundSums(dict(zip(ids, memory, strict=True)), run)

    def _prepared(
        self,
        names: tuple[str, ...],
        grad: Grad | None,
        wrt: tuple[str, ...] | None,
        seed: Mapping[str, float],
        math: str,
    ) -> _PreparedBatch:
        """Prepare a batch with columns of such names; the last one is kept.

        Raises:
            GraphError: `run-node`, `seed` or `unbound-input`.
        """
        request = (wrt, names, grad, (*seed.items(),), math)
        batch = self._batch
        if batch is None or batch.request != request:
            nodes = input_nodes(self._graph, dict.fromkeys(names, 0.0))
            seeds = seeded_nodes(self._graph, seed)
            asked, marks = self._towards(seeds, wrt)
            order = schedule.backward_of(self._tape, marks, self._order) if grad else _FORWARD_ONLY
            job = schedule.Job(
                order, self._primals[: self._order.leaves],
                self._positions(nodes), self._positions(self._graph.outputs),
                self._positions(seeds), 0.0 + np.array([*seeds.values()], np.float64),
                self._positions(asked if grad else ()),
                self._positions(np.flatnonzero(marks == 0)), grad == "sum",
            )  # fmt: skip
            blocks = RowBlocks(self._order, job, math)
            self._batch = batch = _PreparedBatch(request, blocks, nodes, self._ids(job.asked))
        self._check_bound(batch.nodes)
        return batch

    def _towards(
        self, seeds: Iterable[int], wrt: Iterable[str] | None
    ) -> tuple[list[int], NDArray[np.uint8]]:
        """Return what the backward pass of a batch is about.

        Returns:
            The leaves asked for that have an adjoint, and uint8[N], 1 for the nodes between them
            and the seeded ones.
        """
        leaves = np.sort(self._order.order[: self._consts.start]).tolist()
        wanted = leaves if wrt is None else leaf_nodes(self._graph, wrt)
        marks = sweeps.reached(self._tape, seeds)
        asked = [node for node in wanted if marks[node]]
        return asked, marks & schedule.leading_to(self._tape, asked)

    def _positions(self, nodes: Iterable[int]) -> NDArray[np.int64]:
        return self._order.position[[*nodes]].astype(np.int64)


def _write(memory: NDArray[np.float64], name: str, values: ArrayLike) -> None:
    """Write values to a replay's memory.

    Raises:
        GraphError: `number` if they are not as many numbers as it holds.
    """
    array = numbers(name, values)
    if array.size != memory.size:
        message = f"{name} has {memory.size:,} values, not {array.size:,}"
        raise GraphError.of("number", message, expected=f"float64[{memory.size}]")
    memory[:] = array


def _reused(
    reuse: Batch, shape: tuple[int, int], arrays: Iterable[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return the memory of an old batch if it can hold a new one's results, else new memory."""
    old = reuse.memory
    fits = old.shape == shape and old.dtype == np.dtype(np.float64) and old.flags.carray
    if fits and not any(np.may_share_memory(array, old) for array in arrays):
        return old
    return np.empty(shape)
