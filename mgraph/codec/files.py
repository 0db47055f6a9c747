"""Whole files in, whole files out: bounded reading and atomic writing."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import zlib
from typing import TYPE_CHECKING, BinaryIO, Final

from mgraph.codec.limits import LIMITS, Limits, limit_error
from mgraph.codec.updates import Stamp, keep_metadata, permissions_to_keep, stamp_of
from mgraph.errors import GraphError, printable, quoted

try:
    import fcntl
except ImportError:  # Windows, where an open file can't be removed anyway
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SUFFIX: Final = ".mgraph-tmp"
_BLOCK: Final = 2**20
_READ: Final = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_CLOEXEC", "O_NONBLOCK", "O_NOCTTY", "O_BINARY")
)
_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISLNK, "a symbolic link"),
)


def kind_of(mode: int) -> str:
    """Return what something is that is not a regular file, for messages."""
    return next((name for test, name in _KINDS if test(mode)), "a device")


def io_error(path: str | os.PathLike[str], action: str, error: OSError) -> GraphError:
    """Turn an error of the operating system into a diagnostic."""
    why = error.strerror or type(error).__name__
    name = printable(str(path)) or quoted("")
    return GraphError.of("io", f"can't {action} {name}: {why}", file=str(path))


def read_file(path: str | os.PathLike[str], limits: Limits = LIMITS) -> bytes:
    """Read a regular file, once and consistently.

    Raises:
        GraphError: `io` if it is missing, unreadable, not a regular file, or changes while it is
            read; `size` if it is over the limit, before it is read.
    """
    check_path(path)
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            raise _not_regular(path, mode)
        with open(os.open(path, _READ), "rb", buffering=0) as file:
            return _read_regular(path, file, limits)
    except OSError as error:
        raise io_error(path, "read", error) from None


def check_path(path: str | os.PathLike[str]) -> None:
    """Refuse what no file can be called, which Python raises a `ValueError` for.

    Raises:
        GraphError: `io`.
    """
    if "\0" in str(path):
        raise GraphError.of("io", "a file name can't hold a NUL character")


def _not_regular(path: str | os.PathLike[str], mode: int) -> GraphError:
    fix = "name a file in it" if stat.S_ISDIR(mode) else "write - to read standard input"
    message = f"{printable(str(path))} is {kind_of(mode)}"
    return GraphError.of("io", message, expected="a regular file", fix=fix, file=str(path))


def _read_regular(path: str | os.PathLike[str], file: BinaryIO, limits: Limits) -> bytes:
    before = os.fstat(file.fileno())
    if not stat.S_ISREG(before.st_mode):  # replaced in the meantime
        raise _not_regular(path, before.st_mode)
    _check_size(before.st_size, limits, str(path))
    data = b"".join(_blocks(file, before.st_size + 1, before.st_size + 1))
    after = os.fstat(file.fileno())
    if len(data) != before.st_size or after.st_mtime_ns != before.st_mtime_ns:
        fix = "try again when nothing writes to it"
        raise GraphError.of("io", "the file changed while it was read", fix=fix, file=str(path))
    return data


def _blocks(file: BinaryIO, most: int, at_once: int) -> Iterator[bytes]:
    """Yield the content, up to `most` bytes; each read takes memory for `at_once` bytes."""
    while most > 0 and (block := file.read(min(most, at_once))):
        yield block
        most -= len(block)


def _check_size(size: int, limits: Limits, name: str) -> None:
    if size > limits.size:
        raise limit_error("size", f"the file has {size:,} bytes", limits.size, file=name)


def read_stream(file: BinaryIO, limits: Limits = LIMITS) -> bytes:
    """Read a stream to its end.

    Raises:
        GraphError: `size` if there is more than the limit; `io` if reading fails.
    """
    try:
        data = b"".join(_blocks(file, limits.size + 1, _BLOCK))
    except OSError as error:
        raise io_error("-", "read", error) from None
    if len(data) > limits.size:
        message = f"standard input has more than {limits.size:,} bytes"
        raise limit_error("size", message, limits.size, file="-")
    return data


def write_file(
    path: str | os.PathLike[str], chunks: Iterable[bytes], since: Stamp | None = None
) -> tuple[str, ...]:
    """Write a file atomically: whatever happens, there is the whole old file or the whole new one.

    The bytes are written to a temporary file in the same folder, which is flushed to disk and
    then renamed. Where the system has files without a name, even a process that is killed while
    writing leaves nothing behind. What a process killed between two steps leaves behind is removed
    by the next writer of the same file.

    A file that is replaced keeps its permissions, its owner and its extended attributes. A file
    with several names (hard links) is not replaced: the other names would keep the old content.

    Args:
        path: The file.
        chunks: Its content.
        since: The stamp of the file when it was read, if the content was made from that.

    Returns:
        What the file could not keep: `"owner"`, `"group"` or `"attribute NAME"`.

    Raises:
        GraphError: `io` if it can't be written, or has changed since; the old file is untouched.
    """
    check_path(path)
    target = _without_slash(path)
    try:
        old = _status_to_keep(target)
        _remove_leftovers(target)
        return _write_then_rename(target, chunks, old, since)
    except OSError as error:
        raise io_error(path, "write", error) from None


def check_writable(path: str | os.PathLike[str]) -> None:
    """Refuse a file that `write_file` could not write; nothing is written.

    Raises:
        GraphError: `io`.
    """
    check_path(path)
    target = _without_slash(path)
    try:
        _status_to_keep(target)
        os.stat(_folder(target))
        if not os.access(_folder(target), os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise io_error(path, "write", error) from None


def _without_slash(path: str | os.PathLike[str]) -> str:
    """Return a name without slashes at its end, which `pathlib` ignores, too."""
    return os.fspath(path).rstrip(f"{os.sep}{os.altsep or ''}") or os.curdir


def _folder(target: str) -> str:
    return os.path.dirname(target) or os.curdir


def _status_to_keep(target: str) -> os.stat_result | None:
    """Return the status of the file to be replaced; refuse what can't be replaced as a whole."""
    try:
        status = os.lstat(target)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        fix = "name a regular file, or - for standard output"
        message = f"can't write {printable(target)}: it is {kind_of(status.st_mode)}"
        raise GraphError.of("io", message, expected="a regular file", fix=fix, file=target)
    if not os.access(target, os.W_OK):  # renaming another file over it would still work
        message = f"can't write {printable(target)}: it is write-protected"
        raise GraphError.of("io", message, file=target)
    if status.st_nlink > 1:
        names = f"{status.st_nlink} names (hard links)"
        message = f"can't write {printable(target)}: it has {names}, which would be separated"
        fix = "write to another file; or replace this name by a copy first"
        raise GraphError.of("io", message, fix=fix, file=target)
    return status


