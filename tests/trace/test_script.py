"""The script that is traced: names, what it sees, spellings, what can't be recorded."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

import mgraph
from mgraph.errors import GraphError
from mgraph.ops import OPS
from mgraph.trace.classes import origin_of
from mgraph.trace.spellings import SPELLINGS, meaning_of
from tests.command_line import HERE, Said, Shell, in_shell, process, typed
from tests.trace.test_trace import ENGINE, RADD, UNARY, Micrograd, Scripts, said

if TYPE_CHECKING:
    from pathlib import Path


# --- what can't be recorded ------------------------------------------------------------------


def test_an_op_that_mgraph_lacks(scripts: Scripts) -> None:
    """What made the Value is told, with its line; an op with other operands is no such op."""
    more = """
        class Value(Value):
            def digamma(self):
                return unary(self, math.erfc(self.data), 1.0, "tanh")
            def relu(self, slope=0.1):
                return Value(slope * self.data, (self,), "relu")
        x = Value(2.0)
        y = x.digamma()
        z = x.relu(0.3)
        def exp(x):
            return (x * x).digamma()
        e = exp(x)
        fine = x * x
    """
    traced = scripts.trace(ENGINE, UNARY, more)
    for name, words in (
        ("y", "Value(…) in unary, "),
        ("z", "Value(…) in relu, "),
        ("e", "in unary, "),
    ):
        with pytest.raises(GraphError) as error:
            traced.graph(name, ())
        (found,) = error.value.diagnostics
        assert found.code == "unknown-op"
        assert words in found.message
        assert "script.py:" in found.message
    assert len(traced.graph("fine", ())) == 2


def test_a_value_whose_operands_came_unseen(scripts: Scripts) -> None:
    """A Value that was made as a leaf, and then given operands, is no leaf: it is told."""
    more = """
        def cube(x):
            out = Value(x.data**3)
            out._prev = {x}
            return out
        x = Value(2.0)
        y = cube(x) * x
    """
    with pytest.raises(GraphError, match=r"made by Value\(…\) in cube, .*script\.py:\d+") as error:
        scripts.trace(ENGINE, more).graph("y", ())
    assert [each.code for each in error.value.diagnostics] == ["unknown-op"]


def test_an_engine_that_is_wrong(shell: Shell) -> None:
    """The first number that differs is named, the file is written, the exit status is 1."""
    wrong = dedent(ENGINE).replace("other.grad += self.data", "other.grad += other.data")
    shell.write("wrong.py", f"{wrong}\nx, y = Value(2.0), Value(3.0)\n(x * y + x).backward()")
    told = shell("trace", "wrong.py", "-o", "f.json")
    assert told.status == 1
    text = "1 of 6 numbers (2 values, 4 gradients); the first is grad of y: the engine says 3.0, "
    assert f"differs   {text}mgraph computes 2.0" in told.out
    assert shell.document("f.json")["runs"][0]["grad"]["y"] == 3.0
    assert shell("test", "f.json").status == 1


def test_gradients_from_before(shell: Shell) -> None:
    """A gradient that was not set to zero is added to, and that is told beside the difference."""
    program = f"{dedent(ENGINE)}\nx = Value(2.0)\nfor _ in range(2): (x * 3).backward()"
    shell.write("twice.py", program)
    told = shell("trace", "twice.py", "-o", "f.json")
    assert told.status == 1
    assert "the first is grad of x: the engine says 6.0, mgraph computes 3.0" in told.out
    assert "note      x already had a gradient; backward added to it" in told.out
    assert shell("trace", "twice.py", "-o", "f.json", "--call", "0").status == 0


# --- names -----------------------------------------------------------------------------------


def test_labels_of_the_engine(scripts: Scripts) -> None:
    """A label that is a valid id, and nobody else's, is the id; others are kept for display."""
    program = """
        a, b, c, d, e = (Value(float(i)) for i in range(5))
        a.label, b.label, c.label, d.label, e.label = "alpha", "twice", "twice", "x₁", 5
        (a + b + c + d + e).backward()
    """
    engine = ENGINE.replace("self.grad, self._prev", "self.grad, self.label, self._prev").replace(
        "data, 0.0, set", 'data, 0.0, "", set'
    )
    graph = scripts.graph(engine, program)
    assert [line for line in said(graph) if "param" in line] == [
        "alpha param 0.0", "b param 1.0", "c param 2.0", "d param 3.0", "e param 4.0",
    ]  # fmt: skip
    assert dict(graph.columns.labels) == {graph.columns.index["d"]: "x₁"} | {
        graph.columns.index[name]: "twice" for name in "bc"
    }


