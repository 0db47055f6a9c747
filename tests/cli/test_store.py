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
    added = {"file": "-", "id": ID, "name": None, "replaced": None}
    assert said.json["added"] == [added]
    mgraph.write("wrong.json", b"{}")
    said = mgraph("store", "add", "new", "neuron.json", "wrong.json")
    assert (said.status, said.raw) == (1, b"")
    assert not mgraph.path("new").exists()
    mgraph.write("con.json", NEURON.read_bytes())
    said = mgraph("store", "add", "new", "con.json", "--prefix", "a")
    assert (said.status, codes(said)) == (1, ["name"])
    assert said.err.startswith("con.json: error[name]: ")


def test_add_checks_all_files_first(mgraph: Shell) -> None:
    """Nothing is stored if two different files would get one name; every faulty file is named."""
    mgraph.path("anna").mkdir()
    mgraph.path("ben").mkdir()
    mgraph.write("anna/homework.json", NEURON.read_bytes())
    mgraph.write("ben/homework.json", NEURON.read_bytes() + b"\n")
    mgraph.write("wrong.json", b"{}")
    files = ["anna/homework.json", "ben/homework.json", "wrong.json", "missing.json"]
    said = mgraph("store", "add", "shared", *files, "--prefix", "class-7a")
    assert (said.status, said.raw) == (1, b"")
    assert codes(said) == ["name", "format", "io"]
    assert said.err.startswith("ben/homework.json: error[name]: ")
    assert not mgraph.path("shared").exists()
    twice = ["anna/homework.json", "./anna/homework.json"]
    assert mgraph("store", "add", "shared", *twice, "--prefix", "class-7a").status == 0
    said = mgraph("store", "add", "shared", "ben/homework.json", "--prefix", "class-7a")
    assert said.out.endswith(f", class-7a/homework (replaced {ID})\n")
    said = mgraph("store", "add", "shared", "ben/homework.json", "--prefix", "class-7a", "--json")
    assert said.json["added"][0]["replaced"] is None


def test_add_stores_nothing_if_a_file_is_refused(mgraph: Shell) -> None:
    """Files that were taken down, all of which are named, and damaged names are known before."""
    mgraph.write("other.json", NEURON.read_bytes() + b"\n")
    mgraph.write("right.json", NEURON.read_bytes() + b"\n\n")
    right = f"sha256:{sha256(mgraph.path('right.json').read_bytes()).hexdigest()}"
    mgraph("store", "add", "shared", "neuron.json", "other.json", "--prefix", "a")
    mgraph("store", "rm", "shared", "a/neuron", "a/other")
    files = ["right.json", "neuron.json", "other.json"]
    said = mgraph("store", "add", "shared", *files, "--prefix", "a")
    assert (said.status, said.out, codes(said)) == (1, "", ["removed", "removed"])
    assert said.err.startswith("neuron.json: error[removed]: ")
    assert "\nother.json: error[removed]: " in said.err
    mgraph.write("last.json", NEURON.read_bytes() + b"\n\n\n")
    mgraph.write("shared/names/a/last.json", b"{}")
    said = mgraph("store", "add", "shared", "right.json", "last.json", "--prefix", "a")
    assert (said.status, said.out, codes(said)) == (1, "", ["damaged"])
    store = FileStore(str(mgraph.path("shared")))
    assert [*store.list()] == []
    assert [entry.name for entry in store.names()] == ["a/last"]
    assert mgraph("store", "add", "shared", "right.json", "--prefix", "a").status == 0
    assert store.get_name("a/right").id == right


