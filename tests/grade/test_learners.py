"""What is said of mistakes, and of habits that are none, that were met in engines of learners."""

from __future__ import annotations

import tempfile
from pathlib import Path
from textwrap import dedent, indent
from typing import TYPE_CHECKING, Final

import pytest

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


@pytest.mark.parametrize("given", ["", ", require_grad=False"])
def test_leaves_ask_for_their_gradients(given: str) -> None:
    """The attribute that says whether a Value gets a gradient is set, or the argument given."""
    kept = "require_grad" if given else "False"
    engine = BASE.replace("prev=()):", f"prev=(){given}):\n        self.require_grad = {kept}")
    for each in ("self", "other"):
        engine = engine.replace(
            f"    {each}.grad +=", f"    if {each}.require_grad: {each}.grad +="
        )
    engine = engine.replace("return out", "out.require_grad = True\n        return out")
    report = reported(engine, "op-add op-mul x-plus-x x-times-2 diamond")
    assert not report.causes


def test_a_quotient_that_passes_on_one_over_its_first_operand() -> None:
    """What goes to the divisor is 1/a, which isn't -a/b² with other operands."""
    div = """
    def __truediv__(self, other):
        out = Value(self.data / other.data, (self, other))
        def _backward():
            self.grad += out.grad / other.data
            other.grad += out.grad / self.data
        out._backward = _backward
        return out
    """
    says = said(with_methods(dedent(div)), "op-div inside-div seven-over-two x-over-x op-mul")
    assert says == {("slope", "div"): "div has 1/a: its local derivative is -y/b"}


def test_a_result_whose_backward_hides_that_of_its_class() -> None:
    """It is seen directly, so that another mistake can be told from the other graphs."""
    tanh = unary("tanh", "math.tanh(x)", "self.grad += (1 - out.data**2) * out.grad")
    exp = unary("exp", "math.exp(x)", "self.grad += out.grad")
    engine = with_methods(tanh.replace("out._backward =", "out.backward ="), exp)
    titles = "op-add op-mul op-tanh inside-tanh one-neuron recurrent op-exp inside-exp x-plus-x"
    says = said(engine, titles)
    assert says.keys() == {("no-gradient", "tanh"), ("inner", "exp")}
    assert says["no-gradient", "tanh"].startswith("tanh sets backward of the result")


def test_a_backward_for_each_result() -> None:
    """If each result has its own, which calls those of its operands, that is how it works."""
    engine = BASE.replace("out._backward =", "out.backward =")
    engine = engine.replace("other.grad += out.grad\n", "other.grad += out.grad\n{calls}")
    engine = engine.replace("self.data * out.grad\n", "self.data * out.grad\n{calls}")
    calls = "            self.backward()\n            other.backward()\n"
    engine = engine.replace("{calls}", calls).partition("    def backward")[0]
    engine += "    def backward(self):\n        pass\n"
    engine += "\n    def relu(self):\n        return Value(max(0.0, self.data), (self,))\n"
    says = said(engine, "op-add op-mul op-relu x-plus-x diamond added-up inside-plus-minus-times")
    assert not any("hides the backward" in sentence for sentence in says.values())


def test_a_method_that_results_replace() -> None:
    """Each result has its own _backward in place of the class's, which is for leaves."""
    engine = BASE.replace("        self._backward = lambda: None\n", "")
    engine += "\n    def _backward(self):\n        pass\n"
    engine += indent(dedent("""
        def relu(self):
            return Value(max(0.0, self.data), (self,))
    """), "    ")  # fmt: skip
    says = said(engine, "op-add op-mul op-relu inside-relu around-relu x-plus-x diamond")
    assert says == {("no-gradient", "relu"): "relu passes nothing on"}


