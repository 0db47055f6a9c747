"""Finding every fault of a document that is not clean."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from mgraph.codec import LIMITS, Reading, compact, too_deep
from mgraph.errors import REPORTED, Diagnostic, GraphError
from mgraph.format import FORMAT_VERSION, objects
from mgraph.format.file import clean, header_is_clean
from mgraph.format.nodes import ids_of, output_faults
from mgraph.format.packed import nodes as packed
from mgraph.format.runs import run_faults, runs_are_clean
from mgraph.format.versions import newer_faults
from mgraph.format.writing import run_fields
from mgraph.ops import CONST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mgraph.graph.columns import Columns
    from mgraph.graph.run import Run


class Collector:
    """Collects diagnostics: all are counted, and enough are kept to sort them by position."""

    def __init__(self) -> None:
        """Start with none."""
        self.kept: list[Diagnostic] = []
        self.count = 0

    def add(self, diagnostics: Iterable[Diagnostic | int]) -> None:
        """Add diagnostics; an integer is the number of further ones, not listed."""
        for fault in diagnostics:
            self.count += fault if isinstance(fault, int) else 1
            if isinstance(fault, Diagnostic) and len(self.kept) < _KEPT:
                self.kept.append(fault)

    def error(self) -> GraphError:
        """Return the error with these diagnostics."""
        return GraphError(tuple(self.kept[:REPORTED]), max(0, self.count - REPORTED))


_KEPT: Final = 100 * REPORTED


def faults_of(document: dict[str, Any], reading: Reading) -> tuple[list[Diagnostic], int]:
    """Find everything that is wrong with a document that is not clean.

    Returns:
        The faults that are kept, and how many there are.
    """
    from mgraph.format.shape import shape_faults  # noqa: PLC0415 - pydantic is slow to import

    limits = reading.limits
    nodes, outputs = document.get("nodes"), document.get("outputs")
    is_packed = isinstance(nodes, dict) and reading.is_binary
    if deep := too_deep(document, replace(limits, depth=limits.levels) if is_packed else limits):
        return [*deep.diagnostics], 1
    collector = Collector()
    collector.add(shape_faults(document, reading))
    if reading.version is not None:
        collector.add(newer_faults(document, reading.version))
    if isinstance(nodes, dict) and not reading.is_binary:
        return collector.kept, collector.count
    size = nodes.get("count") if isinstance(nodes, dict) else nodes
    size = len(size) if isinstance(size, list) else size
    if isinstance(size, int) and size > limits.nodes:
        return collector.kept, collector.count
    names = packed.known_ids(nodes) if isinstance(nodes, dict) else objects.known_ids(nodes)
    if isinstance(nodes, list):
        collector.add(objects.faults_of_objects(nodes, names))
    elif isinstance(nodes, dict):
        collector.add(packed.faults_of_packed(nodes, names, limits))
    if isinstance(outputs, list):
        collector.add(output_faults(outputs, names))
    without_runs = clean({**document, "runs": []}, reading)
    collector.add(run_faults(document, names, without_runs.columns if without_runs else None))
    return collector.kept, collector.count


def check_header(header: Mapping[str, Any]) -> None:
    """Check the texts of a document that was not read from a file.

    Raises:
        GraphError: They are not valid; the codes are those of reading a file.
    """
    _check_encoding(header)
    if not header_is_clean(header, LIMITS):
        collector = Collector()
        collector.add(_shape_faults(header))
        raise collector.error()


def check_runs(runs: Sequence[Run], graph: Columns) -> None:
    """Check runs over a graph that were not read from a file.

    Raises:
        GraphError: They are not valid; the codes are those of reading a file.
    """
    plain = [run_fields(replace(run, data=None, grad=None), dict) for run in runs]
    _check_encoding(plain)
    try:
        are_clean = runs_are_clean(runs, graph, LIMITS)
    except (KeyError, TypeError):
        are_clean = False
    if not are_clean:
        document = {"nodes": [], "outputs": graph.output_ids, "runs": plain}
        collector = Collector()
        collector.add(_shape_faults({"runs": plain}))
        collector.add(run_faults(document, ids_of(graph), graph))
        raise collector.error()


def _check_encoding(plain: object) -> None:
    try:
        compact(plain).encode()
    except UnicodeEncodeError:
        message = "a text holds half of a surrogate pair"
        raise GraphError.of("encoding", message) from None


def _shape_faults(fields: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Find every fault in the shape of some fields of a document, as if the rest were clean."""
    from mgraph.format.shape import shape_faults  # noqa: PLC0415 - pydantic is slow to import

    node = {"id": "n0", "op": CONST, "data": 0.0}
    rest = {"mgraph": FORMAT_VERSION, "nodes": [node], "outputs": ["n0"]}
    return shape_faults({**rest, **fields}, Reading())
