"""Golden tests: run every run of a graph file again, and compare the numbers."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mgraph.codec import LIMITS, Limits, decode, read_file
from mgraph.codec.files import io_error
from mgraph.document import ANNOTATED, Graph, as_graph
from mgraph.errors import Diagnostic, GraphError, printable
from mgraph.format.reading import inspect
from mgraph.graph.run import DEFAULT, SELF_RECORDED, Run, Tolerance, bits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

EXTENSIONS: Final = (".json", ".msgpack")
EXPECTED: Final = ".diagnostic.json"
"""Replaces the extension in the name of a file that lists the diagnostics expected for another."""

COUNTABLE: Final = 10**6
"""Larger errors are not given in units in the last place."""


class Status(StrEnum):
    """The result of testing a run or a file."""

    OK = "ok"
    WRONG = "wrong"
    REFUSED = "refused"
    UNTESTED = "not tested"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Mismatch:
    """A number that differs from the one in a file.

    Attributes:
        node: The id of its node.
        field: "data" or "grad".
        got: The number that was computed; None if the node has no adjoint.
        want: The number in the file; None if the node must have no adjoint.
    """

    node: str
    field: str
    got: float | None
    want: float | None

    @property
    def ulps(self) -> int | None:
        """The error in units in the last place; None if one number is NaN or missing."""
        return None if self.got is None or self.want is None else ulps(self.got, self.want)

    @property
    def relative(self) -> float | None:
        """The relative error; None if it is not a finite number."""
        if self.got is None or not self.want or self.ulps is None:
            return None
        error = abs((self.got - self.want) / self.want)
        return error if error - error == 0.0 else None

    def __str__(self) -> str:
        """Describe which number is wrong, and by how much."""
        name = f"{self.field} of {self.node}"
        if self.want is None:
            return f"{name} is {self.got!r}; the run leaves it out, which means: no path"
        if self.got is None:
            return f"{name}: the file says {self.want!r}, but there is no path to a seeded output"
        return f"{name}: the file says {self.want!r}, mgraph computes {self.got!r}{self.error}"

    def describe_answer(self) -> str:
        """Describe the difference if the number was computed by another engine."""
        got, want = (
            "no path to a seeded output" if x is None else repr(x) for x in (self.got, self.want)
        )
        return f"{self.field} of {self.node}: got {got}, expected {want}{self.error}"

    @property
    def error(self) -> str:
        """The size of the error in parentheses, after a space; empty if it has none."""
        sizes = []
        if self.ulps is not None and self.ulps < COUNTABLE:
            sizes.append(f"{self.ulps:,} ulp")
        if self.relative is not None:
            sizes.append(f"relative error {self.relative:.2g}")
        return f" ({', '.join(sizes)})" if sizes else ""


def ulps(a: float, b: float) -> int | None:
    """Return the distance of two doubles in units in the last place; None if one is NaN."""
    if a != a or b != b:
        return None
    return abs(_rank(a) - _rank(b))


def _rank(x: float) -> int:
    """Return the number of a double in ascending order; both zeros are 0."""
    pattern = bits(x)
    return pattern if pattern < 1 << 63 else (1 << 63) - pattern


def mismatches(got: Run, want: Run, tolerance: Tolerance) -> Iterator[Mismatch]:
    """Compare a complete run with an expected one.

    Yields:
        Wrong primals in evaluation order, then wrong adjoints in backward order, so that the
        first one is closest to the cause.
    """
    data, grad = got.data or {}, got.grad or {}
    for node, value in (want.data or {}).items():
        if not tolerance.allows(data[node], value):
            yield Mismatch(node, "data", data[node], value)
    if want.grad is None:
        return
    is_complete = want.data is not None and len(want.data) == len(data)
    for node in reversed([*data]):
        adjoint, expected = grad.get(node), want.grad.get(node)
        if expected is None:
            if adjoint is not None and is_complete:
                yield Mismatch(node, "grad", adjoint, None)
        elif adjoint is None or not tolerance.allows(adjoint, expected):
            yield Mismatch(node, "grad", adjoint, expected)


@dataclass(frozen=True)
class FileOutcome:
    """The result of testing one run of a file, or the file as a whole.

    Attributes:
        file: The name of the file.
        run: Which run, from 0; None for the file as a whole.
        status: The result.
        origin: Where the expected numbers come from.
        wrong: How many numbers are wrong.
        first: The first wrong number.
        diagnostics: Why the file was refused, or which diagnostics differ from the expected ones.
        note: A remark.
    """

    file: str
    run: int | None
    status: Status
    origin: str = ""
    wrong: int = 0
    first: Mismatch | None = None
    diagnostics: Sequence[Diagnostic] = ()
    note: str = ""

    @property
    def failed(self) -> bool:
        """Whether this makes the test fail."""
        return self.status in (Status.WRONG, Status.REFUSED)

    @property
    def why(self) -> list[str]:
        """The reason as lines of text, without the diagnostics."""
        if self.first is None:
            return [printable(self.note)] if self.note else []
        lines = [str(self.first)]
        if self.wrong > 1:
            lines.append(f"and {self.wrong - 1:,} more number{'s' if self.wrong > 2 else ''}")  # noqa: PLR2004
        if self.origin:
            lines.append(_source(printable(self.origin)))
        return lines

    def as_json(self) -> dict[str, Any]:
        """Return the fields as plain data."""
        first = self.first
        return {
            "file": self.file,
            "run": self.run,
            "status": self.status,
            "origin": self.origin or None,
            "wrong": self.wrong,
            "node": first and first.node,
            "field": first and first.field,
            "got": first and first.got,
            "want": first and first.want,
            "ulps": first and first.ulps,
            "relative": first and first.relative,
            "diagnostics": [diagnostic.as_json() for diagnostic in self.diagnostics],
            "note": self.note or None,
        }


def _source(origin: str) -> str:
    """Describe where the numbers of a run come from; of mgraph's own, which version."""
    if origin.startswith(SELF_RECORDED):
        return f"recorded by {' '.join(origin.split()[:2])}"
    return f"origin: {origin}"