def test_an_operand_that_is_counted_once_or_raises_an_error() -> None:
    """``x + x`` counts once where operands are in a set, but ``x * x`` can't be unpacked there."""
    step = """
    def step(self):
        if self.op == "+":
            for child in self.prev:
                child.grad += self.grad
        elif self.op == "*":
            a, b = self.prev
            a.grad += self.grad * b.data
            b.grad += self.grad * a.data
    """
    engine = (
        with_methods(step)
        .replace("tuple(prev)", "set(prev)")
        .replace("node._backward", "node.step")
    )
    for symbol in "+*":
        made = f"self.data {symbol} other.data, (self, other))\n"
        engine = engine.replace(made, f"{made}        out.op = '{symbol}'\n")
    engine = engine.replace("self._backward = lambda: None", "self.op = ''")
    says = said(
        engine,
        "op-add op-mul x-plus-x x-times-x inner-node-plus-itself sum-with-repeats shared-weight",
    )
    assert (
        says["repeated", ""] == "an operand that is used twice, as in x + x, is counted only once"
    )
    assert says["error", ""].startswith("backward raises ValueError: not enough values to unpack")


def test_an_op_that_gives_complex_numbers() -> None:
    """`cmath.log` gives a complex number for a positive one, too."""
    log = unary("log", "__import__('cmath').log(x)", "self.grad += out.grad / x")
    says = said(with_methods(log), "op-add op-log inside-log op-mul")
    assert says == {("value", "log"): "the data of what log gives is not a number but a complex"}


def test_a_backward_that_is_not_written_yet() -> None:
    """There is no gradient at all, which isn't the same as 0."""
    engine = BASE.replace("data, 0.0,", "data, None,").partition("    def backward")[0]
    engine += "    def backward(self):\n        pass\n"
    (cause,) = reported(engine, "op-add op-mul x-plus-x diamond").causes
    assert cause.says.startswith("the output's gradient is not set to 1")


@pytest.mark.parametrize(
    ("op", "titles"),
    [
        ("mul", "op-mul op-sub diamond x-times-x shared-weight op-add"),
        ("tanh", "op-tanh inside-tanh op-mul one-neuron"),
        ("relu", "op-relu inside-relu around-relu only-through-relu op-mul"),
    ],
)
def test_an_op_that_replaces_backward_of_its_result(op: str, titles: str) -> None:
    """It sets out.backward, not out._backward; the output's gradient isn't said to be wrong."""
    engine = with_methods(
        unary("tanh", "math.tanh(x)", "self.grad += (1 - out.data**2) * out.grad"),
        unary("relu", "max(x, 0.0)", "self.grad += (out.data > 0) * out.grad"),
    )
    before, start, rest = engine.partition(f"    def {'__mul__' if op == 'mul' else op}(")
    source = before + start + rest.replace("out._backward =", "out.backward =", 1)
    says = said(source, titles)
    assert [*says] == [("no-gradient", op)]
    assert "which hides the backward of the class" in says["no-gradient", op]


def test_an_operator_that_is_missing_where_the_other_side_fails() -> None:
    """Where no method takes a number on the left, that is said, even if the op never works."""
    turned = "other = other if isinstance(other, Value) else Value(other)"
    source = BASE.replace("return self + (-other)", f"{turned}\n        return self + -1 * other")
    source = source.replace("__rmul__", "by_number").replace("__rsub__", "from_number")
    says = said(source, "op-sub 2-minus-x x-minus-2 2-times-x op-mul op-add")
    assert [*says] == [("reflected", "")]
    assert "__rsub__" in says["reflected", ""]
    assert "__rmul__" in says["reflected", ""]


def test_a_number_on_the_left_of_an_op_that_cuts_its_operand_off() -> None:
    """The new Value of a divisor's number isn't taken for one of the number on the left."""
    power = """
        def __pow__(self, n):
            out = Value(self.data ** n, (self,))
            def _backward():
                self.grad += n * self.data ** (n - 1) * out.grad
            out._backward = _backward
            return out
    """
    cut = """
        def __truediv__(self, other):
            other = other if isinstance(other, Value) else Value(other)
            return self * Value(other.data or 1e-15) ** -1
        def __rtruediv__(self, other):
            return other * Value(self.data or 1e-15) ** -1
    """
    titles = "op-div 2-over-x inside-div op-mul op-sub negative-numbers difference-of-equals"
    report = reported(with_methods(power, cut), titles)
    assert [(cause.id, cause.op) for cause in report.causes] == [("no-gradient", "div")]
    assert all(outcome.cause for outcome in report.outcomes if outcome.failed)


