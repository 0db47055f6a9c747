"""One graph of add, mul and tanh over many rows, in Python: outputs, and the leaves' adjoints.

Each side is a class with `run`; what that gave is in `out`, float64[N], and `grads`, M arrays of
float64[N], one a leaf. `compiled` is how many seconds it took to compile for the graph.
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
    """A graph, and rows of some of its leaves; the others are the same in every row.

    Attributes:
        graph: The last node is the output.
        columns: Leaves.
        given: float64[len(columns), N], their primals.
    """

    graph: Flat
    columns: tuple[int, ...]
    given: NDArray[np.float64]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.given[0])

    @property
    def places(self) -> list[int]:
        """The place of each column among the leaves."""
        return [int(np.searchsorted(self.graph.leaves, node)) for node in self.columns]


class Side(Protocol):
    """One way to run the rows."""

    @property
    def compiled(self) -> float | None:
        """Return the seconds that were spent on compiling for this graph."""

    @property
    def out(self) -> ArrayLike:
        """Return float64[N]."""

    @property
    def grads(self) -> Iterable[ArrayLike]:
        """Return M times float64[N]."""

    def run(self) -> None:
        """Run all rows."""


class Mgraph:
    """`Replay.batch`, with the memory of the batch before; nothing is compiled for a graph."""

    compiled = None

    def __init__(self, work: Table) -> None:
        """Prepare the graph."""
        replay = graph_of(work.graph).compile()
        columns = {f"n{node}": x for node, x in zip(work.columns, work.given, strict=True)}
        self._batch = partial(replay.batch, columns, grad="rows")
        self._leaves = [f"n{node}" for node in work.graph.leaves]
        self._found: Batch | None = None

    def run(self) -> None:
        """Run all rows."""
        self._found = found = self._batch(reuse=self._found)
        (self.out,) = found.outputs.values()
        self.grads = [found.grad[name] for name in self._leaves]


class Numpy:
    """An operation of NumPy a node and block of rows, into memory that is there already."""

    compiled = None

    def __init__(self, work: Table, width: int) -> None:
        """Prepare memory for blocks of so many rows."""
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
        primals = [each[:count] for each in self._primals]
        adjoints = [each[:count] for each in self._adjoints]
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
        for place, leaf in enumerate(self._work.graph.leaves):
            self.grads[place, rows] = adjoints[leaf]

    def _backward(self, primals: Sequence[Any], adjoints: list[Any]) -> None:
        for each in adjoints:
            each.fill(0.0)
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
    """An operation of PyTorch a node and block of rows."""

    compiled = None

    def __init__(self, work: Table, width: int) -> None:
        """Keep to one thread."""
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
        for place, column in zip(self._work.places, self._given, strict=True):
            leaves[place] = column[rows].clone()
        for each in leaves:
            each.requires_grad_()
        out = output_of(graph, {TANH: torch.tanh}, leaves, every=True)
        self.out[rows] = out.detach()
        for place, each in enumerate(torch.autograd.grad(out, leaves, torch.ones_like(out))):
            self.grads[place, rows] = each


class Jax:
    """The gradient of the program of all ops, mapped over the rows and compiled."""

    def __init__(self, work: Table) -> None:
        """Compile it."""
        self._jax = import_module("jax")
        self._jax.config.update("jax_enable_x64", True)  # noqa: FBT003
        graph, places = work.graph, work.places

        def one_row(given: Any, leaves: Any) -> Any:  # noqa: ANN401 - traced numbers
            def output(leaves: Any) -> Any:  # noqa: ANN401 - likewise
                return output_of(graph, {TANH: self._jax.numpy.tanh}, leaves, every=True)

            row = leaves.at[self._jax.numpy.array(places)].set(given)
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
        """Build the function, and hand it the memory to work on."""
        casadi = import_module("casadi")
        graph, places = work.graph, work.places
        count = len(graph.leaves)
        given, fixed = casadi.SX.sym("given", len(places)), casadi.SX.sym("fixed", count)
        leaves = casadi.vertsplit(fixed)
        for place, column in zip(places, casadi.vertsplit(given), strict=True):
            leaves[place] = column
        output = output_of(graph, {TANH: casadi.tanh}, leaves, every=True)
        slopes = casadi.gradient(output, casadi.vertcat(*leaves))
        row = casadi.Function("row", [given, fixed], [output, slopes])
        mapped = row.map("rows", "serial", work.rows, [1], [])
        self._arrays = np.ascontiguousarray(work.given.T), graph.data[graph.leaves]
        self.out, self._slopes = np.zeros(work.rows), np.zeros((work.rows, count))
        self._buffer, self._run = mapped.buffer()
        for i, array in enumerate(self._arrays):
            self._buffer.set_arg(i, array.data)
        for i, array in enumerate((self.out, self._slopes)):
            self._buffer.set_res(i, array.data)

    @property
    def grads(self) -> Any:  # noqa: ANN401 - an array
        """Return float64[M, N]."""
        return self._slopes.T

    def run(self) -> None:
        """Run all rows."""
        self._run()
