"""Derivatives by the chain rule, carried along.

Every Value knows how it changes with each leaf that it depends on: a dict from leaf to partial derivative.
So when the last number is known, so are its derivatives; backward() only writes them down.
"""
from math import cos, exp, log, sin, sqrt, tanh


def combine(*terms):
    """The chain rule: the sum of slope * partials over all operands."""
    total = {}
    for slope, partials in terms:
        for leaf, d in partials.items():
            total[leaf] = total.get(leaf, 0.0) + slope * d
    return total


def of(x):
    """The number and the partial derivatives of an operand; a plain number has none."""
    if isinstance(x, Value):
        return x.data, x.partials
    return float(x), {}


def binary(f, df):
    """An operator, and its reflected one, from a function and its two slopes."""
    def operate(x, y):
        (a, da), (b, db) = of(x), of(y)
        slope_a, slope_b = df(a, b)
        return Value(f(a, b), combine((slope_a, da), (slope_b, db)))

    def reflected(x, y):
        return operate(y, x)

    return operate, reflected


def power_slopes(a, b):
    slope_a = b * a ** (b - 1) if b != 0 else 0.0
    slope_b = a ** b * log(a) if a > 0 else 0.0
    return slope_a, slope_b


class Value:
    def __init__(self, data, partials=None):
        self.data = float(data)
        self.leaf = partials is None
        self.partials = {self: 1.0} if self.leaf else partials
        self.grad = 0.0 if self.leaf else None

    def __repr__(self):
        return f"Value({self.data})"

    __add__, __radd__ = binary(lambda a, b: a + b, lambda a, b: (1.0, 1.0))
    __sub__, __rsub__ = binary(lambda a, b: a - b, lambda a, b: (1.0, -1.0))
    __mul__, __rmul__ = binary(lambda a, b: a * b, lambda a, b: (b, a))
    __truediv__, __rtruediv__ = binary(lambda a, b: a / b, lambda a, b: (1 / b, -a / b ** 2))
    __pow__, __rpow__ = binary(lambda a, b: a ** b, power_slopes)

    def max(self, other):
        return binary(max, lambda a, b: (1.0, 0.0) if a >= b else (0.0, 1.0))[0](self, other)

    def min(self, other):
        return binary(min, lambda a, b: (1.0, 0.0) if a <= b else (0.0, 1.0))[0](self, other)

    def __neg__(self):
        return Value(-self.data, combine((-1.0, self.partials)))

    def __abs__(self):
        return -self if self.data < 0 else Value(self.data, dict(self.partials))

    def exp(self):
        y = exp(self.data)
        return Value(y, combine((y, self.partials)))

    def log(self):
        return Value(log(self.data), combine((1 / self.data, self.partials)))

    def sqrt(self):
        y = sqrt(self.data)
        return Value(y, combine((0.5 / y, self.partials)))

    def tanh(self):
        y = tanh(self.data)
        return Value(y, combine((1 - y * y, self.partials)))

    def sigmoid(self):
        y = 1 / (1 + exp(-self.data)) if self.data > 0 else exp(self.data) / (1 + exp(self.data))
        return Value(y, combine((y * (1 - y), self.partials)))

    def relu(self):
        if self.data > 0:
            return Value(self.data, combine((1.0, self.partials)))
        return Value(0.0, combine((0.0, self.partials)))

    def sin(self):
        return Value(sin(self.data), combine((cos(self.data), self.partials)))

    def cos(self):
        return Value(cos(self.data), combine((-sin(self.data), self.partials)))

    def backward(self):
        for leaf, d in self.partials.items():
            leaf.grad += d
