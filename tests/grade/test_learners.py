"""What is said of mistakes, and of habits that are none, that were met in engines of learners."""

from __future__ import annotations

import tempfile
from pathlib import Path
from textwrap import dedent, indent
from typing import TYPE_CHECKING, Final

import pytest

from mgraph.grade.outcomes import Verdict
from mgraph.grade.processes import PythonEngine, ResourceLimits
from mgraph.grade.runner import make_report, run_python_engine
from tests.engines.__main__ import cases

if TYPE_CHECKING:
    from mgraph.grade.runner import Report

BASE: Final = """
import math

class Value:
    def __init__(self, data, prev=()):
        self.data, self.grad, self.prev = data, 0.0, tuple(prev)
        self._backward = lambda: None

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))
        def _backward():
            self.grad += out.grad
            other.grad += out.grad
        out._backward = _backward
        return out

    __radd__ = __add__

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other))
        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out._backward = _backward
        return out

    __rmul__ = __mul__

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return (-self) + other

    def backward(self):
        order, seen = [], set()
        def visit(node):
            if node not in seen:
                seen.add(node)
                for child in node.prev:
                    visit(child)
                order.append(node)
        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            node._backward()
"""  # fmt: skip


def unary(name: str, value: str, passed: str) -> str:
    """Return a method with one operand: its value, from x, and what its backward does."""
    return f"""
def {name}(self):
    x = self.data
    out = Value({value}, (self,))
    def _backward():
        {passed}
    out._backward = _backward
    return out
"""


def with_methods(*methods: str) -> str:
    """Return the engine with further methods, or others in place of its own."""
    return BASE + "".join(indent(dedent(method), "    ") for method in methods)


def reported(source: str, titles: str) -> Report:
    """Grade an engine with some graphs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "engine.py")
        path.write_text(source, encoding="utf-8")
        engine = PythonEngine(f"{path}:Value", {}, "", ResourceLimits())
        chosen = [case for case in cases() if case.title in titles.split()]
        assert len({case.title for case in chosen}) == len(titles.split())
        return make_report({}, list(run_python_engine(chosen, engine)))


def said(source: str, titles: str) -> dict[tuple[str, str], str]:
    """Return what is said of an engine, by cause and op."""
    return {(cause.id, cause.op): cause.says for cause in reported(source, titles).causes}


@pytest.mark.parametrize(
    "passed",
    ["self.grad += 1 - out.data**2 * out.grad", "self.grad += out.grad * 1 - out.data**2"],
)
def test_tanh_without_brackets(passed: str) -> None:
    """Whether the upstream gradient is the last factor or the first, the brackets are missing."""
    says = said(with_methods(unary("tanh", "math.tanh(x)", passed)), "op-tanh inside-tanh")
    assert [*says] == [("slope", "tanh")]
    assert "as if brackets were missing: that is 1 - y·y" in says["slope", "tanh"]


@pytest.mark.parametrize(
    "passed",
    ["self.grad += n * x ** n - 1 * out.grad", "self.grad += out.grad * n * x ** n - 1"],
)
def test_a_power_without_brackets(passed: str) -> None:
    """In `n * x ** n - 1 * out.grad`, the gradient is a factor of the 1 only."""
    power = unary("__pow__", "x ** n", passed).replace("(self):", "(self, n):")
    says = said(with_methods(power), "inside-pow x-squared x-cubed")
    assert [*says] == [("slope", "pow")]
    assert "as if brackets were missing: that is b·a^(b-1)" in says["slope", "pow"]


def test_an_op_that_overflows_far_below_zero() -> None:
    """The exponential of -x overflows where x is negative."""
    sigmoid = unary(
        "sigmoid", "1 / (1 + math.exp(-x))", "self.grad += out.data * (1 - out.data) * out.grad"
    )
    says = said(with_methods(sigmoid), "overflow-sigmoid op-sigmoid")
    assert "from about x = -800 on" in says["overflow", "sigmoid"]


def test_the_first_value_is_not_used_before() -> None:
    """A backward that wants a seed is tried out, but not on the Value that the first graph has."""
    by_seed = """
        def backward(self, seed):
            self.grad += seed
            for child, slope in self.slopes():
                child.backward(slope * seed)
        def slopes(self):
            if self.op == "*":
                return zip(self.prev, [each.data for each in reversed(self.prev)])
            return [(each, 1.0) for each in self.prev]
        def __mul__(self, other):
            other = other if isinstance(other, Value) else Value(other)
            out = Value(self.data * other.data, (self, other))
            out.op = "*"
            return out
        def __add__(self, other):
            return Value(self.data + other.data, (self, other))
        op = ""
    """
    report = reported(with_methods(by_seed), "first-of-all op-mul")
    assert not report.causes
    assert not any(outcome.failed for outcome in report.outcomes)


def test_a_broken_op_is_not_said_to_be_reflected() -> None:
    """Where 2 / x fails because it calls a power, and all powers fail, it is the power."""
    broken = """
        def __pow__(self, n):
            assert insintance(n, (int, float))
        def __truediv__(self, other):
            return self * other**-1
        def __rtruediv__(self, other):
            return other * self**-1
    """
    says = said(with_methods(broken), "2-over-x x-over-2 x-squared op-mul")
    assert [*says] == [("error", "pow")]
    assert says["error", "pow"].startswith("pow raises NameError: name 'insintance'")


def test_an_op_without_return() -> None:
    """An op that gives None didn't raise an error."""
    lost = unary("exp", "math.exp(x)", "self.grad += out.data * out.grad")
    says = said(with_methods(lost.replace("    return out\n", "")), "op-exp op-mul")
    assert says["error", "exp"] == "exp gives None instead of a Value, as if a return were missing"


