"""assert_graph: what holds, what differs, and how it is told; outside of pytest's plugin, too."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import mgraph
from mgraph import GraphError, Tolerance, Value
from mgraph.golden import asserting as testing
from mgraph.golden.asserting import assert_graph
from mgraph.golden.rerun import SHOWN
from tests.command_line import FIXTURES, NEURON

if TYPE_CHECKING:
    from pathlib import Path


def product(a: float = 3.0, b: float = -2.0) -> Value:
    """Return y = a·b."""
    x = Value.param(a, name="a") * Value.param(b, name="b")
    x.name = "y"
    return x


def document(**changed: Any) -> dict[str, Any]:  # noqa: ANN401 - plain data
    """Return the file of y = a·b at 3 and -2, with numbers worked out by hand."""
    nodes = [
        {"id": "a", "op": "param", "data": 3.0},
        {"id": "b", "op": "param", "data": -2.0},
        {"id": "y", "op": "mul", "args": ["a", "b"]},
    ]
    runs = [
        {"origin": "by hand", "data": {"y": -6.0}, "grad": {"a": -2.0, "b": 3.0}},
        {"inputs": {"b": 0.5}, "origin": "by hand", "data": {"y": 1.5}},
    ]
    return {"mgraph": "1.0", "nodes": nodes, "outputs": ["y"], "runs": runs} | changed


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """Return a golden file of y = a·b."""
    path = tmp_path / "golden.json"
    path.write_text(json.dumps(document()), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watch nothing: this session of pytest may."""
    monkeypatch.setattr(testing, "session", None)


def told(value: Any, path: Path, **more: Any) -> list[str]:  # noqa: ANN401 - also what is wrong
    """Return the lines of a failure."""
    with pytest.raises(AssertionError) as caught:
        assert_graph(value, path, **more)
    return str(caught.value).splitlines()


def test_what_holds(golden: Path) -> None:
    """The same graph holds, at every input of the file, as Value, list of Values and Graph."""
    assert_graph(product(), golden)
    assert_graph([product()], golden)
    assert_graph(mgraph.Graph.of(product()), golden)
    assert_graph(mgraph.load(NEURON), NEURON)


def test_texts_are_the_files_own(golden: Path) -> None:
    """A name, docs, labels and meta in the golden file are no difference."""
    texts = document(name="product", doc="One product.", meta={"by": "hand"})
    texts["nodes"][0] |= {"label": "first", "doc": "A factor.", "meta": {"n": 1}}
    golden.write_text(json.dumps(texts), encoding="utf-8")
    assert_graph(product(), golden)


def test_no_backward_is_needed_or_used(golden: Path) -> None:
    """The numbers are those of the graph, whatever stands in `grad` of its Values."""
    y = product()
    y.backward()
    y.backward()
    assert_graph(y, golden)


def other_op() -> Value:
    """Return y = a + b."""
    y = Value.param(3.0, name="a") + Value.param(-2.0, name="b")
    y.name = "y"
    return y


def swapped() -> Value:
    """Return y = b·a."""
    a, b = Value.param(3.0, name="a"), Value.param(-2.0, name="b")
    y = b * a
    y.name = "y"
    return y


def with_more() -> Value:
    """Return y = a·b + c."""
    y = product()
    y.name = "product"
    z = y + Value(1.0, name="c")
    z.name = "y"
    return z


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (other_op(), ['node y, op: expected "mul", got "add"']),
        (swapped(), ['node y, args: expected "a, b", got "b, a"']),
        (product(b=2.0), ["node b, data: expected -2.0, got 2.0"]),
        (
            with_more(),
            [
                'node y, op: expected "mul", got "add"',
                'node y, args: expected "a, b", got "product, c"',
                'node product: expected nothing, got "mul(a, b)"',
                'node c: expected nothing, got "input"',
            ],
        ),
    ],
)
def test_another_structure(golden: Path, value: Value, expected: list[str]) -> None:
    """Every difference is named by node, with what was expected and what came; no numbers."""
    head, *rest, last = told(value, golden)
    assert head.endswith(f"golden.json: {expected[0]}")
    assert [line.strip() for line in rest if "evaluation order" not in line] == expected[1:]
    assert last.startswith("  to record it: ")


def test_another_output(golden: Path) -> None:
    """More outputs than the golden file's are a difference."""
    y = product()
    assert "outputs: expected" in told([y, y.args[0]], golden)[0]


def test_many_differences_are_counted(tmp_path: Path) -> None:
    """Twenty are shown."""
    path = tmp_path / "many.json"
    mgraph.save(mgraph.sum([Value(float(i), name=f"x{i}") for i in range(50)]), path)
    lines = told(mgraph.sum([Value(i + 0.5, name=f"x{i}") for i in range(50)]), path)
    assert len([line for line in lines if ", data: expected" in line]) == SHOWN
    assert "  … and 30 more" in lines


