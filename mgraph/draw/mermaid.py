"""A picture as a Mermaid flowchart, which GitHub, GitLab and many editors show by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mgraph.appearance import KINDS, OP, OUTPUT
from mgraph.draw.cards import edge_label
from mgraph.draw.dot import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.draw.cards import Card
    from mgraph.draw.fold import Picture
    from mgraph.draw.themes import Theme
    from mgraph.graph.columns import Columns

MOST_EDGES: Final = 500
MOST_CHARACTERS: Final = 50_000
"""What Mermaid draws unless its page is configured otherwise."""

_BACKSLASH: Final = (
    "\N{SET MINUS}"  # Mermaid would take the code of a real one, and an n, for a new line
)


def write(graph: Columns, picture: Picture, cards: Sequence[Card], theme: Theme) -> Iterator[str]:
    """Yield the lines of a flowchart; what the graph says is spelled in letters and codes only."""
    yield "flowchart LR\n"
    for i, card in enumerate(cards):
        left, right = (OUTPUT if card.is_output else KINDS[card.kind]).mermaid
        text = "<br/>".join(map(_escaped, lines_of(card)))
        yield f'  b{i}{left}"{text}"{right}:::{"output" if card.is_output else card.kind}\n'
    for edge in picture.edges:
        text = edge_label(graph, picture, edge)
        label = f'|"{_escaped(text)}"|' if text else ""
        yield f"  b{edge.tail} -->{label} b{edge.head}\n"
    for name, kind in KINDS.items():
        ink = theme.kinds[name]
        dashes = ",stroke-dasharray:4 3" if kind.dashed else ""
        yield f"  classDef {name} fill:{ink.fill},stroke:{ink.line},color:{theme.text}{dashes}\n"
    fill = theme.kinds[OP].fill
    colours = f"fill:{fill},stroke:{theme.output},color:{theme.text}"
    yield f"  classDef output {colours},stroke-width:4px\n"


def _escaped(text: str) -> str:
    """Spell every ASCII character that is no letter, digit, space or dot by its code."""
    return "".join(map(_spelled, text))


def _spelled(c: str) -> str:
    if c == "\\":
        return _BACKSLASH
    return c if c.isalnum() or c in " ." or not c.isascii() else f"#{ord(c)};"
