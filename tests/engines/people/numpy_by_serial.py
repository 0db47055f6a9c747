"""Scalar autograd on top of numpy, as a step towards arrays."""
import itertools

import numpy as np


def as_tensor(x):
    return x if isinstance(x, Tensor) else Tensor(x)


class Tensor:

    __array_ufunc__ = None  # numpy numbers on the left leave the operation to us
    serial = itertools.count()

    def __init__(self, data, parents=(), backward_fn=None):
        self.data = np.array(data, dtype=np.float64)
        self.grad = None
        self.parents = parents
        self.backward_fn = backward_fn
        self.id = next(Tensor.serial)

    def __repr__(self):
        return f"tensor({self.data:.4f})"

    def accumulate(self, g):
        if self.grad is None:
            self.grad = np.array(g, dtype=np.float64)
        else:
            self.grad += g

    def backward(self):
        # a tensor is always made after its parents, so the serial number
        # is a topological order already
        tensors = {}
        todo = [self]
        while todo:
            t = todo.pop()
            if t.id not in tensors:
                tensors[t.id] = t
                todo.extend(t.parents)
        self.accumulate(1.0)
        for number in sorted(tensors, reverse=True):
            t = tensors[number]
            if t.backward_fn is not None:
                t.backward_fn(t.grad)

    def __add__(self, other):
        other = as_tensor(other)

        def back(g):
            self.accumulate(g)
            other.accumulate(g)

        return Tensor(self.data + other.data, (self, other), back)

    def __neg__(self):
        def back(g):
            self.accumulate(-g)

        return Tensor(-self.data, (self,), back)

    def __sub__(self, other):
        return self + (-as_tensor(other))

    def __mul__(self, other):
        other = as_tensor(other)

        def back(g):
            self.accumulate(g * other.data)
            other.accumulate(g * self.data)

        return Tensor(self.data * other.data, (self, other), back)

    def __truediv__(self, other):
        other = as_tensor(other)

        def back(g):
            self.accumulate(g / other.data)
            other.accumulate(-g * self.data / np.square(other.data))

        return Tensor(np.divide(self.data, other.data), (self, other), back)

    def __pow__(self, other):
        if isinstance(other, Tensor):
            return (self.log() * other).exp()

        def back(g):
            if other != 0:
                self.accumulate(g * other * np.power(self.data, other - 1))

        return Tensor(np.power(self.data, other), (self,), back)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other):
        return as_tensor(other) - self

    def __rtruediv__(self, other):
        return as_tensor(other) / self

    def exp(self):
        out = np.exp(self.data)

        def back(g):
            self.accumulate(g * out)

        return Tensor(out, (self,), back)

    def log(self):
        def back(g):
            self.accumulate(g / self.data)

        return Tensor(np.log(self.data), (self,), back)

    def sqrt(self):
        out = np.sqrt(self.data)

        def back(g):
            self.accumulate(g / (2 * out))

        return Tensor(out, (self,), back)

    def tanh(self):
        out = np.tanh(self.data)

        def back(g):
            self.accumulate(g * (1 - np.square(out)))

        return Tensor(out, (self,), back)

    def sigmoid(self):
        out = np.exp(-np.logaddexp(0, -self.data))

        def back(g):
            self.accumulate(g * out * (1 - out))

        return Tensor(out, (self,), back)

    def relu(self):
        def back(g):
            self.accumulate(g * (self.data > 0))

        return Tensor(np.maximum(self.data, 0), (self,), back)

    def sin(self):
        def back(g):
            self.accumulate(g * np.cos(self.data))

        return Tensor(np.sin(self.data), (self,), back)

    def cos(self):
        def back(g):
            self.accumulate(-g * np.sin(self.data))

        return Tensor(np.cos(self.data), (self,), back)

    def __abs__(self):
        def back(g):
            self.accumulate(g * np.sign(self.data))

        return Tensor(np.abs(self.data), (self,), back)
