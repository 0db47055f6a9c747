"""`mgraph export`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from mgraph.cli.files import STREAM, is_among, naming, read_graph, write_output
from mgraph.cli.options import limit_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath, OutputPath
from mgraph.cli.terminal import counted, progress
from mgraph.errors import printable
from mgraph.exporting import TARGETS, export

if TYPE_CHECKING:
    from mgraph.codec import Limits
    from mgraph.document import Graph
    from mgraph.exporting import Exported


@click.command(
    "export", short_help="Write a graph as a program: Python, C, PyTorch, ONNX and others."
)
@click.argument("graph", type=GraphPath())
@click.option(
    "-o", "--out", type=OutputPath(), metavar="FILE", required=True,
    help="Write here: .py is Python, .c is C with a header beside it, .mjs or .js is JavaScript, "
    ".onnx is ONNX; - is standard output. Files that exist are replaced.",
)  # fmt: skip
@click.option(
    "--to", "target", type=click.Choice([*TARGETS]),
    help="What to write, if the extension of FILE doesn't say it.",
)  # fmt: skip
@click.option(
    "--name", metavar="NAME",
    help="What functions or classes are called after. Default: FILE without its extension.",
)  # fmt: skip
@json_option
@limit_option
def command(
    graph: str,
    out: str,
    target: str | None,
    name: str | None,
    as_json: bool,  # noqa: FBT001 - click calls by name
    limits: Limits,
) -> None:
    """Write a graph as a program that computes its values and gradients without mgraph.

    Inputs and params are arguments, with the declared values as defaults. Results are by id. The
    programs in Python, C and JavaScript go forward and backward in the order of the graph, so all
    exact ops give the same bits. PyTorch and JAX differentiate by themselves; ONNX has values only.
    --to micrograd writes the program that a learner would write, with a line for each node.

    \b
    Examples:
      mgraph export neuron.json -o neuron.c
      mgraph export neuron.json --to torch -o neuron.py
      mgraph export neuron.json --to micrograd -o program.py
    """  # noqa: D301 - \b is click's
    target = _target(out, target)
    if is_among(graph, out):
        message = f"{printable(out)} is the graph itself: give another file"
        raise click.UsageError(message)
    with progress(3) as bar:
        bar.step("reading")
        file, _ = read_graph(graph, limits, strip=True)
        bar.step("exporting")
        with naming(graph):
            exported = export(file, target, name=_stem(out) if name is None else name)
        bar.step("writing")
        wrote = _write(exported, out)
    _print(file, target, wrote, out, as_json=as_json)


def _target(out: str, target: str | None) -> str:
    """Return what to write: what was given, or else what the extension of the file says.

    Raises:
        UsageError: Neither says it.
    """
    if target is not None:
        return target
    extension = os.path.splitext(out)[1].lower()
    known = [
        name for name, kind in TARGETS.items() if out != STREAM and extension in kind.extensions
    ]
    if known:
        return known[0]
    if extension == ".h":
        message = "a C header is written beside its source: give the source, a name that ends in .c"
        raise click.UsageError(message)
    where = "standard output" if out == STREAM else printable(out)
    message = f"what to write to {where} is not known: give --to, one of {', '.join(TARGETS)}"
    raise click.UsageError(message)


def _stem(out: str) -> str:
    return "" if out == STREAM else os.path.splitext(os.path.basename(out))[0]


def _write(exported: Exported, out: str) -> list[str]:
    """Write the files, headers first; return their names, the file that was asked for first."""
    if out == STREAM:
        write_output(out, [exported.data])
        return ["standard output"]
    others = [*exported.files][:-1]
    beside = [os.path.join(os.path.dirname(out), name) for name in others]
    for path, name in zip([*beside, out], exported.files, strict=True):
        write_output(path, [exported.files[name]])
    return [out, *beside]


def _print(file: Graph, target: str, wrote: list[str], out: str, *, as_json: bool) -> None:
    if as_json:
        facts = {"wrote": wrote, "target": target, "nodes": len(file)}
        print_json(facts, err=out == STREAM)
    elif out != STREAM:
        names = " and ".join(map(printable, wrote))
        click.echo(f"wrote {names}: {counted(len(file), 'node')} as {TARGETS[target].about}")
