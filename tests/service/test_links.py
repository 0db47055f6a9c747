"""Links that hold a graph file: made, read, and refused, against what other programs made."""

from __future__ import annotations

import base64
import random
import tracemalloc
import zlib
from typing import TYPE_CHECKING

import pytest

from mgraph.errors import GraphError
from mgraph.service import links
from mgraph.service.links import Address, Held
from tests.command_line import FIXTURES, HERE, NEURON

if TYPE_CHECKING:
    from mgraph.codec import Limits

DOCUMENT = (
    b'{"mgraph":"1.0","nodes":[{"id":"x","op":"input","data":2},'
    b'{"id":"y","op":"neg","args":["x"]}],"outputs":["y"]}'
)
NODE = (
    "z=NctBCoAgFADRu8z6E9XyXyVcCIa1SMUUivDuUdR2eHOx-WzTgjJ0PUKIbt7R6WJ1KAdCTChrSLUgOFssOjb5wPmDMHsE"
    "m_1zc2CaEWItqZa3nJh2Aw"
)
NODE_STORED = (
    "z=AW4Akf97Im1ncmFwaCI6IjEuMCIsIm5vZGVzIjpbeyJpZCI6IngiLCJvcCI6ImlucHV0IiwiZGF0YSI6Mn0seyJpZCI6In"
    "kiLCJvcCI6Im5lZyIsImFyZ3MiOlsieCJdfV0sIm91dHB1dHMiOlsieSJdfQ"
)
CHROMIUM = (
    "z=NYvBCoAgAEP_ZWeJ6uivhAdBMQ-pmEIi_nsr6ra97XUcLuu0Q2KZZgiEaOwJuXV4Q3gRxcTgQ6qFxeiiIdchvkP7D8E6Rp3d"
    "Y9NTQ3GphdpLGskN"
)
PLAIN = (
    "j=eyJtZ3JhcGgiOiIxLjAiLCJub2RlcyI6W3siaWQiOiJ4Iiwib3AiOiJpbnB1dCIsImRhdGEiOjJ9LHsiaWQiOiJ5Iiwib3Ai"
    "OiJuZWciLCJhcmdzIjpbIngiXX1dLCJvdXRwdXRzIjpbInkiXX0"
)
"""The document as node (zlib.deflateRawSync, level 6 and 0), Chromium 156 (CompressionStream) and
`base64` of the coreutils write it."""

FORMS = (
    "{}", "#{}", "mgraph:{}", "mgraph:#{}", "https://school.example/g/page.html#{}", "page.html#{}",
    "file:///home/me/my%20graphs/neuron.view.html#{}", "<mgraph:{}>", "  mgraph:{}\n",
    "https://school.example/g/a%23b?c=1&z=2#{}",
)  # fmt: skip


def held(link: str, limits: Limits = links.LIMITS) -> bytes:
    """Return the file that a link holds."""
    target = links.parse(link)
    assert isinstance(target, Held)
    return links.held_file(target, limits)


@pytest.mark.parametrize("text", [NODE, NODE_STORED, CHROMIUM, PLAIN])
def test_links_that_others_made_are_read(text: str) -> None:
    """Whatever the page, and whoever compressed it, the bytes are those of the document."""
    for form in FORMS:
        assert held(form.format(text)) == DOCUMENT, form
    broken = "\r\n  ".join(text[i : i + 60] for i in range(0, len(text), 60))
    assert held(f"mgraph:{broken}") == DOCUMENT


def test_links_hold_the_bytes_of_a_file() -> None:
    """As the format of links says: raw DEFLATE in base64url without padding, after #z=."""
    files = [NEURON, *sorted((FIXTURES / "run" / "shapes").glob("*.msgpack"))]
    for path in files:
        data = path.read_bytes()
        for base, start in (("", "mgraph:z="), ("http://a.b/p", "http://a.b/p#z=")):
            link = links.link_of(data, base)
            assert link.startswith(start), path
            packed = base64.urlsafe_b64decode(link.removeprefix(start) + "===")
            assert "=" not in link.removeprefix(start)
            assert zlib.decompress(packed, wbits=-15) == data, path
            assert held(link) == data


