"""Where the boxes go: the only place that knows the layout engine.

The engine is Graphviz's dot, from the wheels of PyGraphviz. It sees sizes and numbered edges,
no name and no label, and runs in a process that is killed when it takes too long.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from mgraph.draw import process
from mgraph.errors import GraphError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Point: TypeAlias = tuple[float, float]

MOST_BOXES: Final = 3_000
MOST_EDGES: Final = 10_000

_INCH: Final = 72.0  # pixels; Graphviz's points
_APART: Final = 18  # pixels between boxes of one rank
_RANKS: Final = 44  # pixels between ranks
_CROWDED: Final = 2.5  # edges a box from which ranks stand further apart
_LARGE: Final = 300  # boxes from which edges are straightened less: that takes a third of the time
_FURTHEST: Final = 4  # times


class Link(NamedTuple):
    """An edge to be laid out: from the right of one box to the left of another.

    Attributes:
        tail: The box that it leads from.
        head: The box that it leads to; two links may have the same ends.
        slot: Where it arrives: 0 and 1 are the upper and the lower half, None the middle.
    """

    tail: int
    head: int
    slot: int | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Places in a picture, in pixels from its upper left corner.

    Attributes:
        width: Of the picture.
        height: Of the picture.
        centers: One for each box.
        curves: For each edge the points of a Bézier curve, 3n + 1 of them, and the arrow's tip.
    """

    width: float
    height: float
    centers: tuple[Point, ...]
    curves: tuple[tuple[Point, ...], ...]


def lay_out(
    sizes: Sequence[tuple[float, float]],
    links: Sequence[Link],
    seconds: float = process.SECONDS,
) -> Layout:
    """Place boxes from left to right, with curves between them.

    Args:
        sizes: Width and height of each box, in pixels.
        links: What leads from one to another.
        seconds: How long it may take.

    Raises:
        GraphError: `limit` if it is too much to draw.
        MissingExtraError: There is no engine, or the system lacks a library that it needs.
    """
    process.require("pygraphviz")
    for count, most, what in ((len(sizes), MOST_BOXES, "boxes"), (len(links), MOST_EDGES, "edges")):
        if count > most:
            found = f"a picture of {count:,} {what}"
            raise GraphError.of("limit", found, expected=f"at most {most:,}", fix=process.SMALLER)
    dot = "".join(_dot(sizes, links)).encode("ascii")
    answer, _ = process.run("layout", given=dot, seconds=seconds)
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
    """Read what Graphviz says; its y axis points up, ours down."""
    found = json.loads(answer)
    _, _, width, height = map(float, found["bb"].split(","))

    def point(text: str) -> Point:
        x, y = map(float, text.split(","))
        return x, height - y

    centers = {int(each["name"]): point(each["pos"]) for each in found["objects"]}
    curves = {int(each["comment"]): each["pos"].split() for each in found.get("edges", ())}
    return Layout(
        width,
        height,
        tuple(centers[i] for i in range(count)),
        tuple(
            # "e,x,y" comes first: the tip of the arrow, to which the curve leads
            (*map(point, curves[i][1:]), point(curves[i][0].removeprefix("e,")))
            for i in range(len(curves))
        ),
    )
