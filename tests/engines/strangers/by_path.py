"""Every path from the output to a node is walked by itself. Operators are partialmethods of rules."""
from functools import partialmethod, wraps
from math import cos, exp, inf, log, sin, tanh


def to_node(x):
    return x if isinstance(x, Node) else Node(x)


def rule(function):
    """Turns numbers -> (value, partial, ...) into Nodes -> Node."""
    @wraps(function)
    def on_nodes(*operands):
        operands = [to_node(x) for x in operands]
        value, *partials = function(*(x.data for x in operands))
        return Node(value, zip(operands, partials))
    return on_nodes


@rule
def add(a, b): return a + b, 1.0, 1.0


@rule
def sub(a, b): return a - b, 1.0, -1.0


@rule
def mul(a, b): return a * b, b, a


@rule
def div(a, b): return a / b, 1 / b, -a / b / b


@rule
def power(a, b):
    value = a ** b
    return value, slope_of_power(a, b), value * log(a) if a > 0 else 0.0


@rule
def neg(a): return -a, -1.0


@rule
def absolute(a): return (a, 1.0) if a > 0 else (-a, -1.0) if a < 0 else (0.0, 0.0)


@rule
def larger(a, b): return (a, 1.0, 0.0) if a >= b else (b, 0.0, 1.0)


@rule
def smaller(a, b): return (a, 1.0, 0.0) if a <= b else (b, 0.0, 1.0)


def slope_of_power(a, n):
    if n == 0:
        return 0.0
    if a == 0 and n < 1:
        return inf
    return n * a ** (n - 1)


def with_slope(slope, of_value=False):
    """Makes a rule of a function of one number and its derivative (from the operand, or from the value)."""
    def decorate(function):
        @rule
        @wraps(function)
        def both(a):
            value = function(a)
            return value, slope(value if of_value else a)
        return both
    return decorate


def unary(function, slope, **how):
    return with_slope(slope, **how)(function)


def swapped(function):
    return wraps(function)(lambda a, b: function(b, a))


class Node:
    def __init__(self, data, parents=()):
        self.data = float(data)
        self.grad = 0.0
        self.parents = tuple(parents)

    def backward(self, upstream=1.0):
        self.grad += upstream
        for parent, local in self.parents:
            if local != 0:
                parent.backward(upstream * local)

    def _binary(self, other, op):
        return op(self, other)

    def _unary(self, op):
        return op(self)

    __add__ = partialmethod(_binary, op=add)
    __sub__ = partialmethod(_binary, op=sub)
    __mul__ = partialmethod(_binary, op=mul)
    __truediv__ = partialmethod(_binary, op=div)
    __pow__ = partialmethod(_binary, op=power)
    __radd__ = partialmethod(_binary, op=swapped(add))
    __rsub__ = partialmethod(_binary, op=swapped(sub))
    __rmul__ = partialmethod(_binary, op=swapped(mul))
    __rtruediv__ = partialmethod(_binary, op=swapped(div))
    __rpow__ = partialmethod(_binary, op=swapped(power))
    max = partialmethod(_binary, op=larger)
    min = partialmethod(_binary, op=smaller)
    __neg__ = partialmethod(_unary, op=neg)
    __abs__ = partialmethod(_unary, op=absolute)
    exp = partialmethod(_unary, op=unary(exp, lambda y: y, of_value=True))
    log = partialmethod(_unary, op=unary(log, lambda x: 1 / x))
    tanh = partialmethod(_unary, op=unary(tanh, lambda y: 1 - y ** 2, of_value=True))
    relu = partialmethod(_unary, op=unary(lambda x: x if x > 0 else 0.0, lambda x: 1.0 if x > 0 else 0.0))
    sqrt = partialmethod(_unary, op=unary(lambda x: x ** 0.5, lambda y: 0.5 / y, of_value=True))
    sin = partialmethod(_unary, op=unary(sin, cos))
    cos = partialmethod(_unary, op=unary(cos, lambda x: -sin(x)))
    sigmoid = partialmethod(_unary, op=unary(lambda x: 0.5 + 0.5 * tanh(x / 2), lambda y: y * (1 - y), of_value=True))
