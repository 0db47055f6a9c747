"""Chain rule by walking down all paths.

A node tells its children: here is the gradient that comes from me. They add it
up, and tell their own children. Naively that visits a node once per path; so
each node first counts how many messages it will get, and waits for the last.
"""

import math


class Number:
    def __init__(self, value, children=()):
        self.value = value
        self.grad = 0
        self.children = children  # (node, slope)
        self.pending = 0

    def __str__(self):
        return f"{self.value} (grad {self.grad})"

    def __add__(self, other):
        other = number(other)
        return Number(self.value + other.value, [(self, 1), (other, 1)])

    def __radd__(self, other):
        return self + other

    def __neg__(self):
        return Number(-self.value, [(self, -1)])

    def __sub__(self, other):
        return self + -number(other)

    def __rsub__(self, other):
        return number(other) - self

    def __mul__(self, other):
        other = number(other)
        return Number(self.value * other.value, [(self, other.value), (other, self.value)])

    def __rmul__(self, other):
        return self * other

    def inverse(self):
        """1 / self"""
        return Number(1 / self.value, [(self, -1 / self.value ** 2)])

    def __truediv__(self, other):
        return self * number(other).inverse()

    def __rtruediv__(self, other):
        return number(other) * self.inverse()

    def __pow__(self, n):
        if isinstance(n, Number):
            raise NotImplementedError("exponents must be plain numbers")
        return Number(self.value ** n, [(self, n * self.value ** (n - 1))])

    def exp(self):
        e = math.exp(self.value)
        return Number(e, [(self, e)])

    def log(self):
        return Number(math.log(self.value), [(self, 1 / self.value)])

    def sqrt(self):
        r = math.sqrt(self.value)
        return Number(r, [(self, 1 / (2 * r))])

    def sin(self):
        return Number(math.sin(self.value), [(self, math.cos(self.value))])

    def cos(self):
        return Number(math.cos(self.value), [(self, -math.sin(self.value))])

    def tanh(self):
        t = math.tanh(self.value)
        return Number(t, [(self, 1 - t * t)])

    def sigmoid(self):
        # the exponent is never positive, so exp can't overflow
        e = math.exp(-abs(self.value))
        s = 1 / (1 + e) if self.value >= 0 else e / (1 + e)
        return Number(s, [(self, s * (1 - s))])

    def relu(self):
        on = self.value > 0
        return Number(self.value * on, [(self, on)])

    def __abs__(self):
        return Number(abs(self.value), [(self, math.copysign(1, self.value))])

    def sum(self, *more):
        numbers = [self] + [number(m) for m in more]
        return Number(sum(n.value for n in numbers), [(n, 1) for n in numbers])

    def announce(self):
        self.pending += 1
        if self.pending == 1:
            for child, _ in self.children:
                child.announce()

    def receive(self, grad):
        self.grad += grad
        self.pending -= 1
        if self.pending == 0:
            for child, slope in self.children:
                child.receive(self.grad * slope)

    def backward(self):
        self.announce()
        self.receive(1.0)


def number(x):
    if isinstance(x, Number):
        return x
    return Number(x)
