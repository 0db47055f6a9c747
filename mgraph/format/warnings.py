"""Warnings about a graph file that is accepted."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from mgraph.codec import Limits, single_precision
from mgraph.errors import Diagnostic, Path, quoted, some
from mgraph.format.numbers import is_rounded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.format.file import GraphFile
    from mgraph.graph.columns import Columns

INVISIBLE: Final = (
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""Characters that are invisible, or change the order in which others are shown."""


def warnings(
    document: dict[str, Any], graph: GraphFile, data: bytes, limits: Limits
) -> Iterator[Diagnostic]:
    """Find everything to warn about in a clean document; its bytes may lack the ids."""
    columns = graph.columns
    if lost := columns.unreached():
        names = some(columns.ids[i] for i in lost)
        nodes = "1 node has" if len(lost) == 1 else f"{len(lost):,} nodes have"
        message = f"{nodes} no path to an output, and therefore no gradient: {names}"
        yield Diagnostic("unreached", message, _node_path(document, columns, lost[0]))
    for path, value in _integers(document):
        if is_rounded(value):
            message = f"a double can't hold {quoted(value)}: it was rounded to {float(value)!r}"
            yield Diagnostic("rounded", message, path)
    for path in single_precision(data, document, limits):
        message = "a number in single precision: more than half of its digits are already lost"
        yield Diagnostic("float32", message, path, fix="write it as float64")
    for path, text in _texts(document, graph):
        if isinstance(text, str) and not text.isascii() and (hidden := re.search(INVISIBLE, text)):
            message = f"the text contains the invisible character U+{ord(hidden[0]):04X}"
            yield Diagnostic("invisible", message, path, fix="remove it unless it is intended")


def _node_path(document: dict[str, Any], graph: Columns, node: int) -> Path:
    """Return the path of a node in its document."""
    if isinstance(document["nodes"], dict):
        return ("nodes",)
    return ("nodes", node if graph.order is None else graph.order.index(node))


def _integers(document: dict[str, Any]) -> Iterator[tuple[Path, int]]:
    """Yield the numbers of a clean document that are written as integers."""
    nodes = document["nodes"]
    for i, node in enumerate(nodes if isinstance(nodes, list) else ()):
        if type(node.get("data")) is int:
            yield ("nodes", i, "data"), node["data"]
    for i, run in enumerate(document.get("runs", ())):
        for key in ("inputs", "seed", "data", "grad", "tolerance"):
            for name, value in run.get(key, {}).items():
                if type(value) is int:
                    yield ("runs", i, key, name), value


def _texts(document: dict[str, Any], graph: GraphFile) -> Iterator[tuple[Path, object]]:
    """Yield the texts that are shown to people."""
    for key in ("name", "doc"):
        yield (key,), graph.header.get(key)
    for field_name, texts in (("label", graph.columns.labels), ("doc", graph.columns.docs)):
        if isinstance(document["nodes"], dict):
            for k, text in enumerate(texts.values()):
                yield ("nodes", field_name, "value", k), text
        else:
            for i, node in enumerate(document["nodes"] if texts else ()):
                yield ("nodes", i, field_name), node.get(field_name)
    for i, run in enumerate(graph.runs):
        yield ("runs", i, "origin"), run.origin
