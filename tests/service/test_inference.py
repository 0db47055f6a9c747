"""The Open Inference Protocol: tensors in, the bits of `Replay.batch` out, and clear refusals."""

from __future__ import annotations

import gzip
import json
import math
import threading
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import mgraph as library
from mgraph.engine import tape
from mgraph.service.inference import models
from mgraph.service.store.errors import UnavailableError
from mgraph.service.store.memory import MemoryStore
from tests.command_line import NEURON
from tests.service.serving import OPEN, Answered, Serving

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

DATA = NEURON.read_bytes()
GRAPH = library.load(NEURON)
TWO = {
    "mgraph": "1.0",
    "nodes": [
        {"id": "x", "op": "input"},
        {"id": "grad/w1", "op": "param", "data": 3.0},
        {"id": "p", "op": "mul", "args": ["x", "grad/w1"]},
        {"id": "q", "op": "sin", "args": ["p"]},
    ],
    "outputs": ["p", "q"],
}
"""Two outputs, one of which depends on the other, and a param that is named like a gradient."""

NEGATIVE = {
    "mgraph": "1.0",
    "nodes": [{"id": "x", "op": "input"}, {"id": "o", "op": "neg", "args": ["x"]}],
    "outputs": ["o"],
}
SPECIAL = [math.nan, math.inf, -math.inf, -0.0, 0.0, 5e-324, 1.7976931348623157e308, 0.1]
X = np.linspace(-3.0, 3.0, 1000)


@pytest.fixture(scope="module")
def serving() -> Iterator[Serving]:
    """Return a service with three graphs."""
    with Serving() as service:
        service.put(DATA, "class-7a/anna")
        service.put(json.dumps(TWO).encode(), "two")
        service.put(json.dumps(NEGATIVE).encode(), "negative")
        yield service


class Reply:
    """A reply to a request for inference, read as a client reads it."""

    def __init__(self, answered: Answered) -> None:
        """Decompress and split the body."""
        self.status, self.headers = answered.status, answered.headers
        encoding = self.headers.get("content-encoding")
        unpack: Mapping[str, Any] = {"gzip": gzip.decompress, "deflate": zlib.decompress}
        body = unpack[encoding](answered.body) if encoding else answered.body
        size = int(self.headers.get("inference-header-content-length", len(body)))
        self.json = json.loads(body[:size])
        self._left = body[size:]

    def tensors(self) -> dict[str, NDArray[np.float64]]:
        """Return all outputs, in order; every byte of the body is used."""
        read, at = {}, 0
        for output in self.json["outputs"]:
            size = output.get("parameters", {}).get("binary_data_size")
            if size is None:
                array = np.array(output["data"], np.float64)  # as tritonclient reads "nan"
            else:
                array = np.frombuffer(self._left[at : at + size], "<f8")
                at += size
            assert output["shape"] == [len(array)]
            assert output["datatype"] == "FP64"
            read[output["name"]] = array
        assert at == len(self._left)
        return read


def given_as_bytes(name: str, values: NDArray[Any], kind: str = "FP64", **more: Any) -> Any:  # noqa: ANN401 - JSON
    """Describe an input whose numbers are behind the JSON."""
    size = {"binary_data_size": values.nbytes}
    return {"name": name, "shape": [len(values)], "datatype": kind, "parameters": size, **more}


def given_as_json(name: str, values: Sequence[Any], kind: str = "FP64", **more: Any) -> Any:  # noqa: ANN401 - JSON
    """Describe an input with its numbers."""
    return {"name": name, "shape": [len(values)], "datatype": kind, "data": [*values], **more}


def infer(  # noqa: PLR0913 - what a request has
    serving: Serving,
    model: str,
    inputs: Sequence[Any],
    data: bytes = b"",
    outputs: Sequence[str] | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
    **headers: str,
) -> Reply:
    """Ask for outputs as bytes, unless the parameters say otherwise."""
    request: dict[str, Any] = {"inputs": inputs}
    request["parameters"] = {"binary_data_output": True} if parameters is None else parameters
    if outputs is not None:
        request["outputs"] = [{"name": name} for name in outputs]
    head = json.dumps(request).encode()
    size = {"inference_header_content_length": str(len(head))} if data else {}
    path = f"/v2/models/{model}/infer"
    return Reply(serving("POST", path, head + data, **{**size, **headers}))


