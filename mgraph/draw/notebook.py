"""What a notebook shows for a Value or a Graph: its picture, if that can be drawn quickly."""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mgraph import draw
from mgraph.document import Graph
from mgraph.engine.values import columns_of
from mgraph.errors import GraphError
from mgraph.graph.ids import default_id
from mgraph.graph.run import Numbers, Run
from mgraph.ops import CONST
from mgraph.value import Value, ancestry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgraph.graph.columns import Columns

LARGEST: Final = 20_000
"""The most nodes of a Graph that is run and shown, folded; for a Value it is `draw.FULL`."""

_SECONDS: Final = 10.0


def picture(thing: object) -> Mapping[str, str]:
    """Return a picture by its media type; nothing if it is too large or can't be drawn.

    Displaying a value must never raise an error in a notebook.
    """
    try:
        drawing = _drawing(thing)
        return {} if drawing is None else {"image/svg+xml": drawing.svg().decode()}
    except Exception:  # noqa: BLE001 - the notebook still has the text
        return {}


def _drawing(thing: object) -> draw.Drawing | None:
    if isinstance(thing, Graph) and len(thing) <= LARGEST:
        run, _ = draw.run_of(thing)
        view = draw.overview(thing.columns)
        drawing = draw.drawing(thing.columns, view.picture, run, thing.name)
    elif isinstance(thing, Value) and _is_small(thing):
        graph = _graph_of(thing)
        drawing = draw.drawing(graph, draw.everything(graph).picture, _run_of(thing, graph))
    else:
        return None
    return replace(drawing, seconds=_SECONDS)


def _is_small(value: Value) -> bool:
    """Whether a Value was computed from at most `draw.FULL` others; stops counting there."""
    seen = {id(value): None}
    stack = [value]
    while stack and len(seen) <= draw.FULL:
        for arg in stack.pop().args:
            if id(arg) not in seen:
                seen[id(arg)] = None
                stack.append(arg)
    return len(seen) <= draw.FULL


def _graph_of(value: Value) -> Columns:
    """Return the graph that computed a Value, even if names are invalid or repeated."""
    try:
        return columns_of([value])
    except GraphError:  # names that can't be ids, or are repeated, become labels
        names = {i: str(v.name) for i, v in enumerate(ancestry([value])) if v.name is not None}
        return replace(columns_of([value], _numbered), labels=names)


def _numbered(values: Sequence[Value]) -> list[str]:
    return [default_id(i) for i in range(len(values))]


def _run_of(value: Value, graph: Columns) -> Run:
    """Return what live Values contain now, as a run."""
    values = ancestry([value])
    nodes = array("I", [i for i, ancestor in enumerate(values) if ancestor.op != CONST])
    data = Numbers(graph, None, array("d", [ancestor.data for ancestor in values]))
    return Run(data, Numbers(graph, nodes, array("d", [values[i].grad for i in nodes])))
