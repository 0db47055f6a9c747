"""Explain: the chain rule at one node. Which paths lead there, and what each of them brings."""

from __future__ import annotations

from array import array
from bisect import insort
from dataclasses import dataclass
from itertools import count
from math import fsum, isfinite, log2
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from mgraph.nodewise import Contribution, contributions_to, uses_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mgraph.nodewise import Nodewise

MOST: Final = 1 << 4096
"""Paths are counted up to here; the number itself means: so many or more."""

Rank: TypeAlias = tuple[int, int, float]
"""How large a product is: factors that are not finite, minus those that are 0, log2 of the rest.

Ranks of factors add up to the rank of their product, and neither overflow nor underflow.
"""

_ONE: Final[Rank] = (0, 0, 0.0)
_BATCH: Final = 4096


class Path(NamedTuple):
    """One way from a seeded output down to a node.

    Attributes:
        nodes: From the output to the node.
        places: Of each node but the last, which of its arguments comes next.
        seed: The adjoint that the output was given.
        slopes: Of each node but the last, by the one that comes next.
        product: seed and slopes, multiplied from the left.
    """

    nodes: Sequence[int]
    places: Sequence[int]
    seed: float
    slopes: Sequence[float]
    product: float


@dataclass(frozen=True)
class Paths:
    """All ways from the seeded outputs down to a node.

    Attributes:
        count: How many there are; `MOST` means so many or more.
        shown: Those of the largest products, the largest first. Where a factor is not finite
            comes first of all, where one is 0 comes last.
        rest: The sum of the products of the others.
        total: The sum of all products; but for rounding, the adjoint.
    """

    count: int
    shown: tuple[Path, ...]
    rest: float
    total: float


class Edge(NamedTuple):
    """A place where something happened to the gradient on its way.

    Attributes:
        kind: "zero slope" and "underflow": something not 0 arrives at the node, and 0 leaves it;
            "slope" and "overflow": something finite arrives, and what leaves it is not finite;
            "cancel" and "sum": what the node's users passed on adds up to 0, or is not finite.
        node: Where it happens.
        place: To which of its arguments; None for "cancel" and "sum".
    """

    kind: str
    node: int
    place: int | None


class NoWay(NamedTuple):
    """Where a node leads that has no path to a seeded output.

    Attributes:
        users: The nodes that use it, ascending.
        ends: Where the ways end: nodes that nothing uses, ascending. Outputs are no ends.
        outputs: The outputs that it leads to; none of them is seeded.
    """

    users: tuple[int, ...]
    ends: tuple[int, ...]
    outputs: tuple[int, ...]


class Explanation(NamedTuple):
    """Why the adjoint of a node is what it is.

    Attributes:
        node: The node.
        contributions: What its users passed on, in the engine's order.
        paths: The ways from the seeded outputs.
        edges: Where a gradient that is 0, or not finite, became that, from the output down.
    """

    node: int
    contributions: tuple[Contribution, ...]
    paths: Paths
    edges: tuple[Edge, ...]


def explain(ran: Nodewise, node: int, most: int = 10) -> Explanation:
    """Explain the adjoint of a node that has one.

    Args:
        ran: The run.
        node: A node with `ran.has_adjoint(node)`.
        most: How many paths are wanted one by one.
    """
    ways = _Ways(ran, node)
    adjoint = ran.adjoints[node]
    edges: Iterable[Edge] = ()
    if adjoint == 0.0:
        edges = _edges(ran, ways, zero=True)
    elif not isfinite(adjoint):
        edges = _edges(ran, ways, zero=False)
    contributions = tuple(contributions_to(ran, node))
    return Explanation(node, contributions, _paths(ways, most), tuple(edges))


