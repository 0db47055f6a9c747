"""Make docs/ops.md and the pictures in docs/ops, from the table of ops.

Run it from the top folder, after a change of mgraph/ops.py:

    python tools/make_ops.py
"""

from __future__ import annotations

from itertools import pairwise
from math import isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.appearance import number
from mgraph.cli.ops import domain_text
from mgraph.ops import TABLE, Op

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

DOCS: Final = Path(__file__).parents[1] / "docs"
PAGE: Final = DOCS / "ops.md"
PICTURES: Final = DOCS / "ops"

WORDS: Final = {
    "add": "Passes its gradient on to both arguments as it is.",
    "sub": "As `add`; to the second argument with the sign turned.",
    "mul": "Passes to each argument its gradient times the *other* argument.",
    "div": "A quotient. Dividing by zero raises nothing: it gives an infinity, or NaN for 0/0.",
    "pow": "a to the power of b. Powers of negative numbers are real only for whole b; else NaN.",
    "max": "Passes its gradient on to the larger argument alone; if both are equal, half to each.",
    "min": "As `max`, with the smaller argument.",
    "sum": "Adds up any number of arguments, from left to right; each gets the whole gradient.",
    "neg": "Turns the sign.",
    "abs": "The distance from zero. Its slope jumps at 0, where 0 is chosen.",
    "sqrt": "The square root. Its slope has no limit towards 0; below there is no root.",
    "exp": "e to the power of x: the function that is its own slope.",
    "log": "The natural logarithm. Below 0 it has no value, though the rule 1/x gives a slope.",
    "sin": "The sine, of an angle in radians.",
    "cos": "The cosine, of an angle in radians.",
    "tan": "The tangent, of an angle in radians. It has poles at ±π/2, ±3π/2 …",
    "atan": "The angle between -π/2 and π/2 whose tangent is x.",
    "sinh": "(eˣ - e⁻ˣ)/2, the hyperbolic sine.",
    "cosh": "(eˣ + e⁻ˣ)/2, the hyperbolic cosine.",
    "tanh": "Squashes any number into -1 … 1. Far out it is flat, and passes almost nothing back.",
    "sigmoid": "1/(1 + e⁻ˣ): squashes any number into 0 … 1. Its slope is ¼ at most.",
    "softplus": "ln(1 + eˣ): relu with a soft bend. Its slope is `sigmoid`.",
    "relu": "Zero below zero, x above. Below zero it passes nothing back: a dead relu.",
}
"""What each op is, for people."""

_PLAIN: Final = ((2.0, 3.0), (-1.5, 0.5))
_ORDER: Final = (*_PLAIN, (2.0, 2.0), (0.0, -0.0), (nan, 1.0), (1.0, nan))
POINTS: Final[Mapping[str, Sequence[tuple[float, float]]]] = {
    "add": _PLAIN,
    "sub": _PLAIN,
    "mul": (*_PLAIN, (0.0, 7.0)),
    "div": (*_PLAIN, (1.0, 0.0), (-1.0, 0.0), (0.0, 0.0)),
    "pow": (*_PLAIN, (4.0, 0.5), (-2.0, 3.0), (5.0, 0.0), (0.0, 2.0), (0.0, 0.0), (0.0, -1.0)),
    "max": _ORDER,
    "min": _ORDER,
    "sum": _PLAIN,
}
"""Where an op of two arguments is shown: at plain points, and at its kinks and edges."""

HEAD: Final = """\
# Ops

<!-- python tools/make_ops.py writes this page -->

Every node of a graph is a leaf or one of these ops. `a` and `b` (or `x`) are the arguments, `y`
is the value. A *slope* says how much the value changes for each step of an argument; going
backward, a node passes on its gradient times the slope. `mgraph ops` prints this table on a
terminal, and [the file format](format.md#ops) is exact about every edge.

*Exact* ops give the same bits on every computer; the others (*libm*) come from a library of
mathematics, and may differ in the last place. Nothing raises an error: what has no value is NaN.

The curves and tables are computed by the very rows that mgraph runs.
"""
LEGEND: Final = """\
In the pictures the thick line is the value, the thin one the slope. A dot is what is chosen where
the slope jumps; a dotted line is a pole.
"""


