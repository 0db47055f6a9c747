"""The checker that speaks: every fault of a graph, in plain loops over plain data.

It runs on documents that are not clean, so it takes nothing for granted, and passes over what
the shape's checker has reported already.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any, Final

from mgraph import FORMAT_VERSION
from mgraph.codec import binary
from mgraph.errors import Diagnostic, Path, quoted
from mgraph.graph.ids import default_id
from mgraph.graph.rows import evaluation_order
from mgraph.ops import CONST, INPUT, LEAVES, OPCODES, OPS, PARAM, can_take
from mgraph.schema.fields import FIELDS, Hints, did_you_mean, over_limit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mgraph.codec import Limits

_SHOWN: Final = 8


class Names:
    """The ids of a document that is not clean, and whether they are all known."""

    def __init__(
        self, first: dict[str, int], count: int, *, complete: bool, leaves: dict[str, bool]
    ) -> None:
        """Remember where each id stands first, and of each leaf whether a run may set it."""
        self.first = first
        self.count = count
        self.complete = complete
        self.leaves = leaves
        self.hints = Hints()

    def unknown(self, code: str, name: str, path: Path, what: str) -> Iterator[Diagnostic]:
        """Report a name that is no node, unless it may be one whose id could not be read."""
        if name in self.first or not self.complete:
            return
        fix = did_you_mean(self.hints.closest(name, self.first)) or "declare it, or name another"
        message = f"{what} {quoted(name)}, which is no node of this graph"
        yield Diagnostic(code, message, path, expected="the id of a node", fix=fix)


def names_of(document: Mapping[str, Any]) -> Names:
    """Collect the ids of a document."""
    nodes = document.get("nodes")
    if isinstance(nodes, dict):
        return _packed_names(nodes)
    first: dict[str, int] = {}
    leaves: dict[str, bool] = {}
    complete = isinstance(nodes, list)
    for i, row in enumerate(nodes if isinstance(nodes, list) else ()):
        name = row.get("id") if isinstance(row, dict) else None
        if not isinstance(name, str):
            complete = False
        elif name not in first:
            first[name] = i
            op = row.get("op")
            if not isinstance(op, str) or op not in OPS:
                leaves[name] = op != CONST
    return Names(first, len(first), complete=complete, leaves=leaves)


# --- rows ------------------------------------------------------------------------------------


def faults_of_rows(rows: list[Any], names: Names) -> Iterator[Diagnostic]:
    """Find every fault of a graph given as rows."""
    if not rows:
        message, fix = "the graph has no nodes", 'a graph has at least one node, in "nodes"'
        yield Diagnostic("output", message, ("nodes",), expected="at least one", fix=fix)
    for i, row in enumerate(rows):
        if isinstance(row, dict):
            yield from _row_faults(row, i, names)
    yield from _cycle(rows, names)


def _row_faults(row: dict[str, Any], i: int, names: Names) -> Iterator[Diagnostic]:
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
            yield _unknown_op(op, (*path, "op"), f"{who} uses", names.hints)
        else:
            meant_fields = names.hints.meant(row, FIELDS["node"])
            if isinstance(args, list) and "args" not in meant_fields:
                yield from _arity(op, len(args), who, (*path, "args") if "args" in row else path)
            if "data" not in meant_fields:
                yield from _leaf_data(op, "data" in row, who, path)


def _unknown_op(op: str, path: Path, who: str, hints: Hints) -> Diagnostic:
    """Say that the format has no such op."""
    message = f"{who} op {quoted(op)}, which format {FORMAT_VERSION} lacks"
    known = "one of " + ", ".join(OPCODES)
    fix = did_you_mean(hints.closest(op, OPCODES)) or "`mgraph ops` lists what there is"
    return Diagnostic("unknown-op", message, path, expected=known, fix=fix)


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


def _cycle(rows: list[Any], names: Names) -> Iterator[Diagnostic]:
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


def output_faults(outputs: list[Any], names: Names) -> Iterator[Diagnostic]:
    """Find what is wrong with the outputs, if there are any nodes."""
    if not names.first and names.complete:
        return
    if not outputs:
        fix = "name the node whose value is the result"
        yield Diagnostic(
            "output", "the graph has no output", ("outputs",), expected="at least one", fix=fix
        )
    seen: dict[str, int] = {}
    for k, name in enumerate(outputs):
        if not isinstance(name, str):
            continue
        if name in seen:
            message = f"the output {quoted(name)} is named twice"
            yield Diagnostic("output", message, ("outputs", k), expected="each output once")
        seen[name] = k
        yield from names.unknown("output", name, ("outputs", k), "outputs names")


# --- packed ----------------------------------------------------------------------------------


def column_of(members: Mapping[str, Any], name: str, typecode: str) -> array[Any] | None:
    """Read a packed column, or None if it isn't one."""
    data = members.get(name, b"")
    if not isinstance(data, bytes) or len(data) % array(typecode).itemsize:
        return None
    return binary.from_little(typecode, data)


