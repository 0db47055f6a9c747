"""The colours of pictures on light and dark pages, taken from `appearance`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mgraph import appearance
from mgraph.appearance import COLOURS, KINDS, OUTPUT

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Ink:
    """The colours of one kind of box: its inside, and its outline and the name of its op."""

    fill: str
    line: str


@dataclass(frozen=True, slots=True)
class Theme:
    """The colours of a picture, each `#rrggbb`."""

    page: str
    text: str
    muted: str
    edge: str
    data: str
    grad: str
    strange: str
    output: str
    kinds: Mapping[str, Ink]


def _theme(i: int) -> Theme:
    """Return the theme of this position in `appearance.THEMES`."""
    return Theme(
        page=COLOURS["picture"][i],
        text=COLOURS["ink"][i],
        muted=COLOURS["quiet"][i],
        edge=COLOURS["edge"][i],
        data=COLOURS["data"][i],
        grad=COLOURS["grad"][i],
        strange=COLOURS["strange"][i],
        output=OUTPUT.line[i],
        kinds={name: Ink(kind.fill[i], kind.line[i]) for name, kind in KINDS.items()},
    )


THEMES: Final[Mapping[str, Theme]] = {name: _theme(i) for i, name in enumerate(appearance.THEMES)}
