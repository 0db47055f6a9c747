"""Passes over whole columns, in plain Python or, for large graphs, in NumPy if installed."""

from __future__ import annotations

from functools import cache
from typing import Final

from mgraph.graph.passes.plain import PLAIN, Passes

MANY: Final = 100_000
"""Number of elements from which NumPy saves more time than its import takes."""


def passes_for(count: int) -> Passes:
    """Return the passes for columns of about `count` elements."""
    return PLAIN if count < MANY else _vectorised()


@cache
def _vectorised() -> Passes:
    try:
        from mgraph.graph.passes.vectorised import VECTORISED  # noqa: PLC0415 - an extra
    except ImportError:
        return PLAIN
    return VECTORISED
