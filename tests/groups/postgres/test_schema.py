"""The tables of a store, and the way from one version to the next."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from mgraph.service.store.errors import UnavailableError
from mgraph.service.store.postgres import schema
from mgraph.service.store.postgres.store import PostgresStore
from tests.groups.postgres.conftest import DATABASE
from tests.service.store.test_conformance import GRAPH

if TYPE_CHECKING:
    from tests.groups.postgres.cluster import Cluster

STEPS = schema.STEPS
NEXT = (
    "alter table mgraph.names add column note text not null default 'new'",
    "create table mgraph.third (steps integer); insert into mgraph.third values (3)",
)
"""Two versions that don't exist."""


def opened(address: str, *, create: bool = False) -> None:
    """Open a store and close it."""
    PostgresStore(address, create=create).close()


def version(postgres: Cluster) -> int:
    """Return the version that the tables say they have; exactly one."""
    ((found,),) = postgres.sql(DATABASE, "select version from mgraph.format")
    return int(found)


def test_a_store_is_made_only_if_asked(address: str, postgres: Cluster) -> None:
    """Whoever only looks changes nothing."""
    with pytest.raises(UnavailableError, match="has no store"):
        opened(address)
    query = "select to_regnamespace('mgraph') is null"
    assert postgres.sql(DATABASE, query) == [(True,)]
    opened(address, create=True)
    opened(address)
    assert version(postgres) == len(STEPS)


def test_servers_that_start_at_once(address: str, postgres: Cluster) -> None:
    """Of 8 that start on an empty database, one makes the tables, and all have them."""
    with ThreadPoolExecutor(8) as threads:
        stores = [*threads.map(lambda _: PostgresStore(address, create=True), range(8))]
    document = stores[0].put(b"1", GRAPH).id
    assert [store.get(document) for store in stores] == [b"1"] * 8
    for store in stores:
        store.close()
    assert version(postgres) == len(STEPS)


def test_an_older_version_is_brought_up(
    address: str, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step is made once, by one of the servers that start; nothing that was stored is lost."""
    store = PostgresStore(address, create=True)
    document = store.put(b"1", GRAPH).id
    entry = store.set_name("a", document)
    store.close()
    monkeypatch.setattr(schema, "STEPS", (*STEPS, *NEXT))
    with ThreadPoolExecutor(8) as threads:
        stores = [*threads.map(lambda _: PostgresStore(address), range(8))]
    for store in stores:
        assert (store.get(document), store.get_name("a")) == (b"1", entry)
        store.close()
    assert version(postgres) == len(STEPS) + 2
    assert postgres.sql(DATABASE, "select note from mgraph.names") == [("new",)]
    assert postgres.sql(DATABASE, "select steps from mgraph.third") == [(3,)]


def test_a_newer_version_is_refused(
    address: str, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older mgraph does not touch tables that it doesn't know."""
    with monkeypatch.context() as newer:
        newer.setattr(schema, "STEPS", (*STEPS, *NEXT))
        opened(address, create=True)
    for create in (False, True):
        with pytest.raises(UnavailableError, match="which is newer") as caught:
            opened(address, create=create)
        assert caught.value.diagnostics[0].fix == "use a newer mgraph"
    assert version(postgres) == len(STEPS) + 2


def test_a_step_that_fails_changes_nothing(
    address: str, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps are made together or not at all, so that the older mgraph still works."""
    opened(address, create=True)
    monkeypatch.setattr(schema, "STEPS", (*STEPS, *NEXT, "select 1 / 0"))
    with pytest.raises(UnavailableError, match="division by zero"):
        opened(address)
    monkeypatch.undo()
    assert version(postgres) == len(STEPS)
    assert postgres.sql(DATABASE, "select to_regclass('mgraph.third') is null") == [(True,)]
    opened(address)


def test_tables_of_somebody_else(address: str, postgres: Cluster) -> None:
    """A schema with our name that has other tables is left alone; an empty one is used."""
    postgres.sql(DATABASE, "create schema mgraph; create table mgraph.format_of_others (x integer)")
    with pytest.raises(UnavailableError, match="which are not of a store"):
        opened(address, create=True)
    postgres.sql(DATABASE, "drop table mgraph.format_of_others")
    opened(address, create=True)
    assert version(postgres) == len(STEPS)


def test_a_schema_made_by_an_administrator(address: str, postgres: Cluster) -> None:
    """A user who may not make a schema uses the one that was made for it."""
    for query in (
        "drop role if exists keeper", "create role keeper login",
        f"revoke create on database {DATABASE} from public",
    ):  # fmt: skip
        postgres.sql(DATABASE, query)
    own = postgres.address(DATABASE, user="keeper")
    with pytest.raises(UnavailableError, match="permission denied"):
        opened(own, create=True)
    postgres.sql(DATABASE, "create schema mgraph authorization keeper")
    opened(own, create=True)
    assert version(postgres) == len(STEPS)
    postgres.sql(DATABASE, "drop schema mgraph cascade; drop role keeper")
    assert address != own


def test_a_database_of_another_encoding(postgres: Cluster) -> None:
    """Only UTF-8 has all characters of notes and reasons; the error says how to get it."""
    postgres.sql("postgres", "drop database if exists latin")
    query = "create database latin encoding 'LATIN1' locale 'C' template template0"
    postgres.sql("postgres", query)
    with pytest.raises(UnavailableError, match="LATIN1, not UTF8") as caught:
        opened(postgres.address("latin"), create=True)
    assert "createdb --encoding UTF8" in (caught.value.diagnostics[0].fix or "")
