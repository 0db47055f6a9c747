"""Passes over whole columns: in plain Python, and over NumPy for large graphs, if it is there."""

from __future__ import annotations

from functools import cache
from typing import Final

from mgraph.graph.passes.plain import PLAIN, Passes

MANY: Final = 100_000
"""Elements from which NumPy, if it is installed, has earned the time that its import takes."""


def passes_for(count: int) -> Passes:
    """Return the passes for columns of about so many elements."""
    return PLAIN if count < MANY else _vectorised()


@cache
def _vectorised() -> Passes:
    try:
        from mgraph.graph.passes.vectorised import VECTORISED  # noqa: PLC0415 - an extra
    except ImportError:
        return PLAIN
    return VECTORISED
