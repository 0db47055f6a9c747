"""What a picture shows of a graph: every node, groups of nodes folded, or a neighbourhood.

Dots and slashes in ids are a hierarchy: at depth 1 `layer1.neuron3.w2` belongs to the group
`layer1`, at depth 2 to `layer1.neuron3`. A box stands for one node, for one group, or for what
a neighbourhood leaves out.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from mgraph.appearance import GROUP, REST
from mgraph.graph.columns import starts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.graph.columns import Columns

NODE: Final = "node"

REPEATS: Final = 8
"""Edges from one node to another that are drawn one by one; more become one that is counted."""

_PART: Final = re.compile(r"[./]+(?=[^./])")


@dataclass(frozen=True, slots=True)
class Box:
    """One box of a picture.

    Attributes:
        kind: `NODE`, `GROUP` or `REST`.
        name: The id of the node, or the beginning that the ids of the group share.
        nodes: The nodes that it stands for, ascending.
    """

    kind: str
    name: str
    nodes: Sequence[int]


@dataclass(frozen=True, slots=True)
class Edge:
    """Something computed from something: from one box to another, by their places.

    Attributes:
        tail: The box of the argument.
        head: The box of the node that uses it.
        place: Which argument it is, from 0; None if the edge stands for those of a group.
        count: How many arguments it stands for.
    """

    tail: int
    head: int
    place: int | None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Picture:
    """What is to be drawn; boxes in evaluation order, edges by their heads."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]


class Folding:
    """Every node of a graph in a box: its own, or that of its group.

    Attributes:
        graph: The graph of N nodes.
        depth: Levels of ids that are kept; None if nothing is folded.
        box: u32[N], the box of each node; boxes are numbered by their first nodes.
        names: The names of the groups, by box.
        count: How many boxes there are.
    """

    def __init__(self, graph: Columns, depth: int | None = None) -> None:
        """Fold at a depth, or not at all."""
        self.graph = graph
        self.depth = depth
        self.names: dict[int, str] = {}
        if depth is None:
            self.box: Sequence[int] = range(len(graph))
            self.count = len(graph)
        else:
            self.box = self._group(depth)

    def _group(self, depth: int) -> Sequence[int]:
        box = array("I")
        groups: dict[str, int] = {}
        self.count = 0
        for name in self.graph.ids:
            group = group_of(name, depth)
            place = groups.get(group, self.count) if group else self.count
            if place == self.count:
                self.count += 1
                if group:
                    groups[group] = place
                    self.names[place] = group
            box.append(place)
        return box

    def picture(self) -> Picture:
        """Return all boxes and edges."""
        return self._shown(range(self.count))

    def around(self, name: str, hops: int, most: int) -> Picture | None:
        """Return the neighbourhood of a node, or of all nodes of a group.

        Args:
            name: An id, or a beginning of ids that ends before a dot or slash.
            hops: How many edges away a box may be, in either direction.
            most: How many boxes it may have.

        Returns:
            None if it has more; what it leaves out is in boxes of their own kind.

        Raises:
            KeyError: There is no such node and no such group.
        """
        *_, kept = self._rings(name, hops, most)
        return self._shown(sorted(kept)) if len(kept) <= most else None

    def widest(self, name: str, most: int) -> tuple[Picture, int]:
        """Return the largest neighbourhood of so many boxes at most, and its hops.

        If even the nearest are too many, they are left out.
        """
        best: tuple[int, ...] = ()
        hops = -1
        for kept in self._rings(name, self.count, most):
            if best and len(kept) > most:
                break
            best, hops = tuple(kept), hops + 1
        return self._shown(sorted(best)), hops

    def _rings(self, name: str, hops: int, most: int) -> Iterator[dict[int, None]]:
        """Yield the boxes within 0, 1, 2 … hops, until they are all, or too many."""
        near = (self._args, self._users)
        kept = dict.fromkeys(self.box[node] for node in members(self.graph, name))
        ring = [*kept]
        yield kept
        for _ in range(hops):
            found = (other for box in ring for arcs in near for other in arcs.of(box))
            ring = [*dict.fromkeys(other for other in found if other not in kept)]
            if not ring or len(kept) > most:
                return
            kept |= dict.fromkeys(ring)
            yield kept

    @cached_property
    def _ends(self) -> tuple[array[int], array[int]]:
        """The boxes of every argument and of its user, where they are two."""
        tails, heads = array("I"), array("I")
        for arg, user in zip(self.graph.args, self.graph.users(), strict=True):
            if self.box[arg] != self.box[user]:
                tails.append(self.box[arg])
                heads.append(self.box[user])
        return tails, heads

    @cached_property
    def _args(self) -> Arcs:
        tails, heads = self._ends
        return Arcs(self.count, heads, tails)

    @cached_property
    def _users(self) -> Arcs:
        tails, heads = self._ends
        return Arcs(self.count, tails, heads)

    def _shown(self, kept: Sequence[int]) -> Picture:
        """Draw some boxes; what they have to do with others ends in boxes for the rest."""
        place = {box: i for i, box in enumerate(kept)}
        nodes: list[list[int]] = [[] for _ in kept]
        for node, box in enumerate(self.box):
            if box in place:
                nodes[place[box]].append(node)
        boxes = [self._box(box, found) for box, found in zip(kept, nodes, strict=True)]
        edges = [*self._edges(boxes, place)]
        if len(kept) < self.count:
            self._leave_out(boxes, edges, place)
        return Picture(tuple(boxes), tuple(edges))

    def _box(self, box: int, nodes: Sequence[int]) -> Box:
        if box in self.names:
            return Box(GROUP, self.names[box], nodes)
        return Box(NODE, self.graph.ids[nodes[0]], nodes)

    def _edges(self, boxes: Sequence[Box], place: dict[int, int]) -> Iterator[Edge]:
        """Yield an edge for each argument between nodes, and one for all between groups."""
        for head, each in enumerate(boxes):
            found: dict[int, list[int]] = {}
            for node in each.nodes:
                for i, arg in enumerate(self.graph.arguments(node)):
                    tail = place.get(self.box[arg])
                    if tail is not None and tail != head:
                        found.setdefault(tail, []).append(i)
            for tail, places in found.items():
                if each.kind == NODE == boxes[tail].kind and len(places) <= REPEATS:
                    yield from (Edge(tail, head, i) for i in places)
                else:
                    yield Edge(tail, head, None, len(places))

    def _leave_out(self, boxes: list[Box], edges: list[Edge], place: dict[int, int]) -> None:
        """Add a box for what each box takes from outside, and one for what uses it there."""
        for box, here in place.items():
            for arcs, into in ((self._args, True), (self._users, False)):
                count = sum(other not in place for other in arcs.of(box))
                if count:
                    ends = (len(boxes), here) if into else (here, len(boxes))
                    edges.append(Edge(*ends, None, count))
                    boxes.append(Box(REST, f"{count:,} more", ()))


