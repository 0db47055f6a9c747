"""How graphs look: one table, which pictures, the page and the terminal draw on."""

from __future__ import annotations

import json
import random
import re
import struct
from decimal import ROUND_HALF_EVEN, Context
from itertools import combinations
from math import dist
from typing import TYPE_CHECKING, Final

import click
import pytest

import mgraph
from mgraph.appearance import (
    ARROW_DIGITS,
    BOX_DIGITS,
    COLOURS,
    CORNERS,
    DIGITS,
    KINDS,
    OUTPUT,
    THEMES,
    Kind,
    number,
)  # fmt: skip
from mgraph.cli.terminal import styled_node
from mgraph.draw import drawing, everything, themes
from mgraph.ops import LEAVES
from mgraph.viewer import page, style
from tests.command_line import HERE, NEURON

if TYPE_CHECKING:
    from collections.abc import Sequence

STATIC: Final = HERE.parent / "mgraph" / "viewer" / "static"
HEX: Final = re.compile(r"#[0-9a-f]{6}\b")
EACH_THEME: Final = pytest.mark.parametrize("theme", range(len(THEMES)), ids=THEMES)

GROUNDS: Final = ("picture", "ground", "paper")
TEXTS: Final = ("ink", "quiet", "data", "grad")
SIGHTS: Final = {
    "all cones": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "no red cones": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "no green cones": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "no blue cones": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
"""What linear light looks like to whom: Machado, Oliveira & Fernandes 2009, severity 1."""


def linear(colour: str) -> list[float]:
    """Return the red, green and blue light of a colour, as IEC 61966-2-1 defines sRGB."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]


def product(matrix: Sequence[Sequence[float]], vector: Sequence[float]) -> list[float]:
    """Return matrix · vector."""
    return [sum(a * x for a, x in zip(row, vector, strict=True)) for row in matrix]


def contrast(a: str, b: str) -> float:
    """Return the contrast of two colours, as WCAG 2.1 defines it."""
    luminances = (product([(0.2126, 0.7152, 0.0722)], linear(each))[0] for each in (a, b))
    low, high = sorted(luminances)
    return (high + 0.05) / (low + 0.05)


def lab(light: Sequence[float]) -> list[float]:
    """Return linear sRGB light as CIELAB of 1976, with white at D65."""
    to_xyz = (
        (0.4124 / 0.9505, 0.3576 / 0.9505, 0.1805 / 0.9505),
        (0.2126, 0.7152, 0.0722),
        (0.0193 / 1.089, 0.1192 / 1.089, 0.9505 / 1.089),
    )
    clipped = [min(max(x, 0.0), 1.0) for x in light]
    roots = (
        t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116
        for t in product(to_xyz, clipped)
    )
    x, y, z = roots
    return [116 * y - 16, 500 * (x - y), 200 * (y - z)]


def distance(a: str, b: str, sight: str) -> float:
    """Return how different two colours look: ΔE of CIE 1976; 2.3 is just noticeable."""
    one, other = (lab(product(SIGHTS[sight], linear(each))) for each in (a, b))
    return dist(one, other)


# --- the table -------------------------------------------------------------------------------


def test_every_kind_of_node_has_an_entry() -> None:
    """Leaves, ops, groups and what is left out, and nothing else; each complete."""
    assert [*KINDS] == [*LEAVES, Kind.OP, Kind.GROUP, Kind.REST]
    for kind in (*KINDS.values(), OUTPUT):
        assert kind.corners in (*CORNERS, "pill")
        assert all(HEX.fullmatch(colour) for colour in (*kind.line, *kind.fill))
        assert len(kind.line) == len(kind.fill) == len(THEMES)
        assert kind.legend
    assert all(HEX.fullmatch(each) for pair in COLOURS.values() for each in pair)


def test_kinds_are_told_apart_without_colour() -> None:
    """Leaves and ops differ in their outlines, in every format."""
    kinds = [KINDS[name] for name in (*LEAVES, Kind.OP)]
    assert len({kind.corners for kind in kinds}) == len(kinds)
    everywhere = [*KINDS.values(), OUTPUT]
    assert len({kind.dot for kind in everywhere}) == len(everywhere)
    assert len({kind.mermaid for kind in everywhere}) == len(everywhere)


@EACH_THEME
def test_contrast(theme: int) -> None:
    """WCAG 2.1 AA: texts have a contrast of 4.5 to what is behind them, shapes one of 3."""
    grounds = [COLOURS[name][theme] for name in GROUNDS]
    fills = [kind.fill[theme] for kind in KINDS.values()]
    for name in (*TEXTS, "strange", "good"):
        for ground in (*grounds, *fills):
            assert contrast(COLOURS[name][theme], ground) >= 4.5, (name, ground)
    for name in ("data", "grad"):
        assert contrast(COLOURS["ink"][theme], COLOURS[f"{name}-soft"][theme]) >= 4.5
    assert contrast(COLOURS["grad"][theme], COLOURS["grad-soft"][theme]) >= 4.5  # a chip's text
    for name, kind in KINDS.items():
        if name != Kind.REST:  # its words are quiet
            assert contrast(kind.line[theme], kind.fill[theme]) >= 4.5, name
            assert contrast(kind.line[theme], COLOURS["paper"][theme]) >= 4.5, name
        for ground in grounds:
            assert contrast(kind.line[theme], ground) >= 3, (name, ground)
    for name in ("edge", "focus"):
        for ground in grounds:
            assert contrast(COLOURS[name][theme], ground) >= 3, (name, ground)
    assert contrast(OUTPUT.line[theme], COLOURS["ground"][theme]) >= 4.5


@EACH_THEME
@pytest.mark.parametrize("sight", SIGHTS)
def test_colours_are_distinct_for_all_readers(theme: int, sight: str) -> None:
    """Inputs, params and consts, and data and grad, differ clearly in every sight."""
    lines = {name: KINDS[name].line[theme] for name in LEAVES}
    numbers = {name: COLOURS[name][theme] for name in ("data", "grad")}
    for group in (lines, numbers):
        for one, other in combinations(group, 2):
            assert distance(group[one], group[other], sight) >= 12, (one, other)


# --- those who draw on it ---------------------------------------------------------------------


@EACH_THEME
def test_pictures_have_the_colours_of_the_table(theme: int) -> None:
    """A theme is a column of the table, and a picture has no colour but the theme's."""
    found = themes.THEMES[THEMES[theme]]
    assert {name: (ink.line, ink.fill) for name, ink in found.kinds.items()} == {
        name: (kind.line[theme], kind.fill[theme]) for name, kind in KINDS.items()
    }
    names = {"page": "picture", "text": "ink", "muted": "quiet"}
    for name in ("page", "text", "muted", "edge", "data", "grad", "strange"):
        assert getattr(found, name) == COLOURS[names.get(name, name)][theme]
    assert found.output == OUTPUT.line[theme]
    graph = mgraph.load(NEURON)
    picture = drawing(
        graph.columns, everything(graph.columns).picture, graph.run(), theme=THEMES[theme]
    )
    table = {
        *(pair[theme] for pair in COLOURS.values()),
        *(each for kind in KINDS.values() for each in (kind.line[theme], kind.fill[theme])),
    }
    for written in (picture.svg(), picture.dot(), picture.mermaid()):
        used = {*HEX.findall(written.decode())}
        assert KINDS["input"].line[theme] in used
        assert used <= table


def test_the_page_has_the_colours_of_the_table() -> None:
    """The variables of the page are the table, in both themes, and it states no other colour."""
    text = b"".join(page(mgraph.load(NEURON), "neuron.json")).decode()
    sheet = text.split("<style>")[1].split("</style>")[0]
    rules = re.findall(r"(:root[^{]*)\{([^}]*--ground:[^}]*)\}", sheet)
    assert len(rules) == 3
    wanted = {name: pair for name, pair in COLOURS.items() if name not in ("picture", "strange")}
    for name in (*LEAVES, Kind.OP, Kind.GROUP):
        wanted |= {name: KINDS[name].line, f"{name}-soft": KINDS[name].fill}
    wanted["output"] = OUTPUT.line
    for selector, body in rules:
        theme = "dark" in selector or "not" in selector
        variables = dict(re.findall(r"--([\w-]+):(#\w+)", body))
        assert variables == {name: pair[theme] for name, pair in wanted.items()}
    table = {each for pair in wanted.values() for each in pair}
    for path in (*STATIC.glob("*.js"), STATIC / "page.html", STATIC / "style.css"):
        stated = path.read_text(encoding="utf-8").replace("%23", "#")
        assert {*re.findall(r"#[0-9a-f]{6}\b|(?<=: )#[0-9a-f]{3}\b", stated)} <= table, path.name
    used = {*re.findall(r"var\(--([\w-]+)", sheet)}
    assert used - {"sans", "shadow"} <= wanted.keys()
    for name, kind in KINDS.items():
        if name != Kind.REST:
            (rule,) = re.findall(rf"^\.box\.{name} \.shape\{{(.*)\}}$", sheet, re.MULTILINE)
            assert f"fill:var(--{name}-soft);stroke:var(--{name});" in rule
            assert ("dasharray" in rule) == kind.dashed


def test_the_terminal_has_the_styles_of_the_table() -> None:
    """An id is styled as the table says; an output has the output's style in addition."""
    for name in LEAVES:
        wanted = click.style("x", **KINDS[name].terminal)
        assert styled_node("x", name, is_output=False) == wanted
    assert styled_node("x", "mul", is_output=False) == "x"
    assert styled_node("x", "mul", is_output=True) == click.style("x", **OUTPUT.terminal)
    both = {**KINDS["param"].terminal, **OUTPUT.terminal}
    assert styled_node("x", "param", is_output=True) == click.style("x", **both)


def test_the_page_has_the_outlines_and_digits_of_the_table() -> None:
    """The script's module states each kind's corners, their sizes, the legend, and the digits."""
    lines = re.findall(r"^export const (\w+) = (.*);$", style.javascript(), re.MULTILINE)
    stated = {name: json.loads(value) for name, value in lines}
    assert stated.pop("OUTLINES") == {
        name: kind.corners for name, kind in KINDS.items() if name != Kind.REST
    }
    assert stated.pop("CORNERS") == CORNERS
    legend = {name: KINDS[name].legend for name in (*LEAVES, Kind.OP)}
    assert stated.pop("LEGEND") == {**legend, "op output": OUTPUT.legend}
    assert stated == {
        "DIGITS": DIGITS, "BOX_DIGITS": BOX_DIGITS, "ARROW_DIGITS": ARROW_DIGITS, "ABSENT": "-"
    }  # fmt: skip


def test_the_legend_in_the_docs_is_the_table() -> None:
    """docs/view.md lists the kinds with how the terminal shows their ids."""
    text = (HERE.parent / "docs" / "view.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z ]+) \| .* \| ([a-z]*) ?\|$", text, re.MULTILINE)
    styles = {
        **{name: KINDS[name].terminal for name in LEAVES},
        "operation": KINDS[Kind.OP].terminal, "output": OUTPUT.terminal,
    }  # fmt: skip
    words = {name: each.get("fg") or "".join(each) or "plain" for name, each in styles.items()}
    assert dict(rows) == {**words, "group of nodes": ""}


# --- numbers ---------------------------------------------------------------------------------

SPELLED: Final = (
    (2.0, 6, "2.0"), (-0.0, 6, "-0.0"), (0.1 + 0.2, 10, "0.3"), (-1.5, 4, "-1.5"),
    (1e-4, 6, "0.0001"), (1e-5, 6, "1e-05"), (123456.0, 6, "123456.0"), (2.5, 1, "2.0"),
    (1234567.0, 6, "1.23457e+06"), (999999.5, 6, "1e+06"), (3.5, 1, "4.0"), (0.125, 2, "0.12"),
    (0.375, 2, "0.38"), (9.5, 1, "1e+01"),
    (5e-324, 6, "4.94066e-324"), (1.5e300, 6, "1.5e+300"), (99.5, 2, "1e+02"), (-9.5, 1, "-1e+01"),
    (float("nan"), 6, "nan"), (float("inf"), 6, "inf"), (float("-inf"), 6, "-inf"),
)  # fmt: skip
"""Numbers, digits, and how they are written, by hand."""


def some_numbers() -> list[float]:
    """Return doubles of all sizes: any bits, short decimals, ties, whole numbers, their bounds."""
    lots = random.Random(1)  # noqa: S311 - no secret
    any_bits = (struct.unpack("<d", lots.randbytes(8))[0] for _ in range(3000))
    short = (round(lots.uniform(-1, 1), 6) * 10.0 ** lots.randint(-12, 20) for _ in range(2000))
    ties = (lots.randint(1, 10**6) / 2 ** lots.randint(1, 12) for _ in range(2000))
    powers = (sign * 10.0**i for i in range(-30, 30) for sign in (1, -1))
    return [0.0, -0.0, *any_bits, *short, *ties, *powers, *(x for x, _, _ in SPELLED)]


def test_how_numbers_are_written() -> None:
    """Told from integers, with a tie to the even digit, an exponent only where it is short."""
    for x, digits, text in SPELLED:
        assert number(x, digits) == text
    assert number(None) == "-"
    assert number(1 / 3) == "0.3333333333"


def test_numbers_are_rounded_correctly() -> None:
    """What is written is the decimal nearest to the double, by exact arithmetic."""
    for x in some_numbers():
        for digits in (1, ARROW_DIGITS, BOX_DIGITS, DIGITS):
            if x == x and abs(x) != float("inf"):
                exact = Context(prec=digits, rounding=ROUND_HALF_EVEN).create_decimal(x)
                assert exact == Context().create_decimal(number(x, digits))
