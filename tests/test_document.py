"""The library as its users hold it: load, run, values, save."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import mgraph
from mgraph import Graph, GraphError, Value
from mgraph.run import annotated

FIXTURES = Path(__file__).parent.parent / "fixtures"


def codes(error: pytest.ExceptionInfo[GraphError]) -> list[str]:
    """Return the codes of a refusal."""
    return [each.code for each in error.value.diagnostics]


def neuron() -> Graph:
    """Load the README's graph."""
    return mgraph.load(FIXTURES / "neuron.json")


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    """Values to a file, the file to a graph, the graph run with another input, and back.

    Expected: tanh(3·(-3) + 6.88) = tanh(-2.12) = -0.97159407725… and the slope of the weight is
    3·(1 - tanh²) = 0.16801484713…, to ten digits from a table of tanh.
    """
    x, w, b = Value(2.0, name="x"), Value.param(-3.0, name="w"), Value.param(6.88, name="b")
    o = (x * w + b).tanh()
    o.name = "o"
    o.backward()
    mgraph.save(o, tmp_path / "neuron.json", name="neuron", doc="One neuron.")
    graph = mgraph.load(tmp_path / "neuron.json")
    assert (graph.name, graph.doc, graph.outputs, len(graph)) == (
        "neuron",
        "One neuron.",
        ("o",),
        6,
    )
    assert graph.runs[0].grad == {
        name: value.grad for name, value in (("x", x), ("w", w), ("b", b))
    } | {"n3": o.args[0].args[0].grad, "n4": o.args[0].grad, "o": 1.0}
    run = graph.run(x=3.0)
    assert run.data is not None
    assert run.grad is not None
    assert run.data["o"] == pytest.approx(-0.9715940772546, rel=1e-12)
    assert run.grad["w"] == pytest.approx(0.1680148471312, rel=1e-12)
    graph.to_file(tmp_path / "n.msgpack", runs=[run])
    again = mgraph.load(tmp_path / "n.msgpack")
    assert again.hash == graph.hash
    assert again.runs == (run,)
    assert graph.values()["w"].data == -3.0


def test_values_are_live() -> None:
    """The Values of a file can be differentiated, changed and named."""
    values = neuron().values()
    assert [*values][:3] == ["x1", "x2", "w1"]
    values["o"].backward()
    assert values["x1"].grad == pytest.approx(-1.5)
    assert values["w1"].op == "param"
    assert values["x1w1"].args == (values["x1"], values["w1"])


def test_inputs_and_seeds_are_checked() -> None:
    """A name that is not there, an op, a const, a seed on no output: each has its code."""
    graph = mgraph.loads(
        '{"mgraph": "1.0", "nodes": [{"id": "x", "op": "input"}, {"id": "k", "op": "const", '
        '"data": 2}, {"id": "a", "op": "mul", "args": ["x", "k"]}, {"id": "b", "op": "neg", '
        '"args": ["x"]}], "outputs": ["a", "b"]}'
    )
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({"inputs": {"y": 1.0}}, ["run-node"]),
        ({"inputs": {"k": 1.0}}, ["run-node"]),
        ({"inputs": {"a": 1.0}}, ["run-node"]),
        ({"seed": {"a": 1.0}}, ["unbound-input"]),
        ({"inputs": {"x": 1.0}}, ["seed"]),
        ({"inputs": {"x": 1.0}, "seed": {"x": 1.0}}, ["seed"]),
        ({"inputs": {"x": 1.0}, "seed": {"a": float("inf")}}, ["seed"]),
    ]
    for given, expected in cases:
        with pytest.raises(GraphError) as caught:
            graph.run(given.get("inputs"), seed=given.get("seed"))
        assert codes(caught) == expected, given
    with pytest.raises(GraphError) as caught:
        graph.values()
    assert codes(caught) == ["unbound-input"]
    run = graph.run({"x": 3.0}, seed={"a": 1.0, "b": -2.0})
    assert run.grad == {"x": 4.0, "a": 1.0, "b": -2.0}
    assert graph.run(seed={"b": 1.0}, x=3.0).grad == {"x": -1.0, "b": 1.0}
    assert graph.run(seed={"b": 1.0}, grad=False, x=3.0).grad is None
    with pytest.raises(ValueError, match="no engine"):
        graph.run(engine="steam", x=1.0)


