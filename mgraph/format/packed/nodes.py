"""Packed nodes: reading them, writing them, and finding their faults."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from mgraph.codec import Limits, Reading, binary
from mgraph.errors import Diagnostic, Path, quoted
from mgraph.format.fields import FIELDS, over_limit
from mgraph.format.nodes import KnownIds, outputs_are_clean, unknown_op
from mgraph.format.numbers import canonical
from mgraph.format.packed.column import (
    from_sparse,
    read_column,
    read_sparse,
    sparse_faults,
    wrong_length,
)
from mgraph.format.packed.ids import id_faults, ids_from
from mgraph.format.texts import texts_are_clean
from mgraph.graph.columns import Columns, sparse
from mgraph.graph.ids import default_id, index_of
from mgraph.graph.passes import passes_for
from mgraph.graph.passes.plain import ARITY, FOLDS
from mgraph.ops import CONST, INPUT, LEAVES, NAMES, OPCODES, OPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mgraph.suggestions import Suggestions


def packed(graph: Columns) -> dict[str, Any]:
    """Return the nodes as columns of a msgpack file, for `binary.encode`, without empty ones."""
    columns = graph.declared()
    for name, texts in (("label", graph.labels), ("doc", graph.docs), ("meta", graph.metas)):
        if texts:
            nodes = sorted(texts)
            columns[name] = sparse(array("I", nodes), [texts[i] for i in nodes])
    return columns


def from_packed(
    nodes: Mapping[str, Any], outputs: Sequence[Any], reading: Reading
) -> Columns | None:
    """Read packed nodes; None if they or the outputs are not clean."""
    try:
        graph = _from_packed(nodes, outputs, reading)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError, OverflowError):
        return None
    return graph if _is_clean(graph, reading) else None


def _from_packed(nodes: Mapping[str, Any], outputs: Sequence[Any], reading: Reading) -> Columns:
    """Read packed nodes, without checking whether the columns fit each other.

    Raises:
        ValueError: Something is not clean; also the other errors that `from_packed` catches.
    """
    count = nodes["count"]
    if not reading.is_binary or type(count) is not int or not 0 < count <= reading.limits.nodes:
        raise ValueError
    if not all(_is_column(name, column) for name, column in nodes.items()):
        raise ValueError
    passes = passes_for(count)
    opcode = _opcodes(nodes["ops"], nodes["op"], count)
    stated = binary.from_little("I", nodes.get("arity", b""))
    if stated and not 0 < min(stated) <= max(stated) <= reading.limits.args:
        raise ValueError
    if not outputs_are_clean(outputs):
        raise ValueError
    ids = ids_from(*read_sparse(nodes.get("id", {}), count), count)
    index = index_of(ids)
    return Columns(
        opcode=opcode,
        first=passes.starts(opcode, stated),
        args=binary.from_little("I", nodes.get("args", b"")),
        leaves=passes.leaves(opcode),
        data=canonical(binary.from_little("d", nodes.get("data", b""))),
        has_data=nodes.get("has_data"),
        ids=ids,
        outputs=tuple(index[name] for name in outputs),
        labels=from_sparse(nodes.get("label", {}), count),
        docs=from_sparse(nodes.get("doc", {}), count),
        metas=from_sparse(nodes.get("meta", {}), count),
    )


def _opcodes(used: Any, column: bytes, count: int) -> bytes:  # noqa: ANN401 - any plain data
    """Return the opcodes of the nodes from the names of the ops used and indices into them.

    Raises:
        ValueError: They are not clean.
    """
    indices = bytes(range(len(used)))
    clean = len(column) == count and used == sorted({*used})
    if not clean or column.translate(None, indices) or not all(map(column.__contains__, indices)):
        raise ValueError
    return column.translate(bytes(OPCODES[name] for name in used).ljust(256))


def _is_clean(graph: Columns, reading: Reading) -> bool:
    """Whether columns fit each other and are a graph."""
    limits = reading.limits
    fixed = [code for code in range(len(NAMES)) if code in graph.opcode and code not in FOLDS]
    return (
        len(graph.args) == graph.first[-1]
        and len(graph.data) == len(graph.leaves)
        and all(ARITY[code] <= limits.args for code in fixed)
        and texts_are_clean(graph.labels, graph.docs, graph.metas, limits)
        and graph.passes.precede(graph.args, graph.first)
        and (graph.has_data is None or _blanks_are_clean(graph, graph.has_data))
    )


def _is_column(name: str, column: object) -> bool:
    """Whether a member of packed nodes is known and has the right type."""
    if name in ("count", "ops"):
        return True
    if name in ("id", "label", "doc", "meta"):
        return type(column) is dict and all(key in FIELDS["sparse"] for key in column)
    return name in FIELDS["nodes"] and type(column) is bytes


def _blanks_are_clean(graph: Columns, has: bytes) -> bool:
    """Whether the column `has_data` is clean, and says that a leaf has none."""
    return (
        len(has) == len(graph.leaves)
        and 0 in has
        and not has.translate(None, b"\0\1")
        and graph.passes.blanks_are_clean(graph.opcode, graph.leaves, graph.data, has)
    )


# --- faults ----------------------------------------------------------------------------------


def faults_of_packed(
    nodes: dict[str, Any], names: KnownIds, limits: Limits
) -> Iterator[Diagnostic]:
    """Find every fault of packed columns and of the graph in them."""
    count, used, column = nodes.get("count"), nodes.get("ops", []), nodes.get("op", b"")
    if type(count) is not int or not isinstance(used, list) or not isinstance(column, bytes):
        return
    if count == 0:
        message, fix = "the graph has no nodes", "a graph has at least one node"
        yield Diagnostic("output", message, ("nodes",), expected="at least one", fix=fix)
        return
    is_sound = len(column) == count and max(column) < len(used)
    yield from _table_faults(used, column if is_sound else None, names.hints)
    if len(column) != count:
        yield wrong_length("op", column, count)
        return
    beyond = [i for i, code in enumerate(column) if code >= len(used)]
    for i in beyond:
        message = f'opcode {column[i]} of node {i} is beyond the end of "ops"'
        expected = f"below {len(used)}"
        yield Diagnostic("packed", message, ("nodes", "op", i), expected=expected)
    yield from id_faults(nodes.get("id", {}), count, names)
    for name in ("label", "doc", "meta"):
        yield from sparse_faults(nodes.get(name, {}), ("nodes", name), count)
    if not beyond and all(isinstance(op, str) and op in OPCODES for op in used):
        yield from _argument_faults(nodes, [used[code] for code in column], limits.args)
        yield from _data_faults(nodes, [used[code] for code in column])


def _table_faults(
    used: list[Any], column: bytes | None, hints: Suggestions
) -> Iterator[Diagnostic]:
    before = ""
    for k, op in enumerate(used):
        path = ("nodes", "ops", k)
        if not isinstance(op, str):
            continue
        if op not in OPCODES:
            yield unknown_op(op, path, '"ops" names', hints)
        elif k and op <= before:
            message = f'{quoted(op)} comes after {quoted(before)} in "ops"'
            yield Diagnostic("packed", message, path, expected="each op once, in byte order")
        elif column is not None and k not in column:
            message = f'{quoted(op)} is in "ops", but no node uses it'
            yield Diagnostic("packed", message, path, expected="only ops that are used")
        before = op


def _argument_faults(nodes: dict[str, Any], ops: list[str], most: int) -> Iterator[Diagnostic]:
    """Find what is wrong with the columns arity and args, given sound columns of ops."""
    arity, args = read_column(nodes, "arity", "I"), read_column(nodes, "args", "I")
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
        message = f"node {node} uses node {arg:,}, which does not exist"
        yield Diagnostic("unknown-node", message, path, expected=f"below {node:,}")
    elif arg >= node:
        message = f"node {node} uses node {arg}, which does not come before it"
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
    for i, (flag, op) in enumerate(zip(has, leaves, strict=True)):
        if flag > 1:
            message = f"{flag} for leaf {i}"
            yield Diagnostic("packed", message, ("nodes", "has_data", i), expected="0 or 1")
        elif not flag and op != INPUT:
            message = f"leaf {i} is a {op} without data"
            yield Diagnostic("leaf-data", message, ("nodes", "has_data", i), expected="1")
        elif not flag and isinstance(raw, bytes) and raw[8 * i : 8 * i + 8] != bytes(8):
            message = f"leaf {i} has no data, but its number is not +0.0"
            yield Diagnostic("packed", message, ("nodes", "data", i), expected="+0.0")


def known_ids(nodes: dict[str, Any]) -> KnownIds:
    """Collect the ids of packed nodes."""
    count, column = nodes.get("count"), nodes.get("op")
    if type(count) is not int or type(column) is not bytes or not 0 <= count <= len(column):
        return KnownIds({}, 0, is_complete=False, leaves={})
    ids = nodes.get("id", {})
    at = read_column(ids, "at", "I") if isinstance(ids, dict) else None
    values = ids.get("value", []) if isinstance(ids, dict) else None
    if at is None or not isinstance(values, list) or len(at) != len(values):
        return KnownIds({}, 0, is_complete=False, leaves={})
    own = {i: name for i, name in zip(at, values, strict=True) if isinstance(name, str)}
    first: dict[str, int] = {}
    for i in range(count):
        first.setdefault(own.get(i, default_id(i)), i)
    is_complete = len(own) == len(values)
    return KnownIds(first, count, is_complete=is_complete, leaves=_leaves_of(nodes, first))


def _leaves_of(nodes: dict[str, Any], first: dict[str, int]) -> dict[str, bool]:
    used, column = nodes.get("ops"), nodes.get("op")
    if not isinstance(used, list) or not isinstance(column, bytes):
        return dict.fromkeys(first, True)
    ops = [used[code] if code < len(used) else None for code in column]
    return {
        name: ops[i] != CONST
        for name, i in first.items()
        if i < len(ops) and not (isinstance(ops[i], str) and ops[i] in OPS)
    }
