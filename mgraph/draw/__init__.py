"""Pictures of graphs: one box per node, with its name, op, data and grad.

`.dot` and `.mmd` are text and need nothing else; `.svg` and `.png` need the extra `draw`, whose
libraries are imported only in a child process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from mgraph.draw import dot, fold, layout, mermaid, native_process, png, svg
from mgraph.draw.box_text import BoxNumbers, box_texts, edge_label, slot
from mgraph.draw.text import one_line, without
from mgraph.draw.themes import THEMES
from mgraph.engine.evaluate import unknown_node
from mgraph.errors import GraphError, printable, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph.document import Graph
    from mgraph.draw.fold import Edge, Picture
    from mgraph.draw.svg import Shape
    from mgraph.graph.columns import Columns
    from mgraph.graph.run import Run

FULL: Final = 300
"""The most nodes of a graph that is drawn whole by default."""

NEAR: Final = 60
"""The most boxes of the neighbourhood that stands for a graph that can't be folded."""

HOPS: Final = 2
"""How many edges a neighbourhood reaches by default."""

MOST_BOXES: Final = layout.MOST_BOXES

_TRIES: Final = 4  # to paint: each reports only the first missing character of a text


@dataclass(frozen=True, slots=True)
class View:
    """What to draw of a graph.

    Attributes:
        picture: Its boxes and edges.
        note: What was left out although nobody asked for that; may be empty.
    """

    picture: Picture
    note: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """The content of a picture, before it is written in a format."""

    graph: Columns
    picture: Picture
    numbers: BoxNumbers
    title: str
    theme: str = "light"
    seconds: float = native_process.SECONDS

    def dot(self) -> bytes:
        """Write the picture in Graphviz's language."""
        texts = box_texts(self.graph, self.picture, self.numbers)
        lines = dot.write(self.graph, self.picture, texts, THEMES[self.theme], self.title)
        return "".join(lines).encode()

    def mermaid(self) -> bytes:
        """Write the picture as a Mermaid flowchart."""
        texts = box_texts(self.graph, self.picture, self.numbers)
        lines = mermaid.write(self.graph, self.picture, texts, THEMES[self.theme])
        return "".join(lines).encode()

    def svg(self) -> bytes:
        """Write the picture as SVG.

        Raises:
            GraphError: `limit` if there is too much to draw.
            MissingExtraError: The layout engine is not installed.
        """
        return self._svg("").encode()

    def svgs(self, themes: Sequence[str]) -> Sequence[bytes]:
        """Write the same picture as SVG in several themes; it is laid out once.

        Raises:
            GraphError: `limit` if there is too much to draw.
            MissingExtraError: The layout engine is not installed.
        """
        parts = self._parts("")
        return [svg.write(*parts, THEMES[theme], self.title).encode() for theme in themes]

    def _svg(self, missing: str) -> str:
        """Write the picture as SVG, without some characters in names."""
        return svg.write(*self._parts(missing), THEMES[self.theme], self.title)

    def _parts(self, missing: str) -> tuple[list[Shape], list[tuple[Edge, str]], layout.Layout]:
        """Return the boxes, the edges with their texts, and where they go."""
        texts = box_texts(self.graph, self.picture, self.numbers)
        if missing:
            texts = [replace(text, name=without(text.name, missing)) for text in texts]
        shapes = [svg.shape_of(text) for text in texts]
        edges = self.picture.edges
        links = [
            layout.Link(edge.tail, edge.head, slot(self.graph, self.picture, edge))
            for edge in edges
        ]
        positions = layout.lay_out([shape.room for shape in shapes], links, self.seconds)
        labelled = [(edge, edge_label(self.graph, self.picture, edge)) for edge in edges]
        return shapes, labelled, positions

    def png(self) -> bytes:
        """Write the picture as PNG.

        Raises:
            GraphError: `limit` if there is too much to draw.
            MissingExtraError: The layout engine or the painter is not installed.
        """
        return self.painted()[0]

    def painted(self) -> tuple[bytes, str]:
        """Write the picture as PNG; also return the characters that no font has.

        Raises:
            GraphError: `limit` if there is too much to draw.
            MissingExtraError: The layout engine or the painter is not installed.
        """
        native_process.require("resvg_py")
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
"""How to write a picture, by the extension of its file."""