def _class(mgraph: Shell) -> str:
    """Store three files below class-7a, one of which has other bytes; return the id of that."""
    mgraph.write("anna.json", NEURON.read_bytes())
    mgraph.write("ben.json", NEURON.read_bytes())
    carla = NEURON.read_bytes() + b"\n"
    mgraph.write("carla.json", carla)
    mgraph("store", "add", "shared", "anna.json", "ben.json", "--prefix", "class-7a")
    mgraph("store", "add", "shared", "carla.json", "--prefix", "class-7a/moons")
    mgraph("store", "add", "shared", "neuron.json", "--prefix", "other")
    return f"sha256:{sha256(carla).hexdigest()}"


def test_list(mgraph: Shell) -> None:
    """Names below a prefix with what they point to; a damaged record doesn't hide the others."""
    other = _class(mgraph)
    said = mgraph("store", "list", "shared", "--prefix", "class-7a", "--json")
    listed = [(x["name"], x["id"]) for x in said.json["names"]]
    assert listed == [("class-7a/anna", ID), ("class-7a/ben", ID), ("class-7a/moons/carla", other)]
    said = mgraph("store", "list", "shared", "--prefix", "class-7a/moons")
    assert [line.split()[::2] for line in said.out.splitlines()] == [
        ["name", "document"], ["class-7a/moons/carla", other]
    ]  # fmt: skip
    said = mgraph("store", "list", "shared", "--prefix", "nobody")
    assert (said.status, said.out) == (0, "shared has no names below nobody\n")
    mgraph.write("shared/names/class-7a/ben.json", b"{}")
    said = mgraph("store", "list", "shared")
    assert (said.status, codes(said), said.out.count(ID)) == (1, ["damaged"], 2)


def test_get(mgraph: Shell) -> None:
    """Files come back byte for byte; nothing is overwritten without being asked for."""
    other = _class(mgraph)
    line = ("store", "get", "shared", "--prefix", "class-7a", "-o", "out")
    said = mgraph(*line)
    assert said.out.splitlines() == [
        f"class-7a/anna: {os.path.join('out', 'anna.json')}",
        f"class-7a/ben: {os.path.join('out', 'ben.json')}",
        f"class-7a/moons/carla: {os.path.join('out', 'moons', 'carla.json')}",
    ]
    assert mgraph.path("out/ben.json").read_bytes() == NEURON.read_bytes()
    assert mgraph.path("out/moons/carla.json").read_bytes() == NEURON.read_bytes() + b"\n"
    assert mgraph(*line).status == 0, "the same files may be there"
    mgraph.write("out/ben.json", b"mine")
    mgraph.path("out/anna.json").unlink()
    said = mgraph(*line)
    assert (said.status, codes(said), said.raw) == (1, ["io"], b"")
    assert not mgraph.path("out/anna.json").exists()
    assert mgraph.path("out/ben.json").read_bytes() == b"mine"
    assert mgraph(*line, "--overwrite").status == 0
    assert mgraph.path("out/ben.json").read_bytes() == NEURON.read_bytes()
    said = mgraph("store", "get", "shared", "class-7a/anna", other[:20], "-o", "new", "--json")
    assert [(x["name"], x["id"]) for x in said.json["wrote"]] == [
        ("class-7a/anna", ID), (None, other)
    ]  # fmt: skip
    assert mgraph.path(f"new/{other[7:]}.json").read_bytes() == NEURON.read_bytes() + b"\n"


def test_get_refuses(mgraph: Shell) -> None:
    """What isn't there, is damaged, or would be written to one file."""
    other = _class(mgraph)
    mgraph("store", "add", "shared", "carla.json", "--prefix", "two")
    mgraph.path("two").mkdir()
    mgraph.write("two/carla.json", NEURON.read_bytes())
    mgraph("store", "add", "shared", "two/carla.json", "--prefix", "two")
    for words, code in (
        (["nobody"], "not-found"), (["--prefix", "nobody"], "not-found"), (["A B"], "name"),
        (["two/carla", "class-7a/moons/carla"], "io"),
    ):  # fmt: skip
        said = mgraph("store", "get", "shared", *words, "-o", "out")
        assert (said.status, codes(said)) == (1, [code]), words
    for words in ([], ["two/carla", "--prefix", "two"]):
        said = mgraph("store", "get", "shared", *words, "-o", "out")
        assert is_usage_error(said, "give either names")
    next(mgraph.path("shared").glob(f"documents/*/{other[7:]}.json")).write_bytes(b"{}")
    said = mgraph("store", "get", "shared", "--prefix", "class-7a", "-o", "out")
    assert (said.status, codes(said)) == (1, ["damaged"])
    assert said.err.startswith(os.path.join("shared", "documents"))
    assert not mgraph.path("out").exists()


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