def test_names_within_objects(scripts: Scripts) -> None:
    """What variables hold is called as Python would spell it, one way of several."""
    program = """
        class Layer:
            def __init__(self, n):
                self.w, self.me = [Value(float(i)) for i in range(n)], self
                self._hidden = Value(9.0)
        class Model:
            layers = ()
        model = Model()
        model.layers = (Layer(2), Layer(1))
        _b = Value(0.5)
        crowd = [Model() for _ in range(20)]
        for each in crowd:
            each.friends = crowd[::-1]
        named = {"b": _b, "not an id": Value(0.25), 3: Value(0.125)}
        w = model.layers[0].w[1]
        parameters = [*model.layers[0].w, *model.layers[1].w]
        numbers = list(range(1000))
        sum([*parameters, *named.values(), model.layers[0]._hidden]).backward()
    """
    params = [line.split() for line in said(scripts.graph(ENGINE + RADD, program))]
    assert [name for name, op, *_ in params if op == "param"] == [
        "model.layers[0].w[0]", "w", "n2", "model.layers[1].w[0]", "named[b]", "n5", "named[3]",
    ]  # fmt: skip


# --- the script ------------------------------------------------------------------------------


def test_the_script_runs_as_python_runs_it(scripts: Scripts) -> None:
    """Name, arguments, working folder, module path and files are those of `python script.py`."""
    look = """
        import os, sys
        print(__name__, sys.argv, os.getcwd() == os.path.dirname(os.path.abspath(__file__)))
        print(__file__, sys.path[0] == os.path.dirname(os.path.abspath(__file__)), __doc__)
        print(sys.modules["__main__"].__dict__ is globals(), sorted(globals()) == sorted(KNOWN))
    """
    known = "['__annotations__', '__builtins__', '__cached__', '__doc__', '__file__', "
    known += "'__loader__', '__name__', '__package__', '__spec__', 'os', 'sys']"
    scripts.write(look.replace("KNOWN", known))
    line = ["script.py", "a", "--steps", "3"]
    alone = subprocess.run(
        [sys.executable, *line], cwd=scripts.folder, capture_output=True, check=True, text=True
    )
    told = process("trace", "-o", "f.json", "--", *line, cwd=scripts.folder)
    assert told.out == alone.stdout
    assert told.status == 1
    assert "has no class like micrograd's Value" in told.err


def test_a_module_beside_the_script(scripts: Scripts) -> None:
    """An engine beside the script is called by its module, even where another is installed."""
    (scripts.folder / "micrograd").mkdir()
    scripts.write(name="micrograd/__init__.py")
    scripts.write(ENGINE, name="micrograd/engine.py")
    scripts.write("from micrograd.engine import Value\nx = Value(2.0)\n(x * x).backward()")
    told = process("trace", "script.py", "-o", "-", cwd=scripts.folder)
    assert json.loads(told.raw)["runs"][0]["origin"] == "micrograd.engine"
    assert "class micrograd.engine:Value" in told.err
    assert origin_of(Micrograd) == "micrograd 0.1.0"


BACKWARD = "x = Value(2.0)\ny = x * x\ny.backward()\n"


