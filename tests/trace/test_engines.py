"""Recording engines of every kind, and finding which class is the engine."""

from __future__ import annotations

import gc
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import mgraph
from mgraph.errors import GraphError
from mgraph.trace.capture import disagreements
from mgraph.trace.classes import is_value_like
from tests.trace.test_trace import ENGINE, UNARY, Micrograd, Scripts, said

if TYPE_CHECKING:
    from pathlib import Path


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
    """Where the engine has None, the run says nothing; where it has a Value, its data counts.

    A run with the values of all nodes would say that z has no gradient: that of a leaf is left out.
    """
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
    assert dict(run.data or {}) == {"y": 3.0, "z": 6.0, "n3": 5.0, "o": 30.0}


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
    """Recording, capturing and forgetting 30,000 operations recurses nowhere."""
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
        for _ in range(30_000):
            x = x + 1
        x.backward()
    """
    traced = scripts.trace(engine)
    graph = traced.graph(None, ())
    assert len(graph) == 60_001
    del traced, graph
    gc.collect()


@pytest.mark.parametrize("slots", ["", '__slots__ = ("data", "grad", "_prev", "_backward")'])
def test_what_is_dead_is_forgotten(scripts: Scripts, slots: str) -> None:
    """After a loop only what lives is remembered, however much was computed."""
    engine = ENGINE.replace("class Value:", f"class Value:\n    {slots or 'pass'}")
    program = """
        import gc
        w = Value(1.0)
        for step in range(12):
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
    with pytest.raises(GraphError, match="1 call, counted from 0"):
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
