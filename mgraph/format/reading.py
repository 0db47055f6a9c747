"""Reading a graph file: bytes in, the checked graph or every fault out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from mgraph.codec import (
    LIMITS,
    MSGPACK,
    Limits,
    Reading,
    binary,
    decode,
    encoding_of,
    located,
    over,
    paused_collector,
    too_deep,
)
from mgraph.errors import REPORTED, Diagnostic, GraphError
from mgraph.format.faults import Collected, faults_of
from mgraph.format.file import GraphFile, clean
from mgraph.format.versions import upgraded
from mgraph.format.warnings import warnings
from mgraph.graph import passes
from mgraph.graph.passes.plain import PLAIN


@dataclass(frozen=True)
class Inspection:
    """What reading a file gave.

    Attributes:
        diagnostics: Errors, or the warnings if there are none, in file order.
        more: How many there were beyond those.
        graph: The file's content; None if it was refused.
    """

    diagnostics: tuple[Diagnostic, ...]
    more: int
    graph: GraphFile | None


def inspect(
    data: bytes, name: str = "", limits: Limits = LIMITS, *, strip: bool = False
) -> Inspection:
    """Check the bytes of a graph file, and read it if it is clean.

    Args:
        data: JSON or msgpack.
        name: What the file is called, for the diagnostics.
        limits: What it may ask for.
        strip: Leave out the runs, whatever is wrong with them.
    """
    with paused_collector():
        try:
            if len(data) > limits.size:
                raise over("size", f"{len(data):,} bytes", limits.size, line=1, column=1)
            reading = Reading(limits, encoding_of(data) == MSGPACK)
            rest, document, graph = _without_ids(data, reading, strip=strip)
            if graph is None:
                rest, document = data, _upgraded(decode(data, limits), limits, strip=strip)
                graph = clean(document, reading)
            if graph is None:
                found, count = faults_of(document, reading)
            else:
                worth = Collected()
                worth.add(warnings(document, graph, rest, limits))
                found, count = worth.kept, worth.count
        except GraphError as error:
            found, count, graph = [*error.diagnostics], 0, None
        placed = located(found, data, limits)
    named = tuple(replace(each, file=name) for each in placed)
    return Inspection(named, max(0, count - REPORTED), graph)


def _without_ids(
    data: bytes, reading: Reading, *, strip: bool
) -> tuple[bytes, dict[str, Any], GraphFile | None]:
    """Read a large packed file without making its ids; None means: look again, at all of it.

    Returns:
        The bytes without the ids, what is in them, and the graph.
    """
    limits = reading.limits
    header = apart = None
    if reading.is_binary and len(data) >= passes.MANY:
        header = binary.array_at(data, ("nodes", "id", "value"), limits.levels)
    if header is not None and passes.passes_for(header.count) is not PLAIN:
        apart = binary.without_texts(data, header)
    if apart is None:
        return b"", {}, None
    rest, names = apart
    try:
        document = decode(rest, limits)
        document["nodes"]["id"]["value"] = names
        document = _upgraded(document, limits, strip=strip)
    except GraphError:
        return b"", {}, None
    return rest, document, clean(document, reading)


def _upgraded(document: Any, limits: Limits, *, strip: bool) -> dict[str, Any]:  # noqa: ANN401
    try:
        document = upgraded(document)
    except GraphError as error:  # values nested too deeply are a fault of the bytes, and go first
        raise too_deep(document, limits) or error from None
    return {key: value for key, value in document.items() if not (strip and key == "runs")}


def read(data: bytes, name: str = "", limits: Limits = LIMITS) -> GraphFile:
    """Read the bytes of a graph file.

    Raises:
        GraphError: Everything that is wrong with it.
    """
    found = inspect(data, name, limits)
    if found.graph is None:
        raise GraphError(found.diagnostics, found.more)
    return found.graph
