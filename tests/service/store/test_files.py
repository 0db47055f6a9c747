"""A store in files: its layout, its promises, and what happens when files are not as they were."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor, wait
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING

import pytest

from mgraph.service.store import files, layout
from mgraph.service.store.access import authenticate, new_token
from mgraph.service.store.cleaning import Cleaned, clean
from mgraph.service.store.errors import (
    DamagedError,
    NotFoundError,
    StoreError,
    UnavailableError,
)
from mgraph.service.store.files import FileStore
from mgraph.service.store.runs import RunCache
from mgraph.service.store.tokens import Quota, Scope, Usage
from mgraph.service.store.verify import Verification
from tests.loops import sizes
from tests.service.store.writers import GRAPH, NEURON, neuron_with, started

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from mgraph.service.store.disk import Disk

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs what POSIX has")
DIGITS = sha256(NEURON).hexdigest()
KEY = "7" * 64


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the folder of a store, with a document, a name, a token and a run in it."""
    store = FileStore(str(tmp_path / "store"), create=True)
    document = store.put(NEURON, GRAPH).id
    store.set_name("class-7a/anna", document)
    store.put(neuron_with("unlisted"), GRAPH, is_listed=False)
    _, token = new_token(store, Scope.WRITE, note="Ms. Noether")
    store.put(neuron_with("with a token"), GRAPH, token=token)
    store.put_run(KEY, b"run")
    return tmp_path / "store"


def again(root: Path) -> FileStore:
    """Open a store as another process would."""
    return FileStore(str(root))


def damages(root: Path) -> list[str]:
    """Return the files that verifying a store names, after a check that they are damage."""
    found = [*Verification(again(root)).damages()]
    assert not any(damage.is_debris for damage in found)
    return [damage.file for damage in found]


# --- layout ---


def test_where_everything_is(root: Path) -> None:
    """A person finds each thing by its name, as docs/store.md says; documents are as uploaded."""
    assert (root / "format").read_bytes() == b"mgraph store 1\n"
    assert (root / "documents" / DIGITS[:2] / f"{DIGITS}.json").read_bytes() == NEURON
    hidden = sha256(neuron_with("unlisted")).hexdigest()
    assert (root / "unlisted" / hidden[:2] / f"{hidden}.json").is_file()
    name = json.loads((root / "names" / "class-7a" / "anna.json").read_bytes())
    assert name["id"] == f"sha256:{DIGITS}"
    graph = GRAPH.removeprefix("mgraph1-sha256:")
    index = root / "graphs" / graph[:2] / f"{graph}-{DIGITS}"
    assert index.read_bytes() == b""
    assert not (root / "graphs" / graph[:2] / f"{graph}-{hidden}").exists()
    assert damages(root) == []


def test_msgpack_is_named_so(root: Path) -> None:
    """The ending of a document's file says how it is encoded."""
    data = b"\x81\xa1a\x01"
    again(root).put(data, GRAPH)
    digits = sha256(data).hexdigest()
    assert (root / "documents" / digits[:2] / f"{digits}.msgpack").read_bytes() == data


def test_a_token_is_stored_as_its_hash(root: Path) -> None:
    """Neither the files of a token nor anything else has its secret."""
    secret, token = new_token(again(root), Scope.CLASS, prefix="class-7a", quota=Quota(names=1))
    assert authenticate(again(root), secret) == token
    content = b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())
    assert sha256(secret.encode()).hexdigest().encode() in content
    assert secret.rpartition("_")[2].encode() not in content


def test_another_process_sees_changes_of_tokens(root: Path) -> None:
    """A token that is revoked or made elsewhere counts at once, though tokens are remembered."""
    store, other = again(root), again(root)
    secret, token = new_token(other, Scope.READ)
    assert authenticate(store, secret) == token
    other.remove_token(token.id)
    assert authenticate(store, secret) is None


