"""The README's pictures."""

from __future__ import annotations

import html
import re
import runpy

from tests.test_readme import BLOCKS, ROOT


def words(svg: str) -> list[str]:
    """Return the texts of a picture."""
    return [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def test_the_pictures_are_up_to_date() -> None:
    """docs/run.svg and docs/draw.svg say what the commands do now, and fetch nothing."""
    script = runpy.run_path(str(ROOT / "tools" / "make_picture.py"))
    picture = script["PICTURE"].read_text(encoding="utf-8")
    assert words(picture) == words(script["picture"]())
    assert words(script["picture"]()) == words(script["picture"]())
    shown = next(block for block in BLOCKS if block.language == "text")
    assert " ".join(words(picture)).split()[4:] == re.sub("(?<=^neuron):", " :", shown.text).split()
    drawing = script["DRAWING"].read_text(encoding="utf-8")
    assert words(drawing) == words(script["drawing"]())
    addresses = {*re.findall(r"https?://[^\s\"<>]+", picture + drawing)}
    assert addresses <= {"http://www.w3.org/2000/svg", "https://www.textualize.io"}
