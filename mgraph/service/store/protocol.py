"""What a store can do: one protocol, for files, for memory and for databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from mgraph.graph.columns import HASH_NAME
from mgraph.service.store.errors import ConflictError, NotFoundError
from mgraph.service.store.ids import DOCUMENT, check_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.service.store.tokens import AccessToken, Usage

PAGE: Final = 100
"""How many entries a page has, unless asked otherwise."""

ABSENT: Final = ""
"""The revision to expect of a name that must not exist yet."""


class Stored(NamedTuple):
    """What `put` returns.

    Attributes:
        id: The id of the document.
        is_new: Whether it was not stored before.
    """

    id: str
    is_new: bool


class NameEntry(NamedTuple):
    """A name and what it points to.

    Attributes:
        name: The name.
        id: The id of the document.
        revision: Changes whenever the name is set; no name has the same revision twice.
        updated: When it was set, in UTC, like `2027-03-01T09:30:00Z`.
        token: The id of the token that added the name; empty if none was used.
        fault: What is wrong with the record of the name, which then says nothing else; empty if it
            can be read.
    """

    name: str
    id: str
    revision: str
    updated: str
    token: str = ""
    fault: str = ""


class GraphStore(Protocol):
    """Documents by the hash of their bytes, names that point to them, runs, and tokens.

    All methods may be called by several threads and, unless the store is in memory, by several
    processes. What a method has returned is safe then: it survives a crash of the process and of
    the machine (except cached runs). Each method raises `NameFormError` if a name, id or key is
    malformed, `UnavailableError` if the store can't be read or written, and `DamagedError` if it
    does not hold what was stored; all are `StoreError`. A store does not look into documents:
    whoever puts one has validated it.
    """

    @property
    def is_remote(self) -> bool:
        """Whether methods wait for another machine, so that they are called in a thread."""

    def close(self) -> None:
        """Close what is open; the store is not used any more."""

    # --- documents ---

    def put(
        self, data: bytes, graph: str, *, token: AccessToken | None = None, is_listed: bool = True
    ) -> Stored:
        """Store a document, unless it is there already.

        Args:
            data: The bytes of the file.
            graph: The canonical hash of the graph in it.
            token: Is charged for a new document.
            is_listed: Whether it is found by `list` and `with_graph`; otherwise it is reachable by
                its id only, until somebody stores it as listed.

        Raises:
            RemovedError: These bytes were taken down.
            QuotaError: It would exceed the quota of the token.
        """

    def get(self, document: str) -> bytes:
        """Return the bytes of a document, after comparing them with its id.

        Raises:
            NotFoundError: There is no such document.
            RemovedError: It was taken down.
        """

    def size(self, document: str) -> int:
        """Return the size of a document in bytes, without reading it; raises as `get`."""

    def list(self, start: str = "", after: str = "", limit: int = PAGE) -> Sequence[str]:
        """Return the ids of listed documents, in ascending order.

        Args:
            start: What the ids start with, such as `sha256:1f`.
            after: The last id of the page before.
            limit: The most ids to return.
        """

    def with_graph(self, graph: str, after: str = "", limit: int = PAGE) -> Sequence[str]:
        """Return the ids of listed documents that hold a graph, by its hash, in ascending order."""

    def remove(self, document: str, reason: str = "") -> Sequence[str]:
        """Take a document down for good, with names that point to it and all cached runs.

        Its bytes can't be stored again. It need not be there: its bytes are refused anyway.

        Returns:
            The names that were removed.
        """

    # --- names ---

    def get_name(self, name: str) -> NameEntry:
        """Return what a name points to.

        Raises:
            NotFoundError: There is no such name.
        """

    def set_name(
        self,
        name: str,
        document: str,
        expected: str | None = None,
        *,
        token: AccessToken | None = None,
    ) -> NameEntry:
        """Point a name to a document, if the name is as expected: compare and swap.

        Args:
            name: The name.
            document: The id of a document.
            expected: The revision that the name must have; `ABSENT` if it must not exist; None if
                that doesn't matter.
            token: Is charged for a new name.

        Raises:
            ConflictError: The name has another revision.
            NotFoundError: There is no such document.
            RemovedError: The document was taken down.
            QuotaError: It would exceed the quota of the token.
        """

    def remove_name(self, name: str, expected: str | None = None) -> None:
        """Remove a name, if it is as expected.

        Raises:
            ConflictError: The name has another revision.
            NotFoundError: There is no such name, and no revision was expected.
        """

    def names(self, prefix: str = "", after: str = "", limit: int = PAGE) -> Sequence[NameEntry]:
        """Return names, sorted by their parts; those whose records are damaged have a `fault`.

        Args:
            prefix: Only names below it: `class-7a` has `class-7a/anna`, but not `class-7ab`.
            after: The last name of the page before.
            limit: The most names to return.
        """

    # --- computed runs ---

    def get_run(self, key: str) -> bytes | None:
        """Return a cached run; None if it is not, or no longer, in the cache."""

    def put_run(self, key: str, data: bytes) -> None:
        """Cache a run that the service computed; it may be forgotten at any time."""

    # --- tokens ---

    def tokens(self) -> Sequence[AccessToken]:
        """Return all tokens, sorted by the time when they were made."""

    def get_token(self, token: str) -> AccessToken:
        """Return a token by its id; it may have expired.

        Raises:
            NotFoundError: There is no such token; it may have been revoked.
        """

    def add_token(self, token: AccessToken) -> None:
        """Add a token."""

    def remove_token(self, token: str) -> None:
        """Revoke a token by its id; what was stored with it stays.

        Raises:
            NotFoundError: There is no such token.
        """

    def usage(self, token: str) -> Usage:
        """Return how much was stored with a token, by its id; raises as `get_token`."""


def resolve(
    store: GraphStore, reference: str, *, by_start: bool = False, is_read_next: bool = False
) -> str:
    """Return the id of the document that a reference means.

    Args:
        store: The store.
        reference: An id, the canonical hash of a graph (which means the document of the smallest
            id that has this graph), or a name.
        by_start: Whether the start of an id, such as `sha256:1f2e`, will do if it is unique.
        is_read_next: Whether the document will be read anyway: a whole id is then returned as it
            is, because reading raises the same errors.

    Raises:
        NotFoundError: There is no such document or name.
        ConflictError: Several ids start like this.
        NameFormError: It can't be a reference.
    """
    if reference.startswith(HASH_NAME):
        found = store.with_graph(reference, limit=1)
    elif not reference.startswith(DOCUMENT):
        check_name(reference)
        return store.get_name(reference).id
    elif by_start and len(reference) < _ID:
        found = store.list(reference, limit=2)
    else:
        if not is_read_next:
            store.size(reference)
        return reference
    if len(found) > 1:
        message = f"several documents have ids that start with {reference}"
        raise ConflictError.of("conflict", message, fix="give more digits")
    if not found:
        raise NotFoundError.of_kind("document", reference)
    return found[0]


def every_name(store: GraphStore, prefix: str = "") -> Iterator[NameEntry]:
    """Yield all names, or those below a prefix, sorted by their parts.

    Those whose records are damaged have a `fault`, as in `GraphStore.names`.
    """
    last = ""
    while page := store.names(prefix, last, _MANY):
        yield from page
        last = page[-1].name


class Released(NamedTuple):
    """What `release` did with one document.

    Attributes:
        id: The document that names pointed to.
        names: Its names that were removed.
        others: The names that still point to it. If there are none, it was taken down.
    """

    id: str
    names: Sequence[str]
    others: Sequence[str]


def release(store: GraphStore, names: Sequence[str], reason: str = "") -> Sequence[Released]:
    """Remove names; take their documents down if no other names point to them.

    The same bytes have one id, so that the document of one pupil may be that of others, too. A name
    that gets a document at the moment in which it is taken down goes with it.

    Returns:
        One for each document, in the order of the names.

    Raises:
        NotFoundError: There is no such name; nothing was removed.
        ConflictError: Somebody has just set one anew.
    """
    entries = {name: store.get_name(name) for name in names}
    others: dict[str, list[str]] = {entry.id: [] for entry in entries.values()}
    for entry in every_name(store) if names else ():
        if entry.id in others and entry.name not in entries:
            others[entry.id].append(entry.name)
    return [
        _released(store, document, [x for x in entries.values() if x.id == document], rest, reason)
        for document, rest in others.items()
    ]


def _released(
    store: GraphStore,
    document: str,
    entries: Sequence[NameEntry],
    others: Sequence[str],
    reason: str,
) -> Released:
    """Remove some names of a document, or the document if no others point to it."""
    if not others:
        return Released(document, store.remove(document, reason), [])
    for entry in entries:
        store.remove_name(entry.name, entry.revision)
    return Released(document, [entry.name for entry in entries], others)


_ID: Final = len(DOCUMENT) + 64
_MANY: Final = 1_000
