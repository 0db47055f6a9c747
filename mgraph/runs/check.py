"""The checker of runs that speaks."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from mgraph.errors import REPORTED, Diagnostic, Path, quoted
from mgraph.graph.check import column_of, index_faults, wrong_length
from mgraph.graph.pack import hash_of
from mgraph.ops import INPUT
from mgraph.schema.fields import FIELDS, are_ids

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mgraph.graph.check import Names
    from mgraph.graph.columns import Columns


def run_faults(
    document: Mapping[str, Any], names: Names, graph: Columns | None
) -> Iterator[Diagnostic | int]:
    """Find what is wrong with the runs, apart from their shape.

    Args:
        document: Plain data of the current version.
        names: Its ids.
        graph: Its graph; None if that has faults of its own.

    Yields:
        Diagnostics; an integer stands for so many more that nobody would read.
    """
    runs, outputs = document.get("runs"), document.get("outputs")
    known = {name: None for name in _list(outputs) if isinstance(name, str)}
    unbound = dict.fromkeys(_unbound(document, graph))
    missing = 0
    for i, row in enumerate(_list(runs)):
        if not isinstance(row, dict):
            continue
        path = ("runs", i)
        yield from _input_faults(row.get("inputs"), path, names)
        given = row.get("inputs", {})
        if isinstance(given, dict):
            absent = len(unbound) - sum(name in unbound for name in given)
            told = min(absent, max(0, REPORTED - missing))
            yield from islice(_missing_inputs(given, path, unbound), told)
            yield absent - told
            missing += absent
        if isinstance(outputs, list):
            yield from _seed_faults(row, path, names, outputs, known)
        for field in ("data", "grad"):
            if isinstance(document.get("nodes"), list):
                yield from _named(row.get(field), (*path, field), names)
            elif names.count:
                yield from _column_faults(row.get(field), (*path, field), names)
        if graph is not None and "graph" in row:
            yield from _hash_faults(row["graph"], (*path, "graph"), hash_of(graph))


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _named(members: object, path: Path, names: Names) -> Iterator[Diagnostic]:
    """Report the ids that are no nodes."""
    for name in members if isinstance(members, dict) else ():
        yield from names.unknown("run-node", name, (*path, name), "the run names")


def _input_faults(members: object, path: Path, names: Names) -> Iterator[Diagnostic]:
    path = (*path, "inputs")
    yield from _named(members, path, names)
    for name in members if isinstance(members, dict) else ():
        if name in names.first and not names.leaves.get(name, False):
            message = f"a run can't set {quoted(name)}: it is no input and no param"
            fix = "set the leaves that it depends on"
            yield Diagnostic(
                "run-node", message, (*path, name), expected="an input or a param", fix=fix
            )


def _unbound(document: Mapping[str, Any], graph: Columns | None) -> list[str]:
    """Return the inputs without a declared value, as far as they can be known."""
    if graph is not None:
        return [graph.ids[i] for i in graph.unbound()]
    rows = document.get("nodes")
    return [
        row["id"]
        for row in (rows if isinstance(rows, list) else ())
        if isinstance(row, dict)
        and row.get("op") == INPUT
        and "data" not in row
        and isinstance(row.get("id"), str)
    ]


def _missing_inputs(
    given: dict[str, Any], path: Path, unbound: Iterable[str]
) -> Iterator[Diagnostic]:
    return (no_value(name, path) for name in unbound if name not in given)


def no_value(name: str, path: Path = ()) -> Diagnostic:
    """Say that an input has no value."""
    message = f"the input {quoted(name)} has no value"
    fix = f'give it "data" in its node, or a value in the run: --set {_typed(name)}=1.0'
    return Diagnostic("unbound-input", message, path, expected="a value for every input", fix=fix)


def _typed(name: object) -> str:
    """Return an id as it is typed; a file that is not clean may have anything in its place."""
    return name if isinstance(name, str) and are_ids([name]) else "ID"


def _seed_faults(
    row: dict[str, Any], path: Path, names: Names, outputs: list[Any], known: Mapping[str, None]
) -> Iterator[Diagnostic]:
    seed = row.get("seed", {})
    if not isinstance(seed, dict):
        return
    if not seed and len(outputs) > 1:
        yield no_seed(outputs, path)
    for name in seed:
        yield from names.unknown("run-node", name, (*path, "seed", name), "the seed names")
        if name in names.first and name not in known:
            yield not_an_output(name, outputs, (*path, "seed", name))


def no_seed(outputs: list[Any], path: Path = ()) -> Diagnostic:
    """Say that there are several outputs, and nothing says which one to differentiate."""
    message = f"the graph has {len(outputs)} outputs, and the run seeds none of them"
    fix = f"seed one, for example --seed {_typed(outputs[0])}=1"
    return Diagnostic("seed", message, path, expected="a seed for at least one output", fix=fix)


def not_an_output(name: str, outputs: list[Any], path: Path = ()) -> Diagnostic:
    """Say that only outputs can be seeded."""
    message = f"the seed names {quoted(name)}, which is no output"
    known = ", ".join(dict.fromkeys(_typed(each) for each in outputs[:5]))
    return Diagnostic("seed", message, path, expected=f"one of {known}")


def _hash_faults(found: object, path: Path, actual: str) -> Iterator[Diagnostic]:
    if isinstance(found, str) and found != actual:
        message = "the run was recorded from another graph (its declared leaf data count, too)"
        fix = "restore the graph, or take out the runs: mgraph convert FILE NEW --strip"
        yield Diagnostic("hash", message, path, expected=actual, fix=fix)


def _column_faults(column: object, path: Path, names: Names) -> Iterator[Diagnostic]:
    """Find what is wrong with the packed numbers of a run."""
    count = names.count
    if not isinstance(column, dict) or any(key not in FIELDS["sparse"] for key in column):
        return  # its shape is wrong already
    at, values = column_of(column, "at", "I"), column_of(column, "value", "d")
    if at is None and isinstance(column["at"], bytes):
        yield wrong_length("at", column["at"], len(column["at"]) // 4 * 4, path)
    if values is None and isinstance(column["value"], bytes):
        yield wrong_length("value", column["value"], len(column["value"]) // 8 * 8, path)
    if at is None or values is None:
        return
    rows = len(at) if "at" in column or not values else count
    if len(values) != rows:
        yield wrong_length("value", column.get("value", b""), 8 * rows, path)
    elif column and not values:
        message, name = "an empty column", next(iter(column))
        yield Diagnostic("packed", message, (*path, name), expected="no such column")
    yield from index_faults(at, (*path, "at"), count)
