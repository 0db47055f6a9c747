"""What is said of slips in the passes of engines that learners had published."""

from __future__ import annotations

import pytest

from tests.grade.test_learners import BASE, reported, said, unary, with_methods


def test_a_number_on_the_left_is_not_to_blame_for_other_powers() -> None:
    """The logarithm of a negative base has nothing to do with 2 ** x, which is wrong as well."""
    power = """
        def __pow__(self, n):
            n = n if isinstance(n, Value) else Value(n)
            out = Value(self.data**n.data, (self, n))
            def _backward():
                self.grad += n.data * self.data ** (n.data - 1) * out.grad
                n.grad += out.data * math.log(self.data) * out.grad
            out._backward = _backward
            return out
        def __rpow__(self, other):
            return self**other
    """
    report = reported(with_methods(power), "2-to-the-x x-squared x-cubed op-pow op-mul")
    found = {(cause.id, cause.op): cause for cause in report.causes}
    assert {*found} == {("error", ""), ("reflected", "pow")}
    assert found["error", ""].says.startswith("backward raises ValueError: ")
    assert {x.case.title for x in found["error", ""].cases} >= {"x-squared", "x-cubed"}
    assert {x.case.title for x in found["reflected", "pow"].cases} == {"2-to-the-x"}


def test_the_only_op_that_works_is_not_blamed_for_the_pass() -> None:
    """No node is visited, because `visit` isn't called; powers are right, but nothing else runs."""
    power = unary("__pow__", "x**n", "self.grad += n * x ** (n - 1) * out.grad")
    source = with_methods(power.replace("(self):", "(self, n):"))
    source = source.replace("        visit(self)\n", "").replace("other.data, ", "self.other, ")
    says = said(source, "x-squared x-cubed x-to-the-1 op-mul op-add")
    assert {*says} == {("error", ""), ("no-gradient", "")}
    assert "or no node is visited" in says["no-gradient", ""]


@pytest.mark.parametrize("of_ops", ["out._backward = _backward", "out.backward = _backward"])
def test_every_value_hides_the_backward_of_its_class(of_ops: str) -> None:
    """`self.backward = lambda: None` in __init__: backward is right, but never runs.

    What ops set may do something; it isn't said that it does nothing.
    """
    source = BASE.replace("self._backward = lambda: None", "self.backward = lambda: None", 1)
    source = source.replace("out._backward = _backward", of_ops)
    report = reported(source, "op-mul op-add diamond x-plus-x output-gradient")
    (cause,) = report.causes
    assert cause.says == (
        "each Value has an attribute backward of its own, as if __init__ set it; it hides the "
        "method of the class"
    )
    assert len(cause.cases) == sum(outcome.failed for outcome in report.outcomes)


@pytest.mark.parametrize("which", ["True", "not self.prev"])
def test_every_node_starts_at_1(which: str) -> None:
    """A backward that calls itself sets each node's gradient to 1, or each leaf's."""
    recursive = f"""
        def backward(self):
            self.grad = 1.0 if {which} else self.grad
            self._backward()
            for child in self.prev:
                child.backward()
    """
    says = said(with_methods(recursive), "op-mul op-add diamond x-plus-x x-times-x ladder")
    assert [*says] == [("seed", "")]
    assert says["seed", ""].startswith("every leaf ends up with a gradient of 1")


@pytest.mark.parametrize("says_0", ["self.grad = 0.0", "self.grad = 0 * out.grad"])
def test_relu_that_sets_the_gradient_to_0(says_0: str) -> None:
    """Below 0, relu must leave the gradient as it is, which others may have added to."""
    passed = (
        f"if out.data > 0:\n            self.grad += out.grad\n        else:\n            {says_0}"
    )
    source = with_methods(unary("relu", "max(0.0, x)", passed))
    titles = "op-relu inside-relu around-relu only-through-relu op-mul diamond op-add x-plus-x"
    says = said(source, f"{titles} zero-beside-a-value inner-node-minus-itself ladder")
    assert [*says] == [("overwritten", "relu")]
    assert says["overwritten", "relu"].startswith("relu sets its operand's gradient to 0 where")


