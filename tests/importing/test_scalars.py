"""Tensors as node numbers: ids, limits, sums, constants, what is left out; without a framework."""

from __future__ import annotations

import itertools
import sys
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mgraph.codec import LIMITS
from mgraph.errors import GraphError, MissingExtraError
from mgraph.format.ids import are_ids
from mgraph.importing import from_jax, from_onnx, from_torch, kernels
from mgraph.importing.names import TensorIds
from mgraph.importing.problems import Problems
from mgraph.importing.scalars import Scalars, Tensor, known
from mgraph.ops import INPUT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mgraph.document import Graph
    from tests.command_line import Shell


def values_of(graph: Graph, *shape: int) -> Any:  # noqa: ANN401 - an array
    """Return the outputs of a graph as an array."""
    data = graph.run(seed=dict.fromkeys(graph.outputs, 1.0)).data
    assert data is not None
    return np.array([data[name] for name in graph.outputs]).reshape(shape)


def exact(values: object) -> Any:  # noqa: ANN401 - an array
    """Return an array of fractions."""
    return np.vectorize(Fraction, otypes=[object])(values)


def test_ids_differ_and_are_ids() -> None:
    """TensorIds of any characters, lengths and repetitions; brackets hold indices only."""
    names = TensorIds()
    texts = ["w", "w", "w_1", "w_1", "a[0]", "a", "/a", "ä b", "3", "", "x" * 300, "x" * 300, "n0"]
    shapes: list[Sequence[int]] = [(), (2,), (1, 2), (0,), (1,) * 40, (70_000,)]
    ids = [x for text, shape in itertools.product(texts, shapes) for x in names.ids(text, shape)]
    assert len({*ids}) == len(ids)
    assert are_ids(ids)


def test_an_index_for_each_dimension() -> None:
    """Params have all indices; tensors of one row lack that of the row."""
    g = Scalars()
    x = g.leaf(INPUT, "x", (1, 3), np.arange(3.0))
    w = g.param("fc1.weight", np.ones((2, 3)))
    y = g.named("y", lambda: kernels.matmul(g, x, w.arranged(np.transpose)))
    graph = g.graph([("y", y)])
    assert graph.columns.ids == [
        *("x[0]", "x[1]", "x[2]"),
        *(f"fc1.weight[{i}][{j}]" for i in range(2) for j in range(3)),
        *(f"y.mul[{i}][{j}]" for i in range(2) for j in range(3)),
        *("y[0]", "y[1]"),
    ]
    assert graph.outputs == ("y[0]", "y[1]")


SHAPES = (
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((2, 1, 3), (1, 3, 2)),
    ((1, 2), (5, 2, 1)),
)  # fmt: skip


@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_products_of_matrices(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    """All combinations of ranks, against exact arithmetic on whole numbers."""
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-9, 10, shape).astype(np.float64) for shape in (left, right))
    g = Scalars()
    product = kernels.matmul(g, g.param("a", a), g.leaf(INPUT, "b", right, b))
    want = exact(a) @ exact(b)
    assert product.shape == np.shape(want)
    assert (exact(values_of(g.graph([("y", product)]), *product.shape)) == want).all()


def test_contraction_of_any_axes() -> None:
    """Two batch axes and one that is summed up, against exact arithmetic on whole numbers."""
    rng = np.random.default_rng(1)
    a, b = (rng.integers(-9, 10, shape).astype(np.float64) for shape in ((2, 3, 4), (4, 5, 2)))
    g = Scalars()
    made = kernels.contract(g, g.param("a", a), g.param("b", b), ((2,), (0,)), ((0,), (2,)))
    want = np.einsum("xik,kjx->xij", exact(a), exact(b))
    assert (exact(values_of(g.graph([("y", made)]), *made.shape)) == want).all()


def test_long_sums() -> None:
    """A sum of more numbers than a node may have arguments is a sum of sums."""
    g = Scalars(LIMITS.raised({"args": 5}))
    x = g.leaf(INPUT, "x", (123,), np.arange(123.0))
    graph = g.graph([("y", g.total(x, [0]))])
    assert values_of(graph) == 122 * 123 / 2
    assert max(len(graph.columns.arguments(i)) for i in range(len(graph))) == 5


