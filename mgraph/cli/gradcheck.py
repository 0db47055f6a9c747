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
from mgraph.cli.files import STREAM, called, read_graph
from mgraph.cli.options import limit_option, not_negative
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath, NodeId
from mgraph.cli.question import Asked, look_options
from mgraph.cli.rules import formula_of, label, seeded
from mgraph.cli.terminal import (
    aligned,
    clipped,
    counted,
    number,
    progress,
    prose,
    styled,
    table,
    width,
)
from mgraph.codec import spelled, write_file
from mgraph.draw import png, process
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
_FEWEST: Final = 3  # leaves, whatever it takes
_SHOWN: Final = 40  # leaves that are ok
_BAR: Final = 24
_NAME, _NAME_SIZE = 200.0, 14.0  # pixels that a name has in the title of the plot
_COLOURS: Final = {
    CheckVerdict.OK: "green",
    CheckVerdict.WRONG: "red",
    CheckVerdict.KINK: "yellow",
    CheckVerdict.EDGE: "yellow",
    CheckVerdict.UNSURE: "yellow",
}


class _Question(NamedTuple):
    """What is checked: a run that the file has, or one that the command line asks for.

    Attributes:
        run: Its place in the file; None if it is not there.
        origin: Where its numbers come from.
        inputs: Values of leaves, by id.
        seed: Seeds of outputs, by id.
        stored: The gradients that it must have, by id.
    """

    run: int | None
    origin: str
    inputs: Mapping[str, float]
    seed: Mapping[str, float]
    stored: Mapping[str, float]


@dataclass(frozen=True)
class _Result:
    """What came out of one question, of `count` leaves that there are to check."""

    question: _Question
    ran: DetailedRun
    checks: Sequence[Check]
    count: int


@click.command("gradcheck", short_help="Measure every slope, and compare it with the gradient.")
@click.argument("graph", type=GraphPath())
@click.option(
    "--leaf", type=NodeId(SETTABLE), metavar="ID",
    help="Check this leaf only, and show the limit (f(a + h) - f(a))/h as h shrinks.",
)  # fmt: skip
@click.option(
    "-o", "--out", type=GraphPath(), metavar="FILE",
    help="With --leaf: plot the limit's error, too, as .svg or .png; - is SVG on standard output.",
)  # fmt: skip
@click.option(
    "--tolerance", type=float, default=TOLERANCE, show_default=True, callback=not_negative,
    metavar="X", help="Relative difference that is allowed beyond the error of measuring.",
)  # fmt: skip
@click.option(
    "--all", "every", is_flag=True, help="Check every leaf of a large graph, and show it."
)
@look_options
@json_option
@limit_option
def command(
    graph: str,
    leaf: str | None,
    out: str | None,
    tolerance: float,
    every: bool,  # noqa: FBT001 - click calls by name
    asked: Asked,
    as_json: bool,  # noqa: FBT001
    limits: Limits,
) -> int:
    """Check gradients: the slope by each leaf, measured, beside the one that the rules give.

    Measured with central differences, extrapolated, and with the error that rounding and the
    length of the step leave. Checks the gradients that the runs of the file hold, too. Kinks and
    edges, where there is no one slope, are named. Exit status 1 if a gradient is wrong.

    \b
    Examples:
      mgraph gradcheck neuron.json
      mgraph gradcheck neuron.json --set x1=0.5 --json
      mgraph gradcheck neuron.json --leaf w1 -o limit.svg
    """  # noqa: D301 - \b is click's
    _check_options(leaf, out, every=every)
    asked.check_streams(graph)
    file, _ = read_graph(graph, limits)
    try:
        which = None if leaf is None else _leaf(file, leaf)
        questions = _questions(file, graph, asked, limits)
        results = _results(file, questions, which, tolerance, every=every)
    except GraphError as error:
        raise error.named(called(graph)) from None
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
    return (
        1
        if any(each.verdict == CheckVerdict.WRONG for result in results for each in result.checks)
        else 0
    )


