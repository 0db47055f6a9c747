"""Nodes as rows, one object per node as in JSON: reading them, and what is wrong with them.

Reading is quick and gives no reasons: it returns None if anything is not clean. Only then are the
faults searched, below.
"""

from __future__ import annotations

from array import array
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from mgraph.errors import Diagnostic, Path, quoted
from mgraph.format.fields import FIELDS
from mgraph.format.ids import are_ids
from mgraph.format.nodes import KnownIds, outputs_are_clean, unknown_op
from mgraph.format.numbers import doubles
from mgraph.format.texts import texts_are_clean
from mgraph.graph.columns import Columns, leaves_of, starts
from mgraph.graph.order import evaluation_order, reordered
from mgraph.ops import CONST, INPUT, LEAVES, NAMES, OPCODES, OPS, PARAM, can_take

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.codec import Reading

_NONE: Final[list[str]] = []
_SHOWN: Final = 8  # nodes of a cycle


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
        and outputs_are_clean(outputs)
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


def _in_order(graph: Columns) -> Columns | None:
    """Bring a graph from file order to evaluation order; None if it has a cycle."""
    if graph.passes.precede(graph.args, graph.first):
        return graph
    order = evaluation_order([graph.arguments(i) for i in range(len(graph))])
    return None if len(order) < len(graph) else reordered(graph, order)


# --- what is wrong ---------------------------------------------------------------------------


def known_ids(rows: object) -> KnownIds:
    """Collect the ids of nodes given as rows."""
    first: dict[str, int] = {}
    leaves: dict[str, bool] = {}
    complete = isinstance(rows, list)
    for i, row in enumerate(rows if isinstance(rows, list) else ()):
        name = row.get("id") if isinstance(row, dict) else None
        if not isinstance(name, str):
            complete = False
        elif name not in first:
            first[name] = i
            op = row.get("op")
            if not isinstance(op, str) or op not in OPS:
                leaves[name] = op != CONST
    return KnownIds(first, len(first), complete=complete, leaves=leaves)


def faults_of_rows(rows: list[Any], names: KnownIds) -> Iterator[Diagnostic]:
    """Find every fault of a graph given as rows."""
    if not rows:
        message, fix = "the graph has no nodes", 'a graph has at least one node, in "nodes"'
        yield Diagnostic("output", message, ("nodes",), expected="at least one", fix=fix)
    for i, row in enumerate(rows):
        if isinstance(row, dict):
            yield from _row_faults(row, i, names)
    yield from _cycle(rows, names)


def _row_faults(row: dict[str, Any], i: int, names: KnownIds) -> Iterator[Diagnostic]:
    path = ("nodes", i)
    name, op, args = row.get("id"), row.get("op"), row.get("args", [])
    who = f"node {quoted(name)}" if isinstance(name, str) else f"node {i}"
    if isinstance(name, str) and names.first[name] != i:
        message = f"two nodes have the id {quoted(name)}: number {names.first[name]} and number {i}"
        yield Diagnostic(
            "duplicate-id", message, (*path, "id"), expected="another id", fix="rename one of them"
        )
    if isinstance(args, list):
        for k, arg in enumerate(args):
            if isinstance(arg, str):
                yield from names.unknown("unknown-node", arg, (*path, "args", k), f"{who} uses")
    if isinstance(op, str):
        if op not in OPCODES:
            yield unknown_op(op, (*path, "op"), f"{who} uses", names.hints)
        else:
            meant_fields = names.hints.meant(row, FIELDS["node"])
            if isinstance(args, list) and "args" not in meant_fields:
                yield from _arity(op, len(args), who, (*path, "args") if "args" in row else path)
            if "data" not in meant_fields:
                yield from _leaf_data(op, "data" in row, who, path)


def _arity(op: str, count: int, who: str, path: Path) -> Iterator[Diagnostic]:
    if can_take(OPCODES[op], count):
        return
    message = f"{who} gives {op} {_arguments(count)}"
    if op in LEAVES:
        expected, fix = "none: it is a leaf", "take out the arguments, or name an op"
    elif OPS[op].fold:
        expected, fix = "at least one", ""
    else:
        expected = _arguments(OPS[op].inputs)
        fix = "use sum for many" if op == "add" else f"nest several {op}" if count > 1 else ""
    yield Diagnostic("arity", message, path, expected=expected, fix=fix)


def _arguments(count: int) -> str:
    return "no arguments" if not count else f"{count:,} argument{'s' if count > 1 else ''}"


def _leaf_data(op: str, has: bool, who: str, path: Path) -> Iterator[Diagnostic]:  # noqa: FBT001
    if op in OPS and has:
        message = f"{who} is computed by {op}, so it can't have data"
        fix = 'take it out; what runs gave stands in "runs"'
        yield Diagnostic("leaf-data", message, (*path, "data"), expected="no data", fix=fix)
    elif op in (PARAM, CONST) and not has:
        message = f"{who} is a {op} without data"
        yield Diagnostic("leaf-data", message, path, expected="data", fix='add "data": 0.0')


def _cycle(rows: list[Any], names: KnownIds) -> Iterator[Diagnostic]:
    """Print one cycle, if there is one, starting at its first node in the file."""
    arguments = [
        [(k, names.first[arg]) for k, arg in enumerate(_strings(row)) if arg in names.first]
        for row in rows
    ]
    done = evaluation_order([[arg for _, arg in args] for args in arguments])
    if len(done) == len(rows):
        return
    waiting = bytearray(b"\x01") * len(rows)
    for node in done:
        waiting[node] = 0
    node = waiting.index(1)
    seen: dict[int, int] = {}
    while node not in seen:  # each waiting node has an argument that waits
        seen[node] = len(seen)
        node = next(arg for _, arg in arguments[node] if waiting[arg])
    cycle = [*seen][seen[node] :]
    start = cycle.index(min(cycle))
    cycle = cycle[start:] + cycle[:start]
    following = cycle[1] if len(cycle) > 1 else cycle[0]
    place = next(k for k, arg in arguments[cycle[0]] if arg == following)
    yield cyclic([str(rows[i]["id"]) for i in cycle], ("nodes", cycle[0], "args", place))


def cyclic(names: list[str], path: Path) -> Diagnostic:
    """Say that nodes depend on themselves."""
    shown = [quoted(name) for name in names[:_SHOWN]]
    if len(names) > _SHOWN:
        shown.append(f"… {len(names) - _SHOWN:,} more")
    message = f"a node depends on itself: {' ← '.join([*shown, quoted(names[0])])}"
    expected, fix = "a graph without cycles", "break the cycle at one of these nodes"
    return Diagnostic("cycle", message, path, expected=expected, fix=fix)


def _strings(row: object) -> list[str | None]:
    """Return the arguments of a row; what is no string can't be on a cycle, but keeps its place."""
    fields = row if isinstance(row, dict) else {}
    args = fields.get("args")
    if not isinstance(args, list) or not isinstance(fields.get("id"), str):
        return []
    return [arg if isinstance(arg, str) else None for arg in args]
