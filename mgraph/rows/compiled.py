"""Compiled graphs of mappers: one for each thread, made when they are first used there."""

from __future__ import annotations

import sys
from collections import deque
from dataclasses import replace
from threading import local
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa

from mgraph.codec.limits import DEEPEST, LIMIT_NAMES, LIMITS
from mgraph.document import loads
from mgraph.engine.evaluate import input_nodes, leaf_nodes, seeded_nodes
from mgraph.engine.tape import sweeps
from mgraph.engine.tape.libraries import library
from mgraph.errors import GraphError
from mgraph.format.runs import SETTABLE
from mgraph.rows.columns import bind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from mgraph.engine.tape.replay import Batch
    from mgraph.ops.exact_sum import ExactSum
    from mgraph.rows.columns import Binding

GRADIENT: Final = "grad:"
"""The prefix of the columns of gradients; no id contains a colon."""

_NO_GRADIENTS: Final = "; or compute no gradients: --grad none (grad=None in Python)"

_KEPT: Final = 4
"""How many mappers stay compiled in each thread."""

_FLOAT64: Final = pa.float64()

_SPARE: Final = 2
"""How many results are kept to be overwritten: in a loop, one is in use while the next is made."""

_KEPT_BYTES: Final = 2**27
"""Larger results are not kept."""

_ANY: Final = LIMITS.raised(dict.fromkeys(LIMIT_NAMES, sys.maxsize) | {"depth": DEEPEST})
"""No limits, for graphs that have been read before."""


class Request(NamedTuple):
    """What a mapper computes for each row.

    Attributes:
        graph: The graph as msgpack.
        grad: Whether gradients are wanted: `"rows"` or None.
        wrt: The ids whose gradients are wanted; None for all.
        columns: Pairs of a leaf and the name of its column.
        seed: Pairs of an output and the gradient that it starts with, as `float.hex` writes it.
        math: The name of a math library, or `"auto"`.
        nullable: Whether results can be null.
    """

    graph: bytes
    grad: Literal["rows"] | None
    wrt: tuple[str, ...] | None
    columns: tuple[tuple[str, str], ...]
    seed: tuple[tuple[str, str], ...]
    math: str
    nullable: bool


