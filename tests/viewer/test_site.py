"""`mgraph view --site`: a folder of pages that harms nothing, whatever its graphs are called."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest

from mgraph import draw
from mgraph.errors import MissingExtraError
from mgraph.viewer.index import Card, index
from mgraph.viewer.site import stems
from tests.command_line import FIXTURES, NEURON, Shell, codes, is_usage_error

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = (
    '</title></style></script><script>bad()</script><img src=x onerror="bad()">\'"&amp;{{ STYLE }}'
)
OURS = [".mgraph-site.json", "index.html", "page.html"]


@pytest.fixture
def shell(mgraph: Shell, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return a folder with the neuron in it, where no browser is opened."""
    monkeypatch.setenv("BROWSER", "true")
    return mgraph


class Tags(HTMLParser):
    """The tags of a page, and the addresses in it."""

    def __init__(self, text: str) -> None:
        """Read a page."""
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.names: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append(tag)
        self.names += [name for name, _ in attrs]
        found = (value for name, value in attrs if name in ("href", "src", "srcset"))
        self.addresses += [unquote(value) for value in found if value]


def page_of(folder: Path) -> Tags:
    """Return what is in the list of a site."""
    return Tags((folder / "index.html").read_text(encoding="utf-8"))


def files_in(folder: Path) -> list[str]:
    """List a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_site_of_two_graphs(shell: Shell) -> None:
    """Each has its file as it was, a page with the graph in it, and two pictures."""
    shell("convert", str(FIXTURES / "run" / "lecture" / "readme.json"), "readme.msgpack")
    other = shell.path("readme.msgpack")
    said = shell("view", "--site", "site", "neuron.json", "readme.msgpack", "--no-open")
    assert (said.status, said.err) == (0, "")
    site = shell.path("site")
    ends = (".html", ".svg", ".dark.svg")
    names = [f"neuron{end}" for end in (*ends, ".json")]
    names += [f"{other.stem}{end}" for end in (*ends, ".msgpack")]
    assert files_in(site) == sorted((*OURS, *names))
    assert (site / "neuron.json").read_bytes() == NEURON.read_bytes()
    assert (site / other.name).read_bytes() == other.read_bytes()
    assert all(name in said.out for name in (*names, "index.html", "page.html", "10 files"))
    shell("view", "neuron.json", "--no-open")
    assert (site / "neuron.html").read_bytes() == shell.path("neuron.view.html").read_bytes()
    assert {*page_of(site).addresses} == {*names, "page.html"}
    assert "One tanh neuron, from Andrej Karpathy" in (site / "index.html").read_text("utf-8")
    for theme, name in (("light", "neuron.svg"), ("dark", "neuron.dark.svg")):
        shell("draw", "neuron.json", "-o", "picture.svg", "--theme", theme)
        assert (site / name).read_bytes() == shell.path("picture.svg").read_bytes()


def test_a_site_without_graphs(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is the page that opens links, and a list with nothing in it, which is opened."""
    opened: list[str] = []
    monkeypatch.setattr("mgraph.cli.view.open_in_browser", opened.append)
    assert shell("view", "--site", "a/b").status == 0
    assert files_in(shell.path("a/b")) == OURS
    assert opened == [str(shell.path("a/b/index.html").relative_to(shell.folder))]
    text = shell.path("a/b/page.html").read_text(encoding="utf-8")
    assert '<script type="application/json" id="graph"></script>' in text


def test_the_list_allows_only_its_own(shell: Shell) -> None:
    """Its policy names its style and its script by hash, and allows its own pictures."""
    shell("view", "--site", "site", "neuron.json")
    text = shell.path("site/index.html").read_text(encoding="utf-8")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    hashes = {
        tag: base64.b64encode(
            hashlib.sha256(text.split(f"<{tag}>")[1].split(f"</{tag}>")[0].encode()).digest()
        ).decode()
        for tag in ("style", "script")
    }
    assert dict(rule.split(" ", 1) for rule in policy[1].split("; ")) == {
        "default-src": "'none'", "script-src": f"'sha256-{hashes['script']}'",
        "style-src": f"'sha256-{hashes['style']}'", "img-src": "'self' file:",
        "base-uri": "'none'", "form-action": "'none'",
    }  # fmt: skip
    assert not [name for name in page_of(shell.path("site")).names if name.startswith("on")]


