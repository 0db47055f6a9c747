"""Functions that ONNX Runtime lacks in double precision, composed of those that it has.

They are written in the language of the op table, and computed with all cases. Each is within a few
ulp of the right answer.

Source: for log1p and expm1, Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., 1.14;
for atan and erf, Moshier's Cephes Mathematical Library, atan.c and ndtr.c.
"""

from __future__ import annotations

from mgraph.ops import ieee


def tan(x: float) -> float:
    """Tangent."""
    return ieee.div(ieee.sin(x), ieee.cos(x))


def log1p(x: float) -> float:
    """Natural logarithm of 1 + x."""
    return log1p_of(x, 1.0 + x)


def log1p_of(x: float, u: float) -> float:
    """The same, given 1 + x rounded: the error of u is in log(u) and in u - 1 alike."""
    return x if u == 1.0 or x > 1e300 and x + x == x else ieee.div(ieee.log(u), u - 1.0) * x  # noqa: PLR2004, RUF021


def expm1_of(x: float, u: float) -> float:
    """e^x - 1 for x from 0 to 700, given e^x."""
    return x if u == 1.0 else ieee.div((u - 1.0) * x, ieee.log(u))


def expm1(x: float) -> float:
    """e^x - 1."""
    return expm1_anywhere(x, ieee.exp(x))


def expm1_anywhere(x: float, u: float) -> float:
    """e^x - 1, given e^x; far out, one of the two terms is nothing beside the other."""
    return u if x > 40.0 else -1.0 if x < -40.0 else expm1_of(x, u)  # noqa: PLR2004


def sinh(x: float) -> float:
    """Hyperbolic sine: of |x|, with the sign of x."""
    return -sinh_positive(-x) if x < 0.0 else x if x == 0.0 else sinh_positive(x)


def sinh_positive(x: float) -> float:
    """Hyperbolic sine for x > 0; e^x would overflow before it does."""
    return half_square(ieee.exp(0.5 * x)) if x > 700.0 else sinh_of(expm1_of(x, ieee.exp(x)))  # noqa: PLR2004


def sinh_of(m: float) -> float:
    """Hyperbolic sine of x, given m = e^x - 1."""
    return 0.5 * (m + ieee.div(m, m + 1.0))


def half_square(root: float) -> float:
    """Return root²/2."""
    return 0.5 * root * root


def cosh(x: float) -> float:
    """Hyperbolic cosine."""
    return half_square(ieee.exp(0.5 * abs(x))) if abs(x) > 700.0 else cosh_of(ieee.exp(abs(x)))  # noqa: PLR2004


def cosh_of(u: float) -> float:
    """Hyperbolic cosine of x, given u = e^x."""
    return 0.5 * u + ieee.div(0.5, u)


def atan(x: float) -> float:
    """Arc tangent: of |x|, with the sign of x."""
    return -atan_positive(-x) if x < 0.0 else x if x == 0.0 else atan_positive(x)


def atan_positive(x: float) -> float:
    """Arc tangent for x > 0, by what is left of it beside 0, pi/4 or pi/2."""
    return (
        1.5707963267948966 + (atan_near(ieee.div(-1.0, x)) + 6.123233995736766e-17)
        if x > 2.414213562373095  # noqa: PLR2004
        else 0.7853981633974483 + (atan_near(ieee.div(x - 1.0, x + 1.0)) + 3.061616997868383e-17)
        if x > 0.66  # noqa: PLR2004
        else atan_near(x)
    )


def atan_near(x: float) -> float:
    """Arc tangent for |x| up to 0.66."""
    return x + x * (x * x * ieee.div(above(x * x), below(x * x)))


def above(z: float) -> float:
    """The polynomial above the line."""
    return (((-8.750608600031904e-1 * z - 1.615753718733365e1) * z - 7.500855792314705e1) * z
            - 1.2288666844901362e2) * z - 6.485021904942025e1  # fmt: skip


def below(z: float) -> float:
    """The polynomial below the line."""
    return ((((z + 24.858464901423062) * z + 165.02700983169885) * z
             + 432.8810604912903) * z + 485.3903996359137) * z + 194.5506571482614  # fmt: skip


def erf(x: float) -> float:
    """Error function: of |x|, with the sign of x."""
    return -erf_positive(-x) if x < 0.0 else x if x == 0.0 else erf_positive(x)


def erf_positive(x: float) -> float:
    """Error function for x > 0; from 6 on, what is missing to 1 rounds to nothing."""
    return 1.0 if x > 6.0 else 1.0 - erfc_far(x) if x > 1.0 else erf_near(x, x * x)  # noqa: PLR2004


def erf_near(x: float, z: float) -> float:
    """Error function for |x| up to 1, given x²."""
    return x * ieee.div(erf_above(z), erf_below(z))


def erf_above(z: float) -> float:
    """The polynomial above the line."""
    return (((9.604973739870516 * z + 90.02601972038427) * z + 2232.005345946843) * z
            + 7003.325141128051) * z + 55592.30130103949  # fmt: skip


def erf_below(z: float) -> float:
    """The polynomial below the line."""
    return ((((z + 33.56171416475031) * z + 521.3579497801527) * z + 4594.323829709801) * z
            + 22629.000061389095) * z + 49267.39426086359  # fmt: skip


def erfc_far(x: float) -> float:
    """What is missing from the error function to 1, for x from 1 to 8."""
    return ieee.exp(-(x * x)) * ieee.div(erfc_above(x), erfc_below(x))


def erfc_above(x: float) -> float:
    """The polynomial above the line."""
    return (((((((2.461969814735305e-10 * x + 0.5641895648310689) * x + 7.463210564422699) * x
                + 48.63719709856814) * x + 196.5208329560771) * x + 526.4451949954773) * x
             + 934.5285271719576) * x + 1027.5518868951572) * x + 557.5353353693994  # fmt: skip


def erfc_below(x: float) -> float:
    """The polynomial below the line."""
    return (((((((x + 13.228195115474499) * x + 86.70721408859897) * x + 354.9377788878199) * x
               + 975.7085017432055) * x + 1823.9091668790973) * x + 2246.3376081871097) * x
            + 1656.6630919416134) * x + 557.5353408177277  # fmt: skip


def asin(x: float) -> float:
    """Arc sine."""
    return atan(ieee.div(x, ieee.sqrt((1.0 - x) * (1.0 + x))))


def acos(x: float) -> float:
    """Arc cosine."""
    return 2.0 * atan(ieee.sqrt(ieee.div(1.0 - x, 1.0 + x)))


def atan2(a: float, b: float) -> float:
    """Angle of the point (b, a): of (b, |a|), with the sign of a."""
    return (
        a + b
        if a != a or b != b
        else -angle_above(-a, b)
        if a < 0.0 or (a == 0.0 and ieee.div(1.0, a) < 0.0)
        else angle_above(a, b)
    )


def angle_above(a: float, b: float) -> float:
    """Angle of the point (b, a) for a that is not negative."""
    return (
        3.141592653589793 - (angle_right(a, abs(b)) - 1.2246467991473532e-16)
        if b < 0.0 or (b == 0.0 and ieee.div(1.0, b) < 0.0)
        else angle_right(a, b)
    )


def angle_right(a: float, b: float) -> float:
    """Angle of the point (b, a) for numbers that are not negative; both may be infinite."""
    return 0.0 if a == 0.0 else 0.7853981633974483 if a == b else atan(ieee.div(a, b))