class Compiled:
    """A request, ready to be run over batches of rows in one thread.

    Attributes:
        graph: The graph.
        results: The names of the columns of results: outputs, then gradients.
    """

    def __init__(self, request: Request) -> None:
        """Load the graph and compile it.

        Raises:
            GraphError: `run-node` or `seed`.
            MissingExtraError: The math library is not on this machine.
            ValueError: There is no such library.
        """
        library(request.math)
        graph = loads(request.graph, limits=_ANY)
        self.graph, self._request = graph.columns, request
        self._columns = dict(request.columns)
        input_nodes(self.graph, dict.fromkeys(self._columns, 0.0))
        self._seed = {name: float.fromhex(digits) for name, digits in request.seed}
        if request.grad is None:  # nothing starts with it, but with several outputs, one has to
            self._seed = {graph.outputs[0]: 1.0}
        self._replay = graph.compile()
        self._outputs = graph.outputs
        self._gradients = [*self._asked()] if request.grad else []
        self.results = (*self._outputs, *(GRADIENT + leaf for leaf in self._gradients))
        self._free: deque[Batch] = deque(maxlen=_SPARE)
        self._last: tuple[pa.Schema, Binding] | None = None

    def _asked(self) -> Iterator[str]:
        """Yield the ids of the leaves whose gradients are wanted, in the order of `wrt`."""
        graph, wrt = self.graph, self._request.wrt
        try:
            seeded = seeded_nodes(graph, self._seed)
        except GraphError as error:
            if self._seed:
                raise
            raise GraphError(
                [
                    replace(diagnostic, fix=diagnostic.fix + _NO_GRADIENTS)
                    for diagnostic in error.diagnostics
                ]
            ) from None
        marks = sweeps.reached(self._replay.tape, seeded)
        leaves = (node for node in graph.leaves if graph.op(node) in SETTABLE)
        for node in leaves if wrt is None else leaf_nodes(graph, wrt):
            if marks[node]:
                yield graph.ids[node]

    def binding(self, schema: pa.Schema) -> Binding:
        """Return how a table fits the graph; the last one is kept.

        Raises:
            GraphError: `column` or `unbound-input`.
        """
        if self._last is None or not self._last[0].equals(schema, check_metadata=True):
            nullable = self._request.nullable
            bound = bind(schema, self.graph, self._columns, self.results, nullable=nullable)
            self._last = schema, bound
        return self._last[1]

    def run(
        self, columns: Mapping[str, NDArray[Any]], is_valid: pa.Buffer | None
    ) -> list[pa.Array]:
        """Run the graph over N rows.

        Args:
            columns: The values of leaves, float64[N], by id.
            is_valid: The validity bitmap of the results; None if none is null.

        Returns:
            A column of N rows for each of `results`. They use memory that the next batch uses
            again, once nothing refers to these columns any more.
        """
        old = self._free.pop() if self._free else None
        request = self._request
        batch = self._replay.batch(
            columns,
            grad=request.grad,
            wrt=request.wrt,
            seed=self._seed,
            math=request.math,
            reuse=old,
        )
        memory = _lent(batch, self._free)
        arrays = [batch.outputs[name] for name in self._outputs]
        arrays += [batch.grad[name] for name in self._gradients]
        start = _address(batch.memory)
        return [_arrow(memory, _address(array) - start, array.size, is_valid) for array in arrays]

    def sums(
        self, columns: Mapping[str, NDArray[Any]], is_valid: pa.Buffer | None, rows: int
    ) -> tuple[list[pa.Array], dict[str, ExactSum]]:
        """Run the graph over N rows, and add up gradients.

        Args:
            columns: The values of leaves, float64[N], by id.
            is_valid: The validity bitmap of the outputs; None if none is null. The gradients of the
                other rows are left out of the sums.
            rows: N.

        Returns:
            A column of N rows for each output, and the sum of each gradient in `results`.
        """
        is_good = slice(None)
        if is_valid is not None:
            bits = pa.Array.from_buffers(pa.bool_(), rows, [None, is_valid])
            is_good = bits.to_numpy(zero_copy_only=False)
            columns = {leaf: values[is_good] for leaf, values in columns.items()}
        request = self._request
        batch = self._replay.batch(
            columns, grad="sum", wrt=request.wrt, seed=self._seed, math=request.math
        )
        outputs = np.zeros((len(self._outputs), rows))
        for output, name in zip(outputs, self._outputs, strict=True):
            output[is_good] = batch.outputs[name]
        buffers = (pa.py_buffer(output) for output in outputs)
        arrays = [_arrow(buffer, 0, rows, is_valid) for buffer in buffers]
        return arrays, {GRADIENT + leaf: batch.sums[leaf] for leaf in self._gradients}


class _Loan:
    """The memory of a batch, on loan to Arrow's columns; free for another batch after the last."""

    def __init__(self, batch: Batch, free: deque[Batch]) -> None:
        self._batch, self._free = batch, free

    def __del__(self) -> None:
        if self._batch.memory.nbytes <= _KEPT_BYTES:
            self._free.append(self._batch)


def _lent(batch: Batch, free: deque[Batch]) -> pa.Buffer:
    """Return the memory of a batch, which goes back to `free` when Arrow no longer uses it."""
    return pa.foreign_buffer(_address(batch.memory), batch.memory.nbytes, _Loan(batch, free))


def _address(array: NDArray[Any]) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _arrow(memory: pa.Buffer, start: int, rows: int, is_valid: pa.Buffer | None) -> pa.Array:
    """Return float64[rows] from a byte of the memory on as a column, without a copy."""
    values = memory.slice(start, 8 * rows)
    return pa.Array.from_buffers(_FLOAT64, rows, [is_valid, values], -1 if is_valid else 0)


class _Kept(local):
    """The mappers that this thread has compiled, the last used ones last."""

    def __init__(self) -> None:
        self.by_request: dict[Request, Compiled] = {}


KEPT_HERE: Final = _Kept()
"""What this thread has compiled."""


def compiled(request: Request) -> Compiled:
    """Return a request, compiled for this thread; the last few are kept.

    Raises:
        GraphError: `run-node` or `seed`.
        MissingExtraError: The math library is not on this machine.
        ValueError: There is no such library.
    """
    kept = KEPT_HERE.by_request
    made = kept.pop(request, None) or Compiled(request)
    kept[request] = made
    while len(kept) > _KEPT:
        del kept[next(iter(kept))]
    return made
