"""Make the README's pictures: the output of `mgraph run` on a terminal, and of `mgraph draw`.

Run it from the top folder, after a change to what these commands print or draw:

    python tools/make_picture.py
"""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from mgraph.appearance import KINDS

ROOT: Final = Path(__file__).parents[1]
PICTURE: Final = ROOT / "docs" / "run.svg"
DRAWING: Final = ROOT / "docs" / "draw.svg"
COMMAND: Final = "mgraph run fixtures/neuron.json"
DRAW: Final = "mgraph draw fixtures/neuron.json --format svg -o -"
WIDTH: Final = 100
ASPECT: Final = 0.61
COLUMN: Final = 20 * ASPECT  # pixels
_TEXT: Final = re.compile(
    r'<text class="(?P<style>run-r\d+)" x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)"[^>]*>'
    r"(?P<text>[^<]*)</text>"
)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:], 16)


THEME: Final = TerminalTheme(
    (250, 250, 247),
    (45, 45, 48),
    [
        *((45, 45, 48), (192, 57, 43), (39, 124, 64), (166, 106, 0)),
        *((41, 98, 168), _rgb(KINDS["param"].line[0]), _rgb(KINDS["input"].line[0])),
        (140, 140, 140),
    ],
)
"""Background, foreground, then the eight colours: readable on a white page and on a dark one.

The terminal's magenta and cyan are the colours of params and inputs.
"""


def printed() -> str:
    """Return what the command prints, in colour."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "fixtures").symlink_to(ROOT / "fixtures")
        done = subprocess.run(
            [sys.executable, "-m", "mgraph", *COMMAND.split()[1:]],
            cwd=folder,
            env={**os.environ, "FORCE_COLOR": "1", "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
            encoding="utf-8",
        )
    return done.stdout


def picture() -> str:
    """Draw the command and its output as SVG: the same bytes for the same output."""
    console = Console(
        record=True, width=WIDTH, file=StringIO(), force_terminal=True, legacy_windows=False
    )
    console.print(Text.from_ansi(f"\x1b[2m$\x1b[0m \x1b[1m{COMMAND}\x1b[0m\n\n{printed()}"))
    svg = console.export_svg(title=" ", theme=THEME, unique_id="run", font_aspect_ratio=ASPECT)
    # No font is fetched: every viewer has a monospaced one.
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = svg.replace("Fira Code", "ui-monospace, SFMono-Regular, Menlo, Consolas")
    svg = re.sub(r"\s*font-variant-east-asian: full-width;", "", svg)
    svg = _TEXT.sub(_words, svg)
    return "\n".join(line.rstrip() for line in svg.splitlines() if line.strip()) + "\n"


def _words(match: re.Match[str]) -> str:
    """Position every word separately: not all viewers keep spaces, and fonts differ in width."""
    text = html.unescape(match["text"]).replace("\xa0", " ").rstrip("\n")
    return "\n".join(
        f'<text class="{match["style"]}" x="{float(match["x"]) + word.start() * COLUMN:g}" '
        f'y="{match["y"]}" textLength="{len(word[0]) * COLUMN:g}">{html.escape(word[0])}</text>'
        for word in re.finditer(r"\S+(?: \S+)*", text)
    )


def drawing() -> str:
    """Return the picture of the neuron by `mgraph draw`."""
    done = subprocess.run(
        [sys.executable, "-m", "mgraph", *DRAW.split()[1:]],
        cwd=ROOT, capture_output=True, check=True, encoding="utf-8",
    )  # fmt: skip
    return done.stdout


if __name__ == "__main__":
    DRAWING.write_text(drawing(), encoding="utf-8")
    PICTURE.write_text(picture(), encoding="utf-8")
