"""Hypotheses about gradients that are overwritten where they must be added up."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from mgraph.grade import simulation as sim
from mgraph.grade import traversals
from mgraph.grade.hypotheses.hypothesis import (
    Hypothesis,
    always_true,
    is_first,
    is_last,
    is_only,
    is_op,
    is_operand,
    is_second,
    overwriting,
    setting,
)
from mgraph.grade.hypotheses.numbers import keep_first
from mgraph.grade.hypotheses.orders import ANY_ORDER, RIGHT_ORDERS, descending
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.grade.traversals import Order

_LAST_ONLY: Final = "`=` instead of `+=`: a node that is used twice keeps only the last gradient"

_SUB, _NEG, _DIV, _COS = ("sub", 1), ("neg", 0), ("div", 1), ("cos", 0)
"""Operands with a minus in their local derivative."""

_SUBTRACTING: Final = (
    (_SUB,),
    (_NEG,),
    (_SUB, _NEG),
    (_SUB, _DIV),
    (_SUB, _NEG, _DIV),
    (_SUB, _NEG, _COS),
    (_SUB, _NEG, _DIV, _COS),
)
"""Where gradients may be subtracted, as in `other.grad -= out.grad`."""


def overwritten(right: Sequence[Order], unary: int) -> Iterator[Hypothesis]:
    """Yield how gradients may be overwritten, given the right orders of the backward pass.

    What a single op of one operand does isn't said of all of them.
    """
    orders = (None, *right)
    for order in orders:
        for ways in ({}, {"resets": True}, {"keeps": ("relu",)}, {"touches": sim.CHOOSING}):
            change = overwriting(always_true, order, **ways)
            yield Hypothesis("overwritten", "", _LAST_ONLY, change)
    for subtracting in _SUBTRACTING:
        says = f"{_LAST_ONLY}, and what is subtracted from it after that with `-=`"
        for order in orders:
            change = overwriting(partial(_is_added, subtracting), order)
            yield Hypothesis("overwritten", "", says, change, is_odd=True)
    for ends in (None, is_flat):  # on each path by itself
        change = setting(overwrites=always_true, by_path=True, ends=ends)
        yield Hypothesis("overwritten", "", _LAST_ONLY, change)
    for which, is_it in (
        ("the first operand of each op", is_first),
        ("the last operand of each op", is_last),
        ("the second operand of each op", is_second),
        ("the operand of ops with a single operand", is_only),
    ):
        if is_it is is_only and unary < 2:  # noqa: PLR2004 - ops
            continue
        says = f"`=` instead of `+=` for {which}: what the operand had before is lost"
        for order in orders:
            yield Hypothesis("overwritten", "", says, overwriting(is_it, order))


def overwritten_by(op: str, *, varies: bool) -> Iterator[Hypothesis]:
    """Yield how one op may overwrite the gradients of its operands.

    Args:
        op: The op.
        varies: Whether the order of the backward pass may change from graph to graph.
    """
    says = f"{op} sets the gradients of its operands with `=`; it must add to them, with `+=`"
    inputs, orders = OPS[op].inputs, ANY_ORDER if varies else RIGHT_ORDERS
    every = [partial(is_op, op)]
    single = [partial(is_operand, op, operand) for operand in range(inputs if inputs > 1 else 0)]
    for touches in ((), (op,)) if op in sim.CHOOSING else ((),):
        for overwrites in (*every, *single):
            for order in (None, *orders):
                change = overwriting(overwrites, order, touches=touches)
                yield Hypothesis("overwritten", op, says, change)
    if op == "relu":
        says = (
            "relu sets its operand's gradient to 0 where the operand is negative, as in "
            "`else: self.grad = 0`; what other ops have passed on to it is lost"
        )
        zeroes = partial(is_op, op)
        yield Hypothesis("overwritten", op, says, setting(zeroes=zeroes))
        for order in orders:
            yield Hypothesis("overwritten", op, says, setting(zeroes=zeroes, order=order))


def _is_added(subtracting: Sequence[tuple[str, int]], op: str, operand: int) -> bool:
    """Whether an op adds to the gradient of an operand, or would if it were right."""
    return (op, operand) not in subtracting


def keeping_one(right: Sequence[Order]) -> Iterator[Hypothesis]:
    """Yield nodes that keep one of the gradients that they get, but not the last."""
    says = "a node keeps only the first gradient that it gets; it must add up all of them"
    for order in (None, *right):
        change = setting(clip=keep_first, order=order) if order else setting(clip=keep_first)
        yield Hypothesis("overwritten", "", says, change)
    says = "a node keeps only one of the gradients that it gets; it must add up all of them"
    for found in (
        traversals.taken_from_stack,
        traversals.preorder,
        traversals.breadth_first,
        descending,
    ):
        for last in (False, True):
            order = partial(traversals.from_one_user, found, last=last)
            yield Hypothesis("overwritten", "", says, setting(order=order))


def is_flat(own: float, _: float) -> bool:
    """Whether a local derivative is 0."""
    return own == 0.0
