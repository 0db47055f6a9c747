"""`mgraph test`."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mgraph.cli.files import (
    STREAM,
    check_target,
    read_bytes,
    read_graph,
    update_of,
    write_graph,
    write_output,
)
from mgraph.cli.options import engine_option, limit_option, tolerance_options
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath, OutputPath, RequiredNumbers
from mgraph.cli.terminal import counted, print_diagnostics, progress, styled
from mgraph.codec import spelled
from mgraph.errors import Diagnostic, GraphError, printable, quoted, some
from mgraph.golden.require import DATA, GRAD, NODE, Requirement
from mgraph.golden.rerun import (
    SHOWN,
    FileOutcome,
    Options,
    Status,
    accepted,
    computed_again,
    graph_files,
    mismatches,
    read_tests,
)
from mgraph.graph.run import DEFAULT, EXACT, SELF_RECORDED, Tolerance
from mgraph.suggestions import closest, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.codec import Limits, Stamp

_COLOURS = {
    Status.OK: "green",
    Status.WRONG: "red",
    Status.INCOMPLETE: "red",
    Status.REFUSED: "red",
    Status.UNTESTED: "yellow",
    Status.SKIPPED: None,
}


def _requirement(_ctx: click.Context, param: click.Parameter, texts: Sequence[str]) -> Requirement:
    try:
        return Requirement.of(texts)
    except ValueError as error:
        raise click.BadParameter(str(error), param=param) from None


@click.command("test", short_help="Golden tests: repeat every run, and compare the numbers.")
@click.argument("paths", type=GraphPath(), nargs=-1, metavar="[PATH]...")
@tolerance_options
@click.option("--exact", is_flag=True, help="Accept only identical bits, whatever the tolerance.")
@click.option(
    "--require",
    "required",
    type=RequiredNumbers(),
    multiple=True,
    metavar="WHAT",
    callback=_requirement,
    help="Fail runs that leave out numbers: every gradient (grad), every computed value (data), or "
    "those of some nodes (ID,ID…).",
)
@click.option(
    "--junit", type=OutputPath(), metavar="FILE",
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
    required: Requirement,
    junit: str | None,
    accept: bool,  # noqa: FBT001
    engine: str,
    as_json: bool,  # noqa: FBT001
    limits: Limits,
) -> int:
    """Run every run of graph files again, and compare with the numbers they expect.

    A PATH is a file, or a folder to search; the default is the current folder. All wrong numbers
    of a run are named: values in evaluation order, then gradients in backward order, so that the
    first is closest to the cause. What a run leaves out is not compared, unless the run states all
    values and `graph`, as recorded runs do; with --require, the run fails.

    A file with NAME.diagnostic.json next to it must give exactly the diagnostics listed there.
    Every run computes the whole graph, so the time is that of one run times their number; --limit
    runs=N refuses files with more.

    \b
    Examples:
      mgraph test neuron.json
      mgraph test . --junit report.xml
      mgraph test neuron.json --rel 1e-6
      mgraph test . --require grad
      mgraph test neuron.json --require w1,w2 --require o
    """  # noqa: D301 - \b is click's
    if exact and tolerance is not None:
        message = "--exact can't be combined with --rel or --abs"
        raise click.UsageError(message)
    if accept and (as_json or junit):
        message = "--accept can't be combined with --json or --junit"
        raise click.UsageError(message)
    if accept and required:
        message = "--accept can't be combined with --require"
        raise click.UsageError(message)
    most = None if as_json or junit else SHOWN
    options = Options(EXACT if exact else tolerance, engine, limits, read_bytes, required, most)
    if accept:
        return _accept(paths, options)
    check_target(junit)
    outcomes = _test(paths or (".",), options)
    _check_ids(required, outcomes)
    err = junit == STREAM
    if as_json:
        items = [_as_json(outcome) for outcome in outcomes]
        print_json({"outcomes": items, "summary": _counts(outcomes)}, err=err)
    else:
        _print(outcomes, err=err)
        _note_tolerances(outcomes, err=err)
        _warn(outcomes)
        if exact:
            _note_library_bits(outcomes)
    if junit:
        _write_report(junit, outcomes)
    return 1 if any(outcome.failed for outcome in outcomes) or not outcomes else 0


def _check_ids(required: Requirement, outcomes: Sequence[FileOutcome]) -> None:
    """Refuse required ids that no graph has: they are misspelt.

    Raises:
        GraphError: `run-node` for each of them.
    """
    lists = [outcome.missing for outcome in outcomes if outcome.has_graph]
    unknown = [{x.node: x.meant for x in missing if x.field == NODE} for missing in lists]
    nowhere = [name for name in required.ids if unknown and all(name in x for x in unknown)]
    if nowhere:
        graphs = "this graph" if len(lists) == 1 else "any of these graphs"
        raise GraphError([
            Diagnostic(
                "run-node", f"{quoted(name)} is not a node of {graphs}", file="--require",
                expected="grad, data or ids",
                fix=did_you_mean(unknown[0][name] or closest(name, (GRAD, DATA))),
            )
            for name in nowhere
        ])  # fmt: skip


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
    compared = sum(outcome.compared for outcome in outcomes)
    exact = sum(outcome.compared for outcome in outcomes if outcome.math)
    return {"files": files, **counts, "self-recorded": own, "compared": compared, "exact": exact}


def _print(outcomes: Sequence[FileOutcome], *, err: bool) -> None:
    for outcome in outcomes:
        if outcome.status in (Status.OK, Status.SKIPPED):
            continue
        run = "" if outcome.run is None else f", run {outcome.run}"
        status = click.style(outcome.status, fg=_COLOURS[outcome.status], bold=True)
        head = f"{printable(outcome.file)}{run}: {status}"
        lines = outcome.why(rest="; --json lists all")
        click.echo("\n  ".join((head, *lines)), err=err)
        if outcome.status == Status.REFUSED:
            print_diagnostics(outcome.diagnostics)
    click.echo(_summary(_counts(outcomes)), err=err)


def _note_tolerances(outcomes: Sequence[FileOutcome], *, err: bool) -> None:
    """Say which runs were compared with a wide tolerance that their file states."""
    wide = [x for x in outcomes if x.tolerance and _is_wide(x.tolerance)]
    if wide:
        runs = (f"{printable(x.file)}, run {x.run} ({x.tolerance})" for x in wide)
        states = "states a wide tolerance" if len(wide) == 1 else "state wide tolerances"
        click.echo(f"{counted(len(wide), 'run')} {states}: {some(runs)}", err=err)
        usual = f"--rel {DEFAULT.rel} --abs {DEFAULT.abs}"
        click.echo(f"  to compare with the default: {usual}", err=err)


def _is_wide(tolerance: Tolerance) -> bool:
    """Whether a tolerance lets errors pass that the default doesn't."""
    pairs = ((tolerance.rel, DEFAULT.rel), (tolerance.abs, DEFAULT.abs))
    return any((x or 0.0) > (usual or 0.0) for x, usual in pairs)