def same(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    """Whether two arrays have the same bits."""
    return a.tobytes() == b.tobytes()


# --- about the server and its models ---


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
        service.send("POST", "/v2/models/neuron/infer", _one())
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
        service.send("POST", "/v2/models/neuron/infer", _one())
        for _ in range(3):
            live = service("GET", "/v2/health/live")
            assert (live.status, live.json) == (200, {"live": True, "ready": False})
        assert not silence.is_set()
        assert len(asked) == 1  # its threads are not used up by questions
        silence.set()
        assert service("GET", "/v2/health/ready").status == 200
        assert service("GET", "/v2/health/live").json == {"live": True, "ready": True}


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


# --- results ---


def test_results_have_the_bits_of_a_batch(serving: Serving) -> None:
    """By name, id, hash and version; outputs come in the order asked, and the id comes back."""
    identifier = serving("GET", "/api/names/class-7a/anna").json["id"]
    expected = GRAPH.compile().batch({"x1": X, "w2": X}, wrt=["w1", "x2"], math="libm")
    inputs = [given_as_bytes("w2", X), given_as_bytes("x1", X)]
    wanted = ["grad:x2", "o", "grad:w1"]
    named = ("class-7a/anna", "class-7a%2Fanna", identifier, GRAPH.hash,
             f"class-7a/anna/versions/{identifier}")  # fmt: skip
    for model in named:
        reply = infer(serving, model, inputs, X.tobytes() * 2, wanted)
        assert reply.headers["content-type"] == "application/octet-stream"
        results = reply.tensors()
        assert [*results] == wanted
        assert same(results["o"], expected.outputs["o"])
        assert all(same(results[f"grad:{name}"], expected.grad[name]) for name in ("w1", "x2"))
        assert reply.json["model_version"] == identifier


def test_numbers_of_a_golden_file(serving: Serving) -> None:
    """The neuron's value and gradients, from 50-digit arithmetic."""
    golden = json.loads(DATA)["runs"][0]
    wanted = ["o", *(f"grad:{name}" for name in ("x1", "w1", "x2", "w2", "b"))]
    results = infer(serving, GRAPH.hash, [given_as_json("x1", [2.0])], outputs=wanted).tensors()
    assert results["o"][0] == pytest.approx(golden["data"]["o"], rel=1e-15)
    for name in wanted[1:]:
        expected = golden["grad"][name.removeprefix("grad:")]
        assert results[name][0] == pytest.approx(expected, rel=1e-14, abs=1e-15)


def test_all_outputs_without_gradients_by_default(serving: Serving) -> None:
    """A request that names no outputs gets those of the graph, as JSON, under its own id."""
    request = {"id": "42", "inputs": [given_as_json("x", [0.5, 1.0])]}
    reply = Reply(serving.send("POST", "/v2/models/two/infer", request))
    assert reply.headers["content-type"] == "application/json"
    assert "inference-header-content-length" not in reply.headers
    assert (reply.json["id"], reply.json["model_name"]) == ("42", "two")
    results = reply.tensors()
    assert [*results] == ["p", "q"]
    assert results["p"].tolist() == [1.5, 3.0]
    assert results["q"].tolist() == [math.sin(1.5), math.sin(3.0)]


def test_an_input_that_is_named_like_a_gradient(serving: Serving) -> None:
    """`grad/w1` is an id like any other, and its gradient is `grad:grad/w1`."""
    inputs = [given_as_json("x", [2.0]), given_as_json("grad/w1", [5.0]),
              given_as_json("seed:p", [1.0])]  # fmt: skip
    results = infer(serving, "two", inputs, outputs=["grad:grad/w1", "p"]).tensors()
    assert (results["grad:grad/w1"].tolist(), results["p"].tolist()) == ([2.0], [10.0])


def test_seeds_differ_from_row_to_row(serving: Serving) -> None:
    """Each row has the bits of a batch with the seeds of that row; one number is for all rows."""
    replay = library.loads(json.dumps(TWO)).compile()
    rows = 40
    x, p, q = X[:rows], np.linspace(-2.0, 2.0, rows), np.linspace(0.1, 0.3, rows)
    p[3] = -0.0
    data = x.tobytes() + p.tobytes() + q.tobytes()
    inputs = [given_as_bytes(name, x) for name in ("x", "seed:p", "seed:q")]
    results = infer(serving, "two", inputs, data, ["grad:x", "grad:grad/w1"]).tensors()
    for i in range(rows):
        seed = {"p": p[i], "q": q[i]}
        expected = replay.batch({"x": x[i : i + 1]}, seed=seed, math="libm")
        for name in ("x", "grad/w1"):
            assert same(results[f"grad:{name}"][i : i + 1], expected.grad[name]), i
    one = [given_as_bytes("x", x), given_as_json("seed:q", [0.7])]
    results = infer(serving, "two", one, x.tobytes(), ["grad:x"]).tensors()
    expected = replay.batch({"x": x}, seed={"q": 0.7}, math="libm")
    assert same(results["grad:x"], expected.grad["x"])


def test_special_numbers_in_each_encoding(serving: Serving) -> None:
    """NaN, infinities and the sign of zero go through bytes, bare literals and strings."""
    values = np.array(SPECIAL)
    spelled = ["nan", "inf", "-inf", *SPECIAL[3:]]
    ways: list[tuple[Any, bytes]] = [
        (given_as_bytes("x", values), values.tobytes()),
        (given_as_json("x", SPECIAL), b""),  # json.dumps writes NaN, Infinity and -Infinity
        (given_as_json("x", spelled), b""),
        (given_as_json("x", [[value] for value in spelled], shape=[8, 1]), b""),
    ]
    for described, data in ways:
        for is_binary in (True, False):
            asked = {"binary_data_output": is_binary}
            reply = infer(serving, "negative", [described], data, parameters=asked)
            got = reply.tensors()["o"]
            assert np.array_equal(got, -values, equal_nan=True)
            assert np.signbit(got[1:]).tolist() == np.signbit(-values[1:]).tolist()
            if not is_binary:
                assert reply.json["outputs"][0]["data"][:3] == ["nan", "-inf", "inf"]
    body = b'{"inputs":[{"name":"x","shape":[2],"datatype":"FP64","data":[-0, 12]}]}'
    got = Reply(serving("POST", "/v2/models/negative/infer", body)).tensors()["o"]
    assert (got.tolist(), math.copysign(1.0, got[0])) == ([0.0, -12.0], 1.0)


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("FP32", "<f4"), ("FP16", "<f2"), ("INT8", "i1"), ("INT16", "<i2"), ("INT32", "<i4"),
     ("UINT8", "u1"), ("UINT16", "<u2"), ("UINT32", "<u4")],
)  # fmt: skip
def test_types_whose_numbers_are_doubles(serving: Serving, kind: str, dtype: str) -> None:
    """They are taken as they are: the largest and smallest come out negated, as doubles."""
    made = np.dtype(dtype)
    info: Any = np.iinfo(made) if made.kind in "iu" else np.finfo(made)
    values = np.array([info.min, info.max, 1], made)
    ways: list[tuple[Any, bytes]] = [
        (given_as_bytes("x", values, kind), values.tobytes()),
        (given_as_json("x", values.tolist(), kind), b""),
    ]
    for described, data in ways:
        got = infer(serving, "negative", [described], data).tensors()["o"]
        assert got.tolist() == [-float(value) for value in values.tolist()]


