"""The door of the service: every request passes here, and every reply leaves here.

It checks host, origin, token and rate, turns errors into problems, and writes the log.
"""

from __future__ import annotations

import asyncio
import os
import re
import traceback
from functools import lru_cache
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from mgraph.errors import GraphError
from mgraph.service.encoding import as_json_bytes
from mgraph.service.exchange import VARY, HttpRequest, Reply
from mgraph.service.markup import refusal_page
from mgraph.service.problems import PROBLEM_TYPE, Problem, Refusal, unauthorized
from mgraph.service.rates import Rates
from mgraph.service.worker_process import CALLER

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from mgraph.service.exchange import Receive, Scope, Send, Stream
    from mgraph.service.journal import Journal
    from mgraph.service.metrics import Metrics
    from mgraph.service.routes import Routes
    from mgraph.service.settings import Settings

    App = Callable[[Scope, Receive, Send], Awaitable[None]]

SAFE: Final = ("GET", "HEAD", "OPTIONS")
"""The methods that change nothing."""

_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
)
_EMPTY: Final = (204, 304)
"""The statuses of replies without a body."""

_NOT_MODIFIED: Final = 304
_PART: Final = 2**18
"""So many bytes are sent at once; the next ones when the client has read most of these."""

_HOSTS: Final = 64
"""How many Host headers are remembered; honest clients send one of a few."""

HEALTH: Final = ("/healthz", "/readyz", "/v2/health/live", "/v2/health/ready")
"""Paths that answer whatever the Host is: monitors name an address, and they tell nothing."""

_BEARER: Final = "bearer "
_HOST: Final = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]{0,5})?")


class Guard:
    """An ASGI application around the routes of the service.

    Attributes:
        metrics: What it has done.
        routes: The functions that answer requests.
    """

    def __init__(  # noqa: PLR0913 - all that a request passes by
        self,
        routes: Routes,
        lifespan: App,
        settings: Settings,
        journal: Journal,
        metrics: Metrics,
        *,
        grants: Callable[[str], Awaitable[Any]],
        refusals: Mapping[str, Callable[[Problem], Reply]],
    ) -> None:
        """Take the routes, what is allowed, the log, and a function that knows the tokens.

        Args:
            routes: The functions that answer requests.
            lifespan: An ASGI application for all that is not a request: the start and the end.
            settings: What is allowed.
            journal: The log.
            metrics: Counts the requests, also those that are worked on.
            grants: Returns what the bearer of a token may do; None if there is no such token.
            refusals: By the first part of paths: how problems there are replied to, instead of as
                problem details.
        """
        self.routes = routes
        self._lifespan = lifespan
        self._settings = settings
        self._journal = journal
        self._grants = grants
        self._refusals = refusals
        self._rates = Rates(settings.rate, settings.burst)
        self._numbers = count(1)
        self._name = os.urandom(3).hex()
        self.metrics, self._load = metrics, metrics.load

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._lifespan(scope, receive, send)
            return
        start = monotonic()
        name = f"{self._name}-{next(self._numbers):x}"
        request = HttpRequest(name, scope, receive, start + self._settings.deadline, self._load)
        with self._load.working():
            reply = await self._answer(request)
            if reply.stream is not None:
                await self._send_stream(send, reply, reply.stream, request)
        if reply.stream is None:
            with self._load.sending(request.caller, len(reply.body)):
                await _send(send, reply, request)
        seconds = monotonic() - start
        self.metrics.request(request, reply, seconds)
        self._journal.request(request, reply, seconds)

    async def _answer(self, request: HttpRequest) -> Reply:
        try:
            await self._admit(request)
            matched = self.routes.find(request.scope["path"], request.method)
            handler, request.parameters, request.route = matched
            return await handler(request)
        except Problem as problem:
            return self._refused(problem, request)
        except GraphError as error:
            return self._refused(Refusal(error), request)
        except Exception:  # noqa: BLE001 - a fault of ours must not end the service
            self._journal.event(f"{request.id} {traceback.format_exc()}")
            return self._refused(Problem(500, "a fault of the service; its log has more"), request)

    async def _send_stream(
        self, send: Send, reply: Reply, stream: Stream, request: HttpRequest
    ) -> None:
        """Send a reply as it is made; if something goes wrong, it ends without the mark of its end.

        The server then closes the connection, from which clients see that something is missing.
        """
        headers = [*_headers(reply, request), (b"content-type", reply.media_type)]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        try:
            await stream.send(send, reply.body)
        except (Problem, GraphError) as error:
            self._journal.event(f"{request.id} the reply was cut off: {error}")
        except Exception:  # noqa: BLE001 - a fault of ours must not end the service
            self._journal.event(f"{request.id} {traceback.format_exc()}")

    def _refused(self, problem: Problem, request: HttpRequest) -> Reply:
        """Return the reply to a refused request: a page for a browser that goes to an address."""
        part = request.scope["path"].partition("/")[2].partition("/")[0]
        if refusal := self._refusals.get(f"/{part}"):
            return refusal(problem)
        if request.headers.get(b"accept", b"").startswith(b"text/html"):
            return refusal_page(problem)
        members = {**problem.as_json(), "request": request.id}
        return Reply(problem.status, as_json_bytes(members), PROBLEM_TYPE, (*problem.headers, VARY))

    async def _admit(self, request: HttpRequest) -> None:
        """Let a request in.

        Raises:
            Problem: 503 if there are too many at once, 400 for another host or an encoding that
                the server does not decode, 403 for another origin, 401 for an unknown token, 429
                if the caller must wait.
        """
        self._check_host(request)
        if request.headers.get(b"transfer-encoding", b"chunked").lower() != b"chunked":
            raise Problem(400, "the transfer encoding is chunked or none", connection="close")
        if request.method not in SAFE:
            _check_origin(request)
        await self._identify(request)
        wait = self._rates.wait(request.caller)
        if wait:
            raise Problem(429, f"too many requests: come again in {wait} s", retry_after=wait)
        self._load.check(request.caller)
        CALLER.set(request.caller)

    def _check_host(self, request: HttpRequest) -> None:
        hosts, given = self._settings.hosts, request.scope["headers"]
        has_repeats = len(request.headers) < len(given)
        if has_repeats and sum(name == b"host" for name, _ in given) > 1:
            raise Problem(400, "the request names two hosts")
        if request.scope["path"] in HEALTH:
            return
        if hosts and host_name(request.header(b"host")) not in hosts:
            detail = f"this service is reached under the name {hosts[0]}"
            raise Problem(400, f"{detail}; mgraph serve --allow-host NAME adds others")

    async def _identify(self, request: HttpRequest) -> None:
        """Find the grant of a request's token.

        Raises:
            Problem: 401 if there is no such token; that, too, counts for the address.
        """
        given = request.headers.get(b"authorization")
        if given is None:
            return
        text = given.decode("latin-1")
        if text[: len(_BEARER)].lower() == _BEARER:
            request.grant = await self._grants(text[len(_BEARER) :].strip())
        if request.grant is not None:
            request.caller = f"token {request.grant.id}"
        else:
            if wait := self._rates.wait(request.address):
                raise Problem(429, f"too many requests: come again in {wait} s", retry_after=wait)
            if text[: len(_BEARER)].lower() != _BEARER:
                raise unauthorized("expected a token: Authorization: Bearer TOKEN")
            raise unauthorized("there is no such token, or it is revoked")


