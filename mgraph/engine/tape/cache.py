"""A disk cache of compiled kernels, so that only the first run on a machine compiles."""

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
from mgraph.engine.tape import lowering, source, vector_math
from mgraph.engine.tape.jit import Kernels, compiled, target
from mgraph.engine.tape.libraries import LIBM, library
from mgraph.errors import GraphError
from mgraph.ops import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER: Final = "MGRAPH_CACHE_DIR"
"""The environment variable that overrides the folder."""

SUFFIX: Final = ".kernels"


class _Entry(NamedTuple):
    """A cache entry: machine code, and the types of its kernels' arguments."""

    code: bytes
    signatures: Mapping[str, Sequence[str]]


@cache
def kernels(part: str, math: str = LIBM) -> Kernels:
    """Return compiled kernels, from the cache if they are there and intact.

    Args:
        part: One of `source.PARTS`.
        math: The name of a library, as `libraries.library` takes it.

    Raises:
        MissingExtraError: The library is not on this machine.
    """
    entry = _read(part, math)
    if entry is None:
        entry = _compile(part, math)
        _write(part, math, entry)
    return Kernels(entry.code, entry.signatures, library(math))


def is_ready(part: str, math: str = LIBM) -> bool:
    """Whether the cache has these kernels, so that nothing has to be compiled."""
    return _read(part, math) is not None


def _compile(part: str, math: str) -> _Entry:
    text = source.text(part, vector=math != LIBM)
    module = lowering.Lowering(text, library(math))
    return _Entry(compiled(module.assembly()), module.signatures())


# --- files ---


def _path(folder: Path, part: str, math: str) -> Path:
    """Return the path of an entry, named after everything that its machine code depends on."""
    texts = (
        Path(module.__file__ or "").read_bytes()
        for module in (table, vector_math, source, lowering)
    )
    parts = [part, repr(library(math)), target(), llvmlite.__version__]
    digest = hashlib.sha256("\n".join(parts).encode())
    for text in texts:
        digest.update(text)
    return folder / f"{part}-{digest.hexdigest()[:16]}{SUFFIX}"


def _read(part: str, math: str) -> _Entry | None:
    """Read an entry; None if it does not exist or was changed since it was written."""
    folder = _private_folder()
    if folder is None:
        return None
    try:
        head, code = _path(folder, part, math).read_bytes().split(b"\n", 1)
        header = json.loads(head)
        if header["sha256"] == hashlib.sha256(code).hexdigest():
            return _Entry(code, header["signatures"])
    except (OSError, ValueError, LookupError, TypeError):
        pass
    return None


def _write(part: str, math: str, entry: _Entry) -> None:
    """Write an entry, if the folder allows it."""
    folder = _private_folder(make=True)
    if folder is None:
        return
    header = {"sha256": hashlib.sha256(entry.code).hexdigest(), "signatures": entry.signatures}
    head = json.dumps(header).encode() + b"\n"
    with contextlib.suppress(OSError, GraphError):
        write_file(_path(folder, part, math), [head, entry.code])


def _folder() -> Path:
    """Return the cache folder of this user."""
    if override := os.environ.get(FOLDER):
        return Path(override)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mgraph"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", tempfile.gettempdir())) / "mgraph" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mgraph"


def _private_folder(*, make: bool = False) -> Path | None:
    """Return the folder; None if it does not exist, or if other users could put code into it."""
    try:
        folder = _folder()
        if make:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        return None
    mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and os.name == "posix"
    return folder if mine and not shared and stat.S_ISDIR(status.st_mode) else None
