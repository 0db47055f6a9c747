"""Gradients in every way in which engines keep them: which are recorded, and what is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mgraph.trace.capture import compared, disagreements
from tests.trace.test_trace import ENGINE, Scripts, said

if TYPE_CHECKING:
    from tests.command_line import Shell

LEAVES = """
class Var:
    def __init__(self, data, parents=(), requires_grad=True):
        self.data, self.parents, self.requires_grad = data, parents, requires_grad
        START
    def __add__(self, other):
        return Var(self.data + other.data, ((self, 1.0), (other, 1.0)))
    def __mul__(self, other):
        return Var(self.data * other.data, ((self, other.data), (other, self.data)))
    def backward(self):
        order, seen = [], set()
        def visit(v):
            if id(v) not in seen:
                seen.add(id(v))
                for parent, _ in v.parents:
                    visit(parent)
                order.append(v)
        visit(self)
        found = {id(self): 1.0}
        for v in reversed(order):
            if not v.parents and v.requires_grad:
                v.grad = (getattr(v, "grad", None) or 0.0) + found[id(v)]
            for parent, slope in v.parents:
                found[id(parent)] = found.get(id(parent), 0.0) + SLOPE * found[id(v)]
w, x, b = Var(2.0), Var(3.0, requires_grad=False), Var(-1.0)
h = w * x + b
loss = h * h
loss.backward()
"""
"""An engine that keeps the gradients of leaves only; d loss/dw = 2hx = 30, d loss/db = 2h = 10."""


@pytest.mark.parametrize("start", ["self.grad = None", "self.grad = 0.0", "pass"])
def test_an_engine_that_keeps_gradients_of_leaves_only(scripts: Scripts, start: str) -> None:
    """Inner nodes have None, 0 or no such attribute: the leaves are recorded and compared."""
    engine = LEAVES.replace("START", start)
    graph = scripts.graph(engine.replace("SLOPE", "slope"))
    (run,) = graph.runs
    assert dict(run.grad or {}) == {"w": 30.0, "b": 10.0}
    assert (run.data or {})["loss"] == 25.0
    assert compared(graph) == (3, 2)  # of w * x, h and loss; of w and b
    graph = scripts.graph(engine.replace("SLOPE", "2 * slope"), agrees=False)
    assert {each.node for each in disagreements(graph)} == {"w", "b"}


def test_zeros_that_backward_left(scripts: Scripts) -> None:
    """Inner gradients that backward sets to zero when they are used up are not kept."""
    freeing = """
        class Value(Value):
            def backward(self):
                super().backward()
                stack = [*self._prev]
                while stack:
                    node = stack.pop()
                    if node._prev:
                        node.grad = 0.0
                    stack.extend(node._prev)
        a, b = Value(2.0), Value(3.0)
        y = (a * b + a) * b
        y.backward()
    """
    (run,) = scripts.graph(ENGINE, freeing).runs
    assert dict(run.grad or {}) == {"a": 12.0, "b": 14.0, "y": 1.0}  # b² + b, 2ab + a


def test_an_engine_that_never_starts(scripts: Scripts) -> None:
    """Zeros of leaves are not passed over if everything is zero: backward does not work."""
    engine = ENGINE.replace("self.grad = 1.0", "self.grad = 0.0")
    graph = scripts.graph(engine, "x = Value(2.0)\ny = x * x\ny.backward()", agrees=False)
    assert [(each.node, each.want) for each in disagreements(graph)] == [("y", 0.0), ("x", 0.0)]


RETURNED = """
class Node:
    def __init__(self, value, args=(), slopes=()):
        self.value, self.args, self.slopes, self.grad = value, args, slopes, None
    def __add__(self, other):
        return Node(self.value + other.value, (self, other), (1.0, 1.0))
    def __mul__(self, other):
        return Node(self.value * other.value, (self, other), (other.value, self.value))
    def backward(self):
        return {self: 1.0}
a, b = Node(2.0), Node(3.0)
y = a * b + a
y.backward()
"""


def test_no_gradient_at_all(shell: Shell) -> None:
    """If backward leaves no gradient, that is said, and nothing is said to agree."""
    shell.write("s.py", RETURNED)
    told = shell("trace", "s.py", "-o", "f.json")
    assert told.status == 1
    assert told.out.splitlines()[3:] == [
        "values    mgraph computes the same 2 values",
        "gradients none were compared: backward left no gradient on the engine's Values",
    ]
    told = shell("trace", "s.py", "-o", "f.json", "--json")
    counts = {key: told.json[key] for key in ("values", "gradients", "agrees", "wrong")}
    assert counts == {"values": 2, "gradients": 0, "agrees": None, "wrong": 0}
    shell.write("s.py", RETURNED.replace("y.backward()", ""))
    told = shell("trace", "s.py", "-o", "f.json", "--output", "y")
    assert told.status == 0  # nobody asked for gradients
    assert "none were compared: backward was not called on this output" in told.out


HIGHER = """
import math
class Value:
    def __init__(self, data, parents=(), pull=None):
        self.data, self.parents, self.pull, self.grad = float(data), parents, pull, None
    def __add__(self, other):
        return Value(self.data + other.data, (self, other), lambda g: (g, g))
    def __mul__(self, other):
        return Value(self.data * other.data, (self, other), lambda g: (g * other, g * self))
    def sin(self):
        return Value(math.sin(self.data), (self,), lambda g: (g * self.cos(),))
    def cos(self):
        return Value(math.cos(self.data), (self,), lambda g: (g * self.sin() * Value(-1.0),))
    def backward(self):
        order, seen = [], set()
        def visit(v):
            if v not in seen:
                seen.add(v)
                for parent in v.parents:
                    visit(parent)
                order.append(v)
        visit(self)
        for v in order:
            v.grad = None
        self.grad = Value(1.0)
        for v in reversed(order):
            for parent, g in zip(v.parents, v.pull(v.grad) if v.pull else ()):
                parent.grad = g if parent.grad is None else parent.grad + g
