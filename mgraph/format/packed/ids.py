"""The ids of packed nodes: reading them, and what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mgraph.codec.binary import Texts
from mgraph.errors import Diagnostic, quoted
from mgraph.format.ids import are_ids
from mgraph.format.packed.column import read_column, sparse_faults
from mgraph.graph import passes
from mgraph.graph.ids import Ids, default_id, default_node
from mgraph.graph.passes.plain import place_in

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator, Sequence

    from mgraph.format.nodes import KnownIds


def ids_from(at: array[int], values: object, count: int) -> Ids:
    """Return ids from those that a file names.

    Raises:
        ValueError: They are not clean.
    """
    own = unique_ids(values, count)
    for place in numbered(own):
        number = default_node(own[place])
        if number is None or number >= count:
            continue
        if number == at[place] or place_in(at, number) is None:  # somebody's default id
            raise ValueError
    return Ids(count, at, own)


def unique_ids(values: object, count: int) -> Sequence[str]:
    """Return texts of a file that are ids, each once.

    Args:
        values: A list, or the bytes of one.
        count: The number of nodes in the file.

    Raises:
        ValueError: They are not.
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
    """Return the places of the ids that may look like default ones: n and a digit."""
    if isinstance(names, list):
        return [k for k, name in enumerate(names) if name[0] == "n" and name[1:2].isdigit()]
    places: Sequence[int] = names.numbered()  # type: ignore[attr-defined] # of `ids_numpy`
    return places


# --- what is wrong ---------------------------------------------------------------------------


def id_faults(ids: object, count: int, names: KnownIds) -> Iterator[Diagnostic]:
    """Find what is wrong with the ids of packed nodes."""
    yield from sparse_faults(ids, ("nodes", "id"), count)
    at = read_column(ids, "at", "I") if isinstance(ids, dict) else None
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
