"""The server: how long its processor works on one request, how fast it starts, its memory.

The server runs as `mgraph serve` with a store in files, limits, tokens and its log, on one core; a
program on another core sends requests over 16 connections. Only the server's processor time counts,
user and system, of the round that took least; all kinds of requests take turns. Each run of the
neuron has other inputs, so that none is cached; the reply has the values of all ten nodes and their
gradients.

*uvicorn alone* answers with 11 bytes and does nothing else: it is what would remain if mgraph took
no time. *Starlette alone* answers the same from a route. onnxruntime and PyTorch are behind FastAPI
(`benchmarks/service_peer.py`), with the same body and one thread, and neither tokens, limits nor a
log: onnxruntime returns the output only, PyTorch the output and the gradients of the five leaves.
Ratios are to what a row is compared with; what is not installed is left blank. The server has
started when `/healthz` answers.
"""

from __future__ import annotations

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks.measure import ROOT, workspace
from benchmarks.report import is_installed, progress, seconds, size, table
from benchmarks.service_peer import SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from benchmarks.report import Figures

TARGETS: Final = {"`/healthz`": 38e-6, "a run of the neuron": 110e-6, "start": 0.3}
MEMORY: Final = 60 * 2**20
PEERS: Final = {
    "uvicorn": ("uvicorn alone", "`/healthz`"),
    "starlette": ("Starlette alone", "`/healthz`"),
    "onnxruntime": ("onnxruntime behind FastAPI, forward", "a run of the neuron"),
    "torch": ("PyTorch behind FastAPI, forward and backward", "a run of the neuron"),
}
"""Servers to compare with: what they are called, and with what of ours they are compared."""

_CORES: Final = sorted(os.sched_getaffinity(0))
_CONNECTIONS: Final = 16
_NEURON: Final = ROOT / "fixtures" / "neuron.json"
_SERVER: Final = (
    sys.executable, "-c", "from mgraph.__main__ import main; main()", "serve", "shared",
    "--port", "0", "--rate", "1e6", "--need-token",
)  # fmt: skip
PEER: Final = (sys.executable, str(ROOT / "benchmarks" / "service_peer.py"))
"""The command that starts a server to compare with; its name follows."""

_HEALTHZ: Final = "`/healthz`"
_RUN: Final = "a run of the neuron"


class Kind(NamedTuple):
    """One kind of request, and the server that answers it.

    Attributes:
        pid: The server's process.
        port: Its port.
        make: Makes the n-th request.
    """

    pid: int
    port: int
    make: Callable[[int], bytes]


def lines(*, quick: bool) -> Generator[str, None, Figures]:
    """Yield the report."""
    rounds, count = (1, 320) if quick else (15, 800)
    with workspace() as space, ExitStack() as stack:
        token, document = _prepared(space.folder)
        progress("starting servers")
        start, memory = min(_started(space.folder) for _ in range(1 if quick else 7))
        pid, port, _ = stack.enter_context(server(space.folder, *_SERVER))
        kinds = _kinds(pid, port, document, f"Authorization: Bearer {token}\r\n")
        kinds |= _peers(space.folder, stack)
        wait_until_warm(port)
        warm = memory_of(pid)
        progress("sending requests")
        costs = _costs(kinds, rounds, count)
    yield from table(("what", "per request", "to compare with", "ratio", "target"), [*_rows(costs)])
    reached = "reached" if memory <= MEMORY else "missed"
    once = [
        ("start", seconds(start), _target("start", start)),
        ("memory after the start", size(memory), f"{size(MEMORY)}: {reached}"),
        ("memory with kernels, for large graphs", size(warm), ""),
    ]
    yield ""
    yield from table(("what", "once", "target"), once)
    times = {**costs, "start": start}
    figures: Figures = [{"what": what, "seconds": x} for what, x in times.items()]
    sizes: Figures = [{"what": "memory", "bytes": memory}, {"what": "warm", "bytes": warm}]
    return [*figures, *sizes]


def _kinds(pid: int, port: int, document: str, named: str) -> dict[str, Kind]:
    """Return the requests to the service."""
    made: dict[str, Callable[[int], bytes]] = {
        _HEALTHZ: lambda _: get("/healthz", named),
        "the file of the neuron": lambda _: get(f"/api/graphs/{document}", named),
        _RUN: lambda i: _run(f"/api/graphs/{document}/run", i, named),
        "a run of the neuron, by name": lambda i: _run("/api/graphs/neuron/run", i, named),
    }
    return {what: Kind(pid, port, make) for what, make in made.items()}


def _peers(folder: Path, stack: ExitStack) -> dict[str, Kind]:
    """Start the servers to compare with, of those that are installed; return what they are sent."""
    kinds = {}
    for name, (what, _) in PEERS.items():
        if all(map(is_installed, SERVERS[name][1])):
            make = _healthy if name in ("uvicorn", "starlette") else _forward
            pid, port, _ = stack.enter_context(server(folder, *PEER, name))
            kinds[what] = Kind(pid, port, make)
    return kinds


def _healthy(_: int) -> bytes:
    return get("/healthz", "")


def _forward(i: int) -> bytes:
    return _run("/run", i, "")


def _costs(kinds: Mapping[str, Kind], rounds: int, count: int) -> dict[str, float]:
    """Return the processor time of one request of each kind, in seconds: the least of all rounds.

    The kinds take turns, so that what else the machine does slows all of them.
    """
    numbers = iter(range(10**9))  # no two runs are the same, by id or by name
    costs = dict.fromkeys(kinds, float("inf"))
    for _ in range(rounds):
        for what, kind in kinds.items():
            requests = [kind.make(next(numbers)) for _ in range(count)]
            costs[what] = min(costs[what], _one(kind, requests))
    return costs


