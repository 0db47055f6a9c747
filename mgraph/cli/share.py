"""`mgraph share`."""

from __future__ import annotations

import dataclasses
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from mgraph.cli.files import display_name, graph_from, naming, read_bytes
from mgraph.cli.options import limit_option, token_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath
from mgraph.cli.terminal import width
from mgraph.errors import GraphError, printable, quoted, without_user
from mgraph.service import links, qr
from mgraph.service.store.ids import check_name, id_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mgraph.client import Client, ServedName
    from mgraph.codec import Limits
    from mgraph.document import Graph

_NO_PAGE: Final = (
    "note: mgraph open reads this link; "
    "to open a page, a link needs --base (a page of mgraph view --site) or --to (a server)"
)
_NOT_FOUND: Final = 404
_UNAUTHORIZED: Final = 401


def _base(_ctx: click.Context, param: click.Parameter, text: str | None) -> str:
    """Refuse what can't be the address of a page."""
    if text and not links.is_base(text):
        message = f"{without_user(text)!r} is not {links.BASE_IN_WORDS}"
        raise click.BadParameter(message, param=param)
    return text or ""


def _server(_ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
    """Refuse the address of a page: a token that is in it goes no further."""
    if text and (server := links.server_of(text)):
        server = printable(without_user(server))
        message = f"this is the address of a page; give the server's only: --to {server}"
        if "#token=" in text:
            message += " (and what follows #token= as --token TOKEN)"
        raise click.BadParameter(message, param=param)
    return text


@click.command("share", short_help="Print a link that holds a graph.")
@click.argument("graph", type=GraphPath())
@click.option(
    "--base", metavar="URL", envvar="MGRAPH_BASE", show_envvar=True, callback=_base,
    help="The page that opens the link: one of mgraph view --site, where it is on the web.",
)  # fmt: skip
@click.option(
    "--to", "server", metavar="URL", callback=_server,
    help="Store the file on this server (mgraph serve), and print its short address there.",
)  # fmt: skip
@click.option(
    "--name", default="", metavar="NAME",
    help="The name that the graph gets on the server, for example class-7a/anna.",
)  # fmt: skip
@click.option(
    "--replace", is_flag=True, help="Give the graph that name even if another graph has it now."
)
@click.option(
    "--unlisted", is_flag=True,
    help="With --to: only people who have the address can find the file.",
)  # fmt: skip
@token_option
@click.option(
    "--qr", "as_qr", is_flag=True,
    help=f"Draw the link as a QR code, too, if it has at most {qr.LONGEST:,} characters.",
)  # fmt: skip
@json_option
@partial(limit_option, default=links.LIMITS)
def command(
    graph: str,
    base: str,
    server: str | None,
    name: str,
    replace: bool,  # noqa: FBT001 - click calls by name
    unlisted: bool,  # noqa: FBT001
    token: str,
    as_qr: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    limits: Limits,
) -> None:
    """Print a link that holds the whole graph file, with its runs.

    Nothing is sent anywhere: the graph is in the link, after its #, where browsers keep it to
    themselves. With --base the link opens a page; without, it begins with mgraph: and is read by
    mgraph open. A link has at most 32,000 characters. Only with --to is the file sent, to that
    server.

    \b
    Examples:
      mgraph share neuron.json
      mgraph share neuron.json --base https://school.example/graphs/page.html --qr
      mgraph convert neuron.json - --strip | mgraph share -
    """  # noqa: D301 - \b is click's
    _check_options(server, name, replace=replace, unlisted=unlisted)
    data = read_bytes(graph, limits)
    file = graph_from(data, display_name(graph), limits)
    with naming(graph):
        if server is None:
            link = links.link_of(data, base)
        else:
            link = _stored(data, server, name, token, replace=replace, unlisted=unlisted)
        code = qr.modules(link) if as_qr else ()
    if as_json:
        print_json({"link": link, "characters": len(link), **facts(data, file)})
    else:
        click.echo(link)
    if code:
        click.echo(drawn(code, err=as_json), err=as_json)
    if server is None and not base:
        click.echo(_NO_PAGE, err=True)


def _check_options(server: str | None, name: str, *, replace: bool, unlisted: bool) -> None:
    """Refuse options that don't go together, and names that no server takes.

    Raises:
        GraphError: `name` if the name is malformed.
        UsageError: There is no server for the name, or no name to replace.
    """
    if name and server is None:
        message = "--name is the name on a server: it goes with --to URL"
        raise click.UsageError(message)
    if unlisted and server is None:
        message = "--unlisted is for files on a server: it goes with --to URL"
        raise click.UsageError(message)
    if replace and not name:
        message = "--replace goes with --name NAME"
        raise click.UsageError(message)
    if name:
        with naming("--name"):
            check_name(name)


def _stored(
    data: bytes, server: str, name: str, token: str, *, replace: bool, unlisted: bool
) -> str:
    """Store a file on a server, and return its address there."""
    # an extra, and nothing else uses the network
    from mgraph.client import Client, page_of  # noqa: PLC0415

    with _naming_options(token), Client(server, token) as client:
        now = _now(client, name) if name else None
        if now is not None and now.id == id_of(data):  # there is nothing to do
            return page_of(client.url, name)
        if now is not None and not replace:
            message = f"the name {quoted(name)} is taken"
            fix = "choose another name, or let it point to this graph from now on: --replace"
            raise GraphError.of("conflict", message, fix=fix)
        return client.put(data, name, revision=now and now.revision, unlisted=unlisted).url


@contextmanager
def _naming_options(token: str) -> Iterator[None]:
    """Say in a refusal for want of a token, or of another one, how to give it."""
    from mgraph.client import ServerError  # noqa: PLC0415

    try:
        yield
    except ServerError as error:
        if error.status != _UNAUTHORIZED:
            raise
        fix = "give one with --token TOKEN, or in the environment as MGRAPH_TOKEN"
        if token:
            fix = "check --token (or MGRAPH_TOKEN), or ask whoever runs the server for a new one"
        diagnostics = [
            dataclasses.replace(diagnostic, fix=diagnostic.fix or fix)
            for diagnostic in error.diagnostics
        ]
        raise GraphError(diagnostics, error.more) from None


def _now(client: Client, name: str) -> ServedName | None:
    """Return what a name points to; None if there is no such name."""
    from mgraph.client import ServerError  # noqa: PLC0415

    try:
        return client.get_name(name)
    except ServerError as error:
        if error.status != _NOT_FOUND:
            raise
        return None


def facts(data: bytes, graph: Graph) -> Mapping[str, Any]:
    """Return what identifies a graph file, for programs."""
    size = {"nodes": len(graph), "bytes": len(data)}
    return {**size, "id": id_of(data), "hash": graph.hash}


def drawn(code: Sequence[Sequence[int]], *, err: bool = False) -> str:
    """Draw a QR code for standard output, or standard error: in black and white on a terminal.

    Raises:
        GraphError: `size` if the terminal is too narrow.
    """
    if not (sys.stderr if err else sys.stdout).isatty():
        return qr.plain(code)
    wide, room = len(code[0]), width(err=err)
    if wide > room:
        message = f"the QR code is {wide} columns wide, and the terminal has {room}"
        fix = "make the terminal wider, or its font smaller"
        raise GraphError.of("size", message, fix=fix, file="QR code")
    return qr.in_colour(code)
