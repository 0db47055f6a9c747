"""`mgraph share` and `mgraph open`: a file goes through a link and comes back."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zlib
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_terminal import on_terminal
from tests.command_line import FIXTURES, NEURON, SCRIPT, codes, environment, is_usage_error
from tests.service.classroom import held as classroom
from tests.service.test_links import DOCUMENT, NODE
from tests.service.test_qr import COLOURED, picture, texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.command_line import Shell

BASE = "https://school.example/graphs/page.html"
HASH = "mgraph1-sha256:8e73c52b4e25d5a6161921e421fe63ac16fa3900479a37067f2bfffc2ae536d6"
"""The neuron's, as docs/format.md has it."""

NOTE = (
    "note: mgraph open reads this link; "
    "to open a page, a link needs --base (a page of mgraph view --site) or --to (a server)"
)


def held(link: str) -> bytes:
    """Return the file that a link holds."""
    return zlib.decompress(base64.urlsafe_b64decode(link.partition("z=")[2] + "==="), wbits=-15)


def link_of(document: object) -> str:
    """Return a link that holds a document."""
    text = json.dumps(document).encode()
    return "mgraph:j=" + base64.urlsafe_b64encode(text).decode().rstrip("=")


# --- share -----------------------------------------------------------------------------------


def test_share_prints_a_link(mgraph: Shell) -> None:
    """One line with the file, runs and white space included; what can open it is a note."""
    said = mgraph("share", "neuron.json")
    assert (said.status, said.out.count("\n"), said.out[:9]) == (0, 1, "mgraph:z=")
    assert held(said.out) == NEURON.read_bytes()
    assert said.err.startswith(NOTE)
    streamed = mgraph("share", "-", stdin=NEURON.read_bytes())
    assert streamed.out == said.out
    assert mgraph.files() == ["neuron.json"]


def test_share_with_a_page(mgraph: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address of a page comes from the option, or else from the environment."""
    said = mgraph("share", "neuron.json", "--base", BASE)
    assert said.out.startswith(f"{BASE}#z=")
    assert (held(said.out), said.err) == (NEURON.read_bytes(), "")
    monkeypatch.setenv("MGRAPH_BASE", BASE)
    assert mgraph("share", "neuron.json").raw == said.raw
    other = mgraph("share", "neuron.json", "--base", "http://localhost/")
    assert other.out.startswith("http://localhost/#z=")
    for wrong in ("page.html", f"{BASE}#z=", "ftp://a/b", "https://a b", "https://a\x1b[31m"):
        refused = mgraph("share", "neuron.json", "--base", wrong)
        assert is_usage_error(refused, "is not the address of a page, for example https://")
        assert "\x1b" not in refused.err


def test_share_for_programs(mgraph: Shell) -> None:
    """`--json` has the link, and what identifies file and graph."""
    said = mgraph("share", "neuron.json", "--json")
    content = NEURON.read_bytes()
    link = mgraph("share", "neuron.json").out.strip()
    assert said.json == {
        "link": link, "characters": len(link), "nodes": 10, "bytes": len(content),
        "id": f"sha256:{hashlib.sha256(content).hexdigest()}", "hash": HASH,
    }  # fmt: skip


def test_share_refuses_what_is_too_large(mgraph: Shell) -> None:
    """The diagnostic has the size, the limit and what to do; nothing is printed."""
    assert mgraph("new", "--mlp", "64,32,10", "-o", "large.json").status == 0
    said = mgraph("share", "large.json")
    assert (said.status, said.raw, codes(said)) == (1, b"", ["size"])
    assert "expected  at most 32,000 characters" in said.err
    assert "mgraph view --site DIR" in said.err


def test_share_checks_the_file(mgraph: Shell) -> None:
    """What `mgraph check` refuses is not shared; warnings are printed."""
    mgraph.write("bad.json", (FIXTURES / "reject" / "unknown-op" / "typo.json").read_bytes())
    said = mgraph("share", "bad.json")
    assert (said.status, said.raw) == (1, b"")
    assert said.err == mgraph("check", "bad.json").err
    assert (codes(mgraph("share", "none.json")), mgraph("share", "none.json").status) == (["io"], 1)


# --- QR codes --------------------------------------------------------------------------------


@pytest.mark.skipif(os.name != "posix", reason="ptys as POSIX has them")
def test_a_code_on_a_terminal(mgraph: Shell) -> None:
    """It is black on white whatever the terminal's colours, and holds the link above it."""
    line = ("share", "neuron.json", "--base", BASE, "--qr")
    status, seen = on_terminal(*line, cwd=mgraph.folder, columns=120)
    link = seen.splitlines()[0]
    assert (status, held(link)) == (0, NEURON.read_bytes())
    assert texts(picture(COLOURED.findall(seen), 0, 255)) == [link]
    status, seen = on_terminal(*line, cwd=mgraph.folder, columns=80)
    assert (status, seen.splitlines()[0]) == (1, link)
    assert "columns wide, and the terminal has 80" in seen
    assert "▀" not in seen


def test_a_code_in_a_pipe(mgraph: Shell) -> None:
    """It follows the link; beside JSON, it is on standard error."""
    link, *code = mgraph("share", "neuron.json", "--qr").out.splitlines()
    assert link == mgraph("share", "neuron.json").out.strip()
    assert texts(picture(code, 255, 0)) == [link]
    said = mgraph("share", "neuron.json", "--qr", "--json")
    assert said.json["link"] == link
    assert said.err.splitlines()[:-1] == code


def test_a_long_link_has_no_code(mgraph: Shell) -> None:
    """Above 1,200 characters there is neither link nor code."""
    mgraph("new", "--mlp", "2,16,1", "-o", "net.json")
    said = mgraph("share", "net.json", "--qr")
    assert (said.status, said.raw, codes(said)) == (1, b"", ["size"])
    assert "too many for a QR code" in said.err
    assert mgraph("share", "net.json").status == 0


# --- open ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        NEURON,
        *(
            path
            for path in sorted((FIXTURES / "run" / "shapes").iterdir())
            if "1000" not in path.stem
        ),
    ],
    ids=lambda path: path.name,
)
def test_a_file_comes_back_byte_for_byte(mgraph: Shell, path: Path) -> None:
    """Whatever encoding and white space it has."""
    link = mgraph("share", str(path), "--base", BASE).out
    said = mgraph("open", "-", "-o", "back.json", stdin=link.encode())
    assert said.status == 0
    assert mgraph.path("back.json").read_bytes() == path.read_bytes()
    assert mgraph("open", link, "-o", "-").raw == path.read_bytes()