def _packed_names(nodes: dict[str, Any]) -> Names:
    count, column = nodes.get("count"), nodes.get("op")
    if type(count) is not int or type(column) is not bytes or not 0 <= count <= len(column):
        return Names({}, 0, complete=False, leaves={})
    ids = nodes.get("id", {})
    at = column_of(ids, "at", "I") if isinstance(ids, dict) else None
    values = ids.get("value", []) if isinstance(ids, dict) else None
    if at is None or not isinstance(values, list) or len(at) != len(values):
        return Names({}, 0, complete=False, leaves={})
    own = {i: name for i, name in zip(at, values, strict=True) if isinstance(name, str)}
    first: dict[str, int] = {}
    for i in range(count):
        first.setdefault(own.get(i, default_id(i)), i)
    complete = len(own) == len(values)
    return Names(first, count, complete=complete, leaves=_packed_leaves(nodes, first))


def _packed_leaves(nodes: dict[str, Any], first: dict[str, int]) -> dict[str, bool]:
    used, column = nodes.get("ops"), nodes.get("op")
    if not isinstance(used, list) or not isinstance(column, bytes):
        return dict.fromkeys(first, True)
    ops = [used[code] if code < len(used) else None for code in column]
    return {
        name: ops[i] != CONST
        for name, i in first.items()
        if i < len(ops) and not (isinstance(ops[i], str) and ops[i] in OPS)
    }


def faults_of_packed(nodes: dict[str, Any], names: Names, limits: Limits) -> Iterator[Diagnostic]:
    """Find every fault of packed columns and of the graph in them."""
    count, used, column = nodes.get("count"), nodes.get("ops", []), nodes.get("op", b"")
    if type(count) is not int or not isinstance(used, list) or not isinstance(column, bytes):
        return
    if count == 0:
        message, fix = "the graph has no nodes", "a graph has at least one node"
        yield Diagnostic("output", message, ("nodes",), expected="at least one", fix=fix)
        return
    sound = len(column) == count and max(column) < len(used)
    yield from _table_faults(used, column if sound else None, names.hints)
    if len(column) != count:
        yield wrong_length("op", column, count)
        return
    beyond = [i for i, code in enumerate(column) if code >= len(used)]
    for i in beyond:
        message = f"opcode {column[i]} of node {i} is outside the op table"
        expected = f"below {len(used)}"
        yield Diagnostic("packed", message, ("nodes", "op", i), expected=expected)
    yield from _id_faults(nodes.get("id", {}), count, names)
    for name in ("label", "doc", "meta"):
        yield from sparse_faults(nodes.get(name, {}), ("nodes", name), count)
    if not beyond and all(isinstance(op, str) and op in OPCODES for op in used):
        yield from _argument_faults(nodes, [used[code] for code in column], limits.args)
        yield from _data_faults(nodes, [used[code] for code in column])


def _table_faults(used: list[Any], column: bytes | None, hints: Hints) -> Iterator[Diagnostic]:
    before = ""
    for k, op in enumerate(used):
        path = ("nodes", "ops", k)
        if not isinstance(op, str):
            continue
        if op not in OPCODES:
            yield _unknown_op(op, path, "the op table names", hints)
        elif k and op <= before:
            message = f"{quoted(op)} stands behind {quoted(before)} in the op table"
            yield Diagnostic("packed", message, path, expected="each op once, in byte order")
        elif column is not None and k not in column:
            message = f"{quoted(op)} is in the op table, but no node uses it"
            yield Diagnostic("packed", message, path, expected="only ops that are used")
        before = op


def wrong_length(name: str, column: bytes, expected: int, path: Path = ("nodes",)) -> Diagnostic:
    """Say that a column has not the length that follows from the others."""
    message = f"the column {quoted(name)} has {len(column):,} bytes"
    return Diagnostic("packed", message, (*path, name), expected=f"{expected:,} bytes")


