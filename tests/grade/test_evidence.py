"""What is known of a failing engine: the exception, its place, and the calls that led there."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from mgraph.grade.cases import cases_of
from mgraph.grade.driver_errors import OwnFiles
from mgraph.grade.outcomes import Failure
from mgraph.grade.processes import PythonEngine, ResourceLimits
from mgraph.grade.runner import run_python_engine

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from mgraph.grade.outcomes import Answer
    from tests.command_line import Shell

ENGINE: Final = """
import json
import numpy
from helpers import halved

class Value:
    def __init__(self, data, children=()):
        self.data, self.slope, self.children, self.op = data, 0.0, children, ""

    @property
    def grad(self):
        if self.op == "cosh":
            raise LookupError("no slope")
        return self.slope

    def backward(self):
        if self.op == "sinh":
            self.visit()
        if self.op == "tanh":
            json.loads("{")
        self.slope = 1.0

    def visit(self):
        for child in self.children or [self]:
            child.visit()

    def made(self, op):
        out = Value(0.0, (self,))
        out.op = op
        return out

    def __mul__(self, other):
        return Value(self.data * other.data)

    def __neg__(self):
        return self * -1

    def __add__(self, other):
        return other.__rsub__(self)

    def __sub__(self, other):
        return other.__rsub__(self)

    def __rsub__(self, other):
        return self - other

    __truediv__ = None

    def exp(self):
        return math.exp(self.data)  # forgotten: import math

    def log(self):
        return (lambda: numpy.linalg.inv([[0.0]]))()

    def sqrt(self):
        return exec("def inner(): return self[0]\\ninner()", {"self": self})

    def sin(self):
        return halved(self)

    def cos(self):
        raise type("E" * 999, (Exception,), {})("x" * 999) if self.data + 1 else "%s"

    def atan(self):
        raise NotImplementedError

    def abs(self):
        return Value([])

    def sinh(self):
        return self.made("sinh")

    def cosh(self):
        return self.made("cosh")

    def tanh(self):
        return self.made("tanh")
""".replace("%s", "%" * 999)
HELPERS: Final = """
def halved(value):
    return value / 2
"""


def line_of(text: str, source: str = ENGINE) -> int:
    """Return the number of the line that a text begins in."""
    return source[: source.index(text)].count("\n") + 1


FAILURES: Final = {
    "neg": Failure(
        "AttributeError", "build", function="__mul__", caller=("__neg__", "__mul__"),
        source="return Value(self.data * other.data)",
    ),
    "exp": Failure(
        "NameError", "build", function="exp", caller=("exp",),
        source="return math.exp(self.data)  # forgotten: import math",
    ),
    "log": Failure(
        "LinAlgError", "build", function="<lambda>", caller=("log", "<lambda>"),
        source="return (lambda: numpy.linalg.inv([[0.0]]))()",
    ),
    "sqrt": Failure(
        "TypeError", "build", function="sqrt", caller=("sqrt",),
        source='return exec("def inner(): return self[0]\\ninner()", {"self": self})',
    ),
    "sin": Failure(
        "TypeError", "build", "helpers.py", line_of("return value", HELPERS), "halved",
        "return value / 2", ("sin", "halved"),
    ),
    "cos": Failure(
        "E" * 100, "build", function="cos", caller=("cos",),
        source=('raise type("E" * 999, (Exception,), {})("x" * 999) if self.data + 1 else "'
                + "%" * 999)[:120],
    ),
    "atan": Failure(
        "NotImplementedError", "build", function="atan", source="raise NotImplementedError",
        caller=("atan",),
    ),
    "cosh": Failure(
        "LookupError", "read", function="grad", source='raise LookupError("no slope")',
        caller=("grad",),
    ),
    "tanh": Failure(
        "JSONDecodeError", "backward", function="backward", source='json.loads("{")',
        caller=("backward",),
    ),
    "div": Failure("TypeError", "build"),
}  # fmt: skip
"""By op, where each must be said to fail, as its source shows."""


def answers(shell: Shell, source: str, *ops: str) -> dict[str, Answer]:
    """Run ops on an engine; return how it answered, by op."""
    shell.write("broken.py", source)
    shell.write("helpers.py", HELPERS)
    for op in ops:
        shell.write(f"{op}.json", graph(op))
    cases = [*cases_of([str(shell.path(f"{op}.json")) for op in ops])]
    engine = PythonEngine(f"{shell.path('broken.py')}:Value", {}, sys.executable, LIMITS)
    engine.start()
    outcomes = [*run_python_engine(cases, engine)]
    return {outcome.case.graph.columns.op(-1): outcome.answer for outcome in outcomes}


LIMITS: Final = ResourceLimits(30.0)
TWO: Final = ("add", "sub", "mul", "div")


def graph(op: str) -> dict[str, Any]:
    """Return a graph file with one op; which numbers it expects doesn't matter."""
    ids = ["a", "b"] if op in TWO else ["a"]
    leaves = [{"id": name, "op": "param", "data": 2.0} for name in ids]
    return {
        "mgraph": "1.0",
        "nodes": [*leaves, {"id": "y", "op": op, "args": ids}],
        "outputs": ["y"],
        "runs": [{"origin": "by hand", "data": {"y": 1.0}}],
    }


