"""Requests for inference: JSON, with tensors in it or behind it as bytes, as arrays of numbers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import msgspec
import numpy as np

from mgraph.codec import SPECIAL
from mgraph.errors import printable, quoted, some
from mgraph.format.fields import shown
from mgraph.format.numbers import doubles
from mgraph.service.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

OUTPUT_TYPE: Final = "FP64"
"""The data type of all outputs."""

TYPES: Final = {
    "FP64": "<f8", "FP32": "<f4", "FP16": "<f2", "INT32": "<i4", "INT16": "<i2", "INT8": "|i1",
    "UINT32": "<u4", "UINT16": "<u2", "UINT8": "|u1",
}  # fmt: skip
"""The data types of inputs, all of whose numbers are doubles, as NumPy spells them."""

_OTHERS: Final = ("BOOL", "BYTES", "BF16", "INT64", "UINT64")
"""The data types that are refused by name: not all of their values are doubles, or numbers."""

_UNSUPPORTED: Final = (
    "shared_memory_region", "shared_memory_offset", "shared_memory_byte_size", "classification",
    "sequence_id", "sequence_start", "sequence_end",
)  # fmt: skip
"""Parameters of other servers that would change what the answer means; the rest is ignored."""

_MATRIX: Final = 2
_MOST_DIGITS: Final = 640
_MINUS_ZERO: Final = re.compile(rb"[\[,:\s]-0(?![0-9.eE])")
"""The literal -0, of which the decoder would make +0."""


class _Given(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] = {}
    data: Any = None


class _Wanted(msgspec.Struct):
    name: str
    parameters: dict[str, Any] = {}


class _Request(msgspec.Struct):
    inputs: list[_Given]
    id: str = ""
    parameters: dict[str, Any] = {}
    outputs: list[_Wanted] | None = None


_DECODER: Final = msgspec.json.Decoder(_Request)


class BytesTensor(NamedTuple):
    """A tensor whose numbers are behind the JSON.

    Attributes:
        kind: The type of its numbers, as NumPy spells it.
        rows: How many there are.
    """

    kind: str
    rows: int


class Inference(NamedTuple):
    """What a client asks for.

    Attributes:
        id: What the client calls the request; may be empty.
        inputs: The numbers of each tensor, any type[N], by its name.
        outputs: For each output that is wanted, whether it is sent as bytes, by its name; None for
            all outputs of the graph.
        is_binary: Whether outputs that say nothing else are sent as bytes.
        math: The math library.
    """

    id: str
    inputs: Mapping[str, NDArray[Any] | BytesTensor]
    outputs: Mapping[str, bool] | None
    is_binary: bool
    math: str

    def with_bytes(self, data: bytes, at: int) -> dict[str, NDArray[Any]]:
        """Return all inputs; those that are bytes are views of the body.

        Args:
            data: The body.
            at: Where the JSON ends.

        Raises:
            Problem: 400 if there are not as many bytes as the inputs say.
        """
        sizes = {
            name: np.dtype(tensor.kind).itemsize * tensor.rows
            for name, tensor in self.inputs.items()
            if isinstance(tensor, BytesTensor)
        }
        if len(data) - at != sum(sizes.values()):
            stated = f"the binary inputs have {sum(sizes.values()):,} bytes"
            raise Problem(400, f"{stated}, and {len(data) - at:,} bytes follow the JSON")
        arrays: dict[str, NDArray[Any]] = {}
        for name, tensor in self.inputs.items():
            if isinstance(tensor, BytesTensor):
                arrays[name] = np.frombuffer(data, tensor.kind, tensor.rows, at)
                at += sizes[name]
            else:
                arrays[name] = tensor
        return arrays


def header_size(stated: str, size: int) -> int:
    """Return how many bytes of a body are JSON.

    Args:
        stated: The header Inference-Header-Content-Length; empty if there is none.
        size: The number of bytes of the body.

    Raises:
        Problem: 400 if that can't be.
    """
    if not stated:
        return size
    if not (stated.isascii() and stated.isdigit()) or len(stated) > 18 or int(stated) > size:  # noqa: PLR2004 - digits
        header = f"Inference-Header-Content-Length is {quoted(stated)}"
        raise Problem(400, f"{header}: it is the size of the JSON, of {size:,} bytes at most")
    return int(stated)


def read(data: bytes) -> Inference:
    """Read the JSON of a request.

    Raises:
        Problem: 400 for what is wrong with it.
    """
    request = _decoded(data)
    _check_supported(request.parameters, "the request")
    inputs = {given.name: _tensor(given) for given in request.inputs}
    if len(inputs) < len(request.inputs):
        _refuse_twice([given.name for given in request.inputs], "input")
    is_binary = _flag(request.parameters, "binary_data_output", default=False)
    outputs = _outputs(request.outputs, is_binary=is_binary) if request.outputs else None
    math = request.parameters.get("math", "libm")
    if not isinstance(math, str):
        raise Problem(400, f"the parameter math is {shown(math)}: it is the name of a library")
    return Inference(request.id, inputs, outputs, is_binary, math)


def _decoded(data: bytes) -> _Request:
    """Decode JSON; what the quick decoder refuses is tried with Python's, which accepts NaN."""
    if not _MINUS_ZERO.search(data):
        try:
            return _DECODER.decode(data)
        except (ValueError, RecursionError):
            pass
    try:
        plain = json.loads(data.decode(), parse_int=_integer, parse_float=_float)
        request = msgspec.convert(plain, _Request)
        request.id.encode()  # it is sent back, and half of a surrogate pair can't be
    except RecursionError:
        raise Problem(400, "the JSON is nested too deeply") from None
    except ValueError as error:  # of the encoding, of JSON, or of what the request is made of
        raise Problem(400, f"the JSON of the request is wrong: {printable(str(error))}") from None
    return request


