"""Run: inputs and results of running a graph; Tolerance: which results count as equal."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf, isfinite
from numbers import Real
from typing import TYPE_CHECKING, Final

from mgraph.errors import GraphError, quoted
from mgraph.graph.passes import passes_for
from mgraph.graph.passes.plain import index_in

if TYPE_CHECKING:
    from mgraph.graph.columns import Columns

EXACT_MATH: Final = "exact"
"""What a run says whose numbers have one right answer, bit for bit."""

LIBM: Final = "libm"
"""The math of a run that says nothing: the C library's exp, tanh and so on."""

SELF_RECORDED: Final = "mgraph "
"""The start of `origin` in a run that mgraph recorded itself."""


class Numbers(Mapping[str, float]):
    """Numbers for some or all nodes of one graph, by id, in evaluation order.

    Attributes:
        graph: The graph.
        at: u32[K], the nodes, ascending; None if there is a number for every node.
        numbers: f64[K], the numbers of these nodes.
    """

    def __init__(self, graph: Columns, at: array[int] | None, values: array[float]) -> None:
        """Store the nodes and their numbers."""
        self.graph = graph
        self.at = None if at is not None and len(at) == len(graph) else at
        self.numbers = values

    def __getitem__(self, name: str) -> float:
        """Return the number of a node; KeyError if there is none."""
        x = self.of(self.graph.index[name])
        if x is None:
            raise KeyError(name)
        return x

    def __contains__(self, name: object) -> bool:
        """Whether there is a number for this id."""
        node = self.graph.index.get(name)  # type: ignore[call-overload]
        return node is not None and self.of(node) is not None

    def __iter__(self) -> Iterator[str]:
        """Iterate over the ids, in evaluation order."""
        ids = self.graph.ids
        return iter(ids) if self.at is None else (ids[i] for i in self.at)

    def __len__(self) -> int:
        """Return how many numbers there are."""
        return len(self.numbers)

    def __repr__(self) -> str:
        """Show them as a dict."""
        return repr(dict(self))

    @property
    def nodes(self) -> range | array[int]:
        """The nodes that have a number, ascending."""
        return range(len(self.graph)) if self.at is None else self.at

    def of(self, node: int) -> float | None:
        """Return the number of a node; None if there is none."""
        k = self.place_of(node)
        return None if k is None else self.numbers[k]

    def place_of(self, node: int) -> int | None:
        """Return the index of a node's number among the numbers; None if there is none."""
        return node if self.at is None else index_in(self.at, node)

    def among(self, nodes: array[int]) -> tuple[array[int], array[float]]:
        """Return those of the given nodes, ascending, that have a number, and their numbers."""
        if self.at is None:
            return nodes, array("d", [self.numbers[node] for node in nodes])
        return self.graph.passes.among(nodes, self.at, self.numbers)


@dataclass(frozen=True)
class Tolerance:
    """How far a result may be from the expected number `want`: max(abs, rel·|want|).

    Attributes:
        rel: Relative tolerance, without a unit; None means 0.
        abs: Absolute tolerance, in units of the value or gradient; None means 0.
    """

    rel: float | None = None
    abs: float | None = None

    def __str__(self) -> str:
        """List the parts that are stated."""
        parts = (("rel", self.rel), ("abs", self.abs))
        return ", ".join(f"{name} {part!r}" for name, part in parts if part is not None) or "none"

    def allows(self, got: float, want: float) -> bool:
        """Whether `got` counts as `want`.

        It does if both have the same bits, both are NaN, or both are finite and near enough.
        """
        if got != got or want != want:
            return got != got and want != want
        if bits(got) == bits(want):
            return True
        if not (isfinite(got) and isfinite(want)):
            return False
        return abs(got - want) <= max(self.abs or 0.0, (self.rel or 0.0) * abs(want))

    def refused(self, got: array[float], want: array[float]) -> Sequence[int]:
        """Return the indices at which numbers of one column don't count as those of another.

        Args:
            got: float64[N], what was computed.
            want: float64[N], what must be computed.
        """
        return passes_for(len(got)).beyond(got, want, self.rel or 0.0, self.abs or 0.0)


def as_number(name: str, value: object) -> float:
    """Convert the value given for an id to a double.

    Raises:
        GraphError: `number` if it is not a number.
    """
    if type(value) is float:
        return value
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return inf if value > 0 else -inf  # type: ignore[operator]
    raise not_a_number(name, value)


def not_a_number(name: str, value: object, fix: str = "") -> GraphError:
    """Build the error for an id that was given something else than a number."""
    message = f"the value of {quoted(name)} is of type {type(value).__name__}, not a number"
    return GraphError.of("number", message, expected="a number", fix=fix)


DEFAULT: Final = Tolerance(1e-9, 1e-12)


class Exactly(Tolerance):
    """No tolerance at all: only the same bits count, and NaN for NaN."""

    def allows(self, got: float, want: float) -> bool:
        """Whether `got` is `want`, bit for bit, the sign of zero included."""
        return bits(got) == bits(want) or (got != got and want != want)

    def refused(self, got: array[float], want: array[float]) -> Sequence[int]:
        """Return the indices at which two columns differ."""
        return passes_for(len(got)).unlike(got, want)


