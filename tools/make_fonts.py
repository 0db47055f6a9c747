"""Make mgraph/draw/fonts: two small subsets of Inter, and the widths of their characters.

Run it from the top folder, to add characters or to take a newer Inter:

    pip install fonttools==4.68.0 fontpkg-inter==4.1.post1
    python tools/make_fonts.py
"""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

FONTS: Final = Path(__file__).parents[1] / "mgraph" / "draw" / "fonts"
STYLES: Final = {"regular": 400, "bold": 600}
BLOCKS: Final = (
    (0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x3FF), (0x400, 0x4FF), (0x1E00, 0x1EFF),
    (0x2010, 0x2027), (0x2030, 0x205E), (0x2070, 0x209F), (0x20A0, 0x20BF), (0x2100, 0x214F),
    (0x2190, 0x21FF), (0x2200, 0x22FF), (0x25A0, 0x25FF),
)  # fmt: skip
"""Latin, Greek, Cyrillic, punctuation, small figures, currencies, arrows, mathematics, shapes."""


def subset(source: Path, weight: int) -> TTFont:
    """Return one weight of the font, for small sizes, with only the characters of `BLOCKS`."""
    font = instantiateVariableFont(TTFont(source), {"wght": weight, "opsz": 14})
    options = Options()
    options.layout_features = [
        "kern",
        "mark",
        "mkmk",
        "ccmp",
    ]  # no calt: it would make a product of x1w1
    options.hinting = False
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[c for a, z in BLOCKS for c in range(a, z + 1)])
    subsetter.subset(font)
    font["name"].setName("Inter", 1, 3, 1, 0x409)
    font["OS/2"].usWeightClass = weight
    return font


def widths(font: Any) -> dict[str, list[int]]:  # noqa: ANN401 - fontTools has no types
    """Return widths in thousandths of the font's size, by the first character of each run."""
    em = font["head"].unitsPerEm
    runs: dict[int, list[int]] = {}
    start = last = -2
    for char, glyph in sorted(font.getBestCmap().items()):
        if char != last + 1:
            start = char
            runs[start] = []
        runs[start].append(round(font["hmtx"][glyph][0] * 1000 / em))
        last = char
    return {str(start): run for start, run in runs.items()}


def main() -> None:
    """Write the fonts, their widths and their licence."""
    spec = find_spec("fontpkg_inter")
    if spec is None or spec.origin is None:
        raise SystemExit(__doc__)
    home = Path(spec.origin).parent
    FONTS.mkdir(exist_ok=True)
    table = {}
    for style, weight in STYLES.items():
        font = subset(home / "files" / "Inter[opsz,wght].ttf", weight)
        font.save(FONTS / f"inter-{style}.ttf")
        table[style] = widths(font)
    text = json.dumps(table, separators=(",", ":"))
    (FONTS / "widths.json").write_text(text + "\n", encoding="utf-8")
    shutil.copy(home / "LICENSE", FONTS / "LICENSE")


if __name__ == "__main__":
    main()
