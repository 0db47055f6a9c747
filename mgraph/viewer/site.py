"""Writes a folder of pages that any web host can serve: one per graph, a list, and an empty one.

Every page works alone, from a disk too: the graph is in it, and it fetches nothing.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final, NamedTuple

from mgraph import draw
from mgraph.appearance import THEMES
from mgraph.codec import decode, read_file, write_file
from mgraph.codec.file_names import safe_stem
from mgraph.codec.files import io_error
from mgraph.errors import GraphError, printable, some
from mgraph.viewer import page
from mgraph.viewer.index import Card, index

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mgraph.document import Graph
    from mgraph.viewer import CsvRows

INDEX: Final = "index.html"
OPENER: Final = "page.html"
"""The page without a graph, which opens links."""

RECORD: Final = ".mgraph-site.json"
"""The file in which a folder's other files are listed, so that only those are replaced."""

_OURS: Final = ("index", "page")
_PICTURES: Final = (".svg", ".dark.svg")


class Shown(NamedTuple):
    """A graph of a site.

    Attributes:
        stem: The names of its files, without extensions.
        graph: The graph, with its runs.
        data: Its file.
        extension: That of its file.
        pictures: What it looks like, as SVG in light and in dark; empty for none.
    """

    stem: str
    graph: Graph
    data: bytes
    extension: str
    pictures: Sequence[bytes] = ()

    @property
    def file(self) -> str:
        """The name of its file."""
        return self.stem + self.extension

    @property
    def page(self) -> str:
        """The name of its page."""
        return f"{self.stem}.html"

    @property
    def drawn(self) -> Mapping[str, bytes]:
        """The pictures, by the names of their files."""
        names = (self.stem + end for end in _PICTURES)
        return dict(zip(names, self.pictures, strict=False))


def stems(names: Sequence[str]) -> list[str]:
    """Return a different name for the files of each graph, harmless in folders, addresses, markup.

    Args:
        names: What the graphs' own files are called, without extensions.
    """
    taken = dict.fromkeys(_OURS)
    result = []
    for name in names:
        stem = unique = safe_stem(name, "graph")
        count = 1
        while unique.lower() in taken:  # as files on systems where upper and lower case are one
            count += 1
            unique = f"{stem}-{count}"
        taken[unique.lower()] = None
        result.append(unique)
    return result


def pictures(graph: Graph) -> Sequence[bytes]:
    """Draw a graph for the list, in light and in dark; return nothing if it can't be drawn.

    Raises:
        MissingExtraError: The extra `draw` is not installed.
    """
    try:
        run, _ = draw.run_of(graph)
        view = draw.overview(graph.columns, draw.NEAR)
        return draw.drawing(graph.columns, view.picture, run, graph.name).svgs(THEMES)
    except GraphError:  # too much to be laid out
        return ()


def write_site(
    folder: str, graphs: Sequence[Shown], *, quiz: bool = False, rows: CsvRows | None = None
) -> Iterator[tuple[str, int]]:
    """Write the files of a site. Each is written completely or not at all, the list comes last.

    Files of an earlier site are replaced; no other file is, and none is removed.

    Args:
        folder: Where; it is made if there is none.
        graphs: What is in the list, in order.
        quiz: Whether the pages start as quizzes.
        rows: The rows that pages of graphs train on; None for none.

    Yields:
        The name and the size of each file, when it is written.

    Raises:
        GraphError: `io` if a file that is not of a site is in the way, or writing fails; `size` if
            a page could not open its graph.
    """
    kept = _prepared(folder, graphs)
    for name, chunks in _contents(graphs, quiz=quiz, rows=rows):
        if name not in kept:
            write_file(os.path.join(folder, name), chunks)
            yield name, sum(map(len, chunks))


def _contents(
    graphs: Sequence[Shown], *, quiz: bool, rows: CsvRows | None
) -> Iterator[tuple[str, Sequence[bytes]]]:
    for shown in graphs:
        yield shown.file, [shown.data]
        yield from ((name, [picture]) for name, picture in shown.drawn.items())
        yield shown.page, [*page(shown.graph, shown.file, quiz=quiz, rows=rows)]
    yield OPENER, [*page(None, "", quiz=quiz)]
    yield INDEX, [index([*map(_card, graphs)], OPENER)]


def _card(shown: Shown) -> Card:
    graph = shown.graph
    name = graph.name or shown.stem
    return Card(name, graph.doc, len(graph), shown.page, shown.file, [*shown.drawn])


def _prepared(folder: str, graphs: Sequence[Shown]) -> Sequence[str]:
    """Make the folder, and note which files are about to be written.

    Returns:
        Files that are there already and stay as they are: graphs that were read from the folder.

    Raises:
        GraphError: `io` if a file that is not of a site is in the way.
    """
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise io_error(folder, "make", error) from None
    known = _recorded(folder)
    new = [name for name in _names(graphs) if name not in known]
    there = [name for name in new if os.path.lexists(os.path.join(folder, name))]
    data = {shown.file: shown.data for shown in graphs}
    kept = [name for name in there if name in data and _holds(folder, name, data[name])]
    if others := [name for name in there if name not in kept]:
        message = f"{printable(folder)} has {some(others)}, not written by mgraph view --site"
        fix = "choose another folder, or move the files that are in the way"
        raise GraphError.of("io", message, fix=fix, file=folder)
    names = [*known, *(name for name in new if name not in kept)]
    record = json.dumps({"files": names}, indent=0).encode()
    write_file(os.path.join(folder, RECORD), [record])
    return kept


def _names(graphs: Sequence[Shown]) -> list[str]:
    ours = (name for shown in graphs for name in (shown.file, *shown.drawn, shown.page))
    return [*ours, OPENER, INDEX]


def _holds(folder: str, name: str, data: bytes) -> bool:
    """Whether a file has this content."""
    try:
        return read_file(os.path.join(folder, name)) == data
    except GraphError:
        return False


def _recorded(folder: str) -> list[str]:
    """Return the files that were written earlier."""
    path = os.path.join(folder, RECORD)
    if not os.path.lexists(path):
        return []
    try:
        names = decode(read_file(path))["files"]
    except (GraphError, KeyError, TypeError):
        names = None
    if not isinstance(names, list):
        message = f"{printable(path)} is damaged"
        fix = "remove it, and the files that mgraph view --site wrote"
        raise GraphError.of("io", message, fix=fix, file=path)
    return names
