"""A lock for the writers of a folder, which the operating system frees when a process ends."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from mgraph.codec.files import io_error
from mgraph.errors import GraphError, printable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]
    import msvcrt

if TYPE_CHECKING:
    from collections.abc import Iterator

_FLAGS: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_FAR: Final = 2**30
"""The byte that is locked on Windows, where nobody else can read what is locked."""


@contextmanager
def sole_writer(lock: str, folder: str) -> Iterator[None]:
    """Let nobody else write to a folder until the block ends.

    The lock is advisory: whoever else writes to the folder asks for it, too. On a file system
    without locks, there is none.

    Args:
        lock: The file that stands for the lock, in a folder that exists. It holds the number of the
            process, and is removed at the end; one that a killed process left behind locks nothing.
        folder: What messages call the folder.

    Raises:
        GraphError: `io` if another process or thread has the lock, or the file can't be written.
    """
    try:
        file = _opened(lock)
    except BlockingIOError as error:
        raise _taken(folder, str(error)) from None
    except OSError as error:
        raise io_error(folder, "write", error) from None
    try:
        yield
    finally:
        _remove(lock, file)


def _opened(lock: str) -> int:
    """Open and lock a file.

    Raises:
        BlockingIOError: Somebody else has locked it; the text is the number of the process, if the
            file says it.
        OSError: It can't be opened.
    """
    while True:
        file = os.open(lock, _FLAGS, 0o666)
        try:
            _lock(file)
            if _is_still(lock, file):
                os.ftruncate(file, 0)
                os.write(file, str(os.getpid()).encode())
                return file
        except BlockingIOError:
            owner = os.read(file, 20).decode(errors="replace")
            os.close(file)
            raise BlockingIOError(owner) from None
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # whoever had it has just removed it


def _lock(file: int) -> None:
    """Lock an open file, if its file system can do that.

    Raises:
        BlockingIOError: Somebody else has locked it.
    """
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:  # a file system without locks
            return
    else:
        os.lseek(file, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            raise BlockingIOError from None
        finally:
            os.lseek(file, 0, os.SEEK_SET)


def _is_still(lock: str, file: int) -> bool:
    """Whether a name still stands for an open file."""
    with suppress(FileNotFoundError):
        return os.path.samestat(os.stat(lock), os.fstat(file))
    return False


def _remove(lock: str, file: int) -> None:
    if fcntl is None:
        os.close(file)  # Windows can't remove an open file; if another process has it, neither
    with suppress(OSError):
        os.unlink(lock)
    if fcntl is not None:
        os.close(file)


def _taken(folder: str, owner: str) -> GraphError:
    """Build the error for a folder that another process writes to."""
    which = f" ({owner})" if owner.isdecimal() else ""
    message = f"another process{which} is writing to {printable(folder)}"
    fix = "wait until it ends, or name another folder"
    return GraphError.of("io", message, fix=fix, file=folder)
