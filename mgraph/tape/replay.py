"""Replay: one graph, prepared once, run again and again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from mgraph.errors import GraphError, quoted
from mgraph.ops import CONST, OPCODES
from mgraph.record import as_number
from mgraph.run import evaluate, seeded_nodes, set_nodes, without_value
from mgraph.tape import engine
from mgraph.tape.cache import kernels
from mgraph.tape.source import BATCH, SWEEPS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

    from mgraph.graph.columns import Columns
    from mgraph.record import Run

Grad = Literal["rows", "sum"]

_BLOCK: Final = 2**18
"""Bytes of primals that are worked on at a time: they should stay in a core's own cache."""

_WIDEST: Final = 512


@dataclass(frozen=True)
class Batch:
    """What running a graph over many rows gave.

    Attributes:
        outputs: float64[N] by id of an output.
        grad: By id of an input or param: float64[N], or their sum over the rows, a float, or
            nothing, as was asked for. Leaves without a path to a seeded output are absent.
    """

    outputs: dict[str, NDArray[np.float64]]
    grad: dict[str, Any]


class Replay:
    """A graph as flat arrays that are reused between calls.

    Attributes:
        primals: float64[N], in evaluation order, as the last `step` left them.
        adjoints: float64[N], likewise; 0.0 where a node has none.
    """

    def __init__(self, graph: Columns) -> None:
        """Prepare a graph; loads the compiled sweeps."""
        self.graph = graph
        self.tape = engine.tape_of(graph)
        self.primals = self.tape.primals.copy()
        self.adjoints = np.zeros(len(graph))
        self._unbound = graph.unbound()
        self._marks: dict[tuple[int, ...], NDArray[np.uint8]] = {}
        kernels(SWEEPS)

    def __call__(
        self,
        inputs: Mapping[str, float] | None = None,
        /,
        *,
        seed: Mapping[str, float] | None = None,
        grad: bool = True,
        **more: float,
    ) -> Run:
        """Run forward and backward from the declared leaves, as `Graph.run` does."""
        given = {**(inputs or {}), **more}
        return evaluate(self.graph, given, seed, engine.TAPE, grad=grad)

    def step(
        self,
        leaves: Mapping[str, float] | None = None,
        *,
        seed: Mapping[str, float] | None = None,
    ) -> None:
        """Set some leaves, for this step and the following, and run forward and backward.

        A step that is refused sets nothing. The results are in `primals` and `adjoints`.

        Raises:
            GraphError: `run-node`, `seed` or `unbound-input`.
        """
        given = {name: as_number(name, value) for name, value in (leaves or {}).items()}
        by_node = set_nodes(self.graph, given)
        seeds = seeded_nodes(self.graph, seed or {})
        if missing := [self.graph.ids[i] for i in self._unbound if i not in by_node]:
            raise without_value(missing)
        self._unbound = ()
        for node, value in by_node.items():
            self.primals[node] = value
        engine.forward(self.tape, self.primals)
        engine.backward(self.tape, self._reached(seeds), self.primals, self.adjoints, seeds)

    def _reached(self, seeds: Mapping[int, float]) -> NDArray[np.uint8]:
        key = tuple(seeds)
        if key not in self._marks:
            self._marks = {key: engine.reached(self.tape, seeds)}
        return self._marks[key]

    def batch(
        self,
        columns: Mapping[str, ArrayLike],
        *,
        grad: Grad | None = "rows",
        seed: Mapping[str, float] | None = None,
        workers: int = 1,
    ) -> Batch:
        """Run the graph over rows of leaves.

        Args:
            columns: float64[N] by id of an input or param; the others keep their declared
                primal in every row.
            grad: "rows": adjoints of every row; "sum": added up over the rows, in row order,
                so that the bits depend on nothing else; None: forward only.
            seed: Adjoints of the outputs, the same in every row; none: 1.0 to the only one.
            workers: Threads.

        Returns:
            Outputs, and adjoints of the inputs and params.

        Raises:
            GraphError: `run-node`, `seed`, `unbound-input`, or `number` if the columns are no
                float64[N] of one length.
            ValueError: `grad` or `workers` is none of these.
        """
        if grad not in ("rows", "sum", None) or workers < 1:
            message = 'grad is "rows", "sum" or None, and workers at least 1'
            raise ValueError(message)
        table, nodes = self._table(columns)
        seeds = seeded_nodes(self.graph, seed or {})
        missing = [self.graph.ids[i] for i in self.graph.unbound() if i not in nodes]
        if missing:
            raise without_value(missing)
        return self._run_batch(table, nodes, seeds, grad, workers)

    def _table(self, columns: Mapping[str, ArrayLike]) -> tuple[NDArray[np.float64], list[int]]:
        """Return float64[K, N] and the nodes of the K rows of it."""
        nodes = [*set_nodes(self.graph, dict.fromkeys(columns, 0.0))]
        arrays = [_column(name, values) for name, values in columns.items()]
        if len({array.size for array in arrays}) > 1:
            sizes = ", ".join(f"{name} {a.size:,}" for name, a in zip(columns, arrays, strict=True))
            message = f"the columns differ in length: {sizes}"
            raise GraphError.of("number", message, expected="one value a row in each")
        if not arrays:
            message = "no columns, so no rows"
            raise GraphError.of("number", message, expected="at least one column")
        return np.stack(arrays), nodes

    def _run_batch(
        self,
        table: NDArray[np.float64],
        nodes: list[int],
        seeds: Mapping[int, float],
        grad: Grad | None,
        workers: int,
    ) -> Batch:
        rows = table.shape[1]
        marks = self._reached(seeds)
        asked = [
            int(i) for i in self.graph.leaves if marks[i] and self.tape.opcode[i] != OPCODES[CONST]
        ] if grad else []  # fmt: skip
        outputs = np.empty((len(self.graph.outputs), rows))
        grads = np.empty((len(asked), rows))
        width = max(8, min(_WIDEST, _BLOCK // (8 * len(self.graph)) // 8 * 8))
        shares = _shares(rows, width, workers)
        kernels(BATCH)  # before there are threads

        def work(share: tuple[int, int]) -> None:
            kernels(BATCH).batch(
                self.tape.opcode, self.tape.first, self.tape.args, marks, self.tape.primals,
                np.array(nodes, np.int64), table, *share, width,
                np.array([*seeds], np.int64), np.array([*seeds.values()]),
                np.array(self.graph.outputs, np.int64), outputs,
                np.array(asked, np.int64), grads, grad is not None,
            )  # fmt: skip

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, shares))
        ids = self.graph.ids
        by_leaf: dict[str, Any] = {ids[i]: grads[k] for k, i in enumerate(asked)}
        if grad == "sum":
            by_leaf = {name: _in_order(column) for name, column in by_leaf.items()}
        return Batch({ids[i]: outputs[k] for k, i in enumerate(self.graph.outputs)}, by_leaf)


def _column(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "fiu":
        shape = "x".join(map(str, array.shape)) or "one value"
        message = f"the column {quoted(name)} is {array.dtype}, {shape}"
        raise GraphError.of("number", message, expected="float64[N]")
    return array.astype(np.float64, copy=False)


def _shares(rows: int, width: int, workers: int) -> list[tuple[int, int]]:
    """Split rows into a stretch for each worker, in whole blocks."""
    blocks = -(-rows // width)
    each = -(-blocks // workers) * width if blocks else width
    return [(start, min(start + each, rows)) for start in range(0, rows, each)]


def _in_order(column: NDArray[np.float64]) -> float:
    """Add up in row order: 0 + c₀ + c₁ + …, no pairs as NumPy's sum makes."""
    with np.errstate(all="ignore"):
        return float(np.add.accumulate(column)[-1]) if column.size else 0.0
