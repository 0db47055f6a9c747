"""What `mgraph run` shows: every node with its formula, its value and its gradient."""

from __future__ import annotations

import re
import textwrap
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, cast

import click

from mgraph.appearance import number
from mgraph.cli.terminal import aligned, clipped, folded, styled, styled_node, table, width
from mgraph.codec import spelled
from mgraph.errors import printable
from mgraph.ops import CONST, OPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.document import Graph
    from mgraph.graph.columns import Columns
    from mgraph.graph.run import Numbers, Run

LONG: Final = 60
"""Graphs of more nodes are folded in the middle."""

_ENDS: Final = 40
_TITLE: Final = 4  # lines
_OUTPUTS: Final = 10
_SHORTEST: Final = 24  # of the formula column
_NAME: Final = 10  # columns of a footer's name
_OPERAND: Final = re.compile(r"\b[abx]\b")


def formula(graph: Columns, node: int) -> str:
    """Spell what a node computes, with the ids of its operands."""
    name = graph.op(node)
    if name not in OPS:
        return name
    args = [graph.ids[arg] for arg in graph.arguments(node)]
    if OPS[name].fold:
        return " + ".join(args)
    operands = dict(zip("ab" if len(args) > 1 else "x", args, strict=True))
    return _OPERAND.sub(lambda match: operands.get(match[0], match[0]), OPS[name].formula)


class Findings:
    """What there is to say of the nodes of one run."""

    def __init__(self, graph: Graph, run: Run) -> None:
        """Look through a complete run, as `Graph.run` gives it."""
        self.graph, self.run = graph, run
        self.columns = graph.columns
        self.data, self.grad = cast("Numbers", run.data), cast("Numbers | None", run.grad)
        self.strange = self.columns.passes.first_not_finite(self.data.numbers)
        self.outputs = dict.fromkeys(self.columns.outputs)
        self.no_path = (
            "no path to the output" if len(self.outputs) == 1 else "no path to a seeded output"
        )

    def flags(self, node: int) -> list[str]:
        """Return the remarks on one node."""
        found = []
        if node in self.outputs:
            found.append("output")
        if node == self.strange:
            found.append("first non-finite")
        if self.grad is not None and self.columns.op(node) != CONST:
            slope = self.grad.of(node)
            if slope is None:
                found.append(self.no_path)
            elif slope == 0.0:
                found.append("zero gradient")
        return found

    def leaves_by_gradient(self, most: int) -> tuple[list[tuple[str, float]], int]:
        """Return leaves that have an adjoint, the largest first, NaN before all.

        Returns:
            No more than `most` of them, with their adjoints; and how many there are.
        """
        if self.grad is None:
            return [], 0
        nodes, slopes = self.grad.among(self.columns.leaves)
        places = self.columns.passes.largest(slopes, most)
        return [(self.columns.ids[nodes[k]], slopes[k]) for k in places], len(nodes)


def print_run(graph: Graph, run: Run, *, wrote: str, show_all: bool, err: bool) -> None:
    """Print the table of a run, and what is worth a line under it."""
    found = Findings(graph, run)
    room = width(err=err)
    _print_title(graph, room, err=err)
    most = len(graph) if show_all or len(graph) <= LONG else _ENDS
    first, last = folded(len(graph), most)
    rows = _rows(found, [*first, *last], room)
    if last:
        hidden = len(graph) - len(rows)
        line = click.style(f"… {hidden:,} more nodes; --all shows them …", dim=True)
        rows.insert(len(first), [line])
    table(["id", "formula", "data", "grad", ""], rows, err=err)
    click.echo(err=err)
    for name, text in _footer(found, wrote, room):
        click.echo(f"{click.style(name.ljust(_NAME), dim=True)}{text}", err=err)


def _print_title(graph: Graph, room: int, *, err: bool) -> None:
    name = printable(graph.name)
    text = printable(" ".join(graph.doc[: 10 * room].split()))
    words = f"{name}: {text}" if name and text else name or text
    lines = textwrap.wrap(words, room, max_lines=_TITLE, placeholder=" …")
    if lines:
        if name and lines[0].startswith(name):
            lines[0] = click.style(name, bold=True) + lines[0][len(name) :]
        click.echo("\n".join(lines) + "\n", err=err)


