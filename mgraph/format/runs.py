"""The runs of a file: reading them, and finding their faults."""

from __future__ import annotations

from array import array
from functools import partial
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from mgraph.codec.binary import from_little
from mgraph.errors import REPORTED, Diagnostic, Path, quoted
from mgraph.format.fields import FIELDS
from mgraph.format.ids import are_ids
from mgraph.format.numbers import canonical, doubles
from mgraph.format.packed.column import index_faults, read_column, wrong_length
from mgraph.format.texts import is_short
from mgraph.graph.run import EXACT_MATH, Numbers, Run, Tolerance
from mgraph.ops import INPUT, PARAM

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mgraph.codec import Limits, Reading
    from mgraph.format.nodes import KnownIds
    from mgraph.graph.columns import Columns

SETTABLE: Final = (INPUT, PARAM)
"""The leaves that a run can set."""


class _Declared(NamedTuple):
    """A graph, its outputs, and its inputs without data, which runs refer to."""

    graph: Columns
    outputs: Mapping[str, None]
    unbound: Sequence[str]


def _declared(graph: Columns) -> _Declared:
    outputs = dict.fromkeys(graph.output_ids)
    return _Declared(graph, outputs, [graph.ids[i] for i in graph.unbound()])


def runs_from(document: Mapping[str, Any], graph: Columns, reading: Reading) -> list[Run] | None:
    """Read the runs of a document whose nodes are clean; None if any run is not."""
    entries = document.get("runs", [])
    if type(entries) is not list or len(entries) > reading.limits.runs:
        return None
    is_packed = isinstance(document["nodes"], dict)
    try:
        runs = [_run(entry, graph, reading, is_packed=is_packed) for entry in entries]
        return runs if runs_are_clean(runs, graph, reading.limits) else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def runs_are_clean(runs: Sequence[Run], graph: Columns, limits: Limits) -> bool:
    """Whether runs, whose data and grad are over the graph, may be in its file.

    Raises:
        KeyError: An input is not a node; TypeError: a field has the wrong type.
    """
    declared = _declared(graph)
    return len(runs) <= limits.runs and all(_is_clean(run, declared, limits) for run in runs)


def _is_clean(run: Run, declared: _Declared, limits: Limits) -> bool:
    """Whether a run sets only leaves, seeds only outputs, and leaves no input without a value."""
    graph = declared.graph
    return (
        is_short(run.origin, limits.text)
        and all(graph.op(graph.index[name]) in SETTABLE for name in run.inputs)
        and all(name in run.inputs for name in declared.unbound)
        and all(name in declared.outputs and isfinite(x) for name, x in run.seed.items())
        and (bool(run.seed) or len(declared.outputs) == 1)
        and (run.tolerance is None or _is_tolerance(run.tolerance))
        and run.graph in ("", graph.hash)
        and (not run.math or run.math == EXACT_MATH)
    )


def _is_tolerance(tolerance: Tolerance) -> bool:
    parts = [part for part in (tolerance.rel, tolerance.abs) if part is not None]
    return all(isfinite(part) and part >= 0.0 for part in parts)


def _run(entry: dict[str, Any], graph: Columns, reading: Reading, *, is_packed: bool) -> Run:
    """Read one run.

    Raises:
        ValueError: Something is not clean; also KeyError, TypeError, AttributeError.
    """
    bare = reading.is_binary
    read = _packed_numbers if is_packed else partial(_numbers, bare=bare)
    clean = (
        all(key in _RUN_FIELDS for key in entry)
        and all(type(x) is not str for x in entry.get("seed", {}).values())
        and ("graph" not in entry or bool(entry["graph"]))
        and ("math" not in entry or entry["math"] == EXACT_MATH)
    )
    if not clean:
        raise ValueError
    return Run(
        data=read(entry["data"], graph) if "data" in entry else None,
        grad=read(entry["grad"], graph) if "grad" in entry else None,
        inputs=_few_numbers(entry.get("inputs", {}), bare=bare),
        seed=_few_numbers(entry.get("seed", {}), bare=bare),
        tolerance=_tolerance(entry["tolerance"]) if "tolerance" in entry else None,
        origin=entry.get("origin", ""),
        graph=entry.get("graph", ""),
        math=entry.get("math", ""),
    )


