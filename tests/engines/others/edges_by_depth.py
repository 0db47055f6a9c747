"""A node keeps edges; each edge knows the parent and the local derivative."""
import math


class Edge:
    def __init__(self, parent, local):
        self.parent = parent
        self.local = local


class Scalar:
    def __init__(self, data, edges=()):
        self.data = float(data)
        self.grad = 0.0
        self.edges = list(edges)
        self.depth = 1 + max((e.parent.depth for e in self.edges), default=-1)

    @staticmethod
    def wrap(x):
        return x if isinstance(x, Scalar) else Scalar(x)

    def __add__(self, other):
        other = Scalar.wrap(other)
        return Scalar(self.data + other.data, [Edge(self, 1.0), Edge(other, 1.0)])

    def __radd__(self, other):
        return Scalar.wrap(other).__add__(self)

    def __neg__(self):
        return Scalar(-self.data, [Edge(self, -1.0)])

    def __sub__(self, other):
        return self + (-Scalar.wrap(other))

    def __rsub__(self, other):
        return Scalar.wrap(other) - self

    def __mul__(self, other):
        other = Scalar.wrap(other)
        return Scalar(self.data * other.data, [Edge(self, other.data), Edge(other, self.data)])

    def __rmul__(self, other):
        return self * other

    def reciprocal(self):
        return Scalar(1.0 / self.data, [Edge(self, -1.0 / self.data**2)])

    def __truediv__(self, other):
        return self * Scalar.wrap(other).reciprocal()

    def __rtruediv__(self, other):
        return other * self.reciprocal()

    def __pow__(self, n):
        if isinstance(n, Scalar):
            out = self.data**n.data
            ln = math.log(self.data) if self.data > 0 else 0.0
            return Scalar(out, [Edge(self, n.data * self.data ** (n.data - 1)), Edge(n, out * ln)])
        local = n * self.data ** (n - 1) if n != 0 else 0.0
        return Scalar(self.data**n, [Edge(self, local)])

    def __rpow__(self, base):
        return Scalar.wrap(base) ** self

    def exp(self):
        e = math.exp(self.data)
        return Scalar(e, [Edge(self, e)])

    def log(self):
        return Scalar(math.log(self.data), [Edge(self, 1.0 / self.data)])

    def sqrt(self):
        r = math.sqrt(self.data)
        return Scalar(r, [Edge(self, 1.0 / (2.0 * r))])

    def tanh(self):
        t = math.tanh(self.data)
        return Scalar(t, [Edge(self, 1.0 - t * t)])

    def sigmoid(self):
        s = 1.0 / (1.0 + math.exp(-self.data)) if self.data > -700 else 0.0
        return Scalar(s, [Edge(self, s * (1.0 - s))])

    def relu(self):
        on = self.data > 0
        return Scalar(self.data if on else 0.0, [Edge(self, 1.0 if on else 0.0)])

    def sin(self):
        return Scalar(math.sin(self.data), [Edge(self, math.cos(self.data))])

    def cos(self):
        return Scalar(math.cos(self.data), [Edge(self, -math.sin(self.data))])

    def softplus(self):
        x = self.data
        value = max(x, 0.0) + math.log1p(math.exp(-abs(x)))
        return Scalar(value, [Edge(self, 1.0 / (1.0 + math.exp(-x)) if x > -700 else 0.0)])

    def __abs__(self):
        return Scalar(abs(self.data), [Edge(self, 1.0 if self.data >= 0 else -1.0)])

    def maximum(self, other):
        other = Scalar.wrap(other)
        first = self.data >= other.data
        return Scalar(max(self.data, other.data), [Edge(self, float(first)), Edge(other, float(not first))])

    def ancestors(self):
        found = {id(self): self}
        todo = [self]
        while todo:
            node = todo.pop()
            for edge in node.edges:
                if id(edge.parent) not in found:
                    found[id(edge.parent)] = edge.parent
                    todo.append(edge.parent)
        return found.values()

    def backward(self):
        nodes = sorted(self.ancestors(), key=lambda node: node.depth, reverse=True)
        for node in nodes:
            node.grad = 0.0
        self.grad = 1.0
        for node in nodes:
            for edge in node.edges:
                edge.parent.grad += node.grad * edge.local
