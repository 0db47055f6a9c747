"""`mgraph test`."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mgraph.cli.files import (
    STREAM,
    read_bytes,
    read_graph,
    update_of,
    write_graph,
    write_output,
)
from mgraph.cli.options import engine_option, limit_option, tolerance_options
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath
from mgraph.cli.terminal import counted, print_diagnostics, progress, styled
from mgraph.codec import spelled
from mgraph.errors import printable
from mgraph.golden.rerun import (
    FileOutcome,
    Options,
    Status,
    accepted,
    graph_files,
    mismatches,
    read_tests,
)
from mgraph.graph.run import DEFAULT, EXACT, SELF_RECORDED, Tolerance

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.codec import Limits, Stamp

_SHOWN = 20
_COLOURS = {
    Status.OK: "green",
    Status.WRONG: "red",
    Status.REFUSED: "red",
    Status.UNTESTED: "yellow",
    Status.SKIPPED: None,
}


@click.command("test", short_help="Golden tests: repeat every run, and compare the numbers.")
@click.argument("paths", type=GraphPath(), nargs=-1, metavar="[PATH]...")
@tolerance_options
@click.option("--exact", is_flag=True, help="Accept only identical bits, whatever the tolerance.")
@click.option(
    "--junit", type=GraphPath(), metavar="FILE",
    help="Also write a JUnit XML report, for example --junit report.xml.",
)  # fmt: skip
@click.option(
    "--accept", is_flag=True,
    help="Show what differs in one file, and make mgraph's numbers its new expectation.",
)  # fmt: skip
@engine_option
@json_option
@limit_option
def command(
    paths: tuple[str, ...],
    tolerance: Tolerance | None,
    exact: bool,  # noqa: FBT001 - click calls by name
    junit: str | None,
    accept: bool,  # noqa: FBT001
    engine: str,
    as_json: bool,  # noqa: FBT001
    limits: Limits,
) -> int:
    """Run every run of graph files again, and compare with the numbers they expect.

    A PATH is a file, or a folder to search; the default is the current folder. If numbers differ,
    the first wrong node is named: values are compared in evaluation order, gradients in backward
    order. A file with NAME.diagnostic.json next to it must give exactly the diagnostics listed
    there. Every run computes the whole graph, so the time is that of one run times their number;
    --limit runs=N refuses files with more.

    \b
    Examples:
      mgraph test neuron.json
      mgraph test . --junit report.xml
      mgraph test neuron.json --rel 1e-6
    """  # noqa: D301 - \b is click's
    if exact and tolerance is not None:
        message = "--exact can't be combined with --rel or --abs"
        raise click.UsageError(message)
    if accept and (as_json or junit):
        message = "--accept can't be combined with --json or --junit"
        raise click.UsageError(message)
    options = Options(EXACT if exact else tolerance, engine, limits, read_bytes)
    if accept:
        return _accept(paths, options)
    outcomes = _test(paths or (".",), options)
    err = junit == STREAM
    if as_json:
        items = [_as_json(outcome) for outcome in outcomes]
        print_json({"outcomes": items, "summary": _counts(outcomes)}, err=err)
    else:
        _print(outcomes, err=err)
    if junit:
        _write_report(junit, outcomes)
    return 1 if any(outcome.failed for outcome in outcomes) or not outcomes else 0


def _write_report(path: str, outcomes: Sequence[FileOutcome]) -> None:
    from mgraph.golden.junit import report  # noqa: PLC0415 - only here

    write_output(path, [report(outcomes)])


def _test(paths: Sequence[str], options: Options) -> list[FileOutcome]:
    files = list(graph_files(paths))
    outcomes: list[FileOutcome] = []
    with progress(len(files), "testing") as bar:
        for path, walked in files:
            tests = [*read_tests(path, options, walked=walked)]
            bar.total += len(tests) - 1
            for run_test in tests:
                outcomes.append(run_test.test())
                bar.step()
    return outcomes


def _as_json(outcome: FileOutcome) -> dict[str, Any]:
    fields = outcome.as_json()
    return {key: spelled(x) if isinstance(x, float) else x for key, x in fields.items()}


def _counts(outcomes: Sequence[FileOutcome]) -> dict[str, int]:
    counts = {
        str(status): sum(outcome.status == status for outcome in outcomes) for status in Status
    }
    own = sum(outcome.origin.startswith(SELF_RECORDED) for outcome in outcomes)
    files = len(dict.fromkeys(outcome.file for outcome in outcomes))
    return {"files": files, **counts, "self-recorded": own}


def _print(outcomes: Sequence[FileOutcome], *, err: bool) -> None:
    for outcome in outcomes:
        if outcome.status in (Status.OK, Status.SKIPPED):
            continue
        run = "" if outcome.run is None else f", run {outcome.run}"
        status = click.style(outcome.status, fg=_COLOURS[outcome.status], bold=True)
        head = f"{printable(outcome.file)}{run}: {status}"
        click.echo("\n  ".join((head, *outcome.why)), err=err)
        if outcome.status == Status.REFUSED:
            print_diagnostics(outcome.diagnostics)
    click.echo(_summary(_counts(outcomes)), err=err)


def _summary(counts: dict[str, int]) -> str:
    if not counts["files"]:
        return "no graph files found"
    runs = [
        styled(f"{counts[status]:,} {status}", colour if counts[status] else None)
        for status, colour in _COLOURS.items()
        if counts[status] or status == Status.OK
    ]
    text = f"{counted(counts['files'], 'file')}: {', '.join(runs)}"
    if own := counts["self-recorded"]:
        text += f"\n{counted(own, 'run')} recorded by mgraph itself: "
        text += f"{'it shows' if own == 1 else 'they show'} changes, not correctness"
    return text


def _accept(paths: Sequence[str], options: Options) -> int:
    """Show what differs in one file, and make mgraph's numbers its new expectation."""
    if len(paths) != 1 or Path(paths[0]).is_dir() or paths[0] == STREAM:
        message = "--accept takes the name of one file, so that you see what you accept"
        raise click.UsageError(message)
    with update_of(paths[0], paths[0]) as before:
        return _accept_file(paths[0], options, before)


def _accept_file(path: str, options: Options, before: Stamp | None) -> int:
    graph, _ = read_graph(path, options.limits)
    if not graph.runs:
        name = printable(path)
        message = f"{name} has no runs; `mgraph run {name} --in-place` records one"
        raise click.ClickException(message)
    lines = list(_mismatch_lines(graph, options))
    if not lines:
        click.echo("nothing differs")
        return 0
    for line in islice(lines, _SHOWN):
        click.echo(line)
    if len(lines) > _SHOWN:
        click.echo(f"… and {len(lines) - _SHOWN:,} more")
    write_graph(accepted(graph, options), path, "", before)
    click.echo(f"wrote {printable(path)}: its changed runs are now recorded by mgraph itself")
    return 0


def _mismatch_lines(graph: Any, options: Options) -> Iterator[str]:  # noqa: ANN401
    for i, want in enumerate(graph.runs):
        got = graph.run(want.inputs, seed=want.seed, engine=options.engine)
        tolerance = options.tolerance or want.tolerance or DEFAULT
        for mismatch in mismatches(got, want, tolerance):
            yield f"run {i}, {mismatch}"
