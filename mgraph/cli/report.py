"""The table that `mgraph run` prints: every node with its formula, value and gradient."""

from __future__ import annotations

import re
import textwrap
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, cast

import click

from mgraph.appearance import number
from mgraph.cli.terminal import aligned, clipped, counted, folded, styled, styled_node, table, width
from mgraph.codec import spelled
from mgraph.errors import printable
from mgraph.graph.run import LIBM
from mgraph.ops import CONST, OPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.document import Graph
    from mgraph.graph.columns import Columns
    from mgraph.graph.run import Numbers, Run

LONG: Final = 60
"""In tables of more nodes, the middle is left out."""

_ENDS: Final = 40  # nodes that are shown of such a graph
_TITLE: Final = 4  # lines
_OUTPUTS: Final = 10
_SHORTEST: Final = 24  # width of the formula column
_NAME: Final = 10  # width of the names in the footer
_NOT_FINITE: Final = "first non-finite"
_NOT_FINITE_GRAD: Final = "first non-finite gradient"
_OPERAND: Final = re.compile(r"\b[abx]\b")


def formula(graph: Columns, node: int) -> str:
    """Spell what a node computes, with the ids of its arguments."""
    name = graph.op(node)
    if name not in OPS:
        return name
    args = [graph.ids[arg] for arg in graph.arguments(node)]
    if OPS[name].fold:
        return " + ".join(args)
    operands = dict(zip("ab" if len(args) > 1 else "x", args, strict=True))
    return _OPERAND.sub(lambda match: operands.get(match[0], match[0]), OPS[name].formula)


class Findings:
    """What is notable about the nodes of one run.

    Attributes:
        not_finite: The first node whose value is not finite; None if all are.
        not_finite_grad: The same of gradients, in the order of the backward pass.
        no_path: The remark on a node without a gradient.
    """

    def __init__(self, graph: Graph, run: Run) -> None:
        """Take a complete run, as `Graph.run` returns it."""
        self.graph, self.run = graph, run
        self.columns = graph.columns
        self.data, self.grad = cast("Numbers", run.data), cast("Numbers | None", run.grad)
        self.not_finite = self.columns.passes.first_not_finite(self.data.numbers)
        self.not_finite_grad = self._first_not_finite_grad()
        self.outputs = dict.fromkeys(self.columns.outputs)
        self.no_path = (
            "no path to the output" if len(self.outputs) == 1 else "no path to a seeded output"
        )

    def _first_not_finite_grad(self) -> int | None:
        if self.grad is None:
            return None
        backward = self.columns.passes.first_not_finite(self.grad.numbers[::-1])
        return None if backward is None else self.grad.nodes[-1 - backward]

    def flags(self, node: int) -> list[str]:
        """Return the remarks on one node."""
        flags = []
        if node in self.outputs:
            flags.append("output")
        if node == self.not_finite:
            flags.append(_NOT_FINITE)
        if node == self.not_finite_grad:
            flags.append(_NOT_FINITE_GRAD)
        if self.grad is not None and self.columns.op(node) != CONST:
            adjoint = self.grad.of(node)
            if adjoint is None:
                flags.append(self.no_path)
            elif adjoint == 0.0:
                flags.append("zero gradient")
        return flags

    def leaves_by_gradient(self, most: int) -> tuple[list[tuple[str, float]], int]:
        """Return the leaves with the largest adjoints, the largest first, NaN before all.

        Returns:
            At most `most` leaves, each with its adjoint; and how many leaves have one.
        """
        if self.grad is None:
            return [], 0
        nodes, adjoints = self.grad.among(self.columns.leaves)
        largest = self.columns.passes.largest(adjoints, most)
        return [(self.columns.ids[nodes[i]], adjoints[i]) for i in largest], len(nodes)


def print_run(
    graph: Graph, run: Run, *, wrote: str, saved: tuple[str, int] | None, show_all: bool, err: bool
) -> None:
    """Print the table of a run, and under it a footer with the most important numbers.

    Args:
        graph: The graph.
        run: A complete run of it.
        wrote: What was written.
        saved: The file that holds the run now, and the number of the run in it; None if none does.
        show_all: Whether to print all nodes of a large graph.
        err: Whether to print to standard error.
    """
    findings = Findings(graph, run)
    room = width(err=err)
    _print_title(graph, room, err=err)
    most = len(graph) if show_all or len(graph) <= LONG else _ENDS
    first, last = folded(len(graph), most)
    rows = _rows(findings, [*first, *last], room)
    if last:
        more = counted(len(graph) - len(rows), "more node")
        line = click.style(f"… {more}; --all shows them …", dim=True)
        rows.insert(len(first), [line])
    table(["id", "formula", "data", "grad", ""], rows, err=err)
    click.echo(err=err)
    for name, text in _footer(findings, wrote, saved, room):
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


