"""Runs of a document: clean, or look again."""

from __future__ import annotations

from array import array
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from mgraph.codec.binary import from_little
from mgraph.graph.numbers import canonical, doubles
from mgraph.graph.pack import hash_of
from mgraph.ops import INPUT, PARAM
from mgraph.runs import Numbers, Run, Tolerance
from mgraph.schema.fields import FIELDS, is_short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mgraph.codec import Reading
    from mgraph.graph.columns import Columns

SETTABLE: Final = (INPUT, PARAM)
"""The leaves that a run can give another value."""


def runs_from(document: Mapping[str, Any], graph: Columns, reading: Reading) -> list[Run] | None:
    """Read the runs of a document whose nodes are clean; None means: look again."""
    rows = document.get("runs", [])
    if type(rows) is not list or len(rows) > reading.limits.runs:
        return None
    is_packed = isinstance(document["nodes"], dict)
    outputs = dict.fromkeys(graph.ids[i] for i in graph.outputs)
    unbound = [graph.ids[i] for i in graph.unbound()]
    try:
        runs = [_run(row, graph, reading, is_packed=is_packed) for row in rows]
        return runs if all(_fits(run, outputs, unbound) for run in runs) else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _run(row: dict[str, Any], graph: Columns, reading: Reading, *, is_packed: bool) -> Run:
    """Read one run.

    Raises:
        ValueError: Something is not clean; also KeyError, TypeError, AttributeError.
    """
    bare = reading.is_binary
    read = _packed_numbers if is_packed else partial(_numbers, bare=bare)
    run = Run(
        data=read(row["data"], graph) if "data" in row else None,
        grad=read(row["grad"], graph) if "grad" in row else None,
        inputs=_few_numbers(row.get("inputs", {}), bare=bare),
        seed=_few_numbers(row.get("seed", {}), bare=bare),
        tolerance=_tolerance(row["tolerance"]) if "tolerance" in row else None,
        origin=row.get("origin", ""),
        graph=row.get("graph", ""),
    )
    clean = (
        all(key in _RUN_FIELDS for key in row)
        and is_short(run.origin, reading.limits.text)
        and all(graph.op(graph.index[name]) in SETTABLE for name in run.inputs)
        and all(isfinite(x) and type(row["seed"][k]) is not str for k, x in run.seed.items())
        and ("graph" not in row or run.graph == hash_of(graph))
    )
    if not clean:
        raise ValueError
    return run


_RUN_FIELDS: Final = FIELDS["run"]


def _fits(run: Run, outputs: Mapping[str, None], unbound: Sequence[str]) -> bool:
    """Whether a run seeds outputs only, one at least, and gives every input a value."""
    return (
        all(name in outputs for name in run.seed)
        and (bool(run.seed) or len(outputs) == 1)
        and all(name in run.inputs for name in unbound)
    )


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
    plain = all(type(x) in (float, int) and x >= 0 for x in members.values())
    if not plain or not all(map(isfinite, values.values())):
        raise ValueError
    return Tolerance(**values)