def sparse_faults(column: object, path: Path, count: int) -> Iterator[Diagnostic]:
    """Find what is wrong with a column of some nodes: its indices and its length."""
    if not isinstance(column, dict) or not column:
        return
    at, values = column_of(column, "at", "I"), column.get("value", [])
    if at is None:
        if isinstance(column["at"], bytes):
            yield wrong_length("at", column["at"], len(column["at"]) // 4 * 4, path)
        return
    if isinstance(values, list) and (len(values) != len(at) or not at):
        message = f"{len(at):,} indices for {len(values):,} values"
        expected = "as many, and at least one"
        yield Diagnostic("packed", message, (*path, "at"), expected=expected)
    yield from index_faults(at, (*path, "at"), count)


def index_faults(at: array[int], path: Path, count: int) -> Iterator[Diagnostic]:
    """Find the indices that do not ascend strictly below `count`."""
    before = -1
    for k, node in enumerate(at):
        if node >= count:
            message = f"index {node:,} is beyond the last node"
            yield Diagnostic("packed", message, (*path, k), expected=f"below {count:,}")
        elif node <= before:
            message = f"index {node:,} follows {before:,}"
            yield Diagnostic("packed", message, (*path, k), expected="ascending indices")
        before = max(before, node)


def _id_faults(ids: object, count: int, names: Names) -> Iterator[Diagnostic]:
    yield from sparse_faults(ids, ("nodes", "id"), count)
    at = column_of(ids, "at", "I") if isinstance(ids, dict) else None
    values = ids.get("value", []) if isinstance(ids, dict) else None
    if at is None or not isinstance(values, list):
        return
    for k, (node, name) in enumerate(zip(at, values, strict=False)):
        if name == default_id(node):
            message = f"node {node} has the default id {quoted(name)}, written out"
            expected = "only ids that are not the default"
            yield Diagnostic("packed", message, ("nodes", "id", "value", k), expected=expected)
    written = {node: k for k, node in enumerate(at)}
    for node in range(count):
        place = written.get(node)
        name = default_id(node) if place is None else values[place] if place < len(values) else None
        first = names.first.get(name, node) if isinstance(name, str) else node
        if first != node:
            message = f"two nodes have the id {quoted(name)}: number {first} and number {node}"
            shown = place if place is not None else written[first]  # of two, one is written out
            path = ("nodes", "id", "value", shown)
            yield Diagnostic("duplicate-id", message, path, expected="another id")


def _argument_faults(nodes: dict[str, Any], ops: list[str], most: int) -> Iterator[Diagnostic]:
    """Find what is wrong with the columns arity and args, all columns else being sound."""
    arity, args = column_of(nodes, "arity", "I"), column_of(nodes, "args", "I")
    folds = [i for i, op in enumerate(ops) if op in OPS and OPS[op].fold]
    if arity is None or len(arity) != len(folds):
        if isinstance(nodes.get("arity", b""), bytes):
            yield wrong_length("arity", nodes.get("arity", b""), 4 * len(folds))
        return
    counts = [OPS[op].inputs if op in OPS else 0 for op in ops]
    for k, (node, count) in enumerate(zip(folds, arity, strict=True)):
        counts[node] = count
        if not count:
            message = f"node {node} gives {ops[node]} no arguments"
            yield Diagnostic("arity", message, ("nodes", "arity", k), expected="at least one")
    if args is None or len(args) != sum(counts):
        if isinstance(nodes.get("args", b""), bytes):
            yield wrong_length("args", nodes.get("args", b""), 4 * sum(counts))
        return
    at = 0
    for node, count in enumerate(counts):
        if count > most:
            yield over_limit(("nodes", "args", at), "args", f"{count:,} args", most)
        for k in range(at, at + count):
            yield from _packed_argument(node, args[k], ("nodes", "args", k), len(ops))
        at += count


def _packed_argument(node: int, arg: int, path: Path, count: int) -> Iterator[Diagnostic]:
    if arg >= count:
        message = f"node {node} uses node {arg:,}, which is not there"
        yield Diagnostic("unknown-node", message, path, expected=f"below {node:,}")
    elif arg >= node:
        message = f"node {node} uses node {arg}, which does not stand before it"
        expected = "arguments before their users in a packed file"
        yield Diagnostic("cycle", message, path, expected=expected)


def _data_faults(nodes: dict[str, Any], ops: list[str]) -> Iterator[Diagnostic]:
    leaves = [op for op in ops if op in LEAVES]
    has, raw = nodes.get("has_data"), nodes.get("data", b"")
    if isinstance(raw, bytes) and len(raw) != 8 * len(leaves):
        yield wrong_length("data", raw, 8 * len(leaves))
        return
    if not isinstance(has, bytes):
        return
    if len(has) != len(leaves):
        yield wrong_length("has_data", has, len(leaves))
        return
    if 0 not in has:
        message = "every leaf has data, so the column says nothing"
        yield Diagnostic("packed", message, ("nodes", "has_data"), expected="no such column")
    for i, (here, op) in enumerate(zip(has, leaves, strict=True)):
        if here > 1:
            message = f"{here} for leaf {i}"
            yield Diagnostic("packed", message, ("nodes", "has_data", i), expected="0 or 1")
        elif not here and op != INPUT:
            message = f"leaf {i} is a {op} without data"
            yield Diagnostic("leaf-data", message, ("nodes", "has_data", i), expected="1")
        elif not here and isinstance(raw, bytes) and raw[8 * i : 8 * i + 8] != bytes(8):
            message = f"leaf {i} has no data, but the column has a number for it"
            yield Diagnostic("packed", message, ("nodes", "data", i), expected="+0.0 there")
