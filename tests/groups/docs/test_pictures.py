"""The picture of the neuron in the documentation."""

from __future__ import annotations

import html
import re
import runpy

from tests.test_readme import ROOT


def words(svg: str) -> list[str]:
    """Return the texts of a picture."""
    return [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def test_the_picture_is_up_to_date() -> None:
    """docs/draw.svg has the texts that the command draws now, and loads nothing."""
    script = runpy.run_path(str(ROOT / "tools" / "make_picture.py"))
    picture = script["PICTURE"].read_text(encoding="utf-8")
    assert words(picture) == words(script["picture"]())
    assert {*re.findall(r"https?://[^\s\"<>]+", picture)} <= {"http://www.w3.org/2000/svg"}
