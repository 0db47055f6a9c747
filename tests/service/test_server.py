"""The server as a process: its options, its end, and clients that are slow."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from mgraph import loads
from mgraph.client import Client, ServerError
from mgraph.service.connection import HEAD
from mgraph.service.store.cleaning import clean
from mgraph.service.store.files import FileStore
from mgraph.service.store.verify import Verification
from tests.cli.test_cli import ENDLESS
from tests.command_line import HERE, NEURON, process
from tests.loops import sizes, thinned
from tests.service.server import get, serving
from tests.service.store.writers import neuron_with

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.command_line import Shell
    from tests.service.server import Server

DATA = NEURON.read_bytes()


def received(connection: socket.socket) -> bytes:
    """Read a connection to its end."""
    parts = []
    while block := connection.recv(65_536):
        parts.append(block)
    return b"".join(parts)


def test_a_store_outlives_its_server(tmp_path: Path) -> None:
    """What was stored with one server is there with the next; both end with status 0."""
    with serving(tmp_path, "shared") as server:
        with Client(server.url) as client:
            stored = client.put(DATA, name="class-7a/anna")
        status, log = server.end()
        assert status == 0
        assert log.count(b"\n") == 2
        assert b" POST /api/graphs 201 " in log
    with serving(tmp_path, "shared", "--read-only") as server, Client(server.url) as client:
        assert client.get_bytes("class-7a/anna") == DATA
        with pytest.raises(ServerError) as refused:
            client.set_name("x", stored.id)
        assert refused.value.status == 403


@pytest.mark.parametrize("rounds", sizes(1, 8, 30))
def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path, rounds: int) -> None:
    """Two servers on one store are killed while clients write: what they answered is there."""
    promised: dict[str, bytes] = {}
    for number in range(rounds):
        with serving(tmp_path, "shared") as one, serving(tmp_path, "shared") as two:
            writers = [
                Thread(target=_store_until_killed, args=(server.url, f"{number}-{i}", promised))
                for i, server in enumerate((one, two, one, two))
            ]
            before = len(promised)
            for writer in writers:
                writer.start()
            _wait_until(lambda: len(promised) >= before + 4 + number % 5)  # noqa: B023
            for server in (one, two):
                server.process.kill()
            for writer in writers:
                writer.join()
    with serving(tmp_path, "shared", MGRAPH_RATE="1000000") as server, Client(server.url) as client:
        for name, data in promised.items():
            assert client.get_bytes(name) == data
    store = FileStore(str(tmp_path / "shared"))
    assert [each for each in Verification(store).damages() if not each.is_debris] == []
    clean(store)
    assert [*Verification(store).damages()] == []


def _store_until_killed(url: str, writer: str, promised: dict[str, bytes]) -> None:
    """Store documents under names of their own, and note each when the server has answered."""
    with Client(url) as client:
        for i in range(10**9):
            name, data = f"{writer}/{i}", neuron_with(f"{writer} {i}")
            try:
                client.put(data, name)
            except ServerError:
                return
            promised[name] = data


def _wait_until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so, for at most a minute."""
    for _ in range(6000):
        if is_so():
            return
        time.sleep(0.01)
    pytest.fail("it never was")


def test_the_end_waits_for_requests_that_have_begun(tmp_path: Path) -> None:
    """After SIGTERM a body that is on its way is read to its end, stored and answered."""
    head = (
        f"POST /api/graphs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(DATA)}\r\n\r\n"
    )
    with serving(tmp_path) as server, server.connection() as connection:
        connection.sendall(head.encode() + DATA[:100])
        get(server.url, "/healthz")  # answered later, so the server has seen the other's head
        server.process.terminate()
        assert _ends_listening(server)
        connection.sendall(DATA[100:])
        answer = received(connection)
        assert answer.startswith(b"HTTP/1.1 201 ")
        assert server.process.wait(60) == 0


