"""Cleaning a store in a database: old runs and, if asked, old documents."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from mgraph.service.store.cleaning import DAYS, Cleaned
from mgraph.service.store.postgres.connections import rows
from mgraph.service.store.postgres.rows import refund
from mgraph.service.store.tokens import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    import psycopg

    from mgraph.service.store.postgres.store import PostgresStore

_RUNS: Final = "delete from mgraph.runs where cached < now() - %s * interval '1 day' returning true"
_UNNAMED: Final = """
delete from mgraph.documents where id in (
    select id from mgraph.documents as d where data is not null
        and stored < now() - %s * interval '1 day'
        and not exists (select from mgraph.names as n where n.id = d.id)
    limit %s for update skip locked
) returning payer, size
"""
"""Passes over documents that somebody stores, or gives a name, in this moment."""

_AT_ONCE: Final = 1_000
"""How many documents are removed in one transaction, so that nobody waits for it long."""


def clean_postgres(
    store: PostgresStore,
    *,
    run_days: float = DAYS,
    unnamed_days: float | None = None,
    step: Callable[[], None] = lambda: None,
) -> Cleaned:
    """Clean a store; others may use it at the same time. The database itself leaves no debris.

    Args:
        store: The store.
        run_days: How many days cached runs are kept.
        unnamed_days: How many days documents without a name are kept after they were last stored,
            listed or not; None if forever.
        step: Is called after each part of the work.

    Raises:
        StoreError: The store can't be written.
    """
    runs = len(store.database.rows(_RUNS, [run_days]))
    step()
    documents, size = 0, 0
    if unnamed_days is not None:
        while sizes := store.database.transaction(partial(_unnamed, days=unnamed_days)):
            documents += len(sizes)
            size += sum(sizes)
    step()
    return Cleaned(0, runs, documents, size)


def _unnamed(connection: psycopg.Connection[Any], days: float) -> list[int]:
    """Remove some documents without a name that were last stored so many days ago.

    Returns:
        Their sizes.
    """
    rows(connection, "set local statement_timeout = 0")
    removed = rows(connection, _UNNAMED, [days, _AT_ONCE])
    refund(connection, [(payer, Usage(documents=1, bytes=size)) for payer, size in removed])
    return [size for _, size in removed]
