"""`mgraph replay`."""

from __future__ import annotations

import io
import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Literal

import click
from click.core import ParameterSource

from mgraph.cli.cluster_options import ClusterOptions, cluster_options
from mgraph.cli.files import STREAM, for_terminal, naming, read_graph
from mgraph.cli.options import limit_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath, NodeId, OutputId, Setting, settings
from mgraph.cli.table_options import (
    FORMATS,
    column_option,
    math_option,
    order_fault,
    print_column_notes,
    resume_command,
)
from mgraph.cli.terminal import Progress, bar_of, counted, folded, table, watched
from mgraph.errors import GraphError, printable, some, without_user
from mgraph.format.runs import SETTABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.codec import Limits
    from mgraph.rows.driver import PartsInterrupted, ReplayResult

_SHOWN: Final = 40


@click.command("replay", short_help="Run a graph over the rows of tables: values and gradients.")
@click.argument("graph", type=GraphPath())
@click.argument("rows", type=GraphPath(), nargs=-1, required=True)
@click.option(
    "-o", "--out", type=GraphPath(), metavar="OUT", required=True,
    help="Write here: a file (.parquet, .arrow, .csv, .jsonl), a folder for parts (it exists, or "
    "ends in /), or - for standard output.",
)  # fmt: skip
@click.option(
    "--grad", type=click.Choice(("rows", "sum", "none")), default="rows", show_default=True,
    help="Gradients of each row, only their exact sums, or none.",
)  # fmt: skip
@click.option(
    "--wrt", type=NodeId(SETTABLE), multiple=True, metavar="ID,…",
    help="The inputs and params whose gradients are wanted; without it, all of them.",
)  # fmt: skip
@column_option
@click.option(
    "--seed", "seeds", type=Setting(OutputId()), multiple=True, metavar="ID=X",
    help="Start output ID with gradient X, for example --seed o=1.",
)  # fmt: skip
@click.option(
    "--keep", default="all", show_default=True, metavar="COL,…",
    help="The columns of the table to write before the results: all, none, or some names.",
)  # fmt: skip
@click.option(
    "--bad-rows", type=click.Choice(("fail", "skip", "null")), default="fail", show_default=True,
    help="When a value is missing or not a number: fail, skip (leave the row out), or null (write "
    "null results).",
)  # fmt: skip
@math_option
@click.option(
    "--format", "kind", type=click.Choice(FORMATS),
    help="The format of standard input and output, of parts, and of files whose "
    "extension doesn't tell.",
)  # fmt: skip
@click.option(
    "--part-rows", type=click.IntRange(1), default=2**20, show_default=True, metavar="N",
    help="Maximum number of rows per part.",
)  # fmt: skip
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, metavar="N",
    help="The number of processes that make parts. The output is identical for any N.",
)  # fmt: skip
@cluster_options
@click.option(
    "--resume", is_flag=True, help="Keep the finished parts of the same job, and make the others."
)
@click.option("--overwrite", is_flag=True, help="Replace an output that exists.")
@json_option
@limit_option
def command(
    graph: str,
    rows: Sequence[str],
    out: str,
    grad: str,
    wrt: Sequence[str],
    columns: Sequence[tuple[str, str]],
    seeds: Sequence[tuple[str, float]],
    keep: str,
    bad_rows: Literal["fail", "skip", "null"],
    math: str,
    kind: str | None,
    part_rows: int,
    workers: int,
    on: ClusterOptions,
    resume: bool,  # noqa: FBT001 - click calls by name
    overwrite: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    limits: Limits,
) -> None:
    """Run a graph over the rows of tables: values and gradients of each row.

    ROWS are files, folders, globs or URLs (s3://, gs://, ...) of Parquet, Arrow, CSV or JSON lines,
    or - for standard input. Inputs and params take their values from the columns of their names;
    those without a column keep their declared value. OUT has the table's columns, then one for each
    output, named by its id, and one named grad:ID for each gradient.

    If OUT is a folder, the results are written in parts, which several processes can make at the
    same time. If the job is stopped, the same command with --resume keeps the parts that are
    finished. OUT.manifest.json, with the hashes of all parts and exact sums, is written when all of
    them are there.

    \b
    Examples:
      mgraph replay neuron.json rows.csv -o results.csv
      mgraph replay neuron.json rows/ -o results/ --workers 2 --resume
      mgraph replay neuron.json s3://b/rows/ -o s3://b/out/ --cluster tls://10.0.0.7:8786
      cat rows.jsonl | mgraph replay neuron.json - -o - --grad none
      mgraph replay neuron.json rows.parquet -o out.parquet --grad sum --wrt w1,w2
    """  # noqa: D301 - \b is click's
    _check(graph, rows, out, wrt, grad, resume=resume, overwrite=overwrite)
    _check_columns([leaf for leaf, _ in columns])
    _check_parts(out, on)
    loaded, _ = read_graph(graph, limits)
    from mgraph.rows.columns import names_in_blanks  # noqa: PLC0415
    from mgraph.rows.driver import PartsInterrupted, check_apart, replay  # noqa: PLC0415 - an extra
    from mgraph.training.split import standardized_before  # noqa: PLC0415

    cluster = on.address(workers)
    if STREAM not in (graph, out):
        check_apart(out, graph)
    with naming(graph), _reporting(PartsInterrupted), watched(RowsProgress()) as bar:
        result = replay(
            loaded,
            sys.stdin.buffer if STREAM in rows else rows,
            _standard_output() if out == STREAM else out,
            grad=None if grad == "none" else grad,  # type: ignore[arg-type] # by click
            wrt=[leaf for text in wrt for leaf in text.split(",")] if wrt else None,
            columns=dict(columns),
            seed=settings(seeds),
            math=math,
            bad_rows=bad_rows,
            keep=keep if keep in ("all", "none") else keep.split(","),
            format=kind,
            part_rows=part_rows,
            workers=workers,
            cluster=cluster,
            resume=resume,
            overwrite=overwrite,
            progress=bar.report,
        )
    print_column_notes(loaded, result.columns, dict(columns))
    if names := standardized_before(loaded.columns, result.columns):
        note = (
            f"the graph was trained on standardized {printable(some(names))}, and these rows are "
        )
        note += "taken as they are; model.json, of the same training, standardizes them itself"
        click.echo(f"note: {note}", err=True)
    taken = {*result.columns, *dict(columns)}
    for note in names_in_blanks(loaded.columns, taken, result.unused):
        click.echo(f"note: {note}", err=True)
    wrote = "standard output" if out == STREAM else printable(without_user(out))
    if as_json:
        print_json({**result.as_json(), "wrote": wrote}, err=out == STREAM)
    else:
        _print(result, wrote, resume=resume, err=out == STREAM)


