"""`mgraph diff`."""

from __future__ import annotations

import json
from math import inf, isfinite
from typing import TYPE_CHECKING, Any, Final

import click

from mgraph.cli.files import STREAM, display_name, read_graph
from mgraph.cli.options import limit_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath
from mgraph.cli.terminal import clipped, counted, progress
from mgraph.errors import REPORTED, printable
from mgraph.golden.compare import Difference, compare

if TYPE_CHECKING:
    from mgraph.codec import Limits

_FEW: Final = 10**6  # ulp; more of them tell a reader nothing


@click.command("diff", short_help="Compare two graph files, node by node and number by number.")
@click.argument("a", type=GraphPath())
@click.argument("b", type=GraphPath())
@json_option
@limit_option
def command(a: str, b: str, as_json: bool, limits: Limits) -> int:  # noqa: FBT001
    """Compare two graph files by id: structure, texts, and numbers down to the last bit.

    A run is compared with the run of the other file that has the same inputs and seed. The exit
    status is 1 if anything differs. The encoding makes no difference.

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
        shown, more = compare(first, second, REPORTED)
    if as_json:
        listed = [difference.as_json() for difference in shown]
        print_json({"same": not shown, "differences": listed, "more": more})
    else:
        _print(shown, more, (display_name(a), display_name(b)))
    return 1 if shown else 0


def _print(shown: list[Difference], more: int, names: tuple[str, str]) -> None:
    if not shown:
        click.echo("no differences")
    for difference in shown:
        field = f", {difference.field}" if difference.field else _only_in(difference, names)
        click.echo(click.style(difference.what + field, bold=True) + _size(difference))
        for sign, colour, value in (("-", "red", difference.a), ("+", "green", difference.b)):
            if value is not None:
                text = clipped(printable(_text(difference, value)), 160)
                click.echo(click.style(f"  {sign} {text}", fg=colour))
    if more:
        click.echo(f"… and {counted(more, 'more difference')}")


def _only_in(difference: Difference, names: tuple[str, str]) -> str:
    """Say of a node, a run or a number that only one of the files has it."""
    if difference.a is not None and difference.b is not None:
        return ""
    return f": only in {printable(names[difference.a is None])}"


def _size(difference: Difference) -> str:
    """Say how far two numbers are apart, in units in the last place (ulp) if these are few."""
    if difference.ulps is None:
        return ""
    a, b = difference.a, difference.b
    relative = abs((b - a) / a) if a else inf
    parts = [
        f"{difference.ulps:,} ulp" if difference.ulps < _FEW else "",
        f"relative error {relative:.2g}" if isfinite(relative) else "",
    ]
    text = ", ".join(filter(None, parts))
    return f"  ({text})" if text else ""


def _text(difference: Difference, value: Any) -> str:  # noqa: ANN401 - any plain data
    """Spell a value as in a file, but texts without quotes and ids without brackets."""
    if isinstance(value, (str, float)):
        return value if isinstance(value, str) else repr(value)
    if difference.field == "args" or difference.what == "outputs":
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False)
