"""Exact math: primitives give the nearest double, and what Annex F says where there is none."""

from __future__ import annotations

import itertools
import json
import math
import pickle
import random
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mpmath
import pytest

from mgraph.ops import OPS, exact, ieee
from mgraph.ops.exact.rounding import nearest
from tests.ops.test_table import PRIMITIVES, SPECIAL, same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

INF, NAN = math.inf, math.nan
PI = 3.141592653589793  # 0x1.921fb54442d18p+1; π is 3.14159265358979323…
TINY, SMALLEST, HUGE = 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308

TRUE: dict[str, Callable[..., Any]] = {
    "exp": mpmath.exp, "expm1": mpmath.expm1, "log": mpmath.log, "log1p": mpmath.log1p,
    "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan, "asin": mpmath.asin,
    "acos": mpmath.acos, "atan": mpmath.atan, "sinh": mpmath.sinh, "cosh": mpmath.cosh,
    "tanh": mpmath.tanh, "erf": mpmath.erf, "atan2": mpmath.atan2, "power": mpmath.power,
}  # fmt: skip
"""The functions that are not exact in every library, as mpmath has them."""

_FOUND = Path(__file__).parent.parent / "groups" / "exact" / "hard_cases.json"


def _near_halves_of_pow() -> Iterator[tuple[float, float]]:
    """Yield x just below 1, and y for which x^y is almost a middle between two doubles."""
    for j, m in ((1, 3), (2, 7), (8, 2), (8, 40), (16, 1001)):
        yield 1.0 - j * 2.0**-53, -(2 * m + 1) / j


def _near_halves_of_atan2() -> Iterator[tuple[float, float]]:
    """Yield small a/b, which is almost their angle, and almost such a middle."""
    for middle in (2**53 + 12345, 3 * 2**52 + 777, 2**53 + 987654321987655, 2**54 - 123456789013):
        ratio = Fraction(middle, 2**54).limit_denominator(2**52)
        yield math.ldexp(ratio.numerator, -60), float(ratio.denominator)


PUBLISHED = {
    "exp": "0x1.9e9cbbfd6080bp-31", "log": "0x1.62a88613629b6p+678",
    "sin": "0x1.e0000000001c2p-20", "cos": "0x1.8000000000009p-23", "tan": "0x1.dffffffffff1fp-22",
}  # fmt: skip
"""The hardest arguments of some functions.

Source: Lefèvre & Muller, Worst cases for correct rounding of the elementary functions in double
precision, ARITH 15, 2001.
"""

HARD: dict[str, list[tuple[float, ...]]] = {
    "power": [*_near_halves_of_pow()],
    "atan2": [*_near_halves_of_atan2()],
}
"""Arguments whose results are close to a double, or to the middle between two."""

for _name, _cases in json.loads(_FOUND.read_text(encoding="utf-8"))["functions"].items():
    HARD[_name] = [(float.fromhex(x),) for x in _cases[::5]]
for _name, _case in PUBLISHED.items():
    HARD[_name].append((float.fromhex(_case),))


def correct(value: Any) -> float:  # noqa: ANN401 - a number of mpmath
    """Round a number of mpmath to the nearest double."""
    if mpmath.isinf(value):
        return float(value)
    m, e = value.man_exp
    if e + int(m).bit_length() < -1100:  # 0, without a denominator of a billion digits
        return 0.0
    try:
        size = float(abs(int(m)) * Fraction(2) ** e)
    except OverflowError:
        size = INF
    return size if value > 0 else -size


def digits_for(name: str, inputs: tuple[float, ...]) -> int:
    """Return how many bits mpmath needs to be sure; at least 60 digits."""
    exponents = [abs(math.frexp(x)[1]) for x in inputs if x]
    return 330 + 3 * max(exponents, default=0) * (1 + (name == "atan2"))


def check(name: str, inputs: tuple[float, ...]) -> None:
    """Compare a primitive with mpmath."""
    with mpmath.workprec(digits_for(name, inputs)):
        expected = correct(TRUE[name](*(mpmath.mpf(x) for x in inputs)))
    given = getattr(exact, name)(*inputs)
    assert given == expected, (name, [x.hex() for x in inputs], given.hex(), expected.hex())


def drawn(name: str, draw: random.Random) -> tuple[float, ...]:
    """Draw arguments of a primitive, of usual and of all magnitudes, within its domain."""
    spread = draw.choice((1, 4, 30, 500))
    if name in ("log", "power", "atan2") and draw.random() < 0.3:
        spread = 1000
    x, y = (
        math.ldexp(draw.choice((-1, 1)) * draw.uniform(0.5, 1.0), draw.randint(-spread, spread))
        for _ in range(2)
    )
    if name == "atan2":
        return (x, y)
    if name == "power":
        return (abs(x), draw.uniform(-720, 720) / max(abs(math.log(abs(x))), 1e-3))
    if name in ("asin", "acos"):
        x = x if abs(x) <= 1.0 else 1.0 / x
    elif name == "log" or (name == "log1p" and x <= -1.0):
        x = abs(x)
    elif name in ("exp", "expm1", "sinh", "cosh", "erf", "tanh"):
        x = math.fmod(x, 7.0 if name in ("erf", "tanh") else 720.0)
    return (x,)


