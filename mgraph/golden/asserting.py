"""assert_graph: compare the graph of live Values with a golden file, in pytest or anywhere."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mgraph.codec import LIMITS, read_file
from mgraph.document import Graph, extension_of, listed, loads, math_of, recorded
from mgraph.errors import GraphError, printable, quoted
from mgraph.golden.compare import differences
from mgraph.golden.places import RunPlaces
from mgraph.golden.rerun import SHOWN, Options, accepted, run_again
from mgraph.graph.run import DEFAULT, LIBM, Tolerance

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

    from mgraph.golden.compare import Difference
    from mgraph.graph.run import Run
    from mgraph.value import Value

TEXTS: Final = ("label", "doc", "meta")
"""Fields that people write into a golden file, and that Values don't have."""


@dataclass(frozen=True)
class Use:
    """The use of a golden file by a test.

    Attributes:
        path: The absolute path of the file.
        test: The test, by pytest's id.
        lines: The differences from the file.
        content: The new content to record; None to leave the file as it is.
    """

    path: str
    test: str
    lines: Sequence[str] = ()
    content: bytes | None = None


class _File(NamedTuple):
    """A golden file, and where its numbers are."""

    path: str
    places: RunPlaces


@dataclass
class Session:
    """A pytest session that records golden files, or checks which of them are used.

    Attributes:
        accept: Whether differences are recorded instead of failing the test.
        uses: The uses since the session last collected them.
    """

    accept: bool
    uses: list[Use] = field(default_factory=list)


session: Session | None = None
"""The current session; None if golden files are neither recorded nor checked for use."""


def assert_graph(
    value: Value | Sequence[Value] | Graph,
    golden: str | os.PathLike[str],
    *,
    tolerance: Tolerance | None = None,
) -> None:
    """Assert that a graph has the structure and the numbers of a golden file.

    Nodes are compared by id: their op, their arguments, the values of leaves, and their order. The
    outputs must be the same, too. Then every run of the file is repeated with this graph and
    compared; no `backward()` is needed before. Names, docs, labels and meta may differ.

    Args:
        value: The output of the graph, a sequence of outputs, or a `Graph`.
        golden: The golden file. A relative path starts at the folder of the calling code.
        tolerance: How far numbers may be off, instead of what each run says.

    Raises:
        AssertionError: Something differs, or the file is missing or not valid. Under
            `pytest --mgraph-accept` the golden file is written instead.
        GraphError: The Values do not make a graph; see `Graph.of`.
    """
    __tracebackhide__ = True
    path = _beside(sys._getframe(1), golden)  # noqa: SLF001 - there is no other way
    graph = _graph_of(value)
    try:
        data = read_file(path, LIMITS) if os.path.lexists(path) else None
        wanted = None if data is None else loads(data)
        extension_of(path)
    except GraphError as error:
        raise AssertionError(str(error.named(shown(path)))) from None
    file = _File(path, RunPlaces(data or b"", len(wanted.runs) if wanted else 0, LIMITS))
    lines = list(_describe_differences(graph, wanted, file, Options(tolerance)))
    accept = bool(lines) and session is not None and session.accept
    if session is not None:
        math = LIBM if isinstance(value, Graph) else math_of(listed(value))
        content = _new_content(graph, wanted, path, Options(tolerance), math) if accept else None
        session.uses.append(Use(path, _test_id(), lines, content))
    if lines and not accept:
        lines.append(_how_to_record(path))
        raise AssertionError(f"{shown(path)}: " + "\n  ".join(lines))


def shown(path: str) -> str:
    """Return a path relative to the current folder, safe to print."""
    try:
        return printable(os.path.relpath(path))
    except ValueError:  # another drive
        return printable(path)


def _beside(caller: FrameType, golden: str | os.PathLike[str]) -> str:
    """Return the absolute path of a golden file; code typed into an interpreter has no folder."""
    source = caller.f_globals.get("__file__") or ""
    return os.path.abspath(os.path.join(os.path.dirname(source), golden))


def _graph_of(value: Value | Sequence[Value] | Graph) -> Graph:
    if isinstance(value, Graph):
        return value
    return Graph.of(*listed(value))


def _test_id() -> str:
    """Return the id of the test that pytest is running; empty elsewhere."""
    return os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]