def test_how_long_a_link_may_be() -> None:
    """32,000 characters are made, more are refused; what is read may be longer."""
    noise = random.Random(1).randbytes  # noqa: S311 - bytes that can't be compressed
    fits = noise(23_970)
    link = links.link_of(fits)
    assert 31_900 < len(link) <= 32_000
    assert held(link) == fits
    for data in (noise(24_100), b" " * (8 * 2**20 + 1)):
        with pytest.raises(GraphError) as caught:
            links.link_of(data)
        (fault,) = caught.value.diagnostics
        assert (fault.code, "view --site" in fault.fix) == ("size", True)
    longer = base64.urlsafe_b64encode(noise(200_001)).decode()
    assert len(held(f"j={longer}")) == 200_001


DAMAGED = (
    (NODE[:-1], "link", 1, "a character is missing"),
    (NODE[:60], "link", 1, "its end is missing"),
    (NODE[:-2], "link", 1, "its end is missing"),
    (f"{NODE}AAAA", "link", 1, "something follows"),
    ("z=", "link", 1, "the link is empty"),
    (f"mgraph:{NODE[:40]}.{NODE[40:]}", "link", 48, '"." can\'t be in the data of a link'),
    (f"mgraph:{NODE}=", "link", 8 + len(NODE), '"=" can\'t be in the data of a link'),
    ("z=____", "link", 1, "can't be decompressed"),
    ("z=é", "link", 3, '"é" can\'t be'),
    ("z=a\x1b[31m\u202e", "link", 4, '"\\u{1b}" can\'t be'),
    ("", "link", 1, '"" is not a link to a graph'),
    ("mgraph:", "link", 1, "is not a link to a graph"),
    ("mgraph:y=AAAA", "link", 1, "is not a link to a graph"),
    ("https://school.example/page.html", "link", 1, "is not a link to a graph"),
    ("https://school.example/page.html#top", "link", 1, "is not a link to a graph"),
    ("ftp://school.example/g/neuron", "link", 1, "is not a link to a graph"),
    ("javascript:alert(1)", "link", 1, "is not a link to a graph"),
    ("\x1b[31m" * 1000, "link", 1, "…"),
)  # fmt: skip


@pytest.mark.parametrize(("link", "code", "column", "words"), DAMAGED)
def test_a_damaged_link_says_what_is_wrong(link: str, code: str, column: int, words: str) -> None:
    """One diagnostic, with the character where the fault is, and nothing that a terminal obeys."""
    with pytest.raises(GraphError) as caught:
        held(link)
    (fault,) = caught.value.diagnostics
    assert (fault.code, fault.line, fault.column) == (code, 1, column)
    assert words in fault.message
    assert (fault.expected or fault.fix).isprintable()
    assert str(fault).replace("\n", "").isprintable()


def test_every_cut_and_many_changes_are_refused_or_harmless() -> None:
    """No cut of a link gives a file, and no change of a character another exception."""
    for end in range(len(NODE)):
        with pytest.raises(GraphError):
            held(NODE[:end])
    pick = random.Random(2)  # noqa: S311 - places and characters
    for _ in range(2000):
        at = pick.randrange(len(NODE))
        changed = NODE[:at] + pick.choice("AZaz09-_=%#\0\ud800") + NODE[at + 1 :]
        try:
            held(changed)
        except GraphError as error:
            assert_told(error)


def assert_told(error: GraphError) -> None:
    """The diagnostic is about the link."""
    assert [fault.code for fault in error.diagnostics] == ["link"]


