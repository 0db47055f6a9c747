"""The description of the API in OpenAPI 3.1, which `GET /openapi.json` returns."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Any, Final

from mgraph import __version__
from mgraph.document import MATHS
from mgraph.graph.run import EXACT_MATH, LIBM
from mgraph.service.encoding import as_json_bytes
from mgraph.service.store.ids import NAME_FORM

_JSON: Final = "application/json"
_MSGPACK: Final = "application/vnd.msgpack"
_ARROW: Final = "application/vnd.apache.arrow.stream"
_BYTES: Final = "application/octet-stream"
_ANYWHERE: Final = (400, 401, 403, 408, 429, 503, 504)
"""The refusals that every path may answer with: by host, token, rate or time."""

_HEX: Final = "[0-9a-f]{64}"
_HTML: Final = ("text/html; charset=utf-8",)
_ID: Final = {"type": "string", "pattern": f"^sha256:{_HEX}$"}
_HASH: Final = {"type": "string", "pattern": f"^mgraph1-sha256:{_HEX}$"}
_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_NUMBER: Final = {"anyOf": [{"type": "number"}, {"enum": ["nan", "inf", "-inf"]}]}
_NUMBERS: Final = {"type": "object", "additionalProperties": _NUMBER}


def _object(required: str = "", *, closed: bool = False, **properties: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    members = {"type": "object", "properties": properties, "required": required.split()}
    return members | ({"additionalProperties": False} if closed else {})


_DIAGNOSTIC: Final = _object(
    "code severity pointer message", code=_TEXT, severity={"enum": ["error", "warning"]},
    pointer=_TEXT, file=_TEXT, line=_COUNT, column=_COUNT, offset=_COUNT, message=_TEXT,
    expected=_TEXT, fix=_TEXT,
)  # fmt: skip
_DIAGNOSTICS: Final = {"type": "array", "items": {"$ref": "#/components/schemas/Diagnostic"}}
_CHECKED: Final[dict[str, Any]] = {
    "ok": {"type": "boolean"}, "version": {"type": ["string", "null"]},
    "nodes": {"type": ["integer", "null"]}, "runs": {"type": ["integer", "null"]},
    "hash": {"type": ["string", "null"]}, "diagnostics": _DIAGNOSTICS, "more": _COUNT,
}  # fmt: skip

_PARAMETERS: Final = {"type": "object"}
_TENSOR: Final = _object(
    "name shape datatype", name=_TEXT, shape={"type": "array", "items": {"type": "integer"}},
    datatype={"enum": ["FP64", "FP32", "FP16", "INT32", "INT16", "INT8", "UINT32", "UINT16",
                       "UINT8"]},
    parameters=_PARAMETERS, data={"type": "array", "description": "numbers, row by row"},
)  # fmt: skip
_TENSORS: Final = {"type": "array", "items": _TENSOR}

SCHEMAS: Final[dict[str, Any]] = {
    "Diagnostic": _DIAGNOSTIC,
    "Problem": _object(
        "title status detail request", title=_TEXT, status=_COUNT, detail=_TEXT, request=_TEXT,
        diagnostics=_DIAGNOSTICS, more=_COUNT,
    ),
    "Checked": _object("ok diagnostics more", **_CHECKED),
    "Stored": _object("id hash nodes", id=_ID, **_CHECKED | {"hash": _HASH}),
    "Graph": {"type": "object", "description": "A graph file; schemas/ of mgraph has its schema."},
    "RunRequest": _object(
        closed=True, inputs=_NUMBERS, seed=_NUMBERS, grad={"type": "boolean", "default": True},
        math={"enum": [*MATHS], "default": LIBM},
    ),
    "Run": _object(
        "origin graph data", inputs=_NUMBERS, seed=_NUMBERS, math={"const": EXACT_MATH},
        origin=_TEXT, graph=_HASH, data=_NUMBERS, grad=_NUMBERS,
    ),
    "NameRequest": _object("id", closed=True, id=_ID),
    "Name": _object("name id revision updated", name=_TEXT, id=_ID, revision=_TEXT, updated=_TEXT),
    "Names": _object(
        "names damaged next prefix", damaged={"type": "array", "items": _TEXT},
        next={"type": ["string", "null"]},
        prefix={"anyOf": [{"$ref": "#/components/schemas/Name"}, {"type": "null"}]},
        names={"type": "array", "items": {"$ref": "#/components/schemas/Name"}},
    ),
    "Page": _TEXT,
    "Any": {},
    "Health": _object("live ready", live={"type": "boolean"}, ready={"type": "boolean"}),
    "ModelReady": _object("name ready", name=_TEXT, ready={"type": "boolean"}),
    "Server": _object(
        "name version extensions", name=_TEXT, version=_TEXT,
        extensions={"type": "array", "items": _TEXT},
    ),
    "Model": _object(
        "name versions platform inputs outputs", name=_TEXT, platform=_TEXT,
        versions={"type": "array", "items": _ID}, inputs=_TENSORS, outputs=_TENSORS,
    ),
    "InferRequest": _object(
        "inputs", id=_TEXT, parameters=_PARAMETERS,
        inputs={"type": "array", "items": _TENSOR, "minItems": 1},
        outputs={"type": "array", "items": _object("name", name=_TEXT, parameters=_PARAMETERS)},
    ),
    "InferReply": _object(
        "model_name model_version outputs", model_name=_TEXT, model_version=_ID, id=_TEXT,
        outputs=_TENSORS,
    ),
    "InferenceError": _object("error", error=_TEXT),
}  # fmt: skip


def _content(schema: str, *types: str) -> dict[str, Any]:
    return {kind: {"schema": {"$ref": f"#/components/schemas/{schema}"}} for kind in types}


_PROBLEM: Final = _content("Problem", "application/problem+json") | _content("Page", *_HTML)


def _operation(  # noqa: PLR0913 - what OpenAPI says of an operation
    summary: str,
    replies: dict[int, str],
    *,
    refusals: tuple[int, ...] = (),
    parameters: tuple[dict[str, Any], ...] = (),
    body: str = "",
    is_body_needed: bool = True,
    body_types: tuple[str, ...] = (_JSON, _MSGPACK),
    types: tuple[str, ...] = (_JSON, _MSGPACK),
    problem: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Describe one method of a path.

    Args:
        summary: What it does.
        replies: What it replies with, a schema by status; an empty one for no body.
        refusals: The statuses of refusals, besides those of every path.
        parameters: The parameters, besides the path's own.
        body: The schema of the body; empty for none.
        is_body_needed: Whether the body may not be left out.
        body_types: The media types of bodies.
        types: The media types of replies.
        problem: The bodies of refusals, if they are not problem details.
    """
    responses: dict[str, Any] = {
        str(status): {"description": "done"} | ({"content": _content(of, *types)} if of else {})
        for status, of in replies.items()
    }
    what = "a problem (RFC 9457)" if problem is None else "what is wrong"
    problem = problem or _PROBLEM
    for status in sorted({*_ANYWHERE, *refusals} - {*replies}):
        responses[str(status)] = {"description": what, "content": problem}
    operation: dict[str, Any] = {"summary": summary, "responses": responses}
    if parameters:
        operation["parameters"] = [*parameters]
    if body:
        content = _content(body, *body_types)
        operation["requestBody"] = {"required": is_body_needed, "content": content}
    return operation


