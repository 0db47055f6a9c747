"""Numbers as files spell them."""

from __future__ import annotations

import json
import struct
from math import isfinite
from random import Random
from typing import TYPE_CHECKING

import pytest

from mgraph.codec import literals, numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

EDGES = (
    0.0, -0.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 1e16, 1e15, -1e17,
    9999999999999998.0, 123456789012345680.0, 0.0001, 0.00012, 0.00001, -0.000012, 1e22, 1e23, 1e-7,
)  # fmt: skip
"""Extremes, and both sides of where Python's `repr` begins to write an exponent."""


def doubles(random: Random) -> Iterator[float]:
    """Yield numbers of every size: any bits, decimals, and integers."""
    yield from EDGES
    for _ in range(20_000):
        (x,) = struct.unpack("d", random.randbytes(8))
        if isfinite(x):
            yield x
        yield random.uniform(-1.0, 1.0) * 10.0 ** random.randint(-9, 25)
        yield float(random.randint(-(10 ** random.randint(1, 20)), 10 ** random.randint(1, 20)))


def test_many_numbers_are_spelled_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """What writes many numbers writes each as Python does."""
    values = [*doubles(Random(5))]  # noqa: S311 - no secret
    monkeypatch.setattr(numbers, "_MANY", 1)
    assert [*literals(values)] == [*map(repr, values)]


@pytest.mark.parametrize("many", [1, 100])
def test_numbers_that_json_lacks(monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    """NaN and the infinities are strings, in few numbers and in many."""
    monkeypatch.setattr(numbers, "_MANY", many)
    spelled = [json.loads(text) for text in literals([1.5, *numbers.SPECIAL.values()])]
    assert spelled == [1.5, "nan", "inf", "-inf"]
