"""`mgraph trace` and `mgraph.record`: graphs of other people's engines, with their numbers."""

from __future__ import annotations

import gc
import json
import re
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import micrograd.engine
import numpy as np
import pytest

import mgraph
from mgraph.errors import GraphError
from mgraph.ops import OPS
from mgraph.trace.capture import disagreements
from mgraph.trace.classes import is_value_like, origin_of
from mgraph.trace.script import Traced, trace
from mgraph.trace.spellings import SPELLINGS, meaning_of
from tests.command_line import HERE, Said, Shell, environment, in_shell, process, typed

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


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    """Return a folder for scripts."""
    return Scripts(tmp_path)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return a folder, and `mgraph` to call there."""
    return Shell(tmp_path, monkeypatch)


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
        loss = "loss" if call == 2 else "n2"  # a name is the last one's that had it
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


# --- engines of every kind -------------------------------------------------------------------


def test_functions_instead_of_methods(scripts: Scripts) -> None:
    """A function that makes its result with the constructor is an op by its name.

    It may have a helper, convert numbers, keep its operands in a set, or be a lambda.
    """
    functions = """
        def _as(x):
            return x if isinstance(x, Value) else Value(x)
        def subtract(a, b):
            b = b if isinstance(b, Value) else Value(b)
            out = Value(a.data - b.data, {a, b})
            def _backward():
                a.grad += out.grad
                b.grad -= out.grad
            out._backward = _backward
            return out
        def sin(x):
            return unary(x, math.sin(x.data), math.cos(x.data), "")
        cosine = lambda x: unary(x, math.cos(x.data), -math.sin(x.data), "cos")
        double = lambda x: x + x
        def square(x):
            return x * x
        ln = lambda x: Value(math.log(x.data), (x,), "log")
        a, b = Value(5.0), Value(1.5)
    """
    graph = scripts.graph(
        ENGINE, UNARY, functions, "subtract(a, sin(subtract(double(square(b)), 2))).backward()"
    )
    assert said(graph) == [
        "a param 5.0", "b param 1.5", "n2 mul b b", "n3 add n2 n2", "n4 const 2.0",
        "n5 sub n3 n4", "n6 sin n5", "n7 sub a n6",
    ]  # fmt: skip
    assert said(scripts.graph(ENGINE, UNARY, functions, "y = ln(a)", output="y")) == [
        "a param 5.0", "y log a",
    ]  # fmt: skip


def test_classes_instead_of_methods(scripts: Scripts) -> None:
    """A class of its own for each op: its name says which."""
    classes = """
        class Max(Value):
            def __init__(self, left, right):
                super().__init__(max(left.data, right.data), (left, right), "max")
        class Tanh(Value):
            def __init__(self, x):
                super().__init__(math.tanh(x.data), (x,))
        class Scaled(Value):
            def __init__(self, x, factor):
                super().__init__(x.data * factor, (x,))
        x, y = Value(2.0), Value(3.0)
        out = Max(Tanh(x) * y, x)
        odd = Scaled(x, 2.0)
    """
    traced = scripts.trace(ENGINE, classes)
    assert said(traced.graph("out", ())) == [
        "x param 2.0", "y param 3.0", "n2 tanh x", "n3 mul n2 y", "out max n3 x",
    ]  # fmt: skip
    with pytest.raises(GraphError, match=r"Scaled\(…\) in <module>"):
        traced.graph("odd", ())


def test_static_methods(scripts: Scripts) -> None:
    """Static and class methods stay what they are, ops and backward included."""
    more = """
        class Value(Value):
            @staticmethod
            def exp(x):
                return unary(x, math.exp(x.data), math.exp(x.data), "exp")
            @classmethod
            def mul(cls, a, b):
                return cls(a.data, ()) if cls is None else a * b
            @staticmethod
            def backprop(x, *rest):
                x.backward()
            backward_pass = classmethod(lambda cls: cls.__name__)
        assert Value.backward_pass() == Value(1.0).backward_pass() == "Value"
        x = Value(2.0)
        Value.backprop(Value.mul(Value.exp(x), x))
    """
    assert said(scripts.graph(ENGINE, UNARY, more)) == [
        "x param 2.0", "n1 exp x", "n2 mul n1 x",
    ]  # fmt: skip


def test_slots(scripts: Scripts) -> None:
    """A class that allows no weak reference, and a dataclass that its decorator makes anew."""
    slots = ENGINE.replace(
        "class Value:", 'class Value:\n    __slots__ = ("data", "grad", "_prev", "_backward")'
    )
    program = "x = Value(2.0)\ny = x * x\n(y * y + x).backward()"
    expected = ["x param 2.0", "y mul x x", "n2 mul y y", "n3 add n2 x"]
    graph = scripts.graph(slots, program)
    assert said(graph) == expected
    assert dict(graph.runs[0].grad or {}) == {"x": 33.0, "y": 8.0, "n2": 1.0, "n3": 1.0}
    dataclass = """
        from dataclasses import dataclass, field

        @dataclass(slots=True)
        class Value:
            data: float
            grad: float = 0.0
            parents: list = field(default_factory=list)

            def __add__(self, other):
                return Value(self.data + other.data, 0.0, [(self, 1.0), (other, 1.0)])
            def __mul__(self, other):
                return Value(self.data * other.data, 0.0, [(self, other.data), (other, self.data)])
            def backward(self, grad=1.0):
                self.grad += grad
                for each, slope in self.parents:
                    each.backward(grad * slope)
    """
    assert said(scripts.graph(dataclass, program)) == expected


def test_odd_equality(scripts: Scripts) -> None:
    """Values are told apart by identity: == may raise, and hash may be missing or the same."""
    odd = """
        class Value(Value):
            def __eq__(self, other):
                raise RuntimeError("compared")
            __hash__ = lambda self: 1
            __bool__ = lambda self: 1 / 0
        Value.__init__.__defaults__ = ((), "")
        x, y = Value(2.0), Value(2.0)
        z = x * y
    """
    engine = ENGINE.replace("set(_children)", "list(_children)")
    graph = scripts.graph(engine, odd, "(z * x).backward()")
    assert said(graph) == ["x param 2.0", "y param 2.0", "z mul x y", "n3 mul z x"]


def test_the_same_object_is_no_new_node(scripts: Scripts) -> None:
    """An operator that returns its operand, or changes it in place, adds nothing."""
    more = """
        class Value(Value):
            def __add__(self, other):
                return self if other == 0 else super().__add__(other)
            def __isub__(self, number):
                self.data -= number
                return self
            def relu(self):
                return self if self.data > 0 else Value(0.0)
        x, y = Value(2.0), Value(3.0)
        x -= 0.5
        z = (x + 0).relu() * y + 0
        z += y
        z.backward()
    """
    assert said(scripts.graph(ENGINE, more)) == [
        "x param 1.5", "y param 3.0", "n2 mul x y", "z add n2 y",
    ]  # fmt: skip


def test_numbers_of_numpy(scripts: Scripts) -> None:
    """Data and gradients may be NumPy's scalars, or arrays of one element; operands, too."""
    program = """
        import numpy as np
        x, y = Value(np.float64(2.0)), Value(np.array([3.0]))
        z = x * np.float32(0.5) + y
        (z * np.array(2)).backward()
    """
    graph = scripts.graph(ENGINE, program)
    assert said(graph) == [
        "x param 2.0", "y param 3.0", "n2 const 0.5", "n3 mul x n2", "z add n3 y",
        "n5 const 2.0", "n6 mul z n5",
    ]  # fmt: skip
    assert dict(graph.runs[0].grad or {}) == {"x": 1.0, "y": 2.0, "n3": 2.0, "z": 2.0, "n6": 1.0}


