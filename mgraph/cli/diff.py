"""`mgraph diff`."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from mgraph.cli.files import STREAM, read_graph
from mgraph.cli.options import limit_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath
from mgraph.cli.terminal import clipped, progress
from mgraph.errors import REPORTED, printable
from mgraph.golden.compare import Difference, differences

if TYPE_CHECKING:
    from mgraph.codec import Limits


@click.command("diff", short_help="Compare two graph files, node by node and number by number.")
@click.argument("a", type=GraphPath())
@click.argument("b", type=GraphPath())
@json_option
@limit_option
def command(a: str, b: str, as_json: bool, limits: Limits) -> int:  # noqa: FBT001
    """Compare two graph files by id: structure, texts and numbers, bit by bit.

    Runs are compared with the run of the other file that has the same inputs and seed. Exit
    status 1 if anything differs. The encoding makes no difference.

    \b
    Examples:
      mgraph diff neuron.json neuron.json
      mgraph run neuron.json --set x1=0.5 -o half.json; mgraph diff neuron.json half.json
    """  # noqa: D301 - \b is click's
    if a == b == STREAM:
        message = "only one of the two files can come from standard input"
        raise click.UsageError(message)
    with progress(2) as bar:
        bar.step("reading")
        first, second = read_graph(a, limits)[0], read_graph(b, limits)[0]
        bar.step("comparing")
        found = differences(first, second)
        shown = list(islice(found, REPORTED))
        more = sum(1 for _ in found)
    if as_json:
        print_json({"same": not shown, "differences": [_.as_json() for _ in shown], "more": more})
    else:
        _print(shown, more)
    return 1 if shown else 0


def _print(shown: list[Difference], more: int) -> None:
    if not shown:
        click.echo("no differences")
    for each in shown:
        what = f"{each.what}, {each.field}" if each.field else each.what
        click.echo(click.style(what, bold=True) + _size(each))
        for sign, colour, value in (("-", "red", each.a), ("+", "green", each.b)):
            if value is not None:
                click.echo(click.style(f"  {sign} {_shown(value)}", fg=colour))
    if more:
        click.echo(f"… and {more:,} more differences")


def _size(each: Difference) -> str:
    if each.ulps is None:
        return ""
    relative = abs((each.b - each.a) / each.a) if each.a else None
    size = f", relative {relative:.2g}" if relative is not None and relative < 1e300 else ""  # noqa: PLR2004
    return f"  ({each.ulps:,} ulp{size})"


def _shown(value: Any) -> str:  # noqa: ANN401 - any plain data
    return clipped(printable(value if isinstance(value, str) else repr(value)), 160)