def _check_options(leaf: str | None, out: str | None, *, every: bool) -> None:
    if out is not None and leaf is None:
        message = "-o goes with --leaf: it plots the limit of one leaf"
        raise click.UsageError(message)
    if every and leaf is not None:
        message = "--all and --leaf exclude each other"
        raise click.UsageError(message)
    if out is not None and out != STREAM and not out.lower().endswith((".svg", ".png")):
        message = f"can't write {quoted(out)}: expected a name that ends in .svg or .png, or -"
        raise click.UsageError(message)
    if out is not None and _is_png(out):
        process.require("resvg_py", ".svg needs nothing")


def _leaf(file: Graph, name: str) -> int:
    node = node_named(file.columns, name)
    op = file.columns.op(node)
    if op == CONST or op_at(file.columns, node) is not None:
        message = f"{quoted(name)} is {op}: only inputs and params are checked"
        raise GraphError.of("run-node", message, expected="an input or a param")
    return node


def _questions(file: Graph, path: str, asked: Asked, limits: Limits) -> list[_Question]:
    """Return what to check: the file's runs, or what the command line asks."""
    if not asked.anything and file.runs:
        return [
            _Question(i, run.origin, run.inputs, run.seed, run.grad or {})
            for i, run in enumerate(file.runs)
        ]
    inputs, seed = asked.inputs_and_seed(file, path, limits)
    return [_Question(None, "", inputs, seed, {})]


def _results(
    file: Graph,
    questions: Sequence[_Question],
    leaf: int | None,
    tolerance: float,
    *,
    every: bool,
) -> list[_Result]:
    columns = file.columns
    leaves = [i for i in columns.leaves if columns.op(i) != CONST]
    if leaf is not None:
        leaves, questions = [leaf], questions[:1]
    most = _BUDGET // (EVALUATIONS * len(columns) * max(len(questions), 1))
    chosen = leaves if every else sample(leaves, max(most, _FEWEST))
    results = []
    with progress(len(questions) * len(chosen), "checking") as bar:
        for each in questions:
            ran = run_in_detail(columns, each.inputs, each.seed)
            stored = each.stored if each.run is not None else _stored(file, ran)
            checks = []
            for i in chosen:
                checks.append(check(ran, i, stored.get(columns.ids[i]), tolerance))
                bar.step()
            results.append(_Result(each, ran, checks, len(leaves)))
    return results


def _stored(file: Graph, ran: DetailedRun) -> Mapping[str, float]:
    """Return the gradients of a run of the file that asks the same; nothing if there is none."""
    asked = question(ran.run, file.outputs)
    same = (run.grad for run in file.runs if question(run, file.outputs) == asked)
    return next(same, None) or {}


# --- text ------------------------------------------------------------------------------------


def _print(result: _Result, *, every: bool, is_first: bool, err: bool) -> None:
    asked, ran, checks = result.question, result.ran, result.checks
    if not is_first:
        click.echo(err=err)
    if asked.run is not None:
        origin = f", by {printable(asked.origin)}" if asked.origin else ""
        head = f"run {asked.run}{origin}"
        click.echo(click.style(clipped(head, width(err=err)), dim=True), err=err)
    fine = [
        i
        for i, each in enumerate(checks)
        if each.verdict in (CheckVerdict.OK, CheckVerdict.NO_PATH)
    ]
    hidden = dict.fromkeys(() if every else fine[_SHOWN:])
    if checks:
        shown = [each for i, each in enumerate(checks) if i not in hidden]
        _print_table(ran, shown, err=err)
    if hidden:
        click.echo(click.style(f"… and {len(hidden):,} more, all ok", dim=True), err=err)
    if sampled := _sampled(result):
        click.echo(click.style(sampled, dim=True), err=err)


def _sampled(result: _Result) -> str:
    if len(result.checks) == result.count:
        return ""
    return (
        f"{len(result.checks):,} of {result.count:,} leaves, evenly spread; --all checks all, "
        "--leaf ID one"
    )


