"""A picture as SVG: plain shapes and text; no style sheet, no script, nothing from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import hypot, log10
from typing import TYPE_CHECKING, Final

from mgraph.appearance import CORNERS, GROUP, KINDS, OP, REST
from mgraph.draw.cards import ABSENT, NAME_SIZE, STRANGE
from mgraph.draw.text import is_covered, width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.draw.cards import Card
    from mgraph.draw.fold import Edge
    from mgraph.draw.layout import Layout, Point
    from mgraph.draw.themes import Theme

FAMILY: Final = "Inter"
_FAMILIES: Final = f"{FAMILY}, 'Segoe UI', 'Helvetica Neue', Arial, 'Noto Sans', sans-serif"
_AS_WRITTEN: Final = "font-feature-settings:'calt' 0"
"""Inter would show x1w1x2w2 with a multiplication sign in it."""

# Pixels, all of them.
_TAG: Final = 11.0
_ROW: Final = 11.5
_LABEL: Final = 10.0
_NARROWEST: Final = 92.0
_PAD: Final = 11.0
_GAP: Final = 14.0
_HEAD: Final = 27.0
_LINE: Final = 17.0
_FOOT: Final = 5.0
_RING: Final = 4.0
_STACK: Final = 5.0
_PAGE: Final = 18.0
_FITS: Final = 60.0  # up to here, no font is so much wider that the gap would not do
_THICK: Final = 1.2
_THIN: Final = 0.8
_MANY: Final = 200  # edges


@dataclass(frozen=True, slots=True)
class Shape:
    """A box with its texts fitted: what is written in it, and how large it is, in pixels.

    Attributes:
        card: Its content.
        name: The name, cut to fit.
        width: Of the outline.
        height: Of the outline.
    """

    card: Card
    name: str
    width: float
    height: float

    @property
    def room(self) -> tuple[float, float]:
        """Width and height with what stands around the outline."""
        around = 2 * _RING * self.card.is_output + _STACK * (self.card.kind == GROUP)
        return self.width + around, self.height + around

    @property
    def right(self) -> float:
        """Where its texts end on the right."""
        return self.width - _PAD - _point(self.card.kind)


def _point(kind: str) -> float:
    """Return how far the point of a box reaches beyond its texts."""
    corners = KINDS[kind].corners
    return CORNERS[corners] if corners == "point" else 0.0


def shape_of(card: Card) -> Shape:
    """Fit the texts of a box."""
    name = card.short_name()
    if card.kind == REST:
        return Shape(card, name, width(name, _TAG) + 2 * _PAD, 24.0)
    head = width(name, NAME_SIZE, "bold") + _GAP + width(card.tag, _TAG)
    rows = (width(each.name, _ROW) + _GAP + width(each.text, _ROW) for each in card.rows)
    inside = max(head, _NARROWEST - 2 * _PAD, *rows)
    height = _HEAD + _LINE * len(card.rows) + _FOOT * bool(card.rows)
    return Shape(card, name, float(round(inside + 2 * _PAD + _point(card.kind))), height)


def write(
    shapes: Sequence[Shape],
    edges: Sequence[tuple[Edge, str]],
    places: Layout,
    theme: Theme,
    title: str,
) -> str:
    """Write a picture.

    Args:
        shapes: Its boxes.
        edges: Its edges, each with what stands at it.
        places: Where they go.
        theme: The colours.
        title: What a screen reader calls it; visible characters only.

    Returns:
        Well-formed XML without ids, so that several can stand in one page.
    """
    wide, high = (round(x + 2 * _PAGE) for x in (places.width, places.height))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" '
        f'viewBox="0 0 {wide} {high}" role="img" aria-label="{escape(title)}" '
        f'font-family="{_FAMILIES}" fill="{theme.text}" style="{_AS_WRITTEN}">'
    )
    lines = [
        head,
        f'<rect width="{wide}" height="{high}" fill="{theme.page}"/>',
        f'<g transform="translate({_PAGE:g} {_PAGE:g})">',
        *_arrows(edges, places, theme),
        *(_box(shape, at, theme) for shape, at in zip(shapes, places.centers, strict=True)),
        *_edge_labels(edges, places, theme),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _arrows(edges: Sequence[tuple[Edge, str]], places: Layout, theme: Theme) -> Iterator[str]:
    """Draw every edge as a curve, and its arrow's head as a triangle."""
    yield f'<g fill="none" stroke="{theme.edge}">'
    heads = []
    for (edge, _), (*curve, tip) in zip(edges, places.curves, strict=True):
        start, *rest = map(_at, curve)
        thick = _THIN if len(edges) > _MANY else _THICK + min(log10(edge.count), 2.5)
        yield f'<path stroke-width="{thick:.2g}" d="M{start}C{" ".join(rest)}"/>'
        heads.append(_head(curve[-1], tip))
    yield "</g>"
    if heads:
        yield f'<path fill="{theme.edge}" d="{"".join(heads)}"/>'


def _head(base: Point, tip: Point) -> str:
    x, y = tip[0] - base[0], tip[1] - base[1]
    length = hypot(x, y) or 1.0
    side = (-3.2 * y / length, 3.2 * x / length)
    corners = ((base[0] + side[0], base[1] + side[1]), (base[0] - side[0], base[1] - side[1]))
    return f"M{_at(tip)}L{_at(corners[0])}L{_at(corners[1])}Z"


def _at(point: Point) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"


