"""Copying a store: all that it has is in the other one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mgraph.service.store.access import authenticate, new_token
from mgraph.service.store.copying import contents, copy_store
from mgraph.service.store.errors import DamagedError, RemovedError
from mgraph.service.store.files import FileStore
from mgraph.service.store.opening import verification
from mgraph.service.store.tokens import Quota, Scope, Usage
from tests.service.store.test_conformance import KEY
from tests.service.store.writers import GRAPH, neuron_with

if TYPE_CHECKING:
    from pathlib import Path

    from mgraph.service.store.opening import LastingStore


def filled(store: LastingStore) -> str:
    """Store something of each kind, and return the secret of a token."""
    secret, token = new_token(
        store, Scope.CLASS, prefix="class-7a", quota=Quota(2, 10_000, 3), note="Ms. Noether"
    )
    _, revoked = new_token(store, Scope.WRITE)
    paid = [store.put(neuron_with(f"paid {i}"), GRAPH, token=token).id for i in range(2)]
    free = [store.put(neuron_with(f"free {i}"), GRAPH).id for i in range(5)]
    hidden = store.put(neuron_with("hidden"), GRAPH, is_listed=False, token=revoked).id
    for i, document in enumerate((*paid, *free, hidden)):
        store.set_name(f"class-7a/n{i}", document, token=token if i % 3 == 0 else None)
    store.set_name("class-7a", free[0])
    store.remove(store.put(neuron_with("gone"), GRAPH).id, "by request")
    store.remove_token(revoked.id)
    store.put_run(KEY, b"run")
    return secret


def check_copy(source: LastingStore, target: LastingStore, secret: str) -> None:
    """Check that a store has all that another one has."""
    assert sorted(contents(target)) == sorted(contents(source))
    assert len({*contents(target)}) == 8
    for content in contents(source):
        assert target.get(content.id) == source.get(content.id)
    assert [*target.with_graph(GRAPH)] == [*source.with_graph(GRAPH)] == [*source.list()]
    pointers = [[(x.name, x.id, x.token) for x in each.names()] for each in (source, target)]
    assert pointers[0] == pointers[1]
    assert len(pointers[0]) == 9
    assert [*target.tokens()] == [*source.tokens()]
    token = authenticate(target, secret)
    assert token is not None
    size = sum(len(neuron_with(f"paid {i}")) for i in range(2))
    assert target.usage(token.id) == source.usage(token.id) == Usage(2, size, 3)
    for each in (source, target):
        with pytest.raises(RemovedError, match="by request"):
            each.put(neuron_with("gone"), GRAPH)
    assert target.get_run(KEY) is None
    assert [*verification(target, lambda: None).damages()] == []


def test_a_copy_has_all(tmp_path: Path) -> None:
    """Documents, names, tokens, what was paid for, take-downs; a second time changes nothing."""
    source, target = (FileStore(str(tmp_path / x), create=True) for x in ("from", "to"))
    secret = filled(source)
    steps: list[None] = []
    for _ in range(2):
        assert copy_store(source, target, lambda: steps.append(None)) == (8, 9, 1, 1)
        check_copy(source, target, secret)
    assert len(steps) == 16


def test_damage_is_not_copied(tmp_path: Path) -> None:
    """A document that is not as it was stored ends the copy, with its name."""
    source, target = (FileStore(str(tmp_path / x), create=True) for x in ("from", "to"))
    filled(source)
    file = next((tmp_path / "from" / "documents").glob("*/*"))
    file.write_bytes(b"{}")
    with pytest.raises(DamagedError) as caught:
        copy_store(source, target)
    assert (caught.value.diagnostics[0].file or "").endswith(file.name)