def _rows(found: Findings, nodes: Sequence[int], room: int) -> list[list[str]]:
    columns, grad = found.columns, found.grad
    names = [columns.ids[node] for node in nodes]
    data = aligned([number(found.data.of(node)) for node in nodes])
    grads = aligned([number(None if grad is None else grad.of(node)) for node in nodes])
    flags = [found.flags(node) for node in nodes]
    others = (names, data, grads, map(", ".join, flags))
    left = room - sum(2 + max(map(len, column)) for column in others)
    rows = []
    for node, name, value, slope, remarks in zip(nodes, names, data, grads, flags, strict=True):
        rows.append([
            styled_node(name, columns.op(node), is_output="output" in remarks),
            clipped(formula(columns, node), max(_SHORTEST, left)),
            value,
            slope,
            _styled_flags(remarks),
        ])  # fmt: skip
    return rows


def _styled_flags(flags: Sequence[str]) -> str:
    colours = {"first non-finite": "red", "output": None}
    return ", ".join(styled(flag, colours.get(flag, "yellow")) for flag in flags)


def _footer(found: Findings, wrote: str, room: int) -> Iterator[tuple[str, str]]:
    for node in islice(found.outputs, _OUTPUTS):
        yield "output", _named(found, node)
    if len(found.outputs) > _OUTPUTS:
        yield "", f"… {len(found.outputs) - _OUTPUTS:,} more outputs"
    leaves, count = found.leaves_by_gradient(room)  # each takes more than a column
    if leaves:
        yield "gradient", _largest(leaves, count, room - _NAME)
    if found.strange is not None:
        args = dict.fromkeys(found.columns.arguments(found.strange))
        values = ", ".join(_named(found, arg) for arg in args)
        where = f" = {formula(found.columns, found.strange)}, with {values}," if values else ""
        name, value = found.columns.ids[found.strange], number(found.data.of(found.strange))
        yield "look at", click.style(clipped(f"{name}{where} is {value}", 200), fg="red")
    yield "wrote", wrote


def _named(found: Findings, node: int) -> str:
    return f"{found.columns.ids[node]} = {number(found.data.of(node))}"


def _largest(leaves: Sequence[tuple[str, float]], count: int, room: int) -> str:
    """List as many leaves with their gradients as fit into a line, of `count`; one at least."""
    text = ""
    for i, (name, slope) in enumerate(leaves):
        more = f"  … {count - i - 1:,} more leaves" if i < count - 1 else ""
        longer = f"{text}  {name} {number(slope)}" if i else f"{name} {number(slope)}"
        if i and len(longer + more) > room:
            return f"{text}  … {count - i:,} more leaves"
        text = longer
    return text


def run_as_json(graph: Graph, run: Run, *, wrote: str) -> dict[str, Any]:
    """Return what `print_run` says as plain data."""
    found = Findings(graph, run)
    columns, data, grad = found.columns, found.data, found.grad
    slopes = [None if grad is None else grad.of(node) for node in range(len(graph))]
    return {
        "name": graph.name or None,
        "graph": run.graph,
        "origin": run.origin,
        "inputs": {name: spelled(value) for name, value in run.inputs.items()},
        "seed": dict(run.seed) or {graph.outputs[0]: 1.0},
        "outputs": {columns.ids[node]: spelled(data.numbers[node]) for node in columns.outputs},
        "nodes": [
            {
                "id": name,
                "op": columns.op(node),
                "formula": formula(columns, node),
                "data": spelled(value),
                "grad": None if slope is None else spelled(slope),
                "flags": found.flags(node),
            }
            for node, (name, value, slope) in enumerate(
                zip(columns.ids, data.numbers, slopes, strict=True)
            )
        ],
        "leaves_by_gradient": [name for name, _ in found.leaves_by_gradient(len(graph))[0]],
        "first_non_finite": None if found.strange is None else columns.ids[found.strange],
        "wrote": wrote,
    }
