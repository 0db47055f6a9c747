"""Only leaves keep a gradient; results keep functions of the upstream gradient. NumPy scalars."""
import numpy as np


class Leaf:
    def __init__(self, value):
        self.value = np.float64(value)
        self.gradient = np.float64(0)

    def pull(self, g):
        self.gradient = self.gradient + g

    def inputs(self): return []
    def __add__(self, o): return Plus(self, const(o))
    def __radd__(self, o): return Plus(const(o), self)
    def __sub__(self, o): return Minus(self, const(o))
    def __rsub__(self, o): return Minus(const(o), self)
    def __mul__(self, o): return Times(self, const(o))
    def __rmul__(self, o): return Times(const(o), self)
    def __truediv__(self, o): return Over(self, const(o))
    def __rtruediv__(self, o): return Over(const(o), self)
    def __pow__(self, o): return Power(self, o) if not isinstance(o, Leaf) else Exp(o * Log(self))
    def __rpow__(self, o): return Exp(self * Log(Const(o)))
    def __neg__(self): return Times(Const(-1.0), self)
    def exp(self): return Exp(self)
    def log(self): return Log(self)
    def tanh(self): return Tanh(self)
    def sigmoid(self): return Sigmoid(self)
    def relu(self): return Relu(self)
    def sqrt(self): return Power(self, 0.5)

    def backward(self):
        nodes, stack, seen = [], [self], set()
        while stack:
            n = stack[-1]
            if id(n) in seen:
                stack.pop()
                continue
            todo = [i for i in n.inputs() if id(i) not in seen]
            if todo:
                stack.extend(todo)
            else:
                seen.add(id(n))
                nodes.append(n)
                stack.pop()
        adj = {id(self): np.float64(1.0)}
        for n in reversed(nodes):
            g = adj.get(id(n), np.float64(0))
            if n.inputs():
                for i, gi in zip(n.inputs(), n.vjp(g)):
                    adj[id(i)] = adj.get(id(i), 0.0) + gi
            else:
                n.pull(g)


class Const(Leaf):
    def pull(self, g): pass


def const(o): return o if isinstance(o, Leaf) else Const(o)


class Result(Leaf):
    gradient = None

    def __init__(self, *args):
        self.args = args
        self.value = self.compute(*[a.value for a in args])

    def inputs(self): return list(self.args)


class Plus(Result):
    def compute(self, a, b): return a + b
    def vjp(self, g): return g, g


class Minus(Result):
    def compute(self, a, b): return a - b
    def vjp(self, g): return g, -g


class Times(Result):
    def compute(self, a, b): return a * b
    def vjp(self, g): return g * self.args[1].value, g * self.args[0].value


class Over(Result):
    def compute(self, a, b): return a / b
    def vjp(self, g):
        a, b = self.args
        return g / b.value, -g * a.value / b.value ** 2


class Power(Result):
    def __init__(self, x, n):
        self.n = n
        super().__init__(x)
    def compute(self, a): return a ** self.n
    def vjp(self, g): return (g * self.n * self.args[0].value ** (self.n - 1) if self.n else 0.0 * g,)


class Exp(Result):
    def compute(self, a): return np.exp(a)
    def vjp(self, g): return (g * self.value,)


class Log(Result):
    def compute(self, a): return np.log(a)
    def vjp(self, g): return (g / self.args[0].value,)


class Tanh(Result):
    def compute(self, a): return np.tanh(a)
    def vjp(self, g): return (g * (1 - self.value ** 2),)


class Sigmoid(Result):
    def compute(self, a): return np.float64(0.5) * (np.tanh(a / 2) + 1)
    def vjp(self, g): return (g * self.value * (1 - self.value),)


class Relu(Result):
    def compute(self, a): return np.maximum(a, 0.0)
    def vjp(self, g): return (g * (self.value > 0),)
