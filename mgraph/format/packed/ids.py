"""The ids of packed nodes: reading them, and finding their faults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgraph.codec.binary import Texts
from mgraph.errors import Diagnostic, quoted
from mgraph.format.ids import are_ids
from mgraph.format.packed.column import read_column, sparse_faults
from mgraph.graph import passes
from mgraph.graph.ids import Ids, StoredIds, default_id, default_node
from mgraph.graph.passes.plain import index_in

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator, Sequence

    from mgraph.format.nodes import KnownIds


def ids_from(at: array[int], values: object, count: int) -> Ids:
    """Return the ids of all nodes from those in the file.

    Raises:
        ValueError: They are not clean.
    """
    own = unique_ids(values, count)
    for k in numbered(own):
        node = default_node(own[k])
        if node is None or node >= count:
            continue
        if node == at[k] or index_in(at, node) is None:  # the node's default id
            raise ValueError
    return Ids(count, at, own)


def unique_ids(values: object, count: int) -> Sequence[str]:
    """Check that texts of a file are unique ids, and return them.

    Args:
        values: A list, or the bytes of one.
        count: The number of nodes in the file.

    Raises:
        ValueError: They are not unique ids.
    """
    if count >= passes.MANY and isinstance(values, Texts):
        try:
            from mgraph.format.packed.ids_numpy import packed_ids  # noqa: PLC0415 - an extra
        except ImportError:
            pass
        else:
            ids = packed_ids(values)
            if ids is not None:
                return ids
    names: Any = values.read() if isinstance(values, Texts) else values
    clean = type(names) is list and {*map(type, names)} <= {str} and are_ids(names)
    if not clean or len({*names}) < len(names):
        raise ValueError
    return list(names)


def numbered(names: Sequence[str]) -> Sequence[int]:
    """Return the indices of the ids that may be default ones: they start with n and a digit."""
    if not isinstance(names, StoredIds):
        return [k for k, name in enumerate(names) if name[0] == "n" and name[1:2].isdigit()]
    return names.numbered()


# --- faults ----------------------------------------------------------------------------------


def id_faults(ids: object, count: int, names: KnownIds) -> Iterator[Diagnostic]:
    """Find what is wrong with the ids of packed nodes."""
    yield from sparse_faults(ids, ("nodes", "id"), count)
    at = read_column(ids, "at", "I") if isinstance(ids, dict) else None
    values = ids.get("value", []) if isinstance(ids, dict) else None
    if at is None or not isinstance(values, list):
        return
    for i, (node, name) in enumerate(zip(at, values, strict=False)):
        if name == default_id(node):
            message = f"node {node} has the default id {quoted(name)} written out"
            expected = "only ids other than the default"
            yield Diagnostic("packed", message, ("nodes", "id", "value", i), expected=expected)
    written = {node: i for i, node in enumerate(at)}
    for node in range(count):
        k = written.get(node)
        name = default_id(node) if k is None else values[k] if k < len(values) else None
        first = names.first.get(name, node) if isinstance(name, str) else node
        if first != node:
            message = f"two nodes have the id {quoted(name)}: number {first} and number {node}"
            second = k if k is not None else written[first]  # one of the two is written out
            path = ("nodes", "id", "value", second)
            yield Diagnostic("duplicate-id", message, path, expected="another id")
