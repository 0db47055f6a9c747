"""Make docs/ops.md and the pictures in docs/ops, from the op table.

Run it from the top folder, after a change to mgraph/ops/table.py:

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
    "sub": "Like `add`, but the second argument gets the gradient with the opposite sign.",
    "mul": "Passes to each argument the gradient times the *other* argument.",
    "div": "A quotient. Dividing by zero raises no error: it gives an infinity, or NaN for 0/0.",
    "pow": "a to the power of b. Powers of negative numbers are real only for whole b; else NaN.",
    "max": "Passes its gradient on to the larger argument alone; if both are equal, half to each.",
    "min": "Like `max`, with the smaller argument.",
    "sum": "Adds up any number of arguments, from left to right; each gets the whole gradient.",
    "neg": "Changes the sign.",
    "abs": "The distance from zero. Its derivative jumps at 0, where it is taken as 0.",
    "sqrt": "The square root. Its derivative has no limit towards 0; below 0 there is no root.",
    "exp": "e to the power of x: the function that is its own derivative.",
    "log": "The natural logarithm. Below 0 it has no value, though 1/x gives a derivative.",
    "sin": "The sine, of an angle in radians.",
    "cos": "The cosine, of an angle in radians.",
    "tan": "The tangent, of an angle in radians. It has poles at ±π/2, ±3π/2 …",
    "atan": "The angle between -π/2 and π/2 whose tangent is x.",
    "sinh": "(eˣ - e⁻ˣ)/2, the hyperbolic sine.",
    "cosh": "(eˣ + e⁻ˣ)/2, the hyperbolic cosine.",
    "tanh": "Squashes any number into -1 … 1. Far out it is flat, and passes almost nothing back.",
    "sigmoid": "1/(1 + e⁻ˣ): squashes any number into 0 … 1. Its derivative is at most ¼.",
    "softplus": "ln(1 + eˣ): relu with a soft bend. Its derivative is `sigmoid`.",
    "relu": "Zero below zero, x above. Below zero it passes nothing back: a dead relu.",
    "erf": "The error function: the area under a bell curve. It squashes into -1 … 1 like `tanh`.",
    "log1p": "ln(1 + x), with all digits for small x, where 1 + x would lose them.",
    "expm1": "eˣ - 1, with all digits for small x, where eˣ is nearly 1.",
    "asin": "The angle between -π/2 and π/2 whose sine is x. It is vertical at both ends.",
    "acos": "The angle between 0 and π whose cosine is x. It is vertical at both ends.",
    "atan2": "The angle of the point (b, a), from -π to π. Behind the origin it jumps by 2π.",
    "gate": "Lets b through while a is above 0. Only b gets a gradient: a just decides.",
}
"""A description of each op."""

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
    "atan2": (*_PLAIN, (1.0, 0.0), (0.0, -1.0), (-0.0, -1.0), (0.0, 0.0)),
    "gate": (*_PLAIN, (0.0, 7.0), (nan, 1.0), (1.0, nan)),
}
"""The points at which ops of two arguments are shown: plain ones, kinks and edges."""

HEAD: Final = """\
# Ops

<!-- python tools/make_ops.py writes this page -->

