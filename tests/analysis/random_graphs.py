"""Random graphs of all ops, always the same for the same number."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import mgraph
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph import Graph

SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, "nan", "inf", "-inf", 5e-324)


def random_graph(
    number: int, ops: Sequence[str] = tuple(OPS), *, nodes: int = 40, specials: float = 0.1
) -> Graph:
    """Return a graph of a few leaves and many ops; several nodes are equal.

    Args:
        number: The random seed.
        ops: The ops to draw from.
        nodes: How many nodes there are.
        specials: How many of the leaves are zeros, infinities, NaN and the like, at most 1.
    """
    random = Random(number)  # noqa: S311 - nothing secret
    drawn: list[dict[str, Any]] = []
    while len(drawn) < nodes:
        i = len(drawn)
        if i < 3 or random.random() < 0.15:
            special = random.random() < specials
            data = random.choice(SPECIAL) if special else random.uniform(-2.0, 2.0)
            op = "param" if i == 0 else random.choice(("input", "param", "const"))
            drawn.append({"id": f"n{i}", "op": op, "data": data})
            continue
        op = random.choice([*ops])
        count = random.randint(1, 4) if OPS[op].fold else OPS[op].inputs
        args = [f"n{random.randrange(max(0, i - 12), i)}" for _ in range(count)]
        drawn.append({"id": f"n{i}", "op": op, "args": args})
    drawn[-1] = {"id": f"n{nodes - 1}", "op": "sum", "args": ["n0", *_unused(drawn)]}
    document = {"mgraph": "1.1", "nodes": drawn, "outputs": [f"n{nodes - 1}"]}
    return mgraph.loads(json.dumps(document))


def _unused(nodes: Sequence[dict[str, Any]]) -> list[str]:
    used = {arg for node in nodes[:-1] for arg in node.get("args", ())}
    return [node["id"] for node in nodes[:-1] if node["id"] not in used]
