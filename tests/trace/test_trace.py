"""`mgraph trace` and `mgraph.record`: graphs of other people's engines, with their numbers."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import micrograd.engine
import pytest

import mgraph
from mgraph.trace.capture import disagreements
from mgraph.trace.script import Traced, trace
from tests.command_line import environment, process

if TYPE_CHECKING:
    from pathlib import Path

    from mgraph.document import Graph

Micrograd: Any = micrograd.engine.Value

ENGINE = """
import math
class Value:
    def __init__(self, data, _children=(), _op=""):
        self.data, self.grad, self._prev = data, 0.0, set(_children)
        self._backward = lambda: None
    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other), "+")
        def _backward():
            self.grad += out.grad
            other.grad += out.grad
        out._backward = _backward
        return out
    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other), "*")
        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out._backward = _backward
        return out
    def backward(self):
        order, seen = [], []
        def visit(node):
            if id(node) not in seen:
                seen.append(id(node))
                for each in node._prev:
                    visit(each)
                order.append(node)
        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            node._backward()
"""
"""An engine without reflected operators, subtraction or functions."""

RADD = """
    def __radd__(self, other):
        return self + other
"""

UNARY = """
def unary(x, value, slope, name):
    out = Value(value, (x,), name)
    def _backward():
        x.grad += slope * out.grad
    out._backward = _backward
    return out
"""
"""A helper that makes the Value, in the place of the function that has the name."""


def said(graph: Graph) -> list[str]:
    """Return the nodes, one a line: `id op arguments` or `id op number`."""
    columns = graph.columns
    data = dict(zip(columns.leaves, columns.data, strict=True))
    return [
        f"{name} {columns.op(i)} "
        + (
            str(data[i])
            if i in data
            else " ".join(columns.ids[arg] for arg in columns.arguments(i))
        )
        for i, name in enumerate(columns.ids)
    ]


class Scripts:
    """A folder for scripts."""

    def __init__(self, folder: Path) -> None:
        """Take the folder."""
        self.folder = folder

    def write(self, *parts: str, name: str = "script.py") -> str:
        """Write a script, and return its path."""
        path = self.folder / name
        path.write_text("\n".join(dedent(part) for part in parts), encoding="utf-8")
        return str(path)

    def trace(self, *parts: str, wanted: str | None = None, call: int | None = None) -> Traced:
        """Write a script and run it."""
        traced = trace(self.write(*parts), (), wanted, call)
        assert traced.error is None, traced.traceback()
        return traced

    def graph(self, *parts: str, output: str | None = None, agrees: bool = True) -> Graph:
        """Write a script, run it, and return its graph: mgraph agrees with the engine."""
        graph = self.trace(*parts).graph(output, ())
        assert (disagreements(graph) == []) is agrees
        return graph


# --- what is recorded ------------------------------------------------------------------------


def test_micrograds_own_example() -> None:
    """Every operator of micrograd is one node, the outermost; order and repeats are the program's.

    The expected numbers are those of micrograd's README: g and the gradients of a and b.
    """
    with mgraph.record(Micrograd) as recording:
        a = Micrograd(-4.0)
        b = Micrograd(2.0)
        c = a + b
        d = a * b + b**3
        c += c + 1
        c += 1 + c + (-a)
        d += d * 2 + (b + a).relu()
        d += 3 * d + (b - a).relu()
        e = c - d
        f = e**2
        g = f / 2.0
        g += 10.0 / f
        g.backward()
    graph = recording.graph(names={"a": a, "b": b, "e": e, "f": f, "g": g})
    assert said(graph) == [
        "a param -4.0", "b param 2.0", "n2 add a b", "n3 mul a b", "n4 const 3.0", "n5 pow b n4",
        "n6 add n3 n5", "n7 const 1.0", "n8 add n2 n7", "n9 add n2 n8", "n10 const 1.0",
        "n11 add n10 n9", "n12 neg a", "n13 add n11 n12", "n14 add n9 n13", "n15 const 2.0",
        "n16 mul n6 n15", "n17 add b a", "n18 relu n17", "n19 add n16 n18", "n20 add n6 n19",
        "n21 const 3.0", "n22 mul n21 n20", "n23 sub b a", "n24 relu n23", "n25 add n22 n24",
        "n26 add n20 n25", "e sub n14 n26", "n28 const 2.0", "f pow e n28", "n30 const 2.0",
        "n31 div f n30", "n32 const 10.0", "n33 div n32 f", "g add n31 n33",
    ]  # fmt: skip
    (run,) = graph.runs
    assert run.origin == "micrograd 0.1.0"
    assert run.data is not None
    assert run.grad is not None
    assert f"{run.data['g']:.4f}" == "24.7041"
    assert (f"{run.grad['a']:.4f}", f"{run.grad['b']:.4f}") == ("138.8338", "645.5773")
    assert disagreements(graph) == []


LECTURE = """
    import math
    from micrograd.engine import Value

    def tanh(self):
        t = (math.exp(2*self.data) - 1)/(math.exp(2*self.data) + 1)
        out = Value(t, (self,), 'tanh')
        def _backward():
            self.grad += (1 - t**2) * out.grad
        out._backward = _backward
        return out
    Value.tanh = tanh

    x1 = Value(2.0)
    x2 = Value(0.0)
    w1 = Value(-3.0)
    w2 = Value(1.0)
    b = Value(6.8813735870195432)
    x1w1 = x1*w1
    x2w2 = x2*w2
    x1w1x2w2 = x1w1 + x2w2
    n = x1w1x2w2 + b
    o = n.tanh()
    o.backward()
