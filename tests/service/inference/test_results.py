"""The Open Inference Protocol: tensors in, the bits of `Replay.batch` out."""

from __future__ import annotations

import gzip
import json
import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import mgraph as library
from tests.service.inference.requests import (
    DATA,
    GRAPH,
    TWO,
    Reply,
    X,
    given_as_bytes,
    given_as_json,
    infer,
    same,
)

if TYPE_CHECKING:
    from tests.service.serving import Serving

SPECIAL = [math.nan, math.inf, -math.inf, -0.0, 0.0, 5e-324, 1.7976931348623157e308, 0.1]


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
