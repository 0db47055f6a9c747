"""The right answers: MPFR's correctly rounded functions, through gmpy2, as binary64 has them.

MPFR rounds every function correctly and answers at zeros, infinities, poles and NaN as C's annex F
does. A context of gmpy2 gives its results the range of binary64, with subnormals, and rounds them
once; `test_oracle` compares that with exact rationals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import gmpy2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

BINARY64: Final = gmpy2.ieee(64)
"""53 bits, with the exponents and the subnormals of binary64."""

FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "exp": BINARY64.exp,
    "expm1": BINARY64.expm1,
    "log": BINARY64.log,
    "log1p": BINARY64.log1p,
    "pow": BINARY64.pow,
    "sin": BINARY64.sin,
    "cos": BINARY64.cos,
    "tan": BINARY64.tan,
    "asin": BINARY64.asin,
    "acos": BINARY64.acos,
    "atan": BINARY64.atan,
    "atan2": BINARY64.atan2,
    "sinh": BINARY64.sinh,
    "cosh": BINARY64.cosh,
    "tanh": BINARY64.tanh,
    "erf": BINARY64.erf,
}
"""Every function whose rounding depends on the math library, by its name in the op table."""


def right_answers(name: str, columns: Sequence[Doubles]) -> Doubles:
    """Return the correctly rounded results of a function on columns of arguments."""
    function = FUNCTIONS[name]
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return np.array([float(function(*row)) for row in rows])


def wrong(got: Doubles, want: Doubles) -> NDArray[np.intp]:
    """Return where the bits differ; any NaN is as good as any other."""
    same = (got.view(np.uint64) == want.view(np.uint64)) | (np.isnan(got) & np.isnan(want))
    return np.flatnonzero(~same)


def told(name: str, columns: Sequence[Doubles], got: Doubles, want: Doubles) -> list[str]:
    """Return one line for each wrong result: the call, what it gave, and the right answer."""
    return [
        f"{name}({', '.join(float(column[i]).hex() for column in columns)})"
        f" = {float(got[i]).hex()}, not {float(want[i]).hex()}"
        for i in wrong(got, want).tolist()
    ]


class Mpfr:
    """Binary64 arithmetic by MPFR, for `tests.reference.evaluate`, within `BINARY64`."""

    number = staticmethod(gmpy2.mpfr)
    double = float
    sqrt = staticmethod(gmpy2.sqrt)
    pow = staticmethod(BINARY64.pow)
    exp = staticmethod(BINARY64.exp)
    log = staticmethod(BINARY64.log)
    log1p = staticmethod(BINARY64.log1p)
    sin = staticmethod(BINARY64.sin)
    cos = staticmethod(BINARY64.cos)
    tan = staticmethod(BINARY64.tan)
    atan = staticmethod(BINARY64.atan)
    sinh = staticmethod(BINARY64.sinh)
    cosh = staticmethod(BINARY64.cosh)
    tanh = staticmethod(BINARY64.tanh)
    erf = staticmethod(BINARY64.erf)
    expm1 = staticmethod(BINARY64.expm1)
    asin = staticmethod(BINARY64.asin)
    acos = staticmethod(BINARY64.acos)
    atan2 = staticmethod(BINARY64.atan2)
