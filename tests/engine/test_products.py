"""Products in sums, and what need not be computed: batches have the bits of single runs."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import numpy as np

import mgraph
from mgraph import Graph, Value
from mgraph.engine.tape.cache import kernels
from mgraph.engine.tape.products import forward_runs
from mgraph.engine.tape.source import BATCH
from tests.engine.test_kernels import check_everything
from tests.engine.test_tape import bits
from tests.loops import looped
from tests.ops.test_exact_sum import sum_by_hand

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pytest
    from numpy.typing import NDArray

SPECIAL = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 5e-324, 1e308, -1e308]
MAKERS = (Value.input, Value.param, Value.const)


def sums_of_products(generator: random.Random, size: int) -> Graph:
    """Make a graph of sums and chains of products and of other nodes.

    Products are used once, twice or by two sums; their arguments may be the same, or both consts.
    """
    values = [
        generator.choice(MAKERS)(
            generator.choice(SPECIAL) if generator.random() < 0.1 else generator.gauss(0.0, 1.0),
            name=f"leaf{i}",
        )
        for i in range(size)
    ]
    products: list[Value] = []
    for _ in range(size):
        for _ in range(generator.randrange(1, 6)):
            a, b = (generator.choice(values[-20:]) for _ in range(2))
            products.append(a * (a if generator.random() < 0.1 else b))
        terms = generator.choices(products[-6:] + values[-4:], k=generator.randrange(1, 7))
        values.append(generator.choice((mgraph.sum, chain))(terms))
        values.append(generator.choice((values[-1].tanh(), values[-1] - values[-2], products[-1])))
    outputs = dict.fromkeys([values[-1], values[-2], products[-3]])
    return Graph.of(*outputs)


def chain(terms: Sequence[Value]) -> Value:
    """Add up terms one by one, on either side; the first may be a sum."""
    total = mgraph.sum(terms[:2]) if len(terms) % 2 else terms[0]
    for i, term in enumerate(terms):
        total = total + term if i % 3 else term + total
    return total


def assert_rows(
    graph: Graph,
    columns: Mapping[str, NDArray[np.float64]],
    seeds: Mapping[str, float],
    wrt: Sequence[str] | None,
    workers: int = 1,
) -> None:
    """Compare each row with a run by Values, and the sums with exact sums of these runs."""
    replay = graph.compile()
    batch = replay.batch(columns, seed=seeds, wrt=wrt, workers=workers, math="libm")
    total = replay.batch(columns, grad="sum", seed=seeds, wrt=wrt, workers=workers, math="libm")
    wanted: dict[str, list[float]] = {name: [] for name in batch.grad}
    for row in range(len(next(iter(columns.values())))):
        given = {name: float(column[row]) for name, column in columns.items()}
        want = graph.run(given, seed=seeds, engine="value")
        assert want.data is not None
        assert want.grad is not None
        got = {name: float(column[row]) for name, column in batch.outputs.items()}
        assert bits(got) == bits({name: want.data[name] for name in graph.outputs})
        slopes = {name: float(column[row]) for name, column in batch.grad.items()}
        leaves = [name for name in want.grad if name.startswith("leaf")]
        asked = leaves if wrt is None else [name for name in wrt if name in leaves]
        assert bits(slopes) == bits({name: want.grad[name] for name in asked})
        for name in asked:
            wanted[name].append(want.grad[name])
    assert bits(total.grad) == bits({name: sum_by_hand(x) for name, x in wanted.items()})


@looped("seed", range(60))
def test_sums_of_products_have_the_bits_of_single_runs(seed: int) -> None:
    """Whichever leaves have columns, and whichever gradients are asked for."""
    generator = random.Random(seed)  # noqa: S311 - no secrets
    graph = sums_of_products(generator, 4 + seed // 4)
    columns = graph.columns
    names = [columns.ids[i] for i in columns.leaves if columns.op(i) != "const"]
    if not names:
        return
    rows = (3, 16, 45)[seed % 3]
    given = generator.sample(names, 1 + len(names) // 3)
    numbers = np.random.default_rng(seed).normal(size=(len(given), rows))
    numbers[:, 1] = generator.choice(SPECIAL)
    seeds = dict(zip(graph.outputs, (1.0, -0.0, 2.0), strict=False))
    wrt = None if seed % 4 == 0 else generator.sample(names, len(names) // 2)
    assert_rows(graph, dict(zip(given, numbers, strict=True)), seeds, wrt, 1 + seed % 2)


@looped("seed", range(6))
def test_no_sum_of_products_leads_astray(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels that look at every index find none that is out of range."""
    check_everything(monkeypatch)
    graph = sums_of_products(random.Random(seed), 12)  # noqa: S311 - no secrets
    columns = graph.columns
    names = [columns.ids[i] for i in columns.leaves if columns.op(i) != "const"]
    replay = graph.compile()
    for rows in (1, 8, 130):
        for wrt in (None, names[:2], names[-1:]):
            for grad in ("rows", "sum", None):
                column = {names[0]: np.linspace(-1.0, 1.0, rows)}
                seeds = {graph.outputs[0]: 1.0}
                replay.batch(column, grad=grad, wrt=wrt, seed=seeds, workers=2)


