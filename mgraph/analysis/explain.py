"""Explain: the chain rule at one node. Which paths lead there, and what each of them brings."""

from __future__ import annotations

from array import array
from bisect import insort
from dataclasses import dataclass
from functools import reduce
from itertools import count
from math import fsum, inf, isfinite, log2
from operator import mul
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from mgraph.analysis.nodewise import Contribution, contributions_to, uses_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mgraph.analysis.nodewise import Nodewise

MOST: Final = 1 << 4096
"""Paths are counted up to here; the number itself means: so many or more."""

Ints: TypeAlias = "array[int]"
Floats: TypeAlias = "array[float]"
Rank: TypeAlias = tuple[float, int, float]
"""How large a product is: factors that are not finite, minus those that are 0, log2 of the rest.

Ranks of factors add up to the rank of their product, and neither overflow nor underflow.
"""

_ONE: Final[Rank] = (0, 0, 0.0)
_NONE: Final[Rank] = (-inf, 0, 0.0)  # of no path at all; whatever is added to it
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


class PathEdge(NamedTuple):
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
    edges: tuple[PathEdge, ...]


def explain(ran: Nodewise, node: int, most: int = 10) -> Explanation:
    """Explain the adjoint of a node that has one.

    Args:
        ran: The run.
        node: A node with `ran.has_adjoint(node)`.
        most: How many paths are wanted one by one.
    """
    ways = _Ways(ran, node)
    adjoint = ran.adjoints[node]
    edges: Iterable[PathEdge] = ()
    if adjoint == 0.0:
        edges = _edges(ran, ways, zero=True)
    elif not isfinite(adjoint):
        edges = _edges(ran, ways, zero=False)
    contributions = tuple(contributions_to(ran, node))
    return Explanation(node, contributions, _paths(ways, most), tuple(edges))


class _Ways:
    """The ways down to one node, and what is known of them at every node above.

    The lists have an entry for each node from `target` to the highest seeded output, `slopes`
    one for each argument of the nodes behind the target.

    Attributes:
        target: Where the ways lead.
        slopes: Of the nodes that have a way down, by each of their arguments.
        counts: How many ways there are; 0 if none.
        sums: The sum of their products, from there down.
        ranks: The highest rank of such a product.
        best: Along which argument that is; its place.
        forks: 1 where a way goes on along more than one argument.
        seconds: The highest rank among all ways but the best.
        others: The sum of the products of all ways but the best.
    """

    def __init__(self, ran: Nodewise, target: int) -> None:
        self.ran, self.target = ran, target
        size = max(ran.seeds) - target + 1
        self.counts = [1] + [0] * (size - 1)
        self.sums = array("d", [1.0]) + array("d", bytes(8 * (size - 1)))
        self.ranks = [_ONE] * size
        self.best = array("I", bytes(4 * size))
        self.forks = bytearray(size)
        self.seconds = [_NONE] * size
        self.others = array("d", bytes(8 * size))
        self.entry = ran.graph.first[target + 1]
        self.slopes = array("d", bytes(8 * (ran.graph.first[target + size] - self.entry)))
        for node in range(target + 1, target + size):
            if ran.marks[node]:
                self._look_down(node, ran.graph.arguments(node))

    def _look_down(self, node: int, args: Sequence[int]) -> None:
        target, counts = self.target, self.counts
        goes = [place for place, arg in enumerate(args) if arg >= target and counts[arg - target]]
        if not goes:
            return
        here, slopes = node - target, self.ran.slopes(node)
        entry = self.ran.graph.first[node] - self.entry
        self.slopes[entry : entry + len(args)] = array("d", slopes)
        for place in goes:
            self.sums[here] += slopes[place] * self.sums[args[place] - target]
        ranked = [_plus(_rank(slopes[place]), self.ranks[args[place] - target]) for place in goes]
        rank = self.ranks[here] = max(ranked)
        best = self.best[here] = goes.pop(ranked.index(rank))
        slope, there = slopes[best], args[best] - target
        counts[here] = counts[there]
        if self.seconds[there] is not _NONE:
            self.seconds[here] = _plus(_rank(slope), self.seconds[there])
            self.others[here] = slope * self.others[there]
        if goes:
            ranked.remove(rank)
            self._fork(here, max(ranked), [(slopes[i], args[i] - target) for i in goes])

    def _fork(self, here: int, rank: Rank, ways: Sequence[tuple[float, int]]) -> None:
        """Add what goes on along other arguments than the best."""
        self.forks[here] = 1
        self.seconds[here] = max(self.seconds[here], rank)
        for slope, there in ways:
            self.counts[here] = min(self.counts[here] + self.counts[there], MOST)
            self.others[here] += slope * self.sums[there]

    def leads_down(self, node: int) -> bool:
        """Whether there is a way from a node to the target."""
        return node >= self.target and self.counts[node - self.target] > 0

    def edges(self, node: int) -> Iterator[tuple[int, int, float]]:
        """Yield place, argument and slope wherever a way goes on from a node."""
        if node == self.target:
            return
        target, counts = self.target, self.counts
        entry = self.ran.graph.first[node] - self.entry
        for place, arg in enumerate(self.ran.graph.arguments(node)):
            if arg >= target and counts[arg - target]:
                yield place, arg, self.slopes[entry + place]

    def onward(self, node: int) -> tuple[int, float, int]:
        """Return place, slope and argument of the way of the highest rank."""
        graph, place = self.ran.graph, self.best[node - self.target]
        entry = graph.first[node] + place
        return place, self.slopes[entry - self.entry], graph.args[entry]


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

    @property
    def own(self) -> int:
        """The first step of their own."""
        return self.steps + 1 if self.parent is not None else 0


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
    """Find the paths of the highest rank, and sum up all others."""
    search = _Search(ways, most)
    for branch in _beginnings(ways):
        search.keep(branch)
    shown, rest = search.found()
    starts = (ways.counts[node - ways.target] for node in ways.ran.seeds if ways.leads_down(node))
    total = _added([rest, *(path.product for path in shown)])
    return Paths(min(sum(starts), MOST), shown, rest, total)


