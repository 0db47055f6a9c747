"""Gradients as graphs: the bits of a run, 50-digit arithmetic, and what the graphs look like."""

from __future__ import annotations

import json
import operator
from typing import TYPE_CHECKING, Any

import mpmath
import numpy as np
import pytest

import mgraph
from mgraph import Graph, GraphError, Tolerance, Value
from mgraph.analysis import derive
from mgraph.analysis.derive import columns, layout_columns, plain
from mgraph.analysis.derive.request import request_of
from mgraph.format.runs import SETTABLE
from mgraph.graph import passes
from mgraph.ops import CONST, NAMES
from tests.analysis.random_graphs import random_graph
from tests.loops import shared
from tests.test_fixtures import golden_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import ModuleType

    from mgraph.graph.columns import Columns
    from tests.command_line import Shell

SAME = Tolerance()
"""The tolerance {} of the format: the same bits, save the sign of zero."""

DIGITS = 50


def names(gradient: Graph) -> dict[str, str]:
    """Return the id of each gradient by its name, which is its id or its label."""
    labels = gradient.columns.labels
    nodes = gradient.columns.outputs[1:]
    return {labels.get(i, gradient.columns.ids[i]): gradient.columns.ids[i] for i in nodes}


def differences(
    graph: Graph, output: str, inputs: Mapping[str, float]
) -> Iterator[tuple[str, float, float]]:
    """Yield where the gradient graph by all nodes has other numbers than a run."""
    want = graph.run(inputs, seed={output: 1.0})
    assert want.grad is not None
    if not want.grad:
        return
    gradient = graph.derive(*want.grad, output=output)
    known = {name: x for name, x in inputs.items() if name in gradient.columns.index}
    got = gradient.run(known, seed={output: 1.0}, grad=False)
    assert got.data is not None
    assert SAME.allows(got.data[output], want.data[output])  # type: ignore[index]
    for (name, node), (by, number) in zip(names(gradient).items(), want.grad.items(), strict=True):
        assert name == f"d_{output}/d_{by}"
        if not SAME.allows(got.data[node], number):
            yield by, got.data[node], number


# --- the same bits as a run --------------------------------------------------------------------


@shared
def test_goldens_have_the_gradients_of_a_run(share: float) -> None:
    """By every node of every golden file, at all inputs of its runs: no bit differs."""
    count = 0
    for path in [*golden_files()][:: round(1 / share)]:
        graph = mgraph.load(path)
        for output in graph.outputs:
            for run in graph.runs:
                assert [*differences(graph, output, run.inputs)] == [], path
                count += 1
    assert count > 1_000 * share


def test_random_graphs_have_the_gradients_of_a_run() -> None:
    """Graphs of all ops, with NaN, infinities and zeros among the leaves."""
    for number in range(200):
        graph = random_graph(number)
        assert [*differences(graph, graph.outputs[0], {})] == [], number


def test_gradients_of_gradients_have_the_bits_of_a_run() -> None:
    """The second derivative is the gradient that a run of the first one has."""
    for number in range(40):
        graph = random_graph(number, nodes=15)
        gradient = graph.derive()
        for output in gradient.outputs:
            node = gradient.columns.index[output]
            marks = gradient.columns.reached([node])
            if any(gradient.columns.op(i) in ("input", "param") and marks[i] for i in range(node)):
                assert [*differences(gradient, output, {})] == [], (number, output)


# --- 50-digit arithmetic -----------------------------------------------------------------------


def rosenbrock(x: Any, y: Any) -> Any:  # noqa: ANN401 - Values or numbers of mpmath
    """Rosenbrock's function."""
    return (1 - x) * (1 - x) + 100 * (y - x * x) * (y - x * x)


def neuron(x1: Any, x2: Any, w1: Any, w2: Any, b: Any) -> Any:  # noqa: ANN401
    """The neuron of the lecture."""
    return tanh(x1 * w1 + x2 * w2 + b)


def network(*numbers: Any) -> Any:  # noqa: ANN401
    """A network of 2 inputs, 3 tanh neurons and 1 tanh neuron: 13 params, then the inputs."""
    w, x = numbers[:13], numbers[13:]
    hidden = [tanh(w[i] * x[0] + w[i + 1] * x[1] + w[i + 2]) for i in (0, 3, 6)]
    return tanh(sum((w[9 + i] * h for i, h in enumerate(hidden)), w[12]))


