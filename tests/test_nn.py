"""mgraph.nn: micrograd's networks, with its weights, losses and gradients, and names in files."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any, Final

import micrograd.engine
import micrograd.nn
import pytest

import mgraph
from mgraph import Value
from mgraph.build.network import mlp
from mgraph.nn import MLP, Layer, Module, Neuron

if TYPE_CHECKING:
    from pathlib import Path

DEMO: Final = """
import random
import numpy as np

from micrograd.engine import Value
from micrograd.nn import Neuron, Layer, MLP

np.random.seed(1337)
random.seed(1337)

# two half circles, as scikit-learn makes them
angles = np.random.uniform(0.0, np.pi, 12)
upper = np.stack([np.cos(angles[:6]), np.sin(angles[:6])], axis=1)
lower = np.stack([1.0 - np.cos(angles[6:]), 0.5 - np.sin(angles[6:])], axis=1)
X = np.concatenate([upper, lower]) + 0.1*np.random.standard_normal((12, 2))
y = np.array([0]*6 + [1]*6)

y = y*2 - 1 # make y be -1 or 1

# initialize a model
model = MLP(2, [16, 16, 1]) # 2-layer neural network

# loss function
def loss(batch_size=None):
    # inline DataLoader :)
    if batch_size is None:
        Xb, yb = X, y
    else:
        ri = np.random.permutation(X.shape[0])[:batch_size]
        Xb, yb = X[ri], y[ri]
    inputs = [list(map(Value, xrow)) for xrow in Xb]
    # forward the model to get scores
    scores = list(map(model, inputs))
    # svm "max-margin" loss
    losses = [(1 + -yi*scorei).relu() for yi, scorei in zip(yb, scores)]
    data_loss = sum(losses) * (1.0 / len(losses))
    # L2 regularization
    alpha = 1e-4
    reg_loss = alpha * sum((p*p for p in model.parameters()))
    total_loss = data_loss + reg_loss
    # also get accuracy
    accuracy = [(yi > 0) == (scorei.data > 0) for yi, scorei in zip(yb, scores)]
    return total_loss, sum(accuracy) / len(accuracy)

history = []

# optimization
for k in range(5):
    # forward
    total_loss, acc = loss()
    # backward
    model.zero_grad()
    total_loss.backward()
    # update (sgd)
    learning_rate = 1.0 - 0.9*k/100
    for p in model.parameters():
        p.data -= learning_rate * p.grad
    history.append((total_loss.data, acc))

total_loss, acc = loss(8)
model.zero_grad()
total_loss.backward()
"""
"""The cells of micrograd's demo that compute, with fewer points and steps."""


def results_of(source: str) -> dict[str, Any]:
    """Run a program, and return its variables."""
    names: dict[str, Any] = {}
    exec(source, names)  # noqa: S102 - the program above
    return names


@pytest.fixture(scope="module", name="ours")
def demo_of_mgraph() -> dict[str, Any]:
    """Run the demo with two lines changed."""
    source = DEMO.replace("from micrograd.engine import", "from mgraph import")
    return results_of(source.replace("from micrograd.nn import", "from mgraph.nn import"))


def test_the_demo_of_micrograd(ours: dict[str, Any]) -> None:
    """Losses, accuracies, params and gradients are micrograd's, up to the order of its sums.

    micrograd adds gradients up in the order of a set, and five steps carry the last bits along.
    """
    theirs = results_of(DEMO)
    assert str(ours["model"]) == str(theirs["model"])
    for got, want in zip(ours["history"], theirs["history"], strict=True):
        assert got == pytest.approx(want, rel=1e-9)
    for attribute in ("data", "grad"):
        got, want = (
            [getattr(p, attribute) for p in demo["model"].parameters()] for demo in (ours, theirs)
        )
        assert len(got) == 337
        assert got == pytest.approx(want, rel=1e-9, abs=1e-12), attribute


def test_the_demo_as_a_file(ours: dict[str, Any], tmp_path: Path) -> None:
    """Params have the ids of `mgraph new --mlp`; what is computed for each point is labelled."""
    mgraph.save(ours["total_loss"], tmp_path / "moons.json")
    graph = mgraph.load(tmp_path / "moons.json")
    params = {value.label: value for value in ours["model"].parameters()}
    assert [*params][:3] == ["layer1.neuron1.w1", "layer1.neuron1.w2", "layer1.neuron1.b"]
    assert [*params][-1] == "layer3.neuron1.b"
    (run,) = graph.runs
    assert run.data is not None
    assert run.grad is not None
    for name, value in params.items():
        assert (run.data[name], run.grad[name]) == (value.data, value.grad), name
    labels = [*graph.columns.labels.values()]
    assert labels.count("layer2.neuron16.x3w3") == 8
    assert labels.count("layer3.neuron1.sum") == 8