class RunTest(NamedTuple):
    """A test of one run of a file, or of the file as a whole.

    Attributes:
        run: Which run, from 0; None for the file as a whole.
        test: Runs the test.
    """

    run: int | None
    test: Callable[[], FileOutcome]


@dataclass(frozen=True)
class Options:
    """How files are tested.

    Attributes:
        tolerance: Replaces the tolerance of each run.
        engine: The engine that runs the graph.
        limits: The limits for files.
        read: Reads the bytes of a file.
    """

    tolerance: Tolerance | None = None
    engine: str = "auto"
    limits: Limits = field(default=LIMITS)
    read: Callable[[Path, Limits], bytes] = read_file


def graph_files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[tuple[Path, bool]]:
    """Yield graph files, and whether each was found in a folder instead of named.

    Folders are walked in order of names. Hidden files and folders, files that `mgraph run` wrote
    without being given a name, and lists of expected diagnostics are skipped.

    Raises:
        GraphError: `io` if a folder can't be read.
    """
    for path in map(Path, paths):
        if not path.is_dir():
            yield path, False
            continue
        for folder, folders, files in os.walk(path, onerror=_unreadable):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(files):
                if is_graph_file(name):
                    yield Path(folder, name), True


def _unreadable(error: OSError) -> None:
    raise io_error(error.filename, "read", error) from None


def is_graph_file(name: str) -> bool:
    """Whether a walk through folders treats a file of this name as a graph file."""
    return (
        name.endswith(EXTENSIONS)
        and not name.startswith(".")
        and not name.endswith(EXPECTED)
        and not Path(name).stem.endswith(ANNOTATED)
    )


def outcomes_of(path: Path, options: Options, *, walked: bool = False) -> Iterator[FileOutcome]:
    """Test one file; the arguments are those of `read_tests`."""
    for run_test in read_tests(path, options, walked=walked):
        yield run_test.test()


def read_tests(path: Path, options: Options, *, walked: bool = False) -> Iterator[RunTest]:
    """Read one file, and yield its tests.

    Args:
        path: The file.
        options: How to test it.
        walked: Whether it was found in a folder, so that it may not be a graph file.
    """
    name = str(path)
    if name.endswith(EXPECTED) and any(_partners(path)):
        note = "it lists the diagnostics expected for another file"
        yield _known(FileOutcome(name, None, Status.SKIPPED, note=note))
        return
    try:
        data = options.read(path, options.limits)
    except GraphError as error:
        diagnostics = error.named(name).diagnostics
        yield _known(FileOutcome(name, None, Status.REFUSED, diagnostics=diagnostics))
        return
    result = inspect(data, name, options.limits)
    expected = _expected_diagnostics(path, options.limits)
    if expected is not None:
        yield _known(_as_expected(name, result.diagnostics, result.more, expected))
    elif result.graph is None:
        is_other = walked and result.diagnostics[0].code == "format"
        status, note = (Status.SKIPPED, "not a graph file") if is_other else (Status.REFUSED, "")
        yield _known(FileOutcome(name, None, status, diagnostics=result.diagnostics, note=note))
    if result.graph is None:
        return
    graph = as_graph(result.graph)
    for i, want in enumerate(graph.runs):
        yield RunTest(i, partial(run_again, graph, name, i, want, options))
    if not graph.runs and expected is None:
        yield _known(FileOutcome(name, None, Status.UNTESTED, note="it has no runs"))


