"""Compare two graph files by id: structure and numbers."""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass
from itertools import chain, islice, repeat
from math import nan
from typing import TYPE_CHECKING, Any, Final

from mgraph.codec import spelled
from mgraph.format.file import HEADER
from mgraph.golden.lazy import Lazy
from mgraph.golden.match import ABSENT, Match
from mgraph.golden.rerun import ulps
from mgraph.graph.run import bits, numbers_over, question

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mgraph.document import Graph
    from mgraph.graph.columns import Columns
    from mgraph.graph.run import Numbers, Run

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


def compare(a: Graph, b: Graph, most: int) -> tuple[list[Difference], int]:
    """Return the first `most` differences of two graphs, and how many more there are."""
    shown: list[Difference] = []
    count = 0
    for chunk in _chunks(a, b):
        shown.extend(islice(chunk, most - len(shown)))
        count += len(chunk)
    return shown, count - len(shown)


def differences(a: Graph, b: Graph) -> Iterator[Difference]:
    """Compare two graphs: texts, nodes by id, order, outputs, then runs by inputs and seed."""
    return chain.from_iterable(_chunks(a, b))


def _chunks(a: Graph, b: Graph) -> Iterator[Sequence[Difference]]:
    """Yield the differences in chunks; those of a million numbers are counted, not created."""
    for key in _TEXTS:
        yield [*_compare("document", key, a.header.get(key), b.header.get(key))]
    x, y = (graph.header.get("meta", _ABSENT) for graph in (a, b))
    yield [*_compare_meta("document", x, y)]
    match = Match.of(a.columns, b.columns)
    yield from _nodes(match)
    yield [*_order(match)]
    yield [*_compare("outputs", "", [*a.outputs], [*b.outputs])]
    yield from _runs(a, b, match)


def _nodes(match: Match) -> Iterator[Sequence[Difference]]:
    """Compare all nodes: those of the first graph, then those that only the second has."""
    for node in match.suspects():
        if match.in_b[node] != ABSENT:
            yield [*_node(match, node)]
        else:
            what = f"node {match.a.ids[node]}"
            yield [Difference(what, "", _described(match.a, node), None)]

    def added(node: int) -> Difference:
        return Difference(f"node {match.b.ids[node]}", "", None, _described(match.b, node))

    yield Lazy(match.only_b, added)


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


def _described(columns: Columns, node: int) -> str:
    args = ", ".join(columns.ids[arg] for arg in columns.arguments(node))
    return f"{columns.op(node)}({args})" if args else columns.op(node)


def _parts(columns: Columns, node: int) -> dict[str, Any]:
    leaf = columns.leaf_index.get(node)
    has_data = leaf is not None and (columns.has_data is None or columns.has_data[leaf])
    return {
        "op": columns.op(node),
        "args": [columns.ids[arg] for arg in columns.arguments(node)],
        "data": columns.data[leaf] if has_data and leaf is not None else None,
        "label": columns.labels.get(node),
        "doc": columns.docs.get(node),
    }


def _node(match: Match, node: int) -> Iterator[Difference]:
    """Compare a node of the first graph with the one of the same id in the second."""
    name = match.a.ids[node]
    parts_a, parts_b = _parts(match.a, node), _parts(match.b, match.in_b[node])
    for field, value in parts_a.items():
        yield from _compare(f"node {name}", field, value, parts_b[field])
    x, y = match.a.metas.get(node, _ABSENT), match.b.metas.get(match.in_b[node], _ABSENT)
    yield from _compare_meta(f"node {name}", x, y)


def _order(match: Match) -> Iterator[Difference]:
    """Compare the evaluation order of common nodes, because the bits of gradients depend on it."""
    nodes = match.first_out_of_order()
    if nodes is not None:
        x, y = match.a.ids[nodes[0]], match.b.ids[nodes[1]]
        yield Difference("evaluation order", "first other node", x, y)


def _runs(a: Graph, b: Graph, match: Match) -> Iterator[Sequence[Difference]]:
    """Compare runs with equal inputs and seeds: the n-th of one file with the n-th of the other."""
    unmatched: dict[Any, deque[int]] = {}
    for i, run in enumerate(b.runs):
        unmatched.setdefault(question(run, b.outputs), deque()).append(i)
    for i, run in enumerate(a.runs):
        matches = unmatched.get(question(run, a.outputs))
        if matches:
            yield from _run(f"run {i}", run, b.runs[matches.popleft()], match)
        else:
            yield [Difference(f"run {i}", "", _described_run(run), None)]
    for i in sorted(chain.from_iterable(unmatched.values())):
        yield [Difference(f"run {i}", "", None, _described_run(b.runs[i]))]


def _described_run(run: Run) -> str:
    """Describe a run that the other file doesn't have: what it asks for, and what it lets pass."""
    inputs = ", ".join(f"{name}={value!r}" for name, value in run.inputs.items())
    seed = ", ".join(f"seed {name}={value!r}" for name, value in run.seed.items())
    asked = "; ".join(part for part in (inputs, seed) if part) or "the declared values"
    return f"{asked}; tolerance {run.tolerance}" if run.tolerance else asked


def _run(what: str, a: Run, b: Run, match: Match) -> Iterator[Sequence[Difference]]:
    for field in ("math", "tolerance", "origin", "graph"):
        x, y = getattr(a, field), getattr(b, field)
        if x != y:
            yield [Difference(what, field, str(x) if x else None, str(y) if y else None)]
    for field in ("data", "grad"):
        x, y = getattr(a, field), getattr(b, field)
        if not x and not y and (x is None) != (y is None):
            # absent: nothing is stated; empty: no node has one
            stated: list[Any] = [None if numbers is None else {} for numbers in (x, y)]
            yield [Difference(f"{what}, {field}", "", *stated)]
        yield _numbers(f"{what}, {field}", x, y, match)


def _numbers(
    what: str, a: Mapping[str, float] | None, b: Mapping[str, float] | None, match: Match
) -> Sequence[Difference]:
    """Compare values or gradients: those of the first run, then those that only the second has."""
    ours, theirs = numbers_over(a or {}, match.a), numbers_over(b or {}, match.b)

    def difference(key: int) -> Difference:
        if key < 0:
            return Difference(f"{what} of {match.b.ids[~key]}", "", None, theirs.of(~key))
        other = match.in_b[key]
        y = None if other == ABSENT else theirs.of(other)
        return Difference(f"{what} of {match.a.ids[key]}", "", ours.of(key), y)

    return Lazy(_unlike(ours, theirs, match), difference)


def _unlike(a: Numbers, b: Numbers, match: Match) -> Sequence[int]:
    """Return the nodes whose numbers differ; ~node for those that only the second run has."""
    if match.is_identity and a.at == b.at:
        unlike = match.a.passes.unlike(a.numbers, b.numbers)
        return unlike if a.at is None else [a.at[i] for i in unlike]
    theirs = dict(zip(b.nodes, b.numbers, strict=True))
    others = [match.in_b[node] for node in a.nodes]
    numbers = array("d", map(theirs.get, others, repeat(nan)))
    absent = [i for i, other in enumerate(others) if other not in theirs]
    wrong = dict.fromkeys((*match.a.passes.unlike(a.numbers, numbers), *absent))
    ours = dict.fromkeys(others)
    only_theirs = (~node for node in b.nodes if node not in ours)
    return [*(a.nodes[i] for i in sorted(wrong)), *only_theirs]
