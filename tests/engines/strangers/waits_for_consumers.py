"""Breadth first: find all ancestors with a queue, then take those whose consumers are all done."""
import math
from collections import Counter, deque


class Value:
    def __init__(self, data, operands=(), rule=None):
        self.data = float(data)
        self.grad = 0.0
        self.operands = operands
        self.rule = rule

    @classmethod
    def make(cls, rule, data, *operands):
        return cls(data, operands, rule)

    @classmethod
    def wrap(cls, x):
        return x if isinstance(x, cls) else cls(x)

    # The rules: from the gradient of the result, the result and the operands to the gradients of the operands.

    @staticmethod
    def d_add(g, out, a, b): return g, g

    @staticmethod
    def d_sub(g, out, a, b): return g, -g

    @staticmethod
    def d_mul(g, out, a, b): return g * b, g * a

    @staticmethod
    def d_div(g, out, a, b): return g / b, -g * out / b

    @staticmethod
    def d_pow(g, out, a, b):
        da = b * a ** (b - 1) if b else 0.0
        db = out * math.log(a) if a > 0 else 0.0
        return g * da, g * db

    @staticmethod
    def d_exp(g, out, a): return (g * out,)

    @staticmethod
    def d_log(g, out, a): return (g / a,)

    @staticmethod
    def d_sqrt(g, out, a): return (g / (2 * out),)

    @staticmethod
    def d_tanh(g, out, a): return (g * (1 - out ** 2),)

    @staticmethod
    def d_sigmoid(g, out, a): return (g * out * (1 - out),)

    @staticmethod
    def d_relu(g, out, a): return (g if a > 0 else 0.0,)

    @staticmethod
    def d_sin(g, out, a): return (g * math.cos(a),)

    @staticmethod
    def d_cos(g, out, a): return (-g * math.sin(a),)

    @staticmethod
    def d_pick(g, out, a, b): return (g, 0.0) if out == a else (0.0, g)

    def __add__(self, other):
        other = self.wrap(other)
        return self.make(self.d_add, self.data + other.data, self, other)

    def __sub__(self, other):
        other = self.wrap(other)
        return self.make(self.d_sub, self.data - other.data, self, other)

    def __mul__(self, other):
        other = self.wrap(other)
        return self.make(self.d_mul, self.data * other.data, self, other)

    def __truediv__(self, other):
        other = self.wrap(other)
        return self.make(self.d_div, self.data / other.data, self, other)

    def __pow__(self, other):
        other = self.wrap(other)
        return self.make(self.d_pow, self.data ** other.data, self, other)

    def __radd__(self, other): return self.wrap(other) + self
    def __rsub__(self, other): return self.wrap(other) - self
    def __rmul__(self, other): return self.wrap(other) * self
    def __rtruediv__(self, other): return self.wrap(other) / self
    def __rpow__(self, other): return self.wrap(other) ** self
    def __neg__(self): return self * -1

    def exp(self): return self.make(self.d_exp, math.exp(self.data), self)
    def log(self): return self.make(self.d_log, math.log(self.data), self)
    def sqrt(self): return self.make(self.d_sqrt, math.sqrt(self.data), self)
    def tanh(self): return self.make(self.d_tanh, math.tanh(self.data), self)
    def sigmoid(self): return self.make(self.d_sigmoid, (math.tanh(self.data / 2) + 1) / 2, self)
    def relu(self): return self.make(self.d_relu, max(0.0, self.data), self)
    def sin(self): return self.make(self.d_sin, math.sin(self.data), self)
    def cos(self): return self.make(self.d_cos, math.cos(self.data), self)

    def max(self, other):
        other = self.wrap(other)
        return self.make(self.d_pick, max(self.data, other.data), self, other)

    def min(self, other):
        other = self.wrap(other)
        return self.make(self.d_pick, min(self.data, other.data), self, other)

    def ancestors(self):
        """All that the result depends on, and how many uses of each are still to be waited for."""
        pending = Counter()
        found = {self}
        queue = deque([self])
        while queue:
            node = queue.popleft()
            for operand in node.operands:
                pending[operand] += 1
                if operand not in found:
                    found.add(operand)
                    queue.append(operand)
        return found, pending

    def backward(self):
        found, pending = self.ancestors()
        for node in found:
            node.grad = 0.0
        self.grad = 1.0
        ready = deque([self])
        while ready:
            node = ready.popleft()
            if node.rule is None:
                continue
            gradients = node.rule(node.grad, node.data, *[operand.data for operand in node.operands])
            for operand, gradient in zip(node.operands, gradients):
                operand.grad += gradient
                pending[operand] -= 1
                if pending[operand] == 0:
                    ready.append(operand)
