"""Graphs to measure with: from a seeded generator, so always the same; every value is finite."""

from __future__ import annotations

import math
from array import array
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

LARGEST: Final = 10.0
"""A node whose value would be larger than this is drawn again."""

_LEAVES: Final = 0.1


class Node(NamedTuple):
    """A node: `args` are nodes before it; a leaf is a param."""

    op: str
    args: tuple[int, ...] = ()
    data: float = 0.0


def random_graph(count: int, ops: Sequence[str], seed: int = 1) -> Iterator[Node]:
    """Yield nodes of which one in ten is a leaf; the last depends on all others.

    Arguments are drawn from all nodes before, so that memory is read in random order. In the end,
    the nodes that no other node uses are added up.

    Args:
        count: The number of nodes.
        ops: The ops to draw from, out of add, mul, relu and tanh.
        seed: The random seed.
    """
    random = Random(seed)  # noqa: S311 - nothing secret
    values, used, unused = array("d"), bytearray(), 0
    while len(values) + unused < count:  # up to two more with each node
        node = _draw(random, values, ops)
        unused += 1
        for arg in {*node.args}:
            unused -= not used[arg]
            used[arg] = 1
        values.append(_value(node, values))
        used.append(0)
        yield node
    unused_nodes = [i for i, has_user in enumerate(used) if not has_user]
    if len(values) + unused == count:  # adding them up makes one node too few
        unused_nodes.append(unused_nodes[0])
    yield from _sum_of(unused_nodes, len(values))


def _draw(random: Random, values: Sequence[float], ops: Sequence[str]) -> Node:
    """Draw a node whose value is not too large."""
    if len(values) < 2 or random.random() < _LEAVES:  # noqa: PLR2004
        return Node("param", (), random.uniform(-1.0, 1.0))
    while True:
        op = random.choice(ops)
        arity = 2 if op in ("add", "mul") else 1
        args = tuple(int(random.random() * len(values)) for _ in range(arity))
        node = Node(op, args)
        if abs(_value(node, values)) <= LARGEST:
            return node


def _value(node: Node, values: Sequence[float]) -> float:
    args = [values[arg] for arg in node.args]
    if node.op == "param":
        return node.data
    if node.op == "add":
        return args[0] + args[1]
    if node.op == "mul":
        return args[0] * args[1]
    return math.tanh(args[0]) if node.op == "tanh" else max(args[0], 0.0)


def _sum_of(nodes: list[int], following: int) -> Iterator[Node]:
    """Yield the nodes that add up `nodes` in pairs, then the sums in pairs, until one is left."""
    start = 0
    while start + 1 < len(nodes):
        yield Node("add", (nodes[start], nodes[start + 1]))
        nodes.append(following)
        following += 1
        start += 2


def chain(depth: int) -> Iterator[Node]:
    """Yield two params and a chain of `depth` operations, in turn times one and plus the other."""
    yield Node("param", (), 0.5)
    yield Node("param", (), 0.25)
    for i in range(depth):
        op, leaf = ("mul", 0) if i % 2 == 0 else ("add", 1)
        yield Node(op, (i + 1, leaf))


def write_graph(path: Path, nodes: Iterable[Node]) -> int:
    """Write a graph file whose output is the last node; return the number of nodes."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write('{\n  "mgraph": "1.0",\n  "nodes": [')
        for count, node in enumerate(nodes, start=1):
            file.write(f"{',' if count > 1 else ''}\n    {_line(count - 1, node)}")
        file.write(f'\n  ],\n  "outputs": ["{_name(count - 1)}"]\n}}\n')
    return count


def _line(index: int, node: Node) -> str:
    start = f'{{"id": "{_name(index)}", "op": "{node.op}", '
    if not node.args:
        return f'{start}"data": {node.data!r}}}'
    names = '", "'.join(_name(arg) for arg in node.args)
    return f'{start}"args": ["{names}"]}}'


def _name(index: int) -> str:
    return f"layer1.node_number_{index:07d}"
