"""`mgraph convert`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mgraph.cli.files import (
    STREAM,
    check_extension,
    naming,
    read_graph,
    target_name,
    update_of,
    write_graph,
)
from mgraph.cli.options import limit_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath
from mgraph.cli.terminal import counted, progress
from mgraph.errors import GraphError, printable, some
from mgraph.format import VERSIONS
from mgraph.format.versions import downgraded, parsed, spelled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgraph.codec import Limits
    from mgraph.document import Graph
    from mgraph.format.file import GraphFile
    from mgraph.graph.columns import Columns


@click.command("convert", short_help="Change the encoding or the version of a graph file.")
@click.argument("source", type=GraphPath(), metavar="IN")
@click.argument("target", type=GraphPath(), metavar="OUT")
@click.option(
    "--to",
    "version",
    metavar="VERSION",
    help=(
        "Write this format version, for example --to 1.0. Files state the lowest version that has "
        "all their ops, and all fields of their runs, anyway, so this refuses files with newer "
        "ones, and lists their nodes and runs; if a lower version is enough, a note says which one "
        "was written."
    ),
)
@click.option("--strip", is_flag=True, help="Leave out the runs.")
@click.option("--sort", is_flag=True, help="List the nodes in evaluation order, arguments first.")
@click.option(
    "--simplify", is_flag=True,
    help="Leave out nodes that nothing needs, compute exact ops of consts, and drop ops such as "
    "x*1; the bits of all values and gradients that remain are the same. Implies --sort.",
)  # fmt: skip
@json_option
@limit_option
def command(
    source: str,
    target: str,
    version: str | None,
    strip: bool,  # noqa: FBT001 - click calls by name
    sort: bool,  # noqa: FBT001
    simplify: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    limits: Limits,
) -> None:
    """Convert a graph file between JSON and msgpack; the extension of OUT decides.

    Nothing is lost in either direction. As IN, `-` is standard input; as OUT it is standard output,
    in the encoding of IN. If OUT exists, it is replaced; OUT may be IN, which then loses what is
    left out, with --strip its runs and their expected numbers.

    \b
    Examples:
      mgraph convert neuron.json neuron.msgpack
      mgraph convert neuron.json plain.json --strip --sort
      mgraph convert large.json small.json --simplify
    """  # noqa: D301 - \b is click's
    check_extension(target)
    with progress(2) as bar, update_of(source, target) as before:
        bar.step("reading")
        graph, extension = read_graph(source, limits, strip=strip)
        nodes, removed = len(graph), None
        if simplify:
            graph, removed = _simplified(graph)
        if version is not None:
            _check_version(graph, version, source)
        if sort:
            graph = replace(graph, columns=replace(graph.columns, order=None))
        bar.step("writing")
        write_graph(graph, target, extension, before)
    if version is not None and parsed(graph.version) < parsed(version):
        written = f"note: the file states format {graph.version}, which has all of its ops"
        click.echo(f"{written}; readers of {version} read it, too", err=True)
    if as_json:
        facts = {"wrote": target_name(target), "nodes": len(graph)}
        more = {} if removed is None else {"nodes_before": nodes, "simplified": removed}
        print_json({**facts, **more}, err=target == STREAM)
    elif target != STREAM:
        if target_name(target) is None:
            click.echo("wrote nothing")
        else:
            size = Path(target).stat().st_size
            click.echo(f"wrote {printable(target)}: {counted(len(graph), 'node')}, {size:,} bytes")
        if removed is not None:
            _print_removed(nodes - len(graph), removed)


def _simplified(graph: Graph) -> tuple[Graph, dict[str, list[str]]]:
    """Return a simplified graph with its runs, and the ids of the nodes by what became of them."""
    from mgraph.analysis.derive.simplify import (  # noqa: PLC0415 - few commands need it
        simplified,
        simplified_run,
    )

    result = simplified(graph.columns)
    runs = [simplified_run(run, result.columns) for run in graph.runs]
    removed = {name: ids for name, ids in result._asdict().items() if name != "columns"}
    return replace(graph, columns=result.columns, runs=()).with_runs(runs), removed


_WHAT: Final = {
    "unreached": "on which no output depends",
    "computed": "computed, since they have consts as arguments only",
    "equal": "equal to another const",
    "neutral": "that return an argument as it is",
}


def _print_removed(count: int, removed: Mapping[str, Sequence[str]]) -> None:
    """Print how many nodes became what, with the first ids."""
    click.echo(f"removed {counted(count, 'node')}" if count else "removed no node")
    for name, ids in removed.items():
        if ids:
            click.echo(f"  {len(ids):,} {_WHAT[name]}: {printable(some(ids))}")


def _check_version(graph: GraphFile, wanted: str, source: str) -> None:
    """Refuse a version that does not exist, or that can't hold what is in the file.

    Raises:
        UsageError: There is no such version; the message lists those to choose from.
        GraphError: `version` for every node and run that this version can't hold.
    """
    try:
        target = parsed(wanted)
        downgraded({"mgraph": graph.version}, target)
    except GraphError as error:
        known = ", ".join(map(spelled, VERSIONS))
        message = f"{error.diagnostics[0].message}: choose one of {known}"
        raise click.UsageError(message) from None
    if parsed(graph.version) > target:
        with naming(source):
            runs = [{"math": run.math} if run.math else {} for run in graph.runs]
            nodes = _names_and_ops(graph.columns)
            downgraded({"mgraph": graph.version, "nodes": nodes, "runs": runs}, target)


def _names_and_ops(graph: Columns) -> list[dict[str, str]]:
    """Return id and op of every node as in JSON, in file order."""
    order = range(len(graph)) if graph.order is None else graph.order
    return [{"id": graph.ids[i], "op": graph.op(i)} for i in order]
