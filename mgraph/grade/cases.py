"""Cases: every run of every golden graph, as it is put to an engine."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mgraph.build.expression import ExpressionError
from mgraph.codec import LIMITS, Limits, read_file
from mgraph.document import Graph, as_graph
from mgraph.errors import GraphError
from mgraph.format.reading import inspect
from mgraph.golden.rerun import graph_files
from mgraph.grade.program import Program, program_of
from mgraph.graph.run import DEFAULT, Run, Tolerance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

SECTION: Final = "grade"
"""The key of a file's meta that says how it is graded."""

_HERE: Final = Path(__file__).parent
_PLACES: Final = (_HERE / "pack", _HERE.parent.parent / "fixtures" / "pack")


def pack() -> Path:
    """Return the folder of the golden graphs that come with mgraph."""
    return next(place for place in _PLACES if place.is_dir())


@dataclass(frozen=True)
class Case:
    """One run of one graph file.

    Attributes:
        file: The name of the file.
        run: Which run, from 0.
        graph: The graph, without runs.
        want: What must come out.
        tolerance: How near.
        compose: Formulas for ops that an engine may lack.
        backward: How often backward is called; the second time doubles the leaves' gradients.
    """

    file: str
    run: int
    graph: Graph
    want: Run
    tolerance: Tolerance
    compose: Mapping[str, str]
    backward: int = 1

    @property
    def title(self) -> str:
        """What the file is called in a line of text: in the pack, by its lesson."""
        path = Path(self.file)
        return path.stem if path.parent == pack() else self.file

    @property
    def is_complete(self) -> bool:
        """Whether every node is spoken of, so that one without a gradient must have none."""
        return self.want.data is not None and len(self.want.data) == len(self.graph)

    @cached_property
    def program(self) -> Program:
        """The case as steps."""
        return self.composed({})

    def composed(self, formulas: Mapping[str, str]) -> Program:
        """Return the case as steps, some ops being composed of others."""
        graph, want = self.graph.columns, self.want
        return program_of(graph, want.inputs, want.seed, formulas, self.backward)

    def document(self) -> bytes:
        """Return the case as a graph file on one line, with its question and no answer."""
        question = Run(None, None, inputs=self.want.inputs, seed=self.want.seed)
        written = b"".join(self.graph.with_runs([question]).to_bytes(".json"))
        return written.replace(b"\n", b"")  # those within texts are escaped


def cases_of(
    paths: Iterable[str],
    tolerance: Tolerance | None = None,
    limits: Limits = LIMITS,
    read: Callable[[Path, Limits], bytes] = read_file,
) -> Iterator[Case]:
    """Yield the cases of some files and folders, in order.

    Args:
        paths: Files, and folders that are walked; files that must be refused are passed over.
        tolerance: Instead of each run's own.
        limits: What files may ask for.
        read: Gives the bytes of a file.

    Raises:
        GraphError: What is wrong with the first bad file.
    """
    for path, walked in graph_files(paths):
        if walked and path.with_name(path.stem + ".diagnostic.json").exists():
            continue
        try:
            data = read(path, limits)
        except GraphError as error:
            raise error.named(str(path)) from None
        found = inspect(data, str(path), limits)
        if found.graph is None:
            if walked and found.diagnostics[0].code == "format":
                continue
            raise GraphError(found.diagnostics, found.more)
        yield from _cases(str(path), as_graph(found.graph), tolerance)


def _cases(file: str, graph: Graph, tolerance: Tolerance | None) -> Iterator[Case]:
    said = _section(graph, file)
    bare = replace(graph, runs=())
    for i, run in enumerate(graph.runs):
        within = tolerance or run.tolerance or DEFAULT
        compose, backward = said.get("compose", {}), said.get("backward", 1)
        case = Case(file, i, bare, run, within, compose, backward)
        try:
            case.composed(compose)
        except ExpressionError as error:
            message = f"meta.{SECTION}.compose has a formula that can't be read: {error}"
            raise GraphError.of("type", message).named(file) from None
        yield case


def _section(graph: Graph, file: str) -> Mapping[str, Any]:
    """Return what a file says of grading.

    Raises:
        GraphError: `type`: it is not as the format reference says.
    """
    meta = graph.header.get("meta")
    said = meta.get(SECTION, {}) if isinstance(meta, dict) else {}
    compose = said.get("compose", {}) if isinstance(said, dict) else None
    is_right = (
        isinstance(compose, dict)
        and all(isinstance(each, str) for each in compose.values())
        and said.get("backward", 1) in (1, 2)
    )
    if is_right:
        return said
    message = f"meta.{SECTION} is not as expected"
    expected = 'an object like {"compose": {"relu": "max(x, 0)"}, "backward": 2}'
    raise GraphError.of("type", message, expected=expected).named(file)
