"""The notebook of micrograd's lecture, cell by cell, with mgraph's Value in the place of its class.

The numbers are those that the lecture shows; those of the network come from the class that the
lecture writes, as one of the engines that the grader is tested with has it.
"""

from __future__ import annotations

import math
import pickle
import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import pytest

import mgraph
from mgraph import Value
from tests.engines.people.lecture_from_memory import Value as Theirs

if TYPE_CHECKING:
    from pathlib import Path


def lecture_expression(**changed: float) -> dict[str, Value]:
    """Return the Values of the first expression, L = (a·b + c)·f, by label."""
    data = {"a": 2.0, "b": -3.0, "c": 10.0, "f": -2.0, **changed}
    a, b, c, f = (Value(x, label=label) for label, x in data.items())
    e = a * b
    e.label = "e"
    d = e + c
    d.label = "d"
    L = d * f  # noqa: N806 - its name
    L.label = "L"
    return {value.label: value for value in (a, b, c, e, d, f, L)}


def lecture_neuron() -> dict[str, Value]:
    """Return the Values of the neuron, by label."""
    x1, x2 = Value(2.0, label="x1"), Value(0.0, label="x2")
    w1, w2 = Value(-3.0, label="w1"), Value(1.0, label="w2")
    b = Value(6.8813735870195432, label="b")
    x1w1 = x1 * w1
    x1w1.label = "x1*w1"
    x2w2 = x2 * w2
    x2w2.label = "x2*w2"
    x1w1x2w2 = x1w1 + x2w2
    x1w1x2w2.label = "x1*w1 + x2*w2"
    n = x1w1x2w2 + b
    n.label = "n"
    o = n.tanh()
    o.label = "o"
    return {value.label: value for value in (x1, x2, w1, w2, b, x1w1, x2w2, x1w1x2w2, n, o)}


NEURON_GRADS: Final = {
    "o": 1.0, "n": 0.5, "b": 0.5, "x1*w1 + x2*w2": 0.5, "x1*w1": 0.5, "x2*w2": 0.5,
    "x1": -1.5, "w1": 1.0, "x2": 0.5, "w2": 0.0,
}  # fmt: skip
"""What the lecture fills in by hand, and what backward gives."""


def has_neuron_grads(values: dict[str, Value]) -> bool:
    """Whether the gradients are the lecture's; its bias makes them round to about 1e-16."""
    return all(math.isclose(values[k].grad, x, abs_tol=1e-15) for k, x in NEURON_GRADS.items())


def trace(root: Any) -> tuple[set[Any], set[tuple[Any, Any]]]:  # noqa: ANN401 - of either class
    """Build a set of all nodes and edges in a graph, as the lecture does to draw it."""
    nodes, edges = set(), set()

    def build(v: Any) -> None:  # noqa: ANN401
        if v not in nodes:
            nodes.add(v)
            for child in v._prev:
                edges.add((child, v))
                build(child)

    build(root)
    return nodes, edges


def drawn(root: Value) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """Return what the lecture's `draw_dot` passes to Graphviz: labels by uid, and edges."""
    boxes: dict[str, str] = {}
    arrows: set[tuple[str, str]] = set()
    nodes, edges = trace(root)
    for n in nodes:
        uid = str(id(n))
        boxes[uid] = f"{{ {n.label} | data {n.data:.4f} | grad {n.grad:.4f} }}"
        if n._op:
            boxes[uid + n._op] = n._op
            arrows.add((uid + n._op, uid))
    arrows.update((str(id(n1)), str(id(n2)) + n2._op) for n1, n2 in edges)
    return boxes, arrows


def test_the_first_expression() -> None:
    """`d` is shown with its children and its op; `L` is -8."""
    values = lecture_expression()
    assert values["d"].data == 4.0
    assert {*values["d"]._prev} == {values["e"], values["c"]}
    assert [values[k]._op for k in ("a", "e", "d", "L")] == ["", "*", "+", "*"]
    assert values["L"].data == -8.0


def test_draw_dot() -> None:
    """The cell that draws finds each Value once, its label, and a box for each op."""
    values = lecture_expression()
    boxes, arrows = drawn(values["L"])
    assert sorted(boxes.values()) == sorted([
        "{ a | data 2.0000 | grad 0.0000 }", "{ b | data -3.0000 | grad 0.0000 }",
        "{ c | data 10.0000 | grad 0.0000 }", "{ e | data -6.0000 | grad 0.0000 }",
        "{ d | data 4.0000 | grad 0.0000 }", "{ f | data -2.0000 | grad 0.0000 }",
        "{ L | data -8.0000 | grad 0.0000 }", "*", "+", "*",
    ])  # fmt: skip
    assert len(arrows) == 6 + 3
    boxes, arrows = drawn(Value(3.0, label="a") * 2.0)
    assert "{  | data 2.0000 | grad 0.0000 }" in boxes.values()  # without a label, as theirs


