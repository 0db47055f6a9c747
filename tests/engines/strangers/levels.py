"""Lineage of numbers: each operand of a result is a record, and backward groups the records by level."""
import math
from collections import defaultdict, deque, namedtuple
from itertools import groupby

Edge = namedtuple("Edge", "child parent partial")  # the child was derived from the parent


def as_value(x):
    return x if isinstance(x, Value) else Value(x)


def by_level(edge):
    return edge.child.level


class Value:
    def __init__(self, value, inputs=()):
        self.value = value
        self.grad = 0.0
        self.level = 1 + max((parent.level for parent, _ in inputs), default=-1)
        self.edges = [Edge(self, parent, partial) for parent, partial in inputs]

    def derive(self, value, partial):
        return Value(value, [(self, partial)])

    def __add__(self, other):
        other = as_value(other)
        return Value(self.value + other.value, [(self, 1.0), (other, 1.0)])

    def __sub__(self, other):
        other = as_value(other)
        return Value(self.value - other.value, [(self, 1.0), (other, -1.0)])

    def __mul__(self, other):
        other = as_value(other)
        return Value(self.value * other.value, [(self, other.value), (other, self.value)])

    def __truediv__(self, other):
        other = as_value(other)
        ratio = self.value / other.value
        return Value(ratio, [(self, 1 / other.value), (other, -ratio / other.value)])

    def __pow__(self, other):
        if not isinstance(other, Value):
            return self.derive(self.value ** other, other * self.value ** (other - 1) if other else 0.0)
        power = self.value ** other.value
        return Value(power, [
            (self, other.value * self.value ** (other.value - 1) if other.value else 0.0),
            (other, power * math.log(self.value) if self.value > 0 else 0.0),
        ])

    def __radd__(self, other): return as_value(other) + self
    def __rsub__(self, other): return as_value(other) - self
    def __rmul__(self, other): return as_value(other) * self
    def __rtruediv__(self, other): return as_value(other) / self
    def __rpow__(self, other): return as_value(other) ** self
    def __neg__(self): return self.derive(-self.value, -1.0)

    def exp(self):
        e = math.exp(self.value)
        return self.derive(e, e)

    def log(self):
        return self.derive(math.log(self.value), 1 / self.value)

    def tanh(self):
        t = math.tanh(self.value)
        return self.derive(t, 1 - t ** 2)

    def sigmoid(self):
        s = 0.5 * (1 + math.tanh(0.5 * self.value))
        return self.derive(s, s * (1 - s))

    def relu(self):
        return self.derive(*((self.value, 1.0) if self.value > 0 else (0.0, 0.0)))

    def sqrt(self):
        root = math.sqrt(self.value)
        return self.derive(root, 0.5 / root)

    def __abs__(self):
        return self.derive(abs(self.value), math.copysign(1.0, self.value) if self.value else 0.0)

    def maximum(self, other):
        other = as_value(other)
        first = self.value > other.value
        return Value(max(self.value, other.value), [(self, float(first)), (other, float(not first))])

    def lineage(self):
        """All records from which this value was derived."""
        records, seen, queue = [], {id(self)}, deque([self])
        while queue:
            for edge in queue.popleft().edges:
                records.append(edge)
                if id(edge.parent) not in seen:
                    seen.add(id(edge.parent))
                    queue.append(edge.parent)
        return records

    def backward(self):
        records = self.lineage()
        for edge in records:
            edge.parent.grad = 0.0
        self.grad = 1.0
        records = sorted(records, key=by_level, reverse=True)
        for _, group in groupby(records, key=by_level):
            owners, received = {}, defaultdict(float)
            for child, parent, partial in group:
                owners[id(parent)] = parent
                received[id(parent)] += child.grad * partial
            for key, total in received.items():
                owners[key].grad += total
