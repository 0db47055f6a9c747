"""Graphs of exact math: of each result there is one, whatever the machine.

Every function whose bits depend on the math library has a file; the others show what becomes of
these bits: a neuron, a network, a long chain, a step of training.
"""

from __future__ import annotations

import random
from itertools import product
from math import inf, nan, pi
from typing import TYPE_CHECKING

from .golden import Golden, Run
from .graphs_lecture import NEURON_LEAVES, NEURON_PRINTED
from .graphs_ops import BINARY_EDGES, TINY, UNARY, UNARY_EDGES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNARY_OPS = (
    *("exp", "log", "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh", "sigmoid", "softplus"),
    *("erf", "log1p", "expm1", "asin", "acos"),
)
BINARY_OPS = ("pow", "atan2")
WITHIN_ONE = ("asin", "acos", "log1p")
POINTS = 24  # ordinary ones, for each op
BINARY_EXTRA = (
    *((2.0, 3.0), (1.5, 2.5), (10.0, 308.0), (10.0, 309.0), (2.0, -1074.0), (0.5, 1e300)),
    *((-8.0, 1.0 / 3.0), (-8.0, 3.0), (1.0 + 2.0**-52, 2.0**55), (TINY, 0.5), (0.1, -300.0)),
)


def _ordinary(op: str) -> Iterator[float]:
    """Yield arguments of common sizes, with all their bits."""
    source = random.Random(op)  # noqa: S311 - scattered, not secret
    for i in range(POINTS):
        size = 1.0 if op in WITHIN_ONE else (0.5, 2.0, 8.0, 40.0)[i % 4]
        x = source.uniform(-size, size)
        yield abs(x) if op == "log" else x


def _by_points(op: str, doc: str, points: Sequence[tuple[float, ...]]) -> Golden:
    """Return a graph that applies an op to many points; each result is an output with seed 1."""
    lines = []
    for i, point in enumerate(points):
        names = [f"x{i}"] if len(point) == 1 else [f"a{i}", f"b{i}"]
        lines += [f"{name} = input {value!r}" for name, value in zip(names, point, strict=True)]
        lines.append(f"y{i} = {op} {' '.join(names)}")
    outputs = [f"y{i}" for i in range(len(points))]
    run = Run(seed=dict.fromkeys(outputs, 1.0))
    return Golden(f"exact/ops/{op}", doc, "\n".join(lines), " ".join(outputs), (run,))


def _unary(op: str) -> Golden:
    edges = dict.fromkeys(map(repr, (*UNARY_EDGES, *UNARY[op][1])))
    points = [*(float(edge) for edge in edges), *_ordinary(op)]
    doc = f"{op} at edges and at ordinary points, each result and each slope rounded correctly."
    return _by_points(op, doc, [(x,) for x in points])


def _binary(op: str) -> Golden:
    source = random.Random(op)  # noqa: S311
    ordinary = [(source.uniform(0.0, 5.0), source.uniform(-5.0, 5.0)) for _ in range(POINTS)]
    points = [*product(BINARY_EDGES, repeat=2), *BINARY_EXTRA, *ordinary]
    doc = f"{op} at pairs of edges and at ordinary points, each result rounded correctly."
    return _by_points(op, doc, points)


def _network(sizes: Sequence[int]) -> Iterator[str]:
    """Yield a network with tanh, and its cross-entropy loss on one row."""
    source = random.Random(19)  # noqa: S311
    before = [f"x{i + 1}" for i in range(sizes[0])]
    yield from (f"{x} = input {source.gauss(0.0, 1.0)!r}" for x in before)
    for layer, size in enumerate(sizes[1:], 1):
        after = []
        for j in range(1, size + 1):
            name = f"layer{layer}.neuron{j}"
            yield f"{name}.b = param {source.gauss(0.0, 0.1)!r}"
            for i, x in enumerate(before, 1):
                yield f"{name}.w{i} = param {source.gauss(0.0, 0.7)!r}"
                yield f"{name}.x{i}w{i} = mul {x} {name}.w{i}"
            products = " ".join(f"{name}.x{i}w{i}" for i in range(1, len(before) + 1))
            yield f"{name}.sum = sum {name}.b {products}"
            if layer < len(sizes) - 1:
                yield f"{name}.out = tanh {name}.sum"
            after.append(f"{name}.out" if layer < len(sizes) - 1 else f"{name}.sum")
        before = after
    yield "y = input 1.0"
    yield f"softplus = softplus {before[0]}"
    yield f"right = mul y {before[0]}"
    yield "loss = sub softplus right"


_CHAIN = (
    *("mul", "sin", "mul", "add", "tanh", "mul", "add", "softplus", "neg", "mul", "exp", "add"),
    *("softplus", "log", "mul", "atan", "mul", "add", "sinh", "mul", "erf", "mul", "expm1", "add"),
    *("cos", "mul"),
)


