import math
import sys

sys.setrecursionlimit(20_000)  # build_order calls itself


class Var:
    """A scalar variable. As in the big libraries, only leaves keep a gradient:
    after backward, `grad` of everything in between is None again."""

    def __init__(self, value, op=None, args=()):
        self.value = value
        self.op = op
        self.args = args
        self.grad = None

    @property
    def is_leaf(self):
        return self.op is None

    def __add__(self, other):
        other = var(other)
        return Var(self.value + other.value, "add", (self, other))

    def __sub__(self, other):
        other = var(other)
        return Var(self.value - other.value, "sub", (self, other))

    def __mul__(self, other):
        other = var(other)
        return Var(self.value * other.value, "mul", (self, other))

    def __truediv__(self, other):
        other = var(other)
        return Var(self.value / other.value, "div", (self, other))

    def __pow__(self, other):
        other = var(other)
        return Var(self.value ** other.value, "pow", (self, other))

    def __neg__(self):
        return Var(-self.value, "neg", (self,))

    def __radd__(self, other):
        return var(other).__add__(self)

    def __rsub__(self, other):
        return var(other).__sub__(self)

    def __rmul__(self, other):
        return var(other).__mul__(self)

    def __rtruediv__(self, other):
        return var(other).__truediv__(self)

    def __rpow__(self, other):
        return var(other).__pow__(self)

    def exp(self):
        return Var(math.exp(self.value), "exp", (self,))

    def log(self):
        return Var(math.log(self.value), "log", (self,))

    def tanh(self):
        return Var(math.tanh(self.value), "tanh", (self,))

    def relu(self):
        return Var(self.value if self.value > 0 else 0.0, "relu", (self,))

    def sigmoid(self):
        return Var(squash(self.value), "sigmoid", (self,))

    def sin(self):
        return Var(math.sin(self.value), "sin", (self,))

    def cos(self):
        return Var(math.cos(self.value), "cos", (self,))

    def sum(self, *others):
        everything = (self,) + tuple(var(o) for o in others)
        return Var(math.fsum(v.value for v in everything), "sum", everything)

    def vjp(self, g):
        """One gradient for each argument."""
        op = self.op
        if op == "sum":
            return [g] * len(self.args)
        x = self.args[0].value
        if op == "add":
            return g, g
        elif op == "sub":
            return g, -g
        elif op == "mul":
            return g * self.args[1].value, g * x
        elif op == "div":
            y = self.args[1].value
            return g / y, -g * x / y ** 2
        elif op == "pow":
            n = self.args[1].value
            gx = g * n * x ** (n - 1) if n != 0 else 0.0
            gn = g * self.value * math.log(x) if x > 0 else 0.0
            return gx, gn
        elif op == "neg":
            return (-g,)
        elif op == "exp":
            return (g * self.value,)
        elif op == "log":
            return (g / x,)
        elif op == "tanh":
            return (g * (1 - self.value ** 2),)
        elif op == "sigmoid":
            return (g * self.value * (1 - self.value),)
        elif op == "relu":
            return (g if x > 0 else 0.0,)
        elif op == "sin":
            return (g * math.cos(x),)
        elif op == "cos":
            return (g * -math.sin(x),)

    def backward(self):
        order = []
        build_order(self, order, set())
        self.grad = 1.0
        while order:
            node = order.pop()
            if node.is_leaf:
                continue
            for arg, g in zip(node.args, node.vjp(node.grad)):
                arg.grad = g if arg.grad is None else arg.grad + g
            node.grad = None


def var(x):
    return x if isinstance(x, Var) else Var(x)


def squash(x):
    if x < 0:
        return math.exp(x) / (1 + math.exp(x))
    return 1 / (1 + math.exp(-x))


def build_order(node, order, seen):
    if id(node) in seen:
        return
    seen.add(id(node))
    for arg in node.args:
        build_order(arg, order, seen)
    order.append(node)
