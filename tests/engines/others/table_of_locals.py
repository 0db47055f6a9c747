"""Numbers are tuples; derivatives come from a dict that backward fills, then writes back."""
from math import cos, exp, log, sin, sqrt, tanh
from collections import defaultdict


class V:
    __slots__ = ("data", "op", "src", "grad", "extra")

    def __init__(self, data, op="leaf", src=(), extra=None):
        self.data, self.op, self.src, self.extra = data, op, src, extra
        self.grad = 0

    def __add__(self, o): return V(self.data + num(o), "+", (self, lift(o)))
    def __sub__(self, o): return V(self.data - num(o), "-", (self, lift(o)))
    def __mul__(self, o): return V(self.data * num(o), "*", (self, lift(o)))
    def __truediv__(self, o): return V(self.data / num(o), "/", (self, lift(o)))
    def __radd__(self, o): return lift(o) + self
    def __rsub__(self, o): return lift(o) - self
    def __rmul__(self, o): return lift(o) * self
    def __rtruediv__(self, o): return lift(o) / self
    def __neg__(self): return V(-self.data, "neg", (self,))
    def __pow__(self, k): return V(self.data ** num(k), "**", (self, lift(k)))
    def __rpow__(self, k): return lift(k) ** self
    def exp(self): return V(exp(self.data), "exp", (self,))
    def log(self): return V(log(self.data), "log", (self,))
    def sqrt(self): return V(sqrt(self.data), "sqrt", (self,))
    def tanh(self): return V(tanh(self.data), "tanh", (self,))
    def sin(self): return V(sin(self.data), "sin", (self,))
    def cos(self): return V(cos(self.data), "cos", (self,))
    def relu(self): return V(max(0.0, self.data), "relu", (self,))
    def sigmoid(self): return V(0.5 * (1 + tanh(self.data / 2)), "sigmoid", (self,))

    def backward(self):
        adjoint = defaultdict(float)
        adjoint[id(self)] = 1.0
        for node in order(self):
            g = adjoint[id(node)]
            node.grad = g
            for parent, d in zip(node.src, LOCAL[node.op](node)):
                adjoint[id(parent)] += g * d


def num(o): return o.data if isinstance(o, V) else o
def lift(o): return o if isinstance(o, V) else V(o)


def power(n):
    a, b = n.src[0].data, n.src[1].data
    return b * a ** (b - 1) if b else 0.0, n.data * log(a) if a > 0 else 0.0


LOCAL = {
    "leaf": lambda n: (),
    "+": lambda n: (1.0, 1.0),
    "-": lambda n: (1.0, -1.0),
    "*": lambda n: (n.src[1].data, n.src[0].data),
    "/": lambda n: (1.0 / n.src[1].data, -n.data / n.src[1].data),
    "neg": lambda n: (-1.0,),
    "**": power,
    "exp": lambda n: (n.data,),
    "log": lambda n: (1.0 / n.src[0].data,),
    "sqrt": lambda n: (0.5 / n.data,),
    "tanh": lambda n: (1 - n.data ** 2,),
    "sin": lambda n: (cos(n.src[0].data),),
    "cos": lambda n: (-sin(n.src[0].data),),
    "relu": lambda n: (1.0 if n.data > 0 else 0.0,),
    "sigmoid": lambda n: (n.data * (1 - n.data),),
}


def order(root):
    uses = defaultdict(int)
    stack, known = [root], {id(root)}
    while stack:
        for p in stack.pop().src:
            uses[id(p)] += 1
            if id(p) not in known:
                known.add(id(p))
                stack.append(p)
    free = [root]
    while free:
        node = free.pop()
        yield node
        for p in node.src:
            uses[id(p)] -= 1
            if not uses[id(p)]:
                free.append(p)