def page() -> str:
    """Return the page."""
    one, two = ([op for op in TABLE if op.inputs == n] for n in (1, 2))
    links = " · ".join(f"[{op.name}](#{op.name})" for op in (*two, *one))
    parts = (HEAD, links + "\n", "## Two arguments and more\n", *map(section, two))
    return "\n".join((*parts, "## One argument\n", LEGEND, *map(section, one)))


def section(op: Op) -> str:
    """Return the part of the page that is about one op."""
    shown = picture_link(op) if op.inputs == 1 else "\n".join(points(op))
    return f"### {op.name}\n\n{WORDS[op.name]}\n\n{facts(op)}\n\n{shown}\n"


def facts(op: Op) -> str:
    """Return what the row says, as a table."""
    rows = {
        "value y": code(op.formula),
        "slope" if op.inputs == 1 else "slopes": code(op.partials_text),
        "domain": domain_text(op),
        "at kinks and edges": op.at_kink,
        "bits": "exact" if op.exact else "libm",
    }
    rows = {name: text for name, text in rows.items() if text}
    names = " | ".join(rows)
    return f"| {names} |\n|{'---|' * len(rows)}\n| {' | '.join(rows.values())} |"


def code(text: str) -> str:
    """Set a text as code, in a table, where a bar would end the cell."""
    return f"<code>{text.replace('|', '&#124;')}</code>" if "|" in text else f"`{text}`"


def points(op: Op) -> Iterator[str]:
    """Yield a table of the op at its points."""
    yield "| a | b | y | ∂y/∂a | ∂y/∂b |"
    yield "|---:|---:|---:|---:|---:|"
    for a, b in POINTS[op.name]:
        y = op.step(a, b)
        yield f"| {' | '.join(map(number, (a, b, y, *op.step_partials(a, b, y))))} |"


def picture_link(op: Op) -> str:
    """Return the picture of an op, with words for whoever can't see it."""
    return f"![Value and slope of {op.name} for x from -4 to 4](ops/{op.name}.svg)"


# --- pictures --------------------------------------------------------------------------------

X, Y = 4.0, 3.0
UNIT: Final = 44  # pixels
_STEPS: Final = 160
_PAD: Final = 22
_WIDTH, _HEIGHT = round(2 * X * UNIT + 2 * _PAD), round(2 * Y * UNIT + 2 * _PAD)
_FAR: Final = 4 * Y
_STYLE: Final = """\
<style>
svg { color: #24242a; --value: #1f5ba8; --slope: #b4540a; }
@media (prefers-color-scheme: dark) { svg { color: #dcdcd8; --value: #8db8f0; --slope: #f0a35e; } }
text { font: 12px system-ui, sans-serif; fill: currentColor; }
.grid { stroke: currentColor; stroke-opacity: 0.13; }
.axis { stroke: currentColor; stroke-opacity: 0.5; }
.pole { stroke: currentColor; stroke-opacity: 0.7; stroke-dasharray: 1 5; stroke-linecap: round; }
polyline { fill: none; stroke-linejoin: round; }
.value { stroke: var(--value); stroke-width: 4; }
.slope { stroke: var(--slope); stroke-width: 1.5; }
circle.value, text.value { fill: var(--value); }
circle.slope, text.slope { fill: var(--slope); }
text.value, text.slope { stroke: none; font-weight: 600; }
</style>"""


class Break(NamedTuple):
    """Where the slope of an op jumps, or where it has a pole."""

    x: float
    pole: bool


def breaks(op: Op) -> list[Break]:
    """Find where an op's distance to the next kink is nothing, from left to right."""
    xs = [i * 2 * X / _STEPS - X for i in range(_STEPS + 1)]
    found = []
    for left, middle, right in zip(xs, xs[1:], xs[2:], strict=False):
        near = op.kink_distance(middle)
        if isfinite(near) and near <= min(op.kink_distance(left), op.kink_distance(right)):
            x = lowest(op.kink_distance, left, right)
            if op.kink_distance(x) < 1e-9:  # noqa: PLR2004 - nothing, but for rounding
                found.append(Break(x, abs(op.step(x)) > _FAR))
    return found


