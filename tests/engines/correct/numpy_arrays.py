"""Numbers are 0-d NumPy arrays, and a single method makes every node."""

import numpy as np


class Value:
    """A 0-d array with a gradient of the same shape."""

    def __init__(self, data, parents=()):
        self.data = np.array(data, dtype=np.float64)
        self.grad = np.zeros_like(self.data)
        self.parents = parents  # pairs (parent, slope)

    def _as_value(self, other):
        return other if isinstance(other, Value) else Value(other)

    def __add__(self, other):
        other = self._as_value(other)
        return Value(self.data + other.data, ((self, 1.0), (other, 1.0)))

    __radd__ = __add__

    def __neg__(self):
        return Value(-self.data, ((self, -1.0),))

    def __sub__(self, other):
        return self + -self._as_value(other)

    def __rsub__(self, other):
        return -self + other

    def __mul__(self, other):
        other = self._as_value(other)
        return Value(self.data * other.data, ((self, other.data), (other, self.data)))

    __rmul__ = __mul__

    def __truediv__(self, other):
        other = self._as_value(other)
        y = self.data / other.data
        return Value(y, ((self, 1 / other.data), (other, -y / other.data)))

    def __rtruediv__(self, other):
        return self._as_value(other) / self

    def __pow__(self, other):
        if not isinstance(other, Value):
            slope = other * self.data ** (other - 1.0)
            return Value(self.data ** float(other), ((self, slope),))
        y = self.data**other.data
        by_exponent = y * np.log(self.data) if self.data > 0 else 0.0
        by_base = other.data * self.data ** (other.data - 1)
        return Value(y, ((self, by_base), (other, by_exponent)))

    def __rpow__(self, other):
        return self._as_value(other) ** self

    def __abs__(self):
        return Value(np.abs(self.data), ((self, np.sign(self.data)),))

    def maximum(self, other):
        other = self._as_value(other)
        share = np.heaviside(self.data - other.data, 0.5)
        return Value(np.maximum(self.data, other.data), ((self, share), (other, 1 - share)))

    def minimum(self, other):
        other = self._as_value(other)
        share = np.heaviside(other.data - self.data, 0.5)
        return Value(np.minimum(self.data, other.data), ((self, share), (other, 1 - share)))

    max, min = maximum, minimum

    def relu(self):
        return Value(np.maximum(self.data, 0), ((self, np.heaviside(self.data, 0.5)),))

    def sqrt(self):
        y = np.sqrt(self.data)
        return Value(y, ((self, 0.5 / y),))

    def exp(self):
        y = np.exp(self.data)
        return Value(y, ((self, y),))

    def log(self):
        return Value(np.log(self.data), ((self, 1 / self.data),))

    def sin(self):
        return Value(np.sin(self.data), ((self, np.cos(self.data)),))

    def cos(self):
        return Value(np.cos(self.data), ((self, -np.sin(self.data)),))

    def tan(self):
        return Value(np.tan(self.data), ((self, np.cos(self.data) ** -2),))

    def atan(self):
        return Value(np.arctan(self.data), ((self, 1 / (1 + self.data**2)),))

    def sinh(self):
        return Value(np.sinh(self.data), ((self, np.cosh(self.data)),))

    def cosh(self):
        return Value(np.cosh(self.data), ((self, np.sinh(self.data)),))

    def tanh(self):
        y = np.tanh(self.data)
        return Value(y, ((self, 1 - y * y),))

    def sigmoid(self):
        y = 1 / (1 + np.exp(-self.data))
        return Value(y, ((self, y * (1 - y)),))

    def softplus(self):
        return Value(np.logaddexp(0, self.data), ((self, 1 / (1 + np.exp(-self.data))),))

    def backward(self):
        order, seen, stack = [], set(), [(self, iter(self.parents))]
        seen.add(id(self))
        while stack:
            node, rest = stack[-1]
            parent = next((other for other, _ in rest if id(other) not in seen), None)
            if parent is None:
                order.append(node)
                stack.pop()
            else:
                seen.add(id(parent))
                stack.append((parent, iter(parent.parents)))
        for node in order:
            node.grad = np.zeros_like(node.data)
        self.grad += 1.0
        for node in reversed(order):
            for parent, slope in node.parents:
                parent.grad += slope * node.grad
