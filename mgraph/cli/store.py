"""`mgraph store`."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from mgraph.cli.files import diagnostics_json, display_name, naming, read_bytes, write_output
from mgraph.cli.options import limit_option
from mgraph.cli.output import json_option, print_json
from mgraph.cli.parameters import FolderPath, GraphPath, StorePlace
from mgraph.cli.terminal import counted, print_diagnostics, progress, table
from mgraph.codec import read_file
from mgraph.codec.files import io_error
from mgraph.document import loads
from mgraph.errors import REPORTED, Diagnostic, GraphError, printable, some
from mgraph.graph.columns import HASH_NAME
from mgraph.service.store.addresses import is_address, shown
from mgraph.service.store.copying import copy_store
from mgraph.service.store.errors import DamagedError, NotFoundError, RemovedError, StoreError
from mgraph.service.store.ids import DOCUMENT, check_name, digits_of, id_of, similar_name
from mgraph.service.store.layout import (
    DOCUMENTS,
    FORMAT,
    NAMES,
    RUNS,
    TOKENS,
    UNLISTED,
    ending_of,
    tombstone_file,
)
from mgraph.service.store.opening import (
    DAYS,
    PARTS,
    clean_store,
    document_count,
    open_store,
    verification,
)
from mgraph.service.store.protocol import Released, every_name, release, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mgraph.codec import Limits
    from mgraph.service.store.opening import LastingStore
    from mgraph.service.store.protocol import GraphStore

STORE: Final = click.argument("store", type=StorePlace(), metavar="STORE")
"""The folder of a store, or the address of its database."""


@contextmanager
def opening(location: str, *, create: bool = False) -> Iterator[LastingStore]:
    """Open a store, and close it at the end of a `with` block.

    If it makes a store, it says so: the name of another may have been mistyped. Errors in the block
    name the files of the store as the user would.
    """
    with naming_files(location):
        is_new = (
            create
            and not is_address(location)
            and not os.path.exists(os.path.join(location, FORMAT))
        )
        store = open_store(location, create=create)
        if is_new:
            click.echo(f"note: {printable(location)} is a new store", err=True)
        try:
            yield store
        finally:
            store.close()


@contextmanager
def naming_files(location: str, name: str = "") -> Iterator[None]:
    """Let errors of a store, in a `with` block, name its files as the user would.

    Args:
        location: The store.
        name: What errors about no file of the store name; the store, if it is empty.
    """
    try:
        yield
    except RemovedError as error:
        raise GraphError(_take_down(error, location, name)) from None
    except StoreError as error:
        raise GraphError([_named(x, location, name) for x in error.diagnostics]) from None


def _take_down(error: RemovedError, location: str, name: str) -> Sequence[Diagnostic]:
    """Say of a document that it was taken down, and how to undo that."""
    fix = _undoing(error.document, location)
    return [replace(_named(x, location, name), fix=fix) for x in error.diagnostics]


def _undoing(document: str, location: str) -> str:
    """Say how whoever looks after a store undoes a take-down."""
    if is_address(location):
        what = "its row in mgraph.documents"
    else:
        what = printable(os.path.join(shown(location), tombstone_file(digits_of(document))))
    return f"to undo the take-down, delete {what}, and store the document again"


def _named(diagnostic: Diagnostic, location: str, name: str = "") -> Diagnostic:
    """Return a diagnostic of a store, whose file is named by its path in the store."""
    file, store = diagnostic.file, shown(location)
    other = name or display_name(store)
    return replace(diagnostic, file=os.path.join(store, file) if file else other)


@click.group(
    "store", short_help="Look after the store of mgraph serve: list, get, verify, take down."
)
def command() -> None:
    """Look after the store of `mgraph serve`: a folder of plain files, or a PostgreSQL database.

    A server may use the store at the same time. docs/store.md says what is where in the folder
    and in the database, and how to back them up.

    \b
    Examples:
      mgraph store add shared neuron.json
      mgraph store list shared
      mgraph store get shared --prefix class-7a -o class-7a
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
    "lessons/neuron of neuron.json. A name that exists will point to the new document. Two files "
    "for one name are refused.",
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

    The store is made, too, if the folder is missing or empty. Nothing is stored unless all files
    are right.

    \b
    Examples:
      mgraph store add shared neuron.json
      mgraph store add shared homework/*.json --prefix class-7a
    """  # noqa: D301 - \b is click's
    if prefix is not None:
        with naming("--prefix"):
            check_name(prefix)
    files = _read(graphs, prefix, limits)
    added = []
    with opening(store, create=True) as opened:
        _check_take_downs(opened, store, files)
        now = {file.name: name_now(opened, file.name) for file in files if file.name}
        for path, name, data, graph in files:
            with naming_files(store, display_name(path)):
                document = opened.put(data, graph).id
            before = now.get(name)
            if name:
                opened.set_name(name, document)
                now[name] = document
            replaced = before if before != document else None
            about = {"file": path, "id": document, "name": name or None, "replaced": replaced}
            added.append(about)
            if not as_json:
                was = f" (replaced {replaced})" if replaced else ""
                click.echo(f"{printable(path)}: {document}{name and f', {name}'}{was}")
    if as_json:
        print_json({"store": shown(store), "added": added})


class _GraphFile(NamedTuple):
    """A file that will be stored: its path, its name in the store, its bytes and its graph."""

    path: str
    name: str
    data: bytes
    graph: str


def _read(paths: Sequence[str], prefix: str | None, limits: Limits) -> Sequence[_GraphFile]:
    """Read and check graph files.

    Raises:
        GraphError: Everything that is wrong with any of them; two different files for one name.
    """
    files: list[_GraphFile] = []
    faults: list[Diagnostic] = []
    more = 0
    taken: dict[str, _GraphFile] = {}
    for path in paths:
        try:
            with naming(path):
                name = "" if prefix is None else _name(path, prefix)
                data = read_bytes(path, limits)
                file = _GraphFile(path, name, data, loads(data, display_name(path), limits).hash)
        except GraphError as error:
            faults += error.diagnostics
            more += error.more
            continue
        first = taken.setdefault(name, file)
        if name and first.data != data:
            faults.append(_same_name(file, first))
        files.append(file)
    if faults:
        raise GraphError(faults[:REPORTED], more + max(0, len(faults) - REPORTED))
    return files


def _check_take_downs(store: GraphStore, location: str, files: Sequence[_GraphFile]) -> None:
    """Refuse files that the store will not accept.

    Raises:
        GraphError: `removed` for each that was taken down.
    """
    faults: list[Diagnostic] = []
    for file in files:
        try:
            store.size(id_of(file.data))
        except NotFoundError:
            continue
        except RemovedError as error:
            faults += _take_down(error, location, display_name(file.path))
    if faults:
        raise GraphError(faults[:REPORTED], max(0, len(faults) - REPORTED))


def _name(path: str, prefix: str) -> str:
    """Return the name for a file below a prefix."""
    stem = os.path.splitext(os.path.basename(path))[0]
    name = f"{prefix}/{similar_name(stem) or stem}"
    check_name(name)
    return name


def _same_name(file: _GraphFile, first: _GraphFile) -> Diagnostic:
    message = f"it would get the name {file.name}, as {printable(first.path)} does"
    fix = "rename one of the files, or add them by two commands with different prefixes"
    return Diagnostic("name", message, fix=fix, file=display_name(file.path))


def name_now(store: GraphStore, name: str) -> str | None:
    """Return the document that a name points to; None if there is no such name."""
    try:
        return store.get_name(name).id
    except NotFoundError:
        return None


# --- list, get ---

_PREFIX: Final = click.option(
    "--prefix", default="", metavar="NAME",
    help="Only names below this one: --prefix class-7a is class-7a/anna and class-7a/ben.",
)  # fmt: skip


@contextmanager
def _opened_below(location: str, prefix: str) -> Iterator[LastingStore]:
    """Open a store in a `with` block, after a check of the prefix of names."""
    if prefix:
        with naming("--prefix"):
            check_name(prefix)
    with opening(location) as store:
        yield store


@command.command("list", short_help="List names, and what they point to.")
@STORE
@_PREFIX
@json_option
def list_(store: str, prefix: str, as_json: bool) -> int:  # noqa: FBT001 - click calls by name
    """List the names of a store: what a class has saved, for example.

    The exit status is 1 if a record of a name is damaged.

    \b
    Examples:
      mgraph store list shared
      mgraph store list shared --prefix class-7a --json
    """  # noqa: D301
    with _opened_below(store, prefix) as opened:
        entries = [*every_name(opened, prefix)]
    names = [entry for entry in entries if not entry.fault]
    damaged = [Diagnostic("damaged", x.fault, file=shown(store)) for x in entries if x.fault]
    if as_json:
        fields = ("name", "id", "revision", "updated")
        listed = [{field: getattr(entry, field) for field in fields} for entry in names]
        damages = diagnostics_json(damaged)
        print_json({"store": shown(store), "names": listed, "damages": damages})
    else:
        print_diagnostics(damaged[:REPORTED], max(0, len(damaged) - REPORTED))
        if names:
            table(("name", "set", "document"), [(x.name, x.updated, x.id) for x in names])
        else:
            below = f" below {prefix}" if prefix else ""
            click.echo(f"{printable(shown(store))} has no names{below}")
    return 1 if damaged else 0


@command.command("get", short_help="Write stored files into a folder, byte for byte.")
@STORE
@click.argument("references", nargs=-1, metavar="[REF]...")
@_PREFIX
@click.option(
    "-o", "--out", "folder", type=FolderPath(), required=True, metavar="FOLDER",
    help="Write the files into this folder, which is made if it is missing.",
)  # fmt: skip
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@json_option
def get(
    store: str,
    references: Sequence[str],
    prefix: str,
    folder: str,
    overwrite: bool,  # noqa: FBT001 - click calls by name
    as_json: bool,  # noqa: FBT001
) -> None:
    """Write stored graph files into a folder, byte for byte, after a check of their hashes.

    REF is a name, the id of a document or its beginning, or the hash of a graph. The file of
    class-7a/anna is FOLDER/anna.json; with --prefix class-7a, that of class-7a/moons/anna is
    FOLDER/moons/anna.json. Nothing is written if a file is there already with another content,
    unless --overwrite is given, or if something is damaged.

    \b
    Examples:
      mgraph store get shared class-7a/anna -o copies
      mgraph store get shared --prefix class-7a -o class-7a
    """  # noqa: D301
    if bool(references) == bool(prefix):
        message = "give either names (or ids) or --prefix NAME"
        raise click.UsageError(message)
    with _opened_below(store, prefix) as opened:
        wanted = _below(opened, prefix) if prefix else _referenced(opened, references)
        files = _targets(opened, store, wanted, folder, overwrite=overwrite)
        with progress(len(files), "writing") as bar:
            for file, (_, document) in files.items():
                _write(file, opened.get(document))
                bar.step()
    if as_json:
        wrote = [{"file": file, "name": name or None, "id": x} for file, (name, x) in files.items()]
        print_json({"store": shown(store), "wrote": wrote})
        return
    for file, (name, document) in files.items():
        click.echo(f"{name or document}: {printable(file)}")


class _Requested(NamedTuple):
    """A document that will be written: its path without an ending, its name, and its id."""

    stem: str
    name: str
    id: str


def _below(store: LastingStore, prefix: str) -> Sequence[_Requested]:
    """Return what the names below a prefix point to.

    Raises:
        NotFoundError: There is no such name.
        DamagedError: The record of one is damaged.
    """
    entries = [store.get_name(x.name) if x.fault else x for x in every_name(store, prefix)]
    if not entries:
        message = f"there is no name below {prefix}"
        raise NotFoundError.of("not-found", message, fix="mgraph store list shows all names")
    return [_Requested(x.name.removeprefix(f"{prefix}/"), x.name, x.id) for x in entries]


def _referenced(store: LastingStore, references: Sequence[str]) -> Sequence[_Requested]:
    """Return the documents that references mean."""
    wanted = []
    for reference in dict.fromkeys(references):
        document = resolve(store, reference, by_start=True)
        name = "" if _is_hash(reference) else reference
        stem = name.rpartition("/")[2] or digits_of(document)
        wanted.append(_Requested(stem, name, document))
    return wanted


def _targets(
    store: LastingStore,
    location: str,
    wanted: Sequence[_Requested],
    folder: str,
    *,
    overwrite: bool,
) -> Mapping[str, tuple[str, str]]:
    """Return the name and the document of each file to write; nothing is in the way of any.

    Raises:
        GraphError: Documents are damaged; files are there, with other contents.
    """
    files: dict[str, tuple[str, str]] = {}
    faults: list[Diagnostic] = []
    for stem, name, document in wanted:
        try:
            ending = ending_of(store.get(document))
        except DamagedError as error:
            faults += (_named(x, location) for x in error.diagnostics)
            continue
        file = os.path.join(folder, *f"{stem}.{ending}".split("/"))
        if files.setdefault(file, (name, document))[1] != document:
            message = f"{files[file][0]} and {name} would both be written to it"
            fix = "get them into two folders"
            faults.append(Diagnostic("io", message, fix=fix, file=file))
        elif not overwrite and os.path.exists(file) and id_of(read_file(file)) != document:
            message = f"{printable(file)} is there already, with another content"
            fix = "name another folder, or use --overwrite"
            faults.append(Diagnostic("io", message, fix=fix, file=file))
    if faults:
        raise GraphError(faults[:REPORTED], max(0, len(faults) - REPORTED))
    return files


def _write(file: str, data: bytes) -> None:
    """Write a file that was asked for, and the folder that it is in."""
    try:
        os.makedirs(os.path.dirname(file), exist_ok=True)
    except OSError as error:
        raise io_error(os.path.dirname(file), "make", error) from None
    write_output(file, [data])


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
    diagnostics = [
        Diagnostic("damaged", x.message, file=x.file) for x in damages if not x.is_debris
    ]
    broken = [_named(diagnostic, store) for diagnostic in diagnostics]
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

    REF is a name, the id of a document, or the hash of a graph, which takes down all documents that
    hold the graph. If other names point to the document of a name, only the name is removed: a copy
    that a pupil saved unchanged is the same document as the teacher's. An id or a hash takes down
    the document with all its names.

    Whoever asks for the document is told that it was removed, and why. To undo it, delete the
    record in the folder `removed` of the store, or the row of the document in the database, and
    store the document again.

    \b
    Examples:
      mgraph store rm shared class-7a/anna --reason "on request"
    """  # noqa: D301
    with opening(store) as opened:
        named = {x: opened.get_name(x).id for x in references if not _is_hash(x)}  # before removals
        unwanted = [
            x
            for reference in references
            if _is_hash(reference)
            for x in _documents(opened, reference)
        ]
        names = [name for name, document in named.items() if document not in unwanted]
        released = [*release(opened, names, reason)]
        released += (Released(x, opened.remove(x, reason), []) for x in dict.fromkeys(unwanted))
    if as_json:
        documents = [{"id": x.id, "names": x.names} for x in released if not x.others]
        only = [
            {"name": name, "id": x.id, "others": x.others}
            for x in released if x.others for name in x.names
        ]  # fmt: skip
        print_json({"store": shown(store), "removed": documents, "names": only})
        return
    for removed in released:
        click.echo(_removal(removed))


def _removal(released: Released) -> str:
    """Say which names were removed, and whether their document was."""
    document, names, others = released
    listed = f"the {'name' if len(names) == 1 else 'names'} {', '.join(names)}"
    if others:
        point = "points" if len(others) == 1 else "point"
        return f"removed {listed}; {some(others)} still {point} to {document}"
    return f"removed {document}{f' and {listed}' if names else ''}"


def _is_hash(reference: str) -> bool:
    """Whether a reference is an id or a hash, and not a name."""
    return reference.startswith((DOCUMENT, HASH_NAME))


def _documents(store: LastingStore, reference: str) -> Sequence[str]:
    """Return the documents that an id, which need not be there, or the hash of a graph means."""
    if reference.startswith(DOCUMENT):
        return [reference]
    found = store.with_graph(reference, limit=_ALL)
    if not found:
        raise NotFoundError.of_kind("document", reference)
    return found


_ALL: Final = 2**62
