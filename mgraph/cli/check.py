"""`mgraph check`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from mgraph.cli.files import diagnostics_json, display_name, read_bytes
from mgraph.cli.options import limit_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath
from mgraph.cli.terminal import counted, print_diagnostics, progress
from mgraph.errors import GraphError, printable
from mgraph.format.reading import Inspection, inspect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mgraph.codec import Limits


@click.command("check", short_help="Validate graph files and list every problem.")
@click.argument("paths", type=GraphPath(), nargs=-1, required=True, metavar="PATH...")
@json_option
@limit_option
def command(paths: tuple[str, ...], as_json: bool, limits: Limits) -> int:  # noqa: FBT001
    """Validate graph files without running them.

    A PATH is a file, or a folder to search for graph files. Prints one line for each valid file:
    format version, number of nodes, canonical hash. For other files it prints all diagnostics: what
    is wrong, where, and how to fix it.

    \b
    Examples:
      mgraph check neuron.json
      mgraph check . --json
    """  # noqa: D301 - \b is click's
    results = []
    checked = refused = 0
    files = [*_files(paths)]
    with progress(len(files), "checking") as bar:
        for path, walked in files:
            inspection = _inspect(path, limits)
            bar.step()
            if walked and inspection.is_other_file:
                continue
            checked += 1
            refused += inspection.graph is None
            if as_json:
                results.append(_as_json(path, inspection))
            else:
                print_diagnostics(inspection.diagnostics, inspection.more)
                if inspection.graph is not None:
                    click.echo(_line(path, inspection.graph))
    if as_json:
        print_json({"files": results})
    elif not checked:
        click.echo("no graph files found", err=True)
    return 1 if refused or not checked else 0


def _files(paths: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Yield files, and whether each was found in a folder instead of named."""
    for path in paths:
        if os.path.isdir(path):
            from mgraph.golden.rerun import graph_files  # noqa: PLC0415 - only for folders

            yield from ((str(file), True) for file, _ in graph_files([path]))
        else:
            yield path, False


def _inspect(path: str, limits: Limits) -> Inspection:
    name = display_name(path)
    try:
        return inspect(read_bytes(path, limits), name, limits)
    except GraphError as error:
        return Inspection(tuple(error.named(name).diagnostics), error.more, None)


def _line(path: str, graph: Any) -> str:  # noqa: ANN401
    nodes = counted(len(graph.columns), "node")
    ok = click.style("ok", fg="green")
    return f"{printable(path)}: {ok}, format {graph.version}, {nodes}, {graph.hash}"


def _as_json(path: str, inspection: Inspection) -> dict[str, Any]:
    graph = inspection.graph
    return {
        "file": path,
        "ok": graph is not None,
        "version": graph and graph.version,
        "nodes": graph and len(graph.columns),
        "runs": graph and len(graph.runs),
        "hash": graph and graph.hash,
        "diagnostics": diagnostics_json(inspection.diagnostics),
        "more": inspection.more,
    }
