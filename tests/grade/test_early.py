"""Orders of the backward pass that are found from gradients, with expected numbers by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgraph.grade.early import early_order
from mgraph.grade.outcomes import Precision
from mgraph.grade.program import LEAF, Instruction, Program

if TYPE_CHECKING:
    from collections.abc import Sequence

# u = 2x; v = u + u·3 as d = 3u, y = u + d: u waits for y and d
DIAMOND = Program(
    (
        Instruction(LEAF, (), 2.0),
        Instruction("double", (0,)),
        Instruction("triple", (1,)),
        Instruction("add", (1, 2)),
    ),
    (0, 1, 2, 3),
    3,
)
PARTIALS = {"double": 2.0, "triple": 3.0, "add": 1.0}
near = Precision().near


def passed_on(step: int, _: int, adjoint: float) -> float:
    """Return what an operand receives."""
    return PARTIALS[DIAMOND.steps[step].op] * adjoint


def order_for(*grads: float | None) -> Sequence[int] | None:
    """Return the order that is found for the adjoints of x, u, d and y."""
    return early_order(DIAMOND, passed_on, grads, near)[0]


def test_right_gradients_have_the_right_order() -> None:
    """U gets 1 from y and 3 from d, and passes on 2·4 to x."""
    assert order_for(8.0, 4.0, 1.0, 1.0) == [3, 2, 1, 0]


def test_a_node_that_passes_on_too_early() -> None:
    """U passes on after y, but before d: x gets 2·1, though u has 4 in the end."""
    assert order_for(2.0, 4.0, 1.0, 1.0) == [3, 1, 2, 0]
    assert order_for(6.0, 4.0, 1.0, 1.0) is None  # after d, but before y, on which d depends


def test_what_no_order_explains() -> None:
    """A node that keeps only a part, and one that passes on nothing at all."""
    assert order_for(2.0, 1.0, 1.0, 1.0) is None
    assert order_for(0.0, 4.0, 1.0, 1.0) is None


def test_unknown_gradients() -> None:
    """An engine that keeps those of leaves only shows enough in x."""
    assert order_for(2.0, None, None, None) == [3, 1, 2, 0]
