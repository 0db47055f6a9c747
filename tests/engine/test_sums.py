"""Exact sums in kernels: what rational arithmetic gives, however the rows are cut and computed."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mgraph import Graph, Value
from mgraph.engine.tape import blocks
from mgraph.engine.tape.sum_source import WIDTH
from mgraph.engine.tape.sums import Accumulators, exact_sum, rounded_sum
from mgraph.ops.exact_sum import ExactSum
from tests.loops import looped
from tests.ops.test_exact_sum import BY_HAND, DOUBLES, MAX, nearest, same, sum_by_hand

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

GENERATOR: Final = np.random.default_rng(1)


def scaled(count: int, low: int, high: int) -> Floats:
    """Return normal numbers times powers of two from 2^low to 2^high."""
    powers = GENERATOR.integers(low, high, size=count, endpoint=True)
    with np.errstate(over="ignore"):
        return np.ldexp(GENERATOR.normal(size=count), powers)


KINDS: Final[dict[str, Callable[[int], Floats]]] = {
    "normal": lambda n: scaled(n, 0, 0),
    "spread like gradients": lambda n: scaled(n, -40, 0),
    "every exponent": lambda n: GENERATOR.integers(0, 2**64, n, np.uint64).view(np.float64),
    "finite, every exponent": lambda n: scaled(n, -1074, 1020),
    "huge": lambda n: scaled(n, 1018, 1022),
    "subnormal": lambda n: scaled(n, -1074, -1060),
    "around the smallest window": lambda n: scaled(n, -1045, -1005),
    "cancelling": lambda n: np.concatenate([x := scaled(n // 2, -300, 300), -x[::-1]]),
    "one outlier": lambda n: np.where(np.arange(n) == n // 2, 1e18, scaled(n, -9, 0)),
    "blocks of changing size": lambda n: np.ldexp(scaled(n, 0, 0), np.arange(n) // 8 % 5 * 30 - 60),
    "growing in a window": lambda n: np.where(np.arange(n) * 9 < n, -1.0, 2.0**-37 - 16.0),
    "growing out of a window": lambda n: np.where(np.arange(n) * 9 < n, -1.0, 2.0**-37 - 3000.0),
    "zeros": lambda n: np.where(np.arange(n) % 3, 0.0, -0.0),
    "mostly zeros": lambda n: np.where(np.arange(n) % 7, 0.0, scaled(n, -3, 3)),
    "zeros first": lambda n: np.where(np.arange(n) * 2 < n, 0.0, scaled(n, 0, 0)),
    "with an infinity": lambda n: np.where(np.arange(n) == n // 3, -np.inf, scaled(n, 0, 0)),
    "with a NaN": lambda n: np.where(np.arange(n) == n // 3, np.nan, scaled(n, 0, 0)),
    "all infinite": lambda n: np.full(n, np.inf),
}
"""Columns that are hard to add up."""


@looped("kind", KINDS)
def test_columns_are_added_up_exactly(kind: str) -> None:
    """Sums and states, for columns of any length and kind, also after a longer one."""
    for rows in (0, 1, 7, 8, 9, 63, 601, 5011, 203):
        column = KINDS[kind](rows)
        got = exact_sum(column)
        assert same(got.value, sum_by_hand(column.tolist())), rows
        assert got == ExactSum.of(column.tolist())
        assert same(rounded_sum(column), sum_by_hand(column.tolist())), rows


@given(arrays(np.float64, st.integers(0, 40), elements=DOUBLES))
def test_any_column_is_added_up_exactly(column: Floats) -> None:
    """Doubles as hypothesis chooses them."""
    assert same(exact_sum(column).value, sum_by_hand(column.tolist()))
    assert same(rounded_sum(column), sum_by_hand(column.tolist()))


def test_a_million_rows() -> None:
    """2^20 + 3 times 0.1 is rounded once; lanes are emptied and digits carried on the way."""
    count = 2**20 + 3
    assert exact_sum(np.full(count, 0.1)).value == nearest(Fraction(0.1) * count)
    assert exact_sum(np.full(count, -MAX)).value == -math.inf


def test_settling_makes_room() -> None:
    """Digits are carried: after it, all except the last are from 0 to 2^32 - 1."""
    sums = Accumulators(2)
    sums.digits[WIDTH : WIDTH + 3] = 2**62, -(2**62), 2**40 - 1
    sums.used[1] = 1
    sums.settle()
    assert sums.digits[WIDTH : WIDTH + 4].tolist() == [0, 2**30, 2**32 - 2**30 - 1, 2**8 - 1]
    assert sums.totals().states() == [
        ExactSum(),
        ExactSum(2**62 - 2**94 + (2**40 - 1) * 2**64),
    ]


def test_columns_of_other_layouts() -> None:
    """Strided, foreign-endian and unaligned columns."""
    column = scaled(101, -50, 50)
    odd = np.frombuffer(b"...." + column.tobytes(), np.uint8)[4:].view(np.float64)
    for other in (np.repeat(column, 2)[::2], column.astype(">f8"), odd, column[::-1]):
        assert exact_sum(other) == ExactSum.of(column.tolist())


# --- batches ---


def weighted() -> Graph:
    """Return x·w + y·v: in each row, the gradients of w and v are x and y."""
    x, y = (Value.input(0.0, name=name) for name in "xy")
    w, v = (Value.param(1.0, name=name) for name in "wv")
    return Graph.of(x * w + y * v)


@pytest.fixture(
    params=[
        (2**15, 16, 2**24, 2**29, 6007),
        (1, 1, 2**7, 2**6, 807),
        (1, 3, 2**9, 2**10, 1607),
        (2**15, 16, 2**12, 2**29, 6007),
    ]
)
def longest(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Change the width of blocks, how many rows are computed at once, and when sums are settled.

    Returns:
        A number of rows that takes several of each.
    """
    *sizes, rows = request.param
    names = ("_NEAR", "_WIDE", "_SLAB", "_SETTLED")
    for name, value in zip(names, sizes, strict=True):
        monkeypatch.setattr(blocks, name, value)
    return int(rows)


