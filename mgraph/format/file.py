"""A graph file in memory, and the quick reading of a document that is clean.

`GraphFile` holds what the format defines; `mgraph.Graph` adds what needs an engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from mgraph.format.fields import FIELDS
from mgraph.format.objects import from_objects
from mgraph.format.packed.nodes import from_packed
from mgraph.format.runs import runs_from
from mgraph.format.texts import is_short, meta_faults
from mgraph.format.versions import lowest, parsed, spelled
from mgraph.ops import NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgraph.codec import Limits, Reading
    from mgraph.graph.columns import Columns
    from mgraph.graph.run import Run

HEADER: Final = ("$schema", "name", "doc", "meta")
"""The fields of a document besides version, graph and runs."""


@dataclass(frozen=True, eq=False)
class GraphFile:
    """A graph file in memory: the checked graph, its texts, its runs. It can't be changed.

    Attributes:
        columns: The checked graph as flat arrays, for internal use.
        header: The fields `$schema`, `name`, `doc` and `meta`, as far as the file has them.
        runs: Runs of the graph, with recorded or expected results.
    """

    columns: Columns
    header: Mapping[str, Any] = field(default_factory=dict)
    runs: tuple[Run, ...] = ()

    @property
    def hash(self) -> str:
        """The canonical hash of the graph with its declared values: `mgraph1-sha256:…`."""
        return self.columns.hash

    @property
    def version(self) -> str:
        """The lowest version of the file format that has all ops and all fields of the file."""
        used = (name for code, name in enumerate(NAMES) if code in self.columns.opcode)
        fields = ("math",) if any(run.math for run in self.runs) else ()
        return spelled(lowest(used, fields))


def clean(document: dict[str, Any], reading: Reading) -> GraphFile | None:
    """Read a document of the current version; None if anything in it is not clean."""
    header: dict[str, Any] = {key: document[key] for key in HEADER if key in document}
    known = all(key in FIELDS["document"] for key in document)
    if not (known and header_is_clean(header, reading.limits)):
        return None
    nodes: Any = document.get("nodes")
    outputs = document.get("outputs", [])
    is_packed = isinstance(nodes, dict)
    columns = (from_packed if is_packed else from_objects)(nodes, outputs, reading)
    runs = None if columns is None else runs_from(document, columns, reading)
    if columns is None or runs is None:
        return None
    graph = GraphFile(columns, header, tuple(runs))
    is_newer = reading.version is not None and parsed(graph.version) > reading.version
    return None if is_newer else graph


def header_is_clean(header: Mapping[str, Any], limits: Limits) -> bool:
    """Whether the texts and the meta of a document are well-formed and within the limits."""
    return all(
        is_short(header.get(key, ""), limits.doc if key == "doc" else limits.text)
        for key in ("$schema", "name", "doc")
    ) and not any(meta_faults(header.get("meta"), ("meta",), limits))
