"""Single runs on the tape: forward and backward sweeps over the columns of a graph."""

from __future__ import annotations

from array import array
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mgraph.engine.evaluate import Engine
from mgraph.engine.tape.cache import kernels
from mgraph.engine.tape.libraries import EXACT, LIBM
from mgraph.engine.tape.source import SWEEPS
from mgraph.ops import CONST, OPCODES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from mgraph.graph.columns import Columns


class Tape(NamedTuple):
    """A graph as NumPy arrays that share the memory of its columns.

    Attributes:
        opcode: uint8[N], index into `ops.NAMES`.
        first: uint32[N + 1]; the arguments of node `i` are `args[first[i]:first[i + 1]]`.
        args: uint32[A], the arguments of all nodes.
        primals: float64[N], the declared primals of the leaves; NaN where an input has none.
    """

    opcode: NDArray[np.uint8]
    first: NDArray[np.uint32]
    args: NDArray[np.uint32]
    primals: NDArray[np.float64]


def tape_of(graph: Columns) -> Tape:
    """Return the tape of a graph."""
    primals = np.zeros(len(graph))
    leaves = np.frombuffer(graph.leaves, np.uint32)
    primals[leaves] = np.frombuffer(graph.data, np.float64)
    if graph.has_data is not None:
        primals[leaves[np.frombuffer(graph.has_data, np.uint8) == 0]] = np.nan
    args = np.frombuffer(graph.args, np.uint32) if len(graph.args) else np.zeros(0, np.uint32)
    return Tape(
        np.frombuffer(graph.opcode, np.uint8), np.frombuffer(graph.first, np.uint32), args, primals
    )


def forward(tape: Tape, primals: NDArray[np.float64], math: str = LIBM) -> None:
    """Compute the primals of all ops from those of the leaves.

    Args:
        tape: The graph.
        primals: float64[N], changed in place.
        math: The name of a math library.
    """
    kernels(SWEEPS, math).forward(tape.opcode, tape.first, tape.args, primals)


def reached(tape: Tape, seeds: Iterable[int]) -> NDArray[np.uint8]:
    """Return uint8[N], 1 for the seeded nodes and all nodes that they depend on."""
    marks = np.zeros(tape.opcode.size, np.uint8)
    marks[[*seeds]] = 1
    kernels(SWEEPS).reach(tape.first, tape.args, marks)
    return marks


def backward(  # noqa: PLR0913 - the arrays of a run, and the library
    tape: Tape,
    marks: NDArray[np.uint8],
    primals: NDArray[np.float64],
    adjoints: NDArray[np.float64],
    seeds: Mapping[int, float],
    *,
    math: str = LIBM,
) -> None:
    """Propagate adjoints from the seeded nodes to the leaves.

    Args:
        tape: The graph.
        marks: uint8[N], from `reached` with the same seeded nodes.
        primals: float64[N], from `forward`.
        adjoints: float64[N], overwritten. Nodes that are not marked, and consts, get 0.0.
        seeds: The adjoints that the seeded nodes start with.
        math: The name of a math library.
    """
    adjoints[:] = 0.0
    for node, seed in seeds.items():
        adjoints[node] += seed
    sweep = kernels(SWEEPS, math).backward
    sweep(tape.opcode, tape.first, tape.args, marks, primals, adjoints)
    adjoints[tape.opcode == OPCODES[CONST]] = 0.0


def has_adjoint(tape: Tape, marks: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Return the nodes that have an adjoint, ascending: all that are marked, except consts."""
    return np.flatnonzero((marks != 0) & (tape.opcode != OPCODES[CONST]))


def sweeps(
    graph: Columns, seeds: Mapping[int, float], *, grad: bool, math: str = LIBM
) -> tuple[array[float], array[int] | None, array[float] | None]:
    """Run a graph whose leaves all have primals, forward and backward.

    Returns:
        The primals of all nodes, the nodes that have an adjoint, and their adjoints; the last two
        are None without `grad`.
    """
    tape = tape_of(graph)
    column, primals = new_column(len(graph))
    primals[:] = tape.primals
    forward(tape, primals, math)
    if not grad:
        return column, None, None
    marks = reached(tape, seeds)
    adjoints = tape.primals  # its memory is no longer needed
    backward(tape, marks, primals, adjoints, seeds, math=math)
    nodes = has_adjoint(tape, marks)
    return column, node_column(nodes), take(adjoints, nodes)


TAPE: Final = Engine("tape, libm", sweeps)
"""Takes exp, tanh and so on from the C library, as Python does."""

EXACT_TAPE: Final = Engine(f"tape, {EXACT}", partial(sweeps, math=EXACT), EXACT)
"""Rounds exp, tanh and so on correctly, so that every machine gives the same bits."""


def new_column(count: int) -> tuple[array[float], NDArray[np.float64]]:
    """Return a column for a run, and the same memory as float64[count]."""
    column = array("d", bytes(8 * count))
    return column, np.frombuffer(column, np.float64)


def take(values: NDArray[np.float64], indices: NDArray[Any]) -> array[float]:
    """Return some of float64[N] as a column for a run."""
    column, memory = new_column(indices.size)
    np.take(values, indices, out=memory, mode="clip")  # "clip" writes without a buffer
    return column


def node_column(nodes: NDArray[np.intp]) -> array[int]:
    """Return nodes as a column for a graph or a run."""
    column = array("I", bytes(4 * nodes.size))
    np.frombuffer(column, np.uint32)[:] = nodes
    return column
