"""Numbers as the format spells them."""

from __future__ import annotations

import math
from typing import Final

SPECIAL: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
"""The strings for the doubles that have no JSON literal."""


def spelled(value: float) -> float | str:
    """Return a double as plain data: itself, or the string for NaN and the infinities."""
    if value - value == 0.0:
        return value
    return "nan" if value != value else "inf" if value > 0.0 else "-inf"


def literal(value: float) -> str:
    """Return the shortest JSON text that reads back to the same double."""
    if value - value == 0.0:
        return repr(value)
    return f'"{spelled(value)}"'
