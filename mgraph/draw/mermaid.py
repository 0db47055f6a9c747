"""A picture as a Mermaid flowchart, which GitHub, GitLab and many editors display."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mgraph.appearance import KINDS, OUTPUT, Kind
from mgraph.draw.box_text import edge_label
from mgraph.draw.dot import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.draw.box_text import BoxText
    from mgraph.draw.fold import Picture
    from mgraph.draw.themes import Theme
    from mgraph.graph.columns import Columns

MOST_EDGES: Final = 500
MOST_CHARACTERS: Final = 50_000
"""The most that Mermaid draws by default."""

_BACKSLASH: Final = "\N{SET MINUS}"  # Mermaid breaks the line at a real one before an n


def write(
    graph: Columns, picture: Picture, texts: Sequence[BoxText], theme: Theme
) -> Iterator[str]:
    """Yield the lines of a flowchart; texts of the graph contain only letters, digits and codes."""
    yield "flowchart LR\n"
    for i, box in enumerate(texts):
        left, right = (OUTPUT if box.is_output else KINDS[box.kind]).mermaid
        text = "<br/>".join(map(_escaped, lines_of(box)))
        yield f'  b{i}{left}"{text}"{right}:::{"output" if box.is_output else box.kind}\n'
    for edge in picture.edges:
        text = edge_label(graph, picture, edge)
        label = f'|"{_escaped(text)}"|' if text else ""
        yield f"  b{edge.tail} -->{label} b{edge.head}\n"
    for name, kind in KINDS.items():
        ink = theme.kinds[name]
        dashes = ",stroke-dasharray:4 3" if kind.dashed else ""
        yield f"  classDef {name} fill:{ink.fill},stroke:{ink.line},color:{theme.text}{dashes}\n"
    fill = theme.kinds[Kind.OP].fill
    colours = f"fill:{fill},stroke:{theme.output},color:{theme.text}"
    yield f"  classDef output {colours},stroke-width:4px\n"


def _escaped(text: str) -> str:
    """Write every ASCII character except letters, digits, spaces and dots as its code."""
    return "".join(map(_code, text))


def _code(c: str) -> str:
    if c == "\\":
        return _BACKSLASH
    return c if c.isalnum() or c in " ." or not c.isascii() else f"#{ord(c)};"
