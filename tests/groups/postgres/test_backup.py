"""The recipe for backups, as docs/store.md has it."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mgraph.service.store.access import authenticate, new_token
from mgraph.service.store.errors import RemovedError, UnavailableError
from mgraph.service.store.opening import verification
from mgraph.service.store.postgres.store import PostgresStore
from mgraph.service.store.tokens import Quota, Scope
from tests.groups.postgres.cluster import cluster
from tests.groups.postgres.conftest import DATABASE
from tests.groups.postgres.test_processes import keep_storing
from tests.service.store.test_conformance import KEY
from tests.service.store.writers import GRAPH, neuron_with

if TYPE_CHECKING:
    from tests.groups.postgres.cluster import Cluster

PAGE = Path(__file__).parents[3] / "docs" / "store.md"
COMMANDS = re.search(
    r"^### Back it up\n\n```sh\n(.*?)```", PAGE.read_text(), re.DOTALL | re.MULTILINE
)
RESTORED = "restored"


def test_a_backup_is_a_store(store: PostgresStore, postgres: Cluster) -> None:
    """The commands of the page, while a server writes: what was there before is in the copy."""
    assert COMMANDS is not None
    _fill(store)
    secret, token = new_token(store, Scope.WRITE, quota=Quota(documents=9), note="Ada")
    document = store.put(neuron_with("paid"), GRAPH, token=token).id
    entry = store.set_name("a/b", document, token=token)
    postgres.sql("postgres", f"drop database if exists {RESTORED}")
    is_over = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        storing = threads.submit(keep_storing, store, "busy", is_over)
        try:
            for line in COMMANDS[1].splitlines()[:3]:
                program, *arguments = line.split()
                postgres.run(
                    program, "-h", str(postgres.folder), "-p", str(postgres.port), *arguments
                )
        finally:
            is_over.set()
        assert storing.result().named
    assert COMMANDS[1].splitlines()[3:] == [f"mgraph store verify postgresql:///{RESTORED}"]
    with closing(PostgresStore(postgres.address(RESTORED))) as copy:
        assert [*verification(copy, lambda: None).damages()] == []
        assert copy.get(document) == neuron_with("paid")
        assert copy.get_name("a/b") == entry
        assert authenticate(copy, secret) == token
        assert copy.usage(token.id) == (1, len(neuron_with("paid")), 1)
        with pytest.raises(RemovedError, match="why not"):
            copy.put(neuron_with("gone"), GRAPH)
        assert copy.get_run(KEY) is None, "the cache of runs is not copied"
        assert copy.put(neuron_with("new"), GRAPH).is_new, "it can be used"


def test_a_standby_serves_readers(store: PostgresStore, postgres: Cluster) -> None:
    """A store can be read from a standby; storing says that it is one; runs are not cached."""
    document = store.put(neuron_with("1"), GRAPH).id
    entry = store.set_name("a", document)
    store.put_run(KEY, b"run")
    with (
        cluster(postgres) as second,
        closing(PostgresStore(second.address(DATABASE), create=True)) as standby,
    ):
        assert standby.get(document) == neuron_with("1")
        assert [*standby.names()] == [entry]
        standby.put_run(KEY, b"run")
        assert standby.get_run(KEY) is None
        assert [*verification(standby, lambda: None).damages()] == []
        for call in (lambda: standby.put(b"2", GRAPH), lambda: standby.remove_name("a")):
            with pytest.raises(UnavailableError, match="read-only transaction") as caught:
                call()
            assert caught.value.retry_after == 0


def _fill(store: PostgresStore) -> None:
    gone = store.put(neuron_with("gone"), GRAPH).id
    store.remove(gone, "why not")
    store.put(neuron_with("unlisted"), GRAPH, is_listed=False)
    store.put_run(KEY, b"run")
    assert DATABASE != RESTORED
