"""What the Open Inference Protocol refuses, and that any bytes are answered."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.service.inference.requests import (
    NEGATIVE,
    TWO,
    X,
    given_as_bytes,
    given_as_json,
    infer,
    one,
    same,
)
from tests.service.serving import OPEN, Serving

REFUSED: list[tuple[int, str, Any]] = [
    *((400, "shape", one(shape=shape)) for shape in ([-1], [0], [2**63], [2**64], [], [2, 2],
                                                      [2, 0], [2, -1], [1, 2], [2, 1, 1])),
    (400, "3 rows by its shape, but 2 numbers", one(shape=[3])),
    (400, "9,223,372,036,854,775,807 rows", one(shape=[2**63 - 1])),
    (400, "shape", one(shape=[1.5])),
    (400, "INT64, which has integers that no double holds", one(datatype="INT64")),
    (400, "BYTES, which is not supported", one(datatype="BYTES")),
    (400, "BOOL, which is not supported", one(datatype="BOOL")),
    (400, '"fp64", which is not a data type', one(datatype="fp64")),
    (400, "has 1.5, which INT8 can't hold", one(datatype="INT8", data=[1.0, 1.5])),
    (400, "has 200.0, which INT8 can't hold", one(datatype="INT8", data=[1, 200])),
    (400, "has 1e+300, which FP32 can't hold", one(datatype="FP32", data=[1, 1e300])),
    (400, "null, into which some clients turn NaN", one(data=[1.0, None])),
    (400, "has true: expected a number", one(data=[1.0, True])),
    (400, 'has the string "1": expected a number', one(data=["1", 2])),
    (400, "has no data", one(data=None)),
    (400, "has no data", one(data=3)),
    (400, "lists of one number", one(data=[[1.0], 2.0])),
    (400, "lists of one number", one(data=[[1.0], [2.0, 3.0]])),
    (400, "shared_memory_region", one(parameters={"shared_memory_region": "r"})),
    (400, "has both data and binary_data_size", one(parameters={"binary_data_size": 16})),
    (400, "16 bytes, and 0 bytes follow", one(data=None, parameters={"binary_data_size": 16})),
    (400, "have 16 bytes", one(data=None, parameters={"binary_data_size": 8})),
    (400, "have 16 bytes", one(data=None, parameters={"binary_data_size": -16})),
    (400, "have 16 bytes", one(data=None, parameters={"binary_data_size": "16"})),
    (400, 'the input "x" is there twice', {"inputs": [*one()["inputs"], *one()["inputs"]]}),
    (400, "has 1 rows, and", {"inputs": [*one()["inputs"],
                                                                given_as_json("grad/w1", [1.0])]}),
    (400, "no inputs", {"inputs": []}),
    (400, "JSON of the request is wrong", {}),
    (400, "JSON of the request is wrong", []),
    (400, "JSON of the request is wrong", {"inputs": {}}),
    (400, "JSON of the request is wrong", {"inputs": [{}]}),
    (400, 'the output "p" is there twice', {**one(), "outputs": [{"name": "p"}] * 2}),
    (400, "classification", {**one(), "outputs": [{"name": "p",
                                                    "parameters": {"classification": 1}}]}),
    (400, "sequence_id", {**one(), "parameters": {"sequence_id": 1}}),
    (400, "true or false", {**one(), "parameters": {"binary_data_output": 1}}),
    (400, "no math library 'libx'", {**one(), "parameters": {"math": "libx"}}),
    (400, "the name of a library", {**one(), "parameters": {"math": 1}}),
    (422, '"y" is not a node of this graph', {"inputs": [given_as_json("y", [1.0])]}),
    (422, "can't set", {"inputs": [given_as_json("p", [1.0])]}),
    (422, "can't start at", {"inputs": [*one()["inputs"], given_as_json("seed:x", [1.0])]}),
    (422, "is not an output", {**one(), "outputs": [{"name": "x"}]}),
    (422, "is not a node", {**one(), "outputs": [{"name": "grad:y"}]}),
    (422, "has no gradient of", {**one(), "outputs": [{"name": "grad:p"}]}),
    (422, 'for example "seed:p"', {**one(), "outputs": [{"name": "grad:x"}]}),
    (422, "not finite", {"inputs": [*one()["inputs"], given_as_json("seed:p", ["inf", 1.0])],
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
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
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
