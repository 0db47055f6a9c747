"""The bounds of exact math: derived again, compared with the constants, and with measured errors.

The derivations are in the docstrings of `mgraph.ops.exact`; each is a formula here. Errors are in
units of the last place of what is computed.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import mpmath
import pytest

from mgraph.ops.exact import (
    angles,
    constants,
    error_function,
    exponential,
    logarithm,
    powers,
    rounding,
    trigonometry,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MARGIN = 16
CONSTANT = 1 + 2**-20  # see `constants`
UNIT = 2.0**-rounding.FIRST  # the largest one


# --- the derivations, as formulas ---


def horner(argument_error: float, argument: float, sums: float) -> float:
    """Error of c + r·(c + r·(…)), with the series cut off where less than a unit is missing.

    Args:
        argument_error: Of r.
        argument: The largest |r|.
        sums: The largest value of a sum before its product with r.
    """
    step = sums * argument_error + 1 + 1  # the product is rounded down, and so is a coefficient
    return step / (1 - argument) + 1 / (1 - argument)


def scaled(d: float) -> float:
    """Error of e^x, whose argument is wrong by d."""
    r = math.log(2) / 512 + 2 * UNIT
    r_error = d + 1 + 2**19 * CONSTANT / 2**28
    return 2 * horner(r_error, r, math.exp(r)) + math.exp(r) * CONSTANT + 1


def log_of() -> float:
    """Error of the logarithm of an integer times a power of two."""
    z = 1 / 511
    series = horner(2 * z + 1, z * z, 0.34)
    halves = z * series + 1.0001
    return (2 * halves + 1) + CONSTANT + (2000 * CONSTANT / 4096 + 1)


def sine() -> float:
    """Error of sin(r + j·π/1024)."""
    r = math.pi / 2048 + 2 * UNIT
    r_error = 1 + 2**9 * CONSTANT / 2**12
    w_error = 2 * r * r_error + 1
    s = r * horner(w_error, r * r, 1 / 6) + r_error + 1
    c = horner(w_error, r * r, 1 / 2)
    return math.hypot(s, c) + CONSTANT * (r + 1) + 1


def angle() -> float:
    """Error of an angle of a point whose coordinates are exact."""
    z = 1 / 256
    return z * horner(2 * z + 1, z * z, 0.34) + 1 + 1 + CONSTANT + CONSTANT


def erf(terms: int) -> float:
    """Error of the error function, as a part of it."""
    series = 37 + terms**2 + terms + 2
    return scaled(1) / 0.99 + series + CONSTANT / 1.12 + 2 / 0.99


DERIVED = {
    "exponential.BOUND": (scaled(1) + 1, exponential.BOUND, exponential.ERROR),
    "exponential.HYPERBOLIC_BOUND, sinh": (
        scaled(1) + (scaled(1) / 0.99**2 + 1) + 1,
        exponential.HYPERBOLIC_BOUND,
        exponential.HYPERBOLIC_ERROR,
    ),
    "exponential.HYPERBOLIC_BOUND, tanh": (
        2 * (scaled(1) + 1) + 1,
        exponential.HYPERBOLIC_BOUND,
        exponential.HYPERBOLIC_ERROR,
    ),
    "logarithm.BOUND": (log_of(), logarithm.BOUND, logarithm.ERROR),
    "trigonometry.BOUND": (sine(), trigonometry.BOUND, trigonometry.ERROR),
    "trigonometry.TANGENT_BOUND": (
        1.01 * math.sqrt(2) * sine() + 1,
        trigonometry.TANGENT_BOUND,
        trigonometry.TANGENT_ERROR,
    ),
    "angles.BOUND": (angle() + 1, angles.BOUND, angles.ERROR),
    "powers.BOUND": (scaled(log_of() + 1), powers.BOUND, powers.ERROR),
}


@pytest.mark.parametrize("name", DERIVED)
def test_errors_have_sixteen_times_their_bounds(name: str) -> None:
    """The formula gives no more than the bound, and the error claimed is 16 times as much."""
    derived, bound, error = DERIVED[name]
    assert derived <= bound <= 1.1 * derived + 1
    assert error >= MARGIN * bound


def test_erf_has_sixteen_times_its_bound() -> None:
    """Likewise for erf, whose bound depends on the number of terms."""
    for terms in range(1, 1000):
        assert erf(terms) <= error_function.bound(terms)
    for x in (1e-300, 0.1, 1.0, 3.0, 5.9):
        n, _, error = error_function._erf(80, x)
        terms = error_function._series(int(x * x * 2.0**128), 128)[1]
        assert error >= MARGIN * error_function.bound(terms) * n / 2.0**128, x


# --- measured errors ---

X = (0.3, 1.0, 2.5, 7.0, 1e-3, 1e-7, 0.0312, 5.5, 3.14159, 1.5707963267948966, 19.0, 0.999)
"""Arguments of most functions; more are drawn."""


def arguments(low: float, high: float, *more: float) -> list[tuple[float, ...]]:
    """Return arguments between two numbers: those above, some more, and 60 random ones."""
    draw = random.Random("bounds")  # noqa: S311
    drawn = [draw.uniform(low, high) for _ in range(40)]
    small = [high * 2.0 ** -draw.uniform(0, 20) for _ in range(20)]
    return [(x,) for x in (*X, *more, *drawn, *small) if low <= x <= high]


def pairs() -> list[tuple[float, ...]]:
    """Return bases and exponents of powers."""
    draw = random.Random("pairs")  # noqa: S311
    return [(math.exp(draw.uniform(-5, 5)), draw.uniform(-40, 40)) for _ in range(60)]


Core = tuple["Callable[..., tuple[int, int, int]]", "Callable[..., Any]", float, "Sequence[Any]"]

CORES: dict[str, Core] = {
    "exp": (exponential._exp, mpmath.exp, exponential.BOUND - 1, arguments(-700, 700)),
    "expm1": (exponential._expm1, mpmath.expm1, exponential.BOUND, arguments(-37, 700)),
    "sinh": (
        lambda p, x: exponential._sum(p, x, -1), mpmath.sinh, exponential.HYPERBOLIC_BOUND,
        arguments(1e-7, 700),
    ),
    "cosh": (
        lambda p, x: exponential._sum(p, x, 1), mpmath.cosh, exponential.HYPERBOLIC_BOUND,
        arguments(1e-7, 700),
    ),
    "tanh": (exponential._tanh, mpmath.tanh, exponential.HYPERBOLIC_BOUND, arguments(1e-7, 19)),
    "log": (
        logarithm._log, mpmath.log, logarithm.BOUND,
        arguments(1e-9, 9, 1.0000001, 0.9999999999999999, 5e-324, 1.7e308),
    ),
    "log1p": (logarithm._log1p, mpmath.log1p, logarithm.BOUND, arguments(-0.99, 9, 1e-15, 1e300)),
    "sin": (
        lambda p, x: trigonometry._sin(p, x, 0), mpmath.sin, trigonometry.BOUND,
        arguments(-400, 400, 3.141592653589793, 1e22, 1.7e308, -6e200),
    ),
    "cos": (
        lambda p, x: trigonometry._sin(p, x, 1), mpmath.cos, trigonometry.BOUND,
        arguments(-400, 400, 3.141592653589793, 1e22, 1.7e308, -6e200),
    ),
    "atan": (
        lambda p, x: angles._atan(p, x, 1.0), mpmath.atan, angles.BOUND - 1,
        arguments(1e-7, 20, 1e300),
    ),
    "asin": (angles._asin, mpmath.asin, angles.BOUND, arguments(1e-7, 1)),
    "acos": (angles._acos, mpmath.acos, angles.BOUND, arguments(-1, 1, 0.9999999999999999)),
    "power": (powers._pow, mpmath.power, powers.BOUND, pairs()),
}  # fmt: skip


def off(core: Callable[..., tuple[int, int, int]], true: Callable[..., Any], p: int, x: Any) -> Any:
    """Return by how many units a core is off."""
    n, e, _ = core(p, *x)
    with mpmath.workprec(3 * p + 1500):
        return abs(mpmath.ldexp(true(*map(mpmath.mpf, x)), -e) - n)


@pytest.mark.parametrize("name", CORES)
def test_measured_errors_are_within_the_bounds(name: str) -> None:
    """At three precisions; and they are not so far below that the bound says nothing."""
    core, true, bound, points = CORES[name]
    worst = 0.0
    for p in (rounding.FIRST, 2 * rounding.FIRST, 1000):
        for x in points[:: 1 + (p == 1000)]:
            error = float(off(core, true, p, x))
            assert error <= bound, (name, p, x, error)
            worst = max(worst, error)
    assert worst > bound / 40


def test_measured_errors_of_tan() -> None:
    """Its bound depends on the cosine."""
    for p in (80, 160):
        for (x,) in arguments(-400, 400, 1.5707963267948966, 1e22):
            error = off(trigonometry._tan, mpmath.tan, p, (x,))
            with mpmath.workprec(400):
                bound = trigonometry.TANGENT_BOUND / mpmath.cos(x) ** 2
            assert error <= bound, (p, x)


def test_measured_errors_of_erf() -> None:
    """As parts of the result."""
    for p in (80, 160, 500):
        for (x,) in arguments(1e-9, 5.99, 1e-30):
            n, _, claimed = error_function._erf(p, x)
            error = off(error_function._erf, mpmath.erf, p, (x,))
            assert MARGIN * error <= claimed, (p, x, n)


# --- constants ---


@pytest.mark.parametrize("q", [32, 96, 128, 416])
def test_constants_are_within_a_unit_and_a_bit(q: int) -> None:
    """Every entry of every table is at most 1 + 2^-20 units from the exact number."""
    with mpmath.workprec(2 * q + 100):
        tables: dict[str, tuple[Sequence[int], Callable[[int], Any]]] = {
            "ln2": ([constants.ln2(q)], lambda _: mpmath.log(2)),
            "pi": ([constants.pi(q)], lambda _: +mpmath.pi),
            "2/√π": ([constants.two_over_root_pi(q)], lambda _: 2 / mpmath.sqrt(mpmath.pi)),
            "powers": (
                constants.powers_of_two(q),
                lambda i: mpmath.mpf(2) ** (mpmath.mpf(i) / 256),
            ),
            "logs": (constants.logarithms(q), lambda i: mpmath.log1p(mpmath.mpf(i) / 128)),
            "atans": (constants.arc_tangents(q), lambda i: mpmath.atan(mpmath.mpf(i) / 128)),
            "sines": (constants.sines(q), lambda i: mpmath.sin(i * mpmath.pi / 1024)),
        }
        for name, (table, true) in tables.items():
            for i in range(0, len(table), 1 if q == 96 else 7):
                assert abs(mpmath.ldexp(true(i), q) - table[i]) <= CONSTANT, (name, i)
    assert [len(tables[name][0]) for name in ("powers", "logs", "atans", "sines")] == [
        256, 128, 129, 2560,
    ]  # fmt: skip


def test_series_of_constants_are_within_their_bound() -> None:
    """0.45·q + 6 units, for the series that converge most slowly."""
    for q in (50, 100, 500, 3000):
        with mpmath.workprec(2 * q):
            for sign, true in ((1, mpmath.atanh), (-1, mpmath.atan)):
                error = mpmath.ldexp(true(mpmath.mpf(1) / 5), q) - constants.arc_series(
                    1, 5, q, sign
                )
                assert abs(error) < 0.45 * q + 6


# --- thresholds ---


def test_thresholds_follow_from_inequalities() -> None:
    """What the docstrings of the functions say about their thresholds, in 100 digits."""
    with mpmath.workdps(100):
        e, half_below_one = mpmath.exp, mpmath.mpf(2) ** -54
        assert e(709.79) > mpmath.mpf(2) ** 1024
        assert e(-745.14) < mpmath.mpf(2) ** -1075
        assert e(-37.5) < half_below_one
        assert e(711) / 2 > mpmath.mpf(2) ** 1024 + 1
        assert 2 * e(-2 * mpmath.mpf("19.1")) < half_below_one
        assert mpmath.erfc(6) < e(-36) / (6 * mpmath.sqrt(mpmath.pi)) < half_below_one / 2
        small, smaller = mpmath.mpf(2) ** -26, mpmath.mpf(2) ** -27
        for function, x in (
            (mpmath.sin, small), (mpmath.asin, small), (mpmath.sinh, small), (mpmath.tan, smaller),
            (mpmath.atan, smaller), (mpmath.tanh, smaller), (mpmath.expm1, half_below_one),
            (mpmath.log1p, half_below_one),
        ):  # fmt: skip
            assert abs(function(x) - x) < x * half_below_one, function
            assert abs(function(-x) + x) < x * half_below_one, function
        assert 1 - mpmath.cos(smaller) < half_below_one
        assert mpmath.cosh(smaller) - 1 < 2 * half_below_one


def test_cores_work_with_many_more_bits_than_digits_are_lost() -> None:
    """Cancellation costs no second turn: the first precision leaves 10 bits beyond a double."""
    near = [
        logarithm._log(80, math.nextafter(1.0, 0.0)),
        exponential._expm1(80, 2.0**-50),
        exponential._tanh(80, 2.0**-26),
        trigonometry._sin(80, 2.0**-25, 0),
        angles._acos(80, math.nextafter(1.0, 0.0)),
    ]
    for n, _, error in near:
        assert abs(n) > error << 63
