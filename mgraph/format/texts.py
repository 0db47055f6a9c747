"""The rules for texts and `meta`: within their limits, and nothing that JSON can't hold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from mgraph.codec import LIMITS, Limits, descend, limit_error, too_deep
from mgraph.errors import Diagnostic, GraphError, Path
from mgraph.format.fields import INTEGERS, over_limit, shown, subject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def is_short(text: object, limit: int) -> bool:
    """Whether something is a text of at most `limit` bytes in UTF-8."""
    if type(text) is not str:
        return False
    return len(text) * 4 <= limit or len(text.encode()) <= limit


def check_label(text: str) -> None:
    """Check a label that was not read from a file.

    Raises:
        GraphError: `limit` if it is too long, or `encoding` if it is not valid Unicode.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        message = "a label holds half of a surrogate pair"
        raise GraphError.of("encoding", message) from None
    if size > LIMITS.text:
        raise limit_error("text", f"a label of {size:,} bytes", LIMITS.text)


def texts_are_clean(
    labels: Mapping[int, str], docs: Mapping[int, str], metas: Mapping[int, Any], limits: Limits
) -> bool:
    """Whether labels, docs and metas of nodes are well-formed and within the limits."""
    return (
        all(is_short(text, limits.text) for text in labels.values())
        and all(is_short(text, limits.doc) for text in docs.values())
        and not any(
            fault
            for i, meta in metas.items()
            for fault in meta_faults(meta, ("nodes", i, "meta"), limits)
        )
    )


def metas(document: dict[str, Any]) -> Iterator[tuple[Path, object]]:
    """Yield the meta of every node, with its path."""
    nodes = document.get("nodes")
    if isinstance(nodes, list):
        for i, node in enumerate(nodes):
            if isinstance(node, dict) and "meta" in node:
                yield ("nodes", i, "meta"), node["meta"]
    elif isinstance(nodes, dict):
        sparse = nodes.get("meta")
        values = sparse.get("value") if isinstance(sparse, dict) else None
        for i, value in enumerate(values if isinstance(values, list) else ()):
            yield ("nodes", "meta", "value", i), value


def meta_faults(value: object, path: Path, limits: Limits) -> Iterator[Diagnostic]:
    """Find what a meta can't hold, because JSON and msgpack both have to keep it as it is."""
    if deep := too_deep(value, limits, path):
        yield from deep.diagnostics
        return
    for item_path, item in descend(value, path):
        if isinstance(item, dict):
            for key in item:
                if not is_short(key, limits.text):
                    yield over_limit((*item_path, key), "text", "a long key", limits.text)
        elif not isinstance(item, list):
            yield from _scalar_faults(item, item_path, limits)


def _scalar_faults(value: object, path: Path, limits: Limits) -> Iterator[Diagnostic]:
    if isinstance(value, str) and not is_short(value, limits.text):
        message = f"a text of {len(value.encode()):,} bytes"
        yield over_limit(path, "text", message, limits.text)
    elif isinstance(value, bytes):
        message = f"{subject(path)} is a byte string"
        yield Diagnostic("type", message, path, expected="a value that JSON has")
    elif isinstance(value, float) and not math.isfinite(value):
        message = f"{subject(path)} is {shown(value)}"
        yield Diagnostic("number", message, path, expected="a finite number")
    elif isinstance(value, int) and not -INTEGERS <= value <= INTEGERS:
        message = f"{subject(path)} is an integer that a double can't hold exactly"
        expected, fix = "an integer within ±2⁵³", "write it as a string"
        yield Diagnostic("number", message, path, expected=expected, fix=fix)