def test_json_rounds_to_single_precision(serving: Serving) -> None:
    """0.1 as FP32 is the single that is nearest, as in a client that sends bytes."""
    got = infer(serving, "negative", [given_as_json("x", [0.1], "FP32")]).tensors()["o"]
    assert got.tolist() == [-13421773 / 2**27]


def test_another_math_library(serving: Serving) -> None:
    """The parameter `math` chooses it; the default has the bits of single runs."""
    for name in ("auto", "exact"):
        expected = GRAPH.compile().batch({"x1": X}, grad=None, math=name).outputs["o"]
        asked = {"binary_data_output": True, "math": name}
        inputs = [given_as_bytes("x1", X)]
        reply = infer(serving, "class-7a/anna", inputs, X.tobytes(), parameters=asked)
        assert same(reply.tensors()["o"], expected), name


def test_much_json_is_read_in_another_process(serving: Serving) -> None:
    """The result is the same; what is wrong is said as well."""
    rows = 20_000
    x = np.linspace(0.0, 1.0, rows)
    got = infer(serving, "negative", [given_as_json("x", x.tolist())]).tensors()["o"]
    assert same(got, -x)
    refused = serving.send(
        "POST", "/v2/models/negative/infer", {"inputs": [given_as_json("x", [None] * rows)]}
    )
    assert (refused.status, "null" in refused.json["error"]) == (400, True)