class _Ways:
    """The ways down to one node, and what is known of them at every node above.

    The lists have an entry for each node from `target` to the highest seeded output.

    Attributes:
        target: Where the ways lead.
        counts: How many ways there are; 0 if none.
        sums: The sum of their products, from there down.
        ranks: The highest rank of such a product.
        best: Along which argument that is; its place.
    """

    def __init__(self, ran: Nodewise, target: int) -> None:
        self.ran, self.target = ran, target
        size = max(ran.seeds) - target + 1
        self.counts = [1] + [0] * (size - 1)
        self.sums = array("d", [1.0]) + array("d", bytes(8 * (size - 1)))
        self.ranks = [_ONE] * size
        self.best = array("I", bytes(4 * size))
        for node in range(target + 1, target + size):
            if ran.marks[node]:
                self._look_down(node)

    def _look_down(self, node: int) -> None:
        here = node - self.target
        found = 0
        for place, arg, slope in self.edges(node):
            there = arg - self.target
            rank = _plus(_rank(slope), self.ranks[there])
            if not found or rank > self.ranks[here]:
                self.ranks[here], self.best[here] = rank, place
            found += self.counts[there]
            self.sums[here] += slope * self.sums[there]
        self.counts[here] = min(found, MOST)

    def leads_down(self, node: int) -> bool:
        """Whether there is a way from a node to the target."""
        return node >= self.target and self.counts[node - self.target] > 0

    def edges(self, node: int) -> Iterator[tuple[int, int, float]]:
        """Yield place, argument and slope wherever a way goes on from a node."""
        args = self.ran.graph.arguments(node)
        if node > self.target and any(map(self.leads_down, args)):
            for place, (arg, slope) in enumerate(zip(args, self.ran.slopes(node), strict=True)):
                if self.leads_down(arg):
                    yield place, arg, slope


def _rank(slope: float) -> Rank:
    if slope == 0.0:
        return 0, -1, 0.0
    return (0, 0, log2(abs(slope))) if isfinite(slope) else (1, 0, 0.0)


def _plus(a: Rank, b: Rank) -> Rank:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


class _Branch(NamedTuple):
    """All ways that begin like another, up to a place, and leave it there.

    Attributes:
        parent: The way that is left; None for those that begin at an output.
        steps: How many steps they have in common with it.
        node: The first node of their own.
        place: Which argument of the last node in common that is.
        slope: Of that node by it; or the seed.
        product: Of what they have in common, from the left.
        rank: Of that product.
        total: The sum of all their products.
    """

    parent: Path | None
    steps: int
    node: int
    place: int
    slope: float
    product: float
    rank: Rank
    total: float


class _Rest:
    """A running sum of many numbers, without the rounding of adding them one by one."""

    def __init__(self) -> None:
        self.terms: list[float] = []

    def add(self, term: float) -> None:
        self.terms.append(term)
        if len(self.terms) > _BATCH:
            self.terms = [_added(self.terms)]

    def total(self) -> float:
        return _added(self.terms)


def _added(terms: Sequence[float]) -> float:
    try:
        return fsum(terms)
    except (OverflowError, ValueError):  # too large on the way; infinities of both signs
        return sum(terms)


def _paths(ways: _Ways, most: int) -> Paths:
    """Find the paths of the highest rank.

    Lawler's method: the best of a set of paths is known; the others leave it at one of its
    nodes by another argument, which cuts them into sets whose best are known, too. At most
    `most` sets are kept.

    Source:
        E. L. Lawler, A procedure for computing the K best solutions to discrete optimization
        problems, Management Science 18 (1972).
    """
    waiting: list[tuple[Rank, int, _Branch]] = []  # ascending; of equals, the first found is last
    rest, serial = _Rest(), count(0, -1)
    shown: list[Path] = []

    def keep(branch: _Branch) -> None:
        best = ways.ranks[branch.node - ways.target]
        rank = _plus(_plus(branch.rank, _rank(branch.slope)), best)
        insort(waiting, (rank, next(serial), branch))
        if len(waiting) > most - len(shown):
            rest.add(waiting.pop(0)[2].total)

    for branch in _beginnings(ways):
        keep(branch)
    while waiting:
        branch = waiting.pop()[2]
        path = _best_of(ways, branch)
        shown.append(path)
        for each in _leaving(ways, path, branch):
            keep(each)
    starts = (ways.counts[node - ways.target] for node in ways.ran.seeds if ways.leads_down(node))
    total = _added([rest.total(), *(path.product for path in shown)])
    return Paths(min(sum(starts), MOST), tuple(shown), rest.total(), total)


