"""Golden tests: replay every run of a graph file and compare."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mgraph.codec import LIMITS, Limits, decode, read_file
from mgraph.codec.files import io_error
from mgraph.document import ANNOTATED, Graph, as_graph
from mgraph.errors import Diagnostic, GraphError, printable
from mgraph.format.reading import inspect
from mgraph.graph.run import DEFAULT, Run, Tolerance, bits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

EXTENSIONS: Final = (".json", ".msgpack")
EXPECTED: Final = ".diagnostic.json"
"""What stands instead of the extension of a file that lists the diagnostics another must give."""

OK, WRONG, REFUSED, UNTESTED, SKIPPED = "ok", "wrong", "refused", "not tested", "skipped"


@dataclass(frozen=True)
class Mismatch:
    """One number that is not what it must be.

    Attributes:
        node: Its id.
        field: "data" or "grad".
        got: What came out; None: the node has no adjoint.
        want: What must come out; None: the node must have no adjoint.
    """

    node: str
    field: str
    got: float | None
    want: float | None

    @property
    def ulps(self) -> int | None:
        """How many doubles lie between, one of the two included; None beside NaN or none."""
        return None if self.got is None or self.want is None else ulps(self.got, self.want)

    @property
    def relative(self) -> float | None:
        """The error as a part of the expectation; None if that says nothing."""
        if self.got is None or not self.want or self.ulps is None:
            return None
        error = abs((self.got - self.want) / self.want)
        return error if error - error == 0.0 else None

    def __str__(self) -> str:
        """Say which number is wrong, and by how much."""
        what = f"{self.field} of {self.node}"
        if self.want is None:
            return f"{what}: got {self.got!r}, expected no path to a seeded output"
        if self.got is None:
            return f"{what}: got no path to a seeded output, expected {self.want!r}"
        error = "" if self.ulps is None else f" ({self.ulps:,} ulp"
        if error:
            error += f", relative {self.relative:.2g})" if self.relative is not None else ")"
        return f"{what}: got {self.got!r}, expected {self.want!r}{error}"


def ulps(a: float, b: float) -> int | None:
    """Return the distance of two doubles in units in the last place; None beside NaN."""
    if a != a or b != b:
        return None
    return abs(_rank(a) - _rank(b))


def _rank(x: float) -> int:
    """Number all doubles in ascending order; both zeros are 0."""
    pattern = bits(x)
    return pattern if pattern < 1 << 63 else (1 << 63) - pattern


def mismatches(got: Run, want: Run, tolerance: Tolerance) -> Iterator[Mismatch]:
    """Compare a complete run with an expectation.

    Yields:
        Wrong primals in evaluation order, then wrong adjoints in backward order, so that the
        first is the one to look at.
    """
    data, grad = got.data or {}, got.grad or {}
    for node, value in (want.data or {}).items():
        if not tolerance.allows(data[node], value):
            yield Mismatch(node, "data", data[node], value)
    if want.grad is None:
        return
    is_complete = want.data is not None and len(want.data) == len(data)
    for node in reversed([*data]):
        has, expected = grad.get(node), want.grad.get(node)
        if expected is None:
            if has is not None and is_complete:
                yield Mismatch(node, "grad", has, None)
        elif has is None or not tolerance.allows(has, expected):
            yield Mismatch(node, "grad", has, expected)


@dataclass(frozen=True)
class FileOutcome:
    """What became of one run of one file, or of the file, if it has none.

    Attributes:
        file: Its name.
        run: Which run, from 0; None for the file as a whole.
        status: `OK`, `WRONG`, `REFUSED`, `UNTESTED` or `SKIPPED`.
        origin: Where the expectation comes from.
        wrong: How many numbers are wrong.
        first: The first wrong number.
        diagnostics: Why the file was refused; or how its refusal differs from what was expected.
        note: What else there is to say.
    """

    file: str
    run: int | None
    status: str
    origin: str = ""
    wrong: int = 0
    first: Mismatch | None = None
    diagnostics: Sequence[Diagnostic] = ()
    note: str = ""

    @property
    def failed(self) -> bool:
        """Whether this makes the test fail."""
        return self.status in (WRONG, REFUSED)

    @property
    def why(self) -> list[str]:
        """What there is to say of it, a line each; diagnostics say the rest."""
        if self.first is None:
            return [printable(self.note)] if self.note else []
        lines = [str(self.first)]
        if self.wrong > 1:
            lines.append(f"and {self.wrong - 1:,} more number{'s' if self.wrong > 2 else ''}")  # noqa: PLR2004
        if self.origin:
            lines.append(f"expected by {printable(self.origin)}")
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
            "diagnostics": [each.as_json() for each in self.diagnostics],
            "note": self.note or None,
        }


class RunResult(NamedTuple):
    """One thing to test in a file that was read.

    Attributes:
        run: Which run, from 0; None for the file as a whole.
        test: Tests it.
    """

    run: int | None
    test: Callable[[], FileOutcome]


@dataclass(frozen=True)
class Options:
    """How files are tested.

    Attributes:
        tolerance: Instead of each run's own.
        engine: Which engine replays.
        limits: What files may ask for.
        read: Gives the bytes of a file.
    """

    tolerance: Tolerance | None = None
    engine: str = "auto"
    limits: Limits = field(default=LIMITS)
    read: Callable[[Path, Limits], bytes] = read_file


def graph_files(paths: Iterable[str | os.PathLike[str]]) -> Iterator[tuple[Path, bool]]:
    """Yield the graph files among some paths, and whether each was found by a walk.

    Folders are walked in order of names; hidden ones, files that `mgraph run` has made by
    itself and lists of expected diagnostics are passed over.

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
    """Whether a walk through folders takes a file of this name for a graph file."""
    return (
        name.endswith(EXTENSIONS)
        and not name.startswith(".")
        and not name.endswith(EXPECTED)
        and not Path(name).stem.endswith(ANNOTATED)
    )