EXACT: Final = Exactly()


def bits(x: float) -> int:
    """Return the 64 bits of a double."""
    return int.from_bytes(struct.pack(">d", x), "big")


@dataclass(frozen=True)
class Run:
    """One run of a graph: what went in, and what came out or is expected to come out.

    Attributes:
        data: The values of nodes, by id; None if the run does not say.
        grad: The gradients of nodes, by id; a node without a path to a seeded output has none.
            None if the run does not say.
        inputs: Values that replace the declared ones, by id of an input or param.
        seed: The gradients that outputs start with, by id; empty if the only output starts with
            1.0.
        tolerance: How far a result may be from these numbers; None for the default, relative 1e-9
            and absolute 1e-12.
        origin: Where the numbers come from. It begins with `mgraph ` if mgraph recorded them.
        graph: The canonical hash of the graph that was run; empty if the run does not say.
        math: `"exact"` if each operation is rounded correctly, so that the numbers have one right
            answer; empty if exp, tanh and so on are those of the machine's math library.
    """

    data: Mapping[str, float] | None = None
    grad: Mapping[str, float] | None = None
    inputs: Mapping[str, float] = field(default_factory=dict)
    seed: Mapping[str, float] = field(default_factory=dict)
    tolerance: Tolerance | None = None
    origin: str = ""
    graph: str = ""
    math: str = ""

    @property
    def is_self_recorded(self) -> bool:
        """Whether mgraph recorded the numbers: then they show changes, not correctness."""
        return self.origin.startswith(SELF_RECORDED)


def over_graph(run: Run, graph: Columns) -> Run:
    """Return the run with its numbers as columns over a graph.

    Raises:
        GraphError: `run-node` if data or grad name a node that doesn't exist; `number`.
    """
    return replace(
        run,
        data=_over(run.data, graph),
        grad=_over(run.grad, graph),
        inputs={name: as_number(name, value) for name, value in run.inputs.items()},
        seed={name: as_number(name, value) for name, value in run.seed.items()},
    )


def _over(given: Mapping[str, float] | None, graph: Columns) -> Mapping[str, float] | None:
    if given is None or (isinstance(given, Numbers) and given.graph is graph):
        return given
    for name in given:
        if name not in graph.index:
            message = f"the run names {quoted(name)}, which is not a node of this graph"
            raise GraphError.of("run-node", message)
    return numbers_over({name: as_number(name, value) for name, value in given.items()}, graph)


def numbers_over(given: Mapping[str, float], graph: Columns) -> Numbers:
    """Return numbers by id as columns over a graph.

    Raises:
        KeyError: The graph has no node with one of the ids.
    """
    if isinstance(given, Numbers) and given.graph is graph:
        return given
    pairs = sorted((graph.index[name], value) for name, value in given.items())
    return Numbers(graph, array("I", [i for i, _ in pairs]), array("d", [x for _, x in pairs]))


def is_complete(run: Run, graph: Columns) -> bool:
    """Whether a run expects everything: `data` names every node, and the run states `graph`.

    Then a node that `grad` leaves out must have no gradient. Of any other run, only the numbers
    that it names are expected.
    """
    return bool(run.graph) and run.data is not None and len(run.data) == len(graph)


def annotated(runs: Sequence[Run], run: Run, outputs: Sequence[str]) -> tuple[Run, ...]:
    """Add a run, which replaces the one with the same inputs and seed if mgraph recorded that.

    A run whose numbers come from elsewhere is an expectation and is never replaced.
    """
    asked = question(run, outputs)
    kept = list(runs)
    for i, old in enumerate(runs):
        if old.is_self_recorded and question(old, outputs) == asked:
            kept[i] = replace(run, tolerance=old.tolerance)
            return tuple(kept)
    return (*kept, run)


def math_of_runs(
    runs: Sequence[Run],
    inputs: Mapping[str, float],
    seed: Mapping[str, float],
    outputs: Sequence[str],
) -> str:
    """Return the math of a run that does not say its own: that of the runs of the file.

    That of the run which it would replace counts first, then that of all runs with the same inputs
    and seed, then that of all runs: it is exact if theirs is.
    """
    if not any(run.math for run in runs):
        return LIBM
    asked = question(Run(inputs=inputs, seed=seed), outputs)
    same = [run for run in runs if question(run, outputs) == asked]
    own = [run for run in same if run.is_self_recorded]
    return EXACT_MATH if all(run.math == EXACT_MATH for run in own or same or runs) else LIBM


def question(run: Run, outputs: Sequence[str]) -> tuple[tuple[tuple[str, int], ...], ...]:
    """Return inputs and seed of a run, to compare bit by bit with those of another."""
    seed = run.seed or {outputs[0]: 1.0}
    return tuple(
        tuple(sorted((name, bits(value)) for name, value in numbers.items()))
        for numbers in (run.inputs, seed)
    )
