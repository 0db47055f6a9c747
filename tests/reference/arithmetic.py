"""The two number systems in which a graph can be evaluated.

`Rounded` answers what a perfect IEEE 754 machine would: each operation is worked out exactly, or
to 50 digits, and then rounded to binary64. `Real` works in 50 digits throughout, as if binary64
did not exist. Both offer `number`, `double` and the functions that the op table needs.
"""

from __future__ import annotations

from fractions import Fraction
from math import copysign, inf, isfinite, isinf, isnan, nan
from typing import TYPE_CHECKING, Any, TypeAlias

import mpmath

if TYPE_CHECKING:
    from collections.abc import Callable

# Binary64, or mpmath's mpf, which has no types: the op table treats the two alike.
Number: TypeAlias = Any

mp = mpmath.MPContext()  # a context of our own: the precision is set for nobody else
mp.dps = 50

MANTISSA_BITS = 53
LOWEST_EXPONENT = -1074  # of the last bit of a subnormal
HIGHEST_EXPONENT = 971  # of the last bit of the largest double


def nearest(magnitude: Fraction) -> float:
    """Round a rational that is not negative to binary64, ties to even."""
    if not magnitude:
        return 0.0
    bits = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
    exponent = bits - MANTISSA_BITS
    if magnitude >= Fraction(2) ** (exponent + MANTISSA_BITS):  # `bits` may be one too low
        exponent += 1
    exponent = max(exponent, LOWEST_EXPONENT)
    if exponent > HIGHEST_EXPONENT:
        return inf
    mantissa = round(magnitude / Fraction(2) ** exponent)  # of a Fraction: half to even
    return float(mantissa) * 2.0**exponent  # both exact; past the largest double it is inf


def nearest_real(x: Number) -> float:
    """Round a 50-digit number to binary64."""
    magnitude = mp.mag(x) if x else -inf
    if magnitude > HIGHEST_EXPONENT + MANTISSA_BITS + 1:  # exp(1e300) has no Fraction that fits
        return float(mp.sign(x)) * inf
    if magnitude < LOWEST_EXPONENT - 1:
        return copysign(0.0, mp.sign(x))
    mantissa, exponent = abs(x).man_exp
    return copysign(nearest(Fraction(int(mantissa)) * Fraction(2) ** int(exponent)), mp.sign(x))


class Double(float):
    """A binary64 number whose arithmetic goes through exact rationals, not through the CPU."""

    def __add__(self, other: float) -> Double:
        """Return the rounded sum; an exact zero is +0.0 unless both terms are -0.0."""
        if isfinite(self) and isfinite(other):
            total = Fraction(self) + Fraction(other)
            both_minus = copysign(1.0, self) < 0.0 and copysign(1.0, other) < 0.0
            minus = total < 0 or (total == 0 and both_minus)
            return Double(copysign(nearest(abs(total)), -1.0 if minus else 1.0))
        if isnan(self) or isnan(other) or (isinf(self) and isinf(other) and self != other):
            return Double(nan)
        return Double(self if isinf(self) else other)

    def __mul__(self, other: float) -> Double:
        """Return the rounded product; 0 times infinity is NaN."""
        sign = copysign(1.0, self) * copysign(1.0, other)
        if isfinite(self) and isfinite(other):
            return Double(copysign(nearest(abs(Fraction(self) * Fraction(other))), sign))
        if isnan(self) or isnan(other) or self == 0.0 or other == 0.0:
            return Double(nan)
        return Double(copysign(inf, sign))

    def __truediv__(self, other: float) -> Double:
        """Return the rounded quotient; 0/0 and inf/inf are NaN, x/0 is infinite."""
        sign = copysign(1.0, self) * copysign(1.0, other)
        if isnan(self) or isnan(other) or (isinf(self) and isinf(other)) or self == other == 0.0:
            return Double(nan)
        if isinf(self) or other == 0.0:
            return Double(copysign(inf, sign))
        if isinf(other):
            return Double(copysign(0.0, sign))
        return Double(copysign(nearest(abs(Fraction(self) / Fraction(other))), sign))

    def __neg__(self) -> Double:
        """Return the number with its sign flipped, zeros and infinities too."""
        return Double(copysign(abs(float(self)), -copysign(1.0, self)))

    def __abs__(self) -> Double:
        """Return the number without its sign."""
        return Double(copysign(self, 1.0))

    def __sub__(self, other: float) -> Double:
        """Return the rounded difference: IEEE defines it as adding the negation."""
        return self + -Double(other)

    def __radd__(self, other: float) -> Double:
        """Return `other + self`, for a literal on the left."""
        return Double(other) + self

    def __rsub__(self, other: float) -> Double:
        """Return `other - self`, for a literal on the left."""
        return Double(other) - self

    def __rmul__(self, other: float) -> Double:
        """Return `other * self`, for a literal on the left."""
        return Double(other) * self

    def __rtruediv__(self, other: float) -> Double:
        """Return `other / self`, for a literal on the left."""
        return Double(other) / self


HALF_PI = nearest_real(mp.pi / 2)

