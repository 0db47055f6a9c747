"""Requirement: what the runs of a file must state, so that they can't pass by leaving it out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Self, cast

from mgraph.graph.run import Numbers, is_complete
from mgraph.ops import is_leaf
from mgraph.suggestions import closest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from mgraph.graph.columns import Columns
    from mgraph.graph.run import Run

DATA: Final = "data"
GRAD: Final = "grad"
NODE: Final = "node"


class Missing(NamedTuple):
    """A number that a run must state, and leaves out.

    Attributes:
        node: The id of its node.
        field: "data" or "grad"; "node" if the graph has no node with this id.
        meant: The id that was probably meant; empty if there is none like it.
    """

    node: str
    field: str
    meant: str = ""

    def as_json(self) -> dict[str, str | None]:
        """Return the fields as plain data."""
        return {"node": self.node, "field": self.field, "meant": self.meant or None}


@dataclass(frozen=True)
class Requirement:
    """What runs must state.

    Attributes:
        data: Whether they must state all values.
        grad: Whether they must state all gradients.
        ids: Ids of nodes whose value and gradient they must state.

    Numbers that the file gives are not required: the values of leaves, and the gradient of an
    output if it is the seed.
    """

    data: bool = False
    grad: bool = False
    ids: tuple[str, ...] = ()

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """Read "data", "grad", or ids separated by commas.

        Raises:
            ValueError: An id is empty.
        """
        words = dict.fromkeys(word.strip() for text in texts for word in text.split(","))
        if "" in words:
            message = "write data, grad, or ids separated by commas, for example w1,w2"
            raise ValueError(message)
        ids = tuple(word for word in words if word not in (DATA, GRAD))
        return cls(DATA in words, GRAD in words, ids)

    def __bool__(self) -> bool:
        """Whether anything is required."""
        return self.data or self.grad or bool(self.ids)

    def missing(self, want: Run, got: Run) -> tuple[Missing, ...]:
        """Return what a run leaves out.

        Args:
            want: The run.
            got: The same run with all numbers.

        Returns:
            Nodes that the graph does not have, then values in evaluation order, then gradients in
            backward order.
        """
        graph = cast("Numbers", got.data).graph
        return (*self.unknown(graph), *self._data(want, graph), *self._grad(want, got, graph))

    def unknown(self, graph: Columns) -> Iterator[Missing]:
        """Yield the nodes that a graph does not have."""
        for name in self.ids:
            if name not in graph.index:
                yield Missing(name, NODE, closest(name, graph.index))

    def _data(self, want: Run, graph: Columns) -> Iterator[Missing]:
        """Yield the values left out; those of leaves are in the file already."""
        stated = want.data or {}
        for node in self._nodes(graph, everything=self.data):
            name = graph.ids[node]
            if not is_leaf(graph.opcode[node]) and name not in stated:
                yield Missing(name, DATA)

    def _grad(self, want: Run, got: Run, graph: Columns) -> Iterator[Missing]:
        """Yield the gradients left out; an output's is known if it is that output's seed.

        A complete run leaves nothing out: it says that there are no other gradients.
        """
        if want.grad is not None and is_complete(want, graph):
            return
        stated, grad = want.grad or {}, got.grad or {}
        seed = want.seed or {graph.ids[graph.outputs[0]]: 1.0}
        for node in reversed(self._nodes(graph, everything=self.grad)):
            name = graph.ids[node]
            if name in grad and name not in stated and grad[name] != seed.get(name):
                yield Missing(name, GRAD)

    def _nodes(self, graph: Columns, *, everything: bool) -> range | list[int]:
        if everything:
            return range(len(graph))
        return sorted(graph.index[name] for name in self.ids if name in graph.index)


def described(missing: Sequence[Missing], most: int | None) -> str:
    """List missing numbers by field, at most so many; `… and 3 more` counts the others."""
    shown = missing[:most]
    parts = []
    for field in dict.fromkeys(item.field for item in shown):
        names = ", ".join(item.node for item in shown if item.field == field)
        parts.append(
            f"the node {names}, which the graph does not have"
            if field == NODE
            else f"{field} of {names}"
        )
    text = "; ".join(parts)
    return (
        f"{text}, … and {len(missing) - len(shown):,} more" if len(missing) > len(shown) else text
    )