def _ends_listening(server: Server) -> bool:
    for _ in range(200):
        try:
            server.connection().close()
        except ConnectionRefusedError:
            return True
        time.sleep(0.05)
    return False


def children(process: int) -> list[int]:
    """Return the processes that a process has started, from /proc."""
    return [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/stat")
        if path.read_text().rpartition(")")[2].split()[1] == str(process)
    ]


def _has_ended(processes: list[int]) -> bool:
    for _ in range(200):
        if not any(Path(f"/proc/{each}").exists() for each in processes):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", thinned((signal.SIGTERM, signal.SIGINT, signal.SIGKILL), 3))
def test_no_process_outlives_the_server(tmp_path: Path, number: signal.Signals) -> None:
    """However it ends: the process for large files ends with it, and says nothing."""
    data = json.dumps({**json.loads(DATA), "doc": "x" * 60_000, "meta": ["y" * 1000] * 250})
    with serving(tmp_path) as server:
        with Client(server.url) as client:
            client.put(data.encode())
        started = children(server.process.pid)
        assert started
        server.process.send_signal(number)
        _, log = server.process.communicate(timeout=60)
        assert _has_ended(started)
        assert b"Traceback" not in log


def test_a_request_that_stalls_is_ended(tmp_path: Path) -> None:
    """Nothing sent, half a head, half a body: each connection is closed by the server."""
    post = b"POST /api/check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    starts = (
        b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n", post + b"Content-Length: 9\r\n\r\n{",
    )  # fmt: skip
    with serving(tmp_path, MGRAPH_DEADLINE="0.5") as server:
        connections = [server.connection() for _ in starts]
        for connection, start in zip(connections, starts, strict=True):
            connection.sendall(start)
        answers = []
        for connection in connections:
            answers.append(received(connection))  # to its end: the server closes it
            connection.close()
        assert [answer[:13] for answer in answers] == [b"HTTP/1.1 408 "] * 4
        assert all(b"\r\nconnection: close\r\n" in answer for answer in answers)
        assert get(server.url, "/healthz").status_code == 200


