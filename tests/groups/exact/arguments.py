"""Arguments to test functions with: random ones, and those where mistakes of rounding show.

Each kind says in its docstring what it is after. A function gets the kinds of `KINDS`, in equal
shares; with the same seed, they are the same arguments.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import gmpy2
import numpy as np

from tests.groups.exact.oracle import BINARY64

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

    from tests.groups.exact.oracle import Doubles

    Kind = Callable[[Generator, int], tuple[Doubles, ...]]

PAIRS: Final = ("pow", "atan2")
"""The functions of two arguments."""

SYMMETRIC: Final = ("sin", "cos", "tan", "asin", "atan", "sinh", "cosh", "tanh", "erf")
"""The functions for which -x is as hard as x."""

SPECIAL: Final = (
    0.0, 5e-324, 2.225073858507201e-308, 2.2250738585072014e-308, 2.0**-53, 2.0**-27, 0.5,
    1.0 - 2.0**-53, 1.0, 1.0 + 2.0**-52, 2.0, 3.0, 2.0**52 - 0.5, 2.0**52, 2.0**53 + 2.0, 1e300,
    1.7976931348623157e308, np.inf, np.nan,
)  # fmt: skip
"""Zeros, limits of subnormal and normal numbers, neighbours of 1, odd and even numbers, NaN."""

HARD_CASES: Final = Path(__file__).with_name("hard_cases.json")

_WIDE: Final = gmpy2.context(precision=200)


@np.errstate(all="ignore")
def arguments(name: str, count: int, seed: int) -> tuple[Doubles, ...]:
    """Return at least `count` arguments, or pairs of them, in columns.

    Args:
        name: The function.
        count: How many, besides the special ones and the hard cases, which are always there.
        seed: Of the random numbers.
    """
    random = np.random.default_rng([seed, *name.encode()])
    kinds = KINDS[name]
    parts = [kind(random, -(-count // len(kinds))) for kind in kinds]
    parts += [_special(name), hard_cases(name)]
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _special(name: str) -> tuple[Doubles, ...]:
    """Return the special numbers with both signs; for pairs, each with each."""
    values = np.array([*SPECIAL, *(-x for x in SPECIAL)])
    if name not in PAIRS:
        return (values,)
    return np.repeat(values, values.size), np.tile(values, values.size)


@cache
def hard_cases(name: str) -> tuple[Doubles, ...]:
    """Return arguments whose result is very close to the middle between two doubles."""
    rows = json.loads(HARD_CASES.read_text(encoding="utf-8"))["functions"].get(name, [])
    values = np.array([[float.fromhex(x) for x in row.split()] for row in rows])
    columns = values.reshape(-1, 2 if name in PAIRS else 1).T
    if name in SYMMETRIC:
        columns = np.concatenate([columns, -columns], axis=1)
    return tuple(columns)


# --- one argument --------------------------------------------------------------------------------


def bit_patterns(random: Generator, count: int) -> tuple[Doubles]:
    """Any double is as likely as any other: all magnitudes, subnormals and NaN, too."""
    return (random.integers(0, 2**64, count, np.uint64).view(np.float64),)


def _of_magnitude(low: int, high: int) -> Kind:
    def magnitudes(random: Generator, count: int) -> tuple[Doubles]:
        x = np.ldexp(random.uniform(1.0, 2.0, count), random.integers(low, high, count))
        return (np.copysign(x, random.uniform(-1.0, 1.0, count)),)

    magnitudes.__doc__ = f"Magnitudes from 2^{low} to 2^{high}, each as likely."
    return magnitudes


def _uniform(low: float, high: float) -> Kind:
    def uniform(random: Generator, count: int) -> tuple[Doubles]:
        return (random.uniform(low, high, count),)

    uniform.__doc__ = f"From {low} to {high}."
    return uniform


def _near(*points: float, within: int = 3000) -> Kind:
    """Return a kind: doubles at most so many places beside some points."""

    def neighbours(random: Generator, count: int) -> tuple[Doubles]:
        bits = np.array(points)[random.integers(0, len(points), count)].view(np.int64)
        steps = random.integers(-within, within + 1, count)
        steps[: count // 4] = random.integers(-3, 4, count // 4)
        return (np.maximum(bits + steps, bits & np.iinfo(np.int64).min).view(np.float64),)

    neighbours.__doc__ = f"Doubles near {points}."
    return neighbours


def _near_round_numbers(random: Generator, count: int) -> tuple[Doubles]:
    """Small multiples of powers of two, and their neighbours: where results may be exact."""
    x = random.integers(-64, 65, count) * np.ldexp(1.0, random.integers(-60, 8, count))
    steps = random.integers(-2, 3, count)
    return (np.where(x == 0.0, x, (x.view(np.int64) + steps).view(np.float64)),)


def _near_multiples_of_half_pi(random: Generator, count: int) -> tuple[Doubles]:
    """The doubles around multiples of π/4, small and huge ones: where digits cancel most."""
    with gmpy2.context(precision=1400):
        quarter = gmpy2.const_pi() / 4
        exponents = random.integers(0, 1000, count)
        exponents[: count // 2] = 0
        factors = random.integers(-(2**40), 2**40, count)
        x = np.array([float(quarter * (int(k) << int(e))) for k, e in zip(factors, exponents)])  # noqa: B905
    return ((x.view(np.int64) + random.integers(-1, 2, count)).view(np.float64),)


def _near_midpoints(inverse: str, values: Kind) -> Kind:
    """Return a kind: arguments whose results are as close to a midpoint as the function can be.

    Where a function is flat, as exp near 0, atan at large numbers or tanh near 1, many doubles
    have neighbouring results, and the nearest to a midpoint is much nearer than a random one.

    Args:
        inverse: The inverse function, in gmpy2.
        values: Values to take the midpoints behind.
    """

    def middles(random: Generator, count: int) -> tuple[Doubles]:
        inverted, x = getattr(_WIDE, inverse), []
        for value in values(random, count)[0].tolist():
            middle = _WIDE.add(value, BINARY64.mul(0.5, float(np.spacing(value))))
            x.append(float(inverted(middle)))
        return ((np.array(x).view(np.int64) + random.integers(-1, 2, count)).view(np.float64),)

    middles.__doc__ = f"Arguments where the result is nearly halfway, found by {inverse}."
    return middles


def _below_one(low: int, high: int) -> Kind:
    """Return a kind: 1 - 2^-k u."""

    def close(random: Generator, count: int) -> tuple[Doubles]:
        return (1.0 - np.ldexp(random.uniform(1.0, 2.0, count), random.integers(low, high, count)),)

    return close


def _above_one(low: int, high: int) -> Kind:
    def close(random: Generator, count: int) -> tuple[Doubles]:
        return (1.0 + np.ldexp(random.uniform(1.0, 2.0, count), random.integers(low, high, count)),)

    return close


def _angles_below_right(random: Generator, count: int) -> tuple[Doubles]:
    """π/2 - 2^-k u: what atan gives at large numbers."""
    return (np.pi / 2 - np.ldexp(random.uniform(1.0, 2.0, count), random.integers(-50, -4, count)),)


_LARGEST: Final = 1.7976931348623157e308
_OVERFLOW: Final = float(_WIDE.log(_WIDE.mul(2, gmpy2.mpfr(2.0**1023))))
_UNDERFLOW: Final = float(_WIDE.log(_WIDE.div(gmpy2.mpfr(5e-324), 2)))
_SUBNORMAL: Final = float(_WIDE.log(gmpy2.mpfr(2.0**-1022)))
_HYPERBOLIC: Final = float(_WIDE.add(_OVERFLOW, _WIDE.const_log2()))

# --- two arguments -------------------------------------------------------------------------------


def pairs_of_patterns(random: Generator, count: int) -> tuple[Doubles, Doubles]:
    """Any two doubles."""
    return bit_patterns(random, count) + bit_patterns(random, count)


def _powers_in_range(random: Generator, count: int) -> tuple[Doubles, Doubles]:
    """Bases of any magnitude, with exponents for which the power is mostly finite and not 0."""
    a = np.abs(bit_patterns(random, count)[0])
    a[~np.isfinite(a) | (a == 0.0)] = 3.0
    return a, random.uniform(-1080.0, 1030.0, count) / np.log2(np.where(a == 1.0, 2.0, a))


def _common_powers(random: Generator, count: int) -> tuple[Doubles, Doubles]:
    """Bases from 0 to 20, exponents from -5 to 5."""
    return random.uniform(0.0, 20.0, count), random.uniform(-5.0, 5.0, count)


def _powers_near_one(random: Generator, count: int) -> tuple[Doubles, Doubles]:
    """Bases next to 1 with large exponents."""
    a = (np.ones(count).view(np.int64) + random.integers(-(2**20), 2**20, count)).view(np.float64)
    return a, random.uniform(-1080.0, 1030.0, count) / np.log2(np.where(a == 1.0, 2.0, a))


def _whole_and_half_powers(random: Generator, count: int) -> tuple[Doubles, Doubles]:
    """Bases of few digits with small exponents in quarters: exact results, and midpoints."""
    bits = random.integers(1, 54, count)
    a = np.floor(np.ldexp(random.uniform(0.5, 1.0, count), bits)) + 1.0
    a *= np.ldexp(1.0, random.integers(-40, 40, count))
    b = random.integers(-20, 21, count) / np.array([1.0, 1.0, 2.0, 4.0])[bits % 4]
    return np.where(random.uniform(size=count) < 0.25, -a, a), b


def _exact_roots(random: Generator, count: int) -> tuple[Doubles, Doubles]:
    """Squares and fourth powers with exponents in quarters, and their neighbours."""
    root = random.integers(1, 2**26, count).astype(np.float64)
    fourth = random.uniform(size=count) < 0.5
    a = np.where(fourth, np.floor(root ** (1 / 2)) ** 4, root**2)
    a *= np.ldexp(1.0, 4 * random.integers(-200, 200, count))
    b = random.integers(-9, 10, count) / np.where(fourth, 4.0, 2.0)
    steps = random.integers(-1, 2, count) * (random.uniform(size=count) < 0.3)
    return (a.view(np.int64) + steps).view(np.float64), b


def _squares_at_midpoints(random: Generator, count: int) -> tuple[Doubles, Doubles]:
    """Whole numbers whose square or cube has 54 digits and ends in 1: exact midpoints."""
    cube = random.uniform(size=count) < 0.5
    low, high = np.where(cube, 2.0 ** (53 / 3), 2.0**26.5), np.where(cube, 2.0**18, 2.0**27)
    a = 2.0 * np.floor(random.uniform(low, high) / 2.0) + 1.0
    exponents = random.integers(-170, 170, count)
    signs = np.where(random.uniform(size=count) < 0.5, -1.0, 1.0)
    return signs * a * np.ldexp(1.0, exponents), np.where(cube, 3.0, 2.0)


def _subnormal_powers(random: Generator, count: int) -> tuple[Doubles, Doubles]:
    """Powers of few digits that are subnormal: exact, halfway, or below half of the smallest."""
    b = random.integers(2, 12, count).astype(np.float64)
    a = random.integers(1, 2**10, count).astype(np.float64)
    exponents = np.round((random.uniform(-1078, -1020, count) / b) - np.log2(a))
    return a * np.exp2(exponents), b


def _tiny_exponents(random: Generator, count: int) -> tuple[Doubles, Doubles]:
    """Exponents so small that the power is next to 1."""
    a = np.abs(bit_patterns(random, count)[0])
    return a, _of_magnitude(-80, -40)(random, count)[0]


def _whole_exponents_below_zero(random: Generator, count: int) -> tuple[Doubles, Doubles]:
    """Negative bases, with exponents that are whole, odd, even, or nearly."""
    b = np.floor(np.ldexp(random.uniform(-1.0, 1.0, count), random.integers(0, 56, count)))
    b += np.where(random.uniform(size=count) < 0.1, 0.5, 0.0)
    return -np.exp2(random.uniform(-1000, 1000, count) / np.where(b == 0.0, 1.0, b)), b


def _angles(random: Generator, count: int) -> tuple[Doubles, Doubles]:
    """Points of all four quadrants, at common distances."""
    return random.normal(size=count), random.normal(size=count)


def _angles_of_any_size(random: Generator, count: int) -> tuple[Doubles, Doubles]:
    """Points whose coordinates differ by up to 2^70."""
    b = _of_magnitude(-1000, 900)(random, count)[0]
    return b * _of_magnitude(-70, 70)(random, count)[0], b


def _tiny_angles(random: Generator, count: int) -> tuple[Doubles, Doubles]:
    """Points so far to the right that the angle is subnormal, or nearly."""
    b = np.abs(_of_magnitude(0, 1000)(random, count)[0])
    factors = random.uniform(1.0, 2.0, count)
    a = np.ldexp(factors, np.maximum(random.integers(-1080, -1015, count), -1074)) * b
    a[: count // 2] = np.ldexp(random.integers(1, 2**11, count // 2), -1074)
    b[: count // 2] = np.ldexp(
        random.integers(1, 2**6, count // 2), random.integers(-4, 4, count // 2)
    )
    return np.copysign(a, random.uniform(-1.0, 1.0, count)), b


def _angles_of_few_digits(random: Generator, count: int) -> tuple[Doubles, Doubles]:
    """Quotients that are exact and small: the angle is just below a double or a midpoint."""
    a = random.integers(1, 2**53, count, np.int64).astype(np.float64)
    b = np.ldexp(random.integers(1, 8, count), random.integers(20, 1000, count))
    flipped = random.uniform(size=count) < 0.2
    return np.where(flipped, b, a), np.where(flipped, a, b)


def _near_diagonals(random: Generator, count: int) -> tuple[Doubles, Doubles]:
    """Points next to a diagonal or an axis."""
    a = _of_magnitude(-500, 500)(random, count)[0]
    b = (a.view(np.int64) + random.integers(-5, 6, count)).view(np.float64)
    b = np.where(random.uniform(size=count) < 0.5, b, -b)
    axis = random.uniform(size=count) < 0.2
    return a, np.where(axis, np.copysign(_of_magnitude(-1074, -1000)(random, count)[0], b), b)


# --- which function gets what --------------------------------------------------------------------

_ODD: Final = (
    bit_patterns,
    _of_magnitude(-40, 8),
    _of_magnitude(-1074, -1000),
    _near_round_numbers,
)

KINDS: Final[dict[str, tuple[Kind, ...]]] = {
    "exp": (
        bit_patterns, _uniform(-20.0, 20.0), _uniform(-750.0, 712.0), _of_magnitude(-60, 2),
        _near(_OVERFLOW, _UNDERFLOW, _SUBNORMAL, 0.0, 1.0, -1.0), _near_round_numbers,
        _near_midpoints("log", _above_one(-50, -4)), _near_midpoints("log", _below_one(-50, -4)),
        _uniform(-745.2, -708.0),
    ),
    "expm1": (
        *_ODD, _uniform(-40.0, 5.0), _uniform(-50.0, 712.0),
        _near(_OVERFLOW, -37.4, -36.7, 0.6931471805599453),
        _near_midpoints("log1p", _uniform(-1.0, 1.0)),
        _near_midpoints("log1p", _of_magnitude(-60, -10)),
    ),
    "log": (
        bit_patterns, _uniform(0.0, 10.0), _of_magnitude(-1074, 1024), _near(1.0, within=2**20),
        _above_one(-52, -1), _below_one(-53, -1), _near_round_numbers, _of_magnitude(-1074, -1000),
        _near_midpoints("exp", _uniform(-700.0, 700.0)),
    ),
    "log1p": (
        *_ODD, _uniform(-1.0, 10.0), _of_magnitude(0, 1024), _near(-1.0, 1.0, within=2**20),
        _near_midpoints("expm1", _uniform(-30.0, 700.0)),
        _near_midpoints("expm1", _of_magnitude(-60, -10)),
    ),
    "sin": (*_ODD, _uniform(-10.0, 10.0), _of_magnitude(8, 1024), _near_multiples_of_half_pi),
    "cos": (
        *_ODD, _uniform(-10.0, 10.0), _of_magnitude(8, 1024), _near_multiples_of_half_pi,
        _near_midpoints("acos", _below_one(-50, -2)),
    ),
    "tan": (*_ODD, _uniform(-10.0, 10.0), _of_magnitude(8, 1024), _near_multiples_of_half_pi),
    "asin": (
        *_ODD, _uniform(-1.0, 1.0), _near(1.0, -1.0, 0.5, -0.5, within=2**20), _below_one(-53, 0),
    ),
    "acos": (
        *_ODD, _uniform(-1.0, 1.0), _near(1.0, -1.0, 0.5, -0.5, within=2**20), _below_one(-53, 0),
        _near_midpoints("cos", _angles_below_right),
    ),
    "atan": (
        *_ODD, _uniform(-10.0, 10.0), _of_magnitude(8, 80), _near(1.0, -1.0),
        _near_midpoints("tan", _angles_below_right),
    ),
    "sinh": (
        *_ODD, _uniform(-5.0, 5.0), _uniform(-712.0, 712.0), _near(_HYPERBOLIC, -_HYPERBOLIC),
        _near_midpoints("asinh", _of_magnitude(-30, 2)),
    ),
    "cosh": (
        *_ODD, _uniform(-5.0, 5.0), _uniform(-712.0, 712.0), _near(_HYPERBOLIC, -_HYPERBOLIC),
        _near_midpoints("acosh", _above_one(-50, -2)),
    ),
    "tanh": (
        *_ODD, _uniform(-5.0, 5.0), _uniform(-20.0, 20.0), _near(18.7, 19.0615, -19.0615, 22.0),
        _near_midpoints("atanh", _below_one(-52, -4)),
        _near_midpoints("atanh", _of_magnitude(-30, -2)),
    ),
    "erf": (
        *_ODD, _uniform(-2.0, 2.0), _uniform(-6.2, 6.2), _near(5.8636, 5.9215872, -5.9215872),
        _uniform(4.0, 6.0),
    ),
    "pow": (
        pairs_of_patterns, _powers_in_range, _common_powers, _powers_near_one,
        _whole_and_half_powers, _exact_roots, _squares_at_midpoints, _subnormal_powers,
        _tiny_exponents, _whole_exponents_below_zero,
    ),
    "atan2": (
        pairs_of_patterns, _angles, _angles_of_any_size, _tiny_angles, _angles_of_few_digits,
        _near_diagonals,
    ),
}  # fmt: skip
"""The kinds of arguments of each function."""
