"""The words and numbers in the boxes and at the edges of a picture, for every format."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from math import isfinite
from typing import TYPE_CHECKING, Final

from mgraph import appearance
from mgraph.appearance import BOX_DIGITS, Kind, number
from mgraph.draw.fold import BoxKind
from mgraph.draw.text import clipped, middle_clipped, one_line
from mgraph.ops import CONST, LEAVES, OPS, PARAM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mgraph.draw.fold import Box, Edge, Picture
    from mgraph.graph.columns import Columns
    from mgraph.graph.run import Run

NAME_SIZE: Final = 13.0  # pixels
WIDEST: Final = 190.0  # pixels of a name
TIMES: Final = "\N{MULTIPLICATION SIGN}"
ORDINALS: Final = ("1st", "2nd")
_LISTED: Final = 8  # arguments in a tooltip


class Tone(Enum):
    """How a number is coloured: as usual, as NaN or infinite, or as one that is not there."""

    PLAIN = auto()
    STRANGE = auto()
    ABSENT = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """One number under the name of a box.

    Attributes:
        name: What the number is.
        text: How it is written.
        tone: How it is coloured.
    """

    name: str
    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class BoxText:
    """The texts of a box; visible characters only, but they may be hostile.

    Attributes:
        kind: How it looks.
        is_output: Whether it is, or holds, an output of the graph.
        name: The label, else the id; for a group, what its ids begin with.
        is_label: Whether the name is a label.
        tag: The op; for a group, how many nodes it stands for.
        lines: The numbers.
        tip: The tooltip: all of this in full, on several lines.
    """

    kind: Kind
    is_output: bool
    name: str
    is_label: bool
    tag: str
    lines: tuple[Line, ...]
    tip: str

    def short_name(self) -> str:
        """Return the name, cut to what fits into a box."""
        cut = clipped if self.is_label else middle_clipped
        return cut(self.name, WIDEST, NAME_SIZE, "bold")


@dataclass(frozen=True, slots=True)
class BoxNumbers:
    """The numbers of a picture, by node: those of a run, or the values of leaves."""

    data: Mapping[str, float]
    grad: Mapping[str, float] | None

    @classmethod
    def of(cls, graph: Columns, run: Run | None) -> BoxNumbers:
        """Take the numbers of a run; without a run, the values that leaves declare."""
        if run is not None:
            return cls(run.data or {}, run.grad)
        unbound = {*graph.unbound()}
        pairs = zip(graph.leaves, graph.data, strict=True)
        return cls({graph.ids[i]: x for i, x in pairs if i not in unbound}, None)


def box_texts(graph: Columns, picture: Picture, numbers: BoxNumbers) -> list[BoxText]:
    """Return the texts of each box of a picture."""
    used_outside = bytearray(len(graph))
    box_of = {node: i for i, box in enumerate(picture.boxes) for node in box.nodes}
    for arg, user in zip(graph.args, graph.users(), strict=True):
        if box_of.get(arg) != box_of.get(user):
            used_outside[arg] = 1
    for node in graph.outputs:
        used_outside[node] = 1
    return [_node_text(graph, box, numbers, used_outside) for box in picture.boxes]


def _node_text(graph: Columns, box: Box, numbers: BoxNumbers, used_outside: bytearray) -> BoxText:
    if box.kind is BoxKind.REST:
        return BoxText(Kind.REST, False, box.name, False, "", (), f"{box.name}, not drawn")  # noqa: FBT003
    if box.kind is BoxKind.GROUP:
        return _group_text(graph, box, numbers, used_outside)
    (node,) = box.nodes
    op = graph.op(node)
    label = one_line(graph.labels.get(node, ""))
    return BoxText(
        kind=Kind(op) if op in LEAVES else Kind.OP,
        is_output=node in graph.outputs,
        name=label or box.name,
        is_label=bool(label),
        tag=op,
        lines=tuple(_lines(numbers, box.name, op)),
        tip="\n".join(_tip(graph, node, numbers)),
    )


def _group_text(graph: Columns, box: Box, numbers: BoxNumbers, used_outside: bytearray) -> BoxText:
    """Count what is folded; if others use just one node of the group, show its numbers."""
    params = sum(graph.op(node) == PARAM for node in box.nodes)
    lines = [Line("params", f"{params:,}")] if params else []
    shown = [node for node in box.nodes if used_outside[node]]
    count = f"{len(box.nodes):,} node{'s' * (len(box.nodes) != 1)}"
    tip = [box.name, f"{count}, {params:,} of them params"]
    if len(shown) == 1:
        name = graph.ids[shown[0]]
        lines += _lines(numbers, name, graph.op(shown[0]))
        tip += ["", "Its numbers are those of", *_tip(graph, shown[0], numbers)]
    outputs = {*graph.outputs}
    return BoxText(
        kind=Kind.GROUP,
        is_output=any(node in outputs for node in box.nodes),
        name=box.name,
        is_label=False,
        tag=count,
        lines=tuple(lines),
        tip="\n".join(tip),
    )


def _lines(numbers: BoxNumbers, name: str, op: str) -> Iterator[Line]:
    if name in numbers.data:
        yield _line("data", numbers.data[name])
    if numbers.grad is None or op == CONST:
        return
    if name in numbers.grad:
        yield _line("grad", numbers.grad[name])
    else:
        yield Line("grad", appearance.ABSENT, Tone.ABSENT)


def _line(name: str, x: float) -> Line:
    return Line(name, number(x, BOX_DIGITS), Tone.PLAIN if isfinite(x) else Tone.STRANGE)


def _tip(graph: Columns, node: int, numbers: BoxNumbers) -> Iterator[str]:
    """Yield the lines of a tooltip: everything about a node, with all digits."""
    name = graph.ids[node]
    label = one_line(graph.labels.get(node, ""))
    yield f"{name}: {label}" if label else name
    args = ", ".join(graph.ids[arg] for arg in graph.arguments(node)[:_LISTED])
    more = ", …" if len(graph.arguments(node)) > _LISTED else ""
    yield f"{graph.op(node)}({args}{more})" if args else graph.op(node)
    if name in numbers.data:
        yield f"data {numbers.data[name]!r}"
    if numbers.grad is not None and name in numbers.grad:
        yield f"grad {numbers.grad[name]!r}"
    if node in graph.outputs:
        yield "output"
    if doc := one_line(graph.docs.get(node, "")):
        yield doc


def slot(graph: Columns, picture: Picture, edge: Edge) -> int | None:
    """Return which of two operands an edge is, 0 or 1; None if the op does not take two."""
    if edge.position is None:
        return None
    (node,) = picture.boxes[edge.head].nodes
    op = OPS[graph.op(node)]
    return edge.position if op.inputs == len(ORDINALS) and not op.fold else None


def edge_label(graph: Columns, picture: Picture, edge: Edge) -> str:
    """Return the text at an edge: how many arguments it stands for, or which operand it is."""
    if BoxKind.REST in (picture.boxes[edge.tail].kind, picture.boxes[edge.head].kind):
        return ""  # the box says how many
    if edge.count > 1:
        return f"{TIMES}{edge.count:,}"
    position = slot(graph, picture, edge)
    if position is None or graph.op(picture.boxes[edge.head].nodes[0]) not in _ORDERED:
        return ""
    return ORDINALS[position]


_ORDERED: Final = tuple(
    name
    for name, op in OPS.items()
    if op.inputs == len(ORDINALS) and op.step(2.0, 3.0) != op.step(3.0, 2.0)
)
"""The ops whose two operands can't be swapped."""
