"""Optimizers, as formulas over arrays whose every operation is rounded on its own.

NumPy adds, multiplies, divides and takes roots element by element, each time rounding to the
nearest double, on every processor. So the bits of a step are those of its formula. Callers decide
by `np.errstate` what happens when numbers become infinite or NaN.

Source:
    docs/training.md, which has the same formulas with theirs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from mgraph.engine.tape.sums import rounded_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

State: TypeAlias = Mapping[str, "Floats"]
"""What an optimizer keeps from step to step, by the name in its formula."""


class Method(StrEnum):
    """The formulas of a step."""

    SGD = "sgd"
    MOMENTUM = "momentum"
    ADAM = "adam"
    ADAMW = "adamw"


MOMENTUM: Final = {Method.SGD: 0.0, Method.MOMENTUM: 0.9}
"""The momentum of the methods that have one, unless somebody chooses."""

WEIGHT_DECAY: Final = {Method.ADAMW: 0.01}
"""The weight decay of AdamW, unless somebody chooses; all others have none."""


@dataclass(frozen=True)
class Optimizer:
    """A method with its constants.

    Attributes:
        method: Which formulas.
        momentum: μ, of SGD.
        betas: β₁ and β₂, of Adam.
        eps: ε, of Adam.
        weight_decay: wd.
    """

    method: Method
    momentum: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        """Check the constants.

        Raises:
            ValueError: One of them is out of its range.
        """
        ranges = (
            ("momentum", self.momentum, 0.0 <= self.momentum < 1.0, "from 0 to 1, without 1"),
            ("beta 1", self.betas[0], 0.0 <= self.betas[0] < 1.0, "from 0 to 1, without 1"),
            ("beta 2", self.betas[1], 0.0 <= self.betas[1] < 1.0, "from 0 to 1, without 1"),
            ("eps", self.eps, 0.0 <= self.eps < math.inf, "0 or positive"),
            ("weight decay", self.weight_decay, 0.0 <= self.weight_decay < math.inf,
             "0 or positive"),
        )  # fmt: skip
        for name, value, is_right, expected in ranges:
            if not is_right:
                message = f"the {name} is {value}: it must be {expected}"
                raise ValueError(message)

    @property
    def is_adam(self) -> bool:
        """Whether it is Adam or AdamW."""
        return self.method in (Method.ADAM, Method.ADAMW)

    def start(self, size: int) -> State:
        """Return the state before the first step, for so many params."""
        if self.is_adam:
            return {"m": np.zeros(size), "v": np.zeros(size), "b": np.ones(2)}
        return {"v": np.zeros(size)}

    def step(self, params: Floats, grad: Floats, rate: float, state: State) -> tuple[Floats, State]:
        """Make a step against the gradient.

        Args:
            params: float64[P].
            grad: float64[P], in units of loss per unit of param.
            rate: The learning rate.
            state: What `start` or the last step returned.

        Returns:
            New params and the new state; the arguments stay as they are.
        """
        if self.method == Method.ADAMW:
            params = params * (1.0 - rate * self.weight_decay)
        elif self.weight_decay:
            grad = grad + self.weight_decay * params
        if self.is_adam:
            return self._adam(params, grad, rate, state)
        v = self.momentum * state["v"] + grad
        return params - rate * v, {"v": v}

    def _adam(
        self, params: Floats, grad: Floats, rate: float, state: State
    ) -> tuple[Floats, State]:
        beta1, beta2 = self.betas
        m = beta1 * state["m"] + (1.0 - beta1) * grad
        v = beta2 * state["v"] + (1.0 - beta2) * grad * grad
        b = state["b"] * np.array(self.betas)
        root = np.sqrt(v) / math.sqrt(1.0 - b[1])
        params = params - (rate / (1.0 - b[0])) * (m / (root + self.eps))
        return params, {"m": m, "v": v, "b": b}


def optimizer_of(
    method: Method | str,
    *,
    momentum: float | None = None,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float | None = None,
) -> Optimizer:
    """Return an optimizer; what is None has the default of its method.

    Raises:
        ValueError: There is no such method, it has no momentum, or a constant is out of its range.
    """
    if method not in [*Method]:
        message = f"there is no optimizer {method!r}: choose one of {', '.join(Method)}"
        raise ValueError(message)
    method = Method(method)
    if momentum is not None and method not in MOMENTUM:
        message = f"{method} has betas and no momentum: use it with sgd or momentum"
        raise ValueError(message)
    return Optimizer(
        method,
        MOMENTUM.get(method, 0.0) if momentum is None else momentum,
        betas,
        eps,
        WEIGHT_DECAY.get(method, 0.0) if weight_decay is None else weight_decay,
    )


def clipped(grad: Floats, clip: float | None) -> tuple[Floats, float]:
    """Shorten a gradient that is longer than `clip`.

    Args:
        grad: float64[P].
        clip: The largest norm; None for any.

    Returns:
        The gradient, and its norm before: the root of the exact sum of the rounded squares.
    """
    norm = math.sqrt(rounded_sum(grad * grad))
    return (grad * (clip / norm) if clip is not None and norm > clip else grad), norm
