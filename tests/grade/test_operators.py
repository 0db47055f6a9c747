"""What is said of operators, leaves and results that learners write in their own way."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from tests.grade.test_learners import BASE, reported, said, unary, with_methods


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
    assert says == {("slope", "div"): "div has 1/a as its local derivative; the right one is -y/b"}


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


@pytest.mark.thorough
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
