"""Reading and writing graph files for commands, `-` included."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import click

from mgraph.cli.output import escaped
from mgraph.cli.terminal import print_diagnostics
from mgraph.codec import (
    MSGPACK,
    Limits,
    decode,
    encoding_of,
    located,
    read_file,
    read_stream,
    updating,
    write_file,
)
from mgraph.codec.files import check_writable
from mgraph.document import ANNOTATED, Graph, as_graph, extension_of
from mgraph.errors import REPORTED, Diagnostic, GraphError, printable, quoted
from mgraph.format.fields import shown
from mgraph.format.fixes import A_NUMBER, number_fix
from mgraph.format.numbers import doubles
from mgraph.format.reading import inspect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from mgraph.codec import Stamp

STREAM: Final = "-"
_WITHOUT_NAME: Final = (STREAM, os.devnull)
"""What may be written to whatever its extension: standard output, and nothing at all."""


def display_name(path: str) -> str:
    """Return the name of a file in messages."""
    return "standard input" if path == STREAM else path


def target_name(path: str) -> str | None:
    """Return the name of a written file in messages and JSON; None if nothing is written."""
    if path == os.devnull:
        return None
    return "standard output" if path == STREAM else path


def default_target(path: str, ending: str) -> str:
    """Return where what is made of a graph file goes unless it is said: to the current folder.

    What is made of NAME.annotated.json is called as if it were made of NAME.json. What is made of
    standard input goes to standard output.
    """
    return STREAM if path == STREAM else stem_of(path) + ending


def stem_of(path: str) -> str:
    """Return the name of a graph file without folder, `.annotated` and extension."""
    return os.path.splitext(os.path.basename(path))[0].removesuffix(ANNOTATED)


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Name the file in the errors that are raised in a `with` block, unless they name another."""
    try:
        yield
    except GraphError as error:
        name = display_name(path)
        named = [
            diagnostic if diagnostic.file else replace(diagnostic, file=name)
            for diagnostic in error.diagnostics
        ]
        raise GraphError(named, error.more) from None


def read_bytes(path: str | Path, limits: Limits) -> bytes:
    """Read a file, or standard input for `-`."""
    if str(path) == STREAM:
        return read_stream(sys.stdin.buffer, limits)
    return read_file(path, limits)


def read_graph(path: str, limits: Limits, *, strip: bool = False) -> tuple[Graph, str]:
    """Read a graph and print its warnings; return it with the extension of its encoding.

    Raises:
        GraphError: The file is not valid; it holds all problems.
    """
    data = read_bytes(path, limits)
    return graph_from(data, display_name(path), limits, strip=strip), extension_for(data)


def graph_from(data: bytes, name: str, limits: Limits, *, strip: bool = False) -> Graph:
    """Return the graph that the bytes of a file hold, and print its warnings.

    Raises:
        GraphError: The bytes are not valid; it holds all problems.
    """
    inspection = inspect(data, name, limits, strip=strip)
    if inspection.graph is None:
        raise GraphError(inspection.diagnostics, inspection.more)
    print_diagnostics(inspection.diagnostics, inspection.more)
    return as_graph(inspection.graph)


def extension_for(data: bytes) -> str:
    """Return the extension of a file with these bytes, which are a graph."""
    return ".msgpack" if encoding_of(data) == MSGPACK else ".json"


def read_numbers(path: str, limits: Limits) -> dict[str, float]:
    """Read a JSON or msgpack object of numbers by id.

    Raises:
        GraphError: It is not such an object; every value that is not a number is reported.
    """
    data = read_bytes(path, limits)
    try:
        return _numbers(decode(data, limits), bare=encoding_of(data) == MSGPACK)
    except GraphError as error:
        error = GraphError(located(error.diagnostics, data, limits), error.more)
        raise error.named(display_name(path)) from None


