"""Copying a store into another one, as from a folder into a database."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from mgraph.document import loads
from mgraph.service.store.errors import RemovedError
from mgraph.service.store.files import FileStore
from mgraph.service.store.ids import DOCUMENT
from mgraph.service.store.layout import DOCUMENTS, REMOVED, UNLISTED
from mgraph.service.store.protocol import every_name
from mgraph.service.store.tokens import NO_QUOTA, AccessToken, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mgraph.service.store.opening import LastingStore
    from mgraph.service.store.protocol import NameEntry


class Content(NamedTuple):
    """A document of a store.

    Attributes:
        id: Its id.
        is_listed: Whether it is listed.
        payer: The id of the token that it was stored with; empty if none was used.
    """

    id: str
    is_listed: bool
    payer: str


class Copied(NamedTuple):
    """How many of each kind were copied, or were there already."""

    documents: int = 0
    names: int = 0
    tokens: int = 0
    removed: int = 0


def copy_store(
    source: LastingStore, target: LastingStore, step: Callable[[], None] = lambda: None
) -> Copied:
    """Copy all that a store has into another one, except for cached runs.

    What the other one has already stays, but its names point to where they do here. It may be done
    again. Whoever added something is charged for it there, too. Nobody may write to either.

    Args:
        source: The store that is copied.
        target: The store that gets all of it.
        step: Is called after each document.

    Raises:
        StoreError: Something is damaged, or one of the stores can't be read or written.
        GraphError: A document is not a graph file.
    """
    tokens = {token.id: token for token in source.tokens()}
    for token in tokens.values():
        target.add_token(token)
    removed = documents = names = 0
    for removed, (document, reason) in enumerate(_removals(source), 1):  # noqa: B007 - a count
        target.remove(document, reason)
    for documents, content in enumerate(contents(source), 1):  # noqa: B007
        data = source.get(content.id)
        payer = _payer(content.payer, tokens)
        target.put(data, loads(data).hash, token=payer, is_listed=content.is_listed)
        step()
    for names, entry in enumerate(_names(source), 1):  # noqa: B007
        target.set_name(entry.name, entry.id, token=_payer(entry.token, tokens))
    return Copied(documents, names, len(tokens), removed)


def contents(store: LastingStore) -> Iterator[Content]:
    """Yield all documents of a store, listed or not."""
    if not isinstance(store, FileStore):
        yield from (Content(*fields) for fields in store.contents())
        return
    payers = store.ledgers.payers()
    for folder in (DOCUMENTS, UNLISTED):
        for digits in store.digits(folder):
            document = DOCUMENT + digits
            if not store.is_removed(digits):
                yield Content(document, folder == DOCUMENTS, payers.get(document, ""))


def _removals(store: LastingStore) -> Iterator[tuple[str, str]]:
    """Yield the documents that were taken down, and why."""
    if not isinstance(store, FileStore):
        yield from store.removals()
        return
    for digits in store.digits(REMOVED):
        try:
            store.size(DOCUMENT + digits)
        except RemovedError as error:
            yield DOCUMENT + digits, error.reason


def _names(store: LastingStore) -> Iterator[NameEntry]:
    """Yield all names.

    Raises:
        DamagedError: The record of one is damaged.
    """
    for entry in every_name(store):
        yield store.get_name(entry.name) if entry.fault else entry


def _payer(payer: str, tokens: Mapping[str, AccessToken]) -> AccessToken | None:
    """Return a token to be charged, without a quota: what was stored with it has been allowed."""
    if not payer:
        return None
    revoked = AccessToken(payer, "", Scope.WRITE)
    return replace(tokens.get(payer, revoked), quota=NO_QUOTA)