def _parameter(name: str, where: str, description: str, **schema: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "name": name, "in": where, "required": where == "path", "description": description,
        "schema": {"type": "string", **schema},
    }  # fmt: skip


_REFERENCE: Final = _parameter(
    "reference", "path", "the id of a document, the canonical hash of a graph, or a name; holders "
    "of a token may give the start of an id",
)  # fmt: skip
_NAME: Final = _parameter("name", "path", NAME_FORM)
_IF_MATCH: Final = _parameter("If-Match", "header", "the revision that the name must have")
_IF_NEW: Final = _parameter("If-None-Match", "header", "* if the name must not exist")
_KNOWN: Final = _parameter("If-None-Match", "header", "what the client has: then 304")
_LIMIT: Final = _parameter(
    "limit", "query", "how many", type="integer", minimum=1, maximum=1000, default=100
)
_UNLISTED: Final = _parameter(
    "unlisted", "query", "whether it is found by its id, or a name, only", type="boolean",
    default=False,
)  # fmt: skip
_ROWS_OPTIONS: Final = (
    _parameter("grad", "query", "gradients of each row, or none", enum=["rows", "none"]),
    _parameter("wrt", "query", "the inputs and params whose gradients are wanted, with commas"),
    _parameter("column", "query", "LEAF=COLUMN: the column of an input or param", type="string"),
    _parameter("seed", "query", "ID=X: the gradient that an output starts with"),
    _parameter("keep", "query", "the columns to send back: all, none, or names with commas"),
    _parameter("bad_rows", "query", "what to do about them", enum=["fail", "skip", "null"]),
    _parameter("math", "query", "the math library"),
    _parameter("row", "query", "the number of the first row, for errors", type="integer"),
)
_FOUND: Final = (404, 406, 410, 412)
_SENT: Final = (406, 410, 413, 415, 422)


