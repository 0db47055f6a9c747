"""Pictures of graphs: one box a node, with its name, op, data and grad.

`.dot` and `.mmd` are text, and need nothing; `.svg` and `.png` need the extra `draw`, which only
a process of its own imports.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from mgraph.draw import dot, fold, layout, mermaid, png, process, svg
from mgraph.draw.cards import CardNumbers, cards_of, edge_label, slot
from mgraph.draw.text import one_line, without
from mgraph.draw.themes import THEMES
from mgraph.engine.evaluate import unknown_node
from mgraph.errors import GraphError, printable, quoted

if TYPE_CHECKING:
    from mgraph.document import Graph
    from mgraph.draw.fold import Picture
    from mgraph.graph.columns import Columns
    from mgraph.graph.run import Run

FULL: Final = 300
"""Nodes up to which a graph is drawn as it is, unless something else is asked for."""

NEAR: Final = 60
"""Boxes of the neighbourhood that is drawn of a graph that can't be folded."""

HOPS: Final = 2
"""How far a neighbourhood reaches if nothing is said."""

MOST_BOXES: Final = layout.MOST_BOXES

_TRIES: Final = 4  # to paint: each tells of the first character that is missing in a text


@dataclass(frozen=True, slots=True)
class View:
    """What to draw of a graph.

    Attributes:
        picture: Its boxes and edges.
        note: What was left out without having been asked for; may be empty.
    """

    picture: Picture
    note: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Everything a picture says, before it is written in any format."""

    graph: Columns
    picture: Picture
    numbers: CardNumbers
    title: str
    theme: str = "light"
    seconds: float = process.SECONDS

    def dot(self) -> bytes:
        """Write it in Graphviz's language."""
        cards = cards_of(self.graph, self.picture, self.numbers)
        lines = dot.write(self.graph, self.picture, cards, THEMES[self.theme], self.title)
        return "".join(lines).encode()

    def mermaid(self) -> bytes:
        """Write it as a Mermaid flowchart."""
        cards = cards_of(self.graph, self.picture, self.numbers)
        lines = mermaid.write(self.graph, self.picture, cards, THEMES[self.theme])
        return "".join(lines).encode()

    def svg(self) -> bytes:
        """Write it as SVG.

        Raises:
            GraphError: `limit` if it is too much to draw.
            MissingExtraError: There is no layout engine.
        """
        return self._svg("").encode()

    def _svg(self, missing: str) -> str:
        """Write it as SVG, without some characters."""
        cards = cards_of(self.graph, self.picture, self.numbers)
        if missing:
            cards = [replace(card, name=without(card.name, missing)) for card in cards]
        shapes = [svg.shape_of(card) for card in cards]
        edges = self.picture.edges
        links = [
            layout.Link(each.tail, each.head, slot(self.graph, self.picture, each))
            for each in edges
        ]
        places = layout.lay_out([shape.room for shape in shapes], links, self.seconds)
        labelled = [(each, edge_label(self.graph, self.picture, each)) for each in edges]
        return svg.write(shapes, labelled, places, THEMES[self.theme], self.title)

    def png(self) -> bytes:
        """Write it as PNG.

        Raises:
            GraphError: `limit` if it is too much to draw.
            MissingExtraError: There is no layout engine, or no painter.
        """
        return self.painted()[0]

    def painted(self) -> tuple[bytes, str]:
        """Write it as PNG, and return with it the characters that no font has.

        Raises:
            GraphError: `limit` if it is too much to draw.
            MissingExtraError: There is no layout engine, or no painter.
        """
        process.require("resvg_py")
        missing = ""
        for _ in range(_TRIES):
            content, more = png.paint(self._svg(missing), self.seconds)
            if not more:
                break
            missing += more
        return content, missing


Writer: TypeAlias = Callable[[Drawing], bytes]

FORMATS: Final[Mapping[str, Writer]] = {
    "svg": Drawing.svg,
    "png": Drawing.png,
    "dot": Drawing.dot,
    "mmd": Drawing.mermaid,
}
"""How a picture is written, by the extension of the file."""

LAID_OUT: Final = ("svg", "png")
"""The formats that need a layout, and so the extra."""