def test_names_become_ids(tmp_path: Path) -> None:
    """Own names, default ones around them, and what can't be an id."""
    n2, b = Value(1.0, name="n2"), Value(2.0)
    c = n2 + b
    assert Graph.of(c).columns.ids == ["n2", "n1", "n2_"]
    c.name = "n2"
    with pytest.raises(GraphError) as caught:
        mgraph.save(c, tmp_path / "x.json")
    assert codes(caught) == ["duplicate-id"]
    c.name = "with space"
    with pytest.raises(GraphError) as caught:
        mgraph.save(c, tmp_path / "x.json")
    assert codes(caught) == ["id"]
    c.name = "c"
    with pytest.raises(GraphError) as caught:
        mgraph.save([c, c], tmp_path / "x.json")
    assert codes(caught) == ["output"]
    with pytest.raises(GraphError) as caught:
        mgraph.save(c, tmp_path / "x.yaml")
    assert codes(caught) == ["io"]
    with pytest.raises(TypeError):
        mgraph.save([3.0], tmp_path / "x.json")  # type: ignore[list-item]
    assert list(tmp_path.iterdir()) == []


def test_several_outputs_are_saved_with_a_run_each(tmp_path: Path) -> None:
    """Each output is seeded once: the rows of the Jacobian."""
    x = Value(2.0, name="x")
    a, b = x * x, -x
    a.name, b.name = "a", "b"
    graph = mgraph.save([a, b], tmp_path / "two.json")
    assert [(run.seed, run.grad and run.grad["x"]) for run in graph.runs] == [
        ({"a": 1.0}, 4.0),
        ({"b": 1.0}, -1.0),
    ]
    assert mgraph.load(tmp_path / "two.json").runs == graph.runs


def test_saving_runs_the_graph_anew(tmp_path: Path) -> None:
    """A leaf that was changed since does not make the file contradict itself."""
    x = Value(2.0, name="x")
    y = x * x
    y.name = "y"
    x.data = 3.0
    graph = mgraph.save(y, tmp_path / "square.json")
    assert graph.runs[0].data == {"x": 3.0, "y": 9.0}


def test_runs_are_added_or_replace_their_like() -> None:
    """A self-recorded run is replaced by one that asks the same, an expectation never."""
    graph = neuron()
    first = annotated(graph.runs, graph.run(), graph.outputs)
    assert len(first) == 2
    assert first[0] == graph.runs[0]
    assert len(annotated(first, graph.run(seed={"o": 1.0}), graph.outputs)) == 2
    assert len(annotated(first, graph.run(x1=2.0), graph.outputs)) == 3
    assert len(annotated(first, graph.run(seed={"o": 2.0}), graph.outputs)) == 3


def test_annotation_leaves_the_rest_alone(tmp_path: Path) -> None:
    """Writing a run back changes nothing else: every file of ours is rewritten to the byte."""
    for path in sorted((FIXTURES / "run").rglob("*.json")):
        graph = mgraph.load(path)
        graph.to_file(tmp_path / "copy.json")
        assert (tmp_path / "copy.json").read_bytes() == path.read_bytes(), path
        more = graph.with_runs((*graph.runs, *graph.runs[:1]))
        before, after = json.loads(path.read_bytes()), json.loads(b"".join(more.to_bytes()))
        assert after["runs"][:-1] == before["runs"]
        assert {**after, "runs": 0} == {**before, "runs": 0}


def test_runs_must_fit_the_graph() -> None:
    """A run that names another graph's nodes is not written."""
    graph = neuron()
    with pytest.raises(GraphError) as caught:
        graph.with_runs([mgraph.Run(data={"nobody": 1.0})])
    assert codes(caught) == ["run-node"]
    own = graph.with_runs([mgraph.Run(grad={"x1": -1.5}, origin="by hand")])
    assert json.loads(b"".join(own.to_bytes()))["runs"] == [
        {"origin": "by hand", "grad": {"x1": -1.5}}
    ]


def test_errors_say_everything_at_once() -> None:
    """All faults, with place, in one exception that prints as the command line does."""
    text = (
        '{"mgraph": "1.0",\n "nodes": [{"id": "x", "op": "imput", "data": 1},\n'
        '  {"id": "y", "op": "neg", "args": ["z"]}],\n "outputs": ["o"]}'
    )
    with pytest.raises(GraphError) as caught:
        mgraph.loads(text, name="my.json")
    assert codes(caught) == ["unknown-op", "unknown-node", "output"]
    assert 'my.json:2:30: error[unknown-op]: node "x" uses op "imput"' in str(caught.value)
    assert 'did you mean "input"?' in str(caught.value)