def test_gradients_that_are_not_kept(scripts: Scripts) -> None:
    """Where the engine has None, the run says nothing; where it has a Value, its data counts."""
    program = """
        x, y = Value(2.0), Value(3.0)
        z = x * y
        class Value(Value):
            def backward(self):
                super().backward()
                z.grad = None
                x.grad = Value(x.grad)
        x.__class__ = y.__class__ = z.__class__ = Value
        o = Value(5.0) * z
        o.backward()
    """
    (run,) = scripts.graph(ENGINE, program).runs
    assert dict(run.grad or {}) == {"x": 15.0, "y": 10.0, "n3": 6.0, "o": 1.0}
    assert dict(run.data or {}) == {"x": 2.0, "y": 3.0, "n3": 5.0, "o": 30.0}


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("[1.0, 2.0]", "a list"), ("'2'", '"2"'), ("np.array([1.0, 2.0])", "a ndarray"),
        ("2j", "a complex"), ("x", "a Value"),
    ],
)  # fmt: skip
def test_what_is_no_number(scripts: Scripts, number: str, words: str) -> None:
    """Graphs are of single numbers: another kind is told, and which Value it is."""
    program = f"import numpy as np\nx = Value(2.0)\ny = x * x\nx.data = {number}"
    traced = scripts.trace(ENGINE, program)
    with pytest.raises(GraphError) as error:
        traced.graph("y", ())
    assert error.value.diagnostics[0].code == "number"
    assert words in str(error.value)


