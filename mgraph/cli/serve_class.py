"""`mgraph serve --class`: the page of a class, and the token of its pupils."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from mgraph.cli.files import display_name, graph_from, read_bytes
from mgraph.cli.store import name_now
from mgraph.service.store.access import new_token
from mgraph.service.store.ids import check_name
from mgraph.service.store.tokens import CLASS_QUOTA, Scope, utc

if TYPE_CHECKING:
    from mgraph.codec import Limits
    from mgraph.service.store.protocol import GraphStore

_DAY: Final = 86_400  # seconds, after which a token that is printed at the start ends


class TeachersFile(NamedTuple):
    """A valid graph file for a class.

    Attributes:
        data: Its bytes.
        hash: The canonical hash of the graph.
    """

    data: bytes
    hash: str


def teachers_file(path: str, limits: Limits) -> TeachersFile:
    """Read and check the graph file for a class, before anything is served or stored.

    Args:
        path: A graph file.
        limits: How large it may be.

    Raises:
        GraphError: The file is not valid.
    """
    data = read_bytes(path, limits)
    return TeachersFile(data, graph_from(data, display_name(path), limits).hash)


def put_graph(store: GraphStore, name: str, file: TeachersFile) -> None:
    """Store the teacher's graph under the name of the class; say if this replaces another one.

    Args:
        store: The store.
        name: The name of the class.
        file: From `teachers_file`.

    Raises:
        GraphError: The name can't be one, or the store refuses the graph.
    """
    before = name_now(store, name)
    now = store.put(file.data, file.hash).id
    store.set_name(name, now)
    if before not in (None, now):
        note = f"note: {name} showed another graph before, which is still at /g/{before}"
        click.echo(note, err=True)


def class_link(store: GraphStore, url: str, name: str, *, with_token: bool) -> str:
    """Return the link to the page of a class.

    Args:
        store: The store.
        url: The address of the server.
        name: The name of the class.
        with_token: Whether to make a token for the pupils: it comes after #, so that browsers keep
            it to themselves. It ends after a day.

    Raises:
        GraphError: The name can't be one.
    """
    check_name(name)
    page = f"{url}/c/{name}"
    if not with_token:
        return page
    expires = utc(time.time() + _DAY)
    note = "printed by mgraph serve"
    secret, _ = new_token(
        store, Scope.CLASS, prefix=name, quota=CLASS_QUOTA, note=note, expires=expires
    )
    return f"{page}#token={secret}"
