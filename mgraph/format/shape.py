"""Faults of a document's shape: pydantic's errors in this project's codes and messages."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from pydantic import StrictStr, ValidationError

from mgraph.errors import Diagnostic, Path, quoted
from mgraph.format.fields import known_fields, over_limit, shown, subject
from mgraph.format.fixes import MATH_FIX, id_fix, new_ids, number_fix
from mgraph.format.ids import bad_id
from mgraph.format.models import (
    Doc,
    Document,
    Id,
    NodeModel,
    PackedNodes,
    PackedRun,
    RunModel,
    Text,
    adapter,
)
from mgraph.format.texts import meta_faults, metas
from mgraph.suggestions import Suggestions, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.codec import Reading

_TYPES: Final = {
    "string_type": "a string",
    "list_type": "an array",
    "dict_type": "an object",
    "bytes_type": "a byte string",
    "int_type": "an integer",
}
_CHUNK: Final = 4096


class _Hints(Suggestions):
    """Suggestions for one file, and ids for nodes that its fixes add."""

    def __init__(self, nodes: object) -> None:
        super().__init__()
        self.new_ids = new_ids(nodes)


def shape_faults(document: dict[str, Any], reading: Reading) -> Iterator[Diagnostic]:
    """Find every fault in the shape of a document.

    Args:
        document: Plain data of the current version.
        reading: How the document is read.

    Yields:
        Diagnostics without line and column, and without errors that merely follow from others.
    """
    limits = reading.limits
    hints = _Hints(document.get("nodes"))
    shell, parts = _split(document, reading)
    yield from _model_faults(Document, shell, (), reading, hints)
    for model, part, path in parts:
        yield from _model_faults(model, part, path, reading, hints)
    yield from meta_faults(document.get("meta"), ("meta",), limits)
    nodes = document.get("nodes")
    inner = replace(limits, depth=limits.levels) if isinstance(nodes, dict) else limits
    for path, meta in metas(document):
        yield from meta_faults(meta, path, inner)


def _split(
    document: dict[str, Any], reading: Reading
) -> tuple[dict[str, Any], list[tuple[Any, Any, Path]]]:
    """Split off the long lists, so that a million faults are not held at once."""
    parts: list[tuple[Any, Any, Path]] = []
    shell = dict(document)
    nodes, outputs, runs = (document.get(name) for name in ("nodes", "outputs", "runs"))
    packed = isinstance(nodes, dict) and reading.is_binary
    if packed or isinstance(nodes, list):
        shell["nodes"] = _STAND_IN
        parts.extend(_columns(nodes) if packed else [(list[NodeModel], nodes, ("nodes",))])
    if isinstance(outputs, list):
        shell["outputs"] = ["none"]  # `output_faults` reports an empty list
        parts.append((list[StrictStr], outputs, ("outputs",)))
    if isinstance(runs, list):
        shell["runs"] = []
        parts.append((list[PackedRun] if packed else list[RunModel], runs, ("runs",)))
    return shell, parts


_STAND_IN: Final = [{"id": "n0", "op": "const"}]


def _columns(nodes: Any) -> Iterator[tuple[Any, Any, Path]]:  # noqa: ANN401 - plain data
    """Split off the lists of packed nodes."""
    shell = dict(nodes)
    if isinstance(nodes.get("ops"), list):
        shell["ops"] = []
        yield list[StrictStr], nodes["ops"], ("nodes", "ops")
    for name, model in (("id", list[Id]), ("label", list[Text]), ("doc", list[Doc])):
        column = nodes.get(name)
        if isinstance(column, dict) and isinstance(column.get("value"), list):
            shell[name] = {**column, "value": []}
            yield model, column["value"], ("nodes", name, "value")
    yield PackedNodes, shell, ("nodes",)


def _model_faults(
    model: Any,  # noqa: ANN401 - a type form
    value: Any,  # noqa: ANN401 - any plain data
    path: Path,
    reading: Reading,
    hints: _Hints,
) -> Iterator[Diagnostic]:
    if isinstance(value, list):
        limit = getattr(reading.limits, str(path[-1]), len(value))
        if len(value) > limit:
            yield over_limit(path, str(path[-1]), f"{len(value):,} {path[-1]}", limit)
            return
    for chunk, before in _chunks(value):
        try:
            adapter(model).validate_python(chunk, context=reading)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                loc = detail["loc"]
                if before and isinstance(loc[0], int):
                    loc = (loc[0] + before, *loc[1:])
                yield from _translated(detail, (*path, *loc), hints)


def _chunks(value: Any) -> Iterator[tuple[Any, int]]:  # noqa: ANN401
    if not isinstance(value, list):
        yield value, 0
        return
    items = iter(value)
    before = 0
    while chunk := list(islice(items, _CHUNK)):
        yield chunk, before
        before += len(chunk)


def _translated(error: Any, path: Path, hints: _Hints) -> Iterator[Diagnostic]:  # noqa: ANN401
    """Translate one of pydantic's errors."""
    kind, value = error["type"], error["input"]
    if kind == "missing":
        if path[-1] not in hints.meant_fields(value, known_fields(path[:-1])):
            yield _missing(path)
    elif kind == "extra_forbidden":
        yield _unknown(path, hints)
    elif kind == "limit":
        yield over_limit(path, **error["ctx"])
    elif kind == "string_pattern_mismatch":
        yield bad_id(path, value)
    else:
        code = kind if kind in ("number", "seed", "packed") else "type"
        message = f"{subject(path)} is {shown(value)}"
        expected = _TYPES.get(kind, error["msg"])
        if code == "number":
            fix = number_fix(value, expected)
        else:
            fix = MATH_FIX if kind == "math" else id_fix(path, value, hints.new_ids)
        yield Diagnostic(code, message, path, expected=expected, fix=fix)


def _missing(path: Path) -> Diagnostic:
    message = f"{quoted(path[-1])} is missing"
    return Diagnostic("missing-field", message, path[:-1], expected=f"the field {path[-1]}")


def _unknown(path: Path, hints: _Hints) -> Diagnostic:
    known = known_fields(path[:-1])
    meant_name = hints.closest(str(path[-1]), known)
    own = 'put your own data into "meta"' if "meta" in known else ""
    fix = did_you_mean(meant_name) or own
    message = f"{quoted(path[-1])} is not a known field"
    expected = "one of " + ", ".join(known)
    return Diagnostic("unknown-field", message, path, expected=expected, fix=fix, at_key=True)