def outcomes_of(path: Path, options: Options, *, walked: bool = False) -> Iterator[FileOutcome]:
    """Test one file; see `cases_of`."""
    for case in cases_of(path, options, walked=walked):
        yield case.test()


def cases_of(path: Path, options: Options, *, walked: bool = False) -> Iterator[RunResult]:
    """Read one file, and yield what there is to test.

    Args:
        path: The file.
        options: How.
        walked: A walk found it, so it may turn out to be no graph file at all.
    """
    name = str(path)
    if name.endswith(EXPECTED) and any(_partners(path)):
        yield _known(FileOutcome(name, None, SKIPPED, note="what the file beside it must give"))
        return
    try:
        data = options.read(path, options.limits)
    except GraphError as error:
        yield _known(FileOutcome(name, None, REFUSED, diagnostics=error.named(name).diagnostics))
        return
    found = inspect(data, name, options.limits)
    expected = _expected_diagnostics(path, options.limits)
    if expected is not None:
        yield _known(_as_expected(name, found.diagnostics, found.more, expected))
    elif found.graph is None:
        not_ours = walked and found.diagnostics[0].code == "format"
        status, note = (SKIPPED, "not a graph file") if not_ours else (REFUSED, "")
        yield _known(FileOutcome(name, None, status, diagnostics=found.diagnostics, note=note))
    if found.graph is None:
        return
    graph = as_graph(found.graph)
    for i, want in enumerate(graph.runs):
        yield RunResult(i, partial(replayed, graph, name, i, want, options))
    if not graph.runs and expected is None:
        yield _known(FileOutcome(name, None, UNTESTED, note="it has no runs"))


def _known(outcome: FileOutcome) -> RunResult:
    return RunResult(None, lambda: outcome)


def replayed(graph: Graph, name: str, i: int, want: Run, options: Options) -> FileOutcome:
    """Ask a graph what a run asked, and compare the answer.

    Raises:
        GraphError: The graph can't be asked that; a run of its own can always be.
        KeyError: The run expects a primal of a node that is not there; likewise.
    """
    got = graph.run(want.inputs, seed=want.seed, engine=options.engine)
    tolerance = options.tolerance or want.tolerance or DEFAULT
    wrong = mismatches(got, want, tolerance)
    first = next(wrong, None)
    status = OK if first is None else WRONG
    count = 0 if first is None else 1 + sum(1 for _ in wrong)
    return FileOutcome(name, i, status, want.origin, count, first)


def _partners(path: Path) -> Iterator[bool]:
    """Say whether there are files that a list of expected diagnostics may be about."""
    stem = path.name.removesuffix(EXPECTED)
    return (path.with_name(stem + extension).is_file() for extension in EXTENSIONS)


def _expected_diagnostics(path: Path, limits: Limits) -> dict[str, Any] | None:
    """Read what diagnostics a file must give; None if nothing is said of them."""
    beside = path.with_name(path.stem + EXPECTED)
    if not beside.is_file():
        return None
    try:
        expected = decode(read_file(beside, limits), limits)
    except GraphError:
        return {}
    listed = expected.get("diagnostics") if isinstance(expected, dict) else None
    is_list = isinstance(listed, list) and all(isinstance(each, dict) for each in listed)
    return expected if is_list else {}


def _as_expected(
    name: str, found: Sequence[Diagnostic], more: int, expected: Mapping[str, Any]
) -> FileOutcome:
    wanted = expected.get("diagnostics")
    if wanted is None:
        return FileOutcome(name, None, WRONG, note=f"its {EXPECTED} file can't be read")
    got = [each.as_json() for each in found]
    same = len(got) == len(wanted) and more == expected.get("more", 0)
    if same and all(want.items() <= have.items() for want, have in zip(wanted, got, strict=True)):
        return FileOutcome(name, None, OK, origin=EXPECTED)
    note = f"expected {_listed(wanted)}, found {_listed(got)}"
    return FileOutcome(name, None, WRONG, diagnostics=found, note=note)


def _listed(diagnostics: Iterable[Mapping[str, Any]]) -> str:
    shown = [
        f"{each.get('code')} at {each.get('pointer') or 'the document'}"
        f" ({each.get('line', 'byte')}:{each.get('column', each.get('offset'))})"
        for each in diagnostics
    ]
    return ", ".join(shown) or "nothing"


def accepted(graph: Graph, options: Options) -> Graph:
    """Return a graph whose runs expect what they give now.

    Only what a run names is renewed; a run in which something changed is self-recorded from
    then on.
    """
    return graph.with_runs(_renewed(graph, run, options) for run in graph.runs)


def _renewed(graph: Graph, want: Run, options: Options) -> Run:
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
