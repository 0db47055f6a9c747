"""Nodes as a list of objects, as in JSON: reading them, and finding their faults.

Reading is quick and gives no reasons: it returns None if anything is not clean. Only then does
the second half of this module look for the faults.
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
_SHOWN: Final = 8  # nodes of a cycle that are listed


def from_objects(nodes: Any, outputs: Any, reading: Reading) -> Columns | None:  # noqa: ANN401
    """Read nodes given as objects; None if they or the outputs are not clean."""
    try:
        return _from_objects(nodes, outputs, reading)
    except (KeyError, TypeError, AttributeError):
        return None


def _from_objects(
    nodes: list[dict[str, Any]], outputs: list[str], reading: Reading
) -> Columns | None:
    count, limits = len(nodes), reading.limits
    if not 0 < count <= limits.nodes or {*map(type, nodes)} != {dict}:
        return None
    ids = [node["id"] for node in nodes]
    index = dict(zip(ids, range(count), strict=True))
    opcode = bytes(map(OPCODES.__getitem__, [node["op"] for node in nodes]))
    lists = [node.get("args", _NONE) for node in nodes]
    args = array("I", map(index.__getitem__, chain.from_iterable(lists)))
    counts = [*map(len, lists)]
    has = bytes("data" in node for node in nodes)
    data = doubles([node["data"] for node in nodes if "data" in node], bare=reading.is_binary)
    texts = [
        {i: node[field] for i, node in enumerate(nodes) if field in node}
        for field in ("label", "doc", "meta")
    ]
    clean = (
        {*map(type, ids)} == {str}
        and len(index) == count
        and are_ids(ids)
        and {*map(type, lists)} == {list}
        and max(counts) <= limits.args
        and all(can_take(code, number) for code, number in {*zip(opcode, counts, strict=True)})
        and all(_may_have(code, has_data) for code, has_data in {*zip(opcode, has, strict=True)})
        and _has_known_fields_only(nodes, has, texts)
        and texts_are_clean(texts[0], texts[1], texts[2], limits)
        and outputs_are_clean(outputs)
    )
    if data is None or not clean:
        return None
    leaves = leaves_of(opcode)
    leaf_has = bytes(has[i] for i in leaves)
    if 0 in leaf_has:
        given = iter(data)
        data = array("d", (next(given) if has_data else 0.0 for has_data in leaf_has))
    return _in_order(
        Columns(
            opcode=opcode,
            first=starts(counts),
            args=args,
            leaves=leaves,
            data=data,
            has_data=leaf_has if 0 in leaf_has else None,
            ids=ids,
            outputs=tuple(index[name] for name in outputs),
            labels=texts[0],
            docs=texts[1],
            metas=texts[2],
        )
    )


def _may_have(code: int, has_data: int) -> bool:
    """Whether a node of this op may have data, or lack it."""
    name = NAMES[code]
    return name == INPUT or bool(has_data) == (name in LEAVES)


def _has_known_fields_only(
    nodes: list[dict[str, Any]], has: bytes, texts: list[dict[int, Any]]
) -> bool:
    """Whether the nodes have no unknown fields: the known ones add up to all."""
    known = 2 * len(nodes) + sum("args" in node for node in nodes) + has.count(1)
    return sum(map(len, nodes)) == known + sum(map(len, texts))


def _in_order(graph: Columns) -> Columns | None:
    """Bring a graph from file order to evaluation order; None if it has a cycle."""
    if graph.passes.precede(graph.args, graph.first):
        return graph
    order = evaluation_order([graph.arguments(i) for i in range(len(graph))])
    return None if len(order) < len(graph) else reordered(graph, order)


# --- faults ----------------------------------------------------------------------------------


def known_ids(nodes: object) -> KnownIds:
    """Collect the ids of nodes given as objects."""
    first: dict[str, int] = {}
    leaves: dict[str, bool] = {}
    is_complete = isinstance(nodes, list)
    for i, node in enumerate(nodes if isinstance(nodes, list) else ()):
        name = node.get("id") if isinstance(node, dict) else None
        if not isinstance(name, str):
            is_complete = False
        elif name not in first:
            first[name] = i
            op = node.get("op")
            if not isinstance(op, str) or op not in OPS:
                leaves[name] = op != CONST
    return KnownIds(first, len(first), is_complete=is_complete, leaves=leaves)


def faults_of_objects(nodes: list[Any], names: KnownIds) -> Iterator[Diagnostic]:
    """Find every fault of a graph whose nodes are objects."""
    if not nodes:
        message, fix = "the graph has no nodes", 'a graph has at least one node, in "nodes"'
        yield Diagnostic("output", message, ("nodes",), expected="at least one", fix=fix)
    for i, node in enumerate(nodes):
        if isinstance(node, dict):
            yield from _node_faults(node, i, names)
    yield from _cycle_faults(nodes, names)


def _node_faults(node: dict[str, Any], i: int, names: KnownIds) -> Iterator[Diagnostic]:
    path = ("nodes", i)
    name, op, args = node.get("id"), node.get("op"), node.get("args", [])
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
            meant_fields = names.hints.meant_fields(node, FIELDS["node"])
            if isinstance(args, list) and "args" not in meant_fields:
                args_path = (*path, "args") if "args" in node else path
                yield from _arity_faults(op, len(args), who, args_path)
            if "data" not in meant_fields:
                yield from _data_faults(op, "data" in node, who, path)


def _arity_faults(op: str, count: int, who: str, path: Path) -> Iterator[Diagnostic]:
    if can_take(OPCODES[op], count):
        return
    message = f"{who} gives {op} {_arguments(count)}"
    if op in LEAVES:
        expected, fix = "none: it is a leaf", "remove the arguments, or name an op"
    elif OPS[op].fold:
        expected, fix = "at least one", ""
    else:
        expected, fix = _arguments(OPS[op].inputs), _arity_fix(op, count)
    yield Diagnostic("arity", message, path, expected=expected, fix=fix)


_FOR_ONE: Final = {"add": "; sum takes any number", "sub": "; neg changes the sign of one"}


def _arity_fix(op: str, count: int) -> str:
    """Say what to do with the wrong number of arguments of an op that is not a fold."""
    if not count:
        return 'list the ids of its arguments in "args"'
    if count == 1:
        return f"add a second argument{_FOR_ONE.get(op, '')}"
    if OPS[op].inputs == 1:
        return f"give each argument a {op} node of its own"
    return "use sum to add several" if op == "add" else f"nest several {op} nodes"


def _arguments(count: int) -> str:
    return "no arguments" if not count else f"{count:,} argument{'s' if count > 1 else ''}"


def _data_faults(op: str, has: bool, who: str, path: Path) -> Iterator[Diagnostic]:  # noqa: FBT001
    if op in OPS and has:
        message = f"{who} is computed by {op}, so it can't have data"
        fix = 'remove it; the results of runs belong in "runs"'
        yield Diagnostic("leaf-data", message, (*path, "data"), expected="no data", fix=fix)
    elif op in (PARAM, CONST) and not has:
        message = f"{who} is a {op} without data"
        yield Diagnostic("leaf-data", message, path, expected="data", fix='add "data": 0.0')


def _cycle_faults(nodes: list[Any], names: KnownIds) -> Iterator[Diagnostic]:
    """Report one cycle, if there is one, starting at its first node in the file."""
    arguments = [
        [(k, names.first[arg]) for k, arg in enumerate(_strings(node)) if arg in names.first]
        for node in nodes
    ]
    done = evaluation_order([[arg for _, arg in args] for args in arguments])
    if len(done) == len(nodes):
        return
    waiting = bytearray(b"\x01") * len(nodes)
    for node in done:
        waiting[node] = 0
    node = waiting.index(1)
    seen: dict[int, int] = {}
    while node not in seen:  # every waiting node has a waiting argument
        seen[node] = len(seen)
        node = next(arg for _, arg in arguments[node] if waiting[arg])
    cycle = [*seen][seen[node] :]
    start = cycle.index(min(cycle))
    cycle = cycle[start:] + cycle[:start]
    following = cycle[1] if len(cycle) > 1 else cycle[0]
    k = next(k for k, arg in arguments[cycle[0]] if arg == following)
    yield _cycle([str(nodes[i]["id"]) for i in cycle], ("nodes", cycle[0], "args", k))


def _cycle(names: list[str], path: Path) -> Diagnostic:
    shown = [quoted(name) for name in names[:_SHOWN]]
    if len(names) > _SHOWN:
        shown.append(f"… {len(names) - _SHOWN:,} more")
    message = f"a node depends on itself: {' ← '.join([*shown, quoted(names[0])])}"
    expected, fix = "a graph without cycles", "break the cycle at one of these nodes"
    return Diagnostic("cycle", message, path, expected=expected, fix=fix)


def _strings(node: object) -> list[str | None]:
    """Return the arguments of a node, with None for what is not a string."""
    fields = node if isinstance(node, dict) else {}
    args = fields.get("args")
    if not isinstance(args, list) or not isinstance(fields.get("id"), str):
        return []
    return [arg if isinstance(arg, str) else None for arg in args]
