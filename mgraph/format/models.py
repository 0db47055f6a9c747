"""Pydantic models of a graph file; schemas/ is generated from them.

The models speak only when something is wrong: a quick pass finds clean documents clean. What
pydantic finds is said in this project's codes and words, by one table.
"""

from __future__ import annotations

import math
from collections.abc import Callable  # noqa: TC003 - pydantic reads annotations
from functools import cache
from typing import Annotated, Any, Final, Literal, Required

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StrictStr,
    TypeAdapter,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from mgraph.codec import LIMITS, SPECIAL, Reading
from mgraph.format import FORMAT_VERSION
from mgraph.format.ids import ID
from mgraph.ops import NAMES

_STRICT: Final = ConfigDict(extra="forbid", strict=True)


# --- values ----------------------------------------------------------------------------------


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _too_big(value: Any) -> bool:  # noqa: ANN401 - a number
    try:
        return not math.isfinite(value)
    except OverflowError:
        return True


def _reading(info: ValidationInfo) -> Reading:
    return info.context if isinstance(info.context, Reading) else Reading()


def _number(value: object, info: ValidationInfo) -> object:
    if isinstance(value, str) and value in SPECIAL:
        return value
    if isinstance(value, float) and _reading(info).is_binary:
        return value
    if not _is_number(value) or _too_big(value):
        raise PydanticCustomError("number", "a number")
    return value


def _seed(value: object) -> object:
    if (isinstance(value, str) and value in SPECIAL) or (_is_number(value) and _too_big(value)):
        raise PydanticCustomError("seed", "a finite number")
    if not _is_number(value):
        raise PydanticCustomError("number", "a finite number")
    return value


def _not_negative(value: Any) -> object:  # noqa: ANN401 - any plain data
    if not _is_number(value) or _too_big(value) or value < 0:
        raise PydanticCustomError("number", "a finite number from 0")
    return value


def _short(name: Literal["text", "doc"]) -> Callable[[str, ValidationInfo], str]:
    def check(value: str, info: ValidationInfo) -> str:
        limit = getattr(_reading(info).limits, name)
        if len(value) > limit or len(value.encode()) > limit:
            found = f"a text of {len(value.encode()):,} bytes"
            raise _over(name, found, limit)
        return value

    return check


def _few(value: object, info: ValidationInfo) -> object:
    limit = _reading(info).limits.args
    if isinstance(value, list) and len(value) > limit:
        raise _over("args", f"{len(value):,} args", limit)
    return value


def _over(name: str, found: str, limit: int) -> PydanticCustomError:
    return PydanticCustomError("limit", "over", {"name": name, "found": found, "limit": limit})


Number = Annotated[
    float,
    PlainValidator(_number, json_schema_input_type=float | Literal["nan", "inf", "-inf"]),
]
Seed = Annotated[float, PlainValidator(_seed, json_schema_input_type=float)]
NotNegative = Annotated[
    float,
    PlainValidator(_not_negative, json_schema_input_type=Annotated[float, Field(ge=0)]),
]
Text = Annotated[
    StrictStr,
    AfterValidator(_short("text")),
    WithJsonSchema({"type": "string", "maxLength": LIMITS.text}),
]
Doc = Annotated[
    StrictStr,
    AfterValidator(_short("doc")),
    WithJsonSchema({"type": "string", "maxLength": LIMITS.doc}),
]
Id = Annotated[StrictStr, Field(pattern=f"^{ID}$")]
OpName = Annotated[str, WithJsonSchema({"type": "string", "enum": list(NAMES)})]
Args = Annotated[
    list[str],
    BeforeValidator(_few),
    WithJsonSchema({
        "type": "array", "items": {"type": "string"}, "maxItems": LIMITS.args,
    }),
]  # fmt: skip
Values = dict[str, Number]


# --- a document ------------------------------------------------------------------------------


class NodeModel(TypedDict, total=False):
    """A leaf (input, param, const) or an op with its arguments."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    id: Required[Id]
    op: Required[OpName]
    args: Args
    data: Number
    label: Text
    doc: Doc
    meta: Any


class ToleranceModel(TypedDict, total=False):
    """How far a result may be from the expectation."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    rel: NotNegative
    abs: NotNegative


class RunModel(TypedDict, total=False):
    """What happened, or must happen, when the graph is run."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    inputs: Values
    seed: dict[str, Seed]
    tolerance: ToleranceModel
    origin: Text
    graph: str
    data: Values
    grad: Values


_DOCUMENT: Final = {
    "mgraph": Required[Literal[FORMAT_VERSION]],
    "$schema": Text,
    "name": Text,
    "doc": Doc,
    "meta": Any,
    "nodes": Required[Annotated[list[NodeModel], Field(min_length=1, max_length=LIMITS.nodes)]],
    "outputs": Required[Annotated[list[str], Field(min_length=1)]],
    "runs": Annotated[list[RunModel], Field(max_length=LIMITS.runs)],
}
Document = TypedDict("Document", _DOCUMENT, total=False)  # type: ignore[misc]
Document.__doc__ = "A graph file: a graph of scalar operations, and what running it gave."
Document.__pydantic_config__ = _STRICT  # type: ignore[attr-defined]


for _model, _name in ((NodeModel, "Node"), (RunModel, "Run"), (ToleranceModel, "Tolerance")):
    _model.__name__ = _model.__qualname__ = _name  # what the JSON Schema calls it


# --- the same, packed in msgpack -------------------------------------------------------------


def _sparse(name: str, value: Any) -> Any:  # noqa: ANN401 - a type form
    fields = {"at": bytes, "value": value}
    sparse = TypedDict(name, fields, total=False)  # type: ignore[misc]
    sparse.__pydantic_config__ = _STRICT  # type: ignore[attr-defined]
    return sparse


def _count(value: object, info: ValidationInfo) -> object:
    if isinstance(value, bool) or not isinstance(value, int):
        raise PydanticCustomError("type", "an integer")
    limit = _reading(info).limits.nodes
    if value < 0:
        raise PydanticCustomError("packed", "a number of nodes")
    if value > limit:
        raise _over("nodes", f"{value:,} nodes", limit)
    return value


class PackedNodes(TypedDict, total=False):
    """The nodes as columns."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    count: Required[Annotated[int, PlainValidator(_count)]]
    ops: list[str]
    op: bytes
    arity: bytes
    args: bytes
    data: bytes
    has_data: bytes
    id: _sparse("Ids", list[Id])  # type: ignore[valid-type]
    label: _sparse("Labels", list[Text])  # type: ignore[valid-type]
    doc: _sparse("Docs", list[Doc])  # type: ignore[valid-type]
    meta: _sparse("Metas", list[Any])  # type: ignore[valid-type]


class PackedRun(TypedDict, total=False):
    """A run whose results are columns."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    inputs: Values
    seed: dict[str, Seed]
    tolerance: ToleranceModel
    origin: Text
    graph: str
    data: _sparse("Primals", bytes)  # type: ignore[valid-type]
    grad: _sparse("Adjoints", bytes)  # type: ignore[valid-type]


@cache
def adapter(model: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - a type form
    """Build the validator of a model, once."""
    return TypeAdapter(model)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of format 1.0 (draft 2020-12)."""
    schema = adapter(Document).json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"mgraph-{FORMAT_VERSION}.schema.json",
        **schema,
        "title": f"mgraph {FORMAT_VERSION}",
    }
