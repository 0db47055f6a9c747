"""`mgraph view`."""

from __future__ import annotations

import os
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mgraph.cli.files import STREAM, naming, read_graph, write_output
from mgraph.cli.options import limit_option
from mgraph.cli.parameters import GraphPath
from mgraph.cli.terminal import counted
from mgraph.document import ANNOTATED
from mgraph.errors import printable
from mgraph.viewer import page

if TYPE_CHECKING:
    from mgraph.codec import Limits


@click.command("view", short_help="Make a page to step through a graph and change its leaves.")
@click.argument("graph", type=GraphPath())
@click.option(
    "-o", "--out", type=GraphPath(), metavar="FILE.html",
    help="Write the page here; - is standard output.",
)  # fmt: skip
@click.option("--no-open", is_flag=True, help="Write the page, but don't open it in the browser.")
@click.option("--quiz", is_flag=True, help="Let the page ask for each gradient before showing it.")
@limit_option
def command(
    graph: str,
    out: str | None,
    no_open: bool,  # noqa: FBT001 - click calls by name
    quiz: bool,  # noqa: FBT001
    limits: Limits,
) -> None:
    """Write an offline page that shows a graph, and open it in the browser.

    Step through the graph forward and backward, change a leaf and watch every value and gradient,
    click a node to see why its gradient is what it is. The page is one file that needs no network,
    so you can pass it on. Without -o it is NAME.view.html in the current folder.

    \b
    Examples:
      mgraph view neuron.json
      mgraph view neuron.json --quiz -o quiz.html --no-open
    """  # noqa: D301 - \b is click's
    target = out or _default_target(graph)
    _check_target(target)
    file, _ = read_graph(graph, limits)
    name = "graph.json" if graph == STREAM else Path(graph).name
    with naming(graph):
        chunks = list(page(file, name, quiz=quiz))
    write_output(target, chunks)
    if target == STREAM:
        return
    size = sum(map(len, chunks))
    click.echo(f"wrote {printable(target)}: {counted(len(file), 'node')}, {size:,} bytes")
    if not (no_open or _open(target)):
        click.echo("hint: open the page in a browser", err=True)


def _default_target(graph: str) -> str:
    if graph == STREAM:
        return STREAM
    return f"{Path(graph).stem.removesuffix(ANNOTATED)}.view.html"


def _check_target(target: str) -> None:
    """Refuse a name that a browser wouldn't open as a page, before any work is done.

    Raises:
        UsageError: The name doesn't end in .html or .htm.
    """
    if target != STREAM and Path(target).suffix.lower() not in (".html", ".htm"):
        message = f"can't write a page to {printable(target)}: expected a name that ends in .html"
        raise click.UsageError(message)


def _open(path: str) -> bool:
    """Open a page in the browser; return False if there is none, or only one in the terminal."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    in_terminal = type(browser) is webbrowser.GenericBrowser and "BROWSER" not in os.environ
    return not in_terminal and browser.open(Path(path).resolve().as_uri())
