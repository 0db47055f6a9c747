"""Names of nodes: from where a Value was made, from variables that hold it, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mgraph.errors import GraphError
from mgraph.trace.sites import loop_variables
from tests.trace.test_trace import ENGINE, RADD, Scripts, said

if TYPE_CHECKING:
    from types import CodeType


def names(scripts: Scripts, program: str) -> list[str]:
    """Return the ids of the last graph of a program."""
    return [line.split()[0] for line in said(scripts.graph(ENGINE + RADD, program))]


def test_a_variable_that_a_loop_left_over(scripts: Scripts) -> None:
    """It names nothing: the parameter has its path, and a Value without one a number."""
    program = """
        class Neuron:
            def __init__(self):
                self.w, self.b = [Value(1.0), Value(2.0)], Value(3.0)
            def parameters(self):
                return [*self.w, self.b]
        n = Neuron()
        for step in range(2):
            x, t = Value(0.5), Value(0.25)
            total = n.w[0] * x + n.w[1] * t + n.b
            for hidden in [[Value(4.0)]]:
                total = total + hidden[0]
            for p in n.parameters():
                p.grad = 0.0
            total.backward()
            for i, (p, q) in enumerate(zip(n.parameters(), n.parameters())):
                p.data -= 0.1 * q.grad
        for left in [n.w[1], total]:
            pass
    """
    expected = ["n.w[0]", "n.w[1]", "n.b", "x", "t", "n5", "n6", "n7", "n8", "n9", "total"]
    assert names(scripts, program) == expected


def test_the_variable_of_the_line(scripts: Scripts) -> None:
    """A Value has the name to which its line assigned it, though others hold it, or none does."""
    program = """
        a = Value(2.0)
        alias = a
        b = c = Value(3.0)
        d, e = a * b, a + b
        if (f := d * e) is not None:
            g = f * a
        x = Value(1.0)
        h: Value = g + x
        for x in [a, b]:
            pass
        last = h * h
        kept = [last]
        last = None
        kept[0].backward()
    """
    assert names(scripts, program) == ["a", "b", "d", "e", "f", "g", "x", "h", "last"]


def test_variables_of_functions(scripts: Scripts) -> None:
    """They name what only one node was assigned to, and the output."""
    program = """
        def affine(x, w):
            product = x * w
            return product + w
        def loss_of(x, ws):
            for w in ws:
                x = affine(x, w)
            scale = Value(0.5)
            error = x * scale
            loss = sum([error, error])
            return loss
        def train():
            first, second = Value(2.0), Value(3.0)
            loss_of(Value(1.0), [first, second]).backward()
        train()
    """
    shown = names(scripts, program)
    assert "scale" in shown
    assert "error" in shown
    assert shown[:2] == ["first", "second"]
    assert shown[-1] == "loss"
    assert not {"product", "x", "w"} & {*shown}


def test_names_of_a_loop_of_training(scripts: Scripts) -> None:
    """Each graph of a loop has the names that its own line gave."""
    program = """
        w = Value(3.0)
        for step in range(3):
            w.grad = 0.0
            error = w * w
            loss = error * error
            loss.backward()
    """
    for call in range(3):
        graph = scripts.trace(ENGINE, program, call=call).graph(None, ())
        assert said(graph) == ["w param 3.0", "error mul w w", "loss mul error error"]


IN_A_FUNCTION = """
    def error_of(x, w):
        return x * w
    def train(steps):
        w = Value(3.0)
        for step in range(steps):
            w.grad = 0.0
            loss = error_of(Value(2.0), w)
            loss.backward()
            other = None
    train(2)
"""


def test_the_output_has_the_name_of_who_holds_it(scripts: Scripts) -> None:
    """A Value that a function returned is called what it was called where backward was called."""
    assert names(scripts, IN_A_FUNCTION) == ["w", "n1", "loss"]
    beside = """
        def backward(loss):
            loss.backward()
        def train():
            w = Value(3.0)
            error = (lambda: w * w)()
            backward(error)
        train()
    """
    assert names(scripts, beside) == ["w", "error"]
    taken = "loss = Value(1.0)\nkept = [lambda loss=loss: loss * loss]\nkept[0]().backward()"
    assert names(scripts, taken) == ["loss", "n1"]
    method = """
        def go_on(self):
            self.backward()
        Value.go_on = go_on
        (lambda: Value(1.0) * Value(2.0))().go_on()
    """
    assert names(scripts, method) == ["n0", "n1", "n2"]


def test_the_output_is_a_variable_of_a_function(scripts: Scripts) -> None:
    """`--output` finds it, too, if the last backward was called on it; others it lists."""
    traced = scripts.trace(ENGINE, IN_A_FUNCTION)
    assert traced.graph("loss", ()).outputs == ("loss",)
    assert traced.recording.call == 1
    for name, fix in (("los", 'did you mean "loss"?'), ("other", "without --output, the last")):
        with pytest.raises(GraphError, match="no global variable") as caught:
            traced.graph(name, ())
        (fault,) = caught.value.diagnostics
        assert (fault.expected, fault.fix.startswith(fix)) == ("loss", True), name


def code_of(source: str) -> CodeType:
    """Compile a program."""
    return compile(source, "program.py", "exec")


def test_what_is_a_variable_of_a_loop() -> None:
    """A name that is bound by loops only; targets may be nested, starred, or no names."""
    loops = """
for a, (b, *c), [d] in []: e = 1
for f.x in []: g = 2
for h in []: pass
h = 3
i = [j for j in []]
for k, k[0], l.m in []: n = 4
"""
    assert {*loop_variables(code_of(loops))} == {"a", "b", "c", "d", "k"}
    assert {*loop_variables(code_of("x = 1\nfor x in []: pass"))} == set()
