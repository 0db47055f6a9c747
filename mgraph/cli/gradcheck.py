"""`mgraph gradcheck`."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, log10
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from mgraph.analysis.detailed_run import DetailedRun, op_at, run_in_detail
from mgraph.analysis.gradcheck import (
    EVALUATIONS,
    NOTHING,
    TOLERANCE,
    Check,
    CheckVerdict,
    Quotient,
    check,
    limit,
    sample,
)
from mgraph.appearance import number
from mgraph.cli.equations import formula_of, label, seeded
from mgraph.cli.files import STREAM, naming, read_graph, write_output
from mgraph.cli.options import limit_option, not_negative
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath, NodeId, OutputPath
from mgraph.cli.run_request import RunRequest, inspection_options
from mgraph.cli.terminal import (
    aligned,
    clipped,
    counted,
    progress,
    prose,
    styled,
    table,
    width,
)
from mgraph.codec import spelled
from mgraph.draw import native_process, png
from mgraph.draw.text import middle_clipped
from mgraph.engine.evaluate import node_named
from mgraph.errors import GraphError, printable, quoted
from mgraph.format.runs import SETTABLE
from mgraph.graph.run import question
from mgraph.ops import CONST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgraph.codec import Limits
    from mgraph.document import Graph

_BUDGET: Final = 20_000_000  # op evaluations, all runs and leaves together: some ten seconds
_FEWEST: Final = 3  # leaves that are checked even if that takes longer
_SHOWN: Final = 40  # leaves that are ok; those that aren't are all shown
_BAR: Final = 24  # columns
_NAME, _NAME_SIZE = 200.0, 14.0  # width and font size of a name in the plot's title, in pixels
_COLOURS: Final = {
    CheckVerdict.OK: "green",
    CheckVerdict.WRONG: "red",
    CheckVerdict.KINK: "yellow",
    CheckVerdict.EDGE: "yellow",
    CheckVerdict.UNSURE: "yellow",
}


class _Task(NamedTuple):
    """One run to check: a run of the file, or the one that the command line asks for.

    Attributes:
        run: Index of the run in the file; None if it comes from the command line.
        origin: Where the run's numbers come from.
        inputs: Values of leaves, by id.
        seed: Seeds of outputs, by id.
        stored: The gradients that the file expects, by id.
    """

    run: int | None
    origin: str
    inputs: Mapping[str, float]
    seed: Mapping[str, float]
    stored: Mapping[str, float]


@dataclass(frozen=True)
class _Result:
    """The checks of one run; `count` is the number of leaves, some of which may be left out."""

    task: _Task
    ran: DetailedRun
    checks: Sequence[Check]
    count: int


@click.command("gradcheck", short_help="Check every gradient against a measured slope.")
@click.argument("graph", type=GraphPath())
@click.option(
    "--leaf", type=NodeId(SETTABLE), metavar="ID",
    help="Check this leaf only, and show (f(a + h) - f(a))/h for smaller and smaller h.",
)  # fmt: skip
@click.option(
    "-o", "--out", type=OutputPath(), metavar="FILE",
    help="With --leaf: also plot the error over h, as .svg or .png; - is SVG on standard output.",
)  # fmt: skip
@click.option(
    "--tolerance", type=float, default=TOLERANCE, show_default=True, callback=not_negative,
    metavar="X", help="Allowed relative difference, in addition to the error of the measurement.",
)  # fmt: skip
@click.option(
    "--all", "every", is_flag=True, help="Check and show every leaf, however large the graph."
)
@inspection_options
@json_option
@limit_option
def command(
    graph: str,
    leaf: str | None,
    out: str | None,
    tolerance: float,
    every: bool,  # noqa: FBT001 - click calls by name
    request: RunRequest,
    as_json: bool,  # noqa: FBT001
    limits: Limits,
) -> int:
    """Check gradients: measure the slope for each leaf, and compare it with its gradient.

    Slopes are measured with extrapolated central differences; the expected error of the measurement
    is shown. Gradients that are stored in the runs of the file are checked as well. At kinks and
    edges, where there isn't a single slope, the output says so. The exit status is 1 if a gradient
    is wrong.

    \b
    Examples:
      mgraph gradcheck neuron.json
      mgraph gradcheck neuron.json --set x1=0.5 --json
      mgraph gradcheck neuron.json --leaf w1 -o limit.svg
    """  # noqa: D301 - \b is click's
    _check_options(leaf, out, every=every)
    request.check_streams(graph)
    file, _ = read_graph(graph, limits)
    with naming(graph):
        which = None if leaf is None else _leaf(file, leaf)
        tasks = _tasks(file, graph, request, limits)
        results = _results(file, tasks, which, tolerance, every=every)
    quotients = [] if which is None else limit(results[0].ran, which)
    err = out == STREAM
    if out is not None and which is not None:
        _write_plot(out, results[0].ran, which, quotients)
    if as_json:
        print_json({**_as_json(results, quotients), "wrote": None if err else out}, err=err)
    else:
        for i, result in enumerate(results):
            _print(result, every=every, is_first=not i, err=err)
        if which is not None:
            _print_limit(results[0].ran, which, quotients, err=err)
        click.echo(_summary(results), err=err)
        if out is not None and not err:
            click.echo(f"wrote {printable(out)}")
    return 1 if CheckVerdict.WRONG in _verdicts(results) else 0


def _verdicts(results: Sequence[_Result]) -> list[str]:
    return [item.verdict for result in results for item in result.checks]


def _check_options(leaf: str | None, out: str | None, *, every: bool) -> None:
    if out is not None and leaf is None:
        message = "-o needs --leaf: it plots the error for one leaf"
        raise click.UsageError(message)
    if every and leaf is not None:
        message = "--all and --leaf can't be combined"
        raise click.UsageError(message)
    if out is not None and out != STREAM and not out.lower().endswith((".svg", ".png")):
        message = f"can't write {quoted(out)}: expected a name that ends in .svg or .png, or -"
        raise click.UsageError(message)
    if out is not None and _is_png(out):
        native_process.require("resvg_py", ".svg needs nothing installed")


def _leaf(file: Graph, name: str) -> int:
    node = node_named(file.columns, name)
    op = file.columns.op(node)
    if op == CONST or op_at(file.columns, node) is not None:
        message = f"{quoted(name)} is a node with op {op}: only inputs and params are checked"
        raise GraphError.of("run-node", message, expected="an input or a param")
    return node


def _tasks(file: Graph, path: str, request: RunRequest, limits: Limits) -> list[_Task]:
    """Return the runs to check: those of the file, or the one that the command line asks for."""
    if request.is_empty and file.runs:
        return [
            _Task(i, run.origin, run.inputs, run.seed, run.grad or {})
            for i, run in enumerate(file.runs)
        ]
    inputs, seed = request.inputs_and_seed(file, path, limits)
    return [_Task(None, "", inputs, seed, {})]


def _results(
    file: Graph,
    tasks: Sequence[_Task],
    leaf: int | None,
    tolerance: float,
    *,
    every: bool,
) -> list[_Result]:
    columns = file.columns
    leaves = [i for i in columns.leaves if columns.op(i) != CONST]
    if leaf is not None:
        leaves, tasks = [leaf], tasks[:1]
    most = _BUDGET // (EVALUATIONS * len(columns) * max(len(tasks), 1))
    chosen = leaves if every else sample(leaves, max(most, _FEWEST))
    results = []
    with progress(len(tasks) * len(chosen), "checking") as bar:
        for task in tasks:
            ran = run_in_detail(columns, task.inputs, task.seed)
            stored = task.stored if task.run is not None else _stored(file, ran)
            checks = []
            for i in chosen:
                checks.append(check(ran, i, stored.get(columns.ids[i]), tolerance))
                bar.step()
            results.append(_Result(task, ran, checks, len(leaves)))
    return results


def _stored(file: Graph, ran: DetailedRun) -> Mapping[str, float]:
    """Return the gradients of the file's first run with the same inputs and seed, if any."""
    wanted = question(ran.run, file.outputs)
    same = (run.grad for run in file.runs if question(run, file.outputs) == wanted)
    return next(same, None) or {}


