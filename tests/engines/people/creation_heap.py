"""Autograd without sorting: newer nodes can only depend on older ones.

Every node gets a running number when it is made. The backward pass keeps the
nodes that still have to pass on their gradient in a heap and always takes the
newest one, so nobody who comes later can contribute to it any more.
"""

import heapq
import itertools
import math

counter = itertools.count()


class Tracked(object):

    def __init__(self, val, rule=None):
        self.val = val
        self.grad = 0.0
        self.number = next(counter)
        # rule(g) yields pairs: operand, its share of the gradient g
        self.rule = rule

    def __repr__(self):
        return "Tracked #%d: %r" % (self.number, self.val)

    def __lt__(self, other):
        # heapq pops the smallest, which shall be the newest
        return self.number > other.number

    # -- the four operations and power

    def __add__(self, other):
        other = tracked(other)

        def rule(g):
            yield self, g
            yield other, g

        return Tracked(self.val + other.val, rule)

    def __sub__(self, other):
        other = tracked(other)

        def rule(g):
            yield self, g
            yield other, -g

        return Tracked(self.val - other.val, rule)

    def __mul__(self, other):
        other = tracked(other)

        def rule(g):
            yield self, other.val * g
            yield other, self.val * g

        return Tracked(self.val * other.val, rule)

    def __truediv__(self, other):
        other = tracked(other)
        quotient = self.val / other.val

        def rule(g):
            yield self, g / other.val
            yield other, -g * quotient / other.val

        return Tracked(quotient, rule)

    def __pow__(self, other):
        other = tracked(other)
        y = self.val ** other.val

        def rule(g):
            yield self, g * other.val * self.val ** (other.val - 1)
            if self.val > 0:
                yield other, g * math.log(self.val) * y

        return Tracked(y, rule)

    def __neg__(self):
        return 0 - self

    # -- the same with a number on the left

    def __radd__(self, left):
        return self + left

    def __rsub__(self, left):
        return tracked(left) - self

    def __rmul__(self, left):
        return self * left

    def __rtruediv__(self, left):
        return tracked(left) / self

    def __rpow__(self, left):
        return tracked(left) ** self

    # -- functions

    def exp(self):
        y = math.exp(self.val)

        def rule(g):
            yield self, y * g

        return Tracked(y, rule)

    def log(self):
        def rule(g):
            yield self, g / self.val

        return Tracked(math.log(self.val), rule)

    def sqrt(self):
        return self ** 0.5

    def sin(self):
        def rule(g):
            yield self, math.cos(self.val) * g

        return Tracked(math.sin(self.val), rule)

    def cos(self):
        def rule(g):
            yield self, -math.sin(self.val) * g

        return Tracked(math.cos(self.val), rule)

    def tanh(self):
        y = math.tanh(self.val)

        def rule(g):
            yield self, (1 - y ** 2) * g

        return Tracked(y, rule)

    def relu(self):
        def rule(g):
            if self.val > 0:
                yield self, g

        return Tracked(max(0, self.val), rule)

    def max(self, other):
        other = tracked(other)
        winner = other if other.val > self.val else self

        def rule(g):
            yield winner, g

        return Tracked(winner.val, rule)

    def min(self, other):
        other = tracked(other)
        winner = other if other.val < self.val else self

        def rule(g):
            yield winner, g

        return Tracked(winner.val, rule)

    # -- gradients

    def backward(self):
        self.grad = 1.0
        heap = [self]
        queued = {self.number}
        while heap:
            node = heapq.heappop(heap)
            if node.rule is None:
                continue
            for operand, share in node.rule(node.grad):
                operand.grad += share
                if operand.number not in queued:
                    queued.add(operand.number)
                    heapq.heappush(heap, operand)


def tracked(x):
    if isinstance(x, Tracked):
        return x
    return Tracked(x)
