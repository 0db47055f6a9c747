"""`mgraph explain`."""

from __future__ import annotations

import functools
from itertools import compress, islice
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import click

from mgraph.analysis.detailed_run import Contribution, DetailedRun, op_at, run_in_detail
from mgraph.analysis.explain import MOST, Explanation, NoPath, PathEdge, explain, no_path
from mgraph.appearance import number
from mgraph.cli.equations import (
    equation,
    factor,
    formula_of,
    full,
    label,
    partial_equation,
    partial_name,
    repeated_operand,
    seeded,
)
from mgraph.cli.files import naming, read_graph
from mgraph.cli.latex import chain_rule
from mgraph.cli.options import limit_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath, NodeId
from mgraph.cli.run_request import RunRequest, inspection_options
from mgraph.cli.terminal import (
    aligned,
    clipped,
    counted,
    folded,
    progress,
    prose,
    styled,
    table,
    width,
    wrapped,
)
from mgraph.codec import spelled
from mgraph.engine.evaluate import node_named
from mgraph.golden.rerun import ulps
from mgraph.graph.run import math_of_runs
from mgraph.ops import CONST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.analysis.explain import Path, Paths
    from mgraph.codec import Limits

_NAME: Final = 10  # columns of a line's name, as in the footer of `mgraph run`
_USERS: Final = 20
_REMARKS: Final = 5
_HOPS: Final = 16  # steps of one path that are shown
_EXACTLY: Final = 10**15  # counts from here on are rounded
_NEAR: Final = 1000  # ulp
_FLAT: Final = {
    "relu": "the relu is off in this run",
    "tanh": "a saturated tanh",
    "sigmoid": "a saturated sigmoid",
    "mul": "a factor of 0",
    "max": "the other one is larger",
    "min": "the other one is smaller",
    "erf": "a saturated erf",
    "gate": "the gate is shut in this run",
}
"""Why an op passes no gradient on, in words."""

_CONDITION: Final = "a gate passes nothing on to its condition"


@click.command("explain", short_help="Show the chain rule at one node, with its numbers.")
@click.argument("graph", type=GraphPath())
@click.argument("node", type=NodeId())
@click.option(
    "--paths", "most", type=click.IntRange(1, 10_000), default=10, show_default=True, metavar="K",
    help="Show the K paths that contribute most, and the sum of the others.",
)  # fmt: skip
@click.option("--latex", is_flag=True, help="Print the chain rule as LaTeX instead of text.")
@inspection_options
@json_option
@limit_option
def command(
    graph: str,
    node: str,
    most: int,
    latex: bool,  # noqa: FBT001 - click calls by name
    request: RunRequest,
    as_json: bool,  # noqa: FBT001
    limits: Limits,
) -> None:
    """Explain one node: its formula, its local derivatives, and where its gradient comes from.

    Shows what each user passes on (its gradient times its local derivative), in the order in which
    the backward pass adds it up; then the paths from the output to the node, with the local
    derivatives along each and their product. If the gradient is zero or not finite, it says which
    node made it so.

    \b
    Examples:
      mgraph explain neuron.json w1
      mgraph explain neuron.json n --set x1=0.5 --json
      mgraph explain neuron.json w1 --latex
    """  # noqa: D301 - \b is click's
    if latex and as_json:
        message = "--latex and --json can't be combined"
        raise click.UsageError(message)
    request.check_streams(graph)
    with progress(3) as bar:
        bar.step("reading")
        file, _ = read_graph(graph, limits)
        inputs, seed = request.inputs_and_seed_or_first_run(file, graph, limits)
        bar.step("running")
        with naming(graph):
            which = node_named(file.columns, node)
            math = math_of_runs(file.runs, inputs, seed, file.outputs)
            ran = run_in_detail(file.columns, inputs, seed, math)
        bar.step("following the paths")
        explanation = explain(ran, which, most) if ran.has_adjoint(which) else None
        if as_json:
            print_json(_as_json(ran, which, explanation))
        elif latex:
            click.echo(chain_rule(ran, which, explanation))
        else:
            _print(ran, which, explanation)


# --- text ------------------------------------------------------------------------------------


