"""Nodes that never change, folds, and maps made by fromListWith, as in Haskell; only `grad` is written, at the end."""
from dataclasses import dataclass
from enum import Enum
from functools import reduce
from math import cos, exp, inf, log, sin, sqrt, tanh
from operator import add

Mark = Enum("Mark", "ENTER LEAVE")


@dataclass(frozen=True, eq=False)
class Value:
    data: float
    op: str = "lit"
    args: tuple = ()
    grad: float = 0.0

    # instance Num
    def __add__(self, other): return apply("add", self, other)
    def __mul__(self, other): return apply("mul", self, other)
    def __neg__(self): return apply("negate", self)
    def __abs__(self): return apply("abs", self)
    def __sub__(self, other): return self + negate(other)
    def __radd__(self, other): return lit(other) + self
    def __rmul__(self, other): return lit(other) * self
    def __rsub__(self, other): return lit(other) - self

    # instance Fractional
    def recip(self): return apply("recip", self)
    def __truediv__(self, other): return self * lit(other).recip()
    def __rtruediv__(self, other): return lit(other) / self

    # instance Floating
    def __pow__(self, other): return apply("pow", self, other)
    def __rpow__(self, other): return lit(other) ** self
    def exp(self): return apply("exp", self)
    def log(self): return apply("log", self)
    def sqrt(self): return apply("sqrt", self)
    def sin(self): return apply("sin", self)
    def cos(self): return apply("cos", self)
    def tanh(self): return apply("tanh", self)
    def sigmoid(self): return apply("sigmoid", self)
    def relu(self): return apply("relu", self)

    # instance Ord
    def max(self, other): return apply("max", self, other)
    def min(self, other): return apply("min", self, other)

    def backward(self):
        order = topsort(self)
        adjoints = reduce(spread, reversed(order), {id(self): 1.0})
        for node in order:
            object.__setattr__(node, "grad", adjoints[id(node)])


def lit(x):
    return x if isinstance(x, Value) else Value(float(x))


def negate(x):
    return -x


def apply(op, *xs):
    args = tuple(map(lit, xs))
    return Value(evaluate(op, *(arg.data for arg in args)), op, args)


def evaluate(op, x, y=None):
    match op:
        case "add": return x + y
        case "mul": return x * y
        case "pow": return x ** y
        case "max": return x if x >= y else y
        case "min": return x if x <= y else y
        case "negate": return -x
        case "abs": return abs(x)
        case "recip": return 1.0 / x
        case "exp": return exp(x) if x < 709.78 else inf
        case "log": return log(x)
        case "sqrt": return sqrt(x)
        case "sin": return sin(x)
        case "cos": return cos(x)
        case "tanh": return tanh(x)
        case "sigmoid": return 0.5 + 0.5 * tanh(0.5 * x) if x > -1.0 else exp(x) / (1.0 + exp(x))
        case "relu": return max(x, 0.0)


def partials(op, out, x, y=None):
    """The derivatives of an op by its arguments."""
    match op:
        case "add": return 1.0, 1.0
        case "mul": return y, x
        case "pow": return y * x ** (y - 1.0) if y else 0.0, out * log(x) if x > 0.0 else 0.0
        case "max": return (1.0, 0.0) if x >= y else (0.0, 1.0)
        case "min": return (1.0, 0.0) if x <= y else (0.0, 1.0)
        case "negate": return (-1.0,)
        case "abs": return (float(x > 0.0) - float(x < 0.0),)
        case "recip": return (-out * out,)
        case "exp": return (out,)
        case "log": return (1.0 / x,)
        case "sqrt": return (0.5 / out,)
        case "sin": return (cos(x),)
        case "cos": return (-sin(x),)
        case "tanh": return (1.0 - out * out,)
        case "sigmoid": return (out * (1.0 - out),)
        case "relu": return (1.0 if out > 0.0 else 0.0,)


def from_list_with(combine, pairs, start):
    """Data.Map.fromListWith, into a map that is there already."""
    for key, x in pairs:
        start[key] = combine(start[key], x) if key in start else x
    return start


def zip_with(f, xs, ys):
    return [f(x, y) for x, y in zip(xs, ys)]


def spread(adjoints, node):
    """Add to a map of adjoints what a node owes to its arguments."""
    if not node.args:
        return adjoints
    slopes = partials(node.op, node.data, *(arg.data for arg in node.args))
    owed = [adjoints[id(node)] * slope for slope in slopes]
    return from_list_with(add, zip_with(lambda arg, g: (id(arg), g), node.args, owed), adjoints)


def topsort(root):
    """Arguments before users: a depth-first search that lists a node when it leaves it."""
    stack, entered, order = [(Mark.ENTER, root)], set(), []
    while stack:
        mark, node = stack.pop()
        if mark is Mark.LEAVE:
            order.append(node)
        elif id(node) not in entered:
            entered.add(id(node))
            stack.append((Mark.LEAVE, node))
            stack.extend((Mark.ENTER, arg) for arg in node.args)
    return order
