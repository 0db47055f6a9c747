"""`mgraph view`."""

from __future__ import annotations

import os
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mgraph.cli.files import STREAM, default_target, naming, read_graph, write_output
from mgraph.cli.options import limit_option
from mgraph.cli.parameters import FolderPath, GraphPath, OutputPath
from mgraph.cli.terminal import counted
from mgraph.cli.view_rows import check_columns, read_rows
from mgraph.errors import printable
from mgraph.viewer import page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph.codec import Limits
    from mgraph.document import Graph
    from mgraph.viewer import CsvRows

PAGE: Final = ".view.html"
"""What the names of pages end in, unless they are given."""


@click.command("view", short_help="Make a page to step through a graph and change its leaves.")
@click.argument("graphs", type=GraphPath(), nargs=-1, metavar="GRAPH...")
@click.option(
    "-o", "--out", type=OutputPath(), metavar="FILE.html",
    help="Write the page here; - is standard output.",
)  # fmt: skip
@click.option("--no-open", is_flag=True, help="Write the page, but don't open it in the browser.")
@click.option(
    "--rows", type=GraphPath(), metavar="FILE.csv",
    help="Put these rows into the page, which trains on them: CSV, at most 4 MiB.",
)  # fmt: skip
@click.option("--quiz", is_flag=True, help="Let the page ask for each gradient before showing it.")
@click.option(
    "--site", type=FolderPath(), metavar="DIR",
    help="Write a page for each of any number of graphs, and a list of them, into this folder.",
)  # fmt: skip
@limit_option
@click.pass_context
def command(
    ctx: click.Context,
    graphs: tuple[str, ...],
    out: str | None,
    no_open: bool,  # noqa: FBT001 - click calls by name
    rows: str | None,
    quiz: bool,  # noqa: FBT001
    site: str | None,
    limits: Limits,
) -> None:
    """Write an offline page that shows a graph, and open it in the browser.

    Step through the graph forward and backward, change a leaf and watch every value and gradient,
    click a node to see why its gradient is what it is. The page is one file that needs no network,
    so you can pass it on. Without -o it is NAME.view.html in the current folder.

    The page also trains the params of a graph, on rows that come with it, or on a CSV file that is
    dropped on it.

    With --site, DIR gets a page, a picture and the file of each graph, a list of them, index.html,
    and page.html, which opens the links of mgraph share. Any web host can serve the folder.

    \b
    Examples:
      mgraph view neuron.json
      mgraph view neuron.json --quiz -o quiz.html --no-open
      mgraph view moons.json --rows moons.csv
      mgraph view --site graphs/ neuron.json moons.json
    """  # noqa: D301 - \b is click's
    _check_streams(graphs, rows)
    table = None if rows is None else read_rows(rows, limits)
    if site is not None:
        from mgraph.cli import view_site  # noqa: PLC0415 - it imports all that draws

        target = view_site.write(site, graphs, out, limits, quiz=quiz, rows=table)
    else:
        graph = _only(ctx, graphs)
        target = out or default_target(graph, PAGE)
        _check_target(target)
        file, _ = read_graph(graph, limits)
        if table is not None:
            check_columns(file.columns, table)
        name = "graph.json" if graph == STREAM else Path(graph).name
        write_page(file, name, target, quiz=quiz, rows=table)
    if target != STREAM and not no_open:
        open_in_browser(target)


def _check_streams(graphs: Sequence[str], rows: str | None) -> None:
    """Refuse to read standard input twice.

    Raises:
        UsageError: It is named twice.
    """
    if [*graphs, rows].count(STREAM) > 1:
        message = "only one of the graph and the rows can come from standard input"
        raise click.UsageError(message)


def _only(ctx: click.Context, graphs: Sequence[str]) -> str:
    """Return the only graph.

    Raises:
        UsageError: There is none, or more than one.
    """
    if not graphs:
        raise click.MissingParameter(ctx=ctx, param=ctx.command.params[0])
    if len(graphs) > 1:
        message = f"a page shows one graph: for {len(graphs)} pages, add --site DIR"
        raise click.UsageError(message)
    return graphs[0]


def write_page(
    graph: Graph, name: str, target: str, *, quiz: bool = False, rows: CsvRows | None = None
) -> None:
    """Write the page of a graph, and say so; `name` is that of the graph's file."""
    with naming(name):
        chunks = [*page(graph, name, quiz=quiz, rows=rows)]
    write_output(target, chunks)
    if target != STREAM:
        size = sum(map(len, chunks))
        click.echo(f"wrote {printable(target)}: {counted(len(graph), 'node')}, {size:,} bytes")


def _check_target(target: str) -> None:
    """Refuse a name that a browser wouldn't open as a page, before any work is done.

    Raises:
        UsageError: The name doesn't end in .html or .htm.
    """
    if target != STREAM and Path(target).suffix.lower() not in (".html", ".htm"):
        message = f"can't write a page to {printable(target)}: expected a name that ends in .html"
        raise click.UsageError(message)


def open_in_browser(page: str) -> None:
    """Open a page that was written, or say that somebody has to."""
    if not _open(page):
        click.echo("hint: open the page in a browser", err=True)


def _open(path: str) -> bool:
    """Open a page in the browser; return False if there is none, or only one in the terminal."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    in_terminal = type(browser) is webbrowser.GenericBrowser and "BROWSER" not in os.environ
    return not in_terminal and browser.open(Path(path).resolve().as_uri())
