"""`--lan` in a network of its own: two namespaces of the kernel, joined by a cable."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.cli.test_cli import ENDLESS
from tests.command_line import NEURON, SCRIPT, environment
from tests.service.test_qr import HALVES, picture, texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEACHER, PUPIL = f"mgraph-t{os.getpid()}", f"mgraph-p{os.getpid()}"
ADDRESS = "10.77.0.1"
URL = f"http://{ADDRESS}:8765"
LAST = re.compile(rb"(to store something: |storing something takes a token).*\n")
LINES = [line for _, line in ENDLESS if "--lan" in line]


class Lan(NamedTuple):
    """A server of the teacher, and what it printed."""

    process: subprocess.Popen[bytes]
    out: str


def ip(*arguments: str) -> None:
    """Call iproute2."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@contextmanager
def network() -> Iterator[None]:
    """Make two namespaces with a cable between them; the one has the address of the server."""
    with ExitStack() as stack:
        for name in (TEACHER, PUPIL):
            ip("netns", "add", name)
            stack.callback(ip, "netns", "del", name)
        ip("link", "add", "mgraph-a", "netns", TEACHER, "type", "veth",
           "peer", "name", "mgraph-b", "netns", PUPIL)  # fmt: skip
        for name, cable, address in ((TEACHER, "mgraph-a", "1"), (PUPIL, "mgraph-b", "2")):
            ip("-n", name, "addr", "add", f"10.77.0.{address}/24", "dev", cable)
            ip("-n", name, "link", "set", cable, "up")
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", TEACHER, "route", "add", "default", "via", "10.77.0.2")
        yield


@contextmanager
def started(folder: Path, *options: str, where: str = TEACHER) -> Iterator[Lan]:
    """Start a server in such a network, and end it at the end of a `with` block."""
    command = ["ip", "netns", "exec", where, SCRIPT, "serve", *options]
    process = subprocess.Popen(
        command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield Lan(process, _printed(process))
    finally:
        process.kill()
        process.communicate()


def _printed(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    said = b""
    while not LAST.search(said):
        ready, _, _ = select.select([process.stdout], [], [], 60)
        block = os.read(process.stdout.fileno(), 65_536) if ready else b""
        assert block, said
        said += block
    return said.decode()


@pytest.fixture(scope="module")
def cable() -> Iterator[None]:
    """Have a network, where somebody may make one."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to make namespaces")
    with network():
        yield


def asked(path: str, *options: str, address: str = ADDRESS) -> tuple[int, str]:
    """Make a request from the pupil's machine; return status and body."""
    command = ["ip", "netns", "exec", PUPIL, "curl", "--silent", "--max-time", "20"]
    url = f"http://{address}:8765{path}"
    done = subprocess.run(
        [*command, "--write-out", "\n%{http_code}", *options, url], capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def stored(token: str = "") -> tuple[int, Any]:
    """Store the neuron from the pupil's machine; return the status, and what the server says."""
    sent = {"Content-Type": "application/json"}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    options = [part for name, text in sent.items() for part in ("--header", f"{name}: {text}")]
    status, body = asked("/api/graphs", "--data-binary", f"@{NEURON}", *options)
    return status, json.loads(body)


def named(name: str, document: str, token: str) -> int:
    """Give a stored graph a name, from the pupil's machine; return the status."""
    headers = (
        "Content-Type: application/json",
        "If-None-Match: *",
        f"Authorization: Bearer {token}",
    )
    options = [part for header in headers for part in ("--header", header)]
    body = json.dumps({"id": document})
    return asked(f"/api/names/{name}", "--request", "PUT", "--data-binary", body, *options)[0]


@pytest.mark.usefixtures("cable")
def test_a_class_reaches_the_teacher(tmp_path: Path) -> None:
    """The printed address and its QR code are those of the network; storing takes the token."""
    with started(tmp_path, "--lan", "--port", "8765") as lan:
        assert f"serving from memory at {URL}\n" in lan.out
        assert _decoded(lan.out) == URL
        assert asked("/healthz") == (200, '{"ok":true}')
        assert asked("/api/names", "--header", "Host: evil.example")[0] == 400
        token = re.search(r"token to store something: (\S+)", lan.out)
        assert token is not None
        assert stored()[0] == 401
        status, answered = stored(token[1])
        assert status == 201
        run = (
            "--data-binary",
            '{"inputs": {"x1": 0.5}}',
            "--header",
            "Content-Type: application/json",
        )
        status, body = asked(f"/api/graphs/{answered['id']}/run", *run)
        assert (status, "data" in json.loads(body)) == (200, True)


@pytest.mark.usefixtures("cable")
def test_a_network_that_leads_nowhere_else(tmp_path: Path) -> None:
    """Without a router, as with a phone that is a hotspot, the address is that of the cable."""
    router = ("default", "via", "10.77.0.2")
    ip("-n", TEACHER, "route", "del", *router)
    try:
        with started(tmp_path, "--lan", "--port", "8765") as lan:
            assert f"serving from memory at {URL}\n" in lan.out
            assert asked("/healthz")[0] == 200
    finally:
        ip("-n", TEACHER, "route", "add", *router)


@pytest.mark.usefixtures("cable")
def test_no_network_at_all(tmp_path: Path) -> None:
    """It says that nobody else can use the link."""
    alone = "mgraph-alone"
    ip("netns", "add", alone)
    try:
        ip("-n", alone, "link", "set", "lo", "up")
        with started(tmp_path, "--lan", "--port", "8765", where=alone) as lan:
            assert "this machine has no address that others could reach" in lan.out
            assert "serving from memory at http://127.0.0.1:8765\n" in lan.out
    finally:
        ip("netns", "del", alone)


@pytest.mark.usefixtures("cable")
def test_pupils_open_the_link_of_their_class(tmp_path: Path) -> None:
    """It is printed, and is the QR code; its token adds names below the class's, and no others."""
    options = ("--lan", "--class", "class-7a", "--graph", str(NEURON), "--port", "8765")
    with started(tmp_path, *options) as lan:
        link = re.search(r"the page of class-7a: (\S+)", lan.out)
        assert link is not None
        assert _decoded(lan.out) == link[1]
        page, _, token = link[1].partition("#token=")
        assert page == f"{URL}/c/class-7a"
        assert asked("/c/class-7a")[0] == asked("/g/class-7a")[0] == 200
        status, answered = stored(token)
        assert status == 200  # it is the teacher's
        wanted = {"class-7a/ada": 201, "class-7b/ada": 403, "class-7a": 403, "ada": 403}
        for name, status in wanted.items():
            assert named(name, answered["id"], token) == status, name
        assert named("class-7a/ada", answered["id"], token) == 412
        assert asked("/g/class-7a/ada")[0] == 200


@pytest.mark.usefixtures("cable")
@pytest.mark.parametrize("line", LINES)
def test_the_examples_of_the_help(tmp_path: Path, line: str) -> None:
    """Those for a network are reached from outside, where nothing is stored without a token."""
    shutil.copy(NEURON, tmp_path)
    with started(tmp_path, *line.removeprefix("mgraph serve").split()):
        assert asked("/")[0] == 200
        assert stored()[0] == 401


def _decoded(text: str) -> str:
    """Read the QR code that was drawn with characters, as a phone would; light is painted."""
    rows = [line for line in text.splitlines() if line and not line.strip("".join(HALVES))]
    (found,) = texts(picture(rows, 255, 0))
    return found
