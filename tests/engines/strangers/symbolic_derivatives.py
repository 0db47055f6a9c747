"""Derivatives are expressions themselves, so that they can be differentiated again; grad is their number."""
import itertools
import math
from contextlib import contextmanager


class Value:
    _counter = itertools.count(1)
    _counting = True

    def __init__(self, data, head=None, args=()):
        self.data = float(data)
        self.grad = 0.0
        self.head = head
        self.args = args
        self.number = next(Value._counter) if Value._counting else 0

    @classmethod
    @contextmanager
    def uncounted(cls, really=True):
        """Nodes made in here are not part of the numbered program."""
        before = cls._counting
        cls._counting = before and not really
        try:
            yield
        finally:
            cls._counting = before

    def __repr__(self):
        return f"v{self.number}" if self.args else f"{self.data:g}"

    def program(self):
        return "; ".join(f"{v} = {v.head}{v.args}" for v in self.ancestors() if v.args)

    def ancestors(self):
        """All nodes that this one is made of, in the order in which they were made."""
        found, todo = {id(self): self}, [self]
        while todo:
            for arg in todo.pop().args:
                if id(arg) not in found:
                    found[id(arg)] = arg
                    todo.append(arg)
        return sorted(found.values(), key=lambda v: v.number)

    def derivatives(self, keep=False):
        """The derivatives of this expression by all of its ancestors: (node, expression) pairs."""
        with Value.uncounted(not keep):
            adjoint = {id(self): ONE}
            for v in reversed(self.ancestors()):
                if not v.args or id(v) not in adjoint:
                    continue
                for arg, term in zip(v.args, RULES[v.head](adjoint[id(v)], v, *v.args)):
                    if term is ZERO:
                        continue
                    known = adjoint.get(id(arg))
                    adjoint[id(arg)] = term if known is None else known + term
            return [(v, adjoint.get(id(v), ZERO)) for v in self.ancestors()]

    def derivative(self, *wrt):
        """D[self, x, y, ...] as an expression."""
        expression = self
        for x in wrt:
            expression = next((d for v, d in expression.derivatives(keep=True) if v is x), ZERO)
        return expression

    def backward(self):
        for v, d in self.derivatives():
            v.grad += d.data

    def __add__(self, other): return plus(self, as_value(other))
    def __radd__(self, other): return plus(as_value(other), self)
    def __sub__(self, other): return plus(self, -as_value(other))
    def __rsub__(self, other): return plus(as_value(other), -self)
    def __mul__(self, other): return times(self, as_value(other))
    def __rmul__(self, other): return times(as_value(other), self)
    def __truediv__(self, other): return times(self, as_value(other).reciprocal())
    def __rtruediv__(self, other): return times(as_value(other), self.reciprocal())
    def __neg__(self): return Value(-self.data, "neg", (self,))
    def __abs__(self): return Value(abs(self.data), "abs", (self,))

    def __pow__(self, other):
        if isinstance(other, Value):
            return (other * self.log()).exp()
        if other == 0:
            return as_value(1)
        return Value(self.data ** other, "pow", (self, as_value(other)))

    def __rpow__(self, other): return (self * math.log(other)).exp()
    def reciprocal(self): return Value(1 / self.data, "reciprocal", (self,))
    def exp(self): return Value(math.exp(self.data), "exp", (self,))
    def log(self): return Value(math.log(self.data), "log", (self,))
    def tanh(self): return Value(math.tanh(self.data), "tanh", (self,))
    def sigmoid(self): return 0.5 + 0.5 * (0.5 * self).tanh()
    def sqrt(self): return self ** 0.5
    def sin(self): return Value(math.sin(self.data), "sin", (self,))
    def cos(self): return Value(math.cos(self.data), "cos", (self,))
    def relu(self): return self * self.step()
    def step(self): return Value(self.data > 0)
    def sign(self): return Value((self.data > 0) - (self.data < 0))


def as_value(x):
    return x if isinstance(x, Value) else Value(x)


def plus(a, b): return Value(a.data + b.data, "plus", (a, b))


def times(a, b):
    if a is ONE: return b
    if b is ONE: return a
    return Value(a.data * b.data, "times", (a, b))


ZERO, ONE = Value(0), Value(1)
RULES = {
    "plus": lambda d, v, a, b: (d, d),
    "times": lambda d, v, a, b: (d * b, d * a),
    "neg": lambda d, v, a: (-d,),
    "reciprocal": lambda d, v, a: (-(d * v * v),),
    "pow": lambda d, v, a, n: (d * n * a ** (n.data - 1), ZERO),
    "exp": lambda d, v, a: (d * v,),
    "log": lambda d, v, a: (d * a.reciprocal(),),
    "tanh": lambda d, v, a: (d * (1 - v * v),),
    "sin": lambda d, v, a: (d * a.cos(),),
    "cos": lambda d, v, a: (-(d * a.sin()),),
    "abs": lambda d, v, a: (d * a.sign(),),
}