def test_the_output_of_the_script(shell: Shell) -> None:
    """It goes to standard output, and makes room there for the graph, or for JSON."""
    shell.write("s.py", f"{dedent(ENGINE)}\nprint('hello')\n{BACKWARD}")
    told = shell("trace", "s.py", "-o", "f.json")
    assert told.out.splitlines() == [
        "hello",
        "wrote     f.json: 2 nodes, output y",
        "engine    s.py, class __main__:Value",
        "backward  its only call",
        "agrees    mgraph computes the same 1 value and 2 gradients",
    ]
    told = shell("trace", "s.py", "-o", "-")
    assert told.json == shell.document("f.json")
    assert told.err.startswith("hello\nwrote     standard output: 2 nodes")
    told = shell("trace", "s.py", "-o", "f.msgpack", "--json")
    assert told.err == "hello\n"
    assert told.json == {
        "file": "f.msgpack", "nodes": 2, "output": "y", "origin": "s.py",
        "class": "__main__:Value", "call": 0, "calls": 1, "numbers": 4, "values": 1,
        "gradients": 2, "agrees": True, "wrong": 0, "first": None, "stale": [], "notes": [],
    }  # fmt: skip
    assert mgraph.load(shell.path("f.msgpack")).runs == mgraph.load(shell.path("f.json")).runs


def failed(scripts: Scripts, end: str, *options: str) -> Said:
    """Trace a script that ends like this."""
    scripts.write(ENGINE, end)
    return process("trace", "script.py", "-o", "f.json", *options, cwd=scripts.folder)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("Value(2.0) + 'a'", "TypeError: "),
        ("def f(): return 1 / 0\nf()", "ZeroDivisionError: division by zero"),
        ("try:\n    1 / 0\nexcept Exception as e:\n    raise ValueError from e", "ValueError"),
        ("raise SystemExit('sorry')", "sorry"),
        ("import sys; sys.exit(3)", "exits with 3"),
        ("x = (", "SyntaxError"),
        ("x = 1\x00", "SyntaxError: source code string cannot contain null bytes"),
        ("raise SystemExit(0)", "backward was not called on __main__:Value"),
        ("x = Value(2.0)", "--output NAME"),
        ("x = Value(2.0)\nx.backward(1, 2, 3, 4)", "failed before any backward"),
    ],
)
def test_a_script_that_fails(scripts: Scripts, end: str, words: str) -> None:
    """Its traceback is its own; nothing was recorded, nothing is written, the status is 1."""
    told = failed(scripts, end)
    assert (told.status, told.out) == (1, "")
    assert words in told.err
    assert "nothing recorded" in told.err
    assert "mgraph/trace" not in told.err
    assert not (scripts.folder / "f.json").exists()


def test_a_script_that_fails_after_backward(scripts: Scripts) -> None:
    """What was recorded is written; the exit status tells of the failure."""
    told = failed(scripts, f"{BACKWARD}x + 'a'")
    assert told.status == 1
    assert "TypeError" in told.err
    assert "in wrapped" not in told.err
    assert "wrote     f.json" in told.out
    assert failed(scripts, f"{BACKWARD}raise SystemExit(0)").status == 0


def test_without_backward(scripts: Scripts) -> None:
    """`--output` takes a variable of the script, as the script leaves it."""
    told = failed(scripts, "x = Value(2.0)\nloss = x * x", "--output", "loss", "--input", "x")
    assert (told.status, told.err) == (0, "")
    graph = mgraph.load(scripts.folder / "f.json")
    assert said(graph) == ["x input 2.0", "loss mul x x"]
    assert dict(graph.runs[0].data or {}) == {"x": 2.0, "loss": 4.0}
    assert graph.runs[0].grad is None
    told = failed(scripts, "x = Value(2.0)\nloss = x * x", "--output", "los")
    assert told.status == 1
    assert 'did you mean "loss"?' in told.err


