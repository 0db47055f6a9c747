"""A few graphs of one's own: causes are found with the rest of the golden set, as evidence."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import pytest

from mgraph.grade.cases import cases_of, golden_set
from mgraph.grade.quick_set import QUICK
from tests.engines.mutants import SOURCE
from tests.grade.test_class import PLUS_BY_HAND
from tests.loops import thinned

if TYPE_CHECKING:
    from tests.command_line import Shell

GOLDEN: Final = len([*cases_of([str(golden_set())])])

ADDS_ONCE: Final = """            self.grad += out.grad
            other.grad += out.grad

        out._backward = _backward
        return out

    def __sub__"""
MISTAKES: Final[dict[str, tuple[tuple[str, str], dict[str, str]]]] = {
    "add gives nothing to its second operand": (
        (ADDS_ONCE, ADDS_ONCE.replace("            other.grad += out.grad\n", "", 1)),
        {"no-gradient": "add passes nothing on to its second operand"},
    ),
    "add sets": (
        (ADDS_ONCE, ADDS_ONCE.replace("+=", "=")),
        {"overwritten": "add sets the gradients of its operands with `=`"},
    ),
}  # fmt: skip
"""The edit, and what must be said of a graph that shows it, which alone fits other causes, too."""

TWICE: Final = b"""{"mgraph": "1.0", "nodes": [
  {"id": "x", "op": "param", "data": 3.0}, {"id": "k", "op": "param", "data": 3.0},
  {"id": "y", "op": "add", "args": ["k", "x"]}, {"id": "z", "op": "add", "args": ["y", "x"]}],
  "outputs": ["z"], "runs": [{"grad": {"z": 1.0, "y": 1.0, "k": 1.0, "x": 2.0}}]}"""

SEEDED: Final = TWICE.replace(
    b'{"grad": {"z": 1.0, "y": 1.0, "k": 1.0, "x": 2.0}}',
    b'{"seed": {"z": 2.5}, "grad": {"z": 2.5, "y": 2.5, "k": 2.5, "x": 5.0}}',
)


def engine(shell: Shell, *edits: tuple[str, str]) -> str:
    """Write the engine with some edits; return its name for the command line."""
    source = SOURCE
    for old, new in edits:
        assert source.count(old) == 1, old
        source = source.replace(old, new)
    shell.write("engine.py", source)
    return "engine.py:Value"


def report(shell: Shell, *args: str) -> Any:  # noqa: ANN401 - plain data
    """Return the report on an engine."""
    said = shell("grade", *args, "--json")
    assert said.err == ""
    return said.json


@pytest.fixture
def shell(mgraph: Shell) -> Shell:
    """Return a folder with a graph in which x is used by two sums, beside its equal."""
    mgraph.write("twice.json", TWICE)
    return mgraph


@pytest.mark.parametrize("name", thinned(MISTAKES, 2))
def test_one_graph_is_enough(shell: Shell, name: str) -> None:
    """The true cause is named of a single graph; only that graph is counted."""
    edit, expected = MISTAKES[name]
    found = report(shell, engine(shell, edit), "twice.json")
    assert {each["cause"]: each["cases"] for each in found["causes"]} == dict.fromkeys(expected, 1)
    for each in found["causes"]:
        assert expected[each["cause"]] in each["says"]
        assert each["lesson"] == "twice.json"
    assert [case["file"] for case in found["cases"]] == ["twice.json"]
    assert (found["summary"]["cases"], found["further"]) == (1, GOLDEN)


def test_a_mistake_that_no_graph_shows(shell: Shell) -> None:
    """What is wrong elsewhere doesn't matter: a right graph is right, and no other is run."""
    name = engine(shell, ("            self.grad += other.data * out.grad\n", ""))
    found = report(shell, name, "twice.json")
    assert (found["causes"], found["further"], found["summary"]["failed"]) == ([], 0, False)


@pytest.mark.thorough
def test_a_convention_shows_in_one_graph(shell: Shell) -> None:
    """An engine that clears the gradients of interior nodes is graded by the leaves.

    One that keeps the gradient of the node whose backward is called is, too: where the output has a
    seed, that is the product with it, and not the output.
    """
    shell.write("seeded.json", SEEDED)
    cleared = "            node._backward()\n"
    for which in ("node._prev", "node._prev and node is not self"):
        clears = f"{cleared}            if {which}:\n                node.grad = 0.0\n"
        found = report(shell, engine(shell, (cleared, clears)), "twice.json", "seeded.json")
        outcomes = {case["outcome"] for case in found["cases"]}
        assert outcomes == {"differing convention"}, which
        assert found["summary"]["failed"] is False, which


