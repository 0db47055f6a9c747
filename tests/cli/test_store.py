"""`mgraph store` and `mgraph token`: what they print, and what they do to a store."""

from __future__ import annotations

import json
import os
import re
import time
from hashlib import sha256
from typing import TYPE_CHECKING

from mgraph.service.store import opening
from mgraph.service.store.access import authenticate, new_token
from mgraph.service.store.files import FileStore
from mgraph.service.store.tokens import Quota, Scope, utc
from tests.command_line import NEURON, codes, is_usage_error

if TYPE_CHECKING:
    import pytest

    from tests.command_line import Shell

ID = f"sha256:{sha256(NEURON.read_bytes()).hexdigest()}"


def test_add(mgraph: Shell) -> None:
    """Files are stored as they are, under names that follow theirs; wrong ones are refused."""
    mgraph.write("Größe 2.json", NEURON.read_bytes() + b"\n")
    said = mgraph("store", "add", "shared", "neuron.json", "Größe 2.json", "--prefix", "class-7a")
    other = f"sha256:{sha256(mgraph.path('Größe 2.json').read_bytes()).hexdigest()}"
    assert said.status == 0
    assert said.out.splitlines() == [
        f"neuron.json: {ID}, class-7a/neuron", f"Größe 2.json: {other}, class-7a/grosse-2"
    ]  # fmt: skip
    store = FileStore(str(mgraph.path("shared")))
    assert store.get(ID) == NEURON.read_bytes()
    assert store.get_name("class-7a/grosse-2").id == other
    said = mgraph("store", "add", "shared", "-", "--json", stdin=NEURON.read_bytes())
    assert said.json["added"] == [{"file": "-", "id": ID, "name": None}]
    mgraph.write("wrong.json", b"{}")
    said = mgraph("store", "add", "new", "neuron.json", "wrong.json")
    assert (said.status, said.raw) == (1, b"")
    assert not mgraph.path("new").exists()
    mgraph.write("con.json", NEURON.read_bytes())
    said = mgraph("store", "add", "new", "con.json", "--prefix", "a")
    assert (said.status, codes(said)) == (1, ["name"])
    assert said.err.startswith("con.json: error[name]: ")


def test_verify(mgraph: Shell) -> None:
    """A store that is right has status 0 and its counts; damage has status 1 and every file."""
    mgraph("store", "add", "shared", "neuron.json", "--prefix", "a")
    said = mgraph("store", "verify", "shared")
    counts = "1 document, 0 unlisted, 1 name, 0 tokens, 0 cached runs"
    assert (said.status, said.out, said.err) == (0, f"shared: {counts}: ok\n", "")
    (mgraph.path("shared") / "temporary" / "0123456789abcdef").touch()
    said = mgraph("store", "verify", "shared")
    assert said.status == 0
    assert "1 file left over from processes that were killed: mgraph store gc shared" in said.out
    assert mgraph("store", "gc", "shared", "--json").json["removed"]["debris"] == 1
    document = next(mgraph.path("shared").glob("documents/*/*"))
    document.write_bytes(b"{}")
    mgraph.write("shared/names/x.json", b"{}")
    said = mgraph("store", "verify", "shared")
    assert (said.status, codes(said)) == (1, ["damaged"] * 2)
    assert said.out.endswith(": 2 damaged files\n")
    relative = str(document.relative_to(mgraph.folder))
    assert f"{relative}: error[damaged]" in said.err
    said = mgraph("store", "verify", "shared", "--json")
    assert (said.status, said.json["ok"]) == (1, False)
    files = [damage["file"] for damage in said.json["damages"]]
    assert files == [relative, os.path.join("shared", "names/x.json")]


