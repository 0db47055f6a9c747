"""`mgraph open`."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mgraph.cli.files import STREAM, default_target, extension_for, graph_from, naming, write_output
from mgraph.cli.options import limit_option, token_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import OutputPath
from mgraph.cli.share import facts
from mgraph.cli.terminal import counted
from mgraph.cli.view import PAGE, open_in_browser, write_page
from mgraph.codec import read_file, read_stream
from mgraph.codec.file_names import safe_stem
from mgraph.errors import GraphError, printable
from mgraph.graph.columns import HASH_NAME
from mgraph.service import links
from mgraph.service.store.ids import DOCUMENT, is_digits

if TYPE_CHECKING:
    from mgraph.codec import Limits
    from mgraph.document import Graph

_LINK = "link"


def _checked_hash(_ctx: click.Context, _param: click.Parameter, text: str | None) -> str | None:
    """Refuse what is neither the hash of a graph nor the id of a file.

    Raises:
        BadParameter: It is neither.
    """
    start, colon, digits = (text or "").partition(":")
    if text is None or (start + colon in (HASH_NAME, DOCUMENT) and is_digits(digits)):
        return text
    message = (
        f"{text!r} is not a hash: write all of mgraph1-sha256:… or sha256:…, with 64 digits 0-9a-f"
    )
    raise click.BadParameter(message)


@click.command("open", short_help="Turn a link into the graph file that it holds.")
@click.argument("link")
@click.option(
    "-o", "--out", type=OutputPath(), metavar="FILE",
    help="Write the file here; - is standard output.",
)  # fmt: skip
@click.option("--view", "as_page", is_flag=True, help="Make a page of the graph, too, and open it.")
@click.option(
    "--hash", "wanted", metavar="HASH", callback=_checked_hash,
    help="Refuse any other graph: the canonical hash, mgraph1-sha256:…, or the id of the file, "
    "sha256:…, as mgraph share --json prints them.",
)  # fmt: skip
@token_option
@json_option
@partial(limit_option, default=links.LIMITS)
def command(
    link: str,
    out: str | None,
    as_page: bool,  # noqa: FBT001 - click calls by name
    wanted: str | None,
    token: str,
    as_json: bool,  # noqa: FBT001
    limits: Limits,
) -> None:
    """Write the graph file that a link holds, byte for byte as it was shared.

    LINK is what mgraph share, or the button Link of a page, has made; - reads it from standard
    input. Put it in quotes. The graph is in the link, so no network is used; only the address of a
    graph on a server, such as http://192.168.0.7:8765/g/neuron, is fetched. The file is checked
    like every file from a stranger, and a run of another graph is refused by its hash. Without
    -o, the file is named for the graph, and is not written over another file.

    \b
    Examples:
      mgraph open - -o copy.json < link.txt
      mgraph share neuron.json | mgraph open - --view
    """  # noqa: D301 - \b is click's
    if as_page and out == STREAM:
        message = "--view needs a file: -o - can't be combined with it"
        raise click.UsageError(message)
    data = _file_of(link, token, limits)
    graph = graph_from(data, _LINK, limits)
    about = facts(data, graph)
    if wanted not in (None, about["id"], about["hash"]):
        raise _other_graph(wanted or "", about["hash"])
    target = out or _new_name(graph, data)
    write_output(target, [data])
    if as_json:
        print_json({"wrote": target, **about}, err=target == STREAM)
    elif target != STREAM:
        size = f"{counted(len(graph), 'node')}, {len(data):,} bytes"
        click.echo(f"wrote {printable(target)}: {size}, {graph.hash}")
    if as_page:
        page = default_target(target, PAGE)
        write_page(graph, Path(target).name, page)
        open_in_browser(page)


def _file_of(link: str, token: str, limits: Limits) -> bytes:
    """Return the file that a link holds, or that a server has."""
    if link == STREAM:
        link = read_stream(sys.stdin.buffer, limits).decode(errors="replace")
    elif os.path.exists(link):
        message = f"{printable(link)} is a file, and not a link"
        raise GraphError.of("link", message, fix=f"mgraph view {printable(link)}", file=_LINK)
    target = links.parse(link)
    if isinstance(target, links.Address):
        return _fetched(target, token)
    return links.held_file(target, limits)


def _fetched(address: links.Address, token: str) -> bytes:
    """Return a file from a server, after a check of its hash."""
    from mgraph.client import Client  # noqa: PLC0415 - an extra, and nothing else uses the network

    with naming(_LINK), Client(address.server, token) as client:
        return client.get_bytes(address.ref)


def _other_graph(wanted: str, actual: str) -> GraphError:
    message = f"the link holds another graph, with the hash {actual}"
    fix = "ask for the link again, or leave out --hash"
    return GraphError.of("hash", message, expected=printable(wanted), fix=fix, file=_LINK)


def _new_name(graph: Graph, data: bytes) -> str:
    """Return a name for the file, from that of the graph.

    Raises:
        GraphError: `io` if another file has this name.
    """
    name = safe_stem(graph.name, "linked") + extension_for(data)
    if Path(name).exists() and read_file(name) != data:
        message = f"{name} is there already, with another content"
        raise GraphError.of("io", message, fix="choose a name with -o FILE", file=name)
    return name