def _print_table(ran: DetailedRun, checks: Sequence[Check], *, err: bool) -> None:
    room, graph = width(err=err), ran.graph
    names = [clipped(graph.ids[each.leaf], room // 4) for each in checks]
    analytic = aligned(number(each.analytic) for each in checks)
    measured = aligned(_measured(each) for each in checks)
    errors = [_size(each.measured.error) if _is_measured(each) else "" for each in checks]
    verdicts = [each.verdict for each in checks]
    columns = (names, analytic, measured, errors, verdicts)
    sizes = (max(map(len, cells)) for cells in columns)
    left = room - sum(2 + max(len(head), size) for head, size in zip(_HEAD, sizes, strict=True))
    rows = [
        [*cells, styled(verdict, _COLOURS.get(verdict)), ""]
        for *cells, verdict in zip(*columns, strict=True)
    ]
    notes = [_note(ran, each) for each in checks]
    lines: list[list[str]] = []
    for cells, note in zip(rows, notes, strict=True):
        if len(note) <= left:
            cells[-1] = note
        lines.append(cells)
        if note and not cells[-1]:
            lines.append([f"  {prose(note, '  ', room - 2)}"])
    table([*_HEAD, ""], lines, err=err)


_HEAD: Final = ("leaf", "gradient", "measured", "± error", "verdict")


def _is_measured(found: Check) -> bool:
    return found.measured is not NOTHING and isfinite(found.measured.derivative)


def _measured(found: Check) -> str:
    return number(found.measured.derivative) if _is_measured(found) else "-"


def _size(x: float) -> str:
    return f"{x:.1g}"


def _note(ran: DetailedRun, found: Check) -> str:
    """Say what a verdict means here; empty if it speaks for itself."""
    if found.stored_is_wrong:
        return f"the file says {found.stored!r}"
    notes = {
        CheckVerdict.WRONG: _why_wrong,
        CheckVerdict.KINK: _where,
        CheckVerdict.EDGE: _where,
        CheckVerdict.UNSURE: _why_unsure,
    }
    return notes[found.verdict](ran, found) if found.verdict in notes else ""


def _why_wrong(_ran: DetailedRun, found: Check) -> str:
    difference = abs((found.analytic or 0.0) - found.measured.derivative)
    return f"off by {_size(difference)}"


def _why_unsure(ran: DetailedRun, found: Check) -> str:
    if found.bend is None:
        return "rounding drowns the slope"
    return f"{_op_at(ran, found.bend)} is {_size(found.distance)} from a kink"


def _where(ran: DetailedRun, found: Check) -> str:
    if not isfinite(ran.primals[found.leaf]):
        return f"its value is {number(ran.primals[found.leaf])}"
    strange = [i for i in ran.seeds if not isfinite(ran.primals[i])]
    if strange:
        return f"{ran.graph.ids[strange[0]]} is {number(ran.primals[strange[0]])}"
    if found.bend is not None and found.distance == 0.0:
        op = op_at(ran.graph, found.bend)
        choice = f"; the choice is {op.at_kink}" if op is not None else ""
        return f"{_op_at(ran, found.bend)} is at a kink{_sides(found)}{choice}"
    return f"no slope on both sides{_sides(found)}"


def _op_at(ran: DetailedRun, node: int) -> str:
    return f"{ran.graph.ids[node]} = {formula_of(ran.graph, node)}"


def _sides(found: Check) -> str:
    if found.sides is None or not any(isfinite(side.derivative) for side in found.sides):
        return ""
    left, right = (
        number(side.derivative) if isfinite(side.derivative) else "-" for side in found.sides
    )
    return f"; slopes left {left}, right {right}"


def _summary(results: Sequence[_Result]) -> str:
    verdicts = [each.verdict for result in results for each in result.checks]
    counts = {each: verdicts.count(each) for each in CheckVerdict}
    words = [styled(f"{n:,} {each}", _COLOURS.get(each)) for each, n in counts.items() if n]
    slopes = counted(len(verdicts), "slope")
    return f"{slopes}: {', '.join(words)}" if words else "no leaf to check"


def _print_limit(ran: DetailedRun, leaf: int, quotients: Sequence[Quotient], *, err: bool) -> None:
    name = ran.graph.ids[leaf]
    f, a = seeded(ran.graph, ran.seeds), number(ran.primals[leaf])
    title = f"the limit: f is {clipped(f, 40)} as a function of {name}, a = {a}"
    click.echo(f"\n{click.style(title, bold=True)} {label(ran.graph, leaf)}".rstrip(), err=err)
    slopes = aligned(f"{each.slope:.12g}" for each in quotients)
    bars = _bars(quotients)
    rows = [
        [f"{each.h:.0e}", slope, _size(each.error), bar]
        for each, slope, bar in zip(quotients, slopes, bars, strict=True)
    ]
    table(["h", "(f(a + h) - f(a))/h", "error", "log of the error"], rows, err=err)
    best = min(quotients, key=lambda each: (each.error != each.error, each.error))
    if isfinite(best.error):
        text = (
            f"nearest to {number(ran.adjoints[leaf])} at h = {best.h:.0e}: above, the curve "
            "bends away; below, rounding is divided by h"
        )
        click.echo(click.style(prose(text, "", width(err=err)), dim=True), err=err)
    click.echo(err=err)


def _bars(quotients: Sequence[Quotient]) -> list[str]:
    """Draw errors as bars, on a logarithmic scale; the smallest is a dot."""
    errors = [each.error for each in quotients]
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
    title = f"Error of (f(a + h) - f(a))/h beside the slope by {name}"
    svg = error_plot([(each.h, each.error) for each in quotients], title)
    if out == STREAM:
        click.echo(svg, nl=False)
    else:
        write_file(out, [png.paint(svg)[0] if _is_png(out) else svg.encode()])


def _is_png(name: str) -> bool:
    return name.lower().endswith(".png")


# --- JSON ------------------------------------------------------------------------------------


def _as_json(results: Sequence[_Result], quotients: Sequence[Quotient]) -> dict[str, Any]:
    verdicts = [each.verdict for result in results for each in result.checks]
    said: dict[str, Any] = {
        "runs": [_result_json(each) for each in results],
        "summary": {each: verdicts.count(each) for each in CheckVerdict},
    }
    if quotients:
        said["limit"] = [
            {"h": each.h, "slope": spelled(each.slope), "error": spelled(each.error)}
            for each in quotients
        ]
    return said


def _result_json(result: _Result) -> dict[str, Any]:
    ran, asked = result.ran, result.question
    return {
        "run": asked.run,
        "origin": asked.origin or None,
        "inputs": {name: spelled(x) for name, x in asked.inputs.items()},
        "seed": {ran.graph.ids[i]: seed for i, seed in ran.seeds.items()},
        "leaves": [_check_json(ran, each) for each in result.checks],
        "of": result.count,
    }


def _check_json(ran: DetailedRun, found: Check) -> dict[str, Any]:
    measured = found.measured if _is_measured(found) else None
    return {
        "leaf": ran.graph.ids[found.leaf],
        "grad": None if found.analytic is None else spelled(found.analytic),
        "measured": measured and measured.derivative,
        "error": measured and measured.error,
        "step": measured and (measured.step if isfinite(measured.step) else None),
        "verdict": found.verdict,
        "stored": None if found.stored is None else spelled(found.stored),
        "stored_is_wrong": found.stored_is_wrong,
        "bend": None if found.bend is None else ran.graph.ids[found.bend],
        "distance": found.distance if isfinite(found.distance) else None,
        "sides": found.sides and [spelled(side.derivative) for side in found.sides],
        "note": _note(ran, found) or None,
    }
