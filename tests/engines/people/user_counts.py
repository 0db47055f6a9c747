# Backprop without a topological sort.
#
# Each number counts how often it is used. Going back, a number waits until it has
# heard from all its users, and only then tells its own sources.

import math
import operator
import sys

sys.setrecursionlimit(30000)


def unary(f, df):
    """Make a method from a function and its derivative, which gets input and output."""
    def method(self):
        x = self.v
        y = f(x)
        return Num(y, [(self, lambda g: g * df(x, y))])
    return method


def binary(f, da, db):
    """Make a method from a function of two numbers and its two partial derivatives."""
    def method(self, other):
        other = Num.of(other)
        a, b = self.v, other.v
        return Num(f(a, b), [
            (self, lambda g: g * da(a, b)),
            (other, lambda g: g * db(a, b)),
        ])
    return method


def flipped(method):
    """The same method for a plain number on the left."""
    return lambda self, other: method(Num.of(other), self)


def sigma(x):
    if x > 0:
        return 1 / (1 + math.exp(-x))
    e = math.exp(x)
    return e / (e + 1)


class Num:
    def __init__(self, v, sources=()):
        self.v = v
        self.g = 0
        self.sources = sources
        self.users = 0

    @staticmethod
    def of(x):
        return x if isinstance(x, Num) else Num(x)

    def __repr__(self):
        return f"<{self.v} | {self.g}>"

    __add__ = binary(operator.add, lambda a, b: 1, lambda a, b: 1)
    __sub__ = binary(operator.sub, lambda a, b: 1, lambda a, b: -1)
    __mul__ = binary(operator.mul, lambda a, b: b, lambda a, b: a)
    __truediv__ = binary(operator.truediv, lambda a, b: 1 / b, lambda a, b: -a / b**2)
    _power = binary(
        operator.pow, lambda a, b: b * a ** (b - 1), lambda a, b: a**b * math.log(a)
    )

    def __pow__(self, n):
        if isinstance(n, Num):
            return self._power(n)
        return unary(lambda x: x**n, lambda x, y: n * x ** (n - 1) if n else 0)(self)

    __radd__ = flipped(__add__)
    __rsub__ = flipped(__sub__)
    __rmul__ = flipped(__mul__)
    __rtruediv__ = flipped(__truediv__)
    __rpow__ = flipped(__pow__)

    __neg__ = unary(operator.neg, lambda x, y: -1)
    __abs__ = unary(abs, lambda x, y: 1 if x > 0 else -1)
    exp = unary(math.exp, lambda x, y: y)
    ln = unary(math.log, lambda x, y: 1 / x)
    sqrt = unary(math.sqrt, lambda x, y: 1 / (2 * y))
    sin = unary(math.sin, lambda x, y: math.cos(x))
    cos = unary(math.cos, lambda x, y: -math.sin(x))
    tanh = unary(math.tanh, lambda x, y: 1 - y**2)
    sigmoid = unary(sigma, lambda x, y: y * (1 - y))
    relu = unary(lambda x: x if x > 0 else 0, lambda x, y: 1 if x > 0 else 0)
    maximum = binary(max, lambda a, b: 1 if a >= b else 0, lambda a, b: 0 if a >= b else 1)
    minimum = binary(min, lambda a, b: 1 if a <= b else 0, lambda a, b: 0 if a <= b else 1)

    def backward(self):
        self.users = 1
        self.count()
        self.hear(1)

    def count(self):
        for source, _ in self.sources:
            source.users += 1
            if source.users == 1:
                source.count()

    def hear(self, g):
        self.g += g
        self.users -= 1
        if self.users == 0:
            for source, rule in self.sources:
                source.hear(rule(self.g))