def test_rm(mgraph: Shell) -> None:
    """A document is taken down by its name, its id, or the hash of its graph."""
    graph = re.search(r"mgraph1-sha256:\w+", mgraph("check", "neuron.json").out)
    assert graph
    for i, reference in enumerate(("a/neuron", ID, graph[0])):
        store = f"shared{i}"
        mgraph("store", "add", store, "neuron.json", "--prefix", "a")
        said = mgraph("store", "rm", store, reference, "--reason", "on \x1b[31m request")
        assert (said.status, said.out) == (0, f"removed {ID} and the name a/neuron\n")
        said = mgraph("store", "add", store, "neuron.json")
        assert (said.status, codes(said)) == (1, ["removed"])
        assert "on \\u{1b}[31m request" in said.err
        assert mgraph("store", "verify", store).status == 0
    said = mgraph("store", "rm", "shared0", "nobody", f"sha256:{'0' * 64}")
    assert (said.status, codes(said)) == (1, ["not-found"])
    said = mgraph("store", "rm", "shared0", f"sha256:{'0' * 64}", "--json")
    assert said.json["removed"] == [{"id": f"sha256:{'0' * 64}", "names": []}]
    assert codes(mgraph("store", "rm", "shared0", graph[0])) == ["not-found"]


def test_gc(mgraph: Shell) -> None:
    """Documents without a name go only if asked for."""
    mgraph("store", "add", "shared", "neuron.json")
    said = mgraph("store", "gc", "shared")
    line = "shared: removed 0 files left over, 0 cached runs, {}, 0 expired tokens\n"
    assert (said.status, said.out) == (0, line.format("0 documents (0 bytes)"))
    size = len(NEURON.read_bytes())
    said = mgraph("store", "gc", "shared", "--unnamed", "0")
    assert (said.status, said.out) == (0, line.format(f"1 document ({size:,} bytes)"))


def test_gc_removes_tokens_that_expired_long_ago(mgraph: Shell) -> None:
    """After 30 days; until then they are listed, as expired."""
    mgraph("store", "add", "shared", "neuron.json")
    store = FileStore(str(mgraph.path("shared")))
    now, day = time.time(), 86_400
    for days in (29, 31):
        new_token(store, Scope.WRITE, note=f"{days} days", expires=utc(now - days * day))
    new_token(store, Scope.WRITE, note="no end")
    assert mgraph("token", "list", "shared").out.count("expired") == 2
    assert mgraph("store", "gc", "shared", "--json").json["removed"]["tokens"] == 1
    assert sorted(token.note for token in store.tokens()) == ["29 days", "no end"]


def test_tokens(mgraph: Shell) -> None:
    """A token is printed once, alone on standard output; afterwards its hash recognises it."""
    said = mgraph("token", "new", "shared", "--note", "Ms. \x1b Noether", "--bytes", "8M")
    secret = said.out.strip()
    store = FileStore(str(mgraph.path("shared")))
    token = authenticate(store, secret)
    assert token is not None
    assert (token.scope, token.quota) == (Scope.WRITE, Quota(bytes=8 * 2**20))
    assert token.id in said.err
    assert secret not in said.err
    said = mgraph("token", "list", "shared")
    assert said.out.splitlines()[1].split() == [
        token.id, "write", "-", "0", "0", "of", "8,388,608", "0", "-", "Ms.", "\\u{1b}", "Noether"
    ]  # fmt: skip
    listed = mgraph("token", "list", "shared", "--json").json["tokens"]
    assert [(x["id"], x["used"]["bytes"], x["expired"]) for x in listed] == [(token.id, 0, False)]
    assert token.digest not in json.dumps(listed)
    said = mgraph("token", "revoke", "shared", token.id, "00000000")
    assert (said.status, codes(said)) == (1, ["not-found"])
    assert authenticate(store, secret) is not None, "all or none"
    assert mgraph("token", "revoke", "shared", token.id).out == f"revoked {token.id}\n"
    assert authenticate(store, secret) is None
    assert mgraph("token", "list", "shared").out == "shared has no tokens\n"


def test_class_tokens(mgraph: Shell) -> None:
    """A token of a class adds names below its prefix, within a quota, for a time."""
    line = ("token", "new", "shared", "--scope", "class", "--prefix", "class-7a", "--json")
    said = mgraph(*line, "--days", "30").json
    token = authenticate(FileStore(str(mgraph.path("shared"))), said["secret"])
    assert token is not None
    assert said["quota"] == {"documents": 1000, "bytes": 100 * 2**20, "names": 1000}
    allowed = [token.may_add("class-7a/anna"), token.may_add("class-7ab/anna")]
    assert allowed == [True, False]
    assert not token.may_replace("class-7a/anna")
    said = mgraph(*line, "--days", "0").json
    assert authenticate(FileStore(str(mgraph.path("shared"))), said["secret"]) is None
    assert codes(mgraph("token", "new", "other", "--prefix", "../x")) == ["name"]
    assert not mgraph.path("other").exists()


