"""Python libraries that run one graph of add, mul and tanh over many rows, forward and backward.

Each side is a class with `run`. The results are in `out`, float64[N], and `grads`, one array of
float64[N] per leaf; `compiled` is the time to compile for the graph, in seconds.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from benchmarks.flat import ADD, MUL, TANH, graph_of, output_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from benchmarks.flat import Flat
    from mgraph.engine.tape.replay import Batch


class Table(NamedTuple):
    """A graph, and rows for some of its leaves; the others are the same in every row.

    Attributes:
        graph: The last node is the output.
        columns: Leaves that differ by row.
        given: float64[len(columns), N], their primals.
    """

    graph: Flat
    columns: tuple[int, ...]
    given: NDArray[np.float64]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.given[0])

    @property
    def leaf_indices(self) -> list[int]:
        """The index of each column among the leaves."""
        return [int(np.searchsorted(self.graph.leaves, node)) for node in self.columns]


class Side(Protocol):
    """One way to run the rows."""

    @property
    def compiled(self) -> float | None:
        """Return the seconds of compiling for this graph; None if nothing is compiled."""

    @property
    def out(self) -> ArrayLike:
        """Return float64[N], the output of every row."""

    @property
    def grads(self) -> Iterable[ArrayLike]:
        """Return float64[N] per leaf, its adjoint in every row."""

    def run(self) -> None:
        """Run all rows."""


class Mgraph:
    """`Replay.batch`, which reuses the last batch's memory; nothing is compiled for a graph."""

    compiled = None

    def __init__(self, work: Table) -> None:
        """Prepare the graph."""
        replay = graph_of(work.graph).compile()
        columns = {f"n{node}": x for node, x in zip(work.columns, work.given, strict=True)}
        self._batch = partial(replay.batch, columns, grad="rows")
        self._leaves = [f"n{node}" for node in work.graph.leaves]
        self._batch_before: Batch | None = None

    def run(self) -> None:
        """Run all rows."""
        self._batch_before = batch = self._batch(reuse=self._batch_before)
        (self.out,) = batch.outputs.values()
        self.grads = [batch.grad[name] for name in self._leaves]


class Numpy:
    """One operation of NumPy per node and block of rows, into existing memory."""

    compiled = None

    def __init__(self, work: Table, width: int) -> None:
        """Prepare memory for blocks of `width` rows."""
        self._work, self._width = work, width
        graph = work.graph
        self._nodes = [node[:3] for node in graph.nodes()]
        self._primals = [np.full(width, x) for x in graph.data]
        self._adjoints = [np.zeros(width) for _ in graph.data]
        self.out, self.grads = np.zeros(work.rows), np.zeros((len(graph.leaves), work.rows))

    def run(self) -> None:
        """Run all rows."""
        for row in range(0, self._work.rows, self._width):
            self._block(slice(row, min(row + self._width, self._work.rows)))

    def _block(self, rows: slice) -> None:
        count = rows.stop - rows.start
        primals = [block[:count] for block in self._primals]
        adjoints = [block[:count] for block in self._adjoints]
        for node, column in zip(self._work.columns, self._work.given, strict=True):
            primals[node][:] = column[rows]
        for i, (op, a, b) in enumerate(self._nodes):
            if op == ADD:
                np.add(primals[a], primals[b], out=primals[i])
            elif op == MUL:
                np.multiply(primals[a], primals[b], out=primals[i])
            elif op == TANH:
                np.tanh(primals[a], out=primals[i])
        self.out[rows] = primals[-1]
        self._backward(primals, adjoints)
        for index, leaf in enumerate(self._work.graph.leaves):
            self.grads[index, rows] = adjoints[leaf]

    def _backward(self, primals: Sequence[Any], adjoints: list[Any]) -> None:
        for adjoint in adjoints:
            adjoint.fill(0.0)
        adjoints[-1].fill(1.0)
        share = np.empty_like(adjoints[-1])
        for i in range(len(self._nodes) - 1, -1, -1):
            op, a, b = self._nodes[i]
            up = adjoints[i]
            if op == ADD:
                adjoints[a] += up
                adjoints[b] += up
            elif op == MUL:
                adjoints[a] += np.multiply(up, primals[b], out=share)
                adjoints[b] += np.multiply(up, primals[a], out=share)
            elif op == TANH:
                np.multiply(primals[i], primals[i], out=share)
                np.subtract(1.0, share, out=share)
                adjoints[a] += np.multiply(up, share, out=share)