@pytest.mark.parametrize("name", TRUE)
def test_results_are_the_nearest_doubles(name: str) -> None:
    """Random arguments, of all magnitudes, against mpmath."""
    draw = random.Random(f"exact {name}")  # noqa: S311
    for _ in range(200):
        check(name, drawn(name, draw))


@pytest.mark.parametrize("name", TRUE)
def test_hard_cases_are_rounded_correctly(name: str) -> None:
    """Results close to a double or to the middle between two, and their neighbours."""
    for inputs in HARD[name]:
        check(name, inputs)
        check(name, (math.nextafter(inputs[0], INF), *inputs[1:]))
        check(name, (math.nextafter(inputs[0], 0.0), *inputs[1:]))


THRESHOLDS: dict[str, tuple[float, ...]] = {
    "exp": (709.782712893384, 709.79, -745.1332191019411, -745.14, -708.4, 2**-54, -(2**-54)),
    "expm1": (709.782712893384, 709.79, -37.5, -37.42994775023705, 2**-54, -(2**-54)),
    "log": (SMALLEST, HUGE, math.nextafter(1.0, 0.0), 1.0 + 2**-52, 1.00390625, 1.99609375),
    "log1p": (HUGE, -1.0 + 2**-51, 2**-54, -(2**-54), 2.0**53, 2**-1000),
    "sin": (2**-26, PI, HUGE, PI / 2, 2**-700), "cos": (2**-27, PI / 2, HUGE, 3 * PI / 2),
    "tan": (2**-27, PI / 2, PI, HUGE, PI / 4), "asin": (2**-26, 0.5, math.nextafter(1.0, 0.0)),
    "acos": (-1.0, math.nextafter(1.0, 0.0), math.nextafter(-1.0, 0.0), 2**-60, -(2**-1000)),
    "atan": (2**-27, 1.0, 2.0**54, HUGE, 2.0**1000), "cosh": (2**-27, 710.475860073944, 711.0),
    "sinh": (2**-26, 710.475860073944, 711.0, 2**-500),
    "tanh": (2**-27, 19.061547465398498, 19.1, 2**-900),
    "erf": (5.921587195794507, 6.0, 2**-600, SMALLEST),
}  # fmt: skip
"""Where a function over- or underflows, or is so close to x or 1 that another way is taken."""


@pytest.mark.parametrize("name", THRESHOLDS)
def test_thresholds_are_in_the_right_place(name: str) -> None:
    """Both sides of every threshold, each with two neighbours."""
    for x in THRESHOLDS[name]:
        lower = math.nextafter(x, -INF)
        for each in (x, lower, math.nextafter(lower, -INF), math.nextafter(x, INF)):
            if math.isfinite(each) and (name not in ("asin", "acos") or abs(each) <= 1.0):
                check(name, (each,))
                if name not in ("log", "log1p"):
                    check(name, (-each,))


SUBNORMAL = (TINY, 3 * TINY, SMALLEST - TINY, SMALLEST / 3, SMALLEST, math.nextafter(SMALLEST, 1))


def test_tiny_arguments_are_their_own_results() -> None:
    """Subnormal x, and zeros of both signs, are the doubles nearest to f(x) where f(x) ≈ x."""
    for name in ("expm1", "log1p", "sin", "tan", "asin", "atan", "sinh", "tanh"):
        for x in (*SUBNORMAL, 0.0):
            function = getattr(exact, name)
            assert same(function(x), x), name
            assert same(function(-x), -x), name


def test_erf_of_subnormal_arguments() -> None:
    """2x/√π, with two roundings avoided; the smallest x is its own error function."""
    assert exact.erf(TINY) == TINY
    assert same(exact.erf(-0.0), -0.0)
    for x in SUBNORMAL:
        check("erf", (x,))
        check("erf", (-x,))


def test_small_angles_of_quotients() -> None:
    """atan2 of tiny quotients: a bit below y/x, which may be a double, a middle, or subnormal."""
    for y, x in itertools.product(
        (TINY, 3 * TINY, SMALLEST, 1e-300, 1e-17, 3 * 2**-60, 1.0 + 2**-52, 1.5, 5.0),
        (1.0, 1.0 + 2**-52, 2.0, 3.0, 1.5, 2.0**40, 2.0**60, 1e300, HUGE, 2.0**1000),
    ):
        check("atan2", (y, x))
        check("atan2", (-y, x))
        check("atan2", (y, -x))


