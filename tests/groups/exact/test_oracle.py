"""The oracle itself: MPFR's answers, as gmpy2 gives them, against exact and independent ones."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import gmpy2
import numpy as np
import pytest

from tests.groups.exact.__main__ import HAS_LONG, LONG, confirmed
from tests.groups.exact.arguments import KINDS, PAIRS, SPECIAL, arguments, hard_cases
from tests.groups.exact.oracle import BINARY64, FUNCTIONS, right_answers, told, wrong
from tests.groups.exact.vectors import document
from tests.loops import looped
from tests.ops.exact_vectors import VECTORS
from tests.reference.arithmetic import Rounded, nearest

SUBNORMAL = 2.0**-1022


def test_operations_are_rounded_once() -> None:
    """Products and quotients of any size, half of them subnormal, as exact rationals round them."""
    random = np.random.default_rng(1)
    subnormal = 0
    for _ in range(20_000):
        a, b = np.ldexp(random.uniform(1.0, 2.0, 2), random.integers(-537, -510, 2)).tolist()
        if random.uniform() < 0.3:  # few digits: exact halves of the smallest number
            a, b = math.ldexp(random.integers(1, 2**12), -537), math.ldexp(1.0, -538)
        product = nearest(Fraction(a) * Fraction(b))
        assert float(BINARY64.mul(a, b)) == product, (a.hex(), b.hex())
        c = 1.0 / b
        assert float(BINARY64.div(a, c)) == nearest(Fraction(a) / Fraction(c)), (a.hex(), c.hex())
        subnormal += product < SUBNORMAL
    assert subnormal > 5_000


@looped("name", FUNCTIONS)
def test_functions_are_rounded_once(name: str) -> None:
    """What 2,400 bits say, rounded by exact rationals, is what 53 bits with subnormals say.

    So many, because atan2 of the smallest numbers is as little as 2^-2150 of itself away from a
    midpoint.
    """
    columns = arguments(name, 300, 2)
    wide = getattr(gmpy2.context(precision=2400, emin=-(10**9), emax=10**9), name)
    for got, row in zip(right_answers(name, columns), zip(*columns, strict=True), strict=True):
        real = wide(*row)
        if not math.isfinite(got) or got == 0.0 or gmpy2.is_zero(real):
            continue
        assert abs(got) == nearest(abs(Fraction(*real.as_integer_ratio()))), [x.hex() for x in row]


@looped("name", FUNCTIONS)
def test_special_values_are_those_of_annex_f(name: str) -> None:
    """Zeros with signs, infinities, poles, domains and NaN: as the fixtures' own tables say.

    Those work in 50 digits, so that other results may differ in the last place.
    """
    known = getattr(Rounded, name)
    pairs = [(a, b) for a in SPECIAL for b in SPECIAL]
    rows = pairs if name in PAIRS else [(a,) for a in SPECIAL]
    for row in rows:
        for signs in ((1.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (-1.0, -1.0)):
            args = [math.copysign(x, sign) for x, sign in zip(row, signs, strict=False)]
            if max(map(abs, args)) >= 1e300 and math.isfinite(max(args)):
                continue  # where 50 digits are too few
            got, want = float(FUNCTIONS[name](*args)), known(*args)
            same = got.hex() == want.hex() or (got != got and want != want)
            near = 0.0 < abs(want) < math.inf and abs(got - want) <= math.ulp(want)
            assert same or near, (args, got, want)


def test_a_wrong_bit_is_told() -> None:
    """A result one place beside is reported, as are a zero of the other sign and a lost NaN."""
    x = np.array([0.5, 0.0, np.nan, 1.0])
    want = right_answers("tanh", [x])
    got = np.array([np.nextafter(want[0], 1.0), -0.0, 0.0, want[3]])
    assert wrong(got, want).tolist() == [0, 1, 2]
    (first, *_) = told("tanh", [x], got, want)
    assert first == f"tanh({(0.5).hex()}) = {float(got[0]).hex()}, not {float(want[0]).hex()}"


@looped("name", KINDS)
def test_arguments_are_of_all_kinds(name: str) -> None:
    """Every function gets normal results; those that can, subnormal ones and infinities, too."""
    columns = arguments(name, 3_000, 3)
    results = np.abs(right_answers(name, columns))
    assert np.count_nonzero(np.isfinite(results) & (results >= SUBNORMAL)) > 1_500
    if name not in ("log", "cos", "acos", "cosh"):
        assert np.count_nonzero((results < SUBNORMAL) & (results > 0.0)) > 50
    if name in ("exp", "expm1", "sinh", "cosh", "pow"):
        assert np.count_nonzero(np.isinf(results)) > 50


@looped("name", [name for name in FUNCTIONS if hard_cases(name)[0].size])
def test_hard_cases_are_hard(name: str) -> None:
    """Each committed case is at most 2^-31 of a place from the middle between two doubles."""
    columns = hard_cases(name)
    wide = getattr(gmpy2.context(precision=300), name)
    for row in zip(*columns, strict=True):
        places = Fraction(*wide(*row).as_integer_ratio()) / Fraction(
            float(np.spacing(abs(float(FUNCTIONS[name](*row)))))
        )
        assert abs(places % 1 - Fraction(1, 2)) < Fraction(1, 2**31), [x.hex() for x in row]


def test_the_shared_vectors_are_right() -> None:
    """The file that other tests use is what MPFR says."""
    assert document() == json.loads(VECTORS.read_text(encoding="utf-8"))


@pytest.mark.skipif(not HAS_LONG, reason="long double is no longer than double here")
@looped("name", LONG)
def test_long_double_confirms_no_other_double(name: str) -> None:
    """What the long comparison leaves to long double is right: no neighbour would be confirmed."""
    columns = arguments(name, 3_000, 4)
    want = right_answers(name, columns)
    assert np.mean(confirmed(name, columns, want)) > 0.7
    with np.errstate(over="ignore"):
        neighbours = np.nextafter(want, np.inf), np.nextafter(want, -np.inf)
    for other in (*neighbours, -want):
        differs = (other != want) | (np.signbit(other) != np.signbit(want))
        assert not np.any(confirmed(name, columns, other) & differs & ~np.isnan(want))
