"""The bounds of the fast paths, computed again in exact arithmetic, and what is observed."""

from __future__ import annotations

import ast
import inspect
import math
import random
import re
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import mpmath
import numpy as np
import pytest

from mgraph.engine.tape import fast, functions, jit, libraries, lowering
from mgraph.engine.tape.fast import (
    angles,
    error_function,
    exponential,
    logarithm,
    pairs,
    power,
    trigonometry,
)
from tests.loops import sizes

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

DOCS: Final = Path(__file__).parents[2] / "docs" / "tape.md"

U: Final = Fraction(1, 2**53)
PAIR_OPERATIONS: Final = Fraction(1, 2**84)
"""What operations with pairs add, by Lemma 2."""


class Series(NamedTuple):
    """A series of a fast path: its coefficients, what is stored of them, and where it is used."""

    coefficient: Callable[[int], Fraction]
    pairs: pairs.Pairs
    even: pairs.Table
    odd: pairs.Table
    last: float
    largest: Fraction
    """|z| is at most this."""
    low: Fraction = Fraction(1, 2**48)
    """The low part of z is at most this, relatively."""


def stored(module: ModuleType, name: str) -> tuple[pairs.Pairs, pairs.Table, pairs.Table, float]:
    """Return what a fast path has of a series: its pairs and doubles."""
    found = vars(module)
    even, odd = found[f"{name}_EVEN"], found[f"{name}_ODD"]
    return found[f"{name}_PAIRS"], even, odd, found[f"{name}_LAST"]


SERIES: Final = {
    "exp": Series(
        lambda k: Fraction(1, math.factorial(k + 1)),
        *stored(exponential, "EXP"), Fraction("0.3466"), Fraction(1, 2**50),
    ),
    "log": Series(
        lambda k: Fraction(1, 2 * k + 1),
        *stored(logarithm, "LOG"), Fraction("0.02944"),
    ),
    "long log": Series(
        lambda k: Fraction(1, 2 * k + 1),
        *stored(power, "LONG"), Fraction("0.02944"),
    ),
    "sin": Series(
        lambda k: Fraction((-1) ** k, math.factorial(2 * k + 1)),
        *stored(trigonometry, "SIN"), Fraction("0.6171"),
    ),
    "cos": Series(
        lambda k: Fraction((-1) ** k, math.factorial(2 * k)),
        *stored(trigonometry, "COS"), Fraction("0.6171"),
    ),
    "atan": Series(
        lambda k: Fraction((-1) ** k, 2 * k + 1),
        *stored(angles, "ATAN"), Fraction("0.00391"),
    ),
}  # fmt: skip


def error_of(series: Series) -> Fraction:
    """Return the bound that the docstring of `pairs.series` derives."""
    first, z, low = len(series.pairs), series.largest, series.low
    count = first + 1 + len(series.even) + len(series.odd)
    even, even_size = error_of_doubles(series, series.even, first + 1)
    odd, odd_size = error_of_doubles(series, series.odd, first + 2)
    size = even_size + z * odd_size
    error = even + z * odd + odd_size * z * low + U * size
    off = abs(Fraction(series.last) - series.coefficient(first))
    size *= 1 + U
    error = z * error + size * z * low + off + U * (abs(Fraction(series.last)) + z * size)
    error *= z**first
    for k, (c, c_low) in zip(range(first - 1, -1, -1), series.pairs, strict=True):
        error += z**k * abs(Fraction(c) + Fraction(c_low) - series.coefficient(k))
    # each term is at most z times the one before
    return error + abs(series.coefficient(count)) * z**count / (1 - z)


def error_of_doubles(series: Series, doubles: pairs.Table, first: int) -> tuple[Fraction, Fraction]:
    """Return the error of every second coefficient's polynomial, and how large it can be."""
    w, error, size = series.largest**2, Fraction(0), Fraction(0)
    for i in range(len(doubles)):
        c = Fraction(doubles[i])
        off = abs(c - series.coefficient(first + 2 * (len(doubles) - 1 - i)))
        error = w * error + size * w * (U + 2 * series.low + series.low**2) + off
        size = abs(c) + w * (1 + 4 * series.low) * size
        error += U * size
        size += U * size
    return error, size


