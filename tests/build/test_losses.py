"""Losses of networks: values and gradients against formulas in 50-digit arithmetic."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Final

import mpmath
import pytest

from mgraph import Graph, Value
from mgraph.build.losses import LOSSES
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Numbers = Sequence[float]

mpmath.mp.dps = 50


def mse(scores: Numbers, targets: Numbers) -> Any:  # noqa: ANN401 - a number of mpmath
    """Return the mean squared error."""
    pairs = zip(scores, targets, strict=True)
    return mpmath.fsum((mpmath.mpf(s) - y) ** 2 for s, y in pairs) / len(scores)


def mse_grads(scores: Numbers, targets: Numbers) -> list[Any]:
    """Return 2·(s - y)/k for each score."""
    return [2 * (mpmath.mpf(s) - y) / len(scores) for s, y in zip(scores, targets, strict=True)]


def hinge(scores: Numbers, targets: Numbers) -> Any:  # noqa: ANN401
    """Return how far scores are from a margin of 1, on average."""
    pairs = zip(scores, targets, strict=True)
    return mpmath.fsum(max(0, 1 - mpmath.mpf(s) * y) for s, y in pairs) / len(scores)


def hinge_grads(scores: Numbers, targets: Numbers) -> list[Any]:
    """Return -y/k for each score within the margin."""
    k = len(scores)
    return [mpmath.mpf(-y) / k if s * y < 1 else 0 for s, y in zip(scores, targets, strict=True)]


def probabilities(scores: Numbers) -> list[Any]:
    """Return the logistic function of one score, or the softmax of several."""
    exps = [mpmath.exp(mpmath.mpf(s)) for s in scores]
    return [x / (1 + x) for x in exps] if len(scores) == 1 else [x / sum(exps) for x in exps]


def cross_entropy(scores: Numbers, targets: Numbers) -> Any:  # noqa: ANN401
    """Return -ln of the probability of what is the case."""
    if len(scores) == 1:
        x = mpmath.mpf(scores[0])
        return mpmath.log(1 + mpmath.exp(-x if targets[0] else x))
    (chosen,) = (s for s, y in zip(scores, targets, strict=True) if y)
    return -mpmath.log(1 / mpmath.fsum(mpmath.exp(mpmath.mpf(s) - chosen) for s in scores))


def cross_entropy_grads(scores: Numbers, targets: Numbers) -> list[Any]:
    """Return p - y for each score."""
    return [p - y for p, y in zip(probabilities(scores), targets, strict=True)]


EXACT: Final[
    dict[str, tuple[Callable[..., Any], Callable[..., list[Any]], tuple[float, float]]]
] = {
    "mse": (mse, mse_grads, (0.75, -2.0)),
    "hinge": (hinge, hinge_grads, (1.0, -1.0)),
    "cross-entropy": (cross_entropy, cross_entropy_grads, (1.0, 0.0)),
}
"""The loss, its gradients, and the targets that are tried."""

SCORES: Final = (-800.0, -30.5, -1.0, -0.3, 0.0, 0.25, 2.0, 40.0, 800.0)


def cases(name: str) -> list[tuple[Numbers, Numbers]]:
    """Return scores and targets: one score, two, three, and four that are equal or far apart."""
    yes, no = EXACT[name][2]
    several = [*product(SCORES, repeat=2), *product((-800.0, 0.5, 800.0), repeat=3)]
    several += [(0.1,) * 4, (3.0, -800.0, 800.0, 799.0)]
    return [
        *(((s,), (y,)) for s in SCORES for y in (yes, no)),
        *(
            (scores, tuple(yes if j == i else no for j in range(len(scores))))
            for scores in several
            for i in range(len(scores))
        ),
    ]


@pytest.mark.parametrize("name", LOSSES)
def test_values_and_gradients(name: str) -> None:
    """Each is good to a few roundings of the largest number in it; none is NaN.

    A cross-entropy is a difference of numbers as large as the scores, its gradient of numbers up
    to 1, and the gradient of the largest score also collects the rounding of the others.
    """
    loss, grads, _ = EXACT[name]
    for scores, targets in cases(name):
        values = [Value(s, name=f"s{i}") for i, s in enumerate(scores)]
        wanted = [Value(y, name=f"y{i}") for i, y in enumerate(targets)]
        output = LOSSES[name].build(values, wanted)
        output.backward()
        case = name, scores, targets
        assert output.name == "loss", case
        largest = max(1.0, *map(abs, scores))
        assert output.data == pytest.approx(
            float(loss(scores, targets)), rel=1e-15, abs=1e-15 * largest
        ), case
        for value, grad in zip(values, grads(scores, targets), strict=True):
            assert value.grad == pytest.approx(float(grad), rel=1e-15, abs=5e-16), case


@pytest.mark.parametrize("name", LOSSES)
def test_every_node_has_a_name(name: str) -> None:
    """No node of a loss is n12, and only ops of the format are used."""
    for count in (1, 2, 3):
        scores = [Value(0.5, name=f"s{i}") for i in range(count)]
        targets = [Value(1.0, name=f"y{i}") for i in range(count)]
        columns = Graph.of(LOSSES[name].build(scores, targets)).columns
        defaults = [id_ for i, id_ in enumerate(columns.ids) if id_.startswith(f"n{i}")]
        assert defaults == []
        assert {columns.op(i) for i in range(len(columns))} <= {*OPS, "input", "const"}
