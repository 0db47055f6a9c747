"""What the commands about tables share: options, and a note about inputs without a column."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Any, Final

import click

from mgraph.cli.output import escaped
from mgraph.cli.parameters import NodeId
from mgraph.errors import printable, some, without_user
from mgraph.format.runs import SETTABLE
from mgraph.ops import PARAM

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from click.shell_completion import CompletionItem

    from mgraph.document import Graph

FORMATS: Final = ("parquet", "arrow", "csv", "jsonl")
"""The formats that can be asked for; stated again, because their own module imports pyarrow."""

MATH: Final = ("libm", "libmvec", "svml", "mgraph", "exact", "auto")
"""The math libraries; stated again, because their own module imports the compiler."""


_TABLES: Final = (".parquet", ".pq", ".arrow", ".arrows", ".feather", ".csv", ".jsonl", ".ndjson")


_GRAPHS: Final = (".json", ".msgpack")


def order_fault(graph: str, rows: Sequence[str]) -> str:
    """Return a fault if the names show that the rows come before the graph; else an empty text."""
    if graph.lower().endswith(_TABLES) and any(name.lower().endswith(_GRAPHS) for name in rows):
        return f"{printable(graph)} is a table: the graph comes first, then the rows"
    return ""


class LeafColumn(NodeId):
    """`LEAF=COLUMN`: an input or param, and the name of its column; empty for none."""

    name = "LEAF=COL"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """List the ids that begin with what was typed, followed by `=`."""
        items = super().shell_complete(ctx, param, incomplete)
        return [type(item)(f"{item.value}=") for item in items]

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, str]:
        """Split the id from the name of the column."""
        if isinstance(value, tuple):
            return value
        leaf, equals, column = str(value).partition("=")
        if not (leaf and equals):
            self.fail(f"write LEAF=COL, for example {leaf or 'x1'}=price", param, ctx)
        first, comma, rest = column.partition(",")
        if comma and "=" in rest:
            self.fail(f"repeat --column: --column {leaf}={first} --column {rest}", param, ctx)
        return leaf, column


column_option: Final = click.option(
    "--column", "columns", type=LeafColumn(SETTABLE), multiple=True, metavar="LEAF=COL",
    help="Take the values of an input or param from this column instead of the one of its name; "
    "LEAF= keeps its declared value.",
)  # fmt: skip

math_option: Final = click.option(
    "--math", type=click.Choice(MATH), default="libm", show_default=True,
    help="The library for exp, tanh and so on. libm gives the bits of single runs; exact rounds "
    "each operation correctly, which gives the same bits on all machines; auto is the fastest "
    "library here.",
)  # fmt: skip


def resume_command() -> str:
    """Return the command that was typed with `--resume`, to be shown in a terminal."""
    words = [word for word in sys.argv[1:] if word not in ("--resume", "--overwrite")]
    return shown_command(("mgraph", *words, "--resume"))


def shown_command(words: Iterable[str]) -> str:
    """Return a command, to be shown in a terminal, and say if a user is left out of it."""
    command = shlex.join(words)
    shown = without_user(command)
    note = "" if shown == command else " (with the user and password in the URL)"
    return escaped(shown) + note


def print_column_notes(graph: Graph, columns: Mapping[str, str], given: Mapping[str, str]) -> None:
    """Print to standard error which inputs had no column, and which params had one.

    Args:
        graph: The graph.
        columns: The name of the column of each leaf that had one, by id.
        given: Those that somebody has chosen, which are no surprise.
    """
    nodes = graph.columns
    params = [
        name for name in columns if nodes.op(nodes.index[name]) == PARAM and name not in given
    ]
    if params:
        text, first = printable(some(params)), printable(shlex.quote(f"{params[0]}="))
        takes = f"param {text} takes its values from the column of its name"
        if len(params) > 1:
            takes = f"params {text} take their values from the columns of their names"
        keeps = f"--column {first} keeps the declared value of {printable(params[0])}"
        click.echo(f"note: the {takes}; {keeps}", err=True)
    settled = {*columns, *given}
    inputs = (nodes.ids[node] for node in nodes.inputs())
    names = [name for name in inputs if name not in settled]
    if names:
        what = "inputs" if len(names) > 1 else "input"
        text = printable(some(names))
        click.echo(f"note: no column for the {what} {text}: declared values are used", err=True)
