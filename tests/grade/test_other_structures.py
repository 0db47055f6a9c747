"""What is said of engines that are built in another way than the lecture's."""

from __future__ import annotations

from typing import Final

import pytest

from mgraph.grade.outcomes import Verdict
from tests.grade.test_learners import BASE, reported, said, unary, with_methods


def test_wrong_values_beside_a_wrong_rule_of_a_part() -> None:
    """What div passes on doesn't make tanh overflow, although tanh is made of exp and div."""
    power = """
        def __pow__(self, k):
            out = Value(self.data**k, (self,))
            def _backward():
                self.grad += k * self.data ** (k - 1) * out.grad
            out._backward = _backward
            return out
        def __truediv__(self, other):
            return other**-1 if self.data == 1 else self * other**-1
        def tanh(self):
            e = (self * 2.0).exp()
            return (e - 1.0) / (e + 1.0)
    """
    exp = unary("exp", "math.exp(x) if x < 709 else math.inf", "self.grad += out.data * out.grad")
    titles = "op-add op-mul op-sub op-div op-exp op-tanh inside-tanh seven-over-two overflow-tanh"
    report = reported(with_methods(power, exp), titles)
    (cause,) = (each for each in report.causes if each.op == "div")
    assert [outcome.case.title for outcome in cause.cases] == ["seven-over-two"]
    assert not cause.victims


def test_hashes_of_all_operands() -> None:
    """A hash that follows the operands ends; it only becomes too deep in long chains."""
    source = BASE.replace("= lambda: None", "= lambda: None\n        hash(self)", 1)
    source += "\n    def __hash__(self):\n        return hash((id(self), self.prev))\n"
    says = said(source, "op-add op-mul op-sub chain-100 chain-2000")
    assert [*says] == [("depth", "")]
    assert "it crashes on a chain of 2,000 ops, but not on one of 100" in says["depth", ""]


def test_backward_that_goes_through_what_crashes_left() -> None:
    """A long chain leaves its nodes on a tape; the call for each of them does end."""
    source = BASE.replace("= lambda: None", "= lambda: None\n        Value.tape.append(self)", 1)
    source += """
    tape = []
    def backward(self):
        self.grad = 1.0
        def go():
            if Value.tape:
                Value.tape.pop()._backward()
                go()
        go()
"""
    says = said(source, "op-add chain-2000 convention-unreached")
    assert [*says] == [("error", "")]
    assert says["error", ""].startswith("go calls itself until Python gives up (engine.py")


@pytest.mark.parametrize("ops", [["max", "min"], ["max"], ["min"]])
def test_equal_operands_that_both_get_all(ops: list[str]) -> None:
    """Who compares with `>=` in max compares with `<=` in min; both are one mistake."""
    methods = [
        f"""
        def {op}(self, other):
            out = Value({op}(self.data, other.data), (self, other))
            def _backward():
                self.grad += (out.data == self.data) * out.grad
                if out.data == other.data and ({op in ops} or out.data != self.data):
                    other.grad += out.grad
            out._backward = _backward
            return out
        """
        for op in ("max", "min")
    ]
    titles = "op-max op-min convention-max-of-equals convention-min-of-equals op-add op-mul op-sub"
    (cause,) = reported(with_methods(*methods), titles).causes
    whose = "max and min pass all of their" if len(ops) > 1 else f"{ops[0]} passes all of its"
    assert cause.says == f"{whose} gradient on to each of two operands that are equal"
    assert cause.op == ("" if len(ops) > 1 else ops[0])


def test_backward_that_fails_with_integers() -> None:
    """An array of integers can't take a fraction; with floats, the same ops work."""
    divided = """
        def __truediv__(self, other):
            out = Value(self.data / other.data, (self, other))
            def _backward():
                if isinstance(other.data, int):
                    raise TypeError("Cannot cast 'add' output from float64 to int64")
                self.grad += out.grad / other.data
                other.grad -= self.data / other.data**2 * out.grad
            out._backward = _backward
            return out
    """
    says = said(with_methods(divided), "op-div op-mul op-add seven-over-two whole-numbers")
    (sentence,) = says.values()
    assert sentence.startswith("backward raises TypeError: Cannot cast")
    assert sentence.endswith("seen only where Values are made of integers")


ASKED: Final = """
class Value:
    def __init__(self, data):
        self.data, self.users, self.known = data, [], None
    def __add__(self, other):
        out = Value(self.data + other.data)
        self.users.append((1.0, out))
        other.users.append((1.0, out))
        return out
    def __mul__(self, other):
        out = Value(self.data * other.data)
        self.users.append((other.data, out))
        other.users.append((self.data, out))
        return out
    def __sub__(self, other):
        out = Value(self.data - other.data)
        self.users.append((1.0, out))
        other.users.append((-1.0, out))
        return out
    def grad(self):
        if self.known is None:
            self.known = sum(slope * out.grad() for slope, out in self.users)
        return self.known
    def backward(self):
        self.known = 1.0
"""


def test_gradients_that_are_computed_once() -> None:
    """A Value whose gradient was asked for before there was a graph isn't taken for the first."""
    report = reported(ASKED, "first-of-all op-sub op-add op-mul")
    assert [x.outcome for x in report.outcomes if x.case.is_first] == [Verdict.OK]
