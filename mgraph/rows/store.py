"""Where results are stored: on this machine or elsewhere, each file as a whole."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from threading import Event
from typing import IO, TYPE_CHECKING, Any, Final

from pyarrow import fs

from mgraph.codec import decode
from mgraph.codec.files import sync_folder, write_file
from mgraph.codec.writers import sole_writer
from mgraph.errors import GraphError
from mgraph.rows.files import MANIFEST, is_url, names_of, reading, writing
from mgraph.rows.records import BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from mgraph.rows.files import RowFormat

_PART: Final = re.compile(r"part-[0-9]{5,}\.[a-z]+")

_TRIES: Final = 10
"""How often to empty a folder: a process that was given up for lost may put a file there meanwhile,
but only two or three, because each stands in a folder that is then gone."""


@dataclass(frozen=True)
class Store:
    """A file or folder of results, on any file system.

    Attributes:
        shown: What messages call it.
        system: The file system.
        path: Its path in the file system.
    """

    shown: str
    system: fs.FileSystem
    path: str

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine's file system."""
        return isinstance(self.system, fs.LocalFileSystem)

    def is_there(self, path: str) -> bool:
        """Whether there is something of such a path."""
        with reading(self.shown):
            kind = self.system.get_file_info(path).type
        return bool(kind != fs.FileType.NotFound)

    def names(self, path: str) -> list[str]:
        """Return the names of what is in a folder; none if it does not exist."""
        with reading(self.shown):
            infos = self.system.get_file_info(fs.FileSelector(path, allow_not_found=True))
        return sorted(os.path.basename(name) for name in names_of(infos, self.shown))

    def read_json(self, path: str) -> Any:  # noqa: ANN401 - plain data
        """Return the content of a JSON file; None if it does not exist or is not JSON."""
        with suppress(OSError, GraphError), self.system.open_input_file(path) as file:
            return decode(file.read())
        return None

    def digest(self, path: str) -> str | None:
        """Return the SHA-256 of a file; None if it does not exist."""
        digest = hashlib.sha256()
        try:
            with self.system.open_input_file(path) as file:
                while data := file.read(BLOCK):
                    digest.update(data)
        except OSError:
            return None
        return digest.hexdigest()

    def make(self, *paths: str) -> None:
        """Make folders that don't exist yet.

        Raises:
            GraphError: `io` if that can't be done.
        """
        with writing(self.shown):
            for path in paths:
                self.system.create_dir(path)

    def put(self, path: str, chunks: Iterable[bytes]) -> None:
        """Write a file, completely or not at all.

        Raises:
            GraphError: `io` if that can't be done.
        """
        if self.is_local:
            write_file(self.shown if self._is_shown(path) else path, chunks)
            return
        with writing(self.shown), tempfile.TemporaryFile() as whole:
            whole.writelines(chunks)
            stopped = Event()  # Ctrl-C interrupts the main thread only
            with ThreadPoolExecutor(1) as thread:
                try:
                    thread.submit(self._upload, path, whole, stopped).result()
                finally:
                    stopped.set()

    def _upload(self, path: str, whole: IO[bytes], stopped: Event) -> None:
        """Store a temporary file under a path; no part of it is left there if that fails.

        Raises:
            InterruptedError: The event was set meanwhile.
        """
        stream = self.system.open_output_stream(path)
        try:
            whole.seek(0)
            while data := whole.read(BLOCK):
                stream.write(data)
                if stopped.is_set():
                    raise InterruptedError  # noqa: TRY301 - as a write that fails
        except BaseException:
            with suppress(OSError):  # Arrow can't give an upload up: what is closed is there
                stream.close()
                self.system.delete_file(path)
            raise
        stream.close()  # if this fails, what is there is whole, or was there before

    def _is_shown(self, path: str) -> bool:
        """Whether a path is the file that the user named."""
        return path == self.path and not is_url(self.shown)

    def remove(self, *paths: str) -> None:
        """Remove files, and folders with all that is in them, if they exist.

        Raises:
            GraphError: `io` if that can't be done.
        """
        with writing(self.shown):
            for path in paths:
                info = self.system.get_file_info(path)
                if info.type == fs.FileType.Directory:
                    self._remove_folder(path)
                elif info.type != fs.FileType.NotFound:
                    self.system.delete_file(path)

    def _remove_folder(self, path: str) -> None:
        for left in reversed(range(_TRIES)):
            try:
                self.system.delete_dir(path)
            except OSError:
                if not left:
                    raise
            else:
                return


@dataclass(frozen=True)
class PartFolder(Store):
    """A folder of parts, and what stands beside it.

    Attributes:
        format: How parts are stored.
    """

    format: RowFormat

    @property
    def manifest(self) -> str:
        """The path of the manifest, which is written when all parts are there."""
        return f"{self.path}{MANIFEST}"

    @property
    def unfinished(self) -> str:
        """The path of the folder that there is until then, with temporary files and records."""
        return f"{self.path}.unfinished"

    def locked(self) -> AbstractContextManager[None]:
        """Let no other job write to the folder in a block; elsewhere, there is no such lock.

        Raises:
            GraphError: `io` if another one does.
        """
        if not self.is_local:
            return nullcontext()
        self.make(os.path.dirname(self.path))
        return sole_writer(f"{self.path}.lock", self.shown)

    def check_writable(self) -> None:
        """Refuse a folder of this machine, before anything is changed, that nobody can write to.

        Raises:
            GraphError: `io`.
        """
        beside = os.path.dirname(self.path)
        with writing(self.shown):
            for path in (self.path, beside) if self.is_local else ():
                if os.path.isdir(path):
                    tempfile.TemporaryFile(dir=path).close()

    def put_part(
        self, name: str, unfinished: str, chunks: Iterable[bytes], record: Callable[[], bytes]
    ) -> None:
        """Write a part, completely or not at all, and its record.

        Two processes may do so at the same time, if one of them was given up for lost.

        Args:
            name: The name of the part.
            unfinished: The path of the folder of temporary files and records.
            chunks: The bytes of the part.
            record: Is called when all bytes are written.

        Raises:
            GraphError: `io` if that can't be done.
        """
        temporary, path = f"{unfinished}/{name}.{os.urandom(8).hex()}", f"{self.path}/{name}"
        self.put(temporary if self.is_local else path, chunks)
        self.put(f"{unfinished}/{name}.json", [record()])
        if self.is_local:  # a record without its part is as good as none
            with writing(self.shown):
                os.replace(temporary, path)
            sync_folder(self.path)


def part_name(index: int, count: int, kind: RowFormat | str) -> str:
    """Return the name of one of `count` parts; in byte order, names are in the order of parts."""
    width = max(5, len(str(count - 1)))
    return f"part-{index:0{width}d}.{kind}"


def is_part(name: str) -> bool:
    """Whether a file has the name of a part."""
    return _PART.fullmatch(name) is not None