def _chain(count: int) -> Iterator[str]:
    """Yield a chain of ops that neither grows nor comes back to where it was."""
    source = random.Random(7)  # noqa: S311
    yield "x = input 0.3"
    yield "w = param 1.3"
    last = "x"
    for i in range(count):
        op = _CHAIN[i % len(_CHAIN)]
        other = {"add": f" b{i}", "mul": " w"}.get(op, "")
        if op == "add":
            yield f"b{i} = param {source.uniform(-0.5, 0.5)!r}"
        yield f"n{i} = {op} {last}{other}"
        last = f"n{i}"


def _training_step() -> Iterator[str]:
    """Yield a neuron's loss on three rows, its gradient by hand, a step, and the loss after it."""
    rows = ((0.5, -1.2, 1.0), (-0.7, 0.4, -1.0), (1.1, 0.9, 1.0))
    yield "w1 = param 0.31"
    yield "w2 = param -0.42"
    yield "b = param 0.05"
    yield "lr = const 0.1"
    yield "one = const 1.0"
    yield "two = const 2.0"
    for i, row in enumerate(rows):
        yield from (f"{name}{i} = input {x!r}" for name, x in zip("uvy", row, strict=True))
    yield from _loss(len(rows), "w1", "w2", "b", "before")
    for i in range(len(rows)):
        yield f"slope{i}.square = mul before.o{i} before.o{i}"
        yield f"slope{i}.tanh = sub one slope{i}.square"
        yield f"slope{i}.loss = mul two before.e{i}"
        yield f"slope{i} = mul slope{i}.loss slope{i}.tanh"
        yield f"slope{i}.w1 = mul slope{i} u{i}"
        yield f"slope{i}.w2 = mul slope{i} v{i}"
    for name in ("w1", "w2", "b"):
        parts = " ".join(f"slope{i}" + ("" if name == "b" else f".{name}") for i in range(3))
        yield f"d.{name} = sum {parts}"
        yield f"step.{name} = mul lr d.{name}"
        yield f"new.{name} = sub {name} step.{name}"
    yield from _loss(len(rows), "new.w1", "new.w2", "new.b", "after")


def _loss(rows: int, w1: str, w2: str, b: str, prefix: str) -> Iterator[str]:
    for i in range(rows):
        yield f"{prefix}.uw{i} = mul u{i} {w1}"
        yield f"{prefix}.vw{i} = mul v{i} {w2}"
        yield f"{prefix}.n{i} = sum {b} {prefix}.uw{i} {prefix}.vw{i}"
        yield f"{prefix}.o{i} = tanh {prefix}.n{i}"
        yield f"{prefix}.e{i} = sub {prefix}.o{i} y{i}"
        yield f"{prefix}.s{i} = mul {prefix}.e{i} {prefix}.e{i}"
    yield f"{prefix}.loss = sum {' '.join(f'{prefix}.s{i}' for i in range(rows))}"


EXACT: tuple[Golden, ...] = (
    Golden(
        "exact/neuron",
        "The lecture's neuron in exact math: tanh is rounded correctly, and so is every slope.",
        NEURON_LEAVES + "o = tanh n",
        "o",
        (
            Run(published=NEURON_PRINTED),
            Run({"x1": 0.5, "x2": -1.0}),
            Run({"x1": -1.0, "x2": 2.0}),
            Run({"b": 6.7, "w2": 0.25}, seed={"o": -2.5}),
            Run({"x1": nan}),
            Run({"w1": inf, "x2": 1e-310}),
        ),
    ),
    Golden(
        "exact/network",
        "A network with tanh and its cross-entropy loss: each last bit has passed through layers.",
        "\n".join(_network((3, 5, 4, 1))),
        "loss",
        (Run(), Run({"x1": 2.0, "x2": -0.7, "x3": 1e-3, "y": 0.0}), Run({"y": 0.25})),
    ),
    Golden(
        "exact/chain",
        "A chain of 200 ops, forward and backward, whose last bits come from all before them.",
        "\n".join(_chain(200)),
        "n199",
        (Run(), Run({"x": -pi, "w": 0.9}), Run({"b3": 1e-7}, seed={"n199": 1e3})),
    ),
    Golden(
        "exact/training_step",
        "A step of gradient descent within a graph: the loss, its gradient, the loss after it.",
        "\n".join(_training_step()),
        "before.loss after.loss",
        (Run(seed={"after.loss": 1.0}), Run(seed={"before.loss": 1.0, "after.loss": -1.0})),
    ),
    *map(_unary, UNARY_OPS),
    *map(_binary, BINARY_OPS),
)
