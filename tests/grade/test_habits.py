"""`mgraph grade` on habits and mistakes that were met in engines from PyPI, several at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.command_line import FIXTURES, Shell
from tests.engines.mutants import SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping

NUMBER_TAKEN: Final = "other = other if isinstance(other, Value) else Value(other)"


def changed(edits: Mapping[str, str]) -> str:
    """Return the example engine with other texts in it."""
    text = SOURCE
    for old, new in edits.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def method(name: str) -> str:
    """Return a method of the example engine, as it stands there."""
    start = SOURCE.index(f"    def {name}(")
    return SOURCE[start : SOURCE.index("\n    def ", start + 1)]


def graded(mgraph: Shell, source: str, *options: str) -> tuple[Any, dict[tuple[str, str], str]]:
    """Grade an engine; return its report, and the sentences by cause and op."""
    mgraph.write("engine.py", source)
    found = mgraph("grade", "engine.py:Value", "--json", *options).json
    return found, {(each["cause"], each["op"]): each["says"] for each in found["causes"]}


def unexplained(found: Any) -> list[str]:  # noqa: ANN401 - plain data
    """Return the files that failed for a reason that nobody named."""
    fine = ("ok", "unsupported", "differing convention")
    return [x["file"] for x in found["cases"] if x["outcome"] not in fine and not x["cause"]]


@pytest.mark.thorough
def test_three_ops_that_are_wrong_in_the_backward_pass(mgraph: Shell) -> None:
    """A power that sets with `=`, and two functions whose rule lands on the operand, are named.

    Operands are kept in any order, as in a set, so that which gradient comes last may vary.
    """
    hooked = {
        method(name): method(name).replace("out._backward =", "self._backward =")
        for name in ("exp", "tanh")
    }
    power = method("__pow__").replace("self.grad += other", "self.grad = other")
    found, says = graded(
        mgraph,
        changed({
            **hooked,
            method("__pow__"): power,
            method("__truediv__"): (
                f"    def __truediv__(self, other):\n        {NUMBER_TAKEN}\n"
                "        return self * other ** -1\n"
            ),
            "self._prev = tuple(_prev)": (
                "once = [*dict.fromkeys(_prev)]\n"
                "        self._prev = sorted(once, key=lambda node: hash((node.data, 7)))"
            ),
            "for term in out._prev": "for term in (self, *others)",
        }),
    )  # fmt: skip
    wrong = {("overwritten", "pow"), ("no-gradient", "exp"), ("no-gradient", "tanh")}
    assert {*says} - {("depth", None)} == wrong
    assert "sets _backward of its operand" in says["no-gradient", "exp"]
    several = "one-node-through-several-ops.json"  # both functions set _backward of that node
    assert [path for path in unexplained(found) if not path.endswith(several)] == []


@pytest.mark.thorough
def test_single_precision_hides_no_other_mistake(mgraph: Shell) -> None:
    """An engine of floats with 24 bits whose relu leaks is told both, and nothing else.

    Numbers of such an engine that nearly cancel out are off by much, and are no mystery.
    """
    edits = {
        "self.data = float(data)": "self.data = ctypes.c_float(data).value",
        "import math": "import ctypes\nimport math",
        "self.data if self.data > 0 else 0.0": "self.data if self.data > 0 else 0.2 * self.data",
        "(self.data > 0) * out.grad": "(1.0 if self.data > 0 else 0.2) * out.grad",
    }
    found, says = graded(mgraph, changed(edits))
    assert {*says} - {("depth", None)} == {("precision", None), ("value", "relu")}
    assert says["value", "relu"] == "relu leaks below zero: 0.2·x"
    assert unexplained(found) == []


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("self.grad += other", "pow passes nothing on to its exponent"),
        pytest.param("0.0 * other", "pow passes nothing on", marks=pytest.mark.thorough),
    ],
)
def test_the_operand_that_gets_nothing_is_named(mgraph: Shell, base: str, said: str) -> None:
    """A power without a slope by its exponent is told so; one without any, that it has none."""
    half = method("__pow__").replace("other.grad += out.data", "0.0 * out.data")
    power = half.replace("self.grad += other", base)
    _, says = graded(mgraph, changed({method("__pow__"): power}), str(FIXTURES / "pack"))
    assert says["no-gradient", "pow"] == said


@pytest.mark.thorough
def test_what_is_added_against_division_by_zero(mgraph: Shell) -> None:
    """2e-8 beside the divisor is found, too."""
    edits = {"self.data / other.data, (self": "self.data / (other.data + 2e-8), (self"}
    _, says = graded(mgraph, changed(edits))
    assert says["value", "div"] == "div adds 2e-08 to an operand"


# --- spellings that have to be told --------------------------------------------------------------

STUBBORN: Final = """

