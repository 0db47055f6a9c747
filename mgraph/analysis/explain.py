"""Explain the gradient of a node by the chain rule: the paths to it, and what each contributes."""

from __future__ import annotations

from array import array
from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from itertools import count
from math import fsum, inf, isfinite, log2
from operator import mul
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, overload

from mgraph.analysis.detailed_run import Contribution, contributions_to, uses_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mgraph.analysis.detailed_run import DetailedRun

MOST: Final = 1 << 4096
"""The largest count of paths; it means so many or more."""

Ints: TypeAlias = "array[int]"
Floats: TypeAlias = "array[float]"
Rank: TypeAlias = tuple[float, int, float]
"""The size of a product: how many factors are not finite, minus how many are 0, log2 of the others.

The rank of a product is the sum of the ranks of its factors, and neither overflows nor underflows.
"""

_ONE: Final[Rank] = (0, 0, 0.0)
_NONE: Final[Rank] = (-inf, 0, 0.0)  # the rank if there is no path; sums with it stay lowest
_BATCH: Final = 4096


class Path(NamedTuple):
    """A path from a seeded output down to a node.

    Attributes:
        nodes: The nodes, from the output down.
        arguments: For each node except the last, which of its arguments comes next.
        seed: The seed of the output.
        partials: For each node except the last, its partial by the next one.
        product: The seed and the partials, multiplied from the left.
    """

    nodes: Sequence[int]
    arguments: Sequence[int]
    seed: float
    partials: Sequence[float]
    product: float


@dataclass(frozen=True)
class Paths:
    """All paths from the seeded outputs down to a node.

    Attributes:
        count: The number of paths; `MOST` means so many or more.
        shown: The paths with the largest products, the largest first. Products with a factor that
            is not finite count as the largest, those with a factor 0 as the smallest. Each path is
            created when it is used: a hundred paths through a million nodes are large.
        rest: The sum of the products of the other paths.
        total: The sum of all products, which is the adjoint except for rounding.
    """

    count: int
    shown: Sequence[Path]
    rest: float
    total: float


class EdgeKind(StrEnum):
    """Why a gradient became 0, or not finite, at a node."""

    ZERO_PARTIAL = "zero slope"
    """The adjoint is not 0, the partial is."""
    UNDERFLOW = "underflow"
    """The adjoint and the partial are not 0, their product is."""
    PARTIAL = "slope"
    """The adjoint is finite, the partial is not."""
    OVERFLOW = "overflow"
    """The adjoint and the partial are finite, their product is not."""
    CANCEL = "cancel"
    """What the users of the node passed on adds up to 0."""
    SUM = "sum"
    """The sum of what the users of the node passed on is not finite."""


class PathEdge(NamedTuple):
    """A node, or one of its arguments, where a gradient became 0 or not finite.

    Attributes:
        kind: Why.
        node: The node.
        argument: The argument that it passed this on to; None for `CANCEL` and `SUM`.
    """

    kind: EdgeKind
    node: int
    argument: int | None


class NoPath(NamedTuple):
    """What depends on a node that has no path to a seeded output.

    Attributes:
        users: The nodes that use it, ascending.
        ends: Unused nodes that depend on it and are not outputs, ascending.
        outputs: The outputs that depend on it; none of them is seeded.
    """

    users: tuple[int, ...]
    ends: tuple[int, ...]
    outputs: tuple[int, ...]


class Explanation(NamedTuple):
    """Why the adjoint of a node is what it is.

    Attributes:
        node: The node.
        contributions: What its users passed on, in the engine's order.
        paths: The paths from the seeded outputs.
        edges: If the adjoint is 0 or not finite, where it became so, from the output down.
    """

    node: int
    contributions: tuple[Contribution, ...]
    paths: Paths
    edges: tuple[PathEdge, ...]


def explain(ran: DetailedRun, node: int, most: int = 10) -> Explanation:
    """Explain the adjoint of a node that has one.

    Args:
        ran: The run.
        node: A node with `ran.has_adjoint(node)`.
        most: How many paths to list.
    """
    table = _PathTable(ran, node)
    adjoint = ran.adjoints[node]
    edges: Iterable[PathEdge] = ()
    if adjoint == 0.0:
        edges = _edges(ran, table, zero=True)
    elif not isfinite(adjoint):
        edges = _edges(ran, table, zero=False)
    contributions = tuple(contributions_to(ran, node))
    return Explanation(node, contributions, _paths(table, most), tuple(edges))


