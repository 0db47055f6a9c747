"""The store of the service in PostgreSQL: how long it takes with a million documents.

The documents are those of the table `documents`, and so is what is done with them, at random; all
are in the system's cache. The database is on the same machine, without a network between; its
settings are those it comes with, except for `shared_buffers`, which is 32 MB. Storing waits for
the disk once. *Listing all* reads all ids, in pages of 1,000.
"""

from __future__ import annotations

from contextlib import closing
from importlib.util import find_spec
from time import perf_counter
from typing import TYPE_CHECKING, Final

from benchmarks.documents import TIME, Entry, at, entries_of, measure
from benchmarks.report import progress, seconds, table
from mgraph.service.store.ids import digits_of, graph_digits

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from benchmarks.report import Figures
    from mgraph.service.store.protocol import GraphStore

_PAGE: Final = 1_000
_DATABASE: Final = "graphs"
_ROUNDS: Final = 10_000

_DOCUMENTS: Final = "copy mgraph.documents (id, graph, is_listed, data) from stdin (format binary)"
_NAMES: Final = "copy mgraph.names (name, id, revision, updated) from stdin"


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    count = 1_000 if quick else 1_000_000
    times, size = _measured(count, 200 if quick else _ROUNDS) if _has_postgres() else ({}, 0)
    yield from table(
        ("what", "median", "99 of 100 within"),
        [(what, seconds(at(each, 0.5)), seconds(at(each, 0.99))) for what, each in times.items()],
    )
    if times:
        yield f"On the disk, a document takes {size / count:,.0f} bytes, with all indexes.\n"
    return [
        *({"what": what, "seconds": at(each, 0.5)} for what, each in times.items()),
        {"what": "a document", "bytes": size / count},
    ]


def _has_postgres() -> bool:
    from tests.groups.needs import GROUPS, missing  # noqa: PLC0415

    return find_spec("psycopg") is not None and not missing(GROUPS["postgres"])


def _measured(count: int, rounds: int) -> tuple[Mapping[str, Sequence[float]], int]:
    """Return the times of each thing that was done, and the size of the database in bytes."""
    from mgraph.service.store.postgres.store import PostgresStore  # noqa: PLC0415 - the extra
    from tests.groups.postgres.cluster import cluster  # noqa: PLC0415

    entries = [*entries_of(count)]
    with cluster() as postgres:
        address = postgres.create(_DATABASE)
        with closing(PostgresStore(address, create=True)) as store:
            progress(f"making {count:,} documents")
            _copy(address, entries)
            postgres.sql(_DATABASE, "vacuum analyze")
            progress("measuring")
            times = _times(store, entries, rounds)
        ((size,),) = postgres.sql(_DATABASE, f"select pg_database_size('{_DATABASE}')")
        return times, size


def _copy(address: str, entries: Sequence[Entry]) -> None:
    """Write the rows that a store would have written, in one transaction."""
    import psycopg  # noqa: PLC0415 - the extra

    with psycopg.connect(address) as connection, connection.cursor() as cursor:
        with cursor.copy(_DOCUMENTS) as copy:
            copy.set_types(["bytea", "bytea", "bool", "bytea"])
            for entry in entries:
                keys = _bytes(digits_of(entry.id)), _bytes(graph_digits(entry.graph))
                copy.write_row((*keys, True, entry.data))
        with cursor.copy(_NAMES) as copy:
            for entry in filter(lambda entry: entry.name, entries):
                key = _bytes(digits_of(entry.id))
                copy.write_row((entry.name, key, entry.revision, TIME))


def _bytes(digits: str) -> bytes:
    return bytes.fromhex(digits)


def _times(store: GraphStore, entries: Sequence[Entry], rounds: int) -> Mapping[str, list[float]]:
    times: dict[str, list[float]] = measure(store, entries, rounds)
    start, count, last = perf_counter(), 0, ""
    while page := store.list(after=last, limit=_PAGE):
        count, last = count + len(page), page[-1]
    times["listing all"] = [perf_counter() - start]
    if count < len(entries):
        message = f"only {count:,} documents are listed"
        raise SystemExit(message)
    return times
