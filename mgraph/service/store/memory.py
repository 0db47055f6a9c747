"""A store in memory, which ends with its process."""

from __future__ import annotations

import secrets
from bisect import bisect_right
from typing import TYPE_CHECKING, Final

from mgraph.locks import ThreadLock
from mgraph.service.store.errors import ConflictError, NotFoundError, RemovedError
from mgraph.service.store.ids import (
    DOCUMENT,
    check_name,
    digits_of,
    graph_digits,
    id_of,
    is_below,
    key_digits,
    start_digits,
)
from mgraph.service.store.protocol import PAGE, NameEntry, Stored
from mgraph.service.store.tokens import Usage, utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mgraph.service.store.tokens import AccessToken

RUN_BYTES: Final = 2**26
"""The most bytes of cached runs; the oldest are forgotten first."""


class MemoryStore:
    """A `GraphStore` in memory."""

    is_remote: Final = False

    def __init__(self) -> None:
        """Make an empty store."""
        self._lock = ThreadLock()
        self._documents: dict[str, bytes] = {}
        self._listed: dict[str, str] = {}
        self._removed: dict[str, str] = {}
        self._names: dict[str, NameEntry] = {}
        self._runs: dict[str, bytes] = {}
        self._run_bytes = 0
        self._tokens: dict[str, AccessToken] = {}
        self._usage: dict[str, Usage] = {}
        self._payers: dict[str, str] = {}

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    # --- documents ---

    def put(
        self, data: bytes, graph: str, *, token: AccessToken | None = None, is_listed: bool = True
    ) -> Stored:
        """Store a document, unless it is there already."""
        graph_digits(graph)
        document = id_of(data)
        with self._lock.lock:
            self._check_removed(document)
            is_new = document not in self._documents
            if is_new:
                self._charge(token, Usage(documents=1, bytes=len(data)))
                self._documents[document] = data
                self._payers[document] = token.id if token else ""
            if is_listed:
                self._listed[document] = graph
        return Stored(document, is_new)

    def get(self, document: str) -> bytes:
        """Return the bytes of a document."""
        digits_of(document)
        with self._lock.lock:
            self._check_removed(document)
            data = self._documents.get(document)
        if data is None:
            raise NotFoundError.of_kind("document", document)
        return data

    def size(self, document: str) -> int:
        """Return the size of a document in bytes."""
        return len(self.get(document))

    def list(self, start: str = "", after: str = "", limit: int = PAGE) -> Sequence[str]:
        """Return the ids of listed documents, in ascending order."""
        start = DOCUMENT + start_digits(start)
        with self._lock.lock:
            return _page((x for x in self._listed if x.startswith(start)), after, limit)

    def with_graph(self, graph: str, after: str = "", limit: int = PAGE) -> Sequence[str]:
        """Return the ids of listed documents that hold a graph."""
        graph_digits(graph)
        with self._lock.lock:
            return _page((x for x, of in self._listed.items() if of == graph), after, limit)

    def remove(self, document: str, reason: str = "") -> Sequence[str]:
        """Take a document down for good."""
        digits_of(document)
        with self._lock.lock:
            self._removed[document] = reason
            if data := self._documents.pop(document, b""):
                self._refund(self._payers.pop(document), Usage(documents=1, bytes=len(data)))
            self._listed.pop(document, None)
            self._runs.clear()
            self._run_bytes = 0
            names = sorted(name for name, entry in self._names.items() if entry.id == document)
            for name in names:
                self._refund(self._names.pop(name).token, Usage(names=1))
        return names

    def _check_removed(self, document: str) -> None:
        if document in self._removed:
            raise RemovedError.of_document(document, self._removed[document])

    # --- names ---

    def get_name(self, name: str) -> NameEntry:
        """Return what a name points to."""
        check_name(name)
        with self._lock.lock:
            entry = self._names.get(name)
        if entry is None:
            raise NotFoundError.of_kind("name", name)
        return entry

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
        with self._lock.lock:
            self.size(document)
            self._check_revision(name, expected)
            old = self._names.get(name)
            if old is None:
                self._charge(token, Usage(names=1))
            entry = next_entry(name, document, old, token)
            self._names[name] = entry
        return entry

    def remove_name(self, name: str, expected: str | None = None) -> None:
        """Remove a name, if it is as expected."""
        check_name(name)
        with self._lock.lock:
            self._check_revision(name, expected)
            entry = self._names.pop(name, None)
            if entry is None:
                raise NotFoundError.of_kind("name", name)
            self._refund(entry.token, Usage(names=1))

    def _check_revision(self, name: str, expected: str | None) -> None:
        check_revision(name, self._names.get(name), expected)

    def names(self, prefix: str = "", after: str = "", limit: int = PAGE) -> Sequence[NameEntry]:
        """Return names, sorted by their parts."""
        if prefix:
            check_name(prefix)
        with self._lock.lock:
            names = sorted((n for n in self._names if is_below(n, prefix)), key=by_parts)
            first = bisect_right(names, by_parts(after), key=by_parts) if after else 0
            return [self._names[name] for name in names[first : first + limit]]

    # --- computed runs ---

    def get_run(self, key: str) -> bytes | None:
        """Return a cached run."""
        return self._runs.get(key_digits(key))

    def put_run(self, key: str, data: bytes) -> None:
        """Cache a run."""
        with self._lock.lock:
            self._run_bytes += len(data) - len(self._runs.pop(key_digits(key), b""))
            self._runs[key] = data
            while self._run_bytes > RUN_BYTES:
                self._run_bytes -= len(self._runs.pop(next(iter(self._runs))))

    # --- tokens ---

    def tokens(self) -> Sequence[AccessToken]:
        """Return all tokens, sorted by the time when they were made."""
        with self._lock.lock:
            return sorted(self._tokens.values(), key=lambda token: (token.created, token.id))

    def get_token(self, token: str) -> AccessToken:
        """Return a token by its id."""
        with self._lock.lock:
            if token not in self._tokens:
                raise NotFoundError.of_kind("token", token)
            return self._tokens[token]

    def add_token(self, token: AccessToken) -> None:
        """Add a token."""
        with self._lock.lock:
            self._tokens[token.id] = token

    def remove_token(self, token: str) -> None:
        """Revoke a token by its id."""
        with self._lock.lock:
            if self._tokens.pop(token, None) is None:
                raise NotFoundError.of_kind("token", token)

    def usage(self, token: str) -> Usage:
        """Return how much was stored with a token."""
        self.get_token(token)
        return self._used(token)

    def _used(self, token: str) -> Usage:
        return self._usage.get(token, Usage())

    def _charge(self, token: AccessToken | None, more: Usage) -> None:
        if token is not None:
            total = self._used(token.id).plus(more)
            total.check(token.quota)
            self._usage[token.id] = total

    def _refund(self, token: str, less: Usage) -> None:
        if token:
            self._usage[token] = self._used(token).minus(less)


def next_entry(
    name: str, document: str, old: NameEntry | None, token: AccessToken | None
) -> NameEntry:
    """Return the entry that replaces an old one, or adds a name, with a new random revision."""
    payer = old.token if old else token.id if token else ""
    return NameEntry(name, document, secrets.token_hex(8), utc(), payer)


def check_revision(name: str, entry: NameEntry | None, expected: str | None) -> None:
    """Refuse a name that is not as expected.

    Raises:
        ConflictError: It has another revision.
    """
    current = entry.revision if entry else ""
    if expected is not None and current != expected:
        raise ConflictError.of_name(name, current, expected)


def by_parts(name: str) -> list[str]:
    """Return what names are sorted by, so that those below a prefix stand together."""
    return name.split("/")


def _page(ids: Iterable[str], after: str, limit: int) -> Sequence[str]:
    return sorted(x for x in ids if x > after)[:limit]