class _PathTable:
    """For every node, what is known of the paths from there down to one node, the target.

    The lists have an entry for each node from the target to the highest seeded output, except
    `partials`, which has one for each argument of the nodes after the target.

    Attributes:
        target: The target.
        partials: The partials of the nodes that have a path.
        counts: The number of paths; 0 if there is none.
        sums: The sum of their products.
        ranks: The highest rank of their products.
        best: The argument along which the path of the highest rank goes on.
        forks: 1 if paths go on along more than one argument.
        seconds: The highest rank of all paths except the best.
        others: The sum of the products of all paths except the best.
    """

    def __init__(self, ran: DetailedRun, target: int) -> None:
        self.ran, self.target = ran, target
        size = max(ran.seeds) - target + 1
        self.counts = [1] + [0] * (size - 1)
        self.sums = array("d", [1.0]) + array("d", bytes(8 * (size - 1)))
        self.ranks = [_ONE] * size
        self.best = array("I", bytes(4 * size))
        self.forks = bytearray(size)
        self.seconds = [_NONE] * size
        self.others = array("d", bytes(8 * size))
        self.offset = ran.graph.first[target + 1]
        self.partials = array("d", bytes(8 * (ran.graph.first[target + size] - self.offset)))
        for node in range(target + 1, target + size):
            if ran.marks[node]:
                self._add(node, ran.graph.arguments(node))

    def _add(self, node: int, args: Sequence[int]) -> None:
        target, counts = self.target, self.counts
        onward = [i for i, arg in enumerate(args) if arg >= target and counts[arg - target]]
        if not onward:
            return
        here, partials = node - target, self.ran.partials(node)
        start = self.ran.graph.first[node] - self.offset
        self.partials[start : start + len(args)] = array("d", partials)
        for i in onward:
            self.sums[here] += partials[i] * self.sums[args[i] - target]
        ranks = [_plus(_rank(partials[i]), self.ranks[args[i] - target]) for i in onward]
        rank = self.ranks[here] = max(ranks)
        best = self.best[here] = onward.pop(ranks.index(rank))
        partial, there = partials[best], args[best] - target
        counts[here] = counts[there]
        if self.seconds[there] is not _NONE:
            self.seconds[here] = _plus(_rank(partial), self.seconds[there])
            self.others[here] = partial * self.others[there]
        if onward:
            ranks.remove(rank)
            self._fork(here, max(ranks), [(partials[i], args[i] - target) for i in onward])

    def _fork(self, here: int, rank: Rank, onward: Sequence[tuple[float, int]]) -> None:
        """Add the paths that go on along other arguments than the best."""
        self.forks[here] = 1
        self.seconds[here] = max(self.seconds[here], rank)
        for partial, there in onward:
            self.counts[here] = min(self.counts[here] + self.counts[there], MOST)
            self.others[here] += partial * self.sums[there]

    def has_path(self, node: int) -> bool:
        """Whether there is a path from a node to the target."""
        return node >= self.target and self.counts[node - self.target] > 0

    def edges(self, node: int) -> Iterator[tuple[int, int, float]]:
        """Yield index, node and partial of the arguments along which paths go on from a node."""
        if node == self.target:
            return
        target, counts = self.target, self.counts
        start = self.ran.graph.first[node] - self.offset
        for i, arg in enumerate(self.ran.graph.arguments(node)):
            if arg >= target and counts[arg - target]:
                yield i, arg, self.partials[start + i]

    def best_edge(self, node: int) -> tuple[int, float, int]:
        """Return index, partial and node of the argument on the path of the highest rank."""
        graph, index = self.ran.graph, self.best[node - self.target]
        position = graph.first[node] + index
        return index, self.partials[position - self.offset], graph.args[position]


def _rank(factor: float) -> Rank:
    if factor == 0.0:
        return 0, -1, 0.0
    return (0, 0, log2(abs(factor))) if isfinite(factor) else (1, 0, 0.0)


def _plus(a: Rank, b: Rank) -> Rank:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


class _Found(NamedTuple):
    """A path without what it shares with others.

    Attributes:
        parent: The path that it follows first; None for the best path from an output.
        steps: How many steps it follows that.
        nodes: Its own nodes.
        arguments: Its own arguments.
        partials: Its own partials.
        rejoined: The step of the first path from which on it follows that one.
        seed: The seed of the output.
        product: The product of all factors.
    """

    parent: _Found | None
    steps: int
    nodes: Ints
    arguments: Ints
    partials: Floats
    rejoined: int
    seed: float
    product: float


