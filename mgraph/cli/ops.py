"""`mgraph ops`."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import click

from mgraph import FORMAT_VERSION
from mgraph.cli.output import json_option, print_json
from mgraph.cli.terminal import table
from mgraph.ops import LEAVES, TABLE, Interval, Op

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME: Final = 10
_LEAF_TEXTS: Final = {
    "input": "given in each run; data is its default",
    "param": "trainable; has data",
    "const": "has data; receives no gradient",
}


@click.command("ops", short_help="Print the table of ops: values, local derivatives, kinks.")
@json_option
def command(as_json: bool) -> None:  # noqa: FBT001 - click calls by name
    """Print every op: what it computes, its local derivatives, and the choice at kinks and edges.

    Exact ops give the same bits everywhere; the last digit of the others depends on the math
    library (libm), except in exact math (mgraph run --math exact).

    \b
    Examples:
      mgraph ops
      mgraph ops --json
    """  # noqa: D301 - \b is click's
    if as_json:
        leaves = [{"name": name, "about": _LEAF_TEXTS[name]} for name in LEAVES]
        ops = [_as_json(op) for op in TABLE]
        print_json({"format": FORMAT_VERSION, "leaves": leaves, "ops": ops})
        return
    rows = [
        [
            click.style(op.name, bold=True),
            op.formula,
            op.partials_text,
            domain_text(op),
            "exact" if op.exact else "libm",
        ]
        for op in TABLE
    ]
    table(["op", "value y", "local derivatives", "domain", "bits"], rows)
    click.echo()
    _print_list("outside of the domain", {op.name: op.outside for op in TABLE if op.outside})
    click.echo()
    _print_list("at kinks and edges", {op.name: op.at_kink for op in TABLE if op.at_kink})
    click.echo()
    _print_list("leaves", _LEAF_TEXTS)
    click.echo()
    _print_list("added to the format", _added())


def _print_list(title: str, texts: Mapping[str, str]) -> None:
    click.echo(click.style(title, dim=True))
    for name, text in texts.items():
        click.echo(f"{click.style(name.ljust(_NAME), bold=True)}{text}")


def _added() -> dict[str, str]:
    """Return the ops that each version of the format has added, by version."""
    versions = dict.fromkeys(op.since for op in TABLE)
    added = {v: ", ".join(op.name for op in TABLE if op.since == v) for v in versions}
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