"""


def in_a_process(scripts: Scripts, *parts: str) -> Graph:
    """Write a script, trace it as users do, and return the graph: mgraph agrees with the engine."""
    scripts.write(*parts)
    told = process("trace", "script.py", "-o", "f.json", cwd=scripts.folder)
    assert (told.status, told.err) == (0, "")
    return mgraph.load(scripts.folder / "f.json")


def test_the_lectures_neuron(scripts: Scripts) -> None:
    """Variables of the script are ids; tanh came to the class later. The numbers are known."""
    graph = in_a_process(scripts, LECTURE)
    assert said(graph) == [
        "x1 param 2.0", "x2 param 0.0", "w1 param -3.0", "w2 param 1.0",
        "b param 6.881373587019543", "x1w1 mul x1 w1", "x2w2 mul x2 w2",
        "x1w1x2w2 add x1w1 x2w2", "n add x1w1x2w2 b", "o tanh n",
    ]  # fmt: skip
    known = mgraph.load("fixtures/neuron.json").runs[0]
    (run,) = graph.runs
    assert run.grad == pytest.approx(known.grad, rel=1e-12)
    assert run.data == pytest.approx(known.data, rel=1e-12)
    assert run.origin == "micrograd 0.1.0"


TRAINING = """
    import random
    from micrograd.engine import Value
    from micrograd.nn import MLP

    random.seed(1)
    model = MLP(2, [3, 3, 1])
    rows = [([0.5, -1.0], 1), ([2.0, 0.25], -1), ([-1.5, 1.0], 1)]
    for step in range(20):
        scores = [model([Value(x) for x in row]) for row, _ in rows]
        losses = [(1 + -y * score).relu() for (_, y), score in zip(rows, scores)]
        loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in model.parameters())
        model.zero_grad()
        loss.backward()
        for p in model.parameters():
            p.data -= 0.05 * p.grad
    print(loss.data)