def test_inputs_that_are_no_leaves(scripts: Scripts) -> None:
    """A recording may have taken hours: it is written with the other inputs, and status 1."""
    options = ("--input", "nope", "--input", "x", "--input", "y")
    told = failed(scripts, "x = Value(2.0)\ny = x * Value(3.0)\ny.backward()", *options)
    assert told.status == 1
    assert said(mgraph.load(scripts.folder / "f.json")) == [
        "x input 2.0", "n1 param 3.0", "y mul x n1",
    ]  # fmt: skip
    assert "wrote     f.json" in told.out
    for words in ('"nope" is not a node of this graph', '"y" is a mul, and can\'t be an input'):
        lines = f"script.py: error[run-node]: {words}\n  expected  a leaf that the program made: "
        assert f"{lines}x, n1\n" in told.err


def test_wrong_command_lines(shell: Shell) -> None:
    """They are told with status 2: before the script runs, if possible."""
    shell.write("s.py", f"{dedent(ENGINE)}\nprint('hello')\n{BACKWARD}")
    for line, words in (
        (("s.py",), "Missing option '-o' / '--out'. For example: mgraph trace"),
        (("s.py", "-o", "f.txt"), "ends in .json or .msgpack"),
        (("s.py", "-o", "f.json", "--steps", "3"), "Options for the script go after --"),
        (("s.py", "-o", "f.json", "--call", "-1"), "-1 is not in the range x>=0"),
        (("s.py", "-o", "f.json", "--call", "0", "--output", "y"), "can't be combined"),
    ):
        told = shell("trace", *line)
        assert (told.status, told.raw) == (2, b""), line
        assert words in told.err
    told = shell("trace", "s.py", "-o", "f.json", "--call", "1")
    assert (told.status, told.out) == (2, "hello\n")
    assert "the script calls backward 1 time: --call 0 … 0" in told.err
    told = shell("trace", "s.py", "-o", "f.json", "--class", "nowhere:Value")
    assert told.status == 1
    assert "no class nowhere:Value" in told.err
    assert "__main__:Value" in told.err
    for line in (("nope.py", "-o", "f.json"), ("s.py", "-o", "nowhere/f.json")):
        told = shell("trace", *line)
        assert (told.status, told.raw) == (1, b"")
        assert f"{line[0 if line[0] == 'nope.py' else 2]}: error[io]" in told.err
    assert shell.files() == ["s.py"]


# --- spellings -------------------------------------------------------------------------------


def test_every_op_can_be_spelled() -> None:
    """Each op that computes has a spelling, its own name among them; none has two meanings."""
    assert [*SPELLINGS] == [*OPS]
    names = [name for names in SPELLINGS.values() for name in names]
    assert len({*names}) == len(names)
    for op in OPS:
        found = meaning_of(op)
        assert found is not None
        assert (found.op, found.is_reflected) == (op, False)
    assert meaning_of("gelu") is None


@pytest.mark.parametrize(
    ("name", "op", "reflected"),
    [
        ("__add__", "add", False), ("__rsub__", "sub", True), ("__truediv__", "div", False),
        ("__rtruediv__", "div", True), ("__imul__", "mul", False), ("__rpow__", "pow", True),
        ("__neg__", "neg", False), ("__abs__", "abs", False), ("ReLU", "relu", False),
        ("ln", "log", False), ("arctan", "atan", False), ("maximum", "max", False),
    ],
)  # fmt: skip
def test_spellings(name: str, op: str, reflected: bool) -> None:  # noqa: FBT001
    """Operators, reflected ones, and what functions are usually called."""
    found = meaning_of(name)
    assert found is not None
    assert (found.op, found.is_reflected) == (op, reflected)


# --- the page --------------------------------------------------------------------------------


def test_the_page_shows_what_is_printed(tmp_path: Path) -> None:
    """docs/trace.md: its script, what is typed after it, and what its Python prints."""
    page = (HERE.parent / "docs" / "trace.md").read_text(encoding="utf-8")
    script, program = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "neuron.py").write_text(script, encoding="utf-8")
    lines = [*typed(page)]
    assert len(lines) == 3
    for line, shown in lines:
        assert in_shell(f"{{ {line}\n}} 2>&1", tmp_path).out == shown, line
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert f"```text\n{done.stdout}```" in page