def _print(ran: DetailedRun, node: int, explanation: Explanation | None) -> None:
    graph, room = ran.graph, width()
    head = click.style(graph.ids[node], bold=True)
    click.echo(f"{head}  {' '.join(filter(None, (graph.op(node), label(graph, node))))}\n")
    _line("value", equation(ran, node), room)
    for i, text in enumerate(_partials(ran, node)):
        _line("" if i else "local", text, room)
    if explanation is None:
        _print_no_gradient(ran, node, room)
        return
    name = f"∂{seeded(graph, ran.seeds)}/∂{graph.ids[node]}"
    _line("gradient", f"{name} = {full(ran.adjoints[node])}", room)
    for text in _remarks(ran, explanation):
        _line("look at", click.style(text, fg="yellow"), room)
    _print_users(ran, explanation, room)
    _print_paths(ran, explanation, room)


def _line(name: str, text: str, room: int) -> None:
    lines = prose(text, " " * _NAME, room)
    click.echo(f"{click.style(name.ljust(_NAME), dim=True)}{lines}")


def _partials(ran: DetailedRun, node: int) -> Iterator[str]:
    """Yield the partial of a node by each of its arguments, and what was chosen at a kink."""
    args, op = ran.graph.arguments(node), op_at(ran.graph, node)
    partials = ran.partials(node)
    first, last = folded(len(args), _USERS)
    for index in (*first, *last):
        if last and index == last[0]:
            yield f"… {len(args) - len(first) - len(last):,} more"
        yield partial_equation(ran, node, index, partials[index])
    if op is not None and op.kink_distance(*[ran.primals[arg] for arg in args]) == 0.0:
        yield f"at a kink: the choice is {op.at_kink}"


