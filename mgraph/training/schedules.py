"""Schedules: the learning rate of each step."""

from __future__ import annotations

from enum import StrEnum
from math import cos, pi
from typing import TYPE_CHECKING, Final

from mgraph.exact_value import exact
from mgraph.graph.run import EXACT_MATH, LIBM
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Callable

_DROPS: Final = 3
"""`step` cuts the steps into so many parts; the rate of each is a tenth of the one before."""


class Schedule(StrEnum):
    """How the learning rate goes down."""

    CONSTANT = "constant"
    LINEAR = "linear"
    COSINE = "cosine"
    STEP = "step"


def rate_of(schedule: Schedule, lr: float, step: int, steps: int, math: str = LIBM) -> float:
    """Return the learning rate of a step.

    Args:
        schedule: How it goes down.
        lr: The rate of the first step.
        step: The number of the step, from 0.
        steps: How many steps there are.
        math: That of the graph; in exact math, the cosine is rounded correctly, too.

    Source:
        docs/training.md.
    """
    if schedule == Schedule.LINEAR:
        return lr * (1.0 - step / steps)
    if schedule == Schedule.COSINE:
        return lr * ((1.0 + _cosine(math)(pi * (step / steps))) / 2.0)
    if schedule == Schedule.STEP:
        for _ in range(_DROPS * step // steps):
            lr = lr * 0.1
    return lr


def _cosine(math: str) -> Callable[[float], float]:
    return exact(OPS["cos"]).step if math == EXACT_MATH else cos
