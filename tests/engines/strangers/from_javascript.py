"""A port of a small JavaScript library: inputs, an arrow function for their shares, a Map of gradients."""
import math


class Math:
    """What the port needs of JavaScript's Math."""
    sqrt, sin, cos, tanh = math.sqrt, math.sin, math.cos, math.tanh
    log, abs, max, min = math.log, abs, max, min

    @staticmethod
    def exp(x):
        try:
            return math.exp(x)
        except OverflowError:
            return math.inf

    @staticmethod
    def sign(x):
        return (x > 0) - (x < 0)


def is_value(x):
    return isinstance(x, Value)


def to_value(x):
    return x if is_value(x) else Value(x)


class Value:
    def __init__(self, data, inputs=(), grads_for=None):
        self.data = float(data)
        self.grad = 0.0
        self.inputs = list(inputs)
        self.grads_for = grads_for or (lambda g: [])

    def add(self, other):
        a, b = self, to_value(other)
        return Value(a.data + b.data, [a, b], lambda g: (g, g))

    def sub(self, other):
        a, b = self, to_value(other)
        return Value(a.data - b.data, [a, b], lambda g: (g, -g))

    def mul(self, other):
        a, b = self, to_value(other)
        return Value(a.data * b.data, [a, b], lambda g: (g * b.data, g * a.data))

    def div(self, other):
        a, b = self, to_value(other)
        return Value(a.data / b.data, [a, b], lambda g: (g / b.data, -g * a.data / b.data ** 2))

    def pow(self, n):
        if is_value(n):
            return n.mul(self.log()).exp()
        return Value(self.data ** n, [self], lambda g: (g * n * self.data ** (n - 1) if n != 0 else 0.0,))

    def max(self, other):
        a, b = self, to_value(other)
        return Value(Math.max(a.data, b.data), [a, b], lambda g: (g, 0) if a.data >= b.data else (0, g))

    def min(self, other):
        a, b = self, to_value(other)
        return Value(Math.min(a.data, b.data), [a, b], lambda g: (g, 0) if a.data <= b.data else (0, g))

    def neg(self):
        return Value(-self.data, [self], lambda g: (-g,))

    def exp(self):
        y = Math.exp(self.data)
        return Value(y, [self], lambda g: (g * y,))

    def log(self):
        return Value(Math.log(self.data), [self], lambda g: (g / self.data,))

    def tanh(self):
        y = Math.tanh(self.data)
        return Value(y, [self], lambda g: (g * (1 - y * y),))

    def sigmoid(self):
        y = 1 / (1 + Math.exp(-self.data))
        return Value(y, [self], lambda g: (g * y * (1 - y),))

    def relu(self):
        return Value(Math.max(0, self.data), [self], lambda g: (g if self.data > 0 else 0,))

    def sqrt(self):
        y = Math.sqrt(self.data)
        return Value(y, [self], lambda g: (g / (2 * y),))

    def sin(self):
        return Value(Math.sin(self.data), [self], lambda g: (g * Math.cos(self.data),))

    def cos(self):
        return Value(Math.cos(self.data), [self], lambda g: (-g * Math.sin(self.data),))

    def abs(self):
        return Value(Math.abs(self.data), [self], lambda g: (g * Math.sign(self.data),))

    # JavaScript has no operators for classes; Python has
    __add__ = __radd__ = add
    __mul__ = __rmul__ = mul
    __sub__, __truediv__, __pow__, __neg__, __abs__ = sub, div, pow, neg, abs
    def __rsub__(self, other): return to_value(other).sub(self)
    def __rtruediv__(self, other): return to_value(other).div(self)
    def __rpow__(self, other): return to_value(other).pow(self)

    def backward(self):
        order = topo_sort(self)
        grads = {id(self): 1.0}     # new Map([[this, 1]])
        for node in order:
            g = grads[id(node)]
            for inp, share in zip(node.inputs, node.grads_for(g)):
                grads[id(inp)] = grads.get(id(inp), 0.0) + share
        for node in order:
            node.grad += grads[id(node)]


def topo_sort(root):
    """Kahn's algorithm; the root comes first, a node after all that use it."""
    uses = {id(root): 0}
    stack = [root]
    while stack:
        for inp in stack.pop().inputs:
            if id(inp) not in uses:
                uses[id(inp)] = 0
                stack.append(inp)
            uses[id(inp)] += 1
    order, ready = [], [root]
    while ready:
        node = ready.pop()
        order.append(node)
        for inp in node.inputs:
            uses[id(inp)] -= 1
            if uses[id(inp)] == 0:
                ready.append(inp)
    return order
