"""assert_graph: hold the graph of live Values against a golden file, in pytest or anywhere."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from mgraph.document import Graph, extension_of, load, recorded
from mgraph.errors import GraphError, printable, quoted
from mgraph.golden.compare import differences
from mgraph.golden.rerun import Options, accepted, replayed
from mgraph.graph.run import DEFAULT, Tolerance
from mgraph.value import Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

    from mgraph.golden.compare import Difference
    from mgraph.graph.run import Run

SHOWN: Final = 20
"""How many differences are shown; the others are counted."""

TEXTS: Final = ("label", "doc", "meta")
"""What people write into a golden file, and Values don't have."""


@dataclass(frozen=True)
class Use:
    """What a test wants of a golden file.

    Attributes:
        path: The file, absolute.
        test: The id of the test, as pytest has it.
        lines: What differs from it.
        content: What is to be recorded in its place; None: it is right as it is.
    """

    path: str
    test: str
    lines: Sequence[str] = ()
    content: bytes | None = None


@dataclass
class Session:
    """What a session of tests wants to know of its golden files.

    Attributes:
        accept: Whether what differs is recorded, and no failure.
        uses: What the tests wanted; the session takes them from here.
    """

    accept: bool
    uses: list[Use] = field(default_factory=list)


session: Session | None = None
"""Set while pytest records golden files, or looks which of them are used."""


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
        wanted = load(path) if os.path.lexists(path) else None
        extension_of(path)
    except GraphError as error:
        raise AssertionError(str(error.named(shown(path)))) from None
    lines = list(_differing(graph, wanted, path, Options(tolerance)))
    accept = bool(lines) and session is not None and session.accept
    if session is not None:
        content = _recording(graph, wanted, path, Options(tolerance)) if accept else None
        session.uses.append(Use(path, _test(), lines, content))
    if lines and not accept:
        lines.append(_how_to_record(path))
        raise AssertionError(f"{shown(path)}: " + "\n  ".join(lines))


def shown(path: str) -> str:
    """Return a path as somebody in this folder would write it."""
    try:
        return printable(os.path.relpath(path))
    except ValueError:  # another drive
        return printable(path)


def _beside(caller: FrameType, golden: str | os.PathLike[str]) -> str:
    """Return the golden file's path; what is typed into an interpreter lies in no folder."""
    source = caller.f_globals.get("__file__") or ""
    return os.path.abspath(os.path.join(os.path.dirname(source), golden))


def _graph_of(value: Value | Sequence[Value] | Graph) -> Graph:
    if isinstance(value, Graph):
        return value
    return Graph.of(*([value] if isinstance(value, Value) else value))


def _test() -> str:
    """Return the id of the test that pytest is running; empty elsewhere."""
    return os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]


def _how_to_record(path: str) -> str:
    test = _test()
    if test:
        return f"to record it: pytest {shlex.quote(test)} --mgraph-accept"
    return f"to record it: run this under pytest --mgraph-accept, or mgraph.save(value, {path!r})"


# --- what differs ------------------------------------------------------------------------------


def _differing(graph: Graph, wanted: Graph | None, path: str, options: Options) -> Iterator[str]:
    """Say what differs: the structure, or else the numbers."""
    if wanted is None:
        yield "there is no such golden file"
        return
    found = _structure(graph, wanted, options.tolerance or DEFAULT)
    lines = [_told(each) for each in islice(found, SHOWN)]
    yield from lines
    if more := sum(1 for _ in found):
        yield f"and {more:,} more"
    if lines:
        return
    if not wanted.runs:
        yield "it has no runs, so nothing says what the numbers must be"
    for i, run in enumerate(wanted.runs):
        yield from _numbers(graph, run, i, path, options)


def _structure(graph: Graph, wanted: Graph, tolerance: Tolerance) -> Iterator[Difference]:
    """Yield what differs but texts, and leaves that are near enough."""
    bare = (replace(each, header={}, runs=()) for each in (wanted, graph))
    for each in differences(*bare):
        if each.field in TEXTS:
            continue
        if each.field == "data" and _is_near(each.b, each.a, tolerance):
            continue
        yield each


def _is_near(got: float | None, want: float | None, tolerance: Tolerance) -> bool:
    """Whether a leaf's primal will do; an input of the file may have none, to be given by runs."""
    return want is None or (got is not None and tolerance.allows(got, want))


def _told(each: Difference) -> str:
    what = f"{each.what}, {each.field}" if each.field else each.what
    return f"{what}: expected {_spelled(each.a)}, got {_spelled(each.b)}"


def _spelled(value: Any) -> str:  # noqa: ANN401 - any plain data
    if value is None:
        return "nothing"
    if isinstance(value, list):
        return quoted(", ".join(value), 160)
    return repr(value) if isinstance(value, float) else quoted(value, 160)


def _numbers(graph: Graph, run: Run, i: int, path: str, options: Options) -> Iterator[str]:
    outcome = replayed(graph, path, i, run, options)
    if outcome.first is not None:
        first, *rest = outcome.why
        yield f"run {i}: {first}"
        yield from rest
        file = shlex.quote(shown(path))
        yield f"look closer: mgraph explain {file} {outcome.first.node} --run {i}"


# --- recording ---------------------------------------------------------------------------------


def _recording(graph: Graph, wanted: Graph | None, path: str, options: Options) -> bytes:
    """Return the golden file that a graph wants in the place of another."""
    if wanted is None:
        renewed = recorded(graph)
    elif wanted.hash == graph.hash and wanted.runs:
        renewed = accepted(wanted, options)
    else:
        runs = list(_asked_anew(graph, wanted.runs))
        renewed = _with_texts(graph, wanted)
        renewed = renewed.with_runs(runs) if runs else recorded(renewed)
    return b"".join(renewed.to_bytes(extension_of(path)))


def _asked_anew(graph: Graph, runs: Sequence[Run]) -> Iterator[Run]:
    """Ask another graph what a file's runs asked, where it can be asked that."""
    for run in runs:
        try:
            got = graph.run(run.inputs, seed=run.seed)
        except GraphError:
            continue
        yield replace(got, tolerance=run.tolerance)


def _with_texts(graph: Graph, wanted: Graph) -> Graph:
    """Return a graph with the texts that a golden file has for it."""
    old = wanted.columns
    labels, docs, metas = (
        _moved(each, graph, wanted) for each in (old.labels, old.docs, old.metas)
    )
    columns = replace(graph.columns, labels=labels, docs=docs, metas=metas)
    return Graph(columns, {**wanted.header, **graph.header})


def _moved(texts: Mapping[int, Any], graph: Graph, wanted: Graph) -> dict[int, Any]:
    """Return texts by the nodes that have their ids now."""
    ids, index = wanted.columns.ids, graph.columns.index
    return {index[ids[node]]: text for node, text in texts.items() if ids[node] in index}
