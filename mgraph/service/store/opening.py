"""Opening a store by what people call it, a folder or a database, and looking after it."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from mgraph.errors import MissingExtraError
from mgraph.extras import install
from mgraph.service.store.addresses import is_address
from mgraph.service.store.cleaning import DAYS, PARTS, Cleaned, clean, forget_tokens
from mgraph.service.store.files import FileStore
from mgraph.service.store.layout import DOCUMENTS, UNLISTED
from mgraph.service.store.verify import Verification

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgraph.service.store.postgres.store import PostgresStore
    from mgraph.service.store.postgres.verify import PostgresVerification

    LastingStore = FileStore | PostgresStore

_PACKAGES: Final = ("psycopg", "psycopg_pool")


def open_store(store: str, *, create: bool = False) -> LastingStore:
    """Open a store that outlives this process.

    Args:
        store: A folder, or the address of a database.
        create: Whether to make a store there, if there is none.

    Raises:
        UnavailableError: It is not a store, is of a newer version, or can't be read.
        MissingExtraError: The packages for databases are not installed.
    """
    return _postgres(store, create=create) if is_address(store) else FileStore(store, create=create)


def _postgres(address: str, *, create: bool) -> PostgresStore:
    missing = next((name for name in _PACKAGES if find_spec(name) is None), "")
    if missing:
        needed = f"a store in PostgreSQL needs {missing}, which is not installed"
        message = f"{needed}: {install('postgres')}"
        raise MissingExtraError(message)
    from mgraph.service.store.postgres.store import PostgresStore  # noqa: PLC0415 - the extra

    return PostgresStore(address, create=create)


def document_count(store: LastingStore) -> int:
    """Return how many documents a store has, listed or not."""
    if isinstance(store, FileStore):
        return sum(1 for folder in (DOCUMENTS, UNLISTED) for _ in store.digits(folder))
    return store.count()


def verification(
    store: LastingStore, step: Callable[[], None]
) -> Verification | PostgresVerification:
    """Return what goes through a store once, and finds all damage.

    Args:
        store: The store.
        step: Is called after each document.
    """
    if isinstance(store, FileStore):
        return Verification(store, step)
    from mgraph.service.store.postgres.verify import PostgresVerification  # noqa: PLC0415

    return PostgresVerification(store, step)


def clean_store(
    store: LastingStore,
    *,
    run_days: float = DAYS,
    unnamed_days: float | None = None,
    step: Callable[[], None] = lambda: None,
) -> Cleaned:
    """Clean a store; others may use it at the same time.

    Args:
        store: The store.
        run_days: How many days cached runs are kept.
        unnamed_days: How many days documents without a name are kept; None if forever.
        step: Is called at most `PARTS` times.

    Raises:
        StoreError: The store can't be written, or a name is damaged.
    """
    tokens = forget_tokens(store)
    if isinstance(store, FileStore):
        cleaned = clean(store, run_days=run_days, unnamed_days=unnamed_days, step=step)
    else:
        from mgraph.service.store.postgres.cleaning import clean_postgres  # noqa: PLC0415

        cleaned = clean_postgres(store, run_days=run_days, unnamed_days=unnamed_days, step=step)
    return cleaned._replace(tokens=tokens)


__all__ = ["DAYS", "PARTS", "clean_store", "document_count", "open_store", "verification"]
