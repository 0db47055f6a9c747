"""Choosing the depth to fold at: few foldings are tried, however many dots ids have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mgraph
from mgraph import Graph, Value
from mgraph.draw import fold

if TYPE_CHECKING:
    import pytest


def test_few_depths_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 51 levels, 25 fold all 20 leaves into one box; that is found in at most 6 tries."""
    leaves = [Value(1.0, name="a." * 25 + f"x{i}." + "b." * 25 + "y") for i in range(20)]
    graph = Graph.of(mgraph.sum(leaves)).columns
    tried = []
    whole = fold.group_of

    def group_of(name: str, depth: int) -> str:
        tried.append(depth)
        return whole(name, depth)

    monkeypatch.setattr(fold, "group_of", group_of)
    folding = fold.finest(graph, 10)
    assert folding is not None
    assert (folding.depth, folding.count) == (25, 2)
    assert len(dict.fromkeys(tried)) <= 6