def _known(outcome: FileOutcome) -> RunTest:
    return RunTest(None, lambda: outcome)


def run_again(graph: Graph, name: str, i: int, want: Run, options: Options) -> FileOutcome:
    """Run a graph with the inputs and the seed of a run, and compare the numbers.

    Raises:
        GraphError: The graph has no such inputs or outputs; not for its own runs.
        KeyError: The run expects a primal of a node that does not exist; not for its own runs.
    """
    got = graph.run(want.inputs, seed=want.seed, engine=options.engine)
    tolerance = options.tolerance or want.tolerance or DEFAULT
    wrong = mismatches(got, want, tolerance)
    first = next(wrong, None)
    status = Status.OK if first is None else Status.WRONG
    count = 0 if first is None else 1 + sum(1 for _ in wrong)
    return FileOutcome(name, i, status, want.origin, count, first)


def _partners(path: Path) -> Iterator[bool]:
    """Yield, per extension, whether the file exists that a list of expected diagnostics is for."""
    stem = path.name.removesuffix(EXPECTED)
    return (path.with_name(stem + extension).is_file() for extension in EXTENSIONS)


def _expected_diagnostics(path: Path, limits: Limits) -> dict[str, Any] | None:
    """Read the diagnostics expected for a file; None if there is no list, {} if it is not valid."""
    beside = path.with_name(path.stem + EXPECTED)
    if not beside.is_file():
        return None
    try:
        expected = decode(read_file(beside, limits), limits)
    except GraphError:
        return {}
    listed = expected.get("diagnostics") if isinstance(expected, dict) else None
    is_list = isinstance(listed, list) and all(
        isinstance(diagnostic, dict) for diagnostic in listed
    )
    return expected if is_list else {}


def _as_expected(
    name: str, diagnostics: Sequence[Diagnostic], more: int, expected: Mapping[str, Any]
) -> FileOutcome:
    """Compare the diagnostics of a file with the expected ones."""
    wanted = expected.get("diagnostics")
    if wanted is None:
        return FileOutcome(name, None, Status.WRONG, note=f"its {EXPECTED} file can't be read")
    got = [diagnostic.as_json() for diagnostic in diagnostics]
    same = len(got) == len(wanted) and more == expected.get("more", 0)
    if same and all(want.items() <= have.items() for want, have in zip(wanted, got, strict=True)):
        return FileOutcome(name, None, Status.OK, origin=EXPECTED)
    note = f"expected {_joined(wanted)}, found {_joined(got)}"
    return FileOutcome(name, None, Status.WRONG, diagnostics=diagnostics, note=note)


def _joined(diagnostics: Iterable[Mapping[str, Any]]) -> str:
    shown = [
        f"{item.get('code')} at {item.get('pointer') or 'the document'}"
        f" ({item.get('line', 'byte')}:{item.get('column', item.get('offset'))})"
        for item in diagnostics
    ]
    return ", ".join(shown) or "nothing"


def accepted(graph: Graph, options: Options) -> Graph:
    """Return a graph whose runs expect the numbers that they give now.

    In a run that changed, the numbers that it names are recorded again, and its origin is mgraph
    from then on. The other runs stay as they are.
    """
    return graph.with_runs(_recorded_again(graph, run, options) for run in graph.runs)


def _recorded_again(graph: Graph, want: Run, options: Options) -> Run:
    got = graph.run(want.inputs, seed=want.seed, engine=options.engine)
    tolerance = options.tolerance or want.tolerance or DEFAULT
    if next(mismatches(got, want, tolerance), None) is None:
        return want
    return replace(
        want,
        data=_named_only(want.data, got.data),
        grad=got.grad if _is_complete(want, graph) else _named_only(want.grad, got.grad),
        origin=got.origin,
    )


def _is_complete(run: Run, graph: Graph) -> bool:
    return run.grad is not None and run.data is not None and len(run.data) == len(graph)


def _named_only(
    want: Mapping[str, float] | None, got: Mapping[str, float] | None
) -> dict[str, float] | None:
    if want is None or got is None:
        return None
    return {name: got[name] for name in want if name in got}
