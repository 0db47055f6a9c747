"""`mgraph check`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mgraph.cli.files import called, diagnostics_json, read_bytes
from mgraph.cli.options import limit_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath
from mgraph.cli.terminal import counted, print_diagnostics, progress
from mgraph.errors import GraphError, printable
from mgraph.format.reading import Inspection, inspect

if TYPE_CHECKING:
    from mgraph.codec import Limits


@click.command("check", short_help="Validate graph files: one line, or every diagnostic.")
@click.argument("graphs", type=GraphPath(), nargs=-1, required=True, metavar="GRAPH...")
@json_option
@limit_option
def command(graphs: tuple[str, ...], as_json: bool, limits: Limits) -> int:  # noqa: FBT001
    """Validate graph files without running them.

    One line for each good file: format version, number of nodes, canonical hash. For any other,
    every diagnostic, with its code, its place and how to fix it.

    \b
    Examples:
      mgraph check neuron.json
      mgraph check *.json --json
    """  # noqa: D301 - \b is click's
    results = []
    refused = 0
    with progress(len(graphs), "checking") as bar:
        for path in graphs:
            found = _inspected(path, limits)
            refused += found.graph is None
            if as_json:
                results.append(_result(path, found))
            else:
                print_diagnostics(found.diagnostics, found.more)
                if found.graph is not None:
                    click.echo(_line(path, found.graph))
            bar.step()
    if as_json:
        print_json({"files": results})
    return 1 if refused else 0


def _inspected(path: str, limits: Limits) -> Inspection:
    name = called(path)
    try:
        return inspect(read_bytes(path, limits), name, limits)
    except GraphError as error:
        return Inspection(tuple(error.named(name).diagnostics), error.more, None)


def _line(path: str, graph: Any) -> str:  # noqa: ANN401
    nodes = counted(len(graph.columns), "node")
    ok = click.style("ok", fg="green")
    return f"{printable(path)}: {ok}, format {graph.version}, {nodes}, {graph.hash}"


def _result(path: str, found: Inspection) -> dict[str, Any]:
    graph = found.graph
    return {
        "file": path,
        "ok": graph is not None,
        "version": graph and graph.version,
        "nodes": graph and len(graph.columns),
        "runs": graph and len(graph.runs),
        "hash": graph and graph.hash,
        "diagnostics": diagnostics_json(found.diagnostics),
        "more": found.more,
    }
