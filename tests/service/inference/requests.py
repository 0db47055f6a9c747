"""Requests for inference, and graphs to answer them."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

import mgraph as library
from tests.command_line import NEURON

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from tests.service.serving import Answered, Serving


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
X = np.linspace(-3.0, 3.0, 1000)


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


def one(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return a request with one input, of two rows, after changes to it."""
    return {"inputs": [given_as_json("x", [1.0, 2.0], **changes)]}