def test_a_bomb_is_not_unpacked() -> None:
    """50 MB in 65 kB are refused at the limit; the limit can be lowered and raised."""
    packer = zlib.compressobj(9, wbits=-15)
    bomb = packer.compress(b" " * 50_000_000) + packer.flush()
    link = "mgraph:z=" + base64.urlsafe_b64encode(bomb).decode().rstrip("=")
    tracemalloc.start()
    with pytest.raises(GraphError, match=r"more than 8,388,608 bytes") as caught:
        held(link)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()
    assert caught.value.diagnostics[0].code == "size"
    assert len(held(link, links.LIMITS.raised({"size": 50_000_000}))) == 50_000_000
    for text in (NODE, PLAIN):
        assert held(text, links.LIMITS.raised({"size": len(DOCUMENT)})) == DOCUMENT
        with pytest.raises(GraphError, match="more than 109 bytes"):
            held(text, links.LIMITS.raised({"size": len(DOCUMENT) - 1}))


def test_the_page_unpacks_as_much() -> None:
    """The limit of the page's script is the same."""
    script = HERE.parent / "mgraph" / "viewer" / "static" / "bytes.js"
    assert "const UNPACKED = 8 * 2 ** 20;" in script.read_text(encoding="utf-8")
    assert links.LIMITS.size == 8 * 2**20


@pytest.mark.parametrize(
    ("link", "server", "ref"),
    [
        ("http://127.0.0.1:8000/g/neuron", "http://127.0.0.1:8000", "neuron"),
        ("https://a.example/x/g/class-7a/anna", "https://a.example/x", "class-7a/anna"),
        ("https://a.example/g/sha256:12ab", "https://a.example", "sha256:12ab"),
        ("https://a.example/g/sha256%3A12ab", "https://a.example", "sha256:12ab"),
        ("https://a.example/api/graphs/n?x#step", "https://a.example", "n"),
        ("https://a.example/g/g/g/n", "https://a.example", "g/g/n"),
    ],
)
def test_addresses_of_servers(link: str, server: str, ref: str) -> None:
    """Server and reference are told apart."""
    assert links.parse(link) == Address(server, ref)


def test_links_in_messages() -> None:
    """What somebody wrote before a link does no harm, and nor does it around one address."""
    for form in ("mgraph:{}", "<mgraph:{}>", "https://school.example/page.html#{}"):
        assert held(f"Hi, look:\n{form.format(NODE)}") == DOCUMENT, form
    address = "http://a.b/g/class-7a/anna"
    for form in ("Hi, look:\n{}", "{} is mine", "look: <{}>\nBye"):
        assert links.parse(form.format(address)) == Address("http://a.b", "class-7a/anna"), form
    for text in (f"{address} {address}2", f"https://c.d/?x={address}"):
        with pytest.raises(GraphError, match="is not a link to a graph"):
            links.parse(text)


def test_passwords_are_not_shown() -> None:
    """Not even of an address that leads nowhere."""
    for link in ("https://{}/z", "ftp://{}/g/x", "https://{}/c/7a"):
        with pytest.raises(GraphError) as refused:
            links.parse(link.format("ada:s3cret@a.b"))
        assert "s3cret" not in str(refused.value)
        assert "://a.b/" in str(refused.value)


def test_servers_of_pages() -> None:
    """A page of a server is told from the server, wherever its root is."""
    for path in ("/c/class-7a", "/g/n#with=m", "/open#z=AA", "/#token=x", "?x", "/api/names"):
        assert links.server_of(f"https://a.b:1{path}") == "https://a.b:1", path
    for server in ("https://a.b:1", "https://a.b/", "https://a.b/graphs", "a.b/c/d", "/c/d"):
        assert links.server_of(server) == "", server


def test_addresses_of_pages() -> None:
    """What a link can begin with."""
    for text in ("https://a.b/page.html", "http://192.168.0.7:8000/", "file:///x/page.html?a=1"):
        assert links.is_base(text)
    for text in ("", "a.b/page.html", "https://", "https://a b", "https://a#b", "javascript:x//",
                 "https://a\x1b", "ftp://a/b", " https://a", "https://a\n"):  # fmt: skip
        assert not links.is_base(text), text