def _numbers(members: object, *, bare: bool) -> dict[str, float]:
    if not isinstance(members, dict):
        fix = 'for example {"x1": 0.5, "w1": -3}'
        raise GraphError.of("type", "expected an object of numbers by id", fix=fix)
    columns = {key: doubles([value], bare=bare) for key, value in members.items()}
    wrong = [_not_a_number(key, members[key]) for key, x in columns.items() if x is None]
    if wrong:
        raise GraphError(wrong[:REPORTED], max(0, len(wrong) - REPORTED))
    return {key: x[0] for key, x in columns.items() if x is not None}


def _not_a_number(key: str, value: object) -> Diagnostic:
    message = f"{quoted(key)} is {shown(value)}"
    fix = number_fix(value, A_NUMBER)
    return Diagnostic(
        "number", message, (key,), expected='a number, "nan", "inf" or "-inf"', fix=fix
    )


def write_graph(graph: Graph, path: str, extension: str, since: Stamp | None = None) -> None:
    """Write a graph to a file, or to standard output for `-` in the encoding of `extension`."""
    if path not in _WITHOUT_NAME:
        extension = extension_of(path)
    write_output(path, graph.to_bytes(extension), since)


def write_output(path: str, chunks: Iterable[bytes], since: Stamp | None = None) -> None:
    """Write a file, or to standard output for `-`; say what a replaced file could not keep.

    Nothing is written for the null device, which can't be replaced as files are.

    Raises:
        GraphError: `io` if that can't be done, or would write binary data to a terminal.
    """
    if path == STREAM:
        _write_stream(chunks)
    elif path != os.devnull and (lost := write_file(path, chunks, since)):
        what = printable(", ".join(lost))
        click.echo(f"note: {printable(path)} could not keep its {what}", err=True)


def _write_stream(chunks: Iterable[bytes]) -> None:
    if sys.__stdout__ is None:
        raise GraphError.of("io", "standard output is closed", fix="use -o FILE")
    if sys.stdout.isatty():
        chunks = [for_terminal(b"".join(chunks))]
    sys.stdout.flush()
    sys.stdout.buffer.writelines(chunks)
    sys.stdout.buffer.flush()


def for_terminal(data: bytes) -> bytes:
    """Escape a text that is shown to a person; a pipe or a file gets the bytes as they are."""
    try:
        return escaped(data.decode()).encode()
    except UnicodeDecodeError:
        fix = "write to a file, or pipe it into another command"
        raise GraphError.of("io", "binary data would garble the terminal", fix=fix) from None


@contextmanager
def update_of(path: str, *targets: str) -> Iterator[Stamp | None]:
    """Let no other command update a file that will be read and, as one of the targets, written."""
    with updating(path) if is_among(path, *targets) else nullcontext() as stamp:
        yield stamp


def is_among(path: str, *targets: str) -> bool:
    """Whether a file is one of the targets of a command."""
    if path == STREAM:
        return False
    try:
        return os.path.realpath(path) in [os.path.realpath(x) for x in targets if x != STREAM]
    except ValueError:  # no file can have such a name: reading or writing says so
        return False


def check_target(path: str | None) -> None:
    """Refuse an output file that can't be written, before any work is done.

    Raises:
        GraphError: `io` if its folder is missing, or the system forbids it.
    """
    if path is not None and path not in _WITHOUT_NAME:
        check_writable(path)


def check_extension(path: str | None) -> None:
    """Refuse an unknown extension of the output file before any work is done.

    Raises:
        UsageError: The extension is neither .json nor .msgpack.
    """
    if path is not None and path not in _WITHOUT_NAME:
        try:
            extension_of(path)
        except GraphError as error:
            diagnostic = error.diagnostics[0]
            message = f"{diagnostic.message}: expected {diagnostic.expected}, or -"
            raise click.UsageError(message) from None


def diagnostics_json(diagnostics: Sequence[Diagnostic]) -> list[Mapping[str, Any]]:
    """Return diagnostics as plain data."""
    return [diagnostic.as_json() for diagnostic in diagnostics]
