"""A store in plain files, which several processes may use at once."""

from __future__ import annotations

import zlib
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from math import inf
from time import time_ns
from typing import TYPE_CHECKING, Final

from mgraph.service.store.errors import ConflictError, DamagedError, NotFoundError, RemovedError
from mgraph.service.store.ids import (
    DOCUMENT,
    check_name,
    digits_of,
    graph_digits,
    id_of,
    is_digits,
    is_name,
    start_digits,
)
from mgraph.service.store.layout import (
    DOCUMENTS,
    ENDINGS,
    GRAPHS,
    LOCK_COUNT,
    NAMES,
    Lock,
    document_file,
    ending_of,
    index_file,
    lock_file,
    name_file,
    opened,
    tombstone_file,
)
from mgraph.service.store.ledgers import Ledgers
from mgraph.service.store.memory import by_parts, check_revision, next_entry
from mgraph.service.store.protocol import PAGE, NameEntry, Stored
from mgraph.service.store.records import (
    LONGEST,
    name_from,
    name_record,
    reason_from,
    tombstone_record,
)
from mgraph.service.store.runs import RunCache
from mgraph.service.store.token_files import TokenFiles
from mgraph.service.store.tokens import utc

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from mgraph.service.store.tokens import AccessToken, Usage

_REMEMBERED: Final = 10_000
"""How many names are remembered."""

_SETTLED: Final = 10**9
"""A name is remembered if its file is older than this, in nanoseconds: of two files that replace
each other within one tick of the file system's clock, the status may be the same."""


