"""Positions of boxes and edges, computed by Graphviz's dot.

No other module knows the layout engine, which comes with the wheels of PyGraphviz. It is given
sizes and numbered edges, no names or labels, and is killed when it takes too long.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from mgraph.draw import native_process
from mgraph.errors import GraphError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Point: TypeAlias = tuple[float, float]

MOST_BOXES: Final = 3_000
MOST_EDGES: Final = 10_000

_INCH: Final = 72.0  # pixels; Graphviz's points
_APART: Final = 18  # pixels between boxes of a rank
_RANKS: Final = 44  # pixels between ranks
_CROWDED: Final = 2.5  # edges per box; with more, ranks are further apart
_LARGE: Final = 300  # boxes; with more, edges are straightened less: a third of the time
_FURTHEST: Final = 4  # times as far apart, at most


class Link(NamedTuple):
    """An edge to be laid out: from the right of one box to the left of another.

    Attributes:
        tail: The box where it starts.
        head: The box where it ends; two links may have the same ends.
        slot: Where it enters `head`: 0 is the upper half, 1 the lower half, None the middle.
    """

    tail: int
    head: int
    slot: int | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions in a picture, in pixels from its upper left corner.

    Attributes:
        width: Width of the picture.
        height: Height of the picture.
        centers: The centre of each box.
        curves: For each edge, the 3n + 1 points of a Bézier curve, then the arrow's tip.
    """

    width: float
    height: float
    centers: tuple[Point, ...]
    curves: tuple[tuple[Point, ...], ...]


def lay_out(
    sizes: Sequence[tuple[float, float]],
    links: Sequence[Link],
    seconds: float = native_process.SECONDS,
) -> Layout:
    """Place boxes from left to right, with curves between them.

    Args:
        sizes: Width and height of each box, in pixels.
        links: The edges between them.
        seconds: Time limit.

    Raises:
        GraphError: `limit` if there is too much to draw, or it takes too long.
        MissingExtraError: The engine is not installed, or a system library that it needs.
    """
    native_process.require("pygraphviz")
    for count, most, what in ((len(sizes), MOST_BOXES, "boxes"), (len(links), MOST_EDGES, "edges")):
        if count > most:
            message = f"a picture of {count:,} {what}"
            raise GraphError.of(
                "limit", message, expected=f"at most {most:,}", fix=native_process.SMALLER
            )
    dot = "".join(_dot(sizes, links)).encode("ascii")
    answer, _ = native_process.run("layout", given=dot, seconds=seconds)
    return _read(answer, len(sizes))


def _dot(sizes: Sequence[tuple[float, float]], links: Sequence[Link]) -> Iterator[str]:
    halved = dict.fromkeys(link.head for link in links if link.slot is not None)
    crowd = min(max(len(links) / len(sizes) / _CROWDED, 1.0), _FURTHEST)
    apart = f"nodesep={_APART / _INCH:.4f} ranksep={crowd * _RANKS / _INCH:.4f}"
    haste = f" nslimit={_LARGE / len(sizes):.2f} mclimit=0.3" if len(sizes) > _LARGE else ""
    yield f"digraph {{ rankdir=LR {apart}{haste}\n"
    yield "node [shape=box fixedsize=true] edge [arrowsize=0.6 tailport=e headport=w]\n"
    for i, (width, height) in enumerate(sizes):
        halves = 'shape=record label="<0>|<1>"' if i in halved else 'label=""'
        yield f"{i} [width={width / _INCH:.4f} height={height / _INCH:.4f} {halves}]\n"
    for i, (tail, head, slot) in enumerate(links):
        port = "" if slot is None else f":{slot}:w"
        yield f"{tail} -> {head}{port} [comment={i}]\n"
    yield "}\n"


def _read(answer: bytes, count: int) -> Layout:
    """Read Graphviz's answer, whose y axis points up; ours points down."""
    drawn = json.loads(answer)
    _, _, width, height = map(float, drawn["bb"].split(","))

    def point(text: str) -> Point:
        x, y = map(float, text.split(","))
        return x, height - y

    centers = {int(box["name"]): point(box["pos"]) for box in drawn["objects"]}
    curves = {int(edge["comment"]): edge["pos"].split() for edge in drawn.get("edges", ())}
    return Layout(
        width,
        height,
        tuple(centers[i] for i in range(count)),
        tuple(
            # "e,x,y" comes first: the tip of the arrow, where the curve ends
            (*map(point, curves[i][1:]), point(curves[i][0].removeprefix("e,")))
            for i in range(len(curves))
        ),
    )
