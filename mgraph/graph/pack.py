"""Columns to the packed form of a file and back, and the canonical hash."""

from __future__ import annotations

from array import array
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from mgraph.codec import binary
from mgraph.graph.columns import Columns
from mgraph.graph.ids import ids_from, index_of
from mgraph.graph.numbers import canonical
from mgraph.graph.passes import ARITY, FOLDS, passes_for
from mgraph.graph.rows import texts_are_clean
from mgraph.ops import NAMES, OPCODES
from mgraph.schema.fields import FIELDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgraph.codec import Reading

HASH_NAME: Final = "mgraph1-sha256:"


def packed(graph: Columns) -> dict[str, Any]:
    """Return the nodes as the columns of a msgpack file, for `binary.encode`; no empty ones."""
    used = sorted((name for code, name in enumerate(NAMES) if code in graph.opcode))
    table = bytearray(256)
    for place, name in enumerate(used):
        table[OPCODES[name]] = place
    named, names = graph.own_ids
    columns: dict[str, Any] = {
        "op": graph.opcode.translate(bytes(table)),
        "arity": graph.passes.stated_arity(graph.opcode, graph.first),
        "args": graph.args,
        "data": canonical(graph.data),
        "has_data": graph.has_data or b"",
        "id": sparse(named, names),
    }
    for name, texts in (("label", graph.labels), ("doc", graph.docs), ("meta", graph.metas)):
        nodes = sorted(texts)
        columns[name] = sparse(array("I", nodes), [texts[i] for i in nodes])
    full = {name: column for name, column in columns.items() if column}
    return {"count": len(graph), "ops": used, **full}


def sparse(at: array[int], values: Sequence[Any]) -> dict[str, Any]:
    """Return values of some nodes, ascending, as a packed column; empty if there are none."""
    return {"at": at, "value": values} if at else {}


def hash_of(graph: Columns) -> str:
    """Return the canonical hash of the declared graph.

    It covers ops, arguments, leaf data, ids, evaluation order and outputs; no texts, no runs.
    It is worked out once.
    """
    if graph.known_hash:
        return graph.known_hash[0]
    nodes = packed(graph)
    for name in ("label", "doc", "meta"):
        nodes.pop(name, None)
    outputs = [graph.ids[i] for i in graph.outputs]
    digest = sha256(usedforsecurity=False)
    for chunk in binary.encode({"nodes": nodes, "outputs": outputs}):
        digest.update(chunk)
    graph.known_hash.append(HASH_NAME + digest.hexdigest())
    return graph.known_hash[0]


def from_packed(
    nodes: Mapping[str, Any], outputs: Sequence[Any], reading: Reading
) -> Columns | None:
    """Read packed nodes; None means: look again, something is not clean."""
    try:
        graph = _from_packed(nodes, outputs, reading)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError, OverflowError):
        return None
    return graph if _is_clean(graph, reading) else None


def _from_packed(nodes: Mapping[str, Any], outputs: Sequence[Any], reading: Reading) -> Columns:
    """Read packed nodes whose columns fit each other.

    Raises:
        ValueError: Something is not clean; also any of those that `from_packed` names.
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
    if type(outputs) is not list:
        raise ValueError
    ids = ids_from(*_sparse(nodes.get("id", {}), count), count)
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
    """Return the opcodes of the nodes from a table of ops and places in it.

    Raises:
        ValueError: It is not clean.
    """
    places = bytes(range(len(used)))
    clean = len(column) == count and used == sorted({*used})
    if not clean or column.translate(None, places) or not all(map(column.__contains__, places)):
        raise ValueError
    return column.translate(bytes(OPCODES[name] for name in used).ljust(256))


def _is_clean(graph: Columns, reading: Reading) -> bool:
    """Whether columns that fit each other are a graph."""
    limits = reading.limits
    fixed = [code for code in range(len(NAMES)) if code in graph.opcode and code not in FOLDS]
    return (
        len(graph.args) == graph.first[-1]
        and len(graph.data) == len(graph.leaves)
        and 0 < len(graph.outputs) == len({*graph.outputs})
        and all(ARITY[code] <= limits.args for code in fixed)
        and texts_are_clean(graph.labels, graph.docs, graph.metas, limits)
        and graph.passes.precede(graph.args, graph.first)
        and (graph.has_data is None or _blanks_are_clean(graph, graph.has_data))
    )


def _is_column(name: str, column: object) -> bool:
    """Whether a member of packed nodes is there and of the right type."""
    if name in ("count", "ops"):
        return True
    if name in ("id", "label", "doc", "meta"):
        return type(column) is dict and all(key in FIELDS["sparse"] for key in column)
    return name in FIELDS["nodes"] and type(column) is bytes


def _blanks_are_clean(graph: Columns, has: bytes) -> bool:
    """Whether the column that says which leaves have data is clean, and has something to say."""
    return (
        len(has) == len(graph.leaves)
        and 0 in has
        and not has.translate(None, b"\0\1")
        and graph.passes.blanks_are_clean(graph.opcode, graph.leaves, graph.data, has)
    )


def from_sparse(column: Mapping[str, Any], count: int) -> dict[int, Any]:
    """Read a packed column of some nodes.

    Raises:
        ValueError: It is not clean.
    """
    return dict(zip(*_sparse(column, count), strict=True))


def _sparse(column: Mapping[str, Any], count: int) -> tuple[array[int], Any]:
    at = binary.from_little("I", column.get("at", b""))
    values = column.get("value", [])
    if (
        not isinstance(values, (list, binary.Texts))
        or len(at) != len(values)
        or (column and not at)
        or not passes_for(len(at)).ascends(at, count)
    ):
        raise ValueError
    return at, values
