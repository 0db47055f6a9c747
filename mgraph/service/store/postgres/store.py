"""A store in a database."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import psycopg

from mgraph.service.store.addresses import shown
from mgraph.service.store.errors import DamagedError, NotFoundError, RemovedError
from mgraph.service.store.ids import (
    DOCUMENT,
    check_name,
    digits_of,
    graph_digits,
    id_of,
    key_digits,
    start_digits,
)
from mgraph.service.store.memory import by_parts, check_revision, next_entry
from mgraph.service.store.postgres.connections import Database, configure, parameters, rows
from mgraph.service.store.postgres.failures import told
from mgraph.service.store.postgres.rows import (
    NAME,
    TOKENS,
    charge,
    digest_of,
    entry_from,
    refund,
    sort_key,
    storable,
    token_from,
    token_row,
)
from mgraph.service.store.postgres.schema import prepare
from mgraph.service.store.protocol import PAGE, Stored
from mgraph.service.store.records import TOKEN_ID
from mgraph.service.store.runs import MOST_BYTES
from mgraph.service.store.tokens import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.service.store.protocol import NameEntry
    from mgraph.service.store.tokens import AccessToken

    Connection: TypeAlias = psycopg.Connection[Any]

_PUT: Final = """
insert into mgraph.documents as d (id, graph, is_listed, data, payer) values (%s, %s, %s, %s, %s)
on conflict (id) do update set stored = now(), is_listed = d.is_listed or excluded.is_listed
    where d.removed is null
returning xmax = 0
"""
"""Returns whether the document is new; nothing if it was taken down."""

_LOCKED: Final = "select size, payer, removed from mgraph.documents where id = %s for update"
_REMOVE: Final = """
update mgraph.documents set data = null, graph = null, is_listed = false, payer = '',
    removed = now(), reason = %s where id = %s