def test_an_earlier_site_is_replaced_and_nothing_else(shell: Shell) -> None:
    """Files of the last site are written anew; those of others stay, and stop what they'd block."""
    shell("view", "--site", "site", "neuron.json")
    site = shell.path("site")
    (site / "notes.txt").write_text("mine")
    shell.write("small.json", NEURON.read_bytes().replace(b'"neuron"', b'"changed"', 1))
    shell.path("small.json").replace(shell.path("neuron.json"))
    assert shell("view", "--site", "site", "neuron.json").status == 0
    assert "changed" in (site / "index.html").read_text(encoding="utf-8")
    assert (site / "notes.txt").read_text() == "mine"
    assert shell("view", "--site", "site").status == 0
    assert page_of(site).addresses == ["page.html"]
    assert (site / "neuron.html").exists()  # somebody may have its address


@pytest.mark.parametrize("name", ["index.html", "neuron.html", "neuron.json", "neuron.svg"])
def test_files_in_the_way_are_kept(shell: Shell, name: str) -> None:
    """A file that no site has written is named, and nothing at all is written."""
    site = shell.path("site")
    site.mkdir()
    (site / name).write_text("mine")
    said = shell("view", "--site", "site", "neuron.json")
    assert (said.status, said.raw, codes(said)) == (1, b"", ["io"])
    assert f"site has {name}, not written by mgraph view --site" in said.err
    assert files_in(site) == [name]
    assert (site / name).read_text() == "mine"


def test_the_folder_of_the_graph_itself(shell: Shell) -> None:
    """A graph may already be where its copy would go; it is not written, and stays its owner's."""
    before = shell.path("neuron.json").stat()
    assert shell("view", "--site", ".", "neuron.json").status == 0
    assert "neuron.json" not in shell.document(".mgraph-site.json")["files"]
    assert shell("view", "--site", ".", "neuron.json").status == 0
    after = shell.path("neuron.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    other = shell.path("other")
    other.mkdir()
    (other / "neuron.json").write_bytes(NEURON.read_bytes().replace(b'"neuron"', b'"x"', 1))
    said = shell("view", "--site", ".", "other/neuron.json")
    assert (said.status, codes(said)) == (1, ["io"])
    assert shell.path("neuron.json").read_bytes() == NEURON.read_bytes()


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"files": {}}', b"{}", b"\xff"])
def test_a_damaged_record(shell: Shell, content: bytes) -> None:
    """Without the list of earlier files nothing is replaced."""
    shell("view", "--site", "site")
    shell.path("site/.mgraph-site.json").write_bytes(content)
    said = shell("view", "--site", "site", "neuron.json")
    assert (said.status, codes(said)) == (1, ["io"])
    assert ".mgraph-site.json is damaged" in said.err


def test_links_are_not_followed_out_of_the_folder(shell: Shell) -> None:
    """A symbolic link with the name of a file of the site is not written through."""
    site = shell.path("site")
    site.mkdir()
    (site / "page.html").symlink_to(shell.path("neuron.json"))
    assert codes(shell("view", "--site", "site")) == ["io"]
    (site / ".mgraph-site.json").write_text(json.dumps({"files": ["page.html"]}))
    assert codes(shell("view", "--site", "site")) == ["io"]
    assert shell.path("neuron.json").read_bytes() == NEURON.read_bytes()


