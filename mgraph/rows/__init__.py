"""Tables through a graph: Arrow record batches in, the same rows with values and gradients out.

It needs the extra `rows`: pyarrow, and what the extra `fast` brings.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from mgraph.errors import MissingExtraError
from mgraph.extras import install

for _package in ("pyarrow", "numpy", "llvmlite"):
    if find_spec(_package) is None:
        _message = f"mgraph.rows needs {_package}, which is not installed: {install('rows')}"
        raise MissingExtraError(_message)

from mgraph.rows.cluster.address import ClusterAddress  # noqa: E402 - needs what is checked above
from mgraph.rows.mapper import RowMapper, mapper  # noqa: E402

if TYPE_CHECKING:
    from mgraph.rows.driver import ReplayResult, replay

__all__ = ["ClusterAddress", "ReplayResult", "RowMapper", "mapper", "replay"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any public name
    """Import `replay` when it is first used: mappers need no readers and writers of files."""
    if name not in ("ReplayResult", "replay"):
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from mgraph.rows import driver  # noqa: PLC0415

    return getattr(driver, name)
