"""Functions of formulas that are composed of ops; the numbers are exact or have 50 digits."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

import mpmath
import pytest

from mgraph.build.expression import graph_of
from mgraph.build.functions import COMPOSED, FUNCTIONS
from mgraph.build.mistakes import ELSEWHERE
from mgraph.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Callable

XS = (-700.0, -3.0, -0.5, -1e-9, 1e-9, 0.1, 2.0, 30.0)


def run(formula: str, **inputs: float) -> tuple[float, dict[str, float]]:
    """Return the value of a formula, and its gradients."""
    result = graph_of(f"y = {formula}", {}).run(inputs)
    assert result.data is not None
    assert result.grad is not None
    return result.data["y"], {name: result.grad[name] for name in inputs}


def test_silu() -> None:
    """The product of x and s = sigmoid(x), with the derivative s·(1 + x·(1 - s)), by mpmath.

    Each is a product of a few factors that are good to an ulp or two.
    """
    mpmath.mp.dps = 50
    for x in XS:
        exact = mpmath.mpf(x)
        sigmoid = 1 / (1 + mpmath.exp(-exact))
        slope = sigmoid * (1 + exact * (1 - sigmoid))
        value, gradients = run("silu(x)", x=x)
        assert math.isclose(value, float(exact * sigmoid), rel_tol=1e-15), x
        assert math.isclose(gradients["x"], float(slope), rel_tol=1e-14), x


def test_gelu() -> None:
    """The product of x and the chance that a normal number is below x, and its derivative.

    Far below 0 the chance is 1 minus nearly 1, so its last digits are those of 1.
    """
    mpmath.mp.dps = 50
    for x in XS:
        exact = mpmath.mpf(x)
        slope = mpmath.ncdf(exact) + exact * mpmath.npdf(exact)
        value, gradients = run("gelu(x)", x=x)
        assert math.isclose(value, float(exact * mpmath.ncdf(exact)), rel_tol=1e-15, abs_tol=1e-15)
        assert math.isclose(gradients["x"], float(slope), rel_tol=1e-14, abs_tol=1e-15), x


def test_square() -> None:
    """x·x, rounded once, and 2·x; negative numbers are as good as others."""
    for x in XS:
        assert run("square(x)", x=x) == (float(Fraction(x) ** 2), {"x": float(2 * Fraction(x))}), x


def test_leaky_relu() -> None:
    """X above 0, a·x rounded once below; the slopes are 1 and 0, or a and x."""
    a = 0.01
    for x in XS:
        below = x < 0
        value = float(Fraction(a) * Fraction(x)) if below else x
        assert run("leaky_relu(x, a)", x=x, a=a) == (
            value,
            {"x": a if below else 1.0, "a": x if below else 0.0},
        ), x


def test_leaky_relu_at_its_kink() -> None:
    """At 0 the slope is 0, which is the choice of relu."""
    assert run("leaky_relu(x, 0.01)", x=0.0) == (0.0, {"x": 0.0})


@pytest.mark.parametrize("numbers", [(7.0,), (1.0, 2.0), (0.5, -3.0, 4.0), (1.0, 2.0, 3.0, 5.0)])
def test_mean(numbers: tuple[float, ...]) -> None:
    """The exact mean of numbers whose sum is exact, rounded once; each slope is 1/n."""
    names = [f"x{i}" for i in range(len(numbers))]
    value, gradients = run(f"mean({', '.join(names)})", **dict(zip(names, numbers, strict=True)))
    assert value == float(sum(map(Fraction, numbers)) / len(numbers))
    assert gradients == dict.fromkeys(names, float(Fraction(1, len(numbers))))


@pytest.mark.parametrize(("name", "best"), [("max", max), ("min", min)])
def test_the_largest_of_several(name: str, best: Callable[..., float]) -> None:
    """The gradient goes to the largest (smallest) of any number of arguments."""
    for numbers in ((3.0, 5.0), (5.0, 3.0, 4.0), (1.0, -2.0, 8.0, 3.0), (1.0, 8.0, -2.0, 3.0)):
        names = [f"x{i}" for i in range(len(numbers))]
        given = dict(zip(names, numbers, strict=True))
        value, gradients = run(f"{name}({', '.join(names)})", **given)
        assert value == best(numbers)
        assert gradients == {key: float(x == best(numbers)) for key, x in given.items()}


def test_ties_of_several() -> None:
    """Several are taken two at a time from the left, and equal ones share each time."""
    assert run("max(a, b, c)", a=2.0, b=2.0, c=2.0)[1] == {"a": 0.25, "b": 0.25, "c": 0.5}
    assert run("max(a, b, c)", a=2.0, b=2.0, c=1.0)[1] == {"a": 0.5, "b": 0.5, "c": 0.0}


def test_max_of_two_is_an_op() -> None:
    """Composed functions add no node where an op is enough."""
    assert len(graph_of("y = max(a, b)", {})) == 3
    assert len(graph_of("y = min(a, b, c)", {})) == 5


def test_only_ops_are_in_the_graph() -> None:
    """A file made of these functions can be read by everybody who reads the format."""
    graph = graph_of(
        "y = leaky_relu(x, a) + silu(x) + square(x) + mean(x, a) + gelu(max(x, a, 2))", {}
    )
    assert {graph.columns.op(node) for node in range(len(graph))} <= {*OPS, "input", "const"}


def test_every_function_is_named_in_the_help() -> None:
    """What is composed has a usage, and `mgraph new --help` shows it."""
    from mgraph.cli.new import command  # noqa: PLC0415 - the rest is not about commands

    text = " ".join((command.help or "").split())
    for name, function in COMPOSED.items():
        assert function.usage.startswith(f"{name}(")
        assert function.usage in text or (name in ("max", "min") and "max and min of more" in text)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_functions_of_other_libraries(name: str) -> None:
    """What an unknown function is replaced by computes the same as mpmath's."""
    exact = (
        getattr(mpmath, name.replace("arc", "a"), None)
        or {"log2": lambda x: mpmath.log(x, 2)}[name]
    )
    names = ["a", "b"] if "a*a" in ELSEWHERE[name] else ["x"]
    for x in (0.25, 0.5, 0.75):
        numbers = [x, 0.3][: len(names)]
        value, _ = run(ELSEWHERE[name], **dict(zip(names, numbers, strict=True)))
        assert math.isclose(value, float(exact(*numbers)), rel_tol=1e-14), (name, x)


def test_functions_have_names_of_their_own() -> None:
    """No replacement is offered for what can be called."""
    assert not FUNCTIONS.keys() & ELSEWHERE.keys()


def test_methods() -> None:
    """Functions of one argument can be written as methods, and nested, as Values are."""
    written = graph_of("L = (x*w + b).tanh().square() - x.relu()", {})
    meant = graph_of("L = square(tanh(x*w + b)) - relu(x)", {})
    assert written.hash == meant.hash
