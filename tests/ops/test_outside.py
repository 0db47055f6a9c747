"""What ops give outside of their domains; the numbers are exact."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from mgraph.ops import OPS, REAL, TABLE

if TYPE_CHECKING:
    from tests.command_line import Shell

NEGATIVE = (-0.5, -2.0, -3.0)


@pytest.mark.parametrize("b", [-3.0, -1.0, 2.0, 3.0])
def test_whole_powers_of_negative_numbers(b: float) -> None:
    """They have a value and a derivative by a, b·a^(b-1), but none by b: (-2)³ is -8."""
    for a in NEGATIVE:
        value = OPS["pow"].step(a, b)
        by_a, by_b = OPS["pow"].step_partials(a, b, value)
        assert value == float(Fraction(a) ** int(b))
        assert by_a == float(int(b) * Fraction(a) ** (int(b) - 1))
        assert math.isnan(by_b)
    assert OPS["pow"].step(-2.0, 3.0) == -8.0


@pytest.mark.parametrize("b", [-1.5, 0.5, 2.25])
def test_other_powers_of_negative_numbers(b: float) -> None:
    """They are not real, so all is NaN."""
    for a in NEGATIVE:
        value = OPS["pow"].step(a, b)
        assert all(map(math.isnan, (value, *OPS["pow"].step_partials(a, b, value))))


def test_roots_and_logarithms_of_negative_numbers() -> None:
    """They are NaN; a logarithm has the derivative 1/x all the same."""
    for x in NEGATIVE:
        root, log = OPS["sqrt"].step(x), OPS["log"].step(x)
        assert math.isnan(root)
        assert math.isnan(OPS["sqrt"].step_partials(x, root)[0])
        assert math.isnan(log)
        assert OPS["log"].step_partials(x, log) == (float(1 / Fraction(x)),)


def test_every_domain_has_an_outside(mgraph: Shell) -> None:
    """An op that is not defined everywhere says what there is elsewhere, also in `mgraph ops`."""
    result = mgraph("ops").out
    for op in TABLE:
        is_everywhere = set(op.domain or ()) <= {REAL}
        assert bool(op.outside) != is_everywhere, op.name
        assert op.outside in result
    rows = {row["name"]: row for row in mgraph("ops", "--json").json["ops"]}
    assert {name: row["outside"] or "" for name, row in rows.items()} == {
        op.name: op.outside for op in TABLE
    }
