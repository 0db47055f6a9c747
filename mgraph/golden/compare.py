"""Compare two graph files by id: structure and numbers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from mgraph.codec import spelled
from mgraph.format.file import HEADER
from mgraph.golden.rerun import ulps
from mgraph.graph.run import bits, question

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mgraph.document import Graph
    from mgraph.graph.run import Run

_ABSENT: Final = object()
_TEXTS: Final = tuple(key for key in HEADER if key != "meta")


@dataclass(frozen=True)
class Difference:
    """A difference between two files.

    Attributes:
        what: What differs: `node x`, `outputs`, `run 2, grad of w`.
        field: Which part of it; empty for the whole.
        a: The content of the first file; None if it has none.
        b: The content of the second file; None if it has none.
    """

    what: str
    field: str
    a: Any
    b: Any

    @property
    def ulps(self) -> int | None:
        """The distance of two numbers in units in the last place; None for anything else."""
        both = isinstance(self.a, float) and isinstance(self.b, float)
        return ulps(self.a, self.b) if both else None

    def as_json(self) -> dict[str, Any]:
        """Return the fields as plain data."""
        a, b = (spelled(x) if isinstance(x, float) else x for x in (self.a, self.b))
        return {"what": self.what, "field": self.field, "a": a, "b": b, "ulps": self.ulps}


def differences(a: Graph, b: Graph) -> Iterator[Difference]:
    """Compare two graphs: texts, nodes by id, order, outputs, then runs by inputs and seed."""
    for key in _TEXTS:
        yield from _compare("document", key, a.header.get(key), b.header.get(key))
    x, y = (graph.header.get("meta", _ABSENT) for graph in (a, b))
    yield from _compare_meta("document", x, y)
    index_a, index_b = a.columns.index, b.columns.index
    for name, node in index_a.items():
        if name in index_b:
            yield from _node(a, b, name)
        else:
            yield Difference(f"node {name}", "", _described(a, node), None)
    for name, node in index_b.items():
        if name not in index_a:
            yield Difference(f"node {name}", "", None, _described(b, node))
    yield from _order(a, b)
    yield from _compare("outputs", "", [*a.outputs], [*b.outputs])
    yield from _runs(a, b)


def _are_equal(a: object, b: object) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return bits(a) == bits(b) or (a != a and b != b)
    return a == b


def _compare(what: str, field: str, a: object, b: object) -> Iterator[Difference]:
    if not _are_equal(a, b):
        yield Difference(what, field, a, b)


def _compare_meta(what: str, a: object, b: object) -> Iterator[Difference]:
    """Compare two metas; null is shown as text, because None means that there is no meta."""
    if not _are_same_json(a, b):
        x, y = ("null" if meta is None else None if meta is _ABSENT else meta for meta in (a, b))
        yield Difference(what, "meta", x, y)


def _are_same_json(a: object, b: object) -> bool:
    """Whether two values are the same in JSON: true is not 1, but 1 is 1.0."""
    pairs = [(a, b)]
    while pairs:
        x, y = pairs.pop()
        if isinstance(x, dict) and isinstance(y, dict) and x.keys() == y.keys():
            pairs.extend((x[key], y[key]) for key in x)
        elif isinstance(x, list) and isinstance(y, list) and len(x) == len(y):
            pairs.extend(zip(x, y, strict=True))
        elif isinstance(x, bool) != isinstance(y, bool) or not _are_equal(x, y):
            return False
    return True


def _described(graph: Graph, node: int) -> str:
    columns = graph.columns
    args = ", ".join(columns.ids[arg] for arg in columns.arguments(node))
    return f"{columns.op(node)}({args})" if args else columns.op(node)


def _parts(graph: Graph, name: str) -> dict[str, Any]:
    columns = graph.columns
    node = columns.index[name]
    leaf = columns.leaf_index.get(node)
    has_data = leaf is not None and (columns.has_data is None or columns.has_data[leaf])
    return {
        "op": columns.op(node),
        "args": [columns.ids[arg] for arg in columns.arguments(node)],
        "data": columns.data[leaf] if has_data and leaf is not None else None,
        "label": columns.labels.get(node),
        "doc": columns.docs.get(node),
    }


def _node(a: Graph, b: Graph, name: str) -> Iterator[Difference]:
    parts_a, parts_b = _parts(a, name), _parts(b, name)
    for field, value in parts_a.items():
        yield from _compare(f"node {name}", field, value, parts_b[field])
    x, y = (graph.columns.metas.get(graph.columns.index[name], _ABSENT) for graph in (a, b))
    yield from _compare_meta(f"node {name}", x, y)


def _order(a: Graph, b: Graph) -> Iterator[Difference]:
    """Compare the evaluation order of common nodes, because the bits of gradients depend on it."""
    ids_a = [name for name in a.columns.ids if name in b.columns.index]
    ids_b = [name for name in b.columns.ids if name in a.columns.index]
    for x, y in zip(ids_a, ids_b, strict=True):
        if x != y:
            yield Difference("evaluation order", "first other node", x, y)
            return


def _runs(a: Graph, b: Graph) -> Iterator[Difference]:
    """Compare runs with equal inputs and seeds: the n-th of one file with the n-th of the other."""
    unmatched: dict[Any, deque[int]] = {}
    for i, run in enumerate(b.runs):
        unmatched.setdefault(question(run, b.outputs), deque()).append(i)
    for i, run in enumerate(a.runs):
        matches = unmatched.get(question(run, a.outputs))
        if matches:
            yield from _run(f"run {i}", run, b.runs[matches.popleft()])
        else:
            yield Difference(f"run {i}", "", _inputs_and_seed(run), None)
    for i in sorted(chain.from_iterable(unmatched.values())):
        yield Difference(f"run {i}", "", None, _inputs_and_seed(b.runs[i]))


def _inputs_and_seed(run: Run) -> str:
    inputs = ", ".join(f"{name}={value!r}" for name, value in run.inputs.items())
    seed = ", ".join(f"seed {name}={value!r}" for name, value in run.seed.items())
    return "; ".join(part for part in (inputs, seed) if part) or "the declared values"


def _run(what: str, a: Run, b: Run) -> Iterator[Difference]:
    for field in ("tolerance", "origin", "graph"):
        x, y = getattr(a, field), getattr(b, field)
        if x != y:
            yield Difference(what, field, str(x) if x else None, str(y) if y else None)
    for field in ("data", "grad"):
        yield from _numbers(what, field, getattr(a, field), getattr(b, field))


def _numbers(
    what: str, field: str, a: Mapping[str, float] | None, b: Mapping[str, float] | None
) -> Iterator[Difference]:
    if not a and not b and (a is None) != (b is None):  # absent: not stated; empty: no node has one
        yield Difference(
            f"{what}, {field}", "", None if a is None else {}, None if b is None else {}
        )
    a, b = a or {}, b or {}
    for name in dict.fromkeys((*a, *b)):
        yield from _compare(f"{what}, {field} of {name}", "", a.get(name), b.get(name))