def test_a_recursive_backward_keeps_its_depth(scripts: Scripts) -> None:
    """While backward runs nothing is in its way: it may recurse as deeply as it does alone."""
    more = """
        class Value(Value):
            def backward(self, grad=1.0):
                self.grad += grad
                if self._prev:
                    self.one.backward(grad)
            def __add__(self, other):
                out = super().__add__(other)
                out.one = self
                return out
        x = Value(1.0)
        y = x
        for i in range(900):
            y = y + 1.0
        import sys
        sys.setrecursionlimit(LIMIT)
        try:
            y.backward()
        finally:
            sys.setrecursionlimit(1000)
    """
    # the frames of pytest stand below: as many as a first call finds, and a few of ours
    depth = len([*iter_frames()]) + 900 + 40
    before = sys.getrecursionlimit()
    try:
        graph = scripts.trace(ENGINE, more.replace("LIMIT", str(depth))).graph(None, ())
    finally:
        sys.setrecursionlimit(before)
    assert len(graph) == 1801


def iter_frames() -> list[object]:
    """Return the frames that are running."""
    frame: Any = sys._getframe()  # noqa: SLF001
    found = []
    while frame is not None:
        found.append(frame)
        frame = frame.f_back
    return found


def test_a_chain_of_any_length(scripts: Scripts) -> None:
    """Recording, capturing and forgetting 100,000 operations recurses nowhere."""
    engine = """
        class Value:
            def __init__(self, data, parents=()):
                self.data, self.grad, self.parents = data, 0.0, parents
            def __add__(self, other):
                return Value(self.data + other, (self,))
            __mul__ = __add__
            def backward(self):
                while self:
                    self.grad, self = 1.0, self.parents and self.parents[0]
        x = Value(0.0)
        for _ in range(100_000):
            x = x + 1
        x.backward()
    """
    traced = scripts.trace(engine)
    graph = traced.graph(None, ())
    assert len(graph) == 200_001
    del traced, graph
    gc.collect()


@pytest.mark.parametrize("slots", ["", '__slots__ = ("data", "grad", "_prev", "_backward")'])
def test_what_is_dead_is_forgotten(scripts: Scripts, slots: str) -> None:
    """After a loop only what lives is remembered, however much was computed."""
    engine = ENGINE.replace("class Value:", f"class Value:\n    {slots or 'pass'}")
    program = """
        import gc
        w = Value(1.0)
        for step in range(50):
            loss = w
            for _ in range(20):
                loss = loss * w + step
            loss.backward()
            w.grad = 0.0
        del loss
        gc.collect()
    """
    nodes = scripts.trace(engine, program).recording.recorder.nodes
    assert len(nodes) == 1


def test_an_operand_that_died(scripts: Scripts) -> None:
    """An engine may keep slopes, and no operands: their numbers are those that were used."""
    engine = """
        class Value:
            tape = []
            def __init__(self, data, made=()):
                self.data, self.place = data, len(Value.tape)
                Value.tape.append([made, 0.0])
            @property
            def grad(self):
                return Value.tape[self.place][1]
            def __add__(self, other):
                return Value(self.data + other.data, [(self.place, 1.0), (other.place, 1.0)])
            def __mul__(self, other):
                pairs = [(self.place, other.data), (other.place, self.data)]
                return Value(self.data * other.data, pairs)
            def backward(self):
                Value.tape[self.place][1] = 1.0
                for made, grad in reversed(Value.tape):
                    for place, slope in made:
                        Value.tape[place][1] += grad * slope
        x = Value(3.0)
        y = x * Value(5.0) + x * x
        y.backward()
    """
    graph = scripts.graph(engine)
    assert said(graph) == [
        "x param 3.0", "n1 param 5.0", "n2 mul x n1", "n3 mul x x", "y add n2 n3",
    ]  # fmt: skip
    assert dict(graph.runs[0].grad or {}) == {"x": 11.0, "y": 1.0}


