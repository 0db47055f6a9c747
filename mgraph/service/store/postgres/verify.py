"""Verifying a store in a database: every document, every reference, every count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mgraph.document import loads
from mgraph.errors import GraphError
from mgraph.service.store.errors import StoreError
from mgraph.service.store.ids import DOCUMENT, graph_digits, id_of, is_name
from mgraph.service.store.layout import DOCUMENTS, LEDGERS, NAMES, RUNS, TOKENS, UNLISTED
from mgraph.service.store.postgres.rows import digest_of
from mgraph.service.store.verify import Damage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mgraph.service.store.postgres.store import PostgresStore

_DOCUMENT: Final = "select data, graph, is_listed from mgraph.documents where id = %s"
_NAMES: Final = """
select name, d.id is null or d.data is null from mgraph.names as n
left join mgraph.documents as d on d.id = n.id where name > %s order by name limit %s
"""
_USAGE: Final = """
select payer, coalesce(sum(documents), 0), coalesce(sum(bytes), 0), coalesce(sum(names), 0) from (
    select payer, 1 as documents, size as bytes, 0 as names from mgraph.documents
        where data is not null
    union all select payer, 0, 0, 1 from mgraph.names
    union all select payer, -documents, -bytes, -names from mgraph.usage
) as booked where payer <> '' group by payer
having sum(documents) <> 0 or sum(bytes) <> 0 or sum(names) <> 0 order by payer
"""
"""The tokens for which more was counted than is there, or less."""


class PostgresVerification:
    """Goes through a store once. Others may write to it at the same time.

    Attributes:
        counts: How many of each kind were verified so far.
    """

    def __init__(self, store: PostgresStore, step: Callable[[], None] = lambda: None) -> None:
        """Take a store, and what to call after each document."""
        self.step = step
        self.counts = dict.fromkeys((DOCUMENTS, UNLISTED, NAMES, TOKENS, RUNS), 0)
        self._rows = store.database.rows
        self._store = store

    def damages(self) -> Iterator[Damage]:
        """Yield all damage, and cached runs that are not whole."""
        for check in (self._documents, self._names, self._usage, self._tokens, self._runs):
            yield from check()

    def _documents(self) -> Iterator[Damage]:
        query = "select id from mgraph.documents where data is not null"
        for (key,) in self._store.pages(f"{query} and id > %s order by id limit %s", b""):
            found = self._rows(_DOCUMENT, [key])
            if found and found[0][0] is not None:  # else it was taken down in this moment
                data, graph, is_listed = found[0]
                self.counts[DOCUMENTS if is_listed else UNLISTED] += 1
                if what := _fault(data, key, graph):
                    yield Damage(f"{DOCUMENTS}/{key.hex()}", what)
            self.step()

    def _names(self) -> Iterator[Damage]:
        for name, is_without in self._store.pages(_NAMES, ""):
            self.counts[NAMES] += 1
            if not is_name(name):
                yield Damage(f"{NAMES}/{name}", "it can't be a name")
            elif is_without:
                yield Damage(f"{NAMES}/{name}", "there is no such document")

    def _usage(self) -> Iterator[Damage]:
        for payer, *differences in self._rows(_USAGE):
            shown = ", ".join(
                f"{x:+} {what}" for x, what in zip(differences, _COUNTED, strict=True)
            )
            message = f"there is more, or less, than what was counted: {shown}"
            yield Damage(f"{LEDGERS}/{payer}", message)

    def _tokens(self) -> Iterator[Damage]:
        self.counts[TOKENS] = len(self._store.tokens())
        yield from ()

    def _runs(self) -> Iterator[Damage]:
        if self._store.is_standby:
            return
        query = "select key, data, digest from mgraph.runs where key > %s order by key limit %s"
        for key, data, digest in self._store.pages(query, b"", limit=1):
            self.counts[RUNS] += 1
            if digest_of(data) != digest:
                yield Damage(f"{RUNS}/{key.hex()}", "it is not a whole run", is_debris=True)


_COUNTED: Final = ("documents", "bytes", "names")


def _fault(data: bytes, key: bytes, graph: bytes) -> str:
    """Return what is wrong with a document; empty if nothing is."""
    if id_of(data) != DOCUMENT + key.hex():
        return "its bytes are not those that were stored"
    try:
        digits = graph_digits(loads(data).hash)
    except StoreError:
        raise
    except GraphError as error:
        return f"it is not a graph file: {error.diagnostics[0].message}"
    return "" if digits == graph.hex() else "it holds another graph than the one it is found by"