_RUN_FIELDS: Final = FIELDS["run"]


def _few_numbers(members: dict[str, Any], *, bare: bool = False) -> dict[str, float]:
    values = doubles(members.values(), bare=bare)
    if values is None or type(members) is not dict:
        raise ValueError
    return dict(zip(members, values, strict=True))


def _numbers(members: dict[str, Any], graph: Columns, *, bare: bool) -> Numbers:
    values = doubles(members.values(), bare=bare)
    if values is None or type(members) is not dict:
        raise ValueError
    at = array("I", map(graph.index.__getitem__, members))
    if not graph.passes.ascends(at, len(graph)):
        pairs = sorted(zip(at, values, strict=True))
        at, values = array("I", [i for i, _ in pairs]), array("d", [x for _, x in pairs])
    return Numbers(graph, at, values)


def _packed_numbers(column: dict[str, Any], graph: Columns) -> Numbers:
    values = from_little("d", column.get("value", b""))
    at = None if values and "at" not in column else from_little("I", column.get("at", b""))
    known = len([key for key in ("at", "value") if key in column])
    count = len(graph) if at is None else len(at)
    ascends = graph.passes.ascends
    clean = (
        known == len(column) and count == len(values) and (at is None or ascends(at, len(graph)))
    )
    if not clean or (column and not values):
        raise ValueError
    return Numbers(graph, at, canonical(values))


def _tolerance(members: dict[str, Any]) -> Tolerance:
    values = _few_numbers(members)
    if not all(type(x) in (float, int) for x in members.values()):
        raise ValueError
    return Tolerance(**values)


# --- faults ----------------------------------------------------------------------------------


def run_faults(
    document: Mapping[str, Any], names: KnownIds, graph: Columns | None
) -> Iterator[Diagnostic | int]:
    """Find what is wrong with the runs, apart from their shape.

    Args:
        document: Plain data of the current version.
        names: Its ids.
        graph: Its graph; None if the graph itself has faults.

    Yields:
        Diagnostics; an integer is the number of further ones, not listed.
    """
    runs, outputs = document.get("runs"), document.get("outputs")
    known = {name: None for name in _list(outputs) if isinstance(name, str)}
    unbound = dict.fromkeys(_unbound(document, graph))
    missing = 0
    for i, run in enumerate(_list(runs)):
        if not isinstance(run, dict):
            continue
        path = ("runs", i)
        yield from _input_faults(run.get("inputs"), path, names)
        inputs = run.get("inputs", {})
        if isinstance(inputs, dict):
            absent = len(unbound) - sum(name in unbound for name in inputs)
            listed = min(absent, max(0, REPORTED - missing))
            yield from islice(_missing_inputs(inputs, path, unbound), listed)
            yield absent - listed
            missing += absent
        if isinstance(outputs, list):
            yield from _seed_faults(run, path, names, outputs, known)
        for field in ("data", "grad"):
            if isinstance(document.get("nodes"), list):
                yield from _name_faults(run.get(field), (*path, field), names)
            elif names.count:
                yield from _column_faults(run.get(field), (*path, field), names)
        if graph is not None and "graph" in run:
            yield from _hash_faults(run["graph"], (*path, "graph"), graph.hash)


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _name_faults(members: object, path: Path, names: KnownIds) -> Iterator[Diagnostic]:
    """Report the ids that are not nodes."""
    for name in members if isinstance(members, dict) else ():
        yield from names.unknown("run-node", name, (*path, name), "the run names")


def _input_faults(members: object, path: Path, names: KnownIds) -> Iterator[Diagnostic]:
    path = (*path, "inputs")
    yield from _name_faults(members, path, names)
    for name in members if isinstance(members, dict) else ():
        if name in names.first and not names.leaves.get(name, False):
            message = f"a run can't set {quoted(name)}: it is neither an input nor a param"
            fix = "set the leaves that it depends on"
            yield Diagnostic(
                "run-node", message, (*path, name), expected="an input or a param", fix=fix
            )


def _unbound(document: Mapping[str, Any], graph: Columns | None) -> list[str]:
    """Return the inputs without a declared value, as far as the document can be read."""
    if graph is not None:
        return [graph.ids[i] for i in graph.unbound()]
    return [
        node["id"]
        for node in _list(document.get("nodes"))
        if isinstance(node, dict)
        and node.get("op") == INPUT
        and "data" not in node
        and isinstance(node.get("id"), str)
    ]


