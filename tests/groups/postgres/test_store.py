"""What the store in PostgreSQL promises besides what every store does."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import pytest

from mgraph.service.store.access import new_token
from mgraph.service.store.cleaning import Cleaned
from mgraph.service.store.errors import (
    DamagedError,
    NotFoundError,
    QuotaError,
    RemovedError,
    UnavailableError,
)
from mgraph.service.store.opening import clean_store, document_count, verification
from mgraph.service.store.postgres import cleaning, connections
from mgraph.service.store.postgres.store import PostgresStore
from mgraph.service.store.tokens import AccessToken, Quota, Scope, Usage
from tests.groups.postgres.cluster import PASSWORD, USER
from tests.groups.postgres.conftest import DATABASE
from tests.service.store.test_conformance import GRAPH, KEY, OTHER, id_by_hand
from tests.service.store.writers import GRAPH as NEURON_GRAPH
from tests.service.store.writers import NEURON, neuron_with

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.groups.postgres.cluster import Cluster


@pytest.fixture
def other(store: PostgresStore, address: str) -> Iterator[PostgresStore]:
    """Return the same store, as another server has it."""
    assert store.count() == 0
    made = PostgresStore(address)
    yield made
    made.close()


def damages(store: PostgresStore) -> list[tuple[str, str]]:
    """Return all damage of a store."""
    return [(x.file, x.message) for x in verification(store, lambda: None).damages()]


# --- two servers ---


def test_servers_see_each_other(store: PostgresStore, other: PostgresStore) -> None:
    """What one has acknowledged, the other has: documents, names, runs, tokens, take-downs."""
    document = store.put(b"1", GRAPH).id
    entry = store.set_name("a/b", document)
    store.put_run(KEY, b"run")
    _, token = new_token(store, Scope.WRITE, prefix="a", quota=Quota(1, 2, 3), note="Ada")
    assert other.get(document) == b"1"
    assert other.put(b"1", GRAPH) == (document, False)
    assert other.get_name("a/b") == entry
    assert other.get_run(KEY) == b"run"
    assert [*other.tokens()] == [token]
    other.remove(document, "by request")
    with pytest.raises(RemovedError, match="by request"):
        store.get(document)
    with pytest.raises(NotFoundError):
        store.get_name("a/b")


def test_quotas_are_exact_for_two_servers(store: PostgresStore, other: PostgresStore) -> None:
    """Of 40 documents and names that 8 threads of two servers add at once, 17 and 11 fit."""
    _, token = new_token(store, Scope.WRITE, quota=Quota(documents=17, bytes=10**6, names=11))
    target = store.put(b"target", GRAPH).id

    def add(i: int) -> tuple[bool, bool]:
        server = (store, other)[i % 2]
        is_stored = is_named = False
        with suppress(QuotaError):
            is_stored = server.put(b"%d" % i, GRAPH, token=token).is_new
        with suppress(QuotaError):
            is_named = bool(server.set_name(f"n{i}", target, token=token))
        return is_stored, is_named

    with ThreadPoolExecutor(8) as threads:
        done = [*threads.map(add, range(40))]
    assert [sum(column) for column in zip(*done, strict=True)] == [17, 11]
    assert store.usage(token.id).documents == 17
    assert store.usage(token.id).names == 11 == len(store.names(limit=1000))
    assert len(store.list(limit=1000)) == 18
    assert not [x for x in damages(store) if x[0].startswith("ledgers")], "counts are exact"


def test_the_same_bytes_at_once(store: PostgresStore, other: PostgresStore) -> None:
    """Of 16 who store the same bytes at once, one has stored something new, and one pays."""
    _, token = new_token(store, Scope.WRITE)
    with ThreadPoolExecutor(8) as threads:
        stored = [
            *threads.map(lambda i: (store, other)[i % 2].put(b"x", GRAPH, token=token), range(16))
        ]
    assert sum(x.is_new for x in stored) == 1
    assert store.usage(token.id) == Usage(documents=1, bytes=1)


def test_no_name_outlives_its_document(store: PostgresStore, other: PostgresStore) -> None:
    """While names are set, their document is taken down: no name is left, and no quota is lost."""
    _, token = new_token(store, Scope.WRITE)
    for round_ in range(10):
        document = store.put(b"%d" % round_, GRAPH, token=token).id
        barrier = threading.Barrier(5)

        def name(i: int, document: str = document, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            for j in range(3):
                with suppress(RemovedError):
                    other.set_name(f"n{i}-{j}", document, token=token)

        with ThreadPoolExecutor(4) as threads:
            naming = [threads.submit(name, i) for i in range(4)]
            barrier.wait()
            store.remove(document)
            for each in naming:
                each.result()
        assert [*store.names()] == []
        assert store.usage(token.id) == Usage()


# --- damage ---


def test_damage_is_found(store: PostgresStore, postgres: Cluster) -> None:
    """Bytes, graphs and counts that are not as they were stored are noticed and named."""
    good, bad, lost = (store.put(neuron_with(x), NEURON_GRAPH).id for x in ("1", "2", "3"))
    text = store.put(b"no graph", GRAPH).id
    _, token = new_token(store, Scope.WRITE)
    store.set_name("a", good, token=token)
    store.put_run(KEY, b"run")
    changes: list[tuple[str, list[bytes]]] = [
        ("update mgraph.documents set data = %s where id = %s", [b"{}", bytes.fromhex(bad[7:])]),
        ("update mgraph.documents set graph = %s where id = %s",
         [bytes.fromhex(OTHER[-64:]), bytes.fromhex(lost[7:])]),
        ("update mgraph.usage set names = 7", []),
        ("update mgraph.runs set data = 'x'", []),
    ]  # fmt: skip
    for query, values in changes:
        postgres.sql(DATABASE, query, values)
    with pytest.raises(DamagedError, match="not those that were stored"):
        store.get(bad)
    assert store.get(good) == neuron_with("1")
    assert store.get_run(KEY) is None
    found = dict(damages(store))
    assert found.pop(f"documents/{text[7:]}").startswith("it is not a graph file")
    assert found == {
        f"documents/{bad[7:]}": "its bytes are not those that were stored",
        f"documents/{lost[7:]}": "it holds another graph than the one it is found by",
        f"ledgers/{token.id}": "there is more, or less, than what was counted: "
        "+0 documents, +0 bytes, -6 names",
        f"runs/{KEY}": "it is not a whole run",
    }


@pytest.mark.parametrize(
    "query",
    [
        "update mgraph.names set name = '../etc'",
        "update mgraph.names set name = 'A'",
        "update mgraph.names set revision = ''",
        "delete from mgraph.documents",
        "update mgraph.documents set data = null",
        "update mgraph.documents set id = '1'",
        "insert into mgraph.format (version) values (1)",
    ],
)
def test_the_database_refuses_nonsense(store: PostgresStore, postgres: Cluster, query: str) -> None:
    """Whatever writes to the tables, they hold what a store may hold."""
    from psycopg import IntegrityError  # noqa: PLC0415

    store.set_name("a", store.put(b"1", GRAPH).id)
    with pytest.raises(IntegrityError):
        postgres.sql(DATABASE, query)


# --- the cache of runs ---


def test_cached_runs_are_bounded(store: PostgresStore, address: str, postgres: Cluster) -> None:
    """However many runs are cached, about as many bytes are kept as allowed: the newest."""
    small = PostgresStore(address, run_bytes=160_000)
    data = bytes(5_000)
    keys = [f"{i:064x}" for i in range(100)]
    for key in keys:
        small.put_run(key, data)
    kept = [key for key in keys if small.get_run(key) == data]
    assert 100_000 <= len(kept) * len(data) <= 160_000
    assert kept == keys[-len(kept) :]
    ((size,),) = postgres.sql(DATABASE, "select sum(octet_length(data)) from mgraph.runs")
    assert size == len(kept) * len(data)
    small.put_run(KEY, bytes(10_001))
    assert small.get_run(KEY) is None, "one run does not fill a large part of the cache"
    small.close()
    assert clean_store(store, run_days=0).runs == len(kept)


# --- cleaning ---


def test_cleaning(store: PostgresStore, postgres: Cluster) -> None:
    """Documents without a name are removed after their time, and their token gets quota back."""
    _, token = new_token(store, Scope.WRITE)
    named, old, new = (store.put(x, GRAPH, token=token).id for x in (b"named", b"old", b"new"))
    store.set_name("a", named)
    store.remove(id_by_hand(b"gone"))
    postgres.sql(
        DATABASE, "update mgraph.documents set stored = now() - interval '9 days' where id <> %s",
        [bytes.fromhex(new[7:])],
    )  # fmt: skip
    assert clean_store(store) == Cleaned()
    assert clean_store(store, unnamed_days=10) == Cleaned()
    assert clean_store(store, unnamed_days=8) == Cleaned(documents=1, bytes=3)
    assert [*store.list()] == sorted([named, new])
    with pytest.raises(NotFoundError):
        store.get(old)
    assert store.usage(token.id) == Usage(documents=2, bytes=8)
    with pytest.raises(RemovedError):
        store.put(b"gone", GRAPH)
    assert document_count(store) == 2


def test_cleaning_passes_over_what_is_in_use(
    store: PostgresStore, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that somebody gives a name in this moment stays; nobody waits for anybody."""
    import psycopg  # noqa: PLC0415

    monkeypatch.setattr(cleaning, "_AT_ONCE", 2)
    documents = [store.put(neuron_with(str(i)), NEURON_GRAPH).id for i in range(8)]
    with psycopg.connect(postgres.address(DATABASE)) as naming:
        query = "select from mgraph.documents where id = %s for share"
        naming.execute(query, [bytes.fromhex(documents[3][7:])])
        assert clean_store(store, unnamed_days=0).documents == 7, "in four transactions"
    assert [*store.list()] == [documents[3]]
    assert clean_store(store, unnamed_days=0).documents == 1