def tanh(x: Any) -> Any:  # noqa: ANN401
    """Hyperbolic tangent of a Value or of a number of mpmath."""
    return x.tanh() if isinstance(x, Value) else mpmath.tanh(x)


CASES: dict[str, tuple[Callable[..., Any], tuple[float, ...]]] = {
    "rosenbrock": (rosenbrock, (-1.2, 1.0)),
    "neuron": (neuron, (2.0, 0.5, -3.0, 1.0, 6.881373587019543)),
    "network": (network, tuple(0.25 * (-1) ** i * (i % 5 + 1) for i in range(15))),
}


def graph_of(case: str) -> Graph:
    """Return a case as a graph, with params x0, x1 and so on."""
    function, at = CASES[case]
    output = function(*(Value.param(x, name=f"x{i}") for i, x in enumerate(at)))
    output.name = "L"
    return Graph.of(output)


def graph_with(ids: str, *outputs: Value) -> Graph:
    """Return the graph of some Values, which get these ids."""
    for value, name in zip(outputs, ids.split(), strict=True):
        value.name = name
    return Graph.of(*outputs)


def exact(case: str, *orders: int) -> float:
    """Return a derivative, computed with 50 digits.

    Args:
        case: Which function.
        orders: How often to derive, by each argument.
    """
    function, at = CASES[case]
    with mpmath.workdps(DIGITS):
        return float(mpmath.diff(function, tuple(map(mpmath.mpf, at)), orders))


def order(count: int, *by: int) -> list[int]:
    """Return how often to derive by each of `count` arguments."""
    return [by.count(i) for i in range(count)]


@pytest.mark.parametrize("case", CASES)
def test_gradients_and_hessians_in_50_digits(case: str) -> None:
    """Within 1e-12, which leaves room for the rounding of some dozen ops; and symmetric."""
    gradient = graph_of(case).derive()
    count = len(gradient.outputs) - 1
    data = gradient.run(seed={"L": 1.0}).data
    assert data is not None
    hessian = []
    for i in range(count):
        want = exact(case, *order(count, i))
        assert data[f"d_L/d_x{i}"] == pytest.approx(want, rel=1e-12, abs=1e-14)
        hessian.append(row(gradient, i, count))
    for i in range(count):
        for j in range(count if count < 6 else 3):
            want = exact(case, *order(count, i, j))
            assert hessian[i][j] == pytest.approx(want, rel=1e-12, abs=1e-13), (i, j)
            assert hessian[i][j] == pytest.approx(hessian[j][i], rel=1e-12, abs=1e-13)


def row(gradient: Graph, i: int, count: int) -> list[float]:
    """Return a row of the Hessian, by deriving a gradient; 0 where there is no path."""
    second = gradient.derive(output=f"d_L/d_x{i}")
    data = second.run(seed={second.outputs[0]: 1.0}).data
    assert data is not None
    return [data.get(f"d_d_L/d_x{i}/d_x{j}", 0.0) for j in range(count)]


@pytest.mark.parametrize("case", ["rosenbrock", "neuron"])
def test_a_hessian_times_a_vector_is_one_run(case: str) -> None:
    """The seeds of the gradients are the vector; no second graph is needed."""
    gradient = graph_of(case).derive()
    count = len(gradient.outputs) - 1
    vector = [0.5 - i for i in range(count)]
    grad = gradient.run(seed={f"d_L/d_x{i}": x for i, x in enumerate(vector)}).grad
    assert grad is not None
    for i in range(count):
        want = sum(exact(case, *order(count, i, j)) * x for j, x in enumerate(vector))
        assert grad[f"x{i}"] == pytest.approx(want, rel=1e-11)


IN_DIGITS: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "neg": operator.neg,
    "sin": mpmath.sin, "cos": mpmath.cos, "atan": mpmath.atan, "tanh": mpmath.tanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "erf": mpmath.erf, "sum": lambda *x: mpmath.fsum(x),
}  # fmt: skip
"""Smooth ops, as functions of numbers of mpmath."""


