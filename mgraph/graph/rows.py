"""Rows (a node an object, as in JSON) to columns, in vectorised passes.

A pass only says *clean*, by going on, or *look again*, by returning None: then the checker that
speaks finds out what is wrong.
"""

from __future__ import annotations

import heapq
from array import array
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from mgraph.graph.columns import Columns, leaves_of, starts
from mgraph.graph.numbers import doubles
from mgraph.ops import INPUT, LEAVES, NAMES, OPCODES, can_take
from mgraph.schema.fields import are_ids, is_short, meta_faults

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgraph.codec import Limits, Reading

_NONE: Final[list[str]] = []


def from_rows(rows: Any, outputs: Any, reading: Reading) -> Columns | None:  # noqa: ANN401
    """Read nodes given as rows; None means: look again, something is not clean."""
    try:
        return _from_rows(rows, outputs, reading)
    except (KeyError, TypeError, AttributeError):
        return None


def _from_rows(rows: list[dict[str, Any]], outputs: list[str], reading: Reading) -> Columns | None:
    count, limits = len(rows), reading.limits
    if not 0 < count <= limits.nodes or {*map(type, rows)} != {dict}:
        return None
    ids = [row["id"] for row in rows]
    index = dict(zip(ids, range(count), strict=True))
    opcode = bytes(map(OPCODES.__getitem__, [row["op"] for row in rows]))
    lists = [row.get("args", _NONE) for row in rows]
    args = array("I", map(index.__getitem__, chain.from_iterable(lists)))
    counts = [*map(len, lists)]
    has = bytes("data" in row for row in rows)
    data = doubles([row["data"] for row in rows if "data" in row], bare=reading.is_binary)
    texts = [
        {i: row[field] for i, row in enumerate(rows) if field in row}
        for field in ("label", "doc", "meta")
    ]
    clean = (
        {*map(type, ids)} == {str}
        and len(index) == count
        and are_ids(ids)
        and {*map(type, lists)} == {list}
        and max(counts) <= limits.args
        and all(can_take(code, number) for code, number in {*zip(opcode, counts, strict=True)})
        and all(_may_have(code, here) for code, here in {*zip(opcode, has, strict=True)})
        and _known_only(rows, has, texts)
        and texts_are_clean(texts[0], texts[1], texts[2], limits)
        and type(outputs) is list
        and 0 < len(outputs) == len({*outputs})
    )
    if data is None or not clean:
        return None
    leaves = leaves_of(opcode)
    here = bytes(has[i] for i in leaves)
    if 0 in here:
        given = iter(data)
        data = array("d", (next(given) if known else 0.0 for known in here))
    return _in_order(
        Columns(
            opcode=opcode,
            first=starts(counts),
            args=args,
            leaves=leaves,
            data=data,
            has_data=here if 0 in here else None,
            ids=ids,
            outputs=tuple(index[name] for name in outputs),
            labels=texts[0],
            docs=texts[1],
            metas=texts[2],
        )
    )


def _may_have(code: int, has_data: int) -> bool:
    """Whether a node of this op may have data, or none."""
    name = NAMES[code]
    return name == INPUT or bool(has_data) == (name in LEAVES)


def _known_only(rows: list[dict[str, Any]], has: bytes, texts: list[dict[int, Any]]) -> bool:
    """Whether no row has a field that the format does not have: the known ones are all."""
    known = 2 * len(rows) + sum("args" in row for row in rows) + has.count(1)
    return sum(map(len, rows)) == known + sum(map(len, texts))


def texts_are_clean(
    labels: Mapping[int, str], docs: Mapping[int, str], metas: Mapping[int, Any], limits: Limits
) -> bool:
    """Whether labels, docs and metas of nodes are within the limits and well-formed."""
    return (
        all(is_short(text, limits.text) for text in labels.values())
        and all(is_short(text, limits.doc) for text in docs.values())
        and not any(
            fault
            for i, meta in metas.items()
            for fault in meta_faults(meta, ("nodes", i, "meta"), limits)
        )
    )


def _in_order(graph: Columns) -> Columns | None:
    """Bring a graph from file order to evaluation order; None if it has a cycle."""
    if graph.passes.precede(graph.args, graph.first):
        return graph
    order = evaluation_order([graph.arguments(i) for i in range(len(graph))])
    return None if len(order) < len(graph) else reordered(graph, order)


def evaluation_order(arguments: Sequence[Sequence[int]]) -> list[int]:
    """Sort nodes stably: of all whose arguments are done, the earliest in the file goes next.

    Args:
        arguments: The arguments of each node, by place in the file.

    Returns:
        Places in the file. Nodes on cycles, and all that depend on them, are missing.
    """
    waits = [len(args) for args in arguments]
    users: list[list[int]] = [[] for _ in arguments]
    for node, args in enumerate(arguments):
        for arg in args:
            users[arg].append(node)
    ready = [node for node, left in enumerate(waits) if not left]  # ascending, so a heap
    order = []
    while ready:
        node = heapq.heappop(ready)
        order.append(node)
        for user in users[node]:
            waits[user] -= 1
            if not waits[user]:
                heapq.heappush(ready, user)
    return order


def reordered(graph: Columns, order: Sequence[int]) -> Columns:
    """Return the same graph, its nodes in another order; remembers the file's."""
    place = array("I", bytes(4 * len(order)))
    for new, old in enumerate(order):
        place[old] = new
    lists = [graph.arguments(old) for old in order]
    opcode = bytes(graph.opcode[old] for old in order)
    leaves = leaves_of(opcode)
    old_places = [graph.leaf_place[order[i]] for i in leaves]
    has = graph.has_data
    return Columns(
        opcode=opcode,
        first=starts(map(len, lists)),
        args=array("I", (place[arg] for args in lists for arg in args)),
        leaves=leaves,
        data=array("d", (graph.data[i] for i in old_places)),
        has_data=None if has is None else bytes(has[i] for i in old_places),
        ids=[graph.ids[old] for old in order],
        outputs=tuple(place[i] for i in graph.outputs),
        order=place,
        labels={place[i]: text for i, text in graph.labels.items()},
        docs={place[i]: text for i, text in graph.docs.items()},
        metas={place[i]: meta for i, meta in graph.metas.items()},
    )
