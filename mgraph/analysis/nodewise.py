"""A run looked at node by node: primals, adjoints, slopes, and who passed what on to whom."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple, cast

from mgraph.engine.evaluate import evaluate, seeded_nodes
from mgraph.engine.values import VALUE
from mgraph.ops import Op, is_leaf, op_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mgraph.graph.columns import Columns
    from mgraph.graph.run import Numbers, Run


class Contribution(NamedTuple):
    """What one user passed on to one of its arguments.

    Attributes:
        user: The node that passes on.
        place: Which of its arguments receives.
        upstream: The adjoint of the user.
        slope: Of the user by this argument.
        amount: upstream times slope, as the engine rounds it.
        before: The argument's adjoint without it.
        after: The argument's adjoint with it.
    """

    user: int
    place: int
    upstream: float
    slope: float
    amount: float
    before: float
    after: float


class Nodewise(NamedTuple):
    """A graph of N nodes after one forward and one backward pass.

    Attributes:
        graph: The graph.
        run: The complete run.
        seeds: The adjoint that each seeded output was given, by node.
        primals: f64[N].
        adjoints: f64[N], 0.0 where there is none.
        marks: u8[N], 1 for the nodes that have an adjoint: those that a seeded output depends on,
            and these, without the consts.
    """

    graph: Columns
    run: Run
    seeds: Mapping[int, float]
    primals: array[float]
    adjoints: array[float]
    marks: bytearray

    def has_adjoint(self, node: int) -> bool:
        """Whether a node has an adjoint: it leads to a seeded output, and is no const."""
        return bool(self.marks[node])

    def start(self, node: int) -> float:
        """Return the adjoint of a node before any user has added to it."""
        return 0.0 + self.seeds.get(node, 0.0)

    def slopes(self, node: int) -> tuple[float, ...]:
        """Return the slopes of a node by its arguments."""
        return slopes_of(self.graph, node, self.primals)


def run_nodewise(
    graph: Columns, inputs: Mapping[str, float], seed: Mapping[str, float]
) -> Nodewise:
    """Run a graph on Values, forward and backward, to look at it node by node.

    Args:
        graph: The graph.
        inputs: As for `evaluate`.
        seed: As for `evaluate`.

    Raises:
        GraphError: As `evaluate`.
    """
    run = evaluate(graph, inputs, seed, VALUE)
    seeds = seeded_nodes(graph, run.seed)
    adjoints, marks = array("d", bytes(8 * len(graph))), bytearray(len(graph))
    data, grad = cast("Numbers", run.data), cast("Numbers", run.grad)  # evaluate gives nothing else
    for node, adjoint in zip(grad.nodes, grad.numbers, strict=True):
        adjoints[node], marks[node] = adjoint, 1
    return Nodewise(graph, run, seeds, data.numbers, adjoints, marks)


def row(graph: Columns, node: int) -> Op | None:
    """Return the row of a node in the table of ops; None for a leaf."""
    code = graph.opcode[node]
    return None if is_leaf(code) else op_of(code)


def primal_of(graph: Columns, node: int, primals: Sequence[float]) -> float:
    """Return the primal of an op node from those of its arguments, as the engines compute it.

    Args:
        graph: The graph.
        node: A node with arguments.
        primals: At least those of its arguments, by node.
    """
    op = op_of(graph.opcode[node])
    return op.value([primals[arg] for arg in graph.arguments(node)])


def slopes_of(graph: Columns, node: int, primals: Sequence[float]) -> tuple[float, ...]:
    """Return the slopes of a node by its arguments, in their order; none for a leaf.

    Args:
        graph: The graph.
        node: Any node.
        primals: At least its own and those of its arguments, by node.
    """
    op = row(graph, node)
    if op is None:
        return ()
    return op.partials([primals[arg] for arg in graph.arguments(node)], primals[node])


def uses_of(graph: Columns, node: int) -> Iterator[tuple[int, int]]:
    """Yield the users of a node, ascending, each with the place of the node in its arguments."""
    entry = graph.first[node + 1]
    while True:
        try:
            entry = graph.args.index(node, entry)
        except ValueError:
            return
        user = bisect_right(graph.first, entry) - 1
        yield user, entry - graph.first[user]
        entry += 1


def contributions_to(ran: Nodewise, node: int) -> Iterator[Contribution]:
    """Yield what the users of a node added to its adjoint, in the engine's order.

    The first starts from `ran.start(node)`, the last ends in the adjoint, bit for bit.
    """
    total = ran.start(node)
    uses = [use for use in uses_of(ran.graph, node) if ran.marks[use[0]]]
    slopes: tuple[float, ...] = ()
    last = None
    for user, place in sorted(uses, key=lambda use: (-use[0], use[1])):
        if user != last:
            slopes, last = ran.slopes(user), user
        amount = ran.adjoints[user] * slopes[place]
        before, total = total, total + amount
        yield Contribution(user, place, ran.adjoints[user], slopes[place], amount, before, total)