def test_angle_below_a_middle_is_rounded_down() -> None:
    """3·2^-1074/2 is the middle of two subnormal doubles, the upper of which is even."""
    assert exact.atan2(3 * TINY, 2.0) == TINY
    assert exact.atan2(5 * TINY, 2.0) == 2 * TINY
    assert exact.atan2(TINY, 2.0) == 0.0
    assert exact.atan2(1.0, 2.0**1000) == 2**-1000


def test_power_is_exact_where_it_can_be() -> None:
    """Roots, whole powers, middles and subnormal numbers, from exact rationals."""
    for a, b in (
        (4.0, 0.5), (2.25, 0.5), (0.0625, 0.25), (16.0, -0.75), (9.0, 2.5), (2.0, -1074.0),
        (2.0, -1075.0), (2.0, 1023.0), (2.0, 1024.0), (0.5, 1074.0), (4.0, -537.5), (3.0, 34.0),
        (3.0, 33.0), (2.0**53 - 1, 1.0), (94906267.0, 2.0), (94906265.0, 2.0), (3.0, 2.0),
        (208063.0, 3.0), (0.125, 1 / 3), (3.0 * TINY, 0.5), (1.5, -1.0), (3 * 2.0**-538, 2.0),
        (2.0**-1074, 0.5), (2.0**-1074, 2.0**-1), (5.0 * 2.0**-540, 2.0), (7.0, 19.0),
    ):  # fmt: skip
        check("power", (a, b))
    assert exact.power(94906267.0, 2.0) == float(94906267**2)  # 54 bits: a middle
    assert exact.power(3 * 2.0**-538, 2.0) == 2 * TINY  # 2.25·2^-1074
    assert exact.power(2.0, -1075.0) == 0.0  # a middle, and 0 is even
    assert exact.power(1.5, 1e300) == INF
    assert exact.power(1.5, -1e300) == 0.0
    assert exact.power(0.75, 1e-300) == 1.0


def annex_f() -> Iterator[tuple[str, tuple[float, ...], float]]:
    """Yield (name, inputs, expected) of C17, annex F.10, for zeros, infinities and poles."""
    rows: dict[str, tuple[tuple[float, float], ...]] = {
        "exp": ((0.0, 1.0), (-0.0, 1.0), (-INF, 0.0), (INF, INF)),
        "expm1": ((0.0, 0.0), (-0.0, -0.0), (-INF, -1.0), (INF, INF)),
        "log": ((0.0, -INF), (-0.0, -INF), (1.0, 0.0), (-1.0, NAN), (-INF, NAN), (INF, INF)),
        "log1p": ((0.0, 0.0), (-0.0, -0.0), (-1.0, -INF), (-1.5, NAN), (-INF, NAN), (INF, INF)),
        "sin": ((0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN)),
        "cos": ((0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN)),
        "tan": ((0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN)),
        "asin": ((0.0, 0.0), (-0.0, -0.0), (1.0, PI / 2), (-1.0, -PI / 2), (1.1, NAN), (INF, NAN)),
        "acos": ((1.0, 0.0), (-1.0, PI), (0.0, PI / 2), (-0.0, PI / 2), (1.1, NAN), (-INF, NAN)),
        "atan": ((0.0, 0.0), (-0.0, -0.0), (INF, PI / 2), (-INF, -PI / 2)),
        "sinh": ((0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF)),
        "cosh": ((0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, INF)),
        "tanh": ((0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0)),
        "erf": ((0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0)),
        "sqrt": ((0.0, 0.0), (-0.0, -0.0), (-1.0, NAN), (INF, INF), (-INF, NAN)),
    }
    for name, pairs in rows.items():
        for x, expected in (*pairs, (NAN, NAN)):
            yield name, (x,), expected
    for y, x, expected in (
        (0.0, -0.0, PI), (0.0, 0.0, 0.0), (0.0, -1.0, PI), (0.0, 1.0, 0.0), (1.0, 0.0, PI / 2),
        (1.0, -0.0, PI / 2), (1.0, -INF, PI), (1.0, INF, 0.0), (INF, 1.0, PI / 2),
        (INF, -1.0, PI / 2), (INF, -INF, 2.356194490192345), (INF, INF, PI / 4),
        (0.0, -INF, PI), (0.0, INF, 0.0), (INF, 0.0, PI / 2), (INF, -0.0, PI / 2),
    ):  # fmt: skip
        yield "atan2", (y, x), expected
        yield "atan2", (-y, x), -expected
    yield "atan2", (NAN, 1.0), NAN
    yield "atan2", (1.0, NAN), NAN


