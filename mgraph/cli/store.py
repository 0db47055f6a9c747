"""`mgraph store`."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import click

from mgraph.cli.files import diagnostics_json, display_name, naming, read_bytes
from mgraph.cli.options import limit_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import GraphPath, StorePlace
from mgraph.cli.terminal import counted, print_diagnostics, progress
from mgraph.document import loads
from mgraph.errors import REPORTED, Diagnostic, GraphError, printable
from mgraph.graph.columns import HASH_NAME
from mgraph.service.store.addresses import is_address, shown
from mgraph.service.store.copying import copy_store
from mgraph.service.store.errors import NotFoundError, StoreError
from mgraph.service.store.ids import DOCUMENT, check_name, is_name, similar_name
from mgraph.service.store.layout import DOCUMENTS, NAMES, RUNS, TOKENS, UNLISTED
from mgraph.service.store.opening import (
    DAYS,
    PARTS,
    clean_store,
    document_count,
    open_store,
    verification,
)
from mgraph.service.store.protocol import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mgraph.codec import Limits
    from mgraph.service.store.opening import LastingStore

STORE: Final = click.argument("store", type=StorePlace(), metavar="STORE")
"""The folder of a store, or the address of its database."""


@contextmanager
def opening(place: str, *, create: bool = False) -> Iterator[LastingStore]:
    """Open a store, and close it at the end of a `with` block.

    Errors in the block name the files of the store as the user would.
    """
    with naming_files(place):
        store = open_store(place, create=create)
        try:
            yield store
        finally:
            store.close()


@contextmanager
def naming_files(place: str) -> Iterator[None]:
    """Let errors of a store, in a `with` block, name its files as the user would."""
    try:
        yield
    except StoreError as error:
        raise GraphError([_named(x, place) for x in error.diagnostics]) from None


def _named(diagnostic: Diagnostic, place: str) -> Diagnostic:
    """Return a diagnostic of a store, whose file is named by its path in the store."""
    file, store = diagnostic.file, shown(place)
    return replace(diagnostic, file=os.path.join(store, file) if file else display_name(store))


@click.group("store", short_help="Look after the store of mgraph serve: verify, clean, take down.")
def command() -> None:
    """Look after the store of `mgraph serve`: a folder of plain files, or a PostgreSQL database.

    A server may use the store at the same time. docs/store.md says what is where in the folder
    and in the database, and how to back them up.

    \b
    Examples:
      mgraph store add shared neuron.json
      mgraph store verify shared
      mgraph store gc shared
      mgraph store rm shared class-7a/anna --reason "on request"
    """  # noqa: D301 - \b is click's


# --- add ---


@command.command("add", short_help="Store graph files, without a server.")
@STORE
@click.argument("graphs", type=GraphPath(), nargs=-1, required=True, metavar="GRAPH...")
@click.option(
    "--prefix",
    metavar="NAME",
    help="Give each document a name below this one, after its file: --prefix lessons makes "
    "lessons/neuron of neuron.json. A name that exists will point to the new document.",
)
@json_option
@limit_option
def add(
    store: str,
    graphs: Sequence[str],
    prefix: str | None,
    as_json: bool,  # noqa: FBT001 - click calls by name
    limits: Limits,
) -> None:
    """Store graph files as they are, and print their ids.

    The store is made, too, if the folder is missing or empty.

    \b
    Examples:
      mgraph store add shared neuron.json
      mgraph store add shared homework/*.json --prefix class-7a
    """  # noqa: D301 - \b is click's
    names = [_name(path, prefix) for path in graphs]
    files = [_read(path, limits) for path in graphs]
    added = []
    with opening(store, create=True) as opened:
        for path, name, (data, graph) in zip(graphs, names, files, strict=True):
            document = opened.put(data, graph).id
            if name:
                opened.set_name(name, document)
            added.append({"file": path, "id": document, "name": name or None})
            if not as_json:
                click.echo(f"{printable(path)}: {document}{name and f', {name}'}")
    if as_json:
        print_json({"store": shown(store), "added": added})


def _read(path: str, limits: Limits) -> tuple[bytes, str]:
    """Return the bytes of a graph file, and the hash of its graph."""
    data = read_bytes(path, limits)
    return data, loads(data, display_name(path), limits).hash


def _name(path: str, prefix: str | None) -> str:
    """Return the name for a file below a prefix; empty without a prefix."""
    if prefix is None:
        return ""
    stem = os.path.splitext(os.path.basename(path))[0]
    name = f"{prefix}/{similar_name(stem) or stem}"
    with naming(path if is_name(prefix) else "--prefix"):
        check_name(name)
    return name


# --- copy ---


def _is_same(source: str, target: str) -> bool:
    if is_address(source) or is_address(target):
        return source == target
    return os.path.realpath(source) == os.path.realpath(target)


@command.command("copy", short_help="Copy a store into another one: a folder, or a database.")
@click.argument("source", type=StorePlace(), metavar="FROM")
@click.argument("target", type=StorePlace(), metavar="TO")
@json_option
def copy(source: str, target: str, as_json: bool) -> None:  # noqa: FBT001 - click calls by name
    """Copy all of a store into another one: from a folder into a database, or back.

    Documents keep their ids, names what they point to, tokens their secrets and how much was
    stored with them; documents that were taken down are refused there, too. Only cached runs are
    not copied. Names get new revisions. TO is made if it is missing; what it has already stays,
    and the copy can be made again. Stop the servers that write to either store.

    \b
    Examples:
      mgraph store copy shared copied
    """  # noqa: D301
    if _is_same(source, target):
        message = "FROM and TO are the same store"
        raise click.UsageError(message)
    with (
        opening(source) as original,
        opening(target, create=True) as copied,
        progress(document_count(original), "copying") as bar,
    ):
        counts = copy_store(original, copied, bar.step)
    if as_json:
        print_json({"from": shown(source), "to": shown(target), "copied": counts._asdict()})
        return
    parts = (
        counted(counts.documents, "document"),
        counted(counts.names, "name"),
        counted(counts.tokens, "token"),
        counted(counts.removed, "take-down"),
    )
    click.echo(f"{printable(shown(target))}: copied {', '.join(parts)}")


# --- verify ---


@command.command("verify", short_help="Read every file, and name all damage.")
@STORE
@json_option
def verify(store: str, as_json: bool) -> int:  # noqa: FBT001 - click calls by name
    """Read every file of a store, and name all damage.

    Computes the hash of every document again, reads it as a graph, and follows every name. Files
    that killed processes left behind are counted, not reported: `mgraph store gc` removes them.
    The exit status is 1 if anything is damaged.

    \b
    Examples:
      mgraph store verify shared
      mgraph store verify shared --json
    """  # noqa: D301
    with opening(store) as opened, progress(document_count(opened), "verifying") as bar:
        verifying = verification(opened, bar.step)
        damages = sorted(verifying.damages())
    found = [Diagnostic("damaged", x.message, file=x.file) for x in damages if not x.is_debris]
    broken = [_named(diagnostic, store) for diagnostic in found]
    debris = [x.file for x in damages if x.is_debris]
    if as_json:
        counts = {"counts": verifying.counts, "debris": debris}
        print_json(
            {"store": shown(store), "ok": not broken, **counts, "damages": diagnostics_json(broken)}
        )
    else:
        print_diagnostics(broken[:REPORTED], max(0, len(broken) - REPORTED))
        click.echo("\n".join(_summary(store, verifying.counts, len(broken), len(debris))))
    return 1 if broken else 0


def _summary(store: str, counts: Mapping[str, int], broken: int, debris: int) -> Iterator[str]:
    parts = (
        counted(counts[DOCUMENTS], "document"),
        f"{counts[UNLISTED]:,} unlisted",
        counted(counts[NAMES], "name"),
        counted(counts[TOKENS], "token"),
        counted(counts[RUNS], "cached run"),
    )
    ok = click.style("ok", fg="green")
    what = "damaged record" if is_address(store) else "damaged file"
    end = click.style(counted(broken, what), fg="red") if broken else ok
    yield f"{printable(shown(store))}: {', '.join(parts)}: {end}"
    if debris:
        gc = f"mgraph store gc {printable(shown(store))}"
        yield f"{counted(debris, 'file')} left over from processes that were killed: {gc}"


# --- gc ---


@command.command("gc", short_help="Remove what is left over, and old runs.")
@STORE
@click.option(
    "--run-days",
    type=click.FloatRange(min=0),
    default=DAYS,
    show_default=True,
    metavar="N",
    help="Remove cached runs that are older than N days.",
)
@click.option(
    "--unnamed",
    "unnamed_days",
    type=click.FloatRange(min=0),
    metavar="N",
    help="Also remove documents without a name that nobody has stored for N days. Whoever has a "
    "link to one of them loses it. By default, all are kept.",
)
@json_option
def gc(store: str, run_days: float, unnamed_days: float | None, as_json: bool) -> None:  # noqa: FBT001
    """Remove what killed processes left behind, old cached runs and tokens that expired long ago.

    A token is listed as expired for 30 days. Documents stay, also those without a name: links may
    lead to them. `--unnamed` removes old ones.

    \b
    Examples:
      mgraph store gc shared
      mgraph store gc shared --run-days 0 --unnamed 365
    """  # noqa: D301
    with opening(store) as opened, progress(PARTS, "cleaning") as bar:
        cleaned = clean_store(opened, run_days=run_days, unnamed_days=unnamed_days, step=bar.step)
    if as_json:
        print_json({"store": shown(store), "removed": cleaned._asdict()})
        return
    parts = (
        f"{counted(cleaned.debris, 'file')} left over",
        counted(cleaned.runs, "cached run"),
        f"{counted(cleaned.documents, 'document')} ({counted(cleaned.bytes, 'byte')})",
        counted(cleaned.tokens, "expired token"),
    )
    click.echo(f"{printable(shown(store))}: removed {', '.join(parts)}")


# --- rm ---


@command.command("rm", short_help="Take documents down for good.")
@STORE
@click.argument("references", nargs=-1, required=True, metavar="REF...")
@click.option(
    "--reason", default="", metavar="TEXT", help="Why, for everyone who still asks for it."
)
@json_option
def rm(store: str, references: Sequence[str], reason: str, as_json: bool) -> None:  # noqa: FBT001
    """Take documents down: remove them, with their names, and never accept their bytes again.

    REF is the id of a document, the hash of a graph (which takes down all documents that hold the
    graph) or a name. Whoever asks for the document is told that it was removed, and why. To undo
    it, delete the record in the folder `removed` of the store, or the row of the document in the
    database, and store the document again.

    \b
    Examples:
      mgraph store rm shared class-7a/anna --reason "on request"
    """  # noqa: D301
    with opening(store) as opened:
        found = [x for reference in references for x in _documents(opened, reference)]
        removed = {x: [*opened.remove(x, reason)] for x in dict.fromkeys(found)}
    if as_json:
        documents = [{"id": document, "names": names} for document, names in removed.items()]
        print_json({"store": shown(store), "removed": documents})
        return
    for document, names in removed.items():
        also = f" and the {'name' if len(names) == 1 else 'names'} {', '.join(names)}"
        click.echo(f"removed {document}{also if names else ''}")


def _documents(store: LastingStore, reference: str) -> Iterator[str]:
    """Yield the ids that a reference means."""
    if reference.startswith(DOCUMENT) and len(reference) > len(DOCUMENT):
        yield reference  # which need not be there
    elif reference.startswith(HASH_NAME):
        found = store.with_graph(reference, limit=_ALL)
        if not found:
            raise NotFoundError.of_kind("document", reference)
        yield from found
    else:
        yield resolve(store, reference)


_ALL: Final = 2**62
