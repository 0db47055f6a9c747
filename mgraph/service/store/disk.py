"""The files of a store: read, written by whoever comes first, replaced as a whole, locked."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from mgraph.codec.files import (
    check_path,
    give_name,
    kind_of,
    open_new,
    remove_unless_locked,
    sync_folder,
)
from mgraph.errors import printable
from mgraph.locks import ThreadLock
from mgraph.service.store.errors import DamagedError, UnavailableError

try:
    import fcntl
except ImportError:  # Windows, where only one process may write to a store
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TEMPORARY: Final = "temporary"
"""The folder of files that are being written."""

_FLAGS: Final = sum(
    getattr(os, name, 0)
    for name in ("O_BINARY", "O_CLOEXEC", "O_NOCTTY", "O_NOFOLLOW", "O_NONBLOCK")
)
_FULL: Final = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_MISSING: Final = (errno.ENOENT, errno.ENOTDIR)
_NOT_A_FILE: Final = (errno.EISDIR, errno.ELOOP, errno.EMLINK, errno.ENXIO)
_ATTEMPTS: Final = 100
_THREADS: Final = ThreadLock()


class Disk:
    """A folder, and the files in it by their paths relative to it.

    Each method raises `UnavailableError` if the operating system refuses, and `DamagedError` if
    there is something else than a regular file or a folder. A symbolic link in the place of a file
    is not followed, and nothing is written into a folder that is one. Errors name a file by its
    path in the folder, which clients of a server may see.

    Attributes:
        root: The folder.
        mark: A file that is there as long as the folder is; empty for none. Without it, a missing
            file says nothing: the folder was moved away, or its disk is not mounted.
    """

    def __init__(self, root: str) -> None:
        """Take a folder, which may be reached by a symbolic link."""
        check_path(root)
        self.root = os.path.realpath(root)
        self.mark = ""

    def path(self, name: str) -> str:
        """Return the full path of a file."""
        return f"{self.root}/{name}"

    # --- reading ---

    def read(self, name: str, most: int | None = None) -> bytes | None:
        """Return the content of a file of at most so many bytes; None if there is no such file."""
        with self.translated(name, "read"):
            try:
                with open(self.path(name), "rb", buffering=0, opener=_opened) as file:
                    status = os.fstat(file.fileno())
                    if not stat.S_ISREG(status.st_mode):
                        raise self._not_regular(name)
                    if most is not None and status.st_size > most:
                        raise self.damaged(name, f"it has {status.st_size:,} bytes")
                    return file.readall()
            except OSError as error:
                if error.errno in _MISSING:
                    self._check_mark()
                    return None
                if error.errno in _NOT_A_FILE:
                    raise self._not_regular(name) from None
                raise

    def status(self, name: str) -> os.stat_result | None:
        """Return the status of a file; None if there is no such file."""
        with self.translated(name, "read"):
            try:
                status = os.lstat(self.path(name))
            except OSError as error:
                if error.errno in _MISSING:
                    self._check_mark()
                    return None
                raise
        if not stat.S_ISREG(status.st_mode):
            raise self._not_regular(name)
        return status

    def names(self, folder: str, start: str = "", after: str = "") -> list[str]:
        """Return the names of what is in a folder, sorted; nothing if there is no such folder.

        Args:
            folder: The folder.
            start: What the names start with.
            after: The names are greater than this.
        """
        with self.translated(folder, "read"):
            try:
                listed = os.listdir(self.path(folder))
                return sorted(name for name in listed if name > after and name.startswith(start))
            except OSError as error:
                if error.errno in _MISSING:
                    self._check_mark()
                    return []
                raise

    def entries(self, folder: str) -> list[os.DirEntry[str]]:
        """Return what is in a folder, in no particular order; nothing if there is no such one."""
        with self.translated(folder, "read"):
            try:
                with os.scandir(self.path(folder)) as entries:
                    return [*entries]
            except OSError as error:
                if error.errno in _MISSING:
                    self._check_mark()
                    return []
                raise

    def _check_mark(self) -> None:
        if self.mark:
            os.stat(f"{self.root}/{self.mark}")

    def damaged(self, name: str, what: str) -> DamagedError:
        """Build the error for a file that is not as it was written."""
        message = f"the store is damaged at {printable(name)}: {what}"
        fix = "mgraph store verify lists all damage; restore these files from a backup"
        error = DamagedError.of("damaged", message, fix=fix, file=name)
        error.what = what
        return error

    @contextmanager
    def checking(self, name: str) -> Iterator[None]:
        """Turn each `ValueError` of a block into damage of a file, which the message describes."""
        try:
            yield
        except ValueError as error:
            raise self.damaged(name, str(error)) from None

    def _not_regular(self, name: str) -> DamagedError:
        what = "something else"
        with suppress(OSError):
            what = kind_of(os.lstat(self.path(name)).st_mode)
        return self.damaged(name, f"it is {what}, not a regular file")

    # --- writing ---

    def write_first(self, name: str, data: bytes) -> bool:
        """Write a file unless it exists; of several writers the first one wins.

        Returns:
            Whether the file is new. It is on disk in either case.
        """

        def link(file: int | None, temporary: str) -> bool:
            try:
                if file is None:
                    os.link(temporary, self.path(name))
                else:
                    give_name(file, self.path(name))
            except FileExistsError:
                return False
            return True

        is_new = self._write(name, data, link, is_lasting=True)
        sync_folder(os.path.dirname(self.path(name)))
        return is_new

    def replace(self, name: str, data: bytes, *, is_lasting: bool = True) -> None:
        """Write a file, or replace it as a whole.

        Args:
            name: The file.
            data: Its content.
            is_lasting: Whether it has to be on disk when this returns.
        """

        def rename(file: int | None, temporary: str) -> bool:
            if file is not None:
                give_name(file, temporary)
            os.replace(temporary, self.path(name))
            return True

        self._write(name, data, rename, is_lasting=is_lasting)
        if is_lasting:
            sync_folder(os.path.dirname(self.path(name)))

    def _write(
        self,
        name: str,
        data: bytes,
        publish: Callable[[int | None, str], bool],
        *,
        is_lasting: bool,
    ) -> bool:
        """Write a temporary file, and publish it under its real name.

        `publish` takes the open file if it has no name yet, else None, and its temporary path.
        """
        temporary = self.path(f"{TEMPORARY}/{os.urandom(8).hex()}")
        with self.translated(name, "write to"):
            self.make_folders(TEMPORARY)
            try:
                with open(open_new(temporary), "wb") as file:
                    file.write(data)
                    file.flush()
                    if is_lasting:
                        os.fsync(file.fileno())
                    has_name = os.fstat(file.fileno()).st_nlink > 0
                    if fcntl is None:
                        file.close()  # Windows can't rename an open file
                    opened = None if has_name else file.fileno()
                    return self._published(name, lambda: publish(opened, temporary))
            finally:
                with suppress(FileNotFoundError):
                    os.unlink(temporary)

    def _published(self, name: str, publish: Callable[[], bool]) -> bool:
        """Publish a file, and make its folder, which may be removed in between if it is empty."""
        for _ in range(_ATTEMPTS):
            self.make_folders(os.path.dirname(name))
            with suppress(FileNotFoundError):
                return publish()
        return publish()

    def move(self, old: str, new: str) -> None:
        """Give a file another name, which nothing has; a crash may leave both."""
        with self.translated(new, "write to"):
            self.make_folders(os.path.dirname(new))
            with suppress(FileExistsError):
                os.link(self.path(old), self.path(new))
            sync_folder(os.path.dirname(self.path(new)))
        self.remove(old)

    def touch(self, name: str) -> None:
        """Set the time of a file to now; it is on disk when this returns."""
        with self.translated(name, "write to"):
            os.utime(self.path(name))
        sync_folder(os.path.dirname(self.path(name)))

    def remove(self, name: str, *, is_lasting: bool = True) -> bool:
        """Remove a file, and return whether there was one.

        Args:
            name: The file.
            is_lasting: Whether that has to be on disk when this returns.
        """
        with self.translated(name, "write to"):
            try:
                os.unlink(self.path(name))
            except OSError as error:
                if error.errno in _MISSING:
                    return False
                raise
            if is_lasting:
                sync_folder(os.path.dirname(self.path(name)))
        return True

    def make_folders(self, folder: str) -> None:
        """Make a folder, and those above it, unless they are there; a link is not a folder."""
        if not folder:
            return
        at = self.root
        with self.translated(folder, "write to"):
            for part in folder.split("/"):
                above, at = at, f"{at}/{part}"
                try:
                    mode = os.lstat(at).st_mode
                except FileNotFoundError:
                    with suppress(FileExistsError):
                        os.mkdir(at)
                        sync_folder(above)
                    mode = os.lstat(at).st_mode
                if not stat.S_ISDIR(mode):
                    raise self.damaged(os.path.relpath(at, self.root), "it is not a folder")

    def remove_debris(self) -> int:
        """Remove what killed writers left behind, and return how many files that were."""
        count = 0
        for name in self.names(TEMPORARY):
            with suppress(OSError):  # its writer is still at work, or it is another's
                remove_unless_locked(self.path(f"{TEMPORARY}/{name}"))
                count += 1
        return count

    # --- locks ---

    @contextmanager
    def lock(self, name: str) -> Iterator[int]:
        """Let no other thread or process have a lock; yield the open file that stands for it.

        The operating system frees it when the process ends, however that happens.
        """
        with self.translated(name, "lock"):
            self.make_folders(os.path.dirname(name))
            file = os.open(self.path(name), os.O_RDWR | os.O_CREAT | _FLAGS, 0o666)
        try:
            with self.translated(name, "lock"):
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_EX)
            if fcntl is None:
                with _THREADS.lock:
                    yield file
            else:
                yield file
        finally:
            os.close(file)

    @contextmanager
    def translated(self, name: str, action: str) -> Iterator[None]:
        """Turn errors of the operating system into those of a store."""
        try:
            yield
        except OSError as error:
            is_full = error.errno in _FULL
            fix = "free some space, or move the store to a larger disk" if is_full else ""
            message = f"can't {action} the store: {error.strerror or type(error).__name__}"
            unavailable = UnavailableError.of("io", message, fix=fix, file=name)
            unavailable.is_full = is_full
            raise unavailable from None


def _opened(path: str, flags: int) -> int:
    return os.open(path, flags | _FLAGS)
