"""What is remembered of each Value of a running program: its op and its operands."""

from __future__ import annotations

import gc
import weakref
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from mgraph.errors import quoted
from mgraph.ops import CONST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LEAF: Final = "leaf"
"""The op of a Value that was not computed: a param or an input."""

UNKNOWN: Final = "unknown"
"""The op of a Value that was computed by something that mgraph has no op for."""


class TracedNode:
    """One Value of the program, which may be dead by now.

    Attributes:
        op: `LEAF`, `UNKNOWN`, "const", or an op of mgraph.
        args: What it was computed from, order and repeats kept.
        number: Nodes have ascending numbers, operands before users.
        key: The `id` of the Value while it lives; 0 if there is none.
        ref: A weak reference to it; None if its class allows none.
        primal: The number of a const, or a leaf's when it was last used.
        place: Where a Value was made, if the recorder was there when it was and no op made it.
    """

    __slots__ = ("args", "key", "number", "op", "place", "primal", "ref")

    def __init__(
        self, op: str, args: tuple[TracedNode, ...], number: int, key: int, primal: object = None
    ) -> None:
        """Take what is known when the node comes to be."""
        self.op = op
        self.args = args
        self.number = number
        self.key = key
        self.ref: weakref.ref[Any] | None = None
        self.primal = primal
        self.place = ""


class Nodes:
    """The nodes of all Values that live, by identity.

    A Value is held weakly, and forgotten when it dies (`forget` is called by its finalizer), so
    that no `id` is taken for another's. Nothing is ever compared, or hashed, but identities.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._by_key: dict[int, TracedNode] = {}
        self._numbers = count()
        self._held: dict[int, object] = {}

    def __len__(self) -> int:
        """Return how many Values are remembered."""
        return len(self._by_key)

    def of(self, value: object) -> TracedNode | None:
        """Return the node of a Value; None if it is not known."""
        return self._by_key.get(id(value))

    def add(self, value: object, op: str, args: tuple[TracedNode, ...] = ()) -> TracedNode:
        """Remember a Value, in the place of what its object was before."""
        key = id(value)
        node = self._by_key[key] = TracedNode(op, args, next(self._numbers), key)
        if type(value).__weakrefoffset__:
            node.ref = weakref.ref(value)
        return node

    def const(self, number: object) -> TracedNode:
        """Make the node of a plain number."""
        return TracedNode(CONST, (), next(self._numbers), 0, number)

    def forget(self, value: object) -> None:
        """Forget a Value that dies."""
        self._by_key.pop(id(value), None)

    def values(self, nodes: Sequence[TracedNode]) -> list[Any]:
        """Return the Value of each node; None for the dead, and for those that became another."""
        held = self._held
        if not held and any(node.ref is None and node.key for node in nodes):
            held = {id(each): each for each in gc.get_objects() if id(each) in self._by_key}
        by_key = self._by_key
        return [
            None if by_key.get(node.key) is not node
            else held.get(node.key) if node.ref is None else node.ref()
            for node in nodes
        ]  # fmt: skip

    def hold(self) -> None:
        """Keep all Values that live now: their finalizers will no longer tell when they die."""
        nodes = [*self._by_key.values()]
        values = self.values(nodes)
        self._held = {node.key: each for node, each in zip(nodes, values, strict=True)}


def ancestry(root: TracedNode) -> list[TracedNode]:
    """Return everything that a node was computed from, and it, in ascending order."""
    seen = {root.number: root}
    stack = [root]
    while stack:
        for arg in stack.pop().args:
            if arg.number not in seen:
                seen[arg.number] = arg
                stack.append(arg)
    return sorted(seen.values(), key=lambda node: node.number)


def attribute(value: object, names: Iterable[str]) -> str | None:
    """Return the first of some attributes that an object has."""
    return next((name for name in names if hasattr(value, name)), None)


def number_of(x: Any) -> float | None:  # noqa: ANN401 - whatever engines put there
    """Return a number of an engine as a double; None if there is none.

    Raises:
        ValueError: It is something else.
    """
    if type(x) is float or x is None:
        return x
    if isinstance(x, (str, bytes)):
        raise ValueError(quoted(str(x)))  # noqa: TRY004 - a fault of the program's, not of ours
    try:
        if callable(getattr(x, "item", None)):  # NumPy and its like: arrays of one element, too
            x = x.item()
        return float(x)
    except OverflowError:
        return float("inf") if x > 0 else float("-inf")
    except (TypeError, ValueError):
        raise ValueError(f"a {type(x).__name__}") from None