def test_convolution_of_whole_numbers() -> None:
    """Strides, dilations, pads and groups, against loops over exact numbers."""
    rng = np.random.default_rng(2)
    x = rng.integers(-9, 10, (2, 4, 7)).astype(np.float64)
    w = rng.integers(-9, 10, (6, 2, 3)).astype(np.float64)
    g = Scalars()
    window = kernels.Window((3,), (2,), [(2, 1)], (2,), 2)
    made = kernels.convolution(g, g.leaf(INPUT, "x", x.shape, x), g.param("w", w), None, window)
    want = np.zeros(made.shape, object)
    for n, f, place in np.ndindex(*made.shape):
        for c, k in np.ndindex(2, 3):
            at = place * 2 + k * 2 - 2
            if 0 <= at < 7:
                want[n, f, place] += exact(x[n, (f // 3) * 2 + c, at]) * exact(w[f, c, k])
    assert (exact(values_of(g.graph([("y", made)]), *made.shape)) == want).all()


COMPARED = [-np.inf, -1.5, -5e-324, -0.0, 0.0, 5e-324, 1.5, 1.7976931348623157e308, np.inf, np.nan]

INFINITE_PAIRS = ({np.inf}, {-np.inf})
"""Between two tensors, equal infinities count as NaN; see `kernels.compare`."""


@pytest.mark.parametrize("how", ["gt", "ge", "lt", "le", "eq", "ne"])
def test_comparisons(how: str) -> None:
    """Every pair of special numbers, as Python compares them, and each with constants."""
    relation: Callable[[float, float], bool] = getattr(float, f"__{how}__")
    for a, b in itertools.product(COMPARED, COMPARED):
        for is_known in (False, True):
            if {a, b} in INFINITE_PAIRS and not (is_known and how in {"eq", "ne"}):
                continue
            if is_known and np.isinf(b) and how in {"ge", "le"} and a == b:
                continue
            g = Scalars()
            left = g.leaf(INPUT, "a", (), np.array(a))
            right = known(b) if is_known else g.leaf(INPUT, "b", (), np.array(b))
            graph = g.graph([("y", kernels.compare(g, how, left, right))])
            assert values_of(graph) == relation(a, b), (a, b, is_known)


def test_a_choice_ignores_the_other_case() -> None:
    """NaN and infinity in the case that is not chosen do no harm."""
    for truth, want in ((1.0, 2.0), (0.0, np.inf)):
        g = Scalars()
        a, b = g.leaf(INPUT, "a", (), np.array(2.0)), g.leaf(INPUT, "b", (), np.array(np.inf))
        which = g.leaf(INPUT, "c", (), np.array(truth))
        assert values_of(g.graph([("y", kernels.choose(g, which, a, b))])) == want


def test_what_leads_to_no_output_is_left_out() -> None:
    """Params and ops that no output needs are gone; inputs stay, so that rows still fit."""
    g = Scalars()
    x = g.leaf(INPUT, "x", (2,))
    w = g.param("w", np.arange(3.0))
    g.apply("exp", w)
    y = g.apply("mul", x.arranged(lambda a: a[:1]), w.arranged(lambda a: a[2:]))
    assert g.graph([("y", y)]).columns.ids == ["x[0]", "x[1]", "w[2]", "y[0]"]


def test_every_output_is_a_node_of_its_own() -> None:
    """Leaves, and numbers that are two outputs, are repeated."""
    g = Scalars()
    x = g.leaf(INPUT, "x", (), np.array(3.0))
    y = g.apply("neg", x)
    graph = g.graph([("a", x), ("b", y), ("c", y), ("d", known(7.0))])
    assert graph.outputs == ("a", "b", "c", "d")
    assert values_of(graph, 4).tolist() == [3.0, -3.0, -3.0, 7.0]


def test_constants_are_folded_and_shared() -> None:
    """What is known needs no node until it meets what isn't; minus zero is not zero."""
    g = Scalars()
    x = g.leaf(INPUT, "x", (4,), np.zeros(4))
    zeros = known(np.array([0.0, -0.0, 0.0, 1.0]))
    y = g.apply("add", x, g.apply("mul", zeros, known(2.0)))
    graph = g.graph([("y", y)])
    assert [graph.columns.op(i) for i in range(len(graph))].count("const") == 3
    assert np.signbit(graph.columns.data).tolist().count(True) == 1


def test_the_limit_is_checked_first() -> None:
    """Too many nodes, or tensors that are only repeated, are refused before memory is taken."""
    g = Scalars(LIMITS.raised({"nodes": 1000}))
    x = g.leaf(INPUT, "x", (30, 1))
    with pytest.raises(GraphError, match="30,000,000,030 nodes or more"):
        g.apply("mul", x, Tensor(np.broadcast_to(x.array.reshape(1, 30), (10**9, 30)).T))
    rows = known(np.zeros(900))
    for _ in range(15):
        kernels.joined(g, [rows], 0)
    kernels.joined(g, [rows], 0)
    kernels.joined(g, [rows], 0)
    with pytest.raises(GraphError, match="too often"):
        kernels.joined(g, [rows], 0)


def test_all_problems_are_reported() -> None:
    """The first hundred with their text, the rest as a number."""
    problems = Problems()
    for i in range(123):
        with problems.noted(f"node {i}"):
            raise ValueError
    with pytest.raises(GraphError) as raised:
        problems.check()
    assert len(raised.value.diagnostics) == 100
    assert raised.value.more == 23


@pytest.mark.parametrize("package", ["onnx", "torch", "jax"])
def test_a_missing_package(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what to install."""
    monkeypatch.setitem(sys.modules, package, None)
    calls = {
        "onnx": lambda: from_onnx(b"x"),
        "torch": lambda: from_torch(0),
        "jax": lambda: from_jax(abs),
    }
    with pytest.raises(
        MissingExtraError, match=rf"^importing needs the package {package}: .*pip install [^\n]*$"
    ):
        calls[package]()


def test_files_of_pytorch_are_not_opened(mgraph: Shell) -> None:
    """They may hold code; the message says how to import them."""
    said = mgraph("import", "net.pt2", "-o", "net.json")
    assert said.status == 2
    assert "mgraph.from_torch" in " ".join(said.err.split())
    assert mgraph.files() == ["neuron.json"]
