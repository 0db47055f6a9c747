"""What crashes have in common is said of the op that is wrong, not of those that only use it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest

from mgraph.grade.cases import cases_of, golden_set
from mgraph.grade.crashes import find_crashes
from mgraph.grade.outcomes import Answer, Failure, Outcome, Verdict

if TYPE_CHECKING:
    from tests.command_line import Shell

ENGINE: Final = """
class Value:
    def __init__(self, data, operands=()):
        self.data, self.grad, self.operands = data, 0.0, operands
        self.pass_on = lambda: None
    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other))
        def pass_on():
            self.grad += out.grad
            other.grad += out.grad
        out.pass_on = pass_on
        return out
    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other))
        def pass_on():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad
        out.pass_on = pass_on
        return out
    def __pow__(self, other):
        out = Value(self.data ** other, (self,))
        def pass_on():
            self.grad += other * self.data ** (other - 1) * out.grad
        out.pass_on = pass_on
        return out
    def __neg__(self):
        return self * -1
    def __sub__(self, other):
        return self + -other
    def __truediv__(self, other):
        return self * other ** -1
    def __radd__(self, other):
        return self + other
    def __rsub__(self, other):
        return other + -self
    def __rmul__(self, other):
        return self * other
    def __rtruediv__(self, other):
        return other * self ** -1
    def backward(self):
        order, seen = [], set()
        def visit(node):
            if node not in seen:
                seen.add(node)
                for operand in node.operands:
                    visit(operand)
                order.append(node)
        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            node.pass_on()
"""
"""A right engine; in each test some of its lines are changed."""

TURNED: Final = "other = other if isinstance(other, Value) else Value(other)"


def causes(shell: Shell, changes: dict[str, str]) -> dict[str, str]:
    """Grade the engine with changes on the golden set; return what is said, and of which cause."""
    source = ENGINE
    for old, new in changes.items():
        assert old in source, old
        source = source.replace(old, new)
    shell.write("engine.py", source)
    skipped = [f"--skip=chain-{n}" for n in (500, 1000, 2000)]
    said: Any = shell("grade", "engine.py:Value", "--quick", *skipped, "--json").json
    return {each["says"]: each["cause"] for each in said["causes"]}


def test_op_that_returns_nothing(shell: Shell) -> None:
    """If the return of pow is missing, neither div nor 2 / x, which are made of it, is blamed."""
    powers = "(other - 1) * out.grad\n        out.pass_on = pass_on\n        return out"
    said = causes(shell, {powers: powers.replace("        return out", "")})
    (says,) = [each for each in said if "None" in each]
    assert says == (
        "x ** 2 gives None instead of a Value, as if a return were missing; div uses it, and "
        "fails, too"
    )
    assert "reflected" not in said.values()


def test_op_that_returns_a_number(shell: Shell) -> None:
    """If -x is a number, __rsub__ isn't said to be wrong, which only uses it."""
    said = causes(shell, {"return self * -1": "return self.data * -1"})
    assert said["neg gives a float instead of a Value; sub uses it, and fails, too"] == "error"
    assert "reflected" not in said.values()


def test_number_beside_a_value_gives_a_number(shell: Shell) -> None:
    """That a method gives a number is no reason to turn its operand into a Value."""
    half = "return self * other ** -1"
    said = causes(shell, {half: f"{half} if isinstance(other, Value) else self.data / other"})
    assert said == {"x / 2 gives a float instead of a Value": "error"}


def test_op_that_gives_a_number_at_times(shell: Shell) -> None:
    """A relu that is a number where its operand is negative is blamed, not the op that meets it."""
    relu = "    def relu(self):\n        return self if self.data > 0 else 0.0\n"
    said = causes(shell, {"    def backward(self):\n": f"{relu}    def backward(self):\n"})
    assert said == {"relu sometimes gives a float instead of a Value": "error"}


def test_method_that_does_not_know_its_operand(shell: Shell) -> None:
    """What a unary operator gives is named, although Python has a word for not giving it."""
    said = causes(shell, {"return self * -1": "return NotImplemented"})
    assert any(says.startswith("neg gives a NotImplementedType") for says in said), said


def test_operators_beside_a_failing_backward(shell: Shell) -> None:
    """What can be built works, even if each backward fails, so only the other side is missing."""
    changes = {
        "visit(self)\n": "visit(output)\n",
        "def __rsub__": "def from_number",
    }
    said = causes(shell, changes)
    assert said["2 - x raises TypeError: __rsub__ is missing or wrong"] == "reflected"
    assert not any(says.startswith("sub") for says in said)