def test_another_process_sees_changes_of_names(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is set, damaged or removed elsewhere counts at once, though it is remembered."""
    store, other, name = again(root), again(root), "class-7a/anna"
    file, reads = root / "names" / f"{name}.json", []
    read = type(store.disk).read

    def counted(disk: Disk, path: str, *most: int) -> bytes | None:
        reads.append(path)
        return read(disk, path, *most)

    with monkeypatch.context() as patched:
        patched.setattr(type(store.disk), "read", counted)
        patched.setattr(files, "time_ns", lambda: time.time_ns() + 10**10)
        first = [store.get_name(name) for _ in range(9)]
        assert len({*first}) == len(reads) == 1
        document = other.put(neuron_with("another"), GRAPH).id
        assert store.get_name(name) == first[0]
        assert other.set_name(name, document) == store.get_name(name) != first[0]
        file.write_bytes(b"{}")
        with pytest.raises(DamagedError):
            store.get_name(name)
    file.unlink()
    with pytest.raises(NotFoundError):
        store.get_name(name)
    other.set_name(name, document)
    status = store.disk.status(f"names/{name}.json")  # of all files within one tick of a clock
    monkeypatch.setattr(store.disk, "status", lambda _: status)
    for _ in range(3):
        assert other.set_name(name, document) == store.get_name(name)


def test_ledgers_are_shared(root: Path) -> None:
    """What two processes store with one token counts together, and a torn line doesn't."""
    store, other = again(root), again(root)
    _, token = new_token(store, Scope.WRITE, quota=Quota(documents=3))
    store.put(b"1", GRAPH, token=token)
    with open(root / "ledgers" / f"{token.id}.txt", "ab") as ledger:
        ledger.write(b"2027-03-01T09:30:00Z + sha2")
    other.put(b"22", GRAPH, token=token)
    store.put(b"333", GRAPH, token=token)
    assert other.usage(token.id) == Usage(documents=3, bytes=6)
    for each in (store, other, again(root)):
        with pytest.raises(StoreError, match="may store 3 documents"):
            each.put(b"4", GRAPH, token=token)
    lines = (root / "ledgers" / f"{token.id}.txt").read_text().splitlines()
    assert [line.split()[1:] for line in lines] == [
        ["+", f"sha256:{sha256(data).hexdigest()}", str(len(data))]
        for data in (b"1", b"22", b"333")
    ]


# --- opening ---


@pytest.mark.parametrize(
    ("content", "words"),
    [("mgraph store 2\n", "newer"), ("mgraph store 1", "which version"), ("", "which version"),
     ("x" * 200, "200 bytes")],
)  # fmt: skip
def test_a_format_that_is_not_known(root: Path, content: str, words: str) -> None:
    """A newer store is not touched, nor one whose version can't be read."""
    (root / "format").write_text(content)
    with pytest.raises(StoreError, match=words):
        again(root)


def test_what_is_no_store(tmp_path: Path) -> None:
    """A store is made only in a folder that is missing or empty, except hidden files."""
    with pytest.raises(UnavailableError, match="does not exist"):
        FileStore(str(tmp_path / "missing"))
    (tmp_path / ".git").mkdir()
    (tmp_path / "temporary").mkdir()  # as a process left it that was killed too early
    with pytest.raises(UnavailableError, match="is not a store"):
        FileStore(str(tmp_path))
    FileStore(str(tmp_path), create=True)
    (tmp_path / "format").unlink()
    (tmp_path / "homework.json").touch()
    for create in (False, True):
        with pytest.raises(UnavailableError, match=r"homework\.json is not a store"):
            FileStore(str(tmp_path / "homework.json"), create=create)
    with pytest.raises(UnavailableError, match="is not a store"):
        FileStore(str(tmp_path), create=True)


def test_an_older_store_is_upgraded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps between versions are done one after the other, and only once."""
    done: list[int] = []

    def step(version: int) -> Callable[[Disk], None]:
        return lambda disk: done.append(version + (disk.read("format") != b"mgraph store 1\n"))

    monkeypatch.setattr(layout, "VERSION", 3)
    monkeypatch.setattr(layout, "UPGRADES", {1: step(10), 2: step(20)})
    for _ in range(2):
        again(root)
    assert done == [10, 21]
    assert (root / "format").read_bytes() == b"mgraph store 3\n"


# --- damage ---


def test_wrong_bytes_are_noticed(root: Path) -> None:
    """A document that was changed is never handed out."""
    file = f"documents/{DIGITS[:2]}/{DIGITS}.json"
    (root / file).write_bytes(NEURON.replace(b"-3.0", b"-4.0"))
    with pytest.raises(DamagedError, match=re.escape(file)):
        again(root).get(f"sha256:{DIGITS}")
    assert damages(root) == [file]


@POSIX
def test_links_are_not_followed(root: Path, tmp_path: Path) -> None:
    """A store can't be made to show or to overwrite a file that is somewhere else."""
    secret = tmp_path / "secret.json"
    secret.write_bytes(NEURON)
    document = root / "documents" / DIGITS[:2] / f"{DIGITS}.json"
    name = root / "names" / "class-7a" / "anna.json"
    for file in (document, name):
        file.unlink()
        file.symlink_to(secret)
    (root / "names" / "out").symlink_to(tmp_path)
    store = again(root)
    attempts: list[Callable[[], object]] = [
        lambda: store.get(f"sha256:{DIGITS}"), lambda: store.get_name("class-7a/anna"),
        lambda: store.set_name("out/secret", f"sha256:{'0' * 64}"),
        lambda: store.set_name("out/x", store.put(neuron_with("1"), GRAPH).id),
    ]  # fmt: skip
    for attempt, error in zip(
        attempts, (DamagedError, DamagedError, NotFoundError, DamagedError), strict=True
    ):
        with pytest.raises(error):
            attempt()
    assert sorted(x.name for x in tmp_path.iterdir()) == ["secret.json", "store"]
    links = (document, name, root / "names" / "out")
    assert sorted(damages(root)) == sorted(str(file.relative_to(root)) for file in links)


@POSIX
def test_other_things_than_files(root: Path) -> None:
    """Folders and pipes in the place of files give an error; nobody waits for a pipe."""
    for make in (os.mkdir, os.mkfifo):
        file = root / "names" / f"{make.__name__}.json"
        make(file)
        with pytest.raises(DamagedError):
            again(root).get_name(make.__name__)
    (root / "removed").mkdir()
    os.mkfifo(root / "removed" / "pipe")
    assert damages(root) == ["names/mkfifo.json", "removed/pipe"]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("names/a.json", "{}"), ("names/a.json", "[" * 9999), ("names/a.json", "\udcff"),
        ("names/a.json", '{"id": "../x", "revision": "", "updated": "", "token": ""}'),
        ("names/a.json", " " * 99_999), ("names/A.json", "{}"), ("names/a.txt", ""),
        ("tokens/12345678.json", "{}"), ("tokens/x.json", "{}"),
        ("ledgers/12345678.txt", "a line\n"), (f"removed/{DIGITS[:2]}/{DIGITS}.json", "no JSON"),
        ("documents/1f/notes.txt", "mine"), (f"documents/00/{DIGITS}.json", ""),
        (f"documents/{DIGITS[:2]}/{DIGITS}.msgpack", "a second file of one document"),
        (f"graphs/{'0' * 2}/{'0' * 64}-{DIGITS}", ""),
    ],
)  # fmt: skip
def test_verifying_finds_what_is_wrong(root: Path, file: str, content: str) -> None:
    """Each file that is not as a store writes it is named; reading it is an error, no crash."""
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_bytes(content.encode(errors="surrogateescape"))
    found = [damage.file for damage in Verification(again(root)).damages() if not damage.is_debris]
    assert found == [file]
    if file.startswith("removed"):  # what was taken down stays so
        with pytest.raises(DamagedError):
            again(root).get(f"sha256:{DIGITS}")
    if file == "names/a.json":
        with pytest.raises(DamagedError):
            again(root).get_name("a")


