"""What stands in each box: the words and numbers of a picture, whatever it is written as."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Final

from mgraph import appearance
from mgraph.appearance import BOX_DIGITS, GROUP, OP, REST, number
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

PLAIN: Final = "plain"
STRANGE: Final = "strange"
ABSENT: Final = "absent"


@dataclass(frozen=True, slots=True)
class Row:
    """One number under the name of a box.

    Attributes:
        name: What it is.
        text: The number, spelled.
        tone: `PLAIN`, `STRANGE` if it is NaN or infinite, `ABSENT` if there is none.
    """

    name: str
    text: str
    tone: str = PLAIN


@dataclass(frozen=True, slots=True)
class Card:
    """The content of a box; its texts are visible characters only, but hostile ones.

    Attributes:
        kind: A key of `appearance.KINDS`.
        is_output: Whether it is, or holds, an output of the graph.
        name: The label, else the id; of a group, what its ids begin with.
        is_label: Whether the name is a label.
        tag: The op; of a group, how many nodes it stands for.
        rows: Its numbers.
        tip: All of it in full, over several lines.
    """

    kind: str
    is_output: bool
    name: str
    is_label: bool
    tag: str
    rows: tuple[Row, ...]
    tip: str

    def short_name(self) -> str:
        """Return the name, cut to what fits into a box."""
        cut = clipped if self.is_label else middle_clipped
        return cut(self.name, WIDEST, NAME_SIZE, "bold")


@dataclass(frozen=True, slots=True)
class CardNumbers:
    """The numbers of a picture: of a run, or of what leaves declare if there is none."""

    data: Mapping[str, float]
    grad: Mapping[str, float] | None

    @classmethod
    def of(cls, graph: Columns, run: Run | None) -> CardNumbers:
        """Take the numbers of a run; without one, the declared ones of leaves."""
        if run is not None:
            return cls(run.data or {}, run.grad)
        without = {*graph.unbound()}
        pairs = zip(graph.leaves, graph.data, strict=True)
        return cls({graph.ids[i]: x for i, x in pairs if i not in without}, None)


def cards_of(graph: Columns, picture: Picture, numbers: CardNumbers) -> list[Card]:
    """Return the content of each box of a picture."""
    used_outside = bytearray(len(graph))
    box_of = {node: i for i, box in enumerate(picture.boxes) for node in box.nodes}
    for arg, user in zip(graph.args, graph.users(), strict=True):
        if box_of.get(arg) != box_of.get(user):
            used_outside[arg] = 1
    for node in graph.outputs:
        used_outside[node] = 1
    return [_card(graph, box, numbers, used_outside) for box in picture.boxes]


def _card(graph: Columns, box: Box, numbers: CardNumbers, used_outside: bytearray) -> Card:
    if box.kind == REST:
        return Card(REST, False, box.name, False, "", (), f"{box.name}, not drawn")  # noqa: FBT003
    if box.kind == GROUP:
        return _group_card(graph, box, numbers, used_outside)
    (node,) = box.nodes
    op = graph.op(node)
    label = one_line(graph.labels.get(node, ""))
    return Card(
        kind=op if op in LEAVES else OP,
        is_output=node in graph.outputs,
        name=label or box.name,
        is_label=bool(label),
        tag=op,
        rows=tuple(_rows(numbers, box.name, op)),
        tip="\n".join(_tip(graph, node, numbers)),
    )


def _group_card(graph: Columns, box: Box, numbers: CardNumbers, used_outside: bytearray) -> Card:
    """Count what is folded; where one node speaks for the group, show its numbers."""
    params = sum(graph.op(node) == PARAM for node in box.nodes)
    rows = [Row("params", f"{params:,}")] if params else []
    shown = [node for node in box.nodes if used_outside[node]]
    count = f"{len(box.nodes):,} node{'s' * (len(box.nodes) != 1)}"
    tip = [box.name, f"{count}, {params:,} of them params"]
    if len(shown) == 1:
        name = graph.ids[shown[0]]
        rows += _rows(numbers, name, graph.op(shown[0]))
        tip += ["", "Its numbers are those of", *_tip(graph, shown[0], numbers)]
    outputs = {*graph.outputs}
    return Card(
        kind=GROUP,
        is_output=any(node in outputs for node in box.nodes),
        name=box.name,
        is_label=False,
        tag=count,
        rows=tuple(rows),
        tip="\n".join(tip),
    )


def _rows(numbers: CardNumbers, name: str, op: str) -> Iterator[Row]:
    if name in numbers.data:
        yield _row("data", numbers.data[name])
    if numbers.grad is None or op == CONST:
        return
    if name in numbers.grad:
        yield _row("grad", numbers.grad[name])
    else:
        yield Row("grad", appearance.ABSENT, ABSENT)


def _row(name: str, x: float) -> Row:
    return Row(name, number(x, BOX_DIGITS), PLAIN if isfinite(x) else STRANGE)


def _tip(graph: Columns, node: int, numbers: CardNumbers) -> Iterator[str]:
    """Say everything of a node, with all digits."""
    name = graph.ids[node]
    label = one_line(graph.labels.get(node, ""))
    yield f"{name}: {label}" if label else name
    args = ", ".join(graph.ids[arg] for arg in graph.arguments(node)[:_TOLD])
    more = ", …" if len(graph.arguments(node)) > _TOLD else ""
    yield f"{graph.op(node)}({args}{more})" if args else graph.op(node)
    if name in numbers.data:
        yield f"data {numbers.data[name]!r}"
    if numbers.grad is not None and name in numbers.grad:
        yield f"grad {numbers.grad[name]!r}"
    if node in graph.outputs:
        yield "output"
    if doc := one_line(graph.docs.get(node, "")):
        yield doc


_TOLD: Final = 8  # arguments


def slot(graph: Columns, picture: Picture, edge: Edge) -> int | None:
    """Return which of two operands an edge is: 0 or 1; None where there are more or fewer."""
    if edge.place is None:
        return None
    (node,) = picture.boxes[edge.head].nodes
    row = OPS[graph.op(node)]
    return edge.place if row.inputs == len(ORDINALS) and not row.fold else None


def edge_label(graph: Columns, picture: Picture, edge: Edge) -> str:
    """Return what stands at an edge: how many it stands for, or which operand it is."""
    if REST in (picture.boxes[edge.tail].kind, picture.boxes[edge.head].kind):
        return ""  # the box says how many
    if edge.count > 1:
        return f"{TIMES}{edge.count:,}"
    place = slot(graph, picture, edge)
    if place is None or graph.op(picture.boxes[edge.head].nodes[0]) not in _ORDERED:
        return ""
    return ORDINALS[place]


_ORDERED: Final = tuple(
    name
    for name, row in OPS.items()
    if row.inputs == len(ORDINALS) and row.step(2.0, 3.0) != row.step(3.0, 2.0)
)
"""The ops whose operands can't be swapped."""
