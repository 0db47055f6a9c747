"""Which boxes and edges a picture has: every node, folded groups, or a neighbourhood.

Dots and slashes in ids form a hierarchy: at depth 1 `layer1.neuron3.w2` belongs to the group
`layer1`, at depth 2 to `layer1.neuron3`. A box stands for one node, for one group, or for what
a neighbourhood leaves out.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from typing import TYPE_CHECKING, Final

from mgraph.graph.columns import starts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.graph.columns import Columns

REPEATS: Final = 8
"""Most edges from one node to another that are drawn singly; more become one with a count."""

_PART: Final = re.compile(r"[./]+(?=[^./])")


class BoxKind(Enum):
    """What a box stands for: a node, a group of nodes, or what a picture leaves out."""

    NODE = auto()
    GROUP = auto()
    REST = auto()


@dataclass(frozen=True, slots=True)
class Box:
    """One box of a picture.

    Attributes:
        kind: Whether it stands for a node, a group or the rest.
        name: The id of the node, or what the ids of the group begin with.
        nodes: The nodes that it stands for, ascending.
    """

    kind: BoxKind
    name: str
    nodes: Sequence[int]


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge from an argument to the node that uses it; boxes are given by their indices.

    Attributes:
        tail: The box of the argument.
        head: The box of the node that uses it.
        position: Which argument it is, from 0; None if the edge stands for those of a group.
        count: How many arguments it stands for.
    """

    tail: int
    head: int
    position: int | None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Picture:
    """The boxes of a picture in evaluation order, and its edges, sorted by their heads."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]


class Folding:
    """Assigns every node of a graph to a box: its own, or that of its group.

    Attributes:
        graph: The graph of N nodes.
        depth: How many levels of ids are kept; None if nothing is folded.
        box: u32[N], the box of each node; boxes are numbered by their first nodes.
        names: The names of the groups, by box.
        count: Number of boxes.
    """

    def __init__(self, graph: Columns, depth: int | None = None) -> None:
        """Fold at a depth; None folds nothing."""
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
            i = groups.get(group, self.count) if group else self.count
            if i == self.count:
                self.count += 1
                if group:
                    groups[group] = i
                    self.names[i] = group
            box.append(i)
        return box

    def picture(self) -> Picture:
        """Return all boxes and edges."""
        return self._shown(range(self.count))

    def around(self, name: str, hops: int, most: int) -> Picture | None:
        """Return the neighbourhood of a node, or of all nodes of a group.

        Args:
            name: The id of a node, or the name of a group.
            hops: How many edges away a box may be, in either direction.
            most: How many boxes the picture may have.

        Returns:
            None if it would have more. Boxes of the kind `REST` count what is left out.

        Raises:
            KeyError: There is no such node or group.
        """
        *_, kept = self._rings(name, hops, most)
        return self._shown(sorted(kept)) if len(kept) <= most else None

    def widest(self, name: str, most: int) -> tuple[Picture, int]:
        """Return the largest neighbourhood with at most `most` boxes, and its hops.

        If even one hop is too many, it is the node or group alone.
        """
        best: tuple[int, ...] = ()
        hops = -1
        for kept in self._rings(name, self.count, most):
            if best and len(kept) > most:
                break
            best, hops = tuple(kept), hops + 1
        return self._shown(sorted(best)), hops

    def _rings(self, name: str, hops: int, most: int) -> Iterator[dict[int, None]]:
        """Yield the boxes within 0, 1, 2 … hops, until that is all of them, or too many."""
        near = (self._args, self._users)
        kept = dict.fromkeys(self.box[node] for node in members(self.graph, name))
        ring = [*kept]
        yield kept
        for _ in range(hops):
            reached = (other for box in ring for arcs in near for other in arcs.of(box))
            ring = [*dict.fromkeys(other for other in reached if other not in kept)]
            if not ring or len(kept) > most:
                return
            kept |= dict.fromkeys(ring)
            yield kept

    @cached_property
    def _ends(self) -> tuple[array[int], array[int]]:
        """The boxes of every argument and of its user, where these are two boxes."""
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
        """Return a picture of some boxes, with boxes that count the neighbours left out."""
        index = {box: i for i, box in enumerate(kept)}
        nodes: list[list[int]] = [[] for _ in kept]
        for node, box in enumerate(self.box):
            if box in index:
                nodes[index[box]].append(node)
        boxes = [self._box(box, inside) for box, inside in zip(kept, nodes, strict=True)]
        edges = [*self._edges(boxes, index)]
        if len(kept) < self.count:
            self._leave_out(boxes, edges, index)
        return Picture(tuple(boxes), tuple(edges))

    def _box(self, box: int, nodes: Sequence[int]) -> Box:
        if box in self.names:
            return Box(BoxKind.GROUP, self.names[box], nodes)
        return Box(BoxKind.NODE, self.graph.ids[nodes[0]], nodes)

    def _edges(self, boxes: Sequence[Box], index: dict[int, int]) -> Iterator[Edge]:
        """Yield an edge for each argument between nodes, and one for all arguments of a group."""
        for head, box in enumerate(boxes):
            positions: dict[int, list[int]] = {}
            for node in box.nodes:
                for i, arg in enumerate(self.graph.arguments(node)):
                    tail = index.get(self.box[arg])
                    if tail is not None and tail != head:
                        positions.setdefault(tail, []).append(i)
            for tail, used in positions.items():
                if box.kind is BoxKind.NODE is boxes[tail].kind and len(used) <= REPEATS:
                    yield from (Edge(tail, head, i) for i in used)
                else:
                    yield Edge(tail, head, None, len(used))

    def _leave_out(self, boxes: list[Box], edges: list[Edge], index: dict[int, int]) -> None:
        """Add boxes that count the arguments and the users of each box that are left out."""
        for box, i in index.items():
            for arcs, into in ((self._args, True), (self._users, False)):
                count = sum(other not in index for other in arcs.of(box))
                if count:
                    ends = (len(boxes), i) if into else (i, len(boxes))
                    edges.append(Edge(*ends, None, count))
                    boxes.append(Box(BoxKind.REST, f"{count:,} more", ()))


class Arcs:
    """The boxes at the other ends of each box's edges, in one direction."""

    def __init__(self, count: int, near: Sequence[int], far: Sequence[int]) -> None:
        """Sort the far ends of edges by their near ends; there are `count` boxes."""
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
    """Return the name of the group at a depth that an id is in; empty if there is none."""
    mark = None
    marks = _PART.finditer(name)
    for _ in range(depth):
        mark = next(marks, None)
        if mark is None:
            return ""
    return name[: mark.start()] if mark else ""


def deepest(graph: Columns) -> int:
    """Return how many levels of groups the ids have; 0 if none has a dot or slash."""
    return max(sum(1 for _ in _PART.finditer(name)) for name in graph.ids)


def members(graph: Columns, name: str) -> Sequence[int]:
    """Return the node with an id, or the nodes of a group.

    Raises:
        KeyError: There is no such node or group.
    """
    if name in graph.index:
        return (graph.index[name],)
    beginnings = (f"{name}.", f"{name}/")
    nodes = [i for i, node_id in enumerate(graph.ids) if node_id.startswith(beginnings)]
    if not nodes:
        raise KeyError(name)
    return nodes


def finest(graph: Columns, most: int) -> Folding | None:
    """Return the folding with the most boxes, up to `most`; None if there is none."""
    best = None
    low, high = 0, deepest(graph)
    while low < high:  # a greater depth never has fewer boxes, so half of the depths are ruled out
        depth = (low + high + 1) // 2
        folding = Folding(graph, depth)
        if folding.count <= most:
            best, low = folding, depth
        else:
            high = depth - 1
    return best