def test_cleaning_lets_names_be_set(store: PostgresStore, other: PostgresStore) -> None:
    """While documents without a name are removed, names are set: none is left without its own."""
    documents = [store.put(neuron_with(str(i)), NEURON_GRAPH).id for i in range(60)]

    def name(i: int) -> None:
        with suppress(NotFoundError):
            other.set_name(f"n{i}", documents[i])

    with ThreadPoolExecutor(5) as threads:
        naming = [threads.submit(name, i) for i in range(60)]
        removed = sum(clean_store(store, unnamed_days=0).documents for _ in range(5))
        for each in naming:
            each.result()
    names = store.names(limit=100)
    assert all(store.get(entry.id) for entry in names)
    assert removed + store.count() == 60
    assert damages(store) == []


# --- texts ---


HOSTILE = (
    "'; drop schema mgraph cascade; --", "%s %(x)s %", "\0", "a\0b", "\ud800", "\x7f", "ü\u2028",
    "\N{BYTE ORDER MARK}", "\\", "x" * 10_000, "{}", "$1", "\x1f", "~", "a.", "a/\0",
)  # fmt: skip


def test_hostile_texts(store: PostgresStore) -> None:
    """Whatever a text says, it is stored as a text; what no database can hold is replaced."""
    document = store.put(b"1", GRAPH).id
    for i, text in enumerate(HOSTILE):
        expected = text.replace("\0", "\N{REPLACEMENT CHARACTER}").replace("\ud800", "?")
        _, token = new_token(store, Scope.READ, note=text)
        assert store.get_token(token.id).note == expected
        gone = store.put(b"gone %d" % i, GRAPH).id
        store.remove(gone, text)
        with pytest.raises(RemovedError) as caught:
            store.get(gone)
        assert caught.value.reason == expected
    assert store.get(document) == b"1"