def _whole(path: _Found, first: _Found) -> Path:
    """Put a path together."""
    line = [path]
    while line[-1].parent is not None:
        line.append(line[-1].parent)
    nodes, arguments, partials = array("I"), array("I"), array("d")
    while line:
        part = line.pop()
        nodes.extend(part.nodes)
        arguments.extend(part.arguments)
        partials.extend(part.partials)
        start, end = part.rejoined, len(first.arguments)
        if line:  # the next path follows this one for some steps only
            end = max(start, start + line[-1].steps - len(arguments))
        if part is not first:
            nodes.extend(first.nodes[start : end + 1])
            arguments.extend(first.arguments[start:end])
            partials.extend(first.partials[start:end])
        if line:
            steps = line[-1].steps
            del nodes[steps + 1 :], arguments[steps:], partials[steps:]
    return Path(nodes, arguments, path.seed, partials, path.product)


class _WholePaths(Sequence[Path]):
    """Paths that are put together when they are used; the first one holds what all may share."""

    def __init__(self, paths: Sequence[_Found]) -> None:
        self._found = paths

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> list[Path]: ...
    def __getitem__(self, index: int | slice) -> Path | list[Path]:
        if isinstance(index, slice):
            return [_whole(path, self._found[0]) for path in self._found[index]]
        return _whole(self._found[index], self._found[0])

    def __len__(self) -> int:
        return len(self._found)


class _Branch(NamedTuple):
    """The set of all paths that follow another path up to a node, and leave it there.

    Attributes:
        parent: That path; None for all paths from an output.
        steps: How many steps they follow it.
        node: The first node after they leave it.
        argument: Which argument of the last common node that is.
        factor: The partial of the last common node by it; or the seed.
        product: The product of the common factors, from the left.
        rank: The rank of that product.
        total: The sum of the products of all paths in the set.
    """

    parent: _Found | None
    steps: int
    node: int
    argument: int
    factor: float
    product: float
    rank: Rank
    total: float

    @property
    def own(self) -> int:
        """The first step after they leave the other path."""
        return self.steps + 1 if self.parent is not None else 0


class _Rest:
    """A running sum of many numbers, without rounding at each addition."""

    def __init__(self) -> None:
        self.terms: list[float] = []

    def add(self, term: float) -> None:
        self.terms.append(term)
        if len(self.terms) > _BATCH:
            self.terms = [_sum(self.terms)]

    def total(self) -> float:
        return _sum(self.terms)


def _sum(terms: Sequence[float]) -> float:
    try:
        return fsum(terms)
    except (OverflowError, ValueError):  # an intermediate overflow; infinities of both signs
        return sum(terms)


def _paths(table: _PathTable, most: int) -> Paths:
    """Find the paths of the highest rank, and sum up all others."""
    search = _Search(table, most)
    for branch in _from_outputs(table):
        search.keep(branch)
    shown, rest = search.run()
    outputs = [node for node in table.ran.seeds if table.has_path(node)]
    count = min(sum(table.counts[node - table.target] for node in outputs), MOST)
    total = _sum([rest, *(path.product for path in shown)])
    return Paths(count, _WholePaths(shown), rest, total)


def _from_outputs(table: _PathTable) -> Iterator[_Branch]:
    """Yield the set of paths from each seeded output, the last output first."""
    for node, seed in sorted(table.ran.seeds.items(), reverse=True):
        if table.has_path(node):
            total = seed * table.sums[node - table.target]
            yield _Branch(None, 0, node, 0, seed, 1.0, _ONE, total)


