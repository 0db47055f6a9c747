"""`mgraph ops`."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import click

from mgraph import FORMAT_VERSION
from mgraph.cli.output import json_option, print_json
from mgraph.cli.terminal import table
from mgraph.ops import OPS, TABLE, Interval, Op

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NAME: Final = 10
_LEAF_TEXTS: Final = {
    "input": "given in each run; data is its default",
    "param": "trainable; has data",
    "const": "has data; receives no gradient",
}


@click.command("ops", short_help="Print the table of ops: values, local derivatives, kinks.")
@click.argument("names", type=click.Choice([*OPS]), nargs=-1, metavar="[OP]...")
@json_option
def command(names: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001 - click calls by name
    """Print every op: what it computes, its local derivatives, and the choice at kinks and edges.

    With names of ops, only these are printed.

    Exact ops give the same bits everywhere; the last digit of the others depends on the math
    library (libm), except in exact math (mgraph run --math exact).

    \b
    Examples:
      mgraph ops
      mgraph ops tanh relu
      mgraph ops --json
    """  # noqa: D301 - \b is click's
    shown = [op for op in TABLE if op.name in names] if names else TABLE
    leaves = {} if names else _LEAF_TEXTS
    if as_json:
        about = [{"name": name, "about": text} for name, text in leaves.items()]
        ops = [_as_json(op) for op in shown]
        print_json({"format": FORMAT_VERSION, "leaves": about, "ops": ops})
        return
    rows = [
        [
            click.style(op.name, bold=True),
            op.formula,
            op.partials_text,
            domain_text(op),
            "exact" if op.exact else "libm",
        ]
        for op in shown
    ]
    table(["op", "value y", "local derivatives", "domain", "bits"], rows)
    _print_list("outside of the domain", {op.name: op.outside for op in shown if op.outside})
    _print_list("at kinks and edges", {op.name: op.at_kink for op in shown if op.at_kink})
    _print_list("leaves", leaves)
    _print_list("added to the format", _added(shown))


def _print_list(title: str, texts: Mapping[str, str]) -> None:
    if texts:
        click.echo(f"\n{click.style(title, dim=True)}")
    for name, text in texts.items():
        click.echo(f"{click.style(name.ljust(_NAME), bold=True)}{text}")


def _added(ops: Sequence[Op]) -> dict[str, str]:
    """Return those of the ops that each version of the format has added, by version."""
    versions = dict.fromkeys(op.since for op in ops)
    added = {v: ", ".join(op.name for op in ops if op.since == v) for v in versions}
    return {version: names for version, names in added.items() if version != TABLE[0].since}


def domain_text(op: Op) -> str:
    """Spell for people where an op is smooth in all arguments."""
    return "all" if op.domain is None else " and ".join(map(str, op.domain))


def _as_json(op: Op) -> dict[str, Any]:
    domain = None if op.domain is None else [_interval_json(part) for part in op.domain]
    return {
        "name": op.name,
        "inputs": "1 or more" if op.fold else op.inputs,
        "formula": op.formula,
        "slopes": op.partials_text,
        "domain": domain,
        "outside": op.outside or None,
        "exact": op.exact,
        "at_kink": op.at_kink or None,
        "since": op.since,
    }


def _interval_json(interval: Interval) -> dict[str, Any]:
    low, high = (x if isfinite(x) else None for x in (interval.low, interval.high))
    return {"low": low, "high": high, "open_low": interval.open_low}