class Torch:
    """One operation of PyTorch per node and block of rows."""

    compiled = None

    def __init__(self, work: Table, width: int) -> None:
        """Limit PyTorch to one thread."""
        self._torch = import_module("torch")
        self._torch.set_num_threads(1)
        self._work, self._width = work, width
        self._given = self._torch.from_numpy(work.given)
        leaves = len(work.graph.leaves)
        self.out = self._torch.empty(work.rows, dtype=self._torch.float64)
        self.grads = self._torch.empty((leaves, work.rows), dtype=self._torch.float64)

    def run(self) -> None:
        """Run all rows."""
        for row in range(0, self._work.rows, self._width):
            self._block(slice(row, min(row + self._width, self._work.rows)))

    def _block(self, rows: slice) -> None:
        torch, graph = self._torch, self._work.graph
        leaves = [
            torch.full((rows.stop - rows.start,), x, dtype=torch.float64)
            for x in graph.data[graph.leaves].tolist()
        ]
        for index, column in zip(self._work.leaf_indices, self._given, strict=True):
            leaves[index] = column[rows].clone()
        for leaf in leaves:
            leaf.requires_grad_()
        out = output_of(graph, {TANH: torch.tanh}, leaves, every=True)
        self.out[rows] = out.detach()
        for index, grad in enumerate(torch.autograd.grad(out, leaves, torch.ones_like(out))):
            self.grads[index, rows] = grad


class Jax:
    """JAX: value and gradient of one row, mapped over the rows and compiled."""

    def __init__(self, work: Table) -> None:
        """Compile it."""
        self._jax = import_module("jax")
        self._jax.config.update("jax_enable_x64", True)  # noqa: FBT003
        graph, indices = work.graph, work.leaf_indices

        def one_row(given: Any, leaves: Any) -> Any:  # noqa: ANN401 - traced numbers
            def output(leaves: Any) -> Any:  # noqa: ANN401 - likewise
                return output_of(graph, {TANH: self._jax.numpy.tanh}, leaves, every=True)

            row = leaves.at[self._jax.numpy.array(indices)].set(given)
            return self._jax.value_and_grad(output)(row)

        rows = self._jax.vmap(one_row, in_axes=(1, None), out_axes=(0, 1))
        self._arguments = self._jax.device_put((work.given, graph.data[graph.leaves]))
        start = perf_counter()
        self._rows = self._jax.jit(rows).lower(*self._arguments).compile()
        self.compiled = perf_counter() - start

    def run(self) -> None:
        """Run all rows."""
        self.out, self.grads = self._jax.block_until_ready(self._rows(*self._arguments))


class Casadi:
    """CasADi's map of a function over the rows, in its virtual machine."""

    compiled = None

    def __init__(self, work: Table) -> None:
        """Build the function, and give it the memory to work on."""
        casadi = import_module("casadi")
        graph, indices = work.graph, work.leaf_indices
        count = len(graph.leaves)
        given, fixed = casadi.SX.sym("given", len(indices)), casadi.SX.sym("fixed", count)
        leaves = casadi.vertsplit(fixed)
        for index, column in zip(indices, casadi.vertsplit(given), strict=True):
            leaves[index] = column
        output = output_of(graph, {TANH: casadi.tanh}, leaves, every=True)
        gradient = casadi.gradient(output, casadi.vertcat(*leaves))
        row = casadi.Function("row", [given, fixed], [output, gradient])
        mapped = row.map("rows", "serial", work.rows, [1], [])
        self._arrays = np.ascontiguousarray(work.given.T), graph.data[graph.leaves]
        self.out, self._gradients = np.zeros(work.rows), np.zeros((work.rows, count))
        self._buffer, self._run = mapped.buffer()
        for i, array in enumerate(self._arrays):
            self._buffer.set_arg(i, array.data)
        for i, array in enumerate((self.out, self._gradients)):
            self._buffer.set_res(i, array.data)

    @property
    def grads(self) -> Any:  # noqa: ANN401 - an array
        """Return float64[M, N]."""
        return self._gradients.T

    def run(self) -> None:
        """Run all rows."""
        self._run()
