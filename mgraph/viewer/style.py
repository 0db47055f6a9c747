"""Writes the page's colours as CSS, and appearance.js: its outlines, legend and digits.

Both are generated from `appearance` when the page is written.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Final

from mgraph import appearance
from mgraph.appearance import COLOURS, CORNERS, KINDS, OUTPUT, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHOWN: Final = {name: kind for name, kind in KINDS.items() if name != Kind.REST}
"""The kinds of boxes in the page. It has none for nodes that are left out."""

_UNUSED: Final = ("picture", "strange")
"""Colours that the page doesn't use."""

_LEGEND: Final = ("input", "param", "const", "op")


@cache
def css() -> str:
    """Return the variables of both themes, then the rules for the outline of each kind."""
    light, dark = (_declarations(i) for i in range(len(appearance.THEMES)))
    return "\n".join([
        f":root {{ color-scheme: light dark; {light} }}",
        "@media (prefers-color-scheme: dark) {",
        f'  :root:not([data-theme="light"]) {{ {dark} }}',
        "}",
        f':root[data-theme="dark"] {{ color-scheme: dark; {dark} }}',
        ':root[data-theme="light"] { color-scheme: light; }',
        *_rules(),
        "",
    ])  # fmt: skip


def variables() -> Mapping[str, tuple[str, str]]:
    """Return the CSS variables, each with its colours in light and in dark."""
    kinds = {
        f"{name}{suffix}": colours
        for name, kind in SHOWN.items()
        for suffix, colours in (("", kind.line), ("-soft", kind.fill))
    }
    others = {name: colours for name, colours in COLOURS.items() if name not in _UNUSED}
    return {**others, **kinds, "output": OUTPUT.line}


def _declarations(i: int) -> str:
    return ";".join(f"--{name}:{colours[i]}" for name, colours in variables().items())


def _rules() -> Iterator[str]:
    for name, kind in SHOWN.items():
        dashes = " stroke-dasharray: 4 3" if kind.dashed else ""
        yield f".box.{name} .shape {{ fill: var(--{name}-soft); stroke: var(--{name});{dashes} }}"


@cache
def javascript() -> str:
    """Return the module `appearance.js`."""
    legend = {name: KINDS[name].legend for name in _LEGEND} | {"op output": OUTPUT.legend}
    constants = {
        "OUTLINES": {name: kind.corners for name, kind in SHOWN.items()},
        "CORNERS": dict(CORNERS),
        "LEGEND": legend,
        "DIGITS": appearance.DIGITS,
        "BOX_DIGITS": appearance.BOX_DIGITS,
        "ARROW_DIGITS": appearance.ARROW_DIGITS,
        "ABSENT": appearance.ABSENT,
    }
    lines = (
        f"export const {name} = {json.dumps(value, separators=(',', ':'))};"
        for name, value in constants.items()
    )
    return "\n".join(["/** How graphs look; generated from mgraph/appearance.py. */", *lines, ""])