def test_nothing_or_the_gradients_of_the_operands() -> None:
    """`other.grad * out.grad` is 0 where no operand has a gradient yet; so is what isn't passed."""
    mul = """
        def __mul__(self, other):
            other = other if isinstance(other, Value) else Value(other)
            out = Value(self.data * other.data, (self, other))
            def _backward():
                self.grad += other.grad * out.grad
                other.grad += self.grad * out.grad
            out._backward = _backward
            return out
    """
    says = said(with_methods(mul), "op-mul op-add op-neg")
    assert [*says] == [("no-gradient", "mul")]
    assert "or multiplies out.grad by its operands' gradients" in says["no-gradient", "mul"]


def test_a_number_on_the_left_that_is_not_seen_directly() -> None:
    """If nodes have no gradient before they get one, 2 + x shows little; x + 2 is right."""
    reflected = "def __radd__(self, other):\n    return Value(self.data + other)\n"
    exp = unary("exp", "math.exp(x)", "self.grad += out.data * out.grad")
    power = unary("__pow__", "x**n", "self.grad += n * x ** (n - 1) * out.grad")
    div = """
        def __truediv__(self, other):
            return self * other**-1
        def __rtruediv__(self, other):
            return self**-1 * other
    """
    source = with_methods(reflected, exp, power.replace("(self):", "(self, n):"), div)
    source = source.replace("data, 0.0, tuple", "data, None, tuple")
    for name in ("self", "other"):
        source = source.replace(f"{name}.grad +=", f"{name}.grad = ({name}.grad or 0.0) +")
    titles = (
        "2-plus-x x-plus-2 2-minus-x 2-over-x zero-beside-a-value sigmoid-by-exp op-add op-mul "
        "op-exp inside-exp inside-plus-minus-times diamond x-plus-x ladder"
    )
    assert said(source, titles) == {("no-gradient", "add"): "2 + x (__radd__) passes nothing on"}


def test_a_missing_operator_is_seen_in_single_precision() -> None:
    """That x - 2 isn't exact has nothing to do with 2 - x, which Python itself refuses."""
    source = BASE.replace("= data, 0.0,", "= struct.unpack('f', struct.pack('f', data))[0], 0.0,")
    source = source.replace("import math", "import struct").replace("__rsub__", "from_the_right")
    titles = "2-minus-x x-minus-2 op-sub op-mul op-add x-times-2 2-times-x more-than-seven-digits"
    says = said(source, titles)
    assert {*says} == {("precision", ""), ("reflected", "sub")}
    assert says["reflected", "sub"] == "2 - x raises TypeError: __rsub__ is missing or wrong"


@pytest.mark.thorough
def test_a_line_indented_too_little_beside_another_mistake() -> None:
    """Nodes are listed each time that they are met; with that, what is wrong in relu isn't told."""
    passed = "self.grad = self.grad + out.grad if out.data > 0 else 0.0"
    source = with_methods(unary("relu", "max(0.0, x)", passed))
    source = source.replace("                order.append(node)", "            order.append(node)")
    titles = "diamond diamond-turned ladder shared-weight x-plus-x around-relu op-relu op-mul"
    report = reported(source, f"{titles} op-add")
    (cause,) = report.causes
    assert "added to the topological order each time that it is met" in cause.says
    assert [x.case.title for x in report.outcomes if x.failed and not x.cause] == ["around-relu"]


def test_an_op_without_its_operand() -> None:
    """`Value(math.exp(x))` passes on to x, but x may have passed on before that, or never does."""
    exp = unary("exp", "math.exp(x)", "self.grad += out.data * out.grad")
    titles = "op-exp inside-exp only-through-exp op-mul op-add diamond directly-and-through"
    says = said(with_methods(exp.replace("(x), (self,))", "(x))")), titles)
    assert [*says] == [("no-gradient", "exp")]
    assert says["no-gradient", "exp"].startswith("exp doesn't keep its operand")


def test_another_method_starts_the_pass() -> None:
    """`backward` passes on, and `backpropagation` sets the output's gradient before that."""
    recursive = """
        def backward(self):
            self._backward()
            for child in self.prev:
                child.backward()
        def backpropagation(self):
            self.grad = 1.0
            self.backward()
    """
    says = said(with_methods(recursive), "op-mul op-add diamond x-plus-x output-gradient")
    assert [*says] == [("seed", "")]
    assert says["seed", ""].endswith(
        "; if the pass is started with backpropagation, add --op backward=backpropagation"
    )
