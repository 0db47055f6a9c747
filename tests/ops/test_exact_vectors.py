"""Exact math against right answers from MPFR: the reference, Values, and the tape."""

from __future__ import annotations

import numpy as np
import pytest

import mgraph
from mgraph import ExactValue, Graph, Value
from mgraph.ops import OPS, exact
from mgraph.value import apply
from tests.loops import looped
from tests.ops.exact_vectors import bits_of, rows

VECTORS = rows()


@looped("name", VECTORS)
def test_the_reference_is_right(name: str) -> None:
    """Special values, random arguments of all sizes, and some close to midpoints."""
    function = getattr(exact, "power" if name == "pow" else name)
    for *arguments, result in VECTORS[name]:
        got = function(*arguments)
        assert bits_of(got) == bits_of(result), [x.hex() for x in arguments]


@looped("name", VECTORS)
def test_values_are_right(name: str) -> None:
    """An op of ExactValues gives the same."""
    for *arguments, result in VECTORS[name][::5]:
        got = mgraph.value.compute(OPS[name], tuple(map(ExactValue, arguments)))
        assert bits_of(got.data) == bits_of(result), [x.hex() for x in arguments]


@pytest.mark.parametrize("workers", [1, 2])
@looped("name", VECTORS)
def test_the_tape_is_right(name: str, workers: int) -> None:
    """A batch of all rows; and single runs, which don't compute eight rows at once."""
    *columns, results = np.array(VECTORS[name]).T
    ids = ("a", "b")[: len(columns)]
    replay = Graph.of(apply(OPS[name], tuple(Value.input(1.0, name=id_) for id_ in ids))).compile(
        math="exact"
    )
    given = dict(zip(ids, map(np.ascontiguousarray, columns), strict=True))
    (got,) = replay.batch(given, grad=None, math="exact", workers=workers).outputs.values()
    assert [*map(bits_of, got.tolist())] == [*map(bits_of, results.tolist())]
    for *arguments, result in VECTORS[name][::9]:
        replay.step(dict(zip(ids, arguments, strict=True)))
        assert bits_of(float(replay.primals[-1])) == bits_of(result), arguments