def test_weights_are_micrograds() -> None:
    """The same random seed gives the same weights, here and in `mgraph new`."""
    for seed in (0, 7):
        random.seed(seed)
        theirs = [p.data for p in micrograd.nn.MLP(3, [4, 2]).parameters()]
        random.seed(seed)
        assert [p.data for p in MLP(3, [4, 2]).parameters()] == theirs
        assert [p.data for p in MLP(3, [4, 2], rng=random.Random(seed)).parameters()] == theirs
        graph = mlp([3, 4, 2], seed=seed)
        params = [graph.columns.op(i) == "param" for i in graph.columns.leaves]
        data = zip(graph.columns.data, params, strict=True)
        assert [x for x, is_param in data if is_param] == theirs


def test_shapes_are_micrograds() -> None:
    """Calls, params and texts of neurons and layers, alone and with one neuron."""
    for theirs, ours in (
        (micrograd.nn.Neuron(2), Neuron(2)),
        (micrograd.nn.Neuron(2, nonlin=False), Neuron(2, nonlin=False)),
        (micrograd.nn.Neuron(2, False), Neuron(2, False)),  # noqa: FBT003 - as it may be called
        (micrograd.nn.Layer(2, 3), Layer(2, 3)),
        (micrograd.nn.Layer(2, 1, nonlin=False), Layer(2, 1, nonlin=False)),
        (micrograd.nn.MLP(2, [3, 2]), MLP(2, [3, 2])),
    ):
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.data = other.data
        want = theirs([micrograd.engine.Value(0.5), micrograd.engine.Value(-2.0)])
        got = ours([0.5, Value(-2.0)])
        assert isinstance(got, list) == isinstance(want, list), str(theirs)
        pairs = zip(got, want, strict=True) if isinstance(got, list) else [(got, want)]
        assert all(x.data == y.data for x, y in pairs), str(theirs)
        assert repr(ours) == repr(theirs)


def test_an_activation() -> None:
    """All layers but the last have it; the numbers are those of `math`."""
    model = MLP(1, [1, 1], activation="tanh")
    (w1, b1), (w2, b2) = (layer.parameters() for layer in model.layers)
    b1.data, b2.data = 0.25, -0.5
    out = model([2.0])
    assert isinstance(out, Value)
    hidden = math.tanh(b1.data + w1.data * 2.0)
    assert out.data == pytest.approx(b2.data + w2.data * hidden, rel=1e-15)
    assert repr(model) == "MLP of [Layer of [TanhNeuron(1)], Layer of [LinearNeuron(1)]]"
    assert repr(Neuron(3, activation="sigmoid")) == "sigmoidNeuron(3)"
    assert repr(Neuron(3, activation="linear")) == "LinearNeuron(3)"


def test_what_is_called_wrongly() -> None:
    """A number of inputs that does not fit, and an unknown activation, are refused."""
    for module in (Neuron(2), Layer(2, 3), MLP(2, [3, 1])):
        with pytest.raises(ValueError, match="a neuron of 2 inputs was called with 3 numbers"):
            module([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"no activation 'ReLU': choose one of linear, .*relu"):
        MLP(2, [1], activation="ReLU")
    with pytest.raises(TypeError, match="expected a Value or a number, not str"):
        MLP(2, [1])([1.0, "2"])  # type: ignore[list-item]


def test_a_number_is_one_const() -> None:
    """All neurons of a layer share what a number became."""
    out = Layer(1, 3)(iter([0.5]))
    assert isinstance(out, list)
    assert len({arg for x in out for product in x.args[0].args[1:] for arg in product.args}) == 4


def test_one_call_has_all_names() -> None:
    """A network that is called once has the graph and ids of `mgraph new --mlp`."""
    model = MLP(2, [2, 1], activation="tanh", rng=random.Random(3))
    graph = mgraph.Graph.of(model([Value(1.0, name="x1"), Value(-2.0, name="x2")]))  # type: ignore[arg-type]
    made = mlp([2, 2, 1], seed=3)
    nodes = [
        {name: (c.op(i), [c.ids[arg] for arg in c.arguments(i)]) for name, i in c.index.items()}
        for c in (graph.columns, made.columns)
    ]
    assert nodes[0] == nodes[1]
    assert graph.columns.labels == {}


def test_two_networks_in_one_graph() -> None:
    """Names that both have are labels, so that the graph can be saved."""
    x = Value(0.5, name="x")
    both = MLP(1, [1])([x]), MLP(1, [1])([x])
    columns = mgraph.Graph.of(mgraph.sum(both)).columns  # type: ignore[arg-type]
    assert [*columns.labels.values()].count("layer1.neuron1.w1") == 2


def test_a_module_of_ones_own() -> None:
    """A subclass says what its params are, and `zero_grad` clears their gradients."""

    class Square(Module):
        def __init__(self) -> None:
            self.k = Value.param(3.0)

        def parameters(self) -> list[Value]:
            return [self.k]

    square = Square()
    (square.k * square.k).backward()
    assert square.k.grad == 6.0
    square.zero_grad()
    assert square.k.grad == 0.0
    assert Module().parameters() == []
    assert mgraph.nn.Module is Module
