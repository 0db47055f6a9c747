"""Text in boxes: making hostile text safe to show, measuring its width, shortening it."""

from __future__ import annotations

import json
import unicodedata
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

from mgraph.errors import printable

FONTS: Final = Path(__file__).with_name("fonts")
"""Inter in two weights, its licence, and `widths.json`; written by tools/make_fonts.py."""

_JOINERS: Final = "\u200c\u200d"  # Persian and emoji need them; they can't reorder anything
MISSING: Final = "□"
"""Shown instead of a character that no font has."""

_EMOJI: Final = 0x1F000
_LONGEST: Final = 160  # characters
_MARKS: Final = ("Mn", "Me")
_PILE: Final = 2
_FLAGS: Final = range(0x1F1E6, 0x1F200)
_SKINS: Final = range(0x1F3FB, 0x1F400)


def one_line(text: str) -> str:
    """Make a text of any script safe to show on one line.

    Control characters, bidi controls and halves of surrogate pairs are escaped. Left out are
    accents beyond two on one letter, and everything beyond the longest text that fits a box.
    """
    cut = text[:_LONGEST]
    if cut.isascii() and cut.isprintable():
        return " ".join(cut.split())
    shown: list[str] = []
    marks = 0
    for c in cut:
        marks = marks + 1 if unicodedata.category(c) in _MARKS else 0
        if marks <= _PILE:
            shown.append(_shown(c))
    return " ".join("".join(shown).split())


def _shown(c: str) -> str:
    if c.isprintable() or c in _JOINERS:
        return c
    return " " if unicodedata.category(c) == "Zs" else printable(c)


@cache
def _widths(weight: str) -> dict[str, float]:
    """Return the widths of the font's characters, as fractions of its size."""
    runs = json.loads((FONTS / "widths.json").read_text(encoding="utf-8"))[weight]
    return {
        chr(int(start) + i): width / 1000
        for start, run in runs.items()
        for i, width in enumerate(run)
    }


def is_covered(text: str) -> bool:
    """Whether our own font has every character of a text."""
    return text.isascii() or all(c in _widths("regular") for c in text)


def width(text: str, size: float, weight: str = "regular") -> float:
    """Return the width of a text in pixels: exact in our font, about right in others."""
    known = _widths(weight)
    glyphs = (known[c] if c in known else _guess(c) for c in _unjoined(text))
    return size * sum(glyphs)


def _unjoined(text: str) -> list[str]:
    """Return the characters except those that a joiner has merged into the one before."""
    kept = [c for before, c in pairwise(text) if before != "\u200d"]
    return [*text[:1], *kept]


def _guess(c: str) -> float:
    """Return the width of a character that other fonts must provide."""
    code = ord(c)
    if code in _FLAGS:
        return 0.65  # two of them make one flag
    if code in _SKINS or unicodedata.category(c) in (*_MARKS, "Cf"):
        return 0.0
    if code >= _EMOJI and unicodedata.category(c) == "So":
        return 1.25
    return 1.0 if unicodedata.east_asian_width(c) in "WF" else 0.65


def clipped(text: str, most: float, size: float, weight: str = "regular") -> str:
    """Shorten a text that is wider than `most` pixels, without splitting a character."""
    if width(text, size, weight) <= most:
        return text
    end = len(text)
    room = most - width("…", size, weight)
    while end and width(text[:end], size, weight) > room:
        end -= 1
    while end and _belongs(text[end - 1], text[end]):
        end -= 1
    return text[:end].rstrip() + "…"


def middle_clipped(name: str, most: float, size: float, weight: str = "regular") -> str:
    """Shorten an id that is too wide, keeping both ends: its last part says most."""
    if width(name, size, weight) <= most:
        return name
    room = most - width("…", size, weight)
    end = len(name)
    while width(name[-end:], size, weight) > room * 0.6:
        end -= 1
    start = len(name) - end
    while width(name[:start] + name[-end:], size, weight) > room:
        start -= 1
    return f"{name[:start]}…{name[-end:]}"


def without(text: str, missing: str) -> str:
    """Replace each character that no font has, with its marks, by one sign."""
    shown: list[str] = []
    for before, c in pairwise(" " + text):
        if c in missing:
            c = MISSING if not _belongs(before, c) else ""  # noqa: PLW2901 - what is shown instead
        elif shown and shown[-1] == MISSING and _belongs(before, c):
            c = ""  # noqa: PLW2901
        shown += c
    return "".join(shown)


def _belongs(before: str, c: str) -> bool:
    """Whether a character attaches to the one before it."""
    joined = c == "\u200d" or before == "\u200d" or ord(c) in _SKINS
    return joined or unicodedata.category(c) in (*_MARKS, "Mc", "Cf")