def test_verifying_follows_references(root: Path) -> None:
    """A name without its document is damage, and so is a document that no graph leads to."""
    graph = GRAPH.removeprefix("mgraph1-sha256:")
    (root / "graphs" / graph[:2] / f"{graph}-{DIGITS}").unlink()
    assert damages(root) == [f"documents/{DIGITS[:2]}/{DIGITS}.json"]
    (root / "documents" / DIGITS[:2] / f"{DIGITS}.json").unlink()
    assert damages(root) == ["names/class-7a/anna.json"]


def test_a_document_that_is_no_graph(root: Path) -> None:
    """Verifying reads each document as a graph, which a store alone does not."""
    digits = again(root).put(b"{}", GRAPH).id.removeprefix("sha256:")
    assert damages(root) == [f"documents/{digits[:2]}/{digits}.json"]


def harm(path: Path, how: int, random: Random) -> None:
    """Do something to a file that no store would do."""
    content = bytearray(path.read_bytes())
    path.unlink()
    if how == 0:
        path.write_bytes(content[: random.randrange(len(content) + 1)])
    elif how == 1 and content:
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
        path.write_bytes(content)
    elif how == 2:
        path.write_bytes(content + random.randbytes(20))
    elif how == 3:
        path.mkdir()
    elif how == 4:
        path.symlink_to("/etc/hostname" if random.random() < 0.5 else path)
    elif how == 5:
        os.mkfifo(path)
    elif how == 6:
        shutil.rmtree(path.parent)
        path.parent.symlink_to("/etc")
    elif how == 7:
        shutil.rmtree(path.parent)
        path.parent.write_bytes(b"a file in the place of a folder")


