"""`mgraph step`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from mgraph.appearance import number
from mgraph.cli.common import Asked, GraphPath, called, limit_option, look_options, read_graph
from mgraph.cli.output import json_option, print_json
from mgraph.cli.rules import equation, factor, formula_of, label, slope_equation
from mgraph.cli.terminal import clipped, counted, progress, width, wrapped
from mgraph.codec import spelled
from mgraph.errors import GraphError
from mgraph.nodewise import row, run_nodewise
from mgraph.ops import CONST
from mgraph.steps import FORWARD, SEED, Step, Steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mgraph.codec import Limits
    from mgraph.nodewise import Contribution

_PASSED: Final = 20  # arguments of one node that are shown


@click.command("step", short_help="Step through the forward and backward pass, node by node.")
@click.argument("graph", type=GraphPath())
@click.option("--all", "show_all", is_flag=True, help="List all steps, on a terminal, too.")
@look_options
@json_option
@limit_option
def command(
    graph: str,
    show_all: bool,  # noqa: FBT001 - click calls by name
    asked: Asked,
    as_json: bool,  # noqa: FBT001
    limits: Limits,
) -> None:
    """Step through a run: forward, then backward, one node at a time.

    Each step shows a formula with its numbers; backward, what a node passes on to each argument,
    upstream times slope, and the argument's gradient before and after. On a terminal, space
    goes on and q quits; piped, all steps are listed.

    \b
    Examples:
      mgraph step neuron.json --all
      mgraph step neuron.json --set x1=0.5 --json
    """  # noqa: D301 - \b is click's
    asked.check_streams(graph)
    with progress(2) as bar:
        bar.step("reading")
        file, _ = read_graph(graph, limits)
        inputs, seed = asked.looked_at(file, graph, limits)
        bar.step("running")
        try:
            steps = Steps(run_nodewise(file.columns, inputs, seed))
        except GraphError as error:
            raise error.named(called(graph)) from None
    if as_json:
        print_json({"steps": [_as_json(steps, step) for step in _every(steps)]})
    elif show_all or not _is_interactive():
        for line in _listing(steps, width()):
            click.echo(line)
    else:
        from mgraph.cli.stepper import walk  # noqa: PLC0415 - only on a terminal

        walk(steps, file.name)


def _is_interactive() -> bool:
    here = sys.stdin.isatty() and sys.stdout.isatty()
    return here and os.environ.get("TERM") != "dumb"


def _every(steps: Steps) -> Iterator[Step]:
    return (steps[i] for i in range(len(steps)))


def _listing(steps: Steps, room: int) -> Iterator[str]:
    yield click.style(f"forward, {counted(len(steps.ran.graph), 'node')}", dim=True)
    for step in _every(steps):
        if step.kind == SEED:
            yield ""
            yield click.style("backward", dim=True)
        yield from step_lines(steps, step, room)


def step_lines(steps: Steps, step: Step, room: int) -> Iterator[str]:
    """Yield what there is to say of one step, in lines; the first names it."""
    graph = steps.ran.graph
    if step.kind == SEED:
        for node, seed in steps.ran.seeds.items():
            yield f"{_bold(graph.ids[node])} is an output: its gradient starts at {number(seed)}"
        return
    name = graph.ids[step.node]
    if step.kind == FORWARD:
        note = graph.op(step.node) if row(graph, step.node) is None else ""
        text = f"{equation(steps.ran, step.node).removeprefix(name)}  {note}".rstrip()
    else:
        upstream = number(steps.ran.adjoints[step.node])
        text = f" = {formula_of(graph, step.node)}, {name}.grad is {upstream}, passed on"
    named = label(graph, step.node)
    text = clipped(text, room - len(name)) + (f"  {named}" if named else "")
    yield _bold(name) + text
    for share in step.passed[:_PASSED]:
        yield "  " + wrapped(_passed(steps, share), "    ", room)
    if len(step.passed) > _PASSED:
        yield f"  … to {len(step.passed) - _PASSED:,} more"


def _bold(name: str) -> str:
    return click.style(name, bold=True)


def _passed(steps: Steps, share: Contribution) -> Iterator[str]:
    """Yield the parts of a line about one argument: product, gradient before and after, rule."""
    graph = steps.ran.graph
    arg = graph.arguments(share.user)[share.place]
    name = graph.ids[arg]
    yield f"to {name}:"
    yield f"{factor(share.upstream)}·{factor(share.slope)} = {number(share.amount)},"
    if graph.op(arg) == CONST:
        yield "lost: a const has no gradient"
    else:
        yield f"{name}.grad {number(share.before)} → {number(share.after)}"
    yield click.style(slope_equation(steps.ran, share.user, share.place, share.slope), dim=True)


def _as_json(steps: Steps, step: Step) -> dict[str, Any]:
    ran, graph = steps.ran, steps.ran.graph
    name = graph.ids[step.node]
    if step.kind == FORWARD:
        return {
            "step": step.kind,
            "node": name,
            "op": graph.op(step.node),
            "label": graph.labels.get(step.node),
            "formula": formula_of(graph, step.node),
            "data": spelled(ran.primals[step.node]),
        }
    if step.kind == SEED:
        return {"step": step.kind, "grad": {graph.ids[i]: seed for i, seed in ran.seeds.items()}}
    args = graph.arguments(step.node)
    passed = [
        {
            "arg": graph.ids[args[each.place]],
            "slope": spelled(each.slope),
            "product": spelled(each.amount),
            "before": None if graph.op(args[each.place]) == CONST else spelled(each.before),
            "after": None if graph.op(args[each.place]) == CONST else spelled(each.after),
        }
        for each in step.passed
    ]
    upstream = spelled(ran.adjoints[step.node])
    return {"step": step.kind, "node": name, "upstream": upstream, "passed": passed}
