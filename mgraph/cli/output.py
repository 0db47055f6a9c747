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
    """Print one JSON value; what a terminal would obey or hide is escaped, as JSON can."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    click.echo(escaped(text), err=err)


def escaped(text: str) -> str:
    r"""Replace what a terminal would obey or hide by `\uXXXX`, as in JSON; lines stay lines."""
    return "".join(c if c.isprintable() or c in "\n\t" else _escape(c) for c in text)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))
