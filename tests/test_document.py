"""The library as its users hold it: load, run, values, save."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest

import mgraph
from mgraph import Graph, GraphError, Value
from mgraph.format.reading import inspect
from mgraph.graph.run import annotated

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


def test_a_graph_says_what_it_takes() -> None:
    """Inputs and params are in the file's order, with the values that the file states for them."""
    graph = mgraph.loads(
        '{"mgraph": "1.0", "nodes": [{"id": "z", "op": "neg", "args": ["b"]}, {"id": "b", "op": '
        '"input"}, {"id": "w", "op": "param", "data": -3}, {"id": "k", "op": "const", "data": 2}, '
        '{"id": "a", "op": "input", "data": 0.5}, {"id": "v", "op": "param", "data": 0}, {"id": '
        '"s", "op": "sum", "args": ["z", "w", "k", "a", "v"]}], "outputs": ["s"]}'
    )
    for each in (graph, mgraph.loads(b"".join(graph.to_bytes(".msgpack")))):
        assert [*each.inputs.items()] == [("b", None), ("a", 0.5)]
        assert [*each.params.items()] == [("w", -3.0), ("v", 0.0)]
    assert graph.run({**graph.params, "b": 1.0, "w": 4.0}).data == {
        "b": 1.0, "z": -1.0, "w": 4.0, "k": 2.0, "a": 0.5, "v": 0.0, "s": 5.5,
    }  # fmt: skip
    constant = Graph.of(Value.const(1.0))
    assert (constant.inputs, constant.params) == ({}, {})


def test_inputs_that_come_with_a_name() -> None:
    """A dict of inputs as a keyword would be the value of a node: the error says what to write."""
    graph = mgraph.load(FIXTURES / "neuron.json")
    for run in (graph.run, graph.compile()):
        for name in ("inputs", "values"):
            given: dict[str, Any] = {name: {"x1": 2.0}}
            with pytest.raises(GraphError, match=f"first argument, without {name}=") as caught:
                run(**given)
            assert codes(caught) == ["number"]
    named = Graph.of(Value(1.0, name="inputs"))
    assert named.run(inputs=2.0).data == {"inputs": 2.0}


def test_what_a_graph_shows() -> None:
    """One node is not called nodes, and one run is not called runs."""
    graph = Graph.of(Value(1.0))
    assert repr(graph) == "<Graph 1 node, 0 runs>"
    assert repr(graph.with_runs([graph.run()])) == "<Graph 1 node, 1 run>"
    assert repr(neuron()).startswith("<Graph 'neuron', ")


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
    wrong: Any
    for wrong, kind in (([3.0], "float"), (3, "int"), (None, "NoneType"), ("c", "str")):
        with pytest.raises(TypeError, match=f"expected a Value, not {kind}"):
            mgraph.save(wrong, tmp_path / "x.json")
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


ACCEPTED = sorted(
    path
    for path in (*(FIXTURES / "warn").rglob("*.*"), *(FIXTURES / "run").rglob("*.json"))
    if not path.name.endswith(".diagnostic.json")
)


def test_what_is_accepted_can_be_written_and_read_again() -> None:
    """Every accepted file survives JSON and msgpack, whatever is empty in it."""
    assert len(ACCEPTED) > 200
    for path in ACCEPTED:
        graph = mgraph.load(path)
        text = b"".join(graph.to_bytes(".json"))
        json.loads(text)
        again = mgraph.loads(text)
        packed = mgraph.loads(b"".join(again.to_bytes(".msgpack")))
        for each in (again, packed):
            assert (each.hash, each.header) == (graph.hash, graph.header)
            assert repr(each.runs) == repr(graph.runs)  # NaN is no equal of NaN


