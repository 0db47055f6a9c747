"""Has operators, and functions beside the class instead of methods."""

import itertools
import math

_clock = itertools.count()


class Value:
    """A number with a pullback: a function that takes a gradient, and passes its shares on."""

    __slots__ = ("born", "data", "grad", "inputs", "pullback")

    def __init__(self, data, inputs=(), pullback=None):
        self.data = data
        self.grad = 0.0
        self.inputs = inputs
        self.pullback = pullback
        self.born = next(_clock)

    def __add__(self, other):
        return add(self, other)

    def __radd__(self, other):
        return add(other, self)

    def __sub__(self, other):
        return add(self, neg(other))

    def __rsub__(self, other):
        return add(other, neg(self))

    def __mul__(self, other):
        return mul(self, other)

    def __rmul__(self, other):
        return mul(other, self)

    def __truediv__(self, other):
        return mul(self, pow(other, -1))

    def __rtruediv__(self, other):
        return mul(other, pow(self, -1))

    def __pow__(self, other):
        return pow(self, other)

    def __rpow__(self, other):
        return exp(mul(self, math.log(other)))

    def __neg__(self):
        return neg(self)

    def __abs__(self):
        return maximum(self, neg(self))

    def backward(self):
        """Order nodes by age, younger ones first: an input is older than its users."""
        reached = {self.born: self}
        stack = [self]
        while stack:
            for child in stack.pop().inputs:
                if child.born not in reached:
                    reached[child.born] = child
                    stack.append(child)
        for node in reached.values():
            node.grad = 0.0
        self.grad = 1.0
        for born in sorted(reached, reverse=True):
            node = reached[born]
            if node.pullback:
                for child, share in zip(node.inputs, node.pullback(node.grad)):
                    child.grad += share


def _value(x):
    return x if isinstance(x, Value) else Value(x)


def add(a, b):
    a, b = _value(a), _value(b)
    return Value(a.data + b.data, (a, b), lambda g: (g, g))


def mul(a, b):
    a, b = _value(a), _value(b)
    return Value(a.data * b.data, (a, b), lambda g: (g * b.data, g * a.data))


def neg(x):
    x = _value(x)
    return Value(-x.data, (x,), lambda g: (-g,))


def pow(x, n):  # noqa: A001 - the name of the op
    if isinstance(n, Value):
        return exp(mul(n, log(_value(x))))
    x = _value(x)
    return Value(x.data**n, (x,), lambda g: (g * n * x.data ** (n - 1),))


def exp(x):
    y = math.exp(x.data)
    return Value(y, (x,), lambda g: (g * y,))


def log(x):
    return Value(math.log(x.data), (x,), lambda g: (g / x.data,))


def sin(x):
    return Value(math.sin(x.data), (x,), lambda g: (g * math.cos(x.data),))


def cos(x):
    return Value(math.cos(x.data), (x,), lambda g: (-g * math.sin(x.data),))


def atan(x):
    return Value(math.atan(x.data), (x,), lambda g: (g / (1 + x.data * x.data),))


def sqrt(x):
    return pow(x, 0.5)


def tanh(x):
    y = math.tanh(x.data)
    return Value(y, (x,), lambda g: (g - g * y * y,))


def relu(x):
    return Value(max(0.0, x.data), (x,), lambda g: (g if x.data > 0 else 0.0,))


def maximum(a, b):
    a, b = _value(a), _value(b)
    return a + relu(b - a)


def minimum(a, b):
    a, b = _value(a), _value(b)
    return a - relu(a - b)