def test_mgraphs_own_values(scripts: Scripts) -> None:
    """They are recorded as they are, and the origin says that they are ours."""
    program = """
        import mgraph
        x, w = mgraph.Value(2.0, name="in"), mgraph.Value.param(-3.0)
        y = mgraph.max(x * w, 1)
        y.backward()
    """
    graph = scripts.graph(program)
    assert said(graph) == [
        "in input 2.0", "w param -3.0", "n2 mul in w", "n3 const 1.0", "y max n2 n3",
    ]  # fmt: skip
    assert graph.runs[0].is_self_recorded


# --- what can't be recorded ------------------------------------------------------------------


def test_an_op_that_mgraph_lacks(scripts: Scripts) -> None:
    """What made the Value is told, with its line; an op with other operands is no such op."""
    more = """
        class Value(Value):
            def erf(self):
                return unary(self, math.erf(self.data), 1.0, "tanh")
            def relu(self, slope=0.1):
                return Value(slope * self.data, (self,), "relu")
        x = Value(2.0)
        y = x.erf()
        z = x.relu(0.3)
        def exp(x):
            return (x * x).erf()
        e = exp(x)
        fine = x * x
    """
    traced = scripts.trace(ENGINE, UNARY, more)
    for name, words in (
        ("y", "Value(…) in unary, "),
        ("z", "Value(…) in relu, "),
        ("e", "in unary, "),
    ):
        with pytest.raises(GraphError) as error:
            traced.graph(name, ())
        (found,) = error.value.diagnostics
        assert found.code == "unknown-op"
        assert words in found.message
        assert "script.py:" in found.message
    assert len(traced.graph("fine", ())) == 2


def test_a_value_whose_operands_came_unseen(scripts: Scripts) -> None:
    """A Value that was made as a leaf, and then given operands, is no leaf: it is told."""
    more = """
        def sin(x):
            out = Value(math.sin(x.data))
            out._prev = {x}
            return out
        x = Value(2.0)
        y = sin(x) * x
    """
    with pytest.raises(GraphError) as error:
        scripts.trace(ENGINE, more).graph("y", ())
    assert [each.code for each in error.value.diagnostics] == ["unknown-op"]


def test_an_engine_that_is_wrong(shell: Shell) -> None:
    """The first number that differs is named, the file is written, the exit status is 1."""
    wrong = dedent(ENGINE).replace("other.grad += self.data", "other.grad += other.data")
    shell.write("wrong.py", f"{wrong}\nx, y = Value(2.0), Value(3.0)\n(x * y + x).backward()")
    told = shell("trace", "wrong.py", "-o", "f.json")
    assert told.status == 1
    text = "1 of 8 numbers; the first is grad of y: the engine says 3.0, mgraph computes 2.0"
    assert f"differs   {text}" in told.out
    assert shell.document("f.json")["runs"][0]["grad"]["y"] == 3.0
    assert shell("test", "f.json").status == 1


def test_gradients_from_before(shell: Shell) -> None:
    """A gradient that was not set to zero is added to, and that is told beside the difference."""
    program = f"{dedent(ENGINE)}\nx = Value(2.0)\nfor _ in range(2): (x * 3).backward()"
    shell.write("twice.py", program)
    told = shell("trace", "twice.py", "-o", "f.json")
    assert told.status == 1
    assert "the first is grad of x: the engine says 6.0, mgraph computes 3.0" in told.out
    assert "note      x already had a gradient; backward added to it" in told.out
    assert shell("trace", "twice.py", "-o", "f.json", "--call", "0").status == 0


# --- which class -----------------------------------------------------------------------------

OTHER = """
class Dual:
    def __init__(self, value, gradient=0.0):
        self.value, self.gradient = value, gradient
    def __add__(self, other):
        return Dual(self.value + other.value)
    def __mul__(self, other):
        return Dual(self.value * other.value)
    def backprop(self):
        self.gradient = 1.0
"""