def _warn(outcomes: Sequence[FileOutcome]) -> None:
    """Warn of files whose runs pass for nothing."""
    tested = [outcome for outcome in outcomes if outcome.run is not None]
    compared = dict.fromkeys((outcome.file for outcome in tested), False)
    for outcome in tested:
        compared[outcome.file] |= outcome.compared > 0 or outcome.failed
    for file, is_tested in compared.items():
        if not is_tested:
            text = f"{printable(file)}: its runs state no numbers, so nothing was compared"
            click.echo(f"{click.style('warning', fg='yellow', bold=True)}: {text}", err=True)


def _note_library_bits(outcomes: Sequence[FileOutcome]) -> None:
    """Say why bits may differ, if runs that are not in exact math are wrong."""
    if any(outcome.status == Status.WRONG and not outcome.math for outcome in outcomes):
        text = (
            "note: --exact compares bits, and a math library decides the last bits of exp, tanh "
            "and so on; only runs in exact math have the same bits everywhere"
        )
        click.echo(text, err=True)


def _summary(counts: dict[str, int]) -> str:
    if not counts["files"]:
        return "no graph files found"
    runs = [
        styled(f"{counts[status]:,} {status}", colour if counts[status] else None)
        for status, colour in _COLOURS.items()
        if counts[status] or status == Status.OK
    ]
    text = f"{counted(counts['files'], 'file')}: {', '.join(runs)}"
    if compared := counts["compared"]:
        text += f"; {counted(compared, 'number')} compared"
        text += f", {exact:,} in exact math" if (exact := counts["exact"]) else ""
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
    for line in islice(lines, SHOWN):
        click.echo(line)
    if len(lines) > SHOWN:
        click.echo(f"… and {len(lines) - SHOWN:,} more")
    write_graph(accepted(graph, options), path, "", before)
    click.echo(f"wrote {printable(path)}: its changed runs are now recorded by mgraph itself")
    return 0


def _mismatch_lines(graph: Any, options: Options) -> Iterator[str]:  # noqa: ANN401
    for i, want in enumerate(graph.runs):
        got = computed_again(graph, want, options)
        tolerance = options.tolerance or want.tolerance or DEFAULT
        for mismatch in mismatches(got, want, tolerance):
            yield f"run {i}, {mismatch}"
