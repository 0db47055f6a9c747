"""Autodiff on numpy: data and grad are 0-d float64 arrays.

Gradients are always accumulated OUT OF PLACE (a new array for each sum), so it
doesn't matter if two nodes are handed the same array.
"""
import numpy as np


def arr(x):
    return np.array(x, dtype=np.float64)


class Tensor:
    def __init__(self, data, parents=()):
        self.data = arr(data)
        self.grad = arr(0.0)
        self.parents = list(parents)
        self.backward_fn = None

    def accumulate(self, g):
        self.grad = arr(self.grad + g)

    def __repr__(self):
        return f"Tensor({self.data}, grad={self.grad})"

    # ---------------------------------------------------------------- binary
    def __add__(self, other):
        other = as_tensor(other)
        out = Tensor(np.add(self.data, other.data), [self, other])

        def backward_fn(g):
            self.accumulate(g)
            other.accumulate(g)

        out.backward_fn = backward_fn
        return out

    def __mul__(self, other):
        other = as_tensor(other)
        out = Tensor(np.multiply(self.data, other.data), [self, other])

        def backward_fn(g):
            self.accumulate(g * other.data)
            other.accumulate(g * self.data)

        out.backward_fn = backward_fn
        return out

    def __neg__(self):
        out = Tensor(np.negative(self.data), [self])

        def backward_fn(g):
            self.accumulate(-g)

        out.backward_fn = backward_fn
        return out

    def __sub__(self, other):
        return self + (-as_tensor(other))

    def __truediv__(self, other):
        other = as_tensor(other)
        out = Tensor(np.divide(self.data, other.data), [self, other])

        def backward_fn(g):
            self.accumulate(g / other.data)
            other.accumulate(-g * self.data / np.square(other.data))

        out.backward_fn = backward_fn
        return out

    def __pow__(self, other):
        other = as_tensor(other)
        out = Tensor(np.power(self.data, other.data), [self, other])

        def backward_fn(g):
            a, b = self.data, other.data
            if b != 0:
                self.accumulate(g * b * np.power(a, b - 1))
            if a > 0:
                other.accumulate(g * out.data * np.log(a))

        out.backward_fn = backward_fn
        return out

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other):
        return as_tensor(other) - self

    def __rtruediv__(self, other):
        return as_tensor(other) / self

    def __rpow__(self, other):
        return as_tensor(other) ** self

    # ------------------------------------------------------------- functions
    def exp(self):
        out = Tensor(np.exp(self.data), [self])

        def backward_fn(g):
            self.accumulate(g * out.data)

        out.backward_fn = backward_fn
        return out

    def log(self):
        out = Tensor(np.log(self.data), [self])

        def backward_fn(g):
            self.accumulate(g / self.data)

        out.backward_fn = backward_fn
        return out

    def tanh(self):
        out = Tensor(np.tanh(self.data), [self])

        def backward_fn(g):
            self.accumulate(g * (1 - np.square(out.data)))

        out.backward_fn = backward_fn
        return out

    def sin(self):
        out = Tensor(np.sin(self.data), [self])

        def backward_fn(g):
            self.accumulate(g * np.cos(self.data))

        out.backward_fn = backward_fn
        return out

    def cos(self):
        out = Tensor(np.cos(self.data), [self])

        def backward_fn(g):
            self.accumulate(-g * np.sin(self.data))

        out.backward_fn = backward_fn
        return out

    def relu(self):
        out = Tensor(np.maximum(self.data, 0), [self])

        def backward_fn(g):
            self.accumulate(g * (self.data > 0))

        out.backward_fn = backward_fn
        return out

    def __abs__(self):
        out = Tensor(np.abs(self.data), [self])

        def backward_fn(g):
            self.accumulate(g * np.sign(self.data))

        out.backward_fn = backward_fn
        return out

    def sigmoid(self):
        # the tanh form, because exp(-x) overflows
        out = Tensor(0.5 * (1 + np.tanh(0.5 * self.data)), [self])

        def backward_fn(g):
            self.accumulate(g * out.data * (1 - out.data))

        out.backward_fn = backward_fn
        return out

    def sqrt(self):
        return self ** 0.5

    # -------------------------------------------------------------- backward
    def backward(self):
        self.grad = arr(1.0)
        for node in sorted_nodes(self):
            if node.backward_fn is not None:
                node.backward_fn(node.grad)


def as_tensor(x):
    return x if isinstance(x, Tensor) else Tensor(x)


def sorted_nodes(root):
    """All nodes from the root to the leaves, each before its parents."""
    visited, post, stack = set(), [], [root]
    while stack:
        node = stack[-1]
        if id(node) in visited:
            stack.pop()
            continue
        missing = [p for p in node.parents if id(p) not in visited]
        if missing:
            stack += missing
        else:
            visited.add(id(node))
            post.append(node)
            stack.pop()
    return post[::-1]
