"""Reverse mode as linear algebra.

Number the nodes so that operands come first. With the local derivatives in a strictly lower triangular
matrix L, the adjoints solve (I - L^T) adj = e_n. That is upper triangular: back substitution.
"""
import numpy as np


class Value:
    def __init__(self, data, operands=(), partials=()):
        self.data = float(data)
        self.grad = 0.0
        self.operands = operands
        self.partials = partials

    @staticmethod
    def lift(x):
        return x if isinstance(x, Value) else Value(x)

    def unary(self, y, slope):
        return Value(y, (self,), (slope,))

    def binary(self, other, y, slope_left, slope_right):
        return Value(y, (self, other), (slope_left, slope_right))

    def __add__(self, other):
        other = Value.lift(other)
        return self.binary(other, self.data + other.data, 1.0, 1.0)

    def __sub__(self, other):
        other = Value.lift(other)
        return self.binary(other, self.data - other.data, 1.0, -1.0)

    def __mul__(self, other):
        other = Value.lift(other)
        return self.binary(other, self.data * other.data, other.data, self.data)

    def __truediv__(self, other):
        other = Value.lift(other)
        return self.binary(other, self.data / other.data, 1.0 / other.data, -self.data / other.data ** 2)

    def __pow__(self, other):
        if not isinstance(other, Value):
            slope = other * self.data ** (other - 1) if other != 0 else 0.0
            return self.unary(self.data ** other, slope)
        y = self.data ** other.data
        return self.binary(other, y, other.data * self.data ** (other.data - 1), y * np.log(self.data))

    def __radd__(self, other): return Value.lift(other) + self
    def __rsub__(self, other): return Value.lift(other) - self
    def __rmul__(self, other): return Value.lift(other) * self
    def __rtruediv__(self, other): return Value.lift(other) / self
    def __rpow__(self, other): return Value.lift(other) ** self
    def __neg__(self): return self.unary(-self.data, -1.0)

    def exp(self):
        y = np.exp(self.data)
        return self.unary(y, y)

    def log(self): return self.unary(np.log(self.data), 1.0 / self.data)

    def sqrt(self):
        y = np.sqrt(self.data)
        return self.unary(y, 0.5 / y)

    def tanh(self):
        y = np.tanh(self.data)
        return self.unary(y, 1.0 - y ** 2)

    def sigmoid(self):
        y = 0.5 + 0.5 * np.tanh(0.5 * self.data)
        return self.unary(y, y * (1.0 - y))

    def relu(self): return self.unary(max(self.data, 0.0), 1.0 if self.data > 0 else 0.0)
    def sin(self): return self.unary(np.sin(self.data), np.cos(self.data))
    def cos(self): return self.unary(np.cos(self.data), -np.sin(self.data))
    def __abs__(self): return self.unary(abs(self.data), np.sign(self.data))

    def numbering(self):
        """All nodes, operands first, and the row of each."""
        nodes, row = [], {}
        stack = [(self, 0)]
        while stack:
            node, k = stack.pop()
            if node in row:
                continue
            if k < len(node.operands):
                stack.append((node, k + 1))
                stack.append((node.operands[k], 0))
            else:
                row[node] = len(nodes)
                nodes.append(node)
        return nodes, row

    def backward(self):
        nodes, row = self.numbering()
        n = len(nodes)
        L = np.zeros((n, n))
        for i, node in enumerate(nodes):
            for operand, slope in zip(node.operands, node.partials):
                L[i, row[operand]] += slope
        adj = np.zeros(n)
        adj[n - 1] = 1.0
        for i in range(n - 1, -1, -1):
            for j in np.flatnonzero(L[i, :i]):
                adj[j] += L[i, j] * adj[i]
        for i, node in enumerate(nodes):
            node.grad += float(adj[i])
