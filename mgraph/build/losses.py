"""Losses of networks, composed of ops: how far the scores are from what they should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.value import Value, maximum, total

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Loss(NamedTuple):
    """A loss of one or more scores.

    Attributes:
        build: Makes the loss from the scores and their targets, and gives all its nodes names.
        of_one: What it is for one score.
        of_several: What it is for several.
    """

    build: Callable[[Sequence[Value], Sequence[Value]], Value]
    of_one: str
    of_several: str


def _named(name: str, value: Value) -> Value:
    value.name = name
    return value


def _suffixes(scores: Sequence[Value]) -> list[str]:
    """Return what tells the nodes of each score apart: nothing if there is only one."""
    return [str(i) for i in range(1, len(scores) + 1)] if len(scores) > 1 else [""]


def _mean(losses: Sequence[Value]) -> Value:
    """Return the mean of some losses, named loss1, loss2 …; a single one is the loss itself."""
    for value, suffix in zip(losses, _suffixes(losses), strict=True):
        value.name = f"loss{suffix}"
    if len(losses) == 1:
        return losses[0]
    count = Value.const(len(losses), name="count")
    return _named("loss", _named("total", total(losses)) / count)


def _mse(scores: Sequence[Value], targets: Sequence[Value]) -> Value:
    errors = [
        _named(f"error{suffix}", score - y)
        for score, y, suffix in zip(scores, targets, _suffixes(scores), strict=True)
    ]
    return _mean([error * error for error in errors])


def _hinge(scores: Sequence[Value], targets: Sequence[Value]) -> Value:
    one = Value.const(1.0, name="one")
    losses = []
    for score, y, suffix in zip(scores, targets, _suffixes(scores), strict=True):
        margin = _named(f"margin{suffix}", y * score)
        losses.append(_named(f"shortfall{suffix}", one - margin).relu())
    return _mean(losses)


def _cross_entropy(scores: Sequence[Value], targets: Sequence[Value]) -> Value:
    """Return -ln of the probability of the target; no score is too large for it.

    Of one score s, it is softplus(s) - y·s. Of several, -ln softmax(s)ᵢ is ln ∑ exp(sⱼ - top) -
    (sᵢ - top), where top is the largest score: no exponent is above zero, and one is zero.
    """
    if len(scores) == 1:
        chosen = _named("chosen", targets[0] * scores[0])
        return _named("loss", _named("softplus", scores[0].softplus()) - chosen)
    top = scores[0]
    for i, score in enumerate(scores[1:], start=2):
        top = _named(f"top{i}", maximum(top, score))
    suffixes = _suffixes(scores)
    shifted = [_named(f"shifted{i}", s - top) for s, i in zip(scores, suffixes, strict=True)]
    exps = [_named(f"exp{i}", x.exp()) for x, i in zip(shifted, suffixes, strict=True)]
    log_total = _named("log_total", _named("total", total(exps)).log())
    surprises = [
        _named(f"surprise{i}", log_total - x) for x, i in zip(shifted, suffixes, strict=True)
    ]
    parts = zip(targets, surprises, suffixes, strict=True)
    return _named("loss", total(_named(f"part{i}", y * x) for y, x, i in parts))


LOSSES: Final[Mapping[str, Loss]] = {
    "mse": Loss(_mse, "(score - y)²", "the mean of (score - y)² over the scores"),
    "hinge": Loss(
        _hinge,
        "relu(1 - y·score), for y = 1 or -1",
        "the mean of relu(1 - y·score) over the scores, for y = 1 or -1",
    ),
    "cross-entropy": Loss(
        _cross_entropy,
        "softplus(score) - y·score, which is -ln of the probability of y, for y = 1 or 0",
        "the sum of -y·ln(softmax of the scores), for one y = 1 and the others 0",
    ),
}
"""All losses, by the names that `mgraph new --loss` takes."""


def target_ids(count: int) -> list[str]:
    """Return the ids of the targets of some scores: y, or y1, y2 and so on."""
    return ["y"] if count == 1 else [f"y{i}" for i in range(1, count + 1)]