x = Value(0.5)
y = x * x * x + x.sin()
y.backward()
slope = x.grad
square = slope * slope
square.backward()
"""


def test_values_that_backward_makes(scripts: Scripts) -> None:
    """A gradient that can be differentiated is computed by ops, which belong to the graph.

    y' = 3x² + cos x, y'' = 6x - sin x; the derivative of y'² is 2 y' y''.
    """
    from math import cos, sin  # noqa: PLC0415 - the formulas

    graph = scripts.graph(HIGHER)
    (run,) = graph.runs
    assert run.data is not None
    assert run.grad is not None
    first, second = 3 * 0.5**2 + cos(0.5), 6 * 0.5 - sin(0.5)
    assert run.data["slope"] == pytest.approx(first, rel=1e-15)
    assert run.grad["x"] == pytest.approx(2 * first * second, rel=1e-15)
    assert said(graph)[0] == "x param 0.5"
    assert [line for line in said(graph) if "param" in line] == ["x param 0.5"]


def test_gradients_are_read_when_backward_ends(scripts: Scripts) -> None:
    """What the script does to gradients and numbers afterwards is not the engine's."""
    program = """
        w, x = Value(2.0), Value(3.0)
        loss = w * x + w
        loss.backward()
        w.data -= 0.1 * w.grad
        for p in (w, x):
            p.grad = 0
        later = w * w
        later.backward()
    """
    for output in ("loss", "later"):
        graph = scripts.graph(ENGINE, program, output=output)
        data = {"loss": {"w": 2.0, "x": 3.0, "n2": 6.0, "loss": 8.0}, "later": {"w": 1.6}}[output]
        assert (graph.runs[0].data or {}).items() >= data.items()
    grad = dict(scripts.graph(ENGINE, program, output="loss").runs[0].grad or {})
    assert grad == {"w": 4.0, "x": 2.0, "n2": 1.0, "loss": 1.0}


def test_gradients_of_another_output(scripts: Scripts) -> None:
    """What backward from one Value left is not taken for the gradients of another."""
    program = "x = Value(2.0)\nz = x * x\ny = z * Value(3.0)\ny.backward()"
    traced = scripts.trace(ENGINE, program)
    graph = traced.graph("z", ())
    assert (said(graph), graph.runs[0].grad) == (["x param 2.0", "z mul x x"], None)


FUNCTIONS = {
    "a function": """
        def backprop(root):
            root.grad = 1.0
            Value.run(root)
    """,
    "a function that calls itself": """
        def backward(node, grad=1.0):
            node.grad += grad
            for parent, slope in node.slopes:
                backward(parent, slope * grad)
    """,
    "a function that calls a method for each node": """
        def backprop(root):
            root.grad = 1.0
            for node in root.order():
                node.backward()
    """,
    "a tape": """
        class Tape:
            def backward(self, root):
                root.grad = 1.0
                Value.run(root)
        tape = Tape()
    """,
    "a method that a function changes afterwards": """
        Value.backward = lambda root: (setattr(root, "grad", 1.0), root.run())
        def backward_pass(model, root):
            root.backward()
            for node in root.order():
                node.grad /= 7.0
    """,
}
CALLS = ("backprop(y)", "backward(y)", "backprop(y)", "tape.backward(y)", "backward_pass(0, y)")

LOOSE = """
class Value:
    def __init__(self, data, slopes=()):
        self.data, self.grad, self.slopes = data, 0.0, slopes
    def __add__(self, other):
        return Value(self.data + other.data, [(self, 1.0), (other, 1.0)])
    def __mul__(self, other):
        return Value(self.data * other.data, [(self, other.data), (other, self.data)])
    def order(self):
        nodes = [self]
        for node in nodes:
            for parent, _ in node.slopes:
                if parent in nodes:
                    nodes.remove(parent)
                nodes.append(parent)
        return nodes
    def run(self):
        for node in self.order():
            node.push()
    def push(self):
        for parent, slope in self.slopes:
            parent.grad += slope * self.grad
"""


@pytest.mark.parametrize(("what", "call"), [*zip(FUNCTIONS, CALLS, strict=True)])
def test_what_runs_backward(scripts: Scripts, what: str, call: str) -> None:
    """It need not be a method of the Value. It is one call, and its gradients are the engine's."""
    engine = LOOSE.replace("def push", "def backward") if "each node" in what else LOOSE
    program = f"x, w = Value(2.0), Value(5.0)\ny = x * w + x\n{call}\nx.grad = 9.0"
    traced = scripts.trace(engine, FUNCTIONS[what], program)
    (run,) = traced.graph(None, ()).runs
    assert dict(run.grad or {}) == {"x": 6.0, "w": 2.0, "n2": 1.0, "y": 1.0}
    assert traced.recording.calls == 1
