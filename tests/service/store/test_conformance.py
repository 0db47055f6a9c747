"""What every store does, whether in files or in memory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from mgraph.service.store.access import authenticate, new_token
from mgraph.service.store.errors import (
    ConflictError,
    NameFormError,
    NotFoundError,
    QuotaError,
    RemovedError,
)
from mgraph.service.store.files import FileStore
from mgraph.service.store.memory import MemoryStore
from mgraph.service.store.protocol import ABSENT, GraphStore, every_name, release, resolve
from mgraph.service.store.tokens import Quota, Scope, Usage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GRAPH = f"mgraph1-sha256:{'5' * 64}"
OTHER = f"mgraph1-sha256:{'6' * 64}"
KEY = "7" * 64


def id_by_hand(data: bytes) -> str:
    """Return what the id of a document is, by definition."""
    return f"sha256:{sha256(data).hexdigest()}"


@pytest.fixture(params=["memory", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> GraphStore:
    """Return an empty store of each kind."""
    if request.param == "memory":
        return MemoryStore()
    return FileStore(str(tmp_path / "store"), create=True)


# --- documents ---


def test_a_document_comes_back_by_its_hash(store: GraphStore) -> None:
    """The id is the SHA-256 of the bytes, as uploaded; a second upload changes nothing."""
    for data in (b"{}", b'{"a": 1}\n', b"\x81\xa1a\x01", bytes(range(256)) * 999):
        assert store.put(data, GRAPH) == (id_by_hand(data), True)
        assert store.put(data, GRAPH) == (id_by_hand(data), False)
        assert store.get(id_by_hand(data)) == data
        assert store.size(id_by_hand(data)) == len(data)


def test_a_missing_document(store: GraphStore) -> None:
    """A document that was not stored is not found."""
    for method in (store.get, store.size):
        with pytest.raises(NotFoundError):
            method(id_by_hand(b"never"))


MALFORMED_IDS = (
    ["", "sha256:", "sha256:../../etc/passwd", "5" * 64, f"sha256:{'G' * 64}", f"sha256:{'5' * 63}",
     f"sha256:{'5' * 64}\n", f"sha256:{'5' * 65}", GRAPH, "sha256:\0" + "5" * 63]
)  # fmt: skip


def test_malformed_ids(store: GraphStore) -> None:
    """What is not an id is refused, and never used as a path."""
    calls: list[Callable[[str], Any]] = [
        store.get, store.size, store.remove, lambda bad: store.set_name("a", bad)
    ]  # fmt: skip
    for text in MALFORMED_IDS:
        for call in calls:
            with pytest.raises(NameFormError):
                call(text)


def test_pages_of_ids(store: GraphStore) -> None:
    """Ids are listed in ascending order, page by page, also those that start alike."""
    ids = sorted(store.put(b"%d" % i, GRAPH).id for i in range(40))
    found: list[str] = []
    while page := store.list(after=found[-1] if found else "", limit=7):
        assert len(page) <= 7
        found += page
    assert found == ids
    start = ids[20][: len("sha256:") + 1]
    assert [*store.list(start)] == [x for x in ids if x.startswith(start)]
    assert [*store.list("sha256:")] == ids
    assert [*store.list(ids[3])] == [ids[3]]
    for bad in ("1f", "sha256:1F", "sha256:../", "mgraph1-sha256:"):
        with pytest.raises(NameFormError):
            store.list(bad)


def test_documents_of_a_graph(store: GraphStore) -> None:
    """The hash of a graph leads to all documents that hold it."""
    ids = sorted(store.put(b"%d" % i, GRAPH).id for i in range(9))
    other = store.put(b"other", OTHER).id
    assert [*store.with_graph(GRAPH)] == ids
    assert [*store.with_graph(GRAPH, ids[2], 3)] == ids[3:6]
    assert [*store.with_graph(OTHER)] == [other]
    assert [*store.with_graph(f"mgraph1-sha256:{'8' * 64}")] == []
    with pytest.raises(NameFormError):
        store.with_graph(other)


def test_unlisted_documents(store: GraphStore) -> None:
    """An unlisted document is reachable by its id only, until it is stored as a listed one."""
    document = store.put(b"secret", GRAPH, is_listed=False).id
    assert store.get(document) == b"secret"
    assert [*store.list()] == [*store.with_graph(GRAPH)] == []
    assert store.put(b"secret", GRAPH, is_listed=False) == (document, False)
    assert store.put(b"secret", GRAPH) == (document, False)
    assert [*store.list()] == [*store.with_graph(GRAPH)] == [document]
    assert store.put(b"secret", GRAPH, is_listed=False) == (document, False)
    assert [*store.list()] == [document], "what is public stays public"


def test_take_down(store: GraphStore) -> None:
    """A removed document is gone, with its names, and is not accepted again."""
    data = b"offensive"
    document, other = store.put(data, GRAPH).id, store.put(b"fine", GRAPH).id
    for name, target in (("z", document), ("class/a", document), ("b", other)):
        store.set_name(name, target)
    store.put_run(KEY, b"run")
    assert [*store.remove(document, "by request")] == ["class/a", "z"]
    refused: list[Callable[[], object]] = [
        lambda: store.get(document), lambda: store.size(document), lambda: store.put(data, GRAPH),
        lambda: store.put(data, GRAPH, is_listed=False), lambda: store.set_name("b", document),
    ]  # fmt: skip
    for call in refused:
        with pytest.raises(RemovedError, match="by request") as caught:
            call()
        assert caught.value.reason == "by request"
    assert [*store.list()] == [*store.with_graph(GRAPH)] == [other]
    assert [entry.name for entry in store.names()] == ["b"]
    assert store.get_run(KEY) is None


def test_release(store: GraphStore) -> None:
    """A document goes with its last name; before, only the name goes."""
    document = store.put(b"{}", GRAPH).id
    store.set_name("a/x", document)
    store.set_name("b", document)
    assert release(store, ["a/x"]) == [(document, ["a/x"], ["b"])]
    assert store.get(document) == b"{}"
    assert [entry.name for entry in every_name(store)] == ["b"]
    with pytest.raises(NotFoundError):
        release(store, ["b", "a/x"])
    assert release(store, ["b"], "on request") == [(document, ["b"], [])]
    with pytest.raises(RemovedError, match="on request"):
        store.get(document)
    assert release(store, []) == []


def test_release_of_several_names(store: GraphStore) -> None:
    """A document goes if all its names do, in whatever order; otherwise only the names go."""
    first, second = store.put(b"{}", GRAPH).id, store.put(b"[]", GRAPH).id
    for name, document in (("a", first), ("b", second), ("c", first), ("d", second), ("e", second)):
        store.set_name(name, document)
    released = release(store, ["b", "c", "a", "d"])
    assert released == [(second, ["b", "d"], ["e"]), (first, ["a", "c"], [])]
    assert [entry.name for entry in every_name(store)] == ["e"]
    assert [*store.list()] == [second]


def test_take_down_in_advance(store: GraphStore) -> None:
    """Bytes can be refused that were never stored."""
    store.remove(id_by_hand(b"known"))
    with pytest.raises(RemovedError):
        store.put(b"known", GRAPH)


# --- names ---


def test_a_name_points_to_a_document(store: GraphStore) -> None:
    """A name is set, set again, and removed; each time its revision is another."""
    first, second = store.put(b"1", GRAPH).id, store.put(b"2", GRAPH).id
    old = store.set_name("class-7a/anna", first)
    assert store.get_name("class-7a/anna") == old
    assert (old.name, old.id, old.token) == ("class-7a/anna", first, "")
    new = store.set_name("class-7a/anna", second)
    assert store.get_name("class-7a/anna").id == second
    store.remove_name("class-7a/anna")
    with pytest.raises(NotFoundError):
        store.get_name("class-7a/anna")
    with pytest.raises(NotFoundError):
        store.remove_name("class-7a/anna")
    again = store.set_name("class-7a/anna", first)
    assert len({old.revision, new.revision, again.revision}) == 3


def test_compare_and_swap(store: GraphStore) -> None:
    """A name changes only if it has the revision that was expected."""
    first, second = store.put(b"1", GRAPH).id, store.put(b"2", GRAPH).id
    with pytest.raises(ConflictError) as caught:
        store.set_name("a", first, "0123456789abcdef")
    assert caught.value.current == ""
    old = store.set_name("a", first, ABSENT)
    for expected in (ABSENT, "0123456789abcdef"):
        with pytest.raises(ConflictError) as caught:
            store.set_name("a", second, expected)
        assert caught.value.current == old.revision
        with pytest.raises(ConflictError):
            store.remove_name("a", expected)
    assert store.get_name("a") == old
    new = store.set_name("a", second, old.revision)
    with pytest.raises(ConflictError):
        store.remove_name("a", old.revision)
    store.remove_name("a", new.revision)
    with pytest.raises(ConflictError):
        store.set_name("a", first, new.revision)


def test_threads_swap_exactly(store: GraphStore) -> None:
    """Of several threads that replace the same revision, one succeeds."""
    document = store.put(b"1", GRAPH).id
    store.set_name("a", document)
    replaced: list[str] = []

    def swap(_: int) -> None:
        done = 0
        while done < 20:
            expected = store.get_name("a").revision
            with suppress(ConflictError):
                store.set_name("a", document, expected)
                replaced.append(expected)
                done += 1

    with ThreadPoolExecutor(4) as threads:
        [*threads.map(swap, range(4))]
    assert len({*replaced}) == len(replaced) == 80


def test_a_name_needs_a_document(store: GraphStore) -> None:
    """A name can't point to what is not there."""
    with pytest.raises(NotFoundError):
        store.set_name("a", id_by_hand(b"never"))
    assert [*store.names()] == []


