"""The table of ops in exact math."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mgraph.ops.exact import exact_op
from mgraph.ops.table import TABLE as LIBM_TABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgraph.ops.table import Op

TABLE: Final = tuple(exact_op(op) for op in LIBM_TABLE)
"""The ops, in the order of the format reference."""

OPS: Final[Mapping[str, Op]] = MappingProxyType({op.name: op for op in TABLE})
"""The same by name."""
