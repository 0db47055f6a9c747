"""The work of the service on graphs: checking files, converting and running them.

These functions need nothing but their arguments, so that they can be called in another process.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mgraph.codec import limit_error, spelled
from mgraph.document import Graph, as_graph, loads
from mgraph.engine import tape
from mgraph.engine.lists import ListReplay
from mgraph.errors import Diagnostic, GraphError
from mgraph.format.reading import inspect
from mgraph.format.writing import run_fields
from mgraph.graph.run import LIBM
from mgraph.service.encoding import as_json_bytes, as_msgpack_bytes, from_json_bytes
from mgraph.viewer import page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgraph.codec import Limits
    from mgraph.graph.run import Numbers, Run

_KEPT_NODES: Final = 300_000
"""How many nodes the graphs have that are kept, together."""

_DOC: Final = 300
"""How many characters of a graph's description are remembered."""

PICTURES: Final = ("light.svg", "dark.svg")
"""The names of a graph's pictures."""

_FEW: Final = 75
"""Graphs of fewer nodes run faster on lists than compiled."""


class About(NamedTuple):
    """What a graph file holds.

    Attributes:
        version: The version of the format that it needs.
        nodes: The number of nodes.
        runs: The number of runs.
        hash: The canonical hash of the graph.
        name: What the graph is called; may be empty.
        doc: What it is about, shortened; may be empty.
        outputs: The ids of its outputs.
    """

    version: str
    nodes: int
    runs: int
    hash: str
    name: str
    doc: str
    outputs: tuple[str, ...]


class Checked(NamedTuple):
    """What checking a file found.

    Attributes:
        diagnostics: Errors, or the warnings if there are none, in file order.
        more: How many more there are.
        about: What a file that is accepted holds; None of others.
    """

    diagnostics: tuple[Diagnostic, ...]
    more: int
    about: About | None


class RunRequested(NamedTuple):
    """The run that a client asks for.

    Attributes:
        inputs: Values of inputs and params, by id.
        seed: Gradients that outputs start with, by id.
        grad: Whether to run backward.
        math: `LIBM` or `EXACT_MATH`.
    """

    inputs: Mapping[str, float]
    seed: Mapping[str, float]
    grad: bool = True
    math: str = LIBM


def check_count(data: bytes, limits: Limits) -> None:
    """Refuse a file of too many nodes before it is parsed.

    In a JSON file, the key `op` with a text is that of a node, or is in `meta`: files with that
    are left to their reader, which counts exactly. Packed files state their numbers in front,
    where reading them checks it.

    Raises:
        GraphError: `size` or `limit`.
    """
    if len(data) > limits.size:
        raise limit_error("size", f"the file has {len(data):,} bytes", limits.size)
    if data.count(b'"op"') <= limits.nodes or data[:1] >= b"\x80" or b'"meta"' in data:
        return
    count = sum(1 for _ in _OPS.finditer(data))
    if count > limits.nodes:
        raise limit_error("nodes", f"the file has {count:,} nodes or more", limits.nodes)


_OPS: Final = re.compile(rb'"op"\s*:\s*"(?!nan"|-?inf")')
"""The op of a node in a JSON file; a run may have a number for a node whose id is `op`."""


def check(data: bytes, limits: Limits, *, explain: bool = True) -> Checked:
    """Check a graph file, as `mgraph check` does.

    Without `explain`, a file that is not clean may have no diagnostics: finding all its faults
    takes long.
    """
    inspection = inspect(data, limits=limits, explain=explain)
    graph = inspection.graph
    about = None if graph is None else _about(as_graph(graph))
    return Checked(inspection.diagnostics, inspection.more, about)


def check_large(data: bytes, limits: Limits) -> Checked:
    """Check a graph file, after its nodes were counted.

    Raises:
        GraphError: `size` or `limit`.
    """
    check_count(data, limits)
    return check(data, limits)


def _about(graph: Graph) -> About:
    doc = graph.doc[:_DOC]
    numbers = (graph.version, len(graph), len(graph.runs), graph.hash)
    return About(*numbers, graph.name, doc, graph.outputs)


def page_of(data: bytes, name: str, served: Mapping[str, Any], limits: Limits) -> bytes:
    """Return the page of a graph file.

    Args:
        data: The file.
        name: What the page calls it.
        served: What the page knows of the server.
        limits: On what is read.

    Raises:
        GraphError: The file can't be read, or is too large for a page.
    """
    return b"".join(page(loads(data, name, limits), name, served=served))


