"""`mgraph train`."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import click

from mgraph.cli.cluster_options import ClusterOptions, cluster_options
from mgraph.cli.files import STREAM, naming, read_graph
from mgraph.cli.options import limit_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import FolderPath, GraphPath, NodeId, OutputId
from mgraph.cli.table_options import (
    FORMATS,
    column_option,
    math_option,
    order_fault,
    print_column_notes,
    resume_command,
    shown_command,
)
from mgraph.cli.terminal import Progress, counted, table, watched, width
from mgraph.codec.limits import LIMIT_NAMES, LIMITS
from mgraph.errors import printable, some, without_user
from mgraph.graph.run import EXACT_MATH
from mgraph.ops import PARAM

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import FrameType

    from mgraph.codec import Limits
    from mgraph.document import Graph
    from mgraph.training import Trained

OPTIMIZERS: Final = ("sgd", "momentum", "adam", "adamw")
_SCHEDULES: Final = ("constant", "linear", "cosine", "step")
_INTERRUPTED: Final = 130
_CURVE: Final = 20
"""The most columns of the curve that is drawn while the loss falls."""


def _positive(_ctx: click.Context, param: click.Parameter, x: float | None) -> float | None:
    """Refuse what is not a positive finite number."""
    if x is not None and not (isfinite(x) and x > 0.0):
        message = "write a positive number, for example 0.01"
        raise click.BadParameter(message, param=param)
    return x


def _share(_ctx: click.Context, param: click.Parameter, x: float | None) -> float | None:
    """Refuse what is not at least 0 and less than 1."""
    if x is not None and not 0.0 <= x < 1.0:
        message = "write a number from 0 to 1, without 1, for example 0.9"
        raise click.BadParameter(message, param=param)
    return x


def _decay(_ctx: click.Context, param: click.Parameter, x: float | None) -> float | None:
    """Refuse what is negative or not finite."""
    if x is not None and not (isfinite(x) and x >= 0.0):
        message = "write 0 or a positive number, for example 0.0001"
        raise click.BadParameter(message, param=param)
    return x


def _batch_size(_ctx: click.Context, param: click.Parameter, text: str) -> int | None:
    """Return the rows of a step; None for all of them."""
    if text == "full":
        return None
    if not text.isdecimal() or not int(text):
        message = "write a number of rows, for example 32, or full"
        raise click.BadParameter(message, param=param)
    return int(text)


def _validation(
    _ctx: click.Context, param: click.Parameter, texts: Sequence[str]
) -> float | str | None:
    """Return a share of the rows, or the name of a file."""
    if len(texts) > 1:
        message = "it is given twice: for several files, name a folder, or a glob in quotes"
        raise click.BadParameter(message, param=param)
    text = texts[0] if texts else None
    if text is None or os.path.exists(text):
        return text
    try:
        share = float(text)
    except ValueError:
        return text
    if not 0.0 < share < 1.0:
        message = "write a share of the rows above 0 and below 1, for example 0.1, or a file"
        raise click.BadParameter(message, param=param)
    return share


@click.command("train", short_help="Train the params of a graph on the rows of tables.")
@click.argument("graph", type=GraphPath())
@click.argument("rows", type=GraphPath(), nargs=-1, required=True)
@click.option(
    "-o", "--out", type=FolderPath(), metavar="RUN", required=True,
    help="Write the results, the log and checkpoints into this folder, which is new or empty.",
)  # fmt: skip
@click.option(
    "--loss", type=OutputId(), metavar="ID",
    help="The output to minimize. Default: the only one.",
)  # fmt: skip
@click.option(
    "--train", "patterns", type=NodeId((PARAM,)), multiple=True, metavar="ID,…",
    help="Train these params only; * stands for any characters, for example 'layer1.*,b'. "
    "Default: all params.",
)  # fmt: skip
@click.option(
    "--optimizer", type=click.Choice(OPTIMIZERS), default="sgd", show_default=True,
    help="The optimizer.",
)  # fmt: skip
@click.option(
    "--lr", type=float, default=1e-3, show_default=True, callback=_positive, metavar="X",
    help="The learning rate of the first step.",
)  # fmt: skip
@click.option(
    "--schedule", type=click.Choice(_SCHEDULES), default="constant", show_default=True,
    help="How the rate goes down: constant, not at all; linear, along a line to 0; cosine, along "
    "half a cosine to 0; step, to a tenth after each third of the training.",
)  # fmt: skip
@click.option(
    "--momentum", type=float, callback=_share, metavar="X",
    help="Momentum factor of sgd and momentum. Default: 0 for sgd, 0.9 for momentum.",
)  # fmt: skip
@click.option(
    "--weight-decay", type=float, callback=_decay, metavar="X",
    help="Pull params towards 0. Default: 0.01 for adamw, else 0.",
)  # fmt: skip
@click.option(
    "--clip", type=float, callback=_positive, metavar="X",
    help="Scale down gradients with a norm above X.",
)  # fmt: skip
@click.option(
    "--epochs", type=click.IntRange(1), default=100, show_default=True, metavar="N",
    help="Number of passes over all rows.",
)  # fmt: skip
@click.option(
    "--batch-size", default="full", show_default=True, callback=_batch_size, metavar="N",
    help="Rows per step, for which the rows must fit in memory, or full for all of them.",
)  # fmt: skip
@click.option(
    "--random-seed", type=int, default=0, show_default=True, metavar="N",
    help="Decides the order of the rows in each epoch, and which are for validation.",
)  # fmt: skip
@click.option(
    "--validation", multiple=True, callback=_validation, metavar="SHARE|FILE",
    help="Hold this share of the rows back, for example 0.1, or take the rows of a file, and "
    "measure the loss on them after each epoch.",
)  # fmt: skip
@click.option(
    "--patience", type=click.IntRange(1), metavar="N",
    help="Stop after N epochs without a smaller validation loss, and keep the best params.",
)  # fmt: skip
@click.option(
    "--target", metavar="COL",
    help="The column that says which class a row is in; classes become the inputs y, or y1 … yk.",
)  # fmt: skip
@click.option(
    "--standardize", is_flag=True,
    help="Subtract from each input its mean, and divide it by its standard deviation.",
)  # fmt: skip
@click.option(
    "--accuracy", is_flag=True, help="Measure the share of rows whose class is predicted."
)
@click.option(
    "--workers", type=click.IntRange(1), default=1, show_default=True, metavar="N",
    help="The number of threads; for many rows per step. The results are identical for any N.",
)  # fmt: skip
@cluster_options
@click.option(
    "--checkpoint-every", type=click.IntRange(1), metavar="N",
    help="Write a checkpoint after each N steps. Default: one each minute, and one at the end.",
)  # fmt: skip
@click.option("--resume", is_flag=True, help="Continue from the last checkpoint in RUN.")
@column_option
@click.option(
    "--bad-rows", type=click.Choice(("fail", "skip")), default="fail", show_default=True,
    help="When a value is missing or not a number: fail, or leave the row out.",
)  # fmt: skip
@math_option
@click.option(
    "--format", "kind", type=click.Choice(FORMATS),
    help="The format of standard input, and of files whose extension doesn't tell.",
)  # fmt: skip
@json_option
@limit_option
def command(
    graph: str,
    rows: Sequence[str],
    out: str,
    patterns: Sequence[str],
    columns: Sequence[tuple[str, str]],
    bad_rows: Literal["fail", "skip"],
    kind: str | None,
    limits: Limits,
    on: ClusterOptions,
    as_json: bool,  # noqa: FBT001 - click calls by name
    **options: Any,  # noqa: ANN401 - those of `train`, by their names
) -> int:
    """Train the params of a graph on the rows of tables, by gradient descent.

    ROWS are files, folders, globs or URLs of Parquet, Arrow, CSV or JSON lines, or - for standard
    input. Inputs take their values from the columns of their names; those without a column keep
    their declared value. The loss of a step is the mean over its rows. Files whose rows don't fit
    in memory are read again in each step; on a cluster, its workers hold the rows.

    RUN will contain final.json, the graph with the trained params and a run on the first row;
    model.json, the network without its loss, which predicts with mgraph replay; result.json;
    log.jsonl, a line for each step; loss.svg; command.txt; and checkpoints. The same command
    gives the same bits. After Ctrl-C, or if it was killed, the same command with --resume continues
    exactly as if it had not been stopped.

    \b
    Examples:
      mgraph new --mlp 2,16,1 --activation relu --loss hinge -o moons.json
      mgraph train moons.json moons.csv -o run/ --target moon --accuracy --lr 0.1 --epochs 200
      mgraph train moons.json moons.csv -o adam/ --target moon --optimizer adam --lr 0.01 \\
          --batch-size 32 --validation 0.1 --schedule cosine
      mgraph train line.json rows.parquet -o run/ --loss loss --train 'w*,b'
      mgraph train moons.json huge/ -o run/ --target moon --workers 8
      mgraph train moons.json huge/ -o run/ --target moon --cluster tls://10.0.0.7:8786
    """  # noqa: D301 - \b is click's
    _check(graph, rows, out, columns, {**options, "cluster": on.url})
    loaded, _ = read_graph(graph, limits)
    from mgraph.training import train  # noqa: PLC0415 - an extra

    cluster = on.address(options["workers"])

    typed = without_user(shlex.join(("mgraph", *sys.argv[1:])))
    with watched(_StepProgress()) as bar, _Interrupts() as interrupts:

        def report(line: Mapping[str, Any], steps: int) -> None:
            interrupts.wait = True  # from now on, a checkpoint is worth waiting for
            bar.report(line, steps)

        with naming(graph):
            result = train(
                loaded,
                sys.stdin.buffer if STREAM in rows else rows,
                out,
                train=[name for text in patterns for name in text.split(",")],
                columns=dict(columns),
                bad_rows=bad_rows,
                format=kind,
                command=typed,
                cluster=cluster,
                progress=report,
                stop=lambda: interrupts.asked,
                **options,
            )
    if not result.is_finished:
        click.echo(f"stopped after step {result.steps:,}: {printable(result.checkpoint)}", err=True)
        click.echo(f"to go on: {resume_command()}", err=True)
        return _INTERRUPTED
    print_column_notes(loaded, result.columns, dict(columns))
    for note in result.notes:
        click.echo(f"note: {note}", err=True)
    if as_json:
        told = {"workers": result.workers} if result.workers else {}
        notes = [*result.notes]
        print_json({**result.results, **told, "notes": notes, "wrote": printable(out)})
    else:
        _print(result, out, _advice(result.results, bar.flat))
        if result.model is not None:
            named = [pair for pair in columns if pair[0] in result.model.columns.index]
            carried = _carried(named, bad_rows, options["math"], kind, limits)
            click.echo(f"to predict: {_replay_command(rows, out, carried)}")
            click.echo(_rule(result.model, result.results), nl=False)
    return 0


def _rule(model: Graph, results: Mapping[str, Any]) -> str:
    """Return which class the scores of a model predict, as a line; empty without classes."""
    scores, classes = model.outputs, [printable(str(name)) for name in results.get("classes", ())]
    if not classes or len(scores) != len(results["targets"]):
        return ""
    if len(scores) == 1:
        rule = f"{classes[1]} if {scores[0]} > {results['threshold']:g}, else {classes[0]}"
        return f"the class is {rule}\n"
    pairs = zip(scores, classes, strict=False)
    return f"the class is that of the largest score: {some(map(' → '.join, pairs), 10)}\n"


def _carried(
    columns: Sequence[tuple[str, str]], bad_rows: str, math: str, kind: str | None, limits: Limits
) -> Iterator[str]:
    """Yield the options of a training without which a replay of its rows fails or differs."""
    for leaf, column in columns:
        yield from ("--column", f"{leaf}={column}")
    if bad_rows != "fail":
        yield from ("--bad-rows", bad_rows)
    if math == EXACT_MATH:  # whoever trains for the same bits wants them in the scores, too
        yield from ("--math", EXACT_MATH)
    if kind is not None:
        yield from ("--format", kind)
    for name in LIMIT_NAMES:
        if getattr(limits, name) != getattr(LIMITS, name):
            yield from ("--limit", f"{name}={getattr(limits, name)}")


def _replay_command(rows: Sequence[str], out: str, options: Iterable[str]) -> str:
    """Return the command that computes the scores of the same rows, for a terminal."""
    words = ["mgraph", "replay", os.path.join(out, "model.json"), *rows, "-o", "scores.csv"]
    return shown_command([*words, *options, "--grad", "none"])


def _check(
    graph: str,
    rows: Sequence[str],
    out: str,
    columns: Sequence[tuple[str, str]],
    options: Mapping[str, Any],
) -> None:
    """Refuse what can't be combined.

    Raises:
        UsageError: Something can't.
    """
    message = ""
    leaves = [leaf for leaf, _ in columns]
    twice = next((leaf for leaf in leaves if leaves.count(leaf) > 1), None)
    if out == STREAM:
        message = "the output is a folder: write, for example, -o run/"
    elif fault := order_fault(graph, rows):
        message = fault
    elif twice is not None:
        message = f"--column is given twice for {printable(twice)}"
    elif STREAM in rows and graph == STREAM:
        message = "only one of the graph and the rows can come from standard input"
    elif STREAM in rows and len(rows) > 1:
        message = "standard input can't be combined with other rows"
    elif options["momentum"] is not None and options["optimizer"].startswith("adam"):
        message = f"--momentum goes with sgd and momentum: {options['optimizer']} has its own"
    elif options["patience"] is not None and options["validation"] is None:
        message = "--patience looks at the validation loss: use it with --validation 0.1"
    elif options["cluster"]:
        message = _cluster_fault(rows, options["batch_size"])
    if message:
        raise click.UsageError(message)


def _cluster_fault(rows: Sequence[str], batch_size: int | None) -> str:
    """Say what a cluster can't do; empty if there is nothing."""
    if batch_size is not None:
        return "each step on a cluster takes all rows: leave out --batch-size"
    return "the workers of a cluster can't read standard input" if STREAM in rows else ""


