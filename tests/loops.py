"""Many cases in one test, which names the one that fails."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING

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
