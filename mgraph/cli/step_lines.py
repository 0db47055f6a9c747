"""One step of a run, as lines of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from mgraph.analysis.detailed_run import Contribution, op_at
from mgraph.analysis.steps import Step, StepKind, Steps
from mgraph.appearance import number
from mgraph.cli.equations import (
    equation,
    factor,
    formula_of,
    label,
    partial_equation,
    repeated_operand,
)
from mgraph.cli.terminal import clipped, wrapped
from mgraph.ops import CONST

if TYPE_CHECKING:
    from collections.abc import Iterator


def step_lines(steps: Steps, step: Step, room: int) -> Iterator[str]:
    """Yield the lines that describe one step; the first one names its node."""
    graph = steps.ran.graph
    if step.kind == StepKind.SEED:
        for node, seed in steps.ran.seeds.items():
            yield f"{_bold(graph.ids[node])} is an output: its gradient starts at {number(seed)}"
        return
    name = graph.ids[step.node]
    if step.kind == StepKind.FORWARD:
        note = graph.op(step.node) if op_at(graph, step.node) is None else ""
        text = f"{equation(steps.ran, step.node).removeprefix(name)}  {note}".rstrip()
    else:
        upstream = number(steps.ran.adjoints[step.node])
        text = f" = {formula_of(graph, step.node)}, {name}.grad is {upstream}, passed on"
    quoted_label = label(graph, step.node)
    text = clipped(text, room - len(name)) + (f"  {quoted_label}" if quoted_label else "")
    yield _bold(name) + text
    for part in step.passed[:_PASSED]:
        yield "  " + wrapped(_passed(steps, part), "    ", room)
    if len(step.passed) > _PASSED:
        yield f"  … to {len(step.passed) - _PASSED:,} more"


def _bold(name: str) -> str:
    return click.style(name, bold=True)


def _passed(steps: Steps, part: Contribution) -> Iterator[str]:
    """Yield the pieces of a line about one argument: product, change of its gradient, partial."""
    graph = steps.ran.graph
    arg = graph.arguments(part.user)[part.argument]
    name = graph.ids[arg]
    which = repeated_operand(graph, part.user, part.argument)
    yield f"to {name} as {which}:" if which else f"to {name}:"
    yield f"{factor(part.upstream)}·{factor(part.partial)} = {number(part.amount)},"
    if graph.op(arg) == CONST:
        yield "lost: a const has no gradient"
    else:
        yield f"{name}.grad {number(part.before)} → {number(part.after)}"
    yield click.style(partial_equation(steps.ran, part.user, part.argument, part.partial), dim=True)


_PASSED: Final = 20  # arguments of one node that are shown
