"""Only five operations know calculus: add, mul, pow, exp and log.

The rest is made of them, so there is no derivative to get wrong.
"""

import math


class Value:

    def __init__(self, data, sources=()):
        self.data = data
        self.grad = 0.0
        self.sources = sources
        self.step = None
        self.level = 1 + max((s.level for s in sources), default=0)

    def __repr__(self):
        return 'Value({})'.format(self.data)

    # five primitives

    def __add__(self, other):
        other = self._make(other)
        result = Value(self.data + other.data, (self, other))

        def step():
            self.grad += result.grad
            other.grad += result.grad

        result.step = step
        return result

    def __mul__(self, other):
        other = self._make(other)
        result = Value(self.data * other.data, (self, other))

        def step():
            self.grad += result.grad * other.data
            other.grad += result.grad * self.data

        result.step = step
        return result

    def __pow__(self, k):
        if isinstance(k, Value):
            if self.data <= 0:
                return self ** k.data  # no log here: the exponent is taken as fixed
            return (k * self.log()).exp()
        result = Value(self.data ** k, (self,))

        def step():
            self.grad += result.grad * k * self.data ** (k - 1)

        result.step = step
        return result

    def exp(self):
        result = Value(math.exp(self.data), (self,))

        def step():
            self.grad += result.grad * result.data

        result.step = step
        return result

    def log(self):
        result = Value(math.log(self.data), (self,))

        def step():
            self.grad += result.grad / self.data

        result.step = step
        return result

    # everything else

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + other * -1

    def __truediv__(self, other):
        return self * self._make(other) ** -1

    def __radd__(self, other):
        return self + other

    def __rsub__(self, other):
        return -self + other

    def __rmul__(self, other):
        return self * other

    def __rtruediv__(self, other):
        return self ** -1 * other

    def __rpow__(self, other):
        return self._make(other) ** self

    def sqrt(self):
        return self ** 0.5

    def sigmoid(self):
        if self.data >= 0:
            return 1 / (1 + (-self).exp())
        e = self.exp()
        return e / (1 + e)

    def tanh(self):
        return 2 * (2 * self).sigmoid() - 1

    def relu(self):
        return self * (1.0 if self.data > 0 else 0.0)

    def __abs__(self):
        return self.relu() + (-self).relu()

    def maximum(self, other):
        other = self._make(other)
        first = 1.0 if self.data >= other.data else 0.0
        return self * first + other * (1.0 - first)

    def minimum(self, other):
        return -((-self).maximum(-other))

    # gradients

    @staticmethod
    def _make(x):
        return x if isinstance(x, Value) else Value(x)

    def _graph(self):
        found = {self: None}
        waiting = [self]
        while waiting:
            for source in waiting.pop().sources:
                if source not in found:
                    found[source] = None
                    waiting.append(source)
        return list(found)

    def backward(self):
        nodes = self._graph()
        for node in nodes:
            node.grad = 0.0
        self.grad = 1.0
        # a node's level is above those of all its sources
        for node in sorted(nodes, key=lambda n: n.level, reverse=True):
            if node.step:
                node.step()
