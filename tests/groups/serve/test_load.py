"""A server with more to do than it can: right results, or a refusal that says when to come again.

Its metrics, and the examples for Prometheus.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
from prometheus_client.parser import text_string_to_metric_families

import mgraph
from tests.command_line import HERE, NEURON
from tests.groups.serve.test_deployment import EXAMPLES, free_port
from tests.service.server import Server, serving

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

JSON = {"content-type": "application/json"}


def wide(leaves: int, op: str) -> bytes:
    """Return a graph file: the sum of a function of each leaf."""
    names = range(leaves)
    nodes: list[dict[str, Any]] = [{"id": f"x{i}", "op": "param", "data": i / 7} for i in names]
    nodes += [{"id": f"y{i}", "op": op, "args": [f"x{i}"]} for i in names]
    nodes += [{"id": "o", "op": "sum", "args": [f"y{i}" for i in names]}]
    return json.dumps({"mgraph": "1.0", "nodes": nodes, "outputs": ["o"]}).encode()


def client_of(server: Server) -> httpx.Client:
    """Return a client that waits, for the runs of a slow machine."""
    return httpx.Client(base_url=server.url, trust_env=False, timeout=120)


def put(client: httpx.Client, data: bytes) -> str:
    """Store a graph; return its id."""
    document: str = client.post("/api/graphs", content=data, headers=JSON).json()["id"]
    return document


def ready(client: httpx.Client) -> None:
    """Wait until the kernels are compiled."""
    while client.get("/readyz").status_code != 200:
        time.sleep(0.05)


def infer(client: httpx.Client, model: str, x: NDArray[np.float64]) -> httpx.Response:
    """Run a model over rows, with the gradient of `x0`."""
    binary = {"parameters": {"binary_data": True}}
    tensor = {"name": "x0", "datatype": "FP64", "shape": [x.size]}
    sizes = {"parameters": {"binary_data_size": x.nbytes}}
    asked = {
        "inputs": [{**tensor, **sizes}],
        "outputs": [{"name": name, **binary} for name in ("o", "grad:x0")],
    }
    header = json.dumps(asked).encode()
    length = {"inference-header-content-length": str(len(header))}
    path = f"/v2/models/{model}/infer"
    return client.post(path, content=header + x.tobytes(), headers=length)


def results(reply: httpx.Response) -> bytes:
    """Return the bytes of all results."""
    assert reply.status_code == 200, reply.text
    return reply.content[int(reply.headers["inference-header-content-length"]) :]


def test_eight_threads_get_what_each_gets_alone(tmp_path: Path) -> None:
    """Two graphs, runs and inference, small and in threads, all at once: the same bits."""
    graphs = [wide(1000, "tanh"), wide(700, "exp")]
    rng = np.random.default_rng(17)
    with serving(tmp_path, "--rate", "1e6") as server, client_of(server) as client:
        ready(client)
        documents = [put(client, data) for data in graphs]

        def all_of_it(seed: int) -> None:
            with client_of(server) as own:
                for i in range(6):
                    at = (seed + i) % 2
                    x = inputs[seed][i]
                    assert results(infer(own, documents[at], x)) == alone[at, seed, i][0]
                    path = f"/api/graphs/{documents[at]}/run"
                    run = own.post(path, json={"inputs": {"x0": x[0]}}).json()
                    assert {**run, "origin": ""} == alone[at, seed, i][1]

        inputs = [[rng.normal(size=(10, 2000)[i % 2]) for i in range(6)] for _ in range(8)]
        alone = {}
        for seed in range(8):
            for i in range(6):
                at, x = (seed + i) % 2, inputs[seed][i]
                graph = mgraph.loads(graphs[at])
                batch = graph.compile().batch({"x0": x}, grad="rows", wrt=["x0"], math="libm")
                run = graph.run({"x0": x[0]})
                numbers = {
                    name: dict(getattr(run, name).items()) for name in ("inputs", "data", "grad")
                }
                rows = batch.outputs["o"].tobytes() + batch.grad["x0"].tobytes()
                expected = {"origin": "", "graph": graph.hash, **numbers}
                alone[at, seed, i] = rows, expected
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(all_of_it, range(8)))


def statuses(replies: Sequence[httpx.Response]) -> set[int]:
    """Return the statuses of replies; each refusal says when to come again."""
    for reply in replies:
        assert reply.status_code == 200 or int(reply.headers["retry-after"]) >= 1, reply.text
    return {reply.status_code for reply in replies}


def test_too_much_at_once_is_refused(tmp_path: Path) -> None:
    """503 with Retry-After for what finds no place in the queue; then there is room again."""
    x = np.linspace(-1.0, 1.0, 40_000)
    options = ("--rate", "1e6", "--threads", "1", "--queue", "1")
    with serving(tmp_path, *options) as server, client_of(server) as client:
        ready(client)
        model = put(client, wide(529, "tanh"))
        expected = results(infer(client, model, x))
        with ThreadPoolExecutor(8) as threads:
            replies = list(threads.map(lambda _: infer(client, model, x), range(8)))
            assert statuses(replies) == {200, 503}
        assert {results(reply) for reply in replies if reply.status_code == 200} == {expected}
        assert results(infer(client, model, x)) == expected
        assert client.get("/healthz").status_code == 200
        counted = samples(client)
        refused = sum(reply.status_code == 503 for reply in replies)
        assert counted["mgraph_work_total", ("refused",)] == refused


def test_work_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    """504 at the deadline, whatever the thread does; meanwhile others are answered."""
    x = np.linspace(-1.0, 1.0, 3_000_000)
    options = ("--deadline", "0.5", "--threads", "1")
    with serving(tmp_path, *options) as server, client_of(server) as client:
        ready(client)
        model = put(client, wide(150, "tanh"))
        while infer(client, model, x[:9]).status_code == 504:  # the kernels of batches are compiled
            pass
        assert statuses([infer(client, model, x)]) == {504}
        assert client.get("/healthz").status_code == 200
        assert samples(client)["mgraph_work_running", ()] == 1


def test_limits_of_work_and_of_tensors(tmp_path: Path) -> None:
    """413 for more nodes × rows, or more bytes, than the options allow; files have their own."""
    options = ("--limit-work", "1M", "--limit-tensors", "64K")
    with serving(tmp_path, *options) as server, client_of(server) as client:
        ready(client)
        model = put(client, wide(529, "neg"))
        assert infer(client, model, np.zeros(900)).status_code == 200
        too_much = infer(client, model, np.zeros(1_000))
        assert (too_much.status_code, "nodes × " in too_much.text) == (413, True)
        assert infer(client, model, np.zeros(9_000)).status_code == 413
        assert client.post("/api/check", content=wide(3_000, "neg"), headers=JSON).json()["ok"]


def test_replies_that_are_not_read_are_not_piled_up(tmp_path: Path) -> None:
    """503 while a client leaves 128 MiB of replies unread; others, and it later, are answered."""
    data = NEURON.read_bytes().ljust(8 * 2**20 - 1)
    with serving(tmp_path, "--rate", "1e6") as server, client_of(server) as client:
        head = f"GET /api/graphs/{put(client, data)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        stalled = []
        for _ in range(20):
            connection = socket.socket()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port))
            connection.sendall(head)
            assert connection.recv(12)[:9] == b"HTTP/1.1 "
            stalled.append(connection)
        refused = client.get("/healthz")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert memory_of(server) < 400 * 2**20
        for connection in stalled:
            connection.close()
        while client.get("/healthz").status_code != 200:
            time.sleep(0.05)


def memory_of(server: Server) -> int:
    """Return the resident memory of a server, in bytes."""
    with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- Prometheus ---


def samples(client: httpx.Client) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return the metrics as Prometheus's own parser reads them, by name and values of labels."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
    }


def test_prometheus_understands_the_metrics(tmp_path: Path) -> None:
    """Its parser reads what was done, and its linter finds nothing to say."""
    with serving(tmp_path, "--rate", "1e6") as server, client_of(server) as client:
        model = put(client, NEURON.read_bytes())
        for i in range(3):
            path = f"/api/graphs/{model}/run"
            assert client.post(path, json={"inputs": {"x1": i}}).status_code == 200
        read = samples(client)
        route = "/api/graphs/{reference}/run"
        assert read["mgraph_requests_total", (route, "POST", "200")] == 3
        assert read["mgraph_request_duration_seconds_bucket", (route, "+Inf")] == 3
        assert read["mgraph_rows_total", ()] == 3
        text = client.get("/metrics").content
    lint = ["promtool", "check", "metrics"]
    checked = subprocess.run(lint, input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_alerts_are_raised_by_what_they_name(tmp_path: Path) -> None:
    """Each by that, and by nothing that is well, as Prometheus itself tests it."""
    shutil.copy(EXAMPLES / "alerts.yml", tmp_path)
    shutil.copy(HERE / "groups" / "serve" / "alerts_test.yml", tmp_path)
    command = ["promtool", "test", "rules", "alerts_test.yml"]
    tested = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stdout
    names = [
        line for line in (EXAMPLES / "alerts.yml").read_text().splitlines() if "alert:" in line
    ]
    told = (tmp_path / "alerts_test.yml").read_text()
    assert [told.count(line.split()[-1] + "\n") for line in names] == [1] * len(names)


def test_prometheus_watches_a_server(tmp_path: Path) -> None:
    """With the example, a server that wants a token, and a token for reading."""
    (tmp_path / "token.txt").write_text(
        subprocess.check_output(
            [sys.executable, "-m", "mgraph", "token", "new", "shared", "--scope", "read"],
            cwd=tmp_path, text=True,
        )
    )  # fmt: skip
    port = free_port()
    with serving(tmp_path, "shared", "--need-token") as server:
        text = (EXAMPLES / "prometheus.yml").read_text()
        for old, new in (
            ("127.0.0.1:8765", f"127.0.0.1:{server.port}"),
            ("# authorization:", "authorization:"),
            ("#   credentials_file", "  credentials_file"),
            ("_interval: 15s", "_interval: 1s"),
        ):
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "prometheus.yml").write_text(text)
        shutil.copy(EXAMPLES / "alerts.yml", tmp_path)
        command = [
            "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data",
            f"--web.listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        watcher = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
        try:
            assert _asked(port, 'up{job="mgraph"}') == "1"
            assert _asked(port, "mgraph_work_threads") == str(len(os.sched_getaffinity(0)))
        finally:
            watcher.terminate()
            watcher.wait(60)


def _asked(port: int, query: str) -> str:
    """Return the value of an expression, once Prometheus has one."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60) as client:
        for _ in range(300):
            try:
                reply = client.get("/api/v1/query", params={"query": query}).json()
                if reply["data"]["result"]:
                    value: str = reply["data"]["result"][0]["value"][1]
                    return value
            except (httpx.TransportError, ValueError):  # it has not started yet
                pass
            time.sleep(0.1)
    message = f"Prometheus knows nothing of {query}"
    raise AssertionError(message)