def opener(served: Mapping[str, Any]) -> bytes:
    """Return the page that opens links and files."""
    return b"".join(page(None, "", served=served))


def pictures_of(data: bytes, limits: Limits) -> Sequence[bytes]:
    """Draw a graph file in light and in dark, as SVG; nothing if it is too much to be drawn.

    Raises:
        GraphError: The file can't be read.
        MissingExtraError: The extra `draw` is not installed.
    """
    from mgraph.viewer.site import pictures  # noqa: PLC0415 - what draws is slow to import

    return pictures(loads(data, limits=limits))


def converted(data: bytes, extension: str, limits: Limits) -> bytes:
    """Return a graph file in the other encoding."""
    return b"".join(loads(data, limits=limits).to_bytes(extension))


class Graphs:
    """Graphs that were read, ready to be run again; the least recently used are forgotten."""

    def __init__(self) -> None:
        """Keep none yet."""
        self._kept: OrderedDict[str, ReadyGraph] = OrderedDict()
        self._nodes = 0

    def get(self, document: str) -> ReadyGraph | None:
        """Return the graph of a document, if it is kept."""
        graph = self._kept.get(document)
        if graph is not None:
            self._kept.move_to_end(document)
        return graph

    def keep(self, document: str, graph: ReadyGraph) -> None:
        """Keep the graph of a document."""
        if document in self._kept:  # another request has read it meanwhile
            return
        self._kept[document] = graph
        self._nodes += graph.size
        while self._nodes > _KEPT_NODES and len(self._kept) > 1:
            self._nodes -= self._kept.popitem(last=False)[1].size


def _read(data: bytes, limits: Limits) -> Any:  # noqa: ANN401 - a GraphFile
    """Read a graph without its runs."""
    inspection = inspect(data, limits=limits, strip=True)
    if inspection.graph is None:
        raise GraphError(inspection.diagnostics, inspection.more)
    return inspection.graph


class ReadyGraph:
    """A graph that is ready to be run.

    Attributes:
        graph: The graph, without runs.
        size: The number of its nodes.
    """

    def __init__(self, graph: Graph) -> None:
        """Take the graph."""
        self.graph = graph
        self.size = len(graph)
        self._is_small = self.size < _FEW or bool(tape.missing())
        self._replays: dict[str, Any] = {}

    def run(self, wanted: RunRequested) -> Run:
        """Run it.

        Raises:
            GraphError: `run-node`, `number`, `unbound-input` or `seed`, as for `Graph.run`.
        """
        inputs, seed, grad, math = wanted
        if self._is_small and math != LIBM:
            return self.graph.run(inputs, seed=seed, grad=grad, math=math)
        replay = self._replays.get(math)
        if replay is None:
            replay = self._replays[math] = self._prepared(math)
        result: Run = replay(inputs, seed=seed, grad=grad)
        return result

    def _prepared(self, math: str) -> Any:  # noqa: ANN401 - the tape is an extra
        """Return what runs the graph again and again."""
        return ListReplay(self.graph.columns) if self._is_small else self.graph.compile(math=math)


def ready_graph(data: bytes, limits: Limits) -> ReadyGraph:
    """Read the graph of a file.

    Raises:
        GraphError: It can't be read; it was stored under other limits.
    """
    return ReadyGraph(as_graph(_read(data, limits)))


_GRAPHS: Final = Graphs()
"""The graphs that another process keeps."""


def run_in_worker(document: str, data: bytes, wanted: RunRequested, limits: Limits) -> bytes:
    """Run a document's graph in another process, which keeps it.

    Raises:
        GraphError: As for `ReadyGraph.run`.
    """
    graph = _GRAPHS.get(document)
    if graph is None:
        graph = ready_graph(data, limits)
        _GRAPHS.keep(document, graph)
    return run_bytes(graph, wanted)


def run_bytes(graph: ReadyGraph, wanted: RunRequested) -> bytes:
    """Run a graph, and return the run as it is in a JSON file.

    Raises:
        GraphError: As for `ReadyGraph.run`.
    """
    return as_json_bytes(run_fields(graph.run(wanted), _by_id))


def _by_id(numbers: Numbers) -> dict[str, float | str]:
    values = numbers.numbers
    plain = values if isfinite(sum(values)) else map(spelled, values)
    return dict(zip(numbers, plain, strict=True))


def as_msgpack(data: bytes) -> bytes:
    """Return JSON as msgpack."""
    return as_msgpack_bytes(from_json_bytes(data))
