"""Numbers of a file as doubles."""

from __future__ import annotations

from array import array
from math import isfinite
from typing import TYPE_CHECKING, Any

from mgraph.codec import SPECIAL
from mgraph.graph.passes import passes_for

if TYPE_CHECKING:
    from collections.abc import Collection


def doubles(values: Collection[Any], *, bare: bool) -> array[float] | None:
    """Convert the numbers of a file to doubles; None if one of them is not a number.

    Args:
        values: Floats, integers, and the strings for NaN and the infinities.
        bare: Whether floats may be NaN or infinite themselves; in JSON such a float comes from
            a literal that overflowed, or a bare NaN, and is refused.
    """
    kinds = set(map(type, values))
    try:
        if kinds <= {float}:
            return array("d", values) if bare or all(map(isfinite, values)) else None
        if kinds <= {float, int, str}:
            return array("d", map(_bare if bare else _double, values))
    except (KeyError, ValueError, OverflowError):
        pass
    return None


def _double(value: float | str) -> float:
    if isinstance(value, str):
        return SPECIAL[value]
    if not isfinite(value):
        raise ValueError
    return float(value)


def _bare(value: float | str) -> float:
    return SPECIAL[value] if isinstance(value, str) else float(value)


def is_rounded(value: object) -> bool:
    """Whether a number of a file is an integer that a double can't hold."""
    return type(value) is int and float(value) != value


def canonical(values: array[float]) -> array[float]:
    """Return the values with every NaN replaced by the one NaN, 7ff8000000000000."""
    return passes_for(len(values)).canonical(values)
