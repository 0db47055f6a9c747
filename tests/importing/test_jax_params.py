"""Which arguments of a JAX function are params: numbers of arguments, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from mgraph.importing.jax import check_params


@pytest.mark.parametrize(
    ("params", "error"),
    [((3,), ValueError), ((-1,), ValueError), (("w",), TypeError), ("w", TypeError),
     (1, TypeError), ((1.0,), TypeError), ((0, 3), ValueError)],
)  # fmt: skip
def test_params_are_numbers_of_arguments(params: Any, error: type[Exception]) -> None:  # noqa: ANN401
    """Whatever names no argument is refused, and the message lists the arguments."""
    with pytest.raises(error, match=r"such as \(0,\); there are 0 \(x\), 1 \(y\), 2 \(net\); not "):
        check_params(params, ["x", "y", "net"])


def test_some_arguments_are_params() -> None:
    """Or all of them, or none."""
    for params in ((), (0,), [2, 0], range(3)):
        check_params(params, ["x", "y", "net"])
