"""Links that hold a whole graph file, and the addresses of graphs on a server.

A link is BASE`#z=` and the unpadded base64url of the raw DEFLATE of the file's bytes; without a
page to open it, `mgraph:z=` and the same. Links with `j=`, which are not compressed, are read, too.
Nothing here uses the network.
"""

from __future__ import annotations

import base64
import re
import zlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias
from urllib.parse import unquote

from mgraph import codec
from mgraph.codec import limit_error
from mgraph.errors import GraphError, printable, quoted, without_user

if TYPE_CHECKING:
    from mgraph.codec import Limits

SCHEME: Final = "mgraph:"
"""What a link without a page begins with."""

LONGEST: Final = 32_000
"""Most characters of a link that is made: browsers open longer ones, but chat programs cut them."""

LIMITS: Final = codec.LIMITS.raised({"size": 8 * 2**20})
"""Limits on what a link may hold: the page of `mgraph view` unpacks no more than these bytes."""

BASE_IN_WORDS: Final = "the address of a page, for example https://school.example/graphs/page.html"

_NAME: Final = "link"  # in messages
_BASE: Final = re.compile(r"(https?|file)://[^\s#]+")
_HELD: Final = re.compile(r"(.*#|.*mgraph:#?)?([zj])=", re.DOTALL)  # with what was written before
_ADDRESS: Final = re.compile(r"(https?://[^?#\s]+?)/(?:g|api/graphs)/([^?#\s]+)(?:[?#].*)?")
_CLASS: Final = re.compile(r"(https?://[^?#\s]+?)/c/([^?#\s]+)(?:[?#].*)?")
_PAGE: Final = re.compile(r"(https?://[^/?#\s]+)(?:/(?:(?:[cgt]|api)/|open\b)|/?[?#]).*", re.DOTALL)
_OTHERS: Final = re.compile(r"[^A-Za-z0-9_-]")
_BREAK: Final = re.compile(r"\s*[\r\n]\s*")
_ALONE: Final = 1  # character of base64 beyond those that come in groups of four: half a byte


class Held(NamedTuple):
    """What a link holds: a file as base64url.

    Attributes:
        text: The characters.
        is_packed: Whether they are compressed.
        start: Where they begin in the link.
    """

    text: str
    is_packed: bool
    start: int


class Address(NamedTuple):
    """Where a graph is on a server.

    Attributes:
        server: The address of the server, without a slash at its end.
        ref: The graph's id, hash or name there.
    """

    server: str
    ref: str


Target: TypeAlias = Held | Address


def link_of(data: bytes, base: str = "") -> str:
    """Return a link that holds a file.

    Args:
        data: The file.
        base: The address of a page that opens links; without, the link is for `mgraph open`.

    Raises:
        GraphError: `size` if the file is too large for a link.
    """
    if len(data) > LIMITS.size:
        raise _too_large(f"{len(data):,} bytes", f"{LIMITS.size:,} bytes")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL)
    packed = packer.compress(data) + packer.flush()
    text = base64.urlsafe_b64encode(packed).decode().rstrip("=")
    link = f"{base}#z={text}" if base else f"{SCHEME}z={text}"
    if len(link) > LONGEST:
        raise _too_large(f"{len(link):,} characters as a link", f"{LONGEST:,} characters")
    return link


def _too_large(size: str, most: str) -> GraphError:
    fix = "store it on a server with --to URL, or make a folder of pages: mgraph view --site DIR"
    message = f"the graph is too large for a link: {size}"
    return GraphError.of("size", message, expected=f"at most {most}", fix=fix)


def is_base(text: str) -> bool:
    """Whether a text can be the address of a page in links."""
    return text.isprintable() and _BASE.fullmatch(text) is not None


def parse(link: str) -> Target:
    """Tell what a link holds, or where on a server the graph is.

    Spaces and angle brackets around it, and line breaks in it, are what mail programs add. A
    sentence may come before a link that holds a graph, and be around one address.

    Raises:
        GraphError: `link` if it is neither.
    """
    text = _BREAK.sub("", link).strip().removeprefix("<").removesuffix(">")
    if match := _HELD.match(text):
        return Held(text[match.end() :], match[2] == "z", match.end())
    if match := _address(text, link):
        return Address(match[1], unquote(match[2]))
    if match := _CLASS.fullmatch(text):
        raise _of_class(match[1], match[2])
    message = f"{quoted(without_user(text))} is not a link to a graph"
    expected = "mgraph:z=…, https://…#z=…, or the address of a graph on a server, http://…/g/NAME"
    raise _refusal(message, expected=expected)


def _address(text: str, message: str) -> re.Match[str] | None:
    """Match the address of a graph: a whole text, or the only one among the words of a message."""
    if match := _ADDRESS.fullmatch(text):
        return match
    words = (word.strip("<>") for word in message.split())
    addresses = [match for match in map(_ADDRESS.fullmatch, words) if match]
    return addresses[0] if len(addresses) == 1 else None


def _of_class(server: str, name: str) -> GraphError:
    message = "this is the address of the page of a class, and not a link to a graph"
    address = f"{without_user(server)}/g/{name.rstrip('/')}"
    fix = f"the teacher's graph, if the class has one, is {address}"
    position: dict[str, Any] = {"line": 1, "column": 1, "file": _NAME}
    return GraphError.of("link", message, fix=printable(fix), **position)


def server_of(address: str) -> str:
    """Return the address of the server of a page, such as a class's; empty if it is no page's."""
    match = _PAGE.fullmatch(address.strip())
    return match[1] if match else ""


def held_file(held: Held, limits: Limits = LIMITS) -> bytes:
    """Return the file that a link holds.

    Args:
        held: From `parse`.
        limits: How large the file may be.

    Raises:
        GraphError: `link` if the link is damaged, `size` if the file is larger than the limit.
    """
    if not held.text:
        raise _refusal("the link is empty: nothing follows the =")
    if strange := _OTHERS.search(held.text):
        message = f"{quoted(strange[0])} can't be in the data of a link"
        expected = "only letters, digits, - and _ after z="
        raise _refusal(message, held.start + strange.start(), expected=expected)
    if len(held.text) % 4 == _ALONE:
        raise _refusal("the link is damaged: a character is missing, or there is one too many")
    data = base64.urlsafe_b64decode(held.text + "=" * (-len(held.text) % 4))
    return _unpacked(data, limits) if held.is_packed else _checked(data, limits)


def _unpacked(data: bytes, limits: Limits) -> bytes:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        file = _checked(unpacker.decompress(data, limits.size + 1), limits)
    except zlib.error:
        raise _refusal("the link is damaged: its data can't be decompressed") from None
    if not unpacker.eof:
        raise _refusal("the link is damaged: its end is missing")
    if unpacker.unused_data:
        raise _refusal("the link is damaged: something follows the graph")
    return file


def _checked(file: bytes, limits: Limits) -> bytes:
    if len(file) > limits.size:
        message = f"the link unpacks to more than {limits.size:,} bytes"
        raise limit_error("size", message, limits.size, file=_NAME)
    return file


def _refusal(message: str, at: int = 0, expected: str = "") -> GraphError:
    """Build the error for a character of a link, or for the whole of it."""
    fix = "" if expected else "copy the whole link again"
    position: dict[str, Any] = {"line": 1, "column": at + 1, "file": _NAME}
    return GraphError.of("link", message, expected=expected, fix=fix, **position)