def test_open_says_what_it_wrote(mgraph: Shell) -> None:
    """The file is named for the graph, the hash is printed; `--json` is what `share` prints."""
    link = mgraph("share", "neuron.json").out.strip()
    mgraph.path("neuron.json").unlink()
    said = mgraph("open", link)
    assert (said.status, said.err) == (0, "")
    assert said.out == f"wrote neuron.json: 10 nodes, 1,502 bytes, {HASH}\n"
    assert mgraph.path("neuron.json").read_bytes() == NEURON.read_bytes()
    facts = mgraph("share", "neuron.json", "--json").json
    assert mgraph("open", link, "--json").json == {
        "wrote": "neuron.json",
        **{key: facts[key] for key in ("nodes", "bytes", "id", "hash")},
    }
    packed = b"".join(_msgpack(mgraph))
    mgraph.write("a.msgpack", packed)
    mgraph("open", mgraph("share", "a.msgpack").out)
    assert mgraph.path("neuron.msgpack").read_bytes() == packed


def _msgpack(mgraph: Shell) -> list[bytes]:
    mgraph("convert", "neuron.json", "packed.msgpack")
    return [mgraph.path("packed.msgpack").read_bytes()]


def test_open_writes_over_no_other_file(mgraph: Shell) -> None:
    """A stranger's graph does not replace a file by having its name; with -o it may."""
    other = {**mgraph.document("neuron.json"), "doc": "another one"}
    said = mgraph("open", link_of(other))
    assert (said.status, said.raw, codes(said)) == (1, b"", ["io"])
    assert "neuron.json is there already" in said.err
    assert mgraph.path("neuron.json").read_bytes() == NEURON.read_bytes()
    assert mgraph("open", link_of(other), "-o", "neuron.json").status == 0
    assert mgraph.document("neuron.json") == other


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("../../etc/passwd", "etc-passwd.json"), ("C:\\x", "C-x.json"), ("..", "linked.json"),
        ("-rf", "rf.json"), (".bashrc", "bashrc.json"), ("CON", "CON-file.json"),
        ("nul.txt", "nul.txt-file.json"), ("\u202egnp", "gnp.json"), ("", "linked.json"),
        ("a\nb\x1b[31m", "a-b-31m.json"), ("n" * 200, "n" * 60 + ".json"), ("神经", "linked.json"),
    ],
)  # fmt: skip
def test_names_of_strangers_are_harmless(mgraph: Shell, name: str, file: str) -> None:
    """The file is in this folder, and is not hidden, an option, or a device."""
    document = {**json.loads(DOCUMENT), "name": name}
    said = mgraph("open", link_of(document))
    assert said.status == 0
    assert mgraph.files() == sorted([file, "neuron.json"])