def error_of_erf() -> Fraction:
    """Return the largest relative error that the docstring of `error_function` derives."""
    z, worst_of_all = Fraction(1, 32), Fraction(0)
    width = int(error_function.WIDTH)
    with mpmath.workdps(60):
        for i in range(97):
            row = [*map(Fraction, error_function.ERF_TABLE[i * width : (i + 1) * width])]
            a = taylor(Fraction(i, 16))
            error, size = Fraction(0), Fraction(0)
            for k in range(12, 3, -1):
                size = abs(row[4 + k]) + z * size
                error = z * error + abs(row[4 + k] - a[k]) + U * size
                size += U * size
            error *= z**4
            error += z**3 * abs(row[6] + row[7] - a[3]) + z**2 * abs(row[4] + row[5] - a[2])
            rest = sum(
                1.09 * mpmath.sqrt(mpmath.mpf(2) ** k / mpmath.factorial(k)) / (k + 1) / 32**k
                for k in range(13, 60)
            )
            rest *= mpmath.exp(mpmath.mpf(i * i) / 512)
            error += rational(rest) * Fraction("1.001") + Fraction(1, 2**98)
            assert sum(abs(a[k]) * z**k for k in range(1, 13)) <= 1
            if i:
                w = 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-mpmath.mpf(i * i) / 256)
                least = mpmath.erf((mpmath.mpf(i) - mpmath.mpf("0.5")) / 16)
                assert least > mpmath.mpf("0.035")
                error *= rational(w) / 32 / rational(least) * Fraction("1.001")
            else:
                error /= Fraction("0.99")
            worst_of_all = max(worst_of_all, error)
    return worst_of_all


def rational(x: mpmath.mpf) -> Fraction:
    """Return a number of mpmath as a fraction."""
    digits, exponent = int(x.man), int(x.exp)
    return Fraction(digits) * Fraction(2) ** exponent