@POSIX
@pytest.mark.parametrize("count", sizes(24, 90, 300))
def test_a_harmed_store(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Whatever one file becomes, each method works or says what is wrong; no wrong bytes."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # no power fails here
    random = Random(7)  # noqa: S311 - no secret
    files = sorted(str(x.relative_to(root)) for x in root.rglob("*") if x.is_file())
    for i in range(count):
        copy = tmp_path / "copy"
        shutil.copytree(root, copy)
        file = random.choice([x for x in files if i % 9 != 6 or "/" in x])
        harm(copy / file, i % 9 if "/" in file else i % 6, random)
        _try_everything(copy)
        shutil.rmtree(copy)


def _try_everything(folder: Path) -> None:
    try:
        store = again(folder)
    except StoreError:
        return
    attempts: list[Callable[[], object]] = [
        lambda: store.get(f"sha256:{DIGITS}"), lambda: store.put(NEURON, GRAPH),
        store.list, lambda: store.with_graph(GRAPH), store.names,
        lambda: store.get_name("class-7a/anna"), lambda: store.get_run(KEY),
        lambda: store.put_run(KEY, b"run"), lambda: [store.usage(x.id) for x in store.tokens()],
        lambda: store.set_name("class-7a/anna", store.put(neuron_with("2"), GRAPH).id),
        lambda: store.put(neuron_with("3"), GRAPH, token=store.tokens()[0]),
        lambda: new_token(store, Scope.READ), lambda: [*Verification(store).damages()],
        lambda: clean(store, unnamed_days=0), lambda: store.remove(f"sha256:{DIGITS}"),
    ]  # fmt: skip
    for i, attempt in enumerate(attempts):
        try:
            result = attempt()
        except (StoreError, IndexError):  # there may be no token left
            continue
        assert i or result == NEURON


# --- no room, no permission ---


def test_a_full_disk(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is promised, nothing is left over, and what was there stays."""
    store = again(root)
    before = sorted(root.rglob("*"))
    old = store.get_name("class-7a/anna")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        for attempt in (
            lambda: store.put(b"new", GRAPH),
            lambda: store.set_name("class-7a/anna", f"sha256:{DIGITS}"),
            lambda: new_token(store, Scope.READ),
        ):
            with pytest.raises(UnavailableError) as caught:
                attempt()
            assert caught.value.is_full
    assert store.get_name("class-7a/anna") == old
    clean(store)
    made = [path for path in root.rglob("*") if path not in before]
    assert [path for path in made if path.is_file() and path.parent.name != "locks"] == []
    assert damages(root) == []


def can_mount() -> bool:
    """Whether this user may mount a file system."""
    return os.name == "posix" and os.geteuid() == 0 and shutil.which("mount") is not None


@pytest.mark.thorough
@pytest.mark.skipif(not can_mount(), reason="needs to mount a small disk")
def test_a_disk_that_is_really_full_or_read_only(tmp_path: Path) -> None:
    """On a disk of one megabyte, and on one that can't be written to, the same holds."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", tmp_path], check=False
    )
    if mounted.returncode:
        pytest.skip("may not mount a disk here")
    try:
        store = FileStore(str(tmp_path / "store"), create=True)
        stored: list[str] = []
        with pytest.raises(UnavailableError) as caught:
            stored.extend(
                store.put(neuron_with(f"{i} " + "x" * 10_000), GRAPH).id for i in range(10_000)
            )
        assert caught.value.is_full
        stored = [*store.list(limit=999)]
        assert len(stored) > 20
        clean(store)
        subprocess.run(["mount", "-o", "remount,ro", tmp_path], check=True)
        assert len([store.get(document) for document in stored]) == len(stored)
        assert [*Verification(store).damages()] == []
        with pytest.raises(UnavailableError, match="Read-only"):
            store.put(NEURON, GRAPH)
        with pytest.raises(UnavailableError, match="Read-only"):
            store.set_name("a", stored[0])
        assert [*FileStore(str(tmp_path / "store")).list(limit=999)] == stored
    finally:
        subprocess.run(["umount", tmp_path], check=True)


# --- cleaning ---


def test_no_name_is_left_of_a_document_taken_down_meanwhile(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever takes it down waits for a name that is being set, and removes it, too."""
    adding, removing = again(root), again(root)
    document = removing.get_name("class-7a/anna").id
    with ThreadPoolExecutor() as pool:

        def slowly(_name: str) -> None:
            """Let the other go first if it can: the document was found, the name not written."""
            removed.append(pool.submit(removing.remove, document))
            wait(removed, timeout=0.5)

        removed: list[Future[Sequence[str]]] = []
        monkeypatch.setattr(adding, "_entry", slowly)
        adding.set_name("class-7a/ben", document)
        assert removed[0].result() == ["class-7a/anna", "class-7a/ben"]
    assert again(root).names() == []


def test_cleaning_removes_what_is_left_over(root: Path) -> None:
    """Debris of processes that were killed goes; what is in use, and all else, stays."""
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    (root / "temporary" / "0123456789abcdef").write_bytes(b"half a docu")
    empty = root / "graphs" / "00" / f"{'0' * 64}-{'1' * 64}"
    empty.parent.mkdir()
    empty.touch()
    (root / "runs" / "8").mkdir()
    (root / "runs" / "8" / ("8" * 64)).write_bytes(b"half a run")
    (root / "names" / "class-7b" / "old").mkdir(parents=True)
    found = [*Verification(again(root)).damages()]
    assert len(found) == 3
    assert all(damage.is_debris for damage in found)
    assert clean(again(root)) == Cleaned(debris=2, runs=1)
    assert [*Verification(again(root)).damages()] == []
    assert not (root / "names" / "class-7b").exists()
    after = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert {path: x for path, x in after.items() if path.parent.name != "locks"} == {
        path: x for path, x in before.items() if path.parent.name != "locks"
    }


def test_cleaning_finishes_what_was_begun(root: Path) -> None:
    """A document whose removal was interrupted is removed, with its name."""
    tombstone = root / "removed" / DIGITS[:2] / f"{DIGITS}.json"
    tombstone.parent.mkdir(parents=True)
    tombstone.write_text('{"removed": "2027-03-01T09:30:00Z", "reason": "on request"}')
    assert all(damage.is_debris for damage in Verification(again(root)).damages())
    clean(again(root))
    assert [*Verification(again(root)).damages()] == []
    assert [*again(root).names()] == []
    assert not (root / "documents" / DIGITS[:2] / f"{DIGITS}.json").exists()


def test_old_runs_and_documents(root: Path) -> None:
    """Runs go when they are old; documents without a name only if asked for, and when old."""
    store = again(root)
    assert clean(store) == Cleaned()
    assert clean(store, unnamed_days=1) == Cleaned()
    long_ago = time.time() - 40 * 86_400
    for path in root.rglob("*"):
        if path.is_file():
            os.utime(path, (long_ago, long_ago))
    assert clean(store) == Cleaned(runs=1)
    store.put(neuron_with("with a token"), GRAPH)  # somebody wants it again
    size = len(neuron_with("unlisted"))
    assert clean(store, unnamed_days=30) == Cleaned(documents=1, bytes=size)
    assert store.get(f"sha256:{DIGITS}") == NEURON
    token = store.tokens()[0].id
    assert store.usage(token).documents == 1
    removed = clean(store, unnamed_days=0)
    assert removed.documents == 1
    assert store.usage(token).documents == 0
    assert damages(root) == []


def test_runs_make_room(root: Path) -> None:
    """The cache of runs keeps to its size: the oldest runs go first, too large ones never come."""
    cache = RunCache(again(root).disk, most=16 * 1000)
    keys = [f"a{i:063x}" for i in range(30)]
    for i, key in enumerate(keys):
        cache.put(key, b"x" * 100)
        os.utime(root / "runs" / "a" / key, (i + 1, i + 1))
    there = [key for key in keys if cache.get(key)]
    assert there == keys[-len(there) :]
    assert 4 <= len(there) <= 7
    cache.put(KEY, b"x" * 2000)
    assert cache.get(KEY) == b"run", "the smaller one from before"
    (root / "runs" / "7" / KEY).write_bytes(b"torn")
    assert cache.get(KEY) is None


# --- copies ---


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_a_store_under_git(root: Path, tmp_path: Path) -> None:
    """A clone of a committed store is a store with the same documents and names, without tokens."""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@localhost"]
    for line in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "Lessons"]):
        subprocess.run([*git, *line], cwd=root, check=True)
    subprocess.run([*git, "clone", "--quiet", root, tmp_path / "clone"], check=True)
    clone = again(tmp_path / "clone")
    assert clone.get(clone.get_name("class-7a/anna").id) == NEURON
    assert clone.list() == again(root).list()
    assert [*clone.tokens()] == []
    assert damages(tmp_path / "clone") == damages(root) == []


@pytest.mark.thorough
@pytest.mark.skipif(not shutil.which("rsync"), reason="needs rsync")
def test_copies_of_a_store_that_is_written_to(tmp_path: Path) -> None:
    """As docs/store.md says: names first, then all else; nothing in the copy is damaged."""
    folder = tmp_path / "store"
    FileStore(str(folder), create=True)
    writer = started("store", str(folder), str(tmp_path / "log"))
    try:
        for i in range(8):
            time.sleep(0.5)
            copy = tmp_path / f"copy{i % 2}"
            copy.mkdir(exist_ok=True)
            for line in (["store/names"], ["--exclude=/names", "--exclude=/temporary", "store/"]):
                subprocess.run(["rsync", "-a", *line, copy], cwd=tmp_path, check=True)
            found = [*Verification(again(copy)).damages()]
            assert [damage for damage in found if not damage.is_debris] == []
            assert again(copy).list()
    finally:
        writer.kill()
        writer.wait()
