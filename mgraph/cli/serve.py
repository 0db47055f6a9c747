"""`mgraph serve`."""

from __future__ import annotations

import socket
from contextlib import closing
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import click
from click.core import ParameterSource

from mgraph.cli.files import naming
from mgraph.cli.options import limit_option
from mgraph.cli.parameters import (
    GraphPath,
    StorePlace,
    addresses_of,
    count_of,
    host_names,
    number_of,
)
from mgraph.cli.serve_class import class_link, put_graph, teachers_file
from mgraph.cli.share import drawn
from mgraph.cli.store import naming_files
from mgraph.errors import GraphError, MissingExtraError, printable
from mgraph.extras import install
from mgraph.service import qr
from mgraph.service.settings import LOOPBACK, SERVED, Settings, cores
from mgraph.service.store.access import new_token
from mgraph.service.store.addresses import shown
from mgraph.service.store.ids import check_name
from mgraph.service.store.memory import MemoryStore
from mgraph.service.store.opening import open_store
from mgraph.service.store.tokens import Scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mgraph.codec import Limits
    from mgraph.service.store.protocol import GraphStore

_PORT: Final = 8765
_ANY: Final = "0.0.0.0"  # noqa: S104 - only if the user asks for it
_EVERYWHERE: Final = (_ANY, "::")
_NO_NETWORK: Final = (
    "this machine has no address that others could reach, so the link works here only: join a "
    "network and start again, or say which address with --host ADDRESS"
)

_ALLOWED: Final = Settings()

_PACKAGES: Final = ("starlette", "uvicorn", "httptools", "msgspec")


@click.command(
    "serve",
    short_help="Serve graphs to a class or a team: pages, links, an API.",
    context_settings={"auto_envvar_prefix": "MGRAPH"},  # all options as MGRAPH_...
)
@click.argument("store", type=StorePlace(), required=False, envvar="MGRAPH_STORE")
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS",
    help="The address to listen at.",
)  # fmt: skip
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=_PORT, show_default=True, metavar="N",
    help="The port; 0 for any that is free.",
)  # fmt: skip
@click.option(
    "--lan", is_flag=True,
    help="Serve everyone in the network; print the address and its QR code. Storing something "
    "takes a token. It can't be combined with --host.",
)  # fmt: skip
@click.option(
    "--class", "class_", metavar="NAME", envvar="MGRAPH_CLASS",
    help="Make the page of a class, /c/NAME, and print its link, whose token lets pupils save "
    "copies below NAME for a day.",
)  # fmt: skip
@click.option(
    "--graph", type=GraphPath(), metavar="GRAPH",
    help="Store this graph under the name of the class: the page shows it as the teacher's.",
)  # fmt: skip
@click.option(
    "--need-token", is_flag=True,
    help="Let only holders of a token store something, on this machine, too; for proxies.",
)  # fmt: skip
@click.option("--read-only", is_flag=True, help="Let nobody store anything.")
@click.option(
    "--allow-host", multiple=True, callback=host_names, metavar="NAME",
    help="A name under which clients reach this server, such as that of a proxy.",
)  # fmt: skip
@click.option(
    "--proxy", default="", callback=addresses_of, metavar="ADDRESS",
    help="Believe what a proxy at this address says about the addresses of its clients; "
    "several addresses, or networks, are separated by commas.",
)  # fmt: skip
@click.option(
    "--rate", type=click.FloatRange(0.1, 1e6), callback=number_of, default=100.0,
    show_default=True, metavar="N",
    help="Requests a second that one token or address may make in the long run.",
)  # fmt: skip
@click.option(
    "--deadline", type=click.FloatRange(0.1, 3600), callback=number_of, default=20.0,
    show_default=True, metavar="SECONDS",
    help="How long a request may take.",
)  # fmt: skip
@click.option(
    "--threads", type=click.IntRange(1, 1024), metavar="N",
    help="Threads that run graphs over rows.  [default: as many as there are cores]",
)  # fmt: skip
@click.option(
    "--queue", type=click.IntRange(0, 100_000), default=_ALLOWED.queue, show_default=True,
    metavar="N",
    help="How many requests may wait for a thread; all others are told to try again later.",
)  # fmt: skip
@click.option(
    "--limit-work", default="1G", show_default=True, metavar="N", callback=count_of,
    help="The most work of one request: nodes × rows, for example 1G, which takes seconds.",
)  # fmt: skip
@click.option(
    "--limit-tensors", default="64M", show_default=True, metavar="BYTES",
    callback=count_of,
    help="The most bytes of a body of tensors, or of one batch of rows; all that waits and runs "
    "holds at most sixteen times as much.",
)  # fmt: skip
@partial(limit_option, default=SERVED, envvar="MGRAPH_LIMIT")
def command(
    store: str | None,
    host: str,
    port: int,
    lan: bool,  # noqa: FBT001 - click calls by name
    class_: str | None,
    graph: str | None,
    need_token: bool,  # noqa: FBT001
    read_only: bool,  # noqa: FBT001
    allow_host: Sequence[str],
    proxy: str,
    rate: float,
    deadline: float,
    threads: int | None,
    queue: int,
    limit_work: int,
    limit_tensors: int,
    limits: Limits,
) -> None:
    """Serve graphs: their pages, links to them, and an API that stores and runs them.

    STORE is a folder, which is made if it is missing, or a PostgreSQL database, which several
    servers may share; docs/store.md says what is in it. Without STORE, everything is kept in
    memory and lost at the end. The server listens on this machine
    only, unless --lan or --host says otherwise; then storing something takes a token
    (mgraph token new).

    Every option can be given as an environment variable, for example MGRAPH_PORT=80. Ctrl-C, or
    the signal TERM, ends the server when it has answered the requests that have begun.

    \b
    Examples:
      mgraph serve
      mgraph serve shared/ --lan
      mgraph serve shared/ --lan --class class-7a --graph neuron.json
      mgraph serve shared/ --read-only --port 8080
      mgraph serve postgresql://mgraph@db.example/graphs
    """  # noqa: D301 - \b is click's
    source = click.get_current_context().get_parameter_source("host")
    if lan and source is not ParameterSource.DEFAULT:
        message = "--lan listens at all addresses: it can't be combined with --host"
        raise click.UsageError(message)
    require()
    _check_class(class_, graph, read_only=read_only)
    from mgraph.service.app import application  # noqa: PLC0415 - the extra
    from mgraph.service.journal import Journal  # noqa: PLC0415
    from mgraph.service.server import bound, own_address, serve  # noqa: PLC0415

    visible = host = _ANY if lan else host
    if host in _EVERYWHERE:
        visible = own_address()
        if visible in LOOPBACK:
            click.echo(f"note: {_NO_NETWORK}", err=True)
    settings = Settings(
        limits=limits, hosts=_hosts(host, visible, allow_host), read_only=read_only,
        needs_token=need_token or host not in LOOPBACK,
        rate=rate, burst=4 * rate, deadline=deadline, threads=threads or cores(), queue=queue,
        work=limit_work, tensors=limit_tensors,
    )  # fmt: skip
    teachers = teachers_file(graph, limits) if graph else None
    with closing(_store(store, read_only=read_only)) as kept:
        listener = bound(host, port)
        if class_ and teachers:  # only now: a start that fails leaves the class as it is
            with naming_files(store or "", "--graph"):
                put_graph(kept, class_, teachers)
        url = _url(visible, listener.getsockname()[1])
        journal = Journal()
        serve(
            application(kept, settings, journal), listener, settings, journal,
            proxy=proxy, started=lambda: _greet(url, store, settings, kept, class_, as_qr=lan),
        )  # fmt: skip