def test_values_that_want_no_gradient() -> None:
    """If a Value must be asked for its gradient, that is among the reasons why there is none."""
    source = BASE.replace("prev=()):", "prev=(), wanted=False):").replace(
        "= lambda: None",
        "= lambda: None\n        self.wanted = wanted or any(x.wanted for x in prev)",
    )
    source = source.replace(
        "            node._backward()",
        "            if node.wanted:\n                node._backward()",
    )
    says = said(source, "op-add op-mul op-sub diamond x-times-x shared-weight ladder")
    assert [*says] == [("no-gradient", "")]
    assert "or a Value gets none unless it is asked for" in says["no-gradient", ""]


def test_a_power_without_upstream_where_no_output_starts_at_1() -> None:
    """All other gradients are 0, which isn't said to come of ops that forget theirs."""
    own = [
        f"""
        def {name}(self, other):
            out = Value(self.data {symbol} other.data, (self, other))
            def _backward():
                self.grad += {first} * out.grad
                other.grad += {second} * out.grad
            out._backward = _backward
            return out
        """
        for name, symbol, first, second in (
            ("__add__", "+", "1", "1"),
            ("__sub__", "-", "1", "-1"),
            ("__mul__", "*", "other.data", "self.data"),
            ("__truediv__", "/", "1 / other.data", "-self.data / other.data**2"),
        )
    ]
    passed = "self.grad += n * x ** (n - 1)"
    power = unary("__pow__", "x ** n", passed).replace("(self):", "(self, n):", 1)
    source = with_methods(*own, power).replace("        self.grad = 1.0\n", "")
    titles = (
        "op-add op-mul op-sub op-div diamond x-times-x x-to-the-half x-squared x-to-the-minus-1 "
        "x-to-the-minus-three-halves shared-weight inner-node-plus-itself"
    )
    says = said(source, titles)
    assert says.keys() - {("conversion", "mul")} == {("seed", ""), ("upstream", "pow")}


def test_two_operators_that_take_a_number_on_the_wrong_side() -> None:
    """2 / x uses powers of Values, so it isn't wrong because 2 ** x is, but for the same reason."""
    power = """
        def __pow__(self, other):
            other = other if isinstance(other, Value) else Value(other)
            out = Value(self.data ** other.data, (self, other))
            def _backward():
                self.grad += other.data * self.data ** (other.data - 1) * out.grad
            out._backward = _backward
            return out
        def __truediv__(self, other):
            other = other if isinstance(other, Value) else Value(other)
            return self * (other ** -1)
        def __rpow__(self, other):
            return self ** other
        def __rtruediv__(self, other):
            return self / other
    """
    report = reported(with_methods(power), "2-to-the-x 2-over-x op-div op-mul x-to-the-minus-1")
    swapped = {cause.op for cause in report.causes if "operands in the wrong order" in cause.says}
    assert swapped == {"pow", "div"}
    assert not any(cause.victims for cause in report.causes)


@pytest.mark.parametrize("name", ["requires_grad", "require_grad", "needs_gradient"])
def test_values_that_are_asked_for_their_gradient(name: str) -> None:
    """An argument that says so is set, however it is spelled."""
    source = BASE.replace("prev=()):", f"prev=(), {name}=False):").replace(
        "= lambda: None",
        f"= lambda: None\n        self.wanted = {name} or any(x.wanted for x in prev)",
    )
    source = source.replace(
        "            node._backward()",
        "            if node.wanted:\n                node._backward()",
    )
    assert not said(source, "op-add op-mul op-sub diamond x-times-x shared-weight ladder")


