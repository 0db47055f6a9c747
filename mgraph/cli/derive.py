"""`mgraph derive`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mgraph.cli.files import STREAM, check_extension, is_among, naming, read_graph, write_graph
from mgraph.cli.options import limit_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath, NodeId, OutputId
from mgraph.cli.terminal import counted, progress
from mgraph.errors import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph.codec import Limits
    from mgraph.document import Graph


@click.command("derive", short_help="Write the gradient of a graph as another graph.")
@click.argument("graph", type=GraphPath())
@click.option(
    "-o", "--out", type=GraphPath(), metavar="FILE", required=True,
    help="Write here: .json or .msgpack; - is standard output, in the encoding of GRAPH. A file "
    "that exists is replaced.",
)  # fmt: skip
@click.option(
    "--wrt", type=NodeId(), multiple=True, metavar="ID,…",
    help="The nodes by which to derive. Default: all inputs and params that the output depends on.",
)  # fmt: skip
@click.option(
    "--output", type=OutputId(), metavar="ID",
    help="The output to derive. It may be left out if there is only one.",
)  # fmt: skip
@json_option
@limit_option
def command(
    graph: str,
    out: str,
    wrt: Sequence[str],
    output: str | None,
    as_json: bool,  # noqa: FBT001 - click calls by name
    limits: Limits,
) -> None:
    """Write the gradient of a graph as another graph, which can be run, drawn, or derived again.

    Its outputs are the output and the gradients, called d_L/d_w1. Their values are the gradients
    that mgraph run gives, bit for bit, except for the sign of zero. Derive the file again with
    --output d_L/d_w1, and you have second derivatives.

    \b
    Examples:
      mgraph derive neuron.json -o gradient.json
      mgraph derive neuron.json --wrt w1,w2 -o gradient.json
      mgraph derive gradient.json --output d_o/d_w1 --wrt w1,w2 -o second.json
    """  # noqa: D301 - \b is click's
    check_extension(out)
    if is_among(graph, out):
        message = f"{printable(out)} is the graph itself: give another file"
        raise click.UsageError(message)
    names = [name for text in wrt for name in text.split(",")]
    with progress(3) as bar:
        bar.step("reading")
        file, extension = read_graph(graph, limits, strip=True)
        bar.step("deriving")
        with naming(graph):
            gradient = file.derive(*names, output=output)
        bar.step("writing")
        write_graph(gradient, out, extension)
    _print(gradient, len(file), out, as_json=as_json)


def _print(gradient: Graph, before: int, out: str, *, as_json: bool) -> None:
    wrote = "standard output" if out == STREAM else out
    if as_json:
        facts = {
            "wrote": wrote,
            "mgraph": gradient.version,
            "nodes": len(gradient),
            "nodes_before": before,
            "outputs": lambda: [*gradient.outputs],
        }
        print_json(facts, err=out == STREAM)
    elif out != STREAM:
        gradients = counted(len(gradient.columns.outputs) - 1, "gradient")
        nodes = f"{counted(len(gradient), 'node')} from {before:,}"
        click.echo(f"wrote {printable(out)}: {gradients}, {nodes}, format {gradient.version}")
