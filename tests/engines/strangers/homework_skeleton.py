"""Homework 2: scalar autodiff. Fill in every part marked TODO; do not rename anything."""
import math


def wrap_number(x):
    """Return x if it is a Value, otherwise a constant Value."""
    return x if isinstance(x, Value) else Value(x)


def wrap_tuple(x):
    """derivative() may return a number or a tuple."""
    return x if isinstance(x, tuple) else (x,)


class Operation:
    """Static: forward(a, b) and derivative(upstream, a, b) are called on the class, without self."""
    @classmethod
    def apply(cls, *args):
        inputs = tuple(wrap_number(x) for x in args)
        c = cls.forward(*[x.data for x in inputs])
        return Value(c, _ctx=(cls, inputs))


class Add(Operation):  # TODO 1.1
    def forward(a, b): return a + b
    def derivative(upstream, a, b): return upstream, upstream

class Sub(Operation):  # TODO 1.2
    def forward(a, b): return a - b
    def derivative(upstream, a, b): return upstream, -upstream

class Mul(Operation):  # TODO 1.3
    def forward(a, b): return a * b
    def derivative(upstream, a, b): return upstream * b, upstream * a

class Div(Operation):  # TODO 1.4
    def forward(a, b): return a / b
    def derivative(upstream, a, b):
        da = upstream / b
        db = -upstream * a / (b * b)
        return da, db

class Pow(Operation):  # TODO 1.5 (the exponent can be a Value, too!)
    def forward(a, b): return a ** b
    def derivative(upstream, a, b):
        base = upstream * b * a ** (b - 1) if b != 0 else 0.0
        exponent = upstream * a ** b * math.log(a) if a > 0 else 0.0
        return base, exponent

class Neg(Operation):  # TODO 1.6
    def forward(a): return -a
    def derivative(upstream, a): return -upstream

class Exp(Operation):  # TODO 1.7
    def forward(a): return math.exp(a)
    def derivative(upstream, a): return upstream * math.exp(a)

class Log(Operation):  # TODO 1.8
    def forward(a): return math.log(a)
    def derivative(upstream, a): return upstream / a

class Tanh(Operation):  # TODO 1.9
    def forward(a): return math.tanh(a)
    def derivative(upstream, a):
        t = math.tanh(a)
        return upstream * (1 - t * t)

class Sigmoid(Operation):  # TODO 1.10 (watch out for large negative inputs)
    def forward(a):
        if a >= 0:
            return 1 / (1 + math.exp(-a))
        return math.exp(a) / (1 + math.exp(a))
    def derivative(upstream, a):
        s = Sigmoid.forward(a)
        return upstream * s * (1 - s)

class ReLU(Operation):  # TODO 1.11
    def forward(a): return a if a > 0 else 0.0
    def derivative(upstream, a): return upstream if a > 0 else 0.0

class Max(Operation):  # TODO 1.12
    def forward(a, b): return max(a, b)
    def derivative(upstream, a, b):
        if a > b:
            return upstream, 0.0
        return 0.0, upstream


class Value:
    def __init__(self, data, _ctx=None):
        self.data = float(data)
        self.grad = 0.0
        self._ctx = _ctx

    def is_leaf(self): return self._ctx is None

    def accumulate(self, d):  # TODO 2.1
        self.grad += d

    def chain_rule(self):  # TODO 2.2
        """Pairs (input, gradient for it) of the operation that made this Value."""
        op, inputs = self._ctx
        grads = op.derivative(self.grad, *[x.data for x in inputs])
        return list(zip(inputs, wrap_tuple(grads)))

    def backward(self): backpropagate(self, 1.0)

    def __add__(self, other): return Add.apply(self, other)
    def __radd__(self, other): return Add.apply(other, self)
    def __sub__(self, other): return Sub.apply(self, other)
    def __rsub__(self, other): return Sub.apply(other, self)
    def __mul__(self, other): return Mul.apply(self, other)
    def __rmul__(self, other): return Mul.apply(other, self)
    def __truediv__(self, other): return Div.apply(self, other)
    def __rtruediv__(self, other): return Div.apply(other, self)
    def __pow__(self, other): return Pow.apply(self, other)
    def __rpow__(self, other): return Pow.apply(other, self)
    def __neg__(self): return Neg.apply(self)
    def exp(self): return Exp.apply(self)
    def log(self): return Log.apply(self)
    def tanh(self): return Tanh.apply(self)
    def sigmoid(self): return Sigmoid.apply(self)
    def relu(self): return ReLU.apply(self)
    def max(self, other): return Max.apply(self, other)
    def sqrt(self): return self ** 0.5


def topological_sort(root):  # TODO 3.1
    """All Values that root depends on, root first, every Value before its inputs."""
    visited = set()
    result = []

    def visit(v):
        if id(v) in visited:
            return
        visited.add(id(v))
        if not v.is_leaf():
            for inp in v._ctx[1]:
                visit(inp)
        result.insert(0, v)
    visit(root)
    return result


def backpropagate(root, seed):  # TODO 3.2
    """Add d root / d v, times seed, to the gradient of every v that root depends on."""
    root.accumulate(seed)
    for v in topological_sort(root):
        if v.is_leaf():
            continue
        for inp, d in v.chain_rule():
            inp.accumulate(d)
