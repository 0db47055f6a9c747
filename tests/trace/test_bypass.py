"""Programs that compute past the engine's ops: what is said names the function and the line."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from mgraph.errors import GraphError
from tests.trace.test_trace import ENGINE, UNARY, Scripts, said

if TYPE_CHECKING:
    from tests.command_line import Shell


def line_of(source: str, mark: str = "# here") -> int:
    """Return the number of the line that has a mark."""
    return next(i for i, line in enumerate(source.splitlines(), 1) if mark in line)


BYPASSES = {
    "a function that is no op": (
        """
        def softsign(x):
            return Value(x.data / (1 + abs(x.data)), (x,))  # here
        x = Value(2.0)
        y = softsign(x * x) * x
        """,
        "Value(…) in softsign,",
    ),
    "a function with a helper of the engine": (
        """
        def gamma(x):
            return unary(x, math.gamma(x.data), 1.0, "gamma")  # here
        x = Value(2.0)
        y = gamma(x) * x
        """,
        "called by gamma,",
    ),
    "a method that is no op": (
        """
        class Value(Value):
            def gamma(self):
                return Value(math.gamma(self.data), (self,))  # here
        x = Value(2.0)
        y = x.gamma() * x
        """,
        "Value(…) in gamma,",
    ),
    "operands that are assigned later": (
        """
        def cube(x):
            out = Value(x.data ** 3)  # here
            out._prev = {x}
            return out
        x = Value(2.0)
        y = cube(x) * x
        """,
        "Value(…) in cube,",
    ),
    "a Value inside an op": (
        """
        class Value(Value):
            def __sub__(self, other):
                self.minus = other * -1.0
                return self + self.minus
        a, b = Value(2.0), Value(3.0)
        c = a - b
        y = c * a.minus
        """,
        "called by __sub__,",
    ),
    "a copy": (
        """
        import copy
        x = Value(2.0)
        z = x * x
        y = copy.copy(z) * x  # here
        """,
        "used in <module>,",
    ),
}


@pytest.mark.parametrize("what", BYPASSES)
def test_a_value_that_no_op_made(scripts: Scripts, what: str) -> None:
    """It is an error that names who made the Value, and where."""
    program, words = BYPASSES[what]
    source = "\n".join(map(dedent, (ENGINE, UNARY, program)))
    with pytest.raises(GraphError) as error:
        scripts.trace(source).graph("y", ())
    diagnostic = error.value.diagnostics[0]
    assert diagnostic.code == "unknown-op"
    assert words in diagnostic.message
    if "# here" in source:
        assert f"script.py:{line_of(source)}" in diagnostic.message


TAPE = """
class Value:
    tape = []
    def __init__(self, data):
        self.data, self.grad = data, 0.0
    def __add__(self, other):
        return Value.made(self.data + other.data, (self, 1.0), (other, 1.0))
    def __mul__(self, other):
        return Value.made(self.data * other.data, (self, other.data), (other, self.data))
    @staticmethod
    def made(data, *pairs):
        out = Value(data)
        Value.tape.append((out, pairs))
        return out
    def backward(self):
        self.grad = 1.0
        for out, pairs in reversed(Value.tape):
            for parent, slope in pairs:
                parent.grad += slope * out.grad
"""
"""An engine whose Values do not know their operands."""

CUBE = """
def cube(x):
    out = Value(x.data ** 3)  # here
    Value.tape.append((out, [(x, 3 * x.data ** 2)]))
    return out
