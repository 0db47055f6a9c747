"""The compiled sweeps, kept on disk so that only the first run on a machine compiles."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import platform
import stat
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

try:
    import fcntl
except ImportError:  # Windows: two first runs compile twice, and the last one's files stay
    fcntl = None  # type: ignore[assignment]

import numba
import numpy as np

from mgraph.codec import write_file
from mgraph.errors import GraphError
from mgraph.tape import source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

FOLDER: Final = "MGRAPH_CACHE_DIR"
"""The environment variable that names another folder."""

_SUMS: Final = ".sums"


@cache
def kernels(part: str) -> Any:  # noqa: ANN401 - a made module
    """Return compiled sweeps: from disk if they are there and whole, else compiled now.

    Args:
        part: `source.SWEEPS` or `source.BATCH`: the first takes seconds to compile, the second
            more, and is not needed for single runs.
    """
    text = source.text(part)
    folder = _private()
    if folder is not None:
        with contextlib.suppress(OSError, GraphError), _alone_in(folder):
            return _from(folder, text)
    with tempfile.TemporaryDirectory(prefix="mgraph-") as passing:  # compile, and forget
        return _from(Path(passing), text)


def is_ready(part: str) -> bool:
    """Whether compiled sweeps are on disk, so that nothing has to be compiled."""
    folder = _private()
    return folder is not None and _is_whole(folder, source.text(part))


def _name(text: str) -> str:
    """Name the module after everything that its machine code depends on."""
    parts = (text, numba.__version__, np.__version__, sys.version, platform.machine(), _cpu())
    return "mgraph_kernels_" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _cpu() -> str:
    from llvmlite import binding  # noqa: PLC0415 - only here

    name: str = binding.get_host_cpu_name()
    return name


def _folder() -> Path:
    """Return where this user's caches lie."""
    if given := os.environ.get(FOLDER):
        return Path(given)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "mgraph"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", tempfile.gettempdir())) / "mgraph" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mgraph"


def _private() -> Path | None:
    """Return the folder, made if need be; None if others could put code into it, or we can't."""
    try:
        folder = _folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except (OSError, RuntimeError):  # RuntimeError: nobody knows where home is
        return None
    mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and os.name == "posix"
    return folder if mine and not shared and os.access(folder, os.W_OK) else None


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Let one process compile, and the others wait for what it makes."""
    with (folder / "lock").open("ab") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _from(folder: Path, text: str) -> ModuleType:
    """Import the sweeps from a folder, putting there what is missing or damaged."""
    name = _name(text)
    path = folder / f"{name}.py"
    ready = _is_whole(folder, text)
    if not ready:
        _drop(folder, name)
        write_file(path, [text.encode()])
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        message = f"can't import {path}"
        raise OSError(message)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Numba looks its functions up there
    spec.loader.exec_module(module)
    _use_once(module)
    if not ready:
        sums = "".join(f"{_sum(each)} {each.name}\n" for each in _compiled(folder, name))
        write_file(folder / f"{name}{_SUMS}", [sums.encode()])
    return module


def _use_once(module: Any) -> None:  # noqa: ANN401 - a made module
    """Load or compile every sweep, for the types that are used: opcodes are read-only bytes."""
    code, first = np.frombuffer(b"\0", np.uint8), np.zeros(2, np.uint32)
    args, marks, numbers = np.zeros(0, np.uint32), np.zeros(1, np.uint8), np.zeros(1)
    if hasattr(module, "forward"):
        module.reach(first, args, marks)
        module.forward(code, first, args, numbers)
        module.backward(code, first, args, marks, numbers, numbers)
    else:
        nodes, seeds, table = np.zeros(0, np.int64), np.zeros(0), np.zeros((0, 0))
        module.batch(
            code, first, args, marks, numbers, nodes, table, 0, 0, 1,
            nodes, seeds, nodes, table, nodes, table, False,  # noqa: FBT003
        )  # fmt: skip


def _compiled(folder: Path, name: str) -> list[Path]:
    """Return the files with machine code that belong to a module."""
    return sorted((folder / "__pycache__").glob(f"{name}.*.nb[ci]"))


def _sum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is_whole(folder: Path, text: str) -> bool:
    """Whether text and machine code are there, as they were written: Numba itself trusts them."""
    name = _name(text)
    try:
        if (folder / f"{name}.py").read_bytes() != text.encode():
            return False
        lines = (folder / f"{name}{_SUMS}").read_text().splitlines()
        found = [f"{_sum(each)} {each.name}" for each in _compiled(folder, name)]
    except (OSError, ValueError):
        return False
    return bool(lines) and found == lines


def _drop(folder: Path, name: str) -> None:
    for path in _compiled(folder, name):
        with contextlib.suppress(OSError):
            path.unlink()
