"""How replies are written to a connection."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from mgraph.service.connection import TimedConnection

LENGTH = (b"content-length", b"2")
START = "http.response.start"
BODY = "http.response.body"


class Wire:
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes) -> None:
        """Keep what is sent."""
        if data:
            self.written.append(data)

    def close(self) -> None:
        """Note it."""
        self.is_closed = True

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.is_closed

    def get_extra_info(self, _name: str) -> None:
        """Know nothing."""

    def resume_reading(self) -> None:
        """Do nothing."""


def replied(messages: list[dict[str, Any]], request: bytes = b"GET / HTTP/1.1\r\n\r\n") -> Wire:
    """Return what a connection writes if an application sends these messages."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401
        for message in messages:
            await send(message)

    async def one() -> Wire:
        config = uvicorn.Config(
            app, http=TimedConnection, ws="none", lifespan="off", interface="asgi3",
            server_header=False, date_header=False, log_config=None, log_level="critical",
        )  # fmt: skip
        config.load()
        connection, wire = TimedConnection(config, ServerState(), {}), Wire()
        connection.connection_made(wire)  # type: ignore[arg-type]
        connection.data_received(request)
        await asyncio.gather(*connection.tasks)
        return wire

    return asyncio.run(one())


def head(*headers: tuple[bytes, bytes], status: int = 200) -> dict[str, Any]:
    """Return the message that starts a reply."""
    return {"type": START, "status": status, "headers": [*headers]}


def test_a_whole_reply_is_one_packet() -> None:
    """Its head and its body are written together, byte for byte as HTTP says."""
    wire = replied([head(LENGTH, (b"x-a", b"b")), {"type": BODY, "body": b"ok"}])
    assert wire.written == [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-a: b\r\n\r\nok"]
    assert not wire.is_closed


def test_what_is_unusual_is_sent_as_uvicorn_does() -> None:
    """Bodies in parts, without a length or for HEAD, and connections that end."""
    parts: list[dict[str, Any]] = [
        {"type": BODY, "body": b"o", "more_body": True},
        {"type": BODY, "body": b"k"},
    ]
    assert b"".join(replied([head(LENGTH), *parts]).written).endswith(b"\r\n\r\nok")
    chunked = b"".join(replied([head(), *parts]).written)
    assert chunked.endswith(b"\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n")
    sent = [head(LENGTH), {"type": BODY, "body": b""}]
    answered = b"".join(replied(sent, b"HEAD / HTTP/1.1\r\n\r\n").written)
    assert answered == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"
    assert b"".join(replied([head(status=204), {"type": BODY}]).written).startswith(b"HTTP/1.1 204")
    whole = {"type": BODY, "body": b"ok"}
    old = replied([head(LENGTH), whole], b"GET / HTTP/1.0\r\n\r\n")
    last = replied([head(LENGTH, (b"connection", b"close")), whole])
    for wire in (old, last):
        assert wire.is_closed
        assert b"connection: close\r\n" in b"".join(wire.written)


@pytest.mark.parametrize("value", [b"a\r\nset-cookie: b", b"a\nb", b"a\rb", b"a\0b"])
def test_a_header_that_is_two_is_not_sent(value: bytes) -> None:
    """The connection ends: nothing that somebody else chose may begin another header."""
    wire = replied([head(LENGTH, (b"x-a", value)), {"type": BODY, "body": b"ok"}])
    assert (wire.is_closed, wire.written) == (True, [])


def test_a_length_that_is_wrong_is_noticed() -> None:
    """The connection ends instead of running into the next reply."""
    for body in (b"o", b"okay"):
        assert replied([head(LENGTH), {"type": BODY, "body": body}]).is_closed
