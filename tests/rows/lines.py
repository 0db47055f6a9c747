"""A graph whose numbers are easy by hand, and rows for it."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

import mgraph
from mgraph import Value

X: Final = (3.0, 3.0, 0.0, -1.0)
Y: Final = (5.0, 7.0, 0.0, 1.0)
LOSS: Final = [4.0, 0.0, 1.0, 4.0]
GRADIENTS: Final = {
    "x": [8.0, 0.0, 4.0, -8.0],
    "y": [-4.0, 0.0, -2.0, 4.0],
    "b": [4.0, 0.0, 2.0, -4.0],
    "w": [12.0, 0.0, 0.0, 4.0],
}
"""loss = (w·x + b - y)² with w = 2 and b = 1: the errors e are 2, 0, 1 and -2. The gradients are
2e·w for x, -2e for y, 2e for b and 2e·x for w."""

RESULTS: Final = {
    "loss": LOSS,
    **{f"grad:{leaf}": GRADIENTS[leaf] for leaf in ("x", "y", "b", "w")},
}
"""The columns of results, in evaluation order, by hand."""

CSV: Final = """\
x,day,y
3,Mo,5
3,Tu,7
0,We,0
-1,Th,1
"""
"""The four rows as text."""


def line() -> mgraph.Graph:
    """Return the graph of one squared error; the inputs have the values of the first row."""
    x, y = Value(3.0, name="x"), Value(5.0, name="y")
    b, two, w = Value.param(1.0, name="b"), Value.const(2.0, name="two"), Value.param(2.0, name="w")
    loss = (w * x + b - y) ** two
    loss.name = "loss"
    return mgraph.Graph.of(loss)


def rows() -> pa.RecordBatch:
    """Return the four rows, with a column that the graph has nothing to do with."""
    columns = {"x": pa.array(X), "day": pa.array(["Mo", "Tu", "We", "Th"]), "y": pa.array(Y)}
    return pa.record_batch(columns)