class FileStore:
    """A `GraphStore` in a folder."""

    is_remote: Final = False

    def __init__(self, root: str, *, create: bool = False) -> None:
        """Open a store.

        Args:
            root: Its folder.
            create: Whether to make a store there, if the folder is missing or empty.

        Raises:
            UnavailableError: It is not a store, is of a newer version, or can't be read.
        """
        self.disk = opened(root, create=create)
        self.ledgers = Ledgers(self.disk)
        self.runs, self.token_files = RunCache(self.disk), TokenFiles(self.disk)
        self._known: dict[str, tuple[object, NameEntry]] = {}

    def __repr__(self) -> str:
        """Name the folder."""
        return f"FileStore({self.disk.root!r})"

    def close(self) -> None:
        """Do nothing: files are open only while they are read or written."""

    # --- documents ---

    def put(
        self, data: bytes, graph: str, *, token: AccessToken | None = None, is_listed: bool = True
    ) -> Stored:
        """Store a document, unless it is there already."""
        graph_hash, document = graph_digits(graph), id_of(data)
        digits = digits_of(document)
        with self.lock(Lock.DOCUMENTS, document):
            self._check_removed(document)
            old = self._file_of(digits)
            new = document_file(digits, ending_of(data), is_listed=is_listed)
            index = index_file(graph_hash, digits) if is_listed else ""
            if old is None:
                with self.ledgers.charging(token, document, len(data)):
                    self._index(index)  # first: no listed document is ever missing there
                    self.disk.write_first(new, data)
            else:
                self._index(index)
                self._keep(old, new if is_listed else old)
        return Stored(document, old is None)

    def _index(self, file: str) -> None:
        if file and self.disk.status(file) is None:
            self.disk.write_first(file, b"")

    def _unindex(self, digits: str) -> None:
        """Remove the index of a document, whose lock is held."""
        for shard in self.disk.names(GRAPHS):
            for name in self.disk.names(f"{GRAPHS}/{shard}"):
                if name.endswith(f"-{digits}"):
                    self.disk.remove(f"{GRAPHS}/{shard}/{name}")

    def _keep(self, old: str, new: str) -> None:
        """Note that a document is still wanted, and where it belongs now."""
        self.disk.touch(old)
        if not old.startswith(DOCUMENTS) and new != old:
            self.disk.move(old, new)

    def get(self, document: str) -> bytes:
        """Return the bytes of a document, after comparing them with its id."""
        file = self._file(document)
        data = self.disk.read(file)
        if data is None:  # removed, or listed, in this moment
            data = self.disk.read(file := self._file(document))
        if id_of(data or b"") != document:
            raise self.disk.damaged(file, "its bytes are not those that were stored")
        return data or b""

    def size(self, document: str) -> int:
        """Return the size of a document in bytes."""
        status = self.disk.status(self._file(document))
        return status.st_size if status else 0

    def _file(self, document: str) -> str:
        """Return the path of a document that is there and was not taken down."""
        digits = digits_of(document)
        self._check_removed(document)
        file = self._file_of(digits)
        if file is None:
            raise NotFoundError.of_kind("document", document)
        return file

    def _file_of(self, digits: str) -> str | None:
        for is_listed in (True, False):
            for ending in ENDINGS:
                file = document_file(digits, ending, is_listed=is_listed)
                if self.disk.status(file) is not None:
                    return file
        return None

    def _check_removed(self, document: str) -> None:
        file = tombstone_file(digits_of(document))
        record = self.disk.read(file, LONGEST)
        if record is not None:
            with self.disk.checking(file):
                reason = reason_from(record)
            raise RemovedError.of_document(document, reason)

    def list(self, start: str = "", after: str = "", limit: int = PAGE) -> Sequence[str]:
        """Return the ids of listed documents, in ascending order."""
        digits, last = start_digits(start), after.removeprefix(DOCUMENT)
        following = (x for x in self.digits(DOCUMENTS, digits, last) if x > last)
        return [DOCUMENT + x for x in islice(following, limit)]

    def digits(self, folder: str, start: str = "", after: str = "") -> Iterator[str]:
        """Yield the digits of documents in a folder, in ascending order.

        Args:
            folder: The folder.
            start: What they start with.
            after: They are not less than this.
        """
        for shard in self.disk.names(folder, start[:2]):
            if shard >= after[:2]:
                for name in self.disk.names(f"{folder}/{shard}", start, after):
                    digits = name.partition(".")[0]
                    if is_digits(digits):
                        yield digits

    def with_graph(self, graph: str, after: str = "", limit: int = PAGE) -> Sequence[str]:
        """Return the ids of listed documents that hold a graph."""
        start, last = f"{graph_digits(graph)}-", after.removeprefix(DOCUMENT)
        names = self.disk.names(f"{GRAPHS}/{start[:2]}", start)
        digits = (name.removeprefix(start) for name in names)
        there = (x for x in digits if x > last and self.is_there(x))
        return [DOCUMENT + x for x in islice(there, limit)]

    def is_there(self, digits: str) -> bool:
        """Whether there is a document, which was not taken down."""
        return not self.is_removed(digits) and self._file_of(digits) is not None

    def is_removed(self, digits: str) -> bool:
        """Whether a document was taken down."""
        return self.disk.status(tombstone_file(digits)) is not None

    def remove(self, document: str, reason: str = "") -> Sequence[str]:
        """Take a document down for good."""
        digits = digits_of(document)
        payer = self.ledgers.payers().get(document, "")
        with self.lock(Lock.DOCUMENTS, document):
            self.disk.write_first(tombstone_file(digits), tombstone_record(utc(), reason))
            self.forget(digits, payer)
            self._unindex(digits)
        entries = [entry for entry in self.entries() if entry.id == document]
        for entry in entries:
            with suppress(NotFoundError, ConflictError):
                self.remove_name(entry.name, entry.revision)
        self.runs.forget()
        return [entry.name for entry in entries]

    def forget(self, digits: str, payer: str = "", before: float = inf) -> int | None:
        """Remove the file of a document, whose lock is held.

        Args:
            digits: The digits of its id.
            payer: The token that gets its quota back; empty if there is none.
            before: A document stored later than this, in seconds since 1970, stays.

        Returns:
            Its size in bytes; None if there was none, or it stays.
        """
        file = self._file_of(digits)
        status = self.disk.status(file) if file else None
        if file is None or status is None or status.st_mtime >= before:
            return None
        self.disk.remove(file)
        self.ledgers.refund(payer, DOCUMENT + digits, status.st_size)
        return status.st_size

    # --- names ---

    def get_name(self, name: str) -> NameEntry:
        """Return what a name points to."""
        check_name(name)
        entry = self._present_entry(name)
        if entry is None:
            raise NotFoundError.of_kind("name", name)
        return entry

    def _present_entry(self, name: str) -> NameEntry | None:
        """Return what a name points to; its record is read only if the file is another one."""
        status = self.disk.status(name_file(name))
        if status is None:
            return None
        stamp = status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        known = self._known.get(name)
        if known is not None and known[0] == stamp:
            return known[1]
        entry = self._entry(name)
        if entry is not None and abs(time_ns() - status.st_ctime_ns) > _SETTLED:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[name] = stamp, entry
        return entry

    def _entry(self, name: str) -> NameEntry | None:
        file = name_file(name)
        data = self.disk.read(file, LONGEST)
        with self.disk.checking(file):
            return None if data is None else name_from(data, name)

    def set_name(
        self,
        name: str,
        document: str,
        expected: str | None = None,
        *,
        token: AccessToken | None = None,
    ) -> NameEntry:
        """Point a name to a document, if the name is as expected."""
        check_name(name)
        digits_of(document)
        with self.lock(Lock.NAMES, name), self.lock(Lock.DOCUMENTS, document):
            self._file(document)  # and nobody can take it down before the name is written
            old = self._entry(name)
            check_revision(name, old, expected)
            entry = next_entry(name, document, old, token)
            with self.ledgers.charging(token if old is None else None, name):
                self.disk.replace(name_file(name), name_record(entry))
        return entry

    def remove_name(self, name: str, expected: str | None = None) -> None:
        """Remove a name, if it is as expected."""
        check_name(name)
        with self.lock(Lock.NAMES, name):
            entry = self._entry(name)
            check_revision(name, entry, expected)
            if entry is None:
                raise NotFoundError.of_kind("name", name)
            self.disk.remove(name_file(name))
            self.ledgers.refund(entry.token, name)

    def names(self, prefix: str = "", after: str = "", limit: int = PAGE) -> Sequence[NameEntry]:
        """Return names, sorted by their parts."""
        if prefix:
            check_name(prefix)
        return [*islice(self.entries(prefix, after), limit)]

    def entries(self, prefix: str = "", after: str = "") -> Iterator[NameEntry]:
        """Yield names below a prefix and after a name, sorted by their parts.

        A record that is damaged does not hide the others.
        """
        for name in self._names(prefix, by_parts(after) if after else []):
            try:
                entry = self._present_entry(name)
            except DamagedError as error:
                entry = NameEntry(name, "", "", "", fault=error.diagnostics[0].message)
            if entry is not None:  # else it was removed in this moment
                yield entry

    def _names(self, prefix: str, after: Sequence[str]) -> Iterator[str]:
        """Yield names, and look only into folders that have any of these."""
        waiting = [(prefix, True)]  # a name or a folder of names; the last is the next
        while waiting:
            name, is_folder = waiting.pop()
            parts = by_parts(name)
            if not is_folder:
                if parts > [*after]:
                    yield name
            elif not name or parts >= [*after[: len(parts)]]:
                waiting += reversed([*self._below(name)])

    def _below(self, prefix: str) -> Sequence[tuple[str, bool]]:
        """Return the names and the folders of names that are directly below a prefix, sorted."""
        start = f"{prefix}/" if prefix else ""
        below = []
        for entry in self.disk.entries(f"{NAMES}/{prefix}"):
            is_folder = entry.is_dir(follow_symlinks=False)
            part = entry.name if is_folder else entry.name.removesuffix(".json")
            if (is_folder or part != entry.name) and is_name(start + part):
                below.append((start + part, is_folder))
        return sorted(below)

    # --- computed runs ---

    def get_run(self, key: str) -> bytes | None:
        """Return a cached run; None if it is not, or no longer, in the cache."""
        return self.runs.get(key)

    def put_run(self, key: str, data: bytes) -> None:
        """Cache a run that the service computed; it may be forgotten at any time."""
        self.runs.put(key, data)

    # --- tokens ---

    def tokens(self) -> Sequence[AccessToken]:
        """Return all tokens, sorted by the time when they were made."""
        return self.token_files.all()

    def get_token(self, token: str) -> AccessToken:
        """Return a token by its id; it may have expired."""
        return self.token_files.get(token)

    def add_token(self, token: AccessToken) -> None:
        """Add a token."""
        self.token_files.add(token)

    def remove_token(self, token: str) -> None:
        """Revoke a token by its id; what was stored with it stays."""
        self.token_files.remove(token)

    def usage(self, token: str) -> Usage:
        """Return how much was stored with a token, by its id."""
        self.token_files.get(token)
        return self.ledgers.usage(token)

    # --- locks ---

    def lock(self, kind: Lock, key: str) -> AbstractContextManager[object]:
        """Let nobody else change the document or the name of this key, or a few others."""
        return self.disk.lock(lock_file(kind, zlib.crc32(key.encode()) % LOCK_COUNT))

    @contextmanager
    def all_locks(self, kind: Lock) -> Iterator[None]:
        """Let nobody else change any document, or any name."""
        with ExitStack() as locks:
            for shard in range(LOCK_COUNT):
                locks.enter_context(self.disk.lock(lock_file(kind, shard)))
            yield