def test_replies_are_whole_whatever_the_request(tmp_path: Path) -> None:
    """Requests in a row, HEAD, no body, and a client that waits for 100 Continue."""
    two = b"".join(
        method + b" /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" for method in (b"HEAD", b"GET")
    )
    last = (
        b'DELETE /api/names/x HTTP/1.1\r\nHost: localhost\r\nIf-Match: "x"\r\nConnection: close\r\n'
    )
    post = (
        b"POST /api/check HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    with serving(tmp_path) as server:
        with server.connection() as connection:
            connection.sendall(two + last + b"\r\n")
            answers = received(connection)
        assert answers.count(b"HTTP/1.1 200 OK\r\n") == 2
        assert answers.count(b'{"ok":true}') == 1
        assert answers.count(b"HTTP/1.1 412 ") == 1
        with server.connection() as connection:
            connection.sendall(post)
            assert connection.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
            connection.sendall(b"{}")
            assert b'"ok":false' in received(connection)


def test_a_head_without_end_is_refused(tmp_path: Path) -> None:
    """431 after 64 KiB of headers, as long as they are not complete."""
    with serving(tmp_path) as server, server.connection() as connection:
        head = b"GET / HTTP/1.1\r\nHost: localhost\r\nx-filler: "
        connection.sendall(head.ljust(HEAD + 1, b"x"))
        assert received(connection).startswith(b"HTTP/1.1 431 ")
        assert get(server.url, "/healthz").status_code == 200


def test_a_port_that_is_taken(tmp_path: Path, mgraph: Shell) -> None:
    """One line that names the address, and exit status 1; so for an address of other machines."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        said = process("serve", cwd=tmp_path, MGRAPH_PORT=port)
    assert said.status == 1
    assert said.err.startswith(f"127.0.0.1:{port}: error[io]: can't listen at 127.0.0.1:{port}")
    assert "--port 0" in said.err
    assert mgraph("serve", "--lan", "--host", "127.0.0.1").status == 2
    assert mgraph("serve", "--host", "192.0.2.77").status == 1
    assert mgraph("serve", "--host", "no.such.host.invalid").status == 1


def test_the_lines_of_the_documentation_work(tmp_path: Path) -> None:
    """The program in docs/serve.md prints what `run` gives, but for the address and the token."""
    page = (HERE.parent / "docs" / "serve.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "neuron.json").write_bytes(DATA)
    token = process("token", "new", "shared", cwd=tmp_path).out.strip()
    with serving(tmp_path, "shared", "--need-token") as server:
        text = program.replace("http://127.0.0.1:8765", server.url).replace("mgraph_…", token)
        done = subprocess.run(
            [sys.executable, "-c", text], cwd=tmp_path, capture_output=True, check=True
        )
    run = loads(DATA).run(x1=0.5)
    assert run.data is not None
    assert run.grad is not None
    assert done.stdout.decode().split() == [repr(run.data["o"]), repr(run.grad["w1"])]


def test_the_examples_of_the_help_start(tmp_path: Path) -> None:
    """Each serves until it is ended, with status 0; networks and databases have own tests."""
    lines = [line for _, line in ENDLESS if "--lan" not in line and "postgresql:" not in line]
    assert len(lines) + 3 == len(ENDLESS)
    FileStore(str(tmp_path / "shared"), create=True)
    for line in lines:
        options = line.removeprefix("mgraph serve").split()
        with serving(tmp_path, *options, "--port", "0") as server:
            assert get(server.url, "/").status_code == 200
            assert server.end()[0] == 0


def test_a_store_that_is_none(mgraph: Shell) -> None:
    """A folder of other files, a file, a missing folder to read from: told before it listens."""
    (mgraph.folder / "other").mkdir()
    mgraph.write("other/x", b"x")
    for store in ("other", "neuron.json"):
        said = mgraph("serve", store)
        assert (said.status, said.out) == (1, ""), store
    assert mgraph("serve", "--read-only", "missing").status == 1
    assert not (mgraph.folder / "missing").exists()


def test_every_option_is_a_variable(mgraph: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong value in the variable is refused like one on the command line."""
    for option, value in (
        ("PORT", "x"), ("LAN", "maybe"), ("READ_ONLY", "maybe"), ("RATE", "0"),
        ("DEADLINE", "-1"), ("LIMIT", "size"), ("RATE", "nan"), ("RATE", "inf"),
        ("DEADLINE", "nan"), ("DEADLINE", "inf"), ("PROXY", "notanip"), ("PROXY", "127.0.0.1,*"),
        ("ALLOW_HOST", "a/b"), ("ALLOW_HOST", "a:80"),
        ("THREADS", "0"), ("QUEUE", "-1"), ("LIMIT_WORK", "0"), ("LIMIT_TENSORS", "1e6"),
    ):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setenv(f"MGRAPH_{option}", value)
            said = mgraph("serve")
            assert (said.status, said.out) == (2, ""), option
            assert f"--{option.lower().replace('_', '-')}" in said.err


def test_the_network_takes_no_other_address(mgraph: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--lan` with an address is refused, whether given as options or as variables."""
    monkeypatch.setenv("MGRAPH_HOST", "127.0.0.1")
    assert mgraph("serve", "--lan").status == 2
    monkeypatch.setenv("MGRAPH_LAN", "1")
    said = mgraph("serve")
    assert (said.status, "--host" in said.err) == (2, True)
    assert mgraph("serve", "--allow-host", "").status == 2


def test_without_the_extra_it_says_what_to_install(
    mgraph: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line with the command that installs it."""
    monkeypatch.setattr("mgraph.cli.serve.find_spec", lambda _: None)
    said = mgraph("serve")
    assert said.status == 1
    assert "error: the server needs starlette, which is not installed: " in said.err
    assert "[serve]" in said.err
