"""Loops of cases: every case is tried, and the one that fails is named."""

from __future__ import annotations

import inspect

import pytest

from tests.loops import crossed, looped, sizes, thinned


def test_a_loop_names_the_case_that_fails() -> None:
    """Cases go in order until one fails; its value is a note of the error."""
    tried = []

    @looped("number", [1, 2, 3])
    def test(number: int, limit: int) -> None:
        tried.append(number)
        assert number < limit

    test(limit=4)
    assert tried == [1, 2, 3]
    with pytest.raises(AssertionError) as caught:
        test(limit=2)
    assert tried == [1, 2, 3, 1, 2]
    assert caught.value.__notes__ == ["number = 2"]


def test_pytest_sees_the_other_arguments() -> None:
    """They are fixtures, or other parameters."""

    @looped("number", [1])
    def test(number: int, mgraph: object) -> None:
        raise NotImplementedError(number, mgraph)

    assert [*inspect.signature(test).parameters] == ["mgraph"]


def test_every_part_is_tried_without_the_thorough_ones() -> None:
    """Each row and each column is in a pair that isn't thorough; all pairs are there."""
    rows, columns = ["a", "b", "c"], [1, 2, 3, 4, 5]
    pairs = [*crossed(rows, columns)]
    assert len(pairs) == len({pair.values for pair in pairs}) == 15
    quick = [pair.values for pair in pairs if not pair.marks]
    assert {row for row, _ in quick} == {*rows}
    assert {column for _, column in quick} == {*columns}
    assert len(quick) == 5
    columns = [1, 2]
    assert {row for row, _ in (p.values for p in crossed(rows, columns) if not p.marks)} == {*rows}


def test_every_third_is_not_thorough() -> None:
    """The others are."""
    params = [*thinned(range(7), 3)]
    assert [param.values for param in params] == [(i,) for i in range(7)]
    assert [param.values[0] for param in params if not param.marks] == [0, 3, 6]


def test_the_largest_size_is_for_a_soak() -> None:
    """The smallest is for everybody."""
    usual, thorough, soak = sizes(1, 2, 3)
    assert usual == 1
    assert (thorough.values, [mark.name for mark in thorough.marks]) == ((2,), ["thorough"])
    assert (soak.values, [mark.name for mark in soak.marks]) == ((3,), ["thorough", "soak"])
