"""Graphs as flat arrays: compact, quick to pass to another process, easy to convert."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from mgraph import Graph
from mgraph.graph.columns import Columns, leaves_of
from mgraph.graph.ids import default_id
from mgraph.ops import OPCODES, OPS, is_leaf

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray

    from benchmarks.graphs import Node

Functions = Mapping[int, Callable[[Any], Any]]
"""Ops of one argument, by opcode."""

PARAM: Final = OPCODES["param"]
ADD: Final = OPCODES["add"]
MUL: Final = OPCODES["mul"]
TANH: Final = OPCODES["tanh"]
RELU: Final = OPCODES["relu"]

_SMALL: Final = 1e-6
_ARITY: Final = np.array(
    [0 if is_leaf(code) else OPS[name].inputs for name, code in OPCODES.items()], np.uint8
)


class Flat(NamedTuple):
    """A graph of N nodes with at most two arguments each; the last is the output.

    Attributes:
        opcode: uint8[N], index into `ops.NAMES`.
        a: uint32[N], the first argument; 0 where there is none.
        b: uint32[N], the second, likewise.
        data: float64[N], the primals of the leaves; 0 elsewhere.
    """

    opcode: NDArray[np.uint8]
    a: NDArray[np.uint32]
    b: NDArray[np.uint32]
    data: NDArray[np.float64]

    @property
    def leaves(self) -> NDArray[np.intp]:
        """The indices of the leaves, ascending."""
        return np.flatnonzero(_ARITY[self.opcode] == 0)

    @property
    def params(self) -> NDArray[np.intp]:
        """The indices of the params, ascending."""
        return np.flatnonzero(self.opcode == PARAM)

    def nodes(self) -> Iterator[tuple[int, int, int, float]]:
        """Yield the opcode, both arguments and the primal of each node, as plain numbers."""
        return zip(self.opcode.data, self.a.data, self.b.data, self.data.data, strict=True)


def flat(nodes: Iterable[Node]) -> Flat:
    """Return nodes as arrays; they are read one at a time."""
    opcode, a, b, data = array("B"), array("I"), array("I"), array("d")
    for op, args, primal in nodes:
        opcode.append(OPCODES[op])
        a.append(args[0] if args else 0)
        b.append(args[-1] if args else 0)
        data.append(primal)
    return Flat(
        np.array(opcode, np.uint8), np.array(a, np.uint32), np.array(b, np.uint32), np.array(data)
    )


def write(path: Path, graph: Flat) -> None:
    """Write a graph to a file."""
    with path.open("wb") as file:
        for column in graph:
            np.save(file, column)


def read(path: Path) -> Flat:
    """Read a graph that `write` has written."""
    with path.open("rb") as file:
        return Flat(*(np.load(file) for _ in Flat._fields))


def record(
    graph: Flat,
    param: Callable[[float], Any],
    functions: Functions,
    fixed: Callable[[float], Any] = float,
) -> list[Any]:
    """Compute every node of a graph with an engine's numbers.

    Args:
        graph: add and mul are computed with the numbers' operators.
        param: Makes a param from its primal.
        functions: The other ops, by opcode.
        fixed: Makes an input or a const from its primal; their gradients are not needed.
    """
    values: list[Any] = []
    for op, a, b, primal in graph.nodes():
        if op == ADD:
            values.append(values[a] + values[b])
        elif op == MUL:
            values.append(values[a] * values[b])
        elif op in functions:
            values.append(functions[op](values[a]))
        else:
            values.append(param(primal) if op == PARAM else fixed(primal))
    return values


def output_of(graph: Flat, functions: Functions, params: Iterable[Any], *, every: bool) -> Any:  # noqa: ANN401 - an engine's number
    """Compute the output from the engine's numbers for the params.

    Args:
        graph: Its last node is the output.
        functions: As in `record`.
        params: The numbers for the params, in order.
        every: Whether `params` holds numbers for inputs and consts, too.
    """
    following = iter(params)

    def take(_primal: float) -> Any:  # noqa: ANN401 - likewise
        return next(following)

    return record(graph, take, functions, take if every else float)[-1]


def relative_error(actual: ArrayLike, wanted: ArrayLike) -> float:
    """Return the largest error, relative to the wanted number.

    The error of a number below a millionth of the largest one is relative to that millionth: such
    numbers are left over from sums that cancel, and depend on the order of adding.
    """
    size = np.abs(np.asarray(wanted))
    size = np.maximum(size, _SMALL * np.max(size, initial=_SMALL))
    return float(np.max(np.abs(np.asarray(actual) - np.asarray(wanted)) / size, initial=0.0))


def flat_of(graph: Columns) -> Flat:
    """Return a graph whose ops have one or two arguments; the last node is its output."""
    first = np.frombuffer(graph.first, np.uint32)
    args = np.append(np.frombuffer(graph.args, np.uint32), np.uint32(0))
    opcode = np.frombuffer(graph.opcode, np.uint8)
    has = _ARITY[opcode] > 0
    data = np.zeros(len(graph))
    data[np.frombuffer(graph.leaves, np.uint32)] = np.frombuffer(graph.data)
    ends = np.maximum(first[1:], 1) - 1
    a, b = (np.where(has, args[at], np.uint32(0)) for at in (first[:-1], ends))
    return Flat(opcode, a, b, data)


def graph_of(nodes: Flat, ids: Sequence[str] | None = None) -> Graph:
    """Return the graph as mgraph's `Graph`."""
    return Graph(columns_of(nodes, ids))


def columns_of(nodes: Flat, ids: Sequence[str] | None = None) -> Columns:
    """Return the columns of a graph; ids default to n0, n1 and so on."""
    count = len(nodes.opcode)
    arity = _ARITY[nodes.opcode]
    both = np.stack([nodes.a, nodes.b], axis=1)
    args = both[np.arange(2) < arity[:, None]]
    opcode = nodes.opcode.tobytes()
    leaves = leaves_of(opcode)
    return Columns(
        opcode=opcode,
        first=_array("I", np.append(0, arity.cumsum(dtype=np.uint32))),
        args=_array("I", args),
        leaves=leaves,
        data=_array("d", nodes.data[arity == 0]),
        has_data=None,
        ids=[*map(default_id, range(count))] if ids is None else ids,
        outputs=(count - 1,),
    )


def _array(code: str, values: NDArray[Any]) -> array[Any]:
    column: array[Any] = array(code)
    column.frombytes(values.astype(code).tobytes())
    return column
