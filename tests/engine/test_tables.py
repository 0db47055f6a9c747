"""The columns of a batch: numbers of any type and layout, and never more memory than needed."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import mgraph
from mgraph import Graph, GraphError, Value
from mgraph.engine.tape import tables

# y = w·x1 + x2, with w = 2: the gradients are x1 for w, 2 for x1 and 1 for x2.

X = np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])
Y = [12.0, 24.0, 36.0]


def plane() -> Graph:
    """Return the graph of a plane."""
    x1, x2 = Value(0.0, name="x1"), Value(0.0, name="x2")
    y = mgraph.sum([Value.param(2.0, name="w") * x1, x2])
    y.name = "y"
    return Graph.of(y)


LAYOUTS = {
    "rows": X,
    "columns": np.asfortranarray(X),
    "part": np.hstack([X, X])[:, :3],
    "strided": np.repeat(X, 2, axis=1)[:, ::2],
    "reversed": X[::-1, ::-1].copy()[::-1, ::-1],
    "float32": X.astype(np.float32),
    "big-endian": X.astype(">f8"),
    "int8": X.astype(np.int8),
    "unaligned": np.frombuffer(b"." + X.tobytes(), np.uint8)[1:].view(np.float64).reshape(2, 3),
    "list": X.tolist(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_matrix_has_the_columns_of_several_leaves(
    layout: str, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However its numbers lie in memory, also if they are converted in parts."""
    replay = plane().compile()
    for part in (tables._PART, 1):  # noqa: SLF001 - the size is not to be seen in results
        monkeypatch.setattr(tables, "_PART", part)
        for times in (1, 70):
            matrix = np.tile(LAYOUTS[layout], times) if times > 1 else LAYOUTS[layout]
            batch = replay.batch({("x1", "x2"): matrix}, workers=workers)
            assert batch.outputs["y"].tolist() == Y * times
            assert batch.grad["w"].tolist() == X[0].tolist() * times
            batch = replay.batch({("x2",): matrix[1:], "x1": matrix[0]}, workers=workers)
            assert batch.outputs["y"].tolist() == Y * times


def test_gradients_as_one_array() -> None:
    """The array has a row per leaf, in the order that was asked for; sums are one number each."""
    replay, columns = plane().compile(), {("x1", "x2"): X}
    batch = replay.batch(columns, wrt=["x2", "w"])
    assert batch.grad_ids == ["x2", "w"]
    assert batch.grad_array.tolist() == [[1.0] * 3, [1.0, 2.0, 3.0]]
    assert batch.grad["w"].base is not None  # part of the array
    batch = replay.batch(columns, grad="sum", wrt=("w", "x1"))
    assert (batch.grad_ids, batch.grad_array.tolist()) == (["w", "x1"], [6.0, 6.0])
    assert batch.grad == {"w": 6.0, "x1": 6.0}
    batch = replay.batch(columns, grad=None)
    assert (batch.grad_ids, batch.grad_array.shape, batch.grad) == ([], (0, 3), {})


@pytest.mark.parametrize(
    "columns",
    [
        {("x1", "x2"): X[:1]},
        {("x1", "x2"): X[0]},
        {("x1",): X},
        {"x1": X},
        {("x1", "x2"): X, "x1": X[0]},
        {("x1", "x1"): X},
        {("x1",): X[:1], "x2": X[0, :2]},
        {("x1", "x2"): X.astype(str)},
        {(): np.zeros((0, 3))},
    ],
)
def test_other_shapes_are_refused(columns: dict[tuple[str, ...], object]) -> None:
    """The code is that of other wrong columns."""
    with pytest.raises(GraphError) as caught:
        plane().compile().batch(columns)  # type: ignore[arg-type]
    assert [fault.code for fault in caught.value.diagnostics] == ["number"]


def test_memory_does_not_grow_with_columns_that_are_converted() -> None:
    """200,000 rows of 529 leaves, with one gradient: far less than the 846 MB of the columns."""
    ids = tuple(f"x{i}" for i in range(529))
    values = [Value(0.0, name=name) for name in ids]
    products = [a * b for a, b in zip(values[:264], values[264:528], strict=True)]
    replay = Graph.of(mgraph.sum([values[528], *products])).compile()
    numbers = np.arange(529, dtype=np.float32)
    matrix = np.broadcast_to(numbers[:, None], (529, 200_000))  # takes no memory itself
    replay.batch({ids: matrix[:, :1]}, wrt=["x1"])
    tracemalloc.start()
    try:
        batch = replay.batch({ids: matrix}, wrt=["x1"])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20 * 2**20
    total = 528.0 + sum(i * (i + 264.0) for i in range(264))
    assert (next(iter(batch.outputs.values())) == total).all()
    assert (batch.grad["x1"] == 265.0).all()