def along(graph: Graph, *leaves: int) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return the output of a graph as a function of some leaves in mpmath, and where they are."""
    columns = graph.columns

    def output(*x: Any) -> Any:  # noqa: ANN401
        values: list[Any] = []
        for node in range(len(columns)):
            args = [values[arg] for arg in columns.arguments(node)]
            if node in leaves:
                values.append(x[leaves.index(node)])
            elif args:
                values.append(IN_DIGITS[NAMES[columns.opcode[node]]](*args))
            else:
                values.append(mpmath.mpf(columns.data[columns.leaf_index[node]]))
        return values[columns.outputs[0]]

    return output, tuple(mpmath.mpf(columns.data[columns.leaf_index[i]]) for i in leaves)


@pytest.mark.parametrize(
    "numbers", [range(40), pytest.param(range(40, 200), marks=pytest.mark.thorough)], ids=len
)
def test_random_graphs_in_50_digits(numbers: Sequence[int]) -> None:
    """200 graphs of smooth ops: all gradients, and a row of each Hessian.

    Within 1e-9, as numbers of some thousands may cancel out.
    """
    for number in numbers:
        graph = random_graph(number, tuple(IN_DIGITS), nodes=16, specials=0.0)
        gradient = graph.derive()
        output, *ids = gradient.outputs
        data, row = (gradient.run(seed={by: 1.0}) for by in (output, ids[0]))
        assert data.data is not None
        assert row.grad is not None
        leaves = [graph.columns.index[each.removeprefix(f"d_{output}/d_")] for each in ids]
        with mpmath.workdps(DIGITS):
            for name, leaf in zip(ids, leaves, strict=True):
                want = float(mpmath.diff(*along(graph, leaf), (1,)))
                assert data.data[name] == pytest.approx(want, rel=1e-9, abs=1e-9), (number, name)
                both = (leaves[0],) if leaf == leaves[0] else (leaves[0], leaf)
                orders = (2,) if leaf == leaves[0] else (1, 1)
                want = float(mpmath.diff(*along(graph, *both), orders))
                got = row.grad.get(graph.columns.ids[leaf], 0.0)
                assert got == pytest.approx(want, rel=1e-9, abs=1e-9), (number, name)


# --- what the graph looks like -----------------------------------------------------------------


def test_the_gradient_of_the_neuron_as_a_file() -> None:
    """Its outputs are the value and the gradients; leaves stay; nothing is there twice."""
    gradient = graph_of("neuron").derive("x2", "x4")
    assert gradient.outputs == ("L", "d_L/d_x2", "d_L/d_x4")
    assert gradient.version == "1.0"
    assert gradient.name == "gradient of L"
    assert gradient.runs == ()
    assert {f"x{i}" for i in range(5)} <= {*gradient.columns.ids}


def test_nodes_are_shared_and_needed() -> None:
    """No two nodes of those added are equal, also as b·a; each leads to an output."""
    for number in range(100):
        graph = random_graph(number)
        columns = graph.derive().columns
        first = sum(graph.columns.reached(graph.columns.outputs))
        keys = []
        for i in range(first, len(columns)):
            args = [*columns.arguments(i)]
            if columns.op(i) in ("add", "mul"):
                args.sort()
            if columns.op(i) == CONST:
                assert i not in columns.outputs or columns.ids[i].startswith("d_")
            elif columns.op(i) != "sum":  # another name of a node
                keys.append((columns.op(i), *args))
        assert len(keys) == len({*keys}), number
        assert columns.unreached() == []
        assert all(x < i for i in range(len(columns)) for x in columns.arguments(i))


def test_consts_are_folded_by_exact_ops_only() -> None:
    """2·3 is 6 in the gradient, exp(1) is not computed in advance: libraries may differ."""
    x, two, three, one = Value.param(5.0, name="x"), *(Value.const(v) for v in (2.0, 3.0, 1.0))
    exact_ops = graph_with("L", x * two * three).derive()
    data = {exact_ops.columns.ids[i]: exact_ops.columns.op(i) for i in range(len(exact_ops))}
    assert data["d_L/d_x"] == CONST
    assert exact_ops.run(seed={"L": 1.0}).data["d_L/d_x"] == 6.0  # type: ignore[index]
    libm = graph_with("L", x * one.exp()).derive()
    node = libm.columns.index["d_L/d_x"]
    assert (libm.columns.op(node), [libm.columns.op(i) for i in libm.columns.arguments(node)]) == (
        "sum", ["exp"],
    )  # fmt: skip


def load(nodes: Sequence[Mapping[str, Any]], *outputs: str) -> Graph:
    """Return a graph from nodes as in JSON."""
    return mgraph.loads(json.dumps({"mgraph": "1.1", "nodes": nodes, "outputs": outputs}))


def test_ids_that_are_too_long_or_taken() -> None:
    """Then the gradient has the default id, and the name as its label."""
    long = "w" * 123
    graph = load(
        [
            {"id": long, "op": "param", "data": 2.0},
            {"id": "d_L/d_v", "op": "param", "data": 3.0},
            {"id": "v", "op": "param", "data": 4.0},
            {"id": "u", "op": "mul", "args": [long, "d_L/d_v"]},
            {"id": "L", "op": "mul", "args": ["u", "v"]},
        ],
        "L",
    )
    gradient = graph.derive()
    known = names(gradient)
    assert [*known] == [f"d_L/d_{long}", "d_L/d_d_L/d_v", "d_L/d_v"]
    assert [name == node for name, node in known.items()] == [False, True, False]
    assert all(node[0] == "n" for name, node in known.items() if name != node)
    data = gradient.run(seed={"L": 1.0}).data
    assert [data[node] for node in known.values()] == [12.0, 8.0, 6.0]  # type: ignore[index]
    shorter = graph_of("neuron").derive("x0")
    assert shorter.columns.labels == {}


def test_ids_that_look_like_default_ids_stay() -> None:
    """A node called n5 in another place keeps its name; the new node there gets another."""
    graph = load(
        [
            {"id": "idle", "op": "param", "data": 1.0},
            {"id": "n5", "op": "param", "data": 2.0},
            {"id": "n9", "op": "param", "data": 0.5},
            {"id": "m", "op": "mul", "args": ["n5", "n9"]},
            {"id": "L", "op": "tanh", "args": ["m"]},
        ],
        "L",
    )
    gradient = graph.derive()
    assert mgraph.loads(b"".join(gradient.to_bytes(".msgpack"))).hash == gradient.hash
    assert mgraph.loads(b"".join(gradient.to_bytes(".json"))).hash == gradient.hash
    assert "idle" not in gradient.columns.ids
    assert {"n5", "n9", "n5_2"} <= {*gradient.columns.ids}
    want, got = graph.run().grad, gradient.run(seed={"L": 1.0}).data
    assert got["d_L/d_n5"] == want["n5"]  # type: ignore[index]


def test_files_are_1_1_only_if_ops_need_it() -> None:
    """The gradient of relu needs gate, that of tanh does not."""
    x = Value.param(2.0, name="x")
    assert Graph.of(x.tanh()).derive().version == "1.0"
    assert Graph.of(x.relu()).version == "1.0"
    assert Graph.of(x.relu()).derive().version == "1.1"


def test_the_output_itself_and_several_outputs() -> None:
    """A leaf that is the output has the gradient 1; with several outputs one must be chosen."""
    leaf = Graph.of(Value.param(3.0, name="x")).derive()
    assert leaf.run(seed={"x": 1.0}).data["d_x/d_x"] == 1.0  # type: ignore[index]
    x, y = Value.param(3.0, name="x"), Value.param(4.0, name="y")
    graph = graph_with("p s", x * y, x + y)
    assert graph.derive(output="s").outputs == ("s", "d_s/d_x", "d_s/d_y")
    for arguments, output, code in (
        ((), None, "seed"), ((), "x", "seed"), ((), "q", "run-node"), (("q",), "p", "run-node"),
    ):  # fmt: skip
        with pytest.raises(GraphError) as raised:
            graph.derive(*arguments, output=output)
        assert raised.value.diagnostics[0].code == code


def test_no_path_is_not_zero() -> None:
    """A const, and a node without a path to the output, have no gradient: they are refused."""
    x, c = Value.param(3.0, name="x"), Value.const(2.0, name="c")
    graph = graph_with("p q", x * c, Value.param(1.0, name="y").exp())
    for by in ("c", "y", "q"):
        with pytest.raises(GraphError) as raised:
            graph.derive(by, output="p")
        assert raised.value.diagnostics[0].code == "run-node"
    assert graph.derive(output="p").outputs == ("p", "d_p/d_x")


def test_an_unbound_input_stays_unbound() -> None:
    """An input without data has none in the gradient graph either."""
    graph = load(
        [
            {"id": "x", "op": "input"},
            {"id": "y", "op": "input", "data": 2.0},
            {"id": "L", "op": "mul", "args": ["x", "y"]},
        ],
        "L",
    )
    gradient = graph.derive("y")
    assert [gradient.columns.ids[i] for i in gradient.columns.unbound()] == ["x"]
    assert gradient.run(x=7.0, seed={"L": 1.0}).data["d_L/d_y"] == 7.0  # type: ignore[index]


def test_a_chain_of_many_nodes_needs_no_recursion() -> None:
    """20,000 nodes in a row."""
    x = Value.param(0.5, name="x")
    y = x
    for _ in range(20_000):
        y = y.sin()
    gradient = graph_with("L", y).derive()
    assert gradient.outputs == ("L", "d_L/d_x")
    want = Graph.of(y).run(engine="value").grad
    assert gradient.run(seed={"L": 1.0}).data["d_L/d_x"] == want["x"]  # type: ignore[index]


# --- the command -------------------------------------------------------------------------------


def test_the_command_writes_a_file(mgraph: Shell) -> None:
    """The file is valid, says what it holds, and can be derived again."""
    said = mgraph("derive", "neuron.json", "--wrt", "w1,w2", "-o", "d.json", "--json")
    assert said.json == {
        "wrote": "d.json", "mgraph": "1.0", "nodes": 15, "nodes_before": 10,
        "outputs": ["o", "d_o/d_w1", "d_o/d_w2"],
    }  # fmt: skip
    assert mgraph("check", "d.json").status == 0
    said = mgraph("derive", "d.json", "--output", "d_o/d_w1", "--wrt", "w2", "-o", "h.msgpack")
    assert said.out.startswith("wrote h.msgpack: 1 gradient, ")
    again = mgraph("derive", "-", "-o", "-", stdin=(mgraph.folder / "neuron.json").read_bytes())
    assert json.loads(again.out)["outputs"][0] == "o"


def test_the_command_refuses(mgraph: Shell) -> None:
    """What is wrong with the graph exits 1, what is wrong with the command line exits 2."""
    for status, arguments in (
        (1, ("neuron.json", "--wrt", "w3", "-o", "d.json")),
        (1, ("neuron.json", "--output", "n", "-o", "d.json")),
        (2, ("neuron.json", "-o", "neuron.json")),
        (2, ("neuron.json", "-o", "d.txt")),
        (2, ("neuron.json",)),
    ):
        said = mgraph("derive", *arguments)
        assert (said.status, "Traceback" in said.err) == (status, False), arguments
    assert not (mgraph.folder / "d.json").exists()


# --- large graphs ------------------------------------------------------------------------------


def in_columns(graph: Graph, output: str | None) -> Columns | None:
    """Return the gradient graph made with NumPy; None if that takes too many rounds."""
    asked = request_of(graph.columns, (), output)
    growth = columns.grow(graph.columns, asked)
    return None if growth is None else layout_columns.assembled(growth)


@shared
def test_columns_give_the_same_graph(share: float) -> None:
    """With NumPy, goldens, random graphs and gradients of gradients are the same, node by node."""
    graphs = [mgraph.load(path) for path in golden_files()]
    graphs += [random_graph(number) for number in range(100)]
    graphs += [random_graph(number, nodes=20).derive() for number in range(50)]
    count = 0
    for graph in graphs[:: round(1 / share)]:
        for output in graph.outputs[:3]:
            try:
                want = graph.derive(output=output).columns
            except GraphError:  # depends on consts only
                continue
            got = in_columns(graph, output)
            if got is None:
                continue
            for name in ("opcode", "first", "args", "leaves", "outputs", "has_data"):
                assert getattr(got, name) == getattr(want, name), (graph, output, name)
            assert got.hash == want.hash, (graph, output)
            assert (got.labels, got.docs, got.metas) == (want.labels, want.docs, want.metas)
            count += 1
    assert count > 300 * share


def test_ids_of_packed_files_stay_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Derived without making the ids first: the same file."""
    cases = []
    goldens = [mgraph.load(path) for path in golden_files()[::5]]
    for graph in [*goldens, load(CLASHING, "L"), load(CLASHING[1:], "L")]:
        if len(graph.outputs) == 1 and any(NAMES[i] in SETTABLE for i in graph.columns.opcode):
            packed = b"".join(graph.to_bytes(".msgpack"))
            cases.append((packed, b"".join(graph.derive().to_bytes(".msgpack"))))
    for module in (derive, passes):
        monkeypatch.setattr(module, "MANY", 1)
    for packed, want in cases:
        graph = mgraph.loads(packed)
        assert b"".join(graph.derive().to_bytes(".msgpack")) == want, graph
    assert len(cases) > 20


