"""What the Open Inference Protocol says of the server and its models, and what is kept of them."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

import mgraph as library
from mgraph.engine import tape
from mgraph.service.inference import models
from mgraph.service.store.errors import UnavailableError
from mgraph.service.store.memory import MemoryStore
from tests.service.inference.requests import (
    DATA,
    GRAPH,
    NEGATIVE,
    TWO,
    Reply,
    given_as_bytes,
    given_as_json,
    infer,
    one,
    same,
)
from tests.service.serving import Serving

if TYPE_CHECKING:
    import pytest


def test_the_server_says_what_it_is(serving: Serving) -> None:
    """At /v2 and /v2/; health has both fields, and its status is about what was asked."""
    for path in ("/v2", "/v2/"):
        about = serving("GET", path)
        assert about.json == {
            "name": "mgraph", "version": library.__version__, "extensions": ["binary_tensor_data"],
        }  # fmt: skip
    assert serving("GET", "/v2/models/two/ready").json == {"name": "two", "ready": True}
    for path in ("/v2/health/live", "/v2/health/ready"):
        health = serving("GET", path)
        assert (health.status, health.json) == (200, {"live": True, "ready": True})


def test_a_server_that_is_not_ready_says_so() -> None:
    """Until the kernels are compiled, `ready` is 503 and `live` is 200."""
    with Serving() as service:
        live, ready = service("GET", "/v2/health/live"), service("GET", "/v2/health/ready")
        assert (live.status, ready.status) == (200, 503)
        assert live.json == ready.json == {"live": True, "ready": False}


def test_a_server_lives_without_its_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Restarting it would not help, so `live` is 200; other servers may be `ready`."""

    def unreachable(*_: object, **__: object) -> None:
        raise UnavailableError.of("io", "the database can't be reached")

    with Serving() as service:
        service.put(DATA, "neuron")
        service.send("POST", "/v2/models/neuron/infer", one())
        assert service("GET", "/v2/health/ready").status == 200
        monkeypatch.setattr(MemoryStore, "names", unreachable)
        live, ready = service("GET", "/v2/health/live"), service("GET", "/v2/health/ready")
        assert (live.status, ready.status) == (200, 503)
        assert live.json == ready.json == {"live": True, "ready": False}


def test_a_server_lives_while_its_store_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """`live` is answered before the store is: a database that is down says so after seconds."""
    silence = threading.Event()
    asked = []

    def silent(*_: object, **__: object) -> tuple[()]:
        asked.append(1)
        silence.wait(60)
        return ()

    monkeypatch.setattr(MemoryStore, "is_remote", True)
    monkeypatch.setattr(MemoryStore, "names", silent)
    with Serving() as service:
        service.put(DATA, "neuron")
        service.send("POST", "/v2/models/neuron/infer", one())
        for _ in range(3):
            live = service("GET", "/v2/health/live")
            assert (live.status, live.json) == (200, {"live": True, "ready": False})
        assert not silence.is_set()
        assert len(asked) == 1  # its threads are not used up by questions
        silence.set()
        assert service("GET", "/v2/health/ready").status == 200
        assert service("GET", "/v2/health/live").json == {"live": True, "ready": True}


def test_without_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without the extra `fast` says what it lacks, and is not ready."""
    monkeypatch.setattr(tape, "missing", lambda: "llvmlite")
    with Serving() as service:
        service.put(DATA, "neuron")
        refused = service.send("POST", "/v2/models/neuron/infer", {"inputs": []})
        assert (refused.status, "llvmlite" in refused.json["error"]) == (501, True)
        assert service("GET", "/v2/health/ready").status == 503


def test_models_are_described(serving: Serving) -> None:
    """Inputs and outputs with any number of rows; the version is the id of the document."""
    identifier = serving("GET", "/api/names/class-7a/anna").json["id"]
    for name in ("class-7a/anna", GRAPH.hash, identifier):
        about = serving("GET", f"/v2/models/{name}").json
        assert about["name"] == name
        assert about["versions"] == [identifier]
        assert [each["name"] for each in about["inputs"]] == ["x1", "x2"]
        assert about["outputs"] == [{"name": "o", "datatype": "FP64", "shape": [-1]}]
        assert serving("GET", f"/v2/models/{name}/versions/{identifier}").json == about
    assert serving("GET", "/v2/models/class-7a%2Fanna").json["name"] == "class-7a/anna"


def test_computations_are_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is asked for again is not compiled again; the least recently used are forgotten."""
    made = []
    prepare = models.PreparedComputation.__init__

    def counted(self: Any, graph: Any, computation: Any) -> None:  # noqa: ANN401
        made.append(computation)
        prepare(self, graph, computation)

    monkeypatch.setattr(models.PreparedComputation, "__init__", counted)
    monkeypatch.setattr(models, "_KEPT_NODES", 10)
    with Serving() as service:
        for name, file in (("two", TWO), ("negative", NEGATIVE)):
            service.put(json.dumps(file).encode(), name)
        for _ in range(3):
            infer(service, "two", [given_as_json("x", [1.0])]).tensors()
        assert len(made) == 1
        for _ in range(3):
            infer(service, "negative", [given_as_json("x", [1.0])]).tensors()
            infer(service, "two", [given_as_json("grad/w1", [1.0]),
                                   given_as_json("x", [1.0])]).tensors()  # fmt: skip
        assert len(made) == 3  # 4 + 2 + 4 nodes
        infer(service, "two", [given_as_json("x", [1.0])]).tensors()
        infer(service, "two", [given_as_json("x", [1.0])], outputs=["q"]).tensors()
        assert len(made) == 3
        asked = [given_as_json("x", [1.0]), given_as_json("seed:p", [1.0])]
        for _ in range(2):  # 4 + 3 more nodes: others are forgotten
            infer(service, "two", asked, outputs=["grad:x"]).tensors()
        assert len(made) == 4
        infer(service, "negative", [given_as_json("x", [1.0])]).tensors()
        assert len(made) == 5


def test_requests_at_the_same_time(serving: Serving) -> None:
    """Large ones run in threads, each with the results of its own rows."""
    rows = 50_000
    requests, expected = [], []
    for i in range(6):
        x = np.linspace(i, i + 1.0, rows)
        head = json.dumps({
            "inputs": [given_as_bytes("x", x)], "parameters": {"binary_data_output": True},
        }).encode()  # fmt: skip
        headers = {"inference-header-content-length": str(len(head))}
        requests.append(("POST", "/v2/models/two/infer", [head + x.tobytes()], headers))
        expected.append(x * 3.0)
    answers = serving.together(*requests)
    for answer, products in zip(answers, expected, strict=True):
        assert same(Reply(answer).tensors()["p"], products)
