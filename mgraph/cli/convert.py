"""`mgraph convert`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mgraph.cli.files import STREAM, check_extension, read_graph, update_of, write_graph
from mgraph.cli.options import limit_option
from mgraph.cli.parameters import GraphPath
from mgraph.cli.terminal import counted, progress
from mgraph.errors import GraphError, printable
from mgraph.format import VERSIONS
from mgraph.format.versions import downgraded, parsed, spelled

if TYPE_CHECKING:
    from mgraph.codec import Limits


@click.command("convert", short_help="Change the encoding or the version of a graph file.")
@click.argument("source", type=GraphPath(), metavar="IN")
@click.argument("target", type=GraphPath(), metavar="OUT")
@click.option(
    "--to",
    "version",
    metavar="VERSION",
    help=(
        "Write this format version, for example --to 1.0. Refused if that version can't hold "
        "the graph."
    ),
)
@click.option("--strip", is_flag=True, help="Leave out the runs.")
@click.option("--sort", is_flag=True, help="List the nodes in evaluation order, arguments first.")
@limit_option
def command(
    source: str,
    target: str,
    version: str | None,
    strip: bool,  # noqa: FBT001 - click calls by name
    sort: bool,  # noqa: FBT001
    limits: Limits,
) -> None:
    """Convert a graph file between JSON and msgpack; the extension of OUT decides.

    Nothing is lost in either direction. As IN, `-` is standard input; as OUT it is standard output,
    in the encoding of IN.

    \b
    Examples:
      mgraph convert neuron.json neuron.msgpack
      mgraph convert neuron.json plain.json --strip --sort
    """  # noqa: D301 - \b is click's
    check_extension(target)
    with progress(2) as bar, update_of(source, target) as before:
        bar.step("reading")
        graph, extension = read_graph(source, limits, strip=strip)
        if version is not None:
            _check_version(graph.version, version)
        if sort:
            graph = replace(graph, columns=replace(graph.columns, order=None))
        bar.step("writing")
        write_graph(graph, target, extension, before)
    if target != STREAM:
        size = Path(target).stat().st_size
        click.echo(f"wrote {printable(target)}: {counted(len(graph), 'node')}, {size:,} bytes")


def _check_version(needed: str, wanted: str) -> None:
    """Refuse a version that does not exist, or that can't hold what is in the file.

    Raises:
        UsageError: The message lists the versions to choose from.
    """
    try:
        downgraded({"mgraph": needed}, parsed(wanted))
    except GraphError as error:
        known = ", ".join(map(spelled, VERSIONS))
        message = f"{error.diagnostics[0].message}: choose one of {known}"
        raise click.UsageError(message) from None
