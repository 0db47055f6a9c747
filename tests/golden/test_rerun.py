"""Runs: when two numbers are equal, distances, and mappings of numbers by id."""

from __future__ import annotations

import math
from array import array

import pytest

import mgraph
from mgraph.golden.rerun import Mismatch, mismatches, ulps
from mgraph.graph.run import DEFAULT, EXACT, Numbers, Run, Tolerance, is_complete

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("got", "want", "tolerance", "equal"),
    [  # |got - want| <= max(abs, rel·|want|), worked out by hand
        (1.0, 1.0, DEFAULT, True),
        (1.0 + 0.99e-9, 1.0, DEFAULT, True),
        (1.0 + 2e-9, 1.0, DEFAULT, False),
        (1e-12, 0.0, DEFAULT, True),
        (2e-12, 0.0, DEFAULT, False),
        (NAN, NAN, DEFAULT, True),
        (NAN, 1.0, Tolerance(1.0, 1e300), False),
        (INF, INF, EXACT, True),
        (INF, -INF, Tolerance(1.0, 1e308), False),
        (1e308, INF, Tolerance(1.0, 1e308), False),
        (INF, 1e308, Tolerance(1.0, 1e308), False),
        (0.0, -0.0, Tolerance(0.0, 0.0), True),
        (0.0, -0.0, EXACT, False),
        (-0.0, -0.0, EXACT, True),
        (NAN, NAN, EXACT, True),
        (1.0, math.nextafter(1.0, 2.0), EXACT, False),
        (1.0, math.nextafter(1.0, 2.0), Tolerance(0.0, 0.0), False),
        (1.5, 1.0, Tolerance(rel=0.5), True),
        (1.5, 1.0, Tolerance(abs=0.5), True),
        (1.5, 1.0, Tolerance(), False),
    ],
)
def test_equality(got: float, want: float, tolerance: Tolerance, equal: bool) -> None:  # noqa: FBT001
    """Same bits, or both NaN, or both finite and near enough."""
    assert tolerance.allows(got, want) is equal


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        (1.0, 1.0, 0), (1.0, 1.0 + 2**-52, 1), (1.0, 1.0 - 2**-53, 1), (0.0, -0.0, 0),
        (5e-324, -5e-324, 2), (0.0, 1.0, 0x3FF0000000000000), (1.7976931348623157e308, INF, 1),
        (NAN, 1.0, None), (2.0, 4.0, 2**52),
    ],
)  # fmt: skip
def test_distance_in_ulps(a: float, b: float, distance: int | None) -> None:
    """How many doubles lie between two."""
    assert ulps(a, b) == ulps(b, a) == distance


DOCUMENT = """{"mgraph": "1.0", "nodes": [
  {"id": "x", "op": "input", "data": 3.0}, {"id": "k", "op": "const", "data": 2.0},
  {"id": "y", "op": "mul", "args": ["x", "k"]}, {"id": "z", "op": "neg", "args": ["y"]},
  {"id": "away", "op": "neg", "args": ["x"]}], "outputs": ["z"]}"""


def test_numbers_are_a_mapping() -> None:
    """The numbers of a run behave as a read-only dict by id, in evaluation order."""
    graph = mgraph.loads(DOCUMENT)
    run = graph.run()
    assert run.data == {"x": 3.0, "k": 2.0, "y": 6.0, "z": -6.0, "away": -3.0}
    assert run.grad == {"x": -2.0, "y": -1.0, "z": 1.0}
    assert run.data is not None
    assert run.grad is not None
    assert [*run.grad] == ["x", "y", "z"]
    assert "k" not in run.grad
    assert "nobody" not in run.grad
    assert run.grad.get("away") is None
    with pytest.raises(KeyError):
        _ = run.grad["k"]
    with pytest.raises(KeyError):
        _ = run.data["nobody"]
    assert repr(run.grad) == "{'x': -2.0, 'y': -1.0, 'z': 1.0}"


