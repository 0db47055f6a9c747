"""Every function of exact math against MPFR: the tape, the reference in Python, published cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pytest

import mgraph
from mgraph import Graph, Value
from mgraph.ops import OPS, exact
from mgraph.value import apply
from tests.groups.exact.arguments import PAIRS, arguments
from tests.groups.exact.oracle import FUNCTIONS, right_answers, told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.groups.exact.oracle import Doubles

TAPE: Final = 1_000_000
SINGLE: Final = 20_000
REFERENCE: Final = 100_000
SLOW: Final = {"pow": 50_000, "erf": 20_000, "atan2": 50_000}
"""Counts for the reference where a call of it takes longest."""


def by_tape(name: str, columns: Sequence[Doubles], workers: int = 1) -> Doubles:
    """Return what the compiled function gives, for a batch."""
    ids = ("a", "b")[: len(columns)]
    output = apply(OPS[name], tuple(Value.input(1.0, name=id_) for id_ in ids))
    replay = Graph.of(output).compile(math="exact")
    given = dict(zip(ids, columns, strict=True))
    (results,) = replay.batch(given, grad=None, math="exact", workers=workers).outputs.values()
    return results


def by_single_runs(name: str, columns: Sequence[Doubles]) -> tuple[Doubles, Doubles]:
    """Return what a single run of the tape and a step give, in a graph with a node for each row."""
    rows = zip(*(column.tolist() for column in columns), strict=True)
    values = [apply(OPS[name], tuple(map(Value, row))) for row in rows]
    graph = Graph.of(mgraph.sum(values))
    replay = graph.compile(math="exact")
    replay.step()
    nodes = [i for i in range(len(graph)) if graph.columns.op(i) == name]
    run = graph.run(engine="tape", math="exact", grad=False)
    data = np.array([*(run.data or {}).values()])
    return data[nodes], replay.primals[nodes]


def by_reference(name: str, columns: Sequence[Doubles]) -> Doubles:
    """Return what the function in Python integers gives."""
    function: Callable[..., float] = getattr(exact, "power" if name == "pow" else name)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return np.array([function(*row) for row in rows])


def assert_right(name: str, columns: Sequence[Doubles], got: Doubles) -> None:
    """Compare results with the right answers; a failure lists the first that are wrong."""
    mistakes = told(name, columns, got, right_answers(name, columns))
    assert not mistakes, f"{len(mistakes):,} of {got.size:,}: " + "; ".join(mistakes[:20])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_tape_is_right(name: str) -> None:
    """A million arguments of all kinds: random, near midpoints, at thresholds, subnormal."""
    columns = arguments(name, TAPE, 1)
    assert_right(name, columns, by_tape(name, columns))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_reference_is_right(name: str) -> None:
    """Fewer arguments of the same kinds."""
    columns = arguments(name, SLOW.get(name, REFERENCE), 2)
    assert_right(name, columns, by_reference(name, columns))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_single_runs_and_steps_are_right(name: str) -> None:
    """They have code of their own, which does not always compute eight rows at once."""
    columns = arguments(name, SINGLE, 4)
    for got in by_single_runs(name, columns):
        assert_right(name, columns, got)


@pytest.mark.parametrize("name", ["exp", "tanh", *PAIRS])
def test_threads_do_not_matter(name: str) -> None:
    """Two threads at once, slow paths included, give the bits of one."""
    columns = arguments(name, 20_000, 3)
    one, two = (by_tape(name, columns, workers) for workers in (1, 2))
    assert np.array_equal(one.view(np.uint64), two.view(np.uint64))
