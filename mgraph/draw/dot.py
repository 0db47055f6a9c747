"""A picture as a file in Graphviz's language, for a Graphviz of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgraph.appearance import KINDS, OUTPUT
from mgraph.draw.cards import Row, edge_label

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.draw.cards import Card
    from mgraph.draw.fold import Picture
    from mgraph.draw.themes import Theme
    from mgraph.graph.columns import Columns


def write(
    graph: Columns, picture: Picture, cards: Sequence[Card], theme: Theme, title: str
) -> Iterator[str]:
    """Yield the lines of a DOT file; what the graph says stands in quoted strings only."""
    yield f"digraph {_quoted(title)} {{\n"
    yield f'  graph [rankdir=LR bgcolor="{theme.page}" nodesep=0.25 ranksep=0.6]\n'
    yield f'  node [fontname="Helvetica" fontsize=12 fontcolor="{theme.text}"]\n'
    yield f'  edge [color="{theme.edge}" fontcolor="{theme.muted}" fontsize=10 arrowsize=0.6]\n'
    for i, card in enumerate(cards):
        ink = theme.kinds[card.kind]
        line = theme.output if card.is_output else ink.line
        twice = f" {OUTPUT.dot}" if card.is_output else ""
        yield (
            f"  b{i} [label={_label(card)} tooltip={_quoted(card.tip)} {KINDS[card.kind].dot} "
            f'color="{line}" fillcolor="{ink.fill}"{twice}]\n'
        )
    for edge in picture.edges:
        text = edge_label(graph, picture, edge)
        label = f" [label={_quoted(text)}]" if text else ""
        yield f"  b{edge.tail} -> b{edge.head}{label}\n"
    yield "}\n"


def lines_of(card: Card) -> list[str]:
    """Return the texts of a box, one line each."""
    return [card.short_name(), *filter(None, [card.tag]), *map(_line, card.rows)]


def _line(row: Row) -> str:
    return f"{row.name} {row.text}"


def _label(card: Card) -> str:
    return '"' + "\\n".join(map(_escaped, lines_of(card))) + '"'


def _quoted(text: str) -> str:
    return '"' + "\\n".join(map(_escaped, text.split("\n"))) + '"'


def _escaped(text: str) -> str:
    """Escape what Graphviz reads in a string: quotes, its own escapes, and HTML entities."""
    return text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
