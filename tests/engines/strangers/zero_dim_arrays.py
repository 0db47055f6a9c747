"""Reverse-mode differentiation of 0-d arrays: local derivatives are functions, taken when the adjoint arrives."""
import numpy as np


def wrap(x):
    return x if isinstance(x, Value) else Value(x)


class Value:
    __array_ufunc__ = None  # np.float64(2) * v is ours

    def __init__(self, data, links=()):
        self.data = np.array(data, dtype=float)
        self.grad = np.zeros(())
        self.links = links  # pairs of an operand and a function that returns d self / d operand

    def __repr__(self):
        return f"Value({self.data}, grad={self.grad})"

    def history(self, seen):
        """Yield everything this value was computed from, operands before results."""
        if id(self) not in seen:
            seen.add(id(self))
            for operand, _ in self.links:
                yield from operand.history(seen)
            yield self

    def backward(self):
        order = list(self.history(set()))
        index = {id(v): i for i, v in enumerate(order)}
        bars = [np.zeros(()) for _ in order]
        bars[-1] += 1.0
        for v, bar in zip(order[::-1], bars[::-1]):
            for operand, slope in v.links:
                bars[index[id(operand)]] += bar * slope()
        for v, bar in zip(order, bars):
            v.grad += bar

    # arithmetic

    def __add__(self, other):
        other = wrap(other)
        return Value(self.data + other.data, [(self, lambda: 1.0), (other, lambda: 1.0)])

    def __sub__(self, other):
        other = wrap(other)
        return Value(self.data - other.data, [(self, lambda: 1.0), (other, lambda: -1.0)])

    def __mul__(self, other):
        other = wrap(other)
        return Value(self.data * other.data, [(self, lambda: other.data), (other, lambda: self.data)])

    def __truediv__(self, other):
        other = wrap(other)
        a, b = self.data, other.data
        return Value(a / b, [(self, lambda: 1.0 / b), (other, lambda: -a / b**2)])

    def __pow__(self, p):
        x = self.data
        if not isinstance(p, Value):
            return Value(np.power(x, float(p)), [(self, lambda: p * np.power(x, p - 1.0) if p else 0.0)])
        y = np.power(x, p.data)
        return Value(y, [(self, lambda: p.data * np.power(x, p.data - 1.0)),
                         (p, lambda: y * np.log(x) if x > 0 else 0.0)])

    def __neg__(self):
        return Value(np.negative(self.data), [(self, lambda: -1.0)])

    def __radd__(self, other): return wrap(other) + self
    def __rsub__(self, other): return wrap(other) - self
    def __rmul__(self, other): return wrap(other) * self
    def __rtruediv__(self, other): return wrap(other) / self
    def __rpow__(self, other): return wrap(other) ** self

    # functions; df takes the argument x and the value y

    def apply(self, f, df):
        y = f(self.data)
        return Value(y, [(self, lambda: df(self.data, y))])

    def exp(self): return self.apply(np.exp, lambda x, y: y)
    def log(self): return self.apply(np.log, lambda x, y: 1.0 / x)
    def tanh(self): return self.apply(np.tanh, lambda x, y: 1.0 - y**2)
    def sqrt(self): return self.apply(np.sqrt, lambda x, y: 0.5 / y)
    def sin(self): return self.apply(np.sin, lambda x, y: np.cos(x))
    def cos(self): return self.apply(np.cos, lambda x, y: -np.sin(x))
    def abs(self): return self.apply(np.abs, lambda x, y: np.sign(x))

    def sigmoid(self):
        return self.apply(lambda x: np.exp(-np.logaddexp(0.0, -x)), lambda x, y: y * (1.0 - y))

    def relu(self):
        return self.apply(lambda x: np.maximum(x, 0.0), lambda x, y: np.heaviside(x, 0.0))

    def max(self, other):
        other = wrap(other)
        return Value(np.maximum(self.data, other.data), [(self, lambda: self.data >= other.data),
                                                         (other, lambda: self.data < other.data)])

    def min(self, other):
        other = wrap(other)
        return Value(np.minimum(self.data, other.data), [(self, lambda: self.data <= other.data),
                                                         (other, lambda: self.data > other.data)])
