"""Pydantic models of a graph file; schemas/ is generated from them.

The models are used only when something is wrong: a quick pass recognises clean documents. `shape`
translates pydantic's errors into this project's codes and messages.
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
from mgraph.errors import quoted
from mgraph.format import FORMAT_VERSION, VERSIONS
from mgraph.format.fields import NEWER_RUN_FIELDS
from mgraph.format.fixes import A_NUMBER
from mgraph.format.ids import ID, IN_WORDS
from mgraph.format.versions import parsed, spelled
from mgraph.graph.run import EXACT_MATH
from mgraph.ops import NAMES, OPS, TABLE

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
        raise PydanticCustomError("number", A_NUMBER)
    return value


def _seed(value: object) -> object:
    if (isinstance(value, str) and value in SPECIAL) or (_is_number(value) and _too_big(value)):
        raise PydanticCustomError("seed", "a finite number")
    if not _is_number(value):
        raise PydanticCustomError("number", "a finite number")
    return value


def _math(value: object) -> object:
    if value != EXACT_MATH:
        raise PydanticCustomError("math", "the string {math}", {"math": quoted(EXACT_MATH)})
    return value


def _not_negative(value: Any) -> object:  # noqa: ANN401 - any plain data
    if not _is_number(value) or _too_big(value) or value < 0:
        raise PydanticCustomError("number", "a finite number, 0 or more")
    return value


def _short(name: Literal["text", "doc"]) -> Callable[[str, ValidationInfo], str]:
    def check(value: str, info: ValidationInfo) -> str:
        limit = getattr(_reading(info).limits, name)
        if len(value) > limit or len(value.encode()) > limit:
            message = f"a text of {len(value.encode()):,} bytes"
            raise _over_limit(name, message, limit)
        return value

    return check


def _few(value: object, info: ValidationInfo) -> object:
    limit = _reading(info).limits.args
    if isinstance(value, list) and len(value) > limit:
        raise _over_limit("args", f"{len(value):,} args", limit)
    return value


def _over_limit(name: str, message: str, limit: int) -> PydanticCustomError:
    context = {"name": name, "message": message, "limit": limit}  # arguments of `over_limit`
    return PydanticCustomError("limit", "over the limit", context)


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
Math = Annotated[Literal["exact"], PlainValidator(_math, json_schema_input_type=Literal["exact"])]
OpName = Annotated[str, WithJsonSchema({"type": "string", "enum": list(NAMES)})]
Args = Annotated[
    list[str],
    BeforeValidator(_few),
    WithJsonSchema({
        "type": "array",
        "items": {"type": "string", "description": "The id of a node."},
        "maxItems": LIMITS.args,
    }),
]  # fmt: skip
_OPS: Final = ", ".join(
    op.name if op.formula == f"{op.name} x" else f"{op.name} ({op.formula})" for op in TABLE
)
Values = dict[
    str, Annotated[Number, Field(description='A number, or one of "nan", "inf" and "-inf".')]
]


# --- a document ------------------------------------------------------------------------------


class NodeModel(TypedDict, total=False):
    """A leaf (input, param, const) or an op with its arguments."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    id: Required[
        Annotated[
            Id,
            Field(
                description=(
                    f"The name of the node, unique in the file: {IN_WORDS}. "
                    "Dots and slashes group nodes: layer1.neuron3.w2."
                )
            ),
        ]
    ]
    op: Required[
        Annotated[
            OpName,
            Field(
                description=(
                    "A leaf: input (each run can set it), param (trainable) or const (gets no "
                    f"gradient). Or what the node computes of its args: {_OPS}."
                )
            ),
        ]
    ]
    args: Annotated[
        Args,
        Field(description="The ids of the arguments, in order, with repeats. Leaves have none."),
    ]
    data: Annotated[
        Number,
        Field(
            description=(
                "The declared value of a leaf: required for param and const, the default of an "
                'input. An op has none. NaN and the infinities are the strings "nan", "inf" and '
                '"-inf".'
            )
        ),
    ]
    label: Annotated[
        Text, Field(description="How to display the node, in any script, for example x₁.")
    ]
    doc: Annotated[Doc, Field(description="A text about the node.")]
    meta: Annotated[Any, Field(description="Anything of your own, as JSON. It is kept.")]


class ToleranceModel(TypedDict, total=False):
    """How far a result may be from the expected number: max(abs, rel·|expected|).

    Without a tolerance, rel is 1e-9 and abs is 1e-12.
    """

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    rel: Annotated[
        NotNegative, Field(description="Relative to the expected number; 0 if left out.")
    ]
    abs: Annotated[NotNegative, Field(description="In units of the number; 0 if left out.")]


