"""The readable engine: a graph as live Values, and live Values as a graph."""

from __future__ import annotations

from array import array
from collections import Counter
from functools import partial
from itertools import compress, count
from typing import TYPE_CHECKING, Final

from mgraph.codec import LIMITS, limit_error
from mgraph.collector import paused_collector
from mgraph.engine.evaluate import Engine
from mgraph.errors import GraphError, quoted
from mgraph.format.ids import IN_WORDS, are_ids
from mgraph.format.texts import check_label
from mgraph.graph.columns import Columns, starts
from mgraph.graph.ids import default_id
from mgraph.graph.run import EXACT_MATH, LIBM
from mgraph.ops import CONST, NAMES, OPCODES, OPS, Op
from mgraph.value import Label, Value, ancestry, apply, leaf, sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def values_of(graph: Columns, *, math: str = LIBM) -> list[Value]:
    """Build the live Values of a graph whose leaves all have primals, in evaluation order."""
    values: list[Value] = []
    ops, kind = _exact_kind() if math == EXACT_MATH else (_OPS, Value)
    data, ends = iter(graph.data), iter(graph.first)
    args, start = graph.args, next(ends)
    for code, end, name in zip(graph.opcode, ends, graph.ids, strict=True):
        op = ops[code]
        if op is None:
            value = leaf(NAMES[code], next(data), None, kind)
        else:
            value = apply(op, tuple([values[arg] for arg in args[start:end]]), kind)
        value.name = name
        start = end
        values.append(value)
    return values


_OPS: Final = tuple(OPS.get(name) for name in NAMES)


def _exact_kind() -> tuple[Sequence[Op | None], type[Value]]:
    """Return the ops by opcode, and the class of Values, in exact math."""
    from mgraph.exact_value import ExactValue, exact  # noqa: PLC0415 - other runs don't need it

    return tuple(None if op is None else exact(op) for op in _OPS), ExactValue


def columns_of(
    outputs: Sequence[Value], ids: Callable[[Sequence[Value]], list[str]] | None = None
) -> Columns:
    """Return the graph of everything that some Values were computed from.

    Args:
        outputs: The Values.
        ids: Gives all of them their ids, in evaluation order; None for their own names and labels.

    Raises:
        GraphError: `id` or `duplicate-id` if the names of the Values can't be ids; `output` if
            there are none, or one is given twice; `limit` if a sum has too many arguments or a
            label is too long; `encoding` if a label is not valid Unicode.
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
    names, labels = _ids_of(values) if ids is None else (ids(values), {})
    return Columns(
        opcode=bytes(OPCODES[value.op] for value in values),
        first=starts(len(value.args) for value in values),
        args=array("I", (index[id(arg)] for value in values for arg in value.args)),
        leaves=leaves,
        data=array("d", (values[i].data for i in leaves)),
        has_data=None,
        ids=names,
        outputs=named_outputs,
        labels=labels,
    )


def _ids_of(values: Sequence[Value]) -> tuple[list[str], dict[int, str]]:
    """Return an id for every Value, and by index the labels that are not ids.

    An id is the Value's own name; or else its label, if it can be an id and is used once; or else
    n0, n1, …, with `_` if that is taken.
    """
    names = _names_of(values)
    labels = Counter(value.name for value in values if type(value.name) is Label)
    are_usable = are_ids([*labels])
    ids: list[str] = []
    others: dict[int, str] = {}
    for i, value in enumerate(values):
        name = value.name
        if type(name) is Label:
            is_id = labels[name] == 1 and name not in names and (are_usable or are_ids([name]))
            name = str(name)
            if not is_id:
                others[i], name = name, None
        if name is None:
            name = default_id(i)
            while name in names or name in labels:
                name += "_"
        ids.append(name)
    for label in dict.fromkeys(others.values()):
        check_label(label)
    return ids, others


def _names_of(values: Sequence[Value]) -> dict[str, None]:
    """Return the names, without labels.

    Raises:
        GraphError: `id` or `duplicate-id` if they can't be ids.
    """
    names: dict[str, None] = {}
    for value in values:
        name = value.name
        if name is None or type(name) is Label:
            continue
        if not isinstance(name, str) or not are_ids([name]):
            message = f"the name {quoted(name)} can't be an id"
            raise GraphError.of("id", message, expected=IN_WORDS)
        if name in names:
            message = f"two values have the name {quoted(name)}"
            raise GraphError.of("duplicate-id", message, expected="another name")
        names[name] = None
    return names


def by_values(
    graph: Columns, seeds: Mapping[int, float], *, grad: bool, math: str = LIBM
) -> tuple[array[float], array[int] | None, array[float] | None]:
    """Run a graph as Values."""
    with paused_collector():
        values = values_of(graph, math=math)
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

EXACT_VALUE: Final = Engine("value", partial(by_values, math=EXACT_MATH), EXACT_MATH)
"""The same in exact math."""