"""


def test_a_training_loop_of_micrograd(scripts: Scripts) -> None:
    """The last of twenty graphs is recorded, alone, with the parameters before their update."""
    alone = subprocess.run(
        [sys.executable, scripts.write(TRAINING)], check=True, env=environment(),
        capture_output=True, text=True,
    ).stdout  # fmt: skip
    told = process("trace", "script.py", "-o", "f.json", cwd=scripts.folder)
    assert told.status == 0
    assert told.out.startswith(alone)
    assert "call 19 of 20, counted from 0: the last" in told.out
    graph = mgraph.load(scripts.folder / "f.json")
    assert disagreements(graph) == []
    assert (graph.runs[0].data or {})["loss"] == float(alone)
    ops = Counter(graph.columns.op(i) for i in range(len(graph)))
    # a neuron multiplies and adds each weight, its sum begins with the bias; sums of losses and of
    # squares begin with 0; a loss is relu(1 + -y·score)
    weights, neurons, rows, params = 2 * 3 + 3 * 3 + 3, 7, 3, 25
    assert ops["mul"] == rows * weights + rows + params + 2
    assert ops["add"] == rows * weights + rows + rows + params + 1
    assert ops["relu"] == rows * (neurons - 1) + rows
    assert ops["param"] == params + rows * 2


def test_a_call_is_picked(scripts: Scripts) -> None:
    """`call` counts calls of backward from 0, and is the graph as it was then."""
    loop = """
        w = Value(1.0)
        for step in range(3):
            w.grad = 0.0
            loss = w * (step + 2)
            loss.backward()
            w.data += 1.0
    """
    for call in range(3):
        traced = scripts.trace(ENGINE, loop, call=call)
        graph = traced.graph(None, ())
        loss = "loss"
        assert said(graph) == [
            f"w param {call + 1.0}",
            f"n1 const {call + 2.0}",
            f"{loss} mul w n1",
        ]
        assert dict(graph.runs[0].grad or {}) == {loss: 1.0, "w": call + 2.0}
        assert (traced.recording.call, traced.recording.calls) == (call, 3)


@pytest.mark.parametrize(
    ("formula", "nodes"),
    [
        ("x * y", ["n2 mul x y"]),
        ("y * x + x * x", ["n2 mul y x", "n3 mul x x", "n4 add n2 n3"]),
        ("x + 2", ["n1 const 2.0", "n2 add x n1"]),
        ("2 - x", ["n1 const 2.0", "n2 sub n1 x"]),
        ("2 / (x / y)", ["n2 div x y", "n3 const 2.0", "n4 div n3 n2"]),
        ("x ** y", ["n2 pow x y"]),
        ("2 ** x", ["n1 const 2.0", "n2 pow n1 x"]),
        ("abs(-x)", ["n1 neg x", "n2 abs n1"]),
        ("+x * y", ["n2 mul x y"]),
        ("x.ReLU() * y.tanh().log()", ["n2 relu x", "n3 tanh y", "n4 log n3", "n5 mul n2 n4"]),
        ("x.gelu()", ["n1 const 1.702", "n2 mul x n1", "n3 sigmoid n2", "n4 mul x n3"]),
        ("Value.total([x, y, x])", ["n2 sum x y x"]),
        ("x.maximum(y)", ["n2 max x y"]),
        ("x.maximum(1)", ["n1 const 1.0", "n2 max x n1"]),
        ("sum([x, y])", ["n2 const 0.0", "n3 add n2 x", "n4 add n3 y"]),
    ],
)
def test_the_outermost_op_that_mgraph_knows(
    scripts: Scripts, formula: str, nodes: list[str]
) -> None:
    """An op made of others is one node; an unknown method is what it is made of."""
    more = """
        def exp(x):
            return unary(x, math.exp(x.data), math.exp(x.data), "exp")
        def log(x):
            return unary(x, math.log(x.data), 1 / x.data, "log")
        class Value(Value):
            __radd__ = lambda self, other: self + other
            __rmul__ = lambda self, other: self * other
            __neg__ = lambda self: self * -1
            __pos__ = lambda self: self
            __sub__ = lambda self, other: self + -other
            __rsub__ = lambda self, other: other + -self
            __pow__ = lambda self, other: exp(log(self) * other)
            __rpow__ = lambda self, other: exp(self * math.log(other))
            __truediv__ = lambda self, other: self * other ** -1
            __rtruediv__ = lambda self, other: other * self ** -1
            __abs__ = lambda self: self if self.data > 0 else -self
            log = lambda self: log(self)
            ReLU = lambda self: unary(self, max(0, self.data), float(self.data > 0), "ReLU")
            def tanh(self):
                e = exp(self * 2)
                return (e - 1) / (e + 1)
            def sigmoid(self):
                return 1 / (1 + exp(-self))
            def gelu(self):
                return self * (self * 1.702).sigmoid()
            def maximum(self, other):
                other = other if isinstance(other, Value) else Value(other)
                return self + 0.0 if self.data > other.data else other
            @staticmethod
            def total(values):
                out = values[0]
                for each in values[1:]:
                    out = out + each
                return out
        x, y = Value(3.0), Value(0.5)
    """
    graph = scripts.graph(ENGINE, UNARY, more, f"({formula}).backward()")
    shown = said(graph)
    assert [each for each in shown if " param " not in each] == nodes


def test_outermost_is_the_class_that_is_watched(scripts: Scripts) -> None:
    """A class that inherits from another that looks like a Value is recorded once."""
    more = """
        class Mine(Value):
            def __mul__(self, other):
                return super().__mul__(other)
        x = Mine(3.0)
        (x * x + 1).backward()
    """
    assert said(scripts.graph(ENGINE, more)) == [
        "x param 3.0", "n1 mul x x", "n2 const 1.0", "n3 add n1 n2",
    ]  # fmt: skip
