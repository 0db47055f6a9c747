"""Many long paths: what they share is kept once."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import mgraph
from mgraph.analysis.detailed_run import run_in_detail
from mgraph.analysis.explain import explain

LENGTH = 6_000
FORKS = 10


def test_a_hundred_long_paths_are_small() -> None:
    """Paths of 6,000 steps fork 10 times, so there are 2^10; of 100, less is kept than of 10.

    Each is as long as the others, and its product is 1, as all slopes are.
    """
    nodes: list[dict[str, Any]] = [{"id": "a", "op": "param", "data": 1.0}]
    for i in range(LENGTH):
        args = [nodes[-1]["id"]] * (2 if i % (LENGTH // FORKS) == 0 else 1)
        nodes.append({"id": f"s{i}", "op": "sum", "args": args})
    graph = mgraph.loads(
        json.dumps({"mgraph": "1.0", "nodes": nodes, "outputs": [f"s{LENGTH - 1}"]})
    )
    ran = run_in_detail(graph.columns, {}, {})
    tracemalloc.start()
    try:
        paths = explain(ran, 0, 100).paths
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (paths.count, len(paths.shown)) == (2**FORKS, 100)
    one_path = LENGTH * (4 + 4 + 8)  # bytes: a node, an argument and a slope for each step
    assert size < 10 * one_path
    ways = [tuple(path.arguments) for path in paths.shown]
    assert len(dict.fromkeys(ways)) == 100
    for path in paths.shown:
        assert [*path.nodes] == [*range(LENGTH, -1, -1)]
        assert (len(path.partials), path.product) == (LENGTH, 1.0)
