"""Eighteen primitives that answer as IEEE 754 does instead of raising.

Python's `math` raises where IEEE 754 and C give infinities and NaN. These give what C gives,
with the same math library, so that every interpreter of the op table can agree.
"""

from __future__ import annotations

import math
from typing import Final

INF: Final = math.inf
NAN: Final = math.nan


def div(a: float, b: float) -> float:
    """Divide a by b; division by zero gives an infinity, or NaN for 0/0."""
    if b != 0.0:
        return a / b
    if a == 0.0 or a != a:
        return NAN
    return math.copysign(INF, a) * math.copysign(1.0, b)


def power(a: float, b: float) -> float:
    """Raise a to the power b as C's pow does (C17, annex F.10.4.4)."""
    try:
        return math.pow(a, b)
    except ValueError:  # a is 0 and b < 0, or a < 0 and b is not an integer
        return math.copysign(INF, a) if a == 0.0 and _odd(b) else INF if a == 0.0 else NAN
    except OverflowError:
        return -INF if a < 0.0 and _odd(b) else INF


def _odd(b: float) -> bool:
    return math.fmod(b, 2.0) in (1.0, -1.0)


def exp(x: float) -> float:
    """Raise e to the power x; overflow gives infinity."""
    try:
        return math.exp(x)
    except OverflowError:
        return INF


def expm1(x: float) -> float:
    """Raise e to the power x, and subtract 1; overflow gives infinity."""
    try:
        return math.expm1(x)
    except OverflowError:
        return INF


def log(x: float) -> float:
    """Natural logarithm; -inf at 0, NaN below."""
    if x > 0.0:
        return math.log(x)
    return -INF if x == 0.0 else NAN


def log1p(x: float) -> float:
    """Natural logarithm of 1 + x; -inf at -1, NaN below."""
    if x > -1.0:
        return math.log1p(x)
    return -INF if x == -1.0 else NAN


def sqrt(x: float) -> float:
    """Square root; NaN below 0, and the square root of -0.0 is -0.0."""
    return math.sqrt(x) if x >= 0.0 else NAN


def sin(x: float) -> float:
    """Sine of x radians; NaN at infinities."""
    return math.sin(x) if math.isfinite(x) else NAN


def cos(x: float) -> float:
    """Cosine of x radians; NaN at infinities."""
    return math.cos(x) if math.isfinite(x) else NAN


def tan(x: float) -> float:
    """Tangent of x radians; NaN at infinities."""
    return math.tan(x) if math.isfinite(x) else NAN


def asin(x: float) -> float:
    """Arc sine, in radians; NaN outside of -1 to 1."""
    return math.asin(x) if abs(x) <= 1.0 else NAN


def acos(x: float) -> float:
    """Arc cosine, in radians; NaN outside of -1 to 1."""
    return math.acos(x) if abs(x) <= 1.0 else NAN


def atan(x: float) -> float:
    """Arc tangent, in radians."""
    return math.atan(x)


def atan2(a: float, b: float) -> float:
    """Angle of the point (b, a), in radians, as C's atan2 (C17, annex F.10.1.4)."""
    return math.atan2(a, b)


def sinh(x: float) -> float:
    """Hyperbolic sine; overflow gives an infinity of the sign of x."""
    try:
        return math.sinh(x)
    except OverflowError:
        return math.copysign(INF, x)


def cosh(x: float) -> float:
    """Hyperbolic cosine; overflow gives infinity."""
    try:
        return math.cosh(x)
    except OverflowError:
        return INF


def tanh(x: float) -> float:
    """Hyperbolic tangent."""
    return math.tanh(x)


def erf(x: float) -> float:
    """Error function: 2/√π times the integral of e^(-t²) from 0 to x."""
    return math.erf(x)