def test_an_op_that_gives_a_number() -> None:
    """An op that gives a number didn't raise an error, nor did one with a number on the left."""
    relu = "def relu(self):\n    return max(0.0, self.data)\n"
    radd = "def __radd__(self, other):\n    return other + self.data\n"
    says = said(with_methods(relu, radd), "op-relu 2-plus-x x-plus-2 op-mul op-add")
    assert [*says.values()] == ["2 + x, relu give a float instead of a Value"]


def test_static_methods() -> None:
    """A function of the operand may stand in the class as a static method."""
    static = """
        @staticmethod
        def exp(x):
            out = Value(math.exp(x.data), (x,))
            def _backward():
                x.grad += out.data * out.grad
            out._backward = _backward
            return out
    """
    outcomes = reported(with_methods(static), "op-exp inside-exp").outcomes
    assert [outcome.outcome for outcome in outcomes] == ["ok"] * len(outcomes)


def test_an_op_that_returns_its_operand() -> None:
    """The gradient of an operand is not that of an op that returns it as it is."""
    relu = "def relu(self):\n    return self if self.data > 0.0 else Value(0.0)\n"
    report = reported(with_methods(relu), "op-relu around-relu inside-relu only-through-relu")
    assert not any(outcome.failed for outcome in report.outcomes)


def test_ops_without_a_backward_beside_gradients_that_are_set() -> None:
    """An op that has no backward overwrites nothing, although all others do."""
    lost = "def __sub__(self, other):\n    return Value(self.data - other.data, (self, other))\n"
    source = with_methods(lost).replace("grad +=", "grad =")
    titles = (
        "op-sub difference-of-equals diamond diamond-turned ladder x-plus-x x-minus-x "
        "short-way-first short-way-last directly-and-through shared-weight inner-node-minus-itself "
        "added-up op-mul op-add"
    )
    says = said(source, titles)
    assert {*says} == {("overwritten", ""), ("no-gradient", "sub")}


