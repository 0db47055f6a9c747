"""What the README and docs/exact.md show of exact math is right on every machine.

That the programs print it here is tested with the others; here it is computed again by exact
rationals and 50-digit arithmetic, rounded at each operation.
"""

from __future__ import annotations

import json
import random
import re
from typing import Final

import mgraph
from mgraph import Graph, nn
from tests.command_line import HERE
from tests.readme import BLOCKS
from tests.reference.arithmetic import Double, Rounded
from tests.reference.evaluate import Node, backward, forward, in_evaluation_order
from tests.reference.reading import nodes_of

XS: Final = ([2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0])
YS: Final = (1.0, -1.0, -1.0, 1.0)
STEPS: Final = 20


def test_the_training_of_the_readme() -> None:
    """Its loss, after steps of gradient descent, has these bits whoever computes it."""
    at = next(i for i, block in enumerate(BLOCKS) if 'math="exact"' in block.text)
    assert f"for _ in range({STEPS}):" in BLOCKS[at].text
    net = nn.MLP(3, [4, 4, 1], activation="tanh", rng=random.Random(1))  # noqa: S311
    loss = mgraph.sum((net(x).tanh() - y) ** 2 for x, y in zip(XS, YS, strict=True))  # type: ignore[union-attr]
    graph = Graph.of(loss)
    order = in_evaluation_order(nodes_of(json.loads(b"".join(graph.to_bytes()))))
    params = {node.id: Double(node.data or 0.0) for node in order if node.op == "param"}
    assert len(params) == 41
    for _ in range(STEPS):
        primals = forward(Rounded, order, params)
        adjoints = backward(Rounded, order, primals, {graph.outputs[0]: 1.0})
        params = {name: x - Double(0.05) * adjoints[name] for name, x in params.items()}
    assert f"{float(primals[graph.outputs[0]])!r}\n" == BLOCKS[at + 1].text


def test_the_values_of_the_page() -> None:
    """docs/exact.md: a value and a gradient of tanh(x·w)."""
    page = (HERE.parent / "docs" / "exact.md").read_text(encoding="utf-8")
    found = re.search(
        r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", page, re.MULTILINE | re.DOTALL
    )
    assert found is not None
    nodes = (
        Node("x", "input", data=0.5),
        Node("w", "param", data=-3.0),
        Node("xw", "mul", ("x", "w")),
        Node("y", "tanh", ("xw",)),
    )
    primals = forward(Rounded, nodes, {})
    adjoints = backward(Rounded, nodes, primals, {"y": 1.0})
    assert found[2] == f"{float(primals['y']).hex()} {float(adjoints['w']).hex()}\n"
    printed: list[str] = []
    exec(found[1], {"print": lambda *words: printed.append(" ".join(words))})  # noqa: S102 - our own
    assert printed == [found[2].strip()]