# --- text ------------------------------------------------------------------------------------


def _print(result: _Result, *, every: bool, is_first: bool, err: bool) -> None:
    task, ran, checks = result.task, result.ran, result.checks
    if not is_first:
        click.echo(err=err)
    if task.run is not None:
        origin = f", by {printable(task.origin)}" if task.origin else ""
        head = f"run {task.run}{origin}"
        click.echo(click.style(clipped(head, width(err=err)), dim=True), err=err)
    fine = [
        i
        for i, item in enumerate(checks)
        if item.verdict in (CheckVerdict.OK, CheckVerdict.NO_PATH)
    ]
    hidden = dict.fromkeys(() if every else fine[_SHOWN:])
    if checks:
        shown = [item for i, item in enumerate(checks) if i not in hidden]
        _print_table(ran, shown, err=err)
    if hidden:
        click.echo(click.style(f"… and {len(hidden):,} more, all ok", dim=True), err=err)
    if len(checks) < result.count:
        text = (
            f"checked {len(checks):,} of {result.count:,} leaves, evenly spread; --all checks all, "
            "--leaf ID checks one"
        )
        click.echo(click.style(text, dim=True), err=err)


def _print_table(ran: DetailedRun, checks: Sequence[Check], *, err: bool) -> None:
    room, graph = width(err=err), ran.graph
    names = [clipped(graph.ids[item.leaf], room // 4) for item in checks]
    analytic = aligned(number(item.analytic) for item in checks)
    measured = aligned(_measured(item) for item in checks)
    errors = [_size(item.measured.error) if _is_measured(item) else "" for item in checks]
    verdicts = [item.verdict for item in checks]
    columns = (names, analytic, measured, errors, verdicts)
    sizes = (max(map(len, cells)) for cells in columns)
    left = room - sum(2 + max(len(head), size) for head, size in zip(_HEAD, sizes, strict=True))
    rows = [
        [*cells, styled(verdict, _COLOURS.get(verdict)), ""]
        for *cells, verdict in zip(*columns, strict=True)
    ]
    notes = [_note(ran, item) for item in checks]
    lines: list[list[str]] = []
    for cells, note in zip(rows, notes, strict=True):
        if len(note) <= left:
            cells[-1] = note
        lines.append(cells)
        if note and not cells[-1]:
            lines.append([f"  {prose(note, '  ', room - 2)}"])
    table([*_HEAD, ""], lines, err=err)


_HEAD: Final = ("leaf", "gradient", "measured", "± error", "verdict")


def _is_measured(item: Check) -> bool:
    return item.measured is not NOTHING and isfinite(item.measured.derivative)


def _measured(item: Check) -> str:
    return number(item.measured.derivative) if _is_measured(item) else "-"


def _size(x: float) -> str:
    return f"{x:.1g}"


def _note(ran: DetailedRun, item: Check) -> str:
    """Give the reason for a verdict; empty if it needs none."""
    if item.stored_is_wrong:
        return f"the file says {item.stored!r}"
    notes = {
        CheckVerdict.WRONG: _why_wrong,
        CheckVerdict.KINK: _why_no_slope,
        CheckVerdict.EDGE: _why_no_slope,
        CheckVerdict.UNSURE: _why_unsure,
    }
    return notes[item.verdict](ran, item) if item.verdict in notes else ""


def _why_wrong(_ran: DetailedRun, item: Check) -> str:
    difference = abs((item.analytic or 0.0) - item.measured.derivative)
    return f"off by {_size(difference)}"


def _why_unsure(ran: DetailedRun, item: Check) -> str:
    if item.bend is None:
        return "rounding errors are larger than the slope"
    return f"{_op_at(ran, item.bend)} is {_size(item.distance)} from a kink"


def _why_no_slope(ran: DetailedRun, item: Check) -> str:
    if not isfinite(ran.primals[item.leaf]):
        return f"its value is {number(ran.primals[item.leaf])}"
    not_finite = [i for i in ran.seeds if not isfinite(ran.primals[i])]
    if not_finite:
        return f"{ran.graph.ids[not_finite[0]]} is {number(ran.primals[not_finite[0]])}"
    if item.bend is not None and item.distance == 0.0:
        op = op_at(ran.graph, item.bend)
        choice = f"; the choice is {op.at_kink}" if op is not None else ""
        return f"{_op_at(ran, item.bend)} is at a kink{_sides(item)}{choice}"
    return f"the slope is not the same on both sides{_sides(item)}"


def _op_at(ran: DetailedRun, node: int) -> str:
    return f"{ran.graph.ids[node]} = {formula_of(ran.graph, node)}"


def _sides(item: Check) -> str:
    if item.sides is None or not any(isfinite(side.derivative) for side in item.sides):
        return ""
    left, right = (
        number(side.derivative) if isfinite(side.derivative) else "-" for side in item.sides
    )
    return f"; slopes left {left}, right {right}"


def _summary(results: Sequence[_Result]) -> str:
    verdicts = _verdicts(results)
    counts = {verdict: verdicts.count(verdict) for verdict in CheckVerdict}
    words = [styled(f"{n:,} {name}", _COLOURS.get(name)) for name, n in counts.items() if n]
    gradients = counted(len(verdicts), "gradient")
    return f"{gradients}: {', '.join(words)}" if words else "no leaf to check"


def _print_limit(ran: DetailedRun, leaf: int, quotients: Sequence[Quotient], *, err: bool) -> None:
    name = ran.graph.ids[leaf]
    f, a = seeded(ran.graph, ran.seeds), number(ran.primals[leaf])
    title = f"the limit: f is {clipped(f, 40)} as a function of {name}, a = {a}"
    click.echo(f"\n{click.style(title, bold=True)} {label(ran.graph, leaf)}".rstrip(), err=err)
    slopes = aligned(f"{quotient.slope:.12g}" for quotient in quotients)
    bars = _bars(quotients)
    rows = [
        [f"{quotient.h:.0e}", slope, _size(quotient.error), bar]
        for quotient, slope, bar in zip(quotients, slopes, bars, strict=True)
    ]
    table(["h", "(f(a + h) - f(a))/h", "error", "log of the error"], rows, err=err)
    best = min(quotients, key=lambda x: (x.error != x.error, x.error))
    if isfinite(best.error):
        text = (
            f"nearest to {number(ran.adjoints[leaf])} at h = {best.h:.0e}; larger h: the curve "
            "bends; smaller h: rounding errors, divided by h, take over"
        )
        click.echo(click.style(prose(text, "", width(err=err)), dim=True), err=err)
    click.echo(err=err)


def _bars(quotients: Sequence[Quotient]) -> list[str]:
    """Draw errors as bars on a logarithmic scale; the smallest is a dot."""
    errors = [quotient.error for quotient in quotients]
    logs = [log10(x) for x in errors if isfinite(x) and x > 0.0]
    if not logs:
        return ["" for _ in errors]
    low, span = min(logs), max(max(logs) - min(logs), 1.0)
    bars = []
    for x in errors:
        if not isfinite(x) or x == 0.0:
            bars.append("" if x != 0.0 else "0")
        else:
            bars.append("█" * round(_BAR * (log10(x) - low) / span) or "·")
    return bars


def _write_plot(out: str, ran: DetailedRun, leaf: int, quotients: Sequence[Quotient]) -> None:
    from mgraph.cli.plot import error_plot  # noqa: PLC0415 - only here

    name = middle_clipped(ran.graph.ids[leaf], _NAME, _NAME_SIZE)
    title = f"Error of (f(a + h) - f(a))/h, compared with the gradient of {name}"
    svg = error_plot([(quotient.h, quotient.error) for quotient in quotients], title)
    write_output(out, [png.paint(svg)[0] if _is_png(out) else svg.encode()])


def _is_png(name: str) -> bool:
    return name.lower().endswith(".png")


# --- JSON ------------------------------------------------------------------------------------


def _as_json(results: Sequence[_Result], quotients: Sequence[Quotient]) -> dict[str, Any]:
    verdicts = _verdicts(results)
    facts: dict[str, Any] = {
        "runs": [_result_json(result) for result in results],
        "summary": {verdict: verdicts.count(verdict) for verdict in CheckVerdict},
    }
    if quotients:
        facts["limit"] = [
            {"h": x.h, "slope": spelled(x.slope), "error": spelled(x.error)} for x in quotients
        ]
    return facts


def _result_json(result: _Result) -> dict[str, Any]:
    ran, task = result.ran, result.task
    return {
        "run": task.run,
        "origin": task.origin or None,
        "inputs": {name: spelled(x) for name, x in task.inputs.items()},
        "seed": {ran.graph.ids[i]: seed for i, seed in ran.seeds.items()},
        "leaves": [_check_json(ran, item) for item in result.checks],
        "of": result.count,
    }


def _check_json(ran: DetailedRun, item: Check) -> dict[str, Any]:
    measured = item.measured if _is_measured(item) else None
    return {
        "leaf": ran.graph.ids[item.leaf],
        "grad": None if item.analytic is None else spelled(item.analytic),
        "measured": measured and measured.derivative,
        "error": measured and measured.error,
        "step": measured and (measured.step if isfinite(measured.step) else None),
        "verdict": item.verdict,
        "stored": None if item.stored is None else spelled(item.stored),
        "stored_is_wrong": item.stored_is_wrong,
        "bend": None if item.bend is None else ran.graph.ids[item.bend],
        "distance": item.distance if isfinite(item.distance) else None,
        "sides": item.sides and [spelled(side.derivative) for side in item.sides],
        "note": _note(ran, item) or None,
    }