def test_slopes_by_nudging() -> None:
    """The cells that change one Value by h: dL/da = 6, dL/db = -4 and so on, to h's precision."""
    h = 0.0001
    base = lecture_expression()
    for name, slope in {"a": 6.0, "b": -4.0, "c": -2.0, "f": 4.0}.items():
        nudged = lecture_expression(**{name: base[name].data + h})
        assert (nudged["L"].data - base["L"].data) / h == pytest.approx(slope, rel=1e-9), name


def test_a_step_along_the_gradient_by_hand() -> None:
    """Gradients are assigned, leaves are nudged by them, and L becomes -7.286496."""
    values = lecture_expression()
    a, b, c, f = (values[name] for name in "abcf")
    a.grad, b.grad, c.grad, f.grad = 6.0, -4.0, -2.0, 4.0
    for leaf in (a, b, c, f):
        leaf.data += 0.01 * leaf.grad
    assert ((a * b + c) * f).data == pytest.approx(-7.286496, rel=1e-14)


def test_the_neuron_node_by_node() -> None:
    """`o.grad = 1.0`, then `_backward()` of each node from the output, as it is typed there."""
    values = lecture_neuron()
    assert values["o"].data == pytest.approx(0.7071067811865476, rel=1e-15)
    values["o"].grad = 1.0
    for name in ("o", "n", "b", "x1*w1 + x2*w2", "x2*w2", "x1*w1"):
        values[name]._backward()
    assert has_neuron_grads(values)


def test_the_neuron_in_topological_order() -> None:
    """The lecture's own sort, with a set and recursion, and `_backward()` in reverse."""
    values = lecture_neuron()
    topo: list[Value] = []
    visited = set()

    def build_topo(v: Value) -> None:
        if v not in visited:
            visited.add(v)
            for child in v._prev:
                build_topo(child)
            topo.append(v)

    o = values["o"]
    build_topo(o)
    assert len(topo) == 10
    o.grad = 1.0
    for node in reversed(topo):
        node._backward()
    assert has_neuron_grads(values)


def test_the_neuron_by_backward() -> None:
    """`o.backward()`, also where tanh is spelled out as (e - 1)/(e + 1) with e = (2*n).exp()."""
    values = lecture_neuron()
    values["o"].backward()
    assert has_neuron_grads(values)
    values = lecture_neuron()
    e = (2 * values["n"]).exp()
    e.label = "e"
    values["o"] = (e - 1) / (e + 1)
    values["o"].label = "o"
    values["o"].backward()
    assert values["o"].data == pytest.approx(0.7071067811865476, rel=1e-15)
    assert has_neuron_grads(values)


def test_a_value_that_is_used_twice() -> None:
    """The bug that the lecture fixes: gradients add up. Both ways of going backward."""
    for by_hand in (False, True):
        a = Value(3.0, label="a")
        b = a + a
        b.label = "b"
        b.grad = 1.0
        assert b._prev == (a,)
        (b._backward if by_hand else b.backward)()
        assert a.grad == 2.0
    a, b = Value(-2.0, label="a"), Value(3.0, label="b")
    d, e = a * b, a + b
    f = d * e
    f.backward()
    assert (a.grad, b.grad) == (-3.0, -8.0)


def test_numbers_beside_values() -> None:
    """`a + 1`, `2 * a` and the other cells between the neuron and PyTorch."""
    a, b = Value(2.0), Value(4.0)
    assert [(a + 1).data, (a * 2).data, (2 * a).data, (a / b).data, (a - b).data] == [
        3.0, 4.0, 4.0, 0.5, -2.0,
    ]  # fmt: skip
    assert a.exp().data == pytest.approx(7.38905609893065, rel=1e-15)
    assert [(a**2)._op, (a**-1)._op, (a**0.5)._op, (a**b)._op] == ["**2", "**-1", "**0.5", "**"]
    assert [(a - b)._op, (a / b)._op, a.exp()._op, a.tanh()._op, a.relu()._op] == [
        "-", "/", "exp", "tanh", "ReLU",
    ]  # fmt: skip


def test_consts_keep_no_gradient() -> None:
    """`_backward` of one node, like backward, leaves the gradients of plain numbers as they are."""
    a = Value(3.0)
    b = a * 2.0
    b.grad = 1.0
    b._backward()
    b._backward()
    two = b.args[1]
    assert (a.grad, two.grad) == (4.0, 0.0)
    a._backward()
    assert a.grad == 4.0


# --- the network of the lecture ---


class Neuron:
    """The lecture's neuron, of any class of Values."""

    def __init__(self, value: Any, nin: int) -> None:  # noqa: ANN401
        """Make random weights and a bias."""
        self.w = [value(random.uniform(-1, 1)) for _ in range(nin)]
        self.b = value(random.uniform(-1, 1))

    def __call__(self, x: Any) -> Any:  # noqa: ANN401
        """Return tanh(w·x + b)."""
        act = sum((wi * xi for wi, xi in zip(self.w, x, strict=True)), self.b)
        return act.tanh()

    def parameters(self) -> list[Any]:
        """Return weights and bias."""
        return [*self.w, self.b]