def test_the_class_that_backward_is_called_on(scripts: Scripts) -> None:
    """Of several classes that look like Values, that of the last backward counts, or the named."""
    program = "x = Value(2.0)\n(x * x).backward()\nd = Dual(3.0)\n(d + d).backprop()"
    traced = scripts.trace(ENGINE, OTHER, program)
    assert said(traced.graph(None, ())) == ["d param 3.0", "n1 add d d"]
    assert traced.recording.engine.__name__ == "Dual"
    assert traced.finder.classes == ["__main__:Value", "__main__:Dual"]
    for wanted in ("__main__:Value", "Value"):
        graph = scripts.trace(ENGINE, OTHER, program, wanted=wanted).graph(None, ())
        assert said(graph) == ["x param 2.0", "n1 mul x x"]


def test_what_looks_like_a_value() -> None:
    """Operators in Python, data, gradient and backward; a part of that is not enough."""
    names: dict[str, Any] = {}
    exec(ENGINE + OTHER, names)  # noqa: S102
    assert all(is_value_like(each) for each in (names["Value"], names["Dual"], Micrograd))
    assert is_value_like(mgraph.Value)
    assert not any(is_value_like(each) for each in (int, float, complex, Fraction, np.ndarray))
    for lacking in ("__add__", "__mul__", "backprop"):
        members = {key: x for key, x in vars(names["Dual"]).items() if key != lacking}
        assert not is_value_like(type("Dual", (), members))


def test_the_class_is_as_it_was() -> None:
    """After the block nothing is left in the class, and it works; an exception changes nothing."""
    before = dict(vars(Micrograd))
    with pytest.raises(ZeroDivisionError), mgraph.record(Micrograd):
        _ = Micrograd(1.0) / float(dict(vars(Micrograd)) == before)
    assert dict(vars(Micrograd)) == before
    x = Micrograd(2.0)
    (x * 3).backward()
    assert x.grad == 3.0


def test_record_takes_classes() -> None:
    """Something else is told at once; so is a class that can't be changed."""
    for wrong in ((), (3,), (Micrograd(1.0),)):
        with pytest.raises(TypeError, match=r"for example record\(Value\)"):
            mgraph.record(*wrong)
    before = dict(vars(Micrograd))
    with pytest.raises(TypeError, match="immutable type"), mgraph.record(Micrograd, float):
        pass
    assert dict(vars(Micrograd)) == before


def test_an_output_of_ones_choice() -> None:
    """Any Value can be the output, with its numbers as they are: without backward, only values."""
    with mgraph.record(Micrograd) as recording:
        x = Micrograd(2.0)
        y = x * x
        z = y + 1
        y.backward()
    assert said(recording.graph()) == ["n0 param 2.0", "n1 mul n0 n0"]
    graph = recording.graph(z, names={"x": x, "y": y, "other": 3}, inputs=[x], name="z", doc="why")
    assert said(graph) == ["x input 2.0", "y mul x x", "n2 const 1.0", "n3 add y n2"]
    assert (graph.name, graph.doc) == ("z", "why")
    assert graph.runs[0].grad is None
    assert dict(graph.runs[0].data or {}) == {"x": 2.0, "y": 4.0, "n2": 1.0, "n3": 5.0}
    with pytest.raises(TypeError, match="expected a Value of the engine, not float"):
        recording.graph(2.0)
    with pytest.raises(GraphError, match="is not a Value of the graph"):
        recording.graph(inputs=[z])
    with pytest.raises(GraphError, match=r"is a mul, and can't be an input"):
        recording.graph(z, names={"y": y}, inputs=["y"])


def test_what_was_made_before_is_a_leaf(tmp_path: Path) -> None:
    """A graph begins where recording begins: parameters may be older."""
    w = Micrograd(3.0)
    older = w * 2
    with mgraph.record(Micrograd) as recording:
        out = older * w
        out.backward()
    graph = recording.save(tmp_path / "f.json", names={"w": w, "older": older, "out": out})
    assert said(graph) == ["older param 6.0", "w param 3.0", "out mul older w"]
    assert mgraph.load(tmp_path / "f.json").runs == graph.runs
    # w has a gradient by way of older, too, which was not recorded
    assert [each.node for each in disagreements(graph)] == ["w"]