def test_rm_of_one_name_of_several(mgraph: Shell) -> None:
    """Only the name goes while others point to the document: an unchanged copy is the teacher's."""
    _class(mgraph)
    said = mgraph("store", "rm", "shared", "class-7a/anna", "--json").json
    others = ["class-7a/ben", "other/neuron"]
    assert said["removed"] == []
    assert said["names"] == [{"name": "class-7a/anna", "id": ID, "others": others}]
    assert mgraph("store", "get", "shared", "class-7a/ben", "-o", "out").status == 0
    said = mgraph("store", "rm", "shared", "class-7a/ben")
    assert said.out == f"removed the name class-7a/ben; other/neuron still points to {ID}\n"
    said = mgraph("store", "rm", "shared", "other/neuron")
    assert said.out == f"removed {ID} and the name other/neuron\n"
    assert mgraph("store", "verify", "shared").status == 0


def test_rm_of_several_names_of_one_document(mgraph: Shell) -> None:
    """What is said is true when all are removed: who still points to it, and what went with it."""
    other = _class(mgraph)
    names = ["class-7a/ben", "class-7a/anna"]
    said = mgraph("store", "rm", "shared", *names, "class-7a/moons/carla")
    assert said.out.splitlines() == [
        f"removed the names class-7a/ben, class-7a/anna; other/neuron still points to {ID}",
        f"removed {other} and the name class-7a/moons/carla",
    ]
    for i, last in enumerate((["other/neuron"], [ID])):
        store = f"shared{i}"
        mgraph("store", "add", store, "anna.json", "ben.json", "--prefix", "class-7a")
        mgraph("store", "add", store, "neuron.json", "--prefix", "other")
        said = mgraph("store", "rm", store, *names, *last, "--json")
        removed = {"id": ID, "names": ["class-7a/anna", "class-7a/ben", "other/neuron"]}
        assert (said.json["removed"], said.json["names"]) == ([removed], [])


def test_a_take_down_is_undone_as_the_refusal_says(mgraph: Shell) -> None:
    """The file to delete is named; then the document is accepted again."""
    mgraph("store", "add", "shared", "neuron.json", "--prefix", "a")
    mgraph("store", "rm", "shared", ID)
    said = mgraph("store", "add", "shared", "neuron.json")
    assert said.err.startswith("neuron.json: error[removed]: ")
    record = re.search(r"delete (\S+), and store", said.err)
    assert record
    mgraph.path(record[1]).unlink()
    assert mgraph("store", "add", "shared", "neuron.json", "--prefix", "a").status == 0
    assert mgraph("store", "verify", "shared").status == 0


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
    for days in ("0", "-1", "nan"):
        assert is_usage_error(mgraph(*line, "--days", days), "--days"), days
    assert codes(mgraph("token", "new", "other", "--prefix", "../x")) == ["name"]
    assert not mgraph.path("other").exists()


def test_a_new_store_is_told(mgraph: Shell) -> None:
    """The name may have been mistyped; a store that is there needs no note."""
    said = mgraph("token", "new", "sharedd")
    assert said.err.splitlines()[0] == "note: sharedd is a new store"
    assert "new store" not in mgraph("token", "new", "sharedd").err
    assert mgraph("store", "add", "other", "neuron.json").err == "note: other is a new store\n"


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
