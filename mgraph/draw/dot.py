"""A picture in DOT, Graphviz's language, for the reader's own Graphviz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mgraph.appearance import KINDS, OUTPUT
from mgraph.draw.box_text import Line, edge_label

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.draw.box_text import BoxText
    from mgraph.draw.fold import Picture
    from mgraph.draw.themes import Theme
    from mgraph.graph.columns import Columns


def write(
    graph: Columns, picture: Picture, texts: Sequence[BoxText], theme: Theme, title: str
) -> Iterator[str]:
    """Yield the lines of a DOT file; texts of the graph occur only inside quoted strings."""
    yield f"digraph {_quoted(title)} {{\n"
    yield f'  graph [rankdir=LR bgcolor="{theme.page}" nodesep=0.25 ranksep=0.6]\n'
    yield f'  node [fontname="Helvetica" fontsize=12 fontcolor="{theme.text}"]\n'
    yield f'  edge [color="{theme.edge}" fontcolor="{theme.muted}" fontsize=10 arrowsize=0.6]\n'
    for i, box in enumerate(texts):
        ink = theme.kinds[box.kind]
        line = theme.output if box.is_output else ink.line
        twice = f" {OUTPUT.dot}" if box.is_output else ""
        yield (
            f"  b{i} [label={_label(box)} tooltip={_quoted(box.tip)} {KINDS[box.kind].dot} "
            f'color="{line}" fillcolor="{ink.fill}"{twice}]\n'
        )
    for edge in picture.edges:
        text = edge_label(graph, picture, edge)
        label = f" [label={_quoted(text)}]" if text else ""
        yield f"  b{edge.tail} -> b{edge.head}{label}\n"
    yield "}\n"


def lines_of(box: BoxText) -> list[str]:
    """Return the texts of a box, one line each."""
    return [box.short_name(), *filter(None, [box.tag]), *map(_line, box.lines)]


def _line(line: Line) -> str:
    return f"{line.name} {line.text}"


def _label(box: BoxText) -> str:
    return '"' + "\\n".join(map(_escaped, lines_of(box))) + '"'


def _quoted(text: str) -> str:
    return '"' + "\\n".join(map(_escaped, text.split("\n"))) + '"'


def _escaped(text: str) -> str:
    """Escape what is special to Graphviz in a string: quotes, its escapes, HTML entities."""
    return text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"')