def _rows(findings: Findings, nodes: Sequence[int], room: int) -> list[list[str]]:
    columns, grad = findings.columns, findings.grad
    names = [columns.ids[node] for node in nodes]
    data = aligned([number(findings.data.of(node)) for node in nodes])
    grads = aligned([number(None if grad is None else grad.of(node)) for node in nodes])
    flags = [findings.flags(node) for node in nodes]
    others = (names, data, grads, map(", ".join, flags))
    left = room - sum(2 + max(map(len, column)) for column in others)
    rows = []
    for node, name, value, adjoint, remarks in zip(nodes, names, data, grads, flags, strict=True):
        rows.append([
            styled_node(name, columns.op(node), is_output="output" in remarks),
            clipped(formula(columns, node), max(_SHORTEST, left)),
            value,
            adjoint,
            _styled_flags(remarks),
        ])  # fmt: skip
    return rows


def _styled_flags(flags: Sequence[str]) -> str:
    colours = {_NOT_FINITE: "red", _NOT_FINITE_GRAD: "red", "output": None}
    return ", ".join(styled(flag, colours.get(flag, "yellow")) for flag in flags)


def _footer(
    findings: Findings, wrote: str, saved: tuple[str, int] | None, room: int
) -> Iterator[tuple[str, str]]:
    for node in islice(findings.outputs, _OUTPUTS):
        yield "output", _named(findings, node)
    if len(findings.outputs) > _OUTPUTS:
        yield "", f"… {counted(len(findings.outputs) - _OUTPUTS, 'more output')}"
    leaves, count = findings.leaves_by_gradient(room)  # each takes more than a column
    if leaves:
        yield "gradient", _largest(leaves, count, room - _NAME)
    if text := _look_at(findings, saved):
        yield "look at", click.style(text, fg="red")
    if findings.run.math:
        yield "math", f"{findings.run.math}: the same bits on every machine"
    yield "wrote", wrote


def _named(findings: Findings, node: int) -> str:
    return f"{findings.columns.ids[node]} = {number(findings.data.of(node))}"


def _look_at(findings: Findings, saved: tuple[str, int] | None) -> str:
    """Name the first node that is not finite; values come first, since gradients depend on them."""
    node = findings.not_finite_grad
    if findings.not_finite is not None:
        return clipped(_origin(findings, findings.not_finite), 200)
    if node is None or findings.grad is None:
        return ""
    name = findings.columns.ids[node]
    text = f"the gradient of {name} is {number(findings.grad.of(node))}"
    if saved is None:
        return text
    import shlex  # noqa: PLC0415 - slow to import

    file, run = saved
    command = f"mgraph explain {shlex.quote(file)} {shlex.quote(name)} --run {run}"
    return f"{text}; {printable(command)} shows why"


def _origin(findings: Findings, node: int) -> str:
    """Say from which formula and numbers a node got its value."""
    columns = findings.columns
    args = dict.fromkeys(columns.arguments(node))
    values = ", ".join(_named(findings, arg) for arg in args)
    how = f" = {formula(columns, node)}, with {values}," if values else ""
    return f"{columns.ids[node]}{how} is {number(findings.data.of(node))}"


def _largest(leaves: Sequence[tuple[str, float]], count: int, room: int) -> str:
    """List as many of the `count` leaves with their gradients as fit into a line; at least one."""
    text = ""
    for i, (name, adjoint) in enumerate(leaves):
        leaf = f"{name} {number(adjoint)}"
        longer = f"{text}  {leaf}" if i else leaf
        if i and len(longer + _more_leaves(count - i - 1)) > room:
            return text + _more_leaves(count - i)
        text = longer
    return text


def _more_leaves(count: int) -> str:
    return f"  … {count:,} more {'leaf' if count == 1 else 'leaves'}" if count else ""


def run_as_json(graph: Graph, run: Run, *, wrote: str | None) -> dict[str, Any]:
    """Return what `print_run` prints as plain data."""
    findings = Findings(graph, run)
    columns, data, grad = findings.columns, findings.data, findings.grad
    first, first_grad = findings.not_finite, findings.not_finite_grad
    adjoints = [None if grad is None else grad.of(node) for node in range(len(graph))]
    return {
        "name": graph.name or None,
        "graph": run.graph,
        "origin": run.origin,
        "math": run.math or LIBM,
        "inputs": {name: spelled(value) for name, value in run.inputs.items()},
        "seed": dict(run.seed) or {graph.outputs[0]: 1.0},
        "outputs": {columns.ids[node]: spelled(data.numbers[node]) for node in columns.outputs},
        "nodes": [
            {
                "id": name,
                "op": columns.op(node),
                "formula": formula(columns, node),
                "data": spelled(value),
                "grad": None if adjoint is None else spelled(adjoint),
                "flags": findings.flags(node),
            }
            for node, (name, value, adjoint) in enumerate(
                zip(columns.ids, data.numbers, adjoints, strict=True)
            )
        ],
        "leaves_by_gradient": [name for name, _ in findings.leaves_by_gradient(len(graph))[0]],
        "first_non_finite": None if first is None else columns.ids[first],
        "first_non_finite_gradient": None if first_grad is None else columns.ids[first_grad],
        "wrote": wrote,
    }
