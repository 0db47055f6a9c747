"""Every op is recorded on one tape; backward reads it from the end, and resets gradients."""

import math

TAPE = []


class Value:
    """A number and its position on the tape; a leaf has none before it is used."""

    def __init__(self, data):
        self.data = data
        self.grad = None

    def __add__(self, other):
        other = lift(other)
        return record(self.data + other.data, (self, 1.0), (other, 1.0))

    def __sub__(self, other):
        other = lift(other)
        return record(self.data - other.data, (self, 1.0), (other, -1.0))

    def __mul__(self, other):
        other = lift(other)
        return record(self.data * other.data, (self, other.data), (other, self.data))

    def __truediv__(self, other):
        other = lift(other)
        y = self.data / other.data
        return record(y, (self, 1.0 / other.data), (other, -y / other.data))

    def __pow__(self, other):
        other = lift(other)
        a, n = self.data, other.data
        log = math.log(a) if a > 0 else 0.0
        return record(a**n, (self, n * a ** (n - 1)), (other, a**n * log))

    def __radd__(self, other):
        return lift(other) + self

    def __rsub__(self, other):
        return lift(other) - self

    def __rmul__(self, other):
        return lift(other) * self

    def __rtruediv__(self, other):
        return lift(other) / self

    def __rpow__(self, other):
        return lift(other) ** self

    def __neg__(self):
        return record(-self.data, (self, -1.0))

    def __abs__(self):
        return record(abs(self.data), (self, math.copysign(1.0, self.data)))

    def max(self, other):
        other = lift(other)
        first = 1.0 if self.data >= other.data else 0.0
        return record(max(self.data, other.data), (self, first), (other, 1.0 - first))

    def min(self, other):
        other = lift(other)
        first = 1.0 if self.data <= other.data else 0.0
        return record(min(self.data, other.data), (self, first), (other, 1.0 - first))

    def sum(self, *others):
        terms = (self, *others)
        return record(math.fsum(term.data for term in terms), *((term, 1.0) for term in terms))

    def relu(self):
        return record(max(self.data, 0.0), (self, float(self.data >= 0)))

    def sqrt(self):
        y = math.sqrt(self.data)
        return record(y, (self, 0.5 / y))

    def exp(self):
        y = math.exp(self.data)
        return record(y, (self, y))

    def log(self):
        return record(math.log(self.data), (self, 1.0 / self.data))

    def sin(self):
        return record(math.sin(self.data), (self, math.cos(self.data)))

    def cos(self):
        return record(math.cos(self.data), (self, -math.sin(self.data)))

    def tan(self):
        y = math.tan(self.data)
        return record(y, (self, 1.0 + y * y))

    def atan(self):
        return record(math.atan(self.data), (self, 1.0 / (1.0 + self.data**2)))

    def sinh(self):
        return record(math.sinh(self.data), (self, math.cosh(self.data)))

    def cosh(self):
        return record(math.cosh(self.data), (self, math.sinh(self.data)))

    def tanh(self):
        y = math.tanh(self.data)
        return record(y, (self, 1.0 - y * y))

    def sigmoid(self):
        y = logistic(self.data)
        return record(y, (self, y * (1.0 - y)))

    def softplus(self):
        y = max(self.data, 0.0) + math.log1p(math.exp(-abs(self.data)))
        return record(y, (self, logistic(self.data)))

    def backward(self):
        grads = {self: 1.0}
        for out, inputs in reversed(TAPE):
            if out in grads:
                for child, slope in inputs:
                    grads[child] = grads.get(child, 0.0) + slope * grads[out]
        for node, grad in grads.items():
            node.grad = grad


def lift(x):
    return x if isinstance(x, Value) else Value(x)


def record(data, *inputs):
    out = Value(data)
    TAPE.append((out, inputs))
    return out


def logistic(x):
    e = math.exp(-abs(x))
    return (1.0 if x > 0 else e) / (1.0 + e)
