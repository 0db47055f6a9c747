"""`mgraph schema`."""

from __future__ import annotations

import json

import click


@click.command("schema", short_help="Print the JSON Schema of graph files.")
def command() -> None:
    """Print the JSON Schema of graph files, for editors and other tools.

    \b
    Example:
      mgraph schema > mgraph.schema.json
    """  # noqa: D301 - \b is click's
    from mgraph.format.models import json_schema  # noqa: PLC0415 - pydantic is slow to import

    click.echo(json.dumps(json_schema(), ensure_ascii=False, indent=2))
