"""`mgraph run`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mgraph.cli.files import STREAM, called, check_extension, read_graph, write_graph
from mgraph.cli.options import engine_option, limit_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath
from mgraph.cli.question import Asked, question_options
from mgraph.cli.report import print_run, run_as_json
from mgraph.cli.terminal import progress
from mgraph.document import ANNOTATED, LARGE, engine_for
from mgraph.engine import tape
from mgraph.errors import GraphError, printable
from mgraph.graph.run import annotated

if TYPE_CHECKING:
    from mgraph.codec import Limits


@click.command("run", short_help="Run a graph forward and backward; write the annotated file.")
@click.argument("graph", type=GraphPath())
@click.option(
    "-o", "--out", type=GraphPath(), metavar="FILE", help="Write here; - is standard output."
)
@click.option("--in-place", is_flag=True, help="Write into the file itself.")
@question_options
@click.option("--no-grad", is_flag=True, help="Forward only.")
@click.option("--all", "show_all", is_flag=True, help="Show every node of a long graph.")
@engine_option
@json_option
@limit_option
def command(
    graph: str,
    out: str | None,
    in_place: bool,  # noqa: FBT001 - click calls by name
    asked: Asked,
    no_grad: bool,  # noqa: FBT001
    show_all: bool,  # noqa: FBT001
    engine: str,
    as_json: bool,  # noqa: FBT001
    limits: Limits,
) -> None:
    """Run a graph forward and backward, and write the annotated file.

    Prints id, formula, data and grad of each node. The new run is added to the file's runs; one
    that mgraph recorded for the same inputs and seed is replaced, an expectation never. Without
    -o or --in-place the annotated file is NAME.annotated.json, or .msgpack, in this folder.

    \b
    Examples:
      mgraph run neuron.json
      mgraph run neuron.json --set x1=0.5 -o half.json
      mgraph run neuron.json --json --no-grad
    """  # noqa: D301 - \b is click's
    if out and in_place:
        message = "-o and --in-place exclude each other"
        raise click.UsageError(message)
    if in_place and graph == STREAM:
        message = "standard input can't be written in place: use -o FILE"
        raise click.UsageError(message)
    asked.check_streams(graph)
    check_extension(out)
    with progress(4) as bar:
        bar.step("reading")
        file, extension = read_graph(graph, limits)
        inputs, seed = asked.inputs_and_seed(file, graph, limits)
        bar.step("running")
        _say_what_takes_time(engine, len(file))
        try:
            run = file.run(inputs, seed=seed, grad=not no_grad, engine=engine)
        except GraphError as error:
            raise error.named(called(graph)) from None
        bar.step("writing")
        chosen = out or (graph if in_place else None)
        target = chosen or _default_target(graph, extension)
        result = file.with_runs(annotated(file.runs, run, file.outputs))
        try:
            write_graph(result, target, extension)
        except GraphError as error:
            raise error if chosen else _elsewhere(error) from None
        bar.step("printing")
        err = target == STREAM
        place = {STREAM: "standard output"}.get(target, printable(target))
        count = len(result.runs)
        runs = "its only run" if count == 1 else f"run {_place(result.runs, run) + 1} of {count}"
        if as_json:
            print_json(run_as_json(file, run, wrote=place), err=err)
        else:
            print_run(file, run, wrote=f"{place} ({runs})", show_all=show_all, err=err)


def _elsewhere(error: GraphError) -> GraphError:
    """Say how to write to another place than this folder."""
    fix = "name another place with -o FILE; -o - writes no file at all"
    return GraphError([replace(each, fix=fix) for each in error.diagnostics])


def _place(runs: tuple[Any, ...], run: Any) -> int:  # noqa: ANN401
    return next(i for i, each in enumerate(runs) if each.data is run.data)


def _say_what_takes_time(engine: str, nodes: int) -> None:
    """Tell on standard error that the engine compiles first, or that there is a faster one."""
    if engine_for(engine, nodes) == "value":
        if engine == "auto" and nodes >= LARGE:
            click.echo(f"hint: {tape.INSTALL} runs graphs of this size much faster", err=True)
        return
    tape.require()
    from mgraph.engine.tape.cache import is_ready  # noqa: PLC0415 - an extra
    from mgraph.engine.tape.source import SWEEPS  # noqa: PLC0415

    if not is_ready(SWEEPS):
        click.echo("compiling the tape engine: only the first time on this machine", err=True)


def _default_target(graph: str, extension: str) -> str:
    """Return the annotated file's name: in this folder, `.annotated` never doubled."""
    if graph == STREAM:
        return STREAM
    stem = Path(graph).stem.removesuffix(ANNOTATED)
    return f"{stem}{ANNOTATED}{extension}"