class RunModel(TypedDict, total=False):
    """A run of the graph: its inputs, and recorded or expected results."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    inputs: Annotated[
        Values,
        Field(description="Values for this run, by id of an input or param. Others keep theirs."),
    ]
    seed: Annotated[
        dict[str, Annotated[Seed, Field(description="A finite number.")]],
        Field(
            description=(
                "The gradients that outputs start with, by id. Left out, the only output starts "
                "with 1.0; a graph with several outputs needs a seed."
            )
        ),
    ]
    math: Annotated[
        Math,
        Field(
            description=(
                "How the numbers were computed, and are computed again. exact: each operation is "
                "rounded correctly, so that they have one right answer, bit for bit. Left out, "
                "exp, tanh and so on are those of the machine's math library."
            )
        ),
    ]
    tolerance: Annotated[
        ToleranceModel,
        Field(
            description=(
                "How far results may be from the numbers of this run: max(abs, rel·|expected|). "
                "Left out, rel is 1e-9 and abs is 1e-12."
            )
        ),
    ]
    origin: Annotated[
        Text,
        Field(
            description=(
                "Where the numbers come from. It begins with mgraph and a space if mgraph "
                "recorded them: then they show changes, not correctness."
            )
        ),
    ]
    graph: Annotated[
        str, Field(description="The hash of the graph with its declared values: mgraph1-sha256:…")
    ]
    data: Annotated[
        Values, Field(description="The values of nodes, by id: what was computed, or must be.")
    ]
    grad: Annotated[
        Values,
        Field(
            description=(
                "The gradients of nodes, by id. If data names every node, a node that is missing "
                "here must have no gradient: no path leads from it to a seeded output."
            )
        ),
    ]


_Nodes = Annotated[list[NodeModel], Field(min_length=1, max_length=LIMITS.nodes)]
_DOCUMENT: Final = {
    "mgraph": Required[
        Annotated[
            Literal[tuple(map(spelled, VERSIONS))],
            Field(description="The lowest version of the file format that has all that is used."),
        ]
    ],
    "$schema": Annotated[Text, Field(description="The address of this schema, for editors.")],
    "name": Annotated[Text, Field(description="What the graph is called.")],
    "doc": Annotated[Doc, Field(description="What the graph is about.")],
    "meta": Annotated[
        Any,
        Field(description="Anything of your own, as JSON. It is kept, and not part of the hash."),
    ],
    "nodes": Required[
        Annotated[_Nodes, Field(description="The nodes. A node may come before its arguments.")]
    ],
    "outputs": Required[
        Annotated[
            list[Annotated[str, Field(description="The id of a node.")]],
            Field(min_length=1),
            Field(
                description="The ids of the outputs, in order, each once. They are differentiated."
            ),
        ]
    ],
    "runs": Annotated[
        list[RunModel],
        Field(max_length=LIMITS.runs),
        Field(description="Runs of the graph, with recorded or expected results for tests."),
    ],
}
Document = TypedDict("Document", _DOCUMENT, total=False)  # type: ignore[misc]
Document.__doc__ = "A graph file: a graph of scalar operations, and what running it gives."
Document.__pydantic_config__ = _STRICT  # type: ignore[attr-defined]


for _model, _name in ((NodeModel, "Node"), (RunModel, "Run"), (ToleranceModel, "Tolerance")):
    _model.__name__ = _model.__qualname__ = _name  # what the JSON Schema calls it


# --- a packed document -----------------------------------------------------------------------


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
        raise _over_limit("nodes", f"{value:,} nodes", limit)
    return value


class PackedNodes(TypedDict, total=False):
    """The nodes of a packed file, as columns."""

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
    """A run of a packed file, with its results as columns."""

    __pydantic_config__ = _STRICT  # type: ignore[misc]

    inputs: Values
    seed: dict[str, Seed]
    math: Math
    tolerance: ToleranceModel
    origin: Text
    graph: str
    data: _sparse("Primals", bytes)  # type: ignore[valid-type]
    grad: _sparse("Adjoints", bytes)  # type: ignore[valid-type]


@cache
def adapter(model: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - a type form
    """Return the validator of a model, which is built once."""
    return TypeAdapter(model)


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of all files that this mgraph reads (draft 2020-12)."""
    schema = adapter(Document).json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"mgraph-{FORMAT_VERSION}.schema.json",
        **schema,
        "title": f"mgraph {FORMAT_VERSION}",
        "allOf": [*map(_content_of, VERSIONS[:-1])],
    }


def _content_of(version: tuple[int, int]) -> dict[str, Any]:
    """Return the rule that a file of an older version has no newer ops and no newer fields."""
    names = [name for name in NAMES if name not in OPS or parsed(OPS[name].since) <= version]
    node = {"properties": {"op": {"enum": names}}}
    newer = [name for name, since in NEWER_RUN_FIELDS.items() if parsed(since) > version]
    run: Any = {
        "properties": {name: {"not": {}} for name in newer}
    }  # marks the field, unlike `false`
    return {
        "if": {"properties": {"mgraph": {"const": spelled(version)}}},
        "then": {"properties": {"nodes": {"items": node}, "runs": {"items": run}}},
    }