def test_what_is_no_store(mgraph: Shell) -> None:
    """Commands that look after a store make none, and name a folder that is none."""
    for line in ("store verify {}", "store gc {}", "store rm {} a", "token list {}",
                 "token revoke {} 12345678"):  # fmt: skip
        for folder in (".", "missing", "neuron.json", "nul\0", "\udcff"):
            said = mgraph(*(word.format(folder) for word in line.split()))
            assert (said.status, codes(said)) == (1, ["io"]), (line, folder)
    assert mgraph.files() == ["neuron.json"]


# --- a database ---


def test_a_database_needs_its_extra(mgraph: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line says what to install, and repeats no password; nothing becomes a folder."""
    monkeypatch.setattr(opening, "_PACKAGES", ("psycopg_missing",))
    monkeypatch.setenv("MGRAPH_STORE", "postgresql://ada:s3cret@db/graphs")
    for words in (["store", "verify", "postgresql://ada@db/graphs"], ["serve"]):
        said = mgraph(*words)
        assert (said.status, said.raw) == (1, b"")
        (line,) = said.err.splitlines()
        assert "needs psycopg_missing, which is not installed: " in line
        assert line.endswith("[postgres]'")
        assert "s3cret" not in line
    assert [path.name for path in mgraph.folder.iterdir() if path.is_dir()] == []


def test_no_password_on_the_command_line(mgraph: Shell) -> None:
    """Where everybody on the machine could read it, it is refused, and not repeated."""
    place = "postgresql://ada:s3cret@db/graphs"
    for words in (
        ["store", "add", place, "neuron.json"], ["store", "verify", place], ["store", "gc", place],
        ["store", "rm", place, "a"], ["token", "new", place], ["token", "list", place],
        ["token", "revoke", place, "1f2e3d4c"], ["serve", place],
    ):  # fmt: skip
        said = mgraph(*words)
        assert (said.status, said.raw) == (2, b""), words
        assert "~/.pgpass" in said.err
        assert "s3cret" not in said.err


def test_an_address_of_something_else(mgraph: Shell) -> None:
    """A mistyped address is not taken for a folder, which would be made."""
    for place in ("postgresq://ada:s3cret@db/graphs", "https://db/graphs", "s3://bucket/graphs"):
        for words in (["serve", place], ["store", "add", place, "neuron.json"],
                      ["token", "new", place]):  # fmt: skip
            said = mgraph(*words)
            assert is_usage_error(said, "begins with postgresql://"), words
            assert "s3cret" not in said.err
    assert [path.name for path in mgraph.folder.iterdir() if path.is_dir()] == []


def test_a_file_is_not_a_store(mgraph: Shell) -> None:
    """Commands that make stores and others say so, and leave it alone."""
    mgraph.write("notes.txt", "kept")
    for words in (["serve", "notes.txt"], ["store", "verify", "notes.txt"],
                  ["token", "new", "notes.txt"]):  # fmt: skip
        said = mgraph(*words)
        assert said.status == 1, words
        assert said.err.startswith("notes.txt: error[io]: notes.txt is not a store\n")
    assert mgraph.path("notes.txt").read_text() == "kept"


def test_which_option_has_the_wrong_name(mgraph: Shell) -> None:
    """Errors about names begin with the option that has them."""
    for option, words in (
        ("--prefix", ["token", "new", "shared", "--prefix", "A B"]),
        ("--prefix", ["store", "add", "shared", "neuron.json", "--prefix", "A B"]),
        ("--name", ["share", "neuron.json", "--to", "http://127.0.0.1:1", "--name", "A B"]),
    ):
        said = mgraph(*words)
        assert said.status == 1, words
        assert said.err.startswith(f"{option}: error[name]: ")


def test_a_store_is_not_copied_onto_itself(mgraph: Shell) -> None:
    """Which would give its names new revisions."""
    mgraph("store", "add", "shared", "neuron.json", "--prefix", "a")
    before = mgraph.files()
    for target in ("shared", "shared/", "./shared"):
        assert is_usage_error(mgraph("store", "copy", "shared", target), "are the same store")
    assert mgraph.files() == before
