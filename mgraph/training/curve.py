"""The curve of the loss, as a small SVG and as lines of text."""

from __future__ import annotations

from itertools import pairwise
from math import ceil, floor, isfinite, log10, ulp
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 24, 40, 48
_INK, _GRID = "#222", "#ddd"
_COLOURS: Final = {"loss": "#1f77b4", "validation": "#d95f02"}
_MOST: Final = 500
"""Points of a curve; more are put together."""

_TICKS: Final = 5
"""Ticks of an axis, about."""

_LEVELS: Final = "▁▂▃▄▅▆▇█"

_LARGEST: Final = 1e306
"""Larger losses are drawn as if they were this, so that all differences are finite."""


class Curves(NamedTuple):
    """Losses over steps.

    Attributes:
        loss: Steps, and the loss of the rows of each.
        validation: Steps, and the loss of the validation rows after each.
    """

    loss: Sequence[tuple[float, float]]
    validation: Sequence[tuple[float, float]]

    @property
    def are_logarithmic(self) -> bool:
        """Whether the scale is logarithmic, wherever they are drawn: if all losses are positive."""
        return all(y > 0.0 for points in self for _, y in points)


def curves_of(lines: Iterable[Mapping[str, Any]]) -> Curves:
    """Return the curves of a log; means of several steps if there are very many."""
    loss: list[tuple[float, float]] = []
    validation: list[tuple[float, float]] = []
    for line in lines:
        for name, points in (("loss", loss), ("validation_loss", validation)):
            if isinstance(line.get(name), float):  # NaN and infinities are texts
                points.append((float(line["step"]), line[name]))
    return Curves(_fewer(loss), _fewer(validation))


def _fewer(points: Sequence[tuple[float, float]], most: int = _MOST) -> list[tuple[float, float]]:
    """Return at most so many points: means of neighbours."""
    count = min(most, len(points))
    cuts = [len(points) * i // count for i in range(count + 1)] if count else [0]
    groups = (points[a:b] for a, b in pairwise(cuts))
    return [
        (sum(x for x, _ in group) / len(group), sum(y / len(group) for _, y in group))
        for group in groups
    ]


def _drawable(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points whose losses are finite, and these not too large."""
    return [(x, min(max(y, -_LARGEST), _LARGEST)) for x, y in points if isfinite(y)]


class RunningLosses:
    """The losses of a training that goes on, as points of a curve; means if there are very many.

    Attributes:
        points: Steps and losses, each the mean of the same number of steps.
    """

    def __init__(self) -> None:
        """Start before the first step."""
        self.points: list[tuple[float, float]] = []
        self._size, self._last = 1, list[tuple[float, float]]()

    def add(self, step: int, loss: float) -> None:
        """Take the loss of a step."""
        self._last.append((step, loss))
        if len(self._last) < self._size:
            return
        self.points += _fewer(self._last, 1)
        self._last = []
        if len(self.points) == _MOST:
            self.points = _fewer(self.points, _MOST // 2)
            self._size *= 2


# --- text ---


def loss_line(curves: Curves, width: int) -> str:
    """Draw the finite losses of the steps as one line of blocks."""
    values = [y for _, y in _fewer(_drawable(curves.loss), max(1, width))]
    if curves.are_logarithmic:
        values = [log10(y or ulp(0.0)) for y in values]  # a mean may be 0 where losses are not
    low, high = min(values, default=0.0), max(values, default=0.0)
    span = (high - low) or 1.0
    top = len(_LEVELS) - 1
    return "".join(_LEVELS[round((y - low) / span * top)] for y in values)


# --- SVG ---


def loss_svg(lines: Iterable[Mapping[str, Any]]) -> str:
    """Draw the losses of a log over its steps."""
    return "\n".join((*_svg(curves_of(lines)), ""))


def _svg(curves: Curves) -> Iterator[str]:
    curves = Curves(*map(_drawable, curves))
    points = [*curves.loss, *curves.validation] or [(1.0, 0.0)]
    last, losses = max(x for x, _ in points), [y for _, y in points]
    is_log = curves.are_logarithmic and min(losses) > 0.0
    scale: Callable[[float], float] = log10 if is_log else float
    low, high = _range(losses, is_log=is_log)

    def at(x: float, y: float) -> tuple[float, float]:
        across = _LEFT + x / last * (_WIDTH - _LEFT - _RIGHT)
        share = (scale(high) - scale(y)) / (scale(high) - scale(low))
        return round(across, 1), round(_TOP + share * (_HEIGHT - _TOP - _BOTTOM), 1)

    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" font-size="12" '
        f'fill="{_INK}">'
    )
    yield "<title>The loss over the steps</title>"
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
    for value in _log_ticks(low, high) if is_log else _ticks(low, high):
        _, y = at(0.0, value)
        yield f'<path d="M{_LEFT} {y}H{_WIDTH - _RIGHT}" stroke="{_GRID}"/>'
        yield _text(_LEFT - 8, y + 4, f"{value:.6g}", "end")
    for step in _ticks(0.0, last, 1.0):
        yield _text(at(step, low)[0], _HEIGHT - _BOTTOM + 18, f"{step:.0f}")
    yield _text(_WIDTH / 2, _HEIGHT - 10, "step")
    if is_log:
        yield _text(_WIDTH - _RIGHT, _TOP - 16, "log scale", "end")
    for index, (name, curve) in enumerate(zip(_COLOURS, curves, strict=True)):
        if curve:
            line = " ".join(f"{x},{y}" for x, y in (at(*point) for point in curve))
            yield f'<polyline points="{line}" fill="none" stroke="{_COLOURS[name]}"/>'
            yield _text(_LEFT + 70 * index, _TOP - 16, name, "start", _COLOURS[name])
    yield "</svg>"


def _range(values: Sequence[float], *, is_log: bool) -> tuple[float, float]:
    """Return where the axis of losses starts and ends; a linear one starts at 0, if it can."""
    low, high = min(values), max(values)
    if is_log:
        return (low, high) if high > low else (low / 2.0 or low, low * 2.0)
    low = min(0.0, low)
    return low, high if high > low else low + 1.0


def _ticks(low: float, high: float, least: float = 0.0) -> list[float]:
    """Return round numbers from `low` to `high`, in equal steps of at least `least`."""
    rough = max((high - low) / _TICKS, least)
    power = 10.0 ** floor(log10(rough))
    step = power * next(k for k in (1, 2, 5, 10) if k * power >= rough * (1.0 - 1e-9))
    return [step * k for k in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Return round numbers from `low` to `high`: 1, 2, 5, 10 …, or fewer, or if close, in steps."""
    first, last = floor(log10(low)), ceil(log10(high))
    every = ceil((last - first) / _TICKS)
    factors = (1.0, 2.0, 5.0) if last - first < _TICKS - 1 else (1.0,)
    ticks = [factor * 10.0**power for power in range(first, last + 1, every) for factor in factors]
    ticks = [tick for tick in ticks if low <= tick <= high]
    return ticks if len(ticks) > 2 else _ticks(low, high)  # noqa: PLR2004 - too few to read


def _text(x: float, y: float, words: str, anchor: str = "middle", colour: str = _INK) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{words}</text>'
