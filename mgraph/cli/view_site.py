"""`mgraph view --site`: a folder of pages."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from mgraph.cli.files import display_name, extension_for, graph_from, read_bytes, stem_of
from mgraph.cli.terminal import counted, progress
from mgraph.cli.view_rows import check_columns
from mgraph.errors import MissingExtraError, printable
from mgraph.viewer.site import INDEX, OPENER, Shown, pictures, stems, write_site

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph.cli.terminal import Progress
    from mgraph.codec import Limits
    from mgraph.viewer import CsvRows


def write(
    folder: str,
    paths: Sequence[str],
    out: str | None,
    limits: Limits,
    *,
    quiz: bool,
    rows: CsvRows | None,
) -> str:
    """Read graphs, write their pages into a folder, and say what was written.

    Returns:
        The page with the list of the graphs.

    Raises:
        GraphError: A graph is not valid, or something can't be written.
        UsageError: Options that don't go together.
    """
    if out is not None:
        message = "--site DIR says where the pages go: -o can't be combined with it"
        raise click.UsageError(message)
    if rows is not None and len(paths) != 1:
        message = "--rows goes with one graph"
        raise click.UsageError(message)
    with progress(2 * len(paths)) as bar:
        graphs = _shown(paths, limits, bar)
        if rows is not None:
            check_columns(graphs[0].graph.columns, rows)
        bar.step("writing")
        sizes = [size for _, size in write_site(folder, graphs, quiz=quiz, rows=rows)]
    for shown in graphs:
        names = ", ".join((shown.page, shown.file, *shown.drawn))
        click.echo(f"{printable(shown.graph.name or shown.stem)}: {names}")
    what = f"{INDEX}, {OPENER}, {counted(len(graphs), 'graph')}"
    total = f"{counted(len(sizes), 'file')}, {sum(sizes):,} bytes"
    click.echo(f"wrote {printable(folder)}: {what}; {total}")
    return os.path.join(folder, INDEX)


def _shown(paths: Sequence[str], limits: Limits, bar: Progress) -> list[Shown]:
    """Read the graphs and draw them; without the extra `draw`, say how to get pictures."""
    shown, missing = [], ""
    for path, stem in zip(paths, stems([*map(stem_of, paths)]), strict=True):
        bar.step("reading")
        data = read_bytes(path, limits)
        graph = graph_from(data, display_name(path), limits)
        bar.step("drawing")
        try:
            drawn = pictures(graph)
        except MissingExtraError as error:
            drawn, missing = (), str(error)
        shown.append(Shown(stem, graph, data, extension_for(data), drawn))
    if missing:
        click.echo(f"note: the list has no pictures: {missing}", err=True)
    return shown
