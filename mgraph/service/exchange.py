"""A request and its reply, as the service's functions see them."""

from __future__ import annotations

import asyncio
import re
import zlib
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from mgraph.codec import limit_error
from mgraph.errors import quoted
from mgraph.service.deadlines import until
from mgraph.service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Awaitable,
        Callable,
        Coroutine,
        Mapping,
        MutableMapping,
        Sequence,
    )
    from contextlib import AbstractContextManager

    from mgraph.errors import GraphError
    from mgraph.service.load import Load

    Scope = MutableMapping[str, Any]
    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

T = TypeVar("T")

JSON_TYPE: Final = b"application/json"
MSGPACK_TYPE: Final = b"application/vnd.msgpack"
HTML_TYPE: Final = b"text/html; charset=utf-8"

_BODY_TYPES: Final = {
    b"application/json": JSON_TYPE,
    b"application/vnd.msgpack": MSGPACK_TYPE,
    b"application/msgpack": MSGPACK_TYPE,
    b"application/x-msgpack": MSGPACK_TYPE,
}
"""The media types of bodies, and under which one the service sends the same."""

NO_ROUTE: Final = "none"
"""The route of requests that were refused before one was looked for, or have none."""

BEGUN_ANEW: Final = "mgraph.begun_anew"
"""The key in a scope for when the last part of a stream began, in seconds of the event loop."""

_PACKED: Final = "+msgpack"
_WINDOWS: Final = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""The content encodings of bodies, and what zlib calls them; RFC 9110's deflate is that of zlib."""

_LARGE: Final = 2**20
"""Parts of a body that have more bytes are joined in a thread, where that stalls nobody."""

_QUICK: Final = 2**12
"""A compressed body of so many bytes is a few megabytes at most, which takes milliseconds."""


NOTHING: Final = b"default-src 'none'; frame-ancestors 'none'"
"""The policy of replies that load nothing."""


class Reply(NamedTuple):
    """What a request is answered with.

    Attributes:
        status: The status code.
        body: The body.
        media_type: Its media type.
        headers: More headers, in lower case.
        policy: What a browser that shows it may load, as a content security policy.
        stream: The rest of the body, if its length is not known yet.
    """

    status: int
    body: bytes = b""
    media_type: bytes = JSON_TYPE
    headers: tuple[tuple[bytes, bytes], ...] = ()
    policy: bytes = NOTHING
    stream: Stream | None = None

    @property
    def size(self) -> int:
        """The number of bytes of the body; of a stream, those that were sent up to now."""
        return len(self.body) if self.stream is None else self.stream.sent


class Stream:
    """The rest of a body whose length is not known before.

    Attributes:
        sent: How many bytes of the body were sent.
    """

    def __init__(self, blocks: AsyncIterator[bytes]) -> None:
        """Take what yields the bytes; what that raises cuts the body off."""
        self._blocks = blocks
        self.sent = 0

    async def send(self, send: Send, first: bytes) -> None:
        """Send a block, then all others; without the mark of the end if something is raised.

        Raises:
            GraphError, Problem: Why the body was cut off.
        """
        await self._send(send, first, is_last=False)
        async for block in self._blocks:
            await self._send(send, block, is_last=False)
        await self._send(send, b"", is_last=True)

    async def _send(self, send: Send, block: bytes, *, is_last: bool) -> None:
        await send({"type": "http.response.body", "body": block, "more_body": not is_last})
        self.sent += len(block)


VARY: Final = (b"vary", b"accept")
"""The header of replies that depend on what the client accepts."""

_TAG: Final = re.compile(r'[ \t,]*(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"[ \t]*(?:,|$)')


def etag(name: str) -> tuple[bytes, bytes]:
    """Return the header that tags a reply."""
    return b"etag", f'"{name}"'.encode()


def tag_of(name: str, media_type: bytes) -> str:
    """Return the tag of one representation; each needs its own."""
    return name if media_type == JSON_TYPE else f"{name}{_PACKED}"


def untagged(tag: str) -> str:
    """Return the name in the tag of any representation."""
    return tag.removesuffix(_PACKED)


def tags_in(text: str) -> Sequence[str] | None:
    """Return the entity tags in a header, without quotes; None if it is not a list of such.

    Whether a tag is weak is left out.

    Source:
        RFC 9110, section 8.8.3.
    """
    text, tags, at = text.strip(" \t,"), [], 0
    while at < len(text):
        match = _TAG.match(text, at)
        if match is None:
            return None
        tags.append(match[1])
        at = match.end()
    return tags