def run_of(graph: Graph, *, grad: bool = True, engine: str = "auto") -> tuple[Run | None, str]:
    """Run a graph of which nothing is asked but a picture.

    Returns:
        The run, and a note if something was lacking for it: then it has the inputs and the seed
        of the file's first run, or no gradients; or there is none.

    Raises:
        MissingExtraError: The tape engine was asked for, and is not installed.
    """
    try:
        return graph.run(grad=grad, engine=engine), ""
    except GraphError as error:
        why = error.diagnostics[0]
    if graph.runs:
        first = graph.runs[0]
        note = f"{why.message}: inputs and seed are those of the file's run 0; --run N takes others"
        return graph.run(first.inputs, seed=first.seed, grad=grad, engine=engine), note
    if why.code == "unbound-input":
        return None, f"{why.message}: drawn without numbers; --set gives values"
    run = graph.run(seed={graph.outputs[0]: 1.0}, grad=False, engine=engine)
    return run, f"{why.message}: drawn without gradients; --output chooses one"


def drawing(
    graph: Columns, picture: Picture, run: Run | None, name: str = "", theme: str = "light"
) -> Drawing:
    """Put a picture and the numbers of a run together; without a run, what leaves declare."""
    nodes = f"{len(graph):,} node{'s' * (len(graph) != 1)}"
    title = f"{one_line(name) or 'computation graph'}, {nodes}"
    return Drawing(graph, picture, CardNumbers.of(graph, run), title, theme)


def everything(graph: Columns, most: int = MOST_BOXES) -> View:
    """Draw every node.

    Raises:
        GraphError: `limit`: there are more than `most`.
    """
    return _folded(fold.Folding(graph), most)


def folded(graph: Columns, depth: int, most: int = MOST_BOXES) -> View:
    """Fold groups of a depth, from 1.

    Raises:
        GraphError: `limit`: even so there are more than `most` boxes.
    """
    return _folded(fold.Folding(graph, depth), most)


def _folded(folding: fold.Folding, most: int) -> View:
    if folding.count > most:
        found = f"a picture of {folding.count:,} boxes"
        raise GraphError.of("limit", found, expected=f"at most {most:,}", fix=process.SMALLER)
    return View(folding.picture())


def around(
    graph: Columns, name: str, hops: int = HOPS, depth: int | None = None, most: int = MOST_BOXES
) -> View:
    """Draw the neighbourhood of a node or group.

    Raises:
        GraphError: `run-node`: there is none of this name; `limit`: it has too many boxes.
    """
    try:
        picture = fold.Folding(graph, depth).around(name, hops, most)
    except KeyError:
        raise unknown_node(graph, name, "a node, or what the ids of a group begin with") from None
    if picture is None:
        found = f"the neighbourhood of {quoted(name)} has more than {most:,} boxes"
        fix = "fewer --hops, or folded with --fold 1"
        raise GraphError.of("limit", found, fix=fix)
    return View(picture)


def finest(graph: Columns) -> View:
    """Fold as little as fits into one picture, but at least the last level of the ids."""
    folding = fold.finest(graph, FULL)
    if folding is not None:
        return View(folding.picture())
    if len(graph) <= FULL:
        return View(everything(graph).picture, "no id has a dot or slash: nothing is folded")
    return _nearest(graph, "there are no groups that would make it small enough")


def overview(graph: Columns) -> View:
    """Draw everything if it is not too much, else what shows most of it."""
    if len(graph) <= FULL:
        return everything(graph)
    found = f"{len(graph):,} nodes are too many for one picture"
    folding = fold.finest(graph, FULL)
    if folding is None:
        return _nearest(graph, found)
    levels = "the first level" if folding.depth == 1 else f"{folding.depth} levels"
    note = f"{found}: folded to {folding.count:,} boxes by {levels} of their ids"
    return View(folding.picture(), f"{note}; --fold 0 draws all, --around ID a neighbourhood")


def _nearest(graph: Columns, why: str) -> View:
    name = graph.ids[graph.outputs[-1]]
    picture, hops = fold.Folding(graph).widest(name, NEAR)
    note = f"{why}: drawn is the neighbourhood of {printable(name)}, {hops} hops"
    return View(picture, f"{note}; --around ID --hops K draws another, --fold 0 all")