def _edge_labels(edges: Sequence[tuple[Edge, str]], places: Layout, theme: Theme) -> Iterator[str]:
    """Write before an edge's head which operand it is, in its middle how many it stands for."""
    for (edge, text), curve in zip(edges, places.curves, strict=True):
        if not text:
            continue
        x, y = curve[-1] if edge.place is not None else curve[len(curve) // 2]
        anchor = "middle" if edge.place is None else "end"
        yield (
            f'<text x="{x - 9 * (anchor == "end"):.1f}" y="{y - 4:.1f}" text-anchor="{anchor}" '
            f'font-size="{_LABEL:g}" fill="{theme.muted}" stroke="{theme.page}" stroke-width="3" '
            f'stroke-linejoin="round" paint-order="stroke">{escape(text)}</text>'
        )


def _box(shape: Shape, center: Point, theme: Theme) -> str:
    card = shape.card
    ink = theme.kinds[card.kind]
    wide, high = shape.room
    ring = _RING * card.is_output
    left = center[0] - wide / 2 + ring
    top = center[1] - high / 2 + ring + _STACK * (card.kind == GROUP)
    texts = _rest(shape, theme) if card.kind == REST else _texts(shape, theme)
    return "\n".join([
        f'<g transform="translate({left:.1f} {top:.1f})"><title>{escape(card.tip)}</title>',
        *_outlines(shape, ink.fill, theme.output if card.is_output else ink.line),
        *texts,
        "</g>",
    ])  # fmt: skip


def _outlines(shape: Shape, fill: str, line: str) -> Iterator[str]:
    """Draw what tells the kinds apart; an output has a second line around it."""
    kind, w, h = shape.card.kind, shape.width, shape.height
    paint = f'fill="{fill}" stroke="{line}" stroke-width="1.3"'
    if shape.card.is_output:
        stack = _STACK if kind == GROUP else 0.0
        yield (
            f'<path fill="none" stroke="{line}" stroke-width="1.6" '
            f'transform="translate({-_RING:g} {-_RING - stack:g})" '
            f'd="{_outline(kind, w + 2 * _RING + stack, h + 2 * _RING + stack)}"/>'
        )
    if kind == GROUP:
        behind = f'transform="translate({_STACK:g} {-_STACK:g})" d="{_outline(OP, w, h)}"'
        yield f"<path {paint} {behind}/>"
    dashes = ' stroke-dasharray="4 3"' if KINDS[kind].dashed else ""
    yield f'<path {paint}{dashes} d="{_outline(kind, w, h)}"/>'


def _outline(kind: str, w: float, h: float) -> str:
    """Return the outline of a kind of box: its corners tell leaves from ops."""
    corners = KINDS[kind].corners
    c = CORNERS.get(corners, h / 2)
    if corners == "point":
        return f"M0,0H{w - c:g}L{w:g},{h / 2:g}L{w - c:g},{h:g}H0Z"
    if corners == "cut":
        x, y = w - c, h - c
        return f"M{c:g},0H{x:g}L{w:g},{c:g}V{y:g}L{x:g},{h:g}H{c:g}L0,{y:g}V{c:g}Z"
    if corners == "sharp":
        return f"M0,0H{w:g}V{h:g}H0Z"
    arc = f"a{c:g},{c:g} 0 0 1"
    x, y = w - 2 * c, h - 2 * c
    return (
        f"M{c:g},0h{x:g}{arc} {c:g},{c:g}v{y:g}{arc} {-c:g},{c:g}"
        f"h{-x:g}{arc} {-c:g},{-c:g}v{-y:g}{arc} {c:g},{-c:g}Z"
    )


def _texts(shape: Shape, theme: Theme) -> Iterator[str]:
    card = shape.card
    ink = theme.kinds[card.kind]
    yield _name(shape.name)
    yield _text(card.tag, shape.right, 18.0, _TAG, fill=ink.line, end=True)
    tones = {STRANGE: theme.strange, ABSENT: theme.muted}
    colours = {"data": theme.data, "grad": theme.grad}
    for i, row in enumerate(card.rows):
        y = _HEAD + _LINE * (i + 1) - 5.0
        yield _text(row.name, _PAD, y, _ROW, fill=theme.muted)
        fill = tones.get(row.tone) or colours.get(row.name, "")
        yield _text(row.text, shape.right, y, _ROW, fill=fill, end=True)


def _rest(shape: Shape, theme: Theme) -> Iterator[str]:
    yield _text(shape.name, _PAD, 16.0, _TAG, fill=theme.muted)


def _name(name: str) -> str:
    """Write the name of a box so that it stays in its room, whatever font there is.

    A short one may be a little wider than it was measured; it has a gap beside it. A long one,
    and one that needs a font we don't know, is set to its width, letters and all: apart, they
    would look like two words.
    """
    wide = width(name, NAME_SIZE, "bold")
    fit = f' textLength="{wide:.1f}" lengthAdjust="spacingAndGlyphs"'
    if wide < _FITS and is_covered(name):
        fit = ""
    return (
        f'<text x="{_PAD:g}" y="18" font-size="{NAME_SIZE:g}" font-weight="600"{fit}>'
        f"{escape(name)}</text>"
    )


def _text(  # noqa: PLR0913 - as many attributes
    text: str, x: float, y: float, size: float, fill: str = "", *, end: bool = False
) -> str:
    """Write a text that fonts wider than ours leave in its room: beside it there is a gap."""
    colour = f' fill="{fill}"' if fill else ""
    anchor = ' text-anchor="end"' if end else ""
    place = f'<text x="{x:g}" y="{y:g}" font-size="{size:g}"'
    return f"{place}{colour}{anchor}>{escape(text)}</text>"
