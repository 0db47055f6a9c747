"""Loops of cases: every case is tried, and the one that fails is named."""

from __future__ import annotations

import inspect

import pytest

from tests.loops import looped


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
