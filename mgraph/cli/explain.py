"""`mgraph explain`."""

from __future__ import annotations

from itertools import compress, islice
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import click

from mgraph.analysis.detailed_run import Contribution, DetailedRun, op_at, run_in_detail
from mgraph.analysis.explain import MOST, Explanation, NoPath, Path, PathEdge, explain, no_path
from mgraph.cli.files import called, read_graph
from mgraph.cli.latex import chain_rule
from mgraph.cli.options import limit_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath, NodeId
from mgraph.cli.question import Asked, look_options
from mgraph.cli.rules import (
    equation,
    factor,
    formula_of,
    full,
    label,
    seeded,
    slope_equation,
    slope_name,
)
from mgraph.cli.terminal import (
    aligned,
    clipped,
    counted,
    folded,
    number,
    progress,
    prose,
    table,
    width,
    wrapped,
)
from mgraph.codec import spelled
from mgraph.engine.evaluate import node_named
from mgraph.errors import GraphError
from mgraph.golden.rerun import ulps
from mgraph.ops import CONST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.codec import Limits

_NAME: Final = 10  # columns of a line's name, as under the table of a run
_USERS: Final = 20
_REMARKS: Final = 5
_HOPS: Final = 16  # of a path that are shown
_EXACTLY: Final = 10**15
_NEAR: Final = 1000  # ulp
_FLAT: Final = {
    "relu": "a dead relu",
    "tanh": "a saturated tanh",
    "sigmoid": "a saturated sigmoid",
    "mul": "a factor of 0",
    "max": "the other one is larger",
    "min": "the other one is smaller",
}
"""What it is called when an op passes nothing on."""


@click.command("explain", short_help="Show the chain rule at one node, with its numbers.")
@click.argument("graph", type=GraphPath())
@click.argument("node", type=NodeId())
@click.option(
    "--paths", "most", type=click.IntRange(1, 10_000), default=10, show_default=True, metavar="K",
    help="Show the K paths that bring the most; the others are summed.",
)  # fmt: skip
@click.option("--latex", is_flag=True, help="Print the chain rule as LaTeX instead.")
@look_options
@json_option
@limit_option
def command(
    graph: str,
    node: str,
    most: int,
    latex: bool,  # noqa: FBT001 - click calls by name
    asked: Asked,
    as_json: bool,  # noqa: FBT001
    limits: Limits,
) -> None:
    """Explain one node: its formula, its slopes, and where its gradient comes from.

    What each user passes on, upstream times slope, in the order in which the backward pass adds
    it up; then every path from the output to the node, with the slopes on it and their product.
    A gradient that is zero or not finite is traced to where it became that.

    \b
    Examples:
      mgraph explain neuron.json w1
      mgraph explain neuron.json n --set x1=0.5 --json
      mgraph explain neuron.json w1 --latex
    """  # noqa: D301 - \b is click's
    if latex and as_json:
        message = "--latex and --json exclude each other"
        raise click.UsageError(message)
    asked.check_streams(graph)
    with progress(3) as bar:
        bar.step("reading")
        file, _ = read_graph(graph, limits)
        inputs, seed = asked.looked_at(file, graph, limits)
        bar.step("running")
        try:
            which = node_named(file.columns, node)
            ran = run_in_detail(file.columns, inputs, seed)
        except GraphError as error:
            raise error.named(called(graph)) from None
        bar.step("following the paths")
        found = explain(ran, which, most) if ran.has_adjoint(which) else None
        if as_json:
            print_json(_as_json(ran, which, found))
        elif latex:
            click.echo(chain_rule(ran, which, found))
        else:
            _print(ran, which, found)


# --- text ------------------------------------------------------------------------------------


