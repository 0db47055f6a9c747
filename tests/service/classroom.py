"""A server for a class, as its command starts it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.error import HTTPError

from tests.command_line import NEURON, SCRIPT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

CLASS: Final = "class-7a"
INSECURE: Final = "class.test"
"""A name of this machine that browsers don't trust more than a class's server in a network."""

_SERVING: Final = re.compile(r"serving .* at (http://\S+)\n")
_LINK: Final = re.compile(rf"the page of {CLASS}: (http://\S+)\n")


class Classroom:
    """A server.

    Attributes:
        url: Its address.
        link: The link to the page of the class.
        secret: The token in that link; empty for none.
        process: Its process.
        log: What it writes on standard error.
    """

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        """Wait until it has said where it is."""
        self.process = process
        self.log = log
        said = ""
        assert process.stdout is not None
        while not _LINK.search(said):
            line = process.stdout.readline()
            assert line, log.read_text()
            said += line
        self.url = _found(_SERVING, said)
        self.link = _found(_LINK, said)
        self.secret = self.link.partition("#token=")[2]

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Any:  # noqa: ANN401
        """Make a request with plain data, and return the status and the plain data of the reply."""
        data = None if body is None else json.dumps(body).encode()
        kinds = {"content-type": "application/json", "accept": "application/json"}
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        request = urllib.request.Request(  # noqa: S310 - our own server
            self.url + path, data, {**kinds, **named}, method=method
        )
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read() or b"null")
        except HTTPError as error:
            return error.code, json.loads(error.read())

    def put(self, name: str, graph: Mapping[str, Any]) -> str:
        """Store a graph under a name, with the token of the class; return its id."""
        token = {"authorization": f"Bearer {self.secret}"} if self.secret else {}
        status, stored = self.ask("/api/graphs", "POST", graph, **token)
        assert status in (200, 201), stored
        body = {"id": stored["id"]}
        status, named = self.ask(f"/api/names/{name}", "PUT", body, if_none_match="*", **token)
        assert status == 201, named
        return str(stored["id"])

    def graph(self, name: str) -> Any:  # noqa: ANN401 - plain data
        """Return what is stored under a name."""
        status, graph = self.ask(f"/api/graphs/{name}")
        assert status == 200, graph
        return graph

    def names(self) -> list[str]:
        """Return the names below that of the class."""
        return [entry["name"] for entry in self.ask(f"/api/names?prefix={CLASS}")[1]["names"]]


@contextmanager
def held(folder: Path, *options: str, graph: Path | None = NEURON) -> Iterator[Classroom]:
    """Start a server for a class, with a graph of the teacher's or without, and end it."""
    log = folder / "server.log"
    given = ["--graph", str(graph)] if graph else []
    command = [SCRIPT, "serve", "--port", "0", "--class", CLASS, *given, *options]
    with log.open("w") as errors:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=folder
        )
    try:
        yield Classroom(process, log)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert process.stdout is not None
        process.stdout.close()


def _found(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    assert match is not None, text
    return match[1]
