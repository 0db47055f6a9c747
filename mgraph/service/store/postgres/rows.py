"""Names, tokens and usage as rows of tables, and the SQL that changes them."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from mgraph.service.store.ids import DOCUMENT
from mgraph.service.store.postgres.connections import rows
from mgraph.service.store.protocol import NameEntry
from mgraph.service.store.tokens import AccessToken, Quota, Scope, Usage, utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import psycopg

NAME: Final = "select name, id, revision, updated, payer from mgraph.names"
"""A query for names, as `entry_from` takes them."""

TOKENS: Final = (
    "select id, digest, scope, prefix, documents, bytes, names, created, expires, note "
    "from mgraph.tokens"
)
"""A query for tokens, as `token_from` takes them."""

_ADD: Final = """
insert into mgraph.usage as u (payer, documents, bytes, names) values (%s, %s, %s, %s)
on conflict (payer) do update set documents = u.documents + excluded.documents,
    bytes = u.bytes + excluded.bytes, names = u.names + excluded.names
returning documents, bytes, names
"""


def entry_from(row: Sequence[Any]) -> NameEntry:
    """Return a row of the table of names."""
    name, document, revision, updated, payer = row
    return NameEntry(name, DOCUMENT + document.hex(), revision, _time(updated), payer)


def token_from(row: Sequence[Any]) -> AccessToken:
    """Return a row of the table of tokens."""
    token, digest, scope, prefix, *quota, created, expires, note = row
    times = _time(created), _time(expires)
    return AccessToken(token, digest, Scope(scope), prefix, Quota(*quota), *times, note)


def token_row(token: AccessToken) -> tuple[Any, ...]:
    """Return a token as a row."""
    times = token.created or None, token.expires or None
    head = token.id, token.digest, token.scope.value, token.prefix
    return (*head, *token.quota, *times, storable(token.note))


def _time(moment: datetime | None) -> str:
    return utc(moment.timestamp()) if moment else ""


def storable(text: str) -> str:
    """Return a text without what a database can't store: NUL, and halves of characters."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def sort_key(text: str) -> str:
    """Return what stands for a text among names in the order of their parts.

    The index has a space for each `/`. What no name has is replaced by what stands in the same
    place of the order: the database may not even be able to compare with it.
    """
    return "".join(" " if c == "/" else min(max(c, "!"), "~") for c in text)


def digest_of(data: bytes) -> bytes:
    """Return the hash that a cached run is compared with."""
    return sha256(data, usedforsecurity=False).digest()


def charge(connection: psycopg.Connection[Any], token: AccessToken | None, more: Usage) -> None:
    """Charge a token. Nobody else charges it until the transaction ends, so that sums are exact.

    Raises:
        QuotaError: It would exceed the quota.
    """
    if token is not None:
        ((documents, size, names),) = rows(connection, _ADD, [token.id, *more])
        Usage(documents, size, names).check(token.quota)


def refund(connection: psycopg.Connection[Any], gone: Iterable[tuple[str, Usage]]) -> None:
    """Note that what was stored with some tokens is gone; always in the same order of tokens."""
    totals: dict[str, Usage] = {}
    for payer, usage in gone:
        totals[payer] = totals.get(payer, Usage()).minus(usage)
    for payer in sorted(filter(None, totals)):
        rows(connection, _ADD, [payer, *totals[payer]])
