"""Reading and writing graph files for commands, `-` included."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Final

import click

from mgraph.cli.terminal import print_diagnostics
from mgraph.codec import (
    MSGPACK,
    Limits,
    decode,
    encoding_of,
    located,
    read_file,
    read_stream,
    write_file,
)
from mgraph.document import Graph, as_graph, extension_of
from mgraph.errors import REPORTED, Diagnostic, GraphError, quoted
from mgraph.format.fields import shown
from mgraph.format.numbers import doubles
from mgraph.format.reading import inspect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STREAM: Final = "-"


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


def diagnostics_json(diagnostics: Sequence[Diagnostic]) -> list[Mapping[str, Any]]:
    """Return diagnostics as plain data."""
    return [each.as_json() for each in diagnostics]
