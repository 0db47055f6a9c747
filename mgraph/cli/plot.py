"""A small plot as SVG: points on two logarithmic axes.

Fifteen points need no plotting library, and SVG needs nothing installed. For PNG, the painter of
our other pictures turns it into pixels.
"""

from __future__ import annotations

from html import escape
from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 24, 48, 56
_INK, _GRID, _LINE = "#222", "#ddd", "#1f77b4"
_TICKS: Final = 8


def error_plot(points: Sequence[tuple[float, float]], title: str) -> str:
    """Draw errors over steps on logarithmic axes; steps shrink to the right.

    Args:
        points: Steps and errors; an error that is 0 or not finite is left out.
        title: The text above the plot.
    """
    drawn = [(log10(h), log10(error)) for h, error in points if isfinite(error) and error > 0.0]
    return "\n".join((*_svg(drawn, [log10(h) for h, _ in points], title), ""))


def _svg(drawn: Sequence[tuple[float, float]], steps: Sequence[float], title: str) -> Iterator[str]:
    ys = [y for _, y in drawn] or [0.0]
    low, high = floor(min(ys)), max(ceil(max(ys)), floor(min(ys)) + 1)
    first, last = max(steps), min(steps)

    def at_x(x: float) -> float:
        return round(_LEFT + (first - x) / (first - last) * (_WIDTH - _LEFT - _RIGHT), 1)

    def at_y(y: float) -> float:
        return round(_TOP + (high - y) / (high - low) * (_HEIGHT - _TOP - _BOTTOM), 1)

    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" font-family="sans-serif" font-size="12" '
        f'fill="{_INK}">'
    )
    yield f"<title>{escape(title)}</title>"
    yield f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
    yield _text(_WIDTH / 2, 24, title, "middle", 14)
    for exponent in range(low, high + 1, max(1, ceil((high - low) / _TICKS))):
        y = at_y(exponent)
        yield f'<path d="M{_LEFT} {y}H{_WIDTH - _RIGHT}" stroke="{_GRID}"/>'
        yield _text(_LEFT - 8, y + 4, f"1e{exponent}", "end")
    for step in steps[::2]:
        yield _text(at_x(step), _HEIGHT - _BOTTOM + 20, f"1e{round(step)}", "middle")
    yield _text(_WIDTH / 2, _HEIGHT - 12, "step h", "middle")
    yield _text(16, _TOP - 12, "error", "start")
    dots = [(at_x(x), at_y(y)) for x, y in drawn]
    if dots:
        line = " ".join(f"{x},{y}" for x, y in dots)
        yield f'<polyline points="{line}" fill="none" stroke="{_LINE}" stroke-width="2"/>'
    yield from (f'<circle cx="{x}" cy="{y}" r="4" fill="{_LINE}"/>' for x, y in dots)
    yield "</svg>"


def _text(x: float, y: float, words: str, anchor: str, size: int = 12) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'
