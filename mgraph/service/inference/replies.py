"""Replies to requests for inference: JSON, with tensors in it or behind it as bytes."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from mgraph.codec import spelled
from mgraph.service.encoding import as_json_bytes
from mgraph.service.inference.messages import OUTPUT_TYPE
from mgraph.service.inference.models import GRADIENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from mgraph.service.inference.models import PreparedComputation

_CHUNK: Final = 4096
"""Numbers that are written at once; between them, other threads get their turn."""

_QUICK: Final = 1
"""The level of compression: doubles hardly shrink more with others."""

_SMALLEST: Final = 512
"""A reply of fewer bytes is not compressed."""

_WINDOWS: Final = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class Form(NamedTuple):
    """What a reply says besides the numbers.

    Attributes:
        name: What the client calls the model.
        version: The version of the model.
        id: What the client calls the request; may be empty.
        outputs: Whether each output is sent as bytes, by its name.
        encodings: The content encodings that the client accepts.
    """

    name: str
    version: str
    id: str
    outputs: Mapping[str, bool]
    encodings: tuple[str, ...]


class EncodedReply(NamedTuple):
    """The body of a reply.

    Attributes:
        body: The body.
        header_size: How many bytes of it are JSON, before compression; None if all are.
        encoding: Its content encoding; empty for none.
    """

    body: bytes
    header_size: int | None
    encoding: str


def answered(
    prepared: PreparedComputation, tensors: Mapping[str, NDArray[Any]], rows: int, form: Form
) -> EncodedReply:
    """Run over rows, and return the body of the reply.

    Raises:
        GraphError: `seed` if a seed is not finite.
    """
    batch = prepared(tensors, rows)
    results = {
        name: batch.grad[name.removeprefix(GRADIENT)]
        if name.startswith(GRADIENT)
        else batch.outputs[name]
        for name in form.outputs
    }
    head = _head(results, form)
    binary = [
        results[name].astype("<f8", copy=False) for name, is_b in form.outputs.items() if is_b
    ]
    size = len(head) if binary else None
    body = b"".join((head, *binary))  # type: ignore[arg-type] # arrays are buffers
    encoding = _encoding(form.encodings, len(body), is_binary=bool(binary))
    return EncodedReply(_compressed(body, encoding) if encoding else body, size, encoding)


def _head(results: Mapping[str, NDArray[np.float64]], form: Form) -> bytes:
    outputs = [
        _described(name, results[name], is_binary=is_binary)
        for name, is_binary in form.outputs.items()
    ]
    named = {"id": form.id} if form.id else {}
    members = {"model_name": form.name, "model_version": form.version, **named, "outputs": outputs}
    return as_json_bytes(members)


def _described(name: str, values: NDArray[np.float64], *, is_binary: bool) -> dict[str, Any]:
    described = {"name": name, "datatype": OUTPUT_TYPE, "shape": [len(values)]}
    if is_binary:
        return {**described, "parameters": {"binary_data_size": values.nbytes}}
    return {**described, "data": msgspec.Raw(b"[" + b",".join(_written(values)) + b"]")}


def _written(values: NDArray[np.float64]) -> Iterator[bytes]:
    """Yield numbers as JSON, some at a time; NaN and infinities as strings, as in graph files."""
    for at in range(0, len(values), _CHUNK):
        chunk = values[at : at + _CHUNK]
        numbers = chunk.tolist()
        if not np.isfinite(chunk).all():
            numbers = [*map(spelled, numbers)]
        yield as_json_bytes(numbers)[1:-1]


def _encoding(accepted: tuple[str, ...], size: int, *, is_binary: bool) -> str:
    """Return how a reply is compressed; empty for not at all.

    Doubles shrink little, so a reply with bytes is compressed only for a client that accepts just
    one encoding: it asks for that, where others only list all that they can decode.
    """
    known = [name for name in accepted if name in _WINDOWS]
    if not known or size < _SMALLEST or (is_binary and len(accepted) > 1):
        return ""
    return known[0]


def _compressed(data: bytes, encoding: str) -> bytes:
    stream = zlib.compressobj(_QUICK, wbits=_WINDOWS[encoding])
    return stream.compress(data) + stream.flush()
