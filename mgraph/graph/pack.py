"""Columns to the packed form of a file and back, and the canonical hash."""

from __future__ import annotations

from array import array
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from mgraph.codec import binary
from mgraph.graph.columns import Columns, leaves_of, named, own_ids, starts
from mgraph.graph.numbers import canonical
from mgraph.graph.rows import texts_are_clean
from mgraph.ops import NAMES, OPCODES, OPS, can_take, is_leaf
from mgraph.schema.fields import FIELDS, are_ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mgraph.codec import Reading

HASH_NAME: Final = "mgraph1-sha256:"

_FIXED: Final = bytes(
    code for code, name in enumerate(NAMES) if is_leaf(code) or not OPS[name].fold
)
_ARITY: Final = array("I", (0 if is_leaf(i) else OPS[name].inputs for i, name in enumerate(NAMES)))


def packed(graph: Columns) -> dict[str, Any]:
    """Return the nodes as the columns of a msgpack file; empty columns are left out."""
    used = sorted((name for code, name in enumerate(NAMES) if code in graph.opcode))
    table = bytearray(256)
    for place, name in enumerate(used):
        table[OPCODES[name]] = place
    own = own_ids(graph.ids)
    columns = {
        "op": graph.opcode.translate(bytes(table)),
        "arity": binary.little(_stated_arity(graph)),
        "args": binary.little(graph.args),
        "data": binary.little(canonical(graph.data)),
        "has_data": graph.has_data or b"",
        "id": sparse(own),
        "label": sparse(graph.labels),
        "doc": sparse(graph.docs),
        "meta": sparse(graph.metas),
    }
    full = {name: column for name, column in columns.items() if column}
    return {"count": len(graph), "ops": used, **full}


def sparse(values: Mapping[int, Any]) -> dict[str, Any]:
    """Return values of some nodes as a packed column; empty if there are none."""
    if not values:
        return {}
    nodes = sorted(values)
    return {"at": binary.little(array("I", nodes)), "value": [values[i] for i in nodes]}


def _stated_arity(graph: Columns) -> array[int]:
    """Return how many arguments each node has whose op does not say it."""
    if not graph.opcode.translate(None, _FIXED):
        return array("I")
    pairs = zip(graph.opcode, pairwise_sizes(graph.first), strict=True)
    return array("I", (count for code, count in pairs if code not in _FIXED))


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
        return _from_packed(nodes, outputs, reading)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError, OverflowError):
        return None


def _from_packed(
    nodes: Mapping[str, Any], outputs: Sequence[Any], reading: Reading
) -> Columns | None:
    count, used, column = nodes["count"], nodes["ops"], nodes["op"]
    limits = reading.limits
    codes = [OPCODES[name] for name in used]
    if (
        not reading.is_binary
        or type(count) is not int
        or not 0 < count <= limits.nodes
        or len(column) != count
    ):
        return None
    if sorted({*used}) != used or not all(_is_column(name, nodes[name]) for name in nodes):
        return None
    if [i for i in range(256) if i in column] != [*range(len(used))]:
        return None
    opcode = column.translate(bytes(codes) + bytes(256 - len(codes)))
    counts = _counts(opcode, binary.from_little("I", nodes.get("arity", b"")))
    args = binary.from_little("I", nodes.get("args", b""))
    first = starts(counts)
    leaves = leaves_of(opcode)
    data = binary.from_little("d", nodes.get("data", b""))
    has_data: bytes | None = nodes.get("has_data")
    own = from_sparse(nodes.get("id", {}), count)
    names = named(own, count)
    index = {name: i for i, name in enumerate(names)}
    graph = Columns(
        opcode, first, args, leaves, canonical(data), has_data, names,
        tuple(index[name] for name in outputs), None,
        *(from_sparse(nodes.get(key, {}), count) for key in ("label", "doc", "meta")),
    )  # fmt: skip
    clean = (
        len(args) == first[-1]
        and len(data) == len(leaves)
        and len(index) == count
        and len({*graph.outputs}) == len(outputs) > 0
        and len({*map(type, outputs)} | {str}) == 1
        and all(name != f"n{i}" for i, name in own.items())
        and {*map(type, own.values())} <= {str}
        and are_ids([*own.values()])
        and texts_are_clean(graph.labels, graph.docs, graph.metas, limits)
        and max(pairwise_sizes(first)) <= limits.args
        and all(arg < user for arg, user in zip(args, graph.users(), strict=True))
        and _data_is_clean(graph)
    )
    return graph if clean else None


def _is_column(name: str, column: object) -> bool:
    """Whether a member of packed nodes is there and of the right type."""
    if name in ("count", "ops"):
        return True
    if name in ("id", "label", "doc", "meta"):
        return type(column) is dict and all(key in FIELDS["sparse"] for key in column)
    return name in FIELDS["nodes"] and type(column) is bytes


def pairwise_sizes(first: array[int]) -> Iterator[int]:
    """Yield how many arguments each node has, from where they begin."""
    return (b - a for a, b in pairwise(first))


def _counts(opcode: bytes, stated: array[int]) -> Iterable[int]:
    """Return how many arguments each node has, the stated ones filled in."""
    if not stated and not opcode.translate(None, _FIXED):
        return map(_ARITY.__getitem__, opcode)
    rest = iter(stated)
    counts = [_ARITY[code] if code in _FIXED else next(rest, 0) for code in opcode]
    clean = next(rest, None) is None
    if not (
        clean and all(can_take(code, count) for code, count in {*zip(opcode, counts, strict=True)})
    ):
        raise ValueError
    return counts


def _data_is_clean(graph: Columns) -> bool:
    has = graph.has_data
    if has is None:
        return True
    codes = bytes(graph.opcode[i] for i in graph.leaves)
    zero = bytes(8)
    raw = binary.little(graph.data)
    return (
        len(has) == len(codes)
        and 0 in has
        and {*has} <= {0, 1}
        and all(
            here or (NAMES[code] == "input" and raw[8 * i : 8 * i + 8] == zero)
            for i, (here, code) in enumerate(zip(has, codes, strict=True))
        )
    )


def from_sparse(column: Mapping[str, Any], count: int) -> dict[int, Any]:
    """Read a packed column of some nodes.

    Raises:
        ValueError: It is not clean.
    """
    at = binary.from_little("I", column.get("at", b""))
    values = column.get("value", [])
    if (
        type(values) is not list
        or len(at) != len(values)
        or (column and not at)
        or not ascends(at, count)
    ):
        raise ValueError
    return dict(zip(at, values, strict=True))


def ascends(at: array[int], count: int) -> bool:
    """Whether indices ascend strictly and stay below `count`."""
    return all(a < b for a, b in pairwise(at)) and (not at or at[-1] < count)
