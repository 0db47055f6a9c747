"""A picture as PNG: what the SVG shows, painted with our own fonts."""

from __future__ import annotations

import re
from typing import Final

from mgraph.draw import process
from mgraph.draw.svg import FAMILY
from mgraph.draw.text import FONTS, is_covered

ZOOM: Final = 2.0
"""Pixels a pixel of the SVG: sharp on today's screens."""

MOST: Final = 24e6
"""Pixels of the largest picture; beyond, it gets coarser."""

_SIZE: Final = re.compile(r'width="(\d+)" height="(\d+)"')
_NO_FONT: Final = re.compile(r"No fonts with a .*?/U\+([0-9A-F]+) character")


def paint(picture: str, seconds: float = process.SECONDS) -> tuple[bytes, str]:
    """Paint a picture that `svg` wrote.

    The machine's own fonts are asked only for characters that ours lack.

    Args:
        picture: The SVG.
        seconds: How long it may take.

    Returns:
        The PNG, and characters that no font has; there may be more of them.

    Raises:
        GraphError: `limit` if it takes too long.
        MissingExtraError: There is no painter, or the system lacks a library that it needs.
    """
    process.require("resvg_py")
    found = _SIZE.search(picture)
    area = float(found[1]) * float(found[2]) if found else 1.0
    zoom = repr(min(ZOOM, (MOST / area) ** 0.5))
    fonts = [str(path) for path in sorted(FONTS.glob("*.ttf"))]
    whose = "own" if is_covered(picture.replace("\n", "")) else "any"
    given = picture.encode()
    painted, said = process.run("paint", zoom, whose, FAMILY, *fonts, given=given, seconds=seconds)
    told = (chr(int(code, 16)) for code in _NO_FONT.findall(said))
    return painted, "".join(dict.fromkeys(c for c in told if not is_covered(c)))
