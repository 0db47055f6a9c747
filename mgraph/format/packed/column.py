"""One packed column: reading it, and finding its faults."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from mgraph.codec import binary
from mgraph.errors import Diagnostic, Path, quoted
from mgraph.graph.passes import passes_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def from_sparse(column: Mapping[str, Any], count: int) -> dict[int, Any]:
    """Read a packed column of some nodes as a dict from node to value.

    Raises:
        ValueError: The column is not clean.
    """
    return dict(zip(*read_sparse(column, count), strict=True))


def read_sparse(column: Mapping[str, Any], count: int) -> tuple[array[int], Any]:
    """Read a packed column of some nodes: return these nodes and their values.

    Raises:
        ValueError: The column is not clean.
    """
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


# --- faults ----------------------------------------------------------------------------------


def read_column(members: Mapping[str, Any], name: str, typecode: str) -> array[Any] | None:
    """Read a packed column; None if it is not one."""
    data = members.get(name, b"")
    if not isinstance(data, bytes) or len(data) % array(typecode).itemsize:
        return None
    return binary.from_little(typecode, data)


def wrong_length(name: str, column: bytes, expected: int, path: Path = ("nodes",)) -> Diagnostic:
    """Say that a column doesn't have the length that follows from the others."""
    message = f"the column {quoted(name)} has {len(column):,} bytes"
    return Diagnostic("packed", message, (*path, name), expected=f"{expected:,} bytes")


def sparse_faults(column: object, path: Path, count: int) -> Iterator[Diagnostic]:
    """Find what is wrong with the indices and the length of a column of some nodes."""
    if not isinstance(column, dict) or not column:
        return
    at, values = read_column(column, "at", "I"), column.get("value", [])
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