class _Interrupts:
    """Ctrl-C, which waits for the end of a step once there are steps; the second one does not.

    Attributes:
        wait: Whether it waits.
        asked: Whether somebody has pressed it.
    """

    def __init__(self) -> None:
        """Start without any."""
        self.wait = self.asked = False

    def __enter__(self) -> Self:
        """Handle the signal."""
        self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        """Handle it as before."""
        signal.signal(signal.SIGINT, self._before)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked or not self.wait:
            raise KeyboardInterrupt
        self.asked = True


class _StepProgress(Progress):
    """Progress by steps, with the curve of the loss, their rate and the time left.

    Attributes:
        flat: How many steps in a row, up to the last one, had a gradient of zero.
    """

    def __init__(self) -> None:
        from mgraph.training.curve import RunningLosses  # noqa: PLC0415 - an extra

        super().__init__(1, "reading the rows")
        self.losses = RunningLosses()
        self.last: Mapping[str, Any] = {}
        self.before = self.flat = 0

    def report(self, line: Mapping[str, Any], steps: int) -> None:
        """Take the log's line of a step, and the number of all steps."""
        if not self.last:
            self.start, self.before = time.monotonic(), int(line["step"]) - 1
        self.last, self.done, self.total = line, int(line["step"]), steps
        self.flat = 0 if line["norm"] else self.flat + 1
        self.losses.add(self.done, float(line["loss"]))

    def line(self) -> str:
        """Return the progress as text."""
        from mgraph.training.curve import Curves, loss_line  # noqa: PLC0415 - an extra

        if not self.last:
            return self.label
        rate = (self.done - self.before) / max(time.monotonic() - self.start, 1e-9)
        left = (self.total - self.done) / rate
        text = f"step {self.done:,} of {self.total:,}, "
        text += f"loss {_short(self.last['loss'])}, {rate:,.0f} steps/s, {left:,.0f} s left"
        room = max(_CURVE // 2, min(_CURVE, width(err=True) - len(text) - 2))
        return f"{loss_line(Curves(self.losses.points, ()), room)} {text}"


def _short(number: float | str) -> str:
    return number if isinstance(number, str) else f"{number:.4g}"


def _advice(results: Mapping[str, Any], flat: int) -> str:
    """Return what a learner should see in the results, mostly nothing.

    Args:
        results: Those of the training.
        flat: How many steps at the end had a gradient of zero.
    """
    before, after = (float(results[key]["loss"]) for key in ("before", "after"))
    if after > before:
        return "the loss has risen: the learning rate is too large; try a smaller --lr"
    if after and flat * results["epochs"] >= results["steps"]:  # a whole epoch
        return (
            "all gradients were zero in the last epoch: this is a minimum, or the graph is flat "
            "for every row, as with a dead relu; mgraph explain says which"
        )
    return ""


def _print(result: Trained, out: str, advice: str) -> None:
    """Print a summary."""
    from mgraph.training.curve import curves_of, loss_line  # noqa: PLC0415 - an extra
    from mgraph.training.run_folder import read_log  # noqa: PLC0415

    results = result.results
    name = printable(os.path.join(out, "final.json"))
    counts = [counted(results[key], key[:-1]) for key in ("steps", "epochs", "rows")]
    if results["skipped"]:
        counts.append(f"{counted(results['skipped'], 'bad row')} left out")
    click.echo(f"wrote {name}: {', '.join(counts)}, {counted(results['trained'], 'param')} trained")
    if "best_epoch" in results:
        click.echo(f"the params are those of epoch {results['best_epoch']:,}, the best one")
    lines = [
        (shown, *map(_short, results[key].values()))
        for key, shown in (("before", "before"), ("after", "after"), ("validation", "validation"))
        if key in results
    ]
    table(("", *results["after"]), lines)
    if advice:
        click.echo(f"note: {advice}", err=True)
    curves = curves_of(read_log(out))
    if curves.loss:
        label = "loss (log scale)" if curves.are_logarithmic else "loss of the steps"
        click.echo(f"{label}: {loss_line(curves, min(60, width() - 20))}")
