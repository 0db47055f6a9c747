from collections import deque
from math import cos, exp, log, sin, sqrt, tanh
from numbers import Number


class Scalar:
    """A number in a computational graph.

    Each scalar remembers its inputs together with the local gradients, and
    backprop() walks over the graph with Kahn's algorithm: a scalar is processed
    as soon as all of its consumers are.
    """

    def __init__(self, value):
        self.value = value
        self.gradient = 0.0
        self.inputs = []  # pairs (scalar, local gradient)

    @classmethod
    def result_of(cls, value, *inputs):
        result = cls(value)
        result.inputs.extend(inputs)
        return result

    @staticmethod
    def wrap(x):
        if isinstance(x, Scalar):
            return x
        if isinstance(x, Number):
            return Scalar(x)
        raise TypeError("cannot use %r in a graph" % (x,))

    def __repr__(self):
        return f"<Scalar {self.value} d={self.gradient}>"

    # ---- arithmetic -----------------------------------------------------

    def __add__(self, other):
        other = Scalar.wrap(other)
        return Scalar.result_of(self.value + other.value, (self, 1.0), (other, 1.0))

    def __sub__(self, other):
        other = Scalar.wrap(other)
        return Scalar.result_of(self.value - other.value, (self, 1.0), (other, -1.0))

    def __mul__(self, other):
        other = Scalar.wrap(other)
        return Scalar.result_of(
            self.value * other.value,
            (self, other.value),
            (other, self.value),
        )

    def __truediv__(self, other):
        other = Scalar.wrap(other)
        return Scalar.result_of(
            self.value / other.value,
            (self, 1.0 / other.value),
            (other, -self.value / other.value ** 2),
        )

    def __pow__(self, other):
        other = Scalar.wrap(other)
        power = self.value ** other.value
        to_base = other.value * self.value ** (other.value - 1)
        if self.value <= 0:  # log is not defined, only the base gets a gradient
            return Scalar.result_of(power, (self, to_base))
        to_exponent = power * log(self.value)
        return Scalar.result_of(power, (self, to_base), (other, to_exponent))

    def __neg__(self):
        return Scalar.result_of(-self.value, (self, -1.0))

    def __radd__(self, other):
        return Scalar.wrap(other) + self

    def __rsub__(self, other):
        return Scalar.wrap(other) - self

    def __rmul__(self, other):
        return Scalar.wrap(other) * self

    def __rtruediv__(self, other):
        return Scalar.wrap(other) / self

    def __rpow__(self, other):
        return Scalar.wrap(other) ** self

    # ---- functions ------------------------------------------------------

    def exp(self):
        y = exp(self.value)
        return Scalar.result_of(y, (self, y))

    def ln(self):
        return Scalar.result_of(log(self.value), (self, 1.0 / self.value))

    def sqrt(self):
        root = sqrt(self.value)
        return Scalar.result_of(root, (self, 0.5 / root))

    def sin(self):
        return Scalar.result_of(sin(self.value), (self, cos(self.value)))

    def cos(self):
        return Scalar.result_of(cos(self.value), (self, -sin(self.value)))

    def tanh(self):
        t = tanh(self.value)
        return Scalar.result_of(t, (self, 1.0 - t * t))

    def relu(self):
        if self.value > 0:
            return Scalar.result_of(self.value, (self, 1.0))
        return Scalar.result_of(0.0, (self, 0.0))

    # ---- reverse pass ---------------------------------------------------

    def _count_consumers(self):
        consumers = {self: 0}
        queue = deque([self])
        while queue:
            scalar = queue.popleft()
            for source, _ in scalar.inputs:
                if source not in consumers:
                    consumers[source] = 0
                    queue.append(source)
                consumers[source] += 1
        return consumers

    def backprop(self):
        waiting = self._count_consumers()
        for scalar in waiting:
            scalar.gradient = 0.0
        self.gradient = 1.0

        ready = deque([self])
        while ready:
            scalar = ready.popleft()
            for source, local in scalar.inputs:
                source.gradient += local * scalar.gradient
                waiting[source] -= 1
                if waiting[source] == 0:
                    ready.append(source)