def test_hostile_graphs_are_only_text(shell: Shell) -> None:
    """Markup in names, docs, ids, labels and the names of files makes no tag and no attribute."""
    document = shell.document("neuron.json") | {"name": HOSTILE, "doc": HOSTILE}
    for node in document["nodes"]:
        node["label"] = HOSTILE
    names = ["<script>bad()<", "'\"><img src=x onerror=bad()>", "..", "a b\n\x1b[31m", "index"]
    paths = [shell.write(f"{name.replace('/', '_')}.json", document) for name in names]
    said = shell("view", "--site", "site", *paths)
    assert said.status == 0
    assert said.out.replace("\n", "").isprintable()
    site = shell.path("site")
    plain = Tags(
        index([Card("a", "b", 1, "c", "d", ("e", "f"))] * len(paths), "page.html").decode()
    )
    found = page_of(site)
    assert found.tags == plain.tags
    assert found.names == plain.names
    assert all(re.fullmatch(r"[A-Za-z0-9][\w.-]*", name) for name in found.addresses)
    assert {*found.addresses} == {*files_in(site)} - {".mgraph-site.json", "index.html"}
    for path in site.glob("*.svg"):
        tags = {element.tag.rpartition("}")[2] for element in ET.parse(path).iter()}  # noqa: S314
        assert tags <= {"svg", "g", "path", "rect", "text", "title"}


def test_names_of_files_are_unique() -> None:
    """Also where upper and lower case are the same, and beside the site's own pages."""
    names = ["a", "A", "a-2", "a", "index", "PAGE", "", "ü", "con", "a" * 99, "a" * 99]
    assert stems(names) == [
        "a", "A-2", "a-2-2", "a-3", "index-2", "PAGE-2", "graph", "graph-2", "con-file",
        "a" * 60, f"{'a' * 60}-2",
    ]  # fmt: skip


def test_without_the_extra_there_are_no_pictures(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A note says what to install; all else is there."""

    def refuse(*_: object) -> None:
        message = "this picture needs pygraphviz"
        raise MissingExtraError(message)

    monkeypatch.setattr(draw.layout, "lay_out", refuse)
    said = shell("view", "--site", "site", "neuron.json")
    assert said.status == 0
    assert said.err == "note: the list has no pictures: this picture needs pygraphviz\n"
    assert files_in(shell.path("site")) == sorted((*OURS, "neuron.html", "neuron.json"))
    assert "img" not in page_of(shell.path("site")).tags


def test_large_graphs_and_graphs_that_can_not_run(shell: Shell) -> None:
    """Thousands of nodes are folded for their picture; inputs without values have none to show."""
    shell("new", "--mlp", "64,32,10", "-o", "large.json")
    shell("new", "y = x*x", "-o", "unbound.json")
    said = shell("view", "--site", "site", "large.json", "unbound.json")
    assert said.status == 0
    site = shell.path("site")
    assert (site / "large.svg").stat().st_size < 100_000
    assert (site / "unbound.svg").exists()


def test_options_that_do_not_go_together(shell: Shell) -> None:
    """Each is refused with what to type, and nothing is written."""
    for line, words in (
        ("neuron.json --site site -o a.html", "-o can't be combined with it"),
        ("neuron.json neuron.json", "add --site DIR"),
        ("neuron.json neuron.json --site s --rows r.csv", "--rows goes with one graph"),
        ("- - --site site", "only one of the graph and the rows"),
    ):
        shell.write("r.csv", "x1\n1\n")
        assert is_usage_error(shell("view", *line.split()), words), line
        assert shell.files() == ["neuron.json", "r.csv"]


def test_quiz_and_rows_of_a_site(shell: Shell) -> None:
    """All pages start as quizzes; the rows are in the page of the graph."""
    shell.write("r.csv", "x1,x2\n1,2\n")
    shell("view", "--site", "site", "neuron.json", "--quiz", "--rows", "r.csv")
    own, empty = (
        shell.path(f"site/{name}").read_text(encoding="utf-8")
        for name in ("neuron.html", "page.html")
    )
    assert '"quiz": true, "rows": {"file": "r.csv"' in own
    assert '"quiz": true, "rows": null' in empty


def test_a_bad_graph_writes_nothing(shell: Shell) -> None:
    """The first graph that `check` refuses ends it, before the folder is made."""
    shell.write("bad.json", (FIXTURES / "reject" / "unknown-op" / "typo.json").read_bytes())
    said = shell("view", "--site", "site", "neuron.json", "bad.json")
    assert (said.status, said.err) == (1, shell("check", "bad.json").err)
    assert not shell.path("site").exists()