LAID_OUT: Final = ("svg", "png")
"""The formats that need a layout, and with it the extra `draw`."""


def run_of(graph: Graph, *, grad: bool = True, engine: str = "auto") -> tuple[Run | None, str]:
    """Run a graph for a picture, with whatever numbers it can have.

    Returns:
        The run, and a note if inputs or a seed were missing: then the run uses those of the
        file's first run, or has no gradients; or there is no run.

    Raises:
        MissingExtraError: The tape engine was asked for and is not installed.
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
    """Combine a picture with the numbers of a run; without a run, with the values of leaves."""
    nodes = f"{len(graph):,} node{'s' * (len(graph) != 1)}"
    title = f"{one_line(name) or 'computation graph'}, {nodes}"
    return Drawing(graph, picture, BoxNumbers.of(graph, run), title, theme)


def everything(graph: Columns, most: int = MOST_BOXES) -> View:
    """Show every node.

    Raises:
        GraphError: `limit` if there are more than `most` boxes.
    """
    return _folded(fold.Folding(graph), most)


def folded(graph: Columns, depth: int, most: int = MOST_BOXES) -> View:
    """Fold the groups at a depth, from 1.

    Raises:
        GraphError: `limit` if there are still more than `most` boxes.
    """
    return _folded(fold.Folding(graph, depth), most)


def _folded(folding: fold.Folding, most: int) -> View:
    if folding.count > most:
        message = f"a picture of {folding.count:,} boxes"
        raise GraphError.of(
            "limit", message, expected=f"at most {most:,}", fix=native_process.SMALLER
        )
    return View(folding.picture())


def around(
    graph: Columns, name: str, hops: int = HOPS, depth: int | None = None, most: int = MOST_BOXES
) -> View:
    """Show the neighbourhood of a node or group.

    Raises:
        GraphError: `run-node` if nothing has this name; `limit` if there are too many boxes.
    """
    try:
        picture = fold.Folding(graph, depth).around(name, hops, most)
    except KeyError:
        raise unknown_node(graph, name, "a node, or what the ids of a group begin with") from None
    if picture is None:
        message = f"the neighbourhood of {quoted(name)} has more than {most:,} boxes"
        fix = "fewer --hops, or folded with --fold 1"
        raise GraphError.of("limit", message, fix=fix)
    return View(picture)


def finest(graph: Columns) -> View:
    """Fold as little as fits into one picture, but at least the innermost groups."""
    folding = fold.finest(graph, FULL)
    if folding is not None:
        return View(folding.picture())
    if len(graph) <= FULL:
        return View(everything(graph).picture, "no id has a dot or slash: nothing is folded")
    return _nearest(graph, "there are no groups that would make it small enough")


def overview(graph: Columns, most: int = FULL) -> View:
    """Show everything if it fits into one picture of `most` boxes, else as much as possible."""
    if len(graph) <= most:
        return everything(graph)
    why = f"{len(graph):,} nodes are too many for one picture"
    folding = fold.finest(graph, most)
    if folding is None:
        return _nearest(graph, why)
    levels = "the first level" if folding.depth == 1 else f"{folding.depth} levels"
    note = f"{why}: folded to {folding.count:,} boxes by {levels} of their ids"
    return View(
        folding.picture(), f"{note}; --fold 0 draws everything, --around ID a neighbourhood"
    )


def _nearest(graph: Columns, why: str) -> View:
    name = graph.ids[graph.outputs[-1]]
    picture, hops = fold.Folding(graph).widest(name, NEAR)
    note = f"{why}: this shows the neighbourhood of {printable(name)}, {hops} hops"
    return View(picture, f"{note}; --around ID --hops K shows another, --fold 0 everything")
