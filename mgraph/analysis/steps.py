"""Steps: a run, one node at a time: forward, then backward with every addition to an adjoint."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.analysis.nodewise import Contribution, row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.analysis.nodewise import Nodewise

FORWARD: Final = "forward"
SEED: Final = "seed"
BACKWARD: Final = "backward"


class Step(NamedTuple):
    """One step of a run.

    Attributes:
        kind: `FORWARD`: the node gets its primal; `SEED`: the seeded outputs get their adjoints;
            `BACKWARD`: the node passes its adjoint on to its arguments.
        node: The node; of the seed step the last seeded output.
        passed: What it passes on, in the engine's order.
    """

    kind: str
    node: int
    passed: tuple[Contribution, ...] = ()


class Steps:
    """All steps of a run, to be walked in both directions.

    Forward every node in evaluation order, then the seeds, then every op that has an adjoint,
    users before what they use.
    """

    def __init__(self, ran: Nodewise) -> None:
        """Take a run; nothing is worked out before it is asked for but the adjoints on the way."""
        self.ran = ran
        graph = ran.graph
        self.backward = array(
            "I",
            (
                i
                for i in range(len(graph) - 1, -1, -1)
                if ran.marks[i] and row(graph, i) is not None
            ),
        )
        self._before = array("d", bytes(8 * len(graph.args)))
        adjoints = array("d", map(ran.start, range(len(graph))))
        for node in self.backward:
            at = graph.first[node]
            for place, (arg, slope) in enumerate(
                zip(graph.arguments(node), ran.slopes(node), strict=True)
            ):
                self._before[at + place] = adjoints[arg]
                adjoints[arg] += adjoints[node] * slope

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.ran.graph) + 1 + len(self.backward)

    def __getitem__(self, i: int) -> Step:
        """Return a step, from 0."""
        size = len(self.ran.graph)
        if not 0 <= i < len(self):
            raise IndexError(i)
        if i < size:
            return Step(FORWARD, i)
        if i == size:
            return Step(SEED, max(self.ran.seeds))
        node = self.backward[i - size - 1]
        return Step(BACKWARD, node, tuple(self._passed(node)))

    def _passed(self, node: int) -> Iterator[Contribution]:
        ran = self.ran
        upstream, at = ran.adjoints[node], ran.graph.first[node]
        for place, slope in enumerate(ran.slopes(node)):
            amount, before = upstream * slope, self._before[at + place]
            yield Contribution(node, place, upstream, slope, amount, before, before + amount)

    def place_of(self, node: int, *, backward: bool) -> int:
        """Return the step at which a node gets its primal, or passes its adjoint on.

        Nodes that pass nothing on have no step of the second kind: then it is the first.
        """
        if backward and self.ran.marks[node] and row(self.ran.graph, node) is not None:
            return len(self.ran.graph) + 1 + self.backward.index(node)
        return node