class HttpRequest:
    """One request.

    Attributes:
        id: A name for it, in the log and in the reply.
        scope: What ASGI says about it.
        headers: Its headers by name, in lower case; of several with one name, the last.
        method: Its method, in upper case.
        address: Where it comes from.
        grant: What the bearer of its token may do; None without a token.
        caller: By what whoever sends it is known: the token, or else the address.
        parameters: What its route found in the path, by name.
        deadline: When it must have been answered, in seconds of the monotonic clock.
        route: The path of its route; `NO_ROUTE` if none was found.
        received: How many bytes its body has, decompressed; 0 until it has arrived.
    """

    __slots__ = (
        "_is_over", "_load", "_receive", "address", "caller", "deadline", "grant", "headers", "id",
        "method", "parameters", "received", "route", "scope",
    )  # fmt: skip

    def __init__(
        self, name: str, scope: Scope, receive: Receive, deadline: float, load: Load
    ) -> None:
        """Take what ASGI passes on, when the request must have been answered, and the load."""
        self.id = name
        self.scope = scope
        self.headers: Mapping[bytes, bytes] = dict(scope["headers"])
        client = scope.get("client")
        self.method: str = scope["method"]
        self.address: str = client[0] if client else ""
        self.grant: Any = None
        self.caller = self.address
        self.parameters: Mapping[str, str] = {}
        self.deadline = deadline
        self.route = NO_ROUTE
        self.received = 0
        self._receive = receive
        self._load = load
        self._is_over = False

    def header(self, name: bytes) -> str:
        """Return a header as text; empty if there is none."""
        return self.headers.get(name, b"").decode("latin-1").strip()

    def query(self, *known: str) -> dict[str, str]:
        """Return the parameters of the query, by name.

        Args:
            known: The parameters that there are.

        Raises:
            Problem: 400 if there is another one, or one is given twice.
        """
        given = self.queries(*known)
        if any(len(texts) > 1 for texts in given.values()):
            names = ", ".join(known) or "none"
            raise Problem(400, f"the query has a parameter twice; there are: {names}")
        return {name: texts[0] for name, texts in given.items()}

    def queries(self, *known: str, most: int = 20) -> dict[str, list[str]]:
        """Return the parameters of the query, of which each may be there several times.

        Args:
            known: The parameters that there are.
            most: How many parameters there may be.

        Raises:
            Problem: 400 if there is another one, or too many.
        """
        from urllib.parse import parse_qs  # noqa: PLC0415 - only for requests with a query

        text = self.scope["query_string"].decode("latin-1")
        try:
            given = parse_qs(text, keep_blank_values=True, max_num_fields=most, errors="strict")
        except ValueError:
            raise Problem(400, "the query can't be read") from None
        if unknown := [name for name in given if name not in known]:
            wrong = f"the query can't have {quoted(unknown[0], 80)} here"
            raise Problem(400, f"{wrong}; expected {', '.join(known) or 'no parameters'}")
        return given

    def has(self, tag: str) -> bool:
        """Whether the client says that it has what it asks for, by its tag."""
        tags = self.header(b"if-none-match")
        return bool(tags) and (tags == "*" or tag in (tags_in(tags) or ()))

    async def within(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for something until the deadline.

        Raises:
            Problem: 504 if it takes too long.
        """
        try:
            return await until(self.deadline, work)
        except TimeoutError:
            raise Problem(504, "the request took too long", retry_after=1) from None

    # --- a body as a stream ---

    def go_on(self, seconds: float) -> None:
        """Begin the time anew that the request may take: for each part of a stream."""
        self.scope[BEGUN_ANEW] = now = monotonic()
        self.deadline = now + seconds

    def receiving(self, size: int) -> AbstractContextManager[None]:
        """Make room for a part of the body, for the length of a block.

        Raises:
            Problem: 503 if too much arrives at once.
        """
        return self._load.receiving(self.caller, size)

    async def next_part(self) -> bytes:
        """Return the next bytes of the body; empty at its end.

        Raises:
            Problem: 408 if they do not arrive in time; 400 if the connection was closed.
        """
        while not self._is_over:
            try:
                with self._load.waiting():
                    message = await until(self.deadline, self._message())
            except TimeoutError:
                raise Problem(408, "the rows did not arrive in time", connection="close") from None
            if message["type"] == "http.disconnect":
                raise Problem(400, "the connection was closed before the body was complete")
            self._is_over = not message.get("more_body")
            if data := message.get("body", b""):
                self.received += len(data)
                return bytes(data)
        return b""

    async def _message(self) -> Message:
        return await self._receive()

    # --- a body as a whole ---

    async def body(self, most: int) -> bytes:
        """Return the body, decompressed.

        Args:
            most: How many bytes it may have, decompressed or not.

        Raises:
            GraphError: `size` if it has more.
            Problem: 408 if it does not arrive in time; 415 for an encoding other than gzip and
                deflate; 400 if it is cut off, or is not encoded so; 503 if too many arrive at once.
        """
        encoding = self.header(b"content-encoding").lower()
        if encoding not in ("", "identity", *_WINDOWS):
            known = ", ".join(_WINDOWS)
            raise Problem(415, f"a body's encoding is {known} or none", accept_encoding=known)
        announced = self.headers.get(b"content-length")
        if announced is not None and (not announced.isdigit() or int(announced) > most):
            raise _too_large(most)
        with self._load.receiving(self.caller, most if announced is None else int(announced)):
            data = await self._arrived(most)
            if encoding in _WINDOWS:
                data = await self._unpacked(data, most, encoding)
        self.received = len(data)
        return data

    async def _unpacked(self, data: bytes, most: int, encoding: str) -> bytes:
        """Decompress a body, in a thread if that takes long."""
        if len(data) <= _QUICK:
            return _decompressed(data, most, encoding)
        return await self.within(asyncio.to_thread(_decompressed, data, most, encoding))

    async def _arrived(self, most: int) -> bytes:
        """Wait for the body, which takes none of the time of others."""
        try:
            with self._load.waiting():
                data = await until(self.deadline, self._received(most))
        except TimeoutError:  # there is nothing else to wait for on this connection
            raise Problem(408, "the body did not arrive in time", connection="close") from None
        self._load.check(self.caller)
        return data

    async def _received(self, most: int) -> bytes:
        message = await self._receive()
        data: bytes = message.get("body", b"")
        if message.get("more_body"):
            parts, size = [data], len(data)
            while message.get("more_body") and size <= most:
                message = await self._receive()
                parts.append(message.get("body", b""))
                size += len(parts[-1])
            join = b"".join
            data = join(parts) if size <= _LARGE else await asyncio.to_thread(join, parts)
        if message["type"] == "http.disconnect":
            raise Problem(400, "the connection was closed before the body was complete")
        if len(data) > most:
            raise _too_large(most)
        return data

    def body_type(self) -> bytes:
        """Return the media type of the body: `JSON_TYPE` or `MSGPACK_TYPE`.

        Raises:
            Problem: 415 if it is another one, or is not stated.
        """
        stated, _, parameters = self.headers.get(b"content-type", b"").partition(b";")
        known = _BODY_TYPES.get(stated.strip().lower())
        charset = parameters.strip().lower().removeprefix(b"charset=").strip(b'"')
        if known is None or charset not in (b"", b"utf-8"):
            raise Problem(415, "a body is application/json or application/vnd.msgpack")
        return known

    def accepted(self, *offers: bytes) -> bytes:
        """Return the media type that the client likes best; the first one if it likes them alike.

        Raises:
            Problem: 406 if it accepts none of them.
        """
        accept = self.headers.get(b"accept")
        if not accept or accept == b"*/*":
            return offers[0]
        ranges = _ranges(accept.decode("latin-1"))
        liked = [(_liking(offer.decode(), ranges), -i) for i, offer in enumerate(offers)]
        best, negated = max(liked)
        if best <= 0:
            types = ", ".join(offer.decode() for offer in offers)
            raise Problem(406, f"this is sent as one of: {types}")
        return offers[-negated]


def _ranges(accept: str) -> dict[str, float]:
    """Return the media ranges of an Accept header, each with its quality."""
    ranges = {}
    for item in accept.split(",")[:50]:
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        stated = [parameter[2:].strip() for parameter in parameters if parameter.startswith("q=")]
        ranges[name] = _quality(stated[0]) if stated else 1.0
    return ranges


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0.0 <= quality <= 1.0 else 0.0


def _liking(offer: str, ranges: Mapping[str, float]) -> float:
    """Return the quality of an offer, from the most specific range that has it."""
    offer = offer.partition(";")[0]
    others = [name for name, ours in _BODY_TYPES.items() if ours.decode() == offer]
    names = [offer, *(name.decode() for name in others), f"{offer.partition('/')[0]}/*", "*/*"]
    return next((ranges[name] for name in names if name in ranges), 0.0)


def _decompressed(data: bytes, most: int, encoding: str) -> bytes:
    """Return what was compressed, without making more than so many bytes of it.

    Raises:
        GraphError: `size` if it would be more.
        Problem: 400 if it is not one complete stream of this encoding.
    """
    stream = zlib.decompressobj(_WINDOWS[encoding])
    try:
        result = stream.decompress(data, most + 1)
    except zlib.error:
        raise Problem(400, f"the body is not {encoding}, as its content encoding says") from None
    if len(result) > most:
        raise _too_large(most)
    if not stream.eof or stream.unused_data:
        raise Problem(400, f"the body is not one complete {encoding} stream")
    return result


def _too_large(most: int) -> GraphError:
    return limit_error("size", "the body is too large", most)
