"""The option `--json`, and printing JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """Add `--json` to a command, as the parameter `as_json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON value instead of text."
    )(command)


def print_json(value: Any, *, err: bool = False) -> None:  # noqa: ANN401 - any plain data
    """Print one JSON value."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False), err=err)