def _check(
    graph: str,
    rows: Sequence[str],
    out: str,
    wrt: Sequence[str],
    grad: str,
    *,
    resume: bool,
    overwrite: bool,
) -> None:
    """Refuse what can't be combined.

    Raises:
        UsageError: Something can't.
    """
    message = ""
    if STREAM in rows and graph == STREAM:
        message = "only one of the graph and the rows can come from standard input"
    elif STREAM in rows and len(rows) > 1:
        message = "standard input can't be combined with other rows"
    elif resume and overwrite:
        message = "--resume and --overwrite can't be combined"
    elif resume and STREAM in (*rows, out):
        message = "what comes from standard input or goes to standard output can't be resumed"
    elif wrt and grad == "none":
        message = "--wrt says whose gradients are wanted: use it with --grad rows or --grad sum"
    elif fault := order_fault(graph, rows):
        message = fault
    if message:
        raise click.UsageError(message)


def _check_columns(leaves: Sequence[str]) -> None:
    """Refuse two columns for one leaf.

    Raises:
        UsageError: There are.
    """
    twice = next((leaf for i, leaf in enumerate(leaves) if leaf in leaves[:i]), None)
    if twice is not None:
        message = f"--column {twice}=… is there twice: an input or param has one column"
        raise click.UsageError(message)


