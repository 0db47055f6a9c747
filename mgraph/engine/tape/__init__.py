"""The fast engine: sweeps over flat arrays, compiled from the op table.

It contains no formula. It needs the extra `fast`: NumPy and llvmlite, which are imported only by
the modules of this package.
"""

from __future__ import annotations

from mgraph.errors import MissingExtraError
from mgraph.extras import install


def missing() -> str:
    """Return the first package that the tape engine lacks; empty if it has both."""
    from importlib.util import find_spec  # noqa: PLC0415 - only for large graphs

    return next((name for name in ("numpy", "llvmlite") if find_spec(name) is None), "")


def require() -> None:
    """Check that the packages of the tape engine are installed.

    Raises:
        MissingExtraError: One is not; the message says how to install it.
    """
    if name := missing():
        message = f"the tape engine needs {name}, which is not installed: {install('fast')}"
        raise MissingExtraError(message)
