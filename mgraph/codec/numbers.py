"""Numbers as the format spells them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SPECIAL: Final = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
"""The strings for the doubles that have no JSON literal."""

_MANY: Final = 200_000
"""Numbers from which importing an encoder takes less time than it saves."""

_CHUNK: Final = 4096


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


def literals(values: Sequence[float]) -> Iterator[str]:
    """Yield the `literal` of each double."""
    if len(values) < _MANY or not all(map(math.isfinite, values)):
        yield from map(literal, values)
        return
    from pydantic_core import to_json  # noqa: PLC0415 - slow to import

    for at in range(0, len(values), _CHUNK):
        chunk = [*values[at : at + _CHUNK]]
        texts = to_json(chunk)[1:-1].decode().split(",")
        for i, text in enumerate(texts):
            if "e" in text or "0.0000" in text:  # Python writes exponents in another form
                texts[i] = repr(chunk[i])
        yield from texts