def test_any_text_can_stand_before_a_page(store: PostgresStore) -> None:
    """Names that come after any text are those that a store in memory has there."""
    from mgraph.service.store.memory import MemoryStore  # noqa: PLC0415

    memory = MemoryStore()
    tree = ["a", "a/b", "a/b/c", "a/b-d", "a-b", "a-b/c", "a0", "a_b", "ab/c", "z", "z9/z"]
    for each in (memory, store):
        document = each.put(b"1", GRAPH).id
        for name in tree:
            each.set_name(name, document)
    texts = [
        *HOSTILE,
        *tree,
        *(f"{name}{end}" for name in tree for end in ("/", "\0", "!", "é", "\n")),
    ]
    for text in texts:
        expected = [entry.name for entry in memory.names(after=text)]
        assert [entry.name for entry in store.names(after=text)] == expected, repr(text)
        below = [entry.name for entry in memory.names("a", after=text)]
        assert [entry.name for entry in store.names("a", after=text)] == below, repr(text)


# --- access ---


def test_a_password_is_shown_nowhere(
    postgres: Cluster, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opens the database, but no error, and no name of the store, has it."""
    from urllib.parse import quote  # noqa: PLC0415

    assert store.count() == 0
    place = f"127.0.0.1:{postgres.port}/{DATABASE}"
    right = PostgresStore(f"postgresql://{USER}:{quote(PASSWORD, safe='')}@{place}")
    assert right.put(b"1", GRAPH).is_new
    assert PASSWORD not in repr(right)
    assert quote(PASSWORD, safe="") not in repr(right)
    right.close()
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    PostgresStore(f"postgresql://{USER}@{place}").close()
    for address in (f"{USER}:wr0ng@{place}", f"{USER}:wr0ng@:::/x", f"x:wr0ng@{place}?nonsense=1"):
        with pytest.raises(UnavailableError) as caught:
            PostgresStore(f"postgresql://{address}")
        assert "wr0ng" not in f"{caught.value!r} {caught.value}"


def test_who_may_only_read(postgres: Cluster, store: PostgresStore) -> None:
    """A user of the database who may only read can be a server's; storing says who refuses."""
    document = store.put(b"1", GRAPH).id
    for query in (
        "drop role if exists reader", "create role reader login",
        "grant usage on schema mgraph to reader",
        "grant select on all tables in schema mgraph to reader",
    ):  # fmt: skip
        postgres.sql(DATABASE, query)
    reader = PostgresStore(postgres.address(DATABASE, user="reader"))
    assert reader.get(document) == b"1"
    with pytest.raises(UnavailableError, match="permission denied") as caught:
        reader.put(b"2", GRAPH)
    assert caught.value.retry_after == 0, "it does not help to come again"
    reader.close()
    postgres.sql(DATABASE, "drop owned by reader; drop role reader")


# --- what takes long ---


def test_a_statement_that_waits_too_long(
    store: PostgresStore, postgres: Cluster, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that somebody holds is waited for, but not for ever; then it helps to come again."""
    import psycopg  # noqa: PLC0415

    quick = connections._SESSION.replace("'5s'", "'50ms'")  # noqa: SLF001
    monkeypatch.setattr(connections, "_SESSION", quick)
    document = store.put(b"1", GRAPH).id
    impatient = PostgresStore(address)
    with psycopg.connect(postgres.address(DATABASE)) as holder:
        holder.execute("lock table mgraph.names in access exclusive mode")
        with pytest.raises(UnavailableError, match="took too long") as caught:
            impatient.set_name("a", document)
        assert caught.value.retry_after > 0
        assert impatient.get(document) == b"1", "that is not an outage"
    assert impatient.set_name("a", document)
    impatient.close()


def test_connections_that_are_all_in_use(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gets no connection in time may come again; that keeps nobody else from going on."""
    monkeypatch.setattr(connections, "_WAIT", 600.0)  # however slow this machine is
    document = store.put(b"1", GRAPH).id
    pool = store.database.pool
    with ExitStack() as stack:
        for _ in range(connections.CONNECTIONS):
            stack.enter_context(pool.connection(timeout=60))
        pool.timeout = 0.01
        with pytest.raises(UnavailableError, match="couldn't get a connection") as caught:
            store.get(document)
        assert caught.value.retry_after > 0
        pool.timeout = 60
    assert store.get(document) == b"1", "at once"


def test_connections_are_few(store: PostgresStore, postgres: Cluster) -> None:
    """However many threads ask at once, a server has no more connections than it says."""
    store.put(NEURON, NEURON_GRAPH)
    query = f"select count(*) from pg_stat_activity where datname = '{DATABASE}'"  # noqa: S608
    seen: list[int] = []

    def ask(_: int) -> None:
        for _ in range(5):
            assert [*store.list()]

    with ThreadPoolExecutor(30) as threads:
        asking = [threads.submit(ask, i) for i in range(30)]
        while not all(each.done() for each in asking):
            seen.append(postgres.sql("postgres", query)[0][0])
        for each in asking:
            each.result()
    assert max(seen) <= connections.CONNECTIONS


def test_lost_connections_are_replaced(store: PostgresStore, postgres: Cluster) -> None:
    """Connections that the database has ended are made anew, without an error."""
    document = store.put(b"1", GRAPH).id
    with ThreadPoolExecutor(8) as threads:
        for _ in range(3):
            assert {*threads.map(lambda _: store.get(document), range(30))} == {b"1"}
            postgres.sql(
                DATABASE,
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where application_name = 'mgraph'",
            )
            assert {*threads.map(lambda _: store.get(document), range(8))} == {b"1"}
            store.set_name("a", document)


def test_a_revoked_token_still_counts(store: PostgresStore) -> None:
    """A token that a server remembers for a moment after it was revoked is charged as before."""
    _, token = new_token(store, Scope.WRITE, quota=Quota(documents=1))
    store.remove_token(token.id)
    store.put(b"1", GRAPH, token=token)
    with pytest.raises(QuotaError):
        store.put(b"2", GRAPH, token=token)


def test_tokens_keep_all_they_have(store: PostgresStore) -> None:
    """Every field of a token comes back, times to the second."""
    fields: dict[str, Any] = {
        "digest": "5" * 64, "scope": Scope.CLASS, "prefix": "class-7a", "quota": Quota(1, None, 0),
        "created": "2027-03-01T09:30:00Z", "expires": "2999-12-31T23:59:59Z", "note": "Ms. Noether",
    }  # fmt: skip
    token = AccessToken("1f2e3d4c", **fields)
    store.add_token(token)
    assert store.get_token("1f2e3d4c") == token