def test_what_is_added_in_the_local_derivative_only() -> None:
    """The value is that of the logarithm."""
    log = unary("log", "math.log(x)", "self.grad += out.grad / (x + 1e-8)")
    says = said(with_methods(log), "op-log inside-log")
    assert says == {("slope", "log"): "log adds 1e-08 to an operand in its local derivative"}


def test_a_gradient_is_no_bound_of_its_own() -> None:
    """One gradient is wrong, in single precision; it isn't said to be clipped at just that."""
    pytest.importorskip("numpy")
    shifted = "(x + np.float32(1e-8))"
    log = unary("log", f"np.log{shifted}", f"self.grad += out.grad / {shifted}")
    source = with_methods(log).replace("= data, 0.0,", "= np.float32(data), np.float32(0.0),")
    says = said(source.replace("import math", "import numpy as np"), "op-log inside-log op-mul")
    assert [*says] == [("precision", "")]


def test_an_op_that_others_show_to_be_right_is_not_blamed() -> None:
    """Each node asks its users for its gradient; it takes those not yet asked for 1, and adds 1.

    The first graphs show that every gradient starts at 1, and with that, products come out right.
    """
    asked = """
        def __init__(self, data, *pairs):
            self.data, self.grad, self.users, self.pairs = data, None, [(1.0, self)], pairs
            for slope, child in pairs:
                child.users.append((slope, self))
        def __add__(self, other):
            return Value(self.data + other.data, (1.0, self), (1.0, other))
        def __mul__(self, other):
            return Value(self.data * other.data, (other.data, self), (self.data, other))
        def backward(self):
            if self.grad is None:
                gots = [(slope, user.grad) for slope, user in self.users]
                self.grad = sum(slope * (1.0 if got is None else got) for slope, got in gots)
            for _, child in self.pairs:
                child.backward()
    """
    titles = (
        "op-add op-sum added-up-by-plus same-term-twice sum-with-repeats x-plus-x op-mul "
        "large-gradients diamond diamond-turned inner-node-plus-itself row-of-diamonds "
        "shared-weight added-up x-times-x output-gradient"
    )
    assert not [cause for cause, _ in said(with_methods(asked), titles) if cause == "slope"]


@pytest.mark.parametrize("kept", ["tuple(prev)", "set(prev)"])
def test_a_node_that_is_added_to_the_order_each_time_it_is_met(kept: str) -> None:
    """The line that adds it stands after the `if`, not in it."""
    source = BASE.replace("tuple(prev)", kept)
    appended = "                order.append(node)\n"
    assert appended in source
    source = source.replace(appended, appended[4:])
    titles = (
        "diamond diamond-turned row-of-diamonds added-up-by-plus directly-and-through ladder "
        "inner-node-plus-itself x-plus-x op-mul short-way-first short-way-last"
    )
    says = said(source, titles)
    assert [*says] == [("twice", "")]
    assert "as if a line were indented too little" in says["twice", ""]


def test_a_mistake_that_shows_in_one_order_of_a_set_only() -> None:
    """`n - n` is made of `n + -n`: without a visited check it is right if n is visited after -n."""
    source = BASE.replace("tuple(prev)", "set(prev)").replace("node not in seen", "True")
    titles = (
        "inner-node-minus-itself diamond diamond-turned ladder inner-node-plus-itself op-mul "
        "short-way-first short-way-last row-of-diamonds doubled-and-used-again"
    )
    report = reported(source, titles)
    assert [cause.id for cause in report.causes] == ["twice"]
    unsteady = [each for each in report.outcomes if each.outcome == Verdict.NOT_REPRODUCIBLE]
    assert unsteady
    assert all(each.cause == "twice" for each in report.outcomes if each.failed)


def test_a_number_under_an_unusual_name() -> None:
    """It is named, with the option that tells where it is; other attributes may be anything."""
    source = BASE.replace("self.data,", "self.label, self.metrics,", 1).replace(
        "= data, 0.0,", "= 'x', data, 0.0,"
    )
    says = said(source.replace(".data", ".metrics"), "op-mul")["error", ""]
    assert "has its number in metrics, which is not a usual name for it: --op data=metrics" in says


