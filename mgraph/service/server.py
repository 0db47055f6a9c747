"""The server: a socket, uvicorn, and an end that finishes what is in flight."""

from __future__ import annotations

import errno
import logging
import signal
import socket
import struct
from contextlib import ExitStack
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from mgraph.codec.files import io_error
from mgraph.errors import GraphError
from mgraph.service.connection import GRACE, TimedConnection

if TYPE_CHECKING:
    from collections.abc import Callable

    from mgraph.service.guard import Guard
    from mgraph.service.journal import Journal
    from mgraph.service.settings import Settings

_BACKLOG: Final = 2048
_UNKNOWN: Final = "0.0.0.0"  # noqa: S104 - what some systems answer without a network
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address.

    Args:
        host: An address or a name of this machine.
        port: The port; 0 for any that is free.

    Raises:
        GraphError: `io` if that isn't possible.
    """
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, kind, protocol, _, address = addresses[0]
        with ExitStack() as stack:
            # asyncio asks the socket whether it is of TCP, and else lets small packets wait
            listener = stack.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
            stack.pop_all()
    except OSError as error:
        raise _not_bound(f"{host}:{port}", error) from None
    return listener


def _not_bound(address: str, error: OSError) -> GraphError:
    """Say why a server can't listen at an address, and what to do if another one does."""
    refused = io_error(address, "listen at", error)
    if error.errno != errno.EADDRINUSE:
        return refused
    fix = "end what listens there, or choose another port; --port 0 takes any that is free"
    return GraphError.of("io", refused.diagnostics[0].message, fix=fix, file=address)


def own_address() -> str:
    """Return the address under which other machines of the network reach this one.

    Nothing is sent: the operating system is asked which of its addresses it would send from, to
    the world and, in a network that leads nowhere else, to all machines at each of its interfaces.

    Returns:
        An IPv4 address; that of the loopback if there is no network.
    """
    try:
        interfaces = [index for index, _ in socket.if_nameindex()]
    except OSError:
        interfaces = []
    world, neighbours = "192.0.2.1", "224.0.0.1"  # for documentation (RFC 5737), multicast
    asked = [_address_towards(world), *(_address_towards(neighbours, x) for x in interfaces)]
    return next(filter(_is_reachable, asked), "127.0.0.1")


def _is_reachable(address: str) -> bool:
    return bool(address) and not (ip_address(address).is_loopback or address == _UNKNOWN)


def _address_towards(destination: str, interface: int = 0) -> str:
    """Return from which address this machine would send; empty if from none.

    Args:
        destination: An IPv4 address.
        interface: The index of the interface, for multicast; 0 for the one that fits.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            if interface:
                chosen = struct.pack("@4s4si", b"", b"", interface)  # an ip_mreqn
                asked.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, chosen)
            asked.connect((destination, 9))
            address: str = asked.getsockname()[0]
        except OSError:
            return ""
    return address


def serve(  # noqa: PLR0913 - what a server needs to know
    app: Guard,
    listener: socket.socket,
    settings: Settings,
    journal: Journal,
    *,
    proxy: str = "",
    started: Callable[[], None] = lambda: None,
) -> None:
    """Serve until a signal says to end; then finish the requests that have begun.

    Args:
        app: The application.
        listener: Where it listens.
        settings: What is allowed.
        journal: The log.
        proxy: The addresses of proxies whose word about the client's address counts, separated by
            commas; empty for none.
        started: Called once requests are answered.
    """
    _log_faults(journal)
    config = uvicorn.Config(
        app, http=TimedConnection, ws="none", lifespan="on", loop="asyncio", interface="asgi3",
        log_config=None, log_level="warning", access_log=False, server_header=False,
        proxy_headers=bool(proxy), forwarded_allow_ips=proxy or None,
        timeout_graceful_shutdown=int(settings.deadline + GRACE), timeout_keep_alive=15,
    )  # fmt: skip
    for number in _SIGNALS:  # what uvicorn calls when it is done, instead of dying by the signal
        signal.signal(number, lambda *_: None)
    _Server(config, settings.deadline, started).run(sockets=[listener])


class _Server(uvicorn.Server):
    """A server that ends connections that take too long."""

    def __init__(
        self, config: uvicorn.Config, deadline: float, started: Callable[[], None]
    ) -> None:
        """Take uvicorn's configuration, and how many seconds a request may take."""
        super().__init__(config)
        self._deadline = deadline
        self._started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self._started()

    async def on_tick(self, counter: int) -> bool:
        """End connections once a second."""
        if counter % 10 == 0:
            connections: Any = [*self.server_state.connections]
            for connection in connections:
                connection.end_if_late(self._deadline)
        return await super().on_tick(counter)


class _Faults(logging.Handler):
    """Passes what uvicorn reports on to the log of the service."""

    def __init__(self, journal: Journal) -> None:
        """Take the log."""
        super().__init__()
        self._journal = journal

    def emit(self, record: logging.LogRecord) -> None:
        """Note one report."""
        self._journal.event(f"server: {self.format(record)}")


def _log_faults(journal: Journal) -> None:
    logger = logging.getLogger("uvicorn.error")
    logger.handlers = [_Faults(journal)]
    logger.propagate = False
