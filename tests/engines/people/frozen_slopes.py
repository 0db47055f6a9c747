"""My autograd. Slopes are worked out on the way forward, while all numbers are at hand;
backward only multiplies and adds.

children: frozenset of the nodes this one depends on
slopes:   {child: d(self)/d(child)}   (summed, so x*x has one child with slope 2x)
"""

import math


class Value:
    def __init__(self, data, slopes=None):
        self.data = data
        self.grad = 0.0
        self.slopes = {} if slopes is None else slopes
        self.children = frozenset(self.slopes)

    def __repr__(self):
        return f"<{self.data} | {self.grad}>"

    @staticmethod
    def lift(x):
        if isinstance(x, Value):
            return x
        return Value(x)

    @staticmethod
    def combine(*pairs):
        """Sum the slopes of operands that are the same node."""
        slopes = {}
        for child, slope in pairs:
            slopes[child] = slopes.get(child, 0.0) + slope
        return slopes

    # --- arithmetic

    def __add__(self, other):
        other = Value.lift(other)
        return Value(self.data + other.data, Value.combine((self, 1.0), (other, 1.0)))

    def __mul__(self, other):
        other = Value.lift(other)
        return Value(
            self.data * other.data, Value.combine((self, other.data), (other, self.data))
        )

    def __truediv__(self, other):
        other = Value.lift(other)
        q = self.data / other.data
        return Value(q, Value.combine((self, 1 / other.data), (other, -q / other.data)))

    def __pow__(self, other):
        other = Value.lift(other)
        base, power = self.data, other.data
        y = base**power
        to_base = power * base ** (power - 1) if power != 0 else 0.0
        to_power = y * math.log(base) if base > 0 else 0.0
        return Value(y, Value.combine((self, to_base), (other, to_power)))

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-Value.lift(other))

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other

    def __rsub__(self, other):
        return Value.lift(other) - self

    def __rtruediv__(self, other):
        return Value.lift(other) / self

    def __rpow__(self, other):
        return Value.lift(other) ** self

    # --- functions

    def exp(self):
        e = math.exp(self.data)
        return Value(e, {self: e})

    def log(self):
        return Value(math.log(self.data), {self: 1 / self.data})

    def sqrt(self):
        r = math.sqrt(self.data)
        return Value(r, {self: 0.5 / r})

    def sin(self):
        return Value(math.sin(self.data), {self: math.cos(self.data)})

    def cos(self):
        return Value(math.cos(self.data), {self: -math.sin(self.data)})

    def tanh(self):
        t = math.tanh(self.data)
        return Value(t, {self: 1 - t * t})

    def sigmoid(self):
        e = math.exp(-abs(self.data))
        s = 1 / (1 + e) if self.data >= 0 else e / (1 + e)
        return Value(s, {self: s * (1 - s)})

    def relu(self):
        return Value(max(0.0, self.data), {self: 1.0 if self.data > 0 else 0.0})

    def __abs__(self):
        sign = 1.0 if self.data >= 0 else -1.0
        return Value(abs(self.data), {self: sign})

    def sum(self, *others):
        """self + all the others, as one node"""
        terms = [self] + [Value.lift(x) for x in others]
        total = 0.0
        for t in terms:
            total += t.data
        return Value(total, Value.combine(*[(t, 1.0) for t in terms]))

    # --- backward

    def count_parents(self):
        """How many nodes below self use each node."""
        waiting = {self: 0}
        stack = [self]
        while stack:
            node = stack.pop()
            for child in node.children:
                if child not in waiting:
                    waiting[child] = 0
                    stack.append(child)
                waiting[child] += 1
        return waiting

    def backward(self):
        waiting = self.count_parents()
        self.grad = 1.0
        ready = [self]
        while ready:
            node = ready.pop()
            for child in node.children:
                child.grad += node.slopes[child] * node.grad
                waiting[child] -= 1
                if waiting[child] == 0:
                    ready.append(child)
