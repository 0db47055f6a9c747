"""Written by someone who comes from R: records, Reduce and Map, named lists; numbers are vectors of length one."""
from functools import reduce
from itertools import count

import numpy as np

serial = count(1)


class Value:
    """A record; what can be done with it is defined below, outside of the class."""

    def __init__(self, data, parents=(), how="leaf"):
        self.data = c(data)
        self.grad = c(0)
        self.parents = list(parents)  # named: [("x", node), ("y", node)]
        self.how = how
        self.id = next(serial)


def c(*numbers):
    return np.array(numbers, dtype=float).reshape(-1)


def as_value(x):
    return x if isinstance(x, Value) else Value(x)


def ifelse(test, yes, no):
    return np.where(test, yes, no)


def power_local(x, y, **_):
    with np.errstate(divide="ignore", invalid="ignore"):
        return [("x", ifelse(y == 0, 0.0, y * x ** (y - 1))), ("y", ifelse(x > 0, x ** y * np.log(x), 0.0))]


def plogis(x):
    e = np.exp(-np.abs(x))
    return ifelse(x >= 0, 1 / (1 + e), e / (1 + e))


forward = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "pow": lambda x, y: x ** y,
    "pmax": lambda x, y: np.maximum(x, y),
    "pmin": lambda x, y: np.minimum(x, y),
    "neg": lambda x: -x,
    "exp": lambda x: np.exp(x),
    "log": lambda x: np.log(x),
    "tanh": lambda x: np.tanh(x),
    "relu": lambda x: ifelse(x > 0, x, 0.0),
    "plogis": plogis,
    "sqrt": lambda x: np.sqrt(x),
    "sin": lambda x: np.sin(x),
    "cos": lambda x: np.cos(x),
    "abs": lambda x: np.abs(x),
}

# `out` is the value of the op, x and y are those of its operands
local = {
    "add": lambda x, y, out: [("x", c(1)), ("y", c(1))],
    "sub": lambda x, y, out: [("x", c(1)), ("y", c(-1))],
    "mul": lambda x, y, out: [("x", y), ("y", x)],
    "div": lambda x, y, out: [("x", 1 / y), ("y", -x / y ** 2)],
    "pow": power_local,
    "pmax": lambda x, y, out: [("x", c(out == x)), ("y", c(out != x))],
    "pmin": lambda x, y, out: [("x", c(out == x)), ("y", c(out != x))],
    "neg": lambda x, out: [("x", c(-1))],
    "exp": lambda x, out: [("x", out)],
    "log": lambda x, out: [("x", 1 / x)],
    "tanh": lambda x, out: [("x", 1 - out ** 2)],
    "relu": lambda x, out: [("x", c(x > 0))],
    "plogis": lambda x, out: [("x", out * (1 - out))],
    "sqrt": lambda x, out: [("x", 1 / (2 * out))],
    "sin": lambda x, out: [("x", np.cos(x))],
    "cos": lambda x, out: [("x", -np.sin(x))],
    "abs": lambda x, out: [("x", np.sign(x))],
}


def do_call(how, *nodes):
    named = list(zip(["x", "y"], map(as_value, nodes)))
    numbers = {name: node.data for name, node in named}
    return Value(forward[how](**numbers).item(), named, how)


def unique(nodes):
    return list({node.id: node for node in nodes}.values())


def ancestors(nodes, known=()):
    """All nodes that lead to `nodes`, and these."""
    known = {node.id: node for node in known}
    while nodes:
        known.update((node.id, node) for node in nodes)
        parents = [parent for node in nodes for _, parent in node.parents]
        nodes = [node for node in unique(parents) if node.id not in known]
    return list(known.values())


def contributions(node, adjoint):
    """Named list of what the parents of a node get from it."""
    numbers = {name: parent.data for name, parent in node.parents}
    slopes = dict(local[node.how](**numbers, out=node.data)) if node.parents else {}
    return [(parent.id, adjoint * slopes[name]) for name, parent in node.parents]


def accumulate(adjoints, contribution):
    id, amount = contribution
    adjoints[id] = adjoints.get(id, c(0)) + amount
    return adjoints


def visit(adjoints, node):
    return reduce(accumulate, contributions(node, adjoints.get(node.id, c(0))), adjoints)


def backward(self):
    nodes = sorted(ancestors([self]), key=lambda node: node.id, reverse=True)
    adjoints = reduce(visit, nodes, {self.id: c(1)})
    for node in nodes:
        node.grad = adjoints[node.id]


def method(how, flipped=False):
    return (lambda x, y: do_call(how, y, x)) if flipped else (lambda *xs: do_call(how, *xs))


Value.backward = backward
Value.__neg__ = method("neg")
Value.__abs__ = method("abs")
for symbol, how in [("add", "add"), ("sub", "sub"), ("mul", "mul"), ("truediv", "div"), ("pow", "pow")]:
    setattr(Value, f"__{symbol}__", method(how))
    setattr(Value, f"__r{symbol}__", method(how, flipped=True))
for name in ["exp", "log", "tanh", "relu", "sqrt", "sin", "cos"]:
    setattr(Value, name, method(name))
Value.sigmoid = method("plogis")
Value.max = method("pmax")
Value.min = method("pmin")