def test_an_older_operand_may_be_the_result() -> None:
    """`x + 0` may be x, even if x was made before recording began; results may be of a base."""

    class Same(Micrograd):  # type: ignore[misc] # micrograd has no types
        """An engine that spares a node."""

        def __add__(self, other: object) -> Any:  # noqa: ANN401
            """Return self where nothing is added."""
            return self if other == 0 else super().__add__(other)

    x = Same(2.0)
    with mgraph.record(Same) as recording:
        y = (x + 0) * (x + 0)
        y.backward()
    assert said(recording.graph()) == ["n0 param 2.0", "n1 mul n0 n0"]


def test_nothing_was_recorded() -> None:
    """Without backward there is no graph; with fewer calls than asked for, neither."""
    with mgraph.record(Micrograd) as recording:
        x = Micrograd(2.0)
    with pytest.raises(GraphError, match="backward was not called"):
        recording.graph()
    with mgraph.record(Micrograd, call=1) as recording:
        x.backward()
    with pytest.raises(GraphError, match="1 calls, counted from 0"):
        recording.graph()


def test_a_seed(scripts: Scripts) -> None:
    """A number that backward is given is the seed of the run; a flag is none."""
    more = """
        class Value(Value):
            def backward(self, grad=1.0, retain=False):
                super().backward()
                for each in (self, *self._prev):
                    each.grad *= grad
        x, y = Value(2.0), Value(3.0)
        z = x * y
        z.backward(GRAD)
    """
    (run,) = scripts.graph(ENGINE, more.replace("GRAD", "0.5, retain=True")).runs
    assert dict(run.seed) == {"z": 0.5}
    assert dict(run.grad or {}) == {"x": 1.5, "y": 1.0, "z": 0.5}
    assert dict(scripts.graph(ENGINE, more.replace("GRAD", "retain=True")).runs[0].seed) == {}


# --- names -----------------------------------------------------------------------------------


def test_labels_of_the_engine(scripts: Scripts) -> None:
    """A label that is a valid id, and nobody else's, is the id; others are kept for display."""
    program = """
        a, b, c, d, e = (Value(float(i)) for i in range(5))
        a.label, b.label, c.label, d.label, e.label = "alpha", "twice", "twice", "x₁", 5
        (a + b + c + d + e).backward()
    """
    engine = ENGINE.replace("self.grad, self._prev", "self.grad, self.label, self._prev").replace(
        "data, 0.0, set", 'data, 0.0, "", set'
    )
    graph = scripts.graph(engine, program)
    assert [line for line in said(graph) if "param" in line] == [
        "alpha param 0.0", "b param 1.0", "c param 2.0", "d param 3.0", "e param 4.0",
    ]  # fmt: skip
    assert dict(graph.columns.labels) == {graph.columns.index["d"]: "x₁"} | {
        graph.columns.index[name]: "twice" for name in "bc"
    }


def test_names_within_objects(scripts: Scripts) -> None:
    """What variables hold is called as Python would spell it, one way of several."""
    program = """
        class Layer:
            def __init__(self, n):
                self.w, self.me = [Value(float(i)) for i in range(n)], self
                self._hidden = Value(9.0)
        class Model:
            layers = ()
        model = Model()
        model.layers = (Layer(2), Layer(1))
        _b = Value(0.5)
        crowd = [Model() for _ in range(20)]
        for each in crowd:
            each.friends = crowd[::-1]
        named = {"b": _b, "not an id": Value(0.25), 3: Value(0.125)}
        w = model.layers[0].w[1]
        parameters = [*model.layers[0].w, *model.layers[1].w]
        numbers = list(range(1000))
        sum([*parameters, *named.values(), model.layers[0]._hidden]).backward()
    """
    params = [line.split() for line in said(scripts.graph(ENGINE + RADD, program))]
    assert [name for name, op, *_ in params if op == "param"] == [
        "model.layers[0].w[0]", "w", "n2", "model.layers[1].w[0]", "named[b]", "n5", "named[3]",
    ]  # fmt: skip


# --- the script ------------------------------------------------------------------------------