CLASHING: Sequence[Mapping[str, Any]] = [
    {"id": "idle", "op": "param", "data": 1.0},
    {"id": "n5", "op": "param", "data": 2.0},
    {"id": "d_L/d_n5", "op": "param", "data": 0.5},
    {"id": "m", "op": "mul", "args": ["n5", "d_L/d_n5"]},
    {"id": "L", "op": "tanh", "args": ["m"]},
]
"""A graph in which names that new nodes would have are taken."""


def test_many_equal_ops_in_many_steps() -> None:
    """Among ops that are added in several steps, the first one of each key replaces the others."""
    random = np.random.default_rng(1)
    total, table = 3_000, columns.EqualOps()
    keys = random.integers(1, 1_500, total).astype(np.uint64)
    same, firsts = np.arange(total), dict[int, int]()
    order = random.permutation(total)
    for step in range(30):
        nodes = np.sort(order[step * 100 : step * 100 + 100])
        table.add(keys[nodes], nodes, same)
        for node in nodes.tolist():
            key = int(keys[node])
            firsts[key] = min(node, firsts.get(key, node))
    while (same[same] != same).any():
        same = same[same]
    assert same.tolist() == [firsts[int(key)] for key in keys]


def levels(depth: int, products: int) -> Graph:
    """Return a graph with equal nodes that turn out equal one level after the other.

    Branches of a chain of sines, the longest one first, end in equal nodes; the last of these is a
    factor of all products, and is replaced in every round.
    """
    nodes: list[dict[str, Any]] = [{"id": "x", "op": "param", "data": 0.5}]
    tips: list[str] = []
    for start in range(depth):
        if start:
            before = f"s{start - 1}" if start > 1 else "x"
            nodes.append({"id": f"s{start}", "op": "sin", "args": [before]})
        tip = nodes[-1]["id"]
        for i in range(start, depth):
            nodes.append({"id": f"b{start}_{i}", "op": "sin", "args": [tip]})
            tip = nodes[-1]["id"]
        tips.append(tip)
    for i in range(products):
        nodes.append({"id": f"u{i}", "op": "param", "data": 1.0})
        nodes.append({"id": f"p{i}", "op": "mul", "args": [tips[-1], f"u{i}"]})
    last = [f"p{i}" for i in range(products)]
    nodes.append({"id": "L", "op": "sum", "args": [*last, *tips[:-1]]})
    return load(nodes, "L")