def test_first_wrong_number() -> None:
    """Values are compared in evaluation order, gradients in backward order, what is missing too."""
    graph = mgraph.loads(DOCUMENT)
    run = graph.run()
    assert run.data is not None
    assert run.grad is not None
    wrong = Run(
        data={**run.data, "y": 6.5, "z": 1.0}, grad={"away": 1.0, "x": 0.0, "z": 1.0},
        graph=graph.hash,
    )  # fmt: skip
    assert list(mismatches(run, wrong, DEFAULT)) == [
        Mismatch("y", "data", 6.0, 6.5),
        Mismatch("z", "data", -6.0, 1.0),
        Mismatch("away", "grad", None, 1.0),
        Mismatch("y", "grad", -1.0, None),
        Mismatch("x", "grad", -2.0, 0.0),
    ]
    partial = Run(data={"z": -6.0}, grad={"x": -2.0})
    assert list(mismatches(run, partial, EXACT)) == []
    no_gradients = Run(data=dict(run.data), graph=graph.hash)
    assert list(mismatches(run, no_gradients, EXACT)) == []


def test_a_run_is_complete_if_it_names_every_node_and_its_graph() -> None:
    """Only then a gradient that it leaves out must not exist; the learner's one gradient is right.

    z = -(2x) at x = 3, by hand: y = 6, z = -6, away = -3, dz/dx = -2.
    """
    graph = mgraph.loads(DOCUMENT)
    values = {"x": 3.0, "k": 2.0, "y": 6.0, "z": -6.0, "away": -3.0}
    runs = {
        "all": Run(data=values, grad={"x": -2.0}, graph=graph.hash),
        "of no graph": Run(data=values, grad={"x": -2.0}),
        "without a value": Run(data={"z": -6.0}, grad={"x": -2.0}, graph=graph.hash),
        "without values": Run(grad={"x": -2.0}, graph=graph.hash),
        "empty": Run(),
    }
    assert [name for name, run in runs.items() if is_complete(run, graph.columns)] == ["all"]
    wrong = {name: [*mismatches(graph.run(), run, EXACT)] for name, run in runs.items()}
    left_out = [Mismatch("z", "grad", 1.0, None), Mismatch("y", "grad", -1.0, None)]
    assert wrong.pop("all") == left_out
    assert not any(wrong.values())


def test_mismatches_explain_themselves() -> None:
    """Both numbers and the size of the error; no units in the last place where they are many."""
    near = Mismatch("w", "grad", 1.0 + 2**-52, 1.0)
    assert (near.ulps, near.relative) == (1, 2.0**-52)
    assert str(near) == (
        "grad of w: the file says 1.0, mgraph computes 1.0000000000000002"
        " (1 ulp, relative error 2.2e-16)"
    )
    assert str(Mismatch("w", "grad", 1.0, 3.0)).endswith(" (relative error 0.67)")
    assert str(Mismatch("w", "grad", None, 1.0)).endswith("but there is no path to a seeded output")
    assert str(Mismatch("w", "grad", 1.0, None)).endswith("but mgraph computes 1.0")
    assert (
        str(Mismatch("w", "data", NAN, 1.0)) == "data of w: the file says 1.0, mgraph computes nan"
    )


def test_mismatches_of_another_engine() -> None:
    """There, the engine gives a number and mgraph expects one."""
    near = Mismatch("w", "grad", 1.0 + 2**-52, 1.0)
    assert near.describe_answer() == (
        "grad of w: got 1.0000000000000002, expected 1.0 (1 ulp, relative error 2.2e-16)"
    )
    without = Mismatch("w", "grad", 1.0, None)
    assert without.describe_answer().endswith("got 1.0, expected no path to a seeded output")
    assert Mismatch("w", "data", 1.0, 0.0).relative is None


def test_columns_that_name_every_node_are_complete() -> None:
    """A full list of nodes is the same as none."""
    graph = mgraph.loads(DOCUMENT).columns
    numbers = Numbers(graph, array("I", range(5)), array("d", [0.0] * 5))
    assert numbers.at is None
    assert [*numbers.nodes] == [0, 1, 2, 3, 4]