def require() -> None:
    """Check that the packages of the server are installed.

    Raises:
        MissingExtraError: One is not; the message says how to install it.
    """
    missing = next((name for name in _PACKAGES if find_spec(name) is None), "")
    if missing:
        message = f"the server needs {missing}, which is not installed: {install('serve')}"
        raise MissingExtraError(message)


def _check_class(name: str | None, graph: str | None, *, read_only: bool) -> None:
    """Check the options about a class.

    Raises:
        GraphError: The class can't be called so.
        UsageError: They don't go together.
    """
    if graph and not name:
        message = "--graph needs the name of a class: add --class NAME"
        raise click.UsageError(message)
    if graph and read_only:
        message = "--graph stores a graph: it can't be combined with --read-only"
        raise click.UsageError(message)
    if name:
        with naming("--class"):
            check_name(name)


def _store(path: str | None, *, read_only: bool) -> GraphStore:
    if path is None:
        return MemoryStore()
    with naming_files(path):
        return open_store(path, create=not read_only)


def _hosts(host: str, visible: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names that requests may give as their host, the one that is printed first."""
    own = socket.gethostname().lower()
    names_here = (own, f"{own.partition('.')[0]}.local") if host in _EVERYWHERE else ()
    given = (name.lower() for name in names)
    return tuple(dict.fromkeys((visible.lower(), *given, *names_here, *LOOPBACK)))


def _url(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}" + ("" if port == 80 else f":{port}")  # noqa: PLR2004 - of HTTP


def _greet(
    url: str,
    path: str | None,
    settings: Settings,
    store: GraphStore,
    class_: str | None,
    *,
    as_qr: bool,
) -> None:
    """Print where the server is, what it keeps, and what it takes to store something."""
    takes_token = settings.needs_token and not settings.read_only
    link = class_link(store, url, class_, with_token=takes_token) if class_ else url
    if as_qr:
        _print_code(link)
    click.echo(f"serving {printable(shown(path)) if path else 'from memory'} at {url}")
    if class_:
        click.echo(f"the page of {class_}: {link}")
    if path is None:
        click.echo("note: nothing is kept when the server ends; name a folder to keep it", err=True)
    if takes_token:
        click.echo(_about_tokens(path, store), err=True)


def _print_code(link: str) -> None:
    try:
        click.echo(drawn(qr.modules(link)))
    except GraphError as error:  # the terminal is too narrow: that is no reason not to serve
        click.echo(f"note: {error.diagnostics[0].message}", err=True)


def _about_tokens(path: str | None, store: GraphStore) -> str:
    """Say how to get a token; a store in memory gets one, because no other command reaches it."""
    if path is None:
        secret, _ = new_token(store, Scope.WRITE, note="printed at the start")
        return f"token to store something: {secret}"
    if any(token.may_store for token in store.tokens()):
        return "storing something takes a token"
    return f"note: storing something takes a token: mgraph token new {printable(shown(path))}"