Every node of a graph is a leaf or one of these ops. `a` and `b` (or `x`) are the arguments, `y`
is the value. The *local derivative* says how fast the value changes with an argument; going
backward, a node passes on its gradient times the local derivative. `mgraph ops` prints this table
on a terminal, and [the file format](format.md#ops) defines every edge case.

*Exact* ops give the same bits on every computer; the others (*libm*) come from a math library
and may differ in the last digit, except in [exact math](exact.md). No op raises an error: where
there is no value, it is NaN.

The *domain* is where an op has a value and derivatives by all of its arguments. Outside of it there
may still be some of them: (-2)³ is -8 and has a derivative by a, but none by b, because (-2) to the
power of 3.01 is not a real number.

`mgraph new` takes more functions, which it composes of these ops: `gelu(x)`, `leaky_relu(x, a)`,
`mean(a, b, …)`, `silu(x)`, `square(x)`, and `max` and `min` of more than two.

The curves and tables are computed with the op table that mgraph itself uses.
"""
LEGEND: Final = """\
In the pictures the thick line is the value, the thin one the derivative. A dot marks the choice
where the derivative jumps; a dotted line is a pole.
"""


def page() -> str:
    """Return the page."""
    one, two = ([op for op in TABLE if op.inputs == n] for n in (1, 2))
    links = " · ".join(f"[{op.name}](#{op.name})" for op in (*two, *one))
    parts = (HEAD, links + "\n", "## Two or more arguments\n", *map(section, two))
    return "\n".join((*parts, "## One argument\n", LEGEND, *map(section, one)))


def section(op: Op) -> str:
    """Return the part of the page that is about one op."""
    shown = picture_link(op) if op.inputs == 1 else "\n".join(points(op))
    return f"### {op.name}\n\n{WORDS[op.name]}\n\n{facts(op)}\n\n{shown}\n"


def facts(op: Op) -> str:
    """Return what the op table says about an op, as a Markdown table."""
    rows = {
        "value y": code(op.formula),
        "local derivative" if op.inputs == 1 else "local derivatives": code(op.partials_text),
        "domain": domain_text(op),
        "outside of the domain": op.outside,
        "at kinks and edges": op.at_kink,
        "bits": "exact" if op.exact else "libm",
        "since": "" if op.since == "1.0" else f"[format {op.since}](versions.md)",
    }
    rows = {name: text for name, text in rows.items() if text}
    names = " | ".join(rows)
    return f"| {names} |\n|{'---|' * len(rows)}\n| {' | '.join(rows.values())} |"


def code(text: str) -> str:
    """Return a text as code for a cell of a table, which a plain bar would end."""
    return f"<code>{text.replace('|', '&#124;')}</code>" if "|" in text else f"`{text}`"


def points(op: Op) -> Iterator[str]:
    """Yield a table of the op at its points."""
    yield "| a | b | y | ∂y/∂a | ∂y/∂b |"
    yield "|---:|---:|---:|---:|---:|"
    for a, b in POINTS[op.name]:
        y = op.step(a, b)
        yield f"| {' | '.join(map(number, (a, b, y, *op.step_partials(a, b, y))))} |"


def picture_link(op: Op) -> str:
    """Return the picture of an op, with a description for those who can't see it."""
    return f"![Value and derivative of {op.name} for x from -4 to 4](ops/{op.name}.svg)"


# --- pictures --------------------------------------------------------------------------------

X, Y = 4.0, 3.0
UNIT: Final = 44  # pixels
_STEPS: Final = 160
_PAD: Final = 22
_WIDTH, _HEIGHT = round(2 * X * UNIT + 2 * _PAD), round(2 * Y * UNIT + 2 * _PAD)
_FAR: Final = 4 * Y
_STYLE: Final = """\
<style>
svg { color: #24242a; --value: #1f5ba8; --derivative: #b4540a; }
@media (prefers-color-scheme: dark) {
  svg { color: #dcdcd8; --value: #8db8f0; --derivative: #f0a35e; }
}
text { font: 12px system-ui, sans-serif; fill: currentColor; }
.grid { stroke: currentColor; stroke-opacity: 0.13; }
.axis { stroke: currentColor; stroke-opacity: 0.5; }
.pole { stroke: currentColor; stroke-opacity: 0.7; stroke-dasharray: 1 5; stroke-linecap: round; }
polyline { fill: none; stroke-linejoin: round; }
.value { stroke: var(--value); stroke-width: 4; }
.derivative { stroke: var(--derivative); stroke-width: 1.5; }
circle.value, text.value { fill: var(--value); }
circle.derivative, text.derivative { fill: var(--derivative); }
text.value, text.derivative { stroke: none; font-weight: 600; }
</style>"""


class Break(NamedTuple):
    """A point where the derivative of an op jumps, or where the op has a pole."""

    x: float
    is_pole: bool


def breaks(op: Op) -> list[Break]:
    """Return the points where the distance to the nearest kink is 0, from left to right."""
    xs = [i * 2 * X / _STEPS - X for i in range(_STEPS + 1)]
    kinks = []
    for left, middle, right in zip(xs, xs[1:], xs[2:], strict=False):
        near = op.kink_distance(middle)
        if isfinite(near) and near <= min(op.kink_distance(left), op.kink_distance(right)):
            x = lowest(op.kink_distance, left, right)
            if op.kink_distance(x) < 1e-9:  # noqa: PLR2004 - 0, except for rounding
                kinks.append(Break(x, abs(op.step(x)) > _FAR))
    return kinks


def lowest(f: Callable[[float], float], left: float, right: float) -> float:
    """Return where a function with one valley is lowest; the middle, if it is 0 there."""
    middle = (left + right) / 2
    if f(middle) == 0.0:
        return middle
    while right - left > 1e-12:  # noqa: PLR2004 - far less than a pixel
        a, b = left + (right - left) / 3, right - (right - left) / 3
        left, right = (left, b) if f(a) < f(b) else (a, right)
    return left


def picture(op: Op) -> str:
    """Draw an op of one argument and its derivative as SVG, light or dark like the system."""
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
    for point in at_breaks:
        if point.is_pole:
            yield f'<path class="pole" d="M{_across(point.x)} {_PAD}V{_HEIGHT - _PAD}"/>'
    for name, f, radius in (("value", op.step, 5), ("derivative", _derivative(op), 3)):
        for line in _lines(f, [point.x for point in at_breaks]):
            yield f'<polyline class="{name}" points="{line}"/>'
        for point in at_breaks:
            if not point.is_pole and isfinite(f(point.x)):
                center = f'cx="{_across(point.x)}" cy="{_down(f(point.x))}"'
                yield f'<circle class="{name}" {center} r="{radius}"/>'
    yield "</svg>"
    yield "</svg>"


def _derivative(op: Op) -> Callable[[float], float]:
    return lambda x: op.step_partials(x, op.step(x))[0]


def _frame() -> Iterator[str]:
    """Yield the grid, the axes with their numbers, and the names of the lines."""
    for i in range(-round(X), round(X) + 1):
        kind = "grid" if i else "axis"
        yield f'<path class="{kind}" d="M{_across(i)} {_PAD}V{_HEIGHT - _PAD}"/>'
        yield f'<text x="{_across(i)}" y="{_HEIGHT - 6}" text-anchor="middle">{i}</text>'
    for i in range(-round(Y), round(Y) + 1):
        kind = "grid" if i else "axis"
        yield f'<path class="{kind}" d="M{_PAD} {_down(i)}H{_WIDTH - _PAD}"/>'
        yield f'<text x="{_PAD - 6}" y="{_down(i) + 4:g}" text-anchor="end">{i}</text>'
    yield f'<text class="value" x="{_PAD}" y="14">value</text>'
    yield f'<text class="derivative" x="{_PAD + 44}" y="14">derivative</text>'


def _lines(f: Callable[[float], float], stops: Sequence[float]) -> Iterator[str]:
    """Yield the points of each smooth piece of a curve, where it has values."""
    for left, right in pairwise((-X, *stops, X)):
        low, high = (x + d if x in stops else x for x, d in ((left, 1e-9), (right, -1e-9)))
        xs = [low + (high - low) * i / _STEPS for i in range(_STEPS + 1)]
        drawn = [(x, max(-_FAR, min(_FAR, f(x)))) for x in xs if f(x) == f(x)]
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
