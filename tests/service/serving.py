"""A service in this process, to which tests make requests without a network."""

from __future__ import annotations

import asyncio
import io
import json
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from mgraph.service.app import application
from mgraph.service.journal import Journal
from mgraph.service.settings import Settings
from mgraph.service.store.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgraph.service.store.protocol import GraphStore

KIND = "application/json"
JSON = {"content-type": KIND}
OPEN = Settings(rate=1e6, burst=1e6)
"""Settings without a limit on the rate."""


class Answered(NamedTuple):
    """What a request was answered with."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_whole: bool = True

    @property
    def json(self) -> Any:  # noqa: ANN401 - any plain data
        """The body as plain data."""
        return json.loads(self.body)


class Serving:
    """A service, and the loop in which it answers.

    Attributes:
        received: How many parts of bodies it has asked for.
    """

    def __init__(self, settings: Settings = OPEN, store: GraphStore | None = None) -> None:
        """Start a service."""
        self.store = store or MemoryStore()
        self.logged = io.StringIO()
        self.journal = Journal(self.logged)
        self.app = application(self.store, settings, self.journal)
        self.runner = asyncio.Runner()
        self.received = 0

    def __enter__(self) -> Self:
        """Return the service."""
        return self

    def __exit__(self, *_: object) -> None:
        """End its loop, as the server does."""
        self.runner.run(self._end())
        self.runner.close()

    async def _end(self) -> None:
        """Send the events of a server that starts and ends."""
        events = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])

        async def receive() -> Any:  # noqa: ANN401
            return next(events)

        async def send(_: Any) -> None:  # noqa: ANN401
            pass

        await self.app({"type": "lifespan"}, receive, send)

    def __call__(self, method: str, path: str, body: bytes = b"", /, **headers: str) -> Answered:
        """Make a request; in the names of headers, _ stands for -."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.runner.run(self.request(method, path, [body], named))

    def send(self, method: str, path: str, body: object, /, **headers: str) -> Answered:
        """Make a request with a body of JSON."""
        return self(
            method,
            path,
            json.dumps(body).encode(),
            **{"content_type": KIND, **headers},
        )

    def together(self, *requests: Any) -> list[Answered]:  # noqa: ANN401
        """Make several requests at the same time, each as `request` takes it."""

        async def all_of_them() -> list[Answered]:
            return await asyncio.gather(*(self.request(*each) for each in requests))

        return self.runner.run(all_of_them())

    async def request(
        self,
        method: str,
        path: str,
        body: Sequence[bytes | float],
        headers: Mapping[str, str],
    ) -> Answered:
        """Make a request whose body comes in parts; a number is a pause in seconds."""
        parts = [part for part in body if isinstance(part, bytes)]
        steps = iter(body)
        sent: list[Any] = []

        async def receive() -> Any:  # noqa: ANN401
            for step in steps:
                if isinstance(step, bytes):
                    self.received += 1
                    parts.pop(0)
                    return {"type": "http.request", "body": step, "more_body": bool(parts)}
                await asyncio.sleep(step)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:  # noqa: ANN401
            sent.append(message)

        await self.app(_scope(method, path, headers), receive, send)
        names = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        body = b"".join(message["body"] for message in sent[1:])
        return Answered(sent[0]["status"], names, body, not sent[-1].get("more_body"))

    def log(self) -> list[str]:
        """Return the lines of the log."""
        self.journal.flush()
        return self.logged.getvalue().splitlines()

    def put(self, data: bytes, name: str = "") -> str:
        """Store a graph file, and give it a name; return its id."""
        stored = self("POST", "/api/graphs", data, **JSON)
        assert stored.status in (200, 201), stored
        document: str = stored.json["id"]
        if name:
            named = self.send("PUT", f"/api/names/{name}", {"id": document}, if_none_match="*")
            assert named.status == 201, named
        return document


def _scope(method: str, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    from urllib.parse import unquote  # noqa: PLC0415

    raw, _, query = path.partition("?")
    named = {"host": "localhost:8765", **headers}
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": unquote(raw), "raw_path": raw.encode(), "root_path": "",
        "query_string": query.encode(), "client": ("192.0.2.9", 40_000), "server": None,
        "headers": [(key.lower().encode(), x.encode("latin-1")) for key, x in named.items()],
    }  # fmt: skip
