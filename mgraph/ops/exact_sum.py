"""Exact sums of doubles: rounded once, so that order and grouping change nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

SMALLEST: Final = -1074
"""The exponent of the smallest positive double: every finite one is a whole multiple of 2^-1074."""

_NAN, _PLUS, _MINUS = 1, 2, 4
_LONGEST: Final = 273
"""Bytes of a state, at most: a byte of flags, and the sum of 2^77 of the largest doubles."""


@dataclass(frozen=True, slots=True)
class ExactSum:
    """The exact sum of doubles, as a state that can be stored and added to other states.

    The sum is NaN if any value is NaN, or if both infinities occur; else an infinity that occurs;
    else the sum as a rational number, rounded once to the nearest double, ties to even. A sum of at
    least 2^1024 - 2^970 in magnitude rounds to an infinity. A sum that is zero, and the sum of no
    values, is +0.0.

    ```python
    total = ExactSum.of([1e100, 1.0]) + ExactSum.of([-1e100])
    total.value  # 1.0
    ```

    Attributes:
        units: The sum of the finite values, in units of 2^-1074.
        has_nan: Whether a value is NaN.
        has_plus_inf: Whether a value is the positive infinity.
        has_minus_inf: Whether a value is the negative infinity.
    """

    units: int = 0
    has_nan: bool = False
    has_plus_inf: bool = False
    has_minus_inf: bool = False

    @classmethod
    def of(cls, values: Iterable[float]) -> ExactSum:
        """Return the exact sum of `values`, each as a double."""
        units, has_nan, has_plus_inf, has_minus_inf = 0, False, False, False
        for value in map(float, values):
            if math.isfinite(value):
                numerator, denominator = value.as_integer_ratio()
                units += numerator << (1 - SMALLEST - denominator.bit_length())
            else:
                has_nan |= math.isnan(value)
                has_plus_inf |= value > 0.0
                has_minus_inf |= value < 0.0
        return cls(units, has_nan, has_plus_inf, has_minus_inf)

    def __add__(self, other: ExactSum) -> ExactSum:
        """Return the exact sum of the values of both."""
        return ExactSum(
            self.units + other.units,
            self.has_nan or other.has_nan,
            self.has_plus_inf or other.has_plus_inf,
            self.has_minus_inf or other.has_minus_inf,
        )

    @property
    def value(self) -> float:
        """The sum as a double."""
        if self.has_nan or (self.has_plus_inf and self.has_minus_inf):
            return math.nan
        if self.has_plus_inf or self.has_minus_inf:
            return math.inf if self.has_plus_inf else -math.inf
        try:
            return self.units / (1 << -SMALLEST)  # Python rounds a quotient of integers once
        except OverflowError:
            return math.inf if self.units > 0 else -math.inf

    def to_bytes(self) -> bytes:
        """Return the state as bytes: equal states, and only those, give equal bytes.

        The first byte has the flags: 1 for NaN, 2 for the positive and 4 for the negative infinity.
        The sum of the finite values, in units of 2^-1074, follows as a big-endian integer in two's
        complement, in as few bytes as possible; no bytes stand for zero.
        """
        flags = _NAN * self.has_nan | _PLUS * self.has_plus_inf | _MINUS * self.has_minus_inf
        return bytes([flags]) + self.units.to_bytes(_size(self.units), "big", signed=True)

    @classmethod
    def from_bytes(cls, data: bytes) -> ExactSum:
        """Return the state that `to_bytes` has written as `data`.

        Raises:
            ValueError: `to_bytes` does not write such bytes.
        """
        if not 1 <= len(data) <= _LONGEST:
            message = f"a stored sum has 1 to {_LONGEST} bytes, not {len(data):,}"
            raise ValueError(message)
        flags, units = data[0], int.from_bytes(data[1:], "big", signed=True)
        if flags > _NAN | _PLUS | _MINUS:
            message = f"a stored sum starts with flags from 0 to 7, not {flags}"
            raise ValueError(message)
        if len(data) > 1 + _size(units):
            message = f"a stored sum takes as few bytes as possible: here {1 + _size(units)}"
            raise ValueError(message)
        return cls(units, bool(flags & _NAN), bool(flags & _PLUS), bool(flags & _MINUS))


def _size(units: int) -> int:
    """Return how many bytes an integer needs in two's complement; none for zero."""
    return ((units if units >= 0 else ~units).bit_length() + 8) // 8 if units else 0
