"""The readable engine: a graph as live Values, and live Values as a graph."""

from __future__ import annotations

from array import array
from itertools import compress, count
from typing import TYPE_CHECKING, Final

from mgraph.codec import LIMITS, limit_error
from mgraph.collector import paused_collector
from mgraph.engine.evaluate import Engine
from mgraph.errors import GraphError, quoted
from mgraph.format.ids import IN_WORDS, are_ids
from mgraph.graph.columns import Columns, starts
from mgraph.graph.ids import default_id
from mgraph.ops import CONST, NAMES, OPCODES, OPS
from mgraph.value import Value, ancestry, apply, leaf, sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def values_of(graph: Columns) -> list[Value]:
    """Build the live Values of a graph whose leaves all have primals, in evaluation order."""
    values: list[Value] = []
    data, ends = iter(graph.data), iter(graph.first)
    args, start = graph.args, next(ends)
    for code, end, name in zip(graph.opcode, ends, graph.ids, strict=True):
        op = _OPS[code]
        if op is None:
            value = leaf(NAMES[code], next(data))
        else:
            value = apply(op, tuple([values[arg] for arg in args[start:end]]))
        value.name = name
        start = end
        values.append(value)
    return values


_OPS: Final = tuple(OPS.get(name) for name in NAMES)


def columns_of(
    outputs: Sequence[Value], ids: Callable[[Sequence[Value]], list[str]] | None = None
) -> Columns:
    """Return the graph of everything that some Values were computed from.

    Args:
        outputs: The Values.
        ids: Gives all of them their ids, in evaluation order; None for their own names.

    Raises:
        GraphError: `id` or `duplicate-id` if the names of the Values can't be ids; `output` if
            there are none, or one is given twice; `limit` if a sum has too many arguments.
        TypeError: One of them is not a Value.
    """
    for value in outputs:
        if not isinstance(value, Value):
            message = f"expected a Value, not {type(value).__name__}"
            raise TypeError(message)
    values = ancestry(outputs)
    index = {id(value): i for i, value in enumerate(values)}
    named_outputs = tuple(index[id(value)] for value in outputs)
    if not outputs or len({*named_outputs}) < len(outputs):
        raise GraphError.of("output", "expected at least one output, and none twice")
    leaves = array("I", (i for i, value in enumerate(values) if not value.args))
    if (most := max(len(value.args) for value in values)) > LIMITS.args:
        raise limit_error("args", f"a node of {most:,} arguments", LIMITS.args)
    return Columns(
        opcode=bytes(OPCODES[value.op] for value in values),
        first=starts(len(value.args) for value in values),
        args=array("I", (index[id(arg)] for value in values for arg in value.args)),
        leaves=leaves,
        data=array("d", (values[i].data for i in leaves)),
        has_data=None,
        ids=(ids or _ids_of)(values),
        outputs=named_outputs,
    )


def _ids_of(values: Sequence[Value]) -> list[str]:
    """Return an id for every Value: its own name, or else n0, n1, …, with `_` if that is taken."""
    taken: dict[str, None] = {}
    for value in values:
        if value.name is None:
            continue
        if not isinstance(value.name, str) or not are_ids([value.name]):
            message = f"the name {quoted(value.name)} can't be an id"
            raise GraphError.of("id", message, expected=IN_WORDS)
        if value.name in taken:
            message = f"two values have the name {quoted(value.name)}"
            raise GraphError.of("duplicate-id", message, expected="another name")
        taken[value.name] = None
    ids = []
    for i, value in enumerate(values):
        name = default_id(i) if value.name is None else value.name
        while value.name is None and name in taken:
            name += "_"
        ids.append(name)
    return ids


def by_values(
    graph: Columns, seeds: Mapping[int, float], *, grad: bool
) -> tuple[array[float], array[int] | None, array[float] | None]:
    """Run a graph as Values."""
    with paused_collector():
        values = values_of(graph)
        primals = array("d", [value._data for value in values])
        if not grad:
            return primals, None, None
        marks = graph.reached(seeds)  # Values were created in evaluation order
        sweep([(values[node], seed) for node, seed in seeds.items()], [*compress(values, marks)])
        is_const = OPCODES[CONST]
        pairs = zip(count(), graph.opcode, marks, strict=False)
        nodes = array("I", [i for i, code, mark in pairs if mark and code != is_const])
        return primals, nodes, array("d", [values[i]._grad for i in nodes])


VALUE: Final = Engine("value", by_values)
