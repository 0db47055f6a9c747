"""The ids of a graph's nodes: their own, and n0, n1 and so on for the rest."""

from __future__ import annotations

import re
from abc import abstractmethod
from array import array
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final, overload

from mgraph.graph import passes
from mgraph.graph.passes.plain import index_in

if TYPE_CHECKING:
    from collections.abc import Iterable

_DEFAULT: Final = re.compile("n(?:0|[1-9][0-9]{0,9})")
_SEARCHES: Final = 16


def default_id(node: int) -> str:
    """Return the id of a node without one of its own: n0, n1 and so on."""
    return f"n{node}"


def default_node(name: str) -> int | None:
    """Return the node of which a name is the default id; None if it is not a default id."""
    return int(name[1:]) if _DEFAULT.fullmatch(name) else None


def all_ids(own: Iterable[tuple[int, str]], count: int) -> list[str]:
    """Return the ids of all nodes from (node, id) of those whose id is not the default."""
    names = [f"n{i}" for i in range(count)]
    for node, name in own:
        names[node] = name
    return names


class StoredIds(Sequence[str]):
    """Ids in the bytes of a file, for many of which something can be done at a time."""

    @abstractmethod
    def several(self, indices: Sequence[int]) -> list[str]:
        """Return some of the ids."""

    @abstractmethod
    def beginning_with(self, start: str) -> list[str]:
        """Return the ids that begin in a certain way."""

    @abstractmethod
    def numbered(self) -> list[int]:
        """Return the indices of the ids that may be default ones: they start with n and a digit."""

    @abstractmethod
    def followed_by(self, names: Sequence[str]) -> Sequence[str]:
        """Return these ids and more of them."""


class Ids(Sequence[str]):
    """The ids of N nodes, of which a packed file names some; each is created when it is used.

    Attributes:
        at: u32[K], the nodes that have an id of their own, ascending.
        own: The ids of these nodes.
    """

    def __init__(self, count: int, at: array[int], own: Sequence[str]) -> None:
        """Store the ids that are not the default, of a graph of `count` nodes."""
        self._count, self.at, self.own = count, at, own

    @overload
    def __getitem__(self, node: int) -> str: ...
    @overload
    def __getitem__(self, node: slice) -> list[str]: ...
    def __getitem__(self, node: int | slice) -> str | list[str]:
        """Return the id of a node, or the ids of several."""
        if isinstance(node, slice):
            return [self[i] for i in range(*node.indices(self._count))]
        i = range(self._count)[node]
        k = i if len(self.own) == self._count else index_in(self.at, i)
        return default_id(i) if k is None else self.own[k]

    def __len__(self) -> int:
        """Return the number of nodes."""
        return self._count

    def __iter__(self) -> Iterator[str]:
        """Iterate over all ids, created once."""
        if len(self.own) == self._count:
            return iter(self.own)
        return iter(all_ids(zip(self.at, self.own, strict=True), self._count))

    def several(self, nodes: Sequence[int]) -> list[str]:
        """Return the ids of some nodes; of many, in less time than one by one."""
        if len(self.own) == self._count:
            return _several(self.own, nodes)
        indices = [index_in(self.at, i) for i in nodes]
        own = iter(_several(self.own, [k for k in indices if k is not None]))
        pairs = zip(nodes, indices, strict=True)
        return [default_id(i) if k is None else next(own) for i, k in pairs]

    def node_of(self, name: object) -> int | None:
        """Search for the node with this id; return None if there is none."""
        if not isinstance(name, str):
            return None
        number = default_node(name)
        if number is not None and number < self._count and index_in(self.at, number) is None:
            return number
        try:
            return self.at[self.own.index(name)]
        except ValueError:
            return None


def ids_of(nodes: Sequence[int], ids: Sequence[str]) -> list[str]:
    """Return the ids of some nodes."""
    return ids.several(nodes) if isinstance(ids, Ids) else _several(ids, nodes)


def _several(names: Sequence[str], indices: Sequence[int]) -> list[str]:
    if isinstance(names, StoredIds):
        return names.several(indices)
    return [names[i] for i in indices]


def own_ids(ids: Sequence[str]) -> tuple[array[int], Sequence[str]]:
    """Return the nodes whose id is not the default, and their ids."""
    if isinstance(ids, Ids):
        return ids.at, ids.own
    at = array("I", [i for i, name in enumerate(ids) if name[0] != "n" or name != f"n{i}"])
    return at, ids if len(at) == len(ids) else [ids[i] for i in at]


class _Index(Mapping[str, int]):
    """The node of each id: the first few lookups search, more of them build a table."""

    def __init__(self, ids: Ids) -> None:
        self._ids, self._lookups = ids, 0

    def __getitem__(self, name: str) -> int:
        self._lookups += 1
        if self._lookups > _SEARCHES:
            return self._table[name]
        node = self._ids.node_of(name)
        if node is None:
            raise KeyError(name)
        return node

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    @cached_property
    def _table(self) -> dict[str, int]:
        return dict(zip(self._ids, range(len(self._ids)), strict=True))


def index_of(ids: Sequence[str]) -> Mapping[str, int]:
    """Return the node of each id."""
    if isinstance(ids, Ids) and len(ids) >= passes.MANY:
        return _Index(ids)
    return dict(zip(ids, range(len(ids)), strict=True))
