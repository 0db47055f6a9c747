"""Golden tests: run every run of a graph file again, and compare the numbers."""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from mgraph.codec import LIMITS, Limits, decode, read_file, spelled
from mgraph.codec.files import io_error
from mgraph.document import ANNOTATED, Graph, as_graph, engine_for
from mgraph.errors import Diagnostic, GraphError, pointer, printable
from mgraph.format.reading import inspect
from mgraph.golden.lazy import Lazy
from mgraph.golden.places import Position, RunPlaces
from mgraph.golden.require import DATA, Missing, Requirement, described
from mgraph.graph.run import (
    DEFAULT,
    LIBM,
    SELF_RECORDED,
    Numbers,
    Run,
    Tolerance,
    bits,
    is_complete,
    numbers_over,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from mgraph.errors import Path as JsonPath
    from mgraph.graph.columns import Columns

EXTENSIONS: Final = (".json", ".msgpack")
EXPECTED: Final = ".diagnostic.json"
"""Replaces the extension in the name of a file that lists the diagnostics expected for another."""

NOWHERE: Final = Position()

SHOWN: Final = 20
"""The most wrong numbers of a run that people are shown; the others are counted."""

NOTHING: Final = "it states no numbers, so nothing was compared"
"""The note on a run that passes for nothing."""

COUNTABLE: Final = 10**6
"""Larger errors are not given in units in the last place."""


class Status(StrEnum):
    """The result of testing a run or a file."""

    OK = "ok"
    WRONG = "wrong"
    INCOMPLETE = "incomplete"
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
        path: Where in the file the number is, or would be if it weren't left out; may be empty.
        position: The position of the number in the file, if it is known.
    """

    node: str
    field: str
    got: float | None
    want: float | None
    path: JsonPath = ()
    position: Position = NOWHERE

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
        """Describe which number is wrong, by how much, and where it is."""
        said, computed = f"the file says {self.want!r}", f"mgraph computes {self.got!r}"
        if self.want is None:
            said = "the file leaves it out, which means no path"
            computed = f"but {computed}"
        if self.got is None:
            computed = "but there is no path to a seeded output"
        details = self._parentheses(str(self.position))
        return f"{self.field} of {self.node}: {said}, {computed}{details}"

    def describe_answer(self) -> str:
        """Describe the difference if the number was computed by another engine."""
        got, want = (
            "no path to a seeded output" if x is None else repr(x) for x in (self.got, self.want)
        )
        return f"{self.field} of {self.node}: got {got}, expected {want}{self.error}"

    @property
    def error(self) -> str:
        """The size of the error in parentheses, after a space; empty if it has none."""
        return self._parentheses()

    def as_json(self) -> dict[str, Any]:
        """Return the fields as plain data."""
        numbers = {"got": self.got, "want": self.want, "relative": self.relative}
        return {
            "node": self.node,
            "field": self.field,
            **{key: None if x is None else spelled(x) for key, x in numbers.items()},
            "ulps": self.ulps,
            "pointer": pointer(self.path),
            **self.position._asdict(),
        }

    def _parentheses(self, place: str = "") -> str:
        """Return the size of the error and the place in parentheses, after a space."""
        sizes = []
        if self.ulps is not None and self.ulps < COUNTABLE:
            sizes.append(f"{self.ulps:,} ulp")
        if self.relative is not None:
            sizes.append(f"relative error {self.relative:.2g}")
        parts = [part for part in (", ".join(sizes), place) if part]
        return f" ({'; '.join(parts)})" if parts else ""


def ulps(a: float, b: float) -> int | None:
    """Return the distance of two doubles in units in the last place; None if one is NaN."""
    if a != a or b != b:
        return None
    return abs(_rank(a) - _rank(b))


def _rank(x: float) -> int:
    """Return the number of a double in ascending order; both zeros are 0."""
    pattern = bits(x)
    return pattern if pattern < 1 << 63 else (1 << 63) - pattern


def mismatches(got: Run, want: Run, tolerance: Tolerance) -> Sequence[Mismatch]:
    """Compare a complete run with an expected one.

    Returns:
        Wrong primals in evaluation order, then wrong adjoints in backward order, so that the
        first one is closest to the cause. Each is created when it is used.

    Raises:
        KeyError: The run expects a primal of a node that does not exist.
    """
    data = cast("Numbers", got.data)
    wanted = numbers_over(want.data or {}, data.graph)
    grad = numbers_over(got.grad or {}, data.graph)
    wrong = array("q", _wrong_primals(data, wanted, tolerance))
    expected = grad
    if want.grad is not None:
        expected = _known_numbers(want.grad, data.graph)
        nodes = _wrong_adjoints(grad, expected, tolerance, complete=is_complete(want, data.graph))
        wrong.extend(~node for node in reversed(nodes))

    def mismatch(key: int) -> Mismatch:
        if key >= 0:
            return Mismatch(data.graph.ids[key], "data", data.of(key), wanted.of(key))
        return Mismatch(data.graph.ids[~key], "grad", grad.of(~key), expected.of(~key))

    return Lazy(wrong, mismatch)


def _known_numbers(given: Mapping[str, float], graph: Columns) -> Numbers:
    """Return numbers as columns over a graph, without those of ids that it doesn't have."""
    if isinstance(given, Numbers) and given.graph is graph:
        return given
    return numbers_over({name: x for name, x in given.items() if name in graph.index}, graph)


def _wrong_primals(got: Numbers, want: Numbers, tolerance: Tolerance) -> Iterator[int]:
    """Yield the nodes whose primal is wrong, ascending."""
    numbers = got.numbers if want.at is None else got.among(want.at)[1]
    return (want.nodes[i] for i in tolerance.refused(numbers, want.numbers))


def _wrong_adjoints(
    got: Numbers, want: Numbers, tolerance: Tolerance, *, complete: bool
) -> Sequence[int]:
    """Return the nodes whose adjoint is wrong or missing, ascending.

    If the run is complete, an adjoint that it doesn't expect is wrong, too.
    """
    if got.at == want.at:
        return [want.nodes[i] for i in tolerance.refused(got.numbers, want.numbers)]
    adjoints, expected = (dict(zip(one.nodes, one.numbers, strict=True)) for one in (got, want))
    common = [node for node in expected if node in adjoints]
    columns = (array("d", map(one.__getitem__, common)) for one in (adjoints, expected))
    wrong = [common[i] for i in tolerance.refused(*columns)]
    wrong += (node for node in expected if node not in adjoints)
    if complete:
        wrong += (node for node in adjoints if node not in expected)
    return sorted(wrong)


@dataclass(frozen=True)
class FileOutcome:
    """The result of testing one run of a file, or the file as a whole.

    Attributes:
        file: The name of the file.
        run: Which run, from 0; None for the file as a whole.
        status: The result.
        origin: Where the expected numbers come from.
        wrong: How many numbers are wrong.
        mismatches: The first of them, as many as were asked for.
        missing: The required numbers that the run leaves out.
        compared: How many numbers the run states.
        diagnostics: Why the file was refused, or which diagnostics differ from the expected ones.
        note: A remark.
        math: `EXACT_MATH` if the run says so, and was run again in exact math; else empty.
    """

    file: str
    run: int | None
    status: Status
    origin: str = ""
    wrong: int = 0
    mismatches: Sequence[Mismatch] = ()
    missing: Sequence[Missing] = ()
    compared: int = 0
    diagnostics: Sequence[Diagnostic] = ()
    note: str = ""
    math: str = ""

    @property
    def failed(self) -> bool:
        """Whether this makes the test fail."""
        return self.status in (Status.WRONG, Status.INCOMPLETE, Status.REFUSED)

    @property
    def has_graph(self) -> bool:
        """Whether the file has a graph that was, or could be, tested."""
        return self.run is not None or self.status in (Status.UNTESTED, Status.INCOMPLETE)

    @property
    def first(self) -> Mismatch | None:
        """The first wrong number."""
        return self.mismatches[0] if self.mismatches else None

    def why(self, most: int | None = SHOWN, rest: str = "") -> list[str]:
        """Return the reason as lines of text, without the diagnostics.

        Args:
            most: How many wrong numbers to list; None for all that there are.
            rest: How to see the others.
        """
        lines = [str(mismatch) for mismatch in self.mismatches[:most]]
        if more := self.wrong - len(lines):
            lines.append(f"… and {more:,} more{rest}")
        if self.missing:
            lines.append(f"it leaves out {described(self.missing, most)}")
        if self.note:
            lines.append(printable(self.note))
        if self.mismatches and self.origin:
            lines.append(_source(printable(self.origin)))
        if self.mismatches and self.math:
            lines.append(f"computed in {self.math} math")
        return lines

    def as_json(self) -> dict[str, Any]:
        """Return the fields as plain data."""
        first = self.first
        return {
            "file": self.file,
            "run": self.run,
            "status": self.status,
            "origin": self.origin or None,
            "math": self.math or None,
            "wrong": self.wrong,
            "node": first and first.node,
            "field": first and first.field,
            "got": first and first.got,
            "want": first and first.want,
            "ulps": first and first.ulps,
            "relative": first and first.relative,
            "diagnostics": [diagnostic.as_json() for diagnostic in self.diagnostics],
            "note": self.note or None,
            "compared": self.compared,
            "mismatches": [mismatch.as_json() for mismatch in self.mismatches],
            "missing": [missing.as_json() for missing in self.missing],
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
        required: What runs must state.
        most: How many wrong numbers of a run to return; None for all.
    """

    tolerance: Tolerance | None = None
    engine: str = "auto"
    limits: Limits = field(default=LIMITS)
    read: Callable[[Path, Limits], bytes] = read_file
    required: Requirement = field(default=Requirement())
    most: int | None = SHOWN


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
        status, note = Status.REFUSED, ""
        if walked and result.is_other_file:
            status, note = Status.SKIPPED, "not a graph file"
        yield _known(FileOutcome(name, None, status, diagnostics=result.diagnostics, note=note))
    if result.graph is None:
        return
    graph = as_graph(result.graph)
    engine = engine_for(options.engine, len(graph) * len(graph.runs))
    options = replace(options, engine=engine)
    places = RunPlaces(data, len(graph.runs), options.limits)
    for i, want in enumerate(graph.runs):
        yield RunTest(i, partial(run_again, graph, name, i, want, options, places))
    if not graph.runs and expected is None:
        yield _known(_without_runs(graph, name, options.required))


def _known(outcome: FileOutcome) -> RunTest:
    return RunTest(None, lambda: outcome)


def _without_runs(graph: Graph, name: str, required: Requirement) -> FileOutcome:
    missing = tuple(required.unknown(graph.columns))
    status = Status.INCOMPLETE if required else Status.UNTESTED
    return FileOutcome(name, None, status, missing=missing, note="it has no runs")


def run_again(  # noqa: PLR0913, PLR0917 - a run and where it is from
    graph: Graph, name: str, i: int, want: Run, options: Options, places: RunPlaces | None = None
) -> FileOutcome:
    """Run a graph with the inputs and the seed of a run, and compare the numbers.

    Args:
        graph: The graph.
        name: The name of the file that the run is from.
        i: Which run of the file it is.
        want: The run.
        options: How to test it.
        places: Where the numbers of the file are; None if that doesn't matter.

    Raises:
        GraphError: The graph has no such inputs or outputs; not for its own runs.
        KeyError: The run expects a primal of a node that does not exist; not for its own runs.
    """
    got = computed_again(graph, want, options)
    tolerance = options.tolerance or want.tolerance or DEFAULT
    wrong = mismatches(got, want, tolerance)
    listed = wrong[: options.most]
    if listed and places is not None:
        listed = _placed(listed, i, want, places)
    missing = options.required.missing(want, got)
    status = Status.WRONG if wrong else Status.INCOMPLETE if missing else Status.OK
    compared = sum(len(numbers or ()) for numbers in (want.data, want.grad))
    note = "" if compared else NOTHING
    return FileOutcome(
        name, i, status, want.origin, len(wrong), listed, missing, compared, note=note,
        math=want.math,
    )  # fmt: skip


def computed_again(graph: Graph, want: Run, options: Options) -> Run:
    """Run a graph with the inputs, the seed and the math of a run.

    Raises:
        GraphError: The graph has no such inputs or outputs.
    """
    math = want.math or LIBM
    return graph.run(want.inputs, seed=want.seed, engine=options.engine, math=math)


def _placed(wrong: Sequence[Mismatch], i: int, want: Run, places: RunPlaces) -> Sequence[Mismatch]:
    """Add to wrong numbers of a run where they are in the file."""
    paths = [[*_paths(mismatch, i, want)] for mismatch in wrong]
    at = places.within(i, chain.from_iterable(paths))
    placed = []
    for mismatch, ways in zip(wrong, paths, strict=True):
        path = next((path for path in ways if path in at), ())
        placed.append(replace(mismatch, path=path, position=at.get(path, NOWHERE)))
    return placed


def _paths(mismatch: Mismatch, i: int, want: Run) -> Iterator[JsonPath]:
    """Yield where a number may be: in a packed column, under its id, or else what surrounds it."""
    field = mismatch.field
    numbers = want.data if field == DATA else want.grad
    if isinstance(numbers, Numbers) and mismatch.want is not None:
        yield ("runs", i, field, "value", numbers.place_of(numbers.graph.index[mismatch.node]) or 0)
    if mismatch.want is not None:
        yield ("runs", i, field, mismatch.node)
    yield from (("runs", i, field), ("runs", i))


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
    got = computed_again(graph, want, options)
    tolerance = options.tolerance or want.tolerance or DEFAULT
    if not mismatches(got, want, tolerance):
        return want
    return replace(
        want,
        data=_named_only(want.data, got.data),
        grad=_recorded_grad(got, want, graph),
        origin=got.origin,
    )


def _recorded_grad(got: Run, want: Run, graph: Graph) -> Mapping[str, float] | None:
    if want.grad is not None and is_complete(want, graph.columns):
        return got.grad
    return _named_only(want.grad, got.grad)


def _named_only(
    want: Mapping[str, float] | None, got: Mapping[str, float] | None
) -> dict[str, float] | None:
    if want is None or got is None:
        return None
    return {name: got[name] for name in want if name in got}
