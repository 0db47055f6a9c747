"""A run as steps, one node at a time: forward, then backward with every addition to an adjoint."""

from __future__ import annotations

from array import array
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from mgraph.analysis.detailed_run import Contribution, op_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.analysis.detailed_run import DetailedRun


class StepKind(StrEnum):
    """What happens in a step."""

    FORWARD = "forward"
    """The node gets its primal."""
    SEED = "seed"
    """The seeded outputs get their adjoints."""
    BACKWARD = "backward"
    """The node passes its adjoint on to its arguments."""


class Step(NamedTuple):
    """One step of a run.

    Attributes:
        kind: What happens.
        node: The node; in the seed step, the last seeded output.
        passed: What it passes on, in the engine's order.
    """

    kind: StepKind
    node: int
    passed: tuple[Contribution, ...] = ()


class Steps:
    """A sequence of all steps of a run.

    Forward every node in evaluation order, then the seeds, then backward every op that has an
    adjoint, users before their arguments.
    """

    def __init__(self, ran: DetailedRun) -> None:
        """Keep the run, and compute the adjoint that every addition starts from."""
        self.ran = ran
        graph = ran.graph
        self.backward = array(
            "I",
            (
                i
                for i in range(len(graph) - 1, -1, -1)
                if ran.marks[i] and op_at(graph, i) is not None
            ),
        )
        self._before = array("d", bytes(8 * len(graph.args)))
        adjoints = array("d", map(ran.start, range(len(graph))))
        for node in self.backward:
            pairs = zip(graph.arguments(node), ran.partials(node), strict=True)
            for position, (arg, partial) in enumerate(pairs, graph.first[node]):
                self._before[position] = adjoints[arg]
                adjoints[arg] += adjoints[node] * partial

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.ran.graph) + 1 + len(self.backward)

    def __getitem__(self, i: int) -> Step:
        """Return a step by its index, from 0."""
        size = len(self.ran.graph)
        if not 0 <= i < len(self):
            raise IndexError(i)
        if i < size:
            return Step(StepKind.FORWARD, i)
        if i == size:
            return Step(StepKind.SEED, max(self.ran.seeds))
        node = self.backward[i - size - 1]
        return Step(StepKind.BACKWARD, node, tuple(self._passed(node)))

    def _passed(self, node: int) -> Iterator[Contribution]:
        ran = self.ran
        upstream, first = ran.adjoints[node], ran.graph.first[node]
        for argument, partial in enumerate(ran.partials(node)):
            amount, before = upstream * partial, self._before[first + argument]
            yield Contribution(node, argument, upstream, partial, amount, before, before + amount)

    def index_of(self, node: int, *, backward: bool) -> int:
        """Return the index of a node's forward step, or of its backward step if it has one."""
        if backward and self.ran.marks[node] and op_at(self.ran.graph, node) is not None:
            return len(self.ran.graph) + 1 + self.backward.index(node)
        return node
