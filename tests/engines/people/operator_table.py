"""Autodiff where every operation is one row in a table.

A row holds the function and the partial derivatives with respect to each
argument. The methods of Var are attached in a loop at the bottom, so adding an
operation means adding a row.
"""

import math


def _logistic(x):
    if x < 0:
        e = math.exp(x)
        return e / (1 + e)
    return 1 / (1 + math.exp(-x))


def _sign(x):
    return (x > 0) - (x < 0)


def _power_partials(x, p, y):
    d_base = p * x ** (p - 1) if p else 0.0
    d_exponent = y * math.log(x) if x > 0 else 0.0
    return d_base, d_exponent


# name: (value, partials); partials get the arguments and the result y
BINARY = {
    "add": (lambda a, b: a + b, lambda a, b, y: (1, 1)),
    "sub": (lambda a, b: a - b, lambda a, b, y: (1, -1)),
    "mul": (lambda a, b: a * b, lambda a, b, y: (b, a)),
    "truediv": (lambda a, b: a / b, lambda a, b, y: (1 / b, -y / b)),
    "pow": (lambda a, b: a ** b, _power_partials),
}

UNARY = {
    "__neg__": (lambda x: -x, lambda x, y: (-1,)),
    "__abs__": (abs, lambda x, y: (_sign(x),)),
    "exp": (math.exp, lambda x, y: (y,)),
    "log": (math.log, lambda x, y: (1 / x,)),
    "sqrt": (math.sqrt, lambda x, y: (1 / (2 * y),)),
    "sin": (math.sin, lambda x, y: (math.cos(x),)),
    "cos": (math.cos, lambda x, y: (-math.sin(x),)),
    "tanh": (math.tanh, lambda x, y: (1 - y * y,)),
    "sigmoid": (_logistic, lambda x, y: (y * (1 - y),)),
    "relu": (lambda x: max(x, 0.0), lambda x, y: (1.0 if x > 0 else 0.0,)),
}

PAIRS = {
    "maximum": (max, lambda a, b, y: (1, 0) if a >= b else (0, 1)),
    "minimum": (min, lambda a, b, y: (1, 0) if a <= b else (0, 1)),
}


class Var:
    def __init__(self, val, args=(), partials=()):
        self.val = float(val)
        self.grad = 0.0
        self.args = args
        self.partials = partials

    def __repr__(self):
        return "Var(%g, grad=%g)" % (self.val, self.grad)

    def _ordered(self):
        """All nodes below this one; arguments come before their users."""
        order, done = [], set()
        stack = [(self, False)]
        while stack:
            node, expanded = stack.pop()
            if expanded:
                order.append(node)
                continue
            if node in done:
                continue
            done.add(node)
            stack.append((node, True))
            for arg in node.args:
                if arg not in done:
                    stack.append((arg, False))
        return order

    def backward(self):
        self.grad = 1.0
        for node in reversed(self._ordered()):
            for arg, partial in zip(node.args, node.partials):
                arg.grad += partial * node.grad


def lift(thing):
    return thing if isinstance(thing, Var) else Var(thing)


def make_op(f, partials):
    def op(*args):
        args = tuple(lift(a) for a in args)
        values = [a.val for a in args]
        y = f(*values)
        return Var(y, args, partials(*values, y))
    return op


def make_reflected(op):
    return lambda self, other: op(other, self)


for name, row in BINARY.items():
    function = make_op(*row)
    setattr(Var, "__" + name + "__", function)
    setattr(Var, "__r" + name + "__", make_reflected(function))

for name, row in {**UNARY, **PAIRS}.items():
    setattr(Var, name, make_op(*row))