def test_the_script_runs_as_python_runs_it(scripts: Scripts) -> None:
    """Name, arguments, working folder, module path and files are those of `python script.py`."""
    look = """
        import os, sys
        print(__name__, sys.argv, os.getcwd() == os.path.dirname(os.path.abspath(__file__)))
        print(__file__, sys.path[0] == os.path.dirname(os.path.abspath(__file__)), __doc__)
        print(sys.modules["__main__"].__dict__ is globals(), sorted(globals()) == sorted(KNOWN))
    """
    known = "['__annotations__', '__builtins__', '__cached__', '__doc__', '__file__', "
    known += "'__loader__', '__name__', '__package__', '__spec__', 'os', 'sys']"
    scripts.write(look.replace("KNOWN", known))
    line = ["script.py", "a", "--steps", "3"]
    alone = subprocess.run(
        [sys.executable, *line], cwd=scripts.folder, capture_output=True, check=True, text=True
    )
    told = process("trace", "-o", "f.json", "--", *line, cwd=scripts.folder)
    assert told.out == alone.stdout
    assert told.status == 1
    assert "has no class like micrograd's Value" in told.err


def test_a_module_beside_the_script(scripts: Scripts) -> None:
    """An engine beside the script is called by its module, even where another is installed."""
    (scripts.folder / "micrograd").mkdir()
    scripts.write(name="micrograd/__init__.py")
    scripts.write(ENGINE, name="micrograd/engine.py")
    scripts.write("from micrograd.engine import Value\nx = Value(2.0)\n(x * x).backward()")
    told = process("trace", "script.py", "-o", "-", cwd=scripts.folder)
    assert json.loads(told.raw)["runs"][0]["origin"] == "micrograd.engine"
    assert "class micrograd.engine:Value" in told.err
    assert origin_of(Micrograd) == "micrograd 0.1.0"


BACKWARD = "x = Value(2.0)\ny = x * x\ny.backward()\n"


def test_the_output_of_the_script(shell: Shell) -> None:
    """It goes to standard output, and makes room there for the graph, or for JSON."""
    shell.write("s.py", f"{dedent(ENGINE)}\nprint('hello')\n{BACKWARD}")
    told = shell("trace", "s.py", "-o", "f.json")
    assert told.out.splitlines() == [
        "hello",
        "wrote     f.json: 2 nodes, output y",
        "engine    s.py, class __main__:Value",
        "backward  its only call",
        "agrees    mgraph computes the same 4 numbers",
    ]
    told = shell("trace", "s.py", "-o", "-")
    assert told.json == shell.document("f.json")
    assert told.err.startswith("hello\nwrote     standard output: 2 nodes")
    told = shell("trace", "s.py", "-o", "f.msgpack", "--json")
    assert told.err == "hello\n"
    assert told.json == {
        "file": "f.msgpack", "nodes": 2, "output": "y", "origin": "s.py",
        "class": "__main__:Value", "call": 0, "calls": 1, "numbers": 4, "agrees": True, "wrong": 0,
        "first": None, "stale": [],
    }  # fmt: skip
    assert mgraph.load(shell.path("f.msgpack")).runs == mgraph.load(shell.path("f.json")).runs


def failed(scripts: Scripts, end: str, *options: str) -> Said:
    """Trace a script that ends like this."""
    scripts.write(ENGINE, end)
    return process("trace", "script.py", "-o", "f.json", *options, cwd=scripts.folder)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("Value(2.0) + 'a'", "TypeError: "),
        ("def f(): return 1 / 0\nf()", "ZeroDivisionError: division by zero"),
        ("try:\n    1 / 0\nexcept Exception as e:\n    raise ValueError from e", "ValueError"),
        ("raise SystemExit('sorry')", "sorry"),
        ("import sys; sys.exit(3)", "exits with 3"),
        ("x = (", "SyntaxError"),
        ("x = 1\x00", "SyntaxError: source code string cannot contain null bytes"),
        ("raise SystemExit(0)", "backward was not called on __main__:Value"),
        ("x = Value(2.0)", "--output NAME"),
        ("x = Value(2.0)\nx.backward(1, 2, 3, 4)", "failed before any backward"),
    ],
)
def test_a_script_that_fails(scripts: Scripts, end: str, words: str) -> None:
    """Its traceback is its own; nothing was recorded, nothing is written, the status is 1."""
    told = failed(scripts, end)
    assert (told.status, told.out) == (1, "")
    assert words in told.err
    assert "nothing recorded" in told.err
    assert "mgraph/trace" not in told.err
    assert not (scripts.folder / "f.json").exists()


def test_a_script_that_fails_after_backward(scripts: Scripts) -> None:
    """What was recorded is written; the exit status tells of the failure."""
    told = failed(scripts, f"{BACKWARD}x + 'a'")
    assert told.status == 1
    assert "TypeError" in told.err
    assert "in wrapped" not in told.err
    assert "wrote     f.json" in told.out
    assert failed(scripts, f"{BACKWARD}raise SystemExit(0)").status == 0


