"""Cases: the runs of golden graphs, each one a question to an engine."""

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
from mgraph.grade.program import Instruction, Program, program_of
from mgraph.graph.run import DEFAULT, Run, Tolerance, is_complete

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

SECTION: Final = "grade"
"""The key in a file's `meta` under which it says how it is graded."""

_HERE: Final = Path(__file__).parent
_FOLDERS: Final = (_HERE / "pack", _HERE.parent.parent / "fixtures" / "pack")


def golden_set() -> Path:
    """Return the folder of the golden set that comes with mgraph: installed, or in a checkout."""
    return next(folder for folder in _FOLDERS if folder.is_dir())


@dataclass(frozen=True)
class Case:
    """One run of one graph file.

    Attributes:
        file: The name of the file.
        run: The index of the run.
        graph: The graph, without runs.
        want: The run with the expected numbers.
        tolerance: How near an engine's numbers must be.
        compose: Formulas for ops that an engine may lack.
        backward: How often backward is called; the second call doubles the leaves' gradients.
        then: The run whose graph is made next, of the same leaves; None if no other one is made.
        has_integers: Whether whole numbers in leaves are passed as integers.
        is_first: Whether the graph is the first one in a process.
    """

    file: str
    run: int
    graph: Graph
    want: Run
    tolerance: Tolerance
    compose: Mapping[str, str]
    backward: int = 1
    then: Run | None = None
    has_integers: bool = False
    is_first: bool = False

    @property
    def title(self) -> str:
        """The file's name for people: the bare name if it belongs to the golden set."""
        path = Path(self.file)
        return path.stem if path.parent == golden_set() else self.file

    @property
    def names(self) -> tuple[str, ...]:
        """What the file may be called: the title, and its name with extension or path."""
        bare = Path(self.file).name
        return (self.title, Path(bare).stem, bare, self.file)

    def is_one_of(self, names: Sequence[str]) -> bool:
        """Whether one of some names is the file's."""
        return any(name in names for name in self.names)

    @property
    def is_complete(self) -> bool:
        """Whether a node to which the run gives no gradient must have none."""
        return is_complete(self.want, self.graph.columns)

    @cached_property
    def program(self) -> Program:
        """The case as a program."""
        return self.composed({})

    def composed(self, formulas: Mapping[str, str]) -> Program:
        """Return the case as a program in which some ops are composed of others."""
        program = self._program(self.want, formulas)
        following = None if self.then is None else self._program(self.then, formulas).root
        return program._replace(
            following=following, has_integers=self.has_integers, is_first=self.is_first
        )

    def _program(self, run: Run, formulas: Mapping[str, str]) -> Program:
        return program_of(self.graph.columns, run.inputs, run.seed, formulas, self.backward)

    def document(self) -> bytes:
        """Return the case as a graph file on one line: inputs and seed, but no results."""
        question = Run(None, None, inputs=self.want.inputs, seed=self.want.seed)
        written = b"".join(self.graph.with_runs([question]).to_bytes(".json"))
        return written.replace(b"\n", b"")  # newlines within strings are escaped


def cases_of(
    paths: Iterable[str],
    tolerance: Tolerance | None = None,
    limits: Limits = LIMITS,
    read: Callable[[Path, Limits], bytes] = read_file,
) -> Iterator[Case]:
    """Yield the cases of some files and folders, in order.

    Args:
        paths: Files, and folders to walk; in folders, fixtures that must be refused are skipped.
        tolerance: Replaces each run's own tolerance.
        limits: Limits on the size of files.
        read: Returns the bytes of a file.

    Raises:
        GraphError: The diagnostics of the first file that can't be used.
    """
    for path, walked in graph_files(paths):
        if walked and path.with_name(path.stem + ".diagnostic.json").exists():
            continue
        try:
            data = read(path, limits)
        except GraphError as error:
            raise error.named(str(path)) from None
        inspection = inspect(data, str(path), limits)
        if inspection.graph is None:
            if walked and inspection.is_other_file:
                continue
            raise GraphError(inspection.diagnostics, inspection.more)
        yield from _cases(str(path), as_graph(inspection.graph), tolerance)


def without(cases: Sequence[Case], skipped: Sequence[str]) -> list[Case]:
    """Return the cases without some that are named.

    Raises:
        KeyError: If no case has one of the names, which is the error's argument.
    """
    known = {name for case in cases for name in case.names}
    for name in skipped:
        if name not in known:
            raise KeyError(name)
    return [case for case in cases if not case.is_one_of(skipped)]


def _cases(file: str, graph: Graph, tolerance: Tolerance | None) -> Iterator[Case]:
    section = _section(graph, file)
    compose, backward = section.get("compose", {}), section.get("backward", 1)
    flags = (section.get("integers", False), section.get("first", False))
    cases: list[Case] = []
    bare = replace(graph, runs=())
    for i, run in enumerate(graph.runs):
        tolerated = tolerance or run.tolerance or DEFAULT
        case = Case(file, i, bare, run, tolerated, compose, backward, None, *flags)
        try:
            _ = case.composed(compose) if compose else case.program
        except ExpressionError as error:
            message = f"meta.{SECTION}.compose has a formula that can't be read: {error}"
            raise GraphError.of("type", message).named(file) from None
        cases.append(case)
    yield from _each_followed(cases) if section.get("graphs", 1) > 1 else cases


def _each_followed(cases: Sequence[Case]) -> list[Case]:
    """Return a file's cases, each with a second graph of the same leaves.

    Its backward starts from the output of the next run that differs in nothing else; after the last
    run comes the first. If there is none, the same graph is made once more.
    """
    same: dict[tuple[Instruction, ...], list[Case]] = {}
    for case in cases:
        same.setdefault(case.program.steps, []).append(case)
    then = {
        case.run: other.want
        for own in same.values()
        for case, other in zip(own, (*own[1:], own[0]), strict=True)
    }
    return [replace(case, then=then[case.run]) for case in cases]


def _section(graph: Graph, file: str) -> Mapping[str, Any]:
    """Return the section of a file's `meta` about grading; empty if there is none.

    Raises:
        GraphError: `type` if the section is not as the format reference says.
    """
    meta = graph.header.get("meta")
    section = meta.get(SECTION, {}) if isinstance(meta, dict) else {}
    compose = section.get("compose", {}) if isinstance(section, dict) else None
    is_right = (
        isinstance(compose, dict)
        and all(isinstance(formula, str) for formula in compose.values())
        and section.get("backward", 1) in (1, 2)
        and section.get("graphs", 1) in (1, 2)
        and all(isinstance(section.get(each, False), bool) for each in ("integers", "first"))
    )
    if is_right:
        return section
    message = f"meta.{SECTION} is not as expected"
    expected = 'an object like {"compose": {"relu": "max(x, 0)"}, "backward": 2}'
    raise GraphError.of("type", message, expected=expected).named(file)