def _print_no_gradient(ran: DetailedRun, node: int, room: int) -> None:
    _line("gradient", "none: " + _why_none(ran, node), room)
    if ran.graph.op(node) == CONST:
        return
    ids, way = ran.graph.ids, no_path(ran, node)
    if way.ends == (node,):
        _line("used by", "no node", room)
        return
    for name, nodes in (("used by", way.users), ("ends at", way.ends)):
        if nodes:
            _line(name, _joined([ids[i] for i in nodes], room), room)
    if way.outputs:
        text = _joined([ids[i] for i in way.outputs], room // 2)
        hint = f"{text}, not seeded: try --output {ids[way.outputs[0]]}"
        _line("leads to", hint, room)


def _why_none(ran: DetailedRun, node: int) -> str:
    if ran.graph.op(node) == CONST:
        return "a const receives no gradient"
    return f"no path from {seeded(ran.graph, ran.seeds)} leads to it"


def _joined(names: Sequence[str], room: int) -> str:
    """Join names with commas; those that don't fit are counted."""
    text = ""
    for i, name in enumerate(names):
        if i and len(text) + len(name) > room - 20:
            return f"{text}, … {len(names) - i:,} more"
        text += f", {name}" if i else name
    return text


def _print_users(ran: DetailedRun, explanation: Explanation, room: int) -> None:
    graph, contributions = ran.graph, explanation.contributions
    start = ran.seeds.get(explanation.node)
    if start is not None:
        click.echo()
        _line("seed", f"it is an output: its gradient starts at {number(start)}", room)
    if not contributions:
        return
    title = "passed on by its users: upstream gradient · local derivative, added from the top down"
    click.echo(f"\n{click.style(title, dim=True)}")
    first, last = folded(len(contributions), _USERS)
    rows = [_user(ran, contributions[i]) for i in (*first, *last)]
    for column in range(1, 5):
        cells = aligned([row[column] for row in rows])
        for cells_of, cell in zip(rows, cells, strict=True):
            cells_of[column] = cell
    left = room - 10 - sum(max(len(cells[i]) for cells in rows) for i in range(5))
    for cells in rows:
        cells.insert(1, clipped(cells.pop(), max(left, 8)))
        cells[0] = click.style(cells[0], bold=True)
    if last:
        more = counted(len(contributions) - len(rows), "more user")
        rows.insert(len(first), [f"… {more} …"])
    table(["user", "formula", "upstream", "local", "product", "sum"], rows)
    if len(contributions) > 1 or start is not None:
        text = f"the last sum is the gradient, {graph.ids[explanation.node]}.grad"
        click.echo(click.style(text, dim=True))


def _user(ran: DetailedRun, part: Contribution) -> list[str]:
    numbers = (part.upstream, part.partial, part.amount, part.after)
    which = repeated_operand(ran.graph, part.user, part.argument)
    user = ran.graph.ids[part.user] + (f" (as {which})" if which else "")
    return [user, *map(number, numbers), formula_of(ran.graph, part.user)]


def _print_paths(ran: DetailedRun, explanation: Explanation, room: int) -> None:
    paths, hidden = explanation.paths, _hidden(explanation)
    outputs = _joined([ran.graph.ids[i] for i in ran.seeds], room // 2)
    shown = len(paths.shown)
    top = "this one contributes" if shown == 1 else f"these {shown:,} contribute"
    along = "it" if paths.count == 1 else f"each; {top} most" if hidden else "each"
    title = f"{_paths(paths.count)} from {outputs}: local derivatives multiplied along {along}"
    click.echo(f"\n{click.style(prose(title, '', room), dim=True)}")
    rest = [paths.rest] if hidden else []
    contributed = [path.product for path in paths.shown]
    # Plus 0.0, from which gradients are added up: it makes 0.0 of a product of -0.0.
    products = aligned(number(x + 0.0) for x in (*contributed, *rest, paths.total))
    for path, product in zip(paths.shown, products, strict=False):
        indent = " " * (len(product) + 2)
        click.echo(f"{product}  {wrapped(_hops(ran, path), indent, room)}")
    if hidden:
        more = _paths(hidden, "other path") if paths.count < MOST else "all other paths"
        click.echo(f"{products[-2]}  {more}")
    indent = " " * (len(products[-1]) + 2)
    click.echo(f"{products[-1]}  {prose(_sum(ran, explanation), indent, room)}")


def _hidden(explanation: Explanation) -> int:
    """Return how many paths are not shown one by one."""
    return explanation.paths.count - len(explanation.paths.shown)


def _paths(count: int, what: str = "path") -> str:
    """Count paths; large numbers of them are rounded."""
    if count >= MOST:
        return f"more than 10^{len(str(MOST)) - 1:,} {what}s"
    if count < _EXACTLY:
        return counted(count, what)
    digits = str(count)
    return f"{digits[0]}.{digits[1:3]}·10^{len(digits) - 1} {what}s"


def _hops(ran: DetailedRun, path: Path) -> Iterator[str]:
    """Yield the parts of a path; a line may be broken between them."""
    ids, partials = ran.graph.ids, path.partials
    seed = "" if path.seed == 1.0 else f"{factor(path.seed)}·"
    yield f"{seed}{ids[path.nodes[0]]}"
    first, last = folded(len(partials), _HOPS)
    for i in (*first, *last):
        if last and i == last[0]:
            yield f"… {counted(len(partials) - len(first) - len(last), 'more step')} …"
        colour = "yellow" if partials[i] == 0.0 else None if isfinite(partials[i]) else "red"
        yield f"─{styled(number(partials[i]), colour)}→ {ids[path.nodes[i + 1]]}"


def _sum(ran: DetailedRun, explanation: Explanation) -> str:
    """Say how the sum of the products relates to the gradient, which is added up node by node."""
    adjoint, paths = ran.adjoints[explanation.node], explanation.paths
    total, name = paths.total, "their sum" if paths.count > 1 else "the product"
    distance = ulps(adjoint, total)
    if distance == 0 or (adjoint != adjoint and total != total):
        return f"{name} is the gradient"
    if distance is None or not (isfinite(adjoint) and isfinite(total)):
        return f"{name}; added up node by node, the gradient is {number(adjoint)}"
    if distance <= _NEAR:
        return f"{name}; the gradient, computed in another order, differs by {distance:,} ulp"
    largest = number(max(abs(path.product) for path in paths.shown))
    return f"{name}; products up to {largest} cancel, so rounding makes the gradient differ"


# --- remarks ---------------------------------------------------------------------------------


def _remarks(ran: DetailedRun, explanation: Explanation) -> Iterator[str]:
    """Say why a gradient is 0, or not finite."""
    adjoint, edges = ran.adjoints[explanation.node], explanation.edges
    if adjoint == 0.0 and not any(ran.seeds.values()):
        yield "the seed is 0, and so is every gradient"
    not_finite = () if isfinite(adjoint) else _not_finite(ran)
    for node in islice(not_finite, 1):
        yield f"the first value that is not finite: {equation(ran, node)}"
    for edge in islice(edges, _REMARKS):
        yield _remark(ran, edge)
    if len(edges) > _REMARKS:
        yield f"… and {counted(len(edges) - _REMARKS, 'more such place')}"


def _not_finite(ran: DetailedRun) -> Iterator[int]:
    """Yield nodes with paths to an output, and consts that they use, whose value is not finite."""
    for node in compress(range(len(ran.graph)), ran.marks):
        yield from (i for i in (*ran.graph.arguments(node), node) if not isfinite(ran.primals[i]))


def _remark(ran: DetailedRun, edge: PathEdge) -> str:
    graph, node, index = ran.graph, edge.node, edge.argument
    adjoint = ran.adjoints[node]
    if index is None:
        total = "0.0" if edge.kind == "cancel" else number(adjoint)
        return f"what the users of {graph.ids[node]} pass on adds up to {total}"
    partial = ran.partials(node)[index]
    if edge.kind in ("zero slope", "slope"):
        reason = _flat(graph.op(node), index) if edge.kind == "zero slope" else ""
        return partial_equation(ran, node, index, partial) + (f": {reason}" if reason else "")
    name = f"upstream times {partial_name(graph, node, index)}"
    product = f"{factor(adjoint)}·{factor(partial)} = {number(adjoint * partial)}"
    size = "too small for a double" if edge.kind == "underflow" else "too large for a double"
    return f"{name} = {product}: {size}"


def _flat(op: str, index: int) -> str:
    """Say why an op passes no gradient on to one of its arguments."""
    return _CONDITION if op == "gate" and index == 0 else _FLAT.get(op, "")


# --- JSON ------------------------------------------------------------------------------------


def _as_json(ran: DetailedRun, node: int, explanation: Explanation | None) -> dict[str, Any]:
    graph = ran.graph
    args = graph.arguments(node)
    facts: dict[str, Any] = {
        "id": graph.ids[node],
        "op": graph.op(node),
        "label": graph.labels.get(node),
        "formula": formula_of(graph, node),
        "data": spelled(ran.primals[node]),
        "grad": None if explanation is None else spelled(ran.adjoints[node]),
        "inputs": {name: spelled(x) for name, x in ran.run.inputs.items()},
        "seed": {graph.ids[i]: seed for i, seed in ran.seeds.items()},
        "slopes": [
            {"arg": graph.ids[arg], "rule": partial_equation(ran, node, k, x), "slope": spelled(x)}
            for k, (arg, x) in enumerate(zip(args, ran.partials(node), strict=True))
        ],
    }
    if explanation is not None:
        return {**facts, **_explanation_json(ran, explanation)}
    way = NoPath((), (), ()) if graph.op(node) == CONST else no_path(ran, node)
    ends = {key: [graph.ids[i] for i in nodes] for key, nodes in way._asdict().items()}
    return {**facts, "no_gradient": {"why": _why_none(ran, node), **ends}}


def _explanation_json(ran: DetailedRun, explanation: Explanation) -> dict[str, Any]:
    ids, paths = ran.graph.ids, explanation.paths
    return {
        "starts_with": ran.start(explanation.node),
        "users": [
            {
                "user": ids[part.user],
                "argument": part.argument,
                "upstream": spelled(part.upstream),
                "slope": spelled(part.partial),
                "product": spelled(part.amount),
                "sum": spelled(part.after),
            }
            for part in explanation.contributions
        ],
        "paths": {
            "count": paths.count if paths.count < MOST else None,
            "shown": [
                functools.partial(_path_json, ran, paths, i) for i in range(len(paths.shown))
            ],
            "rest": spelled(paths.rest),
            "sum": spelled(paths.total),
            "ulps": ulps(ran.adjoints[explanation.node], paths.total),
        },
        "remarks": [
            {"kind": edge.kind, "node": ids[edge.node], "argument": edge.argument,
             "text": _remark(ran, edge)}
            for edge in islice(explanation.edges, _REMARKS)
        ],
    }  # fmt: skip


def _path_json(ran: DetailedRun, paths: Paths, i: int) -> dict[str, Any]:
    path = paths.shown[i]
    return {
        "nodes": [ran.graph.ids[i] for i in path.nodes],
        "seed": path.seed,
        "slopes": [spelled(slope) for slope in path.partials],
        "product": spelled(path.product),
    }
