"""The texts of pictures, measured by another reader of fonts."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from fontTools.pens.boundsPen import BoundsPen
from fontTools.svgLib.path import parse_path
from fontTools.ttLib import TTFont

from mgraph import loads
from mgraph.draw.text import FONTS, is_covered, width
from tests.command_line import NEURON
from tests.draw.test_draw import SVG, boxes, drawn, every_op, hostile

if TYPE_CHECKING:
    import xml.etree.ElementTree as ET


@pytest.fixture(scope="module")
def fonts() -> dict[str, Any]:
    """Return our fonts, as another library reads them."""
    return {style: TTFont(FONTS / f"inter-{style}.ttf") for style in ("regular", "bold")}


def test_widths_are_those_of_the_fonts(fonts: dict[str, Any]) -> None:
    """Each character is as wide as the font says, to a thousandth of its size."""
    for style, font in fonts.items():
        em = font["head"].unitsPerEm
        for code, glyph in font.getBestCmap().items():
            assert is_covered(chr(code))
            measured = width(chr(code), 1000.0, style)
            assert measured == pytest.approx(font["hmtx"][glyph][0] * 1000 / em, abs=0.51)


@pytest.mark.parametrize("make", [hostile, every_op, NEURON.read_bytes], ids=lambda f: f.__name__)
def test_texts_stay_in_their_boxes(make: Any, fonts: dict[str, Any]) -> None:  # noqa: ANN401
    """No text reaches over its outline, nor into what stands beside it."""
    data = make()
    outputs = loads(data).outputs
    for box in boxes(drawn(data, seed={outputs[0]: 1.0}).svg()).values():
        *_, outline = box.iter(f"{SVG}path")
        pen = BoundsPen(None)
        parse_path(outline.get("d", ""), pen)
        right = pen.bounds[2]
        spans = [span(text, fonts) for text in box.iter(f"{SVG}text")]
        assert all(a >= 8 and b <= right - 8 for a, b in spans)
        for (_, end), (start, _) in list(pairwise(spans))[::2]:
            assert end + 8 <= start


def span(text: ET.Element, fonts: dict[str, Any]) -> tuple[float, float]:
    """Return where a text begins and ends: as it is told to, else as our font is."""
    x, size = float(text.get("x", "")), float(text.get("font-size", ""))
    font = fonts["bold" if text.get("font-weight") else "regular"]
    known = text.get("textLength")
    em, cmap = font["head"].unitsPerEm, font.getBestCmap()
    advance = float(known) if known else sum(
        font["hmtx"][cmap[ord(c)]][0] * size / em for c in text.text or ""
    )  # fmt: skip
    return (x - advance, x) if text.get("text-anchor") == "end" else (x, x + advance)