@pytest.mark.parametrize("sent", ["", "gzip", "deflate"])
@pytest.mark.parametrize("accepted", ["", "gzip", "deflate"])
def test_compression(serving: Serving, sent: str, accepted: str) -> None:
    """Requests and replies, each on its own; the length of the header is that before it."""
    pack: Any = {"": bytes, "gzip": gzip.compress, "deflate": zlib.compress}[sent]
    head = json.dumps({"inputs": [given_as_bytes("x", X)]}).encode()
    headers = {"inference_header_content_length": str(len(head))}
    headers |= {"content_encoding": sent} if sent else {}
    headers |= {"accept_encoding": accepted} if accepted else {}
    body = pack(head + X.tobytes())
    reply = Reply(serving("POST", "/v2/models/negative/infer", body, **headers))
    assert reply.headers.get("content-encoding", "") == accepted
    assert same(reply.tensors()["o"], -X)


def test_bytes_are_compressed_only_on_request(serving: Serving) -> None:
    """Clients that list all they can decode get JSON compressed, but not bytes."""
    inputs = [given_as_bytes("x", X)]
    for is_binary in (True, False):
        reply = infer(
            serving, "negative", inputs, X.tobytes(),
            parameters={"binary_data_output": is_binary}, accept_encoding="gzip, deflate, br",
        )  # fmt: skip
        assert ("content-encoding" in reply.headers) is not is_binary
        assert same(reply.tensors()["o"], -X)
    refused = "gzip;q=0, deflate;q=0.0"
    reply = infer(serving, "negative", inputs, X.tobytes(), accept_encoding=refused)
    assert "content-encoding" not in reply.headers


# --- refusals ---


def _one(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"inputs": [given_as_json("x", [1.0, 2.0], **changes)]}


REFUSED: list[tuple[int, str, Any]] = [
    *((400, "shape", _one(shape=shape)) for shape in ([-1], [0], [2**63], [2**64], [], [2, 2],
                                                      [2, 0], [2, -1], [1, 2], [2, 1, 1])),
    (400, "3 rows by its shape, but 2 numbers", _one(shape=[3])),
    (400, "9,223,372,036,854,775,807 rows", _one(shape=[2**63 - 1])),
    (400, "shape", _one(shape=[1.5])),
    (400, "INT64, which has integers that no double holds", _one(datatype="INT64")),
    (400, "BYTES, which is not supported", _one(datatype="BYTES")),
    (400, "BOOL, which is not supported", _one(datatype="BOOL")),
    (400, '"fp64", which is not a data type', _one(datatype="fp64")),
    (400, "has 1.5, which INT8 can't hold", _one(datatype="INT8", data=[1.0, 1.5])),
    (400, "has 200.0, which INT8 can't hold", _one(datatype="INT8", data=[1, 200])),
    (400, "has 1e+300, which FP32 can't hold", _one(datatype="FP32", data=[1, 1e300])),
    (400, "null, into which some clients turn NaN", _one(data=[1.0, None])),
    (400, "has true: expected a number", _one(data=[1.0, True])),
    (400, 'has the string "1": expected a number', _one(data=["1", 2])),
    (400, "has no data", _one(data=None)),
    (400, "has no data", _one(data=3)),
    (400, "lists of one number", _one(data=[[1.0], 2.0])),
    (400, "lists of one number", _one(data=[[1.0], [2.0, 3.0]])),
    (400, "shared_memory_region", _one(parameters={"shared_memory_region": "r"})),
    (400, "has both data and binary_data_size", _one(parameters={"binary_data_size": 16})),
    (400, "16 bytes, and 0 bytes follow", _one(data=None, parameters={"binary_data_size": 16})),
    (400, "have 16 bytes", _one(data=None, parameters={"binary_data_size": 8})),
    (400, "have 16 bytes", _one(data=None, parameters={"binary_data_size": -16})),
    (400, "have 16 bytes", _one(data=None, parameters={"binary_data_size": "16"})),
    (400, 'the input "x" is there twice', {"inputs": [*_one()["inputs"], *_one()["inputs"]]}),
    (400, "has 1 rows, and", {"inputs": [*_one()["inputs"],
                                                                given_as_json("grad/w1", [1.0])]}),
    (400, "no inputs", {"inputs": []}),
    (400, "JSON of the request is wrong", {}),
    (400, "JSON of the request is wrong", []),
    (400, "JSON of the request is wrong", {"inputs": {}}),
    (400, "JSON of the request is wrong", {"inputs": [{}]}),
    (400, 'the output "p" is there twice', {**_one(), "outputs": [{"name": "p"}] * 2}),
    (400, "classification", {**_one(), "outputs": [{"name": "p",
                                                    "parameters": {"classification": 1}}]}),
    (400, "sequence_id", {**_one(), "parameters": {"sequence_id": 1}}),
    (400, "true or false", {**_one(), "parameters": {"binary_data_output": 1}}),
    (400, "no math library 'libx'", {**_one(), "parameters": {"math": "libx"}}),
    (400, "the name of a library", {**_one(), "parameters": {"math": 1}}),
    (422, '"y" is not a node of this graph', {"inputs": [given_as_json("y", [1.0])]}),
    (422, "can't set", {"inputs": [given_as_json("p", [1.0])]}),
    (422, "can't start at", {"inputs": [*_one()["inputs"], given_as_json("seed:x", [1.0])]}),
    (422, "is not an output", {**_one(), "outputs": [{"name": "x"}]}),
    (422, "is not a node", {**_one(), "outputs": [{"name": "grad:y"}]}),
    (422, "has no gradient of", {**_one(), "outputs": [{"name": "grad:p"}]}),
    (422, 'for example "seed:p"', {**_one(), "outputs": [{"name": "grad:x"}]}),
    (422, "not finite", {"inputs": [*_one()["inputs"], given_as_json("seed:p", ["inf", 1.0])],
                         "outputs": [{"name": "grad:x"}]}),
    (422, "x", {"inputs": [given_as_json("grad/w1", [1.0])]}),
]  # fmt: skip