def _about_server() -> dict[str, Any]:
    return {
        "/healthz": {"get": _operation("Say that the server lives.", {200: "Any"}, types=(_JSON,))},
        "/readyz": {
            "get": _operation(
                "Say whether the kernels are compiled.", {200: "Any", 503: "Any"}, types=(_JSON,)
            )
        },
        "/metrics": {
            "get": _operation(
                "Return what the server has done and does, in Prometheus's text format.",
                {200: "Page"},
                types=("text/plain; version=0.0.4; charset=utf-8",),
            )
        },
        "/openapi.json": {
            "get": _operation("Return this description.", {200: "Any"}, types=(_JSON,))
        },
    }


def _about_graphs() -> dict[str, Any]:
    key = _parameter("key", "path", "the key of a run", pattern=f"^{_HEX}$")
    return {
        "/api/graphs": {
            "post": _operation(
                "Store a graph file.", {200: "Stored", 201: "Stored"}, body="Graph",
                refusals=_SENT, parameters=(_UNLISTED,),
            )
        },
        "/api/graphs/{reference}": {
            "parameters": [_REFERENCE],
            "get": _operation(
                "Return a graph file.", {200: "Graph", 304: ""},
                refusals=(*_FOUND, 413, 422), parameters=(_KNOWN,),
            ),
        },
        "/api/graphs/{reference}/run": {
            "parameters": [_REFERENCE],
            "post": _operation(
                "Run a graph.", {200: "Run"}, body="RunRequest", is_body_needed=False,
                refusals=(*_FOUND, *_SENT),
            ),
        },
        "/api/graphs/{reference}/rows": {
            "parameters": [_REFERENCE],
            "post": _operation(
                "Run a graph over the rows of an Arrow stream.", {200: "Any"}, types=(_ARROW,),
                body="Any", body_types=(_ARROW,), refusals=(*_FOUND, *_SENT, 501),
                parameters=_ROWS_OPTIONS,
            ),
        },
        "/api/runs/{key}": {
            "parameters": [key],
            "get": _operation(
                "Return a run that was computed.", {200: "Run", 304: ""}, refusals=_FOUND,
                parameters=(_KNOWN,),
            ),
        },
        "/api/check": {
            "post": _operation(
                "Say what is wrong with a graph file.", {200: "Checked"}, body="Graph",
                refusals=_SENT,
            )
        },
    }  # fmt: skip


def _about_names() -> dict[str, Any]:
    prefix = _parameter("prefix", "query", "only names below this one")
    after = _parameter("after", "query", "the last name of the page before")
    return {
        "/api/names": {
            "get": _operation(
                "Return a page of names, and what the prefix itself points to.",
                {200: "Names", 304: ""}, refusals=(406,),
                parameters=(prefix, after, _LIMIT, _KNOWN),
            )
        },
        "/api/names/{name}": {
            "parameters": [_NAME],
            "get": _operation(
                "Return what a name points to.", {200: "Name", 304: ""}, refusals=_FOUND,
                parameters=(_KNOWN,),
            ),
            "put": _operation(
                "Point a name to a document.", {200: "Name", 201: "Name"}, body="NameRequest",
                parameters=(_IF_MATCH, _IF_NEW), refusals=(*_FOUND, *_SENT, 428),
            ),
            "delete": _operation(
                "Remove a name.", {204: ""}, parameters=(_IF_MATCH,), refusals=(404, 412, 428)
            ),
        },
    }  # fmt: skip


