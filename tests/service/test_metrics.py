"""GET /metrics: what is counted, in which words, and who may see it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from mgraph.service.admission import PYTHON, SMALL, Work
from mgraph.service.store.access import new_token
from mgraph.service.store.memory import MemoryStore
from mgraph.service.store.tokens import Scope
from tests.command_line import HERE, NEURON
from tests.service.serving import JSON, OPEN, Serving

if TYPE_CHECKING:
    from collections.abc import Iterator

DATA = NEURON.read_bytes()
LINE = re.compile(r"([a-z_]+(?:\{(?:[a-z]+=\"[^\"\\\n]*\",?)+\})?) (\S+)")


@pytest.fixture
def serving() -> Iterator[Serving]:
    """Return a service with the neuron."""
    with Serving() as service:
        service.put(DATA, "neuron")
        yield service


def samples(serving: Serving, **headers: str) -> dict[str, float]:
    """Return the value of each sample, by its name and labels."""
    answered = serving("GET", "/metrics", **headers)
    assert answered.status == 200
    assert answered.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answered.body.decode().splitlines()
    matches = [LINE.fullmatch(line) for line in lines if not line.startswith("# ")]
    found = [(match[1], float(match[2])) for match in matches if match]
    assert len(found) == len(matches) == len(dict(found))
    return dict(found)


def test_requests_are_counted(serving: Serving) -> None:
    """By route, method and status, with their bytes and times; refused ones, too."""
    before = samples(serving)
    body = b'{"inputs": {"x1": 0.25}}'
    sent = serving("POST", "/api/graphs/neuron/run", body, **JSON)
    serving("POST", "/api/graphs/neuron/run", b"{", **JSON)
    serving("POST", "/api/graphs/none/run")
    serving("PUT", "/api/graphs/neuron/run", **JSON)
    serving("BREW", "/nowhere")
    serving("GET", "/api/names", host="evil.example")
    after = samples(serving)
    route = "/api/graphs/{reference}/run"
    for labels, count in (
        (f'route="{route}",method="POST",status="200"', 1),
        (f'route="{route}",method="POST",status="400"', 1),
        (f'route="{route}",method="POST",status="404"', 1),
        ('route="none",method="PUT",status="405"', 1),
        ('route="none",method="other",status="404"', 1),
        ('route="none",method="GET",status="400"', 1),
        ('route="/metrics",method="GET",status="200"', 1),
    ):
        name = f"mgraph_requests_total{{{labels}}}"
        assert after.get(name, 0) - before.get(name, 0) == count, labels
    assert after[f'mgraph_request_bytes_total{{route="{route}"}}'] == len(body) + 1
    assert after[f'mgraph_reply_bytes_total{{route="{route}"}}'] > len(sent.body)
    timed = f'mgraph_request_duration_seconds_count{{route="{route}"}}'
    assert after[timed] == 3
    assert after["mgraph_requests_in_progress"] == 1  # this one
    assert after["mgraph_faults_total"] == 0


def test_faults_are_counted(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the server itself, from 0 on, so that the first is seen to be one more."""

    def broken(*_: object) -> None:
        message = "broken"
        raise RuntimeError(message)

    assert samples(serving)["mgraph_faults_total"] == 0
    monkeypatch.setattr(serving.store, "get_name", broken)
    assert serving("GET", "/api/names/neuron").status == 500
    assert samples(serving)["mgraph_faults_total"] == 1


def test_buckets_of_times_are_cumulative(serving: Serving) -> None:
    """Each has what the one before has, the last one has all, and their sum is the time."""
    metrics = serving.app.metrics
    request: Any = type("Request", (), {"route": "/x", "method": "GET", "received": 0})
    reply: Any = type("Reply", (), {"status": 200, "size": 0})
    for seconds in (0.0005, 0.001, 0.0011, 0.2, 77.0):
        metrics.request(request, reply, seconds)
    found = samples(serving)
    name = 'mgraph_request_duration_seconds{}{{route="/x"{}}}'
    buckets = [
        found[name.format("_bucket", f',le="{le}"')]
        for le in ("0.001", "0.0025", "0.1", "0.25", "10.0", "+Inf")
    ]
    assert buckets == [2, 3, 3, 4, 4, 5]
    assert found[name.format("_count", "")] == 5
    assert found[name.format("_sum", "")] == pytest.approx(77.2026, abs=1e-9)  # rounding of sums


def test_work_is_counted(serving: Serving) -> None:
    """Rows, their nodes, time and outcome; a run of a graph is one row."""
    serving.send("POST", "/api/graphs/neuron/run", {})
    before = samples(serving)
    serving.send("POST", "/api/graphs/neuron/run", {"inputs": {"x1": 0.5}})
    admission = serving.app.metrics.admission
    serving.runner.run(admission(Work(10, 100), str))
    serving.runner.run(admission(Work(SMALL, 3), str))
    after = samples(serving)
    grown = {name: after[name] - before[name] for name in after if name in before}
    assert grown["mgraph_rows_total"] == 104
    assert grown["mgraph_work_cost_total"] == 10 * PYTHON + 10 * 100 + 3 * SMALL
    assert grown["mgraph_kernel_seconds_total"] > 0
    assert grown['mgraph_work_total{outcome="at_once"}'] == 2
    assert grown['mgraph_work_total{outcome="in_threads"}'] == 1
    assert (after["mgraph_work_waiting"], after["mgraph_work_running"]) == (0, 0)
    assert after["mgraph_work_threads"] == OPEN.threads


def test_metrics_of_the_process(serving: Serving) -> None:
    """Under the names that Prometheus's libraries use, so that dashboards know them."""
    found = samples(serving)
    assert found["process_cpu_seconds_total"] > 0
    assert found["process_start_time_seconds"] > 1e9
    assert found["process_resident_memory_bytes"] > 2**20
    assert found["process_open_fds"] > 3


def test_strangers_see_none() -> None:
    """Where storing takes a token, this does: one for reading is enough, that of a class is not."""
    store = MemoryStore()
    secrets = {scope: new_token(store, scope, prefix="a")[0] for scope in Scope}
    with Serving(replace(OPEN, needs_token=True), store) as serving:
        assert serving("GET", "/metrics").status == 401
        for scope, status in ((Scope.READ, 200), (Scope.WRITE, 200), (Scope.CLASS, 403)):
            bearer = f"Bearer {secrets[scope]}"
            assert serving("GET", "/metrics", authorization=bearer).status == status, scope
        assert serving("GET", "/metrics", authorization="Bearer mgraph_x").status == 401


def test_every_metric_is_documented_and_no_other_is_used(serving: Serving) -> None:
    """docs/serve.md has all of them; the examples for Prometheus name only what there is."""
    text = serving("GET", "/metrics").body.decode()
    known = set(re.findall("# TYPE (mgraph_[a-z_]+) ", text))
    documented = (HERE.parent / "docs" / "serve.md").read_text(encoding="utf-8")
    assert {*re.findall("`(mgraph_[a-z_]+)`", documented)} == known
    for name in ("prometheus.yml", "alerts.yml"):
        example = (HERE.parent / "examples" / "serve" / name).read_text(encoding="utf-8")
        used = {each.removesuffix("_bucket") for each in re.findall("mgraph_[a-z_]+", example)}
        assert used <= known, name
