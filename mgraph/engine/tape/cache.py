"""Compiled kernels, kept on disk so that only the first run on a machine compiles."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import llvmlite

from mgraph.codec import write_file
from mgraph.engine.tape import elementary, lower, source
from mgraph.engine.tape.libraries import LIBM, library
from mgraph.engine.tape.machine import Kernels, compiled, target
from mgraph.errors import GraphError
from mgraph.ops import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER: Final = "MGRAPH_CACHE_DIR"
"""The environment variable that names another folder."""

SUFFIX: Final = ".kernels"


class _Code(NamedTuple):
    """Machine code, and the types of its kernels' arguments."""

    code: bytes
    signatures: Mapping[str, Sequence[str]]


@cache
def kernels(part: str, math: str = LIBM) -> Kernels:
    """Return compiled kernels: from disk if they are there and whole, else compiled now.

    Args:
        part: One of `source.PARTS`.
        math: The name of a library, as `libraries.library` takes it.

    Raises:
        MissingExtraError: The library is not on this machine.
    """
    found = _kept(part, math)
    if found is None:
        found = _made(part, math)
        _keep(part, math, found)
    return Kernels(found.code, found.signatures, library(math))


def is_ready(part: str, math: str = LIBM) -> bool:
    """Whether compiled kernels are on disk, so that nothing has to be compiled."""
    return _kept(part, math) is not None


def _made(part: str, math: str) -> _Code:
    text = source.text(part, vector=math != LIBM)
    lowering = lower.Lowering(text, library(math))
    return _Code(compiled(lowering.module()), lowering.signatures())


# --- files ---


def _path(folder: Path, part: str, math: str) -> Path:
    """Name a file after everything that its machine code depends on."""
    texts = (
        Path(module.__file__ or "").read_bytes() for module in (table, elementary, source, lower)
    )
    parts = [part, repr(library(math)), target(), llvmlite.__version__]
    digest = hashlib.sha256("\n".join(parts).encode())
    for text in texts:
        digest.update(text)
    return folder / f"{part}-{digest.hexdigest()[:16]}{SUFFIX}"


def _kept(part: str, math: str) -> _Code | None:
    """Return what lies on disk; None if there is nothing, or not as it was written."""
    folder = _private()
    if folder is None:
        return None
    try:
        head, code = _path(folder, part, math).read_bytes().split(b"\n", 1)
        about = json.loads(head)
        if about["sha256"] == hashlib.sha256(code).hexdigest():
            return _Code(code, about["signatures"])
    except (OSError, ValueError, LookupError, TypeError):
        pass
    return None


def _keep(part: str, math: str, made: _Code) -> None:
    """Put compiled kernels on disk, if they can be kept there."""
    folder = _private(make=True)
    if folder is None:
        return
    about = {"sha256": hashlib.sha256(made.code).hexdigest(), "signatures": made.signatures}
    head = json.dumps(about).encode() + b"\n"
    with contextlib.suppress(OSError, GraphError):
        write_file(_path(folder, part, math), [head, made.code])


def _folder() -> Path:
    """Return where this user's caches lie."""
    if given := os.environ.get(FOLDER):
        return Path(given)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mgraph"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", tempfile.gettempdir())) / "mgraph" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mgraph"


def _private(*, make: bool = False) -> Path | None:
    """Return the folder; None if it is not there, or if others could put code into it."""
    try:
        folder = _folder()
        if make:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except (OSError, RuntimeError):  # RuntimeError: nobody knows where home is
        return None
    mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and os.name == "posix"
    return folder if mine and not shared and stat.S_ISDIR(status.st_mode) else None