def _print(ran: DetailedRun, node: int, found: Explanation | None) -> None:
    graph, room = ran.graph, width()
    head = click.style(graph.ids[node], bold=True)
    click.echo(f"{head}  {' '.join(filter(None, (graph.op(node), label(graph, node))))}\n")
    _line("value", equation(ran, node), room)
    for i, text in enumerate(_rules(ran, node)):
        _line("" if i else "slopes", text, room)
    if found is None:
        _print_no_gradient(ran, node, room)
        return
    over = f"∂{seeded(graph, ran.seeds)}/∂{graph.ids[node]}"
    _line("gradient", f"{over} = {full(ran.adjoints[node])}", room)
    for text in _remarks(ran, found):
        _line("look at", click.style(text, fg="yellow"), room)
    _print_users(ran, found, room)
    _print_paths(ran, found, room)


def _line(name: str, text: str, room: int) -> None:
    lines = prose(text, " " * _NAME, room)
    click.echo(f"{click.style(name.ljust(_NAME), dim=True)}{lines}")


def _rules(ran: DetailedRun, node: int) -> Iterator[str]:
    """Yield the slope of a node by each of its arguments, and what was chosen at a kink."""
    args, op = ran.graph.arguments(node), op_at(ran.graph, node)
    slopes = ran.partials(node)
    first, last = folded(len(args), _USERS)
    for place in (*first, *last):
        if last and place == last[0]:
            yield f"… {len(args) - len(first) - len(last):,} more"
        yield slope_equation(ran, node, place, slopes[place])
    if op is not None and op.kink_distance(*[ran.primals[arg] for arg in args]) == 0.0:
        yield f"at a kink: the choice is {op.at_kink}"


