"""The packages of other systems, which are imported where they are used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mgraph.errors import MissingExtraError
from mgraph.extras import install, pip_install


def require(package: str) -> Any:
    """Import a package of another system.

    Raises:
        MissingExtraError: It is not installed; the message says how to install it.
    """
    try:
        return import_module(package)
    except ImportError:
        how = pip_install(package) if package in {"torch", "jax"} else install("interop")
        message = f"importing needs the package {package}: {how}"
        raise MissingExtraError(message) from None
