"""The cache of runs that the service computed: files that may be lost, but never wrong."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from mgraph.service.store.ids import key_digits
from mgraph.service.store.layout import RUNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.service.store.disk import Disk

MOST_BYTES: Final = 2**28
"""About how many bytes of runs are kept; the oldest are forgotten first."""

_FOLDERS: Final = 16
_OFTEN: Final = 16  # how many times a folder is looked through while it is filled once
_DIGEST: Final = 64


class RunCache:
    """The runs of a store in files. Each begins with the SHA-256 of the rest."""

    def __init__(self, disk: Disk, most: int = MOST_BYTES) -> None:
        """Take the folder of a store, and about how many bytes to keep."""
        self.disk = disk
        self.share = most // _FOLDERS
        self._written: dict[str, int] = {}

    def get(self, key: str) -> bytes | None:
        """Return a run; None if it is not there, or damaged, as after the crash of a machine."""
        data = self.disk.read(_file(key)) or b""
        return data[_DIGEST:] if is_whole(data) else None

    def put(self, key: str, data: bytes) -> None:
        """Keep a run, unless it is too large."""
        file, folder = _file(key), _folder(key)
        if len(data) > self.share:
            return
        self.disk.replace(file, _digest(data) + data, is_lasting=False)
        written = self._written.get(folder, self.share) + len(data)
        self._written[folder] = written
        if written > self.share // _OFTEN:
            self._written[folder] = 0
            self._trim(folder)

    def _trim(self, folder: str) -> None:
        """Remove the oldest runs of a folder until it has no more than its share."""
        runs = sorted(
            (status.st_mtime_ns, status.st_size, name)
            for name in self.disk.names(folder)
            if (status := self.disk.status(f"{folder}/{name}"))
        )
        excess = sum(size for _, size, _ in runs) - self.share
        for _, size, name in runs:
            if excess <= 0:
                return
            self.disk.remove(f"{folder}/{name}", is_lasting=False)
            excess -= size

    def forget(self, before: float | None = None) -> int:
        """Remove runs that were cached before a time, in seconds since 1970; by default all.

        Returns:
            How many files that were; damaged ones are removed, too.
        """
        count = 0
        for file in self.files():
            status = self.disk.status(file)
            is_new = before is not None and status is not None and status.st_mtime >= before
            if not (is_new and is_whole(self.disk.read(file) or b"")):
                count += self.disk.remove(file, is_lasting=False)
        return count

    def files(self) -> Iterator[str]:
        """Yield the paths of what is in the folders of runs."""
        for folder in self.disk.names(RUNS):
            for name in self.disk.names(f"{RUNS}/{folder}"):
                yield f"{RUNS}/{folder}/{name}"


def is_whole(data: bytes) -> bool:
    """Whether the content of a file is that of a run, from its first to its last byte."""
    return data[:_DIGEST] == _digest(data[_DIGEST:])


def _digest(data: bytes) -> bytes:
    return sha256(data, usedforsecurity=False).hexdigest().encode()


def _folder(key: str) -> str:
    return f"{RUNS}/{key_digits(key)[0]}"


def _file(key: str) -> str:
    return f"{_folder(key)}/{key}"
