"""Backpropagation, ported from a little web demo."""

import math


def toNode(thing):
    return thing if isinstance(thing, Node) else Node(thing)


def makeUnary(x, value, slope):
    return Node(value, [x], lambda grad: [grad * slope])


class Node:
    def __init__(self, value, parents=None, vjp=None):
        self.value = value
        self.grad = 0
        self.parents = parents or []
        self.vjp = vjp or (lambda grad: [])

    # primitives: add, mul, pow, exp, log, tanh, relu, sin

    def add(self, other):
        other = toNode(other)
        return Node(self.value + other.value, [self, other], lambda grad: [grad, grad])

    def mul(self, other):
        other = toNode(other)
        return Node(
            self.value * other.value,
            [self, other],
            lambda grad: [grad * other.value, grad * self.value],
        )

    def pow(self, exponent):
        if isinstance(exponent, Node):
            raise NotImplementedError("the exponent must be a number")
        slope = exponent * self.value ** (exponent - 1) if exponent else 0
        return makeUnary(self, self.value ** exponent, slope)

    def exp(self):
        result = math.exp(self.value)
        return makeUnary(self, result, result)

    def log(self):
        return makeUnary(self, math.log(self.value), 1 / self.value)

    def tanh(self):
        result = math.tanh(self.value)
        return makeUnary(self, result, 1 - result * result)

    def relu(self):
        return makeUnary(self, max(self.value, 0), 1 if self.value > 0 else 0)

    def sin(self):
        return makeUnary(self, math.sin(self.value), math.cos(self.value))

    # composed

    def neg(self):
        return self.mul(-1)

    def sub(self, other):
        return self.add(toNode(other).neg())

    def div(self, other):
        return self.mul(toNode(other).pow(-1))

    def cos(self):
        return self.add(math.pi / 2).sin()

    def sqrt(self):
        return self.pow(0.5)

    def sigmoid(self):
        return self.mul(0.5).tanh().add(1).mul(0.5)

    def abs(self):
        return self.relu().add(self.neg().relu())

    # so that 2 * x + 1 works as well

    def __add__(self, other):
        return self.add(other)

    def __radd__(self, other):
        return toNode(other).add(self)

    def __sub__(self, other):
        return self.sub(other)

    def __rsub__(self, other):
        return toNode(other).sub(self)

    def __mul__(self, other):
        return self.mul(other)

    def __rmul__(self, other):
        return toNode(other).mul(self)

    def __truediv__(self, other):
        return self.div(other)

    def __rtruediv__(self, other):
        return toNode(other).div(self)

    def __pow__(self, exponent):
        return self.pow(exponent)

    def __neg__(self):
        return self.neg()

    def toString(self):
        return "Node(" + str(self.value) + ", " + str(self.grad) + ")"

    __repr__ = toString

    def countUses(self):
        """How often is each node used below this one?"""
        uses = {self: 0}
        queue = [self]
        for node in queue:
            for parent in node.parents:
                if parent not in uses:
                    uses[parent] = 0
                    queue.append(parent)
                uses[parent] += 1
        return uses

    def backProp(self):
        uses = self.countUses()
        self.grad = 1
        queue = [self]
        while queue:
            node = queue.pop()
            grads = node.vjp(node.grad)
            for i in range(len(node.parents)):
                parent = node.parents[i]
                parent.grad += grads[i]
                uses[parent] -= 1
                if uses[parent] == 0:
                    queue.append(parent)
