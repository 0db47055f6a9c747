"""`mgraph draw`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from mgraph import draw
from mgraph.cli.files import STREAM, default_target, naming, read_graph, write_output
from mgraph.cli.options import engine_option, limit_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath, NodeId, OutputPath
from mgraph.cli.run_request import RunRequest, inspection_options
from mgraph.cli.terminal import counted, progress
from mgraph.draw.mermaid import MOST_CHARACTERS, MOST_EDGES
from mgraph.draw.themes import THEMES
from mgraph.errors import printable

if TYPE_CHECKING:
    from mgraph.codec import Limits
    from mgraph.document import Graph
    from mgraph.draw.fold import Picture
    from mgraph.graph.run import Run

_FINEST: Final = -1  # --fold without a depth


class Depth(click.ParamType):  # type: ignore[type-arg] # not generic in click 8.1
    """The depth to fold at: how many levels of ids to keep apart."""

    name = "depth"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> int:
        """Read a number from 0; a bare `--fold` must not take the next word for its depth."""
        if isinstance(value, int):
            return value
        if not str(value).isdecimal() or len(str(value)) > 3:  # noqa: PLR2004 - ids are short
            self.fail(f"{value!r} is not a depth: write --fold 1, or --fold at the end", param, ctx)
        return int(value)


@click.command("draw", short_help="Draw a graph as SVG, PNG, DOT or Mermaid.")
@click.argument("graph", type=GraphPath())
@click.option(
    "-o", "--out", type=OutputPath(), metavar="FILE",
    help="Write here: .svg, .png, .dot or .mmd; - is standard output.",
)  # fmt: skip
@click.option(
    "--format", "form", type=click.Choice([*draw.FORMATS]),
    help="Format of the output, if the extension of FILE doesn't say it. Default: svg.",
)  # fmt: skip
@click.option(
    "--theme", type=click.Choice([*THEMES]), default="light", show_default=True,
    help="Colours for a light or a dark background.",
)  # fmt: skip
@click.option(
    "--fold", type=Depth(), is_flag=False, flag_value=_FINEST, metavar="[DEPTH]",
    help="Draw nodes whose ids share their first DEPTH parts, separated by dots or slashes, as one "
    "box. 0 folds nothing.",
)  # fmt: skip
@click.option(
    "--around",
    type=NodeId(),
    metavar="ID",
    help="Draw only the neighbourhood of this node or group.",
)
@click.option(
    "--hops", type=click.IntRange(0), metavar="K",
    help=f"How many edges away from --around to go. Default: {draw.HOPS}.",
)  # fmt: skip
@inspection_options
@click.option("--no-grad", is_flag=True, help="Run forward only, and draw no gradients.")
@engine_option
@json_option
@limit_option
def command(
    graph: str,
    out: str | None,
    form: str | None,
    theme: str,
    fold: int | None,
    around: str | None,
    hops: int | None,
    request: RunRequest,
    no_grad: bool,  # noqa: FBT001 - click calls by name
    engine: str,
    as_json: bool,  # noqa: FBT001
    limits: Limits,
) -> None:
    """Run a graph and draw it, with every value and gradient.

    There is one box per node, with its label or id, its op, data and grad. Inputs, params, consts
    and ops have boxes of different shapes; outputs have a second outline. In graphs of more than
    300 nodes, groups are folded; if ids have no dots or slashes, only the neighbourhood of the last
    output is drawn. Without -o, the picture is NAME.svg in the current folder.

    \b
    Examples:
      mgraph draw neuron.json
      mgraph draw neuron.json --set x2=1 --theme dark -o neuron.png
      mgraph draw neuron.json --around n --hops 1 -o n.mmd
    """  # noqa: D301 - \b is click's
    if out is None:
        form = form or "svg"
        out = default_target(graph, f".{form}")
    form = _format(out, form)
    if hops is not None and around is None:
        message = "--hops needs --around: for example --around o --hops 2"
        raise click.UsageError(message)
    request.check_streams(graph)
    with progress(4) as bar:
        bar.step("reading")
        file, _ = read_graph(graph, limits)
        bar.step("running")
        with naming(graph):
            run = _run(file, graph, request, limits, grad=not no_grad, engine=engine)
            bar.step("drawing")
            view = _view(file, fold, around, hops, form)
            picture = draw.drawing(file.columns, view.picture, run, file.name, theme)
            content, without_font = _content(picture, form)
        bar.step("writing")
        _write(content, out)
    _note(view.note)
    if without_font:
        _note(f"no font on this machine has {without_font}; the .svg shows it wherever a font does")
    _note(_mermaid_limits(view.picture, content, form))
    _print(file, view, out, form, as_json=as_json)


def _format(out: str, form: str | None) -> str:
    """Return the format to write: the one given, or else by the extension of the file.

    Raises:
        UsageError: Neither says it.
    """
    if form is not None:
        return form
    extension = Path(out).suffix.lower().removeprefix(".")
    if out != STREAM and extension in draw.FORMATS:
        return extension
    choice = ", ".join(draw.FORMATS)
    target = "standard output" if out == STREAM else printable(out)
    message = f"the format of {target} is not known: give --format, one of {choice}"
    raise click.UsageError(message)


def _run(
    file: Graph, path: str, request: RunRequest, limits: Limits, *, grad: bool, engine: str
) -> Run | None:
    """Return the run to draw; unless one is requested, the graph is drawn even if it can't run."""
    if request.is_empty:
        run, note = draw.run_of(file, grad=grad, engine=engine)
        _note(note)
        return run
    inputs, seed = request.inputs_and_seed(file, path, limits)
    return file.run(inputs, seed=seed, grad=grad, engine=engine)


