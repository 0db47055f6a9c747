"""`mgraph new`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from mgraph.build.expression import graph_of
from mgraph.build.losses import LOSSES, target_ids
from mgraph.build.mistakes import doubtful_inputs
from mgraph.build.network import mlp
from mgraph.cli.files import STREAM, check_extension, write_graph
from mgraph.cli.parameters import GraphPath, Setting
from mgraph.cli.terminal import counted
from mgraph.document import MATHS, recorded
from mgraph.errors import printable, quoted
from mgraph.nn import ACTIVATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mgraph.document import Graph

_FEW: Final = 10  # inputs that one would set on the command line

Settings = tuple[tuple[str, float | None], ...]


def _sizes(_ctx: click.Context, param: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        message = f"{quoted(text)} is not a list of sizes: write, for example, 2,16,16,1"
        raise click.BadParameter(message, param=param) from None


@click.command("new", short_help="Make a graph file from a formula, or make a network.")
@click.argument("formula", required=False)
@click.option(
    "--param", "params", type=Setting(), multiple=True, metavar="ID=X",
    help="Declare a trainable leaf, for example --param w1=-3 or --param w1=1/3.",
)  # fmt: skip
@click.option(
    "--input", "inputs", type=Setting(optional=True), multiple=True, metavar="ID[=X]",
    help="Declare an input, for example --input x1=2; X is its default value.",
)  # fmt: skip
@click.option(
    "--const", "consts", type=Setting(), multiple=True, metavar="ID=X",
    help="Declare a named constant, for example --const g=9.81; numbers in the formula are "
    "constants, too.",
)  # fmt: skip
@click.option(
    "--output", "outputs", multiple=True, metavar="ID",
    help="Make this an output. Default: the names no other statement uses.",
)  # fmt: skip
@click.option(
    "--mlp", "sizes", callback=_sizes, metavar="SIZES",
    help="Make a network: the number of inputs, then of neurons in each layer, for example 2,16,1.",
)  # fmt: skip
@click.option(
    "--activation", type=click.Choice(ACTIVATIONS), default="tanh", show_default=True,
    metavar="OP",
    help="Activation of all layers but the last: an op with one argument, or linear.",
)  # fmt: skip
@click.option(
    "--loss", type=click.Choice([*LOSSES]), metavar="LOSS",
    help="Add a loss to the network, mse, hinge or cross-entropy, which becomes its only output, "
    "and inputs for the targets: y, or y1, y2 … if the last layer has several neurons.",
)  # fmt: skip
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Random seed of the network's weights."
)
@click.option(
    "--math", type=click.Choice(MATHS),
    help="Also run the graph, once per output, and write the runs: in the machine's math (libm), "
    "or so that all machines get the same bits (exact).",
)  # fmt: skip
@click.option(
    "-o", "--out", "out", type=GraphPath(), default=STREAM, metavar="FILE",
    help="Write to this file, .json or .msgpack; one that exists is replaced. Default: standard "
    "output.",
)  # fmt: skip
def command(
    formula: str | None,
    params: Settings,
    inputs: Settings,
    consts: Settings,
    outputs: tuple[str, ...],
    sizes: tuple[int, ...] | None,
    activation: str,
    loss: str | None,
    seed: int,
    math: str | None,
    out: str,
) -> None:
    """Make a graph file from a formula, or make a multi-layer network.

    FORMULA is one statement `name = formula`, or several, separated by ; or newlines. It may use +
    - * / ** and the ops that `mgraph ops` lists; x.tanh() is tanh(x). These are shorthand for
    several ops: gelu(x), leaky_relu(x, a), mean(a, b, …), silu(x), square(x), and max and min of
    more than two. Names become ids; names that aren't declared become inputs without a default.
    FORMULA is parsed, never executed as code.

    \b
    Losses of a network; its scores are the sums of the last layer, labelled score:
      mse            (score - y)², or the mean of that over several scores
      hinge          relu(1 - y*score) for y = 1 or -1, or the mean of that
      cross-entropy  softplus(score) - y*score for y = 1 or 0; with several scores,
                     -ln softmax(score of the class whose y is 1); the other y are 0

    \b
    Examples:
      mgraph new 'n = x1*w1 + x2*w2 + b; o = tanh(n)' --param w1=-3 --param w2=1 \\
          --param b=6.9 --input x1=2 --input x2=0 -o neuron.json
      mgraph new 'e = a*b; d = e + c; L = d*f' -o steps.json
      mgraph new --mlp 2,16,16,1 --activation tanh --seed 7 -o network.json
      mgraph new --mlp 2,16,16,1 --activation relu --loss hinge -o moons.json
      mgraph new 'L = tanh(x*w)' --input x=0.5 --param w=-3 --math exact -o golden.json
      mgraph new 'score = x*w + b; loss = relu(1 - y*score)' --param w=1 --param b=0
    """  # noqa: D301 - \b is click's
    check_extension(out)
    if (formula is None) == (sizes is None):
        message = "give either a formula or --mlp SIZES: for example mgraph new 'L = tanh(x*w + b)'"
        raise click.UsageError(message)
    _check_unused(formula)
    hints: tuple[str, ...] = ()
    try:
        if formula is None:
            leaves = _leaves(("input", inputs))
            graph = mlp(sizes or (), activation, seed, {k: x for k, (_, x) in leaves.items()}, loss)
        else:
            leaves = _leaves(("input", inputs), ("param", params), ("const", consts))
            graph = graph_of(formula, leaves, outputs)
            hints = tuple(doubtful_inputs(graph, leaves))
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if math:
        if unbound := [graph.columns.ids[i] for i in graph.columns.unbound()]:
            message = f"--math runs the graph, so every input needs a value: --input {unbound[0]}=1"
            raise click.UsageError(message)
        graph = recorded(graph, math)
    write_graph(graph, out, ".json")
    if out != STREAM:
        missing = len(graph.columns.unbound())
        note = f", {counted(missing, 'input')} without a value" if missing else ""
        click.echo(f"wrote {printable(out)}: {counted(len(graph), 'node')}{note}")
        if missing or len(graph.outputs) > 1:
            others = target_ids(sizes[-1])[1:] if sizes and loss else []
            click.echo(
                _how_to_run(graph, out, dict.fromkeys(others, -1.0 if loss == "hinge" else 0.0))
            )

    for hint in hints:
        click.echo(f"hint: {hint}", err=True)


def _how_to_run(graph: Graph, path: str, others: Mapping[str, float]) -> str:
    """Return a command that runs a graph which needs values or the choice of an output.

    Args:
        graph: The graph.
        path: Its file.
        others: Values of some inputs; the others are 1.0.
    """
    inputs = [graph.columns.ids[i] for i in graph.columns.unbound()]
    name = printable(shlex.quote(path if not path.startswith("-") else f"./{path}"))
    words = [
        "mgraph run",
        name,
        *(f"--set {shlex.quote(f'{x}={others.get(x, 1.0)}')}" for x in inputs),
    ]
    text = "to run it: "
    if len(inputs) > _FEW:
        words = ["mgraph run", name, "--inputs values.json"]
        text = f'to run it, put values into a file, {{"{inputs[0]}": 1.0, "{inputs[1]}": 1.0, …}}: '
    if len(graph.outputs) > 1:
        words.append(f"--output {shlex.quote(graph.outputs[0])}")
    return text + " ".join(words)


def _check_unused(formula: str | None) -> None:
    """Refuse options that would do nothing.

    Raises:
        UsageError: An option for networks is given with a formula, or the other way round.
    """
    context = click.get_current_context()
    for_networks = ("activation", "loss", "seed")
    for_formulas = ("params", "consts", "outputs")
    for option in context.command.params:
        is_unused = option.name in (for_formulas if formula is None else for_networks)
        is_given = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
        if is_unused and is_given:
            use = "a formula, not with --mlp" if formula is None else "--mlp, not with a formula"
            message = f"{option.opts[-1]} can only be used with {use}"
            raise click.UsageError(message)


def _leaves(*declared: tuple[str, Settings]) -> dict[str, tuple[str, float | None]]:
    """Return op and value of each declared leaf, by id.

    Raises:
        UsageError: An id is declared twice.
    """
    leaves: dict[str, tuple[str, float | None]] = {}
    for op, settings in declared:
        for name, value in settings:
            if name in leaves:
                message = f"{name} is declared twice: as {leaves[name][0]}, and as {op}"
                raise click.UsageError(message)
            leaves[name] = op, value
    return leaves
