# Reverse mode differentiation on scalars.
# No closures: a node knows the name of its operation and its operands,
# and one big function knows the derivatives.
import math


class Scalar(object):
    __slots__ = ("value", "grad", "op", "args", "extra")

    def __init__(self, value, op="leaf", args=(), extra=None):
        self.value = float(value)
        self.grad = 0.0
        self.op = op
        self.args = args
        self.extra = extra

    def __str__(self):
        return "Scalar(%g, grad %g, from %s)" % (self.value, self.grad, self.op)

    # ---- binary operations

    def __add__(self, b):
        b = lift(b)
        return Scalar(self.value + b.value, "add", (self, b))

    def __sub__(self, b):
        b = lift(b)
        return Scalar(self.value - b.value, "sub", (self, b))

    def __mul__(self, b):
        b = lift(b)
        return Scalar(self.value * b.value, "mul", (self, b))

    def __truediv__(self, b):
        b = lift(b)
        return Scalar(self.value / b.value, "div", (self, b))

    def __pow__(self, b):
        if isinstance(b, Scalar):
            return Scalar(self.value ** b.value, "pow", (self, b))
        return Scalar(self.value ** b, "ipow", (self,), b)

    def __radd__(self, a):
        return lift(a) + self

    def __rsub__(self, a):
        return lift(a) - self

    def __rmul__(self, a):
        return lift(a) * self

    def __rtruediv__(self, a):
        return lift(a) / self

    def __rpow__(self, a):
        return lift(a) ** self

    # ---- unary operations

    def __neg__(self):
        return Scalar(-self.value, "neg", (self,))

    def __abs__(self):
        return Scalar(abs(self.value), "abs", (self,))

    def exp(self):
        return Scalar(math.exp(self.value), "exp", (self,))

    def log(self):
        return Scalar(math.log(self.value), "log", (self,))

    def sqrt(self):
        return Scalar(math.sqrt(self.value), "sqrt", (self,))

    def sin(self):
        return Scalar(math.sin(self.value), "sin", (self,))

    def cos(self):
        return Scalar(math.cos(self.value), "cos", (self,))

    def tanh(self):
        return Scalar(math.tanh(self.value), "tanh", (self,))

    def relu(self):
        return Scalar(max(0.0, self.value), "relu", (self,))

    def max(self, b):
        b = lift(b)
        return Scalar(max(self.value, b.value), "max", (self, b))

    def min(self, b):
        b = lift(b)
        return Scalar(min(self.value, b.value), "min", (self, b))

    # ---- the backward pass

    def backward(self):
        for node in self.sorted_nodes():
            node.grad = 0.0
        self.grad = 1.0
        for node in reversed(self.sorted_nodes()):
            send(node)

    def sorted_nodes(self):
        """All nodes below this one, operands before users."""
        order, seen = [], set()
        stack = [(self, False)]
        while stack:
            node, operands_done = stack.pop()
            if operands_done:
                order.append(node)
                continue
            if id(node) in seen:
                continue
            seen.add(id(node))
            stack.append((node, True))
            for arg in node.args:
                stack.append((arg, False))
        return order


def lift(x):
    return x if isinstance(x, Scalar) else Scalar(x)


def send(node):
    """Give the operands of a node their part of its gradient."""
    g = node.grad
    y = node.value
    op = node.op
    if op == "leaf":
        return
    a = node.args[0]
    b = node.args[-1]
    if op == "add":
        a.grad += g
        b.grad += g
    elif op == "sub":
        a.grad += g
        b.grad -= g
    elif op == "mul":
        a.grad += b.value * g
        b.grad += a.value * g
    elif op == "div":
        a.grad += g / b.value
        b.grad -= g * a.value / b.value ** 2
    elif op == "pow":
        a.grad += g * b.value * a.value ** (b.value - 1)
        b.grad += g * y * math.log(a.value)
    elif op == "ipow":
        n = node.extra
        if n != 0:
            a.grad += g * n * a.value ** (n - 1)
    elif op == "neg":
        a.grad -= g
    elif op == "abs":
        a.grad += g if a.value > 0 else -g
    elif op == "exp":
        a.grad += g * y
    elif op == "log":
        a.grad += g / a.value
    elif op == "sqrt":
        a.grad += g / (2 * y)
    elif op == "sin":
        a.grad += g * math.cos(a.value)
    elif op == "cos":
        a.grad -= g * math.sin(a.value)
    elif op == "tanh":
        a.grad += g * (1 - y * y)
    elif op == "relu":
        if a.value > 0:
            a.grad += g
    elif op == "max":
        (a if a.value >= b.value else b).grad += g
    elif op == "min":
        (a if a.value <= b.value else b).grad += g
    else:
        raise NotImplementedError(op)
