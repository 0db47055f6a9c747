"""Has `value` and `gradient`; a node passes on when all nodes that use it have passed on."""

import math
import operator


class Scalar:
    """A number, the numbers it was computed from, and its slope by each of them."""

    def __init__(self, value, made_of=(), slopes=()):
        self.value = value
        self.gradient = 0
        self.made_of = made_of
        self.slopes = slopes

    def __add__(self, other):
        return _binary(operator.add, self, other, lambda a, b: (1, 1))

    def __radd__(self, other):
        return Scalar(other) + self

    def __sub__(self, other):
        return _binary(operator.sub, self, other, lambda a, b: (1, -1))

    def __rsub__(self, other):
        return Scalar(other) - self

    def __mul__(self, other):
        return _binary(operator.mul, self, other, lambda a, b: (b, a))

    def __rmul__(self, other):
        return Scalar(other) * self

    def __truediv__(self, other):
        return _binary(operator.truediv, self, other, lambda a, b: (1 / b, -a / (b * b)))

    def __rtruediv__(self, other):
        return Scalar(other) / self

    def __pow__(self, other):
        return _binary(operator.pow, self, other, _slopes_of_power)

    def __rpow__(self, other):
        return Scalar(other) ** self

    def __neg__(self):
        return self._apply(-self.value, -1)

    def __abs__(self):
        return self._apply(abs(self.value), 1 if self.value >= 0 else -1)

    def _apply(self, value, slope):
        return Scalar(value, (self,), (slope,))

    def relu(self):
        return self._apply(max(self.value, 0), 1 if self.value >= 0 else 0)

    def exp(self):
        return self._apply(math.exp(self.value), math.exp(self.value))

    def log(self):
        return self._apply(math.log(self.value), 1 / self.value)

    def sqrt(self):
        return self**0.5

    def sin(self):
        return self._apply(math.sin(self.value), math.cos(self.value))

    def cos(self):
        return self._apply(math.cos(self.value), -math.sin(self.value))

    def tanh(self):
        y = math.tanh(self.value)
        return self._apply(y, (1 - y) * (1 + y))

    def sigmoid(self):
        y = 0.5 * (1 + math.tanh(0.5 * self.value))
        return self._apply(y, y * (1 - y))

    def backward(self):
        users = {self: 0}
        order = [self]
        for node in order:  # grows while it is walked
            node.gradient = 0
            for child in node.made_of:
                if child not in users:
                    order.append(child)
                users[child] = users.get(child, 0) + 1
        self.gradient = 1
        ready = [self]
        while ready:
            node = ready.pop()
            for child, slope in zip(node.made_of, node.slopes):
                child.gradient += node.gradient * slope
                users[child] -= 1
                if users[child] == 0:
                    ready.append(child)


def _binary(function, a, b, slopes):
    b = b if isinstance(b, Scalar) else Scalar(b)
    return Scalar(function(a.value, b.value), (a, b), slopes(a.value, b.value))


def _slopes_of_power(a, b):
    return b * a ** (b - 1), a**b * math.log(a) if a > 0 else 0
