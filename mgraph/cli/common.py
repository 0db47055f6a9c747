"""What several verbs share: reading a graph, writing one, and options."""

from __future__ import annotations

import re
import sys
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.shell_completion import CompletionItem

from mgraph.cli.terminal import print_diagnostics
from mgraph.codec import (
    LIMITS,
    MSGPACK,
    SPECIAL,
    Limits,
    decode,
    encoding_of,
    located,
    parse_limit,
    read_file,
    read_stream,
    write_file,
)
from mgraph.document import ENGINES, Graph, as_graph, extension_of
from mgraph.errors import REPORTED, Diagnostic, GraphError, quoted
from mgraph.graph.numbers import doubles
from mgraph.loader import inspect
from mgraph.schema.fields import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

F = TypeVar("F", bound="Callable[..., Any]")

STREAM: Final = "-"


class GraphPath(click.ParamType):  # type: ignore[type-arg] # not generic in click 8.1
    """A graph file, or `-`; completed from the folder."""

    name = "graph"

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Let the shell complete file names."""
        return [CompletionItem(incomplete, type="file")]


_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


class Setting(click.ParamType):  # type: ignore[type-arg] # not generic in click 8.1
    """`ID=X`: an id and a number; the number may be left out where `optional`."""

    name = "ID=X"

    def __init__(self, *, optional: bool = False) -> None:
        """Say whether `ID` alone will do."""
        self.optional = optional

    def convert(
        self,
        value: Any,  # noqa: ANN401 - click's signature
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[str, float | None]:
        """Split an id from its number."""
        if isinstance(value, tuple):
            return value
        name, equals, text = str(value).partition("=")
        if not name or (not equals and not self.optional):
            self.fail(f"write ID=X, for example {name or 'w1'}=0.5", param, ctx)
        if not equals:
            return name, None
        if text in SPECIAL:
            return name, SPECIAL[text]
        if not _NUMBER.fullmatch(text):
            self.fail(f"{text!r} is no number: write {name}=0.5", param, ctx)
        number = float(text)
        if not isfinite(number):
            self.fail(f"{text} is beyond every double: write {name}=inf if you mean it", param, ctx)
        return name, number


def limit_option(command: F) -> F:
    """Add `--limit NAME=N` to a verb that reads files; it gets `limits`."""

    def limits_of(_ctx: click.Context, param: click.Parameter, given: Sequence[str]) -> Limits:
        try:
            return LIMITS.raised(dict(map(parse_limit, given)))
        except ValueError as error:
            raise click.BadParameter(str(error), param=param) from None

    return click.option(
        "--limit",
        "limits",
        metavar="NAME=N",
        multiple=True,
        callback=limits_of,
        help="Change a limit of reading: size, nodes, depth, text, doc, args or runs.",
    )(command)


def engine_option(command: F) -> F:
    """Add `--engine` to a verb."""
    return click.option(
        "--engine",
        type=click.Choice(ENGINES),
        default="auto",
        show_default=True,
        help="What evaluates the graph.",
    )(command)


def called(path: str) -> str:
    """Return what messages call a file."""
    return "standard input" if path == STREAM else path


def read_bytes(path: str, limits: Limits) -> bytes:
    """Read a file, or standard input for `-`."""
    if path == STREAM:
        return read_stream(sys.stdin.buffer, limits)
    return read_file(path, limits)


def read_graph(path: str, limits: Limits, *, strip: bool = False) -> tuple[Graph, str]:
    """Read a graph, print its warnings, and return it with the extension that it came with.

    Raises:
        GraphError: Everything that is wrong with it.
    """
    data = read_bytes(path, limits)
    found = inspect(data, called(path), limits, strip=strip)
    if found.graph is None:
        raise GraphError(found.diagnostics, found.more)
    print_diagnostics(found.diagnostics, found.more)
    extension = ".msgpack" if encoding_of(data) == MSGPACK else ".json"
    return as_graph(found.graph), extension


def read_numbers(path: str, limits: Limits) -> dict[str, float]:
    """Read a JSON or msgpack object of numbers by id.

    Raises:
        GraphError: It is none; every value that is no number is reported.
    """
    data = read_bytes(path, limits)
    try:
        return _numbers(decode(data, limits), bare=encoding_of(data) == MSGPACK)
    except GraphError as error:
        placed = GraphError(located(error.diagnostics, data, limits), error.more)
        raise placed.named(called(path)) from None


def _numbers(members: object, *, bare: bool) -> dict[str, float]:
    if not isinstance(members, dict):
        fix = 'for example {"x1": 0.5, "w1": -3}'
        raise GraphError.of("type", "expected an object of numbers by id", fix=fix)
    numbers = {key: doubles([value], bare=bare) for key, value in members.items()}
    wrong = [_no_number(key, members[key]) for key, found in numbers.items() if found is None]
    if wrong:
        raise GraphError(wrong[:REPORTED], max(0, len(wrong) - REPORTED))
    return {key: found[0] for key, found in numbers.items() if found is not None}


def _no_number(key: str, value: object) -> Diagnostic:
    message = f"{quoted(key)} is {shown(value)}"
    return Diagnostic("number", message, (key,), expected='a number, "nan", "inf" or "-inf"')


def write_graph(graph: Graph, path: str, extension: str) -> None:
    """Write a graph to a file, or to standard output for `-` in the encoding of `extension`."""
    if path == STREAM:
        if sys.__stdout__ is None:
            raise GraphError.of("io", "standard output is closed", fix="use -o FILE")
        out = sys.stdout.buffer
        out.writelines(graph.to_bytes(extension))
        out.flush()
    else:
        write_file(path, graph.to_bytes(extension_of(path)))


def check_extension(path: str | None) -> None:
    """Refuse an output name before any work is done.

    Raises:
        UsageError: Its extension is none that can be written.
    """
    if path is not None and path != STREAM:
        try:
            extension_of(path)
        except GraphError as error:
            found = error.diagnostics[0]
            message = f"{found.message}: expected {found.expected}, or -"
            raise click.UsageError(message) from None


def settings(given: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Return settings by id; the last of several for one id counts."""
    return dict(given)


def diagnostics_json(diagnostics: Sequence[Diagnostic]) -> list[Mapping[str, Any]]:
    """Return diagnostics as plain data."""
    return [each.as_json() for each in diagnostics]