class _Search:
    """A search for the paths of the highest rank by Lawler's method.

    The best path of a set is known. All others leave it at one of its nodes, along another
    argument, so they form smaller sets, whose best paths are known, too. At most `most` sets are
    kept.

    Source:
        E. L. Lawler, A procedure for computing the K best solutions to discrete optimization
        problems, Management Science 18 (1972).
    """

    def __init__(self, table: _PathTable, most: int) -> None:
        self.table, self.most = table, most
        # In ascending order; among equals, the first one added is last.
        self.waiting: list[tuple[Rank, int, _Branch]] = []
        self.rest, self.serial = _Rest(), count(0, -1)
        self.shown: list[_Found] = []
        self.step_of: dict[int, int] = {}  # by node, its index on the first path

    def run(self) -> tuple[Sequence[_Found], float]:
        """Return the paths, the best first, and the sum of the products of all others."""
        while self.waiting:
            branch = self.waiting.pop()[2]
            best = self._best_of(branch)
            self.shown.append(best)
            self._split(best, branch)
        return self.shown, self.rest.total()

    def is_wanted(self, rank: Rank) -> bool:
        """Whether to keep a set whose best path has this rank."""
        room = self.most - len(self.shown)
        return len(self.waiting) < room or (room > 0 and rank > self.waiting[0][0])

    def keep(self, branch: _Branch) -> None:
        """Keep a set of paths if it is among the best, and drop the worst if there are too many."""
        best = self.table.ranks[branch.node - self.table.target]
        rank = _plus(_plus(branch.rank, _rank(branch.factor)), best)
        if not self.is_wanted(rank):
            self.rest.add(branch.total)
            return
        insort(self.waiting, (rank, next(self.serial), branch))
        if len(self.waiting) > self.most - len(self.shown):
            self.rest.add(self.waiting.pop(0)[2].total)

    def _best_of(self, branch: _Branch) -> _Found:
        """Return the path of the highest rank in a set."""
        nodes, arguments, partials, seed = array("I"), array("I"), array("d"), branch.factor
        if branch.parent is not None:
            arguments.append(branch.argument)
            partials.append(branch.factor)
            seed = branch.parent.seed
        own = len(partials)
        rejoined = self._follow_best(branch.node, nodes, arguments, partials)
        product = reduce(mul, partials[own:], branch.product * branch.factor)
        if self.shown:
            product = reduce(mul, self.shown[0].partials[rejoined:], product)
        return _Found(
            branch.parent, branch.steps, nodes, arguments, partials, rejoined, seed, product
        )

    def _follow_best(self, node: int, nodes: Ints, arguments: Ints, partials: Floats) -> int:
        """Add the best path from a node on; return the step at which it meets the first path."""
        while node != self.table.target and node not in self.step_of:
            nodes.append(node)
            argument, partial, node = self.table.best_edge(node)
            arguments.append(argument)
            partials.append(partial)
        if node in self.step_of:
            return self.step_of[node]
        nodes.append(node)
        self.step_of = dict(zip(nodes, count(), strict=False))
        return len(arguments)

    def _split(self, best: _Found, branch: _Branch) -> None:
        """Keep the sets of paths that leave the best path of a set at one of its own nodes."""
        table, path = self.table, _whole(best, self.shown[0])
        product = branch.product * branch.factor
        rank = _plus(branch.rank, _rank(branch.factor))
        for step in range(branch.own, len(path.arguments)):
            here = path.nodes[step] - table.target
            if table.forks[here]:
                others = product * table.others[here]
                if isfinite(others) and not self.is_wanted(_plus(rank, table.seconds[here])):
                    self.rest.add(others)
                    return
                for i, arg, partial in table.edges(path.nodes[step]):
                    if i != path.arguments[step]:
                        total = product * partial * table.sums[arg - table.target]
                        self.keep(_Branch(best, step, arg, i, partial, product, rank, total))
            product *= path.partials[step]
            rank = _plus(rank, _rank(path.partials[step]))


def _edges(ran: DetailedRun, table: _PathTable, *, zero: bool) -> Iterator[PathEdge]:
    """Yield where the gradient became 0, or not finite, on its paths to the target."""
    target, adjoints = table.target, ran.adjoints
    # Bit 1: something that is still not 0, or still finite, arrives; 2: something not finite does.
    arrives = bytearray(len(table.counts))
    for node in range(target + len(table.counts) - 1, target - 1, -1):
        if not (ran.marks[node] and table.has_path(node)):
            continue
        if node in ran.seeds and _is_fine(ran.seeds[node], zero=zero):
            arrives[node - target] = 1
        here = adjoints[node]
        if not _is_fine(here, zero=zero):
            if arrives[node - target] == 1:
                yield PathEdge(EdgeKind.CANCEL if zero else EdgeKind.SUM, node, None)
            continue
        for i, arg, partial in table.edges(node):
            if _is_fine(here * partial, zero=zero):
                arrives[arg - target] |= 1
                continue
            arrives[arg - target] |= 0 if zero else 2
            kinds = _ZERO_KINDS if zero else _INFINITE_KINDS
            yield PathEdge(kinds[_is_fine(partial, zero=zero)], node, i)


_ZERO_KINDS: Final = EdgeKind.ZERO_PARTIAL, EdgeKind.UNDERFLOW
_INFINITE_KINDS: Final = EdgeKind.PARTIAL, EdgeKind.OVERFLOW


def _is_fine(x: float, *, zero: bool) -> bool:
    return x != 0.0 if zero else isfinite(x)


def no_path(ran: DetailedRun, node: int) -> NoPath:
    """Find what depends on a node that has no path to a seeded output."""
    graph = ran.graph
    depends = bytearray(len(graph))
    used = bytearray(len(graph))
    depends[node] = 1
    for user in range(node + 1, len(graph)):
        for arg in graph.arguments(user):
            if depends[arg]:
                depends[user] = used[arg] = 1
    outputs = tuple(i for i in graph.outputs if depends[i])
    users = tuple(dict.fromkeys(user for user, _ in uses_of(graph, node)))
    ends = tuple(i for i in range(len(graph)) if depends[i] and not used[i] and i not in outputs)
    return NoPath(users, ends, outputs)
