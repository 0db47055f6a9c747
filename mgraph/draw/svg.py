"""A picture as SVG: plain shapes and text, without style sheets, scripts or outside files."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import hypot, log10
from typing import TYPE_CHECKING, Final

from mgraph.appearance import CORNERS, KINDS, Kind
from mgraph.draw.box_text import NAME_SIZE, Tone
from mgraph.draw.text import is_covered, width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.draw.box_text import BoxText
    from mgraph.draw.fold import Edge
    from mgraph.draw.layout import Layout, Point
    from mgraph.draw.themes import Theme

FAMILY: Final = "Inter"
_FAMILIES: Final = f"{FAMILY}, 'Segoe UI', 'Helvetica Neue', Arial, 'Noto Sans', sans-serif"
_AS_WRITTEN: Final = "font-feature-settings:'calt' 0"
"""Keeps Inter from showing the x in x1w1x2w2 as a multiplication sign."""

# All in pixels.
_TAG: Final = 11.0
_NUMBER: Final = 11.5
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
_FITS: Final = 60.0  # names up to this width fit beside the gap in any font
_THICK: Final = 1.2
_THIN: Final = 0.8
_MANY: Final = 200  # edges


@dataclass(frozen=True, slots=True)
class Shape:
    """A box with its texts cut to fit, and its size in pixels.

    Attributes:
        text: What is written in it.
        name: The name, cut to fit.
        width: Width of the outline.
        height: Height of the outline.
    """

    text: BoxText
    name: str
    width: float
    height: float

    @property
    def room(self) -> tuple[float, float]:
        """Width and height, including what is drawn around the outline."""
        around = 2 * _RING * self.text.is_output + _STACK * (self.text.kind == Kind.GROUP)
        return self.width + around, self.height + around

    @property
    def right(self) -> float:
        """Where its texts end on the right."""
        return self.width - _PAD - _point(self.text.kind)


def _point(kind: str) -> float:
    """Return how far the point of a box extends beyond its texts."""
    corners = KINDS[kind].corners
    return CORNERS[corners] if corners == "point" else 0.0


def shape_of(text: BoxText) -> Shape:
    """Cut the texts of a box to fit, and measure the box."""
    name = text.short_name()
    if text.kind == Kind.REST:
        return Shape(text, name, width(name, _TAG) + 2 * _PAD, 24.0)
    head = width(name, NAME_SIZE, "bold") + _GAP + width(text.tag, _TAG)
    lines = (width(line.name, _NUMBER) + _GAP + width(line.text, _NUMBER) for line in text.lines)
    inside = max(head, _NARROWEST - 2 * _PAD, *lines)
    height = _HEAD + _LINE * len(text.lines) + _FOOT * bool(text.lines)
    return Shape(text, name, float(round(inside + 2 * _PAD + _point(text.kind))), height)


def write(
    shapes: Sequence[Shape],
    edges: Sequence[tuple[Edge, str]],
    layout: Layout,
    theme: Theme,
    title: str,
) -> str:
    """Write a picture.

    Args:
        shapes: The boxes.
        edges: The edges, each with its text.
        layout: Where they go.
        theme: The colours.
        title: What a screen reader says; visible characters only.

    Returns:
        Well-formed XML without ids, so that one page can contain several pictures.
    """
    wide, high = (round(x + 2 * _PAGE) for x in (layout.width, layout.height))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" '
        f'viewBox="0 0 {wide} {high}" role="img" aria-label="{escape(title)}" '
        f'font-family="{_FAMILIES}" fill="{theme.text}" style="{_AS_WRITTEN}">'
    )
    lines = [
        head,
        f'<rect width="{wide}" height="{high}" fill="{theme.page}"/>',
        f'<g transform="translate({_PAGE:g} {_PAGE:g})">',
        *_arrows(edges, layout, theme),
        *(_box(shape, at, theme) for shape, at in zip(shapes, layout.centers, strict=True)),
        *_edge_labels(edges, layout, theme),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _arrows(edges: Sequence[tuple[Edge, str]], layout: Layout, theme: Theme) -> Iterator[str]:
    """Yield every edge as a curve, then all arrowheads as triangles."""
    yield f'<g fill="none" stroke="{theme.edge}">'
    heads = []
    for (edge, _), (*curve, tip) in zip(edges, layout.curves, strict=True):
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


def _edge_labels(edges: Sequence[tuple[Edge, str]], layout: Layout, theme: Theme) -> Iterator[str]:
    """Yield the texts at edges: an operand's position at the head, a count in the middle."""
    for (edge, text), curve in zip(edges, layout.curves, strict=True):
        if not text:
            continue
        x, y = curve[-1] if edge.position is not None else curve[len(curve) // 2]
        anchor = "middle" if edge.position is None else "end"
        yield (
            f'<text x="{x - 9 * (anchor == "end"):.1f}" y="{y - 4:.1f}" text-anchor="{anchor}" '
            f'font-size="{_LABEL:g}" fill="{theme.muted}" stroke="{theme.page}" stroke-width="3" '
            f'stroke-linejoin="round" paint-order="stroke">{escape(text)}</text>'
        )


def _box(shape: Shape, center: Point, theme: Theme) -> str:
    box = shape.text
    ink = theme.kinds[box.kind]
    wide, high = shape.room
    ring = _RING * box.is_output
    left = center[0] - wide / 2 + ring
    top = center[1] - high / 2 + ring + _STACK * (box.kind == Kind.GROUP)
    texts = _rest(shape, theme) if box.kind == Kind.REST else _texts(shape, theme)
    return "\n".join([
        f'<g transform="translate({left:.1f} {top:.1f})"><title>{escape(box.tip)}</title>',
        *_outlines(shape, ink.fill, theme.output if box.is_output else ink.line),
        *texts,
        "</g>",
    ])  # fmt: skip


def _outlines(shape: Shape, fill: str, line: str) -> Iterator[str]:
    """Yield the outline of a box's kind; an output has a second line around it."""
    kind, w, h = shape.text.kind, shape.width, shape.height
    paint = f'fill="{fill}" stroke="{line}" stroke-width="1.3"'
    if shape.text.is_output:
        stack = _STACK if kind == Kind.GROUP else 0.0
        yield (
            f'<path fill="none" stroke="{line}" stroke-width="1.6" '
            f'transform="translate({-_RING:g} {-_RING - stack:g})" '
            f'd="{_outline(kind, w + 2 * _RING + stack, h + 2 * _RING + stack)}"/>'
        )
    if kind == Kind.GROUP:
        behind = f'transform="translate({_STACK:g} {-_STACK:g})" d="{_outline(Kind.OP, w, h)}"'
        yield f"<path {paint} {behind}/>"
    dashes = ' stroke-dasharray="4 3"' if KINDS[kind].dashed else ""
    yield f'<path {paint}{dashes} d="{_outline(kind, w, h)}"/>'


def _outline(kind: str, w: float, h: float) -> str:
    """Return the outline of a kind of box as the `d` of an SVG path."""
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
    box = shape.text
    ink = theme.kinds[box.kind]
    yield _name(shape.name)
    yield _text(box.tag, shape.right, 18.0, _TAG, fill=ink.line, end=True)
    tones = {Tone.STRANGE: theme.strange, Tone.ABSENT: theme.muted}
    colours = {"data": theme.data, "grad": theme.grad}
    for i, line in enumerate(box.lines):
        y = _HEAD + _LINE * (i + 1) - 5.0
        yield _text(line.name, _PAD, y, _NUMBER, fill=theme.muted)
        fill = tones.get(line.tone) or colours.get(line.name, "")
        yield _text(line.text, shape.right, y, _NUMBER, fill=fill, end=True)


def _rest(shape: Shape, theme: Theme) -> Iterator[str]:
    yield _text(shape.name, _PAD, 16.0, _TAG, fill=theme.muted)


def _name(name: str) -> str:
    """Write the name of a box so that it stays in the box, whatever font the viewer has.

    A short name may be a little wider than measured, because there is a gap beside it. A long
    one, and one in a font we don't know, is squeezed or stretched to the measured width, glyphs
    included: with wider spaces alone it would look like two words.
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
    """Write a text; the gap beside it leaves room for fonts that are wider than ours."""
    colour = f' fill="{fill}"' if fill else ""
    anchor = ' text-anchor="end"' if end else ""
    start = f'<text x="{x:g}" y="{y:g}" font-size="{size:g}"'
    return f"{start}{colour}{anchor}>{escape(text)}</text>"
