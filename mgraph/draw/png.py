"""A picture as PNG: the SVG, painted with our own fonts."""

from __future__ import annotations

import re
from typing import Final

from mgraph.draw import native_process
from mgraph.draw.svg import FAMILY
from mgraph.draw.text import FONTS, is_covered

ZOOM: Final = 2.0
"""Pixels per pixel of the SVG: sharp on today's screens."""

MOST: Final = 24e6
"""Most pixels of a picture; larger pictures get coarser."""

_SIZE: Final = re.compile(r'width="(\d+)" height="(\d+)"')
_NO_FONT: Final = re.compile(r"No fonts with a .*?/U\+([0-9A-F]+) character")


def paint(picture: str, seconds: float = native_process.SECONDS) -> tuple[bytes, str]:
    """Paint a picture that `svg` wrote.

    The system's fonts are used only for characters that ours lack.

    Args:
        picture: The SVG.
        seconds: Time limit.

    Returns:
        The PNG, and characters that no font has; there may be others.

    Raises:
        GraphError: `limit` if it takes too long.
        MissingExtraError: The painter is not installed, or a system library that it needs.
    """
    native_process.require("resvg_py")
    size = _SIZE.search(picture)
    area = float(size[1]) * float(size[2]) if size else 1.0
    zoom = repr(min(ZOOM, (MOST / area) ** 0.5))
    fonts = [str(path) for path in sorted(FONTS.glob("*.ttf"))]
    whose = "own" if is_covered(picture.replace("\n", "")) else "any"
    given = picture.encode()
    painted, printed = native_process.run(
        "paint", zoom, whose, FAMILY, *fonts, given=given, seconds=seconds
    )
    missing = (chr(int(code, 16)) for code in _NO_FONT.findall(printed))
    return painted, "".join(dict.fromkeys(c for c in missing if not is_covered(c)))
