"""The one way to lay a graph file out as text: a node a line, a number a line."""

from __future__ import annotations

import json
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

JsonObject = dict[str, Any]
BLOCKS = ("nodes", "runs")  # the fields that are spread over lines; all others stand on one
TABLES = ("data", "grad")


def spelled(number: float) -> float | str:
    """Return what stands in the file for a number: JSON has no literal for NaN or infinity."""
    return number if isfinite(number) else repr(number)


def _inline(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _block(brackets: str, entries: Iterable[str], indent: int) -> str:
    """Return entries one a line, `indent` deep, or the bare brackets if there are none."""
    lines = ",\n".join(" " * indent + entry for entry in entries)
    return f"{brackets[0]}\n{lines}\n{' ' * (indent - 2)}{brackets[1]}" if lines else brackets


def _fields(fields: Mapping[str, str], indent: int) -> str:
    return _block("{}", (f"{_inline(key)}: {text}" for key, text in fields.items()), indent)


def _table(numbers: Mapping[str, float | str]) -> str:
    return _fields({id_: _inline(number) for id_, number in numbers.items()}, 8)


def _run(run: JsonObject) -> str:
    return _fields({k: _table(v) if k in TABLES else _inline(v) for k, v in run.items()}, 6)


def text(document: JsonObject) -> str:
    """Return the file's text; the fields stand in the order in which the document has them."""
    parts = {key: _inline(value) for key, value in document.items() if key not in BLOCKS}
    nodes: Sequence[JsonObject] = document["nodes"]
    runs: Sequence[JsonObject] = document.get("runs", ())
    parts["nodes"] = _block("[]", map(_inline, nodes), 4)
    if runs:
        parts["runs"] = _block("[]", map(_run, runs), 4)
    return _fields({key: parts[key] for key in document}, 2) + "\n"
