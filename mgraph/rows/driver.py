"""Replay: a graph over all rows of files, streams or tables, as one file or as parts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, NamedTuple

import pyarrow as pa

from mgraph.codec.numbers import spelled
from mgraph.document import Graph, load
from mgraph.engine.tape.fingerprint import fingerprint
from mgraph.errors import GraphError, printable, without_user
from mgraph.format.runs import SETTABLE
from mgraph.rows.arrow_rows import reader_of
from mgraph.rows.cluster import dask_workers
from mgraph.rows.columns import naming, naming_params
from mgraph.rows.files import RowFormat, common_format, find, format_of, is_found, located
from mgraph.rows.mapper import mapper
from mgraph.rows.parts import PLAN_FILE, Ensured, PartsJob, Record
from mgraph.rows.plan import PART_ROWS, Plan, canonical, versions
from mgraph.rows.resume import prepared
from mgraph.rows.sources import (
    FileSource,
    Piece,
    Source,
    StreamSource,
    TableSource,
    TextRules,
    file_source,
)
from mgraph.rows.store import PartFolder, Store, is_part
from mgraph.rows.tally import NonFinite, Tally
from mgraph.rows.targets import encoded, streamed
from mgraph.rows.transform import Keep, Transform, transform_of
from mgraph.rows.worker import Processes
from mgraph.rows.workers import Alone, Workers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mgraph.ops.exact_sum import ExactSum
    from mgraph.rows.cluster.address import ClusterAddress
    from mgraph.rows.cluster.dask import DaskWorkers
    from mgraph.rows.columns import BadRow, BadRows

ReplayGrad = Literal["rows", "sum"] | None


@dataclass(frozen=True, repr=False)
class ReplayResult:
    """What came of a replay.

    Attributes:
        rows: How many rows were written.
        skipped: How many bad rows were left out.
        nulls: How many bad rows have null results.
        sums: The exact sums of outputs and, with `grad="sum"`, of gradients, as `grad:ID`.
        non_finite: For columns of results in which not all values are finite: how many are not, and
            where the first one is.
        target: The name of the file or folder; the Arrow table of the results if no target was
            given.
        columns: The name of the column of each input and param that has one, by id.
        parts: How many parts the folder has; 0 without one.
        kept: How many of them were there before.
        job: The id of the plan; empty without a folder.
        workers: How many workers of a cluster have made parts; 0 without a cluster.
        unused: The names of the table's columns that no input or param has.
        bad: The first of the bad rows, each with its file, row, column and reason; of parts, only
            those of parts that were made just now.
    """

    rows: int
    skipped: int
    nulls: int
    sums: Mapping[str, ExactSum]
    non_finite: Mapping[str, NonFinite]
    target: Any
    columns: Mapping[str, str]
    parts: int = 0
    kept: int = 0
    job: str = ""
    workers: int = field(default=0, compare=False)
    unused: Sequence[str] = ()
    bad: Sequence[BadRow] = field(default=(), compare=False)

    def __repr__(self) -> str:
        """Show counts, and sums as doubles."""
        counts = f"rows={self.rows}, skipped={self.skipped}, nulls={self.nulls}"
        sums = {name: total.value for name, total in self.sums.items()}
        return f"<ReplayResult {counts}, sums={sums}>"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        job = {"job": self.job, "parts": self.parts, "kept": self.kept} if self.job else {}
        cluster = {"workers": self.workers} if self.workers else {}
        return {**self.totals(), "bad": [row._asdict() for row in self.bad], **job, **cluster}

    def totals(self) -> dict[str, Any]:
        """Return counts and sums as plain data."""
        counts = {"rows": self.rows, "skipped": self.skipped, "nulls": self.nulls}
        sums = {name: _sum_as_json(total) for name, total in self.sums.items()}
        places = {name: where._asdict() for name, where in self.non_finite.items()}
        return {**counts, "sums": sums, "non_finite": places}


def _sum_as_json(total: ExactSum) -> dict[str, Any]:
    return {"value": spelled(total.value), "exact": total.to_bytes().hex()}


class PartsInterrupted(KeyboardInterrupt):
    """Ctrl-C while parts were made.

    Attributes:
        finished: How many parts are there.
        parts: How many there are to be.
    """

    def __init__(self, finished: int, parts: int) -> None:
        """Take both numbers."""
        super().__init__()
        self.finished, self.parts = finished, parts


Progress = Callable[[int, float | None], None]
"""Is called with the number of rows that were read, and their share of all; None if unknown."""


def replay(  # noqa: PLR0913 - one keyword per choice
    graph: Graph | str | os.PathLike[str],
    source: Any,  # noqa: ANN401 - names, or any table
    target: str | os.PathLike[str] | BinaryIO | None = None,
    *,
    grad: ReplayGrad = "rows",
    wrt: Iterable[str] | None = None,
    columns: Mapping[str, str] | None = None,
    seed: Mapping[str, float] | None = None,
    math: str = "libm",
    bad_rows: BadRows = "fail",
    keep: Keep = "all",
    format: RowFormat | str | None = None,  # noqa: A002 - as the option
    part_rows: int = PART_ROWS,
    workers: int = 1,
    cluster: ClusterAddress | str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ReplayResult:
    """Run a graph over all rows of a table, and store values and gradients. Needs the extra `rows`.

    Args:
        graph: The graph, or its file.
        source: One or more names of files, folders, globs or URLs of Parquet, Arrow, CSV or JSON
            lines; or a binary stream; or a table: of Arrow, pandas, Polars, or whatever else
            exports Arrow streams; or a reader or a dataset of Arrow.
        target: The name or URL of a file, whose extension tells the format; that of a folder, which
            exists or ends in a slash, for parts; or a binary stream. With None, the results are
            an Arrow table, the attribute `target` of what is returned.
        grad: `"rows"` gives the gradients of each row, `"sum"` only their exact sums, None runs
            forward only.
        wrt: The ids of the inputs and params whose gradients are wanted, in this order; None for
            all of them.
        columns: The names of the columns of some inputs and params, by id; `""` for one that keeps
            its declared value. All others have the column of their own name, if there is one, else
            their declared value in every row.
        seed: Gradients that outputs start with, by id; may be left out with one output.
        math: The library for `exp`, `tanh` and so on, as in `Replay.batch`.
        bad_rows: What to do about rows in which a value is missing or is not a number: `"fail"`
            raises an error, `"skip"` leaves these rows out, `"null"` gives null results.
        keep: Which columns of the table to write before the results: `"all"`, `"none"`, or names.
        format: The format of streams, of the parts of a folder, and of files whose extension does
            not tell it: `"parquet"`, `"arrow"`, `"csv"` or `"jsonl"`. Parts have that of the rows
            otherwise.
        part_rows: Maximum number of rows per part.
        workers: The number of processes that make parts; without parts, the number of threads.
        cluster: The address of the scheduler of a Dask cluster that makes the parts, such as
            `"tcp://localhost:8786"`; or a `ClusterAddress`, which has certificates, too. Needs the
            extra `cluster`.
        resume: Keep the finished parts of the same job, and make the others.
        overwrite: Replace an output that exists.
        progress: Is called now and then.

    Returns:
        Counts and exact sums. They, and all bytes that are written, don't depend on `workers` and
        `cluster`.

    Raises:
        GraphError: Something is wrong with the graph, the rows or the output.
        MissingExtraError: pyarrow, NumPy, llvmlite, distributed or the math library is not
            installed.
        TypeError: The source is none of these.
        ValueError: An option is none of these.
    """
    if grad not in ("rows", "sum", None) or part_rows < 1 or workers < 1:
        message = 'grad is "rows", "sum" or None; part_rows and workers are at least 1'
        raise ValueError(message)
    if cluster is not None and workers > 1:
        message = "workers are processes of this machine: a cluster has its own"
        raise ValueError(message)
    if isinstance(target, str | os.PathLike):
        check_apart(os.fspath(target), source)
        check_apart(os.fspath(target), graph)
    graph = graph if isinstance(graph, Graph) else load(graph)
    kind = None if format is None else RowFormat(format)
    made = mapper(
        graph, grad="rows" if grad else None, wrt=wrt, columns=columns, seed=seed, math=math,
        bad_rows=bad_rows,
    )  # fmt: skip
    numbers = _number_columns(graph, columns or {})
    written = numbers if keep == "all" else () if keep == "none" else keep
    rules = TextRules(
        numbers, tolerates=bad_rows != "fail", ignores=keep != "all",
        only_read=numbers.difference(written),
    )  # fmt: skip
    rows = source_of(source, kind, rules)
    with naming(rows.shown):
        transform = transform_of(made, rows.schema, keep, sums_only=grad == "sum")
    chosen = made.request.wrt
    options = {
        "grad": grad, "wrt": None if chosen is None else [*chosen], "columns": dict(columns or {}),
        "seed": dict(made.request.seed), "bad_rows": bad_rows, "part_rows": part_rows,
        "keep": [name for name in transform.schema.names if name not in made.results],
    }  # fmt: skip
    on = None if cluster is None else dask_workers(cluster)
    how = _How(kind, workers, on, resume, overwrite, progress or _silent)
    with naming_params(graph.columns, transform.leaves):
        if not isinstance(target, str | os.PathLike):
            return _to_stream(target, rows, transform, how)
        name = os.fspath(target)
        if not (name.endswith(("/", os.sep)) or os.path.isdir(name)):
            return _to_file(name, rows, transform, how)
        plan = partial(_plan, graph, options, math)
        return _to_parts(name, rows, transform, how, plan)


class _How(NamedTuple):
    """How the results are written; only the format changes the bytes."""

    kind: RowFormat | None
    workers: int
    cluster: DaskWorkers | None
    resume: bool
    overwrite: bool
    progress: Progress


def _silent(_rows: int, _share: float | None) -> None:
    """Report no progress."""


def _number_columns(graph: Graph, columns: Mapping[str, str]) -> frozenset[str]:
    """Return the names of the columns that the graph would read."""
    nodes = graph.columns
    leaves = [nodes.ids[i] for i in nodes.leaves if nodes.op(i) in SETTABLE]
    return frozenset(columns.get(leaf, leaf) for leaf in leaves) - {""}


def source_of(source: Any, kind: RowFormat | None, rules: TextRules) -> Source:  # noqa: ANN401
    """Return what reads the rows of files, of a stream, or of a table."""
    if hasattr(source, "read"):
        return StreamSource(source, kind, rules)
    names = _names(source)
    if names is None:
        return TableSource(reader_of(source, "names of files"))
    files = find(names)
    return file_source(files, common_format(files, kind), rules)


def _names(source: object) -> list[str] | None:
    """Return the names of files, folders and so on; None if the source is a table.

    Raises:
        TypeError: It is a sequence of something else.
    """
    if isinstance(source, str | os.PathLike):
        return [os.fspath(source)]
    if not isinstance(source, Sequence):
        return None
    wrong = next((name for name in source if not isinstance(name, str | os.PathLike)), None)
    if wrong is not None:
        expected = "names of files, or a table of Arrow, pandas or Polars"
        if isinstance(wrong, dict):
            expected += " (pyarrow.Table.from_pylist makes one of dicts)"
        message = f"expected {expected}, not a list with {type(wrong).__name__}"
        raise TypeError(message)
    return [os.fspath(name) for name in source]


def check_apart(target: str, source: object) -> None:
    """Refuse an output that is one of the inputs, holds one, or would be found among them.

    Raises:
        GraphError: `io`.
    """
    names = _names(source)
    if names and is_found(target, names):
        shown = without_user(target)
        message = f"the output {printable(shown)} is among the inputs, or holds one"
        raise GraphError.of("io", message, fix="name another output", file=shown)


def _result(
    tally: Tally,
    target: object,
    transform: Transform,
    **parts: Any,  # noqa: ANN401 - fields of the result
) -> ReplayResult:
    counts = (tally.rows, tally.skipped, tally.nulls)
    columns, unused = transform.leaves, transform.unused
    return ReplayResult(
        *counts, tally.sums, tally.non_finite, target, columns, unused=unused, bad=(*tally.bad,),
        **parts,
    )  # fmt: skip


# --- one file, a stream, or a table ---


def _batches(
    source: Source, transform: Transform, how: _How, tally: Tally, target: str = ""
) -> Iterator[pa.RecordBatch]:
    """Return the batches to write.

    Raises:
        GraphError: `io` if they are to be resumed, or to be made by a cluster.
    """
    if how.resume or how.cluster:
        message = (
            f"only a folder of parts can be {'resumed' if how.resume else 'made by a cluster'}"
        )
        fix = "name a folder as the output, for example out/"
        raise GraphError.of("io", message, fix=fix, file=target)
    return transform.run(_watched(source, transform, how.progress), tally, how.workers)


def _watched(source: Source, transform: Transform, progress: Progress) -> Iterator[Piece]:
    rows = 0
    for piece in source.pieces(transform.columns):
        yield piece
        rows += piece.batch.num_rows
        progress(rows, piece.share)


def _to_stream(
    target: BinaryIO | None, source: Source, transform: Transform, how: _How
) -> ReplayResult:
    """Write all rows to a stream, as they arrive, or to a table."""
    tally = Tally()
    batches = _batches(source, transform, how, tally)
    if target is None:
        return _result(tally, pa.Table.from_batches(batches, transform.schema), transform)
    kind = how.kind or _stream_format(source)
    kind = RowFormat.ARROW_STREAM if kind == RowFormat.ARROW else kind
    for chunk in streamed(kind, transform.schema, batches, "the output"):
        target.write(chunk)
        target.flush()
    return _result(tally, target, transform)


def _stream_format(source: Source) -> RowFormat:
    """Return the format of a stream that nobody chose: that of the rows, or CSV."""
    kind = getattr(source, "format", RowFormat.CSV)
    return RowFormat.CSV if kind == RowFormat.PARQUET else kind


def _to_file(target: str, source: Source, transform: Transform, how: _How) -> ReplayResult:
    """Write all rows to one file, completely or not at all."""
    tally, shown = Tally(), without_user(target)
    store = Store(shown, *located(target))
    kind = format_of(shown, how.kind, is_output=True)
    if store.is_there(store.path) and not how.overwrite:
        fix = "name another output, or use --overwrite"
        raise GraphError.of("io", f"{printable(shown)} exists", fix=fix, file=shown)
    batches = _batches(source, transform, how, tally, shown)
    store.put(store.path, encoded(kind, transform.schema, batches, shown))
    return _result(tally, target, transform)


# --- parts ---


def _plan(
    graph: Graph, options: Mapping[str, Any], math: str, source: FileSource, kind: RowFormat
) -> Plan:
    """Return what decides the bytes of all parts."""
    return Plan(
        graph=graph.hash,
        options={**options, "format": str(kind)},
        inputs=tuple((file.name, file.size) for file in source.files),
        parts=tuple(source.parts(options["part_rows"])),
        math=fingerprint(math, graph.version),
        versions=versions(),
    )


def _to_parts(
    target: str,
    source: Source,
    transform: Transform,
    how: _How,
    plan_of: Callable[[FileSource, RowFormat], Plan],
) -> ReplayResult:
    """Write all rows to parts in a folder."""
    if not isinstance(source, FileSource):
        message = "rows of a stream or a table can't be written as parts"
        fix = "name a file as the output, or read the rows from files"
        raise GraphError.of("io", message, fix=fix, file=without_user(target))
    if how.cluster:
        how.cluster.reach()
    kind = how.kind or source.format
    plan = plan_of(source, kind)
    system, path = located(target)
    folder = PartFolder(without_user(target), system, path.rstrip("/"), kind)
    with folder.locked():
        records = prepared(folder, plan, resume=how.resume, overwrite=how.overwrite)
        job = PartsJob(plan.id, plan.parts, source, transform, folder, records)
        folder.make(folder.path, job.unfinished)
        folder.put(f"{job.unfinished}/{PLAN_FILE}", [canonical(plan.as_json())])
        try:
            return _finished(job, plan, target, how)
        except KeyboardInterrupt:
            finished = sum(map(is_part, folder.names(folder.path)))
            raise PartsInterrupted(finished, len(plan.parts)) from None


def _finished(job: PartsJob, plan: Plan, target: str, how: _How) -> ReplayResult:
    """Make the parts that are missing, and write the manifest."""
    tally, records, kept = Tally(), list[Record](), 0
    made, workers = _ensured(job, how)
    for record, is_new, bad in made:
        tally.add(replace(Tally.of_json(record), bad=[*bad]))
        records.append({"name": job.name(len(records)), **record})
        kept += not is_new
    result = _result(
        tally, target, job.transform,
        parts=len(records), kept=kept, job=plan.id, workers=workers if how.cluster else 0,
    )  # fmt: skip
    about = {"job": plan.id, "plan": plan.as_json(), **result.totals(), "parts": records}
    job.folder.put(job.folder.manifest, [canonical(about), b"\n"])
    with suppress(GraphError):  # a process of a killed driver may still be writing there
        job.folder.remove(job.folder.unfinished)
    return result


def _ensured(job: PartsJob, how: _How) -> tuple[list[Ensured], int]:
    """Make the parts that are missing.

    Returns:
        What is known about all of them, in order, and the number of workers.

    Raises:
        GraphError: A part can't be made; those that are finished stay.
    """
    made: dict[int, Ensured] = {}
    done, total = 0, sum(part.rows for part in job.parts)
    with _workers(how, len(job.parts)).ready(job) as session:
        arguments = [(index,) for index in range(len(job.parts))]
        for index, made[index] in session(PartsJob.ensure, arguments):
            done += job.parts[index].rows
            how.progress(done, done / total)
        workers = session.workers
    return [made[index] for index in range(len(job.parts))], workers


def _workers(how: _How, parts: int) -> Workers:
    """Return who makes so many parts."""
    count = min(how.workers, parts)
    return how.cluster or (Processes(count) if count > 1 else Alone())
