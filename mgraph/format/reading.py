"""Reading a graph file: from bytes to the checked graph or all its faults."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from mgraph.codec import (
    LIMITS,
    MSGPACK,
    Limits,
    Reading,
    binary,
    decode,
    encoding_of,
    limit_error,
    located,
    too_deep,
)
from mgraph.collector import paused_collector
from mgraph.errors import REPORTED, Diagnostic, GraphError
from mgraph.format.faults import Collector, faults_of
from mgraph.format.file import GraphFile, clean
from mgraph.format.versions import upgraded, version_of
from mgraph.format.warnings import warnings
from mgraph.graph import passes
from mgraph.graph.passes.plain import PLAIN


class Inspection(NamedTuple):
    """The result of reading a file.

    Attributes:
        diagnostics: Errors, or the warnings if there are none, in file order.
        more: How many more there are.
        graph: The file's content; None if it was refused.
    """

    diagnostics: tuple[Diagnostic, ...]
    more: int
    graph: GraphFile | None

    @property
    def is_other_file(self) -> bool:
        """Whether the file doesn't say that it is a graph file: folders hold others, too."""
        return self.graph is None and self.diagnostics[0].code == "format"


def inspect(
    data: bytes,
    name: str = "",
    limits: Limits = LIMITS,
    *,
    strip: bool = False,
    explain: bool = True,
) -> Inspection:
    """Check the bytes of a graph file, and read it if it is clean.

    Args:
        data: JSON or msgpack.
        name: The file's name, for the diagnostics.
        limits: How large it and its parts may be.
        strip: Drop the runs, even if something is wrong with them.
        explain: Find every fault of a document that is not clean; otherwise it has none, and no
            graph.
    """
    with paused_collector():
        try:
            if len(data) > limits.size:
                raise limit_error("size", f"{len(data):,} bytes", limits.size, line=1, column=1)
            reading = Reading(limits, encoding_of(data) == MSGPACK)
            rest, document, graph = _without_ids(data, reading, strip=strip)
            if graph is None:
                rest = data
                document, reading = _upgraded(_decoded(data, reading), reading, strip=strip)
                graph = clean(document, reading)
            if graph is None:
                diagnostics, count = faults_of(document, reading) if explain else ([], 0)
            else:
                collector = Collector()
                collector.add(warnings(document, graph, rest, limits))
                diagnostics, count = collector.kept, collector.count
        except GraphError as error:
            diagnostics, count, graph = [*error.diagnostics], 0, None
        reported = located(diagnostics, data, limits)
    named = tuple(replace(diagnostic, file=name) for diagnostic in reported)
    return Inspection(named, max(0, count - REPORTED), graph)


def _decoded(data: bytes, reading: Reading) -> Any:  # noqa: ANN401 - any plain data
    """Decode a file; if that fails, say so if it is probably a picture or the like.

    Raises:
        GraphError: The first fault in the bytes.
    """
    try:
        return decode(data, reading.limits)
    except GraphError as error:
        if not reading.is_binary or b"mgraph" in data:
            raise
        fix = "name a graph file: this one is not text, and nothing in it is called mgraph"
        raise GraphError([replace(x, fix=fix) for x in error.diagnostics], error.more) from None


def _without_ids(
    data: bytes, reading: Reading, *, strip: bool
) -> tuple[bytes, dict[str, Any], GraphFile | None]:
    """Read a large packed file without creating its ids.

    Returns:
        The bytes without the ids, the document in them, and the graph; None if the file has to be
        read as a whole.
    """
    limits = reading.limits
    header = parts = None
    if reading.is_binary and len(data) >= passes.MANY:
        header = binary.array_at(data, ("nodes", "id", "value"), limits.levels)
    if header is not None and passes.passes_for(header.count) is not PLAIN:
        parts = binary.without_texts(data, header)
    if parts is None:
        return b"", {}, None
    rest, names = parts
    try:
        document = decode(rest, limits)
        document["nodes"]["id"]["value"] = names
        document, reading = _upgraded(document, reading, strip=strip)
    except GraphError:
        return b"", {}, None
    return rest, document, clean(document, reading)


def _upgraded(
    document: Any,  # noqa: ANN401 - any plain data
    reading: Reading,
    *,
    strip: bool,
) -> tuple[dict[str, Any], Reading]:
    """Return a document of the newest version, and how it is read: by the version it states."""
    try:
        stated = version_of(document)
        document = upgraded(document)
    except GraphError as error:  # nesting is a fault of the bytes, which come first
        raise too_deep(document, reading.limits) or error from None
    kept = {key: value for key, value in document.items() if not (strip and key == "runs")}
    return kept, reading._replace(version=stated)


def read(data: bytes, name: str = "", limits: Limits = LIMITS) -> GraphFile:
    """Read the bytes of a graph file.

    Raises:
        GraphError: Everything that is wrong with it.
    """
    inspection = inspect(data, name, limits)
    if inspection.graph is None:
        raise GraphError(inspection.diagnostics, inspection.more)
    return inspection.graph