@lru_cache(_HOSTS)
def host_name(host: str) -> str:
    """Return the name in a Host header, in lower case, without port and brackets; empty if none."""
    match = _HOST.fullmatch(host.lower())
    return (match[1] or match[2].removesuffix(".")) if match else ""


def _check_origin(request: HttpRequest) -> None:
    """Refuse what a page of another site makes a browser send.

    Raises:
        Problem: 403.
    """
    site = request.headers.get(b"sec-fetch-site", b"none")
    origin = request.headers.get(b"origin")
    if site not in (b"none", b"same-origin"):
        raise Problem(403, "pages of other sites can't use this service")
    if origin is not None:
        scheme, _, host = origin.partition(b"://")
        own = request.headers.get(b"host", b"")
        if scheme not in (b"http", b"https") or host.lower() != own.lower():
            raise Problem(403, "pages of other sites can't use this service")


async def _send(send: Send, reply: Reply, request: HttpRequest) -> None:
    status, body, headers = reply.status, reply.body, _headers(reply, request)
    if status not in _EMPTY:
        headers += (b"content-type", reply.media_type), (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    body = b"" if request.method == "HEAD" else body
    for at in range(0, len(body) or 1, _PART):
        part, is_last = body[at : at + _PART], at + _PART >= len(body)
        await send({"type": "http.response.body", "body": part, "more_body": not is_last})
        if not is_last:  # a client may read as fast as this is sent: others have their turn
            await asyncio.sleep(0)


def _headers(reply: Reply, request: HttpRequest) -> list[tuple[bytes, bytes]]:
    """Return the headers of every reply, and the reply's own."""
    headers = [(b"x-request-id", request.id.encode()), *_HEADERS, *reply.headers]
    if reply.status != _NOT_MODIFIED:  # a browser keeps the policy that it has
        headers.append((b"content-security-policy", reply.policy))
    return headers