def test_another_number(golden: Path) -> None:
    """The first wrong number of a run, its error and origin, and the command to look closer."""
    wrong = document()
    wrong["runs"][1]["data"]["y"] = 1.25
    golden.write_text(json.dumps(wrong), encoding="utf-8")
    head, *rest = told(product(), golden)
    column = golden.read_text(encoding="utf-8").index("1.25") + 1
    assert head.endswith(
        "run 1: data of y: the file says 1.25, mgraph computes 1.5"
        f" (relative error 0.2; line 1, column {column})"
    )
    assert rest[0] == "  origin: by hand"
    assert rest[1].startswith("  look closer: mgraph explain ")
    assert rest[1].endswith("golden.json y --run 1")


def test_tolerance(golden: Path) -> None:
    """Numbers and leaves may be as far off as the run says, or as the test says instead."""
    near = product(a=3.0 * (1 + 1e-12))
    assert_graph(near, golden)
    far = product(a=3.0 * (1 + 1e-6))
    assert "node a, data" in told(far, golden)[0]
    assert_graph(far, golden, tolerance=Tolerance(rel=1e-5))
    assert "node a, data" in told(near, golden, tolerance=Tolerance(rel=0.0))[0]
    loose = document()
    loose["runs"] = [{"data": {"y": -6.01}, "tolerance": {"abs": 0.1}}]
    golden.write_text(json.dumps(loose), encoding="utf-8")
    assert_graph(product(), golden)


def test_an_input_that_the_file_leaves_open(golden: Path) -> None:
    """Where the file gives an input only in its runs, a Value may have any number."""
    is_open = document(runs=[{"inputs": {"b": 0.5}, "data": {"y": 1.5}}])
    is_open["nodes"][1] = {"id": "b", "op": "input"}
    golden.write_text(json.dumps(is_open), encoding="utf-8")
    y = Value.param(3.0, name="a") * Value(77.0, name="b")
    y.name = "y"
    assert_graph(y, golden)


def test_files_that_hold_no_expectation(golden: Path) -> None:
    """A file that is not there, that is refused, or that has no runs, is a failure."""
    golden.write_text(json.dumps(document(runs=[])), encoding="utf-8")
    assert "it has no runs" in told(product(), golden)[0]
    golden.write_text('{"mgraph": "1.0", "nodes": 3}', encoding="utf-8")
    text = "\n".join(told(product(), golden))
    assert 'golden.json:1:1: error[missing-field]: "outputs" is missing' in text
    assert "golden.json:1:28: error[type]" in text
    golden.unlink()
    head, last = told(product(), golden)
    assert head.endswith("golden.json: there is no such golden file")
    here = "tests/golden/test_asserting.py::test_files_that_hold_no_expectation"
    assert last == f"  to record it: pytest {here} --mgraph-accept"
    assert "error[io]: can't tell from its name" in told(product(), golden.with_suffix(".txt"))[0]


def test_what_is_no_graph(golden: Path) -> None:
    """Values that can't be in a file are told as elsewhere."""
    with pytest.raises(GraphError, match="can't be an id"):
        assert_graph(Value(1.0, name="a b"), golden)
    wrong: Any = 3
    with pytest.raises(TypeError, match="expected a Value, not int"):
        assert_graph(wrong, "x.json")
    with pytest.raises(TypeError, match="expected a Value"):
        assert_graph([3.0], golden)  # type: ignore[list-item]


SCRIPT = """
from mgraph import Value
from mgraph.testing import assert_graph
y = Value.param(3.0, name="a") * Value.param({b}, name="b")
y.name = "y"
assert_graph(y, "golden.json")
import sys
print("holds", "pytest" in sys.modules)
"""


@pytest.mark.parametrize(("b", "status"), [("-2.0", 0), ("2.0", 1)])
def test_without_pytest(
    golden: Path, tmp_path_factory: pytest.TempPathFactory, b: str, status: int
) -> None:
    """In a plain script, run from anywhere, it is an assertion beside the script's own file."""
    script = golden.with_name("script.py")
    script.write_text(SCRIPT.format(b=b), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path_factory.mktemp("elsewhere"),
        capture_output=True, text=True, check=False, env={},
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert done.stdout == ("" if status else "holds False\n")
    if status:
        assert "golden.json: node b, data: expected -2.0, got 2.0" in done.stderr
        assert "to record it: run this under pytest --mgraph-accept, or mgraph.save" in done.stderr


def test_every_golden_graph_holds_against_itself() -> None:
    """Live Values made from our fixtures are the graphs that they were made from."""
    checked = 0
    for path in sorted((FIXTURES / "run").rglob("*.json")):
        graph = mgraph.load(path)
        if not (graph.columns.unbound() or graph.columns.unreached()):
            values = graph.values()
            assert_graph([values[name] for name in graph.outputs], path)
            checked += 1
    assert checked > 100