@pytest.mark.parametrize(
    ("run", "code"),
    [
        ({"inputs": {"nope": 1.0}}, "run-node"),
        ({"inputs": {"o": 1.0}}, "run-node"),
        ({"inputs": {"x1": True}}, "number"),
        ({"inputs": {"x1": "3"}}, "number"),
        ({"seed": {"q": 1.0}}, "run-node"),
        ({"seed": {"n": 1.0}}, "seed"),
        ({"seed": {"o": float("nan")}}, "seed"),
        ({"origin": "x" * 2000}, "limit"),
        ({"origin": "mgraph, as if", "inputs": {"nope": 1.0}}, "run-node"),
        ({"origin": "mgraph, as if", "graph": "zzz"}, "hash"),
        ({"origin": "\ud800"}, "encoding"),
        ({"graph": "zzz"}, "hash"),
        ({"data": {"o": "abc"}}, "number"),
        ({"data": {"nope": 1.0}}, "run-node"),
        ({"tolerance": mgraph.Tolerance(rel=float("inf"))}, "number"),
        ({"tolerance": mgraph.Tolerance(abs=-1.0)}, "number"),
    ],
)
def test_no_file_is_written_that_could_not_be_read(
    tmp_path: Path, run: dict[str, Any], code: str
) -> None:
    """A run that was made by hand is checked as a reader would; the old file stays."""
    path = tmp_path / "neuron.json"
    graph = neuron()
    graph.to_file(path)
    before = path.read_bytes()
    with pytest.raises(GraphError) as caught:
        graph.to_file(path, runs=[mgraph.Run(**run)])
    assert code in codes(caught)
    assert path.read_bytes() == before


def test_texts_are_checked_before_they_are_written(tmp_path: Path) -> None:
    """A name or doc that no file can hold is refused, and a sum of too many arguments."""
    x = Value(1.0, name="x")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"name": "n" * 2000}, "limit"),
        ({"doc": "n" * 70_000}, "limit"),
        ({"name": 3}, "type"),
        ({"name": "\ud800"}, "encoding"),
    ]
    for texts, code in cases:
        with pytest.raises(GraphError) as caught:
            mgraph.save(-x, tmp_path / "x.json", **texts)
        assert codes(caught) == [code]
    with pytest.raises(GraphError) as caught:
        mgraph.save(mgraph.sum([x] * 70_000), tmp_path / "x.json")
    assert codes(caught) == ["limit"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", ["3", "abc", None, True, [1.0], 1j])
def test_what_is_no_number_is_refused(wrong: Any) -> None:  # noqa: ANN401
    """Neither as an input nor as a seed; a huge integer is an infinity, as for a Value."""
    for given in ({"x1": wrong}, {"seed": {"o": wrong}}):
        with pytest.raises(GraphError) as caught:
            neuron().run(**given)
        assert codes(caught) == ["number"]
    run = neuron().run(x1=10**400)
    assert run.inputs == {"x1": float("inf")}


def test_a_file_can_be_stripped_of_runs_that_no_longer_fit() -> None:
    """After a leaf was edited by hand, the hash of the runs is another graph's."""
    text = (FIXTURES / "neuron.json").read_text(encoding="utf-8").replace("-3.0}", "-2.0}")
    with pytest.raises(GraphError) as caught:
        mgraph.loads(text)
    assert codes(caught) == ["hash"]
    stripped = inspect(text.encode(), strip=True).graph
    assert stripped is not None
    assert stripped.runs == ()


def test_warnings_beyond_the_first_hundred_are_counted() -> None:
    """A file with many of them is accepted, and says how many it kept to itself."""
    rows = ", ".join(f'{{"id": "p{i}", "op": "param", "data": {2**53 + 1}}}' for i in range(250))
    names = ", ".join(f'"p{i}"' for i in range(250))
    found = inspect(f'{{"mgraph": "1.0", "nodes": [{rows}], "outputs": [{names}]}}'.encode())
    assert found.graph is not None
    assert (len(found.diagnostics), found.more) == (100, 150)


def test_values_can_be_pickled() -> None:
    """A small graph of Values goes through pickle and copy, and still differentiates."""
    x = Value(3.0, name="x")
    y = pickle.loads(pickle.dumps(x * x))  # noqa: S301 - our own bytes
    z = copy.deepcopy(y)
    for each in (y, z):
        each.backward()
        assert each.args[0].grad == 6.0
    assert x.grad == 0.0
