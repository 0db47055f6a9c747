"""Updating a file: one process at a time, keeping owner and extended attributes."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

_READ = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


class Stamp(NamedTuple):
    """What tells one state of a file from another: whoever writes to it changes one of these."""

    device: int
    inode: int
    size: int
    modified: int


def stamp_of(path: str | os.PathLike[str]) -> Stamp | None:
    """Return the stamp of a file; None if there is none, or no file can have this name."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@contextlib.contextmanager
def updating(path: str | os.PathLike[str]) -> Iterator[Stamp | None]:
    """Let no other mgraph update a file until the block ends; wait while another one does.

    Others, such as editors, know nothing of this lock. So give the stamp, which is that of the file
    before it is read, to `write_file`: it refuses if the file has changed since.
    """
    file = _locked(path)
    try:
        yield stamp_of(path)
    finally:
        if file is not None:
            os.close(file)


def _locked(path: str | os.PathLike[str]) -> int | None:
    """Open and lock a file; None where that isn't possible."""
    while fcntl is not None:
        try:
            file = os.open(path, _READ)
        except (OSError, ValueError):
            return None  # reading it will say why
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(file), os.stat(path)):
                return file
        except OSError:  # a file system without locks, or the file is gone
            os.close(file)
            return None
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # the writer that was waited for has replaced it
    return None


def keep_metadata(
    file: int, replaced: str | os.PathLike[str], old: os.stat_result
) -> tuple[str, ...]:
    """Give a new file the owner and the extended attributes of the file that it will replace.

    Returns:
        What it could not be given: only root can give a file to another owner.
    """
    return (*_keep_owner(file, old), *_keep_attributes(file, replaced))


def _keep_owner(file: int, old: os.stat_result) -> Iterator[str]:
    new = os.fstat(file)
    for name, is_same, owner in (
        ("group", new.st_gid == old.st_gid, (-1, old.st_gid)),
        ("owner", new.st_uid == old.st_uid, (old.st_uid, -1)),
    ):
        if not is_same:
            try:
                os.chown(file, *owner)
            except OSError:
                yield name


def _keep_attributes(file: int, replaced: str | os.PathLike[str]) -> Iterator[str]:
    if not hasattr(os, "listxattr"):  # Python has it on Linux only
        return
    names: list[str] = []
    with contextlib.suppress(OSError):  # a file system without attributes
        names = os.listxattr(replaced)
    for name in names:
        try:
            os.setxattr(file, name, os.getxattr(replaced, name))
        except OSError:
            if not name.startswith("security."):  # the system labels files by rules of its own
                yield f"attribute {name}"


def permissions_to_keep(old: os.stat_result, lost: tuple[str, ...]) -> int:
    """Return the permissions for a new file: set-user-ID is for the old owner's file only."""
    mode = stat.S_IMODE(old.st_mode)
    return mode & 0o777 if "owner" in lost or "group" in lost else mode