def _page(summary: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    replies = {200: "Page", 304: ""}
    operation = _operation(summary, replies, types=_HTML, refusals=(*_FOUND, 413, 422))
    for status, response in operation["responses"].items():
        if int(status) >= HTTPStatus.BAD_REQUEST:  # a browser gets a page that says so
            response["content"] = response["content"] | _content("Page", *_HTML)
    return {"get": operation} | ({"parameters": [*parameters]} if parameters else {})


def _about_pages() -> dict[str, Any]:
    document = _parameter("document", "path", "the id of a document", pattern=_ID["pattern"])
    theme = _parameter("theme", "path", "for which colours", enum=["light.svg", "dark.svg"])
    picture = _operation(
        "Return the picture of a graph.", {200: "Page"}, types=("image/svg+xml",),
        refusals=(*_FOUND, 413, 422),
    )  # fmt: skip
    return {
        "/": _page("Return the page with all names."),
        "/open": _page("Return the page that opens links."),
        "/g/{reference}": _page("Return the page of a graph.", _REFERENCE),
        "/c/{prefix}": _page(
            "Return the page of a class.", _parameter("prefix", "path", NAME_FORM)
        ),
        "/t/{document}/{theme}": {"parameters": [document, theme], "get": picture},
    }


def _about_inference() -> dict[str, Any]:
    """Describe the Open Inference Protocol, whose refusals have a form of their own."""
    error = _content("InferenceError", _JSON)
    model = _parameter("model", "path", "the id of a document, the hash of a graph, or a name")
    version = _parameter("version", "path", "the id of the document that it is")
    size = _parameter(
        "Inference-Header-Content-Length", "header", "how many bytes are JSON", type="integer"
    )

    def get(summary: str, schema: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        replies = {200: schema, **more.pop("replies", {})}
        return {"get": _operation(summary, replies, types=(_JSON,), problem=error, **more)}

    asked = _operation(
        "Run a model over rows.", {200: "InferReply"}, types=(_JSON, _BYTES), problem=error,
        parameters=(size,), refusals=(*_FOUND, *_SENT, 501), body="InferRequest",
        body_types=(_JSON, _BYTES),
    )  # fmt: skip
    paths: dict[str, Any] = {
        "/v2": get("Say what this server is.", "Server"),
        "/v2/": get("The same.", "Server"),
        "/v2/health/live": get("Say that the server lives.", "Health"),
        "/v2/health/ready": get(
            "Say whether models can be run.", "Health", replies={503: "Health"}
        ),
    }
    for start, parameters in (
        ("/v2/models/{model}", [model]),
        ("/v2/models/{model}/versions/{version}", [model, version]),
    ):
        more = {"parameters": parameters}
        refusals = (*_FOUND, 413, 422, 501)
        paths[start] = get("Describe a model.", "Model", refusals=refusals) | more
        ready = get("Say whether a model can be run.", "ModelReady", refusals=refusals)
        paths[f"{start}/ready"] = ready | more
        paths[f"{start}/infer"] = {"post": asked} | more
    return paths


@cache
def description() -> bytes:
    """Return the description as JSON."""
    paths = _about_server() | _about_graphs() | _about_names() | _about_pages()
    paths |= _about_inference()
    token = {"type": "http", "scheme": "bearer"}
    members = {
        "openapi": "3.1.0",
        "info": {"title": "mgraph serve", "version": __version__},
        "paths": paths,
        "security": [{}, {"token": []}],
        "components": {"schemas": SCHEMAS, "securitySchemes": {"token": token}},
    }
    return as_json_bytes(members)