def test_place_of_an_exception(shell: Shell) -> None:
    """The innermost line in the engine's own files is named, and the calls that lead there."""
    found = answers(shell, ENGINE, *FAILURES)
    for op, expected in FAILURES.items():
        if expected.function and not expected.file:
            place = expected._replace(file="broken.py", line=line_of(expected.source))
        else:
            place = expected
        assert found[op].failure == place, op
    assert found["atan"].kind == "unsupported"
    assert found["exp"].error == "NameError: name 'math' is not defined"


def test_endless_recursion(shell: Shell) -> None:
    """Functions that call each other without end are named, and those that led to them are not."""
    found = answers(shell, ENGINE, "add", "sub", "sinh", "neg")
    unknown = Failure("", "")
    add, sub, sinh, neg = (found[op].failure or unknown for op in ("add", "sub", "sinh", "neg"))
    assert add.exception == sub.exception == sinh.exception == "RecursionError"
    assert {*add.repeating} == {*sub.repeating} == {"__sub__", "__rsub__"}
    assert add.caller[:3] == ("__add__", "__rsub__", "__sub__")
    assert len(add.caller) == 10
    assert (sinh.repeating, sinh.caller) == (("visit",), ("backward", "visit"))
    assert (sinh.phase, sub.phase) == ("backward", "build")
    assert neg.repeating == ()


def test_hostile_exceptions(shell: Shell) -> None:
    """Exceptions that can't be examined leave the error's text, and names are printable."""
    source = (
        ENGINE.replace("return math.exp(self.data)", "raise Hidden").replace(
            "raise NotImplementedError", "return run(self)"
        )
        + """
class Hidden(Exception):
    __traceback__ = property(lambda e: 1 / 0)
def run(value): return value.nothing
run.__code__ = run.__code__.replace(co_name="\\x1b[2J\\udcff" + "n" * 999)
"""
    )
    found = answers(shell, source, "exp", "atan")
    assert found["exp"].failure == Failure("Hidden", "build")
    atan = found["atan"].failure
    assert atan
    assert atan.function == "\\u{1b}[2J\\udcff" + "n" * 95
    assert atan.caller == ("atan", atan.function)


def test_files_of_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package has its folder, a file its neighbours; what is installed beside it has others."""

    def module(name: str, file: str, *, is_package: bool = False) -> ModuleType:
        made = ModuleType(name)
        made.__file__ = str(tmp_path / file)
        if is_package:
            made.__path__ = [str((tmp_path / file).parent)]
        monkeypatch.setitem(sys.modules, name, made)
        return made

    def owned(*homes: ModuleType) -> set[str]:
        """Return which of some files belong to an engine made of these modules."""
        kind = type("Value", (), {"__module__": homes[0].__name__})
        own = OwnFiles(homes[0], kind)
        for other in homes[1:]:
            own.add(other, is_home=False)
        return {file for file in files if str(tmp_path / file) in own}

    lib, venv = "lib/site-packages", "home/venv/lib/site-packages"
    files = [
        f"{lib}/grad/engine.py", f"{lib}/grad/nn/ops.py", f"{lib}/numpy/linalg.py", f"{lib}/one.py",
        "home/engine.py", "home/parts/ops.py", "homework/engine.py", "other/acts.py",
        f"{venv}/numpy/linalg.py",
    ]  # fmt: skip
    package = module("grad_", f"{lib}/grad/__init__.py", is_package=True)
    inner = module("grad_.engine", f"{lib}/grad/engine.py")
    array = module("numpy_", f"{lib}/numpy/__init__.py", is_package=True)
    assert owned(inner) == owned(package) == {*files[:2]}
    assert owned(module("one_", f"{lib}/one.py")) == {f"{lib}/one.py"}
    home = module("engine_", "home/engine.py")
    assert owned(home) == {"home/engine.py", "home/parts/ops.py"}
    acts = module("acts_", "other/acts.py")
    assert owned(home, acts, array) == {"home/engine.py", "home/parts/ops.py", "other/acts.py"}
    assert os.__file__ not in OwnFiles(home, ModuleType)
    assert "<string>" not in OwnFiles(home, ModuleType)


def test_none_is_not_zero(shell: Shell) -> None:
    """A gradient that is None, deleted or missing is none; 0, an array of it and -0.0 are zero."""
    gives: dict[str, float | None] = {
        "self.grad = None": None,
        "pass": None,
        "self.grad = 1.0; del self.grad": None,
        "import numpy; self.grad = numpy.array(None)": None,
        "self.grad = [None]": None,
        "self.grad = Value(0); self.grad.data = None": None,
        "self.grad = 0": 0.0,
        "self.grad = False": 0.0,
        "self.grad = [0.0]": 0.0,
        "import numpy; self.grad = numpy.zeros((1, 1))": 0.0,
        "self.grad = Value(0.0)": 0.0,
    }
    ops = ("neg", "sqrt", "exp", "log", "sin", "cos", "tan", "atan", "sinh", "cosh", "tanh")
    source = f"""
class Value:
    def __init__(self, data, code="pass"):
        self.data, self.code = data, code
    def backward(self):
        exec(self.code, {{"self": self, "Value": Value}})
for op, code in zip({ops}, {[*gives]}):
    setattr(Value, op, lambda self, code=code: Value(1.0, code))
"""
    found = answers(shell, source, *ops)
    for op, (does, grad) in zip(ops, gives.items(), strict=True):
        assert found[op].grad == [None, grad], does
