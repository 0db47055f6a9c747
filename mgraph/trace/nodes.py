"""The recorded graph of a running program: the op and the operands of each Value."""

from __future__ import annotations

import gc
import weakref
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from mgraph.ops import CONST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mgraph.trace.sites import Site

LEAF: Final = "leaf"
"""The op of a Value that was not computed: a param or an input."""

UNKNOWN: Final = "unknown"
"""The op of a Value that was computed by something for which mgraph has no op."""


class TracedNode:
    """A Value of the program, which may have been deleted since.

    Attributes:
        op: `LEAF`, `UNKNOWN`, "const", or an op of mgraph.
        args: The nodes it was computed from, in order and with repeats.
        number: The number of the node; operands have smaller numbers than their users.
        key: The `id` of the Value while it exists; 0 for a plain number.
        ref: A weak reference to the Value; None if its class does not allow one.
        primal: The number of a const, or that of a leaf when it was last used.
        site: Where it was made; None if the recorder did not see that.
        maker: What made it if no op of mgraph did, for messages.
        near: The nodes of the Values that the function had which made a leaf.
    """

    __slots__ = ("args", "key", "maker", "near", "number", "op", "primal", "ref", "site")

    def __init__(
        self, op: str, args: tuple[TracedNode, ...], number: int, key: int, primal: object = None
    ) -> None:
        """Set what is known when the node is made."""
        self.op = op
        self.args = args
        self.number = number
        self.key = key
        self.ref: weakref.ref[Any] | None = None
        self.primal = primal
        self.site: Site | None = None
        self.maker = ""
        self.near: tuple[TracedNode, ...] = ()


class Nodes:
    """The nodes of all existing Values, by identity.

    Values are referenced weakly. Their finalizers call `forget`, so that a reused `id` is not taken
    for an old Value. Values are compared by identity only, and never hashed.

    Attributes:
        inside: Where Values were made by an op that is one node, by `id`, except its result; and
            what called that.
        changed: Where the number of a Value was last set from outside, by `id`, and the number that
            the next node had then.
    """

    def __init__(self) -> None:
        """Start without nodes."""
        self._by_key: dict[int, TracedNode] = {}
        self._numbers = count()
        self._held: dict[int, object] = {}
        self.inside: dict[int, tuple[Site, Site]] = {}
        self.changed: dict[int, tuple[int, Site]] = {}

    def __len__(self) -> int:
        """Return the number of existing Values."""
        return len(self._by_key)

    def of(self, value: object) -> TracedNode | None:
        """Return the node of a Value; None if it was not recorded."""
        return self._by_key.get(id(value))

    def add(self, value: object, op: str, args: tuple[TracedNode, ...] = ()) -> TracedNode:
        """Add a node for a Value, replacing the one of the same object."""
        key = id(value)
        node = self._by_key[key] = TracedNode(op, args, next(self._numbers), key)
        if type(value).__weakrefoffset__:
            node.ref = weakref.ref(value)
        return node

    def const(self, number: object) -> TracedNode:
        """Make a node for a plain number."""
        return TracedNode(CONST, (), next(self._numbers), 0, number)

    def change(self, value: object, site: Site) -> None:
        """Note that the number of a Value was set from outside."""
        self.changed[id(value)] = next(self._numbers), site

    def forget(self, value: object) -> None:
        """Drop a Value that is being deleted."""
        key = id(value)
        self._by_key.pop(key, None)
        self.inside.pop(key, None)
        self.changed.pop(key, None)

    def values(self, nodes: Sequence[TracedNode]) -> list[Any]:
        """Return the Value of each node; None if it was deleted, or has a newer node."""
        held = self._held
        if not held and any(node.ref is None and node.key for node in nodes):
            held = {id(value): value for value in gc.get_objects() if id(value) in self._by_key}
        by_key = self._by_key
        return [
            None if by_key.get(node.key) is not node
            else held.get(node.key) if node.ref is None else node.ref()
            for node in nodes
        ]  # fmt: skip

    def hold(self) -> None:
        """Keep all existing Values alive, because their finalizers will no longer be called."""
        nodes = [*self._by_key.values()]
        values = self.values(nodes)
        self._held = {node.key: value for node, value in zip(nodes, values, strict=True)}


def ancestry(root: TracedNode) -> list[TracedNode]:
    """Return a node and all nodes that it was computed from, in ascending order."""
    seen = {root.number: root}
    stack = [root]
    while stack:
        for arg in stack.pop().args:
            if arg.number not in seen:
                seen[arg.number] = arg
                stack.append(arg)
    return sorted(seen.values(), key=lambda node: node.number)


def attribute(value: object, names: Iterable[str]) -> str | None:
    """Return the first of some attribute names that an object has; None if it has none."""
    return next((name for name in names if hasattr(value, name)), None)