"""
_REFUSE: Final = """
insert into mgraph.documents (id, is_listed, removed, reason) values (%s, false, now(), %s)
on conflict (id) do nothing returning true
"""
_LIST: Final = """
select id from mgraph.documents where is_listed and id between %s and %s and id > %s
order by id limit %s
"""
_WITH_GRAPH: Final = """
select id from mgraph.documents where is_listed and graph = %s and id > %s order by id limit %s
"""
_ADD_NAME: Final = """
insert into mgraph.names (name, id, revision, updated, payer) values (%s, %s, %s, %s, %s)
on conflict (name) do nothing returning true
"""
_NAMES: Final = f"""
{NAME} where replace(name, '/', ' ') collate "C" > %s and replace(name, '/', ' ') collate "C" < %s
order by replace(name, '/', ' ') collate "C" limit %s
"""
_PUT_RUN: Final = """
insert into mgraph.runs (key, digest, data) values (%s, %s, %s)
on conflict (key) do update set digest = excluded.digest, data = excluded.data, cached = now()
"""
_TRIM: Final = """
delete from mgraph.runs where key in (
    select key from (
        select key, sum(octet_length(data)) over (order by cached desc, key) as total
        from mgraph.runs
    ) as counted where total > %s
)
"""
_OFTEN: Final = 16
"""How many times the runs are trimmed while as many are cached as may be kept."""

_CONTENTS: Final = """
select id, is_listed, payer from mgraph.documents where removed is null and id > %s
order by id limit %s
"""
_REMOVALS: Final = """
select id, reason from mgraph.documents where removed is not null and id > %s order by id limit %s
"""
_PAGE: Final = 1_000
_LAST: Final = "\x7f"
_MOST_ROWS: Final = 2**62


class PostgresStore:
    """A `GraphStore` in the schema `mgraph` of a PostgreSQL database."""

    is_remote: Final = True

    def __init__(self, address: str, *, create: bool = False, run_bytes: int = MOST_BYTES) -> None:
        """Open a store.

        Args:
            address: The address of the database, such as `postgresql://HOST/NAME`.
            create: Whether to make the tables, if the database has none.
            run_bytes: About how many bytes of cached runs to keep.

        Raises:
            UnavailableError: It can't be reached, has no store, or one of a newer version.
        """
        self.shown = shown(address)
        with told(), closing(psycopg.connect(**parameters(address))) as connection:
            configure(connection)
            prepare(connection, create=create)
            (self.is_standby,) = rows(connection, "select pg_is_in_recovery()")[0]
        self.database = Database(address)
        self._run_bytes, self._cached = run_bytes, run_bytes

    def __repr__(self) -> str:
        """Name the database, without a password."""
        return f"PostgresStore({self.shown!r})"

    def close(self) -> None:
        """Close the connections."""
        self.database.close()

    def count(self) -> int:
        """Return how many documents there are, listed or not."""
        ((count,),) = self.database.rows(
            "select count(*) from mgraph.documents where graph is not null"
        )
        return int(count)

    def contents(self) -> Iterator[tuple[str, bool, str]]:
        """Yield the id of each document, whether it is listed, and who paid for it."""
        for key, *rest in self.pages(_CONTENTS, b""):
            yield (DOCUMENT + key.hex(), *rest)

    def removals(self) -> Iterator[tuple[str, str]]:
        """Yield the id of each document that was taken down, and why."""
        for key, reason in self.pages(_REMOVALS, b""):
            yield DOCUMENT + key.hex(), reason

    def pages(self, query: str, after: bytes | str, limit: int = _PAGE) -> Iterator[Any]:
        """Yield the rows that a query finds, in pages, each of which begins after a first column.

        Args:
            query: Has places for what comes before a page, and for the most rows of one.
            after: What comes before the first page.
            limit: The most rows to read at once.
        """
        while page := self.database.rows(query, [after, limit]):
            yield from page
            after = page[-1][0]

    # --- documents ---

    def put(
        self, data: bytes, graph: str, *, token: AccessToken | None = None, is_listed: bool = True
    ) -> Stored:
        """Store a document, unless it is there already."""
        hashed, document = bytes.fromhex(graph_digits(graph)), id_of(data)
        payer = token.id if token else ""
        values = [_bytes(document), hashed, is_listed, data, payer]

        def work(connection: Connection) -> Stored:
            stored = rows(connection, _PUT, values)
            if not stored:
                raise _absent(connection, document)
            is_new = stored[0][0]
            if is_new:
                charge(connection, token, Usage(documents=1, bytes=len(data)))
            return Stored(document, is_new)

        return self.database.transaction(work)

    def get(self, document: str) -> bytes:
        """Return the bytes of a document, after comparing them with its id."""
        data: bytes = self._field(document, "data")
        if id_of(data) != document:
            raise _damaged(document)
        return data

    def size(self, document: str) -> int:
        """Return the size of a document in bytes."""
        size: int = self._field(document, "size")
        return size

    def _field(self, document: str, field: str) -> Any:  # noqa: ANN401
        query = f"select {field}, removed, reason from mgraph.documents where id = %s"  # noqa: S608
        found = self.database.rows(query, [_bytes(document)])
        if not found:
            raise NotFoundError.of_kind("document", document)
        value, removed, reason = found[0]
        if removed:
            raise RemovedError.of_document(document, reason)
        return value

    def list(self, start: str = "", after: str = "", limit: int = PAGE) -> Sequence[str]:
        """Return the ids of listed documents, in ascending order."""
        digits = start_digits(start)
        low, high = (bytes.fromhex(digits.ljust(64, fill)) for fill in "0f")
        return _ids(self.database.rows(_LIST, [low, high, _after(after), _most(limit)]))

    def with_graph(self, graph: str, after: str = "", limit: int = PAGE) -> Sequence[str]:
        """Return the ids of listed documents that hold a graph."""
        hashed = bytes.fromhex(graph_digits(graph))
        return _ids(self.database.rows(_WITH_GRAPH, [hashed, _after(after), _most(limit)]))

    def remove(self, document: str, reason: str = "") -> Sequence[str]:
        """Take a document down for good."""
        key, why = _bytes(document), storable(reason)

        def work(connection: Connection) -> Sequence[str]:
            rows(connection, "delete from mgraph.runs")
            while not rows(connection, _REFUSE, [key, why]):
                locked = rows(connection, _LOCKED, [key])
                if locked and locked[0][2] is None:
                    rows(connection, _REMOVE, [why, key])
                    gone = [(locked[0][1], Usage(documents=1, bytes=locked[0][0]))]
                    return _remove_names(connection, key, gone)
                if locked:
                    break
            return ()

        return self.database.transaction(work)

    # --- names ---

    def get_name(self, name: str) -> NameEntry:
        """Return what a name points to."""
        check_name(name)
        found = self.database.rows(f"{NAME} where name = %s", [name])
        if not found:
            raise NotFoundError.of_kind("name", name)
        return entry_from(found[0])

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
        key = _bytes(document)

        def work(connection: Connection) -> NameEntry:
            query = "select removed from mgraph.documents where id = %s for share"
            if rows(connection, query, [key]) != [(None,)]:
                raise _absent(connection, document)
            while True:
                old = _locked(connection, name)
                check_revision(name, old, expected)
                entry = next_entry(name, document, old, token)
                if _written(connection, entry, key, old, token):
                    return entry  # else somebody else added it in this moment

        return self.database.transaction(work)

    def remove_name(self, name: str, expected: str | None = None) -> None:
        """Remove a name, if it is as expected."""
        check_name(name)

        def work(connection: Connection) -> None:
            entry = _locked(connection, name)
            check_revision(name, entry, expected)
            if entry is None:
                raise NotFoundError.of_kind("name", name)
            rows(connection, "delete from mgraph.names where name = %s", [name])
            refund(connection, [(entry.token, Usage(names=1))])

        self.database.transaction(work)

    def names(self, prefix: str = "", after: str = "", limit: int = PAGE) -> Sequence[NameEntry]:
        """Return names, sorted by their parts."""
        if prefix:
            check_name(prefix)
        low, high = (sort_key(prefix) + end if prefix else end for end in (" ", "!"))
        first, last = max(low, sort_key(after)), high if prefix else _LAST
        entries = self.database.rows(_NAMES, [first, last, _most(limit)])
        return [entry_from(row) for row in entries]

    # --- computed runs ---

    def get_run(self, key: str) -> bytes | None:
        """Return a cached run; None if it is not, or no longer, in the cache."""
        values = [bytes.fromhex(key_digits(key))]
        if self.is_standby:  # which has no tables that are not logged
            return None
        found = self.database.rows("select data, digest from mgraph.runs where key = %s", values)
        data, digest = found[0] if found else (b"", b"")
        return data if digest == digest_of(data) else None

    def put_run(self, key: str, data: bytes) -> None:
        """Cache a run that the service computed; it may be forgotten at any time."""
        values = [bytes.fromhex(key_digits(key)), digest_of(data), data]
        share = self._run_bytes // _OFTEN
        if self.is_standby or len(data) > share:
            return
        self.database.rows(_PUT_RUN, values)
        self._cached += len(data)  # of several threads at once, one may be forgotten
        if self._cached > share:
            self._cached = 0
            self.database.rows(_TRIM, [self._run_bytes - share])

    # --- tokens ---

    def tokens(self) -> Sequence[AccessToken]:
        """Return all tokens, sorted by the time when they were made."""
        return [token_from(row) for row in self.database.rows(f"{TOKENS} order by created, id")]

    def get_token(self, token: str) -> AccessToken:
        """Return a token by its id; it may have expired."""
        if TOKEN_ID.fullmatch(token):
            for row in self.database.rows(f"{TOKENS} where id = %s", [token]):
                return token_from(row)
        raise NotFoundError.of_kind("token", token)

    def add_token(self, token: AccessToken) -> None:
        """Add a token."""
        row = token_row(token)
        insert = f"insert into mgraph.tokens values ({', '.join(['%s'] * len(row))})"  # noqa: S608

        def work(connection: Connection) -> None:
            rows(connection, "delete from mgraph.tokens where id = %s", [token.id])
            rows(connection, insert, row)

        self.database.transaction(work)

    def remove_token(self, token: str) -> None:
        """Revoke a token by its id; what was stored with it stays."""
        query = "delete from mgraph.tokens where id = %s returning true"
        if TOKEN_ID.fullmatch(token) is None or not self.database.rows(query, [token]):
            raise NotFoundError.of_kind("token", token)

    def usage(self, token: str) -> Usage:
        """Return how much was stored with a token, by its id."""
        self.get_token(token)
        query = "select documents, bytes, names from mgraph.usage where payer = %s"
        found = self.database.rows(query, [token])
        return Usage(*found[0]) if found else Usage()


def _locked(connection: Connection, name: str) -> NameEntry | None:
    """Return what a name points to, and let nobody else change it before the transaction ends."""
    found = rows(connection, f"{NAME} where name = %s for update", [name])
    return entry_from(found[0]) if found else None


def _written(
    connection: Connection,
    entry: NameEntry,
    key: bytes,
    old: NameEntry | None,
    token: AccessToken | None,
) -> bool:
    """Write the entry of a name; False if it is to be added and somebody else has done it."""
    if old is not None:
        query = "update mgraph.names set id = %s, revision = %s, updated = %s where name = %s"
        rows(connection, query, [key, entry.revision, entry.updated, entry.name])
        return True
    values = [entry.name, key, entry.revision, entry.updated, entry.token]
    if not rows(connection, _ADD_NAME, values):
        return False
    charge(connection, token, Usage(names=1))
    return True


def _remove_names(
    connection: Connection, key: bytes, gone: Sequence[tuple[str, Usage]]
) -> Sequence[str]:
    """Remove the names of a document, and give tokens back what they and the document took."""
    removed = rows(
        connection, "delete from mgraph.names where id = %s returning name, payer", [key]
    )
    refund(connection, [*gone, *((payer, Usage(names=1)) for _, payer in removed)])
    return sorted((name for name, _ in removed), key=by_parts)


def _absent(connection: Connection, document: str) -> NotFoundError | RemovedError:
    """Return the error for a document that is not there."""
    query = "select reason from mgraph.documents where id = %s"
    found = rows(connection, query, [_bytes(document)])
    if found:
        return RemovedError.of_document(document, found[0][0])
    return NotFoundError.of_kind("document", document)


def _damaged(document: str) -> DamagedError:
    what = "its bytes are not those that were stored"
    message = f"the store is damaged at {document}: {what}"
    fix = "mgraph store verify lists all damage; restore these documents from a backup"
    error = DamagedError.of("damaged", message, fix=fix)
    error.what = what
    return error


def _bytes(document: str) -> bytes:
    return bytes.fromhex(digits_of(document))


def _ids(keys: Sequence[tuple[bytes]]) -> Sequence[str]:
    return [DOCUMENT + key.hex() for (key,) in keys]


def _after(document: str) -> bytes:
    """Return what ids come after; nothing comes before the empty one."""
    return _bytes(document) if document else b""


def _most(limit: int) -> int:
    return min(limit, _MOST_ROWS)