def _write_then_rename(
    target: str, chunks: Iterable[bytes], old: os.stat_result | None, since: Stamp | None
) -> tuple[str, ...]:
    lost: tuple[str, ...] = ()
    name = f"{_temporary_start(target)}{os.urandom(4).hex()}{_SUFFIX}"
    temporary = os.path.join(_folder(target), name)
    try:
        with open(open_new(temporary), "wb", buffering=_BLOCK) as file:
            file.writelines(chunks)
            file.flush()
            if old is not None:
                lost = keep_metadata(file.fileno(), target, old)
                mode = permissions_to_keep(old, lost)
                os.chmod(file.fileno() if os.chmod in os.supports_fd else temporary, mode)
            os.fsync(file.fileno())
            if os.fstat(file.fileno()).st_nlink == 0:
                give_name(file.fileno(), temporary)
            if fcntl is None:
                file.close()  # Windows can't rename an open file
            _check_unchanged(target, since)
            os.replace(temporary, target)  # still locked, so that nobody removes it
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    sync_folder(_folder(target))
    return lost


def _check_unchanged(target: str, since: Stamp | None) -> None:
    if since is not None and stamp_of(target) != since:
        message = f"can't write {printable(target)}: it has changed since it was read"
        raise GraphError.of("io", message, fix="run the command again", file=target)


def open_new(temporary: str) -> int:
    """Open and lock a file without a name or, if that isn't possible, a temporary one.

    A file without a name has no links; `give_name` gives it one.
    """
    flags = os.O_WRONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    if hasattr(os, "O_TMPFILE") and os.access("/proc/self/fd", os.X_OK):
        with contextlib.suppress(OSError):  # not every file system has them
            return _locked(os.open(_folder(temporary), flags | os.O_TMPFILE, 0o666))
    while True:
        file = _locked(os.open(temporary, flags | os.O_CREAT | os.O_EXCL, 0o666))
        if os.fstat(file).st_nlink:
            return file
        os.close(file)  # another writer removed it before it was locked


def give_name(file: int, name: str) -> None:
    """Give a file without a name one, which nothing may have yet (Linux)."""
    # Any src_dir_fd makes Python call linkat(2), the one that follows the link in /proc.
    os.link(f"/proc/self/fd/{file}", name, src_dir_fd=file, follow_symlinks=True)


def sync_folder(folder: str) -> None:
    """Flush a new name to disk; the file is already in its folder, so an error is ignored."""
    if hasattr(os, "O_DIRECTORY"):
        with contextlib.suppress(OSError):
            opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(opened)
            finally:
                os.close(opened)


def _temporary_start(target: str) -> str:
    """Return how a target's temporary files are named: short, even if its own name is long."""
    return f".mgraph-{zlib.crc32(os.fsencode(os.path.basename(target))):08x}-"


def _locked(file: int) -> int:
    """Lock the temporary file, so that other writers don't remove it as a leftover."""
    if fcntl is not None:
        with contextlib.suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _remove_leftovers(target: str) -> None:
    """Remove what writers of this file left behind when they were killed."""
    start = _temporary_start(target)
    entries: list[str] = []
    with contextlib.suppress(PermissionError):  # a folder that can be written to, but not listed
        entries = os.listdir(_folder(target))
    for entry in entries:
        if entry.startswith(start) and entry.endswith(_SUFFIX):
            with contextlib.suppress(OSError):
                remove_unless_locked(os.path.join(_folder(target), entry))


def remove_unless_locked(entry: str) -> None:
    """Remove a temporary file, unless its writer is still at work.

    Raises:
        OSError: It is at work (`BlockingIOError`), or the file can't be removed.
    """
    if fcntl is None:
        os.unlink(entry)
        return
    file = os.open(entry, _READ | os.O_NOFOLLOW)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISREG(os.fstat(file).st_mode):
            os.unlink(entry)
    finally:
        os.close(file)