def test_annex_f() -> None:
    """Zeros with their signs, infinities, poles and domains are as in C."""
    for name, inputs, expected in annex_f():
        given = getattr(exact, name)(*inputs)
        assert same(given, expected), (name, inputs, given, expected)


def test_special_values_agree_with_c() -> None:
    """On all special values, results differ from the C library's by a unit in the last place."""
    for name in PRIMITIVES:
        count = 2 if name in ("div", "power", "atan2") else 1
        for inputs in itertools.product(SPECIAL, repeat=count):
            given, c = getattr(exact, name)(*inputs), getattr(ieee, name)(*inputs)
            near = math.isfinite(c) and c != 0.0 and abs(given - c) <= math.ulp(c)
            assert same(given, c) or near, (name, inputs, given, c)


def test_integers_are_rounded_as_ieee_says() -> None:
    """Ties to even, subnormal numbers, underflow and overflow."""
    assert nearest(2**53 + 1, 0) == 2.0**53
    assert nearest(2**53 + 3, 0) == 2.0**53 + 4
    assert nearest(3, -1075) == 2 * TINY
    assert nearest(1, -1075) == 0.0
    assert nearest(2**54 - 1, 970) == INF
    assert nearest(2**55 - 3, 969) == HUGE
    assert nearest(-1, 1024) == -INF


def test_the_names_are_those_of_ieee() -> None:
    """It can stand in for `ieee` in any formula."""
    assert all(callable(getattr(exact, name)) for name in PRIMITIVES)
    assert (exact.INF, exact.div, exact.sqrt) == (ieee.INF, ieee.div, ieee.sqrt)


SAMPLES = (0.7, -0.3, 2.5, -4.0, 0.0, 31.0)


def test_ops_are_the_rows_with_exact_primitives() -> None:
    """Values and partials, from formulas written here with results that mpmath confirms above."""

    def logistic(x: float) -> float:
        e = exact.exp(-abs(x))
        return 1.0 / (1.0 + e) if x >= 0.0 else e / (1.0 + e)

    rows: dict[str, tuple[Callable[[float], float], Callable[[float, float], float]]] = {
        "exp": (exact.exp, lambda _, y: y),
        "sin": (exact.sin, lambda x, _: exact.cos(x)),
        "cos": (exact.cos, lambda x, _: -exact.sin(x)),
        "tan": (exact.tan, lambda _, y: 1.0 + y * y),
        "atan": (exact.atan, lambda x, _: 1.0 / (1.0 + x * x)),
        "sinh": (exact.sinh, lambda x, _: exact.cosh(x)),
        "cosh": (exact.cosh, lambda x, _: exact.sinh(x)),
        "tanh": (exact.tanh, lambda _, y: 1.0 - y * y),
        "erf": (exact.erf, lambda x, _: 1.1283791670955126 * exact.exp(-(x * x))),
        "expm1": (exact.expm1, lambda x, _: exact.exp(x)),
        "sigmoid": (logistic, lambda _, y: y * (1.0 - y)),
        "softplus": (
            lambda x: max(x, 0.0) + exact.log1p(exact.exp(-abs(x))),
            lambda x, _: logistic(x),
        ),
    }
    for name, (value, partial) in rows.items():
        op = exact.exact_op(OPS[name])
        for x in SAMPLES:
            y = op.value([x])
            assert same(y, value(x)), (name, x)
            assert op.partials([x], y) == (partial(x, y),), (name, x)


def test_power_and_its_partials() -> None:
    """b·a^(b-1) and y·ln a, with exact primitives."""
    op = exact.exact_op(OPS["pow"])
    for a, b in ((0.7, 2.5), (3.0, -1.25), (10.0, 0.3)):
        y = op.value([a, b])
        assert y == exact.power(a, b)
        assert op.partials([a, b], y) == (b * exact.power(a, b - 1.0), y * exact.log(a))


def test_some_results_differ_from_the_library() -> None:
    """Two functions, where glibc and V8 round the other way; the digits are mpmath's."""
    x = 0.55
    assert exact.exact_op(OPS["sinh"]).value([0.7]) == 0.7585837018395335
    assert correct(mpmath.sinh(mpmath.mpf(0.7))) == 0.7585837018395335
    assert exact.exact_op(OPS["tanh"]).value([x]) == correct(mpmath.tanh(mpmath.mpf(x)))


def test_the_table_is_whole() -> None:
    """Each op has its exact twin, with everything else as it is in the table."""
    for op in OPS.values():
        twin = exact.exact_op(op)
        assert exact.exact_op(op) is exact.exact_op(twin) is twin
        assert twin.exact
        assert (twin.name, twin.inputs, twin.fold, twin.in_ops, twin.domain) == (
            op.name, op.inputs, op.fold, op.in_ops, op.domain,
        )  # fmt: skip
        assert pickle.loads(pickle.dumps(twin)) is twin  # noqa: S301 - our own