def taylor(c: Fraction) -> list[Fraction]:
    """Return the coefficients of Y: the integral of e^(-2ct) · e^(-t²), both as series."""
    product = [Fraction(0)] * 13
    for i in range(13):
        for j in range(0, 13 - i, 2):
            term = (-2 * c) ** i / math.factorial(i) * Fraction((-1) ** (j // 2))
            product[i + j] += term / math.factorial(j // 2)
    return [b / (k + 1) for k, b in enumerate(product)]


@cache
def derived() -> dict[str, tuple[Fraction, float]]:
    """Return the derived bound of each function, and the one that the fast path states."""
    e = {name: error_of(series) for name, series in SERIES.items()}
    exp = Fraction("0.3466") * e["exp"] / Fraction("0.707") + PAIR_OPERATIONS
    expm1 = Fraction("1.42") * e["exp"] / Fraction("0.845") + PAIR_OPERATIONS
    log = Fraction("1.001") * e["log"] + Fraction(1, 2**92) + PAIR_OPERATIONS
    sin = e["sin"] / Fraction("0.9") + Fraction(1, 2**79)
    cos = e["cos"] / Fraction("0.707") + Fraction(1, 2**79)
    atan = Fraction("1.03") * e["atan"] + PAIR_OPERATIONS
    pow_ = 709 * (e["long log"] + Fraction(1, 2**88)) + Fraction(1, 2**94) + exp
    stated = {
        "exp": (exp, exponential.EXP_BOUND),
        "log": (log, logarithm.LOG_BOUND),
        "log1p": (log, logarithm.LOG_BOUND),
        "sin": (sin + PAIR_OPERATIONS, trigonometry.SIN_BOUND),
        "cos": (cos + PAIR_OPERATIONS, trigonometry.SIN_BOUND),
        "tan": (sin + cos + PAIR_OPERATIONS, trigonometry.SIN_BOUND),
        "pow": (pow_, power.POW_BOUND),
        "erf": (error_of_erf() + PAIR_OPERATIONS, error_function.ERF_BOUND),
    }
    stated |= dict.fromkeys(("expm1", "tanh", "sinh", "cosh"), (expm1, exponential.EXPM1_BOUND))
    return stated | dict.fromkeys(("atan", "atan2", "asin", "acos"), (atan, angles.ATAN_BOUND))


ERRORS: Final = {
    exponential.EXP_BOUND: exponential.EXP_ERROR,
    exponential.EXPM1_BOUND: exponential.EXPM1_ERROR,
    logarithm.LOG_BOUND: logarithm.LOG_ERROR,
    trigonometry.SIN_BOUND: trigonometry.SIN_ERROR,
    angles.ATAN_BOUND: angles.ATAN_ERROR,
    power.POW_BOUND: power.POW_ERROR,
    error_function.ERF_BOUND: error_function.ERF_ERROR,
}


def test_bounds_are_derived() -> None:
    """The sum of all parts is at most the bound, and the rounding test assumes 16 times as much."""
    for name, (bound, stated) in derived().items():
        assert bound <= Fraction(stated), (name, math.log2(bound))
    for stated, error in ERRORS.items():
        assert error >= 16.0 * stated
    with_path = [name for name in libraries.FUNCTIONS if hasattr_fast(name)]
    assert sorted(derived()) == sorted(with_path)


def test_operations_with_pairs() -> None:
    """Lemma 2: random pairs that are just tight, in rational arithmetic."""
    generator = random.Random(3)  # noqa: S311 - no secrets

    def pair(size: float, tight: float = 2.0**-47) -> tuple[float, float]:
        high = generator.uniform(1.0, 2.0) * generator.choice((1.0, -1.0)) * size
        return high, high * tight * generator.choice((1.0, -1.0, generator.uniform(-1.0, 1.0)))

    def exact(parts: tuple[float, float]) -> Fraction:
        return Fraction(parts[0]) + Fraction(parts[1])

    def check_result(got: tuple[float, float], want: Fraction) -> None:
        assert abs(exact(got) - want) < abs(want) * Fraction(1, 2**92)

    for _ in range(500):
        a, b = pair(generator.choice((1.0, 2.0**-300))), pair(2.0**40)
        check_result(pairs.product(*a, *b), exact(a) * exact(b))
        check_result(pairs.quotient(*a, *b), exact(a) / exact(b))
        c, y, z = pair(1.0, 2.0**-53), pair(0.125, 2.0**-48), pair(0.5, 2.0**-48)
        if abs(y[0] * z[0]) <= 0.3 * abs(c[0]):
            total = pairs.plus_product(*c, *z, *y)
            check_result(total, exact(c) + exact(y) * exact(z))
            assert abs(total[1]) <= 2.0**-48 * abs(total[0])
        s = pairs.two_sum(a[0], b[1])
        assert exact(s) == Fraction(a[0]) + Fraction(b[1])
        s = pairs.fast_two_sum(b[0], a[0])
        assert exact(s) == Fraction(b[0]) + Fraction(a[0])


def test_the_docs_state_the_bounds() -> None:
    """docs/tape.md has the derived bound of each function, rounded up, and that of the test."""
    rows = re.findall(r"\| ([a-z0-9, ]+) \| 2\^(-[0-9.]+) \| 2\^(-\d+) \|", DOCS.read_text("utf-8"))
    stated = {name: row[1:] for row in rows for name in row[0].split(", ")}
    bounds = derived()
    assert sorted(stated) == sorted(bounds)
    for name, (bound, bound_in_code) in bounds.items():
        bits, error = map(float, stated[name])
        together = max(bounds[other][0] for other in stated if stated[other] == stated[name])
        assert bound <= Fraction(2.0**bits), name
        assert math.log2(together) > bits - 0.2, name
        assert 2.0**error == ERRORS[bound_in_code], name


def hasattr_fast(name: str) -> bool:
    """Whether there is a fast path of this name."""
    return any(hasattr(module, fast.PREFIX + name) for module in fast.MODULES)


def test_the_conditions_of_horners_rule() -> None:
    """What is added to a coefficient is at most 0.3 of it: z times the next one, and all others."""
    for name, series in SERIES.items():
        z = series.largest
        for k in range(len(series.pairs)):
            rest = sum((abs(series.coefficient(k + i)) * z**i for i in range(1, 30)), Fraction(0))
            if name == "cos":  # signs alternate, and terms fall: the first two bound the rest
                rest = abs(series.coefficient(k + 1)) * z
            assert rest + Fraction(1, 2**40) <= Fraction("0.3") * abs(series.coefficient(k)) or (
                name == "cos" and k == 0
            ), (name, k)
    with mpmath.workdps(50):  # the first step of cos, for the largest r and so for the largest z
        assert 1 - mpmath.cos(mpmath.mpf("0.7856")) < mpmath.mpf("0.3")


def test_numbers_in_the_derivations() -> None:
    """Ranges, smallest results and the parts of constants, from mpmath."""
    with mpmath.workdps(80):
        ln2, pi, two = mpmath.log(2), mpmath.pi, mpmath.mpf(2)
        r = mpmath.mpf("0.3466")
        assert r > ln2 / 2 + two**-42
        assert mpmath.exp(-r) > mpmath.mpf("0.707")
        assert (1 - mpmath.exp(-r)) / r > mpmath.mpf("0.845")
        assert 2 * (1 - mpmath.exp(-ln2 / 2)) / (2 * mpmath.exp(-ln2 / 2) - 1) < mpmath.mpf("1.42")
        s = (mpmath.sqrt(2) - 1) / (mpmath.sqrt(2) + 1)
        assert s**2 < mpmath.mpf("0.029438") < mpmath.mpf("0.02944") * (1 - two**-40)
        assert ln2 - mpmath.mpf("0.3466") > mpmath.mpf("0.3465")
        quarter = pi / 4 + two**-36
        assert quarter < mpmath.mpf("0.7855")
        assert mpmath.mpf("0.7855") ** 2 < mpmath.mpf("0.6171")
        assert mpmath.sin(quarter) / quarter > mpmath.mpf("0.9")
        assert mpmath.cos(quarter) > mpmath.mpf("0.707")
        assert mpmath.mpf(1) / 256 * (1 + two**-40) < mpmath.mpf("0.00391")
        assert mpmath.atan(mpmath.mpf(1) / 8) > mpmath.mpf("0.124")
        parts = [exponential.LN_2_A, exponential.LN_2_B, exponential.LN_2_C]
        check_parts(parts, ln2, [-43, -86, -138])
        check_parts([exponential.LN_2_A, logarithm.LN_2_REST], ln2, [-43, -97])
        parts = [getattr(trigonometry, f"HALF_PI_{part}") for part in "ABCD"]
        check_parts(parts, pi / 2, [-37, -74, -111, -164])
        check_parts([angles.HALF_PI_HIGH, angles.HALF_PI_LOW], pi / 2, [-53, -106])
        for i in range(97):
            c, at = mpmath.mpf(i) / 16, i * int(error_function.WIDTH)
            row = [mpmath.mpf(number) for number in error_function.ERF_TABLE[at : at + 4]]
            assert abs(row[0] + row[1] - mpmath.erf(c)) <= two**-106 * mpmath.erf(c)
            w = 2 / mpmath.sqrt(pi) * mpmath.exp(-(c**2))
            assert abs(row[2] + row[3] - w) <= two**-106 * w
        for corner, high, low in angles.ATAN_TABLE:
            check_parts([high, low], mpmath.atan(mpmath.mpf(corner)), [-53, -106])
        assert abs(exponential.INVERSE_LN_2 * ln2 - 1) < two**-53
        assert abs(trigonometry.INVERSE_HALF_PI * pi / 2 - 1) < two**-53
    for part, size in ((exponential.LN_2_A, 42), (exponential.LN_2_B, 42), *(
        (getattr(trigonometry, f"HALF_PI_{part}"), 37) for part in "ABC"
    )):  # fmt: skip
        numerator = Fraction(part).numerator
        assert (numerator // (numerator & -numerator)).bit_length() <= size


def check_parts(parts: list[float], exact: mpmath.mpf, powers: list[int]) -> None:
    """Check that what is left of a number after each part is below a power of two."""
    for part, exponent in zip(parts, powers, strict=True):
        exact -= mpmath.mpf(part)
        assert abs(exact) < mpmath.mpf(2) ** exponent, (part, exponent)


def test_thresholds() -> None:
    """From where on results are known, and what they round to, from mpmath."""
    with mpmath.workdps(60):
        two = mpmath.mpf(2)
        most = two**1024 - two**970  # from here on numbers round to infinity
        assert mpmath.exp(mpmath.mpf(709.79)) > most
        assert mpmath.exp(mpmath.mpf(709.0)) < most / 2
        assert mpmath.exp(mpmath.mpf(-745.14)) < two**-1075
        assert mpmath.exp(mpmath.mpf(-708.0)) > two**-1022
        assert mpmath.sinh(mpmath.mpf(711.0)) > most
        assert mpmath.exp(mpmath.mpf(708.0)) < two**1022  # its inverse is normal
        assert mpmath.exp(mpmath.mpf(-40.0)) < two**-54
        assert 1 - mpmath.tanh(mpmath.mpf(20.0)) < two**-54
        assert 1 - mpmath.erf(mpmath.mpf(6.0)) < two**-54
        x = mpmath.mpf(pairs.SMALL)
        for function in ("tanh", "sinh", "sin", "tan", "atan", "asin"):
            assert abs(getattr(mpmath, function)(x) / x - 1) < two**-54
        x = mpmath.mpf(pairs.TINY)
        for at in (x, -x):
            assert abs(mpmath.expm1(at) / at - 1) < two**-54
            assert abs(mpmath.log1p(at) / at - 1) < two**-54


# --- what is observed ---

OBSERVED: Final[dict[str, tuple[str, tuple[float, float], Callable[..., Any]]]] = {
    "exp": ("exp_pair(x[i])", (-708.0, 709.0), mpmath.exp),
    "expm1": ("expm1_pair(x[i])", (-40.0, 40.0), mpmath.expm1),
    "tanh": ("tanh_pair(abs(x[i]))", (-20.0, 20.0), lambda x: mpmath.tanh(abs(x))),
    "sinh": ("sinh_pair(abs(x[i]))", (-40.0, 40.0), lambda x: mpmath.sinh(abs(x))),
    "cosh": ("cosh_pair(abs(x[i]))", (-40.0, 40.0), mpmath.cosh),
    "log": ("log_pair(abs(x[i]), LOG_EVEN, LOG_ODD, LOG_LAST, LOG_PAIRS)", (-4.0, 4.0),
            lambda x: mpmath.log(abs(x))),
    "log1p": ("log1p_pair(x[i])", (-0.999, 4.0), mpmath.log1p),
    "tan": ("tan_pair(x[i])", (-100.0, 100.0), mpmath.tan),
    "atan": ("angle_of(abs(x[i]), 0.0, 1.0, 0.0, 1.0)", (-9.0, 9.0), lambda x: mpmath.atan(abs(x))),
    "atan2": ("angle_of(abs(x[i]), 0.0, 3.0, 0.0, -1.0)", (-9.0, 9.0),
              lambda x: mpmath.atan2(abs(x), -3)),
    "asin": ("asin_pair(abs(x[i]))", (-1.0, 1.0), lambda x: mpmath.asin(abs(x))),
    "acos": ("acos_pair(x[i])", (-1.0, 1.0), mpmath.acos),
    "sin": ("sin_cos(x[i], 0.0)", (-0.7854, 0.7854), mpmath.sin),
    "cos": ("sin_cos(x[i], 0.0)", (-0.7854, 0.7854), mpmath.cos),
    "erf": ("erf_pair(abs(x[i]))", (-6.0, 6.0), lambda x: mpmath.erf(abs(x))),
    "pow": ("exp_of_pair(log_times(abs(x[i]), 29.0)[0], log_times(abs(x[i]), 29.0)[1])",
            (0.0, 8.0), lambda x: abs(x) ** 29),
}  # fmt: skip
"""The pair of each function, in the language of kernels; where; and the exact value.

The first result of exp and pow is n + 3·2^51: the pair is to be scaled by 2^n.
"""


@cache
def kernels_of(name: str) -> jit.Kernels:
    """Compile a kernel that stores the pair, and what it is to be scaled by."""
    call = OBSERVED[name][0]
    first = {"exp": 1, "pow": 1, "cos": 2}.get(name, 0)
    scale = f"two_to({call}[0])" if name in ("exp", "pow") else "1.0"
    text, constants = [], {}
    for module in fast.MODULES:
        constants.update(vars(module))
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.FunctionDef) and node.name not in pairs.NOT_HELPERS:
                node.returns = None
                text.append(ast.unparse(node))
    text.append(
        "def both(x: Rows, y: Rows, low: Rows, scale: Rows) -> None:\n"
        "    for i in range(len(x)):\n"
        f"        y[i] = {call}[{first}]\n"
        f"        low[i] = {call}[{first + 1}]\n"
        f"        scale[i] = {scale}\n"
    )
    library = libraries.library("libm")
    made = lowering.Lowering("\n".join(text), library, constants=constants)
    return jit.Kernels(jit.compiled(made.assembly()), made.signatures(), library)


def worst(name: str, count: int) -> float:
    """Return the largest relative error of a pair at random points."""
    _, (low, high), exact = OBSERVED[name]
    generator = random.Random(name)  # noqa: S311 - no secrets
    x = np.array([generator.uniform(low, high) for _ in range(count)])
    x[: count // 4] *= np.exp2(-np.linspace(0.0, 20.0, count // 4))
    results = [np.zeros((count // 8, 8)) for _ in range(3)]
    kernels_of(name).both(x.reshape(-1, 8), *results)
    with mpmath.workdps(50):
        return max(
            float(abs((mpmath.mpf(y) + mpmath.mpf(y_low)) * mpmath.mpf(scale) / exact(at) - 1))
            for at, y, y_low, scale in zip(
                map(mpmath.mpf, x.tolist()), *(each.reshape(-1).tolist() for each in results),
                strict=True,
            )
        )  # fmt: skip


@pytest.mark.skipif(libraries.lanes() == 0, reason="needs a processor with fused multiply-add")
@pytest.mark.parametrize("count", sizes(400, 8_000, 100_000))
def test_observed_errors_are_below_the_bounds(count: int) -> None:
    """Each pair, at random points, in 50-digit arithmetic."""
    bounds = derived()
    assert sorted(OBSERVED) == sorted(bounds)
    for name, (bound, _) in bounds.items():
        assert worst(name, count) <= bound, name


def test_a_looser_series_would_be_noticed() -> None:
    """Half of the pairs: the derived bound of exp is above the stated one."""
    series = SERIES["exp"]
    moved = [series.last, *(c for c, _ in series.pairs[:4])]
    even, odd = (*series.even, *moved[1:-1:2]), (*series.odd, *moved[:-1:2])
    loose = series._replace(pairs=series.pairs[4:], even=even, odd=odd, last=moved[-1])
    assert error_of(loose) > 1000 * error_of(series)
    assert functions.has_fast_path("exp") == (libraries.lanes() > 0)