@pytest.mark.parametrize(("status", "text", "request_"), REFUSED)
def test_refusals(serving: Serving, status: int, text: str, request_: object) -> None:
    """What is wrong is said, in exactly the form in which clients of the protocol look for it."""
    refused = serving.send("POST", "/v2/models/two/infer", request_, accept="text/html")
    assert (refused.status, refused.headers["content-type"]) == (status, "application/json")
    assert [*refused.json] == ["error"]
    assert text in refused.json["error"]


def test_a_graph_without_a_path(serving: Serving) -> None:
    """A gradient that does not exist is refused, not left out: the client would look for it."""
    nodes: list[Any] = [*TWO["nodes"], {"id": "z", "op": "param", "data": 1.0}]
    serving.put(json.dumps({**TWO, "nodes": nodes, "outputs": ["p", "q", "z"]}).encode(), "lost")
    inputs = [given_as_json("x", [1.0]), given_as_json("seed:p", [1.0])]
    asked = {"inputs": inputs, "outputs": [{"name": "grad:z"}, {"name": "grad:x"}]}
    refused = serving.send("POST", "/v2/models/lost/infer", asked)
    assert refused.status == 422
    assert refused.json == {"error": '"z" has no gradient: no seeded output depends on it'}


def test_lengths_that_are_wrong(serving: Serving) -> None:
    """Of the header, and bytes that are missing or left over: 400."""
    head = json.dumps({"inputs": [given_as_bytes("x", X)]}).encode()
    path = "/v2/models/negative/infer"
    wrong = ("-1", "1e3", "", "0", str(len(head) - 1), str(len(head) + 1), "9" * 5000, "٣", "1,1")
    for stated in wrong:
        headers = {"inference_header_content_length": stated.encode().decode("latin-1")}
        refused = serving("POST", path, head + X.tobytes(), **headers)
        assert (refused.status, [*refused.json]) == (400, ["error"]), stated
    stated = str(len(head))
    for data in (X.tobytes()[:-1], X.tobytes() + b"x", b""):
        refused = serving("POST", path, head + data, inference_header_content_length=stated)
        assert refused.status == 400
        assert f"{len(data):,} bytes follow the JSON" in refused.json["error"]


def test_bodies_that_are_no_json(serving: Serving) -> None:
    """Bytes, other encodings, too many levels, numbers that are too large: 400."""
    deep = b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":' + b"[" * 100_000
    large = b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1e400]}]}'
    surrogate = b'{"id":"\\ud800","inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":[1]}]}'
    texts = (b"", b"\xff", b'{"\xff":1}', b"null", "{}".encode("utf-16"))
    for body in (*texts, surrogate, deep, large, b"[" * 60_000):
        refused = serving("POST", "/v2/models/negative/infer", body)
        assert (refused.status, [*refused.json]) == (400, ["error"]), body[:20]