def _note(text: str) -> None:
    if text:
        click.echo(f"note: {text}", err=True)


def _view(
    file: Graph, fold: int | None, around: str | None, hops: int | None, form: str
) -> draw.View:
    """Choose which nodes to draw, and what to fold, by the options."""
    graph = file.columns
    most = draw.MOST_BOXES if form in draw.LAID_OUT else len(graph)
    if around is not None:
        depth = fold if fold and fold > 0 else None
        return draw.around(graph, around, draw.HOPS if hops is None else hops, depth, most)
    if fold is None:
        return draw.overview(graph)
    if fold == _FINEST:
        return draw.finest(graph)
    return draw.folded(graph, fold, most) if fold else draw.everything(graph, most)


def _content(picture: draw.Drawing, form: str) -> tuple[bytes, str]:
    """Return the file's content, and the characters that no font has."""
    return picture.painted() if form == "png" else (draw.FORMATS[form](picture), "")


def _mermaid_limits(picture: Picture, content: bytes, form: str) -> str:
    """Warn if Mermaid, as it is configured by default, will refuse the text."""
    if form != "mmd":
        return ""
    if len(picture.edges) <= MOST_EDGES and len(content) <= MOST_CHARACTERS:
        return ""
    size = f"{len(picture.edges):,} edges and {len(content):,} bytes"
    most = f"{MOST_EDGES:,} edges and {MOST_CHARACTERS:,} characters"
    return f"this has {size}; by default, Mermaid draws at most {most}: fold more"


def _write(content: bytes, out: str) -> None:
    write_output(out, [content])


def _print(file: Graph, view: draw.View, out: str, form: str, *, as_json: bool) -> None:
    boxes, edges = len(view.picture.boxes), len(view.picture.edges)
    if as_json:
        facts = {
            "wrote": "standard output" if out == STREAM else out,
            "format": form,
            "nodes": len(file),
            "boxes": boxes,
            "edges": edges,
            "note": view.note or None,
        }
        print_json(facts, err=out == STREAM)
    elif out != STREAM:
        nodes = counted(len(file), "node")
        if boxes != len(file):
            nodes += f" as {boxes:,} box{'es' * (boxes != 1)}"
        click.echo(f"wrote {printable(out)}: {nodes}, {counted(edges, 'edge')}")
