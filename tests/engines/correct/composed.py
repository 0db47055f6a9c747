"""Only a few ops have rules of their own; the others are composed of them, as in micrograd."""

import math


class Value:
    """A number with micrograd's attributes."""

    def __init__(self, data, _children=(), _op=""):
        self.data = data
        self.grad = 0
        self._backward = lambda: None
        self._prev = set(_children)
        self._op = _op

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other), "+")

        def _backward():
            self.grad += out.grad
            other.grad += out.grad

        out._backward = _backward
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other), "*")

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = _backward
        return out

    def __pow__(self, other):
        if isinstance(other, Value):
            return (self.log() * other).exp()
        return self._unary(self.data**other, other * self.data ** (other - 1), f"**{other}")

    def _unary(self, data, slope, op):
        out = Value(data, (self,), op)

        def _backward():
            self.grad += slope * out.grad

        out._backward = _backward
        return out

    def exp(self):
        return self._unary(math.exp(self.data), math.exp(self.data), "exp")

    def log(self):
        return self._unary(math.log(self.data), 1 / self.data, "log")

    def sin(self):
        return self._unary(math.sin(self.data), math.cos(self.data), "sin")

    def atan(self):
        return self._unary(math.atan(self.data), 1 / (1 + self.data**2), "atan")

    def relu(self):
        return self._unary(max(0, self.data), int(self.data > 0), "relu")

    def __neg__(self):
        return self * -1

    def __radd__(self, other):
        return self + other

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return other + (-self)

    def __rmul__(self, other):
        return self * other

    def __truediv__(self, other):
        return self * other**-1

    def __rtruediv__(self, other):
        return other * self**-1

    def __rpow__(self, other):
        return (self * math.log(other)).exp()

    def __abs__(self):
        return self.relu() + (-self).relu()

    def max(self, other):
        return self + (other - self).relu()

    def min(self, other):
        return self - (self - other).relu()

    def sqrt(self):
        return self**0.5

    def cos(self):
        return (self + math.pi / 2).sin()

    def tan(self):
        return self.sin() / self.cos()

    def sinh(self):
        return (self.exp() - (-self).exp()) / 2

    def cosh(self):
        return (self.exp() + (-self).exp()) / 2

    def tanh(self):
        if self.data < 0:
            return -(-self).tanh()
        e = (-2 * self).exp()
        return (1 - e) / (1 + e)

    def sigmoid(self):
        if self.data < 0:
            return self.exp() / (1 + self.exp())
        return 1 / (1 + (-self).exp())

    def softplus(self):
        if self.data > 0:
            return self + (-self).softplus()
        return (1 + self.exp()).log()

    def backward(self):
        topo, visited, stack = [], set(), [(self, False)]
        while stack:
            node, done = stack.pop()
            if done:
                topo.append(node)
            elif node not in visited:
                visited.add(node)
                stack.append((node, True))
                stack.extend((child, False) for child in node._prev)
        self.grad = 1
        for node in reversed(topo):
            node._backward()
