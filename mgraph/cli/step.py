"""`mgraph step`."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from mgraph.analysis.detailed_run import run_in_detail
from mgraph.analysis.steps import StepKind, Steps
from mgraph.cli.equations import formula_of
from mgraph.cli.files import naming, read_graph
from mgraph.cli.options import limit_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath
from mgraph.cli.run_request import RunRequest, inspection_options
from mgraph.cli.step_lines import step_lines
from mgraph.cli.terminal import counted, progress, width
from mgraph.codec import spelled
from mgraph.graph.run import math_of_runs
from mgraph.ops import CONST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.codec import Limits


@click.command("step", short_help="Step through the forward and the backward pass, node by node.")
@click.argument("graph", type=GraphPath())
@click.option("--all", "show_all", is_flag=True, help="List all steps, even on a terminal.")
@inspection_options
@json_option
@limit_option
def command(
    graph: str,
    show_all: bool,  # noqa: FBT001 - click calls by name
    request: RunRequest,
    as_json: bool,  # noqa: FBT001
    limits: Limits,
) -> None:
    """Step through a run: forward, then backward, one node at a time.

    A forward step shows a node's formula with its numbers. A backward step shows what a node passes
    on to each argument (its gradient times the local derivative), and the argument's gradient
    before and after. On a terminal, press space for the next step and q to quit; in a pipe, all
    steps are listed.

    \b
    Examples:
      mgraph step neuron.json --all
      mgraph step neuron.json --set x1=0.5 --json
    """  # noqa: D301 - \b is click's
    request.check_streams(graph)
    with progress(2) as bar:
        bar.step("reading")
        file, _ = read_graph(graph, limits)
        inputs, seed = request.inputs_and_seed_or_first_run(file, graph, limits)
        bar.step("running")
        with naming(graph):
            math = math_of_runs(file.runs, inputs, seed, file.outputs)
            steps = Steps(run_in_detail(file.columns, inputs, seed, math))
    if as_json:
        print_json({"steps": [partial(_as_json, steps, i) for i in range(len(steps))]})
    elif show_all or not _is_interactive():
        _list_all(steps, width())
    else:
        from mgraph.cli.stepper import walk  # noqa: PLC0415 - only on a terminal

        walk(steps, file.name)


def _is_interactive() -> bool:
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return is_terminal and os.environ.get("TERM") != "dumb"


def _list_all(steps: Steps, room: int) -> None:
    """Print all steps, many at a time; the progress bar would spoil them on a terminal."""
    click.echo(click.style(f"forward, {counted(len(steps.ran.graph), 'node')}", dim=True))
    with nullcontext() if sys.stdout.isatty() else progress(len(steps), "listing") as bar:
        for start in range(0, len(steps), _BATCH):
            indices = range(start, min(start + _BATCH, len(steps)))
            click.echo("\n".join(line for i in indices for line in _lines(steps, i, room)))
            if bar is not None:
                bar.done = indices.stop


_BATCH: Final = 1000  # steps that are printed at a time


def _lines(steps: Steps, i: int, room: int) -> Iterator[str]:
    step = steps[i]
    if step.kind == StepKind.SEED:
        yield ""
        yield click.style("backward", dim=True)
    yield from step_lines(steps, step, room)


def _as_json(steps: Steps, i: int) -> dict[str, Any]:
    step, ran, graph = steps[i], steps.ran, steps.ran.graph
    name = graph.ids[step.node]
    if step.kind == StepKind.FORWARD:
        return {
            "step": step.kind,
            "node": name,
            "op": graph.op(step.node),
            "label": graph.labels.get(step.node),
            "formula": formula_of(graph, step.node),
            "data": spelled(ran.primals[step.node]),
        }
    if step.kind == StepKind.SEED:
        return {"step": step.kind, "grad": {graph.ids[i]: seed for i, seed in ran.seeds.items()}}
    args = graph.arguments(step.node)
    passed = [
        {
            "arg": graph.ids[args[part.argument]],
            "slope": spelled(part.partial),
            "product": spelled(part.amount),
            "before": None if graph.op(args[part.argument]) == CONST else spelled(part.before),
            "after": None if graph.op(args[part.argument]) == CONST else spelled(part.after),
        }
        for part in step.passed
    ]
    upstream = spelled(ran.adjoints[step.node])
    return {"step": step.kind, "node": name, "upstream": upstream, "passed": passed}