MALFORMED_NAMES = (
    ["", "/", "a/", "/a", "a//b", "..", "../a", "a/../b", ".a", "a.json", "A", "jürgen", "a b",
     "-a", "_a", "con", "a/aux", "lpt1", "a\0", "a\n", "a\\b", "c:a", "x" * 65, "/".join("a" * 101),
     "sha256:" + "5" * 64]
)  # fmt: skip


def test_malformed_names(store: GraphStore) -> None:
    """What isn't safe as a path of files on every system can't be a name."""
    document = store.put(b"1", GRAPH).id
    calls: list[Callable[[str], object]] = [
        store.get_name, lambda name: store.set_name(name, document), store.remove_name
    ]  # fmt: skip
    for name in MALFORMED_NAMES:
        for call in calls:
            with pytest.raises(NameFormError):
                call(name)


def test_names_are_found_below_a_prefix(store: GraphStore) -> None:
    """A prefix is whole parts of a name; pages go through a whole tree in one order."""
    document = store.put(b"1", GRAPH).id
    tree = ["a", "a/b", "a/b/c", "a/b-d", "a-b", "a-b/c", "a0", "ab/c", "con0", "x" * 64]
    for name in reversed(tree):
        store.set_name(name, document)
    assert [entry.name for entry in store.names()] == tree
    assert [entry.name for entry in store.names("a")] == tree[1:4]
    assert [entry.name for entry in store.names("a/b")] == ["a/b/c"]
    assert [*store.names("b")] == []
    for limit in (1, 2, 3):
        found: list[str] = []
        while page := store.names(after=found[-1] if found else "", limit=limit):
            found += [entry.name for entry in page]
        assert found == tree
    assert [entry.name for entry in store.names(after="a/b/b")] == tree[2:], "of a removed name"
    with pytest.raises(NameFormError):
        store.names("..")