def test_nodes_that_are_replaced_again_and_again() -> None:
    """Each time, all products have new arguments; those keep the table of equal ops growing."""
    for depth in (2, 5, 8):
        graph = levels(depth, 10)
        got = in_columns(graph, None)
        assert got is not None
        assert got.hash == graph.derive().hash, depth
    assert in_columns(levels(14, 1_000), None) is None  # it takes too many rounds


def chain(count: int) -> Graph:
    """Return x·x, its tanh, times x, and so on."""
    x = Value.param(0.5, name="x")
    y = x
    for i in range(count):
        y = y.tanh() if i % 2 else y * x
    return graph_with("L", y)


def test_large_graphs_are_derived_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph that takes too many rounds is derived node by node, with the same result."""
    monkeypatch.setattr(derive, "MANY", 1_000)
    ways: list[str] = []

    def recording(module: ModuleType) -> Callable[..., Any]:
        grow = module.grow

        def record(*args: Any) -> Any:  # noqa: ANN401
            ways.append(module.__name__.rpartition(".")[2])
            return grow(*args)

        return record

    for module in (columns, plain):
        monkeypatch.setattr(module, "grow", recording(module))
    chain(500).derive()
    assert ways == ["plain"]
    gradient = chain(3_000).derive()
    assert ways == ["plain", "columns"]
    assert len(gradient) <= 4 * 3_000
    monkeypatch.setattr(columns, "ROUNDS", 0)
    assert chain(3_000).derive().hash == gradient.hash
    assert ways == ["plain", "columns", "columns", "plain"]