class Arcs:
    """What is on the other side of each box's edges, in one direction."""

    def __init__(self, count: int, near: Sequence[int], far: Sequence[int]) -> None:
        """Sort the far ends of some edges by their near ends, of `count` boxes."""
        degree = array("I", bytes(4 * count))
        for box in near:
            degree[box] += 1
        self.first = starts(degree)
        self.far = array("I", bytes(4 * len(far)))
        free = self.first[:]
        for box, other in zip(near, far, strict=True):
            self.far[free[box]] = other
            free[box] += 1

    def of(self, box: int) -> Sequence[int]:
        """Return the other ends of a box's edges, repeats kept."""
        return self.far[self.first[box] : self.first[box + 1]]


def group_of(name: str, depth: int) -> str:
    """Return what a group of a depth calls an id's beginning; empty if the id is not so deep."""
    found = None
    marks = _PART.finditer(name)
    for _ in range(depth):
        found = next(marks, None)
        if found is None:
            return ""
    return name[: found.start()] if found else ""


def deepest(graph: Columns) -> int:
    """Return how many levels of groups the ids have; 0 if none has a dot or slash."""
    return max(sum(1 for _ in _PART.finditer(name)) for name in graph.ids)


def members(graph: Columns, name: str) -> Sequence[int]:
    """Return the node of an id, or the nodes of a group.

    Raises:
        KeyError: There is neither.
    """
    if name in graph.index:
        return (graph.index[name],)
    beginnings = (f"{name}.", f"{name}/")
    found = [i for i, each in enumerate(graph.ids) if each.startswith(beginnings)]
    if not found:
        raise KeyError(name)
    return found


def finest(graph: Columns, most: int) -> Folding | None:
    """Return the folding of the most boxes, up to `most`; None if there is none."""
    for depth in range(deepest(graph), 0, -1):
        folding = Folding(graph, depth)
        if folding.count <= most:
            return folding
    return None