def _print_no_gradient(ran: DetailedRun, node: int, room: int) -> None:
    _line("gradient", "none: " + _why_none(ran, node), room)
    if ran.graph.op(node) == CONST:
        return
    ids, found = ran.graph.ids, no_path(ran, node)
    for name, nodes in (("used by", found.users), ("ends at", found.ends)):
        if nodes:
            _line(name, _listed([ids[i] for i in nodes], room), room)
    if found.outputs:
        text = _listed([ids[i] for i in found.outputs], room // 2)
        hint = f"{text}, not seeded: --output {ids[found.outputs[0]]}"
        _line("leads to", hint, room)


def _why_none(ran: DetailedRun, node: int) -> str:
    if ran.graph.op(node) == CONST:
        return "a const receives no gradient"
    return f"no path from {seeded(ran.graph, ran.seeds)} leads to it"


def _listed(names: Sequence[str], room: int) -> str:
    text = ""
    for i, name in enumerate(names):
        if i and len(text) + len(name) > room - 20:
            return f"{text}, … {len(names) - i:,} more"
        text += f", {name}" if i else name
    return text


def _print_users(ran: DetailedRun, found: Explanation, room: int) -> None:
    graph, shares = ran.graph, found.contributions
    start = ran.seeds.get(found.node)
    if start is not None:
        click.echo()
        _line("seed", f"it is an output, and starts with {number(start)}", room)
    if not shares:
        return
    title = "passed on by its users: upstream · slope, added from the top"
    click.echo(f"\n{click.style(title, dim=True)}")
    first, last = folded(len(shares), _USERS)
    rows = [_user(ran, shares[i]) for i in (*first, *last)]
    for column in range(1, 5):
        cells = aligned([cells[column] for cells in rows])
        for cells_of, cell in zip(rows, cells, strict=True):
            cells_of[column] = cell
    left = room - 10 - sum(max(len(cells[i]) for cells in rows) for i in range(5))
    for cells in rows:
        cells.insert(1, clipped(cells.pop(), max(left, 8)))
        cells[0] = click.style(cells[0], bold=True)
    if last:
        rows.insert(len(first), [f"… {len(shares) - len(rows):,} more users …"])
    table(["user", "formula", "upstream", "slope", "product", "sum"], rows)
    if len(shares) > 1 or start is not None:
        click.echo(
            click.style(f"the last sum is the gradient, {graph.ids[found.node]}.grad", dim=True)
        )


def _user(ran: DetailedRun, share: Contribution) -> list[str]:
    numbers = (share.upstream, share.partial, share.amount, share.after)
    return [ran.graph.ids[share.user], *map(number, numbers), formula_of(ran.graph, share.user)]


def _print_paths(ran: DetailedRun, found: Explanation, room: int) -> None:
    paths = found.paths
    outputs = _listed([ran.graph.ids[i] for i in ran.seeds], room // 2)
    some = f", the {len(paths.shown)} that bring the most" if _left(found) else ""
    title = f"{_paths(paths.count)} from {outputs}: slopes on the way, multiplied{some}"
    click.echo(f"\n{click.style(prose(title, '', room), dim=True)}")
    rest = [paths.rest] if _left(found) else []
    products = aligned(map(number, [*(path.product for path in paths.shown), *rest, paths.total]))
    for path, product in zip(paths.shown, products, strict=False):
        indent = " " * (len(product) + 2)
        click.echo(f"{product}  {wrapped(_hops(ran, path), indent, room)}")
    if rest:
        more = _paths(_left(found), "other path") if paths.count < MOST else "all other paths"
        click.echo(f"{products[-2]}  {more}")
    click.echo(f"{products[-1]}  {prose(_sum(ran, found), ' ' * (len(products[-1]) + 2), room)}")


def _left(found: Explanation) -> int:
    """Return how many paths are not shown one by one."""
    return found.paths.count - len(found.paths.shown)


def _paths(count: int, what: str = "path") -> str:
    if count >= MOST:
        return f"more than 10^{len(str(MOST)) - 1:,} {what}s"
    if count < _EXACTLY:
        return counted(count, what)
    digits = str(count)
    return f"{digits[0]}.{digits[1:3]}·10^{len(digits) - 1} {what}s"


def _hops(ran: DetailedRun, path: Path) -> Iterator[str]:
    """Yield the parts of a path that are not broken over lines."""
    ids, slopes = ran.graph.ids, path.partials
    seed = "" if path.seed == 1.0 else f"{factor(path.seed)}·"
    yield f"{seed}{ids[path.nodes[0]]}"
    first, last = folded(len(slopes), _HOPS)
    for i in (*first, *last):
        if last and i == last[0]:
            yield f"… {len(slopes) - len(first) - len(last):,} more steps …"
        colour = "yellow" if slopes[i] == 0.0 else None if isfinite(slopes[i]) else "red"
        slope = click.style(number(slopes[i]), fg=colour) if colour else number(slopes[i])
        yield f"─{slope}→ {ids[path.nodes[i + 1]]}"


def _sum(ran: DetailedRun, found: Explanation) -> str:
    """Say how the sum of the products relates to the gradient, which is added up node by node."""
    adjoint, total = ran.adjoints[found.node], found.paths.total
    distance = ulps(adjoint, total)
    if distance == 0 or (adjoint != adjoint and total != total):
        return "their sum: the gradient"
    if distance is None or not (isfinite(adjoint) and isfinite(total)):
        return f"their sum; the gradient, added up node by node, is {number(adjoint)}"
    if distance <= _NEAR:
        return f"their sum; rounded on another way, the gradient is {distance:,} ulp off"
    largest = number(max(abs(path.product) for path in found.paths.shown))
    return f"their sum; products up to {largest} cancel: what is left differs by rounding"


# --- remarks ---------------------------------------------------------------------------------


def _remarks(ran: DetailedRun, found: Explanation) -> Iterator[str]:
    """Say why a gradient is 0, or not finite."""
    if ran.adjoints[found.node] == 0.0 and not any(ran.seeds.values()):
        yield "the seed is 0, and so is every gradient"
    strange = () if isfinite(ran.adjoints[found.node]) else _strange(ran)
    for node in islice(strange, 1):
        yield f"the first value that is not finite: {equation(ran, node)}"
    for edge in islice(found.edges, _REMARKS):
        yield _remark(ran, edge)
    if len(found.edges) > _REMARKS:
        yield f"… and {len(found.edges) - _REMARKS:,} more such places"


def _strange(ran: DetailedRun) -> Iterator[int]:
    """Yield the nodes above the output whose value is not finite; a const where it is used."""
    for node in compress(range(len(ran.graph)), ran.marks):
        yield from (i for i in (*ran.graph.arguments(node), node) if not isfinite(ran.primals[i]))


def _remark(ran: DetailedRun, edge: PathEdge) -> str:
    graph, node, place = ran.graph, edge.node, edge.argument
    name, adjoint = graph.ids[node], number(ran.adjoints[node])
    if place is None:
        what = "adds up to 0.0" if edge.kind == "cancel" else f"adds up to {adjoint}"
        return f"what the users of {name} pass on {what}"
    slope = ran.partials(node)[place]
    if edge.kind in ("zero slope", "slope"):
        word = _FLAT.get(graph.op(node)) if edge.kind == "zero slope" else ""
        return slope_equation(ran, node, place, slope) + (f": {word}" if word else "")
    arg = graph.arguments(node)[place]
    product = number(ran.adjoints[node] * slope)
    name = f"upstream times {slope_name(graph, node, arg)}"
    how = "too small for a double" if edge.kind == "underflow" else "too large for a double"
    return f"{name} = {factor(ran.adjoints[node])}·{factor(slope)} = {product}: {how}"


# --- JSON ------------------------------------------------------------------------------------


def _as_json(ran: DetailedRun, node: int, found: Explanation | None) -> dict[str, Any]:
    graph = ran.graph
    args = graph.arguments(node)
    said: dict[str, Any] = {
        "id": graph.ids[node],
        "op": graph.op(node),
        "label": graph.labels.get(node),
        "formula": formula_of(graph, node),
        "data": spelled(ran.primals[node]),
        "grad": None if found is None else spelled(ran.adjoints[node]),
        "inputs": {name: spelled(x) for name, x in ran.run.inputs.items()},
        "seed": {graph.ids[i]: seed for i, seed in ran.seeds.items()},
        "slopes": [
            {"arg": graph.ids[arg], "rule": slope_equation(ran, node, k, x), "slope": spelled(x)}
            for k, (arg, x) in enumerate(zip(args, ran.partials(node), strict=True))
        ],
    }
    if found is not None:
        return {**said, **_found_json(ran, found)}
    ways = NoPath((), (), ()) if graph.op(node) == CONST else no_path(ran, node)
    ends = {key: [graph.ids[i] for i in nodes] for key, nodes in ways._asdict().items()}
    return {**said, "no_gradient": {"why": _why_none(ran, node), **ends}}


def _found_json(ran: DetailedRun, found: Explanation) -> dict[str, Any]:
    ids, paths = ran.graph.ids, found.paths
    return {
        "starts_with": ran.start(found.node),
        "users": [
            {
                "user": ids[each.user],
                "argument": each.argument,
                "upstream": spelled(each.upstream),
                "slope": spelled(each.partial),
                "product": spelled(each.amount),
                "sum": spelled(each.after),
            }
            for each in found.contributions
        ],
        "paths": {
            "count": paths.count if paths.count < MOST else None,
            "shown": [_path_json(ran, path) for path in paths.shown],
            "rest": spelled(paths.rest),
            "sum": spelled(paths.total),
            "ulps": ulps(ran.adjoints[found.node], paths.total),
        },
        "remarks": [
            {"kind": each.kind, "node": ids[each.node], "argument": each.argument,
             "text": _remark(ran, each)}
            for each in islice(found.edges, _REMARKS)
        ],
    }  # fmt: skip


def _path_json(ran: DetailedRun, path: Path) -> dict[str, Any]:
    return {
        "nodes": [ran.graph.ids[i] for i in path.nodes],
        "seed": path.seed,
        "slopes": [spelled(slope) for slope in path.partials],
        "product": spelled(path.product),
    }