@looped("kind", KINDS)
def test_gradients_are_added_up_exactly(kind: str, longest: int) -> None:
    """Sums and states of gradients are those of the columns, for any workers, blocks and rows."""
    for rows in (1, 100, longest):
        replay = weighted().compile()  # a new one: windows are kept
        x, y = np.resize(KINDS[kind](rows), rows), scaled(rows, 0, 0)
        states = {"w": ExactSum.of(x.tolist()), "v": ExactSum.of(y.tolist())}
        sums = {"w": sum_by_hand(x.tolist()), "v": sum_by_hand(y.tolist())}
        for workers in (1, 3):
            batch = replay.batch({"x": x, "y": y}, grad="sum", workers=workers, math="libm")
            for name in "wv":
                assert same(batch.grad[name], sums[name]), (rows, workers)
                assert batch.sums[name] == states[name]


@pytest.mark.parametrize(("values", "total"), BY_HAND)
def test_gradients_by_hand(values: list[float], total: float) -> None:
    """Thresholds, ties, infinities, NaN and no rows at all, as for numbers."""
    columns = {"x": np.array(values), "y": -np.array(values)}
    batch = weighted().compile().batch(columns, grad="sum")
    assert same(batch.grad["w"], total)
    assert same(batch.grad["v"], 0.0 - total)


def test_batches_can_be_split_and_merged() -> None:
    """The states of parts, stored and read again, add up to the state of the whole."""
    replay, column = weighted().compile(), scaled(3000, -700, 300)
    whole = replay.batch({"x": column, "y": column}, grad="sum")
    parts = np.split(column, [1, 17, 1000, 1001, 2900])
    batches = [replay.batch({"x": part, "y": part}, grad="sum") for part in parts]
    merged = ExactSum()
    for batch in reversed(batches):
        merged += ExactSum.from_bytes(batch.sums["w"].to_bytes())
    assert merged == whole.sums["w"]
    assert merged.value == whole.grad["w"]


def test_states_outlive_the_next_batch() -> None:
    """They are not made from memory that later batches use; without sums there are none."""
    replay = weighted().compile()
    for spread in (0, 400):  # in lanes only, and with digits
        x, y = scaled(50, -spread, 0), scaled(50, 0, 0)
        first = replay.batch({"x": x, "y": y}, grad="sum")
        replay.batch({"x": y, "y": x}, grad="sum")
        assert first.sums["w"] == ExactSum.of(x.tolist())
    for grad in ("rows", None):
        assert replay.batch({"x": x, "y": y}, grad=grad).sums == {}


def test_graphs_without_leaves_to_ask_for() -> None:
    """No gradients, no sums; one gradient, one sum."""
    a, k = Value.input(0.0, name="a"), Value.const(2.0)
    graph = Graph.of(k * k, a)
    batch = graph.compile().batch({"a": np.ones(9)}, grad="sum", seed={graph.outputs[0]: 1.0})
    assert (batch.grad, batch.sums) == ({}, {})
    batch = Graph.of(a).compile().batch({"a": np.zeros(9)}, grad="sum")
    assert (batch.grad, batch.sums) == ({"a": 9.0}, {"a": ExactSum.of([9.0])})