def _how_to_record(path: str) -> str:
    if test := _test_id():
        return f"to record it: pytest {shlex.quote(test)} --mgraph-accept"
    return f"to record it: run this under pytest --mgraph-accept, or mgraph.save(value, {path!r})"


# --- what differs ------------------------------------------------------------------------------


def _describe_differences(
    graph: Graph, wanted: Graph | None, file: _File, options: Options
) -> Iterator[str]:
    """Describe the differences in structure or, if there are none, in numbers."""
    if wanted is None:
        yield "there is no such golden file"
        return
    structure = _structure(graph, wanted, options.tolerance or DEFAULT)
    lines = [_describe(difference) for difference in islice(structure, SHOWN)]
    yield from lines
    if more := sum(1 for _ in structure):
        yield f"… and {more:,} more"
    if lines:
        return
    if not wanted.runs:
        yield "it has no runs, so there are no numbers to compare"
    for i, run in enumerate(wanted.runs):
        yield from _numbers(graph, run, i, file, options)


def _structure(graph: Graph, wanted: Graph, tolerance: Tolerance) -> Iterator[Difference]:
    """Yield the differences, without texts and leaves within the tolerance."""
    bare = (replace(one, header={}, runs=()) for one in (wanted, graph))
    for difference in differences(*bare):
        if difference.field in TEXTS:
            continue
        if difference.field == "data" and _is_near(difference.b, difference.a, tolerance):
            continue
        yield difference


def _is_near(got: float | None, want: float | None, tolerance: Tolerance) -> bool:
    """Whether the primal of a leaf is right; the file may have none for an input that runs set."""
    return want is None or (got is not None and tolerance.allows(got, want))


def _describe(difference: Difference) -> str:
    what, field = difference.what, difference.field
    name = f"{what}, {field}" if field else what
    return f"{name}: expected {_spelled(difference.a)}, got {_spelled(difference.b)}"


def _spelled(value: Any) -> str:  # noqa: ANN401 - any plain data
    if value is None:
        return "nothing"
    if isinstance(value, list):
        return quoted(", ".join(value), 160)
    return repr(value) if isinstance(value, float) else quoted(value, 160)


def _numbers(graph: Graph, run: Run, i: int, file: _File, options: Options) -> Iterator[str]:
    outcome = run_again(graph, file.path, i, run, options, file.places)
    if outcome.first is not None:
        first, *rest = outcome.why()
        yield f"run {i}: {first}"
        yield from rest
        name = shlex.quote(shown(file.path))
        yield f"look closer: mgraph explain {name} {outcome.first.node} --run {i}"


# --- recording ---------------------------------------------------------------------------------


def _new_content(
    graph: Graph, wanted: Graph | None, path: str, options: Options, math: str
) -> bytes:
    """Return the golden file for a graph, given the one that it replaces."""
    if wanted is None:
        golden = recorded(graph, math)
    elif wanted.hash == graph.hash and wanted.runs:
        golden = accepted(wanted, options)
    else:
        runs = list(_new_runs(graph, wanted.runs))
        golden = _with_texts(graph, wanted)
        golden = golden.with_runs(runs) if runs else recorded(golden, math)
    return b"".join(golden.to_bytes(extension_of(path)))


def _new_runs(graph: Graph, runs: Sequence[Run]) -> Iterator[Run]:
    """Run a graph with the inputs and seeds of another graph's runs, as far as it has them."""
    for run in runs:
        try:
            got = graph.run(run.inputs, seed=run.seed, math=run.math or LIBM)
        except GraphError:
            continue
        yield replace(got, tolerance=run.tolerance)


def _with_texts(graph: Graph, wanted: Graph) -> Graph:
    """Return a graph with the texts of a golden file."""
    old = wanted.columns
    labels, docs, metas = (
        _moved(texts, graph, wanted) for texts in (old.labels, old.docs, old.metas)
    )
    columns = replace(graph.columns, labels=labels, docs=docs, metas=metas)
    return Graph(columns, {**wanted.header, **graph.header})


def _moved(texts: Mapping[int, Any], graph: Graph, wanted: Graph) -> dict[int, Any]:
    """Return texts of the nodes of one graph for the nodes with the same ids in the other."""
    ids, index = wanted.columns.ids, graph.columns.index
    return {index[ids[node]]: text for node, text in texts.items() if ids[node] in index}