x, w = Value(2.0), Value(5.0)
"""


def test_a_gradient_that_leaves_the_graph(scripts: Scripts) -> None:
    """Backward goes on where mgraph sees a leaf: the graph would lack a part, and still agree."""
    source = f"{TAPE}{CUBE}y = cube(x) * w\ny.backward()"
    with pytest.raises(GraphError, match="passes on the gradient of a Value made by") as error:
        scripts.trace(source).graph(None, ())
    assert f"in cube, {scripts.folder}/script.py:{line_of(source)}" in str(error.value)
    harmless = source.replace("[(x, 3 * x.data ** 2)]", "[]")  # it passes on nothing
    assert said(scripts.graph(harmless)) == ["w param 5.0", "out param 8.0", "y mul out w"]


def notes_of(shell: Shell, source: str) -> list[str]:
    """Trace a script whose numbers differ, and return the notes."""
    shell.write("s.py", source)
    told = shell("trace", "s.py", "-o", "f.json")
    assert told.status == 1
    assert "\ndiffers " in told.out
    lines = [line for line in told.out.splitlines() if line.startswith("note ")]
    told = shell("trace", "s.py", "-o", "f.json", "--json")
    assert [line[10:] for line in lines] == told.json["notes"]
    return lines


def test_a_leaf_that_may_have_been_computed(shell: Shell) -> None:
    """If numbers differ, leaves are named that were made where another Value was at hand."""
    source = f"{TAPE}{CUBE}y = cube(x) * x\ny.backward()"
    (note,) = notes_of(shell, source)
    assert "out was made by Value(…) in cube, " in note
    assert f"s.py:{line_of(source)}: if it was computed there, that is not recorded" in note


CHANGES = {
    "a leaf, after its use": "c = a * b\nnudge(a)\ny = c * a",
    "a leaf, before backward": "y = a * b\nnudge(a)",
    "a Value that was computed": "c = a * b\nnudge(c)\ny = c * a",
}
KINDS = {
    "a dict": dedent(ENGINE),
    "slots": dedent(ENGINE).replace(
        "class Value:", 'class Value:\n    __slots__ = ("data", "grad", "_prev", "_backward")'
    ),
    "a property": dedent(ENGINE).replace(
        "    def __init__",
        "    data = property(lambda s: s._x, lambda s, x: setattr(s, '_x', x))\n    def __init__",
        1,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_that_are_changed_in_place(shell: Shell, kind: str) -> None:
    """The function and the line that set the number of a Value after it was used are named."""
    nudge = "def nudge(v):\n    v.data += 1.0  # here\na, b = Value(2.0), Value(3.0)"
    for what, program in CHANGES.items():
        source = f"{KINDS[kind]}\n{nudge}\n{program}\ny.backward()"
        (note,) = notes_of(shell, source)
        node = "c" if "computed" in what else "a"
        assert f"the number of {node} was set in nudge, " in note, what
        assert note.endswith(f"s.py:{line_of(source)}"), what


def test_numbers_that_may_be_changed(shell: Shell) -> None:
    """Before its first use a leaf may be changed, and a training step comes after backward."""
    program = """
        w = Value(1.0)
        w.data = 2.0
        for _ in range(3):
            w.grad = 0.0
            loss = w * w
            loss.backward()
            w.data -= 0.25 * w.grad
    """
    shell.write("s.py", f"{dedent(ENGINE)}\n{dedent(program)}")
    told = shell("trace", "s.py", "-o", "f.json", "--json")
    assert (told.status, told.json["agrees"], told.json["notes"]) == (0, True, [])
    assert shell.document("f.json")["nodes"][0] == {"id": "w", "op": "param", "data": 0.5}
    wrong = dedent(ENGINE).replace("other.data * out.grad", "3 * out.grad")
    assert notes_of(shell, f"{wrong}\n{dedent(program)}") == []


def test_gradients_that_are_as_the_script_left_them(shell: Shell) -> None:
    """If backward has a name that mgraph does not know, a note says when gradients were read."""
    source = f"{dedent(ENGINE)}\nValue.go = Value.backward\ndel Value.backward\nx = Value(3.0)\n"
    source += "y = x * x\ny.go()\nx.grad = 5.0"
    shell.write("s.py", source)
    told = shell("trace", "s.py", "-o", "f.json", "--output", "y")
    assert told.status == 1
    assert "note      backward was not seen: the gradients are those in the end" in told.out
    assert shell("trace", "s.py", "-o", "f.json", "--op", "backward=go").status == 0
