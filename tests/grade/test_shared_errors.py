"""Cases that end in the same error have one cause, and what fails because of another op says so."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from mgraph.grade.cases import cases_of, golden_set
from mgraph.grade.causes import Cause
from mgraph.grade.outcomes import Answer, Outcome, Verdict

if TYPE_CHECKING:
    from tests.command_line import Shell

ENGINE: Final = """
class Value:
    def __init__(self, data, operands=()):
        self.data, self.grad, self.operands = data, 0.0, operands
    def __add__(self, other):
        return Value(self.data + other.data, (self, other))
    def __neg__(self):
        return -self
    def __sub__(self, other):
        return self + -other
    def backward(self):
        self.grad += 1.0
        for operand in self.operands:
            operand.grad += 1.0
"""
"""Its `neg` calls itself, and its `sub` is made of that."""

PROGRAM: Final = """
import json, sys
for line in sys.stdin:
    document = json.loads(line)
    if "tanh" in line:
        print("reading the graph", file=sys.stderr)
        raise KeyError(%s)
    document["runs"] = [{"data": {"a": 2.0, "b": 2.0, "y": 4.0}, "grad": {"y": 1, "a": 1, "b": 1}}]
    print(json.dumps(document), flush=True)
"""
"""Answers a sum, and ends with an error if a graph has tanh."""


def graph(op: str, *args: str, **want: float) -> Any:  # noqa: ANN401 - plain data
    """Return the graph of y, an op of params that are 2, with what is expected of its value."""
    leaves = [{"id": arg, "op": "param", "data": 2.0} for arg in dict.fromkeys(args)]
    nodes = [*leaves, {"id": "y", "op": op, "args": [*args]}]
    return {"mgraph": "1.0", "nodes": nodes, "outputs": ["y"], "runs": [{"data": want}]}


def test_an_op_that_fails_by_another(shell: Shell) -> None:
    """Of a function that calls itself without end, the ops that only use it are named, too."""
    shell.write("engine.py", ENGINE)
    shell.write("plus.json", graph("add", "a", "b", y=4.0))
    shell.write("minus.json", graph("sub", "a", "b", y=0.0))
    shell.write("negative.json", graph("neg", "a", y=-2.0))
    said = shell("grade", "engine.py:Value", "plus.json", "minus.json", "negative.json", "--json")
    (cause,) = said.json["causes"]
    assert (cause["cause"], cause["op"], cause["cases"]) == ("error", "neg", 2)
    assert cause["says"].startswith("__neg__ calls itself without end (engine.py, line ")
    assert cause["says"].endswith("; sub uses it, and fails, too")


def causes(shell: Shell, raised: str) -> list[tuple[str, str, int, str]]:
    """Grade a program that ends with KeyError if there is a tanh, and return the causes."""
    shell.write("program.py", PROGRAM % raised)
    shell.write("plus.json", graph("add", "a", "b", y=4.0))
    shell.write("tanh.json", graph("tanh", "a", y=0.9640275800758169))  # mpmath, 50 digits
    again = graph("tanh", "a", y=0.9640275800758169)
    shell.write("again.json", again | {"name": "again"})
    files = ("plus.json", "tanh.json", "again.json")
    said = shell("grade", "--cmd", f"{sys.executable} program.py", *files, "--json")
    found = said.json["causes"]
    return [(each["cause"], each["op"], each["cases"], each["says"]) for each in found]


def test_the_error_of_a_program(shell: Shell) -> None:
    """What a program said last is a cause if several cases end so, with the op that all have."""
    error = "its process ended with status 1: KeyError: 'missing'"
    says = f"in graphs with tanh, {error}"
    assert causes(shell, "'missing'") == [("error", "tanh", 2, says)]
    assert causes(shell, "document['name']") == []  # each ends otherwise: nothing is shared


def test_a_program_that_always_ends_with_an_error(shell: Shell) -> None:
    """If no graph works, the op of those that were tried is not to blame."""
    shell.write("program.py", "import sys; sys.exit('Cannot find module')")
    shell.write("tanh.json", graph("tanh", "a", y=0.9640275800758169))
    shell.write("again.json", graph("tanh", "a", y=0.9640275800758169) | {"name": "again"})
    files = ("tanh.json", "again.json")
    said = shell("grade", "--cmd", f"{sys.executable} program.py", *files, "--json")
    (cause,) = said.json["causes"]
    assert (cause["op"], cause["cases"]) == (None, 2)
    assert cause["says"] == "its process ended with status 1: Cannot find module"


def test_what_is_said_of_a_lesson() -> None:
    """A golden graph explains the causes that it was made for, and its op; one's own graph any."""
    (case, *_) = cases_of([str(golden_set() / "x-minus-x.json")])
    own = replace(case, file="mine.json")
    for cause, op, lesson, is_said in (
        ("aliased", "", case, True),  # it was made for that
        ("stale", "", case, False),
        ("stale", "", own, True),
        ("no-gradient", "sub", next(cases_of([str(golden_set() / "op-sub.json")])), True),
    ):
        shown = Cause(cause, op, "", [Outcome(lesson, Answer(lesson.program), Verdict.CRASHED)])
        assert shown.explanation == (lesson.graph.doc if is_said else ""), (cause, lesson.file)