def lowest(f: Callable[[float], float], left: float, right: float) -> float:
    """Return where a function with one valley is lowest; the middle, if it is nothing there."""
    middle = (left + right) / 2
    if f(middle) == 0.0:
        return middle
    while right - left > 1e-12:  # noqa: PLR2004 - far less than a pixel
        a, b = left + (right - left) / 3, right - (right - left) / 3
        left, right = (left, b) if f(a) < f(b) else (a, right)
    return left


def picture(op: Op) -> str:
    """Draw an op of one argument and its slope as SVG, light or dark as its reader's system is."""
    return "\n".join((*_drawn(op), ""))


def _drawn(op: Op) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}">'
    )
    yield f"<title>{op.name}</title>"
    yield _STYLE
    yield from _frame()
    yield f'<svg x="0" y="{_PAD}" width="{_WIDTH}" height="{_HEIGHT - 2 * _PAD}" overflow="hidden"'
    yield f' viewBox="0 {_PAD} {_WIDTH} {_HEIGHT - 2 * _PAD}">'
    at_breaks = breaks(op)
    for each in at_breaks:
        if each.pole:
            yield f'<path class="pole" d="M{_across(each.x)} {_PAD}V{_HEIGHT - _PAD}"/>'
    for name, f, radius in (("value", op.step, 5), ("slope", _slope(op), 3)):
        for line in _lines(f, [each.x for each in at_breaks]):
            yield f'<polyline class="{name}" points="{line}"/>'
        for each in at_breaks:
            if not each.pole and isfinite(f(each.x)):
                place = f'cx="{_across(each.x)}" cy="{_down(f(each.x))}"'
                yield f'<circle class="{name}" {place} r="{radius}"/>'
    yield "</svg>"
    yield "</svg>"


def _slope(op: Op) -> Callable[[float], float]:
    return lambda x: op.step_partials(x, op.step(x))[0]


def _frame() -> Iterator[str]:
    """Yield the grid, the axes and their numbers, and what the lines are."""
    for i in range(-round(X), round(X) + 1):
        kind = "grid" if i else "axis"
        yield f'<path class="{kind}" d="M{_across(i)} {_PAD}V{_HEIGHT - _PAD}"/>'
        yield f'<text x="{_across(i)}" y="{_HEIGHT - 6}" text-anchor="middle">{i}</text>'
    for i in range(-round(Y), round(Y) + 1):
        kind = "grid" if i else "axis"
        yield f'<path class="{kind}" d="M{_PAD} {_down(i)}H{_WIDTH - _PAD}"/>'
        yield f'<text x="{_PAD - 6}" y="{_down(i) + 4:g}" text-anchor="end">{i}</text>'
    yield f'<text class="value" x="{_PAD}" y="14">value</text>'
    yield f'<text class="slope" x="{_PAD + 44}" y="14">slope</text>'


def _lines(f: Callable[[float], float], stops: Sequence[float]) -> Iterator[str]:
    """Yield the points of each smooth piece of a curve, as far as it has values."""
    for left, right in pairwise((-X, *stops, X)):
        low, high = (x + d if x in stops else x for x, d in ((left, 1e-9), (right, -1e-9)))
        places = [low + (high - low) * i / _STEPS for i in range(_STEPS + 1)]
        drawn = [(x, max(-_FAR, min(_FAR, f(x)))) for x in places if f(x) == f(x)]
        if drawn:
            yield " ".join(f"{_across(x)},{_down(y)}" for x, y in drawn)


def _across(x: float) -> float:
    return round(_PAD + (x + X) * UNIT, 1)


def _down(y: float) -> float:
    return round(_PAD + (Y - y) * UNIT, 1)


def files() -> dict[Path, str]:
    """Return the page and its pictures, by their paths."""
    pictures = {PICTURES / f"{op.name}.svg": picture(op) for op in TABLE if op.inputs == 1}
    return {PAGE: page(), **pictures}


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    for path, text in files().items():
        path.write_text(text, encoding="utf-8")
