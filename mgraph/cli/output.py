"""The option `--json`, and printing JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from typing import Any, Final, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """Add `--json` to a command, as the parameter `as_json`."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print one JSON value instead of text."
    )(command)


def print_json(value: Any, *, err: bool = False) -> None:  # noqa: ANN401 - any plain data
    """Print one JSON value; a function in it is called for its value when that is written.

    A large value can so be made piece by piece.
    """
    encoder = json.JSONEncoder(
        ensure_ascii=False, indent=2, allow_nan=False, default=lambda make: make()
    )
    pieces = encoder.iterencode(value)
    while text := "".join(islice(pieces, _PIECES)):
        click.echo(text, err=err, nl=False)
    click.echo(err=err)


_PIECES: Final = 10_000