# What each function answers at -inf and at +inf.
AT_INFINITY: dict[str, tuple[float, float]] = {
    "sqrt": (nan, inf),
    "exp": (0.0, inf),
    "log": (nan, inf),
    "sin": (nan, nan),
    "cos": (nan, nan),
    "tan": (nan, nan),
    "atan": (-HALF_PI, HALF_PI),
    "sinh": (-inf, inf),
    "cosh": (inf, inf),
    "tanh": (-1.0, 1.0),
    "log1p": (nan, inf),
    "expm1": (-1.0, inf),
    "asin": (nan, nan),
    "acos": (nan, nan),
    "erf": (-1.0, 1.0),
}
# What they answer at a zero of either sign. The others are odd there: f(+0) = +0, f(-0) = -0.
AT_ZERO = {"exp": 1.0, "log": -inf, "cos": 1.0, "cosh": 1.0, "acos": HALF_PI}
# Where the others have real values.
DOMAINS = {"sqrt": (0.0, inf), "log": (0.0, inf), "log1p": (-1.0, inf)}
DOMAINS |= {"asin": (-1.0, 1.0), "acos": (-1.0, 1.0)}


def _function(name: str) -> Callable[[float], Double]:
    """Return a function of binary64: IEEE's special cases by hand, the rest to 50 digits."""
    at_minus_infinity, at_plus_infinity = AT_INFINITY[name]
    real = getattr(mp, name)

    def rounded(x: float) -> Double:
        if isnan(x):
            return Double(nan)
        if isinf(x):
            return Double(at_plus_infinity if x > 0.0 else at_minus_infinity)
        if x == 0.0:
            return Double(AT_ZERO.get(name, x))
        low, high = DOMAINS.get(name, (-inf, inf))
        if not low <= x <= high:
            return Double(nan)
        if name == "log1p" and x == -1.0:
            return Double(-inf)
        return Double(nearest_real(real(mp.mpf(float(x)))))

    return rounded


def _power(a: float, b: float) -> Double:
    """Return pow(a, b) with the special cases of C17, F.10.4.4."""
    if b == 0.0 or a == 1.0:
        return Double(1.0)  # even for NaN
    if isnan(a) or isnan(b):
        return Double(nan)
    if isinf(b):
        return Double(1.0 if a == -1.0 else inf if (abs(a) > 1.0) == (b > 0.0) else 0.0)
    odd = float(b).is_integer() and abs(b) % 2.0 == 1.0
    sign = -1.0 if odd and copysign(1.0, a) < 0.0 else 1.0
    if a == 0.0 or isinf(a):
        return Double(copysign(inf if isinf(a) == (b > 0.0) else 0.0, sign))
    if a < 0.0 and not float(b).is_integer():
        return Double(nan)
    return Double(copysign(nearest_real(mp.power(mp.mpf(abs(float(a))), mp.mpf(float(b)))), sign))


def _angle(a: float, b: float) -> Double:
    """Return atan2(a, b) with the special cases of C17, F.10.1.4."""
    if isnan(a) or isnan(b):
        return Double(nan)
    left = copysign(1.0, b) < 0.0
    if a == 0.0:
        return Double(copysign(nearest_real(mp.pi) if left else 0.0, a))
    if b == 0.0:
        return Double(copysign(HALF_PI, a))
    if isinf(a) and isinf(b):
        return Double(copysign(nearest_real(mp.pi * 3 / 4 if left else mp.pi / 4), a))
    if isinf(a) or isinf(b):
        at_infinity = mp.pi / 2 if isinf(a) else mp.pi if left else mp.mpf(0)
        return Double(copysign(nearest_real(at_infinity), a))
    return Double(nearest_real(mp.atan2(mp.mpf(float(a)), mp.mpf(float(b)))))


class Rounded:
    """Binary64 arithmetic in which every single operation is rounded, and rounded correctly."""

    number = Double
    double = float
    pow = staticmethod(_power)
    sqrt = staticmethod(_function("sqrt"))
    exp = staticmethod(_function("exp"))
    log = staticmethod(_function("log"))
    log1p = staticmethod(_function("log1p"))
    sin = staticmethod(_function("sin"))
    cos = staticmethod(_function("cos"))
    tan = staticmethod(_function("tan"))
    atan = staticmethod(_function("atan"))
    sinh = staticmethod(_function("sinh"))
    cosh = staticmethod(_function("cosh"))
    tanh = staticmethod(_function("tanh"))
    erf = staticmethod(_function("erf"))
    expm1 = staticmethod(_function("expm1"))
    asin = staticmethod(_function("asin"))
    acos = staticmethod(_function("acos"))
    atan2 = staticmethod(_angle)


class Real:
    """50-digit arithmetic: no rounding to speak of, no special values."""

    number = mp.mpf
    double = staticmethod(nearest_real)
    pow = staticmethod(mp.power)
    sqrt = staticmethod(mp.sqrt)
    exp = staticmethod(mp.exp)
    log1p = staticmethod(mp.log1p)
    sin = staticmethod(mp.sin)
    cos = staticmethod(mp.cos)
    tan = staticmethod(mp.tan)
    atan = staticmethod(mp.atan)
    sinh = staticmethod(mp.sinh)
    cosh = staticmethod(mp.cosh)
    tanh = staticmethod(mp.tanh)
    erf = staticmethod(mp.erf)
    expm1 = staticmethod(mp.expm1)
    asin = staticmethod(mp.asin)
    acos = staticmethod(mp.acos)
    atan2 = staticmethod(mp.atan2)

    @staticmethod
    def log(x: Number) -> Number:
        """Return ln x, or NaN below zero, where mpmath would turn complex."""
        return mp.log(x) if x > 0 else mp.nan


Arithmetic: TypeAlias = type[Rounded] | type[Real]
