"""QR codes of links: read back by another program from what a terminal shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zxingcpp

from mgraph.errors import GraphError, MissingExtraError
from mgraph.service import qr

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURED = re.compile(r"\x1b\[38;5;16;48;5;231m([ ▀▄█]+)\x1b\[0m")
HALVES = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}


def picture(lines: Sequence[str], painted: int, ground: int) -> np.ndarray:
    """Return what a terminal shows, 4 pixels for half a character, on a wider ground."""
    rows = [
        [painted if HALVES[c][half] else ground for c in line] for line in lines for half in (0, 1)
    ]
    pixels = np.array(rows, np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    return np.pad(pixels, 40, constant_values=ground)


def texts(pixels: np.ndarray) -> list[str]:
    """Return what a reader of QR codes finds."""
    return [code.text for code in zxingcpp.read_barcodes(pixels)]


@pytest.mark.parametrize("length", [1, 300, 677, 1199, 1200])
def test_a_code_is_read_as_its_link(length: int) -> None:
    """In black and white, and without colours on a dark and on a light terminal."""
    link = ("mgraph:z=" + "aB3-_zQ" * 200)[:length]
    rows = qr.modules(link)
    lines = COLOURED.findall(qr.in_colour(rows))
    assert len(lines) == len(qr.in_colour(rows).splitlines())
    assert {len(line) for line in lines} == {len(rows)}
    assert texts(picture(lines, 0, 255)) == [link]
    plain = qr.plain(rows).splitlines()
    assert texts(picture(plain, 255, 0)) == [link]
    assert texts(picture(plain, 0, 255)) == [link]


def test_a_long_link_is_refused() -> None:
    """More than 1,200 characters make a code that phones can't read."""
    with pytest.raises(GraphError, match="1,201 characters, too many for a QR code") as caught:
        qr.modules("x" * 1201)
    assert caught.value.diagnostics[0].code == "size"


def test_without_the_extra_there_is_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message has the command that installs what is missing."""
    monkeypatch.setattr(qr, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"needs segno.*pip install .*\[serve\]"):
        qr.modules("x")