def _beginnings(ways: _Ways) -> Iterator[_Branch]:
    """Yield the ways that begin at each seeded output, the last node first."""
    for node, seed in sorted(ways.ran.seeds.items(), reverse=True):
        if ways.leads_down(node):
            total = seed * ways.sums[node - ways.target]
            yield _Branch(None, 0, node, 0, seed, 1.0, _ONE, total)


class _Search:
    """The search for the paths of the highest rank.

    Lawler's method: the best of a set of paths is known; the others leave it at one of its
    nodes by another argument, which cuts them into sets whose best are known, too. At most
    `most` sets are kept.

    Source:
        E. L. Lawler, A procedure for computing the K best solutions to discrete optimization
        problems, Management Science 18 (1972).
    """

    def __init__(self, ways: _Ways, most: int) -> None:
        self.ways, self.most = ways, most
        # Ascending; of equals, the first found is last.
        self.waiting: list[tuple[Rank, int, _Branch]] = []
        self.rest, self.serial = _Rest(), count(0, -1)
        self.shown: list[Path] = []
        self.step_of: dict[int, int] = {}  # where the first path meets a node

    def found(self) -> tuple[tuple[Path, ...], float]:
        """Return the paths, the best first, and the sum of the products of all others."""
        while self.waiting:
            branch = self.waiting.pop()[2]
            path = self._best_of(branch)
            self.shown.append(path)
            self._leave(path, branch)
        return tuple(self.shown), self.rest.total()

    def is_wanted(self, rank: Rank) -> bool:
        """Whether a set is kept whose best path has this rank."""
        room = self.most - len(self.shown)
        return len(self.waiting) < room or (room > 0 and rank > self.waiting[0][0])

    def keep(self, branch: _Branch) -> None:
        """Keep a set of paths if it is among the best, in the place of the least of them."""
        best = self.ways.ranks[branch.node - self.ways.target]
        rank = _plus(_plus(branch.rank, _rank(branch.slope)), best)
        if not self.is_wanted(rank):
            self.rest.add(branch.total)
            return
        insort(self.waiting, (rank, next(self.serial), branch))
        if len(self.waiting) > self.most - len(self.shown):
            self.rest.add(self.waiting.pop(0)[2].total)

    def _best_of(self, branch: _Branch) -> Path:
        """Return the path of the highest rank among those of a branch."""
        nodes, places, slopes, seed = array("I"), array("I"), array("d"), branch.slope
        if branch.parent is not None:
            parent, steps = branch.parent, branch.steps
            nodes.extend(parent.nodes[: steps + 1])
            places.extend(parent.places[:steps])
            slopes.extend(parent.slopes[:steps])
            places.append(branch.place)
            slopes.append(branch.slope)
            seed = parent.seed
        own = len(slopes)
        self._go_on(branch.node, nodes, places, slopes)
        product = reduce(mul, slopes[own:], branch.product * branch.slope)
        return Path(nodes, places, seed, slopes, product)

    def _go_on(self, node: int, nodes: Ints, places: Ints, slopes: Floats) -> None:
        """Follow the best way from a node; where the first path met it, as that one did."""
        while node != self.ways.target and node not in self.step_of:
            nodes.append(node)
            place, slope, node = self.ways.onward(node)
            places.append(place)
            slopes.append(slope)
        if node in self.step_of:
            first, step = self.shown[0], self.step_of[node]
            nodes.extend(first.nodes[step:])
            places.extend(first.places[step:])
            slopes.extend(first.slopes[step:])
        else:
            nodes.append(node)
            self.step_of = self.step_of or dict(zip(nodes, count(), strict=False))

    def _leave(self, path: Path, branch: _Branch) -> None:
        """Keep the ways that leave the best one of a branch at a node of its own."""
        ways = self.ways
        product = branch.product * branch.slope
        rank = _plus(branch.rank, _rank(branch.slope))
        for step in range(branch.own, len(path.places)):
            here = path.nodes[step] - ways.target
            if ways.forks[here]:
                others = product * ways.others[here]
                if isfinite(others) and not self.is_wanted(_plus(rank, ways.seconds[here])):
                    self.rest.add(others)
                    return
                for place, arg, slope in ways.edges(path.nodes[step]):
                    if place != path.places[step]:
                        total = product * slope * ways.sums[arg - ways.target]
                        self.keep(_Branch(path, step, arg, place, slope, product, rank, total))
            product *= path.slopes[step]
            rank = _plus(rank, _rank(path.slopes[step]))


def _edges(ran: Nodewise, ways: _Ways, *, zero: bool) -> Iterator[PathEdge]:
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
                yield PathEdge("cancel" if zero else "sum", node, None)
            continue
        for place, arg, slope in ways.edges(node):
            if _is_fine(here * slope, zero=zero):
                arrives[arg - target] |= 1
                continue
            arrives[arg - target] |= 0 if zero else 2
            kind = ("zero slope", "underflow") if zero else ("slope", "overflow")
            yield PathEdge(kind[_is_fine(slope, zero=zero)], node, place)


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