class MLP:
    """The lecture's network; its layers are lists of neurons."""

    def __init__(self, value: Any, nin: int, nouts: list[int]) -> None:  # noqa: ANN401
        """Make the layers."""
        sizes = pairwise([nin, *nouts])
        self.layers = [[Neuron(value, a) for _ in range(b)] for a, b in sizes]

    def __call__(self, x: Any) -> Any:  # noqa: ANN401
        """Return the output of the last layer."""
        for layer in self.layers:
            x = [neuron(x) for neuron in layer]
        return x[0] if len(x) == 1 else x

    def parameters(self) -> list[Any]:
        """Return all params."""
        return [p for layer in self.layers for neuron in layer for p in neuron.parameters()]


def training(value: Any) -> tuple[list[float], list[float]]:  # noqa: ANN401
    """Return the losses of twenty steps, and all gradients of the last one."""
    random.seed(1337)
    n = MLP(value, 3, [4, 4, 1])
    xs = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
    ys = [1.0, -1.0, -1.0, 1.0]
    losses = []
    for _ in range(20):
        ypred = [n(x) for x in xs]
        loss = sum((yout - ygt) ** 2 for ygt, yout in zip(ys, ypred, strict=True))
        for p in n.parameters():
            p.grad = 0.0
        loss.backward()
        for p in n.parameters():
            p.data += -0.1 * p.grad
        losses.append(loss.data)
    return losses, [p.grad for p in n.parameters()]


def test_training_the_network() -> None:
    """41 params, and twenty steps that are those of the lecture's own class.

    Sums of gradients are added in other orders, and the steps carry the last bits along.
    """
    losses, grads = training(Value)
    want_losses, want_grads = training(Theirs)
    assert len(grads) == 41
    assert losses == pytest.approx(want_losses, rel=1e-9)
    assert grads == pytest.approx(want_grads, rel=1e-9, abs=1e-12)
    assert losses[-1] < losses[0]


# --- what becomes of labels ---


def test_labels_in_a_file(tmp_path: Path) -> None:
    """A label that can be an id is one; any other text is the node's label, and is kept."""
    o = lecture_neuron()["o"]
    mgraph.save(o, tmp_path / "neuron.json")
    columns = mgraph.load(tmp_path / "neuron.json").columns
    assert [*columns.ids] == ["x1", "x2", "w1", "w2", "b", "n5", "n6", "n7", "n", "o"]
    assert columns.labels == {5: "x1*w1", 6: "x2*w2", 7: "x1*w1 + x2*w2"}


def test_labels_that_are_taken() -> None:
    """Labels that several Values have, or that are the name of another, name none of them."""
    a, b, c = Value(1.0, label="x"), Value(2.0, label="x"), Value(3.0, name="w")
    d, e = Value(4.0, label="w"), Value(5.0, label="n0")
    columns = mgraph.Graph.of(mgraph.sum([a, b, c, d, e])).columns
    assert [*columns.ids] == ["n0_", "n1", "w", "n3", "n0", "n5"]
    assert columns.labels == {0: "x", 1: "x", 3: "w"}
    assert all(type(name) is str for name in (*columns.ids, *columns.labels.values()))


def test_labels_in_a_recording() -> None:
    """`mgraph.record` keeps the labels of our own Values as it keeps those of other engines."""
    with mgraph.record(Value) as recording:
        a, b = Value(2.0, label="a"), Value(-3.0, label="b")
        product = a * b
        product.label = "a*b"
        product.backward()
    columns = recording.graph(product).columns
    assert [*columns.ids][:2] == ["a", "b"]
    assert columns.labels == {2: "a*b"}


def test_label_and_name_are_one() -> None:
    """Either can be read as the other; the empty label is none."""
    a = Value.param(1.0, label="a b")
    assert (a.label, a.name, repr(a)) == ("a b", "a b", "Value(data=1.0, grad=0.0, label='a b')")
    a.name = "w"
    assert (a.label, repr(a)) == ("w", "Value(data=1.0, grad=0.0, name='w')")
    assert pickle.loads(pickle.dumps(Value(1.0, label="a b"))).label == "a b"  # noqa: S301
    a.label = ""
    assert not a.label
    assert a.name is None
    assert [make(1.0, label="k").op for make in (Value.input, Value.const)] == ["input", "const"]


@pytest.mark.parametrize(("label", "code"), [("é" * 600, "limit"), ("x \ud800", "encoding")])
def test_labels_that_a_file_cannot_hold(label: str, code: str) -> None:
    """They are refused as the same label in a file would be."""
    with pytest.raises(mgraph.GraphError) as raised:
        mgraph.Graph.of(Value(1.0, label=label))
    assert raised.value.diagnostics[0].code == code


def test_what_follows_from_the_op_is_not_assigned() -> None:
    """An op of the notebook's own can't be added this way; the error says where ops come from."""
    value = Value(1.0)
    with pytest.raises(AttributeError, match=r"table of `mgraph ops`.*`mgraph grade`"):
        value._backward = lambda: None
    for name in ("_prev", "_op"):
        with pytest.raises(AttributeError):
            setattr(value, name, ())