def _beginnings(ways: _Ways) -> Iterator[_Branch]:
    """Yield the ways that begin at each seeded output, the last node first."""
    for node, seed in sorted(ways.ran.seeds.items(), reverse=True):
        if ways.leads_down(node):
            total = seed * ways.sums[node - ways.target]
            yield _Branch(None, 0, node, 0, seed, 1.0, _ONE, total)


def _best_of(ways: _Ways, branch: _Branch) -> Path:
    """Return the path of the highest rank among those of a branch."""
    nodes, places, slopes = array("I"), array("I"), array("d")
    seed, product = branch.slope, branch.product * branch.slope
    if branch.parent is not None:
        parent, steps = branch.parent, branch.steps
        nodes.extend(parent.nodes[: steps + 1])
        places.extend(parent.places[:steps])
        slopes.extend(parent.slopes[:steps])
        places.append(branch.place)
        slopes.append(branch.slope)
        seed = parent.seed
    node = branch.node
    nodes.append(node)
    while node != ways.target:
        place = ways.best[node - ways.target]
        slope = ways.ran.slopes(node)[place]
        product *= slope
        places.append(place)
        slopes.append(slope)
        node = ways.ran.graph.arguments(node)[place]
        nodes.append(node)
    return Path(nodes, places, seed, slopes, product)


def _leaving(ways: _Ways, path: Path, branch: _Branch) -> Iterator[_Branch]:
    """Yield the ways that leave the best one of a branch at a node of its own."""
    own = branch.steps + 1 if branch.parent is not None else 0
    product = branch.product * branch.slope
    rank = _plus(branch.rank, _rank(branch.slope))
    for step in range(own, len(path.places)):
        for place, arg, slope in ways.edges(path.nodes[step]):
            if place != path.places[step]:
                total = product * slope * ways.sums[arg - ways.target]
                yield _Branch(path, step, arg, place, slope, product, rank, total)
        product *= path.slopes[step]
        rank = _plus(rank, _rank(path.slopes[step]))


def _edges(ran: Nodewise, ways: _Ways, *, zero: bool) -> Iterator[Edge]:
    """Yield where the gradient became 0, or not finite, on its ways to the target."""
    target, adjoints = ways.target, ran.adjoints
    arrives = bytearray(len(ways.counts))  # whether something that is not yet so arrives there
    for node in range(target + len(ways.counts) - 1, target - 1, -1):
        if not (ran.marks[node] and ways.leads_down(node)):
            continue
        if node in ran.seeds and _is_fine(ran.seeds[node], zero=zero):
            arrives[node - target] = 1
        here = adjoints[node]
        if not _is_fine(here, zero=zero):
            if arrives[node - target] == 1:
                yield Edge("cancel" if zero else "sum", node, None)
            continue
        for place, arg, slope in ways.edges(node):
            if _is_fine(here * slope, zero=zero):
                arrives[arg - target] |= 1
                continue
            arrives[arg - target] |= 0 if zero else 2
            kind = ("zero slope", "underflow") if zero else ("slope", "overflow")
            yield Edge(kind[_is_fine(slope, zero=zero)], node, place)


def _is_fine(x: float, *, zero: bool) -> bool:
    return x != 0.0 if zero else isfinite(x)


def no_way(ran: Nodewise, node: int) -> NoWay:
    """Find where a node leads that has no path to a seeded output."""
    graph = ran.graph
    leads = bytearray(len(graph))
    used = bytearray(len(graph))
    leads[node] = 1
    for user in range(node + 1, len(graph)):
        for arg in graph.arguments(user):
            if leads[arg]:
                leads[user] = used[arg] = 1
    outputs = tuple(i for i in graph.outputs if leads[i])
    users = tuple(dict.fromkeys(user for user, _ in uses_of(graph, node)))
    ends = tuple(i for i, has in enumerate(leads) if has and not used[i] and i not in outputs)
    return NoWay(users, ends, outputs)
