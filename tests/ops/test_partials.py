"""Partials as formulas of ops: the same bits as the table's own, at all special values."""

from __future__ import annotations

import itertools
import struct
from typing import TYPE_CHECKING

import pytest

import mgraph
from mgraph import Graph, Value
from mgraph.ops import OPS, TABLE, Op, partials
from mgraph.ops.partials import Applied
from mgraph.value import apply, as_value
from tests.ops.test_table import SPECIAL, same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.ops.partials import Formula

NUMBERS = (*SPECIAL, 0.75, -0.75, 1e-200, -1.5, 7.0, -7.0)


def points(op: Op) -> Iterator[tuple[float, ...]]:
    """Return all combinations of special values."""
    return itertools.product(NUMBERS, repeat=op.inputs)


def computed(formula: Formula, x: tuple[float, ...], y: float) -> float:
    """Compute a formula by the ops of the table."""
    if isinstance(formula, Applied):
        return OPS[formula.op].step(*(computed(arg, x, y) for arg in formula.args))
    names = {**dict(zip("ab", x, strict=False)), "y": y}
    return names[formula] if isinstance(formula, str) else formula


@pytest.mark.parametrize("op", TABLE, ids=lambda op: op.name)
def test_every_partial_can_be_said_in_ops(op: Op) -> None:
    """At ties, kinks and poles, for NaN and both zeros: all bits are those of the table."""
    formulas = partials.partials(op.name)
    assert len(formulas) == op.inputs
    for x in points(op):
        y = op.step(*x)
        for formula, want in zip(formulas, op.step_partials(*x, y), strict=True):
            assert same(computed(formula, x, y), want), (x, formula)


def test_a_wrong_formula_is_noticed() -> None:
    """A formula that is right but for ties, zeros, NaN or one sign is told from the right one."""
    power = Applied("pow", ("a", Applied("sub", ("b", 1.0))))
    for op, wrong in (
        ("relu", Applied("gate", (Applied("add", ("a", 5e-324)), 1.0))),
        ("abs", Applied("sub", (Applied("gate", ("a", 2.0)), 1.0))),
        ("max", Applied("gate", (Applied("sub", ("a", "b")), 1.0))),
        ("pow", Applied("mul", ("b", power))),
        ("pow", Applied("gate", (Applied("abs", ("b",)), Applied("mul", ("b", power))))),
    ):
        row = OPS[op]
        values = [(x, row.step(*x)) for x in points(row)]
        right = [same(computed(wrong, x, y), row.step_partials(*x, y)[0]) for x, y in values]
        assert any(right), op
        assert not all(right), op


def test_the_formulas_that_the_format_states() -> None:
    """These are written out in docs/versions.md, and read as they stand there."""
    x_positive, x_negative = (Applied("gate", (x, 1.0)) for x in ("a", Applied("neg", ("a",))))
    assert partials.partials("relu") == (x_positive,)
    assert partials.partials("abs") == (Applied("sub", (x_positive, x_negative)),)
    assert partials.partials("mul") == ("b", "a")
    assert partials.partials("sub") == (1.0, -1.0)
    assert partials.partials("softplus") == (Applied("sigmoid", ("a",)),)
    assert partials.partials("sum") == (1.0, 1.0)


@pytest.mark.parametrize("op", TABLE, ids=lambda op: op.name)
def test_formulas_are_graphs(op: Op) -> None:
    """Built of Values, a partial is a graph that any engine runs, and whose gradient exists."""
    x = [Value(value, name=name) for name, value in zip("ab", (0.75, 0.25), strict=False)]
    args = tuple(x[: op.inputs])
    y = apply(op, args)
    names = {**dict(zip("ab", args, strict=False)), "y": y}
    for formula, want in zip(
        partials.partials(op.name),
        op.step_partials(*(arg.data for arg in args), y.data),
        strict=True,
    ):
        value = built(formula, names)
        graph = Graph.of(mgraph.sum([value]))
        assert struct.pack("<d", value.data) == struct.pack("<d", want)
        assert graph.run().data


def built(formula: Formula, names: dict[str, Value]) -> Value:
    """Build a formula of Values."""
    if isinstance(formula, Applied):
        return apply(OPS[formula.op], tuple(built(arg, names) for arg in formula.args))
    return names[formula] if isinstance(formula, str) else as_value(formula)