@pytest.mark.parametrize("has_more", [False, True])
def test_products_that_use_gradients_for_values(*, has_more: bool) -> None:
    """Most operands have no gradient yet, but mul isn't said to pass nothing on."""
    source = BASE.replace("other.data * out.grad", "other.grad * out.grad")
    source = source.replace("self.data * out.grad", "self.grad * out.grad")
    titles = "op-mul op-add op-sub diamond inner-node-minus-itself row-of-diamonds two-outputs"
    titles += " x-times-x shared-weight used-early-and-late one-neuron"
    if has_more:
        passed = "self.grad += (1 - out.data) ** 2 * out.grad"
        source += indent(dedent(unary("tanh", "math.tanh(x)", passed)), "    ")
        titles += " op-tanh inside-tanh"
    says = said(source, titles)
    assert says.keys() == {("slope", "mul"), *([("slope", "tanh")] if has_more else [])}
    assert "by the gradient of the other operand" in says["slope", "mul"]


@pytest.mark.parametrize(
    ("op", "line"),
    [("add", "other.grad += out.grad"), ("mul", "other.grad += self.data * out.grad")],
)
def test_self_where_other_belongs(op: str, line: str) -> None:
    """One operand gets what both must get; add isn't said to pass on twice its derivative."""
    assert line in BASE
    source = BASE.replace(line, line.replace("other.grad +=", "self.grad +="))
    titles = "op-mul op-add op-sub diamond x-times-2 x-plus-2 x-times-x used-early-and-late"
    says = said(source, titles)
    assert [*says] == [("slope", op)]
    assert says["slope", op].endswith(
        "gives its first operand what both must get, as if it had self.grad += twice"
    )


def test_the_only_op_of_one_operand_that_overwrites() -> None:
    """What a single op does isn't said of all ops with a single operand: exp fails before that."""
    engine = with_methods(
        unary("tanh", "math.tanh(x)", "self.grad = (1 - out.data**2) * out.grad"),
        unary("exp", "math.exp(x)(self,)", "self.grad += out.data * out.grad"),
    )
    titles = "op-tanh inside-tanh overflow-tanh op-exp op-mul x-plus-x x-times-x diamond"
    report = reported(engine, titles)
    assert "overwritten" not in [cause.id for cause in report.causes if not cause.op]
    assert "tanh" in [cause.op for cause in report.causes if cause.id == "overwritten"]


def test_all_operands_are_listed_on_each_path() -> None:
    """A node is listed with the others of its user, and again for each further path to it."""
    start, _, end = BASE.partition("        order, seen = [], set()\n")
    listed = """        order = [self]
        def visit(node):
            order.extend(node.prev)
            for child in node.prev:
                visit(child)
        visit(self)
        self.grad = 1.0
        for node in order:
            node._backward()
"""
    says = said(start + listed, "diamond x-times-x directly-and-through short-way-first op-mul")
    assert end
    assert [*says] == [("twice", "")]


@pytest.mark.parametrize(
    ("titles", "op"),
    [
        ("op-mul x-times-x x-cubed x-times-2 op-add x-plus-x op-sum x-plus-2", "mul"),
        ("op-mul x-times-x x-cubed x-times-2", ""),  # what all graphs have may not be to blame
    ],
)
def test_an_op_that_is_not_reproducible(titles: str, op: str) -> None:
    """It is named if the graphs without it give the same numbers each time."""
    passed = "self.grad += other.data * out.grad"
    by_chance = f"{passed} * int.from_bytes(os.urandom(7), 'big')"
    says = said(f"import os\n{BASE}".replace(passed, by_chance), titles)
    assert [*says] == [("stale", op)]
    assert "gives different numbers" in says["stale", op]


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
    assert not any("without end" in each for each in says.values())


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
    assert not any(
        "first Value" in says for says in said(ASKED, "first-of-all op-sub op-add op-mul").values()
    )
