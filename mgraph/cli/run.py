"""`mgraph run`."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from mgraph.cli.files import (
    STREAM,
    check_extension,
    default_target,
    is_among,
    naming,
    read_graph,
    target_name,
    update_of,
    write_graph,
)
from mgraph.cli.options import engine_option, limit_option, math_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath
from mgraph.cli.report import print_run, run_as_json
from mgraph.cli.run_request import RunRequest, request_options
from mgraph.cli.terminal import progress
from mgraph.document import ANNOTATED, LARGE, WRITERS, engine_for
from mgraph.engine import tape
from mgraph.errors import GraphError, printable
from mgraph.extras import install
from mgraph.graph.run import annotated, math_of_runs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.codec import Limits
    from mgraph.document import Graph


@click.command("run", short_help="Run a graph forward and backward, and write the annotated file.")
@click.argument("graph", type=GraphPath())
@click.option(
    "-o", "--out", type=GraphPath(), metavar="FILE",
    help="Write the annotated file here; - is standard output, /dev/null writes nothing.",
)  # fmt: skip
@click.option("--in-place", is_flag=True, help="Write the annotated file over GRAPH itself.")
@request_options
@click.option("--no-grad", is_flag=True, help="Run forward only, without gradients.")
@click.option("--all", "show_all", is_flag=True, help="Show every node, however large the graph.")
@engine_option
@math_option
@json_option
@limit_option
def command(
    graph: str,
    out: str | None,
    in_place: bool,  # noqa: FBT001 - click calls by name
    request: RunRequest,
    no_grad: bool,  # noqa: FBT001
    show_all: bool,  # noqa: FBT001
    engine: str,
    math: str | None,
    as_json: bool,  # noqa: FBT001
    limits: Limits,
) -> None:
    """Run a graph forward and backward, and write the annotated file.

    Prints id, formula, data and grad of each node. The annotated file holds the runs of GRAPH and
    the new one, which replaces a run that mgraph itself recorded for the same inputs and seed, but
    never an expectation from elsewhere. Without -o or --in-place, it is NAME.annotated.json or
    NAME.annotated.msgpack in the current folder, written anew each time. To collect several runs in
    one file, use --in-place.

    \b
    Examples:
      mgraph run neuron.json
      mgraph run neuron.json --set x1=0.5 -o half.json
      mgraph run neuron.json --json --no-grad
      mgraph run neuron.json --in-place --math exact
    """  # noqa: D301 - \b is click's
    if out and in_place:
        message = "-o and --in-place can't be combined"
        raise click.UsageError(message)
    if in_place and graph == STREAM:
        message = "standard input can't be written in place: use -o FILE"
        raise click.UsageError(message)
    request.check_streams(graph)
    check_extension(out)
    defaults = [default_target(graph, ANNOTATED + extension) for extension in WRITERS]
    targets = [out] if out else [graph] if in_place else defaults
    with progress(5, "waiting") as bar, update_of(graph, *targets) as before:
        bar.step("reading")
        file, extension = read_graph(graph, limits)
        inputs, seed = request.inputs_and_seed(file, graph, limits)
        bar.step("running")
        math = math or math_of_runs(file.runs, inputs, seed, file.outputs)
        _print_hint(engine, len(file), math)
        with naming(graph), _recalling_runs(graph, file):
            run = file.run(inputs, seed=seed, grad=not no_grad, engine=engine, math=math)
        bar.step("writing")
        chosen = out or (graph if in_place else None)
        target = chosen or default_target(graph, ANNOTATED + extension)
        result = file.with_runs(annotated(file.runs, run, file.outputs))
        try:
            write_graph(result, target, extension, before if is_among(graph, target) else None)
        except GraphError as error:
            raise error if chosen else _suggesting_out(error) from None
        bar.step("printing")
        err = target == STREAM
        name = target_name(target)
        wrote = None if name is None else printable(name)
        if as_json:
            print_json(run_as_json(file, run, wrote=wrote), err=err)
        else:
            index = next(i for i, other in enumerate(result.runs) if other.data is run.data)
            what = f"{wrote} ({_position(index, len(result.runs))})" if wrote else "nothing"
            saved = None if err or not wrote else (target, index)
            print_run(file, run, wrote=what, saved=saved, show_all=show_all, err=err)


@contextmanager
def _recalling_runs(graph: str, file: Graph) -> Iterator[None]:
    """Say in errors about inputs without a value that the file has runs with values for them."""
    try:
        yield
    except GraphError as error:
        *before, last = error.diagnostics
        if not file.runs or last.code != "unbound-input":
            raise
        import shlex  # noqa: PLC0415 - slow to import

        name = shlex.quote(graph)
        fix = f"{last.fix}; mgraph explain {name} ID shows the numbers of run 0, which has values"
        raise GraphError([*before, replace(last, fix=printable(fix))], error.more) from None


def _suggesting_out(error: GraphError) -> GraphError:
    """Add the hint that the file can be written elsewhere than in the current folder."""
    fix = "choose another file with -o FILE; with -o - no file is written"
    return GraphError([replace(diagnostic, fix=fix) for diagnostic in error.diagnostics])


def _position(index: int, count: int) -> str:
    return "its only run" if count == 1 else f"run {index} of runs 0 to {count - 1}"


def _print_hint(engine: str, nodes: int, math: str) -> None:
    """Print to standard error that the engine must compile first, or that there is a faster one."""
    if engine_for(engine, nodes) == "value":
        if engine == "auto" and nodes >= LARGE:
            click.echo(f"hint: {install('fast')} runs graphs of this size much faster", err=True)
        return
    tape.require()
    from mgraph.engine.tape.cache import is_ready  # noqa: PLC0415 - an extra
    from mgraph.engine.tape.source import SWEEPS  # noqa: PLC0415

    if not is_ready(SWEEPS, math):
        click.echo("compiling the tape engine; this happens once per machine", err=True)
