"""The other engine: sweeps over flat arrays, compiled from the table; no formula of its own.

An extra: it needs NumPy and llvmlite, which only its modules import.
"""

from __future__ import annotations

from mgraph.errors import MissingExtraError

INSTALL = "pip install 'mgraph-replay[fast]'"


def missing() -> str:
    """Return the first package that the tape engine lacks; empty if it has all."""
    from importlib.util import find_spec  # noqa: PLC0415 - only for large graphs

    return next((name for name in ("numpy", "llvmlite") if find_spec(name) is None), "")


def require() -> None:
    """Check that the tape engine can run.

    Raises:
        MissingExtraError: It lacks a package; the message says how to install it.
    """
    if name := missing():
        message = f"the tape engine needs {name}, which is not installed: {INSTALL}"
        raise MissingExtraError(message)
