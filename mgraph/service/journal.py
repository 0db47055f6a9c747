"""The log of the service: one line for each request, on standard error."""

from __future__ import annotations

import asyncio
import sys
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TextIO

from mgraph.errors import printable

if TYPE_CHECKING:
    from mgraph.service.exchange import HttpRequest, Reply

_DELAY: Final = 0.1
"""How long a line may wait for others, in seconds: a write costs as much as a request."""

_LONGEST: Final = 200
"""How many characters of a path are shown."""

_PATHS: Final = 1_000
"""How many paths are remembered as they are shown; most requests are to the same few."""


class Journal:
    """Writes the log. Lines of requests are collected for a moment, then written together."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Take the stream; without one, it is standard error."""
        self._stream = stream
        self._lines: list[str] = []
        self._second = 0
        self._stamp = ""

    def request(self, request: HttpRequest, reply: Reply, seconds: float) -> None:
        """Note a request, its reply, and how long that took."""
        path = shown(request.scope)
        who = request.grant.id if request.grant else "-"
        self._add(
            f"{self._time()} {request.id} {request.address or '-'} {who} {request.method} {path} "
            f"{reply.status} {reply.size} {seconds * 1e3:.1f}ms\n"
        )

    def event(self, text: str) -> None:
        """Note something else, at once; of a text with several lines, each becomes one."""
        self._lines.extend(f"{self._time()} - {printable(line)}\n" for line in text.splitlines())
        self.flush()

    def flush(self) -> None:
        """Write what is collected."""
        text, self._lines = "".join(self._lines), []
        stream = self._stream or sys.stderr
        try:
            stream.write(text)
            stream.flush()
        except (OSError, ValueError):  # nobody reads it any more; the service goes on
            pass

    def _add(self, line: str) -> None:
        if not self._lines:
            asyncio.get_running_loop().call_later(_DELAY, self.flush)
        self._lines.append(line)

    def _time(self) -> str:
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
        return self._stamp


def shown(scope: Any) -> str:  # noqa: ANN401 - ASGI's
    """Return the path of a request on one line of printable ASCII characters without spaces."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return _shown(raw[: _LONGEST + 1])


@lru_cache(_PATHS)
def _shown(raw: bytes) -> str:
    text = raw.decode("ascii", "backslashreplace")
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
    return printable(text).replace(" ", "\\u{20}")
