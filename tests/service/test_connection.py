"""How replies are written to a connection."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from mgraph.service.connection import TimedConnection
from mgraph.service.deadlines import until

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

    def pause_reading(self) -> None:
        """Do nothing."""

    def resume_reading(self) -> None:
        """Do nothing."""


def connected(app: Any) -> tuple[TimedConnection, Wire]:  # noqa: ANN401
    """Return a connection to an application, and what it writes to."""
    config = uvicorn.Config(
        app, http=TimedConnection, ws="none", lifespan="off", interface="asgi3",
        server_header=False, date_header=False, log_config=None, log_level="critical",
    )  # fmt: skip
    config.load()
    connection, wire = TimedConnection(config, ServerState(), {}), Wire()
    connection.connection_made(wire)  # type: ignore[arg-type]
    return connection, wire


def replied(messages: list[dict[str, Any]], request: bytes = b"GET / HTTP/1.1\r\n\r\n") -> Wire:
    """Return what a connection writes if an application sends these messages."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401
        for message in messages:
            await send(message)

    async def one() -> Wire:
        connection, wire = connected(app)
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


def test_requests_sent_together_are_answered_in_turns() -> None:
    """The first one at once; before each of the others, other connections have their turn."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401
        await send(head(LENGTH))
        await send({"type": BODY, "body": b"ok"})

    async def counted() -> list[int]:
        connection, wire = connected(app)
        connection.data_received(b"GET / HTTP/1.1\r\n\r\n" * 3)
        counts = [len(wire.written)]
        for _ in range(3):
            await asyncio.sleep(0)
            counts.append(len(wire.written))
        return counts

    assert asyncio.run(counted()) == [1, 2, 3, 3]


def test_a_request_that_waits_is_timed_like_any_other() -> None:
    """It is begun without a task, and its deadline counts all the same; so does a cancellation."""
    ended = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401
        work = until(monotonic() + 0.01, asyncio.sleep(60))
        try:
            await until(monotonic() + 60.0, work)
        except TimeoutError:
            await send(head(LENGTH))
            await send({"type": BODY, "body": b"ok"})
        finally:
            ended.append(1)

    async def answers() -> list[bytes]:
        connection, wire = connected(app)
        loop, request = asyncio.get_running_loop(), b"GET / HTTP/1.1\r\n\r\n"
        loop.call_soon(connection.data_received, request)  # as the loop does, in no task
        await asyncio.sleep(0)
        assert not wire.written
        await asyncio.gather(*connection.tasks)
        loop.call_soon(connection.data_received, request)
        await asyncio.sleep(0)
        (task,) = connection.tasks
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        return wire.written

    assert asyncio.run(answers())[0].startswith(b"HTTP/1.1 200 ")
    assert ended == [1, 1]


def test_a_connection_that_is_idle_is_closed() -> None:
    """After as many seconds as the server says, which no timer counts."""

    async def app(_scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401
        await send(head(LENGTH))
        await send({"type": BODY, "body": b"ok"})

    async def is_closed() -> list[bool]:
        connection, wire = connected(app)
        connection.data_received(b"GET / HTTP/1.1\r\n\r\n")
        closed = []
        for seconds in (60, 0.0):
            connection.timeout_keep_alive = seconds  # type: ignore[assignment]
            await asyncio.sleep(0.01)
            connection.end_if_late(20.0)
            closed.append(wire.is_closed)
        return closed

    assert asyncio.run(is_closed()) == [False, True]
