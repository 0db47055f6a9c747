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
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import llvmlite

from mgraph.engine.tape import jit, libraries, lowering, source, sum_source, vector_math
from mgraph.engine.tape.jit import Kernels, compiled, linked, target
from mgraph.engine.tape.libraries import EXACT, LIBM, library
from mgraph.locks import ThreadLock
from mgraph.ops import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER: Final = "MGRAPH_CACHE_DIR"
"""The environment variable that overrides the folder."""

FUNCTIONS: Final = "functions"
"""The part of the cache that holds the correctly rounded functions."""

SUFFIX: Final = ".kernels"

_LARGEST: Final = 2**24
"""The most bytes that are read; a real entry has about 40,000."""

_READ: Final = os.O_RDONLY | sum(
    getattr(os, name, 0)
    for name in ("O_BINARY", "O_CLOEXEC", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK")
)
"""How an entry is opened: without waiting for the other end of a named pipe."""


class _Entry(NamedTuple):
    """A cache entry: machine code, and the types of its kernels' arguments."""

    code: bytes
    signatures: Mapping[str, Sequence[str]]


_LOCK: Final = ThreadLock()
"""For compiling: LLVM is not used by two threads at once, and nothing is compiled twice."""


def kernels(part: str, math: str = LIBM) -> Kernels:
    """Return compiled kernels, from the cache if they are there and intact.

    Args:
        part: One of `source.PARTS`.
        math: The name of a library, as `libraries.library` takes it.

    Raises:
        MissingExtraError: The library is not on this machine.
    """
    with _LOCK.lock:
        return _kernels(part, math)


@cache
def _kernels(part: str, math: str) -> Kernels:
    entry = _read(part, math)
    if entry is None:
        entry = _compile(part, math)
        _write(part, math, entry)
    return Kernels(entry.code, entry.signatures, library(math), symbols(math))


def symbols(math: str) -> dict[str, int]:
    """Return the addresses of the functions that kernels call besides those of a C library."""
    with _LOCK.lock:
        return _functions() if math == EXACT else {}


@cache
def _functions() -> dict[str, int]:
    """Return the addresses of the correctly rounded functions, from the cache or compiled."""
    from mgraph.engine.tape import functions  # noqa: PLC0415 - only for the library "exact"

    entry = _read(FUNCTIONS, EXACT)
    if entry is None:
        names = dict.fromkeys(functions.symbols(), ())
        entry = _Entry(compiled(functions.assembly()), names)
        _write(FUNCTIONS, EXACT, entry)
    code = linked(entry.code, functions.references(), entry.signatures)
    _LINKED.append(code)
    return {name: code[name] for name in entry.signatures}


_LINKED: Final[list[Any]] = []
"""Machine code that other machine code calls."""


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
    modules = (table, vector_math, source, sum_source, lowering, libraries, jit)
    files = [Path(module.__file__ or "") for module in modules]
    if math == EXACT:
        here = Path(__file__).parent
        constants = Path(table.__file__).parent / "exact" / "constants.py"
        files += [here / "functions.py", *sorted((here / "fast").glob("*.py")), constants]
    parts = [part, repr(library(math)), target(), llvmlite.__version__, str(libraries.lanes())]
    digest = hashlib.sha256("\n".join(parts).encode())
    for file in files:
        digest.update(file.read_bytes())
    return folder / f"{part}-{digest.hexdigest()[:16]}{SUFFIX}"


def _read(part: str, math: str) -> _Entry | None:
    """Read an entry; None if it does not exist, or is not as this user's mgraph wrote it."""
    folder = _private_folder()
    if folder is None:
        return None
    path = _path(folder, part, math)
    try:
        digest, content = _own_bytes(path).split(b"\n", 1)
        if digest == _digest(path, content):
            head, code = content.split(b"\n", 1)
            return _Entry(code, json.loads(head))
    except (OSError, ValueError):
        pass
    return None


def _own_bytes(path: Path) -> bytes:
    """Read a file that only this user can write to.

    Raises:
        OSError: It does not exist, is not such a file, or is too large.
    """
    with open(os.open(path, _READ), "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        if not (stat.S_ISREG(status.st_mode) and _is_mine(status) and status.st_size <= _LARGEST):
            raise OSError
        return file.read(status.st_size)


def _digest(path: Path, content: bytes) -> bytes:
    """Hash an entry and its name, so that one entry does not pass for another."""
    return hashlib.sha256(path.name.encode() + b"\n" + content).hexdigest().encode()


def _write(part: str, math: str, entry: _Entry) -> None:
    """Write an entry, if the folder allows it, so that only this user can read or write it.

    It replaces whatever has its name, also a named pipe or somebody else's file.
    """
    folder = _private_folder(make=True)
    if folder is None:
        return
    path = _path(folder, part, math)
    content = json.dumps(entry.signatures).encode() + b"\n" + entry.code
    with contextlib.suppress(OSError):
        opened, temporary = tempfile.mkstemp(dir=folder, suffix=".tmp")  # mode 0600
        try:
            with open(opened, "wb") as file:
                file.write(_digest(path, content) + b"\n" + content)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise


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
    return folder if stat.S_ISDIR(status.st_mode) and _is_mine(status) else None


def _is_mine(status: os.stat_result) -> bool:
    """Whether a file or folder belongs to this user, and no other user may write to it."""
    mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return mine and not (os.name == "posix" and status.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
