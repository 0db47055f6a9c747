"""The op table and the two passes, as the format describes them, in either arithmetic."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain
from math import isnan
from operator import add
from typing import TypeAlias

from .arithmetic import Arithmetic, Number

LEAVES = ("input", "param", "const")
TWO_BY_ROOT_PI = 1.1283791670955126  # 2/√π, rounded to binary64


@dataclass(frozen=True, slots=True)
class Op:
    """The value of one op and its partials, one for each argument."""

    value: Callable[..., Number]  # (arithmetic, *arguments)
    partials: Callable[..., tuple[Number, ...]]  # (arithmetic, *arguments, value)
    exact: bool = False  # one right answer, bit for bit
    arity: int | None = 1  # None: one or more
    since: str = "1.0"  # the version of the format


def _sigmoid(k: Arithmetic, x: Number) -> Number:
    """Return the logistic function by the branch that cannot overflow."""
    if x >= 0.0:
        return 1.0 / (1.0 + k.exp(-x))
    return k.exp(x) / (1.0 + k.exp(x))


def _relu(k: Arithmetic, x: Number) -> Number:
    """Return x where it is positive or NaN, else +0."""
    return x if x > 0.0 or isnan(x) else k.number(0.0)


def _softplus(k: Arithmetic, x: Number) -> Number:
    """Return ln(1 + e^x) by the form that cannot overflow."""
    return _relu(k, x) + k.log1p(k.exp(-abs(x)))


def _sign(x: Number) -> float:
    """Return the slope of |x|: 0 at the kink, and at NaN."""
    return 1.0 if x > 0.0 else -1.0 if x < 0.0 else 0.0


def _pow_partials(k: Arithmetic, a: Number, b: Number, y: Number) -> tuple[Number, Number]:
    """Return the slopes in base and exponent; each has a corner where 0 times infinity is 0."""
    return (
        0.0 if b == 0.0 else b * k.pow(a, b - 1.0),
        0.0 if a == 0.0 and b >= 0.0 else y * k.log(a),
    )


def _slope_of_arcs(k: Arithmetic, x: Number) -> Number:
    """Return the slope of the arc sine, in the form that keeps its digits near ±1."""
    return 1.0 / k.sqrt((1.0 - x) * (1.0 + x))


def _max_takes_first(a: Number, b: Number) -> bool:
    return a > b or isnan(a)


def _min_takes_first(a: Number, b: Number) -> bool:
    return a < b or isnan(a)


def _share(a: Number, b: Number, *, first: bool) -> tuple[float, float]:
    """Return the slopes of a choice: all to the chosen one, half to each at a tie."""
    if a == b:
        return 0.5, 0.5
    return (1.0, 0.0) if first else (0.0, 1.0)


# fmt: off
OPS: Mapping[str, Op] = {
    "add": Op(lambda k, a, b: a + b, lambda k, a, b, y: (1.0, 1.0), exact=True, arity=2),
    "sub": Op(lambda k, a, b: a - b, lambda k, a, b, y: (1.0, -1.0), exact=True, arity=2),
    "mul": Op(lambda k, a, b: a * b, lambda k, a, b, y: (b, a), exact=True, arity=2),
    "div": Op(lambda k, a, b: a / b, lambda k, a, b, y: (1.0 / b, -y / b), exact=True, arity=2),
    "pow": Op(lambda k, a, b: k.pow(a, b), _pow_partials, arity=2),
    "max": Op(lambda k, a, b: a if _max_takes_first(a, b) else b,
              lambda k, a, b, y: _share(a, b, first=_max_takes_first(a, b)), exact=True, arity=2),
    "min": Op(lambda k, a, b: a if _min_takes_first(a, b) else b,
              lambda k, a, b, y: _share(a, b, first=_min_takes_first(a, b)), exact=True, arity=2),
    "sum": Op(lambda k, *terms: reduce(add, terms),
              lambda k, *terms_and_y: (1.0,) * (len(terms_and_y) - 1), exact=True, arity=None),
    "neg": Op(lambda k, x: -x, lambda k, x, y: (-1.0,), exact=True),
    "abs": Op(lambda k, x: abs(x), lambda k, x, y: (_sign(x),), exact=True),
    "relu": Op(_relu, lambda k, x, y: (1.0 if x > 0.0 else 0.0,), exact=True),
    "sqrt": Op(lambda k, x: k.sqrt(x), lambda k, x, y: (0.5 / y,), exact=True),
    "exp": Op(lambda k, x: k.exp(x), lambda k, x, y: (y,)),
    "log": Op(lambda k, x: k.log(x), lambda k, x, y: (1.0 / x,)),
    "sin": Op(lambda k, x: k.sin(x), lambda k, x, y: (k.cos(x),)),
    "cos": Op(lambda k, x: k.cos(x), lambda k, x, y: (-k.sin(x),)),
    "tan": Op(lambda k, x: k.tan(x), lambda k, x, y: (1.0 + y * y,)),
    "atan": Op(lambda k, x: k.atan(x), lambda k, x, y: (1.0 / (1.0 + x * x),)),
    "sinh": Op(lambda k, x: k.sinh(x), lambda k, x, y: (k.cosh(x),)),
    "cosh": Op(lambda k, x: k.cosh(x), lambda k, x, y: (k.sinh(x),)),
    "tanh": Op(lambda k, x: k.tanh(x), lambda k, x, y: (1.0 - y * y,)),
    "sigmoid": Op(_sigmoid, lambda k, x, y: (y * (1.0 - y),)),
    "softplus": Op(_softplus, lambda k, x, y: (_sigmoid(k, x),)),
    "erf": Op(lambda k, x: k.erf(x), lambda k, x, y: (TWO_BY_ROOT_PI * k.exp(-(x * x)),),
              since="1.1"),
    "log1p": Op(lambda k, x: k.log1p(x), lambda k, x, y: (1.0 / (1.0 + x),), since="1.1"),
    "expm1": Op(lambda k, x: k.expm1(x), lambda k, x, y: (k.exp(x),), since="1.1"),
    "asin": Op(lambda k, x: k.asin(x), lambda k, x, y: (_slope_of_arcs(k, x),), since="1.1"),
    "acos": Op(lambda k, x: k.acos(x), lambda k, x, y: (-_slope_of_arcs(k, x),), since="1.1"),
    "atan2": Op(lambda k, a, b: k.atan2(a, b),
                lambda k, a, b, y: (b / (a * a + b * b), -a / (a * a + b * b)), arity=2,
                since="1.1"),
    "gate": Op(lambda k, a, b: b if a > 0.0 else k.number(0.0),
               lambda k, a, b, y: (0.0, 1.0 if a > 0.0 else 0.0), exact=True, arity=2,
               since="1.1"),
}
# fmt: on


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a graph file."""

    id: str
    op: str
    args: tuple[str, ...] = ()
    data: float | None = None

    @property
    def is_leaf(self) -> bool:
        """Say whether the node has a value of its own instead of arguments."""
        return self.op in LEAVES


