"""Colours, for white pages and for dark ones; text on every fill has a contrast of 4.5 at least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mgraph.draw.cards import OP
from mgraph.draw.fold import GROUP, REST
from mgraph.ops import CONST, INPUT, PARAM

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Ink:
    """How one kind of box is painted: its inside, its outline, and the word that tells its op."""

    fill: str
    line: str
    tag: str


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of a picture, each `#rrggbb`."""

    page: str
    text: str
    muted: str
    edge: str
    strange: str
    output: str
    kinds: Mapping[str, Ink]


THEMES: Final[Mapping[str, Theme]] = {
    "light": Theme(
        page="#ffffff",
        text="#1b2432",
        muted="#5d6878",
        edge="#8792a2",
        strange="#c11f2f",
        output="#c2530a",
        kinds={
            INPUT: Ink("#eaf2ff", "#3b76d6", "#1f5bb8"),
            PARAM: Ink("#e6f6ee", "#2a9266", "#17704b"),
            CONST: Ink("#f3f4f6", "#8a94a3", "#566070"),
            OP: Ink("#ffffff", "#aab3c0", "#4a5566"),
            GROUP: Ink("#f3efff", "#8469d6", "#5b3fb5"),
            REST: Ink("#ffffff", "#c3cad4", "#5d6878"),
        },
    ),
    "dark": Theme(
        page="#0e131b",
        text="#e8edf5",
        muted="#98a4b6",
        edge="#66738a",
        strange="#ff8a8f",
        output="#f5a04e",
        kinds={
            INPUT: Ink("#12264a", "#5a93f0", "#93bbff"),
            PARAM: Ink("#0d3226", "#3cab7d", "#78d9b0"),
            CONST: Ink("#1d2430", "#78859a", "#aab5c6"),
            OP: Ink("#18202c", "#4b586c", "#b9c4d4"),
            GROUP: Ink("#271f47", "#8f78e3", "#bcaaff"),
            REST: Ink("#0e131b", "#3c485b", "#98a4b6"),
        },
    ),
}