def test_a_seed_is_added_to_zero() -> None:
    """A seed of -0.0 gives 0.0, as in a single run: 0.0 + -0.0 is 0.0."""
    replay = Graph.of(Value(1.0, name="x")).compile()
    assert math.copysign(1.0, replay.batch({"x": [1.0]}, seed={"x": -0.0}).grad["x"][0]) == 1.0


def test_a_seeded_param_is_not_only_a_sum_of_products() -> None:
    """If y = x·w and w are outputs, the gradient of w is x + 10 in each row."""
    w, x = Value.param(3.0, name="w"), Value(0.0, name="x")
    y = mgraph.sum([x * w])
    y.name = "y"
    batch = (
        Graph.of(y, w)
        .compile()
        .batch({"x": np.arange(16.0)}, grad="sum", wrt=["w"], seed={"y": 1.0, "w": 10.0})
    )
    assert batch.grad == {"w": 120.0 + 160.0}


def computed_by(graph: Graph, given: Sequence[str]) -> dict[str, str]:
    """Return the ids of the nodes that a sum computes, with the id of the sum."""
    replay = graph.compile()
    ids, order = replay.graph.ids, replay._order  # noqa: SLF001 - what is not seen in results
    names = [ids[node] for node in order.order.tolist()]
    columns, wanted = (
        np.array([names.index(name) for name in which]) for which in (given, graph.outputs)
    )
    sum_of = forward_runs(order, columns, wanted, kernels(BATCH)).sum_of
    return {name: names[at] for name, at in zip(names, sum_of, strict=True) if names[at] != name}


def named(**values: Value) -> None:
    """Name values."""
    for name, value in values.items():
        value.name = name


def test_which_products_are_computed_by_their_sum() -> None:
    """Those that one sum uses once: not an output, not one used twice, not one of two constants."""
    x, y, w = Value(2.0, name="x"), Value(2.0, name="y"), Value.param(3.0, name="w")
    once, twice, output, fixed, rows = x * w, x * w, x * w, w * w, x * y
    total = mgraph.sum([once, twice, output, twice, fixed, rows, y])
    named(once=once, twice=twice, output=output, fixed=fixed, rows=rows, total=total)
    graph = Graph.of(total, output)
    assert computed_by(graph, ["x", "y"]) == {"once": "total", "rows": "total"}


def test_which_chains_are_sums() -> None:
    """Those of four terms or more, up to a node that others use; a sum may be their start."""
    x, w = Value(2.0, name="x"), Value.param(3.0, name="w")
    product, start = x * w, mgraph.sum([x, w])
    long = product + (start + x)
    end = long * (long + x + w)
    named(product=product, start=start, inner=long.args[1], long=long, end=end)
    chained = ["product", "start", "inner"]
    assert computed_by(Graph.of(end), ["x"]) == dict.fromkeys(chained, "long")
