"""Connections that end if a request does not arrive, or a reply is not read, in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from mgraph.service.deadlines import begun
from mgraph.service.exchange import BEGUN_ANEW

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

    from uvicorn._types import ASGISendEvent, HTTPResponseStartEvent

HEAD: Final = 2**16
"""The most bytes of a request before its body."""

GRACE: Final = 5.0
"""For how many seconds after its deadline the reply of a request may still be read."""

_UNUSUAL: Final = frozenset((b"connection", b"transfer-encoding"))
"""The headers with which a reply is left to uvicorn."""

_TEXT: Final = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])
"""The bytes that the lines of a reply's head may have."""

_TOO_SLOW: Final = b"408 Request Timeout"
_TOO_LONG: Final = b"431 Request Header Fields Too Large"
_CLOSING: Final = b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class _Cycle(RequestResponseCycle):
    """A request whose reply, if it is sent as a whole, is one packet, put together in one step.

    All that is unusual is left to uvicorn: bodies in parts, replies without a body, connections
    that end or are slow to read.
    """

    _start: HTTPResponseStartEvent | None = None

    async def send(self, message: ASGISendEvent) -> None:
        """Keep the head of a reply until its body comes; then send both."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        start, self._start = self._start, None
        if start is None:
            await super().send(message)
        elif not self._sent_whole(start, message):
            await super().send(start)
            await super().send(message)

    def _sent_whole(self, start: HTTPResponseStartEvent, message: Any) -> bool:  # noqa: ANN401
        """Send a reply, unless there is something unusual about it."""
        body = message.get("body", b"")
        headers = [*self.default_headers, *start["headers"]]
        stated = dict(headers)
        length = stated.get(b"content-length")
        head = b"\r\n".join(map(b": ".join, headers))
        if (
            message.get("more_body")
            or length != b"%d" % len(body)
            or not _UNUSUAL.isdisjoint(stated)
            or head.translate(None, _TEXT) != b"\r\n" * (len(headers) - 1)
            or not self.keep_alive
            or self.flow.write_paused
            or self.disconnected
        ):
            return False
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(b"".join((STATUS_LINE[start["status"]], head, b"\r\n\r\n", body)))
        self.message_event.set()
        self.on_response()
        return True


class TimedConnection(HttpToolsProtocol):
    """A connection that knows since when its client keeps it waiting.

    A request is begun where its last bytes were read, and becomes a task only if it has to wait:
    most never do. Those that were sent together are tasks from the second on, so that other
    connections have their turn. No timer is set for a connection; the server looks at all of them
    once a second.

    Attributes:
        since: When the connection was made, or the first byte of the request arrived, in seconds
            of the event loop's clock; None between requests.
    """

    since: float | None = None
    _idle = 0.0
    _head = 0
    _is_reading = False
    _next: tuple[RequestResponseCycle, Any] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self.since = self.loop.time()

    def on_headers_complete(self) -> None:
        """Begin to answer a request, which uvicorn makes."""
        super().on_headers_complete()
        if self.cycle is not None:
            self.cycle.__class__ = _Cycle

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        if self.since is None:
            self.since = self.loop.time()
        self._is_reading = True
        super().data_received(data)
        self._is_reading = False
        if self._next is not None:
            self._begin(*self._next)
        if "path" in (self.scope or ()):  # the head of the request is complete
            self._head = 0
        else:
            self._head += len(data)
            if self._head > HEAD:
                self._end(_TOO_LONG)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401
        """Answer a request: when all bytes are read that have arrived, or else in a task."""
        if self._is_reading:
            self._next = cycle, app
        else:
            self._go_on(cycle.run_asgi(app))

    def _begin(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401
        """Answer a request up to where it waits for the first time, and go on in a task."""
        self._next = None
        work = cycle.run_asgi(app)
        try:
            waits_for = work.send(None)
        except StopIteration:
            return
        self._go_on(begun(work, waits_for))

    def _go_on(self, work: Coroutine[Any, Any, None]) -> None:
        """Let a task do the rest."""
        task = self.loop.create_task(work)
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def on_response_complete(self) -> None:
        """Wait no longer, unless another request is there already."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self.since = self.loop.time()
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self.since, self._idle = None, self.loop.time()

    def end_if_late(self, deadline: float) -> None:
        """End the connection if a request is not complete, or not answered, in time.

        Args:
            deadline: How many seconds a request may take to arrive, and each part of a stream. The
                reply, which the service itself makes in time, may be read for `GRACE` more.
        """
        since = self.since
        if self.cycle is not None and since is not None:
            since = max(since, self.cycle.scope.get(BEGUN_ANEW, since))  # type: ignore[call-overload]
        late = -deadline if since is None else self.loop.time() - since - deadline
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering and late > GRACE:
            self.transport.abort()
        elif not is_answering and late > 0.0:
            self._end(_TOO_SLOW)
        elif since is None and self.loop.time() - self._idle > self.timeout_keep_alive:
            self.transport.close()

    def _end(self, status: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(_CLOSING % status)
            self.transport.close()
