"""The formulas of training once more, one param at a time, with exact rationals rounded to double.

Each `+ - * /` of `Double`, and each root, is worked out exactly or to 50 digits, and rounded. No
NumPy, and nothing of the package.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from tests.reference.arithmetic import Double, Rounded, mp, nearest, nearest_real

if TYPE_CHECKING:
    from collections.abc import Sequence

MASK: Final = 2**64 - 1
ONE: Final = Double(1.0)


@dataclass
class ByHand:
    """One method, with what it keeps for each param."""

    method: str
    momentum: float = 0.0
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    m: dict[int, Double] = field(default_factory=dict)
    v: dict[int, Double] = field(default_factory=dict)
    b1: Double = ONE
    b2: Double = ONE

    def step(self, params: list[Double], grads: list[Double], rate: float) -> list[Double]:
        """Move each param."""
        self.b1, self.b2 = self.b1 * self.betas[0], self.b2 * self.betas[1]
        return [
            self._moved(i, p, g, Double(rate))
            for i, (p, g) in enumerate(zip(params, grads, strict=True))
        ]

    def _moved(self, i: int, p: Double, g: Double, rate: Double) -> Double:
        decay = Double(self.weight_decay)
        if self.method == "adamw":
            p = p * (1.0 - rate * decay)
        elif self.weight_decay:
            g = g + decay * p
        v = self.v.get(i, Double(0.0))
        if self.method in ("sgd", "momentum"):
            self.v[i] = Double(self.momentum) * v + g
            return p - rate * self.v[i]
        beta1, beta2 = map(Double, self.betas)
        self.m[i] = beta1 * self.m.get(i, Double(0.0)) + (1.0 - beta1) * g
        self.v[i] = beta2 * v + (1.0 - beta2) * g * g
        root = Rounded.sqrt(self.v[i]) / Rounded.sqrt(1.0 - self.b2)
        return p - (rate / (1.0 - self.b1)) * (self.m[i] / (root + Double(self.eps)))


def exact(values: list[float]) -> Double:
    """Return the sum of finite doubles, rounded once."""
    total = sum(map(Fraction, values), Fraction(0))
    return Double(nearest(abs(total)) * (-1.0 if total < 0 else 1.0))


def norm_of(grads: list[Double]) -> Double:
    """Return the length of a gradient."""
    return Rounded.sqrt(exact([g * g for g in grads]))


def clipped(grads: list[Double], clip: float) -> list[Double]:
    """Shorten a gradient."""
    norm = norm_of(grads)
    return [g * (Double(clip) / norm) for g in grads] if norm > clip else grads


def rate_at(schedule: str, lr: float, step: int, steps: int) -> float:
    """Return the learning rate of a step, counted from 0."""
    at = Double(step) / Double(steps)
    if schedule == "linear":
        return Double(lr) * (1.0 - at)
    if schedule == "cosine":
        angle = Double(nearest_real(mp.pi)) * at
        return Double(lr) * ((1.0 + Rounded.cos(angle)) / 2.0)
    rate = Double(lr)
    if schedule == "step":
        rate = rate * 0.1 if Fraction(step, steps) >= Fraction(1, 3) else rate
        rate = rate * 0.1 if Fraction(step, steps) >= Fraction(2, 3) else rate
    return rate


def mixed(word: int) -> int:
    """Return SplitMix64's mix of a word."""
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & MASK
    word = (word ^ word >> 27) * 0x94D049BB133111EB & MASK
    return word ^ word >> 31


def order(seed: int, epoch: int, rows: list[int]) -> list[int]:
    """Return rows in the order of an epoch."""
    gamma = 0x9E3779B97F4A7C15
    start = mixed(seed + epoch * gamma & MASK)
    return sorted(rows, key=lambda i: (mixed(start + i * gamma & MASK), i))


# --- a line through seven rows -----------------------------------------------------------------

XS: Final = (3.0, 3.0, 0.0, -1.0, 0.7, -2.3, 1.1)
YS: Final = (5.0, 7.0, 0.0, 1.0, 0.1, -4.4, 3.3)
START: Final = (1.0, 2.0)
"""b and w before the first step; the loss of a row is (w·x + b - y)²."""


def measured(
    params: list[Double], rows: Sequence[int], xs: Sequence[float] = XS, ys: Sequence[float] = YS
) -> tuple[float, list[Double]]:
    """Return the mean loss of some rows for b and w, and its gradient."""
    b, w = params
    errors = [w * Double(xs[i]) + b - Double(ys[i]) for i in rows]
    count = Double(len(rows))
    of_b = exact([2.0 * e for e in errors]) / count
    of_w = exact([2.0 * e * xs[i] for e, i in zip(errors, rows, strict=True)]) / count
    return exact([e * e for e in errors]) / count, [of_b, of_w]


@dataclass
class Plan:
    """What decides the steps of a training, besides its method."""

    lr: float = 0.05
    schedule: str = "constant"
    clip: float | None = None
    epochs: int = 3
    batch_size: int = 3
    random_seed: int = 5

    def train(
        self, method: ByHand, rows: Sequence[int] = range(7)
    ) -> tuple[list[float], list[list[Double]]]:
        """Return the loss of each step, and the params after it."""
        params = [*map(Double, START)]
        losses: list[float] = []
        after: list[list[Double]] = []
        steps = self.epochs * math.ceil(len(rows) / self.batch_size)
        for epoch in range(1, self.epochs + 1):
            visited = order(self.random_seed, epoch, [*rows])
            for at in range(0, len(visited), self.batch_size):
                loss, grads = measured(params, visited[at : at + self.batch_size])
                grads = clipped(grads, self.clip) if self.clip else grads
                rate = rate_at(self.schedule, self.lr, len(losses), steps)
                params = method.step(params, grads, rate)
                losses.append(loss)
                after.append(params)
        return losses, after
