"""`mgraph new`."""

from __future__ import annotations

import click
from click.core import ParameterSource

from mgraph.build.expression import graph_of
from mgraph.build.network import ACTIVATIONS, mlp
from mgraph.cli.files import STREAM, check_extension, write_graph
from mgraph.cli.parameters import GraphPath, Setting
from mgraph.cli.terminal import counted
from mgraph.errors import printable, quoted

Settings = tuple[tuple[str, float | None], ...]


def _sizes(_ctx: click.Context, param: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        message = f"{quoted(text)} is no list of sizes: write, for example, 2,16,16,1"
        raise click.BadParameter(message, param=param) from None


@click.command("new", short_help="Make a graph file from a formula, or a network.")
@click.argument("formula", required=False)
@click.option(
    "--param", "params", type=Setting(), multiple=True, metavar="ID=X", help="A trainable leaf."
)
@click.option(
    "--input", "inputs", type=Setting(optional=True), multiple=True, metavar="ID[=X]",
    help="An input, and its default. Names that are not declared become inputs without one.",
)  # fmt: skip
@click.option(
    "--const", "consts", type=Setting(), multiple=True, metavar="ID=X",
    help="A named constant; numbers in the formula are constants, too.",
)  # fmt: skip
@click.option(
    "--output", "outputs", multiple=True, metavar="ID",
    help="An output. Default: what no statement uses.",
)  # fmt: skip
@click.option(
    "--mlp", "sizes", callback=_sizes, metavar="SIZES",
    help="Make a network: number of inputs, then of neurons in each layer.",
)  # fmt: skip
@click.option(
    "--activation", type=click.Choice(ACTIVATIONS), default="tanh", show_default=True,
    metavar="OP", help="Of a network's layers but the last: an op with one input, or linear.",
)  # fmt: skip
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Of a network's random weights."
)
@click.option(
    "-o", "--out", "out", type=GraphPath(), default=STREAM, metavar="FILE",
    help="Where to write: .json or .msgpack. Default: standard output.",
)  # fmt: skip
def command(
    formula: str | None,
    params: Settings,
    inputs: Settings,
    consts: Settings,
    outputs: tuple[str, ...],
    sizes: tuple[int, ...] | None,
    activation: str,
    seed: int,
    out: str,
) -> None:
    """Make a graph file from a formula, or a multi-layer network.

    FORMULA is a statement `name = formula`, or several, separated by ; or newlines, with
    + - * / ** and the ops that `mgraph ops` lists. Names become ids. It is read, never run.

    \b
    Examples:
      mgraph new 'L = tanh(x1*w1 + x2*w2 + b)' --param w1=-3 --param w2=1 \\
          --param b=6.9 --input x1=2 --input x2=0 -o neuron.json
      mgraph new 'e = a*b; d = e + c; L = d*f' -o steps.json
      mgraph new --mlp 2,16,16,1 --activation tanh --seed 7 -o network.json
    """  # noqa: D301 - \b is click's
    check_extension(out)
    if (formula is None) == (sizes is None):
        message = "give either a formula or --mlp SIZES: for example mgraph new 'L = tanh(x*w + b)'"
        raise click.UsageError(message)
    _check_unused(formula)
    try:
        if formula is None:
            given = _once(("input", inputs))
            graph = mlp(sizes or (), activation, seed, {k: x for k, (_, x) in given.items()})
        else:
            leaves = _once(("input", inputs), ("param", params), ("const", consts))
            graph = graph_of(formula, leaves, outputs)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    write_graph(graph, out, ".json")
    if out != STREAM:
        missing = len(graph.columns.unbound())
        note = f", {counted(missing, 'input')} without a value" if missing else ""
        click.echo(f"wrote {printable(out)}: {counted(len(graph), 'node')}{note}")


def _check_unused(formula: str | None) -> None:
    """Refuse options that would do nothing.

    Raises:
        UsageError: They go with a network, and there is a formula, or the other way round.
    """
    context = click.get_current_context()
    of_network = ("activation", "seed")
    of_formula = ("params", "consts", "outputs")
    for option in context.command.params:
        idle = option.name in (of_formula if formula is None else of_network)
        given = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if idle and given:
            other = "a formula, not with --mlp" if formula is None else "--mlp, not with a formula"
            message = f"{option.opts[-1]} goes with {other}"
            raise click.UsageError(message)


def _once(*declared: tuple[str, Settings]) -> dict[str, tuple[str, float | None]]:
    """Return op and value of each declared leaf.

    Raises:
        UsageError: An id is declared twice.
    """
    leaves: dict[str, tuple[str, float | None]] = {}
    for op, given in declared:
        for name, value in given:
            if name in leaves:
                message = f"{name} is declared twice: as {leaves[name][0]}, and as {op}"
                raise click.UsageError(message)
            leaves[name] = op, value
    return leaves
