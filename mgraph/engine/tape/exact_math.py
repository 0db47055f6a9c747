"""Fast paths."""

from __future__ import annotations

PRIMITIVES = ()
