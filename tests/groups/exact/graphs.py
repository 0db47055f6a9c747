"""Whole graphs, evaluated op by op with MPFR, by the rules and formulas of docs/format.md.

The evaluator is that of the fixtures (`tests.reference.evaluate`), which states the op table again;
here every operation of it is MPFR's.
"""

from __future__ import annotations

import json
import math
import random
from typing import TYPE_CHECKING, Any, Final

import gmpy2

from tests.groups.exact.oracle import BINARY64, Mpfr
from tests.reference.evaluate import OPS, backward, forward, in_evaluation_order
from tests.reference.reading import nodes_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgraph import Graph

Numbers = dict[str, float]

_SMOOTH: Final = [name for name, op in OPS.items() if op.arity and name not in ("relu", "gate")]
_POSITIVE: Final = ("pow", "sqrt", "log", "asin", "acos")
_BOUNDED: Final = ("tanh", "sin", "cos", "erf", "atan", "sigmoid", "tanh")


def right_run(
    document: dict[str, Any], inputs: Mapping[str, float], seed: Mapping[str, float]
) -> tuple[Numbers, Numbers]:
    """Return the right value of every node, and the right gradient of every node that has one."""
    order = in_evaluation_order(nodes_of(document))
    with gmpy2.context(BINARY64):
        primals = forward(Mpfr, order, inputs)  # type: ignore[arg-type] # a third arithmetic
        adjoints = backward(Mpfr, order, primals, seed)  # type: ignore[arg-type]
    return _doubles(primals), _doubles(adjoints)


def _doubles(numbers: Mapping[str, Any]) -> Numbers:
    return {name: float(x) for name, x in numbers.items()}


def document_of(graph: Graph) -> dict[str, Any]:
    """Return a graph as plain data."""
    document: dict[str, Any] = json.loads(b"".join(graph.to_bytes(".json")))
    return document


def calm_graph(seed: int, size: int) -> dict[str, Any]:
    """Return a random graph of ordinary numbers, in which hardly anything is infinite or NaN.

    What grows is brought back by a bounded function, and what needs a positive argument gets a
    sigmoid. So all functions are at work at arguments of common sizes, and their rounding shows in
    every value and gradient behind.
    """
    generator = random.Random(seed)  # noqa: S311 - no secrets
    nodes: list[dict[str, Any]] = [
        {"id": f"x{i}", "op": ("input", "param")[i % 2], "data": generator.gauss(0.0, 1.0)}
        for i in range(size // 10 + 2)
    ]

    def add(op: str, *args: str) -> str:
        nodes.append({"id": f"n{len(nodes)}", "op": op, "args": [*args]})
        return f"n{len(nodes) - 1}"

    while len(nodes) < size:
        a, b = (node["id"] for node in generator.choices(nodes[-20:], k=2))
        op = generator.choice(_SMOOTH)
        first = add("sigmoid", a) if op in _POSITIVE else a
        result = add(op, first, b) if OPS[op].arity == 2 else add(op, first)
        add(generator.choice(_BOUNDED), result)
    return {"mgraph": "1.1", "nodes": nodes, "outputs": [nodes[-1]["id"], nodes[-2]["id"]]}


def same(got: Mapping[str, float], want: Mapping[str, float]) -> bool:
    """Whether both have the same numbers, bit for bit, with the same names; all NaNs are alike."""
    return got.keys() == want.keys() and all(_is(got[name], x) for name, x in want.items())


def _is(a: float, b: float) -> bool:
    return (a != a and b != b) or (a == b and math.copysign(1.0, a) == math.copysign(1.0, b))


def first_difference(got: Mapping[str, float], want: Mapping[str, float]) -> str:
    """Return a line about the first number that differs; empty if none does."""
    for name, x in want.items():
        if name not in got or not _is(got[name], x):
            return f"{name} is {float(got.get(name, math.nan)).hex()}, not {float(x).hex()}"
    more = [name for name in got if name not in want]
    return f"{more[0]} should not be there" if more else ""