def _rows(costs: Mapping[str, float]) -> Iterator[Sequence[str]]:
    """Yield the rows about requests; those of peers are blank if they are not installed."""
    peers = [what for what, _ in PEERS.values()]
    for what, took in costs.items():
        if what not in peers:
            yield what, seconds(took), "", "", _target(what, took)
    for what, against in PEERS.values():
        if what in costs:
            ratio = f"{costs[what] / costs[against]:.2f} ×"
            yield what, seconds(costs[what]), against, ratio, ""
        else:
            yield what, "", against, "", ""


def _target(what: str, got: float) -> str:
    if what not in TARGETS:
        return ""
    return f"{seconds(TARGETS[what])}: {'reached' if got <= TARGETS[what] else 'missed'}"


def _prepared(folder: Path) -> tuple[str, str]:
    """Make a store with the neuron; return a token for it, and the id of the neuron."""
    import mgraph  # noqa: PLC0415
    from mgraph.service.store.access import new_token  # noqa: PLC0415 - only for this table
    from mgraph.service.store.files import FileStore  # noqa: PLC0415
    from mgraph.service.store.tokens import Scope  # noqa: PLC0415

    store = FileStore(str(folder / "shared"), create=True)
    stored = store.put(_NEURON.read_bytes(), mgraph.load(_NEURON).hash)
    store.set_name("neuron", stored.id)
    return new_token(store, Scope.WRITE)[0], stored.id


@contextmanager
def server(folder: Path, *command: str, is_pinned: bool = True) -> Iterator[tuple[int, int, float]]:
    """Start a server; yield its process, its port, and when it was started.

    If it is pinned, it has the first core, and this process the last.
    """
    start = perf_counter()
    with open(folder / "log.txt", "wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log)
    if is_pinned:
        os.sched_setaffinity(process.pid, _CORES[:1])
        os.sched_setaffinity(0, _CORES[-1:])
    try:
        assert process.stdout is not None
        said = b""
        while (found := re.search(rb"at http://127\.0\.0\.1:(\d+)", said)) is None:
            assert select.select([process.stdout], [], [], 60)[0], said
            more = os.read(process.stdout.fileno(), 4096)
            assert more, f"the server ended: {(folder / 'log.txt').read_text(encoding='utf-8')}"
            said += more
        yield process.pid, int(found[1]), start
    finally:
        os.sched_setaffinity(0, _CORES)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def _started(folder: Path) -> tuple[float, int]:
    """Return how long a server takes until it answers, and its memory then, in bytes."""
    with server(folder, *_SERVER) as (pid, port, start):
        replies_to(port, [get("/healthz", "")])
        took = perf_counter() - start
        return took, memory_of(pid)


def memory_of(pid: int, what: str = "VmRSS") -> int:
    """Return the resident memory of a process, in bytes; with `VmHWM`, the most it has had."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    kilobytes = re.search(rf"{what}:\s+(\d+)", status)
    assert kilobytes is not None
    return int(kilobytes[1]) * 1024


def wait_until_warm(port: int) -> None:
    """Wait until a server has compiled its kernels."""
    for _ in range(600):
        if b" 200 " in replies_to(port, [get("/readyz", "")])[0][:20]:
            return
        sleep(0.1)
    message = "the server does not get ready"
    raise TimeoutError(message)


def get(path: str, headers: str) -> bytes:
    """Return a request without a body."""
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n".encode()


def _run(path: str, i: int, headers: str) -> bytes:
    body = json.dumps({"inputs": {"x1": i / 1000}})
    kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}{kind}\r\n{body}".encode()


def cost(pid: int, port: int, make: Callable[[int], bytes], rounds: int, count: int) -> float:
    """Return the processor time of one request, in seconds: the least of all rounds.

    Args:
        pid: The process of the server.
        port: Its port.
        make: Returns a request, from its number.
        rounds: How often to measure.
        count: How many requests each time.
    """
    return _costs({"": Kind(pid, port, make)}, rounds, count)[""]


def _one(kind: Kind, requests: list[bytes]) -> float:
    """Return the processor time of one of some requests, in seconds."""
    before = _processor_time(kind.pid)
    answers = replies_to(kind.port, requests)
    spent = _processor_time(kind.pid) - before
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers), answers[-1]
    return spent / len(requests)


def _processor_time(pid: int) -> float:
    """Return user and system time of a process with all its threads, in seconds."""
    lines = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()
    tasks = Path(f"/proc/{pid}/task").iterdir()
    times = [(task / "schedstat").read_text(encoding="ascii").split()[0] for task in tasks]
    return sum(map(int, times or lines[:1])) / 1e9


def replies_to(port: int, requests: list[bytes]) -> list[bytes]:
    """Send requests over several connections at the same time; return the answers."""
    address = ("127.0.0.1", port)
    many = min(_CONNECTIONS, len(requests))
    connections = [socket.create_connection(address, timeout=60) for _ in range(many)]
    answers = []
    for at in range(0, len(requests), many):
        batch = requests[at : at + many]
        for connection, request in zip(connections, batch, strict=False):
            connection.sendall(request)
        answers += [_answer(connection) for connection, _ in zip(connections, batch, strict=False)]
    for connection in connections:
        connection.close()
    return answers


def _answer(connection: socket.socket) -> bytes:
    """Read one answer, which states its length."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += connection.recv(65_536)
    length = re.search(rb"content-length: (\d+)", data[:end])
    assert length is not None
    while len(data) < end + 4 + int(length[1]):
        data += connection.recv(65_536)
    return data