def test_without_backward(scripts: Scripts) -> None:
    """`--output` takes a variable of the script, as the script leaves it."""
    told = failed(scripts, "x = Value(2.0)\nloss = x * x", "--output", "loss", "--input", "x")
    assert (told.status, told.err) == (0, "")
    graph = mgraph.load(scripts.folder / "f.json")
    assert said(graph) == ["x input 2.0", "loss mul x x"]
    assert dict(graph.runs[0].data or {}) == {"x": 2.0, "loss": 4.0}
    assert graph.runs[0].grad is None
    told = failed(scripts, "x = Value(2.0)\nloss = x * x", "--output", "los")
    assert told.status == 1
    assert 'did you mean "loss"?' in told.err


def test_wrong_command_lines(shell: Shell) -> None:
    """They are told with status 2: before the script runs, if possible."""
    shell.write("s.py", f"{dedent(ENGINE)}\nprint('hello')\n{BACKWARD}")
    for line, words in (
        (("s.py",), "Missing option '-o' / '--out'. For example: mgraph trace"),
        (("s.py", "-o", "f.txt"), "ends in .json or .msgpack"),
        (("s.py", "-o", "f.json", "--steps", "3"), "Options for the script go after --"),
        (("s.py", "-o", "f.json", "--call", "-1"), "-1 is not in the range x>=0"),
        (("s.py", "-o", "f.json", "--call", "0", "--output", "y"), "can't be combined"),
    ):
        told = shell("trace", *line)
        assert (told.status, told.raw) == (2, b""), line
        assert words in told.err
    told = shell("trace", "s.py", "-o", "f.json", "--call", "1")
    assert (told.status, told.out) == (2, "hello\n")
    assert "the script calls backward 1 time: --call 0 … 0" in told.err
    told = shell("trace", "s.py", "-o", "f.json", "--class", "nowhere:Value")
    assert told.status == 1
    assert "no class nowhere:Value" in told.err
    assert "__main__:Value" in told.err
    for line in (("nope.py", "-o", "f.json"), ("s.py", "-o", "nowhere/f.json")):
        told = shell("trace", *line)
        assert (told.status, told.raw) == (1, b"")
        assert "error[io]" in told.err
    assert shell.files() == ["s.py"]


# --- spellings -------------------------------------------------------------------------------


def test_every_op_can_be_spelled() -> None:
    """Each op that computes has a spelling, its own name among them; none has two meanings."""
    assert [*SPELLINGS] == [*OPS]
    names = [name for names in SPELLINGS.values() for name in names]
    assert len({*names}) == len(names)
    for op in OPS:
        found = meaning_of(op)
        assert found is not None
        assert (found.op, found.is_reflected) == (op, False)
    assert meaning_of("gelu") is None


@pytest.mark.parametrize(
    ("name", "op", "reflected"),
    [
        ("__add__", "add", False), ("__rsub__", "sub", True), ("__truediv__", "div", False),
        ("__rtruediv__", "div", True), ("__imul__", "mul", False), ("__rpow__", "pow", True),
        ("__neg__", "neg", False), ("__abs__", "abs", False), ("ReLU", "relu", False),
        ("ln", "log", False), ("arctan", "atan", False), ("maximum", "max", False),
    ],
)  # fmt: skip
def test_spellings(name: str, op: str, reflected: bool) -> None:  # noqa: FBT001
    """Operators, reflected ones, and what functions are usually called."""
    found = meaning_of(name)
    assert found is not None
    assert (found.op, found.is_reflected) == (op, reflected)


# --- the page --------------------------------------------------------------------------------


def test_the_page_shows_what_is_printed(tmp_path: Path) -> None:
    """docs/trace.md: its script, what is typed after it, and what its Python prints."""
    page = (HERE.parent / "docs" / "trace.md").read_text(encoding="utf-8")
    script, program = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "neuron.py").write_text(script, encoding="utf-8")
    lines = [*typed(page)]
    assert len(lines) == 3
    for line, shown in lines:
        assert in_shell(f"{{ {line}\n}} 2>&1", tmp_path).out == shown, line
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert f"```text\n{done.stdout}```" in page
