from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Union

Number = Union[int, float]


@dataclass(eq=False)
class Node:
    """A number, the nodes it was computed from, and how it changes with each of them."""

    data: float
    parents: list[tuple[Node, float]] = field(default_factory=list, repr=False)
    grad: float = 0.0

    def __add__(self, other: Node | Number) -> Node:
        other = to_node(other)
        return Node(self.data + other.data, [(self, 1.0), (other, 1.0)])

    def __radd__(self, other: Number) -> Node:
        return to_node(other) + self

    def __neg__(self) -> Node:
        return Node(-self.data, [(self, -1.0)])

    def __sub__(self, other: Node | Number) -> Node:
        other = to_node(other)
        return Node(self.data - other.data, [(self, 1.0), (other, -1.0)])

    def __rsub__(self, other: Number) -> Node:
        return to_node(other) - self

    def __mul__(self, other: Node | Number) -> Node:
        other = to_node(other)
        product = self.data * other.data
        return Node(product, [(self, other.data), (other, self.data)])

    def __rmul__(self, other: Number) -> Node:
        return to_node(other) * self

    def __truediv__(self, other: Node | Number) -> Node:
        return self * to_node(other) ** -1

    def __rtruediv__(self, other: Number) -> Node:
        return to_node(other) / self

    def __pow__(self, other: Node | Number) -> Node:
        if isinstance(other, Node):
            # u ** v = e ** (v * ln u)
            return (other * self.log()).exp()
        base, n = self.data, other
        slope = 0.0 if n == 0 else n * base ** (n - 1)
        return Node(base**n, [(self, slope)])

    def __rpow__(self, other: Number) -> Node:
        return to_node(other) ** self

    def __abs__(self) -> Node:
        return Node(abs(self.data), [(self, 1.0 if self.data >= 0 else -1.0)])

    def exp(self) -> Node:
        e = math.exp(self.data)
        return Node(e, [(self, e)])

    def log(self) -> Node:
        return Node(math.log(self.data), [(self, 1 / self.data)])

    def sqrt(self) -> Node:
        root = math.sqrt(self.data)
        return Node(root, [(self, 0.5 / root)])

    def sin(self) -> Node:
        return Node(math.sin(self.data), [(self, math.cos(self.data))])

    def cos(self) -> Node:
        return Node(math.cos(self.data), [(self, -math.sin(self.data))])

    def tanh(self) -> Node:
        t = math.tanh(self.data)
        return Node(t, [(self, 1 - t**2)])

    def sigmoid(self) -> Node:
        s = logistic(self.data)
        return Node(s, [(self, s * (1 - s))])

    def relu(self) -> Node:
        active = self.data > 0
        return Node(self.data if active else 0.0, [(self, float(active))])

    def max(self, other: Node | Number) -> Node:
        other = to_node(other)
        bigger = self if self.data >= other.data else other
        return Node(bigger.data, [(bigger, 1.0)])

    def sum(self, *others: Node | Number) -> Node:
        terms = [self, *map(to_node, others)]
        return Node(sum(t.data for t in terms), [(t, 1.0) for t in terms])

    def backprop(self) -> None:
        """Kahn's algorithm: a node's turn comes when all its children have had theirs."""
        waiting_for: dict[int, int] = {id(self): 0}
        pending = [self]
        while pending:
            node = pending.pop()
            for parent, _ in node.parents:
                if id(parent) not in waiting_for:
                    waiting_for[id(parent)] = 0
                    pending.append(parent)
                waiting_for[id(parent)] += 1

        self.grad = 1.0
        ready = [self]
        while ready:
            node = ready.pop()
            for parent, slope in node.parents:
                parent.grad += slope * node.grad
                waiting_for[id(parent)] -= 1
                if waiting_for[id(parent)] == 0:
                    ready.append(parent)


def to_node(x: Node | Number) -> Node:
    return x if isinstance(x, Node) else Node(x)


def logistic(x: float) -> float:
    if x < 0:
        return 1 - logistic(-x) if x > -1 else math.exp(x) / (1 + math.exp(x))
    return 1 / (1 + math.exp(-x))