def test_gradients_of_leaves_only_are_a_convention(shell: Shell) -> None:
    """An engine whose interior nodes have no gradient at all is right, and told what was graded."""
    kept = "            node._backward()\n"
    names = ("diamond", "inside-tanh", "op-mul", "x-squared", "shared-weight")
    files = [str(golden_set() / f"{name}.json") for name in names]
    told = "only leaves have gradients, which is a convention; the engine was graded by them"
    dropped = f"{kept}            if node._prev:\n                node.grad = None\n"
    for change, is_told in ((kept, False), (dropped, True)):
        said = shell("grade", engine(shell, (kept, change)), *files)
        assert said.status == 0
        assert (told in " ".join(said.out.split())) == is_told


@pytest.mark.thorough
def test_skipped_cases_are_no_evidence(shell: Shell) -> None:
    """What is skipped isn't run, as evidence either; nor is what is graded anyway."""
    name = engine(shell, MISTAKES["add sets"][0])
    found = report(shell, name, "--quick", "--skip", "diamond")
    quick = len(QUICK) - sum(file == "diamond.json" for file, _ in QUICK)
    skipped = sum("diamond" in case.names for case in cases_of([str(golden_set())]))
    assert len(found["cases"]) == quick
    assert found["further"] == GOLDEN - quick - skipped
    assert ("overwritten", "add") in [(each["cause"], each["op"]) for each in found["causes"]]


def test_a_class(shell: Shell) -> None:
    """The engines of a class get the same evidence."""
    engine(shell, MISTAKES["add gives nothing to its second operand"][0])
    shell.path("class").mkdir()
    shell.path("engine.py").rename(shell.path("class/anna.py"))
    found = shell("grade", "--engines", "class", "--sandbox", "off", "twice.json", "--json").json
    assert [(each["cause"], each["op"]) for each in found[0]["causes"]] == [("no-gradient", "add")]
    assert (len(found[0]["cases"]), found[0]["further"]) == (1, GOLDEN)


@pytest.mark.thorough
def test_a_program(shell: Shell) -> None:
    """So does a program in another language."""
    shell.write("program.py", PROGRAM)
    found = shell("grade", "--cmd", f"{sys.executable} program.py", "plus.json", "--json").json
    assert [each["cause"] for each in found["causes"]] == ["seed"]
    assert (len(found["cases"]), found["further"]) == (1, GOLDEN)


@pytest.fixture(autouse=True)
def plus(shell: Shell) -> None:
    """Write a graph of one sum."""
    shell.write("plus.json", PLUS_BY_HAND)


PROGRAM: Final = """
import json, sys
import mgraph
for line in sys.stdin:
    document, graph = json.loads(line), mgraph.loads(line)
    (run,) = document["runs"]
    seed = run.get("seed") or {graph.outputs[0]: 1.0}
    done = graph.run(run.get("inputs"), seed={name: 2.5 * x for name, x in seed.items()})
    run |= {"data": dict(done.data), "grad": dict(done.grad)}
    print(json.dumps(document), flush=True)
"""


@pytest.mark.thorough
def test_crashes_are_not_put_down_to_a_slope(shell: Shell) -> None:
    """A backward pass that calls itself, and exp of 800, are named beside an op that is wrong."""
    recursive = SOURCE[SOURCE.index("    def backward(self)") :]
    walk = """    def backward(self):
        order, seen = [], set()

        def visit(node):
            if node not in seen:
                seen.add(node)
                for child in node._prev:
                    visit(child)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            node._backward()
"""
    name = engine(
        shell, (recursive, walk), ("            other.grad += self.data * out.grad\n", "")
    )
    found = report(shell, name)
    causes = {(each["cause"], each["op"]) for each in found["causes"]}
    assert {("no-gradient", "mul"), ("depth", None)} <= causes
    of = {case["file"].rpartition("/")[2]: case["cause"] for case in found["cases"]}
    assert of["chain-2000.json"] == "depth"


@pytest.mark.thorough
def test_one_wrong_name_is_one_cause(shell: Shell) -> None:
    """What is misspelt in every op is said once, with the lines."""
    shell.write("engine.py", SOURCE.replace("* out.grad", "* out.gard"))
    lines = [i for i, text in enumerate(SOURCE.split("\n"), 1) if "* out.grad" in text]
    errors = [
        each for each in report(shell, "engine.py:Value")["causes"] if each["cause"] == "error"
    ]
    assert len(errors) == 1
    assert f"(engine.py, lines {lines[0]}, {lines[2]}" in errors[0]["says"]
    assert "'Value' object has no attribute 'gard'" in errors[0]["says"]
