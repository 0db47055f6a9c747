"""How much memory this process can still use."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

_UNKNOWN: Final = 2**31
"""Bytes to count on where the system tells nothing."""

_UNIT: Final = 1024
"""Bytes of a `kB` in /proc."""


def available_memory() -> int:
    """Return how many bytes this process can allocate without harm to itself and others, about.

    That is the least of what the machine has available, and of what is left of the limits of the
    control group (as in a container) and of the process (`ulimit -v`).
    """
    known = [size for size in (_of_machine(), _of_group(), _of_process()) if size is not None]
    return max(0, min(known, default=_UNKNOWN))


def _of_machine() -> int | None:
    """Return what is available on this machine; all of its memory, if it says no more."""
    match = re.search(r"^MemAvailable: +([0-9]+) kB", _read("/proc/meminfo"), re.MULTILINE)
    if match:
        return int(match[1]) * _UNIT
    with suppress(AttributeError, ValueError, OSError):  # Windows has no sysconf
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _of_group(root: str = "/sys/fs/cgroup") -> int | None:
    """Return what is left of the limit of the control group, version 2; None without a limit."""
    own = re.search(r"^0::(.*)$", _read("/proc/self/cgroup"), re.MULTILINE)
    folder = f"{root}/{own[1].strip('/')}" if own else root
    limit, used = _read(f"{folder}/memory.max"), _read(f"{folder}/memory.current")
    if not (limit.strip().isdigit() and used.strip().isdigit()):
        return None
    counts = dict(re.findall(r"^(\w+) ([0-9]+)$", _read(f"{folder}/memory.stat"), re.MULTILINE))
    cached = int(counts.get("file", 0)) - int(counts.get("shmem", 0))  # given back when needed
    return int(limit) - int(used) + cached


def _of_process() -> int | None:
    """Return what is left of the limit of this process's addresses; None without a limit."""
    try:
        import resource  # noqa: PLC0415 - not on Windows

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    except (ImportError, ValueError, OSError):
        return None
    pages = _read("/proc/self/statm").split()
    if limit == resource.RLIM_INFINITY or not pages:
        return None
    return limit - int(pages[0]) * resource.getpagesize()


def _read(path: str) -> str:
    """Return the text of a file of the system; empty if there is none."""
    with suppress(OSError):
        return Path(path).read_text(encoding="utf-8")
    return ""
