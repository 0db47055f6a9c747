"""Nodes never change: an op is a rule that gives a value and a pullback, gradients are a dict by node."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Callable, Tuple


@dataclass(frozen=True, eq=False)
class Node:
    data: float
    parents: Tuple[Node, ...] = ()
    pull: Callable = lambda g: ()
    grad: float = 0.0

    def backward(self):
        for node, g in gradients(self):
            object.__setattr__(node, "grad", g)

    def __add__(self, other): return add(self, other)
    def __radd__(self, other): return add(other, self)
    def __sub__(self, other): return sub(self, other)
    def __rsub__(self, other): return sub(other, self)
    def __mul__(self, other): return mul(self, other)
    def __rmul__(self, other): return mul(other, self)
    def __truediv__(self, other): return div(self, other)
    def __rtruediv__(self, other): return div(other, self)
    def __pow__(self, other): return power(self, other)
    def __rpow__(self, other): return power(other, self)
    def __neg__(self): return neg(self)
    def __abs__(self): return absolute(self)
    def exp(self): return exp(self)
    def log(self): return log(self)
    def tanh(self): return tanh(self)
    def sigmoid(self): return sigmoid(self)
    def relu(self): return relu(self)
    def sqrt(self): return sqrt(self)
    def sin(self): return sin(self)
    def cos(self): return cos(self)
    def max(self, other): return maximum(self, other)
    def min(self, other): return minimum(self, other)


def lift(x):
    return x if isinstance(x, Node) else Node(float(x))


def op(rule):
    """Lifts a rule for numbers to nodes."""
    def apply(*operands):
        nodes = tuple(map(lift, operands))
        value, pull = rule(*(n.data for n in nodes))
        return Node(value, nodes, pull)
    return apply


def postorder(root):
    """Yields every node once, operands before results."""
    seen = {root}
    stack = [(root, iter(root.parents))]
    while stack:
        node, rest = stack[-1]
        for parent in rest:
            if parent not in seen:
                seen.add(parent)
                stack.append((parent, iter(parent.parents)))
                break
        else:
            stack.pop()
            yield node


def gradients(root):
    """Pairs of node and gradient."""
    nodes = list(postorder(root))
    so_far = {id(n): 0.0 for n in nodes}
    so_far[id(root)] = 1.0
    for node in reversed(nodes):
        for parent, part in zip(node.parents, node.pull(so_far[id(node)])):
            so_far[id(parent)] += part
    return [(n, so_far[id(n)]) for n in nodes]


def scale(d):
    """The pullback of an op of one operand whose local derivative is d."""
    return lambda g: (g * d,)


def choose(first):
    """The pullback of an op that passes one of its two operands on."""
    return lambda g: (g, 0.0) if first else (0.0, g)


@op
def add(a, b): return a + b, lambda g: (g, g)
@op
def sub(a, b): return a - b, lambda g: (g, -g)
@op
def mul(a, b): return a * b, lambda g: (g * b, g * a)
@op
def div(a, b): return a / b, lambda g: (g / b, -g * a / (b * b))
@op
def power(a, b):
    y = a ** b
    by_base = lambda g: g * b * a ** (b - 1) if b else 0.0
    by_exponent = lambda g: g * y * math.log(a) if a > 0 else 0.0
    return y, lambda g: (by_base(g), by_exponent(g))
@op
def neg(a): return -a, scale(-1.0)
@op
def absolute(a): return abs(a), scale((a > 0) - (a < 0))
@op
def exp(a):
    y = math.exp(a)
    return y, scale(y)
@op
def log(a): return math.log(a), scale(1 / a)
@op
def sqrt(a):
    y = math.sqrt(a)
    return y, lambda g: (g / (2 * y),)
@op
def sin(a): return math.sin(a), scale(math.cos(a))
@op
def cos(a): return math.cos(a), scale(-math.sin(a))
@op
def tanh(a):
    y = math.tanh(a)
    return y, scale(1 - y * y)
@op
def sigmoid(a):
    y = 1 / (1 + math.exp(-a)) if a >= 0 else math.exp(a) / (1 + math.exp(a))
    return y, scale(y * (1 - y))
@op
def relu(a): return (a, scale(1.0)) if a > 0 else (0.0, scale(0.0))
@op
def maximum(a, b): return max(a, b), choose(a > b)
@op
def minimum(a, b): return min(a, b), choose(a < b)
