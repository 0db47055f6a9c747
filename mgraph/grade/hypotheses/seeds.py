"""Hypotheses about the gradient with which the backward pass starts."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from mgraph.grade import traversals
from mgraph.grade.hypotheses.hypothesis import Hypothesis, always, number_text, setting
from mgraph.grade.hypotheses.orders import (
    all_descending,
    descending,
    first_found,
    first_found_flipped,
)
from mgraph.grade.program import LEAF

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mgraph.grade.program import Program


NO_SEED: Final = (
    "the output's gradient is not set to 1 before it is passed on, or all gradients are set back "
    "to 0 afterwards"
)
_SIGN_SEED: Final = (
    "the output's gradient starts at 1 or -1, the sign of the output's value; it must start at 1"
)
_FIRST_FOUND: Final = "the leaf that comes first in the topological order"
_OWN_SEED: Final = "the output's gradient starts at the output's value; it must start at 1"


def seeds(roots: Sequence[tuple[float, float]], *, is_by_op: bool) -> Iterator[Hypothesis]:
    """Yield wrong gradients with which outputs start.

    One that depends on the other nodes of a graph is not among them: all gradients may be scaled
    after a right backward pass as well, as to clip their norm, with the same numbers.
    """
    wrong = [grad for _, grad in roots if grad != 1.0]
    if not wrong:
        return
    if all(grad == 0.0 for _, grad in roots):
        yield Hypothesis("seed", "", NO_SEED, setting(seed=lambda _: 0.0))
    if all(grad == data for data, grad in roots):
        yield Hypothesis("seed", "", _OWN_SEED, setting(seed=lambda data: data))
    if all(grad == _sign(data) for data, grad in roots):
        yield Hypothesis("seed", "", _SIGN_SEED, setting(seed=_sign))
    if all(grad == wrong[0] for _, grad in roots):
        says = f"the output's gradient starts at {number_text(wrong[0])}; it must start at 1"
        yield Hypothesis("seed", "", says, setting(seed=partial(always, wrong[0])))
    if is_by_op:
        says = "the output's gradient depends on the output's op; it must start at 1"
        yield Hypothesis("seed", "", says, lambda rules: rules, own_seed=True)


def seeds_unseen(
    factors: Iterable[float], alone: tuple[float, float] | None
) -> Iterator[Hypothesis]:
    """Yield wrong gradients of an output that keeps none: all others are wrong by one factor.

    A leaf that is the output itself shows its own gradient.
    """
    if alone is None or alone[1] == 0.0:
        yield Hypothesis("seed", "", NO_SEED, setting(seed=lambda _: 0.0))
    if alone is None or alone[1] in (alone[0], 0.0):
        yield Hypothesis("seed", "", _OWN_SEED, setting(seed=lambda data: data))
    for factor in factors:
        if alone is None or alone[1] in (0.0, factor):
            says = f"the output's gradient starts at {number_text(factor)}; it must start at 1"
            yield Hypothesis("seed", "", says, setting(seed=partial(always, factor)))


def seeds_elsewhere() -> Iterator[Hypothesis]:
    """Yield gradients of 1 that another node gets than the output."""
    for where, seeded in (
        ("the first op's result", _first_op),
        ("the first leaf", _first_leaf),
        ("the last leaf", _last_leaf),
        (_FIRST_FOUND, first_found),
        (_FIRST_FOUND, first_found_flipped),
    ):
        says = f"the gradient of {where} is set to 1 instead of the output's"
        yield Hypothesis("seed", "", says, setting(seeded=seeded))
    says = "backward starts at the node that was made last, not at the one that it is called on"
    order = traversals.all_operands(all_descending)
    yield Hypothesis("seed", "", says, setting(seeded=_last_of_all, order=order))
    says = "a gradient of 0 is replaced by 1; only the output's gradient must start at 1"
    yield Hypothesis("seed", "", says, setting(visit=_one_for_zero))
    says = "a node whose gradient is 0 passes 1 on, as if 0 were no gradient"
    yield Hypothesis("upstream", "", says, setting(upstream=_one_for_zero))


def seeds_everywhere() -> Iterator[Hypothesis]:
    """Yield gradients that all start at 1."""
    only = "only the output's must, the others must start at 0"
    says = f"every gradient starts at 1; {only}"
    of_leaves = f"every leaf's gradient starts at 1; {only}"
    yield Hypothesis("seed", "", says, setting(start=1.0))
    yield Hypothesis("seed", "", of_leaves, setting(start=1.0, start_all=False))
    yield Hypothesis("seed", "", says, setting(start=1.0, seed=partial(always, 2.0)))
    says = (
        "every leaf ends up with a gradient of 1, as if it were the output; only the output's "
        "gradient must be set to 1"
    )  # results of ops may have another one, if nothing shows it
    change = setting(visit=partial(always, 1.0), order=traversals.all_operands(descending))
    yield Hypothesis("seed", "", says, change, is_odd=True)


def _last_of_all(program: Program) -> int:
    return len(program.steps) - 1


def _first_op(program: Program) -> int:
    return next((i for i, step in enumerate(program.steps) if step.args), program.root)


def _first_leaf(program: Program) -> int:
    return next((i for i, step in enumerate(program.steps) if step.op == LEAF), program.root)


def _last_leaf(program: Program) -> int:
    return max((i for i, step in enumerate(program.steps) if step.op == LEAF), default=program.root)


def _sign(x: float) -> float:
    return float((x > 0.0) - (x < 0.0))


def _one_for_zero(x: float) -> float:
    return x or 1.0
