"""How engines spell ops, backward, data and grad.

Like the driver, this file needs nothing of mgraph, and runs on any Python from 3.8.
"""

from __future__ import annotations

import operator

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing itself takes time to import
    from collections.abc import Iterator

OPERATORS = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "pow": operator.pow,
    "neg": operator.neg,
    "abs": operator.abs,
}
SLOTS = {
    "add": "__add__",
    "sub": "__sub__",
    "mul": "__mul__",
    "div": "__truediv__",
    "pow": "__pow__",
    "neg": "__neg__",
    "abs": "__abs__",
}
SPELLINGS = {
    "add": ("add", "plus"),
    "sub": ("sub", "subtract", "minus"),
    "mul": ("mul", "multiply", "times"),
    "div": ("div", "truediv", "divide"),
    "pow": ("pow", "power"),
    "max": ("maximum", "max"),
    "min": ("minimum", "min"),
    "neg": ("neg", "negate", "negative"),
    "abs": ("abs", "absolute"),
    "sqrt": ("sqrt", "squareroot"),
    "exp": ("exp", "exponential"),
    "log": ("log", "ln", "naturallog"),
    "sin": ("sin", "sine"),
    "cos": ("cos", "cosine"),
    "tan": ("tan", "tangent"),
    "atan": ("atan", "arctan"),
    "sinh": ("sinh",),
    "cosh": ("cosh",),
    "tanh": ("tanh",),
    "sigmoid": ("sigmoid", "logistic", "sigm", "sigmod"),
    "softplus": ("softplus",),
    "relu": ("relu", "rectify"),
    "erf": ("erf", "errorfunction"),
    "log1p": ("log1p",),
    "expm1": ("expm1",),
    "asin": ("asin", "arcsin"),
    "acos": ("acos", "arccos"),
    "atan2": ("atan2", "arctan2"),
    "gate": ("gate", "ifelsezero"),
    "backward": (
        "backward",
        "backwards",
        "backprop",
        "backpropagate",
        "backpropagation",
        "backwardpass",
        "backwardpropagation",
        "runbackward",
    ),
    "data": ("data", "value", "val", "item", "x", "v"),
    "grad": ("grad", "gradient", "adjoint", "derivative", "deriv", "der", "g"),
}
"""Usual names, compared without case and underscores."""


def plain(name: str) -> str:
    """Return a name without case and underscores, to compare spellings."""
    return name.replace("_", "").lower()


def spellings(namespace: object) -> dict[str, list[str]]:
    """Return the public names in a class or module, by how they are compared."""
    names: dict[str, list[str]] = {}
    for name in dir(namespace):
        if not name.startswith("_"):
            names.setdefault(plain(name), []).append(name)
    return names


def spelled_in(names: dict[str, list[str]], op: str) -> Iterator[str]:
    """Yield those of some names that spell an op, the most usual ones first."""
    for wanted in SPELLINGS.get(op, ()):
        yield from names.get(wanted, ())


def is_backward(name: str) -> bool:
    """Whether a name is a usual one of backward."""
    return plain(name) in SPELLINGS["backward"]
