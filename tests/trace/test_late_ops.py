"""Ops that a script assigns to the class after its definition, or after Values were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mgraph
from tests.trace.test_record_blocks import micrograd_class
from tests.trace.test_trace import ENGINE, Scripts, said

if TYPE_CHECKING:
    from typing import Any

BARE = """
import math
class Value:
    def __init__(self, data, parents=()):
        self.data, self.grad, self.parents = data, 0.0, parents
a, b = Value(2.0), Value(-3.0)
def binary(f, slopes):
    def op(self, other):
        other = other if isinstance(other, Value) else Value(other)
        pair = slopes(self.data, other.data)
        return Value(f(self.data, other.data), [(self, pair[0]), (other, pair[1])])
    return op
for name, f, slopes in [
    ("__add__", lambda x, y: x + y, lambda x, y: (1.0, 1.0)),
    ("__mul__", lambda x, y: x * y, lambda x, y: (y, x)),
    ("__sub__", lambda x, y: x - y, lambda x, y: (1.0, -1.0)),
]:
    setattr(Value, name, binary(f, slopes))
c = a * b
def tanh(x):
    t = math.tanh(x.data)
    return Value(t, [(x, 1 - t * t)])
Value.tanh = tanh
d = c - a + 7.5
e = d.tanh()
def backward(self, grad=1.0):
    self.grad += grad
    for parent, slope in self.parents:
        parent.backward(slope * grad)
Value.backward = backward
e.backward()
"""


def test_ops_that_are_assigned_to_the_class(scripts: Scripts) -> None:
    """Operators in a loop, a method and backward, all after the first Values."""
    graph = scripts.graph(BARE)
    assert said(graph) == [
        "a param 2.0", "b param -3.0", "c mul a b", "n3 sub c a", "n4 const 7.5", "d add n3 n4",
        "e tanh d",
    ]  # fmt: skip
    assert graph.runs[0].grad is not None


def test_ops_without_a_name_of_their_own(scripts: Scripts) -> None:
    """Lambdas, and functions that share their code, are told apart by where they are assigned."""
    more = """
        x = Value(0.5)
        def unary(f, slope):
            def op(self):
                out = Value(f(self.data), (self,))
                def _backward():
                    self.grad += slope(self.data) * out.grad
                out._backward = _backward
                return out
            return op
        for name, f, slope in [
            ("sin", math.sin, math.cos), ("cos", math.cos, lambda x: -math.sin(x)),
            ("exp", math.exp, math.exp),
        ]:
            setattr(Value, name, unary(f, slope))
        sinh = unary(math.sinh, math.cosh)
        Value.__neg__ = lambda self: self * -1
        y = x.sin() + x.cos() * x.exp() + sinh(x)
        z = -(-y)
        z.backward()
    """
    shown = said(scripts.graph(ENGINE, more))
    assert [line.split()[1] for line in shown[-2:]] == ["neg", "neg"]
    assert [line for line in shown if "const" not in line and "mul" not in line[:6]][:6] == [
        "x param 0.5", "n1 sin x", "n2 cos x", "n3 exp x", "n5 add n1 n4", "n6 sinh x",
    ]  # fmt: skip


def test_an_op_that_is_replaced(scripts: Scripts) -> None:
    """An op that the script replaces by its own function is still the op."""
    more = """
        x, y = Value(2.0), Value(3.0)
        z = x * y
        def product(a, b):
            out = Value(a.data * b.data, (a, b))
            def _backward():
                a.grad += b.data * out.grad
                b.grad += a.data * out.grad
            out._backward = _backward
            return out
        Value.__mul__ = product
        w = z * x
        w.backward()
    """
    assert said(scripts.graph(ENGINE, more))[2:] == ["z mul x y", "w mul z x"]


def test_an_op_that_is_assigned_in_a_block() -> None:
    """Also while `mgraph.record` records; afterwards the class has what the program assigned."""
    value = micrograd_class()

    def tanh(self: Any) -> Any:  # noqa: ANN401
        """Return 0.5 for any Value, with the slope 2."""
        out = value(0.5, (self,), "")

        def push() -> None:
            self.grad += 2.0 * out.grad

        out._backward = push  # noqa: SLF001
        return out

    with mgraph.record(value) as recording:
        x = value(3.0)
        value.tanh = tanh
        for _ in range(2):  # once as it was assigned, and once wrapped
            y = x.tanh() * x
        y.backward()
    graph = recording.graph(names={"x": x, "y": y})
    assert [line.split()[1] for line in said(graph)] == ["param", "tanh", "mul"]
    assert value.tanh is tanh
    assert dict(graph.runs[0].grad or {})["x"] == 6.5  # 2 * 3 + 0.5, as the engine has it


def test_functions_instead_of_a_class(scripts: Scripts) -> None:
    """A class without any method, and functions that put closures on a tape."""
    program = """
        TAPE = []
        class Num:
            __slots__ = ("v", "g", "__weakref__")
            def __init__(self, v):
                self.v, self.g = v, 0.0
        def add(a, b):
            out = Num(a.v + b.v)
            def push():
                a.g += out.g
                b.g += out.g
            TAPE.append(push)
            return out
        def mul(a, b):
            one = Num(1.0)
            out = Num(one.v * a.v * b.v)
            def push():
                a.g += b.v * out.g
                b.g += a.v * out.g
            TAPE.append(push)
            return out
        def tanh(x):  # it has the name of an op, and computes something else
            one = Num(1.0)
            return add(mul(x, x), one)
        def run_backward(root):
            root.g = 1.0
            for push in reversed(TAPE):
                push()
        def main():
            w, x, b = Num(0.5), Num(3.0), Num(0.25)
            y = add(mul(w, x), b)
            run_backward(tanh(y))
        main()
    """
    graph = scripts.graph(program)
    assert said(graph) == [
        "w param 0.5", "x param 3.0", "b param 0.25", "n3 mul w x", "y add n3 b",
        "one param 1.0", "n6 mul y y", "n7 add n6 one",
    ]  # fmt: skip
    # y = 1.75, and d(y² + 1)/dw = 2yx
    assert (graph.runs[0].grad or {})["w"] == 10.5