def _missing_inputs(
    inputs: dict[str, Any], path: Path, unbound: Iterable[str]
) -> Iterator[Diagnostic]:
    return (no_value(name, path) for name in unbound if name not in inputs)


def no_value(name: str, path: Path = (), *, in_run: bool = True) -> Diagnostic:
    """Say that an input has no value; `in_run` if a run could give it one."""
    message = f"the input {quoted(name)} has no value"
    fix = 'give it "data" in its node'
    if in_run:
        name = _typed(name)
        fix += f', or a value in the run: --set {name}=1.0, or {{"{name}": 1.0}} in Python'
    return Diagnostic("unbound-input", message, path, expected="a value for every input", fix=fix)


def _typed(name: object) -> str:
    """Return an id as it is typed; "ID" for anything else that a file has there."""
    return name if isinstance(name, str) and are_ids([name]) else "ID"


def _seed_faults(
    run: dict[str, Any], path: Path, names: KnownIds, outputs: list[Any], known: Mapping[str, None]
) -> Iterator[Diagnostic]:
    seed = run.get("seed", {})
    if not isinstance(seed, dict):
        return
    if not seed and len(outputs) > 1:
        yield no_seed(outputs, path)
    for name in seed:
        yield from names.unknown("run-node", name, (*path, "seed", name), "the seed names")
        if name in names.first and name not in known:
            yield not_an_output(name, outputs, (*path, "seed", name))


def no_seed(outputs: list[Any], path: Path = ()) -> Diagnostic:
    """Say that there are several outputs, and nothing says which one to differentiate.

    Args:
        outputs: The outputs of the graph.
        path: Where the run is in a file; empty if it is asked for, and has no place yet.
    """
    name = _typed(outputs[0])
    if path:
        message = f"the graph has {len(outputs)} outputs, and the run seeds none of them"
        expected, fix = "a seed for at least one output", "seed one, for example "
        return Diagnostic("seed", message, path, expected, f'{fix}"seed": {{"{name}": 1}}')
    message = f"the graph has {len(outputs)} outputs, and nothing says which one to differentiate"
    fix = f'seed one, for example --seed {name}=1; in Python, seed={{"{name}": 1}}'
    return Diagnostic("seed", message, expected="an output to differentiate", fix=fix)


def not_an_output(name: str, outputs: list[Any], path: Path = ()) -> Diagnostic:
    """Say that only outputs can be seeded; see `no_seed`."""
    start = "the seed names" if path else "gradients can't start at"
    message = f"{start} {quoted(name)}, which is not an output"
    known = ", ".join(dict.fromkeys(_typed(output) for output in outputs[:5]))
    return Diagnostic("seed", message, path, expected=f"one of {known}")


def _hash_faults(stated: object, path: Path, actual: str) -> Iterator[Diagnostic]:
    if isinstance(stated, str) and stated != actual:
        message = "the run was recorded from another graph (declared leaf data count, too)"
        fix = "restore the graph, or remove the runs: mgraph convert FILE NEW --strip"
        yield Diagnostic("hash", message, path, expected=actual, fix=fix)


def _column_faults(column: object, path: Path, names: KnownIds) -> Iterator[Diagnostic]:
    """Find what is wrong with the packed numbers of a run."""
    count = names.count
    if not isinstance(column, dict) or any(key not in FIELDS["sparse"] for key in column):
        return  # its shape is wrong already
    at, values = read_column(column, "at", "I"), read_column(column, "value", "d")
    if at is None and isinstance(column["at"], bytes):
        yield wrong_length("at", column["at"], len(column["at"]) // 4 * 4, path)
    if values is None and isinstance(column["value"], bytes):
        yield wrong_length("value", column["value"], len(column["value"]) // 8 * 8, path)
    if at is None or values is None:
        return
    length = len(at) if "at" in column or not values else count
    if len(values) != length:
        yield wrong_length("value", column.get("value", b""), 8 * length, path)
    elif column and not values:
        message, name = "an empty column", next(iter(column))
        yield Diagnostic("packed", message, (*path, name), expected="no such column")
    yield from index_faults(at, (*path, "at"), count)