# --- computed runs ---


def test_runs(store: GraphStore) -> None:
    """A run is found under its key; the last one counts."""
    assert store.get_run(KEY) is None
    for data in (b"one", b"two"):
        store.put_run(KEY, data)
        assert store.get_run(KEY) == data
    for bad in ("", "../" + KEY, KEY.upper().replace("7", "F")):
        with pytest.raises(NameFormError):
            store.get_run(bad)


# --- tokens ---


def test_tokens(store: GraphStore) -> None:
    """A secret opens its token until that is revoked; nothing else does."""
    secret, token = new_token(store, Scope.WRITE, note="Anna")
    assert [*store.tokens()] == [token]
    assert authenticate(store, secret) == token
    wrong = secret[:-1] + ("0" if secret[-1] != "0" else "1")
    for bad in (wrong, "", token.id, token.digest, secret.upper(), secret + "\n", "mgraph_é_"):
        assert authenticate(store, bad) is None
    store.remove_token(token.id)
    assert authenticate(store, secret) is None
    for method in (store.remove_token, store.get_token, store.usage):
        for missing in (token.id, "", "../x", "0" * 8):
            with pytest.raises(NotFoundError):
                method(missing)
    assert [*store.tokens()] == []


def test_tokens_expire(store: GraphStore) -> None:
    """A token is good until its time is over."""
    secret, _ = new_token(store, Scope.READ, expires="2001-01-01T00:00:00Z")
    assert authenticate(store, secret) is None
    secret, _ = new_token(store, Scope.READ, expires="2999-01-01T00:00:00Z")
    assert authenticate(store, secret) is not None


def test_quotas(store: GraphStore) -> None:
    """A token pays for what it adds, once, and gets it back when that is removed."""
    _, token = new_token(store, Scope.WRITE, quota=Quota(documents=2, bytes=10, names=1))
    first = store.put(b"1234", GRAPH, token=token).id
    for _ in range(3):
        store.put(b"1234", GRAPH, token=token)
    with pytest.raises(QuotaError):
        store.put(b"1234567", GRAPH, token=token)
    with pytest.raises(NotFoundError):
        store.get(id_by_hand(b"1234567"))
    second = store.put(b"123456", GRAPH, token=token).id
    with pytest.raises(QuotaError):
        store.put(b"", GRAPH, token=token)
    store.put(b"", GRAPH)
    assert store.usage(token.id) == Usage(documents=2, bytes=10, names=0)
    store.set_name("a", first, token=token)
    store.set_name("a", second, token=token)
    with pytest.raises(QuotaError):
        store.set_name("b", first, token=token)
    store.remove_name("a")
    store.set_name("b", second, token=token)
    store.remove(second)
    assert store.usage(token.id) == Usage(documents=1, bytes=4, names=0)


# --- references ---


def test_references(store: GraphStore) -> None:
    """A reference is an id, the hash of a graph, a name or, if asked for, the start of an id."""
    ids = sorted(store.put(b"%d" % i, GRAPH).id for i in range(40))
    store.set_name("a/b", ids[7])
    assert resolve(store, ids[3]) == ids[3]
    assert resolve(store, GRAPH) == ids[0]
    assert resolve(store, "a/b") == ids[7]
    assert resolve(store, ids[5][:30], by_start=True) == ids[5]
    with pytest.raises(ConflictError):
        resolve(store, "sha256:", by_start=True)
    for missing in (OTHER, "a", id_by_hand(b"never"), "sha256:" + "0" * 63):
        with pytest.raises(NotFoundError):
            resolve(store, missing, by_start=True)
    for bad in (ids[5][:30], "..", "sha256:x", ""):
        with pytest.raises(NameFormError):
            resolve(store, bad)