def test_compressed_bodies_that_are_wrong(serving: Serving) -> None:
    """Not compressed as they say, or more than may be sent, once unpacked."""
    path = "/v2/models/negative/infer"
    for encoding in ("gzip", "deflate"):
        assert serving("POST", path, b"{}", content_encoding=encoding).status == 400
        pack: Any = gzip.compress if encoding == "gzip" else zlib.compress
        cut = pack(b"{}" * 10)[:-3]
        assert serving("POST", path, cut, content_encoding=encoding).status == 400
        bomb = serving("POST", path, pack(bytes(2**26 + 1)), content_encoding=encoding)
        assert (bomb.status, [*bomb.json]) == (413, ["error"])
    refused = serving("POST", path, b"{}", content_encoding="br")
    assert (refused.status, [*refused.json]) == (415, ["error"])


def test_json_is_limited_like_other_bodies() -> None:
    """Tensors may be larger than files; JSON may not, because decoding takes much more memory."""
    limits = OPEN.limits.raised({"size": 70_000})
    with Serving(replace(OPEN, limits=limits, tensors=400_000)) as service:
        service.put(json.dumps(NEGATIVE).encode(), "negative")
        x = np.zeros(20_000)
        got = infer(service, "negative", [given_as_bytes("x", x)], x.tobytes())
        assert same(got.tensors()["o"], -x)
        for values in (x.tolist(), [0.5] * 110_000):
            request = {"inputs": [given_as_json("x", values)]}
            refused = service.send("POST", "/v2/models/negative/infer", request)
            assert (refused.status, [*refused.json]) == (413, ["error"])
        large = infer(service, "negative", [given_as_bytes("x", x)], bytes(500_000))
        assert (large.status, "--limit" in large.json["error"]) == (413, False)


def test_every_refusal_of_the_server_has_the_form(serving: Serving) -> None:
    """Paths, methods, hosts, tokens and origins that are wrong, too."""
    token = {"authorization": "Bearer nobody"}
    for status, method, path, headers in (
        (404, "GET", "/v2/models/nobody", {}),
        (404, "GET", "/v2/models/two/config", {}),
        (404, "GET", "/v2/none", {}),
        (404, "GET", "/v2/models/two/versions/1", {}),
        (404, "POST", "/v2/models/two/versions/1/infer", {}),
        (400, "GET", "/v2/models/A%20b", {}),
        (405, "PUT", "/v2/models/two", {}),
        (400, "GET", "/v2", {"host": "elsewhere.example"}),
        (401, "GET", "/v2", token),
        (403, "POST", "/v2/models/two/infer", {"sec_fetch_site": "cross-site"}),
    ):
        refused = serving(method, path, **headers)
        assert (refused.status, refused.headers["content-type"]) == (status, "application/json")
        assert [*refused.json] == ["error"]


def test_without_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without the extra `fast` says what it lacks, and is not ready."""
    monkeypatch.setattr(tape, "missing", lambda: "llvmlite")
    with Serving() as service:
        service.put(DATA, "neuron")
        refused = service.send("POST", "/v2/models/neuron/infer", {"inputs": []})
        assert (refused.status, "llvmlite" in refused.json["error"]) == (501, True)
        assert service("GET", "/v2/health/ready").status == 503


# --- what is kept ---


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


# --- any bytes ---

WHOLE = json.dumps(
    {"inputs": [given_as_bytes("x", X[:3]), given_as_json("grad/w1", [1.0, 2.0, 3.0])]}
).encode()
EDIT = st.tuples(
    st.integers(0, len(WHOLE) + 24),
    st.integers(0, 9),
    st.sampled_from([b"", b"0", b"-", b"[", b"]", b'"', b"null", b"NaN", b"1e999", b"\xff", b"99"]),
)


@given(st.lists(EDIT, max_size=4), st.none() | st.integers(-2, len(WHOLE) + 40))
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_bytes_are_answered(
    serving: Serving, edits: list[tuple[int, int, bytes]], size: int | None
) -> None:
    """Requests with bytes cut out and put in: results or a refusal, never a fault of the server."""
    body = WHOLE + X[:3].tobytes()
    for at, count, put_in in edits:
        body = body[:at] + put_in + body[at + count :]
    stated = len(WHOLE) if size is None else size
    headers = {"inference_header_content_length": str(stated)}
    answered = serving("POST", "/v2/models/two/infer", body, **headers)
    assert answered.status in (200, 400, 422), answered
    if answered.status != 200:
        assert [*answered.json] == ["error"]
