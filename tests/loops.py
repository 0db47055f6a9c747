"""Many cases: in one test that names the one that fails, or as tests of which most wait."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    _Test = Callable[..., None]


def looped(argument: str, values: Iterable[object]) -> Callable[[_Test], _Test]:
    """Call a test with each of some values for an argument, as one test.

    It stands where `pytest.mark.parametrize` would make hundreds of tests that differ in one number
    or file. Fixtures are made once for all of them.
    """
    cases = [*values]

    def decorated(test: _Test) -> _Test:
        signature = inspect.signature(test)

        @wraps(test)
        def loop(*args: object, **fixtures: object) -> None:
            for value in cases:
                try:
                    test(*args, **fixtures, **{argument: value})
                except Exception as error:
                    error.add_note(f"{argument} = {getattr(value, 'name', value)}")
                    raise

        others = [each for each in signature.parameters.values() if each.name != argument]
        loop.__signature__ = signature.replace(parameters=others)  # type: ignore[attr-defined]
        return loop

    return decorated


def crossed(rows: Iterable[object], columns: Iterable[object]) -> list[Any]:
    """Return all pairs of two lists as parameters; thorough if both parts are tried without it."""
    rows, columns = [*rows], [*columns]
    pairs = []
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            is_first = i == j % len(rows) or j == i % len(columns)
            marks = () if is_first else pytest.mark.thorough
            pairs.append(pytest.param(row, column, marks=marks))
    return pairs


def shared(test: _Test) -> _Test:
    """Call a test with the share of its random cases that there is time for; thorough: with all."""
    shares = [0.25, pytest.param(1.0, marks=pytest.mark.thorough)]
    return pytest.mark.parametrize("share", shares)(test)


def sizes(usual: int, thorough: int, soak: int) -> list[Any]:
    """Return sizes of a test as parameters: two of them are thorough, the last takes longest."""
    return [
        usual,
        pytest.param(thorough, marks=pytest.mark.thorough),
        pytest.param(soak, marks=[pytest.mark.thorough, pytest.mark.soak]),
    ]


def thinned(values: Iterable[object], every: int) -> list[Any]:
    """Return values as parameters; all but each so many-th are thorough."""
    return [
        pytest.param(value, marks=pytest.mark.thorough if i % every else ())
        for i, value in enumerate(values)
    ]
