"""The tables of a store, their version, and the steps between versions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mgraph.service.store.postgres.connections import rows
from mgraph.service.store.postgres.failures import unavailable

if TYPE_CHECKING:
    import psycopg

_PART: Final = "[a-z0-9][a-z0-9_-]{0,63}"

_TABLES: Final = f"""
create table mgraph.format (
    version integer not null,
    is_only boolean primary key default true check (is_only)
);
create table mgraph.documents (
    id bytea primary key check (octet_length(id) = 32),
    graph bytea check (octet_length(graph) = 32),
    is_listed boolean not null,
    data bytea,
    size integer generated always as (octet_length(data)) stored,
    stored timestamptz not null default now(),
    payer text not null default '',
    removed timestamptz,
    reason text not null default '',
    check ((removed is null) = (data is not null)),
    check ((removed is null) = (graph is not null)),
    check (removed is null or not is_listed)
);
create index documents_listed on mgraph.documents (id) where is_listed;
create index documents_graph on mgraph.documents (graph, id) where is_listed;
create table mgraph.names (
    name text collate "C" primary key
        check (length(name) <= 200 and name ~ '^{_PART}(/{_PART})*$'),
    id bytea not null references mgraph.documents,
    revision text not null check (revision ~ '^[0-9a-f]{{16}}$'),
    updated timestamptz not null,
    payer text not null default ''
);
create index names_order on mgraph.names (replace(name, '/', ' ') collate "C");
create index names_document on mgraph.names (id);
create table mgraph.tokens (
    id text primary key check (id ~ '^[0-9a-f]{{8}}$'),
    digest text not null check (digest ~ '^[0-9a-f]{{64}}$'),
    scope text not null check (scope in ('read', 'write', 'class')),
    prefix text not null,
    documents bigint check (documents >= 0),
    bytes bigint check (bytes >= 0),
    names bigint check (names >= 0),
    created timestamptz,
    expires timestamptz,
    note text not null
);
create table mgraph.usage (
    payer text primary key,
    documents bigint not null,
    bytes bigint not null,
    names bigint not null
);
create unlogged table mgraph.runs (
    key bytea primary key check (octet_length(key) = 32),
    digest bytea not null,
    data bytea not null,
    cached timestamptz not null default now()
);
comment on schema mgraph is 'A store of mgraph serve; docs/store.md of mgraph describes it.';
"""
"""The tables of version 1. Of a document that was taken down, the row stays, without its data.

`names_order` has `/` before all other characters of names, so that names are sorted by their parts.
"""

STEPS: tuple[str, ...] = (_TABLES,)
"""For each version, what makes it of the one before. A released step never changes."""

_LOCK: Final = 0x6D67_7261_7068  # "mgraph", in ASCII
_FIX: Final = "mgraph store add, mgraph token new and mgraph serve make a store"
_TABLES_NOW: Final = """
select relname from pg_namespace as n left join pg_class as c on c.relnamespace = n.oid
where nspname = 'mgraph'
"""
"""The tables and indexes of our schema; one row with null if it has none, no row without it.

What `to_regclass` finds may be older than the lock which was waited for.
"""


def prepare(connection: psycopg.Connection[Any], *, create: bool) -> None:
    """Bring a database to the newest version; of several processes, one does it.

    Args:
        connection: A connection to it.
        create: Whether to make the tables, if there are none.

    Raises:
        UnavailableError: It has no store, or one of a newer version, or the tables can't be made.
    """
    if _version(connection, create=create) == len(STEPS):
        return
    with connection.transaction():
        rows(connection, "set local statement_timeout = 0")
        rows(connection, "set local lock_timeout = 0")
        rows(connection, "select pg_advisory_xact_lock(%s)", [_LOCK])
        version = _version(connection, create=create)  # as another process has left it
        if version == 0:
            _check_database(connection)
            if not rows(connection, _TABLES_NOW):  # else it was made by somebody who may do that
                rows(connection, "create schema mgraph")
        for step in STEPS[version:]:
            connection.execute(step)
        rows(connection, "delete from mgraph.format")
        rows(connection, "insert into mgraph.format (version) values (%s)", [len(STEPS)])


def _version(connection: psycopg.Connection[Any], *, create: bool) -> int:
    """Return the version of the tables; 0 if there are none."""
    version = 0
    if ("format",) in rows(connection, _TABLES_NOW):
        version = rows(connection, "select version from mgraph.format")[0][0]
    elif not create:
        raise unavailable("the database has no store", _FIX)
    if version > len(STEPS):
        message = f"the database has a store of version {version}, which is newer"
        raise unavailable(f"{message} than {len(STEPS)}", "use a newer mgraph")
    return version


def _check_database(connection: psycopg.Connection[Any]) -> None:
    """Refuse a database that can't hold a store."""
    encoding = rows(connection, "select current_setting('server_encoding')")[0][0]
    if encoding != "UTF8":
        fix = "make a database for it: createdb --encoding UTF8 --template template0 NAME"
        raise unavailable(f"the encoding of the database is {encoding}, not UTF8", fix)
    if any(name for (name,) in rows(connection, _TABLES_NOW)):
        message = "the schema mgraph of the database has tables which are not of a store"
        raise unavailable(message, "use another database")