def test_name_that_is_missing_in_an_op_and_in_backward(shell: Shell) -> None:
    """The line of a rule isn't said to be another op's; nor does a missing name refuse a number."""
    power = "self.data ** other, (self,)"
    changes = {
        power: "self.data ** getattr(other, 'data', other), (self,)",
        "self.grad += other * self.data ** (other - 1) * out.grad": (
            "n = getattr(other, 'data', other)\n"
            "            self.grad += n * self.data ** (n - 1) * out.grad\n"
            "            if n is not other:\n"
            "                other.grad += out.data * math.log(self.data) * out.grad"
        ),
        "    def __neg__": (
            "    def exp(self):\n        return Value(math.exp(self.data), (self,))\n"
            "    def __neg__"
        ),
    }
    (says,) = [each for each in causes(shell, changes) if "'math'" in each]
    assert says.startswith("exp, backward raise NameError: name 'math' is not defined (")
    assert "uses it" not in says


def test_ops_that_refuse_numbers_themselves(shell: Shell) -> None:
    """An op that refuses a number in a line of its own isn't said to use others."""
    changes = {
        f"{TURNED}\n": "\n",
        "self * -1": "self * Value(-1)",
        "self.data ** other, (self,)": "self.data ** other.data, (self, other)",
        "other * self.data ** (other - 1) * out.grad": "self.missing",
    }
    said = causes(shell, changes)
    (says,) = [each for each, cause in said.items() if cause == "conversion"]
    assert "pow" not in says, said
    assert not any(each.startswith("pow raises AttributeError: 'int'") for each in said), said


def test_floats_that_are_refused(shell: Shell) -> None:
    """If only whole numbers are turned into Values, x + 2 is not said to raise an error."""
    whole = "other = Value(other) if isinstance(other, int) else other"
    changes = {
        TURNED: whole,
        "class Value:\n": "class Value:\n    __slots__ = ('data', 'grad', 'operands', 'pass_on')\n",
        "def __truediv__": "def truediv",
        "def __rtruediv__": "def rtruediv",
    }
    said = causes(shell, changes)
    (says,) = [each for each, cause in said.items() if cause == "conversion"]
    assert "float" in says
    assert "x + 2" not in says
    assert "x * 2" not in says


def test_floats_that_are_refused_on_both_sides(shell: Shell) -> None:
    """If 0.5 * x fails at the line of x * 0.5, too, whole numbers still aren't said to be refused.

    Nor is a method that calls itself, as 2 - x does, part of that.
    """
    whole = "other = Value(other) if isinstance(other, int) else other"
    said = causes(shell, {TURNED: whole, "return other + -self": "return other - self"})
    (says,) = [each for each, cause in said.items() if cause == "conversion"]
    assert "turn floats into Values, too, not only whole numbers" in says
    assert any(each.startswith("__rsub__ calls itself without end") for each in said), said


def test_floats_over_which_operators_call_each_other(shell: Shell) -> None:
    """If 2 - x works, and 0.5 - x never ends because x - 0.5 is refused, that is one cause."""
    source = ENGINE.replace(TURNED, "other = Value(other) if isinstance(other, int) else other")
    lifted = "return (Value(other) if isinstance(other, int) else other) - self"
    shell.write("engine.py", source.replace("return other + -self", lifted))
    skipped = [f"--skip=chain-{n}" for n in (500, 1000, 2000)]
    said: Any = shell("grade", "engine.py:Value", *skipped, "--json").json
    assert [each["cause"] for each in said["causes"]] == ["conversion"]


@pytest.mark.thorough
def test_sum_without_a_plus(shell: Shell) -> None:
    """An engine whose ops are functions isn't said to fail where it has no +; nor to lack add."""
    changes = {"def __add__": "@staticmethod\n    def add", "def __radd__": "def radd"}
    said = causes(shell, changes)
    assert not any(says.startswith("sum") for says in said), said
    text = shell("grade", "engine.py:Value", "--skip=chain-1000").out
    missing = text.partition("missing, and not graded: ")[2].partition("\n\n")[0]
    names = " ".join(missing.split()).split(", ")
    assert {"2 + x", "sum"} <= {*names}
    assert "add" not in names


def test_numbers_that_are_refused_as_floats(shell: Shell) -> None:
    """If x * 2 is refused, too, x / 2 isn't said to refuse floats only, which 1 / 2 is."""
    changes = {
        f"{TURNED}\n        out = Value(self.data * o": "out = Value(self.data * o",
        "self * -1": "self * Value(-1)",
    }
    said = causes(shell, changes)
    assert not any("not only whole numbers" in says for says in said), said


def test_floats_that_another_op_refuses(shell: Shell) -> None:
    """If x / 2 is x * 0.5, and x * 2 is refused, that is one cause, and not of floats only."""
    source = ENGINE.replace(
        f"{TURNED}\n        out = Value(self.data * o", "out = Value(self.data * o"
    )
    start, _, end = source.partition("    def __pow__")
    division = """
    def reciprocal(self):
        out = Value(1 / self.data, (self,))
        def pass_on():
            self.grad -= out.data ** 2 * out.grad
        out.pass_on = pass_on
        return out
    def __truediv__(self, other):
        return self * (other.reciprocal() if isinstance(other, Value) else 1 / other)
    def backward"""
    shell.write("engine.py", start + division + end.partition("    def backward")[2])
    said: Any = shell("grade", "engine.py:Value", "--json").json
    says = [each["says"].partition(" raise")[0] for each in said["causes"]]
    assert [each for each in says if "*" in each or "/" in each] == ["x * 2, x / 2"]