Nodes: TypeAlias = Sequence[Node]
Primals: TypeAlias = dict[str, Number]


def in_evaluation_order(nodes: Nodes) -> tuple[Node, ...]:
    """Sort the nodes so that arguments come first; of those ready, the earliest goes next."""
    place = {node.id: index for index, node in enumerate(nodes)}
    missing = [len(node.args) for node in nodes]
    users: list[list[int]] = [[] for _ in nodes]
    for index, node in enumerate(nodes):
        for arg in node.args:
            users[place[arg]].append(index)
    ready = [index for index, count in enumerate(missing) if not count]
    order: list[Node] = []
    while ready:
        done = heapq.heappop(ready)
        order.append(nodes[done])
        for user in users[done]:
            missing[user] -= 1
            if not missing[user]:
                heapq.heappush(ready, user)
    return tuple(order)


def forward(k: Arithmetic, order: Nodes, inputs: Mapping[str, float]) -> Primals:
    """Return the value of every node; `inputs` replace the data of leaves."""
    bound: Primals = {node.id: node.data for node in order if node.is_leaf} | dict(inputs)
    primals: Primals = {}
    for node in order:
        if node.is_leaf:
            primals[node.id] = k.number(bound[node.id])
        else:
            primals[node.id] = OPS[node.op].value(k, *(primals[arg] for arg in node.args))
    return primals


def backward(k: Arithmetic, order: Nodes, primals: Primals, seed: Mapping[str, float]) -> Primals:
    """Return the adjoint of every node that has one, in evaluation order."""
    constants = {node.id for node in order if node.op == "const"}
    adjoints: Primals = {}
    for id_, value in seed.items():
        adjoints[id_] = k.number(0.0) + k.number(value)
    for node in reversed(order):
        if node.is_leaf or node.id not in adjoints:
            continue
        arguments = [primals[arg] for arg in node.args]
        partials = OPS[node.op].partials(k, *arguments, primals[node.id])
        for arg, partial in zip(node.args, partials, strict=True):
            if arg not in constants:
                started = adjoints.get(arg, k.number(0.0))
                adjoints[arg] = started + adjoints[node.id] * partial
    return {id_: adjoints[id_] for id_ in primals if id_ in adjoints and id_ not in constants}


def is_exact(nodes: Nodes) -> bool:
    """Say whether every op of the graph has one right answer, bit for bit."""
    return all(node.is_leaf or OPS[node.op].exact for node in nodes)


def version(nodes: Nodes) -> str:
    """Return the lowest version of the format that has all ops of the graph."""
    return max(("1.0", *(OPS[node.op].since for node in nodes if not node.is_leaf)))


def has_reuse(nodes: Nodes) -> bool:
    """Say whether some node is an argument more than once."""
    used = list(chain.from_iterable(node.args for node in nodes))
    return len(used) > len(dict.fromkeys(used))
