"""What differs between two graph files: structure and numbers, by id."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from mgraph.codec import spelled
from mgraph.format.file import HEADER
from mgraph.golden.rerun import ulps
from mgraph.graph.run import bits, question

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mgraph.document import Graph
    from mgraph.graph.run import Run


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same in two files.

    Attributes:
        what: Where it stands: `node x`, `outputs`, `run 2, grad of w`.
        field: Which part of it; empty for the whole.
        a: What the first file says; None: nothing.
        b: What the second file says; None: nothing.
    """

    what: str
    field: str
    a: Any
    b: Any

    @property
    def ulps(self) -> int | None:
        """The distance of two numbers in units in the last place."""
        both = isinstance(self.a, float) and isinstance(self.b, float)
        return ulps(self.a, self.b) if both else None

    def as_json(self) -> dict[str, Any]:
        """Return the fields as plain data."""
        a, b = (spelled(x) if isinstance(x, float) else x for x in (self.a, self.b))
        return {"what": self.what, "field": self.field, "a": a, "b": b, "ulps": self.ulps}


def differences(a: Graph, b: Graph) -> Iterator[Difference]:
    """Compare two graphs: texts, nodes by id, order, outputs, then runs by inputs and seed."""
    for key in HEADER:
        yield from _if_other("document", key, a.header.get(key), b.header.get(key))
    mine, other = a.columns.index, b.columns.index
    for name, node in mine.items():
        if name in other:
            yield from _node(a, b, name)
        else:
            yield Difference(f"node {name}", "", _described(a, node), None)
    for name, node in other.items():
        if name not in mine:
            yield Difference(f"node {name}", "", None, _described(b, node))
    yield from _order(a, b)
    yield from _if_other("outputs", "", [*a.outputs], [*b.outputs])
    yield from _runs(a, b)


def _same(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return bits(a) == bits(b) or (a != a and b != b)
    return a == b


def _if_other(what: str, field: str, a: object, b: object) -> Iterator[Difference]:
    if not _same(a, b):
        yield Difference(what, field, a, b)


def _described(graph: Graph, node: int) -> str:
    columns = graph.columns
    args = ", ".join(columns.ids[arg] for arg in columns.arguments(node))
    return f"{columns.op(node)}({args})" if args else columns.op(node)


def _parts(graph: Graph, name: str) -> dict[str, Any]:
    columns = graph.columns
    node = columns.index[name]
    place = columns.leaf_index.get(node)
    has = place is not None and (columns.has_data is None or columns.has_data[place])
    return {
        "op": columns.op(node),
        "args": [columns.ids[arg] for arg in columns.arguments(node)],
        "data": columns.data[place] if has and place is not None else None,
        "label": columns.labels.get(node),
        "doc": columns.docs.get(node),
        "meta": columns.metas.get(node),
    }


def _node(a: Graph, b: Graph, name: str) -> Iterator[Difference]:
    mine, other = _parts(a, name), _parts(b, name)
    for field, value in mine.items():
        yield from _if_other(f"node {name}", field, value, other[field])


def _order(a: Graph, b: Graph) -> Iterator[Difference]:
    """Compare the evaluation order of the nodes that both have: gradients' bits depend on it."""
    mine = [name for name in a.columns.ids if name in b.columns.index]
    other = [name for name in b.columns.ids if name in a.columns.index]
    for x, y in zip(mine, other, strict=True):
        if x != y:
            yield Difference("evaluation order", "first other node", x, y)
            return


def _runs(a: Graph, b: Graph) -> Iterator[Difference]:
    """Compare the runs that ask the same; the n-th of one file with the n-th of the other."""
    left: dict[Any, deque[int]] = {}
    for i, run in enumerate(b.runs):
        left.setdefault(question(run, b.outputs), deque()).append(i)
    for i, run in enumerate(a.runs):
        same = left.get(question(run, a.outputs))
        if same:
            yield from _run(f"run {i}", run, b.runs[same.popleft()])
        else:
            yield Difference(f"run {i}", "", _asked(run), None)
    for i in sorted(chain.from_iterable(left.values())):
        yield Difference(f"run {i}", "", None, _asked(b.runs[i]))


def _asked(run: Run) -> str:
    """Describe what a run asks."""
    inputs = ", ".join(f"{name}={value!r}" for name, value in run.inputs.items())
    seed = ", ".join(f"seed {name}={value!r}" for name, value in run.seed.items())
    return "; ".join(part for part in (inputs, seed) if part) or "the declared values"


def _run(what: str, a: Run, b: Run) -> Iterator[Difference]:
    for field in ("tolerance", "origin", "graph"):
        mine, other = getattr(a, field), getattr(b, field)
        if mine != other:
            yield Difference(
                what, field, str(mine) if mine else None, str(other) if other else None
            )
    for field in ("data", "grad"):
        yield from _numbers(what, field, getattr(a, field), getattr(b, field))


def _numbers(
    what: str, field: str, a: Mapping[str, float] | None, b: Mapping[str, float] | None
) -> Iterator[Difference]:
    a, b = a or {}, b or {}
    for name in dict.fromkeys((*a, *b)):
        yield from _if_other(f"{what}, {field} of {name}", "", a.get(name), b.get(name))
