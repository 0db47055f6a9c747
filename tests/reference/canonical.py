"""The canonical hash of a graph, packed from the description of the format alone."""

from __future__ import annotations

import hashlib
import struct
from itertools import chain
from math import isnan
from typing import TYPE_CHECKING, Any

import msgpack

from .evaluate import Nodes, in_evaluation_order

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFIX = "mgraph1-sha256:"
THE_NAN = bytes.fromhex("000000000000f87f")  # little-endian 7ff8000000000000


def _u32(numbers: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(numbers)}I", *numbers)


def _f64(number: float) -> bytes:
    return THE_NAN if isnan(number) else struct.pack("<d", number)


def packed_nodes(nodes: Nodes) -> dict[str, Any]:
    """Return the columns that count for the hash; an empty column is left out."""
    order = in_evaluation_order(nodes)
    place = {node.id: index for index, node in enumerate(order)}
    names = sorted({node.op for node in order})  # ASCII names: code points sort like bytes
    leaves = [node for node in order if node.is_leaf]
    own = [index for index, node in enumerate(order) if node.id != f"n{index}"]
    every_leaf_has_data = all(leaf.data is not None for leaf in leaves)
    columns = {
        "count": len(order),
        "ops": names,
        "op": bytes(names.index(node.op) for node in order),
        "arity": _u32([len(node.args) for node in order if node.op == "sum"]),
        "args": _u32([place[arg] for arg in chain.from_iterable(node.args for node in order)]),
        "data": b"".join(_f64(0.0 if leaf.data is None else leaf.data) for leaf in leaves),
        "has_data": b"" if every_leaf_has_data else bytes(x.data is not None for x in leaves),
        "id": {"at": _u32(own), "value": [order[index].id for index in own]} if own else {},
    }
    return {key: column for key, column in columns.items() if column}


def canonical_hash(nodes: Nodes, outputs: Sequence[str]) -> str:
    """Return the hash that a run's `graph` field holds."""
    canonical = {"nodes": packed_nodes(nodes), "outputs": list(outputs)}
    return PREFIX + hashlib.sha256(msgpack.packb(canonical)).hexdigest()