def number(x):
    return Value(x)
"""
"""What an engine that takes no plain numbers has to make Values of them."""


def test_plain_numbers_that_are_refused(mgraph: Shell) -> None:
    """`--op number=…` tells how to hand them over; without it, that they are refused is said."""
    source = changed({NUMBER_TAKEN: "other.data"}) + STUBBORN
    for name in ("radd", "rsub", "rmul", "rtruediv", "rpow"):
        source = source.replace(f"def __{name}__", f"def turned_{name}")
    names = ("x-plus-2", "2-minus-x", "op-add", "op-sub")
    files = [str(FIXTURES / "pack" / f"{name}.json") for name in names]
    found, says = graded(mgraph, source, *files)
    assert {*says} == {("conversion", None), ("reflected", "sub")}
    (refused,) = [text for (cause, _), text in says.items() if cause == "conversion"]
    assert refused.startswith("x + 2, x * 2 raise AttributeError")  # the output times its seed
    crashed = [x["file"] for x in found["cases"] if x["outcome"] == "crashed"]
    assert {*crashed} >= {*files[:2]}
    found, says = graded(mgraph, source, *files, "--op", "number=number")
    assert says == {}
    assert found["summary"]["ok"] == len(found["cases"])


NAMED: Final = '''
    def activation(self, name):
        """Apply the activation of that name."""
        return getattr(self, "_" + name)()

    def tanh('''


def test_an_op_that_is_told_by_an_argument(mgraph: Shell) -> None:
    """`--op tanh=activation('tanh')` calls `x.activation('tanh')`."""
    file = str(FIXTURES / "pack" / "op-tanh.json")
    source = changed({"\n    def tanh(": NAMED.replace("def tanh(", "def _tanh(")})
    source = source.replace("def tanh(", "def _tanh(")
    found, _ = graded(mgraph, source, file)
    assert found["summary"]["ok"] == 0
    found, says = graded(mgraph, source, file, "--op", "tanh=activation('tanh')")
    assert (found["summary"]["ok"], says) == (len(found["cases"]), {})


@pytest.mark.parametrize(
    ("spelling", "said"),
    [("tanhh", "no attribute 'tanhh'"), ("tanh(name)", "ValueError"), ("(", "no attribute '('")],
)
def test_spellings_that_are_not_there(mgraph: Shell, spelling: str, said: str) -> None:
    """What `--op` names and the engine lacks is said at once, and nothing is graded."""
    mgraph.write("engine.py", SOURCE)
    answer = mgraph("grade", "engine.py:Value", "--op", f"tanh={spelling}")
    assert (answer.status, answer.out) == (1, "")
    assert said in answer.err


CLEARED: Final = {
    """        for node in reversed(topo):
            node._backward()
""": """        for node in reversed(topo):
            node._backward()
        for node in topo:
            if node._prev:
                node.grad = 0.0
""",
}
"""Interior nodes lose their gradients when backward is done."""


@pytest.mark.thorough
def test_gradients_that_are_cleared_are_not_left_over(mgraph: Shell) -> None:
    """Of an engine that is graded by its leaves, no graph is said to depend on earlier ones."""
    found, says = graded(mgraph, changed(CLEARED))
    assert says == {}
    inner = [each for each in found["cases"] if "nothing-computed" not in each["file"]]
    assert {each["outcome"] for each in inner} == {"differing convention"}
    lost = {"            self.grad += other.data * out.grad\n": ""}
    found, says = graded(mgraph, changed(CLEARED | lost))
    assert {*says} == {("no-gradient", "mul")}
