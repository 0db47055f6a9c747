"""`mgraph import`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import click

from mgraph.cli.files import (
    STREAM,
    check_extension,
    is_among,
    naming,
    read_bytes,
    write_graph,
)
from mgraph.cli.options import limit_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath
from mgraph.cli.terminal import counted, progress
from mgraph.errors import printable
from mgraph.importing import from_onnx

if TYPE_CHECKING:
    from mgraph.codec import Limits
    from mgraph.document import Graph

PYTORCH: Final = (".pt", ".pt2", ".pth")
"""Files of PyTorch, which may hold code that reading them runs."""


@click.command("import", short_help="Make a graph file from an ONNX model.")
@click.argument("model", type=GraphPath(), metavar="MODEL")
@click.option(
    "-o", "--out", type=GraphPath(), metavar="FILE", required=True,
    help="Write to this file, .json or .msgpack; - is standard output, as JSON. A file that "
    "exists is replaced.",
)  # fmt: skip
@click.option(
    "--output", "outputs", multiple=True, metavar="NAME",
    help="Import this output of the model. Default: all that are real numbers.",
)  # fmt: skip
@json_option
@limit_option
def command(
    model: str,
    out: str,
    outputs: tuple[str, ...],
    as_json: bool,  # noqa: FBT001 - click calls by name
    limits: Limits,
) -> None:
    """Make a graph file from an ONNX model: tensors become scalars, weights become params.

    The batch has one row: the input x of shape [N, 64] is x[0] to x[63]. Labels and other outputs
    that are no real numbers are left out, with all that only they need. Everything is computed in
    double precision. What can't be imported is listed completely. MODEL is read as data: nothing in
    it is run, and no other file is opened.

    Modules of PyTorch and functions of JAX are imported in Python, by mgraph.from_torch and
    mgraph.from_jax.

    \b
    Examples:
      mgraph import digits.onnx -o digits.json
      mgraph import digits.onnx --output probabilities -o digits.msgpack
    """  # noqa: D301 - \b is click's
    _check_paths(model, out)
    with progress(3) as bar:
        bar.step("reading")
        data = _data(model, limits)
        bar.step("importing")
        with naming(model):
            graph = from_onnx(data, outputs, limits=limits)
        bar.step("writing")
        write_graph(graph, out, ".json")
    _print(graph, out, as_json=as_json)


def _data(model: str, limits: Limits) -> bytes:
    with naming(model):
        return read_bytes(model, limits)


def _check_paths(model: str, out: str) -> None:
    """Refuse files that can't be what is asked for, before any work is done.

    Raises:
        UsageError: The model is a file of PyTorch, or the file to write, or that is no graph file.
    """
    check_extension(out)
    if os.path.splitext(model)[1].lower() in PYTORCH:
        message = (
            "a file of PyTorch may hold code that reading it runs: if you trust it, import it in "
            "Python, by mgraph.from_torch(torch.export.load(FILE)), or export it as ONNX"
        )
        raise click.UsageError(message)
    if is_among(model, out):
        message = f"{printable(out)} is the model itself: give another file"
        raise click.UsageError(message)


def _print(graph: Graph, out: str, *, as_json: bool) -> None:
    ops = [graph.columns.op(node) for node in graph.columns.leaves]
    counts = {kind: ops.count(kind) for kind in ("input", "param")}
    outputs = len(graph.outputs)
    if as_json:
        facts = {"wrote": out, "nodes": len(graph), "outputs": outputs}
        print_json(
            {**facts, "inputs": counts["input"], "params": counts["param"]}, err=out == STREAM
        )
    elif out != STREAM:
        parts = [counted(counts["input"], "input"), counted(counts["param"], "param")]
        parts.append(counted(outputs, "output"))
        click.echo(f"wrote {printable(out)}: {counted(len(graph), 'node')}, {', '.join(parts)}")