def test_number_that_an_op_cannot_use(shell: Shell) -> None:
    """An error that is arithmetic's own stays a cause if it is the only one about numbers."""
    changes = {
        "self.data ** other, (self,)": "power(self.data, other), (self,)",
        "return self * other ** -1": "return self * Value.of(other) ** -1",
        "class Value:": (
            "def power(x, y):\n    if type(x) is int and y < 0:\n"
            "        raise ValueError('no negative powers of integers')\n    return x ** y\n\n"
            "class Value:\n    @staticmethod\n    def of(x):\n"
            "        return x if isinstance(x, Value) else Value(x)"
        ),
    }
    said = causes(shell, changes)
    assert any("no negative powers of integers" in says for says in said), said


def test_culprit_that_is_not_an_op() -> None:
    """What an engine may have written into its answer itself is not repeated as a finding."""
    (case, *_) = cases_of([str(golden_set() / "op-neg.json")])
    for culprit, ops in (("everything:V", [""]), (":", [""]), ("neg:V", ["neg"])):
        failure = Failure("TypeError", "build", culprit=culprit, gave="a joke")
        answer = Answer(case.program, error="TypeError: no", kind="crashed", failure=failure)
        causes = [*find_crashes([Outcome(case, answer, Verdict.CRASHED)], [])]
        said = [cause.op for cause in causes if "a joke" in cause.says]
        assert (said or [""]) == ops, culprit


EXP: Final = """    def exp(self):
        out = Value(math.exp(self.data), (self,))
        def pass_on():
            self.grad += out.data * out.grad
        out.pass_on = pass_on
        return out
    def backward(self):
"""
"""One more op for the engine."""


@pytest.mark.parametrize(
    ("mistake", "error"),
    [
        (("= pass_on", "= pass_on()"), "TypeError: 'NoneType' object is not callable"),
        (("out.data *", "out.dta *"), "AttributeError: 'Value' object has no attribute 'dta'"),
    ],
)
def test_op_of_a_failing_backward(shell: Shell, mistake: tuple[str, str], error: str) -> None:
    """Where backward fails in all graphs with an op, and only there, the op is named."""
    changes = {
        "class Value:": "import math\nclass Value:",
        "    def backward(self):\n": EXP.replace(*mistake),
    }
    (says,) = causes(shell, changes)
    assert says.startswith(f"in graphs with exp, backward raises {error} (engine.py, line "), says


def test_backward_of_an_op_that_does_not_end(shell: Shell) -> None:
    """Long chains with an op whose backward calls itself are not too long: short ones fail, too."""
    product = "            self.grad += other.data * out.grad\n"
    engine = ENGINE.replace(product, f"            out.pass_on()\n{product}")
    shell.write("engine.py", engine)
    skipped = [f"--skip=chain-{n}" for n in (1000, 2000)]
    said: Any = shell("grade", "engine.py:Value", *skipped, "--json").json
    assert [(each["cause"], each["op"]) for each in said["causes"]] == [("error", None)], said
    (cause,) = said["causes"]
    assert cause["says"].startswith("pass_on calls itself until Python gives up (engine.py")


def test_backward_that_calls_itself_by_others(shell: Shell) -> None:
    """A backward that begins anew at each node is one cause, wherever it reaches the limit."""
    said = causes(shell, {"node.pass_on()": "node.backward()"})
    (says,) = [each for each in said if "RecursionError" in each]
    assert says.startswith("backward and visit call each other until Python gives up")
    assert "depth" not in said.values()


def test_signal_in_a_long_chain() -> None:
    """A chain that ends by a signal is too long only if its ops work elsewhere."""
    files = [str(golden_set() / f"{name}.json") for name in ("chain-500", "op-add", "op-mul")]
    chain, *short = (Outcome(x, Answer(x.program), Verdict.OK) for x in cases_of(files))
    died = replace(chain.answer, error="its process was ended by SIGSEGV", kind="crashed")
    long = replace(chain, answer=died, outcome=Verdict.CRASHED)
    crashed = [replace(x, answer=replace(x.answer, error=died.error)) for x in short]
    by_op = {op: [x for x in short if op in x.case.file] for op in ("add", "mul")}
    for fine, failed, expected in (
        (short, [], ["depth"]),
        (by_op["add"], [x for x in crashed if "mul" in x.case.file], ["error"]),
        ([], crashed, ["error"]),
    ):
        causes = [*find_crashes([long, *failed], fine)]
        assert [cause.id for cause in causes] == expected, [cause.says for cause in causes]
