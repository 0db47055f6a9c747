"""A backward pass that ends at some node, or leaves some out."""

from __future__ import annotations

from typing import Final

import pytest

from tests.grade.test_ambiguous import ENGINE, causes

LOOP: Final = "        for node in reversed(topo):\n"
LEAF: Final = "if not node._prev:\n                break"
ZERO: Final = "if not node.data:\n                continue"


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("line", "says"),
    [
        (LEAF, "backward ends at the first leaf that it comes to: nodes after it get too little"),
        (ZERO, "a node whose value is 0 passes nothing on"),
    ],
    ids=["leaf", "value-of-0"],
)
def test_where_it_ends(line: str, says: str) -> None:
    """What the nodes have in common is said."""
    assert ENGINE.count(LOOP) == 1
    found = causes(ENGINE.replace(LOOP, f"{LOOP}            {line}\n"))
    assert [(cause.id, cause.op) for cause in found] == [("no-gradient", "")]
    assert found[0].says.startswith(says)