def _integer(text: str) -> float:
    return -0.0 if text == "-0" else int(text[:_MOST_DIGITS])


def _float(text: str) -> float:
    value = float(text)
    if value - value != 0.0:
        message = f"{text[:40]} is too large for a double"
        raise ValueError(message)
    return value


def _check_supported(parameters: Mapping[str, Any], what: str) -> None:
    for name in _UNSUPPORTED:
        if name in parameters:
            raise Problem(400, f"{what} has the parameter {name}, which is not supported here")


def _flag(parameters: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = parameters.get(name, default)
    if not isinstance(value, bool):
        raise Problem(400, f"the parameter {name} is {shown(value)}: it is true or false")
    return value


def _outputs(wanted: Sequence[_Wanted], *, is_binary: bool) -> dict[str, bool]:
    for output in wanted:
        _check_supported(output.parameters, f"the output {quoted(output.name)}")
    outputs = {
        output.name: _flag(output.parameters, "binary_data", default=is_binary) for output in wanted
    }
    if len(outputs) < len(wanted):
        _refuse_twice([output.name for output in wanted], "output")
    return outputs


def _refuse_twice(names: Sequence[str], what: str) -> NoReturn:
    counted: dict[str, int] = {}
    for name in names:
        counted[name] = counted.get(name, 0) + 1
    twice = next(name for name, count in counted.items() if count > 1)
    raise Problem(400, f"the {what} {quoted(twice)} is there twice")


# --- tensors ---


def _tensor(given: _Given) -> NDArray[Any] | BytesTensor:
    """Return the numbers of a tensor, or where they are.

    Raises:
        Problem: 400 for what is wrong with it.
    """
    what = f"the input {quoted(given.name)}"
    kind = TYPES.get(given.datatype)
    if kind is None:
        raise Problem(400, f"{what} is {_other_type(given.datatype)}; send {OUTPUT_TYPE}")
    rows = _rows(given.shape, what)
    _check_supported(given.parameters, what)
    size = given.parameters.get("binary_data_size")
    if size is None:
        return _numbers(given.data, kind, rows, what)
    if given.data is not None:
        raise Problem(400, f"{what} has both data and binary_data_size: it has one of them")
    expected = np.dtype(kind).itemsize * rows
    if type(size) is not int or size != expected:
        numbers = f"{rows:,} numbers of {given.datatype} have {expected:,} bytes"
        raise Problem(400, f"{what} has the binary_data_size {shown(size)}, but {numbers}")
    return BytesTensor(kind, rows)


def _other_type(datatype: str) -> str:
    if datatype in ("INT64", "UINT64"):
        return f"{datatype}, which has integers that no double holds"
    if datatype in _OTHERS:
        return f"{datatype}, which is not supported"
    return f"{quoted(datatype)}, which is not a data type of the protocol"


def _rows(shape: Sequence[int], what: str) -> int:
    """Return N for the shapes [N] and [N, 1].

    Raises:
        Problem: 400 for others.
    """
    is_column = len(shape) == 1 or (len(shape) == _MATRIX and shape[1] == 1)
    if not is_column or not 0 < shape[0] < 2**63:
        listed = some(map(shown, shape))
        raise Problem(
            400,
            f"{what} has the shape [{listed}]; expected [N] or [N,1] for N rows",
        )
    return shape[0]


def _numbers(data: object, kind: str, rows: int, what: str) -> NDArray[Any]:
    """Return the numbers of a JSON array.

    Raises:
        Problem: 400 if they are not as many numbers of this kind as there are rows.
    """
    values = _flat(data, what)
    if len(values) != rows:
        raise Problem(400, f"{what} has {rows:,} rows by its shape, but {len(values):,} numbers")
    numbers = doubles(values, bare=True)
    if numbers is None:
        wrong = next(value for value in values if doubles((value,), bare=True) is None)
        null = ", into which some clients turn NaN and infinities" if wrong is None else ""
        expected = "a number or one of " + ", ".join(f'"{name}"' for name in SPECIAL)
        raise Problem(400, f"{what} has {shown(wrong)}{null}: expected {expected}")
    return _cast(np.frombuffer(numbers, np.float64), kind, what)


def _flat(data: object, what: str) -> list[Any]:
    """Return the items of [x, y] or [[x], [y]]."""
    if not isinstance(data, list):
        raise Problem(400, f"{what} has no data: it needs a list, or binary_data_size")
    if not data or not isinstance(data[0], list):
        return data
    if any(not isinstance(row, list) or len(row) != 1 for row in data):
        raise Problem(400, f"{what} has rows that are not lists of one number each")
    return [row[0] for row in data]


def _cast(values: NDArray[np.float64], kind: str, what: str) -> NDArray[Any]:
    """Return doubles as another type; a float is rounded, as all that write it as a double do.

    Raises:
        Problem: 400 if one is not of this type.
    """
    if kind == TYPES[OUTPUT_TYPE]:
        return values
    with np.errstate(all="ignore"):
        cast = values.astype(kind)
        wrong = cast != values if cast.dtype.kind != "f" else np.isinf(cast) & np.isfinite(values)
    if wrong.any():
        value = float(values[wrong.argmax()])
        name = next(name for name, spelled in TYPES.items() if spelled == kind)
        raise Problem(400, f"{what} has {value!r}, which {name} can't hold")
    return cast
