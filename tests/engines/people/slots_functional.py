"""Reverse-mode differentiation with plain functions.

add(a, b), mul(a, b), ... build the graph, backward(v) differentiates it. The
class Num only exists to give these functions an operator syntax.
"""
import math


class Num:
    __slots__ = ("data", "grad", "parents", "pull")

    def __init__(self, data, parents=(), pull=None):
        self.data = data
        self.grad = 0.0
        self.parents = parents
        self.pull = pull  # gradient of the output -> gradients of the parents

    __add__ = lambda a, b: add(a, b)
    __radd__ = lambda a, b: add(b, a)
    __sub__ = lambda a, b: sub(a, b)
    __rsub__ = lambda a, b: sub(b, a)
    __mul__ = lambda a, b: mul(a, b)
    __rmul__ = lambda a, b: mul(b, a)
    __truediv__ = lambda a, b: div(a, b)
    __rtruediv__ = lambda a, b: div(b, a)
    __pow__ = lambda a, b: power(a, b)
    __rpow__ = lambda a, b: power(b, a)
    __neg__ = lambda a: neg(a)
    __abs__ = lambda a: absolute(a)

    def __repr__(self):
        return f"Num({self.data!r})"

    def exp(self):
        return exp(self)

    def log(self):
        return log(self)

    def sqrt(self):
        return sqrt(self)

    def tanh(self):
        return tanh(self)

    def sigmoid(self):
        return sigmoid(self)

    def relu(self):
        return relu(self)

    def backward(self):
        backward(self)


def num(x):
    return x if type(x) is Num else Num(x)


def add(a, b):
    a, b = num(a), num(b)
    return Num(a.data + b.data, (a, b), lambda g: (g, g))


def sub(a, b):
    return add(a, neg(b))


def neg(a):
    a = num(a)
    return Num(-a.data, (a,), lambda g: (-g,))


def mul(a, b):
    a, b = num(a), num(b)
    return Num(a.data * b.data, (a, b), lambda g: (g * b.data, g * a.data))


def reciprocal(a):
    a = num(a)
    r = 1 / a.data
    return Num(r, (a,), lambda g: (-g * r * r,))


def div(a, b):
    return mul(a, reciprocal(b))


def power(a, b):
    a, b = num(a), num(b)
    y = a.data ** b.data

    def pull(g):
        ga = g * b.data * a.data ** (b.data - 1)
        gb = g * y * math.log(a.data) if a.data > 0 else 0.0
        return ga, gb

    return Num(y, (a, b), pull)


def exp(a):
    y = math.exp(a.data)
    return Num(y, (a,), lambda g: (g * y,))


def log(a):
    return Num(math.log(a.data), (a,), lambda g: (g / a.data,))


def sqrt(a):
    y = math.sqrt(a.data)
    return Num(y, (a,), lambda g: (g / (2 * y),))


def tanh(a):
    y = math.tanh(a.data)
    return Num(y, (a,), lambda g: (g * (1 - y) * (1 + y),))


def sigmoid(a):
    # 1 / (1 + e^-x) = (1 + tanh(x / 2)) / 2, which never overflows
    y = 0.5 * (1 + math.tanh(0.5 * a.data))
    return Num(y, (a,), lambda g: (g * y * (1 - y),))


def relu(a):
    on = a.data > 0
    return Num(a.data if on else 0.0, (a,), lambda g: (g if on else 0.0,))


def absolute(a):
    down = a.data < 0
    return Num(-a.data if down else a.data, (a,), lambda g: (-g if down else g,))


def maximum(a, b):
    a, b = num(a), num(b)
    first = a.data >= b.data
    return Num(
        a.data if first else b.data,
        (a, b),
        lambda g: (g, 0.0) if first else (0.0, g),
    )


def minimum(a, b):
    return neg(maximum(neg(a), neg(b)))


def topological(root):
    """Parents first. Written with iterators on a stack, no recursion."""
    order = []
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
            order.append(node)
    return order


def backward(root):
    order = topological(root)
    for node in order:
        node.grad = 0.0
    root.grad = 1.0
    for node in reversed(order):
        if node.pull is None:
            continue
        for parent, g in zip(node.parents, node.pull(node.grad)):
            parent.grad += g
