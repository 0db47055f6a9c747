"""Cleaning a store: what killed processes left behind, old runs and, if asked, old documents."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph.service.store.errors import ConflictError, NotFoundError
from mgraph.service.store.ids import DOCUMENT, digits_of
from mgraph.service.store.layout import (
    DOCUMENTS,
    GRAPHS,
    NAMES,
    REMOVED,
    UNLISTED,
    Lock,
)
from mgraph.service.store.tokens import utc
from mgraph.service.store.verify import files

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgraph.service.store.disk import Disk
    from mgraph.service.store.files import FileStore
    from mgraph.service.store.protocol import GraphStore, NameEntry

DAYS: Final = 30
"""How many days a cached run is kept, unless asked otherwise."""

TOKEN_DAYS: Final = 30
"""How many days a token is still listed after it has expired."""

PARTS: Final = 6
"""How many parts the work has."""

_DAY: Final = 86_400


class Cleaned(NamedTuple):
    """How many files of each kind were removed.

    Attributes:
        debris: What killed processes left behind, and names of documents that were taken down.
        runs: Cached runs that are old or damaged.
        documents: Documents without a name that are old.
        bytes: The size of these documents.
        tokens: Tokens that expired long ago.
    """

    debris: int = 0
    runs: int = 0
    documents: int = 0
    bytes: int = 0
    tokens: int = 0


def clean(
    store: FileStore,
    *,
    run_days: float = DAYS,
    unnamed_days: float | None = None,
    step: Callable[[], None] = lambda: None,
) -> Cleaned:
    """Clean a store; others may use it at the same time.

    Args:
        store: The store.
        run_days: How many days cached runs are kept.
        unnamed_days: How many days documents without a name are kept after they were last stored,
            listed or not; None if forever.
        step: Is called after each part of the work.

    Raises:
        StoreError: The store can't be written, or a name is damaged.
    """
    debris = store.disk.remove_debris()
    for part in (_taken_down, _names, _index):
        step()
        debris += part(store)
    step()
    runs = store.runs.forget(time.time() - run_days * _DAY)
    step()
    documents, size = 0, 0
    if unnamed_days is not None:
        documents, size = _unnamed(store, time.time() - unnamed_days * _DAY)
        _index(store)
    _empty_folders(store.disk)
    step()
    return Cleaned(debris, runs, documents, size)


def forget_tokens(store: GraphStore) -> int:
    """Remove tokens that expired more than `TOKEN_DAYS` days ago; return how many there were."""
    before = utc(time.time() - TOKEN_DAYS * _DAY)
    count = 0
    for token in store.tokens():
        if token.expires and token.expires < before:
            with suppress(NotFoundError):  # somebody else has just revoked it
                store.remove_token(token.id)
                count += 1
    return count


def _taken_down(store: FileStore) -> int:
    """Finish what `remove` began: a tombstone is written before its document is removed."""
    count, payers = 0, store.ledgers.payers()
    for digits in store.digits(REMOVED):
        with store.lock(Lock.DOCUMENTS, DOCUMENT + digits):
            count += store.forget(digits, payers.get(DOCUMENT + digits, "")) is not None
    return count


def _names(store: FileStore) -> int:
    """Remove names of documents that were taken down, if they were set in that moment."""
    count = 0
    for entry in store.entries():
        if not entry.fault and store.is_removed(digits_of(entry.id)):
            with suppress(NotFoundError, ConflictError):
                store.remove_name(entry.name, entry.revision)
                count += 1
    return count


def _index(store: FileStore) -> int:
    """Remove entries of documents that are gone, or were not stored after their entry was made."""
    count = 0
    for file, match in files(store.disk, GRAPHS):
        if match and not store.is_there(match[3]):
            with store.lock(Lock.DOCUMENTS, DOCUMENT + match[3]):  # nobody is storing it
                count += not store.is_there(match[3]) and store.disk.remove(file)
    return count


def _unnamed(store: FileStore, before: float) -> tuple[int, int]:
    """Remove documents without a name that were last stored before a time."""
    count, size = 0, 0
    with store.all_locks(Lock.NAMES):
        named = dict.fromkeys(_document(store, entry) for entry in store.entries())
        payers = store.ledgers.payers()
        for folder in (DOCUMENTS, UNLISTED):
            for digits in store.digits(folder):
                document = DOCUMENT + digits
                if document not in named:
                    with store.lock(Lock.DOCUMENTS, document):
                        removed = store.forget(digits, payers.get(document, ""), before)
                    count += removed is not None
                    size += removed or 0
    return count, size


def _document(store: FileStore, entry: NameEntry) -> str:
    """Return what a name points to.

    Raises:
        DamagedError: Its record is damaged: nobody knows which document it keeps.
    """
    return store.get_name(entry.name).id if entry.fault else entry.id


def _empty_folders(disk: Disk) -> None:
    """Remove folders of names that have no names any more."""
    folders = [NAMES]
    for folder in folders:  # which grows
        inner = (entry for entry in disk.entries(folder) if entry.is_dir(follow_symlinks=False))
        folders += (f"{folder}/{entry.name}" for entry in inner)
    for folder in reversed(folders[1:]):
        with suppress(OSError):  # it has something in it
            os.rmdir(disk.path(folder))
