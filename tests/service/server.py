"""A server in a process of its own, at a port of the loopback."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import httpx

from tests.command_line import SCRIPT, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STARTED = re.compile(rb"serving .* at (http://[0-9.]+:(\d+))")


class Server(NamedTuple):
    """A server that runs.

    Attributes:
        process: Its process.
        url: Its address.
        port: Its port.
    """

    process: subprocess.Popen[bytes]
    url: str
    port: int

    def connection(self) -> socket.socket:
        """Return a connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def end(self) -> tuple[int, bytes]:
        """Send SIGTERM; return the exit status, and what it wrote to standard error."""
        self.process.send_signal(signal.SIGTERM)
        _, err = self.process.communicate(timeout=60)
        return self.process.returncode, err


@contextmanager
def serving(folder: Path, *options: str, **variables: str) -> Iterator[Server]:
    """Start `mgraph serve` in a folder, and end it at the end of a `with` block."""
    command = [SCRIPT, "serve", "--port", "0", *options]
    process = subprocess.Popen(
        command, cwd=folder, env=environment(**variables), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield _started(process)
    finally:
        process.kill()
        process.communicate()


def _started(process: subprocess.Popen[bytes]) -> Server:
    assert process.stdout is not None
    said = b""
    while (found := STARTED.search(said)) is None:
        ready, _, _ = select.select([process.stdout], [], [], 60)
        block = os.read(process.stdout.fileno(), 4096) if ready else b""
        assert block, said
        said += block
    return Server(process, found[1].decode(), int(found[2]))


def get(url: str, path: str) -> httpx.Response:
    """Make a request without a proxy."""
    with httpx.Client(trust_env=False, timeout=60) as client:
        return client.get(url + path)