def test_open_and_view(mgraph: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `--view` there is a page, too, and the browser is given it."""
    opened: list[str] = []
    monkeypatch.setattr("mgraph.cli.open.open_in_browser", opened.append)
    said = mgraph("open", f"#{NODE}", "--view", "-o", "small.json")
    assert said.status == 0
    assert opened == ["small.view.html"]
    page = mgraph.path("small.view.html").read_text(encoding="utf-8")
    assert '"file": "small.json"' in page
    assert is_usage_error(mgraph("open", f"#{NODE}", "--view", "-o", "-"), "--view needs a file")


def test_the_hash_is_checked(mgraph: Shell) -> None:
    """Another graph than the one that was announced is refused, and a run of another graph."""
    content = NEURON.read_bytes()
    link = mgraph("share", "neuron.json").out.strip()
    for right in (HASH, f"sha256:{hashlib.sha256(content).hexdigest()}"):
        assert mgraph("open", link, "--hash", right, "-o", "x.json").status == 0
    for wrong in (f"{HASH[:-1]}7", f"sha256:{'0' * 64}"):
        said = mgraph("open", link, "--hash", wrong, "-o", "y.json")
        assert (said.status, codes(said)) == (1, ["hash"])
        assert HASH in said.err
        assert "\x1b" not in said.err
    document = json.loads(content)
    document["runs"][0]["graph"] = HASH
    document["nodes"][0]["data"] = 3.0
    said = mgraph("open", link_of(document), "-o", "y.json")
    assert (said.status, codes(said)) == (1, ["hash"])
    assert "y.json" not in mgraph.files()


@pytest.mark.parametrize(
    ("link", "code", "words"),
    [
        ("mgraph:z=AAAA", "link", "link:1:1: error[link]: the link is damaged"),
        (f"{NODE}!", "link", f"link:1:{len(NODE) + 1}: error[link]"),
        ("neuron.json", "link", "mgraph view neuron.json"),
        ("\x1b[31m", "link", "is not a link to a graph"),
        ("j=e30", "format", "link:1:"),
        ("j=" + base64.urlsafe_b64encode(b"[" * 999).decode(), "depth", "link:1:"),
        ("j=", "link", "the link is empty"),
        ("mgraph:z=", "link", "copy the whole link again"),
        ("http://a.b/c/class-7a#token=x", "link", "http://a.b/g/class-7a"),
    ],
)
def test_open_refuses(mgraph: Shell, link: str, code: str, words: str) -> None:
    """One diagnostic or more on standard error, status 1, and nothing written."""
    said = mgraph("open", link)
    assert (said.status, said.raw, codes(said)[0]) == (1, b"", code)
    assert words in said.err
    assert "\x1b" not in said.err
    assert mgraph.files() == ["neuron.json"]


def test_bad_files_in_links(mgraph: Shell) -> None:
    """What `check` says of a bad file, `open` says of a link that holds it."""
    chosen = [*(FIXTURES / "reject").glob("*/*.json")]
    chosen = [path for path in chosen if not path.name.endswith(".diagnostic.json")]
    for path in chosen[::8]:
        text = base64.urlsafe_b64encode(path.read_bytes()).decode().rstrip("=")
        said = mgraph("open", f"mgraph:j={text}")
        assert said.status == 1, path
        expected = mgraph("check", str(path)).err
        assert codes(said) == codes(type(said)(0, b"", expected.encode())), path
    assert mgraph.files() == ["neuron.json"]


# --- a server --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a server that keeps graphs in memory."""
    process = subprocess.Popen(
        [SCRIPT, "serve", "--port", "0"], cwd=tmp_path_factory.mktemp("server"), text=True,
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        yield process.stdout.readline().rpartition(" ")[2].strip()
        process.terminate()


def test_a_graph_is_stored_and_fetched(mgraph: Shell, server: str) -> None:
    """The address that is printed has the name or the id, and leads to the same bytes."""
    identity = f"sha256:{hashlib.sha256(NEURON.read_bytes()).hexdigest()}"
    for more, ref in (((), identity), (("--name", "class-7a/anna"), "class-7a/anna")):
        said = mgraph("share", "neuron.json", "--to", server, *more)
        assert (said.status, said.out, said.err) == (0, f"{server}/g/{ref}\n", "")
        assert mgraph("open", said.out.strip(), "-o", "back.json").status == 0
        assert mgraph.path("back.json").read_bytes() == NEURON.read_bytes()
    assert (
        mgraph("open", f"{server}/api/graphs/{HASH}", "--json", "-o", "x.json").json["hash"] == HASH
    )
    link, *code = mgraph(
        "share", "neuron.json", "--to", server, "--name", "n", "--qr"
    ).out.splitlines()
    assert texts(picture(code, 255, 0)) == [link] == [f"{server}/g/n"]


def test_a_large_graph_is_stored(mgraph: Shell, server: str) -> None:
    """What is too large for a link is no problem for a server."""
    mgraph("new", "--mlp", "64,32,10", "-o", "large.msgpack")
    said = mgraph("share", "large.msgpack", "--to", server)
    assert (
        mgraph("open", said.out.strip(), "-o", "-").raw == mgraph.path("large.msgpack").read_bytes()
    )


def test_a_name_is_replaced_only_if_asked(mgraph: Shell, server: str) -> None:
    """Whoever has a name keeps it, unless `--replace` is there; a new name needs none."""
    mgraph("convert", "neuron.json", "other.json", "--strip")
    line = ("share", "other.json", "--to", server, "--name", "mine")
    assert mgraph("share", "neuron.json", *line[2:], "--replace").status == 0
    said = mgraph(*line)
    assert (said.status, said.raw, codes(said)) == (1, b"", ["conflict"])
    assert "--replace" in said.err
    again = mgraph("share", "neuron.json", *line[2:])
    assert (again.status, again.out) == (0, f"{server}/g/mine\n"), "it has this file already"
    assert mgraph("open", f"{server}/g/mine", "-o", "-").raw == NEURON.read_bytes()
    assert mgraph(*line, "--replace").status == 0
    other = mgraph.path("other.json").read_bytes()
    assert mgraph("open", f"{server}/g/mine", "-o", "-").raw == other


def test_a_password_of_the_server_is_not_printed(
    mgraph: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even if the name has the file already, so that nothing is stored."""
    identity = f"sha256:{hashlib.sha256(NEURON.read_bytes()).hexdigest()}"
    served = SimpleNamespace(id=identity)
    monkeypatch.setattr("mgraph.client.Client.get_name", lambda *_: served)
    said = mgraph("share", "neuron.json", "--to", "http://ada:s3cret@a.b/", "--name", "a/b")
    assert (said.status, said.out, said.err) == (0, "http://a.b/g/a/b\n", "")


@pytest.mark.parametrize("name", ["Class 7", "../x", "a/../b", "a//b", "con", "\x1b[31m", "a" * 65])
def test_a_name_that_no_server_takes(mgraph: Shell, server: str, name: str) -> None:
    """It is refused before anything is sent."""
    said = mgraph("share", "neuron.json", "--to", server, "--name", name)
    assert (said.status, said.raw, codes(said)) == (1, b"", ["name"])
    assert "\x1b" not in said.err


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("open {server}/g/nothing", "not-found"),
        ("open http://127.0.0.1:9/g/x", "io"),
        ("share neuron.json --to http://127.0.0.1:9", "io"),
        ("share neuron.json --to localhost:9", "io"),
        ("share neuron.json --to nonsense", "io"),
        (f"open {{server}}/g/neuron --hash sha256:{'0' * 64}", "hash"),
    ],
)
def test_what_goes_wrong_with_a_server(mgraph: Shell, server: str, line: str, code: str) -> None:
    """No server, no graph, another graph: one diagnostic, and nothing is written."""
    mgraph("share", "neuron.json", "--to", server, "--name", "neuron", "--replace")
    said = mgraph(*line.format(server=server).split())
    assert (said.status, said.raw, codes(said)) == (1, b"", [code])
    assert mgraph.files() == ["neuron.json"]


def test_a_hash_that_is_none(mgraph: Shell) -> None:
    """It is a wrong command line, before the link is looked at; not a graph that is another."""
    digits = "0" * 64
    long = f"mgraph1-sha256:{digits}0"
    for text in ("x", "", "\x1b", digits, f"sha256:{digits[1:]}", long, f"md5:{digits}"):
        said = mgraph("open", "nonsense", "--hash", text, "-o", "x.json")
        assert is_usage_error(said, "is not a hash"), text


def test_options_for_a_server(mgraph: Shell) -> None:
    """A name needs a server, and what is replaced a name."""
    for line, words in (("--name x", "it goes with --to URL"), ("--replace", "goes with --name")):
        assert is_usage_error(mgraph("share", "neuron.json", *line.split()), words)


def test_the_address_of_a_page_is_no_server(mgraph: Shell) -> None:
    """The server's own address is named; a token in the address is not printed."""
    for address in (
        "/c/class-7a",
        "/c/class-7a#token=mgraph_x",
        "/g/n",
        "/open",
        "/#token=x",
        "?a",
    ):
        said = mgraph("share", "neuron.json", "--to", f"http://a.b:80{address}")
        assert is_usage_error(said, "--to http://a.b:80")
        assert "mgraph_x" not in said.err
        assert ("--token TOKEN" in said.err) == ("#token=" in address)


def test_what_a_server_needs_is_said(mgraph: Shell, tmp_path: Path) -> None:
    """A token that is missing has the options that give it; an address its beginning."""
    with classroom(tmp_path, "--need-token", graph=None) as room:
        wrong = mgraph("share", "neuron.json", "--to", room.url, "--token", "mistyped")
        said = mgraph("share", "neuron.json", "--to", room.url)
    assert "check --token" in wrong.err
    assert (said.status, said.raw) == (1, b"")
    assert "--token TOKEN" in said.err
    assert "MGRAPH_TOKEN" in said.err
    for address in ("nonsense", "localhost:9"):
        said = mgraph("share", "neuron.json", "--to", address)
        assert "an address begins with http://" in said.err


def test_the_token_is_sent(mgraph: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the option, or else from the environment."""
    tokens: list[str] = []

    def client(_: str, token: str) -> None:
        tokens.append(token)
        sys.exit(3)

    monkeypatch.setattr("mgraph.client.Client", client)
    assert mgraph("share", "neuron.json", "--to", "http://a.b", "--token", "one").status == 3
    monkeypatch.setenv("MGRAPH_TOKEN", "two")
    assert mgraph("open", "http://a.b/g/x").status == 3
    assert tokens == ["one", "two"]


# --- no network ------------------------------------------------------------------------------

LINES = (
    ("share", "neuron.json", "--qr", "--base", BASE),
    ("open", f"{BASE}#{NODE}", "-o", "x.json", "--view"),
    ("view", "--site", "site", "neuron.json", "--no-open"),
)
WATCHED = """import sys
sys.addaudithook(lambda name, _: name.startswith("socket.") and sys.exit(f"{name} was called"))
from mgraph.cli import main
sys.argv[0] = "mgraph"
main()
"""


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0])
def test_python_opens_no_socket(mgraph: Shell, line: tuple[str, ...]) -> None:
    """A link that holds a graph is made and read without the network."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *line], cwd=mgraph.folder, env=environment(),
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def _traces() -> bool:
    """Whether strace is there and may trace."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("line", LINES[:2], ids=lambda line: line[0])
def test_the_system_sees_no_connection(mgraph: Shell, line: tuple[str, ...]) -> None:
    """The process and its children make no socket and no connection."""
    if not _traces():
        pytest.skip("strace is not installed, or may not trace")
    log = mgraph.path("calls.txt")
    command = ["strace", "-f", "-qq", "-e", "trace=%network", "-o", str(log), SCRIPT, *line]
    subprocess.run(command, cwd=mgraph.folder, env=environment(), check=True, timeout=60)
    calls = log.read_text().splitlines()
    assert [call for call in calls if "(" in call and "+++" not in call] == []
