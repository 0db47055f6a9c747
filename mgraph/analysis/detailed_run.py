"""A run with the partials of every node, and what each node passed on to its arguments."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple, cast

from mgraph.document import load_engine
from mgraph.engine.evaluate import evaluate, seeded_nodes
from mgraph.graph.run import EXACT_MATH, LIBM
from mgraph.ops import Op, is_leaf, op_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mgraph.graph.columns import Columns
    from mgraph.graph.run import Numbers, Run


class Contribution(NamedTuple):
    """What a node passed on to one of its arguments in the backward pass.

    Attributes:
        user: The node.
        argument: Which of its arguments, from 0.
        upstream: The adjoint of the node.
        partial: The partial of the node by this argument.
        amount: `upstream` times `partial`, as the engine rounds it.
        before: The argument's adjoint before the amount was added.
        after: The argument's adjoint afterwards.
    """

    user: int
    argument: int
    upstream: float
    partial: float
    amount: float
    before: float
    after: float


class DetailedRun(NamedTuple):
    """A graph of N nodes after one forward and one backward pass.

    Attributes:
        graph: The graph.
        run: The complete run.
        seeds: The seeds, by output.
        primals: float64[N].
        adjoints: float64[N], 0.0 where there is none.
        marks: uint8[N], 1 for the nodes that have an adjoint: the seeded outputs and all nodes
            that they depend on, except consts.
    """

    graph: Columns
    run: Run
    seeds: Mapping[int, float]
    primals: array[float]
    adjoints: array[float]
    marks: bytearray

    def has_adjoint(self, node: int) -> bool:
        """Whether a node has an adjoint: a seeded output depends on it, and it is not a const."""
        return bool(self.marks[node])

    def start(self, node: int) -> float:
        """Return the adjoint of a node before its users add to it: its seed, or 0.0."""
        return 0.0 + self.seeds.get(node, 0.0)

    def partials(self, node: int) -> tuple[float, ...]:
        """Return the partials of a node by its arguments."""
        return partials_of(self.graph, node, self.primals, self.run.math)


def run_in_detail(
    graph: Columns, inputs: Mapping[str, float], seed: Mapping[str, float], math: str = LIBM
) -> DetailedRun:
    """Run a graph forward and backward, and keep what explanations need.

    Args:
        graph: The graph.
        inputs: As for `evaluate`.
        seed: As for `evaluate`.
        math: `LIBM` or `EXACT_MATH`.

    Raises:
        GraphError: As `evaluate`.
    """
    run = evaluate(graph, inputs, seed, load_engine("auto", len(graph), math))
    seeds = seeded_nodes(graph, run.seed)
    adjoints, marks = array("d", bytes(8 * len(graph))), bytearray(len(graph))
    data, grad = cast("Numbers", run.data), cast("Numbers", run.grad)  # what evaluate returns
    for node, adjoint in zip(grad.nodes, grad.numbers, strict=True):
        adjoints[node], marks[node] = adjoint, 1
    return DetailedRun(graph, run, seeds, data.numbers, adjoints, marks)


def op_at(graph: Columns, node: int) -> Op | None:
    """Return the op of a node; None for a leaf."""
    code = graph.opcode[node]
    return None if is_leaf(code) else op_of(code)


def partials_of(
    graph: Columns, node: int, primals: Sequence[float], math: str = ""
) -> tuple[float, ...]:
    """Return the partials of a node by its arguments, in their order; empty for a leaf.

    Args:
        graph: The graph.
        node: The node.
        primals: Primals by node; only those of the node and its arguments are used.
        math: That of the run.
    """
    op = op_at(graph, node)
    if op is None:
        return ()
    if math == EXACT_MATH:
        from mgraph.exact_value import exact  # noqa: PLC0415 - other runs don't need it

        op = exact(op)
    return op.partials([primals[arg] for arg in graph.arguments(node)], primals[node])


def uses_of(graph: Columns, node: int) -> Iterator[tuple[int, int]]:
    """Yield the uses of a node, ascending: the user, and which of its arguments the node is."""
    position = graph.first[node + 1]
    while True:
        try:
            position = graph.args.index(node, position)
        except ValueError:
            return
        user = bisect_right(graph.first, position) - 1
        yield user, position - graph.first[user]
        position += 1


def contributions_to(ran: DetailedRun, node: int) -> Iterator[Contribution]:
    """Yield what the users of a node added to its adjoint, in the engine's order.

    The first one starts at `ran.start(node)`; the last one ends at the adjoint, bit for bit.
    """
    total = ran.start(node)
    uses = [use for use in uses_of(ran.graph, node) if ran.marks[use[0]]]
    partials: tuple[float, ...] = ()
    last = None
    for user, argument in sorted(uses, key=lambda use: (-use[0], use[1])):
        if user != last:
            partials, last = ran.partials(user), user
        upstream, partial = ran.adjoints[user], partials[argument]
        before, total = total, total + upstream * partial
        yield Contribution(user, argument, upstream, partial, upstream * partial, before, total)