def test_cases_that_fail_only_by_rounding_are_evidence() -> None:
    """If sigmoid alone overwrites in single precision, other ops of one operand aren't said to."""
    passed = "self.grad = (1 - out.data) * out.data * out.grad"
    engine = with_methods(
        unary("sigmoid", "1 / (1 + numpy.exp(-x))", passed),
        unary("relu", "x if x > 0 else x * 0", "self.grad += (x > 0) * out.grad"),
    )
    single = "import numpy\n" + engine.replace("= data, 0.0", "= numpy.float32(data), 0.0")
    titles = "op-sigmoid inside-sigmoid only-through-sigmoid sigmoid-far-out overflow-sigmoid"
    titles += " overflow-sigmoid-single op-relu inside-relu around-relu tenths many-digits"
    says = said(single, titles)
    assert ("overwritten", "sigmoid") in says
    assert ("overwritten", "") not in says


def test_a_name_that_is_missing_in_an_op_and_in_the_backward_of_another() -> None:
    """The other op's own backward raises the error; it doesn't use the first op."""
    engine = with_methods(
        unary("exp", "maths.exp(x)", "self.grad += out.data * out.grad"),
        unary("sqrt", "x ** 0.5", "self.grad += out.grad / (2 * maths.sqrt(x))"),
    )
    report = reported(engine, "op-add op-exp inside-exp op-sqrt inside-sqrt")
    (cause,) = report.causes
    assert cause.says.startswith("exp, backward raise NameError: name 'maths' is not defined")
    assert not cause.victims
    assert not cause.op


def test_backward_of_the_operand_in_every_op() -> None:
    """Only the last of several ops with the same first operand passes its gradient on."""
    engine = with_methods(
        unary("tanh", "math.tanh(x)", "self.grad += (1 - out.data**2) * out.grad")
    )
    engine = engine.replace("out._backward = _backward", "self._backward = _backward")
    titles = (
        "op-add op-mul op-tanh x-plus-x x-times-x inside-plus-minus-times inside-tanh diamond "
        "diamond-turned added-up shared-weight recurrent one-neuron 2-times-x made-after-the-output"
    )
    report = reported(engine, titles)
    (cause,) = report.causes
    assert (cause.id, cause.op) == ("no-gradient", "")
    assert "each op set _backward of that operand" in cause.says
    assert all(outcome.cause for outcome in report.outcomes if outcome.failed)


def test_backward_of_the_operand_in_ops_of_one_operand() -> None:
    """Such ops replace what their operand passes on; a binary op with a number isn't one."""
    methods = (
        unary("tanh", "math.tanh(x)", "self.grad += (1 - out.data**2) * out.grad"),
        unary("exp", "math.exp(x)", "self.grad += out.data * out.grad"),
    )
    late = (
        each.replace("out._backward = _backward", "self._backward = _backward") for each in methods
    )
    titles = (
        "op-add op-mul op-tanh op-exp x-plus-2 x-times-2 inside-exp inside-tanh only-through-exp "
        "tanh-by-exp one-neuron recurrent one-node-through-several-ops diamond x-plus-x"
    )
    (cause,) = reported(with_methods(*late), titles).causes
    assert (cause.id, cause.op) == ("no-gradient", "")
    assert cause.says.startswith("ops of one operand set _backward of that operand")


def test_a_reflected_method_that_uses_one_that_is_missing() -> None:
    """``2 - x`` is ``2 + (-x)`` here: the method for it is right, and __radd__ is missing."""
    engine = BASE.replace("__radd__ = __add__", "").replace("(-self) + other", "other + (-self)")
    (cause,) = reported(engine, "op-add op-sub 2-plus-x 2-minus-x 2-times-x").causes
    assert (cause.id, cause.op) == ("reflected", "add")
    assert "__rsub__" not in cause.says
    assert [*cause.victims] == ["sub"]