def _check_parts(out: str, on: ClusterOptions) -> None:
    """Refuse --part-rows and --cluster without parts.

    Raises:
        UsageError: There are none.
    """
    given = click.get_current_context().get_parameter_source("part_rows")
    is_folder = out.endswith(("/", os.sep)) or os.path.isdir(out)
    is_given = {"--part-rows": given == ParameterSource.COMMANDLINE, "--cluster": bool(on.url)}
    wrong = next((name for name, is_there in is_given.items() if is_there and not is_folder), None)
    if wrong:
        message = f"{wrong} is for a folder of parts: end OUT with /"
        raise click.UsageError(message)


@contextmanager
def _reporting(interrupted: type[PartsInterrupted]) -> Iterator[None]:
    """Say how to go on if parts are interrupted."""
    try:
        yield
    except interrupted as error:
        parts = f"{error.finished:,} of {error.parts:,} parts"
        click.echo(f"{parts} are finished; to go on: {resume_command()}", err=True)
        raise


class _Terminal(io.RawIOBase):
    """Standard output, if it is a terminal: what this would obey is escaped."""

    def write(self, data: Any) -> int:  # noqa: ANN401 - bytes
        """Write whole lines of text.

        Raises:
            GraphError: `io` if it is not text.
        """
        return sys.stdout.buffer.write(for_terminal(data))

    def flush(self) -> None:
        """Show what was written."""
        sys.stdout.flush()


def _standard_output() -> BinaryIO:
    if sys.__stdout__ is None:
        raise GraphError.of("io", "standard output is closed", fix="use -o FILE")
    return _Terminal() if sys.stdout.isatty() else sys.stdout.buffer  # type: ignore[return-value]


class RowsProgress(Progress):
    """Progress by rows, with their rate and the time left."""

    def __init__(self) -> None:
        """Begin without rows."""
        super().__init__(1, "replaying")
        self.share: float | None = None

    def report(self, rows: int, share: float | None) -> None:
        """Take the number of rows that were read, and their share of all."""
        self.done, self.share = rows, share

    def line(self) -> str:
        """Return the progress as text."""
        seconds = time.monotonic() - self.start
        text = f"{self.done:,} rows, {self.done / seconds:,.0f} rows/s"
        if not self.share:
            return text
        left = seconds * (1.0 - self.share) / self.share
        return f"{bar_of(self.share)} {text}, {left:,.0f} s left"


def _print(result: ReplayResult, wrote: str, *, resume: bool, err: bool) -> None:
    """Print a summary."""
    notes = [counted(result.rows, "row")]
    notes += [f"{counted(result.skipped, 'bad row')} left out"] if result.skipped else []
    notes += [f"{counted(result.nulls, 'bad row')} with null results"] if result.nulls else []
    if result.parts:
        kept = f", {result.kept:,} of them kept" if resume else ""
        made = f" by {counted(result.workers, 'worker')}" if result.workers else ""
        notes.append(f"{counted(result.parts, 'part')}{made}{kept}")
    click.echo(f"wrote {wrote}: {', '.join(notes)}", err=err)
    if result.bad:
        from mgraph.rows.columns import bad_rows_named  # noqa: PLC0415 - an extra

        note = bad_rows_named(result.bad, result.skipped + result.nulls)
        click.echo(f"note: {note}", err=True)
    if not result.rows:
        click.echo("note: all rows are bad, so no row was written", err=True)
    lines: list[tuple[str, ...]] = []
    for name, total in result.sums.items():
        non_finite = result.non_finite.get(name)
        where = (
            f"{non_finite.values:,}, the first in row {non_finite.row:,}{_of(non_finite.file)}"
            if non_finite
            else ""
        )
        lines.append((printable(name), repr(total.value), where))
    header: tuple[str, ...] = ("column", "sum over all rows", "not finite")
    if not result.non_finite:
        header, lines = header[:2], [cells[:2] for cells in lines]
    first, last = folded(len(lines), _SHOWN)
    rows = [lines[i] for i in first]
    if last:
        rows += [(f"… {last.start - first.stop:,} more; --json has all",)]
    rows += [lines[i] for i in last]
    table(header, rows, err=err)


def _of(file: str) -> str:
    return f" of {printable(file)}" if file else ""
