"""How graphs look wherever they are shown: colours, outlines, and the format of numbers.

Pictures, the page and the terminal all use this table, so that an input looks like an input in
each of them. Every command imports this module, so it is plain data, and imports no other.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """The kinds of boxes: leaves, ops, folded groups, and nodes that a picture leaves out."""

    INPUT = "input"
    PARAM = "param"
    CONST = "const"
    OP = "op"
    GROUP = "group"
    REST = "rest"


THEMES: Final = ("light", "dark")
"""The themes, in the order in which colours are listed below."""

COLOURS: Final[Mapping[str, tuple[str, str]]] = {
    "picture": ("#ffffff", "#16181c"),  # behind a picture in a file
    "ground": ("#f7f6f2", "#16181c"),  # behind the picture in the page
    "paper": ("#ffffff", "#1f2227"),  # cards and buttons
    "ink": ("#23262b", "#e9e8e4"),  # text
    "quiet": ("#62666e", "#a2a6ae"),  # less important text
    "line": ("#dcdad2", "#363a41"),  # separators
    "edge": ("#85837b", "#737883"),  # arrows from node to node
    "data": ("#1f5c99", "#86bdf2"),  # values, which flow forward
    "data-soft": ("#dbe8f5", "#213a54"),
    "grad": ("#a8430f", "#f3a271"),  # gradients, which flow back
    "grad-soft": ("#f8e3d5", "#4d3020"),
    "strange": ("#b3142a", "#ff9a9f"),  # NaN and the infinities
    "good": ("#1c6e3d", "#7fd3a0"),
    "focus": ("#0b62d6", "#7db3ff"),
}
"""Colours that don't belong to a kind of node, each in light and in dark."""

CORNERS: Final[Mapping[str, float]] = {"sharp": 0.0, "round": 8.0, "cut": 10.0, "point": 11.0}
"""The corners that outlines have, and their sizes in pixels; a point is only on the right."""


class KindStyle(NamedTuple):
    """How one kind of node is shown.

    Attributes:
        line: The colour of its outline and of its op, in light and in dark.
        fill: The colour inside the outline.
        corners: A key of `CORNERS`, or `pill` for half circles as ends.
        dashed: Whether the outline is dashed.
        dot: Attributes of the most similar outline in Graphviz.
        mermaid: Brackets of the most similar outline in Mermaid.
        terminal: Arguments of `click.style` for its id.
        legend: Its name in the page's legend.
    """

    line: tuple[str, str]
    fill: tuple[str, str]
    corners: str
    dashed: bool
    dot: str
    mermaid: tuple[str, str]
    terminal: Mapping[str, Any]
    legend: str


KINDS: Final[Mapping[str, KindStyle]] = {
    Kind.INPUT: KindStyle(
        line=("#00734f", "#6fe3b8"),
        fill=("#e1f3ea", "#16362b"),
        corners="point",  # like a signpost: a value flows in
        dashed=False,
        dot='shape=cds style="filled" margin="0.2,0.12"',
        mermaid=(">", "]"),
        terminal={"fg": "cyan"},
        legend="input",
    ),
    Kind.PARAM: KindStyle(
        line=("#7d1f86", "#c98ae8"),
        fill=("#f5e8f6", "#362642"),
        corners="cut",
        dashed=False,
        dot='shape=octagon style="filled"',
        mermaid=("{{", "}}"),
        terminal={"fg": "magenta"},
        legend="param, trainable",
    ),
    Kind.CONST: KindStyle(
        line=("#62666e", "#a2a6ae"),
        fill=("#efeeea", "#2a2d33"),
        corners="sharp",
        dashed=True,
        dot='shape=box style="filled,dashed"',
        mermaid=("[", "]"),
        terminal={"dim": True},  # bright black is the background of some colour schemes
        legend="const, no gradient",
    ),
    Kind.OP: KindStyle(
        line=("#62666e", "#a2a6ae"),
        fill=("#ffffff", "#1f2227"),
        corners="round",
        dashed=False,
        dot='shape=box style="filled,rounded"',
        mermaid=("(", ")"),
        terminal={},
        legend="operation",
    ),
    Kind.GROUP: KindStyle(  # drawn as a stack of two
        line=("#62666e", "#a2a6ae"),
        fill=("#efeeea", "#2a2d33"),
        corners="round",
        dashed=False,
        dot='shape=box3d style="filled"',
        mermaid=("[(", ")]"),
        terminal={},
        legend="group of nodes",
    ),
    Kind.REST: KindStyle(
        line=("#85837b", "#737883"),
        fill=("#ffffff", "#16181c"),
        corners="pill",
        dashed=True,
        dot='shape=plaintext style=""',
        mermaid=("([", "])"),
        terminal={},
        legend="nodes that are not drawn",
    ),
}
"""How each `Kind` is shown."""

OUTPUT: Final = KindStyle(
    line=COLOURS["ink"],
    fill=KINDS[Kind.OP].fill,
    corners=KINDS[Kind.OP].corners,
    dashed=False,
    dot="peripheries=2",
    mermaid=("[[", "]]"),
    terminal={"bold": True},
    legend="output",
)
"""Outputs keep their kind, but get this colour and a second line around the outline."""

DIGITS: Final = 10
"""Digits of a number in text and tables."""

BOX_DIGITS: Final = 6
"""Digits of a number in a box of a picture, and in other small spaces."""

ARROW_DIGITS: Final = 4
"""Digits of a number on an arrow."""

ABSENT: Final = "-"
"""Shown instead of a number where there is none."""


def number(x: float | None, digits: int = DIGITS) -> str:
    """Write a number for people, rounded to `digits`, and never like an integer.

    `2.0`, `0.1`, `-0.0`, `1e-07`, `1.5e+300`, `nan`, `inf`, `-inf`: as Python and files write
    numbers, so that it can be pasted into either. Ties are rounded to the even digit.
    """
    if x is None:
        return ABSENT
    text = f"{x:.{digits}g}"
    return text if any(c in text for c in ".en") else text + ".0"
